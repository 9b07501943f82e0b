/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of keeping parts for good: from files and from segments, again, at the same time, and no
 * longer.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/pin.h"
#include "archive/prune.h"
#include "support/dayrig.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/tempdir.h"

static const struct dayrig_part parts[] = {
    {0, 1, 10, 64, 0}, {0, 2, 20, 8, 1}, {0, 3, 30, 200, 1}, {1, 4, 10, 8, 0}};

static struct archive *a, *pinned;

static void set_up(void)
{
	ck_assert_int_eq(archive_open(tempdir_new(), ARCHIVE_TEND, &a), 0);
	dayrig_add(a, parts, sizeof(parts) / sizeof(parts[0]));
	ck_assert_int_eq(pin_open(a, false, &pinned), -ENOENT);
	ck_assert_int_eq(pin_open(a, true, &pinned), 0);
}

static void tear_down(void)
{
	archive_close(pinned);
	archive_close(a);
}

/* As the index has it. */
static struct record row(unsigned i)
{
	struct rows rows;
	struct record r;
	char uuid[2] = {(char)('0' + parts[i].n), '\0'};

	ck_assert_int_eq(rows_select(a, DAYRIG_DAY + parts[i].day, uuid, DAYINDEX_EXACT, &rows), 0);
	ck_assert_uint_eq(rows.count, 1);
	r = rows.record[0];
	rows_free(&rows);
	return r;
}

static const char *pinned_path(const struct record *r)
{
	char name[LAYOUT_NAME_SIZE];

	return dayrig_path(pinned, r->day - DAYRIG_DAY, layout_file_name(r->uuid, r->part, name));
}

/* The file has the part's bytes, and the row says so and is otherwise that of the archive. */
static void check_pinned(unsigned i)
{
	struct record r = row(i);
	struct rows rows;
	uint8_t *bytes;
	size_t n;

	bytes = tempdir_read(pinned_path(&r), &n);
	ck_assert_uint_eq(n, parts[i].kib << 10);
	for (size_t k = 0; k < n; k++)
		if (bytes[k] != (uint8_t)parts[i].n)
			ck_abort_msg("byte %zu", k);
	free(bytes);
	ck_assert_int_eq(rows_select(pinned, r.day, r.uuid, DAYINDEX_EXACT, &rows), 0);
	ck_assert_uint_eq(rows.count, 1);
	ck_assert_uint_eq(rows.record[0].segment, 0);
	ck_assert_uint_eq(rows.record[0].offset, 0);
	records_check_equal(&rows.record[0], &r);
	rows_free(&rows);
}

START_TEST(a_file_gets_a_second_name)
{
	struct record r = row(0);
	struct stat here, there;

	ck_assert_int_eq(pin_part(a, pinned, &r), 0);
	check_pinned(0);
	ck_assert_int_eq(stat(dayrig_path(a, 0, "1.pcap.gz"), &here), 0);
	ck_assert_int_eq(stat(pinned_path(&r), &there), 0);
	ck_assert(here.st_ino == there.st_ino);
}
END_TEST

START_TEST(a_part_in_a_segment_is_copied)
{
	struct record r = row(2);

	ck_assert_int_eq(pin_part(a, pinned, &r), 0);
	check_pinned(2);
	ck_assert_uint_eq(tempdir_mode(pinned_path(&r)), 0640);
	ck_assert_uint_eq(
	    tempdir_count(dayrig_path(pinned, 0, "")), 3); /* its index and the filter */
}
END_TEST

START_TEST(to_pin_again_completes_what_was_begun)
{
	for (unsigned i = 0; i < 3; i++) {
		struct record r = row(i);
		struct dayindex *x;

		ck_assert_int_eq(pin_part(a, pinned, &r), 0);
		ck_assert_int_eq(pin_part(a, pinned, &r), 0);
		check_pinned(i);
		ck_assert_int_eq(dayindex_open(pinned, r.day, DAYINDEX_WRITE, &x), 0);
		ck_assert_int_eq(dayindex_begin(x), 0);
		ck_assert_int_eq(dayindex_delete(x, r.uuid, 0), 0);
		ck_assert_int_eq(dayindex_commit(x), 0);
		dayindex_close(x);
		ck_assert_int_eq(pin_part(a, pinned, &r), 0); /* a kill left the file alone */
		check_pinned(i);
	}
}
END_TEST

START_TEST(a_name_that_is_taken_by_other_bytes_is_refused)
{
	for (unsigned i = 0; i < 3; i += 2) {
		struct record r = row(i);
		uint8_t *bytes;

		ck_assert_int_eq(pin_part(a, pinned, &r), 0);
		ck_assert_int_eq(unlink(pinned_path(&r)), 0);
		tempdir_write(pinned_path(&r), "other", 5);
		ck_assert_int_eq(pin_part(a, pinned, &r), -EEXIST);
		bytes = calloc(1, parts[i].kib << 10);
		ck_assert_ptr_nonnull(bytes);
		memset(bytes, (int)parts[i].n, (parts[i].kib << 10) - 1); /* all but the last */
		tempdir_write(pinned_path(&r), bytes, parts[i].kib << 10);
		ck_assert_int_eq(pin_part(a, pinned, &r), -EEXIST);
		free(bytes);
		ck_assert_int_eq(unlink(pinned_path(&r)), 0);
		ck_assert_int_eq(symlink("/etc/passwd", pinned_path(&r)), 0);
		ck_assert_int_eq(pin_part(a, pinned, &r), -EEXIST);
		ck_assert_int_eq(unlink(pinned_path(&r)), 0);
	}
}
END_TEST

