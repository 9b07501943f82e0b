/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of expressions as conditions for SQLite: random ones on random rows against what expr_match
 * says of the flows, and what SQLite makes of their terms.
 */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/expr.h"
#include "fetch/exprrig.h"
#include "support/quick.h"
#include "support/random.h"

/* The columns that conditions may name, and the indexes, as flowkeep-archive(5) has them. */
static const char schema[] =
    "CREATE TABLE flow (uuid NOT NULL, part INTEGER NOT NULL, proto INTEGER NOT NULL,"
    " linktype INTEGER NOT NULL, vlan INTEGER NOT NULL, client_ip BLOB NOT NULL,"
    " client_port INTEGER NOT NULL, server_ip BLOB NOT NULL, server_port INTEGER NOT NULL,"
    " start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, client_packets INTEGER NOT NULL,"
    " client_bytes INTEGER NOT NULL, server_packets INTEGER NOT NULL,"
    " server_bytes INTEGER NOT NULL, captured_bytes INTEGER NOT NULL,"
    " truncated INTEGER NOT NULL, end_reason TEXT NOT NULL, uuid_source TEXT NOT NULL,"
    " interface TEXT, lost_packets INTEGER NOT NULL, id INTEGER NOT NULL);"
    "CREATE INDEX flow_uuid ON flow (uuid, part);"
    "CREATE INDEX flow_client_ip ON flow (client_ip);"
    "CREATE INDEX flow_server_ip ON flow (server_ip);"
    "CREATE INDEX flow_client_port ON flow (client_port);"
    "CREATE INDEX flow_server_port ON flow (server_port);"
    "CREATE INDEX flow_end ON flow (end_ns)";

static sqlite3 *db;

static void set_up(void)
{
	ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
}

static void tear_down(void)
{
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	db = NULL;
}

/* ---- rows ---- */

struct binder {
	sqlite3_stmt *st;
	int at;
};

static void bind_number(struct binder *b, uint64_t v)
{
	quick_assert(sqlite3_bind_int64(b->st, ++b->at, (sqlite3_int64)v) == SQLITE_OK);
}

static void bind_text(struct binder *b, const char *text)
{
	quick_assert(sqlite3_bind_text(b->st, ++b->at, text, -1, SQLITE_TRANSIENT) == SQLITE_OK);
}

static void bind_bytes(struct binder *b, const uint8_t bytes[16])
{
	quick_assert(sqlite3_bind_blob(b->st, ++b->at, bytes, 16, SQLITE_TRANSIENT) == SQLITE_OK);
}

static void bind_end(struct binder *b, const struct part *p, enum side side)
{
	uint8_t addr[16];

	flowkey_addr_mapped(&p->key, side, addr);
	bind_bytes(b, addr);
	bind_number(b, p->key.port[side]);
}

