/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that writes the index. Savers hand it the record of every part that they published;
 * it gathers them in groups, makes the group's files durable, then commits its rows: what is
 * indexed is on disk.
 *
 * Life-cycle:  start, put, stop (which drains).
 * Threads:     any may put, waiting while the queue (4,096 records) is full.
 */
#ifndef ARCHIVE_CATALOG_H
#define ARCHIVE_CATALOG_H

#include "archive/archive.h"
#include "archive/record.h"
#include "archive/store.h"

#define CATALOG_QUEUE       4096
#define CATALOG_GROUP_FLOWS 20000
#define CATALOG_GROUP_NS    INT64_C(1000000000)

struct catalog;

/* What became of the rows, told at stop. */
struct catalog_result {
	uint64_t failed; /* rows that could not be written: their days stay dirty */
	int first_error; /* -errno of the first of them, else 0 */
};

/*
 * catalog_start - Takes the archive, open for writing, which outlives the catalog.
 * Returns:  0; -ENOMEM, -EAGAIN.
 */
int catalog_start(struct archive *a, enum sync_mode sync, struct catalog **ret_catalog);

/* catalog_put - hand over the record of a published part (copied). May wait. */
void catalog_put(struct catalog *c, const struct record *r);

/*
 * catalog_stop - commit what is left, strike the days whose index is complete, end the thread.
 *
 * Owner:    c is gone afterwards. Takes NULL.
 */
void catalog_stop(struct catalog *c, struct catalog_result *ret_result);

#endif
