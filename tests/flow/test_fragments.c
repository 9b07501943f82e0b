/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of fragments: they join the flow of their first fragment, whichever comes first, and those
 * that find none are counted, within bounds of number, bytes and age.
 */
#include <check.h>
#include <stdlib.h>

#include "flow/fragments.h"
#include "rig.h"

static const uint8_t families[] = {4, 6, 64};

static struct conn conn(uint8_t family)
{
	return (struct conn){.family = family, .host = {1, 2}, .port = {5000, 80}};
}

/* The first fragment of a datagram, with the TCP header. */
static uint32_t first(struct rig *r, const struct conn *c, enum end from, uint32_t id)
{
	return rig_send(r, &(struct frame){.conn = c,
			       .from = from,
			       .tcp_flags = ACK,
			       .payload_bytes = 980,
			       .fragment_id = id,
			       .more = true});
}

/* Its later ones: the second, and the last. */
static uint32_t later(struct rig *r, const struct conn *c, enum end from, uint32_t id, bool last)
{
	return rig_send(r, &(struct frame){.conn = c,
			       .from = from,
			       .payload_bytes = 800,
			       .fragment_id = id,
			       .fragment_offset = last ? 1800 : 1000,
			       .more = !last});
}

static struct rig *new_rig(void)
{
	struct rig *r = rig_new(&rig_defaults);

	r->step_ns = 1000;
	return r;
}

static struct rig *new_held_rig(void)
{
	struct rig_config config = rig_defaults;
	struct rig *r;

	config.held_fragments = true;
	r = rig_new(&config);
	r->step_ns = 1000;
	return r;
}

START_TEST(fragments_behind_their_first_join_its_flow)
{
	struct conn c = conn(families[_i]);
	struct rig *r = new_rig();

	first(r, &c, A, 7);
	later(r, &c, A, 7, false);
	later(r, &c, A, 7, true);
	rig_data(r, &c, B, 10);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 4);
	rig_free(r);
}
END_TEST

START_TEST(fragments_before_their_first_stand_before_it)
{
	struct conn c = conn(families[_i]);
	struct rig *r = new_rig(); /* which asserts the order */

	later(r, &c, A, 7, true);
	later(r, &c, A, 7, false);
	first(r, &c, A, 7);
	later(r, &c, A, 7, true);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 4);
	ck_assert_int_eq(r->files[0].record.tally.first_ns, RIG_START_NS);
	rig_free(r);
}
END_TEST

START_TEST(fragments_held_while_their_flow_goes_on_join_it_late)
{
	struct conn c = conn(families[_i]);
	struct rig *r = new_held_rig();

	rig_data(r, &c, A, 10);
	later(r, &c, A, 7, true);
	rig_data(r, &c, A, 10);
	first(r, &c, A, 7);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 4);
	rig_free(r);
}
END_TEST

START_TEST(both_directions_may_use_the_same_id)
{
	struct conn c = conn(families[_i]);
	struct rig *r = new_rig();

	first(r, &c, A, 7);
	first(r, &c, B, 7);
	later(r, &c, B, 7, true);
	later(r, &c, A, 7, true);
	later(r, &c, B, 8, true); /* only A's came */
	first(r, &c, A, 8);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 5);
	ck_assert_uint_eq(r->files[0].record.tally.pkts[SIDE_LOW], 3);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 1);
	rig_free(r);
}
END_TEST

START_TEST(ids_hosts_and_families_tell_datagrams_apart)
{
	struct conn c = conn(4), d = conn(4), six = conn(6);
	struct rig *r = new_rig();
	uint32_t n[5];

	d.host[1] = 3;
	n[0] = first(r, &c, A, 7);
	n[1] = first(r, &d, A, 7);
	n[2] = later(r, &c, A, 7, true);
	n[3] = later(r, &d, A, 7, true);
	later(r, &c, A, 9, true);
	later(r, &six, A, 7, true);
	first(r, &six, A, 0x10007); /* 32 bits in IPv6 */
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[2]));
	ck_assert(rig_same(r, n[1], n[3]));
	ck_assert_uint_eq(r->flow_count, 3);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 2);
	rig_free(r);
}
END_TEST

START_TEST(protocols_tell_datagrams_of_ipv4_apart)
{
	struct rig_config config = rig_defaults;
	struct conn tcp = conn(4), udp = tcp;
	uint32_t n[4];
	struct rig *r;

	config.all_protocols = true;
	udp.proto = 17;
	r = rig_new(&config);
	n[0] = first(r, &udp, A, 7); /* RFC 791 section 3.2: an id is unique per protocol */
	n[1] = first(r, &tcp, A, 7);
	n[2] = later(r, &udp, A, 7, true);
	n[3] = later(r, &tcp, A, 7, true);
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[2]));
	ck_assert(rig_same(r, n[1], n[3]));
	rig_free(r);
}
END_TEST

