/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the thread that keeps an archive within its limits: which limits are refused, that room
 * is made, and that whoever writes waits for it. A look is asked for with retain_wake and awaited
 * by the count of looks. A look that is to remove something is held up by a catalog that is busy.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/catalog.h"
#include "archive/pin.h"
#include "archive/prune_check.h"
#include "archive/retain.h"
#include "base/clk.h"
#include "support/dayrig.h"
#include "support/tempdir.h"

#define MIB (UINT64_C(1) << 20)

static struct archive *a;
static struct catalog *catalog;

static void set_up(void)
{
	struct catalog_config config = {.sync = SYNC_NONE};

	ck_assert_int_eq(archive_open(tempdir_new(), ARCHIVE_WRITE, &a), 0);
	config.archive = a;
	ck_assert_int_eq(catalog_start(&config, &catalog), 0);
}

static void tear_down(void)
{
	struct catalog_result result;

	catalog_stop(catalog, &result);
	ck_assert_uint_eq(result.failed, 0);
	archive_close(a);
}

/* Two parts of 512 KiB in each of some closed days, from the oldest on. */
static void add_days(int from, int count)
{
	for (int i = from; i < from + count; i++) {
		const struct dayrig_part parts[] = {{i, (unsigned)(10 * i + 1), 10, 512, 0},
		    {i, (unsigned)(10 * i + 2), 20, 512, 0}};

		dayrig_add(a, parts, 2);
	}
}

static uint64_t count(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_acquire);
}

/* Waits until a look has begun and ended that was asked for now. */
static void look(struct retain *r)
{
	const struct retain_stats *s = retain_stats(r);

	/* One may be under way: only the next one sees all that is there. */
	for (int i = 0; i < 2; i++) {
		uint64_t before = count(&s->looks);

		retain_wake(r);
		while (count(&s->looks) == before)
			(void)sched_yield();
	}
}

static struct retain *start(struct prune_limits l)
{
	struct retain *r;

	ck_assert_int_eq(retain_start(a, catalog, &l, &r), 0);
	return r;
}

/* ---- what is refused --------------------------------------------------------------------------
 */

static int check(struct prune_limits l, const char *words)
{
	char error[256] = "";
	int rv = prune_check(a, &l, error);

	ck_assert_msg(strstr(error, words) != NULL, "'%s' lacks '%s'", error, words);
	return rv;
}

START_TEST(limits_that_cannot_be_met_are_refused)
{
	struct statvfs v;
	uint64_t total;

	ck_assert_int_eq(fstatvfs(archive_root(a), &v), 0);
	total = (uint64_t)v.f_blocks * v.f_frsize;
	ck_assert_int_eq(check((struct prune_limits){0}, ""), 0);
	ck_assert_int_eq(check((struct prune_limits){.max_disk_bytes = 16 * MIB}, ""), 0);
	ck_assert_int_eq(check((struct prune_limits){.max_disk_bytes = total}, ""), 0);
	ck_assert_int_eq(
	    check((struct prune_limits){.max_disk_bytes = 16 * MIB - 1}, "16MiB"), -ERANGE);
	ck_assert_int_eq(
	    check((struct prune_limits){.max_disk_bytes = total + 1}, "max-disk"), -ERANGE);
	ck_assert_int_eq(check((struct prune_limits){.min_free_bytes = total - 1}, ""), 0);
	ck_assert_int_eq(
	    check((struct prune_limits){.min_free_bytes = total}, "min-free"), -ERANGE);
	if (v.f_files > 0)
		ck_assert_int_eq(
		    check((struct prune_limits){.min_free_inodes = v.f_files - 1}, ""), 0);
	ck_assert_int_eq(
	    check((struct prune_limits){.min_free_inodes = UINT64_MAX}, "min-inodes"), -ERANGE);
}
END_TEST

