/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/link: a vector for each link type and tag, each met whole, cut at every length,
 * and with bytes changed at random. Frames lie in memory of their exact size, so that the address
 * sanitizer sees a single byte too many.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/link.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Pieces of frames */
#define MACS           "\x00\x1b\x21\x01\x02\x03\x00\x1b\x21\x04\x05\x06"
#define ETH4           MACS "\x08\x00"
#define SNAP4          "\xaa\xaa\x03\x00\x00\x00\x08\x00"
#define SNAP6          "\xaa\xaa\x03\x00\x00\x00\x86\xdd"
#define ZERO4          "\x00\x00\x00\x00"
#define ZERO16         ZERO4 ZERO4 ZERO4 ZERO4
#define WLAN(fc0, fc1) fc0 fc1 "\x00\x00" MACS "\x00\x1b\x21\x07\x08\x09\x00\x00"
#define VLAN4          "\x81\x00\x00\x05\x81\x00\x00\x05\x81\x00\x00\x05\x81\x00\x00\x05"
#define LABEL          "\x00\x06\x40\x40"
#define BOTTOM         "\x00\x06\x41\x40"
#define LABEL4         LABEL LABEL LABEL LABEL

/* A header, and how many bytes behind it have to be seen as well (MPLS names no payload) */
struct vector {
	const char *name;
	uint32_t linktype;
	const char *bytes;
	uint32_t size;
	uint32_t ahead;
	uint8_t family;
};

#define VA(name, linktype, bytes, ahead, family)                        \
	{                                                               \
		name, linktype, bytes, sizeof(bytes) - 1, ahead, family \
	}
#define V(name, linktype, bytes, family) VA(name, linktype, bytes, 0, family)

