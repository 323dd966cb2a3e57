/*
 * exit.c
 *	  Logoff for sessions that the server ends, rather than the client (table X).
 *
 * Exit callbacks are too late for triggers: by then an ERROR becomes FATAL, and
 * cancels are ignored.  The start of proc_exit() is too early: whatever the
 * server was doing has not been cleaned up yet.  So the exit is deferred: an
 * error unwinds to PostgresMain(), through everything that cleans up after
 * errors.  There, between two commands, the triggers fire, and the exit is
 * finished.  Whether an exit fires logoff is decided in Rust.
 */
#include "postgres.h"

#include <signal.h>

#include "libpq/libpq.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"

#include "server/compat.h"
#include "audit/sesstrig_session.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"

/*
 * A function in some procedural language may catch the error and go on.  Then
 * the next check for interrupts raises it again.  After MAX_THROWS times the
 * session exits without firing.
 */
#define MAX_THROWS 100

/* PostgresMain()'s DoingCommandRead.  While it is set, cancels are ignored. */
static bool *reading_command;

/* Has a deferred exit been raised that PostgresMain() has not finished yet? */
static bool deferred = false;

/* The exit code of the deferred exit. */
static int	exit_code;

/* The SQLSTATE of the FATAL error that ends the session; empty if there is none. */
static char exit_sqlstate[6];

/* Was that error raised where the server processes interrupts? */
static bool exit_is_interrupt = false;

/* Is the client gone without having asked for the end of the session? */
static bool client_lost = false;

/*
 * The SQLSTATE alone does not tell why the session ends: RAISE takes any, and with
 * exit_on_error = on each error is FATAL.  But requests to end, timeouts and the loss of
 * the client are reported in one function of the server, whose name no statement can
 * choose.  An error of a parallel worker, which somebody may have terminated, has that
 * name as well when it is raised again here; the signal that this process has received
 * tells the two apart.
 *
 * Only the first such error counts.  While its exit is deferred, a function in some
 * procedural language may catch the error that defers it, and fail with one of its own.
 */
void
sesstrig_exit_note(const ErrorData *error)
{
	if (exit_sqlstate[0])
		return;
	strlcpy(exit_sqlstate, unpack_sql_state(error->sqlerrcode), sizeof(exit_sqlstate));
	exit_is_interrupt = error->funcname && strcmp(error->funcname, "ProcessInterrupts") == 0 &&
		(error->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN ||
		 pgStatSessionEndCause == DISCONNECT_KILLED);

	/* A client that is gone in the middle of a COPY is taken for one that sends what is wrong. */
	if (error->sqlerrcode == ERRCODE_PROTOCOL_VIOLATION && error->funcname &&
		strcmp(error->funcname, "PostgresMain") == 0)
		client_lost |= !pq_check_connection();
}

bool
sesstrig_exit_is_interrupt(void)
{
	return exit_is_interrupt;
}

const char *
sesstrig_exit_sqlstate(void)
{
	return exit_sqlstate[0] ? exit_sqlstate : NULL;
}

bool
sesstrig_client_is_lost(void)
{
	return client_lost;
}

/*
 * A replication connection that streams does not come back to where its end is noticed.  But
 * that the client is lost is logged, as what only the server log is to say of a connection.
 */
void
sesstrig_exit_note_message(const ErrorData *error)
{
	if (am_walsender && error->elevel == COMMERROR)
		client_lost = true;
}

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
 * The session has no client from here on.  Forget what could cancel a query on
 * the client's account, so that it does not end the firing, and make sure that
 * the timeout of the firing can end it.
 */
void
sesstrig_detach_client(void)
{
	client_lost |= ClientConnectionLost || pgStatSessionEndCause == DISCONNECT_CLIENT_EOF;
	*reading_command = false;
	QueryCancelHoldoffCount = 0;
	QueryCancelPending = false;
	ClientConnectionLost = false;
	CheckClientConnectionPending = false;
	IdleSessionTimeoutPending = false;
	IdleInTransactionSessionTimeoutPending = false;
	SESSTRIG_FORGET_TRANSACTION_TIMEOUT();

	/*
	 * The session is ending anyway, so a request to terminate it could only
	 * prevent the firing.  The timeout bounds how long the firing takes.
	 */
	if (sesstrig_exit_fires())
	{
		pqsignal(SIGTERM, ignore_request);
		ProcDiePending = false;
	}
}

/* Fire logoff for a deferred exit; an error is logged, and the exit goes on. */
static void
fire(void)
{
	ErrorData  *error;

	sesstrig_detach_client();
	error = sesstrig_logoff_fire(true);
	if (!error)
		return;
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("logoff event triggers could not be fired: %s",
					error->message ? error->message : _("missing error text"))));
	sesstrig_error_free(error);
}

/* Defer the exit by an error, or fire now, or return if nothing is to fire. */
static void
defer(int code)
{
	static int	throws = 0;
	ErrorData	error = {
		.elevel = ERROR,
		.sqlerrcode = ERRCODE_ADMIN_SHUTDOWN,
		.message = "the session ends",
	};

	/*
	 * An error in a critical section would be a PANIC.  If the postmaster is
	 * gone, a new one cannot start before this process has exited.
	 */
	if (CritSectionCount > 0 || !sesstrig_exit_fires() || !PostmasterIsAlive())
		return;

	/*
	 * The order matters: if SIGTERM arrives while the server reads a command
	 * and messages go nowhere, die() exits from within the signal handler.
	 */
	*reading_command = false;
	whereToSendOutput = DestNone;
	if (PG_exception_stack == NULL)
	{
		/* PostgresMain() cannot catch an error yet: no command has been read. */
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
	/* As errfinish() does for every ERROR. */
	InterruptHoldoffCount = 0;
	QueryCancelHoldoffCount = 0;
	ReThrowError(&error);
}

void
sesstrig_exit_defer(int code)
{
	if (proc_exit_inprogress)
		return;
	if (exit_sqlstate[0])
		sesstrig_refusal_note();
	sesstrig_session_count_unfinished(sesstrig_report_overrun());
	defer(code);
	sesstrig_session_leave();
}

bool
sesstrig_exit_is_deferred(void)
{
	return deferred;
}

void
sesstrig_exit_finish(void)
{
	static bool finishing = false;

	/* An error in here leads back here; the session must not go on then, either. */
	if (finishing)
		proc_exit(exit_code);
	if (!deferred)
		return;
	finishing = true;
	/* The triggers may catch their errors. */
	deferred = false;
	InterruptHoldoffCount = 0;
	fire();
	proc_exit(exit_code);
}
