# PgBouncer that checks passwords itself, with auth_query: what the session audit then knows of
# wrong passwords, and where they are recorded (rule A8).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

if (my $reason = missing('pgbouncer'))
{
  SKIP: { skip "PgBouncer: $reason", 1; }
	done_testing();
	exit;
}

my $node = new_node('passwords');
$node->start;
create_app($node, <<'SQL');
CREATE ROLE carol LOGIN PASSWORD 'right';
CREATE ROLE lookup LOGIN;
CREATE FUNCTION secret_of(name) RETURNS TABLE (usename name, passwd text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT usename, passwd FROM pg_shadow WHERE usename = $1';
REVOKE EXECUTE ON FUNCTION secret_of(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION secret_of(name) TO lookup;
SQL
my $hba = $node->data_dir . '/pg_hba.conf';
my $lines = join '', grep { !/^host/ } split /^/, slurp_file($hba);
unlink $hba;
append_to_file($hba, "${lines}host all lookup 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
start_audit($node);

my $pool = PgBouncer->start(
	$node,
	auth_type => 'scram-sha-256',
	auth_user => 'lookup',
	auth_query => 'SELECT * FROM secret_of($1)',
	pool_mode => 'transaction');

# Tries to log on with a password, and returns what psql prints, or its error.
sub log_on
{
	my ($server, $role, $password) = @_;
	local $ENV{PGPASSWORD} = $password;
	my ($status, $out, $err) = try_psql($node, 'app', 'SELECT current_user',
		connstr => 'host=127.0.0.1 port=' . $server->port . " user=$role dbname=app");
	return $status ? $err : $out;
}

# Waits until PgBouncer has logged such a line since that position.
sub is_logged
{
	my ($position, $line) = @_;
	return poll_until(sub { return slurp_file($pool->{log}, $position) =~ $line; });
}

my $position = -s $pool->{log};
# Of a role that does not exist, its log has not even the name.
for ([ 'carol', 'carol', 'SASL authentication failed' ], [ 'stranger', '(nouser)', 'no such user' ])
{
	my ($role, $shown, $reason) = @$_;
	like(log_on($pool, $role, 'wrong'), qr/FATAL:  $reason/, "A8: PgBouncer refuses $role");
	ok(is_logged($position, qr/ LOG C-\S+: app\/\Q$shown\E\@127\.0\.0\.1:\d+ closing because: $reason/), "A8: its own log has $shown and the address");
}
is(log_on($pool, 'carol', 'right'), 'carol', 'A8: the right password is right');
is(admin($node, 'postgres', q{SELECT refusals_waiting + refusals_dropped FROM session_audit.status()}), '0', 'A8: the server has refused nobody');

# The pool's own connections are all that the audit has seen.
is( admin($node, 'postgres', q{SELECT string_agg(DISTINCT concat_ws('|', login_user, host(client_addr), auth_method), ' ')
		FROM session_audit.log WHERE event = 'logon' AND login_user IN ('carol', 'lookup')}),
	'carol|127.0.0.1|scram-sha-256 lookup|127.0.0.1|trust',
	'A8: the audit knows of carol, once let in, and of the role that looks secrets up');

# A wrong password that reaches the server is counted, so the one above would have been.
like(log_on($node, 'carol', 'wrong'), qr/FATAL:  password authentication failed/, 'A8: the server refuses a wrong password');
is(admin($node, 'postgres', q{SELECT refusals_waiting FROM session_audit.status()}), '1', 'A8: and has seen it');
$node->stop('fast');
$node->start;
is(audit_rows($node, q{event = 'refused'}, 'login_user, sqlstate, count'), 'carol|28P01|1', 'A8: it is the only refused row');

$pool->stop;
$node->stop;
log_is_clean($node, 'F12: the log has no failed assertion and no leak');
done_testing();
