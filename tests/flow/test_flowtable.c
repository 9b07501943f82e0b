/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the flow table: finding by the whole key, lists in order, room for exactly so many, and
 * all of it against a plain array through long random histories.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flowtable.h"

#define must(x) ((x) ? (void)0 : ck_abort_msg("%s", #x))

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % n;
}

static struct flowkey key(uint32_t n)
{
	struct flowkey k;

	memset(&k, 0, sizeof(k));
	memcpy(k.addr[0], &n, sizeof(n));
	k.family = 4;
	k.proto = 6;
	return k;
}

static struct flowtable *new_table(uint32_t max_flows)
{
	struct flowtable *t;

	ck_assert_int_eq(flowtable_new(max_flows, &t), 0);
	return t;
}

/* Adds flow n to the table; its serial is n + 1. */
static struct flow *add(struct flowtable *t, uint32_t n, uint32_t hash)
{
	struct flowkey k = key(n);
	struct flow *f = flowtable_add(t, &k, hash);

	if (f != NULL)
		f->serial = n + 1;
	return f;
}

static struct flow *find(struct flowtable *t, uint32_t n, uint32_t hash)
{
	struct flowkey k = key(n);

	return flowtable_find(t, &k, hash);
}

START_TEST(it_takes_exactly_as_many_as_it_was_made_for)
{
	static const uint32_t sizes[] = {1, 2, 3, 10, 1000};
	uint32_t max = sizes[_i];
	struct flowtable *t = new_table(max);

	for (int round = 0; round < 3; round++) {
		for (uint32_t n = 0; n < max; n++)
			must(add(t, n, n * 2654435761u) != NULL);
		must(add(t, max, 5) == NULL);
		must(find(t, max, 5) == NULL);
		ck_assert_uint_eq(flowtable_count(t), max);
		for (uint32_t n = 0; n < max; n++)
			flowtable_remove(t, find(t, n, n * 2654435761u));
		ck_assert_uint_eq(flowtable_count(t), 0);
	}
	flowtable_free(t);
}
END_TEST

START_TEST(equal_hashes_do_not_make_equal_flows)
{
	static const uint32_t hashes[] = {0, 1, 12345, UINT32_MAX};
	uint32_t hash = hashes[_i];
	struct flowtable *t = new_table(100);

	for (uint32_t n = 0; n < 100; n++)
		must(add(t, n, hash) != NULL);
	must(find(t, 100, hash) == NULL);
	for (uint32_t n = 0; n < 100; n += 3)
		flowtable_remove(t, find(t, n, hash));
	for (uint32_t n = 0; n < 100; n++) {
		struct flow *f = find(t, n, hash);

		must((f == NULL) == (n % 3 == 0));
		must(f == NULL || f->serial == n + 1);
	}
	flowtable_free(t);
}
END_TEST

START_TEST(any_byte_of_the_key_matters)
{
	struct flowtable *t = new_table(64);
	struct flowkey k = key(1);

	must(flowtable_add(t, &k, 7) != NULL);
	for (size_t i = 0; i < sizeof(k); i++) {
		((uint8_t *)&k)[i] ^= 1;
		must(flowtable_find(t, &k, 7) == NULL);
		((uint8_t *)&k)[i] ^= 1;
	}
	must(flowtable_find(t, &k, 7) != NULL);
	flowtable_free(t);
}
END_TEST

START_TEST(a_new_flow_is_zero_even_where_another_was)
{
	struct flowtable *t = new_table(1);
	static const struct flow zero;
	struct flow *f;

	for (uint32_t n = 0; n < 3; n++) {
		f = add(t, n, n);
		ck_assert_uint_eq(f->part, 0);
		ck_assert_mem_eq(&f->tally, &zero.tally, sizeof(zero.tally));
		ck_assert_mem_eq(&f->roles, &zero.roles, sizeof(zero.roles));
		ck_assert(f->head == NULL && !f->staged && !f->counted && f->isn_known == 0);
		flowtable_move(t, f, FLOW_OPEN, 9);
		memset(&f->tally, 0xff, sizeof(f->tally));
		memset(&f->roles, 0xff, sizeof(f->roles));
		f->part = 7;
		f->staged = f->counted = true;
		f->isn_known = 3;
		flowtable_remove(t, f);
		ck_assert(flowtable_oldest(t, FLOW_OPEN) == NULL);
	}
	flowtable_free(t);
}
END_TEST

START_TEST(who_remembers_a_number_sees_that_the_flow_has_gone)
{
	struct flowtable *t = new_table(4);
	struct flow *f = add(t, 1, 1);
	uint32_t number = f->number;

	ck_assert_ptr_eq(flowtable_at(t, number), f);
	flowtable_remove(t, f);
	ck_assert_uint_ne(flowtable_at(t, number)->serial, 2);
	flowtable_free(t);
}
END_TEST

