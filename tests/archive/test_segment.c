/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of segments: what is put in is found again and tar agrees, a torn or made-up end is seen
 * for what it is, and names in a directory are never taken twice.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/segment.h"
#include "base/fileio.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/tempdir.h"

#define LONG_UUID                                                                                \
	"a-name-that-an-application-gave-and-that-has-more-than-one-hundred-characters-so-that-" \
	"it-needs-a-header-more-and-on"

/* Some members, with sizes around a block, and where each must lie. */
static const struct {
	const char *uuid;
	uint32_t part;
	uint64_t length, header_offset, offset, next;
} members[] = {
    {"3f2a8c1d-0000-5000-8000-000000000001", 0, 1000, 0, 512, 1536},
    {"3f2a8c1d-0000-5000-8000-000000000001", 7, 512, 1536, 2048, 2560},
    {LONG_UUID, 0, 1, 2560, 4096, 4608},
    {LONG_UUID, 4294967295u, 513, 4608, 6144, 7168},
    {"x", 1, 511, 7168, 7680, 8192},
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]), END = 8192 };

static uint8_t *content_of(size_t i)
{
	static uint8_t buf[1024];
	struct random r = {i + 1};

	random_fill(&r, buf, sizeof(buf));
	return buf;
}

static size_t put_member(uint8_t *out, const char *name, const void *content, size_t len)
{
	size_t n = tarfmt_header(name, len, 1767312000, out);

	memcpy(out + n, content, len);
	n += len;
	memset(out + n, 0, tarfmt_padding(len));
	return n + tarfmt_padding(len);
}

