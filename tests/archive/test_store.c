/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the store of files: what is published appears whole under a free name, never over
 * another file, the same bytes are not kept twice, and staged flows stay out of sight until they
 * are done. For disks that fail see test_store_faults.c.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive/store.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/tempdir.h"

#define DAY     20455
#define DAY_DIR "2026/01/02"

/* File systems differ in what they can do; this one stands in for those that can do less. */
static bool no_renameat2;

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	if (!no_renameat2)
		return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	errno = EINVAL;
	return -1;
}

struct fixture {
	const char *dir;
	const char *day;
	struct archive *archive;
	struct store *store;
};

static struct fixture begin(enum sync_mode sync)
{
	struct fixture f = {.dir = tempdir_new()};

	ck_assert_int_eq(archive_open(f.dir, ARCHIVE_WRITE, &f.archive), 0);
	ck_assert_int_eq(
	    store_new(&(struct store_config){.archive = f.archive, .sync = sync}, &f.store), 0);
	f.day = strdup(tempdir_path(f.dir, DAY_DIR));
	return f;
}

static void finish(struct fixture *f)
{
	ck_assert_uint_eq(tempdir_count(tempdir_path(f->dir, ".staging")), 0);
	store_free(f->store);
	archive_close(f->archive);
	free((char *)f->day);
}

static struct store_part part_of(struct fixture *f, const char *uuid, uint32_t number)
{
	return (struct store_part){
	    .uuid = uuid, .day = DAY, .serial = archive_serial(f->archive), .part = number};
}

static void check_file(const char *dir, const char *name, const void *bytes, size_t len)
{
	size_t got_len;
	uint8_t *got = tempdir_read(tempdir_path(dir, name), &got_len);

	ck_assert_uint_eq(got_len, len);
	ck_assert_mem_eq(got, bytes, len);
	free(got);
}

/* Publishes text and checks where it came to lie. */
static void publish(
    struct fixture *f, uint32_t first, const char *text, enum store_result want, uint32_t want_part)
{
	struct store_part p = part_of(f, "u", first);
	enum store_result result = STORE_DUPLICATE;

	ck_assert_int_eq(store_publish(f->store, &p, text, strlen(text), &result), 0);
	ck_assert_int_eq(result, want);
	ck_assert_uint_eq(p.part, want_part);
	ck_assert_uint_eq(p.length, strlen(text));
}

START_TEST(a_published_file_lies_in_its_day_with_its_bytes_and_mode)
{
	struct fixture f = begin((enum sync_mode)_i);
	struct store_part p = part_of(&f, "3f2a8c1d-0000-5000-8000-000000000001", 0);
	enum store_result result = STORE_DUPLICATE;

	ck_assert_int_eq(store_publish(f.store, &p, "abc\0def", 7, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	ck_assert_uint_eq(p.part, 0);
	ck_assert_uint_eq(p.length, 7);
	check_file(f.day, "3f2a8c1d-0000-5000-8000-000000000001.pcap.gz", "abc\0def", 7);
	ck_assert_uint_eq(
	    tempdir_mode(tempdir_path(f.day, "3f2a8c1d-0000-5000-8000-000000000001.pcap.gz")),
	    0640);
	ck_assert_uint_eq(tempdir_mode(f.day), 0750);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(f.dir, "2026")), 0750);
	ck_assert_uint_eq(tempdir_count(f.day), 1);
	ck_assert(archive_day_dirty(f.archive, DAY));
	finish(&f);
}
END_TEST

