/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of how flows end and come apart: linger, further parts, the end of the input, and the caps
 * on one flow's duration and bytes.
 */
#include <check.h>
#include <stdlib.h>

#include "rig.h"

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

static void fins(struct rig *r, const struct conn *c)
{
	rig_tcp(r, c, A, FIN | ACK, 2);
	rig_tcp(r, c, B, FIN | ACK, 2);
}

/* ---- linger and parts ------------------------------------------------------------------------ */

START_TEST(an_ended_flow_is_published_after_more_than_linger_of_silence)
{
	/* silence; part of the straggler */
	static const struct {
		int64_t silence;
		uint32_t part;
	} cases[] = {{0, 0}, {SEC(1), 0}, {SEC(2), 0}, {SEC(2) + 1, 1}, {SEC(20), 1}};
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t first = open_at(r, &c, 0), late;
	bool rst = _i >= 5;

	if (rst)
		rig_tcp(r, &c, B, RST, 2);
	else
		fins(r, &c);
	rig_at(r, cases[_i % 5].silence);
	late = rig_tcp(r, &c, A, ACK, 3);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_eq(rig_file(r, first)->record.part, 0);
	ck_assert_uint_eq(rig_file(r, late)->record.part, cases[_i % 5].part);
	rig_end(r, first, rst ? "rst" : "fin");
	rig_end(r, late, rst ? "rst" : "fin");
	ck_assert_uint_eq(r->stats.end_reasons[rst ? END_RST : END_FIN], 1);
	rig_free(r);
}
END_TEST

START_TEST(every_straggler_makes_the_wait_longer)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[3];

	n[0] = open_at(r, &c, 0);
	fins(r, &c);
	for (int i = 1; i <= 10; i++)
		n[1] = data_at(r, &c, SEC(2) * i);
	data_at(r, &noise, SEC(22) + 1);
	n[2] = data_at(r, &c, SEC(22) + 1);
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[1]));
	ck_assert_uint_eq(rig_file(r, n[2])->record.part, 1);
	rig_free(r);
}
END_TEST

START_TEST(one_fin_does_not_end_a_flow)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[2];

	n[0] = open_at(r, &c, 0);
	rig_tcp(r, &c, A, FIN | ACK, 2);
	rig_tcp(r, &c, A, FIN | ACK, 2);
	n[1] = data_at(r, &c, SEC(25));
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[1]));
	rig_end(r, n[0], "eof");
	rig_free(r);
}
END_TEST

START_TEST(a_flow_may_have_many_parts)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);

	open_at(r, &c, 0);
	fins(r, &c);
	for (int i = 1; i < 12; i++)
		data_at(r, &c, SEC(10) * i);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_eq(r->file_count, 12);
	ck_assert_uint_eq(ledger_get(&r->ledger.flows), 1);
	for (uint32_t i = 0; i < 12; i++) {
		ck_assert_uint_eq(r->files[i].record.part, i);
		ck_assert_int_eq(rig_client(&r->files[i], &c), A);
	}
	rig_free(r);
}
END_TEST

START_TEST(a_published_flow_is_forgotten_after_two_ticks)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[3];

	n[0] = open_at(r, &c, 0);
	fins(r, &c);
	n[1] = data_at(r, &c, SEC(59));
	n[2] = data_at(r, &c, SEC(120));
	rig_stop(r);
	ck_assert(rig_same_flow(r, n[0], n[1]));
	ck_assert(!rig_same_flow(r, n[0], n[2]));
	rig_end(r, n[1], "fin");
	rig_end(r, n[2], "eof");
	ck_assert_uint_eq(r->flow_count, 2);
	rig_free(r);
}
END_TEST

START_TEST(a_new_connection_after_publication_is_a_new_flow)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	uint32_t n[2];

	n[0] = open_at(r, &c, 0);
	fins(r, &c);
	n[1] = open_at(r, &c, SEC(10));
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 2);
	rig_end(r, n[0], "fin"); /* it was published before its tuple was used again */
	rig_end(r, n[1], "eof");
	rig_free(r);
}
END_TEST

