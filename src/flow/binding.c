/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See binding.h. One array of bindings, reserved at start and touched as it is used; two chained
 * hash tables over it, by tuple and by UUID; a list per state, oldest first.
 */
#include "flow/binding.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Bindings that one call of bindings_expire looks at. */
#define EXPIRE_STEPS 1024

/* States of a binding; those that flows carry stand in no list that anything is taken from. */
enum list { LIST_IDLE, LIST_CLOSED, LIST_CARRIED, LISTS };

struct ends {
	uint32_t first, last;
};

struct bindings {
	/* set at start, then read-only */
	struct hash_key seed;
	binding_gone_fn *gone;
	void *gone_arg;
	uint32_t max_flows; /* also the most that no flow carries */
	uint32_t mask;      /* of both hash tables */
	size_t array_bytes, table_bytes;

	/* owned by the demux thread */
	struct binding *array;
	uint32_t *by_key, *by_uuid; /* number + 1; 0: empty */
	uint32_t untouched;
	uint32_t free; /* number + 1, through key_next */
	uint32_t count;
	uint32_t carried;
	struct ends lists[LISTS];
};

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int bindings_new(uint32_t max_flows, const struct hash_key *seed, binding_gone_fn *gone, void *arg,
    struct bindings **ret_bindings)
{
	struct bindings *b = calloc(1, sizeof(*b));
	uint32_t buckets = 1024;

	if (b == NULL)
		return -ENOMEM;
	while (buckets < max_flows && buckets < UINT32_C(1) << 31)
		buckets *= 2;
	b->seed = *seed;
	b->gone = gone;
	b->gone_arg = arg;
	b->max_flows = max_flows;
	b->mask = buckets - 1;
	/* Each flow carries one at most, and as many again may be carried by none. */
	b->array_bytes = 2 * (size_t)max_flows * sizeof(*b->array);
	b->table_bytes = (size_t)buckets * sizeof(*b->by_key);
	for (int i = 0; i < LISTS; i++)
		b->lists[i] = (struct ends){BINDING_NONE, BINDING_NONE};
	b->array = reserve(b->array_bytes);
	b->by_key = reserve(b->table_bytes);
	b->by_uuid = reserve(b->table_bytes);
	if (b->array == NULL || b->by_key == NULL || b->by_uuid == NULL) {
		bindings_free(b);
		return -ENOMEM;
	}
	*ret_bindings = b;
	return 0;
}

struct flowkey binding_key(const struct flowkey *k)
{
	struct flowkey ends = *k;

	ends.linktype = 0;
	memset(ends.vlan, 0, sizeof(ends.vlan));
	return ends;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void list_remove(struct bindings *b, struct binding *x)
{
	struct ends *l = &b->lists[x->list];

	if (x->prev != BINDING_NONE)
		b->array[x->prev].next = x->next;
	else
		l->first = x->next;
	if (x->next != BINDING_NONE)
		b->array[x->next].prev = x->prev;
	else
		l->last = x->prev;
}

static void list_append(struct bindings *b, struct binding *x, enum list list)
{
	struct ends *l = &b->lists[list];

	x->list = (uint8_t)list;
	x->next = BINDING_NONE;
	x->prev = l->last;
	if (l->last != BINDING_NONE)
		b->array[l->last].next = x->number;
	else
		l->first = x->number;
	l->last = x->number;
}

static void relist(struct bindings *b, struct binding *x)
{
	list_remove(b, x);
	list_append(b, x,
	    x->flows > 0        ? LIST_CARRIED
	    : x->closed_ns != 0 ? LIST_CLOSED
				: LIST_IDLE);
}

/* ---- hash tables ----------------------------------------------------------------------------- */

static uint32_t *key_bucket(struct bindings *b, const struct flowkey *k)
{
	return &b->by_key[flowkey_hash(&b->seed, k) & b->mask];
}

static uint32_t *uuid_bucket(struct bindings *b, const char *uuid)
{
	uint64_t words[(LAYOUT_UUID_SIZE + 7) / 8] = {0};
	size_t len = strlen(uuid);

	memcpy(words, uuid, len);
	return &b->by_uuid[hash_words(&b->seed, words, (len + 7) / 8) & b->mask];
}

struct binding *bindings_find(struct bindings *b, const struct flowkey *k)
{
	struct binding *x;

	for (uint32_t n = *key_bucket(b, k); n != 0; n = x->key_next) {
		x = &b->array[n - 1];
		if (flowkey_equal(&x->key, k))
			return x;
	}
	return NULL;
}

struct binding *bindings_find_uuid(struct bindings *b, const char *uuid)
{
	struct binding *x;

