/* What the shim calls in the Rust core. Generated from src/ffi; `build.sh lint` says when it is stale. */

#ifndef SESSTRIG_CORE_H
#define SESSTRIG_CORE_H

/*
 The number of context variables.
 */
#define SESSTRIG_VARIABLES 4

/*
 What becomes of a setting during a firing.
 */
typedef enum SesstrigOverrideKind {
  /*
   It stays what the client made it.
   */
  SESSTRIG_OVERRIDE_KIND_KEEP,
  /*
   PostgreSQL's default.
   */
  SESSTRIG_OVERRIDE_KIND_DEFAULT,
  /*
   The text.
   */
  SESSTRIG_OVERRIDE_KIND_VALUE,
  /*
   What the setting that the text names has.
   */
  SESSTRIG_OVERRIDE_KIND_SAME_AS,
} SesstrigOverrideKind;

/*
 Whether a call failed.
 */
typedef enum SesstrigStatus {
  /*
   It did what it should.
   */
  SESSTRIG_STATUS_OK,
  /*
   The out-parameter has the error.
   */
  SESSTRIG_STATUS_ERROR,
} SesstrigStatus;

/*
 What a token means for the end of a routine.
 */
typedef enum SesstrigRoutineStep {
  /*
   The routine goes on.
   */
  SESSTRIG_ROUTINE_STEP_MORE,
  /*
   The token is its last END.
   */
  SESSTRIG_ROUTINE_STEP_END,
  /*
   The token is its name, behind that END.
   */
  SESSTRIG_ROUTINE_STEP_NAME,
  /*
   The token does not belong to it.
   */
  SESSTRIG_ROUTINE_STEP_DONE,
  /*
   It has no end that could be found.
   */
  SESSTRIG_ROUTINE_STEP_FAILED,
} SesstrigRoutineStep;

/*
 What is known of a CREATE FUNCTION or PROCEDURE from its options so far.
 */
typedef enum SesstrigRoutineForm {
  /*
   Not enough.
   */
  SESSTRIG_ROUTINE_FORM_UNDECIDED,
  /*
   It is no routine in the form of section D.
   */
  SESSTRIG_ROUTINE_FORM_OTHER,
  /*
   It is one.
   */
  SESSTRIG_ROUTINE_FORM_ROUTINE,
} SesstrigRoutineForm;

/*
 What a word among a routine's options stands for.
 */
typedef enum SesstrigRoutineOption {
  /*
   Nothing.
   */
  SESSTRIG_ROUTINE_OPTION_NONE,
  /*
   `DETERMINISTIC`
   */
  SESSTRIG_ROUTINE_OPTION_DETERMINISTIC,
  /*
   `AUTHID`
   */
  SESSTRIG_ROUTINE_OPTION_AUTHID,
} SesstrigRoutineOption;

/*
 What a value is.
 */
typedef enum SesstrigValueKind {
  /*
   SQL's NULL
   */
  SESSTRIG_VALUE_KIND_NULL,
  /*
   `text`
   */
  SESSTRIG_VALUE_KIND_TEXT,
  /*
   `int`
   */
  SESSTRIG_VALUE_KIND_INTEGER,
} SesstrigValueKind;

/*
 A setting's value during a firing.
 */
typedef struct SesstrigOverride {
  /*
   Which.
   */
  enum SesstrigOverrideKind kind;
  /*
   A value or a name, never freed; or null.
   */
  const char *text;
  /*
   Whether the server may refuse to set it, so that it stays.
   */
  bool may_be_refused;
} SesstrigOverride;

/*
 Why a routine has no end. Texts are constants; null is none.
 */
typedef struct SesstrigRoutineError {
  /*
   The SQLSTATE's five characters.
   */
  const char *sqlstate;
  /*
   The primary message.
   */
  const char *message;
  /*
   The detail.
   */
  const char *detail;
  /*
   The hint.
   */
  const char *hint;
  /*
   The offset of what is wrong.
   */
  uint32_t position;
} SesstrigRoutineError;

/*
 A context variable's value.
 */
typedef struct SesstrigValue {
  /*
   Which of the members counts.
   */
  enum SesstrigValueKind kind;
  /*
   Text in the server's encoding, not terminated; never freed.
   */
  const char *text;
  /*
   Its length in bytes.
   */
  uintptr_t length;
  /*
   A number.
   */
  int32_t integer;
} SesstrigValue;

/*
 The value, during a firing, of a setting that any user may set.

 # Safety
 `name` and, unless null, `current` point to terminated strings.
 */
struct SesstrigOverride sesstrig_override_find(const char *name, const char *current);

/*
 The procedural languages' settings that are overridden, one by one; false if
 there is none of that index.

 # Safety
 `name` and `value` may be written.
 */
bool sesstrig_override_language(int index, const char **name, const char **value);

/*
 The length of the token at `token`, as it is written.

 # Safety
 `token` points to `length` bytes.
 */
uintptr_t sesstrig_token_length(const char *token, uintptr_t length, bool standard_strings);