START_TEST(what_is_gone_or_is_no_file_cannot_be_pinned)
{
	struct record r = row(0), s = row(2);

	s.offset += 1 << 20;
	ck_assert_int_eq(pin_part(a, pinned, &s), -EBADMSG);
	s.offset = UINT64_MAX - 5;
	ck_assert_int_eq(pin_part(a, pinned, &s), -EBADMSG);
	s.segment = 9;
	ck_assert_int_eq(pin_part(a, pinned, &s), -ENOENT);
	ck_assert_int_eq(unlink(dayrig_path(a, 0, "1.pcap.gz")), 0);
	ck_assert_int_eq(pin_part(a, pinned, &r), -ENOENT);
	ck_assert_int_eq(symlink("/etc/passwd", dayrig_path(a, 0, "1.pcap.gz")), 0);
	ck_assert_int_eq(pin_part(a, pinned, &r), -EBADMSG);
	ck_assert_int_eq(unlink(dayrig_path(a, 0, "1.pcap.gz")), 0);
	ck_assert_int_eq(mkfifo(dayrig_path(a, 0, "1.pcap.gz"), 0600), 0);
	ck_assert_int_eq(pin_part(a, pinned, &r), -EBADMSG);
	r.day = DAYRIG_DAY + 7;
	ck_assert_int_eq(pin_part(a, pinned, &r), -ENOENT);
	ck_assert(!tempdir_exists(dayrig_path(pinned, 7, "")));
}
END_TEST

START_TEST(a_link_is_no_directory_of_pinned_parts)
{
	archive_close(pinned);
	pinned = NULL;
	ck_assert_int_eq(unlinkat(archive_root(a), "pinned", AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("/tmp", archive_root(a), "pinned"), 0);
	ck_assert_int_eq(pin_open(a, true, &pinned), -ENOTDIR);
	ck_assert_int_eq(pin_open(a, false, &pinned), -ENOTDIR);
	pinned = NULL;
}
END_TEST

START_TEST(several_may_pin_at_the_same_time)
{
	enum { PROCESSES = 3, ROUNDS = 4 };
	pid_t child[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		ck_assert_int_ge(child[i], 0);
		if (child[i] == 0) {
			struct record r = row((unsigned)i);
			int rv = 0;

			for (int n = 0; n < ROUNDS && rv == 0; n++) {
				rv = pin_part(a, pinned, &r);
				if (rv == 0 && n < ROUNDS - 1)
					rv = pin_remove(pinned, &r);
			}
			_exit(-rv);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
		ck_assert_msg(status == 0, "process %d: %s", i, strerror(WEXITSTATUS(status)));
		check_pinned((unsigned)i);
	}
	ck_assert_uint_eq(dayrig_rows(pinned, 0), 3);
}
END_TEST

START_TEST(what_is_kept_no_longer_is_gone_and_the_archive_has_it_still)
{
	struct record r = row(0), s = row(2);

	ck_assert_int_eq(pin_remove(pinned, &r), -ENOENT);
	ck_assert_int_eq(pin_part(a, pinned, &r), 0);
	ck_assert_int_eq(pin_part(a, pinned, &s), 0);
	ck_assert_int_eq(pin_remove(pinned, &r), 0);
	ck_assert_int_eq(pin_remove(pinned, &r), -ENOENT);
	ck_assert(!tempdir_exists(pinned_path(&r)));
	ck_assert_uint_eq(dayrig_rows(pinned, 0), 1);
	check_pinned(2);
	ck_assert_int_eq(unlink(pinned_path(&s)), 0);
	ck_assert_int_eq(pin_remove(pinned, &s), 0); /* the row alone */
	ck_assert_uint_eq(dayrig_rows(a, 0), 3);
	ck_assert(tempdir_exists(dayrig_path(a, 0, "1.pcap.gz")));
}
END_TEST

START_TEST(what_is_pinned_stays_when_its_day_goes)
{
	struct prune_totals t;
	struct record r[3];

	for (unsigned i = 0; i < 3; i++) {
		r[i] = row(i);
		ck_assert_int_eq(pin_part(a, pinned, &r[i]), 0);
	}
	ck_assert_int_eq(
	    prune_run(&(struct prune_config){.archive = a, .limits = {.max_disk_bytes = 1}}, &t),
	    0);
	ck_assert_uint_eq(t.days, 1);
	ck_assert(!tempdir_exists(dayrig_path(a, 0, "")));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(dayrig_has(pinned, 0, parts[i].n), 1);
		ck_assert(tempdir_exists(pinned_path(&r[i])));
	}
}
END_TEST

static Suite *pin_suite(void)
{
	Suite *s = suite_create("pin");
	TCase *t = tcase_create("pin");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_file_gets_a_second_name);
	tcase_add_test(t, a_part_in_a_segment_is_copied);
	tcase_add_test(t, to_pin_again_completes_what_was_begun);
	tcase_add_test(t, a_name_that_is_taken_by_other_bytes_is_refused);
	tcase_add_test(t, what_is_gone_or_is_no_file_cannot_be_pinned);
	tcase_add_test(t, a_link_is_no_directory_of_pinned_parts);
	tcase_add_test(t, several_may_pin_at_the_same_time);
	tcase_add_test(t, what_is_kept_no_longer_is_gone_and_the_archive_has_it_still);
	tcase_add_test(t, what_is_pinned_stays_when_its_day_goes);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(pin_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
