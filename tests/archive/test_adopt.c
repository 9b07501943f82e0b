/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what becomes of .staging after a kill: every packet of a whole member is published,
 * once, under the name that its flow has, and nothing else is. For files that no saver leaves see
 * test_adopt_damage.c.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "packet/decode.h"
#include "save/uuidgen.h"
#include "support/adoptrig.h"
#include "support/quick.h"
#include "support/saverig.h"
#include "support/tempdir.h"

#define T0 ADOPTRIG_T0

static const struct frames_talk v4 = {4, {50000, 443}, 1, 0};
static const struct frames_talk tagged = {6, {50000, 443}, 1, 77};

/* How many whole members lie in the first len bytes. */
static unsigned whole_members(const struct flowfile *f, size_t len)
{
	unsigned n = 0;

	while (n < f->members && (n + 1 < f->members ? f->member[n + 1] : f->len) <= len)
		n++;
	return n;
}

/* ---- cut files --------------------------------------------------------------------------------
 */

/* One length of the test below. */
static void check_cut(struct adoptrig *f, const struct flowfile *whole, size_t len)
{
	unsigned members = whole_members(whole, len);
	const char *uuid = whole->record.uuid;
	char staged[200], name[LAYOUT_NAME_SIZE];
	static struct flowfile want;

	(void)snprintf(staged, sizeof(staged), "%016x.%s", 7, uuid);
	(void)layout_file_name(uuid, 0, name);
	adoptrig_stage(f, staged, whole->bytes, len);
	quick_assert(adoptrig_adopt(f) == 0);
	quick_assert(f->count == 1 && strcmp(f->told[0].name, staged) == 0);
	quick_assert(!tempdir_exists(tempdir_path(f->staging, staged)));
	if (members < 2) {
		quick_assert(f->told[0].what == ADOPT_EMPTY && f->totals.empty == 1);
		quick_assert(!tempdir_exists(tempdir_path(f->day, name)));
		return;
	}
	quick_assert(f->told[0].what == ADOPT_PUBLISHED && f->totals.published == 1);
	if (members < 5) {
		adoptrig_crashed(&want, &v4, uuid, members - 1);
		flowfile_end(&want);
	} else {
		want = *whole;
	}
	quick_assert(
	    (f->told[0].error[0] != '\0') == (members < 5 && len > whole->member[members]));
	quick_assert(f->totals.packets == want.record.tally.pkts[0] + want.record.tally.pkts[1]);
	adoptrig_check_published(f, name, &want);
	want.record.day = RECORDS_DAY;
	records_check_equal(&f->told[0].record, &want.record);
	quick_assert(archive_day_dirty(f->archive, RECORDS_DAY));
	adoptrig_check_sound(f, 1);
	quick_assert(unlink(tempdir_path(f->day, name)) == 0);
}

/* Is the length in the sample of this build? Those at the ends of members always are. */
static bool is_sampled(const struct flowfile *f, size_t len)
{
	for (unsigned n = 0; n < f->members; n++)
		if (len + 1 >= f->member[n] && len <= f->member[n] + 1)
			return true;
	return len + 1 >= f->len || len % QUICK_STRIDE == 0;
}

