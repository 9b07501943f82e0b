/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what expressions are true of: term by term on one flow, and any way to join them. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "fetch/expr.h"
#include "fetch/exprrig.h"
#include "support/quick.h"
#include "support/random.h"

/* A flow of two parts, 192.0.2.1:50000 to 198.51.100.7:443; all of its numbers are different. */
static struct exprrig_flow flow;

static void set_up(void)
{
	struct part *p = flow.part;

	memset(&flow, 0, sizeof(flow));
	p[0].key.proto = 6;
	p[0].key.linktype = 113;
	exprrig_ends(&p[0], (struct exprrig_end){"192.0.2.1", 50000},
	    (struct exprrig_end){"198.51.100.7", 443});
	exprrig_uuid(&p[0], "3f2a0000-aaaa-4000-8000-000000000001");
	p[0].interface = "eth0";
	p[1] = p[0];
	p[0].tally = (struct tally){.first_ns = EXPRRIG_NOW - 60 * CLK_SECOND_NS,
	    .last_ns = EXPRRIG_NOW - 50 * CLK_SECOND_NS,
	    .captured_bytes = 500,
	    .truncated_pkts = 1,
	    .vlan = 7};
	p[1].tally = (struct tally){.first_ns = EXPRRIG_NOW - 40 * CLK_SECOND_NS,
	    .last_ns = EXPRRIG_NOW - 30 * CLK_SECOND_NS,
	    .captured_bytes = 400,
	    .truncated_pkts = 3,
	    .vlan = 8};
	for (int i = 0; i < 2; i++) {
		enum side client = (enum side)p[i].client;

		p[i].tally.pkts[client] = 10;
		p[i].tally.pkts[!client] = 15;
		p[i].tally.bytes[client] = 1000;
		p[i].tally.bytes[!client] = 5000;
		p[i].lost_pkts = 1;
	}
	p[0].end_reason = END_CONTINUED;
	p[1].end_reason = END_RST;
	p[0].uuid_source = UUID_EVENT;
	p[1].uuid_source = UUID_GENERATED;
	p[1].interface = "eth1";
	p[1].client = !p[0].client; /* a later part may not know better */
	p[1].tally.pkts[0] = p[1].tally.pkts[1] = 10;
	exprrig_sum(&flow, 2);
}

static bool matches(const char *text)
{
	struct expr *e = exprrig_parse(text);
	bool yes = expr_match(e, &flow.sum);

	expr_free(e);
	return yes;
}

static void check_true(const char *text)
{
	char negation[512];

	ck_assert_msg(matches(text), "'%s' is false", text);
	(void)snprintf(negation, sizeof(negation), "not (%s)", text);
	ck_assert_msg(!matches(negation), "'%s' is true", negation);
}

static void check_false(const char *text)
{
	char negation[512];

	ck_assert_msg(!matches(text), "'%s' is true", text);
	(void)snprintf(negation, sizeof(negation), "not (%s)", text);
	ck_assert_msg(matches(negation), "'%s' is false", negation);
}

/* A number is equal to itself, and between its neighbours. */
static void check_number(const char *field, int64_t value, const char *unit)
{
	static const struct {
		const char *op;
		bool below, same, above;
	} ops[] = {{"=", false, true, false}, {"==", false, true, false}, {"!=", true, false, true},
	    {"<", false, false, true}, {"<=", false, true, true}, {">", true, false, false},
	    {">=", true, true, false}};
	char text[128];

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		for (int d = value > 0 ? -1 : 0; d <= 1; d++) {
			bool wanted = d < 0 ? ops[i].below : d == 0 ? ops[i].same : ops[i].above;

			(void)snprintf(text, sizeof(text), "%s %s %" PRId64 "%s", field, ops[i].op,
			    value + d, unit);
			(wanted ? check_true : check_false)(text);
		}
	}
}

START_TEST(no_terms_are_true_of_every_flow)
{
	ck_assert(matches(""));
	ck_assert(matches("  "));
}
END_TEST

START_TEST(a_host_is_either_end_and_src_and_dst_tell_which)
{
	check_true("host 192.0.2.1");
	check_true("host 198.51.100.7");
	check_true("host ::ffff:192.0.2.1");
	check_false("host 192.0.2.2");
	check_false("host ::192.0.2.1");
	check_true("src host 192.0.2.1");
	check_true("src 192.0.2.1");
	check_true("client 192.0.2.1");
	check_false("dst host 192.0.2.1");
	check_false("server 192.0.2.1");
	check_true("dst 198.51.100.7");
	check_true("server host 198.51.100.7");
	check_false("src 198.51.100.7");
}
END_TEST

