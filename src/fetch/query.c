/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See query.h. The index is read first and the files after it: a part that is indexed in between is
 * then seen by its file, and is known not to be a second one by its name.
 */
#include "fetch/query.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/rescan.h"
#include "fetch/unindexed.h"

/* An index that is just being made cannot be read for some milliseconds. */
#define RETRIES  5
#define RETRY_NS 20000000

struct query {
	struct archive *archive;
	query_bad_fn *bad;
	void *bad_arg;
	struct partlist *parts;
	void *told; /* tree of tsearch(3): paths that were complained about */

	/* made by query_group */
	const struct part **order;
	struct query_flow *flows;
	size_t flow_count;
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A query may look at the same thing twice; one complaint is enough. */
static void tell_once(const char *path, const char *reason, void *arg)
{
	struct query *q = arg;
	char *copy;

	if (tfind(path, &q->told, compare_paths) != NULL)
		return;
	copy = strdup(path);
	if (copy != NULL && tsearch(copy, &q->told, compare_paths) == NULL)
		free(copy); /* without memory it is told again */
	q->bad(path, reason, q->bad_arg);
}

/* Is there a day in it, or what a writer makes first? */
static bool looks_like_archive(const struct archive *a)
{
	int32_t *days;
	size_t n = 0;

	if (faccessat(archive_root(a), ".staging", F_OK, 0) == 0)
		return true;
	if (archive_days(a, &days, &n) != 0)
		return true; /* whatever it is, the search will tell why it cannot be read */
	free(days);
	return n > 0;
}

int query_open_archive(const char *path, struct archive **ret_archive)
{
	struct archive *a;
	int rv = archive_open(path, ARCHIVE_READ, &a);

	if (rv != 0)
		return rv;
	if (!looks_like_archive(a)) {
		archive_close(a);
		return -ENOMEDIUM;
	}
	*ret_archive = a;
	return 0;
}

int query_new(struct archive *a, query_bad_fn *bad, void *arg, struct query **ret_query)
{
	struct query *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return -ENOMEM;
	q->archive = a;
	q->bad = bad;
	q->bad_arg = arg;
	if (partlist_new(&q->parts) != 0) {
		query_free(q);
		return -ENOMEM;
	}
	*ret_query = q;
	return 0;
}

static int add_row(const struct record *r, void *arg)
{
	return partlist_add(arg, r);
}

static int select_day(struct query *q, struct archive *a, int32_t day, const struct query_words *w)
{
	struct dayindex *x;
	int rv = dayindex_open(a, day, DAYINDEX_READ, &x);

	if (rv != 0)
		return rv;
	if (w->words == NULL)
		rv = dayindex_select(x, NULL, DAYINDEX_PREFIX, add_row, q->parts);
	for (size_t i = 0; i < w->count && rv == 0; i++)
		rv = dayindex_select(x, w->words[i], w->match, add_row, q->parts);
	dayindex_close(x);
	return rv;
}

/*
 * The archive as it was at our start may have changed: a writer has begun with this day, and makes
 * its index just now. Rows that are read twice are made one by query_group.
 */
static int select_again(struct query *q, int32_t day, const struct query_words *w, bool *ret_dirty)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	int rv = -ENOENT;

	for (int i = 0; i < RETRIES; i++) {
		struct archive *now;

		if (archive_open(archive_path(q->archive), ARCHIVE_READ, &now) != 0)
			return rv;
		rv = select_day(q, now, day, w);
		*ret_dirty = archive_day_dirty(now, day);
		archive_close(now);
		if (rv == 0 || (rv == -ENOENT && *ret_dirty))
			return rv;
		(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
	}
	return rv;
}

static int stop_at_file(int dirfd, const char *name, void *arg)
{
	(void)dirfd;
	(void)name;
	(void)arg;
	return -EEXIST;
}

static const char *index_reason(int rv)
{
	switch (rv) {
	case -ENOENT:
		return "missing; 'flowkeep reindex' makes it anew";
	case -EBADMSG:
		return "damaged; 'flowkeep reindex' makes it anew";
	case -ENOTSUP:
		return "written by a later flowkeep";
	default:
		return strerror(-rv);
	}
}

static void complain(struct query *q, int32_t day, const char *reason)
{
	char path[LAYOUT_DAY_SIZE + sizeof(LAYOUT_INDEX)], day_path[LAYOUT_DAY_SIZE];

	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_INDEX, layout_day_path(day, day_path));
	tell_once(path, reason, q);
}

/* Returns 0, or -ENOMEM: everything else is told and passed over. */
static int look_in_index(struct query *q, int32_t day, const struct query_words *w)
{
	bool dirty = archive_day_dirty(q->archive, day);
	int rv = select_day(q, q->archive, day, w);

	if (rv != 0 && rv != -ENOMEM && archive_has_writer(q->archive))
		rv = select_again(q, day, w, &dirty);
	if (rv == -ENOENT && (dirty || rescan_day(q->archive, day, stop_at_file, NULL) == 0))
		return 0;
	if (rv != 0 && rv != -ENOMEM) {
		complain(q, day, index_reason(rv));
		rv = 0;
	}
	return rv;
}

