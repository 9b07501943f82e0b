/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See retain.h. A look costs one call of the file system and a question to the index of each day
 * that is being written; all days are looked at once a minute, and when something is to go.
 *
 * Head room: what grows is measured from look to look, and room for some seconds of it is made
 * before the limit is reached. It is made in one go when half of it is used up, so that not every
 * look has something to remove.
 *
 * The wall (wall.h): each look tells for what there is room, from what it measured and what was
 * written before it began to measure: what was claimed and may not be in the measure yet is as good
 * as written. Indexes and their logs are written while room is made, and must never wait: what they
 * may come to is kept free.
 */
#include "archive/retain.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "archive/trash.h"
#include "base/clk.h"
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

/*
 * What the log of an index comes to: SQLite writes it back when it holds 1,000 pages of 4,096
 * bytes, and then begins at its start again (PRAGMA wal_autocheckpoint). The last transaction may
 * go beyond, by all pages of the index at most.
 */
#define LOG_BYTES (UINT64_C(1000) * (4096 + 24) + 32)

/* Kept free for directories, lists, shared memory of indexes; and the names that all that takes. */
#define KEPT_BYTES (UINT64_C(128) << 10)
#define KEPT_FILES 16

/* What is kept free is this part of what the archive may take, at most; one log that part. */
#define KEPT_MOST     4
#define LOG_MORE_MOST 32

struct retain {
	/* set at start, then read-only */
	struct archive *archive;
	struct catalog *catalog;
	struct prune_limits limits;
	struct wall *wall;
	bool has_wall; /* there is a limit on what is taken */
	pthread_t thread;

	struct retain_stats stats;
	_Atomic bool stopping;
	_Atomic uint64_t published; /* bytes of files, each rounded up to 4,096 */

	/* owned by the thread */
	struct usage *usage;
	uint64_t before_bytes, growth;              /* at the last look; bytes a second */
	int64_t before_ns, full_ns, age_ns, try_ns; /* the last look; when next */
	uint64_t staged_seen;                       /* as .staging was looked at last */
	bool hopeless;                              /* nothing can be removed: the wall is open */
};

/* What was claimed before a look measures, and what it measures. */
struct sight {
	struct prune_usage usage;
	struct wall_claims claims;
	/* what must be there beyond that: kept free, and claimed but perhaps not measured */
	uint64_t disk_bytes, free_bytes, files;
};

/* ---- head room --------------------------------------------------------------------------------
 */

static uint64_t bounded(uint64_t v, uint64_t least, uint64_t most)
{
	return v < least ? least : v > most ? most : v;
}

static uint64_t less(uint64_t from, uint64_t by)
{
	return from > by ? from - by : 0;
}

/* Room to be made for a limit of so many bytes, of which `spare` could be used for it at all. */
static uint64_t room_of(const struct retain *r, uint64_t limit, uint64_t spare)
{
	uint64_t most = (limit < spare ? limit : spare) / ROOM_MOST;

	return bounded(r->growth * ROOM_SECONDS, most / (ROOM_LEAST / ROOM_MOST), most);
}

/*
 * The limits with all that is to be kept free: what the sight tells, and the head room or a part of
 * it: 1 all, 2 half.
 */
static void tighten(
    const struct retain *r, const struct sight *s, unsigned part, struct prune_limits *l)
{
	const struct prune_usage *u = &s->usage;

	*l = r->limits;
	if (l->max_disk_bytes > 0) {
		l->max_disk_bytes = less(l->max_disk_bytes,
		    s->disk_bytes + room_of(r, l->max_disk_bytes, UINT64_MAX) / part);
		if (l->max_disk_bytes == 0) /* that would be no limit */
			l->max_disk_bytes = 1;
	}
	if (l->min_free_bytes > 0 && l->min_free_bytes < u->total_bytes)
		l->min_free_bytes +=
		    s->free_bytes +
		    room_of(r, l->min_free_bytes, u->total_bytes - l->min_free_bytes) / part;
	if (l->min_free_inodes > 0 && l->min_free_inodes < u->total_inodes)
		l->min_free_inodes += s->files + bounded(l->min_free_inodes, 0,
						     u->total_inodes - l->min_free_inodes) /
						     ROOM_MOST / part;
}

/* What the archive may take, about. */
static uint64_t space_of(const struct prune_limits *l, const struct prune_usage *u)
{
	uint64_t space = less(u->total_bytes, l->min_free_bytes);

	return l->max_disk_bytes > 0 && l->max_disk_bytes < space ? l->max_disk_bytes : space;
}

