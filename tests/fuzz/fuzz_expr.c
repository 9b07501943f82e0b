/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An expression: parsed, asked of flows one by one, and compiled to SQL that is asked of the same
 * flows in a database.
 *
 * Input: the text.
 *
 * Holds: a complaint has a place in the text and words; SQLite takes every condition; of a flow of
 * one part both ways say the same (where nothing is nested too deeply for SQLite: SQL says yes at
 * least as often); every part of a flow of which the expression is true fulfils the condition for
 * parts; and the window holds every flow that is found.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayrow.h"
#include "archive/dayselect.h"
#include "base/clk.h"
#include "fetch/expr.h"
#include "fetch/partlist.h"
#include "fuzz/fuzz_support.h"
#include "packet/ipaddr.h"
#include "support/random.h"

#define NOW_NS  INT64_C(1767323045000000000) /* 2026-01-02T03:04:05Z */
#define FLOWS   24u
#define PAIRED  8u /* of them have a second part */
#define PARTS   (FLOWS + PAIRED)
#define NESTING 16u /* of parentheses, that SQL is sure to follow */

struct world {
	sqlite3 *db;
	struct partlist *list; /* part n is of flow n % FLOWS */
	struct dayselect select;
};

#define PICK(r, array) ((array)[random_below((r), sizeof(array) / sizeof((array)[0]))])

/* Few values, so that expressions meet them. */
static void make_record(struct random *r, unsigned flow, struct record *x)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.7",
	    "0.0.0.0", "2001:db8::1", "2001:db8::2", "::1", "::"};
	static const uint16_t ports[] = {0, 22, 80, 443, 50000, 65535};
	static const uint8_t protos[] = {1, 6, 6, 6, 17, 132};
	struct decoded d = {.proto = PICK(r, protos)};
	const char *src = PICK(r, addresses), *dst;

	do
		dst = PICK(r, addresses);
	while ((strchr(dst, ':') == NULL) != (strchr(src, ':') == NULL));
	memset(x, 0, sizeof(*x));
	d.family = ipaddr_parse(src, d.src);
	(void)ipaddr_parse(dst, d.dst);
	d.sport = PICK(r, ports);
	d.dport = PICK(r, ports);
	x->client = flowkey_make(&d, flow % 5 == 0 ? 113 : 1, VLAN_KEY_NO, &x->key);
	if (flow % 3 == 0)
		(void)snprintf(x->uuid, sizeof(x->uuid), "host_15778_%02X", flow);
	else
		(void)snprintf(x->uuid, sizeof(x->uuid), "3f2%x0000-0000-4000-8000-0000000000%02x",
		    flow % 16, flow);
}

/* What differs from part to part. */
static void make_part(struct random *r, unsigned part, struct record *x)
{
	static const int64_t spans[] = {0, 1, 5 * CLK_SECOND_NS, 3600 * CLK_SECOND_NS, CLK_DAY_NS};
	static const uint64_t amounts[] = {0, 1, 2, 9, 10, 1000, 1048576};
	static const char *const interfaces[] = {"", "eth0", "lo"};
	struct tally *t = &x->tally;

	x->part = part;
	t->first_ns = NOW_NS - PICK(r, spans);
	t->last_ns = t->first_ns + PICK(r, spans);
	t->vlan = random_below(r, 3) == 0 ? 7 : 0;
	for (int side = 0; side < 2; side++) {
		t->pkts[side] = PICK(r, amounts);
		t->bytes[side] = PICK(r, amounts);
		t->tcp_flags[side] = (uint8_t)random_below(r, 64);
	}
	t->captured_bytes = PICK(r, amounts);
	t->truncated_pkts = PICK(r, amounts);
	x->lost_pkts = PICK(r, amounts);
	x->end_reason = (enum end_reason)random_below(r, END_REASONS);
	x->uuid_source = (enum uuid_source)random_below(r, 2);
	(void)strcpy(x->interface, PICK(r, interfaces));
	x->snaplen = PACKET_MAX_CAPLEN;
	x->length = 1000 + part;
}

