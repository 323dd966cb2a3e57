/*
 * sesstrig_server.h
 *	  What the patched server files and PL/pgSQL call: the only header of the
 *	  session triggers that they include, and the only symbols that postgres
 *	  exports for them.
 */
#ifndef SESSTRIG_SERVER_H
#define SESSTRIG_SERVER_H

#include "nodes/parsenodes.h"
#include "parser/scanner.h"

/* Define the settings; at server start, before a configuration file is read. */
extern void sesstrig_server_init(void);

/* Is this the name of a session event?  For CREATE EVENT TRIGGER. */
extern bool sesstrig_event_is_known(const char *eventname);

/* Raise an error if this is a session event: these have no tags to filter. */
extern void sesstrig_event_refuse_tags(const char *eventname);

/* Read the session's triggers, in the last transaction of its start. */
extern void sesstrig_session_prepare(void);

/*
 * Fire after_user_logon, outside of a transaction.  The flag says that the
 * server is reading a command, so that it ignores cancels.
 */
extern void sesstrig_session_logon(bool *reading_command);

/*
 * Fire before_user_logoff, once the client has ended the session; rolls an
 * open transaction back.
 */
extern void sesstrig_session_logoff(void);

/*
 * The process is about to exit, whatever it is doing.  If this end of the
 * session fires before_user_logoff, defer the exit: raise an error, which is
 * not reported and must not be caught, up to PostgresMain().
 */
extern void sesstrig_exit_defer(int code);

/* Has a deferred exit been raised? */
extern bool sesstrig_exit_is_deferred(void);

/* Called in PostgresMain() after an error: finish a deferred exit. */
extern void sesstrig_exit_finish(void);

/* Is a firing about to send the client a text that its encoding does not have? */
extern bool sesstrig_session_cannot_send(const char *text);

/* The variables that PL/pgSQL declares, as constants, in event trigger functions. */
extern int	sesstrig_variable_count(void);
extern const char *sesstrig_variable_name(int index);
extern Oid	sesstrig_variable_type(int index);
extern Datum sesstrig_variable_value(const char *name, bool *isnull);

/* Note the text that raw_parser() is about to parse, and that it has done so. */
extern void sesstrig_parser_begin(const char *text);
extern void sesstrig_parser_end(void);

/* For the grammar, through sesstrig_grammar.h: where a routine's text ends. */
typedef enum SesstrigRoutineToken
{
	SESSTRIG_TOKEN_INSIDE,		/* belongs to the text */
	SESSTRIG_TOKEN_END,			/* is the END that closes it */
	SESSTRIG_TOKEN_NAME,		/* is the routine's name, behind that END */
	SESSTRIG_TOKEN_OUTSIDE,		/* comes after it */
} SesstrigRoutineToken;

extern bool sesstrig_routine_returns_type(int location);
extern void *sesstrig_routine_begin(int location, core_yyscan_t yyscanner);
extern SesstrigRoutineToken sesstrig_routine_feed(void *routine, int location,
												  core_yyscan_t yyscanner);
extern DefElem *sesstrig_routine_text(int start, int first, int end);

/* Make the statement; the last option is the text. */
extern Node *sesstrig_routine_statement(bool is_procedure, bool replace, List *name,
										List *parameters, TypeName *result, List *options,
										core_yyscan_t yyscanner);

/* DETERMINISTIC, and AUTHID DEFINER or CURRENT_USER. */
extern DefElem *sesstrig_routine_deterministic(int location, core_yyscan_t yyscanner);
extern DefElem *sesstrig_routine_authid(bool definer, int location, core_yyscan_t yyscanner);

/* When CREATE FUNCTION runs: give such a routine its search_path. */
extern void sesstrig_routine_fix_path(List *options);

/* Translate a position in a routine's source to one in the query; 0 if it isn't there. */
extern int	sesstrig_routine_position(const char *source, const char *query, int position);

/* varchar2(n BYTE) and varchar2(n CHAR) */
extern TypeName *sesstrig_type_with_unit(const char *type, int length, int length_location,
										 int unit_location, int location,
										 core_yyscan_t yyscanner);

/* Is it a name that no temporary type may take? */
extern bool sesstrig_type_is_alias(const char *name);

/* The type that a name means where no type is called so, or InvalidOid. */
extern Oid	sesstrig_type_find(const char *schema, const char *name);

/* The event of AFTER or BEFORE, the word at this location, ON DATABASE. */
extern char *sesstrig_event_spelled(bool after, int location, core_yyscan_t yyscanner);

/* Raise an error that says what to write in place of what there is elsewhere. */
extern void sesstrig_event_refuse_schema(const char *first, List *rest, int location,
										 core_yyscan_t yyscanner);
extern void sesstrig_event_refuse_on_schema(int location, core_yyscan_t yyscanner);
extern void sesstrig_event_refuse_replace(int location, core_yyscan_t yyscanner);
extern void sesstrig_event_refuse_procedure(const char *eventname, List *name);
extern void sesstrig_event_refuse_trigger(bool after, const char *name, int location,
									core_yyscan_t yyscanner);

#ifdef SESSTRIG_FAULTS
/* Panic inside the core and raise that; in the test suites' server only. */
extern void sesstrig_fault_panic(void);
#endif

#endif							/* SESSTRIG_SERVER_H */
