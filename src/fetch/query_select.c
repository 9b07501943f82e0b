/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches for an expression, see query.h.
 *
 * How flows of several parts are found. SQLite judges parts, an expression is about flows: a part
 * that is not the whole flow may be found where the flow is not wanted, and the other way round.
 * But most parts are whole flows, and the index can tell which may not be: a part that has a number
 * has others before it, and so may a part of TCP without SYN whose name came from an event (a
 * capture was started anew, and the connection went on). These are called continuations here. (A
 * UUID that we made ourselves tells of the flow's first packet: part 0 of that name is where the
 * flow begins, SYN or not.) So in each day that is read, all continuations of flows that may be
 * wanted are gathered, whatever they are on their own, together with the parts that are wanted on
 * their own. Then the beginnings of the flows that have continuations are added: they lie mostly in
 * the same day. What is found is judged again as flows, by query_group.
 */
#include "fetch/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "fetch/daysearch.h"
#include "fetch/query_private.h"
#include "fetch/unindexed.h"

/* The days of an archive that matter to a search. */
struct day_list {
	int32_t *days; /* oldest first */
	bool *read;    /* those whose rows were asked for */
	size_t count;
};

/* A search for an expression. */
struct selection {
	struct query *query;
	const struct query_source *source;
	int64_t from_ns, to_ns;              /* see expr_window */
	struct expr_where *whole, *part;     /* NULL: everything is wanted */
	struct dayindex_where continuations; /* of `part` */
	struct day_list lists[QUERY_SOURCES];
	struct day_list *list; /* of the source */
	size_t at;             /* the day in it */
	struct continued *continued;
	size_t continued_count;
};

/* A flow that has a continuation, see above. */
struct continued {
	const struct part *part; /* one of its parts */
	int32_t newest;          /* the newest day where it has a continuation */
	int32_t begun;           /* where it begins; INT32_MIN: not found yet */
};

static bool is_continuation(
    const struct tally *t, uint8_t proto, uint32_t number, enum uuid_source source)
{
	if (number > 0)
		return true;
	return proto == DECODE_TCP && source == UUID_EVENT &&
	       ((t->tcp_flags[0] | t->tcp_flags[1]) & TCP_SYN) == 0;
}

static bool row_continues(const struct record *r)
{
	return is_continuation(&r->tally, r->key.proto, r->part, r->uuid_source);
}

static bool part_continues(const struct part *p)
{
	return is_continuation(
	    &p->tally, p->key.proto, p->number, (enum uuid_source)p->uuid_source);
}

static int add_row(const struct record *r, void *arg)
{
	return partlist_add(arg, r);
}

static int add_continuation(const struct record *r, void *arg)
{
	return row_continues(r) ? partlist_add(arg, r) : 0;
}

/* Continuations that are wanted may be wanted as a part of their flow: they were added before. */
static int add_whole(const struct record *r, void *arg)
{
	return row_continues(r) ? 0 : partlist_add(arg, r);
}

/*
 * A day before this one is read only if something in it ends late enough. The day itself, and one
 * more, is read in any case: nearly all flows end in the day in which they begin, or the next.
 */
static bool is_old(const struct selection *s, int32_t day)
{
	return s->from_ns != INT64_MIN && day < clk_day(s->from_ns) - 1;
}

/* A daysearch_fn. */
static int ask_expr(struct dayindex *x, int32_t day, void *arg)
{
	struct selection *s = arg;
	struct partlist *parts = s->query->parts;
	struct dayindex_summary sum;
	int rv;

	/* Files without a row count as much as rows, and the summary does not tell of them. */
	if (is_old(s, day) && !archive_day_dirty(s->source->archive, day)) {
		rv = dayindex_summary(x, &sum);
		if (rv != 0 || sum.end_ns < s->from_ns)
			return rv;
	}
	s->list->read[s->at] = true;
	if (s->part == NULL)
		return dayindex_select_where(x, &s->continuations, add_row, parts);
	rv = dayindex_select_where(x, &s->continuations, add_continuation, parts);
	if (rv == 0)
		rv = dayindex_select_where(x, expr_where(s->whole), add_whole, parts);
	return rv;
}

static int select_days(struct selection *s)
{
	static const struct query_words everything = {.words = NULL};
	const struct query_source *from = s->source;
	const struct unindexed u = {from->archive, &everything, query_tell, (void *)from};
	const struct daysearch d = {from->archive, ask_expr, s, query_tell, (void *)from};
	struct day_list *l = s->list;
	int rv = 0;

	for (s->at = l->count; s->at > 0 && rv == 0;) {
		int32_t day = l->days[--s->at];

		if (s->to_ns != INT64_MAX && s->to_ns != INT64_MIN && day > clk_day(s->to_ns - 1))
			continue;
		if (archive_day_dirty(from->archive, day))
			rv = unindexed_scan(&u, day, s->query->parts);
		if (rv == 0)
			rv = daysearch_day(&d, day);
	}
	return rv;
}

