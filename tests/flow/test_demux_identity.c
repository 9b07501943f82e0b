/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of flow identity: which packets are one flow, when a tuple that is used again begins a new
 * one, and who is the client.
 */
#include <check.h>
#include <stdlib.h>

#include "rig.h"

static const uint8_t families[] = {4, 6, 64};

static struct conn web(uint8_t family)
{
	return (struct conn){.family = family, .host = {7, 3}, .port = {40000, 80}};
}

/* A microsecond between packets: two flows of one tuple, ISN and time would have one name. */
static struct rig *new_rig(void)
{
	struct rig *r = rig_new(&rig_defaults);

	r->step_ns = 1000;
	return r;
}

/* SYN, SYN-ACK, ACK; A's ISN is isn. Returns the number of the SYN. */
static uint32_t handshake(struct rig *r, const struct conn *c, uint32_t isn)
{
	uint32_t n = rig_tcp(r, c, A, SYN, isn);

	rig_tcp(r, c, B, SYN | ACK, 9000);
	rig_tcp(r, c, A, ACK, isn + 1);
	return n;
}

static void both_fins(struct rig *r, const struct conn *c)
{
	rig_tcp(r, c, A, FIN | ACK, 200);
	rig_tcp(r, c, B, FIN | ACK, 9001);
	rig_tcp(r, c, A, ACK, 201);
}

/* Stops, and asserts in how many flows and files it came out. */
static void expect(struct rig *r, uint32_t flows, uint32_t files)
{
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, flows);
	ck_assert_uint_eq(r->file_count, files);
}

START_TEST(both_directions_are_one_flow)
{
	struct conn c = web(families[_i]);
	struct rig *r = new_rig();

	handshake(r, &c, 100);
	rig_data(r, &c, A, 500);
	rig_data(r, &c, B, 1400);
	expect(r, 1, 1);
	ck_assert_uint_eq(r->files[0].count, 5);
	ck_assert_uint_eq(r->files[0].record.key.family, families[_i] == 6 ? 6 : 4);
	rig_end(r, 0, "eof");
	rig_free(r);
}
END_TEST

START_TEST(mapped_addresses_are_those_of_ipv4)
{
	struct conn plain = web(4), mapped = web(64);
	struct rig *r = new_rig();

	rig_data(r, &plain, A, 1);
	rig_data(r, &mapped, B, 1);
	expect(r, 1, 1);
	rig_free(r);
}
END_TEST

START_TEST(every_word_of_the_key_tells_flows_apart)
{
	struct conn base = web(4), other[6];
	struct rig_config config = rig_defaults;
	struct rig *r;

	config.all_protocols = true;
	r = rig_new(&config);
	for (int i = 0; i < 6; i++)
		other[i] = base;
	other[0].host[0]++;
	other[1].host[1]++;
	other[2].port[0]++;
	other[3].port[1]++;
	other[4].family = 6;
	other[5].proto = 17;
	rig_data(r, &base, A, 1);
	for (int i = 0; i < 6; i++)
		rig_data(r, &other[i], A, 1);
	rig_send(r, &(struct frame){.conn = &base, .linktype = FRAME_RAW, .tcp_flags = ACK});
	expect(r, 8, 8);
	rig_free(r);
}
END_TEST

START_TEST(swapped_ports_between_two_hosts_are_another_flow)
{
	struct conn c = web(4), swapped = c;
	struct rig *r = new_rig();

	swapped.port[0] = c.port[1];
	swapped.port[1] = c.port[0];
	rig_data(r, &c, A, 1);
	rig_data(r, &swapped, A, 1);
	rig_data(r, &c, B, 1);
	rig_data(r, &swapped, B, 1);
	expect(r, 2, 2);
	ck_assert(rig_same(r, 0, 2));
	ck_assert(rig_same(r, 1, 3));
	rig_free(r);
}
END_TEST

START_TEST(a_host_that_talks_to_itself_has_one_flow)
{
	struct conn c = {.family = 4, .host = {5, 5}, .port = {1000, 2000}};
	struct conn same = {.family = 4, .host = {5, 5}, .port = {3000, 3000}};
	struct rig *r = new_rig();

	handshake(r, &c, 1);
	both_fins(r, &c);
	handshake(r, &same, 1);
	expect(r, 2, 2);
	rig_free(r);
}
END_TEST

