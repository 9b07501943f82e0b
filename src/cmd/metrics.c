/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See metrics.h. The server is one thread of libmicrohttpd that waits for no client: an answer is
 * made in one piece from a snapshot, and sent as the client takes it. What a client can cost is
 * bounded: so many connections, of each address fewer, so many bytes and idle seconds each.
 */
#include "cmd/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/parse.h"
#include "cmd/libmicrohttpd.h"
#include "cmd/metrics_lines.h"
#include "cmd/metrics_snapshot.h"
#include "cmd/metrics_text.h"

/* Connections that count; whoever comes beyond takes the place of the oldest, which is shut down.
 */
#define CONNECTIONS             32u
#define CONNECTIONS_PER_ADDRESS 16u
#define CONNECTION_BYTES        8192u /* request and answer headers; the text is beside it */
#define IDLE_SECONDS            10u
#define BACKLOG                 128

#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What the library takes: those, and as many that were shut down and that it has yet to close. */
#define PLACES (2 * CONNECTIONS)

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A connection, from its beginning to its end. */
struct place {
	int fd;    /* the library's */
	bool shut; /* it had to go */
	union address from;
};

struct metrics {
	/* set at start, then read-only */
	struct metrics_source src;
	const struct libmicrohttpd *lib;
	struct MHD_Daemon *daemon;
	uint16_t port;

	/* owned by the server's thread */
	struct place places[PLACES]; /* the oldest first */
	unsigned taken;
};

/* ---- the address ----------------------------------------------------------------------------- */

