/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One flow's life, told packet by packet. A flow is small (a million may be open at once), holds no
 * bytes, and knows only what comes next: flowgen_flow_next describes it, flowgen_flow_advance goes
 * past it. Between the two the description can be asked for again, as fragments need.
 *
 * The capture point is the server, so its answers come at once and the client's after a round trip.
 */
#ifndef TOOLS_FLOWGEN_FLOW_H
#define TOOLS_FLOWGEN_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "flowgen_frame.h"
#include "flowgen_options.h"
#include "flowgen_random.h"

enum flowgen_state {
	FLOWGEN_SYN,
	FLOWGEN_REFUSE, /* the server answers the SYN by RST */
	FLOWGEN_SYN_ACK,
	FLOWGEN_ACK,  /* end of the handshake */
	FLOWGEN_LEAD, /* an exchange begins: the client's request */
	FLOWGEN_BULK, /* its bulk, from either side, with the other's ACKs */
	FLOWGEN_TAIL, /* the server's answer to an upload */
	FLOWGEN_FIN,
	FLOWGEN_FIN_BACK,
	FLOWGEN_LAST_ACK,
	FLOWGEN_RST,
	FLOWGEN_DATAGRAM, /* UDP knows no other */
	FLOWGEN_DONE,
};

enum flowgen_trait {
	FLOWGEN_TEXT = 1,       /* HTTP, else TLS */
	FLOWGEN_UPLOAD = 2,     /* this exchange: the client sends the bulk */
	FLOWGEN_TIMESTAMPS = 4, /* RFC 7323 */
	FLOWGEN_FRAGMENTS = 8,
	FLOWGEN_COUNTS = 16, /* left and reserve are packets, else bytes */
	FLOWGEN_UNANSWERED = 32,
	FLOWGEN_DNS = 64,
	FLOWGEN_ROUND = 128, /* a new round: its first ACK takes a round trip */
};

struct flowgen_flow {
	uint64_t first_ns, last_ns; /* of its packets, as written */
	uint64_t captured_bytes, original_bytes;
	uint64_t end_ns; /* when it should end */
	uint64_t round_ns;
	uint64_t datagram_ns; /* when the datagram in work was begun */
	uint64_t key;         /* of its messages */
	struct flowgen_random random;
	int64_t left;    /* packets or bytes it may still use, */
	int64_t reserve; /* of which these are for the end */
	uint32_t packets;
	uint32_t tuple; /* the number that addresses and ports are made of */
	uint32_t seq[2];
	uint32_t tsval[2];
	uint32_t acked; /* of the bulk's sender */
	uint32_t bulk_len, bulk_left;
	uint32_t round_mark;         /* the round ends when this is acknowledged */
	uint32_t window, window_max; /* of congestion, bytes */
	uint32_t rtt_ns;
	uint32_t gap_ns;   /* between segments */
	uint32_t said;     /* messages or datagrams so far */
	uint16_t mss;      /* what it fills a segment with */
	uint16_t mss_said; /* what the SYNs announce */
	uint16_t lead_len; /* of the request, or of UDP's next datagram */
	uint16_t overhead; /* of a frame, up to the IP header, and its record in the file */
	uint16_t piece;    /* where the next fragment of the datagram in work starts */
	uint16_t ip_id;
	uint8_t state;  /* enum flowgen_state */
	uint8_t traits; /* enum flowgen_trait */
	uint8_t end;    /* enum flowgen_end */
	uint8_t bulk_side;
	uint8_t closer;
	uint8_t record; /* bytes that the file adds to a frame */
	uint8_t syns;   /* still to be sent */
	uint8_t swap;   /* 1: the next segment but one comes first; 2: it came */
};

_Static_assert(sizeof(struct flowgen_flow) <= 184, "a million open flows must stay cheap");

/* What the schedule decides about a flow before it begins. */
struct flowgen_birth {
	uint64_t now_ns;
	uint64_t life_ns;
	uint64_t budget_bytes; /* ignored where --packets was given */
	uint64_t index;        /* of the flow */
	uint32_t tuple;
	uint32_t isn_above; /* reused: the last sequence number that the client used */
	bool reused;
};

#define FLOWGEN_FRAGMENT_MTU 1280u /* RFC 8200, 5: the smallest that IPv6 allows */
#define FLOWGEN_US           UINT64_C(1000)
#define FLOWGEN_MS           UINT64_C(1000000)

/* flowgen_flow_tuple - the ends of a flow. */
void flowgen_flow_tuple(
    const struct flowgen_options *o, const struct flowgen_flow *f, struct flowgen_tuple *ret_tuple);

/* flowgen_flow_start - begin a flow; its first packet is due at birth->now_ns. */
void flowgen_flow_start(
    const struct flowgen_options *o, const struct flowgen_birth *birth, struct flowgen_flow *f);

/* flowgen_flow_next - describe the flow's next datagram, sent at f->datagram_ns. */
void flowgen_flow_next(const struct flowgen_flow *f, struct flowgen_packet *ret_p);

/* flowgen_flow_charge - a frame of len bytes was written with this time: account for it. */
void flowgen_flow_charge(struct flowgen_flow *f, uint64_t ns, uint32_t caplen, uint32_t len);

/*
 * flowgen_flow_advance - the datagram p was sent whole: go on.
 *
 * Takes:    p, from flowgen_flow_next, sent at now_ns.
 * Returns:  ns until the next datagram; f->state is FLOWGEN_DONE where there is none.
 */
uint64_t flowgen_flow_advance(const struct flowgen_options *o, struct flowgen_flow *f,
    const struct flowgen_packet *p, uint64_t now_ns);

#endif
