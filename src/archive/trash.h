/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How days leave an archive: out of sight in one rename, to DIR/.trash, and then file by file. Who
 * is killed in between leaves a remainder there that the next one removes.
 *
 * To remove something takes some room: a list is written anew, a row goes. DIR/.reserve is that
 * room, kept for the day when the disk is full.
 *
 * Threads:  any; also several processes at once.
 */
#ifndef ARCHIVE_TRASH_H
#define ARCHIVE_TRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"

#define TRASH_DIRECTORY     ".trash"
#define TRASH_RESERVE       ".reserve"
#define TRASH_RESERVE_BYTES (256u << 10)

/*
 * trash_move_day - move a day's directory to the trash, and remove its month and year where they
 * are empty then. The day is held by archive_lock_day.
 *
 * Returns:  0; -errno of renameat(2) and of syncing it: nothing may be removed.
 */
int trash_move_day(struct archive *a, int32_t day);

/*
 * trash_empty - remove what lies in the trash.
 *
 * Takes:    stop, see prune.h.
 * Returns:  0, also where it was told to stop; -errno of the first thing that cannot be removed:
 *           the others are gone.
 */
int trash_empty(struct archive *a, const _Atomic bool *stop);

/* trash_reserve - make the reserve where it is missing, and make the trash. A full disk has none.
 */
void trash_reserve(struct archive *a);

/* trash_has_reserve - is it there? */
bool trash_has_reserve(const struct archive *a);

/* trash_spend - give the reserve away. Returns: was there one? */
bool trash_spend(struct archive *a);

#endif
