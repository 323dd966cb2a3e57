# What roles learn of their own last logon, and nobody of another's (rule A15), the recipes of
# docs/audit.md that tell them at logon, and the page of the last day (rule A9).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('own_logons', conf => <<'EOC');
session_audit.database = 'postgres'
log_timezone = 'UTC'
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN PASSWORD 'right';
CREATE ROLE bob LOGIN PASSWORD 'right';
CREATE ROLE mallory LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE root LOGIN SUPERUSER;
EOS
wait_for_writer($node);

# Over TCP a password is asked for.
my $hba = $node->data_dir . '/pg_hba.conf';
my $lines = join '', grep { !/^host/ } split /^/, slurp_file($hba);
unlink $hba;
append_to_file($hba, $lines . "host all all 127.0.0.1/32 password\nhost all all ::1/128 password\n");
$node->reload;

# Runs SQL in the database of the log.
sub in_log { return admin($node, 'postgres', $_[0]); }

# Opens a session of a role in the database of the log.
sub on { my ($role, %params) = @_; return open_session($node, $role, database => 'postgres', %params); }

# The SQLSTATE with which a statement fails.
sub error
{
	my ($client, $sql) = @_;
	return join ' ', map { $_->{C} } grep { $_->{type} eq 'E' } $client->query($sql);
}

# What the session of a client is told of its role, in UTC.
my $columns = q{concat_ws('|', last_logon_at AT TIME ZONE 'UTC', host(client_addr), application_name, auth_method, database, refusals)};
sub told { return $_[0]->query("SELECT $columns FROM session_audit.my_last_logon()"); }

# What it is to be told if the session of that client was the last one before it.
sub expected
{
	my ($client, $refusals) = @_;
	return audit_rows($node, q{event = 'logon' AND } . is_of($client), q{at AT TIME ZONE 'UTC', host(client_addr), application_name, auth_method, database}) . "|$refusals";
}

# Runs SQL in a session over TCP, with a password.
sub with_password
{
	my ($role, $database, $password, $sql) = @_;
	local $ENV{PGPASSWORD} = $password;
	return try_psql($node, $database, $sql, connstr => "host=127.0.0.1 port=@{[$node->port]} user=$role dbname=$database");
}

# Tries a wrong password, so many times.
sub refuse
{
	my ($role, $times) = @_;
	for (1 .. $times)
	{
		my ($status) = with_password($role, 'app', 'wrong', 'SELECT 1');
		die 'it was let in' if $status == 0;
	}
	return;
}

# Has the refusals written that wait.
sub write_refusals
{
	$node->restart;
	wait_for_writer($node);
	return;
}

subtest 'A15: the session before' => sub {
	my $first = on('alice', application_name => 'one');
	is(told($first), '0', 'A15: a role that was never on');
	my $second = open_session($node, 'alice', application_name => 'two');
	is(told($first), '0', 'A15: a session that began later is not one before');
	my $third = on('alice', application_name => 'three');
	is(told($third), expected($second, 0), 'A15: when, from where, with what, as the log has it');
	like(told($third), qr/\|two\|trust\|app\|0$/, 'A15: that is, this');
	$second->quit;
	is(told($third), expected($second, 0), 'A15: whether it has ended or not');
	my $bob = on('bob');
	is(told($bob), '0', 'A15: another role is not told of it');
	$_->quit for $first, $third, $bob;

	my (undef, $tcp) = with_password('alice', 'postgres', 'right', "SELECT $columns FROM session_audit.my_last_logon()");
	is($tcp, expected($third, 0), 'A15: over TCP');
	like(told(on('alice')), qr/\|127\.0\.0\.1\|\S*\|password\|postgres\|0$/, 'A15: its address and how it authenticated are told the next time');
};

