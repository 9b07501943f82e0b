/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayrig.h. */
#include "support/dayrig.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "support/records.h"
#include "support/rows.h"

void dayrig_record(const struct dayrig_part *p, struct record *ret_record)
{
	struct record *r = ret_record;

	records_make(p->n, r);
	(void)snprintf(r->uuid, sizeof(r->uuid), "%u", p->n);
	r->day = DAYRIG_DAY + p->day;
	r->tally.first_ns = r->day * CLK_DAY_NS;
	r->tally.last_ns = r->day * CLK_DAY_NS + p->end_s * CLK_SECOND_NS;
	r->segment = p->segment;
	r->length = (uint64_t)p->kib << 10;
}

uint64_t dayrig_put_file(struct archive *a, const struct dayrig_part *p)
{
	char day[LAYOUT_DAY_SIZE], name[LAYOUT_NAME_SIZE], uuid[16], block[1024];
	const char *path;
	struct stat st;
	int fd;

	(void)snprintf(uuid, sizeof(uuid), "%u", p->n);
	(void)layout_day_path(DAYRIG_DAY + p->day, day);
	ck_assert_int_eq(fileio_mkdirs(archive_root(a), day, 0750), 0);
	path = dayrig_path(a, p->day,
	    p->segment > 0 ? layout_segment_name(p->segment, name)
			   : layout_file_name(uuid, 0, name));
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0640);
	ck_assert_msg(fd >= 0, "cannot make %s", path);
	ck_assert_int_eq(fstat(fd, &st), 0);
	memset(block, (int)p->n, sizeof(block));
	if (p->segment > 0) /* where a header would be */
		ck_assert_int_eq(fileio_write(fd, block, 512), 0);
	for (unsigned i = 0; i < p->kib; i++)
		ck_assert_int_eq(fileio_write(fd, block, sizeof(block)), 0);
	ck_assert_int_eq(close(fd), 0);
	return p->segment > 0 ? (uint64_t)st.st_size + 512 : 0;
}

void dayrig_add(struct archive *a, const struct dayrig_part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct dayindex *x;
		struct record r;

		dayrig_record(&parts[i], &r);
		r.offset = dayrig_put_file(a, &parts[i]);
		ck_assert_int_eq(dayindex_open(a, r.day, DAYINDEX_WRITE, &x), 0);
		ck_assert_int_eq(dayindex_begin(x), 0);
		ck_assert_int_eq(dayindex_insert(x, &r), 0);
		ck_assert_int_eq(dayindex_commit(x), 0);
		dayindex_close(x);
	}
}

/* Of the walk that is under way. */
static uint64_t walked_bytes;
static ino_t seen[1024];
static size_t seen_count;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)path;
	(void)type;
	(void)where;
	if (S_ISREG(st->st_mode) && st->st_nlink > 1) {
		for (size_t i = 0; i < seen_count; i++)
			if (seen[i] == st->st_ino)
				return 0;
		ck_assert_uint_lt(seen_count, 1024);
		seen[seen_count++] = st->st_ino;
	}
	walked_bytes += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t dayrig_disk(const char *path)
{
	walked_bytes = 0;
	seen_count = 0;
	ck_assert_int_eq(nftw(path, add_file, 16, FTW_PHYS), 0);
	return walked_bytes;
}

const char *dayrig_path(const struct archive *a, int day, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8], text[LAYOUT_DAY_SIZE];

	(void)snprintf(path, PATH_MAX, "%s/%s%s%s", archive_path(a),
	    layout_day_path(DAYRIG_DAY + day, text), name[0] ? "/" : "", name);
	return path;
}

int dayrig_has(struct archive *a, int day, unsigned n)
{
	struct rows rows = {0};
	char uuid[16];
	int rv, there;

	(void)snprintf(uuid, sizeof(uuid), "%u", n);
	rv = rows_select(a, DAYRIG_DAY + day, uuid, DAYINDEX_EXACT, &rows);
	there = rv == 0 && rows.count == 1;
	rows_free(&rows);
	return there;
}

size_t dayrig_rows(struct archive *a, int day)
{
	struct rows rows = {0};
	size_t n = 0;

	if (rows_select(a, DAYRIG_DAY + day, NULL, DAYINDEX_PREFIX, &rows) == 0)
		n = rows.count;
	rows_free(&rows);
	return n;
}
