/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of repairing: each kind of damage. Afterwards the archive is sound, what was not damaged is
 * as it was, and every flow file of before is in the archive or in damaged/.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/pin.h"
#include "archive/tarfmt.h"
#include "archive_builder.h"
#include "base/clk.h"
#include "fetch/repair.h"
#include "fetch/verify.h"
#include "segmented.h"

#define UUID_A  "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B  "0bbbbbbb-2222-5222-8222-222222222222"
#define UUID_C  "0ccccccc-3333-5333-8333-333333333333"
#define DAY     "2026/01/01/"
#define INDEX   DAY "flows.sqlite"
#define FILTER  DAY "flows.sqlite-names"
#define SEGMENT DAY "flows-1.tar"
#define SECOND  DAY "flows-2.tar"
#define FILE_A  DAY UUID_A ".pcap.gz"
#define FILE_B  DAY UUID_B ".pcap.gz"
#define DAY_NO  clk_day(BUILDER_NOON)

static struct builder *b;
static struct record rows[3];
static struct complaints damage, repairs, said; /* said: by the first repair of a test */
static struct repair_totals repaired;

static void set_up(void)
{
	b = builder_new();
}

static void tear_down(void)
{
	builder_free(b);
}

static void take_damage(const char *path, const char *what, void *arg)
{
	(void)arg;
	builder_complain(path, what, &damage);
}

static void take_notice(const char *path, const char *what, void *arg)
{
	(void)path;
	(void)what;
	(void)arg;
}

static void take_progress(const struct verify_totals *t, void *arg)
{
	(void)t;
	(void)arg;
}

static int repair_it(
    struct archive *a, const char *prefix, int32_t day, uint64_t damages, void *arg)
{
	(void)a;
	return repair_day(arg, prefix, day, damages);
}

static void check(struct repair *r)
{
	const struct verify_hooks hooks = {
	    take_damage, take_notice, take_progress, r != NULL ? repair_it : NULL, r};
	struct verify_totals totals;

	memset(&damage, 0, sizeof(damage));
	ck_assert_int_eq(verify_archive(builder_reader(b), &hooks, &totals), 0);
}

static void repair(void)
{
	const struct repair_hooks hooks = {builder_complain, builder_complain, &repairs};
	struct repair *r;

	memset(&repairs, 0, sizeof(repairs));
	ck_assert_int_eq(repair_open(builder_dir(b), &hooks, &r), 0);
	check(r);
	repaired = *repair_totals(r);
	repair_close(r);
}

/* It is damaged, is repaired, and is sound then. */
static void repair_and_check(uint64_t lost)
{
	repair();
	ck_assert_uint_gt(damage.count, 0);
	said = repairs;
	ck_assert_msg(repaired.failed == 0, "%s", repairs.text);
	ck_assert_msg(repaired.lost == lost, "lost %u: %s", (unsigned)repaired.lost, repairs.text);
	check(NULL);
	ck_assert_msg(damage.count == 0, "%s\nafter: %s", damage.text, repairs.text);
	repair(); /* and there is nothing left to do */
	ck_assert_uint_eq(repaired.repaired, 0);
}

static void check_said(const char *text)
{
	ck_assert_msg(strstr(said.text, text) != NULL, "%s, not: %s", said.text, text);
}

/* ---- what was there, and is ---- */

struct bytes {
	uint8_t *at;
	size_t n;
};

static struct bytes read_path(const char *path)
{
	char whole[PATH_MAX * 2];
	struct bytes x = {NULL, 0};
	struct stat st;
	FILE *f;

	(void)snprintf(whole, sizeof(whole), "%s/%s", builder_dir(b), path);
	f = fopen(whole, "rb");
	ck_assert_msg(f != NULL, "%s: %s", whole, strerror(errno));
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	x.n = (size_t)st.st_size;
	x.at = malloc(x.n + 1);
	ck_assert_ptr_nonnull(x.at);
	ck_assert_uint_eq(fread(x.at, 1, x.n, f), x.n);
	(void)fclose(f);
	return x;
}

/* The file has these bytes now. */
static void check_bytes(const char *path, struct bytes want)
{
	struct bytes got = read_path(path);

	ck_assert_uint_eq(got.n, want.n);
	ck_assert_int_eq(memcmp(got.at, want.at, want.n), 0);
	free(got.at);
}

