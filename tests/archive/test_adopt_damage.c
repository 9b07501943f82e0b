/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of adopting what no saver leaves behind: what is none of ours stays as it is, of what is
 * damaged the sound beginning is kept, and the archive is sound whatever was in .staging.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packet/decode.h"
#include "pcapfile/gzmember.h"
#include "pcapfile/pcapfmt.h"
#include "support/adoptrig.h"
#include "support/quick.h"
#include "support/tempdir.h"

#define T0 ADOPTRIG_T0

static const struct frames_talk v4 = {4, {50000, 443}, 1, 0};

START_TEST(a_bit_flipped_anywhere_never_makes_the_archive_unsound)
{
	static struct flowfile whole;
	char staged[200];
	struct adoptrig f;
	size_t published = 0, flipped = 0;

	adoptrig_begin(&f);
	flowfile_ordinary(&whole, &v4, adoptrig_generated(&v4, VLAN_KEY_NO), T0);
	flowfile_end(&whole);
	(void)snprintf(staged, sizeof(staged), "%016x.%s", 7, whole.record.uuid);
	for (size_t at = 0; at < whole.len; at += QUICK_STRIDE) {
		char name[LAYOUT_NAME_SIZE];

		flipped++;
		whole.bytes[at] ^= (uint8_t)(1u << at % 8);
		adoptrig_stage(&f, staged, whole.bytes, whole.len);
		quick_assert(adoptrig_adopt(&f) == 0 && f.count == 1);
		if (f.told[0].what == ADOPT_PUBLISHED) {
			published++;
			adoptrig_check_sound(&f, 1);
			(void)layout_file_name(f.told[0].record.uuid, f.told[0].record.part, name);
			quick_assert(unlink(tempdir_path(f.day, name)) == 0);
		} else {
			/* Never away, as packets may be in it. */
			quick_assert(f.told[0].what == ADOPT_DAMAGED);
			adoptrig_check_staged(&f, staged, whole.bytes, whole.len);
			quick_assert(unlink(tempdir_path(f.staging, staged)) == 0);
		}
		whole.bytes[at] ^= (uint8_t)(1u << at % 8);
	}
	ck_assert_uint_gt(published, flipped / 2);
	adoptrig_end(&f);
}
END_TEST

