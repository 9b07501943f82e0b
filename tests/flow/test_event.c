/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the event line: what tcp-info writes is read with all its oddities, gives the key that
 * the packets of the connection give, and nothing that anybody could write does harm.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/event.h"
#include "flow/frame.h"
#include "packet/decode.h"
#include "support/quick.h"
#include "support/random.h"

#define OPEN                                                                                   \
	"{\"Event\":0,\"Timestamp\":\"2024-03-04T05:06:07.12Z\","                              \
	"\"UUID\":\"host_1700000000_00000000000084FF\",\"ID\":{\"SPort\":443,\"DPort\":51000," \
	"\"SrcIP\":\"10.1.2.3\",\"DstIP\":\"2001:db8::1\",\"Interface\":33554432,"             \
	"\"Cookie\":34047}}"
#define CLOSE                                                         \
	"{\"Event\":1,\"Timestamp\":\"2024-03-04T07:06:07.5+02:00\"," \
	"\"UUID\":\"host_1700000000_00000000000084FF\",\"ID\":null}"

/* An open whose ID has these members, and one between these two addresses. */
#define WITH_ID(members)        "{\"Event\":0,\"UUID\":\"u\",\"ID\":{" members "}}"
#define ADDRESSES               "\"SrcIP\":\"192.0.2.1\",\"DstIP\":\"198.51.100.7\""
#define BETWEEN(source, target) WITH_ID("\"SrcIP\":\"" source "\",\"DstIP\":\"" target "\"")

/*
 * Parse from memory that ends where the line ends, so that ASan sees one byte too far. A fault
 * leaves the event as it was.
 */
static enum event_fault parse_bytes(const void *line, size_t len, struct event *e)
{
	struct event before;
	enum event_fault fault;
	char *copy = malloc(len > 0 ? len : 1);

	quick_assert(copy != NULL);
	if (len > 0)
		memcpy(copy, line, len);
	memset(e, 0xa5, sizeof(*e));
	before = *e;
	fault = event_parse(copy, len, e);
	if (fault == EVENT_FINE)
		quick_assert(layout_uuid_valid(e->uuid));
	else
		quick_assert(memcmp(e, &before, sizeof(before)) == 0);
	free(copy);
	return fault;
}

static enum event_fault parse(const char *line, struct event *e)
{
	return parse_bytes(line, strlen(line), e);
}

static void check_end(const struct event *e, enum side side, const char *address, uint16_t port)
{
	char text[46];

	ck_assert_str_eq(flowkey_addr_text(&e->key, side, text), address);
	ck_assert_uint_eq(e->key.port[side], port);
}

START_TEST(an_open_names_a_connection)
{
	struct event e;

	ck_assert_int_eq(parse(OPEN, &e), EVENT_FINE);
	ck_assert_int_eq(e.kind, EVENT_OPEN);
	ck_assert_int_eq(e.ts_ns, INT64_C(1709528767120000000)); /* date -ud ... +%s */
	ck_assert_str_eq(e.uuid, "host_1700000000_00000000000084FF");
	ck_assert_uint_eq(e.key.family, 6);
	ck_assert_uint_eq(e.key.proto, DECODE_TCP);
	ck_assert_uint_eq(e.key.linktype, 0);
	ck_assert_uint_eq(e.key.vlan[0], 0);
	ck_assert_uint_eq(e.key.vlan[1], 0);
	check_end(&e, SIDE_LOW, "a01:203::", 443); /* a misprint beside IPv6: 10.1.2.3, zeros */
	check_end(&e, SIDE_HIGH, "2001:db8::1", 51000);
}
END_TEST

