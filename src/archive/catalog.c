/* SPDX-License-Identifier: BSD-2-Clause */
/* See catalog.h. */
#include "archive/catalog.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/mend.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "base/queue.h"
#include "base/thread.h"

/* Days whose index is open at once; a capture's packets rarely lie in more than two. */
#define DAYS_OPEN 4

/* Items taken from the queue at a time. */
#define TAKE 64

/* How long a record may wait for others, see queue_gather. */
#define GATHER_NS 1000000

/* Records that are kept until they are committed; 13 MiB, touched as it fills. */
#define GROUP_ROOM (CATALOG_GROUP_FLOWS + CATALOG_QUEUE)

/* A day that had no row for so long is closed: others may tend it, and it lies there as one file.
 */
#define QUIET_NS (60 * CLK_SECOND_NS)

/* How often to look for such days. */
#define LOOK_NS (10 * CLK_SECOND_NS)

/* A question or an order: fn is called with the index of the day, in the catalog thread. */
struct request {
	int (*fn)(struct dayindex *x, void *arg);
	void *arg;
	int32_t day;
	bool writes; /* what fn did is committed before the asker goes on */
	int result;
	sem_t done;
};

enum item_kind { ITEM_RECORD, ITEM_REQUEST, ITEM_LEAVE, ITEM_DAMAGE };

struct item {
	enum item_kind kind;
	struct request *request; /* ITEM_REQUEST */
	int error;               /* ITEM_DAMAGE */
	struct record record;    /* ITEM_LEAVE, ITEM_DAMAGE: its day alone */
};

struct open_day {
	struct dayindex *index; /* NULL: slot unused */
	int32_t day;
	int64_t used_ns; /* when it had its last row */
	bool in_transaction;
	uint64_t pending; /* rows in the transaction */
};

struct catalog {
	/* set at start, then read-only */
	struct catalog_config config;
	struct queue *queue;
	pthread_t thread;

	_Atomic uint64_t indexed_bytes; /* written by the catalog thread, read by any */
	_Atomic uint64_t pending_rows;  /* written and read by any */

	/* owned by the catalog thread until it is joined */
	struct open_day days[DAYS_OPEN];
	unsigned oldest;
	struct record
	    *group; /* GROUP_ROOM: all of the open group, to write them again if that fails */
	size_t group_count;
	bool failing; /* the disk had no room for the group: it is tried again when its time has
			 come */
	int64_t group_deadline_ns; /* -1: no group is open */
	int64_t look_ns;           /* when to look for quiet days */
	int32_t *bad_days;         /* days that lost a row */
	size_t bad_count, bad_room;
	bool bad_lost;  /* the list lacks some, for want of memory: no day is struck */
	int last_error; /* of lost_rows */
	struct catalog_result result;
	struct item taken[TAKE];
};

static bool is_listed_bad(const struct catalog *c, int32_t day)
{
	for (size_t i = 0; i < c->bad_count; i++)
		if (c->bad_days[i] == day)
			return true;
	return false;
}

static void list_bad(struct catalog *c, int32_t day)
{
	if (is_listed_bad(c, day))
		return;
	if (c->bad_count == c->bad_room) {
		size_t room = c->bad_room ? c->bad_room * 2 : 16;
		int32_t *p = realloc(c->bad_days, room * sizeof(*p));

		if (p == NULL) {
			c->bad_lost = true;
			return;
		}
		c->bad_days = p;
		c->bad_room = room;
	}
	c->bad_days[c->bad_count++] = day;
}

/*
 * Rows that are not in the index: the day stays dirty, and is mended once nobody writes to it, or
 * at the next start.
 */
static void lost_rows(struct catalog *c, int32_t day, uint64_t rows, int error)
{
	c->result.failed += rows;
	c->last_error = error;
	if (c->result.first_error == 0)
		c->result.first_error = error;
	list_bad(c, day);
}

/* May the same work another time? Of a damaged index it never will. */
static bool may_pass(int rv)
{
	return rv == -ENOSPC || rv == -EDQUOT || rv == -EIO || rv == -EBUSY || rv == -ENOMEM;
}

static int commit_day(struct catalog *c, struct open_day *d)
{
	int rv;

	if (!d->in_transaction)
		return 0;
	rv = dayindex_commit(d->index);
	if (rv != 0 && !may_pass(rv))
		lost_rows(c, d->day, d->pending, rv);
	if (rv != 0)
		dayindex_rollback(d->index);
	d->in_transaction = false;
	d->pending = 0;
	return may_pass(rv) ? rv : 0;
}

/* One sync for all files of the group, then its rows: the order is the promise. Returns: 0; -errno.
 */
