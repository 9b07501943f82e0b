/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The losses of live parts: how many packets of a part did not reach its staged file, from the
 * moment when the disk refused them until the part's record is written. Usually empty; on a full
 * disk it holds every flow that is flushed, so it is a hash table by the part's serial.
 *
 * Life-cycle:  new; note, find, take in any order; free.
 * Threads:     one, the saver whose parts they are.
 */
#ifndef SAVE_LOSSES_H
#define SAVE_LOSSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct losses;

struct loss {
	uint64_t serial; /* of the part; not to be changed */
	uint64_t pkts;
	bool no_file; /* the caller's: not even the staged file's beginning was written */
	bool present; /* false in what losses_take returns: the part lost nothing */
};

/* losses_new - none yet. Returns: 0; -ENOMEM. */
int losses_new(struct losses **ret_losses);

/*
 * losses_find - what a part has lost.
 *
 * Returns:  the loss, until the next losses_note or losses_take; NULL: none is known.
 */
struct loss *losses_find(const struct losses *t, uint64_t serial);

/*
 * losses_note - a part has lost so many packets more; 0 only makes sure that it is known.
 *
 * Returns:  its loss, as losses_find does; NULL where there is no memory for one more part: then
 *           nothing has changed. What is known of others stays.
 */
struct loss *losses_note(struct losses *t, uint64_t serial, uint64_t pkts);

/* losses_take - what a part has lost, all zero where nothing is known; it is known no more. */
struct loss losses_take(struct losses *t, uint64_t serial);

/* losses_count - parts that have lost something. */
size_t losses_count(const struct losses *t);

/* losses_free - takes NULL. */
void losses_free(struct losses *t);

#endif
