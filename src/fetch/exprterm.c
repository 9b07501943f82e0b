/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprterm.h. A new field is a row of `keywords`, and of what matches and asks for it. */
#include "fetch/exprterm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "fetch/exprends.h"
#include "fetch/exprtime.h"
#include "packet/decode.h"
#include "packet/ipaddr.h"

#define LEGAL_TIMES "2026-01-02, 2026-01-02T03:04:05Z, now, 3h ago"

/* ---- numbers ---- */

static void set_number(struct expr_node *n, enum expr_field field, enum expr_op op, int64_t value)
{
	n->kind = EXPR_NUMBER;
	n->number = (struct expr_number){field, op, value};
}

static int parse_operator(struct exprparser *p, enum expr_op *ret_op)
{
	switch (p->token.kind) {
	case EXPRLEX_EQ:
		*ret_op = EXPR_EQ;
		break;
	case EXPRLEX_NE:
		*ret_op = EXPR_NE;
		break;
	case EXPRLEX_LT:
		*ret_op = EXPR_LT;
		break;
	case EXPRLEX_LE:
		*ret_op = EXPR_LE;
		break;
	case EXPRLEX_GT:
		*ret_op = EXPR_GT;
		break;
	case EXPRLEX_GE:
		*ret_op = EXPR_GE;
		break;
	default:
		return exprparser_missing(p, "an operator", "= != < <= > >=");
	}
	exprparser_advance(p);
	return 0;
}

/* A size as parse_size takes it, and kilo as the rest of the world writes it: 10k, 10kB. */
static int parse_size_k(char *text, uint64_t *ret_bytes)
{
	char *k = strchr(text, 'k');

	if (k != NULL && (k[1] == '\0' || strcmp(k + 1, "B") == 0))
		*k = 'K';
	return parse_size(text, 0, INT64_MAX, ret_bytes);
}

/* A value of a field, in its unit. */
static int parse_value(struct exprparser *p, const struct exprterm_keyword *k, int64_t *ret_value)
{
	static const char *const names[] = {[EXPRTERM_NUMBER] = "a number",
	    [EXPRTERM_SIZE] = "a size",
	    [EXPRTERM_DURATION] = "a duration"};
	static const char *const faults[] = {[EXPRTERM_NUMBER] = "no number",
	    [EXPRTERM_SIZE] = "no size",
	    [EXPRTERM_DURATION] = "no duration"};
	char legal[64] = "";
	struct exprparser_word w;
	uint64_t v = 0;
	int rv;

	if (exprparser_word(p, names[k->unit], &w) != 0)
		return -EINVAL;
	switch (k->unit) {
	case EXPRTERM_NUMBER:
		(void)snprintf(legal, sizeof(legal), "0 to %" PRId64, k->max);
		rv = parse_number(w.text, 0, (uint64_t)k->max, &v);
		break;
	case EXPRTERM_SIZE:
		(void)snprintf(legal, sizeof(legal), "100, 10k, 1MiB; below 2^63 bytes");
		rv = parse_size_k(w.text, &v);
		break;
	default:
		(void)snprintf(legal, sizeof(legal), "5s, 250ms, 1h30m; below 2^63 ns");
		rv = parse_duration(w.text, 0, INT64_MAX, ret_value);
	}
	if (rv != 0)
		return exprparser_bad_word(p, &w, faults[k->unit], legal);
	if (k->unit != EXPRTERM_DURATION)
		*ret_value = (int64_t)v;
	return 0;
}

static int parse_field(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	enum expr_op op;
	int64_t value;

	if (parse_operator(p, &op) != 0 || parse_value(p, k, &value) != 0)
		return -EINVAL;
	set_number(n, (enum expr_field)k->what, op, value);
	return 0;
}

