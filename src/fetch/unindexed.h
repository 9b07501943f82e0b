/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds by name what no index tells of yet: files of days that are being written or were left
 * unfinished by a kill, and flows that are not published at all.
 *
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_UNINDEXED_H
#define FETCH_UNINDEXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "fetch/query.h"

struct unindexed {
	struct archive *archive;
	const struct query_words *words;
	query_bad_fn *bad;
	void *bad_arg;
};

/*
 * unindexed_find - look at the files of days, and add the parts that are not in a list yet.
 *
 * Takes:    u; days; parts, all that the index tells of what is looked for.
 * Returns:  0, also when a file could not be read (bad is told); -ENOMEM.
 */
int unindexed_find(
    const struct unindexed *u, const int32_t *days, size_t day_count, struct partlist *parts);

/*
 * unindexed_staged - which of these flows have packets that are not published yet?
 *
 * Takes:    w, with words; ret_staged, one per word, false: set to true where there are.
 * Returns:  0, also where there is no staging directory; -errno of reading it.
 */
int unindexed_staged(const struct archive *a, const struct query_words *w, bool *ret_staged);

#endif
