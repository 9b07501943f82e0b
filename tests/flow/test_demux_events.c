/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of how events name flows, whenever they come: before the packets, between them, after them,
 * much later, or never; and that each event is counted once. For tuples that are used again see
 * test_demux_events_reuse.c.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/demux_private.h"
#include "flow/flowtable.h"
#include "live_rig.h"

static const struct conn one = {.family = 4, .host = {1, 2}, .port = {40000, 443}};

static struct conn nth(uint32_t n)
{
	return (struct conn){
	    .family = n % 3 == 2 ? 6 : 4, .host = {10 + n, 2}, .port = {(uint16_t)(1024 + n), 443}};
}

/* ---- one connection, and when its event comes ------------------------------------------------ */

START_TEST(an_event_before_the_packets_names_them)
{
	struct rig *r = live_new(NULL);
	uint32_t n;

	live_open(r, &one, "a", _i ? NO_TIME : 0);
	live_at(r, SEC(1));
	n = live_handshake(r, &one, 1);
	rig_stop(r);
	live_named(r, n, "a", 0);
	rig_end(r, n, "stop");
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(an_event_between_the_packets_names_them_all)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1), last;

	live_at(r, SEC(1));
	live_open(r, &one, "a", _i ? NO_TIME : MS(1));
	last = rig_data(r, &one, B, 100);
	rig_stop(r);
	live_named(r, n, "a", 0);
	ck_assert(rig_same(r, n, last));
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_that_is_over_is_not_published_before_its_event_has_come)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1);

	live_fins(r, &one);
	live_at(r, MS(4900)); /* it lingers for 2 s */
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 0);
	live_open(r, &one, "a", _i ? NO_TIME : MS(1));
	live_run(r);
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 1);
	rig_stop(r);
	live_named(r, n, "a", 0);
	rig_end(r, n, "fin");
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_that_is_over_is_published_when_the_wait_is)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1);

	live_fins(r, &one);
	live_at(r, MS(4900));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 0);
	live_at(r, MS(5100));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 1);
	rig_stop(r);
	live_generated(r, n);
	rig_free(r);
}
END_TEST

START_TEST(a_named_flow_that_is_over_waits_for_nothing_but_stragglers)
{
	struct rig *r = live_new(NULL);

	live_open(r, &one, "a", 0);
	live_handshake(r, &one, 1);
	live_fins(r, &one);
	live_at(r, MS(1900));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 0);
	live_at(r, MS(2200));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 1);
	rig_stop(r);
	rig_free(r);
}
END_TEST

START_TEST(packets_that_come_while_a_flow_waits_for_its_name_join_it)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1), last;

	live_fins(r, &one);
	live_at(r, SEC(4));
	last = rig_tcp(r, &one, A, ACK, 3);
	live_at(r, MS(4500));
	live_open(r, &one, "a", MS(1));
	live_at(r, SEC(8));
	ck_assert_uint_eq(live_listed(r, FLOW_PUBLISHED), 1);
	rig_stop(r);
	live_named(r, n, "a", 0);
	ck_assert(rig_same(r, n, last));
	rig_free(r);
}
END_TEST

START_TEST(an_event_after_publication_is_late_and_names_later_parts)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1), after, still;

	live_fins(r, &one);
	live_at(r, SEC(6));
	live_open(r, &one, "a", _i ? NO_TIME : MS(1));
	after = rig_tcp(r, &one, A, ACK, 3);
	live_at(r, SEC(12));
	still = rig_tcp(r, &one, A, ACK, 3);
	rig_stop(r);
	live_generated(r, n);
	live_named(r, after, "a", 0);
	live_named(r, still, "a", 1);
	live_check_opens(r, 0, 1, 0);
	rig_free(r);
}
END_TEST

/* Its later part is on disk already when the late event comes, under the name that was made. */
START_TEST(a_late_event_names_a_later_part_that_was_flushed_before)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1), after, last;

	live_fins(r, &one);
	live_at(r, SEC(6));
	after = rig_tcp(r, &one, A, ACK, 3);
	demux_flush(r->demux);
	live_run(r);
	live_await_staged(r, "", 1);
	live_open(r, &one, "a", MS(1));
	last = rig_tcp(r, &one, A, ACK, 3);
	if (_i)
		live_at(r, SEC(30)); /* flushed again, and published */
	rig_stop(r);
	live_generated(r, n);
	ck_assert(rig_same(r, after, last));
	ck_assert_uint_eq(ledger_dropped(&r->ledger), 0);
	live_check_opens(r, 0, 1, 0);
	rig_free(r);
}
END_TEST

