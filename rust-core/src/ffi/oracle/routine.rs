//! The functions that `shim/oracle/routine.c` calls for routines in Oracle's form (section
//! D). They make no parse nodes, and raise no syntax errors; that is done in C.
//!
//! An automaton is plain data in memory of the caller's, since an error that the
//! scanner raises between two calls jumps past it, and no destructor would run.

use super::translate::with_last;
use crate::domain::oracle::alias::{RoutineOption, SpelledEvent};
use crate::domain::oracle::{Body, Form, Header, Lexer, Progress, Token, alias, text};
use crate::domain::session::event::Event;
use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, align_of, size_of};
use std::{ptr, slice};

/// What a token means for the end of a routine.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigRoutineStep {
    /// The token belongs to the routine, which goes on.
    More,
    /// The token is the END that closes the routine.
    End,
    /// The token is the name after that END.
    Name,
    /// The token does not belong to the routine.
    Done,
    /// The end of the routine cannot be found.
    Failed,
}

/// Why the end of a routine cannot be found. The texts are terminated constants.
#[repr(C)]
pub struct SesstrigRoutineError {
    /// The SQLSTATE's five characters.
    pub sqlstate: *const c_char,
    /// The primary message.
    pub message: *const c_char,
    /// The detail, or null.
    pub detail: *const c_char,
    /// The hint, or null.
    pub hint: *const c_char,
    /// The byte offset in the query to which the error refers.
    pub position: u32,
}

/// The bytes at `text`.
///
/// # Safety
/// `text` must point to `length` readable bytes, which must not change or be freed as
/// long as the result is in use.
unsafe fn bytes<'a>(text: *const c_char, length: usize) -> &'a [u8] {
    // SAFETY: the caller promises that `text` points to `length` such bytes.
    unsafe { slice::from_raw_parts(text.cast(), length) }
}

/// The length, in bytes, of the token at the start of the text. `standard_strings` is
/// the value of `standard_conforming_strings`.
///
/// # Safety
/// `token` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_token_length(
    token: *const c_char,
    length: usize,
    standard_strings: bool,
) -> usize {
    answer(0, || {
        // SAFETY: the caller promises that `token` points to `length` bytes.
        let text = unsafe { bytes(token, length) };
        Lexer::new(text, 0, standard_strings).next_token().end
    })
}

/// The size of an automaton for a body, in bytes. The caller allocates it, with the
/// alignment of palloc().
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_body_size() -> usize {
    const { assert!(align_of::<Body>() <= 8) }
    size_of::<Body>()
}

/// Initializes an automaton for a body, which is fed the tokens after IS or AS.
///
/// # Safety
/// `body` must point to [`sesstrig_body_size`] writable bytes, aligned for any type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_start(body: *mut std::ffi::c_void) {
    // SAFETY: the caller promises that `body` is large enough, aligned and writable.
    unsafe { body.cast::<Body>().write(Body::new()) };
}

/// Whether the token at `token` can start a body. If not, that is a syntax error.
///
/// # Safety
/// `token` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_may_start(token: *const c_char, length: usize) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `token` points to `length` bytes.
        text::may_start(Token::at(unsafe { bytes(token, length) }))
    })
}

/// Whether the token at `token` can start the block of a trigger. If not, that is a
/// syntax error.
///
/// # Safety
/// `token` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_block_may_start(token: *const c_char, length: usize) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `token` points to `length` bytes.
        text::may_start_block(Token::at(unsafe { bytes(token, length) }))
    })
}

