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
CREATE TABLE fired (line text);
GRANT INSERT, SELECT ON fired TO PUBLIC;
-- waits for whoever holds the lock
CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired VALUES (tg_event);
        PERFORM pg_advisory_xact_lock(42);
    END IF;
END
$$;
CREATE FUNCTION after() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired VALUES ('after ' || tg_event);
    END IF;
END
$$;
EOF

my %event = (logon => 'after_user_logon', logoff => 'before_user_logoff');
my $holder;

sub hold_lock
{
	$holder = connect_raw(
		$node,
		user => 'root',
		database => 'app',
		options => '-c session_triggers.enabled=off');
	$holder->ready;
	$holder->query('SELECT pg_advisory_lock(42)');
	return;
}

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

sub alice
{
	return connect_raw($node, user => 'alice', database => 'app');
}

# A session of alice's that waits for the lock in a trigger of that event.
sub waiting_alice
{
	my ($event) = @_;
	my $client = alice();
	if ($event eq 'logoff')
	{
		$client->ready;
		$client->send_terminate;
	}
	ok( wait_until($node, 'app',
			q{SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'alice' AND wait_event = 'advisory'}),
		"$event waits for a lock");
	return $client;
}

sub signal_alice
{
	my ($function) = @_;
	return admin($node, 'app', "SELECT $function(pid) FROM pg_stat_activity WHERE usename = 'alice'");
}

# All rows; empties the table.
sub rows
{
	return admin($node, 'app', 'DELETE FROM fired RETURNING line');
}

sub logged
{
	my ($position, $client) = @_;
	return join "\n", log_lines($node, $position, $client->pid);
}

sub is_exit
{
	my ($what, $position, $client, $code) = @_;
	my $pid = $client->pid;
	ok($node->wait_for_log(qr/\(PID $pid\) exited with exit code $code/, $position),
		"$what: the process exits with $code");
	return;
}

# Waits for the end of a server that was not stopped with $node->stop.
sub wait_for_end
{
	my $pid_file = $node->data_dir . '/postmaster.pid';
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		if (!-e $pid_file)
		{
			$node->_update_pid(0);
			return 1;
		}
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

hold_lock();

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
	is_exit("F9: $event", $position, $client, 0);
	is(logged($position, $client) =~ /57014/ ? 1 : 0, 0, "F9: $event: the log has nothing of it");
	is(rows(), "$event{$event}\nafter $event{$event}\nafter before_user_logoff",
		"F9: $event: all triggers have run");
	hold_lock();
}

# A logoff of a client whose loss the server noticed when it sent a result
set_trigger('logoff', 'wait');
my $position = log_position($node);
my $other = connect_raw(
	$node,
	user => 'root',
	database => 'app',
	options => '-c session_triggers.enabled=off');
$other->ready;
$other->query('SELECT pg_advisory_lock(43)');
my $client = alice();
$client->ready;
$client->send_query('SELECT pg_advisory_lock(43)');
my $waits = q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE usename = 'alice' AND wait_event = 'advisory' AND query LIKE };
ok(wait_until($node, 'app', "$waits 'SELECT%'"), 'a query waits for a lock');
$client->drop;
$other->quit;
ok(wait_until($node, 'app', "$waits 'event trigger%'"), 'logoff of a lost client waits for a lock');
signal_alice('pg_cancel_backend');
$holder->query('SELECT pg_advisory_unlock(42)');
ok(wait_until($node, 'app', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'alice'}), 'the lost client ends');
is(rows(), "before_user_logoff\nafter before_user_logoff\nafter before_user_logoff",
	'F9: a cancel does nothing to the logoff of a lost client');
hold_lock();

# A trigger that sends the cancel to its own session
for my $event (qw(logon logoff))
{
	set_trigger($event, 'faults_cancel');
	my $position = log_position($node);
	my $client = alice();
	my @messages = $client->ready;
	is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, "F9: $event: a trigger cancels itself, to no effect");
	is($client->query('SELECT 1'), '1', 'F9: the cancel does not hit the next query');
	$client->quit;
	is_exit("F9: $event trigger that cancels itself", $position, $client, 0);
	is(rows(), "after $event{$event}\nafter before_user_logoff",
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
is_exit('F9: terminated in logon', $position, $client, 1);
is(rows(), '', 'F9, X: all is rolled back, and logoff does not fire');

set_trigger('logoff', 'wait');
$position = log_position($node);
$client = waiting_alice('logoff');
signal_alice('pg_terminate_backend');
is_deeply([ $client->messages ], [], 'F9: pg_terminate_backend ends the session in logoff');
like(logged($position, $client), qr/^57P01\|FATAL:  terminating connection/m, 'F9: that is in the log');
is_exit('F9: terminated in logoff', $position, $client, 1);
is(rows(), '', 'F9: all is rolled back');

### FATAL
set_trigger('logon', 'faults_fatal');
$position = log_position($node);
$client = alice();
@messages = $client->messages;
is_deeply([ @{ $messages[-1] }{qw(type V C M)} ],
	[ 'E', 'FATAL', 'ST002', 'fault: fatal' ], 'F9: a FATAL in a logon trigger ends the session');
like(logged($position, $client),
	qr/^ST002\|CONTEXT:  event trigger "t" on event after_user_logon$/m, 'F9: it is in the log with its context');
is_exit('F9: FATAL in logon', $position, $client, 1);
is(rows(), '', 'F9, X: logoff does not fire');

set_trigger('logoff', 'faults_fatal');
$position = log_position($node);
$client = alice();
$client->ready;
is_deeply([ $client->quit ], [], 'F9: a FATAL in a logoff trigger ends the session');
like(logged($position, $client), qr/^ST002\|FATAL:  fault: fatal$/m, 'F9: it is in the log');
like(logged($position, $client),
	qr/^ST002\|CONTEXT:  event trigger "t" on event before_user_logoff$/m, 'F9: with its context');
is_exit('F9: FATAL in logoff', $position, $client, 1);
is(rows(), '', 'F9: all is rolled back');

### shutdown
for my $event (qw(logon logoff))
{
	set_trigger($event, 'wait');
	$client = waiting_alice($event);
	$position = log_position($node);
	ok($node->stop('fast'), "F9: a fast shutdown during $event completes");
	@messages = $client->messages;
	is($messages[-1]{C}, '57P01', 'F9: the client is told') if $event eq 'logon';
	is(scalar(@messages), 0, 'F9: the client is told nothing') if $event eq 'logoff';
	like(slurp_file($node->logfile, $position), qr/database system is shut down/,
		"F9: it is a clean shutdown");
	$node->start;
	is(rows(), '', "F9: all of $event is rolled back, and logoff does not fire");
	hold_lock();
}

# A smart shutdown waits for the client, whose logoff then fires.
set_trigger('logon', 'after');
$client = alice();
$client->ready;
rows();
$holder->quit;
$position = log_position($node);
$node->command_ok([ 'pg_ctl', '--pgdata' => $node->data_dir, '--mode' => 'smart', '--no-wait', 'stop' ],
	'a smart shutdown begins');
$node->wait_for_log(qr/received smart shutdown request/, $position);
is($client->query('SELECT 1'), '1', 'X: a smart shutdown waits for the client');
$client->quit;
$node->wait_for_log(qr/database system is shut down/, $position);
ok(wait_for_end(), 'X: then the server is gone');
$node->start;
is(rows(), 'after before_user_logoff', 'X: logoff fires in a smart shutdown');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|leak/, 'F12: nothing is left behind');
$node->stop;
done_testing();
