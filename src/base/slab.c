/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks from slabs. All book-keeping belongs to the owner thread. Other threads only push chains
 * on an atomic stack, which the owner takes whole, and puts away some of it whenever it would have
 * to begin a new slab (all of it, if it waits): what was used just now is used again, while it is
 * warm, and a burst of returns holds nobody up.
 */
#include "base/slab.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Chunk sizes, header included. 192 holds a SYN with all its options, 64 KiB a whole gzip member.
 * With steps of two a flow that grows has little room that it never fills.
 */
static const uint32_t class_bytes[] = {
    128, 192, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 5 * SLAB_BYTES};

_Static_assert(5 * SLAB_BYTES / CHUNK_UNIT_BYTES < 1 << 13, "struct chunk has 13 bits for units");

enum { CLASSES = sizeof(class_bytes) / sizeof(class_bytes[0]), JUMBO = CLASSES - 1 };

_Static_assert(CLASSES <= 16, "struct chunk has 4 bits for a class");

/*
 * Empty slabs that stay resident, as a share of the budget: beyond these the pages go back to the
 * system, which costs all threads of the process a moment.
 */
#define EMPTY_KEPT(slabs) ((slabs) / 8)

/* Returned chunks that are put away at a time. */
#define PUT_AWAY 64u

#define NONE UINT32_MAX

struct slab_meta {
	uint32_t prev, next; /* in the list of its state; NONE ends */
	uint16_t live;       /* chunks that are out */
	uint16_t fresh;      /* chunks cut so far: those above were never used */
	uint8_t size_class;
	bool resident;      /* an empty slab whose pages were not given back */
	bool keep;          /* compaction fills it, and empties those without */
	struct chunk *free; /* chunks that came back */
};

struct slab {
	/* set at start, then read-only */
	uint8_t *arena;
	size_t arena_bytes;
	uint32_t slabs;
	struct slab_meta *meta;

	/* owned by the owner thread */
	uint32_t partial[CLASSES]; /* slabs with a free chunk, per class */
	uint32_t empty;            /* list of empty slabs */
	uint32_t untouched;        /* slabs from here on were never taken */
	uint32_t resident_empty;
	uint32_t jumbos; /* that are out, or not put away yet: they lie outside of the arena */
	uint64_t live_bytes;
	struct chunk *returned;       /* from the inbox, not put away yet */
	_Atomic uint64_t taken_bytes; /* written by the owner, read by any */

	/* any thread pushes, the owner takes all */
	_Atomic(struct chunk *) inbox;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t came_back;
	atomic_bool waiting;
};

_Static_assert(offsetof(struct chunk, data) == CHUNK_HEADER_BYTES, "chunk header");

int slab_new(uint64_t max_bytes, struct slab **ret_slab)
{
	struct slab *s = calloc(1, sizeof(*s));

	assert(max_bytes >= SLAB_MIN_BYTES);
	if (s == NULL)
		return -ENOMEM;
	s->slabs =
	    (uint32_t)(max_bytes / SLAB_BYTES < NONE - 1 ? max_bytes / SLAB_BYTES : NONE - 1);
	s->arena_bytes = (size_t)s->slabs * SLAB_BYTES;
	s->arena = mmap(NULL, s->arena_bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->arena == MAP_FAILED)
		s->arena = NULL;
	if (s->arena != NULL)
		(void)madvise(s->arena, s->arena_bytes, MADV_HUGEPAGE); /* advice: fewer misses */
	s->meta = calloc(s->slabs, sizeof(*s->meta));
	if (s->arena == NULL || s->meta == NULL) {
		slab_free(s);
		return -ENOMEM;
	}
	for (int c = 0; c < CLASSES; c++)
		s->partial[c] = NONE;
	s->empty = NONE;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->came_back, NULL);
	*ret_slab = s;
	return 0;
}

static int class_for(size_t data_bytes)
{
	int c = 0;

	assert(data_bytes <= CHUNK_MAX_DATA_BYTES);
	while (class_bytes[c] - CHUNK_HEADER_BYTES < data_bytes)
		c++;
	return c;
}

uint32_t slab_cost_bytes(size_t data_bytes)
{
	return class_bytes[class_for(data_bytes)];
}

uint32_t chunk_bytes(const struct chunk *c)
{
	return class_bytes[c->size_class];
}

uint32_t chunk_room(const struct chunk *c)
{
	return class_bytes[c->size_class] - CHUNK_HEADER_BYTES - c->used;
}

static void list_push(struct slab *s, uint32_t *head, uint32_t i)
{
	s->meta[i].prev = NONE;
	s->meta[i].next = *head;
	if (*head != NONE)
		s->meta[*head].prev = i;
	*head = i;
}

static void list_remove(struct slab *s, uint32_t *head, uint32_t i)
{
	struct slab_meta *m = &s->meta[i];

	if (m->prev != NONE)
		s->meta[m->prev].next = m->next;
	else
		*head = m->next;
	if (m->next != NONE)
		s->meta[m->next].prev = m->prev;
}

static uint32_t slab_of(const struct slab *s, const struct chunk *c)
{
	return (uint32_t)(((const uint8_t *)c - s->arena) / SLAB_BYTES);
}

