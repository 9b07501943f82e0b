/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the bytes of a part, wherever they lie: a file of its own, or a range of a segment. Since
 * the index was asked the part may have been moved (pack) or removed (prune); then the index is
 * asked once more.
 *
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_PARTFILE_H
#define FETCH_PARTFILE_H

#include <stddef.h>

#include "archive/archive.h"
#include "base/fileio.h"
#include "fetch/partlist.h"
#include "pcapfile/fault.h"

/* What is said of a part that was pruned after it had been found; other words may stand before. */
#define PARTFILE_REMOVED "removed since it was found"

/*
 * Looks up where a part lies now.
 *
 * Takes:    p, a copy of the part, whose place it sets; arg.
 * Returns:  0; -ENOENT it is gone; -errno.
 */
typedef int partfile_locate_fn(struct part *p, void *arg);

struct partfile_places {
	const struct archive *archive;
	partfile_locate_fn *locate; /* NULL: a part is where it was, or nowhere */
	void *locate_arg;
};

/*
 * partfile_open - open a part for reading.
 *
 * Takes:    w; p; *moved, NULL or what an earlier call set: where p lies now, which the caller
 *           frees in the end.
 * Returns:  0 and *ret_extent, whose descriptor the caller closes: a file as long as it is, of a
 *           segment no byte beyond the part; -ENOENT it is gone, or missing; -ENOMEM; -errno of
 *           open(2); but for 0 with words in fault.
 * Source:   open(2): the last component is no link, and nothing is waited for.
 */
int partfile_open(const struct partfile_places *w, const struct part *p, struct part **moved,
    struct extent *ret_extent, struct fault *fault);

/* Told of a part that cannot be given: where it lies, from the archive on, and the reason. */
typedef void partfile_bad_fn(const char *path, const char *reason, void *arg);

/* partfile_complain - tell of a part. Of one in a segment the reason says which it is. */
void partfile_complain(
    const struct part *p, const char *reason, partfile_bad_fn *bad, void *bad_arg);

#define PARTFILE_RECORD_SIZE 1100

/*
 * partfile_record - the record at the end of a part, as it stands there, without its line feed.
 *
 * Takes:    e; buf of PARTFILE_RECORD_SIZE bytes.
 * Returns:  buf; "" where there is none, or what stands there is no record.
 */
const char *partfile_record(const struct extent *e, char *buf);

#endif
