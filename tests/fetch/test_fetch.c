/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of writing parts out as one pcap: what is whole, what is merged, and what is damaged. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "fetchrig.h"
#include "base/clk.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0bbbbbbb-2222-5222-8222-222222222222"
#define UUID_M "host_1577836800_00000000000012AB"
#define FILE_A "2026/01/01/" UUID_A ".pcap.gz"

static struct fetchrig rig;

static void set_up(void)
{
	fetchrig_set_up(&rig);
}

static void tear_down(void)
{
	fetchrig_tear_down(&rig);
}

START_TEST(one_part_comes_back_byte_for_byte)
{
	/* backwards in time, in members of two packets, 500 bytes each, to be gathered and not */
	builder_add(rig.builder,
	    &(struct built_part){.uuid = UUID_A,
		.packets = 101,
		.step_ns = -1234567,
		.member_packets = 2,
		.payload_bytes = 500,
		.ipv6 = _i == 1,
		.raw_ip = _i == 2},
	    INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	size_t n, have;
	uint8_t *want = fetchrig_gunzip(&rig, FILE_A, &n), *got = malloc(n + 1);
	int fd = open(rig.out_path, O_RDONLY);

	have = (size_t)read(fd, got, n + 1);
	ck_assert_uint_eq(have, n);
	ck_assert_mem_eq(got, want, n);
	ck_assert_uint_eq(rig.totals.bytes, n);
	ck_assert_uint_eq(rig.totals.pkts, 101);
	ck_assert_uint_eq(rig.complaints.count, 0);
	(void)close(fd);
	free(got);
	free(want);
}
END_TEST

START_TEST(parts_of_two_days_are_merged_by_time_and_ties_keep_their_order)
{
	const int64_t midnight = BUILDER_NOON + CLK_DAY_NS / 2;
	/* the second and third begin while the first goes on, and meet it at the same nanosecond */
	const struct built_part p[3] = {
	    {.uuid = UUID_A, .first_ns = midnight - 10, .step_ns = 10, .packets = 6},
	    {.uuid = UUID_A, .number = 1, .first_ns = midnight, .step_ns = 5, .packets = 4},
	    {.uuid = UUID_A, .number = 2, .first_ns = midnight + 1, .step_ns = 19, .packets = 3}};
	static const struct {
		int part;
		unsigned packet;
	} want[] = {{0, 0}, {0, 1}, {1, 0}, {2, 0}, {1, 1}, {0, 2}, {1, 2}, {1, 3}, {0, 3}, {2, 1},
	    {0, 4}, {2, 2}, {0, 5}};
	struct seen *s;

	builder_add(rig.builder, &p[1], INDEXED);
	builder_add(rig.builder, &p[2], INDEXED);
	builder_add(rig.builder, &p[0], INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	s = fetchrig_read(&rig, 13);
	for (size_t i = 0; i < 13; i++)
		fetchrig_check(&s[i], &p[want[i].part], want[i].packet);
	free(s);
}
END_TEST

START_TEST(a_part_that_no_row_names_yet_is_written_too)
{
	const struct built_part p[2] = {{.uuid = UUID_M, .first_ns = BUILDER_NOON, .step_ns = 2},
	    {.uuid = UUID_M, .number = 1, .first_ns = BUILDER_NOON + 100, .step_ns = 2}};
	struct seen *s;

	builder_add(rig.builder, &p[0], INDEXED);
	builder_add(rig.builder, &p[1], NOT_INDEXED);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	s = fetchrig_read(&rig, 8);
	fetchrig_check(&s[0], &p[0], 0);
	fetchrig_check(&s[7], &p[1], 3);
	free(s);
}
END_TEST

/*
 * 300 parts, one after another or all at the same time: few descriptors must do. The first ones are
 * what the test itself holds.
 */
START_TEST(three_hundred_parts_need_few_descriptors)
{
	struct rlimit few = {64, 64};
	struct built_part p = {.uuid = UUID_A,
	    .step_ns = 1000,
	    .packets = 5,
	    .member_packets = 1,
	    .payload_bytes = 20000};
	int64_t before_ns = 0;
	struct seen *s;

	for (p.number = 0; p.number < 300; p.number++) {
		p.first_ns = BUILDER_NOON + (_i == 0 ? p.number * INT64_C(1000000) : p.number);
		builder_add(rig.builder, &p, INDEXED);
	}
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, "");
	s = fetchrig_read(&rig, 1500);
	for (size_t i = 0; i < 1500; i++) {
		ck_assert_int_ge(s[i].ts_ns, before_ns);
		before_ns = s[i].ts_ns;
		p.number = (uint32_t)(_i == 0 ? i / 5 : i % 300);
		p.first_ns = BUILDER_NOON + (_i == 0 ? p.number * INT64_C(1000000) : p.number);
		fetchrig_check(&s[i], &p, (unsigned)(_i == 0 ? i % 5 : i / 300));
	}
	free(s);
}
END_TEST

START_TEST(two_link_types_are_refused_and_nothing_is_made)
{
	builder_add(rig.builder, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_add(rig.builder, &(struct built_part){.uuid = UUID_B, .raw_ip = true}, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	ck_assert_int_eq(fetchrig_fetch(&rig), -EMEDIUMTYPE);
	ck_assert_int_eq(access(rig.out_path, F_OK), -1);
}
END_TEST

/* ---- damage ---- */

/* Ten packets in members of two, then another part, which is whole. */
static const struct built_part damaged = {.uuid = UUID_A,
    .first_ns = BUILDER_NOON,
    .step_ns = 10,
    .packets = 10,
    .member_packets = 2,
    .payload_bytes = 300};
static const struct built_part whole = {
    .uuid = UUID_B, .first_ns = BUILDER_NOON + 1, .step_ns = 10, .packets = 10};

static void add_both(void)
{
	builder_add(rig.builder, &damaged, INDEXED);
	builder_add(rig.builder, &whole, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
}

/* Packets of a part among what was written, which must be its first ones. */
static unsigned count_of(const struct seen *s, size_t n, const struct built_part *p)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		if (strncmp(s[i].text, p->uuid, strlen(p->uuid)) == 0)
			fetchrig_check(&s[i], p, count++);
	return count;
}

START_TEST(a_flipped_byte_is_named_and_no_packet_is_ever_given_wrong)
{
	unsigned named = 0;
	uint64_t size;
	struct seen *s;
	size_t n;

	add_both();
	size = builder_size(rig.builder, FILE_A);
	for (uint64_t at = 0; at < size; at++) {
		unsigned have;

		builder_flip_byte(rig.builder, FILE_A, at);
		fetchrig_forget(&rig);
		ck_assert_int_eq(fetchrig_fetch(&rig), 0);
		builder_flip_byte(rig.builder, FILE_A, at);
		s = builder_read_pcap(rig.out_path, &n);
		ck_assert_uint_eq(count_of(s, n, &whole), whole.packets);
		have = count_of(s, n, &damaged);
		ck_assert_uint_eq(n, have + whole.packets);
		free(s);
		ck_assert_uint_eq(rig.totals.bad_parts, rig.complaints.count);
		ck_assert_uint_le(rig.complaints.count, 1);
		named += rig.complaints.count;
		if (rig.complaints.count ==
		    0) { /* a time in a gzip header, or the record: no packet suffers */
			ck_assert_uint_eq(have, damaged.packets);
			continue;
		}
		ck_assert_ptr_nonnull(strstr(rig.complaints.text, FILE_A ": "));
		ck_assert_uint_eq(have % 2, 0); /* whole members */
	}
	ck_assert_uint_gt(named, size / 3);
}
END_TEST

START_TEST(all_before_a_wrong_checksum_is_written)
{
	uint8_t bytes[8192];
	struct seen *s;
	uint64_t at;
	size_t n;
	FILE *f;
	char path[PATH_MAX * 2];

	builder_add(rig.builder, &damaged, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	/* the last member with packets ends where the record member begins: 8 bytes before is its
	 * CRC */
	(void)snprintf(path, sizeof(path), "%s/" FILE_A, builder_dir(rig.builder));
	f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	ck_assert_uint_eq(n, builder_size(rig.builder, FILE_A));
	for (at = n - 5; memcmp(bytes + at, "\x1f\x8b\x08\x04", 4) != 0; at--)
		ck_assert_uint_gt(at, 0);
	builder_flip_byte(rig.builder, FILE_A, at - 8);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(rig.totals.bad_parts, 1);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, "incorrect data check"));
	s = fetchrig_read(&rig, 8);
	ck_assert_uint_eq(count_of(s, 8, &damaged), 8);
	free(s);
}
END_TEST

START_TEST(a_file_cut_anywhere_gives_its_whole_packets_and_is_named)
{
	unsigned before = 0;
	uint64_t size;
	struct seen *s;
	uint8_t *bytes;
	size_t n;
	FILE *f;
	char path[PATH_MAX * 2];

	add_both();
	size = builder_size(rig.builder, FILE_A);
	bytes = malloc(size);
	(void)snprintf(path, sizeof(path), "%s/" FILE_A, builder_dir(rig.builder));
	f = fopen(path, "rb");
	ck_assert(f != NULL && bytes != NULL && fread(bytes, 1, size, f) == size);
	(void)fclose(f);
	for (uint64_t cut = 0; cut < size; cut++) {
		unsigned have;

		builder_write(rig.builder, FILE_A, bytes, (size_t)cut);
		fetchrig_forget(&rig);
		ck_assert_int_eq(fetchrig_fetch(&rig), 0);
		ck_assert_uint_eq(rig.complaints.count, 1);
		ck_assert_ptr_nonnull(strstr(rig.complaints.text, FILE_A ": "));
		s = builder_read_pcap(rig.out_path, &n);
		ck_assert_uint_eq(count_of(s, n, &whole), whole.packets);
		have = count_of(s, n, &damaged);
		ck_assert_uint_eq(n, have + whole.packets);
		ck_assert_uint_ge(have, before); /* a longer file never gives less */
		before = have;
		free(s);
	}
	ck_assert_uint_eq(before, damaged.packets);
	free(bytes);
}
END_TEST

START_TEST(a_missing_file_is_named_and_the_others_are_written)
{
	struct seen *s;

	add_both();
	builder_remove(rig.builder, FILE_A);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(rig.totals.bad_parts, 1);
	ck_assert_str_eq(rig.complaints.text, FILE_A ": missing\n");
	s = fetchrig_read(&rig, 10);
	ck_assert_uint_eq(count_of(s, 10, &whole), 10);
	free(s);
}
END_TEST

START_TEST(without_a_readable_packet_no_file_is_made)
{
	builder_add(rig.builder, &damaged, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	builder_cut(rig.builder, FILE_A, 20);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(rig.totals.bad_parts, 1);
	ck_assert_uint_eq(rig.totals.pkts, 0);
	ck_assert_int_eq(access(rig.out_path, F_OK), -1);
}
END_TEST

START_TEST(a_file_that_is_not_what_its_row_says_is_named)
{
	struct record r;

	/* the row says that the file holds one packet less than it does */
	r = *builder_add(rig.builder, &damaged, NOT_INDEXED);
	r.tally.pkts[0]--;
	builder_add_row(rig.builder, &r);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, FILE_A ": has 10 packets, but the index says 9\n");
	free(fetchrig_read(&rig, 10));
	builder_write(rig.builder, FILE_A, "", 0);
	fetchrig_forget(&rig);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, FILE_A ": empty\n");
}
END_TEST

/* A part's file packed anew, in gzip members of so many bytes, of its first keep bytes. */
static void pack_anew(size_t member_bytes, size_t keep)
{
	size_t room = 1 << 20, n, packed = 0;
	uint8_t *in = fetchrig_gunzip(&rig, FILE_A, &n), *packs = malloc(room);
	z_stream z = {0};

	ck_assert(packs != NULL && keep <= n);
	ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	n = keep > 0 ? keep : n;
	for (size_t at = 0; at < n; at += member_bytes) {
		z.next_in = in + at;
		z.avail_in = (uInt)(n - at < member_bytes ? n - at : member_bytes);
		z.next_out = packs + packed;
		z.avail_out = (uInt)(room - packed);
		ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
		packed += z.total_out;
		(void)deflateReset(&z);
	}
	(void)deflateEnd(&z);
	builder_write(rig.builder, FILE_A, packs, packed);
	free(packs);
	free(in);
}

/* As gzip(1) makes of an unpacked file, with members larger than any writer's, or cut anywhere. */
START_TEST(a_file_that_was_packed_anew_is_read_but_named)
{
	static const size_t member_bytes[] = {1 << 20, 100000, 20000, 1000, 15};
	struct built_part p = {.uuid = UUID_A,
	    .first_ns = BUILDER_NOON,
	    .step_ns = 1,
	    .packets = 40,
	    .payload_bytes = 15000};

	builder_add(rig.builder, &p, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	pack_anew(member_bytes[_i], 0);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(rig.complaints.count, 1);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, "but the index says"));
	struct seen *s = fetchrig_read(&rig, 40);
	ck_assert_uint_eq(count_of(s, 40, &p), 40);
	free(s);
}
END_TEST

