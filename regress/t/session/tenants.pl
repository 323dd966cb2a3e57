# The statements of docs/tenants.md as they are printed, and what its users can try: rules K1, K2
# and F7. What protects a setting is in protected.pl.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../../docs/tenants.md");
my ($conf) = $page =~ /^```\n(session_triggers\.protected_settings = .*?)^```/ms;
my ($set_up, $add, $by_address, $by_certificate) = $page =~ /^```sql\n(.*?)^```/gms;

my $node = new_node('tenants', conf => $conf);
my $data = $node->data_dir;
my $tls = check_pg_config('#define USE_OPENSSL 1');
if ($tls)
{
	my %serial = (server => 1, one => 1000, other => 1001);
	for my $name (sort keys %serial)
	{
		system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
			'-set_serial', $serial{$name}, '-subj', "/CN=$name", '-keyout', "$data/$name.key", '-out', "$data/$name.crt");
		chmod 0600, "$data/$name.key";
	}
	append_to_file("$data/clients.crt", join '', map { slurp_file("$data/$_.crt") } qw(one other));
	$node->append_conf('postgresql.conf', "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nssl_ca_file = 'clients.crt'");
}
unlink "$data/pg_hba.conf";
append_to_file("$data/pg_hba.conf", "local all all trust\nhost all all 127.0.0.0/8 trust\n");
$node->start;
create_app($node, 'CREATE ROLE root LOGIN SUPERUSER');
admin($node, 'app', $set_up);
admin($node, 'app', $add);
admin($node, 'app', <<'EOS');
CREATE ROLE bob LOGIN IN ROLE staff;
CREATE ROLE stranger LOGIN IN ROLE staff;
CREATE ROLE other_staff;
GRANT staff TO other_staff;
GRANT other_staff TO alice;
INSERT INTO tenancy.members VALUES ('bob', 'two');
INSERT INTO documents (tenant, title) VALUES ('one', 'of one'), ('two', 'of two'), ('', 'of none');
EOS

my $TITLES = q{SELECT string_agg(title, ', ' ORDER BY title) FROM public.documents};

# The SQLSTATE of a statement, or its first value, or an empty string.
sub outcome
{
	my ($client, $sql) = @_;
	my @messages = $client->query($sql);
	my ($error) = grep { $_->{type} eq 'E' } @messages;
	return $error->{C} if $error;
	my ($row) = grep { $_->{type} eq 'D' } @messages;
	return $row ? $row->{values}[0] // '' : '';
}

# What a new session sees.
sub titles
{
	my ($role, %params) = @_;
	my $session = connect_as($node, $role, %params);
	my @messages = $session->messages;
	return $messages[-1]{C} unless $messages[-1]{type} eq 'Z';
	my $titles = outcome($session, $TITLES);
	$session->quit;
	return $titles;
}

subtest 'K1: each has a tenant, or none' => sub {
	is(titles('alice'), 'of one', 'K1: a role');
	is(titles('bob'), 'of two', 'K1: another one');
	is(titles('stranger'), '', 'K1: one that has no tenant sees nothing, not even what has none');
	my $alice = open_session($node, 'alice');
	is(outcome($alice, q{INSERT INTO documents (title) VALUES ('new') RETURNING tenant}), 'one', 'K1: a new row is the tenant\'s');
	is(outcome($alice, q{DELETE FROM documents WHERE title = 'new' RETURNING title}), 'new', 'K1: and can be deleted');
	is(outcome($alice, 'SELECT count(*) FROM tenancy.members'), '42501', 'K1: who has which tenant is not seen');
	$alice->quit;
	is(admin($node, 'app', q{CREATE EXTENSION session_triggers; SELECT problem, detail FROM session_triggers.problems}), '', 'K1: and nothing is wrong with that');
};

