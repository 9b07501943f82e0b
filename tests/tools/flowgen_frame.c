/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames, built from the inside out in one buffer: the datagram is laid out behind a headroom, and
 * the outer headers are written right before the part that a frame carries, so nothing is copied.
 */
#include <assert.h>
#include <string.h>

#include "flowgen_frame.h"

#define ETHERTYPE_IPV4 0x0800u /* IEEE 802 numbers, IANA */
#define ETHERTYPE_IPV6 0x86ddu
#define ETHERTYPE_VLAN 0x8100u
#define PROTO_TCP      6u /* IANA protocol numbers */
#define PROTO_UDP      17u
#define PROTO_FRAGMENT 44u
#define TTL            64u
#define ETHER_MIN      60u /* IEEE 802.3, without the check sequence */

static void put16(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 8);
	p[1] = (uint8_t)x;
}

static void put32(uint8_t *p, uint32_t x)
{
	put16(p, x >> 16);
	put16(p + 2, x);
}

/* RFC 1071, 2(B): the sum may be taken in the machine's byte order and in wider words. */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, size_t len)
{
	uint32_t word;
	uint16_t half;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
	}
	if (len != 0) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

/* Writes the complement at p, in the byte order in which sum_bytes read. */
static void put_checksum(uint8_t *p, uint64_t sum, bool udp)
{
	uint16_t folded;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t)~sum;
	if (udp && folded == 0)
		folded = 0xffff; /* 0 says "none" (RFC 768) */
	memcpy(p, &folded, 2);
}

static uint64_t sum_pseudo_header(
    const struct flowgen_tuple *t, const struct flowgen_packet *p, size_t len)
{
	size_t size = t->v6 ? 16 : 4;
	uint64_t sum;
	uint8_t rest[8] = {0};

	/* Both kinds add up to the same: addresses, protocol, length (RFC 9293, 3.1; RFC
	 * 8200, 8.1). */
	put32(rest, (uint32_t)len);
	rest[7] = t->udp ? PROTO_UDP : PROTO_TCP;
	sum = sum_bytes(0, t->address[p->side], size);
	sum = sum_bytes(sum, t->address[!p->side], size);
	return sum_bytes(sum, rest, sizeof(rest));
}

static uint8_t *put_timestamps(uint8_t *o, const struct flowgen_packet *p)
{
	o[0] = 8; /* RFC 7323, 3.2 */
	o[1] = 10;
	put32(o + 2, p->tsval);
	put32(o + 6, p->tsecr);
	return o + 10;
}

/* Options in the order in which Linux sends them. Returns their length, a multiple of 4. */
static size_t put_options(uint8_t *options, const struct flowgen_packet *p)
{
	uint8_t *o = options;

	if (p->flags & FLOWGEN_TCP_RST)
		return 0;
	if (p->flags & FLOWGEN_TCP_SYN) {
		o[0] = 2; /* maximum segment size: RFC 9293, 3.7.1 */
		o[1] = 4;
		put16(o + 2, p->mss);
		o[4] = p->timestamps ? 4 : 1; /* SACK permitted: RFC 2018; else two NOPs and it */
		o[5] = p->timestamps ? 2 : 1;
		o += 6;
		if (p->timestamps) {
			o = put_timestamps(o, p);
		} else {
			*o++ = 4;
			*o++ = 2;
		}
		o[0] = 1;
		o[1] = 3; /* window scale 7: RFC 7323, 2.2 */
		o[2] = 3;
		o[3] = 7;
		o += 4;
	} else if (p->timestamps) {
		o[0] = 1;
		o[1] = 1;
		o = put_timestamps(o + 2, p);
	}
	return (size_t)(o - options);
}

static size_t put_tcp(uint8_t *tcp, const struct flowgen_tuple *t, const struct flowgen_packet *p)
{
	size_t len = 20;

	memset(tcp, 0, len);
	put16(tcp, t->port[p->side]);
	put16(tcp + 2, t->port[!p->side]);
	put32(tcp + 4, p->seq);
	put32(tcp + 8, p->flags & FLOWGEN_TCP_ACK ? p->ack : 0);
	tcp[13] = (uint8_t)p->flags;
	put16(tcp + 14, p->window);
	len += put_options(tcp + len, p);
	tcp[12] = (uint8_t)(len / 4 << 4);
	return len;
}

static size_t put_udp(uint8_t *udp, const struct flowgen_tuple *t, const struct flowgen_packet *p)
{
	put16(udp, t->port[p->side]);
	put16(udp + 2, t->port[!p->side]);
	put16(udp + 4, 8 + p->len);
	put16(udp + 6, 0);
	return 8;
}

void flowgen_frame_datagram(
    struct flowgen_frame *frame, const struct flowgen_tuple *tuple, const struct flowgen_packet *p)
{
	uint8_t *l4 = frame->buf + FLOWGEN_HEADROOM;
	size_t len;
	uint64_t sum;

