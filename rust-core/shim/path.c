/*
 * path.c
 *	  The search_path of routines in Oracle's form (rule D1).
 *
 * In Oracle, a name in a routine means what it meant to the routine's author.  So
 * a routine that runs with its owner's rights gets a SET search_path clause, and
 * does not look names up in its caller's path.  The clause leaves out schemas in
 * which others can create objects that the routine would then find.
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
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

/*
 * The defnamespace of the option whose path is yet to be filled in: the grammar
 * must not access catalogs.  PostgreSQL does not use that field in options of
 * functions.
 */
#define MARK "sesstrig"

/* The number of schemas that a path may have. */
#define MAX_SCHEMAS 64

/* Make a SET search_path clause, which sesstrig_routine_fix_path() completes. */
DefElem *
sesstrig_path_option(void)
{
	VariableSetStmt *set = makeNode(VariableSetStmt);

	set->kind = VAR_SET_VALUE;
	set->name = "search_path";
	SESSTRIG_NO_LOCATION(set);
	return makeDefElemExtended(MARK, "set", (Node *) set, DEFELEM_UNSPEC, -1);
}

/* Is this option a clause that sets search_path? */
bool
sesstrig_path_is_set_by(const DefElem *option)
{
	const VariableSetStmt *set;

	if (strcmp(option->defname, "set") != 0)
		return false;
	set = castNode(VariableSetStmt, option->arg);
	return (set->kind == VAR_SET_VALUE || set->kind == VAR_SET_DEFAULT ||
			set->kind == VAR_SET_CURRENT) &&
		pg_strcasecmp(set->name, "search_path") == 0;
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

/* Can only trusted roles create objects in a schema? */
static bool
is_closed(Oid schema, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Form_pg_namespace form;
	Datum		datum;
	bool		isnull;
	bool		closed;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
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
 * Make the value of the clause: the schemas of the current search_path, without
 * those in which others than the owner and superusers can create objects, and
 * pg_temp last.
 */
static List *
closed_path(void)
{
	Oid			schemas[MAX_SCHEMAS];
	int			count = fetch_search_path_array(schemas, MAX_SCHEMAS);
	List	   *names = NIL;

	if (count > MAX_SCHEMAS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("search_path has more than %d schemas", MAX_SCHEMAS),
				 errhint("Give the routine a SET search_path clause.")));
	for (int i = 0; i < count; i++)
	{
		char	   *name = get_namespace_name(schemas[i]);

		if (is_closed(schemas[i], GetUserId()))
			names = lappend(names, make_constant(name));
		else
			ereport(WARNING,
					(errmsg("schema \"%s\" is left out of the routine's search_path", name),
					 errdetail("Others than its owner and superusers can create objects in this schema, which would run with the owner's rights."),
					 errhint("Write the schema before the names in the routine, or give it a SET search_path clause.")));
	}
	return lappend(names, make_constant("pg_temp"));
}

/* If the option is there, it is the last one: see sesstrig_routine_statement(). */
void
sesstrig_routine_fix_path(List *options)
{
	DefElem    *option = options ? llast(options) : NULL;

	if (option && option->defnamespace && strcmp(option->defnamespace, MARK) == 0)
		castNode(VariableSetStmt, option->arg)->args = closed_path();
}
