/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep verify: check every file and every index row of an archive against each other. */
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
#include "fetch/verify.h"

struct verifying {
	bool bar;
	mono_t start;
	int64_t next_bar_ns;
};

static void damage(const char *path, const char *what, void *arg)
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
	progress_show(t->bytes, 0, t->files, "files", now_ns - v->start.ns);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void summary(const struct verify_totals *t)
{
	char bytes[REPORT_BYTES_SIZE];

	(void)fprintf(stderr,
	    "%" PRIu64 " day%s, %" PRIu64 " file%s, %" PRIu64 " row%s, %s: ", t->days,
	    plural(t->days), t->files, plural(t->files), t->rows, plural(t->rows),
	    report_bytes(t->bytes, bytes));
	if (t->pending > 0)
		(void)fprintf(stderr, "%" PRIu64 " not indexed yet, ", t->pending);
	if (t->damage > 0)
		(void)fprintf(stderr, "%" PRIu64 " damaged\n", t->damage);
	else
		(void)fprintf(stderr, "sound\n");
}

static int verify(const struct options *o, struct archive *a)
{
	struct verifying v = {.bar = progress_wanted(o), .start = clk_mono()};
	struct verify_hooks hooks = {damage, notice, progress, &v};
	struct verify_totals t;
	int rv = verify_archive(a, &hooks, &t);

	if (v.bar)
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
	if (!o->quiet)
		summary(&t);
	return t.damage > 0 ? EXIT_PARTLY : EXIT_OK;
}

int cmd_verify(const struct options *o)
{
	struct archive *a;
	int status;

	if (o->arg_count > 0) {
		log_error("options", "verify takes no arguments");
		return EXIT_USAGE;
	}
	if (reading_open("verify", o->dir, &a) != 0)
		return EXIT_NOTHING;
	status = verify(o, a);
	archive_close(a);
	return status;
}
