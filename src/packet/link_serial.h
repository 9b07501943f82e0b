/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Point-to-point and wide-area links: PPP and its relatives, Cisco HDLC, frame relay, ATM, SLIP.
 *
 * Private to link.c and the link_*.c files. All take w with w->off at the header in question, and
 * return as link_decode does.
 */
#ifndef PACKET_LINK_SERIAL_H
#define PACKET_LINK_SERIAL_H

#include "packet/link_walk.h"

/* link_serial_ppp - PPP, with HDLC-like framing or without; or Cisco HDLC. RFC 1661, 1662. */
enum link_result link_serial_ppp(struct link_walk *w);

/* link_serial_ppp_protocol - PPP from its protocol field on. */
enum link_result link_serial_ppp_protocol(struct link_walk *w);

/* link_serial_nlpid - an ISO/IEC TR 9577 network layer protocol id. */
enum link_result link_serial_nlpid(struct link_walk *w);

/* Whole frames of one link type each. */
enum link_result link_serial_ppp_with_dir(struct link_walk *w);
enum link_result link_serial_ppp_pppd(struct link_walk *w);
enum link_result link_serial_chdlc(struct link_walk *w);
enum link_result link_serial_chdlc_with_dir(struct link_walk *w);
enum link_result link_serial_frelay(struct link_walk *w);
enum link_result link_serial_frelay_with_dir(struct link_walk *w);
enum link_result link_serial_clip(struct link_walk *w);
enum link_result link_serial_sunatm(struct link_walk *w);
enum link_result link_serial_slip(struct link_walk *w);
enum link_result link_serial_juniper_ether(struct link_walk *w);
enum link_result link_serial_juniper_ppp(struct link_walk *w);
enum link_result link_serial_juniper_frelay(struct link_walk *w);
enum link_result link_serial_juniper_chdlc(struct link_walk *w);

#endif
