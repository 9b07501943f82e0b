/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads rows of a day's index: by UUID, by the beginning of a UUID, or by any condition.
 *
 * Threads:  as the connection.
 */
#ifndef ARCHIVE_DAYSELECT_H
#define ARCHIVE_DAYSELECT_H

#include <sqlite3.h>
#include <stdint.h>

#include "archive/dayindex.h"

/* Statements that are kept: to prepare one costs more than to run it. */
struct dayselect {
	sqlite3 *db; /* borrowed */
	int32_t day;
	sqlite3_stmt *find, *exact, *prefix; /* prepared when first needed */
};

/* What each does is told at the function of dayindex.h that ends like it. */
int dayselect_find(struct dayselect *s, const char *uuid, uint32_t part, struct record *ret_record);
int dayselect_uuid(
    struct dayselect *s, const char *uuid, enum dayindex_match match, dayindex_fn *fn, void *arg);
int dayselect_where(
    struct dayselect *s, const struct dayindex_where *w, dayindex_fn *fn, void *arg);
int dayselect_oldest(struct dayselect *s, dayindex_fn *fn, void *arg);

/* dayselect_finish - before the connection is closed. */
void dayselect_finish(struct dayselect *s);

#endif
