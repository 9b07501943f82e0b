/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the addresses that are ours: none, a list, and the host's own where there are namespaces
 * to give it some. What a list may say is tested in tests/packet/test_prefixset.c.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "capture/local.h"
#include "capture/netns.h"

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

START_TEST(a_list_names_what_is_ours)
{
	struct local *l = make("192.0.2.0/25,198.51.100.7,2001:db8::/33,::ffff:203.0.113.1");

	ck_assert(!local_any(l));
	ck_assert(!local_follows(l));
	ck_assert(has(l, "192.0.2.127"));
	ck_assert(!has(l, "192.0.2.128"));
	ck_assert(has(l, "2001:db8::"));
	ck_assert(!has(l, "2001:db8:8000::"));
	ck_assert(has(l, "203.0.113.1"));
	ck_assert(!has(l, "127.0.0.1"));
	ck_assert_int_eq(local_refresh(l), 0); /* changes nothing: a list is not followed */
	ck_assert(has(l, "198.51.100.7"));
	ck_assert(!has(l, "127.0.0.1"));
	local_free(l);
}
END_TEST

START_TEST(what_is_none_of_these_is_refused)
{
	static const char *const bad[] = {"", ",", "192.0.2.1,", "192.0.2.1/33", "host.example",
	    "AUTO", "auto ", "auto,192.0.2.1", "192.0.2.1,auto", "none,none", "none ", "None"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct local *l = NULL;

		ck_assert_msg(local_new(bad[i], &l) == -EINVAL, "'%s'", bad[i]);
		ck_assert_ptr_null(l);
	}
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

START_TEST(where_they_cannot_be_read_again_those_known_before_stay)
{
	struct rlimit many, none;
	struct local *l;
	int rv;

	netns_ip("link set lo up");
	l = make("auto");
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &many), 0);
	none = (struct rlimit){0, many.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	rv = local_refresh(l);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &many), 0);
	ck_assert_int_eq(rv, -EMFILE);
	ck_assert(has(l, "127.0.0.1"));
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
	tcase_add_test(t, a_list_names_what_is_ours);
	tcase_add_test(t, what_is_none_of_these_is_refused);
	suite_add_tcase(s, t);
	if (netns_possible()) {
		t = tcase_create("auto");
		tcase_set_timeout(t, 60);
		tcase_add_checked_fixture(t, netns_setup, NULL);
		tcase_add_test(t, auto_is_every_address_of_this_host_and_follows_them);
		tcase_add_test(t, where_they_cannot_be_read_again_those_known_before_stay);
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
