/*
 * sesstrig_stat.h
 *	  What the library of the extension session_triggers calls: the SQL functions, which
 *	  are part of the core.  The library has no logic of its own.
 */
#ifndef SESSTRIG_STAT_H
#define SESSTRIG_STAT_H

#include "fmgr.h"

/*
 * The version of this interface.  A library that was built for another one is
 * refused; a column or an argument that changes needs a new version.
 */
#define SESSTRIG_STAT_VERSION 2

/* The version that the server has. */
extern int	sesstrig_stat_version(void);

/* The counters of all triggers, and those of the server. */
extern Datum sesstrig_stat_triggers(FunctionCallInfo fcinfo);
extern Datum sesstrig_stat_server(FunctionCallInfo fcinfo);

/* Forget all counters, or those of a trigger of this database. */
extern Datum sesstrig_stat_clear(FunctionCallInfo fcinfo);

/* Run a trigger of this database, and roll back what it has done. */
extern Datum sesstrig_trigger_try(FunctionCallInfo fcinfo);

/* The address of the proxy through which this session's client has come, or NULL. */
extern Datum sesstrig_proxy_addr(FunctionCallInfo fcinfo);

#endif							/* SESSTRIG_STAT_H */
