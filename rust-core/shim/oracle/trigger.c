/*
 * trigger.c
 *	  Session triggers that run procedures (rule D8), and Oracle's statements on
 *	  triggers that belong to no table (rule D9).
 *
 * CREATE TRIGGER ... AFTER LOGON ON DATABASE BEGIN ... END makes an event trigger
 * and the function behind it.  The grammar represents it as a CREATE EVENT TRIGGER
 * statement whose WHEN clause holds what only this file understands; upstream's
 * list of filters could not hold it.  DROP, ALTER and RENAME are upstream's own
 * statements on event triggers, marked so that they are refused for triggers of
 * other events.
 *
 * The text of a function behind a trigger is composed in Rust, and so is the
 * comment at its start by which such a function is known, also after pg_dump and a
 * restore.  How a body ends is not decided here, but in routine.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type_d.h"
#include "commands/alter.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "parser/scanner.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

/* The elements of the WHEN clause. */
#define ROUTINE "routine"		/* a CreateFunctionStmt */
#define ROLE "role"				/* a RoleSpec: only in sessions of this role */
#define CONDITION "condition"	/* the text after WHEN: only if this is true */

/* What to do if a name turns out to be that of another event's trigger. */
#define ALTER_HINT "Use ALTER EVENT TRIGGER; for a trigger on a table, add ON and the table's name."
#define DROP_HINT "Use DROP EVENT TRIGGER; for a trigger on a table, add ON and the table's name."

/* --- procedures ---------------------------------------------------------------- */

/* The procedure without parameters of that name, or InvalidOid. */
static Oid
find_procedure(List *name)
{
	ObjectWithArgs *procedure = makeNode(ObjectWithArgs);

	procedure->objname = name;
	return LookupFuncWithArgs(OBJECT_PROCEDURE, procedure, true);
}

/*
 * Raise an error unless a session trigger can run a procedure.  Output parameters
 * are the only ones that it can have, since it was found by its input parameters.
 */
static void
check_procedure(Oid procedure)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(procedure));
	Form_pg_proc form;
	char	   *language;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", procedure);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->prorettype != VOIDOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("procedure %s must have no parameters", NameStr(form->proname))));
	language = get_language_name(form->prolang, false);
	if (!sesstrig_language_is_supported(language))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("procedure %s cannot be run by an event trigger", NameStr(form->proname)),
				 errdetail("Language \"%s\" does not support event triggers.", language)));
	ReleaseSysCache(tuple);
}

/*
 * The function that an event trigger is to run, and its result type.  For a session
 * event a procedure will do as well; its result type is then said to be that of a
 * function for event triggers.  Upstream's code reports what is wrong with a name that
 * is found as neither.
 */
Oid
sesstrig_event_find_function(const char *event, List *name, Oid *result)
{
	bool		is_session_event = sesstrig_event_is_known(event);
	Oid			function = LookupFuncName(name, 0, NULL, is_session_event);

	if (!OidIsValid(function))
	{
		function = find_procedure(name);
		if (OidIsValid(function))
		{
			check_procedure(function);
			sesstrig_event_check_function(function, NameListToString(name));
			*result = EVENT_TRIGGEROID;
			return function;
		}
		function = LookupFuncName(name, 0, NULL, false);
	}
	sesstrig_event_check_function(function, NameListToString(name));
	*result = get_func_rettype(function);
	return function;
}

/* --- Oracle's statements: called by the grammar --------------------------------- */

/* A word before TRIGGER, which has no meaning here. */
void
sesstrig_trigger_edition(int location, core_yyscan_t yyscanner)
{
	size_t		length;
	const char *word = sesstrig_query_at(location, &length);

	if (!sesstrig_edition_is_known(word, length))
		sesstrig_syntax_error(location, yyscanner);
}

