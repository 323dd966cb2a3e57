# Logon and logoff triggers as users of Oracle write them, what becomes of each if it
# is run as it is, and what to write instead: rule D9. oracle/logons.pl runs all
# of them, and compares them with the tables of docs/oracle.md;
# extensions/orafce.pl runs them where orafce is installed.
package OracleLogons;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use SessionTriggers;

use Exporter 'import';
our @EXPORT = qw(@CASES new_oracle_node outcome_of clean_up page table_rows fragments_missing);

# Each case is a hash:
#
#   row      the first cell of the row in docs/oracle.md that it is the test of
#   name     what it is called, if it has no row, but is a trigger as it may be found in
#            some database, with several constructs in it
#   oracle   Oracle's text
#   as       what becomes of that text as it is:
#              runs     it does what it does in Oracle, and stays as it is
#              translated  it does that, and becomes another text
#              differs  it runs, and does something else
#              orafce   it fails, but does what it does in Oracle if orafce is there
#              create   CREATE TRIGGER refuses it
#              logon    it fails when somebody logs on
#              logoff   it fails when somebody logs off
#   error    SQLSTATE and message of that failure, or, if the text differs, of what
#            would fail if it were reached
#   differs  the outcome of that text, if it differs
#   write    the text to write instead; there is none if what it does cannot be done
#   outcome  what Oracle's text does in Oracle, and the text to write instead, here:
#            see outcome_of(); a pattern if it depends on the time or the process
#   connect  parameters of the connection, the user alice by default
#   ask      a query of the session
#   log      a pattern for the server log
#   since    the first major where the text to write instead works
#   buffered whether orafce, where it is installed, keeps what is to be shown
#   first    whether it does what it does in Oracle if orafce's types come first
our @CASES;

# Cases are added by the functions that follow.
sub logon { return "CREATE OR REPLACE TRIGGER logon_trigger AFTER LOGON ON DATABASE\n$_[0]\n"; }
sub insert { return "INSERT INTO fired (line) VALUES ($_[0]);"; }
sub block { return logon("BEGIN\n    $_[0]\nEND;"); }

# A row whose construct is an expression: it is inserted into a table.
sub expression
{
	my ($row, $as, $oracle, $write, %case) = @_;
	push @CASES,
	  {
		row => $row, as => $as, %case,
		oracle => block(insert($oracle)), write => $write && block(insert($write))
	  };
	return;
}

# A row whose construct is a statement, or several.
sub statement
{
	my ($row, $as, $oracle, $write, %case) = @_;
	push @CASES, { row => $row, as => $as, oracle => block($oracle), write => $write && block($write), %case };
	return;
}

# A row whose construct needs declarations.
sub declaration
{
	my ($row, $as, $oracle, $write, %case) = @_;
	push @CASES, { row => $row, as => $as, oracle => logon($oracle), write => $write && logon($write), %case };
	return;
}

# A whole trigger.
sub trigger
{
	my ($name, $as, $oracle, %case) = @_;
	push @CASES, { name => $name, as => $as, oracle => $oracle, %case };
	return;
}

my %local = (connect => { tcp => '127.0.0.1' });
my $no_role = '42501 cannot set parameter "role" within security-definer function';

### Who logs on, and from where
expression("`ora_login_user`, `ora_database_name`, `ora_instance_num`, `ora_sysevent`",
	runs => "ora_login_user || ' ' || ora_database_name || ' ' || ora_instance_num || ' ' || ora_sysevent",
	undef, outcome => 'alice app 1 LOGON');
expression('`ora_client_ip_address`', runs => 'ora_client_ip_address', undef, outcome => '127.0.0.1', %local);
statement("`ora_login_user = 'ALICE'`",
	differs => "IF ora_login_user = 'ALICE' THEN " . insert("'she'") . ' END IF;',
	"IF ora_login_user = 'alice' AND UPPER(ora_login_user) = 'ALICE' THEN " . insert("'she'") . ' END IF;',
	differs => '', outcome => 'she');
expression('`USER`', differs => 'USER', 'ora_login_user', differs => 'root', outcome => 'alice');
for my $case (
	[ 'SESSION_USER', 'ora_login_user', 'alice' ],
	[ 'DB_NAME', 'ora_database_name', 'app' ],
	[ 'IP_ADDRESS', 'ora_client_ip_address', '127.0.0.1' ],
	[ 'INSTANCE', 'ora_instance_num', '1' ])
{
	my ($parameter, $write, $outcome) = @$case;
	expression("`SYS_CONTEXT('USERENV', '$parameter')`", translated => "SYS_CONTEXT('USERENV', '$parameter')", $write,
		outcome => $outcome, %local);
}
expression("`SYS_CONTEXT('USERENV', 'SESSIONID')`",
	translated => "SYS_CONTEXT('USERENV', 'SESSIONID')",
	"(SELECT EXTRACT(EPOCH FROM DATE_TRUNC('second', backend_start))::bigint * 10000000 + pid FROM pg_stat_activity WHERE pid = pg_backend_pid())",
	outcome => qr/^\d{17}$/);
expression("`SYS_CONTEXT('USERENV', 'SID')`",
	translated => "SYS_CONTEXT('USERENV', 'SID')", 'pg_backend_pid()',
	outcome => qr/^\d+$/);
expression("`SYS_CONTEXT('USERENV', 'MODULE')`, `'CLIENT_PROGRAM_NAME'`",
	translated => "NULLIF(SYS_CONTEXT('USERENV', 'MODULE'), 'x' || SYS_CONTEXT('USERENV', 'CLIENT_PROGRAM_NAME'))", "current_setting('application_name')",
	outcome => 'payroll', connect => { application_name => 'payroll' });
expression("`SYS_CONTEXT('USERENV', 'OS_USER')`, `'HOST'`, `'TERMINAL'`",
	differs => "SYS_CONTEXT('USERENV', 'OS_USER') || SYS_CONTEXT('USERENV', 'HOST') || SYS_CONTEXT('USERENV', 'TERMINAL')",
	undef, differs => 'NULL');
