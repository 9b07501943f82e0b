/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generator's dice: the same throws for the same seed on every machine and compiler, so a
 * capture can be named by its options alone. Integers only, for floating point differs; and callers
 * draw one value per statement, for C does not say in which order an expression draws two.
 */
#ifndef TOOLS_FLOWGEN_RANDOM_H
#define TOOLS_FLOWGEN_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define FLOWGEN_PPM 1000000u /* fractions are kept in millionths */

struct flowgen_random {
	uint64_t state;
};

/* flowgen_mix - scatter 64 bits (the finalizer of SplitMix64, Steele, Lea and Flood, 2014). */
static inline uint64_t flowgen_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* flowgen_random_next - 64 new bits. */
static inline uint64_t flowgen_random_next(struct flowgen_random *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return flowgen_mix(r->state);
}

/* flowgen_random_below - a number in 0..limit-1, or 0 where limit is 0. */
static inline uint64_t flowgen_random_below(struct flowgen_random *r, uint64_t limit)
{
	uint64_t x = flowgen_random_next(r);

	return limit == 0 ? 0 : x % limit;
}

/* flowgen_random_chance - true in ppm of a million throws. */
static inline bool flowgen_random_chance(struct flowgen_random *r, uint32_t ppm)
{
	return flowgen_random_below(r, FLOWGEN_PPM) < ppm;
}

#endif
