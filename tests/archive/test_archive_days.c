/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of who has a day in hand: the writer, its threads, and tools in other processes; and of the
 * list of dirty days, which they all change.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/archive.h"
#include "support/quick.h"
#include "support/tempdir.h"

#define DAY   20455
#define OTHER 20456

static struct archive *open_archive(const char *path, enum archive_mode mode)
{
	struct archive *a;

	ck_assert_int_eq(archive_open(path, mode, &a), 0);
	return a;
}

static void touch(struct archive *a, int32_t day)
{
	int fd = archive_touch_day(a, day);

	quick_assert(fd >= 0 && close(fd) == 0);
}

/* A day that has been written and is in order. */
static void make_day(struct archive *a, int32_t day)
{
	touch(a, day);
	archive_leave_day(a, day);
	quick_assert(archive_strike_day(a, day) == 0);
}

/* The list as it stands on disk. */
static void check_list(const char *dir, const char *want)
{
	const char *path = tempdir_path(dir, ".dirty");
	size_t len;
	char *text;

	if (want[0] == '\0') {
		ck_assert(!tempdir_exists(path));
		return;
	}
	text = (char *)tempdir_read(path, &len);
	ck_assert_str_eq(text, want);
	free(text);
}

/* ---- two handles ---- */

START_TEST(a_tool_gets_no_day_that_the_writer_has)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	struct archive *tool = open_archive(dir, ARCHIVE_TEND);

	make_day(a, OTHER);
	touch(a, DAY);
	check_list(dir, "2026/01/02\n");
	ck_assert_int_eq(archive_lock_day(tool, DAY), -EAGAIN);
	archive_leave_day(a, DAY); /* its rows are still to be written */
	ck_assert_int_eq(archive_lock_day(tool, DAY), -EAGAIN);
	check_list(dir, "2026/01/02\n");
	ck_assert_int_eq(archive_lock_day(tool, OTHER), 0);
	check_list(dir, "2026/01/02\n2026/01/03 tool\n");
	ck_assert(archive_day_dirty(tool, DAY));
	ck_assert(archive_day_dirty(tool, OTHER));
	ck_assert_int_eq(archive_strike_day(a, DAY), 0);
	check_list(dir, "2026/01/03 tool\n");
	ck_assert_int_eq(archive_lock_day(tool, DAY), 0);
	ck_assert(!archive_day_unmended(tool, DAY));
	archive_unlock_day(tool, DAY, ARCHIVE_UNLOCK_CLEAN);
	archive_unlock_day(tool, OTHER, ARCHIVE_UNLOCK_CLEAN);
	check_list(dir, "");
	archive_close(tool);
	archive_close(a);
}
END_TEST

START_TEST(one_day_is_had_by_one_tool)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE), *one, *two;

	make_day(a, DAY);
	archive_close(a);
	one = open_archive(dir, ARCHIVE_TEND);
	two = open_archive(dir, ARCHIVE_TEND);
	ck_assert_int_eq(archive_lock_day(one, OTHER), -ENOENT);
	check_list(dir, "");
	ck_assert_int_eq(archive_lock_day(one, DAY), 0);
	ck_assert_int_eq(archive_lock_day(one, DAY), -EAGAIN);
	ck_assert_int_eq(archive_lock_day(two, DAY), -EAGAIN);
	archive_unlock_day(one, DAY, ARCHIVE_UNLOCK_DIRTY);
	check_list(dir, "2026/01/02 tool\n");
	ck_assert_int_eq(archive_lock_day(two, DAY), 0);
	ck_assert(archive_day_unmended(two, DAY));
	archive_unlock_day(two, DAY, ARCHIVE_UNLOCK_CLEAN);
	check_list(dir, "");
	ck_assert_int_eq(archive_lock_day(one, DAY), 0);
	archive_close(one); /* as if it were killed */
	ck_assert_int_eq(archive_lock_day(two, DAY), 0);
	ck_assert(archive_day_unmended(two, DAY));
	archive_close(two);
}
END_TEST

struct toucher {
	struct archive *archive;
	pthread_t thread;
	_Atomic int done;
};

static void *touch_in_thread(void *arg)
{
	struct toucher *t = arg;

	touch(t->archive, DAY);
	atomic_store(&t->done, 1);
	return NULL;
}

static void start_touching(struct toucher *t, struct archive *a)
{
	t->archive = a;
	atomic_store(&t->done, 0);
	ck_assert_int_eq(pthread_create(&t->thread, NULL, touch_in_thread, t), 0);
}

/* A tool sees that it is waited for before it has to know from anywhere else. */
static void await_wanted(struct archive *tool)
{
	while (!archive_day_wanted(tool, DAY))
		(void)sched_yield();
}

