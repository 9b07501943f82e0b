/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See keeper.h. Flows that hold chunks stand in queues, oldest first: by the list they were in
 * (half-open flows go first, then ended ones, then open ones), and in each by how much they hold.
 * A few that hold much make as much room as many that hold little, and cost far fewer writes.
 */
#include "flow/keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/pcapfmt.h"

#define NONE FLOW_NONE

/* Flows that one call of keeper_flush_older flushes: it must not hold packets up for long. */
#define FLUSH_STEPS 1024

/* Flows that are put where they belong by now, before one is flushed where it is. */
#define CHANCES 64

/* Flows that are fetched before their turn to be flushed comes. */
#define SCOUT_AHEAD 8

/* Flows that are flushed for a chunk that there is no room for. */
#define FLUSHES_PER_CHUNK 8

/* What half-open flows may hold: half of the budget, what is on its way through the savers too. */
#define HALF_OPEN_SHARE 2

/*
 * Who holds this much or more, in chunk bytes, goes before those that hold less. More steps than
 * one would pin many slabs by few small chunks: flows that hold little come and go together.
 */
#define MUCH_BYTES 32768

enum { SIZES = 2, QUEUES = FLOW_LISTS * SIZES };

/* Half-open flows go by age alone: what they hold is the sender's choice. */
#define HALF_OPEN_QUEUE (FLOW_HALF_OPEN * SIZES)

_Static_assert(QUEUES <= 1 << 5, "struct flow has 5 bits for a queue");
_Static_assert(CHUNK_MAX_DATA_BYTES / PCAPFMT_RECORD_HEADER_BYTES < 1 << 15,
    "struct chunk has 15 bits for records");

struct holders {
	uint32_t first, last; /* numbers of flows; NONE: empty */
	uint64_t bytes;       /* in their chunks */
	uint32_t scout;       /* NONE, or the flow up to which all behind the first are fetched */
	uint32_t ahead;       /* how far that is, or less: others than the first leave, too */
};

struct keeper {
	/* set at start, then read-only */
	struct keeper_config config;
	uint64_t limit_bytes; /* what open flows may hold */

	/* owned by the demux thread */
	enum keeper_mode mode;
	struct flow *flows;  /* the array that all flows stand in; NULL before the first holds */
	uint64_t held_bytes; /* what they hold, in chunk bytes */
	uint8_t epoch;       /* counts halves of the flush interval, modulo 256 */
	struct holders holders[QUEUES]; /* list by list, in the order in which they go */

	/* the demux adds, the savers take off */
	_Atomic uint64_t half_open_queued_bytes;
};

int keeper_new(const struct keeper_config *config, struct keeper **ret_keeper)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	k->config = *config;
	k->mode = config->mode;
	k->limit_bytes = config->max_memory_bytes / 2;
	for (int i = 0; i < QUEUES; i++)
		k->holders[i] = (struct holders){.first = NONE, .last = NONE, .scout = NONE};
	*ret_keeper = k;
	return 0;
}

/* ---- who holds ------------------------------------------------------------------------------- */

/* What the chunks of f cost: the last one tells, so that the others stay unread. */
static uint64_t held_cost(const struct flow *f)
{
	return f->tail != NULL ? (uint64_t)f->tail->chain_units * CHUNK_UNIT_BYTES : 0;
}

/* Half-open flows go with each other, also those that were refused: a flood is a flood. */
static uint32_t holder_list(const struct flow *f)
{
	return f->half_open ? FLOW_HALF_OPEN : f->list;
}

/* The queue where f belongs that holds so many bytes. */
static uint32_t queue_for(const struct flow *f, uint64_t bytes)
{
	if (f->half_open)
		return HALF_OPEN_QUEUE;
	return f->list * SIZES + (bytes < MUCH_BYTES);
}

/* bytes: what its chunks have. */
static void holder_remove(struct keeper *k, struct flow *f, uint64_t bytes)
{
	struct holders *h = &k->holders[f->held_queue];

	if (h->scout == f->number)
		h->scout = f->held_next;
	if (f->held_prev != NONE) {
		k->flows[f->held_prev].held_next = f->held_next;
	} else {
		h->first = f->held_next;
		h->ahead -= h->ahead > 0;
	}
	if (f->held_next != NONE)
		k->flows[f->held_next].held_prev = f->held_prev;
	else
		h->last = f->held_prev;
	h->bytes -= bytes;
}

