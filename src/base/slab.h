/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory budget. Chunks of a few fixed sizes are cut from slabs of 64 KiB; the budget counts
 * slabs taken, so it is hard. An empty slab serves any size again or goes back to the system.
 *
 * Life-cycle:  new; get, put; free when every chunk is back (or lost with the process).
 * Threads:     one owner gets, waits and moves; any thread puts.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_BYTES     65536u
#define SLAB_MIN_BYTES (128 * (uint64_t)SLAB_BYTES) /* smallest budget: 8 MiB */

struct slab;

struct chunk {
	struct chunk *next;        /* the owner's chain; NULL ends it */
	uint32_t used;             /* bytes of data[] in use */
	uint32_t records : 15;     /* how many are in there; slab.c only sets it to 0 */
	uint32_t size_class : 4;   /* private to slab.c */
	uint32_t chain_units : 13; /* for the holder: what its chain costs up to here, in units */
	uint8_t data[];
};

#define CHUNK_HEADER_BYTES   16u
#define CHUNK_UNIT_BYTES     64u             /* every chunk costs a multiple of this */
#define CHUNK_MAX_DATA_BYTES (262144u + 16u) /* one record of an offloaded super-packet */
#define CHUNK_MAX_PLAIN_BYTES \
	(SLAB_BYTES - CHUNK_HEADER_BYTES) /* the largest ordinary chunk's data */

/*
 * slab_new - a budget of max_bytes, rounded down to whole slabs. Memory is touched as it is used.
 *
 * Takes:    max_bytes, at least SLAB_MIN_BYTES.
 * Returns:  0; -ENOMEM.
 */
int slab_new(uint64_t max_bytes, struct slab **ret_slab);

/*
 * slab_get - a chunk with room for at least data_bytes (at most CHUNK_MAX_DATA_BYTES).
 *
 * Returns:  0; -ENOMEM the budget is used up (now: others may be about to put).
 * Owner:    the caller, with next NULL, used and records 0.
 * Threads:  the owner.
 */
int slab_get(struct slab *s, size_t data_bytes, struct chunk **ret_chunk);

/*
 * slab_put - give back a chain of chunks.
 *
 * Takes:    chain, or NULL.
 * Threads:  any.
 */
void slab_put(struct slab *s, struct chunk *chain);

/*
 * slab_wait - wait until something was put since the last get or wait, and take it in.
 *
 * Threads:  the owner, which must know that others hold chunks.
 */
void slab_wait(struct slab *s);

/* chunk_bytes - what a chunk costs; chunk_room - bytes of data[] still free. Threads: its holder.
 */
uint32_t chunk_bytes(const struct chunk *c);
uint32_t chunk_room(const struct chunk *c);

/* slab_cost_bytes - what a chunk for data_bytes would cost. */
uint32_t slab_cost_bytes(size_t data_bytes);

/*
 * slab_live_bytes - chunk bytes that are out, as far as the owner has taken notice of puts.
 * slab_taken_bytes - slabs taken, in bytes: what the budget counts.
 *
 * Threads:  live: the owner; taken: any.
 */
uint64_t slab_live_bytes(const struct slab *s);
uint64_t slab_taken_bytes(const struct slab *s);

/*
 * slab_compact_begin, slab_compact - empty sparse slabs by moving chunks into fuller ones.
 *
 * When no slab is left although little is in use, the owner begins, then offers each of its own
 * chunks once. Returns the chunk, or its new place: the old one is gone.
 * Threads:  the owner.
 */
void slab_compact_begin(struct slab *s);
struct chunk *slab_compact(struct slab *s, struct chunk *c);

/* slab_free - takes NULL. */
void slab_free(struct slab *s);

#endif
