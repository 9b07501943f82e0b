/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what time does to flows: two-tick GC, and the clock that follows the packets.
 */
#include <check.h>
#include <stdlib.h>

#include "rig.h"
#include "support/quick.h"

/* A flow per port; and one that only makes time pass. */
static struct conn nth(uint16_t n)
{
	return (struct conn){.family = 4, .host = {1, 2}, .port = {(uint16_t)(1000 + n), 80}};
}

static const struct conn noise = {.family = 6, .host = {77, 78}, .port = {5, 6}};

static uint32_t data_at(struct rig *r, const struct conn *c, int64_t ns)
{
	rig_at(r, ns);
	return rig_data(r, c, A, 10);
}

static uint32_t open_at(struct rig *r, const struct conn *c, int64_t ns)
{
	uint32_t n;

	rig_at(r, ns);
	n = rig_tcp(r, c, A, SYN, 1);
	rig_tcp(r, c, B, SYN | ACK, 1);
	rig_tcp(r, c, A, ACK, 2);
	return n;
}

/* ---- ticks ----------------------------------------------------------------------------------- */

START_TEST(a_flow_lives_through_one_tick_of_silence_and_ends_with_two)
{
	/* silence in ns; whether the flow goes on: certain up to one tick, impossible from two on
	 */
	static const struct {
		int64_t silence;
		bool goes_on;
	} cases[] = {{0, true}, {1, true}, {SEC(30) - 1, true}, {SEC(30), true}, {SEC(60), false},
	    {SEC(60) + 1, false}, {SEC(61), false}, {SEC(6000), false}};
	/* where in the tick the last packet comes */
	static const int64_t phases[] = {0, 1, SEC(15), SEC(30) - 1};
	int64_t at = SEC(300) + phases[_i / 8], silence = cases[_i % 8].silence;
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t before, after;

	data_at(r, &noise, 0); /* the clock begins */
	before = data_at(r, &c, at);
	after = data_at(r, &c, at + silence);
	rig_stop(r);
	ck_assert_int_eq(rig_same(r, before, after), cases[_i % 8].goes_on);
	if (!cases[_i % 8].goes_on) {
		rig_end(r, before, "idle");
		ck_assert(!rig_same_flow(r, before, after));
	}
	rig_end(r, after, "eof");
	rig_free(r);
}
END_TEST

START_TEST(a_flow_ends_exactly_with_the_second_tick)
{
	/* The clock begins at 0: a packet at 10 s is of the tick 0..30 s, and the flow ends at 60
	 * s. */
	struct rig *r = rig_new(&rig_defaults);
	struct conn early = nth(1), late = nth(2);
	uint32_t a[2], b[2];

	data_at(r, &noise, 0);
	a[0] = data_at(r, &early, SEC(10));
	b[0] = data_at(r, &late, SEC(10));
	a[1] = data_at(r, &early, SEC(60) - 1);
	b[1] = data_at(r, &late, SEC(60));
	rig_stop(r);
	ck_assert(rig_same(r, a[0], a[1]));
	ck_assert(!rig_same_flow(r, b[0], b[1]));
	rig_free(r);
}
END_TEST

START_TEST(others_that_pass_the_time_change_nothing)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1), d = nth(2);
	uint32_t n[4];

	n[0] = data_at(r, &c, 0);
	n[1] = data_at(r, &d, 0);
	for (int64_t t = 0; t < SEC(30); t += MS(100))
		data_at(r, &noise, t);
	n[2] = data_at(r, &c, SEC(30));
	for (int64_t t = SEC(30); t < SEC(60); t += MS(100))
		data_at(r, &noise, t);
	n[3] = data_at(r, &d, SEC(60));
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[2]));
	ck_assert(!rig_same_flow(r, n[1], n[3]));
	rig_end(r, n[1], "idle");
	rig_free(r);
}
END_TEST

/* Against nothing but the promise: never before one tick, never after two. */
START_TEST(whatever_the_times_a_flow_ends_after_one_tick_and_within_two)
{
	enum { FLOWS = 20, PACKETS = 600 };
	uint64_t random = 5000 + (uint64_t)_i;
	struct rig_config config = rig_defaults;
	uint32_t last[FLOWS];
	int64_t when[FLOWS], now = 0, idle;
	bool before[PACKETS + 1] = {false};
	uint32_t joins[PACKETS + 1];
	struct rig *r;

	idle = config.idle_ns = 1 + rig_random(&random, 1000000);
	r = rig_new(&config);
	for (int i = 0; i < FLOWS; i++)
		last[i] = UINT32_MAX;
	for (int i = 0; i < PACKETS; i++) {
		uint16_t f = (uint16_t)rig_random(&random, FLOWS);
		struct conn c = nth(f);
		uint32_t n;

		now += rig_random(&random, (uint32_t)(idle / 4 + 2));
		if (rig_random(&random, 40) == 0)
			now += rig_random(&random, (uint32_t)(3 * idle));
		n = data_at(r, &c, now);
		if (last[f] != UINT32_MAX && (now - when[f] <= idle || now - when[f] >= 2 * idle)) {
			before[n] = true;
			joins[n] = last[f] << 1 | (now - when[f] <= idle);
		}
		last[f] = n;
		when[f] = now;
	}
	rig_stop(r);
	for (uint32_t n = 0; n < r->sent_count; n++)
		if (before[n])
			rig_must(rig_same(r, n, joins[n] >> 1) == (joins[n] & 1));
	for (int i = 0; i < FLOWS; i++) {
		if (last[i] == UINT32_MAX)
			continue;
		if (now - when[i] <= idle)
			rig_end(r, last[i], "eof");
		if (now - when[i] >= 2 * idle)
			rig_end(r, last[i], "idle");
	}
	rig_free(r);
}
END_TEST

