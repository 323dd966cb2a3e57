/*
 * writer.c
 *	  What the writer of the session audit, and the sessions that wait for it, need of the
 *	  server (rules A1 to A6).  What is written, and when, is decided in Rust.
 *
 * The writer does not run an INSERT: whatever somebody has added to the log, no cast, rule,
 * policy or trigger of theirs runs with its rights.  It opens the partition, and puts the row
 * into it and into its indexes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type_d.h"
#include "commands/extension.h"
#include "common/int.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "pgstat.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inet.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/compat.h"
#include "audit/sesstrig_log.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

#define LOG_SCHEMA "session_audit"
#define LOG_TABLE "log"

/* The columns of session_audit.log, in their order (rule A9). */
static const struct
{
	const char *name;
	Oid			type;
}			columns[] =
{
	{"number", INT8OID},
	{"timeline", INT4OID},
	{"digest", BYTEAOID},
	{"at", TIMESTAMPTZOID},
	{"event", TEXTOID},
	{"session_id", TEXTOID},
	{"login_user", TEXTOID},
	{"login_user_id", OIDOID},
	{"database", TEXTOID},
	{"database_id", OIDOID},
	{"kind", TEXTOID},
	{"auth_method", TEXTOID},
	{"system_identity", TEXTOID},
	{"client_addr", INETOID},
	{"client_port", INT4OID},
	{"proxy_addr", INETOID},
	{"application_name", TEXTOID},
	{"encryption", TEXTOID},
	{"instance_num", INT4OID},
	{"system_identifier", INT8OID},
	{"cluster_name", TEXTOID},
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
	{"context", JSONBOID},
};

#define NUMBER_COLUMN 1
#define TIMELINE_COLUMN 2
#define SERVER_COLUMN 20

StaticAssertDecl(lengthof(columns) == SESSTRIG_LOG_COLUMNS, "the log has so many columns");

/* --- sessions and the writer --------------------------------------------------------- */

int
sesstrig_commit_level(void)
{
	return synchronous_commit;
}

bool
sesstrig_commit_waits(int level)
{
	return level > SYNCHRONOUS_COMMIT_LOCAL_FLUSH && max_wal_senders > 0 &&
		SyncRepStandbyNames && SyncRepStandbyNames[0];
}

int
sesstrig_process_number(void)
{
	return MyProc ? (int) (MyProc - ProcGlobal->allProcs) : -1;
}

void
sesstrig_wake_process(int number)
{
	SetLatch(&ProcGlobal->allProcs[number].procLatch);
}

Oid
sesstrig_login_role(void)
{
	return GetAuthenticatedUserId();
}

bool
sesstrig_has_sessions(void)
{
	bool		found = false;
	int			number;

	pgstat_clear_backend_activity_snapshot();
	number = pgstat_fetch_stat_numbackends();
	for (int i = 1; i <= number && !found; i++)
		found = SESSTRIG_BACKEND_STATUS(i)->backendStatus.st_backendType == B_BACKEND;
	pgstat_clear_backend_activity_snapshot();
	return found;
}

ErrorData *
sesstrig_try_await_standby(uint64 lsn, int level)
{
	GUARD_BEGIN();
	{
		CommandDest dest = whereToSendOutput;
		int			own = synchronous_commit;

		/* That the wait has ended early is no news for a client that logs on. */
		whereToSendOutput = DestNone;
		synchronous_commit = level;
		assign_synchronous_commit(level, NULL);
		HOLD_INTERRUPTS();
		SyncRepWaitForLSN(lsn, true);
		RESUME_INTERRUPTS();
		synchronous_commit = own;
		assign_synchronous_commit(own, NULL);
		/* A session that was asked to end has lost its client already. */
		if (!ProcDiePending)
			whereToSendOutput = dest;
		CHECK_FOR_INTERRUPTS();
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_refuse_unrecorded(void)
{
	GUARD_BEGIN();
	{
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("logon could not be recorded by the session audit")));
	}
	GUARD_END();
}

/* --- the log ----------------------------------------------------------------------- */

/* Raise an error unless this belongs to a superuser, who then is to blame for what it is. */
static void
check_owner(Oid owner, const char *what)
{
	if (!superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s of the session audit does not belong to a superuser", what)));
}

/* Raise an error unless the database is one where nobody else can change the log. */
static void
check_database(void)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	Form_pg_database form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
	form = (Form_pg_database) GETSTRUCT(tuple);
	check_owner(form->datdba, "database");
	if (form->datistemplate)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("database \"%s\" of the session audit is a template", NameStr(form->datname))));
	ReleaseSysCache(tuple);
}

