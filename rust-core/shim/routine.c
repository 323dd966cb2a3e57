/*
 * routine.c
 *	  Routines without quotes around their text (rules D1 to D3), and the
 *	  names of types and options that come with them (rule D5).
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/scanner.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

/* As much of a token as it takes to know its kind: the words are shorter. */
#define TOKEN_LENGTH 256

/* What raw_parser() was given last: the scanner alters its own copy. */
static const char *query_text;

void
sesstrig_parser_begin(const char *text)
{
	query_text = text;
}

/*
 * Does RETURN at this offset of the query start a result type, and not the
 * expression of a standard SQL body?  Reads ahead with a scanner of its own.
 */
bool
sesstrig_routine_returns_type(int location)
{
	core_yy_extra_type extra;
	core_YYSTYPE value;
	int			at = location;
	int			token;
	core_yyscan_t scanner;
	char	   *text = pstrdup(query_text);
	void	   *header = palloc(sesstrig_header_size());
	SesstrigRoutineForm form = SESSTRIG_ROUTINE_FORM_UNDECIDED;

	/* Offsets in its errors must be those in the query. */
	memset(text, ' ', location);
	scanner = scanner_init(text, &extra, &ScanKeywords, ScanKeywordTokens);
	sesstrig_header_start(header);
	do
	{
		ErrorData  *error;

		token = core_yylex(&value, &at, scanner);
		sesstrig_raise_on_failure(sesstrig_header_feed(header, query_text + at,
													   strnlen(query_text + at, TOKEN_LENGTH),
													   &form, &error), error);
	} while (token != 0 && form == SESSTRIG_ROUTINE_FORM_UNDECIDED);
	scanner_finish(scanner);
	pfree(header);
	pfree(text);

	return form == SESSTRIG_ROUTINE_FORM_ROUTINE;
}

void *
sesstrig_routine_begin(int location, core_yyscan_t yyscanner)
{
	void	   *body = palloc(sesstrig_body_size());
	const char *token = query_text + location;

	if (!sesstrig_body_may_start(token, strnlen(token, TOKEN_LENGTH)))
		scanner_yyerror("syntax error", yyscanner);

	sesstrig_body_start(body);
	return body;
}

SesstrigRoutineToken
sesstrig_routine_feed(void *routine, int location, core_yyscan_t yyscanner)
{
	const char *token = query_text + location;
	SesstrigRoutineStep step = SESSTRIG_ROUTINE_STEP_FAILED;
	SesstrigRoutineError found;
	ErrorData  *error;

	sesstrig_raise_on_failure(sesstrig_body_feed(routine, token, strnlen(token, TOKEN_LENGTH),
												 location, &step, &found, &error), error);
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

DefElem *
sesstrig_routine_text(int start, int first, int end)
{
	const char *prefix = sesstrig_body_prefix(query_text + first, end - first);
	char	   *text = psprintf("%s%.*s", prefix, end - start, query_text + start);

	return makeDefElem(NULL, (Node *) makeString(text), start);
}

Node *
sesstrig_routine_statement(bool is_procedure, bool replace, List *name, List *parameters,
						   TypeName *result, List *options, core_yyscan_t yyscanner)
{
	CreateFunctionStmt *statement = makeNode(CreateFunctionStmt);
	DefElem    *body = llast(options);
	bool		has_security = false;
	ListCell   *cell;

	/* The body's DefElem has the name behind its END in place of its own. */
	if (body->defname && strcmp(body->defname, strVal(llast(name))) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" at the end of the routine is not its name", body->defname),
				 errhint("Write END \"%s\" or END alone.", strVal(llast(name))),
				 scanner_errposition(body->location, yyscanner)));

	foreach(cell, options)
	{
		if (lfirst(cell) != body && strcmp(lfirst_node(DefElem, cell)->defname, "security") == 0)
			has_security = true;
	}

	body->defname = "as";
	body->arg = (Node *) list_make1(body->arg);
	options = lappend(options, makeDefElem("language", (Node *) makeString("plpgsql"), body->location));
	if (!has_security)
		options = lappend(options, makeDefElem("security", (Node *) makeBoolean(true), -1));

	statement->is_procedure = is_procedure;
	statement->replace = replace;
	statement->funcname = name;
	statement->parameters = parameters;
	statement->returnType = result;
	statement->options = options;
	return (Node *) statement;
}

/* As the grammar reports a token that it did not expect. */
static void
syntax_error(const char *token, int location, core_yyscan_t yyscanner)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("%s at or near \"%s\"", _("syntax error"), token),
			 scanner_errposition(location, yyscanner)));
}

DefElem *
sesstrig_routine_deterministic(const char *word, int location, core_yyscan_t yyscanner)
{
	if (sesstrig_option_find(word) != SESSTRIG_ROUTINE_OPTION_DETERMINISTIC)
		syntax_error(word, location, yyscanner);
	return makeDefElem("volatility", (Node *) makeString("immutable"), location);
}

DefElem *
sesstrig_routine_authid(const char *word, bool definer, int location, core_yyscan_t yyscanner)
{
	if (sesstrig_option_find(word) != SESSTRIG_ROUTINE_OPTION_AUTHID)
		syntax_error(word, location, yyscanner);
	return makeDefElem("security", (Node *) makeBoolean(definer), location);
}

TypeName *
sesstrig_type_with_unit(const char *type, int length, int length_location, const char *unit,
						int unit_location, int location, core_yyscan_t yyscanner)
{
	A_Const    *typmod;
	TypeName   *name;

	if (!sesstrig_type_is_varchar(type) || !sesstrig_unit_is_known(unit))
		syntax_error(unit, unit_location, yyscanner);
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
sesstrig_type_find(const char *name)
{
	return sesstrig_type_is_varchar(name) ? VARCHAROID : InvalidOid;
}

char *
sesstrig_event_spelled(bool after, const char *word, int location, core_yyscan_t yyscanner)
{
	const char *event = sesstrig_event_of_words(after, word);

	if (!event)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("unrecognized event \"%s %s\"", after ? "AFTER" : "BEFORE", word),
				 errhint("Write AFTER LOGON ON DATABASE or BEFORE LOGOFF ON DATABASE."),
				 scanner_errposition(location, yyscanner)));
	return pstrdup(event);
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
	int			length = pg_mbcharcliplen(source, strlen(source), position - 1);
	int64		offset = sesstrig_source_find(source, query, length);

	return offset < 0 ? 0 : pg_mbstrlen_with_len(query, offset) + 1;
}
