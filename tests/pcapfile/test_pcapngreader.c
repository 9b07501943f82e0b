/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the pcapng reader, through capreader: sections, interfaces and their clocks, all kinds
 * of packet blocks, blocks of any size. Damage has a file of its own.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captest.h"

#define SECTION_BYTES 28u

/* An option, padded; put_end writes opt_endofopt. */
static void put_option(struct image *f, uint16_t code, const void *value, uint16_t length)
{
	image_put16(f, code);
	image_put16(f, length);
	image_put(f, value, length);
	image_put_zeros(f, -(size_t)length & 3);
}

static void put_end(struct image *f)
{
	image_put32(f, 0);
}

/* An interface with a resolution byte, an offset in seconds and a name. */
static void put_clock(struct image *f, uint8_t resolution, int64_t offset, const char *name)
{
	struct image options = { .big_endian = f->big_endian };
	struct image seconds = { .big_endian = f->big_endian };

	image_put64(&seconds, (uint64_t)offset);
	put_option(&options, 2, name, (uint16_t)strlen(name));
	put_option(&options, 9, &resolution, 1);
	put_option(&options, 14, seconds.bytes, 8);
	put_end(&options);
	image_put_interface(f, 1, 0, options.bytes, options.length);
	image_free(&options);
	image_free(&seconds);
}

/* A section of two interfaces, with a packet block of each kind and blocks of no interest. */
#define SECTION_PACKETS 5u
static void put_full_section(struct image *f, size_t ends[SECTION_PACKETS])
{
	image_put_section(f);
	image_put_unknown(f, 4, 8); /* name resolution */
	put_clock(f, 9, 0, "eth0");
	put_clock(f, 6, 0, "lo");
	image_put_enhanced(f, 0, 1500000000123456789, 0, 61);
	ends[0] = f->length;
	image_put_unknown(f, 0x40000bad, 24);
	image_put_enhanced(f, 1, 1500000000123457, 1, 60);
	ends[1] = f->length;
	image_put_old(f, 1, 1500000000123458, 2, 33);
	ends[2] = f->length;
	image_put_simple(f, 3, 42, 42);
	ends[3] = f->length;
	image_put_unknown(f, 5, 0); /* interface statistics, empty */
	image_put_enhanced(f, 0, 0, 4, 0);
	ends[4] = f->length;
}

static void check_full_section(const struct reading *all, size_t first, uint32_t interface)
{
	static const int64_t times[SECTION_PACKETS] = { 1500000000123456789, 1500000000123457000,
							1500000000123458000, 0, 0 };
	static const uint32_t caplens[SECTION_PACKETS] = { 61, 60, 33, 42, 0 };
	static const uint32_t origlens[SECTION_PACKETS] = { 61, 60, 38, 42, 0 };
	static const uint32_t interfaces[SECTION_PACKETS] = { 0, 1, 1, 0, 0 };

	for (unsigned int n = 0; n < SECTION_PACKETS; n++) {
		ck_assert_int_eq(all->packet[first + n].ts_ns, times[n]);
		ck_assert_uint_eq(all->packet[first + n].caplen, caplens[n]);
		ck_assert_uint_eq(all->packet[first + n].origlen, origlens[n]);
		ck_assert_uint_eq(all->packet[first + n].interface, interface + interfaces[n]);
		ck_assert_uint_eq(all->packet[first + n].linktype, 1);
		ck_assert_uint_eq(all->packet[first + n].number, caplens[n] > 0 ? n : 0);
	}
}

START_TEST(every_kind_of_packet_block_is_read_in_either_byte_order)
{
	struct image f = { .big_endian = _i == 1 };
	size_t ends[SECTION_PACKETS];
	const struct reading *all;

	put_full_section(&f, ends);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, SECTION_PACKETS);
	ck_assert_uint_eq(all->skipped, 0);
	check_full_section(all, 0, 0);
	ck_assert_str_eq(all->name[0], "eth0");
	ck_assert_str_eq(all->name[1], "lo");
	ck_assert_str_eq(all->name[2], "(none)");
	image_free(&f);
}
END_TEST

START_TEST(sections_bring_their_own_byte_order_and_interfaces_go_on_counting)
{
	struct image f = { 0 };
	size_t ends[SECTION_PACKETS];
	const struct reading *all;

	for (int section = 0; section < 4; section++) {
		f.big_endian = section == 1 || section == 2;
		put_full_section(&f, ends);
	}
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 4 * SECTION_PACKETS);
	for (unsigned int section = 0; section < 4; section++)
		check_full_section(all, section * SECTION_PACKETS, section * 2);
	ck_assert_str_eq(all->name[7], "lo");
	ck_assert_str_eq(all->name[8], "(none)");
	image_free(&f);
}
END_TEST

