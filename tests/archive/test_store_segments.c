/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the store of segments: members lie where the store says, nothing is visible before it is
 * flushed, names and equal bytes are told apart across stores, days and kinds, large staged parts
 * become segments of their own, and a write that fails leaves the segment as it was.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/segment.h"
#include "archive/store.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/records.h"
#include "support/tempdir.h"

#define DAY     RECORDS_DAY
#define DAY_DIR "2026/01/02"

struct fixture {
	const char *dir;
	struct archive *archive;
	struct catalog *catalog;
	struct names *names;
	struct store *store;
	struct record pending[STORE_GATHER_PARTS];
	unsigned pending_count;
};

static struct store *new_store(struct fixture *f, const struct store_config *like, unsigned number)
{
	struct store_config config = *like;
	struct store *s;

	config.archive = f->archive;
	config.names = f->names;
	config.number = number;
	ck_assert_int_eq(store_new(&config, &s), 0);
	return s;
}

static void open_all(struct fixture *f, const struct store_config *like)
{
	ck_assert_int_eq(archive_open(f->dir, ARCHIVE_WRITE, &f->archive), 0);
	ck_assert_int_eq(
	    catalog_start(
		&(struct catalog_config){.archive = f->archive, .sync = SYNC_NONE}, &f->catalog),
	    0);
	ck_assert_int_eq(names_new(f->archive, f->catalog, &f->names), 0);
	f->store = new_store(f, like, 0);
}

static const struct store_config in_segments = {.kind = STORE_SEGMENTS};

static struct fixture begin(void)
{
	struct fixture f = {.dir = tempdir_new()};

	open_all(&f, &in_segments);
	return f;
}

static void finish(struct fixture *f)
{
	struct catalog_result result;

	store_free(f->store);
	names_free(f->names);
	catalog_stop(f->catalog, &result);
	ck_assert_uint_eq(result.failed, 0);
	archive_close(f->archive);
}

/* The row that a saver would have the catalog write. */
static struct record record_of(const struct store_part *p)
{
	struct record r;

	records_make(p->serial, &r);
	(void)snprintf(r.uuid, sizeof(r.uuid), "%s", p->uuid);
	r.part = p->part;
	r.day = p->day;
	r.segment = p->segment;
	r.offset = p->offset;
	r.length = p->length;
	return r;
}

static int flush(struct fixture *f)
{
	int rv = store_flush(f->store);

	for (unsigned i = 0; i < f->pending_count && rv == 0; i++)
		catalog_put(f->catalog, &f->pending[i]);
	f->pending_count = 0;
	store_told(f->store);
	return rv;
}

static struct store_part part_of(struct fixture *f, const char *uuid)
{
	return (struct store_part){.uuid = uuid,
	    .day = DAY,
	    .mtime_ns = INT64_C(1767323045000000000),
	    .serial = archive_serial(f->archive)};
}

static void tell(struct fixture *f, const struct store_part *p, enum store_result result)
{
	struct record r = record_of(p);

	if (result == STORE_PUBLISHED)
		catalog_put(f->catalog, &r);
	else if (result == STORE_GATHERED)
		f->pending[f->pending_count++] = r;
	store_told(f->store);
}

/* Publishes as a saver does. */
static struct store_part publish(
    struct fixture *f, const char *uuid, const void *data, size_t len, enum store_result want)
{
	struct store_part p = part_of(f, uuid);
	enum store_result result;
	int rv = store_publish(f->store, &p, data, len, &result);

	if (rv == -EAGAIN) {
		ck_assert_int_eq(flush(f), 0);
		rv = store_publish(f->store, &p, data, len, &result);
	}
	ck_assert_int_eq(rv, 0);
	ck_assert_int_eq(result, want);
	tell(f, &p, result);
	return p;
}

static struct store_part publish_text(
    struct fixture *f, const char *uuid, const char *text, enum store_result want)
{
	return publish(f, uuid, text, strlen(text), want);
}

static int open_segment(const struct fixture *f, uint32_t number)
{
	char path[64];

	(void)snprintf(path, sizeof(path), DAY_DIR "/flows-%u.tar", number);
	return open(tempdir_path(f->dir, path), O_RDONLY);
}

/* The member at the place that the store gave, by its own header, with these bytes. */
static void check_member(
    const struct fixture *f, const struct store_part *p, const void *data, size_t len)
{
	int fd = open_segment(f, p->segment);
	struct segment_member m = {.length = 0};
	struct segment_scan scan;
	uint8_t *got = malloc(len + 1);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(segment_scan_begin(&scan, fd, 0), 0);
	while (m.offset != p->offset)
		ck_assert_int_eq(segment_scan_next(&scan, &m), 1);
	ck_assert_str_eq(m.uuid, p->uuid);
	ck_assert_uint_eq(m.part, p->part);
	ck_assert_uint_eq(m.length, len);
	ck_assert_uint_eq(p->length, len);
	ck_assert_int_eq(pread(fd, got, len + 1, (off_t)m.offset) >= (ssize_t)len, 1);
	ck_assert(memcmp(got, data, len) == 0);
	free(got);
	(void)close(fd);
}