static void holder_add(struct keeper *k, struct flow *f, uint64_t bytes)
{
	uint32_t queue = queue_for(f, bytes);
	struct holders *h = &k->holders[queue];

	k->flows = f - f->number;
	f->held_queue = queue & 31;
	f->held_next = NONE;
	f->held_prev = h->last;
	if (h->last != NONE)
		k->flows[h->last].held_next = f->number;
	else
		h->first = f->number;
	h->last = f->number;
	h->bytes += bytes;
}

/* Puts f, which holds something, where it belongs by now, unless it stands there. */
static bool requeue(struct keeper *k, struct flow *f)
{
	uint64_t bytes = held_cost(f);

	if (f->held_queue == queue_for(f, bytes))
		return false;
	holder_remove(k, f, bytes);
	holder_add(k, f, bytes);
	return true;
}

void keeper_moved(struct keeper *k, struct flow *f)
{
	if (f->head != NULL && f->held_queue / SIZES != holder_list(f))
		(void)requeue(k, f);
}

/* f's chunks, of so many bytes, belong to somebody else now: they are not looked at. */
static void let_go(struct keeper *k, struct flow *f, uint64_t bytes)
{
	if (f->head == NULL)
		return;
	holder_remove(k, f, bytes);
	k->held_bytes -= bytes;
	f->head = f->tail = NULL;
	f->held_bytes = 0;
}

uint64_t keeper_held_bytes(const struct keeper *k)
{
	return k->held_bytes;
}

void keeper_wait(struct keeper *k)
{
	k->mode = KEEPER_WAIT;
}

/* ---- handing over ---------------------------------------------------------------------------- */

/* The name that an event gave, if one did; else the saver makes one, unless one may still come. */
static void name_batch(struct keeper *k, const struct flow *f, struct batch *b)
{
	const struct binding *x;

	if (f->binding != 0) {
		x = bindings_at(k->config.bindings, f->binding - 1);
		(void)snprintf(b->record.uuid, sizeof(b->record.uuid), "%s", x->uuid);
		b->record.uuid_source = UUID_EVENT;
	} else if (b->kind == BATCH_FLUSH) {
		b->unnamed = k->config.bindings != NULL && f->key.proto == DECODE_TCP;
	}
}

static enum savers_wait wait_for(const struct keeper *k, const struct flow *f)
{
	if (k->mode == KEEPER_WAIT)
		return SAVERS_WAIT;
	/* A flood of half-open flows must not take the whole queue from the others. */
	return f->half_open ? SAVERS_TRY_HALF : SAVERS_TRY;
}

static void charge(struct keeper *k, const struct flow *f, struct batch *b, uint64_t bytes)
{
	if (!f->half_open || b->chunks == NULL)
		return;
	b->charge = &k->half_open_queued_bytes;
	b->charge_bytes = bytes;
	atomic_fetch_add_explicit(b->charge, bytes, memory_order_relaxed);
}

/* Who f is, as its archived packets tell it: nobody beyond the demux sees more. */
static void identify(struct keeper *k, const struct flow *f, struct record *r)
{
	enum side low = SIDE_LOW;

	r->key = f->key;
	if (k->config.scrub != NULL) {
		low = scrub_key(k->config.scrub, &f->key, f->exempt, &r->key);
		r->policy = *scrub_policy(k->config.scrub);
	}
	for (int side = SIDE_LOW; side <= SIDE_HIGH; side++)
		if (f->exempt & 1 << side)
			r->exempt |= (uint8_t)(1 << (side ^ (int)low));
	r->client = flowkey_ends_equal(&r->key) ? SIDE_LOW : tally_client(&f->roles, &f->key) ^ low;
}

/*
 * The saver's choice. Flows that are one as archived must go to the same saver, in order: which of
 * them gets the name, and which is its next part, is decided there.
 */
