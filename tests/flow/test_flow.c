/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what one flow takes notice of: when a SYN is a new connection, when a flow has ended or
 * is half open, and in which list it stands.
 */
#include <check.h>
#include <stdlib.h>

#include "flow/flow.h"

/* A packet of a connection, and what is expected once the flow has seen it. */
struct step {
	enum side from;
	uint8_t flags;
	uint32_t seq;
	bool reuse; /* begins a new connection: the flow does not see it */
	enum flow_list list;
};

#define FIN TCP_FIN
#define SYN TCP_SYN
#define RST TCP_RST
#define ACK TCP_ACK
#define L   SIDE_LOW
#define H   SIDE_HIGH

static void play(const struct step *steps, size_t n)
{
	struct flow f = {.number = 0};

	for (size_t i = 0; i < n; i++) {
		struct decoded d = {.proto = DECODE_TCP,
		    .has_tcp = true,
		    .tcp_flags = steps[i].flags,
		    .seq = steps[i].seq};

		ck_assert_msg(
		    flow_is_reuse(&f, &d, steps[i].from) == steps[i].reuse, "reuse, step %zu", i);
		if (steps[i].reuse)
			continue;
		flow_see(&f, &d, steps[i].from);
		ck_assert_msg(
		    flow_list_for(&f) == steps[i].list, "step %zu: list %d", i, flow_list_for(&f));
		ck_assert_int_eq(flow_ended(&f), steps[i].list == FLOW_ENDED);
	}
}

#define PLAY(...)                                                 \
	do {                                                      \
		static const struct step steps[] = {__VA_ARGS__}; \
		play(steps, sizeof(steps) / sizeof(steps[0]));    \
	} while (0)

START_TEST(a_flow_takes_at_most_256_bytes)
{
	ck_assert_uint_le(sizeof(struct flow), 256);
}
END_TEST

START_TEST(a_connection_is_half_open_until_the_sender_of_the_syn_acks)
{
	PLAY({L, SYN, 100, false, FLOW_HALF_OPEN}, {H, SYN | ACK, 900, false, FLOW_HALF_OPEN},
	    {H, SYN | ACK, 900, false, FLOW_HALF_OPEN}, {L, SYN, 100, false, FLOW_HALF_OPEN},
	    {L, ACK, 101, false, FLOW_OPEN}, {L, SYN, 100, false, FLOW_OPEN});
}
END_TEST

START_TEST(a_connection_ends_with_both_fins)
{
	PLAY({H, SYN, 100, false, FLOW_HALF_OPEN}, {L, SYN | ACK, 900, false, FLOW_HALF_OPEN},
	    {H, ACK, 101, false, FLOW_OPEN}, {H, FIN | ACK, 101, false, FLOW_OPEN},
	    {H, FIN | ACK, 101, false, FLOW_OPEN}, {L, ACK, 901, false, FLOW_OPEN},
	    {L, FIN | ACK, 901, false, FLOW_ENDED}, {H, ACK, 102, false, FLOW_ENDED});
}
END_TEST

START_TEST(a_connection_ends_with_one_rst)
{
	PLAY({H, ACK, 100, false, FLOW_OPEN}, {L, RST, 100, false, FLOW_ENDED},
	    {H, ACK, 101, false, FLOW_ENDED});
}
END_TEST

START_TEST(an_accepted_connection_that_ended_takes_no_syn)
{
	PLAY({L, SYN, 100, false, FLOW_HALF_OPEN}, {H, SYN | ACK, 900, false, FLOW_HALF_OPEN},
	    {L, ACK, 101, false, FLOW_OPEN}, {H, RST, 901, false, FLOW_ENDED},
	    {L, SYN, 100, true, 0}, {H, SYN, 900, true, 0}, {L, SYN, 7, true, 0},
	    {H, SYN | ACK, 7, false, FLOW_ENDED});
}
END_TEST

START_TEST(a_refused_connection_takes_the_same_syn_only)
{
	PLAY({L, SYN, 100, false, FLOW_HALF_OPEN}, {H, RST | ACK, 0, false, FLOW_ENDED},
	    {L, SYN, 101, true, 0}, {L, SYN, 100, false, FLOW_HALF_OPEN},
	    {H, RST | ACK, 0, false, FLOW_ENDED}, {L, SYN, 100, false, FLOW_HALF_OPEN},
	    {H, SYN | ACK, 0, false, FLOW_HALF_OPEN}, {L, ACK, 101, false, FLOW_OPEN});
}
END_TEST

START_TEST(a_syn_with_ack_never_begins_anew)
{
	PLAY({H, SYN | ACK, 900, false, FLOW_OPEN}, {H, SYN | ACK, 5, false, FLOW_OPEN},
	    {H, SYN, 5, true, 0}, {H, SYN, 900, false, FLOW_OPEN});
}
END_TEST

START_TEST(each_sender_has_its_own_isn)
{
	PLAY({L, SYN, 100, false, FLOW_HALF_OPEN}, {H, SYN, 300, false, FLOW_HALF_OPEN},
	    {H, SYN, 100, true, 0}, {L, SYN, 300, true, 0}, {H, SYN, 300, false, FLOW_HALF_OPEN});
}
END_TEST

START_TEST(isn_zero_is_an_isn)
{
	PLAY({L, SYN, 0, false, FLOW_HALF_OPEN}, {L, SYN, 0, false, FLOW_HALF_OPEN},
	    {L, SYN, UINT32_MAX, true, 0}, {L, SYN, 1, true, 0});
}
END_TEST

START_TEST(a_sender_seen_from_the_middle_began_where_we_saw_it_first)
{
	PLAY({L, ACK, 5000, false, FLOW_OPEN}, {L, SYN, 100, true, 0},
	    {L, SYN, 5000, false, FLOW_OPEN}, {H, SYN, 1, false, FLOW_OPEN});
}
END_TEST

START_TEST(packets_without_tcp_header_are_no_reuse_and_end_nothing)
{
	struct flow f = {.number = 0};
	/* Flags that must not be looked at: only has_tcp makes them true. */
	struct decoded d = {.proto = DECODE_UDP, .tcp_flags = SYN};

	flow_see(&f, &d, L);
	d.seq = 1;
	d.tcp_flags = SYN | RST;
	ck_assert(!flow_is_reuse(&f, &d, L));
	flow_see(&f, &d, L);
	ck_assert_int_eq(flow_list_for(&f), FLOW_OPEN);
}
END_TEST

START_TEST(counts_are_those_of_both_sides)
{
	struct flow f = {.tally = {.pkts = {3, 4}}};

	ck_assert_uint_eq(flow_pkts(&f), 7);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow");
	TCase *t = tcase_create("flow");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_flow_takes_at_most_256_bytes);
	tcase_add_test(t, a_connection_is_half_open_until_the_sender_of_the_syn_acks);
	tcase_add_test(t, a_connection_ends_with_both_fins);
	tcase_add_test(t, a_connection_ends_with_one_rst);
	tcase_add_test(t, an_accepted_connection_that_ended_takes_no_syn);
	tcase_add_test(t, a_refused_connection_takes_the_same_syn_only);
	tcase_add_test(t, a_syn_with_ack_never_begins_anew);
	tcase_add_test(t, each_sender_has_its_own_isn);
	tcase_add_test(t, isn_zero_is_an_isn);
	tcase_add_test(t, a_sender_seen_from_the_middle_began_where_we_saw_it_first);
	tcase_add_test(t, packets_without_tcp_header_are_no_reuse_and_end_nothing);
	tcase_add_test(t, counts_are_those_of_both_sides);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
