/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the file with the secret key: what is one and what is not, and that a new one is whole,
 * its owner's alone, on disk, and never in the place of another. The calls that must come in one
 * order, or fail, are stood in for by the functions at the top of this file.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/keyfile.h"
#include "support/tempdir.h"

/* 64 digits; lower_key is what they stand for. */
#define LOWER "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"
#define UPPER "00112233445566778899AABBCCDDEEFF0123456789ABCDEFFEDCBA9876543210"

static const uint8_t lower_key[KEYFILE_BYTES] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

/* What the calls below answer; 0 for the truth. */
static int file_sync_errno, directory_sync_errno, link_errno, random_errno;
static unsigned random_interruptions;

/* What comes between looking for a file and linking it there. */
static void (*before_link)(const char *path);

/* The calls that were made, "f" a synced file, "d" a synced directory, "l" a link. */
static bool noting;
static char calls[16];
static off_t linked_bytes;
static mode_t linked_mode;

static void note(const char *call)
{
	if (noting)
		(void)strncat(calls, call, sizeof(calls) - strlen(calls) - 1);
}

int fsync(int fd)
{
	struct stat st = {0};
	int no;

	(void)fstat(fd, &st);
	no = S_ISDIR(st.st_mode) ? directory_sync_errno : file_sync_errno;
	note(S_ISDIR(st.st_mode) ? "d" : "f");
	if (no == 0)
		return (int)syscall(SYS_fsync, fd);
	errno = no;
	return -1;
}

int link(const char *from, const char *to)
{
	struct stat st = {0};

	note("l");
	if (noting && stat(from, &st) == 0) {
		linked_bytes = st.st_size;
		linked_mode = st.st_mode & 07777;
	}
	if (before_link != NULL)
		before_link(to);
	if (link_errno == 0)
		return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
	errno = link_errno;
	return -1;
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	errno = random_errno;
	if (random_interruptions > 0) {
		random_interruptions--;
		errno = EINTR;
		return -1;
	}
	return random_errno == 0 ? syscall(SYS_getrandom, buf, len, flags) : -1;
}

static int load(const char *path, uint8_t *key, enum keyfile_state *state)
{
	return keyfile_load(path, KEYFILE_MAKE, key, state);
}

/* A directory of its own, and the name in it that a key is to have. */
static const char *fresh(const char **ret_dir)
{
	*ret_dir = tempdir_new();
	return tempdir_path(*ret_dir, "key");
}

static void expect_key(const char *path, const uint8_t *wanted, enum keyfile_state wanted_state)
{
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	ck_assert_int_eq(load(path, key, &state), 0);
	ck_assert_mem_eq(key, wanted, sizeof(key));
	ck_assert_int_eq(state, wanted_state);
}

/* Both ways to load refuse it, tell nothing, and make nothing. */
static void expect_refused(const char *dir, const char *path, int error)
{
	static const uint8_t untouched[KEYFILE_BYTES] = {0x5a, 0x5a};
	size_t names = tempdir_count(dir);

	for (int i = 0; i < 2; i++) {
		uint8_t key[KEYFILE_BYTES] = {0x5a, 0x5a};
		enum keyfile_state state = (enum keyfile_state)77;

		ck_assert_int_eq(
		    keyfile_load(path, i == 0 ? KEYFILE_MAKE : KEYFILE_LEAVE, key, &state), error);
		ck_assert_mem_eq(key, untouched, sizeof(key));
		ck_assert_int_eq((int)state, 77);
	}
	ck_assert_uint_eq(tempdir_count(dir), names);
}

static void put(const char *path, const void *bytes, size_t len, mode_t mode)
{
	tempdir_write(path, bytes, len);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void put_text(const char *path, const char *text, mode_t mode)
{
	put(path, text, strlen(text), mode);
}

START_TEST(digits_in_either_case_are_read_with_or_without_an_end_of_line)
{
	static const char *const good[] = {LOWER, LOWER "\n", LOWER "\r\n", UPPER, UPPER "\n",
	    "00112233445566778899aabbccddeeff0123456789ABCDEFfEdCbA9876543210\r\n"};
	const char *dir, *path = fresh(&dir);

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		put_text(path, good[i], 0600);
		expect_key(path, lower_key, KEYFILE_READ);
	}
	ck_assert_uint_eq(tempdir_count(dir), 1);
}
END_TEST

