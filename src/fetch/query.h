/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds flows in an archive: by UUID, by how a UUID begins, or by an expression. Asks the indexes
 * of the days that matter; of days that are being written, or were left unfinished by a kill, it
 * looks at files and segments too, so that a part is found from the moment when it is published.
 * What is pinned (DIR/pinned, an archive of its own) is found as if it still lay in its day.
 *
 * Life-cycle:  new, find as often as wanted, group, look at the flows, free.
 * Threads:     a query belongs to one thread.
 */
#ifndef FETCH_QUERY_H
#define FETCH_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/dayindex.h"
#include "fetch/expr.h"
#include "fetch/partlist.h"

struct query;

/*
 * Told of every index and file that cannot be read; the search goes on without it.
 *
 * Takes:    path, from the archive on; reason, in words; arg of query_new.
 */
typedef void query_bad_fn(const char *path, const char *reason, void *arg);

/*
 * query_open_archive - open an archive to read it, if it is one.
 *
 * Returns:  0; -ENOMEDIUM a directory, but no archive; -errno of archive_open.
 */
int query_open_archive(const char *path, struct archive **ret_archive);

/* query_new - Takes the archive, which outlives the query. Returns: 0; -ENOMEM. */
int query_new(struct archive *a, query_bad_fn *bad, void *arg, struct query **ret_query);

/* What to find: count UUIDs, or beginnings of UUIDs; all flows where words is NULL. */
struct query_words {
	const char *const *words;
	size_t count;
	enum dayindex_match match;
};

/*
 * query_find - look for parts, and add them to those that were found before.
 *
 * Days are asked from the newest to the oldest. Of a whole UUID that we made ourselves, those that
 * lie before the day where its part 0 was found are not asked: no packet of the flow can lie there.
 *
 * Returns:  0, also when nothing is found or something could not be read; -ENOMEM; -errno of
 *           listing the days.
 */
int query_find(struct query *q, const struct query_words *w);

/*
 * query_select - look for the flows of which an expression is true; all of them where e is NULL.
 *
 * Then query_group makes flows of what was found, and leaves out those that do not fulfil it. Days
 * that expr_window rules out are not read: those that begin at its end or later, and those older
 * than the day before its beginning in which no part ends within it; days that are being written
 * are, if they do not lie behind it. A flow is what lies of it in the days that are read.
 *
 * Takes:    e, which outlives query_group.
 * Returns:  as query_find.
 */
int query_select(struct query *q, const struct expr *e);

/*
 * query_locate - look up anew where a part lies now: pack may have moved it, prune removed it.
 *
 * Returns:  0, and p->segment, offset, length, pinned are set; -ENOENT it is gone; -errno.
 */
int query_locate(struct query *q, struct part *p);

/*
 * query_group - put the parts together to flows, each part once.
 *
 * Returns:  0, and the flows below are in the order of their UUIDs; -ENOMEM.
 */
int query_group(struct query *q);

/* query_flows - the flows since the last query_group; gone with the next query_find. */
const struct query_flow *query_flows(const struct query *q, size_t *ret_count);

/* query_lower_bound - number of the first flow whose UUID does not sort before a text. */
size_t query_lower_bound(const struct query *q, const char *text);

/* query_sort - put the flows in an order; equal ones in that of their first packets, then UUIDs. */
enum query_order {
	QUERY_BY_START,
	QUERY_BY_END,
	QUERY_BY_DURATION,
	QUERY_BY_PACKETS,
	QUERY_BY_BYTES
};

void query_sort(struct query *q, enum query_order by, bool descending);

/* query_free - takes NULL. */
void query_free(struct query *q);

#endif