expression("`SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')`", translated => "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')", 'current_schema',
	outcome => 'public', ask => 'SET search_path = hr');
expression("`SYS_CONTEXT('USERENV', 'AUTHENTICATION_METHOD')`",
	create => "SYS_CONTEXT('USERENV', 'AUTHENTICATION_METHOD')", "split_part(system_user, ':', 1)",
	error => '0A000 attribute AUTHENTICATION_METHOD of USERENV is not available', outcome => 'peer', connect => { user => 'peered' }, since => 16);
expression("`SYS_CONTEXT('USERENV', 'ISDBA')`", translated => "SYS_CONTEXT('USERENV', 'ISDBA')",
	'(SELECT UPPER(rolsuper::text) FROM pg_roles WHERE rolname = ora_login_user)', outcome => 'FALSE');
expression("`DBMS_SESSION.IS_ROLE_ENABLED('CLERK')`, `DBA_ROLE_PRIVS`",
	logon => "(SELECT COUNT(*) FROM DBA_ROLE_PRIVS WHERE GRANTEE = USER AND GRANTED_ROLE = 'CLERK' AND DBMS_SESSION.IS_ROLE_ENABLED('CLERK'))",
	"pg_has_role(ora_login_user, 'clerk', 'MEMBER')", error => '42P01 relation "dba_role_privs" does not exist', outcome => 'true');
declaration("`SELECT program INTO … FROM v\$session WHERE audsid = USERENV('SESSIONID')`",
	translated => "DECLARE\n    p VARCHAR2(64);\nBEGIN\n    SELECT program INTO p FROM v\$session WHERE audsid = USERENV('SESSIONID'); " . insert('p') . "\nEND;",
	"DECLARE\n    p VARCHAR2(64);\nBEGIN\n    SELECT application_name INTO p FROM pg_stat_activity WHERE pid = pg_backend_pid(); " . insert('p') . "\nEND;",
	outcome => 'payroll', connect => { application_name => 'payroll' });

