/*
 * overrides.c
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
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "server/sesstrig_try.h"

/* The length of the longest integer. */
#define MAX_INT_LENGTH 11

/* As many settings of procedural languages are kept once they are found. */
#define MAX_LANGUAGE_SETTINGS 8

/* A text is test-converted in pieces of at most this many bytes. */
#define PIECE 2048

/*
 * The client's encoding, while triggers run and it differs from the database's;
 * otherwise -1.  "conversion" is the function that converts to it; there is none
 * if the database's encoding is SQL_ASCII.
 */
static int	client_encoding = -1;
static FmgrInfo conversion;

/* How many settings a firing looks at together. */
#define TOGETHER 4

/*
 * The server's own settings that any user may set, and that are overridden; and behind them
 * the last one again, up to a multiple of TOGETHER.
 */
static struct config_generic **user_settings = NULL;
static int	nuser_settings = 0;

/* Has this firing overridden a setting? */
static bool overridden;

/*
 * May there be a setting of a procedural language?  Until a language is loaded, there is none
 * unless somebody has set it in advance.
 */
static bool language_settings = false;

/* The names of those that are overridden all begin with these two letters. */
void
sesstrig_note_language_setting(const char *name)
{
	if ((name[0] == 'p' || name[0] == 'P') && (name[1] == 'l' || name[1] == 'L'))
		language_settings = true;
}

/*
 * Count a setting that belongs to user_settings, and add it if there is memory
 * for it already.  A setting with a dot in its name is not one of the server's own.
 */
static void
note_setting(struct config_generic *setting)
{
	if (setting->context != PGC_USERSET || strchr(setting->name, '.') ||
		sesstrig_override_find(setting->name, NULL).kind == SESSTRIG_OVERRIDE_KIND_KEEP)
		return;
	if (user_settings)
		user_settings[nuser_settings] = setting;
	nuser_settings++;
}

/*
 * Find the settings that every firing has to look at.  Called at server start;
 * children inherit the result.
 */
void
sesstrig_note_settings(void)
{
	SESSTRIG_VISIT_SETTINGS(note_setting);
	user_settings = MemoryContextAlloc(TopMemoryContext,
									   (nuser_settings + TOGETHER) * sizeof(struct config_generic *));
	nuser_settings = 0;
	SESSTRIG_VISIT_SETTINGS(note_setting);
	for (int i = 0; i < TOGETHER; i++)
		user_settings[nuser_settings + i] = user_settings[nuser_settings - 1];
}

/*
 * Override a setting until the end of the transaction, which restores the
 * client's value unless a trigger has SET another one.  Triggers must not run
 * with the client's value, so it is an error if the setting cannot be changed,
 * unless that setting may be refused.  "setting" is NULL if it is not known where
 * the setting is.
 */
static void
override(struct config_generic *setting, const char *name, const char *value,
		 bool may_be_refused)
{
	int			elevel = may_be_refused ? DEBUG1 : ERROR;

	overridden = true;
	if (SESSTRIG_SET_OPTION(setting, name, value, elevel) <= 0 && !may_be_refused)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("parameter \"%s\" could not be set for event triggers", name)));
}

/*
 * A setting's value in the session or its built-in default, or NULL if there is
 * none: the server computes some defaults at startup.
 */
static const char *
value_of(struct config_generic *setting, bool in_session)
{
	switch (setting->vartype)
	{
		case PGC_BOOL:
			{
				struct config_bool *conf = (struct config_bool *) setting;

				return (in_session ? *conf->variable : conf->boot_val) ? "on" : "off";
			}
		case PGC_INT:
			{
				struct config_int *conf = (struct config_int *) setting;
				char	   *text = palloc(MAX_INT_LENGTH + 1);

				pg_ltoa(in_session ? *conf->variable : conf->boot_val, text);
				return text;
			}
		case PGC_REAL:
			{
				struct config_real *conf = (struct config_real *) setting;

				return psprintf("%.17g", in_session ? *conf->variable : conf->boot_val);
			}
		case PGC_STRING:
			{
				struct config_string *conf = (struct config_string *) setting;

				return in_session ? *conf->variable : conf->boot_val;
			}
		case PGC_ENUM:
			{
				struct config_enum *conf = (struct config_enum *) setting;

				return config_enum_lookup_by_value(conf, in_session ? *conf->variable : conf->boot_val);
			}
	}
	return NULL;
}

