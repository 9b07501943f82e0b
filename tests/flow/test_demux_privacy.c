/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of flows under a policy: raw addresses tell them apart and bring them together with their
 * events, archived ones are all that records, names and files know. What becomes of a packet's
 * bytes is the matter of tests/packet/test_scrub*.c.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "live_rig.h"
#include "support/adoptrig.h"
#include "support/quick.h"
#include "support/tempdir.h"

#define NETBLOCK .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48

static const struct policy netblock = {NETBLOCK};
static const struct policy headers = {.payload = PAYLOAD_BYTES, NETBLOCK};
static const struct policy zero = {.payload = PAYLOAD_ZERO, NETBLOCK};
static const struct policy cryptopan = {.addresses = ADDRESSES_CRYPTOPAN};

/* 10.0.9.x is the server's network. */
enum { SERVERS = 0x000900, CLIENTS = 0x010200 };

static struct rig_config config_of(const struct policy *policy)
{
	struct rig_config c = rig_defaults;

	c.policy = policy;
	c.all_protocols = true;
	return c;
}

static struct conn conn_of(uint32_t client, uint32_t server)
{
	return (struct conn){.family = 4, .host = {client, server}, .port = {40000, 443}};
}

/* A connection of seven packets. Returns: the number of the first. */
static uint32_t talk(struct rig *r, const struct conn *c, uint32_t isn)
{
	uint32_t n = live_handshake(r, c, isn);

	rig_data(r, c, A, 300);
	rig_data(r, c, B, 1200);
	(void)live_fins(r, c);
	return n;
}

/* The end of the client's port, of a record. */
static enum side client_side(const struct record *k)
{
	return k->key.port[SIDE_LOW] == 40000 ? SIDE_LOW : SIDE_HIGH;
}

/* Asserts an IPv4 end: 10.h. */
static void check_end(const struct record *k, enum side side, uint32_t h)
{
	const uint8_t want[16] = {10, (uint8_t)(h >> 16), (uint8_t)(h >> 8), (uint8_t)h};

	ck_assert_mem_eq(k->key.addr[side], want, 16);
}

/* ---- what a record says ---------------------------------------------------------------------- */

START_TEST(a_record_names_the_policy_and_the_ends_as_they_are_archived)
{
	static const struct policy *const policies[] = {&netblock, &headers, &zero, &cryptopan};
	struct rig_config c = config_of(policies[_i]);
	struct rig *r = rig_new(&c);
	const struct conn one = conn_of(CLIENTS | 77, SERVERS | 5);
	uint32_t n = talk(r, &one, 1000);
	const struct record *k;

	rig_stop(r);
	rig_verify(r);
	k = &rig_file(r, n)->record;
	ck_assert_int_eq(k->policy.payload, c.policy->payload);
	ck_assert_uint_eq(k->policy.payload_bytes, 0);
	ck_assert_int_eq(k->policy.addresses, c.policy->addresses);
	ck_assert_uint_eq(k->policy.v4_bits, c.policy->v4_bits);
	ck_assert_uint_eq(k->policy.v6_bits, c.policy->v6_bits);
	ck_assert(!k->policy.macs);
	ck_assert_uint_eq(k->exempt, 0);
	ck_assert_int_eq(k->client, client_side(k));
	ck_assert_uint_eq(k->tally.pkts[k->client], 4);
	ck_assert_uint_eq(k->tally.pkts[!k->client], 3);
	/* Lengths are those of the wire; what is kept of it is the policy's. */
	ck_assert_uint_eq(k->tally.bytes[k->client], 4 * 54 + 300);
	ck_assert_uint_eq(
	    k->tally.captured_bytes, 7 * 54u + (c.policy == &headers ? 0 : 300 + 1200));
	if (c.policy != &cryptopan) {
		check_end(k, k->client, CLIENTS);
		check_end(k, !k->client, SERVERS);
	}
	rig_free(r);
}
END_TEST

/* x.x.x.200 to 219 are exempt: others are above them, and come below. */
static bool is_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	(void)arg;
	return family == 4 && addr[3] >= 200 && addr[3] < 220;
}

/*
 * Low and high are in the order of archived addresses, which need not be that of the raw ones: both
 * in one network become one address, and ports decide; one that stays may be passed by the other.
 */
