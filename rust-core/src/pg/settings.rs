//! Defines and reads the settings `session_triggers.*` and `session_audit.*` (section S).
//! What a value implies is decided in [`crate::domain::session::policy`].

use super::error::{PgError, PgResult};
use super::sys::{self, GucContext, GucStringAssignHook, config_enum_entry};
use crate::domain::session::event::Event;
use crate::domain::session::policy::{LogoffOn, LogonFailure, timeout_name};
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::Relaxed};

// The server writes these through pointers.  They are atomic because a static must
// be safe to share; this process has only one thread.
static ENABLED: AtomicBool = AtomicBool::new(true);
static LOGON_FAILURE: AtomicI32 = AtomicI32::new(LogonFailure::Continue as i32);
static LOGON_WARNING: AtomicBool = AtomicBool::new(true);
static LOGOFF_ON: AtomicI32 = AtomicI32::new(LogoffOn::Client as i32);
static INSTANCE_NUM: AtomicI32 = AtomicI32::new(1);
static STAT_MAX: AtomicI32 = AtomicI32::new(256);
static AUDIT_LOG_TO_SERVER: AtomicBool = AtomicBool::new(false);
/// In days
static AUDIT_KEEP: AtomicI32 = AtomicI32::new(0);
static AUDIT_REFUSED_DATABASE: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
// The two timeouts are in milliseconds.
static LOGON_TIMEOUT: AtomicI32 = AtomicI32::new(60_000);
static LOGOFF_TIMEOUT: AtomicI32 = AtomicI32::new(60_000);

/// The variable of `session_triggers.fire_on_discard`, which C tests.
fn fire_on_discard() -> &'static AtomicBool {
    // SAFETY: the variable lives as long as the process, which has only one thread, and a
    // bool of C has the layout of an AtomicBool.
    unsafe { AtomicBool::from_ptr(&raw mut sys::sesstrig_fire_on_discard) }
}

/// The variable of `session_triggers.creator_role`, which C reads.
fn creator_role() -> &'static AtomicPtr<c_char> {
    // SAFETY: the variable lives as long as the process, which has only one thread, and a
    // pointer of C has the layout of an AtomicPtr.
    unsafe { AtomicPtr::from_ptr(&raw mut sys::sesstrig_creator_role) }
}

/// The counters of so many triggers are kept in twelve megabytes.
const MAX_STAT_MAX: i32 = 65_536;

/// A thousand years.
const MAX_KEEP: i32 = 365_000;

/// `session_triggers.enabled`
pub(super) fn enabled() -> bool {
    ENABLED.load(Relaxed)
}

/// `session_triggers.logon_failure`
pub(super) fn logon_failure() -> LogonFailure {
    if LOGON_FAILURE.load(Relaxed) == LogonFailure::Reject as i32 {
        LogonFailure::Reject
    } else {
        LogonFailure::Continue
    }
}

/// `session_triggers.logon_warning`
pub(super) fn logon_warning() -> bool {
    LOGON_WARNING.load(Relaxed)
}

/// `session_triggers.logoff_on`
pub(super) fn logoff_on() -> LogoffOn {
    if LOGOFF_ON.load(Relaxed) == LogoffOn::Exit as i32 {
        LogoffOn::Exit
    } else {
        LogoffOn::Client
    }
}

/// `session_triggers.stat_max`
pub(super) fn stat_max() -> usize {
    usize::try_from(STAT_MAX.load(Relaxed)).unwrap_or(0)
}

/// `session_audit.log_to_server`
pub(super) fn audit_log_to_server() -> bool {
    AUDIT_LOG_TO_SERVER.load(Relaxed)
}

/// `session_audit.keep`, in days; 0 means for ever.
pub(super) fn audit_keep() -> i32 {
    AUDIT_KEEP.load(Relaxed)
}

