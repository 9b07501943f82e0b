/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An inbox: a bounded ring of items of one size, copied in and out. Many may put, one takes.
 *
 * Life-cycle:  new, put and get, close by the putters' side, get until -EPIPE, join, free.
 * Threads:     any; a mutex and two conditions inside.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stddef.h>

struct queue;

/*
 * queue_new - an empty queue for `capacity` items of `item_bytes` each.
 *
 * Returns:  0; -ENOMEM.
 */
int queue_new(size_t item_bytes, size_t capacity, struct queue **ret_queue);

/*
 * queue_gather - to be woken for every single item costs more than most items do: queue_get then
 * gives items once there are `count` of them, or the first has waited for `ns`. An item that
 * somebody waits for is put by queue_put_urgent: it, and what is before it, is given at once.
 *
 * Takes:    count, at most the capacity. To be called before anybody puts or takes.
 */
void queue_gather(struct queue *q, size_t count, long long ns);

/*
 * queue_put - copy an item in, waiting while the queue is full.
 *
 * Returns:  0; -EPIPE the queue is closed.
 */
int queue_put(struct queue *q, const void *item);

/* queue_put_urgent - the same, see queue_gather. */
int queue_put_urgent(struct queue *q, const void *item);

/*
 * queue_try_put - the same without waiting.
 *
 * Returns:  0; -EAGAIN full; -EPIPE closed.
 */
int queue_try_put(struct queue *q, const void *item);

/*
 * queue_get - take up to `max` items, waiting until there is one, or as queue_gather says.
 *
 * Takes:    deadline_ns on the monotonic clock, or a negative number for no deadline.
 * Returns:  how many were copied to ret_items; -ETIMEDOUT; -EPIPE closed and empty.
 */
int queue_get(struct queue *q, void *ret_items, size_t max, long long deadline_ns);

/* queue_close - no more will be put. Wakes the taker. */
void queue_close(struct queue *q);

/* queue_depth - items inside right now. */
size_t queue_depth(struct queue *q);

/* queue_free - takes NULL. Nobody may be inside. */
void queue_free(struct queue *q);

#endif