/// Feeds the token at `token`, which is at byte offset `at` of the query. Sets `step`,
/// and also `failure` if the step is `Failed`.
///
/// # Safety
/// `body` must have been started, and must not be used by others during the call.
/// `token` must point to `length` readable bytes. `step` and `failure` must be
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_feed(
    body: *mut std::ffi::c_void,
    token: *const c_char,
    length: usize,
    at: u32,
    step: *mut SesstrigRoutineStep,
    failure: *mut SesstrigRoutineError,
) -> *mut ErrorData {
    let feed = || {
        // SAFETY: the caller promises that `body` was started and is not in use, and
        // that `token` points to `length` bytes.
        let (body, token) = unsafe { (&mut *body.cast::<Body>(), bytes(token, length)) };
        let found = match body.feed(Token::at(token), at) {
            Ok(Progress::More) => SesstrigRoutineStep::More,
            Ok(Progress::End) => SesstrigRoutineStep::End,
            Ok(Progress::Name) => SesstrigRoutineStep::Name,
            Ok(Progress::Done) => SesstrigRoutineStep::Done,
            Err(found) => {
                let text = |text: Option<&'static CStr>| text.map_or(ptr::null(), CStr::as_ptr);
                // SAFETY: the caller promises that `failure` is writable.
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
        // SAFETY: the caller promises that `step` is writable.
        unsafe { step.write(found) };
        Ok(())
    };
    boundary(feed)
}

/// What is known about a statement from what has been read of it.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigRoutineForm {
    /// More must be read.
    Undecided,
    /// It is not a routine in Oracle's form.
    Other,
    /// It is a routine in Oracle's form.
    Routine,
}

/// The size of an automaton for a header, in bytes. The caller allocates it, with the
/// alignment of palloc().
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_header_size() -> usize {
    const { assert!(align_of::<Header>() <= 8) }
    size_of::<Header>()
}

/// Initializes an automaton for the header of a function or procedure, which reads
/// what comes after the parameters.
///
/// # Safety
/// `header` must point to [`sesstrig_header_size`] writable bytes, aligned for any type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_header_start(header: *mut std::ffi::c_void) {
    // SAFETY: the caller promises that `header` is large enough, aligned and writable.
    unsafe { header.cast::<Header>().write(Header::after_parameters()) };
}

/// The number of bytes after which a call returns, so that its caller can check for
/// interrupts. A single token that is longer is read to its end.
const PORTION: usize = 1 << 20;

/// Reads the query from byte offset `*at` on, which must not be inside a token, and
/// advances `*at`. If the form is still undecided, the caller checks for interrupts and
/// calls again. At the end of the query the form is always decided.
///
/// # Safety
/// `header` must have been started, and must not be used by others during the call.
/// `query` must point to `length` readable bytes. `at` must be readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_header_read(
    header: *mut std::ffi::c_void,
    query: *const c_char,
    length: usize,
    standard_strings: bool,
    at: *mut usize,
    form: &mut MaybeUninit<SesstrigRoutineForm>,
) -> *mut ErrorData {
    let read = || {
        // SAFETY: the caller promises that `header` was started and is not in use, and
        // that `query` points to `length` bytes.
        let (header, query) = unsafe { (&mut *header.cast::<Header>(), bytes(query, length)) };
        // SAFETY: the caller promises that `at` is readable.
        let mut lexer = Lexer::new(query, unsafe { at.read() }, standard_strings);
        let found = match header.read(&mut lexer, PORTION) {
            Form::Undecided => SesstrigRoutineForm::Undecided,
            Form::Other => SesstrigRoutineForm::Other,
            Form::Routine { .. } => SesstrigRoutineForm::Routine,
        };
        // SAFETY: the caller promises that `at` and `form` are writable.
        unsafe {
            at.write(lexer.position());
            form.write(found);
        }
        Ok(())
    };
    boundary(read)
}

/// What must precede a body in PL/pgSQL, a constant: DECLARE or an empty string. The
/// text at `token` is the body, or at least its first token.
///
/// # Safety
/// `token` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_body_prefix(
    token: *const c_char,
    length: usize,
) -> *const c_char {
    answer(c"".as_ptr(), || {
        // SAFETY: the caller promises that `token` points to `length` bytes.
        text::prefix(Token::at(unsafe { bytes(token, length) })).as_ptr()
    })
}

/// An option of a routine that PostgreSQL spells differently.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigRoutineOption {
    /// None of them.
    None,
    /// `DETERMINISTIC`
    Deterministic,
    /// `AUTHID`
    Authid,
}

