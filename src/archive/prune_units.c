/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes from a day that does not go as a whole. A unit is a segment, or a file of its own; it
 * is as old as the last packet of its newest part. Units are taken in batches, so that a day of a
 * million files takes little memory: of each batch the rows go first, in one transaction that is on
 * disk before the first file goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layout.h"
#include "archive/pin.h"
#include "archive/prune_private.h"
#include "archive/segment.h"
#include "base/fileio.h"

#define BLOCK_BYTES 512u /* what st_blocks counts, stat(2) */

/* Files of a batch. The text is for SQL: as many are passed over to find the next one's time. */
#define BATCH      8192u
#define BATCH_TEXT "8192"

/* So many files that ended at the very same nanosecond are more than one batch takes. */
#define BATCH_MAX (8 * BATCH)

struct unit {
	uint32_t segment; /* 0: a file of its own */
	uint32_t part;    /* of a file */
	int64_t end_ns;
	uint64_t parts, bytes, inodes;
	char uuid[LAYOUT_UUID_SIZE]; /* of a file */
	bool gone;                   /* removed already */
};

struct batch {
	struct unit *units;
	size_t count, room;
	int64_t from_ns; /* files that ended by then were in an earlier batch */
	int64_t to_ns;   /* what ended later is for the next one */
};

/* A day at work. */
struct day_work {
	struct prune *prune;
	const struct usage_day *day;
	enum prune_hold hold;
	int fd;                 /* its directory */
	struct dayindex *index; /* open to write, once something of a day of ours goes */
	struct prune_gone *gone;
};

static char *unit_name(const struct unit *u, char *buf)
{
	_Static_assert(LAYOUT_NAME_SIZE > LAYOUT_SEGMENT_SIZE, "buf is for both");

	return u->segment > 0 ? layout_segment_name(u->segment, buf)
			      : layout_file_name(u->uuid, u->part, buf);
}

/* ---- what there is ----------------------------------------------------------------------------
 */

static struct unit *add_unit(struct batch *b)
{
	if (b->count == b->room) {
		size_t room = b->room > 0 ? b->room * 2 : 256;
		struct unit *p = realloc(b->units, room * sizeof(*p));

		if (p == NULL)
			return NULL;
		b->units = p;
		b->room = room;
	}
	memset(&b->units[b->count], 0, sizeof(*b->units));
	return &b->units[b->count++];
}

/* Is it a segment that holds the newest part, or the newest part? */
static bool holds_newest(const struct prune *p, const struct record *r)
{
	if (!p->has_newest || r->day != p->newest_day || r->segment != p->newest_segment)
		return false;
	return r->segment > 0 ||
	       (r->part == p->newest_part && strcmp(r->uuid, p->newest_uuid) == 0);
}

struct gathering {
	struct day_work *work;
	struct batch *batch;
};

/* A row that ends last in its segment; where several do, the segment is there once. */
static int take_segment(const struct record *r, void *arg)
{
	struct gathering *g = arg;
	struct archive *a = g->work->prune->config->archive;
	struct unit *u;

	if (r->segment == 0 || holds_newest(g->work->prune, r) ||
	    (g->work->hold == PRUNE_WRITER && archive_segment_open(a, r->day, r->segment)))
		return 0;
	for (size_t i = g->batch->count; i > 0; i--)
		if (g->batch->units[i - 1].segment == r->segment)
			return 0;
	u = add_unit(g->batch);
	if (u == NULL)
		return -ENOMEM;
	u->segment = r->segment;
	u->end_ns = r->tally.last_ns;
	return 0;
}

static int take_file(const struct record *r, void *arg)
{
	struct gathering *g = arg;
	struct unit *u;

	if (r->segment != 0 || holds_newest(g->work->prune, r))
		return 0;
	u = g->batch->count < BATCH_MAX ? add_unit(g->batch) : NULL;
	if (u == NULL)
		return g->batch->count < BATCH_MAX ? -ENOMEM : 0;
	memcpy(u->uuid, r->uuid, sizeof(u->uuid));
	u->part = r->part;
	u->parts = 1;
	u->end_ns = r->tally.last_ns;
	return 0;
}

