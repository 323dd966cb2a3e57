/*
 * timeout.c
 *	  The timeout of a firing (rule F10), as one of the server's timeouts, and
 *	  the handler that makes cancel requests do nothing meanwhile (rule F9).
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_try.h"

/* A trigger that catches the cancel is canceled again after this time. */
#define AGAIN_MS 1000

/*
 * After this many cancels the session is terminated.  A session that waits for
 * its client to read a message heeds termination only.
 */
#define MAX_CANCELS 5

/* The server's number for our timeout, once it is registered. */
static TimeoutId timeout_id = MAX_TIMEOUTS;

/* What the error says; see sesstrig_try_start_timeout(). */
static const char *message;

/* How many times the timeout has been reached in this firing. */
static volatile sig_atomic_t reached = 0;

/* When the last firing started, which is its statement timestamp as well. */
static TimestampTz started;

/*
 * The handler of SIGINT from the first firing of a session on.
 *
 * Whoever logs on or off could otherwise cancel the record of it, so a cancel
 * request is ignored during a firing.  It is also ignored between the firing and
 * the session's next command, which changes the statement timestamp: such a
 * request was meant for the firing, and there is nothing else to cancel.
 * lock_timeout uses the same signal, and the function's author may rely on it.
 */
static void
cancel_handler(SIGNAL_ARGS)
{
	if (GetCurrentStatementStartTimestamp() != started ||
		get_timeout_indicator(LOCK_TIMEOUT, false))
		StatementCancelHandler(postgres_signal_arg);
}

void
sesstrig_ignore_cancels(void)
{
	SetCurrentStatementStartTimestamp();
	started = GetCurrentStatementStartTimestamp();
	pqsignal(SIGINT, cancel_handler);
	/* Nor may a request that has arrived already cancel the firing. */
	QueryCancelPending = false;
}

/* Runs in a signal handler: does what SIGINT does, and in the end SIGTERM. */
static void
timeout_handler(void)
{
	reached++;
	InterruptPending = true;
	if (reached <= MAX_CANCELS)
		QueryCancelPending = true;
	else
		ProcDiePending = true;
}

/* The message must live as long as the process; 0 ms means no timeout. */
ErrorData *
sesstrig_try_start_timeout(int ms, const char *timeout_message)
{
	GUARD_BEGIN();
	{
		message = timeout_message;
		reached = 0;
		if (ms > 0)
		{
			if (timeout_id == MAX_TIMEOUTS)
				timeout_id = RegisterTimeout(USER_TIMEOUT, timeout_handler);
			enable_timeout_every(timeout_id,
								 TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms),
								 AGAIN_MS);
		}
	}
	GUARD_END();
}

void
sesstrig_end_timeout(void)
{
	if (timeout_id == MAX_TIMEOUTS)
		return;
	disable_timeout(timeout_id, false);
	/* A cancel that came too late for the firing must not hit the next query. */
	if (reached)
		QueryCancelPending = false;
}

static ErrorData *
try_report_overrun(void)
{
	GUARD_BEGIN();
	{
		ereport(LOG,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg_internal("%s", message),
				 errdetail("The triggers went on after %d cancels, so the session ends.", MAX_CANCELS)));
	}
	GUARD_END();
}

void
sesstrig_report_overrun(void)
{
	if (reached > MAX_CANCELS)
	{
		ErrorData  *error = try_report_overrun();

		/* The session ends whether or not there is memory to report it. */
		if (error)
			sesstrig_error_free(error);
	}
}

/*
 * PL/Perl turns an error of the server's into one of its own, whose SQLSTATE
 * says only that an external routine failed.
 */
static bool
may_be_cancel(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

void
sesstrig_explain_timeout(ErrorData *error)
{
	char	   *copy;

	if (!reached || !may_be_cancel(error->sqlerrcode))
		return;
	error->sqlerrcode = ERRCODE_QUERY_CANCELED;
	copy = MemoryContextAllocExtended(TopMemoryContext, strlen(message) + 1, MCXT_ALLOC_NO_OOM);
	if (!copy)
		return;
	if (error->message)
		pfree(error->message);
	error->message = strcpy(copy, message);
}
