/* What the shim calls in the Rust core. Generated from src/ffi; `build.sh lint` says when it is stale. */

#ifndef SESSTRIG_CORE_H
#define SESSTRIG_CORE_H

/*
 The number of context variables.
 */
#define SESSTRIG_CONTEXT_VARIABLES 4

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
 Forgets the triggers: pg_event_trigger has changed.
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
 A context variable's name; null if there is none of that index.
 */
const char *sesstrig_variable_name(int index);

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

/*
 Panics inside the boundary, for the test suites' trigger functions.

 # Safety
 `error` points to a variable that may be written.
 */
enum SesstrigStatus sesstrig_fault_raise(ErrorData **error);

#endif  /* SESSTRIG_CORE_H */
