/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the event stream, read by flow/event; and lines that events/line writes.
 *
 * Input: kind (8 bits). LINE: a line of any bytes. CONNECTION: what a connection is made of, and a
 * prefix, for a line of our own.
 *
 * Holds: a line is read the same way twice; what it names is a name; an open that was read, written
 * by events/line, is read as the same connection, and so is one that we made; no line is longer
 * than LINE_SIZE has room for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/line.h"
#include "events/prefix.h"
#include "flow/event.h"
#include "fuzz/fuzz_support.h"
#include "packet/ipaddr.h"

enum { LINE, CONNECTION };

static enum event_fault parse_twice(const char *line, size_t len, struct event *ret_event)
{
	struct event again;
	enum event_fault fault;

	memset(ret_event, 0, sizeof(*ret_event));
	memset(&again, 0, sizeof(again));
	fault = event_parse(line, len, ret_event);
	fuzz_check(event_parse(line, len, &again) == fault);
	fuzz_check(flowkey_equal(&ret_event->key, &again.key));
	fuzz_check(strcmp(ret_event->uuid, again.uuid) == 0 && ret_event->ts_ns == again.ts_ns);
	return fault;
}

/* The ends of a key, as a connection has them. */
static struct connection connection_of(const struct flowkey *k)
{
	struct connection c = {.cookie = 1,
	    .local_port = k->port[SIDE_LOW],
	    .remote_port = k->port[SIDE_HIGH],
	    .ipv6 = k->family == 6};

	memcpy(c.local, k->addr[SIDE_LOW], 16);
	memcpy(c.remote, k->addr[SIDE_HIGH], 16);
	return c;
}

/* Both written by events/line: exactly as the kernel of this host could tell of it. */
static void check_written(const struct connection *c, const char *prefix, int64_t ns)
{
	char line[LINE_SIZE], uuid[LINE_UUID_SIZE];
	struct event open, close;
	size_t n = line_open(line, prefix, c, ns);

	fuzz_check(n > 0 && n < sizeof(line) && line[n - 1] == '\n');
	fuzz_check(memchr(line, '\n', n) == line + n - 1);
	fuzz_check(parse_twice(line, n - 1, &open) == EVENT_FINE && open.kind == EVENT_OPEN);
	fuzz_check(strcmp(open.uuid, line_uuid(uuid, prefix, c->cookie)) == 0);
	fuzz_check(open.ts_ns == ns);
	n = line_close(line, prefix, c->cookie, ns);
	fuzz_check(n > 0 && n < sizeof(line) && line[n - 1] == '\n');
	fuzz_check(parse_twice(line, n - 1, &close) == EVENT_FINE && close.kind == EVENT_CLOSE);
	fuzz_check(strcmp(open.uuid, close.uuid) == 0 && close.ts_ns == ns);
}

/* Its key, made of what stands in the line. */
static void check_same_key(const struct connection *c, const struct flowkey *k)
{
	char line[LINE_SIZE];
	struct event e;
	size_t n = line_open(line, "x", c, 0);

	fuzz_check(parse_twice(line, n - 1, &e) == EVENT_FINE);
	fuzz_check(flowkey_equal(&e.key, k));
}

/* An address that decoding would fold: events tell it unfolded, see connection.h. */
static int is_folded(const struct flowkey *k)
{
	return k->family == 6 && (ipaddr_is_mapped(k->addr[0]) || ipaddr_is_mapped(k->addr[1]));
}

static void try_line(struct fuzz_input *in)
{
	size_t len;
	const uint8_t *bytes = fuzz_take(in, SIZE_MAX, &len);
	struct connection c;
	struct event e;

	if (parse_twice((const char *)bytes, len, &e) != EVENT_FINE)
		return;
	fuzz_check(layout_uuid_valid(e.uuid));
	fuzz_check(e.ts_ns >= 0);
	if (e.kind == EVENT_CLOSE)
		return;
	fuzz_check(e.key.proto == DECODE_TCP && e.key.linktype == 0);
	fuzz_check(e.key.family == 4 || e.key.family == 6);
	if (is_folded(&e.key))
		return;
	c = connection_of(&e.key);
	check_same_key(&c, &e.key);
}

static void take_address(struct fuzz_input *in, uint8_t addr[16])
{
	size_t n;
	const uint8_t *bytes = fuzz_take(in, 16, &n);

	if (n > 0)
		memcpy(addr, bytes, n);
}

static void try_connection(struct fuzz_input *in)
{
	struct connection c = {.ipv6 = fuzz_u8(in) & 1,
	    .cookie = fuzz_u64(in),
	    .interface = fuzz_u32(in),
	    .local_port = fuzz_u16(in),
	    .remote_port = fuzz_u16(in)};
	int64_t ns = (int64_t)(fuzz_u64(in) >> 2);
	char *host, prefix[PREFIX_SIZE];

	take_address(in, c.local);
	take_address(in, c.remote);
	host = fuzz_text(in, SIZE_MAX);
	fuzz_check(prefix_compose(prefix, host, (uint64_t)ns) == prefix);
	fuzz_check(strlen(prefix) <= LINE_PREFIX_MAX && layout_uuid_valid(prefix));
	check_written(&c, prefix, ns);
	free(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};

	if ((fuzz_u8(&in) & 1) == CONNECTION)
		try_connection(&in);
	else
		try_line(&in);
	return 0;
}
