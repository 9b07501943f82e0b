/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See checksum.h. Words are added as memory holds them: the sum of swapped words is the swapped
 * sum, and 64-bit words add up to the same as the 16-bit ones in them, since 2^64 - 1 is a multiple
 * of 2^16 - 1. Source: RFC 1071, section 2.
 */
#include "packet/checksum.h"

#include <string.h>

/* Carries gather in the upper half, which no packet is long enough to fill. */
typedef unsigned __int128 u128;

static inline uint64_t word_at(const uint8_t *data)
{
	uint64_t w;

	memcpy(&w, data, sizeof(w));
	return w;
}

/* The last 0 to 7 bytes as a word: zeros beside them do not count, an even place keeps its parity.
 */
static inline uint64_t tail_at(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint32_t w32;
	uint16_t w16;

	if (len & 4) {
		memcpy(&w32, data, sizeof(w32));
		sum += w32;
		data += sizeof(w32);
	}
	if (len & 2) {
		memcpy(&w16, data, sizeof(w16));
		sum += w16;
		data += sizeof(w16);
	}
	if (len & 1) {
		const uint8_t padded[2] = {*data, 0};

		memcpy(&w16, padded, sizeof(w16));
		sum += w16;
	}
	return sum;
}

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len)
{
	u128 wide = sum;

	/* Four at a time: half the time of one by one for a full packet. */
	for (; len >= 32; data += 32, len -= 32) {
		wide += word_at(data);
		wide += word_at(data + 8);
		wide += word_at(data + 16);
		wide += word_at(data + 24);
	}
	for (; len >= 8; data += 8, len -= 8)
		wide += word_at(data);
	wide += tail_at(data, len);
	/* Twice: the carries may carry. */
	wide = (uint64_t)wide + (wide >> 64);
	return (uint64_t)wide + (uint64_t)(wide >> 64);
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
