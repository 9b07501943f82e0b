/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All flows that are alive: found by key, kept in lists by state, oldest first. Memory for the most
 * flows that are allowed is reserved at start and touched as it is used.
 *
 * Life-cycle:  new, find and add and remove, free (flows still inside are forgotten).
 * Threads:     one owner.
 */
#ifndef FLOW_FLOWTABLE_H
#define FLOW_FLOWTABLE_H

#include "flow/flow.h"

struct flowtable;

/*
 * flowtable_new - a table for at most max_flows flows (1 to 2^31).
 *
 * Returns:  0; -ENOMEM.
 */
int flowtable_new(uint32_t max_flows, struct flowtable **ret_table);

/* flowtable_prefetch - begin to load what a look-up of this hash will touch. */
void flowtable_prefetch(const struct flowtable *t, uint32_t hash);

/*
 * flowtable_guess - the flow that a look-up of this hash will very likely find, and begin to load
 * it; NULL: it will hardly find one.
 */
struct flow *flowtable_guess(const struct flowtable *t, uint32_t hash);

/* flowtable_find - the flow with this key, or NULL. */
struct flow *flowtable_find(struct flowtable *t, const struct flowkey *k, uint32_t hash);

/*
 * flowtable_next_ends - of the flows with one hash, those between these ends, whatever their link
 * type and VLAN.
 *
 * Takes:    k, whose link type and VLAN do not count; *cursor, 0 at first. The table must not
 *           change between calls.
 * Returns:  the next such flow; NULL after the last.
 */
struct flow *flowtable_next_ends(
    struct flowtable *t, const struct flowkey *k, uint32_t hash, size_t *cursor);

/*
 * flowtable_add - a zeroed flow under a key that is not in the table.
 *
 * Returns:  the flow, in no list yet (see flowtable_move); NULL if the table is full.
 */
struct flow *flowtable_add(struct flowtable *t, const struct flowkey *k, uint32_t hash);

/* flowtable_detach - f is not found by its key any more, but goes on living in its list. */
void flowtable_detach(struct flowtable *t, struct flow *f);

/* flowtable_remove - forget a flow; its memory is used again. */
void flowtable_remove(struct flowtable *t, struct flow *f);

/* flowtable_move - put a flow at the end of a list, as the youngest, stamped with tick. */
void flowtable_move(struct flowtable *t, struct flow *f, enum flow_list list, uint32_t tick);

/* flowtable_oldest - the first of a list, or NULL. */
struct flow *flowtable_oldest(struct flowtable *t, enum flow_list list);

/* flowtable_at - the flow with this number (see struct flow), dead or alive: compare its serial. */
struct flow *flowtable_at(struct flowtable *t, uint32_t number);

/* flowtable_touched - flows from this number on were never used. */
uint32_t flowtable_touched(const struct flowtable *t);

/* flowtable_count - flows inside. flowtable_listed - flows in a list. */
uint32_t flowtable_count(const struct flowtable *t);
uint32_t flowtable_listed(const struct flowtable *t, enum flow_list list);

/* flowtable_free - takes NULL. */
void flowtable_free(struct flowtable *t);

#endif
