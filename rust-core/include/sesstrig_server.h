/*
 * sesstrig_server.h
 *	  The functions of the core that patched server files and PL/pgSQL call.  They
 *	  include no other header of the core, except that gram.y and psql's lexer each
 *	  have one of their own; and postgres exports no other symbol of the core.
 */
#ifndef SESSTRIG_SERVER_H
#define SESSTRIG_SERVER_H

#include "nodes/parsenodes.h"
#include "parser/scanner.h"
#include "storage/sinval.h"

/* Define the settings; called at server start, before a configuration file is read. */
extern void sesstrig_server_init(void);

/*
 * A setting has been added to those of the server, or has taken the place of a placeholder,
 * whose values it does not have yet.
 */
struct config_generic;
extern void sesstrig_setting_added(struct config_generic *setting);

/*
 * Insert the last item of an array into the others, which are sorted.  (15, where a sorted
 * array holds the settings.)
 */
extern void sesstrig_sort_last(void **items, int count,
							   int (*compare) (const void *one, const void *other));

/* Is this the name of a session event?  CREATE EVENT TRIGGER asks. */
extern bool sesstrig_event_is_known(const char *eventname);

/* Raise an error if this is a session event, which does not support tag filters. */
extern void sesstrig_event_refuse_tags(const char *eventname);

/* May the current user create this event trigger? */
extern bool sesstrig_event_may_create(const CreateEventTrigStmt *statement);

/*
 * May an event trigger, of which this is the new version, get this owner?  Upstream's code
 * reports that it may not; some errors are raised here.
 */
struct FormData_pg_event_trigger;
extern bool sesstrig_event_may_own(struct FormData_pg_event_trigger *form, Oid owner);

/*
 * Find the function, or for a session event the procedure, that an event trigger is to
 * run.  Set *result to its result type; for a procedure, to event_trigger.
 */
extern Oid	sesstrig_event_find_function(const char *eventname, List *name, Oid *result);

/*
 * CREATE EVENT TRIGGER: is this what Oracle's CREATE TRIGGER was parsed to?  If so,
 * create the function behind the trigger, and the trigger or its new version.
 */
extern bool sesstrig_trigger_is_oracle(const CreateEventTrigStmt *statement);
extern Oid	sesstrig_trigger_create(CreateEventTrigStmt *statement);

/*
 * If this function was made for the event trigger that the statement creates, have it
 * dropped with the trigger.  Return the trigger.
 */
extern Oid	sesstrig_trigger_bind(Oid trigger, const CreateEventTrigStmt *statement,
								  Oid function);

/*
 * Raise an error if a utility statement is about an alias of a type.  Complete one of
 * Oracle's on a trigger, or raise an error if it is about one for another event.
 */
extern void sesstrig_statement_check(Node *statement);

/*
 * Take the PROXY header with which a proxy says whose connection it passes on, before
 * anything else is read.  A connection that should have one and has not is ended.
 */
struct Port;
extern void sesstrig_connection_receive(struct Port *port);

/* Raise an error if the client is behind a proxy, which ident could not tell from it. */
extern void sesstrig_connection_check_ident(void);

/*
 * Called before other processes are told of changes, which are committed and visible.
 * This must not raise an error.
 */
extern void sesstrig_catalogs_changed(const SharedInvalidationMessage *messages, int count);

/*
 * Read the triggers of a session.  The last transaction of InitPostgres() must be
 * open, which spares the session a transaction of its own.
 */
extern void sesstrig_session_prepare(void);

/*
 * Fire after_user_logon.  No transaction may be open.  The argument points to the
 * server's flag that it is reading a command and so ignores cancels; it is
 * remembered, since logoff must clear that flag.
 */
extern void sesstrig_session_logon(bool *reading_command);

/*
 * Fire before_user_logoff, after the client has ended the session.  Any open
 * transaction is rolled back first.
 */
extern void sesstrig_session_logoff(void);