START_TEST(what_is_pinned_and_damaged_must_fit)
{
	static char bytes[9 << 20];

	ck_assert_int_eq(mkdirat(archive_root(a), "pinned", 0750), 0);
	ck_assert_int_eq(mkdirat(archive_root(a), "damaged", 0750), 0);
	memset(bytes, 1, sizeof(bytes));
	tempdir_write(tempdir_path(archive_path(a), "pinned/x"), bytes, sizeof(bytes));
	ck_assert_int_eq(check((struct prune_limits){.max_disk_bytes = 16 * MIB}, ""), 0);
	tempdir_write(tempdir_path(archive_path(a), "damaged/y"), bytes, sizeof(bytes));
	ck_assert_int_eq(
	    check((struct prune_limits){.max_disk_bytes = 16 * MIB}, "pinned"), -ERANGE);
	ck_assert_int_eq(check((struct prune_limits){.max_disk_bytes = 20 * MIB}, ""), 0);
}
END_TEST

/* ---- what it does -----------------------------------------------------------------------------
 */

START_TEST(within_its_limits_an_archive_stays_as_it_is)
{
	struct retain *r;

	add_days(0, 4);
	r = start((struct prune_limits){.max_disk_bytes = 16 * MIB});
	look(r);
	ck_assert_uint_eq(count(&retain_stats(r)->removed_parts), 0);
	ck_assert_uint_eq(count(&retain_stats(r)->failed), 0);
	ck_assert_uint_eq(count(&retain_stats(r)->disk_bytes), dayrig_disk(archive_path(a)));
	ck_assert_uint_gt(count(&retain_stats(r)->free_bytes), 0);
	ck_assert_int_eq(atomic_load(&retain_stats(r)->last_error), 0);
	retain_stop(r);
	retain_stop(NULL);
	retain_wake(NULL);
}
END_TEST

START_TEST(room_is_made_before_the_limit_is_reached)
{
	struct retain *r;
	uint64_t disk;

	add_days(0, 10);
	disk = dayrig_disk(archive_path(a));
	r = start((struct prune_limits){.max_disk_bytes = disk + 260 * 1024});
	look(r); /* the reserve fits, and that is all */
	ck_assert_uint_eq(count(&retain_stats(r)->failed), 0);
	ck_assert_uint_gt(count(&retain_stats(r)->removed_parts), 0);
	ck_assert_uint_le(dayrig_disk(archive_path(a)), disk + 260 * 1024 - disk / 100);
	/* A quarter at most is kept for indexes. */
	ck_assert_uint_ge(dayrig_disk(archive_path(a)), disk - disk / 4 - disk / 20 - 600 * 1024);
	ck_assert(!dayrig_has(a, 0, 1));
	ck_assert(dayrig_has(a, 9, 91) && dayrig_has(a, 9, 92));
	retain_stop(r);
}
END_TEST

START_TEST(what_comes_later_pushes_out_what_is_oldest)
{
	struct retain *r;

	add_days(0, 4);
	r = start((struct prune_limits){.max_disk_bytes = 8 * MIB});
	look(r);
	ck_assert_uint_eq(count(&retain_stats(r)->removed_parts), 0);
	for (int day = 4; day < 12; day += 4) {
		add_days(day, 4);
		/* Only days that the writer has, or that are listed anew, are asked at each look.
		 */
		ck_assert_int_eq(close(archive_touch_day(a, DAYRIG_DAY + day + 4)), 0);
		archive_leave_day(a, DAYRIG_DAY + day + 4);
		look(r);
		ck_assert_uint_le(dayrig_disk(archive_path(a)), 8 * MIB);
		ck_assert_int_eq(dayrig_has(a, day - 3, (unsigned)(10 * (day - 3) + 1)), 0);
		ck_assert_int_eq(dayrig_has(a, day + 3, (unsigned)(10 * (day + 3) + 2)), 1);
	}
	ck_assert_uint_gt(count(&retain_stats(r)->removed_days), 0);
	retain_stop(r);
}
END_TEST

START_TEST(old_parts_go_at_the_first_look)
{
	struct retain *r;

	add_days(0, 3); /* of a time long ago, all of them */
	r = start((struct prune_limits){
	    .max_age_ns = clk_wall().ns - (DAYRIG_DAY + 2) * CLK_DAY_NS - 15 * CLK_SECOND_NS});
	look(r);
	ck_assert_uint_eq(count(&retain_stats(r)->removed_days), 2);
	ck_assert(dayrig_has(a, 2, 22));
	retain_stop(r);
}
END_TEST

