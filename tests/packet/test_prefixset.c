/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of a set of prefixes: by examples, and against a plain search through the list. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/prefixset.h"
#include "support/quick.h"
#include "support/random.h"

static struct prefixset *empty(void)
{
	struct prefixset *s = NULL;

	ck_assert_int_eq(prefixset_new(&s), 0);
	return s;
}

static struct prefixset *make(const char *text)
{
	struct prefixset *s = empty();

	ck_assert_msg(prefixset_add_list(s, text) == 0, "'%s'", text);
	return s;
}

static uint8_t address(const char *text, uint8_t *addr)
{
	bool four;

	memset(addr, 0, 16);
	four = inet_pton(AF_INET, text, addr) == 1;
	ck_assert(four || inet_pton(AF_INET6, text, addr) == 1);
	return four ? 4 : 6;
}

static bool has(const struct prefixset *s, const char *text)
{
	uint8_t addr[16], family = address(text, addr);

	return prefixset_has(s, family, addr);
}

static void add(struct prefixset *s, const char *text, unsigned bits)
{
	uint8_t addr[16], family = address(text, addr);

	ck_assert_int_eq(prefixset_add(s, family, addr, bits), 0);
}

START_TEST(an_empty_set_holds_nothing)
{
	struct prefixset *s = empty();

	ck_assert(!has(s, "0.0.0.0"));
	ck_assert(!has(s, "192.0.2.1"));
	ck_assert(!has(s, "::"));
	prefixset_free(s);
	prefixset_free(NULL);
}
END_TEST

START_TEST(what_is_added_later_is_there_as_well)
{
	struct prefixset *s = make("192.0.2.0/24");

	ck_assert(!has(s, "198.51.100.7"));
	ck_assert_int_eq(prefixset_add_list(s, "198.51.100.7,2001:db8::/32"), 0);
	add(s, "203.0.113.77", 25);
	for (int i = 0; i < 100; i++) /* again, and nothing comes of it */
		add(s, "203.0.113.1", 25);
	ck_assert(has(s, "192.0.2.200"));
	ck_assert(has(s, "198.51.100.7"));
	ck_assert(has(s, "2001:db8::1"));
	ck_assert(has(s, "203.0.113.127"));
	ck_assert(!has(s, "203.0.113.128"));
	prefixset_free(s);
}
END_TEST

