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
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
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

### How a session ends

# A trigger of somebody else's, which tells in the table "fired" that it fires.
sub other_trigger
{
	my ($name, $event, $body, $declare) = @_;
	run('CREATE OR REPLACE FUNCTION ' . "$name() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
		  . " AS \$\$ BEGIN IF polar_login_user <> 'alice' THEN RETURN; END IF; $body END \$\$");
	run("CREATE EVENT TRIGGER $name ON $event EXECUTE FUNCTION $name()");
	return;
}

sub terminate { $root->query('SELECT pg_terminate_backend(' . $_[0]->pid . ')'); return; }

# Lets the session wait for the lock that $root holds.
sub block
{
	my ($client) = @_;
	$client->send_query('SELECT pg_advisory_lock(42)');
	ok(wait_for_event($node, $client, 'advisory'), 'the query waits for the lock');
	return;
}

# Lets the server send more than the client reads.
sub flood
{
	my ($client, $sql) = @_;
	$client->send_query($sql);
	ok(wait_for_event($node, $client, 'ClientWrite'), 'the server waits for the client to read');
	return;
}

my $rows_of_x = q{SELECT repeat('x', 1000) FROM generate_series(1, 1000000)};
my @ends = (
	# name; whether other triggers fire with logoff_on = client; ended_by and
	# sqlstate; and how to end the session
	[ 'Terminate', 1, 'client|', sub { $_[0]->quit } ],
	[ 'Terminate in a failed transaction', 1, 'client|', sub { $_[0]->try_query('BEGIN; SELECT 1/0'); $_[0]->quit } ],
	[ 'end of file while idle', 1, 'client_lost|', sub { $_[0]->drop } ],
	[ 'end of file in a transaction', 1, 'client_lost|', sub { $_[0]->query('BEGIN; SELECT 1'); $_[0]->drop } ],
	[   'connection broken in a query', 0, 'client_lost|08006',
		sub { $_[0]->query('SET client_connection_check_interval = 10'); block($_[0]); $_[0]->drop } ],
	[   'connection broken while a result is sent', 0, 'client_lost|08006',
		sub { flood($_[0], $rows_of_x); $_[0]->drop } ],
	[   'connection broken in COPY TO STDOUT', 0, 'client_lost|08006',
		sub { flood($_[0], "COPY ($rows_of_x) TO STDOUT"); $_[0]->drop } ],
	[ 'pg_terminate_backend', 0, 'terminated|57P01', sub { terminate(@_) } ],
	[ 'pg_terminate_backend in a query', 0, 'terminated|57P01', sub { block($_[0]); terminate(@_) } ],
	[ 'idle_session_timeout', 0, 'idle_session_timeout|57P05', sub { $_[0]->query('SET idle_session_timeout = 10') } ],
	[   'idle_in_transaction_session_timeout', 0, 'idle_in_transaction_session_timeout|25P03',
		sub { $_[0]->query('SET idle_in_transaction_session_timeout = 10; BEGIN') } ],
	[ 'exit_on_error', 0, 'fatal|22012', sub { $_[0]->query('SET exit_on_error = on'); $_[0]->try_query('SELECT 1/0') } ],
	[ 'a violation of the protocol', 0, 'fatal|08P01', sub { $_[0]->send_message('!', ''); $_[0]->messages } ]);
push @ends,
  [ 'transaction_timeout', 0, 'transaction_timeout|25P04',
	sub { $_[0]->try_query($_) for 'SET transaction_timeout = 10', 'SELECT pg_advisory_lock(42)' } ],
  [ 'transaction_timeout while idle', 0, 'transaction_timeout|25P04',
	sub { $_[0]->try_query('SET transaction_timeout = 10; BEGIN') } ]
  if $major >= 17;

