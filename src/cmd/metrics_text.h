/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot in the exposition format of Prometheus. */
#ifndef CMD_METRICS_TEXT_H
#define CMD_METRICS_TEXT_H

#include <stdio.h>

#include "cmd/metrics_snapshot.h"

/*
 * metrics_text_write - all families, each with HELP and TYPE, all label values also where they
 * are 0. The numbers do not depend on the locale.
 *
 * Source:   https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
 */
void metrics_text_write(const struct metrics_snapshot *s, FILE *out);

#endif
