//! Tests of the automata on whole statements. What concerns one file alone is tested
//! in that file.

mod cases;

use super::testing::{Outcome, run, run_body, run_scan, run_trigger, tokens};
use super::{
    Body, Construct, Error, Form, Header, Lexeme, Lexer, Progress, Scan, Statement, Token,
};
use cases::{FAILURES, OTHERS, ROUTINES};

/// A case's text without its marks, and the offsets that `§` and `¶` marked.
fn unmark(case: &str) -> (String, Option<usize>, Option<usize>) {
    let (mut text, mut section, mut pilcrow) = (String::new(), None, None);
    for letter in case.chars() {
        match letter {
            '§' => section = Some(text.len()),
            '¶' => pilcrow = Some(text.len()),
            _ => text.push(letter),
        }
    }
    (text, section, pilcrow)
}

/// The offset of the first token at or after `at`.
fn token_from(text: &str, at: usize) -> usize {
    tokens(text.as_bytes())
        .iter()
        .map(|lexeme| lexeme.start)
        .find(|&start| start >= at)
        .unwrap_or(text.len())
}

/// Rules D2 and D4.
#[test]
fn routines_end_where_marked() {
    for case in ROUTINES {
        let (text, body, end) = unmark(case);
        let expected = Outcome::Ends {
            body: token_from(&text, body.unwrap()),
            end: end.unwrap(),
        };
        assert_eq!(run(text.as_bytes()), expected, "{case}");
    }
}

/// Rule D3.
#[test]
fn routines_without_an_end_fail() {
    for (case, error) in FAILURES {
        let (text, opened, at) = unmark(case);
        let error = error(at.unwrap_or(0) as u32, opened.unwrap_or(0) as u32);
        assert_eq!(run(text.as_bytes()), Outcome::Fails(error), "{case}");
        let position = at.or(opened).map(|position| position as u32);
        assert_eq!(Some(error.position()), position, "{case}");
    }
}

/// Rule D2.
#[test]
fn other_statements_are_not_routines() {
    for text in OTHERS {
        assert_eq!(run(text.as_bytes()), Outcome::Other, "{text}");
    }
}

/// Rule D4: the first semicolon at which the statement is not open is the one after
/// the routine.
#[test]
fn psql_sends_routines_whole() {
    for case in ROUTINES {
        let (text, _, end) = unmark(case);
        let mut statement = Statement::new();
        let mut sent = None;
        for lexeme in tokens(text.as_bytes()) {
            statement.feed(lexeme.token, lexeme.start as u32);
            if lexeme.token == Token::Semicolon && !statement.is_open() {
                sent = Some(lexeme.start);
                break;
            }
        }
        let rest = tokens(text.as_bytes())
            .iter()
            .map(|lexeme| lexeme.start)
            .find(|&start| start >= end.unwrap() && text.as_bytes()[start] == b';');
        assert_eq!(sent, rest, "{case}");
        assert!(statement.is_routine(), "{case}");
    }
}

/// The header as the server's grammar reads it, from RETURN on.
#[test]
fn headers_after_parameters_are_decided() {
    let table = [
        ("RETURN event_trigger IS BEGIN", Form::Routine { ahead: 1 }),
        ("RETURN int AS x", Form::Routine { ahead: 1 }),
        ("RETURN int IS json text", Form::Routine { ahead: 2 }),
        ("IS json", Form::Routine { ahead: 1 }),
        ("RETURN a IS JSON;", Form::Other),
        ("RETURN a IS NULL", Form::Other),
        ("RETURN a;", Form::Other),
        ("RETURN a IS", Form::Undecided),
        ("RETURN a IS JSON", Form::Undecided),
    ];
    for (text, expected) in table {
        let mut header = Header::after_parameters();
        let mut form = Form::Undecided;
        for lexeme in tokens(text.as_bytes()) {
            assert_eq!(form, Form::Undecided, "{text}");
            form = header.feed(lexeme.token);
        }
        assert_eq!(form, expected, "{text}");
    }
}

