/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the packets of a flow add up to: counts per side, times, flags, and who is the client. The
 * demux adds packets as they come; verify and reindex add them again from the file, and must arrive
 * at the same.
 */
#ifndef PACKET_TALLY_H
#define PACKET_TALLY_H

#include <stdint.h>

#include "packet/decode.h"
#include "packet/flowkey.h"
#include "packet/packet.h"

struct tally {
	int64_t first_ns;        /* time of the first packet, as it came */
	int64_t last_ns;         /* time of the last packet, as it came */
	uint64_t pkts[2];        /* by side */
	uint64_t bytes[2];       /* original frame lengths, by side */
	uint64_t captured_bytes; /* bytes of frames that are kept, both sides */
	uint64_t truncated_pkts; /* packets kept shorter than they were */
	uint16_t vlan;           /* outermost VLAN id of the first packet, 0 for none */
	uint8_t tcp_flags[2];    /* all flags seen, by side */
};

/* First sights that tell client from server; each 0 for none, else side + 1. */
struct tally_roles {
	uint8_t syn_from;   /* sender of the first SYN without ACK */
	uint8_t synack_to;  /* receiver of the first SYN with ACK */
	uint8_t first_from; /* sender of the first packet */
};

/*
 * tally_add - count one packet that is kept.
 *
 * Takes:    t, zeroed before the first; p; kept_bytes, how much of its caplen is kept; d, its
 *           decoding (for a non-first fragment: has_tcp is false); its sender.
 */
void tally_add(struct tally *t, const struct packet *p, uint32_t kept_bytes,
    const struct decoded *d, enum side sender);

/* tally_roles_add - take notice of a packet for the roles. r is zeroed before the first. */
void tally_roles_add(struct tally_roles *r, const struct decoded *d, enum side sender);

/*
 * tally_client - which side is the client: who sent the first SYN, else who got the first SYN-ACK,
 * else who has the higher port, else who spoke first.
 */
enum side tally_client(const struct tally_roles *r, const struct flowkey *k);

#endif
