/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of a running capture: as Prometheus text over HTTP, for those who watch many, and as
 * readable lines for the operator who asks this one (SIGUSR1).
 *
 * Life-cycle:  start, stop before what is looked at is gone.
 * Threads:     start, stop and print: main. Answers are made in a thread of the HTTP server.
 */
#ifndef CMD_METRICS_H
#define CMD_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include "base/clk.h"
#include "base/slab.h"
#include "capture/source_live.h"
#include "flow/demux.h"
#include "packet/ledger.h"
#include "archive/retain.h"
#include "save/saver.h"

/* What there is to look at. All of it may be read by any thread while the capture runs. */
struct metrics_source {
	const struct ledger *ledger;
	const struct demux *demux;
	const struct savers *savers;
	const struct slab *slab;
	const struct source_live *live;
	const struct retain *retain; /* NULL: the archive has no limits */
	const char *dir;             /* the archive */
	uint64_t max_memory_bytes;
	uint64_t max_flows;
	mono_t start;
	wall_t start_wall; /* the same moment */
};

struct metrics;

#define METRICS_ERROR_SIZE 256

/*
 * metrics_check - is this an address to listen on: "127.0.0.1:9990", "localhost:9990" (the same),
 * "[::1]:9990", ":9990" (all addresses, of IPv4 and IPv6)? Port 0 takes a free one.
 *
 * Returns:  0; -EINVAL.
 */
int metrics_check(const char *address);

/*
 * metrics_load - load the server's library, which metrics_start does in the sandbox no more.
 *
 * Takes:    ret_error of METRICS_ERROR_SIZE bytes.
 * Returns:  0; -ELIBACC, and *ret_error says why.
 */
int metrics_load(char *ret_error);

/*
 * metrics_start - serve GET /metrics.
 *
 * Takes:    address, as metrics_check takes it; src, copied, what it points to outlives the server;
 *           ret_error of METRICS_ERROR_SIZE bytes.
 * Returns:  0; -ELIBACC, -EINVAL, -ENOMEM, -errno of socket(2), bind(2): *ret_error is that in
 * words.
 */
int metrics_start(const char *address, const struct metrics_source *src,
    struct metrics **ret_metrics, char *ret_error);

/* metrics_port - the port that it listens on. */
uint16_t metrics_port(const struct metrics *m);

/*
 * metrics_write - the Prometheus text itself (version 0.0.4).
 * metrics_print - the same numbers for a reader, in some twenty lines.
 * metrics_tell  - these on the standard error, in one piece between messages.
 *
 * Returns:  0; -ENOMEM, and nothing is written. Whether `out` took it all, ferror(3) tells.
 */
int metrics_write(const struct metrics_source *src, FILE *out);
int metrics_print(const struct metrics_source *src, FILE *out);
int metrics_tell(const struct metrics_source *src);

/* metrics_stop - cuts answers off that are under way. Takes NULL. */
void metrics_stop(struct metrics *m);

#endif
