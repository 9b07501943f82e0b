/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the language of expressions: what it takes, and what it says of the rest, and where. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "fetch/expr.h"
#include "fetch/exprrig.h"
#include "support/quick.h"
#include "support/random.h"

static struct expr_error error;

/* Parses a copy that ends where its memory ends. */
static int parse(const char *text, int64_t now_ns, struct expr **ret_expr)
{
	char *copy = strdup(text);
	int rv;

	quick_assert(copy != NULL);
	memset(&error, 0x5a, sizeof(error));
	rv = expr_parse(copy, now_ns, ret_expr, &error);
	free(copy);
	return rv;
}

static int result(const char *text)
{
	struct expr *e = NULL;
	int rv = parse(text, EXPRRIG_NOW, &e);

	expr_free(e);
	return rv;
}

static void check_taken(const char *text)
{
	int rv = result(text);

	ck_assert_msg(rv == 0, "'%s': %d, %s at %zu", text, rv, error.text, error.at);
}

/* The fault is what stands between the two tildes. */
static void check_refused(const char *marked, const char *message)
{
	const char *mark = strchr(marked, '~'), *end = strchr(mark + 1, '~');
	char text[512];

	(void)snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(mark - marked), marked,
	    (int)(end - mark - 1), mark + 1, end + 1);
	ck_assert_msg(result(text) == -EINVAL, "'%s' is taken", text);
	ck_assert_str_eq(error.text, message);
	ck_assert_msg(
	    error.at == (size_t)(mark - marked) && error.length == (size_t)(end - mark - 1),
	    "'%s': %zu, %zu", text, error.at, error.length);
}

