/*
 * stat.c
 *	  The SQL functions that show and reset the statistics of session triggers (rule T1).
 *	  What is counted, and where, is decided in Rust.
 */
#include "postgres.h"

#include "commands/event_trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_stat.h"

int
sesstrig_stat_version(void)
{
	return SESSTRIG_STAT_VERSION;
}

static void
put_counters(ReturnSetInfo *result, const SesstrigCounters *counters)
{
	Datum		values[12] = {0};
	bool		nulls[12] = {0};
	NameData	name;

	namestrcpy(&name, sesstrig_clean_text(counters->name));
	values[0] = ObjectIdGetDatum(counters->database);
	values[1] = ObjectIdGetDatum(counters->trigger);
	values[2] = NameGetDatum(&name);
	values[3] = CStringGetTextDatum(counters->event);
	values[4] = Int64GetDatum(counters->fired);
	values[5] = Int64GetDatum(counters->failed);
	values[6] = Int64GetDatum(counters->timed_out);
	values[7] = Float8GetDatum(counters->total_time);
	values[8] = Float8GetDatum(counters->min_time);
	values[9] = Float8GetDatum(counters->max_time);
	nulls[8] = nulls[9] = counters->fired == 0;
	values[10] = TimestampTzGetDatum(counters->last_failure_at);
	nulls[10] = nulls[11] = counters->failed == 0;
	if (counters->failed > 0)
		values[11] = CStringGetTextDatum(unpack_sql_state(counters->last_failure));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * A slot for counters is not given back when a database is dropped, so this is done by who
 * looks at them.
 */
Datum
sesstrig_stat_triggers(PG_FUNCTION_ARGS)
{
	int			slots = sesstrig_stat_slots();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < slots; i++)
	{
		SesstrigCounters counters;

		CHECK_FOR_INTERRUPTS();
		if (!sesstrig_stat_read(i, &counters))
			continue;
		if (SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(counters.database)))
			put_counters((ReturnSetInfo *) fcinfo->resultinfo, &counters);
		else
			sesstrig_stat_forget(counters.database, InvalidOid);
	}
	return (Datum) 0;
}

/* One row: the tallies in their order, and since when they are counted. */
Datum
sesstrig_stat_server(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
	int			tallies;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values = palloc0(desc->natts * sizeof(Datum));
	nulls = palloc0(desc->natts * sizeof(bool));
	tallies = desc->natts - 1;
	for (int i = 0; i < tallies; i++)
		values[i] = Int64GetDatum(sesstrig_stat_tally(i));
	values[tallies] = TimestampTzGetDatum(sesstrig_stat_since());
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

Datum
sesstrig_stat_clear(PG_FUNCTION_ARGS)
{
	if (PG_NARGS() == 0)
		sesstrig_stat_reset();
	else
		sesstrig_stat_forget(MyDatabaseId,
							 get_event_trigger_oid(NameStr(*PG_GETARG_NAME(0)), false));
	PG_RETURN_VOID();
}
