/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See keeper.h. Flows that hold chunks stand in a queue per list they were in (half-open flows go
 * first, then ended ones, then open ones), oldest first; a flow that had packets since it was put
 * there gets a second chance at the end.
 */
#include "flow/keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/pcapfmt.h"

struct holders {
	struct flow *first, *last;
};

struct keeper {
	/* set at start, then read-only */
	struct keeper_config config;
	uint64_t limit_bytes; /* what open flows may hold */

	/* owned by the demux thread */
	uint64_t held_bytes; /* what they hold, in chunk bytes */
	struct holders holders[FLOW_LISTS];
};

int keeper_new(const struct keeper_config *config, struct keeper **ret_keeper)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return -ENOMEM;
	k->config = *config;
	k->limit_bytes = config->max_memory_bytes / 2;
	*ret_keeper = k;
	return 0;
}

static void holder_remove(struct keeper *k, struct flow *f)
{
	struct holders *h = &k->holders[f->held_list];

	if (f->held_prev != NULL)
		f->held_prev->held_next = f->held_next;
	else
		h->first = f->held_next;
	if (f->held_next != NULL)
		f->held_next->held_prev = f->held_prev;
	else
		h->last = f->held_prev;
}

static void holder_add(struct keeper *k, struct flow *f)
{
	struct holders *h = &k->holders[f->list];

	f->held_list = f->list;
	f->held_touched = false;
	f->held_next = NULL;
	f->held_prev = h->last;
	if (h->last != NULL)
		h->last->held_next = f;
	else
		h->first = f;
	h->last = f;
}

void keeper_moved(struct keeper *k, struct flow *f)
{
	if (f->head == NULL || f->held_list == f->list)
		return;
	holder_remove(k, f);
	holder_add(k, f);
}

/* Takes f's chunks out of it: f holds nothing then. */
static struct chunk *detach(struct keeper *k, struct flow *f)
{
	struct chunk *chain = f->head;

	if (chain == NULL)
		return NULL;
	holder_remove(k, f);
	for (const struct chunk *c = chain; c != NULL; c = c->next)
		k->held_bytes -= chunk_bytes(c);
	f->head = f->tail = NULL;
	return chain;
}

/* The opposite, for a batch that nobody took. */
static void attach(struct keeper *k, struct flow *f, struct chunk *chain)
{
	if (chain == NULL)
		return;
	f->head = chain;
	for (struct chunk *c = chain; c != NULL; c = c->next) {
		k->held_bytes += chunk_bytes(c);
		f->tail = c;
	}
	holder_add(k, f);
}

static int hand_over(struct keeper *k, struct flow *f, struct batch *b)
{
	enum savers_wait wait = k->config.mode == KEEPER_WAIT ? SAVERS_WAIT : SAVERS_TRY;
	int rv;

	b->staged = f->staged;
	b->route = f->hash;
	b->serial = f->serial;
	b->origin_ns = f->origin_ns;
	b->origin_seq = f->origin_seq;
	b->record.key = f->key;
	b->record.tally = f->tally;
	b->record.part = f->part;
	b->chunks = detach(k, f);
	rv = savers_put(k->config.savers, b, wait);
	if (rv != 0)
		attach(k, f, b->chunks);
	else
		f->held_bytes = 0;
	return rv;
}

int keeper_flush(struct keeper *k, struct flow *f)
{
	struct batch b = {.kind = BATCH_FLUSH};
	int rv = 0;

	if (f->head == NULL)
		return 0;
	rv = hand_over(k, f, &b);
	if (rv == 0)
		f->staged = true;
	return rv;
}

int keeper_close(struct keeper *k, struct flow *f, enum end_reason reason, const char *interface)
{
	struct batch b = {.kind = BATCH_CLOSE};
	int rv;

	assert(flow_pkts(f) > 0);
	b.record.end_reason = reason;
	b.record.client = tally_client(&f->roles, &f->key);
	b.record.snaplen = k->config.snaplen;
	b.record.lost_pkts = f->lost_pkts;
	b.record.cut_duration_pkts = f->cut_duration_pkts;
	b.record.cut_bytes_pkts = f->cut_bytes_pkts;
	(void)snprintf(b.record.interface, sizeof(b.record.interface), "%s", interface);
	rv = hand_over(k, f, &b);
	if (rv != 0)
		return rv;
	memset(&f->tally, 0, sizeof(f->tally));
	f->lost_pkts = f->cut_duration_pkts = f->cut_bytes_pkts = 0;
	f->staged = false;
	f->part++;
	return 0;
}

/* The flow to flush next, or NULL if none holds anything. */
static struct flow *victim(struct keeper *k)
{
	for (int list = 0; list < FLOW_LISTS; list++) {
		struct flow *f;

		while ((f = k->holders[list].first) != NULL && f->held_touched &&
		       f->held_next != NULL) {
			holder_remove(k, f);
			holder_add(k, f);
		}
		if (f != NULL)
			return f;
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
	for (int list = 0; list < FLOW_LISTS; list++) {
		for (struct flow *f = k->holders[list].first; f != NULL; f = f->held_next) {
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
	int rv;

	while ((rv = slab_get(k->config.slab, data_bytes, ret_chunk)) != 0) {
		if (k->config.mode == KEEPER_DROP)
			return rv;
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
 * four times the last, but never more than the member may still take.
 */
static size_t next_chunk_bytes(const struct flow *f, size_t need)
{
	size_t left = BATCH_MEMBER_BYTES - f->held_bytes;
	size_t want = need;

	if (f->tail != NULL)
		want = (size_t)chunk_bytes(f->tail) * 4 - CHUNK_HEADER_BYTES;
	else if (f->big)
		want = CHUNK_MAX_PLAIN_BYTES;
	if (want > left)
		want = left;
	return want > need ? want : need;
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
	while (k->held_bytes + slab_cost_bytes(want) > k->limit_bytes)
		if (flush_one(k) != 0)
			break;
	rv = get_chunk(k, want, &c);
	if (rv != 0)
		return rv;
	k->held_bytes += chunk_bytes(c);
	if (f->tail != NULL)
		f->tail->next = c;
	else
		f->head = c;
	f->tail = c;
	if (f->head == c)
		holder_add(k, f);
	return 0;
}

int keeper_append(struct keeper *k, struct flow *f, const struct packet *p, uint32_t kept_bytes)
{
	size_t need = PCAPFMT_RECORD_HEADER_BYTES + kept_bytes;
	bool held_before = f->head != NULL;
	struct chunk *c;

	if (make_room(k, f, need) != 0)
		return -ENOMEM;
	c = f->tail;
	pcapfmt_record_header(p, kept_bytes, c->data + c->used);
	memcpy(c->data + c->used + PCAPFMT_RECORD_HEADER_BYTES, p->data, kept_bytes);
	c->used += (uint32_t)need;
	f->held_bytes += (uint32_t)need;
	f->held_touched = held_before;
	return 0;
}

void keeper_free(struct keeper *k)
{
	free(k);
}
