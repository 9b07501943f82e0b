/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep du: what an archive holds and takes, day by day. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/layout.h"
#include "archive/pin.h"
#include "archive/usage.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/reading.h"
#include "cmd/report.h"

/* A line: a day, or a sum. */
struct line {
	char name[LAYOUT_DAY_SIZE];
	uint64_t parts, packets, bytes, disk_bytes, segments;
};

struct lines {
	struct line *at;
	size_t count;
	uint64_t unreadable; /* days without an index that can be read */
};

static void add_day(const struct usage_day *d, struct line *l)
{
	l->parts += d->summary.parts;
	l->packets += d->summary.packets;
	l->bytes += d->summary.length;
	l->segments += d->segments;
}

static void complain(const char *within, const struct usage_day *d, struct lines *all)
{
	char path[LAYOUT_DAY_SIZE];

	if (d->index_error == 0)
		return;
	all->unreadable++;
	log_warning("du",
	    "cannot read the index of %s%s: %s; continuing with what it takes on disk", within,
	    layout_day_path(d->day, path),
	    d->index_error == -EBADMSG ? "damaged" : strerror(-d->index_error));
}

/* The sums of what is pinned. Where there is no such thing the line is empty. */
static int add_pinned(const struct archive *a, struct line *l, struct lines *all)
{
	const struct usage_day *days;
	struct usage_sums sums;
	struct archive *pinned;
	struct usage *u = NULL;
	size_t n = 0;
	int rv = pin_open(a, false, &pinned);

	if (rv != 0)
		return rv == -ENOENT ? 0 : rv;
	rv = usage_new(pinned, &u);
	if (rv == 0)
		rv = usage_look(u, USAGE_ALL, &sums);
	days = rv == 0 ? usage_days(u, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		add_day(&days[i], l);
		complain(PIN_DIRECTORY "/", &days[i], all);
	}
	usage_free(u);
	archive_close(pinned);
	return rv;
}

/* A line for each day, then one of what is pinned, then the total. */
static int make_lines(const struct archive *a, const struct usage *u, const struct usage_sums *sums,
    struct lines *all)
{
	size_t n;
	const struct usage_day *days = usage_days(u, &n);
	struct line *pinned, *total;

	all->at = calloc(n + 2, sizeof(*all->at));
	if (all->at == NULL)
		return -ENOMEM;
	pinned = &all->at[n];
	total = &all->at[n + 1];
	all->count = n + 2;
	(void)snprintf(pinned->name, sizeof(pinned->name), "pinned");
	(void)snprintf(total->name, sizeof(total->name), "total");
	for (size_t i = 0; i < n; i++) {
		(void)layout_day_path(days[i].day, all->at[i].name);
		all->at[i].disk_bytes = days[i].disk_bytes;
		add_day(&days[i], &all->at[i]);
		add_day(&days[i], total);
		complain("", &days[i], all);
	}
	pinned->disk_bytes = sums->pinned_bytes;
	total->disk_bytes = sums->disk_bytes;
	return add_pinned(a, pinned, all);
}

/* ---- printing ---------------------------------------------------------------------------------
 */

enum { NAME, PARTS, PACKETS, BYTES, DISK, SEGMENTS, CELLS };

struct row {
	char cell[CELLS][24];
};

static void fill_row(const struct line *l, struct row *r)
{
	const size_t size = sizeof(r->cell[0]);
	char bytes[REPORT_BYTES_SIZE];

	(void)snprintf(r->cell[NAME], size, "%s", l->name);
	(void)snprintf(r->cell[PARTS], size, "%" PRIu64, l->parts);
	(void)snprintf(r->cell[PACKETS], size, "%" PRIu64, l->packets);
	(void)snprintf(r->cell[BYTES], size, "%s", report_bytes(l->bytes, bytes));
	(void)snprintf(r->cell[DISK], size, "%s", report_bytes(l->disk_bytes, bytes));
	(void)snprintf(r->cell[SEGMENTS], size, "%" PRIu64, l->segments);
}

static void print_row(const struct row *r, const int *widths)
{
	(void)printf("%-*s", widths[NAME], r->cell[NAME]);
	for (int i = PARTS; i < CELLS; i++)
		(void)printf("  %*s", widths[i], r->cell[i]);
	(void)printf("\n");
}

static void widen(const struct row *r, int *widths)
{
	for (int i = 0; i < CELLS; i++) {
		int n = (int)strlen(r->cell[i]);

		if (n > widths[i])
			widths[i] = n;
	}
}

static void print_table(const struct lines *all)
{
	const struct row heading = {{"DAY", "PARTS", "PACKETS", "BYTES", "ON DISK", "SEGMENTS"}};
	int widths[CELLS] = {0};
	struct row r;

	widen(&heading, widths);
	for (size_t i = 0; i < all->count; i++) {
		fill_row(&all->at[i], &r);
		widen(&r, widths);
	}
	print_row(&heading, widths);
	for (size_t i = 0; i < all->count; i++) {
		fill_row(&all->at[i], &r);
		print_row(&r, widths);
	}
}

#define HEADING_CSV "day,parts,packets,bytes,disk_bytes,segments\n"
#define LINE_CSV    "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n"
#define LINE_JSON                                                                          \
	"{\"day\":\"%s\",\"parts\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 \
	",\"disk_bytes\":%" PRIu64 ",\"segments\":%" PRIu64 "}\n"

/* Returns 0; -errno of writing. */
static int print(const struct lines *all, enum find_format format)
{
	errno = 0;
	if (format == FORMAT_TABLE)
		print_table(all);
	if (format == FORMAT_CSV)
		(void)printf(HEADING_CSV);
	for (size_t i = 0; i < all->count && format != FORMAT_TABLE; i++) {
		const struct line *l = &all->at[i];

		(void)printf(format == FORMAT_CSV ? LINE_CSV : LINE_JSON, l->name, l->parts,
		    l->packets, l->bytes, l->disk_bytes, l->segments);
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return errno != 0 ? -errno : -EIO;
}

static int du(const struct options *o, struct archive *a)
{
	struct lines all = {.count = 0};
	struct usage_sums sums;
	struct usage *u = NULL;
	int rv = usage_new(a, &u);

	if (rv == 0)
		rv = usage_look(u, USAGE_ALL, &sums);
	if (rv == 0)
		rv = make_lines(a, u, &sums, &all);
	usage_free(u);
	if (rv != 0) {
		free(all.at);
		log_error("du", "cannot read '%s': %s", archive_path(a), strerror(-rv));
		return EXIT_NOTHING;
	}
	rv = print(&all, o->format);
	free(all.at);
	if (rv == 0 || rv == -EPIPE) /* or the reader has seen enough */
		return all.unreadable > 0 ? EXIT_PARTLY : EXIT_OK;
	log_error("du", "cannot write to the standard output: %s", strerror(-rv));
	return EXIT_NOTHING;
}

int cmd_du(const struct options *o)
{
	struct archive *a;
	int status;

	if (o->arg_count > 0) {
		log_error("options", "du takes no arguments");
		return EXIT_USAGE;
	}
	if (o->format == FORMAT_UUID) {
		log_error("options", "du: '--format uuid' is not legal; legal: table, json, csv");
		return EXIT_USAGE;
	}
	if (reading_open("du", o->dir, &a) != 0)
		return EXIT_NOTHING;
	status = du(o, a);
	archive_close(a);
	return status;
}
