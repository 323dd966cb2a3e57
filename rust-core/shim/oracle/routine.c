/*
 * routine.c
 *	  What the grammar calls for Oracle's syntax: routines without quotes around
 *	  their text (rules D1 to D3), names of types and options (rule D5), spelled
 *	  events, and errors that say what to write instead.
 *
 * Parse nodes are made here.  Where a routine ends, and what a word means, is
 * decided in Rust.  Oracle's triggers, whose text is read here too, are made in
 * trigger.c.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_type_d.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

/* This much of a token suffices to know its kind, since no keyword is longer. */
#define TOKEN_LENGTH 256

/*
 * The defnamespace of a text that has yet to be translated: the grammar must not access
 * catalogs.  PostgreSQL does not use that field in options of functions.
 */
#define ORIGINAL "sesstrig_original"

/*
 * The text that raw_parser() is parsing; NULL between two parses.  It is needed
 * because the scanner modifies its own copy.  After an error it dangles until the
 * next parse, but only actions of the grammar use it.
 */
static const char *query_text = NULL;

/* The length of query_text, or 0 if it has not been computed yet. */
static size_t query_length;

void
sesstrig_parser_begin(const char *text)
{
	query_text = text;
	query_length = 0;
}

void
sesstrig_parser_end(void)
{
	query_text = NULL;
}

const char *
sesstrig_query_at(int location, size_t *length)
{
	const char *token = query_text + location;

	Assert(query_text != NULL);
	*length = strnlen(token, TOKEN_LENGTH);
	return token;
}

char *
sesstrig_query_token(int location)
{
	const char *token = query_text + location;

	Assert(query_text != NULL);
	return pnstrdup(token, sesstrig_token_length(token, strlen(token),
												 standard_conforming_strings));
}

char *
sesstrig_query_part(int start, int end)
{
	Assert(query_text != NULL);
	return pnstrdup(query_text + start, end - start);
}

void
sesstrig_syntax_error(int location, core_yyscan_t yyscanner)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("%s at or near \"%s\"", _("syntax error"), sesstrig_query_token(location)),
			 scanner_errposition(location, yyscanner)));
}

/*
 * Does a type follow the RETURN at this offset of the query, rather than the
 * expression of a standard SQL body?
 *
 * To find out, the text after RETURN is read, at most up to the end of the
 * statement, so that no part of a query is read more than once.  No mistake is
 * reported here; that is left to the parser.
 */
bool
sesstrig_routine_returns_type(int location)
{
	void	   *header = palloc(sesstrig_header_size());
	size_t		at = location;
	SesstrigRoutineForm form = SESSTRIG_ROUTINE_FORM_UNDECIDED;

	Assert(query_text != NULL);
	if (query_length == 0)
		query_length = strlen(query_text);
	sesstrig_header_start(header);
	while (form == SESSTRIG_ROUTINE_FORM_UNDECIDED)
	{
		CHECK_FOR_INTERRUPTS();
		sesstrig_raise_on_failure(sesstrig_header_read(header, query_text, query_length,
													   standard_conforming_strings, &at, &form));
	}
	pfree(header);

	return form == SESSTRIG_ROUTINE_FORM_ROUTINE;
}

/*
 * Begin a routine's body at the token at this offset.  The automaton is allocated
 * in the current memory context, and is freed with it.
 */
void *
sesstrig_routine_begin(int location, core_yyscan_t yyscanner)
{
	void	   *body = palloc(sesstrig_body_size());
	size_t		length;
	const char *token = sesstrig_query_at(location, &length);

	if (!sesstrig_body_may_start(token, length))
		scanner_yyerror("syntax error", yyscanner);

	sesstrig_body_start(body);
	return body;
}

/* The same for the block of a trigger, whose first token also starts the text. */
void *
sesstrig_trigger_begin(int location, core_yyscan_t yyscanner)
{
	size_t		length;
	const char *token = sesstrig_query_at(location, &length);

	if (!sesstrig_block_may_start(token, length))
		sesstrig_syntax_error(location, yyscanner);
	return sesstrig_routine_begin(location, yyscanner);
}

