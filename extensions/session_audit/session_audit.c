/*
 * session_audit.c
 *	  The entry of the extension.  What is recorded, and how, is part of the server's core,
 *	  which the extension asks through this library what becomes of the records.
 */
#include "postgres.h"

#include "fmgr.h"

#include "sesstrig_audit.h"

PG_MODULE_MAGIC;

/* Null in a stock server, which thus can load the library and be told what it lacks. */
#pragma weak sesstrig_audit_version
#pragma weak sesstrig_audit_state
#pragma weak sesstrig_audit_row_digest
#pragma weak sesstrig_audit_want_keeper

PG_FUNCTION_INFO_V1(session_audit_state);
PG_FUNCTION_INFO_V1(session_audit_row_digest);
PG_FUNCTION_INFO_V1(session_audit_want_keeper);

void		_PG_init(void);

/* Refuse a server that cannot record anything. */
void
_PG_init(void)
{
	if (!sesstrig_audit_version || !sesstrig_audit_state)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("session_audit requires a server with session triggers"),
				 errdetail("This server does not have the worker that writes the records.")));
	if (sesstrig_audit_version() != SESSTRIG_AUDIT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("library of session_audit does not fit this server"),
				 errdetail("The library is for version %d of the interface, the server has version %d.",
						   SESSTRIG_AUDIT_VERSION, sesstrig_audit_version()),
				 errhint("Install the library that was built together with the server.")));
}

Datum
session_audit_state(PG_FUNCTION_ARGS)
{
	return sesstrig_audit_state(fcinfo);
}

Datum
session_audit_row_digest(PG_FUNCTION_ARGS)
{
	return sesstrig_audit_row_digest(fcinfo);
}

Datum
session_audit_want_keeper(PG_FUNCTION_ARGS)
{
	return sesstrig_audit_want_keeper(fcinfo);
}
