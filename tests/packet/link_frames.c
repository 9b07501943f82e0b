/* SPDX-License-Identifier: BSD-2-Clause */
/* See link_frames.h. No address byte here is zero, so that a blanked one shows. */
#include "packet/link_frames.h"

#include <string.h>

/* Pieces of frames */
#define MAC_A          "\x00\x1b\x21\xa1\xa2\xa3"
#define MAC_B          "\x00\x1b\x21\xb1\xb2\xb3"
#define MAC_C          "\x00\x1b\x21\xc1\xc2\xc3"
#define MACS           MAC_A MAC_B
#define ETH4           MACS "\x08\x00"
#define SNAP4          "\xaa\xaa\x03\x00\x00\x00\x08\x00"
#define SNAP6          "\xaa\xaa\x03\x00\x00\x00\x86\xdd"
#define ZERO4          "\x00\x00\x00\x00"
#define FULL4          "\xf1\xf2\xf3\xf4"
#define FULL16         FULL4 FULL4 FULL4 FULL4
#define FULL64         FULL16 FULL16 FULL16 FULL16
#define WLAN(fc0, fc1) fc0 fc1 "\x00\x00" MACS MAC_C "\x00\x00"
#define WLAN_SPANS(at) MAC((at) + 4), MAC((at) + 10), MAC((at) + 16)
#define BOTTOM         "\x00\x06\x41\x40"

#define MAC(at)                        \
	{                              \
		(at), 6, LINK_SPAN_MAC \
	}
#define MSB(at)                            \
	{                                  \
		(at), 6, LINK_SPAN_MAC_MSB \
	}
#define BARE(at)                            \
	{                                   \
		(at), 6, LINK_SPAN_MAC_BARE \
	}
#define OTHER(at, n)                       \
	{                                  \
		(at), (n), LINK_SPAN_OTHER \
	}
#define NONE                          \
	{                             \
		0, 0, LINK_SPAN_OTHER \
	}
#define PAIR(at) MAC(at), MAC((at) + 6)

#define V(name, linktype, bytes, ...)                     \
	{                                                 \
		name, linktype, bytes, sizeof(bytes) - 1, \
		{                                         \
			__VA_ARGS__                       \
		}                                         \
	}

