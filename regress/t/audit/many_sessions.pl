# Two thousand audited sessions, ten at a time, with requests to end, killed backends, writers
# and keepers, crashes and restarts at random: in the end each session that was let in has
# one logon and one end, logoff or lost (A4, A6, A7). SESSTRIG_SEED repeats the random choices
# of a run, but not its interleaving.
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
my ($clients, $sessions) = (10, 200);

my $node = new_node('audit_load', conf => <<'EOF');
session_audit.database = 'postgres'
max_connections = 80
restart_after_crash = on
EOF
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN');

# Runs one session that ends in one of several ways, and returns its process, or 0 if it
# was not let in.
sub session
{
	my $client = eval { connect_as($node, 'alice') };
	# While the server restarts it accepts no connection.
	Time::HiRes::usleep(20_000), return 0 if !$client;
	my @messages = eval { $client->messages };
	return 0 if !@messages || $messages[-1]{type} ne 'Z';
	my $pid = $client->pid;
	my $end = rand;
	eval {
		$client->query('SELECT 1') if rand() < 0.5;
		Time::HiRes::usleep(rand 50_000);
		$end < 0.6 ? $client->quit : $end < 0.8 ? $client->drop : $client->send_query('SELECT pg_sleep(1)');
		$client->drop if $end >= 0.8;
		1;
	} or $@ =~ /^a message was cut off|^"SELECT 1" (failed|ended the connection)/ or die $@;
	return $pid;
}

# Runs as many sessions as a client has, and returns their processes.
sub client
{
	local $SIG{PIPE} = 'IGNORE';
	my @pids;
	for (1 .. 50 * $sessions)
	{
		my $pid = session();
		push @pids, $pid if $pid;
		last if @pids == $sessions;
	}
	return @pids;
}

# A process that meets the condition, if there is one. The statement may fail because the
# server restarts.
sub one_of
{
	my ($condition) = @_;
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off -c session_audit.enabled=off';
	my (undef, $pid) = try_psql($node, 'postgres', "SELECT pid FROM pg_stat_activity WHERE $condition ORDER BY random() LIMIT 1");
	return $pid;
}

# What happens meanwhile, and how often it did.
my %done;
sub disturb
{
	my $choice = rand;
	my ($what, $condition) =
		$choice < 0.8 ? ('terminate', q{usename = 'alice'})
	  : $choice < 0.81 ? ('terminate the writer', q{backend_type = 'session audit writer'})
	  : $choice < 0.9 ? ('kill', q{usename = 'alice'})
	  : ('kill a worker', q{backend_type LIKE 'session audit %'});
	if ($choice > 0.96)
	{
		# Upstream's postmaster does not end if it is asked to shut down fast while it
		# restarts after a crash: its checkpointer is not told to exit.
		$node->stop('immediate');
		$node->start;
		$done{restart}++;
	}
	elsif (my $pid = one_of($condition))
	{
		kill $what =~ /^terminate/ ? 'TERM' : 'KILL', $pid;
		$done{$what}++;
	}
	Time::HiRes::usleep(5_000 + rand 20_000);
	return;
}

my @pids = grep { /^\d+$/ } run_clients($seed, $clients, \&client, \&disturb);
note join ', ', map { "$_: $done{$_}" } sort keys %done;
is(scalar @pids, $clients * $sessions, 'all sessions have run');

# After one more crash the keeper finds the rest.
$node->wait_for_log(qr/ready to accept connections/);
wait_until_ready($node);
$node->stop('immediate');
$node->start;
ok(wait_until($node, 'postgres', <<'EOF', '0'), 'A7: all sessions have an end');
SELECT count(*) FROM session_audit.sessions WHERE logoff_at IS NULL
EOF
is(admin($node, 'postgres', <<'EOF'), '', 'A4, A7: each session has one logon and one end');
SELECT session_id, string_agg(event, ' ' ORDER BY at) FROM session_audit.log WHERE event IN ('logon', 'logoff', 'lost') GROUP BY session_id
HAVING count(*) FILTER (WHERE event = 'logon') <> 1 OR count(*) FILTER (WHERE event IN ('logoff', 'lost')) <> 1
EOF
my %logged;
$logged{ hex() }++ for split /\n/, admin($node, 'postgres', q{SELECT split_part(session_id, '.', 2) FROM session_audit.log WHERE event = 'logon'});
# A crash takes what waits for a place in the log, and is a line.
my %lines = map { hex((split /\./, $_->{session_id})[1]) => 1 } grep { $_->{event} eq 'logon' } audit_lines($node, 0);
is(join(' ', grep { !$logged{$_} && !$lines{$_} } @pids), '', 'A3, A6: each session that was let in has a row, or a line');
my $only_lines = grep { !$logged{$_} } @pids;
cmp_ok($only_lines, '<', 20, "A6: nearly none has a line only: $only_lines");
my %ends = map { split /\|/ } split /\n/, admin($node, 'postgres', q{SELECT ended_by, count(*) FROM session_audit.sessions GROUP BY ended_by});
note join ', ', map { "$_: $ends{$_}" } sort keys %ends;
cmp_ok($ends{$_} // 0, '>', 10, "A4: there are more than ten of each kind: $_") for qw(client client_lost terminated crash);
is(admin($node, 'postgres', q{SELECT count(*) FROM session_audit.sessions WHERE state = 'lost' AND ended_by IS DISTINCT FROM 'crash' OR duration < '0'}),
	'0', 'A7: lost sessions were lost in crashes');
is(admin($node, 'postgres', q{SELECT dropped FROM session_audit.state()}), '0', 'A6: the pool had room');

$node->stop;

# What disturb() and wait_until() do while the server is down, with more than fits in a pipe.
my ($status, undef, $error) = try_psql($node, 'postgres', 'SELECT 1 --' . 'x' x 100_000);
is($status, 2, 'psql finds no server');
like($error, qr/connection to server .* failed/, 'and says so');

done_testing();