START_TEST(lists_keep_the_order_in_which_flows_were_put)
{
	struct flowtable *t = new_table(8);
	struct flow *f[4];

	for (uint32_t n = 0; n < 4; n++) {
		f[n] = add(t, n, n);
		flowtable_move(t, f[n], FLOW_OPEN, n);
	}
	ck_assert_ptr_eq(flowtable_oldest(t, FLOW_OPEN), f[0]);
	flowtable_move(t, f[0], FLOW_OPEN, 9);
	ck_assert_uint_eq(f[0]->tick, 9);
	ck_assert_ptr_eq(flowtable_oldest(t, FLOW_OPEN), f[1]);
	flowtable_move(t, f[1], FLOW_ENDED, 9);
	ck_assert_int_eq(f[1]->list, FLOW_ENDED);
	ck_assert_ptr_eq(flowtable_oldest(t, FLOW_ENDED), f[1]);
	ck_assert_ptr_eq(flowtable_oldest(t, FLOW_OPEN), f[2]);
	flowtable_remove(t, f[2]);
	ck_assert_ptr_eq(flowtable_oldest(t, FLOW_OPEN), f[3]);
	flowtable_remove(t, f[3]);
	ck_assert_ptr_eq(flowtable_oldest(t, FLOW_OPEN), f[0]);
	flowtable_remove(t, f[0]);
	ck_assert_ptr_null(flowtable_oldest(t, FLOW_OPEN));
	flowtable_free(t);
}
END_TEST

/* ---- random histories ------------------------------------------------------------------------ */

#define KEYS 300

/* What the table should hold: per key, whether it is inside, in which list, and since when. */
struct shadow {
	struct flow *flow[KEYS];
	int list[KEYS];
	uint64_t since[KEYS];
	uint32_t count;
	uint64_t now;
};

/* Few distinct hashes, bunched at the end of the slots, so that probes are long and wrap around. */
static uint32_t hash_of(uint32_t n, int kind)
{
	switch (kind) {
	case 0:
		return n * 2654435761u;
	case 1:
		return UINT32_MAX - n % 5;
	default:
		return UINT32_MAX - (n % 16) * 20000000u;
	}
}

static uint32_t oldest_of(const struct shadow *s, int list)
{
	uint32_t best = KEYS;

	for (uint32_t n = 0; n < KEYS; n++)
		if (s->flow[n] != NULL && s->list[n] == list &&
		    (best == KEYS || s->since[n] < s->since[best]))
			best = n;
	return best;
}

static void check_all(struct flowtable *t, const struct shadow *s, int kind)
{
	must(flowtable_count(t) == s->count);
	for (uint32_t n = 0; n < KEYS; n++) {
		struct flow *f = find(t, n, hash_of(n, kind));

		must(f == s->flow[n]);
		must(f == NULL || (f->serial == n + 1 && flowtable_at(t, f->number) == f));
	}
	for (int list = 0; list < FLOW_LISTS; list++) {
		uint32_t n = oldest_of(s, list);

		must(flowtable_oldest(t, (enum flow_list)list) == (n < KEYS ? s->flow[n] : NULL));
	}
}

static void one_step(struct flowtable *t, struct shadow *s, int kind, uint32_t max)
{
	uint32_t n = random_below(KEYS);
	int list = (int)random_below(FLOW_LISTS);

	if (s->flow[n] == NULL) {
		s->flow[n] = add(t, n, hash_of(n, kind));
		must((s->flow[n] == NULL) == (s->count == max));
		if (s->flow[n] == NULL)
			return;
		s->count++;
	} else if (random_below(2)) {
		flowtable_remove(t, s->flow[n]);
		s->flow[n] = NULL;
		s->count--;
		return;
	}
	flowtable_move(t, s->flow[n], (enum flow_list)list, (uint32_t)s->now);
	s->list[n] = list;
	s->since[n] = s->now++;
}

START_TEST(it_agrees_with_a_plain_array)
{
	static const uint32_t sizes[] = {1, 7, 64, 150, KEYS};
	uint32_t max = sizes[_i % 5];
	int kind = _i / 5;
	struct flowtable *t = new_table(max);
	struct shadow s = {.count = 0};

	random_state = 77 + (uint64_t)_i;
	for (int i = 0; i < 6000; i++) {
		one_step(t, &s, kind, max);
		if (i % 16 == 0)
			check_all(t, &s, kind);
	}
	check_all(t, &s, kind);
	flowtable_free(t);
}
END_TEST

START_TEST(room_for_millions_costs_nothing_until_it_is_used)
{
	struct flowtable *t = new_table(UINT32_C(1) << 26);

	must(add(t, 1, 1) != NULL);
	must(find(t, 1, 1) != NULL);
	flowtable_free(t);
	flowtable_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flowtable");
	TCase *t = tcase_create("flowtable");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, it_takes_exactly_as_many_as_it_was_made_for, 0, 5);
	tcase_add_loop_test(t, equal_hashes_do_not_make_equal_flows, 0, 4);
	tcase_add_test(t, any_byte_of_the_key_matters);
	tcase_add_test(t, a_new_flow_is_zero_even_where_another_was);
	tcase_add_test(t, who_remembers_a_number_sees_that_the_flow_has_gone);
	tcase_add_test(t, lists_keep_the_order_in_which_flows_were_put);
	tcase_add_loop_test(t, it_agrees_with_a_plain_array, 0, 15);
	tcase_add_test(t, room_for_millions_costs_nothing_until_it_is_used);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
