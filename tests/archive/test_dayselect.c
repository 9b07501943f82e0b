/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of rows that are asked for one by one, by a condition, by age or by segment, and of rows
 * that go.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayindex.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/tempdir.h"

#define COUNT 60

/* An archive of COUNT records, some in the segments 1 and 2, and its index, open to write. */
struct rig {
	struct archive *archive;
	struct record records[COUNT];
	struct dayindex *index;
};

static void set_up(struct rig *rig)
{
	char *path;

	rig->archive = rows_archive("a", &path);
	for (uint64_t n = 0; n < COUNT; n++) {
		records_make(n, &rig->records[n]);
		rows_place(n, &rig->records[n]);
		rig->records[n].tally.last_ns -= (int64_t)(n % 7 * 1000000);
	}
	(void)strcpy(rig->records[5].uuid, "some_host.7");
	rows_insert(rig->archive, rig->records, COUNT);
	ck_assert_int_eq(dayindex_open(rig->archive, RECORDS_DAY, DAYINDEX_WRITE, &rig->index), 0);
	free(path);
}

static void tear_down(struct rig *rig)
{
	dayindex_close(rig->index);
	archive_close(rig->archive);
}

static const struct record *original(const struct rig *rig, const struct record *r)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(rig->records[i].uuid, r->uuid) == 0 && rig->records[i].part == r->part)
			return &rig->records[i];
	ck_abort_msg("%s is none of ours", r->uuid);
	return NULL;
}

/* How many rows a condition gives; each of them must be whole. */
static size_t count_where(struct rig *rig, const struct dayindex_where *w)
{
	struct rows rows = {NULL, 0, 0};
	size_t count;

	ck_assert_int_eq(dayindex_select_where(rig->index, w, rows_collect, &rows), 0);
	for (size_t i = 0; i < rows.count; i++)
		rows_check_equal(&rows.record[i], original(rig, &rows.record[i]));
	count = rows.count;
	rows_free(&rows);
	return count;
}

START_TEST(one_part_is_found_by_name_and_number)
{
	struct rig rig;
	struct record r;

	set_up(&rig);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert_int_eq(dayindex_find(rig.index, rig.records[i].uuid, 0, &r), 1);
		rows_check_equal(&r, &rig.records[i]);
		r.part = 77;
		ck_assert_int_eq(dayindex_find(rig.index, rig.records[i].uuid, 1, &r), 0);
		ck_assert_uint_eq(r.part, 77); /* untouched */
	}
	ck_assert_int_eq(dayindex_find(rig.index, "some_host", 0, &r), 0);
	ck_assert_int_eq(dayindex_find(rig.index, "", 0, &r), 0);
	tear_down(&rig);
}
END_TEST

