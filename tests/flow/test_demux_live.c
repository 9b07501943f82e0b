/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the demux as the daemon drives it: what is due is done by the clock alone; nothing is
 * held in memory for longer than the flush interval; a flood of half-open connections costs the
 * others nothing; and savers that stand still cost nothing but what is counted.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "live_rig.h"
#include "support/quick.h"

/* Sanitizers make it ten times as slow, not ten times as true. */
#define FLOOD (QUICK_ASAN ? 30000u : QUICK_TSAN ? 60000u : 300000u)

static const struct conn one = {.family = 4, .host = {1, 2}, .port = {40000, 443}};

static struct conn nth(uint32_t n)
{
	return (struct conn){.family = n % 3 == 2 ? 6 : 4,
	    .host = {10 + n / 50000, 2},
	    .port = {(uint16_t)(1024 + n % 50000), 443}};
}

static uint64_t held(const struct rig *r)
{
	return ledger_get(&demux_stats(r->demux)->held_bytes);
}

static struct rig_config without_events(void)
{
	struct rig_config config = live_defaults;

	config.events = false;
	return config;
}

/* ---- the clock ------------------------------------------------------------------------------- */

START_TEST(silence_ends_a_flow_without_any_packet)
{
	struct rig_config config = without_events();
	struct rig *r = live_new(&config);
	uint32_t n = live_handshake(r, &one, 1);

	live_at(r, SEC(29));
	ck_assert_uint_eq(live_listed(r, FLOW_OPEN), 1);
	live_at(r, SEC(61));
	ck_assert_uint_eq(live_listed(r, FLOW_OPEN), 0);
	live_await(&r->ledger.packets_archived, 3);
	rig_stop(r);
	rig_end(r, n, "idle");
	rig_free(r);
}
END_TEST

START_TEST(an_ended_flow_is_published_without_any_packet)
{
	struct rig_config config = without_events();
	struct rig *r = live_new(&config);
	uint32_t n = live_handshake(r, &one, 1);

	live_fins(r, &one);
	live_at(r, MS(1900));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 0);
	live_at(r, MS(2200));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 1);
	live_await(&r->ledger.packets_archived, 5);
	rig_stop(r);
	rig_end(r, n, "fin");
	rig_free(r);
}
END_TEST

/* The packets' own times are not what the clock is. */
START_TEST(times_of_packets_end_nothing)
{
	struct rig_config config = without_events();
	struct rig *r = live_new(&config);
	uint32_t n = live_handshake(r, &one, 1), last;

	rig_at(r, SEC(100000));
	last = rig_data(r, &one, A, 1);
	rig_at(r, -SEC(100000));
	ck_assert_uint_eq(rig_data(r, &one, A, 1), last + 1);
	live_run(r);
	rig_stop(r);
	ck_assert(rig_same(r, n, last) && rig_same(r, n, last + 1));
	rig_free(r);
}
END_TEST

/* ---- the flush interval ---------------------------------------------------------------------- */

START_TEST(nothing_is_held_for_longer_than_the_flush_interval)
{
	static const uint32_t counts[] = {1, 7, 300 / QUICK_STRIDE_THREADS};
	uint32_t flows = counts[_i % 3];
	struct rig_config config = without_events();
	struct rig *r;

	config.max_flows = flows + 10;
	r = live_new(&config);
	live_at(r, MS(700) * (_i / 3));
	for (uint32_t i = 0; i < flows; i++) {
		struct conn c = nth(i);

		live_handshake(r, &c, 1);
	}
	live_run(r);
	ck_assert_uint_gt(held(r), 0);
	live_at(r, r->clock_ns + SEC(10));
	ck_assert_uint_eq(held(r), 0);
	live_await_staged(r, "", flows);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, flows);
	rig_free(r);
}
END_TEST

