/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Point-to-point and wide-area links. PPP protocol numbers are those of the IANA registry "PPP DLL
 * Protocol Numbers". Compressed headers (Van Jacobson's, ROHC) are not undone.
 */
#include "packet/link_ether.h"
#include "packet/link_serial.h"

enum {
	PPP_IPV4 = 0x0021,
	PPP_BRIDGED = 0x0031,
	PPP_MULTILINK = 0x003d,
	PPP_IPV6 = 0x0057,
	PPP_MPLS = 0x0281,
	PPP_MPLS_UPSTREAM = 0x0283
};

/* RFC 3518 section 4.1: flags and pad count, MAC type, a LAN id where the flags say so */
static enum link_result bridged(struct link_walk *w)
{
	enum { HAS_LAN_ID = 0x40, MAC_IEEE8023 = 1 };
	uint32_t size;

	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	if (w->data[w->off + 1] != MAC_IEEE8023)
		return LINK_NOT_IP;
	size = w->data[w->off] & HAS_LAN_ID ? 6 : 2;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	w->off += size;
	return link_ether_frame(w);
}

/* RFC 1990 section 3, long sequence numbers. Only a first fragment begins with a header. */
static enum link_result multilink(struct link_walk *w)
{
	enum { BEGINS = 0x80 };

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	if ((w->data[w->off] & BEGINS) == 0)
		return LINK_NOT_IP;
	w->off += 4;
	return link_serial_ppp_protocol(w);
}

enum link_result link_serial_ppp_protocol(struct link_walk *w)
{
	uint32_t size;
	uint16_t protocol;

	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	/* RFC 1661 section 6.5: an odd first byte is a protocol field compressed to one byte. */
	size = w->data[w->off] & 1 ? 1 : 2;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	protocol = size == 1 ? w->data[w->off] : link_walk_be16(w, 0);
	w->off += size;
	if (protocol == PPP_IPV4)
		return link_walk_ip(w, 4);
	if (protocol == PPP_IPV6)
		return link_walk_ip(w, 6);
	if (!link_walk_nest(w))
		return LINK_MALFORMED;
	switch (protocol) {
	case PPP_MPLS:
	case PPP_MPLS_UPSTREAM:
		return link_ether_mpls(w);
	case PPP_MULTILINK:
		return multilink(w);
	case PPP_BRIDGED:
		return bridged(w);
	default:
		return LINK_NOT_IP;
	}
}

enum link_result link_serial_ppp(struct link_walk *w)
{
	const uint8_t *b = w->data + w->off;

	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	if (b[0] == 0xff && b[1] == 0x03) /* RFC 1662 section 3.1: address and control */
		w->off += 2;
	else if ((b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0x00)
		return link_serial_chdlc(w);
	return link_serial_ppp_protocol(w);
}

/* A frame behind one byte that tells sent from received */
static enum link_result after_direction(struct link_walk *w, link_walk_fn *walk)
{
	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	w->off += 1;
	return walk(w);
}

enum link_result link_serial_ppp_with_dir(struct link_walk *w)
{
	return after_direction(w, link_serial_ppp);
}

/* Here the direction stands in the place of the address byte. */
enum link_result link_serial_ppp_pppd(struct link_walk *w)
{
	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	w->off += 2;
	return link_serial_ppp_protocol(w);
}

/* RFC 1547 section 4.3.1: address, control, EtherType */
enum link_result link_serial_chdlc(struct link_walk *w)
{
	uint16_t type;

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	type = link_walk_be16(w, 2);
	w->off += 4;
	return link_ether_type(w, type);
}

enum link_result link_serial_chdlc_with_dir(struct link_walk *w)
{
	return after_direction(w, link_serial_chdlc);
}

enum link_result link_serial_nlpid(struct link_walk *w)
{
	enum { IPV4 = 0xcc, IPV6 = 0x8e, SNAP = 0x80, PPP = 0xcf };

	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	switch (w->data[w->off++]) {
	case IPV4:
		return link_walk_ip(w, 4);
	case IPV6:
		return link_walk_ip(w, 6);
	case SNAP:
		return link_ether_snap(w, 0);
	case PPP:
		return link_serial_ppp_protocol(w);
	default:
		return LINK_NOT_IP;
	}
}

/* RFC 2427 section 3, or Cisco's older way: an EtherType after the address */
enum link_result link_serial_frelay(struct link_walk *w)
{
	enum { ADDRESS_ENDS = 0x01, CONTROL_UI = 0x03, ADDRESS_MAX = 4 };
	const uint8_t *b = w->data + w->off;
	uint32_t size = 1;
	uint16_t type;
	bool signalling;

