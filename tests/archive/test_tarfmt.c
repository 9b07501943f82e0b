/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of tar headers: the bytes that POSIX asks for, and that nothing else is taken for one. That
 * other programs read them is tested in test_segment.c.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/tarfmt.h"
#include "support/quick.h"
#include "support/random.h"

/* A name of so many bytes. */
static const char *name_of(size_t len)
{
	static char name[LAYOUT_NAME_SIZE];

	quick_assert(len < sizeof(name));
	for (size_t i = 0; i < len; i++)
		name[i] = (char)('a' + i % 26);
	name[len] = '\0';
	return name;
}

/* The sum over a block with its own field taken as spaces, as POSIX has it. */
static unsigned checksum(const uint8_t *b)
{
	unsigned sum = 0;

	for (int i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : b[i];
	return sum;
}

static void check_checksum(const uint8_t *b)
{
	char digits[8];

	(void)snprintf(digits, sizeof(digits), "%06o", checksum(b));
	ck_assert_mem_eq(b + 148, digits, 7);
	ck_assert_int_eq(b[155], ' ');
}

/* Everything behind the fields that a test looks at. */
static void check_constant_fields(const uint8_t *b)
{
	static const uint8_t zeros[512];

	ck_assert_mem_eq(b + 100,
	    "0000640\0"
	    "0000000\0"
	    "0000000",
	    24);                               /* mode, uid, gid */
	ck_assert_mem_eq(b + 157, zeros, 100); /* linkname */
	ck_assert_mem_eq(b + 257,
	    "ustar\0"
	    "00",
	    8);
	ck_assert_mem_eq(b + 265, zeros, 64); /* uname, gname */
	ck_assert_mem_eq(b + 329,
	    "0000000\0"
	    "0000000",
	    16);
	ck_assert_mem_eq(b + 345, zeros, 167); /* prefix, and what fills the block */
	check_checksum(b);
}

START_TEST(a_short_name_takes_one_block_of_ustar)
{
	static const uint8_t zeros[100];
	uint8_t b[TARFMT_HEADER_MAX_BYTES];

	ck_assert_uint_eq(tarfmt_header_bytes("a.pcap.gz"), 512);
	ck_assert_uint_eq(tarfmt_header("a.pcap.gz", 1234567, 1767312000, b), 512);
	ck_assert_mem_eq(b, "a.pcap.gz", 9);
	ck_assert_mem_eq(b + 9, zeros, 91);
	ck_assert_mem_eq(b + 124, "00004553207", 12);
	ck_assert_mem_eq(b + 136, "15125605200", 12);
	ck_assert_int_eq(b[156], '0');
	check_constant_fields(b);
}
END_TEST

START_TEST(a_long_name_stands_in_a_pax_header_in_front)
{
	uint8_t b[TARFMT_HEADER_MAX_BYTES], zeros[512] = {0};
	char record[LAYOUT_NAME_SIZE + 16];
	int n;

	ck_assert_uint_eq(tarfmt_header_bytes(name_of(152)), 1536);
	ck_assert_uint_eq(tarfmt_header(name_of(152), 99, 7, b), 1536);
	ck_assert_int_eq(b[156], 'x');
	ck_assert_mem_eq(b + 124, "00000000242", 12); /* 162: the length of the record */
	check_constant_fields(b);
	n = snprintf(record, sizeof(record), "162 path=%s\n", name_of(152));
	ck_assert_int_eq(n, 162);
	ck_assert_mem_eq(b + 512, record, 162);
	ck_assert_mem_eq(b + 512 + 162, zeros, 512 - 162);
	ck_assert_int_eq(b[1024 + 156], '0');
	ck_assert_mem_eq(b + 1024, name_of(152), 100);
	ck_assert_mem_eq(b + 1024 + 124, "00000000143", 12);
	check_constant_fields(b + 1024);
}
END_TEST

static void check_round(const char *name, uint64_t size, int64_t mtime_s)
{
	uint8_t b[TARFMT_HEADER_MAX_BYTES];
	size_t n = tarfmt_header(name, size, mtime_s, b);
	struct tarfmt_entry e;

	quick_assert(n == tarfmt_header_bytes(name));
	quick_assert(tarfmt_parse(b, n, &e) == 1);
	quick_assert(strcmp(e.name, name) == 0);
	quick_assert(e.size == size && e.header_bytes == n);
	for (size_t len = 0; len < n; len++)
		quick_assert(tarfmt_parse(b, len, &e) == -ENODATA);
}

START_TEST(names_of_every_length_are_read_back_and_cut_ones_ask_for_more)
{
	for (size_t len = 1; len < LAYOUT_NAME_SIZE; len++) {
		check_round(name_of(len), len * 4711, 1767312000);
		ck_assert_uint_eq(tarfmt_header_bytes(name_of(len)), len <= 100 ? 512 : 1536);
	}
}
END_TEST

START_TEST(sizes_and_times_at_their_bounds_are_read_back)
{
	static const uint64_t sizes[] = {0, 1, 511, 512, 513, UINT32_MAX, TARFMT_SIZE_MAX};
	static const int64_t times[] = {0, 1, -1, INT64_MIN, INT64_MAX, INT64_C(1) << 33};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++)
			check_round(name_of(i % 2 ? 20 : 120), sizes[i], times[k]);
	ck_assert_uint_eq(tarfmt_padding(0), 0);
	ck_assert_uint_eq(tarfmt_padding(1), 511);
	ck_assert_uint_eq(tarfmt_padding(511), 1);
	ck_assert_uint_eq(tarfmt_padding(512), 0);
	ck_assert_uint_eq(tarfmt_padding(TARFMT_SIZE_MAX), 1);
}
END_TEST