/* The interval is each flow's own: those that have a packet every moment must be flushed, too. */
START_TEST(busy_flows_are_flushed_as_well)
{
	enum { FLOWS = 5, STEPS = 400 };
	struct rig_config config = without_events();
	struct rig *r = live_new(&config);
	uint64_t most = 0;

	for (int i = 0; i < STEPS; i++) {
		live_at(r, MS(100) * i);
		for (uint32_t n = 0; n < FLOWS; n++) {
			struct conn c = nth(n);

			rig_data(r, &c, A, 10);
		}
		if (held(r) > most)
			most = held(r);
	}
	/* 10 s of it come to 100 packets of less than 128 bytes each; chunks grow fourfold. */
	ck_assert_uint_le(most, FLOWS * 4 * 100 * 128);
	live_await_staged(r, "", FLOWS);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, FLOWS);
	rig_free(r);
}
END_TEST

START_TEST(without_an_interval_all_is_held)
{
	struct rig_config config = without_events();
	struct rig *r;

	config.flush_ns = 0;
	r = live_new(&config);
	live_handshake(r, &one, 1);
	live_at(r, SEC(25));
	ck_assert_uint_gt(held(r), 0);
	ck_assert_uint_eq(live_staged(r, ""), 0);
	rig_stop(r);
	rig_free(r);
}
END_TEST

START_TEST(a_flush_that_is_asked_for_is_made_at_once)
{
	enum { FLOWS = 700 / QUICK_STRIDE_THREADS };
	struct rig_config config = live_defaults;
	struct rig *r;

	config.savers = 4; /* room for all batches */
	config.flush_ns = _i ? SEC(10) : 0;
	r = live_new(&config);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct conn c = nth(i);

		live_handshake(r, &c, 1);
	}
	demux_flush(r->demux);
	live_run(r);
	ck_assert_uint_eq(held(r), 0);
	live_await_staged(r, ".-", FLOWS);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct conn c = nth(i);

		rig_data(r, &c, B, 1);
	}
	demux_flush(r->demux); /* and once more, in the same moment */
	live_run(r);
	ck_assert_uint_eq(held(r), 0);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, FLOWS);
	rig_free(r);
}
END_TEST

START_TEST(a_staged_file_gets_its_name_with_the_flow)
{
	struct rig *r = live_new(NULL);
	struct conn two = nth(1);

	live_handshake(r, &one, 1);
	live_open(r, &two, "b", 0);
	live_handshake(r, &two, 1);
	live_at(r, SEC(10));
	live_await_staged(r, ".-", 1);
	live_await_staged(r, ".b", 1);
	live_open(r, &one, "a", MS(1));
	live_await_staged(r, ".a", 1);
	ck_assert_uint_eq(live_staged(r, ""), 2);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 2);
	rig_free(r);
}
END_TEST

/* ---- floods ---------------------------------------------------------------------------------- */

enum { ESTABLISHED = 50 };

/* named: connections are, and what nobody names is dropped, which saves writing it, too. */
static struct rig *new_flood_rig(uint32_t max_flows, bool named)
{
	struct rig_config config = live_defaults;

	config.events = named;
	config.uuid_missing = UUID_MISSING_DROP;
	config.max_memory_bytes = SLAB_MIN_BYTES;
	config.max_flows = max_flows;
	config.some_all_cut = true; /* most of the flood leaves nothing */
	return live_new(&config);
}

/*
 * What answers a SYN of the flood. Where nothing does, the SYN brings data (RFC 7413), so that a
 * few thousand of them are too much: fewer files to write in the end.
 */
enum answer { NOTHING, SYN_ACK, REFUSAL, ANSWERS };

static void flood(struct rig *r, uint32_t i, enum answer answer)
{
	struct conn c = {.family = 4, .host = {1000 + i / 60000, 2}, .port = {0, 443}};

	c.port[A] = (uint16_t)(1 + i % 60000);
	rig_send(r, &(struct frame){.conn = &c,
			.tcp_flags = SYN,
			.seq = i,
			.payload_bytes = answer == NOTHING ? 1400 : 0});
	if (answer == SYN_ACK)
		rig_tcp(r, &c, B, SYN | ACK, i);
	else if (answer == REFUSAL)
		rig_tcp(r, &c, B, RST | ACK, 0);
}

