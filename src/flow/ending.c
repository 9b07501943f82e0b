/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends of flows: when they are over, what they are published as, and who goes when the table is
 * full. Live, a saver's queue may be full: then nothing is lost, the flow stays and is tried again.
 */
#include <errno.h>

#include "flow/demux_private.h"

/* Flows that get a second chance before one goes without: a packet must not wait for all. */
#define CHANCES 64

/* Half-open flows that are tried for one that can go now. */
#define HALF_OPEN_TRIES 32

void demux_relist(struct demux *d, struct flow *f, enum flow_list list, uint32_t tick)
{
	flowtable_move(d->table, f, list, tick);
	f->touched = false;
	keeper_moved(d->keeper, f);
}

/* What ended the connection itself counts for more than what made us close it. */
static enum end_reason reason_for(const struct flow *f, enum end_reason why)
{
	if (why == END_REUSED || !flow_ended(f))
		return why;
	return f->fin_seen == 3 ? END_FIN : END_RST;
}

/* Is the present part of no use, as nobody has named the flow? Events name TCP alone. */
static bool is_unwanted(const struct demux *d, const struct flow *f)
{
	return d->bindings != NULL && d->config.uuid_missing == UUID_MISSING_DROP &&
	       f->key.proto == DECODE_TCP && f->binding == 0;
}

/* Publishes the present part, if it has packets. The flow stays in the table. */
static int publish(struct demux *d, struct flow *f, enum end_reason why)
{
	enum end_reason reason = reason_for(f, why);
	int rv = 0;

	if (flow_pkts(f) > 0)
		rv = is_unwanted(d, f)
			 ? keeper_discard(d->keeper, f)
			 : keeper_close(d->keeper, f, reason, d->interfaces[f->interface]);
	if (rv != 0)
		return rv;
	if (!f->counted)
		ledger_add(&d->stats.end_reasons[reason], 1);
	f->counted = true;
	return 0;
}

void ending_part(struct demux *d, struct flow *f)
{
	if (!f->young && !is_unwanted(d, f))
		(void)keeper_close(d->keeper, f, END_CONTINUED, d->interfaces[f->interface]);
}

int ending_close(struct demux *d, struct flow *f, enum end_reason why)
{
	int rv = publish(d, f, why);

	if (rv != 0)
		return rv;
	naming_end(d, f);
	flowtable_remove(d->table, f);
	return 0;
}

uint32_t ending_displace(struct demux *d, struct flow *f, enum end_reason why, int64_t ts_ns)
{
	uint32_t older = f->older != 0 ? f->older : f->number + 1;

	naming_displaced(d, f, why, ts_ns);
	if (!f->young && ending_close(d, f, why) == 0)
		return why == END_REUSED ? older : f->older;
	flowtable_detach(d->table, f);
	f->why = why & 0xf;
	demux_relist(d, f, f->young ? FLOW_WAITING : FLOW_CLOSING, f->tick);
	return f->number + 1;
}

bool ending_is_over(const struct demux *d, const struct flow *f)
{
	return f->tick + 2 <= d->tick && !f->young && f->list != FLOW_CLOSING &&
	       f->list != FLOW_WAITING;
}

bool ending_has_lingered(const struct demux *d, const struct flow *f)
{
	return f->list == FLOW_ENDED && d->now_ns - f->last_ns > d->config.linger_ns;
}

static int publish_ended(struct demux *d, struct flow *f)
{
	int rv = 0;

	if (f->young) {
		f->why = END_FIN;
		demux_relist(d, f, FLOW_WAITING, f->tick);
		return 0;
	}
	rv = publish(d, f, END_FIN);
	if (rv == 0)
		demux_relist(d, f, FLOW_PUBLISHED, f->tick);
	return rv;
}

void ending_publish(struct demux *d, struct flow *f)
{
	(void)publish_ended(d, f); /* else it stays where it is, and is tried again */
}

void ending_unyoung(struct demux *d, struct flow *f)
{
	if (f->list != FLOW_WAITING)
		return;
	if (!f->detached)
		demux_relist(d, f, FLOW_ENDED, f->tick); /* the sweep publishes it */
	else if (ending_close(d, f, (enum end_reason)f->why) != 0)
		demux_relist(d, f, FLOW_CLOSING, f->tick);
}

