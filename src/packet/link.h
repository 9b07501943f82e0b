/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link layers: given a link type and a frame, find where IP begins, and where hardware addresses
 * stand before it. Knows every link type that flowkeep reads, the tags (VLAN, QinQ, MPLS, PPPoE)
 * between them, and nothing above IP.
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

enum link_span_kind {
	LINK_SPAN_MAC,	    /* 6 bytes; the group bit is 0x01 of the first */
	LINK_SPAN_MAC_MSB,  /* 6 bytes in the bit order of Token Ring and FDDI: the group bit is 0x80
			     * of the first, which in a Token Ring source says that a route follows */
	LINK_SPAN_MAC_BARE, /* as LINK_SPAN_MAC, in a pseudo-wire: the bits 0xf3 of the first byte are
			     * all that tells it from a control word */
	LINK_SPAN_OTHER	    /* an address in another form, a value made from addresses, or bytes of a
			     * form that we do not know */
};

struct link_span {
	uint32_t off, len; /* bytes of the frame, all of them before its IP header */
	enum link_span_kind kind;
};

/* What a frame can have at most: link_walk.h counts. */
#define LINK_MAX_SPANS 64

/*
 * link_spans - where a frame holds, before its IP header, what may tell hosts apart.
 *
 * Takes:    *p, borrowed for the call; spans, room for LINK_MAX_SPANS.
 * Returns:  how many were written; they do not overlap. 0 for frames for which link_decode does
 *           not answer LINK_IP. Numbers of circuits and tags (VLAN, MPLS, DLCI, VPI and VCI, PPPoE
 *           session), routes, interfaces, users and processes are not addresses.
 * Threads:  any; pure. Never reads beyond p->caplen.
 * Source:   as link_decode.
 */
unsigned int link_spans(const struct packet *p, struct link_span *spans);

#endif