START_TEST(thirty_two_bytes_are_taken_as_they_are)
{
	static const uint8_t ends[KEYFILE_BYTES] = {[0] = '\n', [30] = '\r', [31] = '\n'};
	const char *dir, *path = fresh(&dir);

	put(path, lower_key, sizeof(lower_key), 0600);
	expect_key(path, lower_key, KEYFILE_READ);
	put(path, ends, sizeof(ends), 0600); /* no line ends in it */
	expect_key(path, ends, KEYFILE_READ);
	put(path, LOWER, KEYFILE_BYTES, 0600); /* and no digits */
	expect_key(path, (const uint8_t *)LOWER, KEYFILE_READ);
}
END_TEST

START_TEST(what_is_no_key_is_refused_and_left_alone)
{
	static const struct {
		const char *text;
		int error;
	} bad[] = {{"", -EBADMSG}, {"\n", -EBADMSG}, {"\r\n", -EBADMSG}, {"0", -EBADMSG},
	    {"0123456789abcdef0123456789abcde", -EBADMSG},    /* 31 */
	    {"0123456789abcdef0123456789abcdef\n", -EBADMSG}, /* half a key */
	    {"0123456789abcdef0123456789abcdef0", -EBADMSG},  /* 33 */
	    {LOWER "0", -EBADMSG}, {LOWER "00", -EBADMSG}, {LOWER " ", -EBADMSG},
	    {LOWER "\r", -EBADMSG}, {LOWER " \n", -EBADMSG}, {LOWER "\n\n", -EBADMSG},
	    {LOWER "\n\r", -EBADMSG}, {"\n" LOWER, -EBADMSG}, {" " LOWER, -EBADMSG},
	    {"0x" LOWER, -EBADMSG}, {LOWER "\r\n\n", -EFBIG}, {LOWER "\n" LOWER "\n", -EFBIG},
	    {LOWER LOWER, -EFBIG}};
	const char *dir, *path = fresh(&dir);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *after;
		size_t len;

		put_text(path, bad[i].text, 0600);
		expect_refused(dir, path, bad[i].error);
		after = tempdir_read(path, &len);
		ck_assert_str_eq((char *)after, bad[i].text);
		free(after);
	}
}
END_TEST

START_TEST(every_digit_must_be_one)
{
	/* beside each range of digits, and what sscanf(3) would take */
	static const char odd[] = {
	    '/', ':', '@', 'G', '`', 'g', ' ', '+', '-', 'x', '\n', '\0', (char)0xb0};
	const char *dir, *path = fresh(&dir);

	for (size_t at = 0; at < 2 * KEYFILE_BYTES; at++) {
		char text[] = LOWER "\n";

		text[at] = odd[at % sizeof(odd)];
		put(path, text, sizeof(text) - 1, 0600);
		expect_refused(dir, path, -EBADMSG);
	}
	for (size_t i = 0; i < sizeof(odd); i++) {
		char text[] = LOWER;

		text[17] = odd[i];
		put(path, text, sizeof(text) - 1, 0600);
		expect_refused(dir, path, -EBADMSG);
	}
}
END_TEST

START_TEST(a_large_file_is_refused_without_being_read_whole)
{
	const char *dir, *path = fresh(&dir);

	put_text(path, LOWER "\n", 0600);
	ck_assert_int_eq(truncate(path, 1 << 30), 0); /* a hole */
	expect_refused(dir, path, -EFBIG);
}
END_TEST

START_TEST(a_key_that_others_may_read_is_told)
{
	static const mode_t theirs[] = {0640, 0604, 0644, 0440, 0666}, mine[] = {0600, 0400, 0700};
	const char *dir, *path = fresh(&dir);

	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
		put_text(path, LOWER "\n", theirs[i]);
		expect_key(path, lower_key, KEYFILE_OPEN);
		ck_assert_uint_eq(tempdir_mode(path), theirs[i]);
		ck_assert_int_eq(unlink(path), 0);
	}
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
		put_text(path, LOWER "\n", mine[i]);
		expect_key(path, lower_key, KEYFILE_READ);
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

START_TEST(a_directory_is_refused)
{
	const char *dir, *path = fresh(&dir);

	ck_assert_int_eq(mkdir(path, 0700), 0);
	expect_refused(dir, path, -EISDIR);
	expect_refused(path, path, -EISDIR);
	expect_refused(dir, tempdir_path(dir, "key/"), -EISDIR);
}
END_TEST

