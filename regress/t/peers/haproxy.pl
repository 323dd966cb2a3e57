# HAProxy in front of the server, which sends PROXY headers (section P): both versions, health
# checks, TLS, cancels, and what the audit then has.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

if (my $reason = missing('haproxy'))
{
  SKIP: { skip "HAProxy: $reason", 1; }
	done_testing();
	exit;
}

my $node = new_node('behind', conf => <<'EOC');
session_audit.database = 'postgres'
session_triggers.proxy_networks = '127.0.0.2'
log_connections = on
EOC
my $data = $node->data_dir;
my $has_tls = 0 == system_log('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', "$data/server.key", '-out', "$data/server.crt");
chmod 0600, "$data/server.key";
append_to_file("$data/both.pem", slurp_file("$data/server.crt") . slurp_file("$data/server.key")) if $has_tls;
$node->append_conf('postgresql.conf', 'ssl = on') if $has_tls;
unlink "$data/pg_hba.conf";
# Clients come from 127.0.0.3 or 127.0.0.1; HAProxy connects from 127.0.0.2, and checks from there.
$node->append_conf('pg_hba.conf', <<'EOC');
local all all trust
host all all 127.0.0.3/32 trust
host all all 127.0.0.1/32 trust
host all check_role 127.0.0.2/32 trust
EOC
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE check_role LOGIN');
admin($node, 'postgres', 'ALTER ROLE check_role SET session_audit.enabled = off');
wait_for_writer($node);

my $server = '  server server 127.0.0.1:' . $node->port . ' source 127.0.0.2';
my $listen = "  bind 127.0.0.1:%d\n";
my $proxy = HAProxy->start(
	v1 => "$listen$server send-proxy",
	v2 => "$listen$server send-proxy-v2",
	plain => "$listen$server",
	checked => "$listen  option pgsql-check user check_role\n$server send-proxy-v2 check inter 100 rise 1 fall 1",
	connected => "$listen$server send-proxy-v2 check inter 100 rise 1 fall 1",
	# With a port of its own, the check sends no header, unless it is told to.
	unsent => "$listen  option pgsql-check user check_role\n$server send-proxy-v2 check port " . $node->port . ' inter 100 rise 1 fall 1',
	sent => "$listen  option pgsql-check user check_role\n$server send-proxy-v2 check port " . $node->port . ' check-send-proxy inter 100 rise 1 fall 1',
	$has_tls ? (ends_tls => "  bind 127.0.0.1:%d ssl crt $data/both.pem alpn postgresql\n$server send-proxy-v2-ssl proxy-v2-options crc32c") : ());

# A client of this section, from an address.
sub client
{
	my ($section, $from) = @_;
	return connect_raw(bless({ port => $proxy->port_of($section) }, 'PgBouncer'), user => 'alice', database => 'app', tcp => '127.0.0.1', from => $from);
}

# psql's answer through a section.
sub psql_through
{
	my ($section, $options, $sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XqAt', '-c', $sql, "host=127.0.0.1 port=" . $proxy->port_of($section) . " user=alice dbname=app $options" ], '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	chomp $out;
	return $out || $err;
}

for my $section (qw(v1 v2))
{
	my $client = client($section, '127.0.0.3');
	$client->ready;
	is($client->query(q{SELECT concat_ws(' ', host(inet_client_addr()), inet_client_port())}), '127.0.0.3 ' . $client->{socket}->sockport, "P4: $section");
	$client->send_query('SELECT pg_sleep(600)');
	ok(wait_for_event($node, $client, 'PgSleep'), "P2: $section: it runs");
	my $cancel = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $proxy->port_of($section), LocalHost => '127.0.0.3');
	$cancel->syswrite(pack('NNNa*', 12 + length $client->{key}, 80877102, $client->pid, $client->{key}));
	my ($error) = grep { $_->{type} eq 'E' } $client->messages;
	is($error->{C}, '57014', "P2: $section: a cancel");
	$client->quit;
	wait_for_audit($node, is_of($client), 'logon|127.0.0.3|127.0.0.2 logoff|127.0.0.3|127.0.0.2', "P4: $section: the audit", 'event, host(client_addr), host(proxy_addr)');
	my @refused = client($section, '127.0.0.5')->messages;
	is($refused[-1]{C}, '28000', "P4: $section: pg_hba.conf has no line for the client");
}

