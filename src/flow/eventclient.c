/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See eventclient.h. At any moment there is either a socket or a running timer, never both; an
 * epoll instance over the two is the one descriptor that the demux polls (epoll(7) allows that).
 */
#include "flow/eventclient.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "packet/ledger.h"

#define DRAIN_MAX_BYTES (4u << 20)

enum { BACKOFF_MIN_MS = 10, BACKOFF_MAX_MS = 1000 };

/* Messages about connections: so many at once, then one in ten seconds; the rest at debug. */
#define SAY_BURST    20
#define SAY_EVERY_NS (10 * CLK_SECOND_NS)

/* Whether the buffer holds the beginning of a line, or what comes belongs to one too long. */
enum reading { READING_LINE, PASSING_OVER };

struct eventclient {
	/* set at start, then read-only */
	struct sockaddr_un address;
	char name[4 * sizeof(((struct sockaddr_un *)0)->sun_path) + 1]; /* printable path */
	eventclient_fn *fn;
	void *arg;
	int epoll, timer;

	/* owned by the demux thread */
	int sock;        /* -1: none */
	int backoff_ms;  /* before the next attempt */
	bool useful;     /* this connection has brought an event */
	bool in_outage;  /* which was told of */
	int says;        /* messages that may go out at once */
	int64_t says_ns; /* when the last of them was given, by clk_mono */
	enum reading reading;
	size_t have; /* bytes of buf; in between calls without a line feed */
	char buf[EVENTCLIENT_MAX_LINE_BYTES + 1];

	struct eventclient_stats stats; /* atomics: written by the demux thread, read by any */
};

/* ---- talking ---- */

/* A server that comes and goes all the time must not fill the log. */
static enum log_level quieter(struct eventclient *c, enum log_level level)
{
	int64_t now = clk_mono().ns, more = (now - c->says_ns) / SAY_EVERY_NS;

	if (c->says + more >= SAY_BURST) {
		c->says = SAY_BURST;
		c->says_ns = now;
	} else {
		c->says += (int)more;
		c->says_ns += more * SAY_EVERY_NS;
	}
	if (c->says == 0)
		return LOG_DEBUG;
	c->says--;
	return level;
}

static void say_connected(struct eventclient *c)
{
	log_write(quieter(c, LOG_INFO), "events", "event server connected: '%s'", c->name);
	c->in_outage = false;
}

static void say_gone(struct eventclient *c)
{
	log_write(quieter(c, LOG_WARNING), "events",
	    "event server '%s' is gone; reconnecting; continuing without new names", c->name);
	c->in_outage = true;
}

/* Once per outage: attempts fail every second. */
static void say_absent(struct eventclient *c, int err)
{
	if (c->in_outage)
		return;
	log_warning("events",
	    "event server does not answer: '%s': %s; trying on; continuing without names", c->name,
	    strerror(-err));
	c->in_outage = true;
}

/* ---- coming and going ---- */

static int watch(const struct eventclient *c, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static void back_off(struct eventclient *c)
{
	struct itimerspec in = {.it_value.tv_sec = c->backoff_ms / 1000,
	    .it_value.tv_nsec = c->backoff_ms % 1000 * 1000000L};
	int rv = timerfd_settime(c->timer, 0, &in, NULL);

	assert(rv == 0); /* timerfd_settime(2): fails only for bad arguments */
	c->backoff_ms *= 2;
	if (c->backoff_ms > BACKOFF_MAX_MS)
		c->backoff_ms = BACKOFF_MAX_MS;
}

/* A unix socket connects at once or not at all: connect(2) gives EAGAIN for a full backlog. */
static int open_socket(const struct eventclient *c, int *ret_sock)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rv = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&c->address, sizeof(c->address)) != 0)
		rv = -errno;
	if (rv == 0)
		rv = watch(c, fd);
	if (rv != 0) {
		fileio_close(fd);
		return rv;
	}
	*ret_sock = fd;
	return 0;
}

static void try_connect(struct eventclient *c)
{
	int rv = open_socket(c, &c->sock);

	if (rv != 0) {
		say_absent(c, rv);
		back_off(c);
		return;
	}
	c->useful = false;
	ledger_add(&c->stats.connects, 1);
	atomic_store_explicit(&c->stats.connected, true, memory_order_relaxed);
	say_connected(c);
}

static void disconnect(struct eventclient *c)
{
	if (c->have > 0) { /* an object's last byte is its brace: what was cut off is no event */
		ledger_add(&c->stats.lines, 1);
		ledger_add(&c->stats.malformed, 1);
	}
	c->have = 0;
	c->reading = READING_LINE;
	fileio_close(c->sock); /* which ends its epoll entry, too */
	c->sock = -1;
	ledger_add(&c->stats.disconnects, 1);
	atomic_store_explicit(&c->stats.connected, false, memory_order_relaxed);
	say_gone(c);
	/* Not for any line: something else that listens there may greet everyone and hang up. */
	if (c->useful)
		c->backoff_ms = BACKOFF_MIN_MS;
	back_off(c);
}