/*
 * Execute DISCARD ALL by calling discard().  If it is the end of one use of the session
 * and the start of the next, fire before_user_logoff before it and after_user_logon after
 * it, each in a transaction of its own; so the statement's transaction is committed, and
 * another one is open in the end.
 */
extern void sesstrig_discard_all(void (*discard) (bool is_top_level), bool is_top_level);

/*
 * Called when the process is about to exit, whatever it is doing.  If this end of
 * the session fires before_user_logoff, defer the exit: raise an error that is not
 * reported, and that nothing may catch before PostgresMain().  Otherwise return, and
 * the process exits.
 */
extern void sesstrig_exit_defer(int code);

/* Note the FATAL error that is about to end the process. */
extern void sesstrig_exit_note(const ErrorData *error);

/* Called in PostgresMain() after every error: finish a deferred exit, if any. */
extern void sesstrig_exit_finish(void);

/*
 * Write a message to the server log by calling log().  If it looks like a record of the
 * session audit and is none, it is written with a word before it: statements can write
 * any text there, for instance by RAISE LOG.
 */
extern void sesstrig_log_message(ErrorData *error, void (*log) (ErrorData *error));

/* Would this text, sent during a firing, fail to convert to the client's encoding? */
extern bool sesstrig_session_cannot_send(const char *text);

/* A background worker of the session audit: the writer, or the keeper. */
extern void sesstrig_keeper_main(Datum arg);

/* Are event triggers not to fire in this process, a worker of the session audit? */
extern bool sesstrig_event_is_suppressed(void);

/* A variable that PL/pgSQL declares in event trigger functions, as a constant. */
typedef struct SesstrigVariable
{
	const char *source;			/* the function's text */
	int			number;			/* from 1 on; 0 before the first one */
	const char *name;
	const char *alias;			/* a second name, or NULL */
	Oid			type;
} SesstrigVariable;

/*
 * What PL/pgSQL calls.  It finds all of it by one function, because its library is
 * loaded in every session that runs a trigger, and the dynamic linker spends some 1,500
 * instructions on each symbol that the library refers to.
 */
typedef struct SesstrigPlpgsql
{
	/* Go on to the next variable that the function may read; false if there is none. */
	bool		(*variable_next) (SesstrigVariable *variable);

	/* The value of a variable, for an event with this tag. */
	Datum		(*variable_value) (const char *name, const char *tag, bool *isnull);

	/* Has a deferred exit been raised, so that the current error must not be caught? */
	bool		(*exit_is_deferred) (void);
} SesstrigPlpgsql;

extern const SesstrigPlpgsql *sesstrig_plpgsql(void);

/* Note that raw_parser() is about to parse this text, and that it has finished. */
extern void sesstrig_parser_begin(const char *text);
extern void sesstrig_parser_end(void);

/*
 * The grammar calls what follows, in part through sesstrig_grammar.h.  A location
 * is a byte offset in the query, as YYLTYPE is.
 */

/* What a token is in relation to a routine's text. */
typedef enum SesstrigRoutineToken
{
	SESSTRIG_TOKEN_INSIDE,		/* part of the text */
	SESSTRIG_TOKEN_END,			/* the END that closes the text */
	SESSTRIG_TOKEN_NAME,		/* the name after that END */
	SESSTRIG_TOKEN_OUTSIDE,		/* not part of the text, which has ended */
} SesstrigRoutineToken;

/* Does the RETURN at this location introduce a result type? */
extern bool sesstrig_routine_returns_type(int location);

/* Find the end of a text, token by token, and make a DefElem of the text. */
extern void *sesstrig_routine_begin(int location, core_yyscan_t yyscanner);
extern SesstrigRoutineToken sesstrig_routine_feed(void *routine, int location,
												  core_yyscan_t yyscanner);
extern void sesstrig_routine_text(DefElem *text, int start, int first, int end);

/* The same for the block of a trigger. */
extern void *sesstrig_trigger_begin(int location, core_yyscan_t yyscanner);
extern void sesstrig_trigger_text(DefElem *text, int first, int end);

