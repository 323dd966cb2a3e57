//! Tests of the translation of whole texts.

mod properties;
mod refusals;
mod statements;
mod triggers;

use super::condition::SQLCODE;
use super::context::SESSION_ID;
use super::query::VIEWS;
use super::{Failure, Names, Refusal, Relation, Routine, Source, Translation, translate};
use refusals::REFUSALS;
use statements::STATEMENTS;
use triggers::TRIGGERS;

/// Catalogs for the tests.
#[derive(Clone, Copy, Debug, Default)]
struct Catalog {
    /// The extension `oracle_session` is there.
    extension: bool,
    /// So is orafce.
    orafce: bool,
    /// There are types with Oracle's names.
    types: bool,
}

fn dotted(name: &[Vec<u8>]) -> String {
    let parts: Vec<_> = name
        .iter()
        .map(|part| String::from_utf8_lossy(part))
        .collect();
    parts.join(".")
}

impl Names for Catalog {
    type Error = String;

    fn is_type(&mut self, name: &[Vec<u8>]) -> Result<bool, String> {
        let ours = matches!(
            dotted(name).as_str(),
            "number" | "varchar2" | "q" | "immediate"
        );
        Ok(matches!(dotted(name).as_str(), "integer" | "text") || (ours && self.types))
    }

    fn routine(&mut self, name: &[Vec<u8>]) -> Result<Routine, String> {
        let name = dotted(name);
        let session =
            name.starts_with("dbms_session.") || name.starts_with("dbms_application_info.");
        Ok(match name.as_str() {
            "log_logon" | "log_it" | "hr.log_it" => Routine::Procedure,
            "note_logon" => Routine::Function,
            "dbms_output.put_line" if self.orafce => Routine::Function,
            _ if session && self.extension => Routine::Procedure,
            _ => Routine::None,
        })
    }

    fn takes(&mut self, name: &[Vec<u8>], arguments: usize) -> Result<bool, String> {
        Ok(match (dotted(name).as_str(), arguments) {
            ("decode" | "to_number" | "to_char" | "to_date" | "trunc", 2) | ("trunc", 1) => true,
            ("nvl" | "instr", 2) | ("nvl2" | "instr", 3) | ("instr", 4) | ("decode", 3..) => {
                self.orafce
            }
            ("dbms_session.is_role_enabled", 1) | ("dbms_session.unique_session_id", 0) => {
                self.extension
            }
            _ => false,
        })
    }

    fn relation(&mut self, name: &[Vec<u8>]) -> Result<Relation, String> {
        Ok(match dotted(name).as_str() {
            "audit_seq" | "hr.audit_seq" => Relation::Sequence,
            "dual" if self.orafce => Relation::Other,
            "fired" => Relation::Other,
            _ => Relation::None,
        })
    }

    fn is_closed(&mut self, schema: &[u8]) -> Result<bool, String> {
        Ok(schema != b"dbms_foreign")
    }
    fn has_oracle_session(&mut self) -> Result<bool, String> {
        Ok(self.extension)
    }

    fn has_column(&mut self, relation: &[Vec<u8>], column: &[u8]) -> Result<bool, String> {
        Ok(dotted(relation) == "clocks" && column == b"sysdate")
    }
}

/// Translates a text as that of a trigger, or of another routine with a parameter `p_name`.
fn run(body: &str, trigger: bool, mut catalog: Catalog) -> Result<Option<Translation>, Refusal> {
    let source = Source {
        standard_strings: true,
        trigger,
        parameters: vec![b"p_name".to_vec()],
    };
    match translate(body.as_bytes(), &source, &mut catalog) {
        Ok(translation) => Ok(translation),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Names(error)) => panic!("{error}"),
    }
}

/// The translation; the text itself, if it stays.
fn text(body: &str, trigger: bool, catalog: Catalog) -> String {
    match run(body, trigger, catalog) {
        Ok(Some(translation)) => String::from_utf8(translation.text().to_vec()).unwrap(),
        Ok(None) => body.to_owned(),
        Err(refusal) => panic!("{body}: {refusal:?}"),
    }
}

/// A text with what `‹…›` stands for.
fn expand(text: &str) -> String {
    let mut text = text
        .replace("‹SQLCODE›", SQLCODE)
        .replace("‹SESSIONID›", SESSION_ID);
    for (name, view) in VIEWS {
        text = text.replace(&format!("‹{name}›"), view);
    }
    text
}