/* The event of CREATE TRIGGER: BEFORE, AFTER or INSTEAD OF, and a word. */
char *
sesstrig_trigger_event(int timing, int location, core_yyscan_t yyscanner)
{
	bool		after = timing == TRIGGER_TYPE_AFTER;
	const char *event = timing == TRIGGER_TYPE_INSTEAD ? NULL : sesstrig_event_at(after, location);
	size_t		length;
	const char *word = sesstrig_query_at(location, &length);
	const char *hint = sesstrig_event_hint(word, length);

	if (event)
		return pstrdup(event);
	if (!hint)
		sesstrig_syntax_error(location, yyscanner);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("triggers %s %s are not supported",
					timing == TRIGGER_TYPE_INSTEAD ? "INSTEAD OF" : after ? "AFTER" : "BEFORE",
					sesstrig_query_token(location)),
			 errhint("%s", hint),
			 scanner_errposition(location, yyscanner)));
}

/* After OR, whose location this is: CREATE TRIGGER for several events. */
void
sesstrig_trigger_refuse_events(int location, core_yyscan_t yyscanner)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("triggers for several events are not supported"),
			 errhint("Create one trigger for each event: AFTER LOGON or BEFORE LOGOFF."),
			 scanner_errposition(location, yyscanner)));
}

/* A word after ON DATABASE or ON SCHEMA: an option that does not exist here. */
void
sesstrig_trigger_refuse_option(int location, core_yyscan_t yyscanner)
{
	size_t		length;
	const char *word = sesstrig_query_at(location, &length);
	const char *hint = sesstrig_trigger_option_hint(word, length);

	if (!hint)
		sesstrig_syntax_error(location, yyscanner);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("CREATE TRIGGER ... %s is not supported", sesstrig_query_token(location)),
			 errhint("%s", hint),
			 scanner_errposition(location, yyscanner)));
}

RoleSpec *
sesstrig_trigger_role(char *name, int location)
{
	RoleSpec   *role = makeNode(RoleSpec);

	role->roletype = ROLESPEC_CSTRING;
	role->rolename = name;
	role->location = location;
	return role;
}

/*
 * A CREATE TRIGGER statement that lacks its name.  The condition has been parsed, so
 * that it cannot be more than an expression; what counts is its text, from the
 * parenthesis after WHEN up to the block.
 */
Node *
sesstrig_trigger_define(char *event, RoleSpec *role, Node *condition, int condition_location,
						int block_location, DefElem *text)
{
	CreateEventTrigStmt *statement = makeNode(CreateEventTrigStmt);

	/* A firing sets it to on, and would read the text in another way. */
	if (!standard_conforming_strings &&
		(strchr(strVal(text->arg), '\\') ||
		 (condition && strchr(sesstrig_query_part(condition_location, block_location), '\\'))))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("triggers with backslashes cannot be created while \"%s\" is off",
						"standard_conforming_strings"),
				 errhint("Set it to on, and use E'...' for strings with escapes.")));
	statement->eventname = event;
	statement->whenclause = list_make1(makeDefElem(ROUTINE, (Node *) text, text->location));
	if (role)
		statement->whenclause = lappend(statement->whenclause,
										makeDefElem(ROLE, (Node *) role, role->location));
	if (condition)
	{
		int			start = condition_location + strlen("WHEN");
		String	   *string = makeString(sesstrig_query_part(start, block_location));

		statement->whenclause = lappend(statement->whenclause,
										makeDefElem(CONDITION, (Node *) string, start));
	}
	return (Node *) statement;
}

/* Complete a CREATE TRIGGER statement: the text becomes a CREATE FUNCTION statement. */
Node *
sesstrig_trigger_statement(bool replace, List *name, Node *definition, core_yyscan_t yyscanner)
{
	CreateEventTrigStmt *statement = castNode(CreateEventTrigStmt, definition);
	DefElem    *routine = linitial_node(DefElem, statement->whenclause);
	DefElem    *text = castNode(DefElem, routine->arg);

	statement->trigname = strVal(llast(name));
	statement->funcname = name;
	routine->arg = sesstrig_routine_statement(false, replace, name, NIL,
											  SystemTypeName("event_trigger"),
											  list_make1(text), yyscanner);
	return (Node *) statement;
}

