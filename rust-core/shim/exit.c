/*
 * exit.c
 *	  Sessions that the server ends, rather than the client (table X).
 *
 * Exit callbacks are too late for triggers: there an ERROR becomes FATAL and a
 * cancel is ignored.  The start of proc_exit() is too early: whatever the server
 * was doing has not been cleaned up.  So the exit is deferred: an error unwinds
 * to PostgresMain() through everything that cleans up after errors, and there,
 * between two commands, the triggers fire and the exit is finished.
 */
#include "postgres.h"

#include <signal.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"

#include "compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"

/*
 * A function in some procedural language can catch the error and go on.  Then
 * it gets another one at once.  After MAX_THROWS catches, exit without firing.
 */
#define MAX_THROWS 100

/* PostgresMain()'s DoingCommandRead: while it is set, cancels are ignored. */
static bool *reading_command;

/* Has a deferred exit been raised that PostgresMain() has not finished yet? */
static bool deferred = false;

/* The exit code of a deferred exit. */
static int	exit_code;

void
sesstrig_watch_command_read(bool *flag)
{
	reading_command = flag;
}

static void
ignore_request(SIGNAL_ARGS)
{
}

/*
 * From here on the session has no client.  What ends a query on the client's
 * account must not end the firing; its timeout must be able to.
 */
void
sesstrig_detach_client(void)
{
	*reading_command = false;
	QueryCancelHoldoffCount = 0;
	QueryCancelPending = false;
	ClientConnectionLost = false;
	CheckClientConnectionPending = false;
	IdleSessionTimeoutPending = false;
	IdleInTransactionSessionTimeoutPending = false;
	SESSTRIG_FORGET_TRANSACTION_TIMEOUT();

	/*
	 * The session is ending anyway, so a request to terminate it could do
	 * nothing but prevent the firing.  The timeout bounds how long that takes.
	 */
	if (sesstrig_exit_fires())
	{
		pqsignal(SIGTERM, ignore_request);
		ProcDiePending = false;
	}
}

static void
fire(void)
{
	ErrorData  *error;

	sesstrig_detach_client();
	if (sesstrig_logoff_fire(&error) == SESSTRIG_STATUS_OK)
		return;
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("logoff event triggers could not be fired: %s",
					error->message ? error->message : _("missing error text"))));
	sesstrig_error_free(error);
}

void
sesstrig_exit_defer(int code)
{
	static int	throws = 0;
	ErrorData	error = {
		.elevel = ERROR,
		.sqlerrcode = ERRCODE_ADMIN_SHUTDOWN,
		.message = "the session ends",
	};

	if (proc_exit_inprogress)
		return;
	sesstrig_report_overrun();

	/* A postmaster that is to replace a lost one must not have to wait. */
	if (CritSectionCount > 0 || !sesstrig_exit_fires() || !PostmasterIsAlive())
		return;

	/*
	 * In this order: while the server reads a command and there is nobody to
	 * send an error to, die() ends the process from within the signal handler.
	 */
	*reading_command = false;
	whereToSendOutput = DestNone;
	if (PG_exception_stack == NULL)
	{
		/* The first command has not been read yet. */
		fire();
		return;
	}
	if (throws++ == MAX_THROWS)
	{
		ereport(LOG,
				(errmsg("logoff event triggers are not fired"),
				 errdetail("A function went on after the end of the session %d times.", MAX_THROWS)));
		return;
	}

	deferred = true;
	exit_code = code;
	InterruptPending = true;
	ProcDiePending = true;
	/* as errfinish() does for every error */
	InterruptHoldoffCount = 0;
	QueryCancelHoldoffCount = 0;
	ReThrowError(&error);
}

bool
sesstrig_exit_is_deferred(void)
{
	return deferred;
}

void
sesstrig_exit_finish(void)
{
	if (!deferred)
		return;
	deferred = false;
	InterruptHoldoffCount = 0;
	fire();
	proc_exit(exit_code);
}
