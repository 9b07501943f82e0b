/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of reading flow files that are not what they should be: every kind of damage is told in
 * words, and no damage makes a record that its packets do not bear out.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/rescan.h"
#include "packet/decode.h"
#include "pcapfile/pcapfmt.h"
#include "support/flowfile.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/tempdir.h"

static const struct frames_talk v4 = {4, {50000, 443}, 1, 0};

#define T0 (RECORDS_DAY_NS + INT64_C(3723123456789))

static const char *dir;
static int dirfd;

static void begin(void)
{
	dir = tempdir_new();
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dirfd, 0);
}

static void finish(void)
{
	ck_assert_int_eq(close(dirfd), 0);
}

/* Writes bytes as `u.pcap.gz` and reads them again; an error must come with words. */
static int rescan(const uint8_t *bytes, size_t len, struct record *ret_record)
{
	char error[RESCAN_ERROR_SIZE];
	int rv, fd = openat(dirfd, "u.pcap.gz", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	quick_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && close(fd) == 0);
	memset(error, 0, sizeof(error));
	rv = rescan_file(dirfd, RECORDS_DAY, "u.pcap.gz", ret_record, error);
	quick_assert(
	    rv == 0 || (rv < 0 && error[0] != '\0' && memchr(error, '\0', sizeof(error)) != NULL));
	return rv;
}

static void ordinary(struct flowfile *f)
{
	flowfile_ordinary(f, &v4, "u", T0);
}

START_TEST(a_file_cut_anywhere_is_told)
{
	struct record r;
	struct flowfile f;

	begin();
	ordinary(&f);
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), 0);
	for (size_t len = 0; len < f.len; len++)
		if (rescan(f.bytes, len, &r) != -EBADMSG)
			ck_abort_msg("cut to %zu of %zu bytes", len, f.len);
	finish();
}
END_TEST

START_TEST(a_bit_flipped_anywhere_is_told_or_changes_nothing_that_packets_tell)
{
	struct record r;
	struct flowfile f;
	size_t told = 0;

	begin();
	ordinary(&f);
	flowfile_end(&f);
	for (size_t at = 0; at < f.len; at++) {
		f.bytes[at] ^= (uint8_t)(1u << at % 8);
		if (rescan(f.bytes, f.len, &r) == 0) {
			quick_assert(flowkey_equal(&r.key, &f.record.key));
			quick_assert(memcmp(&r.tally, &f.record.tally, sizeof(r.tally)) == 0);
			quick_assert(strcmp(r.uuid, "u") == 0 && r.part == 0);
			quick_assert(r.day == RECORDS_DAY && r.length == f.len);
		} else {
			told++;
		}
		f.bytes[at] ^= (uint8_t)(1u << at % 8);
	}
	/* Bytes that go unnoticed: times and systems of gzip headers, and words of the record. */
	ck_assert_uint_gt(told, f.len * 3 / 4);
	finish();
}
END_TEST

START_TEST(a_member_that_is_missing_or_there_twice_is_told)
{
	uint8_t bytes[2 * FLOWFILE_MAX];
	struct record r;
	struct flowfile f;

	begin();
	ordinary(&f);
	flowfile_end(&f);
	for (size_t m = 0; m < f.members; m++) {
		size_t from = f.member[m], to = m + 1 < f.members ? f.member[m + 1] : f.len;

		memcpy(bytes, f.bytes, from);
		memcpy(bytes + from, f.bytes + to, f.len - to);
		ck_assert_msg(
		    rescan(bytes, f.len - (to - from), &r) == -EBADMSG, "without member %zu", m);
		if (m + 1 == f.members)
			continue; /* two records: see below */
		memcpy(bytes, f.bytes, to);
		memcpy(bytes + to, f.bytes + from, f.len - from);
		ck_assert_msg(
		    rescan(bytes, f.len + (to - from), &r) == -EBADMSG, "member %zu twice", m);
	}
	finish();
}
END_TEST

START_TEST(bytes_after_the_record_are_told)
{
	struct record r;
	struct flowfile f;

	begin();
	ordinary(&f);
	flowfile_end(&f);
	f.bytes[f.len] = 0;
	ck_assert_int_eq(rescan(f.bytes, f.len + 1, &r), -EBADMSG);
	f.bytes[f.len] = 'x';
	ck_assert_int_eq(rescan(f.bytes, f.len + 1, &r), -EBADMSG);
	flowfile_add_raw(&f, "more", 4);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	finish();
}
END_TEST

START_TEST(sums_that_the_packets_do_not_bear_out_are_told)
{
	struct record r;
	struct flowfile f;

	begin();
	for (int i = 0; i < 10; i++) {
		int64_t off = i % 2 ? 1 : -1;

		ordinary(&f);
		switch (i / 2) {
		case 0:
			f.record.tally.pkts[0] += (uint64_t)off;
			break;
		case 1:
			f.record.tally.bytes[1] += (uint64_t)off;
			f.record.tally.captured_bytes += (uint64_t)off;
			break;
		case 2:
			f.record.tally.captured_bytes += (uint64_t)off;
			break;
		case 3:
			f.record.tally.first_ns += off;
			break;
		default:
			f.record.tally.last_ns += off;
		}
		flowfile_end(&f);
		ck_assert_msg(rescan(f.bytes, f.len, &r) == -EBADMSG, "sum %d", i);
	}
	finish();
}
END_TEST

