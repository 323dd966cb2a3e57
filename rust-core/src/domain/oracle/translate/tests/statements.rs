//! Statements and expressions, and their translations. What stands between `‹` and `›` is
//! replaced by the text of that name.

/// Blocks of triggers, and their translations.
pub const STATEMENTS: &[(&str, &str)] = &[
    (
        r#"DECLARE p sys.v_$session.program%TYPE; n v$session.sid%TYPE; BEGIN log_it; END"#,
        r#"DECLARE p text; n bigint; BEGIN CALL log_it(); END"#,
    ),
    // Names are in small letters here, and in capitals in Oracle's dictionary.
    (
        r#"BEGIN IF USER = 'ALICE' OR USER NOT IN ('BOB', 'EVE') OR 'BOB' <> ora_login_user THEN log_it; END IF; END"#,
        r#"BEGIN IF UPPER(ora_login_user) = 'ALICE' OR UPPER(ora_login_user) NOT IN ('BOB', 'EVE') OR 'BOB' <> UPPER(ora_login_user) THEN CALL log_it(); END IF; END"#,
    ),
    (
        r#"BEGIN IF USER = 'Alice' OR USER IN ('BOB', 'eve') OR USER = 'A' || x OR USER IN (SELECT 'A') THEN log_it; END IF; END"#,
        r#"BEGIN IF ora_login_user = 'Alice' OR ora_login_user IN ('BOB', 'eve') OR ora_login_user = 'A' || x OR ora_login_user IN (SELECT 'A') THEN CALL log_it(); END IF; END"#,
    ),
    (
        r#"BEGIN IF SYS_CONTEXT('USERENV', 'SESSION_USER') != 'ALICE' THEN v := SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'); END IF; END"#,
        r#"BEGIN IF UPPER(ora_login_user) != 'ALICE' THEN v := current_schema; END IF; END"#,
    ),
    (
        r#"BEGIN log_logon('x'); note_logon('x'); log_it; hr.log_it(); sys.dbms_output.put_line('x'); END"#,
        r#"BEGIN CALL log_logon('x'); PERFORM note_logon('x'); CALL log_it(); CALL hr.log_it(); RAISE NOTICE '%', 'x'; END"#,
    ),
    (
        r#"BEGIN log_logon(NVL(a, 'x')); END"#,
        r#"BEGIN CALL log_logon(COALESCE(a, 'x')); END"#,
    ),
    (
        r#"BEGIN x := NVL(a, 1); y.z := SYSDATE; END"#,
        r#"BEGIN x := COALESCE(a, 1); y.z := LOCALTIMESTAMP(0); END"#,
    ),
    (
        r#"BEGIN IF NVL(a, 1) = 1 THEN NULL; ELSIF b ^= 2 THEN RETURN; END IF; END"#,
        r#"BEGIN IF COALESCE(a, 1) = 1 THEN NULL; ELSIF b <> 2 THEN RETURN; END IF; END"#,
    ),
    (
        r#"BEGIN CASE NVL(a, 1) WHEN 1 THEN log_it; ELSE NULL; END CASE; END"#,
        r#"BEGIN CASE COALESCE(a, 1) WHEN 1 THEN CALL log_it(); ELSE NULL; END CASE; END"#,
    ),
    (
        r#"BEGIN WHILE NVL(a, 1) < 3 LOOP EXIT WHEN SYSDATE > b; CONTINUE WHEN SYSDATE > c; END LOOP; END"#,
        r#"BEGIN WHILE COALESCE(a, 1) < 3 LOOP EXIT WHEN LOCALTIMESTAMP(0) > b; CONTINUE WHEN LOCALTIMESTAMP(0) > c; END LOOP; END"#,
    ),
    (
        r#"BEGIN <<l>> LOOP log_it; EXIT l; END LOOP l; END"#,
        r#"BEGIN <<l>> LOOP CALL log_it(); EXIT l; END LOOP l; END"#,
    ),
    (
        r#"BEGIN IF a THEN log_it; END IF; END"#,
        r#"BEGIN IF a THEN CALL log_it(); END IF; END"#,
    ),
    (
        r#"DECLARE x PLS_INTEGER; BEGIN DECLARE y NUMBER(3); BEGIN y := x; END; END"#,
        r#"DECLARE x integer; BEGIN DECLARE y numeric(3); BEGIN y := x; END; END"#,
    ),
    (
        r#"DECLARE CURSOR c IS SELECT 1 FROM DUAL; BEGIN OPEN c; CLOSE c; END"#,
        r#"DECLARE c CURSOR IS SELECT 1; BEGIN OPEN c; CLOSE c; END"#,
    ),
    (
        r#"DECLARE CURSOR c (a IN NUMBER, b VARCHAR2) RETURN t%ROWTYPE IS SELECT NVL(a, 1), b FROM t; r c%ROWTYPE; BEGIN NULL; END"#,
        r#"DECLARE c CURSOR (a numeric, b varchar) IS SELECT COALESCE(a, 1), b FROM t; r record; BEGIN NULL; END"#,
    ),
    (
        r#"DECLARE TYPE rc IS REF CURSOR; c rc; d SYS_REFCURSOR; BEGIN OPEN c FOR 'SELECT :1' USING 1; OPEN d FOR SELECT 1 FROM DUAL; OPEN d FOR v_sql; END"#,
        r#"DECLARE c refcursor; d refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT $1' USING 1; OPEN d FOR SELECT 1; OPEN d FOR EXECUTE v_sql; END"#,
    ),
    (
        r#"DECLARE SUBTYPE amount IS NUMBER(10,2); a amount := 1; BEGIN NULL; END"#,
        r#"DECLARE a numeric(10,2) := 1; BEGIN NULL; END"#,
    ),
    (
        r#"DECLARE e EXCEPTION; f EXCEPTION; PRAGMA EXCEPTION_INIT(f, -20001); BEGIN RAISE e; EXCEPTION WHEN e OR f THEN RAISE; WHEN OTHERS THEN NULL; END"#,
        r#"DECLARE BEGIN RAISE EXCEPTION 'user-defined exception "e"' USING ERRCODE = 'UE001'; EXCEPTION WHEN SQLSTATE 'UE001' OR SQLSTATE 'U0001' THEN RAISE; WHEN OTHERS THEN NULL; END"#,
    ),
    (
        r#"DECLARE locked EXCEPTION; PRAGMA EXCEPTION_INIT(locked, -54); BEGIN RAISE locked; EXCEPTION WHEN locked THEN NULL; END"#,
        r#"DECLARE BEGIN RAISE EXCEPTION 'user-defined exception "locked"' USING ERRCODE = 'lock_not_available'; EXCEPTION WHEN lock_not_available THEN NULL; END"#,
    ),
    (
        r#"BEGIN NULL; EXCEPTION WHEN DUP_VAL_ON_INDEX OR NO_DATA_FOUND THEN NULL; WHEN INVALID_NUMBER OR zero_divide THEN NULL; END"#,
        r#"BEGIN NULL; EXCEPTION WHEN unique_violation OR NO_DATA_FOUND THEN NULL; WHEN invalid_text_representation OR invalid_datetime_format OR division_by_zero THEN NULL; END"#,
    ),
    (
        r#"BEGIN RAISE ZERO_DIVIDE; END"#,
        r#"BEGIN RAISE division_by_zero; END"#,
    ),
    (
        r#"BEGIN RAISE_APPLICATION_ERROR(-20999, 'x' || y); END"#,
        r#"BEGIN RAISE EXCEPTION '%', 'x' || y USING ERRCODE = 'U0999'; END"#,
    ),
    (
        r#"BEGIN RAISE_APPLICATION_ERROR(v_number, v_message, TRUE); END"#,
        r#"BEGIN RAISE EXCEPTION '%', v_message USING ERRCODE = 'U' || LPAD((-20000 - (v_number))::text, 4, '0'); END"#,
    ),
    (r#"BEGIN x := SQLCODE; END"#, r#"BEGIN x := 0; END"#),
    (
        r#"BEGIN NULL; EXCEPTION WHEN OTHERS THEN IF SQLCODE = -1 THEN NULL; END IF; END"#,
        r#"BEGIN NULL; EXCEPTION WHEN OTHERS THEN IF ‹SQLCODE› = -1 THEN NULL; END IF; END"#,
    ),
    (
        r#"BEGIN NULL; EXCEPTION WHEN OTHERS THEN x := DBMS_UTILITY.FORMAT_ERROR_STACK || DBMS_UTILITY.FORMAT_ERROR_BACKTRACE; y := dbms_utility.format_error_backtrace(); END"#,
        r#"DECLARE error_backtrace text; BEGIN NULL; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS error_backtrace = PG_EXCEPTION_CONTEXT; x := SQLERRM || error_backtrace; y := error_backtrace; END"#,
    ),
    (
        r#"BEGIN SELECT 1 INTO v FROM DUAL; SELECT a INTO STRICT b FROM t; END"#,
        r#"BEGIN SELECT 1 INTO STRICT v; SELECT a INTO STRICT b FROM t; END"#,
    ),
    (
        r#"BEGIN WITH q AS (SELECT 1 AS x) SELECT x INTO v FROM q, dual; END"#,
        r#"BEGIN WITH q AS (SELECT 1 AS x) SELECT x INTO STRICT v FROM q, (SELECT 'X'::text AS dummy) AS dual; END"#,
    ),
    (
        r#"BEGIN UPDATE t SET a = 1 RETURNING NVL(a, 2) INTO v; INSERT INTO t SELECT 1 FROM dual; END"#,
        r#"BEGIN UPDATE t SET a = 1 RETURNING COALESCE(a, 2) INTO v; INSERT INTO t SELECT 1; END"#,
    ),
    (
        r#"BEGIN SELECT d.dummy INTO v FROM dual d; SELECT * INTO r FROM dual; SELECT dummy INTO v FROM sys.dual; END"#,
        r#"BEGIN SELECT d.dummy INTO STRICT v FROM (SELECT 'X'::text AS dummy) d; SELECT * INTO STRICT r FROM (SELECT 'X'::text AS dummy) AS dual; SELECT dummy INTO STRICT v FROM (SELECT 'X'::text AS dummy) AS dual; END"#,
    ),
    (
        r#"BEGIN SELECT 1 INTO v FROM a JOIN dual ON true; END"#,
        r#"BEGIN SELECT 1 INTO STRICT v FROM a JOIN (SELECT 'X'::text AS dummy) AS dual ON true; END"#,
    ),
    (
        r#"BEGIN SELECT a INTO v FROM t WHERE ROWNUM = 1; SELECT a INTO v FROM t WHERE b = 1 AND ROWNUM <= v_n; SELECT a INTO v FROM t WHERE rownum < 3 AND b = 1; END"#,
        r#"BEGIN SELECT a INTO STRICT v FROM t LIMIT 1; SELECT a INTO STRICT v FROM t WHERE b = 1 LIMIT v_n; SELECT a INTO STRICT v FROM t WHERE b = 1 LIMIT 3 - 1; END"#,
    ),
    (
        r#"BEGIN IF EXISTS (SELECT 1 FROM t WHERE (a OR b) AND ROWNUM = 1) THEN NULL; END IF; END"#,
        r#"BEGIN IF EXISTS (SELECT 1 FROM t WHERE (a OR b) LIMIT 1) THEN NULL; END IF; END"#,
    ),
    (
        r#"BEGIN SELECT a INTO v FROM t MINUS SELECT b FROM u; SELECT a INTO v FROM t minus (SELECT b FROM u); END"#,
        r#"BEGIN SELECT a INTO STRICT v FROM t EXCEPT SELECT b FROM u; SELECT a INTO STRICT v FROM t EXCEPT (SELECT b FROM u); END"#,
    ),
    (
        r#"BEGIN x := DECODE(a, 1, 'one', 2, 'two'); x := DECODE(a, b, c, d); x := DECODE(a || 'x', NULL, 1, -1, 2, 3); END"#,
        r#"BEGIN x := CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' END; x := CASE WHEN a IS NOT DISTINCT FROM b THEN c ELSE d END; x := CASE WHEN a || 'x' IS NULL THEN 1 WHEN a || 'x' IS NOT DISTINCT FROM -1 THEN 2 ELSE 3 END; END"#,
    ),
    (
        r#"BEGIN x := NVL2(a, b, c) || NVL2(NVL2(a, b, c), d, e); END"#,
        r#"BEGIN x := CASE WHEN (a) IS NOT NULL THEN b ELSE c END || CASE WHEN (CASE WHEN (a) IS NOT NULL THEN b ELSE c END) IS NOT NULL THEN d ELSE e END; END"#,
    ),
    (
        r#"BEGIN x := INSTR(a, 'b'); x := INSTR(a, 'b', 1, 1); END"#,
        r#"BEGIN x := STRPOS(a, 'b'); x := STRPOS(a, 'b'); END"#,
    ),
    (
        r#"BEGIN x := TO_NUMBER(a) + TO_NUMBER(b, '999'); y := TO_CHAR(x); END"#,
        r#"BEGIN x := CAST(a AS numeric) + TO_NUMBER(b, '999'); y := CAST(x AS text); END"#,
    ),
    (
        r#"BEGIN x := SYSDATE; y := SYSTIMESTAMP; z := TRUNC(SYSDATE); z := TRUNC(SYSDATE, 'MONTH'); z := TRUNC(1.5); END"#,
        r#"BEGIN x := LOCALTIMESTAMP(0); y := CURRENT_TIMESTAMP; z := date_trunc('day', LOCALTIMESTAMP); z := date_trunc('month', LOCALTIMESTAMP); z := TRUNC(1.5); END"#,
    ),
    (
        r#"BEGIN x := SYSDATE + 1; x := SYSDATE - 1/24; x := SYSDATE - (2 * 7); x := TRUNC(SYSDATE) + 8/24; x := SYSDATE + v_days; x := SYSDATE - v_days * 2; END"#,
        r#"BEGIN x := LOCALTIMESTAMP(0) + 1 * interval '1 day'; x := LOCALTIMESTAMP(0) - 1.0 * interval '1 day'/24; x := LOCALTIMESTAMP(0) - (2 * 7) * interval '1 day'; x := date_trunc('day', LOCALTIMESTAMP) + 8.0 * interval '1 day'/24; x := LOCALTIMESTAMP(0) + v_days * interval '1 day'; x := LOCALTIMESTAMP(0) - v_days * interval '1 day' * 2; END"#,
    ),
    (
        r#"DECLARE n NUMBER; d DATE; BEGIN n := SYSDATE - d; d := SYSDATE - n; d := SYSDATE - n / 24; END"#,
        r#"DECLARE n numeric; d DATE; BEGIN n := (EXTRACT(EPOCH FROM LOCALTIMESTAMP(0) - d) / 86400); d := LOCALTIMESTAMP(0) - n * interval '1 day'; d := LOCALTIMESTAMP(0) - n * interval '1 day' / 24; END"#,
    ),
    (
        r#"BEGIN x := (SYSDATE - since) * 24; IF SYSDATE - since > 30 THEN NULL; END IF; x := until - SYSDATE; x := SYSDATE - interval '1 day'; END"#,
        r#"BEGIN x := ((EXTRACT(EPOCH FROM LOCALTIMESTAMP(0) - since) / 86400)) * 24; IF (EXTRACT(EPOCH FROM LOCALTIMESTAMP(0) - since) / 86400) > 30 THEN NULL; END IF; x := (EXTRACT(EPOCH FROM until - LOCALTIMESTAMP(0)) / 86400); x := LOCALTIMESTAMP(0) - interval '1 day'; END"#,
    ),
    (
        r#"BEGIN x := hr.audit_seq.NEXTVAL; y := audit_seq.currval; END"#,
        r#"BEGIN x := nextval('hr.audit_seq'); y := currval('audit_seq'); END"#,
    ),
    (
        r#"BEGIN SELECT s.nextval INTO v FROM t s; INSERT INTO t VALUES (later_seq.nextval); END"#,
        r#"BEGIN SELECT s.nextval INTO STRICT v FROM t s; INSERT INTO t VALUES (nextval('later_seq')); END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'INSERT INTO t VALUES (:1, '':2'', :x::text, "a:b") -- :c' USING a, IN b; END"#,
        r#"BEGIN EXECUTE 'INSERT INTO t VALUES ($1, '':2'', $2::text, "a:b") -- :c' USING a, b; END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'SELECT a FROM ' || t || ' WHERE b = :1 AND c = ''' || d || ''' AND e = :2' INTO v USING x, y; END"#,
        r#"BEGIN EXECUTE 'SELECT a FROM ' || t || ' WHERE b = $1 AND c = ''' || d || ''' AND e = $2' INTO STRICT v USING x, y; END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE v_sql; EXECUTE IMMEDIATE v_sql INTO a, b; EXECUTE v_sql; EXECUTE IMMEDIATE ('x' || y); END"#,
        r#"BEGIN EXECUTE v_sql; EXECUTE v_sql INTO STRICT a, b; EXECUTE v_sql; EXECUTE ('x' || y); END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE q'[INSERT INTO t VALUES ('it', :1)]' USING x; END"#,
        r#"BEGIN EXECUTE 'INSERT INTO t VALUES (''it'', $1)' USING x; END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr'; EXECUTE IMMEDIATE 'alter session set current_schema="Hr"'; EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = ' || v; END"#,
        r#"BEGIN SET search_path = hr; SET search_path = "Hr"; PERFORM set_config('search_path', v, false); END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = ''Asia/Tokyo'''; EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = ''-05:00'''; EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = LOCAL'; END"#,
        r#"BEGIN SET TimeZone = 'Asia/Tokyo'; SET TIME ZONE INTERVAL '-05:00' HOUR TO MINUTE; SET TimeZone = DEFAULT; END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET NLS_DATE_FORMAT = ''DD-MON-RRRR'' NLS_LANGUAGE = ''AMERICAN'''; EXECUTE IMMEDIATE 'ALTER SESSION SET OPTIMIZER_MODE = FIRST_ROWS'; EXECUTE IMMEDIATE 'ALTER SESSION ENABLE PARALLEL DML'; END"#,
        r#"BEGIN SET DateStyle = 'ISO, DMY'; NULL; NULL; NULL; END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET SQL_TRACE = TRUE'; EXECUTE IMMEDIATE 'ALTER SESSION SET EVENTS ''10046 trace name context off'''; EXECUTE IMMEDIATE 'ALTER SESSION SET ISOLATION_LEVEL = READ COMMITTED'; END"#,
        r#"BEGIN SET log_statement = 'all'; SET log_min_duration_statement = DEFAULT; SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL read committed; END"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET ' || a || ' = ''' || b || ''''; END"#,
        r#"BEGIN PERFORM set_config( a , b, false); END"#,
    ),
    (
        r#"BEGIN DBMS_OUTPUT.PUT_LINE('100% ' || a); DBMS_OUTPUT.ENABLE(1000); DBMS_SESSION.SET_IDENTIFIER(a); DBMS_SESSION.CLEAR_IDENTIFIER; DBMS_SESSION.SET_CONTEXT('App', 'Tenant', a); DBMS_SESSION.SET_NLS('NLS_DATE_FORMAT', '''DD.MM.YYYY'''); DBMS_SESSION.SET_ROLE('clerk'); END"#,
        r#"BEGIN RAISE NOTICE '%', '100% ' || a; NULL; PERFORM set_config('oracle_session.client_identifier', a, false); PERFORM set_config('oracle_session.client_identifier', '', false); PERFORM set_config('app.tenant', a, false); SET DateStyle = 'ISO, DMY'; SET ROLE clerk; END"#,
    ),
    (
        r#"BEGIN DBMS_APPLICATION_INFO.SET_MODULE(a, b); DBMS_APPLICATION_INFO.SET_ACTION(a); DBMS_APPLICATION_INFO.SET_CLIENT_INFO(a); DBMS_SESSION.SLEEP(1); DBMS_LOCK.SLEEP(2); END"#,
        r#"BEGIN PERFORM set_config('application_name', a, false), set_config('oracle_session.action', b, false); PERFORM set_config('oracle_session.action', a, false); PERFORM set_config('oracle_session.client_info', a, false); PERFORM pg_sleep(1); PERFORM pg_sleep(2); END"#,
    ),
    (
        r#"BEGIN x := SYS_CONTEXT('USERENV', 'SESSION_USER') || SYS_CONTEXT('userenv', 'ip_address') || SYS_CONTEXT('App', 'tenant') || USERENV('INSTANCE') || SYS.SYS_CONTEXT('USERENV', 'SID'); END"#,
        r#"BEGIN x := ora_login_user || ora_client_ip_address || NULLIF(current_setting('app.tenant', true), '') || ora_instance_num || pg_backend_pid(); END"#,
    ),
    (
        r#"BEGIN IF DBMS_SESSION.IS_ROLE_ENABLED('CLERK') OR DBMS_SESSION.IS_ROLE_ENABLED(a) THEN NULL; END IF; END"#,
        r#"BEGIN IF pg_has_role(ora_login_user, 'clerk', 'MEMBER') OR pg_has_role(ora_login_user, a, 'MEMBER') THEN NULL; END IF; END"#,
    ),
    (
        r#"BEGIN x := sys.login_user || SYS.DATABASE_NAME; IF USER = 'x' THEN y := SYSDATE; END IF; SELECT 1 AS user INTO v FROM t; END"#,
        r#"BEGIN x := ora_login_user || ora_database_name; IF ora_login_user = 'x' THEN y := LOCALTIMESTAMP(0); END IF; SELECT 1 AS user INTO STRICT v FROM t; END"#,
    ),
    (
        r#"BEGIN UPDATE t SET a = 1; x := SQL%ROWCOUNT; IF SQL%FOUND OR SQL%NOTFOUND OR SQL%ISOPEN THEN NULL; END IF; END"#,
        r#"DECLARE sql_rowcount bigint; BEGIN UPDATE t SET a = 1; GET DIAGNOSTICS sql_rowcount = ROW_COUNT; x := sql_rowcount; IF (sql_rowcount > 0) OR (sql_rowcount = 0) OR FALSE THEN NULL; END IF; END"#,
    ),
    (
        r#"DECLARE c CURSOR IS SELECT 1; BEGIN OPEN c; FETCH c INTO v; IF c%NOTFOUND THEN NULL; END IF; log_it; EXIT WHEN c%FOUND; IF c%ISOPEN THEN CLOSE c; END IF; END"#,
        r#"DECLARE c CURSOR IS SELECT 1; c_found boolean; BEGIN OPEN c; FETCH c INTO v; c_found := FOUND; IF NOT FOUND THEN NULL; END IF; CALL log_it(); EXIT WHEN c_found; IF EXISTS (SELECT FROM pg_cursors WHERE name = c::text) THEN CLOSE c; END IF; END"#,
    ),
    (
        r#"BEGIN FOR r IN (SELECT 1 AS a) LOOP FOR s IN (SELECT r.a) LOOP NULL; END LOOP; END LOOP; FOR r IN (SELECT 2) LOOP NULL; END LOOP; END"#,
        r#"DECLARE r record; s record; BEGIN FOR r IN (SELECT 1 AS a) LOOP FOR s IN (SELECT r.a) LOOP NULL; END LOOP; END LOOP; FOR r IN (SELECT 2) LOOP NULL; END LOOP; END"#,
    ),
    (
        r#"<<b>> BEGIN FOR "R" IN ((SELECT 1)) LOOP NULL; END LOOP; BEGIN FOR r IN (WITH q AS (SELECT 1) SELECT 1) LOOP NULL; END LOOP; END; END"#,
        r#"<<b>> DECLARE "R" record; BEGIN FOR "R" IN ((SELECT 1)) LOOP NULL; END LOOP; DECLARE r record; BEGIN FOR r IN (WITH q AS (SELECT 1) SELECT 1) LOOP NULL; END LOOP; END; END"#,
    ),
    (
        r#"DECLARE r record; BEGIN FOR r IN (SELECT NVL(a, b) FROM t) LOOP NULL; END LOOP; END"#,
        r#"DECLARE r record; BEGIN FOR r IN (SELECT COALESCE(a, b) FROM t) LOOP NULL; END LOOP; END"#,
    ),
    (
        r#"BEGIN FOR i IN REVERSE 1..10 LOOP log_it; END LOOP; FOR i IN REVERSE 10..1 LOOP NULL; END LOOP; END"#,
        r#"BEGIN FOR i IN REVERSE 10..1 LOOP CALL log_it(); END LOOP; FOR i IN REVERSE 10..1 LOOP NULL; END LOOP; END"#,
    ),
    (
        r#"BEGIN x := CAST(a AS NUMBER(5)) + a::NUMBER; y := CAST(b AS VARCHAR2(10 CHAR)); END"#,
        r#"BEGIN x := CAST(a AS numeric(5)) + a::numeric; y := CAST(b AS varchar(10)); END"#,
    ),
    (
        r#"BEGIN x := 7/2; y := SYSDATE; END"#,
        r#"BEGIN x := 7.0/2; y := LOCALTIMESTAMP(0); END"#,
    ),
    (
        r#"BEGIN x := q'[it's]' || nq'{a}' || Q'!b!'; END"#,
        r#"BEGIN x := 'it''s' || 'a' || 'b'; END"#,
    ),
    (
        r#"BEGIN COMMIT; COMMIT WORK; END"#,
        r#"BEGIN NULL; NULL; END"#,
    ),
    (
        r#"BEGIN DELETE t WHERE a = 1; DELETE FROM t; END"#,
        r#"BEGIN DELETE FROM t WHERE a = 1; DELETE FROM t; END"#,
    ),
    (
        r#"BEGIN UPDATE t x SET x.a = x.b, c = 1; UPDATE t SET t.a = 1 WHERE t.b = 1; UPDATE t SET y.a = SYSDATE; END"#,
        r#"BEGIN UPDATE t x SET a = x.b, c = 1; UPDATE t SET a = 1 WHERE t.b = 1; UPDATE t SET y.a = LOCALTIMESTAMP(0); END"#,
    ),
    (
        r#"BEGIN SELECT program, serial# INTO a, b FROM v$session s; SELECT 1 INTO a FROM sys.v_$session; END"#,
        r#"BEGIN SELECT program, "serial#" INTO STRICT a, b FROM ‹v$session› s; SELECT 1 INTO STRICT a FROM ‹v$session› AS v$session; END"#,
    ),
    (
        r#"BEGIN PRAGMA INLINE(p, 'YES'); log_it; END"#,
        r#"BEGIN CALL log_it(); END"#,
    ),
    (
        r#"BEGIN DBMS_SESSION.SET_SQL_TRACE(TRUE); DBMS_SESSION.SET_SQL_TRACE(false); END"#,
        r#"BEGIN SET log_statement = 'all'; SET log_statement = DEFAULT; END"#,
    ),
    (
        r#"BEGIN DECLARE n NUMBER; BEGIN FOR r IN (SELECT n) LOOP NULL; END LOOP; END; END"#,
        r#"BEGIN DECLARE n numeric; r record; BEGIN FOR r IN (SELECT n) LOOP NULL; END LOOP; END; END"#,
    ),
];
