/*
 * sesstrig_frontend.h
 *	  The functions by which the lexer of psql and pgbench finds out where a
 *	  routine without quotes around its text ends.  Nothing here needs the server.
 */
#ifndef SESSTRIG_FRONTEND_H
#define SESSTRIG_FRONTEND_H

/*
 * The state of a lexer.  It is plain data without pointers, and may be copied.  The
 * size must agree with the declaration in src/ffi/oracle/frontend.rs.
 */
typedef struct SesstrigScan
{
	uint64		opaque[258];
} SesstrigScan;

/* Initialize the state of a lexer that has read nothing. */
extern void sesstrig_scan_start(SesstrigScan *scan);

/*
 * Take a piece of text that the lexer matched outside of quotes and comments.
 * Return true if the statement is such a routine, in which case the lexer's own
 * counting of parentheses and BEGINs does not apply.
 */
extern bool sesstrig_scan_take(SesstrigScan *scan, const char *text, int length);

/* Is the lexer inside such a routine, so that a semicolon ends no statement? */
extern bool sesstrig_scan_is_open(SesstrigScan *scan);

/* Note that a semicolon has ended the statement. */
extern void sesstrig_scan_end(SesstrigScan *scan);

/* Note that the query buffer was discarded or sent. */
extern void sesstrig_scan_reset(SesstrigScan *scan);

/*
 * If the line consists of a slash alone and follows a routine, as in scripts for
 * SQL*Plus, change the slash to a semicolon if the statement has not ended yet,
 * and to a space if it has.
 */
extern void sesstrig_scan_slash_line(SesstrigScan *scan, char *line, size_t length);

#endif							/* SESSTRIG_FRONTEND_H */
