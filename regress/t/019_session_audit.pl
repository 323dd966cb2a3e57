# The extension session_audit: what it records of each session, and who may read it
# (section A), how the ends of table X look there, and what the rules F2, F3, and E9
# mean for it.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('audit', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
restart_after_crash = on
max_prepared_transactions = 0
EOC
$node->start;
my $major = int($node->pg_version);
admin($node, 'postgres', $_) for 'CREATE DATABASE app', 'CREATE DATABASE plain';
admin($node, 'app', <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE root LOGIN SUPERUSER;
GRANT CREATE ON DATABASE app TO alice;
CREATE SCHEMA work AUTHORIZATION alice;
CREATE TABLE work.fired (id int GENERATED ALWAYS AS IDENTITY, line text);
EOS
my $root = open_quiet_session($node);

# Runs statements in the superuser's session, and returns its errors.
sub errors
{
	my ($sql) = @_;
	return join "\n", map { "$_->{C}: $_->{M}" } grep { $_->{type} eq 'E' } $root->query($sql);
}

# Does the same for statements that are to succeed.
sub run
{
	my ($sql) = @_;
	is(errors($sql), '', 'done: ' . substr($sql =~ s/\s+/ /gr, 0, 60));
	return;
}

# The condition on the log for the rows of a client's session.
sub is_of
{
	my ($client) = @_;
	return q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
}

# Returns these columns of the rows that a client's session has left in a database.
sub rows_in
{
	my ($database, $client, $columns) = @_;
	return admin($node, $database,
		"SELECT $columns FROM session_audit.log WHERE " . is_of($client) . q{ ORDER BY event = 'logoff'});
}

sub rows
{
	my ($client, $columns) = @_;
	return rows_in('app', $client, $columns // 'event');
}

# Opens a session of a role, ends it as clients do, and returns it.
sub one_session
{
	my ($role, %params) = @_;
	my $client = open_session($node, $role, %params);
	$client->quit;
	return $client;
}

my $both = "logon\nlogoff";

### The extension

subtest 'A1: CREATE EXTENSION and DROP EXTENSION' => sub {
	my $older = open_session($node, 'alice');
	like(($older->query('CREATE EXTENSION session_audit'))[0]->{M},
		qr/^permission denied to create extension "session_audit"$/, 'A1: only superusers create it');
	run('CREATE EXTENSION session_audit');
	is(errors('CREATE EXTENSION session_audit'), '42710: extension "session_audit" already exists',
		'A1: it is created once');
	$older->quit;
	is(rows($older, 'event, ended_by, logon_at < at'), 'logoff|client|t',
		'A1, E9: a session that is older than the extension leaves its logoff');
	is(rows(one_session('alice')), $both, 'A1: a role without any right on the log leaves both rows');
	is(rows(one_session('root', options => '-c session_replication_role=replica')),
		$both, 'A1: so does a session with session_replication_role = replica');
	is(rows(one_session('root', options => '-c session_triggers.enabled=off')),
		'', 'A1, S: a session in which no trigger fires leaves nothing');

	my $open = open_session($node, 'alice');
	my $position = log_position($node);
	run('DROP EXTENSION session_audit');
	is_deeply([ $open->quit ], [], 'A1: a session that is older than DROP EXTENSION ends');
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } connect_as($node, 'alice')->ready ],
		[], 'A1: sessions start after DROP EXTENSION');
	is(join("\n", log_lines($node, $position, $open)), '', 'A1: the log has no error');
	$open = open_session($node, 'alice');
	run('CREATE EXTENSION session_audit');
	$open->quit;
	is(rows($open), 'logoff', 'A1: it can be created again');
	is(rows(one_session('alice')), $both, 'A1: the new one records');
};

subtest 'A1: template1' => sub {
	admin($node, 'template1', 'CREATE EXTENSION session_audit');
	admin($node, 'postgres', 'CREATE DATABASE made');
	admin($node, 'template1', 'DROP EXTENSION session_audit');
	my $client = connect_raw($node, user => 'alice', database => 'made');
	$client->ready;
	$client->quit;
	is(rows_in('made', $client, 'event, database'), "logon|made\nlogoff|made",
		'A1: a database that was made from template1 is covered');
	admin($node, 'postgres', 'DROP DATABASE made');
};

### The columns

subtest 'A2: one row for each event' => sub {
	my $client = open_session($node, 'alice', application_name => 'at the start');
	$client->query(q{SET application_name = 'at the end'});
	my $id = $client->query(q{SELECT to_hex(trunc(extract(epoch FROM backend_start))::bigint) || '.' || to_hex(pid) FROM pg_stat_activity WHERE pid = pg_backend_pid()});
	$client->quit;
	is( rows($client, "event, session_id, login_user, database, auth_method, system_identity, client_addr, client_port, application_name, encryption, instance_num, ended_by, sqlstate, count"),
		"logon|$id|alice|app|trust|||" . "|at the start||1|||1\nlogoff|$id|alice|app|trust|||" . "|at the end||1|client||1",
		'A2: over a Unix socket');
	is(rows($client, 'count(*) OVER (), cpu IS NULL, blocks_hit IS NULL, blocks_read IS NULL, blocks_written IS NULL, temp_blocks IS NULL, wal_bytes IS NULL'),
		"2|t|t|t|t|t|t\n2|f|f|f|f|f|f", 'A2: what the session used is in the row of its end');
	is(rows($client, 'at = logon_at, at > logon_at'), "t|f\nf|t",
		'A2: the row of the logon has its own time as logon_at');
	ok(admin($node, 'app', 'SELECT max(at) BETWEEN now() - interval \'1 minute\' AND now() FROM session_audit.log') eq 't',
		'A2: the time is that of the clock');
};

$root->quit;
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');

done_testing();