	do {
		size++;
		if (size > ADDRESS_MAX)
			return LINK_MALFORMED;
		if (!link_walk_has(w, size + 1))
			return link_walk_short(w, size + 1);
	} while ((b[size - 1] & ADDRESS_ENDS) == 0);
	if (b[0] & ADDRESS_ENDS) /* Q.922 knows no address of one byte */
		return LINK_MALFORMED;
	signalling = (b[0] & 0xfc) == 0 && (b[1] & 0xf0) == 0; /* DLCI 0 */
	if (b[size] == CONTROL_UI) {
		w->off += size + 1;
		if (link_walk_has(w, 1) && w->data[w->off] == 0x00)
			w->off += 1; /* pads the header to an even length */
		return link_serial_nlpid(w);
	}
	if (signalling)
		return LINK_NOT_IP;
	w->off += size;
	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	type = link_walk_be16(w, 0);
	w->off += 2;
	return link_ether_type(w, type);
}

enum link_result link_serial_frelay_with_dir(struct link_walk *w)
{
	return after_direction(w, link_serial_frelay);
}

/* Classical IP over ATM, RFC 2225: some drivers hand the LLC header over, some do not. */
enum link_result link_serial_clip(struct link_walk *w)
{
	enum { SAP_SNAP = 0xaa }; /* no IP header begins so */

	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	return w->data[w->off] == SAP_SNAP ? link_ether_llc(w) : link_walk_ip(w, 0);
}

/* Direction and kind, VPI, VCI (2) */
enum link_result link_serial_sunatm(struct link_walk *w)
{
	enum { KIND = 0x0f, LAN_EMULATION = 1, LLC = 2 };
	uint8_t kind;

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	kind = w->data[w->off] & KIND;
	w->off += 4;
	if (kind == LLC)
		return link_ether_llc(w);
	if (kind != LAN_EMULATION)
		return LINK_NOT_IP;
	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	w->off += 2; /* LAN emulation client id */
	return link_ether_frame(w);
}

/*
 * Direction, kind, and 14 bytes of the header as it came: compressed, or those of IP itself, to
 * the third of the source address. The packet that follows is not compressed.
 */
enum link_result link_serial_slip(struct link_walk *w)
{
	if (!link_walk_has(w, 16))
		return link_walk_short(w, 16);
	link_walk_note(w, 2, 14, LINK_SPAN_OTHER);
	w->off += 16;
	return link_walk_ip(w, 0);
}

/* Behind the cookie the header says whether the frame is whole, or begins at a named protocol. */
static enum link_result juniper(struct link_walk *w, link_walk_fn *whole)
{
	enum { COOKIE = 0x4d4743, EXTENDED = 0x80, NO_LINK_HEADER = 0x02, IPV4 = 2, IPV6 = 6 };
	uint8_t flags;
	uint32_t size = 4, protocol;

	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (link_walk_be32(w, 0) >> 8 != COOKIE)
		return LINK_MALFORMED;
	flags = w->data[w->off + 3];
	if (flags & EXTENDED) {
		if (!link_walk_has(w, 6))
			return link_walk_short(w, 6);
		size = 6u + link_walk_be16(w, 4);
	}
	if (flags & NO_LINK_HEADER)
		size += 4;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	w->off += size;
	if ((flags & NO_LINK_HEADER) == 0)
		return whole(w);
	w->off -= 4;
	protocol = link_walk_le32(w, 0);
	w->off += 4;
	if (protocol == IPV4)
		return link_walk_ip(w, 4);
	return protocol == IPV6 ? link_walk_ip(w, 6) : LINK_NOT_IP;
}

enum link_result link_serial_juniper_ether(struct link_walk *w)
{
	return juniper(w, link_ether_frame);
}

enum link_result link_serial_juniper_ppp(struct link_walk *w)
{
	return juniper(w, link_serial_ppp);
}

enum link_result link_serial_juniper_frelay(struct link_walk *w)
{
	return juniper(w, link_serial_frelay);
}

enum link_result link_serial_juniper_chdlc(struct link_walk *w)
{
	return juniper(w, link_serial_chdlc);
}
