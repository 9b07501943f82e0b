/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock file of an archive: single bytes of it are held, so that one process may have one thing
 * in hand and another the next. What is held ends with the descriptor, whatever happens to the
 * process. A lock belongs to the description: all threads that use a descriptor hold it together.
 *
 * Threads:  any.
 * Source:   fcntl(2), "Open file description locks".
 */
#ifndef ARCHIVE_LOCKFILE_H
#define ARCHIVE_LOCKFILE_H

#include <stdbool.h>
#include <stdint.h>

#define LOCKFILE_NAME   ".lock"
#define LOCKFILE_WRITER INT64_C(0)         /* who writes new flows */
#define LOCKFILE_LIST   (INT64_C(1) << 33) /* who changes .dirty: behind the byte of every day */

/* lockfile_day - the byte of a day. */
static inline int64_t lockfile_day(int32_t day)
{
	return 1 + (int64_t)(uint32_t)day; /* days before 1970 come behind all others */
}

enum lockfile_wait { LOCKFILE_TRY, LOCKFILE_WAIT };

/* lockfile_open - made where it is missing. Returns: a descriptor; -errno of openat(2). */
int lockfile_open(int root);

/* lockfile_take - Returns: 0; -EAGAIN it is held by others (only LOCKFILE_TRY); -errno. */
int lockfile_take(int fd, int64_t byte, enum lockfile_wait wait);

/* lockfile_release - also what is not held. */
void lockfile_release(int fd, int64_t byte);

/* lockfile_held - does anybody hold a byte? Takes no lock, and needs no permission to write. */
bool lockfile_held(int root, int64_t byte);

#endif
