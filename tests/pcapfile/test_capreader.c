/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the capture reader: what it opens and refuses, and pcap in all its forms.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captest.h"
#include "pcapfile/capreader.h"

#define MAGIC_US       0xa1b2c3d4u
#define MAGIC_NS       0xa1b23c4du
#define MAGIC_KUZNETZOV 0xa1b2cd34u

static const struct form {
	uint32_t magic;
	bool big_endian;
	uint32_t unit_ns;
	size_t extra; /* bytes after the 16 of a record header */
} forms[] = {
	{ MAGIC_US, false, 1000, 0 },	    { MAGIC_US, true, 1000, 0 },
	{ MAGIC_NS, false, 1, 0 },	    { MAGIC_NS, true, 1, 0 },
	{ MAGIC_KUZNETZOV, false, 1000, 8 }, { MAGIC_KUZNETZOV, true, 1000, 8 },
};
#define FORMS ((int)(sizeof(forms) / sizeof(forms[0])))

/* Packet n of the file that put_file makes. */
#define PACKETS 5u
static const uint32_t caplens[PACKETS] = { 60, 0, 1, 131, 64 };

/* A file of PACKETS packets; ends[n] is where packet n ends. */
static void put_file(struct image *f, const struct form *form, size_t *ends)
{
	f->big_endian = form->big_endian;
	image_put_pcap_header(f, form->magic, 113);
	for (unsigned int n = 0; n < PACKETS; n++) {
		image_put_record(f, 1500000000 + n, 123456 + n, caplens[n], caplens[n] + 4 * n);
		image_put_zeros(f, form->extra);
		image_put_packet(f, n, caplens[n]);
		ends[n] = f->length;
	}
}

static void check_packet(const struct reading *all, unsigned int n, const struct form *form)
{
	ck_assert_int_eq(all->packet[n].ts_ns, (1500000000 + (int64_t)n) * 1000000000 +
						       (123456 + (int64_t)n) * form->unit_ns);
	ck_assert_uint_eq(all->packet[n].caplen, caplens[n]);
	ck_assert_uint_eq(all->packet[n].origlen, caplens[n] + 4 * n);
	ck_assert_uint_eq(all->packet[n].linktype, 113);
	ck_assert_uint_eq(all->packet[n].interface, 0);
	ck_assert_uint_eq(all->packet[n].number, caplens[n] > 0 ? n : 0);
}

START_TEST(every_magic_and_byte_order_gives_the_same_packets)
{
	const struct form *form = &forms[_i];
	struct image f = { 0 };
	size_t ends[PACKETS];
	const struct reading *all;

	put_file(&f, form, ends);
	all = read_image(&f);
	ck_assert_int_eq(all->open_result, 0);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, PACKETS);
	for (unsigned int n = 0; n < PACKETS; n++)
		check_packet(all, n, form);
	ck_assert_str_eq(all->name[0], "(none)");
	image_free(&f);
}
END_TEST

START_TEST(a_file_cut_anywhere_gives_exactly_its_whole_packets)
{
	struct image f = { 0 };
	size_t ends[PACKETS];

	put_file(&f, &forms[_i], ends);
	for (size_t cut = 0; cut <= f.length; cut++) {
		const struct reading *all = read_image_cut(&f, cut);
		unsigned int whole = 0;
		bool between = cut == 24;

		for (; whole < PACKETS && ends[whole] <= cut; whole++)
			between = between || ends[whole] == cut;
		ck_assert_uint_eq(all->packets, whole);
		ck_assert_int_eq(all->result, between ? 0 : -ENODATA);
		ck_assert_int_eq(all->open_result, cut < 24 ? -ENODATA : 0);
		for (unsigned int n = 0; n < whole; n++)
			check_packet(all, n, &forms[_i]);
	}
	image_free(&f);
}
END_TEST

