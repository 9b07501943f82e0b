/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See verify_day.h. A day is checked in this order: the names in its directory are noted; each flow
 * file is read, and held against its row, which is asked for when the file has been read; then all
 * rows are gone through, for those that have no file. So the index is never held for longer than a
 * writer waits for it.
 *
 * Others may be at work in the day: a capture publishes parts and then writes their rows, pack puts
 * parts into a segment, then points their rows at it, then removes the files, prune removes rows
 * and then what they tell of, or a whole day at once. So what looks wrong is looked at once more,
 * with the index and the state of the day as they are now, and in an order that such a change
 * cannot deceive.
 */
#include "fetch/daysearch.h"
#include "fetch/verify_day.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/dayfilter.h"
#include "archive/lockfile.h"
#include "archive/pack.h"
#include "archive/rescan.h"
#include "base/fileio.h"
#include "fetch/filtercheck.h"
#include "fetch/indexcheck.h"
#include "fetch/partcheck.h"
#include "fetch/verify_private.h"

/* An index that is just being made cannot be read for some milliseconds. */
#define RETRIES  5
#define RETRY_NS 20000000

/* How often the row of a part that somebody moves about is asked for. */
#define LOOKS 8

void verify_damage(const struct verify_day *d, const char *name, const char *fmt, ...)
{
	char path[sizeof("pinned/") + LAYOUT_DAY_SIZE + LAYOUT_NAME_SIZE], day[LAYOUT_DAY_SIZE],
	    what[RESCAN_ERROR_SIZE + LAYOUT_NAME_SIZE + 128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)snprintf(path, sizeof(path), "%s%s%s%s", d->prefix, layout_day_path(d->number, day),
	    name[0] ? "/" : "", name);
	d->totals->damage++;
	d->hooks->damage(path, what, d->hooks->arg);
}

void verify_read(struct verify_day *d, const struct record *file)
{
	d->totals->bytes += file != NULL ? file->length : 0;
	d->hooks->progress(d->totals, d->hooks->arg);
}

/* Retention takes away a day by its directory, which may then still be open here. */
static bool is_gone(const struct verify_day *d)
{
	int fd = archive_open_day(d->archive, d->number);
	struct stat now, then;
	bool gone = fd < 0 || fstat(fd, &now) != 0 || fstat(d->dirfd, &then) != 0 ||
		    now.st_ino != then.st_ino || now.st_dev != then.st_dev;

	fileio_close(fd);
	return gone;
}

void verify_look(struct verify_day *d)
{
	struct archive *now;

	if (archive_open(d->path, ARCHIVE_READ, &now) != 0)
		return; /* as it was */
	archive_close(d->archive);
	d->archive = now;
	d->dirty = archive_day_dirty(now, d->number);
	/* A writer that has just started takes what is listed in hand, one day after the other. */
	d->in_hand = lockfile_held(archive_root(now), lockfile_day(d->number)) ||
		     (d->dirty && archive_has_writer(now));
	d->gone = is_gone(d);
}

/* ---- the index ---- */

static void drop_index(struct verify_day *d, const char *reason)
{
	dayindex_close(d->index);
	d->index = NULL;
	d->index_bad = true;
	verify_look(d);
	if (!d->gone)
		verify_damage(d, LAYOUT_INDEX, "%s", reason);
}

static void wait_a_moment(void)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};

	(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
}

/* Who pins takes no day in hand: he links a file, and then writes its row. */
static bool is_pinned(const struct verify_day *d)
{
	return d->prefix[0] != '\0';
}

static bool may_be_made_now(const struct verify_day *d, int rv)
{
	if (rv == -ENOENT)
		return is_pinned(d) && dayfiles_count(d->files) > 0;
	return rv == -EBADMSG && (d->in_hand || is_pinned(d));
}

/* A day that has files has an index, unless a writer has begun with it just now. */
static void open_index(struct verify_day *d)
{
	int rv;

	dayindex_close(d->index);
	d->index = NULL;
	rv = dayindex_open(d->archive, d->number, DAYINDEX_READ, &d->index);
	for (int i = 0; may_be_made_now(d, rv) && i < RETRIES; i++) {
		wait_a_moment();
		rv = dayindex_open(d->archive, d->number, DAYINDEX_READ, &d->index);
	}
	if (rv == 0 || (rv == -ENOENT && (dayfiles_count(d->files) == 0 || d->in_hand)))
		return;
	if (rv != -ENOENT)
		drop_index(d, daysearch_reason(rv));
	else if (d->dirty)
		drop_index(d, "missing; " VERIFY_MENDED_BY "makes it anew");
	else
		drop_index(d, "missing; 'flowkeep reindex' makes it anew");
}

