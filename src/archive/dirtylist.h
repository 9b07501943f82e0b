/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list DIR/.dirty: days whose files and index may be out of step, and who is to blame.
 *
 *     2026/01/02         the writer has it in hand
 *     2026/01/02 tool    somebody else has; or had, and nobody has mended it since
 *
 * Threads:  a list belongs to one thread. Who changes the file holds LOCKFILE_LIST from reading to
 *           writing.
 */
#ifndef ARCHIVE_DIRTYLIST_H
#define ARCHIVE_DIRTYLIST_H

#include <stddef.h>
#include <stdint.h>

enum { DIRTYLIST_WRITER = 1, DIRTYLIST_TOOL = 2 };

struct dirtylist_day {
	int32_t day;
	unsigned by; /* DIRTYLIST_, never 0 */
};

struct dirtylist {
	struct dirtylist_day *days; /* in ascending order */
	size_t count, room;
};

/* dirtylist_read - Returns: 0, also where there is no such file; -ENOMEM; -errno. */
int dirtylist_read(int root, struct dirtylist *ret_list);

/* dirtylist_write - readers find the old list or the new one. Returns: 0; -errno: the old one. */
int dirtylist_write(int root, const struct dirtylist *l);

/* dirtylist_by - who has listed a day; 0: nobody. */
unsigned dirtylist_by(const struct dirtylist *l, int32_t day);

/* dirtylist_set - replace that. Returns: 0; -ENOMEM, only where it was 0. */
int dirtylist_set(struct dirtylist *l, int32_t day, unsigned by);

/* dirtylist_free - empties it. */
void dirtylist_free(struct dirtylist *l);

#endif
