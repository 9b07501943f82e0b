/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of bringing a day into order: its index and its files. Segments have a test of their own.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "support/mendrig.h"
#include "support/rows.h"
#include "support/sqlcheck.h"
#include "support/tempdir.h"

static const enum mend_how hows[] = {MEND_QUICK, MEND_ALL};

static void insert(struct mendrig *f, const struct record *r)
{
	rows_insert(f->archive, r, 1);
}

static void change(const struct mendrig *f, const char *sql)
{
	sqlcheck_exec(mendrig_path(f, LAYOUT_INDEX), sql);
}

START_TEST(files_without_a_row_get_one)
{
	struct mendrig f;

	mendrig_begin(&f);
	for (unsigned i = 0; i < 4; i++)
		mendrig_file(&f, i);
	mendrig_mended(&f, hows[_i], 0);
	ck_assert_uint_eq(f.totals.added, 4);
	for (unsigned i = 0; i < 4; i++)
		mendrig_check_row(&f, i, 0, 0);
	mendrig_file(&f, 4);
	mendrig_mended(&f, hows[_i], 0);
	ck_assert_uint_eq(f.totals.added, hows[_i] == MEND_ALL ? 5 : 1);
	ck_assert_uint_eq(f.totals.removed, 0);
	mendrig_check_rows(&f, 5);
	mendrig_check_row(&f, 4, 0, 0);
	mendrig_end(&f);
}
END_TEST

START_TEST(rows_that_are_there_are_believed_unless_all_are_made_anew)
{
	struct mendrig f;
	struct record r;

	mendrig_begin(&f);
	mendrig_file(&f, 1);
	r = f.flows[1].record;
	r.lost_pkts = 4711;
	insert(&f, &r);
	mendrig_mended(&f, MEND_QUICK, 0);
	ck_assert_uint_eq(f.totals.added, 0);
	ck_assert_int_eq(mendrig_row(&f, r.uuid, 0, &r), 1);
	ck_assert_uint_eq(r.lost_pkts, 4711);
	mendrig_mended(&f, MEND_ALL, 0);
	mendrig_check_row(&f, 1, 0, 0);
	mendrig_end(&f);
}
END_TEST

START_TEST(rows_of_what_is_gone_or_has_another_length_go)
{
	enum { GONE = 9000 }; /* more than are removed at a time */
	struct record *r = calloc(GONE, sizeof(*r));
	struct mendrig f;

	mendrig_begin(&f);
	mendrig_file(&f, 0);
	mendrig_file(&f, 1);
	insert(&f, &f.flows[0].record);
	for (unsigned i = 0; i < GONE; i++) {
		records_make(i + 1, &r[i]);
		if (i % 2)
			rows_place(4, &r[i]); /* in a segment that is not there */
	}
	rows_insert(f.archive, r, GONE);
	r[0] = f.flows[1].record;
	r[0].length++;
	insert(&f, &r[0]);
	r[0] = f.flows[2].record; /* of a file that is something else */
	insert(&f, &r[0]);
	ck_assert_int_eq(
	    mkdir(mendrig_path(&f, "3f2a8c1d-0000-5000-8000-000000000002.pcap.gz"), 0750), 0);
	mendrig_mended(&f, MEND_QUICK, 1);
	ck_assert_str_eq(f.bad[0].name, "3f2a8c1d-0000-5000-8000-000000000002.pcap.gz");
	ck_assert_uint_eq(f.totals.removed, GONE + 2);
	ck_assert_uint_eq(f.totals.added, 1);
	mendrig_check_rows(&f, 2);
	mendrig_check_row(&f, 0, 0, 0);
	mendrig_check_row(&f, 1, 0, 0);
	mendrig_end(&f);
	free(r);
}
END_TEST

START_TEST(damaged_files_are_named_and_passed_over)
{
	struct mendrig f;

	mendrig_begin(&f);
	mendrig_file(&f, 0);
	tempdir_write(mendrig_path(&f, "zz~5.pcap.gz"), "rubbish", 7);
	tempdir_write(mendrig_path(&f, "notes.txt"), "not ours", 8);
	mendrig_mended(&f, hows[_i], 1);
	ck_assert_str_eq(f.bad[0].name, "zz~5.pcap.gz");
	mendrig_check_rows(&f, 1);
	ck_assert(tempdir_exists(mendrig_path(&f, "zz~5.pcap.gz")));
	ck_assert(tempdir_exists(mendrig_path(&f, "notes.txt")));
	mendrig_end(&f);
}
END_TEST