/* All members, and the zeros behind them. Returns a static buffer. */
static uint8_t *whole_segment(void)
{
	static uint8_t buf[END + TARFMT_END_BYTES];
	char name[LAYOUT_NAME_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < MEMBERS; i++) {
		(void)layout_file_name(members[i].uuid, members[i].part, name);
		n += put_member(buf + n, name, content_of(i), members[i].length);
	}
	quick_assert(n == END);
	memset(buf + n, 0, TARFMT_END_BYTES);
	return buf;
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* A file of these bytes, open for reading and writing. */
static int file_of(const void *bytes, size_t len)
{
	const char *path = tempdir_path(tempdir_new(), "flows-1.tar");
	int fd;

	tempdir_write(path, bytes, len);
	fd = open(path, O_RDWR | O_CLOEXEC);
	quick_assert(fd >= 0);
	return fd;
}

static void check_member(const struct segment_member *m, size_t i)
{
	quick_assert(strcmp(m->uuid, members[i].uuid) == 0);
	quick_assert(m->part == members[i].part);
	quick_assert(m->header_offset == members[i].header_offset);
	quick_assert(m->offset == members[i].offset);
	quick_assert(m->length == members[i].length);
	quick_assert(m->next == members[i].next);
}

/* Scans to where no member is any more. Returns what the last call did. */
static int scan_from(int fd, uint64_t from, size_t *count, struct segment_scan *ret_scan)
{
	struct segment_member m;
	int rv;

	quick_assert(segment_scan_begin(ret_scan, fd, from) == 0);
	while ((rv = segment_scan_next(ret_scan, &m)) == 1)
		check_member(&m, (*count)++);
	return rv;
}

START_TEST(members_are_found_where_they_lie_from_the_start_and_from_any_of_them)
{
	int fd = file_of(whole_segment(), END + TARFMT_END_BYTES);
	struct segment_scan s;

	for (size_t first = 0; first <= MEMBERS; first++) {
		size_t count = first;
		uint64_t from = first == MEMBERS ? END : members[first].header_offset;

		ck_assert_int_eq(scan_from(fd, from, &count, &s), 0);
		ck_assert_uint_eq(count, MEMBERS);
		ck_assert(s.closed);
		ck_assert_uint_eq(s.at, END);
		ck_assert_uint_eq(s.size, END + TARFMT_END_BYTES);
	}
	fileio_close(fd);
}
END_TEST

/* What a segment cut at a length must give: whole members, and how it ends. */
static void check_cut(int fd, uint64_t len)
{
	size_t want = 0, count = 0;
	struct segment_scan s;
	uint64_t end;
	int rv;

	while (want < MEMBERS && members[want].next <= len)
		want++;
	end = want > 0 ? members[want - 1].next : 0;
	rv = scan_from(fd, 0, &count, &s);
	quick_assert(count == want);
	quick_assert(s.at == end);
	quick_assert(s.size == len);
	quick_assert(rv == (len == end || len == END + TARFMT_END_BYTES ? 0 : -ENODATA));
	quick_assert(s.closed == (len == END + TARFMT_END_BYTES));
}

START_TEST(a_segment_that_is_cut_anywhere_holds_the_members_before_the_cut)
{
	int fd = file_of(whole_segment(), END + TARFMT_END_BYTES);

	for (uint64_t len = END + TARFMT_END_BYTES + 1; len-- > 0;) {
		quick_assert(ftruncate(fd, (off_t)len) == 0);
		check_cut(fd, len);
	}
	fileio_close(fd);
}
END_TEST

START_TEST(a_torn_segment_is_closed_behind_its_last_whole_member)
{
	const uint8_t *whole = whole_segment();

	for (uint64_t len = 0; len <= END + TARFMT_END_BYTES; len += 173) {
		int fd = file_of(whole, len);
		size_t count = 0, again = 0;
		struct segment_scan s;
		uint64_t size;

		(void)scan_from(fd, 0, &count, &s);
		quick_assert(segment_end(fd, s.at) == 0);
		quick_assert(scan_from(fd, 0, &again, &s) == 0);
		quick_assert(again == count && s.closed);
		quick_assert(fileio_size(fd, &size) == 0 && size == s.at + TARFMT_END_BYTES);
		fileio_close(fd);
	}
}
END_TEST

START_TEST(a_scan_goes_on_where_it_was_once_the_segment_has_grown)
{
	const uint8_t *whole = whole_segment();
	int fd = file_of(whole, members[1].next + 100); /* in the third header */
	size_t count = 0;
	struct segment_scan s;
	struct segment_member m;

	ck_assert_int_eq(scan_from(fd, 0, &count, &s), -ENODATA);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(segment_scan_next(&s, &m), -ENODATA);
	ck_assert_int_eq(pwrite(fd, whole, END, 0), END);
	while (segment_scan_next(&s, &m) == 1)
		check_member(&m, count++);
	ck_assert_uint_eq(count, MEMBERS);
	ck_assert(!s.closed);
	ck_assert_int_eq(segment_end(fd, END), 0);
	ck_assert_int_eq(segment_scan_next(&s, &m), 0);
	ck_assert(s.closed);
	fileio_close(fd);
}
END_TEST

/* One whole member, and then what is given. */
static int scan_behind_a_member(const void *bytes, size_t len, struct segment_scan *ret_scan)
{
	static uint8_t buf[END];
	size_t count = 0;
	int fd, rv;

	memcpy(buf, whole_segment(), members[0].next);
	memcpy(buf + members[0].next, bytes, len);
	fd = file_of(buf, members[0].next + len);
	rv = scan_from(fd, 0, &count, ret_scan);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(ret_scan->at, members[0].next);
	fileio_close(fd);
	return rv;
}

START_TEST(what_follows_the_end_is_seen)
{
	uint8_t bytes[4096] = {0};
	struct segment_scan s;

	ck_assert_int_eq(scan_behind_a_member(bytes, 1024, &s), 0);
	ck_assert(s.closed);
	ck_assert_int_eq(scan_behind_a_member(bytes, 1025, &s), -EBADMSG);
	ck_assert_int_eq(scan_behind_a_member(bytes, 4096, &s), -EBADMSG); /* tar pads to more */
	ck_assert_int_eq(scan_behind_a_member(bytes, 1023, &s), -ENODATA);
	ck_assert_int_eq(scan_behind_a_member(bytes, 512, &s), -ENODATA);
	bytes[600] = 1;
	ck_assert_int_eq(scan_behind_a_member(bytes, 512, &s), -ENODATA);
	ck_assert_int_eq(scan_behind_a_member(bytes, 700, &s), -EBADMSG);
	ck_assert_int_eq(scan_behind_a_member(bytes, 1024, &s), -EBADMSG);
	ck_assert(!s.closed);
	bytes[0] = 1;
	ck_assert_int_eq(scan_behind_a_member(bytes, 1024, &s), -EBADMSG);
}
END_TEST

START_TEST(members_with_other_names_than_ours_are_none)
{
	static const char *const names[] = {"flows.sqlite", "../x.pcap.gz", "/x.pcap.gz",
	    "d/x.pcap.gz", ".x.pcap.gz", "x~01.pcap.gz", "x.pcap", "x\n.pcap.gz", "PaxHeader"};
	uint8_t bytes[2048];
	struct segment_scan s;

	ck_assert_uint_eq(put_member(bytes, "x.pcap.gz", "content", 7), 1024);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_uint_eq(put_member(bytes, names[i], "content", 7), 1024);
		ck_assert_int_eq(scan_behind_a_member(bytes, 1024, &s), -EBADMSG);
	}
}
END_TEST

