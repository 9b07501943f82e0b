/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the wall between writers and the thread that makes room: what is told of claims, when
 * the thread is woken, and who waits. (test_retain has the thread itself.)
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "archive/wall.h"

#define FOREVER INT64_MAX

static _Atomic uint64_t waits;
static struct wall *wall;

static const struct wall_ceiling everything = {UINT64_MAX, UINT64_MAX};

static void set_up(void)
{
	atomic_store(&waits, 0);
	ck_assert_int_eq(wall_new(&waits, &wall), 0);
}

static void tear_down(void)
{
	wall_release(wall);
	wall_free(wall);
}

START_TEST(claims_are_told_in_whole_blocks_with_room_for_their_rows)
{
	const struct wall_claim first = {.bytes = 1, .files = 1, .parts = 2};
	const struct wall_claim second = {.bytes = 4096, .where = WALL_STAGED};
	struct wall_claims c;

	wall_open(wall);
	wall_begin(wall, &first);
	wall_begin(wall, &second);
	wall_look(wall, &c);
	ck_assert_uint_eq(c.bytes, 4096 + 2 * WALL_ROW_BYTES + 4096);
	ck_assert_uint_eq(c.open_bytes, c.bytes);
	ck_assert_uint_eq(c.files, 1);
	ck_assert_uint_eq(c.open_files, 1);
	ck_assert_uint_eq(c.staged_bytes, 0);

	wall_end(wall, &second);
	wall_look(wall, &c);
	ck_assert_uint_eq(c.open_bytes, 4096 + 2 * WALL_ROW_BYTES);
	ck_assert_uint_eq(c.open_files, 1);
	ck_assert_uint_eq(c.staged_bytes, 4096);

	wall_end(wall, &first);
	wall_look(wall, &c);
	ck_assert_uint_eq(c.open_bytes, 0);
	ck_assert_uint_eq(c.open_files, 0);
	ck_assert_uint_eq(c.staged_bytes, 4096);
	ck_assert_uint_eq(c.bytes, 8192 + 2 * WALL_ROW_BYTES);
}
END_TEST

START_TEST(a_claim_up_to_the_ceiling_does_not_wait)
{
	const struct wall_ceiling ceiling = {.bytes = 8192, .files = 2};
	const struct wall_claim c = {.bytes = 4096, .files = 1};

	wall_set(wall, &ceiling, UINT64_MAX);
	wall_begin(wall, &c);
	wall_begin(wall, &c);
	ck_assert_uint_eq(atomic_load(&waits), 0);
	ck_assert(!wall_awaited(wall));
}
END_TEST

START_TEST(claims_that_come_to_what_is_due_wake_the_thread_without_haste)
{
	const struct wall_claim c = {.bytes = 4096};

	wall_set(wall, &everything, 8192);
	wall_begin(wall, &c);
	ck_assert(!wall_sleep(wall, 0)); /* the time is over: nobody called */
	wall_begin(wall, &c);
	ck_assert(!wall_sleep(wall, FOREVER));
}
END_TEST

START_TEST(a_call_while_the_thread_does_not_sleep_is_not_lost)
{
	wall_wake(wall);
	ck_assert(wall_sleep(wall, FOREVER));
	ck_assert(!wall_sleep(wall, 0));
}
END_TEST

struct writer {
	pthread_t thread;
	struct wall_claim claim;
};

static void *write_it(void *arg)
{
	wall_begin(wall, &((struct writer *)arg)->claim);
	return NULL;
}

static void start(struct writer *w, uint64_t bytes, uint64_t files)
{
	uint64_t before = atomic_load(&waits);

	w->claim = (struct wall_claim){.bytes = bytes, .files = files};
	ck_assert_int_eq(pthread_create(&w->thread, NULL, write_it, w), 0);
	while (atomic_load(&waits) == before)
		(void)sched_yield();
}

START_TEST(who_has_no_room_calls_and_waits_until_there_is)
{
	struct wall_ceiling ceiling = {.bytes = 4096, .files = 9};
	struct writer first, second;

	wall_set(wall, &ceiling, UINT64_MAX);
	start(&first, 8192, 0);
	ck_assert(wall_sleep(wall, FOREVER));
	ck_assert(wall_awaited(wall));
	start(&second, 4096, 0);
	ck_assert(wall_sleep(wall, FOREVER));

	ceiling.bytes = 8192; /* for the first, who asked first */
	wall_set(wall, &ceiling, UINT64_MAX);
	ck_assert_int_eq(pthread_join(first.thread, NULL), 0);
	ck_assert(wall_awaited(wall));
	ck_assert(wall_sleep(wall, FOREVER)); /* the second calls again */
	ceiling.bytes = 12288;
	wall_set(wall, &ceiling, UINT64_MAX);
	ck_assert_int_eq(pthread_join(second.thread, NULL), 0);
	ck_assert(!wall_awaited(wall));
}
END_TEST

START_TEST(files_have_a_ceiling_of_their_own)
{
	struct wall_ceiling ceiling = {.bytes = UINT64_MAX, .files = 1};
	struct writer w;

	wall_set(wall, &ceiling, UINT64_MAX);
	start(&w, 0, 2);
	ck_assert(wall_awaited(wall));
	ceiling.files = 2;
	wall_set(wall, &ceiling, UINT64_MAX);
	ck_assert_int_eq(pthread_join(w.thread, NULL), 0);
}
END_TEST

START_TEST(a_new_wall_is_closed_and_a_released_one_stays_open)
{
	const struct wall_ceiling nothing = {0, 0};
	const struct wall_claim more = {.bytes = 1, .files = 1};
	struct writer w;

	start(&w, 1, 1);
	wall_release(wall);
	ck_assert_int_eq(pthread_join(w.thread, NULL), 0);
	wall_set(wall, &nothing, 0);
	wall_begin(wall, &more);
	ck_assert_uint_eq(atomic_load(&waits), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wall");
	TCase *t = tcase_create("wall");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, claims_are_told_in_whole_blocks_with_room_for_their_rows);
	tcase_add_test(t, a_claim_up_to_the_ceiling_does_not_wait);
	tcase_add_test(t, claims_that_come_to_what_is_due_wake_the_thread_without_haste);
	tcase_add_test(t, a_call_while_the_thread_does_not_sleep_is_not_lost);
	tcase_add_test(t, who_has_no_room_calls_and_waits_until_there_is);
	tcase_add_test(t, files_have_a_ceiling_of_their_own);
	tcase_add_test(t, a_new_wall_is_closed_and_a_released_one_stays_open);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
