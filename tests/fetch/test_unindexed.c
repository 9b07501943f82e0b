/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of finding parts that have no row yet: behind the indexed members of a segment, and among
 * many files. A writer is at work, or was killed.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive_builder.h"
#include "fetch/query.h"
#include "fetch/unindexed.h"
#include "fetchrig.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0aaaaaaa-2222-5222-8222-222222222222"
#define UUID_C "0bbbbbbb-3333-5333-8333-333333333333"
#define UUID_D "0ccccccc-4444-5444-8444-444444444444"
#define TAR    "2026/01/01/flows-3.tar"
#define INDEX  "2026/01/01/flows.sqlite"

static struct fetchrig g;
static struct query *q;

static void set_up(void)
{
	fetchrig_set_up(&g);
	q = NULL;
}

static void tear_down(void)
{
	query_free(q);
	fetchrig_tear_down(&g);
}

static const struct query_flow *group(size_t *ret_n)
{
	ck_assert_int_eq(query_group(q), 0);
	return query_flows(q, ret_n);
}

static void begin(void)
{
	query_free(q);
	ck_assert_int_eq(
	    query_new(builder_reader(g.builder), builder_complain, &g.complaints, &q), 0);
}

static const struct query_flow *find(const char *word, enum dayindex_match match, size_t *ret_n)
{
	struct query_words w = {&word, 1, match};

	begin();
	ck_assert_int_eq(query_find(q, &w), 0);
	return group(ret_n);
}

static const struct query_flow *find_all(size_t *ret_n)
{
	begin();
	ck_assert_int_eq(query_select(q, NULL), 0);
	return group(ret_n);
}

static const char *const uuids[] = {UUID_A, UUID_B, UUID_C, UUID_D};
static struct record made[4];

/* Four parts in segment 3, of which the first two have rows. */
static void make_segment(void)
{
	for (int i = 0; i < 4; i++)
		made[i] =
		    *builder_add(g.builder, &(struct built_part){.uuid = uuids[i]}, NOT_INDEXED);
	fetchrig_segment(&g, 3, made, 4);
	builder_add_row(g.builder, &made[0]);
	builder_add_row(g.builder, &made[1]);
	builder_commit(g.builder);
}

static void check_member(const struct query_flow *f, const struct record *r)
{
	char uuid[LAYOUT_UUID_SIZE];

	ck_assert_str_eq(partlist_uuid(f->parts[0], uuid), r->uuid);
	ck_assert_uint_eq(f->count, 1);
	ck_assert_uint_eq(f->parts[0]->segment, 3);
	ck_assert_uint_eq(f->parts[0]->offset, r->offset);
	ck_assert_uint_eq(f->parts[0]->length, r->length);
	ck_assert_int_eq(f->parts[0]->day, r->day);
	ck_assert_int_eq(f->parts[0]->tally.last_ns, r->tally.last_ns);
}

START_TEST(members_behind_the_indexed_ones_are_found)
{
	const struct query_flow *f;
	size_t n;

	make_segment();
	if (_i == 0)
		builder_end_writer(g.builder, IS_KILLED);
	f = find(UUID_D, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	check_member(&f[0], &made[3]);
	f = find("0b", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 1);
	check_member(&f[0], &made[2]);
	f = find_all(&n);
	ck_assert_uint_eq(n, 4);
	for (int i = 0; i < 4; i++)
		check_member(&f[i], &made[i]);
	ck_assert_str_eq(g.complaints.text, "");
}
END_TEST

START_TEST(members_of_a_day_without_an_index_are_found)
{
	size_t n;

	make_segment();
	builder_end_writer(g.builder, IS_KILLED);
	builder_remove(g.builder, INDEX);
	(void)find(UUID_A, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(g.complaints.text, "");
}
END_TEST

START_TEST(members_that_have_rows_are_not_read)
{
	size_t n;

	make_segment();
	builder_end_writer(g.builder, IS_KILLED);
	builder_flip_byte(g.builder, TAR, made[1].offset + 30);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 4);
	builder_wipe(g.builder, TAR, 0, 512); /* before what the index knows nothing is looked at */
	(void)find_all(&n);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(g.complaints.text, "");
}
END_TEST

START_TEST(segments_of_a_clean_day_are_not_looked_at)
{
	size_t n;

	make_segment();
	builder_end_writer(g.builder, ENDS_CLEANLY);
	(void)find(UUID_D, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 0);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 2);
}
END_TEST

/* Cut everywhere from behind the third member on: the third is found, nothing is complained of. */
START_TEST(a_torn_end_is_no_fault)
{
	uint64_t end;
	size_t n;

	make_segment();
	end = builder_size(g.builder, TAR);
	builder_end_writer(g.builder, IS_KILLED);
	for (uint64_t size = end - 1; size >= made[3].offset - 512; size -= 97) {
		builder_cut(g.builder, TAR, size);
		(void)find(UUID_C, DAYINDEX_EXACT, &n);
		ck_assert_uint_eq(n, 1);
		(void)find_all(&n);
		ck_assert_uint_eq(n, size >= end - 1024 ? 4 : 3);
	}
	ck_assert_str_eq(g.complaints.text, "");
}
END_TEST

