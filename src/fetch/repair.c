/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See repair.h. A day is repaired in this order: the index, if it cannot be used; the segments; the
 * files; the rows that tell of nothing. Rows are changed, durably, before what they tell of is
 * moved, so that a reader never finds less than it would without the repair.
 */
#include "fetch/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dayfile.h"
#include "archive/dayfilter.h"
#include "archive/mend.h"
#include "archive/pin.h"
#include "archive/rescan.h"
#include "base/fileio.h"
#include "fetch/filtercheck.h"
#include "fetch/indexcheck.h"
#include "fetch/partcheck.h"
#include "fetch/repair_private.h"

/* ---- what is said ---- */

static void path_of(const struct repair_job *j, const char *name, char *path)
{
	char day[LAYOUT_DAY_SIZE];

	(void)snprintf(path, DAMAGED_PATH_SIZE, "%s%s%s%s", j->from.prefix,
	    layout_day_path(j->from.day, day), name[0] ? "/" : "", name);
}

static void say(struct repair_job *j, const char *name, const char *fmt, va_list ap)
{
	char path[DAMAGED_PATH_SIZE], what[DAMAGED_PATH_SIZE * 2];

	(void)vsnprintf(what, sizeof(what), fmt, ap);
	path_of(j, name, path);
	j->repair->totals.repaired++;
	j->repair->hooks->done(path, what, j->repair->hooks->arg);
}

void repair_done(struct repair_job *j, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(j, name, fmt, ap);
	va_end(ap);
}

void repair_lost(struct repair_job *j, const char *name, const char *fmt, ...)
{
	va_list ap;

	j->repair->totals.lost++;
	va_start(ap, fmt);
	say(j, name, fmt, ap);
	va_end(ap);
}

void repair_failed(struct repair_job *j, const char *name, const char *reason)
{
	char path[DAMAGED_PATH_SIZE];

	path_of(j, name, path);
	j->repair->totals.failed++;
	j->repair->hooks->failed(path, reason, j->repair->hooks->arg);
}

int repair_stop(struct repair_job *j, int rv)
{
	if (rv < 0 && j->error == 0)
		j->error = rv;
	return rv;
}

/* ---- files ---- */

static void move_file(struct repair_job *j, const char *name, const char *why, bool lost)
{
	char path[DAMAGED_PATH_SIZE];
	int rv = repair_checkpoint(j);

	if (rv == 0)
		rv = repair_stop(j, damaged_move(&j->from, name, path));
	if (rv != 0)
		return;
	if (lost)
		repair_lost(j, name, "moved to %s: %s", path, why);
	else
		repair_done(j, name, "moved to %s: %s", path, why);
}

static void move_damaged(struct repair_job *j, const char *name, const char *error)
{
	char uuid[LAYOUT_UUID_SIZE];
	uint32_t part = 0;
	struct record row;

	if (!layout_parse_file_name(name, uuid, &part)) /* only such names are noted */
		return;
	if (repair_find(j, uuid, part, &row) == 1 && row.segment == 0 &&
	    repair_delete(j, &row) != 0)
		return;
	if (j->error == 0)
		move_file(j, name, error, true);
}

static void repair_file(const char *name, void *arg)
{
	struct repair_job *j = arg;
	char error[RESCAN_ERROR_SIZE];
	struct record file;
	int rv;

	if (j->error != 0)
		return;
	rv = rescan_file(j->from.dirfd, j->from.day, name, &file, error);
	switch (repair_verdict(rv, error)) {
	case REPAIR_DAMAGED:
		move_damaged(j, name, error);
		return;
	case REPAIR_LATER:
		repair_failed(j, name, error);
		return;
	case REPAIR_STOP:
		(void)repair_stop(j, rv);
		return;
	default:
		break;
	}
	switch (repair_row(j, name, "", &file)) {
	case REPAIR_EQUAL:
		if (!j->unmended) /* else a pack was killed, and mend_day ends it */
			move_file(j, name, "the same is in a segment", false);
		break;
	case REPAIR_OTHER:
		move_file(j, name, "another part of its name is in a segment", true);
		break;
	default:
		break;
	}
}

/* ---- the index ---- */

static void move_index(struct repair_job *j, const char *why)
{
	char path[DAMAGED_PATH_SIZE];
	const char *name;

	for (unsigned i = 0; (name = dayfile_name(i)) != NULL; i++) {
		int rv = damaged_move(&j->from, name, path);

		if (rv == 0)
			repair_done(j, name, "moved to %s: %s", path, why);
		else if (rv != -ENOENT)
			(void)repair_stop(j, rv);
	}
	j->fresh = true;
}

static int ask_filter(const struct record *row, void *arg)
{
	filtercheck_row(arg, row->uuid);
	return 0;
}

/* A look without changing it: what is damaged must get to damaged/ as it is. */
static void judge_index(struct repair_job *j)
{
	struct filtercheck filter;
	struct dayindex *x = NULL;
	uint64_t hidden;
	int rv = dayindex_open(j->archive, j->from.day, DAYINDEX_READ, &x);

	filtercheck_begin(&filter, j->archive, j->from.day);
	if (rv == 0)
		rv = indexcheck(x);
	if (rv == 0 && filter.filter != NULL)
		rv = dayindex_select(x, NULL, DAYINDEX_PREFIX, ask_filter, &filter);
	hidden = filtercheck_end(&filter);
	dayindex_close(x);
	if (rv == 0 && hidden > 0) /* as whenever the index is written */
		repair_done(j, DAYFILTER_NAME, "made anew: it hid %" PRIu64 " parts", hidden);
	if (rv == -EBADMSG)
		move_index(j, "it is damaged");
	else if (rv == -ENOENT)
		j->fresh = true;
	else
		(void)repair_stop(j, rv);
}

