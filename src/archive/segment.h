/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment: a tar archive in the directory of a day, DIR/YYYY/MM/DD/flows-N.tar, that holds many
 * flow files, one after another, under the names that they would have as files. It only grows while
 * its writer has it, and ends with two blocks of zeros once that has closed it.
 *
 * Threads:  any; each scan belongs to one.
 */
#ifndef ARCHIVE_SEGMENT_H
#define ARCHIVE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/layout.h"
#include "archive/tarfmt.h"

struct segment_member {
	char uuid[LAYOUT_UUID_SIZE];
	uint32_t part;
	uint64_t header_offset; /* where its header begins */
	uint64_t offset;        /* where the flow file begins */
	uint64_t length;        /* of the flow file */
	uint64_t next;          /* where the next header would begin */
};

/* Going from member to member; content is not read. */
struct segment_scan {
	int fd;        /* borrowed */
	uint64_t at;   /* where the next header begins, or would */
	uint64_t size; /* of the file; updated when the scan comes to its end */
	bool closed;   /* the zeros that end a segment were seen at `at` */
};

/*
 * segment_scan_begin - Takes fd, open for reading; from, 0 or the `next` of a member.
 * Returns:  0; -errno of fstat(2).
 */
int segment_scan_begin(struct segment_scan *s, int fd, uint64_t from);

/*
 * segment_scan_next - the next member that is there as a whole, as far as lengths tell.
 *
 * Returns:  1 and *ret_member; 0 the segment ends here, properly (s->closed tells whether the zeros
 *           are there); -ENODATA it ends inside a header, a member or its padding, or inside the
 *           zeros: a writer is at work, or was killed; -EBADMSG what comes is no member of ours, or
 *           something follows the zeros, or the file ends before s->at; -errno of pread(2). s->at
 * stays where the last whole member ended.
 */
int segment_scan_next(struct segment_scan *s, struct segment_member *ret_member);

/*
 * segment_create - a new segment in a day's directory, under the first free number.
 *
 * Takes:    dirfd; *number, where to begin (at least 1).
 * Returns:  a descriptor open for reading and writing, and *number; -errno of openat(2).
 */
int segment_create(int dirfd, uint32_t *number);

/* segment_open - open one for reading. Returns: a descriptor; -errno; -EBADMSG no regular file. */
int segment_open(int dirfd, uint32_t number);

/* segment_open_rw - the same for reading and writing. */
int segment_open_rw(int dirfd, uint32_t number);

/*
 * segment_end - write the zeros that end a segment at an offset, and cut what is behind them.
 *
 * Returns:  0; -errno.
 */
int segment_end(int fd, uint64_t at);

/*
 * segment_numbers - the numbers of the segments of a day, in ascending order.
 *
 * Returns:  0 and *ret_numbers, which the caller frees; -ENOMEM; -errno.
 */
int segment_numbers(int dirfd, uint32_t **ret_numbers, size_t *ret_count);

#endif