START_TEST(an_open_flow_takes_its_name_however_late_the_event)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1), last = 0;

	for (int i = 1; i <= 20; i++) {
		live_at(r, SEC(i * 10));
		last = rig_data(r, &one, B, 1000);
	}
	if (_i)
		live_await_staged(r, ".-", 1);
	live_open(r, &one, "a", MS(1));
	if (_i) {
		live_await_staged(r, ".a", 1);
		live_await_staged(r, ".-", 0);
	}
	live_at(r, SEC(201));
	live_fins(r, &one);
	rig_stop(r);
	live_named(r, n, "a", 0);
	ck_assert(rig_same(r, n, last));
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(an_open_flow_that_nobody_names_is_one_file_all_the_same)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1), last = 0;

	for (int i = 1; i <= 10; i++) {
		live_at(r, SEC(i * 10));
		last = rig_data(r, &one, B, 1000);
	}
	if (_i)
		live_at(r, SEC(200)); /* it is over by silence */
	rig_stop(r);
	live_generated(r, n);
	ck_assert(rig_same(r, n, last));
	rig_end(r, n, _i ? "idle" : "stop");
	rig_free(r);
}
END_TEST

START_TEST(a_stop_during_the_wait_publishes_under_a_name_of_our_own)
{
	struct rig *r = live_new(NULL);
	struct conn two = nth(1);
	uint32_t a = live_handshake(r, &one, 1), b;

	live_fins(r, &one);
	live_at(r, SEC(3));
	b = live_handshake(r, &two, 1);
	rig_stop(r);
	live_generated(r, a);
	live_generated(r, b);
	rig_end(r, a, "fin");
	rig_end(r, b, "stop");
	rig_free(r);
}
END_TEST

START_TEST(an_event_for_a_flow_long_forgotten_waits_in_vain)
{
	struct rig *r = live_new(NULL);
	uint32_t n = live_handshake(r, &one, 1);

	live_at(r, SEC(400));
	live_open(r, &one, "a", MS(1));
	ck_assert_uint_eq(demux_stats(r->demux)->events_pending, 1);
	rig_stop(r);
	live_generated(r, n);
	live_check_opens(r, 0, 0, 1);
	rig_free(r);
}
END_TEST

/* ---- idling ---------------------------------------------------------------------------------- */

START_TEST(a_connection_that_idles_goes_on_as_the_next_part)
{
	struct rig *r = live_new(NULL);
	uint32_t n[4];

	live_open(r, &one, "a", 0);
	n[0] = live_handshake(r, &one, 1);
	for (int i = 1; i < 4; i++) {
		live_at(r, SEC(i * 1000));
		n[i] = rig_data(r, &one, _i ? A : B, 10);
	}
	rig_stop(r);
	for (uint32_t i = 0; i < 4; i++)
		live_named(r, n[i], "a", i);
	rig_end(r, n[0], "idle");
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_packet_on_the_heels_of_the_close_event_belongs_to_the_connection)
{
	struct rig *r = live_new(NULL);
	uint32_t n, last;

	live_open(r, &one, "a", 0);
	n = live_handshake(r, &one, 1);
	live_at(r, SEC(100));
	live_close(r, "a", SEC(100));
	live_at(r, SEC(_i ? 100 + 6 : 101)); /* the grace is 7 s */
	last = rig_tcp(r, &one, B, FIN | ACK, 77);
	rig_stop(r);
	live_named(r, n, "a", 0);
	live_named(r, last, "a", 1);
	rig_free(r);
}
END_TEST

START_TEST(a_packet_long_after_the_close_event_does_not)
{
	struct rig *r = live_new(NULL);
	uint32_t n, last;

	live_open(r, &one, "a", 0);
	n = live_handshake(r, &one, 1);
	live_at(r, SEC(_i ? 20 : 100));
	live_close(r, "a", SEC(20));
	live_at(r, SEC(120));
	last = rig_tcp(r, &one, B, ACK, 77);
	rig_stop(r);
	live_named(r, n, "a", 0);
	live_generated(r, last);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_closed), 1);
	rig_free(r);
}
END_TEST