START_TEST(a_condition_gives_the_rows_of_which_it_is_true)
{
	struct dayindex_value values[3] = {{.kind = DAYINDEX_INT, .number = 1028},
	    {.kind = DAYINDEX_TEXT, .text = "some_host.7"}, {.kind = DAYINDEX_BYTES}};
	struct rig rig;

	set_up(&rig);
	/* ::ffff:10.4.0.0, the low end of record 4 */
	memcpy(values[2].bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x04\0\0", 16);
	ck_assert_uint_eq(count_where(&rig, &(struct dayindex_where){"", NULL, 0}), COUNT);
	ck_assert_uint_eq(count_where(&rig, &(struct dayindex_where){"0", NULL, 0}), 0);
	ck_assert_uint_eq(
	    count_where(&rig,
		&(struct dayindex_where){"client_port < ?1 AND client_port > 443", values, 1}),
	    2); /* records 1 and 2: of 0 and 3 the client has port 443 */
	ck_assert_uint_eq(count_where(&rig, &(struct dayindex_where){"client_port < ? OR uuid = ?"
								     " OR client_ip = ?",
						values, 3}),
	    24); /* 1, 2, 5, 4, and 20 of which the client is the high side */
	ck_assert_uint_eq(count_where(&rig, &(struct dayindex_where){"uuid = ?2", values, 2}), 1);
	ck_assert_uint_eq(
	    count_where(&rig, &(struct dayindex_where){"client_ip = ?3", values, 3}), 1);
	ck_assert_uint_eq(
	    count_where(&rig, &(struct dayindex_where){"state = 'open'", NULL, 0}), COUNT / 9);
	ck_assert_uint_eq(
	    count_where(&rig, &(struct dayindex_where){"segment IS NULL", NULL, 0}), COUNT / 3);
	ck_assert_uint_eq(
	    count_where(&rig, &(struct dayindex_where){"policy LIKE '%mac%'", NULL, 0}), COUNT / 5);
	tear_down(&rig);
}
END_TEST

START_TEST(what_is_no_condition_is_refused)
{
	static const char *const bad[] = {"nonsense", "uuid =", "1 = 1)", "(", "? = ?3 ?", "AND"};
	struct dayindex_value value = {.kind = DAYINDEX_INT};
	struct rig rig;
	struct rows rows = {NULL, 0, 0};

	set_up(&rig);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dayindex_where w = {bad[i], NULL, 0};

		ck_assert_int_eq(
		    dayindex_select_where(rig.index, &w, rows_collect, &rows), -EINVAL);
	}
	/* more values than places */
	ck_assert_int_eq(dayindex_select_where(rig.index,
			     &(struct dayindex_where){"part = 0", &value, 1}, rows_collect, &rows),
	    -EINVAL);
	ck_assert_uint_eq(rows.count, 0);
	tear_down(&rig);
}
END_TEST

/* The record that the manual of dayindex.h means by it. */
static bool suspect(const struct record *r)
{
	return r->part > 0 ||
	       (r->key.proto == 6 && ((r->tally.tcp_flags[0] | r->tally.tcp_flags[1]) & 2) == 0);
}

START_TEST(parts_that_may_not_be_alone_are_given_and_no_others)
{
	struct rig rig;
	struct rows rows = {NULL, 0, 0};
	struct dayindex_where w = {DAYINDEX_SUSPECT, NULL, 0};

	set_up(&rig);
	for (size_t i = 0; i < COUNT; i++) {
		rig.records[i].part = (uint32_t)(i % 5 == 0 ? i : 0);
		rig.records[i].key.proto = i % 4 ? 6 : 17;
		for (int side = 0; side < 2; side++)
			if (i % 3 == 0)
				rig.records[i].tally.tcp_flags[side] = 0x10;
	}
	rig.records[9].tally.tcp_flags[1] = 0x12;
	ck_assert_int_eq(dayindex_begin(rig.index), 0);
	ck_assert_int_eq(dayindex_delete_all(rig.index), 0);
	for (size_t i = 0; i < COUNT; i++)
		ck_assert_int_eq(dayindex_insert(rig.index, &rig.records[i]), 0);
	ck_assert_int_eq(dayindex_commit(rig.index), 0);
	ck_assert_int_eq(dayindex_select_where(rig.index, &w, rows_collect, &rows), 0);
	for (size_t i = 0; i < rows.count; i++)
		ck_assert(suspect(&rows.record[i]));
	for (size_t i = 0; i < COUNT; i++)
		rows.count -= suspect(&rig.records[i]);
	ck_assert_uint_eq(rows.count, 0); /* neither more nor less */
	rows_free(&rows);
	tear_down(&rig);
}
END_TEST

START_TEST(the_oldest_come_first)
{
	struct rig rig;
	struct rows rows = {NULL, 0, 0};

	set_up(&rig);
	ck_assert_int_eq(dayindex_select_oldest(rig.index, rows_collect, &rows), 0);
	ck_assert_uint_eq(rows.count, COUNT);
	for (size_t i = 1; i < COUNT; i++)
		ck_assert_int_le(rows.record[i - 1].tally.last_ns, rows.record[i].tally.last_ns);
	rows_free(&rows);
	tear_down(&rig);
}
END_TEST