### Dates, functions and queries
expression('`SYSDATE`', translated => 'SYSDATE', 'LOCALTIMESTAMP(0)',
	outcome => qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
expression('`SYSTIMESTAMP`', translated => 'SYSTIMESTAMP', 'CURRENT_TIMESTAMP',
	outcome => qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.?\d*[-+]\d\d/);
expression('`TRUNC(SYSDATE)`', translated => 'TRUNC(SYSDATE)', "date_trunc('day', LOCALTIMESTAMP)",
	outcome => qr/^\d{4}-\d\d-\d\d 00:00:00$/);
expression("`TO_CHAR(SYSDATE, 'HH24')`", translated => "TO_CHAR(SYSDATE, 'HH24')", "TO_CHAR(LOCALTIMESTAMP, 'HH24')",
	outcome => qr/^[0-2]\d$/);
expression("`(SYSDATE - since) * 24 * 60`",
	translated => '(SELECT (SYSDATE - since) * 24 * 60 FROM started)',
	'(SELECT ROUND(EXTRACT(EPOCH FROM LOCALTIMESTAMP - since) / 60) FROM started)',
	outcome => qr/^(?:90(?:\.0\d*)?|89\.9\d*)$/);
expression("`UPPER(…)`, `SUBSTR(…)`, `LENGTH(…)`, `REGEXP_LIKE(…)`, `TO_CHAR(CURRENT_TIMESTAMP, …)`",
	runs => "CASE WHEN REGEXP_LIKE(ora_login_user, '^al') THEN UPPER(SUBSTR(ora_login_user, 1, 2)) || LENGTH(TO_CHAR(CURRENT_TIMESTAMP, 'DD.MM.YYYY HH24:MI')) END",
	undef, outcome => 'AL16');
expression("`NVL(…)`", translated => "NVL(ora_client_ip_address, 'local')", "COALESCE(ora_client_ip_address, 'local')",
	outcome => 'local');
expression("`DECODE(…)`", translated => "DECODE(ora_login_user, 'alice', 'A', 'B')", "CASE ora_login_user WHEN 'alice' THEN 'A' ELSE 'B' END",
	outcome => 'A');
expression("`INSTR(…)`", translated => "INSTR(ora_login_user, 'ice')", "STRPOS(ora_login_user, 'ice')",
	outcome => '3');
declaration("`SELECT … INTO … FROM DUAL`",
	translated => "DECLARE\n    v VARCHAR2(30);\nBEGIN\n    SELECT ora_login_user INTO v FROM DUAL; " . insert('v') . "\nEND;",
	"DECLARE\n    v VARCHAR2(30);\nBEGIN\n    v := ora_login_user; " . insert('v') . "\nEND;",
	outcome => 'alice');
statement("`MERGE INTO … USING DUAL ON (…) WHEN MATCHED THEN UPDATE … WHEN NOT MATCHED THEN INSERT …`",
	translated => 'MERGE INTO last_logons USING DUAL ON (name = ora_login_user) WHEN MATCHED THEN UPDATE SET times = times + 1 WHEN NOT MATCHED THEN INSERT (name, times) VALUES (ora_login_user, 1); '
	  . insert('(SELECT times FROM last_logons)'),
	'INSERT INTO last_logons AS l (name, times) VALUES (ora_login_user, 1) ON CONFLICT (name) DO UPDATE SET times = l.times + 1; '
	  . insert('(SELECT times FROM last_logons)'),
	outcome => '1');
expression("`'from ' || ora_client_ip_address`", differs => "'from ' || ora_client_ip_address", "CONCAT('from ', ora_client_ip_address)",
	differs => 'NULL', outcome => 'from ');
expression('`hr.audit_seq.NEXTVAL`', translated => 'hr.audit_seq.NEXTVAL', "nextval('hr.audit_seq')",
	outcome => qr/^\d+$/);
expression('`ROWNUM = 1`', translated => '(SELECT rolname FROM pg_roles WHERE rolname = ora_login_user AND ROWNUM = 1)',
	'(SELECT rolname FROM pg_roles WHERE rolname = ora_login_user LIMIT 1)', outcome => 'alice');

### Declarations
declaration('`VARCHAR2(30)`, `INTEGER`, `BOOLEAN`, `CONSTANT`, `fired.line%TYPE`, `fired%ROWTYPE`',
	runs => "DECLARE\n    v VARCHAR2(30) := 'v';\n    n CONSTANT INTEGER := 1;\n    b BOOLEAN := TRUE;\n    l fired.line%TYPE;\n    r fired%ROWTYPE;\nBEGIN\n    IF b THEN\n        r.line := v || n; l := r.line; " . insert('l') . "\n    END IF;\nEND;",
	undef, outcome => 'v1');
declaration('`NUMBER`', translated => "DECLARE\n    n NUMBER := 1.5;\nBEGIN\n    " . insert('n') . "\nEND;",
	"DECLARE\n    n NUMERIC := 1.5;\nBEGIN\n    " . insert('n') . "\nEND;", outcome => '1.5');
declaration('`PLS_INTEGER`', translated => "DECLARE\n    n PLS_INTEGER := 1;\nBEGIN\n    " . insert('n') . "\nEND;",
	"DECLARE\n    n INTEGER := 1;\nBEGIN\n    " . insert('n') . "\nEND;", outcome => '1');
declaration('`DATE`', differs => "DECLARE\n    d DATE := TO_TIMESTAMP('2026-01-02 03:04', 'YYYY-MM-DD HH24:MI');\nBEGIN\n    " . insert('d') . "\nEND;",
	"DECLARE\n    d TIMESTAMP(0) := TO_TIMESTAMP('2026-01-02 03:04', 'YYYY-MM-DD HH24:MI');\nBEGIN\n    " . insert('d') . "\nEND;",
	differs => '2026-01-02', outcome => '2026-01-02 03:04:00', first => 1);
declaration('`refused EXCEPTION;`, `RAISE refused;`, `WHEN refused THEN`',
	translated => "DECLARE\n    refused EXCEPTION;\nBEGIN\n    RAISE refused;\nEXCEPTION\n    WHEN refused THEN " . insert("'refused'") . "\nEND;",
	"BEGIN\n    RAISE EXCEPTION USING ERRCODE = 'UE001';\nEXCEPTION\n    WHEN SQLSTATE 'UE001' THEN " . insert("'refused'") . "\nEND;",
	outcome => 'refused');
declaration('`CURSOR c IS SELECT …;`',
	translated => "DECLARE\n    CURSOR c IS SELECT rolname FROM pg_roles WHERE rolname = ora_login_user;\nBEGIN\n    FOR r IN c LOOP " . insert('r.rolname') . " END LOOP;\nEND;",
	"DECLARE\n    c CURSOR IS SELECT rolname FROM pg_roles WHERE rolname = ora_login_user;\nBEGIN\n    FOR r IN c LOOP " . insert('r.rolname') . " END LOOP;\nEND;",
	outcome => 'alice');
declaration('`FOR r IN (SELECT …) LOOP`',
	translated => "BEGIN\n    FOR r IN (SELECT rolname FROM pg_roles WHERE rolname = ora_login_user) LOOP " . insert('r.rolname') . " END LOOP;\nEND;",
	"DECLARE\n    r record;\nBEGIN\n    FOR r IN (SELECT rolname FROM pg_roles WHERE rolname = ora_login_user) LOOP " . insert('r.rolname') . " END LOOP;\nEND;",
	outcome => 'alice');
declaration('`PRAGMA AUTONOMOUS_TRANSACTION;`',
	create => "DECLARE\n    PRAGMA AUTONOMOUS_TRANSACTION;\nBEGIN\n    " . insert('ora_login_user') . "\n    COMMIT;\nEND;",
	"BEGIN\n    RAISE LOG 'refused %', ora_login_user; " . insert('ora_login_user') . "\nEND;",
	error => '0A000 autonomous transactions are not supported', outcome => 'alice', log => qr/LOG:  refused alice/);

### Statements
statement('`COMMIT;`', translated => insert("'kept'") . ' COMMIT;', insert("'kept'"), outcome => 'kept');
statement('`log_logon(…);`', translated => 'log_logon(ora_login_user); note_logon(ora_login_user);', 'CALL log_logon(ora_login_user); PERFORM note_logon(ora_login_user);',
	outcome => "logged alice\nnoted alice");
push @CASES,
  {
	row => '`… ON DATABASE CALL log_it`', as => 'create', oracle => logon("CALL log_it"), write => block('CALL log_it();'),
	error => '42601 syntax error at or near "CALL"', outcome => 'logged'
  };
statement("`EXECUTE IMMEDIATE '… :1 …' USING …`",
	translated => "EXECUTE IMMEDIATE 'INSERT INTO fired (line) VALUES (:1 || ''!'')' USING ora_login_user;",
	"EXECUTE 'INSERT INTO fired (line) VALUES (\$1 || ''!'')' USING ora_login_user;",
	outcome => 'alice!');
declaration('`FETCH c INTO …; EXIT WHEN c%NOTFOUND;`',
	translated => "DECLARE\n    c CURSOR IS SELECT rolname FROM pg_roles WHERE rolname = ora_login_user;\n    v VARCHAR2(30);\nBEGIN\n    OPEN c; LOOP FETCH c INTO v; EXIT WHEN c%NOTFOUND; " . insert('v') . " END LOOP; CLOSE c;\nEND;",
	"DECLARE\n    c CURSOR IS SELECT rolname FROM pg_roles WHERE rolname = ora_login_user;\n    v VARCHAR2(30);\nBEGIN\n    OPEN c; LOOP FETCH c INTO v; EXIT WHEN NOT FOUND; " . insert('v') . " END LOOP; CLOSE c;\nEND;",
	outcome => 'alice');
declaration('`SQL%ROWCOUNT`',
	translated => "DECLARE\n    n INTEGER;\nBEGIN\n    UPDATE started SET since = since; n := SQL%ROWCOUNT; " . insert('n') . "\nEND;",
	"DECLARE\n    n INTEGER;\nBEGIN\n    UPDATE started SET since = since; GET DIAGNOSTICS n = ROW_COUNT; " . insert('n') . "\nEND;",
	outcome => '1');
declaration('`SELECT … INTO v FROM …` that finds no row',
	differs => "DECLARE\n    v VARCHAR2(30);\nBEGIN\n    SELECT name INTO v FROM last_logons; " . insert("'found'") . "\nEXCEPTION\n    WHEN NO_DATA_FOUND THEN " . insert("'none'") . "\nEND;",
	"DECLARE\n    v VARCHAR2(30);\nBEGIN\n    SELECT name INTO STRICT v FROM last_logons; " . insert("'found'") . "\nEXCEPTION\n    WHEN NO_DATA_FOUND THEN " . insert("'none'") . "\nEND;",
	differs => 'found', outcome => 'none');
statement('`EXCEPTION WHEN OTHERS THEN NULL;`',
	runs => insert("'kept'") . "\n    BEGIN " . insert('1 / (ora_instance_num - 1)') . "\n    EXCEPTION WHEN OTHERS THEN NULL; END;",
	undef, outcome => 'kept');
statement('`EXCEPTION WHEN OTHERS THEN … RAISE;`',
	runs => insert('1 / (ora_instance_num - 1)') . "\nEXCEPTION WHEN OTHERS THEN " . insert("'lost'") . ' RAISE;', undef,
	outcome => 'refused: 22012 division by zero');
statement('`WHEN DUP_VAL_ON_INDEX THEN`',
	translated => "INSERT INTO last_logons (name) VALUES ('a'), ('a');\nEXCEPTION WHEN DUP_VAL_ON_INDEX THEN " . insert("'twice'"),
	"INSERT INTO last_logons (name) VALUES ('a'), ('a');\nEXCEPTION WHEN UNIQUE_VIOLATION THEN " . insert("'twice'"),
	outcome => 'twice');
statement('`SQLERRM`', runs => insert('1 / (ora_instance_num - 1)') . "\nEXCEPTION WHEN OTHERS THEN " . insert('SUBSTR(SQLERRM, 1, 200)'),
	undef, outcome => 'division by zero');
statement('`SQLCODE`', translated => insert('1 / (ora_instance_num - 1)') . "\nEXCEPTION WHEN OTHERS THEN " . insert('SQLCODE'),
	undef, outcome => '-1476');
declaration('`DBMS_UTILITY.FORMAT_ERROR_BACKTRACE`',
	translated => "DECLARE\n    v VARCHAR2(1000);\nBEGIN\n    v := 1 / (ora_instance_num - 1);\nEXCEPTION WHEN OTHERS THEN\n    v := DBMS_UTILITY.FORMAT_ERROR_BACKTRACE; " . insert('v') . "\nEND;",
	"DECLARE\n    v VARCHAR2(1000);\nBEGIN\n    v := 1 / (ora_instance_num - 1);\nEXCEPTION WHEN OTHERS THEN\n    GET STACKED DIAGNOSTICS v = PG_EXCEPTION_CONTEXT; " . insert('v') . "\nEND;",
	outcome => qr/^PL\/pgSQL function logon_trigger\(\) line 4 at assignment/);
statement("`RAISE_APPLICATION_ERROR(-20001, 'not now');`", translated => "RAISE_APPLICATION_ERROR(-20001, 'not now');", "RAISE EXCEPTION 'not now' USING ERRCODE = 'U0001';",
	outcome => 'refused: U0001 not now');

### What a trigger does to the session
statement("`EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr';`",
	translated => "EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr';", 'SET search_path = hr;',
	ask => 'SELECT current_schema', outcome => 'asked: hr');
statement("`… 'ALTER SESSION SET NLS_DATE_FORMAT = ''DD.MM.YYYY'''`",
	differs => "EXECUTE IMMEDIATE 'ALTER SESSION SET NLS_DATE_FORMAT = ''DD.MM.YYYY''';", "SET DateStyle = 'ISO, DMY'; " . insert("TO_CHAR(date '2026-01-31', 'DD.MM.YYYY')"),
	differs => 'asked: 2026-01-31', ask => "SELECT date '31.01.2026'", outcome => "asked: 2026-01-31\n31.01.2026");
statement("`… 'ALTER SESSION SET TIME_ZONE = ''Asia/Tokyo'''`",
	translated => "EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = ''Asia/Tokyo''';", "SET TimeZone = 'Asia/Tokyo';",
	ask => 'SHOW TimeZone', outcome => 'asked: Asia/Tokyo');
statement("`… 'ALTER SESSION SET SQL_TRACE = TRUE'`",
	translated => "EXECUTE IMMEDIATE 'ALTER SESSION SET SQL_TRACE = TRUE';", "SET log_statement = 'all';",
	ask => "SELECT 'traced'", outcome => 'asked: traced', log => qr/LOG:  statement: SELECT 'traced'/);
statement("`DBMS_SESSION.SET_CONTEXT('app', 'tenant', …);`", translated => "DBMS_SESSION.SET_CONTEXT('app', 'tenant', 'blue');",
	"PERFORM set_config('app.tenant', 'blue', false);",
	ask => "SELECT current_setting('app.tenant')", outcome => 'asked: blue');
expression("`SYS_CONTEXT('app', 'tenant')`", translated => "SYS_CONTEXT('app', 'tenant')", "current_setting('app.tenant', true)",
	outcome => 'NULL');
statement('`DBMS_SESSION.SET_IDENTIFIER(…);`', translated => 'DBMS_SESSION.SET_IDENTIFIER(ora_login_user);',
	"PERFORM set_config('oracle_session.client_identifier', ora_login_user, false);",
	ask => 'SHOW oracle_session.client_identifier', outcome => 'asked: alice');
statement('`DBMS_APPLICATION_INFO.SET_MODULE(…);`', translated => "DBMS_APPLICATION_INFO.SET_MODULE('payroll', 'start');",
	"PERFORM set_config('application_name', 'payroll', false);",
	ask => 'SHOW application_name', outcome => 'asked: payroll');
my $set_role = <<'EOF';
CREATE FUNCTION logon_function RETURN event_trigger AUTHID CURRENT_USER IS
BEGIN
    SET ROLE clerk;
END;
CREATE EVENT TRIGGER logon_trigger AFTER LOGON ON DATABASE EXECUTE FUNCTION logon_function();
EOF
push @CASES,
  {
	row => "`DBMS_SESSION.SET_ROLE('clerk');`", as => 'logon', oracle => block("DBMS_SESSION.SET_ROLE('clerk');"), write => $set_role,
	error => $no_role, ask => 'SELECT current_user', outcome => 'asked: clerk'
  },
  {
	row => "`EXECUTE IMMEDIATE 'SET ROLE clerk';`", as => 'logon', oracle => block("EXECUTE IMMEDIATE 'SET ROLE clerk';"), write => $set_role,
	error => $no_role, ask => 'SELECT current_user', outcome => 'asked: clerk'
  };
statement('`DBMS_OUTPUT.PUT_LINE(…);`', translated => "DBMS_OUTPUT.PUT_LINE('Hello ' || ora_login_user);", "RAISE NOTICE '%', 'Hello ' || ora_login_user;",
	outcome => 'NOTICE: Hello alice', buffered => 1);
statement('`DBMS_SESSION.SLEEP(…);`, `DBMS_LOCK.SLEEP(…);`', translated => "DBMS_SESSION.SLEEP(0.1); DBMS_LOCK.SLEEP(0.1); IF clock_timestamp() >= now() + interval '0.2 s' THEN " . insert("'later'") . ' END IF;',
	"PERFORM pg_sleep(0.1); IF clock_timestamp() >= now() + interval '0.1 s' THEN " . insert("'later'") . ' END IF;',
	outcome => 'later');

### Whole triggers
trigger('a row for each logon, with the names of the event\'s attributes', runs => <<'EOF', outcome => 'LOGON alice app 127.0.0.1 1', %local);
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    INSERT INTO fired (line)
    VALUES (ora_sysevent || ' ' || ora_login_user || ' ' || ora_database_name || ' '
            || ora_client_ip_address || ' ' || ora_instance_num);
END logon_trigger;
EOF

trigger('a row for each logon, with the time and the machine', differs => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    INSERT INTO sessions_log (id, name, host, module, at)
    VALUES (audit_seq.NEXTVAL, USER, SYS_CONTEXT('USERENV', 'HOST'), SYS_CONTEXT('USERENV', 'MODULE'), SYSDATE);
END;
EOF
	differs => 'asked: alice|payroll|t', write => <<'EOF', outcome => 'asked: alice|127.0.0.1|payroll|t',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    INSERT INTO sessions_log (id, name, host, module, at)
    VALUES (nextval('hr.audit_seq'), ora_login_user, ora_client_ip_address, current_setting('application_name'), LOCALTIMESTAMP);
END;
EOF
	connect => { tcp => '127.0.0.1', application_name => 'payroll' },
	ask => "SELECT concat_ws('|', name, host, module, at > LOCALTIMESTAMP - interval '1 day') FROM sessions_log");

trigger('only from certain addresses', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF ora_login_user = 'alice' AND ora_client_ip_address NOT IN ('10.0.0.1', '10.0.0.2') THEN
        RAISE_APPLICATION_ERROR(-20001, 'not from ' || ora_client_ip_address);
    END IF;
END;
EOF
	write => <<'EOF', outcome => 'refused: U0001 not from 127.0.0.1', %local);
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF ora_login_user = 'alice' AND ora_client_ip_address NOT IN ('10.0.0.1', '10.0.0.2') THEN
        RAISE EXCEPTION 'not from %', ora_client_ip_address USING ERRCODE = 'U0001';
    END IF;
END;
EOF

trigger('only in office hours', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON hr.SCHEMA
DECLARE
    v_hour NUMBER := TO_NUMBER(TO_CHAR(SYSDATE, 'HH24'));
    v_first NUMBER;
    v_last NUMBER;
BEGIN
    SELECT first_hour, last_hour INTO v_first, v_last FROM office_hours;
    IF v_hour NOT BETWEEN v_first AND v_last THEN
        RAISE_APPLICATION_ERROR(-20002, 'The office is closed.');
    END IF;
END;
EOF
	write => <<'EOF', outcome => 'refused: U0002 The office is closed.', connect => { user => 'hr' });
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON hr.SCHEMA
DECLARE
    v_hour INTEGER := EXTRACT(HOUR FROM LOCALTIMESTAMP);
    v_first INTEGER;
    v_last INTEGER;
BEGIN
    SELECT first_hour, last_hour INTO STRICT v_first, v_last FROM office_hours;
    IF v_hour NOT BETWEEN v_first AND v_last THEN
        RAISE EXCEPTION 'The office is closed.' USING ERRCODE = 'U0002';
    END IF;
END;
EOF

trigger('not with this program', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_program VARCHAR2(64);
BEGIN
    SELECT UPPER(program) INTO v_program FROM v$session WHERE audsid = USERENV('SESSIONID') AND ROWNUM = 1;
    IF v_program LIKE '%TOAD%' OR v_program LIKE '%EXCEL%' THEN
        RAISE_APPLICATION_ERROR(-20003, 'not with ' || v_program);
    END IF;
END;
EOF
	write => <<'EOF', outcome => 'refused: U0003 not with TOAD.EXE', connect => { application_name => 'toad.exe' });
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_program VARCHAR2(64) := UPPER(current_setting('application_name'));
BEGIN
    IF v_program LIKE '%TOAD%' OR v_program LIKE '%EXCEL%' THEN
        RAISE EXCEPTION 'not with %', v_program USING ERRCODE = 'U0003';
    END IF;
END;
EOF

trigger('the schema of an application', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
WHEN (USER IN ('ALICE', 'BOB'))
BEGIN
    EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr';
END;
EOF
	write => <<'EOF', ask => 'SHOW search_path', outcome => 'asked: hr');
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
WHEN (ora_login_user IN ('alice', 'bob'))
BEGIN
    SET search_path = hr;
END;
EOF

trigger('settings of the language', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    DBMS_SESSION.SET_NLS('NLS_DATE_FORMAT', '''YYYY-MM-DD''');
    EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = ''UTC''';
END;
EOF
	write => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    SET DateStyle = 'ISO, YMD';
    SET TimeZone = 'UTC';
END;
EOF
	ask => "SELECT concat_ws(' ', date '31-01-02', current_setting('TimeZone'))", outcome => 'asked: 2031-01-02 UTC');

trigger('the tenant of the user, for row level security', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_tenant tenants.tenant%TYPE;
BEGIN
    SELECT tenant INTO v_tenant FROM tenants WHERE name = SYS_CONTEXT('USERENV', 'SESSION_USER');
    DBMS_SESSION.SET_CONTEXT('app', 'tenant', v_tenant);
EXCEPTION
    WHEN NO_DATA_FOUND THEN
        DBMS_SESSION.SET_CONTEXT('app', 'tenant', 'none');
END;
EOF
	write => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_tenant tenants.tenant%TYPE;
BEGIN
    SELECT tenant INTO STRICT v_tenant FROM tenants WHERE name = ora_login_user;
    PERFORM set_config('app.tenant', v_tenant, false);
EXCEPTION
    WHEN NO_DATA_FOUND THEN
        PERFORM set_config('app.tenant', 'none', false);
END;
EOF
	ask => 'SHOW app.tenant', outcome => 'asked: blue');

trigger('a role for those who come from the application', logon => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF SYS_CONTEXT('USERENV', 'MODULE') = 'payroll' THEN
        DBMS_SESSION.SET_ROLE('clerk');
    END IF;
END;
EOF
	error => $no_role, write => <<'EOF',
CREATE FUNCTION logon_function RETURN event_trigger AUTHID CURRENT_USER IS
BEGIN
    IF pg_catalog.current_setting('application_name') = 'payroll' THEN
        SET ROLE clerk;
    END IF;
END;
CREATE EVENT TRIGGER logon_trigger AFTER LOGON ON DATABASE EXECUTE FUNCTION logon_function();
EOF
	connect => { application_name => 'payroll' }, ask => "SELECT current_user || ' ' || session_user", outcome => 'asked: clerk alice');

trigger('the name of the application', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON hr.SCHEMA
BEGIN
    DBMS_APPLICATION_INFO.SET_MODULE('HR', 'logon');
    DBMS_APPLICATION_INFO.SET_CLIENT_INFO('client of ' || USER);
END;
EOF
	write => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON hr.SCHEMA
BEGIN
    SET application_name = 'HR';
    PERFORM set_config('oracle_session.client_info', 'client of ' || ora_login_user, false);
END;
EOF
	connect => { user => 'hr' }, ask => "SELECT current_setting('application_name') || ', ' || current_setting('oracle_session.client_info')",
	outcome => 'asked: HR, client of hr');

trigger('a schema\'s own trigger', runs => <<'EOF', connect => { user => 'hr' }, outcome => 'Hr is here');
CREATE OR REPLACE EDITIONABLE TRIGGER hr.logon_trigger
AFTER LOGON ON hr.SCHEMA
DECLARE
    v_name VARCHAR2(30) := INITCAP(ora_login_user);
BEGIN
    INSERT INTO fired (line) VALUES (v_name || ' is here');
END;
EOF

trigger('a condition, and an audit that never keeps anybody out', runs => <<'EOF', outcome => 'alice 0');
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
WHEN (ora_login_user NOT IN ('hr', 'bob') AND ora_sysevent = 'LOGON')
DECLARE
    v_count INTEGER;
BEGIN
    SELECT COUNT(*) INTO v_count FROM fired;
    INSERT INTO fired (line) VALUES (ora_login_user || ' ' || v_count);
    BEGIN
        INSERT INTO fired (line) VALUES (1 / v_count);
    EXCEPTION
        WHEN OTHERS THEN
            NULL;
    END;
END;
EOF

trigger('the length of the session, at logoff', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logoff_trigger
BEFORE LOGOFF ON DATABASE
BEGIN
    UPDATE started
    SET minutes = ROUND((SYSDATE - since) * 24 * 60)
    WHERE name = ora_login_user;
    INSERT INTO fired (line)
    SELECT ora_sysevent || ' ' || ora_login_user || ' ' || minutes FROM started WHERE name = ora_login_user;
END;
EOF
	write => <<'EOF', outcome => 'LOGOFF alice 90');
CREATE OR REPLACE TRIGGER logoff_trigger
BEFORE LOGOFF ON DATABASE
DECLARE
    v_minutes INTEGER;
BEGIN
    UPDATE started
    SET minutes = ROUND(EXTRACT(EPOCH FROM LOCALTIMESTAMP - since) / 60)
    WHERE name = ora_login_user
    RETURNING minutes INTO v_minutes;
    INSERT INTO fired (line) VALUES (ora_sysevent || ' ' || ora_login_user || ' ' || v_minutes);
END;
EOF

trigger('a row for each logoff', runs => <<'EOF', outcome => 'LOGOFF alice');
CREATE OR REPLACE TRIGGER logoff_trigger
BEFORE LOGOFF ON DATABASE
BEGIN
    INSERT INTO fired (line) VALUES (ora_sysevent || ' ' || ora_login_user);
END;
EOF

trigger('values out of DUAL, with NVL and DECODE', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_address VARCHAR2(45);
    v_kind VARCHAR2(10);
BEGIN
    SELECT NVL(ora_client_ip_address, 'local'), DECODE(INSTR(ora_login_user, 'app_'), 1, 'program', 'person')
    INTO v_address, v_kind
    FROM DUAL;
    INSERT INTO fired (line) VALUES (v_address || ' ' || v_kind);
END;
EOF
	write => <<'EOF', outcome => 'local person');
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_address VARCHAR2(45) := COALESCE(ora_client_ip_address, 'local');
    v_kind VARCHAR2(10) := CASE WHEN ora_login_user LIKE 'app\_%' THEN 'program' ELSE 'person' END;
BEGIN
    INSERT INTO fired (line) VALUES (v_address || ' ' || v_kind);
END;
EOF

trigger('a record of those who are refused', create => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    PRAGMA AUTONOMOUS_TRANSACTION;
    v_locked NUMBER;
BEGIN
    SELECT COUNT(*) INTO v_locked FROM locked_out WHERE name = USER;
    IF v_locked > 0 THEN
        INSERT INTO fired (line) VALUES ('refused ' || USER);
        COMMIT;
        RAISE_APPLICATION_ERROR(-20004, 'You are locked out.');
    END IF;
END;
EOF
	error => '0A000 autonomous transactions are not supported', write => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF EXISTS (SELECT 1 FROM locked_out WHERE name = ora_login_user) THEN
        RAISE LOG 'refused %', ora_login_user;
        RAISE EXCEPTION 'You are locked out.';
    END IF;
END;
EOF
	outcome => 'refused: P0001 You are locked out.', log => qr/LOG:  refused alice/);

trigger('so many sessions for each user', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_sessions NUMBER;
BEGIN
    SELECT COUNT(*) INTO v_sessions FROM v$session WHERE username = USER;
    IF v_sessions > 0 THEN
        RAISE_APPLICATION_ERROR(-20005, 'too many sessions');
    END IF;
END;
EOF
	write => <<'EOF', outcome => 'refused: U0005 too many sessions');
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_sessions INTEGER;
BEGIN
    SELECT COUNT(*) INTO v_sessions FROM pg_stat_activity WHERE usename = ora_login_user;
    IF v_sessions > 0 THEN
        RAISE EXCEPTION 'too many sessions' USING ERRCODE = 'U0005';
    END IF;
END;
EOF

trigger('the latest logon of each user', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    MERGE INTO last_logons l
    USING (SELECT ora_login_user AS name FROM DUAL) s
    ON (l.name = s.name)
    WHEN MATCHED THEN UPDATE SET at = CURRENT_TIMESTAMP, times = times + 1
    WHEN NOT MATCHED THEN INSERT (name, at, times) VALUES (s.name, CURRENT_TIMESTAMP, 1);
END;
EOF
	write => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    MERGE INTO last_logons l
    USING (SELECT ora_login_user AS name) s
    ON (l.name = s.name)
    WHEN MATCHED THEN UPDATE SET at = CURRENT_TIMESTAMP, times = times + 1
    WHEN NOT MATCHED THEN INSERT (name, at, times) VALUES (s.name, CURRENT_TIMESTAMP, 1);
END;
EOF
	ask => "SELECT name || ' ' || times FROM last_logons", outcome => 'asked: alice 1');

trigger('the settings of each user, from a table', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    CURSOR c_settings IS SELECT setting, value FROM user_settings WHERE name = USER;
BEGIN
    FOR r IN c_settings LOOP
        EXECUTE IMMEDIATE 'ALTER SESSION SET ' || r.setting || ' = ' || r.value;
    END LOOP;
END;
EOF
	write => <<'EOF', ask => 'SHOW work_mem', outcome => 'asked: 5MB');
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    c_settings CURSOR IS SELECT setting, value FROM user_settings WHERE name = ora_login_user;
BEGIN
    FOR r IN c_settings LOOP
        PERFORM set_config(r.setting, r.value, false);
    END LOOP;
END;
EOF

trigger('a trace of one user', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF ora_login_user = 'alice' THEN
        EXECUTE IMMEDIATE 'ALTER SESSION SET EVENTS ''10046 trace name context forever, level 12''';
    END IF;
END;
EOF
	write => <<'EOF', ask => "SELECT 'measured'", outcome => 'asked: measured', log => qr/LOG:  duration: .* statement: SELECT 'measured'/);
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF ora_login_user = 'alice' THEN
        SET log_min_duration_statement = 0;
    END IF;
END;
EOF

trigger('a greeting', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    DBMS_OUTPUT.ENABLE;
    DBMS_OUTPUT.PUT_LINE('Welcome to ' || ora_database_name);
END;
EOF
	write => <<'EOF', outcome => 'NOTICE: Welcome to app', buffered => 1);
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    RAISE NOTICE 'Welcome to %', ora_database_name;
END;
EOF

trigger('maintenance: only administrators', translated => <<'EOF',
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF SYS_CONTEXT('USERENV', 'ISDBA') = 'FALSE' AND USER NOT IN ('SYS', 'SYSTEM') THEN
        RAISE_APPLICATION_ERROR(-20006, 'maintenance until ' || TO_CHAR(SYSDATE + 1/24, 'HH24:MI'));
    END IF;
END;
EOF
	write => <<'EOF', outcome => qr/^refused: U0006 maintenance until \d\d:\d\d$/);
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
BEGIN
    IF NOT pg_has_role(ora_login_user, 'clerk', 'MEMBER WITH ADMIN OPTION') THEN
        RAISE EXCEPTION 'maintenance until %', TO_CHAR(LOCALTIMESTAMP + interval '1 hour', 'HH24:MI') USING ERRCODE = 'U0006';
    END IF;
END;
EOF

trigger('failures of the audit, in a table of their own', runs => <<'EOF', outcome => 'logon of alice: division by zero');
CREATE OR REPLACE TRIGGER logon_trigger
AFTER LOGON ON DATABASE
DECLARE
    v_message VARCHAR2(200);
BEGIN
    INSERT INTO fired (id, line) VALUES (1 / (ora_instance_num - 1), 'never');
EXCEPTION
    WHEN OTHERS THEN
        v_message := SUBSTR(SQLERRM, 1, 200);
        INSERT INTO fired (line) VALUES ('logon of ' || ora_login_user || ': ' || v_message);
END;
EOF

### Running them

# Creates a cluster with what the triggers work on, and returns it and a session of
# the superuser "root". A failed logon is refused. The parameters are those of
# new_node().
sub new_oracle_node
{
	my ($name, %params) = @_;
	my $node = new_node($name, %params, conf => "session_triggers.logon_failure = reject\n");

	# For a session whose identity is known.
	my $hba = $node->data_dir . '/pg_hba.conf';
	my $rules = PostgreSQL::Test::Utils::slurp_file($hba);
	PostgreSQL::Test::Utils::append_to_file($node->data_dir . '/pg_ident.conf', 'any ' . (getpwuid($<))[0] . " peered\n");
	unlink $hba;
	PostgreSQL::Test::Utils::append_to_file($hba, "local all peered peer map=any\n$rules");
	$node->start;
	admin($node, 'postgres', 'CREATE DATABASE app');
	admin($node, 'app', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE hr LOGIN;
CREATE ROLE peered LOGIN;
CREATE ROLE clerk;
CREATE ROLE root LOGIN SUPERUSER;
GRANT clerk TO alice;
CREATE SCHEMA hr;
GRANT USAGE ON SCHEMA hr TO PUBLIC;
CREATE SEQUENCE hr.audit_seq;
CREATE SEQUENCE audit_seq;
CREATE TABLE fired (id serial, line text);
CREATE TABLE started (name text, since timestamp, minutes int);
CREATE TABLE last_logons (name text PRIMARY KEY, at timestamp, times int);
CREATE TABLE sessions_log (id int, name text, host text, module text, at timestamp);
CREATE TABLE office_hours AS SELECT 24 AS first_hour, 25 AS last_hour;
CREATE TABLE tenants AS SELECT text 'alice' AS name, text 'blue' AS tenant;
CREATE TABLE locked_out AS SELECT text 'alice' AS name;
CREATE TABLE user_settings AS SELECT text 'alice' AS name, text 'work_mem' AS setting, text '5MB' AS value;
GRANT SELECT ON last_logons, sessions_log TO PUBLIC;
CREATE PROCEDURE log_it IS BEGIN INSERT INTO fired (line) VALUES ('logged'); END;
CREATE PROCEDURE log_logon(name VARCHAR2) IS BEGIN INSERT INTO fired (line) VALUES ('logged ' || name); END;
CREATE FUNCTION note_logon(name VARCHAR2) RETURN void IS BEGIN INSERT INTO fired (line) VALUES ('noted ' || name); END;
EOF
	my $root = open_quiet_session($node);
	clean_up($root);
	return ($node, $root);
}

# Takes away what a case has made.
sub clean_up
{
	my ($root) = @_;
	$root->query($_)
	  for 'SET client_min_messages = warning', (map { "DROP EVENT TRIGGER IF EXISTS $_" } qw(logon_trigger logoff_trigger t u)),
	  'DROP FUNCTION IF EXISTS logon_function()', (map { "DELETE FROM $_" } qw(fired last_logons sessions_log started)),
	  "INSERT INTO started (name, since) VALUES ('alice', LOCALTIMESTAMP - interval '90 min')";
	return;
}

# What pgjdbc requires of settings that the server reports; otherwise it ends the
# connection. Sessions here have the encoding of their database, which is UTF8.
my %needed = (DateStyle => qr/^ISO\b/, client_encoding => qr/^UTF8$/);

# Creates the trigger of a text, has a session, and returns what comes of it, in lines:
#   create: SQLSTATE MESSAGE   if the text is refused; nothing else has happened then
#   refused: SQLSTATE MESSAGE  if the session is
#   NOTICE: MESSAGE
#   reported: NAME VALUE       if a driver could not go on with this value of a setting
#   asked: VALUE               of the case's query; a value of NULL is nothing
#   ...                        what the triggers have inserted
#   logoff: SQLSTATE MESSAGE   if that has failed
# Second result: what the session wrote to the server log.
sub outcome_of
{
	my ($node, $root, $case, $text) = @_;
	my ($error) = grep { $_->{type} eq 'E' } $root->query($text);
	return ("create: $error->{C} $error->{M}", '') if $error;

	my $position = log_position($node);
	my $client = connect_as($node, 'alice', %{ $case->{connect} // {} });
	my @messages = $client->messages;
	my @lines = map { $_->{type} eq 'E' ? "refused: $_->{C} $_->{M}" : "NOTICE: $_->{M}" } grep { $_->{type} =~ /[EN]/ } @messages;
	push @lines, map { "reported: $_->{name} $_->{value}" } grep { $_->{type} eq 'S' && $_->{value} !~ ($needed{ $_->{name} } // qr//) } @messages;
	my $pid = $client->pid;
	if ($messages[-1]{type} eq 'Z')
	{
		my $answer = $case->{ask} && $client->query($case->{ask});
		push @lines, "asked: $answer" if defined $answer;
		$client->quit;
	}
	push @lines, map { $_->{values}[0] // 'NULL' } grep { $_->{type} eq 'D' } $root->query('SELECT line FROM fired ORDER BY id');
	my @log = defined $pid ? log_lines($node, $position, $pid) : ();
	push @lines, map { /^(\w+)\|ERROR:  (.*?)(?: at character \d+)?$/ ? "logoff: $1 $2" : () } @log
	  unless grep { /^refused/ } @lines;
	return (join("\n", @lines), defined $pid ? join("\n", @log) : slurp_file($node->logfile, $position));
}

### docs/oracle.md

# Returns the text of the page.
sub page { return slurp_file(__FILE__ =~ s{[^/]*$}{../../docs/oracle.md}r); }

# Returns the rows of the table under a heading, each a list of its cells.
sub table_rows
{
	my ($heading) = @_;
	my ($section) = page() =~ /^## \Q$heading\E\n(.*?)(?=^###? |\z)/ms;
	my @rows = map { [ map { s/\\\|/|/gr } split / \| /, s/^\| | \|$//gr ] } grep { /^\| / } split /\n/, $section // '';
	# The first two are the head.
	return @rows[ 2 .. $#rows ];
}

# Returns the code in a cell that a text does not contain. An ellipsis in it stands
# for any text.
sub fragments_missing
{
	my ($cell, $text) = @_;
	my @missing;
	for my $fragment ($cell =~ /`([^`]+)`/g)
	{
		my $pattern = join '.*?', map { join '\s+', map { quotemeta } split /\s+/ } split /\s*…\s*/, $fragment, -1;
		push @missing, $fragment unless $text =~ /$pattern/s;
	}
	return @missing;
}

1;
