# How psql splits a script into statements: rules D4 and D7.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('main', conf => 'log_statement = all');
$node->start;

# Runs a script with psql. Returns the statements that reached the server, with
# single blanks as white space, and what psql wrote to its output and as errors.
sub sent
{
	my ($script, @options) = @_;
	my $position = log_position($node);
	my ($out, $errors) = ('', '');
	IPC::Run::run(
		[ 'psql', '--no-psqlrc', '--no-align', '--tuples-only', '--quiet', @options, '--dbname' => $node->connstr('postgres') ],
		'<' => \$script, '>' => \$out, '2>' => \$errors);
	my $log = slurp_file($node->logfile, $position);
	$log =~ s/\n\t/ /g;
	# A statement that parses and then fails is logged twice.
	$log =~ s{(LOG:  statement: (.*)\n(?:.*\|(?:ERROR|DETAIL|HINT):.*\n)+).*STATEMENT:  \g2}{$1}g;
	my @statements = map { s{\s+}{ }gr } $log =~ /\|(?:LOG:  statement|STATEMENT): +(.*)/g;
	return (\@statements, $out, $errors);
}

my $routine = <<'EOF';
CREATE OR REPLACE FUNCTION f(a int DEFAULT 1) RETURN int IS
    n int := CASE WHEN a > 0 THEN a ELSE 0 END; -- END;
    s text := 'END; it''s'; e text := E'\'; END;'; d text := $x$; END $y$; $x$;
    "end;" int; /* BEGIN; /* ; */ END; */
BEGIN
    <<l>>
    FOR i IN 1 .. 2 LOOP
        IF n = 1 THEN
            CASE n WHEN 1 THEN n := 2; ELSE NULL; END CASE;
        END IF;
        BEGIN
            n := n + 1;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP l;
    RETURN n;
END f;
EOF
my $sent = $routine =~ s/\s+/ /gr =~ s/ $//r;

is_deeply([ sent("SELECT 1;\n${routine}SELECT f();\n") ],
	[ [ 'SELECT 1;', $sent, 'SELECT f();' ], "1\n4\n", '' ], 'D4: a routine is sent as one statement');
is_deeply([ sent("SELECT 1; $routine SELECT f(); SELECT 2") ],
	[ [ 'SELECT 1;', $sent, 'SELECT f();', 'SELECT 2' ], "1\n4\n2\n", '' ], 'D4: a routine with other statements on its lines is sent as one statement');
is_deeply([ sent("$routine/\n  /  \nSELECT f();\n") ],
	[ [ $sent, 'SELECT f();' ], "4\n", '' ], 'D4: a slash after a routine is ignored');
is_deeply([ sent("$routine-- a comment\n\n/\nSELECT f();\n") ],
	[ [ $sent, 'SELECT f();' ], "4\n", '' ], 'D4: a slash after a routine and a comment is ignored');
is_deeply([ sent($routine =~ s/END f;\n/END f\n\/\n/r . "SELECT f();\n") ],
	[ [ $sent =~ s/END f;/END f ;/r, 'SELECT f();' ], "4\n", '' ], 'D4: a slash can take the place of the semicolon');

my ($statements, $out, $errors) = sent("CREATE PROCEDURE p IS BEGIN\nIF true THEN NULL;\n/\nSELECT 3;\n");
is_deeply($statements, [ 'CREATE PROCEDURE p IS BEGIN IF true THEN NULL; ;', 'SELECT 3;' ], 'D4: a slash ends an unfinished routine');
like($errors, qr/ERROR:  unfinished routine body\nLINE 2: IF true/, 'D3: the server reports the unfinished routine');
is($out, "3\n", 'D4: the script goes on after an unfinished routine');

($statements, $out, $errors) = sent("CREATE PROCEDURE p IS BEGIN IF true THEN NULL; END; END;\nSELECT 3;\n");
is_deeply([ @$statements[ 0, -1 ] ], [ 'CREATE PROCEDURE p IS BEGIN IF true THEN NULL; END;', 'SELECT 3;' ],
	'D4: a routine with a misplaced END does not swallow the rest of the script');

