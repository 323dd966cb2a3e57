/*
 * path.c
 *	  The search_path of routines in Oracle's form (rule D1).
 *
 * In Oracle, a name in a routine means what it meant to the routine's author.  So
 * a routine that runs with its owner's rights gets a SET search_path clause with
 * the path of its creation, and does not look names up in its caller's path.
 *
 * That alone would not do.  The best match for a function's or an operator's
 * arguments is chosen from all schemas of the path, so whoever can create objects
 * in one of them could have them run with the owner's rights; and who that is can
 * change with each GRANT, with the database's owner, and with the database that a
 * template was copied to.  So the clause also has the element pg_trusted, which is
 * no schema (nobody can create one with this prefix), and means that schemas in
 * which others can create objects are not searched, whenever a path is computed.
 * A stock server ignores it.
 *
 * Parsing of routines is not here, but in routine.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "server/compat.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

/*
 * The defnamespace of the option whose path is yet to be filled in: the grammar
 * must not access catalogs.  PostgreSQL does not use that field in options of
 * functions.
 */
#define MARK "sesstrig"

/* The element of search_path that keeps it to schemas that are closed to others. */
#define TRUSTED "pg_trusted"

/* Make a SET search_path clause, which sesstrig_path_complete() completes. */
DefElem *
sesstrig_path_option(void)
{
	VariableSetStmt *set = makeNode(VariableSetStmt);

	set->kind = VAR_SET_VALUE;
	set->name = "search_path";
	SESSTRIG_NO_LOCATION(set);
	return makeDefElemExtended(MARK, "set", (Node *) set, DEFELEM_UNSPEC, -1);
}

/*
 * Given whether search_path is set by the options before this one, is it set by
 * this one, too?  What resets it takes away a clause before it.
 */
bool
sesstrig_path_is_set(const DefElem *option, bool was_set)
{
	const VariableSetStmt *set;

	if (strcmp(option->defname, "set") != 0)
		return was_set;
	set = castNode(VariableSetStmt, option->arg);
	if (set->kind == VAR_RESET_ALL)
		return false;
	if (pg_strcasecmp(set->name, "search_path") != 0)
		return was_set;
	return set->kind == VAR_SET_VALUE || set->kind == VAR_SET_CURRENT;
}

/* The owner of the current database. */
static Oid
database_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
	owner = ((Form_pg_database) GETSTRUCT(tuple))->datdba;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Is a role the routine's owner or a superuser, so that it gains nothing by what
 * the routine does with the owner's rights?  Any other role counts as somebody
 * else, whoever its members are.
 */
static bool
is_trusted(Oid role, Oid owner)
{
	if (role == ROLE_PG_DATABASE_OWNER)
		role = database_owner();
	return role != ACL_ID_PUBLIC && (role == owner || superuser_arg(role));
}

/* Can only trusted roles create objects in a schema?  If not, names found there may be anybody's. */
bool
sesstrig_schema_is_closed(Oid schema, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Form_pg_namespace form;
	Datum		datum;
	bool		isnull;
	bool		closed;

	/* Somebody may have dropped it just now, and made another one of that name. */
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_namespace) GETSTRUCT(tuple);
	closed = is_trusted(form->nspowner, owner);
	datum = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &isnull);
	/* Without an ACL, only the schema's owner can create objects. */
	if (closed && !isnull)
	{
		Acl		   *acl = DatumGetAclP(datum);
		AclItem    *items = ACL_DAT(acl);

		for (int i = 0; i < ACL_NUM(acl); i++)
		{
			if ((ACLITEM_GET_PRIVS(items[i]) & ACL_CREATE) != 0)
				closed = closed && is_trusted(items[i].ai_grantee, owner);
		}
	}
	ReleaseSysCache(tuple);
	return closed;
}

static Node *
make_constant(char *text)
{
	A_Const    *constant = makeNode(A_Const);

	constant->val.sval.type = T_String;
	constant->val.sval.sval = text;
	constant->location = -1;
	return (Node *) constant;
}

/*
 * Return the schemas that the current search_path names and that exist, as
 * constants, with pg_trusted and pg_temp after them.
 */
