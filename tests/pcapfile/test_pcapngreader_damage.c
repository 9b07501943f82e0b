/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what the pcapng reader does about damage of each kind: what ends reading, what is passed
 * over and counted, and in which words. Through capreader.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captest.h"

#define SECTION_BYTES 28u

START_TEST(a_cut_is_described_by_offset_and_the_bytes_that_are_there)
{
	struct image f = { 0 };

	image_put_section(&f);
	image_put_interface(&f, 1, 0, NULL, 0);
	image_put_enhanced(&f, 0, 0, 0, 60);
	ck_assert_str_eq(read_image_cut(&f, 48 + 57)->error,
			 "offset 48: block cut after 57 bytes");
	ck_assert_str_eq(read_image_cut(&f, 48 + 7)->error,
			 "offset 48: block header of 8 bytes cut after 7");
	ck_assert_str_eq(read_image_cut(&f, 11)->error,
			 "offset 0: section header cut after 11 bytes");
	ck_assert_str_eq(read_image_cut(&f, 27)->error,
			 "offset 0: block cut after 27 bytes");
	image_free(&f);
}
END_TEST

/* Each puts one block that contradicts itself, or more of them. */
static void put_no_such_interface(struct image *f)
{
	image_put_enhanced(f, 7, 0, 0, 60);
}

static void put_no_such_old_interface(struct image *f)
{
	image_put_old(f, 1, 0, 0, 60);
}

static void put_caplen_beyond_block(struct image *f)
{
	size_t begin = f->length;

	image_put_enhanced(f, 0, 0, 0, 60);
	image_set32(f, begin + 20, 61);
}

static void put_caplen_beyond_limit(struct image *f)
{
	image_put_enhanced(f, 0, 0, 0, 262145);
}

static void put_huge_caplen(struct image *f)
{
	size_t begin = f->length;

	image_put_enhanced(f, 0, 0, 0, 60);
	image_set32(f, begin + 20, UINT32_MAX);
}

static void put_short_enhanced(struct image *f)
{
	image_put_unknown(f, 6, 16);
}

static void put_empty_simple(struct image *f)
{
	image_put_unknown(f, 3, 0);
}

static void put_simple_beyond_block(struct image *f)
{
	image_put_simple(f, 0, 60, 40);
}

static void put_giant_packet_block(struct image *f)
{
	image_put_unknown(f, 6, 17u << 20);
}

static const struct bad_block {
	void (*put)(struct image *);
	const char *error;
} bad_blocks[] = {
	{ put_no_such_interface,
	  "offset 140: packet of an interface that the section has not described (it has 1)" },
	{ put_no_such_old_interface,
	  "offset 140: packet of an interface that the section has not described (it has 1)" },
	{ put_caplen_beyond_block, "offset 140: packet longer than its block" },
	{ put_caplen_beyond_limit, "offset 140: packet longer than 262144 bytes" },
	{ put_huge_caplen, "offset 140: packet longer than 262144 bytes" },
	{ put_short_enhanced, "offset 140: packet block of 28 bytes, less than 32" },
	{ put_empty_simple, "offset 140: packet block of 12 bytes, less than 16" },
	{ put_simple_beyond_block, "offset 140: packet longer than its block" },
	{ put_giant_packet_block, "offset 140: packet block longer than 16777216 bytes" },
};

START_TEST(a_packet_block_that_contradicts_itself_is_counted_and_passed_over)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_section(&f);
	image_put_interface(&f, 1, 0, NULL, 0);
	image_put_enhanced(&f, 0, 1, 1, 60);
	ck_assert_uint_eq(f.length, 140);
	bad_blocks[_i].put(&f);
	put_no_such_interface(&f); /* a second one: counted, not described */
	image_put_enhanced(&f, 0, 2, 2, 60);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 2);
	ck_assert_uint_eq(all->packet[1].number, 2);
	ck_assert_uint_eq(all->skipped, 2);
	ck_assert_str_eq(all->skipped_error, bad_blocks[_i].error);
	image_free(&f);
}
END_TEST

