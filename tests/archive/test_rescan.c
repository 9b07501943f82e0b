/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of reading flow files again: the record that comes out is the one that went in. For damaged
 * files see test_rescan_damage.c.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/rescan.h"
#include "packet/decode.h"
#include "support/flowfile.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/tempdir.h"

static const struct frames_talk v4 = {4, {50000, 443}, 1, 0};
static const struct frames_talk v6 = {6, {443, 50000}, 2, 0};
static const struct frames_talk tagged = {4, {50000, 443}, 3, 77};

#define UUID "3f2a8c1d-0000-5000-8000-000000000001"
#define T0   (RECORDS_DAY_NS + INT64_C(3723123456789))

/* Writes the file under its name and reads it again. */
static int rescan(
    const struct flowfile *f, const char *name, struct record *ret_record, char *error)
{
	const char *dir = tempdir_new();
	int fd, rv;

	tempdir_write(tempdir_path(dir, name), f->bytes, f->len);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	quick_assert(fd >= 0);
	rv = rescan_file(fd, RECORDS_DAY, name, ret_record, error);
	(void)close(fd); /* only a directory */
	return rv;
}

static void check_rescan(const struct flowfile *f, const char *name)
{
	char error[RESCAN_ERROR_SIZE] = "";
	struct record got;

	memset(&got, 0x5a, sizeof(got));
	ck_assert_msg(rescan(f, name, &got, error) == 0, "%s", error);
	records_check_equal(&got, &f->record);
}

START_TEST(the_record_that_comes_out_is_the_one_that_went_in)
{
	const struct frames_talk *talks[] = {&v4, &v6, &tagged};
	struct flowfile f;

	flowfile_ordinary(&f, talks[_i], UUID, T0);
	flowfile_end(&f);
	check_rescan(&f, UUID ".pcap.gz");
}
END_TEST

START_TEST(what_the_packets_cannot_tell_comes_from_the_record)
{
	struct flowfile f;

	flowfile_ordinary(&f, &v6, "host_1577836800_00000000000012AB", T0);
	f.record.uuid_source = UUID_EVENT;
	f.record.end_reason = END_CRASH;
	(void)strcpy(f.record.interface, "\"eth0\\\n\xc3\xa9\xff");
	f.record.snaplen = 1500;
	f.record.lost_pkts = 5;
	f.record.cut_duration_pkts = 6;
	f.record.cut_bytes_pkts = 7;
	f.record.key.vlan[0] = 12;
	f.record.key.vlan[1] = 13;
	flowfile_end(&f);
	check_rescan(&f, "host_1577836800_00000000000012AB.pcap.gz");
	flowfile_ordinary(&f, &v4, "x", T0);
	f.record.key.vlan[1] = 13; /* a priority tag outside */
	flowfile_end(&f);
	check_rescan(&f, "x.pcap.gz");
}
END_TEST

START_TEST(a_later_part_keeps_the_client_that_it_was_told)
{
	const struct frames_packet p[] = {{0, TCP_ACK, 7, 20, T0}, {1, TCP_ACK, 8, 20, T0 + 5}};
	struct flowfile f;

	for (int client = 0; client < 2; client++) {
		flowfile_begin(
		    &f, &v4, UUID); /* by its ports alone the client would be the low side */
		flowfile_add(&f, &v4, p, 2);
		f.record.part = 3;
		f.record.client = (enum side)client;
		flowfile_end(&f);
		check_rescan(&f, UUID "~3.pcap.gz");
	}
}
END_TEST

START_TEST(a_first_part_tells_the_client_by_its_packets)
{
	const struct frames_packet syn[] = {{1, TCP_SYN, 7, 0, T0}, {0, TCP_ACK, 8, 20, T0 + 5}};
	const struct frames_packet middle[] = {{1, TCP_ACK, 7, 1, T0}, {0, TCP_ACK, 8, 20, T0 + 5}};
	struct flowfile f;

	flowfile_begin(&f, &v4, UUID);
	flowfile_add(&f, &v4, syn, 2);
	f.record.client = SIDE_HIGH;
	flowfile_end(&f);
	check_rescan(&f, UUID ".pcap.gz");
	flowfile_begin(&f, &v4, UUID);
	flowfile_add(&f, &v4, middle, 2);
	f.record.client = SIDE_LOW; /* port 50000 */
	flowfile_end(&f);
	check_rescan(&f, UUID ".pcap.gz");
}
END_TEST