subtest 'X, A4: every end but those that leave no time' => sub {
	other_trigger('zz_logoff', 'before_user_logoff', q{INSERT INTO public.fired (line) VALUES ('fired');});
	$root->query('SELECT pg_advisory_lock(42)');
	for (@ends)
	{
		my ($name, $fires, $ended_by, $end) = @$_;
		my $client = open_session($node, 'alice');
		$end->($client);
		ok(wait_for_exit($node, $client), "$name: the session ends");
		is(rows($client, 'event, ended_by, sqlstate'), "logon||\nlogoff|$ended_by", "A2, X: $name");
		is(take_rows($node), $fires ? 'fired' : '',
			"A4, X: $name: another trigger " . ($fires ? 'fires' : 'does not fire'));
	}
	admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logoff_on = exit');
	my $client = open_session($node, 'alice');
	terminate($client);
	ok(wait_for_exit($node, $client), 'exit: the session ends');
	is(rows($client, 'event, ended_by'), "logon|\nlogoff|terminated", 'X: exit: the audit records the end once');
	is(take_rows($node), 'fired', 'X: exit: the other trigger fires as well');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logoff_on');
	$root->query('SELECT pg_advisory_unlock(42)');
};

# Returns what the view says of the session.
sub state_of
{
	my ($client) = @_;
	return admin($node, 'app', 'SELECT state FROM session_audit.sessions WHERE ' . is_of($client));
}

subtest 'X, A3: the ends of the server' => sub {
	my @clients = map { open_session($node, 'alice') } 1 .. 2;
	$clients[1]->query('BEGIN; SELECT 1');
	is(state_of($clients[1]), 'active', 'A3: a session that runs is active');
	$root->quit;
	$node->stop('fast');
	$node->start;
	is(rows($_, 'event, ended_by, sqlstate'), "logon||\nlogoff|shutdown|57P01", 'X: a fast shutdown') for @clients;
	is(take_rows($node), '', 'A4, X: another trigger does not fire at a fast shutdown');

	my $client = open_session($node, 'alice');
	my $shutdown = start_smart_shutdown($node);
	$client->send_terminate;
	ok(finish_shutdown($node, $shutdown), 'X: a smart shutdown completes');
	$node->start;
	is(rows($client, 'event, ended_by'), "logon|\nlogoff|client", 'X: a client that leaves during a smart shutdown');

	$client = open_session($node, 'alice');
	my $position = log_position($node);
	kill KILL => $client->pid;
	ok($node->wait_for_log(qr/all server processes terminated; reinitializing/, $position),
		'a SIGKILL restarts the server');
	ok(wait_until_ready($node), 'the server accepts connections again');
	is(rows($client), 'logon', 'X: SIGKILL leaves no logoff');
	is(state_of($client), 'lost', 'A3: the session is lost');

	$client = open_session($node, 'alice');
	$node->stop('immediate');
	$node->start;
	is(rows($client), 'logon', 'X: an immediate shutdown leaves no logoff');
	is(state_of($client), 'lost', 'A3: the session is lost');
	$root = open_quiet_session($node);
	run('DROP EVENT TRIGGER zz_logoff; TRUNCATE fired');
};

### Other triggers

subtest 'F1, F2: other triggers of the same firing' => sub {
	my $note = q{INSERT INTO public.fired (line) SELECT 'rows: ' || count(*) FROM session_audit.log } .
	  q{WHERE session_id LIKE '%.' || to_hex(pg_backend_pid());};
	other_trigger('a_first', 'after_user_logon', $note);
	other_trigger('z_last', 'after_user_logon', $note);
	is(rows(one_session('alice')), $both, 'F1: the audit records beside other triggers');
	is(take_rows($node), "rows: 0\nrows: 1", 'F1: triggers run in order of name, the audit\'s by its own');

	other_trigger('zz_fails', 'after_user_logon', q{RAISE EXCEPTION 'no' USING ERRCODE = 'P0042';});
	my $client = connect_as($node, 'alice');
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [$WARNING], 'F3: the client is warned');
	$client->quit;
	is(rows($client), 'logoff', 'F2: a later trigger that fails takes the row of the logon with it');
	is(rows(one_session('root')), $both, 'F2: other sessions are not concerned');

	my $alice = sub { return admin($node, 'app', q{SELECT count(*) FROM session_audit.log WHERE login_user = 'alice'}); };
	my $before = $alice->();
	admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logon_failure = reject');
	$client = connect_as($node, 'alice');
	is(($client->messages)[-1]->{C}, 'P0042', 'the logon is rejected');
	wait_for_exit($node, 'alice');
	is($alice->(), $before, 'F2: a rejected logon leaves no row');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_failure');
	run("DROP EVENT TRIGGER $_") for qw(a_first z_last zz_fails);
	run('TRUNCATE fired');
};

