/* SPDX-License-Identifier: BSD-2-Clause */
/* See frame.h. */
#include "frame.h"

#include <assert.h>
#include <string.h>

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_SCTP = 132 };

/* A cursor that writes big-endian. */
struct pen {
	uint8_t *at;
};

static void put8(struct pen *p, unsigned int v)
{
	*p->at++ = (uint8_t)v;
}

static void put16(struct pen *p, unsigned int v)
{
	put8(p, v >> 8);
	put8(p, v);
}

static void put32(struct pen *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p, v & 0xffff);
}

static void put_bytes(struct pen *p, const uint8_t *bytes, uint32_t n)
{
	memcpy(p->at, bytes, n);
	p->at += n;
}

void frame_address(const struct conn *c, enum end end, uint8_t *address)
{
	uint32_t h = c->host[end];
	struct pen p = {address};

	memset(address, 0, 16);
	if (c->family != 6) {
		put32(&p, 10u << 24 | h);
		return;
	}
	put32(&p, 0x20010db8);
	p.at = address + 12;
	put32(&p, h);
}

static void put_address(struct pen *p, const struct conn *c, enum end end)
{
	uint8_t address[16];

	frame_address(c, end, address);
	if (c->family == 64) { /* RFC 4291 section 2.5.5.2 */
		put32(p, 0);
		put32(p, 0);
		put32(p, 0xffff);
	}
	put_bytes(p, address, c->family == 6 ? 16 : 4);
}

static void put_link(struct pen *p, const struct frame *f, uint32_t number)
{
	static const uint8_t to[6] = {2, 0, 0, 0, 0, 1};

	if (f->linktype == FRAME_RAW)
		return;
	put_bytes(p, to, 6);
	put16(p, 0x0200); /* locally administered */
	put32(p, number);
	for (int i = 0; i < 2; i++) {
		if (f->conn->vlan[i] != 0) {
			put16(p, i == 0 && f->conn->vlan[1] != 0 ? 0x88a8 : 0x8100);
			put16(p, f->conn->vlan[i]);
		}
	}
	put16(p, f->conn->family == 4 ? 0x0800 : 0x86dd);
}

static uint8_t proto_of(const struct conn *c)
{
	return c->proto == 0 ? PROTO_TCP : c->proto;
}

static uint32_t transport_bytes(const struct frame *f)
{
	if (f->fragment_offset != 0)
		return 0;
	switch (proto_of(f->conn)) {
	case PROTO_TCP:
		return 20;
	case PROTO_SCTP:
		return 12;
	case PROTO_UDP:
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return 8;
	}
	return 0;
}

/* RFC 791 */
static void put_ipv4(struct pen *p, const struct frame *f, uint32_t length)
{
	put16(p, 0x4500);
	put16(p, f->length_unknown ? 0 : 20 + length);
	put16(p, f->fragment_id);
	put16(p, (f->more ? 0x2000u : 0u) | f->fragment_offset / 8u);
	put8(p, 64);
	put8(p, proto_of(f->conn));
	put16(p, 0);
	put_address(p, f->conn, f->from);
	put_address(p, f->conn, !f->from);
}

/* RFC 8200 */
static void put_ipv6(struct pen *p, const struct frame *f, uint32_t length)
{
	bool fragment = f->more || f->fragment_offset != 0;

	put32(p, 0x60000000);
	put16(p, f->length_unknown ? 0 : length + (fragment ? 8 : 0));
	put8(p, fragment ? 44 : proto_of(f->conn));
	put8(p, 64);
	put_address(p, f->conn, f->from);
	put_address(p, f->conn, !f->from);
	if (fragment) {
		put16(p, (unsigned int)proto_of(f->conn) << 8);
		put16(p, f->fragment_offset | (f->more ? 1u : 0u));
		put32(p, f->fragment_id);
	}
}

static void put_transport(struct pen *p, const struct frame *f)
{
	const uint16_t *port = f->conn->port;
	uint8_t proto = proto_of(f->conn);
	uint8_t echo = proto == PROTO_ICMP6 ? 128 : 8;

	if (f->fragment_offset != 0 || transport_bytes(f) == 0)
		return;
	if (proto == PROTO_ICMP || proto == PROTO_ICMP6) {
		put8(p, f->icmp_type != 0 ? f->icmp_type : echo);
		put8(p, 0);
		put16(p, 0);
		put16(p, port[A]);
		put16(p, f->seq & 0xffff);
		return;
	}
	put16(p, port[f->from]);
	put16(p, port[!f->from]);
	put32(p, f->seq);
	if (proto == PROTO_TCP) {
		put32(p, 0);
		put16(p, 0x5000u | f->tcp_flags);
		put16(p, 0xffff);
		put32(p, 0);
	} else if (proto == PROTO_SCTP) {
		put32(p, 0);
	}
}

uint32_t frame_make(const struct frame *f, uint32_t number, uint8_t *bytes)
{
	uint32_t length = transport_bytes(f) + f->payload_bytes;
	struct pen p = {bytes};

	put_link(&p, f, number);
	if (f->conn->family == 4)
		put_ipv4(&p, f, length);
	else
		put_ipv6(&p, f, length);
	put_transport(&p, f);
	assert((uint32_t)(p.at - bytes) + f->payload_bytes + f->padding_bytes <= FRAME_MAX_BYTES);
	for (uint32_t i = 0; i < f->payload_bytes; i++) /* compresses, but not to nothing */
		put8(&p, (i >> 3) * 5 ^ number * 31);
	memset(p.at, 0, f->padding_bytes);
	return (uint32_t)(p.at - bytes) + f->padding_bytes;
}

uint32_t frame_number(const uint8_t *bytes)
{
	return (uint32_t)bytes[8] << 24 | (uint32_t)bytes[9] << 16 | (uint32_t)bytes[10] << 8 |
	       bytes[11];
}
