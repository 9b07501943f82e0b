/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers that never were on a wire. Some are in the byte order of the host that captured, which
 * nothing tells; each of those has a field whose value is small enough to give it away.
 */
#include <stddef.h>

#include "packet/link_ether.h"
#include "packet/link_pseudo.h"
#include "packet/link_serial.h"
#include "packet/link_wifi.h"

enum link_result link_pseudo_raw(struct link_walk *w)
{
	return link_walk_ip(w, 0);
}

enum link_result link_pseudo_ipv4(struct link_walk *w)
{
	return link_walk_ip(w, 4);
}

enum link_result link_pseudo_ipv6(struct link_walk *w)
{
	return link_walk_ip(w, 6);
}

/* IP behind an address family. AF_INET is 2 everywhere; AF_INET6 depends on the system. */
static enum link_result by_family(struct link_walk *w, uint32_t family)
{
	switch (family) {
	case 2:
		return link_walk_ip(w, 4);
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 26: /* Solaris */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return link_walk_ip(w, 6);
	default:
		return LINK_NOT_IP;
	}
}

/* A family in four bytes of either order: families are small, so swapped they are not. */
static uint32_t host_order_family(const struct link_walk *w)
{
	uint32_t family = link_walk_le32(w, 0);

	return family > UINT16_MAX ? link_walk_be32(w, 0) : family;
}

/* BSD loopback. Old drivers wrote PPP and EtherTypes under the same link type. */
enum link_result link_pseudo_null(struct link_walk *w)
{
	uint32_t family;

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	if (link_walk_be16(w, 0) == 0xff03)
		return link_serial_ppp(w);
	family = host_order_family(w);
	w->off += 4;
	if (family >= 0x600 && family <= UINT16_MAX)
		return link_ether_type(w, (uint16_t)family);
	return by_family(w, family);
}

/* OpenBSD loopback: always in network order */
enum link_result link_pseudo_loop(struct link_walk *w)
{
	uint32_t family;

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	family = link_walk_be32(w, 0);
	w->off += 4;
	return by_family(w, family);
}

/* OpenBSD IPsec, after decryption: family (4), security parameters (4), flags (4) */
enum link_result link_pseudo_enc(struct link_walk *w)
{
	uint32_t family;

	if (!link_walk_has(w, 12))
		return link_walk_short(w, 12);
	family = host_order_family(w);
	w->off += 12;
	return by_family(w, family);
}

/*
 * OpenBSD packet filter: length without its padding to four bytes, family, 62 bytes of interface,
 * rule, user and process. FreeBSD may add 8 about the rule; OpenBSD adds 36: addresses and ports as
 * they were before translation.
 */
enum link_result link_pseudo_pflog(struct link_walk *w)
{
	enum { COMMON = 64, FREEBSD = 72 };
	uint32_t size;
	uint8_t family;

	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	size = (w->data[w->off] + 3u) / 4 * 4;
	family = w->data[w->off + 1];
	if (size < 4)
		return LINK_MALFORMED;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (size > FREEBSD)
		link_walk_note(w, COMMON, size - COMMON, LINK_SPAN_OTHER);
	w->off += size;
	return by_family(w, family);
}

/* What the Linux cooked headers say; ARPHRD_ numbers are those of linux/if_arp.h. */
static enum link_result sll(struct link_walk *w, uint16_t hardware, uint16_t protocol)
{
	enum { ARPHRD_RADIOTAP = 803, ARPHRD_NETLINK = 824, PROTOCOL_8022 = 4 };

	if (hardware == ARPHRD_NETLINK) /* the protocol is a netlink family */
		return LINK_NOT_IP;
	if (protocol != PROTOCOL_8022)
		return link_ether_type(w, protocol);
	return hardware == ARPHRD_RADIOTAP ? link_wifi_radiotap(w) : link_ether_llc(w);
}

/*
 * The sender's address in a field of 8 bytes, as packet(7) tells it. Tunnels have IP addresses; the
 * kernel does not clear what an address leaves free.
 */
static void note_cooked(struct link_walk *w, uint32_t at, uint32_t length)
{
	if (length == 6) {
		link_walk_note(w, at, 6, LINK_SPAN_MAC);
		link_walk_note(w, at + 6, 2, LINK_SPAN_OTHER);
	} else {
		link_walk_note(w, at, 8, LINK_SPAN_OTHER);
	}
}

