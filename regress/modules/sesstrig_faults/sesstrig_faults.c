/*
 * sesstrig_faults.c
 *	  Functions for the tests: event trigger functions that fail, a background
 *	  worker, a count of open temporary files, and a record of firings.
 *
 * Faults inside the core are not here, but in the core's feature "faults".
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "access/xact.h"
#include "commands/event_trigger.h"
#include "common/file_utils.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

/* postgres has this function if it is built with the core's feature "faults". */
extern void sesstrig_fault_panic(void);

extern PGDLLEXPORT void faults_worker_main(Datum arg);

PG_FUNCTION_INFO_V1(faults_error);
PG_FUNCTION_INFO_V1(faults_fatal);
PG_FUNCTION_INFO_V1(faults_memory);
PG_FUNCTION_INFO_V1(faults_cancel);
PG_FUNCTION_INFO_V1(faults_panic);
PG_FUNCTION_INFO_V1(faults_run_worker);
PG_FUNCTION_INFO_V1(faults_temp_files);
PG_FUNCTION_INFO_V1(faults_count_firing);

static bool loaded;

void
_PG_init(void)
{
	/* This shows functions in any language that the library is loaded. */
	DefineCustomBoolVariable("sesstrig_faults.loaded",
							 "Whether the library is loaded.", NULL,
							 &loaded, true, PGC_INTERNAL, 0, NULL, NULL, NULL);
}

static void
check_called_as_trigger(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		elog(ERROR, "not called as an event trigger");
}

Datum
faults_error(PG_FUNCTION_ARGS)
{
	check_called_as_trigger(fcinfo);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('S', 'T', '0', '0', '1')),
			 errmsg("fault: error"),
			 errdetail("fault: detail"),
			 errhint("fault: hint")));
}

Datum
faults_fatal(PG_FUNCTION_ARGS)
{
	check_called_as_trigger(fcinfo);
	ereport(FATAL,
			(errcode(MAKE_SQLSTATE('S', 'T', '0', '0', '2')),
			 errmsg("fault: fatal")));
}

/* Run out of memory: no machine has a pebibyte. */
Datum
faults_memory(PG_FUNCTION_ARGS)
{
	check_called_as_trigger(fcinfo);
	MemoryContextAllocHuge(CurrentMemoryContext, (Size) 1 << 50);
	PG_RETURN_NULL();
}

Datum
faults_cancel(PG_FUNCTION_ARGS)
{
	check_called_as_trigger(fcinfo);
	raise(SIGINT);
	CHECK_FOR_INTERRUPTS();
	PG_RETURN_NULL();
}

Datum
faults_panic(PG_FUNCTION_ARGS)
{
	check_called_as_trigger(fcinfo);
	sesstrig_fault_panic();
	elog(ERROR, "the panic was ignored");
}

/* The worker's orders, which it gets in bgw_extra. */
typedef struct WorkerOrder
{
	char		database[NAMEDATALEN];
	char		command[BGW_EXTRALEN - NAMEDATALEN];
} WorkerOrder;

void
faults_worker_main(Datum arg)
{
	WorkerOrder order;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(order.database, NULL, 0);

	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute(order.command, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", order.command);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

Datum
faults_run_worker(PG_FUNCTION_ARGS)
{
	WorkerOrder order = {0};
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	strlcpy(order.database, text_to_cstring(PG_GETARG_TEXT_PP(0)), sizeof(order.database));
	if (strlcpy(order.command, text_to_cstring(PG_GETARG_TEXT_PP(1)), sizeof(order.command))
		>= sizeof(order.command))
		elog(ERROR, "the command is too long");

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "sesstrig_faults", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "faults_worker_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "sesstrig_faults worker", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "sesstrig_faults worker", sizeof(worker.bgw_type));
	memcpy(worker.bgw_extra, &order, sizeof(order));

	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		elog(ERROR, "could not register the worker");
	if (WaitForBackgroundWorkerShutdown(handle) != BGWH_STOPPED)
		elog(ERROR, "could not wait for the worker");
	PG_RETURN_VOID();
}

Datum
faults_temp_files(PG_FUNCTION_ARGS)
{
	const char *fds = "/proc/self/fd";
	DIR		   *dir = AllocateDir(fds);
	int			count = 0;
	struct dirent *entry;

	while ((entry = ReadDir(dir, fds)) != NULL)
	{
		char		path[MAXPGPATH];
		char		target[MAXPGPATH];
		ssize_t		length;

		snprintf(path, sizeof(path), "%s/%s", fds, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;			/* "." and ".." */
		target[length] = '\0';
		if (strstr(target, PG_TEMP_FILES_DIR) != NULL)
			count++;
	}
	FreeDir(dir);
	PG_RETURN_INT32(count);
}

/*
 * Append the name of an event to the file that SESSTRIG_FIRINGS in the environment
 * names, so that firings can be counted over many short-lived clusters.  The
 * extension's script does not declare this function; upstream/firing.sql does.
 */
Datum
faults_count_firing(PG_FUNCTION_ARGS)
{
	const char *path = getenv("SESSTRIG_FIRINGS");
	char	   *line = psprintf("%s\n", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	int			fd;

	if (path == NULL)
		elog(ERROR, "SESSTRIG_FIRINGS is not set");
	fd = OpenTransientFile(path, O_WRONLY | O_APPEND | O_CREAT);
	/* Write the line at once, so that lines of different backends do not mix. */
	if (fd < 0 || write(fd, line, strlen(line)) != strlen(line))
		elog(ERROR, "could not write to file \"%s\": %m", path);
	CloseTransientFile(fd);
	PG_RETURN_VOID();
}