START_TEST(a_record_that_is_none_is_told)
{
	static const char *const texts[] = {
	    "", "x", "{}", "{\"v\":2}", "{\"v\":1,\"uuid\":\"u\"}", "\0\0\0"};
	static char long_text[9000];
	struct record r;
	struct flowfile f;

	begin();
	for (size_t i = 0; i < 6; i++) {
		ordinary(&f);
		flowfile_end_text(&f, texts[i], i == 5 ? 3 : strlen(texts[i]));
		ck_assert_msg(rescan(f.bytes, f.len, &r) == -EBADMSG, "'%s'", texts[i]);
	}
	ordinary(&f); /* none at all */
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	ordinary(&f); /* a long one is none of ours */
	memset(long_text, ' ', sizeof(long_text));
	flowfile_end_text(&f, long_text, sizeof(long_text));
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	finish();
}
END_TEST

START_TEST(a_file_that_belongs_elsewhere_is_told)
{
	const struct frames_packet late = {
	    0, TCP_SYN, 1, 0, RECORDS_DAY_NS + INT64_C(86400000000000)};
	const struct frames_packet early = {0, TCP_SYN, 1, 0, RECORDS_DAY_NS - 1};
	struct record r;
	struct flowfile f;

	begin();
	ordinary(&f);
	(void)strcpy(f.record.uuid, "v");
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	flowfile_begin(&f, &v4, "u");
	flowfile_add(&f, &v4, &late, 1);
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	flowfile_begin(&f, &v4, "u");
	flowfile_add(&f, &v4, &early, 1);
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	finish();
}
END_TEST

START_TEST(packets_that_do_not_belong_are_told)
{
	static const uint8_t frame[60] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0x08, 0x06}; /* ARP */
	const struct frames_packet p = {0, TCP_ACK, 1, 5, T0 + 9};
	struct frames_talk other = v4;
	struct packet packet = {.ts_ns = T0, .caplen = 60, .origlen = 60, .data = frame};
	uint8_t raw[76];
	struct record r;
	struct flowfile f;

	begin();
	other.port[1]++;
	ordinary(&f);
	flowfile_add(&f, &other, &p, 1);
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	ordinary(&f);
	pcapfmt_record_header(&packet, 60, raw);
	memcpy(raw + 16, frame, 60);
	flowfile_add_raw(&f, raw, sizeof(raw));
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	ordinary(&f);
	flowfile_add_raw(&f, raw, sizeof(raw) - 1); /* the capture ends inside of a packet */
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	flowfile_begin(&f, &v4, "u"); /* no packet at all */
	f.record.tally.first_ns = f.record.tally.last_ns = T0;
	flowfile_end(&f);
	ck_assert_int_eq(rescan(f.bytes, f.len, &r), -EBADMSG);
	finish();
}
END_TEST

START_TEST(what_is_no_file_is_told_and_nobody_waits_for_it)
{
	char error[RESCAN_ERROR_SIZE] = "";
	struct record r;

	begin();
	ck_assert_int_eq(rescan_file(dirfd, RECORDS_DAY, "missing.pcap.gz", &r, error), -ENOENT);
	ck_assert_uint_gt(strlen(error), 0);
	ck_assert_int_eq(mkdir(tempdir_path(dir, "d.pcap.gz"), 0700), 0);
	ck_assert_int_eq(mkfifo(tempdir_path(dir, "f.pcap.gz"), 0600), 0);
	ck_assert_int_eq(symlink("/etc/passwd", tempdir_path(dir, "s.pcap.gz")), 0);
	ck_assert_int_lt(rescan_file(dirfd, RECORDS_DAY, "d.pcap.gz", &r, error), 0);
	ck_assert_int_lt(rescan_file(dirfd, RECORDS_DAY, "f.pcap.gz", &r, error), 0);
	ck_assert_int_eq(rescan_file(dirfd, RECORDS_DAY, "s.pcap.gz", &r, error), -ELOOP);
	ck_assert_int_eq(rescan_file(dirfd, RECORDS_DAY, "../x.pcap.gz", &r, error), -EBADMSG);
	ck_assert_int_eq(rescan_file(dirfd, RECORDS_DAY, "u.pcap", &r, error), -EBADMSG);
	finish();
}
END_TEST

static Suite *rescan_damage_suite(void)
{
	Suite *s = suite_create("rescan_damage");
	TCase *t = tcase_create("rescan_damage");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_file_cut_anywhere_is_told);
	tcase_add_test(t, a_bit_flipped_anywhere_is_told_or_changes_nothing_that_packets_tell);
	tcase_add_test(t, a_member_that_is_missing_or_there_twice_is_told);
	tcase_add_test(t, bytes_after_the_record_are_told);
	tcase_add_test(t, sums_that_the_packets_do_not_bear_out_are_told);
	tcase_add_test(t, a_record_that_is_none_is_told);
	tcase_add_test(t, a_file_that_belongs_elsewhere_is_told);
	tcase_add_test(t, packets_that_do_not_belong_are_told);
	tcase_add_test(t, what_is_no_file_is_told_and_nobody_waits_for_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(rescan_damage_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