static int select_source(struct query_source *source, void *arg)
{
	struct selection *s = arg;
	struct day_list *l = &s->lists[source - source->query->source];
	int rv = archive_days(source->archive, &l->days, &l->count);

	if (rv != 0)
		return rv;
	l->read = calloc(l->count + 1, sizeof(*l->read));
	if (l->read == NULL)
		return -ENOMEM;
	s->source = source;
	s->list = l;
	return select_days(s);
}

/* ---- flows of several parts ---- */

static int by_flow(const void *x, const void *y)
{
	const struct continued *a = x, *b = y;

	return partlist_by_flow(a->part, b->part);
}

/* Which flows have continuations? */
static int list_continued(struct selection *s)
{
	const struct partlist *l = s->query->parts;
	size_t n = 0, kept = 0, total = partlist_count(l);
	struct continued *c;

	for (size_t i = 0; i < total; i++)
		n += part_continues(partlist_at(l, i));
	s->continued = c = malloc((n + 1) * sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < total; i++)
		if (part_continues(partlist_at(l, i)))
			c[n++] = (struct continued){
			    partlist_at(l, i), partlist_at(l, i)->day, INT32_MIN};
	qsort(c, n, sizeof(*c), by_flow);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || by_flow(&c[kept - 1], &c[i]) != 0)
			c[kept++] = c[i];
		else if (c[i].newest > c[kept - 1].newest)
			c[kept - 1].newest = c[i].newest;
	}
	s->continued_count = kept;
	return 0;
}

/* May a flow begin in this day? Again one day is allowed for a clock that was set back. */
static bool may_begin(const struct continued *c, int32_t day)
{
	return day - 1 <= c->newest && (c->begun == INT32_MIN || day >= c->begun - 1);
}

struct beginning {
	struct continued *of;
	struct partlist *parts;
};

static int add_beginning(const struct record *r, void *arg)
{
	struct beginning *b = arg;
	struct part name = partlist_name(r->uuid, r->day, r->part);

	name.key = r->key;
	if (row_continues(r) || partlist_by_flow(&name, b->of->part) != 0)
		return 0;
	b->of->begun = r->day;
	return partlist_add(b->parts, r);
}

/* A daysearch_fn. */
static int ask_beginnings(struct dayindex *x, int32_t day, void *arg)
{
	struct selection *s = arg;
	int rv = 0;

	for (size_t i = 0; i < s->continued_count && rv == 0; i++) {
		struct beginning b = {&s->continued[i], s->query->parts};
		char uuid[LAYOUT_UUID_SIZE];

		if (may_begin(b.of, day))
			rv = dayindex_select(
			    x, partlist_uuid(b.of->part, uuid), DAYINDEX_EXACT, add_beginning, &b);
	}
	return rv;
}

static bool any_may_begin(const struct selection *s, int32_t day)
{
	for (size_t i = 0; i < s->continued_count; i++)
		if (may_begin(&s->continued[i], day))
			return true;
	return false;
}

static int add_beginnings(struct query_source *source, void *arg)
{
	struct selection *s = arg;
	const struct daysearch d = {source->archive, ask_beginnings, s, query_tell, source};
	const struct day_list *l = &s->lists[source - source->query->source];
	int rv = 0;

	for (size_t i = l->count; i > 0 && rv == 0; i--)
		if (l->read[i - 1] && any_may_begin(s, l->days[i - 1]))
			rv = daysearch_day(&d, l->days[i - 1]);
	return rv;
}

/* The condition on rows that says which continuations may be of a flow that is wanted. */
static int make_conditions(struct selection *s, const struct expr *e, char **ret_sql)
{
	const struct dayindex_where *part;
	int rv = expr_where_new(e, EXPR_SQL_WHOLE, &s->whole);

	if (rv == 0)
		rv = expr_where_new(e, EXPR_SQL_PART, &s->part);
	if (rv != 0)
		return rv;
	part = expr_where(s->part);
	if (asprintf(ret_sql, part->sql[0] != '\0' ? "%s AND (%s)" : "%s", DAYINDEX_SUSPECT,
		part->sql) < 0) {
		*ret_sql = NULL;
		return -ENOMEM;
	}
	s->continuations = *part;
	s->continuations.sql = *ret_sql;
	return 0;
}

int query_select(struct query *q, const struct expr *e)
{
	struct selection s = {.query = q, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	char *sql = NULL;
	int rv = 0;

	flowset_free(&q->set);
	q->expr = e;
	s.continuations.sql = "";
	if (e != NULL) {
		expr_window(e, &s.from_ns, &s.to_ns);
		rv = make_conditions(&s, e, &sql);
	}
	if (rv == 0)
		rv = query_each_source(q, select_source, &s);
	if (rv == 0 && e != NULL)
		rv = list_continued(&s);
	if (rv == 0 && s.continued_count > 0)
		rv = query_each_source(q, add_beginnings, &s);
	for (int i = 0; i < QUERY_SOURCES; i++) {
		free(s.lists[i].days);
		free(s.lists[i].read);
	}
	free(s.continued);
	expr_where_free(s.whole);
	expr_where_free(s.part);
	free(sql);
	return rv;
}