START_TEST(a_limit_that_cannot_be_kept_is_counted_and_the_newest_part_stays)
{
	struct retain *r;

	add_days(0, 2);
	r = start((struct prune_limits){.max_disk_bytes = 1});
	look(r);
	ck_assert_uint_gt(count(&retain_stats(r)->failed), 0);
	ck_assert_uint_eq(count(&retain_stats(r)->removed_parts), 3);
	ck_assert(dayrig_has(a, 1, 12));
	retain_stop(r);
}
END_TEST

/* ---- the wall ---------------------------------------------------------------------------------
 */

/* A catalog that is busy with a question, until `go_on` is posted. */
static struct {
	pthread_t asker;
	sem_t busy, go_on;
} held;

static int be_busy(const struct record *r, void *arg)
{
	(void)r;
	(void)arg;
	(void)sem_post(&held.busy);
	while (sem_wait(&held.go_on) != 0)
		;
	return -ECANCELED; /* once is enough */
}

static void *ask(void *arg)
{
	(void)arg;
	(void)catalog_each_name(catalog, DAYRIG_DAY, be_busy, NULL);
	return NULL;
}

/*
 * Some MiB in days, of which the first is in the writer's hands: what goes of it goes by way of the
 * catalog. Until let_go, no look removes anything.
 */
static void hold_up(int days)
{
	add_days(0, days);
	ck_assert_int_eq(close(archive_touch_day(a, DAYRIG_DAY)), 0);
	(void)sem_init(&held.busy, 0, 0);
	(void)sem_init(&held.go_on, 0, 0);
	ck_assert_int_eq(pthread_create(&held.asker, NULL, ask, NULL), 0);
	while (sem_wait(&held.busy) != 0)
		;
}

static void let_go(void)
{
	(void)sem_post(&held.go_on);
}

static void end_hold(void)
{
	(void)pthread_join(held.asker, NULL);
	archive_leave_day(a, DAYRIG_DAY);
}

struct writer {
	pthread_t thread;
	struct retain *retain;
	struct wall_claim claim;
	bool lets_go;           /* ends the hold-up when it may write */
	uint64_t removed_parts; /* when it might write */
	_Atomic bool through;
};

static void *write_thread(void *arg)
{
	struct writer *w = arg;

	retain_begin(w->retain, &w->claim);
	w->removed_parts = count(&retain_stats(w->retain)->removed_parts);
	atomic_store(&w->through, true);
	if (w->lets_go)
		let_go();
	return NULL;
}

/* Starts a writer, and waits until it waits, or may write. */
static void start_writer(struct writer *w, struct retain *r, uint64_t bytes)
{
	uint64_t before = count(&retain_stats(r)->waits);

	w->retain = r;
	w->claim.bytes = bytes;
	ck_assert_int_eq(pthread_create(&w->thread, NULL, write_thread, w), 0);
	while (!atomic_load(&w->through) && count(&retain_stats(r)->waits) == before)
		(void)sched_yield();
}

START_TEST(who_has_no_room_waits_until_a_look_has_made_it)
{
	struct writer w[4] = {{.lets_go = false}};
	uint64_t each = 4 * MIB / (unsigned)_i;
	struct retain *r;

	hold_up(6);
	r = start((struct prune_limits){.max_disk_bytes = 12 * MIB});
	while (count(&retain_stats(r)->looks) == 0)
		(void)sched_yield();
	ck_assert_uint_eq(count(&retain_stats(r)->removed_parts), 0);
	for (int i = 0; i < _i; i++)
		start_writer(&w[i], r, each);
	/* Who comes when there is no room for all waits behind the others. */
	ck_assert(!atomic_load(&w[_i - 1].through));
	ck_assert_uint_ge(count(&retain_stats(r)->waits), 1);
	let_go();
	for (int i = 0; i < _i; i++)
		(void)pthread_join(w[i].thread, NULL);
	ck_assert_uint_ge(w[_i - 1].removed_parts, 3);
	ck_assert_uint_eq(count(&retain_stats(r)->failed), 0);
	ck_assert_uint_le(dayrig_disk(archive_path(a)) + 4 * MIB, 12 * MIB);
	for (int i = 0; i < _i; i++)
		retain_end(r, &w[i].claim);
	retain_stop(r);
	end_hold();
}
END_TEST