START_TEST(a_cut_is_described_by_offset_and_the_bytes_that_are_there)
{
	struct image f = { 0 };
	size_t ends[PACKETS];

	put_file(&f, &forms[0], ends);
	ck_assert_str_eq(read_image_cut(&f, 0)->error, "empty");
	ck_assert_str_eq(read_image_cut(&f, 3)->error,
			 "offset 0: magic number of 4 bytes cut after 3");
	ck_assert_str_eq(read_image_cut(&f, 23)->error,
			 "offset 0: pcap header of 24 bytes cut after 23");
	ck_assert_str_eq(read_image_cut(&f, 24 + 5)->error,
			 "offset 24: packet header of 16 bytes cut after 5");
	ck_assert_str_eq(read_image_cut(&f, ends[2] + 16 + 57)->error,
			 "offset 133: packet cut after 57 bytes");
	image_free(&f);
}
END_TEST

/* Files before 2.4: which of the two lengths stands first depends on the writer. */
static const struct old_version {
	uint16_t major, minor;
} old_versions[] = { { 2, 0 }, { 2, 1 }, { 2, 2 }, { 2, 3 }, { 543, 0 } };

START_TEST(lengths_of_old_versions_are_read_in_either_order)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_pcap_header(&f, MAGIC_US, 1);
	f.bytes[4] = (uint8_t)old_versions[_i].major;
	f.bytes[5] = (uint8_t)(old_versions[_i].major >> 8);
	f.bytes[6] = (uint8_t)old_versions[_i].minor;
	image_put_record(&f, 1, 2, 100, 60);
	image_put_packet(&f, 7, 60);
	image_put_record(&f, 1, 3, 61, 101);
	image_put_packet(&f, 8, 61);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 2);
	ck_assert_uint_eq(all->packet[0].caplen, 60);
	ck_assert_uint_eq(all->packet[0].origlen, 100);
	ck_assert_uint_eq(all->packet[0].number, 7);
	ck_assert_uint_eq(all->packet[1].caplen, 61);
	ck_assert_uint_eq(all->packet[1].origlen, 101);
	ck_assert_uint_eq(all->packet[1].number, 8);
	image_free(&f);
}
END_TEST

START_TEST(lengths_of_version_2_4_are_kept_even_where_captured_exceeds_original)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_pcap_header(&f, MAGIC_US, 1);
	image_put_record(&f, 1, 2, 100, 60);
	image_put_packet(&f, 3, 100);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 1);
	ck_assert_uint_eq(all->packet[0].caplen, 100);
	ck_assert_uint_eq(all->packet[0].origlen, 60);
	ck_assert_uint_eq(all->packet[0].number, 3);
	image_free(&f);
}
END_TEST

START_TEST(an_unknown_version_is_refused)
{
	static const uint8_t majors[] = { 0, 1, 3, 255 };
	struct image f = { 0 };

	image_put_pcap_header(&f, MAGIC_US, 1);
	for (size_t i = 0; i < sizeof(majors); i++) {
		f.bytes[4] = majors[i];
		ck_assert_int_eq(read_image(&f)->open_result, -ENOTSUP);
		ck_assert_str_eq(read_image(&f)->error, "offset 4: pcap version other than 2.x");
	}
	f.bytes[4] = 2;
	ck_assert_int_eq(read_image(&f)->result, 0);
	image_free(&f);
}
END_TEST

START_TEST(fcs_bits_of_the_link_type_are_kept_and_reserved_bits_refused)
{
	for (unsigned int bit = 16; bit < 32; bit++) {
		struct image f = { 0 };
		bool fcs = bit == 26 || bit >= 28;
		const struct reading *all;

		f.big_endian = bit % 2 == 0;
		image_put_pcap_header(&f, MAGIC_US, 1u << bit | 105);
		image_put_record(&f, 1, 2, 4, 4);
		image_put_packet(&f, 0, 4);
		all = read_image(&f);
		ck_assert_int_eq(all->open_result, fcs ? 0 : -ENOTSUP);
		ck_assert_uint_eq(all->packets, fcs ? 1 : 0);
		if (fcs)
			ck_assert_uint_eq(all->packet[0].linktype, 1u << bit | 105);
		else
			ck_assert_str_eq(all->error,
					 "offset 20: link type field with reserved bits set");
		image_free(&f);
	}
}
END_TEST

