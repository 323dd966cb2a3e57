/*
 * record.c
 *	  What the session audit needs of the server beside the writing itself (section A): facts
 *	  about the session that are in C structs, lines of the server log, and what the extension
 *	  shows.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "libpq/auth.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "server/compat.h"
#include "sesstrig_audit.h"
#include "audit/sesstrig_session.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

#define LOG_SCHEMA "session_audit"
#define AUDIT_EXTENSION "session_audit"

/* --- facts about the session ----------------------------------------------------- */

/* How the client has authenticated, once it has. */
static const char *auth_method = NULL;

static ClientAuthentication_hook_type previous_authentication = NULL;

static void
note_authentication(Port *port, int status)
{
	auth_method = port->hba ? hba_authname(port->hba->auth_method) : NULL;
	if (previous_authentication)
		previous_authentication(port, status);
}

void
sesstrig_authentication_init(void)
{
	previous_authentication = ClientAuthentication_hook;
	ClientAuthentication_hook = note_authentication;
}

/*
 * How the client has authenticated, or has to.  When the session has started, the line of
 * pg_hba.conf that applied is no longer in memory.
 */
const char *
sesstrig_client_auth_method(void)
{
	if (auth_method)
		return auth_method;
	if (!MyProcPort || !PostmasterContext || !MyProcPort->hba)
		return NULL;
	return hba_authname(MyProcPort->hba->auth_method);
}

const char *
sesstrig_client_identity(void)
{
	return SESSTRIG_AUTHENTICATED_IDENTITY();
}

const char *
sesstrig_client_encryption(void)
{
	if (!MyProcPort)
		return NULL;
#ifdef USE_SSL
	if (MyProcPort->ssl_in_use)
		return be_tls_get_version(MyProcPort);
#endif
#ifdef ENABLE_GSS
	if (MyProcPort->gss && be_gssapi_get_enc(MyProcPort))
		return "GSS";
#endif
	return NULL;
}

void
sesstrig_format_time(TimestampTz time, char *buffer)
{
	int			utc = 0;

	JsonEncodeDateTime(buffer, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc);
}

bool
sesstrig_in_recovery(void)
{
	return RecoveryInProgress();
}

/* --- lines of the server log ------------------------------------------------------ */

/* Is the message that is being logged a record of the audit? */
static bool logs_record = false;

static ErrorData *
try_log_record(const char *line)
{
	GUARD_BEGIN();
	{
		ereport(LOG_SERVER_ONLY,
				(errmsg_internal("%s", line),
				 errhidestmt(true),
				 errhidecontext(true)));
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_audit_log(const char *line)
{
	ErrorData  *error;

	/* Whoever logs no messages but FATAL ones must not so log no records. */
	int			min_messages = log_min_messages;

	logs_record = true;
	log_min_messages = Min(log_min_messages, ERROR);
	error = try_log_record(line);
	log_min_messages = min_messages;
	logs_record = false;
	return error;
}

void
sesstrig_log_message(ErrorData *error, void (*log) (ErrorData *error))
{
	char	   *message = error->message;

	if (!logs_record)
		sesstrig_exit_note_message(error);
	if (logs_record || !message || !sesstrig_audit_is_record(message))
	{
		log(error);
		return;
	}
	error->message = psprintf("message: %s", message);
	log(error);
	pfree(error->message);
	/* The client gets what the session has written. */
	error->message = message;
}

/*
 * Not every name is valid in the database's encoding: an identity comes from outside, for
 * instance from a certificate, and roles and databases may have been created in a database
 * of another encoding.
 */
const char *
sesstrig_clean_text(const char *text)
{
	char	   *clean;

	if (pg_verifymbstr(text, strlen(text), true))
		return text;
	clean = pstrdup(text);
	for (char *c = clean; *c; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	return clean;
}

/* --- the extension ---------------------------------------------------------------- */

int
sesstrig_audit_version(void)
{
	return SESSTRIG_AUDIT_VERSION;
}

/* What the extension's function status() shows of the writer. */
Datum
sesstrig_audit_state(FunctionCallInfo fcinfo)
{
	SesstrigAuditState state = sesstrig_writer_state();
	TupleDesc	desc;
	Datum		values[8];
	bool		nulls[8] = {state.writer == 0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != lengthof(values))
		elog(ERROR, "return type must be a row type of %d columns", (int) lengthof(values));
	values[0] = Int32GetDatum(state.writer);
	values[1] = Int32GetDatum(state.failures);
	values[2] = Int32GetDatum(state.pending);
	values[3] = Int64GetDatum(state.dropped);
	values[4] = Int32GetDatum(state.refusals_waiting);
	values[5] = Int64GetDatum(state.refusals_dropped);
	values[6] = Int32GetDatum(state.keeper_failures);
	values[7] = Int64GetDatum(state.number);
	nulls[7] = state.number == 0;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * Is this table the audit's?  Nobody but a superuser may change its rows, which
 * pg_write_all_data would otherwise allow (rule A9).
 */
bool
sesstrig_audit_has_table(Oid table)
{
	Oid			schema = get_namespace_oid(LOG_SCHEMA, true);

	return OidIsValid(schema) && get_rel_namespace(table) == schema &&
		OidIsValid(get_extension_oid(AUDIT_EXTENSION, true));
}
