/* SPDX-License-Identifier: BSD-2-Clause */
/* Local networks other than Ethernet: each has its own addresses, and then LLC or an EtherType. */
#include "packet/link_ether.h"
#include "packet/link_lan.h"

/* RFC 1188: frame control, two addresses, LLC. Most systems give the addresses as on the wire. */
enum link_result link_lan_fddi(struct link_walk *w)
{
	enum { FORMAT = 0xf0, ASYNC_LLC = 0x50 };
	uint8_t control;

	if (!link_walk_has(w, 13))
		return link_walk_short(w, 13);
	control = w->data[w->off];
	link_walk_note_pair(w, 1, LINK_SPAN_MAC_MSB);
	w->off += 13;
	return (control & FORMAT) == ASYNC_LLC ? link_ether_llc(w) : LINK_NOT_IP;
}

/* IEEE 802.5: access control, frame control, two addresses, the route the frame took, LLC */
enum link_result link_lan_token_ring(struct link_walk *w)
{
	enum { FORMAT = 0xc0, LLC = 0x40, HAS_ROUTE = 0x80, ROUTE_LENGTH = 0x1f };
	const uint8_t *b = w->data + w->off;
	uint32_t size = 14, route;

	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if ((b[1] & FORMAT) != LLC)
		return LINK_NOT_IP;
	if (b[8] & HAS_ROUTE) { /* the group bit of the source address */
		if (!link_walk_has(w, size + 1))
			return link_walk_short(w, size + 1);
		route = b[14] & ROUTE_LENGTH;
		if (route < 2 || route % 2 != 0)
			return LINK_MALFORMED;
		size += route;
		if (!link_walk_has(w, size))
			return link_walk_short(w, size);
	}
	link_walk_note_pair(w, 2, LINK_SPAN_MAC_MSB);
	w->off += size;
	return link_ether_llc(w);
}

/*
 * ARCNET from its protocol id on. RFC 1051 ids have no more header; the others, RFC 1201 section 2,
 * have a split flag and a sequence, twice if the packet was of a size that ARCNET cannot send.
 */
static enum link_result arcnet(struct link_walk *w)
{
	enum { IPV4_1051 = 240, IPV4 = 212, IPV6 = 196, EXCEPTION = 0xff };
	uint8_t id, split;

	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	id = w->data[w->off++];
	if (id == IPV4_1051)
		return link_walk_ip(w, 4);
	if (id != IPV4 && id != IPV6)
		return LINK_NOT_IP;
	if (!link_walk_has(w, 3))
		return link_walk_short(w, 3);
	split = w->data[w->off];
	w->off += 3;
	if (split == EXCEPTION) { /* the id, the flag and the sequence again */
		if (!link_walk_has(w, 4))
			return link_walk_short(w, 4);
		split = w->data[w->off + 1];
		w->off += 4;
	}
	if (split != 0 && split % 2 == 0) /* not the first part of a split packet */
		return LINK_NOT_IP;
	return link_walk_ip(w, id == IPV4 ? 4 : 6);
}

/* Addresses of one byte each come first. */
static enum link_result arcnet_after(struct link_walk *w, uint32_t size)
{
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	link_walk_note(w, 0, 2, LINK_SPAN_OTHER);
	w->off += size;
	return arcnet(w);
}

enum link_result link_lan_arcnet(struct link_walk *w)
{
	return arcnet_after(w, 2);
}

/* Linux hands over the packet buffer of the hardware, with an offset behind the addresses. */
enum link_result link_lan_arcnet_linux(struct link_walk *w)
{
	return arcnet_after(w, 4);
}

/* RFC 2625 section 3: network header with two 8-byte addresses, LLC */
enum link_result link_lan_fibre_channel(struct link_walk *w)
{
	if (!link_walk_has(w, 16))
		return link_walk_short(w, 16);
	link_walk_note(w, 0, 16, LINK_SPAN_OTHER);
	w->off += 16;
	return link_ether_llc(w);
}

/* Addresses up to `at`, an EtherType, and then `after` bytes */
static enum link_result typed(struct link_walk *w, uint32_t at, uint32_t after)
{
	uint16_t type;

	if (!link_walk_has(w, at + 2 + after))
		return link_walk_short(w, at + 2 + after);
	type = link_walk_be16(w, at);
	link_walk_note(w, 0, at, LINK_SPAN_OTHER);
	w->off += at + 2 + after;
	return link_ether_type(w, type);
}

/*
 * Two hardware addresses or a global route header, then the header of RFC 4391 section 6:
 * EtherType, reserved (2)
 */
enum link_result link_lan_infiniband(struct link_walk *w)
{
	return typed(w, 40, 2);
}

/* Two 8-byte addresses and an EtherType, as Apple's drivers give it */
enum link_result link_lan_firewire(struct link_walk *w)
{
	return typed(w, 16, 0);
}
