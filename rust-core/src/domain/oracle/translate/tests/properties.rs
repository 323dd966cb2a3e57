//! Properties of the translation of any text.

use super::super::testing::{check, check_twice};
use super::{Catalog, statements::STATEMENTS, triggers::TRIGGERS};
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Instant;

/// Pieces of texts, some of Oracle's and some of PostgreSQL's.
const PIECES: [&str; 96] = [
    "BEGIN",
    "END",
    ";",
    ";",
    "DECLARE",
    "EXCEPTION",
    "WHEN",
    "OTHERS",
    "THEN",
    "IF",
    "ELSIF",
    "ELSE",
    "END IF",
    "LOOP",
    "END LOOP",
    "FOR",
    "r",
    "IN",
    "(SELECT",
    "SELECT",
    "FROM",
    "DUAL",
    "WHERE",
    "AND",
    "OR",
    "ROWNUM",
    "=",
    "<=",
    "1",
    "(",
    ")",
    ",",
    ".",
    "a",
    "b",
    "NVL(",
    "NVL2(",
    "DECODE(",
    "INSTR(",
    "TRUNC(",
    "SYSDATE",
    "-",
    "+",
    "/",
    "*",
    "SYSTIMESTAMP",
    "SYS_CONTEXT(",
    "'USERENV'",
    "'SESSION_USER'",
    "USERENV(",
    "SQLCODE",
    "SQL%ROWCOUNT",
    "c%NOTFOUND",
    "CURSOR c IS",
    "e EXCEPTION",
    "PRAGMA EXCEPTION_INIT(e, -1)",
    "RAISE",
    "e",
    "RAISE_APPLICATION_ERROR(-20001,",
    "EXECUTE IMMEDIATE",
    "'SELECT :1'",
    "USING",
    "INTO",
    "COMMIT",
    "log_it",
    "DBMS_OUTPUT.PUT_LINE(",
    "DBMS_SESSION.SET_ROLE(",
    "'ALTER SESSION SET TIME_ZONE = ''x'''",
    "||",
    "q'[it's]'",
    "MINUS",
    "audit_seq.NEXTVAL",
    "USER",
    "NUMBER(",
    "NUMBER",
    "VARCHAR2",
    "CAST(",
    "AS",
    ":=",
    "FETCH c INTO",
    "OPEN c FOR",
    "WHILE",
    "CASE",
    "REVERSE 1..",
    "UPDATE",
    "t SET t.a =",
    "MERGE INTO",
    "DELETE",
    "\n",
    "-- x\n",
    "/* y */",
    "\"q\"",
    "v$session",
    "^=",
    "SUBTYPE s IS",
    "TYPE",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    /// Rules D6 and D10: [`check`] checks the invariants.
    #[test]
    fn any_pieces_keep_the_invariants(text in soup(), trigger: bool, extension: bool) {
        check(text.as_bytes(), trigger, extension);
        check(format!("BEGIN {text}; END").as_bytes(), trigger, extension);
        check(format!("DECLARE {text}; BEGIN NULL; END").as_bytes(), trigger, extension);
    }

    #[test]
    fn any_bytes_keep_the_invariants(text in prop::collection::vec(any::<u8>(), 0..200), trigger: bool) {
        check(&text, trigger, false);
    }
}

/// A translation has nothing to translate, and other invariants.
#[test]
fn the_cases_keep_the_invariants() {
    for (body, _) in TRIGGERS.iter().chain(STATEMENTS) {
        check_twice(body.as_bytes(), true, false);
        check_twice(body.as_bytes(), false, true);
        // Whatever is cut off.
        for end in (0..body.len()).step_by(7) {
            check(&body.as_bytes()[..end], true, false);
        }
    }
}

/// Rule D6: texts that make the parts of the translation work, of two lengths.
#[test]
fn time_is_linear() {
    const SHORT: usize = 1 << 12;
    const TIMES: usize = 16;
    let texts: [(&str, &str, &str); 22] = [
        ("BEGIN x := ", "NVL(a, 1) + ", "1; END"),
        ("BEGIN x := ", "NVL(", "1; END"),
        ("BEGIN x := ", "(", "1; END"),
        ("BEGIN x := DECODE(", "a, NULL, ", "1); END"),
        ("BEGIN x := ", "DECODE(a, NULL, ", "1; END"),
        (
            "BEGIN x := ",
            "DECODE(DECODE(a, NULL, b), NULL, c), ",
            "1; END",
        ),
        ("BEGIN x := ", "SYSDATE - 1 + ", "1; END"),
        ("BEGIN x := SYSDATE", " - 1", "; END"),
        ("BEGIN x := ", "SYSDATE, ", "1; END"),
        ("BEGIN x := ", "a.", "nextval; END"),
        ("BEGIN x := ", "s.nextval + ", "1; END"),
        (
            "BEGIN SELECT a INTO b FROM t WHERE ",
            "(SELECT 1 WHERE ROWNUM = 1 AND a) AND ",
            "a; END",
        ),
        (
            "BEGIN SELECT a INTO b FROM t WHERE ",
            "a AND ",
            "ROWNUM = 1; END",
        ),
        ("BEGIN ", "log_it; ", "END"),
        ("BEGIN ", "FOR r IN (SELECT 1) LOOP NULL; END LOOP; ", "END"),
        ("BEGIN ", "DECLARE e EXCEPTION; BEGIN RAISE e; END; ", "END"),
        ("DECLARE ", "n NUMBER; ", "BEGIN NULL; END"),
        ("BEGIN EXECUTE IMMEDIATE '", ":1, ", "' || NVL(a, b); END"),
        ("BEGIN EXECUTE IMMEDIATE ", "'x' || ", "a USING b; END"),
        ("BEGIN ", "UPDATE t SET t.a = 1; x := SQL%ROWCOUNT; ", "END"),
        ("BEGIN x := NVL(1, 2)", "                ", "; END"),
        ("BEGIN x := q'[", "'", "]'; END"),
    ];
    for (start, middle, end) in texts {
        let time = |length: usize| {
            let body = format!("{start}{}{end}", middle.repeat(length / middle.len()));
            (0..2)
                .map(|_| {
                    let begun = Instant::now();
                    let _ = super::run(&body, true, Catalog::default());
                    begun.elapsed()
                })
                .min()
                .unwrap()
        };
        // Quadratic time would be 256 times as long. A busy machine can spoil many
        // measurements in a row, so one good measurement within ten seconds is enough.
        let begun = Instant::now();
        while time(SHORT * TIMES) > time(SHORT) * 2 * TIMES as u32 {
            assert!(begun.elapsed().as_secs() < 10, "{middle}");
        }
    }
}
