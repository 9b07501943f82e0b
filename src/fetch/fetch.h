/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes parts of flows as one pcap: a single part in the order in which it is stored, several
 * merged by time. Parts are opened when their time has come.
 *
 * Memory: what one flush of a flow holds (64 KiB) for each part that is under way at the same time.
 *
 * Threads:  one.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "fetch/outfile.h"
#include "fetch/partlist.h"

/* Told of every part that is missing or damaged: its file, from the archive on, and the reason. */
typedef void fetch_bad_fn(const char *path, const char *reason, void *arg);

struct fetch_job {
	const struct archive *archive;
	const struct part *const
	    *parts; /* of equal times, the packet of the earlier part is first */
	size_t count;
	struct outfile *out;
	fetch_bad_fn *bad;
	void *bad_arg;
};

struct fetch_totals {
	uint64_t pkts;
	uint64_t bytes; /* of the pcap */
	uint64_t bad_parts;
};

/*
 * fetch_parts - write all that can be read of the parts.
 *
 * Takes:    job; the caller commits job->out.
 * Returns:  0, also where parts are missing or damaged (bad is told, and nothing at all is written
 *           if no packet could be read); -EMEDIUMTYPE parts are of different link types, nothing is
 *           written; -ENOMEM; -errno of writing.
 */
int fetch_parts(const struct fetch_job *job, struct fetch_totals *ret_totals);

/* fetch_other_linktype - the first part whose link type is not that of the first, or NULL. */
const struct part *fetch_other_linktype(const struct part *const *parts, size_t count);

#endif
