# What the owner of a delegated trigger can try in order to do what they could not do anyway:
# rules N1 to N3. Mallory is a member of the creator role and can become "pawn", so code of
# hers runs in pawn's sessions. Nothing of it may run in other sessions, or do there what she
# could not do as pawn.
use strict;
use warnings FATAL => 'all';

use Cwd 'abs_path';
use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('escalation', conf => <<'EOC');
autovacuum = off
max_locks_per_transaction = 10
session_triggers.creator_role = platform
EOC
$node->start;
my $major = int($node->pg_version);
my $dir = abs_path($node->basedir);
create_app($node, <<"EOS");
CREATE ROLE platform;
CREATE ROLE mallory LOGIN IN ROLE platform;
CREATE ROLE pawn LOGIN;
GRANT pawn TO mallory;
CREATE ROLE rich LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE SCHEMA lair AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA lair TO PUBLIC;
CREATE TABLE secret AS SELECT 'secret' AS word;
CREATE TABLE loot (id int GENERATED ALWAYS AS IDENTITY, login_user text, word text);
GRANT ALL ON loot TO PUBLIC;
CREATE SCHEMA audit;
CREATE TABLE audit.log (id int GENERATED ALWAYS AS IDENTITY, event text, login_user text);
CREATE FUNCTION audit.record() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS \$\$
BEGIN
    INSERT INTO audit.log (event, login_user) SELECT lower(tg_event), polar_login_user WHERE 1 = 1;
END
\$\$;
CREATE EVENT TRIGGER m_audit_on ON after_user_logon EXECUTE FUNCTION audit.record();
CREATE EVENT TRIGGER m_audit_off ON before_user_logoff EXECUTE FUNCTION audit.record();
EOS

my $mallory = open_session($node, 'mallory', options => '-c client_min_messages=error');

# The error of a statement of mallory's, or "done"
sub attempt
{
	my ($sql) = @_;
	my ($error) = grep { $_->{type} eq 'E' } $mallory->query($sql);
	return $error ? "$error->{C} $error->{M}" : 'done';
}

# Mallory's function, with a body and options, and her triggers
sub plant
{
	my ($body, $options, @events) = @_;
	@events = qw(after_user_logon before_user_logoff) unless @events;
	attempt('DROP EVENT TRIGGER IF EXISTS a_' . $_) for qw(after_user_logon before_user_logoff);
	my $made = attempt("CREATE OR REPLACE FUNCTION lair.f() RETURNS event_trigger LANGUAGE plpgsql $options AS \$f\$\n$body\n\$f\$");
	die $made if $made ne 'done';
	for my $event (@events)
	{
		$made = attempt("CREATE EVENT TRIGGER a_$event ON $event EXECUTE FUNCTION lair.f()");
		die $made if $made ne 'done';
	}
	admin($node, 'app', 'TRUNCATE loot, audit.log');
	return;
}

# A body that does all this, whatever fails
sub tries
{
	my (@statements) = @_;
	return join "\n", 'BEGIN', 'INSERT INTO public.loot (login_user, word) VALUES (polar_login_user, tg_event);',
	  (map { "BEGIN EXECUTE \$s\$$_\$s\$; EXCEPTION WHEN OTHERS THEN INSERT INTO public.loot (login_user, word) VALUES (polar_login_user, sqlerrm); END;" }
		  @statements), 'END';
}

# Runs a session of a role, and returns what mallory's code has left in it.
sub visit
{
	my ($role, %params) = @_;
	admin($node, 'app', 'TRUNCATE loot, audit.log');
	my $client = connect_as($node, $role, %params);
	my @messages = $client->messages;
	$client->quit;
	wait_for_exit($node, $client);
	return admin($node, 'app', q{SELECT string_agg(word, '|' ORDER BY id) FROM loot});
}