# Parentheses that are not closed, and words that psql counts in other routines
is_deeply([ sent("CREATE PROCEDURE p IS BEGIN x := (1; END;\nSELECT 3;\n") ]->[0]->[-1],
	'SELECT 3;', 'D4: a routine that lacks a parenthesis does not swallow the rest of the script');
is_deeply([ sent("CREATE PROCEDURE p IS BEGIN x := (1\n/\nSELECT 3;\n") ]->[0],
	[ 'CREATE PROCEDURE p IS BEGIN x := (1 ;', 'SELECT 3;' ], 'D4: a slash ends a routine that lacks a parenthesis');
is_deeply([ sent("CREATE OR REPLACE FUNCTION begin RETURN int IS BEGIN RETURN 7; END;\nSELECT begin();\n") ],
	[ [ 'CREATE OR REPLACE FUNCTION begin RETURN int IS BEGIN RETURN 7; END;', 'SELECT begin();' ], "7\n", '' ],
	'D4: the name of a routine can be BEGIN');

### Oracle's triggers on a database or a schema, of whose bodies nothing is run
admin($node, 'postgres', 'CREATE TABLE logons (a int); CREATE SCHEMA hr');
my $trigger = <<'EOF';
CREATE OR REPLACE TRIGGER hr.logon_trigger AFTER LOGON ON DATABASE
WHEN (user <> 'BEGIN;')
DECLARE
    v varchar2(10);
BEGIN
    INSERT INTO logons VALUES (1);
    IF v IS NULL THEN
        INSERT INTO logons VALUES (2);
    END IF;
END logon_trigger;
EOF
my $whole = $trigger =~ s/\s+/ /gr =~ s/ $//r;
for my $slash ('', "/\n", "\n  /  \n")
{
	is_deeply([ sent("SELECT 2;\n$trigger${slash}SELECT 3;\n") ],
		[ [ 'SELECT 2;', $whole, 'SELECT 3;' ], "2\n3\n", '' ],
		'D7, D9: a trigger in Oracle\'s form is sent as one statement, and created');
}
is(admin($node, 'postgres', 'SELECT evtname FROM pg_event_trigger'), 'logon_trigger', 'D9: there is one trigger');
admin($node, 'postgres', 'DROP TRIGGER hr.logon_trigger; DROP SCHEMA hr; TRUNCATE logons');
is_deeply(
	[ sent("CREATE TRIGGER \"T\" BEFORE LOGOFF ON hr.SCHEMA BEGIN INSERT INTO logons VALUES (1); END;\nSELECT 3;\n") ]->[0],
	[ 'CREATE TRIGGER "T" BEFORE LOGOFF ON hr.SCHEMA BEGIN INSERT INTO logons VALUES (1); END;', 'SELECT 3;' ],
	'D7: such a trigger on a schema is sent as one statement');
for my $event ('AFTER STARTUP ON DATABASE', 'INSTEAD OF CREATE ON SCHEMA')
{
	my ($statements, $out, $errors) =
	  sent("CREATE OR REPLACE EDITIONABLE TRIGGER t $event\nBEGIN\nINSERT INTO logons VALUES (1);\nEND;\n/\nSELECT 3;\n");
	is_deeply($statements,
		[ "CREATE OR REPLACE EDITIONABLE TRIGGER t $event BEGIN INSERT INTO logons VALUES (1); END;", 'SELECT 3;' ],
		'D7: such a trigger on another event is sent as one statement');
	is(scalar(() = $errors =~ /ERROR:/g), 1, 'D9: it gets one error');
	like($errors, qr/ERROR:  triggers .* are not supported\n.*\n.*\nHINT:  [A-Z]/, 'D9: the error has a hint');
}
is(admin($node, 'postgres', 'SELECT count(*) FROM logons'), '0', 'D7: nothing of their bodies has been run');
is_deeply(
	[ sent("CREATE FUNCTION start() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';\n"
		. "CREATE TRIGGER begin BEFORE INSERT ON logons FOR EACH ROW EXECUTE FUNCTION start();\nSELECT 3;\n") ],
	[ [ "CREATE FUNCTION start() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';",
			'CREATE TRIGGER begin BEFORE INSERT ON logons FOR EACH ROW EXECUTE FUNCTION start();', 'SELECT 3;' ], "3\n", '' ],
	'D2: PostgreSQL\'s own CREATE TRIGGER is split as before');