/* Gives a changed block a checksum that is right, as anybody can. */
static void mend_checksum(uint8_t *b)
{
	(void)snprintf((char *)b + 148, 7, "%06o", checksum(b));
	b[155] = ' ';
}

static int64_t mtime_of(const uint8_t *b)
{
	return strtoll((const char *)b + 136, NULL, 8);
}

START_TEST(whatever_is_changed_in_a_header_it_is_none_or_another_that_we_would_write)
{
	const char *name = name_of(_i ? 140 : 40);
	uint8_t good[TARFMT_HEADER_MAX_BYTES], b[TARFMT_HEADER_MAX_BYTES];
	uint8_t again[TARFMT_HEADER_MAX_BYTES];
	size_t n = tarfmt_header(name, 4711, 0, good), others = 0;

	for (size_t bit = 0; bit < n * 8; bit++) {
		struct tarfmt_entry e;

		memcpy(b, good, n);
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* No checksum covers what a pax header holds: there the end of a name may change.
		 */
		if (bit / 4096 != 1) {
			quick_assert(tarfmt_parse(b, n, &e) == -EBADMSG);
			mend_checksum(b + bit / 4096 * 512);
		}
		if (tarfmt_parse(b, n, &e) != 1)
			continue;
		others++; /* another name, size or time */
		quick_assert(tarfmt_header(e.name, e.size, mtime_of(b), again) == n);
		quick_assert(memcmp(again, b, n) == 0);
	}
	ck_assert_uint_gt(others, 0);
}
END_TEST

/* A header with one field set to other text, and the checksum that belongs to it. */
static int parse_with(size_t at, const char *text, size_t len)
{
	uint8_t b[TARFMT_HEADER_MAX_BYTES];
	struct tarfmt_entry e;

	(void)tarfmt_header("a.pcap.gz", 4711, 1767312000, b);
	memcpy(b + at, text, len);
	mend_checksum(b);
	return tarfmt_parse(b, TARFMT_BLOCK_BYTES, &e);
}

START_TEST(other_types_of_files_and_other_spellings_are_refused)
{
	static const char types[] = {'\0', '1', '2', '3', '4', '5', '6', '7', 'L', 'g', 'S', 'x'};

	ck_assert_int_eq(parse_with(0, "b", 1), 1);
	for (size_t i = 0; i < sizeof(types); i++)
		ck_assert_int_eq(parse_with(156, &types[i], 1), -EBADMSG);
	ck_assert_int_eq(parse_with(0, "", 1), -EBADMSG);          /* no name */
	ck_assert_int_eq(parse_with(0, "a\0b", 3), -EBADMSG);      /* more behind it */
	ck_assert_int_eq(parse_with(100, "0000644", 8), -EBADMSG); /* mode */
	ck_assert_int_eq(parse_with(108, "0001750", 8), -EBADMSG); /* owner */
	ck_assert_int_eq(parse_with(124, "\x80\0\0\0\0\0\0\0\0\0\0\1", 12), -EBADMSG);
	ck_assert_int_eq(parse_with(124, "       4711 ", 12), -EBADMSG); /* size */
	ck_assert_int_eq(parse_with(124, "00000011147 ", 12), -EBADMSG);
	ck_assert_int_eq(parse_with(124, "-0000011147", 12), -EBADMSG);
	ck_assert_int_eq(parse_with(257, "ustar  ", 8), -EBADMSG); /* GNU's own */
	ck_assert_int_eq(parse_with(265, "root", 4), -EBADMSG);
	ck_assert_int_eq(parse_with(345, "dir", 3), -EBADMSG); /* prefix */
}
END_TEST

