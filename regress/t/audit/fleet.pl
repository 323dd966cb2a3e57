# The logs of several servers in one, by logical replication as docs/fleet.md prints it: what is
# there before, what comes, what a center misses while it is away, and what a server that waits for
# it costs (rule A14).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../../docs/fleet.md");

# The block of SQL that the page prints, of which this is the beginning, with these changes.
sub printed
{
	my ($start, %changes) = @_;
	my ($block) = $page =~ /^```sql\n(\Q$start\E.*?)^```/ms or die "docs/fleet.md does not print $start";
	for my $change (keys %changes)
	{
		$block =~ s/\Q$change\E/$changes{$change}/g or die "docs/fleet.md does not print $change";
	}
	return $block;
}

my ($settings) = $page =~ /^```\n(wal_level = logical\n.*?)^```/ms or die 'docs/fleet.md prints no settings';

my $center = new_node('center', conf => "session_audit.database = 'postgres'\ncluster_name = 'center'");
$center->start;
wait_for_writer($center);
my @nodes = map { new_node($_, allows_streaming => 'logical', conf => "$settings\nsession_audit.database = 'postgres'\ncluster_name = '$_'") } qw(node1 node2);
my $number = 0;
for my $node (@nodes)
{
	$node->start;
	create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER');
	wait_for_writer($node);
	open_session($node, 'alice')->quit for 1 .. 3;
	admin($node, 'postgres', printed('CREATE ROLE collector'));
	$number++;
}

# Connects the center to a node.
sub subscribe
{
	my ($node, $name) = @_;
	return admin($center, 'postgres', printed('CREATE SUBSCRIPTION', 'node1' => $name, 'host=10.0.0.1' => 'host=' . $node->host . ' port=' . $node->port));
}

# What a node has logged, on the node or on the center: how many rows, and a digest of what is in
# them, or other columns.
sub rows_of
{
	my ($node, $on, $columns) = @_;
	my $name = $node->name;
	$columns //= q{count(*) || ' ' || md5(string_agg(l::text, ' ' ORDER BY at, event, session_id))};
	return admin($on, 'postgres', "SELECT $columns FROM session_audit.log AS l WHERE cluster_name = '$name'");
}

# Waits until the center has all that a node has logged.
sub caught_up
{
	my ($node) = @_;
	return poll_until(sub {
		admin($node, 'postgres', 'SELECT pending FROM session_audit.state()') eq '0' or return 0;
		return rows_of($node, $node) eq rows_of($node, $center);
	});
}

subtest 'A14: many servers and one center' => sub {
	subscribe($nodes[$_], "node@{[$_ + 1]}") for 0, 1;
	ok(caught_up($_), 'A14: the rows that a server had are copied: ' . $_->name) for @nodes;
	my $client = open_session($nodes[0], 'alice');
	wait_for_audit($center, is_of($client) . q{ AND cluster_name = 'node1'}, 'logon', 'A14: a new row comes');
	$client->quit;
	wait_for_audit($center, is_of($client) . q{ AND cluster_name = 'node1'}, 'logon logoff|client', 'A14: and the end');
	ok(caught_up($_), 'A14: all are there: ' . $_->name) for @nodes;
	my @ids = map { admin($_, 'postgres', 'SELECT system_identifier FROM pg_control_system()') } @nodes;
	is(rows_of($nodes[$_], $center, 'DISTINCT system_identifier'), $ids[$_], 'A9, A14: rows say whose they are') for 0, 1;
};

subtest 'A14: the center is away' => sub {
	my $open = open_session($nodes[0], 'alice');
	ok(caught_up($nodes[0]), 'a session that stays is known');
	$center->stop;
	my @clients = map { open_session($_, 'alice') } @nodes, @nodes;
	$_->quit for @clients;
	is(rows_of($nodes[0], $nodes[0], "count(*) FILTER (WHERE ended_by = 'client') > 3"), 't', 'A14: nobody waits for it');
	$center->start;
	ok(caught_up($_), 'A14: it gets what it has missed: ' . $_->name) for @nodes;
	# The keeper has begun with the writer.
	ok(wait_until($center, 'postgres', q{SELECT count(*) FROM session_audit.keeper WHERE last_pass_at > pg_postmaster_start_time()}, '1'), 'its keeper has looked for lost sessions');
	is(audit_rows($center, is_of($open) . q{ AND cluster_name = 'node1'}), 'logon', 'A7, A14: a session of another server is not lost');
	$open->quit;
	ok(caught_up($nodes[0]), 'A14: its end comes');
};

