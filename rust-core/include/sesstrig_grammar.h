/*
 * sesstrig_grammar.h
 *	  Functions of gram.y that read tokens for routines without quotes around their
 *	  text.  They need the grammar's own types, so only the prologue of gram.y can
 *	  include this.  Everything else that the grammar calls is in sesstrig_server.h.
 *
 * All functions are called in actions, with pointers to yychar, yylval and yylloc:
 * the parser's lookahead token, its value and its location.  Bison documents these
 * variables for use in actions, and its parser is made for actions that change
 * yychar: after each action it reads a token only if yychar is empty, and otherwise
 * goes on with the token that is there.  PL/pgSQL's grammar reads tokens in actions
 * in much the same way, for example in read_datatype().  Every token comes from
 * base_yylex(), so the one token that this function looks ahead is never lost.
 *
 * What yychar holds in these actions is known, too.  In a state in which nothing can
 * follow but one reduction, bison's parser reduces without reading a token.  The
 * state after a function's parameters is of that kind, so yychar is empty there,
 * which is asserted.  So is the state after IS.  After AS the parser has read a
 * token, because a string constant would make it shift; the text then starts with
 * that token.
 *
 * There is no better place for this.  base_yylex() cannot turn RETURN into
 * RETURN_TYPE as it turns WITH into WITH_LA, because it does not know whether RETURN
 * stands after a function's parameters, and RETURN is not reserved:
 *
 *		SELECT return FROM t AS c
 *
 * has the tokens of a result type and a body, and would become a syntax error.  The
 * grammar could tell the lexer by a flag in base_yy_extra_type, but 15 installs that
 * struct's header, gramparse.h, and a struct that extensions can see must not change.
 */
#ifndef SESSTRIG_GRAMMAR_H
#define SESSTRIG_GRAMMAR_H

#include "sesstrig_server.h"

/*
 * After a function's parameters: read the next token, which the parser has not read
 * yet, and make it RETURN_TYPE if it is a RETURN that introduces a result type,
 * rather than the expression of a standard SQL body.
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
 * Read tokens, from the lookahead token on, up to the end of a routine, and leave the
 * token after it to the parser as its lookahead token.
 *
 * Return a DefElem whose defname is the name after the last END, or NULL, with the
 * location of this name.  Set *end to the location at which the text ends.
 */
static DefElem *
sesstrig_grammar_take_text(void *routine, int *end, int *token, YYSTYPE *value,
						   YYLTYPE *location, core_yyscan_t yyscanner)
{
	DefElem    *text = makeDefElem(NULL, NULL, -1);

	for (;;)
	{
		SesstrigRoutineToken kind = sesstrig_routine_feed(routine, *location, yyscanner);

		if (kind == SESSTRIG_TOKEN_OUTSIDE)
			return text;
		if (kind == SESSTRIG_TOKEN_END)
			*end = *location + strlen("END");
		else if (kind == SESSTRIG_TOKEN_NAME)
		{
			text->defname = *token == IDENT ? value->str : pstrdup(value->keyword);
			text->location = *location;
		}
		*token = base_yylex(value, location, yyscanner);
	}
}

/*
 * After IS or AS, whose location is "keyword": take the text of a routine for
 * sesstrig_routine_statement().
 */
static DefElem *
sesstrig_grammar_take_body(int keyword, int *token, YYSTYPE *value, YYLTYPE *location,
						   core_yyscan_t yyscanner)
{
	int			first;
	int			end = 0;
	DefElem    *text;

	/* After AS the parser has read the next token, after IS it has not. */
	if (*token < 0)
		*token = base_yylex(value, location, yyscanner);
	first = *location;
	text = sesstrig_grammar_take_text(sesstrig_routine_begin(first, yyscanner), &end,
									  token, value, location, yyscanner);
	sesstrig_routine_text(text, keyword + strlen("IS"), first, end);
	return text;
}

/*
 * After the first token of a trigger's block, whose location is "first": take the
 * block for sesstrig_trigger_define().  The parser has not read the next token yet,
 * because nothing can follow the first one but a reduction.
 */
static DefElem *
sesstrig_grammar_take_block(int first, int *token, YYSTYPE *value, YYLTYPE *location,
							core_yyscan_t yyscanner)
{
	void	   *routine = sesstrig_trigger_begin(first, yyscanner);
	int			end = 0;
	DefElem    *text;

	Assert(*token < 0);
	(void) sesstrig_routine_feed(routine, first, yyscanner);
	*token = base_yylex(value, location, yyscanner);
	text = sesstrig_grammar_take_text(routine, &end, token, value, location, yyscanner);
	sesstrig_trigger_text(text, first, end);
	return text;
}

#endif							/* SESSTRIG_GRAMMAR_H */
