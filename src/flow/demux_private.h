/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the demux share, and nobody else sees: demux.c takes packets, packetclock.c
 * tells the time by them, ending.c ends flows, naming.c brings flows and events together.
 */
#ifndef FLOW_DEMUX_PRIVATE_H
#define FLOW_DEMUX_PRIVATE_H

#include "flow/binding.h"
#include "flow/demux.h"
#include "flow/flowtable.h"
#include "flow/fragments.h"
#include "packet/hash.h"

/* A packet on its way to its flow. */
struct arrival {
	struct packet packet; /* no longer than the snap length */
	struct decoded decoded;
	enum decode_result result;
	enum side sender; /* this and what follows: where it is whole, or a first fragment */
	uint32_t hash;    /* of key */
	struct flowkey key;
	struct flow *guess; /* its flow, most likely, before any packet of the burst was taken */
};

#define DEMUX_INTERFACES_MAX 1024 /* struct flow has 10 bits for a number */

struct demux {
	struct demux_config config; /* set at start, then read-only */
	struct hash_key seed;

	/* owned by the demux thread */
	struct flowtable *table;
	struct keeper *keeper;
	struct fragments *fragments;
	struct bindings *bindings; /* NULL: there are no events */
	uint32_t apart;            /* flows that naming_find_apart finds */
	struct ledger *ledger;
	int64_t now_ns;    /* see enum demux_clock */
	int64_t packet_ns; /* time that the last packet bore */
	int64_t tick_start_ns;
	uint32_t tick; /* number of the present one */
	bool clock_set;
	bool is_holding;
	struct arrival held; /* offline: a packet whose time leaps, see packetclock.c */
	uint8_t *held_bytes; /* and its bytes */
	uint64_t next_serial;
	char *interfaces[DEMUX_INTERFACES_MAX]; /* [0] is "" */
	uint32_t interface_count;

	/* naming.c: flows without a name, in the order of their birth; FLOW_NONE: none */
	uint32_t youngest, oldest_young;
	int64_t stream_down_ns; /* when the event stream was last lost; 0: never */
	bool stream_up;

	/* the flush interval: the pass over all flows that the present half of it makes */
	int64_t epoch_start_ns;
	uint32_t pass_at, pass_end;
	int refusal;    /* why a flow could not begin: as ending_evict */
	bool flush_now; /* it is not spread over that half */

	/* written by the demux thread, read by any */
	struct demux_stats stats;
};

/* ---- packetclock.c: the time of packets, see enum demux_clock -------------------------------- */

/* packetclock_leap - would this time end all flows? Returns: 1 that far ahead, -1 that far back; 0.
 */
int packetclock_leap(const struct demux *d, int64_t ts_ns);

/* packetclock_advance - the time is this, unless it was that late already. */
void packetclock_advance(struct demux *d, int64_t ts_ns);

/* demux_relist - put a flow at the end of a list. */
void demux_relist(struct demux *d, struct flow *f, enum flow_list list, uint32_t tick);

/* ---- ending.c -------------------------------------------------------------------------------- */

/* ending_is_over - two ticks without a packet. ending_has_lingered - ended, and silent since. */
bool ending_is_over(const struct demux *d, const struct flow *f);
bool ending_has_lingered(const struct demux *d, const struct flow *f);

/*
 * ending_close - publish the present part, if it has packets, and forget the flow.
 *
 * Returns:  0: f is gone; -EAGAIN (live) its saver has no room, f is as it was.
 */
int ending_close(struct demux *d, struct flow *f, enum end_reason why);

/*
 * ending_displace - f's tuple is wanted for another flow, or its time is over: close it; where that
 * must wait, for a name or for the saver, detach it from its tuple.
 *
 * Takes:    ts_ns, the time of the packet that wants the tuple.
 * Returns:  what the other flow is to have as `older`: number + 1 of a detached flow, or of one
 * that is gone already, which tells that there was a connection before it; 0: there was none.
 */
uint32_t ending_displace(struct demux *d, struct flow *f, enum end_reason why, int64_t ts_ns);

/*
 * ending_part - the present part is full: publish it, the flow goes on in its next one.
 *
 * Where that cannot be now (no room at its saver, no name yet) the part grows on.
 */
void ending_part(struct demux *d, struct flow *f);

/* ending_publish - an ended flow has been silent for long enough: publish it, but remember it. */
void ending_publish(struct demux *d, struct flow *f);

/*
 * ending_sweep - close one flow that is over, or publish one that has lingered.
 *
 * Returns:  whether there was one (and room to do it).
 */
bool ending_sweep(struct demux *d);

/*
 * ending_evict - give up one flow.
 *
 * Returns:  0; live, nothing can go now: -EDQUOT half-open flows are there, but their savers have
 * no room; -EAGAIN nobody's have.
 */
int ending_evict(struct demux *d);

/* ending_unyoung - f waits for no name any more: end it, if that is what it waited for. */
void ending_unyoung(struct demux *d, struct flow *f);

/* ending_all - the input has ended. */
void ending_all(struct demux *d);

/* ---- naming.c -------------------------------------------------------------------------------- */

/* naming_new - Returns: 0; -ENOMEM. */
int naming_new(struct demux *d);

/* naming_hash - the hash of a flow's key; where events come it is one for all link types. */
uint32_t naming_hash(const struct demux *d, const struct flowkey *k);

/*
 * naming_place - the hash under which a flow is to be added: naming_hash of its key, `hash`, but
 * where as many flows between the same ends lie there as an event can name. Who sends packets
 * chooses their VLANs, and must not have all lie in one place. Remembered in f->apart.
 */
uint32_t naming_place(struct demux *d, const struct flowkey *k, uint32_t hash);

/* naming_find_apart - the flow with this key, of those that do not lie under naming_hash, or NULL.
 */
struct flow *naming_find_apart(struct demux *d, const struct flowkey *k);

/* naming_begin - a flow has begun: name it, or let it wait for its name. syn: it began with one. */
void naming_begin(struct demux *d, struct flow *f, bool syn, uint32_t seq, enum side sender);

/* naming_displaced - a packet of time ts_ns pushes a flow off its tuple, for this reason. */
void naming_displaced(struct demux *d, struct flow *f, enum end_reason why, int64_t ts_ns);

/* naming_end - a flow is about to be forgotten. */
void naming_end(struct demux *d, struct flow *f);

/*
 * naming_run - what is due by the clock: waits that are over, bindings that are out of date.
 *
 * Returns:  whether more of it is due.
 */
bool naming_run(struct demux *d);

/* naming_finish - no more events: no flow waits for its name. */
void naming_finish(struct demux *d);

#endif
