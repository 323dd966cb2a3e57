/*
 * changes.c
 *	  What weakens the session audit, as it is commanded (rule A11): settings that are set, and
 *	  objects that are dropped, truncated, or altered.
 *
 * The server calls hooks, most of them once it has found that the role may do what it asks for.
 * What is not allowed is not recorded.  Such a hook knows the object, or the setting's name, but
 * not the statement, which therefore is noted before it is executed.  What is recorded is told to
 * Rust, which counts what is repeated.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_parameter_acl.h"
#include "catalog/pg_proc.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

#define AUDIT_SCHEMA "session_audit"

static object_access_hook_type previous_access = NULL;
static object_access_hook_type_str previous_access_str = NULL;

/* The utility statement that is being executed, as far as it matters here. */
typedef struct Statement
{
	CommandTag	tag;
	/* Does it drop the audit's schema or extension, so that of the parts nothing need be told? */
	bool		drops_whole;
	/* The rights that it grants or revokes, and whose. */
	const char *privileges;
	const char *grantees;
	/* What was told last: one statement can call a hook several times for the same. */
	ObjectAddress told;
	/* The setting that it sets, and the value; without a value it is reset. */
	char		setting[NAMEDATALEN];
	char		value[NAMEDATALEN];
	bool		has_value;
} Statement;

static Statement statement;

static void
note_setting(VariableSetStmt *set)
{
	char	   *value = NULL;

	statement.has_value = false;
	strlcpy(statement.setting, set->kind == VAR_RESET_ALL ? "all" : set->name,
			sizeof(statement.setting));
	if (set->kind == VAR_SET_VALUE)
		value = ExtractSetVariableArgs(set);
	else if (set->kind == VAR_SET_CURRENT)
		value = GetConfigOptionByName(set->name, NULL, true);
	if (value)
	{
		strlcpy(statement.value, value, sizeof(statement.value));
		statement.has_value = true;
	}
}

static void note_access(ObjectAccessType access, Oid class, Oid object, int part, void *arg);
static void note_access_str(ObjectAccessType access, Oid class, const char *object, int part,
							void *arg);

/*
 * The hooks cost every search for a name and every function a call.  A session that executes
 * none of the statements that matter does without them.
 */
static void
set_hooks(void)
{
	static bool set = false;

	if (set)
		return;
	set = true;
	previous_access = object_access_hook;
	object_access_hook = note_access;
	previous_access_str = object_access_hook_str;
	object_access_hook_str = note_access_str;
}

/* These come often, and change nothing that a hook sees, which needs no statement. */
static bool
is_harmless(Node *node)
{
	return IsA(node, VariableSetStmt) || IsA(node, VariableShowStmt) || IsA(node, TransactionStmt);
}

static bool
drops_audit(DropStmt *drop)
{
	ListCell   *cell;

	if (drop->removeType != OBJECT_EXTENSION && drop->removeType != OBJECT_SCHEMA)
		return false;
	foreach(cell, drop->objects)
		if (strcmp(strVal(lfirst(cell)), AUDIT_SCHEMA) == 0)
			return true;
	return false;
}

void
sesstrig_change_note_statement(Node *node)
{
	if (is_harmless(node))
		return;
	set_hooks();
	memset(&statement, 0, sizeof(statement));
	statement.tag = CreateCommandTag(node);
	switch (nodeTag(node))
	{
		case T_AlterSystemStmt:
			note_setting(((AlterSystemStmt *) node)->setstmt);
			break;
		case T_AlterRoleSetStmt:
			note_setting(((AlterRoleSetStmt *) node)->setstmt);
			break;
		case T_AlterDatabaseSetStmt:
			note_setting(((AlterDatabaseSetStmt *) node)->setstmt);
			break;
		case T_DropStmt:
			statement.drops_whole = drops_audit((DropStmt *) node);
			break;
		default:
			break;
	}
}

/* Tell of what is done to an object or, if there is a setting, to what applies there. */
static void
tell(const char *object, const char *setting, const char *old, const char *value)
{
	SesstrigChange change = {
		.change = GetCommandTagName(statement.tag),
		.object = object,
		.setting = setting,
		.privileges = statement.privileges,
		.grantees = statement.grantees,
		.old = old,
		.value = value,
	};

	sesstrig_raise_on_failure(sesstrig_audit_change(&change));
}

/* --- objects ----------------------------------------------------------------------- */

/* Is the log in this database? */
static bool
is_audit_database(Oid database)
{
	const char *name = sesstrig_audit_database();
	char	   *other = name ? get_database_name(database) : NULL;

	return other && strcmp(other, name) == 0;
}