static int settle(struct catalog *c)
{
	int synced = 0, rv = 0;

	if (c->config.sync == SYNC_GROUP && syncfs(archive_root(c->config.archive)) != 0)
		synced = -errno;
	for (int i = 0; i < DAYS_OPEN; i++) {
		struct open_day *d = &c->days[i];
		int day_rv;

		if (synced != 0 && d->in_transaction)
			lost_rows(c, d->day, 0, synced); /* indexed, but not proven durable */
		day_rv = commit_day(c, d);
		rv = rv == 0 ? day_rv : rv;
	}
	return rv;
}

/* Nothing of the group is written until its time comes again. */
static void fail(struct catalog *c)
{
	for (int i = 0; i < DAYS_OPEN; i++) {
		struct open_day *d = &c->days[i];

		if (d->in_transaction)
			dayindex_rollback(d->index);
		d->in_transaction = false;
		d->pending = 0;
	}
	c->failing = true;
	c->group_deadline_ns = clk_mono().ns + CATALOG_GROUP_NS;
}

static int insert_record(struct catalog *c, const struct record *r);

/* Rows that are there already are put in their own place. */
static int insert_group(struct catalog *c)
{
	int rv = 0;

	for (size_t i = 0; i < c->group_count && rv == 0; i++)
		rv = insert_record(c, &c->group[i]);
	return rv;
}

static void count_indexed(struct catalog *c)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->group_count; i++)
		if (c->group[i].segment == 0)
			bytes += layout_disk_bytes(c->group[i].length);
	atomic_fetch_add_explicit(&c->indexed_bytes, bytes, memory_order_relaxed);
	atomic_fetch_sub_explicit(&c->pending_rows, c->group_count, memory_order_relaxed);
}

static void commit_group(struct catalog *c)
{
	int rv = 0;

	if (c->group_deadline_ns < 0)
		return;
	if (c->failing)
		rv = insert_group(c);
	if (rv == 0)
		rv = settle(c);
	if (rv != 0) {
		c->last_error = rv;
		fail(c);
		return;
	}
	c->failing = false;
	count_indexed(c);
	c->group_count = 0;
	c->group_deadline_ns = -1;
}

static void close_day(struct catalog *c, struct open_day *d)
{
	/* A reader may keep the log from being written back: then it must be on disk itself. */
	if (c->config.sync != SYNC_NONE && dayindex_begin(d->index) == 0)
		(void)dayindex_commit_durably(d->index); /* else mending finds what is missing */
	dayindex_close(d->index);
	d->index = NULL;
	archive_leave_day(c->config.archive, d->day);
}

static int open_index(struct catalog *c, int32_t day, struct open_day *d)
{
	int dir = archive_touch_day(c->config.archive, day), rv;

	if (dir < 0)
		return dir;
	fileio_close(dir);
	rv = dayindex_open(c->config.archive, day, DAYINDEX_WRITE, &d->index);
	if (rv == 0)
		rv = dayindex_secondary(d->index, c->config.secondary);
	if (rv != 0) {
		dayindex_close(d->index); /* takes NULL */
		d->index = NULL;
		archive_leave_day(c->config.archive, day);
		return rv;
	}
	d->day = day;
	d->used_ns = clk_mono().ns;
	return 0;
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
		rv = settle(c); /* the group stays open: it may fail yet */
		if (rv != 0)
			return rv;
		close_day(c, d);
	}
	rv = open_index(c, day, d);
	if (rv != 0)
		return rv;
	c->oldest = (c->oldest + 1) % DAYS_OPEN;
	*ret_day = d;
	return 0;
}

/* Returns: 0, also where the row is lost for good; -errno of what may pass. */
static int insert_record(struct catalog *c, const struct record *r)
{
	struct open_day *d;
	int rv = open_day(c, r->day, &d);

	if (rv == 0 && !d->in_transaction) {
		rv = dayindex_begin(d->index);
		d->in_transaction = rv == 0;
	}
	if (rv == 0)
		rv = dayindex_insert(d->index, r);
	if (rv == 0) {
		d->pending++;
		d->used_ns = clk_mono().ns;
	} else if (!may_pass(rv)) {
		lost_rows(c, r->day, 1, rv);
		rv = 0;
	}
	return rv;
}

static void index_record(struct catalog *c, const struct record *r)
{
	int rv;

	if (c->group_count == GROUP_ROOM) {
		atomic_fetch_sub_explicit(&c->pending_rows, 1, memory_order_relaxed);
		lost_rows(c, r->day, 1, c->last_error);
		return;
	}
	c->group[c->group_count++] = *r;
	if (c->group_deadline_ns < 0)
		c->group_deadline_ns = clk_mono().ns + CATALOG_GROUP_NS;
	rv = c->failing ? 0 : insert_record(c, r);
	if (rv != 0) {
		c->last_error = rv;
		fail(c);
	}
}

