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

#include "sesstrig_guard.h"
#include "sesstrig_try.h"

/* A trigger that catches the cancel gets another one so much later. */
#define AGAIN_MS 1000

static TimeoutId limit = MAX_TIMEOUTS;
static volatile sig_atomic_t reached = false;

/* In a signal handler: what a cancel request does. */
static void
limit_handler(void)
{
	reached = true;
	InterruptPending = true;
	QueryCancelPending = true;
}

ErrorData *
sesstrig_try_start_limit(int ms)
{
	GUARD_BEGIN();
	{
		reached = false;
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

void
sesstrig_explain_limit(ErrorData *error, const char *message)
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
