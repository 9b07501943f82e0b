/* SPDX-License-Identifier: BSD-2-Clause */
/* See prune.h. What happens within a day is in prune_units.c. */
#include "archive/prune.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "archive/layout.h"
#include "archive/mend.h"
#include "archive/prune_private.h"
#include "archive/trash.h"
#include "base/clk.h"

/* ---- what is there, and what is to go ---------------------------------------------------------
 */

/* f_bavail: what is reserved for root is not ours, statvfs(3). */
static int measure_free(struct archive *a, struct prune_usage *u)
{
	struct statvfs v;

	if (fstatvfs(archive_root(a), &v) != 0)
		return -errno;
	u->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	u->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	u->free_inodes = v.f_favail;
	u->total_inodes = v.f_files;
	return 0;
}

static int measure(
    struct archive *a, struct usage *usage, enum usage_how how, struct prune_usage *u)
{
	struct usage_sums sums;
	int rv = measure_free(a, u);

	if (rv == 0)
		rv = usage_look(usage, how, &sums);
	if (rv != 0)
		return rv;
	u->disk_bytes = sums.disk_bytes;
	u->days = sums.days;
	return 0;
}

int prune_usage(struct archive *a, struct prune_usage *ret_usage)
{
	struct prune_usage now = {0};
	struct usage *usage;
	int rv = usage_new(a, &usage);

	if (rv != 0)
		return rv;
	rv = measure(a, usage, USAGE_ALL, &now);
	usage_free(usage);
	if (rv == 0)
		*ret_usage = now;
	return rv;
}

static struct prune_need need_of(const struct prune_usage *u, const struct prune_limits *l)
{
	struct prune_need n = {0};

	if (l->max_disk_bytes > 0 && u->disk_bytes > l->max_disk_bytes)
		n.bytes = u->disk_bytes - l->max_disk_bytes;
	if (u->free_bytes < l->min_free_bytes)
		n.free_bytes = l->min_free_bytes - u->free_bytes;
	if (u->total_inodes > 0 && u->free_inodes < l->min_free_inodes)
		n.inodes = l->min_free_inodes - u->free_inodes;
	return n;
}

bool prune_within(const struct prune_usage *u, const struct prune_limits *limits)
{
	struct prune_need n = need_of(u, limits);

	return !prune_private_asks(&n);
}

struct prune_need prune_private_need(const struct prune *p)
{
	struct prune_need n = need_of(&p->now, &p->config->limits);

	if (p->helpless)
		n.free_bytes = n.inodes = 0;
	return n;
}

bool prune_private_stopped(const struct prune *p)
{
	const _Atomic bool *stop = p->config->stop;

	return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed);
}

static uint64_t less(uint64_t from, uint64_t by)
{
	return from > by ? from - by : 0;
}

static int measure_free_with_reserve(struct prune *p)
{
	int rv = measure_free(p->config->archive, &p->now);

	if (rv == 0)
		p->now.free_bytes = less(p->now.free_bytes, p->reserve_bytes);
	return rv;
}

/*
 * Some file systems free what was removed when they come to it: syncfs(2) hurries them. Where
 * nothing is free even then, somebody else holds it (a snapshot, an open file), and to remove more
 * would be in vain.
 */
static void measure_gain(struct prune *p, uint64_t bytes)
{
	struct prune_usage before = p->now;

	if (measure_free_with_reserve(p) != 0)
		return; /* as it was: the next to remove asks again */
	if (less(p->now.free_bytes, before.free_bytes) >= bytes / 2)
		return;
	(void)syncfs(archive_root(p->config->archive)); /* told by what is free then */
	if (measure_free_with_reserve(p) == 0)
		p->helpless = p->now.free_bytes <= before.free_bytes &&
			      p->now.free_inodes <= before.free_inodes;
}