static List *
path_of_creation(void)
{
	List	   *schemas = fetch_search_path(false);
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, schemas)
	{
		Oid			schema = lfirst_oid(cell);
		char	   *name;

		if (isAnyTempNamespace(schema))
			continue;
		name = get_namespace_name(schema);
		if (!name)
			continue;
		if (!sesstrig_schema_is_closed(schema, GetUserId()))
			ereport(WARNING,
					(errmsg("schema \"%s\" is not searched by the routine while others can create objects in it", name),
					 errdetail("Roles other than the routine's owner and superusers have the privilege, and what they create would run with the owner's rights."),
					 errhint("Qualify the names in the routine with their schemas, or revoke the privilege.")));
		names = lappend(names, make_constant(name));
	}
	/* Nothing else may become the first schema, where objects are created. */
	if (names == NIL)
		names = list_make1(make_constant("pg_catalog"));
	names = lappend(names, make_constant(TRUSTED));
	return lappend(names, make_constant("pg_temp"));
}

/*
 * The clause is the last option, if it is there: see sesstrig_routine_statement().
 */
void
sesstrig_path_complete(List *options)
{
	DefElem    *option = options ? llast(options) : NULL;

	if (option && option->defnamespace && strcmp(option->defnamespace, MARK) == 0)
		castNode(VariableSetStmt, option->arg)->args = path_of_creation();
}

/*
 * The path that the clauses of a routine set, as a value of the setting; NULL if they leave it
 * to the caller.
 */
char *
sesstrig_path_of_routine(List *options)
{
	char	   *path = NULL;
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (!sesstrig_path_is_set(option, path != NULL))
			path = NULL;
		else if (strcmp(option->defname, "set") == 0 &&
				 sesstrig_path_is_set(option, false) &&
				 castNode(VariableSetStmt, option->arg)->kind == VAR_SET_VALUE)
			path = ExtractSetVariableArgs(castNode(VariableSetStmt, option->arg));
	}
	return path;
}

/* Is pg_trusted an element of this setting, whose syntax has been checked? */
static bool
has_trusted(const char *setting)
{
	bool		found = false;
	const char *start = setting;
	char	   *copy;
	List	   *names;
	ListCell   *cell;

	/* Almost no setting has it, and every session computes a path. */
	while (*start &&
		   ((*start != 'p' && *start != 'P') ||
			pg_strncasecmp(start, TRUSTED, strlen(TRUSTED)) != 0))
		start++;
	if (!*start)
		return false;

	copy = pstrdup(setting);
	if (SplitIdentifierString(copy, ',', &names))
	{
		foreach(cell, names)
			found = found || strcmp(lfirst(cell), TRUSTED) == 0;
	}
	list_free(names);
	pfree(copy);
	return found;
}

/*
 * Remove from a path, computed for this role from this setting, what pg_trusted
 * keeps from being searched.  If a schema is left out, so is the temporary one:
 * any user could put there what is not found any more.
 *
 * "first" is the first schema that the setting names, where objects are created.
 * What is before it in the path is searched implicitly, so if it is left out, one
 * after it takes its place.  It is InvalidOid if the setting names no schema.
 */
List *
sesstrig_path_trust(const char *setting, Oid role, List *path, Oid *first)
{
	List	   *trusted = NIL;
	Oid			new_first = InvalidOid;
	bool		named = false;
	bool		complete = true;
	ListCell   *cell;

	if (!has_trusted(setting))
		return path;
	foreach(cell, path)
	{
		Oid			schema = lfirst_oid(cell);

		named = named || schema == *first;
		if (isAnyTempNamespace(schema))
			continue;
		if (schema != PG_CATALOG_NAMESPACE && !sesstrig_schema_is_closed(schema, role))
		{
			complete = false;
			continue;
		}
		trusted = lappend_oid(trusted, schema);
		if (named && !OidIsValid(new_first))
			new_first = schema;
	}
	if (complete)
	{
		list_free(trusted);
		return path;
	}
	list_free(path);
	*first = new_first;
	return trusted;
}
