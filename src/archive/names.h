/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which names the days that are being written have given away. In a directory the file system tells
 * whether a name is free; in segments nobody does. A filter of fixed size answers "surely free" for
 * nearly every new name; only for the others the index is asked.
 *
 * Life-cycle:  new before the stores, free after them.
 * Threads:     any, but each store's number is used by one thread.
 */
#ifndef ARCHIVE_NAMES_H
#define ARCHIVE_NAMES_H

#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

struct catalog;
struct names;

#define NAMES_STORES 257 /* SAVER_MAX, and one more */

enum names_answer {
	NAMES_FREE,    /* it is the asker's now */
	NAMES_TAKEN,   /* by a published part */
	NAMES_GATHERED /* it may be taken by what the asker has gathered: flush, and ask again */
};

/*
 * names_new - Takes the archive; the catalog that writes its indexes, NULL where none is running:
 * then they are read.
 * Returns:  0; -ENOMEM.
 */
int names_new(struct archive *a, struct catalog *c, struct names **ret_names);

/*
 * names_claim - take a name.
 *
 * Takes:    number of the store; day; uuid and part; ret_record, for NAMES_TAKEN: all zero where
 *           another store has gathered a part of that name, which has other bytes.
 * Returns:  enum names_answer; -ENOMEM; -errno of an index that cannot be read for now.
 */
int names_claim(struct names *n, unsigned number, int32_t day, const char *uuid, uint32_t part,
    struct record *ret_record);

/*
 * names_segments - did a day hold segments when it was taken in hand? Then names may be taken that
 * the directory does not know of. Returns: 1, 0; -ENOMEM.
 */
int names_segments(struct names *n, int32_t day);

/* names_day - a store takes a day in hand: others may have packed it since it was left. */
void names_day(struct names *n, int32_t day);

/* names_flushed - what a store had gathered has been told to the catalog, or is lost. */
void names_flushed(struct names *n, unsigned number);

/* names_free - takes NULL. */
void names_free(struct names *n);

#endif
