//! What the grammar calls for routines in the form of section D. The state is
//! plain data in the caller's memory: a scanner's error may jump past it.

use super::boundary::{SesstrigStatus, answer, boundary};
use crate::domain::oracle::alias::{RoutineOption, SpelledEvent};
use crate::domain::oracle::{Body, Form, Header, Lexer, Progress, Token, alias, text};
use crate::domain::session::event::Event;
use crate::pg::ErrorData;
use std::ffi::{CStr, c_char};
use std::mem::{align_of, size_of};
use std::{ptr, slice};

/// What a token means for the end of a routine.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigRoutineStep {
    /// The routine goes on.
    More,
    /// The token is its last END.
    End,
    /// The token is its name, behind that END.
    Name,
    /// The token does not belong to it.
    Done,
    /// It has no end that could be found.
    Failed,
}

/// Why a routine has no end. Texts are constants; null is none.
#[repr(C)]
pub struct SesstrigRoutineError {
    /// The SQLSTATE's five characters.
    pub sqlstate: *const c_char,
    /// The primary message.
    pub message: *const c_char,
    /// The detail.
    pub detail: *const c_char,
    /// The hint.
    pub hint: *const c_char,
    /// The offset of what is wrong.
    pub position: u32,
}

/// The bytes at `text`.
///
/// # Safety
/// `text` points to `length` bytes that live as long as the result is used.
unsafe fn bytes<'a>(text: *const c_char, length: usize) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(text.cast(), length) }
}

/// The length of the token at `token`, as it is written.
///
/// # Safety
/// `token` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_token_length(
    token: *const c_char,
    length: usize,
    standard_strings: bool,
) -> usize {
    answer(0, || {
        // SAFETY: the caller's promise.
        let text = unsafe { bytes(token, length) };
        Lexer::new(text, 0, standard_strings).next_token().end
    })
}

/// The size of an automaton for a body, which the caller allocates, aligned
/// as palloc() does.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_body_size() -> usize {
    const { assert!(align_of::<Body>() <= 8) }
    size_of::<Body>()
}

/// Starts an automaton behind IS or AS.
///
/// # Safety
/// `body` points to [`sesstrig_body_size`] bytes, aligned for any type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_start(body: *mut std::ffi::c_void) {
    // SAFETY: the caller's promise.
    unsafe { body.cast::<Body>().write(Body::new()) };
}

/// Whether a body can start with the token at `token`; nothing else can say
/// what is wrong with one that does not.
///
/// # Safety
/// `token` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_may_start(token: *const c_char, length: usize) -> bool {
    // SAFETY: the caller's promise.
    answer(false, || {
        text::may_start(Token::at(unsafe { bytes(token, length) }))
    })
}

/// Feeds the token at `token`, which is at offset `at` of the query.
///
/// # Safety
/// `body` was started; `token` points to `length` bytes; the others may be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_feed(
    body: *mut std::ffi::c_void,
    token: *const c_char,
    length: usize,
    at: u32,
    step: *mut SesstrigRoutineStep,
    failure: *mut SesstrigRoutineError,
    error: *mut *mut ErrorData,
) -> SesstrigStatus {
    let feed = || {
        // SAFETY: the caller's promise.
        let (body, token) = unsafe { (&mut *body.cast::<Body>(), bytes(token, length)) };
        let found = match body.feed(Token::at(token), at) {
            Ok(Progress::More) => SesstrigRoutineStep::More,
            Ok(Progress::End) => SesstrigRoutineStep::End,
            Ok(Progress::Name) => SesstrigRoutineStep::Name,
            Ok(Progress::Done) => SesstrigRoutineStep::Done,
            Err(found) => {
                let text = |text: Option<&'static CStr>| text.map_or(ptr::null(), CStr::as_ptr);
                // SAFETY: the caller's promise.
                unsafe {
                    failure.write(SesstrigRoutineError {
                        sqlstate: found.sqlstate().as_ptr(),
                        message: found.message().as_ptr(),
                        detail: text(found.detail()),
                        hint: text(found.hint()),
                        position: found.position(),
                    });
                }
                SesstrigRoutineStep::Failed
            }
        };
        // SAFETY: the caller's promise.
        unsafe { step.write(found) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { boundary(error, feed) }
}

/// What is known of a CREATE FUNCTION or PROCEDURE from its options so far.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigRoutineForm {
    /// Not enough.
    Undecided,
    /// It is no routine in the form of section D.
    Other,
    /// It is one.
    Routine,
}

/// The size of an automaton for a header, as for [`sesstrig_body_size`].
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_header_size() -> usize {
    const { assert!(align_of::<Header>() <= 8) }
    size_of::<Header>()
}

/// Starts an automaton behind a routine's parameters.
///
/// # Safety
/// `header` points to [`sesstrig_header_size`] bytes, aligned for any type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_header_start(header: *mut std::ffi::c_void) {
    // SAFETY: the caller's promise.
    unsafe { header.cast::<Header>().write(Header::after_parameters()) };
}