subtest 'A15: who logged on' => sub {
	my $last = on('root', application_name => 'last');
	my $expected = expected($last, 0);
	$last->quit;
	my $root = on('root');
	is(told($root), $expected, 'a superuser is told of its own');
	for ('SET ROLE alice', 'SET SESSION AUTHORIZATION alice')
	{
		$root->query($_);
		is(told($root), $expected, "A15: whatever it has become: $_");
	}
	$root->quit;
	in_log('GRANT bob TO alice; ALTER ROLE alice SET role = bob');
	my $before = on('alice');
	like($before->query('SELECT current_user'), qr/^bob$/, 'a role that becomes another one at logon');
	is(told(on('alice')), expected($before, 0), 'A15: is told of its own');
	in_log('ALTER ROLE alice RESET role; REVOKE bob FROM alice');

	# Others' functions run as others, and are about the session.
	in_log(<<'EOS');
CREATE FUNCTION as_root() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT application_name FROM session_audit.my_last_logon() $$;
CREATE VIEW of_root AS SELECT application_name FROM session_audit.my_last_logon();
CREATE VIEW of_invoker WITH (security_invoker) AS SELECT application_name FROM session_audit.my_last_logon();
GRANT SELECT ON of_root, of_invoker TO PUBLIC;
EOS
	on('mallory', application_name => 'hers')->quit;
	my $mallory = on('mallory');
	is($mallory->query($_), 'hers', "A15: $_") for 'SELECT as_root()', 'SELECT * FROM of_root', 'SELECT * FROM of_invoker';
	$mallory->quit;
	in_log('DROP VIEW of_root, of_invoker; DROP FUNCTION as_root()');
};

subtest 'A15, R3: a pooled connection' => sub {
	in_log('ALTER ROLE bob SET session_triggers.fire_on_discard = on');
	on('bob', application_name => 'before')->quit;
	my $pool = on('bob', application_name => 'pool');
	$pool->query('DISCARD ALL') for 1, 2;
	is(audit_rows($node, q{event = 'logon' AND } . is_of($pool), 'event'), 'logon logon logon', 'three uses of a session');
	like(told($pool), qr/\|before\|/, 'A15: are one session');
	my $other = on('bob');
	is($other->query('SELECT last_logon_at = (SELECT last_logon_at FROM session_audit.my_last_logon()) FROM session_audit.my_last_logon()'), 't', 'A15: it is the same each time');
	like(told($other), qr/\|pool\|/, 'A15: the next session is told of it');
	$_->quit for $pool, $other;
	in_log('ALTER ROLE bob RESET session_triggers.fire_on_discard');
};

subtest 'A15: sessions without a row' => sub {
	on('mallory', application_name => 'recorded')->quit;
	in_log('ALTER ROLE mallory SET session_audit.enabled = off');
	my $silent = on('mallory', application_name => 'silent');
	like(told($silent), qr/\|recorded\|/, 'A15: one that is left out is told of the last that is not');
	$silent->quit;
	in_log('ALTER ROLE mallory RESET session_audit.enabled');
	like(told(on('mallory')), qr/\|recorded\|/, 'A15: nobody is told of one that was left out');
};

subtest 'A15: months that were dropped' => sub {
	in_log(q{CREATE ROLE gone LOGIN; INSERT INTO session_audit.kept_logons SELECT system_identifier, 'gone'::regrole, 'gone', '2001-02-03 04:05:06+00', '192.0.2.7', 'old' FROM pg_control_system()});
	my $gone = on('gone');
	is(told($gone), '2001-02-03 04:05:06|192.0.2.7|old|0', 'A15: what was kept of them');
	$gone->quit;
	# Another server's, of the same number, is nobody's here.
	in_log(q{UPDATE session_audit.log SET system_identifier = 1 WHERE login_user = 'gone'; UPDATE session_audit.kept_logons SET system_identifier = 1});
	is(told(on('gone')), '0', 'A15: rows of another server are nobody\'s here');
	in_log(q{DELETE FROM session_audit.kept_logons; DELETE FROM session_audit.log WHERE login_user = 'gone'});
};

