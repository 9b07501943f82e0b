/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of how events name the connections of a tuple that is used again and again: each by its
 * own, in whatever order packets and events come. The last test plays many conversations by chance,
 * and knows from how it made them which name each packet must have.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live_rig.h"
#include "support/quick.h"

static const struct conn one = {.family = 4, .host = {1, 2}, .port = {40000, 443}};

/* ---- tuples that are used again -------------------------------------------------------------- */

/* Which way the events bear times: rightly, or not at all. */
static int64_t stamp(int i, int64_t ns)
{
	return i & 1 ? NO_TIME : ns;
}

START_TEST(a_reused_tuple_has_the_new_name_from_the_syn_on)
{
	struct rig *r = live_new(NULL);
	uint32_t a, b, last;

	live_open(r, &one, "a", stamp(_i, 0));
	a = live_handshake(r, &one, 1);
	if (_i & 2)
		live_fins(r, &one);
	live_at(r, MS(_i & 4 ? 4000 : 500));
	b = live_handshake(r, &one, 900);
	live_at(r, MS(_i & 4 ? 4100 : 600));
	live_open(r, &one, "b", stamp(_i, r->clock_ns - MS(99)));
	last = rig_data(r, &one, A, 10);
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	ck_assert(rig_same(r, b, last));
	live_check_opens(r, 2, 0, 0);
	rig_free(r);
}
END_TEST

/* The event overtakes the SYN on its way through the ring: the SYN's time is before the event's. */
START_TEST(an_event_that_overtakes_the_syn_names_the_new_connection)
{
	struct rig *r = live_new(NULL);
	uint32_t a, b;

	live_open(r, &one, "a", stamp(_i, 0));
	a = live_handshake(r, &one, 1);
	if (_i & 2)
		live_fins(r, &one);
	live_at(r, MS(_i & 4 ? 4000 : 500));
	live_open(r, &one, "b", stamp(_i, r->clock_ns));
	rig_at(r, r->clock_ns - MS(5));
	b = live_handshake(r, &one, 900);
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	live_check_opens(r, 2, 0, 0);
	rig_free(r);
}
END_TEST

/* The same, but nobody has ever told of the connection before. */
START_TEST(an_event_that_overtakes_the_syn_does_not_name_the_connection_before)
{
	struct rig *r = live_new(NULL);
	uint32_t a = live_handshake(r, &one, 1), b;

	if (_i & 2)
		live_fins(r, &one);
	live_at(r, MS(_i & 4 ? 7000 : 500)); /* published, or not */
	live_open(r, &one, "b", r->clock_ns);
	rig_at(r, r->clock_ns - MS(5));
	b = live_handshake(r, &one, 900);
	if (_i & 1)
		live_open(r, &one, "a", MS(1));
	rig_stop(r);
	live_named(r, b, "b", 0);
	if ((_i & 1) && !(_i & 4))
		live_named(r, a, "a", 0);
	else
		ck_assert(!rig_same_flow(r, a, b));
	rig_free(r);
}
END_TEST

START_TEST(a_port_that_is_used_again_within_a_millisecond_does_not_keep_its_name)
{
	struct rig *r = live_new(NULL);
	uint32_t a, b;

	live_at(r, SEC(1));
	live_open(r, &one, "a", r->clock_ns);
	a = live_handshake(r, &one, 1);
	rig_at(r, r->clock_ns + MS(1) / 2);
	b = live_handshake(r, &one, 900);
	live_open(r, &one, "b", r->clock_ns + MS(2));
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	rig_free(r);
}
END_TEST

