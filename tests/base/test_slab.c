/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the memory budget: it is hard, it serves every size from the same memory, chunks keep
 * their bytes whoever gives others back. For compaction see test_slab_compact.c.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/queue.h"
#include "base/slab.h"
#include "support/chunks.h"
#include "support/quick.h"
#include "support/random.h"

/* Takes chunks until the budget is used up. Returns the chain, *ret_count how many. */
static struct chunk *take_all(struct slab *s, size_t bytes, size_t *ret_count)
{
	struct chunk *chain = NULL, *c;
	int rv;

	for (*ret_count = 0; (rv = slab_get(s, bytes, &c)) == 0; ++*ret_count) {
		quick_assert(slab_taken_bytes(s) <= BUDGET);
		c->next = chain;
		chain = c;
	}
	ck_assert_int_eq(rv, -ENOMEM);
	return chain;
}

START_TEST(every_size_gets_a_fresh_chunk_with_room_for_it)
{
	struct slab *s = chunks_new_slab(BUDGET);

	for (size_t bytes = 0; bytes <= CHUNK_MAX_DATA_BYTES; bytes += bytes < 2100 ? 1 : 91) {
		struct chunk *c = NULL;

		ck_assert_int_eq(slab_get(s, bytes, &c), 0);
		ck_assert_ptr_null(c->next);
		ck_assert_uint_eq(c->used, 0);
		ck_assert_uint_eq((uintptr_t)c % 8, 0);
		ck_assert_uint_ge(chunk_room(c), bytes);
		ck_assert_uint_eq(chunk_room(c) + CHUNK_HEADER_BYTES, chunk_bytes(c));
		ck_assert_uint_eq(chunk_bytes(c), slab_cost_bytes(bytes));
		ck_assert_uint_eq(slab_live_bytes(s), chunk_bytes(c));
		c->used = (uint32_t)bytes;
		ck_assert_uint_eq(chunk_room(c), chunk_bytes(c) - CHUNK_HEADER_BYTES - bytes);
		slab_put(s, c);
		slab_wait(s);
		ck_assert_uint_eq(slab_live_bytes(s), 0);
		ck_assert_uint_eq(slab_taken_bytes(s), 0);
	}
	slab_free(s);
}
END_TEST

START_TEST(chunks_cost_what_the_design_says)
{
	for (int i = 0; i < CHUNKS_CLASSES; i++) {
		ck_assert_uint_eq(slab_cost_bytes(chunks_room(i)), chunks_classes[i]);
		if (i > 0)
			ck_assert_uint_eq(
			    slab_cost_bytes(chunks_room(i - 1) + 1), chunks_classes[i]);
	}
	ck_assert_uint_eq(slab_cost_bytes(CHUNK_MAX_PLAIN_BYTES), SLAB_BYTES);
	ck_assert_uint_le(slab_cost_bytes(CHUNK_MAX_DATA_BYTES), 5 * SLAB_BYTES);
	/* A lone SYN with all its options, and the 256 bytes of its flow: 512 bytes at most. */
	ck_assert_uint_le(slab_cost_bytes(16 + 14 + 20 + 60), 512 - 256);
}
END_TEST

START_TEST(the_budget_is_hard_for_every_size)
{
	struct slab *s =
	    chunks_new_slab(BUDGET + (uint64_t)(_i * 7000)); /* rounded down to whole slabs */
	size_t n;
	struct chunk *chain = take_all(s, chunks_room(_i), &n);

	ck_assert_uint_eq(n, SLABS * (SLAB_BYTES / chunks_classes[_i]));
	ck_assert_uint_eq(slab_taken_bytes(s), BUDGET);
	ck_assert_uint_eq(slab_live_bytes(s), n * chunks_classes[_i]);
	slab_put(s, chain);
	slab_wait(s);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	ck_assert_uint_eq(slab_live_bytes(s), 0);
	slab_free(s);
}
END_TEST

