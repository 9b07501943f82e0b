/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives the packets of one part, one after another, as the bytes that they are. The part is read a
 * few gzip members at a time and closed in between: as each member is whole in itself, neither a
 * descriptor nor the state of a codec is held, and thousands of parts can be read side by side.
 * Where even what was inflated is too much, a part can give it back and go on later.
 *
 * Of a damaged part the packets before the damage are given: none from a member that fails its
 * checksum, but the whole ones of a member that is cut.
 *
 * Life-cycle:  open, next until it does not return 1, close.
 * Threads:     a pool and its flowfiles belong to one thread.
 */
#ifndef FETCH_FLOWFILE_H
#define FETCH_FLOWFILE_H

#include <stdint.h>

#include "fetch/partfile.h"
#include "fetch/partlist.h"

/* What any number of flowfiles that take turns have in common. */
struct flowfile_pool;

/* flowfile_pool_new - Takes places, a copy is kept. Returns: 0; -ENOMEM. _free takes NULL. */
int flowfile_pool_new(const struct partfile_places *places, struct flowfile_pool **ret_pool);
void flowfile_pool_free(struct flowfile_pool *pool);

/* flowfile_pool_held - bytes that are inflated and not given yet, of all its flowfiles. */
size_t flowfile_pool_held(const struct flowfile_pool *pool);

/* flowfile_pool_inflated - bytes that were inflated so far, anew too. */
uint64_t flowfile_pool_inflated(const struct flowfile_pool *pool);

/* flowfile_pool_limit - from now on none inflates ahead more than so many bytes, and one packet. */
void flowfile_pool_limit(struct flowfile_pool *pool, size_t bytes);

struct flowfile;

/* A packet as it lies in the part: record header and captured bytes. */
struct flowfile_packet {
	const uint8_t *bytes; /* borrowed until the next call, but of flowfile_record */
	uint32_t length;
	int64_t ts_ns;
};

/*
 * flowfile_open - begin to read a part. Nothing is opened yet.
 *
 * Takes:    pool and p, borrowed until flowfile_close.
 * Returns:  0; -ENOMEM.
 */
int flowfile_open(struct flowfile_pool *pool, const struct part *p, struct flowfile **ret_file);

/*
 * flowfile_next - the next packet.
 *
 * Returns:  1 and *ret_packet; 0 after the last, and the part is what the index says it is;
 *           -EBADMSG it is damaged, or not what the index says; -ENOENT it is missing, or gone by
 *           now; -ENOMEM; -errno of open(2) or read(2). After anything but 1, the same answer is
 *           given for ever.
 * Source:   RFC 1952, zlib.h.
 */
int flowfile_next(struct flowfile *f, struct flowfile_packet *ret_packet);

/* flowfile_again - the packet that flowfile_next gave last, also after flowfile_evict. */
int flowfile_again(struct flowfile *f, struct flowfile_packet *ret_packet);

/* flowfile_evict - give back what is inflated; it is inflated anew when it is asked for. */
void flowfile_evict(struct flowfile *f);

/* flowfile_held - bytes of this one that are inflated. */
size_t flowfile_held(const struct flowfile *f);

/* flowfile_number - the number, from 1, of the packet that was given last. */
uint64_t flowfile_number(const struct flowfile *f);

/* flowfile_record - as partfile_record; "" also where the part cannot be opened any more. */
const char *flowfile_record(struct flowfile *f, char *buf);

/* flowfile_error - what went wrong, in words, without the part's path; "" if nothing did. */
const char *flowfile_error(const struct flowfile *f);

/* flowfile_part - the part, with the place where it lies now. Good until the file is closed. */
const struct part *flowfile_part(const struct flowfile *f);

/* flowfile_close - takes NULL. */
void flowfile_close(struct flowfile *f);

#endif
