/*
 * sesstrig_grammar.h
 *	  What only gram.y can do for routines without quotes around their text,
 *	  because it takes the grammar's own types; for its prologue alone.
 */
#ifndef SESSTRIG_GRAMMAR_H
#define SESSTRIG_GRAMMAR_H

#include "sesstrig_server.h"

/*
 * Behind a function's parameters: look at the next token, which the parser
 * does not have yet, and tell the two meanings of RETURN apart.
 */
static void
sesstrig_grammar_classify_return(int *token, YYSTYPE *value, YYLTYPE *location, core_yyscan_t yyscanner)
{
	Assert(*token < 0);
	*token = base_yylex(value, location, yyscanner);
	if (*token == RETURN && sesstrig_routine_returns_type(*location))
		*token = RETURN_TYPE;
}

/*
 * Behind IS or AS, at "keyword": take tokens up to the routine's end, and
 * leave the one after it to the parser.  Gives the text and the name at its
 * end, for sesstrig_routine_statement().
 */
static DefElem *
sesstrig_grammar_take_body(int keyword, int *token, YYSTYPE *value, YYLTYPE *location,
					  core_yyscan_t yyscanner)
{
	void	   *routine;
	char	   *name = NULL;
	int			name_location = -1;
	int			first;
	int			end = 0;
	DefElem    *text;

	/* After IS the parser has not looked further yet, after AS it has. */
	if (*token < 0)
		*token = base_yylex(value, location, yyscanner);
	first = *location;
	routine = sesstrig_routine_begin(first, yyscanner);
	for (;;)
	{
		SesstrigRoutineToken kind = sesstrig_routine_feed(routine, *location, yyscanner);

		if (kind == SESSTRIG_TOKEN_OUTSIDE)
			break;
		if (kind == SESSTRIG_TOKEN_END)
			end = *location + strlen("END");
		else if (kind == SESSTRIG_TOKEN_NAME)
		{
			name = *token == IDENT ? value->str : pstrdup(value->keyword);
			name_location = *location;
		}
		*token = base_yylex(value, location, yyscanner);
	}
	text = sesstrig_routine_text(keyword + strlen("IS"), first, end);
	text->defname = name;
	if (name)
		text->location = name_location;
	return text;
}

#endif							/* SESSTRIG_GRAMMAR_H */
