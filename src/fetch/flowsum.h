/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow's parts added up: what a listing says of the whole flow.
 *
 * Threads:  any; pure.
 */
#ifndef FETCH_FLOWSUM_H
#define FETCH_FLOWSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/partlist.h"

/* Parts of equal UUID, protocol and ends, in the order of time. */
struct query_flow {
	const struct part **parts;
	size_t count; /* at least 1 */
	bool staged;  /* more of it lies in .staging */
	int64_t rank; /* what query_sort sorts by */
};

struct flowsum {
	const struct part *first; /* tells the ends, and what does not change */
	const struct part *last;  /* tells how it ended */
	size_t parts;
	int64_t start_ns; /* first packet of the first part */
	int64_t end_ns;   /* last packet of the last part */
	uint64_t client_pkts, client_bytes;
	uint64_t server_pkts, server_bytes;
	uint64_t captured_bytes;
	uint64_t truncated_pkts;
	uint64_t lost_pkts;
	enum side client;
	uint8_t tcp_flags; /* of both sides */
	bool open;         /* it goes on: its last part says so, or more of it is staged */
};

/* flowsum_make - add up the parts of a flow, which must outlive the sum. */
void flowsum_make(const struct query_flow *f, struct flowsum *ret_sum);

/* flowsum_duration_ns - as near as there is a number for it: rows may come from a stranger. */
int64_t flowsum_duration_ns(const struct flowsum *s);

#define FLOWSUM_FLAGS_SIZE 9

/* flowsum_flags - TCP flags as letters of FSRPAUEC. buf has FLOWSUM_FLAGS_SIZE bytes; returns buf.
 */
char *flowsum_flags(uint8_t tcp_flags, char *buf);

#endif