/* A file that goes and is pinned frees nothing: its second name stays. */
static bool is_shared(const struct day_work *w, const char *name, const struct stat *st)
{
	char path[sizeof(PIN_DIRECTORY) + LAYOUT_DAY_SIZE + LAYOUT_NAME_SIZE], day[LAYOUT_DAY_SIZE];
	struct stat pinned;

	if (st->st_nlink < 2)
		return false;
	(void)snprintf(
	    path, sizeof(path), PIN_DIRECTORY "/%s/%s", layout_day_path(w->day->day, day), name);
	return fstatat(archive_root(w->prune->config->archive), path, &pinned,
		   AT_SYMLINK_NOFOLLOW) == 0 &&
	       pinned.st_ino == st->st_ino && pinned.st_dev == st->st_dev;
}

/* What a unit would free. A row without a file frees nothing, and goes all the same. */
static void weigh(const struct day_work *w, struct unit *u)
{
	char name[LAYOUT_NAME_SIZE];
	struct stat st;

	if (fstatat(w->fd, unit_name(u, name), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    is_shared(w, name, &st))
		return;
	u->bytes = (uint64_t)st.st_blocks * BLOCK_BYTES;
	u->inodes = 1;
}

static int by_age(const void *x, const void *y)
{
	const struct unit *a = x, *b = y;

	if (a->end_ns != b->end_ns)
		return a->end_ns < b->end_ns ? -1 : 1;
	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	if (a->part != b->part)
		return a->part < b->part ? -1 : 1;
	return strcmp(a->uuid, b->uuid);
}

/* ---- what goes of it --------------------------------------------------------------------------
 */

static int count_part(const struct record *r, void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->count; i++)
		if (b->units[i].segment == r->segment)
			b->units[i].parts++;
	return 0;
}

/* How many parts the segments of a batch hold. */
static int count_parts(struct dayindex *x, struct batch *b)
{
	struct dayindex_where w = {.count = 0};
	char *text = malloc(b->count * 12 + 32), *end = text;
	bool any = false;
	int rv;

	if (text == NULL)
		return -ENOMEM;
	end = stpcpy(end, "segment IN (");
	for (size_t i = 0; i < b->count; i++) {
		if (b->units[i].segment == 0)
			continue;
		end += sprintf(end, any ? ",%u" : "%u", b->units[i].segment);
		any = true;
	}
	(void)stpcpy(end, ")");
	w.sql = text;
	rv = any ? dayindex_select_where(x, &w, count_part, b) : 0;
	free(text);
	return rv;
}

/* Leaves in the batch what is to go, and forgets the rest. */
static void choose(const struct day_work *w, struct batch *b)
{
	struct prune plan = *w->prune; /* as it would be */
	struct prune_config dry = *plan.config;
	size_t kept = 0;

	dry.dry_run = true;
	plan.config = &dry;
	if (b->count > 0)
		qsort(b->units, b->count, sizeof(*b->units), by_age);
	while (kept < b->count && b->units[kept].end_ns <= b->to_ns) {
		const struct prune_need need = prune_private_need(&plan);
		struct unit *u = &b->units[kept];

		if (!prune_private_asks(&need) && u->end_ns >= plan.cutoff_ns)
			break;
		weigh(w, u);
		prune_private_freed(&plan, u->bytes, u->inodes);
		kept++;
	}
	b->count = kept;
}

/* The time of the last file of a batch; where there are not as many, the end of all times. */
#define FILES_BY                                                      \
	"coalesce((SELECT end_ns FROM flow WHERE segment IS NULL AND" \
	" end_ns > ? ORDER BY end_ns LIMIT 1 OFFSET " BATCH_TEXT "), 9223372036854775807)"

