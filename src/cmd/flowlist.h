/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists flows, one per line: as a table for people, as JSON or CSV for programs, or just their
 * UUIDs. The fields of JSON and CSV are those of flowkeep-find(1).
 *
 * Threads:  main.
 */
#ifndef CMD_FLOWLIST_H
#define CMD_FLOWLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/options.h"
#include "fetch/query.h"

struct flowlist_style {
	enum find_format format;
	bool relative;  /* the table says how long ago a flow began, */
	int64_t now_ns; /* counted from this time */
};

/*
 * flowlist_print - write a line for each flow, after a heading where the format has one.
 *
 * Returns:  0; -errno of writing.
 */
int flowlist_print(
    FILE *to, const struct flowlist_style *style, const struct query_flow *flows, size_t count);

#endif
