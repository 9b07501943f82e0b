/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of when the index waits for the disk: never at an ordinary commit, always at a durable one,
 * and then after the last byte is written.
 */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/tempdir.h"

/* What was synced last, and how long it was then. */
static char synced_path[PATH_MAX];
static off_t synced_size;
static unsigned syncs;

static void note_sync(int fd)
{
	char link[64];
	struct stat st;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, synced_path, sizeof(synced_path) - 1);
	synced_path[n > 0 ? n : 0] = '\0';
	synced_size = fstat(fd, &st) == 0 ? st.st_size : -1;
	syncs++;
}

/* In place of the C library's: SQLite finds these first. */
int fdatasync(int fd);
int fsync(int fd);

int fdatasync(int fd)
{
	note_sync(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	note_sync(fd);
	return (int)syscall(SYS_fsync, fd);
}

static void insert(struct dayindex *x, uint64_t n)
{
	struct record r;

	records_make(n, &r);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_insert(x, &r), 0);
	syncs = 0;
}

START_TEST(an_ordinary_commit_does_not_wait_and_a_durable_one_does)
{
	char *index, log[PATH_MAX];
	struct archive *a = rows_archive("a", &index);
	struct dayindex *x;
	struct stat st;

	(void)snprintf(log, sizeof(log), "%s-wal", index);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	for (uint64_t n = 0; n < 3; n++) {
		insert(x, 2 * n);
		ck_assert_int_eq(dayindex_commit(x), 0);
		ck_assert_uint_eq(syncs, 0);
		insert(x, 2 * n + 1);
		ck_assert_int_eq(dayindex_commit_durably(x), 0);
		ck_assert_uint_ge(syncs, 1);
		ck_assert_int_eq(stat(log, &st), 0);
		ck_assert_str_eq(synced_path, log);
		ck_assert_int_eq(synced_size, st.st_size);
		ck_assert_int_gt(st.st_size, 0);
	}
	dayindex_close(x);
	archive_close(a);
	free(index);
}
END_TEST

START_TEST(a_durable_commit_of_nothing_makes_durable_what_was_committed_before)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	insert(x, 1);
	ck_assert_int_eq(dayindex_commit(x), 0);
	ck_assert_uint_eq(syncs, 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_commit_durably(x), 0);
	ck_assert_uint_ge(syncs, 1);
	dayindex_close(x);
	archive_close(a);
	free(index);
}
END_TEST

static Suite *dayindex_sync_suite(void)
{
	Suite *s = suite_create("dayindex_sync");
	TCase *t = tcase_create("dayindex_sync");

	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, an_ordinary_commit_does_not_wait_and_a_durable_one_does);
	tcase_add_test(t, a_durable_commit_of_nothing_makes_durable_what_was_committed_before);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dayindex_sync_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
