/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows to ask of, and random flows and expressions whose values are few, so that they meet.
 */
#ifndef FETCH_EXPRRIG_H
#define FETCH_EXPRRIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/expr.h"
#include "fetch/flowsum.h"
#include "support/random.h"

/* 2026-01-02T03:04:05Z: what "ago" counts from. */
#define EXPRRIG_NOW INT64_C(1767323045000000000)

#define EXPRRIG_PARTS 3

/* A flow with its parts, which refer to each other: it may not be moved. */
struct exprrig_flow {
	struct part part[EXPRRIG_PARTS];
	const struct part *order[EXPRRIG_PARTS];
	struct flowsum sum;
};

/* An end as text: an address and a port. */
struct exprrig_end {
	const char *addr;
	uint16_t port;
};

/* exprrig_ends - put both ends into a part's key, the way that decoding would. */
void exprrig_ends(struct part *p, struct exprrig_end client, struct exprrig_end server);

/* exprrig_uuid - name a part; text outlives it. */
void exprrig_uuid(struct part *p, const char *text);

/* exprrig_sum - add up the first count parts of a flow. */
void exprrig_sum(struct exprrig_flow *f, size_t count);

/* exprrig_random_flow - one of count parts; what may differ between parts does. */
void exprrig_random_flow(struct random *r, size_t count, struct exprrig_flow *ret_flow);

#define EXPRRIG_TERM_SIZE 256

/* exprrig_random_term - any term of the language, mostly with values that flows have. */
void exprrig_random_term(struct random *r, char ret_text[EXPRRIG_TERM_SIZE]);

/* exprrig_rounds - so many random rounds; under a sanitizer, which makes each slow, an eighth. */
unsigned exprrig_rounds(unsigned full);

/* exprrig_parse - parse, or fail the test. */
struct expr *exprrig_parse(const char *text);

#endif
