/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the record's JSON line: every field comes back, an ordinary flow's is short, and nothing
 * that anybody writes in its place does harm.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "archive/record.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/records.h"

/* Formats into memory of just the length, so that ASan sees whoever reads on. */
static char *format(const struct record *r, size_t *ret_len)
{
	char buf[RECORD_JSON_MAX], *exact;

	*ret_len = record_format(r, buf);
	quick_assert(*ret_len <= sizeof(buf));
	exact = malloc(*ret_len);
	quick_assert(exact != NULL);
	memcpy(exact, buf, *ret_len);
	return exact;
}

/* What record_parse gives back of a record, by its contract. */
static struct record what_json_holds(const struct record *r)
{
	struct record want = *r;
	struct tally t = {.first_ns = r->tally.first_ns,
	    .last_ns = r->tally.last_ns,
	    .pkts = {r->tally.pkts[0] + r->tally.pkts[1], 0},
	    .bytes = {r->tally.bytes[0] + r->tally.bytes[1], 0},
	    .captured_bytes = r->tally.captured_bytes};

	want.tally = t;
	memset(&want.key, 0, sizeof(want.key));
	memcpy(want.key.vlan, r->key.vlan, sizeof(want.key.vlan));
	want.part = 0;
	want.day = 0;
	want.length = 0;
	return want;
}

static void check_round_trip(const struct record *r)
{
	struct record got, want = what_json_holds(r);
	int has_client = -1;
	size_t len;
	char *json = format(r, &len);

	memset(&got, 0x5a, sizeof(got));
	if (record_parse(json, len, &got, &has_client) != 0)
		ck_abort_msg("cannot be read: %.*s", (int)len, json);
	if (!has_client)
		got.client = r->client;
	records_check_equal(&got, &want);
	free(json);
}

START_TEST(every_field_comes_back)
{
	struct record r;

	for (uint64_t n = 0; n < 200; n++) {
		records_make(n, &r);
		r.part = n % 4 ? 0 : (uint32_t)n;
		if (n % 3 == 0) {
			r.key.vlan[0] =
			    (uint16_t)(n % 2 ? 0 : n + 1); /* 0: a priority tag, IEEE 802.1Q */
			r.key.vlan[1] = (uint16_t)(4095 - n);
		}
		check_round_trip(&r);
	}
}
END_TEST

START_TEST(extreme_values_come_back)
{
	struct record r;

	records_make(1, &r);
	r.part = UINT32_MAX;
	r.tally.pkts[0] = INT64_MAX - 1;
	r.tally.pkts[1] = 1;
	r.tally.bytes[0] = 1;
	r.tally.bytes[1] = INT64_MAX - 1;
	r.tally.captured_bytes = INT64_MAX;
	r.tally.first_ns = INT64_MIN;
	r.tally.last_ns = INT64_MAX;
	r.lost_pkts = r.cut_duration_pkts = r.cut_bytes_pkts = INT64_MAX;
	r.snaplen = 0;
	check_round_trip(&r);
}
END_TEST

START_TEST(every_end_reason_and_source_has_a_name_of_its_own)
{
	enum end_reason again = END_REASONS;
	enum uuid_source source = UUID_GENERATED;

	for (enum end_reason i = 0; i < END_REASONS; i++) {
		ck_assert_int_eq(record_end_reason(record_end_reason_name(i), &again), 0);
		ck_assert_int_eq(again, i);
	}
	ck_assert_str_eq(record_end_reason_name(END_FIN), "fin");
	ck_assert_str_eq(record_end_reason_name(END_CRASH), "crash");
	ck_assert_str_eq(record_uuid_source_name(UUID_GENERATED), "generated");
	ck_assert_str_eq(record_uuid_source_name(UUID_EVENT), "event");
	ck_assert_int_eq(record_uuid_source("event", &source), 0);
	ck_assert_int_eq(source, UUID_EVENT);
	ck_assert_int_eq(record_end_reason("", &again), -EINVAL);
	ck_assert_int_eq(record_end_reason("FIN", &again), -EINVAL);
	ck_assert_int_eq(record_end_reason("fin ", &again), -EINVAL);
	ck_assert_int_eq(record_uuid_source("", &source), -EINVAL);
}
END_TEST