START_TEST(a_close_needs_only_its_uuid)
{
	struct flowkey none = {0};
	struct event e;

	ck_assert_int_eq(parse(CLOSE, &e), EVENT_FINE);
	ck_assert_int_eq(e.kind, EVENT_CLOSE);
	ck_assert_int_eq(e.ts_ns, INT64_C(1709528767500000000));
	ck_assert_str_eq(e.uuid, "host_1700000000_00000000000084FF");
	ck_assert(flowkey_equal(&e.key, &none));
	ck_assert_int_eq(parse("{\"Event\":1,\"UUID\":\"x\"}", &e), EVENT_FINE);
	ck_assert_int_eq(e.ts_ns, 0);
	ck_assert_int_eq(parse("{\"Event\":1,\"UUID\":\"x\",\"ID\":[70000]}", &e), EVENT_FINE);
	ck_assert_int_eq(e.kind, EVENT_CLOSE);
}
END_TEST

/* The key of a packet of c, as the demux makes it. */
static struct flowkey packet_key(const struct conn *c, enum end from)
{
	static uint8_t bytes[FRAME_MAX_BYTES];
	struct frame f = {.conn = c, .from = from, .tcp_flags = SYN};
	struct packet p = {.data = bytes, .linktype = FRAME_ETHERNET};
	struct decoded d;
	struct flowkey k;

	p.caplen = p.origlen = frame_make(&f, 1, bytes);
	ck_assert_int_eq(decode_packet(&p, &d), DECODE_OK);
	(void)flowkey_make(&d, 0, VLAN_KEY_NO, &k);
	return k;
}

/* What a server writes of c, seen from one of its ends. */
static struct flowkey event_key(const struct conn *c, enum end from, int family, const char *before)
{
	char text[2][64], line[512];
	uint8_t address[16];
	struct event e;

	for (int i = 0; i < 2; i++) {
		char *at = stpcpy(text[i], before);

		frame_address(c, (enum end)i, address);
		ck_assert_ptr_nonnull(inet_ntop(family, address, at, 46));
	}
	(void)snprintf(line, sizeof(line),
	    "{\"UUID\":\"u\",\"ID\":{\"SPort\":%u,\"DPort\":%u,\"SrcIP\":\"%s\",\"DstIP\":\"%s\"}}",
	    c->port[from], c->port[!from], text[from], text[!from]);
	ck_assert_int_eq(parse(line, &e), EVENT_FINE);
	return e.key;
}

/* _i: which of the ports is the higher, which of the hosts, or one host for both */
START_TEST(an_event_has_the_key_of_the_packets_in_both_directions)
{
	static const struct {
		uint8_t family;
		int text;
		const char *before;
	} forms[] = {{4, AF_INET, ""}, {6, AF_INET6, ""}, {64, AF_INET, ""},
	    {64, AF_INET, "::ffff:"}, {4, AF_INET, "::FFFF:"}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct conn c = {.family = forms[i].family,
		    .host = {_i & 1 ? 9 : 7, _i & 2 ? 7 : 9},
		    .port = {_i & 4 ? 443 : 50000, 8080}};
		struct flowkey there = packet_key(&c, A), back = packet_key(&c, B);
		struct flowkey local = event_key(&c, A, forms[i].text, forms[i].before);
		struct flowkey remote = event_key(&c, B, forms[i].text, forms[i].before);

		ck_assert(flowkey_equal(&there, &back));
		ck_assert_msg(flowkey_equal(&there, &local), "form %zu", i);
		ck_assert_msg(flowkey_equal(&there, &remote), "form %zu", i);
	}
}
END_TEST

