/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the filter of a day (archive/dayfilter.h) hides a part that its index has: told by
 * whoever goes through all rows of that.
 *
 * Life-cycle:  begin, row for each, end.
 */
#ifndef FETCH_FILTERCHECK_H
#define FETCH_FILTERCHECK_H

#include <stdint.h>

#include "archive/archive.h"

struct filtercheck {
	struct archive *archive;
	int32_t day;
	struct dayfilter *filter; /* NULL: none counts */
	uint64_t hidden;
};

void filtercheck_begin(struct filtercheck *c, struct archive *a, int32_t day);
void filtercheck_row(struct filtercheck *c, const char *uuid);

/* filtercheck_end - Returns: how many rows are hidden; 0 where the index has changed meanwhile. */
uint64_t filtercheck_end(struct filtercheck *c);

#endif