static void established(struct rig *r, uint32_t i, uint32_t first[])
{
	uint32_t n = i % ESTABLISHED;
	struct conn c = nth(n);

	if (i >= ESTABLISHED) {
		rig_data(r, &c, i & 1 ? A : B, 40);
		return;
	}
	if (r->config.events) {
		char uuid[16];

		(void)snprintf(uuid, sizeof(uuid), "e%u", i);
		live_open(r, &c, uuid, 0);
	}
	first[n] = live_handshake(r, &c, 1);
}

/* Each is one file, with all of its packets: three, and one per round after the first. */
static void check_established(const struct rig *r, const uint32_t first[], uint32_t speaking)
{
	for (uint32_t i = 0; i < ESTABLISHED; i++) {
		rig_end(r, first[i], "stop");
		ck_assert_uint_eq(rig_file(r, first[i])->record.lost_pkts, 0);
		ck_assert_uint_eq(rig_file(r, first[i])->count, 3 + speaking / ESTABLISHED - 1);
	}
}

/* Bytes of chunks that somebody has, now: the slab takes in what comes back when it is waited for.
 */
static uint64_t out_of_slab(struct rig *r)
{
	struct chunk *c;

	rig_must(slab_get(r->slab, 1, &c) == 0);
	slab_put(r->slab, c);
	slab_wait(r->slab);
	return slab_live_bytes(r->slab);
}

/*
 * The savers stand still, so that all that the flood holds is out of the slab: half of it, with the
 * half of the queue that it may fill.
 */
START_TEST(a_flood_holds_half_of_the_memory_and_costs_the_others_nothing)
{
	struct rig *r = new_flood_rig(FLOOD + 100, _i != 0);
	uint32_t first[ESTABLISHED], speaking = 0;
	uint64_t most = 0, out, others;

	live_gate(true);
	for (uint32_t i = 0; i < FLOOD; i++) {
		if (i % 100 == 0)
			established(r, speaking++, first);
		flood(r, i, (enum answer)_i);
		if (i % 256 == 0)
			live_run(r);
		if (i % 1024 == 0 && (out = out_of_slab(r)) > most)
			most = out;
	}
	others = (uint64_t)ESTABLISHED * 2 * SLAB_BYTES / 8;
	live_gate(false);
	rig_stop(r);
	ck_assert_uint_le(most, SLAB_MIN_BYTES / 2 + others);
	check_established(r, first, speaking);
	ck_assert_uint_gt(rig_dropped(r, DROP_half_open), 0);
	ck_assert_uint_eq(rig_dropped(r, DROP_half_open) + rig_dropped(r, DROP_no_uuid),
	    ledger_dropped(&r->ledger));
	if (r->config.events)
		ck_assert_uint_eq(r->file_count, ESTABLISHED);
	rig_free(r);
}
END_TEST

START_TEST(the_oldest_half_open_flows_are_given_up_first)
{
	struct rig_config config = without_events();
	uint32_t published = 0;
	struct rig *r;

	config.max_memory_bytes = SLAB_MIN_BYTES;
	config.max_flows = FLOOD + 100;
	config.some_all_cut = true;
	config.queue_batches = 2;
	config.savers = 1;
	r = live_new(&config);
	live_gate(true);
	live_handshake(r, &one, 1);
	demux_flush(r->demux);
	live_run(r);
	live_gate_await(1); /* the saver has its hands full, before the flood */
	for (uint32_t i = 0; i < FLOOD; i++)
		flood(r, i, NOTHING);
	live_gate(false);
	rig_stop(r);
	/* Of the oldest, a few were in the saver's queue already. */
	for (uint32_t i = 100; i < FLOOD; i++) {
		if (rig_published(r, i))
			published++;
		else
			rig_must(published == 0);
	}
	ck_assert_uint_gt(published, 500);
	rig_free(r);
}
END_TEST

START_TEST(a_flood_that_fills_the_table_pushes_no_connection_out)
{
	enum { ROOM = 1000 };
	const uint32_t syns = quick_rounds_threads(5000, 2 * ROOM);
	struct rig *r = new_flood_rig(ROOM, false);
	uint32_t first[ESTABLISHED], speaking = 0;

	live_gate(_i != 0); /* with savers that stand still, and with some that work */
	for (uint32_t i = 0; i < syns; i++) {
		if (i % 20 == 0)
			established(r, speaking++, first);
		flood(r, i, NOTHING);
		if (i % 64 == 0)
			live_run(r);
	}
	live_gate(false);
	rig_stop(r);
	check_established(r, first, speaking);
	rig_free(r);
}
END_TEST