START_TEST(a_net_holds_its_first_and_its_last_address)
{
	check_true("net 192.0.2.0/24");
	check_true("net 192.0.2.1/32");
	check_true("net 192.0.2.0/31");
	check_false("net 192.0.2.2/31");
	check_false("net 192.0.3.0/24");
	check_true("net 192.0.0.0/2");
	check_false("net 128.0.0.0/2");
	check_true("net 0.0.0.0/0");
	check_true("net ::ffff:192.0.2.0/120");
	check_true("net ::ffff:0:0/96");
	check_true("src net 192.0.2.0/24");
	check_false("dst net 192.0.2.0/24");
	check_true("dst net 198.51.100.0/24");
}
END_TEST

START_TEST(a_net_of_ipv6_holds_no_ipv4)
{
	check_false("net ::/0");
	check_false("net ::/80");
	check_false("net ::fffe:0:0/95");
	memset(&flow.part[0].key, 0, sizeof(flow.part[0].key));
	exprrig_ends(&flow.part[0], (struct exprrig_end){"2001:db8::1", 1},
	    (struct exprrig_end){"::fffe:1:2", 2});
	exprrig_sum(&flow, 1);
	check_true("src net ::/0");
	check_true("dst net ::/0");
	check_true("dst net ::/80");
	check_true("dst net ::fffe:0:0/95");
	check_false("dst net ::ffff:0:0/96");
	check_false("net 0.0.0.0/0");
	check_true("src net 2001:db8::/32");
	check_true("src net 2001:db8::1/128");
	check_true("host 2001:db8::1");
	check_true("host 2001:0db8:0::0:1");
	check_false("host 2001:db8::2");
}
END_TEST

START_TEST(a_flow_is_ipv4_where_both_ends_are)
{
	check_true("ip");
	check_false("ip6");
	memset(&flow.part[0].key, 0, sizeof(flow.part[0].key));
	exprrig_ends(&flow.part[0], (struct exprrig_end){"192.0.2.1", 1},
	    (struct exprrig_end){"2001:db8::1", 2});
	exprrig_sum(&flow, 1);
	check_false("ip");
	check_true("ip6");
	check_true("host 192.0.2.1");
	check_true("net 192.0.2.0/24");
	check_false("src net ::/0");
	check_true("dst net ::/0");
}
END_TEST

START_TEST(a_port_is_either_ends_and_a_range_holds_both_bounds)
{
	check_true("port 443");
	check_true("port 50000");
	check_false("port 80");
	check_true("src port 50000");
	check_false("src port 443");
	check_true("dst port 443");
	check_false("server port 50000");
	check_true("portrange 443-500");
	check_true("portrange 400-443");
	check_true("portrange 50000-50000");
	check_false("portrange 444-49999");
	check_true("src portrange 1024-65535");
	check_false("dst portrange 1024-65535");
	check_number("client_port", 50000, "");
	check_number("server_port", 443, "");
}
END_TEST

START_TEST(ports_at_their_bounds_compare_as_numbers)
{
	flow.part[0].key.port[flow.part[0].client] = 0;
	flow.part[0].key.port[!flow.part[0].client] = 65535;
	exprrig_sum(&flow, 1);
	check_number("client_port", 0, "");
	check_false("client_port < 0");
	check_true("client_port >= 0");
	check_false("server_port > 65535");
	check_true("server_port <= 65535");
	check_true("server_port >= 65535");
	check_false("server_port < 65535");
}
END_TEST

START_TEST(a_protocol_has_a_name_and_a_number)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmp6", 58}, {"sctp", 132}};
	char text[64];

	for (size_t i = 0; i < 5; i++) {
		for (size_t j = 0; j < 5; j++) {
			flow.part[0].key.proto = known[i].number;
			(i == j ? check_true : check_false)(known[j].name);
			(void)snprintf(text, sizeof(text), "proto %s", known[j].name);
			(i == j ? check_true : check_false)(text);
			(void)snprintf(text, sizeof(text), "proto != %u", known[j].number);
			(i == j ? check_false : check_true)(text);
		}
	}
}
END_TEST

START_TEST(after_is_about_the_last_packet_and_before_about_the_first)
{
	check_true("after 30s ago");
	check_false("after 29s ago");
	check_true("after 2026-01-02T03:03:35Z");
	check_false("after 2026-01-02T03:03:35.000000001Z");
	check_false("before 60s ago");
	check_true("before 59s ago");
	check_false("before 2026-01-02T03:03:05Z");
	check_true("before 2026-01-02T03:03:05.000000001Z");
	check_true("before now and after 1m ago");
	check_true("after 2026-01-02 and before 2026-01-03");
}
END_TEST