subtest 'A15: refusals' => sub {
	on('alice', application_name => 'last')->quit;
	refuse('alice', 3);
	refuse('bob', 2);
	is(in_log(q{SELECT refusals_waiting > 0 FROM session_audit.state()}), 't', 'refusals wait');
	my $alice = on('alice');
	like(told($alice), qr/\|last\|trust\|postgres\|0$/, 'A15: those of the last minute are not in the log');
	$alice->quit;
	write_refusals();
	$alice = on('alice');
	like(told($alice), qr/\|3$/, 'A15: but are told of the next time, although a session has begun meanwhile');
	is($alice->query(q{SELECT last_refusal_at = (SELECT max(at) FROM session_audit.log WHERE event = 'refused' AND login_user = 'alice') FROM session_audit.my_last_logon()} =~ s/\(SELECT max.*?'alice'\)/'@{[in_log(q{SELECT max(at) FROM session_audit.log WHERE event = 'refused' AND login_user = 'alice'})]}'/r),
		't', 'A15: with the time of the last');
	$alice->quit;
	like(told(on('bob')), qr/\|2$/, 'A15: each role of those of its name');
	like(told(on('mallory')), qr/\|0$/, 'A15: and of no other');

	# They are of the time since the last logon, but for a minute.
	in_log(q{UPDATE session_audit.log SET at = at - interval '2 minutes' WHERE event = 'refused' AND login_user = 'alice'});
	like(told(on('alice')), qr/\|0$/, 'A15: those before the last logon do not count');

	# Nobody makes it slow by being refused.
	in_log(q{INSERT INTO session_audit.log (at, event, login_user, system_identifier, count) SELECT now() + i * interval '1 us', 'refused', 'alice', system_identifier, CASE WHEN i > 1000 THEN 1 ELSE 1000 END FROM generate_series(1, 11000) i, pg_control_system()});
	like(told(on('alice')), qr/\|10000$/, 'A15: the newest 10,000 rows count');
	in_log(q{DELETE FROM session_audit.log WHERE event = 'refused'});
};

subtest 'A15: names that pass to others' => sub {
	in_log('CREATE ROLE carol LOGIN; CREATE ROLE dave LOGIN');
	on('dave', application_name => 'of dave')->quit;
	on('carol', application_name => 'of carol')->quit;
	refuse('carol', 4);
	write_refusals();
	my $carol = on('carol', application_name => 'of carol');
	like(told($carol), qr/\|of carol\|.*\|4$/, 'A15: she is told of hers');
	$carol->quit;
	wait_for_audit($node, is_of($carol), 'logon logoff|client', 'her session has ended');
	in_log('ALTER ROLE carol RENAME TO caroline; ALTER ROLE dave RENAME TO carol');
	like(told(on('carol')), qr/\|of dave\|.*\|0$/, 'A15: who takes her name is told of its own logons, and not of her refusals');
	like(told(on('caroline')), qr/\|of carol\|.*\|0$/, 'A15: she is told of her last logon under whatever name');
	refuse('carol', 1);
	write_refusals();
	like(told(on('carol')), qr/\|1$/, 'A15: a refusal is of whoever has the name then');
	like(told(on('caroline')), qr/\|0$/, 'A15: and not of who had it');
	in_log('DROP ROLE carol; DROP ROLE caroline; CREATE ROLE caroline LOGIN');
	is(told(on('caroline')), '0', 'A15: a new role of the name was never on');
};

subtest 'A15: nothing else is given' => sub {
	on('mallory', application_name => 'before')->quit;
	my $mallory = on('mallory');
	for (split /\n/, in_log(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace AND relkind IN ('r', 'p', 'v')}))
	{
		is(error($mallory, "SELECT * FROM $_"), '42501', "A15: she cannot read $_");
	}
	is(in_log(q{SELECT string_agg(oid::regprocedure::text, ' ') FROM pg_proc WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('mallory', oid, 'EXECUTE')}),
		'session_audit.my_last_logon()', 'A15: she can call nothing else');
	is(error($mallory, 'SELECT * FROM session_audit.last_logon_of(10)'), '42501', 'A15: not what tells of others');
	is(error($mallory, 'CREATE TABLE session_audit.t (i int)'), '42501', 'A15: nor make anything there');

	# What she puts before the server's own.
	in_log('CREATE SCHEMA own AUTHORIZATION mallory');
	my @trap = $mallory->query(<<'EOS');
