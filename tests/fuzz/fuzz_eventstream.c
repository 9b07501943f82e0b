/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of events as it comes over the socket, in whatever pieces, to flow/eventclient.
 *
 * Input: the sizes of two pieces (16 bits each), which take turns, then what the server sends; the
 * first 0x00 in it becomes a line of 65,536 bytes, the first 0x01 one of one byte more.
 *
 * Holds: every line is counted, once; what it is counted as, and the events that are given, in
 * their order, are what reading line by line gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "flow/eventclient.h"
#include "fuzz/fuzz_support.h"

#define NAMES_MAX 64u /* of events that are compared */

struct expected {
	uint64_t lines, events, blank, too_long, other;
	char uuid[NAMES_MAX][LAYOUT_UUID_SIZE];
};

struct got {
	uint64_t events;
	const struct expected *expected;
};

/* Listens for as long as this process lives; by way of a descriptor, as a socket's name is short.
 */
static int listener(struct sockaddr_un *ret_address)
{
	static struct sockaddr_un address = {.sun_family = AF_UNIX};
	static int fd = -1;

	if (fd < 0) {
		int dir = open(fuzz_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		fuzz_check(dir >= 0);
		(void)snprintf(
		    address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/events", dir);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		fuzz_check(fd >= 0);
		fuzz_check(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
		fuzz_check(listen(fd, 8) == 0);
		log_set_level(LOG_ERROR);
	}
	*ret_address = address;
	return fd;
}

static void put_long_line(struct fuzz_bytes *s, size_t len)
{
	static char line[EVENTCLIENT_MAX_LINE_BYTES + 1];

	if (line[0] == '\0') /* blank: read in no time */
		memset(line, ' ', sizeof(line));
	fuzz_put(s, line, len);
	fuzz_put(s, "\n", 1);
}

static void make_stream(struct fuzz_input *in, struct fuzz_bytes *s)
{
	bool had[2] = {false, false};

	while (in->left > 0) {
		uint8_t byte = fuzz_u8(in);

		if (byte > 1 || had[byte]) {
			fuzz_put(s, &byte, 1);
			continue;
		}
		put_long_line(s, EVENTCLIENT_MAX_LINE_BYTES + byte);
		had[byte] = true;
	}
}

static void expect_line(struct expected *x, const char *line, size_t len)
{
	struct event e;

	x->lines++;
	if (len > EVENTCLIENT_MAX_LINE_BYTES) {
		x->too_long++;
		return;
	}
	switch (event_parse(line, len, &e)) {
	case EVENT_FINE:
		if (x->events < NAMES_MAX)
			memcpy(x->uuid[x->events], e.uuid, sizeof(e.uuid));
		x->events++;
		break;
	case EVENT_BLANK:
		x->blank++;
		break;
	default:
		x->other++;
	}
}

static void expect(struct expected *x, const struct fuzz_bytes *s)
{
	const char *line = (const char *)s->bytes, *end, *feed;

	if (s->len == 0)
		return;
	end = line + s->len;
	for (; (feed = memchr(line, '\n', (size_t)(end - line))) != NULL; line = feed + 1)
		expect_line(x, line, (size_t)(feed - line));
	if (end - line > (ssize_t)EVENTCLIENT_MAX_LINE_BYTES) {
		x->lines++;
		x->too_long++;
	} else if (line < end) { /* cut off by the end of the connection */
		x->lines++;
		x->other++;
	}
}

static void on_event(const struct event *e, void *arg)
{
	struct got *g = arg;

	if (g->events < NAMES_MAX)
		fuzz_check(strcmp(g->expected->uuid[g->events], e->uuid) == 0);
	g->events++;
}

static uint64_t count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void check(const struct eventclient_stats *s, const struct expected *x, const struct got *g)
{
	fuzz_check(count(&s->lines) == x->lines);
	fuzz_check(count(&s->events) == x->events && g->events == x->events);
	fuzz_check(count(&s->blank) == x->blank);
	fuzz_check(count(&s->too_long) == x->too_long);
	fuzz_check(
	    count(&s->malformed) + count(&s->unknown) + count(&s->bad_uuid) + count(&s->no_tuple) ==
	    x->other);
	fuzz_check(count(&s->connects) == 1 && count(&s->disconnects) == 1);
}

static void serve(struct eventclient *c, int fd, const struct fuzz_bytes *s, const size_t piece[2])
{
	size_t at = 0;

	for (unsigned turn = 0; at < s->len; turn ^= 1) {
		size_t n = s->len - at < piece[turn] ? s->len - at : piece[turn];
		ssize_t sent = send(fd, s->bytes + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		fuzz_check(sent > 0 || errno == EAGAIN);
		at += sent > 0 ? (size_t)sent : 0;
		eventclient_run(c);
	}
	fileio_close(fd);
	while (eventclient_connected(c))
		eventclient_run(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	size_t piece[2] = {fuzz_u16(&in) + 1u, fuzz_u16(&in) + 1u};
	struct expected *x = calloc(1, sizeof(*x));
	struct got got = {0, x};
	struct sockaddr_un address;
	struct eventclient *c;
	struct fuzz_bytes s = {0};
	int l = listener(&address), fd;

	fuzz_check(x != NULL);
	make_stream(&in, &s);
	if (piece[0] + piece[1] < s.len / 64) /* small pieces of much: only slow */
		piece[0] = piece[1] = s.len / 64;
	expect(x, &s);
	fuzz_check(eventclient_new(address.sun_path, on_event, &got, &c) == 0);
	fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	fuzz_check(fd >= 0);
	serve(c, fd, &s, piece);
	check(eventclient_stats(c), x, &got);
	eventclient_free(c);
	fuzz_free(&s);
	free(x);
	return 0;
}
