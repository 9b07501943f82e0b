/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a saver can write, as the operator is told: a message when it cannot any more, one when
 * it can again, however many flows come between. A kind of write that fails for good, while others
 * succeed, is one trouble and not one per flow.
 *
 * Threads:  one, the saver.
 */
#ifndef SAVE_HEALTH_H
#define SAVE_HEALTH_H

#include <stdbool.h>

#include "base/clk.h"

enum health_write {
	HEALTH_STAGE,
	HEALTH_NAME_STAGED,
	HEALTH_READ_STAGED,
	HEALTH_PUBLISH_STAGED,
	HEALTH_DISCARD_STAGED,
	HEALTH_PUBLISH,
	HEALTH_WRITES
};

/* All zero but dirfd: well. */
struct health {
	int dirfd; /* the caller's: on the file system in question; -1: nobody knows its room */
	bool suspended;                  /* some write failed, and it is not over */
	bool no_room;                    /* and the last that failed did for want of room */
	unsigned failed;                 /* bit per kind that failed and did not succeed since */
	mono_t failed_at[HEALTH_WRITES]; /* the last time */
};

/*
 * health_note - a write succeeded, or failed.
 *
 * A trouble is over with the next success of the kinds of write that failed, or of any when those
 * have not failed for a minute: they may not be tried any more. Want of room is over with the next
 * success of any kind that finds room for more than itself.
 *
 * Takes:    rv, 0 or -errno; now.
 * Returns:  whether h->suspended has changed.
 */
bool health_note(struct health *h, enum health_write what, int rv, mono_t now);

#endif
