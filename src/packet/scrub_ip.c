/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be kept of IP, either version: from the fixed header over its extensions to the
 * transport header, the way that decode.c goes. What the headers hold besides addresses is the
 * matter of scrub_ipv4.c and scrub_ipv6.c.
 *
 * A quoted header may be anything: each step is taken only if what it needs is there.
 */
#include <errno.h>

#include "packet/extension.h"
#include "packet/scrub_options.h"

enum { IPV6_SIZE = 40, IPV6_NEXT_AT = 6, IPV6_SRC_AT = 8, IPV6_DST_AT = 24 };

bool scrub_ip_ends(struct scrubbing *x, const struct scrub_ip *h)
{
	bool src = h->quoted || !(h->exempt & SCRUB_SRC_EXEMPT);
	bool dst = h->quoted || !(h->exempt & SCRUB_DST_EXEMPT);

	if (x->policy->addresses == ADDRESSES_KEPT)
		return false;
	if (h->quoted) { /* not `||`: both have to be done */
		src = scrub_address(x, h->version, h->src_at);
		dst = scrub_address(x, h->version, h->dst_at);
		return src || dst;
	}
	if (src)
		anonymizer_map(x->anonymizer, h->version, x->bytes + h->src_at);
	if (dst)
		anonymizer_map(x->anonymizer, h->version, x->bytes + h->dst_at);
	return src || dst;
}

/* Bytes of the extension header at off; 0 if it is not there whole. */
static uint32_t extension_size(const struct scrubbing *x, const struct scrub_ip *h, uint32_t off)
{
	uint32_t size;

	if (!scrub_has(x, off, EXTENSION_LEAST_BYTES))
		return 0;
	size = extension_bytes(h->proto, x->bytes + off);
	return scrub_has(x, off, size) ? size : 0;
}

/* What an authentication header vouches for are the true addresses: RFC 4302 section 3.3.3. */
static bool authentication(struct scrubbing *x, uint32_t off, uint32_t size)
{
	enum { VALUE_AT = 12 };

	return size > VALUE_AT && scrub_options_hide(x, off + VALUE_AT, size - VALUE_AT);
}

/* Reads a fragment header: true if no transport header follows. See decode.c on atomic ones. */
static bool later_fragment(const struct scrubbing *x, struct scrub_ip *h, uint32_t off)
{
	enum { OFFSET = 0xfff8, MORE = 0x0001 };
	uint16_t where = scrub_be16(x, off + 2);

	if ((where & (OFFSET | MORE)) == 0)
		return false;
	h->fragment = true;
	h->frag_off = where & OFFSET;
	return h->frag_off != 0;
}

/* What follows the fixed header: extensions in a bounded number, then the transport, at h->l4_off.
 */
static int extensions(struct scrubbing *x, struct scrub_ip *h)
{
	uint32_t off = h->l4_off, size;
	bool later = false;

	for (unsigned n = 0; !later && extension_is(h->version, h->proto); n++) {
		size = n < DECODE_MAX_EXTHDRS ? extension_size(x, h, off) : 0;
		if (size == 0) {
			scrub_cut(x, off);
			return -EBADMSG;
		}
		if (h->proto == EXTENSION_FRAGMENT)
			later = later_fragment(x, h, off);
		else if (h->proto == EXTENSION_AUTHENTICATION)
			h->changed |= authentication(x, off, size);
		else
			h->changed |= scrub_ipv6_extension(x, h, off, size);
		h->proto = x->bytes[off];
		off += size;
		h->l4_off = off;
	}
	return 0;
}

static int ipv6(struct scrubbing *x, struct scrub_ip *h)
{
	if (!scrub_has(x, h->net_off, IPV6_SIZE)) {
		scrub_cut(x, h->net_off);
		return -EBADMSG;
	}
	h->proto = x->bytes[h->net_off + IPV6_NEXT_AT];
	h->l4_off = h->net_off + IPV6_SIZE;
	h->src_at = h->net_off + IPV6_SRC_AT;
	h->dst_at = h->net_off + IPV6_DST_AT;
	h->changed = scrub_ip_ends(x, h);
	return extensions(x, h);
}

int scrub_ip(struct scrubbing *x, struct scrub_ip *h)
{
	int rv;

	h->version = scrub_has(x, h->net_off, 1) ? x->bytes[h->net_off] >> 4 : 0;
	h->proto = 0;
	h->l4_off = h->src_at = h->dst_at = h->net_off;
	h->fragment = h->changed = false;
	h->frag_off = 0;
	if (h->version == 6)
		return ipv6(x, h);
	if (h->version != 4) {
		scrub_cut(x, h->net_off);
		return -EBADMSG;
	}
	rv = scrub_ipv4(x, h);
	if (rv != 0 || h->frag_off != 0)
		return rv;
	return extensions(x, h);
}
