/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers in the byte order of a file. Capture files are written in the order of the host that made
 * them; whoever reads one finds out which by its magic number, and reads through here.
 */
#ifndef PCAPFILE_BYTEORDER_H
#define PCAPFILE_BYTEORDER_H

#include <stdint.h>

enum byteorder { BYTEORDER_LITTLE, BYTEORDER_BIG };

/* byteorder_get16 - the 16-bit number at p, which need not be aligned. */
static inline uint16_t byteorder_get16(enum byteorder order, const uint8_t *p)
{
	if (order == BYTEORDER_BIG)
		return (uint16_t)(p[0] << 8 | p[1]);
	return (uint16_t)(p[1] << 8 | p[0]);
}

/* byteorder_get32 - the 32-bit number at p, which need not be aligned. */
static inline uint32_t byteorder_get32(enum byteorder order, const uint8_t *p)
{
	if (order == BYTEORDER_BIG)
		return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* byteorder_get64 - the 64-bit number at p, which need not be aligned. */
static inline uint64_t byteorder_get64(enum byteorder order, const uint8_t *p)
{
	uint64_t a = byteorder_get32(order, p);
	uint64_t b = byteorder_get32(order, p + 4);

	return order == BYTEORDER_BIG ? a << 32 | b : b << 32 | a;
}

#endif
