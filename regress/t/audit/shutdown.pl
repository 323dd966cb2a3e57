# The session audit at a shutdown: before it is complete, the end of each session is written,
# whatever the session does at that moment (rules A4 and A6, table X).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IO::Socket::UNIX;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $node = new_node('shutdown', allows_streaming => 'logical', conf => <<'EOC');
session_audit.database = 'postgres'
max_prepared_transactions = 2
autovacuum = off
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE eve LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
ALTER ROLE eve SET session_triggers.logoff_on = exit;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION logoff() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF polar_login_user = 'eve' THEN
        PERFORM pg_sleep(0.5);
        INSERT INTO public.fired (line) VALUES ('fired');
    END IF;
END
$$;
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION logoff();
EOS

# Opens sessions that do different things, and returns them by what they do.
sub sessions
{
	my %clients = map { $_ => open_session($node, $_ eq 'in an exit firing' ? 'eve' : 'alice') }
	  ('idle', 'in a transaction', 'in a failed transaction', 'in a query', 'in a long transaction', 'in an exit firing');
	$clients{'in a transaction'}->query('BEGIN; SELECT 1');
	$clients{'in a failed transaction'}->try_query('BEGIN; SELECT 1/0');
	$clients{'in a query'}->send_query('SELECT pg_sleep(3600)');
	$clients{'in a long transaction'}->query('BEGIN; CREATE TEMP TABLE t (i int)');
	ok(wait_for_event($node, $clients{'in a query'}, 'PgSleep'), 'one runs a query');
	return %clients;
}

# What is said of sessions that were let in, and have not one logon and one end.
my $INCOMPLETE = <<'EOS';
SELECT coalesce(string_agg(concat_ws('|', session_id, login_user, events), E'\n'), '') FROM (
    SELECT session_id, login_user, string_agg(event, ' ' ORDER BY at) events FROM session_audit.log WHERE event <> 'refused' GROUP BY 1, 2
    HAVING count(*) FILTER (WHERE event = 'logon') <> 1 OR count(*) FILTER (WHERE event IN ('logoff', 'lost')) <> 1) AS incomplete
EOS

subtest 'A4, X: a fast shutdown' => sub {
	my %clients = sessions();
	# One that has connected and said nothing, and one that has yet to authenticate.
	my $silent = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port);
	my $walsender = connect_raw($node, user => 'root', database => 'app', replication => 'database');
	$walsender->ready;
	$walsender->query('SELECT 1');
	my $position = log_position($node);
	my $start = Time::HiRes::time();
	$node->stop('fast');
	cmp_ok(Time::HiRes::time() - $start, '<', 15, 'A4: it does not take long');
	is(join(' ', map { $_->{event} } audit_lines($node, $position)), '', 'A6: nothing had to become a line');
	$node->start;
	for my $what (sort keys %clients)
	{
		is(audit_rows($node, is_of($clients{$what}), 'event, ended_by, sqlstate'), 'logon logoff|shutdown|57P01', "A4, X: a session $what");
	}
	is(audit_rows($node, is_of($walsender)), 'logon logoff|shutdown', 'A4: a replication connection');
	is(take_rows($node), 'fired', 'X: exit: the trigger has fired');
	is(admin($node, 'postgres', $INCOMPLETE), '', 'A4: all that were let in have one end');
	$silent->close;
};

