/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of checking segments, what is pinned, and days that others are changing just now. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/dayindex.h"
#include "archive/pack.h"
#include "archive/pin.h"
#include "archive/tarfmt.h"
#include "archive_builder.h"
#include "base/clk.h"
#include "fetch/verify.h"
#include "segmented.h"

#define UUID_A  "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B  "0bbbbbbb-2222-5222-8222-222222222222"
#define UUID_C  "0ccccccc-3333-5333-8333-333333333333"
#define DAY     "2026/01/01/"
#define SEGMENT DAY "flows-1.tar"
#define SECOND  DAY "flows-2.tar"
#define FILE_A  DAY UUID_A ".pcap.gz"
#define FILE_B  DAY UUID_B ".pcap.gz"

static struct builder *b;
static struct record a_row, b_row, c_row;
static struct complaints damage, notices;
static struct verify_totals totals;
static void (*meanwhile)(void); /* runs when the first flow file was read */

static void set_up(void)
{
	b = builder_new();
	meanwhile = NULL;
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
	(void)arg;
	builder_complain(path, what, &notices);
}

static void take_progress(const struct verify_totals *t, void *arg)
{
	(void)arg;
	if (t->files + t->members == 1 && meanwhile != NULL)
		meanwhile();
}

static void verify(void)
{
	const struct verify_hooks hooks = {
	    .damage = take_damage, .notice = take_notice, .progress = take_progress};

	memset(&damage, 0, sizeof(damage));
	memset(&notices, 0, sizeof(notices));
	ck_assert_int_eq(verify_archive(builder_reader(b), &hooks, &totals), 0);
	ck_assert_uint_eq(totals.damage, damage.count);
}

static void check_damage(const char *text)
{
	verify();
	ck_assert_str_eq(damage.text, text);
}

/* One damage is told, of this path, and these words are in it. */
static void check_one(const char *path, const char *words)
{
	verify();
	ck_assert_msg(damage.count == 1, "%u: %s", damage.count, damage.text);
	ck_assert_msg(strncmp(damage.text, path, strlen(path)) == 0, "%s", damage.text);
	ck_assert_msg(strstr(damage.text, words) != NULL, "%s, not: %s", damage.text, words);
}

static struct record put(const char *uuid, uint32_t segment, enum indexed indexed)
{
	return segmented_add(b, segment, &(struct built_part){.uuid = uuid}, indexed);
}

/* A segment with three parts, of a day that is closed. */
static void make_segment(void)
{
	a_row = put(UUID_A, 1, INDEXED);
	b_row = put(UUID_B, 1, INDEXED);
	c_row = put(UUID_C, 1, INDEXED);
	segmented_end(b, SEGMENT);
	builder_end_writer(b, ENDS_CLEANLY);
}

START_TEST(a_sound_segment_has_no_damage)
{
	make_segment();
	check_damage("");
	ck_assert_str_eq(notices.text, "");
	ck_assert_uint_eq(totals.days, 1);
	ck_assert_uint_eq(totals.files, 0);
	ck_assert_uint_eq(totals.segments, 1);
	ck_assert_uint_eq(totals.members, 3);
	ck_assert_uint_eq(totals.rows, 3);
	ck_assert_uint_eq(totals.bytes, a_row.length + b_row.length + c_row.length);
	ck_assert_uint_eq(totals.total_bytes, totals.bytes);
}
END_TEST

