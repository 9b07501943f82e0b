/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See verify.h. A day is checked in this order: the names in its directory are noted; each of these
 * files is read, and held against its row, which is asked for when the file has been read; then all
 * rows are gone through, for those that have no file. So the index is never held for longer than a
 * writer waits for it, and a file whose row is late is asked for once more before anything is said.
 */
#include "fetch/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/rescan.h"
#include "base/fileio.h"
#include "fetch/dayfiles.h"

/* An index that is just being made cannot be read for some milliseconds. */
#define RETRIES  5
#define RETRY_NS 20000000

#define MENDED_BY "the next start of a writer, or 'flowkeep reindex', "

struct day {
	const char *path;        /* of the archive */
	struct archive *archive; /* opened anew for each day: which days are dirty changes */
	const struct verify_hooks *hooks;
	struct verify_totals *totals;
	int32_t number;
	int dirfd;
	struct dayfiles *files;
	struct dayindex *index; /* NULL: there is none, or it cannot be read */
	bool index_bad;         /* and that was said */
	bool dirty;
	bool writer;
};

__attribute__((format(printf, 3, 4))) static void damage(
    const struct day *d, const char *name, const char *fmt, ...)
{
	char path[LAYOUT_DAY_SIZE + LAYOUT_NAME_SIZE], day[LAYOUT_DAY_SIZE],
	    what[RESCAN_ERROR_SIZE + 128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)snprintf(path, sizeof(path), "%s%s%s", layout_day_path(d->number, day),
	    name[0] ? "/" : "", name);
	d->totals->damage++;
	d->hooks->damage(path, what, d->hooks->arg);
}

/* Reads a file; what is wrong in itself is told. Returns 0 and *ret_record; -errno. */
static int read_file(const struct day *d, const char *name, struct record *ret_record)
{
	char error[RESCAN_ERROR_SIZE];
	int rv = rescan_file(d->dirfd, d->number, name, ret_record, error);

	if (rv == -ENOENT)
		return rv;
	if (rv != 0)
		damage(d, name, "%s", error);
	d->totals->files++;
	d->totals->bytes += rv == 0 ? ret_record->length : 0;
	d->hooks->progress(d->totals, d->hooks->arg);
	return rv;
}

static const char *key_difference(const struct record *row, const struct record *file)
{
	if (row->key.proto != file->key.proto)
		return "another protocol";
	if (row->key.linktype != file->key.linktype)
		return "another link type";
	if (memcmp(row->key.vlan, file->key.vlan, sizeof(row->key.vlan)) != 0)
		return "another VLAN key";
	if (!flowkey_equal(&row->key, &file->key))
		return "other ends"; /* the rest of the key */
	if (row->client != file->client)
		return "another client and server";
	if (row->end_reason != file->end_reason)
		return "another end_reason";
	if (row->uuid_source != file->uuid_source)
		return "another uuid_source";
	if (strcmp(row->interface, file->interface) != 0)
		return "another interface";
	return NULL;
}

/* Field by field, down to the first that differs. */
static void compare(
    const struct day *d, const char *name, const struct record *row, const struct record *file)
{
	const struct tally *r = &row->tally, *f = &file->tally;
	enum side c = file->client, s = !c;
	const struct {
		const char *name;
		uint64_t row, file;
	} numbers[] = {
	    {"length", row->length, file->length},
	    {"start_ns", (uint64_t)r->first_ns, (uint64_t)f->first_ns},
	    {"end_ns", (uint64_t)r->last_ns, (uint64_t)f->last_ns},
	    {"client_packets", r->pkts[c], f->pkts[c]},
	    {"client_bytes", r->bytes[c], f->bytes[c]},
	    {"server_packets", r->pkts[s], f->pkts[s]},
	    {"server_bytes", r->bytes[s], f->bytes[s]},
	    {"captured_bytes", r->captured_bytes, f->captured_bytes},
	    {"truncated", r->truncated_pkts, f->truncated_pkts},
	    {"client_flags", r->tcp_flags[c], f->tcp_flags[c]},
	    {"server_flags", r->tcp_flags[s], f->tcp_flags[s]},
	    {"vlan", r->vlan, f->vlan},
	    {"snaplen", row->snaplen, file->snaplen},
	    {"lost_packets", row->lost_pkts, file->lost_pkts},
	    {"cut_duration", row->cut_duration_pkts, file->cut_duration_pkts},
	    {"cut_bytes", row->cut_bytes_pkts, file->cut_bytes_pkts},
	};
	const char *key = key_difference(row, file);

	if (key != NULL) {
		damage(d, name, "the index tells of %s than the file", key);
		return;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].row == numbers[i].file)
			continue;
		damage(d, name, "the index says %s %" PRIu64 ", the file %" PRIu64, numbers[i].name,
		    numbers[i].row, numbers[i].file);
		return;
	}
}

/* How the day stands now: a writer may have begun or ended since the archive was opened. */
static int look_at_day(struct day *d)
{
	struct archive *now;
	int rv = archive_open(d->path, ARCHIVE_READ, &now);

	if (rv != 0)
		return rv;
	archive_close(d->archive);
	d->archive = now;
	d->dirty = archive_day_dirty(now, d->number);
	d->writer = archive_has_writer(now);
	return 0;
}

