//! Any bytes as a statement, and as a routine's body (rules D2 to D4). What
//! must hold is checked by the code that the unit tests use.
//!
//! In fuzz/: `cargo +nightly fuzz run routine corpus/routine seeds/routine`;
//! the unit test `write_fuzz_seeds` writes the seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sesstrig::domain::routine::{Body, Error, Form, Header, Progress, Statement, Token};

#[path = "../../src/domain/routine/testing.rs"]
mod testing;

fuzz_target!(|text: &[u8]| {
    let _ = testing::run(text);
    let _ = testing::run_body(text);
});
