# Time limits of firings: rule F10.
use strict;
use warnings FATAL => 'all';

use FindBin;
use IO::Select;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('limits', allows_streaming => 1);
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE TABLE fired (event text, login_user text);
CREATE TABLE locked ();
CREATE SEQUENCE cancels;
CREATE FUNCTION wait_for_lock() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user IN ('alice', 'bob') THEN
        INSERT INTO public.fired VALUES (tg_event, polar_login_user);
        PERFORM pg_advisory_xact_lock(42);
    END IF;
END
$$;
CREATE FUNCTION wait_for_table() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired VALUES (tg_event, polar_login_user);
        LOCK TABLE public.locked;
    END IF;
END
$$;
CREATE FUNCTION wait_for_nothing() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired VALUES (tg_event, polar_login_user);
        PERFORM pg_sleep(3600);
    END IF;
END
$$;
-- catches the first cancel, and lets the second one through
CREATE FUNCTION catch_cancel() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired VALUES (tg_event, polar_login_user);
        LOOP
            BEGIN
                PERFORM pg_sleep(3600);
            EXCEPTION WHEN query_canceled THEN
                IF nextval('public.cancels') > 1 THEN
                    RAISE;
                END IF;
            END;
        END LOOP;
    END IF;
END
$$;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.fired VALUES (tg_event, polar_login_user);
END
$$;
EOF

my %event = (logon => 'after_user_logon', logoff => 'before_user_logoff');

# Replaces the trigger by one of this event that runs the function, if there is one.
sub set_trigger
{
	my ($event, $function) = @_;
	admin($node, 'app', "DROP EVENT TRIGGER IF EXISTS t; TRUNCATE fired; SELECT setval('cancels', 1, false)");
	admin($node, 'app', "CREATE EVENT TRIGGER t ON $event{$event} EXECUTE FUNCTION $function()") if $function;
	return;
}

sub wait_event_of
{
	my ($client) = @_;
	return admin($node, 'app', 'SELECT wait_event FROM pg_stat_activity WHERE pid = ' . $client->pid);
}

# Tests that a firing has run out of its time.
sub is_cut
{
	my ($position, $client, $event, $what) = @_;
	my @lines = grep { /\|ERROR:/ } log_lines($node, $position, $client);
	is(scalar(@lines), 1, "F10: $event: $what: the log has one error");
	like(
		$lines[0] // '',
		qr/^57014\|ERROR:  canceling event triggers due to session_triggers\.${event}_timeout/,
		"F10: $event: $what: the error names the setting");
	return;
}

my $holder = hold_lock($node);
$holder->query('BEGIN; LOCK TABLE locked');
admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.${_}_timeout = '300ms'") for qw(logon logoff);

for my $event (qw(logon logoff))
{
	for my $function (qw(wait_for_lock wait_for_table wait_for_nothing catch_cancel))
	{
		set_trigger($event, $function);
		my $position = log_position($node);
		my $client = connect_as($node, 'alice');
		my @messages = $client->ready;
		my @warnings = map { $_->{M} } grep { $_->{type} eq 'N' } @messages;

		is_deeply(\@warnings, $event eq 'logon' ? [$WARNING] : [],
			"F10: $event: $function: the session starts " . ($event eq 'logon' ? 'with the warning' : 'without a warning'));
		is(scalar $client->query('SELECT 1'), '1', "F10: $event: $function: the session runs queries");
		$client->quit;
		is_cut($position, $client, $event, $function);
		is(admin($node, 'app', 'SELECT count(*) FROM fired'), '0', "F2: $event: $function: all is rolled back");
	}
	is(admin($node, 'app', 'SELECT last_value FROM cancels'),
		'2', "F10: $event: a trigger that catches the cancel is canceled again");
}