START_TEST(a_flow_that_has_idled_out_is_another_flow_when_it_goes_on)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[3];

	n[0] = open_at(r, &c, 0);
	n[1] = data_at(r, &c, SEC(100));
	n[2] = data_at(r, &c, SEC(200));
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 3);
	rig_end(r, n[0], "idle");
	rig_end(r, n[1], "idle");
	rig_end(r, n[2], "eof");
	ck_assert_uint_eq(r->stats.end_reasons[END_IDLE], 2);
	rig_free(r);
}
END_TEST

START_TEST(thousands_of_flows_idle_out_at_once)
{
	enum { FLOWS = 3000 / QUICK_STRIDE_THREADS };
	struct rig_config config = rig_defaults;
	struct rig *r;

	config.max_flows = FLOWS + 1;
	r = rig_new(&config);
	for (uint16_t i = 0; i < FLOWS; i++) {
		struct conn c = nth(i);

		data_at(r, &c, i);
	}
	data_at(r, &noise, SEC(100));
	for (uint16_t i = 0; i < 20; i++) { /* found before the sweep comes to them */
		struct conn c = nth((uint16_t)(FLOWS - 1 - i));

		data_at(r, &c, SEC(100));
	}
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, FLOWS + 1 + 20);
	ck_assert_uint_eq(r->stats.end_reasons[END_IDLE], FLOWS);
	rig_free(r);
}
END_TEST

/* ---- the clock ------------------------------------------------------------------------------- */

START_TEST(a_packet_a_little_late_changes_nothing)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[4];

	n[0] = data_at(r, &c, SEC(1000));
	n[1] = data_at(r, &c, SEC(999));
	n[2] = data_at(r, &c, SEC(940)); /* two ticks: not more */
	n[3] = data_at(r, &c, SEC(1030));
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_int_eq(r->files[0].record.tally.first_ns, RIG_START_NS + SEC(1000));
	ck_assert_int_eq(r->files[0].record.tally.last_ns, RIG_START_NS + SEC(1030));
	ck_assert(rig_same(r, n[0], n[3]) && rig_same(r, n[1], n[2]));
	rig_free(r);
}
END_TEST

START_TEST(a_late_packet_keeps_its_flow_alive_from_the_time_that_it_comes)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[3];

	n[0] = data_at(r, &c, 0);
	data_at(r, &noise, SEC(25));
	n[1] = data_at(r, &c, SEC(1));
	n[2] = data_at(r, &c, SEC(55)); /* 30 s after it came */
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[1]) && rig_same(r, n[0], n[2]));
	rig_free(r);
}
END_TEST

START_TEST(time_that_jumps_back_far_starts_the_clock_anew)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1), d = nth(2);
	uint32_t n[6];

	n[0] = data_at(r, &c, SEC(5000));
	n[1] = data_at(r, &c, SEC(4940) - 1); /* more than two ticks: still the same connection */
	n[2] = data_at(r, &d, SEC(100));
	n[3] = data_at(r, &d, SEC(130));
	n[4] = data_at(r, &c, SEC(159)); /* time passes on the new clock */
	n[5] = data_at(r, &c, SEC(300));
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[1]));
	ck_assert(rig_same(r, n[2], n[3]));
	ck_assert(rig_same(r, n[0], n[4]));
	ck_assert(!rig_same_flow(r, n[0], n[5]));
	rig_end(r, n[0], "idle");
	rig_end(r, n[2], "idle");
	rig_free(r);
}
END_TEST

static const int64_t absurd[] = {-SEC(100000), SEC(61), SEC(100000), SEC(2000000000)};

