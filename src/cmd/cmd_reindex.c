/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowkeep reindex: build the index of every day anew from its files and segments. Beside a writer
 * it does so for the days that nobody has in hand; else it does the rest of a recovery as well.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/mend.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/recovery.h"

struct reindexing {
	const struct options *options;
	struct archive *archive;
	uint64_t rows, damaged, cut_bytes;
	uint64_t busy_days, failed_days;
};

static void tell_bad(int32_t day, const char *name, const char *error, void *arg)
{
	char path[LAYOUT_DAY_SIZE];

	(void)arg;
	(void)printf("%s/%s: %s\n", layout_day_path(day, path), name, error);
}

static void reindex_day(struct reindexing *x, int32_t day)
{
	const struct mend_config c = {.how = MEND_ALL, .bad = tell_bad};
	struct mend_totals t = {0};
	char path[LAYOUT_DAY_SIZE];
	int rv = archive_lock_day(x->archive, day);

	if (rv == -EAGAIN) {
		log_warning("archive",
		    "%s is in use by another flowkeep; continuing with other days",
		    layout_day_path(day, path));
		x->busy_days++;
		return;
	}
	if (rv == 0) {
		rv = mend_day(x->archive, day, &c, &t);
		archive_unlock_day(
		    x->archive, day, rv == 0 ? ARCHIVE_UNLOCK_CLEAN : ARCHIVE_UNLOCK_DIRTY);
	}
	if (rv == -EAGAIN) {
		log_warning("archive",
		    "%s is wanted by the capture that is running; continuing with other days",
		    layout_day_path(day, path));
		x->busy_days++;
		return;
	}
	if (rv == -ENOENT) /* removed since the days were listed */
		return;
	if (rv != 0) {
		log_error("index", "cannot build the index of %s: %s", layout_day_path(day, path),
		    strerror(-rv));
		x->failed_days++;
		return;
	}
	x->rows += t.rows;
	x->damaged += t.damaged;
	x->cut_bytes += t.cut_bytes;
}

static void summarize(const struct reindexing *x, uint64_t days)
{
	(void)fprintf(stderr, "%" PRIu64 " %s, %" PRIu64 " parts indexed, %" PRIu64 " damaged",
	    days - x->busy_days, days - x->busy_days == 1 ? "day" : "days", x->rows, x->damaged);
	if (x->cut_bytes > 0)
		(void)fprintf(stderr, ", %" PRIu64 " bytes of torn segments cut off", x->cut_bytes);
	if (x->busy_days > 0)
		(void)fprintf(stderr, ", %" PRIu64 " in use", x->busy_days);
	(void)fputc('\n', stderr);
}

/* As the writer, for as long as that takes; one that is running has done it at its start. */
static int adopt(struct reindexing *x)
{
	int rv;

	archive_close(x->archive);
	x->archive = NULL;
	rv = archive_open(x->options->dir, ARCHIVE_WRITE, &x->archive);
	if (rv == -EAGAIN)
		return archive_open(x->options->dir, ARCHIVE_READ, &x->archive);
	return rv == 0 ? recovery_adopt(x->archive, x->options) : rv;
}

static int reindex(struct reindexing *x)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(x->archive, &days, &n);

	if (rv != 0) {
		log_error("archive", "cannot list the days of '%s': %s", archive_path(x->archive),
		    strerror(-rv));
		return EXIT_NOTHING;
	}
	for (size_t i = 0; i < n; i++)
		reindex_day(x, days[i]);
	free(days);
	rv = adopt(x);
	if (rv != 0)
		log_error("archive", "cannot publish what lies in '%s/.staging': %s",
		    x->options->dir, strerror(-rv));
	if (!x->options->quiet)
		summarize(x, n);
	if (x->failed_days > 0 || rv != 0)
		return EXIT_NOTHING;
	return x->damaged > 0 || x->busy_days > 0 ? EXIT_PARTLY : EXIT_OK;
}

static int open_archive(struct reindexing *x)
{
	const char *dir = x->options->dir;
	int rv = archive_open(dir, ARCHIVE_READ, &x->archive);

	/* Opened to read first: a directory that is not there must not be made. */
	if (rv != 0)
		return rv;
	archive_close(x->archive);
	x->archive = NULL;
	return archive_open(dir, ARCHIVE_TEND, &x->archive);
}

int cmd_reindex(const struct options *o)
{
	struct reindexing x = {.options = o};
	int rv, status;

	if (o->arg_count > 0) {
		log_error("options", "reindex takes no arguments");
		return EXIT_USAGE;
	}
	rv = open_archive(&x);
	if (rv != 0) {
		log_error("archive", "cannot open '%s': %s", o->dir, strerror(-rv));
		return EXIT_NOTHING;
	}
	status = reindex(&x);
	archive_close(x.archive);
	return status;
}
