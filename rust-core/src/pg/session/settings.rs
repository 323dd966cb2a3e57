//! The settings of sessions and of their firings (section S).

use crate::domain::session::event::Event;
use crate::domain::session::policy::{LogoffOn, LogonFailure, timeout_name};
use crate::pg::server::settings::{Bool, Define, Enum, Int, Text};
use crate::pg::server::sys;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr};

/// All of them.
pub(in crate::pg) static ALL: &[&dyn Define] = &[
    &ENABLED,
    &LOGON_FAILURE,
    &LOGON_WARNING,
    &LOGOFF_ON,
    &FIRE_ON_DISCARD,
    &LOGON_TIMEOUT,
    &LOGOFF_TIMEOUT,
    &PROTECTED_SETTINGS,
];

static ENABLED: Bool = Bool {
    name: c"session_triggers.enabled",
    description: c"Fires logon and logoff event triggers.",
    variable: AtomicBool::new(true),
    context: sys::PGC_SUSET,
};

static LOGON_FAILURE: Enum = Enum {
    name: c"session_triggers.logon_failure",
    description: c"Sets what happens to a session whose logon event triggers fail.",
    variable: AtomicI32::new(LogonFailure::Continue as i32),
    values: &[
        (c"continue", LogonFailure::Continue as i32),
        (c"reject", LogonFailure::Reject as i32),
    ],
    context: sys::PGC_SUSET,
};

static LOGON_WARNING: Bool = Bool {
    name: c"session_triggers.logon_warning",
    description: c"Warns the client when logon event triggers fail.",
    variable: AtomicBool::new(true),
    context: sys::PGC_USERSET,
};

static LOGOFF_ON: Enum = Enum {
    name: c"session_triggers.logoff_on",
    description: c"Sets which ends of a session fire logoff event triggers.",
    variable: AtomicI32::new(LogoffOn::Client as i32),
    values: &[
        (c"client", LogoffOn::Client as i32),
        (c"exit", LogoffOn::Exit as i32),
    ],
    context: sys::PGC_SUSET,
};

static FIRE_ON_DISCARD: Bool = Bool {
    name: c"session_triggers.fire_on_discard",
    description: c"Fires logoff and logon event triggers before and after DISCARD ALL.",
    variable: AtomicBool::new(false),
    context: sys::PGC_SUSET,
};

static LOGON_TIMEOUT: Int = Int {
    name: timeout_name(Event::Logon),
    description: c"Sets the maximum time that logon event triggers may take; 0 is no limit.",
    variable: AtomicI32::new(60_000),
    range: 0..=i32::MAX,
    context: sys::PGC_SUSET,
    flags: sys::GUC_UNIT_MS as i32,
};

static LOGOFF_TIMEOUT: Int = Int {
    name: timeout_name(Event::Logoff),
    description: c"Sets the maximum time that logoff event triggers may take; 0 is no limit.",
    variable: AtomicI32::new(60_000),
    range: 0..=i32::MAX,
    context: sys::PGC_SUSET,
    flags: sys::GUC_UNIT_MS as i32,
};

/// The settings that only superusers set (rule K1), which `shim/session/protected.c` sees to.
static PROTECTED_SETTINGS: Text = Text {
    name: c"session_triggers.protected_settings",
    description: c"Sets the custom settings that only superusers set.",
    variable: AtomicPtr::new(ptr::null_mut()),
    context: sys::PGC_SIGHUP,
    check_hook: Some(sys::sesstrig_check_protected_settings),
    assign_hook: Some(sys::sesstrig_assign_protected_settings),
};

/// `session_triggers.enabled`
pub(crate) fn enabled() -> bool {
    ENABLED.get()
}

/// `session_triggers.logon_failure`
pub(super) fn logon_failure() -> LogonFailure {
    if LOGON_FAILURE.get() == LogonFailure::Reject as i32 {
        LogonFailure::Reject
    } else {
        LogonFailure::Continue
    }
}

/// `session_triggers.logon_warning`
pub(super) fn logon_warning() -> bool {
    LOGON_WARNING.get()
}

/// `session_triggers.logoff_on`
pub(super) fn logoff_on() -> LogoffOn {
    if LOGOFF_ON.get() == LogoffOn::Exit as i32 {
        LogoffOn::Exit
    } else {
        LogoffOn::Client
    }
}

/// `session_triggers.logon_timeout` or `session_triggers.logoff_timeout`, in
/// milliseconds; 0 means no limit.
pub(super) fn timeout(event: Event) -> i32 {
    match event {
        Event::Logon => LOGON_TIMEOUT.get(),
        Event::Logoff => LOGOFF_TIMEOUT.get(),
    }
}

/// `session_triggers.fire_on_discard`
pub(crate) fn fire_on_discard() -> bool {
    FIRE_ON_DISCARD.get()
}