static bool exists(const char *path)
{
	char whole[PATH_MAX * 2];

	(void)snprintf(whole, sizeof(whole), "%s/%s", builder_dir(b), path);
	return access(whole, F_OK) == 0;
}

/* The flow file of a part, wherever its row says that it is. Its length is 0 where it has none. */
static struct bytes read_part(const char *uuid)
{
	char name[LAYOUT_SEGMENT_SIZE + LAYOUT_NAME_SIZE], path[LAYOUT_DAY_SIZE + sizeof(name)];
	struct bytes all, x = {NULL, 0};
	struct dayindex *index;
	struct record r;

	ck_assert_int_eq(dayindex_open(builder_reader(b), DAY_NO, DAYINDEX_READ, &index), 0);
	if (dayindex_find(index, uuid, 0, &r) == 1) {
		(void)snprintf(path, sizeof(path), DAY "%s",
		    r.segment != 0 ? layout_segment_name(r.segment, name)
				   : layout_file_name(r.uuid, r.part, name));
		all = read_path(path);
		ck_assert_uint_ge(all.n, r.offset + r.length);
		x = (struct bytes){malloc((size_t)r.length), (size_t)r.length};
		ck_assert_ptr_nonnull(x.at);
		memcpy(x.at, all.at + r.offset, x.n);
		free(all.at);
	}
	dayindex_close(index);
	return x;
}

/* The part is in the archive, and has these bytes. */
static void check_part(const char *uuid, struct bytes want)
{
	struct bytes got = read_part(uuid);

	ck_assert_msg(got.n == want.n && memcmp(got.at, want.at, want.n) == 0, "%s", uuid);
	free(got.at);
}

static bool has_part(const char *uuid)
{
	struct bytes x = read_part(uuid);

	free(x.at);
	return x.n > 0;
}

static const char *const uuids[] = {UUID_A, UUID_B, UUID_C};
static struct bytes before[3];

