/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread by which a writer keeps its archive within its limits: it looks once a second, and at
 * once when the disk is full, and removes what is oldest (see prune.h) before the limit is reached:
 * what may be written until it looks again has room.
 *
 * Where that comes too late the limit is a wall: savers say what they are about to write, and who
 * has no room waits until some was made. Only where nothing can be removed he goes on.
 *
 * Life-cycle:  start after the catalog; release, so that savers stop without waiting; stop before
 *              the catalog, after the savers.
 */
#ifndef ARCHIVE_RETAIN_H
#define ARCHIVE_RETAIN_H

#include <stdatomic.h>
#include <stdint.h>

#include "archive/prune.h"
#include "archive/wall.h"

struct retain;

/* Threads: written by the thread, read by any. */
struct retain_stats {
	_Atomic uint64_t removed_parts, removed_bytes, removed_days;
	_Atomic uint64_t disk_bytes, free_bytes; /* when it looked last */
	_Atomic uint64_t looks;                  /* counted when what a look did is told here */
	_Atomic uint64_t failed;                 /* looks that could not make the archive fit */
	_Atomic uint64_t waits;                  /* writes that had to wait for room */
	_Atomic int last_error;                  /* -errno of the last look, 0: none */
};

/* retain_start - Returns: 0; -ENOMEM, -EAGAIN. Takes the archive and its catalog, which outlive it.
 */
int retain_start(struct archive *a, struct catalog *c, const struct prune_limits *limits,
    struct retain **ret_retain);

/* retain_wake - the disk is full: look now. Threads: any. Takes NULL. */
void retain_wake(struct retain *r);

/*
 * retain_begin - wait until there is room for what is to be written.
 * retain_end - it is written, or failed; what was published is told by retain_wrote before that.
 *
 * Takes:    r, NULL: there is no limit; the same claim, both times.
 * Threads:  savers, also several at once, who get room in the order in which they asked. Whoever
 *           waits may hold claims that he has not ended, but no lock, nor what the catalog needs.
 */
void retain_begin(struct retain *r, const struct wall_claim *c);
void retain_end(struct retain *r, const struct wall_claim *c);

/* retain_wrote - a part was published as a file of so many bytes: no index tells of it yet.
 * Threads: any. Takes NULL. */
void retain_wrote(struct retain *r, uint64_t length);

/* retain_release - from now on nobody waits for room any more. Threads: any. Takes NULL. */
void retain_release(struct retain *r);

/* retain_stats - Threads: any, until retain_stop. */
const struct retain_stats *retain_stats(const struct retain *r);

/* retain_stop - also in the midst of a look, which then ends early. Who waits goes on. Takes NULL.
 */
void retain_stop(struct retain *r);

#endif
