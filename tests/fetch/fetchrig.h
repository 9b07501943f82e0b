/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of fetching share: an archive, its parts, a fetch of all of them, and what came
 * out. Segments are put together here, from files and tar headers.
 */
#ifndef TESTS_FETCH_FETCHRIG_H
#define TESTS_FETCH_FETCHRIG_H

#include <limits.h>

#include "archive_builder.h"
#include "fetch/fetch.h"
#include "fetch/query.h"

struct fetchrig {
	struct builder *builder;
	struct archive *archive; /* as it was searched */
	struct query *query;
	struct complaints complaints;
	struct fetch_totals totals;
	char out_path[PATH_MAX];
	/* how to fetch; zero is a pcap */
	enum fetch_as as;
	enum outfile_form form;
	size_t budget_bytes;
	partfile_locate_fn *locate;
	void *locate_arg;
};

/* fetchrig_set_up, fetchrig_tear_down - a new archive, and its end. */
void fetchrig_set_up(struct fetchrig *g);
void fetchrig_tear_down(struct fetchrig *g);

/* fetchrig_forget - what was found and complained about: the next fetch looks anew. */
void fetchrig_forget(struct fetchrig *g);

/* All parts of the archive, in the order of UUIDs and of time. The caller frees. */
const struct part **fetchrig_parts(struct fetchrig *g, size_t *ret_n);

/* Fetches all there is to out_path. Returns what fetch_parts returned. */
int fetchrig_fetch(struct fetchrig *g);

/* Reads out_path: n packets, in its order. The caller frees. */
struct seen *fetchrig_read(struct fetchrig *g, size_t want);

/* Is it that packet of that part? */
void fetchrig_check(const struct seen *s, const struct built_part *p, unsigned packet);

/* The bytes of a file of the archive; of out_path where path is NULL. The caller frees. */
uint8_t *fetchrig_bytes(struct fetchrig *g, const char *path, size_t *ret_n);

/* The same without gzip, by zlib's own reader. */
uint8_t *fetchrig_gunzip(struct fetchrig *g, const char *path, size_t *ret_n);

/*
 * Puts the files of records, which are not indexed, one behind another into a segment of their day,
 * removes them, and sets segment and offset of the records.
 */
void fetchrig_segment(struct fetchrig *g, uint32_t number, struct record *r, size_t n);

#endif