/// Rule D10.
#[test]
fn triggers_are_translated() {
    for (body, expected) in TRIGGERS {
        let expected = if expected.is_empty() {
            (*body).to_owned()
        } else {
            expand(expected)
        };
        assert_eq!(text(body, true, Catalog::default()), expected);
    }
    assert_eq!(TRIGGERS.len(), 23);
}

/// Rule D10.
#[test]
fn statements_are_translated() {
    for (body, expected) in STATEMENTS {
        assert_eq!(text(body, true, Catalog::default()), expand(expected));
    }
}

/// Rule D10: in the style of PostgreSQL's messages, at what is refused.
#[test]
fn what_has_no_translation_is_refused() {
    for (case, message) in REFUSALS {
        let position = case.find('¶').unwrap();
        let body = case.replace('¶', "");
        let refusal = run(&body, true, Catalog::default()).expect_err(case);
        assert_eq!(
            (refusal.message.as_str(), refusal.position),
            (*message, position),
            "{case}"
        );
        assert!(!message.ends_with('.'), "{message}");
        let hint = refusal.hint.unwrap();
        assert!(
            hint.ends_with('.') && hint.starts_with(char::is_uppercase),
            "{hint}"
        );
        assert_eq!(refusal.sqlstate.len(), 5);
    }
}

/// Rule D10: what PL/pgSQL accepts and runs.
#[test]
fn what_runs_keeps_its_text() {
    for body in [
        "",
        "BEGIN",
        "BEGIN NULL; END",
        "DECLARE d DATE; v VARCHAR2(10 CHAR); BEGIN SELECT a INTO v FROM t; d := USER; x := 7 / 2; END",
        "DECLARE sysdate date; nvl int; BEGIN x := sysdate; INSERT INTO t VALUES (sysdate - 1); END",
        "DECLARE rownum int; sql int; rowcount int; BEGIN x := sql%rowcount; SELECT a INTO b FROM t WHERE rownum = 1; END",
        "DECLARE immediate text; BEGIN EXECUTE immediate; EXECUTE immediate || 'x'; END",
        "BEGIN SELECT sysdate INTO x FROM clocks; SELECT t.sysdate, 1 AS sysdate, 2 sysdate INTO x FROM t; END",
        "BEGIN x := DECODE('00', 'hex'); x := TO_NUMBER(a, '9'); x := TO_CHAR(a, 'x'); x := TRUNC(1.5); END",
        "DECLARE c CURSOR FOR SELECT 1; BEGIN FOR r IN c LOOP NULL; END LOOP; FOR r IN SELECT 1 LOOP NULL; END LOOP; END",
        "DECLARE r record; BEGIN FOR r IN (SELECT 1) LOOP NULL; END LOOP; FOR i IN REVERSE 1..2 LOOP NULL; END LOOP; END",
        "BEGIN CALL log_it(); PERFORM note_logon('x'); EXECUTE 'x' INTO STRICT y USING z; RAISE NOTICE '%', x; END",
        "BEGIN RAISE no_data_found; EXCEPTION WHEN unique_violation OR SQLSTATE '22012' THEN RAISE; WHEN OTHERS THEN NULL; END",
        "DECLARE cursor int; type int; pragma int; subtype int; BEGIN cursor := 1; type := 2; END",
        "BEGIN <<l>> WHILE a LOOP EXIT l; END LOOP l; IF b THEN NULL; END IF; CASE c WHEN 1 THEN NULL; END CASE; END",
        "BEGIN SELECT a minus FROM t; SELECT user.a, b.minus FROM c.dual; SELECT s.nextval INTO x FROM seqs s; END",
        "BEGIN CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT nvl(1, 2); END; TRUNCATE t; SET x = 'y'; END",
        "-- SYSDATE\nBEGIN /* NVL(a, b) */ x := 'SYSDATE' || $$SYSDATE$$ || \"SYSDATE\"; END",
        "BEGIN a.b(1) := 2; x[1] := 3; x = 4; log_it := 5; END",
    ] {
        assert_eq!(run(body, true, Catalog::default()), Ok(None), "{body}");
    }
    // What is not at the end of a trigger can commit.
    assert_eq!(
        run("BEGIN COMMIT; ROLLBACK; END", false, Catalog::default()),
        Ok(None)
    );
}

