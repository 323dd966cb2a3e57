/*
 * trial.c
 *	  session_triggers.try(): run a session trigger in a subtransaction that is rolled
 *	  back, so that its function can be tried before it can lock anybody out.
 *
 * The function runs as in a firing of this session, with the same time limit and the same
 * values of settings; which these are is decided in Rust.  But it runs in the caller's
 * transaction, which cannot be given the properties of a firing's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_type_d.h"
#include "commands/event_trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "tcop/cmdtag.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_stat.h"
#include "server/sesstrig_try.h"

/* A trial; what it allocates is in the context. */
typedef struct Trial
{
	MemoryContext context;
	ArrayBuildState *notices;
	double		run_time;		/* milliseconds */
	ErrorData  *error;			/* NULL if there was none */
} Trial;

/* The trial that is going on, or NULL, and what it has replaced meanwhile. */
static Trial *trial;
static emit_log_hook_type previous_hook;
static int	previous_level;

/*
 * Note a message of the trigger.  This hook sees what is to be logged, so the level at which
 * messages are logged has been lowered; restore here what that means for the log.
 */
static void
note_message(ErrorData *message)
{
	if (message->elevel >= INFO && message->elevel < ERROR)
	{
		const char *severity = _(error_severity(message->elevel));
		MemoryContext caller = MemoryContextSwitchTo(trial->context);
		char	   *text = psprintf("%s:  %s", severity, message->message ? message->message : "");

		trial->notices = accumArrayResult(trial->notices, CStringGetTextDatum(text), false,
										  TEXTOID, trial->context);
		MemoryContextSwitchTo(caller);
		message->output_to_server = previous_level != LOG && message->elevel >= previous_level;
	}
	if (previous_hook)
		previous_hook(message);
}

static void
start_noting(Trial *next)
{
	trial = next;
	previous_hook = emit_log_hook;
	previous_level = log_min_messages;
	emit_log_hook = note_message;
	/* As this level, LOG means more than ERROR. */
	if (log_min_messages == LOG || log_min_messages > INFO)
		log_min_messages = INFO;
}

/* Undo that, once; nothing here can fail. */
static void
stop_noting(void)
{
	if (!trial)
		return;
	emit_log_hook = previous_hook;
	log_min_messages = previous_level;
	trial = NULL;
}

/*
 * Raise an error if the trigger does not fire in sessions like this one.  A superuser must
 * not run what another role has written only to see what it does.
 */
static void
check_standing(const FormData_pg_event_trigger *form, const char *name)
{
	const char *detail = NULL;

	sesstrig_raise_on_failure(sesstrig_delegation_obstacle(form->evtowner, form->evtfoid, &detail));
	if (detail)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event trigger \"%s\" does not fire in this session", name),
				 errdetail_internal("%s", detail)));

	/*
	 * A firing runs the function as the role that logged on, and so do we, since we override
	 * SET ROLE.  But that is not possible in a function with its owner's rights, and whoever
	 * owns that one must not run this one either.
	 */
	if (!superuser_arg(form->evtowner) && InLocalUserIdChange() &&
		GetUserId() != GetAuthenticatedUserId())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event trigger \"%s\" cannot be tried with the rights of role \"%s\"",
						name, GetUserNameFromId(GetUserId(), false)),
				 errdetail("Its owner is not a superuser, so it fires with the rights of the role that logged on.")));
}

/* The trigger of that name, if this user may try it. */
static FormData_pg_event_trigger
find_trigger(const char *name)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(name));
	FormData_pg_event_trigger form;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("event trigger \"%s\" does not exist", name)));
	form = *(Form_pg_event_trigger) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	if (!SESSTRIG_OWNS_EVENT_TRIGGER(form.oid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_EVENT_TRIGGER, name);
	if (!sesstrig_event_find(NameStr(form.evtevent)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("event trigger \"%s\" is not on logon or logoff", name)));
	check_standing(&form, name);
	return form;
}

/* Run the function, in the subtransaction. */
static void
run(const FormData_pg_event_trigger *form)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	function;
	EventTriggerData trigdata = {
		.type = T_EventTriggerData,
		.event = NameStr(form->evtevent),
	};
	uint32_t	tag = CMDTAG_UNKNOWN;

	sesstrig_raise_on_failure(sesstrig_trial_begin(trigdata.event, &tag));
	trigdata.tag = (CommandTag) tag;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	fmgr_info(form->evtfoid, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 0, InvalidOid, (Node *) &trigdata, NULL);
	FunctionCallInvoke(fcinfo);
	PopActiveSnapshot();
}

/*
 * Run the trigger, and roll back what it has done.  An error is the result, but not if it
 * cancels the caller's statement, or ends the session.
 */
static void
try_trigger(const FormData_pg_event_trigger *form, Trial *next)
{
	ResourceOwner owner = CurrentResourceOwner;
	bool		timed_out;
	instr_time	start;
	instr_time	end;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(next->context);
	start_noting(next);
	INSTR_TIME_SET_CURRENT(start);
	PG_TRY();
	{
		run(form);
	}
	PG_CATCH();
	{
		/* First of all, since the error can be too large to be copied. */
		stop_noting();
		next->error = sesstrig_take_error(next->context, next->context);
	}
	PG_END_TRY();
	stop_noting();
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	next->run_time = INSTR_TIME_GET_MILLISEC(end);
	sesstrig_end_timeout();
	sesstrig_forget_encoding();
	timed_out = next->error && sesstrig_explain_timeout(next->error);
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(next->context);
	CurrentResourceOwner = owner;
	if (next->error &&
		(sesstrig_exit_is_deferred() ||
		 (next->error->sqlerrcode == ERRCODE_QUERY_CANCELED && !timed_out)))
		ReThrowError(next->error);
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

Datum
sesstrig_trigger_try(PG_FUNCTION_ARGS)
{
	FormData_pg_event_trigger form = find_trigger(NameStr(*PG_GETARG_NAME(0)));
	Trial		next = {.context = CurrentMemoryContext};
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {0};

	/* There is one time limit, and one list of messages. */
	if (trial || sesstrig_timeout_is_active())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot try an event trigger while one is running")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	try_trigger(&form, &next);

	values[0] = Float8GetDatum(next.run_time);
	values[1] = next.notices ? makeArrayResult(next.notices, next.context) :
		PointerGetDatum(construct_empty_array(TEXTOID));
	values[2] = text_or_null(next.error ? unpack_sql_state(next.error->sqlerrcode) : NULL,
							 &nulls[2]);
	values[3] = text_or_null(next.error ? next.error->message : NULL, &nulls[3]);
	values[4] = text_or_null(next.error ? next.error->context : NULL, &nulls[4]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
