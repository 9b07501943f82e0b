/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the inbox: order, bounds, time-outs, and that closing it loses nothing that was put,
 * whoever waits where at that moment.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/queue.h"
#include "support/quick.h"
#include "support/random.h"

#define FOREVER (-1)

START_TEST(items_come_out_in_the_order_they_went_in_round_after_round)
{
	struct queue *q;
	int in = 0, out = 0, got[7];

	ck_assert_int_eq(queue_new(sizeof(int), 5, &q), 0);
	for (int round = 0; round < 1000; round++) {
		int n, want = round % 5 + 1;

		for (int i = 0; i < want; i++, in++)
			ck_assert_int_eq(queue_put(q, &in), 0);
		ck_assert_uint_eq(queue_depth(q), want);
		n = queue_get(q, got, 7, FOREVER);
		ck_assert_int_eq(n, want);
		for (int i = 0; i < n; i++)
			quick_assert(got[i] == out++);
	}
	ck_assert_uint_eq(queue_depth(q), 0);
	queue_free(q);
}
END_TEST

START_TEST(no_more_is_taken_than_was_asked_for)
{
	struct queue *q;
	int got[4] = {-1, -1, -1, -1};

	ck_assert_int_eq(queue_new(sizeof(int), 8, &q), 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq(queue_get(q, got, 3, FOREVER), 3);
	ck_assert_int_eq(got[2], 2);
	ck_assert_int_eq(got[3], -1);
	ck_assert_uint_eq(queue_depth(q), 2);
	ck_assert_int_eq(queue_get(q, got, 3, FOREVER), 2);
	ck_assert_int_eq(got[1], 4);
	queue_free(q);
}
END_TEST

START_TEST(items_of_any_size_are_copied_whole)
{
	static const size_t sizes[] = {1, 3, 8, 13, 4096, 70001};
	size_t bytes = sizes[_i];
	unsigned char *in = malloc(bytes), *out = malloc(3 * bytes);
	struct random r = {bytes};
	struct queue *q;

	ck_assert_int_eq(queue_new(bytes, 3, &q), 0);
	for (int round = 0; round < 7; round++) {
		struct random again = r;

		for (int i = 0; i < 2; i++) {
			random_fill(&r, in, bytes);
			ck_assert_int_eq(queue_put(q, in), 0);
			memset(in, 0, bytes); /* it was copied: ours may go */
		}
		ck_assert_int_eq(queue_get(q, out, 3, FOREVER), 2);
		for (size_t i = 0; i < 2; i++) {
			random_fill(&again, in, bytes);
			ck_assert_mem_eq(out + i * bytes, in, bytes);
		}
	}
	queue_free(q);
	free(in);
	free(out);
}
END_TEST

START_TEST(a_full_queue_refuses_who_does_not_wait)
{
	struct queue *q;
	int i;

	ck_assert_int_eq(queue_new(sizeof(int), 3, &q), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(queue_try_put(q, &i), 0);
	ck_assert_int_eq(queue_try_put(q, &i), -EAGAIN);
	ck_assert_uint_eq(queue_depth(q), 3);
	ck_assert_int_eq(queue_get(q, &i, 1, FOREVER), 1);
	ck_assert_int_eq(i, 0);
	ck_assert_int_eq(queue_try_put(q, &i), 0);
	ck_assert_int_eq(queue_try_put(q, &i), -EAGAIN);
	queue_free(q);
}
END_TEST

START_TEST(an_empty_queue_times_out_at_the_deadline_and_not_before)
{
	struct queue *q;
	int64_t deadline;
	int i;

	ck_assert_int_eq(queue_new(sizeof(int), 3, &q), 0);
	ck_assert_int_eq(queue_get(q, &i, 1, 0), -ETIMEDOUT);
	ck_assert_int_eq(queue_get(q, &i, 1, clk_mono().ns), -ETIMEDOUT);
	deadline = clk_mono().ns + 30000000;
	ck_assert_int_eq(queue_get(q, &i, 1, deadline), -ETIMEDOUT);
	ck_assert_int_ge(clk_mono().ns, deadline);
	queue_free(q);
}
END_TEST

START_TEST(an_item_that_is_there_is_given_even_after_the_deadline)
{
	struct queue *q;
	int i = 5, got = 0;

	ck_assert_int_eq(queue_new(sizeof(int), 3, &q), 0);
	ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq(queue_get(q, &got, 1, 1), 1);
	ck_assert_int_eq(got, 5);
	queue_free(q);
}
END_TEST

START_TEST(a_closed_queue_takes_nothing_and_gives_all_that_it_has)
{
	struct queue *q;
	int i, got[4];

	ck_assert_int_eq(queue_new(sizeof(int), 4, &q), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(queue_put(q, &i), 0);
	queue_close(q);
	queue_close(q);
	ck_assert_int_eq(queue_put(q, &i), -EPIPE);
	ck_assert_int_eq(queue_try_put(q, &i), -EPIPE);
	ck_assert_int_eq(queue_get(q, got, 2, FOREVER), 2);
	ck_assert_int_eq(queue_get(q, got, 2, 1), 1);
	ck_assert_int_eq(got[0], 2);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(queue_get(q, got, 4, i == 0 ? FOREVER : 1), -EPIPE);
	queue_free(q);
}
END_TEST

START_TEST(a_full_queue_that_is_closed_says_closed)
{
	struct queue *q;
	int i = 0;

	ck_assert_int_eq(queue_new(sizeof(int), 1, &q), 0);
	ck_assert_int_eq(queue_put(q, &i), 0);
	queue_close(q);
	ck_assert_int_eq(queue_try_put(q, &i), -EPIPE);
	ck_assert_int_eq(queue_put(q, &i), -EPIPE);
	queue_free(q);
}
END_TEST

static void *take_one(void *arg)
{
	int item = 0;

	return (void *)(intptr_t)queue_get(arg, &item, 1, FOREVER);
}

START_TEST(closing_wakes_the_waiting_taker)
{
	struct queue *q;
	pthread_t t;
	void *result;

	ck_assert_int_eq(queue_new(sizeof(int), 1, &q), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, take_one, q), 0);
	queue_close(q);
	ck_assert_int_eq(pthread_join(t, &result), 0);
	ck_assert_int_eq((intptr_t)result, -EPIPE);
	queue_free(q);
}
END_TEST

/* ---- items that wait for others: an hour stands for "never", so that only what is tested ends it
 */

#define HOUR_NS 3600000000000LL

/* Five are worth waking for. */
static struct queue *gathering(long long ns)
{
	struct queue *q;

	ck_assert_int_eq(queue_new(sizeof(int), 10, &q), 0);
	queue_gather(q, 5, ns);
	return q;
}

static void *take_many(void *arg)
{
	int items[10];

	return (void *)(intptr_t)queue_get(arg, items, 10, FOREVER);
}

static intptr_t joined(pthread_t t)
{
	void *result;

	ck_assert_int_eq(pthread_join(t, &result), 0);
	return (intptr_t)result;
}

START_TEST(items_are_given_when_enough_of_them_are_there)
{
	struct queue *q = gathering(HOUR_NS);
	pthread_t t;
	int i = 0;

	ck_assert_int_eq(pthread_create(&t, NULL, take_many, q), 0);
	for (; i < 5; i++)
		ck_assert_int_eq(i % 2 ? queue_put(q, &i) : queue_try_put(q, &i), 0);
	ck_assert_int_eq(joined(t), 5);
	queue_free(q);
}
END_TEST

START_TEST(a_single_item_is_given_when_it_has_waited_long_enough)
{
	struct queue *q = gathering(1);
	int i = 0;

	ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq((intptr_t)take_many(q), 1);
	queue_free(q);
}
END_TEST

START_TEST(an_urgent_item_is_given_at_once_with_what_is_before_it)
{
	struct queue *q = gathering(HOUR_NS);
	pthread_t t;
	int i = 0;

	ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, take_many, q), 0);
	ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq(queue_put_urgent(q, &i), 0);
	ck_assert_int_eq(joined(t), 3);
	/* Also where it is not reached with the first get, and then no more. */
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(i == 2 ? queue_put_urgent(q, &i) : queue_put(q, &i), 0);
	ck_assert_int_eq((intptr_t)take_one(q), 1);
	ck_assert_int_eq((intptr_t)take_many(q), 2);
	ck_assert_int_eq(pthread_create(&t, NULL, take_many, q), 0);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq(joined(t), 5);
	queue_free(q);
}
END_TEST