void prune_private_freed(struct prune *p, uint64_t bytes, uint64_t inodes)
{
	const struct prune_limits *l = &p->config->limits;

	p->now.disk_bytes = less(p->now.disk_bytes, bytes);
	if (p->config->dry_run) {
		p->now.free_bytes += bytes;
		p->now.free_inodes += inodes;
	} else if (bytes > 0 && (l->min_free_bytes > 0 || l->min_free_inodes > 0)) {
		measure_gain(p, bytes);
	}
}

/* ---- the newest part --------------------------------------------------------------------------
 */

static int take_newest(const struct record *r, void *arg)
{
	struct prune *p = arg;

	if (p->has_newest && r->tally.last_ns <= p->newest_ns)
		return 0;
	p->has_newest = true;
	p->newest_day = r->day;
	p->newest_ns = r->tally.last_ns;
	p->newest_segment = r->segment;
	p->newest_part = r->part;
	memcpy(p->newest_uuid, r->uuid, sizeof(p->newest_uuid));
	return 0;
}

/* An index that cannot be read tells of no part: its day is not believed to hold the newest. */
static int find_newest_of(struct prune *p, int32_t day)
{
	const struct dayindex_where w = {.sql = "end_ns = (SELECT max(end_ns) FROM flow)"};
	struct dayindex *x;
	int rv = dayindex_open(p->config->archive, day, DAYINDEX_READ, &x);

	if (rv != 0)
		return rv == -ENOMEM ? rv : 0;
	rv = dayindex_select_where(x, &w, take_newest, p);
	dayindex_close(x);
	return rv == -ENOMEM ? rv : 0;
}

/* From the last day back: where a day's bound is not newer than what we have, it needs no look. */
static int find_newest(struct prune *p)
{
	size_t n;
	const struct usage_day *days = usage_days(p->usage, &n);
	int rv = 0;

	while (n-- > 0 && rv == 0)
		if (days[n].summary.parts > 0 &&
		    (!p->has_newest || days[n].summary.end_ns > p->newest_ns))
			rv = find_newest_of(p, days[n].day);
	return rv;
}

/* ---- whole days -------------------------------------------------------------------------------
 */

static int64_t day_end_ns(int32_t day)
{
	return ((int64_t)day + 1) * CLK_DAY_NS;
}

/* Is all of a day too old? A day that holds nothing is as old as its date. */
static bool is_too_old(const struct prune *p, const struct usage_day *d)
{
	if (d->index_error != 0)
		return false;
	if (d->summary.parts == 0)
		return day_end_ns(d->day) < p->cutoff_ns;
	return d->summary.end_ns < p->cutoff_ns;
}

static bool needs_all(const struct prune *p, const struct usage_day *d)
{
	const struct prune_need n = prune_private_need(p);
	uint64_t bytes = d->disk_bytes - d->pinned_bytes, inodes = d->inodes - d->pinned_inodes;

	return (n.bytes > 0 && bytes <= n.bytes) || (n.free_bytes > 0 && bytes <= n.free_bytes) ||
	       (n.inodes > 0 && inodes <= n.inodes);
}

/* May a day go as a whole? What no index tells of may be newer than what one does. */
static bool may_go(const struct prune *p, const struct usage_day *d)
{
	if (!p->has_newest || d->day == p->newest_day)
		return false;
	return d->index_error == 0 || d->day < p->newest_day;
}

static void tell(const struct prune *p, int32_t day, uint64_t parts, uint64_t bytes)
{
	char path[LAYOUT_DAY_SIZE];

	if (p->config->removed != NULL)
		p->config->removed(layout_day_path(day, path), parts, bytes, p->config->arg);
}

/* A day that is out of sight, or would be. */
static int finish_day(struct prune *p, const struct usage_day *d, const struct prune_gone *before)
{
	uint64_t bytes = less(d->disk_bytes - d->pinned_bytes, before->bytes);
	uint64_t inodes = less(d->inodes - d->pinned_inodes, before->inodes);
	uint64_t parts = less(d->summary.parts, before->parts);
	int rv = p->config->dry_run ? 0 : trash_empty(p->config->archive, p->config->stop);

	p->totals->days++;
	p->totals->parts += parts;
	p->totals->bytes += bytes;
	p->now.days = less(p->now.days, 1);
	prune_private_freed(p, bytes, inodes);
	tell(p, d->day, parts, bytes);
	return rv;
}