/* What the index of a day that is written may come to, without a part more in it. */
static uint64_t index_growth(const struct usage_day *d, uint64_t space)
{
	uint64_t log = LOG_BYTES + bounded(d->index_bytes, 0, space / LOG_MORE_MOST);

	return less(log, d->log_bytes) + less(d->index_whole_bytes, d->index_bytes);
}

/*
 * What is written without a claim until the next look: by the catalog, and to remove parts. The
 * index of a day that is at rest is written with a log, too, while parts go from it.
 */
static uint64_t kept_free(const struct retain *r, const struct prune_usage *u)
{
	uint64_t space = space_of(&r->limits, u), sum = 0, at_rest = 0;
	size_t n, written = 0;
	const struct usage_day *d = usage_days(r->usage, &n);

	for (; n > 0; n--, d++) {
		if (d->dirty || d->log_bytes > 0) {
			sum += index_growth(d, space);
			written++;
		} else if (d->index_bytes > at_rest) {
			at_rest = d->index_bytes;
		}
	}
	if (written == 0)
		sum += LOG_BYTES; /* that of the day that is to come */
	sum += bounded(at_rest, 0, space / LOG_MORE_MOST) + KEPT_BYTES;
	sum += catalog_pending_rows(r->catalog) * WALL_ROW_BYTES;
	return bounded(sum, 0, space / KEPT_MOST);
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

/* ---- measuring and removing -------------------------------------------------------------------
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
static uint64_t unindexed(const struct retain *r, uint64_t indexed)
{
	return less(atomic_load_explicit(&r->published, memory_order_acquire), indexed);
}

static int measure(struct retain *r, enum usage_how how, struct sight *s)
{
	/* Counted before, so that what is indexed meanwhile counts twice and not never. */
	uint64_t indexed = catalog_indexed_bytes(r->catalog);
	struct usage_sums sums;
	struct statvfs v;
	int rv;

	wall_look(r->wall, &s->claims);
	rv = usage_look(r->usage, how, &sums);
	if (rv != 0)
		return rv;
	if (fstatvfs(archive_root(r->archive), &v) != 0)
		return -errno;
	s->usage = (struct prune_usage){.disk_bytes = sums.disk_bytes + unindexed(r, indexed),
	    .free_bytes = (uint64_t)v.f_bavail * v.f_frsize,
	    .total_bytes = (uint64_t)v.f_blocks * v.f_frsize,
	    .free_inodes = v.f_favail,
	    .total_inodes = v.f_files,
	    .days = sums.days};
	if (sums.beside)
		r->staged_seen = s->claims.staged_bytes;
	s->free_bytes = s->claims.open_bytes + kept_free(r, &s->usage);
	s->disk_bytes = s->free_bytes + less(s->claims.staged_bytes, r->staged_seen);
	s->files = s->claims.open_files + KEPT_FILES;
	return 0;
}

/* The first measure of a look. */
static int measure_all(struct retain *r, bool urgent, struct sight *s)
{
	int64_t now_ns = clk_mono().ns;
	enum usage_how how = urgent || now_ns >= r->full_ns ? USAGE_ALL : USAGE_WRITTEN;
	int rv = measure(r, how, s);

	if (rv != 0)
		return rv;
	if (how == USAGE_ALL) /* at most a twentieth of the time */
		r->full_ns = now_ns + FULL_NS + 20 * (clk_mono().ns - now_ns);
	/* What went is no growth that is missing. */
	measure_growth(r,
	    s->usage.disk_bytes +
		atomic_load_explicit(&r->stats.removed_bytes, memory_order_relaxed),
	    now_ns);
	return 0;
}

