/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the store where the system does not do what it should: a disk that is full in the middle
 * of a write, file systems that lack unnamed files or renames without replacing, a machine without
 * /proc, syncs that fail. The calls are stood in for by the functions at the top of this file.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive/store.h"
#include "pcapfile/gzmember.h"
#include "support/gzcheck.h"
#include "support/random.h"
#include "support/tempdir.h"

#define DAY     20455
#define DAY_DIR "2026/01/02"

/* What the calls below answer; 0 for the truth. */
static int tmpfile_errno, proc_errno, rename_errno, link_errno, sync_errno;

int openat(int fd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if ((flags & O_TMPFILE) == O_TMPFILE && tmpfile_errno != 0) {
		errno = tmpfile_errno;
		return -1;
	}
	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	int no = strncmp(from, "/proc/", 6) == 0 ? proc_errno : link_errno;

	if (no == 0)
		return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
	errno = no;
	return -1;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	if (rename_errno == 0)
		return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	errno = rename_errno;
	return -1;
}

int fdatasync(int fd)
{
	if (sync_errno == 0)
		return (int)syscall(SYS_fdatasync, fd);
	errno = sync_errno;
	return -1;
}

struct fixture {
	const char *dir;
	char *day, *staging;
	struct archive *archive;
	struct store *store;
};

static struct fixture begin(enum sync_mode sync)
{
	struct fixture f = {.dir = tempdir_new()};

	tmpfile_errno = proc_errno = rename_errno = link_errno = sync_errno = 0;
	ck_assert_int_eq(archive_open(f.dir, ARCHIVE_WRITE, &f.archive), 0);
	ck_assert_int_eq(
	    store_new(&(struct store_config){.archive = f.archive, .sync = sync}, &f.store), 0);
	f.day = strdup(tempdir_path(f.dir, DAY_DIR));
	f.staging = strdup(tempdir_path(f.dir, ".staging"));
	ck_assert_int_eq(close(archive_touch_day(f.archive, DAY)), 0);
	archive_leave_day(f.archive, DAY);
	return f;
}

static void finish(struct fixture *f, size_t files, size_t staged)
{
	tmpfile_errno = proc_errno = rename_errno = link_errno = sync_errno = 0;
	ck_assert_uint_eq(tempdir_count(f->day), files);
	ck_assert_uint_eq(tempdir_count(f->staging), staged);
	store_free(f->store);
	archive_close(f->archive);
	free(f->day);
	free(f->staging);
}

static struct store_part part_of(struct fixture *f)
{
	return (struct store_part){.uuid = "u", .day = DAY, .serial = archive_serial(f->archive)};
}

static void check_file(struct fixture *f, const char *name, const char *text)
{
	size_t len;
	uint8_t *got = tempdir_read(tempdir_path(f->day, name), &len);

	ck_assert_str_eq((char *)got, text);
	free(got);
}

static int publish(struct fixture *f, const char *text, enum store_result *result, uint32_t *part)
{
	struct store_part p = part_of(f);
	int rv = store_publish(f->store, &p, text, strlen(text), result);

	*part = p.part;
	return rv;
}

static int publish_in_two(
    struct fixture *f, const char *text, enum store_result *result, uint32_t *part)
{
	struct store_part p = part_of(f);
	int rv = store_stage(f->store, &p, STORE_STAGE_CREATE, text, 1);

	if (rv == 0)
		rv = store_publish_staged(f->store, &p, text + 1, strlen(text) - 1, result);
	*part = p.part;
	return rv;
}

/* One, one again, and another: the same answers as on a file system that can do everything. */
static void check_publishing(struct fixture *f)
{
	enum store_result result;
	uint32_t part;

	ck_assert_int_eq(publish(f, "one", &result, &part), 0);
	ck_assert(result == STORE_PUBLISHED && part == 0);
	ck_assert_int_eq(publish(f, "one", &result, &part), 0);
	ck_assert(result == STORE_DUPLICATE && part == 0);
	ck_assert_int_eq(publish(f, "two", &result, &part), 0);
	ck_assert(result == STORE_PUBLISHED && part == 1);
	ck_assert_int_eq(publish_in_two(f, "two", &result, &part), 0);
	ck_assert(result == STORE_DUPLICATE && part == 1);
	ck_assert_int_eq(publish_in_two(f, "three", &result, &part), 0);
	ck_assert(result == STORE_PUBLISHED && part == 2);
	check_file(f, "u.pcap.gz", "one");
	check_file(f, "u~1.pcap.gz", "two");
	check_file(f, "u~2.pcap.gz", "three");
	ck_assert_uint_eq(tempdir_mode(tempdir_path(f->day, "u.pcap.gz")), 0640);
}

