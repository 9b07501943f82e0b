/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scrub*.c files share: one packet on its way from what was captured to what is kept. The
 * copy is rewritten in place, nothing ever moves: an offset means the same in both.
 *
 * Private to the scrub*.c files.
 */
#ifndef PACKET_SCRUB_PRIVATE_H
#define PACKET_SCRUB_PRIVATE_H

#include <string.h>

#include "packet/scrub.h"

struct scrubbing {
	struct anonymizer *anonymizer;
	const struct policy *policy;
	const struct packet *packet; /* borrowed: as captured */
	uint8_t *bytes;              /* the copy; what lies before `keep` may be read and written */
	uint32_t keep;     /* bytes that will be kept: whoever cannot vouch for more lowers it */
	unsigned computed; /* in and out: SCRUB_ bits, as in struct scrub_flow */
	unsigned told;     /* out: those of them that this packet told of */
	bool hides; /* addresses or hardware addresses are replaced: what may hold one in a form
		     * that is not known here is cut or blanked */
};

/* scrub_cut - nothing from off on is kept. */
static inline void scrub_cut(struct scrubbing *x, uint32_t off)
{
	if (off < x->keep)
		x->keep = off;
}

/* scrub_has - are n bytes at off there to be read and kept? */
static inline bool scrub_has(const struct scrubbing *x, uint32_t off, uint32_t n)
{
	return off <= x->keep && n <= x->keep - off;
}

/* scrub_blank - zeros over n bytes at off, as far as they are there. */
static inline void scrub_blank(struct scrubbing *x, uint32_t off, uint32_t n)
{
	if (off < x->keep)
		memset(x->bytes + off, 0, n < x->keep - off ? n : x->keep - off);
}

static inline uint16_t scrub_be16(const struct scrubbing *x, uint32_t off)
{
	return (uint16_t)(x->bytes[off] << 8 | x->bytes[off + 1]);
}

/*
 * scrub_trusts - may a checksum that was right be made right again?
 *
 * Where the network card computes checksums, its driver finds 0 or the sum of the pseudo-header in
 * the field. Such a field is right by accident, once in 65,536 packets; and in which of them tells
 * of the addresses. So a field of that form is trusted as the last of this sender was that told: a
 * right one of another form, or a wrong one of that form.
 *
 * Takes:    layer, a SCRUB_ bit of `computed`; right; whether the field has such a form.
 */
static inline bool scrub_trusts(struct scrubbing *x, unsigned layer, bool right, bool left_open)
{
	if (right != left_open) {
		x->computed = right ? x->computed | layer : x->computed & ~layer;
		x->told |= layer;
	}
	return right && (x->computed & layer) != 0;
}

/*
 * scrub_address - replace an address that is not exempt; it must be there (4 or 16 bytes at off).
 *
 * Returns:  whether it was: not by its value, nor where the policy keeps addresses.
 */
bool scrub_address(struct scrubbing *x, uint8_t family, uint32_t off);

/* scrub_link - the link layer's header, all that lies before net_off: hardware addresses, and what
 * else it may tell. Nothing is cut. */
void scrub_link(struct scrubbing *x, uint32_t net_off);

/* An IP header and its extensions: the packet's own, or one that an ICMP error quotes. */
struct scrub_ip {
	uint32_t net_off; /* in */
	unsigned exempt;  /* in: SCRUB_ bits */
	bool quoted;      /* in: nobody has validated it; exempt is not decided: ask for each */
	uint8_t version;  /* out: 4 or 6 */
	uint8_t proto;    /* out: of what follows, or of what a fragment header names */
	uint32_t l4_off;  /* out: where that begins */
	uint32_t src_at, dst_at; /* out: the addresses that the transport's pseudo-header has */
	bool fragment;           /* out: a part of a datagram, be it the first */
	uint32_t frag_off;       /* out: bytes of the datagram before this part */
	bool changed;            /* out: addresses are replaced, or something else was written to */
};

/*
 * scrub_ip - rewrite an IP header with its options or extension headers, and the IPv4 checksum.
 *
 * Addresses are replaced in the header, in route and timestamp options, in routing headers and home
 * address options; where x->hides, options and extension headers of unknown form are blanked behind
 * their length. Whatever the policy, options that contradict themselves are blanked from there to
 * the header's end, and so is padding. Lengths and next-header numbers stay.
 *
 * Returns:  0; -EBADMSG the headers do not lead to a transport header (quoted ones, or a fragment
 *           whose options were not captured): x is cut where they end to be sound.
 * `changed` depends on the policy and on lengths, never on the value of an address.
 */
int scrub_ip(struct scrubbing *x, struct scrub_ip *h);

/*
 * scrub_tcp_options - the options of a TCP header, from off to end.
 *
 * Options that contradict themselves: x is cut there. Bytes behind the end-of-options mark are
 * blanked. Where x->hides: addresses in MPTCP's ADD_ADDR are replaced (its HMAC is blanked), and
 * options that are not known to hold none are blanked behind their length.
 *
 * Returns:  whether anything was written to or cut, by policy and lengths: not by values.
 */
bool scrub_tcp_options(struct scrubbing *x, uint32_t off, uint32_t end);

/*
 * scrub_icmp - an ICMP message at off, where x->hides: addresses that it holds are replaced, the
 * packet that an error quotes is scrubbed to its headers, messages of other forms are cut.
 *
 * Takes:    proto, DECODE_ICMP or DECODE_ICMP6.
 * Returns:  whether anything was written to or cut.
 */
bool scrub_icmp(struct scrubbing *x, uint8_t proto, uint32_t off);

/*
 * scrub_sctp - the chunks behind an SCTP header, from off on, where x->hides: kept as long as they
 * are of types that hold no address, cut from the first other on. Returns: whether it was cut.
 */
bool scrub_sctp(struct scrubbing *x, uint32_t off);

/* scrub_hides_behind - does what these UDP ports carry hold addresses: a tunnel, DHCP and such? */
bool scrub_hides_behind(uint16_t sport, uint16_t dport);

#endif
