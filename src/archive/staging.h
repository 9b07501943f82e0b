/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies in .staging, by name.
 *
 * Threads:  any.
 */
#ifndef ARCHIVE_STAGING_H
#define ARCHIVE_STAGING_H

#include <stddef.h>

struct staging {
	char **names; /* of any bytes, sorted: in the order in which their flows began */
	size_t count, room;
};

/*
 * staging_read - all names in a directory, before any of them is changed.
 *
 * Takes:    dirfd, whose position is left where it is.
 * Returns:  0 and *ret_staging, for staging_free; -ENOMEM; -errno.
 */
int staging_read(int dirfd, struct staging *ret_staging);

/* staging_free - empties it. */
void staging_free(struct staging *s);

#endif
