/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what packets add up to, and of who is the client.
 */
#include <check.h>
#include <stdlib.h>

#include "packet/tally.h"

/* Adds a packet of `len` bytes, `captured` of them captured and `kept` of those kept. */
static void add(struct tally *t, int64_t ts_ns, const uint32_t len[3], const struct decoded *d,
    enum side sender)
{
	struct packet p = {.ts_ns = ts_ns, .origlen = len[0], .caplen = len[1]};

	tally_add(t, &p, len[2], d, sender);
}

START_TEST(packets_and_bytes_are_counted_per_side)
{
	static const uint32_t whole[3] = {100, 100, 100}, other[3] = {60, 60, 60};
	struct decoded d = {.has_tcp = true};
	struct tally t = {0};

	add(&t, 10, whole, &d, SIDE_LOW);
	add(&t, 20, whole, &d, SIDE_LOW);
	add(&t, 30, other, &d, SIDE_HIGH);
	ck_assert_uint_eq(t.pkts[SIDE_LOW], 2);
	ck_assert_uint_eq(t.pkts[SIDE_HIGH], 1);
	ck_assert_uint_eq(t.bytes[SIDE_LOW], 200);
	ck_assert_uint_eq(t.bytes[SIDE_HIGH], 60);
	ck_assert_uint_eq(t.captured_bytes, 260);
	ck_assert_uint_eq(t.truncated_pkts, 0);
	ck_assert_int_eq(t.first_ns, 10);
	ck_assert_int_eq(t.last_ns, 30);
}
END_TEST

START_TEST(what_is_not_kept_counts_as_length_but_not_as_captured)
{
	static const uint32_t by_capture[3] = {1500, 96, 96}, by_us[3] = {1500, 1500, 64},
			      by_both[3] = {1500, 1000, 64}, empty[3] = {0, 0, 0};
	struct decoded d = {.has_tcp = false};
	struct tally t = {0};

	add(&t, 1, by_capture, &d, SIDE_LOW);
	add(&t, 2, by_us, &d, SIDE_LOW);
	add(&t, 3, by_both, &d, SIDE_HIGH);
	add(&t, 4, empty, &d, SIDE_HIGH);
	ck_assert_uint_eq(t.bytes[SIDE_LOW], 3000);
	ck_assert_uint_eq(t.bytes[SIDE_HIGH], 1500);
	ck_assert_uint_eq(t.captured_bytes, 96 + 64 + 64);
	ck_assert_uint_eq(t.truncated_pkts, 3);
}
END_TEST

START_TEST(counts_go_beyond_32_bits)
{
	static const uint32_t huge[3] = {UINT32_MAX, 262144, 262144};
	struct decoded d = {.has_tcp = false};
	struct tally t = {0};

	for (int i = 0; i < 20000; i++)
		add(&t, i, huge, &d, SIDE_HIGH);
	ck_assert_uint_eq(t.bytes[SIDE_HIGH], UINT64_C(20000) * UINT32_MAX);
	ck_assert_uint_eq(t.captured_bytes, UINT64_C(20000) * 262144);
	ck_assert_uint_eq(t.truncated_pkts, 20000);
}
END_TEST

START_TEST(times_are_those_of_the_first_and_the_last_as_they_came)
{
	static const uint32_t len[3] = {60, 60, 60};
	struct decoded d = {.has_tcp = false};
	struct tally t = {0};

	add(&t, 50, len, &d, SIDE_HIGH);
	add(&t, 90, len, &d, SIDE_LOW);
	add(&t, 20, len, &d, SIDE_LOW); /* out of order: still the last that came */
	ck_assert_int_eq(t.first_ns, 50);
	ck_assert_int_eq(t.last_ns, 20);
}
END_TEST

START_TEST(a_first_packet_at_time_zero_is_the_first)
{
	static const uint32_t len[3] = {60, 60, 60};
	struct decoded d = {.vlan = {12, 13}};
	struct tally t = {0};

	add(&t, 0, len, &d, SIDE_HIGH);
	d.vlan[0] = 99;
	add(&t, 5, len, &d, SIDE_LOW);
	ck_assert_int_eq(t.first_ns, 0);
	ck_assert_uint_eq(t.vlan, 12);
}
END_TEST

START_TEST(flags_gather_per_side_and_only_from_tcp)
{
	static const uint32_t len[3] = {60, 60, 60};
	struct decoded d = {.has_tcp = true, .tcp_flags = TCP_SYN};
	struct tally t = {0};

	add(&t, 1, len, &d, SIDE_LOW);
	d.tcp_flags = TCP_SYN | TCP_ACK;
	add(&t, 2, len, &d, SIDE_HIGH);
	d.tcp_flags = TCP_ACK | TCP_PSH;
	add(&t, 3, len, &d, SIDE_LOW);
	d.has_tcp = false;
	d.tcp_flags = TCP_RST | TCP_FIN;
	add(&t, 4, len, &d, SIDE_LOW);
	ck_assert_uint_eq(t.tcp_flags[SIDE_LOW], TCP_SYN | TCP_ACK | TCP_PSH);
	ck_assert_uint_eq(t.tcp_flags[SIDE_HIGH], TCP_SYN | TCP_ACK);
}
END_TEST

