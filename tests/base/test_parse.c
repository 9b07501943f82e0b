/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the parser of numbers, sizes and durations: what is legal, what is refused, and that no
 * text, however long or strange, wraps or is misread.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "support/quick.h"
#include "support/random.h"

#define UNTOUCHED 4711

START_TEST(decimal_digits_are_a_number)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"0", 0}, {"1", 1}, {"007", 7}, {"42", 42}, {"4294967296", 4294967296},
	    {"18446744073709551615", UINT64_MAX}, {"018446744073709551615", UINT64_MAX}};
	uint64_t v = UNTOUCHED;

	ck_assert_uint_eq(sizeof(good) / sizeof(good[0]), 7);
	ck_assert_int_eq(parse_number(good[_i].text, 0, UINT64_MAX, &v), 0);
	ck_assert_uint_eq(v, good[_i].value);
}
END_TEST

START_TEST(anything_but_digits_is_no_number)
{
	static const char *const bad[] = {"", " ", " 1", "1 ", "+1", "-1", "-0", "0x10", "1e3",
	    "1.", "1.0", ".5", "1,000", "1_000", "ten", "1\n", "\xc2\xb2", "1k", "1B", "0 1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t v = UNTOUCHED;

		ck_assert_msg(parse_number(bad[i], 0, UINT64_MAX, &v) == -EINVAL, "'%s'", bad[i]);
		ck_assert_uint_eq(v, UNTOUCHED);
	}
}
END_TEST

