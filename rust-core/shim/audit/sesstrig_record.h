/*
 * sesstrig_record.h
 *	  The records of the session audit as the Rust core hands them to writer.c, and what the
 *	  hand-over between the sessions and the writer needs of the server.
 */
#ifndef SESSTRIG_RECORD_H
#define SESSTRIG_RECORD_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/elog.h"

/* A text of so many bytes; none is SQL's NULL. */
typedef struct SesstrigText
{
	const char *data;
	int			length;
} SesstrigText;

/* An address of a host. */
typedef struct SesstrigAddress
{
	int			bits;			/* 32 or 128, as it has; 0: NULL */
	unsigned char bytes[16];
} SesstrigAddress;

/* One row of session_audit.log. */
typedef struct SesstrigRecord
{
	TimestampTz at;
	const char *event;
	SesstrigText session_id;
	SesstrigText login_user;
	Oid			login_user_id;	/* InvalidOid: NULL, as for the other one */
	SesstrigText database;
	Oid			database_id;
	const char *kind;
	SesstrigText auth_method;
	SesstrigText system_identity;
	SesstrigAddress client_addr;
	int32		client_port;	/* -1: NULL */
	SesstrigAddress proxy_addr;
	SesstrigText application_name;
	SesstrigText encryption;
	int32		instance_num;
	bool		has_logon;		/* if not, the next one is NULL */
	TimestampTz logon_at;
	const char *ended_by;		/* NULL: NULL */
	SesstrigText sqlstate;
	bool		has_usage;		/* if not, the next six are NULL */
	int64		cpu;			/* microseconds */
	int64		blocks_hit;
	int64		blocks_read;
	int64		blocks_written;
	int64		temp_blocks;
	int64		wal_bytes;
	int32		count;
	SesstrigText context;		/* JSON */
} SesstrigRecord;

#define SESSTRIG_DIGEST_LENGTH 32

/* The last row of the log: where the next one is to go on (rule A10). */
typedef struct SesstrigHead
{
	Oid			log;			/* session_audit.log */
	int64		number;			/* 0: there is none */
	int32		timeline;
	unsigned char digest[SESSTRIG_DIGEST_LENGTH];
} SesstrigHead;

/* Start the writer, or the keeper, unless no background worker is free. */
extern ErrorData *sesstrig_try_start_worker(bool keeper, bool *started);

/* Connect a worker to the database with this name; FATAL if that is not possible. */
extern ErrorData *sesstrig_try_connect_worker(const char *database);

/* Run a utility statement in the transaction that is open. */
extern ErrorData *sesstrig_try_execute(const char *statement);

/* The rows that a query returns, as text; a null pointer is NULL. */
typedef struct SesstrigRows
{
	int			rows;
	int			columns;
	char	  **values;			/* one row after the other */
} SesstrigRows;

/*
 * Run a query with the parameters now, started_at, keep, and text or null.  The rows live as
 * long as the caller's memory context.
 */
extern ErrorData *sesstrig_try_query(const char *statement, int64 now, int64 started_at,
									 int keep, const char *text, SesstrigRows *rows);

/*
 * In a transaction, insert these rows into the log behind *head, which then is the last of
 * them, and return the transaction's number.  Set *month_missing if there is no partition for
 * the month of one.
 */
extern ErrorData *sesstrig_try_insert_records(const SesstrigRecord *records, int count,
											  SesstrigHead *head, TransactionId *xid,
											  bool *month_missing);

/* In a transaction, find the last row of this server in the log. */
extern ErrorData *sesstrig_try_find_head(SesstrigHead *head);

/* Make sure that the WAL up to there survives a crash. */
extern ErrorData *sesstrig_try_flush(uint64 lsn);

/* Commit, without waiting for a standby.  Return the end of the commit in the WAL. */
extern ErrorData *sesstrig_try_commit_records(uint64 *lsn);

/* Has that transaction been committed? */
extern ErrorData *sesstrig_try_did_commit(TransactionId xid, bool *committed);

/*
 * Wait so many ms, or until the latch of this process is set, and process interrupts.  A
 * worker reads its configuration file if it was asked to.  Return whether there was something.
 */
extern ErrorData *sesstrig_try_await_latch(int ms, bool *woken);

/* Wait as a commit would that ends there, with this value of synchronous_commit. */
extern ErrorData *sesstrig_try_await_standby(uint64 lsn, int level);

/* Raise the error with which a client is sent away whose logon is not recorded. */
extern ErrorData *sesstrig_try_refuse_unrecorded(void);

/* Is the extension there?  Raise an error if the database is not one for it. */
extern ErrorData *sesstrig_try_find_log(bool *found);

/* The following cannot raise. */

/* How often this worker has read the configuration file since it started. */
extern uint32 sesstrig_reloads(void);

/* The present end of the WAL. */
extern uint64 sesstrig_wal_end(void);

/* The value of synchronous_commit; does a commit with such a value wait for a standby? */
extern int	sesstrig_commit_level(void);
extern bool sesstrig_commit_waits(int level);

/* The number of this process among those that have a latch; -1 if it is none. */
extern int	sesstrig_process_number(void);

/* Set the latch of the process that has that number. */
extern void sesstrig_wake_process(int number);

/* Is there a session of a client that is not a replication connection? */
extern bool sesstrig_has_sessions(void);

/* The OID of the role that has logged on. */
extern Oid	sesstrig_login_role(void);

#endif							/* SESSTRIG_RECORD_H */