static unsigned count_members(const struct fixture *f, uint32_t number, bool *ret_closed)
{
	int fd = open_segment(f, number), rv;
	struct segment_member m;
	struct segment_scan scan;
	unsigned n = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(segment_scan_begin(&scan, fd, 0), 0);
	while ((rv = segment_scan_next(&scan, &m)) == 1)
		n++;
	ck_assert_int_eq(rv, 0);
	*ret_closed = scan.closed;
	(void)close(fd);
	return n;
}

START_TEST(nothing_is_visible_before_it_is_flushed)
{
	struct fixture f = begin();
	struct store_part a = publish_text(&f, "a", "first", STORE_GATHERED);
	struct store_part b = publish_text(&f, "b", "the second one", STORE_GATHERED);
	bool closed;

	ck_assert_uint_eq(store_gathered(f.store), 2);
	ck_assert_uint_eq(count_members(&f, a.segment, &closed), 0);
	ck_assert_int_eq(flush(&f), 0);
	ck_assert_uint_eq(store_gathered(f.store), 0);
	check_member(&f, &a, "first", 5);
	check_member(&f, &b, "the second one", 14);
	ck_assert_uint_eq(count_members(&f, a.segment, &closed), 2);
	ck_assert(!closed);
	ck_assert(archive_segment_open(f.archive, DAY, a.segment));
	store_free(f.store);
	ck_assert_uint_eq(count_members(&f, a.segment, &closed), 2);
	ck_assert(closed);
	ck_assert(!archive_segment_open(f.archive, DAY, a.segment));
	f.store = new_store(&f, &in_segments, 0);
	finish(&f);
}
END_TEST

START_TEST(the_same_bytes_are_a_duplicate_and_others_take_the_next_number)
{
	struct fixture f = begin();
	struct store_part p, q;

	for (int again = 0; again < 2; again++) {
		p = publish_text(&f, "u", "one", again ? STORE_DUPLICATE : STORE_GATHERED);
		q = publish_text(&f, "u", "one", STORE_DUPLICATE); /* it is only gathered */
		ck_assert_uint_eq(p.part, 0);
		ck_assert_uint_eq(q.part, 0);
		q = publish_text(&f, "u", "two", again ? STORE_DUPLICATE : STORE_GATHERED);
		ck_assert_uint_eq(q.part, 1);
		ck_assert_int_eq(flush(&f), 0);
		check_member(&f, &p, "one", 3);
		check_member(&f, &q, "two", 3);
		store_free(f.store);
		names_free(f.names);
		catalog_stop(f.catalog, &(struct catalog_result){.failed = 0});
		archive_close(f.archive);
		open_all(&f, &in_segments); /* another run knows the names of this one */
	}
	p = publish_text(&f, "u", "six", STORE_GATHERED);
	ck_assert_uint_eq(p.part, 2);
	ck_assert_int_eq(flush(&f), 0);
	finish(&f);
}
END_TEST

START_TEST(two_stores_never_give_one_name_twice)
{
	struct fixture f = begin();
	struct store *other = new_store(&f, &in_segments, 1), *mine = f.store;
	struct store_part p = publish_text(&f, "u", "one", STORE_GATHERED), q = part_of(&f, "u");
	enum store_result result;

	/* The other one cannot see what is gathered here: its bytes are others, for flows of equal
	 * bytes go to the same store. */
	ck_assert_int_eq(store_publish(other, &q, "two", 3, &result), 0);
	ck_assert_int_eq(result, STORE_GATHERED);
	ck_assert_uint_eq(p.part, 0);
	ck_assert_uint_eq(q.part, 1);
	ck_assert_uint_ne(p.segment, q.segment);
	ck_assert_int_eq(flush(&f), 0);
	f.store = other;
	tell(&f, &q, result);
	ck_assert_int_eq(flush(&f), 0);
	check_member(&f, &q, "two", 3);
	q = publish_text(
	    &f, "u", "one", STORE_DUPLICATE); /* seen by the other one, once it lies there */
	ck_assert_uint_eq(q.segment, p.segment);
	ck_assert_uint_eq(q.offset, p.offset);
	store_free(other);
	f.store = mine;
	finish(&f);
}
END_TEST

