/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayindex.h. Rows are made and read in dayrow.c. */
#include "archive/dayindex.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "archive/dayrow.h"
#include "base/fileio.h"

#define BUSY_MS       10000
#define CLOSE_BUSY_MS 1000

struct dayindex {
	sqlite3 *db;
	sqlite3_stmt *insert;
	sqlite3_stmt *select[2]; /* by enum dayindex_match, prepared when first needed */
	enum dayindex_mode mode;
	int32_t day;
};

/* "flow" in hexadecimal: PRAGMA application_id, so that file(1) and we can tell. */
#define APPLICATION_ID 0x666c6f77

static int sqlite_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR:
	case SQLITE_MISMATCH:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int exec(struct dayindex *x, const char *sql)
{
	return sqlite_errno(sqlite3_exec(x->db, sql, NULL, NULL, NULL));
}

static int pragma_int(struct dayindex *x, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(x->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			*ret_value = sqlite3_column_int64(st, 0);
		(void)sqlite3_finalize(st); /* repeats the error of step */
	}
	return sqlite_errno(rc);
}

static int check_schema(struct dayindex *x)
{
	int64_t id = 0, version = 0;
	int rv = pragma_int(x, "PRAGMA application_id", &id);

	if (rv == 0)
		rv = pragma_int(x, "PRAGMA user_version", &version);
	if (rv != 0)
		return rv;
	if (id != APPLICATION_ID)
		return -EBADMSG;
	return version > DAYINDEX_SCHEMA ? -ENOTSUP : 0;
}

/*
 * A new index. synchronous=NORMAL in WAL mode never corrupts, and may lose the last commits in a
 * power cut: the day is then still listed as dirty, and mended at the next start.
 */
static int set_up_writer(struct dayindex *x)
{
	char make[sizeof(DAYROW_SCHEMA) + 160]; /* in one go: no reader sees half of it */
	int64_t id = 0, tables = 0;
	int rv = pragma_int(x, "PRAGMA application_id", &id);

	if (rv == 0)
		rv = pragma_int(x, "SELECT count(*) FROM sqlite_master", &tables);
	if (rv != 0)
		return rv;
	if (id != APPLICATION_ID && tables > 0)
		return -EBADMSG;
	(void)snprintf(make, sizeof(make),
	    "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d;" DAYROW_SCHEMA
	    "; COMMIT",
	    APPLICATION_ID, DAYINDEX_SCHEMA);
	if (id == APPLICATION_ID && (rv = check_schema(x)) != 0)
		return rv;
	/* A reader inside keeps the mode as it is: then commits wait for readers, no more. */
	rv = exec(x, "PRAGMA journal_mode = WAL");
	if (rv == 0 || rv == -EBUSY)
		rv = exec(x, "PRAGMA synchronous = NORMAL");
	if (rv != 0)
		return rv;
	return id == APPLICATION_ID ? 0 : exec(x, make);
}

enum as_it_lies { AS_IT_LIES_NO, AS_IT_LIES_YES };

