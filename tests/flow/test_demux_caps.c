/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of --max-flows and --max-memory: who goes first when the table is full, and that short
 * memory neither loses nor reorders anything.
 */
#include <check.h>
#include <stdlib.h>

#include "rig.h"
#include "support/quick.h"

static struct conn nth(uint32_t n)
{
	return (struct conn){.family = n % 3 == 0 ? 6 : 4,
	    .host = {1 + n / 50000, 900000},
	    .port = {(uint16_t)(1000 + n % 50000), 80}};
}

static struct rig *new_rig(uint32_t max_flows)
{
	struct rig_config config = rig_defaults;
	struct rig *r;

	config.max_flows = max_flows;
	r = rig_new(&config);
	r->step_ns = 1000;
	return r;
}

static uint32_t data(struct rig *r, uint32_t n, uint32_t bytes)
{
	struct conn c = nth(n);

	return rig_data(r, &c, A, bytes);
}

static uint32_t handshake(struct rig *r, uint32_t n)
{
	struct conn c = nth(n);
	uint32_t syn = rig_tcp(r, &c, A, SYN, 1);

	rig_tcp(r, &c, B, SYN | ACK, 1);
	rig_tcp(r, &c, A, ACK, 2);
	return syn;
}

static void fins(struct rig *r, uint32_t n)
{
	struct conn c = nth(n);

	rig_tcp(r, &c, A, FIN | ACK, 2);
	rig_tcp(r, &c, B, FIN | ACK, 2);
}

/* ---- flows ----------------------------------------------------------------------------------- */

START_TEST(exactly_so_many_flows_are_alive)
{
	static const uint32_t caps[] = {1, 2, 3, 17, 256};
	uint32_t cap = caps[_i % 5], more = _i / 5u;
	struct rig *r = new_rig(cap);

	for (int round = 0; round < 2; round++)
		for (uint32_t n = 0; n < cap; n++)
			data(r, n, 5);
	for (uint32_t n = 0; n < more; n++)
		data(r, cap + n, 5);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, cap + more);
	ck_assert_uint_eq(r->stats.end_reasons[END_EVICTED], more);
	ck_assert_uint_eq(r->stats.end_reasons[END_EOF], cap);
	rig_free(r);
}
END_TEST

START_TEST(with_room_for_one_flow_every_change_is_a_new_flow)
{
	struct rig *r = new_rig(1);

	for (int i = 0; i < 50; i++) {
		data(r, 1, 5);
		data(r, 1, 6);
		data(r, 2, 5);
	}
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 100);
	ck_assert_uint_eq(r->stats.end_reasons[END_EVICTED], 99);
	rig_free(r);
}
END_TEST

/* The table is full of one flow of each kind, in the order in which they should go. */
enum { PUBLISHED, HALF_OPEN, ENDED, IDLE, FRESH, KINDS };

static const char *const ends[] = {"fin", "evicted", "fin", "evicted", "evicted"};

START_TEST(published_flows_go_first_then_half_open_ended_and_idle_ones)
{
	uint32_t kind = (uint32_t)_i % KINDS, newcomers = (uint32_t)_i / KINDS, before[KINDS],
		 after;
	struct rig *r = new_rig(KINDS);
	struct conn half_open = nth(HALF_OPEN);

	before[PUBLISHED] = handshake(r, PUBLISHED);
	fins(r, PUBLISHED);
	before[IDLE] = handshake(r, IDLE);
	rig_at(r, SEC(3));
	before[FRESH] = handshake(r, FRESH);
	before[ENDED] = handshake(r, ENDED);
	fins(r, ENDED);
	before[HALF_OPEN] = rig_tcp(r, &half_open, A, SYN, 1); /* the youngest of all */
	rig_tcp(r, &half_open, B, SYN | ACK, 1);
	for (uint32_t n = 0; n < newcomers; n++)
		data(r, 100 + n, 5);
	after = data(r, kind, 1);
	rig_stop(r);
	ck_assert_int_eq(rig_same_flow(r, before[kind], after), newcomers <= kind);
	if (newcomers > kind)
		rig_end(r, before[kind], ends[kind]);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_with_packets_outlives_one_without)
{
	enum { FLOWS = 8 };
	uint64_t random = 300 + (uint64_t)_i;
	uint32_t silent = rig_random(&random, FLOWS), before[FLOWS], after[FLOWS];
	struct rig *r = new_rig(FLOWS);

	for (uint32_t n = 0; n < FLOWS; n++)
		before[n] = data(r, n, 1);
	for (uint32_t i = 0; i < 30; i++) {
		uint32_t n = i < FLOWS ? i : rig_random(&random, FLOWS);

		if (n != silent)
			data(r, n, 1);
	}
	data(r, FLOWS, 1);
	for (uint32_t n = 0; n < FLOWS; n++)
		if (n != silent)
			after[n] = data(r, n, 1);
	rig_stop(r);
	for (uint32_t n = 0; n < FLOWS; n++)
		if (n != silent)
			ck_assert(rig_same(r, before[n], after[n]));
	rig_end(r, before[silent], "evicted");
	rig_free(r);
}
END_TEST

