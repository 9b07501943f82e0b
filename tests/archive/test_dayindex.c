/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of a day's index: rows come back whole, are found by UUID and by every beginning of one,
 * and lie in the file as the manual says. For damaged files see test_dayindex_damage.c.
 */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayindex.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/sqlcheck.h"
#include "support/tempdir.h"

static void finish(struct archive *a, char *index)
{
	archive_close(a);
	free(index);
}

/* By how the index keeps them: names as text come before UUIDs as bytes, then by name, then by
 * part. */
static int is_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != 36)
		return 0;
	for (int i = 0; i < 36; i++)
		if (shape[i] == '-' ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
			return 0;
	return 1;
}

static int by_uuid_and_part(const void *x, const void *y)
{
	const struct record *a = x, *b = y;
	int order = is_uuid(a->uuid) - is_uuid(b->uuid);

	if (order == 0)
		order = strcmp(a->uuid, b->uuid);
	return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

static void check_rows(struct rows *got, struct record *want, size_t count)
{
	qsort(want, count, sizeof(*want), by_uuid_and_part);
	ck_assert_uint_eq(got->count, count);
	for (size_t i = 0; i < count; i++)
		rows_check_equal(&got->record[i], &want[i]);
	rows_free(got);
}

START_TEST(rows_come_back_whole_and_in_order)
{
	enum { COUNT = 120 };
	struct record *records = calloc(COUNT, sizeof(*records));
	struct rows rows;
	char *index;
	struct archive *a = rows_archive("a", &index);

	for (uint64_t n = 0; n < COUNT; n++) {
		records_make(n, &records[n]);
		records[n].part = (uint32_t)(n * n);
		if (n % 4 == 0)
			(void)snprintf(
			    records[n].uuid, LAYOUT_UUID_SIZE, "host_%02u", (unsigned)(n / 8));
		if (n % 5 == 0)
			records[n].interface[0] = '\0';
		records[n].key.vlan[0] = (uint16_t)(n % 6 ? 0 : n);
		records[n].key.vlan[1] = (uint16_t)(n % 7 ? 0 : 4095);
		rows_place(n, &records[n]);
	}
	records[7].key.proto = 17;
	records[8].key.linktype = UINT32_MAX;
	records[9].tally.vlan = 4095;
	records[10].length = INT64_MAX - records[10].offset;
	records[14].segment = UINT32_MAX;
	records[14].offset = INT64_MAX - records[14].length;
	records[11].tally.bytes[0] = records[11].lost_pkts = INT64_MAX;
	records[12].part = UINT32_MAX;
	(void)strcpy(records[13].interface, "\xff\xc3'\"\x01");
	rows_insert(a, records, COUNT);
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
	check_rows(&rows, records, COUNT);
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA integrity_check"), "ok");
	free(records);
	finish(a, index);
}
END_TEST

/* Ends that are awkward to keep apart or to put back in order; the client on either side. */
static const struct {
	uint8_t family;
	uint8_t low[16], high[16];
	uint16_t low_port, high_port;
} ends[] = {
    {4, {10, 0, 0, 1}, {10, 0, 0, 2}, 5, 4},
    {4, {0}, {255, 255, 255, 255}, 68, 67},
    {4, {127, 0, 0, 1}, {127, 0, 0, 1}, 80, 50000},
    {6, {0x20, 1}, {0x20, 2}, 1, 1},
    {6, {0}, {0xff, [15] = 0xff}, 0, 0},
    {6, {[15] = 1}, {[15] = 1}, 1, 65535},
    {6, {[11] = 0xff}, {0x20, 1}, 2, 1},
    /* One end IPv4-mapped: such a packet is IPv6 still, as the other end is not. */
    {6, {[10] = 0xff, [11] = 0xff, [12] = 10}, {0x20, 1}, 7, 8},
    {6, {0}, {[10] = 0xff, [11] = 0xff, [12] = 10}, 7, 8},
};

START_TEST(both_ends_come_back_with_the_client_on_its_side)
{
	struct record want, *got;
	struct rows rows;
	char *index;
	struct archive *a = rows_archive("a", &index);

	records_make(1, &want);
	memset(want.key.addr, 0, sizeof(want.key.addr));
	memcpy(want.key.addr[SIDE_LOW], ends[_i / 2].low, 16);
	memcpy(want.key.addr[SIDE_HIGH], ends[_i / 2].high, 16);
	want.key.port[SIDE_LOW] = ends[_i / 2].low_port;
	want.key.port[SIDE_HIGH] = ends[_i / 2].high_port;
	want.key.family = ends[_i / 2].family;
	want.client = _i % 2 ? SIDE_HIGH : SIDE_LOW;
	rows_insert(a, &want, 1);
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
	ck_assert_uint_eq(rows.count, 1);
	got = &rows.record[0];
	records_check_equal(got, &want);
	rows_free(&rows);
	finish(a, index);
}
END_TEST

/* ---- finding ----------------------------------------------------------------------------------
 */

static const char *const names[] = {"00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-000000000001", "3f2a8c1d-0000-5000-8000-000000000001",
    "3f2a8c1d-0000-5000-8000-000000000002", "3f2a8c1d-0000-5000-8000-00000000000f",
    "3f2a8c1e-0000-5000-8000-000000000001", "3f2a8c1d-ffff-5fff-8fff-ffffffffffff",
    "3f2affff-ffff-ffff-ffff-ffffffffffff", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "3F2A8C1D-0000-5000-8000-000000000001", "3f2a8c1d-0000-5000-8000-00000000000G",
    "3f2a8c1d-0000-5000-8000-0000000000011", "3f2a8c1d", "3f2a", "3", "f",
    "host_1577836800_00000000000012AB", "host_1577836800_00000000000012AC", "host", "host-",
    "host.", "zzz", "zz", "z", "Z", "_", "-", "0", "00000000-0000-0000-0000-00000000000",
    "3f2a8c1d-0000-5000-8000000000000001"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void check_select(struct dayindex *x, const char *text, enum dayindex_match match)
{
	struct record want[NAMES * 2];
	struct rows rows = {NULL, 0, 0};
	size_t count = 0;

	for (size_t i = 0; i < NAMES; i++) {
		if (match == DAYINDEX_EXACT ? strcmp(names[i], text) != 0
					    : strncmp(names[i], text, strlen(text)) != 0)
			continue;
		for (uint32_t part = 0; part <= i % 2; part++, count++) {
			records_make(i, &want[count]);
			(void)strcpy(want[count].uuid, names[i]);
			want[count].part = part;
		}
	}
	quick_assert(dayindex_select(x, text, match, rows_collect, &rows) == 0);
	qsort(want, count, sizeof(want[0]), by_uuid_and_part);
	if (rows.count != count)
		ck_abort_msg("'%s' gave %zu rows, not %zu", text, rows.count, count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows.record[i].uuid, want[i].uuid) != 0 ||
		    rows.record[i].part != want[i].part)
			ck_abort_msg("'%s' gave %s at %zu", text, rows.record[i].uuid, i);
	rows_free(&rows);
}

START_TEST(every_beginning_of_every_uuid_finds_what_begins_so)
{
	char *index, text[LAYOUT_UUID_SIZE];
	struct archive *a = rows_archive("a", &index);
	struct record r;
	struct dayindex *x;

	for (size_t i = 0; i < NAMES; i++) {
		for (uint32_t part = 0; part <= i % 2; part++) {
			records_make(i, &r);
			(void)strcpy(r.uuid, names[i]);
			r.part = part;
			rows_insert(a, &r, 1);
		}
	}
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	for (size_t i = 0; i < NAMES; i++) {
		for (size_t len = 1; len <= strlen(names[i]); len++) {
			(void)snprintf(text, sizeof(text), "%.*s", (int)len, names[i]);
			check_select(x, text, DAYINDEX_PREFIX);
			check_select(x, text, DAYINDEX_EXACT);
			text[len - 1] = text[len - 1] == 'a' ? 'b' : 'a'; /* a neighbour */
			check_select(x, text, DAYINDEX_PREFIX);
			text[len - 1] = (char)toupper(names[i][len - 1]);
			check_select(x, text, DAYINDEX_PREFIX);
			check_select(x, text, DAYINDEX_EXACT);
		}
	}
	memset(text, 'x', LAYOUT_UUID_MAX);
	text[LAYOUT_UUID_MAX] = '\0';
	check_select(x, text, DAYINDEX_PREFIX);
	dayindex_close(x);
	finish(a, index);
}
END_TEST

static int stop_at_third(const struct record *r, void *arg)
{
	(void)r;
	return ++*(int *)arg == 3 ? -ECANCELED : *(int *)arg; /* positive goes on */
}

START_TEST(whoever_is_called_may_end_the_walk)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct record records[6];
	struct dayindex *x;
	int calls = 0;

	for (size_t i = 0; i < 6; i++) {
		records_make(1, &records[i]);
		records[i].part = (uint32_t)i;
	}
	rows_insert(a, records, 6);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(
	    dayindex_select(x, NULL, DAYINDEX_EXACT, stop_at_third, &calls), -ECANCELED);
	ck_assert_int_eq(calls, 3);
	calls = 0;
	ck_assert_int_eq(
	    dayindex_select(x, records[0].uuid, DAYINDEX_EXACT, stop_at_third, &calls), -ECANCELED);
	ck_assert_int_eq(calls, 3);
	calls = 10;
	ck_assert_int_eq(dayindex_select(x, "", DAYINDEX_PREFIX, stop_at_third, &calls), 0);
	ck_assert_int_eq(calls, 16);
	dayindex_close(x);
	finish(a, index);
}
END_TEST

