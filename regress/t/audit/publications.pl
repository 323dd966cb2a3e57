# Rule A14: a publication FOR ALL TABLES leaves out the tables of the audit, so that it stops neither
# the audit nor a subscriber that has none of them; who names them publishes them.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('publisher', allows_streaming => 'logical', conf => "session_audit.database = 'app'");
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER; CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)');
ok(wait_until($node, 'app', q{SELECT to_regclass('session_audit.log') IS NOT NULL}), 'there is an audit');
my $subscriber = new_node('subscriber', allows_streaming => 'logical');
$subscriber->start;
admin($subscriber, 'postgres', 'CREATE DATABASE app');
admin($subscriber, 'app', 'CREATE TABLE orders (id int PRIMARY KEY)');

# The tables of a publication
sub published
{
	my ($name) = @_;
	return admin($node, 'app', "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = '$name'");
}

# Whether the subscriber has these
sub has_orders
{
	my ($expected) = @_;
	return wait_until($subscriber, 'app', q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM orders}, $expected);
}

my $next = 2;
for my $via_root (0, 1)
{
	subtest 'A14: FOR ALL TABLES' . ($via_root ? ', as their roots' : '') => sub {
		admin($node, 'app', 'CREATE PUBLICATION everything FOR ALL TABLES' . ($via_root ? ' WITH (publish_via_partition_root)' : ''));
		is(published('everything'), 'public.orders', 'A14: it has the tables of the application alone');
		admin($subscriber, 'app', q{TRUNCATE orders; CREATE SUBSCRIPTION everything CONNECTION '} . $node->connstr . q{ dbname=app' PUBLICATION everything});
		my $orders = join ' ', 1 .. $next - 1;
		ok(has_orders($orders), 'A14: they are copied');
		my $client = open_session($node, 'alice');
		is(admin($node, 'app', q{SELECT string_agg(event, ' ') FROM session_audit.log WHERE } . is_of($client)), 'logon', 'A14: sessions are recorded');
		admin($node, 'app', "INSERT INTO orders VALUES ($next)");
		ok(has_orders("$orders $next"), 'A14: what comes after a row of the log reaches the subscriber');
		$next++;
		$client->quit;
		ok(wait_until($node, 'app', q{SELECT string_agg(event, ' ' ORDER BY at) FROM session_audit.log WHERE } . is_of($client), 'logon logoff'), 'A14: their end is recorded');
		admin($node, 'app', q{SELECT session_audit.add_month('2020-01-01'); SELECT session_audit.make_months(now() + interval '3 months')});
		admin($node, 'app', q{INSERT INTO session_audit.log (at, event) VALUES ('2020-01-02', 'logon'); SELECT session_audit.drop_months(now(), 1000)});
		admin($node, 'app', 'TRUNCATE session_audit.log');
		admin($node, 'app', "INSERT INTO orders VALUES ($next)");
		ok(has_orders("$orders " . ($next - 1) . " $next"), 'A7, A14: nor do new months, dropped ones, and TRUNCATE stop it');
		$next++;
		admin($subscriber, 'app', 'DROP SUBSCRIPTION everything');
		admin($node, 'app', 'DROP PUBLICATION everything');
	};
}

subtest 'A14: who names them publishes them' => sub {
	admin($node, 'app', 'CREATE PUBLICATION log FOR TABLE session_audit.log WITH (publish_via_partition_root)');
	is(published('log'), 'session_audit.log', 'A14: FOR TABLE');
	admin($node, 'app', 'CREATE PUBLICATION schema FOR TABLES IN SCHEMA session_audit WITH (publish_via_partition_root)');
	like(published('schema'), qr/^session_audit\.keeper .*session_audit\.log /, 'A14: FOR TABLES IN SCHEMA');
	admin($node, 'app', 'CREATE PUBLICATION leaves FOR TABLE session_audit.log');
	like(published('leaves'), qr/^session_audit\.log_\d{4}_\d\d .*session_audit\.log_default$/, 'A14: or its partitions');
	# With the tables of the application, by one subscription
	admin($node, 'app', 'CREATE PUBLICATION everything FOR ALL TABLES');
	admin($subscriber, 'app', 'CREATE EXTENSION session_audit; TRUNCATE orders');
	admin($subscriber, 'app', q{CREATE SUBSCRIPTION two CONNECTION '} . $node->connstr . q{ dbname=app' PUBLICATION everything, log});
	my $client = open_session($node, 'alice');
	ok(wait_until($subscriber, 'app', q{SELECT string_agg(event, ' ') FROM session_audit.log WHERE } . is_of($client), 'logon'), 'A14: a row of the log comes');
	ok(has_orders(join ' ', 1 .. $next - 1), 'A14: and so does the rest');
	$client->quit;
};

for ($subscriber, $node)
{
	$_->stop;
	log_is_clean($_, 'the log has no failed assertion and no leak');
}
done_testing();
