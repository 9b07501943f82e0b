/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of flow identity and time once more, as plainly as they can be written: every packet
 * looks at every flow, every tick is taken by itself. For comparison with the demux.
 *
 * The rules (DESIGN.md sections 3 and 5):
 * - The clock is the largest time seen; it starts anew when a packet is older than that by more
 * than two ticks, and flows that have ended are published then. Ticks are counted from the clock's
 * start. A packet that would end all flows, ahead or back, does not move the clock where the next
 * one would not, too.
 * - A flow is over when two ticks have begun since its last packet.
 * - A flow that saw both FINs or a RST is published after more than `linger` without a packet; a
 *   packet after that begins its next part.
 * - A SYN without ACK begins a new flow if its sender began with another sequence number, or if the
 *   flow was accepted (a SYN-ACK was seen) and has ended.
 * - A SYN that is sent again after it was refused takes the end back.
 */
#ifndef TESTS_FLOW_MODEL_H
#define TESTS_FLOW_MODEL_H

#include "frame.h"

#define MODEL_NONE UINT32_MAX

struct model_packet {
	int64_t ts_ns;
	uint32_t conn; /* which connection: its tuple */
	enum end from;
	uint8_t flags;
	uint32_t seq;
	/* set by model_run */
	uint32_t part; /* index into parts */
};

/* What becomes a file. */
struct model_part {
	uint32_t flow;   /* flows are numbered from 0 */
	uint32_t number; /* of the part within its flow */
	uint32_t packets;
	enum end client;
	const char *reason;
};

struct model_flow {
	bool alive, published;
	uint32_t conn;
	int64_t last_ns;
	int ticks; /* begun since the last packet */
	bool isn_known[2];
	uint32_t isn[2];
	bool fin[2], rst;
	int syn_from, synack_to, first_from; /* -1: none, else enum end */
	uint32_t part;                       /* the present one, MODEL_NONE: none */
	uint32_t parts;
};

struct model {
	/* set by the caller */
	int64_t idle_ns, linger_ns;
	const struct conn *conns;
	struct model_packet *packets;
	uint32_t packet_count;
	/* set by model_run; zero before */
	struct model_flow *flows;
	uint32_t flow_count;
	struct model_part *parts;
	uint32_t part_count;
	int64_t now_ns, tick_start_ns;
};

void model_run(struct model *m);
void model_free(struct model *m);

#endif
