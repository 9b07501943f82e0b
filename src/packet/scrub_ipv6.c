/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be kept of IPv6 extension headers: the addresses that options and routing headers hold
 * are replaced, and what is not known to hold none is blanked. No length and no next-header number
 * changes, nor does the length of a jumbogram: decoding leads to the same place as before.
 *
 * Source: RFC 8200 section 4; IANA, "Internet Protocol Version 6 (IPv6) Parameters".
 */
#include "packet/extension.h"
#include "packet/scrub_options.h"

/* Option types, with the bits that say what becomes of them */
enum {
	PAD_1 = 0x00,
	PAD_N = 0x01,
	TUNNEL_LIMIT = 0x04, /* RFC 2473 section 4.1.1 */
	ROUTER_ALERT = 0x05, /* RFC 2711 */
	CALIPSO = 0x07,      /* RFC 5570 section 5.1: labels, and a sum over them */
	PERFORMANCE = 0x0f,  /* RFC 8250 section 3.2 */
	QUICK_START = 0x26,  /* RFC 4782 section 3.2 */
	PATH_MTU = 0x30,     /* RFC 9268 section 5 */
	JUMBO = 0xc2,        /* RFC 2675 section 2 */
	HOME_ADDRESS = 0xc9  /* RFC 6275 section 6.3 */
};

/* Is this an option that holds no address? n bytes follow its length. */
static bool is_harmless(uint8_t type, uint32_t n)
{
	switch (type) {
	case TUNNEL_LIMIT:
		return n == 1;
	case ROUTER_ALERT:
		return n == 2;
	case PATH_MTU:
	case JUMBO:
		return n == 4;
	case QUICK_START:
		return n == 6;
	case PERFORMANCE:
		return n == 10;
	case CALIPSO:
		return true;
	default:
		return false;
	}
}

/* An option at off, n bytes behind its type and length */
static bool option(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t n)
{
	uint8_t type = x->bytes[off];

	if (type == PAD_N)
		return scrub_options_pad(x, off + 2, n);
	if (type == HOME_ADDRESS && n == 16) {
		h->src_at = off + 2; /* what a checksum is over: RFC 6275 section 11.3.1 */
		return scrub_address(x, 6, off + 2);
	}
	return !is_harmless(type, n) && scrub_options_hide(x, off + 2, n);
}

/* Blanked from where they contradict themselves, options end as padding of one byte each. */
static bool options(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t end)
{
	bool changed = false;
	uint32_t n;

	while (off < end) {
		if (x->bytes[off] == PAD_1) {
			off++;
			continue;
		}
		n = end - off >= 2 ? x->bytes[off + 1] : 0;
		if (end - off < 2 || n > end - off - 2)
			return scrub_options_pad(x, off, end - off) || changed;
		changed |= option(x, h, off, n);
		off += 2 + n;
	}
	return changed;
}

/*
 * Until it has come to the end of its route, a packet's true destination is in its routing header:
 * the last address; or the first, where they stand in reverse. RFC 8200 section 8.1.
 */
static bool routing(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t size)
{
	enum { TYPE_AT = 2, LEFT_AT = 3, LAST_ENTRY_AT = 4, FORM_KNOWN = 4, FIXED = 8 };
	enum { SOURCE_ROUTE = 0, MOBILE = 2, SEGMENTS = 4 }; /* RFC 5095, RFC 6275, RFC 8754 */
	uint8_t type = x->bytes[off + TYPE_AT];
	uint32_t n = (size - FIXED) / 16, last, at;
	bool changed = false;

	if (type != SOURCE_ROUTE && type != MOBILE && type != SEGMENTS)
		return scrub_options_hide(x, off + FORM_KNOWN, size - FORM_KNOWN);
	if (type == SEGMENTS) {
		last = x->bytes[off + LAST_ENTRY_AT];
		n = last < n ? last + 1 : 0;
	}
	at = off + FIXED;
	if (n > 0 && x->bytes[off + LEFT_AT] > 0)
		h->dst_at = type == SEGMENTS ? at : at + 16 * (n - 1);
	for (uint32_t i = 0; i < n; i++, at += 16)
		changed |= scrub_address(x, 6, at);
	changed |= scrub_options_hide(x, at, off + size - at);
	return changed;
}

bool scrub_ipv6_extension(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t size)
{
	switch (h->proto) {
	case EXTENSION_HOP_BY_HOP:
	case EXTENSION_DESTINATION:
		return options(x, h, off + 2, off + size);
	case EXTENSION_ROUTING:
		return routing(x, h, off, size);
	case EXTENSION_MOBILITY: /* the type of the message stays: RFC 6275 section 6.1.1 */
		return scrub_options_hide(x, off + 3, size - 3);
	case EXTENSION_HIP:
	case EXTENSION_SHIM6:
		return scrub_options_hide(x, off + 2, size - 2);
	default:
		return false;
	}
}