enum link_result link_pseudo_sll(struct link_walk *w)
{
	uint16_t hardware, protocol;

	if (!link_walk_has(w, 16))
		return link_walk_short(w, 16);
	hardware = link_walk_be16(w, 2);
	protocol = link_walk_be16(w, 14);
	note_cooked(w, 6, link_walk_be16(w, 4));
	w->off += 16;
	return sll(w, hardware, protocol);
}

enum link_result link_pseudo_sll2(struct link_walk *w)
{
	uint16_t hardware, protocol;

	if (!link_walk_has(w, 20))
		return link_walk_short(w, 20);
	protocol = link_walk_be16(w, 0);
	hardware = link_walk_be16(w, 8);
	note_cooked(w, 12, w->data[w->off + 11]);
	w->off += 20;
	return sll(w, hardware, protocol);
}

/* Solaris: version, family, hook (2), length, interface, group, two zones (4 each) */
enum link_result link_pseudo_ipnet(struct link_walk *w)
{
	uint8_t family;

	if (!link_walk_has(w, 24))
		return link_walk_short(w, 24);
	family = w->data[w->off + 1];
	w->off += 24;
	return by_family(w, family);
}

/* Attributes of linux/netfilter/nfnetlink_log.h */
enum { NFLOG_HWADDR = 8, NFLOG_PAYLOAD = 9 };

/* Attributes without addresses: marks, times, interfaces, users, numbers, a rule's text, VLAN */
static bool is_harmless(uint32_t type)
{
	return (type >= 1 && type <= 7) || (type >= 10 && type <= 15) || type == 17 || type == 19 ||
	       type == 20;
}

/*
 * The others: the sender's address (its length, 2 bytes of padding, 8 bytes of room), the link
 * header, the connection as tracked, and whatever kernels will think of. There is one of each; more
 * than LINK_MAX_TAGS are not followed (false).
 */
static bool note_attribute(struct link_walk *w, uint32_t type, uint32_t length)
{
	if (is_harmless(type))
		return true;
	if (!link_walk_nest(w))
		return false;
	if (type == NFLOG_HWADDR && length == 16)
		note_cooked(w, 8, link_walk_be16(w, 4));
	else
		link_walk_note(w, 4, length - 4, LINK_SPAN_OTHER);
	return true;
}

/*
 * Linux netfilter log: family, version, resource (2), then attributes of length and type in host
 * order, padded to four bytes; one is the packet. Types are small: that gives the order away.
 */
enum link_result link_pseudo_nflog(struct link_walk *w)
{
	enum { AF_UNSPECIFIED = 0 };
	uint8_t family;
	uint32_t length, type, padded;
	bool big;

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	family = w->data[w->off];
	w->off += 4;
	while (w->off < w->end) {
		if (!link_walk_has(w, 4))
			return link_walk_short(w, 4);
		big = link_walk_le16(w, 2) > 0xff;
		length = big ? link_walk_be16(w, 0) : link_walk_le16(w, 0);
		type = big ? link_walk_be16(w, 2) : link_walk_le16(w, 2);
		if (length < 4)
			return LINK_MALFORMED;
		if (type == NFLOG_PAYLOAD) {
			link_walk_bound(w, length);
			w->off += 4;
			return family == AF_UNSPECIFIED ? link_walk_ip(w, 0) : by_family(w, family);
		}
		padded = (length + 3) / 4 * 4;
		if (!link_walk_has(w, padded))
			return link_walk_short(w, padded);
		if (!note_attribute(w, type, length))
			return LINK_MALFORMED;
		w->off += padded;
	}
	return LINK_NOT_IP;
}

/*
 * Fields of per-packet information: type (2), length (2), bytes. What is not about a radio or an
 * Ethernet port may be a place on earth (30002 and on), a user, or anything: from the first of
 * those on, all is.
 */