START_TEST(lengths_and_offsets_that_somebody_made_up_lead_nowhere)
{
	uint8_t bytes[TARFMT_HEADER_MAX_BYTES];
	size_t n = tarfmt_header("x.pcap.gz", TARFMT_SIZE_MAX, 0, bytes);
	int fd = file_of(whole_segment(), END + TARFMT_END_BYTES);
	static const uint64_t from[] = {1, 511, 513, END + 1, END + 512, END + 1025, 1 << 20,
	    INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	struct segment_scan s;

	ck_assert_int_eq(scan_behind_a_member(bytes, n, &s), -ENODATA);
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		size_t count = 0;
		int rv = scan_from(fd, from[i], &count, &s);

		ck_assert_uint_eq(count, 0);
		ck_assert_msg(rv < 0, "%zu: %d", i, rv);
		ck_assert_uint_eq(s.at, from[i]);
	}
	fileio_close(fd);
}
END_TEST

/* The first line that a command prints. */
static const char *output_of(const char *command)
{
	static char line[256];
	FILE *f = popen(command, "r");

	ck_assert_ptr_nonnull(f);
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	ck_assert_int_eq(pclose(f), 0);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

START_TEST(tar_lists_and_extracts_the_members)
{
	const char *dir = tempdir_new();
	char command[1024], name[LAYOUT_NAME_SIZE];
	uint8_t *bytes;
	size_t len;

	tempdir_write(tempdir_path(dir, "flows-1.tar"), whole_segment(), END + TARFMT_END_BYTES);
	(void)snprintf(command, sizeof(command),
	    "cd '%s' && tar xf flows-1.tar 2>&1 && tar tf"
	    " flows-1.tar | wc -l",
	    dir);
	ck_assert_int_eq(atoi(output_of(command)), MEMBERS);
	for (size_t i = 0; i < MEMBERS; i++) {
		(void)layout_file_name(members[i].uuid, members[i].part, name);
		bytes = tempdir_read(tempdir_path(dir, name), &len);
		ck_assert_uint_eq(len, members[i].length);
		ck_assert_mem_eq(bytes, content_of(i), len);
		free(bytes);
	}
	ck_assert_uint_eq(tempdir_count(dir), MEMBERS + 1);
	(void)snprintf(command, sizeof(command),
	    "TZ=UTC tar tvf '%s/flows-1.tar' --numeric-owner"
	    " --full-time | tr -s ' '",
	    dir);
	ck_assert_str_eq(output_of(command), "-rw-r----- 0/0 1000 2026-01-02 00:00:00"
					     " 3f2a8c1d-0000-5000-8000-000000000001.pcap.gz");
}
END_TEST

START_TEST(a_new_segment_takes_the_first_free_number)
{
	const char *dir = tempdir_new();
	int dirfd = open_dir(dir), fd;
	uint32_t number = 1;

	(void)umask(022);
	tempdir_write(tempdir_path(dir, "flows-2.tar"), "x", 1);
	ck_assert_int_eq(symlink("/nowhere", tempdir_path(dir, "flows-3.tar")), 0);
	fd = segment_create(dirfd, &number);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(number, 1);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(dir, "flows-1.tar")), 0640);
	ck_assert_int_eq(write(fd, "abc", 3), 3);
	fileio_close(fd);
	fd = segment_create(dirfd, &number);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(number, 4);
	fileio_close(fd);
	number = 10;
	fd = segment_create(dirfd, &number);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(number, 10);
	fileio_close(fd);
	fd = segment_open(dirfd, 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "abc", 3), -1);
	fileio_close(fd);
	fd = segment_open_rw(dirfd, 1);
	ck_assert_int_eq(write(fd, "def", 3), 3);
	fileio_close(fd);
	fileio_close(dirfd);
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
	const char *dir = tempdir_new();
	int dirfd = open_dir(dir);

	ck_assert_int_eq(mkdir(tempdir_path(dir, "flows-1.tar"), 0777), 0);
	ck_assert_int_eq(mkfifo(tempdir_path(dir, "flows-2.tar"), 0666), 0);
	ck_assert_int_eq(symlink("flows-9.tar", tempdir_path(dir, "flows-3.tar")), 0);
	tempdir_write(tempdir_path(dir, "flows-9.tar"), "x", 1);
	for (uint32_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(segment_open(dirfd, i), -EBADMSG);
		ck_assert_int_eq(segment_open_rw(dirfd, i), -EBADMSG);
	}
	ck_assert_int_eq(segment_open(dirfd, 4), -ENOENT);
	ck_assert_int_eq(segment_open_rw(dirfd, 4), -ENOENT);
	fileio_close(dirfd);
}
END_TEST

