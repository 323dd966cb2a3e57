# pgBackRest, with the configuration of docs/ha: a backup, and a restore to a point in time, after
# which the audit tells what the restored cluster does not know (A4, A7).
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $docs = "$FindBin::RealBin/../../../docs/ha";
# Before PostgreSQL 16 that is a relative path, as is that of a cluster.
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir);

my $node = new_node('backed_up', conf => <<'EOC');
wal_level = replica
archive_mode = on
archive_command = 'pgbackrest --stanza=main archive-push %p'
session_triggers.logoff_on = exit
session_triggers.logon_failure = reject
session_audit.database = 'postgres'
session_audit.log_to_server = on
EOC

# The printed configuration with this machine's directories. Whatever is replaced must be in it.
my $config = slurp_file("$docs/pgbackrest.conf");
my @changes = (
	[ '/var/lib/pgbackrest' => "$dir/repository" ],
	[ '/var/log/pgbackrest' => $dir ],
	[ '/var/lib/postgresql/data' => abs_path($node->data_dir) ],
	[ '/var/run/postgresql' => $node->host ],
	[ 'pg1-port=5432' => 'pg1-port=' . $node->port ]);
for my $change (@changes)
{
	$config =~ s/\Q$change->[0]\E/$change->[1]/ or die "docs/ha/pgbackrest.conf has no $change->[0]";
}
append_to_file("$dir/pgbackrest.conf", $config);
$ENV{PGBACKREST_CONFIG} = "$dir/pgbackrest.conf";
$ENV{PGBACKREST_LOCK_PATH} = "$dir/lock";

# What docs/ha.md prints for the restored cluster
my ($printed) = slurp_file("$docs/../ha.md") =~ /^cat >>\S+postgresql\.conf <<'END'\n(.*?)^END$/ms or die 'docs/ha.md prints no configuration';

# Runs pgBackRest, and returns what it says.
sub pgbackrest
{
	my (@arguments) = @_;
	delete local @ENV{qw(PGAPPNAME PGHOST PGPORT)};
	my $output = '';
	my $well = IPC::Run::run([ 'pgbackrest', '--stanza=main', '--log-level-console=info', @arguments ], '<', \undef, '>&', \$output);
	return ($well, $output);
}

# Does so, and expects it to work.
sub backrest_ok
{
	my ($title, @arguments) = @_;
	my ($well, $output) = pgbackrest(@arguments);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($well, $title) || diag($output);
}

$node->start;
my ($well, $output) = pgbackrest('stanza-create', '--no-online');
if ($output =~ /unexpected control version/)
{
	my $version = $node->safe_psql('postgres', 'SHOW server_version');
	$node->stop;
	plan skip_all => "this machine's pgBackRest does not know PostgreSQL $version";
}
ok($well, 'pgBackRest knows the cluster') or diag($output);

admin($node, 'postgres', 'CREATE DATABASE app');
admin($node, 'postgres', slurp_file("$docs/backup.sql"));
admin($node, 'app', 'CREATE ROLE alice LOGIN');
# With "reject", this would keep others than superusers from the database of the backup.
admin($node, 'postgres', <<'EOS');
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'nobody gets in'; END$$;
CREATE EVENT TRIGGER fail ON after_user_logon EXECUTE FUNCTION fail();
EOS
my $rejected = connect_raw($node, user => 'alice', database => 'postgres');
is(($rejected->messages)[-1]{type}, 'E', 'S: a trigger that fails rejects users');
backrest_ok('S: but not the check of pgBackRest', 'check');
admin($node, 'postgres', 'DROP EVENT TRIGGER fail');

# Waits until all that has happened is in the log. Ends are written soon afterward.
sub wait_until_written { return wait_until($_[0], 'postgres', 'SELECT pending FROM session_audit.state()', '0'); }

