//! Tables of statements for the tests. `§` and `¶` mark places, and are not part of
//! the statement.

use crate::domain::oracle::{Closer, Construct, Error};

/// Routines. `§` marks where the body starts, `¶` where the routine ends.
pub const ROUTINES: &[&str] = &[
    // Oracle's triggers on a database or a schema (rule D7).
    "CREATE TRIGGER t AFTER LOGON ON DATABASE §BEGIN INSERT INTO l VALUES (1); END¶;",
    "create or replace trigger hr.\"T\" before logoff on hr.schema
     §declare v int; begin if v > 1 then null; end if; end t¶; SELECT 1;",
    "CREATE TRIGGER t AFTER LOGON ON begin.SCHEMA WHEN (USER = 'BEGIN' OR (begin = 1)) §<<l>> BEGIN NULL; END¶\n/\n",
    "CREATE OR REPLACE EDITIONABLE TRIGGER t AFTER STARTUP OR LOGON ON DATABASE §BEGIN NULL; END¶;",
    "CREATE NONEDITIONABLE TRIGGER t AFTER DDL ON SCHEMA §BEGIN NULL; END¶;",
    // The documented example (section D), and short forms.
    "CREATE FUNCTION sample_event_trigger RETURN event_trigger IS
     §BEGIN
       INSERT INTO polar_loginout.login_log VALUES (polar_login_user, tg_event, now());
     END¶;
     CREATE EVENT TRIGGER t ON after_user_logon EXECUTE PROCEDURE public.sample_event_trigger();",
    "create or replace procedure p is §begin null; end¶",
    "CREATE PROCEDURE p() AS §BEGIN NULL; END p¶;",
    "CREATE PROCEDURE \"P\" AS §BEGIN NULL; END \"P\"¶; END;",
    "CREATE FUNCTION f RETURN int IS §BEGIN RETURN 1; END U&\"\\0066\"¶;",
    "CREATE PROCEDURE p IS §BEGIN NULL; END¶\n/\nSELECT 1;",
    "CREATE PROCEDURE p IS §BEGIN NULL; END¶ $$ trailing $$",
    // Parameters
    "CREATE FUNCTION s.f(a IN int DEFAULT 1, b OUT text, c IN OUT numeric(10, 2),
       d boolean DEFAULT a IS NULL, e int := CASE WHEN true THEN 1 END)
     RETURN record IS §BEGIN b := a AS x; END f¶;",
    "CREATE PROCEDURE p(x int DEFAULT (SELECT 1 AS begin)) IS §BEGIN NULL; END¶;",
    // Options
    "CREATE FUNCTION f(a int) RETURN int IMMUTABLE PARALLEL SAFE COST 100 ROWS 10
       RETURNS NULL ON NULL INPUT AUTHID CURRENT_USER SET search_path = s, pg_temp
       IS §BEGIN RETURN a; END¶;",
    "CREATE PROCEDURE p EXTERNAL SECURITY DEFINER SET role TO is SET x.y FROM CURRENT
       AS §BEGIN COMMIT AND CHAIN; END¶;",
    // Declarations
    "CREATE FUNCTION f RETURN int IS
       §a int := 1; -- not the END;
       b CONSTANT text NOT NULL DEFAULT 'END; BEGIN';
       c text := $q$ END; $q$ || $$ BEGIN $$; /* END; /* nested */ END f; */
       \"end\" record;
     BEGIN RETURN a; END f¶;",
    "CREATE PROCEDURE p AS §x int = CASE WHEN 1 IS NULL THEN 2 ELSE 3 END; BEGIN NULL; END¶;",
    "CREATE PROCEDURE p AS §x int := (CASE 1 WHEN 1 THEN (CASE 2 WHEN 2 THEN 3 END) END);
     BEGIN NULL; END¶;",
    "CREATE PROCEDURE p IS
       §c1 CURSOR FOR SELECT CASE a WHEN 1 THEN 'x' END AS case FROM t;
       c2 NO SCROLL CURSOR (a int, b text) IS SELECT t.end FROM t;
       r t%ROWTYPE; v t.begin%TYPE; y ALIAS FOR $1; z s.type[];
     BEGIN OPEN c2(1, 'END'); CLOSE c2; END¶;",
    "CREATE PROCEDURE p IS §DECLARE x int; DECLARE BEGIN IF a THEN NULL; END IF; END¶;",
    "CREATE PROCEDURE p IS §<<outer>> DECLARE x int; BEGIN outer.x := 1; END outer¶;",
    "CREATE PROCEDURE p IS §function int; procedure t.x%TYPE; BEGIN procedure := 1; END¶;",
    "CREATE PROCEDURE p IS §FUNCTION CONSTANT record; \"pragma\" int; BEGIN NULL; END¶;",
    "CREATE PROCEDURE p IS §x int; ; END¶;",
    // IF
    "CREATE PROCEDURE p IS §BEGIN
       IF a THEN b; ELSIF c THEN d; ELSEIF e THEN f; ELSE g; END IF;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       IF a THEN IF b THEN NULL; END IF; ELSE IF c THEN NULL; END IF; END IF;
     END¶; END IF;",
    "CREATE PROCEDURE p IS §BEGIN
       IF EXISTS (SELECT CASE WHEN a THEN b END then FROM t WHERE loop) THEN NULL; END IF;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       IF CASE WHEN a THEN b ELSE c END THEN RETURN; END IF;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN IF a THEN ELSE END IF; END¶;",
    // Loops
    "CREATE PROCEDURE p IS §BEGIN
       LOOP EXIT WHEN x > 1; CONTINUE WHEN CASE WHEN a THEN b END; END LOOP;
       WHILE (SELECT loop FROM t) LOOP NULL; END LOOP;
       FOR i IN REVERSE 10..1 BY 2 LOOP NULL; END LOOP;
       FOREACH x SLICE 1 IN ARRAY xs LOOP NULL; END LOOP;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       FOR r IN SELECT t.loop, CASE WHEN a THEN b END FROM t AS loop FOR UPDATE LOOP
         FOR q IN EXECUTE 'SELECT 1' USING r LOOP NULL; END LOOP;
       END LOOP;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       <<rows>> FOR r IN (WITH x AS (SELECT 1) SELECT * FROM x) LOOP
         <<again>>-- a comment
         WHILE a << 2 LOOP EXIT rows WHEN b >> 1 = 0; END LOOP again;
       END LOOP rows;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN FOR r IN c(a => CASE 1 WHEN 1 THEN 2 END) LOOP NULL; END LOOP; END¶;",
    "CREATE PROCEDURE p IS §BEGIN WHILE CASE WHEN a THEN b END LOOP NULL; END LOOP; END¶;",
    // CASE
    "CREATE FUNCTION f(a int) RETURN text IS §BEGIN
       CASE a
         WHEN 1, 2 THEN RETURN 'one';
         WHEN CASE WHEN b THEN 3 ELSE 4 END THEN
           CASE WHEN c THEN NULL; ELSE BEGIN NULL; END; END CASE;
         ELSE RETURN CASE a WHEN 5 THEN 'five' ELSE 'many' END;
       END CASE;
     END f¶;",
    "CREATE PROCEDURE p IS §BEGIN
       CASE CASE WHEN a THEN 1 END WHEN 1 THEN NULL; END CASE;
       <<l>> CASE WHEN a THEN NULL; WHEN b THEN IF c THEN NULL; END IF; END CASE;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       x := CASE WHEN a THEN CASE WHEN b THEN 1 END ELSE 2 END + r.end;
       SELECT 1 AS end, 2 AS case, 3 AS begin, t.case, t.end INTO y FROM t;
       UPDATE t SET a = CASE WHEN b THEN t.end END;
     END¶;",
    // Column labels without AS can be any word.
    "CREATE PROCEDURE p IS §BEGIN SELECT 1 case; PERFORM (SELECT 1 case), 2; SELECT 1 end; END¶;",
    "CREATE PROCEDURE p IS §BEGIN SELECT 1 case; END¶; END;",
    "CREATE PROCEDURE p IS §BEGIN
       FOR r IN SELECT 1 case FROM t LOOP IF a THEN NULL; END IF; END LOOP;
       FOR r IN (SELECT 1 case) LOOP NULL; END LOOP;
       x := CASE WHEN (SELECT 1 end) = 1 THEN (SELECT 2 end) END;
       IF CASE WHEN (SELECT 1 end) = 1 THEN a END THEN IF b THEN NULL; END IF; END IF;
     END¶;",
    // Blocks and handlers
    "CREATE PROCEDURE p IS §BEGIN
       DECLARE x int; BEGIN x := 1; EXCEPTION WHEN OTHERS THEN NULL; END;
       <<inner>> DECLARE y int; BEGIN BEGIN NULL; END; END inner;
     EXCEPTION
       WHEN unique_violation OR SQLSTATE '22012' THEN
         GET STACKED DIAGNOSTICS m = MESSAGE_TEXT;
       WHEN OTHERS THEN
         IF a THEN RAISE; END IF;
         BEGIN NULL; EXCEPTION WHEN OTHERS THEN NULL; END;
     END p¶;",
    "CREATE PROCEDURE p IS §exception int; BEGIN exception := 1; x := exception; END¶;",
    "CREATE PROCEDURE p IS §elsif int; BEGIN IF a THEN elsif := 1; END IF; END¶;",
    // Statements with keywords of their own
    "CREATE PROCEDURE p IS §BEGIN
       DROP TABLE IF EXISTS t; RAISE EXCEPTION 'x' USING ERRCODE = '22012';
       INSERT INTO t SELECT 1 ON CONFLICT DO NOTHING;
       MERGE INTO t USING s ON (a = b) WHEN MATCHED AND c THEN DELETE
         WHEN NOT MATCHED THEN INSERT VALUES (CASE WHEN d THEN 1 END);
       FOR r IN SELECT 1 FOR UPDATE LOOP NULL; END LOOP;
       LOCK TABLE t IN EXCLUSIVE MODE; ALTER TABLE t ADD COLUMN IF NOT EXISTS loop int;
       DECLARE BEGIN NULL; END;
       SELECT begin FROM t; UPDATE t SET begin = begin || 'x' WHERE begin LIKE 'y';
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       EXECUTE 'BEGIN' || $x$ END; $x$ || E'it\\'s; END' || U&'END;' || N'END' USING a, b INTO c;
       EXECUTE format($f$ CREATE FUNCTION g RETURN int IS BEGIN $f$);
       $1 := 1; \"if\" := 2; r.loop := 3; (a).b := 4;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       CREATE OR REPLACE FUNCTION g() RETURNS int BEGIN ATOMIC
         SELECT CASE WHEN a THEN 1 END AS begin; SELECT 1 end; SELECT 2;
       END;
       CREATE PROCEDURE h(begin int) BEGIN ATOMIC END;
       CREATE FUNCTION i() RETURNS int LANGUAGE sql AS 'BEGIN';
       CREATE FUNCTION j() RETURNS int RETURN CASE WHEN a THEN 1 END;
       CREATE FUNCTION begin() RETURNS int AS 'x';
       CREATE FUNCTION k(begin int) RETURNS int RETURN CASE WHEN begin THEN 1 END;
       CREATE PROCEDURE l() BEGIN ATOMIC CREATE PROCEDURE m() BEGIN ATOMIC SELECT 1; END; END;
     END¶;",
    "CREATE PROCEDURE p IS §BEGIN
       CREATE FUNCTION g RETURN int IS BEGIN RETURN 1; END g;
       CREATE PROCEDURE h AS BEGIN NULL; END;
     END p¶;",
    "CREATE PROCEDURE p IS §BEGIN
       CREATE OR REPLACE RULE r AS ON INSERT TO t DO ALSO
         (DELETE FROM a; UPDATE b SET end = CASE WHEN c THEN 1 END; SELECT 1);
       CREATE TABLE end (begin int); CREATE TABLE \"begin\" AS SELECT 1 AS begin;
       CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW WHEN (b) EXECUTE FUNCTION c();
     END¶;",
    // Spacing and case
    "cReAtE\nOR/**/rePLACE--\nFUNCTION\ts . f(a int)return int is§\nx int;bEgIn<<a>>lOOp if(a)tHen exit;eND\n\n-- IF\niF;enD/**/LooP a;END\r\nF¶\t;",
    "CREATE PROCEDURE p IS/**/§BEGIN;NULL;END¶;END;",
    // Mistakes that are left to PL/pgSQL to report.
    "CREATE PROCEDURE p IS §BEGIN IF a x := 1; END IF; FOR i IN 1..2 NULL; END LOOP; END¶;",
    "CREATE PROCEDURE p IS §BEGIN x := (1; IF (a THEN NULL; END IF; y := 2); END¶;",
    "CREATE PROCEDURE p IS §BEGIN x := (1; IF a THEN IF b THEN NULL; END IF; END IF; END¶;",
    "CREATE PROCEDURE p IS §BEGIN IF a NULL; x THEN IF; END IF; END¶;",
    "CREATE PROCEDURE p IS §BEGIN x := CASE WHEN a THEN b; IF a THEN NULL; END IF; END¶;",
    "CREATE PROCEDURE p IS §BEGIN CASE a; WHEN 1 THEN NULL; END CASE; <<l ; END¶;",
    "CREATE PROCEDURE p IS §BEGIN BEGIN NULL; END END¶;",
    "CREATE PROCEDURE p IS §BEGIN IF a THEN IF b THEN NULL; END IF END IF; END¶;",
    "CREATE PROCEDURE p IS §BEGIN x := ((1; CREATE RULE r AS DO (a); b)); NULL; END¶;",
    // Names that are keywords in other places
    "CREATE FUNCTION is RETURN is IS §BEGIN RETURN 1; END is¶;",
    "CREATE FUNCTION s.is(is int) RETURN s.as IS §is int; BEGIN NULL; END¶;",
    "CREATE PROCEDURE s.to IS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN SETOF role AS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN role IS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN \"is\" IS §\"x\" int; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int ARRAY[3] IS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN t.c%TYPE IS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN interval day to second(3) IS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int SET x TO DEFAULT, is IS §BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int SET SESSION AUTHORIZATION is IS §BEGIN NULL; END¶;",
    // Variables whose names can also complete a test after IS
    "CREATE FUNCTION f RETURN int IS §unknown boolean; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §json text; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §json \"object\"; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §json begin; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §document CONSTANT text := 'x'; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §nfc s.t; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §normalized record; BEGIN NULL; END¶;",
    "CREATE FUNCTION f RETURN int IS §of integer; BEGIN NULL; END¶;",
    "CREATE PROCEDURE p IS §unknown; json object; BEGIN NULL; END¶;",
];

