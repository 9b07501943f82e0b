/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See fragments.h. A fixed ring of datagrams, used in turn, found through chained buckets. Held
 * packets are heap copies in a list of their datagram.
 */
#include "flow/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS (FRAGMENTS_MAX * 2)
#define NONE    UINT32_MAX

/* What the fragments of a datagram have in common: RFC 791 3.2, RFC 8200 4.5. */
struct datagram_key {
	uint8_t src[16], dst[16];
	uint32_t frag_id;
	uint32_t linktype;
	uint16_t vlan[2];
	uint8_t family;
	uint8_t proto; /* as the fragments name it */
	uint8_t zero[2];
};

_Static_assert(sizeof(struct datagram_key) == 48, "no padding: keys are compared as bytes");

struct held {
	struct held *next;
	struct packet packet; /* its data follows */
	uint8_t data[];
};

struct datagram {
	struct datagram_key key;
	int64_t seen_ns; /* when it was put here, on the demux clock */
	uint64_t serial; /* of the flow; 0 while the first fragment has not come */
	struct held *held, **held_end;
	uint32_t number; /* of the flow */
	uint32_t next;   /* in its bucket */
	uint32_t bucket;
	bool used; /* else its place in the ring waits for its turn */
};

struct fragments {
	struct hash_key seed;
	fragments_lost_fn *lost;
	void *lost_arg;
	uint32_t buckets[BUCKETS];
	struct datagram ring[FRAGMENTS_MAX];
	uint32_t oldest; /* the slot that is used next is this one */
	uint32_t count;
	size_t held_bytes;
};

int fragments_new(const struct hash_key *seed, fragments_lost_fn *lost, void *arg,
    struct fragments **ret_fragments)
{
	struct fragments *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return -ENOMEM;
	x->seed = *seed;
	x->lost = lost;
	x->lost_arg = arg;
	for (uint32_t i = 0; i < BUCKETS; i++)
		x->buckets[i] = NONE;
	*ret_fragments = x;
	return 0;
}

static void make_key(const struct packet *p, const struct decoded *d, struct datagram_key *k)
{
	memset(k, 0, sizeof(*k));
	memcpy(k->src, d->src, sizeof(k->src));
	memcpy(k->dst, d->dst, sizeof(k->dst));
	k->frag_id = d->frag_id;
	k->linktype = p->linktype;
	memcpy(k->vlan, d->vlan, sizeof(k->vlan));
	k->family = d->family;
	k->proto = d->frag_proto;
}

static uint32_t bucket_of(const struct fragments *x, const struct datagram_key *k)
{
	uint64_t words[sizeof(*k) / 8];

	memcpy(words, k, sizeof(words));
	return (uint32_t)(hash_words(&x->seed, words, sizeof(words) / 8) % BUCKETS);
}

static struct datagram *find(struct fragments *x, const struct datagram_key *k)
{
	for (uint32_t i = x->buckets[bucket_of(x, k)]; i != NONE; i = x->ring[i].next)
		if (memcmp(&x->ring[i].key, k, sizeof(*k)) == 0)
			return &x->ring[i];
	return NULL;
}

static void drop_held(struct fragments *x, struct datagram *g, bool lost)
{
	struct held *h = g->held, *next;

	for (; h != NULL; h = next) {
		next = h->next;
		x->held_bytes -= h->packet.caplen;
		if (lost)
			x->lost(x->lost_arg);
		free(h);
	}
	g->held = NULL;
	g->held_end = &g->held;
}

static void forget(struct fragments *x, struct datagram *g)
{
	uint32_t *link = &x->buckets[g->bucket];

	while (*link != (uint32_t)(g - x->ring))
		link = &x->ring[*link].next;
	*link = g->next;
	drop_held(x, g, true);
	g->used = false;
}

static void remove_oldest(struct fragments *x)
{
	struct datagram *g = &x->ring[x->oldest];

	if (g->used)
		forget(x, g);
	x->oldest = (x->oldest + 1) % FRAGMENTS_MAX;
	x->count--;
}

static struct datagram *add(struct fragments *x, const struct datagram_key *k, int64_t now_ns)
{
	uint32_t i;
	struct datagram *g;

	if (x->count == FRAGMENTS_MAX)
		remove_oldest(x);
	i = (x->oldest + x->count++) % FRAGMENTS_MAX;
	g = &x->ring[i];
	*g = (struct datagram){
	    .key = *k, .seen_ns = now_ns, .bucket = bucket_of(x, k), .used = true};
	g->held_end = &g->held;
	g->next = x->buckets[g->bucket];
	x->buckets[g->bucket] = i;
	return g;
}

void fragments_add_first(struct fragments *x, const struct packet *p, const struct decoded *d,
    const struct flow *f, int64_t now_ns)
{
	struct datagram_key k;
	struct datagram *g;

	fragments_expire(x, now_ns);
	make_key(p, d, &k);
	g = find(x, &k);
	if (g != NULL && g->serial != 0) {
		forget(x, g); /* the id is used again: the new datagram has its own age */
		g = NULL;
	}
	if (g == NULL)
		g = add(x, &k, now_ns);
	g->number = f->number;
	g->serial = f->serial;
}

void fragments_give_held(struct fragments *x, const struct packet *p, const struct decoded *d,
    fragments_give_fn *give, void *arg)
{
	struct datagram_key k;
	struct datagram *g;

	make_key(p, d, &k);
	g = find(x, &k);
	if (g == NULL)
		return;
	for (struct held *h = g->held; h != NULL; h = h->next)
		give(&h->packet, arg);
	drop_held(x, g, false);
}

int fragments_find(struct fragments *x, const struct packet *p, const struct decoded *d,
    int64_t now_ns, uint32_t *ret_number, uint64_t *ret_serial)
{
	struct datagram_key k;
	struct datagram *g;

	fragments_expire(x, now_ns);
	make_key(p, d, &k);
	g = find(x, &k);
	if (g == NULL || g->serial == 0)
		return -ENOENT;
	*ret_number = g->number;
	*ret_serial = g->serial;
	return 0;
}

int fragments_hold(
    struct fragments *x, const struct packet *p, const struct decoded *d, int64_t now_ns)
{
	struct held *h = malloc(sizeof(*h) + p->caplen);
	struct datagram_key k;
	struct datagram *g;

	if (h == NULL)
		return -ENOMEM;
	h->next = NULL;
	h->packet = *p;
	h->packet.data = h->data;
	memcpy(h->data, p->data, p->caplen);
	while (x->count > 0 && x->held_bytes + p->caplen > FRAGMENTS_MAX_HELD_BYTES)
		remove_oldest(x);
	make_key(p, d, &k);
	g = find(x, &k);
	if (g == NULL)
		g = add(x, &k, now_ns);
	*g->held_end = h;
	g->held_end = &h->next;
	x->held_bytes += p->caplen;
	return 0;
}

/* The oldest is too old, or from the time before the clock started anew. */
static bool is_stale(const struct fragments *x, int64_t now_ns)
{
	const struct datagram *g = &x->ring[x->oldest];

	return now_ns == INT64_MAX || now_ns < g->seen_ns ||
	       now_ns - g->seen_ns > FRAGMENTS_MAX_AGE_NS;
}

void fragments_expire(struct fragments *x, int64_t now_ns)
{
	while (x->count > 0 && is_stale(x, now_ns))
		remove_oldest(x);
}

void fragments_free(struct fragments *x)
{
	if (x == NULL)
		return;
	while (x->count > 0)
		remove_oldest(x);
	free(x);
}
