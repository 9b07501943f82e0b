/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link layers, by link type. Numbers and names are those of https://www.tcpdump.org/linktypes.html;
 * where some systems wrote their own DLT_ number instead (pcap/dlt.h), it is here too.
 */
#include <stddef.h>

#include "packet/link.h"
#include "packet/link_ether.h"
#include "packet/link_lan.h"
#include "packet/link_pseudo.h"
#include "packet/link_serial.h"
#include "packet/link_walk.h"
#include "packet/link_wifi.h"

enum { LINKTYPE_MASK = 0xffff, LINKTYPE_ETHERNET = 1, ETHERNET_SIZE = 14 };

/* Buses, radios and signalling that are known, and known to hold no IP that one could find. */
static enum link_result never_ip(struct link_walk *w)
{
	(void)w; /* nothing in the frame could change the answer */
	return LINK_NOT_IP;
}

/* clang-format off */
static link_walk_fn *const walks[] = {
	[0] = link_pseudo_null,
	[LINKTYPE_ETHERNET] = link_ether_frame,
	[6] = link_lan_token_ring,
	[7] = link_lan_arcnet,
	[8] = link_serial_slip,
	[9] = link_serial_ppp,
	[10] = link_lan_fddi,
	[11] = link_ether_llc,		/* DLT_ATM_RFC1483 */
	[12] = link_pseudo_raw,		/* DLT_RAW */
	[13] = link_pseudo_enc,		/* DLT_ENC of OpenBSD */
	[14] = link_pseudo_raw,		/* DLT_RAW of OpenBSD */
	[19] = link_serial_clip,	/* DLT_ATM_CLIP of Linux */
	[50] = link_serial_ppp,		/* PPP_HDLC */
	[51] = link_ether_pppoe,	/* PPP_ETHER */
	[100] = link_ether_llc,		/* ATM_RFC1483 */
	[101] = link_pseudo_raw,	/* RAW */
	[104] = link_serial_chdlc,	/* C_HDLC */
	[105] = link_wifi_80211,
	[106] = link_serial_clip,	/* ATM_CLIP */
	[107] = link_serial_frelay,
	[108] = link_pseudo_loop,
	[109] = link_pseudo_enc,
	[113] = link_pseudo_sll,	/* LINUX_SLL */
	[117] = link_pseudo_pflog,
	[119] = link_wifi_prism,
	[122] = link_lan_fibre_channel, /* IP_OVER_FC */
	[123] = link_serial_sunatm,
	[127] = link_wifi_radiotap,
	[129] = link_lan_arcnet_linux,
	[138] = link_lan_firewire,	/* APPLE_IP_OVER_IEEE1394 */
	[139] = never_ip,		/* MTP2_WITH_PHDR */
	[140] = never_ip,		/* MTP2 */
	[141] = never_ip,		/* MTP3 */
	[142] = never_ip,		/* SCCP */
	[144] = never_ip,		/* LINUX_IRDA */
	[163] = link_wifi_avs,
	[165] = never_ip,		/* BACNET_MS_TP */
	[166] = link_serial_ppp_pppd,
	[177] = never_ip,		/* LINUX_LAPD */
	[178] = link_serial_juniper_ether,
	[179] = link_serial_juniper_ppp,
	[180] = link_serial_juniper_frelay,
	[181] = link_serial_juniper_chdlc,
	[186] = never_ip,		/* USB_FREEBSD */
	[187] = never_ip,		/* BLUETOOTH_HCI_H4 */
	[189] = never_ip,		/* USB_LINUX */
	[190] = never_ip,		/* CAN20B */
	[191] = never_ip,		/* IEEE802_15_4_LINUX */
	[192] = link_pseudo_ppi,
	[195] = never_ip,		/* IEEE802_15_4_WITHFCS */
	[197] = link_pseudo_erf,
	[199] = never_ip,		/* IPMB_KONTRON */
	[201] = never_ip,		/* BLUETOOTH_HCI_H4_WITH_PHDR */
	[203] = never_ip,		/* LAPD */
	[204] = link_serial_ppp_with_dir,
	[205] = link_serial_chdlc_with_dir,
	[206] = link_serial_frelay_with_dir,
	[209] = never_ip,		/* IPMB_LINUX */
	[210] = never_ip,		/* FLEXRAY */
	[211] = never_ip,		/* MOST */
	[212] = never_ip,		/* LIN */
	[215] = never_ip,		/* IEEE802_15_4_NONASK_PHY */
	[216] = never_ip,		/* LINUX_EVDEV */
	[219] = link_ether_mpls,
	[220] = never_ip,		/* USB_LINUX_MMAPPED */
	[226] = link_pseudo_ipnet,
	[227] = never_ip,		/* CAN_SOCKETCAN */
	[228] = link_pseudo_ipv4,
	[229] = link_pseudo_ipv6,
	[230] = never_ip,		/* IEEE802_15_4_NOFCS */
	[231] = never_ip,		/* DBUS */
	[239] = link_pseudo_nflog,
	[240] = link_ether_netanalyzer,
	[241] = link_ether_netanalyzer_transparent,
	[242] = link_lan_infiniband,	/* IPOIB */
	[243] = never_ip,		/* MPEG_2_TS */
	[245] = never_ip,		/* NFC_LLCP */
	[249] = never_ip,		/* USBPCAP */
	[250] = never_ip,		/* RTAC_SERIAL */
	[251] = never_ip,		/* BLUETOOTH_LE_LL */
	[253] = never_ip,		/* NETLINK */
	[254] = never_ip,		/* BLUETOOTH_LINUX_MONITOR */
	[255] = never_ip,		/* BLUETOOTH_BREDR_BB */
	[256] = never_ip,		/* BLUETOOTH_LE_LL_WITH_PHDR */
	[257] = never_ip,		/* PROFIBUS_DL */
	[258] = link_pseudo_pktap,
	[261] = never_ip,		/* ZWAVE_R1_R2 */
	[262] = never_ip,		/* ZWAVE_R3 */
	[264] = never_ip,		/* ISO_14443 */
	[265] = never_ip,		/* RDS */
	[266] = never_ip,		/* USB_DARWIN */
	[271] = never_ip,		/* VSOCK */
	[272] = never_ip,		/* NORDIC_BLE */
	[274] = link_ether_mpacket,
	[275] = never_ip,		/* DISPLAYPORT_AUX */
	[276] = link_pseudo_sll2,	/* LINUX_SLL2 */
	[278] = never_ip,		/* OPENVIZSLA */
	[281] = link_ether_brcm,	/* DSA_TAG_BRCM */
	[282] = link_ether_brcm_prepended,
	[283] = never_ip,		/* IEEE802_15_4_TAP */
	[284] = link_ether_dsa,
	[285] = link_ether_edsa,
	[287] = never_ip,		/* Z_WAVE_SERIAL */
	[288] = never_ip,		/* USB_2_0 */
};
/* clang-format on */