/*
 * The following statements are those for event triggers.  Each has a mark in a field
 * that has no meaning for event triggers, or a value that upstream does not know.  In a
 * marked statement, the name is an SQL identifier, which may be qualified.
 * sesstrig_trigger_check() resolves it, and takes the mark away.
 */
static char *
mark_name(List *name)
{
	return NameListToQuotedString(name);
}

Node *
sesstrig_trigger_enable(List *name, char enabled)
{
	AlterEventTrigStmt *statement = makeNode(AlterEventTrigStmt);

	statement->trigname = mark_name(name);
	statement->tgenabled = pg_ascii_tolower(enabled);
	return (Node *) statement;
}

Node *
sesstrig_trigger_rename(List *name, char *new_name)
{
	RenameStmt *statement = makeNode(RenameStmt);

	statement->renameType = OBJECT_EVENT_TRIGGER;
	statement->object = (Node *) makeString(mark_name(name));
	statement->subname = pstrdup("trigger");
	statement->newname = new_name;
	return (Node *) statement;
}

Node *
sesstrig_trigger_drop(ObjectType type, List *name, bool missing_ok, DropBehavior behavior,
					  core_yyscan_t yyscanner)
{
	DropStmt   *statement = makeNode(DropStmt);

	/* Without ON and a table, only a trigger can be meant. */
	if (type != OBJECT_TRIGGER)
		scanner_yyerror(_("syntax error"), yyscanner);
	statement->removeType = OBJECT_EVENT_TRIGGER;
	statement->objects = list_make1(makeString(mark_name(name)));
	statement->behavior = behavior;
	statement->missing_ok = missing_ok;
	statement->concurrent = true;
	return (Node *) statement;
}

/* --- the function behind a trigger ------------------------------------------------ */

/*
 * A name for the function behind a new trigger: that of the trigger, unless there is
 * such a function already, which may be a routine that the trigger calls.
 */
static List *
choose_name(List *name)
{
	char	   *base;
	Oid			schema = QualifiedNameGetCreationNamespace(name, &base);
	oidvector  *no_parameters = buildoidvector(NULL, 0);
	char	   *function = base;
	int			number = 0;

	while (SearchSysCacheExists3(PROCNAMEARGSNSP, CStringGetDatum(function),
								 PointerGetDatum(no_parameters), ObjectIdGetDatum(schema)))
	{
		CHECK_FOR_INTERRUPTS();
		function = makeObjectName(base, NULL, psprintf("%d", ++number));
	}
	return list_make2(makeString(get_namespace_name(schema)), makeString(function));
}

/* Is a name of a function one that choose_name() may have chosen for a trigger? */
static bool
is_name_for(const char *function, const char *trigger)
{
	const char *underscore = strrchr(function, '_');

	if (strcmp(function, trigger) == 0)
		return true;
	return underscore && strspn(underscore + 1, "0123456789") == strlen(underscore + 1) &&
		strcmp(function, makeObjectName(trigger, NULL, underscore + 1)) == 0;
}

/*
 * Find a wanted row among those of pg_depend that have a function in two columns, for
 * which there is an index.  Return whether there is one, and copy it to *found.
 */
static bool
find_dependency(Oid function, Oid index, AttrNumber class_column, AttrNumber object_column,
				bool (*is_wanted) (Form_pg_depend), FormData_pg_depend *found)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		is_found = false;

	ScanKeyInit(&keys[0], class_column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&keys[1], object_column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(function));
	scan = systable_beginscan(depend, index, true, NULL, 2, keys);
	while (!is_found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		*found = *(Form_pg_depend) GETSTRUCT(tuple);
		is_found = is_wanted(found);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return is_found;
}

static bool
is_bond(Form_pg_depend row)
{
	return row->refclassid == EventTriggerRelationId && row->deptype == DEPENDENCY_EXTENSION;
}

static bool
is_of_no_trigger(Form_pg_depend row)
{
	return row->classid != EventTriggerRelationId;
}