START_TEST(a_staged_file_cut_anywhere_gives_the_packets_of_its_whole_members)
{
	static struct flowfile whole;
	struct adoptrig f;

	adoptrig_begin(&f);
	flowfile_ordinary(&whole, &v4, adoptrig_generated(&v4, VLAN_KEY_NO), T0);
	whole.record.end_reason = END_RST;
	flowfile_end(&whole);
	ck_assert_uint_eq(whole.members, 5);
	for (size_t len = 0; len <= whole.len; len++)
		if (is_sampled(&whole, len))
			check_cut(&f, &whole, len);
	adoptrig_end(&f);
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------
 */

START_TEST(a_flow_without_a_name_gets_the_one_that_a_saver_would_give)
{
	static struct flowfile file, want;
	enum vlan_key vlan_key = _i ? VLAN_KEY_YES : VLAN_KEY_NO;
	const char *uuid = adoptrig_generated(&tagged, vlan_key);
	char name[LAYOUT_NAME_SIZE];
	struct adoptrig f;

	adoptrig_begin(&f);
	f.config.vlan_key = vlan_key;
	adoptrig_crashed(&file, &tagged, "-", 2);
	adoptrig_stage(&f, "0000000000000007.-", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_str_eq(f.told[0].record.uuid, uuid);
	ck_assert_int_eq(f.told[0].record.uuid_source, UUID_GENERATED);
	adoptrig_crashed(&want, &tagged, uuid, 2);
	want.record.key.vlan[0] = vlan_key == VLAN_KEY_YES ? 77 : 0;
	flowfile_end(&want);
	adoptrig_check_published(&f, layout_file_name(uuid, 0, name), &want);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	adoptrig_check_sound(&f, 1);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_generated_name_tells_whether_vlans_tell_flows_apart)
{
	static struct flowfile file;
	enum vlan_key vlan_key = _i ? VLAN_KEY_YES : VLAN_KEY_NO;
	char staged[200];
	struct adoptrig f;

	adoptrig_begin(&f);
	f.config.vlan_key = _i ? VLAN_KEY_NO : VLAN_KEY_YES; /* now it is the other way round */
	adoptrig_crashed(&file, &tagged, "-", 2);
	(void)snprintf(
	    staged, sizeof(staged), "%016x.%s", 7, adoptrig_generated(&tagged, vlan_key));
	adoptrig_stage(&f, staged, file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_int_eq(f.told[0].record.uuid_source, UUID_GENERATED);
	ck_assert_uint_eq(f.told[0].record.key.vlan[0], vlan_key == VLAN_KEY_YES ? 77 : 0);
	adoptrig_check_sound(&f, 1);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_name_from_an_event_is_kept)
{
	static struct flowfile file;
	struct adoptrig f;

	adoptrig_begin(&f);
	adoptrig_crashed(&file, &v4, "-", 1);
	adoptrig_stage(
	    &f, "00000000000000ff.host_1577836800_00000000000012AB", file.bytes, file.len);
	adoptrig_stage(&f, "0000000000000100.SEQ.with.dots", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.published, 2);
	ck_assert_uint_eq(f.totals.packets, 6);
	ck_assert_str_eq(f.told[0].record.uuid, "host_1577836800_00000000000012AB");
	ck_assert_str_eq(f.told[1].record.uuid, "SEQ.with.dots");
	ck_assert_int_eq(f.told[0].record.uuid_source, UUID_EVENT);
	ck_assert_int_eq(f.told[0].record.end_reason, END_CRASH);
	adoptrig_check_sound(&f, 2);
	adoptrig_end(&f);
}
END_TEST

START_TEST(parts_of_one_flow_get_their_numbers_in_the_order_of_their_making)
{
	static struct flowfile one, two;
	struct adoptrig f;

	adoptrig_begin(&f);
	adoptrig_crashed(&one, &v4, "-", 1);
	adoptrig_crashed(&two, &v4, "-", 2);
	adoptrig_stage(&f, "00000000000000a0.u", two.bytes, two.len);
	adoptrig_stage(&f, "000000000000009f.u", one.bytes, one.len);
	adoptrig_stage(&f, "0000000000000100.u", two.bytes, two.len); /* the same again */
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.count, 3);
	ck_assert_str_eq(f.told[0].name, "000000000000009f.u");
	ck_assert_uint_eq(f.told[0].record.part, 0);
	ck_assert_uint_eq(f.told[0].record.tally.pkts[0], 2);
	ck_assert_str_eq(f.told[1].name, "00000000000000a0.u");
	ck_assert_uint_eq(f.told[1].record.part, 1);
	ck_assert_uint_eq(f.told[1].record.tally.pkts[0], 3);
	ck_assert_int_eq(f.told[2].what, ADOPT_DUPLICATE);
	ck_assert_uint_eq(f.totals.duplicate, 1);
	ck_assert_uint_eq(f.totals.published, 2);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	adoptrig_check_sound(&f, 2);
	adoptrig_end(&f);
}
END_TEST

/* A first part of which the server has the higher port, published in a day of its own. */
static void publish_first_part(struct adoptrig *f, const struct frames_talk *t, int64_t first_ns)
{
	const struct frames_packet syn = {0, TCP_SYN, 100, 0, first_ns};
	struct store_part part = {.uuid = "u", .day = clk_day(first_ns), .serial = 1};
	static struct flowfile file;
	enum store_result result;
	struct store *s;

	flowfile_begin(&file, t, "u");
	flowfile_add(&file, t, &syn, 1);
	flowfile_end(&file);
	ck_assert_int_eq(
	    store_new(&(struct store_config){.archive = f->archive, .sync = SYNC_NONE}, &s), 0);
	ck_assert_int_eq(store_publish(s, &part, file.bytes, file.len, &result), 0);
	store_free(s);
}

START_TEST(a_later_part_learns_from_the_first_who_the_client_is)
{
	const struct frames_talk t = {
	    4, {443, 50000}, 1, 0}; /* low is the client, by its SYN only */
	const struct frames_packet p = {1, TCP_ACK, 7, 100, T0};
	static struct flowfile file;
	char error[RESCAN_ERROR_SIZE];
	struct record again;
	struct adoptrig f;
	int dirfd;

	adoptrig_begin(&f);
	flowfile_begin(&file, &t, "u");
	flowfile_add(&file, &t, &p, 1);
	/* its name has no number, where it was flushed before the first part was published */
	adoptrig_stage(
	    &f, _i == 1 ? "0000000000000007.u~1" : "0000000000000007.u", file.bytes, file.len);
	if (_i < 2)
		publish_first_part(&f, &t, _i ? T0 - CLK_DAY_NS : T0 - 1);
	else
		publish_first_part(&f, &v4, T0 - 1); /* other ends: another flow */
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_uint_eq(f.told[0].record.part, 1);
	dirfd = archive_open_day(f.archive, RECORDS_DAY);
	ck_assert_int_eq(rescan_file(dirfd, RECORDS_DAY, "u~1.pcap.gz", &again, error), 0);
	ck_assert_int_eq(close(dirfd), 0);
	records_check_equal(&f.told[0].record, &again);
	ck_assert_int_eq(f.told[0].record.client, _i < 2 ? SIDE_LOW : SIDE_HIGH);
	ck_assert_int_eq(f.told[0].record.uuid_source, _i < 2 ? UUID_GENERATED : UUID_EVENT);
	adoptrig_check_sound(&f, 2);
	adoptrig_end(&f);
}
END_TEST

/* ---- complete files ---------------------------------------------------------------------------
 */

START_TEST(a_complete_file_is_published_as_it_is)
{
	static struct flowfile file;
	char name[LAYOUT_NAME_SIZE];
	struct adoptrig f;

	adoptrig_begin(&f);
	f.config.sync = (enum sync_mode)(_i / 2);
	flowfile_ordinary(&file, &v4, "host_1_2", T0);
	file.record.end_reason = END_STOP;
	file.record.uuid_source = UUID_EVENT;
	file.record.lost_pkts = 3;
	file.record.client = SIDE_HIGH;
	(void)strcpy(file.record.interface, "eth7");
	flowfile_end(&file);
	adoptrig_stage(
	    &f, _i % 2 ? "0000000000000007.-" : "0000000000000007.host_1_2", file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_str_eq(f.told[0].error, "");
	file.record.day = RECORDS_DAY;
	records_check_equal(&f.told[0].record, &file.record);
	adoptrig_check_published(&f, layout_file_name("host_1_2", 0, name), &file);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	adoptrig_check_sound(&f, 1);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_file_that_was_published_already_is_no_second_one)
{
	static struct flowfile file;
	char *published, *staged;
	struct adoptrig f;

	adoptrig_begin(&f);
	flowfile_ordinary(&file, &v4, "u", T0);
	flowfile_end(&file);
	ck_assert_int_eq(close(archive_touch_day(f.archive, RECORDS_DAY)), 0);
	archive_leave_day(f.archive, RECORDS_DAY);
	published = strdup(tempdir_path(f.day, _i == 1 ? "u~3.pcap.gz" : "u.pcap.gz"));
	staged = strdup(tempdir_path(f.staging, "0000000000000007.u"));
	tempdir_write(published, file.bytes, file.len);
	if (_i < 2) /* a kill between link and unlink: one file, two names */
		ck_assert_int_eq(link(published, staged), 0);
	else
		tempdir_write(staged, file.bytes, file.len);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_DUPLICATE);
	ck_assert_uint_eq(f.totals.duplicate, 1);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	adoptrig_check_sound(&f, 1);
	free(published);
	free(staged);
	adoptrig_end(&f);
}
END_TEST

/* ---- the disk, and a whole run ----------------------------------------------------------------
 */

START_TEST(a_flow_that_the_disk_refuses_waits_for_the_next_start)
{
	static struct flowfile file, want;
	char name[LAYOUT_NAME_SIZE];
	struct adoptrig f;
	int rv;

	adoptrig_begin(&f);
	adoptrig_crashed(&file, &v4, "-", 3);
	adoptrig_stage(&f, "0000000000000007.-", file.bytes, file.len - 1);
	ck_assert_int_eq(close(archive_touch_day(f.archive, RECORDS_DAY)), 0);
	archive_leave_day(f.archive, RECORDS_DAY);
	tempdir_limit(file.member[3] + 30); /* not the whole record */
	rv = adoptrig_adopt(&f);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_FAILED);
	ck_assert_uint_eq(f.totals.failed, 1);
	ck_assert_uint_eq(tempdir_count(f.staging), 1);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	adoptrig_crashed(&want, &v4, adoptrig_generated(&v4, VLAN_KEY_NO), 2);
	flowfile_end(&want);
	adoptrig_check_published(&f, layout_file_name(want.record.uuid, 0, name), &want);
	adoptrig_check_sound(&f, 1);
	adoptrig_end(&f);
}
END_TEST

START_TEST(nothing_staged_is_nothing_to_do)
{
	struct adoptrig f;

	adoptrig_begin(&f);
	f.config.fn = NULL;
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.published + f.totals.damaged + f.totals.empty, 0);
	adoptrig_stage(&f, "rubbish", "x", 1);
	adoptrig_stage(&f, "0000000000000007.u", "", 0);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.damaged, 1);
	ck_assert_uint_eq(f.totals.empty, 1);
	ck_assert_uint_eq(tempdir_count(f.staging), 1);
	adoptrig_end(&f);
}
END_TEST

