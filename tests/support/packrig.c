/* SPDX-License-Identifier: BSD-2-Clause */
/* See packrig.h. */
#include "support/packrig.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayindex.h"
#include "archive/segment.h"
#include "base/fileio.h"
#include "support/flowfile.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/tempdir.h"

#define DAY_PATH "2026/01/02"
#define T0       (RECORDS_DAY_NS + INT64_C(3723123456789))

/* Ordinary UUIDs, names of events, names that need a pax header, and further parts of those. */
static void name_part(unsigned i, char *ret_uuid, uint32_t *ret_part)
{
	static const char *const forms[] = {"3f2a8c1d-0000-5000-8000-0000000000%02u",
	    "host_1577836800_%016u",
	    ("a-very-long-name-that-an-application-gave-and-that-has-more-than-the-one-hundred-"
	     "characters-of-a-header-%u")};
	unsigned flow = i - i % 2;

	(void)snprintf(ret_uuid, LAYOUT_UUID_SIZE, forms[flow / 2 % 3], flow);
	*ret_part = i % 2 ? i : 0;
}

/* Later parts have lower names, so that the order of times is not that of names. */
static void make_part(struct packrig_part *p, unsigned i)
{
	const struct frames_talk talk = {i % 2 ? 6 : 4, {50000, 443}, (uint8_t)(i + 1), 0};
	char uuid[LAYOUT_UUID_SIZE];
	struct flowfile f;
	uint32_t part;

	name_part(i, uuid, &part);
	flowfile_ordinary(&f, &talk, uuid, T0 + (PACKRIG_PARTS - i) * INT64_C(5000000000));
	f.record.part = part;
	f.record.day = RECORDS_DAY;
	f.record.uuid_source = UUID_EVENT;
	flowfile_end(&f);
	p->record = f.record;
	p->record.length = f.len;
	p->bytes = malloc(f.len);
	quick_assert(p->bytes != NULL);
	memcpy(p->bytes, f.bytes, f.len);
	(void)layout_file_name(uuid, part, p->name);
}

const char *packrig_path(const struct packrig *g, const char *name)
{
	return tempdir_path(g->day, name);
}

void packrig_write(const struct packrig *g, const struct packrig_part *p)
{
	tempdir_write(packrig_path(g, p->name), p->bytes, p->record.length);
}

void packrig_begin(struct packrig *g)
{
	static struct record records[PACKRIG_PARTS];
	struct archive *a;
	int fd;

	memset(g, 0, sizeof(*g));
	g->dir = strdup(tempdir_path(tempdir_new(), "archive"));
	g->day = strdup(tempdir_path(g->dir, DAY_PATH));
	ck_assert_int_eq(archive_open(g->dir, ARCHIVE_WRITE, &a), 0);
	fd = archive_touch_day(a, RECORDS_DAY);
	ck_assert_int_ge(fd, 0);
	fileio_close(fd);
	for (unsigned i = 0; i < PACKRIG_PARTS; i++) {
		make_part(&g->part[i], i);
		packrig_write(g, &g->part[i]);
		records[i] = g->part[i].record;
	}
	rows_insert(a, records, PACKRIG_PARTS);
	archive_leave_day(a, RECORDS_DAY);
	ck_assert_int_eq(archive_strike_day(a, RECORDS_DAY), 0);
	archive_close(a);
	ck_assert_int_eq(archive_open(g->dir, ARCHIVE_TEND, &g->archive), 0);
	ck_assert_int_eq(archive_lock_day(g->archive, RECORDS_DAY), 0);
}

void packrig_finish(struct packrig *g)
{
	archive_unlock_day(g->archive, RECORDS_DAY, ARCHIVE_UNLOCK_CLEAN);
	archive_close(g->archive);
	for (unsigned i = 0; i < PACKRIG_PARTS; i++)
		free(g->part[i].bytes);
	free(g->day);
	free(g->dir);
}

