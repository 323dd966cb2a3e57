# Routines without quotes around their bodies, as clients other than psql send
# them: rules D1 to D3, D5 and D6, and the spelled-out events of E4.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('main');
$node->start;
my $client = connect_raw($node, user => (getpwuid($<))[0], database => 'postgres');
$client->ready;
$client->query('CREATE SCHEMA other');

# Runs a command, and returns its errors and its rows, with | between values.
sub run
{
	my ($sql) = @_;
	my @messages = $client->query($sql);
	my @errors = grep { $_->{type} eq 'E' } @messages;
	my @rows = map { join '|', map { $_ // 'NULL' } @{ $_->{values} } } grep { $_->{type} eq 'D' } @messages;
	return (\@errors, \@rows);
}

# Runs it through Parse, Bind, Execute, and Sync, and returns its errors.
sub run_extended
{
	my ($sql) = @_;
	$client->send_message('P', "\0$sql\0" . pack('n', 0));
	$client->send_message('B', "\0\0" . pack('nnn', 0, 0, 0));
	$client->send_message('E', "\0" . pack('N', 0));
	$client->send_message('S', '');
	return grep { $_->{type} eq 'E' } $client->messages;
}

### Routines that work: what they show, statement, a call, and its result
my @routines = (
	[
		'no parentheses', 'CREATE FUNCTION f RETURN int IS BEGIN RETURN 1; END;',
		'SELECT f()' => '1'
	],
	[
		'AS, the name at the end, no semicolon', 'create or replace function f return int as begin return 2; end f',
		'SELECT f()' => '2'
	],
	[
		'declarations with semicolons and END in strings and comments', <<'EOF', 'SELECT f(5)' => '5 END; -- '],
CREATE FUNCTION f(a IN int) RETURN text IS
    s text := ' END; -- '; -- END; END;
    /* BEGIN /* END; */ BEGIN */ c CONSTANT int := CASE WHEN a > 1 THEN a ELSE 0 END;
    q text := $x$END; $y$ BEGIN$x$;
BEGIN
    RETURN c || s;
END;
EOF
	[
		'IN, OUT, IN OUT and defaults in a procedure', <<'EOF', 'CALL p(1, NULL, 3)' => '5|4'],
CREATE PROCEDURE p(a IN int, b OUT int, c IN OUT int, d int DEFAULT 4) IS
BEGIN
    b := a + d;
    c := c + a;
END p;
EOF
	[
		'a procedure without parameters', <<'EOF', 'CALL other.p()' => undef],
CREATE PROCEDURE other.p AS
BEGIN
    NULL;
END;
EOF
	[
		'nested blocks with handlers', <<'EOF', 'SELECT f(0)' => 'division by zero'],
CREATE FUNCTION f(a double precision) RETURN text IS
    message text;
BEGIN
    <<inner>>
    DECLARE
        "end" double precision;
    BEGIN
        "end" := 1 / a;
        RETURN "end";
    EXCEPTION
        WHEN division_by_zero OR numeric_value_out_of_range THEN
            BEGIN
                message := SQLERRM;
            END;
        WHEN OTHERS THEN
            NULL;
    END inner;
    RETURN message;
END;
EOF
	[
		'loops of every kind, with labels', <<'EOF', 'SELECT f()' => '31'],
CREATE FUNCTION f RETURN int IS
    n int := 0;
    r record;
    e int;
BEGIN
    <<outer>>
    FOR i IN 1 .. 3 LOOP
        WHILE n < 100 LOOP
            n := n + 1;
            EXIT WHEN n % 5 = 0;
        END LOOP;
        CONTINUE outer WHEN i < 3;
    END LOOP outer;
    FOR r IN SELECT g AS v FROM generate_series(1, 4) g LOOP
        n := n + r.v;
    END LOOP;
    FOREACH e IN ARRAY ARRAY[1, 2, 3] LOOP
        n := n + e;
    END LOOP;
    LOOP
        EXIT;
    END LOOP;
    RETURN n;
END;
EOF
	[
		'CASE in both forms', <<'EOF', 'SELECT f(2), f(9)' => 'two 2|many 9'],
CREATE FUNCTION f(a int) RETURN varchar2 IS
    word varchar2(10);
BEGIN
    CASE a
        WHEN 1 THEN word := 'one';
        WHEN (2) THEN word := 'two';
        ELSE
            CASE WHEN a > 3 THEN
                IF a > 5 THEN word := 'many'; ELSIF a > 4 THEN NULL; ELSE NULL; END IF;
            END CASE;
    END CASE;
    RETURN word || CASE a WHEN 0 THEN '' ELSE ' ' END || a;
END;
EOF
	[
		'dynamic and static SQL', <<'EOF', 'SELECT f()' => '3'],
CREATE FUNCTION f RETURN bigint IS
    n bigint;
BEGIN
    DROP TABLE IF EXISTS other.t;
    EXECUTE 'CREATE TABLE other.t (begin_ int); INSERT INTO other.t VALUES (1); ';
    CREATE FUNCTION other.g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
    INSERT INTO other.t SELECT CASE WHEN true THEN other.g() END;
    EXECUTE format('INSERT INTO %s VALUES (3)', 'other.t');
    SELECT count(*) INTO n FROM other.t AS "end";
    RETURN n;
END f;
EOF
	[
		'unusual spacing and case, a name in double quotes', qq{cReAtE\tOr RePlAcE/**/FUNCTION"Odd; END"rEtUrN\nInT--x\niS\tbEgIn\nreturn(7);\nEnD"Odd; END";},
		'SELECT "Odd; END"()' => '7'
	],
	[
		'options', <<'EOF', 'SELECT f(NULL) IS NULL, f(1)' => 't|pg_catalog'],
CREATE FUNCTION f(a int) RETURN text DETERMINISTIC STRICT PARALLEL SAFE COST 5 AUTHID CURRENT_USER
    SET search_path = pg_catalog IS
BEGIN
    RETURN current_setting('search_path');
END;
EOF
	[
		'a set, and types of several words', <<'EOF', q{SELECT string_agg(x::text, ',') FROM f() x} => '2026-01-01 00:00:00,2026-01-02 00:00:00'],
CREATE FUNCTION f RETURN SETOF timestamp(3) without time zone AS
    c CURSOR (n int) IS SELECT timestamp '2026-01-01' + i * interval '1 day' AS d FROM generate_series(0, n) i;
BEGIN
    FOR r IN c(1) LOOP
        RETURN NEXT r.d;
    END LOOP;
END;
EOF
	[
		'a variable that is named like a test', 'CREATE FUNCTION f(a int) RETURN int IS json int := 3; unknown int; BEGIN RETURN json; END;',
		'SELECT f(1)' => '3'
	],);

for my $routine (@routines)
{
	my ($name, $sql, $call, $expected) = @$routine;
	my $drop = "DROP FUNCTION IF EXISTS f(); DROP FUNCTION IF EXISTS f(int); DROP FUNCTION IF EXISTS f(float8); DROP FUNCTION IF EXISTS other.g()";
	run($drop);
	my ($errors) = run($sql);
	is_deeply([ map { $_->{M} } @$errors ], [], "D: $name: a simple query creates it");
	($errors, my $rows) = run($call);
	is_deeply([ map({ $_->{M} } @$errors), @$rows ], [ $expected // () ], "D: $name: its call gives the result");

	run($drop);
	# Procedures, and functions with other names, are still there.
	(my $again = $sql) =~ s/^create (?:or replace )?(?=function|procedure)/CREATE OR REPLACE /i;
	is_deeply([ map { $_->{M} } run_extended($again) ], [], "D: $name: the extended protocol creates it");

	($errors, $rows) = run("SELECT 'before'; $again" . ($again =~ /;\s*$/ ? '' : ';') . " SELECT 'after'");
	is_deeply([ map({ $_->{M} } @$errors), @$rows ], [ 'before', 'after' ],
		"D: $name: it can stand between other statements");
}

### D1: rights, and the form that pg_dump will write
my ($errors, $rows) = run(<<'EOF');
CREATE FUNCTION owner_rights RETURN int IS BEGIN RETURN 1; END;
CREATE FUNCTION definer_rights RETURN int AUTHID DEFINER IS BEGIN RETURN 1; END;
CREATE FUNCTION caller_rights RETURN int AUTHID CURRENT_USER IS BEGIN RETURN 1; END;
CREATE FUNCTION caller_rights_too RETURN int SECURITY INVOKER IS BEGIN RETURN 1; END;
CREATE FUNCTION standard() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
SELECT proname, prosecdef, lanname FROM pg_proc p JOIN pg_language l ON l.oid = prolang
WHERE proname ~ 'rights|standard' ORDER BY proname;
EOF
is_deeply(
	[ map({ $_->{M} } @$errors), @$rows ],
	[ 'caller_rights|f|plpgsql', 'caller_rights_too|f|plpgsql', 'definer_rights|t|plpgsql', 'owner_rights|t|plpgsql', 'standard|f|plpgsql' ],
	"D1: a routine has its owner's rights unless it says otherwise");
($errors, $rows) = run(q{SELECT pg_get_functiondef('owner_rights'::regproc)});
like($rows->[0], qr/^CREATE OR REPLACE FUNCTION public\.owner_rights\(\)\n RETURNS integer\n LANGUAGE plpgsql\n SECURITY DEFINER\n SET search_path TO 'public', 'pg_trusted', 'pg_temp'\nAS \$function\$ BEGIN RETURN 1; END\$function\$\n$/,
	'D4: pg_get_functiondef() writes the standard form');

### D1: the search_path of the creation
my $definition = q{SELECT coalesce(array_to_string(proconfig, ' '), '-') FROM pg_proc WHERE proname = 'path' ORDER BY oid DESC LIMIT 1};
for my $case (
	[ 'SET search_path = other, pg_catalog', '', 'search_path=other, pg_catalog, pg_trusted, pg_temp' ],
	[ 'SET search_path = "$user", nowhere, pg_temp, other', '', 'search_path=other, pg_trusted, pg_temp' ],
	[ "SET search_path = ''", 'AUTHID DEFINER', 'search_path=pg_catalog, pg_trusted, pg_temp' ],
	[ 'SET search_path = other', 'SET work_mem = 64', 'work_mem=64 search_path=other, pg_trusted, pg_temp' ],
	[ 'SET search_path = other', 'SET search_path = public SECURITY DEFINER', 'search_path=public' ],
	[ 'SET search_path = other', 'SET "Search_Path" FROM CURRENT', 'search_path=other' ],
	[ 'SET search_path = other', 'SET search_path TO DEFAULT', 'search_path=other, pg_trusted, pg_temp' ],
	[ 'SET search_path = other', 'SET search_path = public RESET search_path', 'search_path=other, pg_trusted, pg_temp' ],
	[ 'SET search_path = other', 'SET search_path = public RESET ALL', 'search_path=other, pg_trusted, pg_temp' ],
	[ 'SET search_path = other', 'RESET ALL SET search_path = public', 'search_path=public' ],
	[ 'SET search_path = other', "SET SCHEMA 'public'", 'search_path=public' ],
	[ 'SET search_path = other', 'RESET ALL', 'search_path=other, pg_trusted, pg_temp' ],
	[ 'SET search_path = other', 'AUTHID CURRENT_USER', '-' ],
	[ 'SET search_path = other', 'SECURITY INVOKER', '-' ])
{
	my ($path, $options, $expected) = @$case;
	$client->query('DROP FUNCTION IF EXISTS public.path()');
	$client->query($path);
	($errors, $rows) = run("CREATE FUNCTION public.path RETURN int $options IS BEGIN RETURN 1; END; $definition");
	is_deeply([ map({ $_->{M} } @$errors), @$rows ], [$expected],
		"D1: $path; $options: the routine gets the path that it should");
	$client->query('RESET search_path');
}
$client->query('DROP FUNCTION public.path()');
# A schema in which others can create objects is not searched, and the author is told.
$client->query('CREATE SCHEMA open; GRANT CREATE ON SCHEMA open TO PUBLIC; CREATE ROLE writer; CREATE SCHEMA theirs AUTHORIZATION writer;');
$client->query('SET search_path = open, other, theirs');
my @messages = $client->query('CREATE FUNCTION public.path RETURN int IS BEGIN RETURN 1; END;');
is_deeply([ map { $_->{M} } grep { $_->{type} eq 'N' } @messages ],
	[ map { qq{schema "$_" is not searched by the routine while others can create objects in it} } qw(open theirs) ],
	'D1: the author is told of schemas in which others can create objects');
is(scalar $client->query($definition), 'search_path=open, other, theirs, pg_trusted, pg_temp',
	'D1: the path of the routine ends with pg_trusted');
$client->query('DROP FUNCTION public.path()');
# To the owner of a schema, that schema is not open.
$client->query('SET ROLE writer');
$client->query('CREATE FUNCTION theirs.path RETURN int IS BEGIN RETURN 1; END;');
is(scalar $client->query($definition), 'search_path=theirs, pg_trusted, pg_temp',
	'D1: a routine of the owner of a schema has it in the path');
$client->query('RESET ROLE');
$client->query('RESET search_path');
$client->query('DROP SCHEMA open, theirs CASCADE; DROP ROLE writer');
# A prepared statement takes the path of each execution.
$client->send_message('P', "s\0CREATE OR REPLACE FUNCTION public.path RETURN int IS BEGIN RETURN 1; END;\0" . pack('n', 0));
$client->send_message('S', '');
$client->messages;
for my $schema (qw(other public))
{
	$client->query("SET search_path = $schema");
	$client->send_message('B', "\0s\0" . pack('nnn', 0, 0, 0));
	$client->send_message('E', "\0" . pack('N', 0));
	$client->send_message('S', '');
	$client->messages;
	is(scalar $client->query($definition), "search_path=$schema, pg_trusted, pg_temp",
		"D1: a prepared statement takes the path of its execution in $schema");
}
$client->query('RESET search_path; DROP FUNCTION public.path()');

### D3: SQLSTATE, message, and position of errors. The ! marks the position.
my @errors = (
	[ '42601', 'unfinished routine body', 'CREATE FUNCTION e RETURN int IS !BEGIN RETURN 1;' ],
	[ '42601', 'unfinished routine body', 'CREATE FUNCTION e RETURN int IS BEGIN !LOOP NULL;' ],
	[ '42601', 'unfinished routine body', 'CREATE FUNCTION e RETURN int IS !x int;' ],
	[ '42601', 'misplaced END', 'CREATE FUNCTION e RETURN int IS BEGIN IF a THEN RETURN 1; !END;' ],
	[ '42601', 'misplaced END LOOP', 'CREATE FUNCTION e RETURN int IS BEGIN IF a THEN RETURN 1; !END LOOP; END;' ],
	[ '42601', '"f" at the end of the routine is not its name', 'CREATE FUNCTION e RETURN int IS BEGIN RETURN 1; END !f;' ],
	[ '42601', '"E" at the end of the routine is not its name', 'CREATE FUNCTION e RETURN int IS BEGIN RETURN 1; END !"E";' ],
	[ '0A000', 'autonomous transactions are not supported', "CREATE FUNCTION e RETURN int IS\n !PRAGMA AUTONOMOUS_TRANSACTION;\nBEGIN RETURN 1; END;" ],
	[ '0A000', 'PRAGMA is not supported', 'CREATE FUNCTION e RETURN int IS !PRAGMA NONSENSE(x); BEGIN RETURN 1; END;' ],
	[ '0A000', 'functions and procedures within a routine are not supported', 'CREATE FUNCTION e RETURN int IS !PROCEDURE q IS BEGIN NULL; END; BEGIN RETURN 1; END;' ],
	[ '42601', 'syntax error at or near "RETRN"', "CREATE FUNCTION e RETURN int IS\n x int;\nBEGIN\n  !RETRN 1;\nEND;" ],
	[ '42601', 'syntax error at or near "x"', "SELECT 'é'; CREATE FUNCTION e RETURN int IS\n -- é\nBEGIN\n  !x é 1;\nEND;" ],
	[ '42601', '"nope" is not a known variable', "CREATE FUNCTION e RETURN int IS BEGIN\n  !nope := 1; END;" ],
	[ '42601', 'unterminated quoted string at or near "\'abc; END;"', "CREATE FUNCTION e RETURN int IS BEGIN RETURN !'abc; END;" ],
	[ '42601', 'syntax error at or near "5"', 'CREATE PROCEDURE e() AS !5' ],
	[ '42601', 'syntax error at or near "("', 'CREATE PROCEDURE e() IS !(SELECT 1)' ],
	[ '42601', 'syntax error at or near "nonsense"', 'CREATE FUNCTION e RETURN int !nonsense IS BEGIN RETURN 1; END;' ],
	[ '42601', 'syntax error at or near "bytes"', 'CREATE TABLE e (a varchar2(3 !bytes))' ],
	[ '42704', 'type "varchar3" does not exist', 'CREATE TABLE e (a !varchar3)' ],
	[ '42601', 'unrecognized event "AFTER startup"', 'CREATE EVENT TRIGGER e AFTER !startup ON DATABASE EXECUTE FUNCTION f()' ],
	[ '42601', 'unrecognized event "AFTER StartUp"', 'CREATE EVENT TRIGGER e AFTER !StartUp ON DATABASE EXECUTE FUNCTION f()' ],
	[ '42601', 'unrecognized event "AFTER "logon""', 'CREATE EVENT TRIGGER e AFTER !"logon" ON DATABASE EXECUTE FUNCTION f()' ],
	# D6: positions count characters, and words are quoted as they were written.
	[ '42601', 'unterminated quoted string at or near "\'abc"', "CREATE FUNCTION \"é\"() RETURN !'abc" ],
	[ '42601', 'syntax error at or near "IMMUTABLE"', "CREATE FUNCTION \"é\"() RETURN int !IMMUTABLE /* é */ AS 'abc" ],
	[ '42601', 'unterminated /* comment at or near "/* abc"', 'CREATE FUNCTION "é"() RETURN a !/* abc' ],
	[ '42601', 'syntax error at or near ")"', "CREATE FUNCTION \"é\"() RETURN a !) 'abc" ],
	[ '42601', 'syntax error at or near "MISSPELT"', 'CREATE FUNCTION "é" RETURN int !MISSPELT IS BEGIN RETURN 1; END;' ],
	[ '42601', 'syntax error at or near ""deterministic""', 'CREATE FUNCTION e RETURN int !"deterministic" IS BEGIN RETURN 1; END;' ],
	[ '42601', 'syntax error at or near ""authid""', 'CREATE FUNCTION e RETURN int !"authid" DEFINER IS BEGIN RETURN 1; END;' ],
	[ '42601', 'syntax error at or near ""byte""', 'CREATE TABLE e (é text, a varchar2(3 !"byte"))' ],
	[ '42601', 'syntax error at or near "Bytes"', 'CREATE TABLE e (é text, a varchar2(3 !Bytes))' ],
	# D9: triggers that belong to no table
	[ '0A000', 'triggers AFTER LOGOFF are not supported', 'CREATE TRIGGER e AFTER !LOGOFF ON DATABASE BEGIN NULL; END;' ],
	[ '0A000', 'triggers BEFORE logon are not supported', 'CREATE OR REPLACE TRIGGER hr.e BEFORE !logon ON SCHEMA DECLARE x int; BEGIN NULL; END;' ],
	[ '0A000', 'triggers AFTER startup are not supported', 'CREATE TRIGGER e AFTER !startup ON DATABASE BEGIN NULL; END;' ],
	[ '0A000', 'triggers AFTER ServerError are not supported', 'CREATE TRIGGER "é" AFTER !ServerError ON DATABASE BEGIN NULL; END;' ],
	[ '0A000', 'triggers BEFORE DROP are not supported', 'CREATE TRIGGER e BEFORE !DROP ON hr.SCHEMA BEGIN NULL; END;' ],
	[ '0A000', 'triggers INSTEAD OF create are not supported', 'CREATE TRIGGER e INSTEAD OF !create ON SCHEMA BEGIN NULL; END;' ],
	[ '0A000', 'triggers INSTEAD OF logoff are not supported', 'CREATE TRIGGER e INSTEAD OF !logoff ON DATABASE BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near ""logon""', 'CREATE TRIGGER e AFTER !"logon" ON DATABASE BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near "nonsense"', 'CREATE TRIGGER e AFTER !nonsense ON DATABASE BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near "CALL"', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !CALL op1' ],
	# D11: what a trigger's header can have in Oracle
	[ '0A000', 'triggers for several events are not supported', 'CREATE TRIGGER "é" AFTER LOGON !OR STARTUP ON DATABASE BEGIN NULL; END;' ],
	[ '0A000', 'CREATE TRIGGER ... Disable is not supported', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !Disable BEGIN NULL; END;' ],
	[ '0A000', 'CREATE TRIGGER ... FOLLOWS is not supported', 'CREATE TRIGGER e BEFORE LOGOFF ON hr.SCHEMA !FOLLOWS d WHEN (true) BEGIN NULL; END;' ],
	[ '0A000', 'CREATE TRIGGER ... precedes is not supported', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !precedes d BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near "enabled"', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !enabled BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near ""disable""', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !"disable" BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near "BEGIN"', 'CREATE TRIGGER e AFTER LOGON ON t !BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near "+"', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !+ BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near ")"', 'CREATE TRIGGER "é" AFTER LOGON ON DATABASE WHEN (1 +!) BEGIN NULL; END;' ],
	[ '42883', 'procedure nul does not exist', 'CREATE TRIGGER e AFTER LOGON ON DATABASE WHEN (true) BEGIN !nul; END;' ],
	[ '42883', 'procedure nul does not exist', 'CREATE TRIGGER "é" AFTER LOGON ON SCHEMA DECLARE "ö" int; BEGIN !nul; END;' ],
	[ '42601', 'unfinished routine body', 'CREATE TRIGGER e AFTER LOGON ON DATABASE !BEGIN NULL;' ],
	[ '42601', '"f" at the end of the routine is not its name', 'CREATE TRIGGER e AFTER LOGON ON DATABASE BEGIN NULL; END !f;' ],
	[ '42601', 'syntax error at or near "LOGON"', 'CREATE SCHEMA s CREATE TRIGGER e AFTER !LOGON ON DATABASE BEGIN NULL; END;' ],
	[ '42601', 'syntax error at or near "UNEDITED"', 'CREATE !UNEDITED TRIGGER e AFTER LOGON ON DATABASE BEGIN NULL; END;' ],
	# D10: errors in a text that is translated point at the original
	[ '42704', 'type "numbr" does not exist', "CREATE FUNCTION e RETURN NUMBER IS\n n PLS_INTEGER := 5;\n m !NUMBR;\nBEGIN RETURN n; END;" ],
	[ '42601', '"é" is not a known variable', "CREATE FUNCTION e(p NUMBER) RETURN NUMBER IS BEGIN EXECUTE IMMEDIATE 'x :1' USING p;\n !é := 1; RETURN p; END;" ],
	[ '42601', 'syntax error at or near ":="', "CREATE TRIGGER e AFTER LOGON ON DATABASE WHEN (USER = 'É') DECLARE n PLS_INTEGER;\nBEGIN n := !:= 1; END;" ],
	[ '0A000', 'GOTO is not supported', 'CREATE TRIGGER "é" AFTER LOGON ON SCHEMA DECLARE "ö" NUMBER; BEGIN !GOTO x; END;' ],
	[ '0A000', 'BULK COLLECT is not supported', 'CREATE PROCEDURE e IS n NUMBER; BEGIN SELECT 1 !BULK COLLECT INTO n; END;' ],
	[ '42601', 'syntax error at or near "foo"', 'CREATE !foo;' ],
	[ '42601', 'syntax error at or near ";"', 'DROP RULE e!;' ],
	[ '42601', 'syntax error at or near ";"', 'ALTER TRIGGER e!;' ],
	[ '42601', 'event triggers cannot be replaced', 'CREATE OR REPLACE !EVENT TRIGGER e ON after_user_logon EXECUTE FUNCTION f()' ],
	[ '0A000', 'event triggers cannot be created on a schema', 'CREATE EVENT TRIGGER e AFTER LOGON ON !SCHEMA EXECUTE FUNCTION f()' ],
	[ '0A000', 'event triggers cannot be created on a schema', 'CREATE EVENT TRIGGER e BEFORE LOGOFF ON !hr.SCHEMA EXECUTE FUNCTION f()' ],
	[ '42601', 'event trigger name cannot be qualified', 'CREATE EVENT TRIGGER !hr.e AFTER LOGON ON DATABASE EXECUTE FUNCTION f()' ],);

for my $error (@errors)
{
	my ($state, $message, $sql) = @$error;
	utf8::decode(my $marked = $sql);
	my $position = index($marked, '!') + 1;
	$sql =~ s/!//;
	my ($errors) = run($sql);
	is_deeply(
		[ map { @{$_}{qw(C M P)} } @$errors ],
		[ $state, $message, $position ],
		'D3: ' . $sql =~ s/\s+/ /gr);
}

### D6: the scanner warns once
$client->query('SET standard_conforming_strings = off');
is(scalar(grep { $_->{type} eq 'N' && $_->{C} eq '22P06' } $client->query(q{CREATE OR REPLACE FUNCTION warned() RETURN 'a\\b' || 'c'})),
	1, 'D6: a backslash gets one warning');
$client->query('SET standard_conforming_strings = on');

### D2: the new keywords as names
($errors, $rows) = run(<<'EOF');
CREATE TABLE logon (logoff int, authid int, deterministic int, byte int, varchar2 int);
INSERT INTO logon VALUES (1, 2, 3, 4, 5);
SELECT logoff AS byte, authid deterministic, logon.varchar2 FROM logon logon, (SELECT 1 logoff_) logoff;
CREATE FUNCTION is_null(a int, OUT b bool) RETURN a IS NULL;
CREATE FUNCTION is(a int) RETURNS int RETURN a;
SELECT is_null(1), is(2);
DROP TYPE IF EXISTS varchar2;
CREATE DOMAIN varchar2 AS int;
SELECT 7::varchar2;
DROP TYPE varchar2;
SELECT cast('abc' AS VARCHAR2(2 CHAR)), 'abc'::varchar2(1 byte), pg_typeof('x'::varchar2);
EOF
is_deeply(
	[ map({ $_->{M} } @$errors), @$rows ],
	[ '1|2|5', 'f|2', '7', 'ab|a|character varying' ],
	"D2, D5: the keywords can be names, and a user's own type VARCHAR2 comes first");

### E4 to E6: spelled-out events
($errors, $rows) = run(<<'EOF');
CREATE FUNCTION nothing RETURN event_trigger IS BEGIN NULL; END;
CREATE EVENT TRIGGER spelled_logon AFTER LOGON ON DATABASE EXECUTE PROCEDURE nothing();
CREATE EVENT TRIGGER spelled_logoff before logoff on database EXECUTE FUNCTION nothing();
SELECT evtname, evtevent FROM pg_event_trigger ORDER BY evtname;
CREATE EVENT TRIGGER filtered AFTER LOGON ON DATABASE WHEN TAG IN ('LOGON') EXECUTE FUNCTION nothing();
EOF
is_deeply(
	[ map({ $_->{M} } @$errors), @$rows ],
	[ 'tag filtering is not supported for after_user_logon event triggers', 'spelled_logoff|before_user_logoff', 'spelled_logon|after_user_logon' ],
	'E4 to E6: spelled-out events are stored by name, and refuse WHEN TAG');
$client->quit;

### The documented example, in sessions of an ordinary user over TCP and a Unix socket
admin($node, 'postgres', 'CREATE ROLE alice LOGIN; DROP EVENT TRIGGER IF EXISTS spelled_logon; DROP EVENT TRIGGER IF EXISTS spelled_logoff');
admin($node, 'postgres', 'CREATE SCHEMA polar_loginout');
$client = connect_raw($node, user => (getpwuid($<))[0], database => 'postgres', options => '-c session_triggers.enabled=off');
$client->ready;
for my $sql (
	'CREATE TABLE polar_loginout.users_log (id serial, user_name VARCHAR2(64), database_name VARCHAR2(64),'
	. ' event VARCHAR2(64), client_ip VARCHAR2(64), tag VARCHAR2(64), instance_num int);',
	<<'EOF',
CREATE FUNCTION sample_event_trigger RETURN event_trigger IS
BEGIN
    INSERT INTO polar_loginout.users_log (user_name, database_name, event, client_ip, tag, instance_num)
    VALUES (polar_login_user, polar_database_name, tg_event, polar_client_ip, tg_tag, polar_instance_num);
END;
EOF
	'CREATE EVENT TRIGGER login_event_trigger on after_user_logon EXECUTE PROCEDURE public.sample_event_trigger();',
	'CREATE EVENT TRIGGER logoff_event_trigger on before_user_logoff EXECUTE PROCEDURE public.sample_event_trigger();')
{
	($errors) = run($sql);
	is_deeply([ map { $_->{M} } @$errors ], [], 'D: the example runs: ' . substr($sql, 0, 40));
}
for my $place ([ tcp => '127.0.0.1' ], [])
{
	my $session = connect_raw($node, user => 'alice', database => 'postgres', @$place);
	is(scalar(grep { $_->{type} =~ /[NE]/ } $session->ready), 0, 'D: the client gets no error and no notice');
	$session->quit;
}
($errors, $rows) = run('SELECT user_name, database_name, event, client_ip, tag, instance_num FROM polar_loginout.users_log ORDER BY id');
is_deeply(
	$rows,
	[
		'alice|postgres|after_user_logon|127.0.0.1|LOGON|1', 'alice|postgres|before_user_logoff|127.0.0.1|LOGOFF|1',
		'alice|postgres|after_user_logon|NULL|LOGON|1', 'alice|postgres|before_user_logoff|NULL|LOGOFF|1'
	],
	"D: each session leaves the documented rows");
for my $name (qw(login_event_trigger logoff_event_trigger))
{
	($errors) = run("DROP EVENT TRIGGER $name");
	is_deeply($errors, [], "D: DROP EVENT TRIGGER $name succeeds");
}
$client->quit;
log_is_clean($node, 'no server process has crashed');
$node->stop;

done_testing();
