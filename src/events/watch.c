/* SPDX-License-Identifier: BSD-2-Clause */
/* See watch.h. */
#include "events/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/notify.h"
#include "events/line.h"
#include "events/server.h"
#include "events/sockdiag.h"
#include "events/sockets.h"

/* 2 Mi sockets of 72 bytes and 8 for the index: 160 MiB, of which only what is used is touched. */
#define SOCKETS_MAX (UINT32_C(1) << 21)

/* A dump may take a tenth of a processor: the pause after it is nine times as long. */
#define PAUSE_FACTOR 9
#define PAUSE_MIN_NS (10 * CLK_SECOND_NS / 1000)

/* Between attempts, when the kernel cannot dump (memory). */
#define RETRY_NS CLK_SECOND_NS

/* Destroy messages taken in a row before others get their turn. */
#define DESTROYED_BURST 256

struct watch {
	const char *listen_path;
	const char *prefix;
	int epoll_fd;
	int signal_fd;
	sigset_t old_signals;
	bool signals_taken;
	bool ended; /* by a signal */

	struct sockdiag *diag;
	struct sockets *sockets;
	struct server *server; /* NULL until the first dump is complete */

	bool dumping;
	int64_t dump_cpu_ns;  /* what the dump that is under way has taken so far */
	int64_t next_dump_ns; /* monotonic */
	bool dump_failure_told;
	int64_t event_ns; /* wall time of the messages that are being looked at */

	uint64_t polls;
	uint64_t failed_polls;
	uint64_t enobufs;
};

static int64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(
	    CLOCK_THREAD_CPUTIME_ID, &ts); /* fails only where there is no such clock */
	return (int64_t)ts.tv_sec * CLK_SECOND_NS + ts.tv_nsec;
}

static uint32_t source_slots(void *arg)
{
	const struct watch *w = arg;

	return sockets_slots(w->sockets);
}

static size_t source_open_line(void *arg, uint32_t slot, char *buf)
{
	const struct watch *w = arg;
	int64_t opened_ns = 0;
	const struct connection *c = sockets_slot(w->sockets, slot, &opened_ns);

	return c != NULL ? line_open(buf, w->prefix, c, opened_ns) : 0;
}

static void opened(void *arg, uint32_t slot)
{
	struct watch *w = arg;
	char line[LINE_SIZE];

	if (w->server != NULL)
		server_tell_open(w->server, slot, line, source_open_line(w, slot, line));
}

static void closed(void *arg, uint32_t slot)
{
	struct watch *w = arg;
	char line[LINE_SIZE];
	int64_t opened_ns = 0;
	const struct connection *c = sockets_slot(w->sockets, slot, &opened_ns);

	if (w->server == NULL || c == NULL)
		return;
	server_tell_close(
	    w->server, slot, line, line_close(line, w->prefix, c->cookie, w->event_ns));
}

static void seen(const struct connection *c, void *arg)
{
	struct watch *w = arg;

	sockets_seen(w->sockets, c, w->event_ns);
}

static void destroyed(const struct connection *c, void *arg)
{
	struct watch *w = arg;

	/*
	 * Now, after the receive, and for each message: what comes in a burst may have begun and
	 * ended since the burst's first message, and nothing opens before its SYN.
	 */
	w->event_ns = clk_wall().ns;
	if (w->server != NULL)
		server_accept(w->server); /* who connected before this message must hear of it */
	sockets_destroyed(w->sockets, c, w->event_ns);
}

static int epoll_add(struct watch *w, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

/* SIGHUP is taken too, and does nothing: there is no log to reopen. */
static int take_signals(struct watch *w)
{
	sigset_t set;

	(void)sigemptyset(&set); /* fails for no valid set; nor do these for valid numbers */
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, &w->old_signals) != 0)
		return -errno;
	w->signals_taken = true;
	w->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (w->signal_fd < 0)
		return -errno;
	return epoll_add(w, w->signal_fd);
}

int watch_open(const char *listen_path, const char *prefix, struct watch **ret_watch)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct sockets_hooks hooks = {opened, closed, w};
	int rv;

	if (w == NULL)
		return -ENOMEM;
	w->listen_path = listen_path;
	w->prefix = prefix;
	w->signal_fd = -1;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rv = w->epoll_fd < 0 ? -errno : take_signals(w);
	if (rv != 0)
		goto fail;
	rv = sockdiag_open(&w->diag);
	if (rv != 0)
		goto fail;
	rv = epoll_add(w, sockdiag_destroy_fd(w->diag));
	if (rv != 0)
		goto fail;
	rv = sockets_new(SOCKETS_MAX, sockdiag_subscribe_error(w->diag) == 0, &hooks, &w->sockets);
	if (rv != 0)
		goto fail;
	*ret_watch = w;
	return 0;
fail:
	watch_close(w);
	return rv;
}

int watch_subscribe_error(const struct watch *w)
{
	return sockdiag_subscribe_error(w->diag);
}

static int listen_now(struct watch *w)
{
	struct server_source source = {source_slots, source_open_line, w};
	struct sockets_counts n;
	int rv = server_open(w->listen_path, &source, &w->server);

	if (rv == 0)
		rv = epoll_add(w, server_fd(w->server));
	if (rv != 0)
		return rv;
	sockets_counts(w->sockets, &n);
	log_info("events", "listening on '%s'; %" PRIu64 " connections are open", w->listen_path,
	    n.live);
	(void)notify_send("READY=1"); /* nobody there to be told is no failure */
	return 0;
}

