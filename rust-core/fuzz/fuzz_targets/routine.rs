//! Any bytes as a statement, as a routine's body and as psql's input (rules D2
//! to D4, D6 and D7). What must hold is checked by the code that the unit tests
//! use.
//!
//! In fuzz/: `cargo +nightly fuzz run routine corpus/routine seeds/routine --
//! -max_len=65536 -timeout=2`, where the limits are for the time; the unit test
//! `write_fuzz_seeds` writes the seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sesstrig::domain::oracle::{
    Body, Error, Form, Header, Lexeme, Lexer, Progress, Scan, Statement, Token,
};

#[path = "../../src/domain/oracle/testing.rs"]
mod testing;

fuzz_target!(|text: &[u8]| {
    let _ = testing::run(text);
    let _ = testing::run_body(text);
    testing::run_scan(text);
});
