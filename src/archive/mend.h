/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings a day into step with itself: its files, its segments, its index. Done at the start of a
 * writer for days that an earlier run left unfinished, and by `flowkeep reindex`.
 *
 * Threads:  one; the day is held (by the writer before it has threads, or by archive_lock_day).
 */
#ifndef ARCHIVE_MEND_H
#define ARCHIVE_MEND_H

#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

enum mend_how {
	MEND_QUICK, /* rows that are there are believed; only what lacks one is read */
	MEND_ALL    /* the index is made anew of all files and segments */
};

/* Told of everything that is passed over: its path from the day on, and why. */
typedef void mend_bad_fn(int32_t day, const char *name, const char *error, void *arg);

struct mend_config {
	enum mend_how how;
	mend_bad_fn *bad; /* may be NULL */
	void *arg;
};

struct mend_totals {
	uint64_t rows;      /* in the index afterwards */
	uint64_t added;     /* of these, written now */
	uint64_t removed;   /* rows that told of nothing */
	uint64_t damaged;   /* files and members passed over */
	uint64_t cut_bytes; /* torn ends of segments */
	uint64_t segments;  /* that lacked their end */
};

/*
 * mend_day - cut torn ends of segments off and close them; write the rows that are missing, remove
 * those that tell of nothing; finish what a killed `flowkeep pack` began.
 *
 * Returns:  0, and *ret_totals; -ENOENT there is no such day; -EAGAIN the writer wants it: the
 * index is as it was; -errno of the index: its old rows stay.
 */
int mend_day(struct archive *a, int32_t day, const struct mend_config *config,
    struct mend_totals *ret_totals);

#endif
