/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A million flows of one packet each, as a live capture has them: what each costs in memory, and
 * how long the packets of others wait while they are flushed and while all of them end at once.
 *
 * A turn: one packet of every flow, in less than a tick; then only some busy flows go on, until all
 * others have been over for a while. The loop is that of a capture: a burst of packets, then
 * demux_run. How long one time around took is measured in CPU time, so that other processes on the
 * machine do not count; packets wait for as long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demux_input.h"
#include "demux_rig.h"
#include "demux_rows.h"
#include "flow/binding.h"
#include "packet/flowkey.h"

#define START_NS (1700000000 * RIG_SECOND_NS)

/* All flows begin in so many seconds of the demux's clock, and a turn ends after so many. */
#define BEGIN_NS (4 * RIG_SECOND_NS)
#define TURN_NS  (4 * RIG_IDLE_NS)

#define BUSY_FLOWS 10000

/* While nothing but the busy flows go on: the clock goes on as a block of a ring times out. */
#define QUIET_STEP_NS (RIG_SECOND_NS / 100)

/* Turns: chunks of all of them together are more than the memory has room for at once. */
#define TURNS 10

/* ---- memory ---------------------------------------------------------------------------------- */

static void name_flow(struct demux *d, uint32_t flow, const struct packet *p)
{
	struct event e = {.kind = EVENT_OPEN, .ts_ns = p->ts_ns};
	struct decoded decoded;
	struct flowkey k;

	if (decode_packet(p, &decoded) != DECODE_OK)
		abort(); /* we have made it */
	(void)flowkey_make(&decoded, 0, VLAN_KEY_NO, &k);
	e.key = k;
	(void)snprintf(e.uuid, sizeof(e.uuid), "bench_1577836800_%016X", flow);
	demux_event(d, &e);
}

/* Resident bytes per flow, and of these what the slabs are. */
static double measure(
    const struct rows_options *o, enum input_kind kind, bool events, double *slabs)
{
	struct rig_config config = {.live = true,
	    .events = events,
	    .place = NULL_IN_PLACE,
	    .max_memory_bytes = o->max_memory_bytes,
	    .max_flows = o->flows};
	static struct input_burst b;
	uint64_t before, after;
	struct rig r;

	input_begin(&b, kind);
	before = rig_resident_bytes();
	rig_start(&config, &r);
	for (uint32_t flow = 0; flow < o->flows; flow += b.count) {
		b.count = 0;
		while (b.count < INPUT_BURST && flow + b.count < o->flows)
			input_add(&b, flow + b.count, 0, START_NS);
		(void)demux_run(r.demux, START_NS); /* nothing is due */
		for (unsigned i = 0; i < b.count; i++) {
			if (events)
				name_flow(r.demux, flow + i, &b.packets[i]);
			demux_packet(r.demux, &b.packets[i]);
		}
	}
	after = rig_resident_bytes();
	*slabs = (double)slab_taken_bytes(r.slab) / o->flows;
	rig_stop(&r);
	return (double)(after - before) / o->flows;
}

void rows_memory(const struct rows_options *o)
{
	double slabs, all = measure(o, INPUT_SYN, false, &slabs);

	rows_figure("resident bytes per flow of one SYN", all, "B", ROWS_AT_MOST, 512);
	rows_detail("slabs, for its chunk", slabs, "B");
	rows_detail("struct flow", sizeof(struct flow), "B");
	rows_detail("slots of the table and all else", all - slabs - sizeof(struct flow), "B");
	all = measure(o, INPUT_ACK, false, &slabs);
	rows_detail("the same, of one ACK", all, "B");
	all = measure(o, INPUT_SYN, true, &slabs);
	rows_detail("the same, of one SYN, named by an event", all, "B");
	rows_detail("struct binding", sizeof(struct binding), "B");
}

/* ---- stalls ---------------------------------------------------------------------------------- */

enum phase { PHASE_BEGIN, PHASE_FLUSH, PHASE_END, PHASE_ASKED, PHASE_AGAIN, PHASES };

static const char *const phase_names[] = {[PHASE_BEGIN] = "while flows begin",
    [PHASE_FLUSH] = "while they are flushed",
    [PHASE_END] = "while all of them end",
    [PHASE_ASKED] = "flushed at once, as SIGUSR2 asks",
    [PHASE_AGAIN] = "the same again, nothing to flush"};

#define BOUNDS 8

static const int64_t bounds_us[BOUNDS] = {20, 50, 100, 500, 2000, 10000, 50000, INT64_MAX};

struct stalls {
	uint64_t times[BOUNDS]; /* by bounds_us */
	int64_t longest_ns;
	double seconds; /* CPU, all together */
};

