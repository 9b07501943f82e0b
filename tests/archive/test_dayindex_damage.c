/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of a day's index that is missing, foreign, damaged, or on a disk that is full: it is told,
 * never taken for an empty one, and no row that is not whole gets out.
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

/* Opens to read and takes all rows; each must be one that could be ours. */
static int read_all(struct archive *a, size_t *ret_count)
{
	struct rows rows;
	int rv = rows_select(a, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows);

	for (size_t i = 0; i < rows.count; i++) {
		const struct record *r = &rows.record[i];

		quick_assert(layout_uuid_valid(r->uuid));
		quick_assert((unsigned)r->end_reason < END_REASONS &&
			     (unsigned)r->uuid_source <= UUID_EVENT);
		quick_assert(r->key.family == 4 || r->key.family == 6);
		quick_assert(memchr(r->interface, '\0', sizeof(r->interface)) != NULL);
	}
	*ret_count = rows.count;
	rows_free(&rows);
	return rv;
}

static int open_to(struct archive *a, enum dayindex_mode mode)
{
	struct dayindex *x;
	int rv = dayindex_open(a, RECORDS_DAY, mode, &x);

	if (rv == 0)
		dayindex_close(x);
	return rv;
}

/* An index of so many rows. */
static struct archive *filled(uint64_t count, char **ret_index)
{
	struct archive *a = rows_archive("a", ret_index);
	struct record *records = calloc(count, sizeof(*records));

	for (uint64_t i = 0; i < count; i++)
		records_make(i, &records[i]);
	rows_insert(a, records, count);
	free(records);
	return a;
}

START_TEST(an_index_that_is_not_there_is_told_and_not_made)
{
	char *index;
	struct archive *a = rows_archive("a", &index);

	ck_assert_int_eq(open_to(a, DAYINDEX_READ), -ENOENT);
	ck_assert(!tempdir_exists(index));
	ck_assert_int_eq(open_to(a, DAYINDEX_WRITE), 0);
	ck_assert(tempdir_exists(index));
	ck_assert_int_eq(open_to(a, DAYINDEX_READ), 0);
	finish(a, index);
}
END_TEST

START_TEST(a_day_without_directory_is_told)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct dayindex *x = NULL;

	ck_assert_int_eq(dayindex_open(a, 1, DAYINDEX_READ, &x), -ENOENT);
	ck_assert_int_eq(dayindex_open(a, 1, DAYINDEX_WRITE, &x), -ENOENT);
	ck_assert_ptr_null(x);
	finish(a, index);
}
END_TEST

START_TEST(what_is_no_index_of_ours_is_told_and_left_alone)
{
	static const char garbage[] =
	    "This is no database, but it is long enough to be looked at as if it were one. "
	    "This is no database, but it is long enough to be looked at as if it were one.";
	char *index;
	struct archive *a = rows_archive("a", &index);
	uint8_t *bytes;
	size_t len;

	tempdir_write(index, garbage, sizeof(garbage));
	ck_assert_int_eq(open_to(a, DAYINDEX_READ), -EBADMSG);
	ck_assert_int_eq(open_to(a, DAYINDEX_WRITE), -EBADMSG);
	bytes = tempdir_read(index, &len);
	ck_assert_uint_eq(len, sizeof(garbage));
	ck_assert_mem_eq(bytes, garbage, len);
	free(bytes);
	ck_assert_int_eq(unlink(index), 0);
	sqlcheck_exec(index, "CREATE TABLE flow (precious TEXT); INSERT INTO flow VALUES ('data')");
	ck_assert_int_eq(open_to(a, DAYINDEX_READ), -EBADMSG);
	ck_assert_int_eq(open_to(a, DAYINDEX_WRITE), -EBADMSG);
	ck_assert_str_eq(sqlcheck_text(index, "SELECT precious FROM flow"), "data");
	finish(a, index);
}
END_TEST

START_TEST(a_later_schema_is_told_apart)
{
	char *index;
	struct archive *a = filled(3, &index);
	size_t n;

	sqlcheck_exec(index, "PRAGMA user_version = 3");
	ck_assert_int_eq(read_all(a, &n), -ENOTSUP);
	ck_assert_int_eq(open_to(a, DAYINDEX_WRITE), -ENOTSUP);
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA user_version"), "3");
	finish(a, index);
}
END_TEST

