/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprrig.h. */
#include "fetch/exprrig.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/clk.h"
#include "packet/ipaddr.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define PICK(r, array) ((array)[random_below((r), COUNT(array))])

static void mapped(const char *text, uint8_t ret_addr[16])
{
	uint8_t addr[16], family = ipaddr_parse(text, addr);

	ck_assert_msg(family != 0, "%s", text);
	if (family == 4)
		ipaddr_map(addr, ret_addr);
	else
		memcpy(ret_addr, addr, 16);
}

void exprrig_ends(struct part *p, struct exprrig_end client, struct exprrig_end server)
{
	uint8_t c[16], s[16];
	enum side side;

	mapped(client.addr, c);
	mapped(server.addr, s);
	p->key.family = ipaddr_is_mapped(c) && ipaddr_is_mapped(s) ? 4 : 6;
	if (p->key.family == 4) {
		ipaddr_unmap(c);
		ipaddr_unmap(s);
	}
	side = flowkey_sender(c, s, client.port, server.port);
	memcpy(p->key.addr[side], c, 16);
	memcpy(p->key.addr[!side], s, 16);
	p->key.port[side] = client.port;
	p->key.port[!side] = server.port;
	p->client = (uint8_t)side;
}

void exprrig_uuid(struct part *p, const char *text)
{
	char again[UUID_STR_LEN];

	p->uuid_is_text = 1;
	if (uuid_parse(text, p->uuid.bytes) == 0) {
		uuid_unparse_lower(p->uuid.bytes, again);
		p->uuid_is_text = strcmp(again, text) != 0;
	}
	if (p->uuid_is_text)
		p->uuid.text = text;
}

void exprrig_sum(struct exprrig_flow *f, size_t count)
{
	struct query_flow q = {.parts = f->order, .count = count};

	for (size_t i = 0; i < count; i++)
		f->order[i] = &f->part[i];
	flowsum_make(&q, &f->sum);
}

static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.1.1", "10.255.255.255",
    "192.0.2.7", "0.0.0.0", "255.255.255.255", "2001:db8::1", "2001:db8::2", "2001:db8:1::1", "::1",
    "::", "::fffe:ffff:ffff", "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
static const char *const nets[] = {"10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/31", "10.0.1.1/32",
    "0.0.0.0/0", "192.0.2.0/24", "128.0.0.0/1", "::/0", "::/1", "::/64", "::/80", "::/95",
    "::fffe:0:0/95", "::ffff:0:0/96", "::ffff:10.0.0.0/120", "2001:db8::/32", "2001:db8::/48",
    "2001:db8::2/128", "8000::/1", "::1:0:0:0/80"};
static const uint16_t ports[] = {0, 22, 80, 443, 1023, 1024, 50000, 65535};
static const char *const uuids[] = {"3f2a0000-0000-4000-8000-000000000001",
    "3f2a0000-0000-4000-8000-000000000002", "3f2b0000-1111-5000-8000-00000000000f",
    "ffffffff-ffff-ffff-ffff-ffffffffffff", "3F2A0000-0000-4000-8000-000000000001",
    "host_1577836800_00000000000012AB", "host_1577836800_00000000000012AC", "3f2a", "z",
    "3f2a0000-0000-4000-8000-00000000000"};
static const uint8_t protos[] = {1, 6, 6, 6, 17, 58, 132, 47};
static const char *const interfaces[] = {"", "eth0", "eth1", "lo", "w\xc3\xbcrfel"};
static const uint64_t amounts[] = {0, 1, 2, 3, 9, 10, 11, 1000, 10000, 1048576, UINT32_MAX};
static const int64_t spans[] = {
    -1, 0, 1, 250000000, 5 * CLK_SECOND_NS, 60 * CLK_SECOND_NS, 3600 * CLK_SECOND_NS, CLK_DAY_NS};

/* What all parts of a flow have in common comes from one part; the rest is anew for each. */
static void random_part(struct random *r, struct part *p)
{
	struct tally *t = &p->tally;

	p->client ^= random_below(r, 8) == 0;
	p->key.linktype = random_below(r, 4) == 0 ? 113 : 1;
	t->vlan = random_below(r, 3) == 0 ? 7 : 0;
	t->first_ns = EXPRRIG_NOW - PICK(r, spans) - (int64_t)random_below(r, 3);
	t->last_ns = t->first_ns + PICK(r, spans) + (int64_t)random_below(r, 2);
	for (int side = 0; side < 2; side++) {
		t->pkts[side] = PICK(r, amounts);
		t->bytes[side] = PICK(r, amounts);
	}
	t->captured_bytes = PICK(r, amounts);
	t->truncated_pkts = PICK(r, amounts);
	p->lost_pkts = PICK(r, amounts);
	p->end_reason = (uint8_t)random_below(r, END_REASONS);
	p->uuid_source = (uint8_t)random_below(r, 2);
	p->interface = PICK(r, interfaces);
}

