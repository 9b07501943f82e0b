/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread by which a writer keeps its archive within its limits: it looks once a second, and at
 * once when the disk is full, and removes what is oldest (see prune.h) before the limit is reached:
 * what may be written until it looks again has room.
 *
 * Life-cycle:  start after the catalog, stop before it.
 */
#ifndef ARCHIVE_RETAIN_H
#define ARCHIVE_RETAIN_H

#include <stdatomic.h>
#include <stdint.h>

#include "archive/prune.h"

struct retain;

/* Threads: written by the thread, read by any. */
struct retain_stats {
	_Atomic uint64_t removed_parts, removed_bytes, removed_days;
	_Atomic uint64_t disk_bytes, free_bytes; /* when it looked last */
	_Atomic uint64_t looks;                  /* counted when what a look did is told here */
	_Atomic uint64_t failed;                 /* looks that could not make the archive fit */
	_Atomic int last_error;                  /* -errno of the last look, 0: none */
};

/*
 * retain_check - can the limits be met at all?
 *
 * Takes:    a; limits; ret_error of 256 bytes.
 * Returns:  0; -ERANGE they cannot, and ret_error says why; -errno of statvfs(2).
 */
int retain_check(struct archive *a, const struct prune_limits *limits, char *ret_error);

/* retain_start - Returns: 0; -ENOMEM, -EAGAIN. Takes the archive and its catalog, which outlive it.
 */
int retain_start(struct archive *a, struct catalog *c, const struct prune_limits *limits,
    struct retain **ret_retain);

/* retain_wake - the disk is full: look now. Threads: any. Takes NULL. */
void retain_wake(struct retain *r);

/*
 * retain_wrote - a part was published as a file of so many bytes: no index tells of it yet.
 * retain_wake_after - so many bytes were written: when enough have come together, it looks again.
 *
 * Threads:  any. Both take NULL.
 */
void retain_wrote(struct retain *r, uint64_t length);
void retain_wake_after(struct retain *r, uint64_t bytes);

/* retain_stats - Threads: any, until retain_stop. */
const struct retain_stats *retain_stats(const struct retain *r);

/* retain_stop - also in the midst of a look, which then ends early. Takes NULL. */
void retain_stop(struct retain *r);

#endif
