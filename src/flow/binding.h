/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which UUID belongs to which tuple: what the events have told, kept until the close event and a
 * while after, so that a connection that idles past its flow's end goes on under its own name.
 *
 * A tuple's present binding is found by the tuple; one that another has taken the place of is kept
 * while flows carry it. Bindings that no flow carries number at most max_flows: the oldest goes.
 *
 * Life-cycle:  new; add, find, hold and release; free.
 * Threads:     owned by the demux thread.
 */
#ifndef FLOW_BINDING_H
#define FLOW_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/layout.h"
#include "flow/flow.h"
#include "packet/hash.h"

#define BINDING_NONE UINT32_MAX

struct bindings;

struct binding {
	struct flowkey key;  /* protocol and ends alone, see binding_key */
	int64_t renewed_ns;  /* demux clock when it was told, or seen in use, last */
	int64_t open_ts_ns;  /* time that the open event gave, 0: none */
	int64_t closed_ns;   /* demux clock at the close event, 0: open */
	int64_t close_ts_ns; /* time that the close event gave, 0: none */
	uint32_t isn[2];     /* of the connection that it named, by side, where isn_known */
	uint8_t isn_known;   /* bit per side */
	bool used;           /* it named a flow */
	bool present;        /* it is what its tuple means now */
	uint32_t number;     /* its place */
	uint32_t flows;      /* live flows that carry it */
	uint32_t parts;      /* that flows have published under it, as far as they are over */
	/* private to binding.c */
	uint32_t prev, next; /* in the list of its state */
	uint32_t key_next, uuid_next, uuid_prev;
	uint8_t list;
	char uuid[LAYOUT_UUID_SIZE];
};

/* binding_gone_fn - called with a binding that is about to be forgotten, and whether for want of
 * room. */
typedef void binding_gone_fn(const struct binding *b, bool evicted, void *arg);

/* bindings_new - Takes: max_flows, the most flows that may live. Returns: 0; -ENOMEM. */
int bindings_new(uint32_t max_flows, const struct hash_key *seed, binding_gone_fn *gone, void *arg,
    struct bindings **ret_bindings);

/* binding_key - what of a flow's key an event can tell: link type and VLAN are left out. */
struct flowkey binding_key(const struct flowkey *k);

/* bindings_find - the present binding of a tuple (as binding_key makes it), or NULL. */
struct binding *bindings_find(struct bindings *b, const struct flowkey *k);

/* bindings_find_uuid - the youngest binding with this UUID, or NULL. */
struct binding *bindings_find_uuid(struct bindings *b, const char *uuid);

enum binding_standing {
	BINDING_PRESENT, /* flows of the tuple that begin from now on carry it */
	BINDING_PAST     /* it is for one flow that has lost its tuple already */
};

/* bindings_add - learn a binding. Returns: it, carried by no flow. Never fails: the oldest goes. */
struct binding *bindings_add(struct bindings *b, const struct flowkey *k, const char *uuid,
    int64_t now_ns, enum binding_standing standing);

/* bindings_renew - it was told again. */
void bindings_renew(struct bindings *b, struct binding *x, int64_t now_ns);

/* bindings_close - its connection is gone: it is forgotten once no flow carries it and grace is
 * over. */
void bindings_close(struct bindings *b, struct binding *x, int64_t now_ns, int64_t close_ts_ns);

/* bindings_retire - the tuple means it no longer. x may be gone afterwards. */
void bindings_retire(struct bindings *b, struct binding *x);

/* bindings_hold, bindings_release - a flow begins, or ceases, to carry it; then it may be gone. */
void bindings_hold(struct bindings *b, struct binding *x);
void bindings_release(struct bindings *b, struct binding *x, int64_t now_ns);

/* bindings_at - the binding with this number, which a flow carries. */
struct binding *bindings_at(struct bindings *b, uint32_t number);

/*
 * bindings_expire - forget closed ones that no flow carries and that were closed before
 * closed_before_ns, and open ones told before told_before_ns; a few per call.
 *
 * Returns:  whether there may be more.
 */
bool bindings_expire(struct bindings *b, int64_t closed_before_ns, int64_t told_before_ns);

/* bindings_count - how many there are. */
uint32_t bindings_count(const struct bindings *b);

/* bindings_clear - forget all; no flow carries any. bindings_free - takes NULL. */
void bindings_clear(struct bindings *b);
void bindings_free(struct bindings *b);

#endif
