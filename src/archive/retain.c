/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See retain.h. A look costs one call of the file system and a question to the index of each day
 * that is being written; all days are looked at once a minute, and when something is to go.
 *
 * Head room: what grows is measured from look to look, and room for some seconds of it is made
 * before the limit is reached. It is made in one go when half of it is used up, so that not every
 * look has something to remove.
 */
#include "archive/retain.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include "archive/trash.h"
#include "base/clk.h"
#include "base/parse.h"
#include "base/thread.h"

#define LOOK_NS CLK_SECOND_NS
#define FULL_NS (60 * CLK_SECOND_NS)

/* Where a look found nothing to remove, the next one that tries is so much later. */
#define HOPELESS_NS (2 * CLK_SECOND_NS)

/* Head room: seconds of growth, and its bounds as parts of the limit. */
#define ROOM_SECONDS 4
#define ROOM_LEAST   100
#define ROOM_MOST    5

/* No look for less than this. */
#define STEP_LEAST (UINT64_C(256) << 10)

/* An archive needs so much for its indexes and what is being written. */
#define MAX_DISK_LEAST (UINT64_C(16) << 20)

struct retain {
	/* set at start, then read-only */
	struct archive *archive;
	struct catalog *catalog;
	struct prune_limits limits;
	pthread_t thread;

	struct retain_stats stats;
	_Atomic bool stopping;
	_Atomic uint64_t published; /* bytes of files, each rounded up to 4,096 */
	_Atomic uint64_t written;   /* bytes since the last look */
	uint64_t step;              /* how many of them make another look due */

	/* owned by the thread */
	struct usage *usage;
	uint64_t before_bytes, growth;              /* at the last look; bytes a second */
	int64_t before_ns, full_ns, age_ns, try_ns; /* the last look; when next */

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t wake; /* by CLOCK_MONOTONIC */
	bool woken;
	bool due; /* without haste: much was written */
};

/* ---- can it be done? --------------------------------------------------------------------------
 */

static int refuse(char *error, const char *what, uint64_t value, const char *why)
{
	char text[PARSE_TEXT_SIZE];

	(void)snprintf(error, 256, "%s %s: %s", what, parse_size_text(value, text), why);
	return -ERANGE;
}

static int check_disk(const struct prune_limits *l, const struct statvfs *v,
    const struct usage_sums *sums, char *error)
{
	uint64_t total = (uint64_t)v->f_blocks * v->f_frsize;
	uint64_t kept = sums->pinned_bytes + sums->damaged_bytes;
	char why[160], text[PARSE_TEXT_SIZE];

	if (l->max_disk_bytes == 0)
		return 0;
	if (l->max_disk_bytes < MAX_DISK_LEAST)
		return refuse(error, "max-disk", l->max_disk_bytes, "an archive needs 16MiB");
	if (l->max_disk_bytes > total) {
		(void)snprintf(why, sizeof(why), "the file system has %s in all",
		    parse_size_text(total, text));
		return refuse(error, "max-disk", l->max_disk_bytes, why);
	}
	if (kept > l->max_disk_bytes) {
		(void)snprintf(why, sizeof(why), "what is pinned and damaged takes %s alone",
		    parse_size_text(kept, text));
		return refuse(error, "max-disk", l->max_disk_bytes, why);
	}
	return 0;
}

static int check_free(const struct prune_limits *l, const struct statvfs *v, char *error)
{
	uint64_t total = (uint64_t)v->f_blocks * v->f_frsize;
	char why[160], text[PARSE_TEXT_SIZE];

	if (l->min_free_bytes >= total && l->min_free_bytes > 0) {
		(void)snprintf(why, sizeof(why), "the file system has %s in all",
		    parse_size_text(total, text));
		return refuse(error, "min-free", l->min_free_bytes, why);
	}
	if (l->min_free_inodes > 0 && v->f_files == 0) {
		(void)snprintf(error, 256, "min-inodes %" PRIu64 ": the file system counts none",
		    l->min_free_inodes);
		return -ERANGE;
	}
	if (l->min_free_inodes > 0 && l->min_free_inodes >= v->f_files) {
		(void)snprintf(error, 256,
		    "min-inodes %" PRIu64 ": the file system has %" PRIu64 " in all",
		    l->min_free_inodes, (uint64_t)v->f_files);
		return -ERANGE;
	}
	return 0;
}

