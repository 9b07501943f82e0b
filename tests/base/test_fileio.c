/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of whole reads and writes under signals and through pipes, of directories made on the way,
 * and of a file that is replaced so that nobody ever sees half of it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "support/random.h"
#include "support/tempdir.h"

#define BYTES (512u * 1024)

static void ignore_it(int signal_number)
{
	(void)signal_number;
}

/* Signals that interrupt system calls, a thousand a second, until stop_signals. */
static void start_signals(void)
{
	struct sigaction act = {.sa_handler = ignore_it}; /* without SA_RESTART */
	struct itimerval often = {{0, 1000}, {0, 1000}};

	ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void stop_signals(void)
{
	struct itimerval never = {{0, 0}, {0, 0}};

	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}

struct pipe_end {
	int fd;
	uint8_t *bytes;
	size_t len;
	ssize_t result;
	int slow_us; /* pause between pieces */
	pthread_t thread;
};

/* The other end of the pipe: moves its bytes in small pieces, with pauses; signals stay away. */
static void *slow_reader(void *arg)
{
	struct pipe_end *p = arg;
	size_t got = 0;

	while (got < p->len) {
		size_t want = p->len - got < 5000 ? p->len - got : 5000;
		ssize_t n = read(p->fd, p->bytes + got, want);

		if (n <= 0)
			break;
		got += (size_t)n;
		(void)usleep((useconds_t)p->slow_us);
	}
	p->result = (ssize_t)got;
	return NULL;
}

static void *slow_writer(void *arg)
{
	struct pipe_end *p = arg;
	size_t put = 0;

	while (put < p->len) {
		size_t want = p->len - put < 3001 ? p->len - put : 3001;
		ssize_t n = write(p->fd, p->bytes + put, want);

		if (n <= 0)
			break;
		put += (size_t)n;
		(void)usleep((useconds_t)p->slow_us);
	}
	(void)close(p->fd); /* the end of the file for whoever reads */
	return NULL;
}

static void start_end(struct pipe_end *p, void *(*fn)(void *))
{
	sigset_t alarms, old;

	(void)sigemptyset(&alarms);
	(void)sigaddset(&alarms, SIGALRM);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &alarms, &old), 0);
	ck_assert_int_eq(pthread_create(&p->thread, NULL, fn, p), 0);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
}

static uint8_t *random_bytes(size_t len)
{
	struct random r = {99};
	uint8_t *bytes = malloc(len);

	ck_assert_ptr_nonnull(bytes);
	random_fill(&r, bytes, len);
	return bytes;
}

START_TEST(a_write_that_is_interrupted_or_short_goes_on_to_the_end)
{
	uint8_t *bytes = random_bytes(BYTES), *copy = malloc(BYTES);
	struct pipe_end reader = {.bytes = copy, .len = BYTES, .slow_us = 300};
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	reader.fd = fds[0];
	start_end(&reader, slow_reader);
	start_signals();
	ck_assert_int_eq(fileio_write(fds[1], bytes, BYTES), 0);
	stop_signals();
	ck_assert_int_eq(pthread_join(reader.thread, NULL), 0);
	ck_assert_int_eq(reader.result, BYTES);
	ck_assert_mem_eq(copy, bytes, BYTES);
	free(bytes);
	free(copy);
}
END_TEST

START_TEST(a_read_that_is_interrupted_or_short_goes_on_until_full)
{
	uint8_t *bytes = random_bytes(BYTES), *copy = malloc(BYTES);
	struct pipe_end writer = {.bytes = bytes, .len = BYTES, .slow_us = 200};
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	writer.fd = fds[1];
	start_end(&writer, slow_writer);
	start_signals();
	ck_assert_int_eq(fileio_read(fds[0], copy, BYTES - 100), BYTES - 100);
	memset(copy + BYTES - 100, 0, 100);
	ck_assert_int_eq(fileio_read(fds[0], copy + BYTES - 100, 200), 100); /* then it ends */
	ck_assert_int_eq(fileio_read(fds[0], copy, 0), 0);
	stop_signals();
	ck_assert_int_eq(pthread_join(writer.thread, NULL), 0);
	ck_assert_mem_eq(copy, bytes, BYTES);
	free(bytes);
	free(copy);
}
END_TEST