START_TEST(ends_that_change_their_order_keep_what_they_are)
{
	static const struct {
		uint32_t client, server, archived_client, archived_server;
		unsigned exempt_client, exempt_server;
	} cases[] = {
	    {SERVERS | 5, SERVERS | 100, SERVERS, SERVERS, 0, 0},
	    {SERVERS | 100, SERVERS | 5, SERVERS, SERVERS, 0, 0},
	    {CLIENTS | 5, SERVERS | 5, CLIENTS, SERVERS, 0, 0},
	    {SERVERS | 5, CLIENTS | 5, SERVERS, CLIENTS, 0, 0},
	    {SERVERS | 100, SERVERS | 200, SERVERS, SERVERS | 200, 0, 1},
	    {SERVERS | 200, SERVERS | 100, SERVERS | 200, SERVERS, 1, 0},
	    {SERVERS | 199, SERVERS | 200, SERVERS, SERVERS | 200, 0, 1},
	    {SERVERS | 230, SERVERS | 200, SERVERS, SERVERS | 200, 0, 1},
	    {SERVERS | 200, SERVERS | 230, SERVERS | 200, SERVERS, 1, 0},
	    {SERVERS | 201, SERVERS | 200, SERVERS | 201, SERVERS | 200, 1, 1},
	    {CLIENTS | 201, SERVERS | 7, CLIENTS | 201, SERVERS, 1, 0},
	};
	struct rig_config c = config_of(&headers);

	c.exempt = is_exempt;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *r = rig_new(&c);
		const struct conn one = conn_of(cases[i].client, cases[i].server);
		uint32_t n = talk(r, &one, 1000);
		const struct record *k;

		rig_stop(r);
		rig_verify(r);
		k = &rig_file(r, n)->record;
		ck_assert_int_eq(k->client, client_side(k));
		check_end(k, k->client, cases[i].archived_client);
		check_end(k, !k->client, cases[i].archived_server);
		ck_assert_uint_eq(k->exempt >> k->client & 1, cases[i].exempt_client);
		ck_assert_uint_eq(k->exempt >> !k->client & 1, cases[i].exempt_server);
		ck_assert_uint_eq(k->tally.pkts[k->client], 4);
		rig_free(r);
	}
}
END_TEST

/* One address, one port: nothing tells a packet of the one from a packet of the other any more. */
START_TEST(a_flow_whose_ends_become_one_and_the_same_has_no_second_side)
{
	struct rig_config c = config_of(&headers);
	struct rig *r = rig_new(&c);
	struct conn one = conn_of(SERVERS | 9, SERVERS | 5);
	const struct record *k;
	uint32_t n;

	one.port[A] = 443;
	n = talk(r, &one, 1000);
	rig_stop(r);
	rig_verify(r);
	k = &rig_file(r, n)->record;
	ck_assert_int_eq(k->client, SIDE_LOW);
	ck_assert_uint_eq(k->tally.pkts[SIDE_LOW], 7);
	ck_assert_uint_eq(k->tally.pkts[SIDE_HIGH], 0);
	rig_free(r);
}
END_TEST

static bool exempt_now;

static bool is_exempt_now(uint8_t family, const uint8_t addr[16], void *arg)
{
	(void)arg;
	return exempt_now && family == 4 && addr[3] == 5;
}

START_TEST(whether_an_end_is_exempt_is_decided_with_the_first_packet)
{
	struct rig_config c = config_of(&netblock);
	const struct conn one = conn_of(CLIENTS | 9, SERVERS | 5), two = conn_of(1, SERVERS | 5);
	const struct record *k;
	uint32_t a, b;
	struct rig *r;

	c.exempt = is_exempt_now;
	exempt_now = true;
	r = rig_new(&c);
	a = live_handshake(r, &one, 1);
	exempt_now = false;
	b = live_handshake(r, &two, 1);
	exempt_now = true;
	rig_data(r, &two, B, 10);
	exempt_now = false;
	rig_data(r, &one, B, 10);
	rig_stop(r);
	rig_verify(r);
	k = &rig_file(r, a)->record;
	ck_assert_uint_eq(k->exempt, 1u << !client_side(k));
	ck_assert_uint_eq(k->tally.pkts[!client_side(k)], 2);
	check_end(k, !client_side(k), SERVERS | 5);
	k = &rig_file(r, b)->record;
	ck_assert_uint_eq(k->exempt, 0);
	check_end(k, !client_side(k), SERVERS);
	rig_free(r);
}
END_TEST

/* ---- flows that look the same ---------------------------------------------------------------- */

