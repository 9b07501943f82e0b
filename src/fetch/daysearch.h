/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the index of one day while others may change it: a writer makes the index of a day that it
 * has just begun, a tool replaces it, prune removes the whole day. What cannot be read because of
 * that is asked again, or is no fault; what is a fault is told.
 *
 * Threads:  one.
 */
#ifndef FETCH_DAYSEARCH_H
#define FETCH_DAYSEARCH_H

#include <stdint.h>

#include "archive/archive.h"
#include "archive/dayindex.h"
#include "fetch/query.h"

/* What to ask. It may be called more than once. Returns: 0; -errno of reading the index. */
typedef int daysearch_fn(struct dayindex *x, int32_t day, void *arg);

struct daysearch {
	struct archive *archive;
	daysearch_fn *ask;
	void *ask_arg;
	query_bad_fn *bad; /* told of an index that cannot be read */
	void *bad_arg;
};

/*
 * daysearch_day - ask the index of a day.
 *
 * Returns:  0, also where there is nothing to ask, or bad was told; -ENOMEM.
 */
int daysearch_day(const struct daysearch *s, int32_t day);

/* daysearch_reason - why an index cannot be read, and what helps: of an error of dayindex_open. */
const char *daysearch_reason(int rv);

#endif
