/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep reindex: build the index of every day anew from its flow files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/rescan.h"
#include "base/log.h"
#include "cmd/commands.h"

static void bad_file(int32_t day, const char *name, const char *error, void *arg)
{
	char path[LAYOUT_DAY_SIZE];

	(void)arg;
	(void)printf("%s/%s: %s\n", layout_day_path(day, path), name, error);
}

struct reindexing {
	const struct options *options;
	uint64_t files, damaged, failed_days;
};

static void reindex_day(struct reindexing *x, struct archive *a, int32_t day)
{
	struct rescan_totals totals;
	char path[LAYOUT_DAY_SIZE];
	int rv = rescan_reindex_day(a, day, bad_file, NULL, &totals);

	if (rv == 0)
		rv = archive_strike_day(a, day);
	if (rv != 0) {
		log_error("index", "cannot build the index of %s: %s", layout_day_path(day, path),
		    strerror(-rv));
		x->failed_days++;
		return;
	}
	x->files += totals.files;
	x->damaged += totals.damaged;
}

static int reindex(struct reindexing *x, struct archive *a)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(a, &days, &n);

	if (rv != 0) {
		log_error(
		    "archive", "cannot list the days of '%s': %s", archive_path(a), strerror(-rv));
		return EXIT_NOTHING;
	}
	for (size_t i = 0; i < n; i++)
		reindex_day(x, a, days[i]);
	free(days);
	if (!x->options->quiet)
		(void)fprintf(stderr, "%zu days, %" PRIu64 " files indexed, %" PRIu64 " damaged\n",
		    n, x->files, x->damaged);
	if (x->failed_days > 0)
		return EXIT_NOTHING;
	return x->damaged > 0 ? EXIT_PARTLY : EXIT_OK;
}

int cmd_reindex(const struct options *o)
{
	struct reindexing x = {.options = o};
	struct archive *a;
	int rv, status;

	if (o->arg_count > 0) {
		log_error("options", "reindex takes no arguments");
		return EXIT_USAGE;
	}
	/* Opened to read first: a directory that is not there must not be made. */
	rv = archive_open(o->dir, ARCHIVE_READ, &a);
	if (rv == 0) {
		archive_close(a);
		rv = archive_open(o->dir, ARCHIVE_WRITE, &a);
	}
	if (rv != 0) {
		log_error("archive", "cannot open '%s': %s", o->dir,
		    rv == -EAGAIN ? "it is being written by another flowkeep" : strerror(-rv));
		return EXIT_NOTHING;
	}
	status = reindex(&x, a);
	archive_close(a);
	return status;
}