ErrorData *
sesstrig_try_find_log(bool *found)
{
	GUARD_BEGIN();
	{
		check_database();
		*found = OidIsValid(get_extension_oid(LOG_SCHEMA, true));
	}
	GUARD_END();
}

static Relation
open_log(void)
{
	Oid			schema = get_namespace_oid(LOG_SCHEMA, true);
	Oid			log = OidIsValid(schema) ? get_relname_relid(LOG_TABLE, schema) : InvalidOid;
	HeapTuple	tuple;
	Relation	rel;

	check_database();
	if (!OidIsValid(log) || get_rel_relkind(log) != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("partitioned table \"%s.%s\" does not exist", LOG_SCHEMA, LOG_TABLE)));
	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	check_owner(((Form_pg_namespace) GETSTRUCT(tuple))->nspowner, "schema");
	ReleaseSysCache(tuple);
	rel = table_open(log, AccessShareLock);
	check_owner(rel->rd_rel->relowner, "log");
	return rel;
}

/* The partition for a time.  Set *is_default if that is the one for times that have no other. */
static Oid
find_partition(Relation log, TimestampTz at, bool *is_default)
{
	PartitionKey key = RelationGetPartitionKey(log);
	PartitionDesc desc = RelationGetPartitionDesc(log, false);
	PartitionBoundInfo bounds = desc->boundinfo;
	Datum		value = TimestampTzGetDatum(at);
	int			index = -1;

	if (key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1 ||
		key->parttypid[0] != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("log of the session audit is not partitioned by time")));
	if (desc->nparts > 0)
	{
		bool		equal;
		int			offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
														   bounds, 1, &value, &equal);

		index = bounds->indexes[offset + 1];
		if (index < 0)
		{
			index = bounds->default_index;
			*is_default = true;
		}
	}
	if (index < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("log of the session audit has no partition for %s",
						timestamptz_to_str(at))));
	return desc->oids[index];
}

/* Can the rows be put into the partition as they are formed here? */
static bool
fits_log(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	bool		fits = rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
		rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		desc->natts >= SESSTRIG_LOG_COLUMNS;

	for (int i = 0; i < SESSTRIG_LOG_COLUMNS && fits; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		fits = !attribute->attisdropped && attribute->atttypid == columns[i].type &&
			strcmp(NameStr(attribute->attname), columns[i].name) == 0;
	}
	return fits;
}

static void
check_partition(Relation rel)
{
	if (!fits_log(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("partition \"%s\" of the session audit's log does not have its form",
						RelationGetRelationName(rel)),
				 errhint("Each partition must be a permanent table with the columns of the log, in their order.")));
	check_owner(rel->rd_rel->relowner, "partition");
}

/* Does an index need a function, an operator, a type or the like that somebody has made? */
static bool
needs_users_object(Relation depends, Oid index)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(index));
	scan = systable_beginscan(depends, DependDependerIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->refclassid != RelationRelationId && form->refclassid != ConstraintRelationId &&
			form->refobjid >= FirstNormalObjectId;
	}
	systable_endscan(scan);
	return found;
}

/*
 * Raise an error if what somebody has made would run with the writer's rights.  Of what
 * belongs to a partition only the expressions of its indexes are evaluated, some of them
 * already when an index is opened.  What has been looked at is not looked at again as long as
 * no catalog changes.
 */