START_TEST(an_index_that_cannot_be_used_is_made_anew)
{
	static const char *const ruin[] = {NULL, "PRAGMA user_version = 99",
	    "PRAGMA application_id = 1", "DROP TABLE flow",
	    "UPDATE flow SET part = -5 WHERE part = 0"};
	struct mendrig f;

	mendrig_begin(&f);
	for (unsigned i = 0; i < 3; i++)
		mendrig_file(&f, i);
	mendrig_mended(&f, MEND_QUICK, 0);
	if (ruin[_i] != NULL)
		change(&f, ruin[_i]);
	else
		tempdir_write(mendrig_path(&f, LAYOUT_INDEX),
		    "This was a database, until something went terribly wrong.", 57);
	mendrig_mended(&f, MEND_QUICK, 0);
	ck_assert_uint_eq(f.totals.added, 3);
	mendrig_check_rows(&f, 3);
	for (unsigned i = 0; i < 3; i++)
		mendrig_check_row(&f, i, 0, 0);
	ck_assert_str_eq(
	    sqlcheck_text(mendrig_path(&f, LAYOUT_INDEX), "PRAGMA integrity_check"), "ok");
	mendrig_end(&f);
}
END_TEST

START_TEST(an_index_of_which_pages_are_damaged_is_made_anew)
{
	struct mendrig f;
	size_t len;
	uint8_t *bytes;

	mendrig_begin(&f);
	for (unsigned i = 0; i < 3; i++)
		mendrig_file(&f, i);
	mendrig_mended(&f, MEND_QUICK, 0);
	bytes = tempdir_read(mendrig_path(&f, LAYOUT_INDEX), &len);
	ck_assert_uint_gt(len, 8192);
	memset(bytes + 4096, 0xa5, len - 4096);
	tempdir_write(mendrig_path(&f, LAYOUT_INDEX), bytes, len);
	free(bytes);
	mendrig_mended(&f, MEND_QUICK, 0);
	mendrig_check_rows(&f, 3);
	mendrig_end(&f);
}
END_TEST

START_TEST(old_rows_stay_when_the_new_ones_do_not_fit)
{
	struct mendrig f;
	struct record old;
	int rv;

	mendrig_begin(&f);
	for (unsigned i = 0; i < 3; i++)
		mendrig_file(&f, i);
	records_make(1, &old);
	insert(&f, &old);
	tempdir_limit(1000);
	rv = mendrig_mend(&f, hows[_i]);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_lt(rv, 0);
	ck_assert_int_eq(mendrig_row(&f, old.uuid, old.part, &old), 1);
	mendrig_mended(&f, hows[_i], 0);
	mendrig_check_rows(&f, 3);
	mendrig_end(&f);
}
END_TEST

START_TEST(what_a_killed_pack_wrote_beside_goes)
{
	static const char *const left[] = {".flows-1.tar.tmp", ".flows-4294967295.tar.tmp"};
	static const char *const foreign[] = {".flows-01.tar.tmp", ".flows-1.tar",
	    "flows-1.tar.tmp", ".flows-x.tar.tmp", "..tmp", ".tmp",
	    ".flows-111111111111111111111111.tar.tmp"};
	struct mendrig f;

	mendrig_begin(&f);
	for (size_t i = 0; i < 2; i++)
		tempdir_write(mendrig_path(&f, left[i]), "x", 1);
	for (size_t i = 0; i < 7; i++)
		tempdir_write(mendrig_path(&f, foreign[i]), "x", 1);
	mendrig_mended(&f, hows[_i], 0);
	for (size_t i = 0; i < 2; i++)
		ck_assert(!tempdir_exists(mendrig_path(&f, left[i])));
	for (size_t i = 0; i < 7; i++)
		ck_assert(tempdir_exists(mendrig_path(&f, foreign[i])));
	mendrig_end(&f);
}
END_TEST

START_TEST(a_day_that_is_not_there_cannot_be_mended)
{
	const struct mend_config c = {.how = MEND_QUICK};
	struct mend_totals t;
	struct mendrig f;

	mendrig_begin(&f);
	ck_assert_int_eq(mend_day(f.archive, RECORDS_DAY + 1, &c, &t), -ENOENT);
	mendrig_mended(&f, MEND_QUICK, 0);
	mendrig_check_rows(&f, 0);
	mendrig_end(&f);
}
END_TEST

static Suite *mend_suite(void)
{
	Suite *s = suite_create("mend");
	TCase *t = tcase_create("mend");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(t, files_without_a_row_get_one, 0, 2);
	tcase_add_test(t, rows_that_are_there_are_believed_unless_all_are_made_anew);
	tcase_add_test(t, rows_of_what_is_gone_or_has_another_length_go);
	tcase_add_loop_test(t, damaged_files_are_named_and_passed_over, 0, 2);
	tcase_add_loop_test(t, an_index_that_cannot_be_used_is_made_anew, 0, 5);
	tcase_add_test(t, an_index_of_which_pages_are_damaged_is_made_anew);
	tcase_add_loop_test(t, old_rows_stay_when_the_new_ones_do_not_fit, 0, 2);
	tcase_add_loop_test(t, what_a_killed_pack_wrote_beside_goes, 0, 2);
	tcase_add_test(t, a_day_that_is_not_there_cannot_be_mended);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(mend_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