/*
 The size of an automaton for a body, which the caller allocates, aligned
 as palloc() does.
 */
uintptr_t sesstrig_body_size(void);

/*
 Starts an automaton behind IS or AS.

 # Safety
 `body` points to [`sesstrig_body_size`] bytes, aligned for any type.
 */
void sesstrig_body_start(void *body);

/*
 Whether a body can start with the token at `token`; nothing else can say
 what is wrong with one that does not.

 # Safety
 `token` points to `length` bytes.
 */
bool sesstrig_body_may_start(const char *token, uintptr_t length);

/*
 Feeds the token at `token`, which is at offset `at` of the query.

 # Safety
 `body` was started; `token` points to `length` bytes; the others may be
 written.
 */
enum SesstrigStatus sesstrig_body_feed(void *body,
                                       const char *token,
                                       uintptr_t length,
                                       uint32_t at,
                                       enum SesstrigRoutineStep *step,
                                       struct SesstrigRoutineError *failure,
                                       ErrorData **error);

/*
 The size of an automaton for a header, as for [`sesstrig_body_size`].
 */
uintptr_t sesstrig_header_size(void);

/*
 Starts an automaton behind a routine's parameters.

 # Safety
 `header` points to [`sesstrig_header_size`] bytes, aligned for any type.
 */
void sesstrig_header_start(void *header);

/*
 Reads ahead from offset `*at` of the query, where a token begins, and moves
 it on. If the form is undecided then, the caller looks for interrupts and
 calls again; at the end of the query it is decided.

 # Safety
 `header` was started; `query` points to `length` bytes; `at`, `form` and
 `error` may be written, and `at` read.
 */
enum SesstrigStatus sesstrig_header_read(void *header,
                                         const char *query,
                                         uintptr_t length,
                                         bool standard_strings,
                                         uintptr_t *at,
                                         enum SesstrigRoutineForm *form,
                                         ErrorData **error);

/*
 What has to precede a body in PL/pgSQL: DECLARE, or nothing.

 # Safety
 `token` points to `length` bytes, of which the first are the body's first
 token.
 */
const char *sesstrig_body_prefix(const char *token, uintptr_t length);

/*
 The option that the token at `word` begins.

 # Safety
 `word` points to `length` bytes.
 */
enum SesstrigRoutineOption sesstrig_option_find(const char *word, uintptr_t length);

/*
 Whether the token at `word` may follow the length of a `varchar2`.

 # Safety
 `word` points to `length` bytes.
 */
bool sesstrig_unit_is_known(const char *word, uintptr_t length);

/*
 The name of the event that is spelled AFTER or BEFORE, the token at `word`,
 ON DATABASE; null if there is none.

 # Safety
 `word` points to `length` bytes.
 */
const char *sesstrig_event_of_words(bool after, const char *word, uintptr_t length);

/*
 Finds a routine's source in the query that created it: translates the
 offset `at` in `source` to one in `query`; negative if it is not there, or
 there more than once.

 # Safety
 Both point to terminated strings.
 */
int64_t sesstrig_source_find(const char *source, const char *query, uintptr_t at);

/*
 Whether an unknown type's name means `varchar` (rule D5).

 # Safety
 `name` points to a terminated string.
 */
bool sesstrig_type_is_varchar(const char *name);

/*
 Defines the settings and prepares the core; once per process tree.

 # Safety
 `error` points to a variable that may be written.
 */
enum SesstrigStatus sesstrig_core_start(ErrorData **error);

/*
 Whether there is a session event of that name.

 # Safety
 `name` points to a terminated string.
 */
bool sesstrig_event_find(const char *name);

/*
 Forgets the triggers: pg_event_trigger has changed. It sets a flag, and
 cannot panic.
 */
void sesstrig_triggers_invalidate(void);

/*
 Starts a session; in a transaction.

 # Safety
 `error` points to a variable that may be written.
 */
enum SesstrigStatus sesstrig_session_open(ErrorData **error);

/*
 Fires logon. An error must end the session.

 # Safety
 `error` points to a variable that may be written.
 */
enum SesstrigStatus sesstrig_logon_fire(ErrorData **error);

/*
 Fires logoff.

 # Safety
 `error` points to a variable that may be written.
 */
enum SesstrigStatus sesstrig_logoff_fire(ErrorData **error);

/*
 Whether the end of the process is to fire logoff.
 */
bool sesstrig_exit_fires(void);

/*
 Panics inside the boundary, for the test suites' trigger functions.

 # Safety
 `error` points to a variable that may be written.
 */
enum SesstrigStatus sesstrig_fault_raise(ErrorData **error);

/*
 A context variable's type; the null kind if there is none of that index.
 */
enum SesstrigValueKind sesstrig_variable_kind(int index);

/*
 Reads a context variable; null for a name that is none.

 # Safety
 `name` points to a terminated string; the others may be written.
 */
enum SesstrigStatus sesstrig_variable_read(const char *name,
                                           struct SesstrigValue *out,
                                           ErrorData **error);

#endif  /* SESSTRIG_CORE_H */
