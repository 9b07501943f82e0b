/* SPDX-License-Identifier: BSD-2-Clause */
/* See demux_null.h. */
#include "demux_null.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/queue.h"
#include "base/thread.h"

/* What save/saver.c takes at a time, and what it has room for in a live capture. */
#define TAKE_BATCHES  64
#define QUEUE_BATCHES 4096

/* Places that batches are copied to in turn, where there is no queue. */
#define SHELF_BATCHES 64

struct savers {
	/* set at start, then read-only */
	enum null_place place;
	struct slab *slab;
	struct ledger *ledger;
	struct queue *queue; /* NULL in place */
	pthread_t thread;

	/* owned by the demux thread */
	uint64_t batches, parts;
	struct batch shelf[SHELF_BATCHES];
};

/* All that a saver does, but for the saving. */
static void take(struct savers *s, const struct batch *b)
{
	uint64_t pkts = b->record.tally.pkts[0] + b->record.tally.pkts[1];

	slab_put(s->slab, b->chunks);
	if (b->charge != NULL)
		atomic_fetch_sub_explicit(b->charge, b->charge_bytes, memory_order_relaxed);
	if (b->kind == BATCH_CLOSE)
		ledger_add(&s->ledger->packets_archived, pkts);
	else if (b->kind == BATCH_DISCARD)
		ledger_add(&s->ledger->dropped[DROP_no_uuid], pkts);
}

static void *run(void *arg)
{
	static struct batch taken[TAKE_BATCHES];
	struct savers *s = arg;
	int n;

	while ((n = queue_get(s->queue, taken, TAKE_BATCHES, -1)) > 0)
		for (int i = 0; i < n; i++)
			take(s, &taken[i]);
	return NULL;
}

struct savers *null_start(enum null_place place, struct slab *slab, struct ledger *ledger)
{
	struct savers *s = calloc(1, sizeof(*s));

	if (s == NULL)
		errx(1, "no memory");
	s->place = place;
	s->slab = slab;
	s->ledger = ledger;
	if (place == NULL_IN_PLACE)
		return s;
	if (queue_new(sizeof(struct batch), QUEUE_BATCHES, &s->queue) != 0 ||
	    thread_start("null", run, s, &s->thread) != 0)
		errx(1, "cannot start the null store");
	return s;
}

int savers_put(struct savers *s, struct batch *b, enum savers_wait wait)
{
	int rv = 0;

	if (s->place == NULL_IN_PLACE) {
		struct batch *copy = &s->shelf[s->batches % SHELF_BATCHES];

		*copy = *b;
		take(s, copy);
	} else if (wait == SAVERS_TRY_HALF && queue_depth(s->queue) >= QUEUE_BATCHES / 2) {
		return -EAGAIN;
	} else {
		rv = wait == SAVERS_WAIT ? queue_put(s->queue, b) : queue_try_put(s->queue, b);
	}
	if (rv != 0)
		return rv;
	b->chunks = NULL;
	s->batches++;
	s->parts += b->kind == BATCH_CLOSE;
	return 0;
}

uint64_t null_batches(const struct savers *s)
{
	return s->batches;
}

uint64_t null_parts(const struct savers *s)
{
	return s->parts;
}

void null_stop(struct savers *s)
{
	if (s->queue != NULL) {
		queue_close(s->queue);
		(void)pthread_join(s->thread, NULL); /* it is ours, and not joined yet */
		queue_free(s->queue);
	}
	free(s);
}