START_TEST(parts_lie_in_the_day_of_their_own_first_packet)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn c = nth(1);
	int64_t midnight = SEC(86400) - RIG_START_NS % SEC(86400);
	uint32_t n[2];

	n[0] = open_at(r, &c, midnight - SEC(1));
	fins(r, &c);
	n[1] = data_at(r, &c, midnight + SEC(5));
	rig_stop(r);
	ck_assert(rig_same_flow(r, n[0], n[1]));
	ck_assert_int_eq(rig_file(r, n[1])->record.day, rig_file(r, n[0])->record.day + 1);
	rig_free(r);
}
END_TEST

START_TEST(the_end_of_the_input_ends_flows_as_far_as_they_went)
{
	struct rig_config config = rig_defaults;
	struct conn c[4] = {nth(0), nth(1), nth(2), nth(3)};
	const char *at_finish = _i ? "stop" : "eof";
	uint32_t n[4];
	struct rig *r;

	config.at_finish = _i ? END_STOP : END_EOF;
	r = rig_new(&config);
	for (int i = 0; i < 4; i++)
		n[i] = open_at(r, &c[i], MS(i));
	fins(r, &c[0]);
	rig_tcp(r, &c[1], A, RST, 2);
	rig_tcp(r, &c[2], A, FIN | ACK, 2);
	rig_stop(r);
	rig_end(r, n[0], "fin");
	rig_end(r, n[1], "rst");
	rig_end(r, n[2], at_finish);
	rig_end(r, n[3], at_finish);
	rig_free(r);
}
END_TEST

/* ---- full parts ------------------------------------------------------------------------------ */

/* Bytes of a file's packets, as the limit counts them. */
static uint64_t part_bytes(const struct rig_file *f)
{
	return f->record.tally.captured_bytes + 16 * (uint64_t)f->count;
}

START_TEST(a_part_that_is_full_ends_and_the_flow_goes_on_in_the_next)
{
	struct rig_config config = rig_defaults;
	struct conn c = nth(1);
	uint64_t packets = 0;
	uint32_t first, last;
	struct rig *r;

	config.max_part_bytes = (uint64_t[]){100, 1000, 1070, 70000, 300000}[_i];
	r = rig_new(&config);
	first = open_at(r, &c, 0);
	for (int i = 0; i < 2000; i++)
		last = data_at(r, &c, MS(i));
	fins(r, &c);
	last = rig_tcp(r, &c, A, ACK, 3);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_gt(r->file_count, 0);
	for (uint32_t i = 0; i < r->file_count; i++) {
		const struct rig_file *f = &r->files[i];
		bool final = i + 1 == r->file_count;

		packets += f->count;
		ck_assert_int_eq(f->record.end_reason, final ? END_FIN : END_CONTINUED);
		ck_assert_int_eq(f->record.client, r->files[0].record.client);
		ck_assert_uint_ge(f->count, 1);
		ck_assert(f->count == 1 || part_bytes(f) <= config.max_part_bytes);
		if (!final) /* one packet more would have been too much */
			ck_assert_uint_gt(part_bytes(f) + 54 + 10 + 16, config.max_part_bytes);
	}
	ck_assert_uint_eq(packets, r->sent_count);
	ck_assert_int_eq(rig_file(r, first)->record.part, 0);
	ck_assert_uint_eq(rig_file(r, last)->record.part, r->file_count - 1);
	ck_assert_uint_eq(r->stats.end_reasons[END_FIN], 1);
	ck_assert_uint_eq(r->stats.end_reasons[END_CONTINUED], 0);
	rig_free(r);
}
END_TEST

/* ---- one flow's caps ------------------------------------------------------------------------- */

START_TEST(packets_beyond_max_duration_are_counted_and_the_flow_goes_on)
{
	struct rig_config config = rig_defaults;
	struct conn c = nth(1);
	uint32_t n[4];
	struct rig *r;

	config.max_duration_ns = SEC(50);
	r = rig_new(&config);
	for (int i = 0; i < 3; i++)
		n[i] = data_at(r, &c, SEC(25) * i);
	for (int i = 0; i < 40; i++)
		rig_published(r, n[3] = data_at(r, &c, SEC(50) + 1 + SEC(20) * i));
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert(rig_same(r, n[0], n[2]));
	ck_assert(!rig_published(r, n[3]));
	ck_assert_uint_eq(rig_skipped(r, SKIP_duration), 40);
	ck_assert_uint_eq(r->files[0].record.cut_duration_pkts, 40);
	ck_assert_uint_eq(r->files[0].record.cut_bytes_pkts, 0);
	rig_end(r, n[0], "eof");
	rig_free(r);
}
END_TEST