/* ---- writing ----------------------------------------------------------------------------------
 */

START_TEST(a_row_of_the_same_uuid_and_part_is_put_in_place_of_the_old)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct record r[3];
	struct rows rows;

	records_make(5, &r[0]);
	records_make(6, &r[1]);
	(void)strcpy(r[1].uuid, r[0].uuid);
	rows_insert(a, &r[0], 2); /* r[1] replaces r[0] */
	r[2] = r[0];
	r[2].part = 1;
	rows_insert(a, &r[2], 1);
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, r[0].uuid, DAYINDEX_EXACT, &rows), 0);
	check_rows(&rows, &r[1], 2);
	finish(a, index);
}
END_TEST

START_TEST(what_is_not_committed_is_gone_and_what_is_deleted_too)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct record r[2];
	struct dayindex *x;
	struct rows rows;

	records_make(1, &r[0]);
	records_make(2, &r[1]);
	rows_insert(a, r, 1);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_delete_all(x), 0);
	ck_assert_int_eq(dayindex_insert(x, &r[1]), 0);
	dayindex_close(x);
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
	check_rows(&rows, &r[0], 1);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_delete_all(x), 0);
	ck_assert_int_eq(dayindex_insert(x, &r[1]), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
	dayindex_close(NULL);
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
	check_rows(&rows, &r[1], 1);
	finish(a, index);
}
END_TEST