/* ---- reading ---- */

static _Atomic uint64_t *counter_of(struct eventclient_stats *s, enum event_fault fault)
{
	switch (fault) {
	case EVENT_FINE:
		return &s->events;
	case EVENT_BLANK:
		return &s->blank;
	case EVENT_MALFORMED:
		return &s->malformed;
	case EVENT_UNKNOWN:
		return &s->unknown;
	case EVENT_BAD_UUID:
		return &s->bad_uuid;
	case EVENT_NO_TUPLE:
		return &s->no_tuple;
	}
	assert(!"a fault without a counter");
	return NULL;
}

static void take_line(struct eventclient *c, const char *line, size_t len)
{
	struct event e;
	enum event_fault fault = event_parse(line, len, &e);

	ledger_add(&c->stats.lines, 1);
	ledger_add(counter_of(&c->stats, fault), 1);
	if (fault != EVENT_FINE)
		return;
	c->useful = true;
	c->fn(&e, c->arg);
}

/* Take the whole lines out of buf, whose first `old` bytes are known to have no line feed. */
static void take_lines(struct eventclient *c, size_t old)
{
	const char *line = c->buf, *from = c->buf + old, *end = c->buf + c->have, *feed;

	while ((feed = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		if (c->reading == READING_LINE)
			take_line(c, line, (size_t)(feed - line));
		c->reading = READING_LINE;
		line = from = feed + 1;
	}
	c->have = (size_t)(end - line);
	if (c->reading == READING_LINE && c->have == sizeof(c->buf)) {
		ledger_add(&c->stats.lines, 1);
		ledger_add(&c->stats.too_long, 1);
		c->reading = PASSING_OVER;
	}
	if (c->reading == PASSING_OVER)
		c->have = 0;
	memmove(c->buf, line, c->have);
}

/* Read once. Returns: bytes read; 0 there is nothing to read, or no longer a connection. */
static size_t take(struct eventclient *c)
{
	size_t old = c->have;
	ssize_t n;

	do
		n = recv(c->sock, c->buf + old, sizeof(c->buf) - old, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		disconnect(c);
		return 0;
	}
	c->have += (size_t)n;
	take_lines(c, old);
	return (size_t)n;
}

/* ---- for the demux ---- */

static int open_descriptors(struct eventclient *c)
{
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		return -errno;
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->timer < 0)
		return -errno;
	return watch(c, c->timer);
}

int eventclient_new(
    const char *path, eventclient_fn *fn, void *arg, struct eventclient **ret_client)
{
	struct eventclient *c;
	int rv;

	if (path[0] == '\0') /* the kernel would look for a name in the abstract space, unix(7) */
		return -EINVAL;
	if (strlen(path) >= sizeof(c->address.sun_path))
		return -ENAMETOOLONG;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->sock = c->epoll = c->timer = -1;
	c->fn = fn;
	c->arg = arg;
	c->backoff_ms = BACKOFF_MIN_MS;
	c->says = SAY_BURST;
	c->says_ns = clk_mono().ns;
	c->address.sun_family = AF_UNIX;
	memcpy(c->address.sun_path, path, strlen(path) + 1);
	(void)log_printable(c->name, sizeof(c->name), path);
	rv = open_descriptors(c);
	if (rv != 0)
		goto fail;
	try_connect(c);
	*ret_client = c;
	return 0;
fail:
	eventclient_free(c);
	return rv;
}

int eventclient_fd(const struct eventclient *c)
{
	return c->epoll;
}

void eventclient_run(struct eventclient *c)
{
	struct epoll_event e;
	uint64_t expirations;

	if (epoll_wait(c->epoll, &e, 1, 0) != 1) /* interrupted, or nothing: the loop comes back */
		return;
	if (e.data.fd == c->sock)
		(void)take(c); /* what is left is for the next call */
	else if (read(c->timer, &expirations, sizeof(expirations)) == sizeof(expirations))
		try_connect(c);
}

const struct eventclient_stats *eventclient_stats(const struct eventclient *c)
{
	return &c->stats;
}

bool eventclient_connected(const struct eventclient *c)
{
	return atomic_load_explicit(&c->stats.connected, memory_order_relaxed);
}

void eventclient_drain(struct eventclient *c)
{
	size_t total = 0, n = 1;

	for (; c->sock >= 0 && n > 0 && total < DRAIN_MAX_BYTES; total += n)
		n = take(c);
}

void eventclient_free(struct eventclient *c)
{
	if (c == NULL)
		return;
	fileio_close(c->sock);
	fileio_close(c->timer);
	fileio_close(c->epoll);
	free(c);
}
