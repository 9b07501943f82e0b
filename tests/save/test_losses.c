/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the losses of live parts, against a model so simple that it is right: an array with one
 * entry for each serial that can occur.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "save/losses.h"
#include "support/quick.h"
#include "support/random.h"

/* ---- memory that fails on demand --------------------------------------------------------------
 */

static bool no_memory;
static size_t last_bytes; /* what was asked for last, and given */

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *p = NULL;

	if (no_memory || __builtin_mul_overflow(count, size, &bytes) ||
	    posix_memalign(&p, 16, bytes != 0 ? bytes : 1) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	last_bytes = bytes;
	return memset(p, 0, bytes);
}

/* ---- the model --------------------------------------------------------------------------------
 */

struct model {
	struct loss *by_number;
	size_t numbers, count;
	uint64_t first, step; /* the serial of number n is first + n * step, modulo 2^64 */
	struct losses *losses;
};

static uint64_t serial_of(const struct model *m, size_t number)
{
	return m->first + number * m->step;
}

static void model_begin(struct model *m, size_t numbers, uint64_t first, uint64_t step)
{
	*m = (struct model){.numbers = numbers, .first = first, .step = step};
	m->by_number = calloc(numbers, sizeof(*m->by_number));
	ck_assert_int_eq(losses_new(&m->losses), 0);
}

static void model_end(struct model *m)
{
	losses_free(m->losses);
	free(m->by_number);
}

static void note(struct model *m, size_t number, uint64_t pkts)
{
	struct loss *want = &m->by_number[number];
	struct loss *l = losses_note(m->losses, serial_of(m, number), pkts);

	quick_assert(l != NULL);
	m->count += !want->present;
	want->present = true;
	want->pkts += pkts;
	quick_assert(l->serial == serial_of(m, number));
	quick_assert(l->pkts == want->pkts);
	quick_assert(l->no_file == want->no_file);
	want->no_file = l->no_file = (want->pkts & 1) != 0;
}

static void check_one(const struct model *m, size_t number)
{
	const struct loss *want = &m->by_number[number];
	const struct loss *l = losses_find(m->losses, serial_of(m, number));

	quick_assert((l != NULL) == want->present);
	if (l == NULL)
		return;
	quick_assert(l->serial == serial_of(m, number));
	quick_assert(l->pkts == want->pkts);
	quick_assert(l->no_file == want->no_file);
}

static void take(struct model *m, size_t number)
{
	struct loss *want = &m->by_number[number];
	struct loss l = losses_take(m->losses, serial_of(m, number));

	quick_assert(l.present == want->present);
	quick_assert(l.serial == (want->present ? serial_of(m, number) : 0));
	quick_assert(l.pkts == want->pkts);
	quick_assert(l.no_file == want->no_file);
	m->count -= want->present;
	*want = (struct loss){0};
}

static void check_all(const struct model *m)
{
	quick_assert(losses_count(m->losses) == m->count);
	for (size_t i = 0; i < m->numbers; i++)
		check_one(m, i);
}

/* ---- the tests --------------------------------------------------------------------------------
 */

START_TEST(a_part_that_lost_nothing_is_not_known)
{
	struct losses *t;
	struct loss l;

	ck_assert_int_eq(losses_new(&t), 0);
	ck_assert_uint_eq(losses_count(t), 0);
	ck_assert_ptr_null(losses_find(t, 0));
	l = losses_take(t, 0);
	ck_assert(!l.present && !l.no_file);
	ck_assert_uint_eq(l.pkts, 0);
	losses_free(t);
	losses_free(NULL);
}
END_TEST

START_TEST(losses_of_a_part_add_up_until_they_are_taken)
{
	struct losses *t;
	struct loss l;

	ck_assert_int_eq(losses_new(&t), 0);
	ck_assert_ptr_nonnull(losses_note(t, 7, 5));
	ck_assert_ptr_nonnull(losses_note(t, 8, 100));
	losses_find(t, 7)->no_file = true;
	ck_assert_uint_eq(losses_note(t, 7, UINT64_C(1) << 33)->pkts, (UINT64_C(1) << 33) + 5);
	ck_assert(losses_note(t, 7, 0)->no_file);
	ck_assert_uint_eq(losses_count(t), 2);
	l = losses_take(t, 7);
	ck_assert(l.present && l.no_file);
	ck_assert_uint_eq(l.serial, 7);
	ck_assert_uint_eq(l.pkts, (UINT64_C(1) << 33) + 5);
	ck_assert_ptr_null(losses_find(t, 7));
	ck_assert_uint_eq(losses_find(t, 8)->pkts, 100);
	/* Known again, it begins anew. */
	ck_assert_uint_eq(losses_note(t, 7, 0)->pkts, 0);
	ck_assert(!losses_find(t, 7)->no_file);
	losses_free(t);
}
END_TEST

/* The inverse of the hash's factor modulo 2^64: serials in these steps begin in the same slot. */
#define SAME_SLOT UINT64_C(0xf1de83e19937733d)

