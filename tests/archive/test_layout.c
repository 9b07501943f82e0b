/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of names in an archive: what is one, what is not, however hostile, and that each has one
 * spelling only.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/layout.h"
#include "base/clk.h"
#include "support/quick.h"
#include "support/random.h"

static char long_name[300];

static const char *letters(size_t n)
{
	memset(long_name, 'a', n);
	long_name[n] = '\0';
	return long_name;
}

START_TEST(uuids_that_events_and_we_give_are_valid)
{
	static const char *const good[] = {"a", "0", "-", "_", "-.", "a.b",
	    "3f2a8c1d-0000-5000-8000-000000000001", "host_1577836800_00000000000012AB",
	    "ndt-x7k2p_1700000000_000000000000002A", "a..b", "_.pcap.gz", "a.pcap.gz",
	    "flows.sqlite", "ABCXYZabcxyz0189._-"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(layout_uuid_valid(good[i]), "'%s'", good[i]);
	ck_assert(layout_uuid_valid(letters(128)));
}
END_TEST

static const char *const hostile[] = {"", ".", "..", ".hidden", ".dirty", "../../etc/passwd", "a/b",
    "/", "/a", "a/", "a\\b", "a b", " a", "a ", "a\n", "\n", "a\tb", "a~1", "~", "a~", "a:b", "a*",
    "a?", "a;rm", "$(a)", "`a`", "a\x01", "a\x7f", "a\x80", "\xc3\xa9", "a\xff", "a'b", "a\"b",
    "a,b", "a+b", "a@b", "%2e%2e", "a%00", "a|b", "\x1b[2J"};
#define HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

START_TEST(hostile_uuids_are_refused)
{
	for (size_t i = 0; i < HOSTILE; i++) {
		ck_assert_msg(!layout_uuid_valid(hostile[i]), "'%s'", hostile[i]);
		ck_assert_msg(!layout_prefix_valid(hostile[i]), "'%s'", hostile[i]);
	}
	ck_assert(!layout_uuid_valid(letters(129)));
	ck_assert(!layout_uuid_valid(letters(299)));
}
END_TEST

START_TEST(only_the_characters_of_the_design_are_valid)
{
	for (int c = 1; c < 256; c++) {
		char text[3] = {'x', (char)c, '\0'};
		int good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';

		ck_assert_msg(layout_uuid_valid(text) == good, "character %d", c);
	}
}
END_TEST

START_TEST(a_file_name_is_read_back)
{
	static const uint32_t parts[] = {0, 1, 2, 10, 999999, 4294967295u};
	char name[LAYOUT_NAME_SIZE], uuid[LAYOUT_UUID_SIZE];

	for (size_t len = 1; len <= LAYOUT_UUID_MAX; len++) {
		for (size_t i = 0; i < 6; i++) {
			uint32_t part = 4711;

			ck_assert_ptr_eq(layout_file_name(letters(len), parts[i], name), name);
			ck_assert(layout_parse_file_name(name, uuid, &part));
			ck_assert_str_eq(uuid, letters(len));
			ck_assert_uint_eq(part, parts[i]);
		}
	}
	ck_assert_str_eq(layout_file_name("abc", 0, name), "abc.pcap.gz");
	ck_assert_str_eq(layout_file_name("abc", 1, name), "abc~1.pcap.gz");
	ck_assert_str_eq(layout_file_name("a.pcap.gz", 12, name), "a.pcap.gz~12.pcap.gz");
}
END_TEST

START_TEST(what_we_would_not_write_is_no_file_name)
{
	static const char *const bad[] = {"", "abc", ".pcap.gz", "abc.pcap", "abc.pcap.gz ",
	    " abc.pcap.gz", "abc.pcap.gz.tmp", "abc.PCAP.GZ", "abc~.pcap.gz", "abc~0.pcap.gz",
	    "abc~01.pcap.gz", "abc~1", "abc~1.pcap", "abc~1x.pcap.gz", "abc~x1.pcap.gz",
	    "abc~-1.pcap.gz", "abc~+1.pcap.gz", "abc~ 1.pcap.gz", "abc~4294967296.pcap.gz",
	    "abc~4294967297.pcap.gz", "abc~18446744073709551617.pcap.gz",
	    "abc~99999999999999999999999.pcap.gz", "abc~1~2.pcap.gz", "~1.pcap.gz", "~.pcap.gz",
	    "~", "../abc.pcap.gz", "a/b.pcap.gz", ".abc.pcap.gz", "a b.pcap.gz", "flows.sqlite",
	    "flows.sqlite-wal", ".", "..", "abc~0x1.pcap.gz", "abc~1.pcap.gz~1.pcap.gz",
	    "\xff.pcap.gz", "abc.pcap.gz\n", "abc~1\n.pcap.gz"};
	char uuid[LAYOUT_UUID_SIZE] = "untouched", name[400];
	uint32_t part = 4711;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!layout_parse_file_name(bad[i], uuid, &part), "'%s'", bad[i]);
	for (size_t i = 0; i < HOSTILE; i++) {
		(void)snprintf(name, sizeof(name), "%s.pcap.gz", hostile[i]);
		if (strcmp(hostile[i], "a~1") != 0) /* which is part 1 of a */
			ck_assert_msg(!layout_parse_file_name(name, uuid, &part), "'%s'", name);
	}
	(void)snprintf(name, sizeof(name), "%s.pcap.gz", letters(129));
	ck_assert(!layout_parse_file_name(name, uuid, &part));
	ck_assert(!layout_parse_file_name(letters(255), uuid, &part));
	ck_assert_str_eq(uuid, "untouched");
	ck_assert_uint_eq(part, 4711);
}
END_TEST