/// The expected error, given the offsets of `¶` and `§`.
type Expected = fn(at: u32, opened: u32) -> Error;

/// Routines whose end cannot be found. `§` marks where the construct at fault opens,
/// `¶` the position of the error if that is elsewhere.
pub const FAILURES: &[(&str, Expected)] = &[
    ("CREATE PROCEDURE p IS§", unfinished_declarations),
    (
        "CREATE PROCEDURE p AS §x int; y int;",
        unfinished_declarations,
    ),
    ("CREATE PROCEDURE p AS §PRAGMA", unfinished_declarations),
    ("CREATE PROCEDURE p AS §FUNCTION x", unfinished_declarations),
    ("CREATE PROCEDURE p AS §<<l", unfinished_declarations),
    ("CREATE PROCEDURE p AS x int; §BEGIN", unfinished_block),
    (
        "CREATE PROCEDURE p IS §BEGIN INSERT INTO t VALUES (1);",
        unfinished_block,
    ),
    (
        "CREATE PROCEDURE p IS §BEGIN x.END; \"END\"; 'END'; y END;",
        unfinished_block,
    ),
    (
        "CREATE PROCEDURE p IS §BEGIN BEGIN NULL; END;",
        unfinished_block,
    ),
    (
        "CREATE PROCEDURE p IS §BEGIN BEGIN NULL; END",
        unfinished_block,
    ),
    (
        "CREATE PROCEDURE p IS BEGIN DECLARE x int; §BEGIN x;",
        unfinished_block,
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §DECLARE x int;",
        unfinished_declarations,
    ),
    (
        "CREATE PROCEDURE p IS §BEGIN CREATE FUNCTION g() BEGIN",
        unfinished_block,
    ),
    (
        "CREATE PROCEDURE p IS BEGIN CREATE FUNCTION g() §BEGIN ATOMIC SELECT 1; ",
        |_, opened| Error::Unfinished {
            open: Construct::SqlBody,
            opened,
        },
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §IF a THEN LOOP NULL; END LOOP; ",
        |_, opened| Error::Unfinished {
            open: Construct::If,
            opened,
        },
    ),
    (
        "CREATE PROCEDURE p IS BEGIN <<l>> §FOR i IN 1..2 LOOP IF a THEN NULL; END IF;",
        |_, opened| Error::Unfinished {
            open: Construct::Loop,
            opened,
        },
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §CASE a WHEN 1 THEN x := CASE WHEN b THEN 2 END;",
        |_, opened| Error::Unfinished {
            open: Construct::CaseStatement,
            opened,
        },
    ),
    (
        "CREATE PROCEDURE p IS BEGIN x := §CASE a WHEN 1 THEN CASE WHEN 2 THEN 3 END",
        |_, opened| Error::Unfinished {
            open: Construct::CaseExpression,
            opened,
        },
    ),
    // The wrong END
    (
        "CREATE PROCEDURE p IS BEGIN §IF a THEN NULL; ¶END; END;",
        |at, opened| mismatch(Construct::If, opened, Closer::End, at),
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §IF a THEN NULL; ¶END",
        |at, opened| mismatch(Construct::If, opened, Closer::End, at),
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §LOOP NULL; ¶END /* LOOP */ IF; END;",
        |at, opened| mismatch(Construct::Loop, opened, Closer::If, at),
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §CASE WHEN a THEN NULL; ¶END; END;",
        |at, opened| mismatch(Construct::CaseStatement, opened, Closer::End, at),
    ),
    (
        "CREATE PROCEDURE p IS BEGIN §BEGIN NULL; ¶END case; END;",
        |at, opened| mismatch(Construct::Block, opened, Closer::Case, at),
    ),
    (
        "CREATE PROCEDURE p IS §BEGIN NULL; ¶END IF; END;",
        |at, opened| mismatch(Construct::Block, opened, Closer::If, at),
    ),
    (
        "CREATE PROCEDURE p IS §BEGIN NULL; ¶END LOOP",
        |at, opened| mismatch(Construct::Block, opened, Closer::Loop, at),
    ),
    (
        "CREATE PROCEDURE p IS §x := 1; IF a THEN b; ¶END IF; END;",
        |at, opened| mismatch(Construct::Declarations, opened, Closer::If, at),
    ),
    // What Oracle supports and the server does not
    (
        "CREATE PROCEDURE p IS ¶PRAGMA AUTONOMOUS_TRANSACTION; BEGIN NULL; END;",
        |at, _| Error::Pragma {
            autonomous: true,
            at,
        },
    ),
    (
        "CREATE PROCEDURE p IS x int; ¶pragma autonomous_transaction; BEGIN NULL; END;",
        |at, _| Error::Pragma {
            autonomous: true,
            at,
        },
    ),
    (
        "CREATE PROCEDURE p IS BEGIN DECLARE ¶PRAGMA EXCEPTIONS(e, -1); BEGIN NULL; END; END;",
        |at, _| Error::Pragma {
            autonomous: false,
            at,
        },
    ),
    (
        "CREATE PROCEDURE p IS ¶FUNCTION g(a int) RETURN int IS BEGIN",
        subprogram,
    ),
    (
        "CREATE PROCEDURE p IS x int; ¶FUNCTION g RETURN int IS BEGIN",
        subprogram,
    ),
    (
        "CREATE PROCEDURE p IS ¶PROCEDURE q IS BEGIN NULL; END;",
        subprogram,
    ),
    (
        "CREATE PROCEDURE p IS ¶PROCEDURE \"q\" AS BEGIN NULL; END;",
        subprogram,
    ),
];

