/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls on files made whole: interrupted and short calls are continued here, and nowhere
 * else. Everything returns 0 or a negative errno.
 */
#ifndef BASE_FILEIO_H
#define BASE_FILEIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* fileio_write - write all of buf. Returns: 0; -errno of write(2), some of it may be written. */
int fileio_write(int fd, const void *buf, size_t len);

/*
 * fileio_read - read until buf is full or the file ends.
 *
 * Returns:  bytes read, less than len only at the end of the file; -errno of read(2).
 */
ssize_t fileio_read(int fd, void *buf, size_t len);

/* fileio_pread - the same at an offset, which it leaves where it was. */
ssize_t fileio_pread(int fd, void *buf, size_t len, uint64_t offset);

/* fileio_size - a file's size in bytes. Returns: 0; -errno of fstat(2). */
int fileio_size(int fd, uint64_t *ret_bytes);

/*
 * fileio_mkdirs - make a directory and the parents that it lacks, below dirfd.
 *
 * Takes:    path, relative, shorter than PATH_MAX; mode as mkdir(2).
 * Returns:  0, also when it is there already; -errno of mkdirat(2).
 */
int fileio_mkdirs(int dirfd, const char *path, unsigned mode);

/*
 * fileio_replace - put text into a file so that readers find the old content or the new, whole.
 *
 * Takes:    dirfd, name; writes name.tmp beside it, syncs, renames.
 * Returns:  0; -errno.
 */
int fileio_replace(int dirfd, const char *name, const char *text, unsigned mode);

/* fileio_close - close(2) whose result says nothing new: the data was written or synced before. */
void fileio_close(int fd);

#endif