subtest 'K1: attacks' => sub {
	my $alice = open_session($node, 'alice');
	my $still = sub {
		my ($how, $expected) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		return is(outcome($alice, $TITLES), $expected // 'of one', "K1: $how");
	};
	for my $statement (q{SET app.tenant = 'two'}, q{SELECT set_config('app.tenant', 'two', false)}, 'RESET app.tenant',
		q{CREATE FUNCTION pg_temp.f() RETURNS bigint LANGUAGE sql SET app.tenant = 'two' AS 'SELECT count(*) FROM public.documents'})
	{
		is(outcome($alice, $statement), '42501', "K1: $statement");
		$still->('has no effect');
	}
	is(titles('alice', options => '-c app.tenant=two'), '42501', 'K1: the options of a connection');
	is(titles('alice', 'app.tenant' => 'two'), '42501', 'K1: a parameter of the startup packet');

	$alice->query('BEGIN');
	$still->('in a transaction');
	$alice->query('ROLLBACK');
	$still->('after it');
	$alice->query('SET ROLE other_staff');
	$still->('SET ROLE');
	$alice->query('RESET ALL');
	$still->('RESET ALL');

	# Objects that hide those of the policy
	$alice->query(q{CREATE FUNCTION pg_temp.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'two' $$});
	$alice->query(q{CREATE FUNCTION pg_temp."nullif"(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'two' $$});
	$alice->query('SET search_path = pg_temp, pg_catalog, public');
	$still->('functions in pg_temp');
	$alice->query('CREATE TEMP TABLE members (role name, tenant text)');
	$alice->query(q{INSERT INTO members VALUES ('alice', 'two')});
	$still->('tables in pg_temp');

	# A function that costs nothing, and so is called first if it may be
	is(outcome($alice, q{CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 LEAKPROOF AS $$ BEGIN RETURN true; END $$}), '42501', 'K1: nobody calls a function leakproof');
	$alice->query(q{CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$});
	my @seen = map { $_->{M} } grep { $_->{type} eq 'N' } $alice->query('SELECT count(*) FROM documents WHERE pg_temp.leak(title)');
	is("@seen", 'saw of one', 'K1: a function in WHERE sees the rows of the policy');
	is(outcome($alice, q{SET row_security = off; SELECT count(*) FROM documents}), '42501', 'K1: row_security = off');
	$alice->query('RESET row_security');

	is(outcome($alice, q{INSERT INTO documents (tenant, title) VALUES ('two', 'x')}), '42501', 'K1: a row of another tenant');
	is(outcome($alice, q{UPDATE documents SET tenant = 'two'}), '42501', 'K1: a row that is given away');
	is(outcome($alice, q{COPY documents TO STDOUT}), '', 'K1: COPY');
	is(outcome($alice, 'ALTER TABLE documents DISABLE ROW LEVEL SECURITY'), '42501', 'K1: the policy itself');

	# What was prepared under another value
	$alice->query('PREPARE titles AS ' . $TITLES);
	is(outcome($alice, 'EXECUTE titles'), 'of one', 'K1: a prepared statement') for 1 .. 7;
	$alice->query('DECLARE c CURSOR WITH HOLD FOR SELECT title FROM documents');
	$alice->query('DISCARD ALL');
	$still->('DISCARD ALL leaves no tenant', '');
	is(outcome($alice, 'EXECUTE titles'), '26000', 'K2: and nothing that was prepared');
	is(outcome($alice, 'FETCH c'), '34000', 'K2: nor a cursor');
	$alice->quit;

	# The value can change while a statement stays prepared.
	admin($node, 'app', q{CREATE FUNCTION become(tenant text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT set_config('app.tenant', tenant, false) $$});
	my $bob = open_session($node, 'bob');
	$bob->query('SET plan_cache_mode = force_generic_plan');
	$bob->query('PREPARE titles AS ' . $TITLES);
	is(outcome($bob, 'EXECUTE titles'), 'of two', 'K1: a plan');
	$bob->query(q{SELECT become('one')});
	is(outcome($bob, 'EXECUTE titles'), 'of one', 'K1: has the value of each execution');
	$bob->query(q{BEGIN; SELECT become('none'); ROLLBACK});
	is(outcome($bob, 'EXECUTE titles'), 'of one', 'K1: after a rollback, the one before');
	$bob->quit;

	# To have the trigger fail
	for my $options ('-c default_transaction_read_only=on', '-c lock_timeout=1', '-c role=other_staff', '-c search_path=pg_temp')
	{
		is(titles('alice', options => $options), 'of one', "K1, F7: $options");
	}
};

subtest 'K1: who is not kept from it' => sub {
	is(titles('root'), 'of none, of one, of two', 'K1: a superuser sees everything');
	admin($node, 'app', 'CREATE ROLE bypass LOGIN BYPASSRLS IN ROLE staff; CREATE ROLE owner LOGIN; ALTER TABLE documents OWNER TO owner');
	is(titles('bypass'), 'of none, of one, of two', 'K1: so does a role with BYPASSRLS');
	is(titles('owner'), '', 'K1: the owner does not, with FORCE');
	admin($node, 'app', 'ALTER TABLE documents NO FORCE ROW LEVEL SECURITY');
	is(titles('owner'), 'of none, of one, of two', 'K1: and does without');
	admin($node, 'app', 'ALTER TABLE documents FORCE ROW LEVEL SECURITY');
};

subtest 'K1: if the trigger fails' => sub {
	admin($node, 'app', 'ALTER TABLE tenancy.members RENAME TO gone');
	is(titles('alice'), '', 'K1: there is no tenant');
	admin($node, 'app', 'ALTER TABLE tenancy.gone RENAME TO members');
};

subtest 'K1: by address' => sub {
	admin($node, 'app', $by_address);
	admin($node, 'app', q{INSERT INTO tenancy.networks VALUES ('127.0.0.0/24', 'one'), ('127.0.0.2', 'two')});
	is(titles('alice', tcp => '127.0.0.1', from => '127.0.0.1'), 'of one', 'K1: a network');
	is(titles('alice', tcp => '127.0.0.1', from => '127.0.0.2'), 'of two', 'K1: an address of its own in it');
	is(titles('alice', tcp => '127.0.0.1', from => '127.0.1.1'), '', 'K1: another network');
	is(titles('alice'), '', 'K1: a Unix-domain socket');
};

SKIP:
{
	skip 'the server has no TLS', 1 unless $tls;
	subtest 'K1: by certificate' => sub {
		admin($node, 'app', $by_certificate);
		admin($node, 'app', q{INSERT INTO tenancy.certificates VALUES (1000, 'one')});
		my $with = sub {
			my ($parameters, $address) = @_;
			my ($status, $titles) = try_psql($node, 'app', $TITLES, connstr => "host=$address port=@{[$node->port]} dbname=app user=alice $parameters");
			return $status == 0 ? $titles : 'refused';
		};
		my $certificate = sub { return "sslmode=require sslcert=$data/$_[0].crt sslkey=$data/$_[0].key" };
		is($with->($certificate->('one'), '127.0.0.1'), 'of one', 'K1: a certificate that is known');
		is($with->($certificate->('other'), '127.0.0.1'), '', 'K1: one that is not');
		is($with->('sslmode=require sslcert=none', '127.0.0.1'), '', 'K1: none');
		is($with->('sslmode=disable', '127.0.0.1'), '', 'K1: no TLS');
	};
}

log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
