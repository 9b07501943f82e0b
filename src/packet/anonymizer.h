/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of addresses under a policy, wherever they stand. The same address always becomes
 * the same; IPv4 addresses do so also where they stand in IPv6 ones (::ffff:0:0/96).
 *
 * Life-cycle:  new, map, free.
 * Threads:     one at a time.
 */
#ifndef PACKET_ANONYMIZER_H
#define PACKET_ANONYMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/cryptopan.h"
#include "packet/policy.h"

struct anonymizer;

/*
 * anonymizer_exempt_fn - may this address stay as it is?
 *
 * Takes:    family 4 or 6, addr as in struct decoded (IPv4-mapped addresses come as IPv4).
 */
typedef bool anonymizer_exempt_fn(uint8_t family, const uint8_t addr[16], void *arg);

struct anonymizer_config {
	struct policy policy;
	const uint8_t *key; /* CRYPTOPAN_KEY_BYTES, read by anonymizer_new alone; NULL where
			     * policy_needs_key says no */
	anonymizer_exempt_fn *exempt; /* NULL: no address is exempt */
	void *exempt_arg;
};

/*
 * anonymizer_new - Returns: 0; -ENOMEM; errors of aes128_new. Nothing below needs a system call.
 */
int anonymizer_new(const struct anonymizer_config *config, struct anonymizer **ret_anonymizer);

/* anonymizer_is_exempt - Takes: family 4 or 6, addr of 4 or 16 bytes; IPv4-mapped addresses may
 * come either way. */
bool anonymizer_is_exempt(const struct anonymizer *a, uint8_t family, const uint8_t *addr);

/*
 * anonymizer_map - what an address becomes that is not exempt (this is not asked here).
 *
 * Takes:    family 4 or 6: addr has 4 or 16 bytes, and is replaced. Left alone where the policy
 *           keeps addresses.
 *
 * Under ADDRESSES_NETBLOCK what an IPv6 address holds of an IPv4 one (6to4, Teredo, NAT64, ISATAP)
 * is cut to v4_bits too, however large v6_bits is; and what was mapped stays as it is.
 */
void anonymizer_map(struct anonymizer *a, uint8_t family, uint8_t *addr);

/*
 * anonymizer_map_mac - what a hardware address becomes, always the same under one key. What is made
 * says of itself that it was locally administered: nobody takes it for a maker's. (Where
 * stays_mask holds the bit that says so, it stays too.)
 *
 * Takes:    mac, replaced unless it is broadcast or all zeros, or the policy keeps such addresses;
 *           stays_mask: those bits of its first byte that must stay, 0x01 for the group bit of
 *           Ethernet. With 0x80 it is that of Token Ring, and bytes are in the bit order of that.
 */
void anonymizer_map_mac(struct anonymizer *a, uint8_t mac[6], uint8_t stays_mask);

/* anonymizer_free - takes NULL. Wipes keys. */
void anonymizer_free(struct anonymizer *a);

#endif
