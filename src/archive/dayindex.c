/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See dayindex.h. The file is opened in dayfile.c, its tables are made in dayschema.c, rows are
 * searched in dayselect.c; here they come and go.
 */
#include "archive/dayindex.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "archive/dayfile.h"
#include "archive/dayfilter.h"
#include "archive/dayrow.h"
#include "archive/dayschema.h"
#include "archive/dayselect.h"
#include "base/fileio.h"

#define CLOSE_BUSY_MS 1000

/* Names that are looked up without flow_uuid before it is made. */
#define SCANS 16

/* Statements that are kept: to prepare one costs more than to run it. */
enum statement {
	ST_INSERT,
	ST_APPEND,
	ST_REPLACE,
	ST_SUMS,
	ST_DELETE,
	ST_DAY_READ,
	ST_DAY_WRITE,
	STATEMENTS
};

#define VALUES "INTO flow (" DAYROW_COLUMNS ") VALUES (" DAYROW_PLACES ")"

static const char *const statements[STATEMENTS] = {
    [ST_INSERT] = "INSERT " VALUES " ON CONFLICT (uuid, part) DO NOTHING",
    [ST_APPEND] = "INSERT " VALUES,
    [ST_REPLACE] = "INSERT OR REPLACE " VALUES,
    [ST_SUMS] = "SELECT " DAYROW_SUMS " FROM flow WHERE uuid = ?1 AND part = ?2",
    [ST_DELETE] = "DELETE FROM flow WHERE uuid = ?1 AND part = ?2",
    [ST_DAY_READ] = "SELECT " DAYROW_SUMMARY_COLUMNS " FROM day",
    [ST_DAY_WRITE] = "UPDATE day SET (" DAYROW_SUMMARY_COLUMNS ") = (" DAYROW_SUMMARY_PLACES ")",
};

struct dayindex {
	struct archive *archive;
	sqlite3 *db;
	sqlite3_stmt *kept[STATEMENTS]; /* prepared when first needed */
	struct dayselect select;
	enum dayindex_mode mode;
	struct dayindex_summary sum; /* as of now in the transaction; else of no meaning */
	int error;                   /* what went wrong first in the transaction */
	bool filling;                /* flow_uuid is not made yet: no name is looked up in it */
	unsigned scans;              /* names that were looked up without it */
};

int dayindex_open(
    struct archive *a, int32_t day, enum dayindex_mode mode, struct dayindex **ret_index)
{
	struct dayindex *x = calloc(1, sizeof(*x));
	int rv;

	if (x == NULL)
		return -ENOMEM;
	rv = dayfile_open(a, day, mode, &x->db);
	if (rv != 0) {
		free(x);
		return rv;
	}
	x->mode = mode;
	x->archive = a;
	x->select = (struct dayselect){.db = x->db, .day = day};
	*ret_index = x;
	return 0;
}

static int prepared(struct dayindex *x, enum statement which, sqlite3_stmt **ret_st)
{
	sqlite3_stmt **st = &x->kept[which];
	int rc = SQLITE_OK;

	if (*st == NULL)
		rc = sqlite3_prepare_v3(
		    x->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
	*ret_st = *st;
	return dayschema_errno(rc);
}

/* Runs a statement that gives nothing back. */
static int run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	(void)sqlite3_reset(st); /* repeats the error of step */
	return dayschema_errno(rc);
}

/* The summary that a statement's first row is. */
static int run_summary(sqlite3_stmt *st, struct dayindex_summary *ret_summary)
{
	int rc = sqlite3_step(st), rv = dayschema_errno(rc);

	if (rc == SQLITE_ROW)
		rv = dayrow_summary_read(st, ret_summary);
	else if (rv == 0)
		rv = -EBADMSG;   /* the table `day` lacks its row */
	(void)sqlite3_reset(st); /* repeats the error of step */
	return rv;
}

