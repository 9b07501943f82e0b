/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of making room: what goes first, what never goes, what a day takes, and who may not be
 * disturbed.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/catalog.h"
#include "archive/pin.h"
#include "archive/prune.h"
#include "archive/trash.h"
#include "base/clk.h"
#include "support/dayrig.h"
#include "support/flowfile.h"
#include "support/rows.h"
#include "support/sqlcheck.h"
#include "support/tempdir.h"

#define DAY_NS ((int64_t)DAYRIG_DAY * CLK_DAY_NS)

/* What a run told of: "path parts\n" each. */
struct told {
	char text[4096];
	uint64_t bytes;
};

static struct told told;

static void tell(const char *path, uint64_t parts, uint64_t bytes, void *arg)
{
	struct told *t = arg;
	size_t n = strlen(t->text);

	(void)snprintf(
	    t->text + n, sizeof(t->text) - n, "%s %llu\n", path, (unsigned long long)parts);
	t->bytes += bytes;
}

static struct archive *open_archive(const char *path, enum archive_mode mode)
{
	struct archive *a;

	ck_assert_int_eq(archive_open(path, mode, &a), 0);
	return a;
}

/* An archive that nobody writes, open for tending, with these parts. */
static struct archive *make(const struct dayrig_part *parts, size_t count)
{
	struct archive *a = open_archive(tempdir_new(), ARCHIVE_TEND);

	dayrig_add(a, parts, count);
	return a;
}

#define MAKE(parts) make(parts, sizeof(parts) / sizeof((parts)[0]))

static uint64_t disk(struct archive *a)
{
	struct prune_usage u;

	ck_assert_int_eq(prune_usage(a, &u), 0);
	ck_assert_uint_eq(u.disk_bytes, dayrig_disk(archive_path(a)));
	return u.disk_bytes;
}

static struct prune_totals run(struct prune_config c)
{
	struct prune_totals t;

	memset(&told, 0, sizeof(told));
	c.removed = tell;
	c.arg = &told;
	ck_assert_int_eq(prune_run(&c, &t), 0);
	ck_assert_uint_eq(t.bytes, told.bytes);
	return t;
}

/* As a dry run and then in earnest: both tell the same, and only one changes something. */
static struct prune_totals prune(struct archive *a, struct prune_limits l)
{
	struct prune_config c = {
	    .archive = a, .limits = l, .now_ns = DAY_NS + 100 * CLK_DAY_NS, .dry_run = true};
	uint64_t before = dayrig_disk(archive_path(a));
	struct prune_totals dry = run(c), wet;
	struct told first = told;

	ck_assert_uint_eq(dayrig_disk(archive_path(a)), before);
	c.dry_run = false;
	wet = run(c);
	ck_assert_str_eq(told.text, first.text);
	ck_assert_uint_eq(told.bytes, first.bytes);
	ck_assert_uint_eq(wet.parts, dry.parts);
	ck_assert_uint_eq(wet.days, dry.days);
	ck_assert_int_eq(wet.enough, dry.enough);
	ck_assert_uint_eq(wet.usage.disk_bytes, disk(a));
	return wet;
}

static uint64_t day_disk(struct archive *a, int day)
{
	return dayrig_disk(dayrig_path(a, day, ""));
}

/* The reserve is made by the first run: part of what the others find. */
static void settle(struct archive *a)
{
	trash_reserve(a);
}

static int exists(struct archive *a, int day, const char *name)
{
	return tempdir_exists(dayrig_path(a, day, name));
}

/* ---- what it takes ----------------------------------------------------------------------------
 */

