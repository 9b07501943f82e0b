/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of adoption where there are segments: staged files with room for a header, parts that lie
 * in segments already, and names that only the index knows.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/dayindex.h"
#include "archive/segment.h"
#include "archive/tarfmt.h"
#include "base/fileio.h"
#include "packet/decode.h"
#include "support/adoptrig.h"
#include "support/quick.h"
#include "support/rows.h"
#include "support/saverig.h"
#include "support/tempdir.h"

static const struct frames_talk v4 = {4, {50000, 443}, 1, 0};
static const struct frames_talk v6 = {6, {50000, 443}, 1, 0};

#define T0 ADOPTRIG_T0

/* A day that has segments, and an adoption into such. */
static void begin(struct adoptrig *f)
{
	adoptrig_begin(f);
	f->config.store = STORE_SEGMENTS;
	ck_assert_int_eq(names_new(f->archive, NULL, &f->config.names), 0);
}

/* The next start knows no names from this one. */
static void next_start(struct adoptrig *f)
{
	names_free(f->config.names);
	ck_assert_int_eq(names_new(f->archive, NULL, &f->config.names), 0);
}

static void end(struct adoptrig *f)
{
	names_free(f->config.names);
	adoptrig_end(f);
}

/* Puts a part into its day, as a saver does. */
static void publish_as(struct adoptrig *f, const struct flowfile *file, enum store_kind kind)
{
	struct names *names;
	const struct store_part part = {.uuid = file->record.uuid, .day = RECORDS_DAY, .serial = 1};
	struct store_part p = part;
	enum store_result result;
	struct store *s;

	ck_assert_int_eq(names_new(f->archive, NULL, &names), 0);
	ck_assert_int_eq(
	    store_new(
		&(struct store_config){.archive = f->archive, .kind = kind, .names = names}, &s),
	    0);
	ck_assert_int_eq(store_publish(s, &p, file->bytes, file->len, &result), 0);
	ck_assert_int_eq(store_flush(s), 0);
	store_free(s);
	names_free(names);
}

/* Puts a part into a segment, and closes that. */
static void publish(struct adoptrig *f, const struct flowfile *file)
{
	publish_as(f, file, STORE_SEGMENTS);
}

/* A staged file as a store of segments begins it. */
static void stage_behind_blank(
    struct adoptrig *f, const char *name, const struct flowfile *file, size_t len)
{
	static uint8_t bytes[TARFMT_BLOCK_BYTES + FLOWFILE_MAX];

	memset(bytes, 0, TARFMT_BLOCK_BYTES);
	memcpy(bytes + TARFMT_BLOCK_BYTES, file->bytes, len);
	adoptrig_stage(f, name, bytes, TARFMT_BLOCK_BYTES + len);
}

static void check_row(struct adoptrig *f, const struct record *want)
{
	struct record r;
	struct dayindex *x;

	quick_assert(dayindex_open(f->archive, RECORDS_DAY, DAYINDEX_READ, &x) == 0);
	quick_assert(dayindex_find(x, want->uuid, want->part, &r) == 1);
	dayindex_close(x);
	records_check_equal(&r, want);
	quick_assert(r.segment == want->segment && r.offset == want->offset);
}

START_TEST(what_was_staged_behind_a_blank_header_is_adopted_wherever_it_is_cut)
{
	static struct flowfile file, want;
	struct adoptrig f;
	uint64_t rows = 0;

	adoptrig_crashed(&file, &v4, "u", 3);
	for (size_t len = file.member[1] - 5; len <= file.len; len += 97) {
		begin(&f);
		f.config.store = _i ? STORE_FILES : STORE_SEGMENTS;
		stage_behind_blank(&f, "0000000000000007.u", &file, len);
		quick_assert(adoptrig_adopt(&f) == 0 && f.count == 1);
		quick_assert(tempdir_count(f.staging) == 0);
		if (len < file.member[2]) {
			quick_assert(f.told[0].what == ADOPT_EMPTY);
			end(&f);
			continue;
		}
		quick_assert(f.told[0].what == ADOPT_PUBLISHED);
		quick_assert((f.told[0].record.segment != 0) == (_i == 0));
		adoptrig_check_sound(&f, 1);
		check_row(&f, &f.told[0].record);
		adoptrig_crashed(&want, &v4, "u",
		    len < file.member[3] ? 1
		    : len < file.len     ? 2
					 : 3);
		want.record.uuid_source = UUID_EVENT;
		flowfile_end(&want);
		quick_assert(f.told[0].record.length == want.len);
		if (_i)
			adoptrig_check_published(&f, "u.pcap.gz", &want);
		rows++;
		end(&f);
	}
	ck_assert_uint_gt(rows, 5);
}
END_TEST