START_TEST(ports_of_one_host_share_their_ids)
{
	struct conn c = conn(4), d = conn(4);
	struct rig *r = new_rig();
	uint32_t n[6];

	d.port[0]++;
	n[0] = first(r, &c, A, 1);
	n[1] = first(r, &d, A, 2);
	n[2] = later(r, &c, A, 2, true); /* says no port: it is d's */
	n[3] = later(r, &c, A, 1, true);
	n[4] = first(r, &d, A, 1); /* the id is used again */
	n[5] = later(r, &c, A, 1, true);
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[3]));
	ck_assert(rig_same(r, n[1], n[2]));
	ck_assert(rig_same(r, n[1], n[4]));
	ck_assert(rig_same(r, n[1], n[5]));
	rig_free(r);
}
END_TEST

START_TEST(fragments_between_two_ports_of_one_host_keep_a_side)
{
	struct conn c = {.family = 4, .host = {5, 5}, .port = {9000, 80}};
	struct rig *r = new_rig();

	first(r, &c, _i ? A : B, 1);
	later(r, &c, _i ? A : B, 1, true);
	rig_stop(r); /* asserts that the row says what the file says */
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 2);
	rig_free(r);
}
END_TEST

START_TEST(fragments_without_a_first_are_counted_at_the_end)
{
	struct conn c = conn(families[_i]);
	struct rig *r = new_rig();

	for (uint32_t i = 0; i < 10; i++)
		later(r, &c, A, i, false);
	rig_data(r, &c, A, 10);
	rig_stop(r);
	ck_assert_uint_eq(r->files[0].count, 1);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 10);
	rig_free(r);
}
END_TEST

START_TEST(fragments_of_other_protocols_are_no_tcp)
{
	struct conn c = conn(4);
	struct rig *r = new_rig();

	c.proto = 17;
	first(r, &c, A, 7);
	later(r, &c, A, 7, true);
	later(r, &c, A, 8, true);
	rig_stop(r);
	ck_assert_uint_eq(rig_skipped(r, SKIP_not_tcp), 3);
	ck_assert_uint_eq(r->file_count, 0);
	rig_free(r);
}
END_TEST

START_TEST(the_oldest_datagrams_go_when_the_table_is_full)
{
	struct conn c = conn(6);
	struct rig *r = new_held_rig();
	uint32_t gone = 100;

	for (uint32_t i = 0; i < FRAGMENTS_MAX + gone; i++)
		later(r, &c, A, i, true);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), gone);
	/* Backwards: those that are gone take places too, and would push out what is held. */
	for (uint32_t i = FRAGMENTS_MAX + gone; i > 0; i--)
		first(r, &c, A, i - 1);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 1);
	ck_assert_uint_eq(r->files[0].count, 2 * FRAGMENTS_MAX + gone);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), gone);
	rig_free(r);
}
END_TEST

START_TEST(held_bytes_are_bounded)
{
	struct conn c = conn(4);
	struct rig *r = new_held_rig();
	const uint32_t bytes = 60000, room = FRAGMENTS_MAX_HELD_BYTES / (14 + 20 + bytes);
	struct frame f = {.conn = &c, .payload_bytes = bytes, .fragment_offset = 1000};

	for (f.fragment_id = 0; f.fragment_id < room + 5; f.fragment_id++)
		rig_send(r, &f);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 5);
	first(r, &c, A, 3);        /* lost */
	first(r, &c, A, room + 1); /* still there */
	rig_stop(r);
	ck_assert_uint_eq(r->files[0].count, 3);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), room + 4);
	rig_free(r);
}
END_TEST

START_TEST(a_first_fragment_is_waited_for_a_minute)
{
	struct conn c = conn(4);
	struct rig *r = new_held_rig();

	later(r, &c, A, 7, true);
	rig_at(r, FRAGMENTS_MAX_AGE_NS + (_i ? 1 : 0));
	first(r, &c, A, 7);
	rig_stop(r);
	ck_assert_uint_eq(r->files[0].count, _i ? 1 : 2);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), _i ? 1 : 0);
	rig_free(r);
}
END_TEST

START_TEST(an_id_may_be_used_again_at_any_time)
{
	/* before and after the first datagram is forgotten, by a hair and by far */
	static const int64_t gaps[] = {
	    1, SEC(29), SEC(59), SEC(60) - 1, SEC(60), SEC(60) + 1, SEC(3600)};
	struct conn c = conn(4);
	struct rig_config config = rig_defaults;
	struct rig *r;

	config.idle_ns = SEC(7200);
	r = rig_new(&config);
	for (int i = 0; i < 3; i++) {
		rig_at(r, i * gaps[_i]);
		first(r, &c, A, 7);
		rig_at(r, i * gaps[_i] + MS(1));
		later(r, &c, A, 7, false);
		rig_at(r, i * gaps[_i] + SEC(1));
		later(r, &c, A, 7, true);
	}
	rig_stop(r);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 0);
	ck_assert_uint_eq(r->files[0].count, 9);
	rig_free(r);
}
END_TEST

START_TEST(a_clock_that_starts_anew_forgets_fragments)
{
	struct conn c = conn(4);
	struct rig *r = new_held_rig();

	rig_at(r, SEC(100000));
	later(r, &c, A, 7, true);
	rig_at(r, 0);
	later(r, &c, A, 8, true);
	rig_at(r, SEC(70));
	first(r, &c, A, 8);
	first(r, &c, A, 7);
	rig_stop(r);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 2);
	rig_free(r);
}
END_TEST