START_TEST(a_list_holds_its_addresses_and_prefixes_and_no_others)
{
	struct prefixset *s = make("192.0.2.0/25,198.51.100.7,2001:db8::/33,2001:db8:ffff::1");

	ck_assert(has(s, "192.0.2.0"));
	ck_assert(has(s, "192.0.2.127"));
	ck_assert(!has(s, "192.0.2.128"));
	ck_assert(!has(s, "192.0.1.255"));
	ck_assert(has(s, "198.51.100.7"));
	ck_assert(!has(s, "198.51.100.6"));
	ck_assert(has(s, "2001:db8::"));
	ck_assert(has(s, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(!has(s, "2001:db8:8000::"));
	ck_assert(has(s, "2001:db8:ffff::1"));
	ck_assert(!has(s, "2001:db8:ffff::2"));
	/* the same bytes in the other family are another address */
	ck_assert(!has(s, "c000:0200::"));
	prefixset_free(s);
}
END_TEST

START_TEST(bits_beyond_the_prefix_do_not_matter)
{
	struct prefixset *s = make("192.0.2.77/24,2001:db8::77/64");

	ck_assert(has(s, "192.0.2.1"));
	ck_assert(!has(s, "192.0.3.77"));
	ck_assert(has(s, "2001:db8::1"));
	ck_assert(!has(s, "2001:db8:0:1::77"));
	prefixset_free(s);
}
END_TEST

START_TEST(the_shortest_and_the_longest_prefixes_are_right)
{
	struct prefixset *all4 = make("0.0.0.0/0"), *all6 = make("::/0");
	struct prefixset *one =
	    make("192.0.2.1/32,2001:db8::1/128,2001:db8:1::/64,2001:db8:2::/65");

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
	prefixset_free(all4);
	prefixset_free(all6);
	prefixset_free(one);
}
END_TEST

START_TEST(mapped_addresses_are_those_of_ipv4)
{
	struct prefixset *s = make("::ffff:192.0.2.1,::ffff:198.51.100.0/120");

	ck_assert(has(s, "192.0.2.1"));
	ck_assert(!has(s, "192.0.2.2"));
	ck_assert(has(s, "198.51.100.255"));
	ck_assert(!has(s, "198.51.101.0"));
	prefixset_free(s);
	/* a prefix that spans more than these is one of IPv6 */
	s = make("::ffff:0:0/95");
	ck_assert(!has(s, "192.0.2.1"));
	ck_assert(has(s, "::fffe:c000:201"));
	prefixset_free(s);
}
END_TEST

START_TEST(mapped_addresses_are_folded_when_they_are_added_alone)
{
	struct prefixset *s = make("192.0.2.1,2001:db8::/32"), *all = make("::/0");

	add(s, "::ffff:198.51.100.0", 120);
	add(s, "::fffe:0:0", 96);
	ck_assert(has(s, "198.51.100.9"));
	ck_assert(!has(s, "203.0.113.1"));
	ck_assert(!has(s, "::ffff:192.0.2.1")); /* whoever asks has folded it */
	ck_assert(has(all, "::ffff:192.0.2.1"));
	ck_assert(!has(all, "203.0.113.1"));
	add(all, "::ffff:0:0", 96); /* all of IPv4 */
	ck_assert(has(all, "203.0.113.1"));
	prefixset_free(s);
	prefixset_free(all);
}
END_TEST

START_TEST(prefixes_of_equal_bits_and_different_length_are_told_apart)
{
	for (int i = 0; i < 256; i++) { /* so many that some meet in the table */
		char text[64];
		struct prefixset *s;

		(void)snprintf(text, sizeof(text), "10.%d.0.0/24,172.16.0.0/16", i);
		s = make(text);
		(void)snprintf(text, sizeof(text), "10.%d.1.1", i);
		ck_assert(!has(s, text));
		(void)snprintf(text, sizeof(text), "10.%d.0.1", i);
		ck_assert(has(s, text));
		prefixset_free(s);
	}
}
END_TEST

START_TEST(the_longest_way_to_write_an_item_fits)
{
	struct prefixset *s = make("2001:0db8:0000:0000:0000:ffff:192.168.255.255/128");

	ck_assert(has(s, "2001:db8::ffff:c0a8:ffff"));
	prefixset_free(s);
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
	static const char *const bad[] = {"", ",", "192.0.2.1,", ",192.0.2.1", "192.0.2.1,,::1",
	    " 192.0.2.1", "192.0.2.1 ", "192.0.2.1, ::1", "192.0.2", "192.0.2.256", "192.0.2.1/33",
	    "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/+8", "192.0.2.1/8/8", "192.0.2.1/0x8",
	    "192.0.2.0/255.255.255.0", "::1/129", "::1/99999999999999999999", ":::", "fe80::1%lo",
	    "[::1]", "host.example", "auto", "none", "/8",
	    "2001:db8:0000:0000:0000:0000:0000:00000000000000000000000000001/64"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct prefixset *s = empty();

		ck_assert_msg(prefixset_add_list(s, bad[i]) == -EINVAL, "'%s'", bad[i]);
		prefixset_free(s);
	}
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
	struct prefixset *s;
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
	s = make(text);
	for (int i = 0; i < 10000; i++) {
		uint8_t family = random_below(&r, 2) ? 4 : 6, addr[16];
		bool wanted = false;

		few_bits(&r, family, addr);
		if (random_below(&r, 2) == 0)
			addr[0] ^= (uint8_t)(1 << random_below(&r, 8));
		for (int j = 0; j < COUNT && !wanted; j++)
			wanted = holds(&models[j], family, addr);
		hits += wanted;
		quick_assert(prefixset_has(s, family, addr) == wanted);
	}
	ck_assert_uint_gt(hits, 1000);
	ck_assert_uint_lt(hits, 9000);
	prefixset_free(s);
}
END_TEST

static Suite *prefixset_suite(void)
{
	Suite *s = suite_create("prefixset");
	TCase *t = tcase_create("prefixset");

	tcase_add_test(t, an_empty_set_holds_nothing);
	tcase_add_test(t, what_is_added_later_is_there_as_well);
	tcase_add_test(t, a_list_holds_its_addresses_and_prefixes_and_no_others);
	tcase_add_test(t, bits_beyond_the_prefix_do_not_matter);
	tcase_add_test(t, the_shortest_and_the_longest_prefixes_are_right);
	tcase_add_test(t, mapped_addresses_are_those_of_ipv4);
	tcase_add_test(t, mapped_addresses_are_folded_when_they_are_added_alone);
	tcase_add_test(t, prefixes_of_equal_bits_and_different_length_are_told_apart);
	tcase_add_test(t, the_longest_way_to_write_an_item_fits);
	tcase_add_test(t, what_is_no_list_is_refused);
	tcase_add_loop_test(t, long_random_lists_agree_with_a_search_through_them, 0, 10);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(prefixset_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
