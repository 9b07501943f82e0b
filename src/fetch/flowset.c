/* SPDX-License-Identifier: BSD-2-Clause */
/* See flowset.h. */
#include "fetch/flowset.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where a part lies twice, that in its day comes first. */
static int pointers_by_flow(const void *x, const void *y)
{
	const struct part *a = *(const struct part *const *)x, *b = *(const struct part *const *)y;
	int order = partlist_by_flow(a, b);

	if (order == 0)
		order = partlist_by_time(a, b);
	return order != 0 ? order : (int)a->pinned - (int)b->pinned;
}

/* Sorted pointers to all parts, each of them once. Returns how many. */
static size_t sort_parts(const struct partlist *l, const struct part **order)
{
	size_t n = partlist_count(l), kept = 0;

	for (size_t i = 0; i < n; i++)
		order[i] = partlist_at(l, i);
	qsort(order, n, sizeof(*order), pointers_by_flow);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || partlist_by_name(order[kept - 1], order[i]) != 0)
			order[kept++] = order[i];
	return kept;
}

static size_t count_flows(const struct part *const *order, size_t n)
{
	size_t flows = 0;

	for (size_t i = 0; i < n; i++)
		flows += i == 0 || partlist_by_flow(order[i - 1], order[i]) != 0;
	return flows;
}

static void keep_matches(struct flowset *s, const struct expr *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct flowsum sum;

		flowsum_make(&s->flows[i], &sum);
		if (expr_match(e, &sum))
			s->flows[kept++] = s->flows[i];
	}
	s->count = kept;
}

int flowset_make(struct flowset *s, const struct partlist *l, const struct expr *e)
{
	size_t n;

	flowset_free(s);
	s->order = malloc((partlist_count(l) + 1) * sizeof(*s->order));
	if (s->order == NULL)
		return -ENOMEM;
	n = sort_parts(l, s->order);
	s->flows = malloc((count_flows(s->order, n) + 1) * sizeof(*s->flows));
	if (s->flows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || partlist_by_flow(s->order[i - 1], s->order[i]) != 0)
			s->flows[s->count++] = (struct query_flow){.parts = &s->order[i]};
		s->flows[s->count - 1].count++;
	}
	if (e != NULL)
		keep_matches(s, e);
	return 0;
}

size_t flowset_lower_bound(const struct flowset *s, const char *text)
{
	size_t low = 0, high = s->count;
	char uuid[LAYOUT_UUID_SIZE];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(partlist_uuid(s->flows[middle].parts[0], uuid), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Sums of counts stay far below 2^63. */
static int64_t rank(const struct query_flow *f, enum query_order by)
{
	struct flowsum sum;

	if (by == QUERY_BY_START)
		return f->parts[0]->tally.first_ns;
	flowsum_make(f, &sum);
	switch (by) {
	case QUERY_BY_END:
		return sum.end_ns;
	case QUERY_BY_DURATION:
		return flowsum_duration_ns(&sum);
	case QUERY_BY_PACKETS:
		return (int64_t)(sum.client_pkts + sum.server_pkts);
	case QUERY_BY_BYTES:
		return (int64_t)(sum.client_bytes + sum.server_bytes);
	default:
		return sum.start_ns;
	}
}

static int by_start(const struct query_flow *x, const struct query_flow *y)
{
	const struct part *a = x->parts[0], *b = y->parts[0];

	if (a->tally.first_ns != b->tally.first_ns)
		return a->tally.first_ns < b->tally.first_ns ? -1 : 1;
	return partlist_by_flow(a, b);
}

static int flows_ascending(const void *x, const void *y)
{
	const struct query_flow *a = x, *b = y;

	return a->rank != b->rank ? (a->rank < b->rank ? -1 : 1) : by_start(a, b);
}

/* Only the order asked for is turned round, not that of flows which are equal in it. */
static int flows_descending(const void *x, const void *y)
{
	const struct query_flow *a = x, *b = y;

	return a->rank != b->rank ? (a->rank > b->rank ? -1 : 1) : by_start(a, b);
}

void flowset_sort(struct flowset *s, enum query_order by, bool descending)
{
	for (size_t i = 0; i < s->count; i++)
		s->flows[i].rank = rank(&s->flows[i], by);
	if (s->count > 0)
		qsort(s->flows, s->count, sizeof(*s->flows),
		    descending ? flows_descending : flows_ascending);
}

void flowset_free(struct flowset *s)
{
	free(s->flows);
	free(s->order);
	*s = (struct flowset){.count = 0};
}