/* `client_port < 1024` is a range of ports; where it would hold none, it is empty. */
static int parse_port_field(
    struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	enum expr_op op;
	int64_t value;
	uint32_t v;

	if (parse_operator(p, &op) != 0 || parse_value(p, k, &value) != 0)
		return -EINVAL;
	v = (uint32_t)value;
	n->kind = EXPR_PORT;
	n->ends = (enum expr_ends)k->what;
	n->ports = (struct expr_ports){v, v};
	n->negated = op == EXPR_NE || op == EXPR_GE || op == EXPR_LE;
	if (op == EXPR_LT || op == EXPR_GE) /* the negation is the range below */
		n->ports = v > 0 ? (struct expr_ports){0, v - 1} : (struct expr_ports){1, 0};
	else if (op == EXPR_GT || op == EXPR_LE)
		n->ports = (struct expr_ports){v + 1, UINT16_MAX};
	return 0;
}

/* ---- words ---- */

/* Takes an operator that may be left out: = or !=. */
static enum expr_op take_equality(struct exprparser *p)
{
	enum expr_op op = p->token.kind == EXPRLEX_NE ? EXPR_NE : EXPR_EQ;

	if (p->token.kind == EXPRLEX_NE || p->token.kind == EXPRLEX_EQ)
		exprparser_advance(p);
	return op;
}

static const struct protocol {
	const char *name;
	int number;
} protocols[] = {{"tcp", DECODE_TCP}, {"udp", DECODE_UDP}, {"icmp", DECODE_ICMP},
    {"icmp6", DECODE_ICMP6}, {"sctp", DECODE_SCTP}};

static int protocol_number(const char *text, int64_t *ret_number)
{
	uint64_t v;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcmp(protocols[i].name, text) == 0) {
			*ret_number = protocols[i].number;
			return 0;
		}
	}
	if (parse_number(text, 0, UINT8_MAX, &v) != 0)
		return -EINVAL;
	*ret_number = (int64_t)v;
	return 0;
}

static int parse_proto(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	enum expr_op op = take_equality(p);
	struct exprparser_word w;
	int64_t number;

	(void)k; /* says it all */
	if (exprparser_word(p, "a protocol", &w) != 0)
		return -EINVAL;
	if (protocol_number(w.text, &number) != 0)
		return exprparser_bad_word(
		    p, &w, "no protocol", "tcp, udp, icmp, icmp6, sctp, 0 to 255");
	set_number(n, EXPR_PROTO, op, number);
	return 0;
}

static int parse_protocol_alone(
    struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	(void)p; /* nothing follows */
	set_number(n, EXPR_PROTO, EXPR_EQ, k->what);
	return 0;
}

static int parse_ip(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	(void)p; /* nothing follows */
	n->kind = EXPR_IP;
	n->negated = k->what == 6;
	return 0;
}

static int parse_end_reason(
    struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	enum expr_op op = take_equality(p);
	char legal[EXPR_ERROR_SIZE];
	struct exprparser_word w;
	enum end_reason reason;
	size_t length = 0;

	(void)k; /* says it all */
	if (exprparser_word(p, "an end reason", &w) != 0)
		return -EINVAL;
	if (record_end_reason(w.text, &reason) == 0) {
		set_number(n, EXPR_END_REASON, op, reason);
		return 0;
	}
	for (int i = 0; i < END_REASONS; i++)
		length += (size_t)snprintf(legal + length, sizeof(legal) - length, "%s%s",
		    i > 0 ? ", " : "", record_end_reason_name((enum end_reason)i));
	return exprparser_bad_word(p, &w, "no end reason", legal);
}

static int parse_uuid_source(
    struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	enum expr_op op = take_equality(p);
	struct exprparser_word w;
	enum uuid_source source;

	(void)k; /* says it all */
	if (exprparser_word(p, "a source of UUIDs", &w) != 0)
		return -EINVAL;
	if (record_uuid_source(w.text, &source) != 0)
		return exprparser_bad_word(p, &w, "no source of UUIDs", "generated, event");
	set_number(n, EXPR_UUID_SOURCE, op, source);
	return 0;
}

