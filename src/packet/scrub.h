/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a packet as it was captured to one as it may be kept: payload cut or zeroed, addresses
 * replaced wherever they stand, checksums right for what is stored, or zero where that cannot be
 * known. What cannot be vouched for is cut.
 *
 * A scrubbed packet decodes as the captured one does, but for its addresses; and scrubbed again
 * under the same policy it stays as it is (but for ADDRESSES_CRYPTOPAN and hardware addresses).
 *
 * Life-cycle:  new, packets, free.
 * Threads:     owned by the demux thread.
 */
#ifndef PACKET_SCRUB_H
#define PACKET_SCRUB_H

#include "packet/anonymizer.h"
#include "packet/decode.h"
#include "packet/flowkey.h"
#include "packet/packet.h"

struct scrub;

/* scrub_new - Returns: 0; as anonymizer_new. */
int scrub_new(const struct anonymizer_config *config, struct scrub **ret_scrub);

/* scrub_policy - what it was made with. */
const struct policy *scrub_policy(const struct scrub *s);

/* Ends of a packet whose address stays, as bits. */
enum { SCRUB_SRC_EXEMPT = 1, SCRUB_DST_EXEMPT = 2 };

/* Layers whose checksums a sender computes before we see them, as bits. See scrub_trusts(). */
enum { SCRUB_IP_COMPUTED = 1, SCRUB_L4_COMPUTED = 2, SCRUB_COMPUTED_BITS = 2 };

/* What a flow remembers from packet to packet. */
struct scrub_flow {
	unsigned exempt;   /* in: decided once for a flow, so that it keeps its ends */
	unsigned computed; /* in and out, of the packet's sender */
};

struct scrubbed {
	struct packet packet;     /* data is valid until the next call */
	uint8_t src[16], dst[16]; /* as decoding the scrubbed packet would tell them */
};

/*
 * scrub_packet - make the packet that may be kept.
 *
 * Takes:    p, decoded as d (DECODE_OK or DECODE_FRAGMENT; for the latter sport and dport are those
 *           of its flow); flow, what it remembers.
 * Threads:  the owner's. Never reads beyond p->caplen.
 */
void scrub_packet(struct scrub *s, const struct packet *p, const struct decoded *d,
    struct scrub_flow *flow, struct scrubbed *ret_scrubbed);

/* scrub_exempt - which ends of a key are exempt now, as bits 1 << side. */
unsigned scrub_exempt(const struct scrub *s, const struct flowkey *k);

/*
 * scrub_computed - what is taken of the senders of a new flow, from what was seen of others.
 *
 * Returns:  SCRUB_ bits of the low end; those of the high end SCRUB_COMPUTED_BITS above them.
 */
unsigned scrub_computed(const struct scrub *s, const struct flowkey *k);

/*
 * scrub_key - the key of a flow as its scrubbed packets tell it.
 *
 * Takes:    k; exempt, of its ends, as scrub_exempt says it.
 * Returns:  the side of *ret_key where the low end of k stands.
 */
enum side scrub_key(
    struct scrub *s, const struct flowkey *k, unsigned exempt, struct flowkey *ret_key);

/* scrub_free - takes NULL. */
void scrub_free(struct scrub *s);

#endif
