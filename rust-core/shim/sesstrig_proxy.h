/*
 * sesstrig_proxy.h
 *	  What Rust asks of shim/proxy.c.  Nothing here can raise.
 */
#ifndef SESSTRIG_PROXY_H
#define SESSTRIG_PROXY_H

#include "postgres.h"

#include "utils/guc.h"

/*
 * The address of the proxy through which the client has come, of 4 or 16 bytes; NULL if it has
 * come through none, or through one on a Unix-domain socket.
 */
extern const unsigned char *sesstrig_proxy_address(size_t *length);

/* The check hook of session_triggers.proxy_networks. */
extern bool sesstrig_check_proxy_networks(char **value, void **extra, GucSource source);

#endif							/* SESSTRIG_PROXY_H */
