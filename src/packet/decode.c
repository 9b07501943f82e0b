/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a frame to the words that the flow table needs. Every check is against two ends at once:
 * what was captured, and what the headers say is there. Which of them failed tells a capture cut
 * short (TRUNCATED) from a packet that contradicts itself (MALFORMED).
 */
#include <string.h>

#include "packet/decode.h"
#include "packet/extension.h"
#include "packet/ipaddr.h"
#include "packet/link.h"

#define likely(x) __builtin_expect(!!(x), 1)

enum {
	IPV4_SIZE = 20,
	IPV6_SIZE = 40,
	PORTS_SIZE = 4,
	ICMP_ID_END = 6, /* type, code, checksum, identifier */
	TCP_SIZE = 20,
	TCP_FLAGS_END = 14 /* seq, ack, data offset and flags lie before */
};

_Static_assert(LINK_MAX_VLANS == 2, "struct decoded has room for two");

/* The ends of what may be read */
struct bounds {
	const uint8_t *data; /* the frame */
	uint32_t caplen;     /* captured up to here */
	uint32_t frame_end;  /* the link layer's payload ends here */
	uint32_t end;        /* the packet ends here: its own end, or frame_end if nearer */
};

static inline uint16_t be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t be32(const uint8_t *b)
{
	return (uint32_t)be16(b) << 16 | be16(b + 2);
}

static inline bool has(const struct bounds *b, uint32_t off, uint32_t n)
{
	return off <= b->end && n <= b->end - off && off <= b->caplen && n <= b->caplen - off;
}

static enum decode_result lacks(const struct bounds *b, uint32_t off, uint32_t n)
{
	return off <= b->end && n <= b->end - off ? DECODE_TRUNCATED : DECODE_MALFORMED;
}

static inline void end_at(struct bounds *b, struct decoded *d, uint32_t end)
{
	d->end_off = end;
	b->end = end < b->frame_end ? end : b->frame_end;
}

/* Where a header of n bytes leaves off; a lie about n counts as the smallest header there is. */
static inline uint32_t payload_after(const struct decoded *d, uint32_t n, uint32_t least)
{
	if (n >= least && n <= d->end_off - d->l4_off)
		return d->l4_off + n;
	return least <= d->end_off - d->l4_off ? d->l4_off + least : d->end_off;
}

static enum decode_result tcp(const struct bounds *b, struct decoded *d)
{
	const uint8_t *l4 = b->data + d->l4_off;
	uint32_t size = 0;

	/* A segment that is too short for a header holds none; a first fragment may be. */
	if (likely(has(b, d->l4_off, TCP_FLAGS_END) &&
		   (d->end_off - d->l4_off >= TCP_SIZE || d->first_fragment))) {
		d->has_tcp = true;
		d->seq = be32(l4 + 4);
		d->ack = be32(l4 + 8);
		size = l4[12] >> 4 << 2;
		d->tcp_flags = l4[13];
	} else if (!has(b, d->l4_off, PORTS_SIZE)) {
		return lacks(b, d->l4_off, PORTS_SIZE);
	}
	d->sport = be16(l4);
	d->dport = be16(l4 + 2);
	d->payload_off = payload_after(d, size, TCP_SIZE);
	return DECODE_OK;
}

/* A protocol with ports where TCP has them, and a header of `least` bytes or more */
static enum decode_result ports(const struct bounds *b, struct decoded *d, uint32_t least)
{
	const uint8_t *l4 = b->data + d->l4_off;

	if (!has(b, d->l4_off, PORTS_SIZE))
		return lacks(b, d->l4_off, PORTS_SIZE);
	d->sport = be16(l4);
	d->dport = be16(l4 + 2);
	d->payload_off = payload_after(d, least, least);
	return DECODE_OK;
}

/* Do ICMP messages of this type hold an identifier? RFC 792, RFC 4443 section 4. */
static bool has_identifier(uint8_t proto, uint8_t type)
{
	if (proto == DECODE_ICMP6)
		return type == 128 || type == 129; /* echo */
	return type == 0 || type == 8 || (type >= 13 && type <= 16);
}

