/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes room: removes what is oldest from an archive until it is within its limits.
 *
 * Days go in their order, and as a whole where the limits ask for all of it. Within a day, what
 * goes is a segment or a file of its own, in the order of the last packet of its newest part; rows
 * go before what they tell of. A day that another process has in hand is passed over.
 *
 * Never touched: .staging, pinned, damaged, a segment that is being written, and the part whose
 * last packet is the newest of the archive.
 *
 * Threads:  one at a time per archive handle.
 */
#ifndef ARCHIVE_PRUNE_H
#define ARCHIVE_PRUNE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/catalog.h"
#include "archive/usage.h"

/* What an archive may take; 0: no limit. */
struct prune_limits {
	uint64_t max_disk_bytes; /* blocks of everything below DIR, pinned and damaged included */
	uint64_t min_free_bytes; /* that the file system has for us at least */
	uint64_t min_free_inodes;
	int64_t max_age_ns; /* parts whose last packet is older go */
};

/* What an archive takes now. */
struct prune_usage {
	uint64_t disk_bytes;
	uint64_t free_bytes, total_bytes;
	uint64_t free_inodes, total_inodes; /* 0: the file system counts none */
	uint64_t days;
};

/* Told of everything that goes: a whole day ("2026/01/02"), or a path in it. */
typedef void prune_fn(const char *path, uint64_t parts, uint64_t bytes, void *arg);

struct prune_config {
	struct archive *archive; /* open for writing or tending; a dry run may just read */
	struct catalog *catalog; /* of this process, for days that it writes; NULL: there is none */
	struct usage *usage;     /* of this archive, used before; NULL: one is made for this run */
	struct prune_limits limits;
	int64_t now_ns;    /* wall clock */
	bool dry_run;      /* tell, but remove nothing */
	prune_fn *removed; /* may be NULL */
	void *arg;
	const _Atomic bool *stop; /* set by another thread: end soon; NULL: nobody does */
};

struct prune_totals {
	uint64_t days; /* removed as a whole */
	uint64_t parts;
	uint64_t bytes;     /* of blocks; what is pinned frees none */
	uint64_t busy_days; /* something of them would go, but another process has them in hand */
	uint64_t unreadable_days; /* the same, but their index cannot be read, nor made anew */
	bool enough;              /* the archive is within its limits now */
	struct prune_usage usage; /* what it takes now; a dry run: what it would take */
};

/* prune_usage - Returns: 0; -errno of statvfs(2) and of reading days. */
int prune_usage(struct archive *a, struct prune_usage *ret_usage);

/* prune_within - is that within the limits? The age of parts is another matter. */
bool prune_within(const struct prune_usage *u, const struct prune_limits *limits);

/*
 * prune_run - remove as much as the limits ask for. What an earlier run left in .trash goes first.
 *
 * Returns:  0, and *ret_totals, also where there was not enough to remove; -errno, and *ret_totals
 *           tells what went before that.
 */
int prune_run(const struct prune_config *config, struct prune_totals *ret_totals);

#endif