START_TEST(a_wait_longer_than_two_ticks_keeps_nobody_else_waiting)
{
	struct rig_config config = live_defaults;
	struct conn two = nth(1);
	struct rig *r;
	uint32_t a, b;

	config.uuid_wait_ns = SEC(600);
	r = live_new(&config);
	a = live_handshake(r, &one, 1);
	live_open(r, &two, "b", 0);
	b = live_handshake(r, &two, 1);
	live_at(r, SEC(100));
	ck_assert_uint_eq(live_listed(r, FLOW_WAITING), 1); /* the one without a name */
	ck_assert_uint_eq(live_listed(r, FLOW_OPEN), 0);
	live_open(r, &one, "a", MS(1));
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	rig_end(r, b, "idle");
	rig_free(r);
}
END_TEST

/* ---- events that repeat or contradict each other --------------------------------------------- */

START_TEST(the_same_open_twice_counts_as_repeated)
{
	struct rig *r = live_new(NULL);
	uint32_t n;

	live_open(r, &one, "a", 0);
	if (_i & 1)
		live_open(r, &one, "a", 0);
	n = live_handshake(r, &one, 1);
	if (_i & 2)
		live_open(r, &one, "a", MS(1));
	live_at(r, SEC(100)); /* the flow is over, its connection is not */
	if (_i & 4)
		live_open(r, &one, "a", MS(1));
	rig_stop(r);
	live_named(r, n, "a", 0);
	live_check_opens(r, 1, 0, 0);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_repeated), r->opens - 1);
	rig_free(r);
}
END_TEST

START_TEST(one_uuid_for_two_tuples_names_both_and_is_counted)
{
	struct rig_config config = live_defaults;
	struct conn two = nth(1);
	struct rig *r;
	uint32_t a, b;

	config.shared_uuids = true;
	r = live_new(&config);
	live_open(r, &one, "a", 0);
	live_open(r, &two, "a", 0);
	a = live_handshake(r, &one, 1);
	b = live_handshake(r, &two, 1);
	rig_stop(r);
	ck_assert_uint_eq(r->stats.uuid_collisions, 1);
	ck_assert(rig_same_flow(r, a, b) && !rig_same(r, a, b));
	ck_assert_str_eq(rig_file(r, a)->record.uuid, "a");
	live_check_opens(r, 2, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(closes_are_counted_once_each)
{
	struct rig *r = live_new(NULL);

	live_close(r, "never", 0);
	live_open(r, &one, "a", 0);
	live_handshake(r, &one, 1);
	live_close(r, "a", MS(1));
	live_close(r, "a", MS(1));
	rig_stop(r);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_closed), 1);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_unknown_close), 2);
	rig_free(r);
}
END_TEST

/* ---- how long names are kept ----------------------------------------------------------------- */

#define HOUR SEC(3600)

START_TEST(names_outlive_a_loss_of_the_stream_by_a_day)
{
	struct rig *r = live_new(NULL);
	struct conn c[3] = {nth(0), nth(1), nth(3)};
	uint32_t n[3];

	for (int i = 0; i < 3; i++) {
		live_open(r, &c[i], i == 0 ? "a" : i == 1 ? "b" : "c", 0);
		live_handshake(r, &c[i], 1);
	}
	live_at(r, SEC(_i == 2 ? 10 : 100)); /* the flows are alive yet, or over */
	demux_stream(r->demux, false);
	live_at(r, 2 * HOUR);
	if (_i == 1) /* the server is back; it tells of one of them again */
		demux_stream(r->demux, true);
	live_open(r, &c[0], "a", 0);
	live_at(r, 23 * HOUR);
	n[1] = rig_data(r, &c[1], A, 1);
	live_at(r, 25 * HOUR);
	n[0] = rig_data(r, &c[0], A, 1);
	n[2] = rig_data(r, &c[2], A, 1);
	rig_stop(r);
	live_named(r, n[0], "a", 1);
	live_named(r, n[1], "b", 1);
	live_generated(r, n[2]);
	rig_free(r);
}
END_TEST