START_TEST(a_file_that_ends_inside_a_packet_is_named)
{
	builder_add(rig.builder, &damaged, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	pack_anew(1000, 1000);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, "cut: it ends inside packet 3\n"));
	free(fetchrig_read(&rig, 2));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/fetch");
	TCase *merge = tcase_create("merge"), *damage = tcase_create("damage");
	SRunner *runner;
	int failed;

	tcase_set_timeout(merge, 60);
	tcase_add_checked_fixture(merge, set_up, tear_down);
	tcase_add_loop_test(merge, one_part_comes_back_byte_for_byte, 0, 3);
	tcase_add_test(merge, parts_of_two_days_are_merged_by_time_and_ties_keep_their_order);
	tcase_add_test(merge, a_part_that_no_row_names_yet_is_written_too);
	tcase_add_loop_test(merge, three_hundred_parts_need_few_descriptors, 0, 2);
	tcase_add_test(merge, two_link_types_are_refused_and_nothing_is_made);
	suite_add_tcase(suite, merge);
	tcase_set_timeout(damage, 120);
	tcase_add_checked_fixture(damage, set_up, tear_down);
	tcase_add_test(damage, a_flipped_byte_is_named_and_no_packet_is_ever_given_wrong);
	tcase_add_test(damage, all_before_a_wrong_checksum_is_written);
	tcase_add_test(damage, a_file_cut_anywhere_gives_its_whole_packets_and_is_named);
	tcase_add_test(damage, a_missing_file_is_named_and_the_others_are_written);
	tcase_add_test(damage, without_a_readable_packet_no_file_is_made);
	tcase_add_test(damage, a_file_that_is_not_what_its_row_says_is_named);
	tcase_add_loop_test(damage, a_file_that_was_packed_anew_is_read_but_named, 0, 5);
	tcase_add_test(damage, a_file_that_ends_inside_a_packet_is_named);
	suite_add_tcase(suite, damage);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
