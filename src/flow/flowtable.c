/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See flowtable.h. Open addressing with linear probing over slots of 8 bytes: the flow's number and
 * 32 bits of its hash, so that a probe reads a flow only when it is almost surely the right one.
 * A removal shifts the slots behind it back: no tombstones, so no probe grows with age.
 */
#include "flow/flowtable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct slot {
	uint32_t hash;
	uint32_t number; /* of the flow plus one; 0: empty */
};

struct flow_ends {
	uint32_t first, last; /* FLOW_NONE: empty list */
	uint32_t count;
};

struct flowtable {
	struct slot *slots;
	struct flow *flows;
	size_t slot_count; /* 4/3 of max_flows: probes stay short at 75 % */
	size_t slots_bytes, flows_bytes;
	uint32_t max_flows;
	uint32_t count;
	uint32_t untouched; /* flows from here on were never used */
	uint32_t free_flow; /* list through `next` */
	struct flow_ends lists[FLOW_LISTS];
};

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, bytes, MADV_HUGEPAGE); /* advice: look-ups anywhere in it miss less */
	return p;
}

int flowtable_new(uint32_t max_flows, struct flowtable **ret_table)
{
	struct flowtable *t = calloc(1, sizeof(*t));

	assert(max_flows >= 1 && max_flows <= UINT32_C(1) << 31);
	if (t == NULL)
		return -ENOMEM;
	t->max_flows = max_flows;
	t->slot_count = (size_t)max_flows + max_flows / 3 + 8;
	t->slots_bytes = t->slot_count * sizeof(*t->slots);
	t->flows_bytes = (size_t)max_flows * sizeof(*t->flows);
	t->free_flow = FLOW_NONE;
	for (int i = 0; i < FLOW_LISTS; i++)
		t->lists[i] = (struct flow_ends){FLOW_NONE, FLOW_NONE, 0};
	t->slots = reserve(t->slots_bytes);
	t->flows = reserve(t->flows_bytes);
	if (t->slots == NULL || t->flows == NULL) {
		flowtable_free(t);
		return -ENOMEM;
	}
	*ret_table = t;
	return 0;
}

/* Spreads 32 bits of hash over any number of slots without a division (Lemire 2016). */
static size_t home(const struct flowtable *t, uint32_t hash)
{
	return (size_t)(((uint64_t)hash * t->slot_count) >> 32);
}

static size_t after(const struct flowtable *t, size_t i)
{
	return i + 1 == t->slot_count ? 0 : i + 1;
}

void flowtable_prefetch(const struct flowtable *t, uint32_t hash)
{
	__builtin_prefetch(&t->slots[home(t, hash)]);
}

struct flow *flowtable_guess(const struct flowtable *t, uint32_t hash)
{
	for (size_t i = home(t, hash); t->slots[i].number != 0; i = after(t, i)) {
		struct flow *f;

		if (t->slots[i].hash != hash)
			continue;
		f = &t->flows[t->slots[i].number - 1];
		flow_prefetch(f, FLOW_BUSY_BYTES);
		return f;
	}
	return NULL;
}

struct flow *flowtable_find(struct flowtable *t, const struct flowkey *k, uint32_t hash)
{
	for (size_t i = home(t, hash); t->slots[i].number != 0; i = after(t, i)) {
		struct flow *f;

		if (t->slots[i].hash != hash)
			continue;
		f = &t->flows[t->slots[i].number - 1];
		if (flowkey_equal(&f->key, k))
			return f;
	}
	return NULL;
}