START_TEST(what_is_through_makes_room_for_others_with_the_next_look)
{
	const struct wall_claim c = {.bytes = MIB, .files = 1, .parts = 1};
	struct retain *r;

	add_days(0, 1);
	r = start((struct prune_limits){.max_disk_bytes = 8 * MIB});
	for (int i = 0; i < 64; i++) { /* nothing is written, so that nothing has to go */
		retain_begin(r, &c);
		retain_end(r, &c);
	}
	ck_assert_uint_ge(count(&retain_stats(r)->waits), 64 / 8);
	ck_assert_uint_eq(count(&retain_stats(r)->removed_parts), 0);
	ck_assert_uint_eq(count(&retain_stats(r)->failed), 0);
	retain_stop(r);
}
END_TEST

START_TEST(where_nothing_can_be_removed_nobody_waits)
{
	const struct wall_claim c = {.bytes = 6 * MIB, .files = 1, .parts = 1};
	struct retain *r;

	add_days(0, 2);
	r = start((struct prune_limits){.max_disk_bytes = 4 * MIB});
	retain_begin(r, &c);
	/* All but the newest went for it. */
	ck_assert_uint_eq(count(&retain_stats(r)->removed_parts), 3);
	ck_assert(dayrig_has(a, 1, 12));
	retain_end(r, &c);
	retain_stop(r);
}
END_TEST

START_TEST(when_it_is_released_or_stopped_whoever_waits_goes_on)
{
	struct writer w = {.lets_go = _i == 1};
	struct retain *r;

	hold_up(6);
	r = start((struct prune_limits){.max_disk_bytes = 12 * MIB});
	start_writer(&w, r, 4 * MIB);
	ck_assert(!atomic_load(&w.through));
	if (_i == 0) { /* the look that it waits for is still going on */
		retain_release(r);
		(void)pthread_join(w.thread, NULL);
		ck_assert_uint_eq(w.removed_parts, 0);
		retain_end(r, &w.claim);
		let_go();
		look(r); /* nor does it stop anybody later */
		w.claim.bytes = 64 * MIB;
		retain_begin(r, &w.claim);
		ck_assert_uint_eq(count(&retain_stats(r)->waits), 1);
	}
	retain_stop(r); /* which waits for that look, so that it must let the writer go on before */
	if (_i == 1)
		(void)pthread_join(w.thread, NULL);
	end_hold();
}
END_TEST

START_TEST(limits_of_age_alone_let_everybody_write)
{
	const struct wall_claim c = {.bytes = UINT64_MAX / 2, .files = 1, .parts = 1};
	struct retain *r;

	add_days(0, 1);
	r = start((struct prune_limits){.max_age_ns = CLK_DAY_NS});
	retain_begin(r, &c);
	retain_end(r, &c);
	ck_assert_uint_eq(count(&retain_stats(r)->waits), 0);
	retain_stop(r);
	retain_begin(NULL, &c);
	retain_end(NULL, &c);
	retain_release(NULL);
}
END_TEST

static Suite *retain_suite(void)
{
	Suite *s = suite_create("retain");
	TCase *t = tcase_create("retain");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, limits_that_cannot_be_met_are_refused);
	tcase_add_test(t, what_is_pinned_and_damaged_must_fit);
	tcase_add_test(t, within_its_limits_an_archive_stays_as_it_is);
	tcase_add_test(t, room_is_made_before_the_limit_is_reached);
	tcase_add_test(t, what_comes_later_pushes_out_what_is_oldest);
	tcase_add_test(t, old_parts_go_at_the_first_look);
	tcase_add_test(t, a_limit_that_cannot_be_kept_is_counted_and_the_newest_part_stays);
	tcase_add_loop_test(t, who_has_no_room_waits_until_a_look_has_made_it, 1, 5);
	tcase_add_test(t, what_is_through_makes_room_for_others_with_the_next_look);
	tcase_add_test(t, where_nothing_can_be_removed_nobody_waits);
	tcase_add_loop_test(t, when_it_is_released_or_stopped_whoever_waits_goes_on, 0, 2);
	tcase_add_test(t, limits_of_age_alone_let_everybody_write);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(retain_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
