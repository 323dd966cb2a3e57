/*
 * worker.c
 *	  The background workers of the session audit, the writer and the keeper (rules A1 and
 *	  A7): shared memory, how they are started and connected, and the keeper's statements.
 *	  When they run and what they do is decided in Rust.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_control.h"
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
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "server/compat.h"
#include "audit/sesstrig_record.h"
#include "sesstrig_audit.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

/* How long a worker waits for a lock; then what it was to do is reported as not done. */
#define LOCK_PATIENCE "1s"

/* How long the postmaster waits before it starts the writer again, in seconds. */
#define RESTART_TIME 1

/* What stands in bgw_extra of the keeper. */
#define EXTRA_KEEPER 'k'

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
describe_worker(BackgroundWorker *worker, bool keeper)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = keeper ? BGW_NEVER_RESTART : RESTART_TIME;
	worker->bgw_extra[0] = keeper ? EXTRA_KEEPER : '\0';
	strlcpy(worker->bgw_library_name, "postgres", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "sesstrig_keeper_main", BGW_MAXLEN);
	strlcpy(worker->bgw_name, keeper ? "session audit keeper" : "session audit writer", BGW_MAXLEN);
	strlcpy(worker->bgw_type, worker->bgw_name, BGW_MAXLEN);
}

/* In the postmaster, reserve a worker for the writer, which nobody can take then. */
static void
register_writer(void)
{
	BackgroundWorker worker;

	describe_worker(&worker, false);
	RegisterBackgroundWorker(&worker);
}

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sesstrig_shared_size()));
	/* The configuration file has been read, and background workers are about to be set up. */
	if (IsPostmasterEnvironment && !IsBinaryUpgrade && sesstrig_audit_is_on())
		register_writer();
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
sesstrig_workers_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

/* Are no event triggers to fire in this process?  For majors that have no setting for that. */
static bool event_triggers_suppressed = false;

bool
sesstrig_event_is_suppressed(void)
{
	return event_triggers_suppressed;
}

static bool is_worker = false;

bool
sesstrig_is_audit_worker(void)
{
	return is_worker;
}

static void
note_exit(int code, Datum arg)
{
	sesstrig_writer_left();
}

void
sesstrig_keeper_main(Datum arg)
{
	bool		keeper = MyBgworkerEntry->bgw_extra[0] == EXTRA_KEEPER;
	int			code = 0;

	/* What the writer has not written yet is not lost when it is asked to end. */
	pqsignal(SIGTERM, keeper ? die : SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	is_worker = true;
	if (keeper)
		sesstrig_raise_on_failure(sesstrig_keeper_run());
	else
	{
		before_shmem_exit(note_exit, (Datum) 0);
		sesstrig_raise_on_failure(sesstrig_writer_run(&code));
	}
	proc_exit(code);
}

bool
sesstrig_stop_requested(void)
{
	return ShutdownRequestPending;
}

ErrorData *
sesstrig_try_start_worker(bool keeper, bool *started)
{
	GUARD_BEGIN();
	{
		BackgroundWorker worker;

		describe_worker(&worker, keeper);
		*started = RegisterDynamicBackgroundWorker(&worker, NULL);
	}
	GUARD_END();
}

/* The server's own synchronous_commit, whatever the database has. */
static int	own_level;

static void
forget_level_of_database(struct config_generic *setting)
{
	struct config_enum *level = (struct config_enum *) setting;

	if (strcmp(setting->name, "synchronous_commit") != 0 || setting->source <= PGC_S_GLOBAL)
		return;
	*level->variable = level->reset_val = own_level;
	/* So that the next reload counts. */
	setting->source = setting->reset_source = PGC_S_FILE;
}

ErrorData *
sesstrig_try_connect_worker(const char *database)
{
	GUARD_BEGIN();
	{
		own_level = synchronous_commit;

		/*
		 * Somebody may have locked the database for long, its owner for instance by
		 * renaming it.  The lock is taken before any setting of the database applies.
		 */
		SetConfigOption("lock_timeout", LOCK_PATIENCE, PGC_SUSET, PGC_S_OVERRIDE);
		BackgroundWorkerInitializeConnection(database, NULL, BGWORKER_BYPASS_ALLOWCONN);
		SESSTRIG_VISIT_SETTINGS(forget_level_of_database);

		/*
		 * The database's settings apply now, and as no role has logged on here, its
		 * owner can set who the user is.
		 */
		StartTransactionCommand();
		SetConfigOption("session_authorization", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false),
						PGC_SUSET, PGC_S_OVERRIDE);
		SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
		CommitTransactionCommand();
		SESSTRIG_NO_TRANSACTION_TIMEOUT();
		/* No setting of the database takes the place of this one, either. */
		SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
		/* Nobody's triggers decide what becomes of the log, or get what is made. */
		SESSTRIG_SUPPRESS_EVENT_TRIGGERS();
	}
	GUARD_END();
}

