/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See demux.h. A tick is a generation: each flow carries the number of the tick in which it had its
 * last packet (its list is in that order), and is over when two more have begun. Flows that are
 * over are closed a few per packet, or when a packet of theirs comes, whichever is first: so the
 * outcome does not depend on the sweep.
 */
#include "flow/demux.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/demux_private.h"
#include "packet/decode.h"
#include "pcapfile/pcapfmt.h"

/* Flows that one packet's sweep may close: more than one packet can begin. */
#define SWEEP_STEPS 4

/* The same when a packet's flow finds the table full; then one that is alive goes. */
#define FULL_STEPS 64

/* Live: flows that one call of demux_run may close. */
#define RUN_STEPS 1024

/* Parts of an epoch of the flush interval in which its pass is to come through. */
#define PASS_SHARE(half_ns) ((half_ns) / 5 * 4)

static void fragment_lost(void *arg)
{
	struct demux *d = arg;

	ledger_add(&d->ledger->skipped[SKIP_fragment], 1);
}

int demux_new(const struct demux_config *config, struct demux **ret_demux)
{
	struct demux *d = calloc(1, sizeof(*d));
	int rv;

	if (d == NULL)
		return -ENOMEM;
	d->config = *config;
	d->ledger = config->keeper.ledger;
	d->next_serial = config->first_serial;
	d->tick = 2; /* so that "two ticks ago" is never below zero */
	d->interfaces[0] = calloc(1, 1);
	d->interface_count = 1;
	rv = d->interfaces[0] != NULL ? hash_key_random(&d->seed) : -ENOMEM;
	if (rv == 0)
		rv = flowtable_new(config->max_flows, &d->table);
	if (rv == 0)
		rv = naming_new(d);
	d->config.keeper.bindings = d->bindings;
	d->config.keeper.seed = d->seed;
	if (rv == 0)
		rv = keeper_new(&d->config.keeper, &d->keeper);
	if (rv == 0 && config->clock == DEMUX_CLOCK_PACKETS) {
		d->held_bytes = malloc(config->snaplen);
		rv = d->held_bytes != NULL ? 0 : -ENOMEM;
	}
	if (rv == 0)
		rv = fragments_new(&d->seed, fragment_lost, d, &d->fragments);
	if (rv != 0) {
		demux_free(d);
		return rv;
	}
	*ret_demux = d;
	return 0;
}

uint32_t demux_interface(struct demux *d, const char *name)
{
	for (uint32_t i = 0; i < d->interface_count; i++)
		if (strcmp(d->interfaces[i], name) == 0)
			return i;
	if (d->interface_count == DEMUX_INTERFACES_MAX)
		return 0;
	d->interfaces[d->interface_count] = strdup(name);
	return d->interfaces[d->interface_count] != NULL ? d->interface_count++ : 0;
}

/* ---- packets --------------------------------------------------------------------------------- */

static void skip(struct demux *d, enum ledger_skip reason)
{
	ledger_add(&d->ledger->skipped[reason], 1);
}

/* Counts a packet that there was no room for, by what the room was lacking in. */
static void drop(struct demux *d, int error)
{
	enum ledger_drop reason = error == -EAGAIN   ? DROP_queue
				  : error == -EDQUOT ? DROP_half_open
						     : DROP_memory;

	ledger_add(&d->ledger->dropped[reason], 1);
}

/* Is the packet beyond what its flow may keep? If so, it is counted. */
static bool is_cut(struct demux *d, struct flow *f, const struct packet *p)
{
	const struct demux_config *c = &d->config;

	if (c->max_duration_ns != 0 && p->ts_ns - f->origin_ns > c->max_duration_ns) {
		f->cut_duration_pkts++;
		skip(d, SKIP_duration);
		return true;
	}
	if (c->max_flow_bytes != 0 && f->archived_bytes + p->caplen > c->max_flow_bytes) {
		/* The limit is reached for good: a smaller packet behind a gap is of no use. */
		f->archived_bytes = c->max_flow_bytes;
		f->cut_bytes_pkts++;
		skip(d, SKIP_bytes);
		return true;
	}
	return false;
}