static void
check_indexes(Relation rel)
{
	static Oid	checked = InvalidOid;
	static uint64 checked_at;
	Relation	depends;
	ListCell   *cell;

	if (checked == RelationGetRelid(rel) && checked_at == SharedInvalidMessageCounter)
		return;
	checked = InvalidOid;
	checked_at = SharedInvalidMessageCounter;
	depends = table_open(DependRelationId, AccessShareLock);
	foreach(cell, RelationGetIndexList(rel))
	{
		if (needs_users_object(depends, lfirst_oid(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("index \"%s\" of the session audit's log needs what is not built in",
							get_rel_name(lfirst_oid(cell))),
					 errhint("Drop the index.")));
	}
	table_close(depends, AccessShareLock);
	checked = RelationGetRelid(rel);
}

/* --- the last row ------------------------------------------------------------------ */

/* The index of a partition by server and number, both ascending; InvalidOid if it has none. */
static Oid
find_index(Relation rel)
{
	Oid			found = InvalidOid;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (index->rd_rel->relam == BTREE_AM_OID && form->indisvalid && form->indnatts == 2 &&
			form->indkey.values[0] == SERVER_COLUMN && form->indkey.values[1] == NUMBER_COLUMN &&
			((index->rd_indoption[0] | index->rd_indoption[1]) & INDOPTION_DESC) == 0 &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
			found = RelationGetRelid(index);
		index_close(index, AccessShareLock);
	}
	return found;
}

/* If there is a row behind *head, this is it. */
static void
note_head(HeapTuple tuple, TupleDesc desc, SesstrigHead *head)
{
	bool		null;
	Datum		number = heap_getattr(tuple, NUMBER_COLUMN, desc, &null);
	Datum		timeline;
	Datum		digest;

	if (null || DatumGetInt64(number) <= head->number)
		return;
	memset(head->digest, 0, sizeof(head->digest));
	head->number = DatumGetInt64(number);
	timeline = heap_getattr(tuple, TIMELINE_COLUMN, desc, &null);
	head->timeline = null ? 0 : DatumGetInt32(timeline);
	digest = heap_getattr(tuple, SESSTRIG_LOG_DIGEST + 1, desc, &null);
	if (!null)
	{
		bytea	   *bytes = DatumGetByteaPP(digest);

		memcpy(head->digest, VARDATA_ANY(bytes),
			   Min(VARSIZE_ANY_EXHDR(bytes), SESSTRIG_DIGEST_LENGTH));
	}
}

/*
 * Find the last row of this server in a partition, which *head then is unless it is behind that.
 * Return whether the partition has any.
 */
static bool
find_head_in(Relation rel, SesstrigHead *head)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Oid			index = find_index(rel);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], SERVER_COLUMN, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum((int64) GetSystemIdentifier()));
	ScanKeyInit(&keys[1], NUMBER_COLUMN, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(0));
	if (OidIsValid(index))
	{
		Relation	index_rel = index_open(index, AccessShareLock);

		scan = systable_beginscan_ordered(rel, index_rel, GetActiveSnapshot(), 2, keys);
		tuple = systable_getnext_ordered(scan, BackwardScanDirection);
		found = HeapTupleIsValid(tuple);
		if (found)
			note_head(tuple, desc, head);
		systable_endscan_ordered(scan);
		index_close(index_rel, AccessShareLock);
		return found;
	}
	scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		found = true;
		note_head(tuple, desc, head);
	}
	systable_endscan(scan);
	return found;
}

/*
 * A record may be written late, but not by months: the last row is in the default partition or
 * in one of the last two months that have rows of this server.  Older partitions are not even
 * locked, nor those that somebody has attached with another form.
 */
#define MONTHS_WITH_LAST_ROW 2

ErrorData *
sesstrig_try_find_head(SesstrigHead *head)
{
	GUARD_BEGIN();
	{
		Relation	log;
		PartitionDesc desc;
		int			months = 0;

		memset(head, 0, sizeof(*head));
		PushActiveSnapshot(GetTransactionSnapshot());
		log = open_log();
		head->log = RelationGetRelid(log);
		desc = RelationGetPartitionDesc(log, false);
		for (int i = desc->nparts - 1; i >= 0; i--)
		{
			bool		is_default = i == desc->boundinfo->default_index;
			Relation	rel;

			if (!is_default && months >= MONTHS_WITH_LAST_ROW)
				continue;
			rel = table_open(desc->oids[i], AccessShareLock);
			if (fits_log(rel))
			{
				check_owner(rel->rd_rel->relowner, "partition");
				check_indexes(rel);
				if (find_head_in(rel, head) && !is_default)
					months++;
			}
			table_close(rel, NoLock);
		}
		table_close(log, NoLock);
		PopActiveSnapshot();
	}
	GUARD_END();
}

/* --- rows -------------------------------------------------------------------------- */

/* Where the rows of one batch go to that are for the same partition. */
typedef struct Destination
{
	EState	   *estate;
	ResultRelInfo *info;
	TupleTableSlot *slot;
} Destination;

