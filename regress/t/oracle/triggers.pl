# Procedures that session triggers run, and triggers in Oracle's form: rules D8 and
# D9, and what their bodies can name (V). How such a statement is parsed and refused
# is in 009; how psql sends it, in 008.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('oracle');
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE SCHEMA hr;
CREATE TABLE fired (id serial, line text);
EOF
my $root = open_quiet_session($node);

# Runs statements in the superuser's session, and returns its errors: SQLSTATE and
# message, and the detail and hint if there are any.
sub errors
{
	my ($sql) = @_;
	return map { join ': ', grep { defined } @{$_}{qw(C M D H)} } grep { $_->{type} eq 'E' } $root->query($sql);
}

# Does the same for statements that are to succeed.
sub run
{
	my ($sql) = @_;
	is_deeply([ errors($sql) ], [], 'done: ' . substr($sql =~ s/\s+/ /gr, 0, 60));
	return;
}

# Returns what a session of a role leaves in the table: a line for each firing.
sub fired
{
	my ($role) = @_;
	open_session($node, $role)->quit;
	return take_rows($node);
}

# Returns the event triggers: name, event, function, and enabled state.
sub triggers
{
	return admin($node, 'app', <<'EOF');
SELECT concat_ws(' ', evtname, evtevent, pronamespace::regnamespace || '.' || proname, evtenabled)
FROM pg_event_trigger JOIN pg_proc p ON p.oid = evtfoid ORDER BY evtname
EOF
}

# Returns the functions and procedures that users have created.
sub routines
{
	return admin($node, 'app',
		"SELECT pronamespace::regnamespace || '.' || proname FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'hr'::regnamespace) ORDER BY 1");
}

my $insert = "INSERT INTO fired (line) VALUES (concat_ws(' ', %s))";

subtest 'D9: a trigger on the database, and the names in it' => sub {
	run(<<"EOF");
CREATE TRIGGER logon_trigger AFTER LOGON ON DATABASE
DECLARE
    v VARCHAR2(20) := ora_sysevent;
BEGIN
    @{[ sprintf $insert, "v, ora_login_user, ora_database_name, coalesce(ora_client_ip_address, 'none'), ora_instance_num, current_user" ]};
END logon_trigger;
EOF
	run('CREATE OR REPLACE NONEDITIONABLE TRIGGER hr.logoff_trigger BEFORE LOGOFF ON DATABASE BEGIN '
		  . sprintf($insert, 'ora_sysevent, tg_event, polar_login_user') . '; END;');
	is(triggers(), "logoff_trigger before_user_logoff hr.logoff_trigger O\nlogon_trigger after_user_logon public.logon_trigger O",
		'D9: the catalogs have ordinary event triggers and functions');
	is(fired('alice'), "LOGON alice app none 1 root\nLOGOFF before_user_logoff alice",
		'D1, D9: the body runs with the rights of the owner, and finds the names');
	is(admin($node, 'app', "SELECT prosecdef, array_to_string(proconfig, '') ~ '^search_path=.*pg_trusted, pg_temp\$' FROM pg_proc WHERE proname = 'logon_trigger'"),
		't|t', 'D1: names mean what they meant to the author');
	is_deeply([ errors('CREATE TRIGGER logon_trigger AFTER LOGON ON DATABASE BEGIN NULL; END') ],
		['42710: event trigger "logon_trigger" already exists'], 'D9: a trigger is replaced only on request');
};

# The text that the catalogs have of a routine, and its parameters before it.
sub stored
{
	my ($routine) = @_;
	return admin($node, 'app', "SELECT concat_ws(': ', nullif(pg_get_function_arguments(oid), ''), prosrc) FROM pg_proc WHERE proname = '$routine'");
}

subtest 'D10: what is stored' => sub {
	run('CREATE PROCEDURE translated(x IN NUMBER, y PLS_INTEGER DEFAULT 3) IS v NUMBER(5,2) := x; BEGIN NULL; END;');
	is(stored('translated'), 'IN x numeric, IN y integer DEFAULT 3: DECLARE v numeric(5,2) := x; BEGIN NULL; END', 'D10: PL/pgSQL');
	run("CREATE FUNCTION same(x text) RETURN varchar2 IS v VARCHAR2(5); BEGIN SELECT USER INTO v; RETURN v /* NUMBER */ || 'SYSDATE'; END;");
	is(stored('same'), "x text: DECLARE v VARCHAR2(5); BEGIN SELECT USER INTO v; RETURN v /* NUMBER */ || 'SYSDATE'; END", 'D10: what runs stays to the letter');
	run('CREATE DOMAIN number AS text; CREATE OR REPLACE PROCEDURE translated(x IN NUMBER) IS v NUMBER := x; BEGIN NULL; END;');
	is(admin($node, 'app', "SELECT prosrc FROM pg_proc WHERE oid = 'translated(number)'::regprocedure"), 'DECLARE v NUMBER := x; BEGIN NULL; END', 'D10: a type of that name comes first');
	run('DROP PROCEDURE translated(number); DROP PROCEDURE translated(numeric, int); DROP FUNCTION same(text); DROP DOMAIN number');
};

