/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which days have a directory in an archive: YYYY, MM and DD are gone down, and nothing else is
 * looked at.
 *
 * Threads:  any.
 */
#ifndef ARCHIVE_DAYWALK_H
#define ARCHIVE_DAYWALK_H

#include <stddef.h>
#include <stdint.h>

/* daywalk_list - oldest first. Returns: 0 and *ret_days, which the caller frees; -ENOMEM; -errno.
 */
int daywalk_list(int root, int32_t **ret_days, size_t *ret_count);

#endif