/* clang-format off */
static const struct vector leads_to_ip[] = {
	V("null, little", 0, "\x02\x00\x00\x00", 4),
	V("null, big", 0, "\x00\x00\x00\x02", 4),
	V("null, NetBSD", 0, "\x18\x00\x00\x00", 6),
	V("null, FreeBSD big", 0, "\x00\x00\x00\x1c", 6),
	V("null, Darwin", 0, "\x1e\x00\x00\x00", 6),
	V("null, Linux", 0, "\x0a\x00\x00\x00", 6),
	V("null, EtherType", 0, "\x00\x08\x00\x00", 4),
	V("null, PPP", 0, "\xff\x03\x00\x21", 4),
	V("loop", 108, "\x00\x00\x00\x02", 4),
	V("loop, IPv6", 108, "\x00\x00\x00\x18", 6),
	V("Ethernet", 1, ETH4, 4),
	V("Ethernet, IPv6", 1, MACS "\x86\xdd", 6),
	V("802.1Q", 1, MACS "\x81\x00\x60\x05\x08\x00", 4),
	V("802.1ad", 1, MACS "\x88\xa8\x00\x05\x81\x00\x00\x06\x86\xdd", 6),
	V("old QinQ", 1, MACS "\x91\x00\x00\x05\x92\x00\x00\x06\x08\x00", 4),
	V("sixteen VLAN tags", 1, MACS VLAN4 VLAN4 VLAN4 VLAN4 "\x08\x00", 4),
	V("VN-tag", 1, MACS "\x89\x26\x80\x00\x00\x01\x81\x00\x00\x05\x08\x00", 4),
	V("802.1ah", 1, MACS "\x88\xe7\x00\x00\x00\x05" MACS "\x08\x00", 4),
	V("MetaData", 1, MACS "\x89\x09\x01\x01\x00\x01\x00\x02\x08\x00", 4),
	V("HSR", 1, MACS "\x89\x2f\x00\x40\x00\x01\x08\x00", 4),
	V("MACsec in the clear", 1, MACS "\x88\xe5\x00\x00\x00\x00\x00\x01\x08\x00", 4),
	V("MACsec with SCI", 1,
	    MACS "\x88\xe5\x20\x00\x00\x00\x00\x01\x00\x1b\x21\x04\x05\x06\x00\x01\x08\x00", 4),
	V("TRILL with options", 1, MACS "\x22\xf3\x00\x41\x00\x02\x00\x03" ZERO4 ETH4, 4),
	V("FabricPath", 1, MACS "\x89\x03\x00\x01" ETH4, 4),
	V("ISL", 1,
	    "\x01\x00\x0c\x00\x00\x01\x00\x1b\x21\x04\x05\x06\x00\x5a" ZERO4 ZERO4 ZERO4 ETH4,
	    4),
	V("NSH", 1, MACS "\x89\x4f\x00\x02\x02\x01\x00\x00\x01\x00", 4),
	V("NSH type 1, IPv6", 1, MACS "\x89\x4f\x00\x06\x01\x02\x00\x00\x01\x00" ZERO16, 6),
	V("NSH in NSH, Ethernet", 1,
	    MACS "\x89\x4f\x00\x02\x02\x04" ZERO4 "\x00\x02\x02\x03" ZERO4 ETH4, 4),
	VA("MPLS", 1, MACS "\x88\x47" BOTTOM, 1, 4),
	VA("MPLS, IPv6", 1, MACS "\x88\x48" LABEL BOTTOM, 1, 6),
	VA("sixteen labels", 1,
	    MACS "\x88\x47" LABEL4 LABEL4 LABEL4 LABEL LABEL LABEL BOTTOM, 1, 4),
	V("pseudo-wire, control word", 1, MACS "\x88\x47" BOTTOM "\x00\x00\x00\x09" ETH4, 4),
	VA("pseudo-wire, none", 1, MACS "\x88\x47" BOTTOM ETH4, 4, 4),
	V("MPLS under VLAN, MPLS, PW, VLAN", 1,
	    MACS "\x81\x00\x00\x05\x88\x47" LABEL BOTTOM ZERO4 MACS
	    "\x88\xa8\x00\x06\x08\x00", 4),
	V("PPPoE", 1, MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x00\x21", 4),
	V("PPPoE, IPv6", 1, MACS "\x81\x00\x00\x05\x88\x64\x11\x00\x00\x07\x01\x00\x00\x57", 6),
	V("PPPoE, compressed id", 1, MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x21", 4),
	VA("PPPoE, MPLS", 1, MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x02\x81" BOTTOM, 1, 4),
	V("PPPoE, multilink", 1,
	    MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x00\x3d\xc0\x00\x00\x01\x00\x21", 4),
	V("PPPoE, bridged", 1, MACS "\x88\x64\x11\x00\x00\x07\x01\x00\x00\x31\x00\x01" ETH4, 4),
	V("bridged with a LAN id", 9, "\xff\x03\x00\x31\x40\x01" ZERO4 ETH4, 4),
	V("802.3, SNAP", 1, MACS "\x01\x00" SNAP4, 4),
	V("802.3, SNAP, IPv6", 1, MACS "\x01\x00" SNAP6, 6),
	V("802.3, 802.1H", 1, MACS "\x01\x00\xaa\xaa\x03\x00\x00\xf8\x08\x00", 4),
	V("802.3, numbered", 1, MACS "\x01\x00\xaa\xaa\x00\x00\x00\x00\x00\x08\x00", 4),
	V("802.3, LLC for IP", 1, MACS "\x01\x00\x06\x06\x03", 4),
	V("802.3, NLPID", 1, MACS "\x01\x00\xfe\xfe\x03\xcc", 4),
	V("VLAN, length, SNAP, VLAN", 1,
	    MACS "\x81\x00\x00\x05\x01\x00\xaa\xaa\x03\x00\x00\x00\x81\x00\x00\x06\x08\x00", 4),
	V("bridging", 1, MACS "\x65\x58" ETH4, 4),
	V("Token Ring", 6, "\x10\x40" MACS SNAP4, 4),
	V("Token Ring, routed", 6,
	    "\x10\x40\x00\x1b\x21\x01\x02\x03\x80\x1b\x21\x04\x05\x06\x06\x10\x00\x01\x00\x02"
	    SNAP4, 4),
	V("ARCNET, RFC 1201", 7, "\x01\x02\xd4\x00\x00\x01", 4),
	V("ARCNET, exception", 7, "\x01\x02\xd4\xff\xff\xff\xd4\x00\x00\x01", 4),
	V("ARCNET, RFC 1051", 7, "\x01\x02\xf0", 4),
	V("ARCNET, IPv6", 7, "\x01\x02\xc4\x00\x00\x01", 6),
	V("ARCNET of Linux", 129, "\x01\x02\x00\x00\xd4\x01\x00\x01", 4),
	V("SLIP", 8, "\x00\x40" ZERO4 ZERO4 ZERO4 "\x00\x00", 0),
	V("PPP, framed", 9, "\xff\x03\x00\x21", 4),
	V("PPP, bare", 9, "\x00\x57", 6),
	V("PPP, Cisco HDLC", 50, "\x0f\x00\x08\x00", 4),
	V("PPP_HDLC", 50, "\xff\x03\x00\x57", 6),
	V("PPPoE frames", 51, "\x11\x00\x00\x07\x01\x00\x00\x21", 4),
	V("PPP with direction", 204, "\x01\xff\x03\x00\x21", 4),
	V("PPP of pppd", 166, "\x00\x03\x00\x21", 4),
	V("Cisco HDLC", 104, "\x8f\x00\x86\xdd", 6),
	VA("Cisco HDLC, MPLS", 104, "\x0f\x00\x88\x47" BOTTOM, 1, 4),
	V("Cisco HDLC with direction", 205, "\x00\x0f\x00\x08\x00", 4),
	V("frame relay", 107, "\x18\x41\x03\xcc", 4),
	V("frame relay, padded", 107, "\x18\x41\x03\x00\xcc", 4),
	V("frame relay, IPv6", 107, "\x18\x40\x01\x03\x8e", 6),
	V("frame relay, SNAP", 107, "\x18\x40\x00\x41\x03\x00\x80\x00\x00\x00\x08\x00", 4),
	V("frame relay, bridged", 107, "\x18\x41\x03\x00\x80\x00\x80\xc2\x00\x07" ETH4, 4),
	V("frame relay, PPP", 107, "\x18\x41\x03\xcf\x00\x21", 4),
	V("frame relay, Cisco", 107, "\x18\x41\x08\x00", 4),
	V("frame relay with direction", 206, "\x01\x18\x41\x03\xcc", 4),
	V("FDDI", 10, "\x57" MACS SNAP4, 4),
	V("ATM", 100, SNAP4, 4),
	V("ATM, BSD number", 11, SNAP6, 6),
	V("ATM, bridged", 100, "\xaa\xaa\x03\x00\x80\xc2\x00\x07\x00\x00" ETH4, 4),
	V("ATM, PPP", 100, "\xfe\xfe\x03\xcf\x00\x21", 4),
	V("ATM CLIP, LLC", 106, SNAP4, 4),
	V("SunATM, LLC", 123, "\x82\x00\x00\x20" SNAP4, 4),
	V("SunATM, LANE", 123, "\x01\x00\x00\x20\x00\x02" ETH4, 4),
	V("raw, any", 101, "", 0),
	V("raw, 12", 12, "", 0),
	V("raw, 14", 14, "", 0),
	V("raw IPv4", 228, "", 4),
	V("raw IPv6", 229, "", 6),
	V("enc", 109, "\x02\x00\x00\x00" ZERO4 ZERO4, 4),
	V("enc, big, OpenBSD number", 13, "\x00\x00\x00\x18" ZERO4 ZERO4, 6),
	V("pflog", 117, "\x11\x02" ZERO16 "\x00\x00", 4),
	V("cooked", 113, "\x00\x00\x00\x01\x00\x06" ZERO4 ZERO4 "\x08\x00", 4),
	V("cooked, LLC", 113, "\x00\x00\x00\x01\x00\x06" ZERO4 ZERO4 "\x00\x04" SNAP4, 4),
	V("cooked, VLAN", 113,
	    "\x00\x00\x00\x01\x00\x06" ZERO4 ZERO4 "\x81\x00\x00\x05\x86\xdd", 6),
	V("cooked, radiotap", 113,
	    "\x00\x00\x03\x23\x00\x06" ZERO4 ZERO4 "\x00\x04\x00\x00\x08\x00" ZERO4 WLAN("\x08",
	    "\x01") SNAP4, 4),
	V("cooked 2", 276, "\x86\xdd" ZERO4 "\x00\x02\x00\x01" ZERO4 ZERO4 "\x00\x00", 6),
	V("cooked 2, VLAN", 276,
	    "\x88\xa8" ZERO4 "\x00\x02\x00\x01" ZERO4 ZERO4 "\x00\x00\x00\x05\x08\x00", 4),
	V("802.11", 105, WLAN("\x08", "\x01") SNAP4, 4),
	V("802.11, four addresses", 105, WLAN("\x08", "\x03") ZERO4 "\x00\x00" SNAP4, 4),
	V("802.11, QoS", 105, WLAN("\x88", "\x02") "\x00\x00" SNAP6, 6),
	V("802.11, QoS and HT", 105, WLAN("\x88", "\x82") "\x00\x00" ZERO4 SNAP4, 4),
	V("802.11, aggregate", 105, WLAN("\x88", "\x01") "\x80\x00" MACS "\x01\x00" SNAP4, 4),
	V("802.11, mesh", 105,
	    WLAN("\x88", "\x02") "\x00\x01\x01\x05" ZERO4 ZERO4 "\x00\x00" SNAP4, 4),
	V("802.11, QoS like mesh", 105, WLAN("\x88", "\x02") "\x00\x01" SNAP4, 4),
	V("radiotap", 127,
	    "\x00\x00\x0a\x00\x00\x40\x00\x00\x00\x00" WLAN("\x08", "\x01") SNAP4, 4),
	V("radiotap, padded", 127,
	    "\x00\x00\x1a\x00\x03\x00\x00\x80" ZERO4 ZERO4 ZERO4 ZERO4 "\x20\x00" WLAN("\x88",
	    "\x01") ZERO4 SNAP4, 4),
	V("Prism", 119,
	    "\x44" ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO4 ZERO4 ZERO4
	    "\x00\x00\x00" WLAN("\x08", "\x01") SNAP4, 4),
	V("Prism, in truth AVS", 119,
	    "\x80\x21\x10\x01\x00\x00\x00\x0c" ZERO4 WLAN("\x08", "\x01") SNAP4, 4),
	V("AVS", 163, "\x80\x21\x10\x01\x00\x00\x00\x10" ZERO4 ZERO4 WLAN("\x08", "\x01") SNAP4, 4),
	V("PPI, Ethernet", 192, "\x00\x00\x0c\x00\x01\x00\x00\x00" ZERO4 ETH4, 4),
	V("PPI, 802.11", 192, "\x00\x00\x08\x00\x69\x00\x00\x00" WLAN("\x08", "\x01") SNAP4, 4),
	V("pktap", 258, "\x10\x00\x00\x00\x01\x00\x00\x00\x0c\x00\x00\x00" ZERO4, 0),
	V("ERF, Ethernet", 197,
	    ZERO4 ZERO4 "\x82\x00" ZERO4 "\x00\x00\x80" ZERO4 "\x00\x00\x00\x00" ZERO4
	    "\x00\x00\x00\x00\x00" ETH4, 4),
	V("ERF, IPv6", 197, ZERO4 ZERO4 "\x17\x00" ZERO4 "\x00\x00", 6),
	V("IP over Fibre Channel", 122, ZERO16 SNAP4, 4),
	V("IP over InfiniBand", 242, ZERO16 ZERO16 ZERO4 ZERO4 "\x08\x00\x00\x00", 4),
	V("IP over FireWire", 138, ZERO16 "\x86\xdd", 6),
	VA("MPLS frames", 219, LABEL BOTTOM, 1, 4),
	V("ipnet", 226, "\x01\x1a" ZERO16 ZERO4 "\x00\x00", 6),
	V("nflog", 239, "\x02\x00\x00\x05\x05\x00\x0a\x00\x61\x00\x00\x00\x00\x01\x09\x00", 4),
	V("nflog, big", 239, "\x0a\x00\x00\x05\x00\x08\x00\x01" ZERO4 "\x01\x00\x00\x09", 6),
	V("nflog, no family", 239, "\x00\x00\x00\x05\x00\x01\x09\x00", 0),
	V("netANALYZER", 240, ZERO4 ETH4, 4),
	V("netANALYZER, transparent", 241, ZERO4 "\x55\x55\x55\x55\x55\x55\x55\xd5" ETH4, 4),
	V("mPacket", 274, "\x55\x55\x55\x55\x55\x55\x55\xd5" ETH4, 4),
	V("mPacket without preamble", 274, ETH4, 4),
	V("Broadcom", 281, MACS "\x00\x00\x00\x01\x08\x00", 4),
	V("Broadcom, before", 282, "\x00\x00\x00\x01" ETH4, 4),
	V("Marvell", 284, MACS "\xc0\x10\x05\x39\x08\x00", 4),
	V("Marvell with EtherType", 285, MACS "\xda\xda\x00\x00\xe0\x10\x00\x07\x86\xdd", 6),
	V("Juniper Ethernet", 178, "MGC\x01" ETH4, 4),
	V("Juniper PPP, extended", 179, "MGC\x81\x00\x03\x01\x01\x01\xff\x03\x00\x21", 4),
	V("Juniper frame relay", 180, "MGC\x01\x18\x41\x03\xcc", 4),
	V("Juniper HDLC, no header", 181, "MGC\x03\x06\x00\x00\x00", 6),
};

/* What these frames hold is not IP, whatever follows. */
static const struct vector is_not_ip[] = {
	V("ARP", 1, MACS "\x08\x06", 0),
	V("LLDP", 1, MACS "\x88\xcc", 0),
	V("PPPoE discovery", 1, MACS "\x88\x63\x11\x09\x00\x00\x00\x04", 0),
	V("neither length nor type", 1, MACS "\x05\xdd" SNAP4, 0),
	V("empty 802.3", 1, MACS "\x00\x00", 0),
	V("Novell", 1, MACS "\x01\x00\xff\xff\x00", 0),
	V("spanning tree", 1, MACS "\x00\x26\x42\x42\x03", 0),
	V("LLC test", 1, MACS "\x01\x00\xaa\xaa\xe3\x00\x00\x00\x08\x00", 0),
	V("foreign OUI", 1, MACS "\x01\x00\xaa\xaa\x03\x00\x00\x0c\x08\x00", 0),
	V("SNAP, a length", 1, MACS "\x01\x00\xaa\xaa\x03\x00\x00\x00\x01\x00", 0),
	V("bridged Token Ring", 1, MACS "\x01\x00\xaa\xaa\x03\x00\x80\xc2\x00\x09", 0),
	V("MACsec, encrypted", 1,
	    MACS "\x88\xe5\x2c\x00\x00\x00\x00\x01" ZERO4 ZERO4 "\x08\x00", 0),
	V("MPLS, channel", 1, MACS "\x88\x47\x00\x00\xd1\x40\x10\x00\x00\x21", 0),
	V("MPLS, OAM", 1, MACS "\x88\x47\x00\x00\xe1\x40\x45", 0),
	V("MPLS, unknown", 1, MACS "\x88\x47" BOTTOM "\xa4", 0),
	V("pseudo-wire, ARP", 1, MACS "\x88\x47" BOTTOM ZERO4 MACS "\x08\x06", 0),
	V("NSH, unknown", 1, MACS "\x89\x4f\x00\x02\x02\x09" ZERO4, 0),
	V("PPP, LCP", 9, "\xff\x03\xc0\x21", 0),
	V("PPP, later fragment", 9, "\xff\x03\x00\x3d\x40\x00\x00\x01\x00\x21", 0),
	V("PPP, bridged FDDI", 9, "\xff\x03\x00\x31\x00\x04" ETH4, 0),
	V("frame relay, signalling", 107, "\x00\x01\x08\x00", 0),
	V("frame relay, CLNP", 107, "\x18\x41\x03\x81", 0),
	V("FDDI, SMT", 10, "\x41" MACS SNAP4, 0),
	V("Token Ring, MAC", 6, "\x10\x00" MACS SNAP4, 0),
	V("ARCNET, ARP", 7, "\x01\x02\xd5\x00\x00\x01", 0),
	V("ARCNET, later part", 7, "\x01\x02\xd4\x02\x00\x01", 0),
	V("null, AppleTalk", 0, "\x10\x00\x00\x00", 0),
	V("loop, swapped", 108, "\x02\x00\x00\x00", 0),
	V("cooked, netlink", 113, "\x00\x00\x03\x38\x00\x06" ZERO4 ZERO4 "\x08\x00", 0),
	V("cooked, Novell", 113, "\x00\x00\x00\x01\x00\x06" ZERO4 ZERO4 "\x00\x01", 0),
	V("802.11, beacon", 105, WLAN("\x80", "\x00") SNAP4, 0),
	V("802.11, acknowledgement", 105, WLAN("\xd4", "\x00") SNAP4, 0),
	V("802.11, null", 105, WLAN("\x48", "\x01") SNAP4, 0),
	V("802.11, QoS null", 105, WLAN("\xc8", "\x01") "\x00\x00" SNAP4, 0),
	V("802.11, encrypted", 105, WLAN("\x08", "\x41") SNAP4, 0),
	V("802.11, version 1", 105, WLAN("\x09", "\x01") SNAP4, 0),
	V("802.11, later fragment", 105,
	    "\x08\x01\x00\x00" MACS "\x00\x1b\x21\x07\x08\x09\x01\x00" SNAP4, 0),
	V("mPacket, continued", 274, "\x55\x55\x55\x55\x55\x55\x61\xe6" ETH4, 0),
	V("pktap, no packet", 258, "\x0c\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00" ETH4, 0),
	V("nflog, bridge", 239, "\x07\x00\x00\x05\x00\x01\x09\x00", 0),
	V("ERF, ATM", 197, ZERO4 ZERO4 "\x03\x00" ZERO4 "\x00\x00", 0),
	V("SunATM, ILMI", 123, "\x05\x00\x00\x20" SNAP4, 0),
	V("USB", 189, "\x08\x00\x45", 0),
	V("Bluetooth", 201, "\x08\x00\x45", 0),
	V("802.15.4", 195, "\x08\x00\x45", 0),
};

/* These contradict themselves, or nest beyond the bound. */
static const struct vector is_malformed[] = {
	V("seventeen VLAN tags", 1, MACS VLAN4 VLAN4 VLAN4 VLAN4 "\x81\x00\x00\x05\x08\x00", 0),
	V("too many labels", 219, LABEL4 LABEL4 LABEL4 LABEL4 LABEL BOTTOM, 0),
	V("NSH of one word", 1, MACS "\x89\x4f\x00\x01\x02\x01" ZERO4, 0),
	V("PPPoE, length 1", 1, MACS "\x88\x64\x11\x00\x00\x07\x00\x01\x00\x21", 0),
	V("802.3, length 5", 1, MACS "\x00\x05" SNAP4, 0),
	V("radiotap of 7 bytes", 127, "\x00\x00\x07\x00" ZERO4 WLAN("\x08", "\x01") SNAP4, 0),
	V("AVS of 7 bytes", 163, "\x80\x21\x10\x01\x00\x00\x00\x07" WLAN("\x08", "\x01") SNAP4, 0),
	V("AVS of 4 GiB", 163, "\x80\x21\x10\x01\xff\xff\xff\xff" WLAN("\x08", "\x01") SNAP4, 0),
	V("PPI of 7 bytes", 192, "\x00\x00\x07\x00\x01\x00\x00\x00" ETH4, 0),
	V("pktap of 11 bytes", 258, "\x0b\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00" ETH4, 0),
	V("nflog, attribute of 3", 239, "\x02\x00\x00\x05\x03\x00\x01\x00" ZERO4, 0),
	V("pflog of no length", 117, "\x00\x02", 0),
	V("Token Ring, odd route", 6,
	    "\x10\x40\x00\x1b\x21\x01\x02\x03\x80\x1b\x21\x04\x05\x06\x05\x10\x00\x01\x00" SNAP4,
	    0),
	V("frame relay, no address end", 107, "\x18\x40\x00\x40\x02\x03\xcc", 0),
	V("frame relay, short address", 107, "\x19\x41\x03\xcc", 0),
	V("Juniper, no cookie", 178, "XYZ\x01" ETH4, 0),
};
/* clang-format on */

static uint32_t random_state;

/* xorshift32: the same numbers in every run */
static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

/* The header and an IP packet's first bytes; to be freed. */
static uint8_t *build(const struct vector *v, uint32_t *ret_size)
{
	uint8_t *frame = malloc(v->size + 40);

	ck_assert_ptr_nonnull(frame);
	memcpy(frame, v->bytes, v->size);
	memset(frame + v->size, 0, 40);
	frame[v->size] = v->family == 6 ? 0x60 : 0x45;
	*ret_size = v->size + 40;
	return frame;
}

/* Decodes a copy of n bytes that lies in exactly n bytes of memory. */
static enum link_result decode(
    uint32_t linktype, const uint8_t *frame, uint32_t n, uint32_t origlen, struct link *ret_link)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct packet p = {.caplen = n, .origlen = origlen, .linktype = linktype};
	enum link_result result;

	ck_assert_ptr_nonnull(copy);
	if (n > 0)
		memcpy(copy, frame, n);
	p.data = copy + (n > 0 ? 0 : 1); /* nothing may be read at all */
	result = link_decode(&p, ret_link);
	free(copy);
	return result;
}

static enum link_result decode_vector(const struct vector *v, struct link *ret_link)
{
	uint32_t size;
	uint8_t *frame = build(v, &size);
	enum link_result result = decode(v->linktype, frame, size, size, ret_link);

	free(frame);
	return result;
}

static void assert_leads_to_ip(const struct vector *v)
{
	struct link link;

	ck_assert_msg(decode_vector(v, &link) == LINK_IP, "%s", v->name);
	ck_assert_msg(link.net_off == v->size, "%s: at %u", v->name, link.net_off);
	ck_assert_msg(link.family == v->family, "%s: family %u", v->name, link.family);
	ck_assert_msg(link.end_off > link.net_off, "%s: ends at %u", v->name, link.end_off);
	ck_assert(link_known(v->linktype));
}

START_TEST(a_known_header_leads_to_ip)
{
	for (size_t i = 0; i < COUNT(leads_to_ip); i++)
		assert_leads_to_ip(&leads_to_ip[i]);
}
END_TEST

static void assert_is_not_ip(const struct vector *v)
{
	struct link link;
	enum link_result result = decode_vector(v, &link);

	ck_assert_msg(result == LINK_NOT_IP, "%s: %d", v->name, (int)result);
}

START_TEST(what_carries_no_ip_is_not_ip)
{
	for (size_t i = 0; i < COUNT(is_not_ip); i++)
		assert_is_not_ip(&is_not_ip[i]);
}
END_TEST

static void assert_is_malformed(const struct vector *v)
{
	struct link link;
	enum link_result result = decode_vector(v, &link);

	ck_assert_msg(result == LINK_MALFORMED, "%s: %d", v->name, (int)result);
}

START_TEST(what_contradicts_itself_is_malformed)
{
	for (size_t i = 0; i < COUNT(is_malformed); i++)
		assert_is_malformed(&is_malformed[i]);
}
END_TEST

static void assert_truncated_where_cut(const struct vector *v)
{
	struct link link;
	uint32_t size;
	uint8_t *frame = build(v, &size);
	enum link_result result;

	for (uint32_t n = 0; n <= size; n++) {
		result = decode(v->linktype, frame, n, size, &link);
		ck_assert_msg(result == (n < v->size + v->ahead ? LINK_TRUNCATED : LINK_IP),
		    "%s cut at %u: %d", v->name, n, (int)result);
	}
	free(frame);
}

START_TEST(a_frame_cut_by_the_capture_is_truncated_and_never_read_beyond)
{
	for (size_t i = 0; i < COUNT(leads_to_ip); i++)
		assert_truncated_where_cut(&leads_to_ip[i]);
}
END_TEST

static void assert_malformed_where_short(const struct vector *v)
{
	struct link link;
	uint32_t size;
	uint8_t *frame = build(v, &size);
	enum link_result result;

	for (uint32_t n = 0; n <= size; n++) {
		result = decode(v->linktype, frame, n, n, &link);
		ck_assert_msg(result != LINK_TRUNCATED, "%s of %u bytes", v->name, n);
		ck_assert_msg((result == LINK_IP) == (n >= v->size + v->ahead),
		    "%s of %u bytes: %d", v->name, n, (int)result);
	}
	free(frame);
}

START_TEST(a_frame_that_was_short_on_the_wire_is_not_truncated)
{
	for (size_t i = 0; i < COUNT(leads_to_ip); i++)
		assert_malformed_where_short(&leads_to_ip[i]);
}
END_TEST

/* What must hold of every answer */
static void assert_sane(enum link_result result, const struct link *link, uint32_t caplen)
{
	static const struct link untouched = {.net_off = 0xeeeeeeee, .family = 0xee};

	ck_assert_int_ge((int)result, LINK_IP);
	ck_assert_int_le((int)result, LINK_UNKNOWN);
	if (result != LINK_IP) {
		ck_assert_mem_eq(link, &untouched, sizeof untouched);
		return;
	}
	ck_assert_uint_le(link->net_off, caplen);
	ck_assert_uint_le(link->net_off, link->end_off);
	ck_assert(link->family == 0 || link->family == 4 || link->family == 6);
	ck_assert_uint_le(link->vlans, LINK_MAX_VLANS);
}

static void decode_and_assert_sane(uint32_t linktype, const uint8_t *frame, uint32_t n)
{
	struct link link;
	enum link_result result;

	memset(&link, 0, sizeof link);
	link.net_off = 0xeeeeeeee;
	link.family = 0xee;
	result = decode(linktype, frame, n, n + next_random() % 3 * 40, &link);
	assert_sane(result, &link, n);
	ck_assert_int_eq(result == LINK_UNKNOWN, 0);
}

static void assert_random_bytes_are_survived(uint32_t linktype)
{
	uint8_t frame[160];
	uint32_t n;

	for (int round = 0; round < 500; round++) {
		n = next_random() % sizeof frame;
		for (uint32_t i = 0; i < n; i++)
			frame[i] = (uint8_t)(next_random() >> 8);
		decode_and_assert_sane(linktype, frame, n);
	}
}

START_TEST(random_bytes_of_any_link_type_are_survived)
{
	enum { PPI = 192, PKTAP = 258, BEYOND = 300 }; /* those two hold any link type */

	random_state = 0x9e3779b9u;
	for (uint32_t type = 0; type < BEYOND; type++)
		if (link_known(type) && type != PPI && type != PKTAP)
			assert_random_bytes_are_survived(type);
}
END_TEST

static void assert_changes_are_survived(const struct vector *v)
{
	struct link link;
	uint32_t size, n, at;
	uint8_t *frame = build(v, &size);
	uint8_t changed[512];

	ck_assert_uint_le(size, sizeof changed);
	random_state = 0x2545f491u;
	for (int round = 0; round < 500; round++) {
		memcpy(changed, frame, size);
		for (uint32_t flips = 1 + next_random() % 3; flips > 0 && v->size > 0; flips--) {
			at = next_random() % v->size;
			changed[at] = (uint8_t)(next_random() >> 8);
		}
		n = next_random() % (size + 1);
		memset(&link, 0, sizeof link);
		link.net_off = 0xeeeeeeee;
		link.family = 0xee;
		assert_sane(decode(v->linktype, changed, n, size, &link), &link, n);
	}
	free(frame);
}

START_TEST(a_known_header_with_changed_bytes_is_survived)
{
	for (size_t i = 0; i < COUNT(leads_to_ip); i++)
		assert_changes_are_survived(&leads_to_ip[i]);
}
END_TEST

START_TEST(vlan_ids_are_kept_outermost_first_and_two_at_most)
{
	static const struct vector three =
	    V("", 1, MACS "\x88\xa8\x71\x23\x81\x00\xf4\x56\x81\x00\x07\x89\x08\x00", 4);
	static const struct vector one = V("", 1, MACS "\x81\x00\x60\x05\x08\x00", 4);
	static const struct vector marvell = V("", 284, MACS "\xe0\x10\x05\x39\x08\x00", 4);
	static const struct vector untagged = V("", 284, MACS "\xc0\x10\x05\x39\x08\x00", 4);
	struct link link;

	ck_assert_int_eq(decode_vector(&three, &link), LINK_IP);
	ck_assert_uint_eq(link.vlans, 2);
	ck_assert_uint_eq(link.vlan[0], 0x123);
	ck_assert_uint_eq(link.vlan[1], 0x456);
	ck_assert_int_eq(decode_vector(&one, &link), LINK_IP);
	ck_assert_uint_eq(link.vlans, 1);
	ck_assert_uint_eq(link.vlan[0], 5);
	ck_assert_uint_eq(link.vlan[1], 0);
	ck_assert_int_eq(decode_vector(&marvell, &link), LINK_IP);
	ck_assert_uint_eq(link.vlan[0], 0x539);
	ck_assert_int_eq(decode_vector(&untagged, &link), LINK_IP);
	ck_assert_uint_eq(link.vlans, 0);
}
END_TEST

START_TEST(lengths_in_link_headers_bound_the_payload)
{
	static const struct vector plain = V("", 1, ETH4, 4);
	static const struct vector length = V("", 1, MACS "\x00\x1c" SNAP4, 4);
	static const struct vector pppoe = V("", 51, "\x11\x00\x00\x07\x00\x16\x00\x21", 4);
	struct link link;

	ck_assert_int_eq(decode_vector(&plain, &link), LINK_IP);
	ck_assert_uint_eq(link.end_off, 14 + 40);
	ck_assert_int_eq(decode_vector(&length, &link), LINK_IP);
	ck_assert_uint_eq(link.end_off, 14 + 0x1c);
	ck_assert_int_eq(decode_vector(&pppoe, &link), LINK_IP);
	ck_assert_uint_eq(link.end_off, 6 + 0x16);
}
END_TEST

START_TEST(the_upper_half_of_the_link_type_is_ignored)
{
	static const struct vector v = V("", 0xf0030001u, ETH4, 4);
	struct link link;

	ck_assert(link_known(0xf0030001u));
	ck_assert_int_eq(decode_vector(&v, &link), LINK_IP);
}
END_TEST

START_TEST(an_unknown_link_type_is_never_guessed)
{
	static const uint8_t frame[60] = {[12] = 0x08, [14] = 0x45};
	struct link link;
	enum link_result result;

	for (uint32_t type = 0; type <= 0xffff; type++) {
		result = decode(type, frame, sizeof frame, sizeof frame, &link);
		ck_assert_msg((result == LINK_UNKNOWN) == !link_known(type), "link type %u", type);
	}
	ck_assert(!link_known(147)); /* USER0: everyone's own */
	ck_assert(!link_known(137));
	ck_assert(!link_known(0xffff));
	ck_assert(link_known(189));
}
END_TEST

START_TEST(a_packet_without_bytes_needs_no_place)
{
	struct packet p = {.origlen = 60};
	struct link link;

	for (uint32_t type = 0; type < 300; type++) {
		p.linktype = type;
		ck_assert(link_decode(&p, &link) != LINK_MALFORMED);
	}
	p.linktype = 1;
	ck_assert_int_eq(link_decode(&p, &link), LINK_TRUNCATED);
}
END_TEST

START_TEST(an_unknown_link_type_inside_another_is_unknown)
{
	static const struct vector ppi = V("", 192, "\x00\x00\x08\x00\x93\x00\x00\x00" ETH4, 0);
	static const struct vector nested = V("", 192, "\x00\x00\x08\x00\xc0\x00\x00\x00", 0);
	uint8_t frame[8 * 20];
	struct link link;

	ck_assert_int_eq(decode_vector(&ppi, &link), LINK_UNKNOWN);
	for (int i = 0; i < 20; i++)
		memcpy(frame + 8 * i, nested.bytes, 8);
	ck_assert_int_eq(decode(192, frame, sizeof frame, sizeof frame, &link), LINK_MALFORMED);
}
END_TEST

static Suite *link_suite(void)
{
	Suite *s = suite_create("packet/link");
	TCase *t = tcase_create("link");

	tcase_add_test(t, a_known_header_leads_to_ip);
	tcase_add_test(t, what_carries_no_ip_is_not_ip);
	tcase_add_test(t, what_contradicts_itself_is_malformed);
	tcase_add_test(t, a_frame_cut_by_the_capture_is_truncated_and_never_read_beyond);
	tcase_add_test(t, a_frame_that_was_short_on_the_wire_is_not_truncated);
	tcase_add_test(t, random_bytes_of_any_link_type_are_survived);
	tcase_add_test(t, a_known_header_with_changed_bytes_is_survived);
	tcase_add_test(t, vlan_ids_are_kept_outermost_first_and_two_at_most);
	tcase_add_test(t, lengths_in_link_headers_bound_the_payload);
	tcase_add_test(t, the_upper_half_of_the_link_type_is_ignored);
	tcase_add_test(t, an_unknown_link_type_is_never_guessed);
	tcase_add_test(t, a_packet_without_bytes_needs_no_place);
	tcase_add_test(t, an_unknown_link_type_inside_another_is_unknown);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(link_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