static int open_db(struct archive *a, struct dayindex *x, enum as_it_lies immutable)
{
	char day[LAYOUT_DAY_SIZE], uri[PATH_MAX * 3 + 64];
	const char *path = archive_path(a);
	int flags = x->mode == DAYINDEX_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
					      : SQLITE_OPEN_READONLY;
	size_t n = 0;
	int rc;

	n += (size_t)snprintf(uri, sizeof(uri), "file:");
	for (; *path && n < sizeof(uri) - 64; path++) {
		bool plain = *path != '%' && *path != '?' && *path != '#';

		n += (size_t)snprintf(
		    uri + n, sizeof(uri) - n, plain ? "%c" : "%%%02x", (unsigned char)*path);
	}
	(void)snprintf(uri + n, sizeof(uri) - n, "/%s/" LAYOUT_INDEX "%s",
	    layout_day_path(x->day, day), immutable == AS_IT_LIES_YES ? "?immutable=1" : "");
	rc = sqlite3_open_v2(uri, &x->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(x->db, BUSY_MS);
	return sqlite_errno(rc);
}

/*
 * A reader without permission to write cannot open an index that a kill has left in WAL mode: it
 * takes the file as it lies, without the log. Rows that are only in the log are found by file name.
 */
static int open_reader(struct archive *a, struct dayindex *x)
{
	int rv = open_db(a, x, AS_IT_LIES_NO);

	if (rv == 0)
		rv = check_schema(x);
	if (rv != -EACCES && rv != -ENOENT)
		return rv;
	(void)sqlite3_close(x->db); /* nothing is prepared: cannot be busy */
	x->db = NULL;
	rv = open_db(a, x, AS_IT_LIES_YES);
	return rv == 0 ? check_schema(x) : rv;
}

/* SQLite would make the file readable by all; an empty one is as good to it. */
static int create_db(const struct archive *a, int32_t day)
{
	int dir = archive_open_day(a, day), fd, rv = 0;

	if (dir < 0)
		return dir;
	fd = openat(dir, LAYOUT_INDEX, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);
	if (fd < 0)
		rv = -errno;
	fileio_close(fd);
	fileio_close(dir);
	return rv;
}

static int open_writer(struct archive *a, struct dayindex *x)
{
	int rv = create_db(a, x->day);

	if (rv == 0)
		rv = open_db(a, x, AS_IT_LIES_NO);
	return rv == 0 ? set_up_writer(x) : rv;
}

int dayindex_open(
    struct archive *a, int32_t day, enum dayindex_mode mode, struct dayindex **ret_index)
{
	struct dayindex *x = calloc(1, sizeof(*x));
	int rv;

	if (x == NULL)
		return -ENOMEM;
	x->mode = mode;
	x->day = day;
	rv = mode == DAYINDEX_WRITE ? open_writer(a, x) : open_reader(a, x);
	if (rv != 0) {
		x->mode = DAYINDEX_READ; /* nothing of ours to tidy up */
		dayindex_close(x);
		return rv;
	}
	*ret_index = x;
	return 0;
}

int dayindex_begin(struct dayindex *x)
{
	return exec(x, "BEGIN IMMEDIATE");
}

int dayindex_commit(struct dayindex *x)
{
	return exec(x, "COMMIT");
}

int dayindex_delete_all(struct dayindex *x)
{
	return exec(x, "DELETE FROM flow");
}

int dayindex_insert(struct dayindex *x, const struct record *r)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO flow (" DAYROW_COLUMNS ") VALUES (" DAYROW_PLACES ")";
	int rv = 0;

	if (x->insert == NULL)
		rv = sqlite_errno(sqlite3_prepare_v3(
		    x->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &x->insert, NULL));
	if (rv == 0)
		rv = dayrow_bind(x->insert, r);
	if (rv == 0)
		rv = sqlite_errno(sqlite3_step(x->insert));
	(void)sqlite3_reset(x->insert); /* repeats the error of step */
	return rv;
}

static int walk(struct dayindex *x, sqlite3_stmt *st, dayindex_fn *fn, void *arg)
{
	struct record r;
	int rc, rv = 0;

	while (rv >= 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rv = dayrow_read(st, &r);
		r.day = x->day;
		if (rv == 0)
			rv = fn(&r, arg);
	}
	return rv < 0 ? rv : sqlite_errno(rc);
}

/*
 * The range of 16-byte UUIDs that begin with a text such as "3f2a-": the text's digits, then all
 * zeros and all ones. Returns false where no UUID can begin so.
 */
static bool uuid_range(const char *prefix, uint8_t low[16], uint8_t high[16])
{
	static const char lowest[] = "00000000-0000-0000-0000-000000000000";
	static const char highest[] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
	char text[UUID_STR_LEN];
	size_t n = strlen(prefix);

	if (n > UUID_STR_LEN - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lowest[i] == '-' ? prefix[i] != '-'
				     : strchr("0123456789abcdef", prefix[i]) == NULL)
			return false;
	(void)snprintf(text, sizeof(text), "%s%s", prefix, lowest + n);
	if (uuid_parse(text, low) != 0)
		return false;
	(void)snprintf(text, sizeof(text), "%s%s", prefix, highest + n);
	return uuid_parse(text, high) == 0;
}

