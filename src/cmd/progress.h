/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The progress bar: one line at the bottom of the terminal, redrawn a few times per second.
 *
 * Threads:  main.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/options.h"

#define PROGRESS_INTERVAL_MS 200

/* progress_wanted - as --progress says; auto: if the standard error is a terminal, and not -q. */
bool progress_wanted(const struct options *o);

/*
 * progress_show - draw the bar.
 *
 * Takes:    bytes done and in all (0: not known); how many of `things` ("flows"); time since start.
 */
void progress_show(uint64_t done_bytes, uint64_t total_bytes, uint64_t count, const char *things,
    int64_t elapsed_ns);

/* progress_end - take the bar away. */
void progress_end(void);

#endif
