/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all parts of the parser of expressions need: the token they stand at, words as values, and
 * complaints that name the fault and its place.
 *
 * For the parser behind fetch/expr.h alone.
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_EXPRPARSER_H
#define FETCH_EXPRPARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/expr.h"
#include "fetch/exprlex.h"

struct exprparser {
	const char *text;
	int64_t now_ns;
	struct exprlex_token token; /* the next that nobody has taken yet */
	struct expr_error *error;
};

#define EXPRPARSER_WORD_SIZE 256

/* A word to make a value of. One that is longer than any value is empty here: no value, too. */
struct exprparser_word {
	char text[EXPRPARSER_WORD_SIZE];
	size_t at, length; /* in the expression */
};

/* exprparser_advance - take the token. */
void exprparser_advance(struct exprparser *p);

/* exprparser_at_word - is the token this word? */
bool exprparser_at_word(const struct exprparser *p, const char *word);

/*
 * exprparser_word - take a word.
 *
 * Takes:    what it is to be, for the complaint: "an address".
 * Returns:  0; -EINVAL after complaining, where something else stands.
 */
int exprparser_word(struct exprparser *p, const char *what, struct exprparser_word *ret_word);

/*
 * exprparser_bad - complain: "no port: '70000'; legal: 0 to 65535".
 *
 * Takes:    the place, which is not quoted where it is empty; what is wrong; what is legal, or
 *           NULL.
 * Returns:  -EINVAL.
 */
int exprparser_bad(
    struct exprparser *p, size_t at, size_t length, const char *what, const char *legal);

/* exprparser_bad_word - the same of a word. exprparser_bad_token - the same of the token. */
int exprparser_bad_word(
    struct exprparser *p, const struct exprparser_word *w, const char *what, const char *legal);
int exprparser_bad_token(struct exprparser *p, const char *what, const char *legal);

/* exprparser_missing - complain of what should stand where the token is. Returns: -EINVAL. */
int exprparser_missing(struct exprparser *p, const char *what, const char *legal);

#endif