/* An order is committed with the group that is open, or alone. */
static int commit_order(struct catalog *c, struct open_day *d)
{
	int rv;

	c->last_error = 0;
	if (!c->failing) {
		commit_group(c);
		(void)commit_day(c, d); /* where no group was open */
		return c->last_error;
	}
	rv = commit_day(c, d); /* what waits for room may tell of what is gone now */
	list_bad(c, d->day);
	return rv;
}

static void answer(struct catalog *c, struct request *q)
{
	struct open_day *d = NULL;
	int rv;

	if (c->failing)
		commit_group(c); /* what was put before is to be seen */
	rv = c->failing && !q->writes ? c->last_error : open_day(c, q->day, &d);

	if (rv == 0 && q->writes && !d->in_transaction) {
		rv = dayindex_begin(d->index);
		d->in_transaction = rv == 0;
	}
	if (rv == 0)
		rv = q->fn(d->index, q->arg);
	if (q->writes && rv < 0)
		lost_rows(c, q->day, 0, rv); /* half of it may be done: to be mended */
	if (q->writes && d != NULL) {
		int error = commit_order(c, d);

		rv = rv >= 0 && error != 0 ? error : rv;
	}
	q->result = rv;
	(void)sem_post(&q->done); /* of one asker: cannot overflow */
}

static bool group_is_full(const struct catalog *c)
{
	return (!c->failing &&
		   (c->config.sync == SYNC_EACH || c->group_count >= CATALOG_GROUP_FLOWS)) ||
	       clk_mono().ns >= c->group_deadline_ns;
}

static bool day_is_bad(const struct catalog *c, int32_t day)
{
	return is_listed_bad(c, day) || c->bad_lost;
}

/* Days whose index is complete: who leaves a day does so behind its records. */
static void strike_days(struct catalog *c)
{
	int32_t *days;
	size_t n;

	if (archive_dirty_days(c->config.archive, &days, &n) != 0)
		return; /* they stay dirty: the next start looks at them in vain, no harm */
	for (size_t i = 0; i < n; i++)
		if (!day_is_bad(c, days[i]))
			(void)archive_strike_day(c->config.archive, days[i]); /* as above */
	free(days);
}

/* Days that lost rows are brought into order when nobody has them in hand. */
static void mend_bad_days(struct catalog *c)
{
	const struct mend_config config = {.how = MEND_QUICK};

	for (size_t i = 0; i < c->bad_count;) {
		struct archive *a = c->config.archive;
		int32_t day = c->bad_days[i];
		struct mend_totals totals;
		int rv = archive_day_users(a, day) == 0 ? archive_recover_day(a, day) : -EAGAIN;

		if (rv == 0) {
			rv = mend_day(a, day, &config, &totals);
			archive_unlock_day(
			    a, day, rv == 0 ? ARCHIVE_UNLOCK_CLEAN : ARCHIVE_UNLOCK_DIRTY);
		}
		if (rv == 0 || rv == -ENOENT)
			c->bad_days[i] = c->bad_days[--c->bad_count];
		else
			i++;
	}
}

/* Days that nobody writes to any more are closed and struck, so that tools may have them. */
static void close_quiet_days(struct catalog *c, int64_t now_ns)
{
	c->look_ns = now_ns + LOOK_NS;
	for (int i = 0; i < DAYS_OPEN; i++) {
		struct open_day *d = &c->days[i];

		if (d->index != NULL && !d->in_transaction && now_ns - d->used_ns >= QUIET_NS &&
		    archive_day_users(c->config.archive, d->day) == 1)
			close_day(c, d);
	}
	mend_bad_days(c);
	strike_days(c);
}

static void take(struct catalog *c, const struct item *i)
{
	switch (i->kind) {
	case ITEM_RECORD:
		index_record(c, &i->record);
		break;
	case ITEM_REQUEST:
		answer(c, i->request);
		break;
	case ITEM_DAMAGE:
		lost_rows(c, i->record.day, 0, i->error);
		break;
	case ITEM_LEAVE:
		archive_leave_day(c->config.archive, i->record.day);
		break;
	}
}