/* Feed the automaton the token at this offset, and return what the token is. */
SesstrigRoutineToken
sesstrig_routine_feed(void *routine, int location, core_yyscan_t yyscanner)
{
	size_t		length;
	const char *token = sesstrig_query_at(location, &length);
	SesstrigRoutineStep step;
	SesstrigRoutineError found;

	CHECK_FOR_INTERRUPTS();
	sesstrig_raise_on_failure(sesstrig_body_feed(routine, token, length, location, &step, &found));
	switch (step)
	{
		case SESSTRIG_ROUTINE_STEP_MORE:
			return SESSTRIG_TOKEN_INSIDE;
		case SESSTRIG_ROUTINE_STEP_END:
			return SESSTRIG_TOKEN_END;
		case SESSTRIG_ROUTINE_STEP_NAME:
			return SESSTRIG_TOKEN_NAME;
		case SESSTRIG_ROUTINE_STEP_DONE:
			return SESSTRIG_TOKEN_OUTSIDE;
		case SESSTRIG_ROUTINE_STEP_FAILED:
			break;
	}
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(found.sqlstate[0], found.sqlstate[1], found.sqlstate[2],
								   found.sqlstate[3], found.sqlstate[4])),
			 errmsg_internal("%s", found.message),
			 found.detail ? errdetail_internal("%s", found.detail) : 0,
			 found.hint ? errhint("%s", found.hint) : 0,
			 scanner_errposition(found.position, yyscanner)));
}

/*
 * Fill in a routine's text: the query from "start" to "end", after DECLARE if the
 * token at "first" requires that.
 */
void
sesstrig_routine_text(DefElem *text, int start, int first, int end)
{
	const char *prefix = sesstrig_body_prefix(query_text + first, end - first);

	text->arg = (Node *) makeString(psprintf("%s%s", prefix, sesstrig_query_part(start, end)));
	if (text->location < 0)
		text->location = start;
}

/* Fill in the block of a trigger, which has a DECLARE of its own. */
void
sesstrig_trigger_text(DefElem *text, int first, int end)
{
	text->arg = (Node *) makeString(sesstrig_query_part(first, end));
	if (text->location < 0)
		text->location = first;
}

/*
 * Make an ordinary CREATE FUNCTION or PROCEDURE statement of a routine.  The last
 * option is the body.  The option that sesstrig_path_complete() completes, if
 * any, must be the last one in the result.
 */
Node *
sesstrig_routine_statement(bool is_procedure, bool replace, List *name, List *parameters,
						   TypeName *result, List *options, core_yyscan_t yyscanner)
{
	CreateFunctionStmt *statement = makeNode(CreateFunctionStmt);
	DefElem    *body = llast(options);
	bool		has_security = false;
	bool		definer = true;
	bool		has_path = false;
	ListCell   *cell;

	/* The defname of the body is the name after its END so far; see the grammar. */
	if (body->defname && strcmp(body->defname, strVal(llast(name))) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" at the end of the routine is not its name", body->defname),
				 errhint("Write END \"%s\" or END alone.", strVal(llast(name))),
				 scanner_errposition(body->location, yyscanner)));

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (option == body)
			continue;
		if (strcmp(option->defname, "security") == 0)
		{
			has_security = true;
			definer = boolVal(option->arg);
		}
		has_path = sesstrig_path_is_set(option, has_path);
	}

	body->defname = "as";
	body->defnamespace = ORIGINAL;
	body->arg = (Node *) list_make1(body->arg);
	options = lappend(options, makeDefElem("language", (Node *) makeString("plpgsql"), body->location));
	if (!has_security)
		options = lappend(options, makeDefElem("security", (Node *) makeBoolean(true), -1));
	if (definer && !has_path)
		options = lappend(options, sesstrig_path_option());

	statement->is_procedure = is_procedure;
	statement->replace = replace;
	statement->funcname = name;
	statement->parameters = parameters;
	statement->returnType = result;
	statement->options = options;
	return (Node *) statement;
}

/*
 * Give a type of Oracle's its standard name, unless there is a type of that name.  The
 * translation does the same with the types in a routine's text.
 */
static void
translate_type(TypeName *type)
{
	size_t		length;
	const char *standard = type->names && list_length(type->names) == 1 ?
		sesstrig_type_name(strVal(linitial(type->names)), &length) : NULL;
	Type		found = standard ? LookupTypeName(NULL, type, NULL, true) : NULL;

	if (found)
		ReleaseSysCache(found);
	else if (standard)
	{
		TypeName   *replacement = SESSTRIG_PARSE_TYPE(pnstrdup(standard, length));

		type->names = replacement->names;
		if (!type->typmods)
			type->typmods = replacement->typmods;
	}
}

/* The names of a routine's parameters. */
static const char **
parameter_names(const CreateFunctionStmt *statement, int *count)
{
	const char **names = palloc(sizeof(char *) * (list_length(statement->parameters) + 1));
	ListCell   *cell;

	*count = 0;
	foreach(cell, statement->parameters)
	{
		const FunctionParameter *parameter = lfirst_node(FunctionParameter, cell);

		translate_type(parameter->argType);
		if (parameter->name)
			names[(*count)++] = parameter->name;
	}
	return names;
}

/* The position in a query that an offset in a routine's source comes from, or 0. */
static int
position_in(const char *query, const char *source, size_t at)
{
	int64		offset = query ? sesstrig_source_find(source, query, at) : -1;

	return offset < 0 ? 0 : pg_mbstrlen_with_len(query, offset) + 1;
}

