/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture that has metrics, but no interface: a real archive, savers and demux, and in the place
 * of capture/source_live (which needs privileges) an array of numbers that the test sets.
 */
#ifndef TESTS_CMD_METRICSRIG_H
#define TESTS_CMD_METRICSRIG_H

#include "cmd/metrics.h"
#include "support/saverig.h"

struct source_live {
	struct source_live_interface interfaces[4];
	unsigned count;
	struct eventclient_stats events;
	bool has_events;
	int64_t beat_ns;
};

struct metricsrig {
	struct saverig savers;
	struct demux *demux;
	struct source_live live;
	struct metrics_source src;
};

/* metricsrig_start - everything that src points to. metricsrig_stop - the inverse, balanced. */
void metricsrig_start(struct metricsrig *rig);
void metricsrig_stop(struct metricsrig *rig);

/* metricsrig_text - what metrics_write or metrics_print writes. The caller frees it. */
char *metricsrig_text(const struct metricsrig *rig);
char *metricsrig_lines(const struct metricsrig *rig);

#endif