static const struct {
	size_t numbers;
	uint64_t first, step;
} serials[] = {
    {40, 0, 1},                          /* as they are counted up, zero included */
    {700, UINT64_C(1) << 40, 1},         /* enough to grow and shrink */
    {700, UINT64_MAX - 300, 1},          /* beyond the end of the numbers */
    {500, 0, UINT64_C(1) << 32},         /* lower halves alike */
    {200, 0, SAME_SLOT},                 /* one long probe from the first slot on */
    {200, UINT64_MAX - 9, SAME_SLOT},    /* and from others */
    {200, 0 - SAME_SLOT, 0 - SAME_SLOT}, /* from the last slot on, around the end */
};

/* Waves: mostly losses, then mostly closes, so that the table grows and shrinks again and again. */
START_TEST(random_notes_and_takes_do_as_the_model_does)
{
	struct random r = {.state = 1 + (uint64_t)_i};
	struct model m;

	model_begin(&m, serials[_i].numbers, serials[_i].first, serials[_i].step);
	for (unsigned i = 0; i < 60000; i++) {
		bool rising = i / 3000 % 2 == 0;
		size_t number = random_below(&r, m.numbers);
		uint64_t what = random_below(&r, 10);

		if (what == 0)
			check_one(&m, number);
		else if (rising == (what < 8))
			note(&m, number, random_below(&r, 4));
		else
			take(&m, number);
		quick_assert(losses_count(m.losses) == m.count);
		if (i % 100 == 0)
			check_all(&m);
	}
	check_all(&m);
	model_end(&m);
}
END_TEST

/* The takes come in another order, so that holes open everywhere. */
START_TEST(many_parts_at_once_are_all_known_and_their_memory_is_given_back)
{
	enum { PARTS = 300000, COPRIME = 104729 };
	struct model m;
	size_t bytes;

	model_begin(&m, PARTS, UINT64_C(1) << 20, 3);
	for (size_t i = 0; i < PARTS; i++)
		note(&m, i, i);
	bytes = last_bytes;
	ck_assert_uint_ge(bytes, PARTS * sizeof(struct loss));
	check_all(&m);
	for (size_t i = 0; i < PARTS / 2; i++)
		take(&m, i * COPRIME % PARTS);
	check_all(&m);
	for (size_t i = PARTS / 2; i < PARTS; i++)
		take(&m, i * COPRIME % PARTS);
	bytes = last_bytes;
	ck_assert_uint_le(bytes, 1024);
	ck_assert_uint_eq(losses_count(m.losses), 0);
	check_all(&m);
	model_end(&m);
}
END_TEST

START_TEST(without_memory_there_are_no_losses_to_begin_with)
{
	struct losses *t = NULL;
	int rv;

	no_memory = true;
	rv = losses_new(&t);
	no_memory = false;
	ck_assert_int_eq(rv, -ENOMEM);
	ck_assert_ptr_null(t);
}
END_TEST

START_TEST(without_memory_the_known_parts_stay_known)
{
	enum { PARTS = 5000 };
	struct model m;
	size_t refused = 0;

	model_begin(&m, PARTS, 1, 1);
	for (size_t i = 0; i < PARTS; i++) {
		size_t count = losses_count(m.losses);
		struct loss *l;

		no_memory = true;
		l = losses_note(m.losses, serial_of(&m, i), 3);
		no_memory = false;
		if (l == NULL) {
			refused++;
			quick_assert(losses_count(m.losses) == count);
			quick_assert(losses_find(m.losses, serial_of(&m, i)) == NULL);
		} else {
			(void)losses_take(m.losses, serial_of(&m, i));
		}
		/* What is known already needs no memory. */
		no_memory = true;
		if (i > 0)
			note(&m, i / 2, 1);
		no_memory = false;
		note(&m, i, i);
	}
	ck_assert_uint_gt(refused, 5); /* at the first, and where it grew */
	check_all(&m);
	no_memory = true;
	for (size_t i = 0; i < PARTS; i++)
		take(&m, PARTS - 1 - i); /* it would shrink if it could */
	no_memory = false;
	check_all(&m);
	for (size_t i = 0; i < PARTS; i++)
		note(&m, i, 1);
	check_all(&m);
	model_end(&m);
}
END_TEST

static Suite *losses_suite(void)
{
	Suite *s = suite_create("losses");
	TCase *t = tcase_create("losses");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_part_that_lost_nothing_is_not_known);
	tcase_add_test(t, losses_of_a_part_add_up_until_they_are_taken);
	tcase_add_loop_test(t, random_notes_and_takes_do_as_the_model_does, 0,
	    sizeof(serials) / sizeof(serials[0]));
	tcase_add_test(t, many_parts_at_once_are_all_known_and_their_memory_is_given_back);
	tcase_add_test(t, without_memory_there_are_no_losses_to_begin_with);
	tcase_add_test(t, without_memory_the_known_parts_stay_known);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(losses_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
