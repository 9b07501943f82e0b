/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local networks other than Ethernet: FDDI, Token Ring, ARCNET, Fibre Channel, InfiniBand and
 * FireWire.
 *
 * Private to link.c and the link_*.c files. All take w with w->off at the header in question, and
 * return as link_decode does.
 */
#ifndef PACKET_LINK_LAN_H
#define PACKET_LINK_LAN_H

#include "packet/link_walk.h"

enum link_result link_lan_fddi(struct link_walk *w);
enum link_result link_lan_token_ring(struct link_walk *w);
enum link_result link_lan_arcnet(struct link_walk *w);
enum link_result link_lan_arcnet_linux(struct link_walk *w);
enum link_result link_lan_fibre_channel(struct link_walk *w);
enum link_result link_lan_infiniband(struct link_walk *w);
enum link_result link_lan_firewire(struct link_walk *w);

#endif