subtest 'A4, X: a smart shutdown' => sub {
	my ($quits, $drops, $terminated, $stays) = map { open_session($node, 'alice') } 1 .. 4;
	my $walsender = connect_raw($node, user => 'root', replication => 'true');
	$walsender->ready;
	my $position = log_position($node);
	my $shutdown = start_smart_shutdown($node);
	is((connect_as($node, 'alice')->messages)[-1]{C}, '57P03', 'nobody is let in any more');
	# The server waits for the last one; the end of another can be seen there.
	$quits->quit;
	$drops->drop;
	my $ended = sub { return $stays->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN (@{[join ', ', map { $_->pid } @_]})") eq '0'; };
	poll_until(sub { return $ended->($quits, $drops) });
	$terminated->query(q{SET idle_session_timeout = '10ms'});
	poll_until(sub { return $ended->($terminated) });
	$stays->send_terminate;
	ok(finish_shutdown($node, $shutdown), 'it completes');
	is(join(' ', map { $_->{event} } audit_lines($node, $position)), '', 'A6: nothing had to become a line');
	$node->start;
	is(audit_rows($node, is_of($quits)), 'logon logoff|client', 'A4: who left during it');
	is(audit_rows($node, is_of($drops)), 'logon logoff|client_lost', 'A4: whose client was lost');
	is(audit_rows($node, is_of($terminated)), 'logon logoff|idle_session_timeout', 'A4: who was sent away');
	is(audit_rows($node, is_of($stays)), 'logon logoff|client', 'A4: the last one');
	is(audit_rows($node, is_of($walsender)), 'logon logoff|shutdown', 'A4: a replication connection');
	is(admin($node, 'postgres', $INCOMPLETE), '', 'A4: all that were let in have one end');
	is(admin($node, 'postgres', q{SELECT sum(count) FROM session_audit.log WHERE sqlstate = '57P03' AND event = 'refused'}), '1',
		'A8: who was not let in is recorded');
};

subtest 'A4: a fast shutdown during a smart one' => sub {
	my $client = open_session($node, 'alice');
	my $shutdown = start_smart_shutdown($node);
	$node->command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-w', 'stop' ], 'it completes');
	finish_shutdown($node, $shutdown);
	$node->start;
	is(audit_rows($node, is_of($client)), 'logon logoff|shutdown', 'A4: the session has its end');
};

subtest 'X: an immediate shutdown' => sub {
	my %clients = sessions();
	$node->stop('immediate');
	$node->start;
	is(audit_rows($node, is_of($clients{$_}) . q{ AND event <> 'lost'}), 'logon', "X: it leaves no logoff: a session $_") for sort keys %clients;
};

for my $mode (qw(fast smart immediate))
{
	subtest "A4, A6: a $mode shutdown while a prepared transaction has the log locked" => sub {
		open_session($node, 'alice')->quit;
		my $client = open_session($node, 'alice');
		is(audit_rows($node, is_of($client)), 'logon', 'a session has its row');
		my $position = log_position($node);
		admin($node, 'postgres', q{BEGIN; LOCK TABLE session_audit.log; PREPARE TRANSACTION 'p'});
		# Its logon is only a line.
		my $other = open_session($node, 'alice');
		my $start = Time::HiRes::time();
		if ($mode eq 'smart')
		{
			my $shutdown = start_smart_shutdown($node);
			$_->send_terminate for $client, $other;
			ok(finish_shutdown($node, $shutdown), 'it completes');
		}
		else
		{
			$node->stop($mode);
		}
		cmp_ok(Time::HiRes::time() - $start, '<', 20, 'A6: it does not wait for the lock');
		my $end = $mode eq 'fast' ? 'shutdown' : 'client';
		is(join(' ', map { join '|', $_->{event}, $_->{ended_by} // () } audit_lines($node, $position, $client)),
			$mode eq 'immediate' ? '' : "logoff|$end", 'A6: what could not be written is a line');
		is(join(' ', map { join '|', $_->{event}, $_->{ended_by} // () } audit_lines($node, $position, $other)),
			$mode eq 'immediate' ? 'logon' : "logon logoff|$end", 'A6: once');
		$node->start;
		admin($node, 'postgres', q{ROLLBACK PREPARED 'p'});
		$position = log_position($node);
		# The writer comes back to it.
		my $later;
		poll_until(sub { $later = open_session($node, 'alice'); return 1 if audit_rows($node, is_of($later)) eq 'logon'; $later->quit; return 0; });
		is(audit_rows($node, is_of($later)), 'logon', 'A6: then it records again');
		$later->quit;
		is(audit_rows($node, is_of($client) . q{ AND event <> 'lost'}), 'logon', 'A6: what is a line only, does not come back');
	};
}

subtest 'A4: a fast shutdown without a writer' => sub {
	open_session($node, 'alice')->quit;
	my $client = open_session($node, 'alice');
	my $walsender = connect_raw($node, user => 'root', replication => 'true');
	$walsender->ready;
	wait_for_audit($node, is_of($walsender), 'logon', 'a replication connection is recorded');
	my $position = log_position($node);
	# It comes back after a second.
	admin($node, 'postgres', 'SELECT pg_terminate_backend(' . wait_for_writer($node) . ')');
	$node->wait_for_log(qr/background worker "session audit writer" \(PID \d+\) exited with exit code 1/, $position);
	$node->stop('fast');
	is(join(' ', map { $_->{ended_by} } grep { $_->{event} eq 'logoff' } audit_lines($node, $position, $client)), 'shutdown', 'A4: its end is a line');
	is(join(' ', map { $_->{ended_by} } grep { $_->{event} eq 'logoff' } audit_lines($node, $position, $walsender)), 'shutdown', 'A4: and so is that of a replication connection');
	$node->start;
};

subtest 'A3, A4: while logons wait for the writer' => sub {
	open_session($node, 'alice')->quit;
	my $writer = wait_for_writer($node);
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.timeout = '1h'});
	my $position = log_position($node);
	# A client that begins while others end: one waits for a writer that does nothing.
	kill STOP => $writer;
	my $client = connect_as($node, 'alice');
	ok(wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'alice' AND wait_event_type = 'Extension'}, '1'), 'a logon waits');
	my $output = '';
	my $pg_ctl = IPC::Run::start([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-w', 'stop' ], '<', \undef, '>&', \$output);
	$node->wait_for_log(qr/received fast shutdown request/, $position);
	my @messages = $client->messages;
	is($messages[-1]{C}, '57P01', 'X: it ends at once');
	kill CONT => $writer;
	ok(finish_shutdown($node, $pg_ctl), 'and the shutdown completes');
	$node->start;
	is(audit_rows($node, is_of($client)), 'logon logoff|shutdown', 'A4: it had been let in, and has an end');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.timeout');
};

# Starts a shutdown, and returns once the postmaster has received the request. The result is
# for finish_shutdown().
sub start_shutdown
{
	my ($mode) = @_;
	my $position = log_position($node);
	my $output = '';
	my $pg_ctl = IPC::Run::start([ 'pg_ctl', '-D', $node->data_dir, '-m', $mode, '-w', 'stop' ], '<', \undef, '>&', \$output);
	$node->wait_for_log(qr/received $mode shutdown request/, $position);
	return $pg_ctl;
}

# Opens sessions, stops the writer, and opens more. Returns the process of the writer, and the
# sessions by what they do. Those that come while it stands still wait for
# session_audit.timeout, but the walsender for nothing.
sub sessions_without_writer
{
	open_session($node, 'alice')->quit;
	my %clients = map { $_ => open_session($node, 'alice') } 'that stays', 'that leaves';
	my $writer = wait_for_writer($node);
	kill STOP => $writer;
	my @more = ('that comes and stays', 'that comes and leaves');
	@clients{@more} = map { connect_as($node, 'alice') } @more;
	$clients{$_}->ready for @more;
	$clients{'of a walsender'} = connect_raw($node, user => 'root', replication => 'true');
	$clients{'of a walsender'}->ready;
	$clients{$_}->quit for grep { /leaves/ } keys %clients;
	return ($writer, %clients);
}

subtest 'A4, A6: a fast shutdown while the writer stands still' => sub {
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.timeout = '500ms'});
	my $position = log_position($node);
	my ($writer, %clients) = sessions_without_writer();
	my $shutdown = start_shutdown('fast');
	# It goes on when all sessions but the walsender have ended.
	$clients{$_}->messages for grep { /stays/ } keys %clients;
	ok(-e $node->data_dir . '/postmaster.pid', 'A4: the server waits for the writer');
	kill CONT => $writer;
	ok(finish_shutdown($node, $shutdown), 'A4: and the shutdown completes');
	$node->start;
	for my $what (sort keys %clients)
	{
		# The logon that has not waited any longer is a line as well.
		is(join(' ', map { $_->{event} } audit_lines($node, $position, $clients{$what})), $what =~ /comes/ ? 'logon' : '', "A6: the lines of a session $what");
		my $end = $what =~ /leaves/ ? 'client' : 'shutdown';
		is(audit_rows($node, is_of($clients{$what})), "logon logoff|$end", "A4: the rows of a session $what");
	}
	is(admin($node, 'postgres', $INCOMPLETE), '', 'A4: all that were let in have one end');
};

subtest 'A4, A6: a fast shutdown while the writer stands still in a transaction' => sub {
	open_session($node, 'alice')->quit;
	my $writer = wait_for_writer($node);
	my $position = log_position($node);
	my $stays = open_session($node, 'alice');
	my $locks = open_session($node, 'root', database => 'postgres');
	$locks->query('BEGIN; LOCK TABLE session_audit.log');
	my @clients = map { connect_as($node, 'alice') } 1 .. 2;
	wait_until($node, 'postgres', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $writer", 'Lock');
	kill STOP => $writer;
	$_->ready for @clients;
	$clients[0]->quit;
	my $shutdown = start_shutdown('fast');
	# The end of the last one releases the lock.
	$_->messages for $stays, $clients[1], $locks;
	kill CONT => $writer;
	ok(finish_shutdown($node, $shutdown), 'A4: it completes');
	$node->start;
	for my $client ($stays, $locks, @clients)
	{
		my %found = map { $_ => 1 } (split / /, audit_rows($node, is_of($client), 'event')), map { $_->{event} } audit_lines($node, $position, $client);
		is(join(' ', sort keys %found), 'logoff logon', 'A4, A6: logon and end of each are rows, or lines');
	}
	is( admin($node, 'postgres', 'SELECT count(*) FROM (SELECT FROM session_audit.log GROUP BY session_id, logon_at, event HAVING count(*) > 1) AS twice'),
		'0', 'A6: nothing is written twice');
};

subtest 'A4, X: an immediate shutdown while the writer stands still' => sub {
	my $position = log_position($node);
	my ($writer, %clients) = sessions_without_writer();
	my $start = Time::HiRes::time();
	$node->stop('immediate');
	cmp_ok(Time::HiRes::time() - $start, '<', 15, 'A4: it does not wait for the writer');
	$node->start;
	# What only the writer was to have is gone with the shared memory.
	is(join(' ', map { $_->{event} } audit_lines($node, $position, $clients{$_})), 'logon', "A6: the line of a session $_") for grep { /comes/ } sort keys %clients;
	wait_for_audit($node, is_of($clients{$_}), 'logon lost|crash', "A4, A7: the rows of a session $_") for 'that leaves', 'that stays';
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.timeout');
};

subtest 'A3: a standby that is not there' => sub {
	# Who has to look, or to make changes, does not wait.
	admin($node, 'postgres', $_) for q{ALTER ROLE CURRENT_USER SET synchronous_commit = local}, q{ALTER ROLE alice SET synchronous_commit = off};
	open_session($node, 'alice')->quit;
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'missing'\nsession_audit.timeout = '1s'");
	$node->reload;
	wait_until($node, 'postgres', 'SHOW session_audit.timeout', '1s');
	my $root = open_quiet_session($node);
	$root->query('SET synchronous_commit = local');
	wait_until($node, 'postgres', q{SELECT pg_stat_clear_snapshot() IS NOT NULL});
	my $position = log_position($node);
	my ($client, $time);
	# The checkpointer may take a moment to tell sessions that there is a standby to wait for.
	for (1 .. 5)
	{
		my $start = Time::HiRes::time();
		$client = open_session($node, 'alice');
		$time = Time::HiRes::time() - $start;
		last if $time > 0.9;
		$client->quit;
	}
	cmp_ok($time, '>', 0.9, 'A3: a logon waits for it, whatever its role has');
	cmp_ok($time, '<', 4, 'A6: for session_audit.timeout');
	is(join(' ', map { $_->{event} } audit_lines($node, $position, $client)), 'logon', 'A6: then there is a line');
	is(audit_rows($node, is_of($client)), 'logon', 'A3: and the row, which the writer has not waited with');
	my @clients = map { connect_as($node, 'alice') } 1 .. 5;
	my $start = Time::HiRes::time();
	my @messages = map { [ $_->ready ] } @clients;
	cmp_ok(Time::HiRes::time() - $start, '<', 4, 'A3: each waits for itself');
	is(join(' ', map { $_->{M} } grep { $_->{type} =~ /[NE]/ } map { @$_ } @messages), '', 'A3: which is no news for the client');
	$_->quit for @clients;
	wait_for_audit($node, is_of($_), 'logon logoff|client', 'A4: the writer goes on') for @clients;

	admin($node, 'postgres', 'ALTER ROLE alice SET session_audit.required = on');
	$client = connect_as($node, 'alice');
	is(($client->messages)[-1]{C}, '58000', 'A6: where that is required, the logon is refused');
	wait_for_audit($node, is_of($client), 'logon logoff|fatal|58000', 'A6: its row is there, and so its end follows', 'event, ended_by, sqlstate');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.required');

	# A shutdown waits for nobody.
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.timeout = '1h'});
	$client = connect_as($node, 'alice');
	ok(wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'alice' AND wait_event = 'SyncRep'}, '1'), 'a logon waits for the standby');
	# The client has not been told yet.
	my $process = admin($node, 'postgres', q{SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'});
	my $walsender = connect_raw($node, user => 'root', replication => 'true');
	$walsender->ready;
	$root->quit;
	$start = Time::HiRes::time();
	$node->stop('fast');
	cmp_ok(Time::HiRes::time() - $start, '<', 15, 'A3: a fast shutdown does not hang');
	$node->append_conf('postgresql.conf', q{synchronous_standby_names = ''});
	$node->start;
	is(audit_rows($node, is_of($process)), 'logon logoff|shutdown', 'A4: the session has its end');
	is(audit_rows($node, is_of($walsender)), 'logon logoff|shutdown', 'A4: a replication connection');
};

subtest 'A4: at whatever moment' => sub {
	# The writer starts, looks for work, or is about to sleep for long.
	my $slowest = 0;
	my $since = admin($node, 'postgres', 'SELECT now()');
	for my $round (1 .. 10)
	{
		my $client = open_session($node, 'alice');
		$client->quit if $round % 2;
		Time::HiRes::usleep(20_000 * $round);
		my $start = Time::HiRes::time();
		$node->stop('fast');
		my $time = Time::HiRes::time() - $start;
		$slowest = $time if $time > $slowest;
		$node->start;
	}
	cmp_ok($slowest, '<', 15, 'A4: no shutdown has taken long');
	is(admin($node, 'postgres', $INCOMPLETE =~ s/event <> 'refused'/logon_at > '$since'/r), '', 'A4: each session has one end');
};

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC/, 'nobody has written WAL too late');
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