static void count_taken(struct slab *s, int64_t bytes)
{
	uint64_t now = atomic_load_explicit(&s->taken_bytes, memory_order_relaxed);

	atomic_store_explicit(&s->taken_bytes, now + (uint64_t)bytes, memory_order_relaxed);
}

/* A slab came to have no live chunk: any class may take it. */
static void slab_emptied(struct slab *s, uint32_t i)
{
	struct slab_meta *m = &s->meta[i];

	m->free = NULL;
	m->fresh = 0;
	m->resident = s->resident_empty < EMPTY_KEPT(s->slabs);
	if (m->resident)
		s->resident_empty++;
	else
		(void)madvise(
		    s->arena + (size_t)i * SLAB_BYTES, SLAB_BYTES, MADV_DONTNEED); /* advice */
	list_push(s, &s->empty, i);
	count_taken(s, -(int64_t)SLAB_BYTES);
}

/* The owner's side of put: one chunk back where it was cut from. */
static void chunk_back(struct slab *s, struct chunk *c)
{
	int cl = c->size_class;
	uint32_t i = slab_of(s, c);
	struct slab_meta *m;
	bool was_full;

	s->live_bytes -= class_bytes[cl];
	if (cl == JUMBO) {
		s->jumbos--;
		count_taken(s, -(int64_t)class_bytes[JUMBO]);
		(void)munmap(c, class_bytes[JUMBO]); /* our own mapping: cannot fail */
		return;
	}
	m = &s->meta[i];
	was_full = m->free == NULL && m->fresh == SLAB_BYTES / class_bytes[cl];
	c->next = m->free;
	m->free = c;
	if (--m->live == 0) {
		if (!was_full)
			list_remove(s, &s->partial[cl], i);
		slab_emptied(s, i);
	} else if (was_full) {
		list_push(s, &s->partial[cl], i);
	}
}

/* Puts away at most `most` of what other threads have put. Returns whether there was any. */
static bool put_away(struct slab *s, unsigned most)
{
	struct chunk *c = s->returned;
	bool any;

	if (c == NULL && atomic_load_explicit(&s->inbox, memory_order_relaxed) != NULL)
		c = atomic_exchange_explicit(&s->inbox, NULL, memory_order_acquire);
	any = c != NULL;
	while (c != NULL && most-- > 0) {
		struct chunk *next = c->next;

		__builtin_prefetch(next);
		chunk_back(s, c);
		c = next;
	}
	__builtin_prefetch(c);
	s->returned = c;
	return any;
}

/* Puts away all. Returns whether there was any. */
static bool put_all_away(struct slab *s)
{
	bool any = false;

	while (put_away(s, UINT_MAX))
		any = true;
	return any;
}

static uint32_t take_slab(struct slab *s, int cl)
{
	uint32_t i = s->empty;

	if (atomic_load_explicit(&s->taken_bytes, memory_order_relaxed) + SLAB_BYTES >
	    s->arena_bytes)
		return NONE;
	if (i != NONE) {
		list_remove(s, &s->empty, i);
		if (s->meta[i].resident)
			s->resident_empty--;
	} else {
		/* Taken < budget, none empty: so some were never touched, jumbos apart. */
		if (s->untouched == s->slabs)
			return NONE;
		i = s->untouched++;
	}
	s->meta[i] = (struct slab_meta){.size_class = (uint8_t)cl};
	list_push(s, &s->partial[cl], i);
	count_taken(s, SLAB_BYTES);
	return i;
}

/* A jumbo lies outside of the arena: its pages are made up for by those of empty slabs. */
static void release_empty(struct slab *s, size_t bytes)
{
	size_t released = 0;

	for (uint32_t i = s->empty; i != NONE && released < bytes; i = s->meta[i].next) {
		if (!s->meta[i].resident)
			continue;
		(void)madvise(
		    s->arena + (size_t)i * SLAB_BYTES, SLAB_BYTES, MADV_DONTNEED); /* advice */
		s->meta[i].resident = false;
		s->resident_empty--;
		released += SLAB_BYTES;
	}
}

static struct chunk *get_jumbo(struct slab *s)
{
	struct chunk *c;

	if (atomic_load_explicit(&s->taken_bytes, memory_order_relaxed) + class_bytes[JUMBO] >
	    s->arena_bytes)
		return NULL;
	c = mmap(
	    NULL, class_bytes[JUMBO], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	release_empty(s, class_bytes[JUMBO]);
	s->jumbos++;
	count_taken(s, class_bytes[JUMBO]);
	return c;
}

/* The chunk that will be given out next has been cold since it came back. */
static void prefetch_chunk(const struct chunk *c)
{
	__builtin_prefetch(c, 1); /* NULL does no harm */
	__builtin_prefetch((const uint8_t *)c + 64, 1);
}

static struct chunk *get_class(struct slab *s, int cl)
{
	uint32_t i = s->partial[cl];
	struct slab_meta *m;
	struct chunk *c;