/// How many bytes a call reads ahead before its caller looks for interrupts.
const PORTION: usize = 1 << 20;

/// Reads ahead from offset `*at` of the query, where a token begins, and moves
/// it on. If the form is undecided then, the caller looks for interrupts and
/// calls again; at the end of the query it is decided.
///
/// # Safety
/// `header` was started; `query` points to `length` bytes; `at`, `form` and
/// `error` may be written, and `at` read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_header_read(
    header: *mut std::ffi::c_void,
    query: *const c_char,
    length: usize,
    standard_strings: bool,
    at: *mut usize,
    form: *mut SesstrigRoutineForm,
    error: *mut *mut ErrorData,
) -> SesstrigStatus {
    let read = || {
        // SAFETY: the caller's promise.
        let (header, query) = unsafe { (&mut *header.cast::<Header>(), bytes(query, length)) };
        // SAFETY: the caller's promise.
        let mut lexer = Lexer::new(query, unsafe { at.read() }, standard_strings);
        let found = match header.read(&mut lexer, PORTION) {
            Form::Undecided => SesstrigRoutineForm::Undecided,
            Form::Other => SesstrigRoutineForm::Other,
            Form::Routine { .. } => SesstrigRoutineForm::Routine,
        };
        // SAFETY: the caller's promise.
        unsafe {
            at.write(lexer.position());
            form.write(found);
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { boundary(error, read) }
}

/// What has to precede a body in PL/pgSQL: DECLARE, or nothing.
///
/// # Safety
/// `token` points to `length` bytes, of which the first are the body's first
/// token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_prefix(
    token: *const c_char,
    length: usize,
) -> *const c_char {
    // SAFETY: the caller's promise.
    answer(c"".as_ptr(), || {
        text::prefix(Token::at(unsafe { bytes(token, length) })).as_ptr()
    })
}

/// What a word among a routine's options stands for.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigRoutineOption {
    /// Nothing.
    None,
    /// `DETERMINISTIC`
    Deterministic,
    /// `AUTHID`
    Authid,
}

/// The option that the token at `word` begins.
///
/// # Safety
/// `word` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_option_find(
    word: *const c_char,
    length: usize,
) -> SesstrigRoutineOption {
    answer(SesstrigRoutineOption::None, || {
        // SAFETY: the caller's promise.
        match alias::routine_option(Token::at(unsafe { bytes(word, length) })) {
            None => SesstrigRoutineOption::None,
            Some(RoutineOption::Deterministic) => SesstrigRoutineOption::Deterministic,
            Some(RoutineOption::Authid) => SesstrigRoutineOption::Authid,
        }
    })
}

/// Whether the token at `word` may follow the length of a `varchar2`.
///
/// # Safety
/// `word` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_unit_is_known(word: *const c_char, length: usize) -> bool {
    // SAFETY: the caller's promise.
    answer(false, || {
        alias::is_length_unit(Token::at(unsafe { bytes(word, length) }))
    })
}

/// The name of the event that is spelled AFTER or BEFORE, the token at `word`,
/// ON DATABASE; null if there is none.
///
/// # Safety
/// `word` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_event_of_words(
    after: bool,
    word: *const c_char,
    length: usize,
) -> *const c_char {
    answer(ptr::null(), || {
        // SAFETY: the caller's promise.
        let event = match alias::spelled_event(after, Token::at(unsafe { bytes(word, length) })) {
            Some(SpelledEvent::AfterLogon) => Event::Logon,
            Some(SpelledEvent::BeforeLogoff) => Event::Logoff,
            None => return ptr::null(),
        };
        event.name().as_ptr()
    })
}

/// Where `text` has `wanted` for the first time, in time proportional to their
/// lengths.
fn search(text: &[u8], wanted: &[u8]) -> Option<usize> {
    // SAFETY: both point to as many bytes as their lengths say.
    let found = unsafe {
        libc::memmem(
            text.as_ptr().cast(),
            text.len(),
            wanted.as_ptr().cast(),
            wanted.len(),
        )
    };
    (!found.is_null()).then(|| found.addr() - text.as_ptr().addr())
}

/// Finds a routine's source in the query that created it: translates the
/// offset `at` in `source` to one in `query`; negative if it is not there, or
/// there more than once.
///
/// # Safety
/// Both point to terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_source_find(
    source: *const c_char,
    query: *const c_char,
    at: usize,
) -> i64 {
    answer(-1, || {
        // SAFETY: the caller's promise.
        let (source, query) = unsafe { (CStr::from_ptr(source), CStr::from_ptr(query)) };
        text::find(source.to_bytes(), query.to_bytes(), at, search)
            .and_then(|at| i64::try_from(at).ok())
            .unwrap_or(-1)
    })
}

/// Whether an unknown type's name means `varchar` (rule D5).
///
/// # Safety
/// `name` points to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_type_is_varchar(name: *const c_char) -> bool {
    // SAFETY: the caller's promise.
    answer(false, || alias::is_varchar(unsafe { CStr::from_ptr(name) }))
}