START_TEST(the_writer_waits_for_a_tool_that_sees_it_waiting)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	struct archive *tool = open_archive(dir, ARCHIVE_TEND);
	struct toucher t[2];

	make_day(a, DAY);
	ck_assert_int_eq(archive_lock_day(tool, DAY), 0);
	ck_assert(!archive_day_wanted(tool, DAY));
	start_touching(&t[0], a);
	await_wanted(tool);
	start_touching(&t[1], a);
	while (archive_day_users(a, DAY) < 2)
		(void)sched_yield();
	ck_assert(!archive_day_wanted(tool, OTHER));
	check_list(dir, "2026/01/02\n2026/01/02 tool\n");
	touch(a, OTHER); /* the other days do not wait */
	ck_assert_int_eq(atomic_load(&t[0].done), 0);
	ck_assert_int_eq(atomic_load(&t[1].done), 0);
	archive_unlock_day(tool, DAY, ARCHIVE_UNLOCK_CLEAN);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(t[i].thread, NULL), 0);
	check_list(dir, "2026/01/02\n2026/01/03\n");
	ck_assert_uint_eq(archive_day_users(a, DAY), 2);
	ck_assert_int_eq(archive_lock_day(tool, DAY), -EAGAIN);
	archive_leave_day(a, DAY);
	ck_assert_int_eq(archive_strike_day(a, DAY), -EBUSY);
	archive_leave_day(a, DAY);
	ck_assert_int_eq(archive_strike_day(a, DAY), 0);
	archive_close(tool);
	archive_close(a);
}
END_TEST

START_TEST(what_a_tool_leaves_dirty_stays_so_when_the_writer_is_through)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	struct archive *tool = open_archive(dir, ARCHIVE_TEND);

	make_day(a, DAY);
	ck_assert_int_eq(archive_lock_day(tool, DAY), 0);
	archive_close(tool); /* as if it were killed */
	make_day(a, DAY);
	check_list(dir, "2026/01/02 tool\n");
	ck_assert_int_eq(archive_recover_day(a, DAY), 0);
	archive_unlock_day(a, DAY, ARCHIVE_UNLOCK_CLEAN);
	check_list(dir, "");
	archive_close(a);
}
END_TEST

/* ---- in the writer itself ---- */

START_TEST(retention_gets_days_that_the_writer_has_not_touched)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	struct toucher t;

	make_day(a, DAY);
	touch(a, OTHER);
	ck_assert_int_eq(archive_lock_day(a, OTHER), -EAGAIN);
	archive_leave_day(a, OTHER);
	ck_assert_int_eq(archive_lock_day(a, OTHER), -EAGAIN); /* it is not struck */
	ck_assert_int_eq(archive_lock_day(a, DAY), 0);
	ck_assert_int_eq(archive_strike_day(a, DAY), -EBUSY);
	ck_assert(!archive_day_wanted(a, DAY));
	start_touching(&t, a);
	await_wanted(a);
	ck_assert_int_eq(atomic_load(&t.done), 0);
	archive_unlock_day(a, DAY, ARCHIVE_UNLOCK_CLEAN);
	ck_assert_int_eq(pthread_join(t.thread, NULL), 0);
	check_list(dir, "2026/01/02\n2026/01/03\n");
	ck_assert_int_eq(archive_lock_day(a, DAY), -EAGAIN);
	archive_close(a);
}
END_TEST

START_TEST(a_lock_that_goes_over_to_a_waiting_thread_is_never_free)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	struct archive *tool = open_archive(dir, ARCHIVE_TEND);
	struct toucher t;

	make_day(a, DAY);
	ck_assert_int_eq(archive_lock_day(a, DAY), 0);
	start_touching(&t, a);
	await_wanted(a);
	archive_unlock_day(a, DAY, ARCHIVE_UNLOCK_CLEAN);
	ck_assert_int_eq(archive_lock_day(tool, DAY), -EAGAIN);
	ck_assert_int_eq(pthread_join(t.thread, NULL), 0);
	archive_close(tool);
	archive_close(a);
}
END_TEST