START_TEST(reading_at_an_offset_stops_at_the_end_and_moves_nothing)
{
	const char *path = tempdir_path(tempdir_new(), "file");
	char buf[16] = "................";
	int fd;

	tempdir_write(path, "0123456789", 10);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(lseek(fd, 4, SEEK_SET), 4);
	ck_assert_int_eq(fileio_pread(fd, buf, 3, 2), 3);
	ck_assert_mem_eq(buf, "234.", 4);
	ck_assert_int_eq(fileio_pread(fd, buf, sizeof(buf), 7), 3);
	ck_assert_mem_eq(buf, "789.", 4);
	ck_assert_int_eq(fileio_pread(fd, buf, 1, 10), 0);
	ck_assert_int_eq(fileio_pread(fd, buf, 1, UINT64_C(1) << 50), 0);
	ck_assert_int_lt(fileio_pread(fd, buf, 1, UINT64_MAX - 5), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 4);
	fileio_close(fd);
}
END_TEST

START_TEST(errors_come_back_as_negative_errno)
{
	const char *path = tempdir_path(tempdir_new(), "file");
	uint64_t size = 77;
	char c = 'x';
	int fd, full = open("/dev/full", O_WRONLY);

	tempdir_write(path, "abc", 3);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(fileio_write(fd, &c, 1), -EBADF);
	ck_assert_int_eq(fileio_write(fd, &c, 0), 0);
	ck_assert_int_eq(fileio_read(-1, &c, 1), -EBADF);
	ck_assert_int_eq(fileio_pread(-1, &c, 1, 0), -EBADF);
	ck_assert_int_eq(fileio_size(-1, &size), -EBADF);
	ck_assert_uint_eq(size, 77);
	ck_assert_int_eq(fileio_size(fd, &size), 0);
	ck_assert_uint_eq(size, 3);
	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(fileio_write(full, &c, 1), -ENOSPC);
	fileio_close(full);
	fileio_close(fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	fileio_close(-1);
}
END_TEST

START_TEST(a_write_beyond_the_limit_writes_what_fits_and_tells)
{
	const char *path = tempdir_path(tempdir_new(), "file");
	uint8_t *bytes = random_bytes(3000);
	int rv, fd = open(path, O_WRONLY | O_CREAT, 0600);
	uint64_t size;

	tempdir_limit(1000);
	rv = fileio_write(fd, bytes, 3000);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_int_eq(fileio_size(fd, &size), 0);
	ck_assert_uint_eq(size, 1000);
	fileio_close(fd);
	free(bytes);
}
END_TEST

START_TEST(directories_are_made_with_the_parents_they_lack)
{
	const char *dir = tempdir_new();
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(fileio_mkdirs(fd, "2026/01/02", 0750), 0);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(dir, "2026")), 0750);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(dir, "2026/01/02")), 0750);
	ck_assert_int_eq(fileio_mkdirs(fd, "2026/01/02", 0750), 0);
	ck_assert_int_eq(fileio_mkdirs(fd, "2026/01/03/", 0750), 0);
	ck_assert_int_eq(fileio_mkdirs(fd, "a//b///c", 0700), 0);
	ck_assert(tempdir_exists(tempdir_path(dir, "a/b/c")));
	ck_assert_uint_eq(tempdir_count(tempdir_path(dir, "2026/01")), 2);
	ck_assert_int_eq(fileio_mkdirs(fd, "/", 0700), 0);
	ck_assert_int_eq(fileio_mkdirs(fd, ".", 0700), 0);
	ck_assert_int_eq(fileio_mkdirs(AT_FDCWD, tempdir_path(dir, "x/y"), 0700), 0);
	ck_assert(tempdir_exists(tempdir_path(dir, "x/y")));
	fileio_close(fd);
}
END_TEST

