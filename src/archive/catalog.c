/* SPDX-License-Identifier: BSD-2-Clause */
/* See catalog.h. */
#include "archive/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "base/clk.h"
#include "base/queue.h"
#include "base/thread.h"

/* Days whose index is open at once; a capture's packets rarely lie in more than two. */
#define DAYS_OPEN 4

/* Records taken from the queue at a time. */
#define TAKE 64

struct open_day {
	struct dayindex *index; /* NULL: slot unused */
	int32_t day;
	bool in_transaction;
	uint64_t pending; /* rows in the transaction */
};

struct catalog {
	/* set at start, then read-only */
	struct archive *archive;
	enum sync_mode sync;
	struct queue *queue;
	pthread_t thread;

	/* owned by the catalog thread until it is joined */
	struct open_day days[DAYS_OPEN];
	unsigned oldest;
	uint64_t group_rows;
	int64_t group_deadline_ns; /* -1: no group is open */
	int32_t *bad_days;         /* days that lost a row */
	size_t bad_count, bad_room;
	struct catalog_result result;
	struct record taken[TAKE];
};

/* A row that is not in the index: the day stays dirty, so that the next start mends it. */
static void lost_rows(struct catalog *c, int32_t day, uint64_t rows, int error)
{
	c->result.failed += rows;
	if (c->result.first_error == 0)
		c->result.first_error = error;
	if (c->bad_count == c->bad_room) {
		size_t room = c->bad_room ? c->bad_room * 2 : 16;
		int32_t *p = realloc(c->bad_days, room * sizeof(*p));

		if (p == NULL)
			return; /* stop strikes nothing when failed is not 0 but the list is short
				 */
		c->bad_days = p;
		c->bad_room = room;
	}
	c->bad_days[c->bad_count++] = day;
}

static void commit_day(struct catalog *c, struct open_day *d)
{
	int rv;

	if (!d->in_transaction)
		return;
	rv = dayindex_commit(d->index);
	if (rv != 0)
		lost_rows(c, d->day, d->pending, rv);
	d->in_transaction = false;
	d->pending = 0;
}

/* One sync for all files of the group, then its rows: the order is the promise. */
static void commit_group(struct catalog *c)
{
	int rv = 0;

	if (c->group_deadline_ns < 0)
		return;
	if (c->sync == SYNC_GROUP && syncfs(archive_root(c->archive)) != 0)
		rv = -errno;
	for (int i = 0; i < DAYS_OPEN; i++) {
		if (rv != 0 && c->days[i].in_transaction)
			lost_rows(c, c->days[i].day, 0, rv); /* indexed, but not proven durable */
		commit_day(c, &c->days[i]);
	}
	c->group_rows = 0;
	c->group_deadline_ns = -1;
}

/* The open index of a day; makes room by closing the one that was opened first. */
static int open_day(struct catalog *c, int32_t day, struct open_day **ret_day)
{
	struct open_day *d;
	int rv;

	for (int i = 0; i < DAYS_OPEN; i++) {
		if (c->days[i].index != NULL && c->days[i].day == day) {
			*ret_day = &c->days[i];
			return 0;
		}
	}
	d = &c->days[c->oldest];
	if (d->index != NULL) {
		commit_group(c);
		dayindex_close(d->index);
		d->index = NULL;
	}
	rv = dayindex_open(c->archive, day, DAYINDEX_WRITE, &d->index);
	if (rv != 0)
		return rv;
	d->day = day;
	c->oldest = (c->oldest + 1) % DAYS_OPEN;
	*ret_day = d;
	return 0;
}

static void index_record(struct catalog *c, const struct record *r)
{
	struct open_day *d;
	int rv = open_day(c, r->day, &d);

	if (rv == 0 && !d->in_transaction) {
		rv = dayindex_begin(d->index);
		d->in_transaction = rv == 0;
	}
	if (rv == 0)
		rv = dayindex_insert(d->index, r);
	if (rv != 0) {
		lost_rows(c, r->day, 1, rv);
		return;
	}
	d->pending++;
	c->group_rows++;
	if (c->group_deadline_ns < 0)
		c->group_deadline_ns = clk_mono().ns + CATALOG_GROUP_NS;
}

static bool group_is_full(const struct catalog *c)
{
	return c->sync == SYNC_EACH || c->group_rows >= CATALOG_GROUP_FLOWS ||
	       clk_mono().ns >= c->group_deadline_ns;
}

static void *catalog_thread(void *arg)
{
	struct catalog *c = arg;

	for (;;) {
		int n = queue_get(c->queue, c->taken, TAKE, c->group_deadline_ns);

		for (int i = 0; i < n; i++)
			index_record(c, &c->taken[i]);
		if (n == -EPIPE)
			break;
		if (c->group_deadline_ns >= 0 && group_is_full(c))
			commit_group(c);
	}
	commit_group(c);
	for (int i = 0; i < DAYS_OPEN; i++)
		dayindex_close(c->days[i].index);
	return NULL;
}

int catalog_start(struct archive *a, enum sync_mode sync, struct catalog **ret_catalog)
{
	struct catalog *c = calloc(1, sizeof(*c));
	int rv;

	if (c == NULL)
		return -ENOMEM;
	c->archive = a;
	c->sync = sync;
	c->group_deadline_ns = -1;
	rv = queue_new(sizeof(struct record), CATALOG_QUEUE, &c->queue);
	if (rv == 0)
		rv = thread_start("fk-catalog", catalog_thread, c, &c->thread);
	if (rv != 0) {
		queue_free(c->queue);
		free(c);
		return rv;
	}
	*ret_catalog = c;
	return 0;
}

void catalog_put(struct catalog *c, const struct record *r)
{
	(void)queue_put(c->queue, r); /* closed only by stop, when all savers are gone */
}

static bool day_is_bad(const struct catalog *c, int32_t day)
{
	for (size_t i = 0; i < c->bad_count; i++)
		if (c->bad_days[i] == day)
			return true;
	return c->result.first_error != 0 && c->bad_count == 0;
}

static void strike_days(struct catalog *c)
{
	int32_t *days;
	size_t n;

	if (archive_dirty_days(c->archive, &days, &n) != 0)
		return; /* they stay dirty: the next start looks at them in vain, no harm */
	for (size_t i = 0; i < n; i++)
		if (!day_is_bad(c, days[i]))
			(void)archive_strike_day(c->archive, days[i]); /* as above */
	free(days);
}

void catalog_stop(struct catalog *c, struct catalog_result *ret_result)
{
	if (c == NULL)
		return;
	queue_close(c->queue);
	(void)pthread_join(c->thread, NULL); /* our own, joined once */
	strike_days(c);
	*ret_result = c->result;
	queue_free(c->queue);
	free(c->bad_days);
	free(c);
}
