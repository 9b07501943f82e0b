/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a day in hand; see archive.h.
 *
 * The writer lists a day first and then waits for its lock, so that a tool that has it sees that it
 * is waited for. A tool takes the lock first, without waiting, and then lists. A line goes before
 * its lock does. So a line without a lock was left by somebody who was killed, and the day is to be
 * mended. Lines of the writer that it has not written itself are of an earlier one: the writer
 * makes them lines of nobody in particular, as those of tools are, for only who mends a day may
 * take such a line away.
 *
 * All threads of a handle hold its locks together. What they have to settle among themselves (the
 * savers and retention) is settled by struct hold.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "archive/archive_private.h"
#include "archive/layout.h"
#include "archive/lockfile.h"
#include "base/fileio.h"

/* A day that this handle has in hand, or waits for. */
struct hold {
	int32_t day;
	unsigned users; /* touched and not left */
	bool listed;    /* the writer's line is there, and it is ours */
	bool locked;    /* we hold its byte */
	bool tool;      /* archive_lock_day has it: who touches it waits for `unlocked` */
	bool unmended;  /* it was listed before: somebody was killed */
	struct hold *next;
};

/* ---- holds: called with the lock held ---- */

static struct hold *find_hold(const struct archive *a, int32_t day)
{
	struct hold *h = a->holds;

	while (h != NULL && h->day != day)
		h = h->next;
	return h;
}

static struct hold *get_hold(struct archive *a, int32_t day)
{
	struct hold *h = find_hold(a, day);

	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->day = day;
	h->next = a->holds;
	a->holds = h;
	return h;
}

/* Forgets a hold in which nothing is held any more. */
static void put_hold(struct archive *a, struct hold *h)
{
	struct hold **p = &a->holds;

	if (h->users > 0 || h->listed || h->locked || h->tool)
		return;
	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
	free(h);
}

static void unlock_byte(struct archive *a, struct hold *h)
{
	lockfile_release(a->lock_fd, lockfile_day(h->day));
	h->locked = false;
}

/* ---- the list of dirty days: called with the lock held ---- */

/* Lines of an earlier writer: see the head of this file. */
static void disown(const struct archive *a, struct dirtylist *l)
{
	if (a->mode != ARCHIVE_WRITE)
		return;
	for (size_t i = 0; i < l->count; i++) {
		const struct hold *h = find_hold(a, l->days[i].day);

		if ((l->days[i].by & DIRTYLIST_WRITER) && (h == NULL || !h->listed))
			l->days[i].by = DIRTYLIST_TOOL;
	}
}

/*
 * Changes the line of a day in the list as it is now: tools and the writer change theirs, too. A
 * tool leaves that of a writer who is there: it waits for the day. One who comes now lists no day
 * before we are through.
 */
static int change_list(struct archive *a, int32_t day, unsigned add, unsigned drop)
{
	struct dirtylist l = {0};
	int rv = lockfile_take(a->lock_fd, LOCKFILE_LIST, LOCKFILE_WAIT);

	if (rv != 0)
		return rv;
	if (a->mode != ARCHIVE_WRITE && archive_has_writer(a))
		drop &= ~(unsigned)DIRTYLIST_WRITER;
	rv = dirtylist_read(a->root, &l);
	if (rv == 0) {
		disown(a, &l);
		rv = dirtylist_set(&l, day, (dirtylist_by(&l, day) & ~drop) | add);
	}
	if (rv == 0)
		rv = dirtylist_write(a->root, &l);
	lockfile_release(a->lock_fd, LOCKFILE_LIST);
	if (rv != 0) {
		dirtylist_free(&l);
		return rv;
	}
	dirtylist_free(&a->dirty);
	a->dirty = l;
	return 0;
}

/* ---- opening and closing ---- */

int archive_private_read_list(struct archive *a)
{
	int rv = dirtylist_read(a->root, &a->dirty);

	/* Else with the first change. Day 0 stands for none: nothing is added or dropped. */
	if (rv == 0 && a->mode == ARCHIVE_WRITE && a->dirty.count > 0)
		(void)change_list(a, 0, 0, 0);
	return rv;
}

void archive_private_forget_days(struct archive *a)
{
	while (a->holds != NULL) {
		struct hold *h = a->holds;

		a->holds = h->next;
		free(h);
	}
	dirtylist_free(&a->dirty);
}

/* ---- the writer's days ---- */

