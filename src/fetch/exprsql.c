/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprsql.h. */
#include "fetch/exprsql.h"

#include <stdlib.h>
#include <string.h>

/* Doubles room until it holds what is needed. */
static bool grow(void **block, size_t *room, size_t needed, size_t size)
{
	size_t n = *room == 0 ? 64 : *room;
	void *p;

	if (needed <= *room)
		return true;
	while (n < needed)
		n *= 2;
	p = realloc(*block, n * size);
	if (p == NULL)
		return false;
	*block = p;
	*room = n;
	return true;
}

void exprsql_put(struct exprsql *s, const char *text)
{
	size_t n = strlen(text);
	void *sql = s->sql;

	if (!grow(&sql, &s->room, s->length + n + 1, 1)) {
		s->failed = true;
		return;
	}
	s->sql = sql;
	memcpy(s->sql + s->length, text, n + 1);
	s->length += n;
}

/* The place for a value, and the value, which the caller fills. */
static struct dayindex_value *put_value(struct exprsql *s, enum dayindex_value_kind kind)
{
	void *values = s->values;

	exprsql_put(s, "?");
	if (!grow(&values, &s->value_room, s->count + 1, sizeof(s->values[0]))) {
		s->failed = true;
		return &s->nowhere;
	}
	s->values = values;
	s->values[s->count] = (struct dayindex_value){.kind = kind};
	return &s->values[s->count++];
}

static void put_number(struct exprsql *s, int64_t number)
{
	put_value(s, DAYINDEX_INT)->number = number;
}

static void put_bytes(struct exprsql *s, const uint8_t bytes[16])
{
	memcpy(put_value(s, DAYINDEX_BYTES)->bytes, bytes, 16);
}

/* Text of at most LAYOUT_UUID_SIZE bytes, and one more character where it is not 0. */
static void put_text(struct exprsql *s, const char *text, char more)
{
	char *to = put_value(s, DAYINDEX_TEXT)->text;
	size_t n = strlen(text);

	memcpy(to, text, n);
	to[n] = more;
	to[n + 1] = '\0';
}

/* ---- terms ---- */

