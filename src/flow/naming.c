/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings flows and events together. An open event names the flow of its tuple, or waits for one; a
 * flow that no event has named yet is young for --uuid-wait from its first packet: until then it is
 * not published, though it be over, and a flow that a new connection has pushed off its tuple is
 * found from there on through `older`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "flow/demux_private.h"

/*
 * A connection's first packet bears a time at most this much later than the event that tells of it:
 * one clock, but the socket is in the kernel's tables some microseconds before its SYN is sent. A
 * port can be used again within a millisecond.
 */
#define EVENT_SLACK_NS INT64_C(100000)

/* A SYN is sent again for this long at most (127 s by tcp_syn_retries of Linux): one that comes
 * later than that behind an event that nothing has come of belongs to another connection. */
#define SYN_RETRY_NS INT64_C(130000000000)

/* A time that differs from that of the packets by more than this was set by another clock. */
#define CLOCKS_DIFFER_NS INT64_C(3600000000000)

/* Waits that one call of naming_run ends. */
#define WAIT_STEPS 4096

/* Flows of one tuple that an event can name at once: they differ in link type or VLAN. */
#define CLAIMS_MAX 16

/* A SYN this much later than the close of a connection belongs to the next one. */
#define CLOSE_SLACK_NS INT64_C(100000000)

static void count(struct demux *d, enum demux_event e)
{
	ledger_add(&d->stats.events[e], 1);
}

static void binding_gone(const struct binding *x, bool evicted, void *arg)
{
	struct demux *d = arg;

	if (x->used)
		return;
	count(d, evicted ? DEMUX_EVENT_evicted : DEMUX_EVENT_unmatched);
	atomic_fetch_sub_explicit(&d->stats.events_pending, 1, memory_order_relaxed);
}

int naming_new(struct demux *d)
{
	d->youngest = d->oldest_young = FLOW_NONE;
	if (!d->config.events)
		return 0;
	return bindings_new(d->config.max_flows, &d->seed, binding_gone, d, &d->bindings);
}

uint32_t naming_hash(const struct demux *d, const struct flowkey *k)
{
	struct flowkey ends;

	if (d->bindings == NULL)
		return (uint32_t)flowkey_hash(&d->seed, k);
	ends = binding_key(k);
	return (uint32_t)flowkey_hash(&d->seed, &ends);
}

uint32_t naming_place(struct demux *d, const struct flowkey *k, uint32_t hash)
{
	size_t cursor = 0;
	int n = 0;

	if (d->bindings == NULL)
		return hash;
	while (n < CLAIMS_MAX && flowtable_next_ends(d->table, k, hash, &cursor) != NULL)
		n++;
	return n < CLAIMS_MAX ? hash : (uint32_t)flowkey_hash(&d->seed, k);
}

struct flow *naming_find_apart(struct demux *d, const struct flowkey *k)
{
	return flowtable_find(d->table, k, (uint32_t)flowkey_hash(&d->seed, k));
}

/* ---- young flows ----------------------------------------------------------------------------- */

static uint32_t clock_ms(const struct demux *d)
{
	return (uint32_t)(d->now_ns / 1000000);
}

static void young_add(struct demux *d, struct flow *f, uint32_t born_ms)
{
	f->young = true;
	f->born_ms = born_ms;
	f->young_next = FLOW_NONE;
	f->young_prev = d->youngest;
	if (d->youngest != FLOW_NONE)
		flowtable_at(d->table, d->youngest)->young_next = f->number;
	else
		d->oldest_young = f->number;
	d->youngest = f->number;
}

static void young_remove(struct demux *d, struct flow *f)
{
	if (!f->young)
		return;
	if (f->young_prev != FLOW_NONE)
		flowtable_at(d->table, f->young_prev)->young_next = f->young_next;
	else
		d->oldest_young = f->young_next;
	if (f->young_next != FLOW_NONE)
		flowtable_at(d->table, f->young_next)->young_prev = f->young_prev;
	else
		d->youngest = f->young_prev;
	f->young = false;
}

static bool wait_is_over(const struct demux *d, const struct flow *f)
{
	int64_t wait_ms = d->config.uuid_wait_ns / 1000000;

	if (wait_ms > INT32_MAX)
		wait_ms = INT32_MAX;
	return clock_ms(d) - f->born_ms >= (uint32_t)wait_ms;
}

