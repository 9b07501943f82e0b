/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The saver threads: they take batches, compress them into gzip members, write the flow files,
 * publish them, and tell the catalog. Flows of one key always go to the same saver, in order, so a
 * flow's file has one hand on it and no lock.
 *
 * Life-cycle:  start, put batches, stop (which drains).
 * Threads:     put: the demux. Inside, each saver owns its queue's items, its store and its
 * buffers.
 */
#ifndef SAVE_SAVER_H
#define SAVE_SAVER_H

#include "archive/catalog.h"
#include "archive/names.h"
#include "archive/retain.h"
#include "archive/store.h"
#include "base/slab.h"
#include "packet/ledger.h"
#include "pcapfile/gzmember.h"
#include "save/batch.h"

#define SAVER_MAX 256

struct savers;

#define SAVERS_LATENCY_BOUNDS 12

/* What the savers tell of themselves, all together. Threads: written by savers, read by any. */
struct savers_stats {
	/* writes by how long they took: at most savers_latency_bound_ns(i); the last: longer */
	_Atomic uint64_t writes[SAVERS_LATENCY_BOUNDS + 1];
	_Atomic uint64_t write_ns; /* all of them together */
	_Atomic uint64_t failed_writes;
	_Atomic int64_t last_write_ns; /* wall clock of the last that succeeded; 0: none yet */
	_Atomic int suspended;         /* savers of which writes fail, see health.h */
};

struct savers_config {
	int threads;          /* 1..SAVER_MAX */
	size_t queue_batches; /* per saver; 0: the default */
	struct codec codec;
	enum sync_mode sync;
	enum store_kind store;
	uint64_t segment_bytes; /* these two as in struct store_config */
	int64_t segment_age_ns;
	struct names *names;   /* these six outlive the savers; NULL: there are only files */
	struct retain *retain; /* gives room for what is to be written; NULL: there is no limit */
	struct archive *archive;
	struct catalog *catalog;
	struct slab *slab; /* where chunks go back to */
	struct ledger *ledger;
};

/* savers_start - Returns: 0; -ENOMEM, -EAGAIN. */
int savers_start(const struct savers_config *config, struct savers **ret_savers);

/*
 * savers_put - give a batch to the saver of its flow.
 *
 * Takes:    b; wait: whether to wait while that saver's queue is full; SAVERS_TRY_HALF leaves the
 *           other half of the queue to others.
 * Returns:  0; -EAGAIN the queue is full.
 * Owner:    on 0 takes b->chunks and sets it to NULL; else the caller keeps them.
 * Threads:  the demux.
 */
enum savers_wait { SAVERS_TRY, SAVERS_TRY_HALF, SAVERS_WAIT };

int savers_put(struct savers *s, struct batch *b, enum savers_wait wait);

/* savers_depth - batches in all queues now. savers_room - how many they can take. Threads: any. */
size_t savers_depth(const struct savers *s);
size_t savers_room(const struct savers *s);

/* savers_stats - Threads: any, until savers_stop. */
const struct savers_stats *savers_stats(const struct savers *s);

/* savers_latency_bound_ns - upper bound of a bucket of savers_stats.writes. */
int64_t savers_latency_bound_ns(int bucket);

/*
 * savers_stop - write all that was put, end the threads. Takes NULL. s is gone afterwards. From the
 * beginning on nobody waits for room.
 */
void savers_stop(struct savers *s);

#endif
