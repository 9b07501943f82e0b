/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers that never were on a wire: those that operating systems, firewalls and capture cards put
 * before a packet to say where they saw it.
 *
 * Private to link.c and the link_*.c files. All take w with w->off at the header in question, and
 * return as link_decode does. Source: https://www.tcpdump.org/linktypes.html.
 */
#ifndef PACKET_LINK_PSEUDO_H
#define PACKET_LINK_PSEUDO_H

#include "packet/link_walk.h"

enum link_result link_pseudo_raw(struct link_walk *w);
enum link_result link_pseudo_ipv4(struct link_walk *w);
enum link_result link_pseudo_ipv6(struct link_walk *w);
enum link_result link_pseudo_null(struct link_walk *w);
enum link_result link_pseudo_loop(struct link_walk *w);
enum link_result link_pseudo_enc(struct link_walk *w);
enum link_result link_pseudo_pflog(struct link_walk *w);
enum link_result link_pseudo_sll(struct link_walk *w);
enum link_result link_pseudo_sll2(struct link_walk *w);
enum link_result link_pseudo_ipnet(struct link_walk *w);
enum link_result link_pseudo_nflog(struct link_walk *w);
enum link_result link_pseudo_ppi(struct link_walk *w);
enum link_result link_pseudo_pktap(struct link_walk *w);
enum link_result link_pseudo_erf(struct link_walk *w);

#endif