/* Would a packet make the present part larger than parts may be? Its own packet ends no part. */
static bool is_full(const struct demux *d, const struct flow *f, const struct packet *p)
{
	uint64_t pkts = flow_pkts(f);

	return d->config.max_part_bytes != 0 && pkts > 0 &&
	       f->tally.captured_bytes + p->caplen + (pkts + 1) * PCAPFMT_RECORD_HEADER_BYTES >
		   d->config.max_part_bytes;
}

/* What of a packet may be kept, and which end of the flow as archived has sent it. */
static enum side scrub(struct demux *d, struct flow *f, const struct arrival *a, struct scrubbed *s)
{
	const struct decoded *dec = &a->decoded;
	unsigned shift = SCRUB_COMPUTED_BITS * (unsigned)a->sender;
	struct scrub_flow memory = {.computed = f->computed >> shift & 3};
	struct decoded named;

	memory.exempt = (f->exempt >> a->sender & 1 ? SCRUB_SRC_EXEMPT : 0) |
			(f->exempt >> !a->sender & 1 ? SCRUB_DST_EXEMPT : 0);
	if (dec->l4_off == 0) { /* a later fragment: its flow knows the ports */
		named = *dec;
		named.sport = f->key.port[a->sender];
		named.dport = f->key.port[!a->sender];
		dec = &named;
	}
	scrub_packet(d->config.keeper.scrub, &a->packet, dec, &memory, s);
	f->computed = (f->computed & ~(3u << shift) & 0xf) | (memory.computed & 3) << shift;
	return flowkey_sender(s->src, s->dst, a->decoded.sport, a->decoded.dport);
}

static void keep(struct demux *d, struct flow *f, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	bool follows = a->result == DECODE_FRAGMENT;
	enum side sender = a->sender;
	struct scrubbed scrubbed;
	int rv;

	if (d->config.keeper.scrub != NULL) {
		sender = scrub(d, f, a, &scrubbed);
		p = &scrubbed.packet;
	}
	if (is_cut(d, f, p))
		return;
	if (follows && flow_pkts(f) == 0) {
		/* Its first is in the part before, or nowhere; this one alone would not tell the
		 * ends. */
		skip(d, SKIP_fragment);
		return;
	}
	if (is_full(d, f, p) && !follows)
		ending_part(d, f);
	rv = keeper_append(d->keeper, f, p, p->caplen);
	if (rv != 0) {
		f->lost_pkts++;
		drop(d, rv);
		return;
	}
	tally_add(&f->tally, p, p->caplen, &a->decoded, sender);
	f->archived_bytes += p->caplen;
}

/* A packet has found its flow: state and list first, then the bytes. */
static void arrive(struct demux *d, struct flow *f, const struct arrival *a)
{
	enum flow_list list;

	flow_see(f, &a->decoded, a->sender);
	list = flow_list_for(f);
	f->last_ns = d->now_ns;
	/* Ended flows wait in the order of their last packet; others need the order of ticks only.
	 */
	if (f->list != list || f->tick != d->tick || list == FLOW_ENDED)
		demux_relist(d, f, list, d->tick);
	else
		f->touched = true;
	keep(d, f, a);
}

