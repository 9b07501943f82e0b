/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where those who write and the thread that makes room for them meet (retain.h). Savers claim what
 * they are about to write; who has no room waits, and the thread is woken.
 *
 * A claim is a position in the sum of all claims since the start. The thread tells up to which
 * position there is room: the ceiling. Who is beyond it waits, in the order of the claims, so that
 * nobody is forgotten.
 *
 * Life-cycle:  new, free when nobody writes any more.
 * Threads:     begin, end, wake, release: any. The others: the thread that makes room.
 */
#ifndef ARCHIVE_WALL_H
#define ARCHIVE_WALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What an index takes of a part, about, until its row is committed and the index tells itself. */
#define WALL_ROW_BYTES 1024

struct wall;

/* What is about to be written, at most. */
struct wall_claim {
	uint64_t bytes; /* of a file, or to its end: blocks are for us to reckon */
	uint64_t files; /* that are made */
	uint64_t parts; /* that are published: each will have a row */
	enum { WALL_IN_DAY, WALL_STAGED } where;
};

/* What was claimed so far. */
struct wall_claims {
	uint64_t bytes, files;           /* the positions of the last claims */
	uint64_t open_bytes, open_files; /* of these, what may not be written yet */
	uint64_t staged_bytes;           /* of what is written, what went to .staging */
};

/* Claims up to there have room. */
struct wall_ceiling {
	uint64_t bytes, files;
};

/* wall_new - closed until wall_set. Takes: waits, which counts those who begin to wait.
 * Returns: 0; -ENOMEM. */
int wall_new(_Atomic uint64_t *waits, struct wall **ret_wall);

/*
 * wall_begin - wait until there is room for what is to be written.
 * wall_end - it is written, or failed.
 *
 * Takes:    the same claim, both times. Whoever waits may hold claims that have not ended, but
 *           nothing that is needed to make room.
 */
void wall_begin(struct wall *w, const struct wall_claim *c);
void wall_end(struct wall *w, const struct wall_claim *c);

/* wall_look - what was claimed. What it does not tell as open is seen by whoever measures now. */
void wall_look(const struct wall *w, struct wall_claims *ret_claims);

/* wall_set - so much there is room for; the thread is woken when claims come to due_bytes. */
void wall_set(struct wall *w, const struct wall_ceiling *ceiling, uint64_t due_bytes);

/* wall_open - there is room for all, until wall_set says otherwise. */
void wall_open(struct wall *w);

/* wall_release - the same, for good. */
void wall_release(struct wall *w);

/* wall_awaited - does anybody wait? */
bool wall_awaited(struct wall *w);

/* wall_wake - there is haste. */
void wall_wake(struct wall *w);

/*
 * wall_sleep - until somebody waits, or enough is claimed, or it is woken, or that time of
 * CLOCK_MONOTONIC has come. Returns: is there haste?
 */
bool wall_sleep(struct wall *w, int64_t until_ns);

/* wall_free - once it was released; whoever waits goes first. Takes NULL. */
void wall_free(struct wall *w);

#endif