START_TEST(an_empty_file_is_no_index_to_read_but_one_to_begin)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct record r;
	size_t n;

	tempdir_write(index, "", 0);
	ck_assert_int_eq(open_to(a, DAYINDEX_READ), -ENOENT);
	records_make(1, &r);
	rows_insert(a, &r, 1);
	ck_assert_int_eq(read_all(a, &n), 0);
	ck_assert_uint_eq(n, 1);
	finish(a, index);
}
END_TEST

START_TEST(an_index_that_lost_a_page_or_more_at_its_end_is_damaged)
{
	char *index;
	struct archive *a = filled(200, &index);
	struct stat st;
	size_t n;

	ck_assert_int_eq(stat(index, &st), 0);
	ck_assert_int_eq(read_all(a, &n), 0);
	ck_assert_uint_eq(n, 200);
	for (off_t len = st.st_size - 4096; len > 0; len -= 499) {
		ck_assert_int_eq(truncate(index, len), 0);
		ck_assert_msg(read_all(a, &n) == -EBADMSG, "cut to %jd of %jd: %zu rows",
		    (intmax_t)len, (intmax_t)st.st_size, n);
	}
	finish(a, index);
}
END_TEST

/* Which page holds what is SQLite's affair; readers need not look at all of them. */
START_TEST(a_page_of_zeros_is_damage_wherever_it_is_read)
{
	char *index;
	struct archive *a = filled(500, &index);
	uint8_t *bytes, *copy;
	size_t len, n, pages = 0, damaged = 0;

	bytes = tempdir_read(index, &len);
	ck_assert_uint_gt(len, 20 * 4096);
	copy = malloc(len);
	for (size_t at = 4096; at + 4096 <= len; at += 4096, pages++) {
		int rv;

		memcpy(copy, bytes, len);
		memset(copy + at, 0, 4096);
		tempdir_write(index, copy, len);
		rv = read_all(a, &n);
		ck_assert_msg(
		    rv == (n < 500 ? -EBADMSG : 0), "page %zu: %d, %zu rows", at / 4096 + 1, rv, n);
		damaged += rv != 0;
	}
	/* Rows and UUIDs are most of it. */
	ck_assert_msg(damaged > pages / 2, "%zu of %zu", damaged, pages);
	free(bytes);
	free(copy);
	finish(a, index);
}
END_TEST

/* SQLite would follow a link, and wait for a FIFO. */
START_TEST(what_is_no_file_is_told)
{
	static const char *const names[] = {"", "-wal", "-journal", "-shm"};
	char *index, other[PATH_MAX], path[PATH_MAX];
	struct archive *a = filled(3, &index);

	(void)snprintf(other, sizeof(other), "%s.other", index);
	ck_assert_int_eq(rename(index, other), 0);
	for (int kind = 0; kind < 3; kind++) {
		(void)snprintf(path, sizeof(path), "%s%s", index, names[_i]);
		if (_i > 0)
			ck_assert_int_eq(link(other, index), 0);
		if (kind == 0)
			ck_assert_int_eq(mkfifo(path, 0600), 0);
		else if (kind == 1)
			ck_assert_int_eq(symlink(other, path), 0);
		else
			ck_assert_int_eq(mkdir(path, 0700), 0);
		ck_assert_int_eq(open_to(a, DAYINDEX_READ), -EBADMSG);
		ck_assert_int_eq(open_to(a, DAYINDEX_WRITE), -EBADMSG);
		ck_assert_int_eq(remove(path), 0);
		if (_i > 0)
			ck_assert_int_eq(unlink(index), 0);
	}
	ck_assert_int_eq(rename(other, index), 0);
	ck_assert_int_eq(open_to(a, DAYINDEX_READ), 0);
	finish(a, index);
}
END_TEST

START_TEST(an_index_in_which_more_would_happen_than_we_ask_for_is_none_of_ours)
{
	static const char *const changes[] = {
	    "CREATE TRIGGER t AFTER INSERT ON flow BEGIN DELETE FROM flow; END",
	    ("CREATE TRIGGER t AFTER INSERT ON flow BEGIN DELETE FROM flow; END;"
	     "PRAGMA writable_schema = ON;"
	     "UPDATE sqlite_master SET type = 'Trigger' WHERE type = 'trigger'"),
	    "DROP TABLE day",
	    "ALTER TABLE flow RENAME TO f; CREATE VIEW flow AS SELECT * FROM f",
	    ("DROP TABLE day; CREATE VIEW day AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
	     " SELECT i + 1 FROM n) SELECT sum(i) FROM n"),
	    "DROP TABLE flow",
	    ("ALTER TABLE flow DROP COLUMN state;"
	     "ALTER TABLE flow ADD COLUMN state AS (hex(zeroblob(400000)))"),
	    "ALTER TABLE flow ADD COLUMN more AS (hex(zeroblob(500000)))",
	    "ALTER TABLE day ADD COLUMN more AS (hex(zeroblob(500000)))",
	    "DROP TABLE day; CREATE VIRTUAL TABLE day USING fts4(parts)",
	    "PRAGMA user_version = 0",
	    "PRAGMA user_version = -1",
	    "PRAGMA application_id = 1",
	};
	char *index;
	struct archive *a = filled(3, &index);

	sqlcheck_exec(index, changes[_i]);
	ck_assert_int_eq(open_to(a, DAYINDEX_READ), -EBADMSG);
	ck_assert_int_eq(open_to(a, DAYINDEX_WRITE), -EBADMSG);
	finish(a, index);
}
END_TEST

