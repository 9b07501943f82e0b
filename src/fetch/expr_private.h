/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An expression as its parser leaves it: terms, joined by AND and OR. There is no NOT: it was
 * carried down to the terms by De Morgan's laws. So whoever takes a term for true when he should
 * have asked gets an expression that is true of more flows, never of fewer.
 *
 * For the files that make up fetch/expr.h alone.
 */
#ifndef FETCH_EXPR_PRIVATE_H
#define FETCH_EXPR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/layout.h"
#include "archive/record.h"
#include "fetch/expr.h"

#define EXPR_NONE UINT32_MAX /* no node */

enum expr_kind {
	EXPR_AND,
	EXPR_OR,
	/* terms */
	EXPR_ADDRESS,   /* of an end lies in a range */
	EXPR_PORT,      /* of an end lies in a range */
	EXPR_IP,        /* both ends are IPv4 */
	EXPR_UUID,      /* begins so */
	EXPR_INTERFACE, /* has this name */
	EXPR_NUMBER     /* a field compares so with a number */
};

/* Of which end a term speaks. */
enum expr_ends { EXPR_EITHER, EXPR_CLIENT, EXPR_SERVER };

/* The order matters: an operator and its negation differ in the last bit. */
enum expr_op { EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_GE, EXPR_GT, EXPR_LE };

/* Fields that are numbers, or words that stand for numbers. */
enum expr_field {
	EXPR_START,
	EXPR_END,
	EXPR_DURATION,
	EXPR_PACKETS,
	EXPR_CLIENT_PACKETS,
	EXPR_SERVER_PACKETS,
	EXPR_BYTES,
	EXPR_CLIENT_BYTES,
	EXPR_SERVER_BYTES,
	EXPR_CAPTURED_BYTES,
	EXPR_TRUNCATED,
	EXPR_LOST_PACKETS,
	EXPR_PARTS,
	EXPR_VLAN,
	EXPR_LINKTYPE,
	EXPR_PROTO,
	EXPR_END_REASON, /* enum end_reason */
	EXPR_UUID_SOURCE /* enum uuid_source */
};

/* Both bounds belong to a range; one whose low bound is the higher one is empty. */
struct expr_addresses {
	uint8_t low[16], high[16]; /* IPv4 mapped */
	bool without_ipv4;         /* the mapped ones within do not count */
	uint8_t bits;              /* that all addresses have in common; 128: there is just one */
};

struct expr_ports {
	uint32_t low, high;
};

struct expr_uuids {
	char text[LAYOUT_UUID_SIZE];
	size_t length;
	bool has_bytes; /* a UUID in the usual notation can begin so: between these two */
	uint8_t low[16], high[16];
};

struct expr_number {
	enum expr_field field;
	enum expr_op op;
	int64_t value;
};

struct expr_node {
	enum expr_kind kind;
	uint32_t next;        /* the sibling, or EXPR_NONE */
	uint32_t first, last; /* the children of AND and OR: two at least */
	bool negated;         /* of terms that are not EXPR_NUMBER: true where the rest is false */
	enum expr_ends ends;  /* EXPR_ADDRESS, EXPR_PORT */
	union {
		struct expr_addresses addresses;
		struct expr_ports ports;
		struct expr_uuids uuids;
		struct expr_number number;
		char interface[RECORD_INTERFACE_SIZE];
	};
};

struct expr {
	struct expr_node *nodes;
	uint32_t count, room;
	uint32_t root; /* EXPR_NONE: true of every flow */
};

#endif