START_TEST(a_packet_above_the_limit_is_damage_and_one_at_it_is_not)
{
	struct image f = { 0 };
	const struct reading *all;

	image_put_pcap_header(&f, MAGIC_NS, 1);
	image_put_record(&f, 1, 2, 262144, 300000);
	image_put_packet(&f, 9, 262144);
	image_put_record(&f, 1, 2, 262145, 300000);
	image_put_packet(&f, 10, 262145);
	all = read_image(&f);
	ck_assert_int_eq(all->open_result, 0);
	ck_assert_int_eq(all->result, -EBADMSG);
	ck_assert_uint_eq(all->packets, 1);
	ck_assert_uint_eq(all->packet[0].caplen, 262144);
	ck_assert_uint_eq(all->packet[0].number, 9);
	ck_assert_str_eq(all->error, "offset 262184: packet longer than 262144 bytes");
	image_free(&f);
}
END_TEST

START_TEST(a_length_near_two_to_the_32_is_damage)
{
	struct image f = { 0 };

	image_put_pcap_header(&f, MAGIC_US, 1);
	image_put_record(&f, 1, 2, UINT32_MAX, UINT32_MAX);
	ck_assert_int_eq(read_image(&f)->result, -EBADMSG);
	ck_assert_str_eq(read_image(&f)->error, "offset 24: packet longer than 262144 bytes");
	image_free(&f);
}
END_TEST

START_TEST(times_are_seconds_and_fraction_added_up_whatever_they_are)
{
	static const struct {
		uint32_t magic, seconds, fraction;
		int64_t ts_ns;
	} times[] = {
		{ MAGIC_US, 0, 0, 0 },
		{ MAGIC_US, 0, 1, 1000 },
		{ MAGIC_NS, 0, 1, 1 },
		{ MAGIC_US, 5, 1000000, 6000000000 },
		{ MAGIC_NS, 5, 1000000000, 6000000000 },
		{ MAGIC_US, 0x80000000, 0, 2147483648000000000 },
		{ MAGIC_US, UINT32_MAX, UINT32_MAX, 4294967295000000000 + 4294967295000 },
		{ MAGIC_NS, UINT32_MAX, UINT32_MAX, 4294967295000000000 + 4294967295 },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct image f = { 0 };

		image_put_pcap_header(&f, times[i].magic, 1);
		image_put_record(&f, times[i].seconds, times[i].fraction, 0, 0);
		ck_assert_int_eq(read_image(&f)->packet[0].ts_ns, times[i].ts_ns);
		image_free(&f);
	}
}
END_TEST