START_TEST(what_a_published_part_begins_with_is_not_published_again)
{
	static struct flowfile whole;
	struct adoptrig f;

	begin(&f);
	f.config.store = _i & 1 ? STORE_FILES : STORE_SEGMENTS;
	adoptrig_crashed(&whole, &v4, "u", 3);
	flowfile_end(&whole);
	publish_as(&f, &whole, _i & 2 ? STORE_FILES : STORE_SEGMENTS);
	adoptrig_check_sound(&f, 1);
	next_start(&f);
	stage_behind_blank(&f, "0000000000000007.u", &whole, whole.member[3] + 5);
	/* Of another part nothing is there yet. */
	stage_behind_blank(&f, "0000000000000008.u~1", &whole, whole.member[3] + 5);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.count, 2);
	ck_assert_int_eq(f.told[0].what, ADOPT_DUPLICATE);
	ck_assert_int_eq(f.told[1].what, ADOPT_PUBLISHED);
	ck_assert_int_eq(tempdir_count(f.staging), 0);
	adoptrig_check_sound(&f, 2);
	end(&f);
}
END_TEST

START_TEST(a_segment_of_its_own_that_lacks_only_its_name_is_published)
{
	static struct flowfile file;
	static uint8_t bytes[TARFMT_BLOCK_BYTES + FLOWFILE_MAX + 2 * TARFMT_END_BYTES];
	struct adoptrig f;
	size_t len;

	begin(&f);
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_end(&file);
	memset(bytes, 0, sizeof(bytes));
	len = tarfmt_header("u~2.pcap.gz", file.len, 5, bytes);
	memcpy(bytes + len, file.bytes, file.len);
	len += file.len + (_i ? 0 : tarfmt_padding(file.len) + TARFMT_END_BYTES);
	adoptrig_stage(&f, "0000000000000007.u~2", bytes, len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_uint_eq(f.told[0].record.part, 2);
	ck_assert_uint_eq(f.told[0].record.length, file.len);
	ck_assert_uint_ne(f.told[0].record.segment, 0);
	adoptrig_check_sound(&f, 1);
	check_row(&f, &f.told[0].record);
	end(&f);
}
END_TEST

START_TEST(a_complete_file_that_lies_in_a_segment_is_removed)
{
	static struct flowfile file;
	struct adoptrig f;

	begin(&f);
	f.config.store = _i % 2 ? STORE_FILES : STORE_SEGMENTS;
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_end(&file);
	publish(&f, &file);
	adoptrig_check_sound(&f, 1);
	next_start(&f);
	if (_i < 2)
		stage_behind_blank(&f, "0000000000000007.u", &file, file.len);
	else
		adoptrig_stage(&f, "0000000000000007.u", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_DUPLICATE);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	adoptrig_check_sound(&f, 1);
	end(&f);
}
END_TEST

START_TEST(a_name_that_is_taken_in_a_segment_is_not_taken_twice)
{
	static struct flowfile file, other;
	struct adoptrig f;

	begin(&f);
	f.config.store = _i ? STORE_FILES : STORE_SEGMENTS;
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_end(&file);
	publish(&f, &file);
	adoptrig_check_sound(&f, 1);
	next_start(&f);
	flowfile_ordinary(&other, &v6, "u", T0);
	flowfile_end(&other);
	adoptrig_stage(&f, "0000000000000007.u", other.bytes, other.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_uint_eq(f.told[0].record.part, 1);
	adoptrig_check_sound(&f, 2);
	end(&f);
}
END_TEST

START_TEST(two_flows_of_one_name_are_adopted_one_after_the_other)
{
	static struct flowfile a, b;
	struct adoptrig f;

	begin(&f);
	flowfile_ordinary(&a, &v4, "u", T0);
	flowfile_ordinary(&b, &v6, "u", T0 + 1);
	stage_behind_blank(&f, "0000000000000007.u", &a, a.len);
	stage_behind_blank(&f, "0000000000000008.u", &b, b.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_int_eq(f.told[1].what, ADOPT_LATER);
	ck_assert_uint_eq(f.totals.later, 1);
	ck_assert_uint_eq(tempdir_count(f.staging), 1);
	adoptrig_check_sound(&f, 1);
	next_start(&f);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_uint_eq(f.told[0].record.part, 1);
	adoptrig_check_sound(&f, 2);
	end(&f);
}
END_TEST

START_TEST(a_later_part_learns_from_a_first_one_in_a_segment)
{
	const struct frames_talk t = {4, {443, 50000}, 1, 0};
	const struct frames_packet syn = {0, TCP_SYN, 100, 0, T0 - 1};
	const struct frames_packet p = {1, TCP_ACK, 7, 100, T0};
	static struct flowfile first, file;
	struct adoptrig f;

	begin(&f);
	flowfile_begin(&first, &t, "u");
	flowfile_add(&first, &t, &syn, 1);
	flowfile_end(&first);
	publish(&f, &first);
	adoptrig_check_sound(&f, 1);
	next_start(&f);
	flowfile_begin(&file, &t, "u");
	flowfile_add(&file, &t, &p, 1);
	stage_behind_blank(&f, "0000000000000007.u~1", &file, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_uint_eq(f.told[0].record.part, 1);
	ck_assert_int_eq(f.told[0].record.client, SIDE_LOW);
	ck_assert_int_eq(f.told[0].record.uuid_source, UUID_GENERATED);
	adoptrig_check_sound(&f, 2);
	end(&f);
}
END_TEST

START_TEST(a_part_with_a_number_says_who_the_client_is_whatever_became_of_the_first)
{
	const struct frames_packet p = {1, TCP_ACK, 7, 100, T0};
	char error[RESCAN_ERROR_SIZE], name[LAYOUT_NAME_SIZE];
	static struct flowfile file;
	struct adoptrig f;
	struct record r;
	struct extent e;
	int has_client, dirfd;

	begin(&f);
	f.config.store = STORE_FILES;
	flowfile_begin(&file, &v4, "u");
	flowfile_add(&file, &v4, &p, 1);
	adoptrig_stage(&f, "0000000000000007.u~3", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	dirfd = archive_open_day(f.archive, RECORDS_DAY);
	ck_assert_int_eq(
	    fileio_extent(openat(dirfd, layout_file_name("u", 3, name), O_RDONLY), &e), 0);
	ck_assert_int_eq(rescan_record(&e, &r, &has_client, error), 0);
	ck_assert(has_client);
	ck_assert_int_eq(close(e.fd), 0);
	ck_assert_int_eq(close(dirfd), 0);
	adoptrig_check_sound(&f, 1);
	end(&f);
}
END_TEST

#define FLOWS 8u

START_TEST(flows_that_savers_were_writing_to_segments_are_all_there_after_a_kill)
{
	struct saverig_flow flow[FLOWS];
	struct saverig rig;
	uint64_t packets = 0;
	struct adoptrig f;

	adoptrig_begin(&f);
	archive_close(f.archive);
	saverig_store = STORE_SEGMENTS;
	saverig_start(&rig, f.dir, 2, "zlib:1", SYNC_GROUP);
	for (uint32_t i = 0; i < FLOWS; i++) {
		saverig_flow_begin(&rig, &flow[i], i, T0 + i);
		for (unsigned flush = 0; flush <= i % 4; flush++) {
			saverig_packets(&rig, &flow[i], 10 + i, (uint16_t)(100 * i));
			saverig_flush(&rig, &flow[i]);
		}
		packets += flow[i].all.tally.pkts[0] + flow[i].all.tally.pkts[1];
	}
	savers_stop(rig.savers);
	names_free(rig.names);
	catalog_stop(rig.catalog, &rig.indexed);
	saverig_close(&rig);
	ck_assert_int_eq(archive_open(f.dir, ARCHIVE_WRITE, &f.archive), 0);
	f.config.sync = SYNC_GROUP;
	f.config.store = STORE_SEGMENTS;
	ck_assert_int_eq(names_new(f.archive, NULL, &f.config.names), 0);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.published, FLOWS);
	ck_assert_uint_eq(f.totals.packets, packets);
	adoptrig_check_sound(&f, FLOWS);
	for (uint32_t i = 0; i < FLOWS; i++)
		saverig_flow_free(&flow[i]);
	end(&f);
}
END_TEST

static Suite *adopt_segments_suite(void)
{
	Suite *s = suite_create("adopt_segments");
	TCase *t = tcase_create("adopt_segments");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(
	    t, what_was_staged_behind_a_blank_header_is_adopted_wherever_it_is_cut, 0, 2);
	tcase_add_loop_test(t, what_a_published_part_begins_with_is_not_published_again, 0, 4);
	tcase_add_loop_test(t, a_segment_of_its_own_that_lacks_only_its_name_is_published, 0, 2);
	tcase_add_loop_test(t, a_complete_file_that_lies_in_a_segment_is_removed, 0, 4);
	tcase_add_loop_test(t, a_name_that_is_taken_in_a_segment_is_not_taken_twice, 0, 2);
	tcase_add_test(t, two_flows_of_one_name_are_adopted_one_after_the_other);
	tcase_add_test(t, a_later_part_learns_from_a_first_one_in_a_segment);
	tcase_add_test(t, a_part_with_a_number_says_who_the_client_is_whatever_became_of_the_first);
	tcase_add_test(t, flows_that_savers_were_writing_to_segments_are_all_there_after_a_kill);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(adopt_segments_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
