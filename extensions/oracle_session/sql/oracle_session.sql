-- Rule D12: the schemas are the extension's own, whatever others have prepared.
CREATE ROLE regress_trapper;
CREATE SCHEMA dbms_session AUTHORIZATION regress_trapper;
\set VERBOSITY terse
CREATE EXTENSION oracle_session; -- error
DROP SCHEMA dbms_session;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_trapper;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
-- Its script is read as it is written also where a backslash in a string would be an escape.
SET standard_conforming_strings = off;
CREATE EXTENSION oracle_session;
RESET standard_conforming_strings;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_trapper;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO PUBLIC;
SELECT s AS schema, has_schema_privilege('regress_trapper', s, 'USAGE') AS usage, has_schema_privilege('regress_trapper', s, 'CREATE') AS create
FROM unnest('{oracle_session, dbms_session, dbms_application_info}'::text[]) AS s;

-- What the extension consists of.
SELECT pg_describe_object(classid, objid, 0) COLLATE "C" AS object FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'oracle_session')
ORDER BY 1;
-- Who could not execute one, which has its owner's rights, and which leaves it to its caller what names mean.
SELECT p.oid::regprocedure AS routine, has_function_privilege('regress_trapper', p.oid, 'EXECUTE') AS everybody, prosecdef AS definer,
       proconfig AS config
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE nspname IN ('oracle_session', 'dbms_session', 'dbms_application_info')
  AND (NOT has_function_privilege('regress_trapper', p.oid, 'EXECUTE') OR prosecdef
       OR proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp'])
ORDER BY p.oid::regprocedure::text COLLATE "C";
DROP ROLE regress_trapper;

-- Rule D12: attributes of USERENV, in any spelling.
CREATE ROLE regress_clerk;
CREATE ROLE "Regress User" IN ROLE regress_clerk;
CREATE ROLE regress_other;
SET SESSION AUTHORIZATION "Regress User";
SELECT oracle_session.sys_context('USERENV', 'SESSION_USER') AS session_user, oracle_session.sys_context('userenv', 'Current_User') AS current_user,
    oracle_session.sys_context('USERENV', 'SESSION_USERID')::oid::regrole AS session_userid,
    oracle_session.sys_context('USERENV', 'CURRENT_USERID')::oid::regrole AS current_userid,
    oracle_session.sys_context('USERENV', 'PROXY_USER') = (SELECT rolname FROM pg_roles WHERE oid = 10) AS proxy_user,
    oracle_session.sys_context('USERENV', 'PROXY_USERID') AS proxy_userid, oracle_session.userenv('ISDBA') AS isdba;
SET ROLE regress_clerk;
-- Here pg_stat_activity hides when the session began.
SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid();
SELECT oracle_session.sys_context('USERENV', 'SESSION_USER') AS session_user, oracle_session.sys_context('USERENV', 'CURRENT_USER') AS current_user,
    oracle_session.sys_context('USERENV', 'SESSIONID')::numeric % 10000000 = pg_backend_pid() AS sessionid,
    dbms_session.unique_session_id() ~ ('^[0-9a-f]{8}[.]' || to_hex(pg_backend_pid()) || '$') AS unique_session_id;
SELECT dbms_session.is_session_alive(dbms_session.unique_session_id()); -- error
RESET ROLE;
RESET SESSION AUTHORIZATION;
SELECT oracle_session.sys_context('USERENV', 'PROXY_USER') AS proxy_user, oracle_session.userenv('isdba') AS isdba,
    oracle_session.sys_context('USERENV', 'DB_NAME') = current_database() AS db_name, oracle_session.sys_context('USERENV', 'SERVICE_NAME') = current_database() AS service_name,
    oracle_session.sys_context('USERENV', 'DB_UNIQUE_NAME') = current_database() AS db_unique_name,
    oracle_session.sys_context('USERENV', 'INSTANCE') AS instance, oracle_session.sys_context('USERENV', 'INSTANCE_NAME') AS instance_name,
    oracle_session.sys_context('USERENV', 'DATABASE_ROLE') AS database_role, oracle_session.sys_context('USERENV', 'SID')::int = pg_backend_pid() AS sid,
    oracle_session.sys_context('USERENV', 'SESSIONID')
        = (SELECT extract(epoch FROM date_trunc('second', backend_start))::bigint * 10000000 + pid FROM pg_stat_activity WHERE pid = pg_backend_pid())::text AS sessionid,
    dbms_session.is_session_alive(dbms_session.unique_session_id()) AS alive, dbms_session.is_session_alive('1.' || to_hex(pg_backend_pid())) AS other,
    dbms_session.is_session_alive('x') AS none;
-- What the client does not send is null.
SELECT name, oracle_session.sys_context('USERENV', name) AS value
FROM unnest('{IP_ADDRESS, HOST, TERMINAL, SERVER_HOST, CLIENT_INFO, CLIENT_IDENTIFIER, ACTION, ENTRYID, DBLINK_INFO}'::text[]) AS name;
SET application_name = 'regress';
SELECT oracle_session.sys_context('USERENV', 'MODULE') AS module, oracle_session.sys_context('USERENV', 'CLIENT_PROGRAM_NAME') AS program,
    oracle_session.sys_context('USERENV', 'NETWORK_PROTOCOL') AS protocol,
    replace(oracle_session.sys_context('USERENV', 'LANGUAGE'), current_setting('server_encoding'), 'encoding') AS language,
    oracle_session.sys_context('USERENV', 'LANG') AS lang;
SET search_path = information_schema;
SELECT oracle_session.sys_context('USERENV', 'CURRENT_SCHEMA') AS current_schema, oracle_session.userenv('current_schemaid')::oid::regnamespace AS id;
SET search_path = '';
SELECT oracle_session.sys_context('USERENV', 'CURRENT_SCHEMA') AS current_schema, oracle_session.userenv('current_schemaid') AS id;
RESET search_path;
SELECT oracle_session.sys_context('USERENV', 'NO_SUCH'); -- error
SELECT oracle_session.sys_context('USERENV', 'CURRENT_SQL'); -- error
SELECT oracle_session.sys_context('USERENV', NULL) IS NULL AS "null";

-- Rule D12: contexts of one's own.
SELECT oracle_session.sys_context('regress_app', 'tenant') IS NULL AS not_there, oracle_session.sys_context('a b', '') IS NULL AS no_name;
CALL dbms_session.set_context('Regress_App', 'Tenant', 'blue');
CALL dbms_session.set_context('regress_app', 'number', 42);
CALL dbms_session.set_context('regress_app', 'day', date '2026-01-31');
CALL dbms_session.set_context('regress_app', 'nothing', NULL);
CALL dbms_session.set_context('regress_other', 'tenant', 'green', NULL, NULL);
SELECT oracle_session.sys_context('REGRESS_APP', 'TENANT') AS tenant, current_setting('regress_app.tenant') AS setting,
    oracle_session.sys_context('regress_app', 'number') AS number, oracle_session.sys_context('regress_app', 'day') AS day,
    oracle_session.sys_context('regress_app', 'nothing') IS NULL AS nothing;
CALL dbms_session.clear_context('regress_app', attribute => 'TENANT');
CALL dbms_session.clear_context('regress_app', NULL, 'missing');
SELECT oracle_session.sys_context('regress_app', 'tenant') IS NULL AS cleared, current_setting('regress_app.missing', true) IS NULL AS not_made,
    oracle_session.sys_context('regress_app', 'number') AS number;
-- A list that somebody has changed makes nothing fail.
SELECT set_config('oracle_session.contexts', current_setting('oracle_session.contexts') || ',,regress_app.,regress_app.a b,regress_app', false) <> '' AS set;
CALL dbms_session.clear_all_context('REGRESS_APP');
SELECT oracle_session.sys_context('regress_app', 'number') IS NULL AND oracle_session.sys_context('regress_app', 'day') IS NULL AS cleared,
    oracle_session.sys_context('regress_other', 'tenant') AS other;
CALL dbms_session.clear_context('regress_other');
SELECT oracle_session.sys_context('regress_other', 'tenant') IS NULL AS cleared;
CALL dbms_session.set_context('USERENV', 'SESSION_USER', 'x'); -- error
CALL dbms_session.set_context('a b', 'c', 'x'); -- error
CALL dbms_session.set_context(NULL, 'c', 'x'); -- error
CALL dbms_session.set_context('regress_app', 'tenant', 'x', 'regress_other'); -- error
CALL dbms_session.clear_context('regress_app', '1'); -- error
-- Only who may set a setting sets it by a context.
SET ROLE regress_other;
CALL dbms_session.set_context('session_triggers', 'enabled', 'off'); -- error
CALL dbms_session.set_context('regress_app', 'tenant', 'red');
RESET ROLE;
-- A value is cut at a number of bytes, between characters.
SELECT set_config('regress_app.long', repeat('x', 5000), false) <> '' AS set;
SELECT length(oracle_session.sys_context('regress_app', 'long')) AS usual, length(oracle_session.sys_context('regress_app', 'long', 10)) AS ten,
    length(oracle_session.sys_context('regress_app', 'long', 4000)) AS most, length(oracle_session.sys_context('regress_app', 'long', 4001)) AS invalid,
    length(oracle_session.sys_context('regress_app', 'long', 0)) AS zero, length(oracle_session.sys_context('regress_app', 'long', 300.7)) AS fraction;
SELECT oracle_session.cut('abc', 2) AS two, oracle_session.cut('abc', 3) AS three, oracle_session.cut('abc', 0) AS none;

-- Rule D12: nobody's objects decide what the functions do, which policies may ask.
CREATE SCHEMA regress_hostile;
GRANT ALL ON SCHEMA regress_hostile TO regress_other;
SET ROLE regress_other;
SET search_path = regress_hostile, pg_temp, pg_catalog;
CREATE FUNCTION lie(text) RETURNS text LANGUAGE sql AS $$SELECT pg_catalog.upper('lie')$$;
CREATE FUNCTION lie(text, text) RETURNS text LANGUAGE sql AS $$SELECT pg_catalog.upper('lie')$$;
CREATE FUNCTION yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION yes(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION yes(numeric, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION no(int, numeric) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION yes(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = yes);
CREATE OPERATOR = (LEFTARG = int, RIGHTARG = int, FUNCTION = yes);
CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, FUNCTION = yes);
CREATE OPERATOR > (LEFTARG = int, RIGHTARG = numeric, FUNCTION = no);
CREATE OPERATOR > (LEFTARG = numeric, RIGHTARG = int, FUNCTION = yes);
CREATE OPERATOR < (LEFTARG = numeric, RIGHTARG = int, FUNCTION = yes);
CREATE OPERATOR || (LEFTARG = text, RIGHTARG = text, FUNCTION = lie);
CREATE FUNCTION upper(text) RETURNS text LANGUAGE sql AS $$SELECT 'LIE'$$;
CREATE FUNCTION current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$SELECT 'lie'$$;
CREATE FUNCTION octet_length(text) RETURNS int LANGUAGE sql AS 'SELECT 0';
CREATE FUNCTION set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$SELECT 'lie'$$;
CREATE FUNCTION pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION quote_literal(text) RETURNS text LANGUAGE sql AS $$SELECT 'lie'$$;
CREATE FUNCTION quote_ident(text) RETURNS text LANGUAGE sql AS $$SELECT 'lie'$$;
CREATE DOMAIN text AS pg_catalog.varchar CHECK (value IS NULL);
CREATE TEMP TABLE pg_roles (rolname name, oid oid, rolsuper boolean);
CREATE TEMP VIEW pg_stat_activity AS SELECT 1 AS pid, now() AS backend_start;
CALL dbms_session.set_context('regress_app', 'tenant', 'blue');
SELECT oracle_session.sys_context('regress_app', 'tenant') AS tenant, oracle_session.sys_context('regress_app', 'tenant', 2) AS cut,
    oracle_session.sys_context('USERENV', 'SESSION_USER') OPERATOR(pg_catalog.=) session_user AS session_user,
    oracle_session.sys_context('USERENV', 'ISDBA') AS isdba, oracle_session.sys_context('USERENV', 'CURRENT_SCHEMA') AS current_schema,
    dbms_session.is_role_enabled('regress_clerk') AS enabled, dbms_session.current_is_role_enabled('regress_other') AS own,
    oracle_session.statement('ALTER SESSION SET CURRENT_SCHEMA = hr') AS statement;
RESET search_path;
RESET ROLE;
-- Nor does what a function with the rights of somebody else is asked for by settings.
SET plpgsql.extra_errors = 'all';
SET plpgsql.check_asserts = on;
SET quote_all_identifiers = on;
SELECT oracle_session.sys_context('USERENV', 'SESSION_USER') = session_user AS session_user, oracle_session.statement('ALTER SESSION SET CURRENT_SCHEMA = hr') AS statement;
CALL dbms_session.clear_all_context('regress_app');
CALL dbms_session.set_context('regress_app', 'tenant', 1);
RESET plpgsql.extra_errors;
RESET plpgsql.check_asserts;
RESET quote_all_identifiers;
DROP SCHEMA regress_hostile CASCADE;
DROP OWNED BY regress_other;

-- Rule D12: DBMS_SESSION.
CALL dbms_session.set_identifier('me');
SELECT oracle_session.sys_context('USERENV', 'CLIENT_IDENTIFIER') AS identifier;
CALL dbms_session.set_identifier(17);
SELECT oracle_session.sys_context('USERENV', 'CLIENT_IDENTIFIER') AS identifier, current_setting('oracle_session.client_identifier') AS setting;
CALL dbms_session.set_identifier(repeat('x', 100));
SELECT length(oracle_session.sys_context('USERENV', 'CLIENT_IDENTIFIER')) AS length;
CALL dbms_session.clear_identifier();
SELECT oracle_session.sys_context('USERENV', 'CLIENT_IDENTIFIER') IS NULL AS cleared;
SET SESSION AUTHORIZATION "Regress User";
SELECT dbms_session.is_role_enabled('REGRESS_CLERK') AS clerk, dbms_session.is_role_enabled('"REGRESS_CLERK"') AS quoted,
    dbms_session.is_role_enabled('regress_other') AS other, dbms_session.is_role_enabled('no_such') AS none, dbms_session.is_role_enabled('a b') AS no_name;
CALL dbms_session.set_role('REGRESS_CLERK');
SELECT current_user, dbms_session.is_role_enabled('Regress_Clerk') AS clerk, dbms_session.is_role_enabled('"Regress User"') AS own;
CALL dbms_session.set_role('none');
SELECT current_user;
CALL dbms_session.set_role('"Regress User"');
CALL dbms_session.set_role('ALL');
CALL dbms_session.set_role('regress_other'); -- error
CALL dbms_session.set_role('regress_clerk, regress_other'); -- error
CALL dbms_session.set_role('regress_clerk IDENTIFIED BY secret'); -- error
RESET SESSION AUTHORIZATION;
-- In a function with its owner's rights the session's count, and SET ROLE is refused.
CREATE FUNCTION regress_definer(OUT session boolean, OUT current boolean) LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    session := dbms_session.session_is_role_enabled('regress_other');
    current := dbms_session.current_is_role_enabled('regress_other');
END
$$;
CREATE FUNCTION regress_set_role() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CALL dbms_session.set_role('regress_clerk');
END
$$;
SET SESSION AUTHORIZATION "Regress User";
SELECT * FROM regress_definer();
SELECT regress_set_role(); -- error
RESET SESSION AUTHORIZATION;
DROP FUNCTION regress_definer(), regress_set_role();
SELECT clock_timestamp() AS before \gset
CALL dbms_session.sleep(0.02);
SELECT clock_timestamp() >= :'before'::timestamptz + interval '0.02 s' AS waited;
CALL dbms_session.set_nls('NLS_DATE_FORMAT', '''DD.MM.YYYY''');
SELECT date '31.01.2026' AS day;
CALL dbms_session.set_nls('NLS_DATE_FORMAT', 'DD.MM.YYYY');
CALL dbms_session.set_nls('nls_sort', 'BINARY_CI'); -- error
CALL dbms_session.set_nls('work_mem', '5MB'); -- error
CALL dbms_session.set_nls('NLS_CALENDAR', 'GREGORIAN work_mem = 5MB x'); -- error
RESET DateStyle;
CALL dbms_session.set_sql_trace(true);
SHOW log_statement;
CALL dbms_session.set_sql_trace(false);
CALL dbms_session.reset_package();

-- Rule D12: DBMS_APPLICATION_INFO.
CALL dbms_application_info.set_module('payroll', 'start');
SHOW application_name;
CALL dbms_application_info.read_module(NULL, NULL);
CALL dbms_application_info.set_action(NULL);
CALL dbms_application_info.set_client_info('client');
DO $$
DECLARE
    m varchar(10);
    a varchar(10);
    c varchar(10);
    m_text text;
    a_text text;
    c_text text;
BEGIN
    CALL dbms_application_info.read_module(m, a);
    CALL dbms_application_info.read_client_info(c);
    CALL dbms_application_info.read_module(m_text, a_text);
    CALL dbms_application_info.read_client_info(c_text);
    RAISE NOTICE '% % %, % % %', m, a, c, m_text, a_text, c_text;
END
$$;
CALL dbms_application_info.set_client_info(17);
CALL dbms_application_info.read_client_info(NULL);
RESET application_name;

-- Rule D12: statements of EXECUTE IMMEDIATE.
CREATE FUNCTION regress_statement(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN oracle_session.statement(statement);
EXCEPTION
    WHEN OTHERS THEN
        RETURN sqlstate || ' ' || sqlerrm;
END
$$;
CREATE TABLE regress_statements (statement text);
INSERT INTO regress_statements VALUES
    ('SELECT 1'),
    ('INSERT INTO t VALUES (:1, :b, :b, :"d")'),
    ('SELECT '':a'', ":b", c::int, /* :d */ :e -- :f'),
    ('SELECT a LIKE:b, x:c'),
    ('SELECT f(a := 1, b => :c), d[1:e], :f'),
    ('SELECT E''\'':a'', ''\'', :b, E''a''''\'':c'', U&''\0041:d'', ''it''''s :e'', :f'),
    ('SELECT $a$ :b $$ $a$, $$ :c $$, d$e$:f, $g$ :h$g$, :i'),
    ('SELECT $open$ :a $$'),
    ('SELECT $1, :a'),
    ('SELECT /* /* :a */ :b */ :c, /**/:d/***/'),
    (E'SELECT -- it''s\n:a'),
    ('BEGIN p(:1); END;'),
    ('DECLARE n int; BEGIN n := 1; END'),
    ('DECLARE c CURSOR FOR SELECT :a'),
    ('ALTER SESSIONS :a'),
    ('ALTER SESSION SET CURRENT_SCHEMA = HR'),
    (' alter  session set current_schema="Hr"'),
    ('ALTER SESSION SET CURRENT_SCHEMA = "a""; DROP TABLE t; --"'),
    ('ALTER SESSION SET CURRENT_SCHEMA = hr; DROP TABLE t'),
    ('ALTER SESSION SET CURRENT_SCHEMA = hr, public'),
    ('ALTER SESSION SET CURRENT_SCHEMA = ''hr'''),
    ('ALTER SESSION SET CURRENT_SCHEMA = '),
    ('ALTER SESSION SET TIME_ZONE = ''+09:00'''),
    ('ALTER SESSION SET TIME_ZONE = ''Asia/Tokyo'''),
    ('ALTER SESSION SET TIME_ZONE = LOCAL'),
    ('ALTER SESSION SET TIME_ZONE = DBTIMEZONE'),
    ('ALTER SESSION SET TIME_ZONE = ''a; b'''),
    ('ALTER SESSION SET TIME_ZONE = UTC'),
    ('ALTER SESSION SET NLS_DATE_FORMAT = ''DD-MON-RR HH24:MI:SS'''),
    ('ALTER SESSION SET NLS_DATE_FORMAT = ''Month DD, YYYY AM'''),
    ('ALTER SESSION SET NLS_TIMESTAMP_FORMAT = ''YYYY-MM-DD"T"HH24:MI:SS.FF'''),
    ('ALTER SESSION SET NLS_DATE_FORMAT = ''YYYY-DD-MM'''),
    ('ALTER SESSION SET NLS_DATE_FORMAT = ''HH24:MI'''),
    ('ALTER SESSION SET NLS_NUMERIC_CHARACTERS = ''.,'''),
    ('ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '',.'''),
    ('ALTER SESSION SET NLS_LENGTH_SEMANTICS = CHAR'),
    ('ALTER SESSION SET NLS_LENGTH_SEMANTICS = BYTE'),
    ('ALTER SESSION SET NLS_CALENDAR = ''Gregorian'''),
    ('ALTER SESSION SET NLS_TERRITORY = AMERICA'),
    ('ALTER SESSION SET NLS_SORT = BINARY'),
    ('ALTER SESSION SET SQL_TRACE = TRUE'),
    ('ALTER SESSION SET SQL_TRACE = maybe'),
    ('ALTER SESSION SET EVENTS ''10046 trace name context forever, level 12'''),
    ('ALTER SESSION SET EVENTS = ''10046 trace name context off'''),
    ('ALTER SESSION SET ISOLATION_LEVEL = SERIALIZABLE'),
    ('ALTER SESSION SET ISOLATION_LEVEL = READ COMMITTED'),
    ('ALTER SESSION SET TIME_ZONE = ''UTC'' NLS_LENGTH_SEMANTICS = CHAR NLS_DATE_FORMAT = ''DD.MM.YYYY'' CURRENT_SCHEMA = hr'),
    ('ALTER SESSION SET CURRENT_SCHEMA = hr session_triggers.enabled = off'),
    ('ALTER SESSION SET work_mem = 5MB session_triggers.enabled = off'),
    ('ALTER SESSION SET TIME_ZONE = ''UTC'' EVENTS ''10046 trace name context off'''),
    ('ALTER SESSION SET NLS_CALENDAR = GREGORIAN ISOLATION_LEVEL = SERIALIZABLE'),
    ('ALTER SESSION SET work_mem = ''it''''s; DROP TABLE t'''),
    ('ALTER SESSION SET work_mem = ''\''; DROP TABLE t; --'''),
    ('ALTER SESSION SET OPTIMIZER_MODE = ALL_ROWS'),
    ('ALTER SESSION SET work_mem TO 5MB'),
    ('ALTER SESSION ENABLE PARALLEL DML');
\pset format unaligned
SELECT statement, regress_statement(statement) FROM regress_statements;
\pset format aligned
-- Where a backslash in a string is an escape.
SET standard_conforming_strings = off;
SELECT regress_statement($$SELECT '\':a', :b$$);
SELECT regress_statement($$ALTER SESSION SET work_mem = 'a\'' TIME_ZONE = 'UTC'$$);
RESET standard_conforming_strings;
-- They can be executed, also those that do nothing.
DO $$
BEGIN
    EXECUTE oracle_session.statement('ALTER SESSION SET NLS_CALENDAR = GREGORIAN');
    EXECUTE oracle_session.statement('ALTER SESSION SET TIME_ZONE = ''+09:00'' CURRENT_SCHEMA = HR');
    EXECUTE oracle_session.statement('ALTER SESSION SET work_mem = 5MB');
    EXECUTE oracle_session.statement('SET LOCAL regress_app.tenant = grey');
END
$$;
SELECT extract(timezone FROM now()) / 3600 AS timezone, current_setting('work_mem') AS work_mem, current_setting('search_path') AS search_path;
RESET TimeZone;
RESET work_mem;
RESET search_path;
DO $$
DECLARE
    n int;
BEGIN
    EXECUTE oracle_session.statement('SELECT :a - :b') INTO n USING 3, 1;
    RAISE NOTICE '%', n;
END
$$;

DROP TABLE regress_statements;
DROP FUNCTION regress_statement(text);
DROP EXTENSION oracle_session;
SELECT nspname FROM pg_namespace WHERE nspname IN ('oracle_session', 'dbms_session', 'dbms_application_info');
DROP ROLE regress_clerk, "Regress User", regress_other;
