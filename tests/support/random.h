/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that look random and are the same in every run: xorshift64*, seeded by the test.
 */
#ifndef SUPPORT_RANDOM_H
#define SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state; /* any seed but 0 */
};

/* random_next - 64 bits. */
static inline uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(2685821657736338717);
}

/* random_below - a number of 0..n-1. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	return (random_next(r) >> 11) % n;
}

/* random_fill - bytes that do not compress. */
static inline void random_fill(struct random *r, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(random_next(r) >> 32);
}

#endif