/* One part as a row; the id tells which. */
static void insert(const struct part *p, unsigned id)
{
	const struct tally *t = &p->tally;
	enum side client = (enum side)p->client, server = !client;
	struct binder b = {NULL, 0};

	quick_assert(sqlite3_prepare_v2(db,
			 "INSERT INTO flow VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			 -1, &b.st, NULL) == SQLITE_OK);
	if (p->uuid_is_text)
		bind_text(&b, p->uuid.text);
	else
		bind_bytes(&b, p->uuid.bytes);
	bind_number(&b, p->number);
	bind_number(&b, p->key.proto);
	bind_number(&b, p->key.linktype);
	bind_number(&b, t->vlan);
	bind_end(&b, p, client);
	bind_end(&b, p, server);
	bind_number(&b, (uint64_t)t->first_ns);
	bind_number(&b, (uint64_t)t->last_ns);
	bind_number(&b, t->pkts[client]);
	bind_number(&b, t->bytes[client]);
	bind_number(&b, t->pkts[server]);
	bind_number(&b, t->bytes[server]);
	bind_number(&b, t->captured_bytes);
	bind_number(&b, t->truncated_pkts);
	bind_text(&b, record_end_reason_name((enum end_reason)p->end_reason));
	bind_text(&b, record_uuid_source_name((enum uuid_source)p->uuid_source));
	if (p->interface[0] != '\0')
		bind_text(&b, p->interface);
	else
		b.at++; /* NULL */
	bind_number(&b, p->lost_pkts);
	bind_number(&b, id);
	quick_assert(sqlite3_step(b.st) == SQLITE_DONE);
	quick_assert(sqlite3_finalize(b.st) == SQLITE_OK);
}

/* ---- questions ---- */

/* Prepares what stands before WHERE, and the condition with its values. */
static sqlite3_stmt *ask(const char *before, const struct dayindex_where *w)
{
	char *sql = sqlite3_mprintf("%s%s%s", before, w->sql[0] != '\0' ? " WHERE " : "", w->sql);
	struct binder b = {NULL, 0};
	int rc = sqlite3_prepare_v2(db, sql, -1, &b.st, NULL);

	ck_assert_msg(rc == SQLITE_OK, "%s: %.300s", sqlite3_errmsg(db), sql);
	sqlite3_free(sql);
	ck_assert_uint_eq((size_t)sqlite3_bind_parameter_count(b.st), w->count);
	for (size_t i = 0; i < w->count; i++) {
		const struct dayindex_value *v = &w->values[i];

		if (v->kind == DAYINDEX_INT)
			bind_number(&b, (uint64_t)v->number);
		else if (v->kind == DAYINDEX_TEXT)
			bind_text(&b, v->text);
		else
			bind_bytes(&b, v->bytes);
	}
	return b.st;
}

static struct expr_where *where(const char *text, enum expr_sql kind)
{
	struct expr *e = exprrig_parse(text);
	struct expr_where *w = NULL;

	ck_assert_int_eq(expr_where_new(e, kind, &w), 0);
	expr_free(e);
	return w;
}

/* Sets those of n flags whose rows are found. */
static void select_rows(const char *text, enum expr_sql kind, bool *ret_found, size_t n)
{
	struct expr_where *w = where(text, kind);
	sqlite3_stmt *st = ask("SELECT id FROM flow", expr_where(w));
	int rc;

	memset(ret_found, 0, n * sizeof(*ret_found));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		size_t id = (size_t)sqlite3_column_int64(st, 0);

		quick_assert(id < n && !ret_found[id]);
		ret_found[id] = true;
	}
	ck_assert_msg(rc == SQLITE_DONE, "%s", sqlite3_errmsg(db));
	(void)sqlite3_finalize(st);
	expr_where_free(w);
}

/* Any expression: terms with anything between them that may stand there. */
static void random_expression(struct random *r, char *buf, size_t size)
{
	char term[EXPRRIG_TERM_SIZE];
	unsigned open = 0;
	size_t n = 0;

	for (;;) {
		while (random_below(r, 3) == 0) {
			bool parenthesis = random_below(r, 2) == 0;

			open += parenthesis;
			n += (size_t)snprintf(buf + n, size - n, "%s", parenthesis ? "(" : "not ");
		}
		exprrig_random_term(r, term);
		n += (size_t)snprintf(buf + n, size - n, "%s", term);
		while (open > 0 && random_below(r, 3) == 0) {
			n += (size_t)snprintf(buf + n, size - n, ")");
			open--;
		}
		if (random_below(r, 3) == 0 || n > size / 2)
			break;
		n += (size_t)snprintf(
		    buf + n, size - n, "%s", random_below(r, 2) == 0 ? " and " : " or ");
	}
	while (open-- > 0)
		n += (size_t)snprintf(buf + n, size - n, ")");
}

/* ---- both kinds of conditions ---- */

#define FLOWS 300

START_TEST(whole_flows_are_found_exactly_where_the_expression_is_true)
{
	static struct exprrig_flow flows[FLOWS];
	struct random r = {20260102030405};
	bool found[FLOWS];
	size_t truths = 0;
	const unsigned rounds = exprrig_rounds(4000);

	for (unsigned i = 0; i < FLOWS; i++) {
		exprrig_random_flow(&r, 1, &flows[i]);
		insert(&flows[i].part[0], i);
	}
	for (unsigned i = 0; i < rounds; i++) {
		char text[8192];
		struct expr *e;

		random_expression(&r, text, sizeof(text));
		select_rows(text, EXPR_SQL_WHOLE, found, FLOWS);
		e = exprrig_parse(text);
		for (size_t j = 0; j < FLOWS; j++) {
			if (expr_match(e, &flows[j].sum) != found[j])
				ck_abort_msg("'%s': flow %zu is %d", text, j, found[j]);
			truths += found[j];
		}
		expr_free(e);
	}
	ck_assert_uint_gt(truths, rounds * FLOWS / 10);
	ck_assert_uint_lt(truths, rounds * FLOWS / 10 * 9);
}
END_TEST

START_TEST(every_part_of_a_flow_is_found_where_the_expression_is_true)
{
	static struct exprrig_flow flows[FLOWS];
	struct random r = {424242};
	bool found[FLOWS * EXPRRIG_PARTS];
	size_t truths = 0, left_out = 0;
	const unsigned rounds = exprrig_rounds(4000);

	for (unsigned i = 0; i < FLOWS; i++) {
		exprrig_random_flow(&r, 1 + random_below(&r, EXPRRIG_PARTS), &flows[i]);
		for (unsigned j = 0; j < flows[i].sum.parts; j++)
			insert(&flows[i].part[j], i * EXPRRIG_PARTS + j);
	}
	for (unsigned i = 0; i < rounds; i++) {
		char text[8192];
		struct expr *e;

		random_expression(&r, text, sizeof(text));
		select_rows(text, EXPR_SQL_PART, found, FLOWS * EXPRRIG_PARTS);
		e = exprrig_parse(text);
		for (size_t j = 0; j < FLOWS; j++) {
			bool wanted = expr_match(e, &flows[j].sum);

			for (size_t k = 0; k < flows[j].sum.parts; k++) {
				bool is_found = found[j * EXPRRIG_PARTS + k];

				if (wanted && !is_found)
					ck_abort_msg(
					    "'%s': part %zu of flow %zu is not found", text, k, j);
				left_out += !is_found;
			}
			truths += wanted;
		}
		expr_free(e);
	}
	ck_assert_uint_gt(truths, rounds * FLOWS / 10);
	/* A condition that is true of all would pass as well: this one sorts out a good deal. */
	ck_assert_uint_gt(left_out, rounds * FLOWS / 4);
}
END_TEST

static void check_sql(const char *text, enum expr_sql kind, const char *sql)
{
	struct expr_where *w = where(text, kind);

	ck_assert_str_eq(expr_where(w)->sql, sql);
	expr_where_free(w);
}

START_TEST(no_terms_ask_nothing)
{
	struct expr_where *w = where("", EXPR_SQL_WHOLE);

	ck_assert_str_eq(expr_where(w)->sql, "");
	ck_assert_uint_eq(expr_where(w)->count, 0);
	expr_where_free(w);
}
END_TEST

START_TEST(what_parts_may_differ_in_is_not_asked_of_them)
{
	static const char *const texts[] = {"after now", "before now", "packets > 1",
	    "client_packets > 1", "server_packets > 1", "lost_packets > 1", "truncated > 1",
	    "parts > 1", "vlan = 1", "linktype = 1", "bytes > 1", "client_bytes > 1",
	    "server_bytes > 1", "captured_bytes > 1", "duration > 1s", "end_reason fin",
	    "uuid_source event", "interface eth0"};
	char text[256];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		check_sql(texts[i], EXPR_SQL_PART, "");
		(void)snprintf(text, sizeof(text), "not (%s)", texts[i]);
		check_sql(text, EXPR_SQL_PART, "");
		(void)snprintf(text, sizeof(text), "tcp or %s", texts[i]);
		check_sql(text, EXPR_SQL_PART, "");
		(void)snprintf(text, sizeof(text), "not (tcp and %s)", texts[i]);
		check_sql(text, EXPR_SQL_PART, "");
		(void)snprintf(text, sizeof(text), "tcp and %s", texts[i]);
		check_sql(text, EXPR_SQL_PART, "+proto = ?");
		(void)snprintf(text, sizeof(text), "not (udp or %s)", texts[i]);
		check_sql(text, EXPR_SQL_PART, "+proto <> ?");
	}
}
END_TEST

