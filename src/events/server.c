/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See server.h. The descriptors of the clients are watched by an epoll instance of the server's
 * own, which the caller watches in turn (epoll(7) allows that).
 */
#include "events/server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "events/line.h"
#include "events/listener.h"
#include "events/outring.h"

/* The cursor of a client that was told all that lived when it came. */
#define CAUGHT_UP UINT32_MAX

/* What may wait in the buffer of a client while more of the replay is put in. */
#define REPLAY_BYTES (64u << 10)

/* In epoll's data, where the clients have their number. */
#define LISTENER SERVER_CLIENTS_MAX

struct client {
	int fd;        /* -1: nobody */
	bool deaf;     /* it has shut down its writing half: nothing to read will come */
	bool want_out; /* EPOLLOUT is asked for */
	uint32_t cursor;
	struct outring out;
};

struct server {
	struct listener listener;
	int epoll_fd;
	bool accepting;
	bool suspend_told; /* the warning was written */
	struct server_source source;
	struct server_counts counts;
	struct client clients[SERVER_CLIENTS_MAX];
};

static int watch(struct server *s, int op, int fd, uint32_t events, uint32_t number)
{
	struct epoll_event e = {.events = events, .data.u32 = number};

	return epoll_ctl(s->epoll_fd, op, fd, &e) == 0 ? 0 : -errno;
}

int server_open(const char *path, const struct server_source *source, struct server **ret_server)
{
	struct server *s = calloc(1, sizeof(*s));
	int rv;

	if (s == NULL)
		return -ENOMEM;
	s->source = *source;
	s->listener.fd = -1;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++)
		s->clients[i].fd = -1;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rv = s->epoll_fd < 0 ? -errno : listener_open(path, &s->listener);
	if (rv != 0)
		goto fail;
	rv = watch(s, EPOLL_CTL_ADD, s->listener.fd, EPOLLIN, LISTENER);
	if (rv != 0)
		goto fail;
	s->accepting = true;
	*ret_server = s;
	return 0;
fail:
	server_close(s);
	return rv;
}

int server_fd(const struct server *s)
{
	return s->epoll_fd;
}

/* Closing the descriptor takes it out of the epoll instance too: there is no copy of it. */
static void forget(struct server *s, struct client *c)
{
	outring_clear(&c->out);
	fileio_close(c->fd);
	c->fd = -1;
	s->counts.clients--;
}

static void drop(struct server *s, struct client *c)
{
	s->counts.dropped++;
	log_warning("events", "a client does not read: dropped it; continuing");
	forget(s, c);
}

static int ask_for(struct server *s, struct client *c, bool want_out)
{
	uint32_t events = (c->deaf ? 0u : EPOLLIN) | (want_out ? EPOLLOUT : 0u);

	c->want_out = want_out;
	return watch(s, EPOLL_CTL_MOD, c->fd, events, (uint32_t)(c - s->clients));
}

/* Puts in the next piece of what lives. False: there is no memory for it. */
static bool replay(struct server *s, struct client *c)
{
	char line[LINE_SIZE];

	while (c->cursor != CAUGHT_UP && c->out.len < REPLAY_BYTES) {
		size_t n;

		if (c->cursor >= s->source.slots(s->source.arg)) {
			c->cursor = CAUGHT_UP;
			break;
		}
		n = s->source.open_line(s->source.arg, c->cursor, line);
		if (n > 0 && outring_put(&c->out, line, n, SERVER_BUFFER_BYTES) != 0)
			return false;
		c->cursor++;
	}
	return true;
}

/* Sends what waits; one piece of the replay at a time, so that no client keeps the others waiting.
 */
static void push(struct server *s, struct client *c)
{
	bool more;

	if (!replay(s, c)) {
		drop(s, c);
		return;
	}
	if (outring_send(&c->out, c->fd) != 0) {
		forget(s, c);
		return;
	}
	more = c->out.len > 0 || c->cursor != CAUGHT_UP;
	if (more != c->want_out && ask_for(s, c, more) != 0)
		forget(s, c);
}