/// `session_audit.refused_database`; `None` if it is empty.
pub(super) fn refused_database() -> Option<CString> {
    let name = AUDIT_REFUSED_DATABASE.load(Relaxed);
    if name.is_null() {
        return None;
    }
    // SAFETY: the server sets the variable to terminated strings, and the string is copied
    // at once, because the server frees it when the setting changes.
    let name = unsafe { CStr::from_ptr(name) }.to_owned();
    (!name.is_empty()).then_some(name)
}

/// Whether `session_triggers.creator_role` is not empty.
pub(super) fn creator_role_is_set() -> bool {
    let name = creator_role().load(Relaxed);
    // SAFETY: the server sets the variable to terminated strings, which have a first byte.
    !name.is_null() && unsafe { *name } != 0
}

/// `session_triggers.instance_num`
pub(super) fn instance_num() -> i32 {
    INSTANCE_NUM.load(Relaxed)
}

/// `session_triggers.logon_timeout` or `session_triggers.logoff_timeout`, in
/// milliseconds; 0 means no limit.
pub(super) fn timeout(event: Event) -> i32 {
    match event {
        Event::Logon => LOGON_TIMEOUT.load(Relaxed),
        Event::Logoff => LOGOFF_TIMEOUT.load(Relaxed),
    }
}

/// Defines all settings. Called once, at server start.
pub(super) fn define() -> PgResult<()> {
    define_bool(
        c"session_triggers.enabled",
        c"Fires logon and logoff event triggers.",
        &ENABLED,
        sys::PGC_SUSET,
    )?;
    define_enum(
        c"session_triggers.logon_failure",
        c"Sets what happens to a session whose logon event triggers fail.",
        &LOGON_FAILURE,
        &[
            (c"continue", LogonFailure::Continue as i32),
            (c"reject", LogonFailure::Reject as i32),
        ],
        sys::PGC_SUSET,
    )?;
    define_bool(
        c"session_triggers.logon_warning",
        c"Warns the client when logon event triggers fail.",
        &LOGON_WARNING,
        sys::PGC_USERSET,
    )?;
    define_enum(
        c"session_triggers.logoff_on",
        c"Sets which ends of a session fire logoff event triggers.",
        &LOGOFF_ON,
        &[
            (c"client", LogoffOn::Client as i32),
            (c"exit", LogoffOn::Exit as i32),
        ],
        sys::PGC_SUSET,
    )?;
    define_bool(
        c"session_triggers.fire_on_discard",
        c"Fires logoff and logon event triggers before and after DISCARD ALL.",
        fire_on_discard(),
        sys::PGC_SUSET,
    )?;
    define_bool(
        c"session_audit.log_to_server",
        c"Writes each record of the session audit to the server log, too.",
        &AUDIT_LOG_TO_SERVER,
        sys::PGC_SUSET,
    )?;
    define_int(
        c"session_audit.keep",
        c"Sets for how many days the session audit keeps its rows; 0 is for ever.",
        &AUDIT_KEEP,
        0..=MAX_KEEP,
        sys::PGC_SIGHUP,
        0,
    )?;
    define_string(
        c"session_audit.refused_database",
        c"Sets the database whose session audit records refused logons to databases without one.",
        &AUDIT_REFUSED_DATABASE,
        sys::PGC_SIGHUP,
        None,
    )?;
    define_string(
        c"session_triggers.creator_role",
        c"Sets the role whose members may create logon and logoff event triggers.",
        creator_role(),
        sys::PGC_SIGHUP,
        Some(sys::sesstrig_assign_creator_role),
    )?;
    define_int(
        c"session_triggers.instance_num",
        c"Sets the instance number that event trigger functions see.",
        &INSTANCE_NUM,
        1..=i32::MAX,
        sys::PGC_SIGHUP,
        0,
    )?;
    define_int(
        c"session_triggers.stat_max",
        c"Sets the maximum number of triggers whose firings are counted; 0 counts none.",
        &STAT_MAX,
        0..=MAX_STAT_MAX,
        sys::PGC_POSTMASTER,
        0,
    )?;
    define_int(
        timeout_name(Event::Logon),
        c"Sets the maximum time that logon event triggers may take; 0 is no limit.",
        &LOGON_TIMEOUT,
        0..=i32::MAX,
        sys::PGC_SUSET,
        sys::GUC_UNIT_MS as i32,
    )?;
    define_int(
        timeout_name(Event::Logoff),
        c"Sets the maximum time that logoff event triggers may take; 0 is no limit.",
        &LOGOFF_TIMEOUT,
        0..=i32::MAX,
        sys::PGC_SUSET,
        sys::GUC_UNIT_MS as i32,
    )
}

