/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DIR/damaged: where a repair puts what it cannot mend, under the same path as before. Nothing
 * there is ever replaced, and nothing else looks there.
 *
 * Threads:  one at a time.
 */
#ifndef FETCH_DAMAGED_H
#define FETCH_DAMAGED_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"

#define DAMAGED_PATH_SIZE 320
#define DAMAGED_DIRECTORY "damaged"

/* Where things come from. */
struct damaged_from {
	const struct archive *archive; /* that has the directory `damaged` */
	const char *prefix;            /* of the day's path: "", or "pinned/" */
	int32_t day;
	int dirfd; /* of the day */
};

/*
 * damaged_move - move a name from a day's directory to damaged/; a number is put behind it where it
 * is taken there.
 *
 * Takes:    f; name; ret_path of DAMAGED_PATH_SIZE bytes, for where it is now, from the archive on.
 * Returns:  0; -ENOENT there is no such name; -EMLINK too many of that name; -errno.
 */
int damaged_move(const struct damaged_from *f, const char *name, char *ret_path);

/*
 * damaged_save - copy a range of a file to a new file in damaged/, and put it on disk.
 *
 * Takes:    as damaged_move; fd, from, to: which bytes.
 * Returns:  0; -errno.
 */
struct damaged_bytes {
	int fd;
	uint64_t from, to;
};

int damaged_save(const struct damaged_from *f, const char *name, const struct damaged_bytes *bytes,
    char *ret_path);

#endif
