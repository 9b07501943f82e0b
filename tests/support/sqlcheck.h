/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An index as SQLite itself sees it, past the code under test.
 */
#ifndef SUPPORT_SQLCHECK_H
#define SUPPORT_SQLCHECK_H

/* sqlcheck_exec - run statements on a database file, made where it is missing. The test fails if
 * they do. */
void sqlcheck_exec(const char *path, const char *sql);

/* sqlcheck_text - the first column of the first row as text, which lives until the next call. */
const char *sqlcheck_text(const char *path, const char *sql);

/* sqlcheck_plan - how SQLite would go about a query: its steps, joined by "; "; lives as above. */
const char *sqlcheck_plan(const char *path, const char *sql);

#endif
