/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wireless LAN frames (IEEE 802.11), bare or behind the headers that drivers put before them.
 *
 * Private to link.c and the link_*.c files. All take w with w->off at the header in question, and
 * return as link_decode does.
 */
#ifndef PACKET_LINK_WIFI_H
#define PACKET_LINK_WIFI_H

#include "packet/link_walk.h"

enum link_result link_wifi_80211(struct link_walk *w);	  /* IEEE 802.11-2020 9.2 */
enum link_result link_wifi_radiotap(struct link_walk *w); /* https://www.radiotap.org */
enum link_result link_wifi_prism(struct link_walk *w);	  /* linktypes.html, wlan-ng */
enum link_result link_wifi_avs(struct link_walk *w);	  /* AVS capture header, version 2.1.1 */

#endif