/* The event trigger that a function belongs to, or InvalidOid. */
static Oid
trigger_of(Oid function)
{
	FormData_pg_depend row;

	return find_dependency(function, DependDependerIndexId, Anum_pg_depend_classid,
						   Anum_pg_depend_objid, is_bond, &row) ? row.refobjid : InvalidOid;
}

/* Does anything but event triggers depend on a function? */
static bool
has_dependents(Oid function)
{
	FormData_pg_depend row;

	return find_dependency(function, DependReferenceIndexId, Anum_pg_depend_refclassid,
						   Anum_pg_depend_refobjid, is_of_no_trigger, &row);
}

/* The owner of a function. */
static Oid
owner_of(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Was this function made by CREATE TRIGGER for an event trigger of that name?  A dump
 * may restore other triggers of the function first.
 */
static bool
is_made_for(Oid function, const char *name, Oid owner)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		isnull = true;
	Datum		source = 0;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	result = form->prokind == PROKIND_FUNCTION && form->prorettype == EVENT_TRIGGEROID &&
		form->proowner == owner && !isnull &&
		sesstrig_source_is_trigger(TextDatumGetCString(source)) &&
		is_name_for(NameStr(form->proname), name);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Trigger and function depend on each other: the trigger on the function as any event
 * trigger does, and the function on the trigger so that it goes with the trigger, and
 * cannot be dropped without it.
 *
 * The kind of the latter dependency is that of an extension's member.  It does just
 * that, and is the only kind that pg_dump leaves aside: for an internal dependency it
 * would not dump the function, and for any other it would see a loop.  Whoever looks
 * for an extension's members also compares the class of what they depend on.
 */
static void
bind_function(Oid trigger, const char *name, const char *event, Oid owner, Oid function)
{
	if (sesstrig_event_is_known(event) && is_made_for(function, name, owner) &&
		!OidIsValid(trigger_of(function)))
	{
		ObjectAddress dependent;
		ObjectAddress independent;

		ObjectAddressSet(dependent, ProcedureRelationId, function);
		ObjectAddressSet(independent, EventTriggerRelationId, trigger);
		recordDependencyOn(&dependent, &independent, DEPENDENCY_EXTENSION);
	}
}

/*
 * The function that belongs to an event trigger, or InvalidOid.  It is one that the
 * trigger executes and that nobody has given to another owner.  For a user who may not
 * change the trigger there is none, and upstream's code reports that.
 */
static Oid
function_of(const char *name)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(name));
	Form_pg_event_trigger form;
	Oid			function;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	function = form->evtfoid;
	if (trigger_of(function) != form->oid || owner_of(function) != form->evtowner ||
		!has_privs_of_role(GetUserId(), form->evtowner))
		function = InvalidOid;
	ReleaseSysCache(tuple);
	return function;
}

/* The qualified name of a function. */
static List *
name_of(Oid function)
{
	return list_make2(makeString(get_namespace_name(get_func_namespace(function))),
					  makeString(get_func_name(function)));
}

/* A function without parameters as a parsed statement names it. */
static Node *
object_of(Oid function)
{
	ObjectWithArgs *object = makeNode(ObjectWithArgs);

	object->objname = name_of(function);
	return (Node *) object;
}

/* Have a function stay when its trigger is dropped. */
static void
release_function(Oid function)
{
	deleteDependencyRecordsForClass(ProcedureRelationId, function, EventTriggerRelationId,
									DEPENDENCY_EXTENSION);
	CommandCounterIncrement();
}

/*
 * Any role can create a view that depends on a function.  That must not keep a
 * superuser from dropping the trigger, so the function stays then.
 */
static void
before_drop(const char *name)
{
	Oid			function = function_of(name);

	if (!OidIsValid(function) || !has_dependents(function))
		return;
	ereport(NOTICE,
			(errmsg("function %s of event trigger \"%s\" is not dropped",
					NameListToString(name_of(function)), name),
			 errdetail("Other objects depend on it.")));
	release_function(function);
}