START_TEST(a_syn_sent_again_stays)
{
	struct conn c = web(families[_i]);
	struct rig *r = new_rig();

	for (int i = 0; i < 3; i++) {
		rig_at(r, SEC(i));
		rig_tcp(r, &c, A, SYN, 100);
	}
	rig_tcp(r, &c, B, SYN | ACK, 900);
	rig_tcp(r, &c, A, SYN, 100); /* the SYN-ACK was lost on its way */
	rig_tcp(r, &c, B, SYN | ACK, 900);
	rig_tcp(r, &c, A, ACK, 101);
	rig_tcp(r, &c, A, SYN, 100); /* one that took a longer way */
	expect(r, 1, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_simultaneous_open_stays)
{
	struct conn c = web(4);
	struct rig *r = new_rig();

	rig_tcp(r, &c, A, SYN, 100); /* RFC 9293 figure 7 */
	rig_tcp(r, &c, B, SYN, 300);
	rig_tcp(r, &c, A, SYN | ACK, 100);
	rig_tcp(r, &c, B, SYN | ACK, 300);
	rig_tcp(r, &c, A, ACK, 101);
	rig_tcp(r, &c, B, SYN, 300);
	expect(r, 1, 1);
	ck_assert_int_eq(rig_client(&r->files[0], &c), A);
	rig_free(r);
}
END_TEST

START_TEST(a_syn_with_another_isn_is_a_new_flow)
{
	struct conn c = web(families[_i]);
	struct rig *r = new_rig();
	uint32_t first = handshake(r, &c, 100), second;

	rig_data(r, &c, B, 10);
	second = handshake(r, &c, 101);
	rig_data(r, &c, B, 10);
	expect(r, 2, 2);
	ck_assert_uint_eq(r->files[0].count, 4);
	ck_assert_uint_eq(r->files[1].count, 4);
	rig_end(r, first, "reused");
	rig_end(r, second, "eof");
	ck_assert_uint_eq(r->stats.end_reasons[END_REUSED], 1);
	ck_assert_uint_eq(r->stats.end_reasons[END_EOF], 1);
	rig_free(r);
}
END_TEST

START_TEST(an_unanswered_syn_and_one_with_another_isn_are_two_flows)
{
	struct conn c = web(4);
	struct rig *r = new_rig();
	uint32_t first = rig_tcp(r, &c, A, SYN, 100), second = rig_tcp(r, &c, A, SYN, 200);

	expect(r, 2, 2);
	rig_end(r, first, "reused");
	rig_end(r, second, "eof");
	rig_free(r);
}
END_TEST

START_TEST(the_isn_is_that_of_the_same_sender)
{
	struct conn c = web(4);
	struct rig *r = new_rig();
	uint32_t again, other;

	handshake(r, &c, 100); /* B began at 9000 */
	again = rig_tcp(r, &c, B, SYN, 9000);
	other = rig_tcp(r, &c, B, SYN, 100);
	expect(r, 2, 2);
	ck_assert(rig_same(r, 0, again));
	ck_assert(!rig_same(r, 0, other));
	rig_free(r);
}
END_TEST

START_TEST(a_syn_after_both_fins_is_a_new_flow_even_with_the_same_isn)
{
	struct conn c = web(families[_i]);
	struct rig *r = new_rig();
	uint32_t first = handshake(r, &c, 100), second;

	both_fins(r, &c);
	second = handshake(r, &c, 100);
	expect(r, 2, 2);
	rig_end(r, first, "reused");
	rig_end(r, second, "eof");
	rig_free(r);
}
END_TEST

START_TEST(a_syn_after_one_fin_stays_if_its_isn_is_the_same)
{
	struct conn c = web(4);
	struct rig *r = new_rig();

	handshake(r, &c, 100);
	rig_tcp(r, &c, A, FIN | ACK, 101);
	rig_tcp(r, &c, A, SYN, 100);
	expect(r, 1, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_syn_after_the_rst_of_an_accepted_connection_is_a_new_flow)
{
	struct conn c = web(4);
	struct rig *r = new_rig();
	uint32_t first = handshake(r, &c, 100), second;

	rig_tcp(r, &c, _i ? A : B, RST | ACK, 9001);
	second = handshake(r, &c, 100);
	expect(r, 2, 2);
	rig_end(r, first, "reused");
	rig_end(r, second, "eof");
	rig_free(r);
}
END_TEST

START_TEST(a_refused_syn_sent_again_stays_until_it_has_another_isn)
{
	struct conn c = web(4);
	struct rig *r = new_rig();
	uint32_t other;

	for (int i = 0; i < 3; i++) {
		rig_at(r, MS(500) * i);
		rig_tcp(r, &c, A, SYN, 100);
		rig_tcp(r, &c, B, RST | ACK, 0);
	}
	other = rig_tcp(r, &c, A, SYN, 101);
	rig_tcp(r, &c, B, RST | ACK, 0);
	expect(r, 2, 2);
	ck_assert_uint_eq(r->files[0].count, 6);
	rig_end(r, 0, "reused");
	rig_end(r, other, "rst");
	rig_free(r);
}
END_TEST

START_TEST(a_refused_syn_that_is_accepted_when_sent_again_goes_on_as_one_flow)
{
	struct conn c = web(4);
	struct rig *r = new_rig();

	rig_tcp(r, &c, A, SYN, 100);
	rig_tcp(r, &c, B, RST | ACK, 0);
	rig_at(r, SEC(1));
	handshake(r, &c, 100);
	rig_at(r, SEC(10)); /* the RST before is forgotten: nothing lingers */
	rig_data(r, &c, A, 10);
	expect(r, 1, 1);
	rig_end(r, 0, "eof");
	rig_free(r);
}
END_TEST

START_TEST(a_syn_on_a_flow_seen_from_its_middle_is_a_new_flow)
{
	struct conn c = web(4);
	struct rig *r = new_rig();
	uint32_t syn;

	rig_send(r, &(struct frame){
			.conn = &c, .from = A, .tcp_flags = ACK, .seq = 5000, .payload_bytes = 9});
	rig_send(r, &(struct frame){
			.conn = &c, .from = B, .tcp_flags = ACK, .seq = 7000, .payload_bytes = 9});
	if (_i) {
		rig_tcp(r, &c, A, FIN | ACK, 5009);
		rig_tcp(r, &c, B, FIN | ACK, 7009);
	}
	syn = handshake(r, &c, 100);
	expect(r, 2, 2);
	ck_assert(!rig_same(r, 0, syn));
	rig_end(r, 0, "reused");
	rig_free(r);
}
END_TEST

START_TEST(a_syn_behind_its_syn_ack_stays)
{
	struct conn c = web(4);
	struct rig *r = new_rig();

	rig_tcp(r, &c, B, SYN | ACK, 900); /* the capture mixed them up */
	rig_tcp(r, &c, A, SYN, 100);
	rig_tcp(r, &c, A, ACK, 101);
	expect(r, 1, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_tuple_used_a_hundred_times_is_a_hundred_flows)
{
	struct conn c = web(4);
	struct rig *r = new_rig();

	for (uint32_t i = 0; i < 100; i++) {
		rig_at(r, MS(i));
		handshake(r, &c, i % 2 ? 100 : 101 + i);
		both_fins(r, &c);
	}
	expect(r, 100, 100);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_uint_eq(r->files[i].count, 6);
	ck_assert_uint_eq(r->stats.end_reasons[END_REUSED], 99);
	ck_assert_uint_eq(r->stats.end_reasons[END_FIN], 1);
	rig_free(r);
}
END_TEST

/* ---- client and server ----------------------------------------------------------------------- */

/* Hosts and ports in both orders: neither the key's order nor the ports may matter to steps 1, 2.
 */
static struct conn ends(int i)
{
	return (struct conn){.family = 4,
	    .host = {i & 1 ? 9 : 2, i & 1 ? 2 : 9},
	    .port = {i & 2 ? 80 : 5000, i & 2 ? 5000 : 80}};
}

START_TEST(the_sender_of_the_first_syn_is_the_client)
{
	struct conn c = ends(_i);
	struct rig *r = new_rig();

	rig_tcp(r, &c, B, ACK, 200); /* the other end spoke before */
	rig_tcp(r, &c, A, SYN, 100);
	rig_tcp(r, &c, B, SYN, 200);
	expect(r, 1, 1);
	ck_assert_int_eq(rig_client(&r->files[0], &c), A);
	rig_free(r);
}
END_TEST

START_TEST(else_the_receiver_of_the_first_syn_ack_is)
{
	struct conn c = ends(_i);
	struct rig *r = new_rig();

	rig_tcp(r, &c, B, ACK, 1);
	rig_tcp(r, &c, B, SYN | ACK, 1);
	rig_tcp(r, &c, A, ACK, 100);
	expect(r, 1, 1);
	ck_assert_int_eq(rig_client(&r->files[0], &c), A);
	rig_free(r);
}
END_TEST

START_TEST(else_the_end_with_the_higher_port_is)
{
	struct conn c = ends(_i);
	struct rig *r = new_rig();

	rig_tcp(r, &c, _i & 4 ? A : B, ACK, 1);
	expect(r, 1, 1);
	ck_assert_int_eq(rig_client(&r->files[0], &c), c.port[A] > c.port[B] ? A : B);
	rig_free(r);
}
END_TEST

START_TEST(else_the_sender_of_the_first_packet_is)
{
	struct conn c = ends(_i);
	struct rig *r = new_rig();

	c.port[A] = c.port[B] = 179;
	rig_tcp(r, &c, A, ACK, 1);
	rig_tcp(r, &c, B, ACK, 1);
	expect(r, 1, 1);
	ck_assert_int_eq(rig_client(&r->files[0], &c), A);
	rig_free(r);
}
END_TEST

START_TEST(later_parts_keep_the_client)
{
	struct conn c = {.family = 4, .host = {2, 9}, .port = {80, 5000}};
	struct rig *r = new_rig();
	uint32_t late;

	handshake(r, &c, 100); /* A, although its port is the lower one */
	both_fins(r, &c);
	rig_at(r, SEC(3));
	late = rig_tcp(r, &c, B, ACK, 9002);
	expect(r, 1, 2);
	ck_assert(rig_same_flow(r, 0, late));
	ck_assert_uint_eq(rig_file(r, late)->record.part, 1);
	ck_assert_int_eq(rig_client(&r->files[0], &c), A);
	ck_assert_int_eq(rig_client(&r->files[1], &c), A);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow identity");
	TCase *t = tcase_create("identity");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, both_directions_are_one_flow, 0, 3);
	tcase_add_test(t, mapped_addresses_are_those_of_ipv4);
	tcase_add_test(t, every_word_of_the_key_tells_flows_apart);
	tcase_add_test(t, swapped_ports_between_two_hosts_are_another_flow);
	tcase_add_test(t, a_host_that_talks_to_itself_has_one_flow);
	tcase_add_loop_test(t, a_syn_sent_again_stays, 0, 3);
	tcase_add_test(t, a_simultaneous_open_stays);
	tcase_add_loop_test(t, a_syn_with_another_isn_is_a_new_flow, 0, 3);
	tcase_add_test(t, an_unanswered_syn_and_one_with_another_isn_are_two_flows);
	tcase_add_test(t, the_isn_is_that_of_the_same_sender);
	tcase_add_loop_test(t, a_syn_after_both_fins_is_a_new_flow_even_with_the_same_isn, 0, 3);
	tcase_add_test(t, a_syn_after_one_fin_stays_if_its_isn_is_the_same);
	tcase_add_loop_test(t, a_syn_after_the_rst_of_an_accepted_connection_is_a_new_flow, 0, 2);
	tcase_add_test(t, a_refused_syn_sent_again_stays_until_it_has_another_isn);
	tcase_add_test(t, a_refused_syn_that_is_accepted_when_sent_again_goes_on_as_one_flow);
	tcase_add_loop_test(t, a_syn_on_a_flow_seen_from_its_middle_is_a_new_flow, 0, 2);
	tcase_add_test(t, a_syn_behind_its_syn_ack_stays);
	tcase_add_test(t, a_tuple_used_a_hundred_times_is_a_hundred_flows);
	tcase_add_loop_test(t, the_sender_of_the_first_syn_is_the_client, 0, 4);
	tcase_add_loop_test(t, else_the_receiver_of_the_first_syn_ack_is, 0, 4);
	tcase_add_loop_test(t, else_the_end_with_the_higher_port_is, 0, 8);
	tcase_add_loop_test(t, else_the_sender_of_the_first_packet_is, 0, 2);
	tcase_add_test(t, later_parts_keep_the_client);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
