/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayschema.h. */
#include "archive/dayschema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "archive/dayindex.h"
#include "archive/dayrow.h"
#include "archive/rescan.h"
#include "base/fileio.h"

/* "flow" in hexadecimal: PRAGMA application_id, so that file(1) and we can tell. */
#define APPLICATION_ID 0x666c6f77

/* No value that we write is longer; a stranger's file cannot make SQLite take more memory. */
#define VALUE_MAX_BYTES (1 << 20)

/* What the pages of an index that is being written may take. */
#define WRITER_CACHE_KIB "16384"

/*
 * And while a secondary index is made of many rows: what is sorted at a time is as large as the
 * cache, and a run that stays in the processor's is sorted twice as fast.
 */
#define SORTER_CACHE_KIB "1024"

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

/* What a new index begins with. */
#define MAKE_MARKS                                                                     \
	"PRAGMA application_id = " TEXT(APPLICATION_ID) ";"                            \
							"PRAGMA user_version = " TEXT( \
							    DAYINDEX_SCHEMA) ";"

#define MAKE_UNIQUE "CREATE UNIQUE INDEX IF NOT EXISTS flow_uuid ON flow (uuid, part);"

#define MAKE_TABLES                                         \
	DAYROW_SCHEMA ";" MAKE_UNIQUE DAYROW_DAY_SCHEMA ";" \
		      "INSERT INTO day VALUES (0, 0, 0, 0, 0, 0, 0, NULL, NULL)"

/* Of rows of one part the last one is true. */
#define REMOVE_DOUBLE                                                                            \
	"DELETE FROM flow WHERE rowid NOT IN (SELECT max(rowid) FROM flow GROUP BY uuid, part);" \
	"UPDATE day SET (" DAYROW_SUMMARY_COLUMNS ") = (SELECT " DAYROW_SUMS " FROM flow);"

#define MAKE_SECONDARY                                                       \
	"CREATE INDEX IF NOT EXISTS flow_client_ip ON flow (client_ip);"     \
	"CREATE INDEX IF NOT EXISTS flow_server_ip ON flow (server_ip);"     \
	"CREATE INDEX IF NOT EXISTS flow_client_port ON flow (client_port);" \
	"CREATE INDEX IF NOT EXISTS flow_server_port ON flow (server_port);" \
	"CREATE INDEX IF NOT EXISTS flow_end ON flow (end_ns);"              \
	"CREATE INDEX IF NOT EXISTS flow_suspect ON flow (uuid) WHERE " DAYINDEX_SUSPECT

#define SECONDARY_COUNT 6

/* The columns that version 1 did not have. What it cannot tell is left open: NULL. */
#define COLUMNS_OF_1 "*, NULL AS segment, 0 AS offset, NULL AS policy, " DAYROW_STATE " AS state"

#define VIEWS_OF_1                                                                 \
	"PRAGMA temp_store = MEMORY;"                                              \
	"CREATE TEMP VIEW flow AS SELECT " COLUMNS_OF_1 " FROM main.flow;"         \
	"CREATE TEMP VIEW day (" DAYROW_SUMMARY_COLUMNS ") AS SELECT " DAYROW_SUMS \
	" FROM temp.flow"

int dayschema_errno(int rc)
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
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

int dayschema_exec(sqlite3 *db, const char *sql)
{
	return dayschema_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* The first column of the first row; untouched where there is none. */
int dayschema_int(sqlite3 *db, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			*ret_value = sqlite3_column_int64(st, 0);
		(void)sqlite3_finalize(st); /* repeats the error of step */
	}
	return dayschema_errno(rc);
}

/* A database may come from a stranger: what its schema asks for is not trusted. */
static int distrust(sqlite3 *db)
{
	int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (rc == SQLITE_OK) /* we have none: whatever calls itself one never runs */
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES); /* gives the old limit */
	return dayschema_errno(rc);
}

/* Version 1 had no columns that are computed, whatever else its table was. */
#define TABLES_OF_1                                                          \
	"SELECT count(*) FROM main.sqlite_master"                            \
	" WHERE name IN ('flow', 'day') AND type = 'table' AND rootpage > 0" \
	" AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(name) WHERE hidden > 0)"

/* Ours to the letter, as no other expression is to be computed for each row. */
static int count_tables(sqlite3 *db, int64_t version, int64_t *ret_tables)
{
	char *sql;
	int rv;

	if (version == 1)
		return dayschema_int(db, TABLES_OF_1, ret_tables);
	sql = sqlite3_mprintf("SELECT count(*) FROM main.sqlite_master"
			      " WHERE type = 'table' AND rootpage > 0"
			      " AND (name = 'flow' AND sql = %Q OR name = 'day' AND sql = %Q)",
	    DAYROW_SCHEMA, DAYROW_DAY_SCHEMA);
	if (sql == NULL)
		return -ENOMEM;
	rv = dayschema_int(db, sql, ret_tables);
	sqlite3_free(sql);
	return rv;
}

