/* SPDX-License-Identifier: BSD-2-Clause */
/* What prune.c and prune_units.c share, and nobody else sees. */
#ifndef ARCHIVE_PRUNE_PRIVATE_H
#define ARCHIVE_PRUNE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/prune.h"
#include "archive/usage.h"

/* How a day may be changed. */
enum prune_hold {
	PRUNE_DRY,    /* not at all */
	PRUNE_LOCKED, /* it is ours, by archive_lock_day */
	PRUNE_WRITER  /* our own writer has it: row by row, by way of its catalog */
};

/* A run of prune_run. */
struct prune {
	const struct prune_config *config;
	struct usage *usage;
	struct prune_totals *totals;
	struct prune_usage now; /* as measured, less what went since */
	int64_t cutoff_ns;      /* parts go whose last packet is older */
	bool helpless;          /* what was removed last freed nothing */
	uint64_t
	    reserve_bytes; /* that the reserve takes once we are through: it is not there now */
	/* the newest part of the archive */
	bool has_newest;
	int32_t newest_day;
	int64_t newest_ns;
	uint32_t newest_segment; /* 0: it is a file of its own */
	uint32_t newest_part;
	char newest_uuid[LAYOUT_UUID_SIZE];
};

/* What a limit asks for beyond the age of parts; 0: nothing. */
struct prune_need {
	uint64_t bytes;      /* to be within max_disk */
	uint64_t free_bytes; /* to be within min_free */
	uint64_t inodes;
};

struct prune_need prune_private_need(const struct prune *p);

/* prune_private_asks - is there any? */
static inline bool prune_private_asks(const struct prune_need *n)
{
	return n->bytes > 0 || n->free_bytes > 0 || n->inodes > 0;
}

/* prune_private_stopped - were we told to end? */
bool prune_private_stopped(const struct prune *p);

/* prune_private_freed - so much should be free now, that was not before. */
void prune_private_freed(struct prune *p, uint64_t bytes, uint64_t inodes);

/* What went from a day. */
struct prune_gone {
	uint64_t parts, bytes, inodes;
};

/*
 * prune_private_units - remove the oldest segments and files of a day, as far as the limits ask.
 *
 * Returns:  0, and what went is added to *gone; -errno.
 */
int prune_private_units(
    struct prune *p, const struct usage_day *d, enum prune_hold hold, struct prune_gone *gone);

#endif
