# Signals and FATAL errors during a firing: rule F9.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('signals', conf => 'log_min_messages = debug2');
$node->start;
admin($node, 'postgres', 'CREATE DATABASE app');
admin($node, 'app', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE EXTENSION sesstrig_faults;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
GRANT INSERT, SELECT ON fired TO PUBLIC;
-- waits for whoever holds the lock
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
# The function of one event waits, or fails; another trigger would come after.
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

# A session of alice's that waits for the lock in a trigger of that event.
sub waiting_alice
{
	my ($event) = @_;
	my $client = connect_as($node, 'alice');
	if ($event eq 'logoff')
	{
		$client->ready;
		$client->send_terminate;
	}
	ok(wait_for_event($node, 'alice', 'advisory'), "$event waits for a lock");
	return $client;
}

sub signal_alice
{
	my ($function) = @_;
	return admin($node, 'app', "SELECT $function(pid) FROM pg_stat_activity WHERE usename = 'alice'");
}

my $holder = hold_lock($node);

### A cancel request does nothing
for my $event (qw(logon logoff))
{
	set_trigger($event, 'wait');
	my $position = log_position($node);
	my $client = waiting_alice($event);
	is(signal_alice('pg_cancel_backend'), 't', 'the cancel is sent') for 1 .. 3;
	# One that was heeded would be noticed before the trigger's end.
	$holder->query('SELECT pg_advisory_unlock(42)');
	my @messages = $event eq 'logon' ? $client->ready : $client->messages;
	is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, "F9: $event: no cancel is heeded");
	if ($event eq 'logon')
	{
		is($client->query('SELECT pg_sleep(0)'), '', 'F9: nor does it hit the first query');
		$client->quit;
	}
	is(exit_status($node, $position, $client), 'exited with exit code 0', "F9: $event: the process exits with 0");
	unlike(log_text($node, $position, $client), qr/57014/, "F9: $event: the log has nothing of it");
	is(take_rows($node), "$event{$event}\nafter $event{$event}\nafter before_user_logoff",
		"F9: $event: all triggers have run");
	$holder = hold_lock($node);
}

# A logoff of a client whose loss the server noticed when it sent a result
set_trigger('logoff', 'wait');
my $position = log_position($node);
my $other = hold_lock($node, 43);
my $client = open_session($node, 'alice');
$client->send_query('SELECT pg_advisory_lock(43)');
my $waits = q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE usename = 'alice' AND wait_event = 'advisory' AND query LIKE };
ok(wait_until($node, 'app', "$waits 'SELECT%'"), 'a query waits for a lock');
$client->drop;
$other->quit;
ok(wait_until($node, 'app', "$waits 'event trigger%'"), 'logoff of a lost client waits for a lock');
is(signal_alice('pg_cancel_backend'), 't', 'the cancel is sent');
$holder->query('SELECT pg_advisory_unlock(42)');
ok(wait_for_exit($node, 'alice'), 'the lost client ends');
is(take_rows($node), "before_user_logoff\nafter before_user_logoff\nafter before_user_logoff",
	'F9: a cancel does nothing to the logoff of a lost client');
$holder = hold_lock($node);

# A trigger that sends the cancel to its own session
for my $event (qw(logon logoff))
{
	set_trigger($event, 'faults_cancel');
	my $position = log_position($node);
	my $client = connect_as($node, 'alice');
	my @messages = $client->ready;
	is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, "F9: $event: a trigger cancels itself, to no effect");
	is($client->query('SELECT 1'), '1', 'F9: the cancel does not hit the next query');
	$client->quit;
	is(exit_status($node, $position, $client),
		'exited with exit code 0', "F9: $event trigger that cancels itself: the process exits with 0");
	is(take_rows($node), "after $event{$event}\nafter before_user_logoff",
		"F9: $event: the others run");
}