/* A pax header with such content, whose length and checksum are right. */
static int parse_record(const char *record)
{
	uint8_t b[TARFMT_HEADER_MAX_BYTES];
	struct tarfmt_entry e;

	(void)tarfmt_header(name_of(120), 4711, 0, b);
	memset(b + 512, 0, 512);
	memcpy(b + 512, record, strlen(record));
	(void)snprintf((char *)b + 131, 5, "%04o", (unsigned)strlen(record) & 07777u);
	mend_checksum(b);
	return tarfmt_parse(b, sizeof(b), &e);
}

START_TEST(a_pax_header_says_the_name_and_nothing_else)
{
	char record[513];

	(void)snprintf(record, sizeof(record), "130 path=%s\n", name_of(120));
	ck_assert_int_eq(parse_record(record), 1);
	(void)snprintf(record, sizeof(record), "131 path=%s\n", name_of(120));
	ck_assert_int_eq(parse_record(record), -EBADMSG);
	(void)snprintf(record, sizeof(record), "130 path=%s\n12 size=10\n", name_of(120));
	ck_assert_int_eq(parse_record(record), -EBADMSG);
	(void)snprintf(record, sizeof(record), "12 size=10\n130 path=%s\n", name_of(120));
	ck_assert_int_eq(parse_record(record), -EBADMSG);
	(void)snprintf(record, sizeof(record), "110 path=%s\n", name_of(100)); /* needs none */
	ck_assert_int_eq(parse_record(record), -EBADMSG);
	(void)snprintf(record, sizeof(record), "130 path=../%s\n", name_of(117));
	ck_assert_int_eq(parse_record(record), -EBADMSG); /* the second header has another name */
	(void)snprintf(record, sizeof(record), "130 link=%s\n", name_of(120));
	ck_assert_int_eq(parse_record(record), -EBADMSG);
	memset(record, 'x', 512);
	record[512] = '\0';
	ck_assert_int_eq(parse_record(record), -EBADMSG);
	memcpy(record, "512 path=", 9);
	ck_assert_int_eq(parse_record(record), -EBADMSG); /* no end of line in the block */
	record[511] = '\n';
	ck_assert_int_eq(parse_record(record), -EBADMSG); /* longer than any name */
	ck_assert_int_eq(parse_record(""), -EBADMSG);
	ck_assert_int_eq(parse_record(" path=\n"), -EBADMSG);
}
END_TEST

START_TEST(a_block_of_zeros_is_the_end)
{
	uint8_t b[TARFMT_HEADER_MAX_BYTES] = {0};
	struct tarfmt_entry e;

	ck_assert_int_eq(tarfmt_parse(b, 0, &e), -ENODATA);
	ck_assert_int_eq(tarfmt_parse(b, 511, &e), -ENODATA);
	ck_assert_int_eq(tarfmt_parse(b, 512, &e), 0);
	ck_assert_int_eq(tarfmt_parse(b, sizeof(b), &e), 0);
	for (size_t i = 0; i < 512; i++) {
		b[i] = 1;
		quick_assert(tarfmt_parse(b, sizeof(b), &e) == -EBADMSG);
		b[i] = 0;
	}
}
END_TEST

START_TEST(random_bytes_are_no_header)
{
	struct random r = {4711};
	uint8_t b[TARFMT_HEADER_MAX_BYTES];
	struct tarfmt_entry e;

	for (int i = 0; i < 3000; i++) {
		random_fill(&r, b, sizeof(b));
		if (i % 2)
			b[156] = 'x';
		quick_assert(tarfmt_parse(b, sizeof(b), &e) == -EBADMSG);
	}
}
END_TEST

static Suite *tarfmt_suite(void)
{
	Suite *s = suite_create("tarfmt");
	TCase *t = tcase_create("tarfmt");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_short_name_takes_one_block_of_ustar);
	tcase_add_test(t, a_long_name_stands_in_a_pax_header_in_front);
	tcase_add_test(t, names_of_every_length_are_read_back_and_cut_ones_ask_for_more);
	tcase_add_test(t, sizes_and_times_at_their_bounds_are_read_back);
	tcase_add_loop_test(
	    t, whatever_is_changed_in_a_header_it_is_none_or_another_that_we_would_write, 0, 2);
	tcase_add_test(t, other_types_of_files_and_other_spellings_are_refused);
	tcase_add_test(t, a_pax_header_says_the_name_and_nothing_else);
	tcase_add_test(t, a_block_of_zeros_is_the_end);
	tcase_add_test(t, random_bytes_are_no_header);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(tarfmt_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
