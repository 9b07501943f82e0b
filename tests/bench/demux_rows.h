/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows that demux prints: a figure, what it is to be, and whether it is; below it what the
 * figure is made of.
 */
#ifndef BENCH_DEMUX_ROWS_H
#define BENCH_DEMUX_ROWS_H

#include <stdbool.h>
#include <stdint.h>

struct rows_options {
	const char *capture; /* NULL: none was given */
	unsigned rounds;
	uint32_t flows; /* "a million" */
	uint64_t max_memory_bytes;
};

enum rows_bound { ROWS_AT_LEAST, ROWS_AT_MOST };

/* rows_figure - one figure, its target, and whether that is met. */
void rows_figure(
    const char *what, double value, const char *unit, enum rows_bound bound, double target);

/* rows_detail - something a figure is made of, or a figure without a target. */
void rows_detail(const char *what, double value, const char *unit);

/* rows_rate - packets per second of the demux thread alone. In demux_rate.c. */
void rows_rate(const struct rows_options *o);

/* rows_growth - what a packet costs among many flows, against few. In demux_growth.c. */
void rows_growth(const struct rows_options *o);

/* rows_memory - what a flow costs in memory. rows_stall - how long packets wait while many flows
 * end. In demux_million.c. */
void rows_memory(const struct rows_options *o);
void rows_stall(const struct rows_options *o);

#endif
