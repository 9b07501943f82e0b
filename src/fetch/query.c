/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See query.h; searches for an expression are in query_select.c. The days' indexes are asked one
 * after another, the newest first; those of what is pinned after those of the archive itself.
 */
#include "fetch/query.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dayfilter.h"
#include "archive/pin.h"
#include "fetch/daysearch.h"
#include "fetch/query_private.h"
#include "fetch/unindexed.h"

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A query may look at the same thing twice; one complaint is enough. */
static void tell_once(struct query *q, const char *path, const char *reason)
{
	char *copy;

	if (tfind(path, &q->told, compare_paths) != NULL)
		return;
	copy = strdup(path);
	if (copy != NULL && tsearch(copy, &q->told, compare_paths) == NULL)
		free(copy); /* without memory it is told again */
	q->bad(path, reason, q->bad_arg);
}

void query_tell(const char *path, const char *reason, void *arg)
{
	const struct query_source *s = arg;
	char whole[PATH_MAX];

	(void)snprintf(whole, sizeof(whole), "%s%s", s->pinned ? PIN_DIRECTORY "/" : "", path);
	tell_once(s->query, whole, reason);
}

/* Is there a day in it, or what a writer makes first? */
static bool looks_like_archive(const struct archive *a)
{
	int32_t *days;
	size_t n = 0;

	if (faccessat(archive_root(a), ".staging", F_OK, 0) == 0 ||
	    faccessat(archive_root(a), PIN_DIRECTORY, F_OK, 0) == 0)
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
	q->source[QUERY_ITSELF] = (struct query_source){q, a, false};
	q->source[QUERY_PINNED] = (struct query_source){q, NULL, true};
	q->bad = bad;
	q->bad_arg = arg;
	if (partlist_new(&q->parts) != 0) {
		query_free(q);
		return -ENOMEM;
	}
	*ret_query = q;
	return 0;
}

/* Opens the archive of what is pinned, where there is one. */
static int open_pinned(struct query *q)
{
	struct query_source *s = &q->source[QUERY_PINNED];
	int rv;

	if (q->pinned_asked)
		return 0;
	q->pinned_asked = true;
	rv = pin_open(q->source[QUERY_ITSELF].archive, false, &s->archive);
	if (rv == 0)
		return 0;
	s->archive = NULL;
	if (rv != -ENOENT && rv != -ENOMEM)
		tell_once(q, PIN_DIRECTORY, strerror(-rv));
	return rv == -ENOMEM ? rv : 0;
}

int query_each_source(struct query *q, int (*fn)(struct query_source *s, void *arg), void *arg)
{
	int rv = open_pinned(q);

	for (int i = 0; i < QUERY_SOURCES && rv == 0; i++) {
		if (q->source[i].archive == NULL)
			continue;
		partlist_set_pinned(q->parts, q->source[i].pinned);
		rv = fn(&q->source[i], arg);
	}
	return rv;
}

static int add_row(const struct record *r, void *arg)
{
	return partlist_add(arg, r);
}

/* ---- by UUID ---- */

/* A search for words in one archive. */
struct finding {
	const struct query_source *source;
	const struct query_words *words;
	struct partlist *parts;
	int32_t *begun; /* per word: the day where it begins, or INT32_MIN */
	size_t word;    /* the one that is asked for now */
};

/*
 * Can parts of this word lie in a day that is before those which were asked? A name of ours tells
 * of the flow's first packet, which lies in part 0; one day is allowed for a clock that was set
 * back. A name that came from an event may stand anywhere.
 */
static bool settled(const struct finding *f, size_t word, int32_t day)
{
	return f->begun[word] != INT32_MIN && day < f->begun[word] - 1;
}

static bool all_settled(const struct finding *f, int32_t day)
{
	for (size_t i = 0; i < f->words->count; i++)
		if (!settled(f, i, day))
			return false;
	return f->words->words != NULL;
}

static int add_found(const struct record *r, void *arg)
{
	struct finding *f = arg;

	if (f->words->match == DAYINDEX_EXACT && r->part == 0 && r->uuid_source == UUID_GENERATED)
		f->begun[f->word] = r->day;
	return partlist_add(f->parts, r);
}

/* A daysearch_fn. */
static int ask_words(struct dayindex *x, int32_t day, void *arg)
{
	static const struct dayindex_where everything = {.sql = ""};
	struct finding *f = arg;
	int rv = 0;

	if (f->words->words == NULL)
		return dayindex_select_where(x, &everything, add_row, f->parts);
	for (f->word = 0; f->word < f->words->count && rv == 0; f->word++)
		if (!settled(f, f->word, day))
			rv = dayindex_select(
			    x, f->words->words[f->word], f->words->match, add_found, f);
	return rv;
}

static struct unindexed unindexed_of(const struct finding *f)
{
	return (struct unindexed){.archive = f->source->archive,
	    .words = f->words,
	    .bad = query_tell,
	    .bad_arg = (void *)f->source};
}

