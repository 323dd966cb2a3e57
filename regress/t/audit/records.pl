# The extension session_audit: what it records of each session, and who may read it
# (section A), how the ends of table X look there, and what the rules E9, F1 to F3, and
# C1 mean for it.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# Without the keeper, whose tests are in keeper.pl.
my $node = new_node('audit', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
max_worker_processes = 0
restart_after_crash = on
max_prepared_transactions = 0
EOC
$node->start;
my $major = int($node->pg_version);
create_app($node, <<'EOS');
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
	my @terminated = map { open_session($node, 'alice') } 1 .. 3;
	$terminated[1]->query('BEGIN; SELECT 1');
	$terminated[2]->query('BEGIN');
	like(($older->query('CREATE EXTENSION session_audit'))[0]->{M},
		qr/^permission denied to create extension "session_audit"$/, 'A1: only superusers create it');
	run('CREATE EXTENSION session_audit');
	is(errors('CREATE EXTENSION session_audit'), '42710: extension "session_audit" already exists',
		'A1: it is created once');
	$older->quit;
	is(rows($older, 'event, ended_by, logon_at < at'), 'logoff|client|t',
		'A1, E9: a session that is older than the extension leaves its logoff');
	$terminated[2]->try_query('SELECT 1/0');
	# In a transaction, it is known from others that there is an audit.
	one_session('alice');
	for my $what ('while idle', 'in a transaction', 'in a failed transaction')
	{
		my $client = shift @terminated;
		$root->query('SELECT pg_terminate_backend(' . $client->pid . ')');
		wait_for_exit($node, $client);
		is(rows($client, 'event, ended_by'), 'logoff|terminated', "A4, E9: also one that is terminated $what");
	}
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
	admin($node, 'template1', 'DROP EXTENSION session_audit; DROP SCHEMA session_audit');
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
	is(rows($client, q{logon_at = first_value(at) OVER (ORDER BY event = 'logoff')}), "t\nt",
		'A2: both rows have the time of the logon');
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
	[   'client killed in a query', 1, 'client_lost|',
		sub { block($_[0]); $_[0]->drop; $root->query("SELECT pg_advisory_${_}(42)") for qw(unlock lock) } ],
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
# What a session raises itself is no interrupt, whatever it calls it.
push @ends, map {
	my $code = $_;
	[   "exit_on_error, and RAISE with $code", 0, "fatal|$code",
		sub {
			$_[0]->query('SET exit_on_error = on');
			$_[0]->try_query("DO \$\$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '$code'; END \$\$");
		} ]
} qw(57P01 57P05 25P03 25P04 08006 08003);
# The first error that ends a session counts, although PL/Perl catches what follows from it.
admin($node, 'app', 'CREATE EXTENSION plperl');
push @ends,
  [ 'pg_terminate_backend, caught by PL/Perl', 0, 'terminated|57P01',
	sub {
		$_[0]->query('SET exit_on_error = on');
		$_[0]->send_query(q{DO $$ eval { spi_exec_query('SELECT pg_advisory_lock(42)') } for 1 .. 3; die 'own' $$ LANGUAGE plperl});
		ok(wait_for_event($node, $_[0], 'advisory'), 'the function waits for the lock');
		terminate(@_);
	} ];
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

subtest 'A1, E5, F10: the audit\'s own triggers' => sub {
	is(errors('SELECT session_audit.record()'), '39P03: function is not called by the event trigger manager',
		'A1: the function is called by nobody else');
	run('ALTER EVENT TRIGGER session_audit_logon DISABLE; ALTER EVENT TRIGGER session_audit_logoff RENAME TO renamed');
	my $client = open_session($node, 'alice');
	terminate($client);
	ok(wait_for_exit($node, $client), 'the session ends');
	is(rows($client, 'event, ended_by'), 'logoff|terminated', 'E5, A4: a trigger that is disabled records nothing, one that is renamed does');
	run('ALTER EVENT TRIGGER session_audit_logon ENABLE ALWAYS; ALTER EVENT TRIGGER renamed RENAME TO session_audit_logoff');

	admin($node, 'postgres', qq{ALTER ROLE alice SET session_triggers.$_ = '100ms'}) for qw(logon_timeout logoff_timeout);
	$root->query('BEGIN; LOCK session_audit.log_default IN SHARE MODE');
	my $position = log_position($node);
	$client = connect_as($node, 'alice');
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [$WARNING], 'F3: the client is warned');
	$client->quit;
	$root->query('ROLLBACK');
	is(join("\n", grep { !/"event": "refused"/ } log_lines($node, $position, $client)), join("\n", map {
				(   "57014|ERROR:  canceling event triggers due to session_triggers.$_->[0]_timeout",
					qq{57014|CONTEXT:  event trigger "session_audit_$_->[0]" on event $_->[1]})
			} [ 'logon', 'after_user_logon' ], [ 'logoff', 'before_user_logoff' ]),
		'F10: a log that is locked is waited for until the time limit');
	admin($node, 'postgres', "ALTER ROLE alice RESET session_triggers.$_") for qw(logon_timeout logoff_timeout);
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
	run('DROP TABLE work.big');
};

### Reading