START_TEST(a_file_system_without_unnamed_files_will_do)
{
	static const int errnos[] = {EOPNOTSUPP, EISDIR, ENOENT, EINVAL};
	struct fixture f = begin(SYNC_NONE);

	tmpfile_errno = errnos[_i];
	check_publishing(&f);
	finish(&f, 3, 0);
}
END_TEST

START_TEST(a_machine_without_proc_will_do)
{
	struct fixture f = begin(SYNC_NONE);

	proc_errno = ENOENT;
	check_publishing(&f);
	finish(&f, 3, 0);
}
END_TEST

START_TEST(a_file_system_that_always_replaces_will_do)
{
	static const int errnos[] = {EINVAL, ENOSYS};
	struct fixture f = begin(SYNC_NONE);

	tmpfile_errno = EOPNOTSUPP;
	rename_errno = errnos[_i];
	check_publishing(&f);
	finish(&f, 3, 0);
}
END_TEST

START_TEST(a_name_that_cannot_be_made_leaves_nothing_visible)
{
	struct fixture f = begin(SYNC_NONE);
	enum store_result result;
	uint32_t part;

	proc_errno = link_errno = rename_errno = ENOSPC;
	ck_assert_int_eq(publish(&f, "one", &result, &part), -ENOSPC);
	ck_assert_uint_eq(tempdir_count(f.day), 0);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	ck_assert_int_eq(publish_in_two(&f, "one", &result, &part), -ENOSPC);
	ck_assert_uint_eq(tempdir_count(f.day), 0);
	ck_assert_uint_eq(tempdir_count(f.staging), 1); /* for the next start to adopt */
	tmpfile_errno = EOPNOTSUPP;
	ck_assert_int_eq(publish(&f, "one", &result, &part), -ENOSPC);
	finish(&f, 0, 1);
}
END_TEST

START_TEST(an_error_that_says_nothing_about_unnamed_files_is_told)
{
	struct fixture f = begin(SYNC_NONE);
	enum store_result result;
	uint32_t part;

	tmpfile_errno = ENOSPC;
	ck_assert_int_eq(publish(&f, "one", &result, &part), -ENOSPC);
	tmpfile_errno = EDQUOT;
	ck_assert_int_eq(publish(&f, "one", &result, &part), -EDQUOT);
	tmpfile_errno = 0;
	ck_assert_int_eq(publish(&f, "one", &result, &part), 0);
	finish(&f, 1, 0);
}
END_TEST

START_TEST(what_is_not_on_disk_is_not_published_when_each_file_is_synced)
{
	struct fixture f = begin(SYNC_EACH);
	struct store_part p = part_of(&f);
	enum store_result result;
	uint32_t part;

	sync_errno = EIO;
	ck_assert_int_eq(publish(&f, "one", &result, &part), -EIO);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "one", 3), -EIO);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	sync_errno = 0;
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "one", 3), 0);
	sync_errno = EIO;
	ck_assert_int_eq(store_publish_staged(f.store, &p, " two", 4, &result), -EIO);
	ck_assert_uint_eq(tempdir_count(f.day), 0);
	sync_errno = 0;
	ck_assert_int_eq(store_publish_staged(f.store, &p, " three", 6, &result), 0);
	check_file(&f, "u.pcap.gz", "one three");
	finish(&f, 1, 0);
}
END_TEST

/* ---- a full disk ------------------------------------------------------------------------------
 */

/* A gzip member of 2,000 bytes that do not compress. */
static size_t make_member(uint64_t seed, uint8_t *out)
{
	struct gzmember *gz;
	uint8_t in[2000];
	struct random r = {seed};
	size_t n;

	random_fill(&r, in, sizeof(in));
	ck_assert_int_eq(gzmember_new((struct codec){CODEC_NONE, 0}, &gz), 0);
	n = gzmember_write(gz, in, sizeof(in), out);
	gzmember_free(gz);
	return n;
}