static int take_files(struct dayindex *x, struct gathering *g)
{
	struct batch *b = g->batch;
	const struct dayindex_value from[] = {
	    {.kind = DAYINDEX_INT, .number = b->from_ns},
	    {.kind = DAYINDEX_INT, .number = b->from_ns},
	};
	const struct dayindex_where files = {
	    .sql = "segment IS NULL AND end_ns > ? AND end_ns <= " FILES_BY,
	    .values = from,
	    .count = 2,
	};
	size_t before = b->count;
	int rv = dayindex_select_where(x, &files, take_file, g);

	b->to_ns = INT64_MAX;
	if (rv != 0 || b->count - before < BATCH)
		return rv;
	for (size_t i = before; i < b->count; i++)
		if (i == before || b->units[i].end_ns > b->to_ns)
			b->to_ns = b->units[i].end_ns;
	return 0;
}

/* The oldest units that are to go. */
static int gather(struct day_work *w, struct dayindex *x, struct batch *b)
{
	static const struct dayindex_where segments = {
	    .sql = "segment IS NOT NULL AND (segment, end_ns) IN (SELECT segment, max(end_ns)"
		   " FROM flow WHERE segment IS NOT NULL GROUP BY segment)"};
	struct gathering g = {w, b};
	int rv = 0;

	b->count = 0;
	b->to_ns = INT64_MAX;
	if (w->day->summary.segment_parts > 0)
		rv = dayindex_select_where(x, &segments, take_segment, &g);
	for (size_t i = 0; i < b->count;) /* a dry run has had them */
		if (b->units[i].end_ns <= b->from_ns && b->from_ns > INT64_MIN)
			b->units[i] = b->units[--b->count];
		else
			i++;
	if (rv == 0 && w->day->summary.file_parts > 0)
		rv = take_files(x, &g);
	if (rv != 0)
		return rv;
	choose(w, b);
	return count_parts(x, b);
}

/* ---- removing ---------------------------------------------------------------------------------
 */

static int delete_row(struct dayindex *x, const struct unit *u)
{
	return u->segment > 0 ? dayindex_delete_segment(x, u->segment)
			      : dayindex_delete(x, u->uuid, u->part);
}

static int delete_batch(struct dayindex *x, void *arg)
{
	const struct batch *b = arg;
	int rv = 0;

	for (size_t i = 0; i < b->count && rv == 0; i++)
		rv = delete_row(x, &b->units[i]);
	return rv;
}

static int delete_rows(struct day_work *w, struct batch *b)
{
	struct archive *a = w->prune->config->archive;
	int rv = 0;

	if (w->index == NULL)
		rv = dayindex_open(a, w->day->day, DAYINDEX_WRITE, &w->index);
	if (rv == 0)
		rv = dayindex_begin(w->index);
	if (rv != 0)
		return rv;
	rv = delete_batch(w->index, b);
	if (rv == 0)
		rv = dayindex_commit_durably(w->index);
	if (rv != 0)
		dayindex_rollback(w->index);
	return rv;
}

/* The day is in the hands of this process: the catalog alone writes its index. */
static int delete_by_catalog(struct day_work *w, struct batch *b)
{
	return catalog_change(w->prune->config->catalog, w->day->day, delete_batch, b);
}

static int drop_rows(struct day_work *w, struct batch *b)
{
	return w->hold == PRUNE_WRITER ? delete_by_catalog(w, b) : delete_rows(w, b);
}

static int drop_file(const struct day_work *w, const struct unit *u)
{
	char name[LAYOUT_NAME_SIZE];

	return unlinkat(w->fd, unit_name(u, name), 0) == 0 || errno == ENOENT ? 0 : -errno;
}

/*
 * On a disk that is full to the last block no row can go. Then the first file goes before its row:
 * who is killed in between leaves the day listed, and that row goes when it is mended.
 */
static int make_room(const struct day_work *w, struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->units[i].bytes > 0) {
			b->units[i].gone = true; /* its name may soon be another's */
			return drop_file(w, &b->units[i]);
		}
	}
	return -ENOSPC;
}