START_TEST(numbers_of_staged_files_stay_above_what_is_left_there)
{
	struct adoptrig f;

	adoptrig_begin(&f);
	adoptrig_stage(&f, "0000000000001234.u", "damaged", 7);
	archive_close(f.archive);
	ck_assert_int_eq(archive_open(f.dir, ARCHIVE_WRITE, &f.archive), 0);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.damaged, 1);
	ck_assert_uint_gt(archive_serial(f.archive), 0x1234);
	adoptrig_end(&f);
}
END_TEST

#define FLOWS 8u

/* What real savers leave when they are never told that the flows have ended. */
START_TEST(flows_that_savers_were_writing_are_all_there_after_a_kill)
{
	struct saverig_flow flow[FLOWS];
	struct saverig rig;
	uint64_t packets = 0;
	struct adoptrig f;

	adoptrig_begin(&f);
	archive_close(f.archive);
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
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.published, FLOWS);
	ck_assert_uint_eq(f.totals.packets, packets);
	adoptrig_check_sound(&f, FLOWS);
	rig.archive = f.archive;
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct record row;

		(void)uuidgen_flow(&flow[i].all.key, flow[i].next.origin_ns,
		    flow[i].next.origin_seq, flow[i].all.uuid);
		(void)saverig_check(&rig, &flow[i], &row);
		ck_assert_int_eq(row.end_reason, END_CRASH);
		ck_assert_int_eq(row.uuid_source, UUID_GENERATED);
		flow[i].all.end_reason = END_CRASH;
		flow[i].all.length = row.length;
		flow[i].all.client = row.client;
		flow[i].all.interface[0] = '\0'; /* nobody knows it any more */
		records_check_equal(&row, &flow[i].all);
		saverig_flow_free(&flow[i]);
	}
	adoptrig_end(&f);
}
END_TEST