START_TEST(the_same_bytes_are_a_duplicate_and_others_take_the_next_number)
{
	struct fixture f = begin(SYNC_NONE);

	publish(&f, 0, "one", STORE_PUBLISHED, 0);
	publish(&f, 0, "one", STORE_DUPLICATE, 0);
	publish(&f, 0, "two", STORE_PUBLISHED, 1);
	publish(&f, 0, "three", STORE_PUBLISHED, 2);
	publish(&f, 0, "two", STORE_DUPLICATE, 1);
	publish(&f, 0, "three", STORE_DUPLICATE, 2);
	publish(&f, 2, "one", STORE_PUBLISHED, 3); /* it asked for 2 or above */
	publish(&f, 7, "seven", STORE_PUBLISHED, 7);
	publish(&f, 0, "", STORE_PUBLISHED, 4);
	publish(&f, 0, "", STORE_DUPLICATE, 4);
	check_file(f.day, "u.pcap.gz", "one", 3);
	check_file(f.day, "u~1.pcap.gz", "two", 3);
	check_file(f.day, "u~2.pcap.gz", "three", 5);
	check_file(f.day, "u~3.pcap.gz", "one", 3);
	check_file(f.day, "u~4.pcap.gz", "", 0);
	check_file(f.day, "u~7.pcap.gz", "seven", 5);
	ck_assert_uint_eq(tempdir_count(f.day), 6);
	finish(&f);
}
END_TEST

/* Sizes around the 64 KiB pieces in which files may be compared; the difference at every border. */
START_TEST(one_byte_anywhere_makes_another_file)
{
	static const size_t lens[] = {1, 100, 65535, 65536, 65537, 131072, 200000};
	static const size_t places[] = {0, 1, 65534, 65535, 65536, 65537, 131071, 199999};
	struct fixture f = begin(SYNC_NONE);
	size_t len = lens[_i];
	uint8_t *bytes = malloc(len + 1);
	struct random r = {8};
	uint32_t files = 0;

	random_fill(&r, bytes, len + 1);
	for (size_t i = 0; i < 10; i++) {
		struct store_part p = part_of(&f, "u", 0);
		enum store_result result = STORE_DUPLICATE;
		size_t n = i == 8 ? len + 1 : i == 9 ? len - 1 : len;

		if (i < 8 && places[i] >= len)
			continue;
		if (i < 8)
			bytes[places[i]] ^= 0x10;
		ck_assert_int_eq(store_publish(f.store, &p, bytes, n, &result), 0);
		ck_assert_int_eq(result, STORE_PUBLISHED);
		ck_assert_uint_eq(p.part, files++);
		p.part = 0;
		ck_assert_int_eq(store_publish(f.store, &p, bytes, n, &result), 0);
		ck_assert_int_eq(result, STORE_DUPLICATE);
		ck_assert_uint_eq(p.part, files - 1);
		/* The same through a staged file, which is read back to be compared. */
		p.part = 0;
		ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, bytes, n / 2), 0);
		ck_assert_int_eq(
		    store_publish_staged(f.store, &p, bytes + n / 2, n - n / 2, &result), 0);
		ck_assert_int_eq(result, STORE_DUPLICATE);
		ck_assert_uint_eq(p.part, files - 1);
	}
	ck_assert_uint_eq(tempdir_count(f.day), files);
	free(bytes);
	finish(&f);
}
END_TEST

START_TEST(a_staged_flow_is_out_of_sight_until_it_is_published)
{
	struct fixture f = begin((enum sync_mode)_i);
	const char *staging = tempdir_path(f.dir, ".staging");
	struct store_part p = part_of(&f, "u", 0);
	enum store_result result = STORE_DUPLICATE;
	struct dirent **names;
	int n;

	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "one ", 4), 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_APPEND, "two ", 4), 0);
	ck_assert_uint_eq(tempdir_count(staging), 1);
	ck_assert(!tempdir_exists(tempdir_path(f.day, "u.pcap.gz")));
	n = scandir(staging, &names, NULL, alphasort);
	ck_assert_int_eq(n, 3);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(staging, names[2]->d_name)), 0640);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	ck_assert_int_eq(store_publish_staged(f.store, &p, "three", 5, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	ck_assert_uint_eq(p.part, 0);
	ck_assert_uint_eq(p.length, 13);
	check_file(f.day, "u.pcap.gz", "one two three", 13);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(f.day, "u.pcap.gz")), 0640);
	ck_assert(archive_day_dirty(f.archive, DAY));
	finish(&f);
}
END_TEST

