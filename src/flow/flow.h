/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One conversation as the demux knows it: its key, what has been seen of it, the chunks that hold
 * its packets. At most 256 bytes each, as there may be a million.
 *
 * Threads:  all of it is owned by the demux thread.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/record.h"
#include "base/slab.h"
#include "packet/flowkey.h"
#include "packet/tally.h"

#define FLOW_NONE UINT32_MAX /* no flow, where a flow's number is asked for */

/*
 * A flow is always in one of these lists; they are also the order in which flows go when a cap is
 * reached, oldest of the first list first.
 */
enum flow_list {
	FLOW_PUBLISHED, /* written and published; remembered, so that stragglers join it */
	FLOW_HALF_OPEN, /* begun by a SYN whose sender has not sent an ACK */
	FLOW_CLOSING,   /* over, but its saver had no room for the last batch: tried again */
	FLOW_WAITING,   /* over, but an event may still name it, see --uuid-wait */
	FLOW_ENDED,     /* FIN from both sides, or RST: waits out --linger */
	FLOW_OPEN,      /* everything else */
	FLOW_LISTS
};

struct flow {
	/* what each packet looks at: three cache lines */
	struct flowkey key;       /* 48 bytes, compared whole */
	uint32_t tick;            /* of the demux clock, when it was put at its list's end */
	uint32_t held_bytes : 19; /* data in the chunks */
	uint32_t held_epoch : 8;  /* when it began to hold, see keeper.c */
	uint32_t held_queue : 5;  /* among which it stands, see keeper.c */
	uint16_t interface : 10;  /* number of its name in the demux */
	uint16_t exempt : 2;      /* ends whose address stays as it is: bit per side */
	uint16_t computed : 4;    /* what scrub_packet remembers of senders: two bits each */
	struct tally_roles roles;
	uint8_t list : 4; /* enum flow_list */
	uint8_t why : 4;  /* enum end_reason, of FLOW_CLOSING and FLOW_WAITING */
	bool touched : 1; /* had a packet since it was put where it is in its list */
	bool rst_seen : 1;
	bool half_open : 1;            /* begun by a SYN whose sender has not sent an ACK */
	bool counted : 1;              /* its end reason is in the statistics */
	bool big : 1;                  /* filled a whole member before */
	bool staged : 1;               /* the present part has a staged file */
	bool staged_unnamed : 1;       /* and that file has no name yet */
	uint8_t isn_known : 2;         /* bit per side */
	uint8_t fin_seen : 2;          /* bit per side */
	bool published : 1;            /* a part of it was published */
	bool young : 1;                /* unnamed, and --uuid-wait is not over */
	bool detached : 1;             /* its tuple belongs to another flow now */
	bool apart : 1;                /* found by its whole key, see naming_place */
	struct tally tally;            /* of the present part */
	struct chunk *head, *tail;     /* finished records that no saver has yet */
	int64_t last_ns;               /* clock of the demux at the last packet, kept or not */
	uint64_t archived_bytes;       /* captured bytes kept so far, for --max-bytes */
	uint32_t held_prev, held_next; /* among the flows that hold chunks, see keeper.c */
	uint32_t prev, next;           /* in its list */
	uint32_t number;               /* its own place in the array of all flows */
	uint32_t lost_pkts;            /* of the present part, as those below */

	/* what few packets look at */
	uint32_t cut_duration_pkts;
	uint32_t cut_bytes_pkts;
	int64_t origin_ns;               /* time of the very first packet */
	uint64_t serial;                 /* names the staged file of the present part */
	uint32_t young_prev, young_next; /* among those that wait for a name, see naming.c */
	uint32_t older;                  /* number + 1 of a flow detached from this tuple, or 0 */
	uint32_t binding;                /* number + 1 of what names it, or 0 */
	uint32_t hash;
	uint32_t born_ms;    /* clock of the demux at the first packet, modulo 2^32 ms */
	uint32_t part;       /* parts published under its present name */
	uint32_t origin_seq; /* TCP sequence number of the very first packet */
	uint32_t isn[2];     /* by side, where isn_known */
};

#define FLOW_LINE_BYTES 64  /* of memory that is fetched at a time */
#define FLOW_BUSY_BYTES 192 /* what each packet looks at */

_Static_assert(offsetof(struct flow, cut_duration_pkts) == FLOW_BUSY_BYTES, "three cache lines");
_Static_assert(sizeof(struct flow) <= 256, "a flow must stay small");

/* flow_prefetch - begin to load the first bytes of a flow: FLOW_BUSY_BYTES, or all. */
static inline void flow_prefetch(const struct flow *f, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += FLOW_LINE_BYTES)
		__builtin_prefetch((const char *)f + at, 1);
}

/* flow_ended - has it ended, as far as its packets tell? */
static inline bool flow_ended(const struct flow *f)
{
	return f->rst_seen || f->fin_seen == 3;
}

/* flow_pkts - packets kept in the present part. */
static inline uint64_t flow_pkts(const struct flow *f)
{
	return f->tally.pkts[0] + f->tally.pkts[1];
}

/*
 * flow_is_reuse - does this packet begin a new connection on the flow's tuple?
 *
 * A SYN without ACK does, if its sequence number differs from where its sender began, or if the
 * flow was accepted (a SYN-ACK was seen) and has ended. Retransmitted SYNs, also after a RST that
 * refused them, and simultaneous opens stay in their flow.
 */
bool flow_is_reuse(const struct flow *f, const struct decoded *d, enum side sender);

/* flow_see - take notice of a packet's TCP flags and of who is who. */
void flow_see(struct flow *f, const struct decoded *d, enum side sender);

/* flow_list_for - the list where a flow that has just had a packet belongs. */
enum flow_list flow_list_for(const struct flow *f);

#endif