/* A search by host may miss flows though every row is right. */
static void check_index(struct verify_day *d)
{
	int rv = d->index != NULL ? indexcheck_structure(d->index) : 0;

	if (rv != 0)
		drop_index(d, daysearch_reason(rv));
}

/* Nothing is found in an index that is not there. */
bool verify_find_row(struct verify_day *d, const struct record *file, struct record *ret_row)
{
	int rv = 0;

	if (d->index != NULL)
		rv = dayindex_find(d->index, file->uuid, file->part, ret_row);
	if (rv < 0)
		drop_index(d, daysearch_reason(rv));
	return rv == 1;
}

/* ---- each flow file and its row ---- */

/* What is said of a flow file that has no row, or one that points elsewhere. */
static void tell_row(
    const struct verify_day *d, const char *name, const char *in_front, const struct record *row)
{
	char segment[LAYOUT_SEGMENT_SIZE];

	if (row == NULL)
		verify_damage(d, name, "%snot in the index; %s adds it", in_front,
		    d->dirty ? "the next start of a writer, or 'flowkeep reindex',"
			     : "'flowkeep reindex'");
	else if (row->segment == 0)
		verify_damage(
		    d, name, "%sthere twice: the index points at the file of that name", in_front);
	else
		verify_damage(d, name, "%sthere twice: the index points at byte %" PRIu64 " of %s",
		    in_front, row->offset, layout_segment_name(row->segment, segment));
}

static void compare(const struct verify_day *d, const char *name, const char *in_front,
    const struct record *row, const struct record *file)
{
	char difference[128];

	if (partcheck_difference(row, file, difference, sizeof(difference)))
		verify_damage(d, name, "%s%s", in_front, difference);
}

/*
 * A flow file has no row that points at it. That is damage if the row is missing while nobody has
 * the day in hand, and the flow file is still there after that: who publishes writes the row before
 * he lets go of the day, who removes has removed before he does.
 */
static void look_again(
    struct verify_day *d, const char *name, const char *in_front, const struct record *file)
{
	struct record row;
	bool was_free, found;

	verify_look(d);
	was_free = !d->in_hand;
	if (d->gone)
		return;
	open_index(d);
	found = verify_find_row(d, file, &row);
	for (int i = 0; !found && is_pinned(d) && !d->index_bad && i < RETRIES; i++) {
		wait_a_moment();
		found = verify_find_row(d, file, &row);
	}
	if (d->index_bad)
		return;
	if (found && partcheck_same_place(&row, file)) {
		compare(d, name, in_front, &row, file);
		return;
	}
	verify_look(d);
	if (d->gone || !partcheck_is_there(d->dirfd, file))
		return;
	if (was_free && !d->in_hand)
		tell_row(d, name, in_front, found ? &row : NULL);
	else if (!found)
		d->totals->pending++;
}

void verify_check_row(
    struct verify_day *d, const char *name, const char *in_front, const struct record *file)
{
	struct record row;

	if (d->index_bad)
		return;
	if (verify_find_row(d, file, &row) && partcheck_same_place(&row, file))
		compare(d, name, in_front, &row, file);
	else if (!d->index_bad)
		look_again(d, name, in_front, file);
}

static void check_file(const char *name, void *arg)
{
	struct verify_day *d = arg;
	char error[RESCAN_ERROR_SIZE];
	struct record file;
	int rv = d->gone ? -ENOENT : rescan_file(d->dirfd, d->number, name, &file, error);

	/* One that is gone since was pruned or packed, or else its row will tell. */
	if (rv == -ENOENT)
		return;
	if (rv != 0)
		verify_damage(d, name, "%s", error);
	d->totals->files++;
	verify_read(d, rv == 0 ? &file : NULL);
	if (rv == 0)
		verify_check_row(d, name, "", &file);
}

/* ---- rows without a file ---- */

/* The row as it is now. Returns 1, 0; -errno where no index can be read any more. */
static int row_now(const struct verify_day *d, const struct record *row, struct record *ret_row)
{
	struct dayindex *x;
	int rv = dayindex_open(d->archive, d->number, DAYINDEX_READ, &x);

	if (rv != 0)
		return rv;
	rv = dayindex_find(x, row->uuid, row->part, ret_row);
	dayindex_close(x);
	return rv;
}

/*
 * A row points at nothing. That is damage if it says the same after that: who moves a part points
 * the row at its new place, who removes one removes the row, before the old place is empty.
 */
static bool points_at_nothing(const struct verify_day *d, struct record *row)
{
	for (int i = 0; i < LOOKS; i++) {
		struct record now;

		if (partcheck_is_there(d->dirfd, row) || row_now(d, row, &now) != 1)
			return false;
		if (partcheck_same_place(&now, row) && now.length == row->length)
			return !is_gone(d);
		*row = now;
	}
	return false;
}

