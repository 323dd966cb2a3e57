/*
 * protected.c
 *	  Settings that only superusers set (section K).  Which ones, the list in
 *	  session_triggers.protected_settings says, which src/domain/session/protected.rs reads.
 *
 * A setting that any user may set is protected by being turned into one that superusers set.
 * The server's own code then refuses everything else, and knows GRANT SET ON PARAMETER.  The
 * settings of applications are placeholders, which the server makes for names that no code
 * defines, and stay placeholders: so an extension can still define such a name, and what it
 * defines is protected in turn.
 *
 * Two things are not a matter of rights in the server.  RESET ALL is allowed to everybody, and
 * so must leave protected settings alone; and DISCARD ALL is the server's RESET ALL, which must
 * not leave the next client what the one before had.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"

/* A name that is protected, and what the setting would be without that, if it exists. */
typedef struct Protected
{
	struct Protected *next;
	GucContext	context;
	int			flags;
	const char *short_desc;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} Protected;

static Protected *all = NULL;

/* Are these the same name, as the server compares them? */
static bool
is_same(const char *a, const char *b)
{
	while (*a && pg_ascii_tolower((unsigned char) *a) == pg_ascii_tolower((unsigned char) *b))
		a++, b++;
	return *a == *b;
}

static Protected *
find(const char *name)
{
	for (Protected *one = all; one; one = one->next)
		if (is_same(one->name, name))
			return one;
	return NULL;
}

/* Turn a setting into one that superusers set. */
static void
protect(Protected *one, struct config_generic *setting)
{
	one->context = setting->context;
	one->flags = setting->flags;
	one->short_desc = setting->short_desc;
	if (setting->context == PGC_USERSET)
		setting->context = PGC_SUSET;
	else if (setting->context == PGC_BACKEND)
		setting->context = PGC_SU_BACKEND;
	setting->flags |= GUC_NO_RESET_ALL;
	if (setting->flags & GUC_CUSTOM_PLACEHOLDER)
	{
		setting->flags &= ~GUC_NO_SHOW_ALL;
		setting->short_desc = "Setting of an application that only superusers set.";
	}
}

/* Is this a value that somebody has set as any user may? */
static bool
is_foreign(GucContext context)
{
	return context == PGC_USERSET || context == PGC_BACKEND;
}

/*
 * Take the values away that others than superusers have given to a placeholder, those included
 * that the end of a transaction would restore.  It then has the value that RESET gives it.
 *
 * This is done where no catalog can be read, so roles to which the setting was granted count as
 * others.  The strings of the values are not freed, since only the server knows where else it
 * uses them; this happens once for a setting.
 */
static void
drop_values(struct config_string *setting)
{
	struct config_generic *common = &setting->gen;

	if (is_foreign(common->reset_scontext))
	{
		setting->reset_val = NULL;
		/* With PGC_S_DEFAULT it would have to be taken out of the server's lists. */
		common->reset_source = PGC_S_DYNAMIC_DEFAULT;
		common->reset_scontext = PGC_POSTMASTER;
		common->reset_srole = BOOTSTRAP_SUPERUSERID;
	}
	if (is_foreign(common->scontext))
	{
		*setting->variable = setting->reset_val;
		common->source = Max(common->reset_source, PGC_S_DYNAMIC_DEFAULT);
		common->scontext = common->reset_scontext;
		common->srole = common->reset_srole;
	}
	for (GucStack *stack = common->stack; stack; stack = stack->prev)
	{
		if (is_foreign(stack->scontext))
		{
			stack->prior.val.stringval = setting->reset_val;
			stack->source = common->reset_source;
			stack->scontext = common->reset_scontext;
			stack->srole = common->reset_srole;
		}
		if (stack->state == GUC_SET_LOCAL && is_foreign(stack->masked_scontext))
		{
			stack->masked.val.stringval = setting->reset_val;
			stack->masked_scontext = common->reset_scontext;
			stack->masked_srole = common->reset_srole;
		}
	}
}

/* Protect the setting of this name, which is there from then on. */
static void
add(const char *name, size_t length)
{
	Protected *one = malloc(offsetof(Protected, name) + length + 1);
	struct config_generic *setting;

	/* As where the server defines a setting. */
	if (!one)
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	memcpy(one->name, name, length);
	one->name[length] = '\0';
	if (find(one->name))
	{
		free(one);
		return;
	}
	one->next = all;
	all = one;

	setting = SESSTRIG_FIND_SETTING(one->name);
	if (setting)
	{
		protect(one, setting);
		/* What a parallel worker has it has from its leader, which has done this. */
		if ((setting->flags & GUC_CUSTOM_PLACEHOLDER) && !IsParallelWorker())
			drop_values((struct config_string *) setting);
	}
	else
		/* This calls sesstrig_protect_setting().  It fails where the prefix is reserved. */
		(void) set_config_option(one->name, NULL, PGC_SIGHUP, PGC_S_DEFAULT, GUC_ACTION_SET,
								 true, DEBUG1, false);
}

/* Make all settings what they would be without protection. */
static void
remove_all(void)
{
	while (all)
	{
		Protected *one = all;
		struct config_generic *setting = SESSTRIG_FIND_SETTING(one->name);

		if (setting)
		{
			setting->context = one->context;
			setting->flags = one->flags;
			setting->short_desc = one->short_desc;
		}
		all = one->next;
		free(one);
	}
}

void
sesstrig_protect_setting(struct config_generic *setting)
{
	Protected *one = find(setting->name);

	if (one)
		protect(one, setting);
}

void
sesstrig_reset_protected_settings(void)
{
	for (Protected *one = all; one; one = one->next)
	{
		struct config_generic *setting = SESSTRIG_FIND_SETTING(one->name);

		/* As in RESET ALL. */
		if (setting && setting->context == PGC_SUSET && setting->source > PGC_S_OVERRIDE)
			(void) set_config_option(one->name, NULL, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SET,
									 true, 0, false);
	}
}

bool
sesstrig_check_protected_settings(char **value, void **extra, GucSource source)
{
	SesstrigListFault fault;

	if (sesstrig_protected_check_list(*value, &fault))
		return true;
	sesstrig_explain_list_fault(*value, &fault);
	return false;
}

/*
 * What a session has protected stays so, since a policy may have relied on it: a removal counts
 * for new sessions, which have the settings of the postmaster.  A parallel worker has the list
 * of its leader.
 */
void
sesstrig_assign_protected_settings(const char *value, void *extra)
{
	const char *name;
	size_t		place = 0;
	size_t		length;

	if (!IsUnderPostmaster || IsParallelWorker())
		remove_all();
	while ((name = sesstrig_protected_next(value, &place, &length)) != NULL)
		add(name, length);
}