/* Translate a routine's source, if an option has one that is to be translated (rule D10). */
static void
translate_source(CreateFunctionStmt *statement, const char *query)
{
	DefElem    *option = NULL;
	ListCell   *cell;
	char	   *source;
	const char **parameters;
	int			nparameters;
	bool		is_trigger;
	char	   *path;
	int			nest_level;
	SesstrigTranslation found;

	foreach(cell, statement->options)
	{
		DefElem    *candidate = lfirst_node(DefElem, cell);

		if (candidate->defnamespace && strcmp(candidate->defnamespace, ORIGINAL) == 0)
			option = candidate;
	}
	if (!option)
		return;

	if (statement->returnType)
		translate_type(statement->returnType);
	source = strVal(linitial(castNode(List, option->arg)));
	parameters = parameter_names(statement, &nparameters);
	is_trigger = statement->returnType &&
		strcmp(strVal(llast(statement->returnType->names)), "event_trigger") == 0;

	/* Names are looked up as the routine will do it, so not where others can create objects. */
	path = sesstrig_path_of_routine(statement->options);
	nest_level = NewGUCNestLevel();
	if (path)
		(void) set_config_option("search_path", path, superuser() ? PGC_SUSET : PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	sesstrig_raise_on_failure(sesstrig_routine_translate(source, standard_conforming_strings, is_trigger,
														 parameters, nparameters, &found));
	AtEOXact_GUC(true, nest_level);
	if (found.result == SESSTRIG_TRANSLATION_RESULT_REFUSED)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE(found.sqlstate[0], found.sqlstate[1], found.sqlstate[2],
									   found.sqlstate[3], found.sqlstate[4])),
				 errmsg_internal("%s", found.message),
				 found.detail ? errdetail_internal("%s", found.detail) : 0,
				 found.hint ? errhint("%s", found.hint) : 0,
				 errposition(position_in(query, source, found.at))));
	if (found.result == SESSTRIG_TRANSLATION_RESULT_TRANSLATED)
	{
		char	   *translation = palloc(found.at + 1);

		sesstrig_translation_copy(translation);
		translation[found.at] = '\0';
		option->arg = (Node *) list_make1(makeString(translation));
	}
	option->defnamespace = NULL;
}

void
sesstrig_routine_complete(CreateFunctionStmt *statement, const char *query)
{
	/* The function behind a trigger is no statement of its own. */
	if (!query && ActivePortal)
		query = ActivePortal->sourceText;
	sesstrig_path_complete(statement->options);
	translate_source(statement, query);
}

/* Raise an error unless the word at this offset is the option. */
static void
check_option(SesstrigRoutineOption option, int location, core_yyscan_t yyscanner)
{
	size_t		length;
	const char *word = sesstrig_query_at(location, &length);

	if (sesstrig_option_find(word, length) != option)
		sesstrig_syntax_error(location, yyscanner);
}

DefElem *
sesstrig_routine_deterministic(int location, core_yyscan_t yyscanner)
{
	check_option(SESSTRIG_ROUTINE_OPTION_DETERMINISTIC, location, yyscanner);
	return makeDefElem("volatility", (Node *) makeString("immutable"), location);
}

DefElem *
sesstrig_routine_authid(bool definer, int location, core_yyscan_t yyscanner)
{
	check_option(SESSTRIG_ROUTINE_OPTION_AUTHID, location, yyscanner);
	return makeDefElem("security", (Node *) makeBoolean(definer), location);
}

TypeName *
sesstrig_type_with_unit(const char *type, int length, int length_location, int unit_location,
						int location, core_yyscan_t yyscanner)
{
	size_t		unit_length;
	const char *unit = sesstrig_query_at(unit_location, &unit_length);
	A_Const    *typmod;
	TypeName   *name;

	if (!sesstrig_type_is_alias(type) || !sesstrig_unit_is_known(unit, unit_length))
		sesstrig_syntax_error(unit_location, yyscanner);
	typmod = makeNode(A_Const);
	typmod->val.ival.type = T_Integer;
	typmod->val.ival.ival = length;
	typmod->location = length_location;
	name = makeTypeName(pstrdup(type));
	name->typmods = list_make1(typmod);
	name->location = location;
	return name;
}

Oid
sesstrig_type_find(const char *schema, const char *name)
{
	if (schema && strcmp(schema, "pg_catalog") != 0)
		return InvalidOid;
	return sesstrig_type_is_alias(name) ? VARCHAROID : InvalidOid;
}

const char *
sesstrig_event_at(bool after, int location)
{
	size_t		length;
	const char *token = sesstrig_query_at(location, &length);

	return sesstrig_event_of_words(after, token, length);
}

