# Two thousand sessions, fifty at a time, with cancels, requests to end, time
# limits, and broken connections at random: rows and sessions balance according to
# table X (F3, F4, F9, F10), and nothing is left behind (F12). Then crashes under
# load. SESSTRIG_SEED repeats the random choices of a run, but not its interleaving.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $seed = $ENV{SESSTRIG_SEED} // int(rand(1e9));
note "SESSTRIG_SEED=$seed";

my $node = new_node('load', conf => <<'EOF');
max_connections = 80
restart_after_crash = on
session_triggers.logoff_on = exit
session_triggers.logon_timeout = 60ms
session_triggers.logoff_timeout = 60ms
EOF
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE TABLE session_log (pid int, event text);
CREATE TABLE lines (line text);
GRANT ALL ON lines TO alice;
CREATE TABLE counter (n int);
INSERT INTO counter VALUES (0);
GRANT ALL ON counter TO alice;
-- sometimes longer than the limit allows
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CREATE TEMP TABLE scratch ON COMMIT DROP AS SELECT 1;
    INSERT INTO public.session_log VALUES (pg_backend_pid(), tg_event);
    IF random() < 0.3 THEN
        PERFORM pg_sleep(random() * 0.09);
    END IF;
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOF

my @queries = (
	'SELECT 1', 'BEGIN', 'COMMIT', 'SELECT 1/0', 'CREATE TEMP TABLE IF NOT EXISTS t (x int)',
	'UPDATE counter SET n = n + 1', 'INSERT INTO lines SELECT generate_series(1, 100)',
	'SELECT pg_sleep(0.005)', 'LISTEN x; NOTIFY x', 'SET ROLE alice', 'SELECT pg_advisory_xact_lock(1)',
	'SET default_transaction_read_only = on', 'SELECT repeat($$x$$, 1000000)');

# Ends a session in one of several ways.
sub end_session
{
	my ($client) = @_;
	my $end = rand;
	my @rest;

	if ($end < 0.5)
	{
		@rest = $client->quit;
	}
	elsif ($end < 0.7)
	{
		$client->drop;
	}
	elsif ($end < 0.8)
	{
		$client->send_query($queries[ rand @queries ]);
		$client->drop;
	}
	elsif ($end < 0.9)
	{
		@rest = $client->query('SET idle_session_timeout = 5; SET idle_in_transaction_session_timeout = 5');
		# A failed transaction refuses the settings, so that nothing would end the session.
		@rest = (grep { $_->{type} eq 'E' } @rest) ? $client->quit : $client->messages if @rest;
	}
	else
	{
		$client->_send("Q\0\0\1");
		$client->drop;
	}
	return;
}

# Runs one session, and returns "pid let_in warned".
sub session
{
	# While the server restarts it may accept no connection.
	my $client = eval { connect_as($node, 'alice') };
	return '0 0 0' if !$client;
	my @messages = $client->messages;
	my $pid = $client->pid // 0;
	return "$pid 0 0" if !@messages || $messages[-1]{type} ne 'Z';
	my $warned = (grep { $_->{type} eq 'N' && $_->{M} eq $WARNING } @messages) ? 1 : 0;

	# An answer may be incomplete if the server ends the session.
	eval {
		for (1 .. int(rand(4)))
		{
			my @answer = $client->query($queries[ rand @queries ]);
			last if !@answer || $answer[-1]{type} ne 'Z';
		}
		end_session($client);
		1;
	} or $@ =~ /^a message was cut off/ or die $@;
	return "$pid 1 $warned";
}

# Runs so many clients at the same time, each with so many sessions one after
# another, and calls $disturb until all are done. Returns [pid, let_in, warned] of
# each session.
sub load
{
	my ($clients, $sessions, $disturb) = @_;
	return map { [ split / / ] } run_clients($seed, $clients, sub { return map { session() } 1 .. $sessions }, $disturb);
}

