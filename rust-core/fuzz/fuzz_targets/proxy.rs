//! Fuzz target: arbitrary bytes as what a proxy sends, and as a list of proxies (rules P1 to P3).
//! It makes no checks of its own; the invariants are checked by the code that it shares with the
//! unit tests, which has a second parser of headers to compare with.
//!
//! Run it in `fuzz/` with `cargo +nightly fuzz run proxy corpus/proxy seeds/proxy --
//! -max_len=4200`. The unit test `write_fuzz_seeds` writes the seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sesstrig::domain::proxy::{header, networks};

#[path = "../../src/domain/proxy/testing.rs"]
mod testing;

fuzz_target!(|bytes: &[u8]| {
    testing::run(bytes);
    testing::run_networks(bytes);
});
