/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets to test with: TCP over IPv4 or IPv6 in Ethernet, with lengths that agree (checksums are
 * left zero: nothing in flowkeep looks at them).
 */
#ifndef SUPPORT_FRAMES_H
#define SUPPORT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

#define FRAMES_LINKTYPE 1u /* Ethernet */
#define FRAMES_MAX      2048u

/* Both ends of a conversation; end 0 has the lower address. */
struct frames_talk {
	int family; /* 4 or 6 */
	uint16_t port[2];
	uint8_t number; /* tells talks of the same ports apart: part of the addresses */
	uint16_t vlan;  /* 0: no tag */
};

struct frames_packet {
	int from;      /* 0 or 1 */
	uint8_t flags; /* TCP_SYN and so on, packet/decode.h */
	uint32_t seq;
	uint16_t payload; /* bytes, at most 1,400; their content depends on seq */
	int64_t ts_ns;
};

/*
 * frames_make - a packet and its bytes.
 *
 * Takes:    buf of FRAMES_MAX bytes, which ret_packet points into.
 */
void frames_make(const struct frames_talk *t, const struct frames_packet *f, uint8_t *buf,
    struct packet *ret_packet);

#endif