void packrig_note(int32_t day, const char *name, const char *error, void *arg)
{
	struct packrig *g = arg;
	struct packrig_stays *s = g->stays;

	quick_assert(day == RECORDS_DAY);
	while (s < g->stays + PACKRIG_STAYS_MAX && s->name[0] != '\0')
		s++;
	quick_assert(s < g->stays + PACKRIG_STAYS_MAX);
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	(void)snprintf(s->error, sizeof(s->error), "%s", error);
}

int packrig_pack(struct packrig *g)
{
	struct pack_config config = {.archive = g->archive,
	    .segment_bytes = PACKRIG_SEGMENT_BYTES,
	    .note_bytes = g->note_bytes,
	    .bad = packrig_note,
	    .arg = g};

	memset(g->stays, 0, sizeof(g->stays));
	return pack_day(&config, RECORDS_DAY, &g->totals);
}

const char *packrig_why(const struct packrig *g, const char *name)
{
	for (int i = 0; i < PACKRIG_STAYS_MAX; i++)
		if (strcmp(g->stays[i].name, name) == 0)
			return g->stays[i].error;
	return NULL;
}

struct record packrig_row(const struct packrig *g, const struct packrig_part *p)
{
	struct dayindex *x;
	struct record r;

	quick_assert(dayindex_open(g->archive, RECORDS_DAY, DAYINDEX_READ, &x) == 0);
	quick_assert(dayindex_find(x, p->record.uuid, p->record.part, &r) == 1);
	dayindex_close(x);
	return r;
}

struct record packrig_check_readable(const struct packrig *g, const struct packrig_part *p)
{
	struct record r = packrig_row(g, p), as_file = r;
	char name[LAYOUT_SEGMENT_SIZE];
	uint8_t *bytes;
	size_t len;

	bytes = tempdir_read(
	    packrig_path(g, r.segment ? layout_segment_name(r.segment, name) : p->name), &len);
	quick_assert(r.length == p->record.length && r.offset <= len - r.length);
	quick_assert(memcmp(bytes + r.offset, p->bytes, r.length) == 0);
	free(bytes);
	as_file.segment = 0;
	as_file.offset = 0;
	records_check_equal(&as_file, &p->record);
	return r;
}

void packrig_check_all_readable(const struct packrig *g)
{
	for (unsigned i = 0; i < PACKRIG_PARTS; i++)
		(void)packrig_check_readable(g, &g->part[i]);
}

/* Everything is in segments: whole ones, of the size that was asked for, oldest first. */
static void check_segments(const struct packrig *g, uint32_t count)
{
	int dirfd = open(g->day, O_RDONLY | O_DIRECTORY);
	unsigned oldest = PACKRIG_PARTS;
	int rv;

	for (uint32_t i = 1; i <= count; i++) {
		int fd = segment_open(dirfd, i);
		struct segment_member m = {.next = 0};
		struct segment_scan s;

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(segment_scan_begin(&s, fd, 0), 0);
		while ((rv = segment_scan_next(&s, &m)) == 1) {
			const struct packrig_part *p = &g->part[--oldest];
			struct record r = packrig_row(g, p);

			quick_assert(strcmp(m.uuid, p->record.uuid) == 0);
			quick_assert(r.segment == i && r.offset == m.offset);
			quick_assert(m.header_offset < PACKRIG_SEGMENT_BYTES);
		}
		ck_assert_int_eq(rv, 0);
		ck_assert(s.closed);
		ck_assert(i == count || m.next >= PACKRIG_SEGMENT_BYTES);
		fileio_close(fd);
	}
	ck_assert_uint_eq(oldest, 0);
	fileio_close(dirfd);
}

void packrig_check_packed(const struct packrig *g)
{
	uint32_t count = 0;
	char name[LAYOUT_SEGMENT_SIZE];

	packrig_check_all_readable(g);
	while (tempdir_exists(packrig_path(g, layout_segment_name(count + 1, name))))
		count++;
	ck_assert_uint_ge(count, 3);
	check_segments(g, count);
	ck_assert_uint_eq(tempdir_count(g->day), count + 2); /* the index and its filter */
}