subtest 'A3: the views' => sub {
	run('CREATE ROLE "never was here" LOGIN; CREATE ROLE may_not NOLOGIN');
	my $client = open_session($node, 'alice', application_name => 'a view', tcp => '127.0.0.1');
	is( admin($node, 'app', 'SELECT state, login_user, database, application_name, client_addr, logoff_at, ended_by, duration > interval \'0\', '
			  . 'logon_at = (SELECT logon_at FROM session_audit.log WHERE ' . is_of($client) . ') FROM session_audit.sessions WHERE ' . is_of($client)),
		'active|alice|app|a view|127.0.0.1|||t|t', 'A3: sessions has one that runs');
	is( admin($node, 'app', q{SELECT client_addr, application_name, logons = (SELECT count(*) FROM session_audit.log WHERE login_user = 'alice' AND event = 'logon'), }
			  . 'last_logon_at = (SELECT at FROM session_audit.log WHERE ' . is_of($client)
			  . q{) FROM session_audit.last_logons WHERE login_user = 'alice'}),
		'127.0.0.1|a view|t|t', 'A3: last_logons has the last one of a role');
	$client->quit;
	my $ended = one_session('alice');
	is(admin($node, 'app', 'SELECT state, ended_by, logoff_at - logon_at = duration FROM session_audit.sessions WHERE ' . is_of($ended)),
		'ended|client|t', 'A3: and one that has ended, once');
	is(admin($node, 'app', q{SELECT *, 'end' FROM session_audit.last_logons WHERE login_user = 'never was here'}),
		'never was here||||0|end', 'A3: last_logons has roles that never logged on');
	is( admin($node, 'app', q{SELECT count(*) FROM session_audit.last_logons}),
		admin($node, 'app', 'SELECT count(*) FROM pg_roles WHERE rolcanlogin'),
		'A3: it has one row for each role that may log on');
};

subtest 'A3: rights' => sub {
	is( admin($node, 'app', <<'EOS'), '', 'A3: PUBLIC has no right on anything');
SELECT 'schema' WHERE has_schema_privilege('alice', 'session_audit', 'USAGE') OR has_schema_privilege('alice', 'session_audit', 'CREATE')
UNION ALL
SELECT relname FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace AND relkind IN ('r', 'p', 'v')
AND has_table_privilege('alice', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
UNION ALL
SELECT proname FROM pg_proc WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('alice', oid, 'EXECUTE')
EOS
	my $alice = open_session($node, 'alice');
	is(($alice->query('SELECT FROM session_audit.log'))[0]->{C}, '42501', 'A3: a role without rights is refused');
	$alice->quit;

	my $auditor = open_session($node, 'auditor');
	for my $table (qw(log log_default sessions last_logons))
	{
		cmp_ok($auditor->query("SELECT count(*) FROM session_audit.$table"), '>', 0, "A3: a member of pg_monitor reads $table");
	}
	for my $table (qw(log log_default))
	{
		for ("INSERT INTO session_audit.$table DEFAULT VALUES", "UPDATE session_audit.$table SET login_user = 'x'",
			"DELETE FROM session_audit.$table", "TRUNCATE session_audit.$table")
		{
			is(($auditor->query($_))[0]->{C}, '42501', "A3: it is refused: $_");
		}
	}
	is(($auditor->query("SELECT session_audit.add_month('2026-01-01')"))[0]->{C}, '42501', 'A3: it is refused to call add_month()');
	is(($auditor->query('CREATE TABLE session_audit.t ()'))[0]->{C}, '42501', 'A3: it is refused to create a table');
	$auditor->quit;
};

subtest 'A3: rights that others were given for all tables' => sub {
	admin($node, 'postgres', 'CREATE DATABASE given; CREATE ROLE given LOGIN IN ROLE pg_monitor; CREATE ROLE writer LOGIN IN ROLE pg_write_all_data');
	admin($node, 'given', <<'EOS');
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO given, PUBLIC;
CREATE EXTENSION session_audit;
SELECT session_audit.add_month('2020-01-01');
CREATE TABLE own (i int);
EOS
	is(admin($node, 'given', <<'EOS'), '', 'A3: default privileges give nobody a right on the log');
SELECT relname, grantee::regrole, privilege_type FROM pg_class, aclexplode(relacl)
WHERE relnamespace = 'session_audit'::regnamespace AND grantee <> relowner
AND (grantee, privilege_type) <> ('pg_monitor'::regrole, 'SELECT')
EOS
	is(admin($node, 'given', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace AND has_table_privilege('given', oid, 'SELECT')}),
		'7', 'A3: and take none from pg_monitor');

	my $writer = open_session($node, 'writer', database => 'given');
	for my $table (qw(log log_2020_01 keeper open_sessions))
	{
		is(($writer->query($_))[0]->{C}, '42501', "A3: pg_write_all_data: it is refused: $_")
		  for "INSERT INTO session_audit.$table DEFAULT VALUES", "UPDATE session_audit.$table SET " . ($table eq 'keeper' ? 'since' : 'at') . ' = NULL', "DELETE FROM session_audit.$table";
	}
	is(scalar(grep { $_->{type} eq 'E' } $writer->query('INSERT INTO own VALUES (1)')), 0, 'A3: pg_write_all_data has other tables');
	admin($node, 'given', 'GRANT DELETE ON session_audit.log TO writer');
	is(scalar(grep { $_->{type} eq 'E' } $writer->query('DELETE FROM session_audit.log')), 0, 'A3: what a superuser grants counts');
	$writer->quit;
	wait_for_exit($node, $writer);
	# An update takes what was granted, on columns and by those who had it, too.
	admin($node, 'given', <<'EOS');
DROP EXTENSION session_audit;
CREATE EXTENSION session_audit VERSION '1.0';
GRANT UPDATE (login_user) ON session_audit.log_default TO writer;
GRANT SELECT ON session_audit.log TO writer WITH GRANT OPTION;
SET ROLE writer;
GRANT SELECT ON session_audit.log TO given;
RESET ROLE;
ALTER EXTENSION session_audit UPDATE;
EOS
	is(admin($node, 'given', <<'EOS'), '', 'A3: nor is any left after an update');
SELECT attrelid::regclass, attname, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'session_audit'::regnamespace AND attacl IS NOT NULL
UNION ALL
SELECT oid::regclass, '', relacl FROM pg_class
WHERE relnamespace = 'session_audit'::regnamespace AND relacl::text ~ 'writer=|given='
EOS
	admin($node, 'postgres', 'DROP DATABASE given');
	admin($node, 'postgres', 'DROP ROLE given, writer');
};

