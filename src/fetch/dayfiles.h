/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of a day's flow files, kept small, as a day may have a million, and the numbers of its
 * segments.
 *
 * Threads:  one.
 */
#ifndef FETCH_DAYFILES_H
#define FETCH_DAYFILES_H

#include <stddef.h>
#include <stdint.h>

struct dayfiles;

typedef void dayfiles_fn(const char *name, void *arg);

/*
 * dayfiles_read - note the flow files and the segments of a directory.
 *
 * Takes:    dirfd, left as it is; stranger, called with every name that flowkeep does not make.
 * Returns:  0; -ENOMEM; -errno of reading the directory.
 */
int dayfiles_read(int dirfd, dayfiles_fn *stranger, void *arg, struct dayfiles **ret_files);

/* dayfiles_count - how many flow files and segments there are. */
size_t dayfiles_count(const struct dayfiles *f);

/* dayfiles_segments - the numbers of the segments, in ascending order; they go with f. */
const uint32_t *dayfiles_segments(const struct dayfiles *f, size_t *ret_count);

/* dayfiles_each - call fn with the name of every flow file, in order. */
void dayfiles_each(const struct dayfiles *f, dayfiles_fn *fn, void *arg);

/* dayfiles_free - takes NULL. */
void dayfiles_free(struct dayfiles *f);

#endif
