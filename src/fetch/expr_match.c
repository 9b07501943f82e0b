/* SPDX-License-Identifier: BSD-2-Clause */
/* See expr.h. This is what an expression says of a flow, and of time. */
#include "fetch/expr.h"

#include <stdlib.h>
#include <string.h>

#include "fetch/expr_private.h"
#include "packet/flowkey.h"
#include "packet/ipaddr.h"

static bool within(const uint8_t bytes[16], const uint8_t low[16], const uint8_t high[16])
{
	return memcmp(bytes, low, 16) >= 0 && memcmp(bytes, high, 16) <= 0;
}

static bool end_matches(const struct expr_node *n, const struct flowkey *k, enum side side)
{
	const struct expr_addresses *a = &n->addresses;
	uint8_t addr[16];

	if (n->kind == EXPR_PORT)
		return k->port[side] >= n->ports.low && k->port[side] <= n->ports.high;
	flowkey_addr_mapped(k, side, addr);
	return within(addr, a->low, a->high) && !(a->without_ipv4 && ipaddr_is_mapped(addr));
}

static bool ends_match(const struct expr_node *n, const struct flowsum *f)
{
	const struct flowkey *k = &f->first->key;

	switch (n->ends) {
	case EXPR_CLIENT:
		return end_matches(n, k, f->client);
	case EXPR_SERVER:
		return end_matches(n, k, !f->client);
	case EXPR_EITHER:
		break;
	}
	return end_matches(n, k, SIDE_LOW) || end_matches(n, k, SIDE_HIGH);
}

/* As in the index: with one mapped end alone a flow is IPv6. */
static bool is_ipv4(const struct flowkey *k)
{
	uint8_t low[16], high[16];

	flowkey_addr_mapped(k, SIDE_LOW, low);
	flowkey_addr_mapped(k, SIDE_HIGH, high);
	return ipaddr_is_mapped(low) && ipaddr_is_mapped(high);
}

static bool uuid_matches(const struct expr_uuids *u, const struct part *p)
{
	if (p->uuid_is_text)
		return strncmp(p->uuid.text, u->text, u->length) == 0;
	return u->has_bytes && within(p->uuid.bytes, u->low, u->high);
}

/* Wide enough for sums of what the parts may say, and for the difference of any two times. */
static __int128 field_value(enum expr_field field, const struct flowsum *f)
{
	switch (field) {
	case EXPR_START:
		return f->start_ns;
	case EXPR_END:
		return f->end_ns;
	case EXPR_DURATION:
		return (__int128)f->end_ns - f->start_ns;
	case EXPR_PACKETS:
		return (__int128)f->client_pkts + f->server_pkts;
	case EXPR_CLIENT_PACKETS:
		return f->client_pkts;
	case EXPR_SERVER_PACKETS:
		return f->server_pkts;
	case EXPR_BYTES:
		return (__int128)f->client_bytes + f->server_bytes;
	case EXPR_CLIENT_BYTES:
		return f->client_bytes;
	case EXPR_SERVER_BYTES:
		return f->server_bytes;
	case EXPR_CAPTURED_BYTES:
		return f->captured_bytes;
	case EXPR_TRUNCATED:
		return f->truncated_pkts;
	case EXPR_LOST_PACKETS:
		return f->lost_pkts;
	case EXPR_PARTS:
		return (__int128)f->parts;
	case EXPR_VLAN:
		return f->first->tally.vlan;
	case EXPR_LINKTYPE:
		return f->first->key.linktype;
	case EXPR_PROTO:
		return f->first->key.proto;
	case EXPR_END_REASON:
		return f->last->end_reason;
	case EXPR_UUID_SOURCE:
		return f->first->uuid_source;
	}
	abort(); /* the parser makes no other */
}

static bool number_matches(const struct expr_number *n, const struct flowsum *f)
{
	__int128 v = field_value(n->field, f);

	switch (n->op) {
	case EXPR_EQ:
		return v == n->value;
	case EXPR_NE:
		return v != n->value;
	case EXPR_LT:
		return v < n->value;
	case EXPR_LE:
		return v <= n->value;
	case EXPR_GT:
		return v > n->value;
	case EXPR_GE:
		break;
	}
	return v >= n->value;
}

static bool term_matches(const struct expr_node *n, const struct flowsum *f)
{
	switch (n->kind) {
	case EXPR_ADDRESS:
	case EXPR_PORT:
		return ends_match(n, f);
	case EXPR_IP:
		return is_ipv4(&f->first->key);
	case EXPR_UUID:
		return uuid_matches(&n->uuids, f->first);
	case EXPR_INTERFACE:
		return strcmp(n->interface, f->first->interface) == 0;
	case EXPR_NUMBER:
	case EXPR_AND:
	case EXPR_OR:
		break;
	}
	return number_matches(&n->number, f);
}

/* Calls itself once per level of the tree: see EXPR_MAX_DEPTH. */
static bool node_matches(const struct expr *e, uint32_t at, const struct flowsum *f)
{
	const struct expr_node *n = &e->nodes[at];

	if (n->kind != EXPR_AND && n->kind != EXPR_OR)
		return term_matches(n, f) != n->negated;
	for (uint32_t i = n->first; i != EXPR_NONE; i = e->nodes[i].next)
		if (node_matches(e, i, f) != (n->kind == EXPR_AND))
			return n->kind == EXPR_OR;
	return n->kind == EXPR_AND;
}

bool expr_match(const struct expr *e, const struct flowsum *f)
{
	return e->root == EXPR_NONE || node_matches(e, e->root, f);
}

struct window {
	int64_t from_ns, to_ns;
};

static int64_t lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/*
 * What a term says of the last packet's earliest time, and of the first packet's latest. That the
 * first comes before the last is nowhere taken for granted: clocks step.
 */
static struct window term_window(const struct expr_node *n)
{
	struct window w = {INT64_MIN, INT64_MAX};

	if (n->kind != EXPR_NUMBER)
		return w;
	if (n->number.field == EXPR_END && n->number.op == EXPR_GE)
		w.from_ns = n->number.value;
	if (n->number.field == EXPR_START && n->number.op == EXPR_LT)
		w.to_ns = n->number.value;
	return w;
}

static struct window node_window(const struct expr *e, uint32_t at)
{
	const struct expr_node *n = &e->nodes[at];
	struct window all;

	if (n->kind != EXPR_AND && n->kind != EXPR_OR)
		return term_window(n);
	all = node_window(e, n->first);
	for (uint32_t i = e->nodes[n->first].next; i != EXPR_NONE; i = e->nodes[i].next) {
		struct window w = node_window(e, i);
		bool both = n->kind == EXPR_AND;

		all.from_ns = (both ? higher : lower)(all.from_ns, w.from_ns);
		all.to_ns = (both ? lower : higher)(all.to_ns, w.to_ns);
	}
	return all;
}

void expr_window(const struct expr *e, int64_t *ret_from_ns, int64_t *ret_to_ns)
{
	struct window w = {INT64_MIN, INT64_MAX};

	if (e->root != EXPR_NONE)
		w = node_window(e, e->root);
	*ret_from_ns = w.from_ns;
	*ret_to_ns = w.to_ns;
}
