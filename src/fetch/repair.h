/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Repairs days of an archive: what can be made anew is, and what is damaged goes to DIR/damaged.
 * Nothing is ever deleted but rows that tell of nothing, and what mend_day removes where a pack was
 * killed: files whose bytes lie in a segment as well.
 *
 * A day is held while it is repaired, and listed as dirty; who is killed in between leaves a day
 * that the next repair, or the next start of a writer, finds in order but for what is still
 * damaged.
 *
 * Life-cycle:  open, repair day after day, close.
 * Threads:     one.
 */
#ifndef FETCH_REPAIR_H
#define FETCH_REPAIR_H

#include <stdint.h>

#include "archive/archive.h"

struct repair;

struct repair_totals {
	uint64_t repaired; /* what was said to be done */
	uint64_t lost;     /* of these: something that the archive had is in it no longer */
	uint64_t failed;   /* days that could not be repaired, or not wholly */
};

/* Whom to tell: path, from the archive on; what was done, or why it cannot be. */
struct repair_hooks {
	void (*done)(const char *path, const char *what, void *arg);
	void (*failed)(const char *path, const char *reason, void *arg);
	void *arg;
};

/*
 * repair_open - make ready to repair an archive.
 *
 * Takes:    path of the archive; hooks, all set, which outlive it.
 * Returns:  0; -ENOMEM; -errno as archive_open.
 */
int repair_open(const char *path, const struct repair_hooks *hooks, struct repair **ret_repair);

/*
 * repair_day - repair a day that is damaged, or was left unfinished by somebody who was killed.
 *
 * Takes:    r; prefix, "" or "pinned/"; damage that was found in it: with 0 nothing is done to a
 *           day that is in order, or that others have in hand.
 * Returns:  0, also where it fails: that is told and counted; -ENOMEM.
 */
int repair_day(struct repair *r, const char *prefix, int32_t day, uint64_t damage);

const struct repair_totals *repair_totals(const struct repair *r);

/* repair_close - takes NULL. */
void repair_close(struct repair *r);

#endif