START_TEST(a_segment_ends_where_its_last_member_does)
{
	uint64_t want[4] = {0}, end;
	struct rig rig;

	set_up(&rig);
	for (size_t i = 0; i < COUNT; i++) {
		const struct record *r = &rig.records[i];

		if (r->segment != 0 && r->offset + r->length > want[r->segment])
			want[r->segment] = r->offset + r->length;
	}
	for (uint32_t segment = 1; segment < 4; segment++) {
		end = 1;
		ck_assert_int_eq(dayindex_segment_end(rig.index, segment, &end), 0);
		ck_assert_uint_eq(end, want[segment]);
	}
	ck_assert_uint_gt(want[1], 512);
	ck_assert_uint_eq(want[3], 0); /* there is none */
	tear_down(&rig);
}
END_TEST

START_TEST(rows_go_one_by_one_or_by_segment)
{
	struct rig rig;
	struct record r;

	set_up(&rig);
	ck_assert_int_eq(dayindex_begin(rig.index), 0);
	ck_assert_int_eq(dayindex_delete(rig.index, rig.records[5].uuid, 1), 0); /* none */
	ck_assert_int_eq(dayindex_delete(rig.index, rig.records[5].uuid, 0), 0);
	ck_assert_int_eq(dayindex_delete(rig.index, rig.records[6].uuid, 0), 0);
	ck_assert_int_eq(dayindex_find(rig.index, rig.records[6].uuid, 0, &r), 0);
	ck_assert_int_eq(dayindex_delete_segment(rig.index, 1), 0);
	ck_assert_int_eq(dayindex_delete_segment(rig.index, 9), 0); /* none */
	ck_assert_int_eq(dayindex_commit(rig.index), 0);
	for (size_t i = 0; i < COUNT; i++)
		ck_assert_int_eq(dayindex_find(rig.index, rig.records[i].uuid, 0, &r),
		    i != 5 && i != 6 && rig.records[i].segment != 1);
	tear_down(&rig);
}
END_TEST

START_TEST(what_was_rolled_back_did_not_happen)
{
	struct dayindex_summary before, after;
	struct rig rig;
	struct record r;

	set_up(&rig);
	ck_assert_int_eq(dayindex_summary(rig.index, &before), 0);
	ck_assert_int_eq(dayindex_begin(rig.index), 0);
	ck_assert_int_eq(dayindex_delete(rig.index, rig.records[6].uuid, 0), 0);
	ck_assert_int_eq(dayindex_summary(rig.index, &after), 0);
	ck_assert_uint_eq(after.parts, COUNT - 1);
	dayindex_rollback(rig.index);
	dayindex_rollback(rig.index); /* of nothing */
	ck_assert_int_eq(dayindex_find(rig.index, rig.records[6].uuid, 0, &r), 1);
	ck_assert_int_eq(dayindex_summary(rig.index, &after), 0);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_int_lt(dayindex_commit(rig.index), 0);
	ck_assert_int_eq(dayindex_begin(rig.index), 0);
	ck_assert_int_eq(dayindex_delete(rig.index, rig.records[6].uuid, 0), 0);
	ck_assert_int_eq(dayindex_commit_durably(rig.index), 0);
	ck_assert_int_eq(dayindex_find(rig.index, rig.records[6].uuid, 0, &r), 0);
	tear_down(&rig);
}
END_TEST

static Suite *dayselect_suite(void)
{
	Suite *s = suite_create("dayselect");
	TCase *t = tcase_create("dayselect");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, one_part_is_found_by_name_and_number);
	tcase_add_test(t, a_condition_gives_the_rows_of_which_it_is_true);
	tcase_add_test(t, what_is_no_condition_is_refused);
	tcase_add_test(t, parts_that_may_not_be_alone_are_given_and_no_others);
	tcase_add_test(t, the_oldest_come_first);
	tcase_add_test(t, a_segment_ends_where_its_last_member_does);
	tcase_add_test(t, rows_go_one_by_one_or_by_segment);
	tcase_add_test(t, what_was_rolled_back_did_not_happen);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dayselect_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