sub is_recorded
{
	my ($role, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(admin($node, 'app', q{SELECT string_agg(event || ' ' || login_user, ', ' ORDER BY id) FROM audit.log}),
		"after_user_logon $role, before_user_logoff $role", $name);
}

my $grab = "ALTER ROLE mallory SUPERUSER";

sub superusers
{
	return admin($node, 'app', q{SELECT count(*) FROM pg_roles WHERE rolname IN ('mallory', 'pawn', 'rich', 'platform') AND rolsuper});
}

subtest 'the sessions of others' => sub {
	plant(tries($grab), '');
	is(visit('pawn'), 'after_user_logon|' . refusal() . '|before_user_logoff|' . refusal(), "pawn's sessions run it");
	is_recorded('pawn', 'and are recorded');
	for my $role (qw(root rich), scalar getpwuid($<))
	{
		for my $state (qw(ENABLE), 'ENABLE ALWAYS', 'ENABLE REPLICA')
		{
			attempt("ALTER EVENT TRIGGER a_$_ $state") for qw(after_user_logon before_user_logoff);
			is(visit($role), '', "a session of $role does not run it: $state");
			is(visit($role, options => '-c session_replication_role=replica'), '', "nor as a replica: $state") if $role ne 'rich';
		}
	}
	# Whoever takes another role on has not logged on as that one.
	attempt("ALTER EVENT TRIGGER a_$_ ENABLE") for qw(after_user_logon before_user_logoff);
	admin($node, 'app', 'TRUNCATE loot');
	for my $become ('SET ROLE pawn', 'SET SESSION AUTHORIZATION pawn')
	{
		my $client = open_session($node, 'root');
		$client->query($become);
		$client->quit;
		wait_for_exit($node, $client);
		is(admin($node, 'app', 'SELECT count(*) FROM loot'), '0', "nor one of a superuser after $become");
	}
	admin($node, 'app', 'ALTER ROLE root SET role = pawn');
	is(visit('root'), '', 'nor if that is a setting of the superuser');
	admin($node, 'app', 'ALTER ROLE root RESET role');
	is(superusers(), '0', 'no role has become a superuser');
};

sub refusal
{
	return $major >= 16 ? 'permission denied to alter role' : 'must be superuser to alter superuser roles or change superuser attribute';
}

# --- what the predefined roles allow ------------------------------------------------

my %probe = (
	pg_read_all_data => ['SELECT count(*) FROM public.secret'],
	pg_write_all_data => [q{INSERT INTO public.secret VALUES ('x')}],
	pg_read_server_files => ["SELECT pg_read_file('$dir/PG_VERSION', true)", "CREATE TEMP TABLE IF NOT EXISTS p (a text); COPY p FROM '/etc/passwd'"],
	pg_write_server_files => ["COPY (SELECT 1) TO '$dir/written'"],
	pg_execute_server_program => ["COPY (SELECT 1) TO PROGRAM 'cat > $dir/program'"],
	pg_signal_backend => [q{SELECT pg_cancel_backend((SELECT pid FROM pg_stat_activity WHERE usename = 'rich' LIMIT 1))}],
	pg_read_all_settings => [q{SELECT 1/count(*) FROM pg_settings WHERE name = 'config_file'}],
	pg_read_all_stats => [q{SELECT 1/count(*) FROM pg_stat_activity WHERE usename = 'rich' AND query NOT LIKE '<insuff%'}],
	pg_stat_scan_tables => [q{SELECT 1/count(*) FROM pg_stat_activity WHERE usename = 'rich' AND query NOT LIKE '<insuff%'}],
	pg_monitor => [q{SELECT count(*) FROM pg_ls_waldir()}],
	pg_checkpoint => ['CHECKPOINT'],
	pg_maintain => ['REINDEX TABLE public.secret', 'LOCK TABLE public.secret IN ACCESS SHARE MODE'],
	pg_create_subscription => [q{CREATE SUBSCRIPTION s CONNECTION 'dbname=none user=none password=none' PUBLICATION p WITH (connect = false, slot_name = NONE, enabled = false)}],
	pg_database_owner => ['CREATE SCHEMA owners', 'COMMENT ON DATABASE app IS NULL']);
my @all_probes = (
	(map { @{ $probe{$_} } } sort keys %probe),
	$grab,
	'SET ROLE rich',
	'SET ROLE root',
	'SET SESSION AUTHORIZATION root',
	q{SELECT set_config('role', 'root', false)},
	'GRANT root TO mallory',
	'ALTER SYSTEM SET work_mem = 64',
	'ALTER DATABASE app SET session_triggers.enabled = off',
	'ALTER ROLE pawn SET session_triggers.enabled = off',
	'SET session_triggers.enabled = off',
	'SET session_triggers.logoff_on = client',
	'SET session_triggers.logoff_timeout = 1',
	'SET session_triggers.logon_failure = continue',
	'SET session_replication_role = replica',
	'SET log_statement = none',
	'SET log_min_messages = panic',
	q{SET session_preload_libraries = 'x'},
	'ALTER EVENT TRIGGER m_audit_off DISABLE',
	'DROP EVENT TRIGGER m_audit_off',
	'ALTER EVENT TRIGGER a_after_user_logon OWNER TO root',
	'DELETE FROM audit.log',
	'ALTER FUNCTION audit.record() RENAME TO x',
	'UPDATE pg_event_trigger SET evtenabled = $$D$$',
	'LOCK pg_event_trigger',
	'LOAD $$sesstrig_nothing$$',
	'CREATE FUNCTION lair.c() RETURNS int LANGUAGE c AS $$x$$',
	'SELECT pg_reload_conf()',
	'SELECT lo_import($$/etc/passwd$$)');

# What comes of each probe when mallory runs it by hand, as a role
sub by_hand
{
	my ($role) = @_;
	my $hand = open_session($node, 'mallory');
	my @results;
	for my $sql (@all_probes)
	{
		$hand->query("BEGIN; SET LOCAL ROLE $role");
		my ($error) = grep { $_->{type} eq 'E' } $hand->query(qq{DO \$d\$BEGIN EXECUTE \$s\$$sql\$s\$; END\$d\$});
		push @results, "$sql: " . ($error ? $error->{C} : 'done');
		$hand->query('ROLLBACK');
	}
	$hand->quit;
	return \@results;
}

# The same in a delegated trigger in a session of pawn. Each is rolled back.
sub by_trigger
{
	my ($options) = @_;
	my $probes = join "\n", map {
		"BEGIN EXECUTE \$s\$$_\$s\$; RAISE SQLSTATE 'XXDNE'; EXCEPTION WHEN OTHERS THEN "
		  . "INSERT INTO public.loot (login_user, word) VALUES (polar_login_user, \$s\$$_\$s\$ || ': ' || replace(sqlstate, 'XXDNE', 'done')); END;"
	} @all_probes;
	plant("BEGIN\n$probes\nEND", $options, 'after_user_logon');
	return [ split /\|/, visit('pawn') ];
}

subtest 'what a trigger can do is what its owner could do as the role' => sub {
	my $rich = open_session($node, 'rich');
	my $before = by_hand('pawn');
	is_deeply(by_trigger(''), $before, 'without any predefined role');
	is_deeply(by_trigger('SECURITY DEFINER SET search_path = pg_catalog, pg_temp'), by_hand('mallory'), 'with the rights of its owner');
	my @done = grep { /: done$/ } @$before;
	is("@done", '', 'which is nothing');
	for my $role (sort keys %probe)
	{
		next if !admin($node, 'app', "SELECT 1 FROM pg_roles WHERE rolname = '$role'") || $role eq 'pg_database_owner';
		# To create a subscription takes this right, too.
		my $also = $role eq 'pg_create_subscription';
		admin($node, 'app', "GRANT $role TO pawn");
		admin($node, 'app', 'GRANT CREATE ON DATABASE app TO pawn') if $also;
		my $hand = by_hand('pawn');
		is_deeply(by_trigger(''), $hand, "pawn has $role: as by hand");
		my $more = grep { /: done$/ } @$hand;
		cmp_ok($more, '>', 0, "which allows something ($more)") if $role ne 'pg_stat_scan_tables';
		admin($node, 'app', "REVOKE $role FROM pawn; GRANT $role TO rich");
		admin($node, 'app', 'REVOKE CREATE ON DATABASE app FROM pawn') if $also;
		is_deeply(by_trigger(''), $before, "rich has $role: pawn's session gains nothing");
		is(visit('rich'), '', "and that of rich does not run it");
		admin($node, 'app', "REVOKE $role FROM rich");
	}
	is(scalar(grep { -e "$dir/$_" } qw(written program)), 2, 'those that are allowed have had an effect, to show that the probes are real');
	$rich->quit;
};

# Since 18, what runs in a session can log on elsewhere with the keys of whoever has logged on.
subtest 'N2: what the client has proved who it is with' => sub {
	plan skip_all => 'this major does not keep the keys' if $major < 18;
	my $hba = $node->data_dir . '/pg_hba.conf';
	my $lines = slurp_file($hba);
	unlink $hba;
	append_to_file($hba, "host all pawn 127.0.0.1/32 scram-sha-256\n$lines");
	$node->reload;
	admin($node, 'app', <<"EOS");
ALTER ROLE pawn PASSWORD 'right';
CREATE EXTENSION dblink;
GRANT USAGE ON FOREIGN DATA WRAPPER dblink_fdw TO mallory;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER dblink_fdw
	OPTIONS (host '127.0.0.1', port '@{[ $node->port ]}', dbname 'postgres', use_scram_passthrough 'true');
CREATE USER MAPPING FOR pawn SERVER elsewhere OPTIONS (user 'pawn');
GRANT USAGE ON FOREIGN SERVER elsewhere TO pawn;
EOS
	my $query = q{SELECT who FROM public.dblink('elsewhere', 'SELECT current_user') AS t(who text)};
	plant(tries("INSERT INTO public.loot (word) $query"), '');
	local $ENV{PGPASSWORD} = 'right';
	# The triggers run before the query and after it.
	is($node->safe_psql('app', $query, connstr => $node->connstr('app') . ' host=127.0.0.1 user=pawn'),
		'pawn', 'the session can log on elsewhere');
	ok(wait_until($node, 'app', q{SELECT count(*) FROM loot WHERE word LIKE '%\_user\_log%'}, '2'), 'both triggers have run');
	is(admin($node, 'app', q{SELECT count(*) FROM loot WHERE word = 'pawn'}), '0', 'they cannot');
	is(admin($node, 'app', q{SELECT count(*) FROM loot WHERE word LIKE '%password%' OR word LIKE '%connection%'}), '2', 'because they have no key');
	unlink $hba;
	append_to_file($hba, $lines);
	$node->reload;
	admin($node, 'app', 'DROP EXTENSION dblink CASCADE');
};

subtest 'a role in between' => sub {
	plan skip_all => 'SET and INHERIT are the same before 16' if $major < 16;
	# Mallory has what pawn2 has; pawn2 may become, but does not inherit, boss.
	admin($node, 'app', <<'EOS');
CREATE ROLE boss;
GRANT ALL ON secret TO boss;
CREATE ROLE pawn2 LOGIN;
GRANT boss TO pawn2 WITH INHERIT FALSE, SET TRUE;
GRANT pawn2 TO mallory WITH INHERIT TRUE, SET FALSE;
EOS
	like(attempt('SET ROLE boss'), qr/^42501/, 'she cannot become it');
	plant(tries('SET ROLE boss', 'SELECT count(*) FROM public.secret'), '');
	is(visit('pawn2'), '', 'so her trigger does not fire');
	admin($node, 'app', 'GRANT pawn2 TO mallory WITH SET TRUE');
	is(attempt('SET ROLE boss'), 'done', 'when she can');
	attempt('RESET ROLE');
	is(visit('pawn2'), 'after_user_logon|before_user_logoff', 'it does');
};

# --- who owns what ------------------------------------------------------------------

subtest 'changed owners and replaced functions' => sub {
	plant(tries($grab), '');
	like(attempt('ALTER EVENT TRIGGER a_after_user_logon OWNER TO root'), qr/^42501/, 'she cannot give her trigger to a superuser');
	like(attempt('ALTER FUNCTION lair.f() OWNER TO root'), qr/^42501/, 'nor her function');
	like(attempt('REASSIGN OWNED BY mallory TO root'), qr/^42501/, 'nor all that she has');
	like(attempt('REASSIGN OWNED BY root TO mallory'), qr/^42501/, 'nor take what a superuser has');
	like(attempt('CREATE OR REPLACE FUNCTION audit.record() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$'), qr/^42501/,
		"nor replace a superuser's function");
	like(attempt('CREATE EVENT TRIGGER b ON after_user_logon EXECUTE FUNCTION audit.record()'), qr/^42501/, 'nor have a trigger run it');
	like(attempt('DROP FUNCTION lair.f()'), qr/^2BP01/, 'the function of a trigger cannot be dropped, to make room for another');

	# Somebody else's function, which the trigger has got because the owners changed
	admin($node, 'app', 'ALTER FUNCTION lair.f() OWNER TO pawn');
	is(visit('pawn'), '', "a trigger does not run another role's function");
	admin($node, 'app', 'ALTER FUNCTION lair.f() OWNER TO root; ALTER FUNCTION lair.f() SECURITY DEFINER');
	is(visit('pawn'), '', "nor a superuser's");
	admin($node, 'app', 'ALTER FUNCTION lair.f() SECURITY INVOKER; ALTER FUNCTION lair.f() OWNER TO mallory');
	isnt(visit('pawn'), '', 'but its own');

	# Shadows of the names that the triggers of superusers use
	attempt('CREATE SCHEMA pg_catalog2');
	attempt('CREATE FUNCTION lair.record() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$');
	is(visit('pawn', options => '-c search_path=lair,audit,pg_catalog') =~ s/\|.*//r, 'after_user_logon', 'a trigger knows its function by its OID');
	is_recorded('pawn', "a superuser's, too");
	is(superusers(), '0', 'no role has become a superuser');
};

# --- what it leaves in the session for the triggers of superusers ----------------------

subtest 'names that it plants' => sub {
	my $evil = q{LANGUAGE plpgsql AS $e$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN true; END$e$};
	plant(
		tries(
			'CREATE TEMP TABLE log (event text, login_user text)',
			"CREATE FUNCTION pg_temp.evil(anyelement, anyelement) RETURNS bool $evil",
			"CREATE FUNCTION pg_temp.lower(text) RETURNS bool $evil",
			'CREATE OPERATOR pg_temp.= (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_temp.evil)',
			'CREATE TYPE pg_temp.text AS (a int)',
			"CREATE FUNCTION pg_temp.cast_it(pg_temp.text) RETURNS bool $evil",
			'CREATE CAST (pg_temp.text AS bool) WITH FUNCTION pg_temp.cast_it(pg_temp.text) AS IMPLICIT',
			'CREATE TABLE pg_temp.defaults (a bool DEFAULT pg_temp.lower($$x$$))',
			q{SELECT set_config('search_path', 'pg_temp, lair, pg_catalog', false)},
			'PREPARE record AS SELECT 1',
			'DECLARE record CURSOR WITH HOLD FOR SELECT 1'),
		'', 'after_user_logon');
	my $client = open_session($node, 'pawn');
	is($client->query('SHOW search_path'), 'pg_temp, lair, pg_catalog', 'it has set the path');
	is($client->query(q{SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.pg_my_temp_schema()}), '3', 'and has its functions there');
	$client->quit;
	wait_for_exit($node, $client);
	is_recorded('pawn', "a superuser's trigger is not misled");
	is(superusers(), '0', 'no role has become a superuser');
};

subtest 'locks, and names with a meaning' => sub {
	plant('BEGIN PERFORM pg_advisory_lock(i) FROM generate_series(1, 100000) i; END', '', 'after_user_logon');
	visit('pawn');
	is_recorded('pawn', 'a session whose lock table has been filled up is recorded');
	plant('BEGIN FOR i IN 1..100000 LOOP BEGIN PERFORM pg_advisory_lock(i); EXCEPTION WHEN OTHERS THEN RETURN; END; END LOOP; END', '', 'after_user_logon');
	visit('pawn');
	is_recorded('pawn', 'also if the function has caught the error');

	attempt('DROP EVENT TRIGGER a_after_user_logon');
	is(attempt('CREATE EVENT TRIGGER "%s%n""of role""root" ON after_user_logon EXECUTE FUNCTION lair.f()'), 'done', 'any name will do');
	attempt(q{CREATE OR REPLACE FUNCTION lair.f() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE '%%s%%n'; END$$});
	my $position = log_position($node);
	visit('pawn');
	is_recorded('pawn', 'sessions are recorded');
	like(slurp_file($node->logfile, $position), qr/event trigger "%s%n"of role"root" on event after_user_logon of role "mallory"\n/,
		'and the log ends with the name of the owner');
	attempt('DROP EVENT TRIGGER "%s%n""of role""root"');
};

subtest 'transactions' => sub {
	for my $statement ('COMMIT', 'ROLLBACK')
	{
		attempt("CREATE OR REPLACE PROCEDURE lair.p() LANGUAGE plpgsql AS \$\$BEGIN INSERT INTO public.loot (word) VALUES ('p'); $statement; END\$\$");
		attempt('CREATE EVENT TRIGGER a_p ON before_user_logoff EXECUTE PROCEDURE lair.p()');
		is(visit('pawn'), '', "$statement is an error");
		is_recorded('pawn', "$statement does not undo what the audit has written");
		attempt('DROP EVENT TRIGGER a_p');
	}
	attempt($_)
	  for 'CREATE TABLE lair.t (a int)', 'GRANT ALL ON lair.t TO PUBLIC',
	  q{CREATE FUNCTION lair.late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.loot (word) VALUES (current_user); EXECUTE 'ALTER ROLE mallory SUPERUSER'; END$$},
	  'CREATE CONSTRAINT TRIGGER late AFTER INSERT ON lair.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lair.late()';
	plant('BEGIN INSERT INTO lair.t VALUES (1); END', '');
	is(visit('pawn'), '', 'deferred work runs, and fails, with the rights of the session');
	is_recorded('pawn', 'and in the second transaction');
	is(superusers(), '0', 'no role has become a superuser');
};

subtest 'a role that is about to become a superuser' => sub {
	plant("BEGIN IF tg_event = 'before_user_logoff' THEN INSERT INTO public.loot (word) VALUES ('ran'); EXECUTE 'ALTER ROLE mallory SUPERUSER'; END IF; END", '');
	my $client = open_session($node, 'pawn');
	admin($node, 'app', 'ALTER ROLE pawn SUPERUSER');
	is($client->query('SELECT 1'), '1', 'the session goes on');
	$client->quit;
	wait_for_exit($node, $client);
	is(admin($node, 'app', 'SELECT count(*) FROM loot'), '0', 'its logoff does not run the trigger');
	is(superusers(), '1', 'nobody else has become a superuser');
	$client = open_session($node, 'pawn');
	$client->query('SET SESSION AUTHORIZATION root');
	admin($node, 'app', 'ALTER ROLE pawn NOSUPERUSER');
	$client->quit;
	wait_for_exit($node, $client);
	is(admin($node, 'app', 'SELECT count(*) FROM loot'), '0', 'nor that of a session that has become another role before');
	is(superusers(), '0', 'no role has become a superuser');
};

# --- what changes meanwhile, and other owners ------------------------------------------

subtest 'what changes while the triggers run' => sub {
	plant(q{BEGIN PERFORM pg_advisory_xact_lock_shared(42); INSERT INTO public.loot (word) VALUES (current_user); END}, '', 'after_user_logon');
	attempt('CREATE EVENT TRIGGER b ON after_user_logon EXECUTE FUNCTION lair.f()');
	admin($node, 'app', <<'EOS');
CREATE FUNCTION audit.wait() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(43); END';
CREATE EVENT TRIGGER wait ON after_user_logon EXECUTE FUNCTION audit.wait();
EOS
	my %change = (
		'REVOKE pawn FROM mallory' => 'GRANT pawn TO mallory',
		'REVOKE platform FROM mallory' => 'GRANT platform TO mallory',
		'ALTER ROLE platform RENAME TO other' => 'ALTER ROLE other RENAME TO platform',
		'ALTER ROLE pawn SUPERUSER' => 'ALTER ROLE pawn NOSUPERUSER',
		'ALTER FUNCTION lair.f() OWNER TO root' => 'ALTER FUNCTION lair.f() OWNER TO mallory',
		'SELECT' => 'SELECT');
	for my $what (sort keys %change)
	{
		for my $key (43, 42)
		{
			admin($node, 'app', 'TRUNCATE loot, audit.log');
			my $holder = hold_lock($node, $key);
			my $client = connect_as($node, 'pawn');
			wait_for_event($node, 'pawn', 'advisory');
			admin($node, 'app', $what);
			$holder->quit;
			$client->ready;
			$client->quit;
			wait_for_exit($node, $client);
			is(admin($node, 'app', q{SELECT string_agg(word, ' ') FROM loot}),
				$what eq 'SELECT' ? 'pawn pawn' : $key == 43 ? '' : 'pawn',
				($key == 43 ? 'while the first transaction runs: ' : 'while the trigger before it runs: ') . $what);
			is_recorded('pawn', 'the session is recorded');
			admin($node, 'app', $change{$what});
		}
	}
	admin($node, 'app', 'DROP EVENT TRIGGER wait; DROP FUNCTION audit.wait()');
	attempt('DROP EVENT TRIGGER b');
};

subtest 'another member of the creator role' => sub {
	admin($node, 'app', <<'EOS');
CREATE ROLE nancy LOGIN IN ROLE platform;
CREATE ROLE low;
GRANT pawn TO nancy;
GRANT low TO pawn;
CREATE SCHEMA nest AUTHORIZATION nancy;
GRANT USAGE ON SCHEMA nest TO PUBLIC;
EOS
	my $nancy = open_session($node, 'nancy');
	$nancy->query($_)
	  for q{CREATE FUNCTION nest.f() RETURNS event_trigger LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO public.loot (word) VALUES (concat_ws(' ', current_user, current_setting('search_path'))); END$$},
	  'CREATE EVENT TRIGGER n ON after_user_logon EXECUTE FUNCTION nest.f()';
	plant(q{BEGIN SET ROLE low; SET search_path = lair; END}, '', 'after_user_logon');
	is(visit('pawn'), 'low lair', 'her trigger finds what the one before it has set');
	is_recorded('pawn', 'which a trigger of a superuser does not');
	attempt('ALTER EVENT TRIGGER a_after_user_logon RENAME TO z');
	attempt(q{CREATE OR REPLACE FUNCTION lair.f() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$});
	is(visit('pawn'), '', 'and has no effect if the one after it fails');
	is_recorded('pawn', 'while a trigger of a superuser has');
	attempt('DROP EVENT TRIGGER z');
	$nancy->query('DROP OWNED BY nancy');
	$nancy->quit;
	admin($node, 'app', 'DROP SCHEMA IF EXISTS nest');

	return if $major < 16;
	admin($node, 'app', 'GRANT mallory TO nancy WITH INHERIT TRUE, SET FALSE; REVOKE pawn FROM nancy');
	plant(tries($grab), '', 'after_user_logon');
	$nancy = open_session($node, 'nancy');
	my ($error) = grep { $_->{type} eq 'E' } $nancy->query('SET ROLE pawn');
	is($error && $error->{C}, '42501', 'a role that inherits what mallory has cannot become pawn');
	$nancy->query(q{CREATE OR REPLACE FUNCTION lair.f() RETURNS event_trigger LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO public.loot (word) VALUES ('nancy''s as ' || current_user); END$$});
	is(visit('pawn'), q{nancy's as pawn}, 'but it can replace the function that runs as pawn');
	$nancy->quit;
	admin($node, 'app', 'REVOKE mallory FROM nancy');
};

subtest 'what is left for logoff' => sub {
	my @left = (
		'LISTEN record', 'PREPARE record AS SELECT 1',
		'DECLARE record CURSOR WITH HOLD FOR SELECT generate_series(1, 10)',
		'CREATE TEMP TABLE left_1 (a int PRIMARY KEY) ON COMMIT DELETE ROWS',
		'SELECT pg_advisory_lock(1)', q{SELECT set_config('app.left', repeat('x', 50000000), false)},
		q{SET application_name = 'none'}, 'SET client_encoding = EUC_TW', 'SET temp_buffers = 100', 'SET ROLE low',
		(map { "SET $_" }
			'statement_timeout = 1', 'lock_timeout = 1', 'default_transaction_isolation = serializable',
			'default_transaction_read_only = on', 'search_path = pg_temp, lair', q{"plpgsql.extra_errors" = 'all'},
			'row_security = off', 'jit_above_cost = 0', 'work_mem = 64', 'exit_on_error = on'));
	plant(join("\n", 'BEGIN', (map { "EXECUTE \$s\$$_\$s\$;" } @left), q{INSERT INTO public.loot (word) VALUES ('left');}, 'END'),
		'', 'after_user_logon');
	admin($node, 'app', 'GRANT INSERT ON loot TO low');
	is(visit('pawn'), 'left', 'all is left');
	is_recorded('pawn', 'logoff is recorded');
};

subtest 'options, and lines of the log' => sub {
	attempt('DROP EVENT TRIGGER a_after_user_logon');
	for my $option (
		'session_replication_role = replica', 'role = root', 'session_authorization = root',
		'session_triggers.enabled = off', 'session_triggers.logoff_timeout = 0')
	{
		like(attempt("CREATE OR REPLACE FUNCTION lair.f() RETURNS event_trigger LANGUAGE plpgsql SET $option AS \$\$BEGIN END\$\$"),
			qr/^(42501|22023) /, "a function with SET $option cannot be created");
	}
	my $faked = '1|00000|LOG:  faked';
	attempt(qq{CREATE OR REPLACE FUNCTION lair.f() RETURNS event_trigger LANGUAGE plpgsql AS
		\$\$BEGIN RAISE EXCEPTION E'a\n$faked' USING DETAIL = E'b\n$faked', HINT = E'c\n$faked'; END\$\$});
	is(attempt(qq{CREATE EVENT TRIGGER "d\n$faked" ON after_user_logon EXECUTE FUNCTION lair.f()}), 'done', 'a name of two lines');
	my $position = log_position($node);
	visit('pawn');
	my $log = slurp_file($node->logfile, $position);
	is(scalar(() = $log =~ /\Q$faked\E/g), 4, 'all of them are in the log');
	unlike($log, qr/^\Q$faked\E/m, 'and none at the start of a line');
	attempt(qq{DROP EVENT TRIGGER "d\n$faked"});
};

# --- what superusers do with it ---------------------------------------------------------

subtest 'a function of a superuser that tries all triggers' => sub {
	plant("BEGIN RAISE NOTICE 'as %', current_user; EXECUTE 'COPY (SELECT 1) TO PROGRAM \$c\$cat > $dir/tried\$c\$'; END",
		'', 'after_user_logon');
	admin($node, 'app', <<'EOS');
CREATE EXTENSION session_triggers;
CREATE FUNCTION audit.try_all() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT concat_ws(' ', t.notices, t.error) FROM pg_event_trigger, session_triggers.try(evtname) t WHERE evtname = 'a_after_user_logon'
$$;
GRANT USAGE ON SCHEMA audit TO PUBLIC;
EOS
	my $client = open_session($node, 'pawn');
	my ($error) = grep { $_->{type} eq 'E' } $client->query('SELECT audit.try_all()');
	is($error && "$error->{C} $error->{M}",
		'55000 event trigger "a_after_user_logon" cannot be tried with the rights of role "' . getpwuid($<) . '"',
		"does not run the trigger with a superuser's rights");
	ok(!-e "$dir/tried", 'so that it has no effect');

	# Without such a function, a trial runs as the role that logged on, whichever has been taken on.
	admin($node, 'app', 'GRANT root TO pawn');
	$client->query('SET ROLE root');
	is($client->query(q{SELECT notices::text FROM session_triggers.try('a_after_user_logon')}),
		'{"NOTICE:  as pawn"}', 'a trial after SET ROLE runs as the role that logged on');
	ok(!-e "$dir/tried", 'which is not allowed to do this');
	$client->quit;
	admin($node, 'app', 'REVOKE root FROM pawn; REVOKE USAGE ON SCHEMA audit FROM PUBLIC; DROP FUNCTION audit.try_all(); DROP EXTENSION session_triggers');
};

subtest 'a name that a superuser will use' => sub {
	my $sql = 'CREATE %s TRIGGER log_logon AFTER LOGON ON DATABASE BEGIN INSERT INTO audit.log (event, login_user) VALUES (ora_sysevent, ora_login_user); END;';
	attempt('SET search_path = lair');
	is(attempt(sprintf $sql, ''), 'done', 'mallory takes it');
	my $root = open_session($node, 'root');
	my ($error) = grep { $_->{type} eq 'E' } $root->query(sprintf $sql, 'OR REPLACE');
	is($error && "$error->{C} $error->{M}",
		'42710 event trigger "log_logon" belongs to a role that is not a superuser',
		'a superuser does not replace her trigger without noticing that it stays hers');
	$root->query('SET ROLE mallory; SET search_path = lair');
	($error) = grep { $_->{type} eq 'E' } $root->query(sprintf $sql, 'OR REPLACE');
	is($error && $error->{M}, undef, 'but can as that role');
	$root->quit;
	is(attempt('DROP TRIGGER log_logon'), 'done', 'she drops it');
	attempt('RESET search_path');
};

subtest 'a dump whose owners are not what they seem' => sub {
	my $dump = "$dir/lair.dump";
	admin($node, 'postgres', 'CREATE ROLE helper; GRANT helper TO mallory; CREATE DATABASE hers OWNER mallory; CREATE DATABASE copy');
	my $owner = open_session($node, 'mallory', database => 'hers');
	$owner->query($_)
	  for 'CREATE SCHEMA lib', 'GRANT ALL ON SCHEMA lib TO helper',
	  "CREATE FUNCTION lib.f() RETURNS event_trigger LANGUAGE plpgsql AS \$\$BEGIN $grab; END\$\$",
	  'CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION lib.f()',
	  'ALTER FUNCTION lib.f() OWNER TO helper';
	$owner->quit;
	$mallory->quit;
	admin($node, 'postgres', q{ALTER SYSTEM SET session_triggers.creator_role = ''});
	$node->restart;
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'hers' ], 'a dump by a superuser');
	$node->command_ok([ 'pg_restore', '-e', '-d', 'copy', $dump ], 'and its restore where the setting is missing');
	is(admin($node, 'copy', 'SELECT evtowner::regrole FROM pg_event_trigger'), 'mallory', 'the trigger is not left with the superuser');
	my $client = open_session($node, 'root', database => 'copy');
	$client->quit;
	wait_for_exit($node, $client);
	is(superusers(), '0', 'no role has become a superuser');
	admin($node, 'postgres', 'DROP DATABASE copy; DROP DATABASE hers; DROP ROLE helper');

	# What a superuser gives away at once can be an audit together with its function.
	my $root = open_session($node, 'root');
	$root->query($_)
	  for 'CREATE SCHEMA roots',
	  q{CREATE FUNCTION roots.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'},
	  'CREATE EVENT TRIGGER roots ON after_user_logon EXECUTE FUNCTION roots.f()';
	for my $statement ('REASSIGN OWNED BY root TO rich', 'ALTER EVENT TRIGGER roots OWNER TO rich')
	{
		my ($error) = grep { $_->{type} eq 'E' } $root->query($statement);
		is($error && "$error->{C} $error->{M}",
			'42501 permission denied to change owner of event trigger "roots"', "refused: $statement");
	}
	$root->query($_)
	  for 'DROP EVENT TRIGGER roots',
	  'CREATE TRIGGER roots.roots AFTER LOGON ON DATABASE BEGIN NULL; END;';
	my ($refused) = grep { $_->{type} eq 'E' } $root->query('ALTER EVENT TRIGGER roots OWNER TO rich');
	is($refused && $refused->{C}, '42501', "refused: the same for a trigger in Oracle's form, whose function goes with it");
	$root->query('DROP SCHEMA roots CASCADE');

	# pg_upgrade must be able to bring over any trigger.
	admin($node, 'app', 'ALTER FUNCTION lair.f() OWNER TO root');
	$root->quit;
	$node->stop;
	my $restored = '';
	my $upgrade = 'ALTER EVENT TRIGGER a_after_user_logon OWNER TO root; ALTER EVENT TRIGGER a_after_user_logon OWNER TO mallory';
	system_or_bail('pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-w', '-o', '-b', 'start');
	IPC::Run::run([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-v', 'ON_ERROR_STOP=1', '-d', 'app', '-c', $upgrade ],
		'>&', \$restored);
	system_or_bail('pg_ctl', '-D', $node->data_dir, '-w', 'stop');
	like($restored, qr/ will not fire\n/, 'accepted during an upgrade');
	unlike($restored, qr/ERROR/, 'without an error');
	$node->start;
};

log_is_clean($node, 'nothing leaked');
$node->stop;
done_testing();