/* A server may give its times in whole seconds: they are before all packets of that second. */
START_TEST(an_event_that_tells_whole_seconds_names_the_present_connection)
{
	struct rig *r = live_new(NULL);
	uint32_t a, b;

	live_at(r, MS(100));
	a = live_handshake(r, &one, 1);
	live_open(r, &one, "a", -1000);
	live_at(r, MS(500));
	b = live_handshake(r, &one, 900);
	live_open(r, &one, "b", -1000);
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	live_check_opens(r, 2, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_pushed_off_its_tuple_waits_for_its_name_and_gets_it)
{
	struct rig *r = live_new(NULL);
	uint32_t a = live_handshake(r, &one, 1), b;

	if (_i & 2)
		live_fins(r, &one);
	live_at(r, MS(500));
	b = live_handshake(r, &one, 900);
	live_at(r, SEC(4));
	ck_assert_uint_eq(live_listed(r, FLOW_WAITING), 1);
	live_open(r, &one, "a", stamp(_i, MS(1)));
	live_run(r);
	ck_assert_uint_eq(live_listed(r, FLOW_WAITING), 0);
	live_open(r, &one, "b", stamp(_i, MS(501)));
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	rig_end(r, a, "reused");
	live_check_opens(r, 2, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_flow_pushed_off_its_tuple_goes_without_a_name_when_the_wait_is_over)
{
	struct rig *r = live_new(NULL);
	uint32_t a = live_handshake(r, &one, 1), b;

	live_at(r, MS(500));
	b = live_handshake(r, &one, 900);
	live_at(r, MS(5100));
	ck_assert_uint_eq(live_listed(r, FLOW_WAITING), 0);
	live_open(r, &one, "b", stamp(_i, MS(501)));
	rig_stop(r);
	live_generated(r, a);
	live_named(r, b, "b", 0);
	live_check_opens(r, 1, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(three_connections_within_the_wait_get_their_names_in_whatever_order)
{
	static const int orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const char *const names[] = {"a", "b", "c"};
	const int *order = orders[_i % 6];
	struct rig *r = live_new(NULL);
	uint32_t n[3];

	for (int i = 0; i < 3; i++) {
		live_at(r, MS(500) * i);
		n[i] = live_handshake(r, &one, 1 + (uint32_t)i * 100);
		if (_i / 6 == 1)
			live_fins(r, &one);
	}
	live_at(r, SEC(4));
	for (int i = 0; i < 3; i++) {
		live_open(
		    r, &one, names[order[i]], _i == 12 ? NO_TIME : MS(500) * order[i] + MS(1));
		live_at(r, r->clock_ns + MS(200));
	}
	rig_stop(r);
	for (int i = 0; i < 3; i++)
		live_named(r, n[i], names[i], 0);
	live_check_opens(r, 3, 0, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_syn_long_after_an_unused_name_was_closed_does_not_take_it)
{
	struct rig *r = live_new(NULL);
	uint32_t n;

	live_open(r, &one, "a", stamp(_i, 0));
	live_at(r, MS(200));
	live_close(r, "a", stamp(_i, MS(200)));
	live_at(r, SEC(20));
	n = live_handshake(r, &one, 1);
	rig_stop(r);
	live_generated(r, n);
	live_check_opens(r, 0, 0, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_syn_that_its_time_tells_from_a_closed_connection_does_not_take_its_name)
{
	struct rig *r = live_new(NULL);
	uint32_t n;

	live_open(r, &one, "a", 0);
	live_close(r, "a", MS(200));
	live_at(r, SEC(2));
	n = live_handshake(r, &one, 1);
	rig_stop(r);
	live_generated(r, n);
	live_check_opens(r, 0, 0, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_connection_that_was_closed_before_its_packets_come_has_its_name)
{
	struct rig *r = live_new(NULL);
	uint32_t n;

	live_at(r, SEC(1));
	live_open(r, &one, "a", stamp(_i, SEC(1)));
	live_close(r, "a", stamp(_i, SEC(1) + MS(9)));
	rig_at(r, SEC(1) - MS(1));
	n = live_handshake(r, &one, 1);
	live_fins(r, &one);
	live_at(r, SEC(20));
	rig_stop(r);
	live_named(r, n, "a", 0);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_closed), 1);
	rig_free(r);
}
END_TEST

START_TEST(a_connection_that_idled_and_was_replaced_unheard_is_told_by_its_isn)
{
	struct rig *r = live_new(NULL);
	uint32_t a, b;

	live_open(r, &one, "a", 0);
	a = live_handshake(r, &one, 1);
	live_at(r, SEC(99));
	if (_i & 2)
		rig_data(r, &one, B, 1); /* the client says nothing before its next SYN */
	live_at(r, SEC(100));
	b = live_handshake(r, &one, 900);
	live_at(r, SEC(101));
	live_open(r, &one, "b", stamp(_i, SEC(100) + MS(1)));
	rig_stop(r);
	live_named(r, a, "a", 0);
	live_named(r, b, "b", 0);
	rig_free(r);
}
END_TEST

/* ---- by chance ------------------------------------------------------------------------------- */

/*
 * TALKS tuples per run, each with up to four connections one after the other. Packets reach the
 * demux LATENCY after their time, as through a ring, so that an event can overtake them. Where
 * events bear times, some are lost, and some come after the wait; where they bear none, they come
 * in order and in time.
 */
#define RUNS        80
#define TALKS       40
#define CONNECTIONS 4
#define PACKETS     10
#define LATENCY     MS(20)
#define WAIT        SEC(5)

struct connection {
	char uuid[16];
	int64_t syn, last;          /* times of its first and last packet */
	int64_t event_ts, event_at; /* -1: lost */
	int64_t close_at;           /* -1: lost */
	uint32_t numbers[PACKETS];
	int64_t came_at[PACKETS];
	uint32_t count;
};

struct talk {
	struct conn conn;
	struct connection connections[CONNECTIONS];
	uint32_t count;
};

enum what { SEND_SYN, SEND_SYNACK, SEND_DATA, SEND_FIN, SEND_RST, TELL_OPEN, TELL_CLOSE };

struct action {
	int64_t at;
	uint32_t order, talk, connection;
	enum what what;
	enum end from;
};

struct play {
	struct rig *rig;
	uint64_t random;
	bool timeless;
	struct talk talks[TALKS];
	struct action actions[TALKS * CONNECTIONS * (PACKETS + 4)];
	uint32_t action_count;
};

static int64_t chance_ns(struct play *x, uint32_t most_ms)
{
	return MS(rig_random(&x->random, most_ms + 1));
}

static void act(struct play *x, uint32_t talk, enum what what, enum end from, int64_t at)
{
	uint32_t n = x->action_count++;

	rig_must(n < sizeof(x->actions) / sizeof(x->actions[0]));
	x->actions[n] = (struct action){at, n, talk, x->talks[talk].count, what, from};
}

/* Returns: the time of its last packet. */
static int64_t plan_packets(struct play *x, uint32_t t, int64_t syn)
{
	uint32_t data = rig_random(&x->random, 5);
	int64_t at = syn;

	act(x, t, SEND_SYN, A, at + LATENCY);
	act(x, t, SEND_SYNACK, B, at + LATENCY + MS(1));
	act(x, t, SEND_DATA, A, at + LATENCY + MS(2));
	at += MS(2);
	for (uint32_t i = 0; i < data; i++) {
		bool pause = rig_random(&x->random, 6) == 0;

		/* The client goes on first, so that its next SYN is known from its packets. */
		at += pause ? SEC(15) : chance_ns(x, 2000);
		act(x, t, SEND_DATA, pause || rig_random(&x->random, 2) ? A : B, at + LATENCY);
	}
	switch (rig_random(&x->random, 3)) {
	case 0:
		act(x, t, SEND_FIN, A, at + LATENCY + MS(1));
		act(x, t, SEND_FIN, B, at + LATENCY + MS(2));
		return at + MS(2);
	case 1:
		act(x, t, SEND_RST, B, at + LATENCY + MS(1));
		return at + MS(1);
	}
	return at;
}

/* An event that overtakes its SYN is taken for that of a connection before, if that has none. */
static void plan_events(struct play *x, uint32_t t, struct connection *c)
{
	int64_t life = c->last - c->syn;
	bool unnamed_before =
	    x->talks[t].count > 0 && (c[-1].event_at < 0 || c[-1].event_at > c->syn);

	c->event_at = c->close_at = -1;
	if (!x->timeless && rig_random(&x->random, 8) == 0)
		return;
	c->event_ts = c->syn + chance_ns(x, (uint32_t)(life < SEC(3) ? life / MS(1) : 3000));
	if (x->timeless || unnamed_before)
		c->event_at = c->syn + LATENCY + MS(3);
	else if (rig_random(&x->random, 2))
		c->event_at = c->event_ts + chance_ns(x, 30);
	else
		c->event_at = c->event_ts + chance_ns(x, life > SEC(8) ? 8000 : 1500);
	act(x, t, TELL_OPEN, A, c->event_at);
	if (rig_random(&x->random, 8) == 0)
		act(x, t, TELL_OPEN, A, c->event_at + chance_ns(x, 100));
	if (rig_random(&x->random, 4) == 0)
		return;
	c->close_at = (c->last > c->event_at ? c->last : c->event_at) + LATENCY + MS(101);
	act(x, t, TELL_CLOSE, A, c->close_at);
}

static int in_time(const void *a, const void *b)
{
	const struct action *x = a, *y = b;

	if (x->at != y->at)
		return (x->at > y->at) - (x->at < y->at);
	return (x->order > y->order) - (x->order < y->order);
}

static void plan(struct play *x)
{
	for (uint32_t t = 0; t < TALKS; t++) {
		uint32_t wanted = 1 + rig_random(&x->random, CONNECTIONS);
		struct talk *talk = &x->talks[t];
		int64_t at = SEC(1) + chance_ns(x, 9000);

		talk->conn = (struct conn){.family = t % 3 == 2 ? 6 : 4,
		    .host = {10 + t, 2},
		    .port = {(uint16_t)(1024 + t), 443}};
		for (; talk->count < wanted; talk->count++) {
			struct connection *c = &talk->connections[talk->count];

			(void)snprintf(c->uuid, sizeof(c->uuid), "t%u.c%u", t, talk->count);
			c->syn = at;
			c->last = plan_packets(x, t, at);
			plan_events(x, t, c);
			at = c->last + MS(300);
			at += rig_random(&x->random, 4) == 0 ? SEC(12) : chance_ns(x, 2000);
		}
	}
	qsort(x->actions, x->action_count, sizeof(x->actions[0]), in_time);
}

static void do_send(struct play *x, const struct action *a, uint32_t isn)
{
	static const uint8_t flags[] = {SYN, SYN | ACK, ACK | PSH, FIN | ACK, RST};
	struct talk *talk = &x->talks[a->talk];
	struct connection *c = &talk->connections[a->connection];
	struct frame f = {.conn = &talk->conn,
	    .from = a->from,
	    .tcp_flags = flags[a->what],
	    .seq = isn + (a->what != SEND_SYN),
	    .payload_bytes = a->what == SEND_DATA ? 300 : 0};

	rig_must(c->count < PACKETS);
	rig_at(x->rig, a->at - LATENCY);
	c->came_at[c->count] = a->at;
	c->numbers[c->count++] = rig_send(x->rig, &f);
}

static void perform(struct play *x)
{
	for (uint32_t i = 0; i < x->action_count; i++) {
		const struct action *a = &x->actions[i];
		struct talk *talk = &x->talks[a->talk];
		struct connection *c = &talk->connections[a->connection];

		live_at(x->rig, a->at);
		if (a->what == TELL_OPEN)
			live_open(
			    x->rig, &talk->conn, c->uuid, x->timeless ? NO_TIME : c->event_ts);
		else if (a->what == TELL_CLOSE)
			live_close(x->rig, c->uuid, x->timeless ? NO_TIME : c->last);
		else
			do_send(x, a, 1000 * (a->connection + 1));
	}
}

/* Never another's name; and its own wherever the event came in time for that. */
static void check_names(const struct play *x, const struct connection *c)
{
	bool in_wait = c->event_at >= 0 && c->event_at <= c->syn + LATENCY + WAIT - MS(200);

	for (uint32_t i = 0; i < c->count; i++) {
		const struct record *r = &rig_file(x->rig, c->numbers[i])->record;
		bool must = in_wait || (c->event_at >= 0 && c->came_at[i] >= c->event_at);

		if (r->uuid_source == UUID_EVENT ? strcmp(r->uuid, c->uuid) != 0 : must)
			ck_abort_msg("packet %u, the %u. of %s, is in %s~%u", c->numbers[i], i,
			    c->uuid, r->uuid, r->part);
	}
}

START_TEST(conversations_by_chance_have_their_names)
{
	struct rig_config config = live_defaults;
	struct play *x = calloc(1, sizeof(*x));

	ck_assert_ptr_nonnull(x);
	config.mode = KEEPER_WAIT; /* nothing depends on how fast the savers are */
	config.idle_ns = WAIT;
	config.linger_ns = MS(500);
	config.flush_ns = SEC(1 + _i % 4);
	config.uuid_wait_ns = WAIT;
	x->random = 5000 + (uint64_t)_i;
	x->timeless = _i % 4 == 3;
	plan(x);
	x->rig = live_new(&config);
	perform(x);
	if (_i & 1)
		live_at(x->rig, x->rig->clock_ns + SEC(30));
	rig_stop(x->rig);
	for (uint32_t t = 0; t < TALKS; t++)
		for (uint32_t i = 0; i < x->talks[t].count; i++)
			check_names(x, &x->talks[t].connections[i]);
	rig_free(x->rig);
	free(x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux events, tuples used again");
	TCase *t = tcase_create("reuse");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, a_reused_tuple_has_the_new_name_from_the_syn_on, 0, 8);
	tcase_add_loop_test(t, an_event_that_overtakes_the_syn_names_the_new_connection, 0, 8);
	tcase_add_loop_test(
	    t, an_event_that_overtakes_the_syn_does_not_name_the_connection_before, 0, 8);
	tcase_add_test(t, a_port_that_is_used_again_within_a_millisecond_does_not_keep_its_name);
	tcase_add_test(t, an_event_that_tells_whole_seconds_names_the_present_connection);
	tcase_add_loop_test(t, a_flow_pushed_off_its_tuple_waits_for_its_name_and_gets_it, 0, 4);
	tcase_add_loop_test(
	    t, a_flow_pushed_off_its_tuple_goes_without_a_name_when_the_wait_is_over, 0, 2);
	tcase_add_loop_test(
	    t, three_connections_within_the_wait_get_their_names_in_whatever_order, 0, 13);
	tcase_add_loop_test(t, a_syn_long_after_an_unused_name_was_closed_does_not_take_it, 0, 2);
	tcase_add_test(
	    t, a_syn_that_its_time_tells_from_a_closed_connection_does_not_take_its_name);
	tcase_add_loop_test(
	    t, a_connection_that_was_closed_before_its_packets_come_has_its_name, 0, 2);
	tcase_add_loop_test(
	    t, a_connection_that_idled_and_was_replaced_unheard_is_told_by_its_isn, 0, 4);
	tcase_add_loop_test(
	    t, conversations_by_chance_have_their_names, 0, (int)quick_rounds_threads(RUNS, 16));
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
