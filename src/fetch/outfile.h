/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where fetched packets go: the standard output, or a file that appears under its name when it is
 * whole. Nothing is made before the first byte.
 *
 * Life-cycle:  new, write, commit, free; without commit, free leaves no file.
 * Threads:     one.
 */
#ifndef FETCH_OUTFILE_H
#define FETCH_OUTFILE_H

#include <stddef.h>
#include <stdint.h>

struct outfile;

/* As it is given, or as gzip members of about 64 KiB each, which end where a write does. */
enum outfile_form { OUTFILE_PLAIN, OUTFILE_GZIP };

/*
 * outfile_new - Takes path, borrowed; NULL or "-" for the standard output.
 * Returns:  0; -ENOMEM.
 */
int outfile_new(const char *path, enum outfile_form form, struct outfile **ret_file);

/*
 * outfile_write - append bytes, through a buffer.
 *
 * Takes:    n, below 1 GiB.
 * Returns:  0; -errno, and for ever after.
 */
int outfile_write(struct outfile *o, const void *bytes, size_t n);

/*
 * outfile_commit - write what is buffered and put the file in its place. A file that is there is
 * replaced; a device or a pipe is written to as it is. Does nothing if nothing was written.
 *
 * Returns:  0; -errno.
 * Source:   rename(2), open(2) on O_TMPFILE.
 */
int outfile_commit(struct outfile *o);

/* outfile_free - takes NULL. */
void outfile_free(struct outfile *o);

#endif
