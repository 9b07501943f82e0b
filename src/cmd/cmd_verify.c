/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep verify: check files, segments and index rows of an archive against each other. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/progress.h"
#include "cmd/reading.h"
#include "cmd/report.h"
#include "fetch/repair.h"
#include "fetch/verify.h"

struct verifying {
	bool bar;
	mono_t start;
	int64_t next_bar_ns;
	struct repair *repair; /* NULL: nothing is changed */
};

/* A damage, or what was done about it. */
static void tell(const char *path, const char *what, void *arg)
{
	struct verifying *v = arg;

	if (v->bar)
		progress_end(); /* the two may share a terminal */
	(void)printf("%s: %s\n", path, what);
}

static void notice(const char *path, const char *what, void *arg)
{
	char printable[4 * NAME_MAX];

	(void)arg;
	log_warning("verify", "%s: '%s'; continuing", what,
	    log_printable(printable, sizeof(printable), path));
}

static void not_repaired(const char *path, const char *reason, void *arg)
{
	struct verifying *v = arg;

	if (v->bar)
		progress_end();
	(void)printf("%s: not repaired: %s\n", path, reason);
}

static int repair(struct archive *a, const char *prefix, int32_t day, uint64_t damage, void *arg)
{
	const struct verifying *v = arg;

	(void)a;
	return repair_day(v->repair, prefix, day, damage);
}

static void progress(const struct verify_totals *t, void *arg)
{
	struct verifying *v = arg;
	int64_t now_ns;

	if (!v->bar)
		return;
	now_ns = clk_mono().ns;
	if (now_ns < v->next_bar_ns)
		return;
	v->next_bar_ns = now_ns + INT64_C(1000000) * PROGRESS_INTERVAL_MS;
	progress_show(
	    t->bytes, t->total_bytes, t->files + t->members, "files", now_ns - v->start.ns);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void summary(const struct verify_totals *t, const struct repair_totals *r)
{
	char bytes[REPORT_BYTES_SIZE];

	(void)fprintf(stderr, "%" PRIu64 " day%s, %" PRIu64 " file%s, ", t->days, plural(t->days),
	    t->files, plural(t->files));
	if (t->segments > 0)
		(void)fprintf(stderr, "%" PRIu64 " segment%s with %" PRIu64 " part%s, ",
		    t->segments, plural(t->segments), t->members, plural(t->members));
	(void)fprintf(stderr, "%" PRIu64 " row%s, %s: ", t->rows, plural(t->rows),
	    report_bytes(t->bytes, bytes));
	if (t->pending > 0)
		(void)fprintf(stderr, "%" PRIu64 " not indexed yet, ", t->pending);
	if (t->damage > 0)
		(void)fprintf(stderr, "%" PRIu64 " damaged", t->damage);
	else
		(void)fprintf(stderr, "sound");
	if (r->repaired > 0)
		(void)fprintf(stderr, "; %" PRIu64 " repair%s, %" PRIu64 " with loss", r->repaired,
		    plural(r->repaired), r->lost);
	if (r->failed > 0)
		(void)fprintf(stderr, "; %" PRIu64 " not repaired", r->failed);
	(void)fprintf(stderr, "\n");
}

static int status_of(
    const struct options *o, const struct verify_totals *t, const struct repair_totals *r)
{
	bool left = o->repair ? r->lost > 0 || r->failed > 0 : t->damage > 0;

	return left ? EXIT_PARTLY : EXIT_OK;
}

static int verify(const struct options *o, struct archive *a, struct verifying *v)
{
	const struct verify_hooks hooks = {.damage = tell,
	    .notice = notice,
	    .progress = progress,
	    .day = v->repair != NULL ? repair : NULL,
	    .arg = v};
	struct repair_totals repaired = {0};
	struct verify_totals t;
	int rv = verify_archive(a, &hooks, &t);

	if (v->bar)
		progress_end();
	if (rv != 0) {
		log_error(
		    "verify", "cannot read the archive: '%s': %s", archive_path(a), strerror(-rv));
		return EXIT_NOTHING;
	}
	errno = 0;
	if (fflush(stdout) != 0 && errno != EPIPE) {
		log_error("verify", "cannot write to the standard output: %s", strerror(errno));
		return EXIT_NOTHING;
	}
	if (v->repair != NULL)
		repaired = *repair_totals(v->repair);
	if (!o->quiet)
		summary(&t, &repaired);
	return status_of(o, &t, &repaired);
}

int cmd_verify(const struct options *o)
{
	struct verifying v = {.bar = progress_wanted(o), .start = clk_mono()};
	const struct repair_hooks hooks = {tell, not_repaired, &v};
	struct archive *a;
	int status, rv = 0;

	if (o->arg_count > 0) {
		log_error("options", "verify takes no arguments");
		return EXIT_USAGE;
	}
	if (reading_open("verify", o->dir, &a) != 0)
		return EXIT_NOTHING;
	if (o->repair)
		rv = repair_open(archive_path(a), &hooks, &v.repair);
	if (rv != 0)
		log_error("verify", "cannot repair the archive: '%s': %s", o->dir, strerror(-rv));
	status = rv == 0 ? verify(o, a, &v) : EXIT_NOTHING;
	repair_close(v.repair);
	archive_close(a);
	return status;
}
