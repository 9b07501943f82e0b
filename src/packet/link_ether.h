/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet and what stands between it and IP: length frames with LLC and SNAP, VLAN and other tags,
 * MPLS, PPPoE, NSH. The EtherType table here serves every other link layer that uses EtherTypes.
 *
 * Private to link.c and the link_*.c files. All take w with w->off at the header in question, and
 * return as link_decode does.
 */
#ifndef PACKET_LINK_ETHER_H
#define PACKET_LINK_ETHER_H

#include "packet/link_walk.h"

/* link_ether_frame - an Ethernet frame from its destination address on. */
enum link_result link_ether_frame(struct link_walk *w);

/* link_ether_type - the payload that an EtherType announces; values below 0x600 are not IP. */
enum link_result link_ether_type(struct link_walk *w, uint16_t type);

/* link_ether_llc - an IEEE 802.2 LLC header. */
enum link_result link_ether_llc(struct link_walk *w);

/*
 * link_ether_snap - a SNAP header (OUI and protocol id).
 *
 * Takes:    w; pad, the bytes between a "bridged Ethernet" id and the frame it announces.
 * Source:   IEEE 802, RFC 1042, RFC 2684 section 5.2, RFC 2427 section 4.2.
 */
enum link_result link_ether_snap(struct link_walk *w, uint32_t pad);

/* link_ether_mpls - an MPLS label stack, and what the payload looks like. */
enum link_result link_ether_mpls(struct link_walk *w);

/* link_ether_pppoe - a PPPoE session header. Source: RFC 2516. */
enum link_result link_ether_pppoe(struct link_walk *w);

/* Ethernet in dress: behind preambles, with the tags of switch chips. Source: linktypes.html. */
enum link_result link_ether_mpacket(struct link_walk *w);
enum link_result link_ether_dsa(struct link_walk *w);
enum link_result link_ether_edsa(struct link_walk *w);
enum link_result link_ether_brcm(struct link_walk *w);
enum link_result link_ether_brcm_prepended(struct link_walk *w);
enum link_result link_ether_netanalyzer(struct link_walk *w);
enum link_result link_ether_netanalyzer_transparent(struct link_walk *w);

#endif