static int parse_interface(
    struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	enum expr_op op = take_equality(p);
	struct exprparser_word w;

	(void)k; /* says it all */
	if (exprparser_word(p, "an interface", &w) != 0)
		return -EINVAL;
	if (w.length >= sizeof(n->interface))
		return exprparser_bad_word(p, &w, "no interface", "1 to 63 bytes");
	n->kind = EXPR_INTERFACE;
	n->negated = op == EXPR_NE;
	memcpy(n->interface, w.text, w.length + 1);
	return 0;
}

/* ---- UUIDs ---- */

/*
 * The range of 16-byte UUIDs that begin with a text such as "3f2a-": its digits, then all zeros and
 * all ones. Returns false where no UUID in the usual notation begins so.
 */
static bool set_uuid_range(struct expr_uuids *u)
{
	static const char hex[] = "0123456789abcdef";
	unsigned nibble = 0;

	memset(u->low, 0, sizeof(u->low));
	memset(u->high, 0xff, sizeof(u->high));
	if (u->length > 36) /* RFC 9562 section 4: 32 digits, and hyphens after 8, 12, 16, 20 */
		return false;
	for (size_t i = 0; i < u->length; i++) {
		const char *digit = strchr(hex, u->text[i]);
		unsigned shift = nibble % 2 == 0 ? 4 : 0;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (u->text[i] != '-')
				return false;
			continue;
		}
		if (digit == NULL)
			return false;
		u->low[nibble / 2] |= (uint8_t)((digit - hex) << shift);
		u->high[nibble / 2] &= (uint8_t) ~((15 - (digit - hex)) << shift);
		nibble++;
	}
	return true;
}

static int parse_uuid(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	struct exprparser_word w;

	(void)k; /* says it all */
	if (exprparser_word(p, "the beginning of a UUID", &w) != 0)
		return -EINVAL;
	if (!layout_prefix_valid(w.text))
		return exprparser_bad_word(
		    p, &w, "no UUID begins so", "1 to 128 characters of A-Z a-z 0-9 . _ -");
	n->kind = EXPR_UUID;
	n->uuids.length = w.length;
	memcpy(n->uuids.text, w.text, w.length + 1);
	n->uuids.has_bytes = set_uuid_range(&n->uuids);
	return 0;
}

/* ---- times ---- */

static int parse_ago(struct exprparser *p, const struct exprparser_word *w, int64_t *ret_ns)
{
	char last = w->text[0] != '\0' ? w->text[w->length - 1] : '0';
	int64_t ago;
	int rv = parse_duration(w->text, 0, INT64_MAX, &ago);

	if (rv == -EINVAL)
		return exprparser_bad_word(p, w, "no time", LEGAL_TIMES);
	if (!exprparser_at_word(p, "ago")) /* "2026" is a duration as well, of seconds */
		return last >= '0' && last <= '9'
			   ? exprparser_bad_word(p, w, "no time", LEGAL_TIMES)
			   : exprparser_missing(p, "'ago'", NULL);
	if (rv != 0 || __builtin_sub_overflow(p->now_ns, ago, ret_ns))
		return exprparser_bad_word(p, w, "too long ago", NULL);
	exprparser_advance(p);
	return 0;
}

static int parse_time(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	bool after = k->what == EXPR_END;
	struct exprparser_word w;
	int64_t ns = p->now_ns;
	int rv = 0;

	if (exprparser_word(p, "a time", &w) != 0)
		return -EINVAL;
	if (strcmp(w.text, "now") != 0)
		rv = exprtime_parse(w.text, &ns);
	if (rv == -ERANGE)
		return exprparser_bad_word(
		    p, &w, "no such time", "dates of 1678 to 2261, 00:00:00 to 23:59:59");
	if (rv != 0 && parse_ago(p, &w, &ns) != 0)
		return -EINVAL;
	set_number(n, (enum expr_field)k->what, after ? EXPR_GE : EXPR_LT, ns);
	return 0;
}

/* ---- all of them ---- */

#define NUMBER(name, field, max)                               \
	{                                                      \
		name, parse_field, field, EXPRTERM_NUMBER, max \
	}
#define COUNT(name, field) NUMBER(name, field, INT64_MAX)
#define SIZE(name, field)                                  \
	{                                                  \
		name, parse_field, field, EXPRTERM_SIZE, 0 \
	}