my @messages;
### pg_terminate_backend
set_trigger('logon', 'wait');
$position = log_position($node);
$client = waiting_alice('logon');
signal_alice('pg_terminate_backend');
@messages = $client->messages;
is_deeply([ @{ $messages[-1] }{qw(type V C)} ],
	[qw(E FATAL 57P01)], 'F9: pg_terminate_backend ends the session in logon');
is(scalar(grep { $_->{type} =~ /[NZ]/ } @messages), 0, 'F9: the client gets no warning');
is(exit_status($node, $position, $client), 'exited with exit code 1', 'F9: terminated in logon: the process exits with 1');
is(take_rows($node), '', 'F9, X: all is rolled back, and logoff does not fire');

set_trigger('logoff', 'wait');
$position = log_position($node);
$client = waiting_alice('logoff');
signal_alice('pg_terminate_backend');
is_deeply([ $client->messages ], [], 'F9: pg_terminate_backend ends the session in logoff');
like(log_text($node, $position, $client), qr/^57P01\|FATAL:  terminating connection/m, 'F9: that is in the log');
is(exit_status($node, $position, $client), 'exited with exit code 1', 'F9: terminated in logoff: the process exits with 1');
is(take_rows($node), '', 'F9: all is rolled back');

### FATAL
set_trigger('logon', 'faults_fatal');
$position = log_position($node);
$client = connect_as($node, 'alice');
@messages = $client->messages;
is_deeply([ @{ $messages[-1] }{qw(type V C M)} ],
	[ 'E', 'FATAL', 'ST002', 'fault: fatal' ], 'F9: a FATAL in a logon trigger ends the session');
like(log_text($node, $position, $client),
	qr/^ST002\|CONTEXT:  event trigger "t" on event after_user_logon$/m, 'F9: it is in the log with its context');
is(exit_status($node, $position, $client), 'exited with exit code 1', 'F9: FATAL in logon: the process exits with 1');
is(take_rows($node), '', 'F9, X: logoff does not fire');

set_trigger('logoff', 'faults_fatal');
$position = log_position($node);
$client = open_session($node, 'alice');
is_deeply([ $client->quit ], [], 'F9: a FATAL in a logoff trigger ends the session');
like(log_text($node, $position, $client), qr/^ST002\|FATAL:  fault: fatal$/m, 'F9: it is in the log');
like(log_text($node, $position, $client),
	qr/^ST002\|CONTEXT:  event trigger "t" on event before_user_logoff$/m, 'F9: with its context');
is(exit_status($node, $position, $client), 'exited with exit code 1', 'F9: FATAL in logoff: the process exits with 1');
is(take_rows($node), '', 'F9: all is rolled back');

### shutdown
for my $event (qw(logon logoff))
{
	set_trigger($event, 'wait');
	$client = waiting_alice($event);
	$position = log_position($node);
	ok($node->stop('fast', fail_ok => 1), "F9: a fast shutdown during $event completes");
	@messages = $client->messages;
	is($messages[-1]{C}, '57P01', 'F9: the client is told') if $event eq 'logon';
	is(scalar(@messages), 0, 'F9: the client is told nothing') if $event eq 'logoff';
	like(slurp_file($node->logfile, $position), qr/database system is shut down/,
		"F9: it is a clean shutdown");
	$node->start;
	is(take_rows($node), '', "F9: all of $event is rolled back, and logoff does not fire");
	$holder = hold_lock($node);
}

# A smart shutdown waits for the client, whose logoff then fires.
set_trigger('logon', 'after');
$client = open_session($node, 'alice');
take_rows($node);
$holder->quit;
my $shutdown = start_smart_shutdown($node);
is($client->query('SELECT 1'), '1', 'X: a smart shutdown waits for the client');
$client->quit;
ok(finish_shutdown($node, $shutdown), 'X: then the server is gone');
$node->start;
is(take_rows($node), 'after before_user_logoff', 'X: logoff fires in a smart shutdown');

log_is_clean($node, 'F12: nothing is left behind');
$node->stop;
done_testing();