#[test]
fn a_missing_body_is_an_unfinished_one() {
    for text in ["RETURN int AS", "RETURN int IS"] {
        let mut header = Header::after_parameters();
        for lexeme in tokens(text.as_bytes()) {
            header.feed(lexeme.token);
        }
        assert_eq!(header.feed(Token::End), Form::Routine { ahead: 1 });
    }
    let error = Body::new().feed(Token::End, 7);
    let open = Construct::Declarations;
    assert_eq!(error, Err(Error::Unfinished { open, opened: 7 }));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "BEGIN ".repeat(depth) + &"NULL; END; ".repeat(depth);
    let text = nested(Body::LIMIT);
    let end = text.len() - "; ".len();
    assert_eq!(run_body(text.as_bytes()), Ok(end));
    let text = nested(Body::LIMIT + 1);
    let at = (Body::LIMIT * "BEGIN ".len()) as u32;
    assert_eq!(run_body(text.as_bytes()), Err(Error::TooDeep { at }));
}

#[test]
fn parentheses_have_no_limit() {
    let many = usize::from(u16::MAX) + 10;
    let text = format!(
        "BEGIN x := {}1{}; x := {}; END; END",
        "(".repeat(many),
        ")".repeat(many + 1),
        "(".repeat(many),
    );
    let end = text.len() - "; END".len();
    assert_eq!(run_body(text.as_bytes()), Ok(end));
}

/// C allocates the automata, and psql's lexer holds one by value.
#[test]
fn automata_are_small() {
    assert_eq!(size_of::<Header>(), 8);
    assert!(size_of::<Statement>() <= 2048);
}

/// The inputs that the fuzzer has found to reach different code.
fn corpus() -> Vec<Vec<u8>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/routine");
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

/// The invariants hold for every input in the fuzzer's corpus.
#[test]
fn the_fuzz_corpus_passes() {
    let texts = corpus();
    assert!(texts.len() > 50);
    for text in texts {
        let _ = run(&text);
        let _ = run_body(&text);
        run_scan(&text);
        run_trigger(&text);
    }
}

