/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the filter of a day (archive/dayfilter.h) hides a part that its index has. */
#ifndef FETCH_FILTERCHECK_H
#define FETCH_FILTERCHECK_H

#include "archive/dayindex.h"

/*
 * filtercheck - Returns: 0 and how many parts are hidden, none where no filter counts or the index
 * has changed meanwhile; -errno of reading the index.
 */
int filtercheck(struct archive *a, int32_t day, struct dayindex *x, uint64_t *ret_hidden);

#endif
