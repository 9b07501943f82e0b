/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See demux.h. Time is that of the packets: it runs forward with the largest seen, and starts anew
 * where the input jumps back by more than a flow's life. A tick is a generation: each flow carries
 * the number of the tick in which it had its last packet (its list is in that order), and is over
 * when two more have begun. Flows that are over are closed a few per packet, or when a packet of
 * theirs comes, whichever is first: so the outcome does not depend on the sweep.
 */
#include "flow/demux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flowtable.h"
#include "flow/fragments.h"
#include "packet/decode.h"
#include "packet/hash.h"
#include "pcapfile/pcapfmt.h"

/* Flows that one packet's sweep may close: more than one packet can begin. */
#define SWEEP_STEPS 4

#define INTERFACES_MAX 1024

struct demux {
	struct demux_config config; /* set at start, then read-only */
	struct hash_key seed;

	/* owned by the demux thread */
	struct flowtable *table;
	struct keeper *keeper;
	struct fragments *fragments;
	struct ledger *ledger;
	int64_t now_ns;
	int64_t tick_start_ns;
	uint32_t tick; /* number of the present one */
	bool clock_set;
	uint64_t next_serial;
	struct demux_stats stats;
	char *interfaces[INTERFACES_MAX]; /* [0] is "" */
	uint32_t interface_count;
};

/* A packet on its way to its flow. */
struct arrival {
	const struct packet *packet;
	const struct decoded *decoded;
	enum side sender;
	bool follows; /* a fragment behind its first: it names no ports */
};

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
		rv = keeper_new(&config->keeper, &d->keeper);
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
	if (d->interface_count == INTERFACES_MAX)
		return 0;
	d->interfaces[d->interface_count] = strdup(name);
	return d->interfaces[d->interface_count] != NULL ? d->interface_count++ : 0;
}

/* ---- ends of flows --------------------------------------------------------------------------- */

/* What ended the connection itself counts for more than what made us close it. */
static enum end_reason reason_for(const struct flow *f, enum end_reason why)
{
	if (why == END_REUSED || !flow_ended(f))
		return why;
	return f->fin_seen == 3 ? END_FIN : END_RST;
}

/* Publishes the present part, if it has packets. The flow stays in the table. */
static void publish(struct demux *d, struct flow *f, enum end_reason why)
{
	enum end_reason reason = reason_for(f, why);

	if (!f->counted)
		d->stats.end_reasons[reason]++;
	f->counted = true;
	if (flow_pkts(f) > 0)
		(void)keeper_close(d->keeper, f, reason, d->interfaces[f->interface]);
}

static void close_flow(struct demux *d, struct flow *f, enum end_reason why)
{
	publish(d, f, why);
	flowtable_remove(d->table, f);
}

static void relist(struct demux *d, struct flow *f, enum flow_list list, uint32_t tick)
{
	bool other = f->list != list;

	flowtable_move(d->table, f, list, tick);
	f->touched = false;
	if (other)
		keeper_moved(d->keeper, f);
}

/* An ended flow has been silent for long enough: publish, but remember it for stragglers. */
static void publish_ended(struct demux *d, struct flow *f)
{
	publish(d, f, END_FIN);
	relist(d, f, FLOW_PUBLISHED, f->tick);
}

static bool is_over(const struct demux *d, const struct flow *f)
{
	return f->tick + 2 <= d->tick;
}

static bool has_lingered(const struct demux *d, const struct flow *f)
{
	return f->list == FLOW_ENDED && d->now_ns - f->last_ns > d->config.linger_ns;
}

/* Closes one flow that is over, or publishes one that has lingered. Returns whether there was one.
 */
static bool sweep_one(struct demux *d)
{
	struct flow *f;

	for (int list = 0; list < FLOW_LISTS; list++) {
		f = flowtable_oldest(d->table, (enum flow_list)list);
		if (f == NULL)
			continue;
		if (is_over(d, f)) {
			close_flow(d, f, END_IDLE);
			return true;
		}
		if (has_lingered(d, f)) {
			publish_ended(d, f);
			return true;
		}
	}
	return false;
}

/*
 * The flow to give up when the table is full: published, half-open, ended, then the longest idle.
 * A flow that had packets in this tick since it was listed gets another chance.
 */