START_TEST(interfaces_of_an_earlier_section_are_not_those_of_this_one)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_section(&f);
	image_put_interface(&f, 1, 0, NULL, 0);
	image_put_section(&f);
	image_put_enhanced(&f, 0, 0, 0, 60);
	image_put_simple(&f, 1, 60, 60);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 0);
	ck_assert_uint_eq(all->skipped, 2);
	ck_assert_str_eq(all->skipped_error,
			 "offset 76: packet of an interface that the section has not described "
			 "(it has 0)");
	image_free(&f);
}
END_TEST

/* Framing: section, interface, packet; then one block whose length fields are changed. */
static const struct framing {
	uint32_t first, second; /* what stands before and after the body, which has 8 bytes */
	const char *error;
} framings[] = {
	{ 0, 0, "offset 140: block of 0 bytes, less than 12" },
	{ 11, 11, "offset 140: block of 11 bytes, less than 12" },
	{ 20, 24, "offset 140: block whose two lengths differ" },
	{ 20, 0, "offset 140: block whose two lengths differ" },
	{ 20, UINT32_MAX, "offset 140: block whose two lengths differ" },
	{ 24, 20, "offset 140: block whose two lengths differ" },
	{ 16, 16, "offset 140: block whose two lengths differ" },
};

START_TEST(bad_framing_ends_reading_after_the_packets_before_it)
{
	static const uint32_t types[] = { 3, 5, 0x0bad };

	for (size_t i = 0; i < 3; i++) {
		struct image f = { 0 };
		const struct reading *all;

		image_put_section(&f);
		image_put_interface(&f, 1, 0, NULL, 0);
		image_put_enhanced(&f, 0, 1, 1, 60);
		image_put_unknown(&f, types[i], 8);
		image_set32(&f, 140 + 4, framings[_i].first);
		image_set32(&f, 140 + 16, framings[_i].second);
		image_put_enhanced(&f, 0, 1, 2, 60);
		all = read_image(&f);
		ck_assert_int_eq(all->result, -EBADMSG);
		ck_assert_uint_eq(all->packets, 1);
		ck_assert_str_eq(all->error, framings[_i].error);
		image_free(&f);
	}
}
END_TEST

START_TEST(a_section_header_that_we_cannot_read_is_refused_first_and_damage_later)
{
	static const struct {
		size_t at;
		uint32_t value;
		int first_result;
		const char *words;
	} changes[] = {
		{ 8, 0x1a2b3c4e, -ENOTSUP, "section header without byte-order magic" },
		{ 12, 0x00000002, -ENOTSUP, "pcapng version other than 1.0" },
		{ 12, 0x00010001, -ENOTSUP, "pcapng version other than 1.0" },
		{ 4, 24, -EBADMSG, "block of 24 bytes, less than 28" },
		{ 24, 32, -EBADMSG, "block whose two lengths differ" },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		for (size_t section = 0; section < 2; section++) {
			struct image f = { 0 };
			const struct reading *all;
			char text[80];

			image_put_section(&f);
			image_put_section(&f);
			image_set32(&f, section * SECTION_BYTES + changes[i].at, changes[i].value);
			all = read_image(&f);
			ck_assert_int_eq(all->open_result,
					 section == 0 ? changes[i].first_result : 0);
			ck_assert_int_eq(all->result,
					 section == 0 ? changes[i].first_result : -EBADMSG);
			(void)snprintf(text, sizeof(text), "offset %zu: %s",
				       section * SECTION_BYTES, changes[i].words);
			ck_assert_str_eq(all->error, text);
			image_free(&f);
		}
	}
}
END_TEST

START_TEST(an_interface_block_that_is_too_short_or_too_long_ends_reading)
{
	static const size_t bodies[] = { 4, 16777216 - 12 + 4 };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct image f = { 0 };
		const struct reading *all;

		image_put_section(&f);
		image_put_unknown(&f, 1, bodies[i]);
		image_put_enhanced(&f, 0, 1, 1, 61);
		all = read_image(&f);
		ck_assert_int_eq(all->result, -EBADMSG);
		ck_assert_str_eq(all->error, "offset 28: interface description with a length "
					     "outside of 20 to 16777216 bytes");
		image_free(&f);
	}
}
END_TEST