static enum decode_result icmp(const struct bounds *b, struct decoded *d)
{
	const uint8_t *l4 = b->data + d->l4_off;

	if (!has(b, d->l4_off, 1))
		return lacks(b, d->l4_off, 1);
	if (!has_identifier(d->proto, l4[0]))
		return DECODE_OK;
	if (!has(b, d->l4_off, ICMP_ID_END))
		return lacks(b, d->l4_off, ICMP_ID_END);
	d->sport = d->dport = be16(l4 + 4);
	return DECODE_OK;
}

static enum decode_result transport(const struct bounds *b, struct decoded *d, uint32_t l4_off)
{
	d->l4_off = l4_off;
	d->payload_off = l4_off;
	if (likely(d->proto == DECODE_TCP))
		return tcp(b, d);
	switch (d->proto) {
	case DECODE_UDP:
	case DECODE_UDPLITE:
		return ports(b, d, 8);
	case DECODE_SCTP:
	case DECODE_DCCP:
		return ports(b, d, 12);
	case DECODE_ICMP:
	case DECODE_ICMP6:
		return icmp(b, d);
	default:
		return DECODE_OK;
	}
}

/*
 * Reads a fragment header, RFC 8200 section 4.5: true if the transport header is not in here. An
 * "atomic" fragment, which is the whole datagram, is not a fragment to us (RFC 6946). d->proto of a
 * later fragment is what the fragment header names, though that may be one more extension: all
 * fragments of one datagram name the same.
 */
static bool later_fragment(struct decoded *d, const uint8_t *h)
{
	enum { OFFSET = 0xfff8, MORE = 0x0001 };
	uint16_t where = be16(h + 2);

	if ((where & (OFFSET | MORE)) == 0)
		return false;
	d->frag_id = be32(h + 4);
	d->frag_proto = h[0];
	if (where & OFFSET) {
		d->proto = h[0];
		return true;
	}
	d->first_fragment = true;
	return false;
}

/* What follows the fixed header: extensions in a bounded number, then the transport. */
static inline enum decode_result payload(
    const struct bounds *b, struct decoded *d, uint32_t off, uint8_t version)
{
	const uint8_t *h;
	uint32_t size;

	for (unsigned int n = 0; extension_is(version, d->proto); n++) {
		if (n == DECODE_MAX_EXTHDRS)
			return DECODE_MALFORMED;
		if (!has(b, off, EXTENSION_LEAST_BYTES))
			return lacks(b, off, EXTENSION_LEAST_BYTES);
		h = b->data + off;
		size = extension_bytes(d->proto, h);
		if (d->proto == EXTENSION_FRAGMENT && later_fragment(d, h))
			return DECODE_FRAGMENT;
		if (!has(b, off, size))
			return lacks(b, off, size);
		d->proto = h[0];
		off += size;
	}
	return transport(b, d, off);
}

/* RFC 791 section 3.1 */
static enum decode_result ipv4(struct bounds *b, struct decoded *d)
{
	enum { OFFSET = 0x1fff, MORE = 0x2000 };
	const uint8_t *ip = b->data + d->net_off;
	uint32_t size, total;
	uint16_t where;

	if (!has(b, d->net_off, IPV4_SIZE))
		return lacks(b, d->net_off, IPV4_SIZE);
	size = (ip[0] & 0xf) * 4u;
	total = be16(ip + 2);
	if (total == 0) /* the network card fills it in later: segmentation offload */
		total = b->frame_end - d->net_off;
	if (size < IPV4_SIZE || total < size)
		return DECODE_MALFORMED;
	end_at(b, d, d->net_off + total);
	d->family = 4;
	d->proto = ip[9];
	memcpy(d->src, ip + 12, 4);
	memcpy(d->dst, ip + 16, 4);
	where = be16(ip + 6);
	if (where & (OFFSET | MORE)) {
		d->frag_id = be16(ip + 4);
		d->frag_proto = ip[9];
		if (where & OFFSET)
			return DECODE_FRAGMENT;
		d->first_fragment = true;
	}
	if (!has(b, d->net_off, size))
		return lacks(b, d->net_off, size);
	return payload(b, d, d->net_off + size, 4);
}