	if (cl == JUMBO)
		return get_jumbo(s);
	if (i == NONE && (i = take_slab(s, cl)) == NONE)
		return NULL;
	m = &s->meta[i];
	c = m->free;
	if (c != NULL) {
		m->free = c->next;
		prefetch_chunk(m->free);
	} else {
		c = (void *)(s->arena + (size_t)i * SLAB_BYTES +
			     (size_t)m->fresh++ * class_bytes[cl]);
	}
	m->live++;
	if (m->free == NULL && m->fresh == SLAB_BYTES / class_bytes[cl])
		list_remove(s, &s->partial[cl], i);
	return c;
}

int slab_get(struct slab *s, size_t data_bytes, struct chunk **ret_chunk)
{
	int cl = class_for(data_bytes);
	struct chunk *c;

	(void)put_away(s, 1); /* one for one: the next one is fetched meanwhile */
	if (s->partial[cl] == NONE)
		(void)put_away(s, PUT_AWAY);
	while ((c = get_class(s, cl)) == NULL)
		if (!put_away(s, PUT_AWAY))
			return -ENOMEM;
	*c = (struct chunk){.size_class = (uint32_t)cl & 15};
	s->live_bytes += class_bytes[cl];
	*ret_chunk = c;
	return 0;
}

void slab_put(struct slab *s, struct chunk *chain)
{
	struct chunk *last = chain, *top;

	if (chain == NULL)
		return;
	while (last->next != NULL)
		last = last->next;
	top = atomic_load_explicit(&s->inbox, memory_order_relaxed);
	do {
		last->next = top;
	} while (!atomic_compare_exchange_weak_explicit(
	    &s->inbox, &top, chain, memory_order_seq_cst, memory_order_relaxed));
	/*
	 * seq_cst on the push and on `waiting`: either the owner sees the chunk before it sleeps,
	 * or we see that it waits. The lock closes the gap between its last look and its sleep.
	 */
	if (atomic_load_explicit(&s->waiting, memory_order_seq_cst)) {
		(void)pthread_mutex_lock(&s->lock);
		(void)pthread_cond_signal(&s->came_back);
		(void)pthread_mutex_unlock(&s->lock);
	}
}

void slab_wait(struct slab *s)
{
	if (put_all_away(s))
		return;
	(void)pthread_mutex_lock(&s->lock);
	atomic_store_explicit(&s->waiting, true, memory_order_seq_cst);
	while (atomic_load_explicit(&s->inbox, memory_order_seq_cst) == NULL)
		(void)pthread_cond_wait(&s->came_back, &s->lock);
	atomic_store_explicit(&s->waiting, false, memory_order_relaxed);
	(void)pthread_mutex_unlock(&s->lock);
	(void)put_all_away(s);
}

uint64_t slab_live_bytes(const struct slab *s)
{
	return s->live_bytes;
}

uint64_t slab_taken_bytes(const struct slab *s)
{
	return atomic_load_explicit(&s->taken_bytes, memory_order_relaxed);
}

/*
 * Order the partial slabs of each class, fullest first, so that slab_compact fills from the top,
 * and keep as many from there on as have room for all chunks. Which ones is settled before any
 * chunk moves: the order in which chunks are offered then makes no difference.
 */
void slab_compact_begin(struct slab *s)
{
	for (int cl = 0; cl < JUMBO; cl++) {
		uint32_t per_slab = SLAB_BYTES / class_bytes[cl];
		uint32_t sorted = NONE;
		uint64_t chunks = 0, room = 0;

		/* Counting sort by `live`, emptiest pushed first. */
		for (uint32_t live = 1; live <= per_slab && s->partial[cl] != NONE; live++) {
			uint32_t i = s->partial[cl], next;

			for (; i != NONE; i = next) {
				next = s->meta[i].next;
				if (s->meta[i].live != live)
					continue;
				list_remove(s, &s->partial[cl], i);
				list_push(s, &sorted, i);
				chunks += live;
			}
		}
		s->partial[cl] = sorted;
		for (uint32_t i = sorted; i != NONE; i = s->meta[i].next) {
			s->meta[i].keep = room < chunks;
			room += per_slab;
		}
	}
}

struct chunk *slab_compact(struct slab *s, struct chunk *c)
{
	int cl = c->size_class;
	uint32_t target = s->partial[cl], own;
	struct chunk *to;

	if (cl == JUMBO || target == NONE)
		return c;
	own = slab_of(s, c);
	if (s->meta[own].keep || s->meta[own].live == SLAB_BYTES / class_bytes[cl] ||
	    !s->meta[target].keep)
		return c;
	to = get_class(s, cl); /* from the head of the list: cannot fail */
	memcpy(to, c, CHUNK_HEADER_BYTES + c->used);
	s->live_bytes += class_bytes[cl]; /* chunk_back takes it off again */
	chunk_back(s, c);
	return to;
}

void slab_free(struct slab *s)
{
	if (s == NULL)
		return;
	if (s->jumbos > 0) /* the others go with the arena, however many they are */
		(void)put_all_away(s);
	if (s->arena != NULL)
		(void)munmap(s->arena, s->arena_bytes); /* our own mapping */
	free(s->meta);
	free(s);
}
