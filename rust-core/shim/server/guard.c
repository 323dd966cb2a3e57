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

#include "access/xact.h"
#include "commands/event_trigger.h"
#include "jit/jit.h"
#include "libpq/libpq.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_guard.h"
#include "server/sesstrig_try.h"

/* The error that a guard returns if there is no memory to copy the real one. */
static ErrorData out_of_memory = {
	.elevel = ERROR,
	.output_to_server = true,
	.sqlerrcode = ERRCODE_OUT_OF_MEMORY,
	.message = "out of memory",
};

/*
 * Copy the error that is being handled, and remove it from elog's stack.  The copy
 * is in a memory context of its own below "parent", because FreeErrorData() does not
 * free all that CopyErrorData() copies.  "context" is the memory context to return to.
 */
ErrorData *
sesstrig_take_error(MemoryContext parent, MemoryContext context)
{
	ErrorData  *volatile error = &out_of_memory;
	volatile MemoryContext copied = NULL;

	PG_TRY();
	{
		copied = AllocSetContextCreate(parent, "session trigger error", ALLOCSET_SMALL_SIZES);
		MemoryContextSwitchTo(copied);
		error = CopyErrorData();
	}
	PG_CATCH();
	{
		/* Return out_of_memory. */
	}
	PG_END_TRY();
	FlushErrorState();
	MemoryContextSwitchTo(context);
	if (error == &out_of_memory && copied)
		MemoryContextDelete(copied);

	return error;
}

/* The error for memory that Rust lacks. */
ErrorData *
sesstrig_out_of_memory(void)
{
	return &out_of_memory;
}

void
sesstrig_error_free(ErrorData *error)
{
	/* The context in which the copy is. */
	if (error != &out_of_memory)
		MemoryContextDelete(error->assoc_context);
}

/*
 * Error context callback: "arg" is the text.  Upstream's message on COMMIT does not say
 * why it is not allowed (rule D8).
 */
void
sesstrig_add_context(void *arg)
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
sesstrig_try_set_title(const char *title)
{
	GUARD_BEGIN();
	{
		set_ps_display(title);
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

static ErrorData *
try_define_int(const char *name, const char *description, int *variable, int boot_value,
			   int min_value, int max_value, GucContext context, int flags)
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
sesstrig_try_define_int(const char *name, const char *description,
						int *variable, int boot_value,
						int min_value, int max_value, GucContext context,
						int flags)
{
	bool		preloading = process_shared_preload_libraries_in_progress;
	ErrorData  *error;

	/* The server must not think that it has started already. */
	process_shared_preload_libraries_in_progress = true;
	error = try_define_int(name, description, variable, boot_value, min_value, max_value,
						   context, flags);
	process_shared_preload_libraries_in_progress = preloading;
	return error;
}

ErrorData *
sesstrig_try_get_setting(const char *name, const char **value)
{
	GUARD_BEGIN();
	{
		*value = GetConfigOption(name, true, false);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_define_string(const char *name, const char *description,
						   char **variable, GucContext context,
						   GucStringCheckHook check_hook,
						   GucStringAssignHook assign_hook)
{
	GUARD_BEGIN();
	{
		DefineCustomStringVariable(name, description, NULL, variable, "", context, 0,
								   check_hook, assign_hook, NULL);
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

ErrorData *
sesstrig_try_commit_transaction(const char *context)
{
	GUARD_BEGIN();
	{
		ErrorContextCallback callback = {
			.previous = error_context_stack,
			.callback = sesstrig_add_context,
			.arg = unconstify(char *, context),
		};

		error_context_stack = &callback;
		if (ActiveSnapshotSet())
			PopActiveSnapshot();
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