int retain_check(struct archive *a, const struct prune_limits *limits, char *ret_error)
{
	struct usage_sums sums = {0};
	struct usage *usage;
	struct statvfs v;
	int rv;

	if (fstatvfs(archive_root(a), &v) != 0)
		return -errno;
	rv = check_free(limits, &v, ret_error);
	if (rv != 0 || limits->max_disk_bytes == 0)
		return rv;
	rv = usage_new(a, &usage);
	if (rv != 0)
		return rv;
	rv = usage_look(usage, USAGE_ALL, &sums);
	usage_free(usage);
	return rv == 0 ? check_disk(limits, &v, &sums, ret_error) : rv;
}

/* ---- head room --------------------------------------------------------------------------------
 */

static uint64_t bounded(uint64_t v, uint64_t least, uint64_t most)
{
	return v < least ? least : v > most ? most : v;
}

/* Room to be made for a limit of so many bytes, of which `spare` could be used for it at all. */
static uint64_t room_of(const struct retain *r, uint64_t limit, uint64_t spare)
{
	uint64_t most = (limit < spare ? limit : spare) / ROOM_MOST;

	return bounded(r->growth * ROOM_SECONDS, most / (ROOM_LEAST / ROOM_MOST), most);
}

/* The limits with the head room, or a part of it: 1 all, 2 half. */
static void tighten(
    const struct retain *r, const struct prune_usage *u, unsigned part, struct prune_limits *l)
{
	*l = r->limits;
	if (l->max_disk_bytes > 0)
		l->max_disk_bytes -= room_of(r, l->max_disk_bytes, UINT64_MAX) / part;
	if (l->min_free_bytes > 0 && l->min_free_bytes < u->total_bytes)
		l->min_free_bytes +=
		    room_of(r, l->min_free_bytes, u->total_bytes - l->min_free_bytes) / part;
	if (l->min_free_inodes > 0 && l->min_free_inodes < u->total_inodes)
		l->min_free_inodes +=
		    bounded(l->min_free_inodes, 0, u->total_inodes - l->min_free_inodes) /
		    ROOM_MOST / part;
}

static void measure_growth(struct retain *r, uint64_t bytes, int64_t now_ns)
{
	double s = (double)(now_ns - r->before_ns) / (double)CLK_SECOND_NS;
	uint64_t growth = 0;

	if (r->before_ns > 0 && s <= 0.1) /* too soon to tell */
		return;
	if (r->before_ns > 0 && bytes > r->before_bytes)
		growth = (uint64_t)((double)(bytes - r->before_bytes) / s);
	/* What comes in bursts is not forgotten at once. */
	r->growth = growth > r->growth - r->growth / 8 ? growth : r->growth - r->growth / 8;
	r->before_bytes = bytes;
	r->before_ns = now_ns;
}

/* ---- a look -----------------------------------------------------------------------------------
 */

static void set(_Atomic uint64_t *v, uint64_t to)
{
	atomic_store_explicit(v, to, memory_order_relaxed);
}

static void add(_Atomic uint64_t *v, uint64_t more)
{
	atomic_fetch_add_explicit(v, more, memory_order_relaxed);
}

/* Files that lie there before the index of their day tells of them. */
static uint64_t unindexed(const struct retain *r)
{
	uint64_t indexed = catalog_indexed_bytes(r->catalog);
	uint64_t published = atomic_load_explicit(&r->published, memory_order_relaxed);

	return published > indexed ? published - indexed : 0;
}