/* Clients have nothing to say. One that shuts down its writing half may still want to read. */
static void hear(struct server *s, struct client *c)
{
	char bytes[4096];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	c->deaf = true;
	if (n < 0 || ask_for(s, c, c->want_out) != 0)
		forget(s, c);
}

static struct client *free_place(struct server *s)
{
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (s->clients[i].fd < 0)
			return &s->clients[i];
	return NULL;
}

static void welcome(struct server *s, int fd)
{
	struct client *c = free_place(s);

	if (c == NULL) {
		s->counts.refused++;
		fileio_close(fd);
		return;
	}
	*c = (struct client){.fd = fd};
	if (watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, (uint32_t)(c - s->clients)) != 0) {
		c->fd = -1;
		s->counts.refused++;
		fileio_close(fd);
		return;
	}
	s->counts.accepted++;
	s->counts.clients++;
	push(s, c);
}

/* Without descriptors the same client would wake us again and again: let it wait. */
static void suspend(struct server *s, int error)
{
	s->accepting = false;
	if (!s->suspend_told)
		log_warning(
		    "events", "cannot accept clients for now: %s; continuing", strerror(error));
	s->suspend_told = true;
	(void)watch(s, EPOLL_CTL_MOD, s->listener.fd, 0, LISTENER); /* else it is tried again */
}

void server_accept(struct server *s)
{
	if (!s->accepting)
		return;
	for (;;) {
		int fd = accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(s, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			suspend(s, errno);
		return;
	}
}

void server_resume(struct server *s)
{
	if (s->accepting)
		return;
	s->accepting = watch(s, EPOLL_CTL_MOD, s->listener.fd, EPOLLIN, LISTENER) == 0;
}

void server_run(struct server *s)
{
	struct epoll_event events[SERVER_CLIENTS_MAX + 1];
	int n = epoll_wait(s->epoll_fd, events, SERVER_CLIENTS_MAX + 1, 0);
	bool knocking = false;

	for (int i = 0; i < n; i++) {
		struct client *c;

		if (events[i].data.u32 == LISTENER) {
			/* Later: a new client must not take the number, and the events, of one that
			 * left. */
			knocking = true;
			continue;
		}
		c = &s->clients[events[i].data.u32];
		if (events[i].events & (EPOLLHUP | EPOLLERR)) {
			forget(s, c);
			continue;
		}
		if (events[i].events & EPOLLIN)
			hear(s, c);
		if (c->fd >= 0 && (events[i].events & EPOLLOUT))
			push(s, c);
	}
	if (knocking)
		server_accept(s);
}

/* A full buffer is sent first: the client may have read in the meantime. */
static void put(struct server *s, struct client *c, const char *line, size_t len)
{
	if (outring_put(&c->out, line, len, SERVER_BUFFER_BYTES) == 0)
		return;
	if (outring_send(&c->out, c->fd) != 0)
		forget(s, c);
	else if (outring_put(&c->out, line, len, SERVER_BUFFER_BYTES) != 0)
		drop(s, c);
}

void server_tell_open(struct server *s, uint32_t slot, const char *line, size_t len)
{
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0 && slot < c->cursor)
			put(s, c, line, len);
	}
}

void server_tell_close(struct server *s, uint32_t slot, const char *line, size_t len)
{
	char opening[LINE_SIZE];
	size_t n = s->source.open_line(s->source.arg, slot, opening);

	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0 && slot >= c->cursor)
			put(s, c, opening, n);
		if (c->fd >= 0)
			put(s, c, line, len);
	}
}

/* Who has EPOLLOUT set is served by server_run, when it can take something. */
void server_flush(struct server *s)
{
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0 && !c->want_out && c->out.len > 0)
			push(s, c);
	}
}

void server_counts(const struct server *s, struct server_counts *ret_counts)
{
	*ret_counts = s->counts;
}

void server_close(struct server *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++)
		if (s->clients[i].fd >= 0)
			forget(s, &s->clients[i]);
	if (s->listener.fd >= 0)
		listener_close(&s->listener);
	if (s->epoll_fd >= 0)
		fileio_close(s->epoll_fd);
	free(s);
}