#define SELECT "SELECT " DAYROW_COLUMNS " FROM flow"
#define ORDER  " ORDER BY uuid, part"

/* Returns the statement for a look-up, or NULL. It is kept: to prepare one costs more than to run it. */
static sqlite3_stmt *select_statement(struct dayindex *x, enum dayindex_match match, int *ret_rc)
{
	static const char *const sql[2] = {[DAYINDEX_EXACT] = SELECT " WHERE uuid = ?1" ORDER,
	    [DAYINDEX_PREFIX] = SELECT " WHERE uuid >= ?1 AND uuid <= ?2" ORDER};
	sqlite3_stmt **st = &x->select[match];

	*ret_rc = *st != NULL ? SQLITE_OK : sqlite3_prepare_v2(x->db, sql[match], -1, st, NULL);
	return *st;
}

/* One statement for bytes and one for text: SQLite keeps the two apart, and so does the index. */
static int select_range(struct dayindex *x, const char *uuid, enum dayindex_match match,
    bool as_bytes, sqlite3_stmt **ret_st)
{
	bool exact = match == DAYINDEX_EXACT;
	uint8_t low[16], high[16];
	char last[LAYOUT_UUID_SIZE + 1];
	sqlite3_stmt *st;
	int rc;

	if (as_bytes && !(exact ? dayrow_uuid_bytes(uuid, low) : uuid_range(uuid, low, high)))
		return -ENODATA;
	st = select_statement(x, match, &rc);
	if (st == NULL)
		return sqlite_errno(rc);
	/* '~' sorts behind every character that a UUID may have. */
	(void)snprintf(last, sizeof(last), "%s~", uuid);
	rc = as_bytes ? sqlite3_bind_blob(st, 1, low, 16, SQLITE_TRANSIENT)
		      : sqlite3_bind_text(st, 1, uuid, -1, SQLITE_TRANSIENT);
	if (!exact)
		rc |= as_bytes ? sqlite3_bind_blob(st, 2, high, 16, SQLITE_TRANSIENT)
			       : sqlite3_bind_text(st, 2, last, -1, SQLITE_TRANSIENT);
	*ret_st = st;
	return sqlite_errno(rc);
}

int dayindex_select(
    struct dayindex *x, const char *uuid, enum dayindex_match match, dayindex_fn *fn, void *arg)
{
	int rv = 0;

	if (uuid == NULL) {
		sqlite3_stmt *st;

		rv = sqlite_errno(sqlite3_prepare_v2(x->db, SELECT ORDER, -1, &st, NULL));
		if (rv == 0) {
			rv = walk(x, st, fn, arg);
			(void)sqlite3_finalize(st); /* repeats the error of step */
		}
		return rv;
	}
	for (int as_bytes = 0; as_bytes < 2 && rv >= 0; as_bytes++) {
		sqlite3_stmt *st = NULL;

		rv = select_range(x, uuid, match, as_bytes, &st);
		if (rv == -ENODATA) {
			rv = 0;
			continue;
		}
		if (rv == 0)
			rv = walk(x, st, fn, arg);
		(void)sqlite3_reset(st); /* takes NULL; ends the read; repeats the error of step */
	}
	return rv;
}

void dayindex_close(struct dayindex *x)
{
	if (x == NULL)
		return;
	(void)sqlite3_finalize(x->insert); /* takes NULL */
	(void)sqlite3_finalize(x->select[0]);
	(void)sqlite3_finalize(x->select[1]);
	/* Fails while a reader is inside: then the log stays, and the next writer tidies up. */
	if (x->mode == DAYINDEX_WRITE && x->db != NULL) {
		(void)sqlite3_busy_timeout(x->db, CLOSE_BUSY_MS);
		(void)exec(x, "PRAGMA journal_mode = DELETE");
	}
	(void)sqlite3_close(x->db); /* no statement is open: cannot be busy */
	free(x);
}
