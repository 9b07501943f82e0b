/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads one term of an expression: `src host 192.0.2.1`, `bytes > 10k`, `tcp`.
 *
 * For the parser behind fetch/expr.h alone.
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_EXPRTERM_H
#define FETCH_EXPRTERM_H

#include "fetch/expr_private.h"
#include "fetch/exprparser.h"

enum exprterm_unit { EXPRTERM_NUMBER, EXPRTERM_SIZE, EXPRTERM_DURATION };

/* A word that a term begins with, and how the rest of it is read. */
struct exprterm_keyword {
	const char *name;
	int (*parse)(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n);
	int what; /* enum expr_field or expr_ends, or a number: as parse takes it */
	enum exprterm_unit unit;
	int64_t max; /* of an EXPRTERM_NUMBER */
};

/*
 * exprterm_parse - take a term from its first word to its last.
 *
 * Takes:    p; *ret_term, zeroed, with links to nowhere.
 * Returns:  0; -EINVAL after complaining, *ret_term is undefined.
 */
int exprterm_parse(struct exprparser *p, struct expr_node *ret_term);

#endif