START_TEST(a_staged_flow_takes_the_next_number_or_is_a_duplicate)
{
	struct fixture f = begin(SYNC_NONE);
	enum store_result result;
	struct store_part p;

	publish(&f, 0, "one", STORE_PUBLISHED, 0);
	p = part_of(&f, "u", 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "o", 1), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &p, "ther", 4, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	ck_assert_uint_eq(p.part, 1);
	p = part_of(&f, "u", 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "on", 2), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &p, "e", 1, &result), 0);
	ck_assert_int_eq(result, STORE_DUPLICATE);
	ck_assert_uint_eq(p.part, 0);
	ck_assert_uint_eq(p.length, 3);
	check_file(f.day, "u.pcap.gz", "one", 3);
	check_file(f.day, "u~1.pcap.gz", "other", 5);
	ck_assert_uint_eq(tempdir_count(f.day), 2);
	finish(&f);
}
END_TEST

START_TEST(flows_are_staged_side_by_side)
{
	struct fixture f = begin(SYNC_NONE);
	struct store_part a = part_of(&f, "u", 0), b = part_of(&f, "u", 0);
	enum store_result result;
	char buf[8] = "";
	struct extent e;

	ck_assert_int_eq(store_stage(f.store, &a, STORE_STAGE_CREATE, "a1", 2), 0);
	ck_assert_int_eq(store_stage(f.store, &b, STORE_STAGE_CREATE, "b1", 2), 0);
	ck_assert_int_eq(store_stage(f.store, &a, STORE_STAGE_APPEND, "a2", 2), 0);
	ck_assert_int_eq(store_stage(f.store, &b, STORE_STAGE_CREATE, "xx", 2), -EEXIST);
	ck_assert_int_eq(store_open_staged(f.store, &a, &e), 0);
	ck_assert_int_eq(fileio_pread_extent(&e, buf, sizeof(buf), 0), 4);
	ck_assert_str_eq(buf, "a1a2");
	ck_assert_int_eq(close(e.fd), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &b, "", 0, &result), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &a, "", 0, &result), 0);
	check_file(f.day, "u.pcap.gz", "b1", 2);
	check_file(f.day, "u~1.pcap.gz", "a1a2", 4);
	ck_assert_int_eq(store_open_staged(f.store, &a, &e), -ENOENT);
	ck_assert_int_eq(store_stage(f.store, &a, STORE_STAGE_APPEND, "x", 1), -ENOENT);
	ck_assert_int_eq(store_publish_staged(f.store, &a, "x", 1, &result), -ENOENT);
	finish(&f);
}
END_TEST

START_TEST(a_flow_is_staged_without_a_name_and_takes_one_later)
{
	struct fixture f = begin(SYNC_NONE);
	struct store_part p = part_of(&f, STORE_UNNAMED, 0), other = p;
	enum store_result result;
	char from[64], to[64];
	struct extent e;

	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "one ", 4), 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_APPEND, "two ", 4), 0);
	(void)snprintf(from, sizeof(from), ".staging/%016llx.-", (unsigned long long)p.serial);
	(void)snprintf(to, sizeof(to), ".staging/%016llx.u", (unsigned long long)p.serial);
	check_file(f.dir, from, "one two ", 8);
	ck_assert_int_eq(store_rename_staged(f.store, &p, STORE_UNNAMED), 0); /* no other name */
	p.uuid = "u";
	ck_assert_int_eq(store_rename_staged(f.store, &p, STORE_UNNAMED), 0);
	ck_assert(!tempdir_exists(tempdir_path(f.dir, from)));
	check_file(f.dir, to, "one two ", 8);
	ck_assert_int_eq(store_open_staged(f.store, &other, &e), -ENOENT);
	ck_assert_int_eq(store_rename_staged(f.store, &p, STORE_UNNAMED), -ENOENT);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_APPEND, "three ", 6), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &p, "four", 4, &result), 0);
	check_file(f.day, "u.pcap.gz", "one two three four", 18);
	finish(&f);
}
END_TEST

