/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes parts of flows as one capture file: a single part in the order in which it is stored,
 * several merged by time. Parts are opened when their time has come.
 *
 * Memory: what one flush of a flow holds (64 KiB) for each part that is under way at the same time,
 * until a budget is spent; from then on parts whose next packet is far in the future give back what
 * they hold, and inflate it anew when its time has come. Beside that, 40 bytes for each part, and
 * 200 for one that is under way. Descriptors: one, and the output.
 *
 * Threads:  one.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "fetch/outfile.h"
#include "fetch/partfile.h"
#include "fetch/partlist.h"

#define FETCH_BUDGET_BYTES ((size_t)256 << 20)

enum fetch_as {
	FETCH_AS_PCAP,
	FETCH_AS_PCAPNG, /* may hold several link types */
	FETCH_AS_RAW     /* members as they are stored, part behind part; see rawcopy.h */
};

struct fetch_job {
	struct partfile_places places;
	const struct part *const
	    *parts; /* of equal times, the packet of the earlier part is first */
	size_t count;
	size_t flows; /* that they are of */
	enum fetch_as as;
	size_t budget_bytes; /* of inflated bytes, give or take what one member holds; 0: default */
	struct outfile *out;
	partfile_bad_fn *bad; /* told of every part that is missing or damaged */
	void *bad_arg;
};

struct fetch_totals {
	uint64_t pkts;
	uint64_t bytes; /* of the capture file, before gzip; of FETCH_AS_RAW as they are */
	uint64_t bad_parts;
	uint64_t evictions; /* how often a part gave back what it held */
};

/*
 * fetch_parts - write all that can be read of the parts.
 *
 * Takes:    job; the caller commits job->out.
 * Returns:  0, also where parts are missing or damaged (bad is told, and nothing at all is written
 *           if no packet could be read); -EMEDIUMTYPE parts are of different link types, and that
 *           is not for pcapng, nothing is written; -ENOTSUP pcapng cannot hold a link type, nothing
 *           is written; -ENOMEM; -errno of writing.
 */
int fetch_parts(const struct fetch_job *job, struct fetch_totals *ret_totals);

/* fetch_other_linktype - the first part whose link type is not that of the first, or NULL. */
const struct part *fetch_other_linktype(const struct part *const *parts, size_t count);

#endif
