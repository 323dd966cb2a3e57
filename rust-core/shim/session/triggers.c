/*
 * triggers.c
 *	  The session triggers in pg_event_trigger: how they are read, and what makes what is
 *	  known of them invalid.
 *
 * Which of them fire is decided in Rust.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "catalog/pg_event_trigger.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "server/compat.h"
#include "server/sesstrig_try.h"
#include "sesstrig_core.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"

/* Something has changed that decides which triggers fire. */
static void
triggers_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	sesstrig_triggers_invalidate();
}

/* Have sesstrig_triggers_invalidate() called when pg_event_trigger changes. */
ErrorData *
sesstrig_try_watch_triggers(void)
{
	GUARD_BEGIN();
	{
		CacheRegisterSyscacheCallback(EVENTTRIGGEROID, triggers_changed, (Datum) 0);
	}
	GUARD_END();
}

/*
 * Have it called as well when roles, memberships, or owners of functions change.  The owner of
 * the database is a member of pg_database_owner.
 */
ErrorData *
sesstrig_try_watch_roles(void)
{
	GUARD_BEGIN();
	{
		CacheRegisterSyscacheCallback(AUTHOID, triggers_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, triggers_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(PROCOID, triggers_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(DATABASEOID, triggers_changed, (Datum) 0);
	}
	GUARD_END();
}

/*
 * The triggers of a database change if a row of pg_event_trigger does, or if the database is
 * new: it may have been copied from one with triggers, and may have the OID of one that was
 * dropped.  It can also be that the table has another file.
 */
static bool
may_change_triggers(const SharedInvalidationMessage *message)
{
	if (message->id == SHAREDINVALRELCACHE_ID)
		return message->rc.relId == EventTriggerRelationId || !OidIsValid(message->rc.relId);
	return message->id == EVENTTRIGGEROID || message->id == DATABASEOID;
}

/* This is also called in critical sections, and by the process that replays WAL. */
void
sesstrig_catalogs_changed(const SharedInvalidationMessage *messages, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (may_change_triggers(&messages[i]))
		{
			sesstrig_triggers_count_change();
			return;
		}
	}
}

/* The index of a name among those of the events, or -1. */
static inline int
find_event(const NameData *name, const char *const *events, int nevents)
{
	for (int i = 0; i < nevents; i++)
	{
		/* No function is called for most of those that are not. */
		if (NameStr(*name)[0] == events[i][0] && strcmp(NameStr(*name), events[i]) == 0)
			return i;
	}
	return -1;
}

/*
 * Append a tuple to the rows, which have been allocated for a number of rows that
 * is a power of 2, or not at all.
 */
static void
append_row(SesstrigTriggerRow **rows, int *nrows, Form_pg_event_trigger form,
		   int event)
{
	SesstrigTriggerRow *row;

	if (*nrows == 0)
		*rows = palloc(sizeof(SesstrigTriggerRow));
	else if ((*nrows & (*nrows - 1)) == 0)
		*rows = repalloc(*rows, 2 * *nrows * sizeof(SesstrigTriggerRow));
	row = &(*rows)[(*nrows)++];
	row->oid = form->oid;
	row->name = form->evtname;
	row->event = event;
	row->owner = form->evtowner;
	row->function = form->evtfoid;
	row->enabled = form->evtenabled;
}

/*
 * Read one block, whose buffer is locked.  Every session reads the rows of all
 * event triggers, so the name of the event is looked at first, where it lies in
 * the buffer.  Whether the row is visible matters only if it is one of ours.
 */
static void
read_block(Relation rel, BlockNumber block, Buffer buffer, Snapshot snapshot,
		   const char *const *events, int nevents, SesstrigTriggerRow **rows, int *nrows)
{
	Page		page = BufferGetPage(buffer);
	OffsetNumber last = PageGetMaxOffsetNumber(page);

	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		ItemId		item = PageGetItemId(page, offset);
		HeapTupleData tuple;
		Form_pg_event_trigger form;
		int			event;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		form = (Form_pg_event_trigger) GETSTRUCT(&tuple);
		event = find_event(&form->evtevent, events, nevents);
		if (event < 0)
			continue;

		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(rel);
		ItemPointerSet(&tuple.t_self, block, offset);
		if (HeapTupleSatisfiesVisibility(&tuple, snapshot, buffer))
			append_row(rows, nrows, form, event);
	}
}

/*
 * Read the table sequentially, which does not depend on an index, and without
 * counting that in its statistics, which would cost as much as the reading.
 */
static void
read_blocks(Relation rel, BlockNumber nblocks, const char *const *events, int nevents,
			SesstrigTriggerRow **rows, int *nrows)
{
	Snapshot	snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(rel)));

	for (BlockNumber block = 0; block < nblocks; block++)
	{
		Buffer		buffer = SESSTRIG_READ_BUFFER(rel, block);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		read_block(rel, block, buffer, snapshot, events, nevents, rows, nrows);
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	UnregisterSnapshot(snapshot);
}

/*
 * Read the rows of pg_event_trigger that are on one of the events, in no particular
 * order.  A transaction must be open, and the rows live as long as its memory
 * context.  If may_wait is false and the table cannot be locked at once, *complete
 * is set to false.
 *
 * In most databases the table has never had a row, and so has no block.  Looking
 * at its size is all that it takes then.
 */
ErrorData *
sesstrig_try_read_triggers(bool may_wait, const char *const *events,
						   int nevents, SesstrigTriggerRow **rows,
						   int *nrows, bool *complete)
{
	GUARD_BEGIN();
	{
		*rows = NULL;
		*nrows = 0;
		*complete = false;

		if (may_wait)
			LockRelationOid(EventTriggerRelationId, AccessShareLock);
		if (may_wait ||
			ConditionalLockRelationOid(EventTriggerRelationId, AccessShareLock))
		{
			Relation	rel = table_open(EventTriggerRelationId, NoLock);
			BlockNumber nblocks = RelationGetNumberOfBlocks(rel);

			/*
			 * What a session finds when it starts is noted for those after it, with the
			 * number of changes until then.  An older snapshot could miss one of these.
			 */
			if (nblocks > 0 && !may_wait)
				InvalidateCatalogSnapshot();
			if (nblocks > 0)
				read_blocks(rel, nblocks, events, nevents, rows, nrows);
			/* Where a session starts, its transaction ends next, and releases the lock. */
			table_close(rel, may_wait ? AccessShareLock : NoLock);
			*complete = true;
		}
	}
	GUARD_END();
}
