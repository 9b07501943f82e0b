/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the packets of flows, as finished pcap records in chunks, until they are handed to the
 * savers: because the flow ends, because a gzip member's worth has come together, or because memory
 * is wanted for others.
 *
 * Open flows together hold at most half of the memory budget; the other half is for what is on its
 * way through the savers. Which flow is flushed depends on what the flows hold and on nothing else,
 * so that offline the same input gives the same files whatever the threads do.
 *
 * Life-cycle:  new, append and close, free.
 * Threads:     owned by the demux thread, which is also the slab's owner.
 */
#ifndef FLOW_KEEPER_H
#define FLOW_KEEPER_H

#include <stdbool.h>

#include "flow/binding.h"
#include "flow/flow.h"
#include "packet/scrub.h"
#include "save/saver.h"

struct keeper;

enum keeper_mode {
	KEEPER_WAIT, /* offline: wait for memory and for the savers */
	KEEPER_DROP  /* live: never wait, drop and count */
};

struct keeper_config {
	enum keeper_mode mode;
	uint64_t max_memory_bytes; /* the slab's budget */
	uint32_t snaplen;          /* for the records */
	struct slab *slab;         /* these outlive the keeper */
	struct savers *savers;
	struct ledger *ledger;
	struct bindings *bindings; /* where names come from; NULL: no events */
	struct hash_key seed;      /* set by demux_new */
	struct scrub *scrub; /* what packets and keys go through; NULL: they stay as they are */
};

/* keeper_new - Returns: 0; -ENOMEM. */
int keeper_new(const struct keeper_config *config, struct keeper **ret_keeper);

/*
 * keeper_append - keep the first kept_bytes of a packet as a record of f.
 *
 * Returns:  0. Live only, and the caller counts the packet: -ENOMEM the budget is used up; -EAGAIN
 *           f's member is full and its saver's queue too; -EDQUOT half-open flows hold their share.
 */
int keeper_append(struct keeper *k, struct flow *f, const struct packet *p, uint32_t kept_bytes);

/*
 * keeper_prefetch - begin to load what keeper_append of f will touch; then, before anything else
 * happens to f, keeper_prefetch_room.
 */
void keeper_prefetch(const struct flow *f);
void keeper_prefetch_room(const struct flow *f);

/* keeper_moved - f->list has changed: f goes with the others of that list when memory is short. */
void keeper_moved(struct keeper *k, struct flow *f);

/* keeper_flush - hand what f holds to its saver; the part goes on. Returns: 0; -EAGAIN (live). */
int keeper_flush(struct keeper *k, struct flow *f);

/* keeper_name - f has got its name: a staged file without one gets it. Returns: 0; -EAGAIN (live),
 * and the next batch does it. */
int keeper_name(struct keeper *k, struct flow *f);

/*
 * keeper_close - hand the rest of f's part to its saver, to be published.
 *
 * Takes:    f, whose part has packets; reason; the name of its interface, or "".
 * Returns:  0, and f is ready for its next part; -EAGAIN (live) the saver's queue is full.
 */
int keeper_close(struct keeper *k, struct flow *f, enum end_reason reason, const char *interface);

/* keeper_discard - the same, but nothing of the part is kept: its packets are counted no_uuid. */
int keeper_discard(struct keeper *k, struct flow *f);

/*
 * keeper_drop - give up what a half-open flow holds, where nothing of its part is staged.
 *
 * Returns:  whether it could be: its packets are counted half_open then.
 */
bool keeper_drop(struct keeper *k, struct flow *f);

/*
 * keeper_epoch - a flush interval's half is over: what was held before it began is to be flushed by
 * keeper_flush_older before it ends. keeper_epoch_all - all that is held now is.
 */
void keeper_epoch(struct keeper *k);
void keeper_epoch_all(struct keeper *k);

/*
 * keeper_flush_older - flush those of the flows numbered from `from` up to `to` that the epoch is
 * about.
 *
 * Takes:    flows, the array of all.
 * Returns:  the number to go on from: less than `to` where a queue is full.
 */
uint32_t keeper_flush_older(struct keeper *k, struct flow *flows, uint32_t from, uint32_t to);

/* keeper_held_bytes - chunk bytes that open flows hold. keeper_wait - live no more: wait from now
 * on. */
uint64_t keeper_held_bytes(const struct keeper *k);
void keeper_wait(struct keeper *k);

/* keeper_free - takes NULL. The flows hold nothing any more, and the savers have stopped. */
void keeper_free(struct keeper *k);

#endif