START_TEST(usage_is_what_the_file_system_says)
{
	static const struct dayrig_part parts[] = {{0, 1, 10, 8, 0}, {0, 2, 20, 64, 0},
	    {1, 3, 10, 12, 1}, {1, 4, 20, 100, 1}, {1, 5, 30, 4, 2}, {1, 6, 5, 20, 0}};
	struct archive *a = MAKE(parts);
	struct prune_usage u;

	ck_assert_int_eq(mkdirat(archive_root(a), "damaged", 0750), 0);
	tempdir_write(tempdir_path(archive_path(a), "damaged/x"), archive_path, 5000);
	ck_assert_int_eq(mkdirat(archive_root(a), ".staging", 0750), 0);
	tempdir_write(tempdir_path(archive_path(a), ".staging/y"), archive_path, 9000);
	ck_assert_int_eq(prune_usage(a, &u), 0);
	ck_assert_uint_eq(u.disk_bytes, dayrig_disk(archive_path(a)));
	ck_assert_uint_eq(u.days, 2);
	ck_assert_uint_gt(u.total_bytes, u.free_bytes);
	ck_assert_uint_gt(u.free_bytes, 0);
	archive_close(a);
}
END_TEST

START_TEST(a_pinned_link_counts_once_and_a_day_frees_only_what_is_not_pinned)
{
	static const struct dayrig_part parts[] = {
	    {0, 1, 10, 64, 0}, {0, 2, 20, 64, 0}, {1, 3, 10, 8, 0}};
	struct archive *a = MAKE(parts), *pinned;
	uint64_t before, kept;
	struct record r;

	ck_assert_int_eq(pin_open(a, true, &pinned), 0);
	dayrig_record(&parts[0], &r);
	ck_assert_int_eq(pin_part(a, pinned, &r), 0);
	settle(a);
	before = disk(a);
	kept = 64 << 10;
	(void)prune(a, (struct prune_limits){.max_disk_bytes = before - day_disk(a, 0) + kept});
	ck_assert_str_eq(told.text, "2026/01/30 2\n");
	ck_assert_uint_eq(disk(a), before - told.bytes);
	ck_assert_int_eq(dayrig_has(pinned, 0, 1), 1);
	ck_assert(tempdir_exists(tempdir_path(archive_path(a), "pinned/2026/01/30/1.pcap.gz")));
	archive_close(pinned);
	archive_close(a);
}
END_TEST

START_TEST(a_pinned_file_that_goes_alone_frees_nothing)
{
	static const struct dayrig_part parts[] = {
	    {0, 1, 10, 64, 0}, {0, 2, 20, 64, 0}, {0, 3, 30, 64, 0}, {1, 4, 10, 8, 0}};
	struct archive *a = MAKE(parts), *pinned;
	struct record r;

	ck_assert_int_eq(pin_open(a, true, &pinned), 0);
	dayrig_record(&parts[0], &r);
	ck_assert_int_eq(pin_part(a, pinned, &r), 0);
	settle(a);
	ck_assert(prune(a, (struct prune_limits){.max_disk_bytes = disk(a) - 4096}).enough);
	ck_assert_str_eq(told.text, "2026/01/30/1.pcap.gz 1\n2026/01/30/2.pcap.gz 1\n");
	ck_assert_uint_eq(told.bytes, 64 << 10);
	archive_close(pinned);
	archive_close(a);
}
END_TEST

/* ---- what goes first --------------------------------------------------------------------------
 */

static const struct dayrig_part four_days[] = {{0, 1, 10, 64, 0}, {0, 2, 20, 64, 0},
    {1, 3, 10, 64, 0}, {1, 4, 20, 64, 0}, {2, 5, 10, 64, 0}, {2, 6, 20, 64, 0}, {3, 7, 10, 8, 0}};

START_TEST(whole_days_go_oldest_first)
{
	struct archive *a = MAKE(four_days);
	struct prune_totals t;
	uint64_t before;

	settle(a);
	before = disk(a);
	t = prune(
	    a, (struct prune_limits){.max_disk_bytes = before - day_disk(a, 0) - day_disk(a, 1)});
	ck_assert_str_eq(told.text, "2026/01/30 2\n2026/01/31 2\n");
	ck_assert_uint_eq(t.days, 2);
	ck_assert_uint_eq(t.parts, 4);
	ck_assert(t.enough);
	ck_assert(!tempdir_exists(tempdir_path(archive_path(a), "2026/01")));
	ck_assert(tempdir_exists(tempdir_path(archive_path(a), "2026/02")));
	ck_assert_uint_eq(tempdir_count(tempdir_path(archive_path(a), ".trash")), 0);
	ck_assert(!archive_day_dirty(a, DAYRIG_DAY));
	ck_assert_int_eq(dayrig_has(a, 2, 5), 1);
	ck_assert_str_eq(
	    (prune(a, (struct prune_limits){.max_disk_bytes = before}), told.text), "");
	archive_close(a);
}
END_TEST