static void evict_one(struct demux *d)
{
	for (int list = 0; list < FLOW_LISTS; list++) {
		struct flow *f;

		while ((f = flowtable_oldest(d->table, (enum flow_list)list)) != NULL &&
		       f->touched && f->tick == d->tick) {
			flowtable_move(d->table, f, (enum flow_list)list, f->tick);
			f->touched = false;
		}
		if (f != NULL) {
			close_flow(d, f, END_EVICTED);
			return;
		}
	}
}

/* ---- the clock ------------------------------------------------------------------------------- */

static void publish_all_ended(struct demux *d)
{
	struct flow *f;

	while ((f = flowtable_oldest(d->table, FLOW_ENDED)) != NULL)
		publish_ended(d, f);
}

static void advance_clock(struct demux *d, int64_t ts_ns)
{
	int64_t idle = d->config.idle_timeout_ns;
	int64_t ticks;

	if (!d->clock_set || ts_ns < d->now_ns - 2 * idle) {
		publish_all_ended(d); /* nobody can tell how long they will have been silent */
		d->clock_set = true;
		d->now_ns = d->tick_start_ns = ts_ns;
		return;
	}
	if (ts_ns <= d->now_ns)
		return;
	d->now_ns = ts_ns;
	ticks = (ts_ns - d->tick_start_ns) / idle;
	d->tick_start_ns += ticks * idle;
	d->tick += ticks < 2 ? (uint32_t)ticks : 2; /* two end everything that is alive */
}

/* ---- packets --------------------------------------------------------------------------------- */