/* The newest days first: what is asked for is mostly of today. Then the files, see above. */
static int look_everywhere(
    struct query *q, const struct query_words *w, const int32_t *days, size_t n)
{
	struct unindexed u = {.archive = q->archive, .words = w, .bad = tell_once, .bad_arg = q};
	size_t dirty_count = 0;
	int32_t *dirty = NULL;
	int rv = 0;

	for (size_t i = n; i > 0 && rv == 0; i--)
		rv = look_in_index(q, days[i - 1], w);
	if (rv == 0)
		rv = archive_dirty_days(q->archive, &dirty, &dirty_count);
	if (rv == 0 && dirty_count > 0)
		rv = unindexed_find(&u, dirty, dirty_count, q->parts);
	free(dirty);
	return rv;
}

int query_find(struct query *q, const struct query_words *w)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(q->archive, &days, &n);

	if (rv != 0)
		return rv;
	rv = look_everywhere(q, w, days, n);
	free(days);
	return rv;
}

/* ---- from parts to flows ---- */

static int pointers_by_flow(const void *x, const void *y)
{
	const struct part *a = *(const struct part *const *)x, *b = *(const struct part *const *)y;
	int order = partlist_by_flow(a, b);

	return order != 0 ? order : partlist_by_time(a, b);
}

/* Sorted pointers to all parts, each of them once. Returns how many. */
static size_t sort_parts(const struct query *q, const struct part **order)
{
	size_t n = partlist_count(q->parts), kept = 0;

	for (size_t i = 0; i < n; i++)
		order[i] = partlist_at(q->parts, i);
	qsort(order, n, sizeof(*order), pointers_by_flow);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || partlist_by_name(order[kept - 1], order[i]) != 0)
			order[kept++] = order[i];
	return kept;
}

static size_t count_flows(const struct part *const *order, size_t n)
{
	size_t flows = 0;

	for (size_t i = 0; i < n; i++)
		flows += i == 0 || partlist_by_flow(order[i - 1], order[i]) != 0;
	return flows;
}

int query_group(struct query *q)
{
	size_t room = partlist_count(q->parts) + 1, n;

	free(q->order);
	free(q->flows);
	q->flows = NULL;
	q->flow_count = 0;
	q->order = malloc(room * sizeof(*q->order));
	if (q->order == NULL)
		return -ENOMEM;
	n = sort_parts(q, q->order);
	q->flows = malloc((count_flows(q->order, n) + 1) * sizeof(*q->flows));
	if (q->flows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || partlist_by_flow(q->order[i - 1], q->order[i]) != 0)
			q->flows[q->flow_count++] = (struct query_flow){&q->order[i], 0};
		q->flows[q->flow_count - 1].count++;
	}
	return 0;
}

const struct query_flow *query_flows(const struct query *q, size_t *ret_count)
{
	*ret_count = q->flow_count;
	return q->flows;
}

size_t query_lower_bound(const struct query *q, const char *text)
{
	size_t low = 0, high = q->flow_count;
	char uuid[LAYOUT_UUID_SIZE];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(partlist_uuid(q->flows[middle].parts[0], uuid), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int flows_by_start(const void *x, const void *y)
{
	const struct part *a = ((const struct query_flow *)x)->parts[0];
	const struct part *b = ((const struct query_flow *)y)->parts[0];

	if (a->tally.first_ns != b->tally.first_ns)
		return a->tally.first_ns < b->tally.first_ns ? -1 : 1;
	return partlist_by_flow(a, b);
}

void query_sort_by_start(struct query *q)
{
	qsort(q->flows, q->flow_count, sizeof(*q->flows), flows_by_start);
}

static bool is_end(const struct flowkey *k, enum side side, const uint8_t addr[16])
{
	uint8_t mapped[16];

	flowkey_addr_mapped(k, side, mapped);
	return memcmp(mapped, addr, 16) == 0;
}

void query_keep_host(struct query *q, const uint8_t addr[16])
{
	size_t kept = 0;

	for (size_t i = 0; i < q->flow_count; i++) {
		const struct flowkey *k = &q->flows[i].parts[0]->key;

		if (is_end(k, SIDE_LOW, addr) || is_end(k, SIDE_HIGH, addr))
			q->flows[kept++] = q->flows[i];
	}
	q->flow_count = kept;
}

void query_free(struct query *q)
{
	if (q == NULL)
		return;
	tdestroy(q->told, free);
	free(q->flows);
	free(q->order);
	partlist_free(q->parts);
	free(q);
}