static void *catalog_thread(void *arg)
{
	struct catalog *c = arg;

	for (;;) {
		int64_t deadline_ns = c->group_deadline_ns >= 0 ? c->group_deadline_ns : c->look_ns;
		int n = queue_get(c->queue, c->taken, TAKE, deadline_ns);

		for (int i = 0; i < n; i++)
			take(c, &c->taken[i]);
		if (n == -EPIPE)
			break;
		if (c->group_deadline_ns >= 0 && group_is_full(c))
			commit_group(c);
		if (!c->failing && c->group_deadline_ns < 0 && clk_mono().ns >= c->look_ns)
			close_quiet_days(c, clk_mono().ns);
	}
	commit_group(c);
	for (size_t i = 0; i < c->group_count; i++)
		lost_rows(c, c->group[i].day, 1, c->last_error);
	for (int i = 0; i < DAYS_OPEN; i++)
		if (c->days[i].index != NULL)
			close_day(c, &c->days[i]);
	return NULL;
}

int catalog_start(const struct catalog_config *config, struct catalog **ret_catalog)
{
	struct catalog *c = calloc(1, sizeof(*c));
	int rv;

	if (c == NULL)
		return -ENOMEM;
	c->config = *config;
	c->group_deadline_ns = -1;
	c->look_ns = clk_mono().ns + LOOK_NS;
	c->group = malloc(GROUP_ROOM * sizeof(*c->group));
	rv = c->group != NULL ? queue_new(sizeof(struct item), CATALOG_QUEUE, &c->queue) : -ENOMEM;
	if (rv == 0)
		queue_gather(c->queue, TAKE, GATHER_NS);
	if (rv == 0)
		rv = thread_start("fk-catalog", catalog_thread, c, &c->thread);
	if (rv != 0) {
		queue_free(c->queue);
		free(c->group);
		free(c);
		return rv;
	}
	*ret_catalog = c;
	return 0;
}

void catalog_put(struct catalog *c, const struct record *r)
{
	const struct item i = {.kind = ITEM_RECORD, .record = *r};

	atomic_fetch_add_explicit(&c->pending_rows, 1, memory_order_relaxed);
	(void)queue_put(c->queue, &i); /* closed only by stop, when all savers are gone */
}

void catalog_leave(struct catalog *c, int32_t day)
{
	const struct item i = {.kind = ITEM_LEAVE, .record = {.day = day}};

	(void)queue_put(c->queue, &i); /* as above */
}

void catalog_damage(struct catalog *c, int32_t day, int error)
{
	const struct item i = {.kind = ITEM_DAMAGE, .error = error, .record = {.day = day}};

	(void)queue_put(c->queue, &i); /* as above */
}

static int ask(struct catalog *c, struct request *q)
{
	const struct item i = {.kind = ITEM_REQUEST, .request = q};

	(void)sem_init(&q->done, 0, 0);       /* not shared between processes: cannot fail */
	(void)queue_put_urgent(c->queue, &i); /* as above */
	while (sem_wait(&q->done) != 0)
		; /* interrupted */
	(void)sem_destroy(&q->done);
	return q->result;
}

/* What fn is to be asked with, and where the answer goes. */
struct question {
	const char *uuid;
	uint32_t number; /* of a part or of a segment */
	void *result;
	dayindex_fn *fn;
};

static int find_part(struct dayindex *x, void *arg)
{
	const struct question *q = arg;

	return dayindex_find(x, q->uuid, q->number, q->result);
}

int catalog_find(
    struct catalog *c, int32_t day, const char *uuid, uint32_t part, struct record *ret_record)
{
	struct question q = {.uuid = uuid, .number = part, .result = ret_record};

	return ask(c, &(struct request){.fn = find_part, .arg = &q, .day = day});
}

static int summarize(struct dayindex *x, void *arg)
{
	return dayindex_summary(x, arg);
}

int catalog_summary(struct catalog *c, int32_t day, struct dayindex_summary *ret_summary)
{
	return ask(c, &(struct request){.fn = summarize, .arg = ret_summary, .day = day});
}

static int each_name(struct dayindex *x, void *arg)
{
	const struct question *q = arg;

	return dayindex_select(x, NULL, DAYINDEX_PREFIX, q->fn, q->result);
}

int catalog_each_name(struct catalog *c, int32_t day, dayindex_fn *fn, void *arg)
{
	struct question q = {.result = arg, .fn = fn};

	return ask(c, &(struct request){.fn = each_name, .arg = &q, .day = day});
}

int catalog_change(struct catalog *c, int32_t day, catalog_change_fn *fn, void *arg)
{
	return ask(c, &(struct request){.fn = fn, .arg = arg, .day = day, .writes = true});
}

uint64_t catalog_indexed_bytes(const struct catalog *c)
{
	return c != NULL ? atomic_load_explicit(&c->indexed_bytes, memory_order_relaxed) : 0;
}

uint64_t catalog_pending_rows(const struct catalog *c)
{
	return c != NULL ? atomic_load_explicit(&c->pending_rows, memory_order_relaxed) : 0;
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
	free(c->group);
	free(c);
}
