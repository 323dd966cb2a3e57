/*
 * lifecycle.c
 *	  What the server calls when a session starts and when its client ends it.
 *
 * There is no logic here.  What concerns an exit of the server's own is in exit.c, and
 * DISCARD ALL in discard.c.
 */
#include "postgres.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"

bool
sesstrig_event_is_known(const char *eventname)
{
	return sesstrig_event_find(eventname);
}

void
sesstrig_event_refuse_tags(const char *eventname)
{
	if (sesstrig_event_find(eventname))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("tag filtering is not supported for %s event triggers",
						eventname)));
}

void
sesstrig_session_prepare(void)
{
	sesstrig_exit_on_failure(sesstrig_session_open());
}

void
sesstrig_session_logon(bool *reading_command)
{
	sesstrig_watch_command_read(reading_command);
	sesstrig_exit_on_failure(sesstrig_logon_fire());
	sesstrig_fire_delegated();
}

void
sesstrig_session_logoff(void)
{
	sesstrig_detach_client();
	sesstrig_exit_on_failure(sesstrig_logoff_fire(false));
}