START_TEST(an_ordinary_flow_takes_at_most_250_bytes)
{
	struct record r;
	size_t len;

	records_make(1, &r);
	r.end_reason = END_EVICTED; /* the longest of them */
	r.tally.pkts[0] = r.tally.pkts[1] = 5000000;
	r.tally.bytes[0] = r.tally.bytes[1] = UINT64_C(9000000000);
	r.tally.captured_bytes = UINT64_C(18000000000);
	(void)strcpy(r.interface, "enp0s31f6");
	free(format(&r, &len));
	ck_assert_uint_le(len, 250);
	r.part = 1; /* a later part says who the client is */
	free(format(&r, &len));
	ck_assert_uint_le(len, 250);
	records_make(1, &r);
	(void)strcpy(r.uuid, "host_1577836800_00000000000012AB");
	r.uuid_source = UUID_EVENT;
	free(format(&r, &len));
	ck_assert_uint_le(len, 250);
}
END_TEST

START_TEST(defaults_are_left_out_and_the_line_is_one_line_of_json)
{
	struct record r;
	json_t *obj;
	size_t len;
	char *json;

	records_make(1, &r);
	r.snaplen = PACKET_MAX_CAPLEN;
	r.tally.captured_bytes = r.tally.bytes[0] + r.tally.bytes[1];
	r.interface[0] = '\0';
	json = format(&r, &len);
	ck_assert_int_eq(json[len - 1], '\n');
	ck_assert_ptr_eq(memchr(json, '\n', len), json + len - 1);
	obj = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert(json_is_object(obj));
	/* v, uuid, end_reason, packets, bytes, first_ns, last_ns */
	ck_assert_uint_eq(json_object_size(obj), 7);
	ck_assert_int_eq(json_integer_value(json_object_get(obj, "v")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(obj, "packets")), 11 + 21);
	json_decref(obj);
	free(json);
}
END_TEST

START_TEST(hostile_interface_names_come_back_byte_for_byte)
{
	static const char *const names[] = {"\"", "\\", "\\\\\"", "\n\r\t", "\x01\x02\x1f\x7f",
	    "\"}\n{\"v\":1", "eth0\x1b[2J", "\xc3\xa9t\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xa7",
	    "\xff\xfe\x80", "\xc3", "\xe2\x82", "a\xc2", "\\u0000", "\\ud800", "%s%n", "&<>'/",
	    "\x80\x81\xbf\xc0\xc1\xf5\xff"};
	struct record r;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		records_make(2, &r);
		(void)strcpy(r.interface, names[i]);
		check_round_trip(&r);
	}
	for (int c = 1; c < 256; c++) {
		memset(r.interface, c, sizeof(r.interface) - 1);
		r.interface[sizeof(r.interface) - 1] = '\0';
		check_round_trip(&r);
	}
}
END_TEST

START_TEST(the_longest_record_fits)
{
	struct record r;
	size_t len;

	records_make(5, &r);
	memset(r.uuid, 'u', LAYOUT_UUID_MAX);
	r.uuid[LAYOUT_UUID_MAX] = '\0';
	memset(r.interface, 1, sizeof(r.interface) - 1);
	r.part = 1;
	r.client = SIDE_HIGH;
	r.end_reason = END_EVICTED;
	r.key.vlan[0] = r.key.vlan[1] = 4095;
	memset(&r.tally, 0xff, sizeof(r.tally));
	r.tally.captured_bytes = UINT64_MAX - 5;
	r.tally.first_ns = r.tally.last_ns = INT64_MIN;
	r.lost_pkts = r.cut_duration_pkts = r.cut_bytes_pkts = UINT64_MAX;
	r.snaplen = 0;
	r.exempt = 3;
	r.policy = (struct policy){PAYLOAD_BYTES, 262144, ADDRESSES_NETBLOCK, 32, 128, true};
	free(format(&r, &len)); /* record_format asserts that it fits */
	ck_assert_uint_lt(len, RECORD_JSON_MAX);
}
END_TEST