START_TEST(every_kind_of_term_is_taken)
{
	static const char *const texts[] = {"", " \t\n", "host 192.0.2.1", "host 2001:db8::1",
	    "host ::ffff:192.0.2.1", "net 192.0.2.0/24", "net 0.0.0.0/0", "net ::/0",
	    "net ::ffff:192.0.2.0/120", "port 0", "port 65535", "portrange 0-65535",
	    "portrange 80-80", "src host 192.0.2.1", "src 192.0.2.1", "dst net ::/0",
	    "client port 80", "server portrange 1-2", "server 2001:db8::1", "proto tcp",
	    "proto icmp6", "proto 255", "proto = 0", "proto!=udp", "tcp", "udp", "icmp", "icmp6",
	    "sctp", "ip", "ip6", "after now", "before now", "after 2026-01-02",
	    "before 2026-01-02T03:04:05Z", "after 90s ago", "after 1h30m ago", "before 5 ago",
	    "uuid 3f2a", "uuid host_1", "packets=1", "packets == 1", "packets != 1", "packets<1",
	    "packets <= 1", "packets> 1", "packets >=1", "client_packets > 0", "server_packets > 0",
	    "lost_packets > 0", "truncated > 0", "parts > 1", "client_port = 65535",
	    "server_port < 0", "vlan = 4095", "linktype = 4294967295", "bytes > 10k", "bytes > 10K",
	    "bytes > 10kB", "bytes > 1.5MiB", "client_bytes > 1", "server_bytes > 1",
	    "captured_bytes < 9223372036854775807", "duration > 5s", "duration < 250ms",
	    "duration = 0", "end_reason fin", "end_reason = continued", "end_reason != eof",
	    "uuid_source event", "uuid_source = generated", "interface eth0",
	    "interface != w\xc3\xbcrfel", "interface and", "(tcp)", "((tcp))", "not tcp", "! tcp",
	    "!tcp", "!!tcp", "not not tcp", "tcp and udp", "tcp && udp", "tcp&&udp", "tcp or udp",
	    "tcp||udp", "not(tcp)and(udp)or!icmp"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_taken(texts[i]);
}
END_TEST

START_TEST(every_end_reason_is_taken)
{
	char text[64];

	for (int i = 0; i < END_REASONS; i++) {
		(void)snprintf(text, sizeof(text), "end_reason %s",
		    record_end_reason_name((enum end_reason)i));
		check_taken(text);
	}
}
END_TEST

START_TEST(a_fault_in_an_address_is_named_in_its_place)
{
	check_refused("host ~300.1.1.1~ and port 80", "no address: '300.1.1.1'");
	check_refused("host ~and~ port 80", "no address: 'and'");
	check_refused("tcp and host~~", "missing an address");
	check_refused("host ~)~", "missing an address before: ')'");
	check_refused(
	    "src ~tcp~", "no address: 'tcp'; legal: an address, host, net, port, portrange");
	check_refused("src~~", "missing an address, host, net, port or portrange");
	check_refused("src host ~x~", "no address: 'x'");
	check_refused("net ~10.0.0.0~", "no network: '10.0.0.0'; legal: ADDRESS/LENGTH");
	check_refused("net ~10.0.0~/8", "no address: '10.0.0'");
	check_refused("net 10.0.0.0/~33~ or tcp", "no length of a prefix: '33'; legal: 0 to 32");
	check_refused("net ::/~129~", "no length of a prefix: '129'; legal: 0 to 128");
	check_refused("net ::/~1/2~", "no length of a prefix: '1/2'; legal: 0 to 128");
	check_refused("net 10.0.0.0/~~", "no length of a prefix; legal: 0 to 32");
	check_refused("net ~~", "missing a network");
	check_refused("net ~10.1.2.3/8~",
	    "address has bits beyond its length: '10.1.2.3/8'; legal: 10.0.0.0/8");
	check_refused("net ~2001:db8::1/64~",
	    "address has bits beyond its length: '2001:db8::1/64'; legal: 2001:db8::/64");
	check_refused(
	    "net ~0.0.0.1/0~", "address has bits beyond its length: '0.0.0.1/0'; legal: 0.0.0.0/0");
}
END_TEST

START_TEST(a_fault_in_a_number_is_named_with_what_is_legal)
{
	check_refused("port ~70000~", "no port: '70000'; legal: 0 to 65535");
	check_refused("port ~http~", "no port: 'http'; legal: 0 to 65535");
	check_refused("port ~-1~", "no port: '-1'; legal: 0 to 65535");
	check_refused("port~~", "missing a port");
	check_refused(
	    "portrange ~9-2~", "no range of ports: '9-2'; legal: FIRST-LAST, both 0 to 65535");
	check_refused(
	    "portrange ~80~", "no range of ports: '80'; legal: FIRST-LAST, both 0 to 65535");
	check_refused("portrange ~1-65536~",
	    "no range of ports: '1-65536'; legal: FIRST-LAST, both 0 to 65535");
	check_refused("portrange~~", "missing a range of ports");
	check_refused("packets ~10~", "missing an operator before: '10'; legal: = != < <= > >=");
	check_refused("packets~~", "missing an operator; legal: = != < <= > >=");
	check_refused("packets > ~x~", "no number: 'x'; legal: 0 to 9223372036854775807");
	check_refused("packets > ~9223372036854775808~",
	    "no number: '9223372036854775808'; legal: 0 to 9223372036854775807");
	check_refused("packets >~~", "missing a number");
	check_refused("packets > ~>~ 1", "missing a number before: '>'");
	check_refused("vlan=~4096~", "no number: '4096'; legal: 0 to 4095");
	check_refused("client_port=~65536~", "no number: '65536'; legal: 0 to 65535");
	check_refused("parts=~4294967296~", "no number: '4294967296'; legal: 0 to 4294967295");
}
END_TEST

START_TEST(a_fault_in_a_size_or_a_duration_is_named)
{
	check_refused("bytes > ~10q~", "no size: '10q'; legal: 100, 10k, 1MiB; below 2^63 bytes");
	check_refused("bytes > ~9223372036854775808~",
	    "no size: '9223372036854775808'; legal: 100, 10k, 1MiB; below 2^63 bytes");
	check_refused("bytes >~~", "missing a size");
	check_refused("bytes > 10 ~k~", "missing 'and' or 'or' before: 'k'");
	check_refused(
	    "duration > ~5x~", "no duration: '5x'; legal: 5s, 250ms, 1h30m; below 2^63 ns");
	check_refused(
	    "duration > ~-5s~", "no duration: '-5s'; legal: 5s, 250ms, 1h30m; below 2^63 ns");
	check_refused("duration >~~", "missing a duration");
}
END_TEST

START_TEST(a_fault_in_a_word_is_named_with_what_is_legal)
{
	check_refused(
	    "proto ~tpc~", "no protocol: 'tpc'; legal: tcp, udp, icmp, icmp6, sctp, 0 to 255");
	check_refused(
	    "proto ~256~", "no protocol: '256'; legal: tcp, udp, icmp, icmp6, sctp, 0 to 255");
	check_refused("proto~~", "missing a protocol");
	check_refused("proto ~<~ 6", "missing a protocol before: '<'");
	check_refused("end_reason ~done~", "no end reason: 'done'; legal: fin, rst, idle, reused, "
					   "evicted, eof, stop, crash, continued");
	check_refused("end_reason =~~", "missing an end reason");
	check_refused("uuid_source ~me~", "no source of UUIDs: 'me'; legal: generated, event");
	check_refused("uuid_source~~", "missing a source of UUIDs");
	check_refused("interface~~", "missing an interface");
	check_refused(
	    "interface ~0123456789012345678901234567890123456789012345678901234567890123~",
	    "no interface: '0123456789012345678901234567890123456789...'; legal: 1 to 63 bytes");
	check_refused("uuid ~.x~",
	    "no UUID begins so: '.x'; legal: 1 to 128 characters of A-Z a-z 0-9 . _ -");
	check_refused("uuid ~x/y~",
	    "no UUID begins so: 'x/y'; legal: 1 to 128 characters of A-Z a-z 0-9 . _ -");
	check_refused("uuid~~", "missing the beginning of a UUID");
}
END_TEST

#define LEGAL_TIMES "; legal: 2026-01-02, 2026-01-02T03:04:05Z, now, 3h ago"
#define LEGAL_DATES "; legal: dates of 1678 to 2261, 00:00:00 to 23:59:59"

START_TEST(a_fault_in_a_time_is_named)
{
	check_refused("after ~yesterday~", "no time: 'yesterday'" LEGAL_TIMES);
	check_refused("after ~2026~", "no time: '2026'" LEGAL_TIMES);
	check_refused("after ~2026-01-02T03:04:05~", "no time: '2026-01-02T03:04:05'" LEGAL_TIMES);
	check_refused("after ~2026-01-02T03:04Z~", "no time: '2026-01-02T03:04Z'" LEGAL_TIMES);
	check_refused(
	    "after ~2026-01-02T03:04:05.Z~", "no time: '2026-01-02T03:04:05.Z'" LEGAL_TIMES);
	check_refused("after ~2026-01-02T03:04:05.1234567890Z~",
	    "no time: '2026-01-02T03:04:05.1234567890Z'" LEGAL_TIMES);
	check_refused(
	    "after ~2026-01-02T03:04:05+01~", "no time: '2026-01-02T03:04:05+01'" LEGAL_TIMES);
	check_refused("after ~2026-01-02T03:04:05+01:00x~",
	    "no time: '2026-01-02T03:04:05+01:00x'" LEGAL_TIMES);
	check_refused("before ~2026-1-2~", "no time: '2026-1-2'" LEGAL_TIMES);
	check_refused("before ~2026-02-30~ or tcp", "no such time: '2026-02-30'" LEGAL_DATES);
	check_refused(
	    "before ~2026-01-02T24:00:00Z~", "no such time: '2026-01-02T24:00:00Z'" LEGAL_DATES);
	check_refused(
	    "before ~2026-01-02T03:60:00Z~", "no such time: '2026-01-02T03:60:00Z'" LEGAL_DATES);
	check_refused("before ~2026-01-02T03:04:05+24:00~",
	    "no such time: '2026-01-02T03:04:05+24:00'" LEGAL_DATES);
	check_refused("before ~1677-01-01~", "no such time: '1677-01-01'" LEGAL_DATES);
	check_refused("before ~2262-12-31~", "no such time: '2262-12-31'" LEGAL_DATES);
	check_refused("after 3h~~", "missing 'ago'");
	check_refused("after 3h ~and~ tcp", "missing 'ago' before: 'and'");
	check_refused("after ~9999999999d~ ago", "too long ago: '9999999999d'");
	check_refused("after~~", "missing a time");
	check_refused("after ~(~", "missing a time before: '('");
}
END_TEST

START_TEST(what_is_missing_is_named_where_it_should_stand)
{
	check_refused("tcp and~~", "missing a term");
	check_refused("tcp and  ~~", "missing a term");
	check_refused("not~~", "missing a term");
	check_refused("(tcp~~", "missing ')'");
	check_refused("(tcp ~udp~)", "missing 'and', 'or' or ')' before: 'udp'");
	check_refused("tcp~)~", "no '(' before: ')'");
	check_refused("tcp ~port~ 80", "missing 'and' or 'or' before: 'port'");
	check_refused("tcp ~AND~ udp", "missing 'and' or 'or' before: 'AND'");
	check_refused("tcp and ~)~", "missing a term before: ')'");
	check_refused("~or~ tcp", "missing a term before: 'or'");
	check_refused("tcp and ~and~ udp", "missing a term before: 'and'");
	check_refused("(~)~", "missing a term before: ')'");
	check_refused("~=~ 5", "missing a term before: '='");
	check_refused("tcp ~==~ 5", "missing 'and' or 'or' before: '=='");
	check_refused("~&~ tcp", "unknown sign: '&'; legal: && || ! and, or, not");
}
END_TEST

START_TEST(an_unknown_word_is_named_with_what_it_may_have_been)
{
	check_refused("~frob~ 1", "unknown word: 'frob'");
	check_refused("tcp and (~hosts~ 1)", "unknown word: 'hosts'");
	check_refused("~HOST~ 1.2.3.4", "unknown word: 'HOST'; legal: host");
	check_refused("~192.0.2.1~", "unknown word: '192.0.2.1'; legal: host ADDRESS");
	check_refused("~2001:db8::1~", "unknown word: '2001:db8::1'; legal: host ADDRESS");
	check_refused("~\x1b[31m\xff~", "unknown word: '\\x1b[31m\\xff'");
}
END_TEST

/* A word again and again, then another text. */
static char *repeated(const char *word, unsigned times, const char *last)
{
	size_t length = strlen(word);
	char *text = malloc(length * times + strlen(last) + 1);

	ck_assert_ptr_nonnull(text);
	for (unsigned i = 0; i < times; i++)
		memcpy(text + i * length, word, length);
	strcpy(text + length * times, last);
	return text;
}

static void check_limit(const char *word, unsigned times, const char *last, int wanted)
{
	char *text = repeated(word, times, last);
	int rv = result(text);

	ck_assert_msg(rv == wanted, "%u times '%s': %d %s", times, word, rv, error.text);
	free(text);
}

START_TEST(nesting_has_a_limit)
{
	check_limit("!", EXPR_MAX_DEPTH, "tcp", 0);
	check_limit("!", EXPR_MAX_DEPTH + 1, "tcp", -EINVAL);
	ck_assert_str_eq(
	    error.text, "nested too deep: '!'; legal: up to 100 parentheses and negations");
	ck_assert_uint_eq(error.at, EXPR_MAX_DEPTH);
	check_limit("not ", EXPR_MAX_DEPTH, "tcp", 0);
	check_limit("not ", EXPR_MAX_DEPTH + 1, "tcp", -EINVAL);
	check_limit("(", EXPR_MAX_DEPTH + 1, "tcp", -EINVAL);
	ck_assert_uint_eq(error.at, EXPR_MAX_DEPTH);
	check_limit("tcp or !(", EXPR_MAX_DEPTH / 2 + 1, "tcp", -EINVAL);
	ck_assert_str_eq(
	    error.text, "nested too deep: '!'; legal: up to 100 parentheses and negations");
	check_limit("(", 60000, "", -EINVAL);
	check_limit("!", 60000, "", -EINVAL);
	check_limit("(((((tcp))))) and ", 300, "udp", 0); /* side by side is not deep */
	check_limit("not not (tcp) or ", 300, "udp", 0);
}
END_TEST

START_TEST(the_number_of_terms_has_a_limit)
{
	check_limit("tcp or ", EXPR_MAX_TERMS - 1, "tcp", 0);
	check_limit("tcp or ", EXPR_MAX_TERMS, "tcp", -EINVAL);
	ck_assert_str_eq(error.text, "too many terms: 'tcp'; legal: up to 1000");
	ck_assert_uint_eq(error.at, 7 * EXPR_MAX_TERMS);
}
END_TEST

START_TEST(the_length_has_a_limit)
{
	check_limit(" ", EXPR_MAX_BYTES - 3, "tcp", 0);
	check_limit(" ", EXPR_MAX_BYTES - 2, "tcp", -EINVAL);
	ck_assert_str_eq(error.text, "too long; legal: up to 65536 bytes");
	ck_assert_uint_eq(error.at, EXPR_MAX_BYTES);
	ck_assert_uint_eq(error.length, 0);
	check_limit("x", EXPR_MAX_BYTES, "", -EINVAL); /* one long word */
	ck_assert_uint_eq(error.length, EXPR_MAX_BYTES);
	ck_assert_str_eq(error.text, "unknown word: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'");
}
END_TEST

/* Whatever comes, the complaint lies within the text, and can be printed. */
static void check_sane(const char *text)
{
	size_t length = strlen(text);

	if (result(text) == 0)
		return;
	quick_assert(error.at <= length && error.length <= length - error.at);
	quick_assert(error.length > 0 || error.at == length || text[error.at - 1] == '/');
	quick_assert(memchr(error.text, '\0', sizeof(error.text)) != NULL);
	quick_assert(error.text[0] != '\0');
	for (const char *p = error.text; *p; p++)
		quick_assert(*p >= ' ' && *p <= '~');
}

START_TEST(any_cut_of_an_expression_is_taken_or_refused_within_it)
{
	static const char whole[] =
	    "not (src net 10.0.0.0/8 or client 2001:db8::1) and portrange 1-1024 && after 3h ago "
	    "and "
	    "before 2026-01-02T03:04:05.123456789+01:00 || !(bytes>=10k and duration<1h30m) or "
	    "end_reason!=fin and uuid 3f2a0000-0000 and proto icmp6 and interface == eth0";
	char text[sizeof(whole)];

	check_taken(whole);
	for (size_t to = 0; to < sizeof(whole); to++) {
		memcpy(text, whole, to);
		text[to] = '\0';
		check_sane(text);
		check_sane(whole + to);
	}
}
END_TEST

START_TEST(any_bytes_are_taken_or_refused_within_them)
{
	static const char alphabet[] = "()!&|=<> \t-./:09atnodrhspu\x01\x7f\x80\xff";
	struct random r = {20260102};
	char text[64];

	for (int i = 0; i < 20000; i++) {
		size_t length = random_below(&r, sizeof(text));

		for (size_t j = 0; j < length; j++)
			text[j] = i % 2 == 0 ? (char)(1 + random_below(&r, 255))
					     : alphabet[random_below(&r, sizeof(alphabet) - 1)];
		text[length] = '\0';
		check_sane(text);
	}
}
END_TEST

START_TEST(any_words_are_taken_or_refused_within_them)
{
	struct random r = {4711};
	char text[8 * EXPRRIG_TERM_SIZE], term[EXPRRIG_TERM_SIZE];
	int taken = 0;

	for (int i = 0; i < 20000; i++) {
		static const char *const glue[] = {
		    " and ", " or ", " ", "(", ")", " not ", "!", "||"};
		size_t n = 0;

		for (uint64_t j = random_below(&r, 4); j < 4; j++) {
			exprrig_random_term(&r, term);
			if (random_below(&r, 4) == 0)
				term[random_below(&r, strlen(term))] =
				    (char)(1 + random_below(&r, 255));
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", term,
			    glue[random_below(&r, sizeof(glue) / sizeof(glue[0]))]);
		}
		text[n] = '\0';
		check_sane(text);
		taken += result(text) == 0;
	}
	ck_assert_int_gt(taken, 100);
}
END_TEST

