/*
 * digest.c
 *	  The digests by which the rows of the session audit's log hang together (rule A10).
 *
 * A digest is SHA-256 of the digest before and of the row's columns, but for the digest itself.
 * A column is the number of its bytes, as an integer of 32 bits in network order, and the bytes
 * that COPY BINARY has for it, or -1 for NULL; a text is in the encoding of the database.  So
 * whoever has the rows can compute it, with no server at all.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "sesstrig_audit.h"
#include "audit/sesstrig_log.h"

/* How a text or an object is read; no text of a record is as long. */
#define INITIAL_SIZE 1024

static void
append_bytes(StringInfo buffer, const char *bytes, int length)
{
	pq_sendint32(buffer, length);
	appendBinaryStringInfo(buffer, bytes, length);
}

/* What the type's own function for COPY BINARY makes of a value, if that is always the same. */
static void
append_sent(StringInfo buffer, PGFunction send, Datum value)
{
	bytea	   *sent = DatumGetByteaPP(DirectFunctionCall1(send, value));

	append_bytes(buffer, VARDATA_ANY(sent), VARSIZE_ANY_EXHDR(sent));
}

static void
append_value(StringInfo buffer, Oid type, Datum value)
{
	switch (type)
	{
		case INT8OID:
		case TIMESTAMPTZOID:
			pq_sendint32(buffer, sizeof(int64));
			pq_sendint64(buffer, DatumGetInt64(value));
			break;
		case INT4OID:
		case OIDOID:
			pq_sendint32(buffer, sizeof(int32));
			pq_sendint32(buffer, DatumGetInt32(value));
			break;
		case TEXTOID:
			{
				text	   *string = DatumGetTextPP(value);

				append_bytes(buffer, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
				break;
			}
		case INETOID:
			append_sent(buffer, inet_send, value);
			break;
		case INTERVALOID:
			append_sent(buffer, interval_send, value);
			break;
		case JSONBOID:
			{
				Jsonb	   *object = DatumGetJsonbP(value);
				StringInfoData string;

				initStringInfo(&string);
				/* The version of jsonb's form. */
				appendStringInfoChar(&string, 1);
				(void) JsonbToCString(&string, &object->root, VARSIZE(object));
				append_bytes(buffer, string.data, string.len);
				break;
			}
		default:
			elog(ERROR, "log of the session audit has a column of type %u", type);
	}
}

void
sesstrig_digest_row(const unsigned char *before, TupleDesc desc, const Datum *values,
					const bool *nulls, unsigned char *digest)
{
	StringInfoData buffer;
	bytea	   *sum;

	if (desc->natts < SESSTRIG_LOG_COLUMNS)
		elog(ERROR, "row has %d columns, but that of a log at least %d", desc->natts,
			 SESSTRIG_LOG_COLUMNS);
	initStringInfo(&buffer);
	enlargeStringInfo(&buffer, INITIAL_SIZE);
	/* The head of a bytea, which is set when its length is known. */
	appendStringInfoSpaces(&buffer, VARHDRSZ);
	appendBinaryStringInfo(&buffer, (const char *) before, SESSTRIG_DIGEST_LENGTH);
	for (int i = 0; i < SESSTRIG_LOG_COLUMNS; i++)
	{
		if (i == SESSTRIG_LOG_DIGEST)
			continue;
		if (nulls[i])
			pq_sendint32(&buffer, (uint32) -1);
		else
			append_value(&buffer, TupleDescAttr(desc, i)->atttypid, values[i]);
	}
	SET_VARSIZE(buffer.data, buffer.len);
	sum = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(buffer.data)));
	if (VARSIZE_ANY_EXHDR(sum) != SESSTRIG_DIGEST_LENGTH)
		elog(ERROR, "digest has %d bytes", (int) VARSIZE_ANY_EXHDR(sum));
	memcpy(digest, VARDATA_ANY(sum), SESSTRIG_DIGEST_LENGTH);
	pfree(sum);
	pfree(buffer.data);
}

/* The extension's function row_digest(): what the digest of a row is behind another one. */
Datum
sesstrig_audit_row_digest(FunctionCallInfo fcinfo)
{
	static const unsigned char none[SESSTRIG_DIGEST_LENGTH];
	const unsigned char *before = none;
	bytea	   *digest = palloc(VARHDRSZ + SESSTRIG_DIGEST_LENGTH);
	HeapTupleHeader header;
	HeapTupleData tuple;
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(0))
	{
		bytea	   *given = PG_GETARG_BYTEA_PP(0);

		/* What has another length is no digest, and no row has it before. */
		if (VARSIZE_ANY_EXHDR(given) != SESSTRIG_DIGEST_LENGTH)
			PG_RETURN_NULL();
		before = (const unsigned char *) VARDATA_ANY(given);
	}
	header = PG_GETARG_HEAPTUPLEHEADER(1);
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	values = palloc(desc->natts * sizeof(Datum));
	nulls = palloc(desc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, desc, values, nulls);
	sesstrig_digest_row(before, desc, values, nulls, (unsigned char *) VARDATA(digest));
	SET_VARSIZE(digest, VARHDRSZ + SESSTRIG_DIGEST_LENGTH);
	ReleaseTupleDesc(desc);
	PG_RETURN_BYTEA_P(digest);
}
