# Panics, errors of every kind, and a thousand firings: rules F12 and F13.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('faults');
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE panicker LOGIN;
ALTER ROLE panicker SET session_triggers.fault = 'panic';
CREATE ROLE poor LOGIN;
ALTER ROLE poor SET session_triggers.fault = 'no_memory';
CREATE EXTENSION sesstrig_faults;
CREATE TABLE fired (pid int DEFAULT pg_backend_pid(), event text, n int);
GRANT INSERT, SELECT ON fired TO PUBLIC;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (event) VALUES (tg_event);
END
$$;
-- fails while it has a cursor, a lock, a temporary table, and a temporary file
CREATE FUNCTION fail_busy() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    i int;
BEGIN
    SET LOCAL work_mem = '64kB';
    CREATE TEMP TABLE mine AS SELECT 1 AS i;
    LOCK TABLE mine;
    PERFORM pg_advisory_xact_lock(1);
    BEGIN
        FOR i IN SELECT g FROM generate_series(1, 100000) AS g ORDER BY g DESC LOOP
            IF public.faults_temp_files() = 0 THEN
                RAISE EXCEPTION 'there is no temporary file';
            END IF;
            PERFORM 1 / 0;
        END LOOP;
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
END
$$;
EOF

my $started = admin($node, 'postgres', 'SELECT pg_postmaster_start_time()');

sub set_triggers
{
	my ($logon, $logoff) = @_;
	admin($node, 'app', <<"EOF");
DROP EVENT TRIGGER IF EXISTS a;
DROP EVENT TRIGGER IF EXISTS b;
CREATE EVENT TRIGGER a ON after_user_logon EXECUTE FUNCTION $logon();
CREATE EVENT TRIGGER b ON before_user_logoff EXECUTE FUNCTION $logoff();
EOF
	return;
}

# Tests one whole session: its failed logon, what is left of the failure, and its
# failed logoff. Returns what the session wrote to the log.
sub failed_session
{
	my ($what, $user) = @_;
	my $position = log_position($node);
	my $client = connect_as($node, $user);
	my @messages = $client->ready;

	is_deeply([ map { "$_->{V} $_->{C} $_->{M}" } grep { $_->{type} =~ /[NE]/ } @messages ],
		["WARNING 01000 $WARNING"], "$what: the client gets the warning alone");
	is("$messages[-1]{type}$messages[-1]{status}", 'ZI', "$what: the session is idle");
	is( $client->query(
			q{SELECT string_agg(locktype || ' ' || mode, ',') FROM pg_locks
			WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid'
				AND (locktype, relation) IS DISTINCT FROM ('relation', 'pg_locks'::regclass)}),
		undef,
		"F12: $what: no lock is left");
	is( $client->query(
			q{SELECT concat_ws(',', (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_prepared_statements),
				public.faults_temp_files(), (SELECT count(*) FROM pg_ls_tmpdir()),
				(SELECT count(*) FROM pg_class WHERE relpersistence = 't'))}),
		'0,0,0,0,0',
		"F12: $what: no cursor, prepared statement, temporary file, or temporary table is left");
	ok( wait_until($node, 'app',
			'SELECT state = \'idle\' AND backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity WHERE pid = '
			  . $client->pid),
		"F12: $what: no transaction or snapshot is left");
	# An ordinary error shows that the failure has not disturbed error handling.
	is(($client->query('SELECT 1/0'))[0]{C}, '22012', "$what: an error of a query is reported");
	is($client->query('SELECT 1'), '1', "$what: the session goes on after it");
	is_deeply([ $client->quit ], [], "$what: the client gets no message at logoff");
	return log_text($node, $position, $client);
}

# Matches what the log has of a panic in one firing.
sub panic_report
{
	my ($message, $file, $trigger, $event) = @_;
	return qr/^XX000\|ERROR:  panic in the session trigger core: \Q$message\E
XX000\|DETAIL:  The panic was at \Q$file\E:\d+:\d+\.
XX000\|CONTEXT:  (?:session trigger core )?event trigger "$trigger" on event $event$/m;
}

admin($node, 'app', 'GRANT EXECUTE ON FUNCTION pg_ls_tmpdir() TO PUBLIC');

### F13: a panic in the core
set_triggers('log_session', 'log_session');
my $log = failed_session('panic in the core', 'panicker');
like($log, panic_report('fault requested by session_triggers.fault', 'src/pg/server/fault.rs', 'a', 'after_user_logon'),
	'F13: a panic of the core at logon is in the log with message, place, and context');
