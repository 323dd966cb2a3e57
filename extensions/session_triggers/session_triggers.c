/*
 * session_triggers.c
 *	  The entry of the extension.  Its functions are part of the server's core, which they
 *	  reach through this library.
 */
#include "postgres.h"

#include "fmgr.h"

#include "sesstrig_stat.h"

PG_MODULE_MAGIC;

/* Null in a stock server, which thus can load the library and be told what it lacks. */
#pragma weak sesstrig_stat_version
#pragma weak sesstrig_stat_triggers
#pragma weak sesstrig_stat_server
#pragma weak sesstrig_stat_clear
#pragma weak sesstrig_trigger_try
#pragma weak sesstrig_proxy_addr

PG_FUNCTION_INFO_V1(session_triggers_counters);
PG_FUNCTION_INFO_V1(session_triggers_server_counters);
PG_FUNCTION_INFO_V1(session_triggers_stat_reset);
PG_FUNCTION_INFO_V1(session_triggers_try);
PG_FUNCTION_INFO_V1(session_triggers_proxy_addr);

void		_PG_init(void);

/* Refuse a server that counts nothing. */
void
_PG_init(void)
{
	if (!sesstrig_stat_version)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("session_triggers requires a server with session triggers"),
				 errdetail("This server does not have the events whose triggers the extension shows.")));
	if (sesstrig_stat_version() != SESSTRIG_STAT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("library of session_triggers does not fit this server"),
				 errdetail("The library is for version %d of the interface, the server has version %d.",
						   SESSTRIG_STAT_VERSION, sesstrig_stat_version()),
				 errhint("Install the library that was built together with the server.")));
}

Datum
session_triggers_counters(PG_FUNCTION_ARGS)
{
	return sesstrig_stat_triggers(fcinfo);
}

Datum
session_triggers_server_counters(PG_FUNCTION_ARGS)
{
	return sesstrig_stat_server(fcinfo);
}

Datum
session_triggers_stat_reset(PG_FUNCTION_ARGS)
{
	return sesstrig_stat_clear(fcinfo);
}

Datum
session_triggers_try(PG_FUNCTION_ARGS)
{
	return sesstrig_trigger_try(fcinfo);
}

Datum
session_triggers_proxy_addr(PG_FUNCTION_ARGS)
{
	return sesstrig_proxy_addr(fcinfo);
}
