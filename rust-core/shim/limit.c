/*
 * limit.c
 *	  The time limit of a firing (rule F10), as one of the server's timeouts.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
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

void
sesstrig_explain_limit(ErrorData *error)
{
	char	   *copy;

	if (!reached || error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return;
	copy = MemoryContextAllocExtended(TopMemoryContext, strlen(message) + 1, MCXT_ALLOC_NO_OOM);
	if (!copy)
		return;
	if (error->message)
		pfree(error->message);
	error->message = strcpy(copy, message);
}
