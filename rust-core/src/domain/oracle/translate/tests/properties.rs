//! Properties of the translation of any text.

use super::super::testing::{check, check_twice};
use super::{Catalog, statements::STATEMENTS, triggers::TRIGGERS};
use proptest::prelude::*;
use proptest::sample::select;

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

/// The nanoseconds for which a processor has run this thread, whatever runs besides.
fn processor_time() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    times.split(' ').next().unwrap().parse().unwrap()
}

/// Rule D6: texts that make the parts of the translation work, of two lengths.
#[test]
fn time_is_linear() {
    const SHORT: usize = 1 << 12;
    const TIMES: usize = 16;
    // In nanoseconds
    const CLOCK_TICK: u64 = 10_000_000;
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
        let time = |length: usize, times: usize| {
            let body = format!("{start}{}{end}", middle.repeat(length / middle.len()));
            let begun = processor_time();
            for _ in 0..times {
                let _ = super::run(&body, true, Catalog::default());
            }
            processor_time() - begun
        };
        // As much text, in one piece and in many. Quadratic time would be 16 times as long. The
        // clock may tick only once in some milliseconds, and a busy machine can spoil many
        // measurements in a row, so one good measurement of many is enough.
        let good =
            (0..20).any(|_| time(SHORT * TIMES, 1) <= 2 * time(SHORT, TIMES) + 2 * CLOCK_TICK);
        assert!(good, "{middle}");
    }
}
