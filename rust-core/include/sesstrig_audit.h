/*
 * sesstrig_audit.h
 *	  What the library of the extension session_audit calls: the functions of the core
 *	  that show what becomes of the records.  The library has no logic of its own.
 */
#ifndef SESSTRIG_AUDIT_H
#define SESSTRIG_AUDIT_H

#include "fmgr.h"

/*
 * The version of this interface.  A library that was built for another one is
 * refused; a column or an argument that changes needs a new version.
 */
#define SESSTRIG_AUDIT_VERSION 4

/* The version that the server has. */
extern int	sesstrig_audit_version(void);

/* The function state(), which shows what the writer does. */
extern Datum sesstrig_audit_state(FunctionCallInfo fcinfo);

/* The function row_digest(), with which verify() computes what the writer has written. */
extern Datum sesstrig_audit_row_digest(FunctionCallInfo fcinfo);

/* The function want_keeper(), with which note_removal() has the keeper tell of what is removed. */
extern Datum sesstrig_audit_want_keeper(FunctionCallInfo fcinfo);

#endif							/* SESSTRIG_AUDIT_H */
