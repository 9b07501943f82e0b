/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto-PAn: prefix-preserving anonymization. Two addresses that share their first n bits, and no
 * more, share the first n bits of what they become, and no more.
 *
 * Source: Xu, Fan, Ammar, Moon, "Prefix-Preserving IP Address Anonymization" (ICNP 2002), over
 * AES-128; for IPv6 the same over 128 bits.
 *
 * Life-cycle:  new, map, free.
 * Threads:     one at a time.
 */
#ifndef PACKET_CRYPTOPAN_H
#define PACKET_CRYPTOPAN_H

#include <stddef.h>
#include <stdint.h>

#define CRYPTOPAN_KEY_BYTES 32 /* 16 of the AES key, then 16 that the pad is made from */

struct cryptopan;

/* cryptopan_new - Returns: 0; aes128_new's errors. The key is not kept as such. cryptopan_map needs
 * no system call. */
int cryptopan_new(const uint8_t key[CRYPTOPAN_KEY_BYTES], struct cryptopan **ret_cryptopan);

/*
 * cryptopan_map - what an address becomes.
 *
 * Takes:    addr of `bytes` bytes, 4 or 16; ret_addr of as many, which may be addr.
 */
void cryptopan_map(struct cryptopan *c, const uint8_t *addr, size_t bytes, uint8_t *ret_addr);

/* cryptopan_free - takes NULL. Wipes the key. */
void cryptopan_free(struct cryptopan *c);

#endif
