/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through a segment that may be damaged: tells its members, what lies between them and is
 * none, and how it ends. Content is not read.
 *
 * Threads:  any; each walk belongs to one.
 */
#ifndef FETCH_SEGWALK_H
#define FETCH_SEGWALK_H

#include <stdint.h>

#include "archive/segment.h"

enum segwalk_kind {
	SEGWALK_MEMBER,
	SEGWALK_GAP,      /* bytes that are no member of ours; a member follows */
	SEGWALK_CLOSED,   /* the zeros that end a segment, and nothing more */
	SEGWALK_UNCLOSED, /* the file ends behind a member */
	SEGWALK_TORN,     /* it ends inside a header, a member, or the zeros */
	SEGWALK_JUNK      /* bytes that are no member of ours, to the end of the file */
};

struct segwalk_item {
	enum segwalk_kind kind;
	struct segment_member member; /* SEGWALK_MEMBER */
	uint64_t from, to;            /* which bytes: of a member with its header and padding */
};

struct segwalk {
	struct segment_scan scan;
	uint8_t *buffer; /* NULL until it is needed */
};

/* segwalk_begin - Takes fd, open for reading, and borrowed. Returns: 0; -errno of fstat(2). */
int segwalk_begin(struct segwalk *w, int fd, uint64_t from);

/*
 * segwalk_next - what comes next; SEGWALK_CLOSED and those below come last.
 *
 * Returns:  0; -ENOMEM; -errno of pread(2).
 */
int segwalk_next(struct segwalk *w, struct segwalk_item *ret_item);

/* segwalk_end - frees what a walk holds. */
void segwalk_end(struct segwalk *w);

#endif
