/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that make up fetch/query.h share, and nobody else uses.
 */
#ifndef FETCH_QUERY_PRIVATE_H
#define FETCH_QUERY_PRIVATE_H

#include <stdbool.h>

#include "fetch/flowset.h"
#include "fetch/query.h"

/* The archive itself, or that of what is pinned in it. */
struct query_source {
	struct query *query;
	struct archive *archive;
	bool pinned;
};

enum { QUERY_ITSELF, QUERY_PINNED, QUERY_SOURCES };

struct query {
	struct query_source source[QUERY_SOURCES];
	bool pinned_asked; /* it is known whether there is one */
	query_bad_fn *bad;
	void *bad_arg;
	struct partlist *parts;
	void *told; /* tree of tsearch(3): paths that were complained about */
	const struct expr *expr;
	struct flowset set;
};

/* query_tell - a query_bad_fn: says it once. Takes: arg, the source, from which path counts. */
void query_tell(const char *path, const char *reason, void *arg);

/*
 * query_each_source - call fn for the archive itself, and for what is pinned in it, if anything is.
 * The parts that fn adds are marked accordingly.
 *
 * Returns:  0; -ENOMEM; what fn returned if it was not 0, which ends the walk.
 */
typedef int query_source_fn(struct query_source *s, void *arg);

int query_each_source(struct query *q, query_source_fn *fn, void *arg);

#endif