/* _i: index of the pair */
START_TEST(addresses_are_folded_as_those_of_packets_are)
{
	static const struct {
		const char *line;
		uint8_t family;
		const char *low, *high;
	} pairs[] = {
	    {BETWEEN("192.0.2.1", "10.0.0.1"), 4, "10.0.0.1", "192.0.2.1"},
	    {BETWEEN("::ffff:192.0.2.1", "10.0.0.1"), 4, "10.0.0.1", "192.0.2.1"},
	    {BETWEEN("192.0.2.1", "::ffff:a00:1"), 4, "10.0.0.1", "192.0.2.1"},
	    {BETWEEN("0:0:0:0:0:FFFF:c000:0201", "::ffff:10.0.0.1"), 4, "10.0.0.1", "192.0.2.1"},
	    {BETWEEN("::1", "::1"), 6, "::1", "::1"},
	    {BETWEEN("2001:0DB8:0:0:0:0:0:1", "::"), 6, "::", "2001:db8::1"},
	    /* compatible, translated and 6to4 addresses are not mapped ones */
	    {BETWEEN("::192.0.2.1", "64:ff9b::192.0.2.1"), 6, "::192.0.2.1", "64:ff9b::c000:201"},
	    {BETWEEN("2002:c000:201::1", "::ffff:0:0:1"), 6, "::ffff:0:0:1", "2002:c000:201::1"},
	    /* one end mapped, the other not: decode_packet leaves that as it is */
	    {BETWEEN("::ffff:10.0.0.1", "2001:db8::1"), 6, "::ffff:10.0.0.1", "2001:db8::1"},
	    /* 2001:db8:: misprinted */
	    {BETWEEN("2001:db8::7", "32.1.13.184"), 6, "2001:db8::", "2001:db8::7"},
	};
	struct event e;

	ck_assert_int_eq(_i < (int)(sizeof(pairs) / sizeof(pairs[0])), 1);
	ck_assert_int_eq(parse(pairs[_i].line, &e), EVENT_FINE);
	ck_assert_uint_eq(e.key.family, pairs[_i].family);
	check_end(&e, SIDE_LOW, pairs[_i].low, 0);
	check_end(&e, SIDE_HIGH, pairs[_i].high, 0);
}
END_TEST

START_TEST(oddities_of_the_producer_are_no_fault)
{
	static const char *const lines[] = {
	    WITH_ID(ADDRESSES ",\"Cookie\":-1"),
	    WITH_ID(ADDRESSES ",\"Cookie\":-9223372036854775808"),
	    WITH_ID(ADDRESSES ",\"Cookie\":9007199254740993"),
	    WITH_ID(ADDRESSES ",\"Cookie\":9223372036854775808"),
	    WITH_ID(ADDRESSES ",\"Cookie\":18446744073709551615"),
	    WITH_ID(ADDRESSES ",\"Cookie\":99999999999999999999999999999999999999999"),
	    WITH_ID(ADDRESSES ",\"Cookie\":\"12AB\",\"Interface\":{}"),
	    WITH_ID(ADDRESSES ",\"Interface\":4294967295"),
	    WITH_ID(ADDRESSES ",\"SPort\":0,\"DPort\":65535"),
	    WITH_ID(ADDRESSES ",\"SPort\":null"),
	    WITH_ID(ADDRESSES ",\"SPort\":443.0,\"DPort\":1e3"),
	    WITH_ID("\"srcip\":\"192.0.2.1\",\"DSTIP\":\"198.51.100.7\",\"sPoRT\":1"),
	    WITH_ID("\"SrcIP\":\"192.0.2.1\",\"\\u0044stIP\":\"198.51.100.7\""),
	    "{\"EVENT\":0,\"uuid\":\"u\",\"iD\":{" ADDRESSES "}}",
	    "{\"Event\":null,\"UUID\":\"u\",\"ID\":{" ADDRESSES "}}",
	    "{\"UUID\":\"u\",\"ID\":{" ADDRESSES "}}",
	    "{\"ID\":{" ADDRESSES "},\"UUID\":\"u\",\"Event\":0}",
	    "{\"UUID\":\"u\",\"V\":[1,{\"UUID\":\"../x\"}],\"\":0,\"ID\":{\"x\":{}," ADDRESSES "}}",
	    "{\"UUID\":\"u\",\"ID\":{" ADDRESSES "},\"Huge\":18446744073709551616}",
	    "{\"UUID\":\"u\",\"Event\":1,\"Event\":0,\"ID\":null,\"ID\":{" ADDRESSES "}}",
	    "{\"UUID\":\"..\",\"Event\":1,\"UUID\":\"u\",\"event\":0,\"ID\":{" ADDRESSES "}}",
	    " \t{\"UUID\" : \"u\", \"ID\": {" ADDRESSES "} }\r",
	    "{\"UUID\":\"\\u0075\",\"ID\":{" ADDRESSES "}}",
	};
	struct event e;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ck_assert_msg(parse(lines[i], &e) == EVENT_FINE, "%s", lines[i]);
		ck_assert_int_eq(e.kind, EVENT_OPEN);
		ck_assert_str_eq(e.uuid, "u");
		ck_assert_uint_eq(e.key.family, 4);
		ck_assert_uint_eq(e.key.addr[SIDE_LOW][0], 192);
		ck_assert_uint_eq(e.key.addr[SIDE_HIGH][0], 198);
	}
}
END_TEST

