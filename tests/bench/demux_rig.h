/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is measured: a demux as split or capture makes it by default, with a null store behind it;
 * and what it is measured with: the CPU time of a thread, and the memory of this process.
 *
 * Life-cycle:  start; feed the demux; stop, which ends the program if a packet was lost or is not
 *              accounted for: then nothing was measured.
 */
#ifndef BENCH_DEMUX_RIG_H
#define BENCH_DEMUX_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "demux_null.h"
#include "flow/demux.h"

#define RIG_SECOND_NS INT64_C(1000000000)
#define RIG_IDLE_NS   (30 * RIG_SECOND_NS) /* --idle-timeout, --linger and --flush-interval: */
#define RIG_LINGER_NS (2 * RIG_SECOND_NS)  /* the defaults */
#define RIG_FLUSH_NS  (10 * RIG_SECOND_NS)

struct rig_config {
	bool live;   /* as capture has it, else as split has it */
	bool events; /* live: events name flows */
	enum null_place place;
	uint64_t max_memory_bytes;
	uint32_t max_flows;
};

struct rig {
	struct ledger ledger;
	struct slab *slab;
	struct savers *savers;
	struct demux *demux;
};

void rig_start(const struct rig_config *config, struct rig *ret_rig);
void rig_stop(struct rig *r);

/* rig_cpu_ns - CPU time of this thread. rig_resident_bytes - of this process, now. */
int64_t rig_cpu_ns(void);
uint64_t rig_resident_bytes(void);

#endif