START_TEST(other_formats_are_refused_by_name)
{
	static const struct {
		const char *head;
		size_t length;
		const char *error;
	} others[] = {
		{ "\x28\xb5\x2f\xfd", 4, "zstd-compressed: decompress it first" },
		{ "\x04\x22\x4d\x18", 4, "lz4-compressed: decompress it first" },
		{ "\xfd" "7zXZ\0", 6, "xz-compressed: decompress it first" },
		{ "BZh9", 4, "bzip2-compressed: decompress it first" },
		{ "PK\3\4", 4, "a zip archive: unpack it first" },
		{ "snoop\0\0\0\0\0\0\2", 12, "a snoop capture: convert it to pcap first" },
		{ "btsnoop\0", 8, "a btsnoop capture: convert it to pcap first" },
		{ "RTSS", 4, "a Network Monitor capture: convert it to pcap first" },
		{ "hello, world, this is not a capture", 35, "not a pcap or pcapng file" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct image f = { 0 };
		const struct reading *all;

		image_put(&f, others[i].head, others[i].length);
		image_put_zeros(&f, 64);
		all = read_image(&f);
		ck_assert_int_eq(all->open_result, -ENOTSUP);
		ck_assert_str_eq(all->error, others[i].error);
		image_free(&f);
	}
}
END_TEST

START_TEST(what_cannot_be_opened_says_why)
{
	const struct reading *all = read_path("/nonexistent/capture.pcap");

	ck_assert_int_eq(all->open_result, -ENOENT);
	ck_assert_str_eq(all->error, strerror(ENOENT));
	all = read_path("/");
	ck_assert_int_eq(all->open_result, -EISDIR);
	ck_assert_str_eq(all->error, strerror(EISDIR));
}
END_TEST

START_TEST(a_dash_is_the_standard_input_and_stays_open)
{
	struct image f = { 0 };
	size_t ends[PACKETS];

	put_file(&f, &forms[0], ends);
	ck_assert_ptr_nonnull(freopen(image_path(&f, f.length), "r", stdin));
	ck_assert_uint_eq(read_path("-")->packets, PACKETS);
	ck_assert_int_eq(lseek(STDIN_FILENO, 0, SEEK_CUR), (off_t)f.length);
	image_free(&f);
}
END_TEST

START_TEST(an_open_descriptor_is_read_from_its_start_and_keeps_its_place)
{
	struct image f = { 0 };
	size_t ends[PACKETS];
	struct capreader *r;
	struct packet p;
	unsigned int n = 0;
	int fd;

	put_file(&f, &forms[0], ends);
	fd = open(image_path(&f, f.length), O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(lseek(fd, 100, SEEK_SET), 100);
	ck_assert_int_eq(capreader_open_extent(&(struct extent){fd, 0, EXTENT_REST}, &r), 0);
	while (capreader_next(r, &p) == 1)
		n++;
	ck_assert_uint_eq(n, PACKETS);
	capreader_close(r);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 100);
	ck_assert_int_eq(close(fd), 0);
	image_free(&f);
}
END_TEST

START_TEST(progress_counts_bytes_of_the_file)
{
	struct capreader *r;
	struct packet p;
	uint64_t size = 1;
	struct image f = { 0 };
	size_t ends[PACKETS];

	put_file(&f, &forms[0], ends);
	ck_assert_int_eq(capreader_open(image_path(&f, f.length), &r), 0);
	while (capreader_next(r, &p) == 1)
		;
	ck_assert_uint_eq(capreader_progress(r, &size), f.length);
	ck_assert_uint_eq(size, f.length);
	ck_assert_uint_eq(capreader_progress(r, NULL), f.length);
	capreader_close(r);
	ck_assert_int_eq(capreader_open("/nonexistent/capture.pcap", &r), -ENOENT);
	ck_assert_uint_eq(capreader_progress(r, &size), 0);
	ck_assert_uint_eq(size, 0);
	capreader_close(r);
	capreader_close(NULL);
	image_free(&f);
}
END_TEST

/* More than the window holds, so that packets of all sizes cross its end. */
START_TEST(packets_that_cross_the_end_of_the_window_are_whole)
{
	struct image f = { 0 };
	const struct reading *all;
	uint64_t sum = 0;

	image_put_pcap_header(&f, MAGIC_US, 1);
	for (unsigned int n = 0; n < 2600; n++) {
		uint32_t length = n * 7919 % 3001;

		image_put_record(&f, n, 0, length, length);
		image_put_packet(&f, n % 256, length);
		for (uint32_t i = 0; i < length; i++)
			sum += (uint8_t)(n % 256 * 37 + i);
	}
	ck_assert_uint_gt(f.length, 3u << 20);
	all = read_image(&f);
	ck_assert_int_eq(all->result, 0);
	ck_assert_uint_eq(all->packets, 2600);
	ck_assert_uint_eq(all->byte_sum, sum);
	image_free(&f);
}
END_TEST

/* At fault are magic, version and link type of the file, and the captured length of each record. */
/* Packets of all lengths, some windows of them; what a packet lends is compared as late as allowed. */
START_TEST(packets_that_are_ready_leave_those_before_in_their_place)
{
	enum { COUNT = 4000, MOST = 50 };
	struct image f = { 0 };
	struct packet held[MOST], next;
	struct capreader *r;
	unsigned int n = 0, given = 0, bursts = 0;
	uint32_t caplen;

	image_put_pcap_header(&f, MAGIC_US, 1);
	for (unsigned int i = 0; i < COUNT; i++) {
		caplen = 4 + i * 7919 % 1500;
		image_put_record(&f, 1500000000, i, caplen, caplen);
		image_put_packet(&f, i, caplen);
	}
	ck_assert_int_eq(capreader_open(image_path(&f, f.length), &r), 0);
	while (capreader_next(r, &next) == 1) {
		held[0] = next;
		for (n = 1; n < MOST && capreader_ready(r); n++)
			ck_assert_int_eq(capreader_next(r, &held[n]), 1);
		for (unsigned int i = 0; i < n; i++, given++) {
			ck_assert_uint_eq(held[i].caplen, 4 + given * 7919 % 1500);
			for (uint32_t at = 0; at < held[i].caplen; at++)
				if (held[i].data[at] != (uint8_t)(given * 37 + at))
					ck_abort_msg("packet %u, byte %u", given, at);
		}
		bursts++;
	}
	ck_assert_uint_eq(given, COUNT);
	ck_assert_uint_lt(bursts, COUNT / MOST + 10);
	ck_assert(!capreader_ready(r));
	capreader_close(r);
	image_free(&f);
}
END_TEST

START_TEST(no_text_shows_a_value_of_the_file)
{
	struct image f = { .big_endian = forms[_i].big_endian };

	image_put_pcap_header(&f, forms[_i].magic, 1);
	for (unsigned int n = 0; n < 3; n++) {
		image_put_record(&f, 1500000000, n, 60, 60);
		image_put_zeros(&f, forms[_i].extra);
		image_put_packet(&f, n, 60);
	}
	ck_assert_uint_eq(read_with_addresses_everywhere(&f), 3 + 3);
	image_free(&f);
}
END_TEST

START_TEST(random_bit_flips_never_crash_the_reader)
{
	struct image f = { 0 };
	size_t ends[PACKETS];

	put_file(&f, &forms[_i], ends);
	read_with_random_flips(&f, 500, 0x9e3779b97f4a7c15u + (uint64_t)_i);
	image_free(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pcapfile/capreader");
	TCase *pcap = tcase_create("pcap");
	TCase *open = tcase_create("open");
	SRunner *runner;
	int failed;

	tcase_set_timeout(pcap, 120);
	tcase_add_loop_test(pcap, every_magic_and_byte_order_gives_the_same_packets, 0, FORMS);
	tcase_add_loop_test(pcap, a_file_cut_anywhere_gives_exactly_its_whole_packets, 0, FORMS);
	tcase_add_test(pcap, a_cut_is_described_by_offset_and_the_bytes_that_are_there);
	tcase_add_loop_test(pcap, lengths_of_old_versions_are_read_in_either_order, 0,
			    (int)(sizeof(old_versions) / sizeof(old_versions[0])));
	tcase_add_test(pcap, lengths_of_version_2_4_are_kept_even_where_captured_exceeds_original);
	tcase_add_test(pcap, an_unknown_version_is_refused);
	tcase_add_test(pcap, fcs_bits_of_the_link_type_are_kept_and_reserved_bits_refused);
	tcase_add_test(pcap, a_packet_above_the_limit_is_damage_and_one_at_it_is_not);
	tcase_add_test(pcap, a_length_near_two_to_the_32_is_damage);
	tcase_add_test(pcap, times_are_seconds_and_fraction_added_up_whatever_they_are);
	tcase_add_test(pcap, packets_that_cross_the_end_of_the_window_are_whole);
	tcase_add_test(pcap, packets_that_are_ready_leave_those_before_in_their_place);
	tcase_add_loop_test(pcap, no_text_shows_a_value_of_the_file, 0, FORMS);
	tcase_add_loop_test(pcap, random_bit_flips_never_crash_the_reader, 0, FORMS);
	suite_add_tcase(suite, pcap);
	tcase_add_test(open, other_formats_are_refused_by_name);
	tcase_add_test(open, what_cannot_be_opened_says_why);
	tcase_add_test(open, a_dash_is_the_standard_input_and_stays_open);
	tcase_add_test(open, an_open_descriptor_is_read_from_its_start_and_keeps_its_place);
	tcase_add_test(open, progress_counts_bytes_of_the_file);
	suite_add_tcase(suite, open);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