/* ---- a full table ---------------------------------------------------------------------------- */

/* One flow of each kind, in the order in which they should go. */
enum { PUBLISHED, HALF_OPEN, WAITING, ENDED, OPEN, KINDS };

START_TEST(flows_go_in_the_order_of_their_worth)
{
	static const char *const ends[] = {"fin", "evicted", "fin", "fin", "evicted"};
	uint32_t kind = (uint32_t)_i % KINDS, newcomers = (uint32_t)_i / KINDS, n[KINDS], after;
	struct rig_config config = live_defaults;
	struct conn c[KINDS];
	struct rig *r;

	config.max_flows = KINDS;
	r = live_new(&config);
	for (uint32_t i = 0; i < KINDS; i++)
		c[i] = nth(i);
	live_open(r, &c[PUBLISHED], "published", 0);
	n[PUBLISHED] = live_handshake(r, &c[PUBLISHED], 1);
	live_fins(r, &c[PUBLISHED]);
	n[WAITING] = live_handshake(r, &c[WAITING], 1);
	live_fins(r, &c[WAITING]);
	n[OPEN] = live_handshake(r, &c[OPEN], 1);
	live_at(r, SEC(4));
	n[ENDED] = live_handshake(r, &c[ENDED], 1);
	live_fins(r, &c[ENDED]);
	n[HALF_OPEN] = rig_tcp(r, &c[HALF_OPEN], A, SYN, 1);
	live_run(r);
	for (enum flow_list list = FLOW_PUBLISHED; list < FLOW_LISTS; list++)
		ck_assert_uint_eq(live_listed(r, list), list != FLOW_CLOSING);
	for (uint32_t i = 0; i < newcomers; i++) {
		struct conn newcomer = nth(100 + i);

		rig_data(r, &newcomer, A, 1);
	}
	after = rig_data(r, &c[kind], A, 1);
	rig_stop(r);
	ck_assert_int_eq(rig_same_flow(r, n[kind], after), kind == PUBLISHED || newcomers <= kind);
	if (newcomers > kind)
		rig_end(r, n[kind], ends[kind]);
	rig_free(r);
}
END_TEST

/* ---- savers that stand still ----------------------------------------------------------------- */

static struct rig *new_narrow_rig(uint32_t flows)
{
	struct rig_config config = without_events();

	config.savers = 1;
	config.queue_batches = 2;
	config.max_flows = flows;
	return live_new(&config);
}

START_TEST(closing_is_tried_again_until_the_savers_go_on)
{
	enum { FLOWS = 200 };
	struct rig *r = new_narrow_rig(FLOWS * 2);
	uint32_t first[FLOWS], again[FLOWS];

	live_gate(true);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct conn c = nth(i);

		first[i] = live_handshake(r, &c, 1);
		if (i % 2 == 0)
			live_fins(r, &c);
	}
	live_at(r, SEC(_i ? 70 : 5)); /* over: all of them, or those that ended */
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct conn c = nth(i);

		again[i] = live_handshake(r, &c, 900); /* all tuples are used again */
	}
	live_run(r);
	ck_assert_uint_gt(live_listed(r, FLOW_CLOSING), 0);
	live_gate(false);
	while (live_listed(r, FLOW_CLOSING) > 0) {
		uint64_t files = ledger_get(&r->ledger.files);

		live_run(r);
		if (live_listed(r, FLOW_CLOSING) > 0) /* the queue was full of what becomes files */
			live_await(&r->ledger.files, files + 1);
	}
	rig_stop(r);
	ck_assert_uint_eq(ledger_dropped(&r->ledger), 0);
	ck_assert_uint_eq(r->file_count, 2 * FLOWS);
	for (uint32_t i = 0; i < FLOWS; i++) {
		rig_end(r, again[i], "stop");
		ck_assert(!rig_same_flow(r, first[i], again[i]));
	}
	rig_free(r);
}
END_TEST

