/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of where fetched packets go: a file that appears when it is whole, pipes, gzip. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fetch/outfile.h"
#include "support/gzcheck.h"
#include "support/tempdir.h"

static char dir[PATH_MAX], out_path[PATH_MAX + 16];

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", tempdir_new());
	(void)snprintf(out_path, sizeof(out_path), "%s/out", dir);
}

static int write_to(const char *path, const char *text)
{
	struct outfile *o;
	int rv;

	ck_assert_int_eq(outfile_new(path, OUTFILE_PLAIN, &o), 0);
	rv = outfile_write(o, text, strlen(text));
	if (rv == 0)
		rv = outfile_commit(o);
	outfile_free(o);
	return rv;
}

static void check_content(const char *path, const char *want)
{
	char have[64] = "";
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	(void)fread(have, 1, sizeof(have) - 1, f);
	(void)fclose(f);
	ck_assert_str_eq(have, want);
}

START_TEST(a_file_appears_only_when_it_is_committed)
{
	struct outfile *o;
	char *much = calloc(1, 1 << 20);

	ck_assert_int_eq(write_to(out_path, "old"), 0);
	ck_assert_int_eq(outfile_new(out_path, OUTFILE_PLAIN, &o), 0);
	ck_assert_int_eq(outfile_write(o, much, 1 << 20), 0);
	ck_assert_int_eq(outfile_write(o, much, 1000), 0);
	check_content(out_path, "old");
	outfile_free(o);
	check_content(out_path, "old");
	ck_assert_int_eq(write_to(out_path, "new"), 0);
	check_content(out_path, "new");
	free(much);
}
END_TEST

START_TEST(nothing_written_makes_no_file_and_replaces_none)
{
	struct outfile *o;

	ck_assert_int_eq(outfile_new(out_path, OUTFILE_PLAIN, &o), 0);
	ck_assert_int_eq(outfile_commit(o), 0);
	outfile_free(o);
	ck_assert_int_eq(access(out_path, F_OK), -1);
}
END_TEST

/* A pipe of our own: a test that fails must not have replaced anything of the system's. */
START_TEST(what_is_not_a_file_is_written_to_as_it_is)
{
	char text[8] = "";
	struct stat st;
	int fd;

	ck_assert_int_eq(mkfifo(out_path, 0600), 0);
	fd = open(out_path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_to(out_path, "gone"), 0);
	ck_assert_int_eq(stat(out_path, &st), 0);
	ck_assert(S_ISFIFO(st.st_mode));
	ck_assert_int_eq(read(fd, text, sizeof(text)), 4);
	ck_assert_str_eq(text, "gone");
	(void)close(fd);
}
END_TEST

START_TEST(a_link_is_followed)
{
	char link_path[PATH_MAX + 32];
	struct stat st;

	(void)snprintf(link_path, sizeof(link_path), "%s.link", out_path);
	ck_assert_int_eq(write_to(out_path, "old"), 0);
	ck_assert_int_eq(symlink(out_path, link_path), 0);
	ck_assert_int_eq(write_to(link_path, "new"), 0);
	check_content(out_path, "new");
	ck_assert_int_eq(lstat(link_path, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

START_TEST(what_cannot_be_written_says_why)
{
	char path[PATH_MAX + 32];

	ck_assert_int_eq(write_to(dir, "x"), -EISDIR);
	(void)snprintf(path, sizeof(path), "%s/none/out", dir);
	ck_assert_int_eq(write_to(path, "x"), -ENOENT);
}
END_TEST

START_TEST(a_file_that_cannot_be_finished_leaves_what_was_there)
{
	struct rlimit two = {2, 2};

	ck_assert_int_eq(write_to(out_path, "old"), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &two), 0);
	ck_assert_int_eq(write_to(out_path, "newer"), -EFBIG);
	check_content(out_path, "old");
}
END_TEST

/* Writes of 1,000 bytes, and one that is larger than a member: members end where writes do. */
START_TEST(gzip_comes_in_whole_members)
{
	uint8_t *want = malloc(400000), *have;
	struct gzcheck z;
	struct outfile *o;
	size_t at = 0, n;

	for (size_t i = 0; i < 400000; i++)
		want[i] = (uint8_t)(i * i >> 7);
	ck_assert_int_eq(outfile_new(out_path, OUTFILE_GZIP, &o), 0);
	for (; at < 100000; at += 1000)
		ck_assert_int_eq(outfile_write(o, want + at, 1000), 0);
	ck_assert_int_eq(outfile_write(o, want + at, 200000), 0);
	for (at += 200000; at < 400000; at += 1000)
		ck_assert_int_eq(outfile_write(o, want + at, 1000), 0);
	ck_assert_int_eq(outfile_commit(o), 0);
	outfile_free(o);
	have = tempdir_read(out_path, &n);
	ck_assert_int_eq(gzcheck_inflate(have, n, &z), 0);
	ck_assert_uint_eq(z.len, 400000);
	ck_assert_mem_eq(z.bytes, want, 400000);
	/* 65 and 35 writes, the large one, 65 and 35 writes */
	ck_assert_uint_eq(z.members, 5);
	free(z.bytes);
	free(have);
	free(want);
}
END_TEST

START_TEST(nothing_written_makes_no_gzip_either)
{
	struct outfile *o;

	ck_assert_int_eq(outfile_new(out_path, OUTFILE_GZIP, &o), 0);
	ck_assert_int_eq(outfile_commit(o), 0);
	outfile_free(o);
	ck_assert_int_eq(access(out_path, F_OK), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/outfile");
	TCase *out = tcase_create("out");
	SRunner *runner;
	int failed;

	tcase_add_unchecked_fixture(out, tempdir_setup, tempdir_teardown);
	tcase_add_checked_fixture(out, set_up, NULL);
	tcase_add_test(out, a_file_appears_only_when_it_is_committed);
	tcase_add_test(out, nothing_written_makes_no_file_and_replaces_none);
	tcase_add_test(out, what_is_not_a_file_is_written_to_as_it_is);
	tcase_add_test(out, a_link_is_followed);
	tcase_add_test(out, what_cannot_be_written_says_why);
	tcase_add_test(out, a_file_that_cannot_be_finished_leaves_what_was_there);
	tcase_add_test(out, gzip_comes_in_whole_members);
	tcase_add_test(out, nothing_written_makes_no_gzip_either);
	suite_add_tcase(suite, out);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
