/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See names.h. The filter is a Bloom filter in blocks of a cache line: a name sets four bits of one
 * block. It never forgets, so a name that was asked for is never "surely free" again.
 */
#include "archive/names.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "archive/catalog.h"
#include "archive/dayindex.h"
#include "archive/store.h"
#include "packet/hash.h"

/*
 * 16 MiB of address space, touched as it fills: 10 million names make one in 200 seem taken. Then
 * it begins anew with the next day that comes, and the index is asked of those before.
 */
#define FILTER_NAMES 10000000u
#define BLOCKS       (UINT32_C(1) << 18)
#define BLOCK_WORDS  8u /* 64 bytes */

/* A day that has more names when it is first asked about is not loaded: that would take too long.
 */
#define LOAD_NAMES 200000u

/* Names that a store has claimed and the catalog does not know yet. */
struct claims {
	uint64_t hash[STORE_GATHER_PARTS];
	unsigned count;
};

struct day {
	int32_t number;
	bool asked;    /* since it was taken in hand: `segments` tells */
	bool segments; /* it had some then */
	bool loaded;   /* all names of its index are in the filter */
	bool blind;    /* or they are too many: the index is asked each time */
};

struct names {
	/* set at start, then read-only */
	struct archive *archive;
	struct catalog *catalog;
	struct hash_key seed;

	/* guarded by lock */
	pthread_mutex_t lock;
	uint64_t (*filter)[BLOCK_WORDS];
	uint32_t filter_names; /* in it */
	struct day *days;
	size_t day_count, day_room;
	struct claims *claims; /* by the number of the store */
};

int names_new(struct archive *a, struct catalog *c, struct names **ret_names)
{
	struct names *n = calloc(1, sizeof(*n));
	int rv;

	if (n == NULL)
		return -ENOMEM;
	n->archive = a;
	n->catalog = c;
	(void)pthread_mutex_init(&n->lock, NULL); /* default attributes: cannot fail on Linux */
	n->filter = calloc(BLOCKS, sizeof(*n->filter));
	n->claims = calloc(NAMES_STORES, sizeof(*n->claims));
	rv = n->filter != NULL && n->claims != NULL ? hash_key_random(&n->seed) : -ENOMEM;
	if (rv != 0) {
		names_free(n);
		return rv;
	}
	*ret_names = n;
	return 0;
}

static uint64_t hash_name(const struct names *n, int32_t day, const char *uuid, uint32_t part)
{
	uint64_t words[1 + (LAYOUT_UUID_SIZE + 7) / 8] = {(uint64_t)(uint32_t)day << 32 | part};
	size_t len = strlen(uuid);

	memcpy(&words[1], uuid, len);
	return hash_words(&n->seed, words, 1 + (len + 7) / 8);
}

/* Puts a name into the filter. Returns whether it was surely not there. */
static bool add_to_filter(struct names *n, uint64_t hash)
{
	uint64_t *block = n->filter[hash % BLOCKS];
	bool fresh = false;

	hash /= BLOCKS; /* 46 bits are left, 36 of them are used */
	for (int i = 0; i < 4; i++, hash >>= 9) {
		uint64_t bit = UINT64_C(1) << (hash & 63);
		uint64_t *word = &block[hash >> 6 & (BLOCK_WORDS - 1)];

		/* In one step: to read a fresh page first would cost a second fault for the write.
		 */
		fresh |= (__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit) == 0;
	}
	n->filter_names += fresh;
	return fresh;
}

/* ---- what the indexes tell, through the catalog or without one ---- */

static int find_without_catalog(
    struct names *n, int32_t day, const char *uuid, uint32_t part, struct record *ret_record)
{
	struct dayindex *x;
	int rv = dayindex_open(n->archive, day, DAYINDEX_READ, &x);

	if (rv != 0)
		return rv == -ENOENT ? 0 : rv;
	rv = dayindex_find(x, uuid, part, ret_record);
	dayindex_close(x);
	return rv;
}

static int find(
    struct names *n, int32_t day, const char *uuid, uint32_t part, struct record *ret_record)
{
	return n->catalog != NULL ? catalog_find(n->catalog, day, uuid, part, ret_record)
				  : find_without_catalog(n, day, uuid, part, ret_record);
}

static int summarize(struct names *n, int32_t day, struct dayindex_summary *ret_summary)
{
	struct dayindex *x;
	int rv;

	if (n->catalog != NULL)
		return catalog_summary(n->catalog, day, ret_summary);
	memset(ret_summary, 0, sizeof(*ret_summary));
	rv = dayindex_open(n->archive, day, DAYINDEX_READ, &x);
	if (rv != 0)
		return rv == -ENOENT ? 0 : rv;
	rv = dayindex_summary(x, ret_summary);
	dayindex_close(x);
	return rv;
}

/* Called in the catalog thread while the one that asks waits, with the lock held. */
static int add_row(const struct record *r, void *arg)
{
	struct names *n = arg;

	(void)add_to_filter(n, hash_name(n, r->day, r->uuid, r->part));
	return 0;
}

/*
 * A damaged index makes no packet go lost: no row can be added to it, so its day stays dirty and is
 * made anew. What may pass (no memory, no descriptors, a busy index) is another thing: who took
 * names for free then would give them twice, and nobody would know.
 */
static bool is_damage(int rv)
{
	return rv == -EBADMSG || rv == -ENOTSUP;
}

static int each_name(struct names *n, int32_t day)
{
	struct dayindex *x;
	int rv;

	if (n->catalog != NULL)
		return catalog_each_name(n->catalog, day, add_row, n);
	rv = dayindex_open(n->archive, day, DAYINDEX_READ, &x);
	if (rv != 0)
		return rv == -ENOENT ? 0 : rv;
	rv = dayindex_select(x, NULL, DAYINDEX_PREFIX, add_row, n);
	dayindex_close(x);
	return rv;
}

