/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of moving the files of a day into segments: every part keeps its name and its bytes, what
 * is not in order stays, and the writer gets the day when it wants it. For what a kill leaves see
 * test_pack_kills.c.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/tarfmt.h"
#include "base/fileio.h"
#include "support/packrig.h"
#include "support/records.h"
#include "support/quick.h"
#include "support/tempdir.h"

START_TEST(every_part_keeps_its_name_and_its_bytes_and_its_row)
{
	uint64_t bytes = 0;
	struct packrig g;

	packrig_begin(&g);
	ck_assert_int_eq(pack_needed(g.archive, RECORDS_DAY), 1);
	ck_assert_int_eq(packrig_pack(&g), 0);
	packrig_check_packed(&g);
	for (unsigned i = 0; i < PACKRIG_PARTS; i++)
		bytes += g.part[i].record.length;
	ck_assert_uint_eq(g.totals.parts, PACKRIG_PARTS);
	ck_assert_uint_eq(g.totals.bytes, bytes);
	ck_assert_uint_eq(g.totals.segments, tempdir_count(g.day) - 2);
	ck_assert_uint_eq(g.totals.left, 0);
	ck_assert_uint_eq(tempdir_mode(packrig_path(&g, "flows-1.tar")) & 0137, 0);
	packrig_finish(&g);
}
END_TEST

