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

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type_d.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "server/compat.h"
#include "audit/sesstrig_record.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

#define LOG_SCHEMA "session_audit"
#define LOG_TABLE "log"

/* How long the writer waits for a lock; then what it was to write is reported as not written. */
#define LOCK_PATIENCE "1s"

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

#define COLUMNS ((int) lengthof(columns))

/* --- the process ------------------------------------------------------------------- */

/* The server's own synchronous_commit, whatever the database has. */
static int	own_level;

static void
forget_level_of_database(struct config_generic *setting)
{
	struct config_enum *level = (struct config_enum *) setting;

	if (strcmp(setting->name, "synchronous_commit") != 0 || setting->source <= PGC_S_GLOBAL)
		return;
	*level->variable = level->reset_val = own_level;
	/* So that the next reload counts. */
	setting->source = setting->reset_source = PGC_S_FILE;
}

static void
note_exit(int code, Datum arg)
{
	sesstrig_writer_left();
}

void
sesstrig_writer_main(void)
{
	int			code;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	before_shmem_exit(note_exit, (Datum) 0);
	sesstrig_raise_on_failure(sesstrig_writer_run(&code));
	proc_exit(code);
}

static void
describe_writer(BackgroundWorker *worker)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = 1;
	worker->bgw_extra[0] = SESSTRIG_EXTRA_WRITER;
	strlcpy(worker->bgw_library_name, "postgres", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "sesstrig_keeper_main", BGW_MAXLEN);
	strlcpy(worker->bgw_name, "session audit writer", BGW_MAXLEN);
	strlcpy(worker->bgw_type, "session audit writer", BGW_MAXLEN);
}

/* In the postmaster, reserve a worker for the writer, which nobody can take then. */
void
sesstrig_writer_register(void)
{
	BackgroundWorker worker;

	if (!IsPostmasterEnvironment || IsBinaryUpgrade || !sesstrig_writer_is_wanted())
		return;
	describe_writer(&worker);
	RegisterBackgroundWorker(&worker);
}

ErrorData *
sesstrig_try_start_writer(bool *started)
{
	GUARD_BEGIN();
	{
		BackgroundWorker worker;

		describe_writer(&worker);
		*started = RegisterDynamicBackgroundWorker(&worker, NULL);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_connect_writer(const char *database)
{
	GUARD_BEGIN();
	{
		own_level = synchronous_commit;
		SetConfigOption("lock_timeout", LOCK_PATIENCE, PGC_SUSET, PGC_S_OVERRIDE);
		BackgroundWorkerInitializeConnection(database, NULL, BGWORKER_BYPASS_ALLOWCONN);
		SESSTRIG_VISIT_SETTINGS(forget_level_of_database);
		/* As for the keeper: the database's settings must not say who this is. */
		StartTransactionCommand();
		SetConfigOption("session_authorization", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false),
						PGC_SUSET, PGC_S_OVERRIDE);
		SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
		CommitTransactionCommand();
		SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
		/* Nobody's triggers decide what becomes of the log, or get what is made. */
		SESSTRIG_SUPPRESS_EVENT_TRIGGERS();
	}
	GUARD_END();
}

int
sesstrig_commit_level(void)
{
	return synchronous_commit;
}

bool
sesstrig_commit_level_waits(int level)
{
	return level > SYNCHRONOUS_COMMIT_LOCAL_FLUSH;
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

/* --- waits ------------------------------------------------------------------------- */

ErrorData *
sesstrig_try_await_latch(int ms)
{
	GUARD_BEGIN();
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending && !MyProcPort)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	GUARD_END();
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

static void
run(const char *statement)
{
	int			result = SPI_execute(statement, false, 0);

	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement, SPI_result_code_string(result));
}

ErrorData *
sesstrig_try_prepare_log(void)
{
	GUARD_BEGIN();
	{
		SetCurrentStatementStartTimestamp();
		pgstat_report_activity(STATE_RUNNING, "preparing the log of the session audit");
		PushActiveSnapshot(GetTransactionSnapshot());
		if (!OidIsValid(get_extension_oid(LOG_SCHEMA, true)))
		{
			if (SPI_connect() != SPI_OK_CONNECT)
				elog(ERROR, "could not connect to the SPI manager");
			run("CREATE EXTENSION session_audit VERSION '2.0'");
			SPI_finish();
		}
		PopActiveSnapshot();
	}
	GUARD_END();
}

/* Raise an error unless this belongs to a superuser, who then is to blame for what it is. */
static void
check_owner(Oid owner, const char *what)
{
	if (!superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s of the session audit does not belong to a superuser", what)));
}

static Relation
open_log(void)
{
	Oid			schema = get_namespace_oid(LOG_SCHEMA, true);
	Oid			log = OidIsValid(schema) ? get_relname_relid(LOG_TABLE, schema) : InvalidOid;
	HeapTuple	tuple;
	Relation	rel;

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

/* The partition for a time. */
static Oid
find_partition(Relation log, TimestampTz at)
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
			index = bounds->default_index;
	}
	if (index < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("log of the session audit has no partition for %s",
						timestamptz_to_str(at))));
	return desc->oids[index];
}

