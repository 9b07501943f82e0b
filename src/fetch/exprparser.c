/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprparser.h. */
#include "fetch/exprparser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define QUOTE_COLUMNS 40u /* of a faulty word, in a complaint */

void exprparser_advance(struct exprparser *p)
{
	p->token = exprlex_next(p->text, p->token.at + p->token.length);
}

bool exprparser_at_word(const struct exprparser *p, const char *word)
{
	return p->token.kind == EXPRLEX_WORD && p->token.length == strlen(word) &&
	       memcmp(p->text + p->token.at, word, p->token.length) == 0;
}

int exprparser_word(struct exprparser *p, const char *what, struct exprparser_word *ret_word)
{
	if (p->token.kind != EXPRLEX_WORD)
		return exprparser_missing(p, what, NULL);
	ret_word->at = p->token.at;
	ret_word->length = p->token.length;
	ret_word->text[0] = '\0';
	if (p->token.length < sizeof(ret_word->text)) {
		memcpy(ret_word->text, p->text + p->token.at, p->token.length);
		ret_word->text[p->token.length] = '\0';
	}
	exprparser_advance(p);
	return 0;
}

/* Part of the expression for people's eyes; what is too long ends in dots. */
static const char *quote(const char *text, size_t length, char buf[QUOTE_COLUMNS + 4])
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		char cell[8];
		size_t columns = strlen(log_printable(cell, sizeof(cell), (char[]){text[i], '\0'}));

		if (n + columns > QUOTE_COLUMNS) {
			memcpy(buf + n, "...", 3);
			n += 3;
			break;
		}
		memcpy(buf + n, cell, columns);
		n += columns;
	}
	buf[n] = '\0';
	return buf;
}

int exprparser_bad(
    struct exprparser *p, size_t at, size_t length, const char *what, const char *legal)
{
	char quoted[QUOTE_COLUMNS + 4];
	bool quotes = length > 0;

	p->error->at = at;
	p->error->length = length;
	(void)snprintf(p->error->text, sizeof(p->error->text), "%s%s%s%s%s%s", what,
	    quotes ? ": '" : "", quote(p->text + at, length, quoted), quotes ? "'" : "",
	    legal != NULL ? "; legal: " : "", legal != NULL ? legal : "");
	return -EINVAL;
}

int exprparser_bad_word(
    struct exprparser *p, const struct exprparser_word *w, const char *what, const char *legal)
{
	return exprparser_bad(p, w->at, w->length, what, legal);
}

int exprparser_bad_token(struct exprparser *p, const char *what, const char *legal)
{
	return exprparser_bad(p, p->token.at, p->token.length, what, legal);
}

int exprparser_missing(struct exprparser *p, const char *what, const char *legal)
{
	char text[EXPR_ERROR_SIZE];

	(void)snprintf(text, sizeof(text), "missing %s%s", what,
	    p->token.kind == EXPRLEX_END ? "" : " before");
	return exprparser_bad_token(p, text, legal);
}
