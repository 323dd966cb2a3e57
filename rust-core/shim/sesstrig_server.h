/*
 * sesstrig_server.h
 *	  What the patched server files and PL/pgSQL call: the only header of the
 *	  session triggers that they include, and the only symbols that postgres
 *	  exports for them.
 */
#ifndef SESSTRIG_SERVER_H
#define SESSTRIG_SERVER_H

/* Define the settings; at server start, before a configuration file is read. */
extern void sesstrig_server_init(void);

/* Is this the name of a session event?  For CREATE EVENT TRIGGER. */
extern bool sesstrig_event_is_known(const char *eventname);

/* Raise an error if this is a session event: these have no tags to filter. */
extern void sesstrig_event_refuse_tags(const char *eventname);

/* Read the session's triggers, in the last transaction of its start. */
extern void sesstrig_session_prepare(void);

/* Fire after_user_logon, outside of a transaction. */
extern void sesstrig_session_logon(void);

/*
 * Fire before_user_logoff, once the client has ended the session; rolls an
 * open transaction back.
 */
extern void sesstrig_session_logoff(void);

/* The constants that PL/pgSQL declares in event trigger functions. */
extern int	sesstrig_context_count(void);
extern const char *sesstrig_context_name(int index);
extern Oid	sesstrig_context_type(int index);
extern Datum sesstrig_context_value(const char *name, bool *isnull);

#ifdef SESSTRIG_FAULTS
/* Panic inside the core and raise that; in the test suites' server only. */
extern void sesstrig_fault_panic(void);
#endif

#endif							/* SESSTRIG_SERVER_H */
