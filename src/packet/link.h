/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link layers: given a link type and a frame, find where IP begins. Knows every link type that
 * flowkeep reads, the tags (VLAN, QinQ, MPLS, PPPoE) between them, and nothing above IP.
 */
#ifndef PACKET_LINK_H
#define PACKET_LINK_H

#include <stdint.h>

#include "packet/packet.h"

enum link_result {
	LINK_IP,	/* net_off is where an IPv4 or IPv6 header should begin */
	LINK_NOT_IP,	/* the frame carries something else, or says no more about it */
	LINK_TRUNCATED, /* the capture ends inside the link header */
	LINK_MALFORMED, /* the link header contradicts itself, or nests beyond our bound */
	LINK_UNKNOWN	/* we do not know this link type */
};

#define LINK_MAX_VLANS 2	/* VLAN ids that are remembered, outermost first */
#define LINK_MAX_TAGS  16	/* tags, labels and nested headers that we walk over */

struct link {
	uint32_t net_off;		/* offset of the IP header, at most caplen */
	uint32_t end_off;		/* where the link layer's payload ends, by its own lengths and
					 * that of the frame; at least net_off, may lie beyond caplen */
	uint8_t family;			/* 4 or 6 as the link layer says; 0 where IP itself must say */
	uint16_t vlan[LINK_MAX_VLANS];	/* VLAN ids (12 bits); 0 where there is none */
	uint8_t vlans;			/* how many of vlan[] are set */
};

/*
 * link_known - can frames of this link type be decoded at all?
 *
 * Takes:    linktype, a LINKTYPE_ value (upper bits, which hold the FCS length, are ignored).
 * Returns:  1; 0 if link_decode answers LINK_UNKNOWN to all of them. Link types that are known to
 *           carry no IP (USB, Bluetooth) are known.
 * Threads:  any; pure.
 * Source:   https://www.tcpdump.org/linktypes.html
 */
int link_known(uint32_t linktype);

/*
 * link_decode - find the IP header of one frame.
 *
 * Takes:    *p, borrowed for the call.
 * Returns:  a link_result; ret_link is written only for LINK_IP. Where a frame holds several
 *           packets (an 802.11 aggregate), the first one counts.
 * Threads:  any; pure. Never reads beyond p->caplen.
 * Source:   https://www.tcpdump.org/linktypes.html and the standards named in link.c.
 */
enum link_result link_decode(const struct packet *p, struct link *ret_link);

#endif