START_TEST(a_staged_name_that_is_taken_is_not_given_again)
{
	struct fixture f = begin(SYNC_NONE);
	struct store_part p = part_of(&f, STORE_UNNAMED, 0), taken = p;
	char name[64];

	taken.uuid = "u";
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "one", 3), 0);
	ck_assert_int_eq(store_stage(f.store, &taken, STORE_STAGE_CREATE, "other", 5), 0);
	ck_assert_int_eq(store_rename_staged(f.store, &taken, STORE_UNNAMED), -EEXIST);
	no_renameat2 = true; /* as on a file system that always replaces */
	ck_assert_int_eq(store_rename_staged(f.store, &taken, STORE_UNNAMED), -EEXIST);
	(void)snprintf(name, sizeof(name), ".staging/%016llx.u", (unsigned long long)p.serial);
	check_file(f.dir, name, "other", 5);
	ck_assert_int_eq(store_discard_staged(f.store, &taken), 0);
	ck_assert_int_eq(store_discard_staged(f.store, &taken), -ENOENT);
	ck_assert_int_eq(store_rename_staged(f.store, &taken, STORE_UNNAMED), 0);
	no_renameat2 = false;
	check_file(f.dir, name, "one", 3);
	ck_assert_int_eq(store_discard_staged(f.store, &taken), 0);
	finish(&f);
}
END_TEST

START_TEST(whatever_has_the_name_is_left_alone)
{
	struct fixture f = begin(SYNC_NONE);
	enum store_result result;
	struct store_part p;
	struct stat st;
	char *bytes;

	ck_assert_int_eq(close(archive_touch_day(f.archive, DAY)), 0);
	ck_assert_int_eq(symlink("victim", tempdir_path(f.day, "u.pcap.gz")), 0);
	ck_assert_int_eq(mkdir(tempdir_path(f.day, "u~1.pcap.gz"), 0700), 0);
	ck_assert_int_eq(stat(tempdir_path(f.day, "u~1.pcap.gz"), &st), 0);
	ck_assert_int_eq(mkfifo(tempdir_path(f.day, "u~2.pcap.gz"), 0600), 0);
	tempdir_write(tempdir_path(f.day, "u~3.pcap.gz"), "precious", 8);
	bytes = calloc(1, (size_t)st.st_size + 1); /* just as long as the directory says it is */
	memset(bytes, 'b', (size_t)st.st_size);
	publish(&f, 0, bytes, STORE_PUBLISHED, 4);
	free(bytes);
	p = part_of(&f, "u", 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "more ", 5), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &p, "bytes", 5, &result), 0);
	ck_assert_uint_eq(p.part, 5);
	check_file(f.day, "u~3.pcap.gz", "precious", 8);
	ck_assert(!tempdir_exists(tempdir_path(f.day, "victim")));
	ck_assert_uint_eq(tempdir_count(f.day), 6);
	finish(&f);
}
END_TEST

START_TEST(a_mask_takes_bits_away_as_everywhere)
{
	struct fixture f = begin(SYNC_NONE);
	struct store_part p = part_of(&f, "staged", 0);
	enum store_result result;

	(void)umask(077);
	publish(&f, 0, "one", STORE_PUBLISHED, 0);
	ck_assert_int_eq(store_stage(f.store, &p, STORE_STAGE_CREATE, "x", 1), 0);
	ck_assert_int_eq(store_publish_staged(f.store, &p, "y", 1, &result), 0);
	(void)umask(0);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(f.day, "u.pcap.gz")), 0600);
	ck_assert_uint_eq(tempdir_mode(tempdir_path(f.day, "staged.pcap.gz")), 0600);
	ck_assert_uint_eq(tempdir_mode(f.day), 0700);
	finish(&f);
}
END_TEST

