/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of an archive directory: one writer and any readers, the list of days that may be out of
 * step, the days that it holds, and numbers for staged files.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/layout.h"
#include "support/quick.h"
#include "support/tempdir.h"

static struct archive *open_archive(const char *path, enum archive_mode mode)
{
	struct archive *a;

	ck_assert_int_eq(archive_open(path, mode, &a), 0);
	return a;
}

static void touch(struct archive *a, int32_t day)
{
	int fd = archive_touch_day(a, day);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	archive_leave_day(a, day);
}

static void recover(struct archive *a, int32_t day)
{
	ck_assert_int_eq(archive_recover_day(a, day), 0);
	archive_unlock_day(a, day, ARCHIVE_UNLOCK_CLEAN);
}

static void check_dirty(struct archive *a, const int32_t *want, size_t count)
{
	int32_t *days;
	size_t n;

	ck_assert_int_eq(archive_dirty_days(a, &days, &n), 0);
	ck_assert_uint_eq(n, count);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(days[i], want[i]);
	free(days);
}

/* ---- opening, and the lock --------------------------------------------------------------------
 */

START_TEST(a_writer_makes_the_directory_with_its_parents)
{
	const char *dir = tempdir_new(), *path = tempdir_path(dir, "a/b/archive");
	struct archive *a = open_archive(path, ARCHIVE_WRITE);

	ck_assert_uint_eq(tempdir_mode(tempdir_path(dir, "a")), 0750);
	ck_assert_uint_eq(tempdir_mode(path), 0750);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(path, ".staging")), 0750);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(path, ".lock")), 0640);
	ck_assert_uint_eq(tempdir_count(path), 2);
	ck_assert_int_ge(archive_root(a), 0);
	ck_assert_int_ge(archive_staging(a), 0);
	archive_close(a);
	archive_close(NULL);
}
END_TEST

START_TEST(a_reader_makes_nothing)
{
	const char *dir = tempdir_new();
	struct archive *a = NULL;

	ck_assert_int_eq(archive_open(tempdir_path(dir, "missing"), ARCHIVE_READ, &a), -ENOENT);
	ck_assert_ptr_null(a);
	a = open_archive(dir, ARCHIVE_READ);
	ck_assert_int_eq(archive_staging(a), -1);
	ck_assert(!archive_has_writer(a));
	check_dirty(a, NULL, 0);
	archive_close(a);
	ck_assert_uint_eq(tempdir_count(dir), 0);
}
END_TEST

START_TEST(one_who_tends_makes_nothing_but_the_lock)
{
	const char *dir = tempdir_new();
	struct archive *a = NULL;

	ck_assert_int_eq(archive_open(tempdir_path(dir, "missing"), ARCHIVE_TEND, &a), -ENOENT);
	ck_assert(!tempdir_exists(tempdir_path(dir, "missing")));
	a = open_archive(dir, ARCHIVE_TEND);
	ck_assert_int_eq(archive_staging(a), -1);
	ck_assert_uint_eq(tempdir_count(dir), 1);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(dir, ".lock")), 0640);
	ck_assert(!archive_has_writer(a));
	archive_close(a);
}
END_TEST

START_TEST(what_is_no_directory_is_no_archive)
{
	const char *path = tempdir_path(tempdir_new(), "file");
	struct archive *a = NULL;

	tempdir_write(path, "x", 1);
	ck_assert_int_eq(archive_open(path, ARCHIVE_READ, &a), -ENOTDIR);
	ck_assert_int_eq(archive_open(path, ARCHIVE_WRITE, &a), -ENOTDIR);
	ck_assert_int_eq(archive_open(tempdir_path(path, "below"), ARCHIVE_WRITE, &a), -ENOTDIR);
	ck_assert_int_lt(archive_open("", ARCHIVE_WRITE, &a), 0);
	ck_assert_int_lt(archive_open("", ARCHIVE_READ, &a), 0);
	ck_assert_ptr_null(a);
}
END_TEST

