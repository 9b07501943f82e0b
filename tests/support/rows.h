/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive with one day's index in a fresh directory, and the rows that a select gives.
 */
#ifndef SUPPORT_ROWS_H
#define SUPPORT_ROWS_H

#include <stddef.h>

#include "archive/archive.h"
#include "archive/dayindex.h"
#include "archive/record.h"

struct rows {
	struct record *record;
	size_t count, room;
};

/* rows_collect - a dayindex_fn that copies what it is given; arg is a struct rows, first all zero.
 */
int rows_collect(const struct record *r, void *arg);

/* rows_free - give the copies back. */
void rows_free(struct rows *rows);

/* rows_select - open a day's index to read, select, close. Returns: the first result that is not 0.
 */
int rows_select(struct archive *a, int32_t day, const char *uuid, enum dayindex_match match,
    struct rows *ret_rows);

/* rows_archive - an archive of its own below the test's directory, open for writing, with the day
 * RECORDS_DAY touched. *ret_index is the path of the day's index, which the caller frees. */
struct archive *rows_archive(const char *name, char **ret_index);

/* rows_place - put a record into a segment of its own kind, and hide something in it: both made up
 * from a number; of 0, neither. */
void rows_place(uint64_t n, struct record *r);

/* rows_check_equal - records_check_equal, and where it lies, and what is hidden in it. */
void rows_check_equal(const struct record *a, const struct record *b);

/* rows_insert - one transaction with these records. */
void rows_insert(struct archive *a, const struct record *records, size_t count);

#endif
