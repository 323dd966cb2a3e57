/*
 * proxy.c
 *	  Clients behind a proxy (section P): the header with which a proxy says whose connection
 *	  it passes on is read before all else, and the address in it becomes the client's.  What
 *	  a header is, and who has to send one, is decided in src/domain/proxy.
 */
#include "postgres.h"

#include "common/ip.h"
#include "libpq/libpq.h"
#include "libpq/libpq-be.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "server/compat.h"
#include "sesstrig_core.h"
#include "sesstrig_entry.h"
#include "sesstrig_guard.h"
#include "sesstrig_proxy.h"
#include "sesstrig_server.h"
#include "sesstrig_stat.h"

/* Where the connection really comes from, if a header has named another address. */
static SockAddr proxy;
static bool is_proxied = false;

/* The address in a header as one of the sockets'. */
static SockAddr
make_address(const SesstrigClientAddress *client)
{
	SockAddr	address;

	memset(&address, 0, sizeof(address));
	if (client->length == sizeof(struct in_addr))
	{
		struct sockaddr_in *in = (struct sockaddr_in *) &address.addr;

		in->sin_family = AF_INET;
		in->sin_port = pg_hton16(client->port);
		memcpy(&in->sin_addr, client->bytes, sizeof(struct in_addr));
		address.salen = sizeof(struct sockaddr_in);
	}
	else
	{
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &address.addr;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = pg_hton16(client->port);
		memcpy(&in6->sin6_addr, client->bytes, sizeof(struct in6_addr));
		address.salen = sizeof(struct sockaddr_in6);
	}
	return address;
}

/*
 * Make this the client's address, in all that the server has derived from the real one
 * (rule P4).  A name that was looked up for that one does not count.
 */
static void
set_client(Port *port, const SesstrigClientAddress *client)
{
	char		host[NI_MAXHOST] = "";
	char		number[NI_MAXSERV] = "";
	int			result;

	proxy = port->raddr;
	is_proxied = true;
	port->raddr = make_address(client);
	port->remote_hostname = NULL;
	port->remote_hostname_resolv = 0;
	port->remote_hostname_errcode = 0;

	/* As in the server's own code, the look-up of a name does not count against the time limit. */
	if (log_hostname)
		disable_timeout(STARTUP_PACKET_TIMEOUT, false);
	result = pg_getnameinfo_all(&port->raddr.addr, port->raddr.salen, host, sizeof(host), number,
								sizeof(number), (log_hostname ? 0 : NI_NUMERICHOST) | NI_NUMERICSERV);
	if (log_hostname)
		enable_timeout_after(STARTUP_PACKET_TIMEOUT, AuthenticationTimeout * 1000);
	if (result != 0)
		ereport(WARNING,
				(errmsg_internal("pg_getnameinfo_all() failed: %s", gai_strerror(result))));
	else if (log_hostname && strspn(host, "0123456789.") < strlen(host) &&
			 strspn(host, "0123456789ABCDEFabcdef:") < strlen(host))
		port->remote_hostname = MemoryContextStrdup(TopMemoryContext, host);
	port->remote_host = MemoryContextStrdup(TopMemoryContext, host);
	port->remote_port = MemoryContextStrdup(TopMemoryContext, number);
}

/* The address of the proxy as text, without the zone that one of IPv6 can have. */
static void
print_proxy(char *host, size_t size)
{
	(void) pg_getnameinfo_all(&proxy.addr, proxy.salen, host, size, NULL, 0, NI_NUMERICHOST);
	clean_ipv6_addr(proxy.addr.ss_family, host);
}

/* End the process, as the server does when there is no startup packet that counts. */
static void
leave(void)
{
	disable_timeout(STARTUP_PACKET_TIMEOUT, false);
	sigprocmask(SIG_SETMASK, &BlockSig, NULL);
	proc_exit(0);
}

/* End the connection: what it begins with is no header, or not all of one. */
static void
refuse(const char *detail)
{
	ereport(COMMERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("connection from a proxy has no valid PROXY header"),
			 errdetail_internal("%s", detail),
			 errhint("Whoever connects from an address in \"session_triggers.proxy_networks\" must send a PROXY header first. Have the proxy send it, also for its health checks, or remove the address.")));
	leave();
}

void
sesstrig_connection_receive(Port *port)
{
	SesstrigClientAddress client;
	SesstrigProxyStep step = SESSTRIG_PROXY_STEP_MORE;
	const char *fault = "The PROXY header could not be read.";
	bool		has_begun = false;

	if (!sesstrig_proxy_is_used() || !sesstrig_proxy_is_listed(&port->raddr.addr))
		return;

	/*
	 * Each byte is looked at before the next one is waited for.  What comes behind the header
	 * stays in the buffer, as does what comes behind a startup packet.
	 */
	pq_startmsgread();
	while (step == SESSTRIG_PROXY_STEP_MORE)
	{
		int			byte = pq_getbyte();

		if (byte == EOF)
		{
			/* Whoever only looks whether the server is there sends nothing. */
			if (!has_begun)
				leave();
			refuse("The connection has ended within the PROXY header.");
		}
		has_begun = true;
		step = sesstrig_proxy_take((uint8) byte, &client, &fault);
	}
	pq_endmsgread();
	if (step == SESSTRIG_PROXY_STEP_FAULT)
		refuse(fault);
	if (step == SESSTRIG_PROXY_STEP_LOCAL)
		return;

	set_client(port, &client);
	if (SESSTRIG_LOGS_RECEIPT())
	{
		char		host[NI_MAXHOST] = "";

		print_proxy(host, sizeof(host));
		ereport(LOG,
				(errmsg("connection forwarded: host=%s port=%s proxy=%s", port->remote_host,
						port->remote_port, host)));
	}
}

void
sesstrig_connection_check_ident(void)
{
	if (is_proxied)
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("ident authentication is not possible for a client behind a proxy"),
				 errdetail_log("Only the proxy knows the ports of this client's connection, and the address is what the proxy says.")));
}

const struct sockaddr_storage *
sesstrig_proxy_address(void)
{
	return is_proxied ? &proxy.addr : NULL;
}

/* The function proxy_addr(). */
Datum
sesstrig_proxy_addr(PG_FUNCTION_ARGS)
{
	char		host[NI_MAXHOST] = "";

	if (!is_proxied || proxy.addr.ss_family == AF_UNIX)
		PG_RETURN_NULL();
	print_proxy(host, sizeof(host));
	PG_RETURN_DATUM(DirectFunctionCall1(inet_in, CStringGetDatum(host)));
}

/* --- the setting -------------------------------------------------------------------- */

bool
sesstrig_check_proxy_networks(char **value, void **extra, GucSource source)
{
	SesstrigListFault fault;

	if (sesstrig_proxy_check_list(*value, &fault))
		return true;
	sesstrig_explain_list_fault(*value, &fault);
	return false;
}
