/*
 * sesstrig_try.h
 *	  What a guard is made of.
 */
#ifndef SESSTRIG_TRY_H
#define SESSTRIG_TRY_H

#include "postgres.h"

/*
 * The body of a guard stands between these two.  Variables that the body
 * changes and that are read after it must be volatile.
 */
#define GUARD_BEGIN() \
	ErrorData  *volatile guard_error = NULL; \
	MemoryContext guard_context = CurrentMemoryContext; \
	PG_TRY()
#define GUARD_END() \
	PG_CATCH(); \
	{ \
		guard_error = sesstrig_take_error(guard_context); \
	} \
	PG_END_TRY(); \
	return guard_error

/* Copy the error that is being handled and take it off elog's stack. */
extern ErrorData *sesstrig_take_error(MemoryContext context);

#endif							/* SESSTRIG_TRY_H */