static int measure(struct retain *r, int64_t now_ns, struct prune_usage *u)
{
	enum usage_how how = now_ns >= r->full_ns ? USAGE_ALL : USAGE_WRITTEN;
	struct usage_sums sums;
	struct statvfs v;
	int rv = usage_look(r->usage, how, &sums);

	if (rv != 0)
		return rv;
	if (fstatvfs(archive_root(r->archive), &v) != 0)
		return -errno;
	if (how == USAGE_ALL) /* at most a twentieth of the time */
		r->full_ns = now_ns + FULL_NS + 20 * (clk_mono().ns - now_ns);
	*u = (struct prune_usage){.disk_bytes = sums.disk_bytes + unindexed(r),
	    .free_bytes = (uint64_t)v.f_bavail * v.f_frsize,
	    .total_bytes = (uint64_t)v.f_blocks * v.f_frsize,
	    .free_inodes = v.f_favail,
	    .total_inodes = v.f_files,
	    .days = sums.days};
	/* What went is no growth that is missing. */
	measure_growth(r,
	    u->disk_bytes + atomic_load_explicit(&r->stats.removed_bytes, memory_order_relaxed),
	    now_ns);
	return 0;
}

static int prune(struct retain *r, const struct prune_limits *limits, struct prune_usage *u)
{
	struct prune_config config = {.archive = r->archive,
	    .catalog = r->catalog,
	    .usage = r->usage,
	    .limits = *limits,
	    .now_ns = clk_wall().ns,
	    .stop = &r->stopping};
	struct prune_totals totals = {0};
	uint64_t hidden = unindexed(r);
	int rv;

	/* What no index tells of counts, too. */
	if (config.limits.max_disk_bytes > 0)
		config.limits.max_disk_bytes = config.limits.max_disk_bytes > hidden
						   ? config.limits.max_disk_bytes - hidden
						   : 1;
	rv = prune_run(&config, &totals);

	/* Where something went, more may: what is written meanwhile is not hopeless. */
	if (rv != 0 || (!totals.enough && totals.parts == 0 && totals.days == 0))
		r->try_ns = clk_mono().ns + HOPELESS_NS;
	add(&r->stats.removed_parts, totals.parts);
	add(&r->stats.removed_bytes, totals.bytes);
	add(&r->stats.removed_days, totals.days);
	if (totals.usage.total_bytes == 0) /* it came to nothing */
		return rv;
	*u = totals.usage;
	u->disk_bytes += unindexed(r);
	return rv;
}

/* Is it time to ask how old the parts are? */
static bool age_is_due(struct retain *r, int64_t now_ns)
{
	if (r->limits.max_age_ns == 0 || now_ns < r->age_ns)
		return false;
	r->age_ns = now_ns + (int64_t)bounded((uint64_t)r->limits.max_age_ns / 100,
				 (uint64_t)LOOK_NS, (uint64_t)FULL_NS);
	return true;
}

/* A part of the head room may be written before the next look. */
static uint64_t step_of(const struct prune_limits *l, const struct prune_usage *u)
{
	uint64_t room = u->total_bytes;

	if (l->min_free_bytes > 0 && l->min_free_bytes < u->total_bytes)
		room = bounded(l->min_free_bytes, 0, u->total_bytes - l->min_free_bytes);
	if (l->max_disk_bytes > 0 && l->max_disk_bytes < room)
		room = l->max_disk_bytes;
	return bounded(room / ROOM_MOST / 8, STEP_LEAST, UINT64_MAX);
}

static int look(struct retain *r, bool urgent)
{
	struct prune_limits trigger, target;
	struct prune_usage u = {0};
	int64_t now_ns = clk_mono().ns;
	int rv = measure(r, now_ns, &u);
	bool due;

	if (rv != 0)
		return rv;
	(void)pthread_mutex_lock(&r->lock);
	r->step = step_of(&r->limits, &u);
	(void)pthread_mutex_unlock(&r->lock);
	tighten(r, &u, 2, &trigger);
	tighten(r, &u, 1, &target);
	due = age_is_due(r, now_ns);
	if (!due)
		target.max_age_ns = 0;
	if (due ||
	    ((urgent || now_ns >= r->try_ns) && !prune_within(&u, urgent ? &target : &trigger)))
		rv = prune(r, &target, &u);
	set(&r->stats.disk_bytes, u.disk_bytes);
	set(&r->stats.free_bytes, u.free_bytes);
	if (rv != 0 || !prune_within(&u, &r->limits))
		add(&r->stats.failed, 1);
	return rv;
}