START_TEST(within_a_day_the_oldest_go_with_their_rows)
{
	static const struct dayrig_part parts[] = {{0, 1, 500, 64, 0}, {0, 2, 20, 64, 0},
	    {0, 3, 300, 64, 0}, {0, 4, 10, 64, 0}, {1, 5, 10, 8, 0}};
	struct archive *a = MAKE(parts);

	settle(a);
	ck_assert(prune(a, (struct prune_limits){.max_disk_bytes = disk(a) - (65 << 10)}).enough);
	ck_assert_str_eq(told.text, "2026/01/30/4.pcap.gz 1\n2026/01/30/2.pcap.gz 1\n");
	ck_assert_uint_eq(dayrig_rows(a, 0), 2);
	ck_assert(dayrig_has(a, 0, 1) && dayrig_has(a, 0, 3));
	ck_assert(!exists(a, 0, "4.pcap.gz") && exists(a, 0, "1.pcap.gz"));
	ck_assert(!archive_day_dirty(a, DAYRIG_DAY));
	archive_close(a);
}
END_TEST

START_TEST(a_segment_is_as_old_as_its_newest_part)
{
	static const struct dayrig_part parts[] = {{0, 1, 1, 64, 1}, {0, 2, 400, 64, 1},
	    {0, 3, 2, 64, 2}, {0, 4, 300, 64, 2}, {0, 5, 350, 8, 0}, {0, 6, 3, 8, 0},
	    {1, 7, 10, 8, 0}};
	struct archive *a = MAKE(parts);

	settle(a);
	(void)prune(a, (struct prune_limits){.max_disk_bytes = disk(a) - (12 << 10)});
	ck_assert_str_eq(told.text, "2026/01/30/6.pcap.gz 1\n2026/01/30/flows-2.tar 2\n");
	(void)prune(a, (struct prune_limits){.max_disk_bytes = disk(a) - (12 << 10)});
	ck_assert_str_eq(
	    told.text, "2026/01/30/5.pcap.gz 1\n2026/01/30/flows-1.tar 2\n2026/01/30 0\n");
	ck_assert(!exists(a, 0, ""));
	archive_close(a);
}
END_TEST

START_TEST(a_row_whose_file_is_gone_goes_too)
{
	struct archive *a = MAKE(four_days);

	ck_assert_int_eq(unlink(dayrig_path(a, 0, "1.pcap.gz")), 0);
	settle(a);
	/* Its size is still in the day's summary, which is therefore no good for the real one. */
	memset(&told, 0, sizeof(told));
	(void)run((struct prune_config){.archive = a,
	    .limits = {.max_age_ns = CLK_DAY_NS},
	    .now_ns = DAY_NS + CLK_DAY_NS + 15 * CLK_SECOND_NS});
	ck_assert_str_eq(told.text, "2026/01/30/1.pcap.gz 1\n");
	ck_assert_uint_eq(told.bytes, 0);
	ck_assert_uint_eq(dayrig_rows(a, 0), 1);
	archive_close(a);
}
END_TEST

