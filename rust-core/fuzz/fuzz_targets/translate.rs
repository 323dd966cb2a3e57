//! Fuzz target: arbitrary bytes as the body of a routine that is translated (rules D6 and
//! D10). It makes no checks of its own; the invariants are checked by the code that it
//! shares with the unit tests.
//!
//! Run it in `fuzz/` with `cargo +nightly fuzz run translate corpus/translate
//! seeds/translate -- -max_len=65536 -timeout=2`; the two limits show an input that takes
//! more than linear time. The unit test `write_fuzz_seeds` writes the seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sesstrig::domain::oracle::translate::{Failure, Names, Relation, Routine, Source, translate};

#[path = "../../src/domain/oracle/translate/testing.rs"]
#[allow(dead_code)]
mod testing;

fuzz_target!(|text: &[u8]| {
    let options = text.first().copied().unwrap_or_default();
    testing::check(text, options & 1 != 0, options & 2 != 0);
});
