/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See losses.h. Open addressing with linear probing, at most three quarters full; what is removed
 * leaves no mark behind, the entries after it move up. The table is made with the first loss, and
 * shrinks again when the disk has recovered.
 */
#include "save/losses.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_BITS 4

struct losses {
	struct loss *slots; /* 1 << bits of them; NULL: none yet */
	size_t count;
	unsigned bits;
};

static size_t room(const struct losses *t)
{
	return t->slots != NULL ? (size_t)1 << t->bits : 0;
}

static size_t after(const struct losses *t, size_t i)
{
	return (i + 1) & (room(t) - 1);
}

/* How far slot `to` lies behind `from`, the way that probes go. */
static size_t distance(const struct losses *t, size_t from, size_t to)
{
	return (to - from) & (room(t) - 1);
}

/*
 * Serials are counted up by ourselves, nobody outside can choose them: Fibonacci hashing (Knuth,
 * 6.4), by its upper bits, spreads such keys evenly.
 */
static size_t home(const struct losses *t, uint64_t serial)
{
	return (size_t)(serial * UINT64_C(0x9e3779b97f4a7c15) >> (64 - t->bits));
}

/* Where the serial is, or the empty slot where it would be. */
static size_t place(const struct losses *t, uint64_t serial)
{
	size_t i = home(t, serial);

	while (t->slots[i].present && t->slots[i].serial != serial)
		i = after(t, i);
	return i;
}

static int resize(struct losses *t, unsigned bits)
{
	struct losses next = {.count = t->count, .bits = bits};

	next.slots = calloc((size_t)1 << bits, sizeof(*next.slots));
	if (next.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < room(t); i++)
		if (t->slots[i].present)
			next.slots[place(&next, t->slots[i].serial)] = t->slots[i];
	free(t->slots);
	*t = next;
	return 0;
}

/* Empties a slot and moves up those behind it that probes would no longer reach. */
static void vacate(struct losses *t, size_t hole)
{
	for (size_t i = after(t, hole); t->slots[i].present; i = after(t, i)) {
		/* Its probe passes the hole, unless its home lies behind the hole. */
		if (distance(t, home(t, t->slots[i].serial), i) < distance(t, hole, i))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = (struct loss){0};
}

int losses_new(struct losses **ret_losses)
{
	struct losses *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	*ret_losses = t;
	return 0;
}

struct loss *losses_find(const struct losses *t, uint64_t serial)
{
	struct loss *l;

	if (t->count == 0)
		return NULL;
	l = &t->slots[place(t, serial)];
	return l->present ? l : NULL;
}

struct loss *losses_note(struct losses *t, uint64_t serial, uint64_t pkts)
{
	struct loss *l = losses_find(t, serial);

	if (l == NULL) {
		if (t->count == room(t) / 4 * 3 &&
		    resize(t, t->slots != NULL ? t->bits + 1 : FIRST_BITS) != 0)
			return NULL;
		l = &t->slots[place(t, serial)];
		*l = (struct loss){.serial = serial, .present = true};
		t->count++;
	}
	l->pkts += pkts;
	return l;
}

struct loss losses_take(struct losses *t, uint64_t serial)
{
	struct loss *l = losses_find(t, serial), found = {0};

	if (l == NULL)
		return found;
	found = *l;
	vacate(t, (size_t)(l - t->slots));
	t->count--;
	/* Half as large would be a quarter full at most: far from growing again at once. */
	if (t->bits > FIRST_BITS && t->count < room(t) / 8)
		(void)resize(t, t->bits - 1); /* without memory it stays as it is */
	return found;
}

size_t losses_count(const struct losses *t)
{
	return t->count;
}

void losses_free(struct losses *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	free(t);
}
