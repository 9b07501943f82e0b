/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of an index that is being filled with many rows, and has its index of names made when that
 * is done: what is asked meanwhile is answered, and nobody can tell afterwards how it was made.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/sqlcheck.h"
#include "support/tempdir.h"

#define INDEXES "SELECT count(*) FROM sqlite_master WHERE type = 'index'"

enum { ROWS = 500 };

static struct archive *a;
static char *index_path;

static void set_up(void)
{
	tempdir_setup();
	a = rows_archive("a", &index_path);
}

static void tear_down(void)
{
	archive_close(a);
	free(index_path);
	tempdir_teardown();
}

static struct dayindex *open_filling(void)
{
	struct dayindex *x;

	quick_assert(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x) == 0);
	quick_assert(dayindex_secondary(x, DAYINDEX_AT_CLOSE) == 0);
	return x;
}

/* Rows from .. to-1, in one transaction; lengths tell which time they were inserted. */
static void insert(struct dayindex *x, uint64_t from, uint64_t to, uint64_t length)
{
	struct record r;

	quick_assert(dayindex_begin(x) == 0);
	for (uint64_t n = from; n < to; n++) {
		records_make(n, &r);
		r.length = length;
		quick_assert(dayindex_insert(x, &r) == 0);
	}
	quick_assert(dayindex_commit(x) == 0);
}

static uint64_t length_of(struct dayindex *x, uint64_t n)
{
	struct record r, row;

	records_make(n, &r);
	quick_assert(dayindex_find(x, r.uuid, r.part, &row) == 1);
	return row.length;
}

/* The index is as any other, and has rows 0 .. rows-1, the first `again` of them inserted again. */
static void check_closed(uint64_t rows, uint64_t again)
{
	struct dayindex_summary sum;
	struct dayindex *x;

	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "7");
	ck_assert_str_eq(sqlcheck_text(index_path, "PRAGMA integrity_check"), "ok");
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(dayindex_summary(x, &sum), 0);
	ck_assert_uint_eq(sum.parts, rows);
	ck_assert_uint_eq(sum.length, rows * 1000 + again);
	for (uint64_t n = 0; n < rows; n++)
		ck_assert_uint_eq(length_of(x, n), n < again ? 1001 : 1000);
	dayindex_close(x);
}

START_TEST(the_index_of_names_is_made_at_the_close)
{
	struct dayindex *x = open_filling();

	insert(x, 0, ROWS, 1000);
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "0");
	dayindex_close(x);
	check_closed(ROWS, 0);
}
END_TEST

START_TEST(a_day_that_has_rows_keeps_its_index_of_names)
{
	struct dayindex *x = open_filling();

	insert(x, 0, 1, 1000);
	dayindex_close(x);
	x = open_filling();
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "7");
	insert(x, 0, 1, 1001);
	insert(x, 1, ROWS, 1000);
	dayindex_close(x);
	check_closed(ROWS, 1);
}
END_TEST

START_TEST(names_are_found_meanwhile_and_many_of_them_by_their_index)
{
	struct dayindex *x = open_filling();
	struct record r, row;

	insert(x, 0, ROWS, 1000);
	for (uint64_t n = 0; n < 10; n++)
		ck_assert_uint_eq(length_of(x, n * 7), 1000);
	records_make(ROWS + 1, &r);
	ck_assert_int_eq(dayindex_find(x, r.uuid, r.part, &row), 0);
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "0");
	for (uint64_t n = 0; n < ROWS; n++)
		ck_assert_uint_eq(length_of(x, n), 1000);
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "1");
	insert(x, 0, 20, 1001); /* known now: put in their places */
	dayindex_close(x);
	check_closed(ROWS, 20);
}
END_TEST

START_TEST(readers_find_what_is_committed_meanwhile)
{
	struct dayindex *x = open_filling(), *reader;
	struct rows rows = {0};

	insert(x, 0, ROWS, 1000);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &reader), 0);
	for (uint64_t n = 0; n < ROWS; n += 10)
		ck_assert_uint_eq(length_of(reader, n), 1000);
	ck_assert_int_eq(dayindex_select(reader, NULL, DAYINDEX_EXACT, rows_collect, &rows), 0);
	ck_assert_uint_eq(rows.count, ROWS);
	rows_free(&rows);
	dayindex_close(reader);
	dayindex_close(x);
	check_closed(ROWS, 0);
}
END_TEST

/* A store gives no name twice; whatever did, the last row is true, and the sums are right. */
START_TEST(of_rows_of_one_part_the_last_one_is_left)
{
	struct dayindex *x = open_filling();

	insert(x, 0, ROWS, 1000);
	insert(x, 0, 30, 1001);
	dayindex_close(x);
	check_closed(ROWS, 30);
}
END_TEST

START_TEST(also_when_they_are_found_out_within_a_transaction)
{
	struct dayindex *x = open_filling();
	struct record r;

	insert(x, 0, ROWS, 1000);
	insert(x, 0, 29, 1001);
	ck_assert_int_eq(dayindex_begin(x), 0);
	records_make(ROWS, &r);
	r.length = 1000;
	ck_assert_int_eq(dayindex_insert(x, &r), 0);
	ck_assert_int_eq(dayindex_delete(x, r.uuid, r.part), 0);
	records_make(29, &r);
	r.length = 1001;
	ck_assert_int_eq(dayindex_insert(x, &r), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "1");
	dayindex_close(x);
	check_closed(ROWS, 30);
}
END_TEST

START_TEST(what_a_killed_writer_filled_is_put_in_order_by_the_next)
{
	struct dayindex *x;
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		x = open_filling();
		insert(x, 0, ROWS, 1000);
		insert(x, 0, 30, 1001);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "0");
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_str_eq(sqlcheck_text(index_path, INDEXES), "1");
	dayindex_close(x);
	check_closed(ROWS, 30);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dayfilling");
	TCase *t = tcase_create("filling");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, the_index_of_names_is_made_at_the_close);
	tcase_add_test(t, a_day_that_has_rows_keeps_its_index_of_names);
	tcase_add_test(t, names_are_found_meanwhile_and_many_of_them_by_their_index);
	tcase_add_test(t, readers_find_what_is_committed_meanwhile);
	tcase_add_test(t, of_rows_of_one_part_the_last_one_is_left);
	tcase_add_test(t, also_when_they_are_found_out_within_a_transaction);
	tcase_add_test(t, what_a_killed_writer_filled_is_put_in_order_by_the_next);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