START_TEST(which_end_is_the_client_is_asked_of_whole_flows_alone)
{
	check_sql("src port 80", EXPR_SQL_WHOLE, "client_port = ?");
	check_sql("dst 10.0.0.1", EXPR_SQL_WHOLE, "server_ip = ?");
	check_sql("src port 80", EXPR_SQL_PART, "(client_port = ? OR server_port = ?)");
	check_sql("not dst 10.0.0.1", EXPR_SQL_PART, "+(client_ip <> ? OR server_ip <> ?)");
	check_sql("not host 10.0.0.1", EXPR_SQL_PART, "+(client_ip <> ? AND server_ip <> ?)");
}
END_TEST

START_TEST(no_literal_becomes_text)
{
	char text[8192];
	struct random r = {5};

	for (int i = 0; i < 2000; i++) {
		struct expr_where *w;

		random_expression(&r, text, sizeof(text));
		w = where(text, i % 2 == 0 ? EXPR_SQL_WHOLE : EXPR_SQL_PART);
		for (const char *p = expr_where(w)->sql; *p != '\0'; p++) {
			if (strchr("'\"`[]\\;-/0123456789", *p) == NULL)
				continue;
			/* ours: the difference of times, and what `parts` is */
			if (strncmp(p - (p - expr_where(w)->sql < 7 ? 0 : 7), "end_ns - start_ns",
				17) != 0 &&
			    strncmp(p, "1 ", 2) != 0)
				ck_abort_msg("%s", expr_where(w)->sql);
		}
		expr_where_free(w);
	}
}
END_TEST