START_TEST(two_clients_that_become_one_address_are_two_flows)
{
	static const struct policy *const policies[] = {&netblock, &headers, &zero};
	struct rig_config c = config_of(policies[_i]);
	struct rig *r = rig_new(&c);
	struct conn conn[3];
	uint32_t first[3], last[3];

	for (uint32_t i = 0; i < 3; i++)
		conn[i] = conn_of(CLIENTS | (10 + i), SERVERS | 5);
	for (uint32_t i = 0; i < 3; i++) {
		rig_at(r, MS(i));
		first[i] = live_handshake(r, &conn[i], 1000);
	}
	for (uint32_t i = 0; i < 3; i++)
		rig_data(r, &conn[i], B, 700);
	for (uint32_t i = 0; i < 3; i++)
		last[i] = live_fins(r, &conn[i]);
	rig_stop(r);
	rig_verify(r);
	ck_assert_uint_eq(r->file_count, 3);
	ck_assert_uint_eq(r->flow_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert(rig_same(r, first[i], last[i]));
		ck_assert_uint_eq(rig_file(r, first[i])->count, 6);
		check_end(
		    &rig_file(r, first[i])->record, rig_file(r, first[i])->record.client, CLIENTS);
	}
	rig_free(r);
}
END_TEST

/* Even so, and under one name: nothing is lost, and nothing is damaged. */
START_TEST(two_that_begin_alike_at_the_same_time_are_both_there)
{
	struct rig_config c = config_of(&headers);
	const struct conn one = conn_of(CLIENTS | 1, SERVERS | 5),
			  two = conn_of(CLIENTS | 2, SERVERS | 5);
	uint32_t a, b;
	struct rig *r;

	c.shared_uuids = c.some_all_cut = true;
	r = rig_new(&c);
	a = talk(r, &one, 1000);
	b = talk(r, &two, 1000);
	rig_stop(r);
	rig_verify(r);
	ck_assert(!rig_same(r, a, b));
	ck_assert(rig_same_flow(r, a, b));
	ck_assert_uint_eq(r->file_count, 2);
	rig_free(r);
}
END_TEST

/* A connection and a datagram. Returns: all that the archive says of them, see rig_text. */
static char *archive_of(const struct policy *policy, uint8_t family, uint32_t masked, int end)
{
	struct rig_config c = config_of(policy);
	struct conn one = conn_of(CLIENTS, SERVERS);
	struct rig *r;
	char *text;

	c.savers = 1;
	one.family = family;
	one.host[end] |= masked;
	r = rig_new(&c);
	r->step_ns = 1000;
	(void)talk(r, &one, 1000);
	one.proto = DECODE_UDP;
	rig_data(r, &one, A, 100);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 2);
	text = rig_text(r);
	rig_free(r);
	return text;
}

START_TEST(no_value_of_a_masked_octet_makes_another_name_file_or_row)
{
	static const uint8_t families[] = {4, 6, 64, 4};
	static const struct policy *const policies[] = {&netblock, &headers, &zero, &headers};
	const int end = _i == 3;
	char *first = archive_of(policies[_i], families[_i], 0, end);

	for (uint32_t value = 1; value < 256; value += _i == 1 ? 17 : QUICK_STRIDE_THREADS) {
		char *text = archive_of(policies[_i], families[_i], value, end);

		ck_assert_str_eq(text, first);
		free(text);
	}
	free(first);
}
END_TEST

/* ---- fragments ------------------------------------------------------------------------------- */

/* A datagram in three fragments. Returns: the number of the one that is sent first. */
static uint32_t send_fragments(struct rig *r, const struct conn *c, enum end from, bool in_order)
{
	const struct frame parts[3] = {
	    {.conn = c, .from = from, .more = true, .payload_bytes = 64 - 8, .fragment_id = 7},
	    {.conn = c,
		.from = from,
		.more = true,
		.payload_bytes = 64,
		.fragment_id = 7,
		.fragment_offset = 64},
	    {.conn = c,
		.from = from,
		.payload_bytes = 40,
		.fragment_id = 7,
		.fragment_offset = 128}};
	uint32_t n = r->sent_count;

	for (int i = 0; i < 3; i++)
		(void)rig_send(r, &parts[in_order ? i : 2 - i]);
	return n;
}

