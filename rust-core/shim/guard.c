/*
 * guard.c
 *	  Guards: functions through which Rust calls the server, each of which catches
 *	  any error in a PG_TRY and returns it, because a longjmp must not cross Rust's
 *	  frames.
 *
 * Nothing is decided here: which calls are made, and in what order, is up to
 * Rust.  sesstrig_guard.h states what a guard promises.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_event_trigger.h"
#include "commands/event_trigger.h"
#include "jit/jit.h"
#include "libpq/libpq.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/backend_status.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ps_status.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"

#include "compat.h"
#include "sesstrig_core.h"
#include "sesstrig_guard.h"
#include "sesstrig_try.h"

/* The error that a guard returns if there is no memory to copy the real one. */
static ErrorData out_of_memory = {
	.elevel = ERROR,
	.output_to_server = true,
	.sqlerrcode = ERRCODE_OUT_OF_MEMORY,
	.message = "out of memory",
};

/*
 * Copy the error that is being handled, and remove it from elog's stack.  The
 * copy must outlive the transaction, so it is allocated in TopMemoryContext.
 * "context" is the memory context to return to.
 */
ErrorData *
sesstrig_take_error(MemoryContext context)
{
	ErrorData  *volatile error = &out_of_memory;

	MemoryContextSwitchTo(TopMemoryContext);
	PG_TRY();
	{
		error = CopyErrorData();
	}
	PG_CATCH();
	{
		/* Return out_of_memory. */
	}
	PG_END_TRY();
	FlushErrorState();
	MemoryContextSwitchTo(context);

	return error;
}

void
sesstrig_error_free(ErrorData *error)
{
	if (error != &out_of_memory)
		FreeErrorData(error);
}

/*
 * Error context callback: "arg" is the text.  Upstream's message on COMMIT does not say
 * why it is not allowed (rule D8).
 */
static void
add_context(void *arg)
{
	errcontext("%s", (const char *) arg);
	if (geterrcode() == ERRCODE_INVALID_TRANSACTION_TERMINATION)
		errhint("All triggers for the event run in one transaction, which the server commits.");
}

/*
 * Make an error of the core's own.  Only elog can make an ErrorData, so raise
 * the error, and let the guard catch it.
 */
ErrorData *
sesstrig_try_make_error(const char *message, const char *detail,
						const char *context)
{
	GUARD_BEGIN();
	{
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg_internal("%s", message),
				 errdetail_internal("%s", detail),
				 errcontext("%s", context)));
	}
	GUARD_END();
}

/*
 * Report an error that has been caught.  EmitErrorReport() reports the error on
 * top of elog's stack, so put it back there.
 */
