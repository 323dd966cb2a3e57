//! Settings of the server (section S): a type for each kind, which holds all that the server
//! is told of a setting, and reads its value. The settings themselves are where they belong,
//! in a file of this name for each subject; here is what belongs to no subject.
//!
//! What a value implies is decided in [`crate::domain`].

use super::error::{PgError, PgResult};
use super::sys::{self, GucContext, GucStringAssignHook, GucStringCheckHook, config_enum_entry};
use std::ffi::{CStr, CString, c_char};
use std::ops::RangeInclusive;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::Relaxed};

/// What a session's functions see as the number of this server (rule V1).
pub(in crate::pg) static INSTANCE_NUM: Int = Int {
    name: c"session_triggers.instance_num",
    description: c"Sets the instance number that event trigger functions see.",
    variable: AtomicI32::new(1),
    range: 1..=i32::MAX,
    context: sys::PGC_SIGHUP,
    flags: 0,
};

/// What `read` makes of the value of a setting; `None` if there is no such one, or it has none.
/// A session decides how long the value is, so there may be no memory for a copy. `read` must
/// not ask the server for anything, which may overwrite the value.
///
/// # Errors
/// Returns the server's error if it cannot be read.
pub(in crate::pg) fn read<T>(name: &CStr, read: impl FnOnce(&CStr) -> T) -> PgResult<Option<T>> {
    let mut value = ptr::null();
    // SAFETY: the name outlives the call, which writes to a local variable. The value is null
    // or a terminated string, which is used before the server is called again.
    unsafe {
        PgError::check(sys::sesstrig_try_get_setting(name.as_ptr(), &mut value))?;
        Ok((!value.is_null()).then(|| read(CStr::from_ptr(value))))
    }
}

/// Something that can be defined in the server.
pub(in crate::pg) trait Define: Sync {
    /// Defines it. Called once for each, at server start.
    ///
    /// # Errors
    /// Returns the server's error if the definition is not valid.
    fn define(&'static self) -> PgResult<()>;
}

// In the types below, the server writes the variable through a pointer. It is atomic because
// a static must be safe to share; this process has only one thread. Its initial value is the
// default. `context` says who may set it, and when.

/// A setting that is on or off.
pub(in crate::pg) struct Bool {
    pub(in crate::pg) name: &'static CStr,
    pub(in crate::pg) description: &'static CStr,
    pub(in crate::pg) variable: AtomicBool,
    pub(in crate::pg) context: GucContext,
}

/// A setting with a number in this range; `flags` says in which unit.
pub(in crate::pg) struct Int {
    pub(in crate::pg) name: &'static CStr,
    pub(in crate::pg) description: &'static CStr,
    pub(in crate::pg) variable: AtomicI32,
    pub(in crate::pg) range: RangeInclusive<i32>,
    pub(in crate::pg) context: GucContext,
    pub(in crate::pg) flags: i32,
}

/// A setting with a text, which is empty by default.
pub(in crate::pg) struct Text {
    pub(in crate::pg) name: &'static CStr,
    pub(in crate::pg) description: &'static CStr,
    pub(in crate::pg) variable: AtomicPtr<c_char>,
    pub(in crate::pg) context: GucContext,
    /// What decides whether a value can be set.
    pub(in crate::pg) check_hook: GucStringCheckHook,
    /// What is called, and raises no error, when the value changes.
    pub(in crate::pg) assign_hook: GucStringAssignHook,
}

/// A setting with one of these values, each of which has a name.
pub(in crate::pg) struct Enum {
    pub(in crate::pg) name: &'static CStr,
    pub(in crate::pg) description: &'static CStr,
    pub(in crate::pg) variable: AtomicI32,
    pub(in crate::pg) values: &'static [(&'static CStr, i32)],
    pub(in crate::pg) context: GucContext,
}

impl Bool {
    /// Whether it is on.
    pub(in crate::pg) fn get(&self) -> bool {
        self.variable.load(Relaxed)
    }
}

impl Int {
    /// The number.
    pub(in crate::pg) fn get(&self) -> i32 {
        self.variable.load(Relaxed)
    }
}

impl Enum {
    /// The number of the value.
    pub(in crate::pg) fn get(&self) -> i32 {
        self.variable.load(Relaxed)
    }
}

impl Text {
    /// The text as the server keeps it, until the setting changes; null if it is empty.
    pub(in crate::pg) fn as_ptr(&self) -> *const c_char {
        let text = self.variable.load(Relaxed);
        // SAFETY: the server sets the variable to terminated strings, which have a first byte.
        if text.is_null() || unsafe { *text } == 0 {
            ptr::null()
        } else {
            text
        }
    }

    /// The text; `None` if it is empty.
    pub(in crate::pg) fn get(&self) -> Option<CString> {
        self.read(CStr::to_owned)
    }

    /// What `read`, which must not change the setting, makes of the text; `None` if it is empty.
    pub(in crate::pg) fn read<T>(&self, read: impl FnOnce(&CStr) -> T) -> Option<T> {
        let text = self.as_ptr();
        // SAFETY: the string is terminated, and stays there as long as the setting is not changed.
        (!text.is_null()).then(|| read(unsafe { CStr::from_ptr(text) }))
    }
}

impl Define for Bool {
    fn define(&'static self) -> PgResult<()> {
        // SAFETY: the strings and the variable live as long as the process, as the call
        // requires.
        unsafe {
            PgError::check(sys::sesstrig_try_define_bool(
                self.name.as_ptr(),
                self.description.as_ptr(),
                self.variable.as_ptr(),
                self.get(),
                self.context,
            ))
        }
    }
}

impl Define for Int {
    fn define(&'static self) -> PgResult<()> {
        // SAFETY: the strings and the variable live as long as the process, as the call
        // requires.
        unsafe {
            PgError::check(sys::sesstrig_try_define_int(
                self.name.as_ptr(),
                self.description.as_ptr(),
                self.variable.as_ptr(),
                self.get(),
                *self.range.start(),
                *self.range.end(),
                self.context,
                self.flags,
            ))
        }
    }
}

impl Define for Text {
    fn define(&'static self) -> PgResult<()> {
        // SAFETY: the strings and the variable live as long as the process, as the call
        // requires, and the hook raises no error.
        unsafe {
            PgError::check(sys::sesstrig_try_define_string(
                self.name.as_ptr(),
                self.description.as_ptr(),
                self.variable.as_ptr(),
                self.context,
                self.check_hook,
                self.assign_hook,
            ))
        }
    }
}

impl Define for Enum {
    fn define(&'static self) -> PgResult<()> {
        let end = config_enum_entry {
            name: ptr::null(),
            val: 0,
            hidden: false,
        };
        let entries: Vec<config_enum_entry> = self
            .values
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
                self.name.as_ptr(),
                self.description.as_ptr(),
                self.variable.as_ptr(),
                self.get(),
                entries.leak().as_ptr(),
                self.context,
            ))
        }
    }
}

/// Makes the server refuse unknown settings with this prefix. Called once for each, at
/// server start, after all settings have been defined.
///
/// # Errors
/// Returns the server's error if that is not possible.
pub(in crate::pg) fn reserve_prefix(prefix: &'static CStr) -> PgResult<()> {
    // SAFETY: the string lives as long as the process, as the call requires.
    unsafe { PgError::check(sys::sesstrig_try_reserve_prefix(prefix.as_ptr())) }
}
