/*
 * record.c
 *	  What the session audit needs of the server (section A): facts about the session
 *	  that are in C structs, and the writing of a row.  What a row contains is decided
 *	  in Rust.
 *
 * A fresh backend pays for each catalog that it reads, so a row is not inserted by the
 * executor.  It is formed here, and put into the partition that is meant for its time.
 * That is right only as long as the table is what the extension has made.  If somebody
 * has added an index, a constraint, a trigger, a column or anything else that an INSERT
 * would heed, an INSERT it is, with the rights of the table's owner.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type_d.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "common/ip.h"
#include "executor/spi.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/sinval.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "server/compat.h"
#include "sesstrig_audit.h"
#include "audit/sesstrig_audit_row.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

/* The table, in the schema of the function; its partitions are called log_YYYY_MM. */
#define LOG_TABLE "log"
#define LOG_SCHEMA "session_audit"
#define AUDIT_EXTENSION "session_audit"

/* The library by which the audit's function is known. */
#define AUDIT_LIBRARY "$libdir/session_audit"

/* The columns of session_audit.log, in their order. */
static const struct
{
	const char *name;
	Oid			type;
}			columns[] =
{
	{"at", TIMESTAMPTZOID},
	{"event", TEXTOID},
	{"session_id", TEXTOID},
	{"login_user", TEXTOID},
	{"database", TEXTOID},
	{"auth_method", TEXTOID},
	{"system_identity", TEXTOID},
	{"client_addr", INETOID},
	{"client_port", INT4OID},
	{"application_name", TEXTOID},
	{"encryption", TEXTOID},
	{"instance_num", INT4OID},
	{"logon_at", TIMESTAMPTZOID},
	{"ended_by", TEXTOID},
	{"sqlstate", TEXTOID},
	{"cpu", INTERVALOID},
	{"blocks_hit", INT8OID},
	{"blocks_read", INT8OID},
	{"blocks_written", INT8OID},
	{"temp_blocks", INT8OID},
	{"wal_bytes", INT8OID},
	{"count", INT4OID},
};

#define COLUMNS ((int) lengthof(columns))

/* --- facts about the session ----------------------------------------------------- */

/*
 * How the client has authenticated, or has to.  When the session has started, the line of
 * pg_hba.conf that applied is no longer in memory.
 */