static void dump_failed(struct watch *w, int error)
{
	w->dumping = false;
	w->next_dump_ns = clk_mono().ns + RETRY_NS;
	w->failed_polls++;
	if (!w->dump_failure_told)
		log_warning("events", "cannot ask the kernel for its connections: %s; continuing",
		    strerror(-error));
	w->dump_failure_told = true;
}

static void dump_done(struct watch *w)
{
	int64_t pause_ns = PAUSE_FACTOR * w->dump_cpu_ns;

	w->dumping = false;
	w->polls++;
	w->dump_failure_told = false;
	w->next_dump_ns = clk_mono().ns + (pause_ns > PAUSE_MIN_NS ? pause_ns : PAUSE_MIN_NS);
}

/* A step of the dump that is under way, or of the next one when it is due. */
static int dump(struct watch *w)
{
	int64_t start_ns = cpu_ns();
	int rv = 0;

	if (!w->dumping) {
		if (w->server != NULL)
			server_resume(w->server);
		rv = sockdiag_dump_begin(w->diag);
		w->dumping = true;
		w->dump_cpu_ns = 0;
	}
	w->event_ns = clk_wall().ns;
	if (rv == 0)
		rv = sockdiag_dump_step(w->diag, seen, w);
	if (rv == 0)
		sockets_end(w->sockets);
	w->dump_cpu_ns += cpu_ns() - start_ns;
	if (rv == 0)
		dump_done(w);
	else if (rv < 0)
		dump_failed(w, rv);
	return rv < 0 ? rv : 0;
}

static void hear_destroyed(struct watch *w)
{
	int rv = 1;

	for (int i = 0; i < DESTROYED_BURST && rv > 0; i++)
		rv = sockdiag_read_destroyed(w->diag, destroyed, w);
	if (rv == -ENOBUFS)
		w->enobufs++; /* what it hid, the next dumps show: they come anyway */
}

static void hear_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (fileio_read(w->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM)
			w->ended = true;
		else if (info.ssi_signo == SIGUSR1)
			watch_print(w, stderr);
	}
}

/* Rounded up, so that the loop does not spin through the last part of a millisecond. */
static int wait_ms(const struct watch *w)
{
	int64_t left_ns = w->next_dump_ns - clk_mono().ns;

	if (w->dumping || left_ns <= 0)
		return 0;
	return (int)((left_ns + 999999) / 1000000);
}

/* Signals, destroy messages, clients: in this order, whatever epoll says first. */
static int one_round(struct watch *w)
{
	struct epoll_event events[3];
	int n = epoll_wait(w->epoll_fd, events, 3, wait_ms(w));
	bool clients = false;

	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == w->signal_fd)
			hear_signals(w);
		else if (events[i].data.fd == sockdiag_destroy_fd(w->diag))
			hear_destroyed(w);
		else
			clients = true;
	}
	if (clients)
		server_run(w->server);
	return 0;
}

int watch_run(struct watch *w, enum watch_failure *ret_failure)
{
	int rv = 0;

	*ret_failure = WATCH_NO_FAILURE;
	while (!w->ended) {
		if (w->dumping || clk_mono().ns >= w->next_dump_ns) {
			rv = dump(w);
			if (rv != 0 && w->polls == 0) {
				*ret_failure = WATCH_NO_DUMP;
				return rv;
			}
		}
		if (w->polls > 0 && w->server == NULL) {
			rv = listen_now(w);
			if (rv != 0) {
				*ret_failure = WATCH_NO_LISTENER;
				return rv;
			}
		}
		if (w->server != NULL)
			server_flush(w->server);
		rv = one_round(w);
		if (rv != 0)
			return rv;
		if (w->server != NULL)
			server_flush(w->server);
	}
	(void)notify_send("STOPPING=1"); /* as above */
	return 0;
}

void watch_print(const struct watch *w, FILE *to)
{
	struct sockets_counts n;
	struct server_counts c = {0};

	sockets_counts(w->sockets, &n);
	if (w->server != NULL)
		server_counts(w->server, &c);
	(void)fprintf(to,
	    "connections: open %" PRIu64 ", opens %" PRIu64 ", closes %" PRIu64 ", erased %" PRIu64
	    ", too_many %" PRIu64 "\n",
	    n.live, n.opened, n.closed, n.erased, n.too_many);
	(void)fprintf(to,
	    "kernel: polls %" PRIu64 ", failed_polls %" PRIu64 ", enobufs %" PRIu64 "\n", w->polls,
	    w->failed_polls, w->enobufs);
	(void)fprintf(to,
	    "clients: connected %" PRIu64 ", accepted %" PRIu64 ", refused %" PRIu64
	    ", dropped %" PRIu64 "\n",
	    c.clients, c.accepted, c.refused, c.dropped);
	(void)fflush(to); /* nobody to tell if that fails */
}

void watch_close(struct watch *w)
{
	if (w == NULL)
		return;
	server_close(w->server);
	sockets_free(w->sockets);
	sockdiag_close(w->diag);
	if (w->signal_fd >= 0)
		fileio_close(w->signal_fd);
	if (w->epoll_fd >= 0)
		fileio_close(w->epoll_fd);
	if (w->signals_taken)
		(void)sigprocmask(SIG_SETMASK, &w->old_signals, NULL); /* a set that was valid */
	free(w);
}