/* Are the tables there, as tables, and does nothing happen behind our back? */
static int check_tables(sqlite3 *db, int64_t version)
{
	int64_t tables = 0, triggers = 0;
	int rv = count_tables(db, version, &tables);

	if (rv == 0)
		rv = dayschema_int(db,
		    "SELECT count(*) FROM main.sqlite_master"
		    " WHERE type = 'trigger' COLLATE NOCASE", /* SQLite knows it by any case */
		    &triggers);
	if (rv != 0)
		return rv;
	return tables == (version == 1 ? 1 : 2) && triggers == 0 ? 0 : -EBADMSG;
}

/* Returns 0 and the version of an index of ours; where the file is empty, 0. */
static int check(sqlite3 *db, int64_t *ret_version)
{
	int64_t id = 0, objects = 0, version = 0;
	int rv = dayschema_int(db, "PRAGMA application_id", &id);

	if (rv == 0)
		rv = dayschema_int(db, "SELECT count(*) FROM sqlite_master", &objects);
	if (rv == 0)
		rv = dayschema_int(db, "PRAGMA user_version", &version);
	if (rv != 0)
		return rv;
	if (id != APPLICATION_ID) {
		*ret_version = 0;
		return objects == 0 ? 0 : -EBADMSG;
	}
	if (version > DAYINDEX_SCHEMA)
		return -ENOTSUP;
	if (version < 1)
		return -EBADMSG;
	*ret_version = version;
	return check_tables(db, version);
}

/* What a transaction must have done: all of it, or nothing. */
static int conclude(sqlite3 *db, int rv)
{
	if (rv == 0)
		rv = dayschema_exec(db, "COMMIT");
	if (rv != 0 && !sqlite3_get_autocommit(db))
		(void)dayschema_exec(db, "ROLLBACK"); /* what went wrong is told already */
	return rv;
}

/* In a transaction, as a writer may be making or changing the tables just now. */
static int check_at_once(sqlite3 *db, int64_t *ret_version)
{
	int rv = dayschema_exec(db, "BEGIN");

	return rv != 0 ? rv : conclude(db, check(db, ret_version));
}

int dayschema_open_reader(sqlite3 *db)
{
	int64_t version = 0;
	int rv = distrust(db);

	if (rv == 0)
		rv = check_at_once(db, &version);
	if (rv != 0)
		return rv;
	if (version == 0)
		return -ENOENT; /* its writer is about to fill it */
	return version == 1 ? dayschema_exec(db, VIEWS_OF_1) : 0;
}

/* ---- from version 1 ---------------------------------------------------------------------------
 */

/*
 * Version 1 did not hold what is hidden in a part, and that may not be claimed to be nothing: the
 * record in its file tells.
 */
