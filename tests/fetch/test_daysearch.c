/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of asking the index of a day while others change it. What others do is done here, at the
 * two moments where it matters: while the index is being read, and in the pause before it is asked
 * again, which the function at the top of this file stands in for: so nobody waits.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive_builder.h"
#include "base/clk.h"
#include "fetch/daysearch.h"
#include "fetchrig.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0bbbbbbb-2222-5222-8222-222222222222"
#define DAY    "2026/01/01"
#define INDEX  DAY "/flows.sqlite"

static unsigned pauses;
static unsigned put_in_pause; /* the index is put in its place in the pause of this number */

static void put_index(void);

int nanosleep(const struct timespec *asked, struct timespec *left)
{
	(void)asked;
	(void)left;
	pauses++;
	if (pauses == put_in_pause)
		put_index();
	return 0;
}

/* ---- an archive of one day with two rows, and its index ---- */

static struct fetchrig g;
static struct archive *reader;
static struct complaints complaints;
static uint8_t *good; /* the index as it should be */
static size_t good_bytes;

static void set_up(void)
{
	fetchrig_set_up(&g);
	memset(&complaints, 0, sizeof(complaints));
	pauses = put_in_pause = 0;
	builder_add(g.builder, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_add(g.builder, &(struct built_part){.uuid = UUID_B}, INDEXED);
	builder_end_writer(g.builder, ENDS_CLEANLY);
	good = fetchrig_bytes(&g, INDEX, &good_bytes);
	reader = builder_reader(g.builder);
}

static void tear_down(void)
{
	fetchrig_tear_down(&g);
	free(good);
}

/* In a new file: who has the old one open keeps it. */
static void put_index(void)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/" INDEX, builder_dir(g.builder));
	(void)unlink(path); /* it may be missing */
	builder_write(g.builder, INDEX, good, good_bytes);
}

/* What a reader may meet where an index is just being made. */
static void spoil_index(int how)
{
	builder_remove(g.builder, INDEX);
	if (how == 1)
		builder_write(g.builder, INDEX, "", 0);
	else if (how == 2)
		builder_write(g.builder, INDEX, "this is no index yet", 20);
}

static struct archive *begin_writer(void)
{
	struct archive *a;

	ck_assert_int_eq(archive_open(builder_dir(g.builder), ARCHIVE_WRITE, &a), 0);
	return a;
}

/* ---- asking ---- */

struct question {
	unsigned count;    /* how often it was asked */
	unsigned rows;     /* that the last answer had */
	bool replace;      /* the first time, the index is replaced while it is read */
	int first, second; /* what the first and the second time come to; 0: what reading does */
};

