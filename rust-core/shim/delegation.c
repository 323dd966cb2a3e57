/*
 * delegation.c
 *	  Event triggers of roles that are not superusers, on the two session events
 *	  (section N): who may create and own them, and what is known of their owners.
 *
 * Whether such a trigger fires in a session is decided in Rust.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

/* The setting has changed: which triggers fire must be found out again. */
void
sesstrig_assign_creator_role(const char *value, void *extra)
{
	sesstrig_triggers_invalidate();
}

/*
 * May what runs now log on elsewhere as the client of this session?  The owner of a
 * delegated trigger could not do that with SET ROLE (rule N2).
 */
void
sesstrig_lend_credentials(bool lend)
{
	static bool withheld = false;
	bool	   *has_keys = MyProcPort ? SESSTRIG_HAS_SCRAM_KEYS(MyProcPort) : NULL;

	if (!has_keys)
		return;
	if (!lend && *has_keys)
	{
		*has_keys = false;
		withheld = true;
	}
	else if (lend && withheld)
	{
		*has_keys = true;
		withheld = false;
	}
}

/*
 * Is a role a member of the creator role?  That is looked up by its name each time, so a
 * role that takes the name of a dropped one has only the members that it was given.
 */
static bool
is_creator(Oid role)
{
	const char *name = sesstrig_creator_role();
	Oid			creator;

	if (!name)
		return false;
	creator = get_role_oid(name, true);
	return OidIsValid(creator) && is_member_of_role_nosuper(role, creator);
}

/* The owner of a function, or InvalidOid if there is no such function. */
static Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Is a role itself, not one that it is a member of, the owner of a function? */
static bool
owns_function(Oid role, Oid function)
{
	return function_owner(function) == role;
}

/* --- called by the server's commands ------------------------------------------------ */

/*
 * Is the statement that is executed ALTER EVENT TRIGGER ... OWNER TO, for a trigger whose
 * function did not belong to a superuser?
 */
static bool gives_back = false;

/*
 * Note which statement is executed next, before the function that belongs to a trigger gets
 * the new owner.
 */
void
sesstrig_event_note_statement(const Node *statement)
{
	const AlterOwnerStmt *alter = (const AlterOwnerStmt *) statement;
	HeapTuple	tuple;

	gives_back = false;
	if (!IsA(statement, AlterOwnerStmt) || alter->objectType != OBJECT_EVENT_TRIGGER)
		return;
	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(strVal(alter->object)));
	if (!HeapTupleIsValid(tuple))
		return;
	gives_back = !superuser_arg(function_owner(((Form_pg_event_trigger) GETSTRUCT(tuple))->evtfoid));
	ReleaseSysCache(tuple);
}

/*
 * Is this what the restore of a dump does: does a superuser give a trigger that they have
 * just created to the role that owned it, although that role is not a member of the creator
 * role here?
 *
 * If that were refused, the trigger would stay with the superuser, and fire in all sessions.
 * So unless a superuser owns the function, the trigger may go to any role: its owner in the
 * dump need not be that of the function.  A function of a superuser is no danger, and its
 * trigger may be an audit, which would not fire any more.  Nor does who owns the function say
 * anything in REASSIGN OWNED, which may have given the function away before the trigger.  But
 * pg_upgrade has to bring over every trigger.
 */
static bool
is_restored(const FormData_pg_event_trigger *form)
{
	return superuser() && (IsBinaryUpgrade || (gives_back && form->evtowner == GetUserId()));
}

/* May the current user create this event trigger?  (Upstream's code says if not.) */
bool
sesstrig_event_may_create(const CreateEventTrigStmt *statement)
{
	return superuser() ||
		(sesstrig_event_find(statement->eventname) && is_creator(GetUserId()));
}

/*
 * Raise an error unless a trigger of the current user may execute a function.  Whoever owns
 * the function decides what the trigger does, so it must be the same role.  It is not
 * enough that the user is a member of that role: the trigger's owner decides where it
 * fires.
 */
void
sesstrig_event_check_function(Oid function, const char *name)
{
	if (!superuser() && !owns_function(GetUserId(), function))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of function %s", name),
				 errdetail("An event trigger of a role that is not a superuser can execute only functions of that role.")));
}

/*
 * May an event trigger get this owner?  If not, upstream's code says so, or this raises an
 * error.  The form may be changed, and is that of the trigger's new version.
 *
 * The owner of a delegated trigger may give it only to a role that they could become, as it
 * is with any other object.  Upstream does not check that, because it knows no owners but
 * superusers; giving a trigger to a superuser would be the way into all sessions.
 */
bool
sesstrig_event_may_own(FormData_pg_event_trigger *form, Oid owner)
{
	if (!sesstrig_event_find(NameStr(form->evtevent)))
		return superuser_arg(owner);

	if (!superuser())
		SESSTRIG_CHECK_CAN_SET_ROLE(GetUserId(), owner);
	switch (sesstrig_delegation_ownership(superuser_arg(owner), is_creator(owner),
										  superuser_arg(form->evtowner),
										  form->evtenabled != TRIGGER_DISABLED,
										  is_restored(form)))
	{
		case SESSTRIG_OWNERSHIP_REFUSED:
			return false;
		case SESSTRIG_OWNERSHIP_GIVEN:
			break;
		case SESSTRIG_OWNERSHIP_BARRED:
			ereport(WARNING,
					(errmsg("event trigger \"%s\" will not fire", NameStr(form->evtname)),
					 errdetail("Role \"%s\" is neither a superuser nor a member of the role that \"%s\" names.",
							   GetUserNameFromId(owner, false), "session_triggers.creator_role")));
			break;
		case SESSTRIG_OWNERSHIP_DISABLED:
			form->evtenabled = TRIGGER_DISABLED;
			ereport(WARNING,
					(errmsg("event trigger \"%s\" has been disabled", NameStr(form->evtname)),
					 errdetail("As a superuser's trigger it would fire in the sessions of all roles."),
					 errhint("Look at its function before you enable it.")));
			break;
	}
	return true;
}

/* --- logon -------------------------------------------------------------------------- */

/*
 * Fire the delegated logon triggers.  If they have made the session end, and the logoff
 * triggers of superusers fire at such an end, the exit has been deferred up to here.
 */
void
sesstrig_fire_delegated(void)
{
	ErrorData  *error = sesstrig_delegation_fire();

	sesstrig_exit_finish();
	sesstrig_exit_on_failure(error);
}

/* --- called by Rust ----------------------------------------------------------------- */

ErrorData *
sesstrig_try_role_is_superuser(Oid role, bool *is_superuser)
{
	GUARD_BEGIN();
	{
		*is_superuser = superuser_arg(role);
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_role_is_creator(Oid role, bool *is_member)
{
	GUARD_BEGIN();
	{
		*is_member = is_creator(role);
	}
	GUARD_END();
}

/* Could a role become the one that has logged on, by SET ROLE? */
ErrorData *
sesstrig_try_role_can_become_login(Oid role, bool *can)
{
	GUARD_BEGIN();
	{
		*can = SESSTRIG_CAN_SET_ROLE(role, GetAuthenticatedUserId());
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_role_owns_function(Oid role, Oid function, bool *owns)
{
	GUARD_BEGIN();
	{
		*owns = owns_function(role, function);
	}
	GUARD_END();
}

/* The name of a role, or nothing if it has been dropped at this moment. */
ErrorData *
sesstrig_try_role_name(Oid role, NameData *name)
{
	GUARD_BEGIN();
	{
		const char *found = GetUserNameFromId(role, true);

		namestrcpy(name, found ? found : "");
	}
	GUARD_END();
}
