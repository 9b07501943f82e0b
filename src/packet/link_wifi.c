/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wireless LAN frames. Only data frames that are not encrypted carry IP that can be read. Of an
 * aggregate (A-MSDU) the first subframe counts, as the first IP header of a frame does everywhere;
 * a later fragment of an 802.11 frame begins in the middle of something and is not IP to us.
 */
#include "packet/link_ether.h"
#include "packet/link_wifi.h"

/* The frame control field, IEEE 802.11-2020 9.2.4.1, in the order of its bytes */
enum {
	FC_VERSION = 0x03,
	FC_TYPE = 0x0c,
	FC_DATA = 0x08,
	FC_NULL = 0x40, /* a data frame without data */
	FC_QOS = 0x80,
	FC1_BOTH_DS = 0x03, /* four addresses */
	FC1_PROTECTED = 0x40,
	FC1_ORDER = 0x80 /* with QoS: an HT control field follows */
};

enum { QOS_AMSDU = 0x80, QOS1_MESH = 0x01 };

/* The first subframe of an aggregate: two addresses, a length, LLC (9.3.2.2.2) */
static enum link_result amsdu(struct link_walk *w)
{
	uint16_t length;

	if (!link_walk_has(w, 14))
		return link_walk_short(w, 14);
	length = link_walk_be16(w, 12);
	link_walk_note_pair(w, 0, LINK_SPAN_MAC);
	w->off += 14;
	link_walk_bound(w, length);
	return link_ether_llc(w);
}

/*
 * LLC behind a mesh control field: flags, time to live, sequence (4), up to two more addresses
 * (9.2.4.8.3). Outside a mesh the QoS bit that announces it means something else; then LLC follows
 * at once, whose first byte is never so small.
 */
static enum link_result mesh(struct link_walk *w)
{
	enum { ADDRESSES_MAX = 2 };
	uint32_t size;

	if (w->off == w->end)
		return LINK_NOT_IP;
	if (!link_walk_has(w, 1))
		return link_walk_short(w, 1);
	if (w->data[w->off] > ADDRESSES_MAX)
		return link_ether_llc(w);
	size = 6 + 6u * w->data[w->off];
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	for (uint32_t at = 6; at < size; at += 6)
		link_walk_note(w, at, 6, LINK_SPAN_MAC);
	w->off += size;
	return link_ether_llc(w);
}

/* Receiver, transmitter, a third and a fourth, whatever they mean in this direction (9.3.2.1.2) */
static void note_addresses(struct link_walk *w)
{
	link_walk_note_pair(w, 4, LINK_SPAN_MAC);
	link_walk_note(w, 16, 6, LINK_SPAN_MAC);
	if ((w->data[w->off + 1] & FC1_BOTH_DS) == FC1_BOTH_DS)
		link_walk_note(w, 24, 6, LINK_SPAN_MAC);
}

/* A frame whose header is padded to a multiple of `align` bytes */
static enum link_result frame(struct link_walk *w, uint32_t align)
{
	const uint8_t *fc = w->data + w->off;
	uint32_t size = 24, qos_at;

	if (!link_walk_has(w, 2))
		return link_walk_short(w, 2);
	if ((fc[0] & FC_VERSION) != 0 || (fc[0] & FC_TYPE) != FC_DATA || (fc[0] & FC_NULL) != 0)
		return LINK_NOT_IP;
	if (fc[1] & FC1_PROTECTED)
		return LINK_NOT_IP;
	if ((fc[1] & FC1_BOTH_DS) == FC1_BOTH_DS)
		size += 6;
	qos_at = size;
	if (fc[0] & FC_QOS)
		size += fc[1] & FC1_ORDER ? 6 : 2;
	size = (size + align - 1) / align * align;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (fc[22] & 0x0f) /* fragment number */
		return LINK_NOT_IP;
	note_addresses(w);
	w->off += size;
	if ((fc[0] & FC_QOS) == 0)
		return link_ether_llc(w);
	if (fc[qos_at] & QOS_AMSDU)
		return amsdu(w);
	return fc[qos_at + 1] & QOS1_MESH ? mesh(w) : link_ether_llc(w);
}

