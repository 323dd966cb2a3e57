/*
 * override.c
 *	  Keeps what a client sets from reaching the triggers (rule F7): settings are
 *	  overridden while they run, and a message that the client's encoding cannot
 *	  represent is detected, so that elog.c sends it in ASCII.
 *
 * Which settings are overridden, and with what value, is decided in Rust.
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

/* A text is test-converted in pieces of at most this many bytes. */
#define PIECE 2048

/*
 * The client's encoding, while triggers run and it differs from the database's;
 * otherwise -1.  "conversion" is the function that converts to it; there is none
 * if the database's encoding is SQL_ASCII.
 */
static int	client_encoding = -1;
static FmgrInfo conversion;

/* Has this firing overridden a setting? */
static bool overridden;

/*
 * Override a setting until the end of the transaction, which restores the
 * client's value unless a trigger has SET another one.  Triggers must not run
 * with the client's value, so it is an error if the setting cannot be changed,
 * unless that setting may be refused.
 */
static void
override(const char *name, const char *value, bool may_be_refused)
{
	int			elevel = may_be_refused ? DEBUG1 : ERROR;

	overridden = true;
	if (set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
						  GUC_ACTION_SAVE, true, elevel, false) <= 0 && !may_be_refused)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("parameter \"%s\" could not be set for event triggers", name)));
}

/* A setting's built-in default, or NULL if the server computes it at startup. */
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
 * Override a setting that any user may change, if the database, the role, the
 * client or the session has changed it.  (A source of PGC_S_OVERRIDE means that
 * the server itself has set it.)
 *
 * If only the session has changed it, reset it, which restores the value that
 * holds for the whole server.  Otherwise the server has not kept that value, so
 * the setting gets the one that Rust chooses.
 */
static void
override_setting(struct config_generic *setting)
{
	const char *name = setting->name;
	SesstrigOverride found;

	/* A setting with a dot in its name is not one of the server's own. */
	if (setting->context != PGC_USERSET || strchr(name, '.') ||
		setting->source <= PGC_S_GLOBAL || setting->source == PGC_S_OVERRIDE)
		return;

	found = sesstrig_override_find(name, GetConfigOption(name, false, false));
	if (found.kind == SESSTRIG_OVERRIDE_KIND_KEEP)
		return;
	if (setting->reset_source <= PGC_S_GLOBAL)
	{
		override(name, NULL, found.may_be_refused);
		return;
	}
	switch (found.kind)
	{
		case SESSTRIG_OVERRIDE_KIND_KEEP:
			break;
		case SESSTRIG_OVERRIDE_KIND_DEFAULT:
			override(name, boot_value(setting), found.may_be_refused);
			break;
		case SESSTRIG_OVERRIDE_KIND_VALUE:
			override(name, found.text, found.may_be_refused);
			break;
		case SESSTRIG_OVERRIDE_KIND_SAME_AS:
			override(name, GetConfigOption(found.text, false, false), found.may_be_refused);
			break;
	}
}

/* Override those settings of procedural languages that exist. */
static void
override_languages(void)
{
	const char *name;
	const char *value;

	for (int i = 0; sesstrig_override_language(i, &name, &value); i++)
	{
		const char *current = GetConfigOption(name, true, false);

		if (current && strcmp(current, value) != 0)
			override(name, value, false);
	}
}

/*
 * Look up the conversion to the client's encoding now, because the lookup can
 * fail, and no error may be raised while a message is being reported.  Like the
 * conversion that the server uses, it is looked up in the client's search_path.
 * So a user can choose it, but only among functions that CREATE CONVERSION has
 * accepted for these encodings.
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

/* Called in the transaction of a firing, before its triggers run. */
ErrorData *
sesstrig_try_override_settings(void)
{
	GUARD_BEGIN();
	{
		overridden = false;
		SESSTRIG_VISIT_SETTINGS(override_setting);
		override_languages();
		/* Plans of the same functions may have been made under other settings. */
		if (overridden)
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
 * This is called while a message is being reported, for texts of any length, so
 * it must not allocate memory, access a catalog or raise an error.
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