char *
sesstrig_event_spelled(bool after, int location, const RoleSpec *role, core_yyscan_t yyscanner)
{
	const char *event = sesstrig_event_at(after, location);

	if (!event)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unrecognized event \"%s %s\"", after ? "AFTER" : "BEFORE",
						sesstrig_query_token(location)),
				 errhint("Write AFTER LOGON ON DATABASE or BEFORE LOGOFF ON DATABASE."),
				 scanner_errposition(location, yyscanner)));
	if (role)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("event triggers cannot be created on a schema"),
				 errdetail("An event trigger fires in every session of its database."),
				 errhint("Write ON DATABASE, and compare polar_login_user in the event trigger's function; or use CREATE TRIGGER."),
				 scanner_errposition(role->location, yyscanner)));
	return pstrdup(event);
}

void
sesstrig_event_refuse_replace(int location, core_yyscan_t yyscanner)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("event triggers cannot be replaced"),
			 errhint("Replace the event trigger's function with CREATE OR REPLACE FUNCTION, or use DROP EVENT TRIGGER first."),
			 scanner_errposition(location, yyscanner)));
}

void
sesstrig_event_refuse_schema(const char *first, List *rest, int location, core_yyscan_t yyscanner)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("event trigger name cannot be qualified"),
			 errdetail("An event trigger belongs to the database and to no schema."),
			 errhint("Write \"%s\" in place of \"%s.%s\".", strVal(llast(rest)), first,
					 NameListToString(rest)),
			 scanner_errposition(location, yyscanner)));
}

int
sesstrig_routine_position(const char *source, const char *query, int position)
{
	return position_in(query, source, pg_mbcharcliplen(source, strlen(source), position - 1));
}

/*
 * Does this name stand for a type, rather than being the name of one that exists?
 */
static bool
is_alias_only(List *names)
{
	char	   *schema;
	char	   *name;
	Type		found;

	DeconstructQualifiedName(names, &schema, &name);
	if (!OidIsValid(sesstrig_type_find(schema, name)))
		return false;
	found = LookupTypeName(NULL, makeTypeNameFromNameList(names), NULL, true);
	if (found)
		ReleaseSysCache(found);
	return found == NULL;
}

/* A statement about one object, whose kind is in the field of this name. */
#define CASE_ABOUT_OBJECT(node_type, kind) \
	case T_##node_type: \
		if (castNode(node_type, statement)->kind == OBJECT_TYPE) \
			objects = list_make1(castNode(node_type, statement)->object); \
		break

/*
 * Raise an error if a statement would alter, drop, grant or comment on the type
 * that an alias stands for.  As far as these statements are concerned, there is no
 * type of that name.
 */
void
sesstrig_type_check(Node *statement)
{
	List	   *objects = NIL;
	ListCell   *cell;

	switch (nodeTag(statement))
	{
			CASE_ABOUT_OBJECT(AlterExtensionContentsStmt, objtype);
			CASE_ABOUT_OBJECT(AlterObjectSchemaStmt, objectType);
			CASE_ABOUT_OBJECT(AlterOwnerStmt, objectType);
			CASE_ABOUT_OBJECT(CommentStmt, objtype);
			CASE_ABOUT_OBJECT(RenameStmt, renameType);
			CASE_ABOUT_OBJECT(SecLabelStmt, objtype);
		case T_AlterTypeStmt:
			objects = list_make1(castNode(AlterTypeStmt, statement)->typeName);
			break;
		case T_DropStmt:
			/* With IF EXISTS, upstream's code finds no type, and skips the name. */
			if (castNode(DropStmt, statement)->removeType == OBJECT_TYPE &&
				!castNode(DropStmt, statement)->missing_ok)
				objects = castNode(DropStmt, statement)->objects;
			break;
		case T_GrantStmt:
			if (castNode(GrantStmt, statement)->targtype == ACL_TARGET_OBJECT &&
				castNode(GrantStmt, statement)->objtype == OBJECT_TYPE)
				objects = castNode(GrantStmt, statement)->objects;
			break;
		default:
			break;
	}
	foreach(cell, objects)
	{
		Node	   *object = lfirst(cell);
		List	   *names = IsA(object, TypeName) ? castNode(TypeName, object)->names :
			castNode(List, object);

		if (is_alias_only(names))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("type \"%s\" does not exist", NameListToString(names)),
					 errdetail("The name stands for type character varying where it is used.")));
	}
}

/*
 * May a function that returns a type of this name create it as a shell, as the
 * I/O functions of a new type do?  They are written in these two languages.  Then
 * the name is not taken for an alias.
 */
bool
sesstrig_type_may_be_shell(const TypeName *type, Oid language)
{
	return (language == INTERNALlanguageId || language == ClanguageId) &&
		list_length(type->names) == 1 && sesstrig_type_is_alias(strVal(linitial(type->names)));
}
