/*
 * timeout.c
 *	  The timeout of a firing (rule F10), which is one of the server's timeouts,
 *	  and the signal handler that ignores cancel requests meanwhile (rule F9).
 *
 * How long the timeout is, and what its message says, is decided in Rust.
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
#include "server/sesstrig_try.h"

/* A trigger that catches the cancel is canceled again after this many ms. */
#define AGAIN_MS 1000

/*
 * If the firing has not ended after this many cancels, the session is
 * terminated.  While it waits for its client to read a message, it heeds only
 * termination.
 */
#define MAX_CANCELS 5

/* The id of our timeout, or MAX_TIMEOUTS if it is not registered yet. */
static TimeoutId timeout_id = MAX_TIMEOUTS;

/* The message of the error that the timeout causes. */
static const char *message;

/* How many times the timeout has been reached in this firing. */
static volatile sig_atomic_t reached = 0;

/* The statement timestamp of the last firing, which is when it started. */
static TimestampTz started;

/*
 * The handler of SIGINT, from the first firing of a session on.
 *
 * A cancel request is ignored during a firing, or else users could cancel the
 * record of their own logon or logoff.  It is also ignored between the firing and
 * the session's next command: it was meant for the firing, and there is nothing
 * else to cancel.  The next command changes the statement timestamp, which shows
 * that cancel requests count again.
 *
 * lock_timeout uses the same signal and is not ignored, because the author of a
 * trigger function may rely on it.
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
	/* Forget a request that has already arrived. */
	QueryCancelPending = false;
}

/*
 * Called in a signal handler each time the timeout is reached.  It acts like a
 * SIGINT and, after MAX_CANCELS times, like a SIGTERM.
 */
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

/* 0 ms means no timeout.  The message must live as long as the process. */
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
	/* A cancel that was too late for the firing must not hit the next command. */
	if (reached)
		QueryCancelPending = false;
}

bool
sesstrig_timeout_is_reached(void)
{
	return reached > 0;
}

bool
sesstrig_timeout_is_active(void)
{
	return timeout_id != MAX_TIMEOUTS && get_timeout_active(timeout_id);
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

bool
sesstrig_report_overrun(void)
{
	ErrorData  *error;

	if (reached <= MAX_CANCELS)
		return false;
	error = try_report_overrun();
	/* The session ends even if there is no memory to report why. */
	if (error)
		sesstrig_error_free(error);
	return true;
}

/*
 * May an error with this SQLSTATE be due to a cancel?  PL/Perl replaces an error
 * of the server by its own, which says only that an external routine failed.
 */
static bool
may_be_cancel(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

bool
sesstrig_explain_timeout(ErrorData *error)
{
	char	   *copy;

	if (!reached || !may_be_cancel(error->sqlerrcode))
		return false;
	error->sqlerrcode = ERRCODE_QUERY_CANCELED;
	copy = MemoryContextAllocExtended(error->assoc_context, strlen(message) + 1, MCXT_ALLOC_NO_OOM);
	if (copy)
		error->message = strcpy(copy, message);
	return true;
}
