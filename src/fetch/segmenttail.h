/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The members of a day's segments that the index may not tell of yet: those behind the ones that it
 * knows, in segments that were written to since.
 *
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_SEGMENTTAIL_H
#define FETCH_SEGMENTTAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/dayindex.h"
#include "archive/segment.h"

/*
 * Called with each member, some of which may have rows.
 *
 * Takes:    fd of its segment, open for the call; number of the segment.
 * Returns:  0; what is not 0 ends the search and is returned.
 */
typedef int segmenttail_fn(int fd, uint32_t number, const struct segment_member *m, void *arg);

/* Told of a segment that is damaged: its name, and how. */
typedef void segmenttail_bad_fn(const char *name, const char *reason, void *arg);

struct segmenttail {
	int dirfd;              /* of the day */
	struct dayindex *index; /* of the day; NULL: there is none to tell of any member */
	bool crowded;           /* the directory is full of files: better not list it */
	bool live;              /* a writer is at work: what looks damaged may be half written */
	segmenttail_fn *fn;
	segmenttail_bad_fn *bad;
	void *arg;
};

/* segmenttail_look - Returns: 0; -ENOMEM; what fn returned; -errno of listing the directory. */
int segmenttail_look(const struct segmenttail *t);

#endif