START_TEST(a_pipe_is_refused_without_waiting_for_it)
{
	const char *dir, *path = fresh(&dir);
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_refused(dir, path, -EBADMSG); /* nobody writes */
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	expect_refused(dir, path, -EBADMSG); /* somebody may */
	ck_assert_int_eq(write(fd, LOWER, strlen(LOWER)), (int)strlen(LOWER));
	expect_refused(dir, path, -EBADMSG); /* somebody has */
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(a_socket_is_refused)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *dir, *path = fresh(&dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_uint_lt(strlen(path), sizeof(a.sun_path));
	(void)strcpy(a.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	expect_refused(dir, path, -ENXIO);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(a_link_to_a_key_is_followed)
{
	const char *dir, *path = fresh(&dir);

	put_text(tempdir_path(dir, "real"), LOWER "\n", 0640);
	ck_assert_int_eq(symlink("real", path), 0);
	expect_key(path, lower_key, KEYFILE_OPEN);
}
END_TEST

START_TEST(no_key_is_made_through_a_link_that_leads_nowhere)
{
	const char *dir, *path = fresh(&dir), *loop = tempdir_path(dir, "loop");

	ck_assert_int_eq(symlink("real", path), 0);
	expect_refused(dir, path, -ENOLINK);
	ck_assert(!tempdir_exists(tempdir_path(dir, "real")));
	ck_assert_int_eq(symlink("loop", loop), 0);
	expect_refused(dir, loop, -ELOOP);
}
END_TEST

START_TEST(where_there_is_none_it_is_left_so_if_asked_to)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	ck_assert_int_eq(keyfile_load(path, KEYFILE_LEAVE, key, &state), -ENOENT);
	ck_assert_uint_eq(tempdir_count(dir), 0);
	put_text(path, LOWER "\n", 0600);
	ck_assert_int_eq(keyfile_load(path, KEYFILE_LEAVE, key, &state), 0);
	ck_assert_mem_eq(key, lower_key, sizeof(key));
	ck_assert_int_eq(state, KEYFILE_READ);
}
END_TEST

START_TEST(its_directory_is_not_made)
{
	const char *dir = tempdir_new();

	ck_assert_int_eq(chdir(dir), 0);
	expect_refused(dir, tempdir_path(dir, "none/key"), -ENOENT);
	expect_refused(dir, "", -ENOENT);
	ck_assert_uint_eq(tempdir_count(dir), 0);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_refused)
{
	const char *dir = tempdir_new();
	char name[300];

	memset(name, 'k', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	expect_refused(dir, tempdir_path(dir, name), -ENAMETOOLONG);
}
END_TEST

static void check_digits(const char *path, const uint8_t *key)
{
	char wanted[2 * KEYFILE_BYTES + 2];
	uint8_t *text;
	size_t len;

	for (size_t i = 0; i < KEYFILE_BYTES; i++)
		(void)snprintf(wanted + 2 * i, 3, "%02x", key[i]);
	(void)strcat(wanted, "\n");
	text = tempdir_read(path, &len);
	ck_assert_uint_eq(len, strlen(wanted));
	ck_assert_str_eq((char *)text, wanted);
	free(text);
}

START_TEST(a_new_key_is_its_owners_alone_whatever_the_umask)
{
	static const mode_t masks[] = {0, 022, 077, 0277, 0777};

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		const char *dir, *path = fresh(&dir);
		uint8_t key[KEYFILE_BYTES];
		enum keyfile_state state;
		int rv;

		(void)umask(masks[i]);
		rv = load(path, key, &state);
		(void)umask(0);
		ck_assert_int_eq(rv, 0);
		ck_assert_int_eq(state, KEYFILE_MADE);
		ck_assert_uint_eq(tempdir_mode(path), 0600);
		ck_assert_uint_eq(tempdir_count(dir), 1);
		check_digits(path, key);
		expect_key(path, key, KEYFILE_READ);
	}
}
END_TEST

START_TEST(each_new_key_is_another)
{
	enum { COUNT = 16 };
	uint8_t keys[COUNT][KEYFILE_BYTES];
	enum keyfile_state state;

	for (int i = 0; i < COUNT; i++) {
		const char *dir, *path = fresh(&dir);

		ck_assert_int_eq(load(path, keys[i], &state), 0);
		for (int j = 0; j < i; j++) /* both halves: of each something is made */
			ck_assert(memcmp(keys[i], keys[j], 16) != 0 &&
				  memcmp(keys[i] + 16, keys[j] + 16, 16) != 0);
	}
}
END_TEST

START_TEST(a_path_may_lack_a_directory)
{
	const char *dir = tempdir_new();
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(load("key", key, &state), 0);
	ck_assert_int_eq(state, KEYFILE_MADE);
	check_digits(tempdir_path(dir, "key"), key);
}
END_TEST

START_TEST(a_new_key_is_whole_and_on_disk_before_it_has_its_name)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	noting = true;
	ck_assert_int_eq(load(path, key, &state), 0);
	noting = false;
	ck_assert_str_eq(calls, "fld");
	ck_assert_int_eq(linked_bytes, 2 * KEYFILE_BYTES + 1);
	ck_assert_uint_eq(linked_mode, 0600);
}
END_TEST

static void rival_key(const char *path)
{
	put_text(path, UPPER "\n", 0600);
}

static void rival_open_key(const char *path)
{
	put_text(path, UPPER "\n", 0640);
}

static void rival_junk(const char *path)
{
	put_text(path, "junk", 0600);
}

static void rival_link(const char *path)
{
	ck_assert_int_eq(symlink("real", path), 0);
}

START_TEST(whoever_comes_second_uses_the_key_of_the_first)
{
	const char *dir, *path = fresh(&dir);
	size_t len;
	uint8_t *text;

	before_link = rival_key;
	noting = true;
	expect_key(path, lower_key, KEYFILE_READ);
	ck_assert_str_eq(calls, "fld"); /* the first may not have come so far */
	text = tempdir_read(path, &len);
	ck_assert_str_eq((char *)text, UPPER "\n");
	free(text);
	ck_assert_uint_eq(tempdir_count(dir), 1);

	path = fresh(&dir);
	before_link = rival_open_key;
	expect_key(path, lower_key, KEYFILE_OPEN);
}
END_TEST

START_TEST(whatever_comes_first_is_left_alone_and_refused_if_it_is_no_key)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	before_link = rival_junk;
	ck_assert_int_eq(load(path, key, &state), -EBADMSG);
	ck_assert_uint_eq(tempdir_count(dir), 1);
	expect_refused(dir, path, -EBADMSG);

	path = fresh(&dir);
	before_link = rival_link;
	ck_assert_int_eq(load(path, key, &state), -ENOLINK);
	ck_assert_uint_eq(tempdir_count(dir), 1); /* the link; not what it names */
}
END_TEST