/* Both ends IPv4-mapped: the flow is that of the IPv4 addresses. */
static void fold_mapped(struct decoded *d)
{
	if (likely(!ipaddr_is_mapped(d->src)) || !ipaddr_is_mapped(d->dst))
		return;
	d->family = 4;
	ipaddr_unmap(d->src);
	ipaddr_unmap(d->dst);
}

/* The length of a jumbogram, from an option of its hop-by-hop header at off; RFC 2675 section 2 */
static enum decode_result jumbo_length(const struct bounds *b, uint32_t off, uint32_t *ret_length)
{
	enum { PAD1 = 0, JUMBO = 0xc2 };
	const uint8_t *h = b->data + off;
	uint32_t size, at = 2;

	if (!has(b, off, 2))
		return lacks(b, off, 2);
	size = extension_bytes(EXTENSION_HOP_BY_HOP, h);
	if (!has(b, off, size))
		return lacks(b, off, size);
	while (at + 1 < size) {
		if (h[at] == PAD1) {
			at++;
			continue;
		}
		if (h[at] == JUMBO && h[at + 1] == 4 && at + 6 <= size) {
			*ret_length = be32(h + at + 2);
			break;
		}
		at += 2u + h[at + 1];
	}
	return DECODE_OK;
}

/*
 * RFC 8200 section 3. A payload length of 0 is that of a jumbogram; or that of a super-packet
 * before segmentation (Linux "BIG TCP"), which shows itself by being larger than the field can say.
 */
static enum decode_result ipv6(struct bounds *b, struct decoded *d)
{
	const uint8_t *ip = b->data + d->net_off;
	enum decode_result result;
	uint32_t length, rest;

	if (!has(b, d->net_off, IPV6_SIZE))
		return lacks(b, d->net_off, IPV6_SIZE);
	length = be16(ip + 4);
	d->proto = ip[6];
	if (length == 0 && d->proto == EXTENSION_HOP_BY_HOP) {
		result = jumbo_length(b, d->net_off + IPV6_SIZE, &length);
		if (result != DECODE_OK)
			return result;
		if (length > UINT32_MAX - d->net_off - IPV6_SIZE)
			return DECODE_MALFORMED;
	}
	rest = b->frame_end - d->net_off - IPV6_SIZE;
	if (length == 0 && rest > UINT16_MAX)
		length = rest;
	end_at(b, d, d->net_off + IPV6_SIZE + length);
	d->family = 6;
	memcpy(d->src, ip + 8, 16);
	memcpy(d->dst, ip + 24, 16);
	fold_mapped(d);
	return payload(b, d, d->net_off + IPV6_SIZE, 6);
}

static enum decode_result of_link(enum link_result result)
{
	switch (result) {
	case LINK_TRUNCATED:
		return DECODE_TRUNCATED;
	case LINK_MALFORMED:
		return DECODE_MALFORMED;
	case LINK_UNKNOWN:
		return DECODE_LINKTYPE;
	default:
		return DECODE_NOT_IP;
	}
}

enum decode_result decode_packet(const struct packet *p, struct decoded *ret_decoded)
{
	struct link link;
	struct bounds b = {.data = p->data, .caplen = p->caplen};
	enum link_result result = link_decode(p, &link);
	uint8_t version;

	if (result != LINK_IP)
		return of_link(result);
	b.frame_end = b.end = link.end_off;
	if (!has(&b, link.net_off, 1))
		return lacks(&b, link.net_off, 1);
	version = p->data[link.net_off] >> 4;
	if (link.family != 0 && version != link.family)
		return DECODE_MALFORMED;
	memset(ret_decoded, 0, sizeof *ret_decoded);
	ret_decoded->net_off = link.net_off;
	ret_decoded->frame_end = link.end_off;
	ret_decoded->vlan[0] = link.vlan[0];
	ret_decoded->vlan[1] = link.vlan[1];
	if (likely(version == 4))
		return ipv4(&b, ret_decoded);
	return version == 6 ? ipv6(&b, ret_decoded) : DECODE_MALFORMED;
}