/* ---- times and windows ---- */

static void check_window(const char *text, int64_t from_ns, int64_t to_ns)
{
	struct expr *e = exprrig_parse(text);
	int64_t from = 1, to = 2;

	expr_window(e, &from, &to);
	ck_assert_msg(from == from_ns && to == to_ns, "'%s': %lld to %lld", text, (long long)from,
	    (long long)to);
	expr_free(e);
}

static void check_time(const char *text, int64_t ns)
{
	char whole[128];

	(void)snprintf(whole, sizeof(whole), "after %s", text);
	check_window(whole, ns, INT64_MAX);
}

START_TEST(times_are_read_to_the_nanosecond)
{
	check_time("1970-01-01", 0);
	check_time("1970-01-01T00:00:00Z", 0);
	check_time("2026-01-02T03:04:05Z", EXPRRIG_NOW);
	check_time("2026-01-02t03:04:05z", EXPRRIG_NOW);
	check_time("2026-01-02T03:04:05.123456789Z", EXPRRIG_NOW + 123456789);
	check_time("2026-01-02T03:04:05.5Z", EXPRRIG_NOW + 500000000);
	check_time("2026-01-02T03:04:05.000000001Z", EXPRRIG_NOW + 1);
	check_time("2026-01-02T04:04:05+01:00", EXPRRIG_NOW);
	check_time("2026-01-01T21:34:05-05:30", EXPRRIG_NOW);
	check_time("2026-01-02T03:04:05-00:00", EXPRRIG_NOW);
	check_time("2016-12-31T23:59:60Z", INT64_C(1483228800) * CLK_SECOND_NS);
	check_time("1969-12-31T23:59:59.999999999Z", -1);
	check_time("2024-02-29", INT64_C(1709164800) * CLK_SECOND_NS);
	check_time("1678-01-01", INT64_C(-9214560000) * CLK_SECOND_NS);
	check_time("1677-09-21T00:12:43.145224192Z", INT64_MIN);
	check_time("2262-04-11T23:47:16.854775807Z", INT64_MAX);
	check_time("now", EXPRRIG_NOW);
	check_time("90s ago", EXPRRIG_NOW - 90 * CLK_SECOND_NS);
	check_time("1h30m ago", EXPRRIG_NOW - 5400 * CLK_SECOND_NS);
	check_time("1 ago", EXPRRIG_NOW - CLK_SECOND_NS);
	check_time("1ns ago", EXPRRIG_NOW - 1);
	ck_assert_int_eq(result("after 2262-04-11T23:47:16.854775808Z"), -EINVAL);
	ck_assert_int_eq(result("after 1677-09-21T00:12:43.145224191Z"), -EINVAL);
}
END_TEST

