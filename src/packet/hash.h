/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-1-3: a keyed hash, so that nobody who does not know the key can aim collisions at the
 * flow table. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
 */
#ifndef PACKET_HASH_H
#define PACKET_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

/* hash_key_random - a key from the kernel. Returns: 0; -errno of getrandom(2). */
int hash_key_random(struct hash_key *ret_key);

/*
 * hash_words - the hash of n 64-bit words.
 *
 * Takes:    words in host order: the value is for use within this process only.
 * Threads:  any; pure.
 */
uint64_t hash_words(const struct hash_key *key, const uint64_t *words, size_t n);

#endif
