/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an archive may take, as the options say it: for `capture`, which keeps to it, and `prune`,
 * which sees to it once.
 *
 * Threads:  main.
 */
#ifndef CMD_LIMITS_H
#define CMD_LIMITS_H

#include <stdbool.h>

#include "archive/prune.h"
#include "cmd/options.h"

/* limits_given - is there any limit among the options? */
bool limits_given(const struct options *o);

/*
 * limits_from_options - shares in per cent become bytes and inodes of the archive's file system.
 *
 * Returns:  0 and *ret_limits; -errno of statvfs(3).
 */
int limits_from_options(
    const struct options *o, const struct archive *a, struct prune_limits *ret_limits);

/*
 * limits_take - the same, and check that they can be met at all.
 *
 * Takes:    component, for the message.
 * Returns:  EXIT_OK and *ret_limits; after a line on the standard error EXIT_USAGE, where they
 *           cannot be met, or EXIT_NOTHING.
 */
int limits_take(const char *component, const struct options *o, struct archive *a,
    struct prune_limits *ret_limits);

#endif