START_TEST(packing_again_does_nothing)
{
	struct packrig g;
	struct stat before, after;

	packrig_begin(&g);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_int_eq(stat(packrig_path(&g, "flows-1.tar"), &before), 0);
	ck_assert_int_eq(pack_needed(g.archive, RECORDS_DAY), 0);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_uint_eq(g.totals.parts + g.totals.segments + g.totals.left, 0);
	ck_assert_int_eq(stat(packrig_path(&g, "flows-1.tar"), &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	packrig_check_packed(&g);
	packrig_finish(&g);
}
END_TEST

START_TEST(taken_names_are_left_alone)
{
	static const char text[] = "not ours";
	uint8_t *bytes;
	struct packrig g;
	size_t len;

	packrig_begin(&g);
	tempdir_write(packrig_path(&g, "flows-1.tar"), text, sizeof(text));
	ck_assert_int_eq(mkdir(packrig_path(&g, "flows-2.tar"), 0777), 0);
	ck_assert_int_eq(symlink("/nowhere", packrig_path(&g, "flows-4.tar")), 0);
	tempdir_write(packrig_path(&g, PACK_TEMPORARY), text, sizeof(text)); /* this one goes */
	ck_assert_int_eq(packrig_pack(&g), 0);
	packrig_check_all_readable(&g);
	ck_assert_uint_eq(packrig_row(&g, &g.part[PACKRIG_PARTS - 1]).segment, 3);
	ck_assert_uint_eq(packrig_row(&g, &g.part[0]).segment, g.totals.segments + 3);
	bytes = tempdir_read(packrig_path(&g, "flows-1.tar"), &len);
	ck_assert_uint_eq(len, sizeof(text));
	ck_assert_mem_eq(bytes, text, len);
	free(bytes);
	ck_assert(!tempdir_exists(packrig_path(&g, PACK_TEMPORARY)));
	packrig_finish(&g);
}
END_TEST

START_TEST(what_is_not_in_order_stays_and_is_told)
{
	struct packrig g;
	uint8_t *bytes;
	size_t len;

	packrig_begin(&g);
	ck_assert_int_eq(truncate(packrig_path(&g, g.part[0].name), 700), 0);
	tempdir_write(packrig_path(&g, g.part[1].name), "longer", 6);
	ck_assert_int_eq(truncate(packrig_path(&g, g.part[1].name), 100000), 0);
	ck_assert_int_eq(unlink(packrig_path(&g, g.part[2].name)), 0);
	ck_assert_int_eq(symlink(g.part[9].name, packrig_path(&g, g.part[2].name)), 0);
	ck_assert_int_eq(unlink(packrig_path(&g, g.part[3].name)), 0);
	ck_assert_int_eq(mkfifo(packrig_path(&g, g.part[3].name), 0600), 0);
	ck_assert_int_eq(unlink(packrig_path(&g, g.part[4].name)), 0);
	tempdir_write(packrig_path(&g, "unknown.pcap.gz"), "unknown", 7);
	tempdir_write(packrig_path(&g, "notes.txt"), "notes", 5);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_str_eq(packrig_why(&g, g.part[0].name), "its length is not that of its row");
	ck_assert_str_eq(packrig_why(&g, g.part[1].name), "its length is not that of its row");
	ck_assert_str_eq(packrig_why(&g, g.part[2].name), "it is no regular file");
	ck_assert_str_eq(packrig_why(&g, g.part[3].name), "it is no regular file");
	ck_assert_str_eq(packrig_why(&g, g.part[4].name), strerror(ENOENT));
	ck_assert_str_eq(packrig_why(&g, "unknown.pcap.gz"), "the index has no row of it");
	ck_assert_uint_eq(g.totals.left, 6);
	ck_assert_uint_eq(g.totals.parts, PACKRIG_PARTS - 5);
	for (unsigned i = 0; i < PACKRIG_PARTS; i++) {
		if (i < 5)
			ck_assert_uint_eq(packrig_row(&g, &g.part[i]).segment, 0);
		else
			ck_assert_uint_ne(packrig_check_readable(&g, &g.part[i]).segment, 0);
	}
	bytes = tempdir_read(packrig_path(&g, g.part[0].name), &len);
	ck_assert_uint_eq(len, 700);
	ck_assert_mem_eq(bytes, g.part[0].bytes, len);
	free(bytes);
	ck_assert(tempdir_exists(packrig_path(&g, "notes.txt")));
	packrig_finish(&g);
}
END_TEST

START_TEST(a_file_beside_the_member_of_its_row_stays_and_is_told)
{
	struct packrig g;

	packrig_begin(&g);
	ck_assert_int_eq(packrig_pack(&g), 0);
	tempdir_write(packrig_path(&g, g.part[7].name), "other bytes", 11);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_str_eq(packrig_why(&g, g.part[7].name), "its row points into a segment");
	ck_assert_uint_eq(g.totals.left, 1);
	ck_assert(tempdir_exists(packrig_path(&g, g.part[7].name)));
	packrig_check_all_readable(&g);
	packrig_finish(&g);
}
END_TEST

/* A part's row as it is noted here, and a file of that length. */
static void replace_part(struct packrig *g, struct packrig_part *p)
{
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(g->archive, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_insert(x, &p->record), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
	ck_assert_int_eq(truncate(packrig_path(g, p->name), (off_t)p->record.length), 0);
}

static void set_length(struct packrig *g, struct packrig_part *p, uint64_t length)
{
	p->record.length = length;
	replace_part(g, p);
}

START_TEST(a_day_is_moved_round_by_round_where_notes_have_little_room)
{
	struct packrig g;

	packrig_begin(&g);
	g.note_bytes = _i == 1 ? 1 : 700;
	/* Two of these end at the same time: a round does not end between them. */
	for (unsigned i = 0; i < PACKRIG_PARTS; i += 5) {
		g.part[i].record.tally.last_ns = g.part[i + 1].record.tally.last_ns;
		replace_part(&g, &g.part[i]);
	}
	ck_assert_int_eq(unlink(packrig_path(&g, g.part[30].name)), 0);
	ck_assert_int_eq(unlink(packrig_path(&g, g.part[31].name)), 0);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_uint_eq(g.totals.parts, PACKRIG_PARTS - 2);
	ck_assert_uint_eq(g.totals.left, 2); /* each is told once, not in each round */
	packrig_write(&g, &g.part[30]);
	packrig_write(&g, &g.part[31]);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_uint_eq(g.totals.parts, 2);
	for (unsigned i = 0; i < PACKRIG_PARTS; i++)
		ck_assert_uint_ne(packrig_check_readable(&g, &g.part[i]).segment, 0);
	packrig_finish(&g);
}
END_TEST

START_TEST(parts_of_every_size_around_the_buffer_are_moved_and_too_long_ones_stay)
{
	static const uint32_t sizes[] = {0, 1, 511, 512, (256 << 10) - 1536, (256 << 10) - 512,
	    (256 << 10) - 511, 256 << 10, (256 << 10) + 1, 700001};
	struct packrig g;
	size_t len;

	packrig_begin(&g);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct packrig_part *p = &g.part[i * 3];

		set_length(&g, p, sizes[i]);
		free(p->bytes);
		p->bytes = tempdir_read(packrig_path(&g, p->name), &len);
		ck_assert_uint_eq(len, sizes[i]);
	}
	set_length(&g, &g.part[1], TARFMT_SIZE_MAX + 1); /* of holes */
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_str_eq(packrig_why(&g, g.part[1].name), "it is too long for a segment");
	ck_assert_uint_eq(g.totals.parts, PACKRIG_PARTS - 1);
	for (unsigned i = 0; i < PACKRIG_PARTS; i++)
		if (i != 1)
			ck_assert_uint_ne(packrig_check_readable(&g, &g.part[i]).segment, 0);
	packrig_finish(&g);
}
END_TEST

START_TEST(a_second_link_to_a_file_keeps_it)
{
	char *kept = strdup(tempdir_path(tempdir_new(), "kept"));
	uint8_t *bytes;
	struct packrig g;
	size_t len;

	packrig_begin(&g);
	ck_assert_int_eq(link(packrig_path(&g, g.part[5].name), kept), 0);
	ck_assert_int_eq(packrig_pack(&g), 0);
	packrig_check_packed(&g);
	bytes = tempdir_read(kept, &len);
	ck_assert_uint_eq(len, g.part[5].record.length);
	ck_assert_mem_eq(bytes, g.part[5].bytes, len);
	free(bytes);
	free(kept);
	packrig_finish(&g);
}
END_TEST

START_TEST(a_day_without_an_index_is_left_as_it_is)
{
	struct packrig g;

	packrig_begin(&g);
	ck_assert_int_eq(unlink(packrig_path(&g, LAYOUT_INDEX)), 0);
	ck_assert_int_eq(packrig_pack(&g), -ENOENT);
	ck_assert_uint_eq(tempdir_count(g.day), PACKRIG_PARTS + 1);
	packrig_finish(&g);
}
END_TEST

START_TEST(a_segment_that_cannot_be_written_leaves_all_files_where_they_are)
{
	struct packrig g;
	int rv;

	packrig_begin(&g);
	set_length(
	    &g, &g.part[PACKRIG_PARTS - 1], 3 << 20); /* the oldest: the first to be copied */
	tempdir_limit(2 << 20);
	rv = packrig_pack(&g);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_uint_eq(g.totals.parts, 0);
	ck_assert_uint_eq(tempdir_count(g.day), PACKRIG_PARTS + 2);
	for (unsigned i = 0; i < PACKRIG_PARTS - 1; i++)
		ck_assert_uint_eq(packrig_check_readable(&g, &g.part[i]).segment, 0);
	ck_assert_int_eq(packrig_pack(&g), 0);
	ck_assert_uint_eq(g.totals.parts, PACKRIG_PARTS);
	packrig_finish(&g);
}
END_TEST

/* ---- the writer ---- */

static void *touch(void *writer)
{
	int fd = archive_touch_day(writer, RECORDS_DAY);

	quick_assert(fd >= 0);
	fileio_close(fd);
	archive_leave_day(writer, RECORDS_DAY);
	return NULL;
}

START_TEST(the_writer_gets_the_day_when_it_wants_it)
{
	struct archive *writer;
	pthread_t thread;
	struct packrig g;

	packrig_begin(&g);
	ck_assert_int_eq(archive_open(g.dir, ARCHIVE_WRITE, &writer), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, touch, writer), 0);
	while (!archive_day_wanted(g.archive, RECORDS_DAY))
		(void)sched_yield();
	ck_assert_int_eq(packrig_pack(&g), -EAGAIN);
	ck_assert_uint_eq(g.totals.parts, 0);
	packrig_check_all_readable(&g);
	archive_unlock_day(g.archive, RECORDS_DAY, ARCHIVE_UNLOCK_CLEAN);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(archive_lock_day(g.archive, RECORDS_DAY), -EAGAIN);
	ck_assert_int_eq(archive_strike_day(writer, RECORDS_DAY), 0);
	archive_close(writer);
	ck_assert_int_eq(archive_lock_day(g.archive, RECORDS_DAY), 0);
	ck_assert_int_eq(packrig_pack(&g), 0);
	packrig_check_packed(&g);
	packrig_finish(&g);
}
END_TEST

static Suite *pack_suite(void)
{
	Suite *s = suite_create("pack");
	TCase *t = tcase_create("pack");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, every_part_keeps_its_name_and_its_bytes_and_its_row);
	tcase_add_test(t, packing_again_does_nothing);
	tcase_add_test(t, taken_names_are_left_alone);
	tcase_add_test(t, what_is_not_in_order_stays_and_is_told);
	tcase_add_test(t, a_file_beside_the_member_of_its_row_stays_and_is_told);
	tcase_add_test(t, parts_of_every_size_around_the_buffer_are_moved_and_too_long_ones_stay);
	tcase_add_loop_test(t, a_day_is_moved_round_by_round_where_notes_have_little_room, 1, 3);
	tcase_add_test(t, a_second_link_to_a_file_keeps_it);
	tcase_add_test(t, a_day_without_an_index_is_left_as_it_is);
	tcase_add_test(t, a_segment_that_cannot_be_written_leaves_all_files_where_they_are);
	tcase_add_test(t, the_writer_gets_the_day_when_it_wants_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(pack_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