struct racer {
	const char *path;
	pthread_barrier_t *start;
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;
	int rv;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	(void)pthread_barrier_wait(r->start);
	r->rv = load(r->path, r->key, &r->state);
	return NULL;
}

START_TEST(many_that_make_one_at_once_agree)
{
	enum { RACERS = 6, ROUNDS = 40 };

	for (int round = 0; round < ROUNDS; round++) {
		const char *dir, *path = fresh(&dir);
		struct racer racers[RACERS] = {0};
		pthread_t threads[RACERS];
		pthread_barrier_t start;
		int made = 0;

		ck_assert_int_eq(pthread_barrier_init(&start, NULL, RACERS), 0);
		for (int i = 0; i < RACERS; i++) {
			racers[i] = (struct racer){.path = path, .start = &start};
			ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
		}
		for (int i = 0; i < RACERS; i++)
			ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		for (int i = 0; i < RACERS; i++) {
			ck_assert_int_eq(racers[i].rv, 0);
			ck_assert_mem_eq(racers[i].key, racers[0].key, KEYFILE_BYTES);
			ck_assert(
			    racers[i].state == KEYFILE_MADE || racers[i].state == KEYFILE_READ);
			made += racers[i].state == KEYFILE_MADE;
		}
		ck_assert_int_eq(made, 1);
		ck_assert_uint_eq(tempdir_count(dir), 1);
		check_digits(path, racers[0].key);
		ck_assert_int_eq(pthread_barrier_destroy(&start), 0);
	}
}
END_TEST