static Suite *adopt_suite(void)
{
	Suite *s = suite_create("adopt");
	TCase *t = tcase_create("adopt");

	tcase_set_timeout(t, 300);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_staged_file_cut_anywhere_gives_the_packets_of_its_whole_members);
	tcase_add_loop_test(t, a_flow_without_a_name_gets_the_one_that_a_saver_would_give, 0, 2);
	tcase_add_loop_test(t, a_generated_name_tells_whether_vlans_tell_flows_apart, 0, 2);
	tcase_add_test(t, a_name_from_an_event_is_kept);
	tcase_add_test(t, parts_of_one_flow_get_their_numbers_in_the_order_of_their_making);
	tcase_add_loop_test(t, a_later_part_learns_from_the_first_who_the_client_is, 0, 3);
	tcase_add_loop_test(t, a_complete_file_is_published_as_it_is, 0, 6);
	tcase_add_loop_test(t, a_file_that_was_published_already_is_no_second_one, 0, 3);
	tcase_add_test(t, a_flow_that_the_disk_refuses_waits_for_the_next_start);
	tcase_add_test(t, nothing_staged_is_nothing_to_do);
	tcase_add_test(t, numbers_of_staged_files_stay_above_what_is_left_there);
	tcase_add_test(t, flows_that_savers_were_writing_are_all_there_after_a_kill);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(adopt_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