START_TEST(flows_silent_for_a_tick_go_in_the_order_of_their_last_packets)
{
	enum { FLOWS = 6 };
	struct rig *r = new_rig(FLOWS);
	uint32_t n[FLOWS];

	for (uint32_t i = 0; i < FLOWS; i++) {
		rig_at(r, SEC(i));
		n[i] = data(r, i, 1);
	}
	rig_at(r, SEC(31));
	data(r, 0, 1);
	data(r, 100, 1);
	data(r, 101, 1);
	rig_stop(r);
	for (uint32_t i = 0; i < FLOWS; i++)
		rig_end(r, n[i], i == 1 || i == 2 ? "evicted" : "eof");
	rig_free(r);
}
END_TEST

START_TEST(flows_that_are_over_go_before_any_that_live)
{
	enum { OVER = 40 };
	struct rig *r = new_rig(OVER + 1);
	struct conn alive = nth(1000);
	uint32_t n[OVER], syn;

	for (uint32_t i = 0; i < OVER; i++)
		n[i] = data(r, i, 1);
	rig_at(r, SEC(59));
	syn = rig_tcp(r, &alive, A, SYN, 1); /* half open: the first to go, if one has to */
	rig_at(r, SEC(61));
	for (uint32_t i = 0; i < 20; i++)
		data(r, 100 + i, 1);
	rig_stop(r);
	for (uint32_t i = 0; i < OVER; i++)
		rig_end(r, n[i], "idle");
	rig_end(r, syn, "eof");
	ck_assert_uint_eq(r->stats.end_reasons[END_EVICTED], 0);
	rig_free(r);
}
END_TEST

START_TEST(flows_that_have_lingered_go_before_half_open_ones)
{
	enum { LINGERING = 40 };
	struct rig *r = new_rig(LINGERING + 1);
	struct conn alive = nth(1000);
	uint32_t syn;

	for (uint32_t i = 0; i < LINGERING; i++) {
		handshake(r, i);
		fins(r, i);
	}
	rig_at(r, SEC(2));
	syn = rig_tcp(r, &alive, A, SYN, 1);
	rig_at(r, SEC(3));
	for (uint32_t i = 0; i < 30; i++)
		data(r, 100 + i, 1);
	rig_stop(r);
	rig_end(r, syn, "eof");
	ck_assert_uint_eq(r->stats.end_reasons[END_FIN], LINGERING);
	ck_assert_uint_eq(r->stats.end_reasons[END_EVICTED], 0);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_that_was_evicted_begins_anew)
{
	struct rig *r = new_rig(2);
	uint32_t n[2];

	n[0] = data(r, 1, 5);
	data(r, 2, 5);
	data(r, 3, 5);
	n[1] = data(r, 1, 5);
	rig_stop(r);
	ck_assert(!rig_same_flow(r, n[0], n[1]));
	rig_end(r, n[0], "evicted");
	rig_free(r);
}
END_TEST

START_TEST(a_flood_of_syns_evicts_no_connection)
{
	const uint32_t syns = quick_rounds_threads(2000, 400);
	struct rig *r = new_rig(50);
	uint32_t n[10];

	for (uint32_t i = 0; i < 10; i++)
		n[i] = handshake(r, i);
	for (uint32_t i = 0; i < syns; i++) {
		struct conn c = nth(1000 + i);

		rig_tcp(r, &c, A, SYN, i);
	}
	rig_stop(r);
	for (uint32_t i = 0; i < 10; i++)
		rig_end(r, n[i], "eof");
	ck_assert_uint_eq(r->stats.end_reasons[END_EVICTED], 10 + syns - 50);
	rig_free(r);
}
END_TEST

START_TEST(far_more_flows_than_room_lose_nothing)
{
	const uint32_t packets = quick_rounds_threads(5000, 1000);
	uint64_t random = 40 + (uint64_t)_i;
	struct rig *r = new_rig(30);

	for (uint32_t i = 0; i < packets; i++)
		data(r, rig_random(&random, 300), rig_random(&random, 500));
	rig_stop(r); /* which asserts it */
	ck_assert_uint_gt(r->stats.end_reasons[END_EVICTED], packets / 5);
	rig_free(r);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static struct rig *new_small_rig(int savers)
{
	struct rig_config config = rig_defaults;

	config.savers = savers;
	config.max_memory_bytes = SLAB_MIN_BYTES;
	config.max_flows = 100000;
	return rig_new(&config);
}

START_TEST(many_small_flows_in_little_memory)
{
	const uint32_t flows = quick_rounds_threads(12000, 2400);
	/* A sample has fewer flows, but about as many bytes: memory is as short. */
	const uint32_t larger = flows < 12000 ? 12 : 1;
	struct rig *r = new_small_rig(1 + _i);

	for (int round = 0; round < 5; round++)
		for (uint32_t n = 0; n < flows; n++)
			data(r, n, (n * 7 + (uint32_t)round * 31) % 120 * larger);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, flows);
	ck_assert_uint_eq(r->file_count, flows);
	for (uint32_t i = 0; i < flows; i++)
		rig_must(r->files[i].count == 5);
	rig_free(r);
}
END_TEST

