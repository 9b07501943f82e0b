/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of going through a gzip file by members: what is given is whole and lies where it is said
 * to lie, and the answer to everything else is told from the answer to a file that just ends.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pcapfile/gzmember.h"
#include "pcapfile/memberscan.h"
#include "support/quick.h"
#include "support/random.h"

#define MAX 50000u

/* Sizes of members, around those of buffers; the last is as large as may be. */
static const size_t sizes[] = {24, 0, 1, 32767, 32768, 40000, 5, MAX};
#define MEMBERS (sizeof(sizes) / sizeof(sizes[0]))

static uint8_t plain[400000], packed[400000];
static size_t begins[MEMBERS + 1];

/* Random bytes, which do not compress, as a row of members. Returns a file of the first len. */
static int make_file(size_t len)
{
	int fd = memfd_create("members", MFD_CLOEXEC);

	quick_assert(fd >= 0 && write(fd, packed, len) == (ssize_t)len);
	return fd;
}

static void make_members(void)
{
	struct random r = {3};
	struct gzmember *gz;
	size_t at = 0;

	random_fill(&r, plain, sizeof(plain));
	ck_assert_int_eq(gzmember_new((struct codec){CODEC_ZLIB, 1}, &gz), 0);
	for (size_t i = 0; i < MEMBERS; at += sizes[i++])
		begins[i + 1] =
		    begins[i] + gzmember_write(gz, plain + at, sizes[i], packed + begins[i]);
	gzmember_free(gz);
}

/* Scans a file: the first `whole` members are given, then comes the answer `end`. */
static void check_scan(struct memberscan *m, int fd, size_t whole, int end)
{
	struct memberscan_member got;
	struct fault fault = {""};
	size_t at = 0;
	int rv;

	memberscan_begin(m, &(struct extent){fd, 0, EXTENT_REST});
	for (size_t i = 0; i < whole; at += sizes[i++]) {
		quick_assert(memberscan_next(m, &got, &fault) == 1);
		quick_assert(got.offset == begins[i] && got.length == begins[i + 1] - begins[i]);
		quick_assert(got.data_len == sizes[i]);
		quick_assert(memcmp(got.data, plain + at, sizes[i]) == 0);
	}
	rv = memberscan_next(m, &got, &fault);
	if (rv != end)
		ck_abort_msg("%d, not %d: %s", rv, end, fault.text);
	quick_assert((fault.text[0] == '\0') == (end == 0));
	quick_assert(close(fd) == 0);
}

START_TEST(members_are_given_one_by_one_where_they_lie)
{
	struct memberscan *m;

	make_members();
	ck_assert_int_eq(memberscan_new(MAX, &m), 0);
	for (int i = 0; i < 3; i++) { /* also when it is used again */
		check_scan(m, make_file(begins[MEMBERS]), MEMBERS, 0);
		check_scan(m, make_file(0), 0, 0);
		check_scan(m, make_file(7), 0, -ENODATA);
	}
	memberscan_free(m);
	memberscan_free(NULL);
}
END_TEST

START_TEST(a_file_cut_anywhere_gives_its_whole_members)
{
	struct memberscan *m;
	size_t whole = 0, step;

	make_members();
	ck_assert_int_eq(memberscan_new(MAX, &m), 0);
	for (size_t len = 0; len <= begins[MEMBERS]; len += step) {
		while (whole < MEMBERS && begins[whole + 1] <= len)
			whole++;
		check_scan(m, make_file(len), whole, len == begins[whole] ? 0 : -ENODATA);
		/* Every byte around the ends of members, fewer inside of the large ones. */
		step = len < begins[whole] + 40 ||
			       (whole < MEMBERS && len + 40 + 997 > begins[whole + 1])
			   ? 1
			   : 997;
	}
	ck_assert_uint_eq(whole, MEMBERS);
	memberscan_free(m);
}
END_TEST

START_TEST(what_follows_a_member_and_is_none_is_told)
{
	struct memberscan *m;

	make_members();
	ck_assert_int_eq(memberscan_new(MAX, &m), 0);
	for (size_t i = 0; i < MEMBERS; i++) {
		/* Its magic number, or its checksum, or its length. */
		static const size_t from_end[] = {0, 8, 4};

		for (size_t k = 0; k < 3; k++) {
			uint8_t *p = packed + begins[i + (k > 0)] - from_end[k];

			*p ^= 1;
			check_scan(m, make_file(begins[MEMBERS]), i, -EBADMSG);
			*p ^= 1;
		}
	}
	memset(packed + begins[2], 0, 100);
	check_scan(m, make_file(begins[2] + 100), 2, -EBADMSG);
	memberscan_free(m);
}
END_TEST

START_TEST(a_member_that_is_too_large_is_told_and_fills_no_memory)
{
	static uint8_t zeros[1 << 20];
	struct memberscan *m;
	struct gzmember *gz;
	size_t n;

	make_members();
	ck_assert_int_eq(memberscan_new(MAX - 1, &m), 0);
	check_scan(m, make_file(begins[MEMBERS]), MEMBERS - 1, -EBADMSG);
	ck_assert_int_eq(gzmember_new((struct codec){CODEC_ZLIB, 9}, &gz), 0);
	n = gzmember_write(gz, zeros, sizeof(zeros), packed);
	gzmember_free(gz);
	check_scan(m, make_file(n), 0, -EBADMSG);
	memberscan_free(m);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told)
{
	struct memberscan_member got;
	struct fault fault = {""};
	struct memberscan *m;

	ck_assert_int_eq(memberscan_new(MAX, &m), 0);
	memberscan_begin(m, &(struct extent){-1, 0, EXTENT_REST});
	ck_assert_int_eq(memberscan_next(m, &got, &fault), -EBADF);
	ck_assert_uint_gt(strlen(fault.text), 0);
	memberscan_free(m);
}
END_TEST

static Suite *memberscan_suite(void)
{
	Suite *s = suite_create("memberscan");
	TCase *t = tcase_create("memberscan");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, members_are_given_one_by_one_where_they_lie);
	tcase_add_test(t, a_file_cut_anywhere_gives_its_whole_members);
	tcase_add_test(t, what_follows_a_member_and_is_none_is_told);
	tcase_add_test(t, a_member_that_is_too_large_is_told_and_fills_no_memory);
	tcase_add_test(t, a_file_that_cannot_be_read_is_told);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(memberscan_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
