/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists flows, one per line: as a table for people, as JSON or CSV for programs, or just their
 * UUIDs. The fields of JSON and CSV are those of flowkeep-find(1).
 *
 * Threads:  main.
 */
#ifndef CMD_FLOWLIST_H
#define CMD_FLOWLIST_H

#include <stddef.h>
#include <stdio.h>

#include "cmd/options.h"
#include "fetch/query.h"

/*
 * flowlist_print - write a line for each flow, after a heading where the format has one.
 *
 * Returns:  0; -errno of writing.
 */
int flowlist_print(FILE *to, enum find_format format, const struct query_flow *flows, size_t count);

#endif