/* Make the statement that creates a routine.  The last option is its text. */
extern Node *sesstrig_routine_statement(bool is_procedure, bool replace, List *name,
										List *parameters, TypeName *result, List *options,
										core_yyscan_t yyscanner);

/* The options DETERMINISTIC, and AUTHID DEFINER or AUTHID CURRENT_USER. */
extern DefElem *sesstrig_routine_deterministic(int location, core_yyscan_t yyscanner);
extern DefElem *sesstrig_routine_authid(bool definer, int location, core_yyscan_t yyscanner);

/*
 * Called when CREATE FUNCTION is executed: complete a routine's search_path, and translate its
 * source.  Errors point at "query", which can be NULL.
 */
extern void sesstrig_routine_complete(CreateFunctionStmt *statement, const char *query);

/* Keep a path that is computed from this setting to the schemas that a role can trust. */
extern List *sesstrig_path_trust(const char *setting, Oid role, List *path, Oid *first);

/*
 * Translate a position in a routine's source to one in the query.  Both count
 * characters from 1.  Return 0 unless the query contains the source exactly once.
 */
extern int	sesstrig_routine_position(const char *source, const char *query, int position);

/* Make the type varchar2(n BYTE) or varchar2(n CHAR). */
extern TypeName *sesstrig_type_with_unit(const char *type, int length, int length_location,
										 int unit_location, int location,
										 core_yyscan_t yyscanner);

/* Is this an alias, and so a name under which no temporary type may be found? */
extern bool sesstrig_type_is_alias(const char *name);

/* The type that a name stands for where no type has that name, or InvalidOid. */
extern Oid	sesstrig_type_find(const char *schema, const char *name);

/* Is it the name of a type that this function may be about to define? */
extern bool sesstrig_type_may_be_shell(const TypeName *type, Oid language);

/*
 * The name of the event that is spelled AFTER or BEFORE and the word there.  An event
 * trigger cannot be created for the sessions of one role.
 */
extern char *sesstrig_event_spelled(bool after, int location, const RoleSpec *role,
									core_yyscan_t yyscanner);

/*
 * Oracle's statements on triggers that belong to no table.  The event, the role and
 * the definition are parts of CREATE TRIGGER.
 */
extern void sesstrig_trigger_edition(int location, core_yyscan_t yyscanner);
extern char *sesstrig_trigger_event(int timing, int location, core_yyscan_t yyscanner);
extern void sesstrig_trigger_refuse_events(int location, core_yyscan_t yyscanner);
extern void sesstrig_trigger_refuse_option(int location, core_yyscan_t yyscanner);
extern RoleSpec *sesstrig_trigger_role(char *name, int location);
extern Node *sesstrig_trigger_define(char *event, RoleSpec *role, Node *condition,
									 int condition_location, int block_location,
									 DefElem *text);
extern Node *sesstrig_trigger_statement(bool replace, List *name, Node *definition,
										core_yyscan_t yyscanner);
extern Node *sesstrig_trigger_enable(List *name, char enabled);
extern Node *sesstrig_trigger_rename(List *name, char *new_name);
extern Node *sesstrig_trigger_drop(ObjectType type, List *name, bool missing_ok,
								   DropBehavior behavior, core_yyscan_t yyscanner);

/* Is this a table of the session audit, which pg_write_all_data does not include? */
extern bool sesstrig_audit_has_table(Oid table);

/*
 * Raise an error whose hint tells users what to write instead.  Some rules of the
 * grammar exist only to call one of these, as upstream has rules for CREATE
 * ASSERTION and LIMIT #,# that only raise an error: they match what users who know
 * Oracle are likely to write, for which "syntax error" would be no help.
 */
extern void sesstrig_event_refuse_schema(const char *first, List *rest, int location,
										 core_yyscan_t yyscanner);
extern void sesstrig_event_refuse_replace(int location, core_yyscan_t yyscanner);

#ifdef SESSTRIG_FAULTS
/* Panic inside the core, and raise the error; only in the test suites' server. */
extern void sesstrig_fault_panic(void);
#endif

#endif							/* SESSTRIG_SERVER_H */
