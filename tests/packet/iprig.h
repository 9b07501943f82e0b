/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One IP header through packet/scrub_ip, from and in memory of exactly its size, so that the
 * address sanitizer sees a single byte too many.
 */
#ifndef TESTS_PACKET_IPRIG_H
#define TESTS_PACKET_IPRIG_H

#include "ipframe.h"
#include "packet/scrub_private.h"

/* What the rigs of a test go by. Exempt are 10.0.0.0/8 and fd00::/8. */
extern const struct policy iprig_netblock; /* netblock:24,48 */
extern const struct policy iprig_kept;     /* packets are cut, addresses are kept */
extern const struct policy iprig_macs;     /* only hardware addresses are replaced */

struct iprig {
	struct anonymizer *anonymizer;
	struct policy policy;
	struct packet packet;
	struct scrubbing x; /* as scrub_ip left it */
	struct scrub_ip h;
	int rv;
};

void iprig_open(struct iprig *r, const struct policy *policy);

/* The first n bytes of f; a packet of our own, or one that is quoted, whose IP header is at
 * net_off. The exempt bits are what the addresses say. */
void iprig_own(struct iprig *r, const struct frame *f, uint32_t net_off, uint32_t n);
void iprig_quoted(struct iprig *r, const struct frame *f, uint32_t net_off, uint32_t n);

void iprig_close(struct iprig *r);

/* iprig_mend4 - set the checksum of the IPv4 header at `at` right. iprig_sum4 - what its words add
 * up to: 0xffff if it is right. The header must be there whole. */
void iprig_mend4(struct frame *f, uint32_t at);
uint16_t iprig_sum4(const uint8_t *ip);

#endif