static uint32_t route(const struct keeper *k, const struct flow *f, const struct record *r)
{
	struct flowkey key = r->key;

	if (k->config.scrub == NULL && !f->apart)
		return f->hash;
	if (k->config.bindings != NULL)
		key = binding_key(&key);
	return (uint32_t)flowkey_hash(&k->config.seed, &key);
}

static int hand_over(struct keeper *k, struct flow *f, struct batch *b)
{
	uint64_t bytes = held_cost(f);
	int rv;

	b->staged = f->staged;
	b->staged_unnamed = f->staged_unnamed;
	b->serial = f->serial;
	b->origin_ns = f->origin_ns;
	b->origin_seq = f->origin_seq;
	identify(k, f, &b->record);
	b->route = route(k, f, &b->record);
	b->record.tally = f->tally;
	b->record.part = f->part;
	name_batch(k, f, b);
	b->chunks = f->head;
	charge(k, f, b, bytes);
	rv = savers_put(k->config.savers, b, wait_for(k, f));
	if (rv == 0)
		let_go(k, f, bytes);
	else if (b->charge != NULL)
		atomic_fetch_sub_explicit(b->charge, bytes, memory_order_relaxed);
	return rv;
}

int keeper_flush(struct keeper *k, struct flow *f)
{
	struct batch b = {.kind = BATCH_FLUSH};
	int rv;

	if (f->head == NULL)
		return 0;
	rv = hand_over(k, f, &b);
	if (rv == 0) {
		f->staged = true;
		f->staged_unnamed = b.unnamed;
	}
	return rv;
}

int keeper_name(struct keeper *k, struct flow *f)
{
	struct batch b = {.kind = BATCH_FLUSH};
	int rv;

	if (!f->staged_unnamed)
		return 0;
	rv = hand_over(k, f, &b); /* what it holds goes along */
	if (rv == 0)
		f->staged_unnamed = false;
	return rv;
}

/* The part is gone; the flow may begin another. */
static void end_part(struct flow *f)
{
	memset(&f->tally, 0, sizeof(f->tally));
	f->lost_pkts = f->cut_duration_pkts = f->cut_bytes_pkts = 0;
	f->staged = f->staged_unnamed = false;
}

int keeper_close(struct keeper *k, struct flow *f, enum end_reason reason, const char *interface)
{
	struct batch b = {.kind = BATCH_CLOSE};
	int rv;

	assert(flow_pkts(f) > 0);
	b.record.end_reason = reason;
	b.record.snaplen = k->config.snaplen;
	b.record.lost_pkts = f->lost_pkts;
	b.record.cut_duration_pkts = f->cut_duration_pkts;
	b.record.cut_bytes_pkts = f->cut_bytes_pkts;
	(void)snprintf(b.record.interface, sizeof(b.record.interface), "%s", interface);
	rv = hand_over(k, f, &b);
	if (rv != 0)
		return rv;
	end_part(f);
	f->published = true;
	f->part++;
	return 0;
}

int keeper_discard(struct keeper *k, struct flow *f)
{
	struct batch b = {.kind = BATCH_DISCARD};
	int rv = hand_over(k, f, &b);

	if (rv == 0)
		end_part(f);
	return rv;
}

bool keeper_drop(struct keeper *k, struct flow *f)
{
	uint64_t pkts = flow_pkts(f);
	struct chunk *chain;

	if (f->staged || f->head == NULL)
		return false;
	chain = f->head;
	let_go(k, f, held_cost(f));
	slab_put(k->config.slab, chain);
	ledger_add(&k->config.ledger->dropped[DROP_half_open], pkts);
	pkts += f->lost_pkts;
	end_part(f);
	f->lost_pkts = (uint32_t)pkts;
	return true;
}

/* ---- the flush interval ---------------------------------------------------------------------- */

void keeper_epoch(struct keeper *k)
{
	k->epoch++;
}

/* Flows that hold now began in this epoch at the latest: two further on, all of them are older. */
void keeper_epoch_all(struct keeper *k)
{
	k->epoch = (uint8_t)(k->epoch + 2);
}