START_TEST(names_are_kept_for_ever_while_the_stream_is_up)
{
	struct rig *r = live_new(NULL);
	uint32_t n;

	live_open(r, &one, "a", 0);
	live_handshake(r, &one, 1);
	live_at(r, 24 * 30 * HOUR);
	n = rig_data(r, &one, A, 1);
	rig_stop(r);
	live_named(r, n, "a", 1);
	rig_free(r);
}
END_TEST

START_TEST(the_oldest_names_that_wait_for_packets_go_beyond_max_flows)
{
	enum { ROOM = 50, MORE = 20 };
	struct rig_config config = live_defaults;
	uint32_t n[ROOM + MORE];
	struct rig *r;

	config.max_flows = ROOM;
	r = live_new(&config);
	for (uint32_t i = 0; i < ROOM + MORE; i++) {
		char uuid[16];
		struct conn c = nth(i);

		(void)snprintf(uuid, sizeof(uuid), "u%u", i);
		live_open(r, &c, uuid, 0);
	}
	ck_assert_uint_eq(demux_stats(r->demux)->events_pending, ROOM);
	for (uint32_t i = 0; i < ROOM + MORE; i++) {
		struct conn c = nth(i);

		n[i] = rig_data(r, &c, A, 1);
	}
	rig_stop(r);
	for (uint32_t i = 0; i < ROOM + MORE; i++)
		ck_assert_int_eq(rig_file(r, n[i])->record.uuid_source == UUID_EVENT, i >= MORE);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_evicted), MORE);
	live_check_opens(r, ROOM, 0, 0);
	rig_free(r);
}
END_TEST

/* ---- the same connection, seen in several ways ----------------------------------------------- */

START_TEST(mapped_addresses_are_those_that_they_map)
{
	struct conn plain = one, mapped = one;
	struct rig *r = live_new(NULL);
	uint32_t n;

	mapped.family = 64;
	if (_i & 1)
		live_open(r, _i & 2 ? &plain : &mapped, "a", 0);
	n = live_handshake(r, _i & 2 ? &mapped : &plain, 1);
	if (!(_i & 1))
		live_open(r, _i & 2 ? &plain : &mapped, "a", MS(1));
	rig_stop(r);
	live_named(r, n, "a", 0);
	rig_free(r);
}
END_TEST