START_TEST(the_path_is_absolute_wherever_the_process_goes)
{
	const char *dir = tempdir_new();
	struct archive *a;
	char *real = realpath(dir, NULL);

	ck_assert_int_eq(chdir(dir), 0);
	a = open_archive("x/../here", ARCHIVE_WRITE);
	ck_assert_str_eq(archive_path(a), tempdir_path(real, "here"));
	ck_assert_int_eq(chdir("/"), 0);
	touch(a, 0);
	ck_assert(tempdir_exists(tempdir_path(real, "here/1970/01/01")));
	archive_close(a);
	free(real);
}
END_TEST

START_TEST(a_second_writer_is_refused_and_readers_are_welcome)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE), *reader, *second = NULL;

	touch(a, 20000);
	ck_assert(archive_has_writer(a));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(archive_open(dir, ARCHIVE_WRITE, &second), -EAGAIN);
	ck_assert_ptr_null(second);
	reader = open_archive(dir, ARCHIVE_READ);
	ck_assert(archive_has_writer(reader));
	ck_assert(archive_day_dirty(reader, 20000));
	archive_close(a);
	ck_assert(!archive_has_writer(reader));
	second = open_archive(dir, ARCHIVE_WRITE);
	ck_assert(archive_has_writer(reader));
	archive_close(reader); /* takes no lock away */
	ck_assert(archive_has_writer(second));
	ck_assert_int_eq(archive_open(dir, ARCHIVE_WRITE, &a), -EAGAIN);
	archive_close(second);
}
END_TEST

START_TEST(the_lock_of_a_writer_in_another_process_ends_with_it)
{
	const char *dir = tempdir_new();
	struct archive *a = NULL, *reader;
	int ready[2], status;
	char c;
	pid_t child;

	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		c = archive_open(dir, ARCHIVE_WRITE, &a) == 0 ? 'y' : 'n';
		(void)!write(ready[1], &c, 1);
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(c, 'y');
	ck_assert_int_eq(archive_open(dir, ARCHIVE_WRITE, &a), -EAGAIN);
	reader = open_archive(dir, ARCHIVE_READ);
	ck_assert(archive_has_writer(reader));
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(!archive_has_writer(reader));
	a = open_archive(dir, ARCHIVE_WRITE);
	archive_close(a);
	archive_close(reader);
}
END_TEST

/* ---- days -------------------------------------------------------------------------------------
 */

START_TEST(the_list_of_dirty_days_survives_until_each_is_in_order)
{
	static const int32_t all[] = {0, 20000, 20454, 20455}, left[] = {0, 20455};
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);

	touch(a, 20455);
	touch(a, 0);
	touch(a, 20454);
	touch(a, 20455);
	touch(a, 20000);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(dir, ".dirty")), 0640);
	check_dirty(a, all, 4);
	archive_close(a); /* as if it were killed: nothing is struck */
	a = open_archive(dir, ARCHIVE_WRITE);
	check_dirty(a, all, 4);
	ck_assert_int_eq(archive_strike_day(a, 20454), 0); /* not ours: nothing happens */
	ck_assert(archive_day_dirty(a, 20454));
	recover(a, 20454);
	recover(a, 20000);
	ck_assert_int_eq(archive_strike_day(a, 20000), 0);
	ck_assert_int_eq(archive_strike_day(a, 12345), 0);
	ck_assert(!archive_day_dirty(a, 20454));
	ck_assert(archive_day_dirty(a, 20455));
	archive_close(a);
	a = open_archive(dir, ARCHIVE_WRITE);
	check_dirty(a, left, 2);
	recover(a, 0);
	recover(a, 20455);
	ck_assert(!tempdir_exists(tempdir_path(dir, ".dirty")));
	archive_close(a);
	a = open_archive(dir, ARCHIVE_READ);
	check_dirty(a, NULL, 0);
	archive_close(a);
}
END_TEST

START_TEST(a_day_that_cannot_be_listed_is_not_touched)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	int rv;

	touch(a, 1);
	tempdir_limit(5); /* the list does not fit */
	rv = archive_touch_day(a, 20455);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert(!archive_day_dirty(a, 20455));
	ck_assert(!tempdir_exists(tempdir_path(dir, "2026")));
	ck_assert_int_eq(archive_open_day(a, 20455), -ENOENT);
	touch(a, 20455);
	ck_assert(archive_day_dirty(a, 20455));
	archive_close(a);
}
END_TEST