/* ---- one day ----------------------------------------------------------------------------------
 */

/* Returns 0; 1 the day is passed over; -errno. */
static int take_day(struct prune *p, const struct usage_day *d, enum prune_hold *ret_hold)
{
	struct archive *a = p->config->archive;
	int rv;

	if (p->config->dry_run) {
		*ret_hold = PRUNE_DRY;
		if (!d->dirty || !archive_has_writer(a))
			return 0;
		p->totals->busy_days++;
		return 1;
	}
	rv = archive_lock_day(a, d->day);
	*ret_hold = PRUNE_LOCKED;
	if (rv == -EAGAIN && p->config->catalog != NULL && archive_day_users(a, d->day) > 0) {
		*ret_hold = PRUNE_WRITER;
		return 0;
	}
	if (rv == -EAGAIN)
		p->totals->busy_days++;
	return rv == -EAGAIN || rv == -ENOENT ? 1 : rv;
}

/* Does an error concern one day, and not the archive or the machine? */
static bool is_of_day(int rv)
{
	return rv == -EBADMSG || rv == -ENOENT || rv == -EIO || rv == -ENOTSUP || rv == -EBUSY;
}

static int mend(struct prune *p, struct usage_day *d, enum mend_how how)
{
	const struct mend_config config = {.how = how};
	struct mend_totals totals;
	int rv = mend_day(p->config->archive, d->day, &config, &totals);

	if (rv == 0)
		rv = usage_look_at_day(p->usage, d->day, d);
	if (rv == 0)
		d->dirty = false; /* it is listed because we have it in hand */
	return rv;
}

/* What a kill has left in a day is put in order, so that its index tells of all that is there. */
static int mend_if_needed(struct prune *p, struct usage_day *d)
{
	if (d->index_error == -ENOENT || d->index_error == -EBADMSG)
		return mend(p, d, MEND_ALL);
	return archive_day_unmended(p->config->archive, d->day) ? mend(p, d, MEND_QUICK) : 0;
}

/* Its units; where a row cannot be read, those of an index that is made anew. */
static int prune_units(
    struct prune *p, struct usage_day *d, enum prune_hold hold, struct prune_gone *gone)
{
	int rv = prune_private_units(p, d, hold, gone);

	if (rv != -EBADMSG || hold != PRUNE_LOCKED || gone->parts > 0)
		return rv;
	rv = mend(p, d, MEND_ALL);
	return rv == 0 ? prune_private_units(p, d, hold, gone) : rv;
}

/* Returns 1 if the day is to go as a whole; 0; -errno. */
static int prune_held_day(
    struct prune *p, struct usage_day *d, enum prune_hold hold, struct prune_gone *gone)
{
	bool movable = hold != PRUNE_WRITER;
	int rv;

	if (movable && may_go(p, d) && needs_all(p, d))
		return 1;
	rv = hold == PRUNE_LOCKED ? mend_if_needed(p, d) : 0;
	if (rv == 0)
		rv = d->index_error;
	if (rv == 0 && movable && may_go(p, d) && (needs_all(p, d) || is_too_old(p, d)))
		return 1;
	if (rv == 0)
		rv = prune_units(p, d, hold, gone);
	if (is_of_day(rv)) {
		p->totals->unreadable_days++;
		d->dirty = true; /* rows may be gone whose files are not */
		rv = 0;
	} else if (rv == 0 && movable && may_go(p, d) && gone->parts > 0) {
		rv = gone->parts >= d->summary.parts; /* only its index is left */
	}
	return rv;
}

