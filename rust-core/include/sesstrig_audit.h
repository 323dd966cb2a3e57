/*
 * sesstrig_audit.h
 *	  What the library of the extension session_audit calls: the functions of the core
 *	  that write the record.  The library has no logic of its own.
 */
#ifndef SESSTRIG_AUDIT_H
#define SESSTRIG_AUDIT_H

#include "fmgr.h"

/*
 * The version of this interface.  A library that was built for another one is
 * refused; a column or an argument that changes needs a new version.
 */
#define SESSTRIG_AUDIT_VERSION 1

/* The version that the server has. */
extern int	sesstrig_audit_version(void);

/* The event trigger function: record the event that fires it. */
extern Datum sesstrig_audit_record(FunctionCallInfo fcinfo);

/*
 * How many different refused logons wait for being written, and how many have not been
 * recorded since the server was started.
 */
extern int32 sesstrig_audit_waiting(void);
extern int64 sesstrig_audit_dropped(void);

#endif							/* SESSTRIG_AUDIT_H */
