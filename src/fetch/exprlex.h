/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cuts the text of an expression into words and signs. Blanks separate words; signs need none
 * around them. Which words have a meaning is for the parser to say.
 *
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_EXPRLEX_H
#define FETCH_EXPRLEX_H

#include <stddef.h>

enum exprlex_kind {
	EXPRLEX_END,
	EXPRLEX_WORD, /* anything that is not one of the others */
	EXPRLEX_OPEN,
	EXPRLEX_CLOSE,
	EXPRLEX_NOT,
	EXPRLEX_AND,
	EXPRLEX_OR,
	EXPRLEX_EQ, /* = and == */
	EXPRLEX_NE,
	EXPRLEX_LT,
	EXPRLEX_LE,
	EXPRLEX_GT,
	EXPRLEX_GE,
	EXPRLEX_STRAY /* a single & or | */
};

struct exprlex_token {
	enum exprlex_kind kind;
	size_t at, length; /* in the text */
};

/* exprlex_next - the token that begins at an offset or, past blanks, behind it. */
struct exprlex_token exprlex_next(const char *text, size_t from);

#endif