START_TEST(a_fragment_does_not_wake_a_flow_that_is_over)
{
	struct rig_config config = rig_defaults;
	struct conn c = conn(4);
	struct rig *r;

	config.idle_ns = SEC(10);
	r = rig_new(&config);
	first(r, &c, A, 7);
	rig_at(r, SEC(25));
	later(r, &c, A, 7, true);
	rig_stop(r);
	rig_end(r, 0, "idle");
	ck_assert_uint_eq(r->files[0].count, 1);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 1);
	rig_free(r);
}
END_TEST

START_TEST(a_fragment_keeps_its_flow_alive)
{
	struct rig_config config = rig_defaults;
	struct conn c = conn(4);
	uint32_t n;
	struct rig *r;

	config.idle_ns = SEC(10);
	r = rig_new(&config);
	first(r, &c, A, 7);
	rig_at(r, SEC(10));
	later(r, &c, A, 7, true);
	rig_at(r, SEC(20));
	n = rig_data(r, &c, A, 1);
	rig_stop(r);
	ck_assert(rig_same(r, 0, n));
	rig_free(r);
}
END_TEST

/* A part of nothing but later fragments would be a file that does not tell its ends. */
START_TEST(a_fragment_alone_begins_no_part)
{
	struct conn c = conn(families[_i]);
	struct rig *r = new_rig();
	uint32_t n;

	rig_tcp(r, &c, A, SYN, 1);
	rig_tcp(r, &c, B, SYN | ACK, 1);
	first(r, &c, A, 7);
	rig_tcp(r, &c, B, RST, 1);
	rig_at(r, SEC(10));
	later(r, &c, A, 7, false);
	n = rig_tcp(r, &c, A, ACK, 1);
	later(r, &c, A, 7, true); /* the part can tell by now */
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 2);
	ck_assert_uint_eq(rig_file(r, n)->count, 2);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 1);
	rig_free(r);
}
END_TEST

START_TEST(a_fragment_does_not_follow_its_tuple_to_the_next_connection)
{
	struct conn c = conn(4);
	struct rig *r = new_rig();

	rig_tcp(r, &c, A, SYN, 1);
	first(r, &c, A, 7);
	rig_tcp(r, &c, A, SYN, 2);
	later(r, &c, A, 7, true);
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 2);
	ck_assert_uint_eq(rig_skipped(r, SKIP_fragment), 1);
	rig_free(r);
}
END_TEST

START_TEST(a_first_fragment_can_be_a_syn_that_begins_anew)
{
	struct conn c = conn(4);
	struct rig *r = new_held_rig();
	uint32_t n[2];

	rig_tcp(r, &c, A, SYN, 1);
	n[0] = later(r, &c, A, 7, true);
	n[1] = rig_send(r, &(struct frame){.conn = &c,
			       .tcp_flags = SYN,
			       .seq = 2,
			       .more = true,
			       .fragment_id = 7,
			       .payload_bytes = 980});
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 2);
	ck_assert(rig_same(r, n[0], n[1]));
	rig_end(r, 0, "reused");
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fragments");
	TCase *t = tcase_create("fragments");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, fragments_behind_their_first_join_its_flow, 0, 3);
	tcase_add_loop_test(t, fragments_before_their_first_stand_before_it, 0, 3);
	tcase_add_loop_test(t, fragments_held_while_their_flow_goes_on_join_it_late, 0, 3);
	tcase_add_loop_test(t, both_directions_may_use_the_same_id, 0, 3);
	tcase_add_test(t, ids_hosts_and_families_tell_datagrams_apart);
	tcase_add_test(t, protocols_tell_datagrams_of_ipv4_apart);
	tcase_add_test(t, ports_of_one_host_share_their_ids);
	tcase_add_loop_test(t, fragments_between_two_ports_of_one_host_keep_a_side, 0, 2);
	tcase_add_loop_test(t, fragments_without_a_first_are_counted_at_the_end, 0, 3);
	tcase_add_test(t, fragments_of_other_protocols_are_no_tcp);
	tcase_add_test(t, the_oldest_datagrams_go_when_the_table_is_full);
	tcase_add_test(t, held_bytes_are_bounded);
	tcase_add_loop_test(t, a_first_fragment_is_waited_for_a_minute, 0, 2);
	tcase_add_loop_test(t, an_id_may_be_used_again_at_any_time, 0, 7);
	tcase_add_test(t, a_clock_that_starts_anew_forgets_fragments);
	tcase_add_test(t, a_fragment_does_not_wake_a_flow_that_is_over);
	tcase_add_test(t, a_fragment_keeps_its_flow_alive);
	tcase_add_loop_test(t, a_fragment_alone_begins_no_part, 0, 3);
	tcase_add_test(t, a_fragment_does_not_follow_its_tuple_to_the_next_connection);
	tcase_add_test(t, a_first_fragment_can_be_a_syn_that_begins_anew);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