/// Rule D10: what other extensions have takes precedence.
#[test]
fn what_is_found_is_called() {
    let orafce = Catalog {
        orafce: true,
        ..Catalog::default()
    };
    for body in [
        "BEGIN x := NVL(a, b) || DECODE(a, b, c) || INSTR(a, b) || NVL2(a, b, c); END",
        "BEGIN SELECT 1 INTO x FROM dual; END",
    ] {
        assert_eq!(run(body, true, orafce), Ok(None), "{body}");
    }
    assert_eq!(
        text("BEGIN DBMS_OUTPUT.PUT_LINE(NVL(a, b)); END", true, orafce),
        "BEGIN PERFORM DBMS_OUTPUT.PUT_LINE(NVL(a, b)); END"
    );
    let types = Catalog {
        types: true,
        ..Catalog::default()
    };
    for body in [
        "DECLARE n NUMBER; BEGIN x := q'[y]'; x := CAST(y AS NUMBER); END",
        "BEGIN EXECUTE IMMEDIATE 'x'; END",
    ] {
        assert_eq!(run(body, true, types), Ok(None), "{body}");
    }
    assert_eq!(
        text(
            "DECLARE v VARCHAR2(10); BEGIN x := SYSDATE; END",
            true,
            types
        ),
        "DECLARE v VARCHAR2(10); BEGIN x := LOCALTIMESTAMP(0); END"
    );
}

/// Rules D10 and D12.
#[test]
fn the_extension_is_called() {
    let extension = Catalog {
        extension: true,
        ..Catalog::default()
    };
    for (body, expected) in [
        (
            "BEGIN x := SYS_CONTEXT('USERENV', 'LANGUAGE'); END",
            "BEGIN x := oracle_session.sys_context('USERENV', 'LANGUAGE'); END",
        ),
        (
            "BEGIN x := SYS_CONTEXT(a, b, 30); END",
            "BEGIN x := oracle_session.sys_context(a, b, 30); END",
        ),
        (
            "BEGIN x := USERENV('SESSIONID'); END",
            "BEGIN x := oracle_session.sys_context('USERENV', 'SESSIONID')::bigint; END",
        ),
        (
            "BEGIN DBMS_SESSION.SET_CONTEXT('a', 'b', c); END",
            "BEGIN CALL DBMS_SESSION.SET_CONTEXT('a', 'b', c); END",
        ),
        (
            "BEGIN DBMS_SESSION.CLEAR_IDENTIFIER; END",
            "BEGIN CALL DBMS_SESSION.CLEAR_IDENTIFIER(); END",
        ),
        (
            "BEGIN x := DBMS_SESSION.UNIQUE_SESSION_ID; END",
            "BEGIN x := DBMS_SESSION.UNIQUE_SESSION_ID(); END",
        ),
        (
            "BEGIN EXECUTE IMMEDIATE v; END",
            "BEGIN EXECUTE oracle_session.statement(v); END",
        ),
        (
            "BEGIN EXECUTE IMMEDIATE v INTO a USING b, IN c; END",
            "BEGIN EXECUTE oracle_session.statement(v) INTO STRICT a USING b, c; END",
        ),
        (
            "BEGIN EXECUTE IMMEDIATE 'ALTER SESSION SET CURRENT_SCHEMA = hr'; END",
            "BEGIN SET search_path = hr; END",
        ),
    ] {
        assert_eq!(text(body, true, extension), expected);
    }
    let none = "BEGIN IF DBMS_SESSION.IS_ROLE_ENABLED('CLERK') THEN NULL; END IF; END";
    assert_eq!(run(none, true, extension), Ok(None));
}

/// Rule D10: a routine that no session event runs has none of the variables.
#[test]
fn other_routines_ask_the_session() {
    for (body, expected) in [
        (
            "BEGIN x := SYS_CONTEXT('USERENV', 'SESSION_USER') || SYS_CONTEXT('USERENV', 'IP_ADDRESS') || USER; END",
            "BEGIN x := session_user || HOST(inet_client_addr()) || session_user; END",
        ),
        ("BEGIN COMMIT WORK; END", "BEGIN COMMIT; END"),
        // DECLARE precedes the text of a routine that has declarations.
        (
            "n NUMBER; BEGIN FOR r IN (SELECT 1) LOOP NULL; END LOOP; END",
            "n numeric; r record; BEGIN FOR r IN (SELECT 1) LOOP NULL; END LOOP; END",
        ),
        (
            "BEGIN FOR r IN (SELECT 1) LOOP NULL; END LOOP; END",
            "DECLARE r record; BEGIN FOR r IN (SELECT 1) LOOP NULL; END LOOP; END",
        ),
        (
            "BEGIN FOR p_name IN (SELECT NVL(1, 2)) LOOP NULL; END LOOP; END",
            "BEGIN FOR p_name IN (SELECT COALESCE(1, 2)) LOOP NULL; END LOOP; END",
        ),
    ] {
        assert_eq!(text(body, false, Catalog::default()), expected);
    }
}