like($log, panic_report('fault requested by session_triggers.fault', 'src/pg/server/fault.rs', 'b', 'before_user_logoff'),
	'F13: a panic of the core at logoff is in the log with message, place, and context');

### F13: a panic in an export that cannot report a failure
my $before = log_position($node);
my $answers = connect_raw($node, user => (getpwuid($<))[0], database => 'app',
	options => '-c session_triggers.fault=panic_in_answer -c session_triggers.enabled=off');
$answers->ready;
is_deeply(
	[ map { $_->{M} } grep { $_->{type} eq 'E' } $answers->query('CREATE EVENT TRIGGER c ON after_user_logon EXECUTE FUNCTION log_session()') ],
	['unrecognized event name "after_user_logon"'],
	'F13: the answer after a panic is the safe one');
is(scalar $answers->query('SELECT 1'), '1', 'F13: the session goes on');
$answers->quit;
like(join("\n", log_lines($node, $before, $answers->pid)),
	qr{^00000\|LOG:  panic in the session trigger core: fault requested by session_triggers\.fault \(src/pg/server/fault\.rs:\d+:\d+\)$}m,
	'F13: the panic is in the log with its message and place');

### F13: a panic below the function of a trigger
set_triggers('faults_panic', 'faults_panic');
$log = failed_session('panic in a trigger', 'alice');
like($log, panic_report('fault requested by a trigger', 'src/ffi/session/lifecycle.rs', 'a', 'after_user_logon'),
	'F13: a panic in a logon trigger is in the log with message, place, and context');
like($log, panic_report('fault requested by a trigger', 'src/ffi/session/lifecycle.rs', 'b', 'before_user_logoff'),
	'F13: a panic in a logoff trigger is in the log with message, place, and context');

### F13: no memory for Rust
set_triggers('log_session', 'log_session');
my $poor = open_session($node, 'poor');
is($poor->query('SHOW session_triggers.fault'), 'no_memory', 'F13: the C library has no memory for Rust');
$poor->quit;
ok(wait_until($node, 'app', 'SELECT count(*) FROM fired WHERE pid = ' . $poor->pid, '2'), 'F13: both events fire');

admin($node, 'app', <<'EOF');
DO $$BEGIN
	FOR i IN 1 .. 100 LOOP
		EXECUTE format('CREATE EVENT TRIGGER %I ON before_user_logoff EXECUTE FUNCTION log_session()', repeat('x', 50) || i);
	END LOOP;
END$$;
EOF
$before = log_position($node);
$poor = open_session($node, (getpwuid($<))[0]);
$poor->query(q{SET session_triggers.fault = 'no_memory'});
admin($node, 'app', 'ALTER EVENT TRIGGER a DISABLE');
$poor->quit;
like(log_text($node, $before, $poor), qr/^53200\|ERROR:  out of memory$/m, 'F13: too many triggers for the memory: an error');
admin($node, 'app', <<'EOF');
DO $$BEGIN
	FOR i IN 1 .. 100 LOOP
		EXECUTE format('DROP EVENT TRIGGER %I', repeat('x', 50) || i);
	END LOOP;
END$$;
TRUNCATE fired;
EOF
is(admin($node, 'postgres', 'SELECT pg_postmaster_start_time()'), $started, 'F13: no process was aborted');

### Errors
set_triggers('faults_error', 'faults_error');
$log = failed_session('error in a C function', 'alice');
for my $place ([ 'a', 'after_user_logon' ], [ 'b', 'before_user_logoff' ])
{
	my ($trigger, $event) = @$place;
	like( $log,
		qr/^ST001\|ERROR:  fault: error
ST001\|DETAIL:  fault: detail
ST001\|HINT:  fault: hint
ST001\|CONTEXT:  event trigger "$trigger" on event $event$/m,
		"F3, F4: the error of $event is in the log with detail, hint, and context");
}

set_triggers('fail_busy', 'fail_busy');
$log = failed_session('error in the middle of things', 'alice');
is(scalar(() = $log =~ /^22012\|ERROR:  division by zero$/mg), 3,
	'both events fail with the division, as does the query between them');

is(admin($node, 'app', 'SELECT count(*) FROM fired'), '0', 'F2: no failed firing has left a row');