### Firings without a limit, and what comes after a firing with one
set_trigger('logon', 'wait_for_lock');
admin($node, 'postgres', 'ALTER ROLE bob SET session_triggers.logon_timeout = 0');
my $waiting = connect_as($node, 'bob');
ok(wait_for_event($node, 'bob', 'advisory'), 'a session without a limit waits for the lock');
# Meanwhile the firing of another session runs out of its time.
my $limited = open_session($node, 'alice');
is(admin($node, 'app', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
	'1', 'F10: a firing whose limit is 0 goes on');
$holder->query('COMMIT');
$holder->query('SELECT pg_advisory_unlock(42)');
is(scalar(grep { $_->{type} eq 'N' } $waiting->ready), 0, 'F10: that firing succeeds once it gets the lock');
$waiting->quit;
$limited->quit;

set_trigger('logon', 'log_session');
my $client = open_session($node, 'alice');
is(scalar $client->query(q{SELECT pg_sleep(0.6) IS NOT NULL}), 't',
	'F10: the limit does not apply to a query after the firing');
$client->quit;

### The list of triggers cannot be read.  The client waits once, not once for each kind of
### triggers.
set_trigger('logon', 'log_session');
$client = open_session($node, 'alice');
my $locker = open_quiet_session($node);
my $locked = log_position($node);
# After a change, the next session reads it.
$locker->query('ALTER EVENT TRIGGER t ENABLE');
$locker->query('BEGIN; LOCK pg_event_trigger; ALTER EVENT TRIGGER t ENABLE ALWAYS');
my $late = open_session($node, 'alice');
$late->quit;
wait_for_exit($node, $late);
is_deeply(
	[ map { /due to session_triggers\.(\w+)/ } log_lines($node, $locked, $late) ],
	[qw(logon_timeout logoff_timeout)],
	'F10: the catalog is locked: each event waits once');
$locker->query('ROLLBACK');
$_->quit for $locker, $client;

### logon_failure = reject
set_trigger('logon', 'wait_for_nothing');
admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.logon_failure = 'reject'");
$client = connect_as($node, 'alice');
my @messages = $client->messages;
is_deeply(
	[ map { @{$_}{qw(S C M)} } grep { $_->{type} eq 'E' } @messages ],
	[ 'FATAL', '57014', 'canceling event triggers due to session_triggers.logon_timeout' ],
	'F10, S: reject: the client is told that the limit has run out');
admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_failure');

### The wait for a synchronous standby at commit
set_trigger('logon', 'log_session');
admin($node, 'postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'absent'});
$node->reload;
# Commits wait once the checkpointer has noted the change, so write until one does.
my $writer = open_quiet_session($node);
my $is_written = 1;
ok( poll_until(
		sub {
			$writer->send_query(q{INSERT INTO fired VALUES ('probe', 'root')}) if $is_written;
			$is_written = IO::Select->new($writer->{socket})->can_read(0.1);
			$writer->messages if $is_written;
			return !$is_written && wait_event_of($writer) eq 'SyncRep';
		}),
	'a commit waits for the standby');
$client = connect_as($node, 'alice');
@messages = $client->ready;
is_deeply(
	[ map { $_->{M} } grep { $_->{type} eq 'N' } @messages ],
	['canceling wait for synchronous replication due to user request'],
	'F10: the limit ends the wait for a standby, and the client gets the warning of that');
$client->query('SET synchronous_commit = local');
is(scalar $client->query('SELECT 1'), '1', 'F10: the session goes on after such a wait');
$client->quit;
{
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off -c synchronous_commit=local';
	is($node->safe_psql('app', q{SELECT count(*) FROM fired WHERE login_user = 'alice'}),
		'1', 'F10: the row of such a firing is committed on the primary');
	$node->safe_psql('app', 'ALTER SYSTEM RESET synchronous_standby_names');
}
$node->reload;

### A client that does not read the notices of its logon
admin($node, 'app', <<'EOF');
CREATE FUNCTION talk() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        FOR i IN 1 .. 100000 LOOP
            RAISE NOTICE '%', repeat('x', 1000);
        END LOOP;
    END IF;
END
$$;
EOF
set_trigger('logon', 'talk');
my $position = log_position($node);
$client = connect_as($node, 'alice');
ok(wait_for_event($node, 'alice', 'ClientWrite'),
	'the server waits for the client to read');
ok(wait_for_exit($node, 'alice'),
	'F10: the session ends when the limit runs out');
like(slurp_file($node->logfile, $position),
	qr/57014\|LOG:  canceling event triggers due to session_triggers.logon_timeout\n.*DETAIL:  The triggers went on/,
	'F10: the log has the reason');
set_trigger('logon', undef);

### S: who may set the limits
$client = connect_as($node, 'bob', options => '-c session_triggers.logon_timeout=1');
@messages = $client->messages;
is_deeply(
	[ map { @{$_}{qw(S C)} } grep { $_->{type} eq 'E' } @messages ],
	[ 'FATAL', '42501' ],
	'S: a role that is not a superuser cannot set the limit');
log_is_clean($node, 'no server process has crashed');
$node->stop;

done_testing();
