/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the table of sockets: an open before each close, none twice, whatever dumps and destroy
 * messages come in whatever order.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/sockets.h"

#define TOLD_MAX 4096

static struct sockets *table;
static char told[TOLD_MAX]; /* what the hooks said: "+1 -1 " for cookies */

static void tell(char what, uint32_t slot)
{
	int64_t opened_ns = -1;
	const struct connection *c = sockets_slot(table, slot, &opened_ns);
	size_t n = strlen(told);

	ck_assert_ptr_nonnull(c); /* it lives in both hooks */
	ck_assert_int_eq(opened_ns, 1000 + (int64_t)c->cookie);
	(void)snprintf(told + n, sizeof(told) - n, "%c%u ", what, (unsigned)c->cookie);
}

static void opened(void *arg, uint32_t slot)
{
	ck_assert_ptr_eq(arg, told);
	tell('+', slot);
}

static void closed(void *arg, uint32_t slot)
{
	ck_assert_ptr_eq(arg, told);
	tell('-', slot);
}

static void begin(uint32_t max, bool keep_lost)
{
	struct sockets_hooks hooks = {opened, closed, told};

	told[0] = '\0';
	ck_assert_int_eq(sockets_new(max, keep_lost, &hooks, &table), 0);
}

static struct connection one(uint64_t cookie)
{
	return (struct connection){.cookie = cookie,
	    .local = {127, 0, 0, 1},
	    .remote = {127, 0, 0, 1},
	    .local_port = 80,
	    .remote_port = (uint16_t)(1 + cookie % 65535)};
}

static void seen(uint64_t cookie)
{
	struct connection c = one(cookie);

	sockets_seen(table, &c, 1000 + (int64_t)cookie);
}

static void destroyed(uint64_t cookie)
{
	struct connection c = one(cookie);

	sockets_destroyed(table, &c, 1000 + (int64_t)cookie);
}

static void check_told(const char *want)
{
	ck_assert_str_eq(told, want);
	told[0] = '\0';
}

START_TEST(a_socket_is_opened_once_and_closed_when_it_is_destroyed)
{
	begin(100, true);
	seen(1);
	seen(2);
	sockets_end(table);
	seen(1);
	check_told("+1 +2 ");
	destroyed(1);
	check_told("-1 ");
	sockets_end(table);
	sockets_free(table);
}
END_TEST

START_TEST(a_socket_that_no_dump_saw_is_opened_and_closed_at_once)
{
	begin(100, true);
	destroyed(7);
	check_told("+7 -7 ");
	sockets_free(table);
}
END_TEST

START_TEST(a_socket_without_ports_is_counted_not_told)
{
	struct connection c = one(1);
	struct sockets_counts n;

	begin(100, true);
	c.remote_port = 0;
	sockets_destroyed(table, &c, 0);
	sockets_seen(table, &c, 0);
	c = one(2);
	c.local_port = 0;
	sockets_seen(table, &c, 0);
	check_told("");
	sockets_counts(table, &n);
	ck_assert_uint_eq(n.erased, 1);
	sockets_free(table);
}
END_TEST

START_TEST(a_known_socket_that_lost_its_ports_is_the_same)
{
	struct connection c = one(1);

	begin(100, true);
	seen(1);
	c.local_port = 0;
	sockets_seen(table, &c, 0);
	c.remote_port = 0;
	sockets_seen(table, &c, 0);
	check_told("+1 ");
	sockets_destroyed(table, &c, 0);
	check_told("-1 ");
	sockets_free(table);
}
END_TEST

START_TEST(a_dump_that_shows_what_was_destroyed_opens_nothing)
{
	begin(100, true);
	destroyed(1);
	told[0] = '\0';
	for (int i = 0; i < 10; i++) { /* as FIN_WAIT2, for a minute */
		seen(1);
		sockets_end(table);
	}
	check_told("");
	sockets_free(table);
}
END_TEST

START_TEST(two_dumps_must_miss_a_socket_to_close_it)
{
	begin(100, true);
	seen(1);
	sockets_end(table);
	sockets_end(table); /* one missed it */
	seen(1);
	sockets_end(table);
	check_told("+1 ");
	sockets_end(table);
	check_told("");
	sockets_end(table);
	check_told("-1 ");
	destroyed(1); /* its program let go of it at last */
	check_told("");
	sockets_free(table);
}
END_TEST

START_TEST(a_socket_that_was_lost_and_comes_back_is_opened_again)
{
	begin(100, true);
	seen(1);
	for (int i = 0; i < 3; i++)
		sockets_end(table);
	check_told("+1 -1 ");
	seen(1);
	check_told("+1 ");
	destroyed(1);
	check_told("-1 ");
	sockets_free(table);
}
END_TEST

START_TEST(a_socket_that_connects_elsewhere_is_closed_and_opened)
{
	struct connection c = one(1);

	begin(100, true);
	seen(1);
	c.remote_port++;
	sockets_seen(table, &c, 1001);
	check_told("+1 -1 +1 ");
	c.remote_port++;
	sockets_destroyed(table, &c, 1001);
	check_told("-1 +1 -1 ");
	sockets_free(table);
}
END_TEST