/* ---- the thread -------------------------------------------------------------------------------
 */

/* Returns whether it was woken. */
static bool wait_for_next(struct retain *r)
{
	struct timespec until;
	int64_t ns = clk_mono().ns + LOOK_NS;
	bool woken;
	int rv = 0;

	until.tv_sec = ns / CLK_SECOND_NS;
	until.tv_nsec = (long)(ns % CLK_SECOND_NS);
	(void)pthread_mutex_lock(&r->lock);
	while (!r->woken && !r->due && rv == 0 &&
	       !atomic_load_explicit(&r->stopping, memory_order_relaxed))
		rv = pthread_cond_timedwait(&r->wake, &r->lock, &until);
	woken = r->woken;
	r->woken = r->due = false;
	(void)pthread_mutex_unlock(&r->lock);
	return woken;
}

static void *retain_thread(void *arg)
{
	struct retain *r = arg;
	bool urgent = true; /* the first look, too */

	trash_reserve(r->archive);
	while (!atomic_load_explicit(&r->stopping, memory_order_relaxed)) {
		int rv = look(r, urgent);

		atomic_store_explicit(&r->stats.last_error, rv, memory_order_relaxed);
		/* Whoever sees the look counted sees what it told. */
		atomic_fetch_add_explicit(&r->stats.looks, 1, memory_order_release);
		urgent = wait_for_next(r);
	}
	return NULL;
}

void retain_wrote(struct retain *r, uint64_t length)
{
	if (r != NULL)
		add(&r->published, (length + 4095) & ~UINT64_C(4095));
}

void retain_wake_after(struct retain *r, uint64_t bytes)
{
	uint64_t written;

	if (r == NULL)
		return;
	written = atomic_fetch_add_explicit(&r->written, bytes, memory_order_relaxed) + bytes;
	if (written < STEP_LEAST)
		return;
	(void)pthread_mutex_lock(&r->lock);
	if (written >= r->step) {
		atomic_store_explicit(&r->written, 0, memory_order_relaxed);
		r->due = true;
		(void)pthread_cond_signal(&r->wake);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

static int init_wake(struct retain *r)
{
	pthread_condattr_t attr;
	int rv = pthread_condattr_init(&attr);

	if (rv != 0)
		return -rv;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* a clock that there is */
	rv = pthread_cond_init(&r->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return -rv;
}

int retain_start(struct archive *a, struct catalog *c, const struct prune_limits *limits,
    struct retain **ret_retain)
{
	struct retain *r = calloc(1, sizeof(*r));
	int rv;

	if (r == NULL)
		return -ENOMEM;
	r->archive = a;
	r->catalog = c;
	r->limits = *limits;
	rv = init_wake(r);
	if (rv != 0) {
		free(r);
		return rv;
	}
	(void)pthread_mutex_init(&r->lock, NULL); /* default attributes: cannot fail on Linux */
	rv = usage_new(a, &r->usage);
	if (rv == 0)
		rv = thread_start("fk-retain", retain_thread, r, &r->thread);
	if (rv != 0) {
		usage_free(r->usage);
		(void)pthread_cond_destroy(&r->wake);
		(void)pthread_mutex_destroy(&r->lock);
		free(r);
		return rv;
	}
	*ret_retain = r;
	return 0;
}

static void wake(struct retain *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->woken = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}

void retain_wake(struct retain *r)
{
	if (r != NULL)
		wake(r);
}

const struct retain_stats *retain_stats(const struct retain *r)
{
	return &r->stats;
}

void retain_stop(struct retain *r)
{
	if (r == NULL)
		return;
	atomic_store_explicit(&r->stopping, true, memory_order_relaxed);
	wake(r);
	(void)pthread_join(r->thread, NULL); /* our own, joined once */
	usage_free(r->usage);
	(void)pthread_cond_destroy(&r->wake);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}