/// Rule D6: parsing takes time in proportion to the text. Each case is repeated to
/// make a text, and another one that is four times as long; that one would take 16
/// times as long if the time were quadratic. A busy machine can spoil many measurements
/// in a row, so one good measurement within ten seconds is enough.
#[test]
fn time_is_linear() {
    let cases = ROUTINES.iter().chain(OTHERS).map(|case| unmark(case).0);
    let failures = FAILURES.iter().map(|(case, _)| unmark(case).0);
    let mut texts: Vec<Vec<u8>> = cases.chain(failures).map(String::into_bytes).collect();
    texts.extend(corpus());
    texts.extend(
        [
            "a", "+", "+-", "=+", "$", "$a", "$a$", "'", "''", "'\n", "E'\\", "\"", "/*", "/**/",
            "--", "--\n", "<<", "<<>>", "(", ")", "1.", "..", " ", "é", "CASE ", "BEGIN ", ";",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    for text in texts.iter().filter(|text| !text.is_empty()) {
        let start = std::time::Instant::now();
        loop {
            let (short, long) = (seconds(text, 16 << 10), seconds(text, 64 << 10));
            if long < 8.0 * short {
                break;
            }
            let name = String::from_utf8_lossy(text);
            assert!(start.elapsed().as_secs() < 10, "{name}");
        }
    }
}

/// The time that the lexer and the automata take for `size` bytes of copies of a
/// text, in seconds.
fn seconds(text: &[u8], size: usize) -> f64 {
    let text = text.repeat(size / text.len() + 1);
    let start = std::time::Instant::now();
    let mut lexer = Lexer::new(&text, 0, true);
    let mut header = Header::after_parameters();
    while header.read(&mut lexer, 100) == Form::Undecided {}
    let mut lexer = Lexer::new(&text, 0, true);
    let (mut body, mut scan) = (Body::new(), Scan::new());
    loop {
        let Lexeme { start, end, token } = lexer.next_token();
        let _ = body.feed(token, start as u32);
        scan.take(&text[start..end]);
        if token == Token::End {
            break;
        }
    }
    start.elapsed().as_secs_f64()
}

/// Writes the cases of the tables as seeds for the fuzz target.
#[test]
#[ignore = "writes files; run it when the tables have changed"]
fn write_fuzz_seeds() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/routine");
    std::fs::create_dir_all(directory).unwrap();
    let failures = FAILURES.iter().map(|(case, _)| case);
    for (number, case) in ROUTINES.iter().chain(failures).chain(OTHERS).enumerate() {
        std::fs::write(format!("{directory}/seed-{number:03}"), unmark(case).0).unwrap();
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    /// A text's tokens.
    type Tokens = Vec<String>;

    fn words(text: &str) -> Tokens {
        text.split(' ').map(str::to_owned).collect()
    }

    /// Replaces each `*` of the template with the next part.
    fn fill(template: &str, parts: &[Tokens]) -> Tokens {
        let mut parts = parts.iter();
        let mut filled = Vec::new();
        for word in template.split(' ') {
            match word {
                "*" => filled.extend(parts.next().unwrap().iter().cloned()),
                _ => filled.push(word.to_owned()),
            }
        }
        filled
    }

    fn any_of(templates: &'static [&'static str]) -> impl Strategy<Value = Tokens> + Clone {
        select(templates).prop_map(words)
    }

    fn expression() -> impl Strategy<Value = Tokens> + Clone {
        let leaf = any_of(&[
            "1",
            "a . end",
            "'END;'",
            "$q$;END$q$",
            "\"case\"",
            "b . case << 2",
            "f ( a , b )",
            "( SELECT x AS end , y AS begin FROM t AS case )",
            "( SELECT 1 case )",
            "$1 [ 1 ]",
        ]);
        leaf.prop_recursive(3, 8, 3, |inner| {
            let templates = select(
                &[
                    "CASE WHEN * THEN * ELSE * END",
                    "CASE * WHEN * THEN * END",
                    "( * + * - * )",
                    "* = * OR * IS NULL",
                ][..],
            );
            (templates, inner.clone(), inner.clone(), inner)
                .prop_map(|(template, a, b, c)| fill(template, &[a, b, c]))
        })
    }

    /// One or more statements, each with its semicolon.
    fn statements() -> impl Strategy<Value = Tokens> {
        let plain = any_of(&[
            "NULL ;",
            "; NULL ;",
            "exception := 1 ;",
            "DROP TABLE IF EXISTS loop ;",
            "EXIT l WHEN a ;",
            "RAISE EXCEPTION 'x' ;",
            "SELECT 1 case , 2 end FROM t ;",
            "INSERT INTO t VALUES ( 1 ) ON CONFLICT DO NOTHING ;",
            "MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE ;",
            "\"if\" := a >> 1 ;",
            "r . begin := 1 ;",
            "CREATE FUNCTION g ( ) BEGIN ATOMIC SELECT 1 AS begin ; SELECT 1 end ; END ;",
            "CREATE OR REPLACE PROCEDURE g AS BEGIN NULL ; END ;",
            "CREATE RULE r AS ON UPDATE TO t DO ALSO ( DELETE FROM a ; SELECT 1 ) ;",
            "CREATE FUNCTION g ( ) RETURNS int AS $$;END;$$ LANGUAGE sql ;",
        ]);
        let with_expression = (
            select(
                &[
                    "x := * ;",
                    "RETURN * ;",
                    "PERFORM f ( * ) ;",
                    "UPDATE t SET a = * WHERE b ;",
                ][..],
            ),
            expression(),
        )
            .prop_map(|(template, a)| fill(template, &[a]));
        prop_oneof![plain, with_expression].prop_recursive(5, 40, 3, |inner| {
            let templates = select(
                &[
                    "IF ! THEN * END IF ;",
                    "IF ! THEN * ELSIF ! THEN * ELSE * END IF ;",
                    "IF ! THEN ELSE IF ! THEN * END IF ; END IF ;",
                    "LOOP * END LOOP ;",
                    "<< l >> LOOP * EXIT l ; END LOOP l ;",
                    "WHILE ! LOOP * END LOOP ;",
                    "FOR i IN 1 .. 2 LOOP * END LOOP i ;",
                    "FOR r IN SELECT ! FROM t AS loop LOOP * END LOOP ;",
                    "FOREACH x IN ARRAY xs LOOP * END LOOP ;",
                    "CASE WHEN ! THEN * WHEN ! THEN * END CASE ;",
                    "CASE ! WHEN ! THEN * ELSE * END CASE ;",
                    "BEGIN * END ;",
                    "<< l >> DECLARE x int := ! ; c CURSOR FOR SELECT ! ; BEGIN * END l ;",
                    "BEGIN * EXCEPTION WHEN OTHERS THEN * WHEN a OR b THEN * END ;",
                    "* * *",
                ][..],
            );
            (
                templates,
                (expression(), expression()),
                (inner.clone(), inner.clone(), inner),
            )
                .prop_map(|(template, (a, b), (c, d, e))| {
                    // `!` stands for an expression, `*` for statements. fill() puts
                    // the parts in order, so sort both kinds into one list.
                    let (mut expressions, mut parts) = ([a, b].into_iter(), vec![]);
                    let mut statements = [c, d, e].into_iter();
                    for word in template.split(' ') {
                        match word {
                            "!" => parts.extend(expressions.next()),
                            "*" => parts.extend(statements.next()),
                            _ => {}
                        }
                    }
                    fill(&template.replace('!', "*"), &parts)
                })
        })
    }

    fn declarations() -> impl Strategy<Value = Tokens> {
        let simple = any_of(&[
            "x int ;",
            "y t . end % TYPE ;",
            "function text ;",
            "\"begin\" record ;",
            "c CURSOR ( a int ) IS SELECT a AS end ;",
        ]);
        let with_default = expression().prop_map(|a| fill("z CONSTANT int NOT NULL := * ;", &[a]));
        prop::collection::vec(prop_oneof![simple, with_default], 0..3).prop_map(|all| all.concat())
    }

    /// What follows CREATE FUNCTION … IS, up to the routine's end.
    fn body() -> impl Strategy<Value = Tokens> {
        let end = any_of(&["END", "END f", "END \"F\""]);
        (declarations(), statements(), end)
            .prop_map(|(a, b, end)| fill("* BEGIN * *", &[a, b, end]))
    }

    fn header() -> impl Strategy<Value = Tokens> {
        any_of(&[
            "CREATE FUNCTION sample RETURN event_trigger IS",
            "CREATE OR REPLACE FUNCTION s . is ( a int DEFAULT 1 IS NULL ) RETURN s . is IS",
            "CREATE PROCEDURE p ( IN OUT x int ) SET x TO is , is AS",
            "CREATE FUNCTION f RETURN is RETURNS NULL ON NULL INPUT COST 1 AS",
        ])
    }

    /// What may follow a routine without being part of it.
    fn trailing() -> impl Strategy<Value = Tokens> {
        (any_of(&[";", "/", "$$x$$", ") ;"]), soup(20)).prop_map(|(a, b)| [a, b].concat())
    }

    /// Arbitrary tokens, fewer than `most`.
    fn soup(most: usize) -> impl Strategy<Value = Tokens> {
        let token = select(
            &[
                "BEGIN",
                "END",
                "IF",
                "THEN",
                "ELSE",
                "ELSIF",
                "LOOP",
                "FOR",
                "WHILE",
                "CASE",
                "WHEN",
                "DECLARE",
                "EXCEPTION",
                "CREATE",
                "OR",
                "REPLACE",
                "FUNCTION",
                "PROCEDURE",
                "RULE",
                "ATOMIC",
                "AS",
                "IS",
                "PRAGMA",
                "RETURN",
                "RETURNS",
                "NULL",
                "JSON",
                "x",
                "SET",
                "TO",
                "\"x\"",
                "'x'",
                "$$x$$",
                ";",
                ";",
                "(",
                ")",
                ".",
                ",",
                "=",
                "<<",
                ">>",
                ":=",
                "1",
            ][..],
        );
        prop::collection::vec(token.prop_map(str::to_owned), 0..most)
    }

    /// How to write tokens: the separators between them, and the case of letters.
    fn style() -> impl Strategy<Value = (Vec<&'static str>, Vec<bool>)> {
        let blank = select(
            &[
                " ",
                "\n",
                "\t ",
                "\r\n",
                "/* END; */",
                " -- END;\n",
                "/*/* ' */ IF */",
                "\n--'\n",
            ][..],
        );
        (
            prop::collection::vec(blank, 1..9),
            prop::collection::vec(any::<bool>(), 1..9),
        )
    }

    /// The text of the tokens in that style, and the offset at which each one ends.
    fn write(tokens: &[String], style: &(Vec<&str>, Vec<bool>)) -> (String, Vec<usize>) {
        let mut blanks = style.0.iter().cycle();
        let mut upper = style.1.iter().cycle();
        let (mut text, mut ends) = (String::new(), Vec::new());
        for token in tokens {
            let word = token.starts_with(|letter: char| letter.is_ascii_alphabetic());
            for letter in token.chars() {
                text.push(match upper.next() {
                    Some(true) if word => letter.to_ascii_uppercase(),
                    Some(false) if word => letter.to_ascii_lowercase(),
                    _ => letter,
                });
            }
            ends.push(text.len());
            text.push_str(blanks.next().unwrap());
        }
        (text, ends)
    }

    /// What the automaton for a body answers to each token and to the end of the text.
    fn course(text: &str) -> Vec<Result<Progress, String>> {
        let mut body = Body::new();
        let mut course: Vec<_> = tokens(text.as_bytes())
            .iter()
            .map(|lexeme| body.feed(lexeme.token, lexeme.start as u32))
            .collect();
        course.push(body.feed(Token::End, text.len() as u32));
        // Leave out the offsets, which depend on how the tokens are written.
        course
            .into_iter()
            .map(|step| step.map_err(|error| format!("{:?}", (error.message(), error.detail()))))
            .collect()
    }

    proptest! {
        /// Rule D4: a routine ends with its END, or the name after that, whatever
        /// follows.
        #[test]
        fn generated_routines_end(
            header in header(),
            body in body(),
            trailing in trailing(),
            style in style(),
        ) {
            let all = [&header[..], &body, &trailing].concat();
            let (text, ends) = write(&all, &style);
            let expected = Outcome::Ends {
                body: token_from(&text, ends[header.len() - 1]),
                end: ends[header.len() + body.len() - 1],
            };
            prop_assert_eq!(run(text.as_bytes()), expected, "{}", text);
        }

        /// Rule D3: the end of a truncated routine is not found.
        #[test]
        fn truncated_routines_fail(body in body(), cut: Index, style in style()) {
            let last = body.iter().rposition(|token| token == "END").unwrap();
            let (text, _) = write(&body[..cut.index(last + 1)], &style);
            prop_assert!(run_body(text.as_bytes()).is_err(), "{}", text);
        }

        /// `run` and `run_body` check the invariants.
        #[test]
        fn any_tokens_keep_the_invariants(
            mut all in soup(60),
            header in header(),
            style in style(),
        ) {
            let _ = run_body(write(&all, &style).0.as_bytes());
            let _ = run(write(&all, &style).0.as_bytes());
            all.splice(0..0, header);
            let _ = run(write(&all, &style).0.as_bytes());
        }

        #[test]
        fn case_and_white_space_do_not_matter(
            soup in soup(60),
            body in body(),
            one in style(),
            other in style(),
        ) {
            for tokens in [soup, body] {
                let (one, other) = (write(&tokens, &one).0, write(&tokens, &other).0);
                prop_assert_eq!(course(&one), course(&other), "{}\n{}", one, other);
            }
        }

        /// Rule D2: a function whose body is in quotes is not a routine.
        #[test]
        fn standard_forms_stay_standard(body in body(), style in style()) {
            let (body, _) = write(&body, &style);
            for text in [
                format!("CREATE FUNCTION f() RETURNS int AS $f$ {body} $f$ LANGUAGE plpgsql; {body}"),
                format!("CREATE PROCEDURE p LANGUAGE plpgsql AS $f$ {body} $f$; {body}"),
                format!("DO $f$ {body} $f$; CREATE PROCEDURE p AS {body}"),
            ] {
                prop_assert_eq!(run(text.as_bytes()), Outcome::Other, "{}", text);
            }
        }

        /// A token's kind does not depend on the text after it; `tokens` checks that.
        #[test]
        fn tokens_are_known_by_their_start(
            text in r#"([a-z$_'".;,()<>=|@+*/:\\é& -]|<<|>>|[0-9]|[EUNX]'|U&"|\$\$|\$a\$){0,40}"#,
        ) {
            tokens(text.as_bytes());
        }
    }
}
