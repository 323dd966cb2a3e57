/*
 * compat.h
 *	  Where the supported majors differ, and nowhere else in C.
 */
#ifndef SESSTRIG_COMPAT_H
#define SESSTRIG_COMPAT_H

#include "postgres.h"

#include "commands/event_trigger.h"
#include "replication/slot.h"

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

#endif							/* SESSTRIG_COMPAT_H */
