/*
 * exit.c
 *	  The ends of a session that nobody asked the client about (table X).
 *
 * Inside proc_exit() it would be too late for triggers: there an ERROR is FATAL
 * and a cancel is ignored.  At its start it is too early: what the server was
 * in the middle of has not been cleaned up.  So the end becomes an error that
 * unwinds to PostgresMain(), through all who clean up after one, and the
 * triggers fire there, between two commands.
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
 * A function in some language can catch the error and go on.  It gets another
 * one at once; who catches so many ends without triggers.
 */
#define MAX_THROWS 100

/* The server's flag that it reads a command: while it is set a cancel is lost. */
static bool *reading_command;

/* The end is on its way to PostgresMain(), with this exit code. */
static bool leaving = false;
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
 * From here on the session has no client.  What ends a query for the client's
 * sake must not end the firing, and the time limit's cancel must reach it.
 */
void
sesstrig_leave_client(void)
{
	sesstrig_ignore_cancels();
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
		pqsignal(SIGTERM, ignore_request);
		ProcDiePending = false;
	}
}

static void
fire(void)
{
	ErrorData  *error;

	sesstrig_leave_client();
	if (sesstrig_logoff_fire(&error) == SESSTRIG_STATUS_OK)
		return;
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("logoff event triggers could not be fired: %s",
					error->message ? error->message : _("missing error text"))));
	sesstrig_error_free(error);
}

void
sesstrig_session_exit(int code)
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

	/* Without a postmaster, nothing may hold up the next one. */
	if (CritSectionCount > 0 || !sesstrig_exit_fires() || !PostmasterIsAlive())
		return;

	/*
	 * In this order: a request to end the session that comes while the server
	 * reads a command for nobody is obeyed at once, within the signal handler.
	 */
	*reading_command = false;
	whereToSendOutput = DestNone;
	if (PG_exception_stack == NULL)
	{
		/* before the first command */
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

	leaving = true;
	exit_code = code;
	InterruptPending = true;
	ProcDiePending = true;
	/* as for any error; see errfinish() */
	InterruptHoldoffCount = 0;
	QueryCancelHoldoffCount = 0;
	ReThrowError(&error);
}

bool
sesstrig_session_is_leaving(void)
{
	return leaving;
}

void
sesstrig_session_leave(void)
{
	if (!leaving)
		return;
	leaving = false;
	InterruptHoldoffCount = 0;
	fire();
	proc_exit(exit_code);
}