static void check_staged(struct fixture *f, const struct store_part *p, size_t members)
{
	static uint8_t bytes[100000];
	struct extent e;
	struct gzcheck g;
	ssize_t n;

	ck_assert_int_eq(store_open_staged(f->store, p, &e), 0);
	n = fileio_pread_extent(&e, bytes, sizeof(bytes), 0);
	ck_assert_int_eq(close(e.fd), 0);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(gzcheck_inflate(bytes, (size_t)n, &g), 0);
	ck_assert_uint_eq(g.members, members);
	ck_assert_uint_eq(g.len, members * 2000);
	free(g.bytes);
}

START_TEST(a_disk_full_in_the_middle_of_a_member_leaves_whole_members_only)
{
	struct fixture f = begin(SYNC_NONE);
	struct store_part p = part_of(&f);
	enum store_result result;
	uint8_t m[3000];
	size_t n = make_member(1, m);
	int rv;

	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, m, n), 0);
	for (size_t over = 1; over < n; over += 97) {
		tempdir_limit(n + over);
		rv = store_stage(f.store, &p, STORE_STAGE_APPEND, m, n);
		tempdir_limit(UINT64_MAX);
		ck_assert_int_eq(rv, -EFBIG);
		check_staged(&f, &p, 1);
	}
	n = make_member(2, m);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_APPEND, m, n), 0);
	check_staged(&f, &p, 2);
	tempdir_limit(2 * n + 5);
	rv = store_publish_staged(f.store, &p, m, n, &result);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_uint_eq(tempdir_count(f.day), 0);
	check_staged(&f, &p, 2);
	ck_assert_int_eq(store_publish_staged(f.store, &p, m, n, &result), 0);
	ck_assert_uint_eq(p.length, 3 * n);
	finish(&f, 1, 0);
}
END_TEST

START_TEST(a_staged_file_whose_beginning_does_not_fit_is_not_there)
{
	struct fixture f = begin(SYNC_NONE);
	struct store_part p = part_of(&f);
	uint8_t m[3000];
	size_t n = make_member(1, m);
	int rv;

	tempdir_limit(700);
	rv = store_stage(f.store, &p, STORE_STAGE_CREATE, m, n);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, m, n), 0);
	check_staged(&f, &p, 1);
	finish(&f, 0, 1);
}
END_TEST

START_TEST(a_file_that_does_not_fit_leaves_nothing)
{
	struct fixture f = begin((enum sync_mode)(_i % 3));
	struct store_part p = part_of(&f);
	enum store_result result = STORE_DUPLICATE;
	uint8_t m[3000];
	size_t n = make_member(1, m);
	int rv;

	tmpfile_errno = _i >= 3 ? EOPNOTSUPP : 0;
	tempdir_limit(1000);
	rv = store_publish(f.store, &p, m, n, &result);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_uint_eq(tempdir_count(f.day), 0);
	ck_assert_uint_eq(tempdir_count(f.staging), 0);
	ck_assert_int_eq(store_publish(f.store, &p, m, n, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	finish(&f, 1, 0);
}
END_TEST

static Suite *store_faults_suite(void)
{
	Suite *s = suite_create("store_faults");
	TCase *t = tcase_create("store_faults");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(t, a_file_system_without_unnamed_files_will_do, 0, 4);
	tcase_add_test(t, a_machine_without_proc_will_do);
	tcase_add_loop_test(t, a_file_system_that_always_replaces_will_do, 0, 2);
	tcase_add_test(t, a_name_that_cannot_be_made_leaves_nothing_visible);
	tcase_add_test(t, an_error_that_says_nothing_about_unnamed_files_is_told);
	tcase_add_test(t, what_is_not_on_disk_is_not_published_when_each_file_is_synced);
	tcase_add_test(t, a_disk_full_in_the_middle_of_a_member_leaves_whole_members_only);
	tcase_add_test(t, a_staged_file_whose_beginning_does_not_fit_is_not_there);
	tcase_add_loop_test(t, a_file_that_does_not_fit_leaves_nothing, 0, 6);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_faults_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