static bool is_syn(const struct decoded *d)
{
	return d->has_tcp && (d->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* What a flow knows of its ends from the start, see struct scrub_flow. */
static void remember_scrub(struct flow *f, unsigned exempt, unsigned computed)
{
	f->exempt = exempt & 3;
	f->computed = computed & 0xf;
}

/* A new flow; older: number + 1 of the one that it pushed off the tuple, or 0. NULL: no room. */
static struct flow *begin_flow(struct demux *d, const struct arrival *a, uint32_t older)
{
	const struct decoded *dec = &a->decoded;
	uint32_t hash = naming_place(d, &a->key, a->hash);
	struct flow *f;

	/* What is over goes before what is alive, though the sweep has not come to it yet. */
	for (int steps = 0; (f = flowtable_add(d->table, &a->key, hash)) == NULL; steps++) {
		if (steps < FULL_STEPS && ending_sweep(d))
			continue;
		if ((d->refusal = ending_evict(d)) != 0)
			return NULL;
	}
	f->apart = hash != a->hash;
	d->apart += f->apart;
	f->serial = d->next_serial++;
	f->origin_ns = a->packet.ts_ns;
	f->origin_seq = dec->has_tcp ? dec->seq : 0;
	f->interface = a->packet.interface & (DEMUX_INTERFACES_MAX - 1);
	f->older = older;
	if (d->config.keeper.scrub != NULL)
		remember_scrub(f, scrub_exempt(d->config.keeper.scrub, &a->key),
		    scrub_computed(d->config.keeper.scrub, &a->key));
	naming_begin(d, f, is_syn(dec), dec->seq, a->sender);
	ledger_add(&d->ledger->flows, 1);
	return f;
}

/* The flow of a packet with ports: one that lives, or a new one; NULL: no room. */
static struct flow *flow_for(struct demux *d, const struct arrival *a)
{
	struct flow *f = flowtable_find(d->table, &a->key, a->hash);
	int64_t ts_ns = a->packet.ts_ns;
	uint32_t gone = 0;

	if (f == NULL && d->apart > 0)
		f = naming_find_apart(d, &a->key);
	if (f != NULL && ending_is_over(d, f)) {
		gone = ending_displace(d, f, END_IDLE, ts_ns);
		f = NULL;
	}
	if (f != NULL && ending_has_lingered(d, f))
		ending_publish(d, f);
	if (f != NULL && flow_is_reuse(f, &a->decoded, a->sender)) {
		gone = ending_displace(d, f, END_REUSED, ts_ns);
		f = NULL;
	}
	return f != NULL ? f : begin_flow(d, a, gone);
}

static void take_fragment(struct demux *d, struct arrival *a)
{
	const struct packet *p = &a->packet;
	const struct decoded *dec = &a->decoded;
	struct flow *f;
	uint32_t number;
	uint64_t serial;

	if (fragments_find(d->fragments, p, dec, d->now_ns, &number, &serial) != 0) {
		if (fragments_hold(d->fragments, p, dec, d->now_ns) != 0)
			ledger_add(&d->ledger->dropped[DROP_memory], 1);
		return;
	}
	f = flowtable_at(d->table, number);
	if (f->serial == serial && ending_is_over(d, f))
		(void)ending_displace(d, f, END_IDLE, p->ts_ns);
	if (f->serial != serial || f->detached) {
		skip(d, SKIP_fragment); /* its flow is gone */
		return;
	}
	if (ending_has_lingered(d, f))
		ending_publish(d, f);
	a->sender = flowkey_fragment_sender(&f->key, dec);
	arrive(d, f, a);
}

struct held_for {
	struct demux *demux;
	struct flow *flow;
};

/* A fragment that came before its first: it goes to the flow before it, in the order it came. */
static void give_held(const struct packet *p, void *arg)
{
	struct held_for *h = arg;
	struct arrival a = {.packet = *p};

	(void)decode_packet(p, &a.decoded); /* it decoded when it was held */
	a.sender = flowkey_fragment_sender(&h->flow->key, &a.decoded);
	keep(h->demux, h->flow, &a);
}

static void take_whole(struct demux *d, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const struct decoded *dec = &a->decoded;
	struct flow *f = flow_for(d, a);

	if (f == NULL) {
		drop(d, d->refusal);
		return;
	}
	if (dec->first_fragment) {
		struct held_for h = {d, f};

		if (f->list == FLOW_LISTS)
			demux_relist(
			    d, f, FLOW_OPEN, d->tick); /* it must stand somewhere to hold packets */
		fragments_expire(d->fragments, d->now_ns);
		fragments_give_held(d->fragments, p, dec, give_held, &h);
		fragments_add_first(d->fragments, p, dec, f, d->now_ns);
	}
	arrive(d, f, a);
}

static enum ledger_skip skip_for(enum decode_result r)
{
	switch (r) {
	case DECODE_NOT_IP:
		return SKIP_not_ip;
	case DECODE_TRUNCATED:
		return SKIP_truncated;
	case DECODE_LINKTYPE:
		return SKIP_linktype;
	default:
		return SKIP_malformed;
	}
}

static void count_read(struct demux *d, const struct packet *p)
{
	ledger_bump(&d->ledger->packets_read, 1);
	ledger_bump(&d->ledger->bytes_read, p->caplen);
}

void demux_skip(struct demux *d, const struct packet *p, enum ledger_skip reason)
{
	count_read(d, p);
	skip(d, reason);
}

/* Sends a packet where it belongs. */
static void send(struct demux *d, struct arrival *a)
{
	if (a->result != DECODE_OK && a->result != DECODE_FRAGMENT)
		skip(d, skip_for(a->result));
	else if (!d->config.protocols[a->decoded.proto])
		skip(d, SKIP_not_tcp);
	else if (d->config.wanted != NULL && !d->config.wanted(&a->decoded, d->config.wanted_arg))
		skip(d, SKIP_not_local);
	else if (a->result == DECODE_FRAGMENT)
		take_fragment(d, a);
	else
		take_whole(d, a);
}

static void take(struct demux *d, struct arrival *a)
{
	d->packet_ns = a->packet.ts_ns;
	send(d, a);
	if (d->config.clock == DEMUX_CLOCK_PACKETS)
		for (int i = 0; i < SWEEP_STEPS && ending_sweep(d); i++)
			;
}

/* The packet whose time leaps goes on, now that it is known whether the clock does. */
static void release(struct demux *d, bool believed)
{
	if (!d->is_holding)
		return;
	d->is_holding = false;
	if (believed)
		packetclock_advance(d, d->held.packet.ts_ns);
	take(d, &d->held);
}

/* The bytes of a packet are there until demux_packets returns. */
static void hold(struct demux *d, const struct arrival *a)
{
	d->held = *a;
	if (a->packet.caplen > 0)
		memcpy(d->held_bytes, a->packet.data, a->packet.caplen);
	d->held.packet.data = d->held_bytes;
	d->held.guess = NULL;
	d->is_holding = true;
}

/* Offline packets are taken one after the other, but that one waits for the next. */
static void take_in_time(struct demux *d, struct arrival *a)
{
	int64_t ts_ns = a->packet.ts_ns;
	int leap = packetclock_leap(d, ts_ns);

	release(d, leap != 0 && leap == packetclock_leap(d, d->held.packet.ts_ns));
	if (packetclock_leap(d, ts_ns) != 0) {
		hold(d, a);
		return;
	}
	packetclock_advance(d, ts_ns);
	take(d, a);
}

/* What can be told of a packet without looking at any flow. */
static void look_at(const struct demux *d, const struct packet *p, struct arrival *a)
{
	a->packet = *p;
	/* Before decoding, so that what is archived tells no less than what was counted. */
	if (p->caplen > d->config.snaplen)
		a->packet.caplen = d->config.snaplen;
	a->result = decode_packet(&a->packet, &a->decoded);
	a->guess = NULL;
	if (a->result != DECODE_OK)
		return;
	a->sender = flowkey_make(&a->decoded, p->linktype, d->config.vlan_key, &a->key);
	a->hash = naming_hash(d, &a->key);
	flowtable_prefetch(d->table, a->hash);
}

/*
 * With many flows each step of a packet's way, slot, flow, chunk, is a line of memory that no cache
 * has. So all packets of a burst go one step after the other: while the line of one is on its way,
 * the others ask for theirs. Nothing is changed by that, so what was guessed holds until the first
 * packet is taken.
 */
static void fetch_ahead(struct demux *d, struct arrival *arrivals, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (arrivals[i].result == DECODE_OK)
			arrivals[i].guess = flowtable_guess(d->table, arrivals[i].hash);
	for (unsigned i = 0; i < n; i++)
		if (arrivals[i].guess != NULL)
			keeper_prefetch(arrivals[i].guess);
	for (unsigned i = 0; i < n; i++)
		if (arrivals[i].guess != NULL)
			keeper_prefetch_room(arrivals[i].guess);
}

void demux_packets(struct demux *d, const struct packet *packets, unsigned n)
{
	struct arrival arrivals[DEMUX_BURST];

	assert(n <= DEMUX_BURST);
	for (unsigned i = 0; i < n; i++) {
		count_read(d, &packets[i]);
		look_at(d, &packets[i], &arrivals[i]);
	}
	if (n > 1)
		fetch_ahead(d, arrivals, n);
	for (unsigned i = 0; i < n; i++) {
		if (!pcapfmt_time_fits(arrivals[i].packet.ts_ns))
			skip(d, SKIP_time);
		else if (d->config.clock == DEMUX_CLOCK_CALLER)
			take(d, &arrivals[i]);
		else
			take_in_time(d, &arrivals[i]);
	}
}

/* ---- live ------------------------------------------------------------------------------------ */

static void begin_pass(struct demux *d)
{
	d->epoch_start_ns = d->now_ns;
	d->pass_at = 0;
	d->pass_end = flowtable_touched(d->table);
}

/*
 * The flush interval in two halves: in each, a pass over all flows flushes what was held before it
 * began, spread evenly; so nothing is held for longer than both. Returns whether more is due at
 * once.
 */
static bool run_flush(struct demux *d)
{
	int64_t half_ns = d->config.flush_interval_ns / 2;
	int64_t elapsed_ns;
	uint32_t from, to = d->pass_end;

	if (half_ns > 0 && d->pass_at == d->pass_end && d->now_ns - d->epoch_start_ns >= half_ns) {
		keeper_epoch(d->keeper);
		begin_pass(d);
		d->flush_now = false;
		to = d->pass_end;
	}
	elapsed_ns = d->now_ns - d->epoch_start_ns;
	if (!d->flush_now && half_ns > 0 && elapsed_ns < PASS_SHARE(half_ns))
		to = (uint32_t)((double)to * (double)elapsed_ns / (double)PASS_SHARE(half_ns));
	if (to <= d->pass_at)
		return false;
	from = d->pass_at;
	d->pass_at = keeper_flush_older(d->keeper, flowtable_at(d->table, 0), from, to);
	/* Where it stands still, the savers have no room: that is for the next round. */
	return d->pass_at < to && d->pass_at > from;
}

void demux_time(struct demux *d, int64_t now_ns)
{
	packetclock_advance(d, now_ns);
}

void demux_flush(struct demux *d)
{
	keeper_epoch_all(d->keeper);
	begin_pass(d);
	d->flush_now = true;
}

static void show_gauges(struct demux *d)
{
	for (int list = 0; list < FLOW_LISTS; list++)
		ledger_set(
		    &d->stats.flows_live[list], flowtable_listed(d->table, (enum flow_list)list));
	ledger_set(&d->stats.bindings, d->bindings != NULL ? bindings_count(d->bindings) : 0);
	ledger_set(&d->stats.held_bytes, keeper_held_bytes(d->keeper));
}

bool demux_run(struct demux *d, int64_t now_ns)
{
	bool more;
	int steps = 0;

	packetclock_advance(d, now_ns);
	more = naming_run(d);
	fragments_expire(d->fragments, d->now_ns);
	while (steps < RUN_STEPS && ending_sweep(d))
		steps++;
	more |= run_flush(d);
	show_gauges(d);
	return more || steps == RUN_STEPS;
}

void demux_finish(struct demux *d)
{
	release(d, true); /* nothing says otherwise */
	fragments_expire(d->fragments, INT64_MAX);
	naming_finish(d);
	ending_all(d);
	if (d->bindings != NULL)
		bindings_clear(d->bindings);
	show_gauges(d);
}

static const char *const event_texts[][2] = {
#define X(name, text) {#name, text},
    DEMUX_EVENTS(X)
#undef X
};

const char *demux_event_name(enum demux_event e)
{
	return event_texts[e][0];
}

const char *demux_event_text(enum demux_event e)
{
	return event_texts[e][1];
}

const struct demux_stats *demux_stats(const struct demux *d)
{
	return &d->stats;
}

void demux_free(struct demux *d)
{
	if (d == NULL)
		return;
	flowtable_free(d->table);
	keeper_free(d->keeper);
	fragments_free(d->fragments);
	bindings_free(d->bindings);
	free(d->held_bytes);
	for (uint32_t i = 0; i < d->interface_count; i++)
		free(d->interfaces[i]);
	free(d);
}