START_TEST(a_uuid_is_known_by_how_it_begins)
{
	check_true("uuid 3");
	check_true("uuid 3f2a0000");
	check_true("uuid 3f2a0000-");
	check_true("uuid 3f2a0000-aaaa-4000-8000-000000000001");
	check_false("uuid 3f2a0000-aaaa-4000-8000-000000000002");
	check_false("uuid 3F2A");
	check_false("uuid 3f2a00000");
	check_false("uuid 3f2a0000-aaaa-4000-8000-0000000000011");
	check_false("uuid 3f2a0000-aaab");
	check_false("uuid x");
	exprrig_uuid(&flow.part[0], "3F2Ahost");
	check_true("uuid 3F2A");
	check_true("uuid 3F2Ahost");
	check_false("uuid 3F2Ahosts");
	check_false("uuid 3f2a");
}
END_TEST

START_TEST(numbers_are_those_of_all_parts_together)
{
	check_number("client_packets", 20, "");
	check_number("server_packets", 25, "");
	check_number("packets", 45, "");
	check_number("client_bytes", 2000, "");
	check_number("server_bytes", 10000, "");
	check_number("bytes", 12000, "");
	check_true("bytes = 12k");
	check_true("bytes > 11.5KiB");
	check_number("captured_bytes", 900, "");
	check_number("truncated", 4, "");
	check_number("lost_packets", 2, "");
	check_number("parts", 2, "");
	check_number("duration", 30 * CLK_SECOND_NS, "ns");
	check_true("duration = 30s");
	check_true("duration < 1m");
}
END_TEST

START_TEST(what_cannot_be_added_is_the_first_parts)
{
	check_number("vlan", 7, "");
	check_number("linktype", 113, "");
	check_true("uuid_source event");
	check_false("uuid_source generated");
	check_true("uuid_source != generated");
	check_true("interface eth0");
	check_true("interface = eth0");
	check_false("interface eth1");
	check_false("interface != eth0");
	check_false("interface eth");
	flow.part[0].interface = "";
	check_false("interface eth0");
	check_true("interface != eth0");
}
END_TEST

START_TEST(how_it_ended_is_the_last_parts)
{
	check_true("end_reason rst");
	check_true("end_reason = rst");
	check_false("end_reason != rst");
	check_false("end_reason continued");
	check_true("end_reason != continued");
}
END_TEST

START_TEST(numbers_that_a_stranger_made_up_do_not_wrap)
{
	struct part *p = flow.part;

	for (int i = 0; i < 2; i++) {
		p[i].tally.bytes[0] = p[i].tally.bytes[1] = INT64_MAX;
		p[i].tally.pkts[0] = p[i].tally.pkts[1] = INT64_MAX;
	}
	p[0].tally.first_ns = INT64_MIN;
	p[1].tally.last_ns = INT64_MAX;
	exprrig_sum(&flow, 2);
	check_true("bytes > 9223372036854775807");
	check_true("packets > 9223372036854775807");
	check_true("client_bytes > 9223372036854775807");
	check_true("duration > 100000d");
	p[0].tally.first_ns = INT64_MAX;
	p[1].tally.last_ns = INT64_MIN;
	exprrig_sum(&flow, 2);
	check_true("duration < 0s");
	check_false("duration > 0");
}
END_TEST

START_TEST(and_binds_stronger_than_or_and_not_strongest)
{
	/* tcp is true, udp is false */
	check_true("tcp or tcp and udp");
	check_false("(tcp or tcp) and udp");
	check_true("udp and udp or tcp");
	check_false("udp and (udp or tcp)");
	check_true("not udp and tcp");
	check_false("not tcp and udp");
	check_true("not tcp and udp or tcp");
	check_false("not (tcp and tcp)");
	check_true("not udp or udp");
	check_false("not not udp");
	check_true("! ! tcp && !udp || udp");
	check_false("not (tcp or udp)");
	check_true("not (udp or udp)");
	check_true("not (tcp and udp)");
	check_true("tcp and tcp and (tcp and (tcp and tcp)) and tcp");
	check_false("tcp and tcp and (tcp and (tcp and udp)) and tcp");
	check_true("udp or (udp or (udp or tcp)) or udp");
}
END_TEST

/* Writes a random expression, and tells what it should be from what its terms are. */
struct writer {
	struct random r;
	char text[65536];
	size_t n;
	int terms;
};

