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

#include "flow/keeper.h"
#include "packet/ledger.h"
#include "packet/packet.h"

struct demux;

struct demux_config {
	int64_t idle_timeout_ns; /* one tick; a flow ends after two without a packet */
	int64_t linger_ns;       /* silence after which an ended flow is published */
	int64_t max_duration_ns; /* 0: no limit */
	uint64_t max_flow_bytes; /* captured bytes per flow; 0: no limit */
	uint32_t max_flows;
	uint32_t snaplen;      /* captured bytes that are kept of a packet, at most */
	uint64_t first_serial; /* flows are numbered from here on, see archive_serial */
	bool protocols[256];   /* IANA numbers that are archived */
	enum vlan_key vlan_key;
	enum end_reason at_finish; /* END_EOF or END_STOP */
	struct keeper_config keeper;
};

/* What a reader of the statistics may want; owned by the demux, true when its thread has ended. */
struct demux_stats {
	uint64_t end_reasons[END_REASONS]; /* flows */
};

/* demux_new - Returns: 0; -ENOMEM; -errno of getrandom(2). */
int demux_new(const struct demux_config *config, struct demux **ret_demux);

/*
 * demux_interface - a number for an interface's name, to stand in a packet's `interface`.
 *
 * Returns:  the number; 0, which stands for no name, when there are too many names.
 */
uint32_t demux_interface(struct demux *d, const char *name);

/*
 * demux_packet - take one packet in. The clock follows the packets' times.
 *
 * Takes:    *p, borrowed for the call; its interface from demux_interface, or 0.
 */
void demux_packet(struct demux *d, const struct packet *p);

/* demux_skip - count a packet that was read, but is not to be archived. */
void demux_skip(struct demux *d, const struct packet *p, enum ledger_skip reason);

/* demux_finish - the input has ended: close every flow. */
void demux_finish(struct demux *d);

/* demux_stats - Threads: the owner, or any once it has ended. */
const struct demux_stats *demux_stats(const struct demux *d);

/* demux_free - takes NULL. */
void demux_free(struct demux *d);

#endif