START_TEST(ports_that_are_null_or_missing_are_0_and_others_are_kept)
{
	struct event e;

	ck_assert_int_eq(parse(WITH_ID(ADDRESSES ",\"SPort\":null"), &e), EVENT_FINE);
	ck_assert_uint_eq(e.key.port[SIDE_LOW], 0);
	ck_assert_uint_eq(e.key.port[SIDE_HIGH], 0);
	ck_assert_int_eq(
	    parse(WITH_ID(ADDRESSES ",\"DPort\":65535,\"sport\":443.0"), &e), EVENT_FINE);
	ck_assert_uint_eq(e.key.port[SIDE_LOW], 443);
	ck_assert_uint_eq(e.key.port[SIDE_HIGH], 65535);
}
END_TEST

static const struct {
	enum event_fault fault;
	const char *line;
} faults[] = {
    {EVENT_BLANK, ""},
    {EVENT_BLANK, " "},
    {EVENT_BLANK, "\r"},
    {EVENT_BLANK, " \t \r\n"},
    {EVENT_MALFORMED, "\v"},
    {EVENT_MALFORMED, "hello"},
    {EVENT_MALFORMED, "null"},
    {EVENT_MALFORMED, "0"},
    {EVENT_MALFORMED, "\"Event\""},
    {EVENT_MALFORMED, "[]"},
    {EVENT_MALFORMED, "[" CLOSE "]"},
    {EVENT_MALFORMED, CLOSE "x"},
    {EVENT_MALFORMED, CLOSE "}"},
    {EVENT_MALFORMED, CLOSE CLOSE},
    {EVENT_MALFORMED, CLOSE "\n" CLOSE},
    {EVENT_MALFORMED, "\xef\xbb\xbf" CLOSE},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"u\",}"},
    {EVENT_MALFORMED, "{'Event':1,'UUID':'u'}"},
    {EVENT_MALFORMED, "{\"Event\":01,\"UUID\":\"u\"}"},
    {EVENT_MALFORMED, "{\"Event\":\"1\",\"UUID\":\"u\"}"},
    {EVENT_MALFORMED, "{\"Event\":true,\"UUID\":\"u\"}"},
    {EVENT_MALFORMED, "{\"Event\":[],\"UUID\":\"u\"}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":7}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":[\"u\"]}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"u\\u0000\"}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"u\",\"a\\u0000b\":1}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"u\\ud800\"}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"\xff\xfe\"}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"\xc0\xaf\"}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"u\",\"\xe2\x82\":0}"},
    {EVENT_MALFORMED, "{\"Event\":1,\"UUID\":\"a\tb\"}"},
    {EVENT_MALFORMED, "{\"UUID\":\"u\",\"ID\":[]}"},
    {EVENT_MALFORMED, "{\"UUID\":\"u\",\"ID\":\"192.0.2.1\"}"},
    {EVENT_MALFORMED, "{\"UUID\":\"u\",\"ID\":false}"},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"SPort\":65536")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":70000")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":-1")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":0.5")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":65535.01")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":18446744073709551616")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":1e300")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"DPort\":\"80\"")},
    {EVENT_MALFORMED, WITH_ID(ADDRESSES ",\"SPort\":{}")},
    {EVENT_MALFORMED, BETWEEN("192.0.2", "192.0.2.1")},
    {EVENT_MALFORMED, BETWEEN("192.0.2.256", "192.0.2.1")},
    {EVENT_MALFORMED, BETWEEN("192.0.2.1 ", "192.0.2.1")},
    {EVENT_MALFORMED, BETWEEN("192.0.2.1", "2001:db8:::1")},
    {EVENT_MALFORMED, BETWEEN("192.0.2.1", "localhost")},
    {EVENT_MALFORMED, BETWEEN("192.0.2.1", "1:2:3:4:5:6:7:8:9")},
    {EVENT_MALFORMED, WITH_ID("\"SrcIP\":3221225985,\"DstIP\":\"192.0.2.1\"")},
    {EVENT_UNKNOWN, "{\"Event\":2}"},
    {EVENT_UNKNOWN, "{\"Event\":2,\"UUID\":\"u\",\"ID\":null}"},
    {EVENT_UNKNOWN, "{\"Event\":-1,\"UUID\":\"u\"}"},
    {EVENT_UNKNOWN, "{\"Event\":0.5,\"UUID\":\"u\"}"},
    {EVENT_UNKNOWN, "{\"Event\":4294967296,\"UUID\":\"u\"}"},
    {EVENT_UNKNOWN, "{\"Event\":4294967297,\"UUID\":\"u\"}"},
    {EVENT_UNKNOWN, "{\"Event\":18446744073709551617,\"UUID\":\"u\"}"},
    {EVENT_BAD_UUID, "{}"},
    {EVENT_BAD_UUID, "{\"Event\":1}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":null}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a\\u003cb\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a\\u0026b\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a<b\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a\xef\xbf\xbd\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a\\ufffd\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"../../../etc/passwd\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a\\/b\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"prefix\\n_00\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\".hidden\"}"},
    {EVENT_BAD_UUID, "{\"Event\":1,\"UUID\":\"a~1\"}"},
    {EVENT_BAD_UUID, "{\"Event\":0,\"UUID\":\"a b\",\"ID\":{" ADDRESSES "}}"},
    {EVENT_NO_TUPLE, "{\"UUID\":\"u\"}"},
    {EVENT_NO_TUPLE, "{\"UUID\":\"u\",\"ID\":null}"},
    {EVENT_NO_TUPLE, WITH_ID("")},
    {EVENT_NO_TUPLE, WITH_ID("\"SPort\":1,\"DPort\":2")},
    {EVENT_NO_TUPLE, WITH_ID("\"SrcIP\":\"192.0.2.1\"")},
    {EVENT_NO_TUPLE, WITH_ID("\"DstIP\":\"192.0.2.1\"")},
    {EVENT_NO_TUPLE, WITH_ID("\"SrcIP\":null,\"DstIP\":\"192.0.2.1\"")},
    {EVENT_NO_TUPLE, BETWEEN("192.0.2.1", "")},
};
#define FAULTS ((int)(sizeof(faults) / sizeof(faults[0])))