START_TEST(ago_never_wraps)
{
	struct expr *e = NULL;

	ck_assert_int_eq(parse("after 106751d ago", -CLK_DAY_NS, &e), -EINVAL);
	ck_assert_str_eq(error.text, "too long ago: '106751d'");
	ck_assert_int_eq(parse("after 106751d ago", 0, &e), 0);
	expr_free(e);
}
END_TEST

START_TEST(a_window_holds_every_flow_that_matches)
{
	const int64_t none = INT64_MIN, ever = INT64_MAX, now = EXPRRIG_NOW, s = CLK_SECOND_NS;

	check_window("", none, ever);
	check_window("tcp", none, ever);
	check_window("after now", now, ever);
	check_window("before now", none, now);
	check_window("after 5s ago and before now", now - 5 * s, now);
	check_window("after 5s ago and tcp and after 3s ago", now - 3 * s, ever);
	check_window("before 5s ago and before 3s ago", none, now - 5 * s);
	check_window("after 5s ago or after 3s ago", now - 5 * s, ever);
	check_window("before 5s ago or before 3s ago", none, now - 3 * s);
	check_window("after 5s ago or tcp", none, ever);
	check_window("after 5s ago or before now", none, ever);
	check_window("(after 5s ago and tcp) or (after 3s ago and before now)", now - 5 * s, ever);
	check_window("not after now", none, ever); /* its first packet may be later */
	check_window("not before now", none, ever);
	check_window("not (not after 5s ago or tcp)", now - 5 * s, ever);
	check_window("not not before now", none, now);
	check_window("duration > 5s", none, ever);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/expr");
	TCase *t = tcase_create("expr");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_kind_of_term_is_taken);
	tcase_add_test(t, every_end_reason_is_taken);
	tcase_add_test(t, a_fault_in_an_address_is_named_in_its_place);
	tcase_add_test(t, a_fault_in_a_number_is_named_with_what_is_legal);
	tcase_add_test(t, a_fault_in_a_size_or_a_duration_is_named);
	tcase_add_test(t, a_fault_in_a_word_is_named_with_what_is_legal);
	tcase_add_test(t, a_fault_in_a_time_is_named);
	tcase_add_test(t, what_is_missing_is_named_where_it_should_stand);
	tcase_add_test(t, an_unknown_word_is_named_with_what_it_may_have_been);
	tcase_add_test(t, nesting_has_a_limit);
	tcase_add_test(t, the_number_of_terms_has_a_limit);
	tcase_add_test(t, the_length_has_a_limit);
	tcase_add_test(t, any_cut_of_an_expression_is_taken_or_refused_within_it);
	tcase_add_test(t, any_bytes_are_taken_or_refused_within_them);
	tcase_add_test(t, any_words_are_taken_or_refused_within_them);
	tcase_add_test(t, times_are_read_to_the_nanosecond);
	tcase_add_test(t, ago_never_wraps);
	tcase_add_test(t, a_window_holds_every_flow_that_matches);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
