/*
 * sesstrig_log.h
 *	  What the files of the session audit share of the form of the log's rows.
 */
#ifndef SESSTRIG_LOG_H
#define SESSTRIG_LOG_H

#include "postgres.h"

#include "access/tupdesc.h"

#include "audit/sesstrig_record.h"

/* How many columns session_audit.log has, and where the digest is among them. */
#define SESSTRIG_LOG_COLUMNS 32
#define SESSTRIG_LOG_DIGEST 2

/* The digest of a row behind the row that has the digest before (rule A10). */
extern void sesstrig_digest_row(const unsigned char *before, TupleDesc desc, const Datum *values,
								const bool *nulls, unsigned char *digest);

#endif							/* SESSTRIG_LOG_H */
