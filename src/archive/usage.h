/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an archive takes on its disk, day by day. The index of a day tells what its flow files add
 * up to, so that a million files cost no million calls; and a day that did not change since it was
 * looked at is not asked again.
 *
 * A part that is pinned by a second link counts once: with its day, as long as that is there.
 *
 * Life-cycle:  new, look as often as wanted, free.
 * Threads:     a usage belongs to one thread.
 */
#ifndef ARCHIVE_USAGE_H
#define ARCHIVE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/dayindex.h"

#define USAGE_DAMAGED "damaged"

struct usage;

struct usage_day {
	int32_t day;
	bool dirty;             /* listed when it was looked at */
	int index_error;        /* 0; -errno: no index tells, all was counted file by file */
	uint64_t disk_bytes;    /* of blocks */
	uint64_t pinned_bytes;  /* of these, what stays below pinned when the day goes */
	uint64_t inodes;        /* names that would go */
	uint64_t pinned_inodes; /* of these, what stays */
	uint64_t segments;
	/* of disk_bytes, its index and the log of that; 0 where no index tells */
	uint64_t index_bytes, log_bytes;
	uint64_t index_whole_bytes;      /* what the index comes to with what is in its log */
	struct dayindex_summary summary; /* empty where no index tells */
};

struct usage_sums {
	uint64_t disk_bytes;    /* everything below DIR */
	uint64_t pinned_bytes;  /* below pinned, whether days share it or not */
	uint64_t damaged_bytes; /* below damaged */
	uint64_t days;
	bool beside; /* what lies beside the days was looked at, too; else it is as seen last */
};

enum usage_how {
	USAGE_ALL,    /* every day that changed, by whomever */
	USAGE_WRITTEN /* days that are listed as dirty; all others as they were seen last */
};

/* usage_new - Takes the archive, which outlives it. Returns: 0; -ENOMEM. */
int usage_new(struct archive *a, struct usage **ret_usage);

/*
 * usage_look - Returns: 0 and *ret_sums; -ENOMEM; -errno of listing the days. What cannot be read
 * counts nothing.
 */
int usage_look(struct usage *u, enum usage_how how, struct usage_sums *ret_sums);

/* usage_days - the days as they were seen last, oldest first; gone with the next usage_look. */
const struct usage_day *usage_days(const struct usage *u, size_t *ret_count);

/* usage_look_at_day - one day, as it is now. Returns: 0; -ENOENT there is none; -errno. */
int usage_look_at_day(struct usage *u, int32_t day, struct usage_day *ret_day);

/* usage_free - takes NULL. */
void usage_free(struct usage *u);

#endif