uint32_t keeper_flush_older(struct keeper *k, struct flow *flows, uint32_t from, uint32_t to)
{
	bool half_open_full = false;

	for (uint32_t tries = 0; from < to && tries < FLUSH_STEPS; from++) {
		struct flow *f = &flows[from];

		if (f->head == NULL || f->held_epoch == k->epoch ||
		    (f->half_open && half_open_full))
			continue;
		tries++;
		if (keeper_flush(k, f) == 0)
			continue;
		/* Half-open flows whose half of the queue is full must not keep the others waiting:
		 * their turn comes with the next pass. */
		if (!f->half_open)
			break;
		half_open_full = true;
	}
	return from;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static struct flow *first_holder(struct keeper *k, int queue)
{
	uint32_t n = k->holders[queue].first;

	return n != NONE ? &k->flows[n] : NULL;
}

/*
 * Those whose turn comes soon are fetched: the flow first, and its chunks as the scout goes on to
 * the next. It goes one step per flow that is flushed, and one more until it is far enough ahead.
 */
static void scout(struct keeper *k, struct holders *h)
{
	if (h->scout == NONE) {
		h->scout = h->first;
		h->ahead = 0;
	}
	for (int steps = 0; steps < 2 && h->scout != NONE && h->ahead < SCOUT_AHEAD; steps++) {
		const struct flow *f = &k->flows[h->scout];

		__builtin_prefetch(f->head);
		__builtin_prefetch(f->tail, 1);
		h->scout = f->held_next;
		h->ahead++;
		if (h->scout != NONE)
			flow_prefetch(&k->flows[h->scout], sizeof(*f));
	}
}

/*
 * The flow to flush next, or NULL if none holds anything: of those that hold much, who has for
 * longest. A flow that is busy holds more by then, and one that is idle goes once. To spare the
 * busy ones would mean to flush others that hold less, and more of them.
 */
static struct flow *victim(struct keeper *k)
{
	int chances = CHANCES;

	for (int queue = 0; queue < QUEUES; queue++) {
		struct flow *f;

		while ((f = first_holder(k, queue)) != NULL) {
			scout(k, &k->holders[queue]);
			if (chances-- <= 0 || !requeue(k, f))
				return f;
		}
	}
	return NULL;
}

static int flush_one(struct keeper *k)
{
	struct flow *f = victim(k);

	return f != NULL ? keeper_flush(k, f) : -ENOMEM;
}

/* Frees slabs that are pinned by few chunks: each chunk is offered once to move elsewhere. */
static void compact(struct keeper *k)
{
	slab_compact_begin(k->config.slab);
	for (int queue = 0; queue < QUEUES; queue++) {
		for (uint32_t n = k->holders[queue].first; n != NONE; n = k->flows[n].held_next) {
			struct flow *f = &k->flows[n];

			for (struct chunk **link = &f->head; *link != NULL; link = &(*link)->next) {
				*link = slab_compact(k->config.slab, *link);
				f->tail = *link;
			}
		}
	}
}

/*
 * A chunk, whatever it takes offline: wait for what the savers have; when they have nothing, the
 * open flows hold at most half of all bytes, so that moving chunks together frees slabs. (Flushing
 * after that is for a budget so small that the classes' last slabs are all of it.)
 */
static int get_chunk(struct keeper *k, size_t data_bytes, struct chunk **ret_chunk)
{
	bool compacted = false;
	int flushes = 0, rv;

	while ((rv = slab_get(k->config.slab, data_bytes, ret_chunk)) != 0) {
		if (k->mode == KEEPER_DROP) {
			/* What is flushed now makes room for those that come next. */
			if (flushes++ == FLUSHES_PER_CHUNK || flush_one(k) != 0)
				return rv;
			continue;
		}
		if (slab_live_bytes(k->config.slab) > k->held_bytes) {
			slab_wait(k->config.slab);
		} else if (!compacted) {
			compact(k);
			compacted = true;
		} else if ((rv = flush_one(k)) != 0) {
			return rv;
		}
	}
	return 0;
}

/*
 * How much room the next chunk of f should have: small ones first, as most flows are short, then
 * twice the last, but never more than the member may still take.
 */
static size_t next_chunk_bytes(const struct flow *f, size_t need)
{
	size_t left = BATCH_MEMBER_BYTES - f->held_bytes;
	size_t want = need;

	if (f->tail != NULL)
		want = (size_t)chunk_bytes(f->tail) * 2 - CHUNK_HEADER_BYTES;
	else if (f->big)
		want = CHUNK_MAX_PLAIN_BYTES;
	if (want > left)
		want = left;
	return want > need ? want : need;
}

static uint64_t half_open_bytes(struct keeper *k)
{
	return k->holders[HALF_OPEN_QUEUE].bytes +
	       atomic_load_explicit(&k->half_open_queued_bytes, memory_order_relaxed);
}

/*
 * Half-open flows have no more than their share, so that a flood of them costs others nothing. Near
 * it the oldest are flushed, as far as the savers come along; at it the oldest are given up: a
 * connection that is meant seriously is half-open for a moment only.
 */
static int share_half_open(struct keeper *k, const struct flow *f, size_t want)
{
	uint64_t share = k->config.max_memory_bytes / HALF_OPEN_SHARE;
	const struct holders *h = &k->holders[HALF_OPEN_QUEUE];
	struct flow *oldest;

	if (k->mode != KEEPER_DROP || !f->half_open)
		return 0;
	for (int i = 0; i < 2 && h->bytes > share / 2; i++)
		(void)keeper_flush(k, first_holder(k, HALF_OPEN_QUEUE)); /* if there is room */
	while (half_open_bytes(k) + slab_cost_bytes(want) > share) {
		oldest = first_holder(k, HALF_OPEN_QUEUE);
		if (oldest == NULL || oldest == f || !keeper_drop(k, oldest))
			return -EDQUOT;
	}
	return 0;
}

/* Makes sure that f's tail has room for need bytes. */
static int make_room(struct keeper *k, struct flow *f, size_t need)
{
	size_t want;
	struct chunk *c;
	int rv;

	if (f->head != NULL && f->held_bytes + need > BATCH_MEMBER_BYTES) {
		f->big = true;
		if ((rv = keeper_flush(k, f)) != 0)
			return rv;
	}
	if (f->tail != NULL && chunk_room(f->tail) >= need)
		return 0;
	want = next_chunk_bytes(f, need);
	if ((rv = share_half_open(k, f, want)) != 0)
		return rv;
	while (k->held_bytes + slab_cost_bytes(want) > k->limit_bytes)
		if (flush_one(k) != 0)
			break;
	rv = get_chunk(k, want, &c);
	if (rv != 0)
		return rv;
	k->held_bytes += chunk_bytes(c);
	c->chain_units = (held_cost(f) + chunk_bytes(c)) / CHUNK_UNIT_BYTES & 0x1fff;
	if (f->tail != NULL) {
		f->tail->next = c;
		f->tail = c;
		k->holders[f->held_queue].bytes += chunk_bytes(c);
		(void)requeue(k, f);
	} else {
		f->head = f->tail = c;
		f->held_epoch = k->epoch;
		holder_add(k, f, chunk_bytes(c));
	}
	return 0;
}

void keeper_prefetch(const struct flow *f)
{
	__builtin_prefetch(f->tail, 1); /* NULL does no harm */
}

void keeper_prefetch_room(const struct flow *f)
{
	const struct chunk *c = f->tail;

	if (c != NULL) {
		__builtin_prefetch(c->data + c->used, 1);
		__builtin_prefetch(c->data + c->used + FLOW_LINE_BYTES, 1);
	}
}

int keeper_append(struct keeper *k, struct flow *f, const struct packet *p, uint32_t kept_bytes)
{
	size_t need = PCAPFMT_RECORD_HEADER_BYTES + kept_bytes;
	struct chunk *c;
	int rv = make_room(k, f, need);

	if (rv != 0)
		return rv;
	c = f->tail;
	pcapfmt_record_header(p, kept_bytes, c->data + c->used);
	memcpy(c->data + c->used + PCAPFMT_RECORD_HEADER_BYTES, p->data, kept_bytes);
	c->used += (uint32_t)need;
	c->records++;
	f->held_bytes += (uint32_t)need;
	return 0;
}

void keeper_free(struct keeper *k)
{
	free(k);
}
