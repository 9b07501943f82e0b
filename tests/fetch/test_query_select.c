/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches for an expression, against one who looks at every flow: archives are made up at random
 * (some days, flows of many parts that go over days, parts in segments and in files, parts without
 * a row, parts that are pinned), and whatever the indexes are used for, the answer must be that of
 * expr_match on each flow as it lies in the days that are read.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_builder.h"
#include "archive/dayindex.h"
#include "archive/pin.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "fetch/expr.h"
#include "fetch/exprrig.h"
#include "fetch/query.h"
#include "fetchrig.h"
#include "support/quick.h"
#include "support/random.h"

#define ARCHIVES      12
#define EXPRESSIONS   60
#define FLOWS         70
#define PARTS_MAX     (FLOWS * 8)
#define NOW           (BUILDER_NOON + 12 * CLK_DAY_NS)
#define TERM_SIZE     160
#define TEXT_SIZE     4096
#define MANY_PARTS    5
#define SEGMENT_PARTS 6

static const int day_offsets[] = {0, 1, 2, 5, 6, 10};

enum { DAYS = sizeof(day_offsets) / sizeof(day_offsets[0]) };

/* An archive, and what is in it. */
struct world {
	struct random random;
	struct fetchrig rig;
	struct record part[PARTS_MAX];
	bool in_day[PARTS_MAX], pinned[PARTS_MAX]; /* where it lies: here, there or both */
	bool row_only[PARTS_MAX];
	size_t count;
	bool dirty; /* all of its days */
};

static struct world w;

static uint64_t below(uint64_t n)
{
	return random_below(&w.random, n);
}

static bool one_in(uint64_t n)
{
	return below(n) == 0;
}

/* ---- making archives ---- */

static void make_uuid(size_t flow, enum uuid_source source, char *buf)
{
	if (source == UUID_EVENT && one_in(2))
		(void)snprintf(buf, LAYOUT_UUID_SIZE, "host%u_%04zx", (unsigned)below(2), flow);
	else
		(void)snprintf(buf, LAYOUT_UUID_SIZE, "%x%07zx-0000-5000-8000-000000000000",
		    (unsigned)below(4), flow);
}

static void make_ends(struct record *r)
{
	uint8_t host[2] = {(uint8_t)(1 + below(4)), (uint8_t)(1 + below(4))};
	uint16_t port[2] = {(uint16_t)(50000 + below(3)), (uint16_t)(one_in(2) ? 443 : 53)};

	r->key.linktype = 1;
	r->key.proto = one_in(4) ? DECODE_UDP : DECODE_TCP;
	r->key.family = one_in(4) ? 6 : 4;
	r->client = one_in(2) ? SIDE_LOW : SIDE_HIGH;
	for (int i = 0; i < 2; i++) {
		enum side side = i == 0 ? r->client : !r->client;
		uint8_t *a = r->key.addr[side];

		/* the lower side is that of 10/8 and 2001:db8:1::/48 */
		if (r->key.family == 4)
			memcpy(a, (uint8_t[]){side == SIDE_LOW ? 10 : 192, 0, 2, host[i]}, 4);
		else
			memcpy(a,
			    (uint8_t[16]){
				0x20, 1, 0xd, 0xb8, 0, side == SIDE_LOW ? 1 : 2, [15] = host[i]},
			    16);
		r->key.port[side] = port[i];
	}
}

/* What differs between the parts of a flow. */
static void make_counts(struct record *r, int64_t start_ns)
{
	struct tally *t = &r->tally;

	memset(t, 0, sizeof(*t));
	t->first_ns = start_ns;
	t->last_ns = start_ns + (int64_t)below(3) * (int64_t)below(40) * 900 * CLK_SECOND_NS;
	for (int side = 0; side < 2; side++) {
		t->pkts[side] = 1 + below(10);
		t->bytes[side] = 60 * t->pkts[side] + below(3) * 1000;
		t->tcp_flags[side] = TCP_ACK;
	}
	t->captured_bytes = t->bytes[0] + t->bytes[1];
	r->lost_pkts = below(2);
	r->end_reason = (enum end_reason)below(END_REASONS);
	r->length = 300;
	r->segment = (uint32_t)below(3);
	r->offset = r->segment ? 512 * (1 + below(1000)) : 0;
	(void)snprintf(r->interface, sizeof(r->interface), "%s", one_in(3) ? "" : "eth1");
	r->snaplen = 262144;
	r->day = clk_day(start_ns);
}