SET search_path = own, pg_temp, pg_catalog;
CREATE TEMP TABLE pg_roles (oid oid, rolname name, rolsuper bool);
CREATE TEMP TABLE pg_class (oid oid, relowner oid);
CREATE TEMP TABLE log (LIKE pg_roles);
CREATE FUNCTION own.trapped() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE FUNCTION own.to_hex(bigint) RETURNS text LANGUAGE sql AS 'SELECT own.trapped()';
CREATE FUNCTION own.to_hex(int) RETURNS text LANGUAGE sql AS 'SELECT own.trapped()';
CREATE FUNCTION own.pg_control_system() RETURNS bigint LANGUAGE sql AS 'SELECT own.trapped()::bigint';
CREATE FUNCTION own.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT own.trapped()';
CREATE FUNCTION own.equal(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT own.trapped() IS NULL';
CREATE OPERATOR own.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = own.equal);
CREATE FUNCTION own.equal(text, text) RETURNS bool LANGUAGE sql AS 'SELECT own.trapped() IS NULL';
CREATE OPERATOR own.= (LEFTARG = text, RIGHTARG = text, FUNCTION = own.equal);
EOS
	is(join('', map { $_->{M} } grep { $_->{type} eq 'E' } @trap), '', 'the traps are set');
	like((grep { $_->{type} eq 'E' } $mallory->query('SELECT to_hex(1)'))[0]{M}, qr/trapped as mallory/, 'and are found by what has no path of its own');
	is($mallory->query('SELECT application_name FROM session_audit.my_last_logon()'), 'before', 'A15: but are not called');
	for ('plan_cache_mode = force_generic_plan', 'row_security = off', 'enable_indexscan = off', 'default_transaction_read_only = on', q{TimeZone = 'Asia/Tokyo'},
		q{DateStyle = 'SQL, DMY'}, 'intervalstyle = sql_standard', 'quote_all_identifiers = on', 'transform_null_equals = on')
	{
		$mallory->query("SET $_");
		is($mallory->query('SELECT application_name FROM session_audit.my_last_logon()'), 'before', "A15: nor do her settings matter: $_");
	}
	$mallory->quit;
	in_log('DROP SCHEMA own CASCADE');
};

# The keeper waits for nobody's transaction.
subtest 'A7, A15: locks' => sub {
	my $mallory = on('mallory');
	$mallory->query('BEGIN');
	isnt(told($mallory), '0', 'a call in a transaction');
	is(in_log(q{SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE relnamespace = 'session_audit'::regnamespace AND pid = } . $mallory->pid), '0',
		'A7: holds no lock on the log afterward');
	is(in_log(q{SET lock_timeout = '1s'; BEGIN; LOCK TABLE session_audit.log; SELECT 'locked'; COMMIT}), 'locked', 'A7: so that it can be locked');
	$mallory->quit;

	my $alice = on('alice');
	my $root = on('root');
	$root->query('BEGIN; LOCK TABLE session_audit.log');
	is(error($alice, 'SELECT * FROM session_audit.my_last_logon()'), '55P03', 'A15: it does not wait long for a lock itself');
	$_->quit for $root, $alice;
};

# A view and a column's type need no rights but that to use the schema.
subtest 'A7, A15: what depends on a month' => sub {
	for my $sql ('CREATE TEMP VIEW mine AS SELECT * FROM %s', 'CREATE TEMP TABLE mine (rows %s[])')
	{
		my $month = in_log(q{SELECT session_audit.add_month('2001-01-01')});
		in_log(q{INSERT INTO session_audit.log (at, event, login_user) VALUES ('2001-01-02', 'refused', 'old')});
		my $mallory = on('mallory');
		is(error($mallory, sprintf $sql, $month), '', "anybody may: $sql");
		like(in_log(q{SELECT session_audit.drop_months(now(), 1000); SELECT last_error FROM session_audit.status()}), qr/cannot drop table/, 'A7: the month is not dropped, as status() says');
		is(in_log(q{SELECT count(*) FROM session_audit.log WHERE login_user = 'old'}), '0', 'A7: but has no rows any more');
		$mallory->quit;
		wait_for_exit($node, $mallory);
		in_log('SELECT session_audit.drop_months(now(), 1000)');
		is(in_log("SELECT to_regclass('$month')"), '', 'A7: and is dropped when nothing depends on it');
	}
};