/* What is there afterwards is in the sight. Returns: 0; -errno. */
static int prune(struct retain *r, const struct prune_limits *limits, struct sight *s)
{
	struct prune_config config = {.archive = r->archive,
	    .catalog = r->catalog,
	    .usage = r->usage,
	    .limits = *limits,
	    .now_ns = clk_wall().ns,
	    .stop = &r->stopping};
	struct prune_totals totals = {0};
	uint64_t hidden = unindexed(r, catalog_indexed_bytes(r->catalog));
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
	if (totals.parts > 0 || totals.days > 0) {
		struct sight after = {0};
		int error = measure(r, USAGE_ALL, &after);

		if (error == 0)
			*s = after;
		rv = rv == 0 ? error : rv;
	}
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

/* ---- the wall ---------------------------------------------------------------------------------
 */

/* So much there is, and so much must be: claims beyond the present ones have what is over. */
static uint64_t beyond(uint64_t claimed, uint64_t have, uint64_t need)
{
	return have >= need ? claimed + (have - need) : less(claimed, need - have);
}

static struct wall_ceiling ceiling_of(const struct retain *r, const struct sight *s)
{
	const struct prune_limits *l = &r->limits;
	const struct prune_usage *u = &s->usage;
	struct wall_ceiling c = {UINT64_MAX, UINT64_MAX};

	if (l->max_disk_bytes > 0)
		c.bytes = beyond(s->claims.bytes, l->max_disk_bytes, u->disk_bytes + s->disk_bytes);
	if (l->min_free_bytes > 0) {
		uint64_t bytes =
		    beyond(s->claims.bytes, u->free_bytes, l->min_free_bytes + s->free_bytes);

		c.bytes = bytes < c.bytes ? bytes : c.bytes;
	}
	if (l->min_free_inodes > 0 && u->total_inodes > 0)
		c.files = beyond(s->claims.files, u->free_inodes, l->min_free_inodes + s->files);
	return c;
}

/* Who waits for what cannot be had goes on in spite of it. */
static void move_wall(struct retain *r, const struct sight *s, const struct wall_ceiling *c)
{
	static const struct wall_ceiling open = {UINT64_MAX, UINT64_MAX};

	wall_set(
	    r->wall, r->hopeless ? &open : c, s->claims.bytes + step_of(&r->limits, &s->usage));
}

/*
 * Is there no use in waiting? A ceiling does not move by what is written: the writers' part in the
 * measure is in their claims. So if it did not rise, to remove was in vain.
 */
static void judge(struct retain *r, bool tried, const struct sight *s,
    const struct wall_ceiling *before, const struct wall_ceiling *now)
{
	bool rose = now->bytes > before->bytes || now->files > before->files;

	if ((now->bytes >= s->claims.bytes && now->files >= s->claims.files) || rose)
		r->hopeless = false;
	else if (tried)
		r->hopeless = true;
	if (r->hopeless && tried)
		r->try_ns = clk_mono().ns + HOPELESS_NS;
}

void retain_begin(struct retain *r, const struct wall_claim *c)
{
	if (r != NULL && r->has_wall)
		wall_begin(r->wall, c);
}

void retain_end(struct retain *r, const struct wall_claim *c)
{
	if (r != NULL && r->has_wall)
		wall_end(r->wall, c);
}

void retain_release(struct retain *r)
{
	if (r != NULL)
		wall_release(r->wall);
}

/* ---- a look -----------------------------------------------------------------------------------
 */

static int look(struct retain *r, bool urgent)
{
	struct prune_limits trigger, target;
	struct wall_ceiling before, now;
	struct sight s = {0};
	bool due, tried;
	int rv;

	urgent = urgent || wall_awaited(r->wall);
	rv = measure_all(r, urgent, &s);
	if (rv != 0) {
		wall_open(r->wall);
		return rv;
	}
	before = ceiling_of(r, &s);
	tighten(r, &s, 2, &trigger);
	tighten(r, &s, 1, &target);
	due = age_is_due(r, clk_mono().ns);
	if (!due)
		target.max_age_ns = 0;
	tried = urgent || clk_mono().ns >= r->try_ns;
	if (due || (tried && !prune_within(&s.usage, urgent ? &target : &trigger)))
		rv = prune(r, &target, &s);
	now = ceiling_of(r, &s);
	judge(r, tried, &s, &before, &now);
	set(&r->stats.disk_bytes, s.usage.disk_bytes);
	set(&r->stats.free_bytes, s.usage.free_bytes);
	if (rv != 0 || !prune_within(&s.usage, &r->limits))
		add(&r->stats.failed, 1);
	move_wall(r, &s, &now);
	return rv;
}

/* ---- the thread -------------------------------------------------------------------------------
 */

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
		urgent = wall_sleep(r->wall, clk_mono().ns + LOOK_NS);
	}
	return NULL;
}

void retain_wrote(struct retain *r, uint64_t length)
{
	if (r != NULL)
		atomic_fetch_add_explicit(
		    &r->published, layout_disk_bytes(length), memory_order_release);
}

static void retain_free(struct retain *r)
{
	usage_free(r->usage); /* both take NULL */
	wall_free(r->wall);
	free(r);
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
	r->has_wall =
	    limits->max_disk_bytes > 0 || limits->min_free_bytes > 0 || limits->min_free_inodes > 0;
	rv = wall_new(&r->stats.waits, &r->wall);
	if (rv == 0)
		rv = usage_new(a, &r->usage);
	if (rv == 0)
		rv = thread_start("fk-retain", retain_thread, r, &r->thread);
	if (rv != 0) {
		retain_free(r);
		return rv;
	}
	*ret_retain = r;
	return 0;
}

void retain_wake(struct retain *r)
{
	if (r != NULL)
		wall_wake(r->wall);
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
	retain_release(r);
	wall_wake(r->wall);
	(void)pthread_join(r->thread, NULL); /* our own, joined once */
	retain_free(r);
}