START_TEST(a_segment_ends_at_its_size_and_at_its_age)
{
	struct fixture f = {.dir = tempdir_new()};
	static const struct store_config small = {
	    .kind = STORE_SEGMENTS, .segment_bytes = 4096, .segment_age_ns = INT64_MAX / 4};
	static const struct store_config brief = {.kind = STORE_SEGMENTS, .segment_age_ns = 1};
	uint32_t last = 0;
	char uuid[16];
	bool closed;

	open_all(&f, &small);
	for (int i = 0; i < 20; i++) {
		struct store_part p;

		(void)snprintf(uuid, sizeof(uuid), "u%d", i);
		p = publish_text(&f, uuid, uuid, STORE_GATHERED);
		ck_assert_uint_ge(p.segment, last);
		last = p.segment;
	}
	ck_assert_int_eq(flush(&f), 0);
	ck_assert_uint_eq(last, 5); /* of 1,024 bytes a member: four fit */
	for (uint32_t n = 1; n < last; n++) {
		ck_assert_uint_eq(count_members(&f, n, &closed), 4);
		ck_assert(closed);
	}
	finish(&f);
	open_all(&f, &brief);
	ck_assert_uint_eq(publish_text(&f, "x", "x", STORE_GATHERED).segment, last + 1);
	ck_assert_int_eq(flush(&f), 0);
	ck_assert_uint_eq(publish_text(&f, "y", "y", STORE_GATHERED).segment, last + 2);
	ck_assert_int_eq(flush(&f), 0);
	finish(&f);
}
END_TEST

/* Stages bytes in two pieces. */
static struct store_part stage(struct fixture *f, const char *uuid, const uint8_t *data, size_t len)
{
	struct store_part p = part_of(f, uuid);

	ck_assert_int_eq(store_stage(f->store, &p, STORE_STAGE_CREATE, data, len / 2), 0);
	ck_assert_int_eq(
	    store_stage(f->store, &p, STORE_STAGE_APPEND, data + len / 2, len - len / 2 - 10), 0);
	return p;
}

#define OWN STORE_OWN_SEGMENT_BYTES

static const size_t staged_sizes[] = {1000, 65536, OWN - 1, OWN, OWN + 511, OWN + 512, 5 << 20};

