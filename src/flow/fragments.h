/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP fragments name no ports: this table remembers which flow a datagram's first fragment went to,
 * and holds fragments that came before their first, until it comes or they are too old.
 *
 * Bounds: FRAGMENTS_MAX datagrams, FRAGMENTS_MAX_HELD_BYTES of held packets; the oldest goes first.
 *
 * Life-cycle:  new, add_first, find and hold, expire, free (what is held then is counted by
 * expire). Threads:     owned by the demux thread.
 */
#ifndef FLOW_FRAGMENTS_H
#define FLOW_FRAGMENTS_H

#include "flow/flow.h"
#include "packet/hash.h"

#define FRAGMENTS_MAX            4096u
#define FRAGMENTS_MAX_HELD_BYTES (4u << 20)
#define FRAGMENTS_MAX_AGE_NS     INT64_C(60000000000) /* RFC 8200 4.5: reassembly ends after 60 s */

struct fragments;

/* Called with every held packet that will find no flow. */
typedef void fragments_lost_fn(void *arg);

/* fragments_new - Returns: 0; -ENOMEM. */
int fragments_new(const struct hash_key *seed, fragments_lost_fn *lost, void *arg,
    struct fragments **ret_fragments);

/*
 * fragments_add_first - a first fragment went to a flow: later ones of its datagram follow.
 *
 * Takes:    d, of the first fragment; the flow's number and serial; give, called with each held
 *           packet of the datagram, in the order in which they came (its bytes live for the call).
 */
typedef void fragments_give_fn(const struct packet *p, void *arg);

void fragments_add_first(struct fragments *x, const struct packet *p, const struct decoded *d,
    const struct flow *f, int64_t now_ns);

/*
 * fragments_give_held - hand out what was held for the datagram of a first fragment, whatever its
 * age: fragments_expire comes before.
 */
void fragments_give_held(struct fragments *x, const struct packet *p, const struct decoded *d,
    fragments_give_fn *give, void *arg);

/*
 * fragments_find - the flow that a datagram's first fragment went to.
 *
 * Returns:  0, with its number and serial (the flow may have gone since); -ENOENT not seen.
 */
int fragments_find(struct fragments *x, const struct packet *p, const struct decoded *d,
    int64_t now_ns, uint32_t *ret_number, uint64_t *ret_serial);

/*
 * fragments_hold - keep a copy of a fragment whose first has not come.
 *
 * Returns:  0: it will be given or counted lost later; -ENOMEM.
 */
int fragments_hold(
    struct fragments *x, const struct packet *p, const struct decoded *d, int64_t now_ns);

/* fragments_expire - let go of what is older than the bound; INT64_MAX: of everything. */
void fragments_expire(struct fragments *x, int64_t now_ns);

/* fragments_free - takes NULL. */
void fragments_free(struct fragments *x);

#endif