### F12: a thousand sessions, each of which succeeds or fails in both events
admin($node, 'app', <<'EOF');
CREATE SEQUENCE logons;
CREATE SEQUENCE logoffs;
GRANT USAGE ON SEQUENCE logons, logoffs TO PUBLIC;
-- fails if its number is odd
CREATE FUNCTION take_turn() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    n int := nextval(CASE tg_tag WHEN 'LOGON' THEN 'public.logons' ELSE 'public.logoffs' END);
BEGIN
    SET work_mem = '1MB';
    CREATE TEMP TABLE mine (i int PRIMARY KEY);
    INSERT INTO public.fired (event, n) VALUES (tg_event, n);
    IF n % 2 = 1 THEN
        RAISE EXCEPTION 'odd';
    END IF;
    DROP TABLE mine;
END
$$;
EOF
set_triggers('take_turn', 'take_turn');

# Runs sessions of a role, so many clients at a time, and so many of each.
sub sessions
{
	my ($user, $clients, $each) = @_;
	my $script = $node->basedir . '/script.sql';
	open my $file, '>', $script or die "could not write $script: $!";
	print $file "SELECT 1;\n";
	close $file;
	command_ok(
		[
			'pgbench', '--no-vacuum', '--connect', '--host', $node->host, '--port', $node->port,
			'--username', $user, '--client', $clients, '--transactions', $each,
			'--file', $script, 'app'
		],
		"F12: $each sessions of each of $clients clients of $user succeed");
	return;
}

my $position = log_position($node);
sessions('alice', 4, 250);
ok( wait_until($node, 'app', 'SELECT (SELECT last_value FROM logons) = (SELECT last_value FROM logoffs)'),
	'F12: logoff has fired as often as logon');
my $count = admin($node, 'app', 'SELECT last_value FROM logons');
cmp_ok($count, '>=', 1000, 'F12: logon has fired a thousand times');
ok( wait_until($node, 'app', q{SELECT count(*) = 0 FROM pg_stat_activity
		WHERE usename IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()}),
	'F12: no backend is left');
is( admin($node, 'app', q{SELECT event, count(*), count(*) FILTER (WHERE n % 2 = 1), count(DISTINCT n)
		FROM fired GROUP BY event ORDER BY event}),
	join("\n", map { my $even = int($count / 2); "$_|$even|0|$even" } qw(after_user_logon before_user_logoff)),
	'F12, F2: each firing that succeeded, and none that failed, has a row');
is( admin($node, 'app', 'SELECT max(n) FROM (SELECT count(*) AS n FROM fired GROUP BY pid, event) AS t'),
	'1',
	'F12: no session fired an event twice');
my @errors = slurp_file($node->logfile, $position) =~ /^\d+\|P0001\|ERROR:  odd$/mg;
is(scalar(@errors), 2 * int(($count + 1) / 2), 'F12, F3, F4: each failure is in the log once');

### F13: two hundred sessions that panic in both events
$position = log_position($node);
sessions('panicker', 4, 50);
ok( wait_until($node, 'app', q{SELECT count(*) = 0 FROM pg_stat_activity
		WHERE usename IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()}),
	'F13: no backend is left');
cmp_ok(
	scalar(() = slurp_file($node->logfile, $position) =~ /\|XX000\|ERROR:  panic in the session trigger core/g),
	'>=', 400, 'F13: each session panicked in both events');
is(admin($node, 'app', 'SELECT last_value FROM logons'), $count, 'F13: each panic came before any trigger');

### F12: what is left after all of them
is( admin($node, 'app', q{SELECT count(*) FROM pg_locks l
		WHERE pid IS DISTINCT FROM pg_backend_pid()
			AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = l.pid AND backend_type <> 'client backend')}),
	'0',
	'F12: no lock is left');
is(admin($node, 'app', 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'F12: no prepared transaction is left');
is(admin($node, 'app', q{SELECT count(*) FROM pg_class WHERE relpersistence = 't'}),
	'0', 'F12: no temporary table is left');
is(admin($node, 'app', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'F12: no temporary file is left');
is(admin($node, 'postgres', 'SELECT pg_postmaster_start_time()'), $started, 'F13: the server has not restarted');
$node->stop;
$log = slurp_file($node->logfile);
log_is_clean($node, 'F12: the log has no failed assertion and no leak', expected => qr/panic in the session trigger core/);
unlike($log, qr/terminated by signal|reinitializing|panicked at/, 'F13: no process has crashed');
done_testing();
