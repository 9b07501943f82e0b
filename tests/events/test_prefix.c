/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of where the prefix of the UUIDs comes from, and that it makes valid ones. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events/prefix.h"
#include "support/tempdir.h"

static char dir[512], file[600], mlab[600], run_dir[600], stat_file[600], boot_id[600];
static struct prefix_places places;

static void write_text(const char *path, const char *text)
{
	tempdir_write(path, text, strlen(text));
}

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", tempdir_new());
	(void)snprintf(file, sizeof(file), "%s/file", dir);
	(void)snprintf(mlab, sizeof(mlab), "%s/mlab", dir);
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	(void)snprintf(stat_file, sizeof(stat_file), "%s/stat", dir);
	(void)snprintf(boot_id, sizeof(boot_id), "%s/boot", dir);
	write_text(stat_file, "cpu  1 2 3\nbtime 1700000001\nprocesses 5\n");
	write_text(boot_id, "one\n");
	places = (struct prefix_places){NULL, mlab, run_dir, stat_file, boot_id};
}

static void check_file(const char *text, int want, const char *prefix)
{
	struct prefix p;

	places.file = file;
	write_text(file, text);
	ck_assert_int_eq(prefix_load(&places, &p), want);
	ck_assert_str_eq(p.path, file);
	if (want == 0)
		ck_assert_str_eq(p.text, prefix);
}

START_TEST(a_given_file_is_taken_without_the_space_at_its_end)
{
	char text[LINE_PREFIX_MAX + 3];

	begin();
	check_file("host_1", 0, "host_1");
	check_file("Host-1.a_1 \t\r\n\n", 0, "Host-1.a_1");
	memset(text, 'x', LINE_PREFIX_MAX);
	text[LINE_PREFIX_MAX] = '\0';
	check_file(text, 0, text);
	ck_assert(!tempdir_exists(run_dir));
}
END_TEST

START_TEST(a_file_that_makes_no_uuid_is_refused)
{
	static const char *const bad[] = {
	    "", "\n", ".a", "a b", "a/b", "a\nb", " a", "a\x80", "a~1"};
	char text[4096];

	begin();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_file(bad[i], -EBADMSG, NULL);
	memset(text, 'x', sizeof(text));
	text[LINE_PREFIX_MAX + 1] = '\0';
	check_file(text, -EBADMSG, NULL);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	check_file(text, -EBADMSG, NULL);
}
END_TEST

START_TEST(a_file_that_is_missing_is_an_error_only_if_it_was_given)
{
	struct prefix p;

	begin();
	places.file = file;
	ck_assert_int_eq(prefix_load(&places, &p), -ENOENT);
	places.file = NULL;
	write_text(mlab, "lab_1");
	ck_assert_int_eq(prefix_load(&places, &p), 0);
	ck_assert_str_eq(p.text, "lab_1");
	ck_assert_int_eq(p.write_error, 0);
	write_text(mlab, "no prefix");
	ck_assert_int_eq(prefix_load(&places, &p), -EBADMSG);
	ck_assert(!tempdir_exists(run_dir));
}
END_TEST

START_TEST(ours_is_made_once_and_kept)
{
	struct prefix p, again;
	char *text;
	size_t len;

	begin();
	ck_assert_int_eq(prefix_load(&places, &p), 0);
	ck_assert_int_eq(p.write_error, 0);
	ck_assert_str_eq(strrchr(p.text, '_'), "_1700000001");
	text = (char *)tempdir_read(tempdir_path(run_dir, "prefix"), &len);
	ck_assert_str_eq(text, p.text);
	free(text);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(run_dir, "prefix")), 0444);
	ck_assert_uint_eq(tempdir_count(run_dir), 2); /* and boot_id: nothing else is left */
	write_text(stat_file, "btime 1700000002\n");  /* the clock was set */
	ck_assert_int_eq(prefix_load(&places, &again), 0);
	ck_assert_str_eq(again.text, p.text);
}
END_TEST

START_TEST(ours_is_made_anew_after_a_boot)
{
	struct prefix p;

	begin();
	ck_assert_int_eq(prefix_load(&places, &p), 0);
	write_text(stat_file, "btime 1700000002\n");
	write_text(boot_id, "two\n");
	ck_assert_int_eq(prefix_load(&places, &p), 0);
	ck_assert_str_eq(strrchr(p.text, '_'), "_1700000002");
	write_text(stat_file, "btime 1700000003\n");
	ck_assert_int_eq(prefix_load(&places, &p), 0);
	ck_assert_str_eq(strrchr(p.text, '_'), "_1700000002");
}
END_TEST

START_TEST(ours_stays_in_memory_where_it_cannot_be_written)
{
	struct prefix p;

	begin();
	write_text(run_dir, "a file in its place");
	ck_assert_int_eq(prefix_load(&places, &p), 0);
	ck_assert_int_eq(p.write_error, -ENOTDIR);
	ck_assert_str_eq(strrchr(p.text, '_'), "_1700000001");
	places.stat = file;
	ck_assert_int_eq(prefix_load(&places, &p), -ENOENT);
	ck_assert_str_eq(p.path, file);
	write_text(file, "cpu 1\nbtime soon\n");
	ck_assert_int_lt(prefix_load(&places, &p), 0);
}
END_TEST

START_TEST(a_host_name_becomes_what_a_uuid_may_have)
{
	char buf[PREFIX_SIZE];

	ck_assert_str_eq(prefix_compose(buf, "web-1.example.org", 12), "web-1.example.org_12");
	ck_assert_str_eq(prefix_compose(buf, ".a_b c/\xc3\xbc", 12), "-a-b-c---_12");
	ck_assert_str_eq(prefix_compose(buf, "", UINT64_MAX), "localhost_18446744073709551615");
}
END_TEST

static Suite *prefix_suite(void)
{
	Suite *s = suite_create("prefix");
	TCase *t = tcase_create("prefix");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_given_file_is_taken_without_the_space_at_its_end);
	tcase_add_test(t, a_file_that_makes_no_uuid_is_refused);
	tcase_add_test(t, a_file_that_is_missing_is_an_error_only_if_it_was_given);
	tcase_add_test(t, ours_is_made_once_and_kept);
	tcase_add_test(t, ours_is_made_anew_after_a_boot);
	tcase_add_test(t, ours_stays_in_memory_where_it_cannot_be_written);
	tcase_add_test(t, a_host_name_becomes_what_a_uuid_may_have);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(prefix_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
