/*
 * sesstrig_frontend.h
 *	  What the lexer of psql and pgbench calls to see where a routine without
 *	  quotes around its text ends.
 */
#ifndef SESSTRIG_FRONTEND_H
#define SESSTRIG_FRONTEND_H

/* Plain data: it may be copied. */
typedef struct SesstrigScan
{
	uint64		opaque[258];
} SesstrigScan;

/* Has read nothing. */
extern void sesstrig_scan_start(SesstrigScan *scan);

/*
 * Take what the lexer matched outside of quotes and comments. Is the statement
 * such a routine, so that the lexer's own counting means nothing?
 */
extern bool sesstrig_scan_take(SesstrigScan *scan, const char *text, int length);

/* Is it in such a routine, so that a semicolon does not end the statement? */
extern bool sesstrig_scan_is_open(SesstrigScan *scan);

/* A semicolon has ended the statement. */
extern void sesstrig_scan_end(SesstrigScan *scan);

/* The query buffer was thrown away or sent. */
extern void sesstrig_scan_reset(SesstrigScan *scan);

/* Change a line that has only a slash to what it means for the routine. */
extern void sesstrig_scan_slash_line(SesstrigScan *scan, char *line, size_t length);

#endif							/* SESSTRIG_FRONTEND_H */
