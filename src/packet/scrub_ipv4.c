/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be kept of an IPv4 header: addresses are replaced, also those that its options hold, and
 * the checksum is made right again, or zero.
 *
 * Source: RFC 791 section 3.1; IANA, "IP Option Numbers".
 */
#include <errno.h>

#include "packet/checksum.h"
#include "packet/scrub_options.h"

enum { FIXED_SIZE = 20, FRAGMENT_AT = 6, PROTO_AT = 9, SUM_AT = 10, SRC_AT = 12, DST_AT = 16 };

/* Option types, with their "copied" bit */
enum {
	END_OF_LIST = 0,
	NO_OPERATION = 1,
	RECORD_ROUTE = 7,
	MTU_PROBE = 11,   /* RFC 1063 */
	MTU_REPLY = 12,   /* RFC 1063 */
	QUICK_START = 25, /* RFC 4782 section 3.1 */
	TIMESTAMP = 68,
	LOOSE_ROUTE = 131,
	STREAM_ID = 136,
	STRICT_ROUTE = 137,
	ROUTER_ALERT = 148 /* RFC 2113 */
};

/* Where the room for slots begins: behind type, length and pointer, and flags of a time stamp. */
enum { ROUTE_ROOM = 3, TIMESTAMP_ROOM = 4 };

/* Bytes of an option's room that are in use: its pointer counts from 1, and names the next free. */
static uint32_t used(const struct scrubbing *x, uint32_t off, uint32_t head, uint32_t room)
{
	uint32_t next = x->bytes[off + 2];

	if (next <= head)
		return 0;
	return next - 1 - head < room ? next - 1 - head : room;
}

/* Slots that begin with an address each, as many as fit in `n` bytes; the rest of the room. */
static bool slots(struct scrubbing *x, uint32_t off, uint32_t n, uint32_t room, uint32_t slot)
{
	bool changed = false;
	uint32_t at = 0;

	for (; at + slot <= n; at += slot)
		changed |= scrub_address(x, 4, off + at);
	changed |= scrub_options_hide(x, off + at, room - at);
	return changed;
}

static bool record_route(struct scrubbing *x, uint32_t off, uint32_t size)
{
	uint32_t room = size - ROUTE_ROOM;

	if (size < ROUTE_ROOM)
		return false;
	return slots(x, off + ROUTE_ROOM, used(x, off, ROUTE_ROOM, room), room, 4);
}

/* Until it has come to the end of its route, a packet's true destination is the last address. */
static bool source_route(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t size)
{
	uint32_t room = size - ROUTE_ROOM, next;

	if (size < ROUTE_ROOM)
		return false;
	next = x->bytes[off + 2];
	if (next > ROUTE_ROOM && next + 3 <= size)
		h->dst_at = off + ROUTE_ROOM + room / 4 * 4 - 4;
	return slots(x, off + ROUTE_ROOM, room, room, 4);
}

static bool timestamp(struct scrubbing *x, uint32_t off, uint32_t size)
{
	enum { ALONE = 0, WITH_ADDRESS = 1, PRESPECIFIED = 3 };
	uint32_t room = size - TIMESTAMP_ROOM, n;

	if (size < TIMESTAMP_ROOM)
		return scrub_options_hide(x, off + 2, size - 2);
	n = used(x, off, TIMESTAMP_ROOM, room);
	switch (x->bytes[off + 3] & 0xf) {
	case ALONE:
		return scrub_options_hide(x, off + TIMESTAMP_ROOM + n, room - n);
	case WITH_ADDRESS:
		return slots(x, off + TIMESTAMP_ROOM, n, room, 8);
	case PRESPECIFIED: /* those who shall write have been named beforehand */
		return slots(x, off + TIMESTAMP_ROOM, room, room, 8);
	default:
		return scrub_options_hide(x, off + 2, size - 2);
	}
}

/* Is this an option of fixed size that holds no address? */
static bool is_harmless(uint8_t type, uint32_t size)
{
	switch (type) {
	case MTU_PROBE:
	case MTU_REPLY:
	case STREAM_ID:
	case ROUTER_ALERT:
		return size == 4;
	case QUICK_START:
		return size == 8;
	default:
		return false;
	}
}

static bool option(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t size)
{
	switch (x->bytes[off]) {
	case RECORD_ROUTE:
		return record_route(x, off, size);
	case LOOSE_ROUTE:
	case STRICT_ROUTE:
		return source_route(x, h, off, size);
	case TIMESTAMP:
		return timestamp(x, off, size);
	default:
		return !is_harmless(x->bytes[off], size) &&
		       scrub_options_hide(x, off + 2, size - 2);
	}
}

static bool options(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t end)
{
	bool changed = false;
	uint32_t size;

	while (off < end) {
		if (x->bytes[off] == NO_OPERATION) {
			off++;
			continue;
		}
		size = end - off >= 2 ? x->bytes[off + 1] : 0;
		if (x->bytes[off] == END_OF_LIST || size < 2 || size > end - off) {
			changed |= scrub_options_pad(x, off, end - off);
			break;
		}
		changed |= option(x, h, off, size);
		off += size;
	}
	return changed;
}

/* Right in the input: right for what is stored. Else 0. No card has touched a quoted one. */
static void mend_checksum(struct scrubbing *x, const struct scrub_ip *h, uint32_t size)
{
	uint32_t off = h->net_off;
	bool right = checksum_fold(checksum_add(0, x->packet->data + off, size)) == 0xffff;
	bool left_open = scrub_be16(x, off + SUM_AT) == 0;
	uint16_t sum;

	scrub_blank(x, off + SUM_AT, 2);
	if (h->quoted ? !right : !scrub_trusts(x, SCRUB_IP_COMPUTED, right, left_open))
		return;
	sum = (uint16_t)~checksum_fold(checksum_add(0, x->bytes + off, size));
	memcpy(x->bytes + off + SUM_AT, &sum, sizeof(sum));
}

/* The words of a header of `size` bytes that others need */
static void read_words(const struct scrubbing *x, struct scrub_ip *h, uint32_t size)
{
	enum { OFFSET = 0x1fff, MORE = 0x2000 };
	uint16_t where = scrub_be16(x, h->net_off + FRAGMENT_AT);

	h->proto = x->bytes[h->net_off + PROTO_AT];
	h->l4_off = h->net_off + size;
	h->src_at = h->net_off + SRC_AT;
	h->dst_at = h->net_off + DST_AT;
	h->fragment = (where & (OFFSET | MORE)) != 0;
	h->frag_off = (where & OFFSET) * 8u;
}

int scrub_ipv4(struct scrubbing *x, struct scrub_ip *h)
{
	uint32_t off = h->net_off, size;

	size = scrub_has(x, off, FIXED_SIZE) ? (x->bytes[off] & 0xf) * 4u : 0;
	if (size < FIXED_SIZE) {
		scrub_cut(x, off);
		return -EBADMSG;
	}
	read_words(x, h, size);
	h->changed = scrub_ip_ends(x, h);
	if (!scrub_has(x, off, size)) {
		scrub_cut(x, off + FIXED_SIZE);
		scrub_blank(x, off + SUM_AT, 2); /* nobody knows whether it is right */
		h->changed = true;
		return -EBADMSG;
	}
	h->changed |= options(x, h, off + FIXED_SIZE, off + size);
	if (h->changed)
		mend_checksum(x, h, size);
	return 0;
}
