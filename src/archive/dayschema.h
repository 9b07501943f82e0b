/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables and indexes of a day's index: makes them, tells whether a file has them, and brings
 * those of an earlier version up to date. flowkeep-archive(5) tells what they hold.
 *
 * Threads:  any; each connection belongs to one.
 */
#ifndef ARCHIVE_DAYSCHEMA_H
#define ARCHIVE_DAYSCHEMA_H

#include <sqlite3.h>
#include <stdint.h>

#include "archive/archive.h"

/* dayschema_errno - what SQLite's result codes are to us. Returns: 0; -errno. */
int dayschema_errno(int rc);

/* dayschema_exec - run statements that give nothing back. Returns: 0; -errno. */
int dayschema_exec(sqlite3 *db, const char *sql);

/* dayschema_int - the number that a question gives in its only row. Returns: 0; -errno. */
int dayschema_int(sqlite3 *db, const char *sql, int64_t *ret_value);

/*
 * dayschema_drop_unique - an index that is filled with many rows makes flow_uuid when that is done.
 *
 * Returns:  1; 0 it has rows already: it stays; -errno.
 */
int dayschema_drop_unique(sqlite3 *db);

/*
 * dayschema_make_unique - make flow_uuid, if it is not there.
 *
 * Returns:  0; 1 a part had several rows, of which the last is left; -errno.
 */
int dayschema_make_unique(sqlite3 *db);

/*
 * dayschema_open_reader - check that an index is one of ours. Where it is of an earlier version,
 * views of this connection's own show it as if it were of the present one.
 *
 * Returns:  0; -EBADMSG no index of ours, or damaged; -ENOTSUP of a later version; -errno.
 */
int dayschema_open_reader(sqlite3 *db);

/*
 * dayschema_open_writer - the same; make the tables where the file is empty; bring those of an
 * earlier version up to date, in one transaction.
 *
 * Takes:    db; the archive and the day, whose flow files tell what an earlier version did not
 *           hold. Rows that cannot be read, or whose files cannot, are left out.
 * Returns:  as above; where it fails, the old tables stay.
 */
int dayschema_open_writer(sqlite3 *db, struct archive *a, int32_t day);

/* dayschema_sort_small - from here on indexes are made of many rows. Returns: 0; -errno. */
int dayschema_sort_small(sqlite3 *db);

/*
 * dayschema_make_secondary - make the indexes that only readers need, where they are missing.
 * Outside of a transaction.
 *
 * Returns:  0; -errno, and none was made.
 */
int dayschema_make_secondary(sqlite3 *db);

#endif
