/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves the flow files of a day into segments, the oldest flows first. A step takes as many files
 * as fill a segment: they are copied to PACK_TEMPORARY, the segment is closed, synced and named,
 * the rows are pointed at it in one transaction, and only then the files go. What a kill leaves,
 * mend_day finishes; a reader finds every part at every moment:
 *
 *     killed before the segment is named    PACK_TEMPORARY, which mend_day removes
 *     before the transaction                members without a row of theirs beside files of equal
 *                                           bytes: mend_day points the rows at the members
 *     before the files are gone             files whose rows point at members of equal bytes:
 *                                           mend_day removes them
 *
 * Threads:  one; the day is held by archive_lock_day.
 */
#ifndef ARCHIVE_PACK_H
#define ARCHIVE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"

/* In the day's directory; mend_day removes whatever is called so, with any number. */
#define PACK_TEMPORARY ".flows-1.tar.tmp"

struct pack_totals {
	uint64_t parts;    /* moved */
	uint64_t bytes;    /* of them */
	uint64_t segments; /* made */
	uint64_t left;     /* files that stay: no row tells of them, or they are damaged */
};

/* Told of every file that stays where it is, and why. */
typedef void pack_bad_fn(int32_t day, const char *name, const char *error, void *arg);

struct pack_config {
	struct archive *archive; /* open for tending */
	uint64_t segment_bytes; /* a segment that has come to this size is closed; 0: the default */
	size_t note_bytes;      /* memory for notes of what is to be moved; 0: the default */
	pack_bad_fn *bad;       /* may be NULL */
	void *arg;
};

/*
 * pack_needed - does a day have flow files at all? Needs no lock.
 *
 * Returns:  1; 0; -errno of reading its directory.
 */
int pack_needed(const struct archive *a, int32_t day);

/*
 * pack_day - move what lies in a day as files.
 *
 * Takes:    a day that is in order: mend_day was there if it was listed as dirty.
 * Returns:  0; -EAGAIN the writer wants the day: it is in order, and not done; -ENOENT it has no
 *           index; -errno: what was moved is in order, and the last step is left as by a kill.
 *           In every case *ret_totals, which tells what was moved.
 */
int pack_day(const struct pack_config *config, int32_t day, struct pack_totals *ret_totals);

#endif
