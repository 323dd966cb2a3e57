# Signals and FATAL errors during a firing: rule F9.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('signals', conf => 'log_min_messages = debug2');
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE EXTENSION sesstrig_faults;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
GRANT INSERT, SELECT ON fired TO PUBLIC;
-- waits until the lock is released
CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired (line) VALUES (tg_event);
        PERFORM pg_advisory_xact_lock(42);
    END IF;
END
$$;
CREATE FUNCTION after() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired (line) VALUES ('after ' || tg_event);
    END IF;
END
$$;
EOF

my %event = (logon => 'after_user_logon', logoff => 'before_user_logoff');
# Replaces the triggers. The first trigger of this event runs the function, and the
# second one runs after(), as does another one of logoff.
sub set_trigger
{
	my ($event, $function) = @_;
	admin($node, 'app', <<"EOF");
DROP EVENT TRIGGER IF EXISTS t;
DROP EVENT TRIGGER IF EXISTS u;
DROP EVENT TRIGGER IF EXISTS v;
CREATE EVENT TRIGGER t ON $event{$event} EXECUTE FUNCTION $function();
CREATE EVENT TRIGGER u ON $event{$event} EXECUTE FUNCTION after();
CREATE EVENT TRIGGER v ON before_user_logoff EXECUTE FUNCTION after();
EOF
	return;
}

# Starts a session of alice's that waits for the lock in a trigger of that event.
sub waiting_alice
{
	my ($event) = @_;
	my $client = connect_as($node, 'alice');
	if ($event eq 'logoff')
	{
		$client->ready;
		$client->send_terminate;
	}
	ok(wait_for_event($node, 'alice', 'advisory'), "$event waits for the lock");
	return $client;
}

# Calls a function for the process of alice's session, and returns its result.
sub signal_alice
{
	my ($function) = @_;
	return admin($node, 'app', "SELECT $function(pid) FROM pg_stat_activity WHERE usename = 'alice'");
}

my $holder = hold_lock($node);

### A cancel request has no effect
for my $event (qw(logon logoff))
{
	set_trigger($event, 'wait');
	my $position = log_position($node);
	my $client = waiting_alice($event);
	is(signal_alice('pg_cancel_backend'), 't', 'the cancel is sent') for 1 .. 3;
	# If a cancel had an effect, it would have it before the trigger ends.
	$holder->query('SELECT pg_advisory_unlock(42)');
	my @messages = $event eq 'logon' ? $client->ready : $client->messages;
	is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, "F9: $event: no cancel fails the firing");
	if ($event eq 'logon')
	{
		is($client->query('SELECT pg_sleep(0)'), '', 'F9: no cancel of the logon hits the first query');
		$client->quit;
	}
	is(exit_status($node, $position, $client), 'exited with exit code 0', "F9: $event: the process exits with 0");
	unlike(log_text($node, $position, $client), qr/57014/, "F9: $event: the log has no cancel");
	is(take_rows($node), "$event{$event}\nafter $event{$event}\nafter before_user_logoff",
		"F9: $event: all triggers run to their end");
	$holder = hold_lock($node);
}

# The logoff of a client whose loss the server noticed when it sent a result
set_trigger('logoff', 'wait');
my $position = log_position($node);
my $other = hold_lock($node, 43);
my $client = open_session($node, 'alice');
$client->send_query('SELECT pg_advisory_lock(43)');
my $waits = q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE usename = 'alice' AND wait_event = 'advisory' AND query LIKE };
ok(wait_until($node, 'app', "$waits 'SELECT%'"), 'a query waits for the other lock');
$client->drop;
$other->quit;
ok(wait_until($node, 'app', "$waits 'event trigger%'"), 'the logoff of a lost client waits for the lock');
is(signal_alice('pg_cancel_backend'), 't', 'the cancel is sent');
$holder->query('SELECT pg_advisory_unlock(42)');
ok(wait_for_exit($node, 'alice'), 'the session of the lost client ends');
is(take_rows($node), "before_user_logoff\nafter before_user_logoff\nafter before_user_logoff",
	'F9: a cancel has no effect on the logoff of a lost client');
$holder = hold_lock($node);

# A trigger that sends a cancel to its own session
for my $event (qw(logon logoff))
{
	set_trigger($event, 'faults_cancel');
	my $position = log_position($node);
	my $client = connect_as($node, 'alice');
	my @messages = $client->ready;
	is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0,
		"F9: $event: a trigger that cancels its own session does not fail the firing");
	is($client->query('SELECT 1'), '1', 'F9: that cancel does not hit the next query');
	$client->quit;
	is(exit_status($node, $position, $client),
		'exited with exit code 0', "F9: $event trigger that cancels itself: the process exits with 0");
	is(take_rows($node), "after $event{$event}\nafter before_user_logoff",
		"F9: $event: the other triggers run");
}