	for (uint32_t n = *uuid_bucket(b, uuid); n != 0; n = x->uuid_next) {
		x = &b->array[n - 1];
		if (strcmp(x->uuid, uuid) == 0)
			return x;
	}
	return NULL;
}

static void unlink_key(struct bindings *b, struct binding *x)
{
	uint32_t *link = key_bucket(b, &x->key);

	if (!x->present)
		return;
	while (*link != x->number + 1)
		link = &b->array[*link - 1].key_next;
	*link = x->key_next;
	x->present = false;
}

static void unlink_uuid(struct bindings *b, struct binding *x)
{
	/* No walk: a server may give one UUID to any number of tuples. */
	if (x->uuid_prev != 0)
		b->array[x->uuid_prev - 1].uuid_next = x->uuid_next;
	else
		*uuid_bucket(b, x->uuid) = x->uuid_next;
	if (x->uuid_next != 0)
		b->array[x->uuid_next - 1].uuid_prev = x->uuid_prev;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void forget(struct bindings *b, struct binding *x, bool evicted)
{
	assert(x->flows == 0);
	b->gone(x, evicted, b->gone_arg);
	unlink_key(b, x);
	unlink_uuid(b, x);
	list_remove(b, x);
	x->key_next = b->free;
	b->free = x->number + 1;
	b->count--;
}

/* The oldest that no flow carries: closed ones first. */
static void make_room(struct bindings *b)
{
	static const enum list order[] = {LIST_CLOSED, LIST_IDLE};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint32_t n = b->lists[order[i]].first;

		if (n != BINDING_NONE) {
			forget(b, &b->array[n], true);
			return;
		}
	}
}

static struct binding *take(struct bindings *b)
{
	uint32_t n;

	if (b->count - b->carried >= b->max_flows)
		make_room(b);
	if (b->free != 0) {
		n = b->free - 1;
		b->free = b->array[n].key_next;
	} else {
		n = b->untouched++;
	}
	b->array[n] = (struct binding){.number = n};
	b->count++;
	return &b->array[n];
}

struct binding *bindings_add(struct bindings *b, const struct flowkey *k, const char *uuid,
    int64_t now_ns, enum binding_standing standing)
{
	struct binding *before = bindings_find(b, k), *x;
	uint32_t *bucket;

	if (before != NULL && standing == BINDING_PRESENT)
		bindings_retire(b, before);
	x = take(b);
	x->key = *k;
	x->renewed_ns = now_ns;
	memcpy(x->uuid, uuid, strlen(uuid) + 1);
	bucket = uuid_bucket(b, uuid);
	x->uuid_next = *bucket;
	if (*bucket != 0)
		b->array[*bucket - 1].uuid_prev = x->number + 1;
	*bucket = x->number + 1;
	if (standing == BINDING_PRESENT) {
		bucket = key_bucket(b, k);
		x->key_next = *bucket;
		*bucket = x->number + 1;
		x->present = true;
	}
	list_append(b, x, LIST_IDLE);
	return x;
}

void bindings_renew(struct bindings *b, struct binding *x, int64_t now_ns)
{
	x->renewed_ns = now_ns;
	relist(b, x);
}

void bindings_close(struct bindings *b, struct binding *x, int64_t now_ns, int64_t close_ts_ns)
{
	x->closed_ns = now_ns != 0 ? now_ns : 1;
	x->close_ts_ns = close_ts_ns;
	relist(b, x);
}

void bindings_retire(struct bindings *b, struct binding *x)
{
	unlink_key(b, x);
	if (x->flows == 0)
		forget(b, x, false);
}

void bindings_hold(struct bindings *b, struct binding *x)
{
	if (x->flows++ == 0)
		b->carried++;
	relist(b, x);
}

void bindings_release(struct bindings *b, struct binding *x, int64_t now_ns)
{
	assert(x->flows > 0);
	x->renewed_ns = now_ns;
	if (--x->flows > 0)
		return;
	b->carried--;
	relist(b, x);
	if (!x->present)
		forget(b, x, false);
	else if (b->count - b->carried > b->max_flows)
		make_room(b);
}

struct binding *bindings_at(struct bindings *b, uint32_t number)
{
	return &b->array[number];
}

bool bindings_expire(struct bindings *b, int64_t closed_before_ns, int64_t told_before_ns)
{
	for (int step = 0; step < EXPIRE_STEPS; step++) {
		uint32_t closed = b->lists[LIST_CLOSED].first, idle = b->lists[LIST_IDLE].first;

		if (closed != BINDING_NONE && b->array[closed].closed_ns < closed_before_ns)
			forget(b, &b->array[closed], false);
		else if (idle != BINDING_NONE && b->array[idle].renewed_ns < told_before_ns)
			forget(b, &b->array[idle], false);
		else
			return false;
	}
	return true;
}

uint32_t bindings_count(const struct bindings *b)
{
	return b->count;
}

void bindings_clear(struct bindings *b)
{
	for (int list = 0; list < LISTS; list++) {
		while (b->lists[list].first != BINDING_NONE) {
			struct binding *x = &b->array[b->lists[list].first];

			if (x->flows > 0)
				b->carried--;
			x->flows = 0; /* their flows are gone with the demux */
			forget(b, x, false);
		}
	}
}

void bindings_free(struct bindings *b)
{
	if (b == NULL)
		return;
	if (b->array != NULL)
		(void)munmap(b->array, b->array_bytes); /* our own mappings */
	if (b->by_key != NULL)
		(void)munmap(b->by_key, b->table_bytes);
	if (b->by_uuid != NULL)
		(void)munmap(b->by_uuid, b->table_bytes);
	free(b);
}
