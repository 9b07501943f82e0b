/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One part of a flow held against what is said of it: is there a flow file where its row says, does
 * it hold what its name and its record say, and what the row says?
 *
 * Threads:  any.
 */
#ifndef FETCH_PARTCHECK_H
#define FETCH_PARTCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/record.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "base/fileio.h"

/*
 * partcheck_member - read a member of a segment from end to end.
 *
 * Takes:    fd of the segment, its day and its number; m; ret_error of RESCAN_ERROR_SIZE bytes.
 * Returns:  0 and *ret_record, as the index should hold it; -EBADMSG, -errno as rescan_file.
 */
int partcheck_member(int fd, int32_t day, uint32_t segment, const struct segment_member *m,
    struct record *ret_record, char *ret_error);

/* partcheck_same_place - do two records tell of the same flow file? */
bool partcheck_same_place(const struct record *a, const struct record *b);

/*
 * partcheck_is_there - is there a file, or a member, of the name and at the place of a row? Its
 * content is not read.
 *
 * Takes:    dirfd of the day; row.
 */
bool partcheck_is_there(int dirfd, const struct record *row);

/*
 * partcheck_read - read the flow file that a row points at from end to end.
 *
 * Returns:  as partcheck_member; -ENOENT nothing of its name is there.
 */
int partcheck_read(int dirfd, const struct record *row, struct record *ret_record, char *ret_error);

/*
 * partcheck_same_bytes - are the flow files at the places of two records the same, byte by byte?
 * What cannot be read is not.
 */
bool partcheck_same_bytes(int dirfd, const struct record *a, const struct record *b);

/* partcheck_same_extents - the same of two ranges of open files. */
bool partcheck_same_extents(const struct extent *a, const struct extent *b);

/*
 * partcheck_difference - the first thing that a row says of a flow file and that is not so.
 *
 * Takes:    row and file, whose places are not compared; buf of size bytes.
 * Returns:  true, and words in buf; false: they agree.
 */
bool partcheck_difference(
    const struct record *row, const struct record *file, char *buf, size_t size);

#endif