static int load(struct names *n, struct day *d)
{
	int rv = each_name(n, d->number);

	if (is_damage(rv)) /* as in find_day */
		rv = each_name(n, d->number);
	d->loaded = rv == 0 || is_damage(rv);
	return d->loaded ? 0 : rv;
}

/* ---- days; called with the lock held ---- */

static void begin_filter_anew(struct names *n)
{
	memset(n->filter, 0, BLOCKS * sizeof(*n->filter));
	n->filter_names = 0;
	for (size_t i = 0; i < n->day_count; i++)
		n->days[i].blind = true;
}

static int add_day(struct names *n, int32_t number, struct day **ret_day)
{
	if (n->day_count == n->day_room) {
		size_t room = n->day_room ? n->day_room * 2 : 16;
		struct day *more = realloc(n->days, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		n->days = more;
		n->day_room = room;
	}
	if (n->filter_names >= FILTER_NAMES)
		begin_filter_anew(n);
	*ret_day = &n->days[n->day_count++];
	**ret_day = (struct day){.number = number};
	return 0;
}

static struct day *known_day(const struct names *n, int32_t number)
{
	for (size_t i = n->day_count; i > 0; i--) /* the days in hand are the last ones */
		if (n->days[i - 1].number == number)
			return &n->days[i - 1];
	return NULL;
}

static int find_day(struct names *n, int32_t number, struct day **ret_day)
{
	struct day *d = known_day(n, number);
	struct dayindex_summary sum;
	int rv = d == NULL ? add_day(n, number, &d) : 0;

	if (rv != 0)
		return rv;
	*ret_day = d;
	if (d->asked)
		return 0;
	rv = summarize(n, number, &sum);
	if (is_damage(rv)) /* to SQLite some broken reads look like damage: once is not enough */
		rv = summarize(n, number, &sum);
	if (rv != 0 && !is_damage(rv))
		return rv;
	if (rv != 0)
		memset(&sum, 0, sizeof(sum)); /* see is_damage */
	d->asked = true;
	d->segments = sum.segment_parts > 0;
	d->loaded |= sum.parts == 0;
	d->blind |= !d->loaded && sum.parts > LOAD_NAMES;
	return 0;
}

void names_day(struct names *n, int32_t day)
{
	struct day *d;

	(void)pthread_mutex_lock(&n->lock);
	d = known_day(n, day);
	if (d != NULL)
		d->asked = false;
	(void)pthread_mutex_unlock(&n->lock);
}

int names_segments(struct names *n, int32_t day)
{
	struct day *d;
	int rv;

	(void)pthread_mutex_lock(&n->lock);
	rv = find_day(n, day, &d);
	if (rv == 0)
		rv = d->segments;
	(void)pthread_mutex_unlock(&n->lock);
	return rv;
}

/* ---- claims ---- */

static bool has_claimed(const struct claims *c, uint64_t hash)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->hash[i] == hash)
			return true;
	return false;
}

static bool others_claimed(const struct names *n, unsigned number, uint64_t hash)
{
	for (unsigned i = 0; i < NAMES_STORES; i++)
		if (i != number && has_claimed(&n->claims[i], hash))
			return true;
	return false;
}

enum verdict { SURELY_FREE, OWN, OTHERS, ASK };

/* Called with the lock held. A name that is free, or may be, is the asker's when this returns. */
static enum verdict judge(struct names *n, unsigned number, uint64_t hash, bool blind)
{
	struct claims *mine = &n->claims[number];
	bool fresh = add_to_filter(n, hash) && !blind;

	if (mine->count == STORE_GATHER_PARTS || (!fresh && has_claimed(mine, hash)))
		return OWN;
	if (!fresh && others_claimed(n, number, hash))
		return OTHERS;
	mine->hash[mine->count++] = hash;
	return fresh ? SURELY_FREE : ASK;
}

static void give_back(struct names *n, unsigned number)
{
	(void)pthread_mutex_lock(&n->lock);
	n->claims[number].count--;
	(void)pthread_mutex_unlock(&n->lock);
}

int names_claim(struct names *n, unsigned number, int32_t day, const char *uuid, uint32_t part,
    struct record *ret_record)
{
	uint64_t hash = hash_name(n, day, uuid, part);
	enum verdict v = OWN;
	struct day *d;
	int rv;

	(void)pthread_mutex_lock(&n->lock);
	rv = find_day(n, day, &d);
	if (rv == 0 && !d->loaded && !d->blind)
		rv = load(n, d);
	if (rv == 0)
		v = judge(n, number, hash, d->blind);
	(void)pthread_mutex_unlock(&n->lock);
	memset(ret_record, 0, sizeof(*ret_record));
	if (rv != 0)
		return rv;
	switch (v) {
	case SURELY_FREE:
		return NAMES_FREE;
	case OWN:
		return NAMES_GATHERED;
	case OTHERS:
		return NAMES_TAKEN;
	case ASK:
		break;
	}
	rv = find(n, day, uuid, part, ret_record);
	if (rv == 0 || rv == -EBADMSG) /* see load */
		return NAMES_FREE;
	give_back(n, number);
	return rv < 0 ? rv : NAMES_TAKEN;
}

void names_flushed(struct names *n, unsigned number)
{
	(void)pthread_mutex_lock(&n->lock);
	n->claims[number].count = 0;
	(void)pthread_mutex_unlock(&n->lock);
}

void names_free(struct names *n)
{
	if (n == NULL)
		return;
	(void)pthread_mutex_destroy(&n->lock);
	free(n->days);
	free(n->claims);
	free(n->filter);
	free(n);
}