sub postmaster { return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]; }

# Returns how many files the postmaster has open, and how much memory it has, in kB.
sub holdings
{
	my $postmaster = postmaster();
	my ($memory) = slurp_file("/proc/$postmaster/status") =~ /VmData:\s+(\d+)/;
	my @files = glob "/proc/$postmaster/fd/*";
	return (scalar @files, $memory);
}

sub wait_for_alices
{
	return ok(wait_for_exit($node, 'alice'), 'F12: no backend is left');
}

### Cancels, requests to end, time limits, and broken connections
my $root = open_quiet_session($node);
my ($files, $memory) = holdings();
my %asked;
my @sessions = load(
	50, 40,
	sub {
		my $function = rand() < 0.5 ? 'pg_terminate_backend' : 'pg_cancel_backend';
		my $sent = $root->query(<<"EOF");
SELECT $function(pid) FROM pg_stat_activity WHERE usename = 'alice' ORDER BY random() LIMIT 1
EOF
		$asked{$function}++ if $sent;
		Time::HiRes::usleep(3000 + rand 5000);
	});
wait_for_alices();
is(scalar @sessions, 2000, 'all sessions have run');

# pid => event => how often
my (%rows, %failures);
for (split /\n/, admin($node, 'app', 'SELECT pid, event, count(*) FROM session_log GROUP BY pid, event'))
{
	my ($pid, $event, $count) = split /\|/;
	$rows{$pid}{$event} = $count;
}
my $log = slurp_file($node->logfile) =~ s/\n\t/ /gr;
my %severity;
for (split /\n/, $log)
{
	my ($pid, $kind) = /^(\d+)\|\w{5}\|([A-Z]+):/ or next;
	if ($kind !~ /^(DETAIL|HINT|QUERY|CONTEXT|STATEMENT)$/)
	{
		$severity{$pid} = $kind;
	}
	elsif ($kind eq 'CONTEXT' && $severity{$pid} eq 'ERROR' && / on event (after_user_logon|before_user_logoff)$/)
	{
		$failures{$pid}{$1}++;
	}
}
my %pids;
$pids{ $_->[0] }++ for @sessions;
is(join(' ', grep { $_ && $pids{$_} > 1 } keys %pids), '', 'each session has a pid of its own');

