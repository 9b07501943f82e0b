/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes SQL: text, with a `?` for each value, and the terms of expressions. No literal of an
 * expression ever becomes text.
 *
 * For the files that make up fetch/expr.h alone.
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_EXPRSQL_H
#define FETCH_EXPRSQL_H

#include <stdbool.h>
#include <stddef.h>

#include "archive/dayindex.h"
#include "fetch/expr_private.h"

/* All zero: nothing is written yet. Who owns it frees sql and values. */
struct exprsql {
	char *sql;
	size_t length, room;
	struct dayindex_value *values;
	size_t count, value_room;
	bool failed;                   /* there was no memory: the text is not whole */
	struct dayindex_value nowhere; /* takes the values after that */
};

/* exprsql_put - append SQL. */
void exprsql_put(struct exprsql *s, const char *text);

/*
 * exprsql_has_halves - is a term written as `(a OR b)`, where each half has an index of its own?
 *
 * Takes:    n, a term that is not negated.
 */
bool exprsql_has_halves(const struct expr_node *n, enum expr_sql kind);

/* exprsql_term - append a term, or one half of it. */
enum exprsql_half { EXPRSQL_BOTH, EXPRSQL_FIRST, EXPRSQL_SECOND };

void exprsql_term(
    struct exprsql *s, const struct expr_node *n, enum expr_sql kind, enum exprsql_half half);

#endif