subtest 'D10: nobody else decides what a name means' => sub {
	my $procedure = "CREATE PROCEDURE dbms_session.set_context(a text, b text, c text) LANGUAGE plpgsql AS 'BEGIN END'";
	run("CREATE ROLE mallory; CREATE SCHEMA dbms_session AUTHORIZATION mallory; CREATE SCHEMA hers AUTHORIZATION mallory; $procedure;"
		  . "CREATE FUNCTION hers.nvl(text, text) RETURNS text LANGUAGE sql AS 'SELECT 1'");
	run('SET search_path = public, hers');
	run('CREATE OR REPLACE TRIGGER names AFTER LOGON ON DATABASE BEGIN DBMS_SESSION.SET_CONTEXT(\'app\', \'tenant\', NVL(ora_login_user, \'x\')); END;');
	my $source = stored('names');
	like($source, qr/PERFORM set_config\('app\.tenant'/, 'D10: a package of Oracle\'s is not what another role has made');
	like($source, qr/COALESCE\(ora_login_user/, 'D1, D10: nor is a function in a schema where others can create some');
	run('ALTER SCHEMA dbms_session OWNER TO root; ALTER SCHEMA hers OWNER TO root');
	run('CREATE OR REPLACE TRIGGER names AFTER LOGON ON DATABASE DECLARE n PLS_INTEGER; BEGIN DBMS_SESSION.SET_CONTEXT(\'app\', \'tenant\', NVL(ora_login_user, \'x\')); END;');
	like(stored('names'), qr/CALL DBMS_SESSION\.SET_CONTEXT\('app', 'tenant', NVL\(/, 'D10: where only superusers can, it comes first');
	run('RESET search_path; DROP TRIGGER names; DROP SCHEMA dbms_session CASCADE; DROP SCHEMA hers CASCADE; DROP ROLE mallory');
};

subtest 'D9: OR REPLACE' => sub {
	run('CREATE ROLE other SUPERUSER; ALTER EVENT TRIGGER logon_trigger OWNER TO other; ALTER EVENT TRIGGER logon_trigger ENABLE ALWAYS');
	run('CREATE OR REPLACE TRIGGER logon_trigger BEFORE LOGOFF ON DATABASE BEGIN ' . sprintf($insert, "'replaced'") . '; END;');
	is(triggers(), "logoff_trigger before_user_logoff hr.logoff_trigger O\nlogon_trigger before_user_logoff public.logon_trigger A",
		'D9: the event is replaced, and the enabled state stays');
	is(admin($node, 'app', "SELECT evtowner::regrole FROM pg_event_trigger WHERE evtname = 'logon_trigger'"), 'other',
		'D9: the owner stays');
	is(fired('alice'), "LOGOFF before_user_logoff alice\nreplaced", 'E9: the next firing runs the new body');

	run('CREATE FUNCTION by_hand() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER manual ON after_user_logon EXECUTE FUNCTION by_hand()');
	run('CREATE OR REPLACE TRIGGER manual AFTER LOGON ON DATABASE BEGIN ' . sprintf($insert, "'manual'") . '; END;');
	like(triggers(), qr/^manual after_user_logon public\.manual O$/m, 'D9: a trigger that was made by hand gets a function of its own');
	like(routines(), qr/^public\.by_hand$/m, 'D9: the function that it had is left alone');
	is(fired('alice'), "manual\nLOGOFF before_user_logoff alice\nreplaced", 'D9: it runs its new body');
	run('DROP FUNCTION by_hand(); DROP TRIGGER manual');
	unlike(routines(), qr/manual/, 'D9: its new function goes with it');
};

subtest 'D9: DROP, ENABLE, DISABLE, RENAME' => sub {
	run('ALTER TRIGGER logon_trigger DISABLE');
	is(fired('alice'), 'LOGOFF before_user_logoff alice', 'D9: a disabled trigger does not fire');
	run('ALTER TRIGGER public.logon_trigger ENABLE');
	run('ALTER TRIGGER logon_trigger RENAME TO "Renamed"');
	is(triggers(), "Renamed before_user_logoff public.Renamed O\nlogoff_trigger before_user_logoff hr.logoff_trigger O",
		'D9: it is renamed, with its function, and enabled');
	is_deeply([ errors('DROP FUNCTION "Renamed"() CASCADE') ],
		[ '2BP01: cannot drop function "Renamed"() because event trigger Renamed requires it: You can drop event trigger Renamed instead.' ],
		'D9: the function is not dropped without its trigger');
	is_deeply([ errors('DROP TRIGGER hr."Renamed"') ],
		[ '42704: event trigger "Renamed" does not belong to schema "hr": The function that it executes is in another schema.' ],
		'D9: a schema must be that of the trigger');
	is_deeply([ errors('DROP TRIGGER a.b."Renamed"') ],
		[ '42601: improper qualified name (too many dotted names): a.b."Renamed"' ], 'D9: a name has at most two parts');
	run('DROP TRIGGER IF EXISTS hr."Renamed"; DROP TRIGGER IF EXISTS nosuch."Renamed"');
	like(triggers(), qr/Renamed/, 'D9: IF EXISTS skips what is in another schema');
	is_deeply([ errors('CREATE OR REPLACE TRIGGER hr."Renamed" AFTER LOGON ON DATABASE BEGIN NULL; END') ],
		[ '42704: event trigger "Renamed" does not belong to schema "hr": The function that it executes is in another schema.' ],
		'D9: nor does OR REPLACE replace it');
	run('DROP TRIGGER public."Renamed"; DROP TRIGGER IF EXISTS "Renamed"');
	is_deeply([ errors('DROP TRIGGER "Renamed"') ], ['42704: event trigger "Renamed" does not exist'], 'D9: it is gone');
	is(routines(), 'hr.logoff_trigger', 'D9: and so is its function');

	# The trigger of another event, whose name somebody types who forgot the table.
	run('CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION ddl()');
	for my $sql ('DROP TRIGGER ddl', 'DROP TRIGGER IF EXISTS ddl', 'ALTER TRIGGER ddl DISABLE', 'ALTER TRIGGER ddl RENAME TO x',
		'CREATE OR REPLACE TRIGGER ddl AFTER LOGON ON DATABASE BEGIN NULL; END')
	{
		like((errors($sql))[0], qr/^42809: event trigger "ddl" is not for a session event: It is for the event ddl_command_end\.: [A-Z]/,
			"D9: $sql does nothing to a trigger of another event");
	}
	is(triggers(), "ddl ddl_command_end public.ddl O\nlogoff_trigger before_user_logoff hr.logoff_trigger O", 'D9: nothing has changed');
	run('DROP EVENT TRIGGER ddl; DROP FUNCTION ddl()');

	# A trigger of a table by the same name has nothing to do with it.
	run(<<'EOF');
CREATE FUNCTION row_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE t (a int);
CREATE TRIGGER logoff_trigger BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION row_trigger();
ALTER TRIGGER logoff_trigger ON t RENAME TO row_trigger;
DROP TRIGGER row_trigger ON t;
DROP TABLE t;
DROP FUNCTION row_trigger();
EOF
	is(triggers(), 'logoff_trigger before_user_logoff hr.logoff_trigger O', 'D2: statements on tables\' triggers are as before');
	run('DROP SCHEMA hr CASCADE; CREATE SCHEMA hr');
	is(triggers() . routines(), '', 'D9: the trigger goes with the schema of its function');
};

subtest 'D9: whose sessions' => sub {
	run('CREATE TRIGGER on_schema AFTER LOGON ON SCHEMA BEGIN ' . sprintf($insert, "'mine'") . '; END;');
	run('CREATE TRIGGER on_alice AFTER LOGON ON alice.SCHEMA BEGIN ' . sprintf($insert, "'alice''s'") . '; RETURN; END;');
	run('CREATE ROLE "o\'\\d ""d" LOGIN; CREATE TRIGGER on_odd BEFORE LOGOFF ON "o\'\\d ""d".SCHEMA BEGIN ' . sprintf($insert, "'odd'") . '; END;');
	is(fired('alice'), "alice's", 'D9: a trigger on a schema fires for its role');
	is(fired('bob'), '', 'D9: and for no other');
	is(fired('root'), 'mine', 'D9: ON SCHEMA is for the role that created it');
	is(fired('o\'\\d "d'), 'odd', 'D9: the name of the role is quoted');
	is_deeply([ errors('CREATE TRIGGER e AFTER LOGON ON no_such_role.SCHEMA BEGIN NULL; END') ],
		['42704: role "no_such_role" does not exist'], 'D9: the role must exist');
	run('DROP TRIGGER on_schema; DROP TRIGGER on_alice; DROP TRIGGER on_odd; DROP ROLE "o\'\\d ""d"');

	run(<<"EOF");
CREATE TRIGGER conditional AFTER LOGON ON DATABASE
WHEN (ora_login_user = CASE WHEN true THEN 'alice' END OR ora_login_user = 'no; THEN') -- a comment with ) THEN
<<block>>
DECLARE
    v int := 1 / (ora_login_user = 'alice')::int;
BEGIN
    @{[ sprintf $insert, 'block.v' ]};
END;
EOF
	is(fired('alice'), '1', 'D9: the condition lets the body run');
	is(fired('bob'), '', 'D9: where it is false, not even the declarations are evaluated');
	run('CREATE OR REPLACE TRIGGER conditional AFTER LOGON ON bob.SCHEMA WHEN (CASE WHEN ora_login_user = \'bob\' THEN NULL ELSE true END) BEGIN '
		  . sprintf($insert, "'body'") . '; END;');
	is(fired('alice') . fired('bob'), '', 'D9: NULL is not true, and a role and a condition must both be met');
	run('DROP TRIGGER conditional');
};

subtest 'D3, D9: errors in a body' => sub {
	run("CREATE TRIGGER failing AFTER LOGON ON alice.SCHEMA WHEN (true) DECLARE\n  v int;\nBEGIN\n  v := 1;\n  PERFORM 1 / (v - 1);\nEND;");
	my $position = log_position($node);
	my $alice = open_session($node, 'alice');
	like(log_text($node, $position, $alice), qr/division by zero.*PL\/pgSQL function (?:public\.)?failing\(\) line 5 at PERFORM/s,
		'D3: the line is that of the trigger\'s own text');
	$alice->quit;
	run('DROP TRIGGER failing');
};

subtest 'D9: the name of the function' => sub {
	run('CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$ BEGIN ' . sprintf($insert, "'called'") . '; END $$');
	run('CREATE TRIGGER twice AFTER LOGON ON DATABASE BEGIN CALL twice(); END;');
	is(triggers(), 'twice after_user_logon public.twice_1 O', 'D9: a routine of the trigger\'s name is not in its way');
	is(fired('alice'), 'called', 'D9: the trigger can call it');
	run('DROP TRIGGER twice; DROP PROCEDURE twice()');
};

subtest 'D9: where such a statement can stand' => sub {
	run(<<'EOF');
DO $$
BEGIN
    FOR i IN 1..2 LOOP
        EXECUTE 'CREATE OR REPLACE TRIGGER dynamic AFTER LOGON ON DATABASE BEGIN INSERT INTO fired (line) VALUES (''dynamic''); END;';
    END LOOP;
END
$$;
EOF
	$root->send_message('P', "\0CREATE OR REPLACE TRIGGER dynamic AFTER LOGON ON alice.SCHEMA WHEN (true) BEGIN INSERT INTO fired (line) VALUES ('extended'); END\0" . pack('n', 0));
	for (1 .. 2)
	{
		$root->send_message('B', "\0\0" . pack('nnn', 0, 0, 0));
		$root->send_message('E', "\0" . pack('N', 0));
	}
	$root->send_message('S', '');
	is_deeply([ map { $_->{M} } grep { $_->{type} eq 'E' } $root->messages ], [], 'D9: a prepared statement can be executed twice');
	is(fired('alice'), 'extended', 'D9: and does the same each time');
	$root->query('BEGIN');
	run('DROP TRIGGER dynamic');
	$root->query('ROLLBACK');
	is(fired('alice'), 'extended', 'D9: dropping it can be rolled back');
	run('DROP TRIGGER dynamic');
	is(triggers() . routines(), '', 'D9: nothing is left');
};

subtest 'D9: who may' => sub {
	run('GRANT CREATE ON SCHEMA public TO alice');
	my $alice = open_session($node, 'alice');
	my %of = map { $_ => [ map { $_->{M} } grep { $_->{type} eq 'E' } $alice->query($_) ] } (
		'CREATE TRIGGER e AFTER LOGON ON DATABASE BEGIN NULL; END',
		'CREATE OR REPLACE TRIGGER e AFTER LOGON ON alice.SCHEMA BEGIN NULL; END');
	is_deeply([ values %of ], [ (['permission denied to create event trigger "e"']) x 2 ], 'D9: only superusers create such triggers');
	run('CREATE TRIGGER e AFTER LOGON ON bob.SCHEMA BEGIN NULL; END');
	is_deeply(
		[ map { map { $_->{M} } grep { $_->{type} eq 'E' } $alice->query($_) }
			  'DROP TRIGGER e', 'ALTER TRIGGER e DISABLE', 'ALTER TRIGGER e RENAME TO f',
			  'CREATE OR REPLACE TRIGGER e AFTER LOGON ON DATABASE BEGIN NULL; END', 'DROP FUNCTION e' ],
		[ ('must be owner of event trigger e') x 3, 'permission denied to create event trigger "e"', 'must be owner of function e' ],
		'D9: and only their owner alters them');
	$alice->quit;
	is(routines(), 'public.e', 'D9: an attempt leaves nothing behind');
	run('DROP TRIGGER e; REVOKE CREATE ON SCHEMA public FROM alice');
};

subtest 'V: Oracle\'s names in other functions' => sub {
	run(<<'EOF');
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'ora % %', ora_sysevent, ora_login_user; END $$;
CREATE EVENT TRIGGER ddl ON ddl_command_start EXECUTE FUNCTION ddl();
EOF
	is_deeply([ map { $_->{M} } grep { $_->{type} eq 'N' } $root->query('CREATE TABLE t (a int)') ], ['ora CREATE TABLE root'],
		'V1, D9: functions for other events have them too');
	$root->query('DROP EVENT TRIGGER ddl; DROP FUNCTION ddl(); DROP TABLE t');
	for my $name (qw(ora_login_user ora_database_name ora_client_ip_address ora_instance_num ora_sysevent))
	{
		like((errors("CREATE FUNCTION v() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN $name := NULL; END \$\$"))[0],
			qr/^22005: variable "\w+" is declared CONSTANT/, "V4: $name cannot be assigned to");
	}
	run('CREATE FUNCTION v() RETURNS int LANGUAGE plpgsql AS $$ DECLARE ora_login_user int := 3; BEGIN RETURN ora_login_user; END $$; DROP FUNCTION v()');
	like((errors('DO $$ BEGIN RAISE NOTICE \'%\', ora_login_user; END $$'))[0], qr/^42703: column "ora_login_user" does not exist/,
		'V3: elsewhere there are no such variables');
};

subtest 'D8: procedures' => sub {
	run('CREATE PROCEDURE op1() LANGUAGE plpgsql AS $$ BEGIN ' . sprintf($insert, 'tg_event, tg_tag, polar_login_user, ora_sysevent, polar_instance_num') . '; END $$; GRANT INSERT ON fired TO PUBLIC; GRANT USAGE ON SEQUENCE fired_id_seq TO PUBLIC');
	run('CREATE PROCEDURE hr.op2 IS BEGIN ' . sprintf($insert, "'op2', current_user") . '; END;');
	run('CREATE EVENT TRIGGER a ON after_user_logon EXECUTE PROCEDURE op1()');
	run('CREATE EVENT TRIGGER b BEFORE LOGOFF ON DATABASE EXECUTE FUNCTION hr.op2()');
	is(fired('alice'), "after_user_logon LOGON alice LOGON 1\nop2 root", 'D8: FUNCTION and PROCEDURE accept procedures');
	my $listed = admin($node, 'app', '\dy');
	like($listed, qr/^a\|after_user_logon\|\w+\|enabled\|op1\|$/m, 'D8: \dy shows them');
	$listed = admin($node, 'app', '\df op1');
	like($listed, qr/^public\|op1\|\|\|proc$/m, 'D8: \df calls them procedures');
	is_deeply([ errors('DROP PROCEDURE op1()') ],
		[ '2BP01: cannot drop function op1() because other objects depend on it: event trigger a depends on function op1(): Use DROP ... CASCADE to drop the dependent objects too.' ],
		'D8: a procedure that a trigger needs is not dropped');
	run('ALTER PROCEDURE op1() RENAME TO op1_renamed');
	is(fired('alice'), "after_user_logon LOGON alice LOGON 1\nop2 root", 'D8: a renamed procedure is still run');
	run('DROP PROCEDURE op1_renamed() CASCADE');
	is(triggers(), 'b before_user_logoff hr.op2 O', 'D8: CASCADE drops the trigger with it');
	run('DROP EVENT TRIGGER b');

	run('CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CREATE EVENT TRIGGER c ON after_user_logon EXECUTE PROCEDURE commits()');
	my $position = log_position($node);
	my $alice = open_session($node, 'alice');
	like(log_text($node, $position, $alice),
		qr/2D000\|ERROR:  invalid transaction termination.*HINT:  All triggers for the event run in one transaction, which the server commits\..*CONTEXT:  PL\/pgSQL function commits\(\) line 1 at COMMIT/s,
		'D8: COMMIT is refused, and the log says why');
	$alice->quit;
	run('DROP PROCEDURE commits() CASCADE');

	run(<<'EOF');
CREATE PROCEDURE with_out(OUT x int) LANGUAGE plpgsql AS $$ BEGIN x := 1; END $$;
CREATE PROCEDURE with_in(x int) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE with_default(x int DEFAULT 1) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE in_sql() LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE built_in() LANGUAGE internal AS 'pg_backend_pid';
CREATE PROCEDURE plain() LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE TABLE t (a int);
EOF
	for my $case (
		[ 'EVENT TRIGGER e ON after_user_logon', 'with_out', '42P17: procedure with_out must have no parameters' ],
		[ 'EVENT TRIGGER e ON after_user_logon', 'with_in', '42883: function with_in() does not exist' ],
		[ 'EVENT TRIGGER e ON after_user_logon', 'with_default', '42883: function with_default() does not exist' ],
		[
			'EVENT TRIGGER e ON before_user_logoff', 'in_sql',
			'42809: procedure in_sql cannot be run by an event trigger: Language "sql" does not support event triggers.'
		],
		[
			'EVENT TRIGGER e ON before_user_logoff', 'built_in',
			'42809: procedure built_in cannot be run by an event trigger: Language "internal" does not support event triggers.'
		],
		[ 'EVENT TRIGGER e ON ddl_command_end', 'plain', '42883: function plain() does not exist' ],
		[ 'TRIGGER e BEFORE INSERT ON t', 'plain', '42883: function plain() does not exist' ])
	{
		my ($trigger, $procedure, $error) = @$case;
		is_deeply([ errors("CREATE $trigger EXECUTE PROCEDURE $procedure()") ], [$error], "D8: $error ($trigger)");
	}
	run('DROP PROCEDURE with_out, with_in, with_default, in_sql, built_in, plain, hr.op2; DROP TABLE t');
};

subtest 'D9: whose function it is' => sub {
	# A function of somebody else's, which only looks as if it belonged to a trigger.
	run(<<'EOF');
CREATE SCHEMA alice AUTHORIZATION alice;
SET ROLE alice;
CREATE FUNCTION alice.t() RETURNS event_trigger LANGUAGE plpgsql AS $$/* CREATE TRIGGER */ BEGIN NULL; END$$;
RESET ROLE;
CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION alice.t();
CREATE OR REPLACE TRIGGER t AFTER LOGON ON DATABASE BEGIN NULL; END;
EOF
	is(admin($node, 'app', "SELECT evtfoid::regprocedure, proowner::regrole FROM pg_event_trigger JOIN pg_proc p ON p.oid = evtfoid"),
		't()|root', 'D9: the text of a superuser is not put into it');
	run('DROP TRIGGER t');
	is(routines(), '', 'D9: the new function goes with the trigger');
	run('CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION alice.t(); DROP EVENT TRIGGER t; CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION alice.t(); DROP EVENT TRIGGER t');
	is(admin($node, 'app', "SELECT count(*) FROM pg_proc WHERE pronamespace = 'alice'::regnamespace"), '1',
		'D9: nor does it go with a trigger');
	run('CREATE PROCEDURE p() LANGUAGE plpgsql AS $$/* CREATE TRIGGER */ BEGIN NULL; END$$; CREATE EVENT TRIGGER p ON after_user_logon EXECUTE PROCEDURE p(); DROP EVENT TRIGGER p; DROP PROCEDURE p()');

	# The owner of a trigger is that of its function, too.
	run('SET ROLE other; CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN ' . sprintf($insert, 'current_user') . '; END; RESET ROLE; ALTER EVENT TRIGGER t OWNER TO root; ALTER ROLE other NOSUPERUSER');
	is(fired('bob'), 'root', 'D9: a new owner of the trigger is that of its function');
	run('DROP OWNED BY other');
	is(triggers(), 't after_user_logon public.t O', 'D9: the former owner owns nothing of it');

	# Upstream's code does not ask who says that the owner of a trigger stays the same.
	run(q{CREATE FUNCTION public.u() RETURNS event_trigger LANGUAGE plpgsql AS $$/* CREATE TRIGGER */ BEGIN NULL; END$$; ALTER FUNCTION public.u() OWNER TO other});
	run('CREATE EVENT TRIGGER u ON after_user_logon EXECUTE FUNCTION public.u(); ALTER FUNCTION public.u() OWNER TO root');
	my $bonds = q{SELECT count(*) FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = 'u()'::regprocedure AND deptype = 'e'};
	my $stranger = open_session($node, 'alice');
	$stranger->try_query('ALTER EVENT TRIGGER u OWNER TO root');
	$stranger->quit;
	is(admin($node, 'app', $bonds), '0', 'D9: who may not change a trigger does not bind a function to it');
	run('ALTER EVENT TRIGGER u OWNER TO root');
	is(admin($node, 'app', $bonds), '1', 'D9: its owner does');
	run('DROP EVENT TRIGGER u');

	# What anybody can create must not keep the trigger.
	my $alice = open_session($node, 'alice');
	is(scalar(grep { $_->{type} eq 'E' } $alice->query('CREATE VIEW alice.v AS SELECT 1 AS x WHERE public.t() IS NULL')), 0,
		'D9: a view can name the function');
	$alice->quit;
	$root->query('BEGIN READ ONLY');
	is_deeply([ errors('DROP TRIGGER t') ], ['25006: cannot execute DROP EVENT TRIGGER in a read-only transaction'], 'D9: a read-only transaction changes nothing');
	$root->query('ROLLBACK; BEGIN READ ONLY');
	is_deeply([ errors('ALTER TRIGGER t RENAME TO u') ], ['25006: cannot execute ALTER EVENT TRIGGER in a read-only transaction'], 'D9: and renames nothing');
	$root->query('ROLLBACK');
	is_deeply([ map { $_->{M} } grep { $_->{type} eq 'N' } $root->query('DROP TRIGGER t') ],
		['function public.t of event trigger "t" is not dropped'], 'D9: the trigger is dropped, and the function stays');
	is(triggers() . routines(), 'public.t', 'D9: so it is');
	run('DROP FUNCTION t() CASCADE; DROP SCHEMA alice CASCADE; ALTER ROLE other SUPERUSER');
	take_rows($node);

	# A dump creates triggers in the order of their names.
	run('CREATE TRIGGER z AFTER LOGON ON DATABASE BEGIN NULL; END; CREATE EVENT TRIGGER a ON after_user_logon EXECUTE FUNCTION z()');
	run('CREATE EVENT TRIGGER copy ON after_user_logon EXECUTE FUNCTION z(); DROP EVENT TRIGGER copy; DROP EVENT TRIGGER a; DROP TRIGGER z');
	is(triggers() . routines(), '', 'D9: only the trigger that it was made for takes it along');
};

subtest 'E9: a trigger that is dropped during a firing' => sub {
	run('ALTER DATABASE app SET session_triggers.logon_failure = reject');
	for my $change ('DROP TRIGGER b', 'CREATE OR REPLACE TRIGGER b BEFORE LOGOFF ON DATABASE BEGIN NULL; END', 'ALTER TRIGGER b DISABLE')
	{
		run('CREATE OR REPLACE TRIGGER a AFTER LOGON ON alice.SCHEMA BEGIN ' . sprintf($insert, "'a'") . '; PERFORM pg_advisory_xact_lock(42); END');
		run('CREATE OR REPLACE TRIGGER b AFTER LOGON ON alice.SCHEMA BEGIN ' . sprintf($insert, "'b'") . '; END; ALTER TRIGGER b ENABLE');
		my $holder = hold_lock($node);
		my $alice = connect_as($node, 'alice');
		wait_until($node, 'app', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'advisory'");
		run($change);
		$holder->quit;
		$alice->ready;
		$alice->quit;
		is(take_rows($node), 'a', "E9: after $change nobody notices, and what was before it stays");
	}
	run('CREATE OR REPLACE TRIGGER a AFTER LOGON ON DATABASE BEGIN ' . sprintf($insert, "'a'") . '; DROP TRIGGER b; END');
	run('CREATE OR REPLACE TRIGGER b AFTER LOGON ON DATABASE BEGIN ' . sprintf($insert, "'b'") . '; END; ALTER TRIGGER b ENABLE');
	is(fired('alice'), 'a', 'E9: a trigger can drop the next one');
	run('DROP TRIGGER a; ALTER DATABASE app RESET session_triggers.logon_failure');
	is(triggers() . routines(), '', 'D9: nothing is left');
};

subtest 'D9: strings with backslashes' => sub {
	$root->query('SET standard_conforming_strings = off');
	for my $sql ("WHEN (ora_login_user <> 'it\\'s') BEGIN NULL; END", "BEGIN PERFORM 'a\\'; b'; END")
	{
		like((errors("CREATE TRIGGER e AFTER LOGON ON DATABASE $sql"))[0],
			qr/^0A000: triggers with backslashes cannot be created while "standard_conforming_strings" is off/,
			'F7: what a firing would read in another way is refused');
	}
	$root->query('SET standard_conforming_strings = on');
	is(triggers(), '', 'D9: nothing was created');
};

SKIP: {
	skip 'PL/Perl is not there', 1
	  if admin($node, 'app', "SELECT count(*) FROM pg_available_extensions WHERE name = 'plperl'") eq '0';
	subtest 'D8: a procedure in PL/Perl' => sub {
		run(<<'EOF');
CREATE EXTENSION plperl;
CREATE PROCEDURE in_perl() LANGUAGE plperl AS $$ spi_exec_query("INSERT INTO fired (line) VALUES ('perl $_TD->{event} $_TD->{tag}')"); $$;
CREATE EVENT TRIGGER p ON after_user_logon EXECUTE PROCEDURE in_perl();
EOF
		is(fired('alice'), 'perl after_user_logon LOGON', 'D8: its handler knows that it runs for an event trigger');
		run('DROP PROCEDURE in_perl() CASCADE; DROP EXTENSION plperl');
	};
}

subtest 'D8, D9: an unmodified pg_dump' => sub {
	run('CREATE PROCEDURE dumped() LANGUAGE plpgsql AS $$ BEGIN ' . sprintf($insert, "'procedure'") . '; END $$; CREATE EVENT TRIGGER a ON after_user_logon EXECUTE PROCEDURE dumped()');
	run('CREATE TRIGGER b AFTER LOGON ON alice.SCHEMA WHEN (true) BEGIN ' . sprintf($insert, "'trigger'") . '; END;');
	run('CREATE TRIGGER hr.c BEFORE LOGOFF ON DATABASE BEGIN ' . sprintf($insert, "'c'") . '; END; ALTER TRIGGER c DISABLE');
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
	command_checks_all([ "$ENV{SESSTRIG_STOCK_BINDIR}/pg_dump", '-d', $node->connstr('app'), '-f', $dump ],
		0, [qr/^$/], [qr/^$/], 'E5: it sees no loop, and says nothing');
	admin($node, 'postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'E5: its output loads');
	my $state = "SELECT evtname, evtevent, evtfoid::regprocedure, evtenabled FROM pg_event_trigger ORDER BY 1";
	is(admin($node, 'restored', $state), admin($node, 'app', $state), 'E5: the restored triggers are the same');
	admin($node, 'restored', 'TRUNCATE fired');
	my $alice = connect_raw($node, user => 'alice', database => 'restored');
	$alice->ready;
	is(admin($node, 'restored', 'SELECT line FROM fired ORDER BY id'), "procedure\ntrigger", 'E5: they fire');
	$alice->quit;
	admin($node, 'restored', 'DROP TRIGGER b; CREATE OR REPLACE TRIGGER c BEFORE LOGOFF ON DATABASE BEGIN NULL; END');
	is(admin($node, 'restored', "SELECT proname FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'hr'::regnamespace) ORDER BY 1"),
		"c\ndumped", 'D9: the functions still belong to them');

	my $again = PostgreSQL::Test::Utils::tempdir() . '/clean.sql';
	command_ok([ "$ENV{SESSTRIG_STOCK_BINDIR}/pg_dump", '--clean', '--if-exists', '-d', $node->connstr('app'), '-f', $again ], 'E5: pg_dump --clean');
	$node->command_ok([ 'psql', '-XqAt', '-1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $again ], 'E5: it loads over what is there');

	# A second trigger of the same function, made by hand, keeps it.
	run('CREATE EVENT TRIGGER second ON after_user_logon EXECUTE FUNCTION b()');
	like((errors('DROP TRIGGER b'))[0], qr/^2BP01: cannot drop event trigger b because other objects depend on it/,
		'D9: a function is not dropped while another trigger needs it');
	run('DROP TRIGGER second');
	like(routines(), qr/^public\.b$/m, 'D9: nor with a trigger that it was not made for');
	run('DROP TRIGGER b; DROP TRIGGER c; DROP PROCEDURE dumped() CASCADE');
	is(triggers() . routines(), '', 'D9: nothing is left');
};

$root->quit;
log_is_clean($node, 'no server process has crashed');
done_testing();