# The rows of a session in the log, and those of a session in the server's log
sub rows
{
	my ($on, $session, $columns) = @_;
	wait_until_written($on);
	return admin($on, 'postgres', 'SELECT ' . ($columns // 'event') . q{ FROM session_audit.log WHERE login_user = 'alice' AND split_part(session_id, '.', 2) = to_hex(} . $session->pid . ') ORDER BY at, event');
}

# As Patroni writes the file. The server does not read it again, and no standby confirms anything.
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'node2'\nhba_file = '/nonexistent/pg_hba.conf'\nident_file = '/nonexistent/pg_ident.conf'\nlog_directory = '/nonexistent'");

my $before = open_session($node, 'alice');
$before->quit;
my $early = open_session($node, 'alice');
backrest_ok('a backup', 'backup', '--type=full');
my $stopped = admin($node, 'app', 'SELECT clock_timestamp()');
is(admin($node, 'postgres', q{SELECT string_agg(DISTINCT event, ' ' ORDER BY event) FROM session_audit.log WHERE login_user = 'backup'}), 'logoff logon', 'A1: who made it is in the log');

my $ended = open_session($node, 'alice');
$ended->quit;
my $open = open_session($node, 'alice');
wait_until_written($node);
# pgBackRest knows when the backup ended to the second.
wait_until($node, 'app', "SELECT clock_timestamp() >= '$stopped'::timestamptz + interval '1 second'");
my $target = admin($node, 'app', 'SELECT clock_timestamp()');
$open->quit;
$early->quit;
my $later = open_session($node, 'alice');
$later->quit;
is(rows($node, $_), "logon\nlogoff", 'A4: each session has ended in order') for $before, $early, $ended, $open, $later;
admin($node, 'app', 'SELECT pg_switch_wal()');
$node->stop;

my $restored = PostgreSQL::Test::Cluster->new('restored');
backrest_ok('a restore', 'restore', '--type=time', "--target=$target", '--target-action=promote', '--pg1-path=' . abs_path($restored->basedir) . '/pgdata');
my $data_dir = abs_path($restored->data_dir);
$printed =~ s,/var/lib/postgresql/restored,$data_dir,g or die 'docs/ha.md prints another directory';
$restored->append_conf('postgresql.conf', $printed);
$restored->append_conf('postgresql.conf', "port = @{[$restored->port]}\nunix_socket_directories = '@{[$restored->host]}'");
my $restored_at = time;
$restored->start;
ok(wait_until($restored, 'app', 'SELECT pg_is_in_recovery()', 'f'), 'up to the point in time');
ok(wait_until($restored, 'postgres', q{SELECT count(*) FROM session_audit.log WHERE event = 'lost' AND login_user = 'alice'}, '2'), 'A7: sessions that were open then are lost');
is(rows($restored, $_), "logon\nlogoff", 'A4: sessions that had ended by then are not') for $before, $ended;
is(rows($restored, $_, "event, ended_by, at > '$target', extract(epoch FROM at) >= $restored_at"), "logon||f|f\nlost|crash|t|t", 'A7: their end is when the cluster was restored')
  for $early, $open;
is(rows($restored, $later), '', 'sessions after that are in the server log alone');
my $id = sprintf '"session_id": "[0-9a-f]+\.%x"', $later->pid;
like(slurp_file($node->logfile), qr/"event": "$_", $id/, "A5: with their $_") for qw(logon logoff);
is(admin($restored, 'postgres', "SELECT count(*) FROM session_audit.log WHERE at > '$target' AND extract(epoch FROM at) < $restored_at"), '0', 'A7: nothing is between the two times');
my $next = open_session($restored, 'alice');
$next->quit;
is(rows($restored, $next), "logon\nlogoff", 'A1: the restored cluster is audited');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM session_audit.status() WHERE last_error IS NULL'), '1', 'A7: its keeper is well');

log_is_clean($_, 'F12: nothing is left behind') for $node, $restored;
$restored->stop;
done_testing();
