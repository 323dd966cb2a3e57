/*
 * sesstrig_entry.h
 *	  How what the server calls raises what the core returned.
 */
#ifndef SESSTRIG_ENTRY_H
#define SESSTRIG_ENTRY_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "sesstrig_core.h"

/* Raise the error of a call that failed, and free it on the way out. */
extern void sesstrig_raise_on_failure(SesstrigStatus status, ErrorData *error);

/* Note the server's flag that it is reading a command. */
extern void sesstrig_watch_command_read(bool *flag);

/* The session has no client any more. */
extern void sesstrig_detach_client(void);

/* Log that a firing did not end when its time limit asked it to, if so. */
extern void sesstrig_report_overrun(void);

/* The clause with a routine's search_path, and those that are in its place. */
extern DefElem *sesstrig_path_option(void);
extern bool sesstrig_path_is_set_by(const DefElem *option);

#endif							/* SESSTRIG_ENTRY_H */
