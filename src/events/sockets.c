/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots are an array that only grows, with a list of free ones; an open-addressing index, at most
 * half full, leads from the cookie to the slot.
 */
#include "events/sockets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024u
#define NO_SLOT     UINT32_MAX

/* Dumps in a row that must miss a socket before it is taken to be gone. */
#define MISSED_DUMPS 2

enum state { FREE, LIVE, LOST, DEAD };

struct slot {
	struct connection c;
	int64_t opened_ns;
	union {
		uint32_t seen; /* number of the dump that showed it last */
		uint32_t next_free;
	};
	uint8_t state;
};

struct sockets {
	uint32_t max;
	bool keep_lost;
	struct sockets_hooks hooks;

	struct slot *slots;
	uint32_t room; /* allocated, a power of two; the index has twice as many */
	uint32_t used; /* slots below this were in use at some time */
	uint32_t first_free;
	uint32_t *index; /* slot + 1, or 0 */
	uint32_t dump;   /* number of the dump that is under way, or of the next one */

	uint64_t *lost; /* ring of cookies, NULL until one is lost */
	uint32_t lost_next;

	struct sockets_counts counts;
};

/* Cookies are counted up by the kernel: Fibonacci hashing (Knuth, 6.4) spreads such keys well. */
static uint32_t home(const struct sockets *t, uint64_t cookie)
{
	return (uint32_t)(cookie * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->room * 2 - 1);
}

/* Where the cookie is in the index, or the empty place where it would be. */
static uint32_t place(const struct sockets *t, uint64_t cookie)
{
	uint32_t i = home(t, cookie);

	while (t->index[i] != 0 && t->slots[t->index[i] - 1].c.cookie != cookie)
		i = (i + 1) & (t->room * 2 - 1);
	return i;
}

static uint32_t find(const struct sockets *t, uint64_t cookie)
{
	uint32_t i = t->index[place(t, cookie)];

	return i != 0 ? i - 1 : NO_SLOT;
}

static int grow(struct sockets *t, uint32_t room)
{
	uint32_t *index = calloc((size_t)room * 2, sizeof(*index));
	struct slot *slots = realloc(t->slots, (size_t)room * sizeof(*slots));

	if (slots != NULL)
		t->slots = slots;
	if (slots == NULL || index == NULL) {
		free(index);
		return -ENOMEM;
	}
	free(t->index);
	t->index = index;
	t->room = room;
	for (uint32_t s = 0; s < t->used; s++)
		if (t->slots[s].state != FREE)
			t->index[place(t, t->slots[s].c.cookie)] = s + 1;
	return 0;
}

int sockets_new(
    uint32_t max, bool keep_lost, const struct sockets_hooks *hooks, struct sockets **ret_sockets)
{
	struct sockets *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->max = max;
	t->keep_lost = keep_lost;
	t->hooks = *hooks;
	t->first_free = NO_SLOT;
	if (grow(t, FIRST_SLOTS) != 0) {
		sockets_free(t);
		return -ENOMEM;
	}
	*ret_sockets = t;
	return 0;
}

static uint32_t take_slot(struct sockets *t)
{
	uint32_t s = t->first_free;

	if (s != NO_SLOT) {
		t->first_free = t->slots[s].next_free;
		return s;
	}
	if (t->used == t->max)
		return NO_SLOT;
	if (t->used == t->room && grow(t, t->room * 2) != 0)
		return NO_SLOT;
	return t->used++;
}

/* Empties a place of the index and moves up those behind that would no longer be found. */
static void unindex(struct sockets *t, uint32_t i)
{
	uint32_t mask = t->room * 2 - 1, next = i;

	for (;;) {
		next = (next + 1) & mask;
		if (t->index[next] == 0)
			break;
		/* It may move to i only if its home is not between i (exclusive) and next. */
		if (((next - home(t, t->slots[t->index[next] - 1].c.cookie)) & mask) >=
		    ((next - i) & mask)) {
			t->index[i] = t->index[next];
			i = next;
		}
	}
	t->index[i] = 0;
}

static void forget(struct sockets *t, uint32_t s)
{
	unindex(t, place(t, t->slots[s].c.cookie));
	t->slots[s].state = FREE;
	t->slots[s].next_free = t->first_free;
	t->first_free = s;
}

static void announce(struct sockets *t, uint32_t s, const struct connection *c, int64_t now_ns)
{
	struct slot *p = &t->slots[s];

	p->c = *c;
	p->opened_ns = now_ns;
	p->seen = t->dump;
	p->state = LIVE;
	t->counts.live++;
	t->counts.opened++;
	t->hooks.opened(t->hooks.arg, s);
}

