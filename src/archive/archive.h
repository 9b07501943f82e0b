/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive directory as a whole: its lock, its staging area, the days that it holds and the list
 * of those that may be out of step with their index.
 *
 *     DIR/.lock      held (fcntl, open file description) by the one writer of new flows
 *     DIR/.dirty     days being written, a path per line; struck out once their index is complete
 *     DIR/.staging   flow files that are not published yet
 *
 * Life-cycle:  open, use, close.
 * Threads:     any; archive_touch_day and the strike functions lock inside.
 */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive;

enum archive_mode { ARCHIVE_READ, ARCHIVE_WRITE };

#define ARCHIVE_FILE_MODE 0640
#define ARCHIVE_DIR_MODE  0750

/*
 * archive_open - open an archive to read it, or as its one writer.
 *
 * Takes:    path; to write, it and its parents are made where they are missing.
 * Returns:  0; -EAGAIN another writer holds the lock; -errno of the call that failed.
 */
int archive_open(const char *path, enum archive_mode mode, struct archive **ret_archive);

/* archive_path - absolute. archive_root, archive_staging - descriptors, -1 where there is none. */
const char *archive_path(const struct archive *a);
int archive_root(const struct archive *a);
int archive_staging(const struct archive *a);

/* archive_serial - a number for a staged file that nothing in .staging has yet. Threads: any. */
uint64_t archive_serial(struct archive *a);

/*
 * archive_touch_day - make a day's directory, and list the day as dirty, before its first write.
 *
 * Returns:  a directory descriptor that the caller closes; -errno.
 */
int archive_touch_day(struct archive *a, int32_t day);

/* archive_strike_day - the day's index is complete: take it off the list. Returns: 0; -errno. */
int archive_strike_day(struct archive *a, int32_t day);

/* archive_day_dirty - is the day listed? (As read at open, and kept by this process since.) */
bool archive_day_dirty(struct archive *a, int32_t day);

/*
 * archive_open_day - a day's directory for reading.
 *
 * Returns:  a descriptor that the caller closes; -errno of openat(2).
 */
int archive_open_day(const struct archive *a, int32_t day);

/*
 * archive_days - the days that have a directory, or the dirty ones, oldest first.
 *
 * Returns:  0 and *ret_days, which the caller frees; -errno.
 */
int archive_days(const struct archive *a, int32_t **ret_days, size_t *ret_count);
int archive_dirty_days(struct archive *a, int32_t **ret_days, size_t *ret_count);

/* archive_has_writer - does any process hold the writer's lock now? */
bool archive_has_writer(const struct archive *a);

/* archive_close - takes NULL and half-built ones. */
void archive_close(struct archive *a);

#endif
