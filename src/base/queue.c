/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounded inbox. "Closed" is tested after "empty" was, so what was put before is never lost. */
#include "base/queue.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000

struct queue {
	/* set at start, then read-only */
	size_t item_bytes;
	size_t capacity;
	size_t gather; /* items that are worth waking for; 0: each is */
	long long gather_ns;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	size_t head; /* next to take */
	size_t count;
	bool closed;
	bool urgent; /* somebody waits for what is inside */
	unsigned char *ring;
};

int queue_new(size_t item_bytes, size_t capacity, struct queue **ret_queue)
{
	struct queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;

	assert(item_bytes > 0 && capacity > 0);
	if (q == NULL)
		return -ENOMEM;
	q->ring = malloc(item_bytes * capacity);
	if (q->ring == NULL) {
		free(q);
		return -ENOMEM;
	}
	q->item_bytes = item_bytes;
	q->capacity = capacity;
	/* None of these can fail on Linux with default or monotonic-clock attributes. */
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->not_empty, &attr);
	(void)pthread_cond_init(&q->not_full, &attr);
	(void)pthread_condattr_destroy(&attr);
	*ret_queue = q;
	return 0;
}

void queue_gather(struct queue *q, size_t count, long long ns)
{
	assert(count <= q->capacity);
	q->gather = count;
	q->gather_ns = ns;
}

enum manner { PUT, PUT_URGENTLY, TRY_TO_PUT };

static int put(struct queue *q, const void *item, enum manner how)
{
	int rv = 0;

	(void)pthread_mutex_lock(&q->lock);
	while (how != TRY_TO_PUT && q->count == q->capacity && !q->closed)
		(void)pthread_cond_wait(&q->not_full, &q->lock);
	if (q->closed) {
		rv = -EPIPE;
	} else if (q->count == q->capacity) {
		rv = -EAGAIN;
	} else {
		size_t at = (q->head + q->count) % q->capacity;

		memcpy(q->ring + at * q->item_bytes, item, q->item_bytes);
		q->urgent |= how == PUT_URGENTLY;
		q->count++;
		if (q->count == 1 || q->count == q->gather || how == PUT_URGENTLY)
			(void)pthread_cond_signal(&q->not_empty);
	}
	(void)pthread_mutex_unlock(&q->lock);
	return rv;
}

int queue_put(struct queue *q, const void *item)
{
	return put(q, item, PUT);
}

int queue_put_urgent(struct queue *q, const void *item)
{
	return put(q, item, PUT_URGENTLY);
}

int queue_try_put(struct queue *q, const void *item)
{
	return put(q, item, TRY_TO_PUT);
}

/* Waits for an item; returns 0, or why there will be none. */
static int wait_item(struct queue *q, long long deadline_ns)
{
	struct timespec ts = {
	    .tv_sec = deadline_ns / SECOND_NS, .tv_nsec = deadline_ns % SECOND_NS};

	while (q->count == 0) {
		if (q->closed)
			return -EPIPE;
		if (deadline_ns < 0)
			(void)pthread_cond_wait(&q->not_empty, &q->lock);
		else if (pthread_cond_timedwait(&q->not_empty, &q->lock, &ts) == ETIMEDOUT &&
			 q->count == 0)
			return q->closed ? -EPIPE : -ETIMEDOUT;
	}
	return 0;
}

/* There is one: waits until there are more, see queue_gather. */
static void wait_more(struct queue *q)
{
	struct timespec ts;

	if (q->count >= q->gather || q->urgent || q->closed)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* it is there */
	ts.tv_sec += (ts.tv_nsec + q->gather_ns) / SECOND_NS;
	ts.tv_nsec = (ts.tv_nsec + q->gather_ns) % SECOND_NS;
	while (q->count < q->gather && !q->urgent && !q->closed)
		if (pthread_cond_timedwait(&q->not_empty, &q->lock, &ts) == ETIMEDOUT)
			break;
}

int queue_get(struct queue *q, void *ret_items, size_t max, long long deadline_ns)
{
	unsigned char *to = ret_items;
	size_t n = 0;
	int rv;

	(void)pthread_mutex_lock(&q->lock);
	rv = wait_item(q, deadline_ns);
	if (rv == 0) {
		bool was_full;

		wait_more(q);
		was_full = q->count == q->capacity;
		for (; n < max && q->count > 0; n++, q->count--) {
			memcpy(to + n * q->item_bytes, q->ring + q->head * q->item_bytes,
			    q->item_bytes);
			q->head = (q->head + 1) % q->capacity;
		}
		if (q->count == 0) {
			q->urgent = false;
			q->head = 0; /* the memory that is warm, and no more than is needed */
		}
		if (was_full)
			(void)pthread_cond_broadcast(&q->not_full);
		rv = (int)n;
	}
	(void)pthread_mutex_unlock(&q->lock);
	return rv;
}

void queue_close(struct queue *q)
{
	(void)pthread_mutex_lock(&q->lock);
	q->closed = true;
	(void)pthread_cond_broadcast(&q->not_empty);
	(void)pthread_cond_broadcast(&q->not_full);
	(void)pthread_mutex_unlock(&q->lock);
}

size_t queue_depth(struct queue *q)
{
	size_t n;

	(void)pthread_mutex_lock(&q->lock);
	n = q->count;
	(void)pthread_mutex_unlock(&q->lock);
	return n;
}

void queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	(void)pthread_mutex_destroy(&q->lock);
	(void)pthread_cond_destroy(&q->not_empty);
	(void)pthread_cond_destroy(&q->not_full);
	free(q->ring);
	free(q);
}