/* ---- client and server ------------------------------------------------------------------------
 */

/* A packet as seen for the roles: who sent it, with which flags; flags 0xff: not TCP. */
struct seen {
	enum side sender;
	uint8_t flags;
};

#define NO_TCP 0xff
#define L      SIDE_LOW
#define H      SIDE_HIGH
#define NONE                \
	{                   \
		SIDE_LOW, 0 \
	}

static const struct {
	const char *what;
	uint16_t port[2];
	struct seen seen[3];
	int count;
	enum side client;
} roles[] = {
    {"the first SYN, whatever the ports", {50000, 80}, {{H, TCP_SYN}, {L, TCP_SYN | TCP_ACK}}, 2,
	H},
    {"the first SYN of two, a simultaneous open", {1, 2}, {{L, TCP_SYN}, {H, TCP_SYN}}, 2, L},
    {"a SYN that comes late", {80, 50000}, {{H, TCP_ACK}, {L, TCP_SYN}}, 2, L},
    {"a SYN after the SYN-ACK", {1, 2}, {{H, TCP_SYN | TCP_ACK}, {H, TCP_SYN}}, 2, H},
    {"who got the SYN-ACK", {80, 50000}, {{H, TCP_SYN | TCP_ACK}, {L, TCP_ACK}}, 2, L},
    {"who got the first SYN-ACK", {1, 2}, {{L, TCP_SYN | TCP_ACK}, {H, TCP_SYN | TCP_ACK}}, 2, H},
    {"the higher port, low side", {50000, 80}, {{H, TCP_ACK}}, 1, L},
    {"the higher port, high side", {80, 50000}, {{L, TCP_ACK}}, 1, H},
    {"a SYN flag that is not TCP's", {80, 50000}, {{L, NO_TCP}}, 1, H},
    {"the first speaker, high", {123, 123}, {{H, NO_TCP}, {L, NO_TCP}}, 2, H},
    {"the first speaker, low", {0, 0}, {{L, NO_TCP}, {H, NO_TCP}}, 2, L},
    {"nobody spoke", {7, 7}, {NONE}, 0, L},
};
#define ROLES ((int)(sizeof(roles) / sizeof(roles[0])))

START_TEST(the_client_is_found_as_the_design_says)
{
	struct flowkey k = {.addr = {{10}, {11}}, .port = {roles[_i].port[0], roles[_i].port[1]}};
	struct tally_roles r = {0, 0, 0};

	for (int i = 0; i < roles[_i].count; i++) {
		const struct seen *s = &roles[_i].seen[i];
		struct decoded d = {.has_tcp = s->flags != NO_TCP, .tcp_flags = s->flags};

		tally_roles_add(&r, &d, s->sender);
	}
	ck_assert_msg(tally_client(&r, &k) == roles[_i].client, "%s", roles[_i].what);
}
END_TEST

START_TEST(who_talks_to_itself_is_its_own_client_on_the_low_side)
{
	struct flowkey k = {.addr = {{10}, {10}}, .port = {99, 99}};
	struct decoded syn = {.has_tcp = true, .tcp_flags = TCP_SYN};
	struct decoded syn_ack = {.has_tcp = true, .tcp_flags = TCP_SYN | TCP_ACK};
	struct tally_roles r = {0, 0, 0};

	/* Both come from SIDE_LOW, as flowkey_make says; who "got" the SYN-ACK is not the high
	 * side. */
	tally_roles_add(&r, &syn_ack, SIDE_LOW);
	ck_assert_int_eq(tally_client(&r, &k), SIDE_LOW);
	tally_roles_add(&r, &syn, SIDE_LOW);
	ck_assert_int_eq(tally_client(&r, &k), SIDE_LOW);
}
END_TEST

static Suite *tally_suite(void)
{
	Suite *s = suite_create("tally");
	TCase *t = tcase_create("tally");

	tcase_add_test(t, packets_and_bytes_are_counted_per_side);
	tcase_add_test(t, what_is_not_kept_counts_as_length_but_not_as_captured);
	tcase_add_test(t, counts_go_beyond_32_bits);
	tcase_add_test(t, times_are_those_of_the_first_and_the_last_as_they_came);
	tcase_add_test(t, a_first_packet_at_time_zero_is_the_first);
	tcase_add_test(t, flags_gather_per_side_and_only_from_tcp);
	tcase_add_loop_test(t, the_client_is_found_as_the_design_says, 0, ROLES);
	tcase_add_test(t, who_talks_to_itself_is_its_own_client_on_the_low_side);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tally_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
