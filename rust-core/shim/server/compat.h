/*
 * compat.h
 *	  The differences between the supported majors, as far as C sees them.
 *
 * No other file of the shim tests PG_VERSION_NUM.  A difference is hidden here
 * by a macro; what the core does with it is not decided here.
 */
#ifndef SESSTRIG_COMPAT_H
#define SESSTRIG_COMPAT_H

#include "postgres.h"

#include "commands/event_trigger.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "replication/slot.h"
#include "utils/guc_tables.h"

#if PG_VERSION_NUM >= 180000
#include "tcop/backend_startup.h"
#endif

/* 16 declares the hooks of settings here. */
#if PG_VERSION_NUM >= 160000
#include "utils/guc_hooks.h"
#endif

/* 17 added the event_triggers setting. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_EVENT_TRIGGERS_ON() (event_triggers)
#else
#define SESSTRIG_EVENT_TRIGGERS_ON() (true)
#endif

/* Have this process fire no event triggers. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_SUPPRESS_EVENT_TRIGGERS() (event_triggers = false)
#else
#define SESSTRIG_SUPPRESS_EVENT_TRIGGERS() (event_triggers_suppressed = true)
#endif

/* 16 added an argument, for indexes that only summarize. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_INSERT_INDEX_TUPLES(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false)
#else
#define SESSTRIG_INSERT_INDEX_TUPLES(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL)
#endif

/* 16 renamed the function. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_BACKEND_STATUS(number) pgstat_get_local_beentry_by_index(number)
#else
#define SESSTRIG_BACKEND_STATUS(number) pgstat_fetch_stat_local_beentry(number)
#endif

/* 17 added synchronized slots, and an argument that restricts the cleanup to them. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_REPLICATION_SLOT_CLEANUP() ReplicationSlotCleanup(false)
#else
#define SESSTRIG_REPLICATION_SLOT_CLEANUP() ReplicationSlotCleanup()
#endif

/* 17 added transaction_timeout. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_FORGET_TRANSACTION_TIMEOUT() (TransactionTimeoutPending = false)
#define SESSTRIG_NO_TRANSACTION_TIMEOUT() \
	SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE)
#else
#define SESSTRIG_FORGET_TRANSACTION_TIMEOUT() ((void) 0)
#define SESSTRIG_NO_TRANSACTION_TIMEOUT() ((void) 0)
#endif

/* Read a block of a permanent table.  16 renamed the file's identifier. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_FILE(rel) ((rel)->rd_locator)
#else
#define SESSTRIG_FILE(rel) ((rel)->rd_node)
#endif
#define SESSTRIG_READ_BUFFER(rel, block) \
	ReadBufferWithoutRelcache(SESSTRIG_FILE(rel), MAIN_FORKNUM, block, RBM_NORMAL, NULL, true)

/* 18 made a list of it. */
#if PG_VERSION_NUM >= 180000
#define SESSTRIG_LOGS_RECEIPT() ((log_connections & LOG_CONNECTION_RECEIPT) != 0)
#else
#define SESSTRIG_LOGS_RECEIPT() (Log_connections)
#endif

/* 18 notes where in the query a SET statement stands; -1 means nowhere. */
#if PG_VERSION_NUM >= 180000
#define SESSTRIG_NO_LOCATION(set) ((set)->location = -1)
#else
#define SESSTRIG_NO_LOCATION(set) ((void) 0)
#endif

/* Since 18, a session can log on elsewhere with the keys that its client has proved to have. */
#if PG_VERSION_NUM >= 180000
#define SESSTRIG_HAS_SCRAM_KEYS(port) (&(port)->has_scram_keys)
#else
#define SESSTRIG_HAS_SCRAM_KEYS(port) ((bool *) NULL)
#endif

/* 16 moved the authenticated identity out of Port. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_AUTHENTICATED_IDENTITY() (MyClientConnectionInfo.authn_id)
#else
#define SESSTRIG_AUTHENTICATED_IDENTITY() (MyProcPort ? MyProcPort->authn_id : NULL)
#endif

/* 16 has one function for the owners of all kinds of objects. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_OWNS_EVENT_TRIGGER(trigger, role) \
	object_ownercheck(EventTriggerRelationId, trigger, role)
#else
#define SESSTRIG_OWNS_EVENT_TRIGGER(trigger, role) pg_event_trigger_ownercheck(trigger, role)
#endif

/* 16 can report a mistake in a type's name otherwise than as an error. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_PARSE_TYPE(text) typeStringToTypeName(text, NULL)
#else
#define SESSTRIG_PARSE_TYPE(text) typeStringToTypeName(text)
#endif

/* 16 separated the right to SET ROLE from that to inherit. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_CAN_SET_ROLE(member, role) member_can_set_role(member, role)
#define SESSTRIG_CHECK_CAN_SET_ROLE(member, role) check_can_set_role(member, role)
#else
#define SESSTRIG_CAN_SET_ROLE(member, role) is_member_of_role_nosuper(member, role)
#define SESSTRIG_CHECK_CAN_SET_ROLE(member, role) check_is_member_of_role(member, role)
#endif

/*
 * Set an option as SET LOCAL does, as a superuser: one that any user may set can be protected
 * (rule K1).  From 17 on, a server that is told where the setting is need not look its name up.
 */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_SET_OPTION(setting, name, value, elevel) \
	set_config_with_handle(name, setting, value, PGC_SUSET, PGC_S_SESSION, GetUserId(), \
						   GUC_ACTION_SAVE, true, elevel, false)
#else
#define SESSTRIG_SET_OPTION(setting, name, value, elevel) \
	set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, \
					  GUC_ACTION_SAVE, true, elevel, false)
#endif

/*
 * Call visit() for each of the server's own settings.  It may be called for
 * extensions' settings, too.  16 made the tables of the server's settings public.
 */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_VISIT_TABLE(type, table, visit) \
	for (struct type *setting = (table); setting->gen.name; setting++) \
		visit(&setting->gen)
#define SESSTRIG_VISIT_SETTINGS(visit) \
	do { \
		SESSTRIG_VISIT_TABLE(config_bool, ConfigureNamesBool, visit); \
		SESSTRIG_VISIT_TABLE(config_int, ConfigureNamesInt, visit); \
		SESSTRIG_VISIT_TABLE(config_real, ConfigureNamesReal, visit); \
		SESSTRIG_VISIT_TABLE(config_string, ConfigureNamesString, visit); \
		SESSTRIG_VISIT_TABLE(config_enum, ConfigureNamesEnum, visit); \
	} while (0)
#else
#define SESSTRIG_VISIT_SETTINGS(visit) \
	do { \
		struct config_generic **settings = get_guc_variables(); \
		for (int i = 0; i < GetNumConfigOptions(); i++) \
			visit(settings[i]); \
	} while (0)
#endif

/* Call visit() for the setting with this name, and before 16 perhaps for others. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_VISIT_SETTING(name, visit) \
	visit(find_option(name, false, false, ERROR))
#else
#define SESSTRIG_VISIT_SETTING(name, visit) SESSTRIG_VISIT_SETTINGS(visit)
#endif

/* The setting with this name, or NULL.  Before 16 all are looked at for that. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_FINDS_QUICKLY true
#define SESSTRIG_FIND_SETTING(name) find_option(name, false, true, LOG)
#else
#define SESSTRIG_FINDS_QUICKLY false
static inline struct config_generic *
sesstrig_find_setting(const char *name)
{
	struct config_generic **settings = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	return NULL;
}
#define SESSTRIG_FIND_SETTING(name) sesstrig_find_setting(name)
#endif

#endif							/* SESSTRIG_COMPAT_H */
