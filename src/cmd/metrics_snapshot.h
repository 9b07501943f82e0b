/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All numbers of a running capture at one moment, in plain integers: what is shown is made from
 * these, so that showing needs no live object.
 *
 * The numbers are read one by one while others write them: sums over them may be off by what
 * happened in between.
 */
#ifndef CMD_METRICS_SNAPSHOT_H
#define CMD_METRICS_SNAPSHOT_H

#include <net/if.h>
#include <stdint.h>

#include "archive/record.h"
#include "cmd/metrics.h"
#include "flow/demux.h"
#include "flow/flow.h"
#include "packet/ledger.h"
#include "save/saver.h"

#define METRICS_UNKNOWN UINT64_MAX /* a gauge that could not be read */

/* Lines of the event stream that never became an event; fields of struct eventclient_stats. */
#define METRICS_BAD_LINES(X)                                                      \
	X(malformed, "no such event, or cut off by the end of the connection")    \
	X(blank, "an empty line")                                                 \
	X(too_long, "a line of more than 64 KiB")                                 \
	X(unknown, "neither open nor close; newer servers may send more")         \
	X(bad_uuid, "open: a UUID that cannot be a file name, so it was refused") \
	X(no_tuple, "open: does not say between whom")

/* What became of a line: the outcomes of events (enum demux_event), then the bad lines. */
enum metrics_event {
	METRICS_EVENT_LAST_GOOD = DEMUX_EVENT_COUNT - 1,
#define X(name, text) METRICS_EVENT_##name,
	METRICS_BAD_LINES(X)
#undef X
	    METRICS_EVENTS
};

struct metrics_interface {
	char name[IFNAMSIZ];
	uint64_t received_pkts, dropped_pkts;
	uint64_t removals, link_downs;
	uint64_t open, up; /* 0 or 1 */
};

/* Numbers are uint64_t, as metrics_families.c refers to them by their offset. */
struct metrics_snapshot {
	/* packets and bytes, by fate */
	uint64_t packets_read, packets_archived;
	uint64_t skipped_pkts[SKIPS];
	uint64_t dropped_pkts[DROPS];
	uint64_t read_bytes, archived_bytes, written_bytes;

	/* flows */
	uint64_t flows_begun;
	uint64_t flows_ended[END_REASONS];
	uint64_t flows_live[FLOW_LISTS];
	uint64_t flows_limit;
	uint64_t files;

	/* events */
	uint64_t event_lines;
	uint64_t events[METRICS_EVENTS];
	uint64_t events_pending;
	uint64_t bindings, uuid_collisions;
	uint64_t stream_configured, stream_connected; /* 0 or 1 */
	uint64_t stream_connects, stream_disconnects;

	/* memory */
	uint64_t buffer_bytes, held_bytes, buffer_limit_bytes;

	/* savers */
	uint64_t queue_batches, queue_limit_batches;
	uint64_t writes[SAVERS_LATENCY_BOUNDS + 1];
	uint64_t write_ns;
	uint64_t failed_writes;
	uint64_t last_write_ns; /* since 1970; 0: none yet */
	uint64_t suspended;     /* savers of which writes fail */

	/* retention; all 0 where the archive has no limits */
	uint64_t removed_parts, removed_bytes, removed_days;
	uint64_t archive_bytes; /* when it looked last */
	uint64_t retention_failed, retention_waits;

	/* the file system that the archive lies on; METRICS_UNKNOWN */
	uint64_t disk_bytes, disk_available_bytes;
	uint64_t disk_inodes, disk_available_inodes; /* 0 where it has no limit of them */

	/* the process */
	uint64_t refused_calls;
	uint64_t resident_bytes; /* METRICS_UNKNOWN */
	uint64_t start_ns;       /* since 1970 */
	uint64_t loop_age_ns;    /* since the event loop was last round */
	uint64_t now_ns;         /* when this was taken, since 1970 */
	uint64_t uptime_ns;
	int first_refused_call; /* its number; -1: none was refused */

	/* interfaces, each name once */
	struct metrics_interface *interfaces;
	unsigned interface_count;
};

/* metrics_event_name, metrics_event_text - of what became of a line, constants. */
const char *metrics_event_name(unsigned event);
const char *metrics_event_text(unsigned event);

/*
 * metrics_snapshot_take - read all numbers now.
 *
 * Takes:    src, no member of it NULL.
 * Returns:  0; -ENOMEM.
 * Owner:    on 0 the caller frees with metrics_snapshot_free.
 * Threads:  any; a dead disk or network file system holds it up.
 */
int metrics_snapshot_take(const struct metrics_source *src, struct metrics_snapshot *ret_snapshot);

/* metrics_snapshot_free - takes one that was taken. */
void metrics_snapshot_free(struct metrics_snapshot *s);

#endif
