/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the calendar, against a calendar that counts day by day, and of the two clocks.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clk.h"
#include "support/quick.h"
#include "support/random.h"

static bool leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && leap(year));
}

static void check_day(int32_t day, int y, int m, int d)
{
	int gy, gm, gd;

	clk_day_date(day, &gy, &gm, &gd);
	if (gy != y || gm != m || gd != d)
		ck_abort_msg("day %d is %d-%d-%d, not %d-%d-%d", day, y, m, d, gy, gm, gd);
	if (clk_date_day(y, m, d) != day)
		ck_abort_msg("%d-%d-%d is day %d, not %d", y, m, d, day, clk_date_day(y, m, d));
}

START_TEST(every_day_of_400_years_after_1970_is_counted_right)
{
	int32_t day = 0;

	for (int y = 1970; y < 2370; y++)
		for (int m = 1; m <= 12; m++)
			for (int d = 1; d <= days_in(y, m); d++)
				check_day(day++, y, m, d);
}
END_TEST

START_TEST(every_day_back_to_year_minus_1_is_counted_right)
{
	int32_t day = 0;

	for (int y = 1969; y >= -1; y--)
		for (int m = 12; m >= 1; m--)
			for (int d = days_in(y, m); d >= 1; d--)
				check_day(--day, y, m, d);
}
END_TEST

START_TEST(dates_that_do_not_exist_have_no_day)
{
	static const int bad[][3] = {{1900, 2, 29}, {2100, 2, 29}, {2026, 2, 29}, {2024, 2, 30},
	    {2024, 4, 31}, {2024, 6, 31}, {2024, 9, 31}, {2024, 11, 31}, {2024, 0, 1},
	    {2024, 13, 1}, {2024, 1, 0}, {2024, 1, 32}, {2024, -1, 1}, {2024, 1, -1}, {10000, 1, 1},
	    {-10000, 1, 1}, {INT32_MAX, 1, 1}, {INT32_MIN, 1, 1}, {2024, INT32_MAX, 1},
	    {2024, INT32_MIN, 1}, {2024, 1, INT32_MAX}, {2024, 1, INT32_MIN}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(clk_date_day(bad[i][0], bad[i][1], bad[i][2]) == INT32_MIN,
		    "%d-%d-%d", bad[i][0], bad[i][1], bad[i][2]);
	ck_assert_int_eq(clk_date_day(2000, 2, 29), 11016);
	ck_assert_int_eq(clk_date_day(9999, 12, 31), 2932896);
	ck_assert_int_ne(clk_date_day(-9999, 1, 1), INT32_MIN);
}
END_TEST

START_TEST(a_day_ends_one_nanosecond_before_midnight)
{
	ck_assert_int_eq(clk_day(0), 0);
	ck_assert_int_eq(clk_day(CLK_DAY_NS - 1), 0);
	ck_assert_int_eq(clk_day(CLK_DAY_NS), 1);
	ck_assert_int_eq(clk_day(-1), -1);
	ck_assert_int_eq(clk_day(-CLK_DAY_NS), -1);
	ck_assert_int_eq(clk_day(-CLK_DAY_NS - 1), -2);
	ck_assert_int_eq(clk_day(INT64_MAX), 106751);
	ck_assert_int_eq(clk_day(INT64_MIN), -106752);
}
END_TEST

START_TEST(times_are_written_in_utc_with_nine_decimals)
{
	static const struct {
		int64_t ns;
		const char *text;
	} times[] = {{0, "1970-01-01T00:00:00.000000000Z"}, {1, "1970-01-01T00:00:00.000000001Z"},
	    {-1, "1969-12-31T23:59:59.999999999Z"}, {CLK_DAY_NS, "1970-01-02T00:00:00.000000000Z"},
	    {INT64_C(1767323045123456789), "2026-01-02T03:04:05.123456789Z"},
	    {INT64_C(951782399999999999), "2000-02-28T23:59:59.999999999Z"},
	    {INT64_C(951782400000000000), "2000-02-29T00:00:00.000000000Z"},
	    {INT64_C(4294967295999999999), "2106-02-07T06:28:15.999999999Z"},
	    {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
	    {INT64_MIN, "1677-09-21T00:12:43.145224192Z"}};
	char buf[CLK_RFC3339_SIZE];

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		ck_assert_ptr_eq(clk_rfc3339(times[i].ns, buf), buf);
		ck_assert_str_eq(buf, times[i].text);
	}
}
END_TEST

START_TEST(times_agree_with_gmtime)
{
	struct random r = {7};

	for (int i = 0; i < 20000; i++) {
		int64_t ns = (int64_t)random_next(&r);
		int64_t s = ns / CLK_SECOND_NS - (ns % CLK_SECOND_NS < 0);
		time_t t = (time_t)s;
		char want[64], got[CLK_RFC3339_SIZE];
		struct tm tm;
		size_t n;

		quick_assert(gmtime_r(&t, &tm) != NULL);
		n = strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
		(void)snprintf(want + n, sizeof(want) - n, ".%09dZ", (int)(ns - s * CLK_SECOND_NS));
		if (strcmp(clk_rfc3339(ns, got), want) != 0)
			ck_abort_msg("%s, not %s", want, got);
	}
}
END_TEST

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	ck_assert_int_eq(clock_gettime(id, &ts), 0);
	return (int64_t)ts.tv_sec * CLK_SECOND_NS + ts.tv_nsec;
}

START_TEST(the_clock_that_measures_is_the_monotonic_one)
{
	for (int i = 0; i < 1000; i++) {
		int64_t before = clock_ns(CLOCK_MONOTONIC);
		mono_t now = clk_mono();
		int64_t after = clock_ns(CLOCK_MONOTONIC);

		ck_assert_int_le(before, now.ns);
		ck_assert_int_le(now.ns, after);
	}
}
END_TEST

START_TEST(the_clock_that_tells_the_date_is_within_a_day_of_the_system_s)
{
	int64_t difference = clk_wall().ns - clock_ns(CLOCK_REALTIME);

	ck_assert_int_lt(difference, CLK_DAY_NS);
	ck_assert_int_gt(difference, -CLK_DAY_NS);
}
END_TEST

static Suite *clk_suite(void)
{
	Suite *s = suite_create("clk");
	TCase *t = tcase_create("clk");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_day_of_400_years_after_1970_is_counted_right);
	tcase_add_test(t, every_day_back_to_year_minus_1_is_counted_right);
	tcase_add_test(t, dates_that_do_not_exist_have_no_day);
	tcase_add_test(t, a_day_ends_one_nanosecond_before_midnight);
	tcase_add_test(t, times_are_written_in_utc_with_nine_decimals);
	tcase_add_test(t, times_agree_with_gmtime);
	tcase_add_test(t, the_clock_that_measures_is_the_monotonic_one);
	tcase_add_test(t, the_clock_that_tells_the_date_is_within_a_day_of_the_system_s);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(clk_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
