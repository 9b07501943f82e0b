/* SPDX-License-Identifier: BSD-2-Clause */
/* See demux_input.h. */
#include "demux_input.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "packet/decode.h"
#include "pcapfile/capreader.h"

enum { LINKTYPE_ETHERNET = 1, IP = 14, TCP = 34, SYN_BYTES = 74, ACK_BYTES = 66 };

/* Ports of clients that share an address. */
#define PORTS_PER_ADDRESS 8

/* Makes room for one more of what grows by halves. */
static void *grow(void *array, size_t used, size_t more, size_t *room)
{
	if (used + more <= *room)
		return array;
	*room = (used + more) * 3 / 2;
	array = realloc(array, *room);
	if (array == NULL)
		errx(1, "no memory for the capture");
	return array;
}

void input_load(const char *path, struct input_capture *ret_capture)
{
	struct input_capture *c = ret_capture;
	size_t packet_room = 0, byte_room = 0;
	struct capreader *r = NULL;
	struct packet p;
	uint64_t at = 0;
	int rv;

	memset(c, 0, sizeof(*c));
	if (capreader_open(path, &r) != 0)
		errx(1, "cannot read '%s'", path);
	while ((rv = capreader_next(r, &p)) == 1) {
		c->packets = grow(c->packets, c->count * sizeof(p), sizeof(p), &packet_room);
		c->bytes = grow(c->bytes, c->total_bytes, p.caplen, &byte_room);
		memcpy(c->bytes + c->total_bytes, p.data, p.caplen);
		c->total_bytes += p.caplen;
		p.interface = 0;
		c->packets[c->count++] = p;
	}
	if (rv != 0 || c->count == 0)
		errx(1, "'%s': %s", path, rv != 0 ? capreader_error(r) : "no packets");
	capreader_close(r);
	for (size_t i = 0; i < c->count; i++) { /* they stay where they are from now on */
		c->packets[i].data = c->bytes + at;
		at += c->packets[i].caplen;
	}
	c->span_ns = c->packets[c->count - 1].ts_ns - c->packets[0].ts_ns;
}

void input_free(struct input_capture *c)
{
	free(c->packets);
	free(c->bytes);
}

static const uint8_t frames[2][INPUT_FRAME_BYTES] = {
    [INPUT_SYN] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 60, 0, 0, 0x40, 0, 64,
	DECODE_TCP, 0, 0, [TCP + 12] = 10 << 4, TCP_SYN, 0xfa, 0xf0, 0, 0, 0, 0, 2, 4, 5, 0xb4, 4,
	2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7},
    [INPUT_ACK] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0x5, 0xdc, 0, 0, 0x40, 0, 64,
	DECODE_TCP, 0, 0, [TCP + 12] = 8 << 4, TCP_ACK, 0xfa, 0xf0, 0, 0, 0, 0, 1, 1, 8, 10, 1, 2,
	3, 4, 5, 6, 7, 8},
};

void input_begin(struct input_burst *b, enum input_kind kind)
{
	uint32_t caplen = kind == INPUT_SYN ? SYN_BYTES : ACK_BYTES;

	b->count = 0;
	for (int i = 0; i < INPUT_BURST; i++) {
		memcpy(b->bytes[i], frames[kind], INPUT_FRAME_BYTES);
		b->packets[i] = (struct packet){.caplen = caplen,
		    .origlen = kind == INPUT_SYN ? caplen : 1514,
		    .linktype = LINKTYPE_ETHERNET,
		    .data = b->bytes[i]};
	}
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

void input_add(struct input_burst *b, uint32_t flow, int from_server, int64_t ts_ns)
{
	static const uint8_t server[4] = {192, 0, 2, 1};
	uint32_t address = 10u << 24 | (flow / PORTS_PER_ADDRESS + 1);
	uint8_t client[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16),
	    (uint8_t)(address >> 8), (uint8_t)address};
	uint32_t port = 40000 + flow % PORTS_PER_ADDRESS;
	uint8_t *f = b->bytes[b->count];

	memcpy(f + IP + 12, from_server ? server : client, 4);
	memcpy(f + IP + 16, from_server ? client : server, 4);
	put16(f + TCP, from_server ? 443 : port);
	put16(f + TCP + 2, from_server ? port : 443);
	put16(f + TCP + 4, (uint32_t)(ts_ns >> 16)); /* the sequence number's upper half */
	b->packets[b->count++].ts_ns = ts_ns;
}

void input_random(
    struct input_burst *b, struct random *r, uint32_t n, int64_t *ts_ns, int64_t step_ns)
{
	b->count = 0;
	for (int i = 0; i < INPUT_BURST; i++) {
		uint64_t bits = random_next(r);

		input_add(b, (uint32_t)((bits >> 32) * n >> 32), bits >> 31 & 1, *ts_ns);
		*ts_ns += step_ns;
	}
}
