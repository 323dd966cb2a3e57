/*
 * sesstrig_session.h
 *	  The facts about a session that only C can read, for its record.
 */
#ifndef SESSTRIG_SESSION_H
#define SESSTRIG_SESSION_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/elog.h"

/* Write a line to the server log, and nowhere else. */
extern ErrorData *sesstrig_try_audit_log(const char *line);

/*
 * The following cannot raise.  Strings that they return live as long as the process,
 * unless they say otherwise.
 */
extern const char *sesstrig_client_auth_method(void);
extern const char *sesstrig_client_identity(void);
extern const char *sesstrig_client_encryption(void);

/* The time in ISO 8601, in UTC; "buffer" has MAXDATELEN + 1 bytes. */
extern void sesstrig_format_time(TimestampTz time, char *buffer);

/* Is the server in recovery, so that nothing can be written? */
extern bool sesstrig_in_recovery(void);

/* Has the client ended the session without having asked for it? */
extern bool sesstrig_client_is_lost(void);

/* The SQLSTATE of the error that ends the session, or NULL; five characters. */
extern const char *sesstrig_exit_sqlstate(void);

/* Was that error raised where the server processes interrupts? */
extern bool sesstrig_exit_is_interrupt(void);

#endif							/* SESSTRIG_SESSION_H */
