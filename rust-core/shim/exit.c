/*
 * exit.c
 *	  How a session leaves what it was doing, for the logoff triggers: after the
 *	  client's Terminate, and at the ends that nobody asked the client about
 *	  (table X).  Inside proc_exit() it would be too late: there an ERROR is
 *	  FATAL and a cancel is ignored.
 */
#include "postgres.h"

#include <signal.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/pmsignal.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"

/* While it is set the server ignores cancels. */
static bool *reading_command;

void
sesstrig_watch_command_read(bool *flag)
{
	reading_command = flag;
}

/*
 * From here on the session has no client.  What ends a query for the client's
 * sake must not end the firing, and cancels must reach it.
 */
void
sesstrig_leave_client(void)
{
	*reading_command = false;
	QueryCancelHoldoffCount = 0;
	ClientConnectionLost = false;
	CheckClientConnectionPending = false;
	IdleSessionTimeoutPending = false;
	IdleInTransactionSessionTimeoutPending = false;
	SESSTRIG_FORGET_TRANSACTION_TIMEOUT();

	/*
	 * The session is ending, so whoever asks for its end can only lose the
	 * firing by it; the time limit is what bounds that.
	 */
	if (sesstrig_exit_fires())
	{
		pqsignal(SIGTERM, SIG_IGN);
		ProcDiePending = false;
	}
}

/*
 * A session can be ended at the bottom of a deep recursion, by itself too.  If
 * the kernel has so much stack, the triggers get all that one may use.
 */
static void
use_fresh_stack(void)
{
	char		here;
	pg_stack_base_t base = set_stack_base();
	long		used = labs((long) (base - &here));
	long		needed = max_stack_depth * 1024L + STACK_DEPTH_SLOP;

	if (get_stack_depth_rlimit() - used < needed)
		restore_stack_base(base);
}

void
sesstrig_session_exit(void)
{
	ErrorData  *error;

	if (proc_exit_inprogress)
		return;
	sesstrig_report_overrun();

	/* Without a postmaster, nothing may hold up the next one. */
	if (CritSectionCount > 0 || !sesstrig_exit_fires() || !PostmasterIsAlive())
		return;

	/* This can be in the middle of anything: leave it as proc_exit() does. */
	InterruptHoldoffCount = 0;
	LWLockReleaseAll();
	pgstat_report_wait_end();
	error_context_stack = NULL;
	debug_query_string = NULL;
	FlushErrorState();
	MemoryContextSwitchTo(TopMemoryContext);
	whereToSendOutput = DestNone;
	sesstrig_leave_client();
	use_fresh_stack();

	/* A portal that runs must not be shut down as if its query had ended. */
	shmem_exit_inprogress = true;
	error = sesstrig_try_abort_transaction();
	shmem_exit_inprogress = false;

	if (error || sesstrig_logoff_fire(&error) != SESSTRIG_STATUS_OK)
	{
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("logoff event triggers could not be fired: %s",
						error->message ? error->message : _("missing error text"))));
		sesstrig_error_free(error);
	}
}