START_TEST(the_writer_recovers_what_it_has_touched_and_what_others_left)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);

	touch(a, DAY);
	archive_close(a); /* as if it were killed */
	check_list(dir, "2026/01/02\n");
	a = open_archive(dir, ARCHIVE_WRITE);
	check_list(dir, "2026/01/02 tool\n");
	ck_assert_uint_eq(archive_day_users(a, DAY), 0);
	ck_assert_int_eq(archive_lock_day(a, DAY), 0);
	ck_assert(archive_day_unmended(a, DAY));
	archive_unlock_day(a, DAY, ARCHIVE_UNLOCK_DIRTY);
	make_day(a, DAY); /* which mends nothing */
	ck_assert(archive_day_dirty(a, DAY));
	touch(a, OTHER);
	ck_assert_int_eq(archive_recover_day(a, OTHER), -EAGAIN);
	archive_leave_day(a, OTHER);
	ck_assert_int_eq(archive_recover_day(a, OTHER), 0);
	archive_unlock_day(a, OTHER, ARCHIVE_UNLOCK_CLEAN);
	ck_assert(!archive_day_dirty(a, OTHER));
	ck_assert_int_eq(archive_recover_day(a, DAY), 0);
	archive_unlock_day(a, DAY, ARCHIVE_UNLOCK_CLEAN);
	check_list(dir, "");
	archive_close(a);
}
END_TEST

START_TEST(a_listed_day_without_a_directory_is_listed_no_longer)
{
	const char *dir = tempdir_new();
	struct archive *a;

	tempdir_write(tempdir_path(dir, ".dirty"), "2026/01/02\n2026/01/03 tool\n", 27);
	a = open_archive(dir, ARCHIVE_WRITE);
	ck_assert_int_eq(archive_recover_day(a, DAY), -ENOENT);
	ck_assert(!archive_day_dirty(a, DAY));
	ck_assert_int_eq(archive_recover_day(a, OTHER), -ENOENT);
	check_list(dir, "");
	archive_close(a);
}
END_TEST

START_TEST(a_tool_without_a_writer_takes_the_lines_of_a_dead_one)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE), *tool;

	touch(a, DAY);
	archive_close(a); /* as if it were killed */
	tool = open_archive(dir, ARCHIVE_TEND);
	ck_assert_int_eq(archive_lock_day(tool, DAY), 0);
	ck_assert(archive_day_unmended(tool, DAY));
	ck_assert(!archive_day_wanted(tool, DAY)); /* nobody waits */
	archive_unlock_day(tool, DAY, ARCHIVE_UNLOCK_CLEAN);
	check_list(dir, "");
	archive_close(tool);
}
END_TEST

START_TEST(a_day_that_cannot_be_listed_is_not_locked)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE), *tool, *other;
	int rv;

	make_day(a, DAY);
	archive_close(a);
	tool = open_archive(dir, ARCHIVE_TEND);
	other = open_archive(dir, ARCHIVE_TEND);
	tempdir_limit(5);
	rv = archive_lock_day(tool, DAY);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	check_list(dir, "");
	ck_assert_int_eq(archive_lock_day(other, DAY), 0);
	archive_unlock_day(other, DAY, ARCHIVE_UNLOCK_CLEAN);
	archive_close(other);
	archive_close(tool);
}
END_TEST

START_TEST(segments_are_marked_for_as_long_as_they_are_written)
{
	struct archive *a = open_archive(tempdir_new(), ARCHIVE_WRITE);

	ck_assert(!archive_segment_open(a, DAY, 1));
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_int_eq(archive_mark_segment(a, DAY, i, true), 0);
	ck_assert_int_eq(archive_mark_segment(a, DAY, 2, true), 0);
	ck_assert_int_eq(archive_mark_segment(a, DAY, 2, false), 0);
	ck_assert_int_eq(archive_mark_segment(a, OTHER, 1, false), 0);
	ck_assert(archive_segment_open(a, DAY, 1));
	ck_assert(!archive_segment_open(a, DAY, 2));
	ck_assert(archive_segment_open(a, DAY, 3));
	ck_assert(!archive_segment_open(a, OTHER, 3));
	archive_close(a);
}
END_TEST

/* ---- other processes ---- */

/* A process that has a day in hand when this returns, until it is killed. */
static pid_t have_day_elsewhere(const char *dir)
{
	int ready[2];
	pid_t child;
	char c = 0;

	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct archive *tool;

		if (archive_open(dir, ARCHIVE_TEND, &tool) == 0 && archive_lock_day(tool, DAY) == 0)
			(void)!write(ready[1], "y", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return child;
}

static void kill_child(pid_t child)
{
	int status;

	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
}

START_TEST(a_day_that_another_process_has_is_free_when_that_is_killed)
{
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE), *tool;
	struct toucher t;
	pid_t child;

	make_day(a, DAY);
	child = have_day_elsewhere(dir);
	tool = open_archive(dir, ARCHIVE_TEND);
	ck_assert_int_eq(archive_lock_day(tool, DAY), -EAGAIN);
	ck_assert_int_eq(archive_lock_day(a, DAY), -EAGAIN);
	start_touching(&t, a);
	await_wanted(tool);
	ck_assert_int_eq(atomic_load(&t.done), 0);
	kill_child(child);
	ck_assert_int_eq(pthread_join(t.thread, NULL), 0);
	check_list(dir, "2026/01/02\n2026/01/02 tool\n");
	archive_close(tool);
	archive_close(a);
}
END_TEST