START_TEST(closing_gives_what_waits_for_others)
{
	struct queue *q = gathering(HOUR_NS);
	pthread_t t;
	int i = 0;

	ck_assert_int_eq(queue_put(q, &i), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, take_many, q), 0);
	queue_close(q);
	ck_assert_int_eq(joined(t), 1);
	ck_assert_int_eq((intptr_t)take_many(q), -EPIPE);
	queue_free(q);
}
END_TEST

static void *put_one(void *arg)
{
	int item = 7;

	return (void *)(intptr_t)queue_put(arg, &item);
}

START_TEST(closing_wakes_all_waiting_putters_and_their_items_are_not_in)
{
	enum { PUTTERS = 6 };
	pthread_t t[PUTTERS];
	int item = 1, got[4];
	struct queue *q;

	ck_assert_int_eq(queue_new(sizeof(int), 1, &q), 0);
	ck_assert_int_eq(queue_put(q, &item), 0);
	for (int i = 0; i < PUTTERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, put_one, q), 0);
	queue_close(q);
	for (int i = 0; i < PUTTERS; i++) {
		void *result;

		ck_assert_int_eq(pthread_join(t[i], &result), 0);
		ck_assert_int_eq((intptr_t)result, -EPIPE);
	}
	ck_assert_int_eq(queue_get(q, got, 4, FOREVER), 1);
	ck_assert_int_eq(got[0], 1);
	queue_free(q);
}
END_TEST

/* ---- many putters, one taker ------------------------------------------------------------------
 */

struct ticket {
	uint32_t putter;
	uint32_t number;
	uint32_t check;
};

struct putter {
	struct queue *queue;
	uint32_t me;
	uint32_t items;    /* to put, at most */
	uint32_t accepted; /* of these, the queue took */
	int try_first;
};

