# Time limits of firings: rule F10.
use strict;
use warnings FATAL => 'all';

use FindBin;
use IO::Select;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('limits', allows_streaming => 1);
$node->start;
admin($node, 'postgres', 'CREATE DATABASE app');
admin($node, 'app', <<'EOF');
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
-- takes a cancel for nothing, until the second one
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

sub is_cut
{
	my ($position, $client, $event, $what) = @_;
	my @lines = grep { /\|ERROR:/ } log_lines($node, $position, $client);
	is(scalar(@lines), 1, "F10: $event: $what: one error in the log");
	like(
		$lines[0] // '',
		qr/^57014\|ERROR:  canceling event triggers due to session_triggers\.${event}_timeout/,
		"F10: $event: $what: which names the setting");
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

		is_deeply(\@warnings, $event eq 'logon' ? [$WARNING] : [], "F10: $event: $function: the session starts");
		is(scalar $client->query('SELECT 1'), '1', "F10: $event: $function: and works");
		$client->quit;
		is_cut($position, $client, $event, $function);
		is(admin($node, 'app', 'SELECT count(*) FROM fired'), '0', "F2: $event: $function: nothing stays");
	}
	is(admin($node, 'app', 'SELECT last_value FROM cancels'),
		'2', "F10: $event: a trigger that catches the cancel is canceled again");
}

### No limit, and one that is over
set_trigger('logon', 'wait_for_lock');
admin($node, 'postgres', 'ALTER ROLE bob SET session_triggers.logon_timeout = 0');
my $waiting = connect_as($node, 'bob');
ok(wait_for_event($node, 'bob', 'advisory'), 'a session without a limit waits for the lock');
# A session that has a limit comes and goes meanwhile.
my $limited = open_session($node, 'alice');
is(admin($node, 'app', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
	'1', 'F10: 0 is no limit');
$holder->query('COMMIT');
$holder->query('SELECT pg_advisory_unlock(42)');
is(scalar(grep { $_->{type} eq 'N' } $waiting->ready), 0, 'F10: it waits until it may go on');
$waiting->quit;
$limited->quit;

set_trigger('logon', 'log_session');
my $client = open_session($node, 'alice');
is(scalar $client->query(q{SELECT pg_sleep(0.6) IS NOT NULL}), 't', 'F10: the limit ends with the firing');
$client->quit;

### reject
set_trigger('logon', 'wait_for_nothing');
admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.logon_failure = 'reject'");
$client = connect_as($node, 'alice');
my @messages = $client->messages;
is_deeply(
	[ map { @{$_}{qw(S C M)} } grep { $_->{type} eq 'E' } @messages ],
	[ 'FATAL', '57014', 'canceling event triggers due to session_triggers.logon_timeout' ],
	'F10, S: with reject the client is told');
admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_failure');

### The wait for a synchronous standby at commit
set_trigger('logon', 'log_session');
admin($node, 'postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'absent'});
$node->reload;
# Commits wait once the checkpointer has taken note: try until one does.
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
	'F10: the wait for a standby ends, and the client learns what that means');
$client->query('SET synchronous_commit = local');
is(scalar $client->query('SELECT 1'), '1', 'F10: the session goes on');
$client->quit;
{
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off -c synchronous_commit=local';
	is($node->safe_psql('app', q{SELECT count(*) FROM fired WHERE login_user = 'alice'}),
		'1', 'F10: the rows are there: they were committed here');
	$node->safe_psql('app', 'ALTER SYSTEM RESET synchronous_standby_names');
}
$node->reload;

### A client that does not read what its logon has to say
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
	'F10: who does not read is not waited for');
like(slurp_file($node->logfile, $position),
	qr/57014\|LOG:  canceling event triggers due to session_triggers.logon_timeout\n.*DETAIL:  The triggers went on/,
	'F10: the log says why');
set_trigger('logon', undef);

### S: who may set them
$client = connect_as($node, 'bob', options => '-c session_triggers.logon_timeout=1');
@messages = $client->messages;
is_deeply(
	[ map { @{$_}{qw(S C)} } grep { $_->{type} eq 'E' } @messages ],
	[ 'FATAL', '42501' ],
	'S: a user cannot set the limit');
log_is_clean($node, 'no server process crashed');
$node->stop;

done_testing();
