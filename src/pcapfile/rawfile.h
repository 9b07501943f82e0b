/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of an input as they lie on disk or come down a pipe: opens, reads forward only, and
 * counts, so that another thread can show how far the reading is.
 *
 * Life-cycle:  open, read until it does not return bytes, close.
 * Threads:     one at a time, but for rawfile_progress.
 */
#ifndef PCAPFILE_RAWFILE_H
#define PCAPFILE_RAWFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fileio.h"

struct rawfile;

/*
 * rawfile_open - open an input for reading.
 *
 * Takes:    path, or "-" for the standard input (which rawfile_close leaves open).
 * Returns:  0 and *ret_file; -errno of open(2) or fstat(2); -EISDIR a directory; -ENOMEM.
 * Source:   open(2), posix_fadvise(2).
 */
int rawfile_open(const char *path, struct rawfile **ret_file);

/*
 * rawfile_open_extent - read a range of an open file.
 *
 * Takes:    e of a file that can be read by offset; its descriptor stays the caller's, who may
 *           close it.
 * Returns:  as rawfile_open.
 * Source:   fcntl(2), pread(2).
 */
int rawfile_open_extent(const struct extent *e, struct rawfile **ret_file);

/*
 * rawfile_read - the next bytes, as soon as there are any.
 *
 * Takes:    f; room for capacity bytes at buffer.
 * Returns:  how many bytes were read, at most capacity; 0 at the end; -errno of read(2). A signal
 *           does not end it, and a descriptor that somebody made non-blocking is waited for.
 */
ssize_t rawfile_read(struct rawfile *f, uint8_t *buffer, size_t capacity);

/*
 * rawfile_interrupt - from now on a signal ends whatever waits for an input, with -EINTR.
 *
 * Who calls it then sends signals to the thread that may be waiting until that has ended.
 * Threads:  any. For the whole process, for good.
 */
void rawfile_interrupt(void);

/*
 * rawfile_progress - how many bytes were read.
 *
 * Takes:    f; ret_size_bytes may be NULL.
 * Returns:  bytes read so far; *ret_size_bytes is the size of the file, 0 where it has none.
 * Threads:  any, while another reads.
 */
uint64_t rawfile_progress(const struct rawfile *f, uint64_t *ret_size_bytes);

/* rawfile_close - give it back. Takes NULL. */
void rawfile_close(struct rawfile *f);

#endif
