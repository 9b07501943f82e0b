/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an archive can be kept within limits at all, told before anything is written. */
#ifndef ARCHIVE_PRUNE_CHECK_H
#define ARCHIVE_PRUNE_CHECK_H

#include "archive/prune.h"

/*
 * prune_check - can the limits be met at all?
 *
 * Takes:    a; limits; ret_error of 256 bytes.
 * Returns:  0; -ERANGE they cannot, and ret_error says why; -errno of statvfs(2).
 */
int prune_check(struct archive *a, const struct prune_limits *limits, char *ret_error);

#endif
