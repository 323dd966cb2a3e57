/*
 * limit.c
 *	  The time limit of a firing (rule F10), as one of the server's timeouts,
 *	  and the only thing that cancels one (rule F9).
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

/* A trigger that catches the cancel gets another one so much later. */
#define AGAIN_MS 1000

/*
 * So many of them are enough.  A session that waits for its client to read a
 * message does not heed cancels at all.
 */
#define MAX_CANCELS 5

static TimeoutId limit = MAX_TIMEOUTS;
static const char *message;
static volatile sig_atomic_t reached = 0;

/* The start of the last firing, which is that of its statement, too. */
static TimestampTz started;

/*
 * A cancel request does nothing during a firing: who logs on or off could keep
 * that from being recorded.  Nor does it up to the next command, whose start
 * makes the server's time of the statement another one: it was meant for the
 * firing, and there is nothing else to cancel.  lock_timeout uses the same
 * signal; the function's author may have set it.
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
	/* One that has come already must not hit the firing either. */
	QueryCancelPending = false;
}

/* In a signal handler: what a cancel request does, or a request to end. */
static void
limit_handler(void)
{
	reached++;
	InterruptPending = true;
	if (reached <= MAX_CANCELS)
		QueryCancelPending = true;
	else
		ProcDiePending = true;
}

/* The message must live as long as the process. */
ErrorData *
sesstrig_try_start_limit(int ms, const char *limit_message)
{
	GUARD_BEGIN();
	{
		message = limit_message;
		reached = 0;
		if (ms > 0)
		{
			if (limit == MAX_TIMEOUTS)
				limit = RegisterTimeout(USER_TIMEOUT, limit_handler);
			enable_timeout_every(limit,
								 TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms),
								 AGAIN_MS);
		}
	}
	GUARD_END();
}

void
sesstrig_end_limit(void)
{
	if (limit == MAX_TIMEOUTS)
		return;
	disable_timeout(limit, false);
	/* What came too late for the firing must not hit the next query. */
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

		/* The session ends whether or not there is memory to say so. */
		if (error)
			sesstrig_error_free(error);
	}
}

/*
 * PL/Perl makes an error of its own of what the server reports in the middle
 * of it, and its SQLSTATE says no more than that.
 */
static bool
may_be_cancel(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

void
sesstrig_explain_limit(ErrorData *error)
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
