//! The server's declarations, which bindgen has made from its headers. No other file
//! names the bindings, so these lists are all that the core uses of the server.
//! Nothing here is safe to call; that is for the rest of [`crate::pg`].

#[allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    dead_code,
    missing_docs,
    unnecessary_transmutes,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::missing_safety_doc
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

// Types
pub(crate) use bindings::{
    BackendType_B_BACKEND as B_BACKEND, CommandTag,
    CommandTag_CMDTAG_DISCARD_ALL as CMDTAG_DISCARD_ALL, CommandTag_CMDTAG_LOGOFF as CMDTAG_LOGOFF,
    CommandTag_CMDTAG_LOGON as CMDTAG_LOGON, ErrorData, GucContext,
    GucContext_PGC_POSTMASTER as PGC_POSTMASTER, GucContext_PGC_SIGHUP as PGC_SIGHUP,
    GucContext_PGC_SUSET as PGC_SUSET, GucContext_PGC_USERSET as PGC_USERSET, GucStringAssignHook,
    NameData, SesstrigAuditRow, SesstrigTriggerRow, config_enum_entry,
};
// Levels of elog.h, and a value of trigger.h
pub(crate) use bindings::{DEBUG1, DEBUG2, LOG_SERVER_ONLY, SESSION_REPLICATION_ROLE_REPLICA};
/// No object
pub(crate) const INVALID_OID: u32 = 0;
// Flags of guc.h
pub(crate) use bindings::GUC_UNIT_MS;
// Variables
pub(crate) use bindings::{
    IsBinaryUpgrade, IsUnderPostmaster, MyBackendType, MyDatabaseId, MyProcPid, MyProcPort,
    MyStartTime, SessionReplicationRole, am_walsender, application_name,
};
// Functions that cannot raise an error
pub(crate) use bindings::{
    GetCurrentTimestamp, IsTransactionOrTransactionBlock, message_level_is_interesting,
    sesstrig_assign_creator_role, sesstrig_client_auth_method, sesstrig_client_encryption,
    sesstrig_client_identity, sesstrig_client_is_lost, sesstrig_client_port, sesstrig_end_timeout,
    sesstrig_error_free, sesstrig_event_triggers_on, sesstrig_exit_is_interrupt,
    sesstrig_exit_sqlstate, sesstrig_explain_timeout, sesstrig_format_time,
    sesstrig_ignore_cancels, sesstrig_in_recovery, sesstrig_is_shutdown, sesstrig_lend_credentials,
    sesstrig_out_of_memory, sesstrig_read_usage, sesstrig_release_lwlocks, sesstrig_stop_requested,
};
// Guards, which return the error
pub(crate) use bindings::{
    sesstrig_try_abort_transaction, sesstrig_try_accept_invalidations,
    sesstrig_try_audit_is_function, sesstrig_try_audit_log, sesstrig_try_audit_write,
    sesstrig_try_commit_transaction, sesstrig_try_connect_worker, sesstrig_try_define_bool,
    sesstrig_try_define_enum, sesstrig_try_define_int, sesstrig_try_define_string,
    sesstrig_try_execute, sesstrig_try_list_databases, sesstrig_try_log, sesstrig_try_make_error,
    sesstrig_try_override_settings, sesstrig_try_query_oid, sesstrig_try_read_triggers,
    sesstrig_try_release_locks, sesstrig_try_report_error, sesstrig_try_reserve_prefix,
    sesstrig_try_role_can_become_login, sesstrig_try_role_is_creator,
    sesstrig_try_role_is_superuser, sesstrig_try_role_name, sesstrig_try_role_owns_function,
    sesstrig_try_run_trigger, sesstrig_try_set_title, sesstrig_try_sleep,
    sesstrig_try_start_timeout, sesstrig_try_start_transaction, sesstrig_try_start_worker,
    sesstrig_try_superuser, sesstrig_try_warn_client, sesstrig_try_watch_roles,
    sesstrig_try_watch_triggers,
};