/// Makes the server refuse unknown settings with the prefixes `session_triggers` and
/// `session_audit`. Called once, at server start, after all settings have been defined.
pub(super) fn reserve_prefixes() -> PgResult<()> {
    for prefix in [c"session_triggers", c"session_audit"] {
        // SAFETY: the string lives as long as the process, as the call requires.
        unsafe { PgError::check(sys::sesstrig_try_reserve_prefix(prefix.as_ptr()))? };
    }
    Ok(())
}

// In the functions below, the initial value of a variable is the setting's default.

fn define_bool(
    name: &'static CStr,
    description: &'static CStr,
    variable: &'static AtomicBool,
    context: GucContext,
) -> PgResult<()> {
    // SAFETY: the strings and the variable live as long as the process, as the call
    // requires.
    unsafe {
        PgError::check(sys::sesstrig_try_define_bool(
            name.as_ptr(),
            description.as_ptr(),
            variable.as_ptr(),
            variable.load(Relaxed),
            context,
        ))
    }
}

/// Defines a setting with a number in this range.
pub(super) fn define_int(
    name: &'static CStr,
    description: &'static CStr,
    variable: &'static AtomicI32,
    range: std::ops::RangeInclusive<i32>,
    context: GucContext,
    flags: i32,
) -> PgResult<()> {
    // SAFETY: the strings and the variable live as long as the process, as the call
    // requires.
    unsafe {
        PgError::check(sys::sesstrig_try_define_int(
            name.as_ptr(),
            description.as_ptr(),
            variable.as_ptr(),
            variable.load(Relaxed),
            *range.start(),
            *range.end(),
            context,
            flags,
        ))
    }
}

/// Defines a setting with a text, which is empty by default.
fn define_string(
    name: &'static CStr,
    description: &'static CStr,
    variable: &'static AtomicPtr<c_char>,
    context: GucContext,
    assign_hook: GucStringAssignHook,
) -> PgResult<()> {
    // SAFETY: the strings and the variable live as long as the process, as the call
    // requires, and the hook raises no error.
    unsafe {
        PgError::check(sys::sesstrig_try_define_string(
            name.as_ptr(),
            description.as_ptr(),
            variable.as_ptr(),
            context,
            assign_hook,
        ))
    }
}

/// Defines a setting with the given values, which are pairs of a name and a number.
pub(super) fn define_enum(
    name: &'static CStr,
    description: &'static CStr,
    variable: &'static AtomicI32,
    values: &[(&'static CStr, i32)],
    context: GucContext,
) -> PgResult<()> {
    let end = config_enum_entry {
        name: std::ptr::null(),
        val: 0,
        hidden: false,
    };
    let entries: Vec<config_enum_entry> = values
        .iter()
        .map(|&(name, val)| config_enum_entry {
            name: name.as_ptr(),
            val,
            hidden: false,
        })
        .chain([end])
        .collect();
    // SAFETY: the strings, the variable and the leaked entries live as long as the
    // process, as the call requires. A null name ends the entries.
    unsafe {
        PgError::check(sys::sesstrig_try_define_enum(
            name.as_ptr(),
            description.as_ptr(),
            variable.as_ptr(),
            variable.load(Relaxed),
            entries.leak().as_ptr(),
            context,
        ))
    }
}
