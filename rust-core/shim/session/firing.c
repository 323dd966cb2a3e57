/*
 * firing.c
 *	  The transaction of a firing, and the call of a trigger's function in it.
 *
 * Which triggers run, and in what order, is decided in Rust.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "server/sesstrig_try.h"
#include "sesstrig_guard.h"

/*
 * What the calls of a firing's functions share, which is valid as long as the
 * transaction: the context in which a function runs, which is reset after each
 * call, and the function that was called last.
 */
static MemoryContext call_context;
static FmgrInfo called;

/*
 * The command counter when the active snapshot was taken and that function was
 * looked up.
 */
static CommandId called_at;

/*
 * Start the transaction of a firing, with the same properties whatever the
 * session's defaults are.  On success, the transaction's memory context remains
 * the current one.
 */
ErrorData *
sesstrig_try_start_transaction(void)
{
	GUARD_BEGIN();
	{
		StartTransactionCommand();
		XactIsoLevel = XACT_READ_COMMITTED;
		XactReadOnly = RecoveryInProgress();
		XactDeferrable = false;
		call_context = AllocSetContextCreate(TopTransactionContext,
											 "session trigger call",
											 ALLOCSET_SMALL_SIZES);
	}
	GUARD_END();
}

/* Call a trigger's function, as EventTriggerInvoke() does. */
static void
call_function(Oid function, EventTriggerData *trigdata)
{
	LOCAL_FCINFO(fcinfo, 0);
	PgStat_FunctionCallUsage usage;
	MemoryContext caller_context = MemoryContextSwitchTo(call_context);

	if (called.fn_oid != function)
		fmgr_info_cxt(function, &called, TopTransactionContext);
	InitFunctionCallInfoData(*fcinfo, &called, 0, InvalidOid, (Node *) trigdata, NULL);
	pgstat_init_function_usage(fcinfo, &usage);
	FunctionCallInvoke(fcinfo);
	pgstat_end_function_usage(&usage, true);

	MemoryContextSwitchTo(caller_context);
	MemoryContextReset(call_context);
}

/*
 * Have a snapshot that shows what the triggers before this one have changed, even
 * to a stable function.  If they have changed nothing, as the command counter
 * tells, the snapshot of the last one will do, as it does for all of upstream's
 * event triggers; and its function is still the same.
 */
static void
prepare_call(void)
{
	CommandCounterIncrement();
	if (ActiveSnapshotSet())
	{
		if (called_at == GetCurrentCommandId(false))
			return;
		PopActiveSnapshot();
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	called_at = GetCurrentCommandId(false);
	called.fn_oid = InvalidOid;
}

/*
 * Run one trigger.  "description" is what pg_stat_activity shows as the session's
 * query, and the context of errors.  What other sessions have committed meanwhile
 * is learned of afterwards, so that no trigger runs that has been dropped.
 */
ErrorData *
sesstrig_try_run_trigger(Oid function, const char *event, CommandTag tag,
						 const char *description)
{
	GUARD_BEGIN();
	{
		ErrorContextCallback callback = {
			.previous = error_context_stack,
			.callback = sesstrig_add_context,
			.arg = unconstify(char *, description),
		};
		EventTriggerData trigdata = {
			.type = T_EventTriggerData,
			.event = event,
			.tag = tag,
		};

		error_context_stack = &callback;
		pgstat_report_activity(STATE_RUNNING, description);
		prepare_call();
		call_function(function, &trigdata);
		AcceptInvalidationMessages();
		error_context_stack = callback.previous;
	}
	GUARD_END();
}