static int count_row(const struct record *r, void *arg)
{
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

static int ask(struct dayindex *x, int32_t day, void *arg)
{
	static const struct dayindex_where everything = {.sql = ""};
	struct question *q = arg;
	int rv, wanted;

	ck_assert_int_eq(day, clk_day(BUILDER_NOON));
	q->count++;
	q->rows = 0;
	if (q->replace && q->count == 1) {
		builder_wipe(g.builder, INDEX, 4096, good_bytes - 4096);
		put_index();
	}
	rv = dayindex_select_where(x, &everything, count_row, &q->rows);
	if (q->replace && q->count == 1)
		ck_assert_int_eq(rv, -EBADMSG);
	wanted = q->count == 1 ? q->first : q->count == 2 ? q->second : 0;
	return wanted != 0 ? wanted : rv;
}

static int search(struct question *q)
{
	const struct daysearch s = {reader, ask, q, builder_complain, &complaints};

	return daysearch_day(&s, clk_day(BUILDER_NOON));
}

static void check_found(const struct question *q)
{
	ck_assert_str_eq(complaints.text, "");
	ck_assert_uint_eq(q->rows, 2);
}

START_TEST(an_index_that_nobody_changes_is_asked_once)
{
	struct question q = {0};

	ck_assert_int_eq(search(&q), 0);
	check_found(&q);
	ck_assert_uint_eq(q.count, 1);
	ck_assert_uint_eq(pauses, 0);
}
END_TEST

/* As reindex does: what is open is of no use any more, the one under its name is good. */
START_TEST(an_index_that_is_replaced_while_it_is_read_is_opened_again)
{
	struct question q = {.replace = true};

	ck_assert_int_eq(search(&q), 0);
	check_found(&q);
	ck_assert_uint_eq(q.count, 2);
	ck_assert_uint_eq(pauses, 0);
}
END_TEST

/* As pin does, which nobody knows as a writer. */
START_TEST(an_index_that_is_just_being_made_is_waited_for)
{
	struct question q = {0};

	spoil_index(_i);
	put_in_pause = 1;
	ck_assert_int_eq(search(&q), 0);
	check_found(&q);
	ck_assert_uint_eq(pauses, 1);
}
END_TEST

START_TEST(while_a_writer_is_at_work_it_is_waited_for_longer)
{
	struct archive *writer = begin_writer();
	struct question q = {0};

	spoil_index(_i);
	put_in_pause = 4;
	ck_assert_int_eq(search(&q), 0);
	check_found(&q);
	ck_assert_uint_eq(pauses, 4);
	archive_close(writer);
}
END_TEST

/* The reader was there before: to it the day is one that nobody changes. */
START_TEST(while_a_tool_has_the_day_it_is_waited_for_longer)
{
	int32_t day = clk_day(BUILDER_NOON);
	struct question q = {0};
	struct archive *tool;

	ck_assert_int_eq(archive_open(builder_dir(g.builder), ARCHIVE_TEND, &tool), 0);
	ck_assert_int_eq(archive_lock_day(tool, day), 0);
	spoil_index(2);
	put_in_pause = 4;
	ck_assert_int_eq(search(&q), 0);
	check_found(&q);
	ck_assert_uint_eq(pauses, 4);
	archive_unlock_day(tool, day, ARCHIVE_UNLOCK_CLEAN);
	archive_close(tool);
}
END_TEST

/* ---- what is not waited for ---- */

START_TEST(what_nobody_makes_is_told_after_a_second_look)
{
	static const char *const reasons[] = {"missing; 'flowkeep reindex' makes it anew",
	    "missing; 'flowkeep reindex' makes it anew",
	    "damaged; 'flowkeep reindex' makes it anew"};
	struct question q = {0};
	char want[200];

	spoil_index(_i);
	ck_assert_int_eq(search(&q), 0);
	(void)snprintf(want, sizeof(want), INDEX ": %s\n", reasons[_i]);
	ck_assert_str_eq(complaints.text, want);
	ck_assert_uint_eq(q.count, 0);
	ck_assert_uint_eq(pauses, 2);
}
END_TEST

START_TEST(what_a_writer_does_not_mend_is_told_in_the_end)
{
	struct archive *writer = begin_writer();
	struct question q = {0};

	spoil_index(2);
	ck_assert_int_eq(search(&q), 0);
	ck_assert_str_eq(complaints.text, INDEX ": damaged; 'flowkeep reindex' makes it anew\n");
	ck_assert_uint_eq(pauses, 5);
	archive_close(writer);
}
END_TEST

/* Begun by a writer after the archive was opened: its index comes with its first rows. */
START_TEST(a_day_that_has_no_index_yet_is_no_reason_to_wait)
{
	struct archive *writer = begin_writer();
	struct question q = {0};
	int fd = archive_touch_day(writer, clk_day(BUILDER_NOON));

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	spoil_index(0);
	ck_assert_int_eq(search(&q), 0);
	ck_assert_str_eq(complaints.text, "");
	ck_assert_uint_eq(q.count, 0);
	ck_assert_uint_eq(pauses, 0);
	archive_leave_day(writer, clk_day(BUILDER_NOON));
	archive_close(writer);
}
END_TEST

START_TEST(a_day_that_was_removed_since_is_no_fault)
{
	char path[PATH_MAX];
	struct question q = {0};

	builder_remove(g.builder, INDEX);
	builder_remove(g.builder, INDEX "-names");
	builder_remove(g.builder, DAY "/" UUID_A ".pcap.gz");
	builder_remove(g.builder, DAY "/" UUID_B ".pcap.gz");
	(void)snprintf(path, sizeof(path), "%s/" DAY, builder_dir(g.builder));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(search(&q), 0);
	ck_assert_str_eq(complaints.text, "");
	ck_assert_uint_eq(q.count, 0);
}
END_TEST

START_TEST(without_memory_nothing_is_asked_again)
{
	struct question first = {.first = -ENOMEM}, second = {.first = -EBADMSG, .second = -ENOMEM};

	ck_assert_int_eq(search(&first), -ENOMEM);
	ck_assert_uint_eq(first.count, 1);
	ck_assert_int_eq(search(&second), -ENOMEM);
	ck_assert_uint_eq(second.count, 2);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/daysearch");
	TCase *t = tcase_create("daysearch");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, an_index_that_nobody_changes_is_asked_once);
	tcase_add_test(t, an_index_that_is_replaced_while_it_is_read_is_opened_again);
	tcase_add_loop_test(t, an_index_that_is_just_being_made_is_waited_for, 0, 3);
	tcase_add_loop_test(t, while_a_writer_is_at_work_it_is_waited_for_longer, 0, 3);
	tcase_add_test(t, while_a_tool_has_the_day_it_is_waited_for_longer);
	tcase_add_loop_test(t, what_nobody_makes_is_told_after_a_second_look, 0, 3);
	tcase_add_test(t, what_a_writer_does_not_mend_is_told_in_the_end);
	tcase_add_test(t, a_day_that_has_no_index_yet_is_no_reason_to_wait);
	tcase_add_test(t, a_day_that_was_removed_since_is_no_fault);
	tcase_add_test(t, without_memory_nothing_is_asked_again);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
