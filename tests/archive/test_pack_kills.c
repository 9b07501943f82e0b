/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what a kill leaves of moving files into segments, at every step of it: each part can be
 * read where its row says, and mend_day finishes the work.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/mend.h"
#include "archive/segment.h"
#include "support/packrig.h"
#include "support/records.h"
#include "support/tempdir.h"

static void copy_file(const char *from, const char *to)
{
	size_t len;
	uint8_t *bytes = tempdir_read(from, &len);

	tempdir_write(to, bytes, len);
	free(bytes);
}

static void mend(struct packrig *g)
{
	struct mend_config config = {.how = MEND_QUICK, .bad = packrig_note, .arg = g};
	struct mend_totals totals;

	memset(g->stays, 0, sizeof(g->stays));
	ck_assert_int_eq(mend_day(g->archive, RECORDS_DAY, &config, &totals), 0);
	ck_assert_uint_eq(totals.rows, PACKRIG_PARTS);
	ck_assert_uint_eq(totals.damaged, 0);
	ck_assert_str_eq(g->stays[0].name, "");
}

START_TEST(killed_while_copying)
{
	struct packrig g;

	packrig_begin(&g);
	tempdir_write(packrig_path(&g, PACK_TEMPORARY), g.part[0].bytes, 600);
	packrig_check_all_readable(&g);
	mend(&g);
	ck_assert_uint_eq(tempdir_count(g.day), PACKRIG_PARTS + 2);
	ck_assert_int_eq(packrig_pack(&g), 0);
	packrig_check_packed(&g);
	packrig_finish(&g);
}
END_TEST

START_TEST(killed_before_the_transaction)
{
	char *index = strdup(tempdir_path(tempdir_new(), "index"));
	struct packrig g;

	packrig_begin(&g);
	copy_file(packrig_path(&g, LAYOUT_INDEX), index);
	ck_assert_int_eq(packrig_pack(&g), 0);
	copy_file(index, packrig_path(&g, LAYOUT_INDEX));
	for (unsigned i = 0; i < PACKRIG_PARTS; i++)
		packrig_write(&g, &g.part[i]);
	packrig_check_all_readable(&g);
	ck_assert_uint_eq(packrig_row(&g, &g.part[0]).segment, 0);
	mend(&g);
	packrig_check_packed(&g);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_uint_eq(g.totals.parts + g.totals.left, 0);
	packrig_finish(&g);
	free(index);
}
END_TEST

/* All of the files are still there, some, or one. */
START_TEST(killed_while_the_files_go)
{
	static const unsigned first[] = {0, PACKRIG_PARTS / 2, PACKRIG_PARTS - 1};
	struct packrig g;

	packrig_begin(&g);
	ck_assert_int_eq(packrig_pack(&g), 0);
	for (unsigned i = first[_i]; i < PACKRIG_PARTS; i++)
		packrig_write(&g, &g.part[i]);
	packrig_check_all_readable(&g);
	mend(&g);
	packrig_check_packed(&g);
	packrig_finish(&g);
}
END_TEST

/*
 * No file may grow beyond a limit, which is another one each time: the segment fails, or the index,
 * when it is opened or at one commit or another.
 */
START_TEST(a_disk_that_fills_up_loses_nothing)
{
	struct packrig g;
	int rv;

	packrig_begin(&g);
	tempdir_limit(8192u * (unsigned)(_i + 1));
	rv = packrig_pack(&g);
	tempdir_limit(UINT64_MAX);
	packrig_check_all_readable(&g);
	ck_assert(rv < 0 || _i > 0);
	if (rv < 0) {
		mend(&g);
		ck_assert_int_eq(packrig_pack(&g), 0);
	}
	packrig_check_packed(&g);
	packrig_finish(&g);
}
END_TEST

static Suite *pack_kills_suite(void)
{
	Suite *s = suite_create("pack_kills");
	TCase *t = tcase_create("pack_kills");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, killed_while_copying);
	tcase_add_test(t, killed_before_the_transaction);
	tcase_add_loop_test(t, killed_while_the_files_go, 0, 3);
	tcase_add_loop_test(t, a_disk_that_fills_up_loses_nothing, 0, 24);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(pack_kills_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
