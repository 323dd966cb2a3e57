/*
 * pin.c
 *	  What a firing does not take over from the client (rule F7): settings, and
 *	  an encoding that lacks a character of some message.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "compat.h"
#include "sesstrig_core.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "sesstrig_try.h"

/* A text is converted in pieces of so many bytes, to see whether it can be. */
#define PIECE 2048

/*
 * During a firing with a client of another encoding: that encoding, and the
 * function that converts to it, or none if the database has no encoding.
 */
static int	client_encoding = -1;
static FmgrInfo conversion;

/* Has this firing pinned a setting? */
static bool pinned;

/*
 * Saved, so that the end of the transaction brings the client's value back;
 * unless a trigger's own SET is what stays.  A firing must not run with what
 * the client has set instead, so what cannot be set is an error.
 */
static void
pin(const char *name, const char *value, bool may_be_refused)
{
	int			elevel = may_be_refused ? DEBUG1 : ERROR;

	pinned = true;
	if (set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
						  GUC_ACTION_SAVE, true, elevel, false) <= 0 && !may_be_refused)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("parameter \"%s\" could not be set for event triggers", name)));
}

/* PostgreSQL's default; NULL if only the start of a session finds one. */
static const char *
boot_value(struct config_generic *setting)
{
	switch (setting->vartype)
	{
		case PGC_BOOL:
			return ((struct config_bool *) setting)->boot_val ? "on" : "off";
		case PGC_INT:
			return psprintf("%d", ((struct config_int *) setting)->boot_val);
		case PGC_REAL:
			return psprintf("%.17g", ((struct config_real *) setting)->boot_val);
		case PGC_STRING:
			return ((struct config_string *) setting)->boot_val;
		case PGC_ENUM:
			return config_enum_lookup_by_value((struct config_enum *) setting,
											   ((struct config_enum *) setting)->boot_val);
	}
	return NULL;
}

/*
 * Pin a setting that any user may set, if the database, the role, the client or
 * the session has.  What the server itself set last counts as its own.  What the
 * configuration file says is known if only the session has: NULL means that.
 */
static void
pin_setting(struct config_generic *setting)
{
	const char *name = setting->name;
	SesstrigPin found;

	/* with a dot: of an extension, or nobody's */
	if (setting->context != PGC_USERSET || strchr(name, '.') ||
		setting->source <= PGC_S_GLOBAL || setting->source == PGC_S_OVERRIDE)
		return;

	found = sesstrig_pin_find(name, GetConfigOption(name, false, false));
	if (found.kind == SESSTRIG_PIN_KIND_KEEP)
		return;
	if (setting->reset_source <= PGC_S_GLOBAL)
	{
		pin(name, NULL, found.may_be_refused);
		return;
	}
	switch (found.kind)
	{
		case SESSTRIG_PIN_KIND_KEEP:
			break;
		case SESSTRIG_PIN_KIND_DEFAULT:
			pin(name, boot_value(setting), found.may_be_refused);
			break;
		case SESSTRIG_PIN_KIND_VALUE:
			pin(name, found.text, found.may_be_refused);
			break;
		case SESSTRIG_PIN_KIND_SAME_AS:
			pin(name, GetConfigOption(found.text, false, false), found.may_be_refused);
			break;
	}
}

/* Those of procedural languages, which exist or do not. */
static void
pin_languages(void)
{
	const char *name;
	const char *value;

	for (int i = 0; sesstrig_pin_language(i, &name, &value); i++)
	{
		const char *current = GetConfigOption(name, true, false);

		if (current && strcmp(current, value) != 0)
			pin(name, value, false);
	}
}

/*
 * The function is looked up now, for in the report of a message that could
 * fail, and an error there cannot be caught.  It comes from the client's path,
 * as the one does that the server converts by: what a user can choose is which
 * of the server's own conversions their messages go through.
 */
static void
note_encoding(void)
{
	int			encoding = pg_get_client_encoding();

	sesstrig_forget_encoding();
	if (encoding == GetDatabaseEncoding() || encoding == PG_SQL_ASCII)
		return;
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		Oid			function = FindDefaultConversionProc(GetDatabaseEncoding(), encoding);

		if (OidIsValid(function))
			fmgr_info_cxt(function, &conversion, TopMemoryContext);
	}
	client_encoding = encoding;
}

/* In the transaction of a firing, before its triggers. */
ErrorData *
sesstrig_try_pin_settings(void)
{
	GUARD_BEGIN();
	{
		pinned = false;
		SESSTRIG_VISIT_SETTINGS(pin_setting);
		pin_languages();
		/* Plans of functions that users can call are made from their settings. */
		if (pinned)
			ResetPlanCache();

		note_encoding();
	}
	GUARD_END();
}

void
sesstrig_forget_encoding(void)
{
	client_encoding = -1;
	conversion.fn_oid = InvalidOid;
}

/*
 * This runs inside of a message's report.  It neither allocates memory nor
 * looks anything up, and texts may have any length.
 */
bool
sesstrig_session_cannot_send(const char *text)
{
	static char converted[PIECE * MAX_CONVERSION_GROWTH + 1];
	int			length;

	if (client_encoding < 0 || client_encoding != pg_get_client_encoding())
		return false;

	length = strlen(text);
	if (!OidIsValid(conversion.fn_oid))
		return pg_encoding_verifymbstr(client_encoding, text, length) != length;

	while (length > 0)
	{
		int			piece = Min(pg_mbcliplen(text, length, PIECE), length);

		if (piece == 0 ||
			DatumGetInt32(FunctionCall6(&conversion,
										Int32GetDatum(GetDatabaseEncoding()),
										Int32GetDatum(client_encoding),
										CStringGetDatum(text),
										CStringGetDatum(converted),
										Int32GetDatum(piece),
										BoolGetDatum(true))) != piece)
			return true;
		text += piece;
		length -= piece;
	}
	return false;
}
