/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of a day's flow files, and which of them have been dealt with. Small, as a day may have
 * a million.
 *
 * Threads:  one.
 */
#ifndef FETCH_DAYFILES_H
#define FETCH_DAYFILES_H

#include <stddef.h>

struct dayfiles;

typedef void dayfiles_fn(const char *name, void *arg);

/*
 * dayfiles_read - note the flow files of a directory, none of them marked.
 *
 * Takes:    dirfd, left as it is; stranger, called with every name that flowkeep does not make.
 * Returns:  0; -ENOMEM; -errno of reading the directory.
 */
int dayfiles_read(int dirfd, dayfiles_fn *stranger, void *arg, struct dayfiles **ret_files);

/* dayfiles_count - how many there are. */
size_t dayfiles_count(const struct dayfiles *f);

/* dayfiles_mark - mark a name; one that is not there is passed over. */
void dayfiles_mark(struct dayfiles *f, const char *name);

/* dayfiles_each_unmarked - call fn with every name that is not marked, in the order of names. */
void dayfiles_each_unmarked(const struct dayfiles *f, dayfiles_fn *fn, void *arg);

/* dayfiles_free - takes NULL. */
void dayfiles_free(struct dayfiles *f);

#endif
