//! Logon and logoff triggers, and Oracle's form of routines, for the PostgreSQL server.
//!
//! [`domain`] decides, and knows nothing of PostgreSQL; `pg` is a safe layer over the
//! server's C interface; `ffi` holds the functions that C calls. Dependencies point
//! one way: `ffi` uses `pg` and `domain`, `pg` uses `domain`. This crate is not a
//! library for other crates, and not an extension: it is linked into the server.
//!
//! PostgreSQL has no hooks for what this does (a new kind of event, variables of
//! PL/pgSQL, rules of the grammar), so the code must be part of `postgres`. It is
//! nevertheless not spread over upstream's files: these call the functions that
//! `include/` declares. `docs/architecture.md` says how the library is linked ("Build"), and how
//! errors, panics and longjmp are kept apart ("The boundary between longjmp and Rust").
//!
//! # Features
//!
//! Without a feature, only `domain` is built, which needs no server: `cargo test` runs
//! its tests.
//!
//! - `server` adds `pg`, `ffi` and the shim, against the headers of one configured
//!   source tree. It cannot be tested by `cargo test`, since it cannot be linked
//!   without the server; the tests of the patched server cover it.
//! - `frontend` adds the few functions that psql's lexer calls, and nothing of the
//!   server. It is a build of its own, so that psql does not contain the server's part.
//! - `faults` adds functions that panic on request, and a setting for it. It is built
//!   only for the test suites' server.
//!
//! # Memory
//!
//! Rust allocates with `malloc`, and not in memory contexts. A memory context is reset by
//! the server at times that Rust's lifetimes do not know. So neither side frees the other's
//! memory: what a guard returns is copied or, in the case of an error, given back to be
//! freed; what C gets from Rust is a constant, or lives as long as the process, or lies in
//! memory of C's.
//!
//! Rust aborts a process whose `malloc` fails, and the server must go on. So what users can
//! make large is allocated by functions that return an error, and the allocator
//! (`pg/server/memory.rs`) has a reserve for the rest, which is small: a record of a session, or
//! the message of a panic. Parsing allocates nothing in Rust, whatever the length of the
//! text.
//!
//! The cost is that `pg_backend_memory_contexts` does not show this memory.
//!
//! # No threads
//!
//! A backend has one thread, and the server's functions may be called in no other. The
//! core starts none, and the postmaster forks after the core has been initialized.
//! State is in `thread_local!` cells or, where the server writes it through a pointer,
//! in atomics, so that it needs no `unsafe`.
//!
//! # Bindings
//!
//! bindgen reads the server's headers in each build, so that the layouts of structs
//! always fit the server, and no bindings for several majors are kept in the source
//! tree. What they contain is listed in `build.rs`, one name a line under its header, and
//! that is all that the core uses of the server: what a new major changes shows there, and a
//! function that may raise an error does not slip in. The opposite direction is
//! `shim/sesstrig_core.h`, which cbindgen writes from `ffi`; it is committed, so that
//! it can be read and reviewed, and the build fails if it is stale.

pub mod domain;
#[cfg(any(feature = "server", feature = "frontend"))]
mod ffi;
#[cfg(feature = "server")]
mod pg;
