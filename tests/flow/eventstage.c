/* SPDX-License-Identifier: BSD-2-Clause */
/* See eventstage.h. */
#include "flow/eventstage.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "support/quick.h"
#include "support/tempdir.h"

static void on_event(const struct event *e, void *arg)
{
	struct stage *s = arg;

	s->events++;
	memcpy(s->last, e->uuid, sizeof(s->last));
	if (s->answers > 0) {
		s->answers--;
		quick_assert(send(s->peer, CLOSE_A, strlen(CLOSE_A), 0) > 0);
	}
}

struct sockaddr_un stage_address(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	quick_assert(strlen(path) < sizeof(a.sun_path));
	memcpy(a.sun_path, path, strlen(path));
	return a;
}

/* ---- the server ---- */

void stage_listen(struct stage *s, int backlog)
{
	struct sockaddr_un a = stage_address(s->path);

	(void)unlink(s->path); /* may be there, may not */
	s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	quick_assert(s->listener >= 0);
	quick_assert(bind(s->listener, (const struct sockaddr *)&a, sizeof(a)) == 0);
	quick_assert(listen(s->listener, backlog) == 0);
}

void stage_accept(struct stage *s)
{
	s->peer = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
	quick_assert(s->peer >= 0);
}

void stage_hang_up(struct stage *s)
{
	(void)close(s->peer);
	s->peer = -1;
}

void stage_go(struct stage *s)
{
	(void)close(s->listener);
	s->listener = -1;
	(void)unlink(s->path);
	stage_hang_up(s);
}

/* ---- driving the client ---- */

bool stage_readable(const struct stage *s, int timeout_ms)
{
	struct pollfd p = {.fd = eventclient_fd(s->client), .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

uint64_t stage_value(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void stage_check_sum(const struct stage *s)
{
	const struct eventclient_stats *t = s->stats;

	quick_assert(stage_value(&t->lines) ==
		     stage_value(&t->events) + stage_value(&t->malformed) + stage_value(&t->blank) +
			 stage_value(&t->too_long) + stage_value(&t->unknown) +
			 stage_value(&t->bad_uuid) + stage_value(&t->no_tuple));
	quick_assert(stage_value(&t->events) == s->events);
	quick_assert(atomic_load(&t->connected) ==
		     (stage_value(&t->connects) > stage_value(&t->disconnects)));
	quick_assert(eventclient_connected(s->client) == atomic_load(&t->connected));
}

void stage_settle(struct stage *s)
{
	while (eventclient_connected(s->client) && stage_readable(s, 0)) {
		eventclient_run(s->client);
		stage_check_sum(s);
	}
}

void stage_step(struct stage *s)
{
	quick_assert(stage_readable(s, STAGE_DEADLINE_MS));
	eventclient_run(s->client);
	stage_check_sum(s);
}

void stage_await(struct stage *s)
{
	while (!eventclient_connected(s->client))
		stage_step(s);
	stage_accept(s);
}

void stage_send_bytes(struct stage *s, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(s->peer, bytes, len, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		quick_assert(n < 0 && errno == EAGAIN);
		stage_step(s);
	}
}

void stage_send(struct stage *s, const char *text)
{
	stage_send_bytes(s, text, strlen(text));
}

struct stage *stage_at(const char *path)
{
	struct stage *s = calloc(1, sizeof(*s));

	quick_assert(s != NULL && strlen(path) < sizeof(s->path));
	s->listener = s->peer = -1;
	memcpy(s->path, path, strlen(path));
	log_set_level(LOG_ERROR);
	return s;
}

void stage_begin(struct stage *s)
{
	ck_assert_int_eq(eventclient_new(s->path, on_event, s, &s->client), 0);
	s->stats = eventclient_stats(s->client);
	stage_check_sum(s);
}

struct stage *stage_connected(void)
{
	struct stage *s = stage_at(tempdir_path(tempdir_new(), "events"));

	stage_listen(s, 8);
	stage_begin(s);
	stage_await(s);
	return s;
}

void stage_free(struct stage *s)
{
	eventclient_free(s->client);
	(void)close(s->peer);
	(void)close(s->listener);
	free(s);
}
