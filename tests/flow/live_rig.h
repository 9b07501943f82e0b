/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rig as the daemon drives it: a clock that is the test's own, events from the wire format, a
 * gate that holds the savers up, and a look into the staging area. The clock and the packets' times
 * both begin at 0 and run together, unless a test moves them apart with rig_at.
 */
#ifndef TESTS_FLOW_LIVE_RIG_H
#define TESTS_FLOW_LIVE_RIG_H

#include "rig.h"

#define LIVE_DEADLINE_MS 30000 /* nothing waits that long unless it is broken */

#define NO_TIME INT64_MIN /* of an event that bears none */

/*
 * As rig_defaults, but live: events, a wait of 5 s for them, a flush every 10 s, and nothing waits
 * for a saver.
 */
extern const struct rig_config live_defaults;

/* live_new - a rig whose event stream is up. Takes: NULL for live_defaults. */
struct rig *live_new(const struct rig_config *config);

/* live_at - let the time pass until then, in steps as a daemon makes them. */
void live_at(struct rig *r, int64_t ns);

/* live_run - the present time once more, until nothing is due. */
void live_run(struct rig *r);

/*
 * live_open - an event: the connection is open.
 *
 * Takes:    ts_ns, the time that the event bears, counted like rig_at's; NO_TIME for none.
 */
void live_open(struct rig *r, const struct conn *c, const char *uuid, int64_t ts_ns);
void live_close(struct rig *r, const char *uuid, int64_t ts_ns);

/* live_handshake - SYN, SYN-ACK, ACK. Returns: the number of the SYN. */
uint32_t live_handshake(struct rig *r, const struct conn *c, uint32_t isn);

/* live_fins - FIN from both sides. Returns: the number of the last. */
uint32_t live_fins(struct rig *r, const struct conn *c);

/* live_listed - flows in a list now. live_events - how often an event ended so. Call live_run. */
uint64_t live_listed(const struct rig *r, enum flow_list list);
uint64_t live_events(const struct rig *r, enum demux_event e);

/* live_check_opens - asserts how many opens named a flow, came late, and were never matched. */
void live_check_opens(const struct rig *r, uint64_t named, uint64_t late, uint64_t unmatched);

/* live_named - asserts that a packet is in this part of the flow that an event named so. */
void live_named(const struct rig *r, uint32_t number, const char *uuid, uint32_t part);

/* live_generated - asserts that a packet is in a flow that got its name from nobody. */
void live_generated(const struct rig *r, uint32_t number);

/*
 * live_staged - files in the staging area whose names end like this, "" for all. Savers may be at
 * it: live_await_staged waits until there are so many.
 */
uint32_t live_staged(const struct rig *r, const char *suffix);
void live_await_staged(const struct rig *r, const char *suffix, uint32_t count);

/* live_await - wait until a counter that the savers feed has reached this. */
void live_await(const _Atomic uint64_t *counter, uint64_t least);

/* live_gate - shut: no saver can make a file, staged or published, until it is opened again. */
void live_gate(bool shut);

/* live_gate_await - wait until so many savers stand before the gate. */
void live_gate_await(int savers);

#endif
