# The functions of the extension oracle_session where sessions begin and end, and where
# clients come from: rule D12. What needs no logon is in the extension's own test.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# The node's name is its cluster_name.
my $node = new_node('context', conf => <<'EOC');
session_triggers.instance_num = 7
session_triggers.proxy_networks = '127.0.0.2'
session_triggers.logon_failure = reject
EOC
my $os_user = getpwuid $<;
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', <<'EOC');
local all peered peer map=any
local all sue scram-sha-256
local all all trust
host all all 127.0.0.0/8 trust
host all all 192.0.2.0/24 trust
EOC
$node->append_conf('pg_ident.conf', "any $os_user peered");
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE peered LOGIN;
CREATE ROLE sue LOGIN PASSWORD 'secret';
CREATE ROLE clerk;
CREATE ROLE root LOGIN SUPERUSER;
GRANT clerk TO alice;
CREATE EXTENSION oracle_session;
CREATE TABLE fired (id serial, line text);
EOF
my $major = admin($node, 'app', 'SHOW server_version_num') =~ s/\d{4}$//r;
start_audit($node);

# As Oracle's manuals have it, but for the attributes in one row.
sub create_triggers
{
	my (@attributes) = @_;
	my $line = join ', ', map { "SYS_CONTEXT('USERENV', '$_')" } @attributes;
	my $root = open_quiet_session($node);
	$root->query("CREATE OR REPLACE TRIGGER logon_trigger AFTER LOGON ON DATABASE BEGIN INSERT INTO fired (line) VALUES (CONCAT_WS('|', 'on', $line)); END;");
	$root->query("CREATE OR REPLACE TRIGGER logoff_trigger BEFORE LOGOFF ON DATABASE BEGIN INSERT INTO fired (line) VALUES (CONCAT_WS('|', 'off', $line)); END;");
	$root->quit;
	return;
}

# Has a session, and returns the client, once it has run statements and ended, and the
# rows of its triggers.
sub session
{
	my ($role, $statements, %params) = @_;
	my $client = open_session($node, $role, %params);
	$client->query($_) for @$statements;
	$client->quit;
	wait_for_exit($node, $client->pid);
	return ($client, take_rows($node));
}

sub rows_are
{
	my ($role, $statements, $params, $expected, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, $rows) = session($role, $statements, %$params);
	return is($rows, $expected, $title);
}

my %tcp = (tcp => '127.0.0.1');

create_triggers(qw(SESSION_USER CURRENT_USER DB_NAME IP_ADDRESS INSTANCE INSTANCE_NAME DB_UNIQUE_NAME SERVER_HOST NETWORK_PROTOCOL CURRENT_SCHEMA ISDBA DATABASE_ROLE));
rows_are('alice', [], {%tcp}, join("\n", map { "$_|alice|root|app|127.0.0.1|7|context|context|127.0.0.1|tcp|public|FALSE|PRIMARY" } qw(on off)),
	'D12: over TCP, with the rights and the schema of the trigger\'s author');
rows_are('root', [], {}, join("\n", map { "$_|root|root|app|7|context|context|ipc|public|TRUE|PRIMARY" } qw(on off)), 'D12: over a Unix-domain socket there is no address');
rows_are('alice', [], { %tcp, from => '127.0.0.2', header => "PROXY TCP4 192.0.2.7 198.51.100.1 5678 5432\r\n" },
	join("\n", map { "$_|alice|root|app|192.0.2.7|7|context|context|127.0.0.1|tcp|public|FALSE|PRIMARY" } qw(on off)),
	'D12, P4: behind a proxy the address is the client\'s');

# Whatever the session has set, its end is that of who has logged on (rules V1 and F7).
create_triggers(qw(SESSION_USER PROXY_USER));
rows_are('alice', ['SET ROLE clerk'], {}, "on|alice\noff|alice", 'D12, V1: SET ROLE makes no difference');
rows_are('root', ['SET SESSION AUTHORIZATION alice'], {}, "on|root\noff|root", 'D12, V1: nor does SET SESSION AUTHORIZATION');
my $client = open_session($node, 'root');
$client->query('SET SESSION AUTHORIZATION alice');
is(scalar $client->query(q{SELECT oracle_session.sys_context('USERENV', 'SESSION_USER') || ' ' || oracle_session.sys_context('USERENV', 'PROXY_USER')}),
	'alice root', 'D12: within, the session is another user\'s');
