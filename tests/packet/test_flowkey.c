/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the name of a conversation: one for both directions, the byte-wise lower end first, and
 * different wherever anything that belongs to it differs.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/flowkey.h"
#include "support/quick.h"
#include "support/random.h"

/* A packet between two ends as text, protocol TCP. */
static struct decoded packet(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	int family = strchr(src, ':') != NULL ? AF_INET6 : AF_INET;
	struct decoded d;

	memset(&d, 0xee, sizeof(d)); /* nothing but what is set below may matter */
	memset(d.src, 0, sizeof(d.src));
	memset(d.dst, 0, sizeof(d.dst));
	ck_assert_int_eq(inet_pton(family, src, d.src), 1);
	ck_assert_int_eq(inet_pton(family, dst, d.dst), 1);
	d.sport = sport;
	d.dport = dport;
	d.family = family == AF_INET ? 4 : 6;
	d.proto = DECODE_TCP;
	d.vlan[0] = d.vlan[1] = 0;
	return d;
}

static const struct {
	const char *low;
	uint16_t low_port;
	const char *high;
	uint16_t high_port;
} talks[] = {
    {"192.0.2.1", 50000, "192.0.2.2", 443},
    {"192.0.2.1", 443, "192.0.2.2", 50000},
    {"9.255.255.255", 1, "10.0.0.0", 1},    /* bytes, not digits */
    {"10.0.0.1", 65535, "192.168.0.1", 0},  /* the address decides, not the port */
    {"127.255.255.255", 5, "128.0.0.0", 4}, /* bytes have no sign */
    {"0.0.0.0", 68, "255.255.255.255", 67},
    {"127.0.0.1", 80, "127.0.0.1", 40000}, /* equal addresses: by port */
    {"127.0.0.1", 255, "127.0.0.1", 256},  /* as numbers, not as bytes */
    {"127.0.0.1", 0, "127.0.0.1", 65535},
    {"2001:db8::1", 443, "2001:db8::2", 443},
    {"2001:db8::ff", 9, "2001:db8::1:0", 8},
    {"::1", 1, "::1", 2},
    {"::", 0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0},
    {"2001:db8::7f00:0", 2, "2001:db8::8000:0", 1},
};
#define TALKS ((int)(sizeof(talks) / sizeof(talks[0])))

START_TEST(both_directions_have_one_key_and_the_lower_end_is_first)
{
	struct decoded there =
	    packet(talks[_i].low, talks[_i].low_port, talks[_i].high, talks[_i].high_port);
	struct decoded back =
	    packet(talks[_i].high, talks[_i].high_port, talks[_i].low, talks[_i].low_port);
	struct hash_key seed = {1, 2};
	struct flowkey a, b;
	char text[46];

	memset(&a, 0x11, sizeof(a));
	memset(&b, 0x22, sizeof(b));
	ck_assert_int_eq(flowkey_make(&there, 1, VLAN_KEY_NO, &a), SIDE_LOW);
	ck_assert_int_eq(flowkey_make(&back, 1, VLAN_KEY_NO, &b), SIDE_HIGH);
	ck_assert(flowkey_equal(&a, &b));
	ck_assert_uint_eq(flowkey_hash(&seed, &a), flowkey_hash(&seed, &b));
	ck_assert_str_eq(flowkey_addr_text(&a, SIDE_LOW, text), talks[_i].low);
	ck_assert_str_eq(flowkey_addr_text(&a, SIDE_HIGH, text), talks[_i].high);
	ck_assert_uint_eq(a.port[SIDE_LOW], talks[_i].low_port);
	ck_assert_uint_eq(a.port[SIDE_HIGH], talks[_i].high_port);
	ck_assert_uint_eq(flowkey_addr_bytes(&a), strchr(talks[_i].low, ':') != NULL ? 16 : 4);
}
END_TEST

START_TEST(two_equal_ends_are_the_low_side)
{
	struct decoded d = packet("192.0.2.1", 179, "192.0.2.1", 179);
	struct flowkey k;

	ck_assert_int_eq(flowkey_make(&d, 1, VLAN_KEY_NO, &k), SIDE_LOW);
	ck_assert_uint_eq(k.port[0], 179);
	ck_assert_uint_eq(k.port[1], 179);
}
END_TEST

START_TEST(whatever_belongs_to_a_flow_makes_another_key)
{
	struct decoded d = packet("192.0.2.1", 1000, "192.0.2.2", 80), other;
	struct flowkey k, keys[6];

	(void)flowkey_make(&d, 1, VLAN_KEY_NO, &k);
	other = d;
	other.proto = DECODE_UDP;
	(void)flowkey_make(&other, 1, VLAN_KEY_NO, &keys[0]);
	(void)flowkey_make(&d, 113, VLAN_KEY_NO, &keys[1]);
	other = packet("192.0.2.1", 1001, "192.0.2.2", 80);
	(void)flowkey_make(&other, 1, VLAN_KEY_NO, &keys[2]);
	other = packet("192.0.2.1", 1000, "192.0.2.2", 81);
	(void)flowkey_make(&other, 1, VLAN_KEY_NO, &keys[3]);
	other = packet("192.0.2.1", 80, "192.0.2.2", 1000); /* ports are bound to their ends */
	(void)flowkey_make(&other, 1, VLAN_KEY_NO, &keys[4]);
	other = d;
	other.family = 6; /* c000:201:: and so on: the same bytes */
	(void)flowkey_make(&other, 1, VLAN_KEY_NO, &keys[5]);
	for (int i = 0; i < 6; i++) {
		ck_assert_msg(!flowkey_equal(&k, &keys[i]), "key %d", i);
		for (int j = 0; j < i; j++)
			ck_assert(!flowkey_equal(&keys[j], &keys[i]));
	}
}
END_TEST