START_TEST(many_large_flows_in_little_memory)
{
	enum { FLOWS = 200, PACKETS = 20000 };
	uint64_t random = 90 + (uint64_t)_i;
	struct rig *r = new_small_rig(1 + _i);

	for (int i = 0; i < PACKETS; i++)
		data(r, rig_random(&random, FLOWS), rig_random(&random, 1460));
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, FLOWS);
	ck_assert_uint_eq(r->file_count, FLOWS);
	rig_free(r);
}
END_TEST

/* From the smallest frame to super-packets, so that all sizes of chunk compete for slabs. */
START_TEST(packets_of_all_sizes_in_little_memory)
{
	enum { FLOWS = 300, PACKETS = 3000 };
	static const uint32_t sizes[] = {
	    0, 60, 130, 440, 1460, 9000, 32000, 64000, 65400, 120000, 250000};
	uint64_t random = 700 + (uint64_t)_i;
	struct rig *r = new_small_rig(1 + _i);

	for (int i = 0; i < PACKETS; i++) {
		uint32_t kind =
		    rig_random(&random, 4) ? rig_random(&random, 5) : rig_random(&random, 11);
		struct conn c = nth(rig_random(&random, FLOWS));

		rig_send(r, &(struct frame){.conn = &c,
				.tcp_flags = ACK,
				.payload_bytes = sizes[kind],
				.length_unknown = sizes[kind] > 65400});
	}
	rig_stop(r);
	ck_assert_uint_eq(ledger_get(&r->ledger.packets_archived), PACKETS);
	ck_assert_uint_eq(r->flow_count, r->file_count);
	rig_free(r);
}
END_TEST

START_TEST(one_flow_larger_than_memory)
{
	struct rig *r = new_small_rig(1);

	for (int i = 0; i < 12000; i++)
		data(r, 1, 1446);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 12000);
	rig_free(r);
}
END_TEST

/* The largest record is one of 262144 bytes; around it, and around what a member holds. */
START_TEST(super_packets_are_kept_whole)
{
	static const uint32_t totals[] = {
	    65519, 65520, 65521, 65504, 65505, 65535, 65536, 131072, 262143, 262144};
	struct conn c = nth(3 + (uint32_t)_i); /* both families */
	uint32_t headers = c.family == 6 ? 14 + 40 + 20 : 14 + 20 + 20;
	struct rig *r = new_small_rig(2);
	uint32_t n = 0;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++) {
			n = rig_send(r, &(struct frame){.conn = &c,
					    .tcp_flags = ACK,
					    .payload_bytes = totals[i] - headers,
					    .length_unknown = totals[i] > 65589});
			ck_assert_uint_eq(r->sent[n].caplen, totals[i]);
			if (_i & 1)
				rig_data(r, &c, B, 100);
		}
	}
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, r->sent_count);
	rig_free(r);
}
END_TEST

START_TEST(a_frame_with_a_long_tail_is_kept_whole)
{
	struct conn c = nth(1);
	struct rig *r = new_small_rig(1);

	rig_send(r, &(struct frame){.conn = &c, .payload_bytes = 1, .padding_bytes = 262144 - 55});
	rig_stop(r);
	ck_assert_uint_eq(r->files[0].record.tally.captured_bytes, 262144);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux caps");
	TCase *t = tcase_create("caps");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, exactly_so_many_flows_are_alive, 0, 15);
	tcase_add_test(t, with_room_for_one_flow_every_change_is_a_new_flow);
	tcase_add_loop_test(
	    t, published_flows_go_first_then_half_open_ended_and_idle_ones, 0, KINDS * (KINDS + 1));
	tcase_add_loop_test(t, a_flow_with_packets_outlives_one_without, 0, 20);
	tcase_add_test(t, flows_silent_for_a_tick_go_in_the_order_of_their_last_packets);
	tcase_add_test(t, flows_that_are_over_go_before_any_that_live);
	tcase_add_test(t, flows_that_have_lingered_go_before_half_open_ones);
	tcase_add_test(t, a_flow_that_was_evicted_begins_anew);
	tcase_add_test(t, a_flood_of_syns_evicts_no_connection);
	tcase_add_loop_test(t, far_more_flows_than_room_lose_nothing, 0, 3);
	tcase_add_loop_test(t, many_small_flows_in_little_memory, 0, 2);
	tcase_add_loop_test(t, many_large_flows_in_little_memory, 0, 3);
	tcase_add_loop_test(t, packets_of_all_sizes_in_little_memory, 0, 3);
	tcase_add_test(t, one_flow_larger_than_memory);
	tcase_add_loop_test(t, super_packets_are_kept_whole, 0, 4);
	tcase_add_test(t, a_frame_with_a_long_tail_is_kept_whole);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