/*
 * Override a setting that the database, the role, the client or the session has
 * changed, unless that makes no difference.
 *
 * If only the session has changed it, reset it, which restores the value that
 * holds for the whole server.  Otherwise the server has not kept that value, so
 * the setting gets the one that Rust chooses.
 */
static void
override_setting(struct config_generic *setting)
{
	const char *name = setting->name;
	const char *current;
	const char *value = NULL;
	SesstrigOverride found;

	current = value_of(setting, true);
	found = sesstrig_override_find(name, current);
	if (found.kind == SESSTRIG_OVERRIDE_KIND_KEEP)
		return;
	if (setting->reset_source <= PGC_S_GLOBAL)
	{
		override(setting, name, NULL, found.may_be_refused);
		return;
	}
	switch (found.kind)
	{
		case SESSTRIG_OVERRIDE_KIND_KEEP:
			break;
		case SESSTRIG_OVERRIDE_KIND_DEFAULT:
			value = value_of(setting, false);
			break;
		case SESSTRIG_OVERRIDE_KIND_VALUE:
			value = found.text;
			break;
		case SESSTRIG_OVERRIDE_KIND_LOG_TIMEZONE:
			value = pg_get_timezone_name(log_timezone);
			break;
	}
	/* Drivers often ask for what is the default anyway. */
	if (current == NULL || value == NULL || strcmp(current, value) != 0)
		override(setting, name, value, found.may_be_refused);
}

/*
 * Override those of the server's settings that have been changed.  (A source of
 * PGC_S_OVERRIDE means that the server itself has set it.)  Nearly all are as the server has
 * them, so several are looked at together first: the bits of all their sources make a number
 * that is at least as large as each.
 */
static void
override_user_settings(void)
{
	for (int i = 0; i < nuser_settings; i += TOGETHER)
	{
		struct config_generic **some = &user_settings[i];

		if ((some[0]->source | some[1]->source | some[2]->source | some[3]->source) <= PGC_S_GLOBAL)
			continue;
		for (int j = 0; j < TOGETHER && i + j < nuser_settings; j++)
		{
			if (some[j]->source > PGC_S_GLOBAL && some[j]->source != PGC_S_OVERRIDE)
				override_setting(some[j]);
		}
	}
}

/*
 * A setting of a procedural language, or NULL if it does not exist or takes long to find.  It is
 * looked up only once, when its language has been loaded.  Before that it may be a placeholder,
 * which another setting replaces.
 */
static struct config_generic *
language_setting(int number, const char *name)
{
	static struct config_generic *found[MAX_LANGUAGE_SETTINGS];
	struct config_generic *setting;

	if (!SESSTRIG_FINDS_QUICKLY)
		return NULL;
	if (number < MAX_LANGUAGE_SETTINGS && found[number])
		return found[number];
	setting = SESSTRIG_FIND_SETTING(name);
	if (number < MAX_LANGUAGE_SETTINGS && setting && !(setting->flags & GUC_CUSTOM_PLACEHOLDER))
		found[number] = setting;
	return setting;
}

/* The value of that setting, or NULL if it does not exist. */
static const char *
language_value(struct config_generic *setting, const char *name)
{
	if (setting)
		return value_of(setting, true);
	return SESSTRIG_FINDS_QUICKLY ? NULL : GetConfigOption(name, true, false);
}

/* Override those settings of procedural languages that exist. */
static void
override_languages(void)
{
	const char *name;
	const char *value;

	for (int i = 0; language_settings && sesstrig_override_language(i, &name, &value); i++)
	{
		struct config_generic *setting = language_setting(i, name);
		const char *current = language_value(setting, name);

		if (current && strcmp(current, value) != 0)
			override(setting, name, value, false);
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
		override_user_settings();
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
