# Every end of a session, and whether it fires logoff: table X, with F4, F8, F9, and
# F10 at those ends, and how pg_stat_database counts them.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $node = new_node('ends', conf => "restart_after_crash = on\nmax_connections = 20");
$node->start;
my $major = int(admin($node, 'postgres', 'SHOW server_version_num') / 10000);
admin($node, 'postgres', $_) for 'CREATE DATABASE app', 'CREATE DATABASE plain';
admin($node, 'app', <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
GRANT pg_signal_backend TO alice;
CREATE EXTENSION sesstrig_faults;
CREATE EXTENSION dblink;
CREATE TABLE session_log (id int GENERATED ALWAYS AS IDENTITY, pid int, event text, what text);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held CURSOR FOR SELECT 1;
    what text := coalesce(to_regclass('pg_temp.mark')::text, 'no table') || coalesce(current_setting('test.mark', true), '');
BEGIN
    -- F8, which takes a subtransaction
    BEGIN
        PERFORM 1 / 0;
    EXCEPTION WHEN division_by_zero THEN
        what := what || ', caught';
    END;
    IF pg_trigger_depth() <> 0 THEN
        what := what || ', within another trigger';
    END IF;
    INSERT INTO public.session_log (pid, event, what) VALUES (pg_backend_pid(), tg_event, what);
    -- fails if the state of CREATE EXTENSION, or a cursor of the client's, is left
    CREATE TABLE public.made AS SELECT 1;
    DROP TABLE public.made;
    FOR r IN held LOOP
    END LOOP;
END
$$;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        RAISE NOTICE 'nobody hears this';
        RAISE EXCEPTION 'logoff fails' USING ERRCODE = 'P0042';
    END IF;
END
$$;
CREATE FUNCTION hang() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        PERFORM pg_sleep(3600);
    END IF;
END
$$;
CREATE FUNCTION hang_on() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        LOOP
            BEGIN
                PERFORM pg_sleep(3600);
            EXCEPTION WHEN query_canceled THEN
                NULL;
            END;
        END LOOP;
    END IF;
END
$$;
CREATE FUNCTION wait_for_lock() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        PERFORM pg_advisory_xact_lock(42);
    END IF;
END
$$;
-- ends the session when the stack is exhausted
CREATE FUNCTION dig() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dig();
EXCEPTION WHEN statement_too_complex THEN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(3600);
END
$$;
CREATE FUNCTION loop_over_cursor() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    x int;
BEGIN
    FOR i IN 1 .. 3 LOOP
        FOR x IN SELECT g FROM generate_series(1, 100000) g LOOP
            PERFORM pg_terminate_backend(pg_backend_pid());
        END LOOP;
    END LOOP;
END
$$;
-- tries to catch whatever ends the session
CREATE FUNCTION hold_out() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        BEGIN
            PERFORM pg_terminate_backend(pg_backend_pid());
            PERFORM pg_sleep(3600);
        EXCEPTION WHEN query_canceled OR admin_shutdown OR OTHERS THEN
            NULL;
        END;
    END LOOP;
END
$$;
CREATE TABLE digger (x int);
GRANT ALL ON digger TO alice;
CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(3600);
END
$$;
CREATE TRIGGER end_session BEFORE INSERT ON digger FOR EACH ROW EXECUTE FUNCTION end_session();
CREATE PROCEDURE commit_and_wait() LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
    PERFORM pg_advisory_lock(42);
END
$$;
CREATE TABLE locked ();
GRANT ALL ON locked TO alice;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOS

# Opens a session of alice's that has a temporary table.
sub alice
{
	my $client = open_session($node, 'alice', @_);
	$client->query('CREATE TEMP TABLE mark ()');
	return $client;
}

my $root = open_quiet_session($node);

# What ends a session of alice's. Each way may use $root, which holds advisory
# lock 42.
sub terminate { $root->query('SELECT pg_terminate_backend(' . $_[0]->pid . ')'); return; }

# Lets the session wait for the lock.
sub block
{
	my ($client, $sql) = @_;
	$client->send_query($sql // 'SELECT pg_advisory_lock(42)');
	ok(wait_for_event($node, $client, 'advisory'), 'the query waits for the lock');
	return;
}

# Lets the sessions that wait for the lock go on.
sub unblock
{
	$root->query('SELECT pg_advisory_unlock(42)');
	$root->query('SELECT pg_advisory_lock(42)');
	return;
}
my @ends = (
	# name; whether it fires with logoff_on = client; how to end the session; and
	# parameters of its connection
	[ 'Terminate', 1, sub { $_[0]->quit } ],
	[ 'Terminate in a transaction', 1, sub { $_[0]->query('BEGIN; LOCK locked'); $_[0]->quit } ],
	[ 'Terminate in a failed transaction', 1, sub { $_[0]->try_query('BEGIN; SELECT 1/0'); $_[0]->quit } ],
	[ 'end of file while idle', 1, sub { $_[0]->drop } ],
	[ 'end of file in a transaction', 1, sub { $_[0]->query('BEGIN; LOCK locked'); $_[0]->drop } ],
	[ 'end of file in a failed transaction', 1, sub { $_[0]->try_query('BEGIN; SELECT 1/0'); $_[0]->drop } ],
	[ 'client killed in a query', 1, sub { block($_[0]); $_[0]->drop; unblock() } ],
	[ 'client killed in a query, over TCP', 1, sub { block($_[0]); $_[0]->drop; unblock() }, tcp => '127.0.0.1' ],
	[   'connection broken in a query', 0,
		sub { $_[0]->query('SET client_connection_check_interval = 10'); block($_[0]); $_[0]->drop } ],
	[   'connection broken in a transaction', 0,
		sub {
			$_[0]->query('SET client_connection_check_interval = 10; BEGIN; LOCK locked');
			block($_[0]);
			$_[0]->drop;
		} ],
	[ 'Terminate in the middle of COPY', 0,
		sub { $_[0]->send_query('COPY mark FROM STDIN'); $_[0]->quit } ],
	[ 'pg_terminate_backend', 0, sub { terminate(@_) } ],
	[ 'pg_terminate_backend in a transaction', 0,
		sub { $_[0]->query('BEGIN; LOCK locked; DECLARE c CURSOR FOR SELECT 1'); terminate(@_) } ],
	[ 'pg_terminate_backend in a failed transaction', 0,
		sub { $_[0]->try_query('BEGIN; SELECT 1/0'); terminate(@_) } ],
	[ 'pg_terminate_backend in a query', 0, sub { block($_[0]); terminate(@_) } ],
	[ 'pg_terminate_backend in a procedure that has committed', 0,
		sub { block($_[0], 'CALL commit_and_wait()'); terminate(@_) } ],
	[ 'pg_terminate_backend of itself in a cursor\'s loop', 0, sub { $_[0]->try_query('SELECT loop_over_cursor()') } ],
	[ 'pg_terminate_backend of itself in a function that catches all', 0, sub { $_[0]->try_query('SELECT hold_out()') } ],
	[ 'pg_terminate_backend of itself in a trigger', 0, sub { $_[0]->try_query('INSERT INTO digger VALUES (1)') } ],
	[   'a held cursor', 1,
		sub { $_[0]->query('BEGIN; DECLARE held CURSOR WITH HOLD FOR SELECT 1; COMMIT'); $_[0]->quit } ],
	[   'pg_terminate_backend of a VACUUM', 0,
		sub {
			$_[0]->query('CREATE TEMP TABLE big AS SELECT generate_series(1, 1000) AS x');
			$_[0]->query('CREATE INDEX ON big (x); DELETE FROM big; SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1');
			$_[0]->send_query('VACUUM big');
			ok(wait_for_event($node, $_[0], 'VacuumDelay'), 'VACUUM sleeps');
			terminate(@_);
		} ],
	[ 'pg_terminate_backend of itself with no stack left', 0, sub { $_[0]->try_query('SELECT dig()') } ],
	[   'pg_terminate_backend while the client does not read', 0,
		sub {
			$_[0]->send_query(q{SELECT repeat('x', 1000) FROM generate_series(1, 1000000)});
			ok(wait_for_event($node, $_[0], 'ClientWrite'), 'the server waits for the client to read');
			terminate(@_);
		} ],
	[ 'idle_session_timeout', 0, sub { $_[0]->query('SET idle_session_timeout = 10') } ],
	[   'idle_in_transaction_session_timeout', 0,
		sub { $_[0]->query('SET idle_in_transaction_session_timeout = 10; BEGIN; LOCK locked') } ],
	[ 'exit_on_error', 0, sub { $_[0]->query('SET exit_on_error = on'); $_[0]->try_query('SELECT 1/0') } ],
	[ 'a violation of the protocol', 0, sub { $_[0]->send_message('!', ''); $_[0]->messages } ]);
push @ends,
  [ 'transaction_timeout', 0, sub { $_[0]->try_query($_) for 'SET transaction_timeout = 10', 'SELECT pg_advisory_lock(42)' } ],
  [ 'transaction_timeout while idle', 0, sub { $_[0]->try_query('SET transaction_timeout = 10; BEGIN; LOCK locked') } ]
  if $major >= 17;

# What the two firings of such a session leave in session_log.
my $logged_on = 'after_user_logon|no table, caught';
my $logged_both = "$logged_on\nbefore_user_logoff|mark, caught";

$root->query('SELECT pg_advisory_lock(42)');
for my $mode (qw(client exit))
{
	admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.logoff_on = $mode");
	for (@ends)
	{
		my ($name, $by_client, $end, %params) = @$_;
		my $position = log_position($node);
		my $client = alice(%params);
		$end->($client);
		ok(wait_for_exit($node, $client), "$mode: $name: the session ends");
		my $fires = $by_client || $mode eq 'exit';
		is( session_rows($node, $client, 'event, what'),
			$fires ? $logged_both : $logged_on,
			"X, F6, F8: $mode: $name: logoff " . ($fires ? 'fires' : 'does not fire'));
		is(join("\n", grep { /event trigger/ } log_lines($node, $position, $client)),
			'', "$mode: $name: the log has no error of a trigger");
	}
}

### How ends are counted

sub counts
{
	my ($database) = @_;
	return admin($node, 'postgres', <<"EOS");
SELECT sessions, sessions_abandoned, sessions_fatal, sessions_killed FROM pg_stat_database WHERE datname = '$database'
EOS
}
for my $mode (qw(client exit))
{
	admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.logoff_on = $mode");
	for my $database (qw(app plain))
	{
		# The sessions of psql count as well, once they have ended.
		wait_until($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = '$database' AND pid <> "
			  . $root->pid, '0');
		my @before = split /\|/, counts($database);
		for my $end (
			sub { $_[0]->quit },
			sub { $_[0]->drop },
			sub { terminate(@_) },
			sub { $_[0]->try_query('SET idle_session_timeout = 10') })
		{
			my $client = connect_raw($node, user => 'alice', database => $database);
			$client->ready;
			$end->($client);
			wait_for_exit($node, $client);
		}
		is(counts($database), join('|', map { $before[$_] + (4, 1, 1, 1)[$_] } 0 .. 3),
			"X: $mode: pg_stat_database counts ends in $database as without triggers");
	}
}

### DROP DATABASE ... WITH (FORCE), with a trigger that writes to another database
admin($node, 'postgres', 'CREATE DATABASE dropped');
admin($node, 'dropped', <<"EOS");
CREATE EXTENSION dblink;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
    PERFORM dblink_exec('host=@{[$node->host]} port=@{[$node->port]} dbname=app user=root options=-csession_triggers.enabled=off',
        format('INSERT INTO session_log (pid, event, what) VALUES (%s, %L, %L)', pg_backend_pid(), tg_event, 'dropped'));
END
\$\$;
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOS
my $client = connect_raw($node, user => 'alice', database => 'dropped');
$client->ready;
$client->query('BEGIN; SELECT 1');
admin($node, 'postgres', 'DROP DATABASE dropped WITH (FORCE)');
is(session_rows($node, $client, 'event, what'), 'before_user_logoff|dropped',
	'X: exit: DROP DATABASE WITH (FORCE) fires logoff');

### Ends that never fire

# Tries to connect, and returns the SQLSTATE of the refusal, if it is one.
sub refusal
{
	my $connection = connect_as($node, 'alice');
	my $last = ($connection->messages)[-1];
	$connection->quit;
	return $last->{type} eq 'E' ? $last->{C} : '';
}

append_to_file($node->data_dir . '/pg_hba.conf.new', "local all alice reject\nhost all alice 127.0.0.1/32 reject\n"
	  . slurp_file($node->data_dir . '/pg_hba.conf'));
rename $node->data_dir . '/pg_hba.conf', $node->data_dir . '/pg_hba.conf.old';
rename $node->data_dir . '/pg_hba.conf.new', $node->data_dir . '/pg_hba.conf';
$node->reload;
ok(poll_until(sub { return refusal() eq '28000'; }), 'connections are refused by pg_hba.conf');
# Those that were let in before the server had read the file have left rows.
wait_for_exit($node, 'alice');
admin($node, 'app', 'TRUNCATE session_log');
is(refusal(), '28000', 'another connection is refused');
rename $node->data_dir . '/pg_hba.conf.old', $node->data_dir . '/pg_hba.conf';
admin($node, 'postgres', 'ALTER ROLE alice CONNECTION LIMIT 0');
$node->reload;
ok(poll_until(sub { return refusal() eq '53300'; }), 'connections are refused by the limit of the role');
admin($node, 'postgres', 'ALTER ROLE alice CONNECTION LIMIT -1');
is(admin($node, 'app', 'SELECT count(*) FROM session_log'), '0',
	'X: refused connections fire neither event');

# A SIGKILL makes the server restart.
$client = alice();
my $killed = $client->pid;
$root->quit;
my $position = log_position($node);
kill KILL => $killed;
ok($node->wait_for_log(qr/all server processes terminated; reinitializing/, $position),
	'a SIGKILL restarts the server');
ok(wait_until_ready($node), 'the server accepts connections again');
is(session_rows($node, $client, 'event, what'), $logged_on, 'X: SIGKILL fires nothing');

### Failures and time limits of a firing at an exit

sub set_logoff
{
	my ($function) = @_;
	admin($node, 'app', "DROP EVENT TRIGGER logoff; TRUNCATE session_log;");
	admin($node, 'app', "CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION $function()");
	return;
}
set_logoff('fail');
admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logoff_on = exit');
$root = open_quiet_session($node);
$position = log_position($node);
$client = alice();
is_deeply([ map { $_->{C} } grep { $_->{type} =~ /[EN]/ } $client->query('SELECT loop_over_cursor()') ],
	['57P01'], 'F4: exit: the client gets the error that ends the session alone');
ok(wait_for_exit($node, $client), 'F4: exit: the session ends after a failed logoff');
is( join("\n", grep { /FATAL|P0042/ } log_lines($node, $position, $client)),
	join("\n",
		'57P01|FATAL:  terminating connection due to administrator command',
		'P0042|ERROR:  logoff fails',
		'P0042|CONTEXT:  PL/pgSQL function fail() line 5 at RAISE event trigger "logoff" on event before_user_logoff'),
	'F4: exit: the failure is in the log, with its own context only');

admin($node, 'postgres', q{ALTER ROLE alice SET session_triggers.logoff_timeout = '300ms'});
set_logoff('hang');
$position = log_position($node);
$client = alice();
terminate($client);
ok(wait_for_exit($node, $client), 'F10: exit: the session ends though its logoff hangs');
like(log_text($node, $position, $client),
	qr/^57014\|ERROR:  canceling event triggers due to session_triggers.logoff_timeout$/m,
	'F10: exit: the log has the reason');

# Neither a cancel nor a second request to end the session cuts its firing short.
admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logoff_timeout');
set_logoff('wait_for_lock');
$root->query('SELECT pg_advisory_lock(42)');
for my $end (sub { terminate(@_) }, sub { $_[0]->send_terminate })
{
	admin($node, 'app', 'CREATE EVENT TRIGGER logoff2 ON before_user_logoff EXECUTE FUNCTION log_session()');
	$client = alice();
	$end->($client);
	ok(wait_for_event($node, $client, 'advisory'), 'exit: logoff waits for a lock');
	for (1 .. 3)
	{
		terminate($client);
		$root->query('SELECT pg_cancel_backend(' . $client->pid . ')');
	}
	$root->query('SELECT pg_advisory_unlock(42)');
	ok(wait_for_exit($node, $client), 'exit: the session ends');
	is(session_rows($node, $client, 'event, what'), $logged_both,
		'F9, X: exit: neither a cancel nor another request to end the session stops the firing');
	$root->query('SELECT pg_advisory_lock(42)');
	admin($node, 'app', 'DROP EVENT TRIGGER logoff2');
}
$root->quit;

# Ends in the middle of commands that clean up after an error: CREATE DATABASE and
# CREATE EXTENSION
set_logoff('log_session');
admin($node, 'postgres', 'ALTER ROLE alice CREATEDB; CREATE DATABASE big');
admin($node, 'app', 'GRANT CREATE ON DATABASE app TO alice; GRANT CREATE ON SCHEMA public TO alice');
admin($node, 'big', 'CREATE TABLE t AS SELECT generate_series(1, 100000) AS x');
admin($node, 'postgres', 'ALTER DATABASE big IS_TEMPLATE true');
$position = log_position($node);
my %ended;
# This session is open before a command starts, so as to be in time to end it.
my $killer = open_quiet_session($node);
for my $command ('CREATE DATABASE copied TEMPLATE big', 'CREATE DATABASE copied TEMPLATE big STRATEGY file_copy', 'CREATE EXTENSION hstore')
{
	# The request arrives at any time from the command's start to after its end.
	for my $wait (map { 4 * $_ } 0 .. 15)
	{
		$client = alice();
		$client->send_query($command);
		Time::HiRes::usleep(1000 * $wait);
		$killer->query('SELECT pg_terminate_backend(' . $client->pid . ')');
		my @rest = $client->messages;
		ok(wait_for_exit($node, $client), "$command: the session ends");
		$ended{$command}++ if !grep { $_->{type} eq 'C' } @rest;
		is(session_rows($node, $client, 'event, what'), $logged_both,
			"X: exit: a session that is ended during $command fires logoff");
		$killer->query($_) for 'DROP EXTENSION IF EXISTS hstore', 'DROP DATABASE IF EXISTS copied';
	}
	cmp_ok($ended{$command} // 0, '>', 0, "$command was interrupted at least once");
}
$killer->quit;
unlike(slurp_file($node->logfile, $position), qr/TRAP:|PANIC:|was terminated by signal|you don't own a lock/,
	'X: exit: the commands have cleaned up');
admin($node, 'postgres', 'ALTER DATABASE big IS_TEMPLATE false; ALTER ROLE alice NOCREATEDB');

### Shutdowns
# Opens four sessions: idle, in a transaction, in a failed one, and waiting for a
# lock of the second.
sub several_alices
{
	my @clients = map { alice() } 1 .. 4;
	$clients[1]->try_query('BEGIN; LOCK locked');
	$clients[2]->try_query('BEGIN');
	$clients[2]->try_query('SELECT 1/0');
	$clients[3]->send_query('TABLE locked');
	wait_until($node, 'postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = } . $clients[3]->pid, '1');
	return @clients;
}

sub logoffs { return admin($node, 'app', q{SELECT count(*) FROM session_log WHERE event = 'before_user_logoff'}); }

set_logoff('log_session');
for my $mode (qw(client exit))
{
	admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.logoff_on = $mode");
	admin($node, 'app', 'TRUNCATE session_log');
	my @clients = several_alices();
	$node->stop('fast');
	$node->start;
	my $fires = $mode eq 'exit';
	is(logoffs(), $fires ? '4' : '0', "X: $mode: a fast shutdown " . ($fires ? 'fires' : 'does not fire') . ' logoff');

	admin($node, 'app', 'TRUNCATE session_log');
	@clients = several_alices();
	$node->stop('immediate');
	$node->start;
	is(logoffs(), '0', "X: $mode: an immediate shutdown fires nothing");

	admin($node, 'app', 'TRUNCATE session_log');
	@clients = several_alices();
	# The shutdown waits for the clients, which leave once it has begun.
	my $shutdown = start_smart_shutdown($node);
	$_->send_terminate for @clients;
	ok(finish_shutdown($node, $shutdown), "X: $mode: a smart shutdown completes once the clients have left");
	$node->start;
	is(logoffs(), '4', "X: $mode: every client that leaves during a smart shutdown fires logoff");
}

# A firing that hangs delays a fast shutdown no longer than its time limit, whether
# or not the trigger catches the cancel.
for my $function (qw(hang hang_on))
{
	set_logoff($function);
	admin($node, 'postgres', q{ALTER ROLE alice SET session_triggers.logoff_timeout = '300ms'});
	$position = log_position($node);
	$client = alice();
	ok($node->stop('fast', fail_ok => 1), "F10, X: exit: $function: a fast shutdown completes");
	my $log = slurp_file($node->logfile, $position);
	like($log, qr/canceling event triggers due to session_triggers.logoff_timeout/,
		"F10: exit: $function: the log has the reason");
	like($log, qr/database system is shut down/, "F10: exit: $function: the server is down");
	$node->start;
}
like(slurp_file($node->logfile),
	qr/\|LOG:  canceling event triggers due to session_triggers.logoff_timeout\n.*DETAIL:  The triggers went on after 5 cancels/,
	'F10: exit: a trigger that goes on after five cancels is ended');

# A session that is told to end does not wait for what others lock: a pinned entry of its
# relation cache would be read again from pg_class.
admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logoff_on = client');
# Without a temporary table, which any server drops at the end.
$client = open_session($node, 'alice');
admin($node, 'app', 'CREATE TABLE pinned AS SELECT generate_series(1, 10); GRANT SELECT ON pinned TO alice');
$client->query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM pinned; FETCH c');
{
	my $holder = open_quiet_session($node);
	$holder->query('ALTER TABLE pinned SET (autovacuum_enabled = off)');
	$holder->query('BEGIN; LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE');
	kill TERM => $client->pid;
	is_deeply([ map { $_->{C} } $client->messages ], ['57P01'], 'X: a session that holds a cursor ends while pg_class is locked');
	ok(poll_until(sub { return !kill 0 => $client->pid; }), 'X: at once');
	$holder->query('ROLLBACK');
	$holder->quit;
}
admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logoff_on = exit');

# A session whose postmaster is gone ends without a firing.
set_logoff('log_session');
admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logoff_timeout');
$client = alice();
$node->kill9;
is_deeply([ map { $_->{C} } $client->messages ], ['57P01'], 'X: a session whose postmaster is killed ends');
ok(poll_until(sub { return !kill 0 => $client->pid; }), 'X: the process of that session exits');
$node->start;
is(session_rows($node, $client, 'event, what'), $logged_on,
	'X: a session whose postmaster is killed does not fire logoff');
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak', expected => qr/was terminated by signal 9/);

done_testing();