#define ALONE(name, what)                                            \
	{                                                            \
		name, parse_protocol_alone, what, EXPRTERM_NUMBER, 0 \
	}
#define OTHER(name, parse, what)                      \
	{                                             \
		name, parse, what, EXPRTERM_NUMBER, 0 \
	}

static const struct exprterm_keyword keywords[] = {
    OTHER("host", exprends_host, 0),
    OTHER("net", exprends_net, 0),
    OTHER("port", exprends_port, 0),
    OTHER("portrange", exprends_portrange, 0),
    OTHER("src", exprends_one, EXPR_CLIENT),
    OTHER("client", exprends_one, EXPR_CLIENT),
    OTHER("dst", exprends_one, EXPR_SERVER),
    OTHER("server", exprends_one, EXPR_SERVER),
    OTHER("proto", parse_proto, 0),
    ALONE("tcp", DECODE_TCP),
    ALONE("udp", DECODE_UDP),
    ALONE("icmp", DECODE_ICMP),
    ALONE("icmp6", DECODE_ICMP6),
    ALONE("sctp", DECODE_SCTP),
    OTHER("ip", parse_ip, 4),
    OTHER("ip6", parse_ip, 6),
    OTHER("after", parse_time, EXPR_END),
    OTHER("before", parse_time, EXPR_START),
    OTHER("uuid", parse_uuid, 0),
    OTHER("interface", parse_interface, 0),
    OTHER("end_reason", parse_end_reason, 0),
    OTHER("uuid_source", parse_uuid_source, 0),
    COUNT("packets", EXPR_PACKETS),
    COUNT("client_packets", EXPR_CLIENT_PACKETS),
    COUNT("server_packets", EXPR_SERVER_PACKETS),
    COUNT("lost_packets", EXPR_LOST_PACKETS),
    COUNT("truncated", EXPR_TRUNCATED),
    SIZE("bytes", EXPR_BYTES),
    SIZE("client_bytes", EXPR_CLIENT_BYTES),
    SIZE("server_bytes", EXPR_SERVER_BYTES),
    SIZE("captured_bytes", EXPR_CAPTURED_BYTES),
    {"duration", parse_field, EXPR_DURATION, EXPRTERM_DURATION, 0},
    {"client_port", parse_port_field, EXPR_CLIENT, EXPRTERM_NUMBER, UINT16_MAX},
    {"server_port", parse_port_field, EXPR_SERVER, EXPRTERM_NUMBER, UINT16_MAX},
    NUMBER("parts", EXPR_PARTS, UINT32_MAX),
    NUMBER("vlan", EXPR_VLAN, 4095),
    NUMBER("linktype", EXPR_LINKTYPE, UINT32_MAX),
};

enum { KEYWORDS = sizeof(keywords) / sizeof(keywords[0]) };

/* Some words are no keywords, but it shows what they were to be. */
static int unknown_word(struct exprparser *p, const struct exprparser_word *w)
{
	const char *legal = NULL;
	uint8_t addr[16];

	for (int i = 0; i < KEYWORDS; i++)
		if (strcasecmp(keywords[i].name, w->text) == 0)
			legal = keywords[i].name;
	if (ipaddr_parse(w->text, addr) != 0)
		legal = "host ADDRESS";
	return exprparser_bad_word(p, w, "unknown word", legal);
}

int exprterm_parse(struct exprparser *p, struct expr_node *ret_term)
{
	struct exprparser_word w;

	if (p->token.kind == EXPRLEX_STRAY)
		return exprparser_bad_token(p, "unknown sign", "&& || ! and, or, not");
	if (exprparser_at_word(p, "and") || exprparser_at_word(p, "or"))
		return exprparser_missing(p, "a term", NULL);
	if (exprparser_word(p, "a term", &w) != 0)
		return -EINVAL;
	for (int i = 0; i < KEYWORDS; i++)
		if (strcmp(keywords[i].name, w.text) == 0)
			return keywords[i].parse(p, &keywords[i], ret_term);
	return unknown_word(p, &w);
}