/* Is this the schema of the audit, in the database where the log is? */
static bool
is_audit_schema(Oid schema)
{
	char	   *name = get_namespace_name(schema);

	return name && strcmp(name, AUDIT_SCHEMA) == 0 && is_audit_database(MyDatabaseId);
}

static bool
is_audit_extension(Oid extension)
{
	return extension == get_extension_oid(AUDIT_SCHEMA, true) && is_audit_database(MyDatabaseId);
}

static bool
is_session_trigger(Oid trigger)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGEROID, ObjectIdGetDatum(trigger));
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = sesstrig_event_is_known(NameStr(((Form_pg_event_trigger) GETSTRUCT(tuple))->evtevent));
	ReleaseSysCache(tuple);
	return found;
}

/* Does a table, or the like, belong to the audit?  A partition does so wherever it is. */
static bool
is_audit_relation(Oid relation)
{
	char		kind = get_rel_relkind(relation);
	List	   *ancestors;

	if (!is_audit_database(MyDatabaseId))
		return false;
	if (kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX)
		relation = IndexGetRelation(relation, true);
	if (is_audit_schema(get_rel_namespace(relation)))
		return true;
	ancestors = get_rel_relispartition(relation) ? get_partition_ancestors(relation) : NIL;
	return ancestors && is_audit_schema(get_rel_namespace(llast_oid(ancestors)));
}

/* Is this relation, or column of it, what the statement is about, as far as that matters? */
static bool
is_told_of_relation(ObjectAccessType access, Oid relation, int column)
{
	char		kind = get_rel_relkind(relation);
	bool		is_index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;

	/* What partitions have from their table is told once, of the table. */
	if ((column != 0 || is_index) && get_rel_relispartition(relation))
		return false;
	/* A table may get new indexes, and what is done to it is done to them. */
	if (is_index)
		return statement.tag == CMDTAG_DROP_INDEX || statement.tag == CMDTAG_ALTER_INDEX;
	return access != OAT_POST_CREATE || column != 0;
}

/* Does what is done to the object weaken the audit, or the triggers? */
static bool
is_of_audit(ObjectAccessType access, Oid class, Oid object, int part, void *arg)
{
	/* Of what is dropped as a whole, that tells enough. */
	if (access == OAT_DROP && statement.drops_whole &&
		(class == RelationRelationId || class == ProcedureRelationId))
		return false;
	/* Whoever creates or replaces a function, or adds a column, changes what is there. */
	if (access == OAT_POST_CREATE && class != ProcedureRelationId && class != RelationRelationId)
		return false;
	switch (class)
	{
		case RelationRelationId:
			return is_told_of_relation(access, object, part) && is_audit_relation(object);
		case InheritsRelationId:
			return is_audit_relation(object) || (access == OAT_POST_ALTER &&
												 is_audit_relation(((ObjectAccessPostAlter *) arg)->auxiliary_id));
		case ProcedureRelationId:
			return is_audit_schema(get_func_namespace(object));
		case NamespaceRelationId:
			return is_audit_schema(object);
		case ExtensionRelationId:
			return is_audit_extension(object);
		case EventTriggerRelationId:
			return is_session_trigger(object);
		case DatabaseRelationId:
			return is_audit_database(object);
		default:
			return false;
	}
}

/* Is this done by the script of the audit's own extension? */
static bool
is_own_script(Oid class)
{
	return creating_extension && class != EventTriggerRelationId && class != DatabaseRelationId &&
		CurrentExtensionObject == get_extension_oid(AUDIT_SCHEMA, true);
}

/* A column, a partition's place in the log, or the like is told by the object it belongs to. */
static void
tell_object(Oid class, Oid object)
{
	ObjectAddress address;

	ObjectAddressSet(address, class == InheritsRelationId ? RelationRelationId : class, object);
	if (memcmp(&address, &statement.told, sizeof(address)) == 0)
		return;
	statement.told = address;
	tell(getObjectDescription(&address, true), NULL, NULL, NULL);
}

/* --- settings ---------------------------------------------------------------------- */

/* "role alice in database app" */
static const char *
describe_place(Oid database, Oid role)
{
	char	   *database_name = OidIsValid(database) ? get_database_name(database) : NULL;
	char	   *role_name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	if (role_name && database_name)
		return psprintf("role %s in database %s", role_name, database_name);
	if (role_name)
		return psprintf("role %s", role_name);
	return database_name ? psprintf("database %s", database_name) : "all roles";
}