# An owner of a partition has functions run by whoever plans to read it.
subtest 'A15: a partition that was given away' => sub {
	my $month = in_log(q{SELECT session_audit.add_month('2040-01-01')});
	in_log("ALTER TABLE $month OWNER TO mallory; GRANT CREATE ON SCHEMA session_audit TO mallory; CREATE SCHEMA own AUTHORIZATION mallory");
	my $mallory = on('mallory');
	my @made = $mallory->query(<<"EOS");
CREATE TABLE own.ran (who text);
CREATE FUNCTION own.run() RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$BEGIN RAISE WARNING 'ran as %', current_user; RETURN 1; END\$\$;
CREATE INDEX ON $month ((own.run()));
EOS
	is(join('', map { $_->{M} } grep { $_->{type} eq 'E' } @made), '', 'she makes an index');
	my @answer = $mallory->query('SELECT * FROM session_audit.my_last_logon()');
	is(join(' ', map { "$_->{C} $_->{M}" } grep { $_->{type} =~ /[EN]/ } @answer), '42501 a table of the session audit does not belong to a superuser', 'A15: nothing of hers runs as a superuser');
	$mallory->quit;
	in_log("DROP TABLE $month; DROP SCHEMA own CASCADE; REVOKE CREATE ON SCHEMA session_audit FROM mallory");
};

### The recipes

my $page = slurp_file("$FindBin::RealBin/../../../docs/audit.md");
my ($section) = $page =~ /^### A notice at logon\n(.*?)^## /ms or die 'docs/audit.md has no recipe';
my ($here, $teller, $elsewhere) = $section =~ /^```sql\n(.*?)^```$/msg;
my $port = $node->port;
$elsewhere =~ s/port '5432'/port '$port'/ or die 'docs/audit.md names no port';

# The messages that a client gets at logon.
sub messages_at_logon
{
	my ($role, $database) = @_;
	my $client = connect_as($node, $role, database => $database);
	my @messages = map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready;
	$client->quit;
	return join ' ', @messages;
}