START_TEST(a_summary_that_we_would_not_write_is_damage)
{
	static const char *const changes[] = {
	    "DELETE FROM day", "UPDATE day SET parts = -1", "UPDATE day SET file_bytes = -1"};
	char *index;
	struct archive *a = filled(3, &index);
	struct dayindex_summary sum;
	struct dayindex *x;

	sqlcheck_exec(index, changes[_i]);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(dayindex_summary(x, &sum), -EBADMSG);
	dayindex_close(x);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), -EBADMSG);
	dayindex_close(x);
	finish(a, index);
}
END_TEST

START_TEST(random_damage_never_does_harm)
{
	char *index;
	struct archive *a = filled(60, &index);
	struct random r = {606};
	uint8_t *bytes, *copy;
	size_t len, n, damaged = 0;

	bytes = tempdir_read(index, &len);
	copy = malloc(len);
	for (int i = 0; i < 200; i++) {
		int rv;

		memcpy(copy, bytes, len);
		for (uint64_t flips = 1 + random_below(&r, 8); flips > 0; flips--)
			copy[random_below(&r, i % 2 ? len : 200)] ^=
			    (uint8_t)(1u << random_below(&r, 8));
		tempdir_write(index, copy, len);
		rv = read_all(a, &n);
		quick_assert(rv <= 0);
		damaged += rv != 0;
	}
	ck_assert_uint_gt(damaged, 25);
	free(bytes);
	free(copy);
	finish(a, index);
}
END_TEST

START_TEST(a_row_that_we_would_not_write_is_damage)
{
	static const char *const changes[] = {"client_ip = x'0a000001'", "server_ip = ''",
	    "server_ip = 'text'", "client_port = 65536", "client_port = -1", "proto = 256",
	    "part = -1", "vlan = 4096", "client_packets = -1", "server_bytes = -5",
	    "captured_bytes = -1", "client_flags = 256", "end_reason = 'bored'", "end_reason = ''",
	    "uuid_source = 'mars'", "snaplen = 262145", "lost_packets = -1", "vlan_key = 16777216",
	    "length = -1", "uuid = '../etc/passwd'", "uuid = ''", "uuid = 'a b'", "uuid = x'00'",
	    "linktype = 4294967296", "truncated = -1", "segment = 0", "segment = -1", "segment = 1",
	    "segment = 4294967296, offset = 512", "offset = 512", "offset = -1",
	    "segment = 1, offset = -1", "segment = 1, offset = 512, length = 9223372036854775807",
	    "policy = ''", "policy = 'full'", "policy = 'payload=full'", "policy = 'mac mac'",
	    "policy = 'mac payload=zero'", "policy = ' mac'", "policy = 'mac '",
	    "policy = 'anonymize=netblock'", "policy = 'exempt=none'", "policy = 0",
	    "policy = hex(zeroblob(100))"};
	char *index, sql[200];
	struct archive *a = filled(1, &index);
	size_t n;

	(void)snprintf(sql, sizeof(sql), "UPDATE flow SET %s", changes[_i]);
	sqlcheck_exec(index, sql);
	ck_assert_msg(read_all(a, &n) == -EBADMSG, "%s", changes[_i]);
	ck_assert_uint_eq(n, 0);
	finish(a, index);
}
END_TEST

START_TEST(foreign_text_in_a_row_is_cut_to_its_field)
{
	char *index;
	struct archive *a = filled(1, &index);
	size_t n;

	sqlcheck_exec(
	    index, "UPDATE flow SET interface = hex(zeroblob(500)), client_port = 'text'");
	ck_assert_int_eq(read_all(a, &n), 0);
	ck_assert_uint_eq(n, 1);
	finish(a, index);
}
END_TEST

