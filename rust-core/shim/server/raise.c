/*
 * raise.c
 *	  The only functions that raise an error which Rust has returned, after Rust has
 *	  returned; and the one that has the server say what Rust has found wrong in a list.
 */
#include "postgres.h"

#include "utils/guc.h"
#include "utils/memutils.h"

#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"

/* A copy of a text that lasts as long as the error that is being raised. */
static char *
keep_text(const char *text)
{
	return text ? MemoryContextStrdup(ErrorContext, text) : NULL;
}

void
sesstrig_raise_on_failure(ErrorData *error)
{
	if (!error)
		return;

	PG_TRY();
	{
		/* ReThrowError() copies all texts but these, and "error" is freed. */
		error->filename = keep_text(error->filename);
		error->funcname = keep_text(error->funcname);
		error->domain = keep_text(error->domain);
		error->context_domain = keep_text(error->context_domain);
		error->message_id = keep_text(error->message_id);
		ReThrowError(error);
	}
	PG_FINALLY();
	{
		sesstrig_error_free(error);
	}
	PG_END_TRY();
}

/*
 * Like sesstrig_raise_on_failure(), for errors that must end the session.  Only
 * the SQLSTATE and the message are reported; a failed firing has already been
 * logged in full.
 */
void
sesstrig_exit_on_failure(ErrorData *error)
{
	if (!error)
		return;

	ereport(FATAL,
			(errcode(error->sqlerrcode),
			 errmsg_internal("%s", error->message ? error->message : _("missing error text"))));
}

void
sesstrig_explain_list_fault(const char *list, const SesstrigListFault *fault)
{
	GUC_check_errdetail("Item \"%.*s\" at position %zu: %s.", (int) fault->length,
						list + fault->offset, fault->offset + 1, fault->reason);
}