subtest 'A15: a notice in the database of the log' => sub {
	in_log("SET SESSION AUTHORIZATION root; $here");
	in_log('CREATE ROLE erin LOGIN');
	is(messages_at_logon('erin', 'postgres'), 'last logon: none, from this machine; refused since then: 0', 'A15: the first logon, without rights on the log');
	refuse('erin', 2);
	write_refusals();
	my $at = in_log(q{SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SSOF') FROM session_audit.log WHERE event = 'logon' AND login_user = 'erin'});
	is(messages_at_logon('erin', 'postgres'), "last logon: $at, from this machine; refused since then: 2", 'A15: the second');

	$node->append_conf('postgresql.conf', 'session_triggers.logon_failure = reject');
	$node->reload;
	my $position = log_position($node);
	in_log('ALTER FUNCTION session_audit.my_last_logon() RENAME TO no_logon');
	is(messages_at_logon('erin', 'postgres'), '', 'A15: a recipe that fails locks nobody out');
	$node->wait_for_log(qr/LOG:  could not tell erin of the last logon: function session_audit\.my_last_logon\(\) does not exist/, $position);
	in_log('ALTER FUNCTION session_audit.no_logon() RENAME TO my_last_logon');
	in_log('DROP EVENT TRIGGER tell_last_logon; DROP FUNCTION public.tell_last_logon()');
};

subtest 'A15: a notice in another database' => sub {
	in_log("SET SESSION AUTHORIZATION root; $teller");
	admin($node, 'app', "SET SESSION AUTHORIZATION root; $elsewhere");
	in_log('CREATE ROLE frank LOGIN');
	is(messages_at_logon('frank', 'app'), 'last logon: none, from this machine; refused since then: 0', 'A15: the first logon');
	refuse('frank', 2);
	write_refusals();
	my $at = in_log(q{SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SSOF') FROM session_audit.log WHERE event = 'logon' AND login_user = 'frank'});
	is(messages_at_logon('frank', 'app'), "last logon: $at, from this machine; refused since then: 2", 'A15: the second');

	my $position = log_position($node);
	in_log('ALTER ROLE teller CONNECTION LIMIT 0');
	is(messages_at_logon('frank', 'app'), '', 'A15: a recipe that fails locks nobody out');
	$node->wait_for_log(qr/LOG:  could not tell frank of the last logon: could not establish connection/, $position);
	in_log('ALTER ROLE teller CONNECTION LIMIT 10');
	is(error(on('frank'), 'SELECT * FROM session_audit.last_logon_of(10)'), '42501', 'A15: who is told has no rights');
};

# Each of these recipes, while somebody has locked the log: the first gives up in time, and is
# canceled if it has less time than that.
subtest 'A15: a log that is locked' => sub {
	in_log("SET SESSION AUTHORIZATION root; $here");
	my $root = on('root', options => '-c session_triggers.enabled=off');
	for my $limit ('60s', '500ms')
	{
		$node->append_conf('postgresql.conf', "session_triggers.logon_timeout = $limit");
		$node->reload;
		wait_until($node, 'postgres', 'SHOW session_triggers.logon_timeout', $limit =~ s/60s/1min/r);
		$root->query('BEGIN; LOCK TABLE session_audit.log');
		for my $database ('postgres', 'app')
		{
			my $position = log_position($node);
			is(messages_at_logon('frank', $database), '', "A15: nobody is locked out: $database, $limit");
			$node->wait_for_log(qr/LOG:  could not tell frank of the last logon: /, $position);
		}
		$root->query('ROLLBACK');
	}
	$root->quit;
	in_log('DROP EVENT TRIGGER tell_last_logon');
	admin($node, 'app', 'DROP EVENT TRIGGER tell_last_logon');
};

### A page

subtest 'A9: the last day' => sub {
	in_log('TRUNCATE session_audit.log');
	in_log(q{CREATE ROLE "evil
role" LOGIN});
	my $killed = on("evil\nrole", application_name => 'evil');
	my $staying = on('bob', application_name => 'staying');
	my $auditor = on('auditor');
	in_log('SELECT pg_terminate_backend(' . $killed->pid . ')');
	wait_for_audit($node, is_of($killed), 'logon logoff|terminated', 'a session was terminated');
	in_log(<<'EOS');
INSERT INTO session_audit.log (at, event, session_id, login_user, client_addr, sqlstate, logon_at, ended_by, system_identifier, count)
SELECT now(), v.event, v.id, v.login_user, v.addr::inet, v.sqlstate, now() - v.lasted::interval, v.ended_by, system_identifier, v.n
FROM pg_control_system(), (VALUES
    ('refused', '1.1', 'alice', '192.0.2.1', '28P01', NULL, NULL, 7), ('refused', '1.2', 'bob', '192.0.2.1', '28000', NULL, NULL, 1),
    ('refused', '1.3', 'bob', NULL, '3D000', NULL, NULL, 1),
    ('lost', '1.4', 'gone', '192.0.2.2', NULL, '2 days', 'crash', 1), ('logoff', '1.5', 'long', '192.0.2.3', NULL, '3 days', 'client', 1))
    v(event, id, login_user, addr, sqlstate, lasted, ended_by, n)
EOS
	my @lines = map { $_->{values}[0] } grep { $_->{type} eq 'D' } $auditor->query('SELECT session_audit.last_day()');
	my $page = join "\n", @lines;
	like($page, qr/^\d\d \d\d:\d\d       3  #{50}$/m, 'A9: logons by hour');
	like($page, qr/^192\.0\.2\.1 +8 +7 +2  /m, 'A9: refusals by address, of which passwords, of how many roles');
	like($page, qr/^local or unknown +1 +0 +1  /m, 'A9: those without an address');
	like($page, qr/^terminated +1$/m, 'A9: ends by kind');
	like($page, qr/^Longest sessions.*\n3 days +long .*192\.0\.2\.3 +client\n2 days +gone .*crash$/m, 'A9: the longest');
	like($page, qr/^Lost sessions.*\n\d\d \d\d:\d\d:\d\d +gone .*192\.0\.2\.2 /m, 'A9: those that were lost');
	like($page, qr/^On now since.*\n.* bob .* staying\n.* auditor /m, 'A9: who is on');
	like($page, qr/^Writer.*\n@{[writer($node)]} +0 +0 +0 /m, 'A9: the state of the writer');
	like($page, qr/^\d\S+ +evil\?role /m, 'A9: no name begins a line');
	is(scalar(grep { /\n/ } @lines), 0, 'A9: each line is one');
	is($auditor->query(q{SELECT count(*) FROM session_audit.last_day('2001-01-01') l WHERE l LIKE '%###%' OR l LIKE '%terminated%'}), '0', 'A9: another day');
	my $mallory = on('mallory');
	is(error($mallory, 'SELECT session_audit.last_day()'), '42501', 'A9: for members of pg_monitor');
	$_->quit for $mallory, $staying, $auditor;
};

$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
