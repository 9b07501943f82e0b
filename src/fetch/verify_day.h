/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks one day of an archive: its files, its segments and its index against each other.
 *
 * Threads:  one.
 */
#ifndef FETCH_VERIFY_DAY_H
#define FETCH_VERIFY_DAY_H

#include <stdint.h>

#include "archive/archive.h"
#include "fetch/verify.h"

/*
 * verify_day - check a day, and add it to the totals.
 *
 * Takes:    a, and what stands in front of the paths that are told: "" or "pinned/".
 * Returns:  0, also where it is gone meanwhile; -ENOMEM.
 */
int verify_day(struct archive *a, const char *prefix, int32_t number,
    const struct verify_hooks *hooks, struct verify_totals *t);

#endif
