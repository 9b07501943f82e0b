/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the thread that writes the index: what many threads hand over is in it when the thread
 * has stopped, days whose rows are all there are struck from the list, and others are not.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/dayindex.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/sqlcheck.h"
#include "support/tempdir.h"

static struct archive *begin(int32_t days)
{
	struct archive *a;

	ck_assert_int_eq(archive_open(tempdir_path(tempdir_new(), "a"), ARCHIVE_WRITE, &a), 0);
	for (int32_t i = 0; i < days; i++) {
		int fd = archive_touch_day(a, RECORDS_DAY + i);

		ck_assert_int_ge(fd, 0);
		(void)close(fd); /* only a directory */
		archive_leave_day(a, RECORDS_DAY + i);
	}
	return a;
}

static struct catalog *start(struct archive *a, enum sync_mode sync)
{
	struct catalog *c;

	ck_assert_int_eq(
	    catalog_start(&(struct catalog_config){.archive = a, .sync = sync}, &c), 0);
	return c;
}

static const char *index_of(struct archive *a, int32_t day)
{
	char path[LAYOUT_DAY_SIZE + 32];

	(void)layout_day_path(day, path);
	(void)strcat(path, "/" LAYOUT_INDEX);
	return tempdir_path(archive_path(a), path);
}

static size_t count_rows(struct archive *a, int32_t day)
{
	struct rows rows;
	size_t n;

	ck_assert_int_eq(rows_select(a, day, NULL, DAYINDEX_EXACT, &rows), 0);
	n = rows.count;
	rows_free(&rows);
	return n;
}

static size_t count_dirty(struct archive *a)
{
	int32_t *days;
	size_t n;

	ck_assert_int_eq(archive_dirty_days(a, &days, &n), 0);
	free(days);
	return n;
}

static void put(struct catalog *c, uint64_t n, int32_t day)
{
	struct record r;

	records_make(n, &r);
	r.day = day;
	catalog_put(c, &r);
}

/* ---- many threads -----------------------------------------------------------------------------
 */

#define RECORDS 50000u
#define THREADS 4u
#define DAYS    3u

struct putter {
	struct catalog *catalog;
	uint64_t from;
};

static void *put_many(void *arg)
{
	struct putter *p = arg;

	for (uint64_t n = p->from; n < RECORDS; n += THREADS)
		put(p->catalog, n, RECORDS_DAY + (int32_t)(n % DAYS));
	return NULL;
}

/* Each record must be there, once, as it was handed over. */
static void check_day(struct archive *a, uint32_t day)
{
	uint8_t *seen = calloc(RECORDS, 1);
	struct record want;
	struct rows rows;

	ck_assert_int_eq(
	    rows_select(a, RECORDS_DAY + (int32_t)day, NULL, DAYINDEX_EXACT, &rows), 0);
	ck_assert_uint_eq(rows.count, (RECORDS - day + DAYS - 1) / DAYS);
	for (size_t i = 0; i < rows.count; i++) {
		uint64_t n = rows.record[i].length - 1000;

		quick_assert(n < RECORDS && n % DAYS == day && !seen[n]);
		seen[n] = 1;
		if (i % 997 != 0)
			continue;
		records_make(n, &want);
		want.day = RECORDS_DAY + (int32_t)day;
		records_check_equal(&rows.record[i], &want);
	}
	rows_free(&rows);
	free(seen);
}