admin($node, 'postgres', 'DROP TABLE logons; DROP FUNCTION start()');

### What must be as on the unpatched psql
is_deeply([ sent("SELECT 8\n/\n2;\n") ], [ ['SELECT 8 / 2;'], "4\n", '' ], 'D4: a slash in a query divides');
is_deeply([ sent("SELECT '\n/\n', \$\$\n/\n\$\$ /*\n/\n*/;\n") ],
	[ [q{SELECT ' / ', $$ / $$ /* / */;}], "\n/\n|\n/\n\n", '' ], 'D4: a slash in quotes or comments is text');
(undef, undef, $errors) = sent("SELECT 1;\n/\nSELECT 2;\n");
like($errors, qr{syntax error at or near "/"}, 'D4: a slash after another statement is an error');

my @standard = (
	'CREATE OR REPLACE FUNCTION atomic(a int) RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a IS NULL THEN 2 ELSE a END; END;',
	'CREATE OR REPLACE FUNCTION expression(a int) RETURNS bool RETURN a IS NULL;',
	q{CREATE OR REPLACE FUNCTION dollar() RETURNS int LANGUAGE plpgsql AS $$BEGIN IF true THEN RETURN 1; END IF; END$$;},
	q{CREATE OR REPLACE FUNCTION quoted() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';},
	q{CREATE OR REPLACE PROCEDURE proc() LANGUAGE sql AS 'SELECT 1; SELECT 2';},
	'CREATE OR REPLACE FUNCTION is(a int) RETURNS int LANGUAGE sql AS $$SELECT a; SELECT a$$;',
	'SELECT atomic(NULL), expression(NULL), dollar(), quoted(), is(1);');
is_deeply([ sent(join("\n", @standard)) ], [ \@standard, "2|t|1|1|1\n", '' ],
	'D4: routines in standard forms are split as before');

is_deeply([ sent("SELECT 1\\; $routine SELECT 2;") ],
	[ [ "SELECT 1; $sent", 'SELECT 2;' ], "1\n2\n", '' ], 'D4: a routine can follow a semicolon that does not send');
is_deeply([ sent("\\set begin 'CREATE PROCEDURE p IS BEGIN'\n\\set value 'it''s; END'\n"
		. ":begin NULL; RAISE NOTICE '%', :'value'; END;\nSELECT 1;\n") ],
	[ [ q{CREATE PROCEDURE p IS BEGIN NULL; RAISE NOTICE '%', 'it''s; END'; END;}, 'SELECT 1;' ], "1\n", '' ],
	"D4: psql's variables are replaced in a routine");
is_deeply([ sent("\\if false\n${routine}SELECT 0;\n\\else\nSELECT 1;\n\\endif\n$routine") ],
	[ [ 'SELECT 1;', $sent ], "1\n", '' ], 'D4: a routine in a branch that is not taken is not sent');
is_deeply([ sent("CREATE FUNCTION g RETURN int IS BEGIN\n\\if true\nRETURN 1;\n\\else\nEND;\n\\endif\nEND;\nSELECT g();\n") ],
	[ [ 'CREATE FUNCTION g RETURN int IS BEGIN RETURN 1; END;', 'SELECT g();' ], "1\n", '' ], 'D4: a routine can have branches of psql in it')
  if $node->pg_version >= 17;
is_deeply([ sent("CREATE FUNCTION h RETURN int IS BEGIN NULL;\n\\r\nSELECT 1;\n") ],
	[ ['SELECT 1;'], "1\n", '' ], 'D4: \r discards an unfinished routine');
is_deeply([ sent("CREATE FUNCTION h RETURN int IS BEGIN RETURN 5; END\n\\g\nSELECT h();\n") ],
	[ [ 'CREATE FUNCTION h RETURN int IS BEGIN RETURN 5; END', 'SELECT h();' ], "5\n", '' ], 'D4: \g sends a routine');

is_deeply([ sent("CREATE FUNCTION i RETURN int IS BEGIN RETURN 6; END\n\\g\n/\nSELECT i();\n") ],
	[ [ 'CREATE FUNCTION i RETURN int IS BEGIN RETURN 6; END', 'SELECT i();' ], "6\n", '' ], 'D4: a slash after \g is ignored');

### Other ways into psql, and pgbench
my $script = "$PostgreSQL::Test::Utils::tmp_check/script.sql";
append_to_file($script, "SELECT 1;\n$routine/\nSELECT 2;\n");
my $position = log_position($node);
$node->command_ok([ 'psql', '--no-psqlrc', '--quiet', '--file' => $script, '--dbname' => $node->connstr('postgres') ],
	'D4: psql -f succeeds');
$node->command_ok([ 'psql', '--no-psqlrc', '--quiet', '--command' => "\\i $script", '--dbname' => $node->connstr('postgres') ],
	'D4: psql succeeds with \i');
my @lines = map { s{\s+}{ }gr } slurp_file($node->logfile, $position) =~ s/\n\t/ /gr =~ /\|LOG:  statement: +(.*)/g;
is_deeply(\@lines, [ ('SELECT 1;', $sent, 'SELECT 2;') x 2 ], 'D4: a file is split like standard input');

my $bench = "$PostgreSQL::Test::Utils::tmp_check/bench.sql";
append_to_file($bench, "\\set x 1 + 1\nSELECT :x;\n$routine SELECT 8\n/\n2;\n");
$position = log_position($node);
$node->command_ok([ 'pgbench', '--no-vacuum', '--transactions=1', '--file', $bench, $node->connstr('postgres') ],
	'D4: pgbench succeeds');
@lines = map { s{\s+}{ }gr =~ s/;? ?$//r } slurp_file($node->logfile, $position) =~ s/\n\t/ /gr =~ /\|LOG:  statement: +(.*)/g;
is_deeply(\@lines, [ 'SELECT 2', $sent =~ s/;$//r, 'SELECT 8 / 2' ], 'D4: pgbench splits a script in the same way');

### The form in which routines are dumped, and an unpatched psql
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
$node->command_ok([ 'pg_dump', '--file' => $dump, '--dbname' => $node->connstr('postgres') ], 'D4: pg_dump succeeds');
admin($node, 'postgres', 'CREATE DATABASE restored');
my $routines =
  "SELECT proname, prosrc, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname";
for my $psql ('psql', $ENV{SESSTRIG_STOCK_BINDIR} ? "$ENV{SESSTRIG_STOCK_BINDIR}/psql" : ())
{
	$node->command_ok([ $psql, '--no-psqlrc', '--quiet', '--set' => 'ON_ERROR_STOP=1', '--file' => $dump, '--single-transaction',
		'--dbname' => $node->connstr('restored') ], "D4: $psql loads the dump");
	is(admin($node, 'restored', $routines), admin($node, 'postgres', $routines),
		"D4: $psql restores the same routines");
	admin($node, 'restored', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
}
if ($ENV{SESSTRIG_STOCK_BINDIR})
{
	# It sends everything after -c as it is, and can split a script whose routines
	# have one semicolon before their END.
	my ($result) = run_command([ "$ENV{SESSTRIG_STOCK_BINDIR}/psql", '--no-psqlrc', '--quiet', '--tuples-only', '--no-align',
		'--command' => "$routine SELECT f()", '--dbname' => $node->connstr('restored') ]);
	is($result, '4', 'D4: an unpatched psql sends a routine with -c');
	my $file = "$PostgreSQL::Test::Utils::tmp_check/simple.sql";
	append_to_file($file, "CREATE FUNCTION s RETURN int IS BEGIN RETURN 6; END;\nSELECT s();\n");
	($result) = run_command([ "$ENV{SESSTRIG_STOCK_BINDIR}/psql", '--no-psqlrc', '--quiet', '--tuples-only', '--no-align',
		'--file' => $file, '--dbname' => $node->connstr('restored') ]);
	is($result, '6', 'D4: an unpatched psql sends a simple routine with -f');
}
$node->stop;

done_testing();