START_TEST(of_a_file_that_is_damaged_in_the_middle_the_part_before_is_kept)
{
	static struct flowfile file, want;
	struct adoptrig f;
	char name[LAYOUT_NAME_SIZE];

	adoptrig_begin(&f);
	adoptrig_crashed(&file, &v4, "host_1_2", 3);
	file.bytes[file.member[2] + 30] ^= 1;
	adoptrig_stage(&f, "0000000000000007.host_1_2", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_ptr_nonnull(strstr(f.told[0].error, "cut off"));
	adoptrig_crashed(&want, &v4, "host_1_2", 1);
	want.record.uuid_source = UUID_EVENT;
	flowfile_end(&want);
	adoptrig_check_published(&f, layout_file_name("host_1_2", 0, name), &want);
	adoptrig_check_sound(&f, 1);
	adoptrig_end(&f);
}
END_TEST

/* ---- what is none of ours ---------------------------------------------------------------------
 */

/* Stages the file, which must be left as it is. */
static void check_refused(struct adoptrig *f, const char *name, const void *bytes, size_t len)
{
	adoptrig_stage(f, name, bytes, len);
	ck_assert_int_eq(adoptrig_adopt(f), 0);
	ck_assert_uint_eq(f->count, 1);
	ck_assert_str_eq(f->told[0].name, name);
	ck_assert_msg(f->told[0].what == ADOPT_DAMAGED, "%s: %d", name, (int)f->told[0].what);
	ck_assert_uint_eq(f->totals.damaged, 1);
	adoptrig_check_staged(f, name, bytes, len);
	ck_assert_int_eq(unlink(tempdir_path(f->staging, name)), 0);
}

START_TEST(a_file_of_another_name_is_left_alone)
{
	static const char *const names[] = {"7.u", "0000000000000007", "0000000000000007.",
	    "0000000000000007..u", "00000000000000007.u", "000000000000000A.u",
	    "0000000000000007.a b", "0000000000000007.u~", "0000000000000007.u~0",
	    "0000000000000007.u~01", "0000000000000007.u~x", "0000000000000007.~1",
	    "0000000000000007u", ".hidden", "-000000000000007.u", "notes.txt",
	    "0000000000000007.\xff\n"};
	static struct flowfile file;
	char long_name[200];
	struct adoptrig f;

	adoptrig_begin(&f);
	flowfile_ordinary(&file, &v4, "u", T0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_refused(&f, names[i], file.bytes, file.len);
	(void)snprintf(long_name, sizeof(long_name), "%016x.%0129d", 7, 1);
	check_refused(&f, long_name, file.bytes, file.len);
	adoptrig_check_sound(&f, 0);
	adoptrig_end(&f);
}
END_TEST

START_TEST(what_is_no_file_is_left_alone_and_nobody_waits_for_it)
{
	static struct flowfile file;
	struct adoptrig f;
	char *victim;

	adoptrig_begin(&f);
	flowfile_ordinary(&file, &v4, "u", T0);
	victim = strdup(tempdir_path(f.dir, "victim"));
	tempdir_write(victim, file.bytes, file.len);
	ck_assert_int_eq(symlink(victim, tempdir_path(f.staging, "0000000000000001.u")), 0);
	ck_assert_int_eq(symlink("nowhere", tempdir_path(f.staging, "0000000000000002.u")), 0);
	ck_assert_int_eq(mkdir(tempdir_path(f.staging, "0000000000000003.u"), 0700), 0);
	ck_assert_int_eq(mkfifo(tempdir_path(f.staging, "0000000000000004.u"), 0600), 0);
	/* A file that is not complete must not be written to where it has another name, too. */
	ck_assert_int_eq(link(victim, tempdir_path(f.staging, "0000000000000005.u")), 0);
	adoptrig_stage(&f, "0000000000000006.u", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.damaged, 5);
	ck_assert_uint_eq(f.totals.published, 1);
	ck_assert_str_eq(f.told[5].error, ""); /* nothing left of what was said of the others */
	ck_assert_uint_eq(tempdir_count(f.staging), 5);
	adoptrig_check_staged(&f, "0000000000000005.u", file.bytes, file.len);
	adoptrig_check_sound(&f, 1);
	ck_assert_uint_gt(archive_serial(f.archive), 0);
	free(victim);
	adoptrig_end(&f);
}
END_TEST

/* A gzip member of any size. */
static size_t put_member(uint8_t *at, const void *bytes, size_t len)
{
	struct gzmember *gz;
	size_t n;

	ck_assert_int_eq(gzmember_new((struct codec){CODEC_ZLIB, 9}, &gz), 0);
	n = gzmember_write(gz, bytes, len, at);
	gzmember_free(gz);
	return n;
}

/* A packet record of so many bytes in all, which belongs to v4. */
static void put_record(uint8_t *at, size_t len)
{
	const struct frames_packet p = {0, TCP_ACK, 9, 10, T0 + 5};
	uint8_t frame[FRAMES_MAX];
	struct packet packet;

	frames_make(&v4, &p, frame, &packet);
	memset(at, 0, len);
	memcpy(at + 16, frame, packet.caplen);
	packet.caplen = packet.origlen = (uint32_t)len - 16;
	pcapfmt_record_header(&packet, packet.caplen, at);
}

START_TEST(a_file_that_holds_something_else_is_left_alone)
{
	static const uint8_t zeros[64 << 10];
	static struct flowfile file;
	static uint8_t bytes[300000], room[1 << 20];
	struct frames_talk other = v4;
	const struct frames_packet p = {0, TCP_ACK, 1, 5, T0 + 9};
	const char *name = "0000000000000007.u";
	struct adoptrig f;
	size_t n;

	adoptrig_begin(&f);
	check_refused(&f, name, "x", 1);
	check_refused(&f, name, "\x1f\x8b\x08\x04", 4);
	check_refused(&f, name, "not looked at", 13);
	check_refused(&f, name, zeros, sizeof(zeros));
	/* A large beginning of a member, whose end is missing. */
	n = put_member(bytes, zeros, sizeof(zeros));
	check_refused(&f, name, bytes, n - 1);
	check_refused(&f, name, bytes, n);
	/* A whole capture in one member, as gzip makes it. */
	flowfile_begin(&file, &v4, "u");
	pcapfmt_file_header(FRAMES_LINKTYPE, room);
	put_record(room + 24, 100);
	check_refused(&f, name, bytes, put_member(bytes, room, 124));
	/* Headers that are not ours: microseconds; a link type with a bit that nobody may set. */
	room[0] = 0xd4;
	check_refused(&f, name, bytes, put_member(bytes, room, 24));
	pcapfmt_file_header(FRAMES_LINKTYPE | 0x00100000, room);
	n = put_member(bytes, room, 24);
	put_record(room, 100);
	n += put_member(bytes + n, room, 100);
	check_refused(&f, name, bytes, n);
	/* The header, then nothing that is whole, but no mere tear either. */
	flowfile_begin(&file, &v4, "u");
	memcpy(bytes, file.bytes, file.len);
	memset(bytes + file.len, 0, 100);
	check_refused(&f, name, bytes, file.len + 100);
	/* A packet of another flow. */
	other.port[1]++;
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_add(&file, &other, &p, 1);
	check_refused(&f, name, file.bytes, file.len);
	/* A record that says something else, that names another flow, or is not the end. */
	flowfile_ordinary(&file, &v4, "u", T0);
	file.record.tally.pkts[0]++;
	flowfile_end(&file);
	check_refused(&f, name, file.bytes, file.len);
	flowfile_ordinary(&file, &v4, "v", T0);
	flowfile_end(&file);
	check_refused(&f, name, file.bytes, file.len);
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_end(&file);
	flowfile_add(&file, &v4, &p, 1);
	check_refused(&f, name, file.bytes, file.len);
	check_refused(&f, name, file.bytes, file.len - 1);
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_end(&file);
	flowfile_end(&file);
	check_refused(&f, name, file.bytes, file.len);
	flowfile_begin(&file, &v4, "u");
	flowfile_end(&file);
	check_refused(&f, name, file.bytes, file.len);
	adoptrig_check_sound(&f, 0);
	adoptrig_end(&f);
}
END_TEST

/* What comes after three good packets; they are kept, it is not. */
static void check_cut_off(struct adoptrig *f, const uint8_t *tail, size_t len)
{
	static struct flowfile file, want;
	static uint8_t bytes[1 << 20];
	char name[LAYOUT_NAME_SIZE];

	adoptrig_crashed(&file, &v4, "u", 1);
	memcpy(bytes, file.bytes, file.len);
	memcpy(bytes + file.len, tail, len);
	adoptrig_stage(f, "0000000000000007.u", bytes, file.len + len);
	ck_assert_int_eq(adoptrig_adopt(f), 0);
	ck_assert_int_eq(f->told[0].what, ADOPT_PUBLISHED);
	ck_assert_uint_gt(strlen(f->told[0].error), 0);
	adoptrig_crashed(&want, &v4, "u", 1);
	want.record.uuid_source = UUID_EVENT;
	flowfile_end(&want);
	adoptrig_check_published(f, layout_file_name("u", 0, name), &want);
	adoptrig_check_sound(f, 1);
	ck_assert_int_eq(unlink(tempdir_path(f->day, name)), 0);
}

START_TEST(members_that_no_saver_makes_are_cut_off)
{
	static uint8_t room[4 << 20], member[1 << 20];
	struct adoptrig f;
	size_t n;

	adoptrig_begin(&f);
	/* A bomb: 4 MiB of zeros in 4 KiB. */
	n = put_member(member, room, sizeof(room));
	ck_assert_uint_lt(n, 8192);
	check_cut_off(&f, member, n);
	/* One byte more than the largest record; a record that says so of itself. */
	put_record(room, 262144 + 16);
	check_cut_off(&f, member, put_member(member, room, 262144 + 17));
	pcapfmt_put_le32(room + 8, 262145);
	check_cut_off(&f, member, put_member(member, room, 262144 + 17));
	/* More than one record in more than 64 KiB. */
	put_record(room, 60000);
	put_record(room + 60000, 5537);
	check_cut_off(&f, member, put_member(member, room, 65537));
	/* Records that are not whole: a byte too few, a header too few, a byte too many. */
	put_record(room, 200);
	check_cut_off(&f, member, put_member(member, room, 199));
	check_cut_off(&f, member, put_member(member, room, 15));
	check_cut_off(&f, member, put_member(member, room, 201));
	/* Nothing in it; a record of somebody else; padding. */
	check_cut_off(&f, member, put_member(member, room, 0));
	check_cut_off(&f, member, gzmember_write_extra("XX", "text", 4, member));
	memset(room, ' ', 5000);
	check_cut_off(&f, member, gzmember_write_extra("FK", room, 5000, member));
	memset(room, 0, 4096);
	check_cut_off(&f, room, 4096);
	adoptrig_end(&f);
}
END_TEST

START_TEST(members_as_large_as_savers_make_them_are_kept)
{
	static const size_t lens[][2] = {
	    {262144 + 16, 0}, {65537, 0}, {60000, 5536}, {60000, 5000}};
	static uint8_t room[300000], bytes[300000];
	struct adoptrig f;
	struct flowfile file;

	adoptrig_begin(&f);
	for (size_t i = 0; i < 4; i++) {
		size_t len = lens[i][0] + lens[i][1], n;

		flowfile_begin(&file, &v4, "u");
		memcpy(bytes, file.bytes, file.len);
		put_record(room, lens[i][0]);
		if (lens[i][1] > 0)
			put_record(room + lens[i][0], lens[i][1]);
		n = file.len + put_member(bytes + file.len, room, len);
		adoptrig_stage(&f, "0000000000000007.u", bytes, n);
		ck_assert_int_eq(adoptrig_adopt(&f), 0);
		ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
		ck_assert_uint_eq(f.totals.packets, lens[i][1] > 0 ? 2 : 1);
		adoptrig_check_sound(&f, i + 1);
	}
	adoptrig_end(&f);
}
END_TEST

static Suite *adopt_damage_suite(void)
{
	Suite *s = suite_create("adopt_damage");
	TCase *t = tcase_create("adopt_damage");

	tcase_set_timeout(t, 300);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_bit_flipped_anywhere_never_makes_the_archive_unsound);
	tcase_add_test(t, of_a_file_that_is_damaged_in_the_middle_the_part_before_is_kept);
	tcase_add_test(t, a_file_of_another_name_is_left_alone);
	tcase_add_test(t, what_is_no_file_is_left_alone_and_nobody_waits_for_it);
	tcase_add_test(t, a_file_that_holds_something_else_is_left_alone);
	tcase_add_test(t, members_that_no_saver_makes_are_cut_off);
	tcase_add_test(t, members_as_large_as_savers_make_them_are_kept);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(adopt_damage_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
