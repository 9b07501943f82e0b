/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the filter of names beside a day's index: it hides nothing that the index has, counts
 * for that very index alone, and no damage to it makes it say more than it knows.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayfilter.h"
#include "archive/dayindex.h"
#include "support/dayrig.h"
#include "support/records.h"
#include "support/tempdir.h"

#define NAMES 2000

static struct archive *a;

static void set_up(void)
{
	ck_assert_int_eq(archive_open(tempdir_new(), ARCHIVE_WRITE, &a), 0);
	ck_assert_int_eq(close(archive_touch_day(a, DAYRIG_DAY)), 0);
}

static void tear_down(void)
{
	archive_close(a);
}

/* Every third name is no UUID. */
static const char *name_of(unsigned n)
{
	static char name[LAYOUT_UUID_SIZE];

	(void)snprintf(name, sizeof(name),
	    n % 3 == 0 ? "host_17_%016X" : "00000000-0000-4000-8000-%012x", n * 2654435761u);
	return name;
}

/* Adds rows to the day's index, which is closed then. */
static void add(unsigned from, unsigned to)
{
	struct dayrig_part p = {.kib = 1};
	struct dayindex *x;
	struct record r;

	ck_assert_int_eq(dayindex_open(a, DAYRIG_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	for (unsigned n = from; n < to; n++) {
		p.n = n;
		dayrig_record(&p, &r);
		(void)snprintf(r.uuid, sizeof(r.uuid), "%s", name_of(n));
		if (dayindex_insert(x, &r) != 0)
			ck_abort_msg("insert %u", n);
	}
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
}

static struct dayfilter *filter(void)
{
	struct dayfilter *f = NULL;

	ck_assert_int_eq(dayfilter_open(a, DAYRIG_DAY, &f), 0);
	return f;
}

static bool there_is_one(void)
{
	struct dayfilter *f;

	if (dayfilter_open(a, DAYRIG_DAY, &f) != 0)
		return false;
	dayfilter_free(f);
	return true;
}

/* How many of these names does it know to be missing? */
static unsigned lacking(unsigned from, unsigned to)
{
	struct dayfilter *f = filter();
	unsigned count = 0;

	for (unsigned n = from; n < to; n++)
		count += dayfilter_lacks(f, name_of(n));
	dayfilter_free(f);
	return count;
}

START_TEST(no_name_of_the_index_is_lacking_and_nearly_every_other_one_is)
{
	add(0, NAMES);
	ck_assert_uint_eq(lacking(0, NAMES), 0);
	ck_assert_uint_ge(lacking(NAMES, 3 * NAMES), 2 * NAMES * 97 / 100);
}
END_TEST

START_TEST(a_day_without_rows_lacks_all)
{
	add(0, 0);
	ck_assert_uint_eq(lacking(0, 100), 100);
}
END_TEST

START_TEST(who_writes_takes_it_away_and_leaves_a_new_one)
{
	struct dayindex *x;

	add(0, 10);
	ck_assert_int_eq(dayindex_open(a, DAYRIG_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert(!there_is_one());
	dayindex_close(x);
	ck_assert(there_is_one());
	add(10, 500);
	ck_assert_uint_eq(lacking(0, 500), 0);
}
END_TEST

START_TEST(it_stays_when_the_index_is_read)
{
	struct dayindex *x;

	add(0, 10);
	ck_assert_int_eq(dayindex_open(a, DAYRIG_DAY, DAYINDEX_READ, &x), 0);
	ck_assert(there_is_one());
	dayindex_close(x);
	ck_assert(there_is_one());
}
END_TEST

START_TEST(it_counts_for_the_index_of_its_size_and_time_alone)
{
	const char *index = dayrig_path(a, 0, LAYOUT_INDEX);
	struct timespec times[2];
	struct stat st;

	add(0, 10);
	ck_assert_int_eq(stat(index, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	times[1].tv_nsec ^= 1;
	ck_assert_int_eq(utimensat(AT_FDCWD, index, times, 0), 0);
	ck_assert(!there_is_one());
	times[1] = st.st_mtim;
	ck_assert_int_eq(utimensat(AT_FDCWD, index, times, 0), 0);
	ck_assert(there_is_one());
	ck_assert_int_eq(truncate(index, st.st_size + 4096), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, index, times, 0), 0);
	ck_assert(!there_is_one());
}
END_TEST

/* Rows may be in the log alone. */
START_TEST(it_does_not_count_beside_a_log)
{
	add(0, 10);
	ck_assert_int_eq(close(creat(dayrig_path(a, 0, LAYOUT_INDEX "-wal"), 0600)), 0);
	ck_assert(!there_is_one());
}
END_TEST

START_TEST(a_flipped_bit_hides_no_name)
{
	const char *path = dayrig_path(a, 0, DAYFILTER_NAME);
	struct stat st;
	int fd;

	add(0, 100);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 64 + 64 * 3); /* 100 names of 12 bits, 480 in a block */
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	for (off_t i = 0; i < st.st_size * 8; i++) {
		uint8_t byte, flipped;

		ck_assert_int_eq(pread(fd, &byte, 1, i / 8), 1);
		flipped = (uint8_t)(byte ^ 1u << i % 8);
		ck_assert_int_eq(pwrite(fd, &flipped, 1, i / 8), 1);
		if (there_is_one() && lacking(0, 100) != 0)
			ck_abort_msg("bit %lld", (long long)i);
		ck_assert_int_eq(pwrite(fd, &byte, 1, i / 8), 1);
	}
	ck_assert_uint_eq(lacking(0, 100), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(one_that_is_cut_anywhere_hides_no_name)
{
	const char *path = dayrig_path(a, 0, DAYFILTER_NAME);

	add(0, 100);
	for (off_t size = 64 * 4 - 1; size >= 0; size--) {
		ck_assert_int_eq(truncate(path, size), 0);
		if (there_is_one() && lacking(0, 100) != 0)
			ck_abort_msg("size %lld", (long long)size);
	}
}
END_TEST

/* A file that was not written to the disk in time is zeros, or has them. */
START_TEST(zeros_hide_no_name)
{
	static const uint8_t zeros[64];
	int fd;

	add(0, 100);
	fd = open(dayrig_path(a, 0, DAYFILTER_NAME), O_RDWR);
	for (off_t at = 3 * 64; at >= 0; at -= 64) {
		ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
		if (there_is_one() && lacking(0, 100) != 0)
			ck_abort_msg("zeros at %lld", (long long)at);
	}
	ck_assert(!there_is_one());
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(links_and_other_things_of_its_name_are_not_followed)
{
	const char *path = dayrig_path(a, 0, DAYFILTER_NAME);
	char moved[PATH_MAX];

	add(0, 10);
	(void)snprintf(moved, sizeof(moved), "%s.moved", path);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(symlink(moved, path), 0);
	ck_assert(!there_is_one());
	add(10, 20); /* puts a file in its place */
	ck_assert(there_is_one());
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert(!there_is_one());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dayfilter");
	TCase *t = tcase_create("filter");
	SRunner *runner;
	int failed;

	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, no_name_of_the_index_is_lacking_and_nearly_every_other_one_is);
	tcase_add_test(t, a_day_without_rows_lacks_all);
	tcase_add_test(t, who_writes_takes_it_away_and_leaves_a_new_one);
	tcase_add_test(t, it_stays_when_the_index_is_read);
	tcase_add_test(t, it_counts_for_the_index_of_its_size_and_time_alone);
	tcase_add_test(t, it_does_not_count_beside_a_log);
	tcase_add_test(t, a_flipped_bit_hides_no_name);
	tcase_add_test(t, one_that_is_cut_anywhere_hides_no_name);
	tcase_add_test(t, zeros_hide_no_name);
	tcase_add_test(t, links_and_other_things_of_its_name_are_not_followed);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