$client->quit;
wait_for_exit($node, $client->pid);
take_rows($node);

create_triggers('SESSIONID');
for my $statements ([], ['SET ROLE clerk'])
{
	my ($client, $rows) = session('alice', $statements);
	my $number = admin($node, 'postgres', <<'EOF' . is_of($client));
SELECT ('x' || lpad(split_part(session_id, '.', 1), 16, '0'))::bit(64)::bigint * 10000000 + ('x' || lpad(split_part(session_id, '.', 2), 16, '0'))::bit(64)::bigint
FROM session_audit.log WHERE event = 'logon' AND login_user = 'alice' AND
EOF
	is($rows, "on|$number\noff|$number", "D12: SESSIONID is the audit's session_id, at logon and logoff: @$statements");
}
$client = open_session($node, 'alice');
$client->query('SET ROLE clerk');
is(scalar $client->query('SELECT dbms_session.unique_session_id()'), audit_rows($node, "event = 'logon' AND " . is_of($client), 'session_id'),
	'D12: UNIQUE_SESSION_ID is that session_id');

# What a parallel worker would say of itself.
$client->query('SET ' . ($major < 16 ? 'force_parallel_mode' : 'debug_parallel_query') . ' = on');
is(scalar $client->query(q{SELECT oracle_session.sys_context('USERENV', 'SID')}), $client->pid, 'D12: the process is never that of a parallel worker');
is(scalar $client->query(q{SELECT oracle_session.sys_context('USERENV', 'SESSIONID')::numeric % 10000000}), $client->pid, 'D12: nor is the session\'s identifier');
$client->quit;
wait_for_exit($node, $client->pid);
take_rows($node);

my $root = open_quiet_session($node);
$root->query('DROP TRIGGER logon_trigger; DROP TRIGGER logoff_trigger');
subtest 'D12: how a client has authenticated' => sub {
	my $ask = q{SELECT concat_ws('|', oracle_session.sys_context('USERENV', 'AUTHENTICATION_METHOD'), oracle_session.sys_context('USERENV', 'AUTHENTICATED_IDENTITY'), oracle_session.sys_context('USERENV', 'OS_USER'))};
	local $ENV{PGPASSWORD} = 'secret';
	for my $case ([ alice => 'NONE' ], [ peered => "OS|$os_user|$os_user" ], [ sue => 'PASSWORD|sue' ])
	{
		my ($role, $expected) = @$case;
		my ($status, $answer, $error) = try_psql($node, 'app', $ask, extra_params => [ '-U', $role ]);
		if ($major < 16)
		{
			like($error, qr/attribute "AUTHENTICATION_METHOD" of USERENV is not supported by this version/, "D12: before 16 nobody takes null for an answer: $role");
			(undef, $answer) = try_psql($node, 'app', q{SELECT oracle_session.sys_context('USERENV', 'OS_USER') IS NULL}, extra_params => [ '-U', $role ]);
			is($answer, 't', "D12: the client does not send its user: $role");
		}
		else
		{
			is($answer, $expected, "D12: $expected");
		}
	}
};

# The packages, as they are called in Oracle.
$root->query(<<'EOF');
CREATE OR REPLACE TRIGGER logon_trigger AFTER LOGON ON DATABASE
DECLARE
    v_module VARCHAR2(48);
    v_action VARCHAR2(32);
BEGIN
    DBMS_SESSION.SET_CONTEXT('app', 'tenant', 'blue');
    DBMS_SESSION.SET_CONTEXT('app', 'number', 7);
    DBMS_SESSION.SET_IDENTIFIER('id of ' || ora_login_user);
    DBMS_APPLICATION_INFO.SET_MODULE('HR', 'logon');
    DBMS_APPLICATION_INFO.SET_CLIENT_INFO('client of ' || ora_login_user);
    DBMS_APPLICATION_INFO.READ_MODULE(v_module, v_action);
    INSERT INTO fired (line) VALUES (v_module || ' ' || v_action);
    IF DBMS_SESSION.IS_ROLE_ENABLED('CLERK') AND NOT DBMS_SESSION.IS_ROLE_ENABLED('ROOT') THEN
        INSERT INTO fired (line) VALUES ('clerk');
    END IF;
