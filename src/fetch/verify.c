/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See verify.h. A day is checked in this order: the names in its directory are noted, then each row
 * of its index is held against its file, then the files that no row named are looked at. So a file
 * that a writer publishes meanwhile is either not noted, or its row comes later: it is asked for
 * once more before anything is said.
 */
#include "fetch/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayindex.h"
#include "archive/rescan.h"
#include "base/fileio.h"
#include "fetch/dayfiles.h"

#define MENDED_BY "the next start of a writer, or 'flowkeep reindex', adds it"

struct day {
	struct archive *archive; /* opened anew for each day: which days are dirty changes */
	const struct verify_hooks *hooks;
	struct verify_totals *totals;
	int32_t number;
	int dirfd;
	struct dayfiles *files;
	bool dirty;
	bool writer;
	bool index_read; /* to its end: a file without row lacks one */
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

/* ---- a row and its file ---- */

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

static int check_row(const struct record *row, void *arg)
{
	struct day *d = arg;
	char name[LAYOUT_NAME_SIZE];
	struct record file;
	int rv;

	d->totals->rows++;
	dayfiles_mark(d->files, layout_file_name(row->uuid, row->part, name));
	rv = read_file(d, name, &file);
	if (rv == -ENOENT)
		damage(d, name, "in the index, but the file is missing");
	else if (rv == 0)
		compare(d, name, row, &file);
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

static void check_index(struct day *d)
{
	struct dayindex *x = NULL;
	int rv = dayindex_open(d->archive, d->number, DAYINDEX_READ, &x);

	if (rv == 0)
		rv = dayindex_select(x, NULL, DAYINDEX_PREFIX, check_row, d);
	dayindex_close(x);
	d->index_read = rv == 0 || (rv == -ENOENT && d->dirty && d->writer);
	if (rv == -ENOENT && dayfiles_count(d->files) > 0 && !d->index_read)
		damage(d, LAYOUT_INDEX, "missing; %s makes it anew",
		    d->dirty ? "the next start of a writer, or 'flowkeep reindex',"
			     : "'flowkeep reindex'");
	else if (rv != 0 && rv != -ENOENT)
		damage(d, LAYOUT_INDEX, "%s", index_reason(rv));
}

/* ---- files without a row ---- */

struct second_look {
	const struct day *day;
	const char *name;
	const struct record *file;
	bool found;
};

static int compare_again(const struct record *row, void *arg)
{
	struct second_look *s = arg;
	char name[LAYOUT_NAME_SIZE];

	if (strcmp(layout_file_name(row->uuid, row->part, name), s->name) != 0)
		return 0;
	s->found = true;
	s->day->totals->rows++;
	compare(s->day, s->name, row, s->file);
	return 0;
}

/* Has the row come since the index was read? */
static bool find_row(const struct day *d, const char *name, const struct record *file)
{
	struct second_look s = {.day = d, .name = name, .file = file};
	struct dayindex *x = NULL;

	if (dayindex_open(d->archive, d->number, DAYINDEX_READ, &x) == 0)
		(void)dayindex_select(
		    x, file->uuid, DAYINDEX_EXACT, compare_again, &s); /* then it is not found */
	dayindex_close(x);
	return s.found;
}

static void check_unnamed(const char *name, void *arg)
{
	struct day *d = arg;
	struct record file;

	if (read_file(d, name, &file) != 0 || !d->index_read)
		return;
	if (find_row(d, name, &file))
		return;
	if (d->dirty && d->writer)
		d->totals->pending++;
	else if (d->dirty)
		damage(d, name, "not in the index; " MENDED_BY);
	else
		damage(d, name, "not in the index; 'flowkeep reindex' adds it");
}

/* How the day stands now: a writer may have begun or ended since the archive was opened. */
static int look_at_day(struct day *d, const struct archive *a)
{
	struct archive *now;
	int rv = archive_open(archive_path(a), ARCHIVE_READ, &now);

	if (rv != 0)
		return rv;
	archive_close(d->archive);
	d->archive = now;
	d->dirty = archive_day_dirty(now, d->number);
	d->writer = archive_has_writer(now);
	return 0;
}

static void tell_stranger(const char *name, void *arg)
{
	const struct day *d = arg;
	char path[LAYOUT_DAY_SIZE + NAME_MAX + 1], day[LAYOUT_DAY_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", layout_day_path(d->number, day), name);
	d->hooks->notice(path, "not a file of flowkeep", d->hooks->arg);
}

static int check_day(struct day *d, const struct archive *a)
{
	int rv = look_at_day(d, a);

	if (rv == 0)
		rv = dayfiles_read(d->dirfd, tell_stranger, d, &d->files);
	if (rv != 0)
		return rv;
	check_index(d);
	rv = look_at_day(d, a);
	if (rv == 0)
		dayfiles_each_unmarked(d->files, check_unnamed, d);
	return rv;
}

static int verify_day(
    struct archive *a, int32_t number, const struct verify_hooks *hooks, struct verify_totals *t)
{
	struct day d = {
	    .hooks = hooks, .totals = t, .number = number, .dirfd = archive_open_day(a, number)};
	int rv = d.dirfd < 0 ? d.dirfd : check_day(&d, a);

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