/* The hook comes first: the slot still lives in it. */
static void end(struct sockets *t, uint32_t s, enum state state)
{
	t->hooks.closed(t->hooks.arg, s);
	t->slots[s].state = (uint8_t)state;
	t->counts.live--;
	t->counts.closed++;
}

static uint32_t insert(struct sockets *t, const struct connection *c, int64_t now_ns)
{
	uint32_t s = take_slot(t);

	if (s == NO_SLOT) {
		t->counts.too_many++;
		return NO_SLOT;
	}
	/* After take_slot, which may have made the index anew. */
	t->index[place(t, c->cookie)] = s + 1;
	announce(t, s, c, now_ns);
	return s;
}

static bool same_ends(const struct connection *a, const struct connection *b)
{
	return a->ipv6 == b->ipv6 && a->local_port == b->local_port &&
	       a->remote_port == b->remote_port &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0;
}

/* A program may connect the same socket again, to another place: the same cookie, a new flow. */
static void reconnect(struct sockets *t, uint32_t s, const struct connection *c, int64_t now_ns)
{
	if (t->slots[s].state == LIVE)
		end(t, s, LOST);
	announce(t, s, c, now_ns);
}

/*
 * A socket that is just being closed loses its ports one after the other, the local one first
 * (kernel inet_hashtables.c, __inet_put_port), while a dump may look at it.
 */
static bool whole(const struct connection *c)
{
	return c->local_port != 0 && c->remote_port != 0;
}

void sockets_seen(struct sockets *t, const struct connection *c, int64_t now_ns)
{
	uint32_t s = find(t, c->cookie);

	if (s == NO_SLOT) {
		if (whole(c))
			(void)insert(t, c, now_ns); /* counts if it cannot */
		return;
	}
	t->slots[s].seen = t->dump;
	if (t->slots[s].state == DEAD || !whole(c))
		return;
	if (t->slots[s].state == LOST || !same_ends(&t->slots[s].c, c))
		reconnect(t, s, c, now_ns);
}

void sockets_destroyed(struct sockets *t, const struct connection *c, int64_t now_ns)
{
	uint32_t s = find(t, c->cookie);

	if (s == NO_SLOT && !whole(c)) {
		t->counts.erased++;
		return;
	}
	if (s == NO_SLOT) {
		s = insert(t, c, now_ns);
		if (s == NO_SLOT)
			return;
	} else if (t->slots[s].state != DEAD && whole(c) && !same_ends(&t->slots[s].c, c)) {
		reconnect(t, s, c, now_ns);
	}
	if (t->slots[s].state == LIVE)
		end(t, s, DEAD);
	t->slots[s].state = DEAD;
	t->slots[s].seen = t->dump;
}

/* Waits for the destroy message; where too many do, the one that waits longest is forgotten. */
static void remember_lost(struct sockets *t, uint32_t s)
{
	uint32_t old;

	if (t->lost == NULL && t->keep_lost)
		t->lost = calloc(SOCKETS_LOST_MAX, sizeof(*t->lost)); /* cookies begin at 1 */
	if (t->lost == NULL) {
		forget(t, s);
		return;
	}
	old = t->lost[t->lost_next] != 0 ? find(t, t->lost[t->lost_next]) : NO_SLOT;
	if (old != NO_SLOT && old != s && t->slots[old].state == LOST)
		forget(t, old);
	t->lost[t->lost_next] = t->slots[s].c.cookie;
	t->lost_next = (t->lost_next + 1) % SOCKETS_LOST_MAX;
}

void sockets_end(struct sockets *t)
{
	for (uint32_t s = 0; s < t->used; s++) {
		const struct slot *p = &t->slots[s];

		if ((p->state != LIVE && p->state != DEAD) || t->dump - p->seen < MISSED_DUMPS)
			continue;
		if (p->state == DEAD) {
			forget(t, s);
		} else {
			end(t, s, LOST);
			remember_lost(t, s);
		}
	}
	t->dump++;
}

uint32_t sockets_slots(const struct sockets *t)
{
	return t->used;
}

const struct connection *sockets_slot(
    const struct sockets *t, uint32_t slot, int64_t *ret_opened_ns)
{
	if (slot >= t->used || t->slots[slot].state != LIVE)
		return NULL;
	*ret_opened_ns = t->slots[slot].opened_ns;
	return &t->slots[slot].c;
}

void sockets_counts(const struct sockets *t, struct sockets_counts *ret_counts)
{
	*ret_counts = t->counts;
}

void sockets_free(struct sockets *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	free(t->index);
	free(t->lost);
	free(t);
}
