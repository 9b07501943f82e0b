/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet and what stands between it and IP. Every header here is either of fixed size or says its
 * own length; each is checked to be there before anything is read from it.
 *
 * EtherTypes are those of the IANA "IEEE 802 Numbers" registry. Not opened on purpose: encrypted
 * MACsec, and everything that is a tunnel over IP.
 */
#include <stddef.h>

#include "packet/link_ether.h"
#include "packet/link_serial.h"

enum {
	ADDRESSES = 12,    /* destination and source */
	HEADER = 14,       /* and the EtherType or length */
	LENGTH_MAX = 1500, /* IEEE 802.3 3.2.6: up to here it is a length */
	TYPE_MIN = 0x600,  /* and from here on a type */
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd
};

enum {
	SAP_IP = 0x06,
	SAP_SNAP = 0xaa,
	SAP_ISO = 0xfe, /* ISO network layer: an NLPID follows */
	CONTROL_UI = 0x03,
	OUI_8021H = 0x0000f8,  /* bridge tunnel encapsulation: the id is an EtherType as well */
	OUI_BRIDGED = 0x0080c2 /* IEEE 802.1: a whole MAC frame follows */
};

static enum link_result type_or_length(struct link_walk *w, uint16_t type)
{
	if (type >= TYPE_MIN)
		return link_ether_type(w, type);
	if (type > LENGTH_MAX)
		return LINK_NOT_IP;
	link_walk_bound(w, type);
	return link_ether_llc(w);
}

/* A tag of `size` bytes, whose last two are the EtherType of what follows. */
static enum link_result tag(struct link_walk *w, uint32_t size)
{
	uint16_t type;

	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	type = link_walk_be16(w, size - 2);
	w->off += size;
	return type_or_length(w, type);
}

/* IEEE 802.1Q 9.6: priority (3 bits), drop eligible (1), VLAN id (12), EtherType */
static enum link_result vlan(struct link_walk *w)
{
	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	if (w->link.vlans < LINK_MAX_VLANS)
		w->link.vlan[w->link.vlans++] = link_walk_be16(w, 0) & 0xfff;
	return tag(w, 4);
}

/* IEEE 802.1BR: direction, E-CID or VIF numbers */
static enum link_result vntag(struct link_walk *w)
{
	return tag(w, 6);
}

/* IEEE 802.1ah: service id (4 bytes), then the customer's whole MAC header */
static enum link_result backbone(struct link_walk *w)
{
	if (!link_walk_has(w, 4 + HEADER))
		return link_walk_short(w, 4 + HEADER);
	link_walk_note_pair(w, 4, LINK_SPAN_MAC);
	return tag(w, 4 + HEADER);
}

/* Cisco MetaData: version, length, option type (2), security group (2) */
static enum link_result metadata(struct link_walk *w)
{
	return tag(w, 8);
}

/* IEC 62439-3 high-availability seamless redundancy: path and size (2), sequence (2) */
static enum link_result hsr(struct link_walk *w)
{
	return tag(w, 6);
}

/* Cisco FabricPath: the outer frame's tree and time to live, then the inner frame */
static enum link_result fabricpath(struct link_walk *w)
{
	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	w->off += 2;
	return link_ether_frame(w);
}

/*
 * RFC 6325 section 3: TRILL; flags and options' length (five bits, in words), the nicknames of two
 * bridges (2 each), which are their addresses, options, then the inner frame
 */
static enum link_result trill(struct link_walk *w)
{
	uint32_t size;

	if (!link_walk_has(w, 6))
		return link_walk_short(w, 6);
	size = 6 + 4u * (link_walk_be16(w, 0) >> 6 & 0x1f);
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	link_walk_note(w, 2, size - 2, LINK_SPAN_OTHER);
	w->off += size;
	return link_ether_frame(w);
}

/*
 * IEEE 802.1AE 9.3: flags, short length, packet number (4), and maybe the channel: an address and a
 * port (2). Where only integrity is protected the payload is in the clear.
 */