static void
open_destination(Destination *destination, Oid partition)
{
	Relation	rel = table_open(partition, RowExclusiveLock);

	check_partition(rel);
	check_indexes(rel);
	destination->info = makeNode(ResultRelInfo);
	InitResultRelInfo(destination->info, rel, 0, NULL, 0);
	ExecOpenIndices(destination->info, false);
	destination->slot = table_slot_create(rel, NULL);
}

static void
close_destination(Destination *destination)
{
	if (!destination->info)
		return;
	ExecDropSingleTupleTableSlot(destination->slot);
	ExecCloseIndices(destination->info);
	table_close(destination->info->ri_RelationDesc, NoLock);
	destination->info = NULL;
}

/* The next column's value, if it has one. */
static void
add(TupleTableSlot *slot, int *column, bool has_value, Datum value)
{
	slot->tts_values[*column] = has_value ? value : (Datum) 0;
	slot->tts_isnull[(*column)++] = !has_value;
}

static void
add_text(TupleTableSlot *slot, int *column, SesstrigText text)
{
	Datum		value = (Datum) 0;

	if (text.length > 0)
	{
		const char *data = text.data;

		/* As sesstrig_clean_text(), which wants a terminated string. */
		if (!pg_verifymbstr(data, text.length, true))
			data = sesstrig_clean_text(pnstrdup(data, text.length));
		value = PointerGetDatum(cstring_to_text_with_len(data, text.length));
	}
	add(slot, column, text.length > 0, value);
}

static void
add_name(TupleTableSlot *slot, int *column, const char *name)
{
	add(slot, column, name != NULL, name ? CStringGetTextDatum(name) : (Datum) 0);
}

static void
add_address(TupleTableSlot *slot, int *column, const SesstrigAddress *address)
{
	inet	   *value = palloc0(sizeof(inet));

	if (address->bits > 0)
	{
		ip_family(value) = address->bits == 32 ? PGSQL_AF_INET : PGSQL_AF_INET6;
		ip_bits(value) = address->bits;
		memcpy(ip_addr(value), address->bytes, ip_addrsize(value));
		SET_INET_VARSIZE(value);
	}
	add(slot, column, address->bits > 0, InetPGetDatum(value));
}

/*
 * JSON that is ASCII.  Where the database has another encoding than UTF-8, not every character
 * may exist there.
 */
static void
add_json(TupleTableSlot *slot, int *column, SesstrigText json)
{
	Datum		value = (Datum) 0;

	if (json.length > 0)
	{
		char	   *text = pnstrdup(json.data, json.length);

		if (GetDatabaseEncoding() != PG_UTF8)
			for (char *c = text; (c = strchr(c, '\\')) != NULL; c += 2)
				if (c[1] == 'u' && (strncmp(c + 2, "00", 2) != 0 || c[4] > '7'))
					memcpy(c, "\\u003f", 6);
		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	add(slot, column, json.length > 0, value);
}

/* The row for a record, behind *head, which it then is. */
static void
form_row(TupleTableSlot *slot, const SesstrigRecord *record, SesstrigHead *head)
{
	SesstrigHead before = *head;
	bytea	   *digest = palloc(VARHDRSZ + SESSTRIG_DIGEST_LENGTH);
	Interval   *cpu = palloc0(sizeof(Interval));
	int64		counters[] = {record->blocks_hit, record->blocks_read, record->blocks_written,
	record->temp_blocks, record->wal_bytes};
	int			column = 0;

	cpu->time = record->cpu;
	if (pg_add_s64_overflow(before.number, 1, &head->number))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("log of the session audit has no more numbers")));
	head->timeline = (int32) GetWALInsertionTimeLine();
	add(slot, &column, true, Int64GetDatum(head->number));
	add(slot, &column, true, Int32GetDatum(head->timeline));
	add(slot, &column, true, PointerGetDatum(digest));
	add(slot, &column, true, TimestampTzGetDatum(record->at));
	add_name(slot, &column, record->event);
	add_text(slot, &column, record->session_id);
	add_text(slot, &column, record->login_user);
	add(slot, &column, OidIsValid(record->login_user_id), ObjectIdGetDatum(record->login_user_id));
	add_text(slot, &column, record->database);
	add(slot, &column, OidIsValid(record->database_id), ObjectIdGetDatum(record->database_id));
	add_name(slot, &column, record->kind);
	add_text(slot, &column, record->auth_method);
	add_text(slot, &column, record->system_identity);
	add_address(slot, &column, &record->client_addr);
	add(slot, &column, record->client_port >= 0, Int32GetDatum(record->client_port));
	add_address(slot, &column, &record->proxy_addr);
	add_text(slot, &column, record->application_name);
	add_text(slot, &column, record->encryption);
	add(slot, &column, true, Int32GetDatum(record->instance_num));
	add(slot, &column, true, Int64GetDatum((int64) GetSystemIdentifier()));
	add_name(slot, &column, cluster_name && cluster_name[0] ? cluster_name : NULL);
	add(slot, &column, record->has_logon, TimestampTzGetDatum(record->logon_at));
	add_name(slot, &column, record->ended_by);
	add_text(slot, &column, record->sqlstate);
	add(slot, &column, record->has_usage, IntervalPGetDatum(cpu));
	for (int i = 0; i < (int) lengthof(counters); i++)
		add(slot, &column, record->has_usage, Int64GetDatum(counters[i]));
	add(slot, &column, true, Int32GetDatum(record->count));
	add_json(slot, &column, record->context);
	/* Columns that somebody has added. */
	while (column < slot->tts_tupleDescriptor->natts)
		add(slot, &column, false, (Datum) 0);
	sesstrig_digest_row(before.digest, slot->tts_tupleDescriptor, slot->tts_values,
						slot->tts_isnull, head->digest);
	SET_VARSIZE(digest, VARHDRSZ + SESSTRIG_DIGEST_LENGTH);
	memcpy(VARDATA(digest), head->digest, SESSTRIG_DIGEST_LENGTH);
}

