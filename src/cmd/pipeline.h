/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine behind every command that archives: archive, memory, catalog, savers, demux, put
 * together in that order and stopped in the opposite one, each drained fully.
 *
 * Life-cycle:  start; feed the demux from one thread; stop.
 * Threads:     main; the demux belongs to the thread that feeds it.
 */
#ifndef CMD_PIPELINE_H
#define CMD_PIPELINE_H

#include "archive/catalog.h"
#include "archive/retain.h"
#include "cmd/options.h"
#include "flow/demux.h"
#include "packet/ledger.h"

struct pipeline {
	struct ledger ledger;
	struct archive *archive;
	struct slab *slab;
	struct catalog *catalog;
	struct names *names;
	struct prune_limits limits;
	struct retain *retain; /* NULL: the archive has no limits */
	struct savers *savers;
	struct scrub *scrub; /* NULL: packets are kept as they come */
	struct demux *demux;
	uint64_t note;                 /* of our policy, in .staging */
	const struct options *tidy;    /* split: look at what earlier ones left; else NULL */
	struct catalog_result indexed; /* true once stopped */
};

struct pipeline_config {
	const struct options *options;
	enum keeper_mode mode;     /* may packets wait (files), or not (live)? */
	enum end_reason at_finish; /* of flows that are alive at the end */
	demux_wanted_fn *wanted;   /* NULL: every packet */
	void *wanted_arg;
	const uint8_t *key;           /* for the policy; read by pipeline_start alone */
	anonymizer_exempt_fn *exempt; /* NULL: no address is */
	void *exempt_arg;
};

/*
 * pipeline_start - open the archive for writing, mend what an earlier run left, start the threads.
 *
 * Returns:  0; -ERANGE the limits of the archive cannot be met; -errno; after saying what failed.
 */
int pipeline_start(const struct pipeline_config *config, struct pipeline *ret_pipeline);

/* pipeline_stop - after demux_finish: drain savers and catalog, close the archive. */
void pipeline_stop(struct pipeline *p);

/* pipeline_free - what is left: the demux and its statistics. Takes half-built ones. */
void pipeline_free(struct pipeline *p);

#endif