static enum link_result macsec(struct link_walk *w)
{
	enum { VERSION = 0x80, HAS_SCI = 0x20, ENCRYPTED = 0x08, CHANGED = 0x04 };
	uint32_t size;

	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	if (w->data[w->off] & (VERSION | ENCRYPTED | CHANGED))
		return LINK_NOT_IP;
	size = w->data[w->off] & HAS_SCI ? 16 : 8;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (size == 16)
		link_walk_note(w, 6, 6, LINK_SPAN_MAC);
	return tag(w, size);
}

/* RFC 8300 section 2.2: network service header. Contexts may tell anything, even subscribers. */
static enum link_result nsh(struct link_walk *w)
{
	uint32_t size;
	uint8_t next;

	if (!link_walk_has(w, 8))
		return link_walk_short(w, 8);
	size = 4u * (w->data[w->off + 1] & 0x3f);
	next = w->data[w->off + 3];
	if (size < 8)
		return LINK_MALFORMED;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	link_walk_note(w, 8, size - 8, LINK_SPAN_OTHER);
	w->off += size;
	switch (next) {
	case 1:
		return link_walk_ip(w, 4);
	case 2:
		return link_walk_ip(w, 6);
	case 3:
		return link_ether_frame(w);
	case 4:
		return link_walk_nest(w) ? nsh(w) : LINK_MALFORMED;
	case 5:
		return link_ether_mpls(w);
	default:
		return LINK_NOT_IP;
	}
}

/* What follows each EtherType. VLAN types first: the others are rare. */
/* clang-format off */
static const struct {
	uint16_t type;
	link_walk_fn *walk;
} ether_types[] = {
	{ 0x8100, vlan },		/* IEEE 802.1Q */
	{ 0x88a8, vlan },		/* IEEE 802.1ad */
	{ 0x9100, vlan },		/* QinQ before 802.1ad */
	{ 0x9200, vlan },
	{ 0x8864, link_ether_pppoe },
	{ 0x8847, link_ether_mpls },
	{ 0x8848, link_ether_mpls },	/* upstream-assigned or multicast, RFC 5332 */
	{ 0x8926, vntag },
	{ 0x88e7, backbone },
	{ 0x8909, metadata },
	{ 0x892f, hsr },
	{ 0x894f, nsh },
	{ 0x88e5, macsec },
	{ 0x22f3, trill },
	{ 0x8903, fabricpath },
	{ 0x6558, link_ether_frame },	/* transparent Ethernet bridging, RFC 1701 */
};
/* clang-format on */

static link_walk_fn *walk_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof ether_types / sizeof ether_types[0]; i++)
		if (ether_types[i].type == type)
			return ether_types[i].walk;
	return NULL;
}

enum link_result link_ether_type(struct link_walk *w, uint16_t type)
{
	link_walk_fn *walk;

	if (type == TYPE_IPV4)
		return link_walk_ip(w, 4);
	if (type == TYPE_IPV6)
		return link_walk_ip(w, 6);
	walk = walk_of(type);
	if (walk == NULL)
		return LINK_NOT_IP;
	return link_walk_nest(w) ? walk(w) : LINK_MALFORMED;
}

/* Cisco ISL puts 26 bytes before the whole frame, and is known by five bytes of its address. */
static bool is_isl(const uint8_t *address)
{
	return (address[0] == 0x01 || address[0] == 0x0c) && address[1] == 0x00 &&
	       address[2] == 0x0c && address[3] == 0x00 && address[4] == 0x00;
}

/* That address is the same for all; the source follows, and its vendor once more. */
static enum link_result isl(struct link_walk *w)
{
	if (!link_walk_has(w, 26))
		return link_walk_short(w, 26);
	link_walk_note(w, 6, 6, LINK_SPAN_MAC);
	link_walk_note(w, 17, 3, LINK_SPAN_OTHER);
	w->off += 26;
	return link_walk_nest(w) ? link_ether_frame(w) : LINK_MALFORMED;
}