/* ---- what SQLite takes ---- */

/* SQLite prepares and runs it, also as a part of a larger condition. */
static void check_taken(const char *text)
{
	for (int i = 0; i < 4; i++) {
		struct expr_where *w = where(text, (enum expr_sql)(i % 2));
		struct dayindex_where larger = *expr_where(w);
		const char *sql = larger.sql[0] != '\0' ? larger.sql : "1";
		char *own = sqlite3_mprintf(
		    "(part > 0 OR (proto = 6 AND ((vlan | linktype) & 2) = 0)) AND (%s)", sql);
		sqlite3_stmt *st;
		int rc;

		larger.sql = own;
		st = ask("SELECT id FROM flow", i < 2 ? expr_where(w) : &larger);
		rc = sqlite3_step(st);
		ck_assert_msg(rc == SQLITE_DONE || rc == SQLITE_ROW, "%s", sqlite3_errmsg(db));
		(void)sqlite3_finalize(st);
		sqlite3_free(own);
		expr_where_free(w);
	}
}

/* The largest expressions that the language allows, in shapes that are hard on a parser. */
static char big[EXPR_MAX_BYTES + 1];

/* opening times, then middle, then closing as often. */
static void check_nested(
    unsigned times, const char *opening, const char *middle, const char *closing)
{
	size_t n = 0;

	for (unsigned i = 0; i < times; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n, "%s", opening);
	n += (size_t)snprintf(big + n, sizeof(big) - n, "%s", middle);
	for (unsigned i = 0; i < times; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n, "%s", closing);
	ck_assert_uint_le(n, EXPR_MAX_BYTES);
	check_taken(big);
}

