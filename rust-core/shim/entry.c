/*
 * entry.c
 *	  What the server calls that concerns several subjects: its start, a setting that
 *	  is new, and a utility statement that it is about to execute.
 */
#include "postgres.h"

#include "utils/guc_tables.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

void
sesstrig_server_init(void)
{
	sesstrig_exit_on_failure(sesstrig_core_start());
	sesstrig_note_settings();
	sesstrig_changes_init();
	sesstrig_workers_init();
	sesstrig_authentication_init();
}

void
sesstrig_setting_added(struct config_generic *setting)
{
	sesstrig_note_language_setting(setting->name);
	sesstrig_protect_setting(setting);
}

void
sesstrig_statement_check(Node *statement)
{
	sesstrig_type_check(statement);
	sesstrig_trigger_check(statement);
	sesstrig_change_note_statement(statement);
}

#ifdef SESSTRIG_FAULTS
/* Cause a panic inside the core; trigger functions of the tests call this. */
void
sesstrig_fault_panic(void)
{
	sesstrig_raise_on_failure(sesstrig_fault_raise());
}
#endif