static enum link_result frame(struct link_walk *w, enum link_span_kind kind)
{
	uint16_t type;

	if (!link_walk_has(w, HEADER))
		return link_walk_short(w, HEADER);
	type = link_walk_be16(w, ADDRESSES);
	if (type <= LENGTH_MAX && is_isl(w->data + w->off))
		return isl(w);
	link_walk_note_pair(w, 0, kind);
	w->off += HEADER;
	return type_or_length(w, type);
}

enum link_result link_ether_frame(struct link_walk *w)
{
	return frame(w, LINK_SPAN_MAC);
}

enum link_result link_ether_snap(struct link_walk *w, uint32_t pad)
{
	uint32_t oui;
	uint16_t id;

	if (!link_walk_has(w, 5))
		return link_walk_short(w, 5);
	oui = link_walk_be32(w, 0) >> 8;
	id = link_walk_be16(w, 3);
	w->off += 5;
	if (oui == 0 || oui == OUI_8021H)
		return link_ether_type(w, id);
	/* Bridged Ethernet with (1) or without (7) its frame check sequence. */
	if (oui != OUI_BRIDGED || (id != 1 && id != 7))
		return LINK_NOT_IP;
	if (!link_walk_has(w, pad))
		return link_walk_short(w, pad);
	w->off += pad;
	return link_walk_nest(w) ? link_ether_frame(w) : LINK_MALFORMED;
}

enum link_result link_ether_llc(struct link_walk *w)
{
	uint8_t dsap, ssap, control;
	uint32_t size;

	if (w->end - w->off < 3) /* nothing is in there: not even a header */
		return LINK_NOT_IP;
	if (!link_walk_has(w, 3))
		return link_walk_short(w, 3);
	dsap = w->data[w->off];
	ssap = w->data[w->off + 1];
	control = w->data[w->off + 2];
	/* Only information carries IP: unnumbered (UI), or numbered with a longer control field. */
	if (control != CONTROL_UI && (control & 1) != 0)
		return LINK_NOT_IP;
	size = control == CONTROL_UI ? 3 : 4;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	w->off += size;
	if (dsap == SAP_SNAP && ssap == SAP_SNAP)
		return link_ether_snap(w, 2);
	if (dsap == SAP_IP)
		return link_walk_ip(w, 4);
	if (dsap == SAP_ISO)
		return link_serial_nlpid(w);
	return LINK_NOT_IP;
}

static bool carries(uint16_t type)
{
	return type == TYPE_IPV4 || type == TYPE_IPV6 || walk_of(type) != NULL;
}

/* Addresses as hardware has them: from a vendor, and the source not a group */
static bool are_vendors(const uint8_t *addresses)
{
	enum { GROUP = 0x01, LOCAL = 0x02 };

	return (addresses[0] & LOCAL) == 0 && (addresses[6] & (GROUP | LOCAL)) == 0;
}

/*
 * An Ethernet pseudo-wire whose first four bits are 0: a control word (RFC 4448 section 4.6), or
 * an address that happens to begin so. Nothing in the packet says which. It is a control word,
 * unless all that we know of Ethernet headers fits only when there is none.
 */
static enum link_result pseudowire(struct link_walk *w)
{
	bool bare;

	if (w->end - w->off < 4 + HEADER)
		return LINK_NOT_IP;
	if (!link_walk_has(w, 4 + HEADER))
		return link_walk_short(w, 4 + HEADER);
	bare = !carries(link_walk_be16(w, 4 + ADDRESSES)) &&
	       carries(link_walk_be16(w, ADDRESSES)) && are_vendors(w->data + w->off);
	w->off += bare ? 0 : 4;
	if (!link_walk_nest(w))
		return LINK_MALFORMED;
	return frame(w, bare ? LINK_SPAN_MAC_BARE : LINK_SPAN_MAC);
}

/* RFC 3032 section 2.1: label (20 bits), class (3), bottom of stack (1), time to live (8) */
enum link_result link_ether_mpls(struct link_walk *w)
{
	enum { BOTTOM = 0x100, GENERIC_ALERT = 13, OAM_ALERT = 14 };
	uint32_t entry;