static void note_ppi_fields(struct link_walk *w, uint32_t size)
{
	enum { ALIGNED = 0x01 };
	static const uint8_t harmless[] = {2, 3, 4, 5, 8, 9};
	uint32_t at = 8, type;
	size_t i;

	while (at + 4 <= size) {
		type = link_walk_le16(w, at);
		for (i = 0; i < sizeof harmless && type != harmless[i]; i++)
			;
		if (i == sizeof harmless) {
			link_walk_note(w, at + 4, size - at - 4, LINK_SPAN_OTHER);
			return;
		}
		at += 4u + link_walk_le16(w, at + 2);
		if (w->data[w->off + 1] & ALIGNED)
			at = (at + 3) / 4 * 4;
	}
}

/* Per-packet information: version, flags, length (2), link type (4), fields */
enum link_result link_pseudo_ppi(struct link_walk *w)
{
	uint32_t size, linktype;

	if (!link_walk_has(w, 8))
		return link_walk_short(w, 8);
	size = link_walk_le16(w, 2);
	linktype = link_walk_le32(w, 4);
	if (size < 8)
		return LINK_MALFORMED;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (w->notes != NULL)
		note_ppi_fields(w, size);
	w->off += size;
	return link_walk_nest(w) ? link_walk_type(w, linktype) : LINK_MALFORMED;
}

/*
 * Darwin: length, record type, link type (4 each), then more about interface and process; what may
 * come behind the 156 bytes of today is not known.
 */
enum link_result link_pseudo_pktap(struct link_walk *w)
{
	enum { IS_PACKET = 1, KNOWN = 156 };
	uint32_t size, record, linktype;

	if (!link_walk_has(w, 12))
		return link_walk_short(w, 12);
	size = link_walk_le32(w, 0);
	record = link_walk_le32(w, 4);
	linktype = link_walk_le32(w, 8);
	if (size < 12)
		return LINK_MALFORMED;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (size > KNOWN)
		link_walk_note(w, KNOWN, size - KNOWN, LINK_SPAN_OTHER);
	w->off += size;
	if (record != IS_PACKET)
		return LINK_NOT_IP;
	return link_walk_nest(w) ? link_walk_type(w, linktype) : LINK_MALFORMED;
}

/* What Endace's cards add about the class or the circuit of a packet is harmless; other headers may
 * hold a hash of its addresses, a host, or an interception. False beyond LINK_MAX_TAGS of those. */
static bool note_erf_extension(struct link_walk *w)
{
	enum { TYPE = 0x7f, CLASSIFICATION = 3, RAW_LINK = 5, CHANNELISED = 12 };
	uint8_t type = w->data[w->off] & TYPE;

	if (type == CLASSIFICATION || type == RAW_LINK || type == CHANNELISED)
		return true;
	link_walk_note(w, 1, 7, LINK_SPAN_OTHER);
	return link_walk_nest(w);
}

/* Endace: time (8), type, flags, lengths and losses (6); more headers while the top bit is set */
enum link_result link_pseudo_erf(struct link_walk *w)
{
	enum { MORE = 0x80, IPV4 = 22, IPV6 = 23, DSM_ETHERNET = 16, HASH_ETHERNET = 20 };
	static const uint8_t ethernet[] = {2, 11, 16, 20}; /* plain, and with colour, DSM, hash */
	uint8_t type, more;

	if (!link_walk_has(w, 16))
		return link_walk_short(w, 16);
	type = w->data[w->off + 8];
	more = type & MORE;
	type &= 0x7f;
	if (type == DSM_ETHERNET || type == HASH_ETHERNET) /* bits of a hash of the addresses */
		link_walk_note(w, 12, 2, LINK_SPAN_OTHER);
	w->off += 16;
	while (more) {
		if (!link_walk_has(w, 8))
			return link_walk_short(w, 8);
		more = w->data[w->off] & MORE;
		if (!note_erf_extension(w))
			return LINK_MALFORMED;
		w->off += 8;
	}
	if (type == IPV4 || type == IPV6)
		return link_walk_ip(w, type == IPV4 ? 4 : 6);
	for (size_t i = 0; i < sizeof ethernet; i++) {
		if (type != ethernet[i])
			continue;
		if (!link_walk_has(w, 2))
			return link_walk_short(w, 2);
		w->off += 2; /* padding, so that IP is aligned */
		return link_ether_frame(w);
	}
	return LINK_NOT_IP;
}