/* Fill in family and address from a numeric host; "" is all addresses. */
static int parse_host(const char *host, bool bracketed, union address *ret)
{
	if (bracketed || host[0] == '\0') {
		ret->in6.sin6_family = AF_INET6; /* unspecified, as it is zero */
		if (!bracketed)
			return 0;
		return inet_pton(AF_INET6, host, &ret->in6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	ret->in.sin_family = AF_INET;
	if (strcmp(host, "localhost") == 0) /* by definition, RFC 6761 section 6.3 */
		host = "127.0.0.1";
	return inet_pton(AF_INET, host, &ret->in.sin_addr) == 1 ? 0 : -EINVAL;
}

/* *ret_all: no host was given. */
static int parse_address(const char *text, union address *ret, bool *ret_all)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	union address address;
	uint64_t port;

	if (colon == NULL || parse_number(colon + 1, 0, UINT16_MAX, &port) != 0)
		return -EINVAL;
	if (bracketed) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	memset(&address, 0, sizeof(address));
	if (parse_host(host, bracketed, &address) != 0)
		return -EINVAL;
	address.in.sin_port = htons((uint16_t)port); /* in6 has its port in the same place */
	*ret = address;
	*ret_all = !bracketed && len == 0;
	return 0;
}

_Static_assert(
    offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "one port");

int metrics_check(const char *address)
{
	union address a;
	bool all;

	return parse_address(address, &a, &all);
}

/* Returns: a socket that listens; -errno. */
static int listen_at(const union address *a, bool all)
{
	const int one = 1, v6only = !all;
	socklen_t len = a->any.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rv;

	if (fd < 0)
		return -errno;
	/* A connection of before a restart that is in TIME_WAIT must not hold the port. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    (a->any.sa_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) != 0) ||
	    bind(fd, &a->any, len) != 0 || listen(fd, BACKLOG) != 0) {
		rv = -errno;
		fileio_close(fd);
		return rv;
	}
	return fd;
}

/* The same at the address that was given; where all are meant, hosts without IPv6 have IPv4. */
static int open_socket(const char *text)
{
	union address a;
	bool all;
	int fd;

	if (parse_address(text, &a, &all) != 0)
		return -EINVAL;
	fd = listen_at(&a, all);
	if (all && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) {
		a.any.sa_family = AF_INET; /* the port stays, and what follows it is zero */
		fd = listen_at(&a, all);
	}
	return fd;
}

/* ---- answers --------------------------------------------------------------------------------- */

int metrics_write(const struct metrics_source *src, FILE *out)
{
	struct metrics_snapshot s;
	int rv = metrics_snapshot_take(src, &s);

	if (rv != 0)
		return rv;
	metrics_text_write(&s, out);
	metrics_snapshot_free(&s);
	return 0;
}

int metrics_print(const struct metrics_source *src, FILE *out)
{
	struct metrics_snapshot s;
	int rv = metrics_snapshot_take(src, &s);

	if (rv != 0)
		return rv;
	metrics_lines_write(&s, out);
	metrics_snapshot_free(&s);
	return 0;
}

int metrics_tell(const struct metrics_source *src)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rv = f != NULL ? metrics_print(src, f) : -ENOMEM;

	if (f != NULL && fclose(f) != 0)
		rv = -ENOMEM;
	if (rv == 0)
		log_text(text, len);
	free(text);
	return rv;
}

/* Takes: r, or NULL where there was no memory for it. */
static enum MHD_Result send_response(const struct metrics *m, struct MHD_Connection *c,
    unsigned status, const char *type, struct MHD_Response *r)
{
	const struct libmicrohttpd *lib = m->lib;
	enum MHD_Result rv = MHD_NO; /* closes the connection */

	if (r == NULL)
		return MHD_NO;
	if (lib->MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
		lib->MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		rv = lib->MHD_queue_response(c, status, r);
	lib->MHD_destroy_response(r); /* our reference; the connection has its own */
	return rv;
}

static enum MHD_Result send_words(
    const struct metrics *m, struct MHD_Connection *c, unsigned status, const char *words)
{
	/* It is only read, in spite of its type. */
	return send_response(m, c, status, "text/plain; charset=utf-8",
	    m->lib->MHD_create_response_from_buffer(
		strlen(words), (void *)(uintptr_t)words, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result send_metrics(const struct metrics *m, struct MHD_Connection *c)
{
	char *text = NULL;
	size_t len = 0;
	struct MHD_Response *r;
	FILE *out = open_memstream(&text, &len);
	int rv;

	if (out == NULL)
		return send_words(m, c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	rv = metrics_write(&m->src, out);
	if (ferror(out) != 0)
		rv = -ENOMEM;
	if (fclose(out) != 0 || rv != 0) {
		free(text);
		return send_words(m, c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	}
	r = m->lib->MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (r == NULL)
		free(text);
	return send_response(m, c, MHD_HTTP_OK, TEXT_TYPE, r);
}

/*
 * Called when the headers of a request are there, then for each piece of its body, then when it is
 * whole. An answer other than to GET and HEAD goes out at once; bodies mean nothing to us, and who
 * sends one is hung up on.
 */
static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body, size_t *body_len, void **state)
{
	static int begun;
	const struct metrics *m = arg;

	(void)version;
	(void)body;
	if (*body_len != 0)
		return MHD_NO;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_words(m, c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (*state == NULL) {
		*state = &begun;
		return MHD_YES;
	}
	if (strcmp(url, "/metrics") == 0)
		return send_metrics(m, c);
	if (strcmp(url, "/") == 0)
		return send_words(m, c, MHD_HTTP_OK, "flowkeep: see /metrics\n");
	return send_words(m, c, MHD_HTTP_NOT_FOUND, "not here: see /metrics\n");
}

/* ---- who has a place ------------------------------------------------------------------------- */

/* Do the two come from the same address, whatever their ports? */
static bool same_host(const union address *a, const union address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
}

/*
 * Of those from that address (NULL: from any) the oldest goes where there are more than limit. The
 * library sees its end like one that the client makes.
 */
static void keep_to(struct metrics *m, const union address *from, unsigned limit)
{
	struct place *oldest = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < m->taken; i++) {
		struct place *p = &m->places[i];

		if (p->shut || (from != NULL && !same_host(from, &p->from)))
			continue;
		if (count++ == 0)
			oldest = p;
	}
	if (count <= limit)
		return;
	oldest->shut = true;
	(void)shutdown(oldest->fd, SHUT_RDWR); /* fails where the client was faster */
}

static void take_place(struct metrics *m, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *fd =
	    m->lib->MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *from =
	    m->lib->MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct place *p = &m->places[m->taken];

	if (fd == NULL || from == NULL || m->taken == PLACES)
		return;
	memset(p, 0, sizeof(*p));
	p->fd = fd->connect_fd;
	memcpy(&p->from, from->client_addr,
	    from->client_addr->sa_family == AF_INET ? sizeof(p->from.in) : sizeof(p->from.in6));
	m->taken++;
	keep_to(m, &p->from, CONNECTIONS_PER_ADDRESS);
	keep_to(m, NULL, CONNECTIONS);
}

static void leave_place(struct metrics *m, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *fd =
	    m->lib->MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	unsigned i = 0;

	while (fd != NULL && i < m->taken && m->places[i].fd != fd->connect_fd)
		i++;
	if (fd == NULL || i == m->taken)
		return;
	m->taken--;
	memmove(&m->places[i], &m->places[i + 1], (m->taken - i) * sizeof(m->places[0]));
}

/* Called when a connection begins, and before it is closed. */
static void notice(
    void *arg, struct MHD_Connection *c, void **state, enum MHD_ConnectionNotificationCode code)
{
	(void)state;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		take_place(arg, c);
	else
		leave_place(arg, c);
}

/* ---- the server ------------------------------------------------------------------------------ */

/*
 * Its thread takes over our signal mask: all signals are for main, but those that a thread raises
 * itself, see thread_start.
 */
static struct MHD_Daemon *start_server(int fd, struct metrics *m)
{
	/*
	 * Epoll, edge triggered, misses a FIN that comes together with bytes. And a descriptor to
	 * wake the thread with: with all places taken nobody looks at the listening one.
	 */
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC;
	struct MHD_Daemon *daemon;
	sigset_t mask, old;

	(void)sigfillset(&mask);
	(void)sigdelset(&mask, SIGSYS);
	(void)sigdelset(&mask, SIGSEGV);
	(void)sigdelset(&mask, SIGBUS);
	(void)sigdelset(&mask, SIGFPE);
	(void)sigdelset(&mask, SIGILL);
	(void)pthread_sigmask(SIG_SETMASK, &mask, &old); /* cannot fail with a known `how` */
	errno = 0;
	daemon = m->lib->MHD_start_daemon(flags, 0, NULL, NULL, answer, m, MHD_OPTION_LISTEN_SOCKET,
	    fd, MHD_OPTION_CONNECTION_LIMIT, PLACES, MHD_OPTION_NOTIFY_CONNECTION, notice, m,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return daemon;
}

static int read_port(int fd, uint16_t *ret_port)
{
	union address a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len) != 0)
		return -errno;
	*ret_port = ntohs(a.in.sin_port);
	return 0;
}

/* Takes: fd, which belongs to the server on 0, and to nobody else. */
static int serve(int fd, const struct libmicrohttpd *lib, const struct metrics_source *src,
    struct metrics **ret_metrics)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int rv = m == NULL ? -ENOMEM : read_port(fd, &m->port);

	if (rv != 0) {
		free(m);
		fileio_close(fd);
		return rv;
	}
	m->src = *src;
	m->lib = lib;
	m->daemon = start_server(fd, m);
	if (m->daemon == NULL) {
		/* Where it failed decides whether fd is closed already: rather leave one open than
		 * close another's. */
		rv = errno != 0 ? -errno : -ENOMEM;
		free(m);
		return rv;
	}
	*ret_metrics = m;
	return 0;
}

static int load(const struct libmicrohttpd **ret_lib, char *ret_error)
{
	const char *why;

	*ret_lib = libmicrohttpd_load(&why);
	if (*ret_lib != NULL)
		return 0;
	(void)snprintf(ret_error, METRICS_ERROR_SIZE, "%s", why);
	return -ELIBACC;
}

int metrics_load(char *ret_error)
{
	const struct libmicrohttpd *lib;

	return load(&lib, ret_error);
}

int metrics_start(const char *address, const struct metrics_source *src,
    struct metrics **ret_metrics, char *ret_error)
{
	const struct libmicrohttpd *lib;
	int rv = load(&lib, ret_error);

	if (rv != 0)
		return rv;
	rv = open_socket(address);
	if (rv >= 0)
		rv = serve(rv, lib, src, ret_metrics);
	if (rv != 0)
		(void)snprintf(ret_error, METRICS_ERROR_SIZE, "%s", strerror(-rv));
	return rv;
}

uint16_t metrics_port(const struct metrics *m)
{
	return m->port;
}

void metrics_stop(struct metrics *m)
{
	if (m == NULL)
		return;
	m->lib->MHD_stop_daemon(m->daemon);
	free(m);
}
