/*
 * sesstrig_entry.h
 *	  Declarations that the files of the shim share with one another.  Server files
 *	  do not include this.
 */
#ifndef SESSTRIG_ENTRY_H
#define SESSTRIG_ENTRY_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "parser/scanner.h"

#include "sesstrig_core.h"

/* If a call of the core has returned an error, raise it, and free the core's copy. */
extern void sesstrig_raise_on_failure(ErrorData *error);

/* Likewise, but the error must end the session. */
extern void sesstrig_exit_on_failure(ErrorData *error);

/* At server start, note which settings there are. */
extern void sesstrig_note_settings(void);

/* At server start, have the server say what weakens the session audit. */
extern void sesstrig_changes_init(void);

/* Note a utility statement that is about to be executed, for what the server says then. */
extern void sesstrig_change_note_statement(Node *node);

/* Is this process one of the workers of the session audit? */
extern bool sesstrig_is_audit_worker(void);

/* At server start, have the server reserve shared memory for the core. */
extern void sesstrig_workers_init(void);

/* At server start, have the server say how each client has authenticated. */
extern void sesstrig_authentication_init(void);

/* Note a setting that is new, in case it is one of a language that a firing overrides. */
extern void sesstrig_note_language_setting(const char *name);

/* Protect a setting that is new, if its name is listed. */
struct config_generic;
extern void sesstrig_protect_setting(struct config_generic *setting);

/* Give the protected settings the values that RESET would give them. */
extern void sesstrig_reset_protected_settings(void);

/* Have the check hook of a setting that is a list say which item is wrong. */
extern void sesstrig_explain_list_fault(const char *list, const SesstrigListFault *fault);

/* Note where the server keeps the flag that it is reading a command. */
extern void sesstrig_watch_command_read(bool *flag);

/* Fire the delegated logon triggers, after the logon is complete. */
extern void sesstrig_fire_delegated(void);

/* Forget the client's requests and timeouts, because the session is ending. */
extern void sesstrig_detach_client(void);

/* Note a message of the server log that tells that a client is lost. */
extern void sesstrig_exit_note_message(const ErrorData *error);

/* Has a deferred exit been raised, so that the current error must not be caught? */
extern bool sesstrig_exit_is_deferred(void);

/* Has a firing not heeded its timeout, so that the session ends?  Log that. */
extern bool sesstrig_report_overrun(void);

/*
 * The query that is being parsed, from a token on, and the length of it that tells
 * the token's kind; a token as it was written; and the query between two offsets.
 */
extern const char *sesstrig_query_at(int location, size_t *length);
extern char *sesstrig_query_token(int location);
extern char *sesstrig_query_part(int start, int end);

/* Report an unexpected token in the grammar's words. */
extern void sesstrig_syntax_error(int location, core_yyscan_t yyscanner);

/* The session event that is spelled AFTER or BEFORE and the word there, or NULL. */
extern const char *sesstrig_event_at(bool after, int location);

/* Raise an error if a statement is about an alias of a type. */
extern void sesstrig_type_check(Node *statement);

/* Check one of Oracle's statements on a trigger; any other statement passes. */
extern void sesstrig_trigger_check(Node *statement);

/* A text of any encoding, made valid in that of the database. */
extern const char *sesstrig_clean_text(const char *text);

/* Note which statement is executed next, and so may change owners. */
extern void sesstrig_event_note_statement(const Node *statement);

/* Raise an error unless a trigger of the current user may execute a function. */
extern void sesstrig_event_check_function(Oid function, const char *name);

/*
 * Make a routine's SET search_path clause, complete it when the routine is created, and
 * recognize one that its author wrote.
 */
extern DefElem *sesstrig_path_option(void);
extern void sesstrig_path_complete(List *options);
extern bool sesstrig_path_is_set(const DefElem *option, bool was_set);
extern char *sesstrig_path_of_routine(List *options);

/* Can only the owner of a routine and superusers create objects in a schema? */
extern bool sesstrig_schema_is_closed(Oid schema, Oid owner);

#endif							/* SESSTRIG_ENTRY_H */