my @messages;
### pg_terminate_backend
set_trigger('logon', 'wait');
$position = log_position($node);
$client = waiting_alice('logon');
signal_alice('pg_terminate_backend');
@messages = $client->messages;
is_deeply([ @{ $messages[-1] }{qw(type V C)} ],
	[qw(E FATAL 57P01)], 'F9: pg_terminate_backend ends a session in logon');
is(scalar(grep { $_->{type} =~ /[NZ]/ } @messages), 0,
	'F9: terminated in logon: the client gets no warning and no ReadyForQuery');
is(exit_status($node, $position, $client), 'exited with exit code 1',
	'F9: terminated in logon: the process exits with 1');
is(take_rows($node), '', 'F9, X: terminated in logon: all is rolled back, and logoff does not fire');

set_trigger('logoff', 'wait');
$position = log_position($node);
$client = waiting_alice('logoff');
signal_alice('pg_terminate_backend');
is_deeply([ $client->messages ], [], 'F9: terminated in logoff: the client gets no message');
like(log_text($node, $position, $client), qr/^57P01\|FATAL:  terminating connection/m,
	'F9: terminated in logoff: the end is in the log');
is(exit_status($node, $position, $client), 'exited with exit code 1',
	'F9: terminated in logoff: the process exits with 1');
is(take_rows($node), '', 'F9: terminated in logoff: all is rolled back');

### FATAL
set_trigger('logon', 'faults_fatal');
$position = log_position($node);
$client = connect_as($node, 'alice');
@messages = $client->messages;
is_deeply([ @{ $messages[-1] }{qw(type V C M)} ],
	[ 'E', 'FATAL', 'ST002', 'fault: fatal' ], 'F9: FATAL in logon: the client gets the error');
like(log_text($node, $position, $client),
	qr/^ST002\|CONTEXT:  event trigger "t" on event after_user_logon$/m, 'F9: FATAL in logon: the log has its context');
is(exit_status($node, $position, $client), 'exited with exit code 1', 'F9: FATAL in logon: the process exits with 1');
is(take_rows($node), '', 'F9, X: FATAL in logon: logoff does not fire');

set_trigger('logoff', 'faults_fatal');
$position = log_position($node);
$client = open_session($node, 'alice');
is_deeply([ $client->quit ], [], 'F9: FATAL in logoff: the client gets no message');
like(log_text($node, $position, $client), qr/^ST002\|FATAL:  fault: fatal$/m,
	'F9: FATAL in logoff: the log has the error');
like(log_text($node, $position, $client),
	qr/^ST002\|CONTEXT:  event trigger "t" on event before_user_logoff$/m, 'F9: FATAL in logoff: the log has its context');
is(exit_status($node, $position, $client), 'exited with exit code 1', 'F9: FATAL in logoff: the process exits with 1');
is(take_rows($node), '', 'F9: FATAL in logoff: all is rolled back');

### Shutdown
for my $event (qw(logon logoff))
{
	set_trigger($event, 'wait');
	$client = waiting_alice($event);
	$position = log_position($node);
	ok($node->stop('fast', fail_ok => 1), "F9: a fast shutdown during $event completes");
	@messages = $client->messages;
	is($messages[-1]{C}, '57P01', 'F9: the client of a logon gets the reason') if $event eq 'logon';
	is(scalar(@messages), 0, 'F9: the client of a logoff gets no message') if $event eq 'logoff';
	like(slurp_file($node->logfile, $position), qr/database system is shut down/,
		"F9: the shutdown during $event is a clean one");
	$node->start;
	is(take_rows($node), '', "F9: shutdown: all of $event is rolled back, and logoff does not fire");
	$holder = hold_lock($node);
}

# A smart shutdown waits for the client to leave, which fires logoff.
set_trigger('logon', 'after');
$client = open_session($node, 'alice');
take_rows($node);
$holder->quit;
my $shutdown = start_smart_shutdown($node);
is($client->query('SELECT 1'), '1', 'X: a smart shutdown waits for the client');
$client->quit;
ok(finish_shutdown($node, $shutdown), 'X: a smart shutdown completes once the client has left');
$node->start;
is(take_rows($node), 'after before_user_logoff', 'X: logoff fires in a smart shutdown');

log_is_clean($node, 'F12: the log has no failed assertion and no leak');
$node->stop;
done_testing();