static bool same_ends(const struct flowkey *a, const struct flowkey *b)
{
	return a->proto == b->proto && a->family == b->family &&
	       memcmp(a->port, b->port, sizeof(a->port)) == 0 &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

struct flow *flowtable_next_ends(
    struct flowtable *t, const struct flowkey *k, uint32_t hash, size_t *cursor)
{
	size_t i = home(t, hash) + *cursor;

	if (i >= t->slot_count)
		i -= t->slot_count;
	for (; t->slots[i].number != 0; i = after(t, i)) {
		struct flow *f = &t->flows[t->slots[i].number - 1];

		++*cursor;
		if (t->slots[i].hash == hash && same_ends(&f->key, k))
			return f;
	}
	return NULL;
}

static struct flow *take_flow(struct flowtable *t)
{
	struct flow *f;

	if (t->free_flow != FLOW_NONE) {
		f = &t->flows[t->free_flow];
		t->free_flow = f->next;
	} else {
		f = &t->flows[t->untouched++];
	}
	/* Also where it is zero: a page that is read before it is written to faults twice. */
	memset(f, 0, sizeof(*f));
	return f;
}

struct flow *flowtable_add(struct flowtable *t, const struct flowkey *k, uint32_t hash)
{
	size_t i = home(t, hash);
	struct flow *f;

	if (t->count == t->max_flows)
		return NULL;
	f = take_flow(t);
	f->key = *k;
	f->hash = hash;
	f->number = (uint32_t)(f - t->flows);
	f->list = FLOW_LISTS;
	while (t->slots[i].number != 0)
		i = after(t, i);
	t->slots[i] = (struct slot){hash, f->number + 1};
	t->count++;
	return f;
}

static void list_remove(struct flowtable *t, struct flow *f)
{
	struct flow_ends *l = &t->lists[f->list];

	if (f->prev != FLOW_NONE)
		t->flows[f->prev].next = f->next;
	else
		l->first = f->next;
	if (f->next != FLOW_NONE)
		t->flows[f->next].prev = f->prev;
	else
		l->last = f->prev;
	l->count--;
}

void flowtable_move(struct flowtable *t, struct flow *f, enum flow_list list, uint32_t tick)
{
	struct flow_ends *l = &t->lists[list];

	if (f->list != FLOW_LISTS)
		list_remove(t, f);
	f->list = (uint8_t)list;
	f->tick = tick;
	f->next = FLOW_NONE;
	f->prev = l->last;
	if (l->last != FLOW_NONE)
		t->flows[l->last].next = f->number;
	else
		l->first = f->number;
	l->last = f->number;
	l->count++;
}

struct flow *flowtable_oldest(struct flowtable *t, enum flow_list list)
{
	uint32_t n = t->lists[list].first;

	return n != FLOW_NONE ? &t->flows[n] : NULL;
}

/* Closes the gap at i: each slot behind it moves up unless that would put it before its home. */
static void shift_back(struct flowtable *t, size_t i)
{
	for (size_t j = after(t, i); t->slots[j].number != 0; j = after(t, j)) {
		size_t h = home(t, t->slots[j].hash);
		bool home_in_gap = i <= j ? (h <= i || h > j) : (h <= i && h > j);

		if (home_in_gap) {
			t->slots[i] = t->slots[j];
			i = j;
		}
	}
	t->slots[i] = (struct slot){0, 0};
}

void flowtable_detach(struct flowtable *t, struct flow *f)
{
	size_t i = home(t, f->hash);

	while (t->slots[i].number != f->number + 1)
		i = after(t, i);
	shift_back(t, i);
	f->detached = true;
}

void flowtable_remove(struct flowtable *t, struct flow *f)
{
	if (!f->detached)
		flowtable_detach(t, f);
	if (f->list != FLOW_LISTS)
		list_remove(t, f);
	f->serial = 0; /* whoever remembers the number sees that this flow is gone */
	f->next = t->free_flow;
	t->free_flow = f->number;
	t->count--;
}

struct flow *flowtable_at(struct flowtable *t, uint32_t number)
{
	return &t->flows[number];
}

uint32_t flowtable_touched(const struct flowtable *t)
{
	return t->untouched;
}

uint32_t flowtable_listed(const struct flowtable *t, enum flow_list list)
{
	return t->lists[list].count;
}

uint32_t flowtable_count(const struct flowtable *t)
{
	return t->count;
}

void flowtable_free(struct flowtable *t)
{
	if (t == NULL)
		return;
	if (t->slots != NULL)
		(void)munmap(t->slots, t->slots_bytes); /* our own mapping */
	if (t->flows != NULL)
		(void)munmap(t->flows, t->flows_bytes); /* as above */
	free(t);
}
