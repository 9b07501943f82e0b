/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the saver threads on a disk that is full for a while: what is lost is counted once, and
 * the flow's record tells the truth about what is left.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/quick.h"
#include "support/records.h"
#include "support/saverig.h"
#include "support/tempdir.h"

#define T0 (RECORDS_DAY_NS + INT64_C(3723123456789))

/* Nothing fits: not even a file's first member. */
#define NOTHING 10

/* The staged file's size, 0 where there is none. */
static uint64_t staged_bytes(const struct saverig *rig, char *ret_path)
{
	DIR *d = opendir(tempdir_path(rig->dir, ".staging"));
	struct dirent *e;
	struct stat st = {.st_size = 0};

	quick_assert(d != NULL);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			(void)snprintf(ret_path, 4096, "%s/.staging/%s", rig->dir, e->d_name);
			(void)stat(ret_path, &st); /* it may be gone: then it has no size */
		}
	(void)closedir(d); /* only read from */
	return (uint64_t)st.st_size;
}

/* Flushes what the flow has, and waits until it is on disk. Returns the staged file's size. */
static uint64_t flush_well(struct saverig *rig, struct saverig_flow *flow)
{
	char path[4096];
	uint64_t size = staged_bytes(rig, path);
	size_t len = 0;

	for (const struct chunk *c = flow->next.chunks; c != NULL; c = c->next)
		len += c->used;
	/* Members of codec "none" are as long as the bound says; the first one holds the header. */
	size += gzmember_bound(len) + (size == 0 ? gzmember_bound(24) : 0);
	saverig_flush(rig, flow);
	while (staged_bytes(rig, path) != size)
		(void)usleep(1000);
	return size;
}

/* Flushes while no file may be larger than `limit`, and waits until the loss is counted. */
static void flush_badly(
    struct saverig *rig, struct saverig_flow *flow, unsigned count, uint64_t limit)
{
	uint64_t dropped = ledger_get(&rig->ledger.dropped[DROP_disk]);
	size_t want_len = flow->want_len;

	saverig_packets(rig, flow, count, 700);
	saverig_lost(flow, want_len);
	tempdir_limit(limit);
	saverig_flush(rig, flow);
	while (ledger_get(&rig->ledger.dropped[DROP_disk]) == dropped)
		(void)usleep(1000);
	tempdir_limit(UINT64_MAX);
	quick_assert(ledger_get(&rig->ledger.dropped[DROP_disk]) == dropped + count);
}

/* The row says what is in the file, and what was lost on the way there. */
static void check_lossy(
    struct saverig *rig, struct saverig_flow *flow, uint64_t kept, uint64_t lost)
{
	struct record row;

	(void)saverig_check(rig, flow, &row); /* its file, its record and its row agree */
	ck_assert_uint_eq(row.lost_pkts, lost);
	ck_assert_uint_eq(row.tally.pkts[0] + row.tally.pkts[1], kept);
	ck_assert_uint_eq(row.tally.bytes[0] + row.tally.bytes[1], row.tally.captured_bytes);
	ck_assert_int_eq(row.end_reason, END_FIN);
	ck_assert_str_eq(row.interface, flow->all.interface);
	ck_assert_uint_eq(ledger_get(&rig->ledger.packets_archived), kept);
	ck_assert_uint_eq(ledger_get(&rig->ledger.dropped[DROP_disk]), lost);
	ck_assert_uint_eq(ledger_get(&rig->ledger.bytes_archived), row.tally.captured_bytes);
	ck_assert_uint_eq(ledger_get(&rig->ledger.bytes_written), row.length);
	ck_assert_uint_eq(ledger_get(&rig->ledger.files), 1);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig->dir, ".staging")), 0);
}

static void finish(struct saverig *rig, struct saverig_flow *flow)
{
	saverig_flow_free(flow);
	saverig_close(rig);
}