/* ---- policies -------------------------------------------------------------------------------- */

static void check_policy(const struct record *got, const struct record *want)
{
	quick_assert(got->policy.payload == want->policy.payload);
	quick_assert(got->policy.payload_bytes == want->policy.payload_bytes);
	quick_assert(got->policy.addresses == want->policy.addresses);
	quick_assert(got->policy.v4_bits == want->policy.v4_bits);
	quick_assert(got->policy.v6_bits == want->policy.v6_bits);
	quick_assert(got->policy.macs == want->policy.macs);
	quick_assert(got->snaplen == want->snaplen);
}

/* All kinds of payload, addresses and hardware addresses with each other, by number. */
#define POLICIES (5u * 6 * 2)

static struct policy nth_policy(unsigned n)
{
	static const struct policy payloads[] = {{.payload = PAYLOAD_FULL},
	    {.payload = PAYLOAD_ZERO}, {.payload = PAYLOAD_BYTES},
	    {.payload = PAYLOAD_BYTES, .payload_bytes = 1},
	    {.payload = PAYLOAD_BYTES, .payload_bytes = 262144}};
	static const struct policy addresses[] = {{.addresses = ADDRESSES_KEPT},
	    {.addresses = ADDRESSES_NETBLOCK},
	    {.addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48},
	    {.addresses = ADDRESSES_NETBLOCK, .v4_bits = 32, .v6_bits = 128},
	    {.addresses = ADDRESSES_NETBLOCK, .v6_bits = 9}, {.addresses = ADDRESSES_CRYPTOPAN}};
	struct policy p = payloads[n % 5];

	p.addresses = addresses[n / 5 % 6].addresses;
	p.v4_bits = addresses[n / 5 % 6].v4_bits;
	p.v6_bits = addresses[n / 5 % 6].v6_bits;
	p.macs = n / 30;
	return p;
}

START_TEST(every_policy_comes_back_with_the_ends_that_were_exempt)
{
	for (unsigned n = 0; n < POLICIES; n++)
		for (uint8_t exempt = 0; exempt < 4; exempt++) {
			struct record r, got;
			int has_client;
			size_t len;
			char *json;

			records_make(n, &r);
			r.policy = nth_policy(n);
			r.exempt = exempt;
			json = format(&r, &len);
			memset(&got, 0x5a, sizeof(got));
			quick_assert(record_parse(json, len, &got, &has_client) == 0);
			check_policy(&got, &r);
			quick_assert(got.exempt == exempt);
			free(json);
		}
}
END_TEST

START_TEST(a_policy_is_told_in_the_words_of_the_options)
{
	static const char *const words[] = {"\"payload\":\"headers\"",
	    "\"anonymize\":\"netblock:24,48\"", "\"anonymize_mac\":true", "\"exempt\":\"high\""};
	struct record r;
	size_t len;
	char *json;

	records_make(1, &r);
	r.policy = (struct policy){PAYLOAD_BYTES, 0, ADDRESSES_NETBLOCK, 24, 48, true};
	r.exempt = 1 << SIDE_HIGH;
	json = format(&r, &len);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(
		    memmem(json, len, words[i], strlen(words[i])) != NULL, "%s", words[i]);
	free(json);
}
END_TEST