/* Tell of the setting of the statement, unless it is none of those that matter. */
static void
tell_setting(const char *place)
{
	bool		all = strcmp(statement.setting, "all") == 0;

	/* A role resets all that it may set itself. */
	if (all ? superuser() : sesstrig_audit_is_watched(statement.setting))
		tell(place, statement.setting, NULL, statement.has_value ? statement.value : NULL);
}

/* A role can reset what it may not set, where it is not set: then nothing is done. */
static bool
may_set(void)
{
	return superuser() ||
		pg_parameter_aclcheck(statement.setting, GetUserId(), ACL_SET) == ACLCHECK_OK;
}

/* The settings of sessions that matter, in the order of their functions below. */
static const char *const watched[] = {
	"session_triggers.enabled",
	"session_audit.enabled",
	"session_audit.required",
	"session_audit.timeout",
	"session_audit.log_to_server",
	"session_audit.context",
};

/* A session, or its client when it connects, sets one of these. */
static void
note_set(int setting, const char *value, GucSource source)
{
	const char *old;

	/* A parallel worker gets what its session has set. */
	if ((source != PGC_S_SESSION && source != PGC_S_CLIENT) || IsParallelWorker())
		return;
	old = GetConfigOption(watched[setting], true, false);
	if (strcmp(old ? old : "", value) == 0)
		return;
	sesstrig_raise_on_failure(sesstrig_audit_set(watched[setting], old ? old : "", value,
												 source == PGC_S_CLIENT));
}

#define CHECK_BOOL(n) \
	static bool check_##n(bool *value, void **extra, GucSource source) \
	{ \
		note_set(n, *value ? "on" : "off", source); \
		return true; \
	}
CHECK_BOOL(0)
CHECK_BOOL(1)
CHECK_BOOL(2)
CHECK_BOOL(4)

static bool
check_3(int *value, void **extra, GucSource source)
{
	char		text[16];

	snprintf(text, sizeof(text), "%d", *value);
	note_set(3, text, source);
	return true;
}

static bool
check_5(char **value, void **extra, GucSource source)
{
	note_set(5, *value ? *value : "", source);
	return true;
}

static void
watch(struct config_generic *setting)
{
	static const GucBoolCheckHook hooks[] = {check_0, check_1, check_2, NULL, check_4};

	for (int i = 0; i < (int) lengthof(watched); i++)
	{
		if (strcmp(setting->name, watched[i]) != 0)
			continue;
		if (setting->vartype == PGC_BOOL)
			((struct config_bool *) setting)->check_hook = hooks[i];
		else if (setting->vartype == PGC_INT)
			((struct config_int *) setting)->check_hook = check_3;
		else
			((struct config_string *) setting)->check_hook = check_5;
	}
}

/* --- hooks ------------------------------------------------------------------------- */

static void
note_access(ObjectAccessType access, Oid class, Oid object, int part, void *arg)
{
	if (previous_access)
		previous_access(access, class, object, part, arg);
	/* What the audit's workers do is no change. */
	if (access == OAT_NAMESPACE_SEARCH || access == OAT_FUNCTION_EXECUTE || sesstrig_is_audit_worker())
		return;
	if (class == DbRoleSettingRelationId)
	{
		if (may_set())
			tell_setting(describe_place(object, ((ObjectAccessPostAlter *) arg)->auxiliary_id));
	}
	else if (is_of_audit(access, class, object, part, arg) && !is_own_script(class) &&
			 (access != OAT_TRUNCATE ||
			  pg_class_aclcheck(object, GetUserId(), ACL_TRUNCATE) == ACLCHECK_OK))
		tell_object(class, object);
}

static void
note_access_str(ObjectAccessType access, Oid class, const char *object, int part, void *arg)
{
	if (previous_access_str)
		previous_access_str(access, class, object, part, arg);
	if (access == OAT_POST_ALTER && class == ParameterAclRelationId && (part & ACL_ALTER_SYSTEM))
		tell_setting(NULL);
}

/* --- grants ------------------------------------------------------------------------ */