START_TEST(flows_on_interfaces_of_two_link_types_share_their_name)
{
	struct rig_config config = live_defaults;
	struct frame ethernet = {.conn = &one, .tcp_flags = SYN, .seq = 1}, raw = ethernet;
	struct rig *r;
	uint32_t a, b;

	config.shared_uuids = true;
	raw.linktype = FRAME_RAW;
	r = live_new(&config);
	if (_i == 0)
		live_open(r, &one, "a", 0);
	a = rig_send(r, &ethernet);
	if (_i == 1)
		live_open(r, &one, "a", 0);
	b = rig_send(r, &raw);
	if (_i == 2)
		live_open(r, &one, "a", 0);
	rig_stop(r);
	ck_assert_str_eq(rig_file(r, a)->record.uuid, "a");
	ck_assert_str_eq(rig_file(r, b)->record.uuid, "a");
	ck_assert(!rig_same(r, a, b));
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(flows_told_apart_by_vlan_share_their_name)
{
	struct rig_config config = live_defaults;
	struct conn tagged = one;
	struct rig *r;
	uint32_t a, b;

	config.shared_uuids = true;
	config.vlan_key = VLAN_KEY_YES;
	tagged.vlan[0] = 7;
	r = live_new(&config);
	if (_i == 0)
		live_open(r, &one, "a", 0);
	a = live_handshake(r, &one, 1);
	b = live_handshake(r, &tagged, 1);
	if (_i == 1)
		live_open(r, &one, "a", MS(1));
	rig_stop(r);
	ck_assert_str_eq(rig_file(r, a)->record.uuid, "a");
	ck_assert_str_eq(rig_file(r, b)->record.uuid, "a");
	ck_assert(!rig_same(r, a, b));
	rig_free(r);
}
END_TEST

/* Slots that a look-up of anything between the ends of a connection passes. */
static size_t passed(const struct rig *r, const struct conn *c)
{
	struct flow *f = NULL;
	size_t slots = 0;
	struct flowkey k;

	for (uint32_t i = 0; f == NULL && i < flowtable_touched(r->demux->table); i++) {
		f = flowtable_at(r->demux->table, i);
		if (f->key.port[0] != c->port[A] && f->key.port[1] != c->port[A])
			f = NULL;
	}
	ck_assert_ptr_nonnull(f);
	k = f->key;
	k.proto = 255; /* of no flow: all of them are passed */
	ck_assert_ptr_null(flowtable_next_ends(r->demux->table, &k, f->hash, &slots));
	return slots;
}

START_TEST(no_choice_of_vlans_makes_the_table_slow)
{
	enum { VLANS = 4000, NAMED = 16 };
	struct rig_config config = live_defaults;
	static uint32_t first[VLANS], second[VLANS];
	struct conn c = one;
	struct rig *r;
	int named = 0;

	config.shared_uuids = true;
	config.vlan_key = VLAN_KEY_YES;
	config.max_flows = VLANS;
	r = live_new(&config);
	for (int i = 0; i < VLANS; i++) {
		c.vlan[0] = (uint16_t)(1 + i);
		first[i] = live_handshake(r, &c, 1);
	}
	ck_assert_uint_lt(passed(r, &c), 200); /* of random keys, at three slots in four */
	live_open(r, &one, "a", MS(1));
	for (int i = VLANS; i-- > 0;) {
		c.vlan[0] = (uint16_t)(1 + i);
		second[i] = live_fins(r, &c);
	}
	ck_assert_uint_eq(flowtable_count(r->demux->table), VLANS);
	ck_assert_uint_eq(r->demux->apart, VLANS - NAMED);
	live_at(r, MS(600000)); /* flows end, as many as the savers have room for */
	ck_assert_uint_lt(flowtable_count(r->demux->table), VLANS);
	ck_assert_uint_le(r->demux->apart, flowtable_count(r->demux->table));
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, VLANS - NAMED + 1); /* by name */
	ck_assert_uint_eq(r->file_count, VLANS);
	for (int i = 0; i < VLANS; i++) {
		ck_assert(rig_same(r, first[i], second[i]));
		named += strcmp(rig_file(r, first[i])->record.uuid, "a") == 0;
	}
	ck_assert_int_eq(named, NAMED);
	rig_free(r);
}
END_TEST

/* Who is found apart goes to the saver of the others: what shares a name is numbered in order. */
START_TEST(flows_of_one_name_are_numbered_in_order_however_many)
{
	enum { VLANS = 60 };
	struct rig_config config = live_defaults;
	struct conn c = one;
	uint32_t first[VLANS];
	struct rig *r;

	config.shared_uuids = true;
	config.vlan_key = VLAN_KEY_YES;
	r = live_new(&config);
	live_open(r, &one, "a", 0);
	for (int i = 0; i < VLANS; i++) {
		c.vlan[0] = (uint16_t)(1 + i);
		first[i] = live_handshake(r, &c, 1);
	}
	rig_stop(r);
	for (int i = 0; i < VLANS; i++)
		live_named(r, first[i], "a", (uint32_t)i);
	rig_free(r);
}
END_TEST

/* ---- without a name: dropped ----------------------------------------------------------------- */

static struct rig *new_dropping(void)
{
	struct rig_config config = live_defaults;

	config.all_protocols = true;
	config.uuid_missing = UUID_MISSING_DROP;
	return live_new(&config);
}

START_TEST(what_nobody_named_in_time_is_dropped_and_counted)
{
	struct rig *r = new_dropping();
	struct conn two = nth(1);
	uint32_t a, b;

	a = live_handshake(r, &one, 1);
	rig_data(r, &one, A, 3000);
	live_open(r, &two, "b", 0);
	b = live_handshake(r, &two, 1);
	if (_i & 1) {
		demux_flush(r->demux);
		live_run(r);
		live_await_staged(r, "", 2);
		rig_data(r, &one, A, 3000);
	}
	if (_i & 2)
		live_fins(r, &one);
	if (_i & 4)
		live_at(r, SEC(90));
	rig_stop(r);
	ck_assert(!rig_published(r, a));
	live_named(r, b, "b", 0);
	ck_assert_uint_eq(rig_dropped(r, DROP_no_uuid), r->sent_count - 3);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_that_is_named_while_it_lives_is_kept_whole)
{
	struct rig *r = new_dropping();
	uint32_t n = live_handshake(r, &one, 1), last = 0;

	for (int i = 1; i < 5; i++) {
		live_at(r, SEC(10) * i);
		last = rig_data(r, &one, A, 100);
	}
	live_open(r, &one, "a", MS(1));
	rig_stop(r);
	live_named(r, n, "a", 0);
	ck_assert(rig_same(r, n, last));
	ck_assert_uint_eq(ledger_dropped(&r->ledger), 0);
	rig_free(r);
}
END_TEST