START_TEST(a_policy_alone_comes_back_and_nothing_else_is_touched)
{
	for (unsigned n = 0; n < POLICIES; n++) {
		struct record r, got, before;
		char json[RECORD_JSON_MAX];
		size_t len;

		records_make(n, &r);
		r.policy = nth_policy(n);
		r.exempt = 3;
		len = record_format_policy(&r, json);
		records_make(n + 1, &got);
		got.policy = nth_policy(POLICIES - 1 - n);
		got.exempt = n % 4;
		before = got;
		quick_assert(record_parse_policy(json, len, &got) == 0);
		check_policy(&got, &r);
		quick_assert(got.exempt == before.exempt);
		quick_assert(got.uuid_source == r.uuid_source);
		before.uuid_source = got.uuid_source;
		before.policy = got.policy;
		before.snaplen = got.snaplen;
		records_check_equal(&got, &before);
	}
}
END_TEST

START_TEST(what_is_no_policy_is_told_and_changes_nothing)
{
	static const struct {
		const char *text;
		int rv;
	} bad[] = {{"", -EBADMSG}, {"{}", -EBADMSG}, {"[]", -EBADMSG}, {"{\"v\":1", -EBADMSG},
	    {"{\"v\":1}{}", -EBADMSG}, {"{\"v\":2}", -ENOTSUP}, {"{\"v\":0}", -EBADMSG},
	    {"{\"v\":1,\"payload\":\"none\"}", -EBADMSG},
	    {"{\"v\":1,\"uuid_source\":\"fairy\"}", -EBADMSG},
	    {"{\"v\":1,\"payload\":\"zero\",\"anonymize\":\"netblock:24\"}", -EBADMSG},
	    {"{\"v\":1,\"payload\":\"zero\",\"anonymize\":\"netblock:24,129\"}", -EBADMSG},
	    {"{\"v\":1,\"payload\":\"zero\",\"snaplen\":262145}", -EBADMSG}};
	struct record before, r;

	records_make(3, &before);
	before.policy = nth_policy(42);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r = before;
		ck_assert_msg(
		    record_parse_policy(bad[i].text, strlen(bad[i].text), &r) == bad[i].rv, "%s",
		    bad[i].text);
		check_policy(&r, &before);
	}
}
END_TEST

/* ---- what others may have written -------------------------------------------------------------
 */

/* Parses a copy of just that length; what is accepted must be a record that could be ours. */
static int parse(const char *text, size_t len, struct record *r)
{
	int has_client = 0;
	char *exact = malloc(len + 1);
	int rv;

	quick_assert(exact != NULL);
	memcpy(exact, text, len);
	rv = record_parse(exact, len, r, &has_client);
	free(exact);
	quick_assert(rv == 0 || rv == -EBADMSG || rv == -ENOTSUP);
	if (rv == 0) {
		quick_assert(layout_uuid_valid(r->uuid));
		quick_assert((unsigned)r->end_reason < END_REASONS &&
			     (unsigned)r->uuid_source <= UUID_EVENT);
		quick_assert(r->client == SIDE_LOW || r->client == SIDE_HIGH);
		quick_assert(memchr(r->interface, '\0', sizeof(r->interface)) != NULL);
		quick_assert(r->snaplen <= PACKET_MAX_CAPLEN && r->exempt < 4);
		quick_assert((unsigned)r->policy.payload <= PAYLOAD_ZERO &&
			     (unsigned)r->policy.addresses <= ADDRESSES_CRYPTOPAN);
		quick_assert(r->policy.payload_bytes <= PACKET_MAX_CAPLEN &&
			     r->policy.v4_bits <= 32 && r->policy.v6_bits <= 128);
		quick_assert(r->key.vlan[0] < 4096 && r->key.vlan[1] < 4096);
	}
	return rv;
}

#define HEAD "{\"v\":1,\"uuid\":\"u\",\"end_reason\":\"fin\""
#define REST ",\"packets\":1,\"bytes\":60,\"first_ns\":1,\"last_ns\":2}"

