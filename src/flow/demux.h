/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demultiplexer: takes packets, finds or begins their flow, keeps them, and ends flows when
 * their time has come. Every packet that enters is counted in the ledger exactly once, here or by
 * the saver that gets it.
 *
 * Life-cycle:  new, packets, finish, free.
 * Threads:     owned by the demux thread.
 */
#ifndef FLOW_DEMUX_H
#define FLOW_DEMUX_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/event.h"
#include "flow/keeper.h"
#include "packet/ledger.h"
#include "packet/packet.h"

struct demux;

enum demux_clock {
	DEMUX_CLOCK_PACKETS, /* offline: see packetclock.c */
	DEMUX_CLOCK_CALLER   /* live: what demux_run is told, a monotonic clock */
};

enum uuid_missing { UUID_MISSING_GENERATE, UUID_MISSING_DROP };

/* demux_wanted_fn - is a packet that has been decoded to be archived? Else it is skipped. */
typedef bool demux_wanted_fn(const struct decoded *d, void *arg);

struct demux_config {
	int64_t idle_timeout_ns; /* one tick; a flow ends after two without a packet */
	int64_t linger_ns;       /* silence after which an ended flow is published */
	int64_t max_duration_ns; /* 0: no limit */
	uint64_t max_flow_bytes; /* captured bytes per flow; 0: no limit */
	uint64_t max_part_bytes; /* a part that would be larger is published; 0: no limit */
	uint32_t max_flows;
	uint32_t snaplen;      /* captured bytes that are kept of a packet, at most */
	uint64_t first_serial; /* flows are numbered from here on, see archive_serial */
	bool protocols[256];   /* IANA numbers that are archived */
	enum vlan_key vlan_key;
	enum end_reason at_finish; /* END_EOF or END_STOP */
	enum demux_clock clock;
	int64_t
	    flush_interval_ns; /* live: nothing is held in memory longer; 0: no matter how long */
	bool events;           /* events will name flows */
	int64_t uuid_wait_ns;  /* how long a flow is not published while it has no name */
	enum uuid_missing uuid_missing;
	demux_wanted_fn *wanted; /* NULL: every packet is */
	void *wanted_arg;
	struct keeper_config keeper; /* its bindings are set by demux_new */
};

/* What becomes of an event, in the end: each ends in exactly one of these. */
#define DEMUX_EVENTS(X)                                                                         \
	X(named, "open: named a flow")                                                          \
	X(late, "open: came after its flow was published, and names its later parts")           \
	X(unmatched, "open: no packet of the connection was seen")                              \
	X(evicted, "open: forgotten unused, as more than --max-flows were waiting for packets") \
	X(repeated, "open: told again what was known")                                          \
	X(closed, "close: of a connection that was open")                                       \
	X(unknown_close, "close: of a connection that no event had opened")

enum demux_event {
#define X(name, text) DEMUX_EVENT_##name,
	DEMUX_EVENTS(X)
#undef X
	    DEMUX_EVENT_COUNT
};

/* demux_event_name, demux_event_text - of an outcome, as above. */
const char *demux_event_name(enum demux_event e);
const char *demux_event_text(enum demux_event e);

/* What a reader of the statistics may want. Written by the demux thread, read by any. */
struct demux_stats {
	_Atomic uint64_t end_reasons[END_REASONS];  /* flows */
	_Atomic uint64_t events[DEMUX_EVENT_COUNT]; /* events */
	_Atomic uint64_t events_pending;            /* opens that wait for their flow, now */
	_Atomic uint64_t uuid_collisions;           /* opens that gave one UUID to two tuples */
	_Atomic uint64_t flows_live[FLOW_LISTS];    /* flows, now */
	_Atomic uint64_t bindings;                  /* now */
	_Atomic uint64_t held_bytes;                /* chunk bytes that open flows hold, now */
};

/* demux_new - Returns: 0; -ENOMEM; -errno of getrandom(2). */
int demux_new(const struct demux_config *config, struct demux **ret_demux);

/*
 * demux_interface - a number for an interface's name, to stand in a packet's `interface`.
 *
 * Returns:  the number; 0, which stands for no name, when there are too many names.
 */
uint32_t demux_interface(struct demux *d, const char *name);

/* Packets that are taken in at a time, at most: their steps overlap, see demux.c. */
#define DEMUX_BURST 32u

/*
 * demux_packets - take packets in, in their order.
 *
 * Takes:    n of them, at most DEMUX_BURST, borrowed for the call; their interface from
 *           demux_interface, or 0.
 */
void demux_packets(struct demux *d, const struct packet *packets, unsigned n);

/* demux_packet - take one packet in: the same for n 1. */
static inline void demux_packet(struct demux *d, const struct packet *p)
{
	demux_packets(d, p, 1);
}

/* demux_skip - count a packet that was read, but is not to be archived. */
void demux_skip(struct demux *d, const struct packet *p, enum ledger_skip reason);

/*
 * demux_run - live: tell the time, and do what is due: a bounded piece of it.
 *
 * Takes:    now_ns of a monotonic clock; call it after every burst of packets, and some times a
 *           second without any.
 * Returns:  whether more is due at once (and there is room for it).
 */
bool demux_run(struct demux *d, int64_t now_ns);

/* demux_time - live: tell the time alone, before packets or events that have been waited for. */
void demux_time(struct demux *d, int64_t now_ns);

/* demux_event - live: an event has come. */
void demux_event(struct demux *d, const struct event *e);

/* demux_stream - live: the event stream has come (true) or gone. It starts as gone. */
void demux_stream(struct demux *d, bool up);

/* demux_flush - live: flush all that open flows hold, soon. */
void demux_flush(struct demux *d);

/* demux_finish - the input has ended: close every flow, waiting for the savers where needed. */
void demux_finish(struct demux *d);

/* demux_stats - Threads: any. */
const struct demux_stats *demux_stats(const struct demux *d);

/* demux_free - takes NULL. */
void demux_free(struct demux *d);

#endif