subtest 'A7, A14: months' => sub {
	my $node = $nodes[0];
	my $at = sub { return rows_of($node, $center, "string_agg(at::date::text || ' ' || tableoid::regclass, ', ' ORDER BY at) FILTER (WHERE at < '2021-01-01')"); };
	my $insert = sub { admin($node, 'postgres', "INSERT INTO session_audit.log (at, event, cluster_name) VALUES ('$_[0]', 'logon', 'node1')"); };
	admin($node, 'postgres', q{SELECT session_audit.add_month('2020-01-01')});
	$insert->('2020-01-15');
	ok(caught_up($node), 'A14: a month that the center lacks does not stop it');
	is($at->(), '2020-01-15 session_audit.log_default', 'A14: the row is in its default partition');
	$insert->('2020-02-15');
	admin($node, 'postgres', q{SELECT session_audit.add_month('2020-02-01')});
	$insert->('2020-02-16');
	ok(caught_up($node), 'A14: rows that a node moves to a month are not published again');
	is(admin($node, 'postgres', q{SELECT count(*) FROM session_audit.log_2020_02}), '2', 'they are in the month');
	admin($node, 'postgres', 'SELECT session_audit.drop_months(now(), 1000)');
	is(rows_of($node, $node, q{count(*) FILTER (WHERE at < '2021-01-01')}), '0', 'A7: a node drops old months');
	my $client = open_session($node, 'alice');
	$client->quit;
	wait_for_audit($center, is_of($client) . q{ AND cluster_name = 'node1'}, 'logon logoff|client', 'A14: what comes then comes');
	is(admin($center, 'postgres', q{SELECT count(*) FROM session_audit.log WHERE at < '2021-01-01'}), '3', 'A14: the center keeps them');
};

subtest 'A14: a center that is away for too long' => sub {
	my $node = $nodes[1];
	$node->append_conf('postgresql.conf', 'max_slot_wal_keep_size = 1MB');
	$node->reload;
	$center->stop;
	admin($node, 'postgres', q{CREATE TABLE filler AS SELECT repeat('x', 100) FROM generate_series(1, 10000); SELECT pg_switch_wal()});
	for (1 .. 3)
	{
		admin($node, 'postgres', 'INSERT INTO filler SELECT * FROM filler LIMIT 10000');
		admin($node, 'postgres', 'SELECT pg_switch_wal()');
	}
	admin($node, 'postgres', 'CHECKPOINT');
	is(admin($node, 'postgres', q{SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'node2'}), 'lost', 'A14: the node keeps no more WAL than it may');
	open_session($node, 'alice')->quit;
	$center->start;
	wait_until($center, 'postgres', q{SELECT pid IS NULL FROM pg_stat_subscription WHERE subname = 'node2'});
	wait_for_writer($center);
	my $other = open_session($nodes[0], 'alice');
	wait_for_audit($center, is_of($other) . q{ AND cluster_name = 'node1'}, 'logon', 'A14: other nodes do not care');
	$other->quit;
	isnt(rows_of($node, $center), rows_of($node, $node), 'A14: of this one rows are missing');
	# As printed, for this node
	my $identifier = admin($node, 'postgres', 'SELECT system_identifier FROM pg_control_system()');
	my $oldest = admin($node, 'postgres', 'SELECT oldest FROM session_audit.status()');
	my @statements = split /(?<=;)\n/, printed('ALTER SUBSCRIPTION node1 DISABLE', node1 => 'node2', '7713789142676644374' => $identifier, '2026-11-01 00:00:00+00' => $oldest);
	admin($center, 'postgres', $_) for @statements;
	admin($node, 'postgres', printed('SELECT pg_drop_replication_slot', node1 => 'node2'));
	subscribe($node, 'node2');
	ok(caught_up($node), 'A14: the copy has them again');
};

for my $node (@nodes, $center)
{
	$node->stop;
	log_is_clean($node, 'the log has no failed assertion and no leak');
}
done_testing();
