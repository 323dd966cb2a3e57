/*
 * compat.h
 *	  Where the supported majors differ, and nowhere else in C.
 */
#ifndef SESSTRIG_COMPAT_H
#define SESSTRIG_COMPAT_H

#include "postgres.h"

#include "commands/event_trigger.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "utils/guc_tables.h"

/* The event_triggers setting came with 17. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_EVENT_TRIGGERS_ON() (event_triggers)
#else
#define SESSTRIG_EVENT_TRIGGERS_ON() (true)
#endif

/* Synchronized slots came with 17, and an argument to leave them alone. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_REPLICATION_SLOT_CLEANUP() ReplicationSlotCleanup(false)
#else
#define SESSTRIG_REPLICATION_SLOT_CLEANUP() ReplicationSlotCleanup()
#endif

/* transaction_timeout came with 17. */
#if PG_VERSION_NUM >= 170000
#define SESSTRIG_FORGET_TRANSACTION_TIMEOUT() (TransactionTimeoutPending = false)
#else
#define SESSTRIG_FORGET_TRANSACTION_TIMEOUT() ((void) 0)
#endif

/* A SET statement made here stands nowhere in the query; 18 notes where one does. */
#if PG_VERSION_NUM >= 180000
#define SESSTRIG_NO_LOCATION(set) ((set)->location = -1)
#else
#define SESSTRIG_NO_LOCATION(set) ((void) 0)
#endif

/* Call visit() for each of the server's own settings; 16 made their tables public. */
#if PG_VERSION_NUM >= 160000
#define SESSTRIG_VISIT_TABLE(table, visit) \
	for (int i = 0; (table)[i].gen.name; i++) \
		visit(&(table)[i].gen)
#define SESSTRIG_VISIT_SETTINGS(visit) \
	do { \
		SESSTRIG_VISIT_TABLE(ConfigureNamesBool, visit); \
		SESSTRIG_VISIT_TABLE(ConfigureNamesInt, visit); \
		SESSTRIG_VISIT_TABLE(ConfigureNamesReal, visit); \
		SESSTRIG_VISIT_TABLE(ConfigureNamesString, visit); \
		SESSTRIG_VISIT_TABLE(ConfigureNamesEnum, visit); \
	} while (0)
#else
#define SESSTRIG_VISIT_SETTINGS(visit) \
	do { \
		struct config_generic **settings = get_guc_variables(); \
		for (int i = 0; i < GetNumConfigOptions(); i++) \
			visit(settings[i]); \
	} while (0)
#endif

#endif							/* SESSTRIG_COMPAT_H */
