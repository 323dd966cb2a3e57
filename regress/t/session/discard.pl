# DISCARD ALL as the end of one use of a session and the start of the next: rules R1, R2, R4
# in every protocol, what F1 to F11 and table X mean for it, and R3 for the session audit.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('discard', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
log_min_messages = debug2
session_triggers.fire_on_discard = on
EOC
$node->start;
my $major = int($node->pg_version);
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE staff;
GRANT staff TO alice;
CREATE ROLE root LOGIN SUPERUSER;
CREATE EXTENSION sesstrig_faults;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE SEQUENCE token;
-- What the client has left, and what it holds for others
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (concat_ws(' ', tg_event, tg_tag,
        nullif(current_setting('app.token', true), ''), to_regclass('pg_temp.mine'),
        (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
        (SELECT count(*) FROM pg_cursors WHERE name = 'c'), polar_login_user));
END
$$;
CREATE FUNCTION set_up() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.token', nextval('public.token')::text, false);
    SET TimeZone = 'Asia/Tokyo';
    CREATE TEMP TABLE notes ();
    SET ROLE staff;
    RAISE NOTICE 'token %', current_setting('app.token');
END
$$;
GRANT USAGE ON SEQUENCE token TO PUBLIC;
-- Waits for the lock that hold_lock() takes
CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
END
$$;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no % for %', tg_event, polar_login_user USING ERRCODE = 'P0042';
END
$$;
CREATE FUNCTION say() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'bye';
END
$$;
CREATE FUNCTION discard() RETURNS void LANGUAGE plpgsql AS 'BEGIN DISCARD ALL; END';
CREATE PROCEDURE discard_too() LANGUAGE plpgsql AS 'BEGIN DISCARD ALL; END';
EOS
my $root = open_quiet_session($node);
# The event in short, and how it is created
my %event = (logon => 'after_user_logon', logoff => 'before_user_logoff');

# Has these triggers, and no other ones: pairs of an event and a function. They fire in
# this order.
sub set_triggers
{
	my @pairs = @_;
	my $number = 0;
	$root->query('DROP EVENT TRIGGER ' . $_) for
	  split /\n/, admin($node, 'app', 'SELECT evtname FROM pg_event_trigger');
	while (my ($event, $function) = splice @pairs, 0, 2)
	{
		$root->query(sprintf 'CREATE EVENT TRIGGER t%02d ON %s EXECUTE FUNCTION %s()', ++$number, $event{$event}, $function);
	}
	take_rows($node);
	return;
}

# Sends statements in the extended protocol, with one Sync after all of them.
sub send_pipeline
{
	my ($client, @statements) = @_;
	for my $statement (@statements)
	{
		$client->send_message('P', "\0$statement\0" . pack('n', 0));
		$client->send_message('B', "\0\0" . pack('nnn', 0, 0, 0));
		$client->send_message('E', "\0" . pack('N', 0));
	}
	$client->send_message('S', '');
	return;
}

sub pipeline
{
	my ($client, @statements) = @_;
	send_pipeline($client, @statements);
	return $client->messages;
}

# The SQLSTATEs of the errors among messages
sub errors { return join ' ', map { "$_->{S} $_->{C}" } grep { $_->{type} eq 'E' } @_; }

# The notices and warnings among messages
sub notices { return join "\n", map { $_->{M} } grep { $_->{type} eq 'N' } @_; }

# What the triggers set_up() has set, and what a client has left
my $state = q{SELECT concat_ws(' ', current_setting('app.token', true), current_setting('TimeZone'),
	to_regclass('pg_temp.notes'), to_regclass('pg_temp.mine'), current_user, (SELECT count(*) FROM pg_prepared_statements))};

# Leaves something in the session.
sub leave_something
{
	my ($client) = @_;
	$client->query($_)
	  for q{SET app.token = 'stolen'}, 'RESET ROLE', 'CREATE TEMP TABLE mine ()', 'PREPARE p AS SELECT 1',
	  'SELECT pg_advisory_lock(7)', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', q{SET TimeZone = 'UTC'};
	return;
}

my @usual = (logoff => 'note', logon => 'note', logon => 'set_up', logoff => 'say');

### R1: the firings, in each protocol

for my $protocol ('the simple protocol', 'the extended protocol', 'a prepared statement')
{
	set_triggers(@usual);
	my $client = open_session($node, 'alice');
	my $token = $client->query(q{SELECT current_setting('app.token')});
	is(take_rows($node), 'after_user_logon LOGON 0 0 alice', "E2: $protocol: the logon");
	leave_something($client);
	$client->query('PREPARE q AS SELECT 1');
	if ($protocol eq 'a prepared statement')
	{
		$client->send_message('P', "d\0DISCARD ALL\0" . pack('n', 0));
		$client->send_message('B', "\0d\0" . pack('nnn', 0, 0, 0));
		$client->send_message('E', "\0" . pack('N', 0));
		$client->send_message('S', '');
	}
	elsif ($protocol eq 'the extended protocol') { send_pipeline($client, 'DISCARD ALL'); }
	else { $client->send_query('DISCARD ALL'); }
	my @messages = $client->messages;
	is(errors(@messages), '', "R1: $protocol: the command succeeds");
	is(scalar(grep { $_->{type} eq 'C' } @messages), 1, "R1: $protocol: the command is completed once");
	is($messages[-1]{status}, 'I', "R1: $protocol: the session is idle");
	$token++;
	is(notices(@messages), "token $token",
		"R1, F5: $protocol: notices of logon reach the client, those of logoff do not");
	is(join(' ', map { $_->{value} } grep { $_->{type} eq 'S' && $_->{name} eq 'TimeZone' } @messages),
		'Asia/Tokyo', "R1, F5: $protocol: the client learns what a trigger set");
	is( take_rows($node),
		"before_user_logoff DISCARD ALL stolen mine 0 0 alice\nafter_user_logon DISCARD ALL 0 0 alice",
		"R1, G1: $protocol: logoff finds what the client has left, but for locks and cursors, and logon finds nothing");
	is($client->query($state), "$token Asia/Tokyo notes staff 0", "R1, F5: $protocol: the next client has what logon set");
	is(admin($node, 'app', 'SELECT state, query FROM pg_stat_activity WHERE pid = ' . $client->pid) =~ s/\|SELECT concat_ws.*/|SELECT/sr,
		'idle|SELECT', "F11: $protocol: the session is idle");
	$client->quit;
	is(take_rows($node), "before_user_logoff LOGOFF $token 0 0 alice", "X: $protocol: the end of the session fires logoff");
}

set_triggers(@usual);
my $client = open_session($node, 'alice');
$client->query('DISCARD ALL');
is(admin($node, 'app', 'SELECT state, query FROM pg_stat_activity WHERE pid = ' . $client->pid),
	'idle|DISCARD ALL', 'F11: afterward pg_stat_activity shows the command');
take_rows($node);
my $pair = "before_user_logoff DISCARD ALL";
is(errors(pipeline($client, 'DISCARD ALL', 'SELECT 1')), '', 'R1: the first command of a pipeline');
like(take_rows($node), qr/\Abefore_user_logoff DISCARD ALL.*\nafter_user_logon DISCARD ALL.*\z/, 'R1: it fires both events');
is(errors(pipeline($client, 'DISCARD ALL', 'DISCARD ALL')), '', 'R1: two of them in a pipeline');
like(take_rows($node), qr/\A(before_user_logoff DISCARD ALL.*\nafter_user_logon DISCARD ALL.*\n?){2}\z/, 'R1: they fire each event twice');
# The memory of a plan that was given up is overwritten in a server with assertions.
$root->query('CREATE EVENT TRIGGER t00 ON before_user_logoff EXECUTE FUNCTION fail()');
is(errors(pipeline($client, 'DISCARD ALL', q{SELECT current_setting('app.token')})), '', 'R2: a pipeline goes on after a failed logoff');
$client->quit;

### R4: off, and refused

set_triggers(@usual);
$client = open_session($node, 'alice');
take_rows($node);
my @refused = (
	[ 'in a transaction block', ['BEGIN'], 'DISCARD ALL', '25001', 'ROLLBACK' ],
	[ 'in a failed transaction', [ 'BEGIN', 'SELECT 1/0' ], 'DISCARD ALL', '25P02', 'ROLLBACK' ],
	[ 'before another statement', [], 'DISCARD ALL; SELECT 1', '25001', '' ],
	[ 'after another statement', [], 'SELECT 1; DISCARD ALL', '25001', '' ],
	[ 'in a function', [], 'SELECT discard()', '25001', '' ],
	[ 'in a procedure', [], 'CALL discard_too()', '25001', '' ],
	[ 'in an anonymous block', [], q{DO 'BEGIN DISCARD ALL; END'}, '25001', '' ]);
for my $case (@refused)
{
	my ($where, $before, $statement, $sqlstate, $after) = @$case;
	$client->try_query($_) for @$before;
	is(errors($client->query($statement)), "ERROR $sqlstate", "R4: $where it is refused");
	is(take_rows($node), '', "R4: $where it fires nothing");
	$client->try_query($after) if $after;
}
is(errors(pipeline($client, 'SELECT 1', 'DISCARD ALL')), 'ERROR 25001', 'R4: after another command of a pipeline it is refused');
is(take_rows($node), '', 'R4: after another command of a pipeline it fires nothing');
$client->query("DISCARD $_") for qw(TEMP PLANS SEQUENCES);
is(take_rows($node), '', 'R1: the other DISCARD commands fire nothing');
$client->query('RESET ROLE');
is(errors($client->query('SET session_triggers.fire_on_discard = off')), 'ERROR 42501', 'R1: users cannot turn it off');
is(errors($client->query('ALTER ROLE alice SET session_triggers.fire_on_discard = off')), 'ERROR 42501', 'R1: not for their role either');
$client->quit;
my ($message) = grep { $_->{type} eq 'E' } connect_as($node, 'alice', options => '-c session_triggers.fire_on_discard=off')->messages;
is($message->{C}, '42501', 'R1: nor when they connect');

set_triggers(logoff => 'note', logon => 'note');
my $super = open_session($node, 'root');
take_rows($node);
$super->query('SET session_triggers.fire_on_discard = off');
$super->query('DISCARD ALL');
is(take_rows($node), '', 'R4: off, it fires nothing');
is($super->query('SHOW session_triggers.fire_on_discard'), 'on', 'R1: the command resets the setting');
$super->quit;
admin($node, 'app', 'ALTER DATABASE app SET session_triggers.fire_on_discard = off');
$super = open_session($node, 'root');
take_rows($node);
$super->query('DISCARD ALL');
is(take_rows($node), '', 'R4: off for the database, it fires nothing');
$super->query('SET session_triggers.fire_on_discard = on');
$super->query('DISCARD ALL');
is(scalar(split /\n/, take_rows($node)), 2, 'R1: what counts is the value before the command');
$super->quit;
admin($node, 'app', 'ALTER ROLE alice IN DATABASE app SET session_triggers.fire_on_discard = on');
$client = open_session($node, 'alice');
take_rows($node);
$client->query('DISCARD ALL');
is(scalar(split /\n/, take_rows($node)), 2, 'R1: on for the role, it fires both events');
$client->quit;
admin($node, 'app', 'ALTER ROLE alice IN DATABASE app RESET session_triggers.fire_on_discard');
admin($node, 'app', 'ALTER DATABASE app RESET session_triggers.fire_on_discard');

# Each firing looks at the settings of its time.
for my $off ('session_triggers.enabled = off', 'session_replication_role = replica', 'event_triggers = off')
{
	next if $major < 17 && $off =~ /^event/;
	$super = open_session($node, 'root');
	take_rows($node);
	$super->query("SET $off");
	$super->query('DISCARD ALL');
	is(take_rows($node), 'after_user_logon DISCARD ALL 0 0 root', "R1, E5: with $off only the next use has its event");
	$super->quit;
}
admin($node, 'app', q{SELECT faults_run_worker('app', 'DISCARD ALL')});
take_rows($node);
admin($node, 'app', q{SELECT faults_run_worker('app', 'DISCARD ALL')});
is(take_rows($node), '', 'E7: in a background worker it fires nothing');

# Triggers that were created since the session's last command
set_triggers();
$client = open_session($node, 'alice');
$client->query('DISCARD ALL');
$root->query('CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION note()');
$client->query('DISCARD ALL');
is(take_rows($node), 'after_user_logon DISCARD ALL 0 0 alice', 'E9: new triggers count');
$client->quit;

# Oracle's word for the event
set_triggers();
$root->query($_) for q{CREATE FUNCTION oracle() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
	'BEGIN INSERT INTO public.fired (line) VALUES (concat_ws($x$ $x$, ora_sysevent, tg_tag)); END'},
  'CREATE EVENT TRIGGER a ON after_user_logon EXECUTE FUNCTION oracle()',
  'CREATE EVENT TRIGGER b ON before_user_logoff EXECUTE FUNCTION oracle()';
$client = open_session($node, 'alice');
$client->query('DISCARD ALL');
$client->quit;
is(take_rows($node), "LOGON LOGON\nLOGOFF DISCARD ALL\nLOGON DISCARD ALL\nLOGOFF LOGOFF",
	'D9: ora_sysevent is the event that Oracle knows');

### F7: what the client has set

set_triggers(logoff => 'note', logon => 'note');
$root->query(q{CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM pg_sleep(0.05); END'});
$root->query("CREATE EVENT TRIGGER slow_$_ ON $event{$_} EXECUTE FUNCTION slow()") for qw(logon logoff);
$client = open_session($node, 'alice');
take_rows($node);
my $position = log_position($node);
my @hostile = (
	'SET default_transaction_read_only = on', q{SET default_transaction_isolation = 'serializable'},
	'SET lock_timeout = 1', 'SET row_security = off', 'SET ROLE staff', 'SET exit_on_error = on',
	'SET standard_conforming_strings = off', q{SET client_min_messages = 'debug5'}, 'SET work_mem = 64',
	q{SET client_encoding = 'LATIN1'}, 'SET idle_session_timeout = 5000', 'SET client_connection_check_interval = 1',
	'SET statement_timeout = 30', $major < 17 ? () : ('SET transaction_timeout = 30'));
for my $protocol ('simple', 'extended')
{
	# The last one is short, so each statement has it only for a moment.
	pipeline($client, @hostile);
	my @messages = $protocol eq 'simple' ? $client->query('DISCARD ALL') : pipeline($client, 'DISCARD ALL');
	is(errors(@messages), '', "F7: $protocol: no timeout of the client ends the command");
	is( take_rows($node),
		"before_user_logoff DISCARD ALL 0 0 alice\nafter_user_logon DISCARD ALL 0 0 alice",
		"F7: $protocol: what a client has set keeps neither event from being recorded");
	is($client->query('SHOW statement_timeout'), '0', "R1: $protocol: what the client has set is reset");
}
is(join("\n", grep { /ERROR|FATAL/ } log_lines($node, $position, $client)), '', 'F7: the log has no error');
$client->quit;

### R2: failures

for my $protocol ('simple', 'extended')
{
	my $discard = sub { return $protocol eq 'simple' ? $_[0]->query('DISCARD ALL') : pipeline($_[0], 'DISCARD ALL'); };
	set_triggers(logoff => 'note', logoff => 'fail', logon => 'note', logon => 'set_up');
	my $client = open_session($node, 'alice');
	my $token = 1 + $client->query(q{SELECT current_setting('app.token')});
	take_rows($node);
	leave_something($client);
	my $position = log_position($node);
	my @messages = $discard->($client);
	is(errors(@messages), '', "R2: $protocol: after a failed logoff the command succeeds");
	is(notices(@messages), "token $token", "R2, F4: $protocol: the client gets no message of a failed logoff");
	is(take_rows($node), 'after_user_logon DISCARD ALL 0 0 alice', "R2, F2: $protocol: what logoff did is rolled back, and logon fires");
	is($client->query($state), "$token Asia/Tokyo notes staff 0", "R2: $protocol: everything is discarded, and set anew");
	my $log = log_text($node, $position, $client);
	like($log, qr/^P0042\|ERROR:  no before_user_logoff for alice$/m, "R2, F4: $protocol: the log has the error");
	like($log, qr/^P0042\|CONTEXT:  .*event trigger "t02" on event before_user_logoff$/m, "R2, F3: $protocol: and where it occurred");
	like($log, qr/^P0042\|STATEMENT:  DISCARD ALL$/m, "R2: $protocol: and in which statement");
	$client->quit;

	set_triggers(logoff => 'note', logon => 'set_up', logon => 'fail');
	$client = open_session($node, 'alice');
	leave_something($client);
	$position = log_position($node);
	@messages = $discard->($client);
	is(errors(@messages), '', "F3: $protocol: no error is sent for a failed logon");
	is(join(' ', map { "$_->{S} $_->{C} $_->{M}" } grep { $_->{type} eq 'N' && $_->{M} !~ /^token/ } @messages),
		"WARNING 01000 $WARNING", "F3: $protocol: the client gets the warning");
	is($client->query($state) =~ s/^ //r, 'UTC alice 0' =~ s/UTC/$client->query('SHOW TimeZone')/er,
		"F3, F2: $protocol: the session goes on, and nothing is left of either use");
	like(log_text($node, $position, $client), qr/^P0042\|ERROR:  no after_user_logon for alice$/m, "F3: $protocol: the log has the error");
	$client->quit;

	admin($node, 'app', q{ALTER DATABASE app SET session_triggers.logon_failure = 'reject'});
	$root->query('ALTER EVENT TRIGGER t03 DISABLE');
	$client = open_session($node, 'alice');
	my $super = open_session($node, 'root');
	$root->query('ALTER EVENT TRIGGER t03 ENABLE');
	take_rows($node);
	$position = log_position($node);
	is(errors($discard->($client)), 'FATAL P0042', "R2, F3: $protocol: a rejected logon ends the session");
	is(exit_status($node, $position, $client), 'exited with exit code 1', "R2: $protocol: with an error");
	like(take_rows($node), qr/\Abefore_user_logoff DISCARD ALL.* alice\z/, "R2, X: $protocol: logoff does not fire once more");
	is(errors($discard->($super)), '', "R2: $protocol: superusers are not rejected");
	$super->quit;
	admin($node, 'app', 'ALTER DATABASE app RESET session_triggers.logon_failure');
}

# Who was a superuser at logon may be none at the next use.
set_triggers(logon => 'fail');
$root->query($_) for 'CREATE ROLE former LOGIN SUPERUSER', q{ALTER ROLE former SET session_triggers.logon_failure = 'reject'};
$client = open_session($node, 'former');
$root->query('ALTER ROLE former NOSUPERUSER');
is(errors($client->query('DISCARD ALL')), 'FATAL P0042', 'R2: whether a user is a superuser is found out anew');

# The command itself fails: it cannot drop a temporary table that is locked. A pool may not
# look at the error, so nobody goes on with the session.
for my $protocol ('simple', 'extended')
{
	for my $trigger ('logoff', 'logon')
	{
		set_triggers($trigger => 'note', $trigger eq 'logoff' ? () : (logon => 'set_up'));
		admin($node, 'app', q{ALTER ROLE alice SET lock_timeout = '100ms'});
		my $client = open_session($node, 'alice');
		$client->query('CREATE TEMP TABLE mine ()');
		my $table = $client->query(q{SELECT pg_my_temp_schema()::regnamespace || '.mine'});
		my $holder = open_quiet_session($node);
		$holder->query('BEGIN');
		$holder->query("LOCK $table");
		take_rows($node);
		my $position = log_position($node);
		$protocol eq 'simple' ? $client->send_query('DISCARD ALL') : send_pipeline($client, 'DISCARD ALL');
		$node->wait_for_log(qr/FATAL:  terminating connection because DISCARD ALL failed/, $position);
		# A process that exits drops its temporary tables, and waits for the lock again.
		$holder->query('ROLLBACK');
		my @messages = $client->messages;
		is(errors(@messages), 'ERROR 55P03 FATAL 55P03', "R2: $protocol: if the command fails, the session ends");
		is(exit_status($node, $position, $client), 'exited with exit code 1', "R2: $protocol: with an error");
		like(log_text($node, $position, $client), qr/FATAL:  terminating connection because DISCARD ALL failed$/m, "R2: $protocol: the log says why");
		like(take_rows($node), $trigger eq 'logoff' ? qr/\Abefore_user_logoff DISCARD ALL[^\n]*\z/ : qr/\A\z/, "R2, X: $protocol: nothing else fires");
		$holder->quit;
		admin($node, 'app', 'ALTER ROLE alice RESET lock_timeout');
	}
}

# The client before has a short time limit, and so much to clean up that it is over soon. It
# can be over before the command begins, which then has no effect at all.
set_triggers(logon => 'set_up');
{
	my $client = open_session($node, 'alice');
	$client->query(join ';', map { "DECLARE c$_ CURSOR WITH HOLD FOR SELECT" } 1 .. 4_000);
	$client->query(q{SET app.token = 'stolen'});
	$client->query('SET statement_timeout = 1');
	my $error = 'not tried';
	for (1 .. 20)
	{
		$error = errors($client->query('DISCARD ALL'));
		last if !$error;
	}
	is($error, '', 'F7, R2: a statement_timeout does not cancel the command');
	isnt($client->query(q{SELECT current_setting('app.token', true)}), 'stolen', 'F7, R2: and the next client has its own values') if !$error;
	$client->quit;
}

### F9 to F11 and table X: signals

# Starts DISCARD ALL in a session of alice's that has to wait in logoff, in the command
# itself, or in logon. Returns it, and the session that makes it wait.
sub start_waiting
{
	my ($where, @others) = @_;
	@others = (logoff => 'note') if !@others;
	set_triggers(@others, $where eq 'the command' ? () : ($where => 'wait'), logon => 'note');
	my $client = open_session($node, 'alice');
	my $holder;
	if ($where eq 'the command')
	{
		$client->query('CREATE TEMP TABLE mine ()');
		$holder = open_quiet_session($node);
		$holder->query('BEGIN');
		$holder->query('LOCK ' . $client->query(q{SELECT pg_my_temp_schema()::regnamespace || '.mine'}));
	}
	else { $holder = hold_lock($node); }
	take_rows($node);
	$client->send_query('DISCARD ALL');
	return ($client, $holder);
}

# The same, when it waits.
sub waiting
{
	my ($where) = @_;
	my ($client, $holder) = start_waiting(@_);
	ok(wait_for_event($node, $client, $where eq 'the command' ? 'relation' : 'advisory'), "$where waits for a lock");
	return ($client, $holder);
}

my %between = (logoff => 'before_user_logoff', 'the command' => 'the command', logon => 'after_user_logon');
for my $where ('logoff', 'the command', 'logon')
{
	my ($client, $holder) = waiting($where);
	is( admin($node, 'app', 'SELECT state, query FROM pg_stat_activity WHERE pid = ' . $client->pid),
		$where eq 'the command' ? 'active|DISCARD ALL' : 'active|event trigger "t02" on event ' . $event{$where},
		"F11: $where is shown while it runs");
	is(admin($node, 'app', 'SELECT pg_cancel_backend(' . $client->pid . ')'), 't', "$where: a cancel is sent") for 1 .. 3;
	$holder->quit;
	my @messages = $client->messages;
	is(errors(@messages), '', "F9: a cancel during $where has no effect");
	is($client->query('SELECT pg_sleep(0)'), '', "F9: nor does it hit the next query");
	like(take_rows($node), qr/\Abefore_user_logoff DISCARD ALL.*\nafter_user_logon DISCARD ALL.*\z/, "F9: both events have fired, with a cancel during $where");
	$client->quit;
}

# With no logoff trigger, it is the command that comes first.
{
	my ($client, $holder) = waiting('the command', logon => 'note');
	admin($node, 'app', 'SELECT pg_cancel_backend(' . $client->pid . ')');
	$holder->quit;
	is(errors($client->messages), '', 'F9: without logoff triggers, a cancel during the command has no effect');
	is(take_rows($node), join("\n", ('after_user_logon DISCARD ALL 0 0 alice') x 2), 'F9: and logon has fired');
	$client->quit;
}

for my $mode ('client', 'exit')
{
	admin($node, 'app', "ALTER DATABASE app SET session_triggers.logoff_on = '$mode'");
	for my $where ('logoff', 'the command', 'logon')
	{
		my ($client, $holder) = waiting($where);
		my $position = log_position($node);
		is(admin($node, 'app', 'SELECT pg_terminate_backend(' . $client->pid . ')'), 't', "$where: a request to terminate is sent");
		# It waits only in logoff, and there only where an end by the server fires logoff.
		$node->wait_for_log(qr/57P01\|FATAL:  terminating connection/, $position) unless $where eq 'logoff' && $mode eq 'exit';
		$holder->quit;
		my @messages = $client->messages;
		is(exit_status($node, $position, $client), 'exited with exit code 1', "X: $mode: a request during $where ends the session");
		like(log_text($node, $position, $client), qr/^57P01\|FATAL:  terminating connection/m, "X: $mode: during $where: the log says why");
		is(errors(@messages), 'FATAL 57P01', "X: $mode: during $where: so does the client's message") unless $where eq 'logoff' && $mode eq 'client';
		like(take_rows($node), $where eq 'logoff' && $mode eq 'client' ? qr/\A\z/ : qr/\Abefore_user_logoff DISCARD ALL[^\n]*\z/,
			"X: $mode: during $where: what has been committed stays, and nothing else fires");
	}
	my ($client, $holder) = waiting('logoff');
	$client->drop;
	$holder->quit;
	wait_for_exit($node, 'alice');
	like(take_rows($node), qr/\Abefore_user_logoff DISCARD ALL.*\nafter_user_logon DISCARD ALL.*\nbefore_user_logoff LOGOFF.*\z/,
		"X: $mode: a client that goes away during logoff keeps nothing from being recorded");
}
admin($node, 'app', 'ALTER DATABASE app RESET session_triggers.logoff_on');

for my $event (qw(logoff logon))
{
	admin($node, 'app', "ALTER DATABASE app SET session_triggers.${event}_timeout = '200ms'");
	my $position = log_position($node);
	my ($client, $holder) = start_waiting($event);
	my @messages = $client->messages;
	is(errors(@messages), '', "F10: $event: the time limit does not fail the command");
	like(log_text($node, $position, $client), qr/^57014\|ERROR:  canceling event triggers due to session_triggers.${event}_timeout$/m,
		"F10: $event: the time limit ends the firing");
	like(take_rows($node), $event eq 'logon' ? qr/\Abefore_user_logoff[^\n]*\z/ : qr/\Aafter_user_logon[^\n]*\z/, "F10: $event: the other event fires");
	$client->quit;
	$holder->quit;
	admin($node, 'app', "ALTER DATABASE app RESET session_triggers.${event}_timeout");
}

for my $event (qw(logoff logon))
{
	set_triggers(logoff => 'note', $event => 'faults_panic', logon => 'note');
	my $client = open_session($node, 'alice');
	take_rows($node);
	is(errors($client->query('DISCARD ALL')), '', "F13: $event: a panic does not fail the command");
	like(take_rows($node), $event eq 'logon' ? qr/\Abefore_user_logoff[^\n]*\z/ : qr/\Aafter_user_logon[^\n]*\z/, "F13: $event: the other event fires");
	$client->quit;
}

### F12: a thousand uses

set_triggers(@usual);
$client = open_session($node, 'alice');
my $memory = 'SELECT sum(used_bytes) FROM pg_backend_memory_contexts';
$root->query('GRANT pg_read_all_stats TO staff');
$root->query('GRANT EXECUTE ON FUNCTION pg_get_backend_memory_contexts() TO PUBLIC');
$root->query('GRANT SELECT ON pg_backend_memory_contexts TO PUBLIC');
my @used;
for my $number (1 .. 1000)
{
	$client->query('DISCARD ALL');
	push @used, scalar $client->query($memory) if $number == 100 || $number == 1000;
}
cmp_ok($used[1] - $used[0], '<', 20_000, "F12: 900 uses leave no memory behind ($used[0], $used[1])");
is($client->query('SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype NOT IN ($$virtualxid$$, $$relation$$)'), '0', 'F12: nor locks');
$client->quit;

# The same for each copy of an error.
for my $event (qw(logon logoff))
{
	set_triggers($event => 'fail');
	$client = open_session($node, 'alice');
	my $used = sub {
		$client->query('DISCARD ALL') for 1 .. 30;
		return join ' ', map { scalar $client->query("SELECT $_ FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext'") } 'sum(used_bytes)', 'sum(total_bytes)';
	};
	$used->();
	is($used->(), $used->(), "F12: a $event that fails leaves no memory behind");
	is($client->query(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'session trigger%'}), '0', 'F12: nor a memory context');
	$client->quit;
}

### R3: the session audit

# It counts uses also where there is no trigger.
set_triggers();
start_audit($node);
$client = open_session($node, 'alice', application_name => 'pool');
my $is_mine = q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
my $in_order = 'ORDER BY logon_at';
$client->query(q{SET application_name = 'first'});
$client->query('SELECT count(*) FROM pg_class a, pg_class b');
$client->query(q{DO 'BEGIN PERFORM 1 FROM generate_series(1, 300000); END'});
$client->query('DISCARD ALL');
my $states = q{concat_ws(' ', state, ended_by)};
is(admin($node, 'postgres', "SELECT string_agg($states, ', ' $in_order) FROM session_audit.sessions WHERE $is_mine"),
	'ended reset, active', 'R3, A9: the first use has ended, the second one is active');
$client->query(q{SET application_name = 'second'});
$client->quit;
wait_for_audit($node, $is_mine, 'logon|pool logoff|first|reset logon|pool logoff|second|client',
	'R3: the audit has a logoff and a logon, with the application name of the time',
	'event, application_name, ended_by, sqlstate');
is( admin($node, 'postgres', "SELECT count(DISTINCT session_id), count(DISTINCT logon_at), bool_and(event = 'logoff' OR at = logon_at) FROM session_audit.log WHERE $is_mine"),
	'1|2|t', 'R3: the rows of both uses have the same session, and each use has a logon_at of its own');
is( admin($node, 'postgres', "SELECT string_agg(concat_ws(' ', state, ended_by, duration > '0'), ', ' $in_order) FROM session_audit.sessions WHERE $is_mine"),
	'ended reset t, ended client t', 'R3, A9: the view has a row for each use');
is( admin($node, 'postgres', "SELECT max(cpu) FILTER (WHERE ended_by = 'reset') > max(cpu) FILTER (WHERE ended_by = 'client') FROM session_audit.sessions WHERE $is_mine"),
	't', 'R3, A9: what one use has used does not count for the next');

# A request to terminate the session while the triggers of logoff run
$root->query('CREATE EVENT TRIGGER b_wait ON before_user_logoff EXECUTE FUNCTION wait()');
$client = open_session($node, 'alice');
my $holder = hold_lock($node);
$client->send_query('DISCARD ALL');
wait_for_event($node, $client, 'advisory');
admin($node, 'app', 'SELECT pg_terminate_backend(' . $client->pid . ')');
$holder->quit;
ok(wait_for_exit($node, $client), 'R3, A4: a request to terminate during logoff ends the session');
$is_mine = q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
wait_for_audit($node, $is_mine, 'logon|alice logoff|alice|terminated|57P01', 'R3, A4: its only use has one end',
	'event, login_user, ended_by, sqlstate');
$root->query('DROP EVENT TRIGGER b_wait');

# A crash
$client = open_session($node, 'alice');
$client->query('DISCARD ALL');
$is_mine = q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
ok(wait_until($node, 'postgres', "SELECT count(*) FROM session_audit.log WHERE $is_mine", '3'), 'R3, A4: both uses are recorded');
my $standby = PostgreSQL::Test::Cluster->new('discard_standby');
$node->backup('backup');
$node->stop('immediate');
$node->start;
ok( wait_until($node, 'postgres', "SELECT string_agg($states, ', ' $in_order) FROM session_audit.sessions WHERE $is_mine", 'ended reset, lost crash'),
	'R3, A7: only the last use of a session is lost in a crash');

# A standby
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'port = ' . $standby->port);
$standby->start;
$position = log_position($standby);
$client = connect_raw($standby, user => 'alice', database => 'app');
$client->ready;
$client->query('DISCARD ALL');
$client->quit;
my @records = map { decode_json($_) } map { /LOG:  (\{.*\})$/ ? $1 : () } log_lines($standby, $position, $client);
is(join(', ', map { join ' ', $_->{event}, $_->{ended_by} // () } @records), 'logon, logoff reset, logon, logoff client', 'R3, E8: a standby logs the uses');
is($records[1]{logon_at}, $records[0]{at}, 'R3: the first use has its logon_at');
is($records[3]{logon_at}, $records[2]{at}, 'R3: and so has the second');
$standby->stop;

log_is_clean($node, 'F12: the log has no failed assertion and no leak',
	expected => qr/fault requested|panic in the session trigger core|panicked at/);
$node->stop;
done_testing();