/* Raise an error unless the rows can be put into the partition as they are formed here. */
static void
check_partition(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	bool		fits = rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
		rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		desc->natts >= COLUMNS;

	for (int i = 0; i < COLUMNS && fits; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		fits = !attribute->attisdropped && attribute->atttypid == columns[i].type &&
			strcmp(NameStr(attribute->attname), columns[i].name) == 0;
	}
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("partition \"%s\" of the session audit's log does not have its form",
						RelationGetRelationName(rel)),
				 errhint("Each partition must be a permanent table with the columns of the log, in their order.")));
	check_owner(rel->rd_rel->relowner, "partition");
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
add_address(TupleTableSlot *slot, int *column, const SesstrigRecord *record)
{
	inet	   *address = palloc0(sizeof(inet));

	if (record->client_bits > 0)
	{
		ip_family(address) = record->client_bits == 32 ? PGSQL_AF_INET : PGSQL_AF_INET6;
		ip_bits(address) = record->client_bits;
		memcpy(ip_addr(address), record->client_addr, ip_addrsize(address));
		SET_INET_VARSIZE(address);
	}
	add(slot, column, record->client_bits > 0, InetPGetDatum(address));
}

static void
form_row(TupleTableSlot *slot, const SesstrigRecord *record)
{
	Interval   *cpu = palloc0(sizeof(Interval));
	int64		counters[] = {record->blocks_hit, record->blocks_read, record->blocks_written,
	record->temp_blocks, record->wal_bytes};
	int			column = 0;

	cpu->time = record->cpu;
	add(slot, &column, false, (Datum) 0);	/* number */
	add(slot, &column, false, (Datum) 0);	/* timeline */
	add(slot, &column, false, (Datum) 0);	/* digest */
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
	add_address(slot, &column, record);
	add(slot, &column, record->client_port >= 0, Int32GetDatum(record->client_port));
	add(slot, &column, false, (Datum) 0);	/* proxy_addr */
	add_text(slot, &column, record->application_name);
	add_text(slot, &column, record->encryption);
	add(slot, &column, true, Int32GetDatum(record->instance_num));
	add(slot, &column, true, Int64GetDatum((int64) GetSystemIdentifier()));
	add_name(slot, &column, cluster_name && cluster_name[0] ? cluster_name : NULL);
	add(slot, &column, true, TimestampTzGetDatum(record->logon_at));
	add_name(slot, &column, record->ended_by);
	add_text(slot, &column, record->sqlstate);
	add(slot, &column, record->has_usage, IntervalPGetDatum(cpu));
	for (int i = 0; i < (int) lengthof(counters); i++)
		add(slot, &column, record->has_usage, Int64GetDatum(counters[i]));
	add(slot, &column, true, Int32GetDatum(record->count));
	/* The context, and columns that somebody has added. */
	while (column < slot->tts_tupleDescriptor->natts)
		add(slot, &column, false, (Datum) 0);
}

static void
insert_record(Destination *destination, const SesstrigRecord *record)
{
	TupleTableSlot *slot = destination->slot;

	ExecClearTuple(slot);
	form_row(slot, record);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(destination->info->ri_RelationDesc, slot, GetCurrentCommandId(true), 0,
					   NULL);
	if (destination->info->ri_NumIndices > 0)
		(void) SESSTRIG_INSERT_INDEX_TUPLES(destination->info, slot, destination->estate);
	ResetPerTupleExprContext(destination->estate);
}

ErrorData *
sesstrig_try_insert_records(const SesstrigRecord *records, int count, TransactionId *xid)
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
			Oid			partition = find_partition(log, records[i].at);

			if (destination.info &&
				RelationGetRelid(destination.info->ri_RelationDesc) != partition)
				close_destination(&destination);
			if (!destination.info)
				open_destination(&destination, partition);
			insert_record(&destination, &records[i]);
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
		pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_commit_records(uint64 *lsn)
{
	int			level = synchronous_commit;
	ErrorData  *error;

	/* The sessions wait for a standby, each for itself. */
	if (sesstrig_commit_level_waits(level))
		synchronous_commit = SYNCHRONOUS_COMMIT_LOCAL_FLUSH;
	error = try_commit(lsn);
	synchronous_commit = level;
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