START_TEST(sqlite_takes_whatever_the_language_does)
{
	static const char widest[] = "net ::/0 or port 1 and ";
	const unsigned terms = exprrig_rounds(EXPR_MAX_TERMS - 1); /* SQLite's time is quadratic */

	check_nested(EXPR_MAX_TERMS - 1, "net ::/0 or ", "net ::/0", "");
	check_nested(terms, "not net ::/0 and ", "uuid 3f", "");
	check_nested(terms, "", "tcp", " and src portrange 1-2");
	check_nested(terms, "host 10.0.0.1 or ", "uuid 3f", "");
	check_nested(terms, "host 10.0.0.1 and ", "host 10.0.0.2", "");
	check_nested(terms, "src net 10.0.0.0/8 and ", "tcp", "");
	check_nested(terms / 3, "(host 10.0.0.1 and port 80 and ip) or ", "uuid 3f", "");
	check_nested(terms / 2, "host 10.0.0.1 or port 80 and ", "tcp", "");
	check_nested(terms / 2, widest, "net ::/0", "");
}
END_TEST

START_TEST(sqlite_takes_the_deepest_nesting)
{
	check_nested(EXPR_MAX_DEPTH, "(", "tcp", ")");
	check_nested(EXPR_MAX_DEPTH / 2, "uuid 3 and (uuid 3 or (", "net ::/0", "))");
	check_nested(EXPR_MAX_DEPTH / 2, "((", "net ::/0", " or uuid 3) and uuid 3)");
	check_nested(EXPR_MAX_DEPTH, "(", "net ::/0", " or uuid 3 and uuid 3)");
	check_nested(EXPR_MAX_DEPTH, "uuid 3 or uuid 3 and (", "net ::/0", ")");
	check_nested(EXPR_MAX_DEPTH,
	    "uuid 3 or uuid 3 or uuid 3 or uuid 3 or uuid 3 and uuid 3 and uuid 3 and uuid 3 and (",
	    "net ::/0", ")");
	check_nested(EXPR_MAX_DEPTH / 4, "not (net ::/0 and not (net ::/0 or ", "net ::/0", "))");
}
END_TEST

START_TEST(what_is_nested_too_deep_for_sqlite_is_found_by_more_rows_never_by_fewer)
{
	struct exprrig_flow f;
	struct random r = {99};
	bool found[1];

	exprrig_random_flow(&r, 1, &f);
	f.part[0].key.proto = 6;
	insert(&f.part[0], 0);
	check_nested(40, "tcp and (udp or (", "tcp", "))"); /* true, and far down */
	select_rows(big, EXPR_SQL_WHOLE, found, 1);
	ck_assert(found[0]);
	check_nested(40, "tcp and (udp or (", "udp", "))"); /* false, and far down */
	select_rows(big, EXPR_SQL_WHOLE, found, 1);
	ck_assert(found[0]);
	check_nested(9, "tcp and (udp or (", "udp", "))");
	select_rows(big, EXPR_SQL_WHOLE, found, 1);
	ck_assert(!found[0]);
}
END_TEST

/* ---- which index ---- */

/* How SQLite goes about it; lines with bars between them. */
static void plan(const char *text, enum expr_sql kind, char *buf, size_t size)
{
	struct expr_where *w = where(text, kind);
	sqlite3_stmt *st = ask("EXPLAIN QUERY PLAN SELECT * FROM flow", expr_where(w));
	size_t n = 0;

	buf[0] = '\0';
	while (sqlite3_step(st) == SQLITE_ROW)
		n += (size_t)snprintf(
		    buf + n, size - n, "%s|", (const char *)sqlite3_column_text(st, 3));
	(void)sqlite3_finalize(st);
	expr_where_free(w);
}

/* The plan names these indexes, divided by blanks, and no other; "" is a walk through all rows. */
static void check_plan(const char *text, const char *indexes)
{
	static const char *const all[] = {"flow_uuid", "flow_client_ip", "flow_server_ip",
	    "flow_client_port", "flow_server_port", "flow_end"};
	char buf[4096];

	for (int kind = 0; kind < 2; kind++) {
		plan(text, (enum expr_sql)kind, buf, sizeof(buf));
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			bool wanted = strstr(indexes, all[i]) != NULL;

			if (kind == EXPR_SQL_PART && strstr(indexes, "flow_end") != NULL)
				continue; /* not asked of parts */
			ck_assert_msg(
			    (strstr(buf, all[i]) != NULL) == wanted, "'%s': %s", text, buf);
		}
		if (indexes[0] == '\0')
			ck_assert_msg(strstr(buf, "SCAN flow") != NULL, "'%s': %s", text, buf);
	}
}

