/*
 * sesstrig_entry.h
 *	  Declarations that the files of the shim share with one another.  Server files
 *	  do not include this.
 */
#ifndef SESSTRIG_ENTRY_H
#define SESSTRIG_ENTRY_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "sesstrig_core.h"

/* If a call of the core has failed, raise its error, and free the core's copy. */
extern void sesstrig_raise_on_failure(SesstrigStatus status, ErrorData *error);

/* At server start, note which settings there are. */
extern void sesstrig_note_settings(void);

/* Note where the server keeps the flag that it is reading a command. */
extern void sesstrig_watch_command_read(bool *flag);

/* Forget the client's requests and timeouts, because the session is ending. */
extern void sesstrig_detach_client(void);

/* If a firing has not heeded its timeout, log that, because the session ends. */
extern void sesstrig_report_overrun(void);

/* Make a routine's SET search_path clause, and recognize one that its author wrote. */
extern DefElem *sesstrig_path_option(void);
extern bool sesstrig_path_is_set(const DefElem *option, bool was_set);

#endif							/* SESSTRIG_ENTRY_H */