/* A name is to be looked up, or the last row has come. */
static int end_filling(struct dayindex *x)
{
	sqlite3_stmt *st;
	int rv;

	if (!x->filling)
		return 0;
	rv = dayschema_make_unique(x->db);
	if (rv == 1 && !sqlite3_get_autocommit(x->db)) {
		rv = prepared(x, ST_DAY_READ, &st);
		if (rv == 0)
			rv = run_summary(st, &x->sum);
	}
	x->filling = rv < 0;
	return rv < 0 ? rv : 0;
}

int dayindex_secondary(struct dayindex *x, enum dayindex_secondary when)
{
	int rv;

	if (when == DAYINDEX_AT_ONCE) {
		rv = end_filling(x);
		return rv == 0 ? dayschema_make_secondary(x->db) : rv;
	}
	/* They are made at the close in any case. */
	rv = dayschema_drop_unique(x->db);
	x->filling = rv == 1;
	return rv < 0 ? rv : 0;
}

/* A few names are looked up in all rows; from then on flow_uuid is worth its cost. */
static int before_lookup(struct dayindex *x)
{
	return x->filling && x->scans++ >= SCANS ? end_filling(x) : 0;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

int dayindex_begin(struct dayindex *x)
{
	sqlite3_stmt *st;
	int rv = dayschema_exec(x->db, "BEGIN IMMEDIATE");

	if (rv != 0)
		return rv;
	x->error = 0;
	rv = prepared(x, ST_DAY_READ, &st);
	if (rv == 0)
		rv = run_summary(st, &x->sum);
	if (rv != 0)
		dayindex_rollback(x);
	return rv;
}

/*
 * Is there a transaction to change something in? SQLite ends it by itself where the disk is full:
 * what came after would be outside of any.
 */
static int within(const struct dayindex *x)
{
	if (!sqlite3_get_autocommit(x->db))
		return 0;
	return x->error != 0 ? x->error : -EIO;
}

/* Notes the first thing that went wrong. */
static int noted(struct dayindex *x, int rv)
{
	if (rv != 0 && x->error == 0)
		x->error = rv;
	return rv;
}

int dayindex_commit(struct dayindex *x)
{
	sqlite3_stmt *st;
	int rv = within(x);

	if (rv == 0)
		rv = prepared(x, ST_DAY_WRITE, &st);
	if (rv == 0)
		rv = dayrow_summary_bind(st, &x->sum);
	if (rv == 0)
		rv = run(st);
	if (rv == 0)
		rv = dayschema_exec(x->db, "COMMIT");
	if (rv != 0)
		dayindex_rollback(x);
	return rv;
}

#define NUMBER(x)  NUMBER_(x)
#define NUMBER_(x) #x

/*
 * The mode cannot be changed within a transaction, so a second one follows. What it syncs (the
 * write-ahead log, or file and directory) holds the first one too. It must write something:
 * SQLite passes over an UPDATE that changes no byte, but not over a mark in the header.
 */
int dayindex_commit_durably(struct dayindex *x)
{
	int rv = dayindex_commit(x), normal;

	if (rv != 0)
		return rv;
	rv = dayschema_exec(
	    x->db, "PRAGMA synchronous = EXTRA; PRAGMA user_version = " NUMBER(DAYINDEX_SCHEMA));
	normal = dayschema_exec(x->db, "PRAGMA synchronous = NORMAL");
	return rv != 0 ? rv : normal;
}

void dayindex_rollback(struct dayindex *x)
{
	if (!sqlite3_get_autocommit(x->db))
		(void)dayschema_exec(x->db, "ROLLBACK"); /* fails where there is none any more */
}

/* ---- changing rows ----------------------------------------------------------------------------
 */

/* Prepares a statement about one part. */
static int prepared_part(struct dayindex *x, enum statement which, const char *uuid, uint32_t part,
    sqlite3_stmt **ret_st)
{
	int rv = prepared(x, which, ret_st);

	if (rv == 0)
		rv = dayrow_bind_uuid(*ret_st, 1, uuid);
	return rv == 0 ? dayschema_errno(sqlite3_bind_int64(*ret_st, 2, part)) : rv;
}

/* What the row of a part counts for; nothing, if there is none. */
static int part_sums(
    struct dayindex *x, const char *uuid, uint32_t part, struct dayindex_summary *ret_sums)
{
	sqlite3_stmt *st;
	int rv = prepared_part(x, ST_SUMS, uuid, part, &st);

	return rv == 0 ? run_summary(st, ret_sums) : rv;
}

static int put_row(struct dayindex *x, enum statement which, const struct record *r)
{
	sqlite3_stmt *st;
	int rv = prepared(x, which, &st);

	if (rv == 0)
		rv = dayrow_bind(st, r);
	return rv == 0 ? run(st) : rv;
}

static int replace_row(struct dayindex *x, const struct record *r)
{
	struct dayindex_summary old;
	int rv = part_sums(x, r->uuid, r->part, &old);

	if (rv == 0)
		rv = put_row(x, ST_REPLACE, r);
	if (rv == 0)
		dayrow_summary_subtract(&x->sum, &old);
	return rv;
}

int dayindex_insert(struct dayindex *x, const struct record *r)
{
	int rv = within(x);

	if (rv == 0)
		rv = put_row(x, x->filling ? ST_APPEND : ST_INSERT, r);
	if (rv == 0 && sqlite3_changes(x->db) == 0)
		rv = replace_row(x, r);
	if (rv == 0)
		dayrow_summary_add(&x->sum, r);
	return noted(x, rv);
}

int dayindex_delete_all(struct dayindex *x)
{
	struct dayindex_summary all = x->sum;
	int rv = within(x);

	if (rv == 0)
		rv = dayschema_exec(x->db, "DELETE FROM flow");
	if (rv == 0)
		dayrow_summary_subtract(&x->sum, &all);
	return noted(x, rv);
}

int dayindex_delete(struct dayindex *x, const char *uuid, uint32_t part)
{
	struct dayindex_summary gone;
	sqlite3_stmt *st;
	int rv = within(x);

	if (rv == 0)
		rv = end_filling(x);
	if (rv == 0)
		rv = part_sums(x, uuid, part, &gone);
	if (rv == 0)
		rv = prepared_part(x, ST_DELETE, uuid, part, &st);
	if (rv == 0)
		rv = run(st);
	if (rv == 0)
		dayrow_summary_subtract(&x->sum, &gone);
	return noted(x, rv);
}

/* Prepares a statement about a segment, which is needed too rarely to be kept. */
static int about_segment(
    struct dayindex *x, const char *sql, uint32_t segment, sqlite3_stmt **ret_st)
{
	int rc = sqlite3_prepare_v2(x->db, sql, -1, ret_st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(*ret_st, 1, segment);
	return dayschema_errno(rc);
}

int dayindex_delete_segment(struct dayindex *x, uint32_t segment)
{
	sqlite3_stmt *sums = NULL, *delete = NULL;
	struct dayindex_summary gone;
	int rv = within(x);

	if (rv == 0)
		rv = about_segment(
		    x, "SELECT " DAYROW_SUMS " FROM flow WHERE segment = ?1", segment, &sums);
	if (rv == 0)
		rv = about_segment(x, "DELETE FROM flow WHERE segment = ?1", segment, &delete);
	if (rv == 0)
		rv = run_summary(sums, &gone);
	if (rv == 0)
		rv = run(delete);
	if (rv == 0)
		dayrow_summary_subtract(&x->sum, &gone);
	(void)sqlite3_finalize(sums); /* repeat the errors of step */
	(void)sqlite3_finalize(delete);
	return noted(x, rv);
}

int dayindex_summary(struct dayindex *x, struct dayindex_summary *ret_summary)
{
	sqlite3_stmt *st;
	int rv;

	if (x->mode == DAYINDEX_WRITE && within(x) == 0) {
		*ret_summary = x->sum;
		return 0;
	}
	rv = prepared(x, ST_DAY_READ, &st);
	return rv == 0 ? run_summary(st, ret_summary) : rv;
}

int dayindex_bytes(struct dayindex *x, uint64_t *ret_bytes)
{
	int64_t bytes = 0;
	int rv = dayschema_int(x->db,
	    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", &bytes);

	if (rv == 0)
		*ret_bytes = (uint64_t)bytes;
	return rv;
}

/* ---- reading rows -----------------------------------------------------------------------------
 */

int dayindex_segment_end(struct dayindex *x, uint32_t segment, uint64_t *ret_end)
{
	sqlite3_stmt *st = NULL;
	int rv = about_segment(
	    x, "SELECT max(offset + length) FROM flow WHERE segment = ?1", segment, &st);
	int rc = rv == 0 ? sqlite3_step(st) : SQLITE_OK;

	if (rc == SQLITE_ROW) {
		int type = sqlite3_column_type(st, 0);
		int64_t end = sqlite3_column_int64(st, 0);

		/* A real number is a sum beyond all integers. */
		if (end < 0 || (type != SQLITE_INTEGER && type != SQLITE_NULL))
			rv = -EBADMSG;
		else
			*ret_end = (uint64_t)end;
	}
	(void)sqlite3_finalize(st); /* repeats the error of step */
	return rv != 0 ? rv : dayschema_errno(rc);
}

int dayindex_find(struct dayindex *x, const char *uuid, uint32_t part, struct record *ret_record)
{
	int rv = before_lookup(x);

	return rv == 0 ? dayselect_find(&x->select, uuid, part, ret_record) : rv;
}

int dayindex_select(
    struct dayindex *x, const char *uuid, enum dayindex_match match, dayindex_fn *fn, void *arg)
{
	int rv = uuid != NULL ? before_lookup(x) : 0;

	return rv == 0 ? dayselect_uuid(&x->select, uuid, match, fn, arg) : rv;
}

int dayindex_select_where(
    struct dayindex *x, const struct dayindex_where *w, dayindex_fn *fn, void *arg)
{
	return dayselect_where(&x->select, w, fn, arg);
}

int dayindex_select_oldest(struct dayindex *x, dayindex_fn *fn, void *arg)
{
	return dayselect_oldest(&x->select, fn, arg);
}

/*
 * The secondary indexes are made under the write-ahead log, so that readers can go on. What does
 * not work out is left to the next writer: readers do without them, and the log stays while a
 * reader is inside.
 */
static int leave_in_order(struct dayindex *x)
{
	dayindex_rollback(x);
	(void)sqlite3_busy_timeout(x->db, CLOSE_BUSY_MS); /* has no way to fail */
	(void)dayschema_sort_small(x->db);
	(void)end_filling(x);
	(void)dayschema_make_secondary(x->db);
	return dayschema_exec(x->db, "PRAGMA journal_mode = DELETE");
}

/* Without a filter the index itself is asked. */
static void leave_filter(struct dayindex *x)
{
	int fd = archive_open_day(x->archive, x->select.day);
	struct dayfilter *f;

	if (fd < 0)
		return;
	if (dayfilter_make(x->db, fd, &f) == 0) {
		(void)dayfilter_write(f, fd);
		dayfilter_free(f);
	}
	fileio_close(fd);
}

void dayindex_close(struct dayindex *x)
{
	if (x == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(x->kept[i]); /* takes NULL; repeats errors */
	dayselect_finish(&x->select);
	if (x->mode == DAYINDEX_WRITE && leave_in_order(x) == 0)
		leave_filter(x);
	(void)sqlite3_close(x->db); /* no statement is open: cannot be busy */
	free(x);
}
