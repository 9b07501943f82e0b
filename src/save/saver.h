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
#include "archive/store.h"
#include "base/slab.h"
#include "packet/ledger.h"
#include "pcapfile/gzmember.h"
#include "save/batch.h"

#define SAVER_MAX 256

struct savers;

struct savers_config {
	int threads; /* 1..SAVER_MAX */
	struct codec codec;
	enum sync_mode sync;
	struct archive *archive; /* these four outlive the savers */
	struct catalog *catalog;
	struct slab *slab; /* where chunks go back to */
	struct ledger *ledger;
};

/* savers_start - Returns: 0; -ENOMEM, -EAGAIN. */
int savers_start(const struct savers_config *config, struct savers **ret_savers);

/*
 * savers_put - give a batch to the saver of its flow.
 *
 * Takes:    b; wait: whether to wait while that saver's queue is full.
 * Returns:  0; -EAGAIN the queue is full.
 * Owner:    on 0 takes b->chunks and sets it to NULL; else the caller keeps them.
 * Threads:  the demux.
 */
enum savers_wait { SAVERS_TRY, SAVERS_WAIT };

int savers_put(struct savers *s, struct batch *b, enum savers_wait wait);

/* savers_stop - write all that was put, end the threads. Takes NULL. s is gone afterwards. */
void savers_stop(struct savers *s);

#endif