START_TEST(flows_that_no_event_can_name_neither_wait_nor_go)
{
	struct rig *r = _i ? new_dropping() : NULL;
	struct rig_config config = live_defaults;
	struct conn udp = {.family = 4, .proto = 17, .host = {1, 2}, .port = {5353, 53}};
	uint32_t n;

	config.all_protocols = true;
	config.uuid_wait_ns = SEC(600);
	if (r == NULL)
		r = live_new(&config);
	n = rig_send(r, &(struct frame){.conn = &udp, .payload_bytes = 40});
	live_at(r, SEC(100));
	ck_assert_uint_eq(live_listed(r, FLOW_OPEN), 0);
	rig_stop(r);
	live_generated(r, n);
	rig_end(r, n, "idle");
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux events");
	TCase *t = tcase_create("events");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, an_event_before_the_packets_names_them, 0, 2);
	tcase_add_loop_test(t, an_event_between_the_packets_names_them_all, 0, 2);
	tcase_add_loop_test(
	    t, a_flow_that_is_over_is_not_published_before_its_event_has_come, 0, 2);
	tcase_add_test(t, a_flow_that_is_over_is_published_when_the_wait_is);
	tcase_add_test(t, a_named_flow_that_is_over_waits_for_nothing_but_stragglers);
	tcase_add_test(t, packets_that_come_while_a_flow_waits_for_its_name_join_it);
	tcase_add_loop_test(t, an_event_after_publication_is_late_and_names_later_parts, 0, 2);
	tcase_add_loop_test(t, a_late_event_names_a_later_part_that_was_flushed_before, 0, 2);
	tcase_add_loop_test(t, an_open_flow_takes_its_name_however_late_the_event, 0, 2);
	tcase_add_loop_test(t, an_open_flow_that_nobody_names_is_one_file_all_the_same, 0, 2);
	tcase_add_test(t, a_stop_during_the_wait_publishes_under_a_name_of_our_own);
	tcase_add_test(t, an_event_for_a_flow_long_forgotten_waits_in_vain);
	tcase_add_loop_test(t, a_connection_that_idles_goes_on_as_the_next_part, 0, 2);
	tcase_add_loop_test(
	    t, a_packet_on_the_heels_of_the_close_event_belongs_to_the_connection, 0, 2);
	tcase_add_loop_test(t, a_packet_long_after_the_close_event_does_not, 0, 2);
	tcase_add_test(t, a_wait_longer_than_two_ticks_keeps_nobody_else_waiting);
	tcase_add_loop_test(t, the_same_open_twice_counts_as_repeated, 0, 8);
	tcase_add_test(t, one_uuid_for_two_tuples_names_both_and_is_counted);
	tcase_add_test(t, closes_are_counted_once_each);
	tcase_add_loop_test(t, names_outlive_a_loss_of_the_stream_by_a_day, 0, 3);
	tcase_add_test(t, names_are_kept_for_ever_while_the_stream_is_up);
	tcase_add_test(t, the_oldest_names_that_wait_for_packets_go_beyond_max_flows);
	tcase_add_loop_test(t, mapped_addresses_are_those_that_they_map, 0, 4);
	tcase_add_loop_test(t, flows_on_interfaces_of_two_link_types_share_their_name, 0, 3);
	tcase_add_loop_test(t, flows_told_apart_by_vlan_share_their_name, 0, 2);
	tcase_add_test(t, no_choice_of_vlans_makes_the_table_slow);
	tcase_add_test(t, flows_of_one_name_are_numbered_in_order_however_many);
	tcase_add_loop_test(t, what_nobody_named_in_time_is_dropped_and_counted, 0, 8);
	tcase_add_test(t, a_flow_that_is_named_while_it_lives_is_kept_whole);
	tcase_add_loop_test(t, flows_that_no_event_can_name_neither_wait_nor_go, 0, 2);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
