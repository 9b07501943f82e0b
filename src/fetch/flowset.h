/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts parts together to flows, in whatever order the parts were found.
 *
 * Life-cycle:  all zero, make, look at the flows, free.
 * Threads:     one.
 */
#ifndef FETCH_FLOWSET_H
#define FETCH_FLOWSET_H

#include <stdbool.h>
#include <stddef.h>

#include "fetch/expr.h"
#include "fetch/flowsum.h"
#include "fetch/query.h"

struct flowset {
	const struct part **order; /* each part once, those of a flow side by side */
	struct query_flow *flows;
	size_t count; /* of flows */
};

/*
 * flowset_make - make flows of parts, in the order of their UUIDs.
 *
 * Takes:    s, what is in it goes; l, which outlives s; e, what must be true of a flow, or NULL.
 * Returns:  0; -ENOMEM.
 */
int flowset_make(struct flowset *s, const struct partlist *l, const struct expr *e);

/* flowset_lower_bound - see query_lower_bound; the flows are in the order of their UUIDs. */
size_t flowset_lower_bound(const struct flowset *s, const char *text);

/* flowset_sort - see query_sort. */
void flowset_sort(struct flowset *s, enum query_order by, bool descending);

/* flowset_free - it is all zero again. */
void flowset_free(struct flowset *s);

#endif