/* The function behind a trigger gets the new name of the trigger, too. */
static void
before_rename(const char *name, const char *new_name)
{
	Oid			function = function_of(name);
	RenameStmt *rename;
	char	   *schema;

	if (!OidIsValid(function))
		return;
	schema = get_namespace_name(get_func_namespace(function));
	rename = makeNode(RenameStmt);
	rename->renameType = OBJECT_FUNCTION;
	rename->object = object_of(function);
	rename->newname = strVal(llast(choose_name(list_make2(makeString(schema),
														  makeString(pstrdup(new_name))))));
	ExecRenameStmt(rename);
	CommandCounterIncrement();
}

/* Give a function to another owner. */
static void
give_function(Oid function, RoleSpec *owner)
{
	AlterOwnerStmt *alter = makeNode(AlterOwnerStmt);

	alter->objectType = OBJECT_FUNCTION;
	alter->object = object_of(function);
	alter->newowner = owner;
	ExecAlterOwnerStmt(alter);
	CommandCounterIncrement();
}

/*
 * The function behind a trigger gets the new owner of the trigger, too.  A dump first
 * creates a trigger as whoever restores it, while the function has its owner already;
 * then the function comes to belong to its trigger here.
 *
 * Whether the user may change the trigger is asked here, since upstream's code does not
 * ask where the owner stays the same.  If not, nothing is done, and upstream's code says
 * so where the owner would change.
 */
static void
before_owner_change(const char *name, RoleSpec *owner)
{
	HeapTuple	tuple = SearchSysCacheCopy1(EVENTTRIGGERNAME, CStringGetDatum(name));
	Form_pg_event_trigger form;
	Oid			function;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	if (!SESSTRIG_OWNS_EVENT_TRIGGER(form->oid, GetUserId()))
		return;
	function = function_of(name);
	if (OidIsValid(function))
		give_function(function, owner);
	else
		bind_function(form->oid, name, NameStr(form->evtevent), get_rolespec_oid(owner, false),
					  form->evtfoid);
}

/* --- Oracle's statements: executed ---------------------------------------------- */

/*
 * Raise an error if there is an event trigger of that name for another event than
 * those of sessions, or with a function in another schema.  In the latter case, return
 * false if missing_ok.  If there is none of that name, upstream's code says so.
 */
static bool
check_trigger(const char *schema, const char *name, const char *hint, bool missing_ok)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(name));
	Form_pg_event_trigger form;

	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	if (!sesstrig_event_is_known(NameStr(form->evtevent)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("event trigger \"%s\" is not for a session event", name),
				 errdetail("It is for the event %s.", NameStr(form->evtevent)),
				 errhint("%s", hint)));
	if (schema && get_namespace_oid(schema, missing_ok) != get_func_namespace(form->evtfoid))
	{
		if (!missing_ok)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("event trigger \"%s\" does not belong to schema \"%s\"", name, schema),
					 errdetail("The function that it executes is in another schema.")));
		ReleaseSysCache(tuple);
		return false;
	}
	ReleaseSysCache(tuple);
	return true;
}

/*
 * The name of the trigger that mark_name() was given, after a check.  NULL if there is
 * none in the schema, and missing_ok.
 */
static char *
resolve_name(const char *marked, const char *hint, bool missing_ok)
{
	List	   *names;
	char	   *name;
	char	   *schema;

	if (!SplitIdentifierString(pstrdup(marked), '.', &names))
		elog(ERROR, "unexpected name: %s", marked);
	if (list_length(names) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("improper qualified name (too many dotted names): %s", marked)));
	schema = list_length(names) == 2 ? linitial(names) : NULL;
	name = llast(names);
	return check_trigger(schema, name, hint, missing_ok) ? name : NULL;
}

static void
check_drop(DropStmt *statement)
{
	ListCell   *cell;

	if (statement->concurrent)
	{
		Node	   *object = linitial(statement->objects);
		char	   *name = resolve_name(strVal(object), DROP_HINT, statement->missing_ok);

		statement->concurrent = false;
		if (!name)
		{
			ereport(NOTICE,
					(errmsg("event trigger \"%s\" does not exist, skipping", strVal(object))));
			statement->objects = NIL;
			return;
		}
		strVal(object) = name;
	}
	if (statement->behavior == DROP_RESTRICT)
		foreach(cell, statement->objects)
			before_drop(strVal(lfirst(cell)));
}

