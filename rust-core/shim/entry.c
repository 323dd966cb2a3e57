/*
 * entry.c
 *	  Functions that the server calls: each calls the Rust core and, after that
 *	  has returned, raises the error that it has returned, if any.
 *
 * There is no logic here.  The functions for the grammar are in routine.c, those
 * for an exit of the server's own in exit.c, that for DISCARD ALL in discard.c.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"

void
sesstrig_raise_on_failure(SesstrigStatus status, ErrorData *error)
{
	if (status == SESSTRIG_STATUS_OK)
		return;

	PG_TRY();
	{
		ReThrowError(error);
	}
	PG_FINALLY();
	{
		sesstrig_error_free(error);
	}
	PG_END_TRY();
}

/*
 * Like sesstrig_raise_on_failure(), for errors that must end the session.  Only
 * the SQLSTATE and the message are reported; a failed firing has already been
 * logged in full.
 */
void
sesstrig_exit_on_failure(SesstrigStatus status, ErrorData *error)
{
	if (status == SESSTRIG_STATUS_OK)
		return;

	ereport(FATAL,
			(errcode(error->sqlerrcode),
			 errmsg_internal("%s", error->message ? error->message : _("missing error text"))));
}

void
sesstrig_server_init(void)
{
	ErrorData  *error;
	SesstrigStatus status = sesstrig_core_start(&error);

	sesstrig_exit_on_failure(status, error);
	sesstrig_note_settings();
	sesstrig_keeper_init();
}

bool
sesstrig_event_is_known(const char *eventname)
{
	return sesstrig_event_find(eventname);
}

void
sesstrig_event_refuse_tags(const char *eventname)
{
	if (sesstrig_event_find(eventname))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("tag filtering is not supported for %s event triggers",
						eventname)));
}

void
sesstrig_session_prepare(void)
{
	ErrorData  *error;
	SesstrigStatus status = sesstrig_session_open(&error);

	sesstrig_exit_on_failure(status, error);
}

void
sesstrig_session_logon(bool *reading_command)
{
	ErrorData  *error;
	SesstrigStatus status;

	sesstrig_watch_command_read(reading_command);
	status = sesstrig_logon_fire(&error);

	sesstrig_exit_on_failure(status, error);
	sesstrig_let_in(true);
	sesstrig_fire_delegated();
}

void
sesstrig_session_logoff(void)
{
	ErrorData  *error;
	SesstrigStatus status;

	sesstrig_detach_client();
	status = sesstrig_logoff_fire(false, &error);

	sesstrig_exit_on_failure(status, error);
}

static bool
variable_next(SesstrigVariable *variable)
{
	int			index = variable->number++;

	variable->name = sesstrig_variable_name(index);
	variable->alias = sesstrig_variable_alias(index);
	switch (sesstrig_variable_kind(index))
	{
		case SESSTRIG_VALUE_KIND_TEXT:
			variable->type = TEXTOID;
			return true;
		case SESSTRIG_VALUE_KIND_INTEGER:
			variable->type = INT4OID;
			return true;
		case SESSTRIG_VALUE_KIND_NULL:
			break;
	}
	return false;
}

static Datum
variable_value(const char *name, const char *tag, bool *isnull)
{
	ErrorData  *error;
	SesstrigValue value;
	SesstrigStatus status = sesstrig_variable_read(name, tag, &value, &error);

	sesstrig_raise_on_failure(status, error);

	*isnull = false;
	switch (value.kind)
	{
		case SESSTRIG_VALUE_KIND_TEXT:
			return PointerGetDatum(cstring_to_text_with_len(value.text, value.length));
		case SESSTRIG_VALUE_KIND_INTEGER:
			return Int32GetDatum(value.integer);
		case SESSTRIG_VALUE_KIND_NULL:
			break;
	}
	*isnull = true;
	return (Datum) 0;
}

const SesstrigPlpgsql *
sesstrig_plpgsql(void)
{
	static const SesstrigPlpgsql functions = {
		.variable_next = variable_next,
		.variable_value = variable_value,
		.exit_is_deferred = sesstrig_exit_is_deferred,
	};

	return &functions;
}

#ifdef SESSTRIG_FAULTS
/* Cause a panic inside the core; trigger functions of the tests call this. */
void
sesstrig_fault_panic(void)
{
	ErrorData  *error;
	SesstrigStatus status = sesstrig_fault_raise(&error);

	sesstrig_raise_on_failure(status, error);
}
#endif
