/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks whose content can be told: what the tests of the memory budget share.
 */
#ifndef SUPPORT_CHUNKS_H
#define SUPPORT_CHUNKS_H

#include <check.h>
#include <string.h>

#include "base/slab.h"
#include "support/quick.h"

/* What chunks of each size cost; one for super-packets comes after these. */
static const uint32_t chunks_classes[] = {
    128, 192, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};
enum { CHUNKS_CLASSES = sizeof(chunks_classes) / sizeof(chunks_classes[0]) };

/* The smallest budget, in bytes and in slabs. */
#define BUDGET SLAB_MIN_BYTES
#define SLABS  (BUDGET / SLAB_BYTES)

static inline uint32_t chunks_room(int class)
{
	return chunks_classes[class] - CHUNK_HEADER_BYTES;
}

static inline struct slab *chunks_new_slab(uint64_t budget)
{
	struct slab *s;

	ck_assert_int_eq(slab_new(budget, &s), 0);
	return s;
}

/* Fills a chunk with a pattern of its own; chunks_check tells whether anybody else wrote to it. */
static inline void chunks_fill(struct chunk *c, uint32_t used, uint32_t mark)
{
	quick_assert(used <= chunk_room(c) + c->used);
	c->used = used;
	for (uint32_t at = 0; at < used; at += 4) {
		uint32_t word = (mark + 1) * 2654435761u + at;

		memcpy(c->data + at, &word, used - at < 4 ? used - at : 4);
	}
}

static inline void chunks_check(const struct chunk *c, uint32_t used, uint32_t mark)
{
	quick_assert(c->used == used);
	for (uint32_t at = 0; at < used; at += 4) {
		uint32_t word = (mark + 1) * 2654435761u + at;

		if (memcmp(c->data + at, &word, used - at < 4 ? used - at : 4) != 0)
			ck_abort_msg("byte %u of chunk %u was overwritten", at, mark);
	}
}

/* One held chunk: its bytes are `used` of pattern `mark`. */
struct chunks_held {
	struct chunk *chunk;
	uint32_t used, mark;
};

static inline void chunks_hold(struct slab *s, struct chunks_held *h, uint32_t bytes, uint32_t mark)
{
	*h = (struct chunks_held){.used = bytes, .mark = mark};
	quick_assert(slab_get(s, bytes, &h->chunk) == 0);
	chunks_fill(h->chunk, h->used, mark);
}

#endif
