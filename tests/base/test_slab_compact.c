/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of compaction: it empties as many slabs as can be emptied, in whatever order chunks are
 * offered, and no chunk loses its bytes or its place in a chain.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/slab.h"
#include "support/chunks.h"
#include "support/random.h"

#define HELD 20000u

enum order { FORWARD, BACKWARD };

static void compact(struct slab *s, struct chunks_held *held, size_t n, enum order order)
{
	slab_compact_begin(s);
	for (size_t i = 0; i < n; i++) {
		struct chunks_held *h = &held[order == FORWARD ? i : n - 1 - i];

		if (h->chunk != NULL)
			h->chunk = slab_compact(s, h->chunk);
	}
}

/* Puts all but one in `keep`, in an order that leaves holes everywhere. */
static size_t thin_out(
    struct slab *s, struct chunks_held *held, size_t n, uint64_t keep, struct random *r)
{
	size_t left = n;

	for (size_t i = 0; i < n; i++) {
		if (random_below(r, keep) == 0)
			continue;
		slab_put(s, held[i].chunk);
		held[i].chunk = NULL;
		left--;
	}
	slab_wait(s);
	return left;
}

START_TEST(compaction_leaves_no_slab_half_empty_and_no_byte_changed)
{
	struct chunks_held *held = calloc(HELD, sizeof(*held));
	int class = _i / 2;
	enum order order = _i % 2 ? BACKWARD : FORWARD;
	uint32_t per_slab = SLAB_BYTES / chunks_classes[class];
	uint32_t bytes = chunks_room(class) - 3;
	size_t n = 100 * per_slab < HELD ? 100 * per_slab : HELD, left, in_use = 0;
	struct slab *s = chunks_new_slab(BUDGET);
	struct random r = {11};
	uint64_t live;

	for (uint32_t i = 0; i < n; i++)
		chunks_hold(s, &held[i], bytes, i);
	left = thin_out(s, held, n, 7, &r);
	live = slab_live_bytes(s);
	ck_assert_uint_eq(live, left * chunks_classes[class]);
	compact(s, held, n, order);
	ck_assert_uint_eq(slab_live_bytes(s), live);
	ck_assert_uint_eq(slab_taken_bytes(s), (left + per_slab - 1) / per_slab * SLAB_BYTES);
	for (size_t i = 0; i < n; i++) {
		if (held[i].chunk == NULL)
			continue;
		chunks_check(held[i].chunk, held[i].used, held[i].mark);
		quick_assert(chunk_bytes(held[i].chunk) == chunks_classes[class]);
		slab_put(s, held[i].chunk);
		in_use++;
	}
	ck_assert_uint_eq(in_use, left);
	slab_wait(s);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	slab_free(s);
	free(held);
}
END_TEST

START_TEST(compaction_empties_slabs_that_are_all_alike)
{
	enum { PER_SLAB = 512, ALIKE = 30 };
	struct chunks_held *held = calloc(ALIKE * PER_SLAB, sizeof(*held));
	struct slab *s = chunks_new_slab(BUDGET);

	for (uint32_t i = 0; i < ALIKE * PER_SLAB; i++)
		chunks_hold(s, &held[i], 100, i);
	for (uint32_t i = 0; i < ALIKE * PER_SLAB; i++) {
		if (i % PER_SLAB < (i < PER_SLAB ? 150 : 100))
			continue;
		slab_put(s, held[i].chunk);
		held[i].chunk = NULL;
	}
	slab_wait(s);
	ck_assert_uint_eq(slab_taken_bytes(s), ALIKE * SLAB_BYTES);
	compact(s, held, ALIKE * PER_SLAB, _i ? BACKWARD : FORWARD);
	ck_assert_uint_eq(
	    slab_taken_bytes(s), (ALIKE * 100 + 50 + PER_SLAB - 1) / PER_SLAB * SLAB_BYTES);
	slab_free(s);
	free(held);
}
END_TEST

START_TEST(compaction_keeps_the_chain_that_a_chunk_is_in)
{
	struct slab *s = chunks_new_slab(BUDGET);
	struct chunk *c[1000], *end, *moved;

	ck_assert_int_eq(slab_get(s, 100, &end), 0);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(slab_get(s, 100, &c[i]), 0);
	for (int i = 10; i < 999; i++) /* ten more stay where `end` is: that slab is the fuller */
		slab_put(s, c[i]);
	slab_wait(s);
	chunks_fill(c[999], 100, 1);
	c[999]->next = end;
	slab_compact_begin(s);
	moved = slab_compact(s, c[999]);
	ck_assert_ptr_ne(moved, c[999]);
	ck_assert_ptr_eq(moved->next, end);
	chunks_check(moved, 100, 1);
	slab_free(s);
}
END_TEST

