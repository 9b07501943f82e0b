/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The language that asks for flows: `host 192.0.2.1 and port 443 and after 1h ago`. An expression
 * is about a flow as a whole, its parts added up. flowkeep-find(1) tells the language.
 *
 * Life-cycle:  parse, match any number of flows, free. Nothing changes it in between.
 * Threads:     any; pure.
 */
#ifndef FETCH_EXPR_H
#define FETCH_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/dayindex.h"
#include "fetch/flowsum.h"

#define EXPR_MAX_BYTES 65536u /* of its text */
#define EXPR_MAX_TERMS 1000u
#define EXPR_MAX_DEPTH 100u /* of parentheses and negations */

#define EXPR_ERROR_SIZE 160

struct expr;

/* What is wrong with an expression, and where in its text. */
struct expr_error {
	size_t at, length;          /* bytes; length may be 0, at the text's end */
	char text[EXPR_ERROR_SIZE]; /* "no address: '300.1.1.1'", printable */
};

/*
 * expr_parse - read an expression. One without terms is true of every flow.
 *
 * Takes:    text, which may hold any bytes; now_ns, what "3h ago" counts from; ret_error.
 * Returns:  0 and *ret_expr; -EINVAL and *ret_error; -ENOMEM.
 */
int expr_parse(
    const char *text, int64_t now_ns, struct expr **ret_expr, struct expr_error *ret_error);

/* expr_match - is it true of a flow? */
bool expr_match(const struct expr *e, const struct flowsum *f);

/*
 * expr_window - what it asks of time: every flow of which it is true ends at or after *ret_from_ns
 * and begins before *ret_to_ns. INT64_MIN and INT64_MAX where it asks nothing.
 */
void expr_window(const struct expr *e, int64_t *ret_from_ns, int64_t *ret_to_ns);

/*
 * The expression as a condition on rows of the index.
 *
 * EXPR_SQL_WHOLE: a part that is the whole flow fulfils it if, and only if, the expression is true
 * of the flow. EXPR_SQL_PART: every part of a flow of which the expression is true fulfils it (what
 * is not the same for all parts of a flow is not asked: which end is the client is not).
 *
 * What is nested deeper than SQLite's parser may go, beyond 20 levels of AND within OR and the
 * like, is not asked either: then WHOLE is fulfilled by more parts, too. expr_match knows better.
 *
 * Only the most telling terms of a conjunction are left to SQLite's indexes: UUIDs, then hosts,
 * then nets, then time, then ports.
 */
enum expr_sql { EXPR_SQL_WHOLE, EXPR_SQL_PART };

struct expr_where; /* owns what the condition refers to */

/* expr_where_new - Returns: 0; -ENOMEM. expr_where - lives as long as w. Both of free take NULL. */
int expr_where_new(const struct expr *e, enum expr_sql kind, struct expr_where **ret_where);
const struct dayindex_where *expr_where(const struct expr_where *w);
void expr_where_free(struct expr_where *w);

void expr_free(struct expr *e);

#endif
