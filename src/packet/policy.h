/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be kept of a packet, as the operator chose: how much payload, and what becomes of
 * addresses. A flow's record names the policy that its packets were archived under.
 */
#ifndef PACKET_POLICY_H
#define PACKET_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_payload {
	PAYLOAD_FULL,  /* all of it */
	PAYLOAD_BYTES, /* payload_bytes of the transport payload; the packet is cut there */
	PAYLOAD_ZERO   /* the packet keeps its length, its payload is zeros */
};

enum policy_addresses {
	ADDRESSES_KEPT,
	ADDRESSES_NETBLOCK, /* the first v4_bits or v6_bits stay, the others are 0 */
	ADDRESSES_CRYPTOPAN /* prefix preserving, by a secret key */
};

/* All zeros: packets are kept as they came. */
struct policy {
	enum policy_payload payload;
	uint32_t payload_bytes; /* PAYLOAD_BYTES: 0 for headers alone */
	enum policy_addresses addresses;
	uint8_t v4_bits, v6_bits; /* ADDRESSES_NETBLOCK: 0 to 32, 0 to 128 */
	bool macs;                /* hardware addresses are replaced, by a secret key */
};

/* policy_needs_key - Threads: any; pure. */
static inline bool policy_needs_key(const struct policy *p)
{
	return p->addresses == ADDRESSES_CRYPTOPAN || p->macs;
}

/* policy_is_none - are packets kept as they came? */
static inline bool policy_is_none(const struct policy *p)
{
	return p->payload == PAYLOAD_FULL && p->addresses == ADDRESSES_KEPT && !p->macs;
}

#define POLICY_TEXT_SIZE 24

/*
 * policy_payload_text - "full", "headers", "zero", or the number of bytes, as --payload takes it.
 * policy_addresses_text - "none", "netblock:24,48" or "cryptopan", as --anonymize takes it.
 *
 * Takes:    buf of POLICY_TEXT_SIZE bytes. Returns: buf.
 */
char *policy_payload_text(const struct policy *p, char *buf);
char *policy_addresses_text(const struct policy *p, char *buf);

/*
 * policy_parse_payload, policy_parse_addresses - the inverse; "netblock" alone is 24,48.
 *
 * Returns:  0, those fields of *p are set; -EINVAL, *p is untouched.
 */
int policy_parse_payload(const char *text, struct policy *p);
int policy_parse_addresses(const char *text, struct policy *p);

#endif