void exprrig_random_flow(struct random *r, size_t count, struct exprrig_flow *ret_flow)
{
	struct exprrig_end client, server;
	struct part *first = &ret_flow->part[0];

	client = (struct exprrig_end){PICK(r, addresses), PICK(r, ports)};
	server = (struct exprrig_end){PICK(r, addresses), PICK(r, ports)};
	memset(ret_flow, 0, sizeof(*ret_flow));
	first->key.proto = PICK(r, protos);
	exprrig_ends(first, client, server);
	exprrig_uuid(first, PICK(r, uuids));
	for (size_t i = 1; i < count; i++)
		ret_flow->part[i] = *first;
	for (size_t i = 0; i < count; i++) {
		ret_flow->part[i].number = (uint32_t)i;
		random_part(r, &ret_flow->part[i]);
	}
	exprrig_sum(ret_flow, count);
}

static void ends_term(struct random *r, char *ret_text)
{
	static const char *const ends[] = {"", "", "", "src ", "dst ", "client ", "server "};
	const char *end = PICK(r, ends);
	unsigned low = PICK(r, ports), high = PICK(r, ports);

	switch (random_below(r, 6)) {
	case 0:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%snet %s", end, PICK(r, nets));
		break;
	case 1:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%sport %u", end, low);
		break;
	case 2:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%sportrange %u-%u", end,
		    low < high ? low : high, low < high ? high : low);
		break;
	case 3:
		if (end[0] != '\0') {
			(void)snprintf(
			    ret_text, EXPRRIG_TERM_SIZE, "%s%s", end, PICK(r, addresses));
			break;
		}
		/* fall through */
	default:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%shost %s", end, PICK(r, addresses));
	}
}

static void number_term(struct random *r, char *ret_text)
{
	static const char *const fields[] = {"packets", "client_packets", "server_packets",
	    "lost_packets", "truncated", "bytes", "client_bytes", "server_bytes", "captured_bytes"};
	static const char *const small[] = {
	    "parts", "client_port", "server_port", "vlan", "linktype"};
	static const unsigned values[] = {0, 1, 2, 3, 7, 22, 80, 113, 443, 1024, 4095};
	static const char *const operators[] = {"=", "==", "!=", "<", "<=", ">", ">="};
	const char *blank = random_below(r, 2) == 0 ? " " : "";
	const char *op = PICK(r, operators);

	switch (random_below(r, 4)) {
	case 0:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%s%s%s%s%u", PICK(r, small), blank, op,
		    blank, PICK(r, values));
		break;
	case 1:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "duration%s%s%s%" PRId64 "ns", blank,
		    op, blank, spans[1 + random_below(r, COUNT(spans) - 1)]);
		break;
	default:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%s%s%s%s%" PRIu64, PICK(r, fields),
		    blank, op, blank, PICK(r, amounts));
	}
}

static void word_term(struct random *r, char *ret_text)
{
	static const char *const alone[] = {"tcp", "udp", "icmp", "icmp6", "sctp", "ip", "ip6"};
	static const char *const equality[] = {" ", " = ", "==", "!=", " != "};
	const char *op = PICK(r, equality);

	switch (random_below(r, 6)) {
	case 0:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "end_reason%s%s", op,
		    record_end_reason_name((enum end_reason)random_below(r, END_REASONS)));
		break;
	case 1:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "uuid_source%s%s", op,
		    record_uuid_source_name((enum uuid_source)random_below(r, 2)));
		break;
	case 2:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "interface%s%s", op,
		    interfaces[1 + random_below(r, COUNT(interfaces) - 1)]);
		break;
	case 3:
		(void)snprintf(
		    ret_text, EXPRRIG_TERM_SIZE, "proto%s%u", op, (unsigned)PICK(r, protos));
		break;
	case 4: {
		const char *uuid = PICK(r, uuids);
		size_t length = strlen(uuid);

		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "uuid %.*s",
		    (int)(1 + random_below(r, length > 0 ? length : 1)), length > 0 ? uuid : "3f");
		break;
	}
	default:
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%s", PICK(r, alone));
	}
}

static void time_term(struct random *r, char *ret_text)
{
	const char *word = random_below(r, 2) == 0 ? "after" : "before";
	int64_t ago = spans[1 + random_below(r, COUNT(spans) - 1)] + (int64_t)random_below(r, 2);
	char time[CLK_RFC3339_SIZE];

	if (random_below(r, 2) == 0)
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%s %" PRId64 "ns ago", word, ago);
	else
		(void)snprintf(ret_text, EXPRRIG_TERM_SIZE, "%s %s", word,
		    clk_rfc3339(EXPRRIG_NOW - ago, time));
}

void exprrig_random_term(struct random *r, char ret_text[EXPRRIG_TERM_SIZE])
{
	switch (random_below(r, 8)) {
	case 0:
	case 1:
	case 2:
		ends_term(r, ret_text);
		break;
	case 3:
	case 4:
		number_term(r, ret_text);
		break;
	case 5:
	case 6:
		word_term(r, ret_text);
		break;
	default:
		time_term(r, ret_text);
	}
}

unsigned exprrig_rounds(unsigned full)
{
	const char *sanitized = getenv("FLOWKEEP_SANITIZED");

	return sanitized != NULL && sanitized[0] != '\0' ? full / 8 : full;
}

struct expr *exprrig_parse(const char *text)
{
	struct expr_error error;
	struct expr *e = NULL;
	int rv = expr_parse(text, EXPRRIG_NOW, &e, &error);

	ck_assert_msg(rv == 0, "'%s': %d: %s at %zu", text, rv, rv == -22 ? error.text : "",
	    rv == -22 ? error.at : 0);
	return e;
}