START_TEST(damaged_options_are_counted_and_the_sound_ones_kept)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool damaged;
		int64_t ts_ns; /* of 5,000,000,000 units */
		const char *name;
	} options[] = {
		/* the first ends without opt_endofopt */
		{ "\2\0\2\0ab\0\0" "\x09\0\1\0\x09\0\0\0", 16, false, 5000000000, "ab" },
		{ "\x09\0\1\0\x09\0\0\0" "\2\0\x20\0abc", 16, true, 5000000000, "(none)" },
		{ "\x09\0\2\0\x09\x09\0\0" "\2\0\2\0ab\0\0", 16, true, 5000000000000, "ab" },
		{ "\x0e\0\4\0\1\0\0\0" "\2\0\2\0ab\0\0", 16, true, 5000000000000, "ab" },
		{ "\x09\0\1\0\x09\0\0\0" "\x09\0\1\0\3\0\0\0", 16, false, 5000000000, "(none)" },
		{ "\2\0\2\0ab\0\0" "\2\0\2\0cd\0\0", 16, false, 5000000000000, "ab" },
		{ "\2\0\4\0a\0bc", 8, false, 5000000000000, "a" },
		{ "\2\0\0\0" "\0\0\0\0", 8, false, 5000000000000, "(none)" },
		{ "\0\0\0\0" "\2\0\2\0ab\0\0", 12, false, 5000000000000, "(none)" },
		{ "\2\0\5\0abcd", 8, true, 5000000000000, "(none)" },
		{ "\x09\0\xff\xff", 4, true, 5000000000000, "(none)" },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct image f = { 0 };
		const struct reading *all;

		image_put_section(&f);
		image_put_interface(&f, 1, 0, options[i].bytes, options[i].length);
		image_put_enhanced(&f, 0, 5000000000, 1, 61);
		all = read_image(&f);
		ck_assert_int_eq(all->result, 0);
		ck_assert_uint_eq(all->packets, 1);
		ck_assert_int_eq(all->packet[0].ts_ns, options[i].ts_ns);
		ck_assert_str_eq(all->name[0], options[i].name);
		ck_assert_uint_eq(all->skipped, options[i].damaged ? 1 : 0);
		if (options[i].damaged)
			ck_assert_str_eq(all->skipped_error, "offset 28: interface description "
							     "with damaged options");
		image_free(&f);
	}
}
END_TEST

START_TEST(a_block_that_claims_four_gigabytes_is_a_cut_one)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_section(&f);
	image_put_unknown(&f, 0x0bad, 100);
	image_set32(&f, 28 + 4, UINT32_MAX);
	all = read_image(&f);
	ck_assert_int_eq(all->result, -ENODATA);
	ck_assert_str_eq(all->error, "offset 28: block cut after 112 bytes");
	image_free(&f);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("pcapfile/pcapngreader, damage");
	TCase *damage = tcase_create("damage");
	SRunner *runner;
	int failed;

	tcase_set_timeout(damage, 120);
	tcase_add_test(damage, a_cut_is_described_by_offset_and_the_bytes_that_are_there);
	tcase_add_loop_test(damage,
			    a_packet_block_that_contradicts_itself_is_counted_and_passed_over, 0,
			    COUNT(bad_blocks));
	tcase_add_test(damage, interfaces_of_an_earlier_section_are_not_those_of_this_one);
	tcase_add_loop_test(damage, bad_framing_ends_reading_after_the_packets_before_it, 0,
			    COUNT(framings));
	tcase_add_test(damage,
		       a_section_header_that_we_cannot_read_is_refused_first_and_damage_later);
	tcase_add_test(damage, an_interface_block_that_is_too_short_or_too_long_ends_reading);
	tcase_add_test(damage, damaged_options_are_counted_and_the_sound_ones_kept);
	tcase_add_test(damage, a_block_that_claims_four_gigabytes_is_a_cut_one);
	suite_add_tcase(suite, damage);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