START_TEST(what_is_no_record_is_told)
{
	static const char *const bad[] = {"", " ", "{", "}", "{}", "[]", "null", "1", "\"v\"",
	    "{\"v\":1}", "{\"v\":1}garbage", "{\"v\":0,\"uuid\":\"u\"}",
	    "{\"v\":\"1\",\"uuid\":\"u\",\"end_reason\":\"fin\"" REST,
	    "{\"v\":1.0,\"uuid\":\"u\",\"end_reason\":\"fin\"" REST, "{\"v\":-1" REST,
	    "{\"uuid\":\"u\",\"end_reason\":\"fin\"" REST, HEAD REST "x", HEAD REST HEAD REST,
	    "[" HEAD REST "]", "{\"v\":1,\"end_reason\":\"fin\"" REST,
	    "{\"v\":1,\"uuid\":\"u\"" REST,
	    "{\"v\":1,\"uuid\":\"../u\",\"end_reason\":\"fin\"" REST,
	    "{\"v\":1,\"uuid\":\"\",\"end_reason\":\"fin\"" REST,
	    "{\"v\":1,\"uuid\":7,\"end_reason\":\"fin\"" REST,
	    "{\"v\":1,\"uuid\":\"u~1\",\"end_reason\":\"fin\"" REST,
	    "{\"v\":1,\"uuid\":\"u\\u0000\",\"end_reason\":\"fin\"" REST,
	    "{\"v\":1,\"uuid\":\"u\",\"end_reason\":\"bored\"" REST,
	    "{\"v\":1,\"uuid\":\"u\",\"end_reason\":1" REST, HEAD ",\"v\":1" REST,
	    HEAD ",\"packets\":2" REST, HEAD ",\"uuid_source\":\"mars\"" REST,
	    HEAD ",\"client\":\"middle\"" REST, HEAD ",\"snaplen\":262145" REST,
	    HEAD ",\"snaplen\":-1" REST, HEAD ",\"snaplen\":4294967360" REST,
	    HEAD ",\"lost_packets\":-1" REST, HEAD ",\"lost_packets\":\"1\"" REST,
	    HEAD ",\"cut_bytes\":1.5" REST, HEAD ",\"cut_duration\":18446744073709551616" REST,
	    HEAD ",\"payload\":\"\"" REST, HEAD ",\"payload\":\"262145\"" REST,
	    HEAD ",\"payload\":\"-1\"" REST, HEAD ",\"payload\":\"Zero\"" REST,
	    HEAD ",\"anonymize\":\"netblock:33,48\"" REST,
	    HEAD ",\"anonymize\":\"cryptopan \"" REST, HEAD ",\"exempt\":\"middle\"" REST,
	    HEAD ",\"exempt\":\"\"" REST, HEAD ",\"vlan_key\":[4096,1]" REST,
	    HEAD ",\"vlan_key\":[1,-1]" REST, HEAD ",\"packets\":-1,\"first_ns\":1,\"last_ns\":2}",
	    HEAD ",\"packets\":1,\"bytes\":1,\"last_ns\":2}",
	    HEAD ",\"packets\":1,\"bytes\":1,\"first_ns\":2}",
	    HEAD ",\"packets\":1,\"bytes\":1,\"first_ns\":\"1\",\"last_ns\":2}",
	    HEAD ",\"packets\":1,\"bytes\":1,\"first_ns\":1e9,\"last_ns\":2}"};
	struct record r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(parse(bad[i], strlen(bad[i]), &r) == -EBADMSG, "%s", bad[i]);
}
END_TEST

