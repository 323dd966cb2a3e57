/*
 * sesstrig_proxy.h
 *	  What Rust asks of shim/proxy.c.  Nothing here can raise.
 */
#ifndef SESSTRIG_PROXY_H
#define SESSTRIG_PROXY_H

#include "postgres.h"

#include "utils/guc.h"

/* Where the proxy is through which the client has come; NULL if it has come through none. */
struct sockaddr_storage;
extern const struct sockaddr_storage *sesstrig_proxy_address(void);

/* The check hook of session_triggers.proxy_networks. */
extern bool sesstrig_check_proxy_networks(char **value, void **extra, GucSource source);

#endif							/* SESSTRIG_PROXY_H */
