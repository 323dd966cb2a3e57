# The lines of the session audit from one server to files on another, and from there into a database,
# by the configuration that is installed as examples (rule A13).
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::RealBin/..";
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $rsyslogd = (grep { -x } '/usr/sbin/rsyslogd', '/sbin/rsyslogd')[0];
plan skip_all => 'rsyslogd is not installed' unless $rsyslogd;
plan skip_all => 'rsyslog-relp is not installed' unless glob '/usr/lib/*/rsyslog/imrelp.so';

my $files = "$FindBin::RealBin/../../../extensions/session_audit";
# Before PostgreSQL 16 that is a relative path, as is that of a cluster.
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir);
mkdir "$dir/$_" for qw(records node center);

my $node = new_node('logged', conf => <<'EOC');
session_audit.database = 'postgres'
session_audit.log_to_server = on
logging_collector = on
log_destination = 'jsonlog'
EOC
$node->start;
my $evil = "a'b\"c\\d\$e %s\n\t{}\xc3\xa9\xf0\x9f\x98\x80";
my $quoted = '"' . ($evil =~ s/"/""/gr) . '"';
create_app($node, "CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER; CREATE ROLE $quoted LOGIN");
admin($node, 'postgres', 'CREATE DATABASE fleet');
$node->safe_psql('fleet', slurp_file("$files/session_audit_center.sql"), extra_params => [ '--set' => 'ON_ERROR_STOP=1' ]);
admin($node, 'fleet', 'ALTER ROLE session_audit_writer SET session_audit.enabled = off');
wait_for_writer($node);

# The configuration with addresses and paths of this test. Whatever is replaced must be in it.
sub configure
{
	my ($name, %changes) = @_;
	my $text = slurp_file("$files/session_audit_$name.conf");
	for my $change (keys %changes)
	{
		$text =~ s/\Q$change\E/$changes{$change}/g or die "session_audit_$name.conf has no $change";
	}
	append_to_file("$dir/$name.inc", $text);
	append_to_file("$dir/$name.conf", qq{global(workDirectory="$dir/$name" localHostname="$name")\n}
		  . ($name eq 'center' ? qq{include(file="$files/session_audit_formats.conf")\n} : '') . qq{include(file="$dir/$name.inc")\n});
	my $complaints = '';
	ok(IPC::Run::run([ $rsyslogd, '-N1', '-f', "$dir/$name.conf" ], '<', \undef, '>&', \$complaints), "rsyslogd accepts session_audit_$name.conf")
	  or diag($complaints);
	return;
}

my $port = PostgreSQL::Test::Cluster::get_free_port();
configure('node', '/var/log/postgresql/' => abs_path($node->data_dir) . '/log/', 'center.example.org' => '127.0.0.1', 'port="2514"' => qq{port="$port"}, 'resumeInterval="5"' => 'resumeInterval="1"');
configure('center', '/var/log/session_audit/' => "$dir/records/", 'port="2514"' => qq{port="$port"});
my $output = '';
my %running;

sub start
{
	my ($name) = @_;
	$running{$name} = IPC::Run::start([ $rsyslogd, '-n', '-f', "$dir/$name.conf", '-i', "$dir/$name.pid" ], '<', \undef, '>&', \$output);
	return;
}

sub stop
{
	my ($name) = @_;
	$running{$name}->signal('TERM');
	$running{$name}->finish;
	delete $running{$name};
	return;
}

END
{
	my $status = $?;
	stop($_) for keys %running;
	$? = $status;
}

# The lines of the files of a kind
sub lines
{
	my ($kind) = @_;
	return map { split /\n/, slurp_file($_) } grep { m{/node\.\d{4}-\d\d-\d\d\Q$kind\E$} } glob "$dir/records/*";
}

# The records of the server, as it has logged them
sub records
{
	return map { /^\{"at": "/ ? $_ : () } map { JSON::PP->new->utf8->decode($_)->{message} // '' } map { split /\n/, slurp_file($_) } glob $node->data_dir . '/log/*.json';
}

# The different ones of these lines that are about sessions. The test itself, which looks at the
# server without leaving those, leaves others.
sub of_sessions
{
	my %different = map { $_ => 1 } grep { /"event": "log(?:on|off)"/ } @_;
	my @sorted = sort keys %different;
	return @sorted;
}

# Waits until the files have all that the server has logged, and tests that they have nothing else.
sub all_there
{
	my ($title) = @_;
	my @records = of_sessions(records());
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	poll_until(sub { return of_sessions(lines('.json')) >= @records });
	return is(join("\n", of_sessions(lines('.json'))), join("\n", @records), $title);
}

sub one_session
{
	my ($role) = @_;
	my $client = open_session($node, $role);
	$client->quit;
	# Its line is there before its process ends.
	wait_for_exit($node, $client);
	return;
}

start($_) for qw(center node);
one_session('alice');
my $client = connect_raw($node, user => $evil, database => 'app', application_name => $evil, tcp => '127.0.0.1');
$client->ready;
my $imitation = '{"at": "2026-01-01T00:00:00+00:00", "event": "logon"}';
$client->query("DO \$\$ BEGIN RAISE LOG '%', '$imitation'; END \$\$");
$client->quit;
wait_for_exit($node, $client);
all_there('A13: the records of the server are on the center, and nothing else');
ok(poll_until(sub { my $count = lines('.json'); return lines('.ecs.json') == $count && lines('.ocsf.json') == $count }), 'A13: each as ECS and OCSF, too');
is((grep { $_->{host}{name} ne 'node' } map { JSON::PP->new->utf8->decode($_) } lines('.ecs.json')), 0, 'A13: with the name of the server');

# While the center is away, and when it is back
stop('center');
one_session('alice') for 1 .. 5;
start('center');
one_session('alice');
all_there('A13: what a center has missed comes later');

# Into a database
sub load
{
	my ($errors) = ('');
	local $ENV{PGHOST} = $node->host;
	my $loaded = IPC::Run::run([ $^X, "$files/session_audit_load.pl", "$dir/records", 'user=session_audit_writer dbname=fleet port=' . $node->port ], '<', \undef, '>&', \$errors);
	return ($loaded, $errors);
}

sub stored { return admin($node, 'fleet', q{SELECT count(*) || ' ' || count(*) FILTER (WHERE server = 'node') FROM session_audit_center.log WHERE event IN ('logon', 'logoff')}); }

my ($loaded, $errors) = load();
ok($loaded, 'A13: the files are loaded') or diag($errors);
my $different = of_sessions(records());
is(stored(), "$different $different", 'A13: each record is there once');
one_session('alice');
all_there('A13: more have come');
append_to_file((grep { m{/node\.[^.]*\.json$} } glob "$dir/records/*")[0], "{\"at\": \"broken\"}\n{\"at\": \"");
load();
$different += 2;
is(stored(), "$different $different", 'A13: what is new is loaded');
is(admin($node, 'fleet', 'SELECT server, line FROM session_audit_center.others'), 'node|{"at": "broken"}', 'A13: what is no record does not stop it');
unlink glob "$dir/records/*.loaded";
load();
is(stored(), "$different $different", 'A13: what is loaded again is there once');
# What docs/fleet.md says for records that got lost on the way
stop('node');
ok(unlink(glob "$dir/node/imfile-state*") > 0, 'there is a state to remove');
start('node');
ok(poll_until(sub { my $copies = grep { /"event": "logon"/ } lines('.json'); my $logons = grep { /"event": "logon"/ } of_sessions(records()); return $copies >= 2 * $logons }), 'A13: all records are sent again');
load();
is(stored(), "$different $different", 'A13: which changes nothing in the database');
is( admin($node, 'fleet', 'SELECT string_agg(DISTINCT login_user, \' \') FROM session_audit_center.log WHERE client_addr IS NOT NULL'), $evil, 'A13: hostile names are whole');
is( admin($node, 'fleet', q{SELECT string_agg(concat_ws('|', at, event, session_id, login_user, logon_at, ended_by, cpu, wal_bytes), ' ' ORDER BY at, event DESC) FROM session_audit_center.log WHERE event IN ('logon', 'logoff')}),
	admin($node, 'postgres', q{SELECT string_agg(concat_ws('|', at, event, session_id, login_user, logon_at, ended_by, cpu, wal_bytes), ' ' ORDER BY at, event DESC) FROM session_audit.log WHERE event IN ('logon', 'logoff')}),
	'A13: the database has what the log of the server has');
my $writer = connect_raw($node, user => 'session_audit_writer', database => 'fleet');
$writer->ready;
for my $statement ('SELECT FROM session_audit_center.lines', 'DELETE FROM session_audit_center.lines', 'SELECT FROM session_audit_center.log')
{
	my ($error) = grep { $_->{type} eq 'E' } $writer->query($statement);
	is($error->{C}, '42501', "A13: who loads cannot: $statement");
}
$writer->quit;

stop($_) for keys %running;
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
