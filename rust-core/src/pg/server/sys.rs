//! The server's declarations, which bindgen has made from its headers. All that the core uses
//! of the server is in the lists of `build.rs`, which say what cannot raise an error.
//! Nothing here is safe to call; that is for the rest of [`crate::pg`].

#[allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    dead_code,
    missing_docs,
    unknown_lints, // the next one is younger than the oldest Rust that will do
    unnecessary_transmutes,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::missing_safety_doc
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub(crate) use bindings::*;
// By their names in C
pub(crate) use bindings::{
    BackendType_B_BACKEND as B_BACKEND, CommandTag_CMDTAG_DISCARD_ALL as CMDTAG_DISCARD_ALL,
    CommandTag_CMDTAG_LOGOFF as CMDTAG_LOGOFF, CommandTag_CMDTAG_LOGON as CMDTAG_LOGON,
    GucContext_PGC_POSTMASTER as PGC_POSTMASTER, GucContext_PGC_SIGHUP as PGC_SIGHUP,
    GucContext_PGC_SUSET as PGC_SUSET, GucContext_PGC_USERSET as PGC_USERSET,
};