END;
EOF
my $ask = q{SELECT concat_ws('|', current_setting('application_name'), oracle_session.sys_context('app', 'tenant'), oracle_session.sys_context('app', 'number'), oracle_session.sys_context('USERENV', 'CLIENT_IDENTIFIER'), oracle_session.sys_context('USERENV', 'CLIENT_INFO'), oracle_session.sys_context('USERENV', 'ACTION'))};
$client = connect_as($node, 'alice', application_name => 'payroll', options => '-c role=clerk');
is((map { $_->{value} } grep { $_->{type} eq 'S' && $_->{name} eq 'application_name' } $client->ready)[-1], 'HR', 'D12, F5: the client is told of its module');
is(scalar $client->query($ask), 'HR|blue|7|id of alice|client of alice|logon', 'D12, F5: what a trigger has set stays');
$client->query('DISCARD ALL');
is(scalar $client->query($ask), 'payroll', 'D12: DISCARD ALL takes it away');
$client->quit;
is(take_rows($node), "HR logon\nclerk", 'D12: in a trigger, the roles are those of who logs on');

# Rule F7: what a user has set beforehand makes nothing fail.
$root->query("CREATE OR REPLACE TRIGGER logon_trigger AFTER LOGON ON DATABASE BEGIN DBMS_SESSION.CLEAR_ALL_CONTEXT('app'); DBMS_SESSION.SET_CONTEXT('app', 'tenant', 'blue'); END;");
for my $contexts ('app.,app.a\ b,,app.tenant', 'x,' x 2000, 'app.tenant.more,' x 300)
{
	$client = open_session($node, 'alice', options => "-c oracle_session.contexts=$contexts -c app.tenant=red");
	is(scalar $client->query(q{SELECT oracle_session.sys_context('app', 'tenant')}), 'blue', 'D12, F7: a list of contexts that is not the extension\'s: ' . substr $contexts, 0, 20);
	$client->quit;
}
$root->query('DROP TRIGGER logon_trigger');

# The page's own example.
my ($example) = slurp_file("$FindBin::RealBin/../../../docs/oracle.md") =~ /### Contexts of one's own.*?```sql\n(.*?)```/s;
$root->query(<<'EOF');
CREATE TABLE tenants AS SELECT text 'alice' AS name, text 'blue' AS tenant;
CREATE TABLE orders AS SELECT unnest('{blue, green}'::text[]) AS tenant;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON orders TO PUBLIC;
EOF
is_deeply([ map { $_->{M} } grep { $_->{type} eq 'E' } $root->query($example) ], [], 'D12: the example of docs/oracle.md');
$client = open_session($node, 'alice');
is(scalar $client->query(q{SELECT string_agg(tenant, ' ') FROM orders}), 'blue', 'D12: the user sees the rows of one tenant');
$client->query($_) for 'CREATE TEMP TABLE own ()', 'SET search_path = pg_temp', q{CREATE FUNCTION pg_temp.lie(text, text) RETURNS text LANGUAGE sql AS $$SELECT text 'app.other'$$},
  'CREATE OPERATOR pg_temp.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.lie)', q{SET app.other = 'green'};
is(scalar $client->query(q{SELECT string_agg(tenant, ' ') FROM public.orders}), 'blue', 'D12: also with operators of their own');
$client->query(q{CALL dbms_session.set_context('app', 'tenant', 'green')});
is(scalar $client->query(q{SELECT string_agg(tenant, ' ') FROM public.orders}), 'green', 'D12: a setting that is not protected protects nothing');
$client->quit;
$root->query('DROP TRIGGER tenant_of_user');
$root->quit;

# A dump has the extension, and nothing of what it consists of.
my $dump = "$PostgreSQL::Test::Utils::tmp_check/context.sql";
$node->command_ok([ 'pg_dump', '--schema-only', '--file' => $dump, '--dbname' => $node->connstr('app') ], 'D12: a dump');
like(slurp_file($dump), qr/CREATE EXTENSION IF NOT EXISTS oracle_session/, 'D12: it has the extension');
unlike(slurp_file($dump), qr/CREATE (FUNCTION|PROCEDURE|SCHEMA)|GRANT .*dbms_/, 'D12: and nothing else of it');
admin($node, 'postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '--no-psqlrc', '--quiet', '--set' => 'ON_ERROR_STOP=1', '--file' => $dump, '--dbname' => $node->connstr('restored') ], 'D12: it can be restored');
is(admin($node, 'restored', q{SELECT oracle_session.sys_context('USERENV', 'DB_NAME')}), 'restored', 'D12: there it works');

log_is_clean($node, 'no server process has crashed');
done_testing();
