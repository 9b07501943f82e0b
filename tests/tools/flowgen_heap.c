/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A four-way heap in an array that doubles: untouched memory of a large array costs nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "flowgen_heap.h"

#define WAYS 4

/* Equal times are told apart by the slot, so the order depends on nothing else. */
static bool before(const struct flowgen_due *a, const struct flowgen_due *b)
{
	return a->ns != b->ns ? a->ns < b->ns : a->slot < b->slot;
}

static void sift_down(struct flowgen_heap *h, struct flowgen_due due)
{
	size_t at = 0, child, best, last;

	while ((child = at * WAYS + 1) < h->count) {
		last = child + WAYS < h->count ? child + WAYS : h->count;
		for (best = child++; child < last; child++)
			if (before(&h->due[child], &h->due[best]))
				best = child;
		if (!before(&h->due[best], &due))
			break;
		h->due[at] = h->due[best];
		at = best;
	}
	h->due[at] = due;
}

int flowgen_heap_push(struct flowgen_heap *h, struct flowgen_due due)
{
	struct flowgen_due *grown;
	size_t size = h->size != 0 ? 2 * h->size : 1024;
	size_t at, parent;

	if (h->count == h->size) {
		grown = realloc(h->due, size * sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		h->due = grown;
		h->size = size;
	}
	for (at = h->count++; at != 0; at = parent) {
		parent = (at - 1) / WAYS;
		if (!before(&due, &h->due[parent]))
			break;
		h->due[at] = h->due[parent];
	}
	h->due[at] = due;
	return 0;
}

void flowgen_heap_defer(struct flowgen_heap *h, uint64_t ns)
{
	struct flowgen_due due = {ns, h->due[0].slot};

	sift_down(h, due);
}

void flowgen_heap_pop(struct flowgen_heap *h)
{
	struct flowgen_due last = h->due[--h->count];

	if (h->count != 0)
		sift_down(h, last);
}