const char *
sesstrig_client_auth_method(void)
{
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

/* --- the audit's function -------------------------------------------------------- */

int
sesstrig_audit_version(void)
{
	return SESSTRIG_AUDIT_VERSION;
}

Datum
sesstrig_audit_record(FunctionCallInfo fcinfo)
{
	EventTriggerData *trigger;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function is not called by the event trigger manager")));
	trigger = (EventTriggerData *) fcinfo->context;
	sesstrig_raise_on_failure(sesstrig_audit_fire(trigger->event, fcinfo->flinfo->fn_oid));
	PG_RETURN_NULL();
}

int32
sesstrig_audit_waiting(void)
{
	return sesstrig_refusals_waiting();
}

int64
sesstrig_audit_dropped(void)
{
	return sesstrig_refusals_dropped();
}

ErrorData *
sesstrig_try_audit_is_function(Oid function, bool *is_audit)
{
	GUARD_BEGIN();
	{
		HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

		if (HeapTupleIsValid(tuple) && ((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
		{
			bool		isnull;
			Datum		library = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_probin, &isnull);

			*is_audit = !isnull && strcmp(TextDatumGetCString(library), AUDIT_LIBRARY) == 0;
		}
		else
			*is_audit = false;
		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
	}
	GUARD_END();
}

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

	logs_record = true;
	error = try_log_record(line);
	logs_record = false;
	return error;
}

void
sesstrig_log_message(ErrorData *error, void (*log) (ErrorData *error))
{
	char	   *message = error->message;

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

/* --- the row ----------------------------------------------------------------------- */

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text)
		values[column] = CStringGetTextDatum(text);
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

static void
set_foreign_text(Datum *values, bool *nulls, int column, const char *text)
{
	set_text(values, nulls, column, text ? sesstrig_clean_text(text) : NULL);
}

static void
set_usage(Datum *values, bool *nulls, const SesstrigAuditRow *row)
{
	int			column = 15;
	int64		counters[] = {row->blocks_hit, row->blocks_read, row->blocks_written,
	row->temp_blocks, row->wal_bytes};

	if (row->has_usage)
	{
		Interval   *cpu = palloc0(sizeof(Interval));

		cpu->time = row->cpu;
		values[column] = IntervalPGetDatum(cpu);
	}
	nulls[column++] = !row->has_usage;
	for (int i = 0; i < (int) lengthof(counters); i++, column++)
	{
		values[column] = Int64GetDatum(counters[i]);
		nulls[column] = !row->has_usage;
	}
}

static void
form_values(const SesstrigAuditRow *row, Datum *values, bool *nulls)
{
	memset(nulls, 0, COLUMNS * sizeof(bool));
	values[0] = TimestampTzGetDatum(row->at);
	set_text(values, nulls, 1, row->event);
	set_text(values, nulls, 2, row->session_id);
	set_foreign_text(values, nulls, 3, row->login_user);
	set_foreign_text(values, nulls, 4, row->database);
	set_text(values, nulls, 5, row->auth_method);
	set_foreign_text(values, nulls, 6, row->system_identity);
	nulls[7] = row->client_addr == NULL;
	if (row->client_addr)
		values[7] = DirectFunctionCall1(inet_in, CStringGetDatum(row->client_addr));
	values[8] = Int32GetDatum(row->client_port);
	nulls[8] = row->client_port < 0;
	set_foreign_text(values, nulls, 9, row->application_name);
	set_text(values, nulls, 10, row->encryption);
	values[11] = Int32GetDatum(row->instance_num);
	values[12] = TimestampTzGetDatum(row->logon_at);
	nulls[12] = !row->has_logon;
	set_text(values, nulls, 13, row->ended_by);
	set_text(values, nulls, 14, row->sqlstate);
	set_usage(values, nulls, row);
	values[21] = Int32GetDatum(row->count);
}

/* --- the partition ----------------------------------------------------------------- */

/* What a partition is for a time. */
typedef enum PartitionMatch
{
	MATCH_NO,
	MATCH_YES,
	MATCH_DEFAULT,
	MATCH_UNKNOWN,				/* it is not one that the extension makes */
} PartitionMatch;

/* Is a bound of a partition at most, or above, a time?  "lower" says which bound. */
static bool
bound_admits(List *datums, TimestampTz at, bool lower, bool *known)
{
	PartitionRangeDatum *datum = linitial_node(PartitionRangeDatum, datums);
	Const	   *value;

	if (datum->kind == PARTITION_RANGE_DATUM_MINVALUE)
		return lower;
	if (datum->kind == PARTITION_RANGE_DATUM_MAXVALUE)
		return !lower;
	value = castNode(Const, datum->value);
	if (value->consttype != TIMESTAMPTZOID || value->constisnull)
		*known = false;
	return lower ? DatumGetTimestampTz(value->constvalue) <= at :
		at < DatumGetTimestampTz(value->constvalue);
}

/*
 * The bound in the catalog's form, made a node.  The last one is remembered with its text,
 * since the row of a logoff mostly goes to the same partition as that of the logon.
 */
static PartitionBoundSpec *
read_bound(Datum datum)
{
	static MemoryContext context = NULL;
	static char *known = NULL;
	static PartitionBoundSpec *bound = NULL;
	char	   *read = TextDatumGetCString(datum);

	if (!known || strcmp(known, read) != 0)
	{
		MemoryContext caller;

		if (!context)
			context = AllocSetContextCreate(TopMemoryContext, "session audit",
											ALLOCSET_SMALL_SIZES);
		known = NULL;
		MemoryContextReset(context);
		caller = MemoryContextSwitchTo(context);
		bound = castNode(PartitionBoundSpec, stringToNode(read));
		known = pstrdup(read);
		MemoryContextSwitchTo(caller);
	}
	return bound;
}

/*
 * What is the relation with this row of pg_class, as a partition for a time?  The row
 * comes from this cache.
 */
static PartitionMatch
match_partition(int cache, HeapTuple tuple, TimestampTz at)
{
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	bool		known = true;
	bool		isnull;
	Datum		datum;
	PartitionBoundSpec *bound;
	bool		admits;

	if (!form->relispartition || form->relkind != RELKIND_RELATION)
		return MATCH_UNKNOWN;
	datum = SysCacheGetAttr(cache, tuple, Anum_pg_class_relpartbound, &isnull);
	if (isnull)
		return MATCH_UNKNOWN;
	bound = read_bound(datum);
	if (bound->is_default)
		return MATCH_DEFAULT;
	if (bound->strategy != PARTITION_STRATEGY_RANGE || list_length(bound->lowerdatums) != 1)
		return MATCH_UNKNOWN;
	admits = bound_admits(bound->lowerdatums, at, true, &known) &&
		bound_admits(bound->upperdatums, at, false, &known);
	return !known ? MATCH_UNKNOWN : admits ? MATCH_YES : MATCH_NO;
}

/*
 * The partition of the time's month, or InvalidOid if there is none that takes the row.
 * It is looked for by name, because to look for the partitions of a table costs a fresh
 * backend as much as all the rest of a row.  Nobody but its owner can have put it there.
 */
static Oid
find_month(Oid schema, Oid owner, TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char		name[NAMEDATALEN];
	HeapTuple	tuple;
	Oid			partition = InvalidOid;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		return InvalidOid;
	snprintf(name, sizeof(name), "log_%04d_%02d", tm.tm_year, tm.tm_mon);
	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum(name), ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	if (((Form_pg_class) GETSTRUCT(tuple))->relowner == owner &&
		match_partition(RELNAMENSP, tuple, at) == MATCH_YES)
		partition = ((Form_pg_class) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return partition;
}

/*
 * The partition that takes a row of this time, or InvalidOid if that is for the
 * executor to find out.
 */
static Oid
find_partition(Oid log, TimestampTz at)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			fallback = InvalidOid;
	Oid			found = InvalidOid;
	bool		known = true;

	ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(log));
	scan = systable_beginscan(inherits, InheritsParentIndexId, true, NULL, 1, &key);
	while (known && !OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);
		Oid			child = form->inhrelid;
		HeapTuple	row = SearchSysCache1(RELOID, ObjectIdGetDatum(child));

		if (!HeapTupleIsValid(row))
			continue;
		switch (form->inhdetachpending ? MATCH_UNKNOWN : match_partition(RELOID, row, at))
		{
			case MATCH_NO:
				break;
			case MATCH_YES:
				found = child;
				break;
			case MATCH_DEFAULT:
				fallback = child;
				break;
			case MATCH_UNKNOWN:
				known = false;
				break;
		}
		ReleaseSysCache(row);
	}
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	if (!known)
		return InvalidOid;
	return OidIsValid(found) ? found : fallback;
}