/* Is the cut between two blocks? Walks the blocks by their own lengths. */
static bool is_boundary(const struct image *f, size_t cut)
{
	size_t at = 0;

	while (at < cut) {
		const uint8_t *p = f->bytes + at + 4;

		at += f->big_endian ? (size_t)p[2] << 8 | p[3] : (size_t)p[1] << 8 | p[0];
	}
	return at == cut;
}

START_TEST(a_file_cut_anywhere_gives_exactly_its_whole_packets)
{
	struct image f = { .big_endian = _i == 1 };
	size_t ends[SECTION_PACKETS];

	put_full_section(&f, ends);
	for (size_t cut = 0; cut <= f.length; cut++) {
		const struct reading *all = read_image_cut(&f, cut);
		unsigned int whole = 0;

		while (whole < SECTION_PACKETS && ends[whole] <= cut)
			whole++;
		ck_assert_uint_eq(all->packets, whole);
		ck_assert_int_eq(all->open_result, cut < SECTION_BYTES ? -ENODATA : 0);
		ck_assert_int_eq(all->result, cut > 0 && is_boundary(&f, cut) ? 0 : -ENODATA);
	}
	image_free(&f);
}
END_TEST

/* The resolution, units since 1970, and what that is; fits is false where it is no time. */
static const struct clock_case {
	uint8_t resolution;
	int64_t offset;
	uint64_t units;
	bool fits;
	int64_t ts_ns;
} clocks[] = {
	{ 6, 0, 1500000000123456, true, 1500000000123456000 },
	{ 9, 0, 1500000000123456789, true, 1500000000123456789 },
	{ 0, 0, 1500000000, true, 1500000000000000000 },
	{ 3, 0, 1500000000123, true, 1500000000123000000 },
	{ 10, 0, 19, true, 1 }, /* rounded down */
	{ 12, 0, 1500000000123456789, true, 1500000000123456 },
	{ 18, 0, UINT64_MAX, true, 18446744073 },
	{ 19, 0, UINT64_MAX, true, 1844674407 },
	{ 28, 0, 10000000000000000000u, true, 1 },
	{ 28, 0, 9999999999999999999u, true, 0 },
	{ 29, 0, UINT64_MAX, true, 0 },
	{ 127, 0, UINT64_MAX, true, 0 },
	{ 0x80, 0, 1500000000, true, 1500000000000000000 },
	{ 0x88, 0, 256 + 128, true, 1500000000 },
	{ 0x80 + 20, 0, 1 << 20, true, 1000000000 },
	{ 0x80 + 32, 0, 0x8000000080000000, true, 2147483648500000000 },
	{ 0x80 + 63, 0, UINT64_MAX, true, 1999999999 },
	{ 0x80 + 64, 0, UINT64_MAX, true, 999999999 },
	{ 0x80 + 93, 0, UINT64_MAX, true, 1 },
	{ 0x80 + 94, 0, UINT64_MAX, true, 0 },
	{ 0xff, 0, UINT64_MAX, true, 0 },
	/* offsets */
	{ 6, 1500000000, 123456, true, 1500000000123456000 },
	{ 6, -5, 1000000, true, -4000000000 },
	{ 9, -1500000000, 1500000000123456789, true, 123456789 },
	{ 0xff, -7, UINT64_MAX, true, -7000000000 },
	/* the ends of what 64 bits hold */
	{ 9, 0, INT64_MAX, true, INT64_MAX },
	{ 9, 0, (uint64_t)INT64_MAX + 1, false, 0 },
	{ 0, 0, 9223372036, true, 9223372036000000000 },
	{ 0, 0, 9223372037, false, 0 },
	{ 0, 0, UINT64_MAX, false, 0 },
	{ 0x80, 0, UINT64_MAX, false, 0 },
	{ 9, -9223372037, 145224192, true, INT64_MIN },
	{ 9, -9223372037, 145224191, false, 0 },
	{ 6, INT64_MAX, UINT64_MAX, false, 0 },
	{ 6, INT64_MIN, 0, false, 0 },
	{ 0, -9223372036854775807, 9223372036854775807, true, 0 },
	{ 0, INT64_MIN, (uint64_t)INT64_MAX + 1, true, 0 },
};