my (@wrong, %count);
for (@sessions)
{
	my ($pid, $let_in, $warned) = @$_;
	my ($logon, $logoff) = map { $rows{$pid}{$_} // 0 } qw(after_user_logon before_user_logoff);
	my ($failed_logon, $failed_logoff) = map { $failures{$pid}{$_} // 0 } qw(after_user_logon before_user_logoff);
	# A session that ended just before its ReadyForQuery has begun nevertheless.
	my $began = $let_in || $logon;
	my $right =
	  $began
	  ? $logon + $failed_logon == 1 && $logoff + $failed_logoff == 1 && $warned == $failed_logon
	  : $logoff + $failed_logoff == 0;
	push @wrong,
	  "pid $pid, let in $let_in, warned $warned: logon $logon, failed $failed_logon; logoff $logoff, failed $failed_logoff"
	  if !$right;
	$count{'let in'} += $let_in;
	$count{'failed logon'} += $failed_logon;
	$count{'failed logoff'} += $failed_logoff;
	$count{logon} += $logon;
	$count{logoff} += $logoff;
}
is(join("\n", @wrong), '', 'X, F3, F4: rows, failures in the log, and sessions balance');
is(scalar(grep { !$pids{$_} } keys %rows), 0, 'no other session has a row');
note join ', ', map { "$_: $count{$_}" } sort keys %count;
note join ', ', map { "$_: $asked{$_}" } sort keys %asked;
cmp_ok($count{$_}, '>', 10, "there are more than ten of each kind: $_") for sort keys %count;
cmp_ok($asked{$_} // 0, '>', 50, "$_ was called more than fifty times") for qw(pg_terminate_backend pg_cancel_backend);
like($log, qr/canceling event triggers due to session_triggers.${_}_timeout/, "F10: ${_}_timeout has run out")
  for qw(logon logoff);

is(admin($node, 'app', <<'EOF'), '0', 'F12: no lock is left');
SELECT count(*) FROM pg_locks WHERE pid IN (SELECT pid FROM session_log) OR locktype = 'advisory'
EOF
is(admin($node, 'app', q{SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'pg_temp_%'}),
	'0', 'F12: no temporary table is left');
my @temporary = glob $node->data_dir . '/base/pgsql_tmp/*';
is("@temporary", '', 'F12: no temporary file is left');
my ($files_after, $memory_after) = holdings();
# For a moment it has the socket of a client that it has accepted.
ok(poll_until(sub { return (holdings())[0] <= $files; }), 'F12: the postmaster has no more files open than before')
  or diag("$files_after, and $files before");
cmp_ok($memory_after - $memory, '<', 1024, 'F12: the postmaster has less than a megabyte of memory more');
my @all = map { connect_as($node, 'alice') } 1 .. 70;
is(scalar(grep { my @m = $_->messages; $m[-1]{type} ne 'Z' } @all), 0, 'F12: every connection slot is free');
$_->drop for @all;
$root->quit;

### Crashes under load

# Kills one of alice's backends, whatever it does. A query could tell which there are, but not
# while the server recovers.
sub kill_one
{
	my $postmaster = postmaster();
	for my $pid (map { m{(\d+)} } glob '/proc/[0-9]*')
	{
		my $status = eval { slurp_file("/proc/$pid/status") } // '';
		my $title = eval { slurp_file("/proc/$pid/cmdline") } // '';
		return kill KILL => $pid if $status =~ /^PPid:\t$postmaster$/m && $title =~ / alice app /;
	}
	return;
}

# How many backends have been killed since a position in the log
sub kills
{
	my ($position) = @_;
	return scalar(() = slurp_file($node->logfile, $position) =~ /was terminated by signal 9/g);
}

# Without time limits, every session that is let in has a row.
wait_for_alices();
admin($node, 'postgres', "ALTER ROLE alice SET session_triggers.${_}_timeout = 0") for qw(logon logoff);
admin($node, 'app', 'TRUNCATE session_log');
my $position = log_position($node);
my ($before, $next) = (-1, Time::HiRes::time() + 0.5);
@sessions = load(
	20, 30,
	sub {
		Time::HiRes::usleep(20_000);
		my $kills = kills($position);
		return if $kills >= 3 || Time::HiRes::time() < $next;
		# Sessions are short: the last one that was caught may have ended just before. If so, one of
		# our own will do.
		$kills != $before && kill_one() || eval { kill KILL => open_session($node, 'alice')->pid };
		($before, $next) = ($kills, Time::HiRes::time() + 1);
	});
ok(wait_until_ready($node), 'the server accepts connections again');
$log = slurp_file($node->logfile, $position);
my $restarts = () = $log =~ /all server processes terminated; reinitializing/g;
cmp_ok($restarts, '>', 0, 'the server has crashed and restarted');
my %logons = map { split /\|/ } split /\n/,
  admin($node, 'app', q{SELECT pid, count(*) FROM session_log WHERE event = 'after_user_logon' GROUP BY pid});
my @let_in = grep { $_->[1] } @sessions;
is(join(' ', map { $_->[0] } grep { ($logons{ $_->[0] } // 0) != 1 } @let_in),
	'', 'every session that was let in has a row, in spite of later crashes');
cmp_ok(scalar(@let_in), '>', 10, 'more than ten sessions were let in');
note scalar(@let_in) . " let in, $restarts crashes";
log_is_clean($node, 'F12: the log has no failed assertion and no leak', expected => qr/was terminated by signal 9/);
$node->stop;

done_testing();