static void open_index(struct repair_job *j)
{
	int rv;

	judge_index(j);
	if (j->error != 0)
		return;
	rv = dayindex_open(j->archive, j->from.day, DAYINDEX_WRITE, &j->index);
	if (rv == 0)
		rv = dayindex_begin(j->index);
	(void)repair_stop(j, rv);
}

static void close_index(struct repair_job *j)
{
	int rv = j->error;

	if (rv == 0)
		rv = repair_stop(j, dayindex_commit_durably(j->index));
	if (rv != 0 && j->index != NULL)
		dayindex_rollback(j->index);
	dayindex_close(j->index);
	j->index = NULL;
	if (rv == 0 && j->fresh)
		repair_done(j, LAYOUT_INDEX, "repaired: made anew, with %" PRIu64 " rows", j->rows);
}

/* ---- the day ---- */

static void pass_over_stranger(const char *name, void *arg)
{
	(void)name;
	(void)arg;
}

/* What a killed pack or prune began is ended, now that nothing is damaged. */
static void mend(struct repair_job *j)
{
	const struct mend_config config = {.how = MEND_QUICK};
	struct mend_totals totals;

	if (j->error == 0 && j->unmended)
		(void)repair_stop(j, mend_day(j->archive, j->from.day, &config, &totals));
}

static void repair_all(struct repair_job *j)
{
	const uint32_t *segments;
	size_t n;
	int rv = dayfiles_read(j->from.dirfd, pass_over_stranger, NULL, &j->files);

	if (repair_stop(j, rv) != 0)
		return;
	segments = dayfiles_segments(j->files, &n);
	j->next_segment = n > 0 ? segments[n - 1] + 1 : 1;
	open_index(j);
	for (size_t i = 0; i < n && j->error == 0; i++)
		repair_segment(j, segments[i]);
	if (j->error == 0)
		dayfiles_each(j->files, repair_file, j);
	if (j->error == 0)
		repair_remove_rows(j);
	close_index(j);
	mend(j);
	if (j->error == 0 && syncfs(j->from.dirfd) != 0)
		(void)repair_stop(j, -errno);
}

/* The archive that has a day: that of pinned parts is opened when it is first needed. */
static struct archive *archive_of(struct repair *r, const char *prefix)
{
	char path[4096 + sizeof(PIN_DIRECTORY) + 1];

	if (prefix[0] == '\0')
		return r->archive;
	(void)snprintf(path, sizeof(path), "%s/" PIN_DIRECTORY, archive_path(r->archive));
	if (r->pinned == NULL && archive_open(path, ARCHIVE_TEND, &r->pinned) != 0)
		return NULL;
	return r->pinned;
}

static const char *reason(int rv)
{
	switch (rv) {
	case -EAGAIN:
		return "busy: somebody is at work on that day";
	case -ENOTSUP:
		return "its index is written by a later flowkeep";
	default:
		return strerror(-rv);
	}
}

int repair_day(struct repair *r, const char *prefix, int32_t day, uint64_t damage)
{
	struct repair_job j = {.repair = r,
	    .archive = archive_of(r, prefix),
	    .from = {.archive = r->archive, .prefix = prefix, .day = day, .dirfd = -1}};
	int rv;

	if (damage == 0 && (j.archive == NULL || !archive_day_dirty(j.archive, day)))
		return 0;
	rv = j.archive != NULL ? archive_lock_day(j.archive, day) : -EIO;
	if (rv != 0) {
		if (rv != -ENOENT && damage > 0) /* else it is gone, or nothing to us */
			repair_failed(&j, "", reason(rv));
		return rv == -ENOMEM ? rv : 0;
	}
	j.unmended = archive_day_unmended(j.archive, day);
	j.from.dirfd = archive_open_day(j.archive, day);
	if (repair_stop(&j, j.from.dirfd) >= 0)
		repair_all(&j);
	dayfiles_free(j.files);
	fileio_close(j.from.dirfd);
	archive_unlock_day(
	    j.archive, day, j.error == 0 ? ARCHIVE_UNLOCK_CLEAN : ARCHIVE_UNLOCK_DIRTY);
	if (j.error != 0)
		repair_failed(&j, "", reason(j.error));
	return j.error == -ENOMEM ? j.error : 0;
}

int repair_open(const char *path, const struct repair_hooks *hooks, struct repair **ret_repair)
{
	struct repair *r = calloc(1, sizeof(*r));
	int rv;

	if (r == NULL)
		return -ENOMEM;
	r->hooks = hooks;
	rv = archive_open(path, ARCHIVE_TEND, &r->archive);
	if (rv != 0) {
		repair_close(r);
		return rv;
	}
	*ret_repair = r;
	return 0;
}

const struct repair_totals *repair_totals(const struct repair *r)
{
	return &r->totals;
}

void repair_close(struct repair *r)
{
	if (r == NULL)
		return;
	archive_close(r->pinned);
	archive_close(r->archive);
	free(r);
}