START_TEST(a_later_version_is_told_apart_and_unknown_keys_are_passed_over)
{
	static const char known[] = HEAD ",\"new\":[1,{\"a\":null}],\"newer\":\"x\"" REST;
	struct record r;

	ck_assert_int_eq(parse("{\"v\":2}", 7, &r), -ENOTSUP);
	ck_assert_int_eq(parse("{\"v\":9223372036854775807}", 25, &r), -ENOTSUP);
	ck_assert_int_eq(parse(known, sizeof(known) - 1, &r), 0);
	ck_assert_uint_eq(r.tally.pkts[SIDE_LOW], 1);
	ck_assert_uint_eq(r.snaplen, PACKET_MAX_CAPLEN);
	ck_assert_uint_eq(r.tally.captured_bytes, 60);
}
END_TEST

START_TEST(a_long_foreign_interface_name_is_cut)
{
	char text[2000] = HEAD ",\"interface\":\"";
	struct record r;

	for (int i = 0; i < 300; i++)
		(void)strcat(text, i % 2 ? "\\u20ac" : "x");
	(void)strcat(text, "\"" REST);
	ck_assert_int_eq(parse(text, strlen(text), &r), 0);
	ck_assert_uint_lt(strlen(r.interface), RECORD_INTERFACE_SIZE);
}
END_TEST

START_TEST(nesting_without_end_is_refused)
{
	enum { DEPTH = 50000 };
	char *text = malloc(DEPTH);
	struct record r;

	memset(text, '[', DEPTH);
	ck_assert_int_eq(parse(text, DEPTH, &r), -EBADMSG);
	memset(text, '{', DEPTH);
	ck_assert_int_eq(parse(text, DEPTH, &r), -EBADMSG);
	free(text);
}
END_TEST

START_TEST(a_record_cut_anywhere_is_no_record)
{
	struct record r, got;
	size_t len;
	char *json;

	records_make(0, &r);
	json = format(&r, &len);
	for (size_t n = 0; n < len - 1; n++) /* the line feed at its end is for people */
		ck_assert_int_eq(parse(json, n, &got), -EBADMSG);
	ck_assert_int_eq(parse(json, len - 1, &got), 0);
	free(json);
}
END_TEST

START_TEST(every_byte_may_be_any_other_byte)
{
	struct record r, got;
	size_t len;
	char *json;

	records_make(0, &r);
	r.part = 3;
	r.key.vlan[0] = 5;
	r.policy = (struct policy){PAYLOAD_BYTES, 96, ADDRESSES_NETBLOCK, 24, 48, true};
	r.exempt = 2;
	json = format(&r, &len);
	for (size_t at = 0; at < len; at++) {
		char was = json[at];

		for (int c = 0; c < 256; c++) {
			json[at] = (char)c;
			(void)parse(json, len, &got);
		}
		json[at] = was;
	}
	ck_assert_int_eq(parse(json, len, &got), 0);
	free(json);
}
END_TEST

static Suite *record_suite(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_field_comes_back);
	tcase_add_test(t, extreme_values_come_back);
	tcase_add_test(t, every_end_reason_and_source_has_a_name_of_its_own);
	tcase_add_test(t, an_ordinary_flow_takes_at_most_250_bytes);
	tcase_add_test(t, defaults_are_left_out_and_the_line_is_one_line_of_json);
	tcase_add_test(t, hostile_interface_names_come_back_byte_for_byte);
	tcase_add_test(t, the_longest_record_fits);
	tcase_add_test(t, every_policy_comes_back_with_the_ends_that_were_exempt);
	tcase_add_test(t, a_policy_is_told_in_the_words_of_the_options);
	tcase_add_test(t, a_policy_alone_comes_back_and_nothing_else_is_touched);
	tcase_add_test(t, what_is_no_policy_is_told_and_changes_nothing);
	tcase_add_test(t, what_is_no_record_is_told);
	tcase_add_test(t, a_later_version_is_told_apart_and_unknown_keys_are_passed_over);
	tcase_add_test(t, a_long_foreign_interface_name_is_cut);
	tcase_add_test(t, nesting_without_end_is_refused);
	tcase_add_test(t, a_record_cut_anywhere_is_no_record);
	tcase_add_test(t, every_byte_may_be_any_other_byte);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(record_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