/* ---- a full disk ------------------------------------------------------------------------------
 */

/* Inserts records from `from` on until one fails or `count` are in; commits. Returns the first
 * error. */
static int insert_many(struct dayindex *x, uint64_t from, uint64_t count)
{
	int rv = dayindex_begin(x), commit;
	struct record r;

	for (uint64_t i = 0; i < count && rv == 0; i++) {
		records_make(from + i, &r);
		rv = dayindex_insert(x, &r);
	}
	commit = dayindex_commit(x);
	return rv != 0 ? rv : commit;
}

START_TEST(a_transaction_that_does_not_fit_fails_whole_and_the_next_one_is_good)
{
	uint64_t count =
	    _i ? 20000 : 500; /* fails at the commit, or before it when the cache is full */
	char *index;
	struct archive *a = filled(10, &index);
	struct dayindex *x;
	struct rows rows;
	int rv;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(insert_many(x, 1000, 10), 0);
	tempdir_limit(60000);
	rv = insert_many(x, 2000, count);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_lt(rv, 0);
	ck_assert_int_eq(insert_many(x, 50000, 10), 0);
	dayindex_close(x);
	ck_assert_int_eq(rows_select(a, RECORDS_DAY, NULL, DAYINDEX_EXACT, &rows), 0);
	ck_assert_uint_eq(rows.count, 30);
	rows_free(&rows);
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA integrity_check"), "ok");
	finish(a, index);
}
END_TEST

/* A transaction that SQLite has ended by itself takes nothing more, and cannot be committed. */
START_TEST(rows_after_a_full_disk_do_not_get_in_on_their_own)
{
	char *index;
	struct archive *a = filled(10, &index);
	struct dayindex_summary sum;
	struct dayindex *x;
	struct record r;
	size_t n;
	int rv = 0;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	tempdir_limit(60000);
	for (uint64_t i = 0; i < 300000 && rv == 0; i++) { /* more than is cached */
		records_make(1000 + i, &r);
		rv = dayindex_insert(x, &r);
	}
	tempdir_limit(UINT64_MAX);
	ck_assert_int_lt(rv, 0);
	records_make(99999, &r);
	ck_assert_int_lt(dayindex_insert(x, &r), 0);
	ck_assert_int_lt(dayindex_delete_all(x), 0);
	ck_assert_int_lt(dayindex_delete(x, r.uuid, 0), 0);
	ck_assert_int_lt(dayindex_commit(x), 0);
	ck_assert_int_eq(dayindex_summary(x, &sum), 0);
	ck_assert_uint_eq(sum.parts, 10);
	ck_assert_int_lt(dayindex_insert(x, &r), 0); /* no transaction */
	dayindex_close(x);
	ck_assert_int_eq(read_all(a, &n), 0);
	ck_assert_uint_eq(n, 10);
	finish(a, index);
}
END_TEST

static Suite *dayindex_damage_suite(void)
{
	Suite *s = suite_create("dayindex_damage");
	TCase *t = tcase_create("dayindex_damage");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, an_index_that_is_not_there_is_told_and_not_made);
	tcase_add_test(t, a_day_without_directory_is_told);
	tcase_add_test(t, what_is_no_index_of_ours_is_told_and_left_alone);
	tcase_add_test(t, a_later_schema_is_told_apart);
	tcase_add_test(t, an_empty_file_is_no_index_to_read_but_one_to_begin);
	tcase_add_test(t, an_index_that_lost_a_page_or_more_at_its_end_is_damaged);
	tcase_add_test(t, a_page_of_zeros_is_damage_wherever_it_is_read);
	tcase_add_loop_test(t, what_is_no_file_is_told, 0, 4);
	tcase_add_loop_test(
	    t, an_index_in_which_more_would_happen_than_we_ask_for_is_none_of_ours, 0, 13);
	tcase_add_loop_test(t, a_summary_that_we_would_not_write_is_damage, 0, 3);
	tcase_add_test(t, random_damage_never_does_harm);
	tcase_add_loop_test(t, a_row_that_we_would_not_write_is_damage, 0, 44);
	tcase_add_test(t, foreign_text_in_a_row_is_cut_to_its_field);
	tcase_add_loop_test(
	    t, a_transaction_that_does_not_fit_fails_whole_and_the_next_one_is_good, 0, 2);
	tcase_add_test(t, rows_after_a_full_disk_do_not_get_in_on_their_own);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dayindex_damage_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