### Partitions

# Returns the partitions that have the rows of a session.
sub in_table
{
	my ($client) = @_;
	return admin($node, 'app', 'SELECT DISTINCT tableoid::regclass FROM session_audit.log WHERE ' . is_of($client));
}

# The condition of the month, as a table's name and the bounds of a partition.
my ($month, $bounds) = split /\|/, admin($node, 'app', <<'EOS');
SELECT to_char(now() AT TIME ZONE 'UTC', '"log_"YYYY_MM'), format('FROM (%L) TO (%L)', now() - interval '1 day', now() + interval '1 day')
EOS

# Makes the log anew.
sub remake
{
	run('DROP EXTENSION session_audit CASCADE; CREATE EXTENSION session_audit');
	return;
}

subtest 'A2: partitions' => sub {
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A2: the default partition takes what has no other');
	run(<<"EOS");
GRANT USAGE, CREATE ON SCHEMA session_audit TO alice;
GRANT SELECT ON session_audit.log TO alice;
SET ROLE alice;
CREATE TABLE session_audit.mine (LIKE session_audit.log) PARTITION BY RANGE (at);
CREATE TABLE session_audit.$month PARTITION OF session_audit.mine FOR VALUES FROM ('2000-01-01') TO ('2100-01-01');
RESET ROLE;
EOS
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A2: what another role has put in the place of a partition takes nothing');
	run('DROP TABLE session_audit.mine; REVOKE ALL ON SCHEMA session_audit FROM alice; REVOKE ALL ON session_audit.log FROM alice');
	my $count = admin($node, 'app', 'SELECT count(*) FROM session_audit.log');
	cmp_ok($count, '>', 50, 'there are rows to move');
	is(admin($node, 'app', q{SET timezone = 'Pacific/Auckland'; SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)}),
		"session_audit.$month", 'A2: add_month() makes the partition of a month');
	is(admin($node, 'app', "SELECT (SELECT count(*) FROM session_audit.log_default), (SELECT count(*) FROM session_audit.$month)"),
		"0|$count", 'A2: it moves the rows of that month');
	is(admin($node, 'app', q{SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)}),
		"session_audit.$month", 'A2: it does nothing for a month that has its partition');
	$root->query('BEGIN; LOCK session_audit.log_default');
	my $waits_not = one_session('alice');
	$root->query('ROLLBACK');
	is(in_table($waits_not), "session_audit.$month", 'A2: rows go to the partition of their month, and wait for no other');
	run(q{SELECT session_audit.add_month('2031-12-24')});
	is(admin($node, 'app', q{SET timezone = 'UTC'; SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = 'session_audit.log_2031_12'::regclass}),
		q{FOR VALUES FROM ('2031-12-01 00:00:00+00') TO ('2032-01-01 00:00:00+00')}, 'A2: months are those of UTC');
	my $auditor = open_session($node, 'auditor');
	cmp_ok($auditor->query("SELECT count(*) FROM session_audit.$month"), '>', $count, 'A3: a member of pg_monitor reads the partition');
	is(($auditor->query("DELETE FROM session_audit.$month"))[0]->{C}, '42501', 'A3: it cannot delete from it');
	$auditor->quit;

	run("ALTER TABLE session_audit.log DETACH PARTITION session_audit.$month");
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A2: a partition that was detached takes nothing');
	like(errors(q{SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)}), qr/^42P07: table "$month" is not a partition of the log/,
		'A2: add_month() does not take it for the partition');
	# Without a partition for the month, a session looks at all of them.
	my $looks = open_session($node, 'root');
	my $held = q{SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name IN ('TopMemoryContext', 'session audit')};
	my $before = $looks->query($held);
	$looks->quit;
	run(q{SELECT session_audit.add_month(make_date(2040 + i / 12, i % 12 + 1, 1)) FROM generate_series(0, 39) i});
	$looks = open_session($node, 'root');
	cmp_ok($looks->query($held), '<', $before + 24576, 'F12: it keeps next to nothing of them');
	$looks->quit;
	is(in_table($looks), 'session_audit.log_default', 'A2: and finds the default partition');
	run("DROP TABLE session_audit.$month; TRUNCATE session_audit.log");

	run("CREATE TABLE session_audit.by_hand PARTITION OF session_audit.log FOR VALUES $bounds");
	is(in_table(one_session('alice')), 'session_audit.by_hand', 'A2: a partition that was made by hand takes its rows');
	run("ALTER TABLE session_audit.log DETACH PARTITION session_audit.by_hand; DROP TABLE session_audit.by_hand");
	run("CREATE TABLE session_audit.$month PARTITION OF session_audit.log FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')");
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A2: a partition that has the name of a month takes what its bounds say');
	run("DROP TABLE session_audit.$month");
	run("TRUNCATE session_audit.log; CREATE TABLE session_audit.$month PARTITION OF session_audit.log FOR VALUES $bounds PARTITION BY LIST (event)");
	run("CREATE TABLE session_audit.$_ PARTITION OF session_audit.$month FOR VALUES IN ('$_')") for qw(logon logoff);
	is(join(' ', sort split /\n/, rows(one_session('alice'), 'tableoid::regclass')),
		'session_audit.logoff session_audit.logon', 'A2: a partition may have partitions');
	remake();
	run("CREATE TABLE session_audit.$month (LIKE session_audit.log)");
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A2: a table that is no partition takes nothing');
	run("DROP TABLE session_audit.$month");
};

