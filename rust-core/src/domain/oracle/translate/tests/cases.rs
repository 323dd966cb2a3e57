//! Tables of texts and their translations.

/// The whole triggers of `regress/t/OracleLogons.pm`, from their blocks on.
pub const TRIGGERS: &[(&str, &str)] = &[
    // a row for each logon, with the names of the event\'s attributes
    (
        r#"BEGIN
    INSERT INTO fired (line)
    VALUES (ora_sysevent || ' ' || ora_login_user || ' ' || ora_database_name || ' '
            || ora_client_ip_address || ' ' || ora_instance_num);
END logon_trigger"#,
        "",
    ),
    // a row for each logon, with the time and the machine
    (
        r#"BEGIN
    INSERT INTO sessions_log (id, name, host, module, at)
    VALUES (audit_seq.NEXTVAL, USER, SYS_CONTEXT('USERENV', 'HOST'), SYS_CONTEXT('USERENV', 'MODULE'), SYSDATE);
END"#,
        "",
    ),
    // only from certain addresses
    (
        r#"BEGIN
    IF ora_login_user = 'alice' AND ora_client_ip_address NOT IN ('10.0.0.1', '10.0.0.2') THEN
        RAISE_APPLICATION_ERROR(-20001, 'not from ' || ora_client_ip_address);
    END IF;
END"#,
        "",
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
        "",
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
        "",
    ),
    // the schema of an application
    (
        r#"BEGIN
    EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr';
END"#,
        "",
    ),
    // settings of the language
    (
        r#"BEGIN
    DBMS_SESSION.SET_NLS('NLS_DATE_FORMAT', '''YYYY-MM-DD''');
    EXECUTE IMMEDIATE 'ALTER SESSION SET TIME_ZONE = ''UTC''';
END"#,
        "",
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
        "",
    ),
    // a role for those who come from the application
    (
        r#"BEGIN
    IF SYS_CONTEXT('USERENV', 'MODULE') = 'payroll' THEN
        DBMS_SESSION.SET_ROLE('clerk');
    END IF;
END"#,
        "",
    ),
    // the name of the application
    (
        r#"BEGIN
    DBMS_APPLICATION_INFO.SET_MODULE('HR', 'logon');
    DBMS_APPLICATION_INFO.SET_CLIENT_INFO('client of ' || USER);
END"#,
        "",
    ),
    // a schema\'s own trigger
    (
        r#"DECLARE
    v_name VARCHAR2(30) := INITCAP(ora_login_user);
BEGIN
    INSERT INTO fired (line) VALUES (v_name || ' is here');
END"#,
        "",
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
        "",
    ),
    // the length of the session, at logoff
    (
        r#"BEGIN
    UPDATE started
    SET minutes = ROUND((SYSDATE - since) * 24 * 60)
    WHERE name = ora_login_user;
END"#,
        "",
    ),
    // a row for each logoff
    (
        r#"BEGIN
    INSERT INTO fired (line) VALUES (ora_sysevent || ' ' || ora_login_user);
END"#,
        "",
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
        "",
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
        "",
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
        "",
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
        "",
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
        "",
    ),
    // a trace of one user
    (
        r#"BEGIN
    IF ora_login_user = 'alice' THEN
        EXECUTE IMMEDIATE 'ALTER SESSION SET EVENTS ''10046 trace name context forever, level 12''';
    END IF;
END"#,
        "",
    ),
    // a greeting
    (
        r#"BEGIN
    DBMS_OUTPUT.ENABLE;
    DBMS_OUTPUT.PUT_LINE('Welcome to ' || ora_database_name);
END"#,
        "",
    ),
    // maintenance: only administrators
    (
        r#"BEGIN
    IF SYS_CONTEXT('USERENV', 'ISDBA') = 'FALSE' AND USER NOT IN ('SYS', 'SYSTEM') THEN
        RAISE_APPLICATION_ERROR(-20006, 'maintenance until ' || TO_CHAR(SYSDATE + 1/24, 'HH24:MI'));
    END IF;
END"#,
        "",
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
        "",
    ),
];
