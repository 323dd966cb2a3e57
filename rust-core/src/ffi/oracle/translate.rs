//! The functions that `shim/oracle/routine.c` calls to translate the text of a routine in
//! Oracle's form to PL/pgSQL (rule D10).

use crate::domain::oracle::text::Translated;
use crate::domain::oracle::translate::{self, Failure, Source};
use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use crate::pg::oracle::Catalogs;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// What has become of a routine's text.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigTranslationResult {
    /// Nothing had to be translated.
    Same,
    /// There is a translation.
    Translated,
    /// There can be no translation.
    Refused,
}

/// What [`sesstrig_routine_translate`] answers. The texts are terminated, and last until its next
/// call.
#[repr(C)]
pub struct SesstrigTranslation {
    /// What has become of the text; what the other fields mean depends on it.
    pub result: SesstrigTranslationResult,
    /// The translation's length in bytes, or the offset in the text to which the error refers.
    pub at: usize,
    /// The SQLSTATE's five characters.
    pub sqlstate: *const c_char,
    /// The primary message.
    pub message: *const c_char,
    /// The detail, or null.
    pub detail: *const c_char,
    /// The hint, or null.
    pub hint: *const c_char,
}

/// The last error, for the pointers in [`SesstrigTranslation`].
struct Texts {
    sqlstate: CString,
    message: CString,
    detail: Option<CString>,
    hint: Option<CString>,
}

thread_local! {
    /// The last text of this session that was translated. An error that the compiler of PL/pgSQL
    /// finds in it afterwards has to be shown in the original.
    static LAST: RefCell<Option<Translated>> = const { RefCell::new(None) };
    static TEXTS: RefCell<Option<Texts>> = const { RefCell::new(None) };
}

/// Translates the source of a routine, or of the function behind a trigger. `parameters` are the names of the routine's
/// `nparameters` parameters. The translation itself is for [`sesstrig_translation_copy`].
///
/// # Safety
/// `source` and the `nparameters` elements of `parameters` must point to terminated strings;
/// `answer` must be writable. A transaction must be open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_routine_translate(
    source: *const c_char,
    standard_strings: bool,
    is_trigger: bool,
    parameters: *const *const c_char,
    nparameters: usize,
    answer: *mut SesstrigTranslation,
) -> *mut ErrorData {
    boundary(|| {
        LAST.take();
        // SAFETY: the caller promises that `source` is terminated.
        let original = unsafe { CStr::from_ptr(source) }.to_bytes();
        let parameters = (0..nparameters)
            .map(|i| {
                // SAFETY: the caller promises so many elements, which are terminated strings.
                unsafe { CStr::from_ptr(*parameters.add(i)) }
                    .to_bytes()
                    .to_vec()
            })
            .collect();
        let about = Source {
            standard_strings,
            trigger: is_trigger,
            parameters,
        };
        let mut found = SesstrigTranslation {
            result: SesstrigTranslationResult::Same,
            at: 0,
            sqlstate: ptr::null(),
            message: ptr::null(),
            detail: ptr::null(),
            hint: ptr::null(),
        };
        match translate::translate(original, &about, &mut Catalogs) {
            Ok(None) => {}
            Ok(Some(translation)) => {
                found.result = SesstrigTranslationResult::Translated;
                found.at = translation.text().len();
                LAST.set(Some(Translated {
                    original: original.to_vec(),
                    translation,
                }));
            }
            Err(Failure::Names(error)) => return Err(error),
            Err(Failure::Refused(refusal)) => {
                let texts = Texts {
                    sqlstate: terminated(refusal.sqlstate),
                    message: terminated(refusal.message),
                    detail: refusal.detail.map(terminated),
                    hint: refusal.hint.map(terminated),
                };
                found.result = SesstrigTranslationResult::Refused;
                found.at = refusal.position;
                TEXTS.with_borrow_mut(|last| {
                    let texts = last.insert(texts);
                    let optional =
                        |text: &Option<CString>| text.as_deref().map_or(ptr::null(), CStr::as_ptr);
                    found.sqlstate = texts.sqlstate.as_ptr();
                    found.message = texts.message.as_ptr();
                    found.detail = optional(&texts.detail);
                    found.hint = optional(&texts.hint);
                });
            }
        }
        // SAFETY: the caller promises that `answer` is writable.
        unsafe { answer.write(found) };
        Ok(())
    })
}

/// A text as C wants it. None has a null character, since it comes from a string of C's.
fn terminated(text: impl Into<Vec<u8>>) -> CString {
    CString::new(text).unwrap_or_default()
}

/// Writes the translation that the last call of [`sesstrig_routine_translate`] made to `buffer`,
/// without a terminator.
///
/// # Safety
/// `buffer` must have as many writable bytes as that call answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_translation_copy(buffer: *mut c_char) {
    answer((), || {
        LAST.with_borrow(|last| {
            if let Some(last) = last {
                let text = last.translation.text();
                // SAFETY: the caller promises that `buffer` has so many bytes, and nobody else
                // uses them during the call.
                unsafe { ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), text.len()) };
            }
        });
    });
}

/// Calls `then` with the last text of this session that was translated.
pub(super) fn with_last<T>(then: impl FnOnce(Option<&Translated>) -> T) -> T {
    LAST.with_borrow(|last| then(last.as_ref()))
}

/// The standard name of the type that Oracle calls `name`, of `*length` bytes, which has no
/// terminator; null if `name` is not one of its types that have another name here.
///
/// # Safety
/// `name` must point to a terminated string, and `length` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_type_name(
    name: *const c_char,
    length: *mut usize,
) -> *const c_char {
    answer(ptr::null(), || {
        // SAFETY: the caller promises that `name` is terminated.
        let name = unsafe { CStr::from_ptr(name) };
        let Some(standard) = translate::type_name(name.to_bytes()) else {
            return ptr::null();
        };
        // SAFETY: the caller promises that `length` is writable.
        unsafe { length.write(standard.len()) };
        standard.as_ptr().cast()
    })
}