static int read_policy(int dirfd, struct record *r)
{
	char name[LAYOUT_NAME_SIZE], error[RESCAN_ERROR_SIZE];
	int fd = openat(dirfd, layout_file_name(r->uuid, r->part, name),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int rv = fd < 0 ? -errno : 0, has_client;
	struct record file;
	struct extent e;

	if (rv == 0)
		rv = fileio_extent(fd, &e);
	if (rv == 0)
		rv = rescan_record(&e, &file, &has_client, error);
	if (fd >= 0)
		fileio_close(fd);
	if (rv == 0 && strcmp(file.uuid, r->uuid) != 0)
		rv = -EBADMSG;
	if (rv != 0)
		return rv;
	r->policy = file.policy;
	r->exempt = file.exempt;
	return 0;
}

/* One row: from the old table, by way of its file, to the new one. */
static int copy_row(int dirfd, sqlite3_stmt *from, sqlite3_stmt *to)
{
	struct record r;
	int rv = dayrow_read(from, &r);

	if (rv == 0)
		rv = read_policy(dirfd, &r);
	if (rv != 0)
		return fileio_is_want(rv) ? rv : 0;
	rv = dayrow_bind(to, &r);
	if (rv == 0)
		rv = dayschema_errno(sqlite3_step(to));
	(void)sqlite3_reset(to); /* repeats the error of step */
	return rv;
}

static int copy_rows(sqlite3 *db, int dirfd)
{
	sqlite3_stmt *from = NULL, *to = NULL;
	int rc = sqlite3_prepare_v2(db,
	    "SELECT " DAYROW_COLUMNS " FROM (SELECT " COLUMNS_OF_1 " FROM flow_1)", -1, &from,
	    NULL);
	int rv = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
		    "INSERT INTO flow (" DAYROW_COLUMNS ") VALUES (" DAYROW_PLACES ")", -1, &to,
		    NULL);
	while (rc == SQLITE_OK && rv == 0 && (rc = sqlite3_step(from)) == SQLITE_ROW) {
		rv = copy_row(dirfd, from, to);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(from); /* repeat the errors of step */
	(void)sqlite3_finalize(to);
	return rv != 0 ? rv : dayschema_errno(rc);
}

static int migrate_within(sqlite3 *db, int dirfd)
{
	int rv = dayschema_exec(db, "ALTER TABLE flow RENAME TO flow_1;" MAKE_TABLES);

	if (rv == 0)
		rv = copy_rows(db, dirfd);
	if (rv == 0)
		rv = dayschema_exec(db, "UPDATE day SET (" DAYROW_SUMMARY_COLUMNS ") ="
					" (SELECT " DAYROW_SUMS " FROM flow);"
					"DROP TABLE flow_1;" MAKE_MARKS);
	return rv;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* Under the lock: who came first may have done it by now. */
static int make_or_migrate(sqlite3 *db, int dirfd)
{
	int64_t version;
	int rv = dayschema_exec(db, "BEGIN IMMEDIATE");

	if (rv != 0)
		return rv;
	rv = check(db, &version);
	if (rv == 0 && version == 0)
		rv = dayschema_exec(db, MAKE_MARKS MAKE_TABLES); /* no reader sees half of it */
	else if (rv == 0 && version < DAYINDEX_SCHEMA)
		rv = migrate_within(db, dirfd);
	return conclude(db, rv);
}

/*
 * synchronous=NORMAL in WAL mode never corrupts, and may lose the last commits in a power cut: the
 * day is then still listed as dirty, and mended at the next start.
 */
int dayschema_open_writer(sqlite3 *db, struct archive *a, int32_t day)
{
	int64_t version;
	int rv = distrust(db), dirfd;

	if (rv == 0)
		rv = check_at_once(db, &version);
	if (rv != 0)
		return rv;
	/* A reader inside keeps the mode as it is: then commits wait for readers, no more. */
	rv = dayschema_exec(db, "PRAGMA journal_mode = WAL");
	if (rv == 0 || rv == -EBUSY)
		rv = dayschema_exec(db, "PRAGMA synchronous = NORMAL");
	if (rv == 0)
		rv = dayschema_exec(db, "PRAGMA cache_size = -" WRITER_CACHE_KIB);
	if (rv == 0 && version == DAYINDEX_SCHEMA)
		rv = dayschema_make_unique(db); /* a writer that filled it may have been killed */
	if (rv != 0 || version == DAYINDEX_SCHEMA)
		return rv < 0 ? rv : 0;
	dirfd = archive_open_day(a, day);
	if (dirfd < 0)
		return dirfd;
	rv = make_or_migrate(db, dirfd);
	fileio_close(dirfd);
	return rv;
}

int dayschema_sort_small(sqlite3 *db)
{
	return dayschema_exec(db, "PRAGMA cache_size = -" SORTER_CACHE_KIB);
}

int dayschema_drop_unique(sqlite3 *db)
{
	int64_t rows = 0;
	int rv = dayschema_exec(db, "BEGIN IMMEDIATE");

	if (rv != 0)
		return rv;
	rv = dayschema_int(db, "SELECT EXISTS (SELECT 1 FROM flow)", &rows);
	if (rv == 0 && rows == 0)
		rv = dayschema_exec(db, "DROP INDEX flow_uuid");
	rv = conclude(db, rv);
	return rv == 0 && rows == 0 ? 1 : rv;
}

int dayschema_make_unique(sqlite3 *db)
{
	int rc = sqlite3_exec(db, MAKE_UNIQUE, NULL, NULL, NULL);
	int rv;

	if ((rc & 0xff) != SQLITE_CONSTRAINT)
		return dayschema_errno(rc);
	rv = dayschema_exec(db, "SAVEPOINT doubles");
	if (rv != 0)
		return rv;
	rv = dayschema_exec(db, REMOVE_DOUBLE MAKE_UNIQUE);
	if (rv != 0)
		(void)dayschema_exec(db, "ROLLBACK TO doubles"); /* what went wrong is told */
	rc = dayschema_exec(db, "RELEASE doubles");
	rv = rv != 0 ? rv : rc;
	return rv != 0 ? rv : 1;
}

int dayschema_make_secondary(sqlite3 *db)
{
	int64_t there = 0;
	int rv = dayschema_int(db,
	    "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name IN"
	    " ('flow_client_ip', 'flow_server_ip', 'flow_client_port', 'flow_server_port',"
	    " 'flow_end', 'flow_suspect')",
	    &there);

	if (rv != 0 || there == SECONDARY_COUNT)
		return rv;
	rv = dayschema_exec(db, "BEGIN IMMEDIATE");
	return rv != 0 ? rv : conclude(db, dayschema_exec(db, MAKE_SECONDARY));
}