/* More files than one batch takes; dry runs go on where the last batch ended. */
START_TEST(a_day_of_many_files_goes_in_order)
{
	enum { FILES = 8300 };
	struct dayindex *x;
	struct archive *a = open_archive(tempdir_new(), ARCHIVE_TEND);
	const struct dayrig_part last = {1, 9, 10, 8, 0};
	struct prune_totals t;

	dayrig_add(a, &last, 1);
	dayrig_add(a, &(struct dayrig_part){0, 0, 0, 4, 0}, 1);
	ck_assert_int_eq(dayindex_open(a, DAYRIG_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	for (unsigned i = 1; i < FILES; i++) {
		struct record r;

		dayrig_record(&(struct dayrig_part){0, i, (int)(i * 7919 % FILES), 0, 0}, &r);
		if (dayindex_insert(x, &r) != 0)
			ck_abort();
	}
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
	for (int dry = 1; dry >= 0; dry--) {
		t = run((struct prune_config){.archive = a,
		    .limits = {.max_age_ns = CLK_DAY_NS},
		    .now_ns = DAY_NS + CLK_DAY_NS + 8250 * CLK_SECOND_NS,
		    .dry_run = dry == 1});
		ck_assert_uint_eq(t.parts, 8250);
		ck_assert_uint_eq(t.days, 0);
	}
	ck_assert_uint_eq(dayrig_rows(a, 0), FILES - 8250);
	archive_close(a);
}
END_TEST

/* ---- age --------------------------------------------------------------------------------------
 */

START_TEST(what_is_too_old_goes_by_its_last_packet)
{
	static const struct dayrig_part parts[] = {{0, 1, 10, 8, 0}, {0, 2, 3 * 86400, 8, 0},
	    {1, 3, 10, 8, 0}, {2, 4, 10, 8, 1}, {2, 5, 50, 8, 1}, {2, 6, 20, 8, 2},
	    {2, 7, 40, 8, 0}, {2, 8, 30, 8, 0}, {3, 9, 10, 8, 0}};
	struct archive *a = MAKE(parts);
	struct prune_config c = {.archive = a,
	    .limits = {.max_age_ns = 5 * CLK_DAY_NS},
	    .now_ns = DAY_NS + 7 * CLK_DAY_NS + 40 * CLK_SECOND_NS};

	(void)run(c);
	ck_assert_str_eq(told.text,
	    "2026/01/30/1.pcap.gz 1\n2026/01/31 1\n2026/02/01/flows-2.tar 1\n"
	    "2026/02/01/8.pcap.gz 1\n");
	ck_assert(dayrig_has(a, 0, 2));
	ck_assert(dayrig_has(a, 2, 4) && dayrig_has(a, 2, 5) && dayrig_has(a, 2, 7));
	(void)run(c);
	ck_assert_str_eq(told.text, "");
	archive_close(a);
}
END_TEST

START_TEST(the_newest_part_stays_whatever_the_limit)
{
	static const struct dayrig_part parts[] = {
	    {0, 1, 10, 8, 0}, {0, 2, 3 * 86400, 8, 0}, {1, 3, 10, 8, 0}, {2, 4, 10, 8, 1}};
	struct archive *a = MAKE(parts);
	struct prune_totals t;

	settle(a);
	t = prune(a, (struct prune_limits){.max_disk_bytes = 1});
	ck_assert_str_eq(told.text, "2026/01/30/1.pcap.gz 1\n2026/01/31 1\n2026/02/01 1\n");
	ck_assert(!t.enough);
	ck_assert(dayrig_has(a, 0, 2));
	t = prune(a, (struct prune_limits){.max_age_ns = 1});
	ck_assert_str_eq(told.text, "");
	ck_assert(t.enough);
	archive_close(a);
}
END_TEST

START_TEST(a_segment_with_the_newest_part_stays_and_so_does_its_day)
{
	static const struct dayrig_part parts[] = {
	    {0, 1, 10, 8, 1}, {0, 2, 30, 8, 2}, {0, 3, 20, 8, 2}, {0, 4, 25, 8, 0}};
	struct archive *a = MAKE(parts);

	settle(a);
	ck_assert(!prune(a, (struct prune_limits){.max_disk_bytes = 1}).enough);
	ck_assert_str_eq(told.text, "2026/01/30/flows-1.tar 1\n2026/01/30/4.pcap.gz 1\n");
	ck_assert_uint_eq(dayrig_rows(a, 0), 2);
	archive_close(a);
}
END_TEST

START_TEST(an_empty_day_goes_when_it_is_old)
{
	static const struct dayrig_part parts[] = {{0, 1, 10, 8, 0}, {1, 2, 10, 8, 0}};
	struct archive *a = MAKE(parts);
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, DAYRIG_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_delete(x, "1", 0), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
	settle(a);
	(void)prune(a, (struct prune_limits){.max_age_ns = 90 * CLK_DAY_NS});
	ck_assert_str_eq(told.text, "2026/01/30 0\n");
	archive_close(a);
}
END_TEST

/* ---- free space and inodes --------------------------------------------------------------------
 */

START_TEST(a_dry_run_counts_what_would_be_free)
{
	struct archive *a = MAKE(four_days);
	struct prune_usage u;
	struct prune_totals t;

	ck_assert_int_eq(prune_usage(a, &u), 0);
	t = run((struct prune_config){
	    .archive = a, .limits = {.min_free_bytes = u.total_bytes}, .dry_run = true});
	ck_assert_str_eq(told.text, "2026/01/30 2\n2026/01/31 2\n2026/02/01 2\n");
	ck_assert(!t.enough);
	if (u.total_inodes > 0) {
		t = run((struct prune_config){
		    .archive = a, .limits = {.min_free_inodes = u.total_inodes}, .dry_run = true});
		ck_assert_str_eq(told.text, "2026/01/30 2\n2026/01/31 2\n2026/02/01 2\n");
		ck_assert(!t.enough);
	}
	ck_assert(prune_within(&u, &(struct prune_limits){.min_free_bytes = u.free_bytes}));
	ck_assert(!prune_within(&u, &(struct prune_limits){.min_free_bytes = u.free_bytes + 1}));
	ck_assert(!prune_within(&u, &(struct prune_limits){.max_disk_bytes = u.disk_bytes - 1}));
	archive_close(a);
}
END_TEST

/* ---- who is not disturbed ---------------------------------------------------------------------
 */

START_TEST(a_day_in_the_hands_of_another_is_passed_over)
{
	struct archive *a = MAKE(four_days), *other = open_archive(archive_path(a), ARCHIVE_TEND);
	struct prune_totals t;

	settle(a);
	ck_assert_int_eq(archive_lock_day(other, DAYRIG_DAY), 0);
	t = run((struct prune_config){
	    .archive = a, .limits = {.max_disk_bytes = disk(a) - day_disk(a, 0)}});
	ck_assert_str_eq(told.text, "2026/01/31 2\n");
	ck_assert_uint_eq(t.busy_days, 1);
	ck_assert(t.enough);
	archive_unlock_day(other, DAYRIG_DAY, ARCHIVE_UNLOCK_CLEAN);
	archive_close(other);
	archive_close(a);
}
END_TEST

static int change_nothing(struct dayindex *x, void *arg)
{
	(void)x;
	(void)arg;
	return 0;
}

START_TEST(of_a_day_that_our_writer_has_only_rows_and_closed_segments_go)
{
	static const struct dayrig_part parts[] = {{0, 1, 10, 64, 1}, {0, 2, 20, 64, 2},
	    {0, 3, 30, 64, 0}, {0, 4, 40, 64, 3}, {0, 5, 50, 8, 0}};
	struct archive *a = open_archive(tempdir_new(), ARCHIVE_WRITE);
	const struct catalog_config config = {.archive = a, .sync = SYNC_NONE};
	struct catalog_result result;
	struct prune_totals t;
	struct catalog *c;
	struct record r;

	ck_assert_int_eq(catalog_start(&config, &c), 0);
	ck_assert_int_eq(close(archive_touch_day(a, DAYRIG_DAY)), 0);
	for (size_t i = 0; i < 5; i++) {
		dayrig_record(&parts[i], &r);
		r.offset = dayrig_put_file(a, &parts[i]);
		catalog_put(c, &r);
	}
	ck_assert_int_eq(
	    catalog_change(c, DAYRIG_DAY, change_nothing, NULL), 0); /* commits the others */
	ck_assert_int_eq(archive_mark_segment(a, DAYRIG_DAY, 2, true), 0);
	t = run((struct prune_config){.archive = a, .catalog = c, .limits = {.max_disk_bytes = 1}});
	ck_assert_str_eq(told.text,
	    "2026/01/30/flows-1.tar 1\n2026/01/30/3.pcap.gz 1\n2026/01/30/flows-3.tar 1\n");
	ck_assert(!t.enough);
	ck_assert_uint_eq(t.busy_days, 0);
	ck_assert_int_eq(catalog_find(c, DAYRIG_DAY, "1", 0, &r), 0);
	ck_assert_int_eq(catalog_find(c, DAYRIG_DAY, "2", 0, &r), 1);
	ck_assert_int_eq(catalog_find(c, DAYRIG_DAY, "3", 0, &r), 0);
	ck_assert(exists(a, 0, "flows-2.tar") && !exists(a, 0, "flows-3.tar"));
	/* Without the catalog they are in the hands of somebody else. */
	t = run((struct prune_config){.archive = a, .limits = {.max_disk_bytes = 1}});
	ck_assert_uint_eq(t.busy_days, 1);
	ck_assert_int_eq(archive_mark_segment(a, DAYRIG_DAY, 2, false), 0);
	archive_leave_day(a, DAYRIG_DAY);
	catalog_stop(c, &result);
	ck_assert_uint_eq(result.failed, 0);
	ck_assert_uint_eq(dayrig_rows(a, 0), 2);
	archive_close(a);
}
END_TEST

START_TEST(whoever_is_told_to_stop_stops)
{
	struct archive *a = MAKE(four_days);
	const _Atomic bool stop = true;

	(void)run(
	    (struct prune_config){.archive = a, .limits = {.max_disk_bytes = 1}, .stop = &stop});
	ck_assert_str_eq(told.text, "");
	ck_assert_uint_eq(dayrig_rows(a, 0), 2);
	archive_close(a);
}
END_TEST

/* ---- what was left behind ---------------------------------------------------------------------
 */

START_TEST(what_a_kill_left_in_the_trash_counts_and_goes_first)
{
	struct archive *a = MAKE(four_days);
	uint64_t before, all;

	settle(a);
	before = disk(a);
	ck_assert_int_eq(mkdirat(archive_root(a), ".trash/2026-01-29.0", 0750), 0);
	ck_assert_int_eq(mkdirat(archive_root(a), ".trash/2026-01-29.0/below", 0750), 0);
	tempdir_write(tempdir_path(archive_path(a), ".trash/2026-01-29.0/x"), &told, 4000);
	tempdir_write(tempdir_path(archive_path(a), ".trash/2026-01-29.0/below/y"), &told, 4000);
	ck_assert_int_eq(symlinkat("/etc", archive_root(a), ".trash/2026-01-29.0/below/z"), 0);
	all = disk(a);
	ck_assert_uint_gt(all, before);
	(void)run((struct prune_config){.archive = a, .limits = {.max_disk_bytes = all}});
	ck_assert_str_eq(told.text, "");
	ck_assert_uint_eq(tempdir_count(tempdir_path(archive_path(a), ".trash")), 0);
	ck_assert(tempdir_exists("/etc/passwd"));
	archive_close(a);
}
END_TEST

/* A flow file as it should be, in a day that is listed by somebody who was killed. */
static void leave_unfinished(const char *dir, const char *uuid, int64_t first_ns)
{
	static const struct frames_talk talk = {.family = 4, .port = {443, 50000}, .number = 1};
	struct archive *a = open_archive(dir, ARCHIVE_WRITE);
	static struct flowfile f;
	char name[LAYOUT_NAME_SIZE];
	int fd;

	flowfile_ordinary(&f, &talk, uuid, first_ns);
	flowfile_end(&f);
	fd = archive_touch_day(a, clk_day(first_ns));
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	tempdir_write(
	    dayrig_path(a, clk_day(first_ns) - DAYRIG_DAY, layout_file_name(uuid, 0, name)),
	    f.bytes, f.len);
	archive_close(a);
}

START_TEST(a_day_that_was_left_unfinished_is_mended_before_it_is_judged)
{
	const char *dir = tempdir_new();
	struct archive *a;
	struct prune_totals t;

	leave_unfinished(dir, "old", DAY_NS);
	leave_unfinished(dir, "young", DAY_NS + 1000 * CLK_SECOND_NS);
	leave_unfinished(dir, "newest", DAY_NS + 2 * CLK_DAY_NS);
	a = open_archive(dir, ARCHIVE_TEND);
	t = run((struct prune_config){.archive = a,
	    .limits = {.max_age_ns = CLK_DAY_NS},
	    .now_ns = DAY_NS + CLK_DAY_NS + 500 * CLK_SECOND_NS});
	ck_assert_uint_eq(t.unreadable_days, 0);
	ck_assert_str_eq(told.text, "2026/01/30/old.pcap.gz 1\n");
	ck_assert_uint_eq(dayrig_rows(a, 0), 1);
	ck_assert(!archive_day_dirty(a, DAYRIG_DAY));
	ck_assert(exists(a, 0, "young.pcap.gz"));
	archive_close(a);
}
END_TEST

START_TEST(a_day_whose_index_is_damaged_goes_only_as_a_whole)
{
	struct archive *a = MAKE(four_days);
	uint64_t first;

	tempdir_write(
	    dayrig_path(a, 0, "flows.sqlite"), "no database, but long enough for one", 36);
	settle(a);
	first = day_disk(a, 0);
	(void)run((struct prune_config){
	    .archive = a, .limits = {.max_disk_bytes = disk(a) - first}, .dry_run = true});
	ck_assert_str_eq(told.text, "2026/01/30 0\n");
	(void)run(
	    (struct prune_config){.archive = a, .limits = {.max_disk_bytes = disk(a) - first}});
	ck_assert_str_eq(told.text, "2026/01/30 0\n");
	ck_assert(!exists(a, 0, ""));
	archive_close(a);
}
END_TEST

START_TEST(a_summary_that_lies_costs_no_other_day)
{
	struct archive *a = MAKE(four_days);
	uint64_t before = disk(a);

	sqlcheck_exec(
	    dayrig_path(a, 3, "flows.sqlite"), "UPDATE day SET file_bytes = 4611686018427387904");
	ck_assert_uint_eq(disk(a), before);
	(void)run((struct prune_config){.archive = a, .limits = {.max_disk_bytes = 2 * before}});
	ck_assert_str_eq(told.text, "");
	archive_close(a);
}
END_TEST

static Suite *prune_suite(void)
{
	Suite *s = suite_create("prune");
	TCase *t = tcase_create("prune");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, usage_is_what_the_file_system_says);
	tcase_add_test(t, a_pinned_link_counts_once_and_a_day_frees_only_what_is_not_pinned);
	tcase_add_test(t, a_pinned_file_that_goes_alone_frees_nothing);
	tcase_add_test(t, whole_days_go_oldest_first);
	tcase_add_test(t, within_a_day_the_oldest_go_with_their_rows);
	tcase_add_test(t, a_segment_is_as_old_as_its_newest_part);
	tcase_add_test(t, a_row_whose_file_is_gone_goes_too);
	tcase_add_test(t, a_day_of_many_files_goes_in_order);
	tcase_add_test(t, what_is_too_old_goes_by_its_last_packet);
	tcase_add_test(t, the_newest_part_stays_whatever_the_limit);
	tcase_add_test(t, a_segment_with_the_newest_part_stays_and_so_does_its_day);
	tcase_add_test(t, an_empty_day_goes_when_it_is_old);
	tcase_add_test(t, a_dry_run_counts_what_would_be_free);
	tcase_add_test(t, a_day_in_the_hands_of_another_is_passed_over);
	tcase_add_test(t, of_a_day_that_our_writer_has_only_rows_and_closed_segments_go);
	tcase_add_test(t, whoever_is_told_to_stop_stops);
	tcase_add_test(t, what_a_kill_left_in_the_trash_counts_and_goes_first);
	tcase_add_test(t, a_day_that_was_left_unfinished_is_mended_before_it_is_judged);
	tcase_add_test(t, a_day_whose_index_is_damaged_goes_only_as_a_whole);
	tcase_add_test(t, a_summary_that_lies_costs_no_other_day);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(prune_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
