//! The whole triggers of `regress/t/OracleLogons.pm`, from their blocks on, and their
//! translations. A trigger with PRAGMA AUTONOMOUS_TRANSACTION is refused before.

/// Blocks, and their translations; an empty one if the text stays.
pub const TRIGGERS: &[(&str, &str)] = &[
    // a row for each logon, with the names of the event's attributes
    (
        r#"BEGIN
    INSERT INTO fired (line)
    VALUES (ora_sysevent || ' ' || ora_login_user || ' ' || ora_database_name || ' '
            || ora_client_ip_address || ' ' || ora_instance_num);
END logon_trigger"#,
        r#""#,
    ),
    // a row for each logon, with the time and the machine
    (
        r#"BEGIN
    INSERT INTO sessions_log (id, name, host, module, at)
    VALUES (audit_seq.NEXTVAL, USER, SYS_CONTEXT('USERENV', 'HOST'), SYS_CONTEXT('USERENV', 'MODULE'), SYSDATE);
END"#,
        r#"BEGIN
    INSERT INTO sessions_log (id, name, host, module, at)
    VALUES (nextval('audit_seq'), ora_login_user, (SELECT client_hostname FROM pg_stat_activity WHERE pid = pg_backend_pid()), current_setting('application_name'), LOCALTIMESTAMP(0));
END"#,
    ),
    // only from certain addresses
    (
        r#"BEGIN
    IF ora_login_user = 'alice' AND ora_client_ip_address NOT IN ('10.0.0.1', '10.0.0.2') THEN
        RAISE_APPLICATION_ERROR(-20001, 'not from ' || ora_client_ip_address);
    END IF;
END"#,
        r#"BEGIN
    IF ora_login_user = 'alice' AND ora_client_ip_address NOT IN ('10.0.0.1', '10.0.0.2') THEN
        RAISE EXCEPTION '%', 'not from ' || ora_client_ip_address USING ERRCODE = 'U0001';
    END IF;
END"#,
    ),
    // only in office hours
    (
        r#"DECLARE
    v_hour NUMBER := TO_NUMBER(TO_CHAR(SYSDATE, 'HH24'));
    v_first NUMBER;
    v_last NUMBER;
BEGIN
    SELECT first_hour, last_hour INTO v_first, v_last FROM office_hours;
    IF v_hour NOT BETWEEN v_first AND v_last THEN
        RAISE_APPLICATION_ERROR(-20002, 'The office is closed.');
    END IF;
END"#,
        r#"DECLARE
    v_hour numeric := CAST(TO_CHAR(LOCALTIMESTAMP(0), 'HH24') AS numeric);
    v_first numeric;
    v_last numeric;
BEGIN
    SELECT first_hour, last_hour INTO STRICT v_first, v_last FROM office_hours;
    IF v_hour NOT BETWEEN v_first AND v_last THEN
        RAISE EXCEPTION '%', 'The office is closed.' USING ERRCODE = 'U0002';
    END IF;
END"#,
    ),
    // not with this program
    (
        r#"DECLARE
    v_program VARCHAR2(64);
BEGIN
    SELECT UPPER(program) INTO v_program FROM v$session WHERE audsid = USERENV('SESSIONID') AND ROWNUM = 1;
    IF v_program LIKE '%TOAD%' OR v_program LIKE '%EXCEL%' THEN
        RAISE_APPLICATION_ERROR(-20003, 'not with ' || v_program);
    END IF;
END"#,
        r#"DECLARE
    v_program varchar(64);
BEGIN
    SELECT UPPER(program) INTO STRICT v_program FROM ‹v$session› AS v$session WHERE audsid = ‹SESSIONID› LIMIT 1;
    IF v_program LIKE '%TOAD%' OR v_program LIKE '%EXCEL%' THEN
        RAISE EXCEPTION '%', 'not with ' || v_program USING ERRCODE = 'U0003';
    END IF;
END"#,
    ),
    // the schema of an application
    (
        r#"BEGIN
    EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr';
END"#,
        r#"BEGIN
    SET search_path = hr;
END"#,
    ),
    // settings of the language
    (
        r#"BEGIN
    DBMS_SESSION.SET_NLS('NLS_DATE_FORMAT', '''YYYY-MM-DD''');
    EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = ''UTC''';
END"#,
        r#"BEGIN
    SET DateStyle = 'ISO, YMD';
    SET TimeZone = 'UTC';
END"#,
    ),
    // the tenant of the user, for row level security
    (
        r#"DECLARE
    v_tenant tenants.tenant%TYPE;
BEGIN
    SELECT tenant INTO v_tenant FROM tenants WHERE name = SYS_CONTEXT('USERENV', 'SESSION_USER');
    DBMS_SESSION.SET_CONTEXT('app', 'tenant', v_tenant);
EXCEPTION
    WHEN NO_DATA_FOUND THEN
        DBMS_SESSION.SET_CONTEXT('app', 'tenant', 'none');
END"#,
        r#"DECLARE
    v_tenant tenants.tenant%TYPE;
BEGIN
    SELECT tenant INTO STRICT v_tenant FROM tenants WHERE name = ora_login_user;
    PERFORM set_config('app.tenant', v_tenant, false);
EXCEPTION
    WHEN NO_DATA_FOUND THEN
        PERFORM set_config('app.tenant', 'none', false);
END"#,
    ),
    // a role for those who come from the application
    (
        r#"BEGIN
    IF SYS_CONTEXT('USERENV', 'MODULE') = 'payroll' THEN
        DBMS_SESSION.SET_ROLE('clerk');
    END IF;
END"#,
        r#"BEGIN
    IF current_setting('application_name') = 'payroll' THEN
        SET ROLE clerk;
    END IF;
END"#,
    ),
    // the name of the application
    (
        r#"BEGIN
    DBMS_APPLICATION_INFO.SET_MODULE('HR', 'logon');
    DBMS_APPLICATION_INFO.SET_CLIENT_INFO('client of ' || USER);
END"#,
        r#"BEGIN
    PERFORM set_config('application_name', 'HR', false), set_config('oracle_session.action', 'logon', false);
    PERFORM set_config('oracle_session.client_info', 'client of ' || ora_login_user, false);
END"#,
    ),
    // a schema's own trigger
    (
        r#"DECLARE
    v_name VARCHAR2(30) := INITCAP(ora_login_user);
BEGIN
    INSERT INTO fired (line) VALUES (v_name || ' is here');
END"#,
        r#""#,
    ),
    // a condition, and an audit that never keeps anybody out
    (
        r#"DECLARE
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
END"#,
        r#""#,
    ),
    // the length of the session, at logoff
    (
        r#"BEGIN
    UPDATE started
    SET minutes = ROUND((SYSDATE - since) * 24 * 60)
    WHERE name = ora_login_user;
END"#,
        r#"BEGIN
    UPDATE started
    SET minutes = ROUND(((EXTRACT(EPOCH FROM LOCALTIMESTAMP(0) - since) / 86400)) * 24 * 60)
    WHERE name = ora_login_user;
END"#,
    ),
    // a row for each logoff
    (
        r#"BEGIN
    INSERT INTO fired (line) VALUES (ora_sysevent || ' ' || ora_login_user);
END"#,
        r#""#,
    ),
    // values out of DUAL, with NVL and DECODE
    (
        r#"DECLARE
    v_address VARCHAR2(45);
    v_kind VARCHAR2(10);
BEGIN
    SELECT NVL(ora_client_ip_address, 'local'), DECODE(INSTR(ora_login_user, 'app_'), 1, 'program', 'person')
    INTO v_address, v_kind
    FROM DUAL;
    INSERT INTO fired (line) VALUES (v_address || ' ' || v_kind);
END"#,
        r#"DECLARE
    v_address varchar(45);
    v_kind varchar(10);
BEGIN
    SELECT COALESCE(ora_client_ip_address, 'local'), CASE STRPOS(ora_login_user, 'app_') WHEN 1 THEN 'program' ELSE 'person' END
    INTO STRICT v_address, v_kind
;
    INSERT INTO fired (line) VALUES (v_address || ' ' || v_kind);
END"#,
    ),
    // a record of those who are refused
    (
        r#"DECLARE
    PRAGMA AUTONOMOUS_TRANSACTION;
    v_locked NUMBER;
BEGIN
    SELECT COUNT(*) INTO v_locked FROM locked_out WHERE name = USER;
    IF v_locked > 0 THEN
        INSERT INTO fired (line) VALUES ('refused ' || USER);
        COMMIT;
        RAISE_APPLICATION_ERROR(-20004, 'You are locked out.');
    END IF;
END"#,
        r#""#,
    ),
    // so many sessions for each user
    (
        r#"DECLARE
    v_sessions NUMBER;
BEGIN
    SELECT COUNT(*) INTO v_sessions FROM v$session WHERE username = USER;
    IF v_sessions > 0 THEN
        RAISE_APPLICATION_ERROR(-20005, 'too many sessions');
    END IF;
END"#,
        r#"DECLARE
    v_sessions numeric;
BEGIN
    SELECT COUNT(*) INTO STRICT v_sessions FROM ‹v$session› AS v$session WHERE username = ora_login_user;
    IF v_sessions > 0 THEN
        RAISE EXCEPTION '%', 'too many sessions' USING ERRCODE = 'U0005';
    END IF;
END"#,
    ),
    // the latest logon of each user
    (
        r#"BEGIN
    MERGE INTO last_logons l
    USING (SELECT ora_login_user AS name FROM DUAL) s
    ON (l.name = s.name)
    WHEN MATCHED THEN UPDATE SET at = CURRENT_TIMESTAMP, times = times + 1
    WHEN NOT MATCHED THEN INSERT (name, at, times) VALUES (s.name, CURRENT_TIMESTAMP, 1);
END"#,
        r#"BEGIN
    MERGE INTO last_logons l
    USING (SELECT ora_login_user AS name) s
    ON (l.name = s.name)
    WHEN MATCHED THEN UPDATE SET at = CURRENT_TIMESTAMP, times = times + 1
    WHEN NOT MATCHED THEN INSERT (name, at, times) VALUES (s.name, CURRENT_TIMESTAMP, 1);
END"#,
    ),
    // the settings of each user, from a table
    (
        r#"DECLARE
    CURSOR c_settings IS SELECT setting, value FROM user_settings WHERE name = USER;
BEGIN
    FOR r IN c_settings LOOP
        EXECUTE IMMEDIATE 'ALTER SESSION SET ' || r.setting || ' = ' || r.value;
    END LOOP;
END"#,
        r#"DECLARE
    c_settings CURSOR IS SELECT setting, value FROM user_settings WHERE name = ora_login_user;
BEGIN
    FOR r IN c_settings LOOP
        PERFORM set_config( r.setting , r.value, false);
    END LOOP;
END"#,
    ),
    // a trace of one user
    (
        r#"BEGIN
    IF ora_login_user = 'alice' THEN
        EXECUTE IMMEDIATE 'ALTER SESSION SET EVENTS ''10046 trace name context forever, level 12''';
    END IF;
END"#,
        r#"BEGIN
    IF ora_login_user = 'alice' THEN
        SET log_min_duration_statement = 0;
    END IF;
END"#,
    ),
    // a greeting
    (
        r#"BEGIN
    DBMS_OUTPUT.ENABLE;
    DBMS_OUTPUT.PUT_LINE('Welcome to ' || ora_database_name);
END"#,
        r#"BEGIN
    NULL;
    RAISE NOTICE '%', 'Welcome to ' || ora_database_name;
END"#,
    ),
    // maintenance: only administrators
    (
        r#"BEGIN
    IF SYS_CONTEXT('USERENV', 'ISDBA') = 'FALSE' AND USER NOT IN ('SYS', 'SYSTEM') THEN
        RAISE_APPLICATION_ERROR(-20006, 'maintenance until ' || TO_CHAR(SYSDATE + 1/24, 'HH24:MI'));
    END IF;
END"#,
        r#"BEGIN
    IF (SELECT UPPER(rolsuper::text) FROM pg_roles WHERE rolname = ora_login_user) = 'FALSE' AND UPPER(ora_login_user) NOT IN ('SYS', 'SYSTEM') THEN
        RAISE EXCEPTION '%', 'maintenance until ' || TO_CHAR(LOCALTIMESTAMP(0) + 1.0 * interval '1 day'/24, 'HH24:MI') USING ERRCODE = 'U0006';
    END IF;
END"#,
    ),
    // failures of the audit, in a table of their own
    (
        r#"DECLARE
    v_message VARCHAR2(200);
BEGIN
    INSERT INTO fired (id, line) VALUES (1 / (ora_instance_num - 1), 'never');
EXCEPTION
    WHEN OTHERS THEN
        v_message := SUBSTR(SQLERRM, 1, 200);
        INSERT INTO fired (line) VALUES ('logon of ' || ora_login_user || ': ' || v_message);
END"#,
        r#""#,
    ),
];