START_TEST(directories_that_cannot_be_made_are_told)
{
	const char *dir = tempdir_new();
	char long_path[2 * PATH_MAX];
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	tempdir_write(tempdir_path(dir, "file"), "x", 1);
	ck_assert_int_eq(fileio_mkdirs(fd, "file/below", 0700), -ENOTDIR);
	ck_assert_int_eq(fileio_mkdirs(fd, "", 0700), -ENOENT);
	memset(long_path, 'a', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(fileio_mkdirs(fd, long_path, 0700), -ENAMETOOLONG);
	long_path[PATH_MAX] = '\0';
	ck_assert_int_eq(fileio_mkdirs(fd, long_path, 0700), -ENAMETOOLONG);
	ck_assert_int_eq(fileio_mkdirs(-1, "a/b", 0700), -EBADF);
	ck_assert_uint_eq(tempdir_count(dir), 1);
	fileio_close(fd);
}
END_TEST

static void check_text(const char *path, const char *want)
{
	size_t len;
	uint8_t *bytes = tempdir_read(path, &len);

	ck_assert_str_eq((char *)bytes, want);
	free(bytes);
}

START_TEST(a_file_is_replaced_and_nothing_is_left_beside_it)
{
	const char *dir = tempdir_new(), *path = tempdir_path(dir, "list");
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(fileio_replace(fd, "list", "one\ntwo\n", 0640), 0);
	check_text(path, "one\ntwo\n");
	ck_assert_uint_eq(tempdir_mode(path), 0640);
	tempdir_write(tempdir_path(dir, "list.tmp"), "left by a crash, and longer", 27);
	ck_assert_int_eq(fileio_replace(fd, "list", "three\n", 0640), 0);
	check_text(path, "three\n");
	ck_assert_int_eq(fileio_replace(fd, "list", "", 0640), 0);
	check_text(path, "");
	ck_assert_uint_eq(tempdir_count(dir), 1);
	fileio_close(fd);
}
END_TEST

START_TEST(a_file_that_cannot_be_replaced_keeps_its_old_content)
{
	const char *dir = tempdir_new(), *path = tempdir_path(dir, "list");
	int rv, fd = open(dir, O_RDONLY | O_DIRECTORY);
	char name[NAME_MAX + 1];

	ck_assert_int_eq(fileio_replace(fd, "list", "old", 0640), 0);
	tempdir_limit(5);
	rv = fileio_replace(fd, "list", "much too new", 0640);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	check_text(path, "old");
	ck_assert_uint_eq(tempdir_count(dir), 1);
	ck_assert_int_eq(mkdir(tempdir_path(dir, "list.tmp"), 0700), 0);
	ck_assert_int_eq(fileio_replace(fd, "list", "new", 0640), -EISDIR);
	check_text(path, "old");
	memset(name, 'n', sizeof(name));
	name[NAME_MAX] = '\0';
	ck_assert_int_eq(fileio_replace(fd, name, "new", 0640), -ENAMETOOLONG);
	ck_assert_int_eq(fileio_replace(fd, "no/such/dir", "new", 0640), -ENOENT);
	fileio_close(fd);
}
END_TEST

START_TEST(what_lies_in_the_way_of_a_new_content_is_neither_followed_nor_waited_for)
{
	const char *dir = tempdir_new(), *path = tempdir_path(dir, "list");
	const char *way = tempdir_path(dir, "list.tmp"), *victim = tempdir_path(dir, "victim");
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	tempdir_write(victim, "precious", 8);
	ck_assert_int_eq(symlink("victim", way), 0);
	ck_assert_int_eq(fileio_replace(fd, "list", "one", 0640), 0);
	check_text(path, "one");
	ck_assert_int_eq(link(victim, way), 0);
	ck_assert_int_eq(fileio_replace(fd, "list", "two", 0640), 0);
	check_text(path, "two");
	ck_assert_int_eq(mkfifo(way, 0600), 0);
	ck_assert_int_eq(fileio_replace(fd, "list", "three", 0640), 0);
	check_text(path, "three");
	check_text(victim, "precious");
	ck_assert_uint_eq(tempdir_count(dir), 2);
	fileio_close(fd);
}
END_TEST

START_TEST(no_part_of_a_directory_s_path_is_a_link)
{
	const char *dir = tempdir_new();
	int fd = open(dir, O_RDONLY | O_DIRECTORY), made;

	ck_assert_int_eq(fileio_open_dir(fd, "a/b/c", -1), -ENOENT);
	made = fileio_open_dir(fd, "a/b/c", 0750);
	ck_assert_int_ge(made, 0);
	fileio_close(made);
	made = fileio_open_dir(fd, "a/b/c", -1);
	ck_assert_int_ge(made, 0);
	fileio_close(made);
	ck_assert_int_eq(symlink("a", tempdir_path(dir, "first")), 0);
	ck_assert_int_eq(symlink("b", tempdir_path(dir, "a/middle")), 0);
	ck_assert_int_eq(symlink("c", tempdir_path(dir, "a/b/last")), 0);
	for (int make_mode = -1; make_mode <= 0750; make_mode += 0751) {
		ck_assert_int_eq(fileio_open_dir(fd, "first/b/c", make_mode), -ENOTDIR);
		ck_assert_int_eq(fileio_open_dir(fd, "a/middle/c", make_mode), -ENOTDIR);
		ck_assert_int_eq(fileio_open_dir(fd, "a/b/last", make_mode), -ENOTDIR);
	}
	ck_assert_int_eq(fileio_open_dir(fd, "", -1), -ENOENT);
	ck_assert_int_eq(fileio_open_dir(fd, "/a", -1), -ENOENT);
	ck_assert_int_eq(fileio_open_dir(fd, "a//b", -1), -ENOENT);
	fileio_close(fd);
}
END_TEST

struct watch {
	const char *path;
	atomic_int stop;
	unsigned seen; /* times that the file was read whole */
	int torn;
};

static void *watch_file(void *arg)
{
	struct watch *w = arg;

	while (!w->stop) {
		char buf[8192];
		int fd = open(w->path, O_RDONLY);
		ssize_t n = fileio_read(fd, buf, sizeof(buf));

		w->torn |=
		    fd < 0 || !((n == 10 && buf[9] == 'a') || (n == 6000 && buf[5999] == 'b'));
		w->seen++;
		fileio_close(fd);
	}
	return NULL;
}

START_TEST(who_reads_a_file_while_it_is_replaced_sees_the_old_or_the_new)
{
	const char *dir = tempdir_new();
	struct watch w = {.path = tempdir_path(dir, "list")};
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	char small[11], big[6001];
	pthread_t t;

	memset(small, 'a', sizeof(small));
	memset(big, 'b', sizeof(big));
	small[10] = big[6000] = '\0';
	ck_assert_int_eq(fileio_replace(fd, "list", small, 0600), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, watch_file, &w), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(fileio_replace(fd, "list", i % 2 ? small : big, 0600), 0);
	w.stop = 1;
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_int_eq(w.torn, 0);
	ck_assert_uint_gt(w.seen, 0);
	fileio_close(fd);
}
END_TEST

static Suite *fileio_suite(void)
{
	Suite *s = suite_create("fileio");
	TCase *t = tcase_create("fileio");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_write_that_is_interrupted_or_short_goes_on_to_the_end);
	tcase_add_test(t, a_read_that_is_interrupted_or_short_goes_on_until_full);
	tcase_add_test(t, reading_at_an_offset_stops_at_the_end_and_moves_nothing);
	tcase_add_test(t, errors_come_back_as_negative_errno);
	tcase_add_test(t, a_write_beyond_the_limit_writes_what_fits_and_tells);
	tcase_add_test(t, directories_are_made_with_the_parents_they_lack);
	tcase_add_test(t, directories_that_cannot_be_made_are_told);
	tcase_add_test(t, a_file_is_replaced_and_nothing_is_left_beside_it);
	tcase_add_test(t, a_file_that_cannot_be_replaced_keeps_its_old_content);
	tcase_add_test(t, what_lies_in_the_way_of_a_new_content_is_neither_followed_nor_waited_for);
	tcase_add_test(t, no_part_of_a_directory_s_path_is_a_link);
	tcase_add_test(t, who_reads_a_file_while_it_is_replaced_sees_the_old_or_the_new);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(fileio_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