/* clang-format off */
const struct link_frame link_frames[] = {
	/* Ethernet and its tags */
	V("Ethernet", 1, ETH4, PAIR(0)),
	V("Ethernet, IPv6", 1, MACS "\x86\xdd", PAIR(0)),
	V("Ethernet with FCS length", 0xf0030001u, ETH4, PAIR(0)),
	V("IPv4 group", 1, "\x01\x00\x5e\x7f\xff\xfa" MAC_B "\x08\x00", PAIR(0)),
	V("IPv6 group", 1, "\x33\x33\xff\x0b\x0c\x0d" MAC_B "\x86\xdd", PAIR(0)),
	V("broadcast", 1, "\xff\xff\xff\xff\xff\xff" MAC_B "\x08\x00", PAIR(0)),
	V("802.1Q", 1, MACS "\x81\x00\x60\x05\x08\x00", PAIR(0)),
	V("QinQ", 1, MACS "\x88\xa8\x00\x05\x81\x00\x00\x06\x86\xdd", PAIR(0)),
	V("VN-tag", 1, MACS "\x89\x26\x80\x00\x00\x01\x08\x00", PAIR(0)),
	V("802.1ah", 1, MACS "\x88\xe7\x00\x00\x00\x05" MAC_C MAC_A "\x08\x00", PAIR(0), PAIR(18)),
	V("MetaData", 1, MACS "\x89\x09\x01\x01\x00\x01\x00\x02\x08\x00", PAIR(0)),
	V("HSR", 1, MACS "\x89\x2f\x00\x40\x00\x01\x08\x00", PAIR(0)),
	V("MACsec", 1, MACS "\x88\xe5\x00\x00\x00\x00\x00\x01\x08\x00", PAIR(0)),
	V("MACsec with SCI", 1, MACS "\x88\xe5\x20\x00\x00\x00\x00\x01" MAC_B "\x00\x01\x08\x00",
	    PAIR(0), MAC(20)),
	V("TRILL", 1, MACS "\x22\xf3\x00\x01\x12\x34\x56\x78" ETH4,
	    PAIR(0), OTHER(16, 4), PAIR(20)),
	V("TRILL with options", 1, MACS "\x22\xf3\x00\x41\x12\x34\x56\x78" FULL4 ETH4,
	    PAIR(0), OTHER(16, 8), PAIR(24)),
	V("FabricPath", 1, MACS "\x89\x03\x00\x01" ETH4, PAIR(0), PAIR(16)),
	V("ISL", 1, "\x01\x00\x0c\x00\x00\x01" MAC_B "\x00\x5a\xaa\xaa\x03\x00\x1b\x21" ZERO4
	    "\x00\x00" ETH4, MAC(6), OTHER(17, 3), PAIR(26)),
	V("NSH of type 1", 1, MACS "\x89\x4f\x00\x06\x01\x02\x00\x00\x01\x00" FULL16,
	    PAIR(0), OTHER(22, 16)),
	V("NSH in NSH, Ethernet", 1, MACS "\x89\x4f\x00\x02\x02\x04" ZERO4 "\x00\x03\x02\x03" ZERO4
	    FULL4 ETH4, PAIR(0), OTHER(30, 4), PAIR(34)),
	V("MPLS", 1, MACS "\x88\x47" BOTTOM, PAIR(0)),
	V("pseudo-wire, control word", 1, MACS "\x88\x47" BOTTOM "\x00\x00\x00\x09" ETH4,
	    PAIR(0), PAIR(22)),
	V("pseudo-wire, none", 1, MACS "\x88\x47" BOTTOM ETH4, PAIR(0), BARE(18), BARE(24)),
	V("pseudo-wire, none, inside one", 1, MACS "\x88\x47" BOTTOM ZERO4 MACS "\x88\x47" BOTTOM
	    ETH4, PAIR(0), PAIR(22), BARE(40), BARE(46)),
	/* Blanking or replacing its first group address makes it look bare, unless watched. */
	V("pseudo-wire, LLC, ambiguous", 1, MACS "\x88\x47" BOTTOM ZERO4 "\x33\x33\xff\x01\x02\x03"
	    "\x00\x1b\x08\x00\x02\x03" "\x01\x00" SNAP6, PAIR(0), PAIR(22)),
	V("PPPoE", 1, MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x00\x21", PAIR(0)),
	V("PPPoE, bridged", 1, MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x00\x31\x00\x01" ETH4,
	    PAIR(0), PAIR(24)),
	V("802.3, SNAP", 1, MACS "\x01\x00" SNAP4, PAIR(0)),
	V("802.3, LLC for IP", 1, MACS "\x01\x00\x06\x06\x03", PAIR(0)),
	V("bridging", 1, MACS "\x65\x58" ETH4, PAIR(0), PAIR(14)),
	V("PPPoE frames", 51, "\x11\x00\x00\x07\x01\x00\x00\x21", NONE),
	V("MPLS frames", 219, BOTTOM, NONE),
	V("MPLS frames, none", 219, BOTTOM ETH4, BARE(4), BARE(10)),
	V("netANALYZER", 240, ZERO4 ETH4, PAIR(4)),
	V("netANALYZER, transparent", 241, ZERO4 "\x55\x55\x55\x55\x55\x55\x55\xd5" ETH4, PAIR(12)),
	V("mPacket", 274, "\x55\x55\x55\x55\x55\x55\x55\xd5" ETH4, PAIR(8)),
	V("mPacket without preamble", 274, ETH4, PAIR(0)),
	V("Broadcom", 281, MACS "\x00\x00\x00\x01\x08\x00", PAIR(0)),
	V("Broadcom, before", 282, "\x00\x00\x00\x01" ETH4, PAIR(4)),
	V("Marvell", 284, MACS "\xe0\x10\x05\x39\x08\x00", PAIR(0)),
	V("Marvell with EtherType", 285, MACS "\xda\xda\x00\x00\xe0\x10\x00\x07\x86\xdd", PAIR(0)),
	/* Other networks */
	V("Token Ring", 6, "\x10\x40" MACS SNAP4, MSB(2), MSB(8)),
	V("Token Ring, routed", 6, "\x10\x40" MAC_A "\x80\x1b\x21\xb1\xb2\xb3\x06\x10\x12\x31\x45\x60"
	    SNAP4, MSB(2), MSB(8)),
	V("FDDI", 10, "\x57" MACS SNAP4, MSB(1), MSB(7)),
	V("ARCNET", 7, "\x01\x02\xd4\x00\x00\x01", OTHER(0, 2)),
	V("ARCNET, exception", 7, "\x01\x02\xd4\xff\xff\xff\xd4\x00\x00\x01", OTHER(0, 2)),
	V("ARCNET, RFC 1051", 7, "\x01\x02\xf0", OTHER(0, 2)),
	V("ARCNET of Linux", 129, "\x01\x02\x00\x00\xc4\x01\x00\x01", OTHER(0, 2)),
	V("IP over Fibre Channel", 122, "\x10\x00" MAC_A "\x10\x00" MAC_B SNAP4, OTHER(0, 16)),
	V("IP over InfiniBand", 242, FULL16 FULL16 FULL4 FULL4 "\x08\x00\x00\x00", OTHER(0, 40)),
	V("IP over FireWire", 138, FULL16 "\x86\xdd", OTHER(0, 16)),
	/* 802.11 */
	V("802.11", 105, WLAN("\x08", "\x01") SNAP4, WLAN_SPANS(0)),
	V("802.11, from the system", 105, WLAN("\x08", "\x02") SNAP4, WLAN_SPANS(0)),
	V("802.11, ad hoc", 105, WLAN("\x08", "\x00") SNAP4, WLAN_SPANS(0)),
	V("802.11, four addresses", 105, WLAN("\x08", "\x03") MAC_A SNAP4, WLAN_SPANS(0), MAC(24)),
	V("802.11, QoS and HT", 105, WLAN("\x88", "\x82") "\x00\x00" ZERO4 SNAP6, WLAN_SPANS(0)),
	V("802.11, aggregate", 105, WLAN("\x88", "\x01") "\x80\x00" MACS "\x01\x00" SNAP4,
	    WLAN_SPANS(0), PAIR(26)),
	V("802.11, four addresses, aggregate", 105,
	    WLAN("\x88", "\x03") MAC_B "\x80\x00" MACS "\x01\x00" SNAP4,
	    WLAN_SPANS(0), MAC(24), PAIR(32)),
	V("802.11, mesh", 105, WLAN("\x88", "\x02") "\x00\x01\x00\x05" ZERO4 SNAP4, WLAN_SPANS(0)),
	V("802.11, mesh, 1 more", 105, WLAN("\x88", "\x02") "\x00\x01\x01\x05" ZERO4 MAC_A SNAP4,
	    WLAN_SPANS(0), MAC(32)),
	V("802.11, mesh, 2 more", 105,
	    WLAN("\x88", "\x03") MAC_C "\x00\x01\x02\x05" ZERO4 MACS SNAP4,
	    WLAN_SPANS(0), MAC(24), PAIR(38)),
	V("radiotap", 127, "\x00\x00\x0a\x00\x00\x40\x00\x00\xf1\xf2" WLAN("\x08", "\x01") SNAP4,
	    WLAN_SPANS(10)),
	V("radiotap, padded", 127, "\x00\x00\x1a\x00\x03\x00\x00\x80" ZERO4 ZERO4 FULL4 FULL4
	    "\x20\x00" WLAN("\x88", "\x01") ZERO4 SNAP4, WLAN_SPANS(26)),
	V("radiotap, a vendor's", 127, "\x00\x00\x1e\x00\x03\x00\x00\x40" FULL4 FULL4 "\x20" FULL4
	    FULL4 "\xf1\xf2\xf3\xf4\xf5" WLAN("\x88", "\x01") "\x00\x00\x00\x00" SNAP4,
	    OTHER(17, 13), WLAN_SPANS(30)),
	V("radiotap, a vendor's in the second word", 127, "\x00\x00\x14\x00\x00\x00\x00\x80"
	    "\x00\x00\x00\x40" FULL4 FULL4 WLAN("\x08", "\x01") SNAP4,
	    OTHER(12, 8), WLAN_SPANS(20)),
	V("radiotap, self-describing", 127, "\x00\x00\x10\x00\x00\x00\x00\x10" FULL4 FULL4
	    WLAN("\x08", "\x01") SNAP4, OTHER(8, 8), WLAN_SPANS(16)),
	V("Prism", 119, "\x44\x00\x00\x00\x90\x00\x00\x00" FULL64 FULL64 FULL4 FULL4
	    WLAN("\x08", "\x01") SNAP4, WLAN_SPANS(144)),
	V("Prism, in truth AVS", 119, "\x80\x21\x10\x01\x00\x00\x00\x0c" FULL4 WLAN("\x08", "\x01")
	    SNAP4, WLAN_SPANS(12)),
	V("AVS", 163, "\x80\x21\x10\x01\x00\x00\x00\x40" FULL16 FULL16 FULL16 FULL4 FULL4
	    WLAN("\x08", "\x01") SNAP4, WLAN_SPANS(64)),
	V("AVS, version 2", 163, "\x80\x21\x10\x02\x00\x00\x00\x50" FULL64 MAC_C "\x00\x00"
	    WLAN("\x08", "\x01") SNAP4, MAC(72), WLAN_SPANS(80)),
	V("AVS, longer", 163, "\x80\x21\x10\x02\x00\x00\x00\x54" FULL64 MAC_C "\x00\x00" FULL4
	    WLAN("\x08", "\x01") SNAP4, MAC(72), OTHER(80, 4), WLAN_SPANS(84)),
	/* Serial lines */
	V("SLIP", 8, "\x00\x45\xf1\xf2" FULL4 FULL4 "\xc0\x00\x02\x01", OTHER(2, 14)),
	V("PPP", 9, "\xff\x03\x00\x21", NONE),
	V("PPP, Cisco HDLC", 50, "\x0f\x00\x08\x00", NONE),
	V("PPP, multilink", 9, "\xff\x03\x00\x3d\xc0\x00\x00\x01\x00\x21", NONE),
	V("PPP, bridged with a LAN id", 9, "\xff\x03\x00\x31\x40\x01" FULL4 ETH4, PAIR(10)),
	V("PPP with direction", 204, "\x01\xff\x03\x00\x21", NONE),
	V("PPP of pppd", 166, "\x00\x03\x00\x21", NONE),
	V("Cisco HDLC", 104, "\x8f\x00\x86\xdd", NONE),
	V("Cisco HDLC, bridging", 104, "\x0f\x00\x65\x58" ETH4, PAIR(4)),
	V("Cisco HDLC with direction", 205, "\x00\x0f\x00\x08\x00", NONE),
	V("frame relay", 107, "\x18\x41\x03\xcc", NONE),
	V("frame relay, bridged", 107, "\x18\x41\x03\x00\x80\x00\x80\xc2\x00\x07" ETH4, PAIR(10)),
	V("frame relay with direction", 206, "\x01\x18\x41\x03\xcc", NONE),
	V("ATM", 100, SNAP4, NONE),
	V("ATM, BSD number, bridged", 11, "\xaa\xaa\x03\x00\x80\xc2\x00\x07\x00\x00" ETH4, PAIR(10)),
	V("ATM CLIP, LLC", 106, SNAP4, NONE),
	V("ATM CLIP of Linux", 19, SNAP6, NONE),
	V("SunATM, LLC", 123, "\x82\x00\x00\x20" SNAP4, NONE),
	V("SunATM, LANE", 123, "\x01\x00\x00\x20\x00\x02" ETH4, PAIR(6)),
	V("Juniper Ethernet", 178, "MGC\x01" ETH4, PAIR(4)),
	V("Juniper PPP, extended", 179, "MGC\x81\x00\x03\x01\x01\x01\xff\x03\x00\x21", NONE),
	V("Juniper frame relay", 180, "MGC\x01\x18\x41\x03\xcc", NONE),
	V("Juniper HDLC, no header", 181, "MGC\x03\x06\x00\x00\x00", NONE),
	/* What never was on a wire */
	V("null", 0, "\x02\x00\x00\x00", NONE),
	V("loop", 108, "\x00\x00\x00\x02", NONE),
	V("raw", 101, "", NONE),
	V("raw, 12", 12, "", NONE),
	V("raw, 14", 14, "", NONE),
	V("raw IPv4", 228, "", NONE),
	V("raw IPv6", 229, "", NONE),
	V("enc", 109, "\x02\x00\x00\x00" FULL4 FULL4, NONE),
	V("enc, OpenBSD number", 13, "\x00\x00\x00\x18" FULL4 FULL4, NONE),
	V("pflog of FreeBSD", 117, "\x3d\x02\x00\x00" FULL16 FULL16 FULL16 FULL4 FULL4 FULL4, NONE),
	V("pflog of FreeBSD 14", 117, "\x45\x02\x00\x00" FULL64 FULL4, NONE),
	V("pflog of OpenBSD", 117, "\x64\x02\x00\x00" FULL64 FULL16 FULL16, OTHER(64, 36)),
	V("cooked", 113, "\x00\x00\x00\x01\x00\x06" MAC_A "\xf1\xf2\x08\x00", MAC(6), OTHER(12, 2)),
	V("cooked, tunnel", 113, "\x00\x00\x03\x00\x00\x04\xc0\x00\x02\x01" FULL4 "\x08\x00",
	    OTHER(6, 8)),
	V("cooked, no address", 113, "\x00\x04\xff\xfe\x00\x00" FULL4 FULL4 "\x86\xdd", OTHER(6, 8)),
	V("cooked, InfiniBand", 113, "\x00\x00\x00\x20\x00\x14" FULL4 FULL4 "\x08\x00", OTHER(6, 8)),
	V("cooked, VLAN", 113, "\x00\x00\x00\x01\x00\x06" MAC_A "\x00\x00\x81\x00\x00\x05\x86\xdd",
	    MAC(6), OTHER(12, 2)),
	V("cooked, radiotap", 113, "\x00\x00\x03\x23\x00\x06" MAC_B "\x00\x00\x00\x04\x00\x00\x08\x00"
	    ZERO4 WLAN("\x08", "\x01") SNAP4, MAC(6), OTHER(12, 2), WLAN_SPANS(24)),
	V("cooked, radiotap, all there can be", 113, "\x00\x00\x03\x23\x00\x06" MAC_B "\x00\x00\x00\x04"
	    "\x00\x00\x0c\x00\x00\x00\x00\x40" FULL4 WLAN("\x88", "\x03") MAC_A "\x80\x00" MACS
	    "\x01\x00" SNAP4,
	    MAC(6), OTHER(12, 2), OTHER(24, 4), WLAN_SPANS(28), MAC(52), PAIR(60)),
	V("cooked 2", 276, "\x86\xdd" ZERO4 "\x00\x02\x00\x01\x00\x06" MAC_A "\x00\x00",
	    MAC(12), OTHER(18, 2)),
	V("cooked 2, tunnel", 276, "\x08\x00" ZERO4 "\x00\x02\x03\x00\x00\x04\xc0\x00\x02\x01" FULL4,
	    OTHER(12, 8)),
	V("ipnet", 226, "\x01\x1a" FULL4 FULL16 "\xf1\xf2", NONE),
	V("nflog", 239, "\x02\x00\x00\x05"
	    "\x08\x00\x01\x00\x08\x00\x03\x00"			/* packet header */
	    "\x05\x00\x0a\x00\x61\x00\x00\x00"			/* prefix */
	    "\x10\x00\x08\x00\x00\x06\x00\x00" MAC_A "\xf1\xf2" /* hardware address */
	    "\x08\x00\x0b\x00" FULL4				/* user */
	    "\x12\x00\x10\x00" ETH4 "\x00\x00"			/* hardware header, padded */
	    "\x08\x00\x11\x00\x00\x0e\x00\x00"			/* its length */
	    "\x0c\x00\x12\x00" FULL4 FULL4			/* connection */
	    "\x00\x01\x09\x00",
	    MAC(28), OTHER(34, 2), OTHER(48, 14), OTHER(76, 8)),
	V("nflog, big", 239, "\x0a\x00\x00\x05\x00\x10\x00\x08\x00\x08\x00\x00" FULL4 FULL4
	    "\x01\x00\x00\x09", OTHER(12, 8)),
	V("nflog, short address", 239, "\x02\x00\x00\x05\x0a\x00\x08\x00\x00\x06\x00\x00\xf1\xf2\x00\x00"
	    "\x00\x01\x09\x00", OTHER(8, 6)),
	V("PPI, Ethernet", 192, "\x00\x00\x0c\x00\x01\x00\x00\x00\x08\x00\x00\x00" ETH4, PAIR(12)),
	V("PPI, radio, 802.11", 192, "\x00\x00\x10\x00\x69\x00\x00\x00\x02\x00\x04\x00" FULL4
	    WLAN("\x08", "\x01") SNAP4, WLAN_SPANS(16)),
	V("PPI, radio, place", 192, "\x00\x01\x20\x00\x01\x00\x00\x00\x02\x00\x01\x00\xf1\x00\x00\x00"
	    "\x32\x75\x04\x00" FULL4 "\x02\x00\x04\x00" FULL4 ETH4, OTHER(20, 12), PAIR(32)),
	V("pktap", 258, "\x10\x00\x00\x00\x01\x00\x00\x00\x0c\x00\x00\x00" FULL4, NONE),
	V("pktap, Ethernet", 258, "\x9c\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00" FULL64 FULL64 FULL16
	    ETH4, PAIR(156)),
	V("pktap, longer", 258, "\xa0\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00" FULL64 FULL64 FULL16
	    FULL4 ETH4, OTHER(156, 4), PAIR(160)),
	V("ERF, Ethernet", 197, FULL4 FULL4 "\x02\x00" ZERO4 "\x00\x00" "\x00\x00" ETH4,
	    PAIR(18)),
	V("ERF, hash, headers", 197, FULL4 FULL4 "\x94\x00\x00\x00\xf1\xf2\x00\x00"
	    "\x83\x00" FULL4 "\xf1\xf2" "\x90\x01" FULL4 "\xf1\xf2" "\x11\x01" FULL4 "\xf1\xf2"
	    "\x00\x00" ETH4, OTHER(12, 2), OTHER(25, 7), OTHER(33, 7), PAIR(42)),
	V("ERF, IPv6", 197, FULL4 FULL4 "\x17\x00\x00\x00\xf1\xf2\x00\x00", NONE),
};
/* clang-format on */
const size_t link_frames_count = sizeof(link_frames) / sizeof(link_frames[0]);

unsigned int link_frames_spans(const struct link_frame *f)
{
	unsigned int n = 0;

	while (n < LINK_FRAMES_SPANS && f->spans[n].len > 0)
		n++;
	return n;
}

void link_frames_make(const struct link_frame *f, uint8_t *buf, struct packet *ret_packet)
{
	memcpy(buf, f->bytes, f->size);
	memset(buf + f->size, 0, LINK_FRAMES_IP);
	buf[f->size] = 0x45;
	*ret_packet = (struct packet){.caplen = f->size + LINK_FRAMES_IP,
	    .origlen = f->size + LINK_FRAMES_IP,
	    .linktype = f->linktype,
	    .data = buf};
}