START_TEST(fragments_are_archived_as_far_as_their_flow_says_that_they_are_data)
{
	static const struct {
		const struct policy *policy;
		uint16_t port;
		uint32_t kept; /* of each later fragment, behind 34 bytes of headers */
	} cases[] = {{&netblock, 443, 64}, {&netblock, 4789, 0}, {&headers, 443, 0}};
	const bool in_order = _i % 2;
	const enum end from = _i / 6 ? B : A;
	struct rig_config c = config_of(cases[_i / 2 % 3].policy);
	struct conn one = conn_of(CLIENTS | 9, SERVERS | 5);
	uint32_t n, want = cases[_i / 2 % 3].kept;
	struct rig *r;

	c.held_fragments = true;
	one.proto = DECODE_UDP;
	one.port[B] = cases[_i / 2 % 3].port;
	r = rig_new(&c);
	n = send_fragments(r, &one, from, in_order);
	rig_stop(r);
	rig_verify(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(rig_file(r, n)->count, 3);
	ck_assert_uint_eq(r->sent[n + 1].kept, 34 + want);
	ck_assert_uint_eq(r->sent[in_order ? n + 2 : n].kept, 34 + (want != 0 ? 40 : 0));
	ck_assert_uint_eq(
	    rig_file(r, n)->record.tally.pkts[client_side(&rig_file(r, n)->record) ^ from], 3);
	rig_free(r);
}
END_TEST

/* Both ends become one address: a fragment without ports could be anybody's, and row and file say
 * the same of it. */
START_TEST(fragments_between_ends_that_become_one_address_are_counted_alike_by_all)
{
	struct rig_config c = config_of(&netblock);
	struct conn one = conn_of(SERVERS | 100, SERVERS | 5),
		    two = conn_of(SERVERS | 7, SERVERS | 99);
	struct rig *r;

	c.held_fragments = true;
	one.proto = two.proto = DECODE_UDP;
	r = rig_new(&c);
	(void)send_fragments(r, &one, A, _i % 2);
	rig_at(r, SEC(1));
	(void)send_fragments(r, &two, B, _i % 2);
	rig_stop(r); /* compares them */
	rig_verify(r);
	ck_assert_uint_eq(r->file_count, 2);
	rig_free(r);
}
END_TEST

/* ---- live ------------------------------------------------------------------------------------ */

static struct rig_config live_config(const struct policy *policy)
{
	struct rig_config c = live_defaults;

	c.policy = policy;
	return c;
}

START_TEST(events_name_flows_by_the_addresses_of_the_wire)
{
	struct rig_config c = live_config(&headers);
	const struct conn one = conn_of(CLIENTS | 1, SERVERS | 5),
			  two = conn_of(CLIENTS | 2, SERVERS | 5),
			  archived = conn_of(CLIENTS, SERVERS);
	struct rig *r = live_new(&c);
	uint32_t a, b;

	live_open(r, &archived, "x", 0); /* nobody's */
	live_open(r, &two, "b", 0);
	a = live_handshake(r, &one, 1);
	b = live_handshake(r, &two, 1);
	live_at(r, SEC(1));
	live_open(r, &one, "a", MS(1));
	rig_data(r, &one, B, 100);
	rig_data(r, &two, B, 100);
	live_close(r, "a", SEC(1));
	live_close(r, "b", SEC(1));
	rig_stop(r);
	rig_verify(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	live_check_opens(r, 2, 0, 1);
	ck_assert_uint_eq(rig_file(r, a)->count, 4);
	check_end(&rig_file(r, a)->record, rig_file(r, a)->record.client, CLIENTS);
	rig_free(r);
}
END_TEST

START_TEST(what_was_flushed_while_it_lived_is_closed_as_one_part)
{
	struct rig_config c = live_config(&headers);
	const struct conn named = conn_of(CLIENTS | 1, SERVERS | 5),
			  unnamed = conn_of(SERVERS | 4, SERVERS | 7);
	struct rig *r = live_new(&c);
	uint32_t a, b;

	live_open(r, &named, "a", 0);
	a = live_handshake(r, &named, 1);
	b = live_handshake(r, &unnamed, 1);
	for (int i = 1; i <= 4; i++) {
		live_at(r, SEC(10 * i));
		rig_data(r, &named, i % 2 ? A : B, 500);
		rig_data(r, &unnamed, i % 2 ? A : B, 500);
	}
	live_await_staged(r, ".a", 1);
	rig_stop(r);
	rig_verify(r);
	live_named(r, a, "a", 0);
	live_generated(r, b);
	ck_assert_uint_eq(r->file_count, 2);
	ck_assert_uint_eq(rig_file(r, b)->count, 7);
	ck_assert_int_eq(rig_file(r, b)->record.policy.payload, PAYLOAD_BYTES);
	ck_assert_int_eq(rig_file(r, b)->record.client, client_side(&rig_file(r, b)->record));
	rig_free(r);
}
END_TEST

/* ---- after a kill ---------------------------------------------------------------------------- */

static const struct adoptrig_told *told_of(const struct adoptrig *f, uint16_t server_port)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->told[i].record.key.port[SIDE_LOW] == server_port ||
		    f->told[i].record.key.port[SIDE_HIGH] == server_port)
			return &f->told[i];
	ck_abort_msg("no flow of port %u was adopted", server_port);
	return NULL;
}