/* Has the flow been published before anybody could name it, though an event may still come? */
static bool is_nameless(const struct demux *d, const struct flow *f)
{
	return d->bindings != NULL && f->list != FLOW_PUBLISHED && !f->half_open &&
	       f->key.proto == DECODE_TCP && f->binding == 0 && !f->published;
}

/* Two ticks without a packet. One without a name is remembered for two more: its event is late. */
static int end_idle(struct demux *d, struct flow *f)
{
	int rv;

	if (!is_nameless(d, f))
		return ending_close(d, f, END_IDLE);
	rv = publish(d, f, END_IDLE);
	if (rv == 0)
		demux_relist(d, f, FLOW_PUBLISHED, d->tick);
	return rv;
}

/* Does what is due with the oldest flow of a list. Returns whether anything was. */
static bool sweep_list(struct demux *d, enum flow_list list)
{
	struct flow *f = flowtable_oldest(d->table, list);

	if (f == NULL || list == FLOW_WAITING)
		return false;
	if (list == FLOW_CLOSING)
		return ending_close(d, f, (enum end_reason)f->why) == 0;
	if (ending_is_over(d, f))
		return end_idle(d, f) == 0;
	if (ending_has_lingered(d, f))
		return publish_ended(d, f) == 0;
	if (!f->young || f->tick + 2 > d->tick)
		return false;
	f->why = END_IDLE; /* it waits for its name, but nobody behind it does */
	demux_relist(d, f, FLOW_WAITING, f->tick);
	return true;
}

bool ending_sweep(struct demux *d)
{
	for (int list = 0; list < FLOW_LISTS; list++)
		if (sweep_list(d, (enum flow_list)list))
			return true;
	return false;
}

/* The first of a list that had no packet in this tick since it was listed. */
static struct flow *least_active(struct demux *d, enum flow_list list)
{
	int chances = CHANCES;
	struct flow *f;

	while ((f = flowtable_oldest(d->table, list)) != NULL && f->touched && f->tick == d->tick &&
	       chances-- > 0) {
		flowtable_move(d->table, f, list, f->tick);
		f->touched = false;
	}
	return f;
}

/*
 * A half-open flow is given up. Its half of the queue may be full, and some are staged, which only
 * a saver can end: a few are tried, the oldest first.
 */
static int evict_half_open(struct demux *d)
{
	for (int i = 0; i < HALF_OPEN_TRIES; i++) {
		struct flow *f = flowtable_oldest(d->table, FLOW_HALF_OPEN);

		if (f == NULL)
			return -ENOENT;
		if (ending_close(d, f, END_EVICTED) == 0)
			return 0;
		if (keeper_drop(d->keeper, f) && ending_close(d, f, END_EVICTED) == 0)
			return 0;
		flowtable_move(d->table, f, FLOW_HALF_OPEN, f->tick);
	}
	return -EAGAIN;
}

/*
 * Published flows go first, then half-open, over, ended ones, then the longest idle. A flow that
 * had packets in this tick since it was listed gets another chance. Where half-open flows are
 * there, but none of them can go now, nobody else goes for them.
 */
int ending_evict(struct demux *d)
{
	int rv;

	for (int list = 0; list < FLOW_LISTS; list++) {
		struct flow *f;

		if (list == FLOW_HALF_OPEN) {
			rv = evict_half_open(d);
			if (rv != -ENOENT)
				return rv == 0 ? 0 : -EDQUOT;
			continue;
		}
		f = least_active(d, (enum flow_list)list);
		if (f != NULL && list != FLOW_CLOSING && ending_close(d, f, END_EVICTED) == 0)
			return 0;
	}
	return -EAGAIN;
}

static enum end_reason reason_at_finish(const struct demux *d, const struct flow *f)
{
	if (f->list == FLOW_CLOSING || f->list == FLOW_WAITING)
		return (enum end_reason)f->why;
	return ending_is_over(d, f) ? END_IDLE : d->config.at_finish;
}

void ending_all(struct demux *d)
{
	struct flow *f;

	keeper_wait(d->keeper);
	for (int list = 0; list < FLOW_LISTS; list++)
		while ((f = flowtable_oldest(d->table, (enum flow_list)list)) != NULL)
			(void)ending_close(
			    d, f, reason_at_finish(d, f)); /* it waits: cannot fail */
}
