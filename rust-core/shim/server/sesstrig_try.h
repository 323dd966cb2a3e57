/*
 * sesstrig_try.h
 *	  The macros that a guard is made of.  The guards themselves are declared in
 *	  sesstrig_guard.h.
 */
#ifndef SESSTRIG_TRY_H
#define SESSTRIG_TRY_H

#include "postgres.h"

#include "utils/memutils.h"

/*
 * A guard consists of GUARD_BEGIN(), a block, and GUARD_END(), which returns from
 * the function.  The block must not return, and local variables that it changes
 * and that are read after an error must be volatile.
 */
#define GUARD_BEGIN() \
	ErrorData  *volatile guard_error = NULL; \
	MemoryContext guard_context = CurrentMemoryContext; \
	PG_TRY()
#define GUARD_END() \
	PG_CATCH(); \
	{ \
		guard_error = sesstrig_take_error(TopMemoryContext, guard_context); \
	} \
	PG_END_TRY(); \
	return guard_error

/*
 * Copy the error that is being handled into a memory context below "parent", remove it
 * from elog's stack, and switch to "context".  This cannot raise: if there is no memory
 * for the copy, the result is an error that says so.
 */
extern ErrorData *sesstrig_take_error(MemoryContext parent, MemoryContext context);

/* Error context callback of a firing; "arg" is the text. */
extern void sesstrig_add_context(void *arg);

#endif							/* SESSTRIG_TRY_H */
