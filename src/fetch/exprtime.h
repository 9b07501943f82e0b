/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points in time as people write them: `2026-01-02` and `2026-01-02T03:04:05.5+01:00`.
 *
 * Threads:  any; pure.
 */
#ifndef FETCH_EXPRTIME_H
#define FETCH_EXPRTIME_H

#include <stdint.h>

/*
 * exprtime_parse - read a time of RFC 3339, or a date, which is its first moment in UTC.
 *
 * Returns:  0, and ns since 1970 UTC; -EINVAL not written so; -ERANGE there is no such date or
 *           time, or 64 bits do not hold it.
 */
int exprtime_parse(const char *text, int64_t *ret_ns);

#endif
