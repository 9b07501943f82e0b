/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls on files made whole: interrupted and short calls are continued here, and nowhere
 * else. Everything returns 0 or a negative errno.
 */
#ifndef BASE_FILEIO_H
#define BASE_FILEIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A range of an open file: a flow file of its own, or one within a segment. */
struct extent {
	int fd;
	uint64_t offset;
	uint64_t length; /* EXTENT_REST: to the end of the file */
};

#define EXTENT_REST UINT64_MAX

/* fileio_is_want - is a -errno about what the machine lacks, and not about the file? Then another
 * time may do better. */
bool fileio_is_want(int rv);

/* fileio_write - write all of buf. Returns: 0; -errno of write(2), some of it may be written. */
int fileio_write(int fd, const void *buf, size_t len);

/* fileio_pwrite - the same at an offset, which it leaves where it was. Not with O_APPEND. */
int fileio_pwrite(int fd, const void *buf, size_t len, uint64_t offset);

/*
 * fileio_read - read until buf is full or the file ends.
 *
 * Returns:  bytes read, less than len only at the end of the file; -errno of read(2).
 */
ssize_t fileio_read(int fd, void *buf, size_t len);

/* fileio_pread - the same at an offset, which it leaves where it was. */
ssize_t fileio_pread(int fd, void *buf, size_t len, uint64_t offset);

/* fileio_pread_extent - the same within a range: at, from its start; no byte beyond its end. */
ssize_t fileio_pread_extent(const struct extent *e, void *buf, size_t len, uint64_t at);

/* fileio_extent - the whole of an open file, as long as it is now. Returns: 0; -errno. */
int fileio_extent(int fd, struct extent *ret_extent);

/*
 * fileio_same_extents - do two ranges of equal length hold the same bytes?
 *
 * Returns:  1; 0, also where `a` cannot be read or either is shorter than it claims; -errno of
 *           reading `b`.
 */
int fileio_same_extents(const struct extent *a, const struct extent *b);

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
 * fileio_open_dir - open a directory, no part of whose path below dirfd is a link.
 *
 * Takes:    dirfd; path, relative; make_mode, of directories that are made where they are missing,
 *           or -1: none is.
 * Returns:  a descriptor that the caller closes; -ENOTDIR a part is no directory, or is a link;
 *           -errno of openat(2) and mkdirat(2).
 */
int fileio_open_dir(int dirfd, const char *path, int make_mode);

/*
 * fileio_replace - put text into a file so that readers find the old content or the new, whole.
 *
 * Takes:    dirfd, name; writes name.tmp beside it, syncs, renames.
 * Returns:  0; -errno.
 */
int fileio_replace(int dirfd, const char *name, const char *text, unsigned mode);

/*
 * fileio_rename_new - give a file another name, which nothing may have yet.
 *
 * Where the file system cannot do that in one step, the file has two names for a moment, never
 * none. Returns:  0; -EEXIST the name is taken; -errno of renameat2(2), linkat(2), unlinkat(2).
 */
int fileio_rename_new(int from_dir, const char *from, int to_dir, const char *to);

/* fileio_close - close(2) whose result says nothing new: the data was written or synced before. */
void fileio_close(int fd);

#endif
