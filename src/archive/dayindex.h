/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of one day, DIR/YYYY/MM/DD/flows.sqlite: one row per part. flowkeep-archive(5) tells
 * the schema to those who read it with sqlite3.
 *
 * Life-cycle:  open, insert between begin and commit or select, close.
 * Threads:     a dayindex belongs to one thread.
 */
#ifndef ARCHIVE_DAYINDEX_H
#define ARCHIVE_DAYINDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

#define DAYINDEX_SCHEMA 1 /* PRAGMA user_version */

struct dayindex;

enum dayindex_mode { DAYINDEX_READ, DAYINDEX_WRITE };

/*
 * dayindex_open - open a day's index; to write, it is made where it is missing.
 *
 * Returns:  0; -ENOENT no such index; -EBADMSG not an index of ours, or damaged; -ENOTSUP of a
 *           later schema; -EIO, -ENOSPC, -EACCES, -EBUSY, -ENOMEM as SQLite tells.
 */
int dayindex_open(
    struct archive *a, int32_t day, enum dayindex_mode mode, struct dayindex **ret_index);

/* dayindex_begin, dayindex_commit - a transaction. Returns: 0; -errno as above. */
int dayindex_begin(struct dayindex *x);
int dayindex_commit(struct dayindex *x);

/* dayindex_insert - add a part's row, or put it in place of the one of the same UUID and part. */
int dayindex_insert(struct dayindex *x, const struct record *r);

/* dayindex_delete_all - remove all rows, to build them anew. */
int dayindex_delete_all(struct dayindex *x);

/*
 * dayindex_select - give the parts whose UUID is, or begins with, a text, ordered by UUID and part.
 *
 * Takes:    uuid, or NULL for all; whether it is a prefix; fn, called with a row that lives for the
 *           call; a negative result of fn ends the walk and is returned.
 * Returns:  0; -errno.
 */
enum dayindex_match { DAYINDEX_EXACT, DAYINDEX_PREFIX };

typedef int dayindex_fn(const struct record *r, void *arg);

int dayindex_select(
    struct dayindex *x, const char *uuid, enum dayindex_match match, dayindex_fn *fn, void *arg);

/*
 * dayindex_close - takes NULL. A writer leaves the index as one file (no write-ahead log), so that
 * readers without write permission can open it.
 */
void dayindex_close(struct dayindex *x);

#endif