#define HOSTS "flow_client_ip flow_server_ip"
#define PORTS "flow_client_port flow_server_port"

START_TEST(one_kind_of_term_is_sought_by_its_index)
{
	check_plan("uuid 3f2a", "flow_uuid");
	check_plan("uuid host_1", "flow_uuid");
	check_plan("host 10.0.0.1", HOSTS);
	check_plan("net 10.0.0.0/8", HOSTS);
	check_plan("net 2001:db8::/32", HOSTS);
	check_plan("port 80", PORTS);
	check_plan("portrange 80-90", PORTS);
	check_plan("after now", "flow_end");
	check_plan("not after now", "flow_end");
}
END_TEST

START_TEST(the_most_telling_terms_of_a_conjunction_are_sought)
{
	check_plan("host 10.0.0.1 and port 80", HOSTS);
	check_plan("port 80 and host 10.0.0.1 and after now and tcp", HOSTS);
	check_plan("port 80 and (tcp and (host 10.0.0.1 and after now))", HOSTS);
	check_plan("host 10.0.0.1 and net 10.0.0.0/8 and uuid 3f2a and port 80", "flow_uuid");
	check_plan("net 10.0.0.0/8 and after now and port 80", HOSTS);
	check_plan("port 80 and after now", "flow_end");
	check_plan("port 80 and before now and bytes > 5", PORTS);
	check_plan("not uuid 3f2a and not host 10.0.0.1 and port 80", PORTS);
}
END_TEST

START_TEST(a_disjunction_is_sought_where_all_of_it_can_be)
{
	check_plan("host 10.0.0.1 or port 80", HOSTS " " PORTS);
	check_plan("host 10.0.0.1 or host 10.0.0.2", HOSTS);
	check_plan("(host 10.0.0.1 or host 10.0.0.2) and port 80", HOSTS);
	check_plan("host 10.0.0.1 and port 80 or uuid 3f2a and tcp", HOSTS " flow_uuid");
	check_plan("host 10.0.0.1 or tcp", "");
	check_plan("(host 10.0.0.1 or tcp) and port 80", PORTS);
}
END_TEST

START_TEST(what_half_of_the_flows_have_is_not_sought)
{
	check_plan("", "");
	check_plan("tcp and bytes > 5", "");
	check_plan("not host 10.0.0.1", "");
	check_plan("not port 80", "");
	check_plan("not uuid 3f2a", "");
	check_plan("net 0.0.0.0/0", "");
	check_plan("net ::/0", "");
	check_plan("portrange 0-65535", "");
	check_plan("before now", "");
	check_plan("ip", "");
	check_plan("net 0.0.0.0/0 and port 80", PORTS);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("fetch/expr_sql");
	TCase *t = tcase_create("sql");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, whole_flows_are_found_exactly_where_the_expression_is_true);
	tcase_add_test(t, every_part_of_a_flow_is_found_where_the_expression_is_true);
	tcase_add_test(t, no_terms_ask_nothing);
	tcase_add_test(t, what_parts_may_differ_in_is_not_asked_of_them);
	tcase_add_test(t, which_end_is_the_client_is_asked_of_whole_flows_alone);
	tcase_add_test(t, no_literal_becomes_text);
	tcase_add_test(t, sqlite_takes_whatever_the_language_does);
	tcase_add_test(t, sqlite_takes_the_deepest_nesting);
	tcase_add_test(t, what_is_nested_too_deep_for_sqlite_is_found_by_more_rows_never_by_fewer);
	tcase_add_test(t, one_kind_of_term_is_sought_by_its_index);
	tcase_add_test(t, the_most_telling_terms_of_a_conjunction_are_sought);
	tcase_add_test(t, a_disjunction_is_sought_where_all_of_it_can_be);
	tcase_add_test(t, what_half_of_the_flows_have_is_not_sought);
	suite_add_tcase(suite, t);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
