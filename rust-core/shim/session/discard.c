/*
 * discard.c
 *	  DISCARD ALL as the end of one use of a session and the start of the next
 *	  (section R).
 *
 * Each firing needs a transaction of its own, so the statement commits and starts
 * transactions while it runs, as VACUUM does.  Like VACUUM it is refused where that
 * would be wrong: in a transaction block, in a function, and as one of several
 * statements.  Whether an event fires, and what a failure means, is decided in Rust.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

/* Was the session asked to terminate while its logoff triggers ran? */
static volatile sig_atomic_t terminated;

/*
 * Commit the transaction.  This leaves the memory context, which is one of the statement's
 * and lives on.
 */
static void
leave_transaction(void)
{
	MemoryContext context = CurrentMemoryContext;

	while (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/* Start a transaction, which the server will commit as soon as the statement ends. */
static void
enter_transaction(void)
{
	MemoryContext context = CurrentMemoryContext;

	StartTransactionCommand();
	MyXactFlags |= XACT_FLAGS_NEEDIMMEDIATECOMMIT;
	MemoryContextSwitchTo(context);
}

/*
 * Forget what the client or its settings have armed for the statement: it must not end a
 * firing, and the settings are about to be discarded.
 */
static void
disarm_timeouts(void)
{
	disable_all_timeouts(false);
	CheckClientConnectionPending = false;
	SESSTRIG_FORGET_TRANSACTION_TIMEOUT();
}

/* Show the statement again as what the session does, rather than the last trigger. */
static void
show_statement(uint64 query_id)
{
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	pgstat_report_query_id(query_id, true);
	set_ps_display(GetCommandTagName(CMDTAG_DISCARD_ALL));
}

static void
note_request(SIGNAL_ARGS)
{
	terminated = true;
}

/*
 * Fire logoff.
 *
 * Messages of the triggers go to the server log only, as at the end of a session: a client
 * that does not read them must not keep the triggers from running, and the next client has
 * no use for them.
 *
 * Where the end of a session by the server fires logoff, a request to terminate the session
 * waits until the triggers have run.  It could only prevent what it is to bring about.
 */
static void
fire_logoff(void)
{
	CommandDest dest = whereToSendOutput;
	bool		must_run = sesstrig_exit_fires();
	ErrorData  *error;

	if (must_run)
	{
		terminated = false;
		pqsignal(SIGTERM, note_request);
		/* A request that has arrived before is an end of the session like any other. */
		if (ProcDiePending)
		{
			pqsignal(SIGTERM, die);
			CHECK_FOR_INTERRUPTS();
		}
	}
	disarm_timeouts();
	whereToSendOutput = DestNone;
	error = sesstrig_discard_fire_logoff();
	whereToSendOutput = dest;
	sesstrig_exit_on_failure(error);
	if (must_run)
	{
		pqsignal(SIGTERM, die);
		if (terminated)
			raise(SIGTERM);
	}
}

/*
 * End the session because of an error.  The settings of the client before are still in
 * effect, or some of them, and nobody may go on with these who has not logged on: not every
 * pool looks at whether its command has failed.
 */
static void
end_session(MemoryContext context)
{
	ErrorData  *error = sesstrig_take_error(TopMemoryContext, context);

	/* Whether or not it can be reported. */
	(void) sesstrig_try_report_error(error);
	ereport(FATAL,
			(errcode(error->sqlerrcode),
			 errmsg("terminating connection because %s failed", GetCommandTagName(CMDTAG_DISCARD_ALL)),
			 errdetail("Logon event triggers have not fired for the next use of the session.")));
}

static void
discard_between_uses(void (*discard) (bool is_top_level), bool is_top_level)
{
	MemoryContext memory = CurrentMemoryContext;
	ErrorContextCallback *context = error_context_stack;
	uint64		query_id = pgstat_get_my_query_id();

	/* From here on the client before cannot cancel the statement. */
	sesstrig_ignore_cancels();
	disarm_timeouts();
	leave_transaction();
	CHECK_FOR_INTERRUPTS();

	/* The context of the statement is none of the triggers' errors. */
	error_context_stack = NULL;
	fire_logoff();
	error_context_stack = context;
	/* A firing leaves the one that lives as long as the process. */
	MemoryContextSwitchTo(memory);

	PG_TRY();
	{
		/* If the session was asked to terminate meanwhile, this does it. */
		CHECK_FOR_INTERRUPTS();
		show_statement(query_id);
		enter_transaction();
		PushActiveSnapshot(GetTransactionSnapshot());
		discard(is_top_level);
		sesstrig_reset_protected_settings();
		/* What the triggers set must not be rolled back with what was discarded. */
		leave_transaction();
	}
	PG_CATCH();
	{
		end_session(memory);
	}
	PG_END_TRY();

	error_context_stack = NULL;
	disarm_timeouts();
	/* If the logon is rejected, the session ends. */
	sesstrig_exit_on_failure(sesstrig_discard_fire_logon());
	sesstrig_fire_delegated();
	error_context_stack = context;
	MemoryContextSwitchTo(memory);
	show_statement(query_id);
	enter_transaction();
}

void
sesstrig_discard_all(void (*discard) (bool is_top_level), bool is_top_level)
{
	bool		may_fire;

	if (likely(!sesstrig_discard_fires()))
	{
		discard(is_top_level);
		sesstrig_reset_protected_settings();
		return;
	}

	/* discard() checks this, too, but where it is refused nothing may fire (rule R4). */
	PreventInTransactionBlock(is_top_level, GetCommandTagName(CMDTAG_DISCARD_ALL));
	sesstrig_raise_on_failure(sesstrig_discard_may_fire(&may_fire));
	if (may_fire)
		discard_between_uses(discard, is_top_level);
	else
	{
		discard(is_top_level);
		sesstrig_reset_protected_settings();
	}
}