	for (;;) {
		if (!link_walk_has(w, 4))
			return link_walk_short(w, 4);
		entry = link_walk_be32(w, 0);
		w->off += 4;
		if (entry & BOTTOM)
			break;
		if (!link_walk_nest(w))
			return LINK_MALFORMED;
	}
	if (entry >> 12 == GENERIC_ALERT || entry >> 12 == OAM_ALERT)
		return LINK_NOT_IP;
	/* The stack does not name its payload. RFC 4928 section 3: the first four bits tell. */
	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	switch (w->data[w->off] >> 4) {
	case 4:
		return link_walk_ip(w, 4);
	case 6:
		return link_walk_ip(w, 6);
	case 0:
		return pseudowire(w);
	default:
		return LINK_NOT_IP;
	}
}

enum link_result link_ether_pppoe(struct link_walk *w)
{
	uint16_t length;

	if (!link_walk_has(w, 6))
		return link_walk_short(w, 6);
	length = link_walk_be16(w, 4);
	w->off += 6;
	link_walk_bound(w, length);
	return link_serial_ppp_protocol(w);
}

/*
 * IEEE 802.3br 99.3: seven bytes of preamble, and one that says what begins here. A later fragment
 * has six, and one byte more to say which it is; its numbers are those of the beginnings.
 */
enum link_result link_ether_mpacket(struct link_walk *w)
{
	enum { PREAMBLE = 0x55 };
	static const uint8_t begins[] = {0xd5, 0xe6, 0x4c, 0x7f, 0xb3};
	const uint8_t *b = w->data + w->off;

	if (!link_walk_has(w, 8))
		return link_walk_short(w, 8);
	if (b[0] != PREAMBLE) /* some writers leave the preamble out */
		return link_ether_frame(w);
	for (size_t i = 0; i < sizeof begins; i++) {
		if (b[6] == PREAMBLE && b[7] == begins[i]) {
			w->off += 8;
			return link_ether_frame(w);
		}
	}
	return LINK_NOT_IP;
}

/* Addresses, then a switch chip's tag of `size` bytes, then the EtherType */
static enum link_result switch_tag(struct link_walk *w, uint32_t size)
{
	if (!link_walk_has(w, ADDRESSES))
		return link_walk_short(w, ADDRESSES);
	link_walk_note_pair(w, 0, LINK_SPAN_MAC);
	w->off += ADDRESSES;
	return tag(w, size + 2);
}

/* Marvell's tag takes the place of a VLAN tag, and holds its id if there was one (bit 29). */
static enum link_result marvell(struct link_walk *w, uint32_t at)
{
	if (!link_walk_has(w, at + 4))
		return link_walk_short(w, at + 4);
	if (w->data[w->off + at] & 0x20 && w->link.vlans < LINK_MAX_VLANS)
		w->link.vlan[w->link.vlans++] = link_walk_be16(w, at + 2) & 0xfff;
	return switch_tag(w, at + 4 - ADDRESSES);
}

enum link_result link_ether_dsa(struct link_walk *w)
{
	return marvell(w, ADDRESSES);
}

enum link_result link_ether_edsa(struct link_walk *w)
{
	return marvell(w, ADDRESSES + 4); /* an EtherType of its own and two zeros come first */
}

enum link_result link_ether_brcm(struct link_walk *w)
{
	return switch_tag(w, 4);
}

static enum link_result frame_after(struct link_walk *w, uint32_t size)
{
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	w->off += size;
	return link_ether_frame(w);
}

enum link_result link_ether_brcm_prepended(struct link_walk *w)
{
	return frame_after(w, 4);
}

enum link_result link_ether_netanalyzer(struct link_walk *w)
{
	return frame_after(w, 4);
}

enum link_result link_ether_netanalyzer_transparent(struct link_walk *w)
{
	return frame_after(w, 4 + 8); /* the preamble is there as well */
}