/* Three parts in files, of a day that is closed. */
static void make_files(void)
{
	for (int i = 0; i < 3; i++)
		rows[i] = *builder_add(b, &(struct built_part){.uuid = uuids[i]}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	for (int i = 0; i < 3; i++)
		before[i] = read_part(uuids[i]);
}

static void make_segment(void)
{
	for (int i = 0; i < 3; i++)
		rows[i] = segmented_add(b, 1, &(struct built_part){.uuid = uuids[i]}, INDEXED);
	segmented_end(b, SEGMENT);
	builder_end_writer(b, ENDS_CLEANLY);
	for (int i = 0; i < 3; i++)
		before[i] = read_part(uuids[i]);
}

/* All but part `but` (-1: none) are as they were; that one is not there. */
static void check_parts(int but)
{
	for (int i = 0; i < 3; i++) {
		if (i != but)
			check_part(uuids[i], before[i]);
		else
			ck_assert(!has_part(uuids[i]));
		free(before[i].at);
	}
}

/* ---- files ---- */

START_TEST(a_sound_archive_is_left_alone)
{
	struct bytes index;

	make_files();
	index = read_path(INDEX);
	repair();
	ck_assert_uint_eq(damage.count, 0);
	ck_assert_uint_eq(repaired.repaired + repaired.lost + repaired.failed, 0);
	check_bytes(INDEX, index);
	ck_assert(!exists("damaged"));
	check_parts(-1);
	free(index.at);
}
END_TEST

START_TEST(a_damaged_file_is_moved_away_and_the_others_stay)
{
	struct bytes bad;

	make_files();
	builder_flip_byte(b, FILE_A, rows[0].length / 3);
	bad = read_path(FILE_A);
	repair_and_check(1);
	check_said(FILE_A ": moved to damaged/" FILE_A ": ");
	check_bytes("damaged/" FILE_A, bad);
	ck_assert(!exists(FILE_A));
	check_parts(0);
	free(bad.at);
}
END_TEST

START_TEST(nothing_in_damaged_is_replaced)
{
	struct bytes bad[2];

	for (unsigned i = 0; i < 2; i++) {
		if (i == 0)
			make_files();
		builder_write(b, FILE_A, i == 0 ? "not a flow" : "nor is this", 10);
		bad[i] = read_path(FILE_A);
		repair_and_check(1);
	}
	check_bytes("damaged/" FILE_A, bad[0]);
	check_bytes("damaged/" FILE_A ".1", bad[1]);
	free(bad[0].at);
	free(bad[1].at);
	check_parts(0);
}
END_TEST

START_TEST(what_is_no_file_is_moved_away)
{
	char path[PATH_MAX * 2];

	make_files();
	builder_remove(b, FILE_A);
	(void)snprintf(path, sizeof(path), "%s/" FILE_A, builder_dir(b));
	ck_assert_int_eq(_i == 0 ? symlink("/etc/passwd", path) : mkdir(path, 0700), 0);
	repair_and_check(1);
	ck_assert(exists("damaged/" FILE_A));
	check_parts(0);
}
END_TEST

/* ---- rows ---- */

/* The row of the second part gets another number of packets, or goes. */
static void change_row(bool keep)
{
	struct record r = rows[1];
	struct dayindex *x;
	struct archive *a;

	r.tally.pkts[0] += 5;
	ck_assert_int_eq(archive_open(builder_dir(b), ARCHIVE_WRITE, &a), 0);
	ck_assert_int_eq(dayindex_open(a, DAY_NO, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(keep ? dayindex_insert(x, &r) : dayindex_delete(x, UUID_B, 0), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
	archive_close(a);
}

START_TEST(a_row_that_is_wrong_is_written_anew)
{
	make_files();
	change_row(_i == 0);
	repair_and_check(0);
	check_said(FILE_B ": repaired: its row is written anew, ");
	check_parts(-1);
}
END_TEST

START_TEST(a_row_of_nothing_is_removed)
{
	make_files();
	builder_remove(b, FILE_B);
	repair_and_check(1);
	check_said(FILE_B ": repaired: its row is removed");
	check_parts(1);
}
END_TEST

START_TEST(an_index_that_cannot_be_used_is_made_anew)
{
	struct bytes bad;

	if (_i % 2 == 0)
		make_files();
	else
		make_segment();
	if (_i < 2)
		builder_write(b, INDEX, "nothing that SQLite ever wrote", 30);
	else
		builder_wipe(b, INDEX, 4096, 4096);
	bad = read_path(INDEX);
	repair_and_check(0);
	check_said(INDEX ": moved to damaged/" INDEX ": it is damaged");
	check_said(INDEX ": repaired: made anew, with 3 rows");
	check_bytes("damaged/" INDEX, bad);
	check_parts(-1);
	free(bad.at);
}
END_TEST

START_TEST(an_index_that_is_missing_is_made_anew)
{
	make_segment();
	builder_remove(b, INDEX);
	repair_and_check(0);
	check_said(INDEX ": repaired: made anew, with 3 rows");
	check_parts(-1);
}
END_TEST

START_TEST(a_filter_that_hides_parts_is_made_anew)
{
	make_files();
	builder_hide_names(b, FILTER);
	repair_and_check(0);
	check_said(FILTER ": made anew: it hid 3 parts");
	ck_assert(exists(FILTER));
	check_parts(-1);
}
END_TEST

/* ---- segments ---- */

START_TEST(a_segment_with_a_damaged_member_is_written_anew_without_it)
{
	struct bytes bad;

	make_segment();
	builder_flip_byte(b, SEGMENT, rows[_i].offset + rows[_i].length / 3);
	bad = read_path(SEGMENT);
	repair_and_check(1);
	check_said(SEGMENT ": repaired: 2 sound parts of it are in flows-2.tar now");
	check_said(SEGMENT ": moved to damaged/" SEGMENT ": 1 parts of it are damaged");
	check_bytes("damaged/" SEGMENT, bad);
	ck_assert(exists(SECOND) && !exists(SEGMENT));
	check_parts(_i);
	free(bad.at);
}
END_TEST

START_TEST(a_member_whose_header_is_damaged_is_found_by_its_row)
{
	make_segment();
	builder_flip_byte(b, SEGMENT, rows[_i].offset - 500);
	repair_and_check(0);
	check_said(SEGMENT ": moved to damaged/" SEGMENT ": nothing of it is lost");
	check_parts(-1);
}
END_TEST

START_TEST(without_a_row_it_is_lost)
{
	make_segment();
	builder_remove(b, INDEX);
	builder_flip_byte(b, SEGMENT, rows[1].offset - 500);
	repair_and_check(1);
	check_parts(1);
}
END_TEST

START_TEST(a_segment_of_which_nothing_is_left_is_moved_away)
{
	struct bytes bad;

	make_segment();
	builder_wipe(b, SEGMENT, 0, (size_t)builder_size(b, SEGMENT));
	bad = read_path(SEGMENT);
	repair();
	ck_assert_uint_gt(repaired.lost, 0);
	ck_assert_uint_eq(repaired.failed, 0);
	check(NULL);
	ck_assert_str_eq(damage.text, "");
	check_bytes("damaged/" SEGMENT, bad);
	ck_assert(!exists(SECOND));
	for (int i = 0; i < 3; i++) {
		ck_assert(!has_part(uuids[i]));
		free(before[i].at);
	}
	free(bad.at);
}
END_TEST

START_TEST(a_segment_that_was_cut_loses_what_was_cut_off)
{
	uint64_t end;

	make_segment();
	end = rows[2].offset;
	builder_cut(b, SEGMENT, _i == 0 ? end + 100 : _i == 1 ? end - 100 : end - 512);
	repair_and_check(1);
	check_parts(2);
}
END_TEST

START_TEST(a_segment_without_end_gets_one)
{
	struct bytes whole;

	make_segment();
	whole = read_path(SEGMENT);
	builder_cut(b, SEGMENT, whole.n - (uint64_t)(_i == 0 ? 1024 : _i == 1 ? 512 : 1));
	repair_and_check(0);
	check_said(SEGMENT ": repaired: ended behind its last member");
	check_bytes(SEGMENT, whole);
	ck_assert(!exists("damaged"));
	check_parts(-1);
	free(whole.at);
}
END_TEST

START_TEST(what_is_behind_the_end_is_saved_and_cut_off)
{
	struct bytes whole, tail = {(uint8_t[1024 + 4]){0}, 1024 + 4};

	make_segment();
	whole = read_path(SEGMENT);
	segmented_append(b, SEGMENT, "junk", 4);
	memcpy(tail.at + 1024, "junk", 4);
	repair_and_check(0);
	check_bytes(SEGMENT, whole);
	check_bytes("damaged/" SEGMENT ".tail", tail);
	check_parts(-1);
	free(whole.at);
}
END_TEST

START_TEST(what_a_killed_writer_had_not_finished_is_saved_and_no_loss)
{
	static const char begun[] = "the beginning of a header";

	for (int i = 0; i < 3; i++)
		rows[i] = segmented_add(
		    b, 1, &(struct built_part){.uuid = uuids[i]}, i < 2 ? INDEXED : NOT_INDEXED);
	segmented_append(b, SEGMENT, begun, 25);
	builder_end_writer(b, IS_KILLED);
	repair_and_check(0);
	check_bytes("damaged/" SEGMENT ".tail", (struct bytes){(uint8_t *)begun, 25});
	for (int i = 0; i < 3; i++)
		ck_assert(has_part(uuids[i]));
}
END_TEST

START_TEST(what_is_there_twice_is_moved_away_without_loss)
{
	for (int i = 0; i < 3; i++)
		rows[i] = segmented_add(b, 1, &(struct built_part){.uuid = uuids[i]}, INDEXED);
	if (_i == 0)
		(void)segmented_add(b, 1, &(struct built_part){.uuid = UUID_A}, NOT_INDEXED);
	else if (_i == 1)
		(void)segmented_add(b, 2, &(struct built_part){.uuid = UUID_A}, NOT_INDEXED);
	else
		(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, NOT_INDEXED);
	segmented_end(b, SEGMENT);
	if (_i == 1)
		segmented_end(b, SECOND);
	builder_end_writer(b, ENDS_CLEANLY);
	for (int i = 0; i < 3; i++)
		before[i] = read_part(uuids[i]);
	repair_and_check(0);
	ck_assert(exists(_i == 0   ? "damaged/" SEGMENT
			 : _i == 1 ? "damaged/" SECOND
				   : "damaged/" FILE_A));
	check_parts(-1);
}
END_TEST

START_TEST(of_two_parts_with_one_name_the_one_that_has_the_row_stays)
{
	for (int i = 0; i < 3; i++)
		rows[i] = segmented_add(b, 1, &(struct built_part){.uuid = uuids[i]}, INDEXED);
	(void)builder_add(b, &(struct built_part){.uuid = UUID_A, .packets = 9}, NOT_INDEXED);
	segmented_end(b, SEGMENT);
	builder_end_writer(b, ENDS_CLEANLY);
	for (int i = 0; i < 3; i++)
		before[i] = read_part(uuids[i]);
	repair_and_check(1);
	ck_assert(exists("damaged/" FILE_A));
	check_parts(-1);
}
END_TEST

/* ---- around the day ---- */

START_TEST(a_day_that_others_have_is_named_and_left)
{
	struct archive *tool;

	make_files();
	builder_flip_byte(b, FILE_A, rows[0].length / 3);
	ck_assert_int_eq(archive_open(builder_dir(b), ARCHIVE_TEND, &tool), 0);
	ck_assert_int_eq(archive_lock_day(tool, DAY_NO), 0);
	repair();
	said = repairs;
	ck_assert_uint_eq(repaired.failed, 1);
	ck_assert_uint_eq(repaired.repaired, 0);
	check_said("2026/01/01: busy");
	ck_assert(exists(FILE_A));
	archive_unlock_day(tool, DAY_NO, ARCHIVE_UNLOCK_CLEAN);
	archive_close(tool);
	repair_and_check(1);
	check_parts(0);
}
END_TEST

START_TEST(what_is_pinned_is_repaired_too)
{
	struct archive *pinned;

	make_segment();
	ck_assert_int_eq(pin_open(builder_reader(b), true, &pinned), 0);
	ck_assert_int_eq(pin_part(builder_reader(b), pinned, &rows[0]), 0);
	ck_assert_int_eq(pin_part(builder_reader(b), pinned, &rows[1]), 0);
	archive_close(pinned);
	builder_flip_byte(b, "pinned/" FILE_A, rows[0].length / 3);
	repair_and_check(1);
	check_said("pinned/" FILE_A ": moved to damaged/pinned/" FILE_A ": ");
	ck_assert(exists("damaged/pinned/" FILE_A));
	ck_assert(exists("pinned/" FILE_B));
	check_parts(-1);
}
END_TEST

/* The next repair, or the next start of a writer, goes on from there. */
START_TEST(a_day_that_a_killed_tool_left_in_order_is_listed_no_longer)
{
	struct archive *tool;

	make_files();
	ck_assert_int_eq(archive_open(builder_dir(b), ARCHIVE_TEND, &tool), 0);
	ck_assert_int_eq(archive_lock_day(tool, DAY_NO), 0);
	archive_unlock_day(tool, DAY_NO, ARCHIVE_UNLOCK_DIRTY);
	archive_close(tool);
	ck_assert(archive_day_dirty(builder_reader(b), DAY_NO));
	repair();
	ck_assert_uint_eq(repaired.repaired + repaired.failed, 0);
	ck_assert(!archive_day_dirty(builder_reader(b), DAY_NO));
	check_parts(-1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/repair");
	TCase *t = tcase_create("repair");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_sound_archive_is_left_alone);
	tcase_add_test(t, a_damaged_file_is_moved_away_and_the_others_stay);
	tcase_add_test(t, nothing_in_damaged_is_replaced);
	tcase_add_loop_test(t, what_is_no_file_is_moved_away, 0, 2);
	tcase_add_loop_test(t, a_row_that_is_wrong_is_written_anew, 0, 2);
	tcase_add_test(t, a_row_of_nothing_is_removed);
	tcase_add_loop_test(t, an_index_that_cannot_be_used_is_made_anew, 0, 4);
	tcase_add_test(t, an_index_that_is_missing_is_made_anew);
	tcase_add_test(t, a_filter_that_hides_parts_is_made_anew);
	tcase_add_loop_test(t, a_segment_with_a_damaged_member_is_written_anew_without_it, 0, 3);
	tcase_add_loop_test(t, a_member_whose_header_is_damaged_is_found_by_its_row, 0, 3);
	tcase_add_test(t, without_a_row_it_is_lost);
	tcase_add_test(t, a_segment_of_which_nothing_is_left_is_moved_away);
	tcase_add_loop_test(t, a_segment_that_was_cut_loses_what_was_cut_off, 0, 3);
	tcase_add_loop_test(t, a_segment_without_end_gets_one, 0, 3);
	tcase_add_test(t, what_is_behind_the_end_is_saved_and_cut_off);
	tcase_add_test(t, what_a_killed_writer_had_not_finished_is_saved_and_no_loss);
	tcase_add_loop_test(t, what_is_there_twice_is_moved_away_without_loss, 0, 3);
	tcase_add_test(t, of_two_parts_with_one_name_the_one_that_has_the_row_stays);
	tcase_add_test(t, a_day_that_others_have_is_named_and_left);
	tcase_add_test(t, what_is_pinned_is_repaired_too);
	tcase_add_test(t, a_day_that_a_killed_tool_left_in_order_is_listed_no_longer);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