/* "SELECT (login_user), TRIGGER WITH GRANT OPTION" */
static const char *
describe_privileges(GrantStmt *grant)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	if (grant->grant_option && !grant->is_grant)
		appendStringInfoString(&text, "GRANT OPTION FOR ");
	if (grant->privileges == NIL)
		appendStringInfoString(&text, "ALL");
	foreach(cell, grant->privileges)
	{
		AccessPriv *privilege = lfirst(cell);
		const char *name = privilege->priv_name ? privilege->priv_name : "all";
		const char *separator = " (";
		ListCell   *column;

		if (foreach_current_index(cell) > 0)
			appendStringInfoString(&text, ", ");
		while (*name)
			appendStringInfoChar(&text, pg_ascii_toupper((unsigned char) *name++));
		foreach(column, privilege->cols)
		{
			appendStringInfo(&text, "%s%s", separator, quote_identifier(strVal(lfirst(column))));
			separator = ", ";
		}
		if (privilege->cols != NIL)
			appendStringInfoChar(&text, ')');
	}
	if (grant->grant_option && grant->is_grant)
		appendStringInfoString(&text, " WITH GRANT OPTION");
	return text.data;
}

static const char *
describe_grantee(RoleSpec *role)
{
	char	   *name = role->rolename;

	if (role->roletype == ROLESPEC_PUBLIC)
		return "PUBLIC";
	if (role->roletype != ROLESPEC_CSTRING)
		name = GetUserNameFromId(get_rolespec_oid(role, false), false);
	return quote_identifier(name);
}

/* "alice, PUBLIC" */
static const char *
describe_grantees(GrantStmt *grant)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, grant->grantees)
		appendStringInfo(&text, "%s%s", foreach_current_index(cell) > 0 ? ", " : "",
						 describe_grantee(lfirst(cell)));
	return text.data;
}

/* Tell of rights to an object, if it is one of the audit. */
static void
tell_grant(Oid class, Oid object)
{
	if (OidIsValid(object) && is_of_audit(OAT_POST_ALTER, class, object, 0, NULL) &&
		!is_own_script(class))
		tell_object(class, object);
}

/*
 * Tell of what a superuser has granted or revoked, for which the server calls no hook.  What
 * others may grant, a superuser has given to them.
 */
static void
tell_grants(GrantStmt *grant)
{
	ObjectType	type = grant->targtype == ACL_TARGET_ALL_IN_SCHEMA ? OBJECT_SCHEMA : grant->objtype;
	ListCell   *cell;

	if (!superuser() || sesstrig_is_audit_worker())
		return;
	statement.privileges = describe_privileges(grant);
	statement.grantees = describe_grantees(grant);
	foreach(cell, grant->objects)
	{
		Node	   *object = lfirst(cell);

		switch (type)
		{
			case OBJECT_TABLE:
			case OBJECT_SEQUENCE:
				tell_grant(RelationRelationId, RangeVarGetRelid((RangeVar *) object, NoLock, true));
				break;
			case OBJECT_FUNCTION:
			case OBJECT_PROCEDURE:
			case OBJECT_ROUTINE:
				tell_grant(ProcedureRelationId,
						   LookupFuncWithArgs(type, (ObjectWithArgs *) object, true));
				break;
			case OBJECT_SCHEMA:
				tell_grant(NamespaceRelationId, get_namespace_oid(strVal(object), true));
				break;
			case OBJECT_DATABASE:
				tell_grant(DatabaseRelationId, get_database_oid(strVal(object), true));
				break;
			case OBJECT_PARAMETER_ACL:
				if (sesstrig_audit_is_watched(strVal(object)))
					tell(NULL, strVal(object), NULL, NULL);
				break;
			default:
				break;
		}
	}
}

/* --- statements -------------------------------------------------------------------- */

static ProcessUtility_hook_type previous_utility = NULL;

/*
 * Statements can be executed in one another: by what a trigger or a function executes, and by
 * the server itself.  The one around then goes on.
 */
static void
execute_utility(PlannedStmt *planned, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
				DestReceiver *receiver, QueryCompletion *completion)
{
	ProcessUtility_hook_type execute = previous_utility ? previous_utility : standard_ProcessUtility;
	Node	   *node = planned->utilityStmt;
	Statement	around;

	if (is_harmless(node))
	{
		execute(planned, query, read_only_tree, context, params, environment, receiver, completion);
		return;
	}
	around = statement;
	PG_TRY();
	{
		execute(planned, query, read_only_tree, context, params, environment, receiver, completion);
		if (IsA(node, GrantStmt))
			tell_grants((GrantStmt *) node);
	}
	PG_FINALLY();
	{
		statement = around;
	}
	PG_END_TRY();
}

void
sesstrig_changes_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = execute_utility;
	for (int i = 0; i < (int) lengthof(watched); i++)
		SESSTRIG_VISIT_SETTING(watched[i], watch);
}