subtest 'A2: names in another encoding' => sub {
	admin($node, 'postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
	admin($node, 'latin', qq{SET client_encoding = 'UTF8'; CREATE ROLE "caf\xc3\xa9" LOGIN});
	my $client = one_session("caf\xe9");
	is(rows($client, 'event, login_user'), "logon|caf?\nlogoff|caf?", 'A2: what is not valid in the database has question marks');
	admin($node, 'latin', qq{SET client_encoding = 'UTF8'; DROP ROLE "caf\xc3\xa9"});
	admin($node, 'postgres', 'DROP DATABASE latin');
};

### What somebody adds to the log

# What alice's session leaves in the server log, and tests that it has been warned.
sub failures
{
	my $position = log_position($node);
	my $client = connect_as($node, 'alice');
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [$WARNING], 'F3: the client is warned');
	is($client->query('SELECT 1'), '1', 'F3: the session goes on');
	$client->quit;
	is(rows($client), '', 'F3, F4: there is no row') unless $_[0];
	return join "\n", grep { /ERROR/ } log_lines($node, $position, $client);
}

subtest 'A2, F3: what is added to the log' => sub {
	run(q{TRUNCATE session_audit.log; ALTER TABLE session_audit.log ADD CONSTRAINT no_alice CHECK (login_user <> 'alice')});
	is(failures(), join("\n", ('23514|ERROR:  new row for relation "log_default" violates check constraint "no_alice"') x 2),
		'F3: a constraint that does not hold fails the firing');
	is(rows(one_session('root')), $both, 'F3: those for which it holds are recorded');
	run('ALTER TABLE session_audit.log DROP CONSTRAINT no_alice');
	run('TRUNCATE session_audit.log; ALTER TABLE session_audit.log ALTER client_addr SET NOT NULL');
	is(failures(), join("\n", ('23502|ERROR:  null value in column "client_addr" of relation "log_default" violates not-null constraint') x 2),
		'F3: and so does a NOT NULL');
	run('ALTER TABLE session_audit.log ALTER client_addr DROP NOT NULL');

	run(q{ALTER TABLE session_audit.log ADD COLUMN note text DEFAULT 'a note'});
	is(rows(one_session('alice'), 'event, note'), "logon|a note\nlogoff|a note", 'A2: a column with its default');
	run('ALTER TABLE session_audit.log DROP COLUMN note');
	is(rows(one_session('alice')), $both, 'A2: after it has been dropped');
	run(q{ALTER TABLE session_audit.log ADD COLUMN day date GENERATED ALWAYS AS ((at AT TIME ZONE 'UTC')::date) STORED});
	is(rows(one_session('alice'), q{day = (at AT TIME ZONE 'UTC')::date}), "t\nt", 'A2: a generated column');
	remake();

	run('CREATE INDEX ON session_audit.log (session_id)');
	my $client = one_session('alice');
	like(admin($node, 'app', 'SET enable_seqscan = off; EXPLAIN SELECT FROM session_audit.log WHERE session_id = \'1\''),
		qr/Index/, 'the index is used');
	is(admin($node, 'app', "SET enable_seqscan = off; SELECT event FROM session_audit.log WHERE session_id = "
			  . q{(SELECT to_hex(min(('x' || lpad(split_part(session_id, '.', 1), 16, '0'))::bit(64)::bigint)) || '.' || to_hex(} . $client->pid
			  . ') FROM session_audit.log WHERE ' . is_of($client) . ") ORDER BY event DESC"), $both, 'A2: an index has the rows');
	remake();

	run(<<'EOS');
CREATE FUNCTION public.mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.application_name := concat_ws(' ', current_user, current_setting('search_path'), tg_table_name);
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION public.mark() FROM PUBLIC;
CREATE TRIGGER mark BEFORE INSERT ON session_audit.log FOR EACH ROW EXECUTE FUNCTION public.mark();
EOS
	is(rows(one_session('alice'), 'application_name'), join("\n", ('root pg_catalog, pg_temp log_default') x 2),
		'A2: a trigger for each row fires, with the rights of the owner of the log');
	run('DROP TRIGGER mark ON session_audit.log');
	run(<<'EOS');
CREATE TABLE work.copied (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION public.copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO work.copied (line) VALUES (NEW.event || ' by ' || current_user);
    RETURN NULL;
END
$$;
CREATE TRIGGER copy AFTER INSERT ON session_audit.log FOR EACH ROW EXECUTE FUNCTION public.copy();
EOS
	is(rows(one_session('alice')), $both, 'A2: a trigger after the insertion');
	is(admin($node, 'app', 'SELECT line FROM work.copied ORDER BY id'), "logon by root\nlogoff by root", 'A2: it fires once for each row');
	run('DROP TRIGGER copy ON session_audit.log; CREATE CONSTRAINT TRIGGER copy AFTER INSERT ON session_audit.log '
		  . 'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.copy()');
	is(failures(), join("\n", ('42501|ERROR:  cannot fire deferred trigger within security-restricted operation') x 2),
		'F3: one that is deferred would run with other rights, and fails the firing');
	run('DROP TRIGGER copy ON session_audit.log');

	is(errors('CREATE TRIGGER mark AFTER INSERT ON session_audit.log EXECUTE FUNCTION public.mark()'),
		'0A000: the log of the session audit cannot have rules or triggers for statements', 'A2: a trigger for statements is refused');
	is(errors('CREATE RULE mark AS ON INSERT TO session_audit.log DO ALSO NOTIFY mark'),
		'0A000: the log of the session audit cannot have rules or triggers for statements', 'A2: a rule is refused');
	is(errors('SET search_path = session_audit; CREATE RULE mark AS ON INSERT TO log DO ALSO NOTIFY mark'),
		'0A000: the log of the session audit cannot have rules or triggers for statements', 'A2: however the log is named');
	run('RESET search_path');

	run($_) for 'SET allow_in_place_tablespaces = on', q{CREATE TABLESPACE elsewhere LOCATION ''};
	for ('SET TABLESPACE elsewhere', 'SET (fillfactor = 50)', 'SET UNLOGGED', 'SET LOGGED', 'ENABLE ROW LEVEL SECURITY',
		'FORCE ROW LEVEL SECURITY', 'REPLICA IDENTITY FULL', 'ALTER login_user SET STORAGE EXTERNAL', 'CLUSTER ON i')
	{
		run('CREATE INDEX i ON session_audit.log_default (at)') if /CLUSTER/;
		run("ALTER TABLE session_audit.log_default $_");
		is(rows(one_session('alice')), $both, "A2: after ALTER TABLE log_default $_");
	}
	remake();
	run('DROP TABLESPACE elsewhere');

	run('ALTER EXTENSION session_audit DROP VIEW session_audit.sessions; DROP VIEW session_audit.sessions; ALTER TABLE session_audit.log DROP COLUMN cpu');
	like(failures(), qr/^42703\|ERROR:  column "cpu" of relation "log" does not exist/, 'F3: a column that was dropped fails the firing');
	remake();
	run('ALTER EXTENSION session_audit DROP TABLE session_audit.log; ALTER EXTENSION session_audit DROP VIEW session_audit.sessions; '
		  . 'ALTER EXTENSION session_audit DROP VIEW session_audit.last_logons; ALTER EXTENSION session_audit DROP TABLE session_audit.log_default; DROP TABLE session_audit.log CASCADE');
	is(failures(1), join("\n", ('42P01|ERROR:  relation "session_audit.log" does not exist') x 2), 'F3: so does a log that was dropped');
	remake();
	is(rows(one_session('alice')), $both, 'A1: it is made anew');
};

### pg_dump

subtest 'A3: pg_dump and restore' => sub {
	plan skip_all => 'SESSTRIG_STOCK_BINDIR does not name the programs of a stock server' unless $ENV{SESSTRIG_STOCK_BINDIR};
	remake();
	run(q{SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)});
	one_session('alice') for 1 .. 3;
	run("ALTER TABLE session_audit.log DETACH PARTITION session_audit.$month; ALTER TABLE session_audit.$month RENAME TO by_hand");
	one_session('alice') for 1 .. 2;
	run("UPDATE session_audit.log_default SET at = at - interval '1000 days'");
	run("ALTER TABLE session_audit.by_hand RENAME TO $month");
	run("ALTER TABLE session_audit.log ATTACH PARTITION session_audit.$month FOR VALUES $bounds");
	my $state = <<'EOS';
SELECT tableoid::regclass, l FROM session_audit.log l ORDER BY at;
SELECT evtname, evtevent, evtenabled FROM pg_event_trigger ORDER BY evtname;
SELECT oid::regclass, relkind, pg_get_expr(relpartbound, oid), relacl FROM pg_class
WHERE relnamespace = 'session_audit'::regnamespace AND relkind <> 't' ORDER BY relname;
EOS
	run("CREATE INDEX by_user ON session_audit.$month (login_user)");
	my $before = admin($node, 'app', $state);
	is(scalar(() = $before =~ /^session_audit\.$month\|\(/mg), 6, 'a partition has rows');
	is(scalar(() = $before =~ /^session_audit\.log_default\|\(/mg), 4, 'so has the default partition');

	my $dump = "$PostgreSQL::Test::Utils::tmp_check/audit.sql";
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	command_checks_all([ "$ENV{SESSTRIG_STOCK_BINDIR}/pg_dump", '-d', $node->connstr('app'), '-f', $dump ],
		0, [qr/^$/], [qr/^$/], 'A3: an unpatched pg_dump dumps the log');
	for my $options ([], ['-1'])
	{
		admin($node, 'postgres', 'CREATE DATABASE restored TEMPLATE template0');
		$node->command_ok([ 'psql', '-XqAt', @$options, '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored') . ' user=root', '-f', $dump ],
			"A3: its output loads with these options: @$options");
		is(admin($node, 'restored', $state), $before, 'A3: the rows, the partitions with their rights and indexes, and the triggers are the same');
		my $client = connect_raw($node, user => 'alice', database => 'restored');
		$client->ready;
		$client->quit;
		is(rows_in('restored', $client, 'event, tableoid::regclass'), "logon|session_audit.$month\nlogoff|session_audit.$month",
			'A3: the restored audit records');
		admin($node, 'postgres', 'DROP DATABASE restored');
	}
};

### The line of the server log

# A hostile name, and what a client of JSON reads: the last two characters take two
# and four bytes.
my $evil = "a'b\"c\\d\$e %s\n\t{}\xc3\xa9\xf0\x9f\x98\x80";
my $read = "a'b\"c\\d\$e %s\n\t{}\x{e9}\x{1f600}";

# Quotes a name.
sub quoted { return '"' . ($_[0] =~ s/"/""/gr) . '"'; }

# Returns the records of a session that it has written to the log of a server. It may also have
# written those of refused logons, once they are due, since here is no worker that would.
sub records
{
	my ($server, $position, $client) = @_;
	my $pid = $client->pid;
	return grep { $_->{event} ne 'refused' }
	  map { decode_json($_) } slurp_file($server->logfile, $position) =~ /^$pid\|00000\|LOG:  (\{.*\})$/mg;
}

subtest 'A4: log_to_server' => sub {
	run('CREATE ROLE ' . quoted($evil) . ' LOGIN');
	run('CREATE DATABASE ' . quoted($evil));
	my $owner = connect_raw($node, user => 'root', database => $evil);
	$owner->ready;
	$owner->query('CREATE EXTENSION session_audit');
	# One for the database, so that the standby has it as well.
	run('ALTER DATABASE ' . quoted($evil) . ' SET session_audit.log_to_server = on');

	my $position = log_position($node);
	my $client = connect_raw($node, user => $evil, database => $evil, application_name => $evil, tcp => '127.0.0.1');
	$client->ready;
	my $application = $client->query('SHOW application_name');
	my $port = $client->{socket}->sockport;
	$client->quit;
	my @lines = records($node, $position, $client);
	is(join(' ', map { $_->{event} } @lines), 'logon logoff', 'A4: one line for each event');
	for (@lines)
	{
		is_deeply([ @{$_}{qw(login_user database)} ], [ $read, $read ], 'A4: hostile names are shown whole');
		is($_->{application_name}, $application, 'A4: so is the name of the application');
		is(JSON::PP->new->encode([ $_->{client_port} ]), "[$port]", 'A4: numbers are numbers');
		is($_->{client_addr}, '127.0.0.1', 'A4: the address');
	}
	my @columns = qw(at event session_id login_user database auth_method client_addr client_port application_name instance_num logon_at);
	my @usage = qw(cpu blocks_hit blocks_read blocks_written temp_blocks wal_bytes);
	is_deeply([ sort keys %{ $lines[0] } ], [ sort @columns ], 'A4: a logon has these values');
	is_deeply([ sort keys %{ $lines[1] } ], [ sort @columns, @usage, 'ended_by' ], 'A4: a logoff has these');
	is( $owner->query(q{SELECT string_agg(concat_ws('|', event, session_id, to_json(at)), E'\n' ORDER BY at) FROM session_audit.log l WHERE }
			  . is_of($client)),
		join("\n", map { qq{$_->{event}|$_->{session_id}|"$_->{at}"} } @lines),
		'A4: the rows are there as well');
	$owner->quit;

	my $alice = open_session($node, 'alice');
	is(($alice->query('SET session_audit.log_to_server = on'))[0]->{C}, '42501', 'A4: only a superuser sets it');
	$alice->quit;
	is(errors('SET session_audit.log_to_servers = on'), '42602: invalid configuration parameter name "session_audit.log_to_servers"',
		'S: unknown names are refused');
	$position = log_position($node);
	$client = one_session('alice');
	is(scalar(records($node, $position, $client)), 0, 'A4: by default the log of a primary has no such line');
};

# In each format of the log.
subtest 'A4: no statement writes what could be taken for a record' => sub {
	my $log = new_node('imitations', conf => <<'EOC');
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_filename = 'all.log'
EOC
	$log->start;
	admin($log, 'postgres', 'CREATE EXTENSION session_audit; CREATE ROLE root LOGIN SUPERUSER; CREATE ROLE alice LOGIN');
	my $file = $log->data_dir . '/log/all';
	my $imitation = '{"at": "2026-01-01T00:00:00+00:00", "event": "logon", "login_user": "root"}';
	my $client = connect_raw($log, user => 'alice', database => 'postgres');
	$client->ready;
	$client->query('SET client_min_messages = log');
	my @told;
	for my $text ($imitation, "x\n$imitation", "\n$imitation")
	{
		push @told, map { $_->{M} } grep { $_->{type} eq 'N' } $client->query("DO \$\$ BEGIN RAISE LOG '%', '$text'; END \$\$");
		$client->try_query("DO \$\$ BEGIN RAISE EXCEPTION '%', '$text'; END \$\$");
	}
	is_deeply(\@told, [ $imitation, "x\n$imitation", "\n$imitation" ], 'A4: the client gets what was raised');
	$client->quit;
	$client = connect_raw($log, user => 'root', database => 'postgres', options => '-c session_audit.log_to_server=on');
	$client->ready;
	$client->quit;
	poll_until(sub { slurp_file("$file.json") =~ /\\"event\\": \\"logoff\\"/ });
	poll_until(sub { slurp_file("$file.$_") =~ /""?event""?: ""?logoff""?/ }) for qw(log csv);
	my @messages = map { decode_json($_)->{message} // '' } split /\n/, slurp_file("$file.json");
	is(scalar(grep { $_ eq "message: $imitation" } @messages), 2, 'A4: jsonlog: an imitation is marked');
	is(join(' ', map { decode_json($_)->{event} } grep { /^\{"at": "/ } @messages), 'logon logoff', 'A4: jsonlog: and a record is not');
	# The message is the 14th of the columns, of which none before it has quotes within.
	my @csv = slurp_file("$file.csv") =~ /^(?:(?:"[^"\n]*"|[^,"\n]*),){13}"(\{(?:[^"]|"")*)"/mg;
	is(join(' ', map { /""event"": ""(\w+)""/ } @csv), 'logon logoff', 'A4: csvlog: the same');
	my @lines = slurp_file("$file.log") =~ /^\d+\|\w+\|LOG:  (\{"at".*)$/mg;
	is(join(' ', map { decode_json($_)->{event} } @lines), 'logon logoff', 'A4: stderr: the same');
	unlike(slurp_file("$file.log"), qr/^\Q$imitation\E/m, 'A4: stderr: what is not the start of a message is indented');
	$log->stop;
};

subtest 'A4, E8: a hot standby' => sub {
	$node->backup('backup');
	my $standby = PostgreSQL::Test::Cluster->new('audit_standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->start;
	# The end of the WAL is replayed only if there is a record before it.
	run('TRUNCATE fired');
	my $end = $root->query('SELECT pg_current_wal_flush_lsn()');
	ok(wait_until($standby, 'postgres', "SELECT pg_last_wal_replay_lsn() >= '$end'"),
		'the standby has caught up');
	my $position = log_position($standby);
	my $client = connect_raw($standby, user => $evil, database => $evil, application_name => $evil);
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [], 'A4: nothing fails on a standby');
	$client->quit;
	my @lines = records($standby, $position, $client);
	is(join(' ', map { $_->{event} } @lines), 'logon logoff', 'A4: one line for each event on a standby');
	is($lines[$_]->{login_user}, $read, 'A4: hostile names are shown whole') for 0 .. 1;
	is($lines[1]->{logon_at} lt $lines[1]->{at}, 1, 'A4: the time of the logon is in the line of the logoff');

	my @clients = map { open_session($standby, 'alice') } 1 .. 2;
	admin($standby, 'app', 'SELECT pg_terminate_backend(' . $clients[0]->pid . ')');
	ok(wait_for_exit($standby, $clients[0]), 'the session ends');
	$standby->stop;
	is_deeply(
		[ map { [ @{ (records($standby, $position, $_))[1] }{qw(ended_by sqlstate)} ] } @clients ],
		[ [ 'terminated', '57P01' ], [ 'shutdown', '57P01' ] ],
		'A4, X: ends by the server on a standby');
	log_is_clean($standby, 'the log of the standby has no failed assertion and no leak');
};

### Connections

subtest 'A2: how clients connect' => sub {
	my $connections = new_node('connections', conf => <<'EOC');
logging_collector = on
log_destination = csvlog
log_directory = log
log_filename = 'server.log'
log_connections = on
session_triggers.instance_num = 7
EOC
	my $data = $connections->data_dir;
	my $tls = check_pg_config('#define USE_OPENSSL 1');
	my $host = '127.0.0.1';
	if ($tls)
	{
		my %subjects = (server => '/CN=server', client => '/O=audited/CN=dave', long => ('/OU=' . "\xc3\xa9" x 60) x 20 . '/CN=erin');
		for my $name (sort keys %subjects)
		{
			my $subject = $subjects{$name};
			system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-utf8', '-subj', $subject,
				'-keyout', "$data/$name.key", '-out', "$data/$name.crt");
			chmod 0600, "$data/$name.key";
		}
		append_to_file("$data/clients.crt", join '', map { slurp_file("$data/$_.crt") } qw(client long));
		$connections->append_conf('postgresql.conf', "ssl = on\nssl_ca_file = 'clients.crt'");
	}
	unlink "$data/pg_hba.conf";
	append_to_file("$data/pg_hba.conf", join "\n", 'local all all trust', "host all sue $host/32 scram-sha-256",
		$tls ? ("hostssl all dave $host/32 cert", "hostssl all erin $host/32 cert") : (), "host all all $host/32 trust", 'host all all ::1/128 trust', '');
	$connections->start;
	admin($connections, 'postgres', q{CREATE DATABASE app});
	admin($connections, 'app', q{CREATE ROLE alice LOGIN; CREATE ROLE sue LOGIN PASSWORD 'secret'; CREATE ROLE dave LOGIN; CREATE ROLE erin LOGIN; CREATE EXTENSION session_audit});
	my $addresses = 'event, auth_method, system_identity, client_addr, client_port';

	for my $address ($host, slurp_file("$data/log/server.csv") =~ /listening on IPv6 address ""::1""/ ? '::1' : ())
	{
		my $client = connect_as($connections, 'alice', tcp => $address);
		$client->ready;
		my $port = $client->{socket}->sockport;
		$client->quit;
		is(admin($connections, 'app', "SELECT event, auth_method, client_addr, client_port, encryption, instance_num FROM session_audit.log WHERE client_port = $port AND " . is_of($client) . ' ORDER BY at'),
			join("\n", map { "$_|trust|$address|$port||7" } qw(logon logoff)), "A2: over TCP to $address");
	}

	# Runs a session of psql.
	my $psql = sub {
		my ($role, $parameters) = @_;
		admin($connections, 'app', 'TRUNCATE session_audit.log');
		is((try_psql($connections, 'app', 'SELECT 1', connstr => "host=$host port=@{[$connections->port]} dbname=app user=$role $parameters"))[0],
			0, "$role connects: $parameters");
		wait_until($connections, 'app', q{SELECT count(*) FROM session_audit.log WHERE event = 'logoff'}, '1');
		return admin($connections, 'app',
			'SELECT DISTINCT login_user, auth_method, system_identity, client_addr, client_port > 0, encryption FROM session_audit.log');
	};
	is($psql->('sue', 'password=secret sslmode=disable'), "sue|scram-sha-256|sue|$host|t|", 'A2: a password');
	if ($tls)
	{
		is($psql->('sue', 'password=secret sslmode=require'), "sue|scram-sha-256|sue|$host|t|TLSv1.3", 'A2: TLS');
		is($psql->('dave', "sslmode=require sslcert=$data/client.crt sslkey=$data/client.key"),
			"dave|cert|CN=dave,O=audited|$host|t|TLSv1.3", 'A2: a certificate');

		# An identity can be long.
		my $long = "sslmode=require sslcert=$data/long.crt sslkey=$data/long.key";
		admin($connections, 'app', q{ALTER ROLE erin SET session_audit.log_to_server = on});
		my ($identity) = $psql->('erin', $long) =~ /^erin\|cert\|(.*)\|$host\|t\|/;
		cmp_ok(length $identity, '>', 3500, 'A2: a long identity');
		my ($in_log) = slurp_file("$data/log/server.csv") =~ /{""at"".*""event"": ""logoff"", .*""login_user"": ""erin"".*""system_identity"": ""([^"]*)""/;
		is($in_log =~ s/\\\\/\\/gr, $identity, 'A4: and in the server log');
		admin($connections, 'app', q{ALTER ROLE erin SET session_triggers.fault = 'no_memory'});
		my $position = -s "$data/log/server.csv";
		try_psql($connections, 'app', 'SELECT 1', connstr => "host=$host port=@{[$connections->port]} dbname=app user=erin $long");
		my $errors = qr/"(LOGO\w+)",[^"]*,ERROR,53200,"out of memory"/;
		ok(poll_until(sub { return join(' ', slurp_file("$data/log/server.csv", $position) =~ /$errors/g) eq 'LOGON LOGOFF' }), 'F13: without memory for the line, an error');
		unlike(slurp_file("$data/log/server.csv", $position), qr/terminated by signal|TRAP/, 'F13: and no crash');
	}

	my $client = connect_as($connections, 'alice', application_name => 'csv');
	$client->ready;
	$connections->append_conf('postgresql.conf', 'session_triggers.instance_num = 8');
	$connections->reload;
	wait_until($connections, 'postgres', q{SHOW session_triggers.instance_num}, '8');
	is($client->query('SHOW session_triggers.instance_num'), '8', 'the number has changed');
	$client->quit;
	is(admin($connections, 'app', 'SELECT instance_num FROM session_audit.log WHERE ' . is_of($client)), "7\n7", 'A2, V2: the instance is that at logon');

	my $columns = join ', ', map { "c$_ text" } 1 .. 26;
	admin($connections, 'app', "CREATE TABLE csv ($columns)");
	ok( poll_until(
			sub {
				admin($connections, 'app', q{TRUNCATE csv; COPY csv FROM 'log/server.csv' (FORMAT csv)});
				return admin($connections, 'app', q{SELECT count(*) FROM csv WHERE c14 LIKE 'connection authorized: user=alice%' AND c4 = '} . $client->pid . q{'}) eq '1';
			}),
		'the server log has the session');
	is( admin($connections, 'app', 'SELECT event, c2, c3 FROM session_audit.log JOIN csv ON c6 = session_id'
			  . q{ WHERE c14 LIKE 'connection authorized: user=alice%' AND } . is_of($client) . ' ORDER BY at'),
		"logon|alice|app\nlogoff|alice|app", 'A2: the server log joins by session_id');
	$connections->stop;
};

$root->quit;
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak', expected => qr/was terminated by signal 9/);

### A stock server

subtest 'A1, C1: a stock server' => sub {
	plan skip_all => 'SESSTRIG_STOCK_BINDIR does not name the programs of a stock server' unless $ENV{SESSTRIG_STOCK_BINDIR};
	my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
	my ($output, $errors);
	IPC::Run::run([ "$ENV{SESSTRIG_STOCK_BINDIR}/postgres", '--single', '-D', $node->data_dir, 'app' ],
		'<', \"LOAD '$libraries/session_audit.so'\nSELECT count(*) > 10 AS many FROM session_audit.log\n", '>', \$output, '2>', \$errors);
	like($errors, qr/ERROR:  session_audit requires a server with session triggers\n.*DETAIL:  This server does not have the events that the extension records\./,
		'A1: the library refuses a stock server');
	like($output, qr/many = "t"/, 'C1: a stock server reads the log');
};

done_testing();
