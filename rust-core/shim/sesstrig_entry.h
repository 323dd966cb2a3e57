/*
 * sesstrig_entry.h
 *	  How what the server calls raises what the core returned.
 */
#ifndef SESSTRIG_ENTRY_H
#define SESSTRIG_ENTRY_H

#include "postgres.h"

#include "sesstrig_core.h"

/* Raise the error of a call that failed, and free it on the way out. */
extern void sesstrig_raise_on_failure(SesstrigStatus status, ErrorData *error);

#endif							/* SESSTRIG_ENTRY_H */