static uint32_t ticket_check(uint32_t putter, uint32_t number)
{
	return (putter * 2654435761u) ^ (number * 40503u) ^ 0x5eed;
}

static void *put_many(void *arg)
{
	struct putter *p = arg;

	for (p->accepted = 0; p->accepted < p->items; p->accepted++) {
		struct ticket t = {p->me, p->accepted, ticket_check(p->me, p->accepted)};
		int rv = p->try_first ? queue_try_put(p->queue, &t) : -EAGAIN;

		if (rv == -EAGAIN)
			rv = queue_put(p->queue, &t);
		if (rv != 0)
			break;
	}
	return NULL;
}

enum { PUTTERS = 8 };

/* Takes until the queue is closed and empty, or until `most` tickets; each putter's must be in
 * order. */
static uint32_t take_tickets(struct queue *q, uint32_t most, uint32_t *next)
{
	struct ticket got[5];
	uint32_t taken = 0;
	int n = 0;

	while (taken < most && (n = queue_get(q, got, 5, FOREVER)) > 0) {
		for (int i = 0; i < n; i++, taken++) {
			quick_assert(got[i].putter < PUTTERS);
			quick_assert(got[i].number == next[got[i].putter]++);
			quick_assert(got[i].check == ticket_check(got[i].putter, got[i].number));
		}
	}
	ck_assert_int_ge(n, most == UINT32_MAX ? -EPIPE : 0);
	return taken;
}

static void start_putters(struct queue *q, uint32_t items, struct putter *p, pthread_t *t)
{
	for (uint32_t i = 0; i < PUTTERS; i++) {
		p[i] = (struct putter){.queue = q, .me = i, .items = items, .try_first = i % 2};
		ck_assert_int_eq(pthread_create(&t[i], NULL, put_many, &p[i]), 0);
	}
}

START_TEST(many_putters_and_one_taker_lose_nothing_and_keep_each_putter_s_order)
{
	enum { ITEMS = 3000 };
	uint32_t next[PUTTERS] = {0};
	struct putter p[PUTTERS];
	pthread_t t[PUTTERS];
	struct queue *q;

	ck_assert_int_eq(queue_new(sizeof(struct ticket), 7, &q), 0);
	start_putters(q, ITEMS, p, t);
	ck_assert_uint_ge(take_tickets(q, PUTTERS * ITEMS, next), PUTTERS * ITEMS);
	for (int i = 0; i < PUTTERS; i++) {
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
		ck_assert_uint_eq(p[i].accepted, ITEMS);
		ck_assert_uint_eq(next[i], ITEMS);
	}
	ck_assert_uint_eq(queue_depth(q), 0);
	queue_free(q);
}
END_TEST

START_TEST(closing_among_putters_gives_exactly_what_was_accepted)
{
	uint32_t next[PUTTERS] = {0};
	struct putter p[PUTTERS];
	pthread_t t[PUTTERS];
	struct queue *q;

	ck_assert_int_eq(queue_new(sizeof(struct ticket), 3 + (size_t)_i, &q), 0);
	start_putters(q, UINT32_MAX, p, t);
	(void)take_tickets(q, 500 + (uint32_t)_i * 37, next);
	queue_close(q);
	(void)take_tickets(q, UINT32_MAX, next);
	for (int i = 0; i < PUTTERS; i++) {
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
		ck_assert_uint_eq(next[i], p[i].accepted);
	}
	queue_free(q);
}
END_TEST

START_TEST(nothing_is_freed_without_harm)
{
	queue_free(NULL);
}
END_TEST

static Suite *queue_suite(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("queue");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, items_come_out_in_the_order_they_went_in_round_after_round);
	tcase_add_test(t, no_more_is_taken_than_was_asked_for);
	tcase_add_loop_test(t, items_of_any_size_are_copied_whole, 0, 6);
	tcase_add_test(t, a_full_queue_refuses_who_does_not_wait);
	tcase_add_test(t, an_empty_queue_times_out_at_the_deadline_and_not_before);
	tcase_add_test(t, an_item_that_is_there_is_given_even_after_the_deadline);
	tcase_add_test(t, a_closed_queue_takes_nothing_and_gives_all_that_it_has);
	tcase_add_test(t, a_full_queue_that_is_closed_says_closed);
	tcase_add_test(t, closing_wakes_the_waiting_taker);
	tcase_add_test(t, items_are_given_when_enough_of_them_are_there);
	tcase_add_test(t, a_single_item_is_given_when_it_has_waited_long_enough);
	tcase_add_test(t, an_urgent_item_is_given_at_once_with_what_is_before_it);
	tcase_add_test(t, closing_gives_what_waits_for_others);
	tcase_add_test(t, closing_wakes_all_waiting_putters_and_their_items_are_not_in);
	tcase_add_test(t, many_putters_and_one_taker_lose_nothing_and_keep_each_putter_s_order);
	tcase_add_loop_test(t, closing_among_putters_gives_exactly_what_was_accepted, 0, 20);
	tcase_add_test(t, nothing_is_freed_without_harm);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(queue_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
