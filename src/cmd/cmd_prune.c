/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep prune: remove what is oldest from an archive until it is within its limits. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "archive/prune.h"
#include "base/clk.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/limits.h"
#include "cmd/reading.h"
#include "cmd/report.h"

static void print_removed(const char *path, uint64_t parts, uint64_t bytes, void *arg)
{
	bool *failed = arg;

	/* What goes is gone; that nobody could be told is said at the end. */
	if (printf("%s\t%" PRIu64 "\t%" PRIu64 "\n", path, parts, bytes) < 0)
		*failed = true;
}

static void print_summary(const struct options *o, const struct prune_totals *t)
{
	char bytes[REPORT_BYTES_SIZE], disk[REPORT_BYTES_SIZE], left[REPORT_BYTES_SIZE];

	if (o->quiet)
		return;
	(void)fprintf(stderr,
	    "%s %" PRIu64 " parts, %s, among them %" PRIu64
	    " whole days; the archive %s %s, and %s %s free\n",
	    o->dry_run ? "would remove" : "removed", t->parts, report_bytes(t->bytes, bytes),
	    t->days, o->dry_run ? "would take" : "takes", report_bytes(t->usage.disk_bytes, disk),
	    report_bytes(t->usage.free_bytes, left), o->dry_run ? "would be" : "are");
}

static int judge(const struct prune_totals *t)
{
	if (t->busy_days > 0)
		log_warning("prune",
		    "%" PRIu64 " days are in the hands of another flowkeep; continuing without",
		    t->busy_days);
	if (t->unreadable_days > 0)
		log_warning("prune",
		    "%" PRIu64 " days have no index that can be read; continuing without",
		    t->unreadable_days);
	if (!t->enough)
		log_warning("prune", "the archive is not within its limits: nothing is left that "
				     "may be removed");
	return t->enough && t->busy_days == 0 && t->unreadable_days == 0 ? EXIT_OK : EXIT_PARTLY;
}

static int prune(const struct options *o, struct archive *a)
{
	bool failed = false;
	struct prune_config config = {.archive = a,
	    .now_ns = clk_wall().ns,
	    .dry_run = o->dry_run,
	    .removed = print_removed,
	    .arg = &failed};
	struct prune_totals totals = {0};
	int status = limits_take("prune", o, a, &config.limits), rv;

	if (status != EXIT_OK)
		return status;
	rv = prune_run(&config, &totals);
	if (fflush(stdout) != 0)
		failed = true;
	print_summary(o, &totals);
	if (rv != 0) {
		log_error("prune", "cannot go on in '%s': %s", archive_path(a), strerror(-rv));
		return EXIT_NOTHING;
	}
	if (failed) {
		log_error("prune", "cannot write to the standard output");
		return EXIT_NOTHING;
	}
	return judge(&totals);
}

int cmd_prune(const struct options *o)
{
	struct archive *a;
	int status, rv;

	if (o->arg_count > 0) {
		log_error("options", "prune takes no arguments");
		return EXIT_USAGE;
	}
	if (!limits_given(o)) {
		log_error("options", "prune: no limit is given; legal: --max-disk, --min-free, "
				     "--min-inodes, --max-age");
		return EXIT_USAGE;
	}
	rv = o->dry_run ? reading_open("prune", o->dir, &a) : reading_tend("prune", o->dir, &a);
	if (rv != 0)
		return EXIT_NOTHING;
	status = prune(o, a);
	archive_close(a);
	return status;
}