static void add(struct world *w, const struct record *x)
{
	sqlite3_stmt *st;

	fuzz_check(partlist_add(w->list, x) == 0);
	fuzz_check(sqlite3_prepare_v2(w->db,
		       "INSERT INTO flow (" DAYROW_COLUMNS ") VALUES (" DAYROW_PLACES ")", -1, &st,
		       NULL) == SQLITE_OK);
	fuzz_check(dayrow_bind(st, x) == 0 && sqlite3_step(st) == SQLITE_DONE);
	fuzz_check(sqlite3_finalize(st) == SQLITE_OK);
}

static struct world *world(void)
{
	static struct world w;
	struct random r = {1};
	struct record x[FLOWS];

	if (w.db != NULL)
		return &w;
	fuzz_check(sqlite3_open(":memory:", &w.db) == SQLITE_OK);
	fuzz_check(sqlite3_exec(w.db, DAYROW_SCHEMA, NULL, NULL, NULL) == SQLITE_OK);
	fuzz_check(partlist_new(&w.list) == 0);
	w.select = (struct dayselect){.db = w.db};
	for (unsigned i = 0; i < PARTS; i++) {
		if (i < FLOWS)
			make_record(&r, i, &x[i]);
		make_part(&r, i / FLOWS, &x[i % FLOWS]);
		add(&w, &x[i % FLOWS]);
	}
	return &w;
}

/* Which parts a condition gives: a bit for each, in the order of the list. */
static int mark(const struct record *r, void *arg)
{
	const struct world *w = world();
	uint64_t *found = arg;
	char uuid[LAYOUT_UUID_SIZE];

	for (unsigned i = 0; i < PARTS; i++) {
		const struct part *p = partlist_at(w->list, i);

		if (p->number == r->part && strcmp(partlist_uuid(p, uuid), r->uuid) == 0)
			*found |= UINT64_C(1) << i;
	}
	return 0;
}

static uint64_t ask_sql(const struct expr *e, enum expr_sql kind)
{
	struct world *w = world();
	struct expr_where *where;
	uint64_t found = 0;

	fuzz_check(expr_where_new(e, kind, &where) == 0);
	fuzz_check(dayselect_where(&w->select, expr_where(where), mark, &found) == 0);
	expr_where_free(where);
	return found;
}

static bool ask_flow(const struct expr *e, unsigned flow)
{
	const struct world *w = world();
	const struct part *parts[2] = {partlist_at(w->list, flow)};
	struct query_flow q = {.parts = parts, .count = flow < PAIRED ? 2 : 1};
	int64_t from, to;
	struct flowsum sum;

	if (flow < PAIRED)
		parts[1] = partlist_at(w->list, FLOWS + flow);
	if (flow < PAIRED && partlist_by_time(parts[0], parts[1]) > 0) {
		parts[1] = parts[0];
		parts[0] = partlist_at(w->list, FLOWS + flow);
	}
	flowsum_make(&q, &sum);
	if (!expr_match(e, &sum))
		return false;
	expr_window(e, &from, &to);
	fuzz_check(sum.end_ns >= from && sum.start_ns < to);
	return true;
}

static unsigned parentheses(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '(';
	return n;
}

static void check_expression(const struct expr *e, const char *text)
{
	uint64_t whole = ask_sql(e, EXPR_SQL_WHOLE), part = ask_sql(e, EXPR_SQL_PART);

	for (unsigned i = 0; i < FLOWS; i++) {
		bool is = ask_flow(e, i), second = part >> (FLOWS + i) & 1;

		fuzz_check(!is || (part >> i & 1));
		fuzz_check(!is || i >= PAIRED || second);
		if (i < PAIRED)
			continue;
		fuzz_check(!is || (whole >> i & 1));
		fuzz_check(is || !(whole >> i & 1) || parentheses(text) > NESTING);
	}
}

static void check_complaint(const struct expr_error *error, const char *text)
{
	size_t n = strlen(text);

	fuzz_check(error->at <= n && error->length <= n - error->at);
	fuzz_check(memchr(error->text, '\0', sizeof(error->text)) != NULL);
	fuzz_check(fuzz_printable(error->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *text = fuzz_text(&in, SIZE_MAX);
	struct expr_error error;
	struct expr *e = NULL;
	int rv;

	memset(&error, 'x', sizeof(error));
	rv = expr_parse(text, NOW_NS, &e, &error);
	fuzz_check(rv == 0 || rv == -EINVAL);
	if (rv == 0)
		check_expression(e, text);
	else
		check_complaint(&error, text);
	expr_free(e);
	free(text);
	return 0;
}
