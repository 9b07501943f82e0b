/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the lines that the event server tells: byte for byte what their readers expect. */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "events/line.h"

/* 2024-03-04 05:06:07 UTC, date -u -d '2024-03-04 05:06:07' +%s */
#define SECOND   INT64_C(1709528767)
#define NS(rest) (SECOND * 1000000000 + (rest))

static struct connection connection(const char *local, const char *remote)
{
	struct connection c = {
	    .cookie = 34047, .interface = 2, .local_port = 443, .remote_port = 51000};

	c.ipv6 = strchr(local, ':') != NULL;
	ck_assert_int_eq(inet_pton(c.ipv6 ? AF_INET6 : AF_INET, local, c.local), 1);
	ck_assert_int_eq(inet_pton(c.ipv6 ? AF_INET6 : AF_INET, remote, c.remote), 1);
	return c;
}

static void check_open(const struct connection *c, int64_t ns, const char *want)
{
	char line[LINE_SIZE];
	size_t n = line_open(line, "host_1700000000", c, ns);

	ck_assert_str_eq(line, want);
	ck_assert_uint_eq(n, strlen(want));
}

START_TEST(an_open_has_the_keys_of_the_producer_in_its_order)
{
	struct connection c = connection("10.1.2.3", "192.0.2.9");

	check_open(&c, NS(120000000),
	    "{\"Event\":0,\"Timestamp\":\"2024-03-04T05:06:07.12Z\",\"UUID\":\"host_1700000000_"
	    "00000000000084FF\",\"ID\":{\"SPort\":443,\"DPort\":51000,\"SrcIP\":\"10.1.2.3\","
	    "\"DstIP\":\"192.0.2.9\",\"Interface\":2,\"Cookie\":34047}}\n");
}
END_TEST

START_TEST(a_mapped_address_is_an_ipv4_address_and_nothing_else_is)
{
	struct connection c = connection("::ffff:10.1.2.3", "2001:db8::1");

	check_open(&c, NS(0),
	    "{\"Event\":0,\"Timestamp\":\"2024-03-04T05:06:07Z\",\"UUID\":\"host_1700000000_"
	    "00000000000084FF\",\"ID\":{\"SPort\":443,\"DPort\":51000,\"SrcIP\":\"10.1.2.3\","
	    "\"DstIP\":\"2001:db8::1\",\"Interface\":2,\"Cookie\":34047}}\n");
	c = connection(
	    "2001:db8::", "::1"); /* bytes 4 to 15 are zero: tcp-info takes it for IPv4 */
	check_open(&c, NS(0),
	    "{\"Event\":0,\"Timestamp\":\"2024-03-04T05:06:07Z\",\"UUID\":\"host_1700000000_"
	    "00000000000084FF\",\"ID\":{\"SPort\":443,\"DPort\":51000,\"SrcIP\":\"2001:db8::\","
	    "\"DstIP\":\"::1\",\"Interface\":2,\"Cookie\":34047}}\n");
}
END_TEST

START_TEST(a_close_has_no_id)
{
	char line[LINE_SIZE];
	size_t n = line_close(line, "h", 0xfedcba9876543210, NS(1));

	ck_assert_str_eq(line, "{\"Event\":1,\"Timestamp\":\"2024-03-04T05:06:07.000000001Z\","
			       "\"UUID\":\"h_FEDCBA9876543210\",\"ID\":null}\n");
	ck_assert_uint_eq(n, strlen(line));
}
END_TEST

START_TEST(a_cookie_above_2_to_the_63_is_negative)
{
	struct connection c = connection("10.1.2.3", "192.0.2.9");
	char line[LINE_SIZE];

	c.cookie = UINT64_MAX;
	(void)line_open(line, "h", &c, 0);
	ck_assert_ptr_nonnull(strstr(line, "\"UUID\":\"h_FFFFFFFFFFFFFFFF\""));
	ck_assert_ptr_nonnull(strstr(line, "\"Cookie\":-1}}\n"));
	c.cookie = UINT64_C(1) << 63;
	(void)line_open(line, "h", &c, 0);
	ck_assert_ptr_nonnull(strstr(line, "\"Cookie\":-9223372036854775808}}\n"));
}
END_TEST

START_TEST(the_longest_line_fits)
{
	struct connection c = connection(
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0", "fff0:fff0:fff0:fff0:fff0:fff0:fff0:fff0");
	char line[LINE_SIZE], prefix[LINE_PREFIX_MAX + 1];

	memset(prefix, 'x', LINE_PREFIX_MAX);
	prefix[LINE_PREFIX_MAX] = '\0';
	c.cookie = UINT64_C(1) << 63;
	c.interface = UINT32_MAX;
	c.local_port = c.remote_port = 65535;
	ck_assert_uint_lt(line_open(line, prefix, &c, NS(123456789)), LINE_SIZE);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
}
END_TEST

static Suite *line_suite(void)
{
	Suite *s = suite_create("line");
	TCase *t = tcase_create("line");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, an_open_has_the_keys_of_the_producer_in_its_order);
	tcase_add_test(t, a_mapped_address_is_an_ipv4_address_and_nothing_else_is);
	tcase_add_test(t, a_close_has_no_id);
	tcase_add_test(t, a_cookie_above_2_to_the_63_is_negative);
	tcase_add_test(t, the_longest_line_fits);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(line_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