static link_walk_fn *walk_of(uint32_t linktype)
{
	linktype &= LINKTYPE_MASK;
	return linktype < sizeof walks / sizeof walks[0] ? walks[linktype] : NULL;
}

int link_known(uint32_t linktype)
{
	return walk_of(linktype) != NULL;
}

enum link_result link_walk_type(struct link_walk *w, uint32_t linktype)
{
	link_walk_fn *walk = walk_of(linktype);

	return walk != NULL ? walk(w) : LINK_UNKNOWN;
}

/* The commonest frame by far: Ethernet with nothing between its header and IP */
static inline bool is_plain_ethernet(const struct packet *p, uint8_t *ret_family)
{
	enum { IPV4_HIGH = 0x08, IPV4_LOW = 0x00, IPV6_HIGH = 0x86, IPV6_LOW = 0xdd };
	const uint8_t *type;

	if ((p->linktype & LINKTYPE_MASK) != LINKTYPE_ETHERNET || p->caplen < ETHERNET_SIZE)
		return false;
	type = p->data + 12;
	*ret_family = type[0] == IPV4_HIGH ? 4 : 6;
	return (type[0] == IPV4_HIGH && type[1] == IPV4_LOW) ||
	       (type[0] == IPV6_HIGH && type[1] == IPV6_LOW);
}

static inline struct link_walk begin(const struct packet *p)
{
	static const uint8_t nothing[1]; /* a packet without bytes may have no place either */

	return (struct link_walk){
	    .data = p->data != NULL ? p->data : nothing,
	    .caplen = p->caplen,
	    .end = p->origlen > p->caplen ? p->origlen : p->caplen,
	};
}

enum link_result link_decode(const struct packet *p, struct link *ret_link)
{
	struct link_walk w = begin(p);
	enum link_result result;

	if (is_plain_ethernet(p, &w.link.family)) {
		w.off = ETHERNET_SIZE;
	} else {
		result = link_walk_type(&w, p->linktype);
		if (result != LINK_IP)
			return result;
	}
	/* Field by field: a copy of the whole would wait for the small stores just made. */
	ret_link->net_off = w.off;
	ret_link->end_off = w.end;
	ret_link->family = w.link.family;
	ret_link->vlans = w.link.vlans;
	for (unsigned int i = 0; i < LINK_MAX_VLANS; i++)
		ret_link->vlan[i] = w.link.vlan[i];
	return LINK_IP;
}

unsigned int link_spans(const struct packet *p, struct link_span *spans)
{
	struct link_walk_notes notes = {.spans = spans};
	struct link_walk w = begin(p);

	w.notes = &notes;
	if (is_plain_ethernet(p, &w.link.family))
		link_walk_note_pair(&w, 0, LINK_SPAN_MAC);
	else if (link_walk_type(&w, p->linktype) != LINK_IP)
		return 0;
	return notes.count;
}