static void skip(struct demux *d, enum ledger_skip reason)
{
	ledger_add(&d->ledger->skipped[reason], 1);
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

static void keep(struct demux *d, struct flow *f, const struct arrival *a)
{
	const struct packet *p = a->packet;

	if (is_cut(d, f, p))
		return;
	if (a->follows && flow_pkts(f) == 0) {
		/* Its first is in the part before, or nowhere; this one alone would not tell the
		 * ends. */
		skip(d, SKIP_fragment);
		return;
	}
	if (keeper_append(d->keeper, f, p, p->caplen) != 0) {
		f->lost_pkts++;
		ledger_add(&d->ledger->dropped[DROP_memory], 1);
		return;
	}
	tally_add(&f->tally, p, p->caplen, a->decoded, a->sender);
	f->archived_bytes += p->caplen;
}

/* A packet has found its flow: state and list first, then the bytes. */
static void arrive(struct demux *d, struct flow *f, const struct arrival *a)
{
	enum flow_list list;

	flow_see(f, a->decoded, a->sender);
	list = flow_list_for(f);
	f->last_ns = d->now_ns;
	/* Ended flows wait in the order of their last packet; others need the order of ticks only.
	 */
	if (f->list != list || f->tick != d->tick || list == FLOW_ENDED)
		relist(d, f, list, d->tick);
	else
		f->touched = true;
	keep(d, f, a);
}

static struct flow *begin_flow(
    struct demux *d, const struct flowkey *k, uint32_t hash, const struct arrival *a)
{
	struct flow *f;

	/* What is over goes before what is alive, though the sweep has not come to it yet. */
	while ((f = flowtable_add(d->table, k, hash)) == NULL)
		if (!sweep_one(d))
			evict_one(d);
	f->serial = d->next_serial++;
	f->origin_ns = a->packet->ts_ns;
	f->origin_seq = a->decoded->has_tcp ? a->decoded->seq : 0;
	f->interface = (uint16_t)a->packet->interface;
	ledger_add(&d->ledger->flows, 1);
	return f;
}

/* The flow of a packet with ports: one that lives, or a new one. */
static struct flow *flow_for(
    struct demux *d, const struct flowkey *k, uint32_t hash, const struct arrival *a)
{
	struct flow *f = flowtable_find(d->table, k, hash);

	if (f != NULL && is_over(d, f)) {
		close_flow(d, f, END_IDLE);
		f = NULL;
	}
	if (f != NULL && has_lingered(d, f))
		publish_ended(d, f);
	if (f != NULL && flow_is_reuse(f, a->decoded, a->sender)) {
		close_flow(d, f, END_REUSED);
		f = NULL;
	}
	return f != NULL ? f : begin_flow(d, k, hash, a);
}

static void take_fragment(struct demux *d, const struct packet *p, const struct decoded *dec)
{
	struct arrival a = {p, dec, SIDE_LOW, true};
	struct flow *f;
	uint32_t number;
	uint64_t serial;

	if (fragments_find(d->fragments, p, dec, d->now_ns, &number, &serial) != 0) {
		if (fragments_hold(d->fragments, p, dec, d->now_ns) != 0)
			ledger_add(&d->ledger->dropped[DROP_memory], 1);
		return;
	}
	f = flowtable_at(d->table, number);
	if (f->serial == serial && is_over(d, f))
		close_flow(d, f, END_IDLE);
	if (f->serial != serial) {
		skip(d, SKIP_fragment); /* its flow is gone */
		return;
	}
	if (has_lingered(d, f))
		publish_ended(d, f);
	a.sender = flowkey_fragment_sender(&f->key, dec);
	arrive(d, f, &a);
}

struct held_for {
	struct demux *demux;
	struct flow *flow;
};

/* A fragment that came before its first: it goes to the flow before it, in the order it came. */
static void give_held(const struct packet *p, void *arg)
{
	struct held_for *h = arg;
	struct decoded dec;
	struct arrival a = {p, &dec, SIDE_LOW, false};

	(void)decode_packet(p, &dec); /* it decoded when it was held */
	a.sender = flowkey_fragment_sender(&h->flow->key, &dec);
	keep(h->demux, h->flow, &a);
}

static void take_whole(struct demux *d, const struct packet *p, const struct decoded *dec)
{
	struct arrival a = {p, dec, SIDE_LOW, false};
	struct flowkey k;
	struct flow *f;
	uint32_t hash;

	a.sender = flowkey_make(dec, p->linktype, d->config.vlan_key, &k);
	hash = (uint32_t)flowkey_hash(&d->seed, &k);
	f = flow_for(d, &k, hash, &a);
	if (dec->first_fragment) {
		struct held_for h = {d, f};

		if (f->list == FLOW_LISTS)
			relist(
			    d, f, FLOW_OPEN, d->tick); /* it must stand somewhere to hold packets */
		fragments_expire(d->fragments, d->now_ns);
		fragments_give_held(d->fragments, p, dec, give_held, &h);
		fragments_add_first(d->fragments, p, dec, f, d->now_ns);
	}
	arrive(d, f, &a);
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
	ledger_add(&d->ledger->packets_read, 1);
	ledger_add(&d->ledger->bytes_read, p->caplen);
}

void demux_skip(struct demux *d, const struct packet *p, enum ledger_skip reason)
{
	count_read(d, p);
	skip(d, reason);
}

/* Sends a packet, which is no longer than the snap length, where it belongs. */
static void take(struct demux *d, const struct packet *p)
{
	struct decoded dec;
	enum decode_result r = decode_packet(p, &dec);

	if (r != DECODE_OK && r != DECODE_FRAGMENT)
		skip(d, skip_for(r));
	else if (!d->config.protocols[dec.proto])
		skip(d, SKIP_not_tcp);
	else if (r == DECODE_FRAGMENT)
		take_fragment(d, p, &dec);
	else
		take_whole(d, p, &dec);
}

void demux_packet(struct demux *d, const struct packet *p)
{
	struct packet kept = *p;

	count_read(d, p);
	if (!pcapfmt_time_fits(p->ts_ns)) {
		skip(d, SKIP_time);
		return;
	}
	/* Before decoding, so that what is archived tells no less than what was counted. */
	if (kept.caplen > d->config.snaplen)
		kept.caplen = d->config.snaplen;
	advance_clock(d, p->ts_ns);
	take(d, &kept);
	for (int i = 0; i < SWEEP_STEPS && sweep_one(d); i++)
		;
}

void demux_finish(struct demux *d)
{
	struct flow *f;

	fragments_expire(d->fragments, INT64_MAX);
	for (int list = 0; list < FLOW_LISTS; list++)
		while ((f = flowtable_oldest(d->table, (enum flow_list)list)) != NULL)
			close_flow(d, f, is_over(d, f) ? END_IDLE : d->config.at_finish);
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
	for (uint32_t i = 0; i < d->interface_count; i++)
		free(d->interfaces[i]);
	free(d);
}
