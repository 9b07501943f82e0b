/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets with headers of all kinds, sound and not, the same in every run. Addresses are planted
 * in them wherever one may stand, and where nothing may.
 */
#ifndef TESTS_PACKET_IPRANDOM_H
#define TESTS_PACKET_IPRANDOM_H

#include "iprig.h"

enum { IPRANDOM_NET_OFF = 14, IPRANDOM_PLANTED_MAX = 400 };

/* A frame of Ethernet, and the addresses in its headers that have to go under iprig_netblock */
struct made {
	struct frame frame;
	bool right; /* the checksum of IPv4 */
	unsigned n;
	struct planted {
		uint16_t at;
		uint8_t hidden; /* how many of its last bytes; none of them is zero */
		uint8_t size;
	} planted[IPRANDOM_PLANTED_MAX];
};

void iprandom_make(struct made *m);

/* The same packet but for what has to be hidden, with a checksum as right or wrong as before */
void iprandom_vary(struct made *m);

/* A number of 0..n-1; true once in n times; the number of an extension of IPv6 */
uint32_t iprandom_below(uint32_t n);
bool iprandom_one_in(uint32_t n);
uint8_t iprandom_extension(void);

#endif
