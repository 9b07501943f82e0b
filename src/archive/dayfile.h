/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a day's index: opens it as SQLite's, after a look at what lies there.
 *
 * Threads:  any; each connection belongs to one.
 */
#ifndef ARCHIVE_DAYFILE_H
#define ARCHIVE_DAYFILE_H

#include <sqlite3.h>
#include <stdint.h>

#include "archive/dayindex.h"

/*
 * dayfile_open - open a day's index; to write, it is made, or brought up to date.
 *
 * Returns:  0 and *ret_db, which the caller closes; -errno as dayindex_open.
 */
int dayfile_open(struct archive *a, int32_t day, enum dayindex_mode mode, sqlite3 **ret_db);

/*
 * dayfile_name - the names that belong to an index, from 0 on: its file, what SQLite keeps beside
 * that (https://www.sqlite.org/tempfiles.html), its filter. Returns: NULL behind the last.
 */
const char *dayfile_name(unsigned i);

#endif