/* Has nobody changed the table, so that nothing but the row itself is to be done? */
static bool
is_plain(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (rel->rd_rel->relkind != RELKIND_RELATION ||
		rel->rd_rel->relam != HEAP_TABLE_AM_OID ||
		rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT ||
		rel->rd_rel->relhasindex || rel->rd_rel->relhasrules ||
		rel->trigdesc != NULL || rel->rd_rel->relrowsecurity ||
		desc->natts != COLUMNS ||
		(desc->constr &&
		 (desc->constr->num_check > 0 || desc->constr->has_not_null ||
		  desc->constr->has_generated_stored)))
		return false;
	for (int i = 0; i < COLUMNS; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || attribute->atttypid != columns[i].type ||
			attribute->atttypmod != -1 || attribute->attndims != 0 ||
			strcmp(NameStr(attribute->attname), columns[i].name) != 0)
			return false;
	}
	return true;
}

/*
 * The partitioned table.  It is InvalidOid if the function is gone as well: the extension
 * was dropped while this waited for a lock, and nothing is recorded any more.
 */
static Oid
find_log(Oid function, Oid schema)
{
	Oid			log = get_relname_relid(LOG_TABLE, schema);

	if (!OidIsValid(log) && SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(function)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", get_namespace_name(schema), LOG_TABLE)));
	return log;
}

/* The same, locked for the executor, which would report a table that has gone meanwhile. */
static Oid
lock_log(Oid function, Oid schema)
{
	Oid			log = find_log(function, schema);

	while (OidIsValid(log))
	{
		Oid			locked = log;

		LockRelationOid(locked, RowExclusiveLock);
		log = find_log(function, schema);
		if (log == locked)
			break;
		UnlockRelationOid(locked, RowExclusiveLock);
		CHECK_FOR_INTERRUPTS();
	}
	return log;
}

/*
 * Open the partition for a time, or return NULL, without a lock, if an INSERT must find it.
 * If the catalogs may have changed while this waited for the lock, look again.  Set
 * *month_missing to whether there is none for the time's month.
 */
static Relation
open_partition(Oid function, Oid schema, Oid owner, TimestampTz at, bool *month_missing)
{
	for (;;)
	{
		uint64		messages = SharedInvalidMessageCounter;
		Oid			partition = InvalidOid;
		Relation	rel;

		partition = find_month(schema, owner, at);
		*month_missing = !OidIsValid(partition);
		if (*month_missing)
		{
			Oid			log = find_log(function, schema);

			if (OidIsValid(log))
				partition = find_partition(log, at);
		}
		if (!OidIsValid(partition))
			return NULL;
		LockRelationOid(partition, RowExclusiveLock);
		if (messages != SharedInvalidMessageCounter)
		{
			UnlockRelationOid(partition, RowExclusiveLock);
			CHECK_FOR_INTERRUPTS();
			continue;
		}
		rel = table_open(partition, NoLock);
		if (is_plain(rel))
			return rel;
		/* The executor locks the log first, as other sessions do that lock both. */
		table_close(rel, RowExclusiveLock);
		return NULL;
	}
}

/* Insert the row by the executor, with the rights of the table's owner. */
static void
insert_by_executor(Oid log, Datum *values, bool *nulls)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(log));
	StringInfoData command;
	StringInfoData places;
	Oid			types[COLUMNS];
	char		flags[COLUMNS];
	Oid			owner;
	Oid			user;
	int			context;
	int			level;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", log);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	initStringInfo(&command);
	initStringInfo(&places);
	appendStringInfo(&command, "INSERT INTO %s (",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(log)),
												get_rel_name(log)));
	for (int i = 0; i < COLUMNS; i++)
	{
		appendStringInfo(&command, "%s\"%s\"", i > 0 ? ", " : "", columns[i].name);
		appendStringInfo(&places, "%s$%d", i > 0 ? ", " : "", i + 1);
		types[i] = columns[i].type;
		flags[i] = nulls[i] ? 'n' : ' ';
	}
	appendStringInfo(&command, ") VALUES (%s)", places.data);

	/* What the owner has added must find what the owner meant. */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute_with_args(command.data, COLUMNS, types, values, flags, false, 0) !=
		SPI_OK_INSERT)
		elog(ERROR, "could not insert into the session audit's log");
	SPI_finish();
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
}

