/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps parts for good: DIR/pinned is an archive of its own, with the same days and indexes, that
 * nothing prunes. A part that is a file gets a second link there, one in a segment is copied.
 *
 * Threads:  one; other processes may pin at the same time.
 */
#ifndef ARCHIVE_PIN_H
#define ARCHIVE_PIN_H

#include "archive/archive.h"
#include "archive/record.h"

#define PIN_DIRECTORY "pinned"

/*
 * pin_open - the archive of pinned parts within an archive.
 *
 * Takes:    make: whether to make it where there is none.
 * Returns:  0; -ENOENT there is none; -errno.
 */
int pin_open(const struct archive *a, bool make, struct archive **ret_pinned);

/*
 * pin_part - keep a part; nothing happens if it is kept already.
 *
 * Takes:    a, where it lies, with day, segment, offset and length of r; pinned, from pin_open.
 * Returns:  0; -ENOENT the part is gone; -EEXIST another part has its name there; -errno.
 */
int pin_part(const struct archive *a, struct archive *pinned, const struct record *r);

/* pin_remove - keep it no longer. Returns: 0; -ENOENT it was not pinned; -errno. */
int pin_remove(struct archive *pinned, const struct record *r);

#endif