START_TEST(a_time_that_goes_back_is_kept_as_it_came)
{
	const struct frames_packet p[] = {{0, TCP_SYN, 7, 0, T0},
	    {1, TCP_ACK, 8, 20, T0 - 5000000000}, {1, TCP_ACK, 8, 20, T0 - 1}};
	struct flowfile f;

	flowfile_begin(&f, &v4, UUID);
	flowfile_add(&f, &v4, p, 2);
	flowfile_add(&f, &v4, p + 2, 1);
	flowfile_end(&f);
	check_rescan(&f, UUID ".pcap.gz");
	ck_assert_int_eq(f.record.tally.last_ns, T0 - 1);
}
END_TEST

START_TEST(the_packets_of_an_unfinished_file_are_added_up)
{
	char error[RESCAN_ERROR_SIZE] = "";
	const char *path = tempdir_path(tempdir_new(), "staged");
	struct record want;
	struct flowfile f;
	struct tally t;
	int fd;

	flowfile_ordinary(&f, &tagged, UUID, T0); /* and no record */
	f.record.key.vlan[0] = 77;                /* as with --vlan-key */
	tempdir_write(path, f.bytes, f.len);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(lseek(fd, 5, SEEK_SET), 5);
	ck_assert_int_eq(
	    rescan_packets(&(struct extent){fd, 0, EXTENT_REST}, &f.record.key, &t, error), 0);
	want = f.record;
	want.tally = t;
	records_check_equal(&want, &f.record);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 5);
	f.record.key.port[0]++;
	ck_assert_int_eq(
	    rescan_packets(&(struct extent){fd, 0, EXTENT_REST}, &f.record.key, &t, error),
	    -EBADMSG);
	ck_assert_uint_gt(strlen(error), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* ---- whole days -------------------------------------------------------------------------------
 */

/* Puts a file into the day; the name is that of its record. */
static void put_file(struct archive *a, const struct flowfile *f)
{
	char name[LAYOUT_NAME_SIZE], path[LAYOUT_NAME_SIZE + 32];

	(void)snprintf(path, sizeof(path), "2026/01/02/%s",
	    layout_file_name(f->record.uuid, f->record.part, name));
	tempdir_write(tempdir_path(archive_path(a), path), f->bytes, f->len);
}

#define FILES 12u

/* A day of flow files; *ret_records, which the caller frees, are their rows. */
static void fill_day(struct archive *a, struct record **ret_records)
{
	struct record *records = calloc(FILES, sizeof(*records));
	struct frames_talk t = v4;
	struct flowfile f;
	char uuid[40];

	for (uint32_t i = 0; i < FILES; i++) {
		t.number = (uint8_t)i;
		t.family = i % 2 ? 6 : 4;
		(void)snprintf(uuid, sizeof(uuid), "3f2a8c1d-0000-5000-8000-%012x", i / 3);
		flowfile_ordinary(&f, &t, uuid, T0 + i);
		f.record.part = i % 3;
		flowfile_end(&f);
		put_file(a, &f);
		records[i] = f.record;
	}
	*ret_records = records;
}

static int count_names(int dirfd, const char *name, void *arg)
{
	quick_assert(faccessat(dirfd, name, R_OK, 0) == 0);
	return ++*(int *)arg == 30 ? -ECANCELED : 1;
}

START_TEST(every_flow_file_of_a_day_is_visited_until_told_to_stop)
{
	struct record *records;
	int calls = 0;
	char *index;
	struct archive *a = rows_archive("a", &index);

	fill_day(a, &records);
	tempdir_write(tempdir_path(archive_path(a), "2026/01/02/notes.pcap"), "not ours", 8);
	ck_assert_int_eq(rescan_day(a, RECORDS_DAY, count_names, &calls), 0);
	ck_assert_int_eq(calls, FILES);
	calls = 25;
	ck_assert_int_eq(rescan_day(a, RECORDS_DAY, count_names, &calls), -ECANCELED);
	ck_assert_int_eq(calls, 30);
	ck_assert_int_eq(rescan_day(a, 1, count_names, &calls), -ENOENT);
	archive_close(a);
	free(index);
	free(records);
}
END_TEST

static Suite *rescan_suite(void)
{
	Suite *s = suite_create("rescan");
	TCase *t = tcase_create("rescan");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(t, the_record_that_comes_out_is_the_one_that_went_in, 0, 3);
	tcase_add_test(t, what_the_packets_cannot_tell_comes_from_the_record);
	tcase_add_test(t, a_later_part_keeps_the_client_that_it_was_told);
	tcase_add_test(t, a_first_part_tells_the_client_by_its_packets);
	tcase_add_test(t, a_time_that_goes_back_is_kept_as_it_came);
	tcase_add_test(t, the_packets_of_an_unfinished_file_are_added_up);
	tcase_add_test(t, every_flow_file_of_a_day_is_visited_until_told_to_stop);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(rescan_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