START_TEST(many_days_take_few_descriptors_and_give_them_back)
{
	struct fixture f = begin(SYNC_NONE);
	size_t before = tempdir_count("/proc/self/fd");

	for (int round = 0; round < 3; round++) {
		for (int32_t day = DAY; day < DAY + 20; day++) {
			char text[64];
			struct store_part p = part_of(&f, "u", 0);
			enum store_result result;

			p.day = day;
			(void)snprintf(text, sizeof(text), "day %d round %d", day, round);
			ck_assert_int_eq(
			    store_publish(f.store, &p, text, strlen(text), &result), 0);
			ck_assert_uint_eq(p.part, (uint32_t)round);
			ck_assert_uint_le(tempdir_count("/proc/self/fd"), before + 4);
		}
	}
	store_free(f.store);
	f.store = NULL;
	store_free(NULL);
	ck_assert_uint_eq(tempdir_count("/proc/self/fd"), before);
	check_file(f.day, "u~2.pcap.gz", "day 20455 round 2", 17);
	ck_assert_uint_eq(tempdir_count(tempdir_path(f.dir, "2026/01/21")), 3);
	finish(&f);
}
END_TEST

/* ---- several savers ---------------------------------------------------------------------------
 */

#define EACH 60

struct publisher {
	struct archive *archive;
	uint32_t me;
	uint32_t published, duplicates;
};

/* Publishes EACH files under one name: half of them the same for all threads, half of its own. */
static void *publish_many(void *arg)
{
	struct publisher *p = arg;
	struct store *s;

	quick_assert(
	    store_new(&(struct store_config){.archive = p->archive, .sync = SYNC_NONE}, &s) == 0);
	for (uint32_t i = 0; i < EACH; i++) {
		struct store_part part = {
		    .uuid = "u", .day = DAY, .serial = archive_serial(p->archive)};
		uint32_t bytes[2] = {i, i % 2 ? p->me : 99};
		enum store_result result;

		if (i % 3 == 0) {
			quick_assert(store_stage(s, &part, STORE_STAGE_CREATE, bytes, 4) == 0);
			quick_assert(store_publish_staged(s, &part, &bytes[1], 4, &result) == 0);
		} else {
			quick_assert(store_publish(s, &part, bytes, sizeof(bytes), &result) == 0);
		}
		p->published += result == STORE_PUBLISHED;
		p->duplicates += result == STORE_DUPLICATE;
	}
	store_free(s);
	return NULL;
}

START_TEST(savers_that_publish_at_once_never_overwrite_and_keep_nothing_twice)
{
	enum { THREADS = 3 };
	struct fixture f = begin(SYNC_NONE);
	struct publisher p[THREADS];
	pthread_t t[THREADS];
	uint32_t published = 0, duplicates = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		p[i] = (struct publisher){.archive = f.archive, .me = i};
		ck_assert_int_eq(pthread_create(&t[i], NULL, publish_many, &p[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
		published += p[i].published;
		duplicates += p[i].duplicates;
	}
	ck_assert_uint_eq(published, EACH / 2 + THREADS * EACH / 2);
	ck_assert_uint_eq(duplicates, (THREADS - 1) * EACH / 2);
	ck_assert_uint_eq(tempdir_count(f.day), published);
	finish(&f);
}
END_TEST

static Suite *store_suite(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(
	    t, a_published_file_lies_in_its_day_with_its_bytes_and_mode, SYNC_NONE, SYNC_EACH + 1);
	tcase_add_test(t, the_same_bytes_are_a_duplicate_and_others_take_the_next_number);
	tcase_add_loop_test(t, one_byte_anywhere_makes_another_file, 0, 7);
	tcase_add_loop_test(
	    t, a_staged_flow_is_out_of_sight_until_it_is_published, SYNC_NONE, SYNC_EACH + 1);
	tcase_add_test(t, a_staged_flow_takes_the_next_number_or_is_a_duplicate);
	tcase_add_test(t, flows_are_staged_side_by_side);
	tcase_add_test(t, a_flow_is_staged_without_a_name_and_takes_one_later);
	tcase_add_test(t, a_staged_name_that_is_taken_is_not_given_again);
	tcase_add_test(t, whatever_has_the_name_is_left_alone);
	tcase_add_test(t, a_mask_takes_bits_away_as_everywhere);
	tcase_add_test(t, many_days_take_few_descriptors_and_give_them_back);
	tcase_add_test(t, savers_that_publish_at_once_never_overwrite_and_keep_nothing_twice);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(store_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