	assert(p->len <= FLOWGEN_PAYLOAD_MAX);
	len = tuple->udp ? put_udp(l4, tuple, p) : put_tcp(l4, tuple, p);
	if (p->len != 0)
		flowgen_payload_fill(&p->message, p->offset, l4 + len, p->len);
	len += p->len;
	frame->datagram_len = len;
	sum = sum_bytes(sum_pseudo_header(tuple, p, len), l4, len);
	put_checksum(l4 + (tuple->udp ? 6 : 16), sum, tuple->udp);
}

struct piece {
	size_t offset, len;
	bool fragment, more;
};

/* RFC 791, 3.1. Returns the start of the header, which ends at end. */
static uint8_t *put_ipv4(uint8_t *end, const struct flowgen_tuple *t,
    const struct flowgen_packet *p, const struct piece *piece)
{
	uint8_t *ip = end - 20;
	uint32_t dont_fragment = p->unit == 0 ? 0x4000 : 0;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(20 + piece->len));
	put16(ip + 4, p->ip_id);
	put16(ip + 6, dont_fragment | (piece->more ? 0x2000 : 0) | (uint32_t)(piece->offset / 8));
	ip[8] = TTL;
	ip[9] = t->udp ? PROTO_UDP : PROTO_TCP;
	memcpy(ip + 12, t->address[p->side], 4);
	memcpy(ip + 16, t->address[!p->side], 4);
	put_checksum(ip + 10, sum_bytes(0, ip, 20), false);
	return ip;
}

/* RFC 8200, 3 and 4.5. */
static uint8_t *put_ipv6(uint8_t *end, const struct flowgen_tuple *t,
    const struct flowgen_packet *p, const struct piece *piece)
{
	uint8_t proto = t->udp ? PROTO_UDP : PROTO_TCP;
	size_t extension = piece->fragment ? 8 : 0;
	uint8_t *ip = end - 40 - extension;

	memset(ip, 0, 40 + extension);
	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)(extension + piece->len));
	ip[6] = piece->fragment ? PROTO_FRAGMENT : proto;
	ip[7] = TTL;
	memcpy(ip + 8, t->address[p->side], 16);
	memcpy(ip + 24, t->address[!p->side], 16);
	if (piece->fragment) {
		ip[40] = proto;
		put16(ip + 42, (uint32_t)piece->offset | (piece->more ? 1 : 0));
		put32(ip + 44, p->ip_id);
	}
	return ip;
}

static uint8_t *put_ethernet(
    uint8_t *end, const struct flowgen_tuple *t, const struct flowgen_packet *p)
{
	/* RFC 9542, 2.1.2: addresses for documentation; 01 is the router, 02 the server. */
	static const uint8_t mac[2][6] = {
	    {0x00, 0x00, 0x5e, 0x00, 0x53, 0x01}, {0x00, 0x00, 0x5e, 0x00, 0x53, 0x02}};
	uint8_t *type = end - 2;
	uint8_t *ether;

	put16(type, t->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (t->vlan != 0) {
		type -= 4;
		put16(type, ETHERTYPE_VLAN);
		put16(type + 2, t->vlan);
	}
	ether = type - 12;
	memcpy(ether, mac[!p->side], 6);
	memcpy(ether + 6, mac[p->side], 6);
	return ether;
}

static struct piece choose_piece(const struct flowgen_frame *frame, const struct flowgen_tuple *t,
    const struct flowgen_packet *p, size_t offset)
{
	size_t ip = t->v6 ? 40 : 20;
	size_t room;
	struct piece piece = {.offset = offset, .len = frame->datagram_len - offset};

	piece.fragment = p->unit != 0 && ip + frame->datagram_len > p->unit;
	if (!piece.fragment)
		return piece;
	room = (p->unit - ip - (t->v6 ? 8 : 0)) & ~(size_t)7; /* offsets count in units of 8 */
	piece.more = piece.len > room;
	if (piece.more)
		piece.len = room;
	return piece;
}

void flowgen_frame_piece(struct flowgen_frame *frame, const struct flowgen_tuple *tuple,
    const struct flowgen_packet *p, size_t offset)
{
	struct piece piece = choose_piece(frame, tuple, p, offset);
	uint8_t *data = frame->buf + FLOWGEN_HEADROOM + offset;
	uint8_t *start;

	assert(offset < frame->datagram_len);
	start = tuple->v6 ? put_ipv6(data, tuple, p, &piece) : put_ipv4(data, tuple, p, &piece);
	start = put_ethernet(start, tuple, p);
	frame->data = start;
	frame->len = (size_t)(data - start) + piece.len;
	frame->more = piece.more;
	frame->next = offset + piece.len;
	/* The capture is taken at the server: what it receives was padded on the wire. */
	if (p->side == FLOWGEN_CLIENT && frame->len < ETHER_MIN) {
		memset(start + frame->len, 0, ETHER_MIN - frame->len);
		frame->len = ETHER_MIN;
	}
}