static void
insert_record(Destination *destination, const SesstrigRecord *record, SesstrigHead *head)
{
	TupleTableSlot *slot = destination->slot;

	ExecClearTuple(slot);
	form_row(slot, record, head);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(destination->info->ri_RelationDesc, slot, GetCurrentCommandId(true), 0,
					   NULL);
	if (destination->info->ri_NumIndices > 0)
		(void) SESSTRIG_INSERT_INDEX_TUPLES(destination->info, slot, destination->estate);
	ResetPerTupleExprContext(destination->estate);
}

ErrorData *
sesstrig_try_insert_records(const SesstrigRecord *records, int count, SesstrigHead *head,
							TransactionId *xid, bool *month_missing)
{
	GUARD_BEGIN();
	{
		Destination destination = {.estate = CreateExecutorState()};
		Relation	log;

		SetCurrentStatementStartTimestamp();
		pgstat_report_activity(STATE_RUNNING, "writing to the log of the session audit");
		PushActiveSnapshot(GetTransactionSnapshot());
		log = open_log();
		for (int i = 0; i < count; i++)
		{
			Oid			partition = find_partition(log, records[i].at, month_missing);

			if (destination.info &&
				RelationGetRelid(destination.info->ri_RelationDesc) != partition)
				close_destination(&destination);
			if (!destination.info)
				open_destination(&destination, partition);
			insert_record(&destination, &records[i], head);
		}
		close_destination(&destination);
		FreeExecutorState(destination.estate);
		table_close(log, NoLock);
		PopActiveSnapshot();
		*xid = GetTopTransactionIdIfAny();
	}
	GUARD_END();
}

static ErrorData *
try_commit(uint64 *lsn)
{
	GUARD_BEGIN();
	{
		CommitTransactionCommand();
		*lsn = XactLastCommitEnd;
	}
	GUARD_END();
}

/* What fails here must not be taken for a failed commit. */
static ErrorData *
try_report_stat(void)
{
	GUARD_BEGIN();
	{
		pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_flush(uint64 lsn)
{
	GUARD_BEGIN();
	{
		XLogFlush(lsn);
	}
	GUARD_END();
}

uint64
sesstrig_wal_end(void)
{
	return GetXLogInsertRecPtr();
}

ErrorData *
sesstrig_try_commit_records(uint64 *lsn)
{
	int			level = synchronous_commit;
	ErrorData  *error;

	/* The sessions wait for a standby, each for itself. */
	if (level > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		synchronous_commit = SYNCHRONOUS_COMMIT_LOCAL_FLUSH;
	error = try_commit(lsn);
	synchronous_commit = level;
	if (!error)
	{
		ErrorData  *other = try_report_stat();

		if (other)
			sesstrig_error_free(other);
	}
	return error;
}

ErrorData *
sesstrig_try_did_commit(TransactionId xid, bool *committed)
{
	GUARD_BEGIN();
	{
		*committed = TransactionIdDidCommit(xid);
	}
	GUARD_END();
}
