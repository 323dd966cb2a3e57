//! What the server's catalogs say about the names in a routine's text (rule D10).

use super::server::error::{PgError, PgResult, ask};
use super::server::sys;
use crate::domain::oracle::translate::{Names, Relation, Routine};
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// The catalogs of the session's database. A transaction must be open.
pub(crate) struct Catalogs;

/// A part of a name as C wants it. None has a null character, since it comes from a string of C's.
fn terminated(part: &[u8]) -> CString {
    CString::new(part).unwrap_or_default()
}

/// Calls `find` with the schema of a name, null if it has none, and the name. A name of more parts
/// is that of nothing that `find` could find.
fn find<T: Default>(
    name: &[Vec<u8>],
    find: impl FnOnce(*const c_char, *const c_char, &mut T) -> *mut sys::ErrorData,
) -> PgResult<T> {
    let (schema, name) = match name {
        [name] => (None, terminated(name)),
        [schema, name] => (Some(terminated(schema)), terminated(name)),
        _ => return Ok(T::default()),
    };
    let schema = schema.as_deref().map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the callers below call a guard, which reads two strings that outlive the call.
    unsafe { ask(|answer| find(schema, name.as_ptr(), answer)) }
}

impl Names for Catalogs {
    type Error = PgError;

    fn is_type(&mut self, name: &[Vec<u8>]) -> PgResult<bool> {
        // SAFETY: `find` passes terminated strings, or null in place of the schema.
        find(name, |schema, name, found| unsafe {
            sys::sesstrig_try_find_type(schema, name, found)
        })
    }

    fn routine(&mut self, name: &[Vec<u8>]) -> PgResult<Routine> {
        // SAFETY: as in `is_type`.
        let kind: u8 = find(name, |schema, name, kind| unsafe {
            sys::sesstrig_try_find_routine(schema, name, kind)
        })?;
        Ok(match kind {
            0 => Routine::None,
            b'p' => Routine::Procedure,
            _ => Routine::Function,
        })
    }

    fn takes(&mut self, name: &[Vec<u8>], arguments: usize) -> PgResult<bool> {
        let Ok(arguments) = arguments.try_into() else {
            return Ok(false);
        };
        // SAFETY: as in `is_type`.
        find(name, |schema, name, found| unsafe {
            sys::sesstrig_try_find_function(schema, name, arguments, found)
        })
    }

    fn relation(&mut self, name: &[Vec<u8>]) -> PgResult<Relation> {
        // SAFETY: as in `is_type`.
        let kind: u8 = find(name, |schema, name, kind| unsafe {
            sys::sesstrig_try_find_relation(schema, name, kind)
        })?;
        Ok(match kind {
            0 => Relation::None,
            b'S' => Relation::Sequence,
            _ => Relation::Other,
        })
    }

    fn has_column(&mut self, relation: &[Vec<u8>], column: &[u8]) -> PgResult<bool> {
        let column = terminated(column);
        // SAFETY: as in `is_type`; `column` outlives the call.
        find(relation, |schema, name, found| unsafe {
            sys::sesstrig_try_find_column(schema, name, column.as_ptr(), found)
        })
    }

    fn is_closed(&mut self, schema: &[u8]) -> PgResult<bool> {
        let schema = terminated(schema);
        // SAFETY: this calls a guard; `schema` outlives the call.
        unsafe { ask(|closed| sys::sesstrig_try_schema_is_closed(schema.as_ptr(), closed)) }
    }

    fn poll(&mut self) -> PgResult<()> {
        // SAFETY: this calls a guard.
        unsafe { PgError::check(sys::sesstrig_try_check_interrupts()) }
    }

    fn has_oracle_session(&mut self) -> PgResult<bool> {
        // SAFETY: this calls a guard, whose string is a constant.
        unsafe { ask(|found| sys::sesstrig_try_find_extension(c"oracle_session".as_ptr(), found)) }
    }
}