static int check_row(const struct record *r, void *arg)
{
	struct verify_day *d = arg;
	char name[LAYOUT_NAME_SIZE], segment[LAYOUT_SEGMENT_SIZE];
	struct record row = *r;

	d->totals->rows++;
	if (partcheck_is_there(d->dirfd, &row) || !points_at_nothing(d, &row))
		return 0;
	(void)layout_file_name(row.uuid, row.part, name);
	if (row.segment == 0)
		verify_damage(d, name, "in the index, but the file is missing");
	else
		verify_damage(d, name,
		    "in the index, but there is no such member at byte %" PRIu64 " of %s",
		    row.offset, layout_segment_name(row.segment, segment));
	return 0;
}

/* ---- what the rows add up to ---- */

struct sums {
	struct verify_day *day;
	struct dayindex_summary rows;
	struct filtercheck filter;
};

static int add_row(const struct record *r, void *arg)
{
	struct sums *s = arg;

	indexcheck_add(&s->rows, r);
	filtercheck_row(&s->filter, r->uuid);
	return check_row(r, s->day);
}

/* Rows may come and go meanwhile, also of what is pinned: then the summary is not asked. */
static void check_rows(struct verify_day *d)
{
	struct dayindex_summary said = {0}, again = {0};
	struct sums s = {.day = d};
	uint64_t hidden;
	bool was_free;
	int rv;

	if (d->index == NULL)
		return;
	verify_look(d);
	was_free = !d->in_hand;
	filtercheck_begin(&s.filter, d->archive, d->number);
	rv = dayindex_summary(d->index, &said);
	if (rv == 0)
		rv = dayindex_select(d->index, NULL, DAYINDEX_PREFIX, add_row, &s);
	if (rv == 0)
		rv = dayindex_summary(d->index, &again);
	hidden = filtercheck_end(&s.filter);
	verify_look(d);
	if (hidden > 0 && !d->gone)
		verify_damage(d, DAYFILTER_NAME,
		    "hides %" PRIu64 " parts of the index; 'flowkeep reindex' makes it anew",
		    hidden);
	if (rv != 0)
		drop_index(d, daysearch_reason(rv));
	else if (was_free && !d->in_hand && !d->gone && indexcheck_same(&said, &again) &&
		 !indexcheck_same(&said, &s.rows))
		verify_damage(d, LAYOUT_INDEX,
		    "its summary says %" PRIu64 " parts with %" PRIu64 " packets, its rows %" PRIu64
		    " with %" PRIu64 "; 'flowkeep reindex' mends it",
		    said.parts, said.packets, s.rows.parts, s.rows.packets);
}

/* ---- the day ---- */

static void tell_stranger(const char *name, void *arg)
{
	const struct verify_day *d = arg;
	char path[sizeof("pinned/") + LAYOUT_DAY_SIZE + NAME_MAX + 1], day[LAYOUT_DAY_SIZE];
	const char *what = "not a file of flowkeep";

	if (strcmp(name, PACK_TEMPORARY) == 0) {
		if (d->in_hand)
			return;
		what = "left by a 'flowkeep pack' or a repair that was killed; the next one "
		       "removes it";
	}
	(void)snprintf(
	    path, sizeof(path), "%s%s/%s", d->prefix, layout_day_path(d->number, day), name);
	d->hooks->notice(path, what, d->hooks->arg);
}

static int check_day(struct verify_day *d)
{
	const uint32_t *segments;
	size_t n;
	int rv = archive_open(d->path, ARCHIVE_READ, &d->archive);

	if (rv != 0)
		return rv;
	verify_look(d);
	rv = dayfiles_read(d->dirfd, tell_stranger, d, &d->files);
	if (rv != 0)
		return rv;
	open_index(d);
	check_index(d);
	dayfiles_each(d->files, check_file, d);
	segments = dayfiles_segments(d->files, &n);
	for (size_t i = 0; i < n && !d->gone; i++)
		verify_segment(d, segments[i]);
	if (!d->gone)
		check_rows(d);
	return 0;
}

int verify_day(struct archive *a, const char *prefix, int32_t number,
    const struct verify_hooks *hooks, struct verify_totals *t)
{
	struct verify_day d = {.path = archive_path(a),
	    .prefix = prefix,
	    .hooks = hooks,
	    .totals = t,
	    .number = number,
	    .dirfd = archive_open_day(a, number)};
	int rv = d.dirfd < 0 ? d.dirfd : check_day(&d);

	dayindex_close(d.index);
	dayfiles_free(d.files);
	archive_close(d.archive);
	fileio_close(d.dirfd);
	t->days++;
	if (rv == -ENOENT) /* gone since the days were listed */
		return 0;
	if (rv != 0 && rv != -ENOMEM) {
		verify_damage(&d, "", "cannot be read: %s", strerror(-rv));
		rv = 0;
	}
	return rv;
}