START_TEST(every_fault_has_its_name)
{
	struct event e;
	enum event_fault fault = parse(faults[_i].line, &e);

	ck_assert_msg(fault == faults[_i].fault, "%d of %s", fault, faults[_i].line);
}
END_TEST

static const struct {
	const char *text;
	int64_t ns;
} times[] = {
    /* the seconds are those of date -ud TEXT +%s */
    {"2026-01-02T03:04:05.123456789Z", INT64_C(1767323045123456789)},
    {"2026-01-02T03:04:05Z", INT64_C(1767323045000000000)},
    {"2026-01-02t03:04:05z", INT64_C(1767323045000000000)},
    {"2026-01-02T03:04:05.1Z", INT64_C(1767323045100000000)},
    {"2026-01-02T03:04:05.000000001Z", INT64_C(1767323045000000001)},
    {"2026-01-02T03:04:05+00:00", INT64_C(1767323045000000000)},
    {"2026-01-02T03:04:05-00:00", INT64_C(1767323045000000000)},
    {"2026-01-02T05:34:05+02:30", INT64_C(1767323045000000000)},
    {"2026-01-01T19:04:05-08:00", INT64_C(1767323045000000000)},
    {"2026-01-03T03:03:05.9+23:59", INT64_C(1767323045900000000)},
    {"2024-02-29T23:59:59.999999999Z", INT64_C(1709251199999999999)},
    {"1970-01-01T00:00:00.000000001Z", 1},
    {"1969-12-31T23:59:59-00:01", INT64_C(59000000000)},
    {"2262-04-11T23:47:15.999999999Z", INT64_C(9223372035999999999)},
    /* outside of what ns hold */
    {"1970-01-01T00:00:00Z", 0},
    {"1969-12-31T23:59:59.999999999Z", 0},
    {"1970-01-01T00:00:30+00:01", 0},
    {"0001-01-01T00:00:00Z", 0},
    {"2262-04-11T23:47:16.854775808Z", 0},
    {"9999-12-31T23:59:59Z", 0},
    /* not RFC 3339 */
    {"", 0},
    {"now", 0},
    {"2026", 0},
    {"2026-01-02", 0},
    {"2026-01-02T03:04:05", 0},
    {"2026-01-02 03:04:05Z", 0},
    {"2026-01-02T03:04:05.Z", 0},
    {"2026-01-02T03:04:05.", 0},
    {"2026-01-02T03:04:05.1234567890Z", 0},
    {"2026-01-02T03:04:05,5Z", 0},
    {"2026-01-02T03:04:05Zx", 0},
    {"2026-01-02T03:04:05ZZ", 0},
    {"2026-01-02T03:04:05+1:00", 0},
    {"2026-01-02T03:04:05+01", 0},
    {"2026-01-02T03:04:05+0100", 0},
    {"2026-01-02T03:04:05+01:000", 0},
    {"2026-01-02T03:04:05+24:00", 0},
    {"2026-01-02T03:04:05+00:60", 0},
    {"2026-01-02T03:04:05+", 0},
    {"2026-01-02T24:00:00Z", 0},
    {"2026-01-02T03:60:00Z", 0},
    {"2026-01-02T03:04:60Z", 0},
    {"2026-02-29T00:00:00Z", 0},
    {"2026-00-10T00:00:00Z", 0},
    {"2026-13-10T00:00:00Z", 0},
    {"2026-01-00T00:00:00Z", 0},
    {"-026-01-02T03:04:05Z", 0},
    {"2026-1-02T03:04:05.5Z", 0},
    {"+2026-01-02T03:04:05Z", 0},
    {" 2026-01-02T03:04:05Z", 0},
};
#define TIMES ((int)(sizeof(times) / sizeof(times[0])))

