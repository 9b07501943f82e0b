/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the addresses that are ours: lists against a plain search through them, and the host's
 * own addresses where there are namespaces to give it some.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/local.h"
#include "capture/netns.h"
#include "support/quick.h"
#include "support/random.h"

static struct local *make(const char *text)
{
	struct local *l = NULL;

	ck_assert_msg(local_new(text, &l) == 0, "'%s'", text);
	return l;
}

static bool has(const struct local *l, const char *text)
{
	uint8_t addr[16] = {0};
	bool four = inet_pton(AF_INET, text, addr) == 1;

	ck_assert(four || inet_pton(AF_INET6, text, addr) == 1);
	return local_has(l, four ? 4 : 6, addr);
}

START_TEST(none_means_that_every_address_passes)
{
	struct local *l = make("none");

	ck_assert(local_any(l));
	ck_assert(!local_follows(l));
	ck_assert(has(l, "192.0.2.1"));
	ck_assert(has(l, "2001:db8::1"));
	ck_assert_int_eq(local_refresh(l), 0);
	local_free(l);
	local_free(NULL);
}
END_TEST

START_TEST(a_list_holds_its_addresses_and_prefixes_and_no_others)
{
	struct local *l = make("192.0.2.0/25,198.51.100.7,2001:db8::/33,2001:db8:ffff::1");

	ck_assert(!local_any(l));
	ck_assert(!local_follows(l));
	ck_assert(has(l, "192.0.2.0"));
	ck_assert(has(l, "192.0.2.127"));
	ck_assert(!has(l, "192.0.2.128"));
	ck_assert(!has(l, "192.0.1.255"));
	ck_assert(has(l, "198.51.100.7"));
	ck_assert(!has(l, "198.51.100.6"));
	ck_assert(has(l, "2001:db8::"));
	ck_assert(has(l, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(!has(l, "2001:db8:8000::"));
	ck_assert(has(l, "2001:db8:ffff::1"));
	ck_assert(!has(l, "2001:db8:ffff::2"));
	/* the same bytes in the other family are another address */
	ck_assert(!has(l, "c000:0200::"));
	ck_assert_int_eq(local_refresh(l), 0);
	ck_assert(has(l, "198.51.100.7"));
	local_free(l);
}
END_TEST

START_TEST(bits_beyond_the_prefix_do_not_matter)
{
	struct local *l = make("192.0.2.77/24,2001:db8::77/64");

	ck_assert(has(l, "192.0.2.1"));
	ck_assert(!has(l, "192.0.3.77"));
	ck_assert(has(l, "2001:db8::1"));
	ck_assert(!has(l, "2001:db8:0:1::77"));
	local_free(l);
}
END_TEST

START_TEST(the_shortest_and_the_longest_prefixes_are_right)
{
	struct local *all4 = make("0.0.0.0/0"), *all6 = make("::/0");
	struct local *one = make("192.0.2.1/32,2001:db8::1/128,2001:db8:1::/64,2001:db8:2::/65");

	ck_assert(has(all4, "255.255.255.255"));
	ck_assert(!has(all4, "2001:db8::1"));
	ck_assert(has(all6, "2001:db8::1"));
	ck_assert(!has(all6, "192.0.2.1"));
	ck_assert(has(one, "192.0.2.1"));
	ck_assert(!has(one, "192.0.2.0"));
	ck_assert(has(one, "2001:db8::1"));
	ck_assert(!has(one, "2001:db8::"));
	ck_assert(has(one, "2001:db8:1::ffff:ffff:ffff:ffff"));
	ck_assert(!has(one, "2001:db8:1:1::"));
	ck_assert(has(one, "2001:db8:2::7fff:ffff:ffff:ffff"));
	ck_assert(!has(one, "2001:db8:2::8000:0:0:0"));
	local_free(all4);
	local_free(all6);
	local_free(one);
}
END_TEST

START_TEST(mapped_addresses_are_those_of_ipv4)
{
	struct local *l = make("::ffff:192.0.2.1,::ffff:198.51.100.0/120");

	ck_assert(has(l, "192.0.2.1"));
	ck_assert(!has(l, "192.0.2.2"));
	ck_assert(has(l, "198.51.100.255"));
	ck_assert(!has(l, "198.51.101.0"));
	local_free(l);
	/* a prefix that spans more than these is one of IPv6 */
	l = make("::ffff:0:0/95");
	ck_assert(!has(l, "192.0.2.1"));
	ck_assert(has(l, "::fffe:c000:201"));
	local_free(l);
}
END_TEST

START_TEST(prefixes_of_equal_bits_and_different_length_are_told_apart)
{
	for (int i = 0; i < 256; i++) { /* so many that some meet in the table */
		char text[64];
		struct local *l;

		(void)snprintf(text, sizeof(text), "10.%d.0.0/24,172.16.0.0/16", i);
		l = make(text);
		(void)snprintf(text, sizeof(text), "10.%d.1.1", i);
		ck_assert(!has(l, text));
		(void)snprintf(text, sizeof(text), "10.%d.0.1", i);
		ck_assert(has(l, text));
		local_free(l);
	}
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
	static const char *const bad[] = {"", ",", "192.0.2.1,", ",192.0.2.1", "192.0.2.1,,::1",
	    " 192.0.2.1", "192.0.2.1 ", "192.0.2.1, ::1", "192.0.2", "192.0.2.256", "192.0.2.1/33",
	    "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/+8", "192.0.2.1/8/8", "192.0.2.1/0x8",
	    "192.0.2.0/255.255.255.0", "::1/129", "::1/99999999999999999999", ":::", "fe80::1%lo",
	    "[::1]", "host.example", "AUTO", "auto,192.0.2.1", "192.0.2.1,auto", "none,none",
	    "none ", "/8", "2001:db8:0000:0000:0000:0000:0000:00000000000000000000000000001/64"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct local *l = NULL;

		ck_assert_msg(local_new(bad[i], &l) == -EINVAL, "'%s'", bad[i]);
		ck_assert_ptr_null(l);
	}
}
END_TEST

START_TEST(the_longest_way_to_write_an_item_fits)
{
	struct local *l = make("2001:0db8:0000:0000:0000:ffff:192.168.255.255/128");

	ck_assert(has(l, "2001:db8::ffff:c0a8:ffff"));
	local_free(l);
}
END_TEST

/* The plain way: does a prefix hold an address, bit by bit? */
struct model {
	uint8_t addr[16], family;
	unsigned bits;
};

static bool holds(const struct model *m, uint8_t family, const uint8_t *addr)
{
	if (m->family != family)
		return false;
	for (unsigned b = 0; b < m->bits; b++)
		if ((m->addr[b / 8] ^ addr[b / 8]) & 0x80 >> b % 8)
			return false;
	return true;
}

/* Bytes of two values only, so that prefixes and addresses meet often */
static void few_bits(struct random *r, uint8_t family, uint8_t *addr)
{
	memset(addr, 0, 16);
	for (unsigned i = 0; i < (family == 4 ? 4 : 16); i++)
		addr[i] = random_below(r, 4) == 0 ? 0x81 : 0x20;
}

START_TEST(long_random_lists_agree_with_a_search_through_them)
{
	enum { COUNT = 300 };
	struct random r = {.state = (uint64_t)_i + 1};
	static struct model models[COUNT];
	static char text[COUNT * 64];
	struct local *l;
	unsigned hits = 0;
	size_t at = 0;

	for (int i = 0; i < COUNT; i++) {
		struct model *m = &models[i];
		char word[INET6_ADDRSTRLEN];

		m->family = random_below(&r, 2) ? 4 : 6;
		m->bits = (unsigned)random_below(&r, m->family == 4 ? 33 : 129);
		if (m->bits < 4) /* else nothing would be outside */
			m->bits = m->family == 4 ? 32 : 128;
		few_bits(&r, m->family, m->addr);
		(void)inet_ntop(m->family == 4 ? AF_INET : AF_INET6, m->addr, word, sizeof(word));
		at += (size_t)snprintf(
		    text + at, sizeof(text) - at, "%s%s/%u", i ? "," : "", word, m->bits);
	}
	l = make(text);
	for (int i = 0; i < 10000; i++) {
		uint8_t family = random_below(&r, 2) ? 4 : 6, addr[16];
		bool wanted = false;

		few_bits(&r, family, addr);
		if (random_below(&r, 2) == 0)
			addr[0] ^= (uint8_t)(1 << random_below(&r, 8));
		for (int j = 0; j < COUNT && !wanted; j++)
			wanted = holds(&models[j], family, addr);
		hits += wanted;
		quick_assert(local_has(l, family, addr) == wanted);
	}
	ck_assert_uint_gt(hits, 1000);
	ck_assert_uint_lt(hits, 9000);
	local_free(l);
}
END_TEST

START_TEST(auto_is_every_address_of_this_host_and_follows_them)
{
	struct local *l;

	netns_ip("link set lo up");
	netns_veth("va", "vb");
	netns_ip("addr add 192.0.2.1/24 dev va");
	netns_ip("addr add 2001:db8::1/64 dev vb nodad");
	l = make("auto");
	ck_assert(local_follows(l));
	ck_assert(!local_any(l));
	ck_assert(has(l, "192.0.2.1"));
	ck_assert(!has(l, "192.0.2.2"));
	ck_assert(has(l, "2001:db8::1"));
	ck_assert(!has(l, "2001:db8::2"));
	ck_assert(has(l, "::1"));
	ck_assert(has(l, "127.0.0.1"));
	ck_assert(has(l, "127.0.0.53")); /* answers there without being asked to */
	netns_ip("addr del 192.0.2.1/24 dev va");
	netns_ip("addr add 198.51.100.7/24 dev va");
	ck_assert(has(l, "192.0.2.1"));
	ck_assert_int_eq(local_refresh(l), 0);
	ck_assert(!has(l, "192.0.2.1"));
	ck_assert(has(l, "198.51.100.7"));
	ck_assert(has(l, "2001:db8::1"));
	local_free(l);
}
END_TEST

START_TEST(a_host_without_addresses_has_none)
{
	struct local *l = make("auto");

	ck_assert(!local_any(l));
	ck_assert(!has(l, "127.0.0.1"));
	ck_assert(!has(l, "0.0.0.0"));
	ck_assert(!has(l, "::"));
	local_free(l);
}
END_TEST

static Suite *local_suite(void)
{
	Suite *s = suite_create("local");
	TCase *t = tcase_create("local");

	tcase_add_test(t, none_means_that_every_address_passes);
	tcase_add_test(t, a_list_holds_its_addresses_and_prefixes_and_no_others);
	tcase_add_test(t, bits_beyond_the_prefix_do_not_matter);
	tcase_add_test(t, the_shortest_and_the_longest_prefixes_are_right);
	tcase_add_test(t, mapped_addresses_are_those_of_ipv4);
	tcase_add_test(t, prefixes_of_equal_bits_and_different_length_are_told_apart);
	tcase_add_test(t, what_is_no_list_is_refused);
	tcase_add_test(t, the_longest_way_to_write_an_item_fits);
	tcase_add_loop_test(t, long_random_lists_agree_with_a_search_through_them, 0, 10);
	suite_add_tcase(s, t);
	if (netns_possible()) {
		t = tcase_create("auto");
		tcase_set_timeout(t, 60);
		tcase_add_checked_fixture(t, netns_setup, NULL);
		tcase_add_test(t, auto_is_every_address_of_this_host_and_follows_them);
		tcase_add_test(t, a_host_without_addresses_has_none);
		suite_add_tcase(s, t);
	}
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(local_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