/*
 * Complete one of the statements above, and change the function behind a trigger together
 * with the trigger, whichever statement does that.
 */
void
sesstrig_trigger_check(Node *node)
{
	sesstrig_event_note_statement(node);
	switch (nodeTag(node))
	{
		case T_AlterEventTrigStmt:
			{
				AlterEventTrigStmt *statement = castNode(AlterEventTrigStmt, node);
				char		enabled = pg_ascii_toupper(statement->tgenabled);

				if (statement->tgenabled != enabled)
					statement->trigname = resolve_name(statement->trigname, ALTER_HINT, false);
				statement->tgenabled = enabled;
				break;
			}
		case T_RenameStmt:
			{
				RenameStmt *statement = castNode(RenameStmt, node);

				if (statement->renameType != OBJECT_EVENT_TRIGGER)
					break;
				if (statement->subname)
					strVal(statement->object) = resolve_name(strVal(statement->object), ALTER_HINT, false);
				statement->subname = NULL;
				before_rename(strVal(statement->object), statement->newname);
				break;
			}
		case T_AlterOwnerStmt:
			{
				AlterOwnerStmt *statement = castNode(AlterOwnerStmt, node);

				if (statement->objectType == OBJECT_EVENT_TRIGGER)
					before_owner_change(strVal(statement->object), statement->newowner);
				break;
			}
		case T_DropStmt:
			if (castNode(DropStmt, node)->removeType == OBJECT_EVENT_TRIGGER)
				check_drop(castNode(DropStmt, node));
			break;
		default:
			break;
	}
}

/*
 * The source of a function behind a trigger.  Its text is composed in Rust, which is
 * first asked for the length.
 */
static char *
compose_source(const char *role, const char *condition, const char *block)
{
	size_t		length = sesstrig_trigger_source(role, condition, block, NULL, 0);
	char	   *source = palloc(length + 1);

	sesstrig_trigger_source(role, condition, block, source, length);
	source[length] = '\0';
	return source;
}

/* Make the function's text of the block, the role and the condition. */
static void
complete_text(CreateFunctionStmt *function, List *elements)
{
	const char *role = NULL;
	const char *condition = NULL;
	ListCell   *cell;

	foreach(cell, elements)
	{
		DefElem    *element = lfirst_node(DefElem, cell);

		if (strcmp(element->defname, ROLE) == 0)
		{
			Oid			oid = get_rolespec_oid(castNode(RoleSpec, element->arg), false);

			role = quote_literal_cstr(GetUserNameFromId(oid, false));
		}
		else if (strcmp(element->defname, CONDITION) == 0)
			condition = strVal(element->arg);
	}
	foreach(cell, function->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "as") == 0)
		{
			const char *block = strVal(linitial(castNode(List, option->arg)));

			option->arg = (Node *) list_make1(makeString(compose_source(role, condition, block)));
		}
	}
}

Oid
sesstrig_trigger_bind(Oid trigger, const CreateEventTrigStmt *statement, Oid function)
{
	bind_function(trigger, statement->trigname, statement->eventname, GetUserId(), function);
	return trigger;
}

bool
sesstrig_trigger_is_oracle(const CreateEventTrigStmt *statement)
{
	Node	   *routine;

	if (statement->whenclause == NIL)
		return false;
	routine = linitial_node(DefElem, statement->whenclause)->arg;
	return routine && IsA(routine, CreateFunctionStmt);
}

/* The function behind a trigger, created or replaced under a name. */
static Oid
create_function(CreateFunctionStmt *function, List *name, bool replace)
{
	ParseState *state = make_parsestate(NULL);
	ObjectAddress address;

	function->funcname = name;
	function->replace = replace;
	address = CreateFunction(state, function);
	free_parsestate(state);
	CommandCounterIncrement();
	return address.objectId;
}

