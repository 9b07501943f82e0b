/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scrubbing what stands before the IP header: hardware addresses, and what else tells hosts apart
 * there. Nothing moves and nothing is cut; the frame decodes as before, down to the IP header.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "packet/link.h"
#include "packet/policy.h"
#include "packet/scrub_private.h"

enum { MAC_SIZE = 6 };

/* The bits of its first byte that must stay: what link.h says of each kind. */
static uint8_t stays_mask(enum link_span_kind kind)
{
	switch (kind) {
	case LINK_SPAN_MAC_MSB:
		return 0x80;
	case LINK_SPAN_MAC_BARE:
		return 0xf3;
	default:
		return 0x01;
	}
}

/*
 * Addresses of groups that are made from those of IP groups: the bits of `fixed` are always `is`,
 * the others are the end of the IP address. An IPv6 node's solicited-node group ends as its own
 * address does (RFC 4291 section 2.7.1).
 */
static const struct made_from_ip {
	uint8_t is[MAC_SIZE], fixed[MAC_SIZE];
	bool reversed; /* each byte's bits the other way round, as on FDDI (RFC 1390, RFC 2467) */
} made_from_ip[] = {
    {{0x01, 0x00, 0x5e}, {0xff, 0xff, 0xff, 0x80}, false}, /* RFC 1112 section 6.4 */
    {{0x33, 0x33}, {0xff, 0xff}, false},                   /* RFC 2464 section 7 */
    {{0x80, 0x00, 0x7a}, {0xff, 0xff, 0xff, 0x01}, true},
    {{0xcc, 0xcc}, {0xff, 0xff}, true},
};

static bool is_made_so(const uint8_t *mac, const struct made_from_ip *m)
{
	for (size_t i = 0; i < MAC_SIZE; i++)
		if ((mac[i] & m->fixed[i]) != m->is[i])
			return false;
	return true;
}

/* Captures of FDDI have either order of bits: there all forms are looked for. */
static void blank_ip_group(uint8_t *mac, enum link_span_kind kind)
{
	for (size_t i = 0; i < sizeof(made_from_ip) / sizeof(made_from_ip[0]); i++) {
		if (made_from_ip[i].reversed && kind != LINK_SPAN_MAC_MSB)
			continue;
		if (is_made_so(mac, &made_from_ip[i]))
			memcpy(mac, made_from_ip[i].is, MAC_SIZE);
	}
}

static void hide(struct scrubbing *x, const struct link_span *s)
{
	if (s->kind == LINK_SPAN_OTHER)
		scrub_blank(x, s->off, s->len);
	else if (x->policy->macs)
		anonymizer_map_mac(x->anonymizer, x->bytes + s->off, stays_mask(s->kind));
	else
		blank_ip_group(x->bytes + s->off, s->kind);
}

/* Zeros, but for the bits that stay */
static void blank_mac(struct scrubbing *x, const struct link_span *s)
{
	uint8_t *mac = x->bytes + s->off;

	if (s->kind == LINK_SPAN_OTHER)
		return;
	mac[0] &= stays_mask(s->kind);
	memset(mac + 1, 0, MAC_SIZE - 1);
}

/* Does what will be kept decode as it does in the original? */
static bool decodes_as_before(const struct scrubbing *x)
{
	struct packet before = *x->packet, after = *x->packet;
	struct link was = {0}, is = {0};

	before.caplen = after.caplen = x->keep;
	after.data = x->bytes;
	if (link_decode(&before, &was) != link_decode(&after, &is))
		return false;
	for (int i = 0; i < LINK_MAX_VLANS; i++)
		if (was.vlan[i] != is.vlan[i])
			return false;
	return was.net_off == is.net_off && was.end_off == is.end_off && was.family == is.family &&
	       was.vlans == is.vlans;
}

/*
 * In an Ethernet pseudo-wire the bytes that tell whether it has a control word are bytes of
 * addresses in the one case and not in the other; a replaced address may turn the answer. It never
 * does where all addresses are zeros: no EtherType is 0, and what was taken for an address without
 * control word still looks like one.
 */
void scrub_link(struct scrubbing *x, uint32_t net_off)
{
	struct link_span spans[LINK_MAX_SPANS];
	unsigned int n;

	if (!x->policy->macs && x->policy->addresses == ADDRESSES_KEPT)
		return;
	n = link_spans(x->packet, spans);
	for (unsigned int i = 0; i < n; i++) {
		assert(spans[i].off + spans[i].len <= net_off);
		if (scrub_has(x, spans[i].off, spans[i].len))
			hide(x, &spans[i]);
	}
	if (n == 0 || decodes_as_before(x))
		return;
	for (unsigned int i = 0; i < n; i++)
		if (scrub_has(x, spans[i].off, spans[i].len))
			blank_mac(x, &spans[i]);
}