static void expect_nothing_made(int error)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES] = {0x5a}, untouched[KEYFILE_BYTES] = {0x5a};
	enum keyfile_state state;

	ck_assert_int_eq(load(path, key, &state), error);
	ck_assert_mem_eq(key, untouched, sizeof(key));
	ck_assert_uint_eq(tempdir_count(dir), 0);
}

START_TEST(what_cannot_be_made_whole_leaves_nothing)
{
	random_errno = ENOSYS;
	expect_nothing_made(-ENOSYS);
	random_errno = 0;
	file_sync_errno = EIO;
	expect_nothing_made(-EIO);
	file_sync_errno = 0;
	link_errno = EPERM; /* a file system without links, link(2) */
	expect_nothing_made(-EPERM);
}
END_TEST

START_TEST(a_disk_that_fills_up_in_the_middle_leaves_nothing)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;
	size_t names;
	int rv;

	tempdir_limit(40);
	rv = load(path, key, &state);
	names = tempdir_count(dir);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_uint_eq(names, 0);
}
END_TEST

START_TEST(a_key_whose_name_may_not_be_on_disk_is_not_used_and_is_not_lost)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	directory_sync_errno = EIO;
	ck_assert_int_eq(load(path, key, &state), -EIO);
	directory_sync_errno = 0;
	ck_assert_int_eq(load(path, key, &state), 0);
	ck_assert_int_eq(state, KEYFILE_READ);
	ck_assert_uint_eq(tempdir_count(dir), 1);

	path = fresh(&dir);
	directory_sync_errno = EINVAL; /* there is no such thing there, fsync(2) */
	ck_assert_int_eq(load(path, key, &state), 0);
	ck_assert_int_eq(state, KEYFILE_MADE);
}
END_TEST

START_TEST(a_signal_while_there_is_no_randomness_yet_does_no_harm)
{
	const char *dir, *path = fresh(&dir);
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;

	random_interruptions = 3;
	ck_assert_int_eq(load(path, key, &state), 0);
	ck_assert_uint_eq(random_interruptions, 0);
	check_digits(path, key);
}
END_TEST

static TCase *reading(void)
{
	TCase *t = tcase_create("read");

	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, digits_in_either_case_are_read_with_or_without_an_end_of_line);
	tcase_add_test(t, thirty_two_bytes_are_taken_as_they_are);
	tcase_add_test(t, what_is_no_key_is_refused_and_left_alone);
	tcase_add_test(t, every_digit_must_be_one);
	tcase_add_test(t, a_large_file_is_refused_without_being_read_whole);
	tcase_add_test(t, a_key_that_others_may_read_is_told);
	tcase_add_test(t, a_directory_is_refused);
	tcase_add_test(t, a_pipe_is_refused_without_waiting_for_it);
	tcase_add_test(t, a_socket_is_refused);
	tcase_add_test(t, a_link_to_a_key_is_followed);
	tcase_add_test(t, no_key_is_made_through_a_link_that_leads_nowhere);
	tcase_add_test(t, where_there_is_none_it_is_left_so_if_asked_to);
	tcase_add_test(t, its_directory_is_not_made);
	tcase_add_test(t, a_name_that_is_too_long_is_refused);
	return t;
}

static TCase *making(void)
{
	TCase *t = tcase_create("make");

	tcase_set_timeout(t, 60); /* each key waits for the disk */
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_new_key_is_its_owners_alone_whatever_the_umask);
	tcase_add_test(t, each_new_key_is_another);
	tcase_add_test(t, a_path_may_lack_a_directory);
	tcase_add_test(t, a_new_key_is_whole_and_on_disk_before_it_has_its_name);
	tcase_add_test(t, whoever_comes_second_uses_the_key_of_the_first);
	tcase_add_test(t, whatever_comes_first_is_left_alone_and_refused_if_it_is_no_key);
	tcase_add_test(t, many_that_make_one_at_once_agree);
	tcase_add_test(t, what_cannot_be_made_whole_leaves_nothing);
	tcase_add_test(t, a_disk_that_fills_up_in_the_middle_leaves_nothing);
	tcase_add_test(t, a_key_whose_name_may_not_be_on_disk_is_not_used_and_is_not_lost);
	tcase_add_test(t, a_signal_while_there_is_no_randomness_yet_does_no_harm);
	return t;
}

int main(void)
{
	Suite *s = suite_create("keyfile");
	SRunner *r;
	int failed;

	suite_add_tcase(s, reading());
	suite_add_tcase(s, making());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
