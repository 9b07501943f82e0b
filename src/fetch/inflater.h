/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inflates the gzip members of a part, one after another, into one buffer that grows. One inflater
 * does for any number of parts that take turns.
 *
 * Life-cycle:  new; then begin, and next as often as wanted; free.
 * Threads:     an inflater belongs to one thread.
 * Source:      RFC 1952, zlib.h.
 */
#ifndef FETCH_INFLATER_H
#define FETCH_INFLATER_H

#include <stddef.h>
#include <stdint.h>

#include "base/fileio.h"
#include "pcapfile/fault.h"

/* Most bytes that members inflate to together, between begin and the next begin. */
#define INFLATER_MAX_BYTES (64u << 20)

struct inflater;

/* inflater_new - Returns: 0; -ENOMEM. */
int inflater_new(struct inflater **ret_inflater);

/* inflater_begin - go to the member at an offset of e, with an empty buffer. */
void inflater_begin(struct inflater *n, const struct extent *e, uint64_t offset);

/*
 * inflater_next - inflate the next member behind what is in the buffer.
 *
 * Returns:  1; 0 there is none: e ends properly; -EBADMSG the member is damaged, and nothing of it
 *           is in the buffer, or it is cut, and what is there of it is, or there is too much; it is
 *           met again by the next call; -ENOMEM; -errno of pread(2); but for 1 and 0 with words in
 *           fault.
 */
int inflater_next(struct inflater *n, struct fault *fault);

/* inflater_bytes - the buffer, good until the next call. inflater_offset - of the next member. */
const uint8_t *inflater_bytes(const struct inflater *n, size_t *ret_count);
uint64_t inflater_offset(const struct inflater *n);

/* inflater_free - takes NULL. */
void inflater_free(struct inflater *n);

#endif
