//! Fuzz target: arbitrary bytes as a statement, as a routine's body and as input of
//! psql (rules D2 to D4, D6, D7 and D9). It makes no checks of its own; the invariants
//! are checked by the code that it shares with the unit tests.
//!
//! Run it in `fuzz/` with `cargo +nightly fuzz run routine corpus/routine
//! seeds/routine -- -max_len=65536 -timeout=2`; the two limits show an input that
//! takes more than linear time. The unit test `write_fuzz_seeds` writes the seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sesstrig::domain::oracle::{
    Body, Error, Form, Header, Lexeme, Lexer, Progress, Scan, Statement, Token, text,
};

#[path = "../../src/domain/oracle/testing.rs"]
mod testing;

fuzz_target!(|text: &[u8]| {
    let _ = testing::run(text);
    let _ = testing::run_body(text);
    testing::run_scan(text);
    testing::run_trigger(text);
});
