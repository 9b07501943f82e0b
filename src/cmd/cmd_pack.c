/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep pack: move the flow files of closed days into segments. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/mend.h"
#include "archive/pack.h"
#include "base/clk.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/reading.h"
#include "cmd/report.h"

struct packing {
	const struct options *options;
	struct archive *archive;
	struct pack_totals totals;
	uint64_t not_done; /* days */
};

static void file_stays(int32_t day, const char *name, const char *error, void *arg)
{
	char path[LAYOUT_DAY_SIZE];

	(void)arg;
	log_warning("pack", "%s/%s stays as it is: %s; continuing", layout_day_path(day, path),
	    name, error);
}

/* Names a day that is not done, or not all of it. */
static void not_done(struct packing *x, int32_t day, const char *what, const char *why)
{
	char path[LAYOUT_DAY_SIZE];

	log_warning("pack", "%s: '%s': %s; continuing", what, layout_day_path(day, path), why);
	x->not_done++;
}

static void add(struct pack_totals *sum, const struct pack_totals *t)
{
	sum->parts += t->parts;
	sum->bytes += t->bytes;
	sum->segments += t->segments;
	sum->left += t->left;
}

/* A day that somebody left unfinished is put in order first, and what was killed is completed. */
static int mend(struct packing *x, int32_t day)
{
	struct mend_config config = {.how = MEND_QUICK, .bad = file_stays};
	struct mend_totals totals;

	return mend_day(x->archive, day, &config, &totals);
}

/* The day is ours; it is given back in order, or listed for who mends it. */
static void pack_locked(struct packing *x, int32_t day)
{
	struct pack_config config = {
	    .archive = x->archive, .segment_bytes = x->options->segment_bytes, .bad = file_stays};
	struct pack_totals totals = {0};
	int rv = archive_day_unmended(x->archive, day) ? mend(x, day) : 0;

	if (rv == 0)
		rv = pack_day(&config, day, &totals);
	archive_unlock_day(x->archive, day,
	    rv == 0 || rv == -EAGAIN ? ARCHIVE_UNLOCK_CLEAN : ARCHIVE_UNLOCK_DIRTY);
	add(&x->totals, &totals);
	if (rv == -EAGAIN)
		not_done(x, day, "day not done", "it is wanted by the flowkeep that writes");
	else if (rv == -ENOENT)
		not_done(x, day, "day passed over", "it has no index");
	else if (rv != 0)
		not_done(x, day, "day not done", strerror(-rv));
}

/* Most days of an old archive have nothing to move: they are not even locked. */
static void pack_one(struct packing *x, int32_t day)
{
	int needed = pack_needed(x->archive, day), rv;

	if (needed < 0) {
		not_done(x, day, "cannot read the day", strerror(-needed));
		return;
	}
	if (needed == 0 && !archive_day_dirty(x->archive, day))
		return;
	rv = archive_lock_day(x->archive, day);
	if (rv == 0)
		pack_locked(x, day);
	else if (rv == -EAGAIN && needed)
		not_done(x, day, "day passed over", "another flowkeep has it in hand");
	else if (rv != -EAGAIN && rv != -ENOENT)
		not_done(x, day, "cannot lock the day", strerror(-rv));
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void summary(const struct packing *x)
{
	const struct pack_totals *t = &x->totals;
	char bytes[REPORT_BYTES_SIZE];

	(void)fprintf(stderr, "%" PRIu64 " part%s, %s, moved into %" PRIu64 " segment%s", t->parts,
	    plural(t->parts), report_bytes(t->bytes, bytes), t->segments, plural(t->segments));
	if (t->left > 0)
		(void)fprintf(stderr, ", %" PRIu64 " file%s left", t->left, plural(t->left));
	if (x->not_done > 0)
		(void)fprintf(
		    stderr, ", %" PRIu64 " day%s not done", x->not_done, plural(x->not_done));
	(void)fputc('\n', stderr);
}

static int pack(struct packing *x)
{
	/* The first day that is not closed: one is if its end lies at least so long ago. */
	int32_t open_day = clk_day(clk_wall().ns - x->options->older_than_ns);
	int32_t *days;
	size_t n;
	int rv = archive_days(x->archive, &days, &n);

	if (rv != 0) {
		log_error("archive", "cannot list the days of '%s': %s", archive_path(x->archive),
		    strerror(-rv));
		return EXIT_NOTHING;
	}
	for (size_t i = 0; i < n && days[i] < open_day; i++)
		pack_one(x, days[i]);
	free(days);
	if (!x->options->quiet)
		summary(x);
	return x->not_done > 0 || x->totals.left > 0 ? EXIT_PARTLY : EXIT_OK;
}

int cmd_pack(const struct options *o)
{
	struct packing x = {.options = o};
	int status;

	if (o->arg_count > 0) {
		log_error("options", "pack takes no arguments");
		return EXIT_USAGE;
	}
	if (reading_tend("pack", o->dir, &x.archive) != 0)
		return EXIT_NOTHING;
	status = pack(&x);
	archive_close(x.archive);
	return status;
}
