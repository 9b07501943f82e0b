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
#include "archive/dayindex.h"
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

struct catalog_config {
	struct archive *archive; /* open for writing, outlives the catalog */
	enum sync_mode sync;
	enum dayindex_secondary secondary;
};

/* catalog_start - Returns: 0; -ENOMEM, -EAGAIN. */
int catalog_start(const struct catalog_config *config, struct catalog **ret_catalog);

/* catalog_put - hand over the record of a published part (copied). May wait. */
void catalog_put(struct catalog *c, const struct record *r);

/* catalog_leave - archive_leave_day, once all records that were put before are indexed. May wait.
 */
void catalog_leave(struct catalog *c, int32_t day);

/*
 * catalog_damage - something in a day is not as it should be and is to be mended: the day stays
 * dirty until then. Takes: -errno, which *ret_result of catalog_stop tells. May wait.
 */
void catalog_damage(struct catalog *c, int32_t day, int error);

/*
 * Questions and orders to the catalog, which come after all records that were put before; the
 * caller waits. Returns: as the functions of dayindex.h of the same name.
 *
 * catalog_find - one part. catalog_summary - of a day. catalog_each_name - all parts of a day (fn
 * runs in the catalog thread).
 * catalog_change - what fn does is one transaction with the rows of the open group; committed when
 * this returns. fn runs in the catalog thread, and ends it all with a negative result.
 */
int catalog_find(
    struct catalog *c, int32_t day, const char *uuid, uint32_t part, struct record *ret_record);
int catalog_summary(struct catalog *c, int32_t day, struct dayindex_summary *ret_summary);
int catalog_each_name(struct catalog *c, int32_t day, dayindex_fn *fn, void *arg);
typedef int catalog_change_fn(struct dayindex *x, void *arg);

int catalog_change(struct catalog *c, int32_t day, catalog_change_fn *fn, void *arg);

/* catalog_indexed_bytes - of flow files, each rounded up to 4,096, whose rows it has committed.
 * Threads: any; takes NULL. */
uint64_t catalog_indexed_bytes(const struct catalog *c);

/* catalog_pending_rows - of parts that were put and whose rows it has not committed. Threads: any;
 * takes NULL. */
uint64_t catalog_pending_rows(const struct catalog *c);

/*
 * catalog_stop - commit what is left, strike the days whose index is complete, end the thread.
 *
 * Owner:    c is gone afterwards. Takes NULL.
 */
void catalog_stop(struct catalog *c, struct catalog_result *ret_result);

#endif
