/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds what no index tells of yet: parts in days that are being written or were left unfinished by
 * a kill, and flows that are not published at all.
 *
 * A part gets its file, or its place in a segment, first and its row afterwards. So whoever looks
 * for parts without a row before he reads the rows misses none; a part whose row comes in between
 * is found twice.
 *
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_UNINDEXED_H
#define FETCH_UNINDEXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "fetch/flowsum.h"
#include "fetch/query.h"

/*
 * While a writer is at work, its rows follow within a second or so. Then a search that is not for
 * whole UUIDs looks only at days of fewer files than this, and reads only so many parts that have
 * no row yet in each: else it would take longer than the rows do.
 */
#define UNINDEXED_NAMES_MAX 20000u
#define UNINDEXED_READ_MAX  4000u

struct unindexed {
	struct archive *archive;
	const struct query_words *words; /* words->words NULL: every part */
	query_bad_fn *bad;
	void *bad_arg;
};

/*
 * unindexed_scan - before the rows of a day are read: add the parts that have none. Looks at
 * segments from where their indexed part ends and, unless whole UUIDs are asked for, at the files.
 *
 * Returns:  0, also when something could not be read (bad is told); -ENOMEM.
 */
int unindexed_scan(const struct unindexed *u, int32_t day, struct partlist *parts);

/*
 * unindexed_names - after the rows of all days were read: look for files of whole UUIDs by the
 * names that they would have, so that a full directory costs no more than an empty one.
 *
 * Takes:    days, to look at; parts, all that is known of the UUIDs, where others are added.
 * Returns:  as unindexed_scan.
 */
int unindexed_names(
    const struct unindexed *u, const int32_t *days, size_t day_count, struct partlist *parts);

/*
 * unindexed_staged - which of these flows have packets that are not published yet?
 *
 * Takes:    w, with words; ret_staged, one per word, false: set to true where there are.
 * Returns:  0, also where there is no staging directory; -errno of reading it.
 */
int unindexed_staged(const struct archive *a, const struct query_words *w, bool *ret_staged);

/*
 * unindexed_mark_staged - set `staged` of the flows of which more is not published yet.
 *
 * Takes:    flows, in the order of their UUIDs.
 * Returns:  as unindexed_staged.
 */
int unindexed_mark_staged(const struct archive *a, struct query_flow *flows, size_t count);

#endif
