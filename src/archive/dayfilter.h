/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which names a day that is at rest surely does not hold. Whoever looks for one name in years of
 * days reads 128 bytes of each, instead of opening its index.
 *
 * It lies beside the index, is made when a writer closes that, and taken away when one opens it. It
 * counts only for the very index that it was made of: size and time of change must be as they were.
 * Where there is none, or a damaged one, the index is asked.
 *
 * On-disk format, little-endian: blocks of 64 bytes. The first:
 *     0  "FKNAMES1"
 *     8  size of the index in bytes, 64 bits
 *    16  when it was changed last, ns since 1970, 64 bits
 *    24  number of blocks that follow, 32 bits
 *    28  zeros
 *    60  CRC-32 of the 60 bytes before
 * Each of the others is a Bloom filter of 480 bits, and the CRC-32 of these and of the block's
 * number (32 bits, from 0). A name is hashed with SipHash-1-3 under a key of zeros, padded with
 * zeros to whole words: the upper 32 bits choose the block; the product with 0x9e3779b97f4a7c15
 * gives, from its upper bits down, four numbers of 16 bits, each modulo 480 a bit.
 *
 * Threads:  any; each filter belongs to one.
 */
#ifndef ARCHIVE_DAYFILTER_H
#define ARCHIVE_DAYFILTER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/layout.h"

#define DAYFILTER_NAME LAYOUT_INDEX "-names"

struct dayfilter;

/* dayfilter_make - of all names in an index that has no log. Returns: 0; -ENOMEM; -errno. */
int dayfilter_make(sqlite3 *db, int day_fd, struct dayfilter **ret_filter);

/*
 * dayfilter_write - put it beside its index. It does not count if that was changed since.
 * Returns: 0; -errno, and there is none.
 */
int dayfilter_write(struct dayfilter *f, int day_fd);

/* dayfilter_remove - the index is about to change. Returns: 0, also if there is none; -errno. */
int dayfilter_remove(int day_fd);

/* dayfilter_open - Returns: 0; -ENOENT there is none that counts; -errno. */
int dayfilter_open(const struct archive *a, int32_t day, struct dayfilter **ret_filter);

/* dayfilter_lacks - has the index surely no row of that name? */
bool dayfilter_lacks(const struct dayfilter *f, const char *uuid);

/* dayfilter_free - takes NULL. */
void dayfilter_free(struct dayfilter *f);

#endif