my $position = log_position($node);
is(scalar(client('plain', '127.0.0.3')->messages), 0, 'P1: without a header nobody comes in');
$node->wait_for_log(qr/has no valid PROXY header/, $position);

ok(poll_until(sub { $proxy->status('checked') =~ /^UP/ }), 'P3: a health check that sends a header');
ok(poll_until(sub { $proxy->status('sent') =~ /^UP/ }), 'P3: also to a port of its own');
ok(poll_until(sub { $proxy->status('connected') =~ /^UP/ }), 'P3: one that only connects');
ok(poll_until(sub { $proxy->status('unsent') =~ /^DOWN/ }), 'P1: one that sends no header');
is(audit_rows($node, q{login_user = 'check_role'}, 'event'), '', 'A2: their role is not recorded');

SKIP:
{
	skip 'there is no openssl', 3 unless $has_tls && $node->config_data('--configure') =~ /ssl|openssl/;
	is(psql_through('v2', 'sslmode=require', q{SELECT ssl, host(inet_client_addr()) FROM pg_stat_ssl WHERE pid = pg_backend_pid()}), 't|127.0.0.1', 'P2: TLS between client and server');
	skip 'libpq begins with TLS at once as of 17', 2 if $node->pg_version < 17;
	is(psql_through('v2', 'sslmode=require sslnegotiation=direct', 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), 't', 'P2: at once');
	is(psql_through('ends_tls', 'sslmode=require sslnegotiation=direct', 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), 'f', 'P3: HAProxy ends TLS, and says so in the header');
}

# Drivers. Without the header the address would be 127.0.0.2.
my %drivers = (
	asyncpg => [ "$peers/python/bin/python", "$clients/asyncpg-client.py" ],
	pgjdbc => [ 'java', '-cp', "$peers/java/classes:$peers/java/usr/share/java/postgresql.jar", 'PgjdbcClient' ]);
my %needs = (asyncpg => 'python', pgjdbc => 'java');
for my $driver (sort keys %drivers)
{
  SKIP:
	{
		my $reason = missing($needs{$driver});
		skip "$driver: $reason", 1 if $reason;
		my ($out, $err) = run_driver(@{ $drivers{$driver} }, 'postgresql://127.0.0.1:' . $proxy->port_of('v2') . '/app?user=alice',
			q{DO $$ BEGIN ASSERT host(inet_client_addr()) = '127.0.0.1' AND inet_server_port() IS NOT NULL; END $$});
		like($out, qr/^done\nselect 1\n.*^closed$/ms, "P4: $driver") or diag $err;
	}
}

# 500 connections, ten at a time.
append_to_file("$data/script.sql", "SELECT 1\n");
my ($out, $err) = ('', '');
IPC::Run::run([ 'pgbench', '-nC', '-c', 10, '-t', 50, '-f', "$data/script.sql", "host=127.0.0.1 port=" . $proxy->port_of('v2') . ' user=alice dbname=app application_name=pgbench' ], '>', \$out, '2>', \$err);
like($out, qr{number of transactions actually processed: 500/500}, 'P4: 500 connections') or diag $err;
ok(wait_until($node, 'postgres', q{SELECT count(*) FILTER (WHERE event = 'logon') >= 500 AND count(*) FILTER (WHERE event = 'logon') = count(*) FILTER (WHERE event = 'logoff')
	FROM session_audit.log WHERE application_name = 'pgbench' AND proxy_addr = '127.0.0.2'}), 'P4: each is recorded');

$proxy->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
