/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive directory as a whole: its lock, its staging area, the days that it holds and the list
 * of those that may be out of step with their index.
 *
 *     DIR/.lock      byte 0 is held (fcntl, open file description) by the one writer of new flows;
 *                    byte 1 + N by who changes the day numbered N: the writer, or a tool
 *     DIR/.dirty     days being changed, see dirtylist.h; struck out once their index is complete
 *     DIR/.staging   flow files that are not published yet
 *
 * Life-cycle:  open, use, close.
 * Threads:     any; what concerns days locks inside.
 */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive;

enum archive_mode {
	ARCHIVE_READ,
	ARCHIVE_WRITE, /* as the one writer of new flows */
	ARCHIVE_TEND   /* to change days that the writer has not in hand, see archive_lock_day */
};

#define ARCHIVE_FILE_MODE 0640
#define ARCHIVE_DIR_MODE  0750

/*
 * archive_open - open an archive to read it, as its one writer, or to tend it.
 *
 * Takes:    path; to write, it and its parents are made where they are missing; to tend, nothing is
 *           made but the lock file.
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
 * archive_touch_day - the writer: take a day in hand before the first write to it. It is listed as
 * dirty, locked, and its directory made; a tool that has it is waited for, which gives way between
 * two steps of its work. Whoever touches leaves.
 *
 * Returns:  a directory descriptor that the caller closes; -errno.
 */
int archive_touch_day(struct archive *a, int32_t day);

/* archive_leave_day - undoes one archive_touch_day: all that was written is told to the catalog. */
void archive_leave_day(struct archive *a, int32_t day);

/* archive_day_users - how often a day was touched and not left. */
unsigned archive_day_users(struct archive *a, int32_t day);

/*
 * archive_strike_day - the day's index is complete: take it off the list, and unlock it. A day that
 * this handle has not touched stays as it is: who mends it takes it off, see archive_recover_day.
 *
 * Returns:  0, also where it is not listed; -EBUSY somebody has touched and not left it, or has
 *           locked it; -errno.
 */
int archive_strike_day(struct archive *a, int32_t day);

/*
 * archive_lock_day - a tool (or retention in the writer): take a day in hand that nobody else has.
 * It is listed as dirty until archive_unlock_day; who is killed in between leaves it to be mended.
 *
 * Returns:  0; -EAGAIN the writer or another tool has it; -ENOENT it has no directory; -errno.
 */
int archive_lock_day(struct archive *a, int32_t day);

/*
 * archive_recover_day - the same for the writer at its start, before it has a catalog: also a day
 * that it has touched and left.
 *
 * Returns:  as archive_lock_day; at -ENOENT it is listed no longer.
 */
int archive_recover_day(struct archive *a, int32_t day);

/*
 * archive_day_unmended - the day that archive_lock_day gave was listed before that, by somebody who
 * was killed: it must be mended (see mend.h) before it is unlocked as clean.
 */
bool archive_day_unmended(struct archive *a, int32_t day);

/* ARCHIVE_UNLOCK_CLEAN: it is in order again. ARCHIVE_UNLOCK_DIRTY: it is not, it stays listed. */
enum archive_unlock { ARCHIVE_UNLOCK_CLEAN, ARCHIVE_UNLOCK_DIRTY };

/* archive_unlock_day - ends archive_lock_day and archive_recover_day. */
void archive_unlock_day(struct archive *a, int32_t day, enum archive_unlock how);

/* archive_day_wanted - the writer waits for a day that a tool has locked: give way soon. */
bool archive_day_wanted(struct archive *a, int32_t day);

/* archive_mark_segment - this process is writing to a segment, or no longer. */
int archive_mark_segment(struct archive *a, int32_t day, uint32_t number, bool open);

/* archive_segment_open - is this process writing to a segment? */
bool archive_segment_open(struct archive *a, int32_t day, uint32_t number);

/* archive_day_dirty - is the day listed, by whomever? (As read at open, and kept since.) */
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