static void write_text(struct writer *w, const char *text)
{
	w->n += (size_t)snprintf(w->text + w->n, sizeof(w->text) - w->n, "%s", text);
	quick_assert(w->n < sizeof(w->text));
}

static bool write_or(struct writer *w, int depth);

static bool write_factor(struct writer *w, int depth)
{
	char term[EXPRRIG_TERM_SIZE];
	bool value;

	if (random_below(&w->r, 4) == 0) {
		write_text(w, random_below(&w->r, 2) == 0 ? "not " : "!");
		return !write_factor(w, depth);
	}
	if (depth > 0 && random_below(&w->r, 2) == 0) {
		write_text(w, "(");
		value = write_or(w, depth - 1);
		write_text(w, ")");
		return value;
	}
	exprrig_random_term(&w->r, term);
	write_text(w, term);
	w->terms++;
	return matches(term);
}

static bool write_and(struct writer *w, int depth)
{
	bool value = write_factor(w, depth);

	while (random_below(&w->r, 3) == 0) {
		write_text(w, random_below(&w->r, 2) == 0 ? " and " : "&&");
		value &= write_factor(w, depth);
	}
	return value;
}

static bool write_or(struct writer *w, int depth)
{
	bool value = write_and(w, depth);

	while (random_below(&w->r, 3) == 0) {
		write_text(w, random_below(&w->r, 2) == 0 ? " or " : "||");
		value |= write_and(w, depth);
	}
	return value;
}

START_TEST(any_expression_is_what_its_terms_make_of_it)
{
	static struct writer w = {.r = {987654321}};
	int truths = 0, joined = 0;

	for (int i = 0; i < 4000; i++) {
		bool wanted;

		exprrig_random_flow(&w.r, 1 + random_below(&w.r, EXPRRIG_PARTS), &flow);
		w.n = 0;
		w.terms = 0;
		wanted = write_or(&w, 4);
		ck_assert_int_le(w.terms, EXPR_MAX_TERMS);
		if (matches(w.text) != wanted)
			ck_abort_msg("'%s' is not %d", w.text, wanted);
		truths += wanted;
		joined += w.terms > 1;
	}
	ck_assert_int_gt(truths, 500);
	ck_assert_int_lt(truths, 3500);
	ck_assert_int_gt(joined, 2000);
}
END_TEST

START_TEST(a_window_never_leaves_out_a_flow_that_matches)
{
	static struct writer w = {.r = {13579}};
	int bounded = 0;

	for (int i = 0; i < 4000; i++) {
		int64_t from, to;
		struct expr *e;

		exprrig_random_flow(&w.r, 1 + random_below(&w.r, EXPRRIG_PARTS), &flow);
		w.n = 0;
		(void)write_or(&w, 3);
		e = exprrig_parse(w.text);
		expr_window(e, &from, &to);
		if (expr_match(e, &flow.sum)) {
			quick_assert(flow.sum.end_ns >= from);
			quick_assert(flow.sum.start_ns < to);
			bounded += from != INT64_MIN || to != INT64_MAX;
		}
		expr_free(e);
	}
	ck_assert_int_gt(bounded, 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/expr_match");
	TCase *t = tcase_create("match");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_add_test(t, no_terms_are_true_of_every_flow);
	tcase_add_test(t, a_host_is_either_end_and_src_and_dst_tell_which);
	tcase_add_test(t, a_net_holds_its_first_and_its_last_address);
	tcase_add_test(t, a_net_of_ipv6_holds_no_ipv4);
	tcase_add_test(t, a_flow_is_ipv4_where_both_ends_are);
	tcase_add_test(t, a_port_is_either_ends_and_a_range_holds_both_bounds);
	tcase_add_test(t, ports_at_their_bounds_compare_as_numbers);
	tcase_add_test(t, a_protocol_has_a_name_and_a_number);
	tcase_add_test(t, after_is_about_the_last_packet_and_before_about_the_first);
	tcase_add_test(t, a_uuid_is_known_by_how_it_begins);
	tcase_add_test(t, numbers_are_those_of_all_parts_together);
	tcase_add_test(t, what_cannot_be_added_is_the_first_parts);
	tcase_add_test(t, how_it_ended_is_the_last_parts);
	tcase_add_test(t, numbers_that_a_stranger_made_up_do_not_wrap);
	tcase_add_test(t, and_binds_stronger_than_or_and_not_strongest);
	tcase_add_test(t, any_expression_is_what_its_terms_make_of_it);
	tcase_add_test(t, a_window_never_leaves_out_a_flow_that_matches);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