START_TEST(random_names_are_refused_or_read_as_what_makes_them)
{
	static const char alphabet[] = "a~0123.pcagz/-~~";
	struct random r = {31};
	int found = 0;

	for (int i = 0; i < 200000; i++) {
		char name[40], uuid[LAYOUT_UUID_SIZE], again[LAYOUT_NAME_SIZE];
		size_t n = random_below(&r, 12);
		uint32_t part;

		for (size_t c = 0; c < n; c++)
			name[c] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
		(void)snprintf(name + n, sizeof(name) - n, "%s", i % 2 ? ".pcap.gz" : "");
		if (!layout_parse_file_name(name, uuid, &part))
			continue;
		quick_assert(layout_uuid_valid(uuid));
		quick_assert(strcmp(layout_file_name(uuid, part, again), name) == 0);
		found++;
	}
	ck_assert_int_gt(found, 100);
}
END_TEST

START_TEST(a_day_has_one_path_that_is_read_back)
{
	char path[LAYOUT_DAY_SIZE];

	for (int32_t day = 0; day < 50000; day += 13) { /* to 2106 */
		int32_t again = -1;

		quick_assert(layout_day_path(day, path) == path);
		quick_assert(layout_parse_day_path(path, &again));
		quick_assert(again == day);
	}
	ck_assert_str_eq(layout_day_path(0, path), "1970/01/01");
	ck_assert_str_eq(layout_day_path(clk_date_day(2026, 1, 2), path), "2026/01/02");
	ck_assert_str_eq(layout_day_path(clk_date_day(9999, 12, 31), path), "9999/12/31");
	ck_assert_ptr_eq(layout_day_path(INT32_MAX, path), path); /* cut, but within the buffer */
	ck_assert_ptr_eq(layout_day_path(INT32_MIN, path), path);
}
END_TEST

START_TEST(what_is_no_day_has_no_path)
{
	static const char *const bad[] = {"", "2026", "2026/01", "2026/1/2", "2026/01/2",
	    "2026/01/02/", "/2026/01/02", "2026-01-02", "2026/02/29", "2026/13/01", "2026/00/01",
	    "2026/01/00", "2026/01/32", "2026/01/0a", "+026/01/02", "-026/01/02", " 026/01/02",
	    "2026/ 1/02", "////////// ", "//////////", "2026//1/02", "20260/1/02", "2026/01/02\n",
	    "2026/01/021", "0202/6/101", "../../../..", "2026/01/..", "12026/1/02", "2026/010/2"};
	int32_t day = 4711;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!layout_parse_day_path(bad[i], &day), "'%s'", bad[i]);
	ck_assert_int_eq(day, 4711);
}
END_TEST

static Suite *layout_suite(void)
{
	Suite *s = suite_create("layout");
	TCase *t = tcase_create("layout");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, uuids_that_events_and_we_give_are_valid);
	tcase_add_test(t, hostile_uuids_are_refused);
	tcase_add_test(t, only_the_characters_of_the_design_are_valid);
	tcase_add_test(t, a_file_name_is_read_back);
	tcase_add_test(t, what_we_would_not_write_is_no_file_name);
	tcase_add_test(t, random_names_are_refused_or_read_as_what_makes_them);
	tcase_add_test(t, a_day_has_one_path_that_is_read_back);
	tcase_add_test(t, what_is_no_day_has_no_path);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(layout_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
