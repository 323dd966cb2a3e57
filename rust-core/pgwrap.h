/*
 * pgwrap.h
 *	  The header that bindgen reads: it includes all headers of the server whose
 *	  declarations build.rs lists.  No C file includes it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/trigger.h"
#include "executor/instrument.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "tcop/cmdtag.h"
#include "utils/guc.h"
#include "utils/pidfile.h"
#include "utils/timestamp.h"

#include "audit/sesstrig_session.h"
#include "audit/sesstrig_record.h"
#include "sesstrig_guard.h"
#include "sesstrig_proxy.h"
