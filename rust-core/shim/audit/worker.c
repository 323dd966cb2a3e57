/*
 * worker.c
 *	  The workers of the session audit (rules A6 and A7), as far as they are the server's
 *	  business: shared memory, background workers, and the execution of statements.  When
 *	  they run and what they do is decided in Rust.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_control.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type_d.h"
#include "common/controldata_utils.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sesstrig_shared_size()));
	/* The configuration file has been read, and background workers are about to be set up. */
	sesstrig_writer_register();
}

/* Had the server been shut down in order?  The startup process has not run yet. */
static bool
was_shut_down(void)
{
	bool		crc_ok;
	ControlFileData *control = get_controlfile(DataDir, &crc_ok);
	bool		shut_down = crc_ok && control->state == DB_SHUTDOWNED;

	pfree(control);
	return shut_down;
}

static void
attach_memory(void)
{
	/* The postmaster makes the memory anew after a crash of one of its children. */
	static bool was_here = false;
	bool		clean = true;
	bool		recovery = false;
	void	   *memory;
	bool		found;

	if (previous_startup)
		previous_startup();
	/* A standalone process serves no sessions. */
	if (IsPostmasterEnvironment)
	{
		recovery = access(STANDBY_SIGNAL_FILE, F_OK) == 0 ||
			access(RECOVERY_SIGNAL_FILE, F_OK) == 0;
		clean = !was_here && !recovery && was_shut_down();
		was_here = true;
	}
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct("session triggers", sesstrig_shared_size(), &found);
	sesstrig_shared_attach(memory, !found, clean, recovery);
	LWLockRelease(AddinShmemInitLock);
}

/* At server start, have the server reserve shared memory for the core. */
void
sesstrig_keeper_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

void
sesstrig_keeper_main(Datum database)
{
	bool		refusals = MyBgworkerEntry->bgw_extra[0] == 'r';

	if (MyBgworkerEntry->bgw_extra[0] == SESSTRIG_EXTRA_WRITER)
	{
		sesstrig_writer_main();
		return;
	}
	/* What the launcher has not done yet is not lost when it is asked to end. */
	pqsignal(SIGTERM, OidIsValid(DatumGetObjectId(database)) ? die : SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	sesstrig_raise_on_failure(sesstrig_worker_run(DatumGetObjectId(database), refusals));
}

bool
sesstrig_stop_requested(void)
{
	return ShutdownRequestPending;
}

bool
sesstrig_release_lwlocks(void)
{
	if (!MyProc)
		return false;
	LWLockReleaseAll();
	return true;
}

ErrorData *
sesstrig_try_start_worker(Oid database, bool refusals, bool wait, bool *started)
{
	GUARD_BEGIN();
	{
		BackgroundWorker worker = {
			.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
			/* On a standby, refused logons are written to the server log. */
			.bgw_start_time = RecoveryInProgress() ? BgWorkerStart_ConsistentState :
			BgWorkerStart_RecoveryFinished,
			.bgw_restart_time = BGW_NEVER_RESTART,
			.bgw_library_name = "postgres",
			.bgw_function_name = "sesstrig_keeper_main",
			.bgw_main_arg = ObjectIdGetDatum(database),
			.bgw_extra = {refusals ? 'r' : '\0'},
			/* To wait for the worker, its end must be notified. */
			.bgw_notify_pid = wait ? MyProcPid : 0,
		};
		BackgroundWorkerHandle *handle;

		strlcpy(worker.bgw_name, OidIsValid(database) ? "session audit keeper" :
				"session audit launcher", BGW_MAXLEN);
		strlcpy(worker.bgw_type, worker.bgw_name, BGW_MAXLEN);
		*started = RegisterDynamicBackgroundWorker(&worker, wait ? &handle : NULL);
		if (*started && wait)
		{
			if (WaitForBackgroundWorkerShutdown(handle) == BGWH_POSTMASTER_DIED)
				proc_exit(1);
			pfree(handle);
		}
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_sleep(int ms)
{
	GUARD_BEGIN();
	{
		if (!ShutdownRequestPending)
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
							 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_connect_worker(Oid database)
{
	GUARD_BEGIN();
	{
		/*
		 * Somebody may have locked the database for long, its owner for instance by
		 * renaming it.  The lock is taken before any setting of the database applies.
		 */
		SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);
		if (OidIsValid(database))
		{
			BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);

			/*
			 * The database's settings apply now, and as no role has logged on here, its
			 * owner can set who the user is.
			 */
			StartTransactionCommand();
			SetConfigOption("session_authorization", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false),
							PGC_SUSET, PGC_S_OVERRIDE);
			SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
			CommitTransactionCommand();
		}
		else
			BackgroundWorkerInitializeConnection(NULL, NULL, 0);

		/*
		 * A commit that waits for a standby keeps its locks, for which logons wait, and the
		 * launcher waits for the worker; and that standby can be away.
		 */
		SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_OVERRIDE);
		/* No setting of the database takes the place of this one, either. */
		SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_list_databases(SesstrigDatabase **databases, int *count)
{
	GUARD_BEGIN();
	{
		Relation	rel = table_open(DatabaseRelationId, AccessShareLock);
		TableScanDesc scan = table_beginscan_catalog(rel, 0, NULL);
		HeapTuple	tuple;
		int			room = 64;

		*databases = palloc(room * sizeof(SesstrigDatabase));
		*count = 0;
		while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
		{
			Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

			/* A negative limit is that of a database that is being dropped. */
			if (!form->datallowconn || form->datconnlimit < -1)
				continue;
			if (*count == room)
				*databases = repalloc(*databases, (room *= 2) * sizeof(SesstrigDatabase));
			(*databases)[*count].oid = form->oid;
			(*databases)[(*count)++].name = form->datname;
		}
		table_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_query_oid(const char *query, Oid *result)
{
	GUARD_BEGIN();
	{
		*result = InvalidOid;
		PushActiveSnapshot(GetTransactionSnapshot());
		if (SPI_connect() != SPI_OK_CONNECT || SPI_execute(query, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "could not execute \"%s\"", query);
		if (SPI_processed == 1)
		{
			bool		isnull;

			*result = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
													 SPI_tuptable->tupdesc, 1, &isnull));
		}
		SPI_finish();
		PopActiveSnapshot();
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_execute(const char *statement, Oid owner, int64 now, int64 started_at,
					 int keep, const char *failure)
{
	GUARD_BEGIN();
	{
		Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID};
		Datum		values[] = {
			TimestampTzGetDatum(now),
			TimestampTzGetDatum(started_at),
			Int32GetDatum(keep),
			failure ? CStringGetTextDatum(failure) : (Datum) 0,
		};
		char		nulls[] = {' ', ' ', ' ', failure ? ' ' : 'n'};
		Oid			user;
		int			context;
		int			result;

		SetCurrentStatementStartTimestamp();
		pgstat_report_activity(STATE_RUNNING, statement);
		PushActiveSnapshot(GetTransactionSnapshot());
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to the SPI manager");
		/* What the owner has added to the log runs with the owner's rights. */
		GetUserIdAndSecContext(&user, &context);
		SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
		result = SPI_execute_with_args(statement, lengthof(types), types, values, nulls,
									   false, 0);
		if (result != SPI_OK_SELECT)
			elog(ERROR, "could not execute \"%s\": %s", statement,
				 SPI_result_code_string(result));
		SetUserIdAndSecContext(user, context);
		SPI_finish();
		PopActiveSnapshot();
	}
	GUARD_END();
}