START_TEST(vlans_tell_flows_apart_only_when_asked_to)
{
	struct decoded d = packet("192.0.2.1", 1000, "192.0.2.2", 80), tagged = d, swapped = d,
		       back;
	struct flowkey a, b, c;

	tagged.vlan[0] = 100;
	tagged.vlan[1] = 4094;
	swapped.vlan[0] = 4094;
	swapped.vlan[1] = 100;
	(void)flowkey_make(&d, 1, VLAN_KEY_NO, &a);
	(void)flowkey_make(&tagged, 1, VLAN_KEY_NO, &b);
	ck_assert(flowkey_equal(&a, &b));
	(void)flowkey_make(&d, 1, VLAN_KEY_YES, &a);
	(void)flowkey_make(&tagged, 1, VLAN_KEY_YES, &b);
	(void)flowkey_make(&swapped, 1, VLAN_KEY_YES, &c);
	ck_assert(!flowkey_equal(&a, &b));
	ck_assert(!flowkey_equal(&b, &c));
	ck_assert_uint_eq(b.vlan[0], 100);
	ck_assert_uint_eq(b.vlan[1], 4094);
	back = packet("192.0.2.2", 80, "192.0.2.1", 1000);
	memcpy(back.vlan, tagged.vlan, sizeof(back.vlan));
	(void)flowkey_make(&back, 1, VLAN_KEY_YES, &c);
	ck_assert(flowkey_equal(&b, &c));
}
END_TEST

START_TEST(random_packets_order_their_ends_as_memcmp_does)
{
	struct hash_key seed = {77, 88};
	struct random r = {4};

	for (int i = 0; i < 20000; i++) {
		struct decoded d = {.family = i % 2 ? 4 : 6, .proto = DECODE_UDP}, back;
		size_t n = d.family == 4 ? 4 : 16;
		struct flowkey a, b;
		enum side from;
		int order;

		random_fill(&r, d.src, n);
		random_fill(&r, d.dst, n);
		if (i % 5 == 0)
			memcpy(d.dst, d.src, n - 1);
		d.sport = (uint16_t)random_next(&r);
		d.dport = (uint16_t)random_next(&r);
		back = d;
		memcpy(back.src, d.dst, 16);
		memcpy(back.dst, d.src, 16);
		back.sport = d.dport;
		back.dport = d.sport;
		from = flowkey_make(&d, 1, VLAN_KEY_YES, &a);
		(void)flowkey_make(&back, 1, VLAN_KEY_YES, &b);
		quick_assert(flowkey_equal(&a, &b));
		quick_assert(flowkey_hash(&seed, &a) == flowkey_hash(&seed, &b));
		quick_assert(memcmp(a.addr[from], d.src, 16) == 0 && a.port[from] == d.sport);
		order = memcmp(a.addr[SIDE_LOW], a.addr[SIDE_HIGH], 16);
		quick_assert(order < 0 || (order == 0 && a.port[SIDE_LOW] <= a.port[SIDE_HIGH]));
	}
}
END_TEST

START_TEST(the_seed_changes_the_hash)
{
	struct decoded d = packet("192.0.2.1", 1000, "192.0.2.2", 80);
	struct hash_key one = {1, 2}, two = {1, 3};
	struct flowkey k;

	(void)flowkey_make(&d, 1, VLAN_KEY_NO, &k);
	ck_assert_uint_ne(flowkey_hash(&one, &k), flowkey_hash(&two, &k));
}
END_TEST

START_TEST(protocols_have_names_or_numbers)
{
	char buf[8];

	ck_assert_str_eq(flowkey_proto_name(6, buf), "tcp");
	ck_assert_str_eq(flowkey_proto_name(17, buf), "udp");
	ck_assert_str_eq(flowkey_proto_name(1, buf), "icmp");
	ck_assert_str_eq(flowkey_proto_name(58, buf), "icmp6");
	ck_assert_str_eq(flowkey_proto_name(132, buf), "sctp");
	ck_assert_str_eq(flowkey_proto_name(0, buf), "0");
	ck_assert_str_eq(flowkey_proto_name(255, buf), "255");
	ck_assert_str_eq(flowkey_proto_name(47, buf), "47");
}
END_TEST

static Suite *flowkey_suite(void)
{
	Suite *s = suite_create("flowkey");
	TCase *t = tcase_create("flowkey");

	tcase_add_loop_test(t, both_directions_have_one_key_and_the_lower_end_is_first, 0, TALKS);
	tcase_add_test(t, two_equal_ends_are_the_low_side);
	tcase_add_test(t, whatever_belongs_to_a_flow_makes_another_key);
	tcase_add_test(t, vlans_tell_flows_apart_only_when_asked_to);
	tcase_add_test(t, random_packets_order_their_ends_as_memcmp_does);
	tcase_add_test(t, the_seed_changes_the_hash);
	tcase_add_test(t, protocols_have_names_or_numbers);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(flowkey_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