START_TEST(readers_see_what_is_committed_while_the_writer_goes_on)
{
	char *index;
	struct archive *a = rows_archive("a", &index), *reader;
	struct record r[3];
	struct dayindex *x;
	struct rows rows;

	ck_assert_int_eq(archive_open(archive_path(a), ARCHIVE_READ, &reader), 0);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	for (uint64_t i = 0; i < 3; i++) {
		records_make(i, &r[i]);
		ck_assert_int_eq(dayindex_begin(x), 0);
		ck_assert_int_eq(dayindex_insert(x, &r[i]), 0);
		ck_assert_int_eq(rows_select(reader, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
		ck_assert_uint_eq(rows.count, i);
		rows_free(&rows);
		ck_assert_int_eq(dayindex_commit(x), 0);
		ck_assert_int_eq(rows_select(reader, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
		ck_assert_uint_eq(rows.count, i + 1);
		rows_free(&rows);
	}
	dayindex_close(x);
	ck_assert_int_eq(rows_select(reader, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
	check_rows(&rows, r, 3);
	archive_close(reader);
	finish(a, index);
}
END_TEST

START_TEST(the_file_is_one_and_as_the_manual_says)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct record r[3];
	uint8_t *bytes;
	size_t len;

	records_make(2, &r[0]); /* IPv4 */
	records_make(3, &r[1]); /* IPv6 */
	records_make(4, &r[2]);
	(void)strcpy(r[0].uuid, "3f2a8c1d-0000-5000-8000-000000000001");
	(void)strcpy(r[1].uuid, "3F2A8C1D-0000-5000-8000-000000000001");
	(void)strcpy(r[2].uuid, "host_1577836800_00000000000012AB");
	r[1].segment = 7;
	r[1].offset = 512;
	r[1].end_reason = END_CONTINUED;
	r[1].policy = (struct policy){.macs = true};
	rows_insert(a, r, 3);
	ck_assert_uint_eq(tempdir_count(tempdir_path(archive_path(a), "2026/01/02")),
	    2); /* beside it its filter, and no log */
	bytes = tempdir_read(index, &len);
	ck_assert_uint_gt(len, 100);
	ck_assert(bytes[18] == 1 &&
		  bytes[19] == 1); /* not in WAL mode: sqlite.org/fileformat2.html 1.3.3 */
	free(bytes);
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA integrity_check"), "ok");
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA application_id"), "1718382455"); /* "flow" */
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA user_version"), "2");
	ck_assert_str_eq(sqlcheck_text(index, "SELECT group_concat(typeof(uuid) || length(uuid))"
					      " FROM (SELECT uuid FROM flow ORDER BY rowid)"),
	    "blob16,text36,text32");
	ck_assert_str_eq(
	    sqlcheck_text(index, "SELECT hex(uuid) FROM flow WHERE typeof(uuid) = 'blob'"),
	    "3F2A8C1D000050008000000000000001");
	ck_assert_str_eq(
	    sqlcheck_text(index, "SELECT hex(client_ip) FROM flow WHERE typeof(uuid) = 'blob'"),
	    "00000000000000000000FFFF0A020000");
	ck_assert_str_eq(
	    sqlcheck_text(index, "SELECT min(length(client_ip) + length(server_ip)) FROM flow"),
	    "32");
	ck_assert_str_eq(sqlcheck_text(index,
			     "SELECT client_port || ' ' || server_port FROM flow WHERE proto = 6"
			     " ORDER BY client_port LIMIT 1"),
	    "443 1027"); /* record 3: the client is the high side */
	ck_assert_str_eq(sqlcheck_text(index,
			     "SELECT group_concat(ifnull(segment, '-') || ' ' || offset || ' ' ||"
			     " ifnull(policy, '-') || ' ' || state) FROM flow"),
	    "- 0 - closed,7 512 mac open,- 0 - closed");
	finish(a, index);
}
END_TEST

START_TEST(a_path_may_hold_any_character)
{
	static const char *const paths[] = {"a b", "100%", "%41", "what?", "x?immutable=1", "a#b",
	    "\xc3\xa9", "a'b", "a&mode=memory", "a;b"};
	char *index;
	struct archive *a = rows_archive(paths[_i], &index);
	struct record r;
	struct rows rows;

	records_make(1, &r);
	rows_insert(a, &r, 1);
	ck_assert(tempdir_exists(index));
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, r.uuid, DAYINDEX_EXACT, &rows), 0);
	check_rows(&rows, &r, 1);
	finish(a, index);
}
END_TEST

static Suite *dayindex_suite(void)
{
	Suite *s = suite_create("dayindex");
	TCase *t = tcase_create("dayindex");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, rows_come_back_whole_and_in_order);
	tcase_add_loop_test(t, both_ends_come_back_with_the_client_on_its_side, 0,
	    2 * (int)(sizeof(ends) / sizeof(ends[0])));
	tcase_add_test(t, every_beginning_of_every_uuid_finds_what_begins_so);
	tcase_add_test(t, whoever_is_called_may_end_the_walk);
	tcase_add_test(t, a_row_of_the_same_uuid_and_part_is_put_in_place_of_the_old);
	tcase_add_test(t, what_is_not_committed_is_gone_and_what_is_deleted_too);
	tcase_add_test(t, readers_see_what_is_committed_while_the_writer_goes_on);
	tcase_add_test(t, the_file_is_one_and_as_the_manual_says);
	tcase_add_loop_test(t, a_path_may_hold_any_character, 0, 10);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dayindex_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