START_TEST(what_is_over_is_forgotten)
{
	begin(64, true);
	for (uint64_t i = 1; i <= 10000; i++) {
		seen(2 * i);
		destroyed(2 * i + 1);
		destroyed(2 * i);
		sockets_end(table);
	}
	ck_assert_uint_le(sockets_slots(table), 10);
	sockets_free(table);
}
END_TEST

START_TEST(without_destroy_messages_nothing_waits_for_one)
{
	begin(64, false);
	for (uint64_t i = 1; i <= 1000; i++) {
		seen(i);
		sockets_end(table);
		told[0] = '\0';
	}
	ck_assert_uint_le(sockets_slots(table), 4);
	sockets_free(table);
}
END_TEST

START_TEST(lost_sockets_are_remembered_up_to_a_limit)
{
	struct sockets_counts n;

	begin(SOCKETS_LOST_MAX + 100, true);
	for (uint64_t i = 1; i <= SOCKETS_LOST_MAX + 50; i++) {
		seen(i);
		told[0] = '\0';
	}
	for (int i = 0; i < 3; i++) {
		sockets_end(table);
		told[0] = '\0';
	}
	sockets_counts(table, &n);
	ck_assert_uint_eq(n.closed, SOCKETS_LOST_MAX + 50);
	destroyed(SOCKETS_LOST_MAX + 50);
	check_told(""); /* remembered */
	destroyed(1);
	check_told("+1 -1 "); /* no more */
	sockets_free(table);
}
END_TEST

START_TEST(a_full_table_counts_and_goes_on)
{
	struct sockets_counts n;

	begin(2, true);
	seen(1);
	seen(2);
	seen(3);
	destroyed(4);
	check_told("+1 +2 ");
	sockets_counts(table, &n);
	ck_assert_uint_eq(n.too_many, 2);
	ck_assert_uint_eq(n.live, 2);
	destroyed(1);
	check_told("-1 ");
	sockets_free(table);
}
END_TEST

/* A model of a few thousand sockets: a flag for each, and the counts of what was told. */
#define MODEL 5000

static struct {
	bool open;
	unsigned opens, closes;
} model[MODEL];

static void model_opened(void *arg, uint32_t slot)
{
	int64_t ns;
	uint64_t cookie = sockets_slot(table, slot, &ns)->cookie;

	(void)arg;
	ck_assert(!model[cookie].open);
	model[cookie].open = true;
	model[cookie].opens++;
}

static void model_closed(void *arg, uint32_t slot)
{
	int64_t ns;
	uint64_t cookie = sockets_slot(table, slot, &ns)->cookie;

	(void)arg;
	ck_assert(model[cookie].open);
	model[cookie].open = false;
	model[cookie].closes++;
}

START_TEST(thousands_that_come_and_go_at_random_are_told_once)
{
	struct sockets_hooks hooks = {model_opened, model_closed, NULL};
	enum { UNBORN, ALIVE, GONE } real[MODEL] = {UNBORN};
	struct sockets_counts n;
	uint64_t x = 88172645463325252u; /* xorshift64, Marsaglia 2003: any seed but 0 */

	ck_assert_int_eq(sockets_new(1 << 20, true, &hooks, &table), 0);
	for (int step = 0; step < 200; step++) {
		for (int i = 0; i < 100; i++) {
			uint64_t cookie;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			cookie = 1 + x % (MODEL - 1);
			if (real[cookie] == UNBORN) {
				real[cookie] = ALIVE;
			} else if (real[cookie] == ALIVE) {
				real[cookie] = GONE;
				destroyed(cookie);
			}
		}
		for (uint64_t c = 1; c < MODEL; c++)
			if (real[c] == ALIVE)
				seen(c);
		sockets_end(table);
	}
	sockets_counts(table, &n);
	for (uint64_t c = 1; c < MODEL; c++) {
		ck_assert_uint_eq(model[c].opens, real[c] != UNBORN);
		ck_assert_uint_eq(model[c].closes, real[c] == GONE);
		n.live -= real[c] == ALIVE;
	}
	ck_assert_uint_eq(n.live, 0);
	sockets_free(table);
}
END_TEST

static Suite *sockets_suite(void)
{
	Suite *s = suite_create("sockets");
	TCase *t = tcase_create("sockets");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_socket_is_opened_once_and_closed_when_it_is_destroyed);
	tcase_add_test(t, a_socket_that_no_dump_saw_is_opened_and_closed_at_once);
	tcase_add_test(t, a_socket_without_ports_is_counted_not_told);
	tcase_add_test(t, a_known_socket_that_lost_its_ports_is_the_same);
	tcase_add_test(t, a_dump_that_shows_what_was_destroyed_opens_nothing);
	tcase_add_test(t, two_dumps_must_miss_a_socket_to_close_it);
	tcase_add_test(t, a_socket_that_was_lost_and_comes_back_is_opened_again);
	tcase_add_test(t, a_socket_that_connects_elsewhere_is_closed_and_opened);
	tcase_add_test(t, what_is_over_is_forgotten);
	tcase_add_test(t, without_destroy_messages_nothing_waits_for_one);
	tcase_add_test(t, lost_sockets_are_remembered_up_to_a_limit);
	tcase_add_test(t, a_full_table_counts_and_goes_on);
	tcase_add_test(t, thousands_that_come_and_go_at_random_are_told_once);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(sockets_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