static void
write_row(Oid function, const SesstrigAuditRow *row, bool *month_missing)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			schema;
	Oid			owner;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	Oid			log;
	Relation	rel;

	/* The extension was dropped since the firing began. */
	if (!HeapTupleIsValid(tuple))
		return;
	schema = ((Form_pg_proc) GETSTRUCT(tuple))->pronamespace;
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);

	form_values(row, values, nulls);
	rel = open_partition(function, schema, owner, row->at, month_missing);
	if (rel)
	{
		simple_heap_insert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
		table_close(rel, NoLock);
	}
	else if (OidIsValid(log = lock_log(function, schema)))
		insert_by_executor(log, values, nulls);
}

ErrorData *
sesstrig_try_audit_write(Oid function, const SesstrigAuditRow *row, const char *context,
						 bool *month_missing)
{
	GUARD_BEGIN();
	{
		ErrorContextCallback callback = {
			.previous = error_context_stack,
			.callback = sesstrig_add_context,
			.arg = unconstify(char *, context),
		};

		error_context_stack = &callback;
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		write_row(function, row, month_missing);
		PopActiveSnapshot();
		error_context_stack = callback.previous;
	}
	GUARD_END();
}

/*
 * Raise an error if a statement would add something to the log that has no effect on its
 * rows, because these are written to a partition directly.  A trigger FOR EACH ROW has an
 * effect: the partitions have it, too.
 *
 * Only a name that can be the log's is looked up.  Hooks of others, that of sepgsql for
 * instance, see each time that a statement searches a schema.
 */
void
sesstrig_audit_check(Node *statement)
{
	RangeVar   *relation = NULL;
	Oid			oid;

	if (IsA(statement, CreateTrigStmt) && !castNode(CreateTrigStmt, statement)->row)
		relation = castNode(CreateTrigStmt, statement)->relation;
	else if (IsA(statement, RuleStmt))
		relation = castNode(RuleStmt, statement)->relation;
	if (!relation || strcmp(relation->relname, LOG_TABLE) != 0 ||
		(relation->schemaname && strcmp(relation->schemaname, LOG_SCHEMA) != 0))
		return;
	oid = RangeVarGetRelid(relation, NoLock, true);
	if (OidIsValid(oid) && get_rel_relkind(oid) == RELKIND_PARTITIONED_TABLE &&
		get_rel_namespace(oid) == get_namespace_oid(LOG_SCHEMA, true))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the log of the session audit cannot have rules or triggers for statements"),
				 errdetail("Its rows are written without a statement."),
				 errhint("Create a trigger FOR EACH ROW.")));
}

/*
 * Is this table the audit's?  Nobody but a superuser may change its rows, which
 * pg_write_all_data would otherwise allow (rule A3).
 */
bool
sesstrig_audit_has_table(Oid table)
{
	Oid			schema = get_namespace_oid(LOG_SCHEMA, true);

	return OidIsValid(schema) && get_rel_namespace(table) == schema &&
		OidIsValid(get_extension_oid(AUDIT_EXTENSION, true));
}
