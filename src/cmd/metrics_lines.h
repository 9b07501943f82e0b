/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot for a reader: some twenty aligned lines, counts that are zero left out of lists. */
#ifndef CMD_METRICS_LINES_H
#define CMD_METRICS_LINES_H

#include <stdio.h>

#include "cmd/metrics_snapshot.h"

#define METRICS_LINES_INTERFACES 8 /* that get a line each; the rest share one */

/* metrics_lines_write - write them. */
void metrics_lines_write(const struct metrics_snapshot *s, FILE *out);

#endif