/// The option that starts with the token at `word`.
///
/// # Safety
/// `word` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_option_find(
    word: *const c_char,
    length: usize,
) -> SesstrigRoutineOption {
    answer(SesstrigRoutineOption::None, || {
        // SAFETY: the caller promises that `word` points to `length` bytes.
        match alias::routine_option(Token::at(unsafe { bytes(word, length) })) {
            None => SesstrigRoutineOption::None,
            Some(RoutineOption::Deterministic) => SesstrigRoutineOption::Deterministic,
            Some(RoutineOption::Authid) => SesstrigRoutineOption::Authid,
        }
    })
}

/// Whether the token at `word` may follow the length of a `varchar2`: BYTE or CHAR.
///
/// # Safety
/// `word` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_unit_is_known(word: *const c_char, length: usize) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `word` points to `length` bytes.
        alias::is_length_unit(Token::at(unsafe { bytes(word, length) }))
    })
}

/// The name, a constant, of the event that is spelled AFTER or BEFORE and the token at
/// `word`; null if there is no such event.
///
/// # Safety
/// `word` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_event_of_words(
    after: bool,
    word: *const c_char,
    length: usize,
) -> *const c_char {
    answer(ptr::null(), || {
        // SAFETY: the caller promises that `word` points to `length` bytes.
        let event = match alias::spelled_event(after, Token::at(unsafe { bytes(word, length) })) {
            Some(SpelledEvent::AfterLogon) => Event::Logon,
            Some(SpelledEvent::BeforeLogoff) => Event::Logoff,
            None => return ptr::null(),
        };
        event.name().as_ptr()
    })
}

/// Whether the token at `word` may stand before TRIGGER.
///
/// # Safety
/// `word` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_edition_is_known(word: *const c_char, length: usize) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `word` points to `length` bytes.
        alias::is_edition(Token::at(unsafe { bytes(word, length) }))
    })
}

/// What exists here in place of the event of Oracle's that the token at `word` names,
/// a constant; null if it names none.
///
/// # Safety
/// `word` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_event_hint(word: *const c_char, length: usize) -> *const c_char {
    answer(ptr::null(), || {
        // SAFETY: the caller promises that `word` points to `length` bytes.
        let word = Token::at(unsafe { bytes(word, length) });
        alias::system_event_hint(word).map_or(ptr::null(), CStr::as_ptr)
    })
}

/// What to write in place of the option of Oracle's CREATE TRIGGER that the token at `word` names,
/// a constant; null if it names none.
///
/// # Safety
/// `word` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_trigger_option_hint(
    word: *const c_char,
    length: usize,
) -> *const c_char {
    answer(ptr::null(), || {
        // SAFETY: the caller promises that `word` points to `length` bytes.
        let word = Token::at(unsafe { bytes(word, length) });
        alias::trigger_option_hint(word).map_or(ptr::null(), CStr::as_ptr)
    })
}

/// The offset at which `wanted` first occurs in `text`. The search takes time in
/// proportion to their lengths, as `text::find` requires.
fn search(text: &[u8], wanted: &[u8]) -> Option<usize> {
    // SAFETY: each pointer and length describe one slice.
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

/// Translates the byte offset `at` in a routine's source to one in the query that
/// created the routine. The result is negative if the query does not contain that
/// source, or contains it more than once.
///
/// # Safety
/// `source` and `query` must point to terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_source_find(
    source: *const c_char,
    query: *const c_char,
    at: usize,
) -> i64 {
    answer(-1, || {
        // SAFETY: the caller promises that both strings are terminated.
        let (source, query) = unsafe { (CStr::from_ptr(source), CStr::from_ptr(query)) };
        with_last(|last| text::find(source.to_bytes(), query.to_bytes(), at, last, search))
            .and_then(|at| i64::try_from(at).ok())
            .unwrap_or(-1)
    })
}

/// Whether `name` stands for another type, `varchar`, where no type of that name is
/// found (rule D5).
///
/// A temporary type must not take its place, or else a session could put a type of its
/// own into functions that run with other rights. `SET search_path` could not prevent
/// that: it can put `pg_temp` after `pg_catalog`, but `pg_catalog` has no type of that
/// name to be found first.
///
/// # Safety
/// `name` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_type_is_alias(name: *const c_char) -> bool {
    // SAFETY: the caller promises that `name` is terminated.
    answer(false, || alias::is_varchar(unsafe { CStr::from_ptr(name) }))
}
