/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which open flow speaks next: a heap of (time, slot), four-way so that the children of a node
 * share a cache line.
 */
#ifndef TOOLS_FLOWGEN_HEAP_H
#define TOOLS_FLOWGEN_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct flowgen_due {
	uint64_t ns;
	uint32_t slot;
};

struct flowgen_heap {
	struct flowgen_due *due; /* due[0] is the first; valid while count is not 0 */
	size_t count, size;
};

/* flowgen_heap_push - add one. Returns: 0; -ENOMEM. */
int flowgen_heap_push(struct flowgen_heap *h, struct flowgen_due due);

/* flowgen_heap_defer - the first comes again at a later time. */
void flowgen_heap_defer(struct flowgen_heap *h, uint64_t ns);

/* flowgen_heap_pop - take the first away. */
void flowgen_heap_pop(struct flowgen_heap *h);

#endif
