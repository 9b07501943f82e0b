/* SPDX-License-Identifier: BSD-2-Clause */
/* See sqlcheck.h. */
#include "support/sqlcheck.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>

void sqlcheck_exec(const char *path, const char *sql)
{
	char *error = NULL;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		ck_abort_msg("%s: %s", sql, error);
	(void)sqlite3_close(db); /* nothing is prepared */
}

const char *sqlcheck_text(const char *path, const char *sql)
{
	static char text[1024];
	sqlite3_stmt *st;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		ck_abort_msg("%s: %s", sql, sqlite3_errmsg(db));
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	(void)snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(st, 0));
	(void)sqlite3_finalize(st); /* repeats the error of step */
	(void)sqlite3_close(db);    /* nothing is left prepared */
	return text;
}

const char *sqlcheck_plan(const char *path, const char *sql)
{
	static char text[2048];
	char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
	size_t n = 0;
	sqlite3_stmt *st;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, explain, -1, &st, NULL) != SQLITE_OK)
		ck_abort_msg("%s: %s", sql, sqlite3_errmsg(db));
	text[0] = '\0';
	while (sqlite3_step(st) == SQLITE_ROW && n < sizeof(text)) /* sqlite.org/eqp.html: detail */
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? "; " : "",
		    (const char *)sqlite3_column_text(st, 3));
	(void)sqlite3_finalize(st); /* repeats the error of step */
	(void)sqlite3_close(db);    /* nothing is left prepared */
	sqlite3_free(explain);
	return text;
}