/* --- the extension ----------------------------------------------------------------- */

/* Is the keeper to come once this transaction has committed? */
static bool keeper_is_wanted = false;

static void
note_end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && keeper_is_wanted)
		sesstrig_keeper_want();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		keeper_is_wanted = false;
}

/*
 * The function want_keeper(), for what the keeper is to see soon.  It sees that only once it has
 * been committed.  What it does itself, it sees in the same pass.
 */
Datum
sesstrig_audit_want_keeper(FunctionCallInfo fcinfo)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(note_end_of_transaction, NULL);
	registered = true;
	keeper_is_wanted = !is_worker;
	PG_RETURN_VOID();
}

/* --- statements -------------------------------------------------------------------- */

static void
connect_spi(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to the SPI manager");
}

static void
disconnect_spi(void)
{
	SPI_finish();
	PopActiveSnapshot();
}

ErrorData *
sesstrig_try_execute(const char *statement)
{
	GUARD_BEGIN();
	{
		int			result;

		connect_spi(statement);
		result = SPI_execute(statement, false, 0);
		if (result < 0)
			elog(ERROR, "could not execute \"%s\": %s", statement, SPI_result_code_string(result));
		disconnect_spi();
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_query(const char *statement, int64 now, int64 started_at, int keep,
				   const char *text, SesstrigRows *rows)
{
	MemoryContext context = CurrentMemoryContext;

	GUARD_BEGIN();
	{
		Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID};
		Datum		values[] = {
			TimestampTzGetDatum(now),
			TimestampTzGetDatum(started_at),
			Int32GetDatum(keep),
			text ? CStringGetTextDatum(text) : (Datum) 0,
		};
		char		nulls[] = {' ', ' ', ' ', text ? ' ' : 'n'};
		int			result;

		connect_spi(statement);
		result = SPI_execute_with_args(statement, lengthof(types), types, values, nulls, false, 0);
		if (result != SPI_OK_SELECT)
			elog(ERROR, "could not execute \"%s\": %s", statement, SPI_result_code_string(result));
		rows->columns = SPI_tuptable->tupdesc->natts;
		rows->rows = (int) SPI_processed;
		rows->values = MemoryContextAllocHuge(context, sizeof(char *) *
											  Max(1, (Size) rows->rows * rows->columns));
		for (int row = 0; row < rows->rows; row++)
			for (int column = 0; column < rows->columns; column++)
			{
				char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
												 column + 1);

				rows->values[row * rows->columns + column] =
					value ? MemoryContextStrdup(context, value) : NULL;
			}
		disconnect_spi();
	}
	GUARD_END();
}

/* How often this worker has read the configuration file. */
static uint32 reloads = 0;

uint32
sesstrig_reloads(void)
{
	return reloads;
}

/* --- waits ------------------------------------------------------------------------- */

ErrorData *
sesstrig_try_await_latch(int ms, bool *woken)
{
	GUARD_BEGIN();
	{
		int			events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								   ms, PG_WAIT_EXTENSION);

		*woken = (events & WL_LATCH_SET) != 0;
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending && !MyProcPort)
		{
			*woken = true;
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			reloads++;
		}
	}
	GUARD_END();
}
