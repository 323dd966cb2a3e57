/*
 * variables.c
 *	  The variables that PL/pgSQL declares in event trigger functions (section V).
 *
 * Which there are, and what their values are, is decided in Rust.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_server.h"

static bool
variable_next(SesstrigVariable *variable)
{
	int			index = variable->number++;

	if (index == 0 && !sesstrig_variable_is_needed(variable->source))
		return false;
	variable->name = sesstrig_variable_name(index);
	variable->alias = sesstrig_variable_alias(index);
	switch (sesstrig_variable_kind(index))
	{
		case SESSTRIG_VALUE_KIND_TEXT:
			variable->type = TEXTOID;
			return true;
		case SESSTRIG_VALUE_KIND_INTEGER:
			variable->type = INT4OID;
			return true;
		case SESSTRIG_VALUE_KIND_NULL:
			break;
	}
	return false;
}

static Datum
variable_value(const char *name, const char *tag, bool *isnull)
{
	SesstrigValue value;

	sesstrig_raise_on_failure(sesstrig_variable_read(name, tag, &value));

	*isnull = false;
	switch (value.kind)
	{
		case SESSTRIG_VALUE_KIND_TEXT:
			return PointerGetDatum(cstring_to_text_with_len(value.text, value.length));
		case SESSTRIG_VALUE_KIND_INTEGER:
			return Int32GetDatum(value.integer);
		case SESSTRIG_VALUE_KIND_NULL:
			break;
	}
	*isnull = true;
	return (Datum) 0;
}

const SesstrigPlpgsql *
sesstrig_plpgsql(void)
{
	static const SesstrigPlpgsql functions = {
		.variable_next = variable_next,
		.variable_value = variable_value,
		.exit_is_deferred = sesstrig_exit_is_deferred,
	};

	return &functions;
}