START_TEST(super_packets_count_like_all_others)
{
	struct slab *s = chunks_new_slab(BUDGET);
	struct chunk *big, *small, *c;
	size_t n;

	big = take_all(s, CHUNK_MAX_DATA_BYTES, &n);
	ck_assert_uint_eq(n, SLABS / 5);
	for (c = big; c != NULL; c = c->next) {
		ck_assert_uint_ge(chunk_room(c), CHUNK_MAX_DATA_BYTES);
		memset(c->data, 0xab, CHUNK_MAX_DATA_BYTES);
	}
	small = take_all(s, CHUNK_MAX_PLAIN_BYTES, &n);
	ck_assert_uint_eq(n, SLABS % 5);
	ck_assert_int_eq(slab_get(s, 0, &c), -ENOMEM);
	slab_put(s, big);
	slab_put(s, small);
	small = take_all(s, chunks_room(0), &n);
	ck_assert_uint_eq(n, SLABS * (SLAB_BYTES / chunks_classes[0]));
	slab_put(s, small);
	slab_wait(s);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	slab_free(s);
}
END_TEST

START_TEST(an_empty_slab_serves_any_size)
{
	struct slab *s = chunks_new_slab(BUDGET);

	for (int from = 0; from < CHUNKS_CLASSES; from++) {
		for (int to = 0; to < CHUNKS_CLASSES; to++) {
			size_t n;

			slab_put(s, take_all(s, chunks_room(from), &n));
			slab_put(s, take_all(s, chunks_room(to), &n));
			ck_assert_uint_eq(n, SLABS * (SLAB_BYTES / chunks_classes[to]));
		}
	}
	slab_free(s);
}
END_TEST

START_TEST(every_chunk_given_back_can_be_had_again_beside_those_that_stay)
{
	struct slab *s = chunks_new_slab(BUDGET);
	struct chunk *stay = NULL, *back = NULL, *next;
	size_t n, given = 0, again;

	for (struct chunk *c = take_all(s, chunks_room(_i), &n); c != NULL; c = next) {
		struct chunk **list =
		    given * 3 < n && (uintptr_t)c / chunks_classes[_i] % 3 != 0 ? &back : &stay;

		next = c->next;
		given += list == &back;
		c->next = *list;
		*list = c;
	}
	ck_assert_uint_gt(given, 10);
	slab_put(s, back);
	back = take_all(s, chunks_room(_i), &again);
	ck_assert_uint_eq(again, given);
	slab_put(s, back);
	slab_put(s, stay);
	slab_wait(s);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	slab_free(s);
}
END_TEST

/* Also where there are many slabs that nobody has used yet. */
START_TEST(what_was_given_back_is_used_again_before_a_new_slab_is_begun)
{
	struct slab *s = chunks_new_slab(16 * BUDGET);
	struct chunk *c;
	uint64_t taken;

	for (int round = 0; round < 1000; round++) {
		struct chunk *chain = NULL;

		for (int i = 0; i < 40; i++) {
			ck_assert_int_eq(slab_get(s, chunks_room(_i), &c), 0);
			c->next = chain;
			chain = c;
		}
		slab_put(s, chain);
		if (round == 0)
			taken = slab_taken_bytes(s);
		ck_assert_uint_le(slab_taken_bytes(s), 2 * taken);
	}
	slab_wait(s);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	slab_free(s);
}
END_TEST

START_TEST(chunks_never_overlap)
{
	enum { EACH = 150 };
	struct slab *s = chunks_new_slab(16 * BUDGET);
	struct chunk *all[CHUNKS_CLASSES][EACH];

	for (uint32_t n = 0; n < EACH; n++)
		for (uint32_t i = 0; i < CHUNKS_CLASSES; i++) {
			ck_assert_int_eq(slab_get(s, chunks_room((int)i), &all[i][n]), 0);
			chunks_fill(all[i][n], chunks_room((int)i), i * EACH + n);
		}
	for (uint32_t n = 0; n < EACH; n++)
		for (uint32_t i = 0; i < CHUNKS_CLASSES; i++) {
			chunks_check(all[i][n], chunks_room((int)i), i * EACH + n);
			slab_put(s, all[i][n]);
		}
	slab_free(s);
}
END_TEST