START_TEST(every_clock_gives_the_right_nanosecond_or_none)
{
	const struct clock_case *c = &clocks[_i];

	for (int big = 0; big < 2; big++) {
		struct image f = { .big_endian = big == 1 };
		const struct reading *all;

		image_put_section(&f);
		put_clock(&f, c->resolution, c->offset, "x");
		image_put_enhanced(&f, 0, c->units, 0, 4);
		all = read_image(&f);
		ck_assert_int_eq(all->result, 0);
		ck_assert_uint_eq(all->packets, c->fits ? 1 : 0);
		ck_assert_uint_eq(all->skipped, c->fits ? 0 : 1);
		if (c->fits)
			ck_assert_int_eq(all->packet[0].ts_ns, c->ts_ns);
		else
			ck_assert_str_eq(all->skipped_error,
					 "offset 80: packet with a time beyond what 64 bits of "
					 "nanoseconds hold");
		image_free(&f);
	}
}
END_TEST

START_TEST(an_interface_without_options_counts_microseconds)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_section(&f);
	image_put_interface(&f, 276, 0, NULL, 0);
	image_put_enhanced(&f, 0, 1500000000123456, 0, 4);
	all = read_image(&f);
	ck_assert_int_eq(all->packet[0].ts_ns, 1500000000123456000);
	ck_assert_uint_eq(all->packet[0].linktype, 276);
	ck_assert_str_eq(all->name[0], "(none)");
	image_free(&f);
}
END_TEST

START_TEST(a_simple_packet_is_cut_to_the_snap_length_of_interface_0)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_section(&f);
	image_put_interface(&f, 1, 50, NULL, 0);
	image_put_interface(&f, 1, 10, NULL, 0);
	image_put_simple(&f, 0, 60, 50);
	image_put_simple(&f, 1, 40, 40);
	all = read_image(&f);
	ck_assert_uint_eq(all->packets, 2);
	ck_assert_uint_eq(all->packet[0].caplen, 50);
	ck_assert_uint_eq(all->packet[0].origlen, 60);
	ck_assert_uint_eq(all->packet[1].caplen, 40);
	ck_assert_uint_eq(all->packet[1].number, 1);
	image_free(&f);
}
END_TEST

START_TEST(lengths_that_leave_out_the_padding_are_rounded_up)
{
	static const struct {
		uint32_t first, second;
	} lengths[] = { { 93, 93 }, { 93, 96 }, { 96, 93 } };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct image f = { 0 };
		const struct reading *all;

		image_put_section(&f);
		image_put_interface(&f, 1, 0, NULL, 0);
		image_put_enhanced(&f, 0, 1, 1, 61);
		image_set32(&f, 48 + 4, lengths[i].first);
		image_set32(&f, f.length - 4, lengths[i].second);
		image_put_enhanced(&f, 0, 1, 2, 60);
		all = read_image(&f);
		ck_assert_int_eq(all->result, 0);
		ck_assert_uint_eq(all->packets, 2);
		ck_assert_uint_eq(all->packet[0].number, 1);
		image_free(&f);
	}
}
END_TEST

START_TEST(version_1_2_is_read_as_1_0)
{
	struct image f = { 0 };

	image_put_section(&f);
	image_set32(&f, 12, 0x00020001);
	image_put_interface(&f, 1, 0, NULL, 0);
	image_put_enhanced(&f, 0, 1, 1, 61);
	ck_assert_uint_eq(read_image(&f)->packets, 1);
	image_free(&f);
}
END_TEST

START_TEST(a_long_name_is_kept_up_to_its_bound)
{
	struct image f = { 0 };
	char name[2001];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	image_put_section(&f);
	put_clock(&f, 9, 0, name);
	name[255] = '\0';
	ck_assert_str_eq(read_image(&f)->name[0], name);
	image_free(&f);
}
END_TEST

START_TEST(interfaces_are_bounded_over_all_sections)
{
	struct image f = { 0 };
	const struct reading *all;
	char text[80];
	size_t last;

	for (unsigned int n = 0; n < 65536; n++) {
		if (n % 1000 == 0)
			image_put_section(&f);
		image_put_interface(&f, 1, 0, NULL, 0);
	}
	image_put_enhanced(&f, 535, 1, 1, 61);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 1);
	ck_assert_uint_eq(all->packet[0].interface, 65535);
	last = f.length;
	image_put_interface(&f, 1, 0, NULL, 0);
	all = read_image(&f);
	ck_assert_int_eq(all->result, -EBADMSG);
	ck_assert_uint_eq(all->packets, 1);
	(void)snprintf(text, sizeof(text), "offset %zu: more than 65536 interfaces", last);
	ck_assert_str_eq(all->error, text);
	image_free(&f);
}
END_TEST