static const char *index_reason(int rv)
{
	switch (rv) {
	case -EBADMSG:
		return "damaged; 'flowkeep reindex' makes it anew";
	case -ENOTSUP:
		return "written by a later flowkeep";
	default:
		return strerror(-rv);
	}
}

static void drop_index(struct day *d, const char *reason)
{
	dayindex_close(d->index);
	d->index = NULL;
	d->index_bad = true;
	damage(d, LAYOUT_INDEX, "%s", reason);
}

/* A day that has files has an index, unless a writer has begun with it just now. */
static void open_index(struct day *d)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	int rv;

	dayindex_close(d->index);
	d->index = NULL;
	rv = dayindex_open(d->archive, d->number, DAYINDEX_READ, &d->index);
	for (int i = 0; rv == -EBADMSG && d->dirty && d->writer && i < RETRIES; i++) {
		(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
		rv = dayindex_open(d->archive, d->number, DAYINDEX_READ, &d->index);
	}
	if (rv == 0 ||
	    (rv == -ENOENT && (dayfiles_count(d->files) == 0 || (d->dirty && d->writer))))
		return;
	if (rv != -ENOENT)
		drop_index(d, index_reason(rv));
	else if (d->dirty)
		drop_index(d, "missing; " MENDED_BY "makes it anew");
	else
		drop_index(d, "missing; 'flowkeep reindex' makes it anew");
}

/* ---- each file and its row ---- */

struct lookup {
	struct record row;
	uint32_t part;
	bool found;
};

static int take_row(const struct record *row, void *arg)
{
	struct lookup *l = arg;

	if (row->part == l->part) {
		l->row = *row;
		l->found = true;
	}
	return 0;
}

/* The row of a file. Nothing is found in an index that is not there. */
static bool find_row(struct day *d, const struct record *file, struct record *ret_row)
{
	struct lookup l = {.part = file->part};
	int rv = 0;

	if (d->index != NULL)
		rv = dayindex_select(d->index, file->uuid, DAYINDEX_EXACT, take_row, &l);
	if (rv != 0)
		drop_index(d, index_reason(rv));
	if (l.found)
		*ret_row = l.row;
	return l.found;
}

/* Once more, with the index and the state of the day as they are now. */
static bool find_late_row(struct day *d, const struct record *file, struct record *ret_row)
{
	if (d->index_bad || look_at_day(d) != 0)
		return false;
	open_index(d);
	return find_row(d, file, ret_row);
}

static void check_file(const char *name, void *arg)
{
	struct day *d = arg;
	struct record file, row;

	/* One that is gone since was pruned, or else its row will tell. */
	if (read_file(d, name, &file) != 0 || d->index_bad)
		return;
	if (find_row(d, &file, &row) || find_late_row(d, &file, &row))
		compare(d, name, &row, &file);
	else if (d->index_bad)
		return;
	else if (d->dirty && d->writer)
		d->totals->pending++;
	else if (d->dirty)
		damage(d, name, "not in the index; " MENDED_BY "adds it");
	else
		damage(d, name, "not in the index; 'flowkeep reindex' adds it");
}

/* ---- rows without a file ---- */

static int check_row(const struct record *row, void *arg)
{
	struct day *d = arg;
	char name[LAYOUT_NAME_SIZE];

	d->totals->rows++;
	(void)layout_file_name(row->uuid, row->part, name);
	if (faccessat(d->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		damage(d, name, "in the index, but the file is missing");
	return 0;
}

static void check_rows(struct day *d)
{
	int rv = 0;

	if (d->index != NULL)
		rv = dayindex_select(d->index, NULL, DAYINDEX_PREFIX, check_row, d);
	if (rv != 0)
		drop_index(d, index_reason(rv));
}

static void tell_stranger(const char *name, void *arg)
{
	const struct day *d = arg;
	char path[LAYOUT_DAY_SIZE + NAME_MAX + 1], day[LAYOUT_DAY_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", layout_day_path(d->number, day), name);
	d->hooks->notice(path, "not a file of flowkeep", d->hooks->arg);
}

static int check_day(struct day *d)
{
	int rv = look_at_day(d);

	if (rv == 0)
		rv = dayfiles_read(d->dirfd, tell_stranger, d, &d->files);
	if (rv != 0)
		return rv;
	open_index(d);
	dayfiles_each(d->files, check_file, d);
	check_rows(d);
	return 0;
}

static int verify_day(
    struct archive *a, int32_t number, const struct verify_hooks *hooks, struct verify_totals *t)
{
	struct day d = {.path = archive_path(a),
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
		damage(&d, "", "cannot be read: %s", strerror(-rv));
		rv = 0;
	}
	return rv;
}

int verify_archive(
    struct archive *a, const struct verify_hooks *hooks, struct verify_totals *ret_totals)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(a, &days, &n);

	memset(ret_totals, 0, sizeof(*ret_totals));
	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n && rv == 0; i++)
		rv = verify_day(a, days[i], hooks, ret_totals);
	free(days);
	return rv;
}