START_TEST(fifty_thousand_records_from_several_threads_are_all_there)
{
	struct archive *a = begin(DAYS);
	struct catalog *c = start(a, SYNC_NONE);
	struct catalog_result result = {.failed = 4711};
	struct putter p[THREADS];
	pthread_t t[THREADS];

	for (uint64_t i = 0; i < THREADS; i++) {
		p[i] = (struct putter){c, i};
		ck_assert_int_eq(pthread_create(&t[i], NULL, put_many, &p[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	catalog_stop(c, &result);
	ck_assert_uint_eq(result.failed, 0);
	ck_assert_int_eq(result.first_error, 0);
	ck_assert_uint_eq(count_dirty(a), 0);
	ck_assert(!tempdir_exists(tempdir_path(archive_path(a), ".dirty")));
	for (uint32_t day = 0; day < DAYS; day++) {
		check_day(a, day);
		ck_assert_str_eq(sqlcheck_text(index_of(a, RECORDS_DAY + (int32_t)day),
				     "PRAGMA integrity_check"),
		    "ok");
	}
	ck_assert_uint_eq(tempdir_count(tempdir_path(archive_path(a), "2026/01/02")),
	    2); /* beside it its filter, and no log */
	archive_close(a);
}
END_TEST

START_TEST(more_days_at_once_than_are_kept_open_lose_nothing)
{
	struct archive *a = begin(9);
	struct catalog *c = start(a, (enum sync_mode)_i);
	struct catalog_result result;

	for (uint64_t n = 0; n < 90; n++)
		put(c, n, RECORDS_DAY + (int32_t)(n % 9));
	catalog_stop(c, &result);
	ck_assert_uint_eq(result.failed, 0);
	for (int32_t day = 0; day < 9; day++)
		ck_assert_uint_eq(count_rows(a, RECORDS_DAY + day), 10);
	ck_assert_uint_eq(count_dirty(a), 0);
	archive_close(a);
}
END_TEST

/* ---- groups -----------------------------------------------------------------------------------
 */

/* Waits until a day shows this many rows: the test's time-out says that they never came. */
static void wait_rows(struct archive *a, int32_t day, size_t want)
{
	for (;;) {
		struct rows rows;
		int rv = rows_select(a, day, NULL, DAYINDEX_EXACT, &rows);
		size_t n = rows.count;

		rows_free(&rows);
		if (rv == 0 && n == want)
			return;
		(void)usleep(5000);
	}
}

START_TEST(rows_become_visible_without_more_records_or_a_stop)
{
	struct archive *a = begin(2);
	struct catalog *c = start(a, (enum sync_mode)_i);
	struct catalog_result result;

	put(c, 1, RECORDS_DAY);
	wait_rows(a, RECORDS_DAY, 1);
	put(c, 2, RECORDS_DAY);
	put(c, 3, RECORDS_DAY + 1);
	wait_rows(a, RECORDS_DAY, 2);
	wait_rows(a, RECORDS_DAY + 1, 1);
	ck_assert_uint_eq(count_dirty(a), 2); /* until the end */
	catalog_stop(c, &result);
	ck_assert_uint_eq(result.failed, 0);
	ck_assert_uint_eq(count_dirty(a), 0);
	archive_close(a);
}
END_TEST

START_TEST(nothing_put_is_nothing_failed)
{
	struct archive *a = begin(1);
	struct catalog_result result = {.failed = 4711};

	catalog_stop(start(a, SYNC_GROUP), &result);
	ck_assert_uint_eq(result.failed, 0);
	ck_assert_uint_eq(count_dirty(a), 0);
	catalog_stop(NULL, &result);
	archive_close(a);
}
END_TEST

START_TEST(a_part_that_comes_again_replaces_its_row)
{
	struct archive *a = begin(1);
	struct catalog *c = start(a, SYNC_NONE);
	struct catalog_result result;

	for (int i = 0; i < 3; i++)
		put(c, 7, RECORDS_DAY);
	catalog_stop(c, &result);
	ck_assert_uint_eq(count_rows(a, RECORDS_DAY), 1);
	archive_close(a);
}
END_TEST

/* ---- what goes wrong --------------------------------------------------------------------------
 */

START_TEST(a_day_whose_index_is_damaged_stays_dirty_and_no_other)
{
	struct archive *a = begin(3);
	struct catalog *c;
	struct catalog_result result;

	tempdir_write(
	    index_of(a, RECORDS_DAY + 1), "This is no database at all, whatever one thinks.", 48);
	c = start(a, SYNC_NONE);
	for (uint64_t n = 0; n < 30; n++)
		put(c, n, RECORDS_DAY + (int32_t)(n % 3));
	catalog_stop(c, &result);
	ck_assert_uint_eq(result.failed, 10);
	ck_assert_int_eq(result.first_error, -EBADMSG);
	ck_assert_uint_eq(count_rows(a, RECORDS_DAY), 10);
	ck_assert_uint_eq(count_rows(a, RECORDS_DAY + 2), 10);
	ck_assert_uint_eq(count_dirty(a), 1);
	ck_assert(archive_day_dirty(a, RECORDS_DAY + 1));
	archive_close(a);
}
END_TEST

START_TEST(rows_that_do_not_fit_on_the_disk_are_counted_and_the_day_stays_dirty)
{
	struct archive *a = begin(1);
	struct catalog *c = start(a, SYNC_NONE);
	struct catalog_result result;
	char *dirty;
	size_t len;

	for (uint64_t n = 0; n < 100; n++)
		put(c, n, RECORDS_DAY);
	wait_rows(a, RECORDS_DAY, 100);
	tempdir_limit(8192);
	for (uint64_t n = 100; n < 400; n++)
		put(c, n, RECORDS_DAY);
	catalog_stop(c, &result);
	tempdir_limit(UINT64_MAX);
	ck_assert_uint_eq(result.failed, 300);
	ck_assert_int_lt(result.first_error, 0);
	ck_assert_uint_eq(count_rows(a, RECORDS_DAY), 100);
	ck_assert(archive_day_dirty(a, RECORDS_DAY));
	dirty = (char *)tempdir_read(tempdir_path(archive_path(a), ".dirty"), &len);
	ck_assert_str_eq(dirty, "2026/01/02\n");
	free(dirty);
	archive_close(a);
}
END_TEST

START_TEST(rows_that_find_no_room_are_written_when_there_is_some)
{
	struct archive *a = begin(2);
	struct catalog *c = start(a, SYNC_EACH);
	struct catalog_result result;
	uint64_t n = 0, failures = 0;
	struct record r;

	put(c, n++, RECORDS_DAY);
	put(c, n++, RECORDS_DAY + 1);
	(void)catalog_find(c, RECORDS_DAY, "none", 0, &r);
	tempdir_limit(4096); /* less than an index has already */
	while (failures == 0 && n < 5000) {
		put(c, n, RECORDS_DAY + (int32_t)(n % 2));
		n++;
		failures += catalog_find(c, RECORDS_DAY, "none", 0, &r) < 0;
	}
	tempdir_limit(UINT64_MAX);
	ck_assert_uint_gt(failures, 0);
	put(c, n++, RECORDS_DAY);
	catalog_stop(c, &result);
	ck_assert_uint_eq(result.failed, 0);
	ck_assert_int_eq(result.first_error, 0);
	ck_assert_uint_eq(count_rows(a, RECORDS_DAY) + count_rows(a, RECORDS_DAY + 1), n);
	ck_assert_uint_eq(count_dirty(a), 0);
	archive_close(a);
}
END_TEST

static Suite *catalog_suite(void)
{
	Suite *s = suite_create("catalog");
	TCase *t = tcase_create("catalog");

	tcase_set_timeout(t, 240);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, rows_that_find_no_room_are_written_when_there_is_some);
	tcase_add_test(t, fifty_thousand_records_from_several_threads_are_all_there);
	tcase_add_loop_test(
	    t, more_days_at_once_than_are_kept_open_lose_nothing, SYNC_NONE, SYNC_EACH + 1);
	tcase_add_loop_test(
	    t, rows_become_visible_without_more_records_or_a_stop, SYNC_NONE, SYNC_EACH + 1);
	tcase_add_test(t, nothing_put_is_nothing_failed);
	tcase_add_test(t, a_part_that_comes_again_replaces_its_row);
	tcase_add_test(t, a_day_whose_index_is_damaged_stays_dirty_and_no_other);
	tcase_add_test(t, rows_that_do_not_fit_on_the_disk_are_counted_and_the_day_stays_dirty);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(catalog_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
