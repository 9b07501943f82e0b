/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets that were announced and are alive, by cookie. What the kernel says, in dumps and
 * destroy messages that may overtake each other, comes in; what the clients are to be told, an open
 * before each close and none twice, comes out.
 *
 * A socket is closed by its destroy message, or when two whole dumps in a row did not show it. Two,
 * because the kernel may skip a socket when its neighbour leaves in the middle of a dump. What is
 * closed is remembered for a while:
 *
 *   dead    its destroy message came. A dump that began earlier may still show it, as may later
 *           ones for the minute that it spends in FIN_WAIT2: forgotten when two dumps did not.
 *   lost    dumps ceased to show it, for instance because a reset closed it while its program still
 * holds the descriptor. Its destroy message will come and must not announce it anew. The last
 * SOCKETS_LOST_MAX.
 *
 * Each live socket has a slot, a small number that stays its own until it is forgotten.
 *
 * Threads:  one. The hooks are called from inside and must not call sockets_seen, _destroyed, _end.
 */
#ifndef EVENTS_SOCKETS_H
#define EVENTS_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "events/connection.h"

#define SOCKETS_LOST_MAX 65536

struct sockets;

struct sockets_hooks {
	/* The slot is alive in both: sockets_slot tells what it holds. */
	void (*opened)(void *arg, uint32_t slot);
	void (*closed)(void *arg, uint32_t slot);
	void *arg;
};

struct sockets_counts {
	uint64_t live;   /* now */
	uint64_t opened; /* announced */
	uint64_t closed; /* of these, ended */
	uint64_t
	    erased; /* destroyed without a tuple, and never announced: see flowkeep-events(1) */
	uint64_t too_many; /* not announced, because the table was full */
};

/*
 * sockets_new - an empty table.
 *
 * Takes:    max sockets, live and remembered; keep_lost where destroy messages come.
 * Returns:  0; -ENOMEM.
 */
int sockets_new(
    uint32_t max, bool keep_lost, const struct sockets_hooks *hooks, struct sockets **ret_sockets);

/* sockets_seen - a dump shows this one. now_ns since 1970 UTC. */
void sockets_seen(struct sockets *t, const struct connection *c, int64_t now_ns);

/* sockets_destroyed - the kernel has destroyed this one. */
void sockets_destroyed(struct sockets *t, const struct connection *c, int64_t now_ns);

/* sockets_end - a dump is complete: closes what it and the one before did not show. */
void sockets_end(struct sockets *t);

/* sockets_slots - all slots in use are below this number. */
uint32_t sockets_slots(const struct sockets *t);

/*
 * sockets_slot - what lives in a slot.
 *
 * Returns:  the connection, until the next sockets_seen or _destroyed; NULL where none lives.
 */
const struct connection *sockets_slot(
    const struct sockets *t, uint32_t slot, int64_t *ret_opened_ns);

void sockets_counts(const struct sockets *t, struct sockets_counts *ret_counts);

/* sockets_free - takes NULL. */
void sockets_free(struct sockets *t);

#endif
