/*
 * pin.c
 *	  What a firing does not take over from the client (rule F7): settings, and
 *	  an encoding that lacks a character of some message.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/guc_tables.h"
#include "utils/plancache.h"

#include "compat.h"
#include "sesstrig_core.h"
#include "sesstrig_guard.h"
#include "sesstrig_server.h"
#include "sesstrig_try.h"

/*
 * During a firing with a client of another encoding: that encoding, and the
 * conversion to it.
 */
static int	client_encoding = -1;
static Oid	conversion = InvalidOid;

/* Has this firing pinned a setting? */
static bool pinned;

/*
 * Saved, so that the end of the transaction brings the client's value back;
 * unless a trigger's own SET is what stays.
 */
static void
pin(const char *name, const char *value)
{
	pinned = true;
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, DEBUG1, false);
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
		pin(name, NULL);
		return;
	}
	switch (found.kind)
	{
		case SESSTRIG_PIN_KIND_KEEP:
			break;
		case SESSTRIG_PIN_KIND_DEFAULT:
			pin(name, boot_value(setting));
			break;
		case SESSTRIG_PIN_KIND_VALUE:
			pin(name, found.text);
			break;
		case SESSTRIG_PIN_KIND_SAME_AS:
			pin(name, GetConfigOption(found.text, false, false));
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
			pin(name, value);
	}
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

		client_encoding = pg_get_client_encoding();
		if (client_encoding == GetDatabaseEncoding() || client_encoding == PG_SQL_ASCII)
			client_encoding = -1;
		else if (GetDatabaseEncoding() != PG_SQL_ASCII)
			conversion = FindDefaultConversionProc(GetDatabaseEncoding(), client_encoding);
	}
	GUARD_END();
}

void
sesstrig_forget_encoding(void)
{
	client_encoding = -1;
	conversion = InvalidOid;
}

/* This runs inside of a message's report, where an error could not be caught. */
bool
sesstrig_session_cannot_send(const char *text)
{
	int			length;
	char	   *converted;
	int			done;

	if (client_encoding < 0 || client_encoding != pg_get_client_encoding() ||
		!IsTransactionState())
		return false;

	length = strlen(text);
	if (!OidIsValid(conversion))
		return pg_encoding_verifymbstr(client_encoding, text, length) != length;

	converted = palloc(length * MAX_CONVERSION_GROWTH + 1);
	done = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), client_encoding,
										 (unsigned char *) unconstify(char *, text), length,
										 (unsigned char *) converted,
										 length * MAX_CONVERSION_GROWTH + 1, true);
	pfree(converted);
	return done != length;
}
