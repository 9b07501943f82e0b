/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See expr.h. This is the grammar: OR of ANDs of terms, parentheses and negations. The functions
 * call each other once per parenthesis, so never deeper than EXPR_MAX_DEPTH; long chains of one
 * operator are siblings, not levels.
 */
#include "fetch/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/expr_private.h"
#include "fetch/exprparser.h"
#include "fetch/exprterm.h"

struct grammar {
	struct exprparser p;
	struct expr *e;
	unsigned terms, depth;
};

static int add_node(struct expr *e, const struct expr_node *n, uint32_t *ret_node)
{
	if (e->count == e->room) {
		uint32_t room = e->room == 0 ? 8 : e->room * 2;
		struct expr_node *nodes = realloc(e->nodes, room * sizeof(*nodes));

		if (nodes == NULL)
			return -ENOMEM;
		e->nodes = nodes;
		e->room = room;
	}
	e->nodes[e->count] = *n;
	*ret_node = e->count++;
	return 0;
}

/* Appends a child; one that joins in the same way gives its children instead. */
static void append(struct expr *e, uint32_t group, uint32_t child)
{
	struct expr_node *g = &e->nodes[group], *c = &e->nodes[child];
	uint32_t first = c->kind == g->kind ? c->first : child;

	if (g->last == EXPR_NONE)
		g->first = first;
	else
		e->nodes[g->last].next = first;
	g->last = c->kind == g->kind ? c->last : child;
}

/* Joins a child to what was read before it; *node is that, and then what both are. */
static int join(struct expr *e, enum expr_kind kind, uint32_t child, uint32_t *node)
{
	struct expr_node n = {
	    .kind = kind, .next = EXPR_NONE, .first = EXPR_NONE, .last = EXPR_NONE};
	uint32_t group;
	int rv;

	if (e->nodes[*node].kind != kind) {
		rv = add_node(e, &n, &group);
		if (rv != 0)
			return rv;
		append(e, group, *node);
		*node = group;
	}
	append(e, *node, child);
	return 0;
}

/* De Morgan's laws carry a negation down to the terms, where this ends its way. */
static void negate(struct expr_node *n)
{
	if (n->kind == EXPR_NUMBER)
		n->number.op ^= 1;
	else
		n->negated = !n->negated;
}

static int read_term(struct grammar *g, bool negated, uint32_t *ret_node)
{
	struct expr_node n = {.next = EXPR_NONE, .first = EXPR_NONE, .last = EXPR_NONE};
	int rv;

	if (g->terms++ == EXPR_MAX_TERMS)
		return exprparser_bad_token(&g->p, "too many terms", "up to 1000");
	rv = exprterm_parse(&g->p, &n);
	if (rv != 0)
		return rv;
	if (negated)
		negate(&n);
	return add_node(g->e, &n, ret_node);
}

static int descend(struct grammar *g)
{
	if (g->depth++ == EXPR_MAX_DEPTH)
		return exprparser_bad_token(
		    &g->p, "nested too deep", "up to 100 parentheses and negations");
	exprparser_advance(&g->p);
	return 0;
}

static int read_or(struct grammar *g, bool negated, uint32_t *ret_node);

static int read_parenthesis(struct grammar *g, bool negated, uint32_t *ret_node)
{
	int rv = descend(g);

	if (rv == 0)
		rv = read_or(g, negated, ret_node);
	if (rv != 0)
		return rv;
	if (g->p.token.kind == EXPRLEX_END)
		return exprparser_missing(&g->p, "')'", NULL);
	if (g->p.token.kind != EXPRLEX_CLOSE)
		return exprparser_missing(&g->p, "'and', 'or' or ')'", NULL);
	exprparser_advance(&g->p);
	return 0;
}

static int read_not(struct grammar *g, bool negated, uint32_t *ret_node)
{
	unsigned depth = g->depth;
	int rv = 0;

	while (g->p.token.kind == EXPRLEX_NOT || exprparser_at_word(&g->p, "not")) {
		if (descend(g) != 0)
			return -EINVAL;
		negated = !negated;
	}
	if (g->p.token.kind == EXPRLEX_OPEN)
		rv = read_parenthesis(g, negated, ret_node);
	else
		rv = read_term(g, negated, ret_node);
	g->depth = depth;
	return rv;
}

static int read_and(struct grammar *g, bool negated, uint32_t *ret_node)
{
	int rv = read_not(g, negated, ret_node);

	while (rv == 0 && (g->p.token.kind == EXPRLEX_AND || exprparser_at_word(&g->p, "and"))) {
		uint32_t child;

		exprparser_advance(&g->p);
		rv = read_not(g, negated, &child);
		if (rv == 0)
			rv = join(g->e, negated ? EXPR_OR : EXPR_AND, child, ret_node);
	}
	return rv;
}

static int read_or(struct grammar *g, bool negated, uint32_t *ret_node)
{
	int rv = read_and(g, negated, ret_node);

	while (rv == 0 && (g->p.token.kind == EXPRLEX_OR || exprparser_at_word(&g->p, "or"))) {
		uint32_t child;

		exprparser_advance(&g->p);
		rv = read_and(g, negated, &child);
		if (rv == 0)
			rv = join(g->e, negated ? EXPR_AND : EXPR_OR, child, ret_node);
	}
	return rv;
}

static int read_all(struct grammar *g)
{
	uint32_t root;
	int rv;

	if (strnlen(g->p.text, EXPR_MAX_BYTES + 1) > EXPR_MAX_BYTES) {
		g->p.token = (struct exprlex_token){.at = EXPR_MAX_BYTES};
		return exprparser_bad_token(&g->p, "too long", "up to 65536 bytes");
	}
	exprparser_advance(&g->p);
	if (g->p.token.kind == EXPRLEX_END)
		return 0;
	rv = read_or(g, false, &root);
	if (rv != 0)
		return rv;
	if (g->p.token.kind == EXPRLEX_CLOSE)
		return exprparser_bad_token(&g->p, "no '(' before", NULL);
	if (g->p.token.kind != EXPRLEX_END)
		return exprparser_missing(&g->p, "'and' or 'or'", NULL);
	g->e->root = root;
	return 0;
}

int expr_parse(
    const char *text, int64_t now_ns, struct expr **ret_expr, struct expr_error *ret_error)
{
	struct grammar g = {
	    .p = {.text = text, .now_ns = now_ns, .error = ret_error},
	};
	int rv;

	g.e = calloc(1, sizeof(*g.e));
	if (g.e == NULL)
		return -ENOMEM;
	g.e->root = EXPR_NONE;
	rv = read_all(&g);
	if (rv != 0) {
		expr_free(g.e);
		return rv;
	}
	*ret_expr = g.e;
	return 0;
}

void expr_free(struct expr *e)
{
	if (e == NULL)
		return;
	free(e->nodes);
	free(e);
}
