/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See expr.h. What must not be asked is asked of nobody: the term counts as true. As negations
 * stand at the terms alone, the condition is then true of more rows, never of fewer.
 *
 * Which index SQLite takes is decided here: it knows nothing of how telling a term is, and would
 * take that of a port that half of all flows have. It looks for indexes in the operands of the
 * outermost AND, in those of an OR among them, and in those of an AND that is an operand of that
 * OR; never behind a unary + (https://www.sqlite.org/optoverview.html).
 */
#include "fetch/expr.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/expr_private.h"
#include "fetch/exprsql.h"

/*
 * Levels of parentheses around terms. SQLite's parser has a stack of 100 places, and a level may
 * take 3 of them. Two operands to a level: a chain of 1000 terms takes 10.
 */
#define LEVELS_MAX 20u

/*
 * Operands of a conjunction that SQLite sees. It chains up those that it does not seek by, and a
 * chain of 1000 is more than it can do.
 */
#define BARE_MAX 8u

/* How telling a term is, the most telling first. */
enum rank { RANK_UUID, RANK_HOST, RANK_NET, RANK_TIME, RANK_PORT, RANK_NONE };

/* Fewer bits than these, or more ports, and a scan is as good as an index. */
#define NET_BITS_IPV4 8
#define NET_BITS_IPV6 16
#define PORTS_MAX     1000

struct expr_where {
	struct dayindex_where where;
	struct exprsql sql;
};

struct verdict {
	bool always;      /* not asked */
	uint8_t rank;     /* of what it can be sought by */
	uint8_t arm_rank; /* the same, as an operand of an OR: by a term alone */
};

struct builder {
	const struct expr *e;
	enum expr_sql kind;
	struct exprsql *sql;
	struct verdict *verdicts; /* by node */
	uint32_t *operands;       /* of the groups that are being written, innermost last */
	size_t operand_count;
	unsigned levels;
};

/* ---- what to ask, and how ---- */

static enum rank address_rank(const struct expr_addresses *a)
{
	bool ipv4 = a->bits >= 96; /* of IPv6 it says the same */

	if (a->bits == 128)
		return RANK_HOST;
	return a->bits >= (ipv4 ? 96 + NET_BITS_IPV4 : NET_BITS_IPV6) ? RANK_NET : RANK_NONE;
}

static enum rank term_rank(const struct expr_node *n)
{
	if (n->kind == EXPR_NUMBER)
		return n->number.field == EXPR_END ? RANK_TIME : RANK_NONE;
	if (n->negated)
		return RANK_NONE;
	if (n->kind == EXPR_UUID)
		return RANK_UUID;
	if (n->kind == EXPR_ADDRESS)
		return address_rank(&n->addresses);
	if (n->kind == EXPR_PORT && n->ports.high - n->ports.low < PORTS_MAX)
		return RANK_PORT;
	return RANK_NONE;
}

/* Is it the same for all parts of a flow? Of ends it is, but for which of them is the client. */
static bool term_is_steady(const struct expr_node *n)
{
	switch (n->kind) {
	case EXPR_ADDRESS:
	case EXPR_PORT:
	case EXPR_IP:
	case EXPR_UUID:
		return true;
	case EXPR_NUMBER:
		return n->number.field == EXPR_PROTO;
	case EXPR_INTERFACE:
	case EXPR_AND:
	case EXPR_OR:
		break;
	}
	return false;
}

static struct verdict judge_term(const struct builder *b, const struct expr_node *n)
{
	struct verdict v = {.always = b->kind == EXPR_SQL_PART && !term_is_steady(n)};

	v.rank = v.arm_rank = (uint8_t)(v.always ? RANK_NONE : term_rank(n));
	return v;
}

/* A conjunction is sought by its best operand; a disjunction must be by all, so by the worst. */
static struct verdict judge(struct builder *b, uint32_t at)
{
	const struct expr_node *n = &b->e->nodes[at];
	bool is_and = n->kind == EXPR_AND;
	struct verdict v = {is_and, is_and ? RANK_NONE : RANK_UUID, RANK_NONE};

	if (n->kind != EXPR_AND && n->kind != EXPR_OR) {
		v = judge_term(b, n);
	} else {
		for (uint32_t i = n->first; i != EXPR_NONE; i = b->e->nodes[i].next) {
			struct verdict w = judge(b, i);

			v.always = is_and ? v.always && w.always : v.always || w.always;
			if (is_and && w.rank < v.rank)
				v.rank = w.rank;
			if (!is_and && w.arm_rank > v.rank)
				v.rank = w.arm_rank;
			if (is_and && b->e->nodes[i].kind != EXPR_OR && w.rank < v.arm_rank)
				v.arm_rank = w.rank;
		}
	}
	b->verdicts[at] = v;
	return v;
}

/* ---- groups ---- */

/* Where a node stands. */
enum place {
	PLACE_HIDDEN, /* behind a + */
	PLACE_ARM,    /* an operand of an OR that is sought */
	PLACE_OUTER
};

static void put_node(struct builder *b, uint32_t at, enum place place);

struct group {
	const char *sign; /* between operands */
	enum place place; /* of the operands */
};

/* Operands that are not there are true. */
static void put_operands(struct builder *b, struct group g, size_t from, size_t to)
{
	if (to - from == 1) {
		put_node(b, b->operands[from], g.place);
		return;
	}
	if (b->levels == LEVELS_MAX) {
		exprsql_put(b->sql, "1");
		return;
	}
	b->levels++;
	exprsql_put(b->sql, "(");
	put_operands(b, g, from, from + (to - from) / 2);
	exprsql_put(b->sql, g.sign);
	put_operands(b, g, from + (to - from) / 2, to);
	exprsql_put(b->sql, ")");
	b->levels--;
}

/* Brings operands to the front, up to a number: those of a rank. Returns how many there are. */
static size_t best_first(struct builder *b, size_t from, uint8_t rank, size_t max)
{
	size_t best = from;

	for (size_t i = from; i < b->operand_count && best - from < max; i++) {
		uint32_t operand = b->operands[i];

		if (b->verdicts[operand].rank == rank) {
			b->operands[i] = b->operands[best];
			b->operands[best++] = operand;
		}
	}
	return best - from;
}

/* The same of the one term that an arm is sought by: there is one, or the OR were not sought. */
static const struct expr_node *best_term_first(struct builder *b, size_t from, uint8_t arm_rank)
{
	size_t i = from;
	uint32_t operand;

	while (i < b->operand_count && b->verdicts[b->operands[i]].arm_rank != arm_rank)
		i++;
	assert(i < b->operand_count);
	operand = b->operands[i];
	b->operands[i] = b->operands[from];
	b->operands[from] = operand;
	return &b->e->nodes[b->operands[from]];
}

static void put_rest(struct builder *b, size_t from)
{
	const struct group g = {" AND ", PLACE_HIDDEN};

	if (from == b->operand_count)
		return;
	exprsql_put(b->sql, " AND +");
	put_operands(b, g, from, b->operand_count);
}

/* The outermost conjunction: `best AND best AND +(rest)`. */
static void put_outer_and(struct builder *b, size_t from, uint8_t rank)
{
	const struct group g = {" AND ", PLACE_OUTER};
	size_t best = best_first(b, from, rank, BARE_MAX);

	exprsql_put(b->sql, "(");
	put_operands(b, g, from, from + best);
	put_rest(b, from + best);
	exprsql_put(b->sql, ")");
}

/* `(a OR b) AND +(rest)` has no index below an OR; `(a AND +(rest)) OR (b AND +(rest))` has. */
static void put_arm_and(struct builder *b, size_t from, uint8_t rank)
{
	const struct expr_node *n = best_term_first(b, from, rank);
	bool halves = exprsql_has_halves(n, b->kind);

	exprsql_put(b->sql, halves ? "((" : "(");
	exprsql_term(b->sql, n, b->kind, halves ? EXPRSQL_FIRST : EXPRSQL_BOTH);
	put_rest(b, from + 1);
	if (halves) {
		exprsql_put(b->sql, ") OR (");
		exprsql_term(b->sql, n, b->kind, EXPRSQL_SECOND);
		put_rest(b, from + 1);
		exprsql_put(b->sql, ")");
	}
	exprsql_put(b->sql, ")");
}

static void put_group(struct builder *b, uint32_t at, enum place place)
{
	const struct expr_node *n = &b->e->nodes[at];
	struct group g = {n->kind == EXPR_AND ? " AND " : " OR ", place};
	size_t from = b->operand_count;

	for (uint32_t i = n->first; i != EXPR_NONE; i = b->e->nodes[i].next)
		if (!b->verdicts[i].always)
			b->operands[b->operand_count++] = i;
	if (b->operand_count - from == 1 || place == PLACE_HIDDEN) {
		put_operands(b, g, from, b->operand_count);
	} else if (n->kind == EXPR_OR) {
		g.place = PLACE_ARM;
		put_operands(b, g, from, b->operand_count);
	} else if (place == PLACE_OUTER) {
		put_outer_and(b, from, b->verdicts[at].rank);
	} else {
		put_arm_and(b, from, b->verdicts[at].arm_rank);
	}
	b->operand_count = from;
}

static void put_node(struct builder *b, uint32_t at, enum place place)
{
	const struct expr_node *n = &b->e->nodes[at];

	if (place != PLACE_HIDDEN && b->verdicts[at].rank == RANK_NONE) {
		exprsql_put(b->sql, "+");
		place = PLACE_HIDDEN;
	}
	if (n->kind == EXPR_AND || n->kind == EXPR_OR)
		put_group(b, at, place);
	else
		exprsql_term(b->sql, n, b->kind, EXPRSQL_BOTH);
}

static int build(struct builder *b)
{
	const struct expr *e = b->e;

	exprsql_put(b->sql, "");
	if (e->root == EXPR_NONE)
		return b->sql->failed ? -ENOMEM : 0;
	b->verdicts = calloc(e->count, sizeof(b->verdicts[0]));
	/* A node is in the list once at any time: as its own group is being written. */
	b->operands = calloc(e->count, sizeof(b->operands[0]));
	if (b->verdicts == NULL || b->operands == NULL)
		b->sql->failed = true;
	else if (!judge(b, e->root).always)
		put_node(b, e->root, PLACE_OUTER);
	free(b->verdicts);
	free(b->operands);
	return b->sql->failed ? -ENOMEM : 0;
}

int expr_where_new(const struct expr *e, enum expr_sql kind, struct expr_where **ret_where)
{
	struct expr_where *w = calloc(1, sizeof(*w));
	struct builder b = {.e = e, .kind = kind};
	int rv = -ENOMEM;

	if (w != NULL) {
		b.sql = &w->sql;
		rv = build(&b);
	}
	if (rv != 0) {
		expr_where_free(w);
		return rv;
	}
	w->where = (struct dayindex_where){w->sql.sql, w->sql.values, w->sql.count};
	*ret_where = w;
	return 0;
}

const struct dayindex_where *expr_where(const struct expr_where *w)
{
	return &w->where;
}

void expr_where_free(struct expr_where *w)
{
	if (w == NULL)
		return;
	free(w->sql.sql);
	free(w->sql.values);
	free(w);
}