START_TEST(a_staged_part_comes_out_whole_whatever_its_size)
{
	struct fixture f = begin();
	size_t len = staged_sizes[_i];
	struct random r = {(uint64_t)_i + 1};
	uint8_t *data = malloc(len);
	bool closed, own = len >= OWN;
	enum store_result result;
	struct store_part p, q;
	struct extent e;
	uint8_t byte;

	random_fill(&r, data, len);
	p = stage(&f, "u", data, len);
	ck_assert_int_eq(store_open_staged(f.store, &p, &e), 0);
	ck_assert_uint_eq(e.length, len - 10);
	ck_assert_int_eq(fileio_pread_extent(&e, &byte, 1, 0), 1);
	ck_assert_uint_eq(byte, data[0]);
	(void)close(e.fd);
	ck_assert_int_eq(store_publish_staged(f.store, &p, data + len - 10, 10, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	tell(&f, &p, result);
	check_member(&f, &p, data, len);
	ck_assert_uint_eq(count_members(&f, p.segment, &closed), 1);
	ck_assert(closed == own);
	ck_assert_uint_eq(p.offset, 512);
	ck_assert_uint_eq(tempdir_count(tempdir_path(f.dir, ".staging")), 0);

	q = stage(&f, "u", data, len);
	ck_assert_int_eq(store_publish_staged(f.store, &q, data + len - 10, 10, &result), 0);
	ck_assert_int_eq(result, STORE_DUPLICATE);
	ck_assert_uint_eq(q.segment, p.segment);
	ck_assert_uint_eq(tempdir_count(tempdir_path(f.dir, ".staging")), 0);

	data[len - 1] ^= 1;
	q = stage(&f, "u", data, len);
	ck_assert_int_eq(store_publish_staged(f.store, &q, data + len - 10, 10, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	ck_assert_uint_eq(q.part, 1);
	check_member(&f, &q, data, len);
	tell(&f, &q, result);
	free(data);
	finish(&f);
}
END_TEST

START_TEST(names_of_any_length_find_room)
{
	struct fixture f = begin();
	char uuid[LAYOUT_UUID_SIZE];
	uint8_t *data = calloc(1, 2 << 20);

	for (size_t n = 80; n <= LAYOUT_UUID_MAX; n++) {
		enum store_result result;
		struct store_part p;

		memset(uuid, 'n', n);
		uuid[n] = '\0';
		p = publish_text(&f, uuid, "some bytes", STORE_GATHERED);
		ck_assert_int_eq(flush(&f), 0);
		check_member(&f, &p, "some bytes", 10);
		if (n % 12 != 0)
			continue;
		p = stage(&f, uuid, data, 2 << 20);
		ck_assert_int_eq(store_publish_staged(f.store, &p, "0123456789", 10, &result), 0);
		ck_assert_int_eq(result, STORE_PUBLISHED);
		memcpy(data + (2 << 20) - 10, "0123456789", 10);
		check_member(&f, &p, data, 2 << 20);
		memset(data + (2 << 20) - 10, 0, 10);
		tell(&f, &p, result);
	}
	free(data);
	finish(&f);
}
END_TEST

START_TEST(a_write_that_fails_leaves_the_segment_as_it_was)
{
	struct fixture f = begin();
	uint8_t *big = calloc(1, 400000);
	struct store_part p = publish_text(&f, "a", "whole", STORE_GATHERED), q;
	enum store_result result;
	bool closed;

	ck_assert_int_eq(flush(&f), 0);
	(void)publish_text(&f, "b", "lost", STORE_GATHERED);
	tempdir_limit(1024 + 600); /* a header and a little more fit */
	ck_assert_int_eq(flush(&f), -EFBIG);
	q = part_of(&f, "c");
	ck_assert_int_eq(store_publish(f.store, &q, big, 400000, &result), -EFBIG);
	tempdir_limit(UINT64_MAX);
	ck_assert_uint_eq(count_members(&f, p.segment, &closed), 1);
	q = publish_text(&f, "b", "found", STORE_GATHERED);
	ck_assert_uint_eq(q.part, 0);
	ck_assert_int_eq(flush(&f), 0);
	check_member(&f, &p, "whole", 5);
	check_member(&f, &q, "found", 5);
	ck_assert_uint_eq(count_members(&f, p.segment, &closed), 2);
	free(big);
	finish(&f);
}
END_TEST

START_TEST(files_and_segments_share_the_names_of_a_day)
{
	static const struct store_config in_files = {.kind = STORE_FILES};
	struct fixture f = begin();
	struct store_part p = publish_text(&f, "u", "one", STORE_GATHERED), q;
	enum store_result result;
	uint8_t *bytes;
	size_t len;

	ck_assert_int_eq(flush(&f), 0);
	finish(&f);
	open_all(&f, &in_files);
	q = publish_text(&f, "u", "one", STORE_DUPLICATE);
	ck_assert_uint_eq(q.segment, p.segment);
	q = publish_text(&f, "u", "two", STORE_PUBLISHED);
	ck_assert_uint_eq(q.part, 1);
	ck_assert_uint_eq(q.segment, 0);
	q = publish_text(&f, "v", "one", STORE_PUBLISHED);
	ck_assert_uint_eq(q.part, 0);
	finish(&f);
	open_all(&f, &in_segments);
	q = publish_text(&f, "u", "two", STORE_DUPLICATE);
	ck_assert_uint_eq(q.segment, 0);
	q = publish_text(&f, "u", "3", STORE_GATHERED);
	ck_assert_uint_eq(q.part, 2);
	ck_assert_int_eq(flush(&f), 0);
	/* Staged for a segment, published as a file: there is nothing in front of it. */
	q = part_of(&f, "w");
	ck_assert_int_eq(store_stage(f.store, &q, STORE_STAGE_CREATE, "begin ", 6), 0);
	store_free(f.store);
	f.store = new_store(&f, &in_files, 0);
	ck_assert_int_eq(store_publish_staged(f.store, &q, "end", 3, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	tell(&f, &q, result);
	bytes = tempdir_read(tempdir_path(f.dir, DAY_DIR "/w.pcap.gz"), &len);
	ck_assert_uint_eq(len, 9);
	ck_assert_mem_eq(bytes, "begin end", 9);
	free(bytes);
	ck_assert_uint_eq(tempdir_count(tempdir_path(f.dir, ".staging")), 0);
	finish(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store_segments");
	TCase *t = tcase_create("store_segments");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, nothing_is_visible_before_it_is_flushed);
	tcase_add_test(t, the_same_bytes_are_a_duplicate_and_others_take_the_next_number);
	tcase_add_test(t, two_stores_never_give_one_name_twice);
	tcase_add_test(t, a_segment_ends_at_its_size_and_at_its_age);
	tcase_add_loop_test(t, a_staged_part_comes_out_whole_whatever_its_size, 0,
	    (int)(sizeof(staged_sizes) / sizeof(staged_sizes[0])));
	tcase_add_test(t, names_of_any_length_find_room);
	tcase_add_test(t, a_write_that_fails_leaves_the_segment_as_it_was);
	tcase_add_test(t, files_and_segments_share_the_names_of_a_day);
	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