START_TEST(packets_beyond_max_bytes_are_counted_and_the_flow_goes_on)
{
	struct rig_config config = rig_defaults;
	struct conn c = nth(1), d = nth(2);
	struct rig *r;

	config.max_flow_bytes = 64 * 5; /* data_at's frames have 64 bytes */
	r = rig_new(&config);
	for (int i = 0; i < 9; i++)
		data_at(r, &c, i);
	for (int i = 0; i < 4; i++)
		data_at(r, &d, i);
	rig_send(r, &(struct frame){.conn = &d, .payload_bytes = 11}); /* one byte too many */
	rig_stop(r);
	ck_assert_uint_eq(r->files[0].count, 5);
	ck_assert_uint_eq(r->files[0].record.cut_bytes_pkts, 4);
	ck_assert_uint_eq(r->files[1].count, 4);
	ck_assert_uint_eq(r->files[1].record.cut_bytes_pkts, 1);
	ck_assert_uint_eq(rig_skipped(r, SKIP_bytes), 5);
	rig_free(r);
}
END_TEST

START_TEST(max_bytes_counts_what_the_snap_length_leaves)
{
	struct rig_config config = rig_defaults;
	struct conn c = nth(1);
	struct rig *r;

	config.snaplen = 80;
	config.max_flow_bytes = 800;
	r = rig_new(&config);
	for (int i = 0; i < 12; i++)
		rig_data(r, &c, A, 1000);
	rig_stop(r);
	ck_assert_uint_eq(r->files[0].count, 10);
	ck_assert_uint_eq(r->files[0].record.snaplen, 80);
	ck_assert_uint_eq(r->files[0].record.tally.truncated_pkts, 10);
	ck_assert_uint_eq(r->files[0].record.cut_bytes_pkts, 2);
	rig_free(r);
}
END_TEST

START_TEST(max_bytes_is_for_all_parts_of_a_flow)
{
	struct rig_config config = rig_defaults;
	struct conn c = nth(1);
	struct rig *r;

	config.max_flow_bytes = 64 * 7;
	r = rig_new(&config);
	data_at(r, &c, 0);
	rig_tcp(r, &c, B, RST, 1); /* 54 bytes */
	for (int i = 1; i < 9; i++)
		data_at(r, &c, SEC(3) * i);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_eq(r->file_count, 6);
	ck_assert_uint_eq(rig_skipped(r, SKIP_bytes), 3);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_of_which_nothing_is_kept_leaves_no_file)
{
	struct rig_config config = rig_defaults;
	struct conn c = nth(1);
	struct rig *r;

	config.max_flow_bytes = 10;
	config.some_all_cut = true;
	r = rig_new(&config);
	open_at(r, &c, 0);
	fins(r, &c);
	data_at(r, &c, SEC(10));
	data_at(r, &c, SEC(200));
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 0);
	ck_assert_uint_eq(ledger_get(&r->ledger.flows), 2);
	ck_assert_uint_eq(rig_skipped(r, SKIP_bytes), 7);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux parts");
	TCase *t = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, an_ended_flow_is_published_after_more_than_linger_of_silence, 0, 10);
	tcase_add_test(t, every_straggler_makes_the_wait_longer);
	tcase_add_loop_test(t, a_part_that_is_full_ends_and_the_flow_goes_on_in_the_next, 0, 5);
	tcase_add_test(t, one_fin_does_not_end_a_flow);
	tcase_add_test(t, a_flow_may_have_many_parts);
	tcase_add_test(t, a_published_flow_is_forgotten_after_two_ticks);
	tcase_add_test(t, a_new_connection_after_publication_is_a_new_flow);
	tcase_add_test(t, parts_lie_in_the_day_of_their_own_first_packet);
	tcase_add_loop_test(t, the_end_of_the_input_ends_flows_as_far_as_they_went, 0, 2);
	tcase_add_test(t, packets_beyond_max_duration_are_counted_and_the_flow_goes_on);
	tcase_add_test(t, packets_beyond_max_bytes_are_counted_and_the_flow_goes_on);
	tcase_add_test(t, max_bytes_counts_what_the_snap_length_leaves);
	tcase_add_test(t, max_bytes_is_for_all_parts_of_a_flow);
	tcase_add_test(t, a_flow_of_which_nothing_is_kept_leaves_no_file);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
