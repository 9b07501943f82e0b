/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the index of a day contradict itself? A search by host would miss flows then, though every
 * row may be right.
 *
 * Threads:  that of the index.
 */
#ifndef FETCH_INDEXCHECK_H
#define FETCH_INDEXCHECK_H

#include <stdbool.h>

#include "archive/dayindex.h"

/*
 * indexcheck - look at all of an index: its tables, the indexes on them, and its summary.
 *
 * Takes:    x, open for reading or writing.
 * Returns:  0; -EBADMSG it is damaged; -errno as dayindex_select.
 */
int indexcheck(struct dayindex *x);

/* indexcheck_structure - the same, without the rows and the summary. */
int indexcheck_structure(struct dayindex *x);

/* indexcheck_add - add a row to what rows come to. */
void indexcheck_add(struct dayindex_summary *sum, const struct record *row);

/* indexcheck_same - are these sums those of the summary? Its times are bounds, and not compared. */
bool indexcheck_same(const struct dayindex_summary *summary, const struct dayindex_summary *rows);

#endif