START_TEST(waiting_ends_at_once_when_something_was_put_before)
{
	struct slab *s = chunks_new_slab(BUDGET);
	size_t n;
	struct chunk *c, *chain = take_all(s, CHUNK_MAX_PLAIN_BYTES, &n);

	c = chain;
	chain = c->next;
	c->next = NULL;
	slab_put(s, NULL);
	slab_put(s, c);
	slab_wait(s);
	ck_assert_int_eq(slab_get(s, 1, &c), 0);
	ck_assert_int_eq(slab_get(s, CHUNK_MAX_PLAIN_BYTES, &c), -ENOMEM);
	slab_free(s); /* with chunks out: they are lost with it */
	(void)chain;
}
END_TEST

/* ---- other threads give back ------------------------------------------------------------------
 */

struct giver {
	struct slab *slab;
	struct queue *queue;
	pthread_t thread;
};

/* Checks the chunks that it is handed and gives them back, sometimes a chain at a time. */
static void *give_back(void *arg)
{
	struct giver *g = arg;
	struct chunk *got[8];
	int n;

	while ((n = queue_get(g->queue, got, 8, -1)) > 0) {
		for (int i = 0; i < n; i++)
			chunks_check(got[i], got[i]->used, got[i]->used);
		for (int i = 0; i + 1 < n; i += 2)
			got[i]->next = got[i + 1];
		for (int i = 0; i < n; i += 2)
			slab_put(g->slab, got[i]);
	}
	return NULL;
}

START_TEST(the_owner_goes_on_as_other_threads_give_back)
{
	enum { GIVERS = 3, CHUNKS = 20000 };
	struct giver g[GIVERS];
	struct slab *s = chunks_new_slab(BUDGET);
	struct random r = {5};

	for (int i = 0; i < GIVERS; i++) {
		g[i].slab = s;
		ck_assert_int_eq(queue_new(sizeof(struct chunk *), 4096, &g[i].queue), 0);
		ck_assert_int_eq(pthread_create(&g[i].thread, NULL, give_back, &g[i]), 0);
	}
	for (int n = 0; n < CHUNKS; n++) {
		uint32_t bytes = (uint32_t)random_below(&r, n % 50 ? 9000 : CHUNK_MAX_DATA_BYTES);
		struct chunk *c = NULL;

		while (slab_get(s, bytes, &c) != 0)
			slab_wait(s);
		chunks_fill(c, bytes % 777, bytes % 777);
		quick_assert(queue_put(g[n % GIVERS].queue, &c) == 0);
		quick_assert(slab_taken_bytes(s) <= BUDGET);
	}
	for (int i = 0; i < GIVERS; i++) {
		queue_close(g[i].queue);
		ck_assert_int_eq(pthread_join(g[i].thread, NULL), 0);
		queue_free(g[i].queue);
	}
	if (slab_live_bytes(s) > 0)
		slab_wait(s);
	ck_assert_uint_eq(slab_live_bytes(s), 0);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	slab_free(s);
}
END_TEST

static Suite *slab_suite(void)
{
	Suite *s = suite_create("slab");
	TCase *t = tcase_create("slab");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_size_gets_a_fresh_chunk_with_room_for_it);
	tcase_add_test(t, chunks_cost_what_the_design_says);
	tcase_add_loop_test(t, the_budget_is_hard_for_every_size, 0, CHUNKS_CLASSES);
	tcase_add_test(t, super_packets_count_like_all_others);
	tcase_add_test(t, an_empty_slab_serves_any_size);
	tcase_add_loop_test(
	    t, every_chunk_given_back_can_be_had_again_beside_those_that_stay, 0, CHUNKS_CLASSES);
	tcase_add_loop_test(
	    t, what_was_given_back_is_used_again_before_a_new_slab_is_begun, 0, CHUNKS_CLASSES);
	tcase_add_test(t, chunks_never_overlap);
	tcase_add_test(t, waiting_ends_at_once_when_something_was_put_before);
	tcase_add_test(t, the_owner_goes_on_as_other_threads_give_back);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(slab_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