static void keep(const struct record *r)
{
	ck_assert_uint_lt(w.count, PARTS_MAX);
	w.in_day[w.count] = true;
	w.part[w.count++] = *r;
}

/* One that is only a row. */
static void add_row(const struct record *r)
{
	builder_add_row(w.rig.builder, r);
	keep(r);
	w.row_only[w.count - 1] = true;
}

static int64_t time_of(int day)
{
	return BUILDER_NOON + day_offsets[day] * CLK_DAY_NS +
	       (int64_t)below(20) * 1800 * CLK_SECOND_NS;
}

/*
 * A flow that is told by rows alone. Its parts have numbers one after another; only where a capture
 * was started anew, they may begin again in another day, without a SYN.
 */
static void add_flow(size_t flow, const char *uuid, enum uuid_source source, uint32_t number)
{
	struct record r = {.uuid_source = source, .part = number};
	size_t parts = one_in(2) ? 1 : 1 + below(MANY_PARTS);
	int day = (int)below(DAYS);
	int64_t at = time_of(day);
	bool syn = !one_in(4);

	(void)flow;
	make_ends(&r);
	(void)snprintf(r.uuid, sizeof(r.uuid), "%s", uuid);
	for (size_t i = 0; i < parts; i++) {
		make_counts(&r, at);
		if (i == 0 && syn && r.key.proto == DECODE_TCP)
			r.tally.tcp_flags[r.client] |= TCP_SYN;
		add_row(&r);
		if (one_in(2) && day + 1 < DAYS) {
			at = time_of(++day);
			if (source == UUID_EVENT && r.key.proto == DECODE_TCP && number == 0 &&
			    one_in(3)) {
				r.part = 0;
				continue;
			}
		}
		at += (int64_t)(1 + below(600)) * CLK_SECOND_NS;
		r.part++;
	}
}

/* Files, of which some have rows, and some end in a segment. */
static void add_files(size_t flow)
{
	struct record made[SEGMENT_PARTS];
	size_t n = 1 + below(SEGMENT_PARTS), indexed = below(n + 1);
	char uuid[LAYOUT_UUID_SIZE];
	int day = (int)below(DAYS);
	int64_t at = time_of(day);

	make_uuid(flow, UUID_GENERATED, uuid);
	for (size_t i = 0; i < n; i++) {
		const struct built_part p = {.uuid = uuid,
		    .number = (uint32_t)i,
		    .first_ns = at,
		    .packets = 2 + (unsigned)below(5),
		    .client_host = (uint8_t)(1 + below(2)),
		    .end_reason = END_IDLE};

		made[i] = *builder_add(w.rig.builder, &p, NOT_INDEXED);
		at += 60 * CLK_SECOND_NS;
	}
	if (one_in(2))
		fetchrig_segment(&w.rig, (uint32_t)flow + 1, made, n);
	for (size_t i = 0; i < n; i++) {
		if (i < indexed)
			builder_add_row(w.rig.builder, &made[i]);
		keep(&made[i]);
	}
}

static void make_flows(void)
{
	char uuid[LAYOUT_UUID_SIZE];

	for (size_t i = 0; i < FLOWS; i++) {
		enum uuid_source source = one_in(2) ? UUID_EVENT : UUID_GENERATED;

		make_uuid(i, source, uuid);
		if (one_in(8) && w.dirty) {
			add_files(i);
			continue;
		}
		add_flow(i, uuid, source, 0);
		if (source == UUID_EVENT && one_in(6)) /* other ends under the same name */
			add_flow(i, uuid, source, 20);
	}
}