START_TEST(a_stop_waits_for_savers_that_stand_still_and_loses_nothing)
{
	enum { FLOWS = 300 };
	struct rig *r = new_narrow_rig(FLOWS);

	for (uint32_t i = 0; i < FLOWS; i++) {
		struct conn c = nth(i);

		live_handshake(r, &c, 1);
		if (i == FLOWS / 2) {
			live_gate(true);
			demux_flush(r->demux);
			live_run(r);
			live_gate_await(1);
		}
	}
	live_gate(false);
	rig_stop(r);
	ck_assert_uint_eq(ledger_dropped(&r->ledger), 0);
	ck_assert_uint_eq(r->file_count, FLOWS);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_too_fast_for_its_saver_loses_packets_and_its_record_says_so)
{
	enum { PACKETS = 1000 };
	struct rig *r = new_narrow_rig(10);
	uint32_t n;

	live_gate(true);
	n = live_handshake(r, &one, 1);
	for (int i = 0; i < PACKETS; i++)
		rig_data(r, &one, A, 1400);
	live_gate(false);
	rig_stop(r);
	ck_assert_uint_gt(rig_dropped(r, DROP_queue), 0);
	ck_assert_uint_eq(rig_dropped(r, DROP_queue), ledger_dropped(&r->ledger));
	ck_assert_uint_eq(rig_file(r, n)->record.lost_pkts, rig_dropped(r, DROP_queue));
	rig_free(r);
}
END_TEST

START_TEST(the_memory_budget_is_never_exceeded_and_what_it_costs_is_counted)
{
	enum { FLOWS = 300, PACKETS = 30000 };
	uint64_t random = 77 + (uint64_t)_i;
	struct rig_config config = without_events();
	struct rig *r;

	config.max_memory_bytes = SLAB_MIN_BYTES;
	r = live_new(&config);
	live_gate(true);
	for (int i = 0; i < PACKETS; i++) {
		struct conn c = nth(rig_random(&random, FLOWS));

		rig_data(r, &c, A, rig_random(&random, 1460)); /* asserts the budget */
		if (i == PACKETS / 2)
			live_gate(false);
		if (i % 100 == 0)
			live_run(r);
	}
	rig_stop(r);
	ck_assert_uint_gt(ledger_dropped(&r->ledger), 0);
	ck_assert_uint_eq(
	    ledger_dropped(&r->ledger), rig_dropped(r, DROP_memory) + rig_dropped(r, DROP_queue));
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux live");
	TCase *t = tcase_create("live");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 600);
	tcase_add_test(t, silence_ends_a_flow_without_any_packet);
	tcase_add_test(t, an_ended_flow_is_published_without_any_packet);
	tcase_add_test(t, times_of_packets_end_nothing);
	tcase_add_loop_test(t, nothing_is_held_for_longer_than_the_flush_interval, 0, 24);
	tcase_add_test(t, busy_flows_are_flushed_as_well);
	tcase_add_test(t, without_an_interval_all_is_held);
	tcase_add_loop_test(t, a_flush_that_is_asked_for_is_made_at_once, 0, 2);
	tcase_add_test(t, a_staged_file_gets_its_name_with_the_flow);
	tcase_add_loop_test(
	    t, a_flood_holds_half_of_the_memory_and_costs_the_others_nothing, 0, ANSWERS);
	tcase_add_test(t, the_oldest_half_open_flows_are_given_up_first);
	tcase_add_loop_test(t, a_flood_that_fills_the_table_pushes_no_connection_out, 0, 2);
	tcase_add_loop_test(t, flows_go_in_the_order_of_their_worth, 0, KINDS * (KINDS + 1));
	tcase_add_loop_test(t, closing_is_tried_again_until_the_savers_go_on, 0, 2);
	tcase_add_test(t, a_stop_waits_for_savers_that_stand_still_and_loses_nothing);
	tcase_add_test(t, a_flow_too_fast_for_its_saver_loses_packets_and_its_record_says_so);
	tcase_add_loop_test(
	    t, the_memory_budget_is_never_exceeded_and_what_it_costs_is_counted, 0, 3);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
