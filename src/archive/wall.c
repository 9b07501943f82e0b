/* SPDX-License-Identifier: BSD-2-Clause */
/* See wall.h. */
#include "archive/wall.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "archive/layout.h"
#include "base/clk.h"

/* Bytes or files, counted from the start on. Threads: claimed and through by those who write. */
struct account {
	_Atomic uint64_t claimed, through;
	_Atomic uint64_t ceiling; /* written with the lock held */
};

struct wall {
	/* set at start, then read-only */
	_Atomic uint64_t *waits;

	struct account bytes, files;
	_Atomic uint64_t staged; /* of bytes.through */
	_Atomic uint64_t due;    /* bytes.claimed at which the thread is woken */

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t wake; /* by CLOCK_MONOTONIC */
	bool woken;
	bool is_due;         /* without haste: much was claimed */
	bool released;       /* nobody waits any more */
	unsigned waiting;    /* writers, for: */
	pthread_cond_t room; /* the ceiling has changed */
};

static int init_wake(struct wall *w)
{
	pthread_condattr_t attr;
	int rv = pthread_condattr_init(&attr);

	if (rv != 0)
		return -rv;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* a clock that there is */
	rv = pthread_cond_init(&w->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return -rv;
}

static void set(_Atomic uint64_t *v, uint64_t to)
{
	atomic_store_explicit(v, to, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

int wall_new(_Atomic uint64_t *waits, struct wall **ret_wall)
{
	struct wall *w = calloc(1, sizeof(*w));
	int rv;

	if (w == NULL)
		return -ENOMEM;
	rv = init_wake(w);
	if (rv != 0) {
		free(w);
		return rv;
	}
	/* Default attributes: cannot fail on Linux. */
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->room, NULL);
	w->waits = waits;
	*ret_wall = w;
	return 0;
}

/* ---- those who write --------------------------------------------------------------------------
 */

static uint64_t bytes_of(const struct wall_claim *c)
{
	return layout_disk_bytes(c->bytes) + c->parts * WALL_ROW_BYTES;
}

/* The position of a claim; 0, which always has room, where nothing is claimed. */
static uint64_t claim(struct account *a, uint64_t n)
{
	/* Not only where n > 0: gcc 12 then takes what was there for n, and gives it back twice. */
	uint64_t end = atomic_fetch_add_explicit(&a->claimed, n, memory_order_relaxed) + n;

	return n > 0 ? end : 0;
}

static bool has_room(const struct wall *w, uint64_t bytes, uint64_t files)
{
	return bytes <= get(&w->bytes.ceiling) && files <= get(&w->files.ceiling);
}

static void wait_for_room(struct wall *w, uint64_t bytes, uint64_t files)
{
	(void)pthread_mutex_lock(&w->lock);
	w->waiting++;
	atomic_fetch_add_explicit(w->waits, 1, memory_order_relaxed);
	while (!has_room(w, bytes, files)) {
		w->woken = true;
		(void)pthread_cond_signal(&w->wake);
		(void)pthread_cond_wait(&w->room, &w->lock);
	}
	if (--w->waiting == 0 && w->released)
		(void)pthread_cond_broadcast(&w->room); /* wall_free waits for that */
	(void)pthread_mutex_unlock(&w->lock);
}

static void make_due(struct wall *w)
{
	(void)pthread_mutex_lock(&w->lock);
	set(&w->due, UINT64_MAX); /* once is enough */
	w->is_due = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

void wall_begin(struct wall *w, const struct wall_claim *c)
{
	uint64_t bytes = claim(&w->bytes, bytes_of(c));
	uint64_t files = claim(&w->files, c->files);

	if (bytes >= get(&w->due))
		make_due(w);
	if (!has_room(w, bytes, files))
		wait_for_room(w, bytes, files);
}

/* Whoever sees it through has it in what he measures then. */
void wall_end(struct wall *w, const struct wall_claim *c)
{
	uint64_t bytes = bytes_of(c);

	if (c->where == WALL_STAGED)
		atomic_fetch_add_explicit(&w->staged, bytes, memory_order_release);
	atomic_fetch_add_explicit(&w->files.through, c->files, memory_order_release);
	atomic_fetch_add_explicit(&w->bytes.through, bytes, memory_order_release);
}

/* ---- the thread that makes room ---------------------------------------------------------------
 */

/* The first two are read before the others: what is through was claimed. */
void wall_look(const struct wall *w, struct wall_claims *ret_claims)
{
	uint64_t bytes = atomic_load_explicit(&w->bytes.through, memory_order_acquire);
	uint64_t files = atomic_load_explicit(&w->files.through, memory_order_acquire);

	ret_claims->staged_bytes = atomic_load_explicit(&w->staged, memory_order_acquire);
	ret_claims->bytes = get(&w->bytes.claimed);
	ret_claims->files = get(&w->files.claimed);
	ret_claims->open_bytes = ret_claims->bytes - bytes;
	ret_claims->open_files = ret_claims->files - files;
}

/* Who waits either has room now, or wakes the thread again. */
static void set_ceiling(struct wall *w, uint64_t bytes, uint64_t files)
{
	set(&w->bytes.ceiling, bytes);
	set(&w->files.ceiling, files);
	(void)pthread_cond_broadcast(&w->room);
}

void wall_set(struct wall *w, const struct wall_ceiling *ceiling, uint64_t due_bytes)
{
	(void)pthread_mutex_lock(&w->lock);
	if (!w->released)
		set_ceiling(w, ceiling->bytes, ceiling->files);
	set(&w->due, due_bytes);
	(void)pthread_mutex_unlock(&w->lock);
}

void wall_open(struct wall *w)
{
	(void)pthread_mutex_lock(&w->lock);
	set_ceiling(w, UINT64_MAX, UINT64_MAX);
	(void)pthread_mutex_unlock(&w->lock);
}

void wall_release(struct wall *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->released = true;
	set_ceiling(w, UINT64_MAX, UINT64_MAX);
	(void)pthread_mutex_unlock(&w->lock);
}

bool wall_awaited(struct wall *w)
{
	bool awaited;

	(void)pthread_mutex_lock(&w->lock);
	awaited = w->waiting > 0;
	(void)pthread_mutex_unlock(&w->lock);
	return awaited;
}

void wall_wake(struct wall *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->woken = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

bool wall_sleep(struct wall *w, int64_t until_ns)
{
	const struct timespec until = {
	    .tv_sec = until_ns / CLK_SECOND_NS, .tv_nsec = (long)(until_ns % CLK_SECOND_NS)};
	bool woken;
	int rv = 0;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->woken && !w->is_due && rv == 0)
		rv = pthread_cond_timedwait(&w->wake, &w->lock, &until);
	woken = w->woken;
	w->woken = w->is_due = false;
	(void)pthread_mutex_unlock(&w->lock);
	return woken;
}

void wall_free(struct wall *w)
{
	if (w == NULL)
		return;
	(void)pthread_mutex_lock(&w->lock);
	while (w->waiting > 0)
		(void)pthread_cond_wait(&w->room, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_cond_destroy(&w->room);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