/* By its place in the burst, too: it waits for the next packet, whenever that comes. */
START_TEST(one_packet_of_an_absurd_time_ends_nobody)
{
	int64_t start = SEC(200000), odd = absurd[_i % 4];
	int before = _i / 4;
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1), d = nth(2), e = nth(3);
	uint32_t n[6];

	n[0] = data_at(r, &c, start);
	n[1] = data_at(r, &d, start);
	for (int i = 0; i < before; i++)
		data_at(r, &noise, start);
	n[2] = data_at(r, &c, start + odd); /* of a flow that lives */
	n[3] = data_at(r, &d, start + SEC(1));
	data_at(r, &e, start + odd); /* and of one that does not */
	n[4] = data_at(r, &c, start + SEC(2));
	n[5] = data_at(r, &d, start + SEC(31));
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[2]));
	ck_assert(rig_same(r, n[0], n[4]));
	ck_assert(rig_same(r, n[1], n[3]));
	ck_assert(rig_same(r, n[1], n[5]));
	rig_end(r, n[0], "eof");
	ck_assert_uint_eq(r->file_count, before > 0 ? 4 : 3);
	rig_free(r);
}
END_TEST

START_TEST(an_absurd_time_does_not_keep_flows_from_ending)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1), d = nth(2);
	uint32_t n;

	n = data_at(r, &c, SEC(200000));
	for (int i = 1; i < 100; i++)
		data_at(r, &d, i % 10 == 5 ? SEC(2000000000) : SEC(200000 + i));
	rig_stop(r);
	rig_end(r, n, "idle");
	rig_free(r);
}
END_TEST

/* What is believed is so from the first packet on. */
START_TEST(packets_few_and_far_between_end_flows)
{
	int64_t way = _i == 0 ? SEC(300) : -SEC(300);
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[5];

	for (int i = 0; i < 5; i++)
		n[i] = data_at(r, &c, SEC(100000) + i * way);
	rig_stop(r);
	for (int i = 1; i < 5; i++)
		ck_assert(rig_same_flow(r, n[i - 1], n[i]) == (way < 0));
	rig_free(r);
}
END_TEST

START_TEST(the_clock_is_that_of_all_packets_not_of_archived_ones)
{
	struct conn c = nth(1), udp = {.family = 4, .host = {1, 2}, .port = {53, 53}, .proto = 17};
	struct rig *r = rig_new(&rig_defaults);
	uint32_t n;

	n = data_at(r, &c, 0);
	rig_at(r, SEC(61));
	rig_send(r, &(struct frame){.conn = &udp});
	rig_stop(r);
	rig_end(r, n, "idle");
	ck_assert_uint_eq(rig_skipped(r, SKIP_not_tcp), 1);
	rig_free(r);
}
END_TEST

START_TEST(times_that_no_pcap_file_holds_are_skipped_and_move_no_clock)
{
	const int64_t end = (INT64_C(1) << 32) * SEC(1);
	/* the last two are legal: the last nanosecond and the first */
	const int64_t times[] = {-1, INT64_MIN, end, INT64_MAX, end - 1, 0};
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[2];

	n[0] = data_at(r, &c, 0);
	for (int i = 0; i < 4; i++) {
		r->now_ns = times[i];
		rig_data(r, &c, A, 1);
	}
	n[1] = data_at(r, &c, SEC(30));
	rig_data(r, &c, A, 1);
	for (int i = 4; i < 6; i++) {
		struct conn d = nth((uint16_t)i);

		r->now_ns = times[i];
		rig_data(r, &d, A, 1);
	}
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[1]));
	ck_assert_uint_eq(rig_skipped(r, SKIP_time), 4);
	ck_assert_uint_eq(r->flow_count, 3);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux time");
	TCase *t = tcase_create("time");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_flow_lives_through_one_tick_of_silence_and_ends_with_two, 0, 32);
	tcase_add_test(t, a_flow_ends_exactly_with_the_second_tick);
	tcase_add_test(t, others_that_pass_the_time_change_nothing);
	tcase_add_loop_test(t, whatever_the_times_a_flow_ends_after_one_tick_and_within_two, 0,
	    (int)quick_rounds_threads(40, 8));
	tcase_add_test(t, a_flow_that_has_idled_out_is_another_flow_when_it_goes_on);
	tcase_add_test(t, thousands_of_flows_idle_out_at_once);
	tcase_add_test(t, a_packet_a_little_late_changes_nothing);
	tcase_add_test(t, a_late_packet_keeps_its_flow_alive_from_the_time_that_it_comes);
	tcase_add_test(t, time_that_jumps_back_far_starts_the_clock_anew);
	tcase_add_loop_test(t, one_packet_of_an_absurd_time_ends_nobody, 0, 4 * 40);
	tcase_add_test(t, an_absurd_time_does_not_keep_flows_from_ending);
	tcase_add_loop_test(t, packets_few_and_far_between_end_flows, 0, 2);
	tcase_add_test(t, the_clock_is_that_of_all_packets_not_of_archived_ones);
	tcase_add_test(t, times_that_no_pcap_file_holds_are_skipped_and_move_no_clock);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