START_TEST(foreign_lines_among_the_dirty_days_are_passed_over)
{
	static const char text[] = "2026/01/02\n\n../../etc\n2026/02/30\nxx\n2026/1/2\n1970/01/01\n"
				   "2026/01/02 \n/2026/01/02\n2026/01/03";
	static const int32_t want[] = {0, 20455, 20456};
	const char *dir = tempdir_new();
	struct archive *a;

	tempdir_write(tempdir_path(dir, ".dirty"), text, sizeof(text) - 1);
	a = open_archive(dir, ARCHIVE_WRITE);
	check_dirty(a, want, 3);
	archive_close(a);
}
END_TEST

struct toucher {
	struct archive *archive;
	int32_t from;
};

static void *touch_days(void *arg)
{
	struct toucher *t = arg;

	for (int32_t i = 0; i < 10; i++) {
		int fd = archive_touch_day(t->archive, t->from + i);

		quick_assert(fd >= 0 && close(fd) == 0);
		quick_assert(archive_strike_day(t->archive, t->from + i) == -EBUSY);
		archive_leave_day(t->archive, t->from + i);
		(void)archive_day_dirty(t->archive, t->from + i);
		quick_assert(i % 2 == 0 || archive_strike_day(t->archive, t->from + i) == 0);
	}
	return NULL;
}

START_TEST(threads_may_touch_and_strike_days_at_once)
{
	enum { THREADS = 4 };
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	struct toucher t[THREADS];
	pthread_t thread[THREADS];
	int32_t *days;
	size_t n;

	for (int32_t i = 0; i < THREADS; i++) {
		t[i] = (struct toucher){a, 20000 + i * 10};
		ck_assert_int_eq(pthread_create(&thread[i], NULL, touch_days, &t[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	archive_close(a);
	a = open_archive(dir, ARCHIVE_READ);
	ck_assert_int_eq(archive_dirty_days(a, &days, &n), 0);
	ck_assert_uint_eq(n, THREADS * 5);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(days[i], 20000 + (int32_t)i * 2);
	free(days);
	archive_close(a);
}
END_TEST

static void make(const char *dir, const char *name)
{
	ck_assert_int_eq(mkdir(tempdir_path(dir, name), 0750), 0);
}

START_TEST(days_are_listed_oldest_first_and_nothing_else_is_a_day)
{
	static const int32_t want[] = {0, 18262, 20454, 20455, 20820, 2932896};
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	int32_t *days = NULL;
	size_t n = 4711;

	ck_assert_int_eq(archive_days(a, &days, &n), 0);
	ck_assert_uint_eq(n, 0);
	free(days);
	for (size_t i = 6; i-- > 0;)
		touch(a, want[(i * 5) % 6]);
	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(archive_strike_day(a, want[i]), 0);
	make(dir, "2026/01/32");
	make(dir, "2026/01/3");
	make(dir, "2026/01/004");
	make(dir, "2026/01/xx");
	make(dir, "2026/13");
	make(dir, "2026/13/01");
	make(dir, "2026/1");
	make(dir, "2030");
	make(dir, "pinned");
	make(dir, "20260");
	tempdir_write(tempdir_path(dir, "2028"), "file", 4);
	tempdir_write(tempdir_path(dir, "2026/02"), "file", 4);
	tempdir_write(tempdir_path(dir, "2026/01/05"), "file", 4);
	ck_assert_int_eq(symlink("02", tempdir_path(dir, "2026/01/06")), 0);
	ck_assert_int_eq(symlink("2026", tempdir_path(dir, "2029")), 0);
	ck_assert_int_eq(symlink("nowhere", tempdir_path(dir, "2026/03")), 0);
	ck_assert_int_eq(archive_days(a, &days, &n), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(i < 6 && days[i] == want[i], "day %d stands at %zu", days[i], i);
	ck_assert_uint_eq(n, 6);
	free(days);
	archive_close(a);
}
END_TEST

START_TEST(a_day_that_is_a_symbolic_link_is_not_opened)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);

	touch(a, 20455);
	ck_assert_int_eq(symlink("02", tempdir_path(dir, "2026/01/03")), 0);
	ck_assert_int_lt(archive_open_day(a, 20456), 0);
	ck_assert_int_lt(archive_touch_day(a, 20456), 0);
	archive_close(a);
}
END_TEST

/* ---- numbers of staged files ------------------------------------------------------------------
 */

static void leave(const char *dir, const char *name)
{
	tempdir_write(tempdir_path(tempdir_path(dir, ".staging"), name), "x", 1);
}

START_TEST(serials_go_on_above_what_was_left_behind)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);

	ck_assert_uint_gt(archive_serial(a), 0);
	archive_close(a);
	leave(dir, "0000000000000009.-");
	leave(dir, "00000000000001ff.3f2a8c1d-0000-5000-8000-000000000001");
	leave(dir, "000000000000000a.zzz");
	a = open_archive(dir, ARCHIVE_WRITE);
	ck_assert_uint_eq(archive_serial(a), 0x200);
	ck_assert_uint_eq(archive_serial(a), 0x201);
	archive_close(a);
}
END_TEST

START_TEST(foreign_names_do_not_bring_serials_to_their_end)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);

	archive_close(a);
	leave(dir, "0000000000000000.x");
	leave(dir, "0000000000000005.x");
	leave(dir, "ffffffffffffffff.x");
	leave(dir, "fffffffffffffffffffffffff");
	leave(dir, "-1");
	a = open_archive(dir, ARCHIVE_WRITE);
	for (int i = 0; i < 10; i++) {
		uint64_t n = archive_serial(a);

		ck_assert_uint_gt(n, 5);
		ck_assert_uint_lt(n, UINT64_MAX);
	}
	archive_close(a);
}
END_TEST

