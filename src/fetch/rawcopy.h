/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies parts as they are stored, without inflating them. A single part comes out exactly as it
 * lies in the archive. Of several the first is copied whole, the others without their first gzip
 * member, which holds the header of a pcap: what comes out is a gzip'd pcap of all packets, part
 * behind part. A part of another length than the index says is not copied.
 *
 * Threads:  one.
 */
#ifndef FETCH_RAWCOPY_H
#define FETCH_RAWCOPY_H

#include <stddef.h>
#include <stdint.h>

#include "fetch/outfile.h"
#include "fetch/partfile.h"
#include "fetch/partlist.h"

struct rawcopy {
	/* set by the caller */
	struct partfile_places places;
	const struct part *const *parts; /* of one link type, in the order of the output */
	size_t count;
	struct outfile *out;
	partfile_bad_fn *bad; /* told of every part that is not copied */
	void *bad_arg;
	/* what it came to; zero before */
	uint64_t pkts, bytes, bad_parts;
};

/*
 * rawcopy_run - copy all that can be copied.
 *
 * Returns:  0, also where parts were left out; -ENOMEM; -EIO a part ended while it was copied, what
 *           is written is of no use; -errno of reading such a part, or of writing.
 */
int rawcopy_run(struct rawcopy *c);

#endif