START_TEST(both_bounds_are_legal_and_what_lies_beyond_is_out_of_range)
{
	uint64_t v = UNTOUCHED;

	ck_assert_int_eq(parse_number("9", 10, 20, &v), -ERANGE);
	ck_assert_int_eq(parse_number("21", 10, 20, &v), -ERANGE);
	ck_assert_int_eq(parse_number("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	ck_assert_int_eq(
	    parse_number("99999999999999999999999999999999999999999999", 0, 5, &v), -ERANGE);
	ck_assert_uint_eq(v, UNTOUCHED);
	ck_assert_int_eq(parse_number("10", 10, 20, &v), 0);
	ck_assert_uint_eq(v, 10);
	ck_assert_int_eq(parse_number("20", 10, 20, &v), 0);
	ck_assert_uint_eq(v, 20);
}
END_TEST

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {{"0", 0}, {"17", 17}, {"17B", 17}, {"1K", 1000}, {"1KB", 1000}, {"1KiB", 1024},
    {"2M", 2000000}, {"2MB", 2000000}, {"2MiB", 2097152}, {"3G", UINT64_C(3000000000)},
    {"3GB", UINT64_C(3000000000)}, {"3GiB", UINT64_C(3221225472)}, {"4T", UINT64_C(4000000000000)},
    {"4TB", UINT64_C(4000000000000)}, {"4TiB", UINT64_C(4398046511104)},
    {"1.5GiB", UINT64_C(1610612736)}, {"0.5K", 500}, {"0.001K", 1}, {"2.25KiB", 2304},
    {"1.000001M", 1000001}, {"16777215TiB", UINT64_C(16777215) << 40},
    {"18446744073709551615", UINT64_MAX}};

START_TEST(a_size_is_a_number_and_its_unit)
{
	uint64_t v = UNTOUCHED;

	ck_assert_msg(parse_size(sizes[_i].text, 0, UINT64_MAX, &v) == 0, "'%s'", sizes[_i].text);
	ck_assert_msg(v == sizes[_i].bytes, "'%s' gave %ju", sizes[_i].text, (uintmax_t)v);
}
END_TEST

START_TEST(what_is_no_size_is_refused)
{
	static const char *const bad[] = {"", "B", "KiB", "-1K", "+1K", "1 KiB", "1KiB ", " 1KiB",
	    "1KiBB", "1Ki", "1X", "1KK", "1K1K", "1.K", ".5K", "1..5K", "1.5.5K", "1K5", "0x1K",
	    "1/2K", "1e3K", "NaN", "inf", "1s"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t v = UNTOUCHED;

		ck_assert_msg(parse_size(bad[i], 0, UINT64_MAX, &v) == -EINVAL, "'%s'", bad[i]);
		ck_assert_uint_eq(v, UNTOUCHED);
	}
}
END_TEST

START_TEST(a_size_that_does_not_fit_is_out_of_range_and_never_wraps)
{
	static const char *const big[] = {"16777216TiB", "18446744073709551616",
	    "18446744073709551615K", "18446744073709551615TiB",
	    "340282366920938463463374607431768211456", "340282366920938463463374607431768211457TiB",
	    "18446744073709551616KiB"};
	uint64_t v = UNTOUCHED;

	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
		ck_assert_msg(parse_size(big[i], 0, UINT64_MAX, &v) == -ERANGE, "'%s'", big[i]);
	ck_assert_int_eq(parse_size("1K", 1001, 2000, &v), -ERANGE);
	ck_assert_int_eq(parse_size("2001", 1000, 2000, &v), -ERANGE);
	ck_assert_uint_eq(v, UNTOUCHED);
	ck_assert_int_eq(parse_size("1K", 1000, 2000, &v), 0);
	ck_assert_int_eq(parse_size("2K", 1000, 2000, &v), 0);
}
END_TEST

#define S INT64_C(1000000000)

static const struct {
	const char *text;
	int64_t ns;
} durations[] = {{"0", 0}, {"5", 5 * S}, {"1ns", 1}, {"2us", 2000}, {"3ms", 3000000}, {"4s", 4 * S},
    {"5m", 300 * S}, {"6h", 21600 * S}, {"7d", 604800 * S}, {"1.5s", 1500000000},
    {"0.25", 250000000}, {"1h30m", 5400 * S}, {"1d2h3m4s5ms6us7ns", 93784005006007},
    {"0h5s", 5 * S}, {"1m1m", 120 * S}, {"10000h", 36000000 * S}, {"3650d", 315360000 * S},
    {"0.000000001s", 1}, {"106751d", INT64_C(106751) * 86400 * S},
    {"9223372036854775807ns", INT64_MAX}};

START_TEST(a_duration_is_one_number_and_unit_or_several)
{
	int64_t v = UNTOUCHED;

	ck_assert_msg(
	    parse_duration(durations[_i].text, 0, INT64_MAX, &v) == 0, "'%s'", durations[_i].text);
	ck_assert_msg(v == durations[_i].ns, "'%s' gave %jd", durations[_i].text, (intmax_t)v);
}
END_TEST

START_TEST(what_is_no_duration_is_refused)
{
	static const char *const bad[] = {"", "s", "1h30", "0h5", "0s0", "1h 30m", " 1s", "1s ",
	    "-1s", "1x", "1S", "1H", "1M", "1D", "1sec", "1y", "1h30m15", "1.5.5s", ".5s", "1.s",
	    "1K", "30m1", "5 s"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t v = UNTOUCHED;

		ck_assert_msg(parse_duration(bad[i], 0, INT64_MAX, &v) == -EINVAL, "'%s'", bad[i]);
		ck_assert_int_eq(v, UNTOUCHED);
	}
}
END_TEST

START_TEST(a_duration_that_does_not_fit_is_out_of_range_and_never_wraps)
{
	static const char *const big[] = {"106752d", "9223372036854775808ns",
	    "18446744073709551615d", "18446744073709551616ns", "99999999999999999999999999999999d",
	    "106751d106751d", "9223372036854775807ns1ns"};
	int64_t v = UNTOUCHED;

	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
		ck_assert_msg(parse_duration(big[i], 0, INT64_MAX, &v) == -ERANGE, "'%s'", big[i]);
	ck_assert_int_eq(parse_duration("999us", 1000000, 2 * S, &v), -ERANGE);
	ck_assert_int_eq(parse_duration("2001ms", 1000000, 2 * S, &v), -ERANGE);
	ck_assert_int_eq(v, UNTOUCHED);
	ck_assert_int_eq(parse_duration("1ms", 1000000, 2 * S, &v), 0);
	ck_assert_int_eq(parse_duration("2s", 1000000, 2 * S, &v), 0);
}
END_TEST

START_TEST(sizes_are_written_as_a_user_would)
{
	char buf[PARSE_TEXT_SIZE];

	ck_assert_str_eq(parse_size_text(64 << 20, buf), "64MiB");
	ck_assert_str_eq(parse_size_text(1 << 30, buf), "1GiB");
	ck_assert_str_eq(parse_size_text(1536, buf), "1536");
	ck_assert_str_eq(parse_size_text(1023, buf), "1023");
	ck_assert_str_eq(parse_size_text(1024, buf), "1KiB");
	ck_assert_str_eq(parse_size_text(0, buf), "0");
	ck_assert_str_eq(parse_size_text(UINT64_C(3) << 40, buf), "3TiB");
	ck_assert_str_eq(parse_size_text(UINT64_MAX, buf), "18446744073709551615");
}
END_TEST

START_TEST(durations_are_written_as_a_user_would)
{
	char buf[PARSE_TEXT_SIZE];

	ck_assert_str_eq(parse_duration_text(30 * S, buf), "30s");
	ck_assert_str_eq(parse_duration_text(0, buf), "0s");
	ck_assert_str_eq(parse_duration_text(1000000, buf), "1ms");
	ck_assert_str_eq(parse_duration_text(120 * S, buf), "2m");
	ck_assert_str_eq(parse_duration_text(5400 * S, buf), "90m");
	ck_assert_str_eq(parse_duration_text(3650 * 86400 * S, buf), "3650d");
	ck_assert_str_eq(parse_duration_text(1500000000, buf), "1500ms");
	ck_assert_str_eq(parse_duration_text(1, buf), "1ns");
	ck_assert_str_eq(parse_duration_text(INT64_MAX, buf), "9223372036854775807ns");
}
END_TEST

START_TEST(what_was_written_is_read_back_exactly)
{
	struct random r = {20260102};

	for (int i = 0; i < 20000; i++) {
		uint64_t size = random_next(&r) >> random_below(&r, 64), size_again;
		int64_t ns = (int64_t)(random_next(&r) >> (1 + random_below(&r, 63))), ns_again;
		char buf[PARSE_TEXT_SIZE];

		if (i % 3 == 0)
			size &= ~UINT64_C(0xfffff);
		if (i % 3 == 1)
			ns -= ns % 60000000000;
		quick_assert(
		    parse_size(parse_size_text(size, buf), 0, UINT64_MAX, &size_again) == 0);
		quick_assert(size_again == size);
		quick_assert(
		    parse_duration(parse_duration_text(ns, buf), 0, INT64_MAX, &ns_again) == 0);
		quick_assert(ns_again == ns);
	}
}
END_TEST

START_TEST(random_words_give_an_answer_within_bounds_or_a_refusal)
{
	static const char alphabet[] = "0123456789..KMGTiBnusmhd -";
	struct random r = {42};

	for (int i = 0; i < 100000; i++) {
		char text[24];
		size_t len = random_below(&r, sizeof(text));
		uint64_t size = 1000;
		int64_t ns = 1000;

		for (size_t n = 0; n < len; n++)
			text[n] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
		text[len] = '\0';
		(void)parse_size(text, 1000, 2000, &size);
		(void)parse_duration(text, 1000, 2000000, &ns);
		quick_assert(size >= 1000 && size <= 2000);
		quick_assert(ns >= 1000 && ns <= 2000000);
	}
}
END_TEST

static Suite *parse_suite(void)
{
	Suite *s = suite_create("parse");
	TCase *t = tcase_create("parse");

	tcase_add_loop_test(t, decimal_digits_are_a_number, 0, 7);
	tcase_add_test(t, anything_but_digits_is_no_number);
	tcase_add_test(t, both_bounds_are_legal_and_what_lies_beyond_is_out_of_range);
	tcase_add_loop_test(
	    t, a_size_is_a_number_and_its_unit, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_test(t, what_is_no_size_is_refused);
	tcase_add_test(t, a_size_that_does_not_fit_is_out_of_range_and_never_wraps);
	tcase_add_loop_test(t, a_duration_is_one_number_and_unit_or_several, 0,
	    (int)(sizeof(durations) / sizeof(durations[0])));
	tcase_add_test(t, what_is_no_duration_is_refused);
	tcase_add_test(t, a_duration_that_does_not_fit_is_out_of_range_and_never_wraps);
	tcase_add_test(t, sizes_are_written_as_a_user_would);
	tcase_add_test(t, durations_are_written_as_a_user_would);
	tcase_add_test(t, what_was_written_is_read_back_exactly);
	tcase_add_test(t, random_words_give_an_answer_within_bounds_or_a_refusal);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(parse_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