static void *draw_serials(void *arg)
{
	uint64_t sum = 0;

	for (int i = 0; i < 1000; i++)
		sum += archive_serial(arg);
	return (void *)(uintptr_t)sum;
}

START_TEST(no_two_threads_get_the_same_serial)
{
	enum { THREADS = 4 };
	struct archive *a = open_archive(tempdir_new(), ARCHIVE_WRITE);
	uint64_t first = archive_serial(a), sum = 0;
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, draw_serials, a), 0);
	for (int i = 0; i < THREADS; i++) {
		void *part;

		ck_assert_int_eq(pthread_join(t[i], &part), 0);
		sum += (uintptr_t)part;
	}
	for (uint64_t i = 1; i <= THREADS * 1000; i++)
		sum -= first + i;
	ck_assert_uint_eq(sum, 0);
	archive_close(a);
}
END_TEST

static Suite *archive_suite(void)
{
	Suite *s = suite_create("archive");
	TCase *t = tcase_create("archive");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_writer_makes_the_directory_with_its_parents);
	tcase_add_test(t, a_reader_makes_nothing);
	tcase_add_test(t, what_is_no_directory_is_no_archive);
	tcase_add_test(t, the_path_is_absolute_wherever_the_process_goes);
	tcase_add_test(t, a_second_writer_is_refused_and_readers_are_welcome);
	tcase_add_test(t, the_lock_of_a_writer_in_another_process_ends_with_it);
	tcase_add_test(t, the_list_of_dirty_days_survives_until_each_is_in_order);
	tcase_add_test(t, one_who_tends_makes_nothing_but_the_lock);
	tcase_add_test(t, a_day_that_cannot_be_listed_is_not_touched);
	tcase_add_test(t, foreign_lines_among_the_dirty_days_are_passed_over);
	tcase_add_test(t, threads_may_touch_and_strike_days_at_once);
	tcase_add_test(t, days_are_listed_oldest_first_and_nothing_else_is_a_day);
	tcase_add_test(t, a_day_that_is_a_symbolic_link_is_not_opened);
	tcase_add_test(t, serials_go_on_above_what_was_left_behind);
	tcase_add_test(t, foreign_names_do_not_bring_serials_to_their_end);
	tcase_add_test(t, no_two_threads_get_the_same_serial);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(archive_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