START_TEST(what_pack_makes_is_sound)
{
	struct pack_totals packed;
	struct archive *a;

	for (int i = 0; i < 2; i++)
		(void)builder_add(b,
		    &(struct built_part){.uuid = i == 0 ? UUID_A : UUID_B, .packets = 30}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	ck_assert_int_eq(archive_open(builder_dir(b), ARCHIVE_TEND, &a), 0);
	ck_assert_int_eq(archive_lock_day(a, clk_day(BUILDER_NOON)), 0);
	ck_assert_int_eq(
	    pack_day(&(struct pack_config){.archive = a}, clk_day(BUILDER_NOON), &packed), 0);
	archive_unlock_day(a, clk_day(BUILDER_NOON), ARCHIVE_UNLOCK_CLEAN);
	archive_close(a);
	check_damage("");
	ck_assert_uint_eq(totals.files, 0);
	ck_assert_uint_eq(totals.members, 2);
}
END_TEST

/* Every byte of content, on its own; the segment is as long as ever. */
START_TEST(a_flipped_byte_in_a_member_names_the_member)
{
	make_segment();
	for (uint64_t i = 0; i < b_row.length; i += 7) {
		builder_flip_byte(b, SEGMENT, b_row.offset + i);
		verify();
		builder_flip_byte(b, SEGMENT, b_row.offset + i);
		if (damage.count == 0) /* a byte of a gzip header that means nothing */
			continue;
		ck_assert_msg(damage.count == 1, "%u: %s", damage.count, damage.text);
		ck_assert_ptr_nonnull(strstr(damage.text, SEGMENT ": " UUID_B ".pcap.gz at byte "));
		ck_assert_uint_eq(totals.members, 3);
	}
	check_damage("");
}
END_TEST

/* What it says is its row's fault, too: that points at a member that is none any more. */
START_TEST(a_damaged_header_hides_one_member_only)
{
	make_segment();
	builder_flip_byte(b, SEGMENT, b_row.offset - 512 + (uint64_t)_i);
	verify();
	ck_assert_msg(damage.count == 2, "%u: %s", damage.count, damage.text);
	ck_assert_ptr_nonnull(strstr(damage.text, SEGMENT ": bytes "));
	ck_assert_ptr_nonnull(strstr(damage.text, "are no member of it\n"));
	ck_assert_ptr_nonnull(
	    strstr(damage.text, FILE_B ": in the index, but there is no such member at byte "));
	ck_assert_uint_eq(totals.members, 2);
}
END_TEST

/* Cut anywhere behind the second member: the others are still read. */
START_TEST(a_segment_that_is_cut_is_damage)
{
	uint64_t size, behind_b;

	make_segment();
	behind_b = c_row.offset - TARFMT_BLOCK_BYTES;
	for (size = builder_size(b, SEGMENT) - 1; size >= behind_b; size -= 41) {
		bool whole = size >= c_row.offset + c_row.length + tarfmt_padding(c_row.length);

		builder_cut(b, SEGMENT, size);
		verify();
		ck_assert_msg(damage.count == (whole ? 1 : 2), "%s", damage.text);
		ck_assert_ptr_nonnull(strstr(damage.text, SEGMENT ": "));
		ck_assert_uint_eq(totals.members, whole ? 3 : 2);
	}
}
END_TEST

START_TEST(a_segment_without_end_is_damage_in_a_closed_day)
{
	(void)put(UUID_A, 1, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	check_damage(SEGMENT ": it has no end; 'flowkeep verify --repair' mends it\n");
}
END_TEST

START_TEST(a_segment_without_end_is_none_while_a_writer_is_at_it)
{
	(void)put(UUID_A, 1, INDEXED);
	(void)put(UUID_B, 1, NOT_INDEXED);
	segmented_append(b, SEGMENT, "the beginning of a header", 25);
	check_damage("");
	ck_assert_uint_eq(totals.pending, 1);
}
END_TEST

START_TEST(what_a_killed_writer_left_is_damage_that_its_next_start_mends)
{
	(void)put(UUID_A, 1, INDEXED);
	(void)put(UUID_B, 1, NOT_INDEXED);
	segmented_append(b, SEGMENT, "the beginning of a header", 25);
	builder_end_writer(b, IS_KILLED);
	verify();
	ck_assert_uint_eq(damage.count, 2);
	ck_assert_ptr_nonnull(
	    strstr(damage.text, ": not in the index; the next start of a writer"));
	ck_assert_ptr_nonnull(strstr(damage.text, SEGMENT ": torn at byte "));
}
END_TEST

START_TEST(bytes_behind_the_end_are_damage)
{
	make_segment();
	segmented_append(b, SEGMENT, "junk", 4);
	check_one(SEGMENT ": ", "there is no member of it");
}
END_TEST

START_TEST(a_member_without_row_is_damage)
{
	(void)put(UUID_A, 1, INDEXED);
	b_row = put(UUID_B, 1, NOT_INDEXED);
	segmented_end(b, SEGMENT);
	builder_end_writer(b, ENDS_CLEANLY);
	check_one(SEGMENT ": " UUID_B ".pcap.gz at byte ", "not in the index");
}
END_TEST

START_TEST(a_row_that_points_beside_its_member_is_damage)
{
	a_row = put(UUID_A, 1, NOT_INDEXED);
	(void)put(UUID_B, 1, INDEXED);
	segmented_end(b, SEGMENT);
	switch (_i) {
	case 0:
		a_row.offset += 512;
		break;
	case 1:
		a_row.segment = 7;
		break;
	default:
		a_row.length += 1;
		break;
	}
	builder_add_row(b, &a_row);
	builder_end_writer(b, ENDS_CLEANLY);
	verify();
	ck_assert_msg(damage.count == 2, "%s", damage.text);
	ck_assert_ptr_nonnull(strstr(damage.text, SEGMENT ": " UUID_A ".pcap.gz at byte "));
	ck_assert_ptr_nonnull(strstr(damage.text, FILE_A ": in the index, but there is no such"));
}
END_TEST

START_TEST(a_row_that_says_otherwise_than_its_member_is_damage)
{
	a_row = put(UUID_A, 1, NOT_INDEXED);
	a_row.tally.pkts[a_row.client]++;
	builder_add_row(b, &a_row);
	segmented_end(b, SEGMENT);
	builder_end_writer(b, ENDS_CLEANLY);
	check_one(SEGMENT ": " UUID_A ".pcap.gz at byte ", "the index says client_packets");
}
END_TEST

START_TEST(a_part_that_is_there_twice_is_damage)
{
	(void)put(UUID_A, 1, INDEXED);
	if (_i == 0)
		(void)put(UUID_A, 1, NOT_INDEXED);
	else if (_i == 1)
		(void)put(UUID_A, 2, NOT_INDEXED);
	else
		(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, NOT_INDEXED);
	segmented_end(b, SEGMENT);
	if (_i == 1)
		segmented_end(b, SECOND);
	builder_end_writer(b, ENDS_CLEANLY);
	check_one(_i == 0   ? SEGMENT
		  : _i == 1 ? SECOND
			    : FILE_A,
	    "there twice: the index points at byte 512 of flows-1.tar");
}
END_TEST

START_TEST(what_is_called_like_a_segment_and_is_no_file_is_damage)
{
	char path[4096 + 64];

	(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	(void)snprintf(path, sizeof(path), "%s/" SEGMENT, builder_dir(b));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	check_damage(SEGMENT ": not a regular file\n");
	(void)remove(path);
}
END_TEST

START_TEST(an_index_whose_indexes_lie_is_damage)
{
	char command[4096 + 400];

	for (unsigned i = 1; i < 250; i++)
		(void)builder_add(b,
		    &(struct built_part){
			.uuid = UUID_A, .number = i - 1, .client_host = (uint8_t)i},
		    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	check_damage("");
	/* What was an index on the clients is said to be one on the servers. */
	(void)snprintf(command, sizeof(command),
	    "sqlite3 %s/" DAY "flows.sqlite \"PRAGMA writable_schema = 1;"
	    " UPDATE sqlite_master SET sql = replace(sql, '(client_ip)', '(server_ip)')"
	    " WHERE name = 'flow_client_ip'\"",
	    builder_dir(b));
	ck_assert_int_eq(system(command), 0);
	check_one(DAY "flows.sqlite: ", "damaged");
}
END_TEST

START_TEST(a_summary_that_is_wrong_is_damage)
{
	char command[4096 + 200];

	(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	(void)snprintf(command, sizeof(command),
	    "sqlite3 %s/" DAY "flows.sqlite 'UPDATE day SET parts = 17'", builder_dir(b));
	ck_assert_int_eq(system(command), 0);
	check_one(DAY "flows.sqlite: ", "its summary says 17 parts with 4 packets, its rows 1");
}
END_TEST

static void pin_a(void)
{
	struct archive *pinned;

	ck_assert_int_eq(pin_open(builder_reader(b), true, &pinned), 0);
	ck_assert_int_eq(pin_part(builder_reader(b), pinned, &a_row), 0);
	archive_close(pinned);
}

START_TEST(what_is_pinned_is_checked_too)
{
	a_row = *builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	pin_a();
	check_damage("");
	ck_assert_uint_eq(totals.files, 2);
	ck_assert_uint_eq(totals.days, 2);
	builder_remove(b, "pinned/" FILE_A);
	check_damage("pinned/" FILE_A ": in the index, but the file is missing\n");
}
END_TEST

START_TEST(what_is_left_unfinished_is_noticed)
{
	builder_stage(b, UUID_A);
	check_damage("");
	ck_assert_uint_eq(notices.count, 0);
	builder_end_writer(b, IS_KILLED);
	check_damage("");
	ck_assert_uint_eq(notices.count, 1);
	ck_assert_ptr_nonnull(strstr(notices.text, ".staging/"));
	ck_assert_ptr_nonnull(
	    strstr(notices.text, "left unfinished; the next capture publishes it"));
}
END_TEST

/* ---- while others are at work ---- */

static struct archive *tool;

static void hold_day(void)
{
	ck_assert_int_eq(archive_open(builder_dir(b), ARCHIVE_TEND, &tool), 0);
	ck_assert_int_eq(archive_lock_day(tool, clk_day(BUILDER_NOON)), 0);
}

static void release_day(void)
{
	archive_unlock_day(tool, clk_day(BUILDER_NOON), ARCHIVE_UNLOCK_CLEAN);
	archive_close(tool);
}

static void pack(void)
{
	struct pack_totals packed;

	hold_day();
	ck_assert_int_eq(
	    pack_day(&(struct pack_config){.archive = tool}, clk_day(BUILDER_NOON), &packed), 0);
	ck_assert_uint_eq(packed.parts, 3);
	release_day();
}

START_TEST(parts_that_are_packed_meanwhile_are_no_damage)
{
	(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	(void)builder_add(b, &(struct built_part){.uuid = UUID_B}, INDEXED);
	(void)builder_add(b, &(struct built_part){.uuid = UUID_C}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	meanwhile = pack;
	check_damage("");
	ck_assert_uint_eq(totals.rows, 3);
}
END_TEST

/* Rows go first. */
static void prune_rows(void)
{
	struct dayindex *x;

	hold_day();
	ck_assert_int_eq(dayindex_open(tool, clk_day(BUILDER_NOON), DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_delete_all(x), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
}

static void prune_all(void)
{
	prune_rows();
	builder_remove(b, SEGMENT);
	builder_remove(b, DAY UUID_A ".pcap.gz");
	release_day();
}

START_TEST(parts_that_are_pruned_meanwhile_are_no_damage)
{
	(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	(void)put(UUID_B, 1, INDEXED);
	(void)put(UUID_C, 1, INDEXED);
	segmented_end(b, SEGMENT);
	builder_end_writer(b, ENDS_CLEANLY);
	meanwhile = _i == 0 ? prune_rows : prune_all;
	check_damage("");
	if (_i == 0)
		release_day();
}
END_TEST

static void remove_day(void)
{
	char from[4096 + 64], to[4096 + 64];

	(void)snprintf(from, sizeof(from), "%s/2026/01/01", builder_dir(b));
	(void)snprintf(to, sizeof(to), "%s/.trash", builder_dir(b));
	(void)mkdir(to, 0700);
	(void)snprintf(to, sizeof(to), "%s/.trash/1", builder_dir(b));
	ck_assert_int_eq(rename(from, to), 0);
	builder_remove(b, ".trash/1/" UUID_C ".pcap.gz");
}

START_TEST(a_day_that_goes_meanwhile_is_no_damage)
{
	(void)builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	(void)builder_add(b, &(struct built_part){.uuid = UUID_B}, _i == 0 ? INDEXED : NOT_INDEXED);
	(void)builder_add(b, &(struct built_part){.uuid = UUID_C}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	meanwhile = remove_day;
	check_damage("");
	ck_assert_uint_eq(notices.count, 1); /* what lies in the trash */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/verify of segments");
	TCase *t = tcase_create("verify");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_sound_segment_has_no_damage);
	tcase_add_test(t, what_pack_makes_is_sound);
	tcase_add_test(t, a_flipped_byte_in_a_member_names_the_member);
	tcase_add_loop_test(t, a_damaged_header_hides_one_member_only, 0, 3);
	tcase_add_test(t, a_segment_that_is_cut_is_damage);
	tcase_add_test(t, a_segment_without_end_is_damage_in_a_closed_day);
	tcase_add_test(t, a_segment_without_end_is_none_while_a_writer_is_at_it);
	tcase_add_test(t, what_a_killed_writer_left_is_damage_that_its_next_start_mends);
	tcase_add_test(t, bytes_behind_the_end_are_damage);
	tcase_add_test(t, a_member_without_row_is_damage);
	tcase_add_loop_test(t, a_row_that_points_beside_its_member_is_damage, 0, 3);
	tcase_add_test(t, a_row_that_says_otherwise_than_its_member_is_damage);
	tcase_add_loop_test(t, a_part_that_is_there_twice_is_damage, 0, 3);
	tcase_add_test(t, what_is_called_like_a_segment_and_is_no_file_is_damage);
	tcase_add_test(t, an_index_whose_indexes_lie_is_damage);
	tcase_add_test(t, a_summary_that_is_wrong_is_damage);
	tcase_add_test(t, what_is_pinned_is_checked_too);
	tcase_add_test(t, what_is_left_unfinished_is_noticed);
	tcase_add_test(t, parts_that_are_packed_meanwhile_are_no_damage);
	tcase_add_loop_test(t, parts_that_are_pruned_meanwhile_are_no_damage, 0, 2);
	tcase_add_loop_test(t, a_day_that_goes_meanwhile_is_no_damage, 0, 2);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