/* Returns whether there may be more. */
static bool end_waits(struct demux *d)
{
	for (int step = 0; step < WAIT_STEPS; step++) {
		struct flow *f;

		if (d->oldest_young == FLOW_NONE)
			return false;
		f = flowtable_at(d->table, d->oldest_young);
		if (!wait_is_over(d, f))
			return false;
		young_remove(d, f);
		ending_unyoung(d, f);
	}
	return true;
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void carry(struct demux *d, struct flow *f, struct binding *x)
{
	f->binding = x->number + 1;
	f->part = x->parts;
	bindings_hold(d->bindings, x);
}

/* f will not be named by it any more: gone, or taken for another. */
static void put_down(struct demux *d, struct flow *f, struct binding *x)
{
	f->binding = 0;
	if (f->part > x->parts)
		x->parts = f->part;
	bindings_release(d->bindings, x, d->now_ns);
}

/* Is it the name of a connection that was on this tuple before? */
static bool is_stale(const struct demux *d, const struct binding *x, const struct flow *f,
    uint32_t syn_seq, enum side sender)
{
	if (x->open_ts_ns != 0 && f->origin_ns <= x->open_ts_ns + EVENT_SLACK_NS)
		return false; /* it was seen open after this SYN */
	if ((x->isn_known & 1 << sender) != 0 && x->isn[sender] != syn_seq)
		return true;
	if (!x->used && d->now_ns - x->renewed_ns > SYN_RETRY_NS)
		return true;
	return x->closed_ns != 0 && x->close_ts_ns != 0 &&
	       f->origin_ns > x->close_ts_ns + CLOSE_SLACK_NS;
}

/* A flow that goes on with a connection knows how that began: so it will know the next one's SYN.
 */
static void recall_isn(const struct binding *x, struct flow *f)
{
	memcpy(f->isn, x->isn, sizeof(f->isn));
	f->isn_known = x->isn_known & 3;
}

void naming_begin(struct demux *d, struct flow *f, bool syn, uint32_t seq, enum side sender)
{
	struct flowkey ends;
	struct binding *x;

	if (d->bindings == NULL || f->key.proto != DECODE_TCP)
		return;
	ends = binding_key(&f->key);
	x = bindings_find(d->bindings, &ends);
	if (x != NULL && syn && is_stale(d, x, f, seq, sender)) {
		bindings_retire(d->bindings, x);
		x = NULL;
	}
	if (x == NULL) {
		young_add(d, f, clock_ms(d));
		return;
	}
	if (!x->used) {
		x->used = true;
		count(d, DEMUX_EVENT_named);
		atomic_fetch_sub_explicit(&d->stats.events_pending, 1, memory_order_relaxed);
	}
	carry(d, f, x);
	if (!syn)
		recall_isn(x, f);
}

/* The binding remembers where its connection began, to know the next one from it. */
static void remember_isn(struct binding *x, const struct flow *f)
{
	for (int side = 0; side < 2; side++)
		if ((f->isn_known & 1 << side) != 0 && (x->isn_known & 1 << side) == 0)
			x->isn[side] = f->isn[side];
	x->isn_known |= f->isn_known;
}

void naming_displaced(struct demux *d, struct flow *f, enum end_reason why, int64_t ts_ns)
{
	struct binding *x;

	if (f->binding == 0 || why != END_REUSED)
		return;
	x = bindings_at(d->bindings, f->binding - 1);
	if (x->open_ts_ns == 0 || ts_ns > x->open_ts_ns + EVENT_SLACK_NS) {
		bindings_retire(d->bindings, x); /* f carries it still */
		return;
	}
	/*
	 * The event has overtaken this SYN, and is about its connection. What was staged under the
	 * name stays there: then both carry it, which is better than the new one going without.
	 */
	if (f->staged)
		return;
	put_down(d, f, x);
	f->part = 0;
	if (!f->published && !wait_is_over(d, f))
		young_add(d, f, f->born_ms);
}

void naming_end(struct demux *d, struct flow *f)
{
	struct binding *x;

	young_remove(d, f);
	d->apart -= f->apart;
	if (f->binding == 0)
		return;
	x = bindings_at(d->bindings, f->binding - 1);
	remember_isn(x, f);
	put_down(d, f, x);
}

/* ---- events ---------------------------------------------------------------------------------- */

/*
 * The flow that was pushed off f's tuple last and is still there. Its place may have been used
 * again: then it is not detached, or of another key, or younger than f.
 */
static struct flow *older(struct demux *d, const struct flow *f)
{
	struct flow *g;

	if (f->older == 0)
		return NULL;
	g = flowtable_at(d->table, f->older - 1);
	return g->detached && g->serial != 0 && g->serial < f->serial &&
		       flowkey_equal(&g->key, &f->key)
		   ? g
		   : NULL;
}

/*
 * Is an event that was stamped ts_ns about a connection before f's? Only where there was one: else
 * the clocks differ, and it is about f's all the same.
 */
static bool is_about_older(const struct flow *f, int64_t ts_ns)
{
	return ts_ns != 0 && f->older != 0 && f->origin_ns > ts_ns + EVENT_SLACK_NS;
}

/*
 * Which of a tuple's flows an open event is about: the youngest that had begun when the connection
 * was seen, else the oldest that has no name. NULL if that one has a name: the event is about a
 * connection yet to come.
 */
static struct flow *claimant(struct demux *d, struct flow *youngest, int64_t ts_ns)
{
	struct flow *unnamed = NULL, *before_unnamed = NULL, *before = NULL;

	for (struct flow *f = youngest; f != NULL; before = f, f = older(d, f)) {
		bool begun = ts_ns != 0 && f->origin_ns <= ts_ns + EVENT_SLACK_NS;

		if (f->binding == 0 && !is_about_older(f, ts_ns)) {
			unnamed = f;
			before_unnamed = before;
		} else if (begun) {
			return NULL;
		}
		if (begun)
			break;
	}
	/* With its name it may be gone soon: those behind it are to be found without it. */
	if (before_unnamed != NULL && unnamed->older != 0)
		before_unnamed->older = unnamed->older;
	return unnamed;
}

static void name_flow(struct demux *d, struct flow *f, struct binding *x)
{
	bool late = f->published || f->list == FLOW_PUBLISHED;

	if (!x->used)
		count(d, late ? DEMUX_EVENT_late : DEMUX_EVENT_named);
	x->used = true;
	carry(d, f, x);
	young_remove(d, f);
	(void)keeper_name(d->keeper, f); /* else the next batch does it */
	ending_unyoung(d, f);
}

static struct binding *learn(struct demux *d, const struct event *e, enum binding_standing standing)
{
	struct binding *x = bindings_add(d->bindings, &e->key, e->uuid, d->now_ns, standing);

	x->open_ts_ns = e->ts_ns;
	return x;
}

/*
 * Names every flow of the tuple that the event is about; several only where link types differ.
 *
 * Returns:  whether that is all: else the event is about a connection yet to come.
 */
static bool name_flows(struct demux *d, const struct event *e)
{
	uint32_t hash = naming_hash(d, &e->key);
	enum binding_standing standing = BINDING_PAST;
	struct flow *claims[CLAIMS_MAX], *youngest;
	struct binding *x;
	bool too_late = false;
	size_t cursor = 0;
	int n = 0;

	while (n < CLAIMS_MAX &&
	       (youngest = flowtable_next_ends(d->table, &e->key, hash, &cursor)) != NULL) {
		too_late |= is_about_older(youngest, e->ts_ns);
		claims[n] = claimant(d, youngest, e->ts_ns);
		if (claims[n] == NULL)
			continue;
		if (!claims[n]->detached)
			standing = BINDING_PRESENT;
		n++;
	}
	if (n == 0) {
		if (too_late)
			count(d, DEMUX_EVENT_late);
		return too_late;
	}
	x = learn(d, e, standing);
	bindings_hold(d->bindings, x); /* a flow that gets its name may be gone at once */
	for (int i = 0; i < n; i++)
		name_flow(d, claims[i], x);
	bindings_release(d->bindings, x, d->now_ns);
	return true;
}

static void take_open(struct demux *d, const struct event *e)
{
	struct binding *x = bindings_find_uuid(d->bindings, e->uuid);

	if (x != NULL && flowkey_equal(&x->key, &e->key)) {
		bindings_renew(d->bindings, x, d->now_ns);
		count(d, DEMUX_EVENT_repeated);
		return;
	}
	if (x != NULL)
		ledger_add(&d->stats.uuid_collisions, 1);
	if (name_flows(d, e))
		return;
	ledger_add(&d->stats.events_pending, 1);
	(void)learn(d, e, BINDING_PRESENT);
}

static void take_close(struct demux *d, const struct event *e)
{
	struct binding *x = bindings_find_uuid(d->bindings, e->uuid);

	if (x == NULL || x->closed_ns != 0) {
		count(d, DEMUX_EVENT_unknown_close);
		return;
	}
	bindings_close(d->bindings, x, d->now_ns, e->ts_ns);
	count(d, DEMUX_EVENT_closed);
}

void demux_event(struct demux *d, const struct event *e)
{
	struct event sane = *e;

	/* Whole seconds are of no use to tell connections apart. */
	if (e->ts_ns % CLK_SECOND_NS == 0 ||
	    (d->packet_ns != 0 && llabs(e->ts_ns - d->packet_ns) > CLOCKS_DIFFER_NS))
		sane.ts_ns = 0;
	if (e->kind == EVENT_OPEN)
		take_open(d, &sane);
	else
		take_close(d, &sane);
}

void demux_stream(struct demux *d, bool up)
{
	if (d->stream_up && !up)
		d->stream_down_ns = d->now_ns;
	d->stream_up = up;
}

/*
 * Bindings that were told before the stream was lost may have been closed unheard since. While it
 * is down, that holds for those as well that were in use since, and are not any more.
 */
static bool expire_bindings(struct demux *d)
{
	int64_t grace_ns = d->config.uuid_wait_ns + d->config.linger_ns;
	int64_t told_before_ns = INT64_MIN;

	if (d->stream_down_ns != 0 && d->now_ns - d->stream_down_ns > CLK_DAY_NS)
		told_before_ns = d->stream_up ? d->stream_down_ns : d->now_ns - CLK_DAY_NS;
	return bindings_expire(d->bindings, d->now_ns - grace_ns, told_before_ns);
}

bool naming_run(struct demux *d)
{
	bool more;

	if (d->bindings == NULL)
		return false;
	more = end_waits(d);
	return expire_bindings(d) || more;
}

void naming_finish(struct demux *d)
{
	while (d->oldest_young != FLOW_NONE)
		young_remove(d, flowtable_at(d->table, d->oldest_young));
}
