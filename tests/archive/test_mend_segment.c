/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of mending segments: rows for members, torn and damaged ends, names that are taken, and
 * what a killed pack leaves.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/segment.h"
#include "support/mendrig.h"
#include "support/quick.h"
#include "support/rows.h"
#include "support/tempdir.h"

static const enum mend_how hows[] = {MEND_QUICK, MEND_ALL};

#define FLOW(n) "3f2a8c1d-0000-5000-8000-00000000000" #n ".pcap.gz"

static void put_row(struct mendrig *f, unsigned n, uint32_t segment, uint64_t offset)
{
	struct record r = f->flows[n].record;

	r.segment = segment;
	r.offset = offset;
	rows_insert(f->archive, &r, 1);
}

/* A segment of the flows 0, 1 and 2. */
static void three_members(struct mendrig *f, struct mendrig_segment *s, uint64_t offset[3])
{
	*s = (struct mendrig_segment){0};
	for (unsigned i = 0; i < 3; i++)
		offset[i] = mendrig_member(s, &f->flows[i], 0);
}

START_TEST(members_without_a_row_get_one_and_the_segment_its_end)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	mendrig_put(&f, &s, 7);
	mendrig_mended(&f, hows[_i], 0);
	ck_assert_uint_eq(f.totals.added, 3);
	ck_assert_uint_eq(f.totals.segments, 1);
	ck_assert_uint_eq(f.totals.cut_bytes, 0);
	for (unsigned i = 0; i < 3; i++)
		mendrig_check_row(&f, i, 7, offset[i]);
	mendrig_check_segment(&f, 7, s.bytes, s.len);
	mendrig_mended(&f, hows[_i], 0);
	ck_assert_uint_eq(f.totals.added, hows[_i] == MEND_ALL ? 3 : 0);
	ck_assert_uint_eq(f.totals.segments, 0);
	ck_assert_uint_eq(f.totals.removed, 0);
	mendrig_check_segment(&f, 7, s.bytes, s.len);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(a_segment_that_is_cut_anywhere_keeps_its_whole_members)
{
	struct mendrig_segment s;
	uint64_t offset[3], len;
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	len = s.len;
	mendrig_zeros(&s, TARFMT_END_BYTES);
	put_row(&f, 0, 1, offset[0]); /* the writer came as far as that */
	for (size_t cut = (size_t)offset[1] - 512; cut < s.len; cut += cut % 512 < 3 ? 1 : 127) {
		struct mendrig_segment part = {s.bytes, cut};
		/* the padding is part of a member */
		unsigned whole = cut >= len ? 3 : cut >= offset[2] - 512 ? 2 : 1;
		uint64_t end = whole == 3 ? len : offset[whole] - 512;

		mendrig_put(&f, &part, 1);
		mendrig_mended(&f, hows[_i], 0);
		quick_assert(f.totals.rows == whole);
		quick_assert(f.totals.segments == 1);
		/* of the zeros at the end nothing is lost */
		quick_assert(f.totals.cut_bytes == (whole == 3 ? 0 : cut - end));
		mendrig_check_segment(&f, 1, s.bytes, end);
	}
	mendrig_put(&f, &s, 1);
	mendrig_mended(&f, hows[_i], 0);
	ck_assert_uint_eq(f.totals.segments, 0);
	for (unsigned i = 0; i < 3; i++)
		mendrig_check_row(&f, i, 1, offset[i]);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(a_last_member_that_has_a_row_gets_its_padding_back)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	for (unsigned i = 0; i < 3; i++)
		put_row(&f, i, 1, offset[i]);
	ck_assert_uint_gt(s.len, offset[2] + f.flows[2].len);
	mendrig_put(&f, &(struct mendrig_segment){s.bytes, (size_t)offset[2] + f.flows[2].len}, 1);
	mendrig_mended(&f, MEND_QUICK, 0);
	ck_assert_uint_eq(f.totals.removed, 0);
	mendrig_check_rows(&f, 3);
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(rows_behind_the_end_of_a_segment_go)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	for (unsigned i = 0; i < 3; i++)
		put_row(&f, i, 1, offset[i]);
	mendrig_put(
	    &f, &(struct mendrig_segment){s.bytes, (size_t)offset[2] + f.flows[2].len - 1}, 1);
	mendrig_mended(&f, MEND_QUICK, 0);
	ck_assert_uint_eq(f.totals.removed, 1);
	ck_assert_uint_eq(f.totals.added, 0);
	mendrig_check_rows(&f, 2);
	mendrig_check_segment(&f, 1, s.bytes, offset[2] - 512);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(members_that_lost_their_row_in_the_middle_are_found)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	put_row(&f, 0, 1, offset[0]);
	put_row(&f, 2, 1, offset[2]);
	mendrig_put(&f, &s, 1);
	mendrig_mended(&f, MEND_QUICK, 0);
	ck_assert_uint_eq(f.totals.added, 1);
	for (unsigned i = 0; i < 3; i++)
		mendrig_check_row(&f, i, 1, offset[i]);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(a_member_that_has_a_row_is_not_cut_off_whatever_its_header_says)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	put_row(&f, 0, 1, offset[0]);
	put_row(&f, 2, 1, offset[2]);
	s.bytes[offset[2] - 300] ^= 1;
	mendrig_put(&f, &s, 1);
	mendrig_mended(&f, MEND_QUICK, 0);
	for (unsigned i = 0; i < 3; i++)
		mendrig_check_row(&f, i, 1, offset[i]);
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

/* What may lie behind the last member that is whole, and is cut off. */
enum tail {
	TAIL_ZEROS,
	TAIL_GARBAGE,
	TAIL_ZEROS_AND_GARBAGE,
	TAIL_MEMBER_OF_ZEROS,
	TAIL_TWO_TORN_MEMBERS,
	TAIL_TORN_MEMBER_AND_GARBAGE,
	TAILS
};

static void add_tail(struct mendrig *f, struct mendrig_segment *s, enum tail tail)
{
	uint8_t garbage[3000];
	size_t at = s->len;

	memset(garbage, 0xa5, sizeof(garbage));
	switch (tail) {
	case TAIL_ZEROS:
		mendrig_zeros(s, 40000);
		break;
	case TAIL_GARBAGE:
		mendrig_bytes(s, garbage, sizeof(garbage));
		break;
	case TAIL_ZEROS_AND_GARBAGE:
		mendrig_zeros(s, 4096);
		mendrig_bytes(s, garbage, sizeof(garbage));
		break;
	case TAIL_MEMBER_OF_ZEROS:
		at = (size_t)mendrig_member(s, &f->flows[4], 0);
		memset(s->bytes + at, 0, s->len - at);
		break;
	case TAIL_TWO_TORN_MEMBERS:
		at = (size_t)mendrig_member(s, &f->flows[4], 0);
		memset(s->bytes + at + 100, 0, 50);
		at = (size_t)mendrig_member(s, &f->flows[5], 0);
		memset(s->bytes + at + f->flows[5].len - 30, 0, 30);
		break;
	default:
		at = (size_t)mendrig_member(s, &f->flows[4], 0);
		memset(s->bytes + at + 100, 0, 50);
		mendrig_bytes(s, garbage, sizeof(garbage));
		break;
	}
}

START_TEST(what_a_power_cut_leaves_at_the_end_is_cut_off)
{
	enum mend_how how = hows[_i / TAILS];
	struct mendrig_segment s;
	uint64_t offset[3], len;
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	put_row(&f, 0, 1, offset[0]);
	len = s.len;
	add_tail(&f, &s, (enum tail)(_i % TAILS));
	mendrig_put(&f, &s, 1);
	mendrig_mended(&f, how, 0);
	ck_assert_uint_eq(f.totals.cut_bytes, s.len - len);
	ck_assert_uint_eq(f.totals.segments, 1);
	mendrig_check_rows(&f, 3);
	mendrig_check_segment(&f, 1, s.bytes, len);
	mendrig_mended(&f, how, 0);
	ck_assert_uint_eq(f.totals.cut_bytes, 0);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(damage_with_something_whole_behind_it_is_told_and_stays)
{
	enum mend_how how = hows[_i / TAILS];
	struct mendrig_segment s;
	uint64_t offset[3], last;
	struct mendrig f;
	size_t want = 1;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	put_row(&f, 0, 1, offset[0]);
	add_tail(&f, &s, (enum tail)(_i % TAILS));
	if (_i % TAILS >= TAIL_TWO_TORN_MEMBERS) /* two things are wrong */
		want = 2;
	mendrig_zeros(&s, tarfmt_padding(s.len));
	last = mendrig_member(&s, &f.flows[3], 0);
	mendrig_put(&f, &s, 1);
	mendrig_mended(&f, how, want);
	ck_assert_uint_eq(f.totals.cut_bytes, 0);
	for (size_t i = 0; i < want; i++)
		ck_assert_int_eq(strncmp(f.bad[i].name, "flows-1.tar", 11), 0);
	if (_i % TAILS >= TAIL_MEMBER_OF_ZEROS)
		ck_assert_str_eq(f.bad[0].name, "flows-1.tar/" FLOW(4));
	if (_i % TAILS == TAIL_TWO_TORN_MEMBERS)
		ck_assert_str_eq(f.bad[1].name, "flows-1.tar/" FLOW(5));
	mendrig_check_rows(&f, 4);
	mendrig_check_row(&f, 3, 1, last);
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(a_whole_flow_file_that_does_not_belong_there_is_told_and_stays)
{
	struct mendrig_segment s = {0};
	struct flowfile *odd = calloc(1, sizeof(*odd));
	uint64_t offset;
	struct mendrig f;

	mendrig_begin(&f);
	offset = mendrig_member(&s, &f.flows[0], 0);
	*odd = f.flows[1]; /* another one's record */
	(void)strcpy(odd->record.uuid, f.flows[2].record.uuid);
	(void)mendrig_member(&s, odd, 0);
	mendrig_put(&f, &s, 1);
	mendrig_mended(&f, hows[_i], 1);
	ck_assert_str_eq(f.bad[0].name, "flows-1.tar/" FLOW(2));
	ck_assert_str_eq(f.bad[0].error, "its record names another flow");
	mendrig_check_rows(&f, 1);
	mendrig_check_row(&f, 0, 1, offset);
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_free(&s);
	mendrig_end(&f);
	free(odd);
}
END_TEST

START_TEST(a_segment_without_a_member_goes)
{
	struct mendrig_segment s = {0}, torn = {0};
	struct stat st;
	struct mendrig f;

	mendrig_begin(&f);
	mendrig_put(&f, &s, 1);
	mendrig_zeros(&s, TARFMT_END_BYTES);
	mendrig_put(&f, &s, 2);
	mendrig_zeros(&s, 50000);
	mendrig_put(&f, &s, 3);
	(void)mendrig_member(&torn, &f.flows[0], 0);
	torn.len = 700;
	mendrig_put(&f, &torn, 4);
	torn.len = 300;
	mendrig_put(&f, &torn, 5);
	mendrig_mended(&f, hows[_i], 0);
	for (uint32_t i = 1; i <= 5; i++) {
		char name[LAYOUT_SEGMENT_SIZE];

		ck_assert_int_ne(stat(mendrig_path(&f, layout_segment_name(i, name)), &st), 0);
	}
	mendrig_free(&s);
	mendrig_free(&torn);
	mendrig_end(&f);
}
END_TEST

START_TEST(what_is_no_segment_of_ours_is_told_and_left)
{
	static const char text[] = "This is the first line of somebody's notes about flows.\n";
	struct mendrig_segment s = {0};
	struct mendrig f;
	size_t len;
	uint8_t *got;

	mendrig_begin(&f);
	for (int i = 0; i < 40; i++)
		mendrig_bytes(&s, text, sizeof(text) - 1);
	mendrig_put(&f, &s, 1);
	ck_assert_int_eq(mkdir(mendrig_path(&f, "flows-2.tar"), 0750), 0);
	ck_assert_int_eq(symlink("flows-1.tar", mendrig_path(&f, "flows-3.tar")), 0);
	ck_assert_int_eq(mkfifo(mendrig_path(&f, "flows-4.tar"), 0640), 0);
	mendrig_mended(&f, hows[_i], 4);
	got = tempdir_read(mendrig_path(&f, "flows-1.tar"), &len);
	ck_assert_uint_eq(len, s.len);
	ck_assert_mem_eq(got, s.bytes, len);
	free(got);
	ck_assert(tempdir_exists(mendrig_path(&f, "flows-4.tar")));
	mendrig_check_rows(&f, 0);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(a_segment_that_this_process_writes_is_not_touched)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;
	size_t len;
	uint8_t *got;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	s.len -= 700;
	put_row(&f, 0, 1, offset[0]);
	mendrig_put(&f, &s, 1);
	ck_assert_int_eq(archive_mark_segment(f.archive, RECORDS_DAY, 1, true), 0);
	mendrig_mended(&f, MEND_QUICK, 0);
	mendrig_check_rows(&f, 1);
	got = tempdir_read(mendrig_path(&f, "flows-1.tar"), &len);
	ck_assert_uint_eq(len, s.len);
	free(got);
	ck_assert_int_eq(mendrig_mend(&f, MEND_ALL), -EBUSY);
	mendrig_check_row(&f, 0, 1, offset[0]);
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

START_TEST(a_part_that_lies_as_a_file_as_well_is_found_in_the_segment)
{
	struct mendrig_segment s;
	uint64_t offset[3];
	struct mendrig f;

	mendrig_begin(&f);
	three_members(&f, &s, offset);
	mendrig_zeros(&s, TARFMT_END_BYTES);
	mendrig_put(&f, &s, 1);
	for (unsigned i = 0; i < 4; i++)
		mendrig_file(&f, i);
	put_row(&f, 0, 0, 0);         /* pack was killed before it changed the rows */
	put_row(&f, 1, 1, offset[1]); /* or after that */
	mendrig_mended(&f, hows[_i], 0);
	for (unsigned i = 0; i < 3; i++)
		mendrig_check_row(&f, i, 1, offset[i]);
	mendrig_check_row(&f, 3, 0, 0);
	mendrig_check_rows(&f, 4);
	ck_assert(!tempdir_exists(mendrig_path(&f, FLOW(0))));
	ck_assert(!tempdir_exists(mendrig_path(&f, FLOW(1))));
	ck_assert(!tempdir_exists(mendrig_path(&f, FLOW(2))));
	ck_assert(tempdir_exists(mendrig_path(&f, FLOW(3))));
	mendrig_free(&s);
	mendrig_end(&f);
}
END_TEST

/* Another flow under the name of flow 0, and whole; or flow 0 but for a bit that says nothing. */
static void other_bytes(const struct mendrig *f, int which, struct flowfile *ret_other)
{
	static const struct frames_talk talk = {.family = 4, .port = {1, 2}};

	*ret_other = f->flows[0];
	if (which > 0) {
		ret_other->bytes[8] ^= 4; /* XFL of the first gzip member, RFC 1952 2.3.1 */
		return;
	}
	flowfile_ordinary(
	    ret_other, &talk, f->flows[0].record.uuid, f->flows[0].record.tally.first_ns);
	ret_other->record.day = RECORDS_DAY;
	flowfile_end(ret_other);
}

START_TEST(of_two_parts_of_one_name_the_one_that_has_the_row_keeps_it)
{
	struct flowfile *other = calloc(1, sizeof(*other));
	struct mendrig_segment s = {0};
	bool member_has_it = _i % 2 == 0;
	uint64_t offset;
	struct mendrig f;

	mendrig_begin(&f);
	other_bytes(&f, _i / 2, other);
	mendrig_file(&f, 0);
	offset = mendrig_member(&s, other, 0);
	mendrig_put(&f, &s, 1);
	if (member_has_it) {
		f.flows[0] = *other;
		put_row(&f, 0, 1, offset);
	} else {
		put_row(&f, 0, 0, 0);
	}
	mendrig_mended(&f, MEND_QUICK, 1);
	ck_assert_str_eq(f.bad[0].name, member_has_it ? FLOW(0) : "flows-1.tar/" FLOW(0));
	mendrig_check_rows(&f, 1);
	mendrig_check_row(&f, 0, member_has_it ? 1 : 0, member_has_it ? offset : 0);
	ck_assert(tempdir_exists(mendrig_path(&f, FLOW(0))));
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_mended(&f, MEND_ALL, 1);
	ck_assert(tempdir_exists(mendrig_path(&f, FLOW(0))));
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_free(&s);
	mendrig_end(&f);
	free(other);
}
END_TEST

START_TEST(of_two_members_of_one_name_the_first_counts)
{
	struct flowfile *other = calloc(1, sizeof(*other));
	struct mendrig_segment s = {0}, t = {0};
	uint64_t offset;
	struct mendrig f;

	mendrig_begin(&f);
	other_bytes(&f, _i / 2, other);
	offset = mendrig_member(&s, &f.flows[0], 0);
	(void)mendrig_member(&s, &f.flows[0], 0);
	mendrig_put(&f, &s, 1);
	(void)mendrig_member(&t, &f.flows[0], 0);
	mendrig_put(&f, &t, 2);
	mendrig_mended(&f, hows[_i % 2], 0);
	mendrig_check_row(&f, 0, 1, offset);
	(void)mendrig_member(&t, other, 0);
	mendrig_put(&f, &t, 2);
	mendrig_mended(&f, hows[_i % 2], 1);
	ck_assert_str_eq(f.bad[0].name, "flows-2.tar/" FLOW(0));
	mendrig_check_row(&f, 0, 1, offset);
	mendrig_check_rows(&f, 1);
	mendrig_check_segment(&f, 1, s.bytes, s.len);
	mendrig_check_segment(&f, 2, t.bytes, t.len);
	mendrig_free(&s);
	mendrig_free(&t);
	mendrig_end(&f);
	free(other);
}
END_TEST

static Suite *mend_segment_suite(void)
{
	Suite *s = suite_create("mend_segment");
	TCase *t = tcase_create("mend_segment");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(t, members_without_a_row_get_one_and_the_segment_its_end, 0, 2);
	tcase_add_loop_test(t, a_segment_that_is_cut_anywhere_keeps_its_whole_members, 0, 2);
	tcase_add_test(t, a_last_member_that_has_a_row_gets_its_padding_back);
	tcase_add_test(t, rows_behind_the_end_of_a_segment_go);
	tcase_add_test(t, members_that_lost_their_row_in_the_middle_are_found);
	tcase_add_test(t, a_member_that_has_a_row_is_not_cut_off_whatever_its_header_says);
	tcase_add_loop_test(t, what_a_power_cut_leaves_at_the_end_is_cut_off, 0, 2 * TAILS);
	tcase_add_loop_test(
	    t, damage_with_something_whole_behind_it_is_told_and_stays, 0, 2 * TAILS);
	tcase_add_loop_test(
	    t, a_whole_flow_file_that_does_not_belong_there_is_told_and_stays, 0, 2);
	tcase_add_loop_test(t, a_segment_without_a_member_goes, 0, 2);
	tcase_add_loop_test(t, what_is_no_segment_of_ours_is_told_and_left, 0, 2);
	tcase_add_test(t, a_segment_that_this_process_writes_is_not_touched);
	tcase_add_loop_test(t, a_part_that_lies_as_a_file_as_well_is_found_in_the_segment, 0, 2);
	tcase_add_loop_test(t, of_two_parts_of_one_name_the_one_that_has_the_row_keeps_it, 0, 4);
	tcase_add_loop_test(t, of_two_members_of_one_name_the_first_counts, 0, 4);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(mend_segment_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