struct turner {
	struct rig rig;
	uint32_t flows;
	struct random random;
	int64_t now_ns; /* the demux's clock */
	struct input_burst syns, acks;
	struct stalls stalls[PHASES];
};

static void note(struct stalls *s, int64_t took_ns)
{
	int i = 0;

	while (took_ns / 1000 >= bounds_us[i])
		i++;
	s->times[i]++;
	s->seconds += (double)took_ns / 1e9;
	if (took_ns > s->longest_ns)
		s->longest_ns = took_ns;
}

/* Once around the loop. Returns whether the demux asks to be called again at once. */
static bool around(struct turner *t, const struct input_burst *b, enum phase phase)
{
	int64_t start = rig_cpu_ns();
	bool more;

	for (unsigned i = 0; i < b->count; i++)
		demux_packet(t->rig.demux, &b->packets[i]);
	more = demux_run(t->rig.demux, t->now_ns);
	note(&t->stalls[phase], rig_cpu_ns() - start);
	return more;
}

static void begin_flows(struct turner *t)
{
	int64_t step_ns = BEGIN_NS / (int64_t)t->flows;

	for (uint32_t flow = BUSY_FLOWS; flow < t->flows;) {
		t->syns.count = 0;
		while (t->syns.count < INPUT_BURST && flow < t->flows)
			input_add(&t->syns, flow++, 0, t->now_ns += step_ns);
		(void)around(t, &t->syns, PHASE_BEGIN);
	}
}

/* The busy flows alone go on. */
static void go_on(struct turner *t, enum phase phase, int64_t until_ns)
{
	bool more = false;

	while (t->now_ns < until_ns) {
		/* Where more is due, the loop does not wait for the next block of a ring. */
		t->now_ns += more ? QUIET_STEP_NS / 500 : QUIET_STEP_NS;
		input_random(&t->acks, &t->random, BUSY_FLOWS, &t->now_ns, 0);
		more = around(t, &t->acks, phase);
	}
}

static void turn(struct turner *t, unsigned number)
{
	int64_t start_ns = t->now_ns;

	begin_flows(t);
	if (number % 2 != 0) {
		demux_flush(t->rig.demux);
		go_on(t, PHASE_ASKED, t->now_ns + RIG_SECOND_NS / 10);
		demux_flush(t->rig.demux);
		go_on(t, PHASE_AGAIN, t->now_ns + RIG_SECOND_NS / 10);
	}
	go_on(t, PHASE_FLUSH, start_ns + RIG_IDLE_NS - RIG_SECOND_NS);
	go_on(t, PHASE_END, start_ns + TURN_NS);
}

/* Keeps of two the one that was disturbed less. */
static void keep_best(struct stalls *best, const struct stalls *s, bool first)
{
	if (first || s->longest_ns < best->longest_ns)
		*best = *s;
}

static void show(const struct stalls *s, enum phase phase)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "longest %s", phase_names[phase]);
	rows_detail(text, (double)s->longest_ns / 1e6, "ms");
	printf("      %.2f s CPU; times around", s->seconds);
	for (int i = 0; i < BOUNDS - 1; i++)
		printf("  <%.10g ms: %llu", (double)bounds_us[i] / 1000,
		    (unsigned long long)s->times[i]);
	printf("  more: %llu\n", (unsigned long long)s->times[BOUNDS - 1]);
}

static void all_turns(const struct rows_options *o, struct turner *t)
{
	struct rig_config config = {.live = true,
	    .place = NULL_IN_PLACE,
	    .max_memory_bytes = o->max_memory_bytes,
	    .max_flows = o->flows};

	memset(t, 0, sizeof(*t));
	t->flows = o->flows;
	t->random.state = 1;
	t->now_ns = START_NS;
	input_begin(&t->syns, INPUT_SYN);
	input_begin(&t->acks, INPUT_ACK);
	rig_start(&config, &t->rig);
	for (unsigned i = 0; i < TURNS; i++)
		turn(t, i);
	rig_stop(&t->rig);
}

void rows_stall(const struct rows_options *o)
{
	unsigned rounds = o->rounds > 3 ? 3 : o->rounds; /* each is long */
	struct turner *t = malloc(sizeof(*t));
	struct stalls best[PHASES];
	int64_t longest = 0;

	if (t == NULL)
		abort();
	for (unsigned i = 0; i < rounds; i++) {
		all_turns(o, t);
		for (int p = 0; p < PHASES; p++)
			keep_best(&best[p], &t->stalls[p], i == 0);
	}
	for (int p = 0; p < PHASES; p++)
		longest = best[p].longest_ns > longest ? best[p].longest_ns : longest;
	rows_figure(
	    "longest stall of the demux loop", (double)longest / 1e6, "ms", ROWS_AT_MOST, 50);
	for (int p = 0; p < PHASES; p++)
		show(&best[p], (enum phase)p);
	free(t);
}