/* Larger than the window at its start, than the window at its largest, and the largest of all. */
START_TEST(blocks_of_any_size_are_passed_over)
{
	static const size_t bodies[] = { 3u << 20, (20u << 20) + 4 };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct image f = { 0 };
		const struct reading *all;

		image_put_section(&f);
		image_put_interface(&f, 1, 0, NULL, 0);
		image_put_unknown(&f, 0x0bad, bodies[i]);
		image_put_enhanced(&f, 0, 1, 1, 61);
		all = read_image(&f);
		ck_assert_int_eq(all->result, 0);
		ck_assert_uint_eq(all->packets, 1);
		ck_assert_uint_eq(all->skipped, 0);
		all = read_image_cut(&f, 48 + bodies[i]);
		ck_assert_int_eq(all->result, -ENODATA);
		image_free(&f);
	}
}
END_TEST

START_TEST(a_packet_with_megabytes_of_options_is_read)
{
	struct image f = { 0 };
	const struct reading *all;
	size_t begin;

	image_put_section(&f);
	image_put_interface(&f, 1, 0, NULL, 0);
	image_put_enhanced(&f, 0, 1, 1, 61);
	begin = image_begin_block(&f, 6);
	image_put32(&f, 0);
	image_put64(&f, 0);
	image_put32(&f, 200000);
	image_put32(&f, 200000);
	image_put_packet(&f, 2, 200000);
	image_put_zeros(&f, 5u << 20);
	image_end_block(&f, begin);
	image_put_enhanced(&f, 0, 1, 3, 61);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 3);
	ck_assert_uint_eq(all->packet[1].number, 2);
	ck_assert_uint_eq(all->packet[1].caplen, 200000);
	ck_assert_uint_eq(all->packet[2].number, 3);
	ck_assert_uint_eq(all->skipped, 0);
	image_free(&f);
}
END_TEST

/* At fault are at least magic and version of each section, and both lengths of every block. */
START_TEST(no_text_shows_a_value_of_the_file)
{
	struct image f = { .big_endian = _i == 1 };
	size_t ends[SECTION_PACKETS];

	put_full_section(&f, ends);
	put_full_section(&f, ends);
	ck_assert_uint_ge(read_with_addresses_everywhere(&f), 2 * (2 + 2 * 11));
	image_free(&f);
}
END_TEST

START_TEST(random_bit_flips_never_crash_the_reader)
{
	struct image f = { .big_endian = _i == 1 };
	size_t ends[SECTION_PACKETS];

	put_full_section(&f, ends);
	put_full_section(&f, ends);
	read_with_random_flips(&f, 2000, 0xda942042e4dd58b5u + (uint64_t)_i);
	image_free(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pcapfile/pcapngreader");
	TCase *sound = tcase_create("sound");
	SRunner *runner;
	int failed;

	tcase_set_timeout(sound, 120);
	tcase_add_loop_test(sound, every_kind_of_packet_block_is_read_in_either_byte_order, 0, 2);
	tcase_add_test(sound, sections_bring_their_own_byte_order_and_interfaces_go_on_counting);
	tcase_add_loop_test(sound, a_file_cut_anywhere_gives_exactly_its_whole_packets, 0, 2);
	tcase_add_loop_test(sound, every_clock_gives_the_right_nanosecond_or_none, 0,
			    (int)(sizeof(clocks) / sizeof(clocks[0])));
	tcase_add_test(sound, an_interface_without_options_counts_microseconds);
	tcase_add_test(sound, a_simple_packet_is_cut_to_the_snap_length_of_interface_0);
	tcase_add_test(sound, lengths_that_leave_out_the_padding_are_rounded_up);
	tcase_add_test(sound, version_1_2_is_read_as_1_0);
	tcase_add_test(sound, a_long_name_is_kept_up_to_its_bound);
	tcase_add_test(sound, interfaces_are_bounded_over_all_sections);
	tcase_add_test(sound, blocks_of_any_size_are_passed_over);
	tcase_add_test(sound, a_packet_with_megabytes_of_options_is_read);
	tcase_add_loop_test(sound, no_text_shows_a_value_of_the_file, 0, 2);
	tcase_add_loop_test(sound, random_bit_flips_never_crash_the_reader, 0, 2);
	suite_add_tcase(suite, sound);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
