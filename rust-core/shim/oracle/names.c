/*
 * names.c
 *	  What the catalogs know of a name in a routine's text, which decides whether the
 *	  text is translated (rule D10).
 *
 * They are looked up in the path of the routine, which is in force then, but not in the
 * temporary schema: a routine with its owner's rights searches it last, and never for
 * functions.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_proc_d.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "server/sesstrig_try.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"

/* The parts of a name, of which there are one or two. */
static List *
make_name(const char *schema, const char *name)
{
	List	   *parts = list_make1(makeString(pstrdup(name)));

	return schema ? lcons(makeString(pstrdup(schema)), parts) : parts;
}

ErrorData *
sesstrig_try_find_type(const char *schema, const char *name, bool *found)
{
	GUARD_BEGIN();
	{
		TypeName   *type = makeTypeNameFromNameList(make_name(schema, name));
		Type		tuple = LookupTypeNameExtended(NULL, type, NULL, false, true);

		*found = tuple != NULL;
		if (tuple)
			ReleaseSysCache(tuple);
	}
	GUARD_END();
}

/* The kind of the function or procedure of that name, or 0; of several, a procedure's. */
ErrorData *
sesstrig_try_find_routine(const char *schema, const char *name, uint8 *kind)
{
	GUARD_BEGIN();
	{
		FuncCandidateList candidate = FuncnameGetCandidates(make_name(schema, name), -1, NIL,
															false, false, false, true);

		*kind = 0;
		for (; candidate && *kind != PROKIND_PROCEDURE; candidate = candidate->next)
			*kind = get_func_prokind(candidate->oid);
	}
	GUARD_END();
}

/* Is there a function of that name that can be called with so many arguments? */
ErrorData *
sesstrig_try_find_function(const char *schema, const char *name, int nargs, bool *found)
{
	GUARD_BEGIN();
	*found = FuncnameGetCandidates(make_name(schema, name), nargs, NIL, true, true, false, true) != NULL;
	GUARD_END();
}

/* The relation of that name, or InvalidOid. */
static Oid
find_relation(const char *schema, const char *name)
{
	Oid			relation = RangeVarGetRelid(makeRangeVarFromNameList(make_name(schema, name)),
											NoLock, true);

	return OidIsValid(relation) && !isAnyTempNamespace(get_rel_namespace(relation)) ?
		relation : InvalidOid;
}

/* The kind of the relation of that name, or 0. */
ErrorData *
sesstrig_try_find_relation(const char *schema, const char *name, uint8 *kind)
{
	GUARD_BEGIN();
	{
		Oid			relation = find_relation(schema, name);

		*kind = OidIsValid(relation) ? get_rel_relkind(relation) : 0;
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_find_extension(const char *name, bool *found)
{
	GUARD_BEGIN();
	*found = OidIsValid(get_extension_oid(name, true));
	GUARD_END();
}

/* Does a relation have a column of that name? */
ErrorData *
sesstrig_try_find_column(const char *schema, const char *name, const char *column, bool *found)
{
	GUARD_BEGIN();
	{
		Oid			relation = find_relation(schema, name);

		*found = OidIsValid(relation) && get_attnum(relation, column) != InvalidAttrNumber;
	}
	GUARD_END();
}

/*
 * Is there a schema of that name in which only the current user and superusers can create
 * objects?
 */
ErrorData *
sesstrig_try_schema_is_closed(const char *name, bool *closed)
{
	GUARD_BEGIN();
	{
		Oid			schema = get_namespace_oid(name, true);

		*closed = OidIsValid(schema) && sesstrig_schema_is_closed(schema, GetUserId());
	}
	GUARD_END();
}

ErrorData *
sesstrig_try_check_interrupts(void)
{
	GUARD_BEGIN();
	CHECK_FOR_INTERRUPTS();
	GUARD_END();
}
