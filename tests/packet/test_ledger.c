/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the ledger: its sums, its equation, the exit status that each reason asks for, and that
 * threads which add at once lose no count.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "packet/ledger.h"

START_TEST(every_reason_counts_once_in_its_sum)
{
	struct ledger l = {0};
	uint64_t skipped = 0, dropped = 0;

	for (enum ledger_skip i = 0; i < SKIPS; i++) {
		ledger_add(&l.skipped[i], 1u << i);
		skipped += 1u << i;
	}
	for (enum ledger_drop i = 0; i < DROPS; i++) {
		ledger_add(&l.dropped[i], UINT64_C(1) << (32 + i));
		dropped += UINT64_C(1) << (32 + i);
	}
	ck_assert_uint_eq(ledger_skipped(&l), skipped);
	ck_assert_uint_eq(ledger_dropped(&l), dropped);
	ck_assert(!ledger_balanced(&l));
	ledger_add(&l.packets_archived, 5);
	ledger_add(&l.packets_read, skipped + dropped + 5);
	ck_assert(ledger_balanced(&l));
	ledger_add(&l.packets_read, 1);
	ck_assert(!ledger_balanced(&l));
	ledger_add(&l.packets_archived, 2);
	ck_assert(!ledger_balanced(&l));
}
END_TEST

START_TEST(an_empty_ledger_balances_and_asks_for_nothing)
{
	struct ledger l = {0};

	ck_assert(ledger_balanced(&l));
	ck_assert_int_eq(ledger_status(&l), 0);
}
END_TEST

START_TEST(sums_do_not_wrap_at_32_bits)
{
	struct ledger l = {0};

	for (enum ledger_skip i = 0; i < SKIPS; i++)
		ledger_add(&l.skipped[i], UINT32_MAX);
	ck_assert_uint_eq(ledger_skipped(&l), (uint64_t)SKIPS * UINT32_MAX);
}
END_TEST

/* What the operator asked to leave out, DESIGN.md section 8: split still exits with 0. */
static int is_as_asked(const char *name)
{
	static const char *const names[] = {
	    "filtered", "not_ip", "not_tcp", "not_local", "duplicate", "duration", "bytes"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return 1;
	return 0;
}

START_TEST(each_reason_asks_for_the_exit_status_of_the_design)
{
	int as_asked = 0;

	for (enum ledger_skip i = 0; i < SKIPS; i++) {
		struct ledger l = {0};

		ledger_add(&l.skipped[i], 1);
		ck_assert_msg(ledger_status(&l) == !is_as_asked(ledger_skip_reason(i)->name), "%s",
		    ledger_skip_reason(i)->name);
		as_asked += is_as_asked(ledger_skip_reason(i)->name);
	}
	ck_assert_int_eq(as_asked, 7);
	for (enum ledger_drop i = 0; i < DROPS; i++) {
		struct ledger l = {0};

		ledger_add(&l.dropped[i], 1);
		ck_assert_msg(ledger_status(&l) == 1, "%s", ledger_drop_reason(i)->name);
	}
}
END_TEST

START_TEST(a_reason_that_asks_for_nothing_does_not_hide_another)
{
	struct ledger l = {0};

	ledger_add(&l.skipped[SKIP_filtered], 100);
	ck_assert_int_eq(ledger_status(&l), 0);
	ledger_add(&l.skipped[SKIP_truncated], 1);
	ck_assert_int_eq(ledger_status(&l), 1);
}
END_TEST

START_TEST(names_are_plain_and_differ)
{
	const char *names[SKIPS + DROPS];
	int n = 0;

	for (enum ledger_skip i = 0; i < SKIPS; i++)
		names[n++] = ledger_skip_reason(i)->name;
	for (enum ledger_drop i = 0; i < DROPS; i++)
		names[n++] = ledger_drop_reason(i)->name;
	for (int i = 0; i < n; i++) {
		ck_assert_uint_eq(
		    strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"), strlen(names[i]));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(names[i], names[j]);
	}
	/* All others lie behind a reason. */
	ck_assert_ptr_eq(
	    ledger_skip_reason(SKIP_filtered) + SKIP_duplicate, ledger_skip_reason(SKIP_duplicate));
	ck_assert_ptr_eq(
	    ledger_drop_reason(DROP_memory) + DROP_disk, ledger_drop_reason(DROP_disk));
	ck_assert_str_eq(ledger_skip_reason(SKIP_not_ip)->name, "not_ip");
	ck_assert_str_eq(ledger_drop_reason(DROP_half_open)->name, "half_open");
	for (enum ledger_skip i = 0; i < SKIPS; i++)
		ck_assert_uint_gt(strlen(ledger_skip_reason(i)->text), 10);
	for (enum ledger_drop i = 0; i < DROPS; i++)
		ck_assert_uint_gt(strlen(ledger_drop_reason(i)->text), 10);
}
END_TEST

static void *add_many(void *arg)
{
	struct ledger *l = arg;

	for (int i = 0; i < 50000; i++) {
		ledger_add(&l->packets_read, 3);
		ledger_add(&l->packets_archived, 1);
		ledger_add(&l->skipped[SKIP_bytes], 1);
		ledger_add(&l->dropped[DROP_disk], 1);
	}
	return NULL;
}

START_TEST(threads_that_add_at_once_lose_nothing)
{
	enum { THREADS = 4 };
	struct ledger l = {0};
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, add_many, &l), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_uint_eq(ledger_get(&l.packets_read), 3u * 50000 * THREADS);
	ck_assert(ledger_balanced(&l));
}
END_TEST

static Suite *ledger_suite(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("ledger");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_reason_counts_once_in_its_sum);
	tcase_add_test(t, an_empty_ledger_balances_and_asks_for_nothing);
	tcase_add_test(t, sums_do_not_wrap_at_32_bits);
	tcase_add_test(t, each_reason_asks_for_the_exit_status_of_the_design);
	tcase_add_test(t, a_reason_that_asks_for_nothing_does_not_hide_another);
	tcase_add_test(t, names_are_plain_and_differ);
	tcase_add_test(t, threads_that_add_at_once_lose_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(ledger_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
