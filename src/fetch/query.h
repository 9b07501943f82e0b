/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds flows in an archive: by UUID, by how a UUID begins, or all. Asks the index of every day; of
 * days that are being written, or were left unfinished by a kill, it looks at the files too, so
 * that a part is found from the moment when it is published.
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
#include "fetch/partlist.h"

struct query;

/* Parts of equal UUID, protocol and ends, in the order of time. */
struct query_flow {
	const struct part **parts;
	size_t count; /* at least 1 */
};

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
 * Returns:  0, also when nothing is found or something could not be read; -ENOMEM; -errno of
 *           listing the days.
 */
int query_find(struct query *q, const struct query_words *w);

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

/* query_sort_by_start - put the flows in the order of their first packets, then UUIDs. */
void query_sort_by_start(struct query *q);

/*
 * query_keep_host - of the flows since query_group, those of which an end has this address.
 *
 * Takes:    addr of 16 bytes, IPv4 as ::ffff:a.b.c.d.
 */
void query_keep_host(struct query *q, const uint8_t addr[16]);

/* query_free - takes NULL. */
void query_free(struct query *q);

#endif
