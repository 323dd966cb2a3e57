//! What is refused.

/// Blocks of triggers, with `¶` before what is refused, and the message.
pub const REFUSALS: &[(&str, &str)] = &[
    (r#"BEGIN ¶GOTO x; END"#, r#"GOTO is not supported"#),
    (
        r#"BEGIN v := 'alter SESSION set x = y'; EXECUTE IMMEDIATE ¶v; END"#,
        r#"ALTER SESSION is not supported in a statement that is not a constant"#,
    ),
    (r#"BEGIN ¶nul; END"#, r#"procedure nul does not exist"#),
    (
        r#"BEGIN ¶hr.nul(1); END"#,
        r#"procedure hr.nul does not exist"#,
    ),
    (
        r#"BEGIN ¶ROLLBACK; END"#,
        r#"a trigger cannot roll back the transaction"#,
    ),
    (
        r#"BEGIN ¶FORALL i IN 1..2 DELETE FROM t; END"#,
        r#"FORALL is not supported"#,
    ),
    (
        r#"BEGIN SELECT a ¶BULK COLLECT INTO v FROM t; END"#,
        r#"BULK COLLECT is not supported"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE x ¶BULK COLLECT INTO v; END"#,
        r#"BULK COLLECT is not supported"#,
    ),
    (
        r#"BEGIN FETCH c ¶BULK COLLECT INTO v; END"#,
        r#"BULK COLLECT is not supported"#,
    ),
    (
        r#"DECLARE ¶TYPE t IS TABLE OF NUMBER; BEGIN NULL; END"#,
        r#"collection types cannot be declared in a routine"#,
    ),
    (
        r#"DECLARE ¶TYPE t IS RECORD (a NUMBER); BEGIN NULL; END"#,
        r#"record types cannot be declared in a routine"#,
    ),
    (
        r#"DECLARE e EXCEPTION; PRAGMA EXCEPTION_INIT(e, -¶4711); BEGIN NULL; END"#,
        r#"error number -4711 has no counterpart"#,
    ),
    (
        r#"DECLARE PRAGMA EXCEPTION_INIT(¶e, -1); BEGIN NULL; END"#,
        r#"exception "e" is not declared"#,
    ),
    (
        r#"DECLARE CURSOR c (a NUMBER ¶DEFAULT 1) IS SELECT 1; BEGIN NULL; END"#,
        r#"parameters of cursors cannot have defaults"#,
    ),
    (
        r#"BEGIN RAISE_APPLICATION_ERROR(¶-1, 'x'); END"#,
        r#"error number must be between -20999 and -20000"#,
    ),
    (
        r#"BEGIN ¶RAISE_APPLICATION_ERROR('x'); END"#,
        r#"RAISE_APPLICATION_ERROR takes a number and a message"#,
    ),
    (
        r#"BEGIN RAISE ¶p.e; END"#,
        r#"exceptions of packages are not supported"#,
    ),
    (
        r#"BEGIN NULL; EXCEPTION WHEN ¶p.e THEN NULL; END"#,
        r#"exceptions of packages are not supported"#,
    ),
    (
        r#"BEGIN ¶utl_mail.send('x'); END"#,
        r#"UTL_MAIL.SEND is not available"#,
    ),
    (
        r#"BEGIN ¶DBMS_SESSION.RESET_PACKAGE; END"#,
        r#"DBMS_SESSION.RESET_PACKAGE is not available"#,
    ),
    (
        r#"BEGIN x := ¶SYS_CONTEXT('USERENV', 'LANGUAGE'); END"#,
        r#"attribute LANGUAGE of USERENV is not available"#,
    ),
    (
        r#"BEGIN x := ¶SYS_CONTEXT(a, 'b'); END"#,
        r#"SYS_CONTEXT takes constants where the extension oracle_session is not installed"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE ¶v_sql USING a; END"#,
        r#"names of values are not known in a statement that is not a constant"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE ¶'BEGIN p(:1); END;' USING a; END"#,
        r#"a block cannot be executed as a statement"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'SELECT :1, :2' ¶USING a; END"#,
        r#"the statement names 2 values, but USING has 1"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'x' USING IN a, ¶OUT b; END"#,
        r#"USING OUT is not supported"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE 'INSERT INTO t VALUES (1)' ¶RETURNING INTO a; END"#,
        r#"RETURNING INTO is not supported in EXECUTE IMMEDIATE"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE ¶'ALTER SESSION SET NLS_SORT = BINARY'; END"#,
        r#"NLS_SORT has no counterpart"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE ¶'ALTER SESSION SET NO_SUCH = 1'; END"#,
        r#"parameter "no_such" of ALTER SESSION has no counterpart"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE ¶'ALTER SESSION SET EVENTS ''942 trace name errorstack'''; END"#,
        r#"this event has no counterpart"#,
    ),
    (
        r#"BEGIN EXECUTE IMMEDIATE ¶'ALTER SESSION SET NLS_DATE_FORMAT = ' || x; END"#,
        r#"what this ALTER SESSION sets is not known"#,
    ),
    (
        r#"BEGIN x := SYSDATE - ¶since; END"#,
        r#"it is not known whether a number or a time is meant"#,
    ),
    (
        r#"BEGIN x := TRUNC(SYSDATE, ¶'X'); END"#,
        r#"this format of TRUNC has no counterpart"#,
    ),
    (
        r#"BEGIN x := ¶INSTR(a, 'b', -1); END"#,
        r#"INSTR with a position or an occurrence is not supported"#,
    ),
    (
        r#"BEGIN SELECT a INTO b FROM t WHERE ¶ROWNUM = 1 ORDER BY c; END"#,
        r#"ROWNUM is only supported as a condition of a simple query, such as ROWNUM <= 10"#,
    ),
    (
        r#"BEGIN SELECT a INTO b FROM t WHERE c OR ¶ROWNUM = 1; END"#,
        r#"ROWNUM is only supported as a condition of a simple query, such as ROWNUM <= 10"#,
    ),
    (
        r#"BEGIN SELECT ¶ROWNUM INTO b FROM t; END"#,
        r#"ROWNUM is only supported as a condition of a simple query, such as ROWNUM <= 10"#,
    ),
    (
        r#"BEGIN DELETE FROM t WHERE ¶ROWNUM <= 10; END"#,
        r#"ROWNUM is only supported as a condition of a simple query, such as ROWNUM <= 10"#,
    ),
    (
        r#"BEGIN SELECT a INTO b FROM t, u WHERE t.a = u.a ¶(+); END"#,
        r#"outer joins cannot be written with (+)"#,
    ),
    (
        r#"BEGIN SELECT a INTO b FROM t ¶CONNECT BY PRIOR a = b; END"#,
        r#"CONNECT BY is not supported"#,
    ),
    (
        r#"BEGIN FOR r IN (SELECT 1) LOOP FOR ¶r IN (SELECT 2) LOOP NULL; END LOOP; END LOOP; END"#,
        r#"loop variable "r" has the name of that of a loop around it"#,
    ),
    (
        r#"DECLARE c CURSOR IS SELECT 1; BEGIN x := ¶c%ROWCOUNT; END"#,
        r#"the number of rows that a cursor has returned is not known"#,
    ),
    (
        r#"BEGIN raise_application_error (¶num => -20001, msg => 'x'); END"#,
        r#"names of arguments are not supported here"#,
    ),
];