START_TEST(a_flush_that_fails_in_the_middle_is_a_hole_that_the_record_tells)
{
	struct saverig rig;
	struct saverig_flow flow;
	uint64_t size;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, (uint32_t)_i, T0);
	saverig_packets(&rig, &flow, 6, 300);
	size = flush_well(&rig, &flow);
	flush_badly(&rig, &flow, 4, size + 1000); /* part of it fits */
	flush_badly(&rig, &flow, 5, size);
	saverig_packets(&rig, &flow, 7, 200);
	if (_i % 2)
		(void)flush_well(&rig, &flow);
	if (_i / 2 % 2)
		saverig_packets(&rig, &flow, 8, 100);
	saverig_end(&rig, &flow, END_FIN);
	saverig_stop(&rig);
	check_lossy(&rig, &flow, _i / 2 % 2 ? 21 : 13, 9);
	finish(&rig, &flow);
}
END_TEST

START_TEST(a_beginning_that_fails_is_begun_again)
{
	struct saverig rig;
	struct saverig_flow flow;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 3, T0);
	flush_badly(&rig, &flow, 3, NOTHING);
	flush_badly(&rig, &flow, 2, 1000); /* the header fits, but not the packets */
	saverig_packets(&rig, &flow, 4, 50);
	if (_i == 0) {
		(void)flush_well(&rig, &flow);
		saverig_packets(&rig, &flow, 2, 60);
	}
	saverig_end(&rig, &flow, END_FIN);
	saverig_stop(&rig);
	check_lossy(&rig, &flow, _i == 0 ? 6 : 4, 5);
	finish(&rig, &flow);
}
END_TEST

START_TEST(a_last_flush_that_fails_ends_the_flow_where_it_failed)
{
	struct saverig rig;
	struct saverig_flow flow;
	uint64_t size;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 4, T0);
	saverig_packets(&rig, &flow, 6, 300);
	size = flush_well(&rig, &flow);
	flush_badly(&rig, &flow, 4, size + 5);
	saverig_end(&rig, &flow, END_FIN); /* nothing is left to write */
	saverig_stop(&rig);
	check_lossy(&rig, &flow, 6, 4);
	finish(&rig, &flow);
}
END_TEST

START_TEST(a_part_lies_in_the_day_of_the_first_packet_that_it_has)
{
	struct saverig rig;
	struct saverig_flow flow;
	struct record row;

	/* 1 ms between packets: the first three before midnight, the rest after it. */
	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 5, RECORDS_DAY_NS + INT64_C(86400000000000) - 2500000);
	flush_badly(&rig, &flow, 3, NOTHING);
	saverig_packets(&rig, &flow, 4, 50);
	(void)flush_well(&rig, &flow);
	saverig_end(&rig, &flow, END_FIN);
	saverig_stop(&rig);
	check_lossy(&rig, &flow, 4, 3);
	(void)saverig_check(&rig, &flow, &row);
	ck_assert_int_eq(row.day, RECORDS_DAY + 1);
	finish(&rig, &flow);
}
END_TEST

START_TEST(a_flow_of_which_nothing_was_written_is_counted_and_gone)
{
	struct saverig rig;
	struct saverig_flow flow;
	size_t want_len;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 6, T0);
	flush_badly(&rig, &flow, 3, NOTHING);
	flush_badly(&rig, &flow, 2, NOTHING);
	want_len = flow.want_len;
	if (_i)
		saverig_packets(&rig, &flow, 4, 50);
	saverig_lost(&flow, want_len);
	tempdir_limit(NOTHING);
	saverig_end(&rig, &flow, END_FIN);
	savers_stop(rig.savers);
	rig.savers = NULL;
	tempdir_limit(UINT64_MAX);
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.dropped[DROP_disk]), _i ? 9 : 5);
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), 0);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	finish(&rig, &flow);
}
END_TEST

START_TEST(a_whole_flow_that_does_not_fit_is_counted_and_leaves_nothing)
{
	struct saverig rig;
	struct saverig_flow flow;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 7, T0);
	saverig_packets(&rig, &flow, 4, 500);
	tempdir_limit(1000);
	saverig_end(&rig, &flow, END_FIN);
	savers_stop(rig.savers);
	rig.savers = NULL;
	tempdir_limit(UINT64_MAX);
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.dropped[DROP_disk]), 4);
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), 0);
	ck_assert_uint_eq(ledger_get(&rig.ledger.bytes_archived), 0);
	ck_assert(!tempdir_exists(tempdir_path(rig.dir, "2026/01/02/flows.sqlite")));
	finish(&rig, &flow);
}
END_TEST

