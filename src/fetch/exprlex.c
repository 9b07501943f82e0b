/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprlex.h. */
#include "fetch/exprlex.h"

#include <string.h>

#define BLANKS " \t\n\v\f\r"
#define SIGNS  "()!=<>&|"

/* Longer signs first: "!=" is not "!". */
static const struct {
	const char *text;
	enum exprlex_kind kind;
} signs[] = {
    {"&&", EXPRLEX_AND},
    {"||", EXPRLEX_OR},
    {"==", EXPRLEX_EQ},
    {"!=", EXPRLEX_NE},
    {"<=", EXPRLEX_LE},
    {">=", EXPRLEX_GE},
    {"(", EXPRLEX_OPEN},
    {")", EXPRLEX_CLOSE},
    {"!", EXPRLEX_NOT},
    {"=", EXPRLEX_EQ},
    {"<", EXPRLEX_LT},
    {">", EXPRLEX_GT},
    {"&", EXPRLEX_STRAY},
    {"|", EXPRLEX_STRAY},
};

struct exprlex_token exprlex_next(const char *text, size_t from)
{
	struct exprlex_token t = {.at = from + strspn(text + from, BLANKS)};
	const char *p = text + t.at;

	if (*p == '\0')
		return t;
	t.kind = EXPRLEX_WORD;
	t.length = strcspn(p, BLANKS SIGNS);
	for (size_t i = 0; t.length == 0; i++) { /* ends: every one of SIGNS is there alone */
		if (strncmp(p, signs[i].text, strlen(signs[i].text)) == 0) {
			t.kind = signs[i].kind;
			t.length = strlen(signs[i].text);
		}
	}
	return t;
}