/* Waits for the tool that has a day. Called with the lock held; gives it away while waiting. */
static int lock_listed(struct archive *a, struct hold *h)
{
	int rv;

	while (h->tool)
		(void)pthread_cond_wait(&a->unlocked, &a->lock);
	if (h->locked)
		return 0;
	/* h stays: it has a user. Two who wait here get the same lock, and both go on. */
	(void)pthread_mutex_unlock(&a->lock);
	rv = lockfile_take(a->lock_fd, lockfile_day(h->day), LOCKFILE_WAIT);
	(void)pthread_mutex_lock(&a->lock);
	if (rv == 0)
		h->locked = true;
	return rv;
}

static int take_in_hand(struct archive *a, int32_t day)
{
	struct hold *h;
	int rv = 0;

	(void)pthread_mutex_lock(&a->lock);
	h = get_hold(a, day);
	if (h == NULL) {
		(void)pthread_mutex_unlock(&a->lock);
		return -ENOMEM;
	}
	h->users++; /* from here on nobody strikes or locks it */
	if (!h->listed) {
		h->listed = true; /* so that disown knows it for ours */
		rv = change_list(a, day, DIRTYLIST_WRITER, 0);
		h->listed = rv == 0;
	}
	if (rv == 0)
		rv = lock_listed(a, h);
	if (rv != 0) {
		h->users--;
		put_hold(a, h);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rv;
}

int archive_touch_day(struct archive *a, int32_t day)
{
	char path[LAYOUT_DAY_SIZE];
	int rv;

	assert(a->mode == ARCHIVE_WRITE);
	rv = take_in_hand(a, day);
	if (rv != 0)
		return rv;
	rv = fileio_open_dir(a->root, layout_day_path(day, path), ARCHIVE_DIR_MODE);
	if (rv == -ENOENT) /* whoever prunes took the empty month away just now */
		rv = fileio_open_dir(a->root, path, ARCHIVE_DIR_MODE);
	if (rv < 0)
		archive_leave_day(a, day);
	return rv;
}

void archive_leave_day(struct archive *a, int32_t day)
{
	struct hold *h;

	(void)pthread_mutex_lock(&a->lock);
	h = find_hold(a, day);
	assert(h != NULL && h->users > 0);
	h->users--;
	(void)pthread_mutex_unlock(&a->lock);
}

unsigned archive_day_users(struct archive *a, int32_t day)
{
	const struct hold *h;
	unsigned users;

	(void)pthread_mutex_lock(&a->lock);
	h = find_hold(a, day);
	users = h != NULL ? h->users : 0;
	(void)pthread_mutex_unlock(&a->lock);
	return users;
}

int archive_strike_day(struct archive *a, int32_t day)
{
	struct hold *h;
	int rv = 0;

	(void)pthread_mutex_lock(&a->lock);
	h = find_hold(a, day);
	if (h != NULL && (h->users > 0 || h->tool)) {
		rv = -EBUSY;
	} else if (h != NULL) {
		rv = change_list(a, day, 0, DIRTYLIST_WRITER);
		if (rv == 0) {
			h->listed = false;
			unlock_byte(a, h);
			put_hold(a, h);
		}
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rv;
}

/* ---- the days of tools ---- */

/* Returns: 0; -ENOENT; -errno where it cannot be told just now. */
static int has_directory(const struct archive *a, int32_t day)
{
	int fd = archive_open_day(a, day);

	fileio_close(fd);
	return fd >= 0 ? 0 : fd;
}

/* Is a day listed by somebody who is not there any more? We have its lock. 1, 0, -errno. */
static int is_unmended(const struct archive *a, const struct hold *h)
{
	bool writer = a->mode == ARCHIVE_WRITE ? h->listed : archive_has_writer(a);
	struct dirtylist l;
	unsigned by;
	int rv = dirtylist_read(a->root, &l);

	if (rv != 0)
		return rv;
	by = dirtylist_by(&l, h->day);
	dirtylist_free(&l);
	return (by & DIRTYLIST_TOOL) || (!writer && by != 0);
}

enum take_over { TAKE_OVER_NO, TAKE_OVER_YES };

/* Called with the lock held. On failure nothing is held that was not before. */
static int lock_hold(struct archive *a, struct hold *h, enum take_over take_over)
{
	bool before = h->locked;
	int rv = 0;

	if (h->users > 0 || h->tool || (h->locked && take_over == TAKE_OVER_NO))
		return -EAGAIN;
	if (!h->locked)
		rv = lockfile_take(a->lock_fd, lockfile_day(h->day), LOCKFILE_TRY);
	if (rv != 0)
		return rv;
	h->locked = true;
	rv = has_directory(a, h->day);
	if (rv == 0)
		rv = is_unmended(a, h);
	if (rv >= 0)
		h->unmended = rv > 0;
	if (rv >= 0)
		rv = change_list(a, h->day, DIRTYLIST_TOOL, 0);
	if (rv == 0)
		h->tool = true;
	else if (!before)
		unlock_byte(a, h);
	return rv;
}

static int lock_day(struct archive *a, int32_t day, enum take_over take_over)
{
	struct hold *h;
	int rv = -ENOMEM;

	assert(a->mode != ARCHIVE_READ);
	(void)pthread_mutex_lock(&a->lock);
	h = get_hold(a, day);
	if (h != NULL) {
		rv = lock_hold(a, h, take_over);
		put_hold(a, h);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rv;
}

int archive_lock_day(struct archive *a, int32_t day)
{
	return lock_day(a, day, TAKE_OVER_NO);
}

int archive_recover_day(struct archive *a, int32_t day)
{
	int rv = lock_day(a, day, TAKE_OVER_YES);

	if (rv == -ENOENT) { /* listed, but nothing was written */
		(void)pthread_mutex_lock(&a->lock);
		(void)change_list(a, day, 0, DIRTYLIST_WRITER | DIRTYLIST_TOOL);
		(void)pthread_mutex_unlock(&a->lock);
	}
	return rv;
}

/* Takes the lines of a day away, but for that of a thread of ours that waits for it. */
static void unlist(struct archive *a, const struct hold *h)
{
	unsigned drop = DIRTYLIST_TOOL | (h->users == 0 ? DIRTYLIST_WRITER : 0);

	(void)change_list(a, h->day, 0, drop); /* a line that stays: it is mended in vain */
}

void archive_unlock_day(struct archive *a, int32_t day, enum archive_unlock how)
{
	struct hold *h;

	(void)pthread_mutex_lock(&a->lock);
	h = find_hold(a, day);
	assert(h != NULL && h->tool);
	if (how == ARCHIVE_UNLOCK_CLEAN)
		unlist(a, h);
	h->tool = h->unmended = false;
	if (h->users > 0) {
		/* A thread of ours waits: the lock goes over to it. */
		(void)pthread_cond_broadcast(&a->unlocked);
	} else {
		h->listed = false; /* what is still listed waits for who mends it */
		unlock_byte(a, h);
		put_hold(a, h);
	}
	(void)pthread_mutex_unlock(&a->lock);
}

bool archive_day_unmended(struct archive *a, int32_t day)
{
	const struct hold *h;
	bool unmended;

	(void)pthread_mutex_lock(&a->lock);
	h = find_hold(a, day);
	assert(h != NULL && h->tool);
	unmended = h->unmended;
	(void)pthread_mutex_unlock(&a->lock);
	return unmended;
}

bool archive_day_wanted(struct archive *a, int32_t day)
{
	struct dirtylist l;
	bool wanted;

	if (a->mode == ARCHIVE_WRITE)
		return archive_day_users(a, day) > 0;
	if (!archive_has_writer(a) || dirtylist_read(a->root, &l) != 0)
		return false;
	wanted = (dirtylist_by(&l, day) & DIRTYLIST_WRITER) != 0;
	dirtylist_free(&l);
	return wanted;
}

/* ---- what is listed ---- */

bool archive_day_dirty(struct archive *a, int32_t day)
{
	bool found;

	(void)pthread_mutex_lock(&a->lock);
	found = dirtylist_by(&a->dirty, day) != 0;
	(void)pthread_mutex_unlock(&a->lock);
	return found;
}

int archive_dirty_days(struct archive *a, int32_t **ret_days, size_t *ret_count)
{
	int32_t *days;
	size_t n;

	(void)pthread_mutex_lock(&a->lock);
	n = a->dirty.count;
	days = malloc((n + 1) * sizeof(*days));
	for (size_t i = 0; days != NULL && i < n; i++)
		days[i] = a->dirty.days[i].day;
	(void)pthread_mutex_unlock(&a->lock);
	if (days == NULL)
		return -ENOMEM;
	*ret_days = days;
	*ret_count = n;
	return 0;
}
