/* SPDX-License-Identifier: BSD-2-Clause */
/* What mend.c and mend_segment.c share, and nobody else sees. */
#ifndef ARCHIVE_MEND_PRIVATE_H
#define ARCHIVE_MEND_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "archive/dayindex.h"
#include "archive/mend.h"
#include "base/fileio.h"

struct memberscan;

/* A segment, and what the rows that are believed say of it. */
struct mend_segment {
	uint32_t number;
	uint64_t size;
	uint64_t rows_end;   /* where the last member that has a row ends, padding included */
	uint64_t rows_bytes; /* of all members that have one: less than rows_end, if some lack it */
};

/* One mending of a day. */
struct mending {
	/* set at start, then read-only */
	struct archive *archive;
	int32_t day;
	int dirfd;
	const struct mend_config *config;

	struct dayindex *index; /* in a transaction */
	struct mend_segment *segments;
	size_t segment_count;
	struct memberscan *scan; /* NULL until it is needed */
	uint64_t doubles;        /* files whose bytes lie in a segment, and the row says so */
	struct mend_totals totals;
	unsigned steps; /* files and members that were looked at */
};

/* mend_bad - something is passed over. */
void mend_bad(struct mending *x, const char *name, const char *error);

/* mend_insert - add a row, or put it in the place of another. Returns: 0; -errno of the index. */
int mend_insert(struct mending *x, const struct record *r);

/*
 * mend_same - are the bytes of a row's part those of an extent?
 *
 * Returns:  1; 0 they are not, or the part cannot be read; -errno of reading the extent.
 */
int mend_same(const struct mending *x, const struct record *r, const struct extent *e);

/* mend_find_segment - NULL: there is none of that number. */
struct mend_segment *mend_find_segment(const struct mending *x, uint32_t number);

/* mend_list_segments - those that are files, into x->segments. Returns: 0; -errno. */
int mend_list_segments(struct mending *x);

/* mend_segments - rows for members that lack one; torn ends go. Returns: 0; -errno of the index. */
int mend_segments(struct mending *x);

/* mend_member_bytes - what a part takes in a segment: header, content and padding. */
uint64_t mend_member_bytes(const struct record *r);

/* mend_wanted - does the writer wait for the day? Asked once in a while, then the work is undone.
 */
bool mend_wanted(struct mending *x);

#endif
