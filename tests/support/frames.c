/* SPDX-License-Identifier: BSD-2-Clause */
/* See frames.h. */
#include "support/frames.h"

#include <string.h>

struct cursor {
	uint8_t *p;
};

static void put(struct cursor *c, uint64_t v, unsigned bytes)
{
	while (bytes-- > 0)
		*c->p++ = (uint8_t)(v >> (8 * bytes));
}

static void put_address(struct cursor *c, const struct frames_talk *t, int end)
{
	if (t->family == 4) {
		put(c, 0xc0000000u + ((uint32_t)t->number << 8) + (uint32_t)end, 4);
		return;
	}
	put(c, 0x20010db8u, 4); /* 2001:db8::/32, RFC 3849 */
	put(c, t->number, 4);
	put(c, (uint64_t)end + 1, 8);
}

static void put_link(struct cursor *c, const struct frames_talk *t)
{
	memset(c->p, 2, 12);
	c->p += 12;
	if (t->vlan != 0)
		put(c, 0x81000000u | t->vlan, 4);
	put(c, t->family == 4 ? 0x0800 : 0x86dd, 2);
}

static void put_ip(struct cursor *c, const struct frames_talk *t, int from, uint32_t tcp_bytes)
{
	if (t->family == 4) {
		put(c, 0x4500, 2);
		put(c, 20 + tcp_bytes, 2);
		put(c, 0x00004000, 4); /* do not fragment */
		put(c, 0x40060000, 4); /* 64 hops, TCP, no checksum */
	} else {
		put(c, 0x60000000, 4);
		put(c, tcp_bytes, 2);
		put(c, 0x0640, 2); /* TCP, 64 hops */
	}
	put_address(c, t, from);
	put_address(c, t, !from);
}

void frames_make(const struct frames_talk *t, const struct frames_packet *f, uint8_t *buf,
    struct packet *ret_packet)
{
	struct cursor c = {buf};

	put_link(&c, t);
	put_ip(&c, t, f->from, 20u + f->payload);
	put(&c, t->port[f->from], 2);
	put(&c, t->port[!f->from], 2);
	put(&c, f->seq, 4);
	put(&c, 0, 4);
	put(&c, 0x5000u | f->flags, 2);
	put(&c, 0xffff0000u, 4);
	put(&c, 0, 2);
	for (unsigned i = 0; i < f->payload; i++)
		*c.p++ = (uint8_t)((f->seq + i) * 2654435761u >> 24);
	*ret_packet = (struct packet){.ts_ns = f->ts_ns,
	    .caplen = (uint32_t)(c.p - buf),
	    .origlen = (uint32_t)(c.p - buf),
	    .linktype = FRAMES_LINKTYPE,
	    .data = buf};
}