START_TEST(a_time_is_read_or_is_0)
{
	struct event e;
	char line[256];

	(void)snprintf(line, sizeof(line), "{\"Event\":1,\"UUID\":\"u\",\"Timestamp\":\"%s\"}",
	    times[_i].text);
	ck_assert_int_eq(parse(line, &e), EVENT_FINE);
	ck_assert_msg(e.ts_ns == times[_i].ns, "%s: %lld", times[_i].text, (long long)e.ts_ns);
}
END_TEST

START_TEST(a_time_of_another_type_is_none)
{
	static const char *const values[] = {"null", "1767323045", "[]", "{}", "true", "1e308"};
	struct event e;
	char line[256];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		(void)snprintf(
		    line, sizeof(line), "{\"Event\":1,\"UUID\":\"u\",\"Timestamp\":%s}", values[i]);
		ck_assert_int_eq(parse(line, &e), EVENT_FINE);
		ck_assert_int_eq(e.ts_ns, 0);
	}
}
END_TEST

START_TEST(a_uuid_has_up_to_128_characters)
{
	struct event e;
	char uuid[200], line[256];

	for (size_t n = 1; n < sizeof(uuid) - 1; n++) {
		memset(uuid, 'x', n);
		uuid[n] = '\0';
		(void)snprintf(line, sizeof(line), "{\"Event\":1,\"UUID\":\"%s\"}", uuid);
		if (n > 128) {
			ck_assert_int_eq(parse(line, &e), EVENT_BAD_UUID);
			continue;
		}
		ck_assert_int_eq(parse(line, &e), EVENT_FINE);
		ck_assert_str_eq(e.uuid, uuid);
	}
}
END_TEST