START_TEST(a_damaged_member_without_a_row_is_named_and_the_others_found)
{
	size_t n;

	make_segment();
	builder_end_writer(g.builder, IS_KILLED);
	builder_flip_byte(g.builder, TAR, made[2].offset + 50);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(g.complaints.count, 1);
	ck_assert_ptr_nonnull(strstr(g.complaints.text, TAR "/" UUID_C ".pcap.gz: "));
}
END_TEST

START_TEST(what_is_no_member_is_named_only_where_no_writer_is_at_work)
{
	size_t n;

	make_segment();
	if (_i == 0)
		builder_end_writer(g.builder, IS_KILLED);
	builder_flip_byte(g.builder, TAR, made[3].offset - 512);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(g.complaints.count, _i == 0 ? 1 : 0);
}
END_TEST

START_TEST(a_segment_that_is_no_file_is_named)
{
	char path[PATH_MAX];
	size_t n;

	make_segment();
	(void)snprintf(path, sizeof(path), "%s/2026/01/01/flows-4.tar", builder_dir(g.builder));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	builder_end_writer(g.builder, IS_KILLED);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(g.complaints.count, 1);
	ck_assert_ptr_nonnull(strstr(g.complaints.text, "flows-4.tar: no regular file"));
}
END_TEST

/* An older segment was written to long before the index: what it lacks is not looked for. */
START_TEST(segments_that_were_not_written_to_of_late_are_not_read)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char path[PATH_MAX];
	size_t n;

	make_segment();
	(void)snprintf(path, sizeof(path), "%s/" TAR, builder_dir(g.builder));
	builder_end_writer(g.builder, IS_KILLED);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 2);
}
END_TEST

/* So many rows of files that the directory is better not listed. */
static void crowd(void)
{
	struct record r =
	    *builder_add(g.builder, &(struct built_part){.uuid = "crowd"}, NOT_INDEXED);

	for (unsigned i = 0; i < UNINDEXED_NAMES_MAX; i++) {
		(void)snprintf(r.uuid, sizeof(r.uuid), "name-%06u", i);
		builder_add_row(g.builder, &r);
	}
	builder_commit(g.builder);
}

START_TEST(a_crowded_day_that_is_being_written_is_asked_for_whole_uuids_only)
{
	size_t n;

	make_segment();
	crowd();
	(void)find("crowd", DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	(void)find(UUID_D, DAYINDEX_EXACT, &n); /* in the segment */
	ck_assert_uint_eq(n, 1);
	(void)find("crow", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 0);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 4 + UNINDEXED_NAMES_MAX);
	builder_end_writer(g.builder, IS_KILLED);
	(void)find("crow", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 1);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 5 + UNINDEXED_NAMES_MAX);
	ck_assert_str_eq(g.complaints.text, "");
}
END_TEST

START_TEST(while_a_writer_is_at_work_no_more_than_so_many_parts_are_read)
{
	char uuid[LAYOUT_UUID_SIZE];
	size_t n;

	for (unsigned i = 0; i < UNINDEXED_READ_MAX + 10; i++) {
		(void)snprintf(uuid, sizeof(uuid), "name-%06u", i);
		builder_add(
		    g.builder, &(struct built_part){.uuid = uuid, .packets = 1}, NOT_INDEXED);
	}
	(void)find_all(&n);
	ck_assert_uint_eq(n, UNINDEXED_READ_MAX);
	(void)find(uuid, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	builder_end_writer(g.builder, IS_KILLED);
	(void)find_all(&n);
	ck_assert_uint_eq(n, UNINDEXED_READ_MAX + 10);
}
END_TEST

/* A row may tell of a place far behind the segment's end, and of any number. */
START_TEST(a_row_with_an_absurd_number_or_place_does_no_harm)
{
	struct record r;
	size_t n;

	make_segment();
	r = made[0];
	r.part = UINT32_MAX;
	r.offset = INT64_MAX / 2;
	builder_add_row(g.builder, &r);
	builder_commit(g.builder);
	ck_assert_uint_eq(find(UUID_A, DAYINDEX_EXACT, &n)[0].count, 2);
	ck_assert_uint_eq(n, 1);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 2); /* nothing is sought behind that place */
	ck_assert_str_eq(g.complaints.text, "");
	builder_end_writer(g.builder, IS_KILLED);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(g.complaints.count, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/unindexed");
	TCase *t = tcase_create("unindexed");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, members_behind_the_indexed_ones_are_found, 0, 2);
	tcase_add_test(t, members_of_a_day_without_an_index_are_found);
	tcase_add_test(t, members_that_have_rows_are_not_read);
	tcase_add_test(t, segments_of_a_clean_day_are_not_looked_at);
	tcase_add_test(t, a_torn_end_is_no_fault);
	tcase_add_test(t, a_damaged_member_without_a_row_is_named_and_the_others_found);
	tcase_add_loop_test(t, what_is_no_member_is_named_only_where_no_writer_is_at_work, 0, 2);
	tcase_add_test(t, a_segment_that_is_no_file_is_named);
	tcase_add_test(t, segments_that_were_not_written_to_of_late_are_not_read);
	tcase_add_test(t, a_crowded_day_that_is_being_written_is_asked_for_whole_uuids_only);
	tcase_add_test(t, while_a_writer_is_at_work_no_more_than_so_many_parts_are_read);
	tcase_add_test(t, a_row_with_an_absurd_number_or_place_does_no_harm);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
