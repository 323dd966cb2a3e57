/*
 * sesstrig_guard.h
 *	  The guards, through which Rust calls the server.  C code has no need of them.
 *
 * A guard does not raise an ERROR.  It returns NULL or the error, which has been
 * copied and removed from elog's stack; the caller must free that copy with
 * sesstrig_error_free().  After an error the caller must roll back with
 * sesstrig_try_abort_transaction().  FATAL ends the process inside the guard.
 */
#ifndef SESSTRIG_GUARD_H
#define SESSTRIG_GUARD_H

#include "postgres.h"

#include "tcop/cmdtag.h"
#include "utils/elog.h"
#include "utils/guc.h"

/* One row of pg_event_trigger, as far as firing needs it. */
typedef struct SesstrigTriggerRow
{
	Oid			oid;
	NameData	name;
	int			event;			/* index among the events asked for */
	Oid			owner;
	Oid			function;
	char		enabled;
} SesstrigTriggerRow;

/* errors */
extern ErrorData *sesstrig_try_make_error(const char *message,
										  const char *detail,
										  const char *context);
extern ErrorData *sesstrig_try_report_error(ErrorData *error);
extern ErrorData *sesstrig_out_of_memory(void);
extern void sesstrig_error_free(ErrorData *error);

/* messages; the levels are those of elog.h */
extern ErrorData *sesstrig_try_log(int elevel, const char *message);
extern ErrorData *sesstrig_try_warn_client(const char *message);
extern ErrorData *sesstrig_try_set_title(const char *title);

/* The value of a setting, until the next call; null if there is none. */
extern ErrorData *sesstrig_try_get_setting(const char *name, const char **value);

/* settings; the pointers must be valid as long as the process lives */
extern ErrorData *sesstrig_try_define_bool(const char *name,
										   const char *description,
										   bool *variable, bool boot_value,
										   GucContext context);
extern ErrorData *sesstrig_try_define_int(const char *name,
										  const char *description,
										  int *variable, int boot_value,
										  int min_value, int max_value,
										  GucContext context, int flags);
extern ErrorData *sesstrig_try_define_string(const char *name,
											 const char *description,
											 char **variable, GucContext context,
											 GucStringCheckHook check_hook,
											 GucStringAssignHook assign_hook);
extern ErrorData *sesstrig_try_define_enum(const char *name,
										   const char *description,
										   int *variable, int boot_value,
										   const struct config_enum_entry *entries,
										   GucContext context);
extern ErrorData *sesstrig_try_reserve_prefix(const char *prefix);

/* transactions */
extern ErrorData *sesstrig_try_release_locks(void);
extern ErrorData *sesstrig_try_start_transaction(void);
extern ErrorData *sesstrig_try_commit_transaction(const char *context);
extern ErrorData *sesstrig_try_abort_transaction(void);

/* Override the client's settings up to the end of the transaction. */
extern ErrorData *sesstrig_try_override_settings(void);

/* Ignore cancel requests until the session's next command; cannot raise. */
extern void sesstrig_ignore_cancels(void);
extern void sesstrig_lend_credentials(bool lend);

/* the timeout of a firing; 0 ms means none; ending it cannot raise */
extern ErrorData *sesstrig_try_start_timeout(int ms, const char *message);
extern void sesstrig_end_timeout(void);
extern bool sesstrig_timeout_is_active(void);
extern bool sesstrig_timeout_is_reached(void);

/*
 * If the timeout caused the error, give it the timeout's message, and return true; cannot
 * raise.
 */
extern bool sesstrig_explain_timeout(ErrorData *error);

/* At the end of a firing's transaction, forget the client's encoding; cannot raise. */
extern void sesstrig_forget_encoding(void);

/* The assign hook of session_triggers.creator_role. */
extern void sesstrig_assign_creator_role(const char *value, void *extra);

/* The hooks of session_triggers.protected_settings. */
extern bool sesstrig_check_protected_settings(char **value, void **extra, GucSource source);
extern void sesstrig_assign_protected_settings(const char *value, void *extra);

/* roles, and what they own; "login" is the role that has logged on */
extern ErrorData *sesstrig_try_role_is_superuser(Oid role, bool *is_superuser);
extern ErrorData *sesstrig_try_role_is_creator(Oid role, bool *is_member);
extern ErrorData *sesstrig_try_role_can_become_login(Oid role, bool *can);
extern ErrorData *sesstrig_try_role_owns_function(Oid role, Oid function, bool *owns);
extern ErrorData *sesstrig_try_role_name(Oid role, NameData *name);

/* triggers */
extern ErrorData *sesstrig_try_accept_invalidations(void);
extern ErrorData *sesstrig_try_watch_triggers(void);
extern ErrorData *sesstrig_try_watch_roles(void);
extern ErrorData *sesstrig_try_read_triggers(bool may_wait,
											 const char *const *events,
											 int nevents,
											 SesstrigTriggerRow **rows,
											 int *nrows, bool *complete);
extern ErrorData *sesstrig_try_run_trigger(Oid function, const char *event,
										   CommandTag tag,
										   const char *description);

/*
 * names in a routine's text; the schema can be NULL, and kinds are those of the catalogs, or 0
 * if there is nothing of that name
 */
extern ErrorData *sesstrig_try_find_type(const char *schema, const char *name, bool *found);
extern ErrorData *sesstrig_try_find_routine(const char *schema, const char *name, uint8 *kind);
extern ErrorData *sesstrig_try_find_function(const char *schema, const char *name, int nargs,
											 bool *found);
extern ErrorData *sesstrig_try_find_relation(const char *schema, const char *name, uint8 *kind);
extern ErrorData *sesstrig_try_find_column(const char *schema, const char *name,
										   const char *column, bool *found);
extern ErrorData *sesstrig_try_find_extension(const char *name, bool *found);
extern ErrorData *sesstrig_try_schema_is_closed(const char *name, bool *closed);
extern ErrorData *sesstrig_try_check_interrupts(void);

/* Has the writer been asked to end?  Cannot raise. */
extern bool sesstrig_stop_requested(void);

/* state; the first one cannot raise */
extern bool sesstrig_event_triggers_on(void);
extern ErrorData *sesstrig_try_superuser(bool *is_superuser);

#endif							/* SESSTRIG_GUARD_H */