/* Adopts what a killed rig left, in place. */
static void adopt_after(struct adoptrig *f, struct rig *r)
{
	adoptrig_begin(f);
	archive_close(f->archive);
	f->dir = r->dir;
	f->config.sync = SYNC_NONE;
	ck_assert_int_eq(archive_open(f->dir, ARCHIVE_WRITE, &f->archive), 0);
	ck_assert_int_eq(adoptrig_adopt(f), 0);
}

static void check_adopted(
    const struct record *k, uint32_t snaplen, uint32_t client, uint32_t server)
{
	ck_assert_int_eq(k->end_reason, END_CRASH);
	ck_assert_int_eq(k->policy.payload, PAYLOAD_BYTES);
	ck_assert_int_eq(k->policy.addresses, ADDRESSES_NETBLOCK);
	ck_assert_uint_eq(k->policy.v4_bits, 24);
	ck_assert_uint_eq(k->policy.v6_bits, 48);
	ck_assert_uint_eq(k->snaplen, snaplen);
	ck_assert_int_eq(k->client, client_side(k));
	check_end(k, k->client, client);
	check_end(k, !k->client, server);
}

START_TEST(what_is_adopted_after_a_kill_has_the_policy_of_the_run_that_staged_it)
{
	struct rig_config c = live_config(&headers);
	struct conn named = conn_of(CLIENTS | 1, SERVERS | 5),
		    unnamed = conn_of(SERVERS | 4, SERVERS | 7);
	struct adoptrig f;
	struct rig *r;

	unnamed.port[B] = 80;
	c.snaplen = 1500;
	r = live_new(&c);
	live_open(r, &named, "a", 0);
	(void)live_handshake(r, &named, 1);
	(void)live_handshake(r, &unnamed, 1);
	demux_flush(r->demux);
	live_run(r);
	rig_kill(r);

	adopt_after(&f, r);
	ck_assert_uint_eq(f.totals.published, 2);
	ck_assert_uint_eq(f.totals.packets, 6);
	check_adopted(&told_of(&f, 443)->record, 1500, CLIENTS, SERVERS);
	check_adopted(&told_of(&f, 80)->record, 1500, SERVERS, SERVERS);
	ck_assert_str_eq(told_of(&f, 443)->record.uuid, "a");
	ck_assert_int_eq(told_of(&f, 443)->record.uuid_source, UUID_EVENT);
	ck_assert_int_eq(told_of(&f, 80)->record.uuid_source, UUID_GENERATED);
	adoptrig_check_sound(&f, 2);
	ck_assert_uint_eq(tempdir_count(tempdir_path(r->dir, ".staging")), 0); /* the note, too */
	adoptrig_end(&f);
	rig_free(r);
}
END_TEST

static Suite *privacy_suite(void)
{
	Suite *s = suite_create("demux: privacy");
	TCase *t = tcase_create("privacy");

	tcase_set_timeout(t, 300);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_loop_test(t, a_record_names_the_policy_and_the_ends_as_they_are_archived, 0, 4);
	tcase_add_test(t, ends_that_change_their_order_keep_what_they_are);
	tcase_add_test(t, a_flow_whose_ends_become_one_and_the_same_has_no_second_side);
	tcase_add_test(t, whether_an_end_is_exempt_is_decided_with_the_first_packet);
	tcase_add_loop_test(t, two_clients_that_become_one_address_are_two_flows, 0, 3);
	tcase_add_test(t, two_that_begin_alike_at_the_same_time_are_both_there);
	tcase_add_loop_test(t, no_value_of_a_masked_octet_makes_another_name_file_or_row, 0, 4);
	tcase_add_loop_test(
	    t, fragments_are_archived_as_far_as_their_flow_says_that_they_are_data, 0, 12);
	tcase_add_loop_test(
	    t, fragments_between_ends_that_become_one_address_are_counted_alike_by_all, 0, 2);
	tcase_add_test(t, events_name_flows_by_the_addresses_of_the_wire);
	tcase_add_test(t, what_was_flushed_while_it_lived_is_closed_as_one_part);
	tcase_add_test(t, what_is_adopted_after_a_kill_has_the_policy_of_the_run_that_staged_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(privacy_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