/*
 * Replace an event trigger: its event, and its function.  It keeps its owner and
 * whether it is enabled.  A function that belongs to it is replaced; any other is left
 * alone, and a new one is made.
 */
static Oid
replace_trigger(Relation catalog, HeapTuple tuple, const CreateEventTrigStmt *statement,
				CreateFunctionStmt *function, List *name)
{
	Form_pg_event_trigger form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	Oid			trigger = form->oid;
	Oid			owner = form->evtowner;
	Oid			old = form->evtfoid;
	Oid			own = function_of(statement->trigname);
	ObjectAddress address;
	Oid			new;

	/* The script of an extension can only replace what belongs to it. */
	ObjectAddressSet(address, EventTriggerRelationId, trigger);
	recordDependencyOnCurrentExtension(&address, true);

	if (OidIsValid(own))
		new = create_function(function, name_of(own), true);
	else
	{
		if (trigger_of(old) == trigger)
			release_function(old);
		new = create_function(function, choose_name(name), false);
	}
	form->evtfoid = new;
	namestrcpy(&form->evtevent, statement->eventname);
	CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	if (new != old)
	{
		changeDependencyFor(EventTriggerRelationId, trigger, ProcedureRelationId, old, new);
		if (owner != GetUserId())
			give_function(new, sesstrig_trigger_role(GetUserNameFromId(owner, false), -1));
	}
	InvokeObjectPostAlterHook(EventTriggerRelationId, trigger, 0);
	bind_function(trigger, statement->trigname, statement->eventname, owner, new);
	return trigger;
}

/*
 * Raise an error if a superuser is about to replace a trigger of a role that is not one.  It
 * would keep its owner, who can have taken the name on purpose, and so what is meant for all
 * sessions would fire only in those of a few roles.
 */
static void
check_replaced_owner(Oid owner, const char *name)
{
	if (superuser() && !superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("event trigger \"%s\" belongs to a role that is not a superuser", name),
				 errhint("Drop it first, or use SET ROLE to replace it as its owner.")));
}

Oid
sesstrig_trigger_create(CreateEventTrigStmt *statement)
{
	DefElem    *routine = linitial_node(DefElem, statement->whenclause);
	CreateFunctionStmt *function = castNode(CreateFunctionStmt, routine->arg);
	List	   *name = statement->funcname;
	List	   *elements = statement->whenclause;
	Relation	catalog;
	HeapTuple	tuple;
	Oid			trigger;

	/* What is left is an ordinary CREATE EVENT TRIGGER statement. */
	statement->whenclause = NIL;

	/* Upstream's code knows who may create event triggers, and what to say. */
	if (!sesstrig_event_may_create(statement))
		return CreateEventTrigger(statement);

	catalog = table_open(EventTriggerRelationId, RowExclusiveLock);
	tuple = SearchSysCacheCopy1(EVENTTRIGGERNAME, CStringGetDatum(statement->trigname));
	if (HeapTupleIsValid(tuple) && !function->replace)
		trigger = CreateEventTrigger(statement);	/* it exists already */
	else if (HeapTupleIsValid(tuple))
	{
		char	   *schema;
		char	   *base;

		DeconstructQualifiedName(name, &schema, &base);
		check_trigger(schema, base, "Drop it first, or choose another name.", false);
		if (!SESSTRIG_OWNS_EVENT_TRIGGER(((Form_pg_event_trigger) GETSTRUCT(tuple))->oid, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_EVENT_TRIGGER, base);
		check_replaced_owner(((Form_pg_event_trigger) GETSTRUCT(tuple))->evtowner, base);
		complete_text(function, elements);
		trigger = replace_trigger(catalog, tuple, statement, function, name);
	}
	else
	{
		complete_text(function, elements);
		statement->funcname = choose_name(name);
		create_function(function, statement->funcname, false);
		trigger = CreateEventTrigger(statement);
	}
	table_close(catalog, NoLock);
	return trigger;
}