enum link_result link_wifi_80211(struct link_walk *w)
{
	return frame(w, 1);
}

/* The first byte of "present" bits in a radiotap header: its first two fields */
enum { RADIOTAP_TSFT = 0x01, RADIOTAP_FLAGS = 0x02 };

/* Where the flags of a radiotap header are, or would be; maybe behind its end */
static uint32_t radiotap_flags_at(const uint8_t *header, uint32_t size)
{
	uint32_t at = 4;

	while (at + 4 <= size && header[at + 3] & 0x80) /* another word of "present" bits */
		at += 4;
	at += 4;
	return header[4] & RADIOTAP_TSFT ? (at + 7) / 8 * 8 + 8 : at;
}

/* Does the radiotap header of `size` bytes say that the 802.11 header is padded to four bytes? */
static bool is_padded(const uint8_t *header, uint32_t size)
{
	enum { DATA_PAD = 0x20 };
	uint32_t at;

	if ((header[4] & RADIOTAP_FLAGS) == 0)
		return false;
	at = radiotap_flags_at(header, size);
	return at < size && (header[at] & DATA_PAD) != 0;
}

/*
 * No field of radiotap is an address. But where a vendor's own fields (bit 30), or fields that name
 * their types themselves (bit 28), may be among them, none is sure but the flags.
 */
static void note_radiotap(struct link_walk *w, uint32_t size)
{
	enum { UNKNOWN = 0x50, MORE = 0x80 };
	const uint8_t *header = w->data + w->off;
	uint8_t present = 0;
	uint32_t at = 4;

	do {
		present |= header[at + 3];
		at += 4;
	} while (header[at - 1] & MORE && at + 4 <= size);
	at = radiotap_flags_at(header, size) + (header[4] & RADIOTAP_FLAGS ? 1 : 0);
	if (present & UNKNOWN && at < size)
		link_walk_note(w, at, size - at, LINK_SPAN_OTHER);
}

enum link_result link_wifi_radiotap(struct link_walk *w)
{
	uint32_t size;
	bool padded;

	if (!link_walk_has(w, 8))
		return link_walk_short(w, 8);
	size = link_walk_le16(w, 2);
	if (size < 8)
		return LINK_MALFORMED;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	padded = is_padded(w->data + w->off, size);
	if (w->notes != NULL)
		note_radiotap(w, size);
	w->off += size;
	return frame(w, padded ? 4 : 1);
}

/* Since version 2 the receiver's address is in it; what a later one may add is not known. */
enum link_result link_wifi_avs(struct link_walk *w)
{
	enum { RECEIVER = 72, KNOWN = 80 };
	uint32_t size;

	if (!link_walk_has(w, 8))
		return link_walk_short(w, 8);
	size = link_walk_be32(w, 4);
	if (size < 8)
		return LINK_MALFORMED;
	if (!link_walk_has(w, size))
		return link_walk_short(w, size);
	if (size >= KNOWN) {
		link_walk_note(w, RECEIVER, 6, LINK_SPAN_MAC);
		link_walk_note(w, KNOWN, size - KNOWN, LINK_SPAN_OTHER);
	}
	w->off += size;
	return frame(w, 1);
}

/* A header of fixed size, or AVS: some drivers wrote that under the same link type. */
enum link_result link_wifi_prism(struct link_walk *w)
{
	enum { PRISM_SIZE = 144, AVS_COOKIE = 0x80211 };

	if (!link_walk_has(w, 4))
		return link_walk_short(w, 4);
	if (link_walk_be32(w, 0) >> 12 == AVS_COOKIE)
		return link_wifi_avs(w);
	if (!link_walk_has(w, PRISM_SIZE))
		return link_walk_short(w, PRISM_SIZE);
	w->off += PRISM_SIZE;
	return frame(w, 1);
}