fn unfinished_declarations(_: u32, opened: u32) -> Error {
    Error::Unfinished {
        open: Construct::Declarations,
        opened,
    }
}

fn unfinished_block(_: u32, opened: u32) -> Error {
    Error::Unfinished {
        open: Construct::Block,
        opened,
    }
}

fn mismatch(open: Construct, opened: u32, found: Closer, at: u32) -> Error {
    Error::Mismatch {
        open,
        opened,
        found,
        at,
    }
}

fn subprogram(at: u32, _: u32) -> Error {
    Error::Subprogram { at }
}

/// Statements that are not routines.
pub const OTHERS: &[&str] = &[
    // PostgreSQL's own triggers (rule D2), and Oracle's without a block
    "CREATE TRIGGER begin BEFORE INSERT ON declare FOR EACH ROW EXECUTE FUNCTION begin(); BEGIN; END;",
    "CREATE OR REPLACE TRIGGER after AFTER UPDATE OF begin OR DELETE ON t EXECUTE FUNCTION f();",
    "CREATE TRIGGER t AFTER TRUNCATE ON t EXECUTE FUNCTION f(); DECLARE",
    "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON begin EXECUTE FUNCTION f();",
    "CREATE TRIGGER v INSTEAD OF INSERT ON v EXECUTE FUNCTION f(); BEGIN",
    "CREATE TRIGGER t AFTER 5 BEGIN",
    "CREATE TRIGGER; BEGIN",
    "CREATE TRIGGER t ON BEGIN",
    "CREATE EDITIONABLE FUNCTION f RETURN int IS BEGIN",
    "CREATE TRIGGER t AFTER LOGON ON DATABASE CALL p; BEGIN; END;",
    "CREATE EVENT TRIGGER t AFTER LOGON ON DATABASE EXECUTE FUNCTION f(); BEGIN",
    "",
    ";",
    "SELECT 1 IS NULL AS begin;",
    "BEGIN; CREATE FUNCTION f RETURN int IS BEGIN",
    "DO $$ BEGIN NULL; END $$;",
    "CREATE TABLE t AS SELECT 1;",
    "CREATE OR SELECT FUNCTION f IS BEGIN",
    "CREATE OR REPLACE VIEW is AS SELECT 1;",
    "CREATE AGGREGATE a(int) (sfunc = f);",
    "CREATE FUNCTION",
    "CREATE FUNCTION 'f' IS BEGIN",
    "CREATE FUNCTION s.; IS BEGIN",
    // String bodies
    "CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql;",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;",
    "CREATE OR REPLACE PROCEDURE p(a int DEFAULT 1 IS NULL) LANGUAGE plpgsql AS $x$BEGIN END$x$;",
    "CREATE PROCEDURE p AS E'x', 'y' LANGUAGE c;",
    "CREATE PROCEDURE p AS N'x';",
    "CREATE PROCEDURE p AS U&'x';",
    "CREATE FUNCTION is() RETURNS int AS 'x';",
    "CREATE FUNCTION s.is(is is) RETURNS is AS 'x';",
    "CREATE FUNCTION f() RETURNS is LANGUAGE is AS 'x';",
    "CREATE PROCEDURE p() LANGUAGE is AS 'x';",
    "CREATE PROCEDURE p() SET x TO is AS 'x';",
    "CREATE PROCEDURE p() SET x = is AS 'x';",
    "CREATE PROCEDURE p() SET x TO a, is AS 'x';",
    "CREATE PROCEDURE p() SET ROLE is SET SESSION AUTHORIZATION is AS 'x';",
    "CREATE PROCEDURE p() SET role TO is AS 'x';",
    "CREATE PROCEDURE p() TRANSFORM FOR TYPE is, FOR TYPE is AS 'x' LANGUAGE c;",
    "CREATE PROCEDURE p() TRANSFORM FOR TYPE x, FOR TYPE is LANGUAGE c AS 'x';",
    "CREATE FUNCTION f() RETURNS SETOF s.is AS 'x';",
    "CREATE FUNCTION f() RETURNS TABLE(is int) AS 'x';",
    // Mixtures of the two forms, which no server accepts
    "CREATE FUNCTION f() RETURNS int IS BEGIN RETURN 1; END;",
    "CREATE FUNCTION f() RETURNS int AS BEGIN RETURN 1; END;",
    "CREATE FUNCTION f RETURN int BEGIN RETURN 1; END;",
    "CREATE FUNCTION f RETURN int AS 'x';",
    "CREATE FUNCTION f RETURN int IS 'x';",
    "CREATE FUNCTION f RETURN IS BEGIN RETURN 1; END;",
    "CREATE PROCEDURE p AS;",
    "CREATE PROCEDURE p IS;",
    "CREATE PROCEDURE p AS (SELECT 1);",
    "CREATE PROCEDURE p AS :'variable';",
    "CREATE PROCEDURE p IS NULL; BEGIN",
    "CREATE PROCEDURE p; IS BEGIN NULL; END",
    // Standard SQL bodies
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS begin; SELECT a IS NULL; END;",
    "CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1 AS x; END;",
    "CREATE PROCEDURE p() SET x TO begin BEGIN ATOMIC SELECT 1 AS x; END;",
    "CREATE FUNCTION f() RETURNS int RETURN a IS NULL;",
    "CREATE FUNCTION f() RETURNS is RETURN is IS NULL;",
    "CREATE FUNCTION f(a int) RETURN a IS NULL;",
    "CREATE FUNCTION f(a int) RETURN a IS NOT NULL;",
    "CREATE FUNCTION f(a int) RETURN a IS TRUE;",
    "CREATE FUNCTION f(a int) RETURN f(a) IS FALSE;",
    "CREATE FUNCTION f(a int) RETURN a IS DISTINCT FROM 1;",
    "CREATE FUNCTION f(a int) RETURN a IS UNKNOWN;",
    "CREATE FUNCTION f(a int) RETURN a IS UNKNOWN",
    "CREATE FUNCTION f(a int) RETURN a IS UNKNOWN AND b IS unknown;",
    "CREATE FUNCTION f(a int) RETURN a IS UNKNOWN IS NULL;",
    "CREATE FUNCTION f(a int) RETURN a.b IS DOCUMENT OR c;",
    "CREATE FUNCTION f(a int) RETURN a IS NORMALIZED;",
    "CREATE FUNCTION f(a int) RETURN a IS NFC NORMALIZED;",
    "CREATE FUNCTION f(a int) RETURN a IS NFKD NORMALIZED;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON OBJECT WITH UNIQUE KEYS;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON ARRAY;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON SCALAR;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON VALUE;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON WITHOUT UNIQUE;",
    "CREATE FUNCTION f(a int) RETURN a IS JSON = true;",
    "CREATE FUNCTION f(a int) RETURN a IS OF (int);",
    "CREATE FUNCTION f(a int) RETURN a IS UNKNOWN IN (b);",
    "CREATE FUNCTION f(a int) RETURN 1;",
    "CREATE FUNCTION f(a int) RETURN 'x' IS NULL;",
    "CREATE FUNCTION f(a int) RETURN (a IS unknown x);",
    "CREATE FUNCTION f(a int) RETURN -a IS unknown x;",
    "CREATE FUNCTION f(a int) RETURN CASE WHEN a IS JSON THEN 1 WHEN a IS json THEN 2 END;",
    "CREATE FUNCTION f(a int) RETURN NOT a IS x;",
    "CREATE FUNCTION f(a int) RETURN a = is;",
    "CREATE FUNCTION f(a int) RETURN a + b",
];