/* Has the index of a day surely no row of any name that is looked for? */
static bool lacks_all(const struct finding *f, int32_t day)
{
	const struct query_words *w = f->words;
	struct dayfilter *filter;
	bool lacks = true;

	if (w->words == NULL || w->match != DAYINDEX_EXACT ||
	    dayfilter_open(f->source->archive, day, &filter) != 0)
		return false;
	for (size_t i = 0; i < w->count && lacks; i++)
		lacks = settled(f, i, day) || dayfilter_lacks(filter, w->words[i]);
	dayfilter_free(filter);
	return lacks;
}

static int find_in_day(struct finding *f, int32_t day)
{
	const struct unindexed u = unindexed_of(f);
	const struct daysearch d = {
	    f->source->archive, ask_words, f, query_tell, (void *)f->source};
	int rv = 0;

	if (archive_day_dirty(f->source->archive, day))
		rv = unindexed_scan(&u, day, f->parts);
	return rv == 0 && !lacks_all(f, day) ? daysearch_day(&d, day) : rv;
}

static int find_names(struct finding *f)
{
	const struct unindexed u = unindexed_of(f);
	int32_t *days;
	size_t n;
	int rv = archive_dirty_days(f->source->archive, &days, &n);

	if (rv != 0)
		return rv;
	if (n > 0)
		rv = unindexed_names(&u, days, n, f->parts);
	free(days);
	return rv;
}

static int find_in(struct finding *f)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(f->source->archive, &days, &n);

	if (rv != 0)
		return rv;
	for (size_t i = n; i > 0 && rv == 0 && !all_settled(f, days[i - 1]); i--)
		rv = find_in_day(f, days[i - 1]);
	free(days);
	if (rv == 0 && f->words->words != NULL && f->words->match == DAYINDEX_EXACT)
		rv = find_names(f);
	return rv;
}

static int find_source(struct query_source *s, void *arg)
{
	struct finding *f = arg;

	f->source = s;
	return find_in(f);
}

int query_find(struct query *q, const struct query_words *w)
{
	struct finding f = {.words = w, .parts = q->parts};
	int rv;

	q->expr = NULL;
	flowset_free(&q->set);
	f.begun = malloc((w->count + 1) * sizeof(*f.begun));
	if (f.begun == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++)
		f.begun[i] = INT32_MIN;
	rv = query_each_source(q, find_source, &f);
	free(f.begun);
	return rv;
}

/* Looks for a part in the day where it was. Returns: 0; -ENOENT; -errno. */
static int locate_in(struct query_source *s, const char *uuid, struct part *p)
{
	const struct query_words w = {&uuid, 1, DAYINDEX_EXACT};
	int32_t begun = INT32_MIN;
	struct finding f = {.source = s, .words = &w, .begun = &begun};
	int rv = partlist_new(&f.parts);

	if (rv != 0)
		return rv;
	rv = find_in_day(&f, p->day);
	if (rv == 0 && archive_day_dirty(s->archive, p->day)) {
		const struct unindexed u = unindexed_of(&f);

		rv = unindexed_names(&u, &p->day, 1, f.parts);
	}
	if (rv == 0)
		rv = -ENOENT;
	for (size_t i = 0; i < partlist_count(f.parts) && rv == -ENOENT; i++) {
		const struct part *now = partlist_at(f.parts, i);

		if (partlist_by_name(now, p) != 0 || partlist_by_flow(now, p) != 0)
			continue;
		p->segment = now->segment;
		p->offset = now->offset;
		p->length = now->length;
		p->pinned = s->pinned;
		rv = 0;
	}
	partlist_free(f.parts);
	return rv;
}

int query_locate(struct query *q, struct part *p)
{
	char uuid[LAYOUT_UUID_SIZE];
	int rv = open_pinned(q);

	(void)partlist_uuid(p, uuid);
	if (rv == 0)
		rv = -ENOENT;
	for (int i = 0; i < QUERY_SOURCES && rv == -ENOENT; i++)
		if (q->source[i].archive != NULL)
			rv = locate_in(&q->source[i], uuid, p);
	return rv;
}

/* ---- from parts to flows ---- */

int query_group(struct query *q)
{
	int rv = flowset_make(&q->set, q->parts, q->expr);

	if (rv != 0)
		return rv;
	rv = unindexed_mark_staged(q->source[QUERY_ITSELF].archive, q->set.flows, q->set.count);
	if (rv != 0 && rv != -ENOMEM) {
		tell_once(q, ".staging", strerror(-rv));
		rv = 0;
	}
	return rv;
}

const struct query_flow *query_flows(const struct query *q, size_t *ret_count)
{
	*ret_count = q->set.count;
	return q->set.flows;
}

size_t query_lower_bound(const struct query *q, const char *text)
{
	return flowset_lower_bound(&q->set, text);
}

void query_sort(struct query *q, enum query_order by, bool descending)
{
	flowset_sort(&q->set, by, descending);
}

void query_free(struct query *q)
{
	if (q == NULL)
		return;
	archive_close(q->source[QUERY_PINNED].archive);
	tdestroy(q->told, free);
	flowset_free(&q->set);
	partlist_free(q->parts);
	free(q);
}