/// Rule D10: errors keep their line and column.
#[test]
fn offsets_map_back() {
    let body =
        "DECLARE\n  CURSOR c IS\n    SELECT NVL(a, 1) FROM t;\nBEGIN\n  log_it (\n    x);\nEND";
    let translation = run(body, true, Catalog::default()).unwrap().unwrap();
    let translated = std::str::from_utf8(translation.text()).unwrap();
    for (here, there) in [
        ("DECLARE", "DECLARE"),
        ("SELECT", "SELECT"),
        ("COALESCE", "NVL"),
        ("a, 1", "a, 1"),
        ("CALL", "log_it"),
        ("x);", "x);"),
        ("END", "END"),
    ] {
        let (at, origin) = (translated.find(here).unwrap(), body.find(there).unwrap());
        assert_eq!(translation.origin(at), origin, "{here}");
    }
    assert_eq!(translation.origin(translated.len()), body.len());
    assert_eq!(translation.origin(usize::MAX), body.len());
}

/// Rule D10: newlines in what is left out stay, and comments do.
#[test]
fn lines_and_comments_stay() {
    assert_eq!(
        text(
            "BEGIN\n  RAISE_APPLICATION_ERROR(\n    -20001, -- number\n    'x' -- text\n  );\n  COMMIT /* all */ WORK;\nEND",
            true,
            Catalog::default()
        ),
        "BEGIN\n  RAISE EXCEPTION '%',\n -- number\n    'x' -- text\n   USING ERRCODE = 'U0001';\n  NULL /* all */;\nEND"
    );
}

/// Rule D6.
#[test]
fn names_are_asked_as_catalogs_have_them() {
    struct Ask(Vec<String>);
    impl Names for Ask {
        type Error = ();
        fn is_type(&mut self, name: &[Vec<u8>]) -> Result<bool, ()> {
            self.0.push(dotted(name));
            Ok(false)
        }
        fn routine(&mut self, name: &[Vec<u8>]) -> Result<Routine, ()> {
            self.0.push(dotted(name));
            Ok(Routine::Procedure)
        }
        fn takes(&mut self, _: &[Vec<u8>], _: usize) -> Result<bool, ()> {
            Err(())
        }
        fn relation(&mut self, _: &[Vec<u8>]) -> Result<Relation, ()> {
            Ok(Relation::None)
        }
        fn is_closed(&mut self, schema: &[u8]) -> Result<bool, ()> {
            Ok(schema != b"dbms_foreign")
        }
        fn has_oracle_session(&mut self) -> Result<bool, ()> {
            Ok(false)
        }
    }
    let mut ask = Ask(Vec::new());
    let body =
        "DECLARE n NUMBER; m NUMBER; BEGIN Hr.\"Do \"\"it\"\"\"; HR.\"Do \"\"it\"\"\"(1); END";
    assert!(matches!(
        translate(body.as_bytes(), &Source::default(), &mut ask),
        Ok(Some(_))
    ));
    assert_eq!(ask.0, ["number", "hr.Do \"it\""]);
    let failed = translate(b"BEGIN x := NVL(a, b); END", &Source::default(), &mut ask);
    assert_eq!(failed, Err(Failure::Names(())));
}

/// Writes the cases of the tables as seeds for the fuzz target.
#[test]
#[ignore = "writes files; run it when the tables have changed"]
fn write_fuzz_seeds() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/translate");
    std::fs::create_dir_all(directory).unwrap();
    let cases = TRIGGERS.iter().chain(STATEMENTS).chain(REFUSALS);
    for (number, (case, _)) in cases.enumerate() {
        std::fs::write(
            format!("{directory}/seed-{number:03}"),
            case.replace('¶', ""),
        )
        .unwrap();
    }
}