START_TEST(a_good_line_cut_anywhere_is_a_fault)
{
	static const char *const lines[] = {OPEN, CLOSE};
	struct event e;

	for (int i = 0; i < 2; i++) {
		size_t whole = strlen(lines[i]);

		ck_assert_int_eq(parse_bytes(lines[i], whole, &e), EVENT_FINE);
		for (size_t n = 0; n < whole; n++) {
			enum event_fault expected = n == 0 ? EVENT_BLANK : EVENT_MALFORMED;

			ck_assert_int_eq(parse_bytes(lines[i], n, &e), expected);
			/* its tail, without the first byte, neither */
			ck_assert_int_ne(
			    parse_bytes(lines[i] + n + 1, whole - n - 1, &e), EVENT_FINE);
		}
	}
}
END_TEST

START_TEST(a_nul_anywhere_is_a_fault)
{
	struct event e;
	char line[sizeof(OPEN)];

	for (size_t n = 0; n < sizeof(OPEN); n++) { /* the last place is behind the line */
		memcpy(line, OPEN, sizeof(OPEN));
		line[n] = '\0';
		ck_assert_int_eq(parse_bytes(line, sizeof(OPEN), &e), EVENT_MALFORMED);
	}
	memset(line, 0, sizeof(line));
	ck_assert_int_eq(parse_bytes(line, sizeof(line), &e), EVENT_MALFORMED);
	ck_assert_int_eq(parse_bytes(line, 1, &e), EVENT_MALFORMED);
}
END_TEST

START_TEST(no_byte_in_any_place_does_harm)
{
	struct event e;
	char line[sizeof(OPEN)];

	for (size_t n = 0; n < sizeof(OPEN) - 1; n++) {
		for (int byte = 0; byte < 256; byte++) {
			memcpy(line, OPEN, sizeof(OPEN));
			line[n] = (char)byte;
			(void)parse_bytes(line, sizeof(OPEN) - 1, &e); /* which checks */
		}
	}
}
END_TEST

START_TEST(pieces_of_lines_in_random_order_do_no_harm)
{
	static const char *const pieces[] = {"{", "}", "[", "]", ":", ",", "\"", "\\", "null", "0",
	    "-1", "1e309", "18446744073709551615", "\"Event\":", "\"UUID\":\"u\"", "\"ID\":{",
	    "\"SrcIP\":\"192.0.2.1\"", "\"DstIP\":\"::ffff:1.2.3.4\"", "\"SPort\":443", "\\u0000",
	    "\\ud83d\\ude00", "\xf0\x9f\x98\x80", "\xff", " ", "\r", "true"};
	static char line[4096];
	struct random r = {20260102};
	struct event e;
	int fine = 0;

	for (int i = 0; i < 50000; i++) {
		size_t n = random_below(&r, 12);
		char *at = line;

		if (i % 2)
			at = stpcpy(at, "{\"UUID\":\"u\"");
		while (n-- > 0)
			at = stpcpy(
			    at, pieces[random_below(&r, sizeof(pieces) / sizeof(pieces[0]))]);
		if (i % 2)
			at = stpcpy(at, "}");
		fine += parse_bytes(line, (size_t)(at - line), &e) == EVENT_FINE;
	}
	ck_assert_int_eq(fine, 0); /* none of them is whole */
}
END_TEST

