/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name of a conversation within one run: protocol, link type and both ends, the byte-wise
 * lower end first, so that both directions give the same key. Compared whole, always.
 */
#ifndef PACKET_FLOWKEY_H
#define PACKET_FLOWKEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "packet/decode.h"
#include "packet/hash.h"

/* Which of the two ends of a key; as an index into its arrays. */
enum side { SIDE_LOW, SIDE_HIGH };

struct flowkey {
	uint8_t addr[2][16]; /* by side; IPv4 is 4 bytes, then zeros */
	uint16_t port[2];    /* host order; 0 where the protocol has none */
	uint16_t vlan[2];    /* outermost first; 0 unless VLANs are part of the key */
	uint32_t linktype;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* IANA number */
	uint8_t zero[2];
};

_Static_assert(sizeof(struct flowkey) == 48, "no padding: keys are compared as bytes");

enum vlan_key { VLAN_KEY_NO, VLAN_KEY_YES };

/*
 * flowkey_make - the key of a decoded packet.
 *
 * Takes:    d of DECODE_OK; the packet's link type; whether VLAN ids tell flows apart.
 * Returns:  the side that sent the packet (SIDE_LOW where both ends are equal).
 * Threads:  any; pure.
 */
enum side flowkey_make(
    const struct decoded *d, uint32_t linktype, enum vlan_key vlan_key, struct flowkey *ret_key);

/*
 * flowkey_sender - the same from the words alone; of a fragment without ports, both ports are 0.
 */
enum side flowkey_sender(
    const uint8_t src[16], const uint8_t dst[16], uint16_t sport, uint16_t dport);

/*
 * flowkey_fragment_sender - the side that sent a fragment without ports (DECODE_FRAGMENT) of a
 * flow.
 *
 * Both ends on one address cannot be told apart: SIDE_LOW.
 */
enum side flowkey_fragment_sender(const struct flowkey *k, const struct decoded *d);

/* flowkey_hash - the seeded hash of a key. flowkey_equal - compares all 48 bytes. */
uint64_t flowkey_hash(const struct hash_key *seed, const struct flowkey *k);

static inline bool flowkey_equal(const struct flowkey *a, const struct flowkey *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* flowkey_ends_equal - are both ends the same address and port? */
static inline bool flowkey_ends_equal(const struct flowkey *k)
{
	return k->port[SIDE_LOW] == k->port[SIDE_HIGH] &&
	       memcmp(k->addr[SIDE_LOW], k->addr[SIDE_HIGH], sizeof(k->addr[0])) == 0;
}

/* flowkey_addr_bytes - 4 or 16. */
static inline size_t flowkey_addr_bytes(const struct flowkey *k)
{
	return k->family == 4 ? 4 : 16;
}

/* flowkey_addr_mapped - an end's address in 16 bytes, whatever the family: IPv4 is mapped. */
void flowkey_addr_mapped(const struct flowkey *k, enum side side, uint8_t ret_addr[16]);

/* flowkey_addr_text - an end's address as inet_ntop(3) writes it. buf has 46 bytes. */
char *flowkey_addr_text(const struct flowkey *k, enum side side, char *buf);

/*
 * flowkey_proto_name - "tcp", "udp", "icmp", "icmp6", "sctp", or the number.
 *
 * Takes:    buf of 8 bytes, used for numbers only. Returns: buf or a constant.
 */
const char *flowkey_proto_name(uint8_t proto, char *buf);

#endif
