/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saver threads with all that belongs to them, in a directory of their own, and flows to feed them.
 */
#ifndef SUPPORT_SAVERIG_H
#define SUPPORT_SAVERIG_H

#include "save/saver.h"
#include "support/frames.h"

/* Where saverig_start has parts go; STORE_FILES unless a test says otherwise. */
extern enum store_kind saverig_store;

struct saverig {
	const char *dir;
	struct archive *archive;
	struct catalog *catalog;
	struct names *names;
	struct slab *slab;
	struct ledger ledger;
	struct savers *savers;
	struct catalog_result indexed;
};

/* saverig_start - an archive, a catalog, `threads` savers. `dir`, or NULL for a fresh directory. */
void saverig_start(
    struct saverig *rig, const char *dir, int threads, const char *codec, enum sync_mode sync);

/*
 * saverig_stop - stop savers and catalog, and check what must hold in any case: the ledger
 * balances, all rows were written, all chunks came back. The archive stays open until
 * saverig_close.
 */
void saverig_stop(struct saverig *rig);
void saverig_close(struct saverig *rig);

/* A flow as the demux would see it: what was put so far, and what is expected to be archived. */
struct saverig_flow {
	struct frames_talk talk;
	struct batch next; /* kind and chunks are filled in when it is put */
	struct record all; /* sums over all packets, as the demux would have them */
	uint8_t *want;     /* the packet records in order, as the file should hold them */
	size_t want_len, want_room;
	uint32_t seq;
};

/* saverig_flow_begin - a flow with numbers of its own; its first packet will have this time. */
void saverig_flow_begin(
    struct saverig *rig, struct saverig_flow *flow, uint32_t number, int64_t first_ns);

/*
 * saverig_packets - add packets of so many bytes of payload to the flow's chunks, each 1 ms after
 * the one before, and count them as read.
 */
void saverig_packets(
    struct saverig *rig, struct saverig_flow *flow, unsigned count, uint16_t payload);

/* saverig_put - hand the chunks over, to be flushed or closed with this reason. May wait. */
void saverig_flush(struct saverig *rig, struct saverig_flow *flow);
void saverig_end(struct saverig *rig, struct saverig_flow *flow, enum end_reason reason);

/* saverig_lost - what was put last will not get to the disk: it is not expected in the file. */
void saverig_lost(struct saverig_flow *flow, size_t want_len_before);

/* saverig_flow_free - give its memory back. */
void saverig_flow_free(struct saverig_flow *flow);

/*
 * saverig_check - the flow's only part is published: its file holds the expected packets, its
 * record and its row agree with them, and no staged file is left of it.
 *
 * Returns:  its members, header and record included.
 */
unsigned saverig_check(
    struct saverig *rig, const struct saverig_flow *flow, struct record *ret_row);

#endif