/* A line of 64 KiB that repeats a piece in between. */
static enum event_fault parse_long(const char *before, const char *piece, const char *after)
{
	static char line[65536];
	size_t n = strlen(before), size = strlen(piece), rest = strlen(after);
	struct event e;

	memcpy(line, before, n);
	for (; n + size + rest <= sizeof(line); n += size)
		memcpy(line + n, piece, size);
	memcpy(line + n, after, rest);
	return parse_bytes(line, n + rest, &e);
}

START_TEST(long_and_deep_lines_do_no_harm)
{
	static const char id[] = "\"ID\":{" ADDRESSES "}}";
	char after[256];

	ck_assert_int_eq(parse_long("", "[", ""), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("", "]", ""), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("", "{\"ID\":", ""), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("{\"UUID\":\"u\",\"ID\":", "[", "}"), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("{\"UUID\":\"u\",\"x\":", "{\"ID\":", id), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("", "{}", ""), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("", "\"", ""), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("", "x", ""), EVENT_MALFORMED);
	ck_assert_int_eq(parse_long("", " ", ""), EVENT_BLANK);
	ck_assert_int_eq(parse_long("{\"Event\":1,\"UUID\":\"", "u", "\"}"), EVENT_BAD_UUID);
	ck_assert_int_eq(parse_long("{\"Event\":", "1", "}"), EVENT_MALFORMED);
	(void)snprintf(after, sizeof(after), "\"UUID\":\"u\",%s", id);
	ck_assert_int_eq(parse_long("{", " ", after), EVENT_FINE);
	ck_assert_int_eq(parse_long("{", "\"Event\":0,", after), EVENT_FINE);
	ck_assert_int_eq(parse_long("{", "\"x\":{},", after), EVENT_FINE);
	(void)snprintf(after, sizeof(after), "\",\"UUID\":\"u\",%s", id);
	ck_assert_int_eq(parse_long("{\"x\":\"", "\\u003c", after), EVENT_FINE);
	(void)snprintf(after, sizeof(after), ",\"UUID\":\"u\",%s", id);
	ck_assert_int_eq(parse_long("{\"Cookie\":1.", "0", after), EVENT_FINE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("event");
	TCase *t = tcase_create("event");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_open_names_a_connection);
	tcase_add_test(t, a_close_needs_only_its_uuid);
	tcase_add_loop_test(t, an_event_has_the_key_of_the_packets_in_both_directions, 0, 8);
	tcase_add_loop_test(t, addresses_are_folded_as_those_of_packets_are, 0, 10);
	tcase_add_test(t, oddities_of_the_producer_are_no_fault);
	tcase_add_test(t, ports_that_are_null_or_missing_are_0_and_others_are_kept);
	tcase_add_loop_test(t, every_fault_has_its_name, 0, FAULTS);
	tcase_add_loop_test(t, a_time_is_read_or_is_0, 0, TIMES);
	tcase_add_test(t, a_time_of_another_type_is_none);
	tcase_add_test(t, a_uuid_has_up_to_128_characters);
	tcase_add_test(t, a_good_line_cut_anywhere_is_a_fault);
	tcase_add_test(t, a_nul_anywhere_is_a_fault);
	tcase_add_test(t, no_byte_in_any_place_does_harm);
	tcase_add_test(t, pieces_of_lines_in_random_order_do_no_harm);
	tcase_add_test(t, long_and_deep_lines_do_no_harm);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
