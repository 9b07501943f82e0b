/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the headers of both IP versions, and their options, are rewritten with. Each function says
 * whether the header counts as changed; see scrub_ip().
 *
 * Private to the scrub_ip*.c files.
 */
#ifndef PACKET_SCRUB_OPTIONS_H
#define PACKET_SCRUB_OPTIONS_H

#include "packet/scrub_private.h"

/* scrub_options_hide - zeros over bytes that may hold an address in a form not known here. Returns:
 * whether there were any that had to go, be they zeros already. */
static inline bool scrub_options_hide(struct scrubbing *x, uint32_t off, uint32_t n)
{
	if (!x->hides || n == 0)
		return false;
	scrub_blank(x, off, n);
	return true;
}

/* scrub_options_pad - zeros over bytes that have no meaning, whatever the policy. They must be
 * there. Returns: whether one of them was none. */
static inline bool scrub_options_pad(struct scrubbing *x, uint32_t off, uint32_t n)
{
	bool dirty = false;

	for (uint32_t end = off + n; off < end; off++) {
		dirty |= x->bytes[off] != 0;
		x->bytes[off] = 0;
	}
	return dirty;
}

/* scrub_ip_ends - replaces the source and destination of a fixed header, at h->src_at and
 * h->dst_at. Returns: whether either was. */
bool scrub_ip_ends(struct scrubbing *x, const struct scrub_ip *h);

/*
 * scrub_ipv4 - an IPv4 header with its options and its checksum: whatever scrub_ip does, but for
 * authentication headers.
 *
 * Takes:    as scrub_ip.
 * Returns:  0, and h->l4_off is where the header ends; -EBADMSG, x is cut.
 */
int scrub_ipv4(struct scrubbing *x, struct scrub_ip *h);

/*
 * scrub_ipv6_extension - what an extension header of IPv6 holds, but for fragment and
 * authentication headers. h->src_at and h->dst_at are moved to the addresses in it that are meant
 * in truth.
 *
 * Takes:    h->proto, its number; off, size: it must be there whole, and has 8 bytes or more.
 * Returns:  whether it is changed.
 */
bool scrub_ipv6_extension(struct scrubbing *x, struct scrub_ip *h, uint32_t off, uint32_t size);

#endif
