//! Logon and logoff triggers, and Oracle's form of routines, for the PostgreSQL server.
//!
//! [`domain`] decides, and knows nothing of PostgreSQL; `pg` is a safe layer over the
//! server's C interface; `ffi` holds the functions that C calls. Dependencies point
//! one way: `ffi` uses `pg` and `domain`, `pg` uses `domain`. This crate is not a
//! library for other crates, and not an extension: it is linked into the server.
//!
//! # How it is linked, and what that costs
//!
//! PostgreSQL has no hooks for what this does (a new kind of event, variables of
//! PL/pgSQL, rules of the grammar), so the code must be part of `postgres`. It is
//! nevertheless not spread over upstream's files: these call the functions that
//! `include/` declares, and the library is built by cargo beside them.
//!
//! ## One object file
//!
//! cargo makes a static library out of this crate, the shim (C, compiled by
//! `build.rs`) and Rust's standard library. `build-object` turns it into one object
//! file: `ld -r` collects what the declared functions reach, and `objcopy` makes every
//! other symbol local. PostgreSQL's makefiles and `meson.build` then link that object
//! like one of their own.
//!
//! The symbols must be local because `postgres` exports its symbols to the extensions
//! that it loads. An extension with a Rust runtime of its own could otherwise be bound
//! to this one, of another version. So each such extension and this core have their
//! own copy of the runtime, and Rust values must not pass between them.
//!
//! The costs are a build that needs cargo, libclang and binutils; an ELF platform,
//! since nothing else has been tried; a copy of the standard library's used parts in
//! `postgres`, and another in `psql` and `pgbench`; and no inlining between Rust and
//! the server's C. As cargo alone knows what is out of date, every `make` runs it, and
//! `build-object` keeps the old object if nothing has changed.
//!
//! ## Features
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
//! ## Errors, panics and longjmp
//!
//! An ERROR of the server is a `longjmp`, which must not cross Rust's frames: no
//! destructor would run. A panic must not unwind into C's frames. Two rules keep them
//! apart:
//!
//! - Rust calls the server only through guards (`shim/server/guard.c`), which catch the error
//!   in C and return it, or calls functions that cannot raise one. FATAL and PANIC end
//!   the process below Rust's frames, which are then never left; so no destructor may
//!   be needed for anything but memory.
//! - C calls the server's exports, which run their bodies in `catch_unwind` and return
//!   a status. Only then does C raise the error. A failed firing is an error like any
//!   other, panic or not (rule F13).
//!
//! So the profile says `panic = "unwind"`; with `abort`, a panic would crash the
//! backend, and the postmaster would restart all others. The costs are unwind tables in
//! the object, a dependency of `postgres` on `libgcc_s`, and a C function to be written
//! for each call that may raise. In psql nothing catches a panic: it aborts the program.
//!
//! ## Memory
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
//! ## No threads
//!
//! A backend has one thread, and the server's functions may be called in no other. The
//! core starts none, and the postmaster forks after the core has been initialized.
//! State is in `thread_local!` cells or, where the server writes it through a pointer,
//! in atomics, so that it needs no `unsafe`.
//!
//! ## Bindings
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
