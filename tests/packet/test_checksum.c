/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the Internet checksum, against one that adds byte by byte.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "support/quick.h"
#include "support/random.h"

#define MAX_BYTES 2000

/* The sum as RFC 1071 words it: 16-bit words of network order, carries added back at once. */
static uint16_t reference(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* A folded sum as a number: its bytes in memory are those of network order. */
static uint16_t folded(uint64_t sum)
{
	const uint16_t fold = checksum_fold(sum);
	uint8_t bytes[2];

	memcpy(bytes, &fold, sizeof(bytes));
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

START_TEST(the_example_of_rfc_1071_adds_up_as_it_says)
{
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	/* Section 3: 2ddf0 before the carry, ddf2 with it. */
	ck_assert_uint_eq(folded(checksum_add(0, example, sizeof(example))), 0xddf2);
}
END_TEST

START_TEST(a_header_with_its_checksum_folds_to_all_ones)
{
	uint8_t header[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00,
	    0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	uint16_t field = (uint16_t)~checksum_fold(checksum_add(0, header, sizeof(header)));

	memcpy(header + 10, &field, sizeof(field));
	ck_assert_uint_eq(header[10], 0xb8);
	ck_assert_uint_eq(header[11], 0x61);
	ck_assert_uint_eq(checksum_fold(checksum_add(0, header, sizeof(header))), 0xffff);
}
END_TEST

START_TEST(every_length_at_every_alignment_gives_the_sum_of_bytes)
{
	struct random r = {1071};
	uint8_t data[MAX_BYTES + 8];

	for (size_t len = 0; len <= MAX_BYTES; len++) {
		random_fill(&r, data, sizeof(data));
		for (size_t at = 0; at < 8; at++)
			quick_assert(
			    folded(checksum_add(0, data + at, len)) == reference(data + at, len));
	}
}
END_TEST

START_TEST(no_byte_beyond_the_length_counts)
{
	uint8_t *data;

	for (size_t len = 0; len <= 100; len++) {
		data = malloc(len + 1); /* what lies beyond is for the sanitizers */
		ck_assert_ptr_nonnull(data);
		memset(data, 0xa5, len);
		data[len] = 0x01;
		ck_assert_uint_eq(folded(checksum_add(0, data, len)), reference(data, len));
		data[len] = 0xfe;
		ck_assert_uint_eq(folded(checksum_add(0, data, len)), reference(data, len));
		free(data);
	}
}
END_TEST

START_TEST(carries_are_never_lost)
{
	uint8_t data[MAX_BYTES];

	for (size_t len = 0; len <= MAX_BYTES; len++) {
		memset(data, 0xff, sizeof(data));
		quick_assert(folded(checksum_add(0, data, len)) == reference(data, len));
		/* From any sum on, those that overflow with the first word included. */
		quick_assert(folded(checksum_add(UINT64_MAX, data, len)) ==
			     (len == 0 ? 0xffff : reference(data, len)));
		quick_assert(folded(checksum_add(UINT64_MAX - 1, data, len & ~(size_t)1)) ==
			     folded(UINT64_MAX - 1));
	}
}
END_TEST

START_TEST(a_carry_may_carry)
{
	/* On top of 2^64 - 1 they make 2^65 - 1, whose two halves make 2^64. */
	const uint64_t words[2] = {UINT64_MAX, 1};
	uint8_t data[sizeof(words)];

	memcpy(data, words, sizeof(data));
	ck_assert_uint_eq(
	    folded(checksum_add(UINT64_MAX, data, sizeof(data))), reference(data, sizeof(data)));
}
END_TEST

START_TEST(any_sum_folds_to_its_remainder)
{
	static const uint64_t halves[] = {0, 1, 2, 0xfffe, 0xffff, 0x10000, 0x10001, 0x1ffff,
	    0xfffeffff, 0xffff0000, 0xffff0001, 0xfffffffe, 0xffffffff};
	const size_t n = sizeof(halves) / sizeof(halves[0]);

	/* Ones' complement of 16 bits counts modulo 2^16 - 1; only nothing at all is 0. */
	for (size_t i = 1; i < n * n; i++) {
		uint64_t sum = halves[i / n] << 32 | halves[i % n];
		uint64_t wanted = sum % 0xffff == 0 ? 0xffff : sum % 0xffff;

		ck_assert_uint_eq(checksum_fold(sum), wanted);
	}
	ck_assert_uint_eq(checksum_fold(0), 0);
}
END_TEST

START_TEST(pieces_of_even_length_add_up_in_any_order)
{
	struct random r = {768};
	uint8_t data[MAX_BYTES + 1];

	for (int i = 0; i < 20000; i++) {
		size_t len = random_below(&r, MAX_BYTES + 1);
		size_t one = random_below(&r, len + 1) & ~(size_t)1;
		size_t two = one + (random_below(&r, len - one + 1) & ~(size_t)1);
		uint64_t sum = 0;

		if (i % 100 == 0)
			random_fill(&r, data, sizeof(data));
		sum = checksum_add(sum, data + two, len - two); /* the only one that may be odd */
		sum = checksum_add(sum, data, one);
		sum = checksum_add(sum, data + one, two - one);
		quick_assert(folded(sum) == reference(data, len));
	}
}
END_TEST

START_TEST(only_zeros_add_up_to_zero)
{
	uint8_t data[64] = {0};

	ck_assert_uint_eq(checksum_fold(checksum_add(0, data, sizeof(data))), 0);
	/* 0xffff is zero too in ones' complement: the two must stay apart, RFC 768. */
	data[40] = 0xff;
	data[41] = 0xff;
	ck_assert_uint_eq(checksum_fold(checksum_add(0, data, sizeof(data))), 0xffff);
}
END_TEST

static Suite *checksum_suite(void)
{
	Suite *s = suite_create("checksum");
	TCase *t = tcase_create("checksum");

	tcase_add_test(t, the_example_of_rfc_1071_adds_up_as_it_says);
	tcase_add_test(t, a_header_with_its_checksum_folds_to_all_ones);
	tcase_add_test(t, every_length_at_every_alignment_gives_the_sum_of_bytes);
	tcase_add_test(t, no_byte_beyond_the_length_counts);
	tcase_add_test(t, carries_are_never_lost);
	tcase_add_test(t, a_carry_may_carry);
	tcase_add_test(t, any_sum_folds_to_its_remainder);
	tcase_add_test(t, pieces_of_even_length_add_up_in_any_order);
	tcase_add_test(t, only_zeros_add_up_to_zero);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(checksum_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
