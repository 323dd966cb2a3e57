/*
 * sesstrig_audit_row.h
 *	  The record of an event as the Rust core hands it to audit.c, and the facts about
 *	  the session that only C can read.
 */
#ifndef SESSTRIG_AUDIT_ROW_H
#define SESSTRIG_AUDIT_ROW_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/elog.h"

/* One row of session_audit.log.  Strings are terminated; NULL is SQL's NULL. */
typedef struct SesstrigAuditRow
{
	TimestampTz at;
	const char *event;
	const char *session_id;
	const char *login_user;
	const char *database;
	const char *auth_method;
	const char *system_identity;
	const char *client_addr;
	int32		client_port;	/* -1: NULL */
	const char *application_name;
	const char *encryption;
	int32		instance_num;
	bool		has_logon;		/* if not, the next one is NULL */
	TimestampTz logon_at;
	const char *ended_by;
	const char *sqlstate;
	int32		count;
	bool		has_usage;		/* if not, the rest is NULL */
	int64		cpu;			/* microseconds */
	int64		blocks_hit;
	int64		blocks_read;
	int64		blocks_written;
	int64		temp_blocks;
	int64		wal_bytes;
} SesstrigAuditRow;

/*
 * Write a row to the log that is in the schema of the audit's function; errors get the
 * context.  Set *month_missing to whether there is no partition for the row's month.
 */
extern ErrorData *sesstrig_try_audit_write(Oid function, const SesstrigAuditRow *row,
										   const char *context, bool *month_missing);

/* Write a line to the server log, and nowhere else. */
extern ErrorData *sesstrig_try_audit_log(const char *line);

/* Is this the function of the audit?  A transaction must be open. */
extern ErrorData *sesstrig_try_audit_is_function(Oid function, bool *is_audit);

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

#endif							/* SESSTRIG_AUDIT_ROW_H */