static int prune_day(struct prune *p, const struct usage_day *seen)
{
	struct archive *a = p->config->archive;
	struct prune_gone gone = {0};
	struct usage_day d = *seen;
	enum prune_hold hold;
	bool whole;
	int rv = take_day(p, seen, &hold);

	if (rv != 0)
		return rv == 1 ? 0 : rv;
	d.dirty = hold == PRUNE_LOCKED && archive_day_unmended(a, d.day);
	rv = prune_held_day(p, &d, hold, &gone);
	whole = rv == 1;
	if (whole)
		rv = hold == PRUNE_LOCKED ? trash_move_day(a, d.day) : 0;
	/* Moved away or mended, there is nothing left to mend. */
	if (hold == PRUNE_LOCKED)
		archive_unlock_day(a, d.day,
		    rv != 0 || (d.dirty && !whole) ? ARCHIVE_UNLOCK_DIRTY : ARCHIVE_UNLOCK_CLEAN);
	return rv == 0 && whole ? finish_day(p, &d, &gone) : rv;
}

/* ---- all days ---------------------------------------------------------------------------------
 */

/* Could anything of a day be too old? No part ends before it begins, nor before its day. */
static bool has_old(const struct prune *p, const struct usage_day *d)
{
	if ((int64_t)d->day * CLK_DAY_NS >= p->cutoff_ns)
		return false;
	return d->summary.parts == 0 || d->summary.start_ns < p->cutoff_ns;
}

static int prune_days(struct prune *p)
{
	size_t n;
	const struct usage_day *days = usage_days(p->usage, &n);
	int rv = 0;

	for (size_t i = 0; i < n && rv == 0 && !prune_private_stopped(p); i++) {
		const struct prune_need need = prune_private_need(p);

		if (prune_private_asks(&need) || has_old(p, &days[i]))
			rv = prune_day(p, &days[i]);
	}
	return rv;
}

static int run(struct prune *p)
{
	const struct prune_config *c = p->config;
	struct prune_need need;
	int rv = 0;

	if (!c->dry_run)
		rv = trash_empty(c->archive, c->stop);
	if (rv == 0)
		rv = measure(c->archive, p->usage, USAGE_ALL, &p->now);
	if (rv != 0)
		return rv;
	p->reserve_bytes = trash_has_reserve(c->archive) ? 0 : TRASH_RESERVE_BYTES;
	p->now.free_bytes = less(p->now.free_bytes, p->reserve_bytes);
	p->now.disk_bytes += p->reserve_bytes;
	need = prune_private_need(p);
	if (!prune_private_asks(&need) && c->limits.max_age_ns == 0)
		return 0;
	rv = find_newest(p);
	return rv == 0 ? prune_days(p) : rv;
}

/* What there is now: the estimate is not what is told. */
static void conclude(struct prune *p)
{
	const struct prune_config *c = p->config;
	struct prune_totals *t = p->totals;
	struct prune_usage now;

	if (!c->dry_run) {
		trash_reserve(c->archive);
		if ((t->parts > 0 || t->days > 0 || p->reserve_bytes > 0) &&
		    measure(c->archive, p->usage, USAGE_ALL, &now) == 0)
			p->now = now;
	}
	t->usage = p->now;
	t->enough = prune_within(&p->now, &c->limits);
}

int prune_run(const struct prune_config *config, struct prune_totals *ret_totals)
{
	struct prune_totals totals = {0};
	struct prune p = {.config = config, .totals = &totals, .cutoff_ns = INT64_MIN};
	int rv = 0;

	p.usage = config->usage;
	if (p.usage == NULL)
		rv = usage_new(config->archive, &p.usage);
	if (rv != 0)
		return rv;
	if (config->limits.max_age_ns > 0)
		p.cutoff_ns = config->now_ns - config->limits.max_age_ns;
	rv = run(&p);
	/* The disk is full to the last block: now is what the reserve was kept for. */
	if (rv == -ENOSPC && !config->dry_run && trash_spend(config->archive)) {
		totals.busy_days = totals.unreadable_days = 0;
		rv = run(&p);
	}
	conclude(&p);
	if (config->usage == NULL)
		usage_free(p.usage);
	*ret_totals = totals;
	return rv;
}