/* What a row of the part says is also told below DIR/pinned. */
static void pin(struct archive *pinned, const struct record *r)
{
	char day[LAYOUT_DAY_SIZE];
	struct dayindex *x;

	ck_assert_int_eq(
	    fileio_mkdirs(archive_root(pinned), layout_day_path(r->day, day), 0755), 0);
	ck_assert_int_eq(dayindex_open(pinned, r->day, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_insert(x, r), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
}

static void forget(struct archive *a, const struct record *r)
{
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, r->day, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	ck_assert_int_eq(dayindex_delete(x, r->uuid, r->part), 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
}

/* Some parts are pinned, and of these some are gone from their day. */
static void pin_parts(void)
{
	struct archive *a = builder_reader(w.rig.builder), *pinned;

	ck_assert_int_eq(pin_open(a, true, &pinned), 0);
	for (size_t i = 0; i < w.count; i++) {
		if (!w.row_only[i] || !one_in(12))
			continue;
		w.pinned[i] = true;
		pin(pinned, &w.part[i]);
		if (one_in(2)) {
			w.in_day[i] = false;
			forget(a, &w.part[i]);
		}
	}
	archive_close(pinned);
}

static void make_world(uint64_t seed)
{
	memset(&w, 0, sizeof(w));
	w.random.state = seed;
	w.dirty = seed % 2 == 0;
	fetchrig_set_up(&w.rig);
	make_flows();
	builder_end_writer(w.rig.builder, w.dirty ? IS_KILLED : ENDS_CLEANLY);
	if (seed % 3 != 0)
		pin_parts();
}

/* ---- making expressions ---- */

static const struct record *some_part(void)
{
	return &w.part[below(w.count)];
}

static const char *some_op(void)
{
	static const char *const ops[] = {"=", "!=", "<", "<=", ">", ">="};

	return ops[below(6)];
}

static void address_term(char *text)
{
	static const char *const sides[] = {"", "src ", "dst "};
	const struct record *r = some_part();
	enum side side = one_in(2) ? SIDE_LOW : SIDE_HIGH;
	char addr[64];
	const char *which = sides[below(3)];

	(void)flowkey_addr_text(&r->key, side, addr);
	switch (below(4)) {
	case 0:
		(void)snprintf(text, TERM_SIZE, "%sport %u", which, r->key.port[side]);
		break;
	case 1:
		(void)snprintf(text, TERM_SIZE, "%snet %s", which,
		    one_in(2) ? "10.0.0.0/8" : "2001:db8:1::/48");
		break;
	default:
		(void)snprintf(text, TERM_SIZE, "%shost %s", which, addr);
	}
}

static void time_term(char *text)
{
	const struct record *r = some_part();
	int64_t at = one_in(3) ? r->tally.last_ns : r->tally.first_ns + (int64_t)below(3) - 1;
	char time[CLK_RFC3339_SIZE];

	if (one_in(4))
		at = BUILDER_NOON - CLK_DAY_NS / 2 + (int64_t)below(12) * CLK_DAY_NS;
	(void)snprintf(
	    text, TERM_SIZE, "%s %s", one_in(2) ? "after" : "before", clk_rfc3339(at, time));
}

static void number_term(char *text)
{
	const struct record *r = some_part();
	const struct tally *t = &r->tally;

	switch (below(6)) {
	case 0:
		(void)snprintf(text, TERM_SIZE, "parts %s %u", some_op(), 1 + (unsigned)below(4));
		break;
	case 1:
		(void)snprintf(
		    text, TERM_SIZE, "duration %s %uh", some_op(), 1 + (unsigned)below(60));
		break;
	case 2:
		(void)snprintf(text, TERM_SIZE, "packets %s %ju", some_op(),
		    (uintmax_t)(t->pkts[0] + t->pkts[1] + below(20)));
		break;
	case 3:
		(void)snprintf(text, TERM_SIZE, "client_bytes %s %ju", some_op(),
		    (uintmax_t)t->bytes[r->client]);
		break;
	case 4:
		(void)snprintf(
		    text, TERM_SIZE, "lost_packets %s %u", some_op(), (unsigned)below(3));
		break;
	default:
		(void)snprintf(text, TERM_SIZE, "bytes %s %ju", some_op(),
		    (uintmax_t)(t->bytes[0] + t->bytes[1] + below(3) * 1000));
	}
}

static void word_term(char *text)
{
	const struct record *r = some_part();
	int length = 1 + (int)below(10);

	switch (below(6)) {
	case 0:
		(void)snprintf(text, TERM_SIZE, "uuid %.*s", length, r->uuid);
		break;
	case 1:
		(void)snprintf(
		    text, TERM_SIZE, "end_reason %s", record_end_reason_name(r->end_reason));
		break;
	case 2:
		(void)snprintf(
		    text, TERM_SIZE, "uuid_source %s", record_uuid_source_name(r->uuid_source));
		break;
	case 3:
		(void)snprintf(text, TERM_SIZE, "interface eth1");
		break;
	case 4:
		(void)snprintf(text, TERM_SIZE, "%s", one_in(2) ? "ip" : "ip6");
		break;
	default:
		(void)snprintf(text, TERM_SIZE, "%s", one_in(2) ? "tcp" : "udp");
	}
}

static void make_expression(unsigned depth, char *text, size_t size)
{
	char left[TEXT_SIZE / 8], right[TEXT_SIZE / 8], term[TERM_SIZE];

	if (depth == 0 || one_in(3)) {
		void (*const terms[])(char *) = {address_term, time_term, number_term, word_term};

		terms[below(4)](term);
		(void)snprintf(text, size, "%s", term);
		return;
	}
	make_expression(depth - 1, left, sizeof(left));
	make_expression(depth - 1, right, sizeof(right));
	switch (below(5)) {
	case 0:
		(void)snprintf(text, size, "not (%s)", left);
		break;
	case 1:
		(void)snprintf(text, size, "(%s) or (%s)", left, right);
		break;
	default:
		(void)snprintf(text, size, "(%s) and (%s)", left, right);
	}
}

/* ---- the one who looks at everything ---- */

/* Days that are not behind the window, that reach into it or nearly so, and dirty ones. */
static bool is_day_read(const struct expr *e, int32_t day, const bool *lies, bool dirty)
{
	int64_t from, to, end = INT64_MIN;

	expr_window(e, &from, &to);
	if (to != INT64_MAX && (int64_t)day * CLK_DAY_NS >= to)
		return false;
	if (from == INT64_MIN || dirty || day >= clk_day(from) - 1)
		return true;
	for (size_t i = 0; i < w.count; i++)
		if (w.part[i].day == day && lies[i] && w.part[i].tally.last_ns > end)
			end = w.part[i].tally.last_ns;
	return end >= from;
}

static bool is_read(const struct expr *e, size_t part)
{
	int32_t day = w.part[part].day;

	return (w.in_day[part] && is_day_read(e, day, w.in_day, w.dirty)) ||
	       (w.pinned[part] && is_day_read(e, day, w.pinned, false));
}

static bool same_flow(const struct record *a, const struct record *b)
{
	return strcmp(a->uuid, b->uuid) == 0 && a->key.proto == b->key.proto &&
	       a->key.family == b->key.family &&
	       memcmp(a->key.addr, b->key.addr, sizeof(a->key.addr)) == 0 &&
	       memcmp(a->key.port, b->key.port, sizeof(a->key.port)) == 0;
}

static int by_time(const void *x, const void *y)
{
	return partlist_by_time(*(const struct part *const *)x, *(const struct part *const *)y);
}

/* A flow as a line. */
static void line_of(const struct flowsum *s, char *line, size_t size)
{
	char uuid[LAYOUT_UUID_SIZE], addr[64];

	(void)snprintf(line, size, "%s %s:%u %zu %" PRId64 " %" PRId64 " %" PRIu64 "\n",
	    partlist_uuid(s->first, uuid), flowkey_addr_text(&s->first->key, SIDE_LOW, addr),
	    s->first->key.port[SIDE_LOW], s->parts, s->start_ns, s->end_ns,
	    s->client_bytes + s->server_bytes);
}

struct lines {
	char line[FLOWS * 2][256];
	size_t count;
};

static void add_line(struct lines *l, const struct flowsum *s)
{
	ck_assert_uint_lt(l->count, FLOWS * 2);
	line_of(s, l->line[l->count++], sizeof(l->line[0]));
}

/* The flow of a part, if no part before it belongs to the same one. */
static void judge_flow(const struct expr *e, size_t first, struct lines *l)
{
	const struct part *order[PARTS_MAX];
	struct partlist *list;
	struct query_flow f = {.parts = order};
	struct flowsum s;

	for (size_t i = 0; i < first; i++)
		if (is_read(e, i) && same_flow(&w.part[i], &w.part[first]))
			return;
	ck_assert_int_eq(partlist_new(&list), 0);
	for (size_t i = first; i < w.count; i++)
		if (is_read(e, i) && same_flow(&w.part[i], &w.part[first]))
			ck_assert_int_eq(partlist_add(list, &w.part[i]), 0);
	for (; f.count < partlist_count(list); f.count++)
		order[f.count] = partlist_at(list, f.count);
	qsort(order, f.count, sizeof(order[0]), by_time);
	flowsum_make(&f, &s);
	if (expr_match(e, &s))
		add_line(l, &s);
	partlist_free(list);
}

static int by_text(const void *x, const void *y)
{
	return strcmp(x, y);
}

static void judge(const struct expr *e, struct lines *l)
{
	l->count = 0;
	for (size_t i = 0; i < w.count; i++)
		if (is_read(e, i))
			judge_flow(e, i, l);
	qsort(l->line, l->count, sizeof(l->line[0]), by_text);
}

/* ---- and the search ---- */

static void search(const struct expr *e, struct lines *l)
{
	const struct query_flow *f;
	struct flowsum s;
	struct query *q;
	size_t n;

	ck_assert_int_eq(
	    query_new(builder_reader(w.rig.builder), builder_complain, &w.rig.complaints, &q), 0);
	ck_assert_int_eq(query_select(q, e), 0);
	ck_assert_int_eq(query_group(q), 0);
	f = query_flows(q, &n);
	l->count = 0;
	for (size_t i = 0; i < n; i++) {
		flowsum_make(&f[i], &s);
		add_line(l, &s);
	}
	qsort(l->line, l->count, sizeof(l->line[0]), by_text);
	query_free(q);
	ck_assert_str_eq(w.rig.complaints.text, "");
}

static void compare(const char *text)
{
	static struct lines want, got;
	struct expr_error error;
	struct expr *e;

	ck_assert_msg(expr_parse(text, NOW, &e, &error) == 0, "%s: %s", text, error.text);
	judge(e, &want);
	search(e, &got);
	for (size_t i = 0; i < want.count && i < got.count; i++)
		ck_assert_msg(strcmp(want.line[i], got.line[i]) == 0, "%s\nwant %sgot  %s", text,
		    want.line[i], got.line[i]);
	ck_assert_msg(want.count == got.count, "%s\nwant %zu flows, got %zu: %s", text, want.count,
	    got.count, want.count > got.count ? want.line[got.count] : got.line[want.count]);
	expr_free(e);
}

START_TEST(a_search_finds_what_one_finds_who_looks_at_every_flow)
{
	char text[TEXT_SIZE];

	make_world((uint64_t)_i + 1);
	for (unsigned i = 0; i < exprrig_rounds(EXPRESSIONS); i++) {
		make_expression(3, text, sizeof(text));
		compare(text);
	}
	fetchrig_tear_down(&w.rig);
}
END_TEST

START_TEST(a_part_that_lies_in_its_day_and_is_pinned_is_that_in_its_day)
{
	const struct query_flow *f;
	struct query *q;
	size_t n, seen[2][2] = {{0}};

	make_world(1);
	ck_assert_int_eq(
	    query_new(builder_reader(w.rig.builder), builder_complain, &w.rig.complaints, &q), 0);
	ck_assert_int_eq(query_select(q, NULL), 0);
	ck_assert_int_eq(query_group(q), 0);
	f = query_flows(q, &n);
	for (size_t i = 0; i < w.count; i++) {
		const struct part *p = NULL;
		char uuid[LAYOUT_UUID_SIZE];

		for (size_t j = 0; j < n && p == NULL; j++)
			for (size_t k = 0; k < f[j].count && p == NULL; k++)
				if (strcmp(partlist_uuid(f[j].parts[k], uuid), w.part[i].uuid) ==
					0 &&
				    f[j].parts[k]->day == w.part[i].day &&
				    f[j].parts[k]->number == w.part[i].part)
					p = f[j].parts[k];
		ck_assert_ptr_nonnull(p);
		ck_assert(p->pinned == !w.in_day[i]);
		seen[w.pinned[i]][w.in_day[i]]++;
	}
	ck_assert(seen[0][1] > 0 && seen[1][0] > 0 && seen[1][1] > 0);
	query_free(q);
	fetchrig_tear_down(&w.rig);
}
END_TEST

START_TEST(everything_is_found_where_nothing_is_asked)
{
	static struct lines all, none;

	make_world((uint64_t)_i + 1);
	search(NULL, &none);
	compare("packets >= 0");
	compare("not packets < 0");
	{
		struct expr_error error;
		struct expr *e;

		ck_assert_int_eq(expr_parse("packets >= 0", NOW, &e, &error), 0);
		judge(e, &all);
		expr_free(e);
	}
	ck_assert_uint_eq(none.count, all.count);
	ck_assert_uint_gt(all.count, FLOWS / 2);
	fetchrig_tear_down(&w.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/query_select");
	TCase *t = tcase_create("query_select");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	/* Six: dirty or not, pinned or not, see make_world. */
	tcase_add_loop_test(t, a_search_finds_what_one_finds_who_looks_at_every_flow, 0,
	    (int)quick_rounds(ARCHIVES, 6));
	tcase_add_test(t, a_part_that_lies_in_its_day_and_is_pinned_is_that_in_its_day);
	tcase_add_loop_test(t, everything_is_found_where_nothing_is_asked, 0, 2);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