static void
report_error(ErrorData *error)
{
	PG_TRY();
	{
		ReThrowError(error);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();
}

ErrorData *
sesstrig_try_report_error(ErrorData *error)
{
	GUARD_BEGIN();
	{
		report_error(error);
		MemoryContextSwitchTo(guard_context);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_log(int elevel, const char *message)
{
	GUARD_BEGIN();
	{
		ereport(elevel, errmsg_internal("%s", message));
	}
	GUARD_END();
}

static ErrorData *
try_report_warning(const char *message)
{
	GUARD_BEGIN();
	{
		ereport(WARNING_CLIENT_ONLY,
				(errcode(ERRCODE_WARNING),
				 errmsg_internal("%s", message)));
	}
	GUARD_END();
}

/*
 * Send the client a warning that is not logged, whatever client_min_messages
 * is: session_triggers.logon_warning is the setting that turns it off.
 */
ErrorData *
sesstrig_try_warn_client(const char *message)
{
	int			saved_min_messages = client_min_messages;
	ErrorData  *error;

	client_min_messages = Min(client_min_messages, WARNING);
	error = try_report_warning(message);
	client_min_messages = saved_min_messages;
	return error;
}

ErrorData *
sesstrig_try_report_activity(const char *activity, const char *ps_display)
{
	GUARD_BEGIN();
	{
		pgstat_report_activity(STATE_RUNNING, activity);
		set_ps_display(ps_display);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_define_bool(const char *name, const char *description,
						 bool *variable, bool boot_value, GucContext context)
{
	GUARD_BEGIN();
	{
		DefineCustomBoolVariable(name, description, NULL, variable, boot_value,
								 context, 0, NULL, NULL, NULL);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_define_int(const char *name, const char *description,
						int *variable, int boot_value,
						int min_value, int max_value, GucContext context,
						int flags)
{
	GUARD_BEGIN();
	{
		DefineCustomIntVariable(name, description, NULL, variable, boot_value,
								min_value, max_value,
								context, flags, NULL, NULL, NULL);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_define_enum(const char *name, const char *description,
						 int *variable, int boot_value,
						 const struct config_enum_entry *entries,
						 GucContext context)
{
	GUARD_BEGIN();
	{
		DefineCustomEnumVariable(name, description, NULL, variable, boot_value,
								 entries, context, 0, NULL, NULL, NULL);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_reserve_prefix(const char *prefix)
{
	GUARD_BEGIN();
	{
		MarkGUCPrefixReserved(prefix);
	}
	GUARD_END();
}

/*
 * Release the advisory locks that the session holds outside of transactions.
 * They can fill the lock table, so that the firing could not lock anything, and
 * the session is about to end anyway.
 */
ErrorData *
sesstrig_try_release_locks(void)
{
	GUARD_BEGIN();
	{
		LockReleaseSession(USER_LOCKMETHOD);
	}
	GUARD_END();
}

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
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_commit_transaction(const char *context)
{
	GUARD_BEGIN();
	{
		ErrorContextCallback callback = {
			.previous = error_context_stack,
			.callback = add_context,
			.arg = unconstify(char *, context),
		};

		error_context_stack = &callback;
		CommitTransactionCommand();
		sesstrig_forget_encoding();
		error_context_stack = callback.previous;
	}
	GUARD_END();
}

/*
 * Roll back whatever is open, and bring the session back to idle, as
 * PostgresMain() does after an error.
 */
ErrorData *
sesstrig_try_abort_transaction(void)
{
	GUARD_BEGIN();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		pq_comm_reset();
		sesstrig_forget_encoding();
		AbortOutOfAnyTransaction();
		PortalErrorCleanup();
		/* Nobody will fetch from a cursor, but its name could be in the way. */
		PortalHashTableDeleteAll();
		if (MyReplicationSlot != NULL)
			ReplicationSlotRelease();
		SESSTRIG_REPLICATION_SLOT_CLEANUP();
		jit_reset_after_error();
		RESUME_INTERRUPTS();
	}
	GUARD_END();
}

/*
 * Process other sessions' invalidation messages outside of a transaction, so
 * that a session need not start one at its end only to learn that no trigger
 * exists.  That is allowed: invalidation callbacks must cope with it anyway,
 * since a transaction that has changed a catalog calls them after it has ended.
 * The relation cache does not read catalogs then, but marks the entries to be
 * rebuilt; see the uses of IsTransactionState() in relcache.c.
 */
ErrorData *
sesstrig_try_accept_invalidations(void)
{
	GUARD_BEGIN();
	{
		AcceptInvalidationMessages();
	}
	GUARD_END();
}

static void
triggers_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	sesstrig_triggers_invalidate();
}

/* Have sesstrig_triggers_invalidate() called when pg_event_trigger changes. */
ErrorData *
sesstrig_try_watch_triggers(void)
{
	GUARD_BEGIN();
	{
		CacheRegisterSyscacheCallback(EVENTTRIGGEROID, triggers_changed, (Datum) 0);
	}
	GUARD_END();
}

/* Read all rows with a sequential scan, which does not depend on an index. */
static void
read_triggers(Relation rel, SesstrigTriggerRow **rows, int *nrows)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	int			nalloc = 8;

	*rows = palloc(nalloc * sizeof(SesstrigTriggerRow));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_event_trigger form = (Form_pg_event_trigger) GETSTRUCT(tuple);
		SesstrigTriggerRow *row;

		if (*nrows == nalloc)
		{
			nalloc *= 2;
			*rows = repalloc(*rows, nalloc * sizeof(SesstrigTriggerRow));
		}
		row = &(*rows)[(*nrows)++];
		row->name = form->evtname;
		row->event = form->evtevent;
		row->function = form->evtfoid;
		row->enabled = form->evtenabled;
	}
	systable_endscan(scan);
}

/*
 * Read pg_event_trigger, in no particular order.  A transaction must be open,
 * and the rows live as long as its memory context.  If may_wait is false and the
 * table cannot be locked at once, *complete is set to false.
 *
 * In most databases the table has never had a row, and so has no block.  Looking
 * at its size is all that it takes then.
 */
ErrorData *
sesstrig_try_read_triggers(bool may_wait, SesstrigTriggerRow **rows,
						   int *nrows, bool *complete)
{
	GUARD_BEGIN();
	{
		*rows = NULL;
		*nrows = 0;
		*complete = false;

		if (may_wait)
			LockRelationOid(EventTriggerRelationId, AccessShareLock);
		if (may_wait ||
			ConditionalLockRelationOid(EventTriggerRelationId, AccessShareLock))
		{
			Relation	rel = table_open(EventTriggerRelationId, NoLock);

			if (RelationGetNumberOfBlocks(rel) > 0)
				read_triggers(rel, rows, nrows);
			table_close(rel, AccessShareLock);
			*complete = true;
		}
	}
	GUARD_END();
}

/*
 * Run one trigger with a snapshot of its own, so that even a stable function
 * sees what the triggers before it did.
 */
ErrorData *
sesstrig_try_run_trigger(Oid function, const char *event, CommandTag tag,
						 const char *context)
{
	GUARD_BEGIN();
	{
		ErrorContextCallback callback = {
			.previous = error_context_stack,
			.callback = add_context,
			.arg = unconstify(char *, context),
		};
		EventTriggerData trigdata = {
			.type = T_EventTriggerData,
			.event = event,
			.tag = tag,
		};

		error_context_stack = &callback;
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		EventTriggerInvoke(list_make1_oid(function), &trigdata);
		PopActiveSnapshot();
		error_context_stack = callback.previous;
	}
	GUARD_END();
}

bool
sesstrig_event_triggers_on(void)
{
	return SESSTRIG_EVENT_TRIGGERS_ON();
}

/*
 * Is the role that logged on a superuser?  The current role does not count,
 * because a setting of the role or the database may have changed it already.
 */
ErrorData *
sesstrig_try_superuser(bool *is_superuser)
{
	GUARD_BEGIN();
	{
		*is_superuser = superuser_arg(GetAuthenticatedUserId());
	}
	GUARD_END();
}