/* ::ffff:0.0.0.0 to ::ffff:255.255.255.255 */
static const uint8_t ipv4_first[16] = {[10] = 0xff, [11] = 0xff};
static const uint8_t ipv4_last[16] = {
    [10] = 0xff, [11] = 0xff, [12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0xff};

/* A column lies within bounds, or does not. With BETWEEN, SQLite takes no index below an OR. */
static void put_byte_range(struct exprsql *s, const char *column, const uint8_t low[16],
    const uint8_t high[16], bool negated)
{
	exprsql_put(s, "(");
	exprsql_put(s, column);
	exprsql_put(s, negated ? " < " : " >= ");
	put_bytes(s, low);
	exprsql_put(s, negated ? " OR " : " AND ");
	exprsql_put(s, column);
	exprsql_put(s, negated ? " > " : " <= ");
	put_bytes(s, high);
	exprsql_put(s, ")");
}

static void put_address(struct exprsql *s, const struct expr_node *n, const char *column)
{
	const struct expr_addresses *a = &n->addresses;

	if (a->bits == 128) {
		exprsql_put(s, column);
		exprsql_put(s, n->negated ? " <> " : " = ");
		put_bytes(s, a->low);
		return;
	}
	if (a->without_ipv4)
		exprsql_put(s, "(");
	put_byte_range(s, column, a->low, a->high, n->negated);
	if (!a->without_ipv4)
		return;
	exprsql_put(s, n->negated ? " OR " : " AND ");
	put_byte_range(s, column, ipv4_first, ipv4_last, !n->negated);
	exprsql_put(s, ")");
}

static void put_port(struct exprsql *s, const struct expr_node *n, const char *column)
{
	bool one = n->ports.low == n->ports.high;

	exprsql_put(s, one ? "" : "(");
	exprsql_put(s, column);
	exprsql_put(s, one && n->negated ? " <> " : one ? " = " : n->negated ? " < " : " >= ");
	put_number(s, n->ports.low);
	if (one)
		return;
	exprsql_put(s, n->negated ? " OR " : " AND ");
	exprsql_put(s, column);
	exprsql_put(s, n->negated ? " > " : " <= ");
	put_number(s, n->ports.high);
	exprsql_put(s, ")");
}

static void put_end(struct exprsql *s, const struct expr_node *n, bool client)
{
	if (n->kind == EXPR_ADDRESS)
		put_address(s, n, client ? "client_ip" : "server_ip");
	else
		put_port(s, n, client ? "client_port" : "server_port");
}

/*
 * Of a part alone nobody knows whether its client is the flow's: that hangs on packets that only
 * another part may have. So whichever end is asked for, each may be meant.
 */
static bool is_of_both_ends(const struct expr_node *n, enum expr_sql kind)
{
	return n->ends == EXPR_EITHER || kind == EXPR_SQL_PART;
}

static void put_ends(struct exprsql *s, const struct expr_node *n, enum exprsql_half half)
{
	if (half != EXPRSQL_BOTH) {
		put_end(s, n, half == EXPRSQL_FIRST);
		return;
	}
	exprsql_put(s, "(");
	put_end(s, n, true);
	exprsql_put(s, n->negated && n->ends == EXPR_EITHER ? " AND " : " OR ");
	put_end(s, n, false);
	exprsql_put(s, ")");
}

static void put_ip(struct exprsql *s, bool negated)
{
	exprsql_put(s, "(");
	put_byte_range(s, "client_ip", ipv4_first, ipv4_last, negated);
	exprsql_put(s, negated ? " OR " : " AND ");
	put_byte_range(s, "server_ip", ipv4_first, ipv4_last, negated);
	exprsql_put(s, ")");
}

/* UUIDs in the usual notation are bytes, others are text, and SQLite keeps the two apart. */
static void put_uuid(struct exprsql *s, const struct expr_node *n, enum exprsql_half half)
{
	const struct expr_uuids *u = &n->uuids;

	exprsql_put(s, n->negated ? "(NOT " : "");
	if (u->has_bytes && half == EXPRSQL_BOTH)
		exprsql_put(s, "(");
	if (u->has_bytes && half != EXPRSQL_SECOND)
		put_byte_range(s, "uuid", u->low, u->high, false);
	if (u->has_bytes && half == EXPRSQL_BOTH)
		exprsql_put(s, " OR ");
	if (!u->has_bytes || half != EXPRSQL_FIRST) {
		exprsql_put(s, "(uuid >= ");
		put_text(s, u->text, '\0');
		exprsql_put(s, " AND uuid < ");
		put_text(s, u->text, '~'); /* sorts behind all characters of UUIDs */
		exprsql_put(s, ")");
	}
	if (u->has_bytes && half == EXPRSQL_BOTH)
		exprsql_put(s, ")");
	exprsql_put(s, n->negated ? ")" : "");
}

static const char *const operators[] = {[EXPR_EQ] = " = ",
    [EXPR_NE] = " <> ",
    [EXPR_LT] = " < ",
    [EXPR_GE] = " >= ",
    [EXPR_GT] = " > ",
    [EXPR_LE] = " <= "};

static const char *const fields[] = {[EXPR_START] = "start_ns",
    [EXPR_END] = "end_ns",
    [EXPR_DURATION] = "end_ns - start_ns",
    [EXPR_PACKETS] = "client_packets + server_packets",
    [EXPR_CLIENT_PACKETS] = "client_packets",
    [EXPR_SERVER_PACKETS] = "server_packets",
    [EXPR_BYTES] = "client_bytes + server_bytes",
    [EXPR_CLIENT_BYTES] = "client_bytes",
    [EXPR_SERVER_BYTES] = "server_bytes",
    [EXPR_CAPTURED_BYTES] = "captured_bytes",
    [EXPR_TRUNCATED] = "truncated",
    [EXPR_LOST_PACKETS] = "lost_packets",
    [EXPR_PARTS] = "1", /* the part is the whole flow */
    [EXPR_VLAN] = "vlan",
    [EXPR_LINKTYPE] = "linktype",
    [EXPR_PROTO] = "proto",
    [EXPR_END_REASON] = "end_reason",
    [EXPR_UUID_SOURCE] = "uuid_source"};

static void put_field(struct exprsql *s, const struct expr_number *n)
{
	exprsql_put(s, fields[n->field]);
	exprsql_put(s, operators[n->op]);
	switch (n->field) {
	case EXPR_END_REASON:
		put_text(s, record_end_reason_name((enum end_reason)n->value), '\0');
		break;
	case EXPR_UUID_SOURCE:
		put_text(s, record_uuid_source_name((enum uuid_source)n->value), '\0');
		break;
	default:
		put_number(s, n->value);
	}
}

bool exprsql_has_halves(const struct expr_node *n, enum expr_sql kind)
{
	if (n->kind == EXPR_UUID)
		return n->uuids.has_bytes;
	return (n->kind == EXPR_ADDRESS || n->kind == EXPR_PORT) && is_of_both_ends(n, kind);
}

void exprsql_term(
    struct exprsql *s, const struct expr_node *n, enum expr_sql kind, enum exprsql_half half)
{
	switch (n->kind) {
	case EXPR_ADDRESS:
	case EXPR_PORT:
		if (!is_of_both_ends(n, kind))
			half = n->ends == EXPR_CLIENT ? EXPRSQL_FIRST : EXPRSQL_SECOND;
		put_ends(s, n, half);
		break;
	case EXPR_IP:
		put_ip(s, n->negated);
		break;
	case EXPR_UUID:
		put_uuid(s, n, half);
		break;
	case EXPR_INTERFACE: /* an unknown one is NULL, and is not this one */
		exprsql_put(s, n->negated ? "interface IS NOT " : "interface IS ");
		put_text(s, n->interface, '\0');
		break;
	case EXPR_NUMBER:
		put_field(s, &n->number);
		break;
	case EXPR_AND:
	case EXPR_OR:
		abort(); /* no terms */
	}
}