START_TEST(compaction_makes_room_for_another_size_when_little_is_in_use)
{
	struct chunks_held *held = calloc(HELD, sizeof(*held));
	struct slab *s = chunks_new_slab(BUDGET);
	struct chunk *big = NULL;
	struct random r = {3};
	size_t n = 0;

	for (; n < HELD && slab_get(s, 400, &held[n].chunk) == 0; n++)
		chunks_fill(held[n].chunk, 400, (uint32_t)n);
	ck_assert_uint_eq(n, SLABS * 128);
	(void)thin_out(s, held, n, 10, &r);
	ck_assert_int_eq(slab_get(s, CHUNK_MAX_DATA_BYTES, &big), -ENOMEM);
	compact(s, held, n, FORWARD);
	ck_assert_int_eq(slab_get(s, CHUNK_MAX_DATA_BYTES, &big), 0);
	slab_put(s, big);
	for (size_t i = 0; i < n; i++)
		if (held[i].chunk != NULL)
			chunks_check(held[i].chunk, 400, (uint32_t)i);
	slab_free(s);
	free(held);
}
END_TEST

/* ---- against a model --------------------------------------------------------------------------
 */

struct model {
	struct chunks_held held[2048];
	size_t count;
	uint64_t live_bytes; /* chunk bytes that are out */
};

static void model_get(struct model *m, struct slab *s, struct random *r, uint32_t mark)
{
	uint32_t bytes =
	    (uint32_t)(random_next(r) >> (46 + random_below(r, 17))) % CHUNK_MAX_DATA_BYTES;
	struct chunks_held *h = &m->held[m->count];
	int rv = slab_get(s, bytes, &h->chunk);

	if (rv != 0) {
		/* Refused only when a slab more (five for a super-packet) would break the budget.
		 */
		quick_assert(rv == -ENOMEM);
		quick_assert(slab_taken_bytes(s) +
				 (bytes > CHUNK_MAX_PLAIN_BYTES ? 5 * SLAB_BYTES : SLAB_BYTES) >
			     BUDGET);
		return;
	}
	h->used = bytes;
	h->mark = mark;
	chunks_fill(h->chunk, bytes, mark);
	m->live_bytes += chunk_bytes(h->chunk);
	m->count++;
}

/* Checks a few chunks at random places and gives them back as one chain. */
static void model_put(struct model *m, struct slab *s, struct random *r)
{
	struct chunk *chain = NULL;

	for (uint64_t n = random_below(r, 20); n > 0 && m->count > 0; n--) {
		struct chunks_held *h = &m->held[random_below(r, m->count)];

		chunks_check(h->chunk, h->used, h->mark);
		m->live_bytes -= chunk_bytes(h->chunk);
		h->chunk->next = chain;
		chain = h->chunk;
		*h = m->held[--m->count];
	}
	slab_put(s, chain);
}

START_TEST(four_thousand_random_steps_agree_with_a_model)
{
	struct model *m = calloc(1, sizeof(*m));
	struct random r = {1000 + (uint64_t)_i};
	struct slab *s = chunks_new_slab(BUDGET);

	for (uint32_t step = 0; step < 4000; step++) {
		if (m->count < 2048 && random_below(&r, 11) != 0)
			model_get(m, s, &r, step);
		else
			model_put(m, s, &r);
		if (step % 500 == 0)
			compact(s, m->held, m->count, step % 1000 ? FORWARD : BACKWARD);
		quick_assert(slab_taken_bytes(s) <= BUDGET);
		quick_assert(slab_live_bytes(s) >= m->live_bytes);
		quick_assert(slab_live_bytes(s) <= slab_taken_bytes(s));
	}
	while (m->count > 0)
		model_put(m, s, &r);
	if (slab_live_bytes(s) > 0)
		slab_wait(s);
	ck_assert_uint_eq(slab_live_bytes(s), 0);
	ck_assert_uint_eq(slab_taken_bytes(s), 0);
	slab_free(s);
	slab_free(NULL);
	free(m);
}
END_TEST

static Suite *slab_compact_suite(void)
{
	Suite *s = suite_create("slab_compact");
	TCase *t = tcase_create("slab_compact");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(
	    t, compaction_leaves_no_slab_half_empty_and_no_byte_changed, 0, 2 * CHUNKS_CLASSES);
	tcase_add_loop_test(t, compaction_empties_slabs_that_are_all_alike, 0, 2);
	tcase_add_test(t, compaction_keeps_the_chain_that_a_chunk_is_in);
	tcase_add_test(t, compaction_makes_room_for_another_size_when_little_is_in_use);
	tcase_add_loop_test(t, four_thousand_random_steps_agree_with_a_model, 0, 3);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(slab_compact_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