### What a session uses

# Returns the counter of this name that EXPLAIN gives for a command.
sub explained
{
	my ($client, $sql, @names) = @_;
	$client->send_query("EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON) $sql");
	my ($row) = grep { $_->{type} eq 'D' } $client->messages;
	my $plan = $row->{values}[0];
	my $sum = 0;
	for my $name (@names)
	{
		# The first is that of the topmost node.
		my ($count) = $plan =~ /"\Q$name\E": (\d+)/;
		$sum += $count;
	}
	return $sum;
}

# Tests that the value of a column in the row of the session's end is in a range.
sub is_between
{
	my ($client, $column, $low, $high, $title) = @_;
	my $value = admin($node, 'app', "SELECT $column FROM session_audit.log WHERE event = 'logoff' AND " . is_of($client));
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($value, '>=', $low, "$title: at least");
	cmp_ok($value, '<=', $high, "$title: at most");
	return;
}

subtest 'A2: what a session used' => sub {
	admin($node, 'app', 'CREATE TABLE work.big (x text); ALTER TABLE work.big OWNER TO alice');
	my $client = open_session($node, 'alice');
	my $wal = explained($client, q{INSERT INTO work.big SELECT repeat('x', 1000) FROM generate_series(1, 10000)}, 'WAL Bytes');
	$client->quit;
	is_between($client, 'wal_bytes', $wal, $wal + 100_000, 'A2: WAL of an INSERT');
	is_between($client, 'temp_blocks', 0, 0, 'A2: no temporary file');

	$client = open_session($node, 'alice');
	my $blocks = 0;
	$blocks += explained($client, 'SELECT count(*) FROM work.big', 'Shared Hit Blocks', 'Shared Read Blocks') for 1 .. 8;
	$client->quit;
	is_between($client, 'blocks_hit + blocks_read', $blocks, $blocks + 2000, 'A2: blocks of a table that is read');
	is_between($client, 'wal_bytes', 1, 100_000, 'A2: WAL of a session that writes nothing but its own row');

	$client = open_session($node, 'alice');
	$client->query(q{SET work_mem = '64kB'});
	my $temp = explained($client, 'SELECT x FROM generate_series(1, 100000) x ORDER BY x DESC', 'Temp Read Blocks', 'Temp Written Blocks');
	$client->quit;
	cmp_ok($temp, '>', 0, 'the sort uses temporary files');
	is_between($client, 'temp_blocks', $temp, $temp, 'A2: blocks of temporary files');

	$client = open_session($node, 'alice');
	$client->query($_) for 'SET temp_buffers = 100', 'CREATE TEMP TABLE t AS SELECT x FROM work.big';
	$client->quit;
	is_between($client, 'blocks_written', 1000, 3000, 'A2: blocks of a temporary table that are written');

	$client = open_session($node, 'alice');
	$client->query('SELECT sum(x) FROM generate_series(1, 500000) x');
	$client->quit;
	is_between($client, 'extract(epoch FROM cpu)', 0.01, 60, 'A2: time of the processor');
	is(rows($client, q{cpu > interval '0' AND cpu < at - logon_at + interval '1 second'}), "\nt",
		'A2: it is not more than the session took');
};

$root->quit;
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak', expected => qr/was terminated by signal 9/);

done_testing();