START_TEST(the_numbers_of_a_day_come_in_order)
{
	static const char *const others[] = {"flows-0.tar", "flows-01.tar", "flows-4294967296.tar",
	    ".flows-1.tar.tmp", "flows-3.tar.tmp", "flows.sqlite", "x.pcap.gz", "flows-.tar"};
	static const uint32_t want[] = {1, 2, 9, 10, 100, 4294967295u};
	const char *dir = tempdir_new();
	int dirfd = open_dir(dir);
	char name[LAYOUT_SEGMENT_SIZE];
	uint32_t *numbers;
	size_t count;

	ck_assert_int_eq(segment_numbers(dirfd, &numbers, &count), 0);
	ck_assert_uint_eq(count, 0);
	free(numbers);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		tempdir_write(tempdir_path(dir, others[i]), "", 0);
	for (size_t i = 6; i-- > 0;)
		tempdir_write(tempdir_path(dir, layout_segment_name(want[i], name)), "", 0);
	for (int round = 0; round < 2; round++) { /* the position of dirfd is left alone */
		ck_assert_int_eq(segment_numbers(dirfd, &numbers, &count), 0);
		ck_assert_uint_eq(count, 6);
		ck_assert_mem_eq(numbers, want, sizeof(want));
		free(numbers);
	}
	fileio_close(dirfd);
}
END_TEST

static Suite *segment_suite(void)
{
	Suite *s = suite_create("segment");
	TCase *t = tcase_create("segment");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, members_are_found_where_they_lie_from_the_start_and_from_any_of_them);
	tcase_add_test(t, a_segment_that_is_cut_anywhere_holds_the_members_before_the_cut);
	tcase_add_test(t, a_torn_segment_is_closed_behind_its_last_whole_member);
	tcase_add_test(t, a_scan_goes_on_where_it_was_once_the_segment_has_grown);
	tcase_add_test(t, what_follows_the_end_is_seen);
	tcase_add_test(t, members_with_other_names_than_ours_are_none);
	tcase_add_test(t, lengths_and_offsets_that_somebody_made_up_lead_nowhere);
	tcase_add_test(t, tar_lists_and_extracts_the_members);
	tcase_add_test(t, a_new_segment_takes_the_first_free_number);
	tcase_add_test(t, only_regular_files_are_opened);
	tcase_add_test(t, the_numbers_of_a_day_come_in_order);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(segment_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