static void tell_unit(const struct day_work *w, const struct unit *u)
{
	const struct prune_config *c = w->prune->config;
	char name[LAYOUT_NAME_SIZE], day[LAYOUT_DAY_SIZE], path[LAYOUT_DAY_SIZE + LAYOUT_NAME_SIZE];

	w->gone->parts += u->parts;
	w->gone->bytes += u->bytes;
	w->gone->inodes += u->inodes;
	w->prune->totals->parts += u->parts;
	w->prune->totals->bytes += u->bytes;
	if (c->removed == NULL)
		return;
	(void)snprintf(
	    path, sizeof(path), "%s/%s", layout_day_path(w->day->day, day), unit_name(u, name));
	c->removed(path, u->parts, u->bytes, c->arg);
}

/* Rows, then files, and these on disk before the day is said to be in order. */
static int remove_batch(struct day_work *w, struct batch *b)
{
	int rv = drop_rows(w, b), first = 0;
	uint64_t bytes = 0, inodes = 0;

	if (rv == -ENOSPC && (rv = make_room(w, b)) == 0)
		rv = drop_rows(w, b);
	if (rv != 0)
		return rv;
	for (size_t i = 0; i < b->count; i++) {
		rv = b->units[i].gone ? 0 : drop_file(w, &b->units[i]);
		if (rv != 0) {
			first = first == 0 ? rv : first;
			continue;
		}
		bytes += b->units[i].bytes;
		inodes += b->units[i].inodes;
		tell_unit(w, &b->units[i]);
	}
	if (fsync(w->fd) != 0 && first == 0)
		first = -errno;
	prune_private_freed(w->prune, bytes, inodes);
	return first;
}

static void pretend(struct day_work *w, const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		prune_private_freed(w->prune, b->units[i].bytes, b->units[i].inodes);
		tell_unit(w, &b->units[i]);
	}
}

/* Does a writer wait for the day? What is left in it is for another run. */
static bool is_wanted(const struct day_work *w)
{
	return w->hold == PRUNE_LOCKED &&
	       archive_day_wanted(w->prune->config->archive, w->day->day);
}

/* Returns 1 if there may be more; 0; -errno. */
static int prune_batch(struct day_work *w, struct batch *b)
{
	struct dayindex *x = w->index;
	struct prune_need need;
	int rv = 0;

	if (x == NULL)
		rv = dayindex_open(w->prune->config->archive, w->day->day, DAYINDEX_READ, &x);
	if (rv != 0)
		return rv;
	rv = gather(w, x, b);
	if (x != w->index)
		dayindex_close(x);
	if (rv != 0 || b->count == 0)
		return rv;
	if (w->hold == PRUNE_DRY) {
		pretend(w, b);
		b->from_ns = b->to_ns;
		return b->to_ns < INT64_MAX;
	}
	rv = remove_batch(w, b);
	if (rv != 0 || prune_private_stopped(w->prune) || is_wanted(w))
		return rv;
	/* Where less was freed than it should have been, the next oldest are in this day, too. */
	need = prune_private_need(w->prune);
	return b->to_ns < INT64_MAX || prune_private_asks(&need);
}

static int commit_rows(struct dayindex *x, void *arg)
{
	(void)x;
	(void)arg;
	return 0;
}

int prune_private_units(
    struct prune *p, const struct usage_day *d, enum prune_hold hold, struct prune_gone *gone)
{
	struct day_work w = {.prune = p, .day = d, .hold = hold, .gone = gone};
	struct batch b = {.from_ns = INT64_MIN};
	int rv;

	w.fd = archive_open_day(p->config->archive, d->day);
	if (w.fd < 0)
		return w.fd;
	/* What was published just now may be all there is: it has rows when this returns. */
	rv = hold == PRUNE_WRITER ? catalog_change(p->config->catalog, d->day, commit_rows, NULL)
				  : 1;
	while (rv >= 0 && (rv = prune_batch(&w, &b)) == 1)
		;
	dayindex_close(w.index);
	fileio_close(w.fd);
	free(b.units);
	return rv;
}