/* What is left staged is for the next start to adopt; the ledger has all of its packets once. */
START_TEST(a_close_that_fails_counts_every_packet_once)
{
	struct saverig rig;
	struct saverig_flow flow;
	uint64_t size;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 8, T0);
	saverig_packets(&rig, &flow, 6, 300);
	size = flush_well(&rig, &flow);
	if (_i)
		flush_badly(&rig, &flow, 4, size + 5);
	saverig_packets(&rig, &flow, 3, 50);
	tempdir_limit(size + 20);
	saverig_end(&rig, &flow, END_FIN);
	savers_stop(rig.savers);
	rig.savers = NULL;
	tempdir_limit(UINT64_MAX);
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.dropped[DROP_disk]), _i ? 13 : 9);
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), 0);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 1);
	finish(&rig, &flow);
}
END_TEST

START_TEST(a_staged_file_that_vanished_or_was_spoilt_counts_every_packet_once)
{
	char path[4096];
	struct saverig rig;
	struct saverig_flow flow;
	uint64_t size;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 9, T0);
	saverig_packets(&rig, &flow, 6, 300);
	size = flush_well(&rig, &flow);
	if (_i < 2)
		flush_badly(&rig, &flow, 4, size + 5);
	quick_assert(staged_bytes(&rig, path) == size);
	if (_i % 2 == 0)
		quick_assert(unlink(path) == 0);
	else
		quick_assert(truncate(path, (off_t)size - 3) == 0);
	saverig_end(&rig, &flow, END_FIN);
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.dropped[DROP_disk]), _i < 2 ? 10 : 6);
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), 0);
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), 0);
	finish(&rig, &flow);
}
END_TEST

START_TEST(other_flows_are_not_touched_by_one_that_fails)
{
	struct saverig rig;
	struct saverig_flow small, big;
	struct record row;
	size_t want_len;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	saverig_flow_begin(&rig, &small, 10, T0);
	saverig_flow_begin(&rig, &big, 11, T0);
	saverig_packets(&rig, &small, 3, 10);
	saverig_flush(&rig, &small);
	saverig_packets(&rig, &big, 1, 10);
	saverig_flush(&rig, &big);
	while (tempdir_count(tempdir_path(rig.dir, ".staging")) < 2)
		(void)usleep(1000);
	want_len = big.want_len;
	flush_badly(&rig, &big, 20, 1500);
	ck_assert_uint_eq(big.want_len, want_len);
	saverig_packets(&rig, &small, 2, 10);
	saverig_end(&rig, &small, END_IDLE);
	saverig_end(&rig, &big, END_IDLE);
	saverig_stop(&rig);
	(void)saverig_check(&rig, &small, &row);
	ck_assert_uint_eq(row.lost_pkts, 0);
	(void)saverig_check(&rig, &big, &row);
	ck_assert_uint_eq(row.lost_pkts, 20);
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), 6);
	saverig_flow_free(&small);
	finish(&rig, &big);
}
END_TEST

static Suite *saver_faults_suite(void)
{
	Suite *s = suite_create("saver_faults");
	TCase *t = tcase_create("saver_faults");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(
	    t, a_flush_that_fails_in_the_middle_is_a_hole_that_the_record_tells, 0, 8);
	tcase_add_loop_test(t, a_beginning_that_fails_is_begun_again, 0, 2);
	tcase_add_test(t, a_last_flush_that_fails_ends_the_flow_where_it_failed);
	tcase_add_test(t, a_part_lies_in_the_day_of_the_first_packet_that_it_has);
	tcase_add_loop_test(t, a_flow_of_which_nothing_was_written_is_counted_and_gone, 0, 2);
	tcase_add_test(t, a_whole_flow_that_does_not_fit_is_counted_and_leaves_nothing);
	tcase_add_loop_test(t, a_close_that_fails_counts_every_packet_once, 0, 2);
	tcase_add_loop_test(
	    t, a_staged_file_that_vanished_or_was_spoilt_counts_every_packet_once, 0, 3);
	tcase_add_test(t, other_flows_are_not_touched_by_one_that_fails);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(saver_faults_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