START_TEST(a_lock_on_the_whole_file_keeps_writers_and_tools_out)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE), *tool;
	int fd = open(tempdir_path(dir, ".lock"), O_RDWR | O_CLOEXEC);

	make_day(a, DAY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(fcntl(fd, F_OFD_SETLK, &all), 0); /* and we keep that one out */
	archive_close(a);
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &all), 0);
	ck_assert_int_eq(archive_open(dir, ARCHIVE_WRITE, &a), -EAGAIN);
	tool = open_archive(dir, ARCHIVE_TEND);
	ck_assert(archive_has_writer(tool));
	ck_assert_int_eq(archive_lock_day(tool, DAY), -EAGAIN);
	(void)close(fd);
	ck_assert_int_eq(archive_lock_day(tool, DAY), 0);
	ck_assert(!archive_has_writer(tool)); /* a tool is none */
	a = open_archive(dir, ARCHIVE_WRITE);
	archive_close(a);
	archive_close(tool);
}
END_TEST

enum { ROUNDS = 200 };

/* Locks and unlocks days of its own, again and again. */
static void churn(const char *dir, int32_t from)
{
	struct archive *tool;

	if (archive_open(dir, ARCHIVE_TEND, &tool) != 0)
		_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		int32_t day = from + i % 3;

		if (archive_lock_day(tool, day) != 0)
			_exit(2);
		archive_unlock_day(
		    tool, day, i >= ROUNDS - 3 ? ARCHIVE_UNLOCK_DIRTY : ARCHIVE_UNLOCK_CLEAN);
	}
	_exit(0);
}

START_TEST(no_line_is_lost_when_writer_and_tools_change_the_list_at_once)
{
	enum { TOOLS = 3 };
	const char *dir = tempdir_new();
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	pid_t child[TOOLS];
	int32_t *days;
	size_t n;

	for (int32_t i = 0; i < 4 * TOOLS; i++)
		make_day(a, DAY + i);
	for (int i = 0; i < TOOLS; i++) {
		child[i] = fork();
		ck_assert_int_ge(child[i], 0);
		if (child[i] == 0)
			churn(dir, DAY + 3 * i);
	}
	for (int i = 0; i < ROUNDS; i++) {
		int32_t day = DAY + 3 * TOOLS + i % 3;

		touch(a, day);
		archive_leave_day(a, day);
		quick_assert(i >= ROUNDS - 3 || archive_strike_day(a, day) == 0);
	}
	for (int i = 0; i < TOOLS; i++) {
		int status;

		ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
		ck_assert_int_eq(status, 0);
	}
	archive_close(a);
	a = open_archive(dir, ARCHIVE_READ);
	ck_assert_int_eq(archive_dirty_days(a, &days, &n), 0);
	ck_assert_uint_eq(n, 4 * 3);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(days[i], DAY + (int32_t)i);
	free(days);
	archive_close(a);
}
END_TEST

static Suite *days_suite(void)
{
	Suite *s = suite_create("archive_days");
	TCase *t = tcase_create("archive_days");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_tool_gets_no_day_that_the_writer_has);
	tcase_add_test(t, one_day_is_had_by_one_tool);
	tcase_add_test(t, the_writer_waits_for_a_tool_that_sees_it_waiting);
	tcase_add_test(t, what_a_tool_leaves_dirty_stays_so_when_the_writer_is_through);
	tcase_add_test(t, retention_gets_days_that_the_writer_has_not_touched);
	tcase_add_test(t, a_lock_that_goes_over_to_a_waiting_thread_is_never_free);
	tcase_add_test(t, the_writer_recovers_what_it_has_touched_and_what_others_left);
	tcase_add_test(t, a_listed_day_without_a_directory_is_listed_no_longer);
	tcase_add_test(t, a_tool_without_a_writer_takes_the_lines_of_a_dead_one);
	tcase_add_test(t, a_day_that_cannot_be_listed_is_not_locked);
	tcase_add_test(t, segments_are_marked_for_as_long_as_they_are_written);
	tcase_add_test(t, a_day_that_another_process_has_is_free_when_that_is_killed);
	tcase_add_test(t, a_lock_on_the_whole_file_keeps_writers_and_tools_out);
	tcase_add_test(t, no_line_is_lost_when_writer_and_tools_change_the_list_at_once);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(days_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
