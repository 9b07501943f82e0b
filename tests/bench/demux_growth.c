/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet costs where a million flows are open, against where few are. Packets are spread
 * over the flows at random. Both demuxes are there at once and take turns, so that a noisy machine
 * hits both.
 */
#include <stdio.h>

#include "demux_input.h"
#include "demux_rig.h"
#include "demux_rows.h"

#define FEW_FLOWS 10000

/* A million packets a second: of the packets' time, not ours. */
#define STEP_NS 1000

#define ROUND_BURSTS ((1u << 20) / INPUT_BURST)

/* Bytes that a packet is kept in, at least: what fills the memory that flows may hold. */
#define KEPT_BYTES 82

struct side_of {
	struct rig rig;
	uint32_t flows;
	struct random random;
	int64_t ts_ns;
	double best, source; /* nanoseconds per packet */
	uint64_t packets, batches;
};

static void give(struct demux *d, const struct input_burst *b)
{
	for (unsigned i = 0; i < b->count; i += DEMUX_BURST)
		demux_packets(
		    d, &b->packets[i], b->count - i < DEMUX_BURST ? b->count - i : DEMUX_BURST);
}

/* One packet of each flow, in a row, then as many at random as fill the memory. */
static void fill(struct side_of *s, struct input_burst *b, uint64_t max_memory_bytes)
{
	uint64_t packets = max_memory_bytes / 2 / KEPT_BYTES + 2 * (uint64_t)s->flows;

	for (uint32_t i = 0; i < s->flows;) {
		b->count = 0;
		while (b->count < INPUT_BURST && i < s->flows)
			input_add(b, i++, 0, s->ts_ns += STEP_NS);
		give(s->rig.demux, b);
	}
	for (uint64_t i = 0; i < packets; i += INPUT_BURST) {
		input_random(b, &s->random, s->flows, &s->ts_ns, STEP_NS);
		give(s->rig.demux, b);
	}
}

static double time_bursts(struct side_of *s, struct input_burst *b, struct demux *d)
{
	int64_t start = rig_cpu_ns();

	for (unsigned i = 0; i < ROUND_BURSTS; i++) {
		input_random(b, &s->random, s->flows, &s->ts_ns, STEP_NS);
		if (d != NULL)
			give(d, b);
	}
	return (double)(rig_cpu_ns() - start) / (ROUND_BURSTS * INPUT_BURST);
}

static void round_of(struct side_of *s, struct input_burst *b)
{
	struct side_of idle = *s; /* the same packets, given to nobody */
	uint64_t batches = null_batches(s->rig.savers);
	double source = time_bursts(&idle, b, NULL), all = time_bursts(s, b, s->rig.demux);

	s->packets += ROUND_BURSTS * INPUT_BURST;
	s->batches += null_batches(s->rig.savers) - batches;
	if (s->source == 0 || source < s->source)
		s->source = source;
	if (s->best == 0 || all - source < s->best)
		s->best = all - source;
}

static void detail(const struct side_of *s)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "a packet, %u flows", s->flows);
	rows_detail(text, s->best, "ns");
	(void)snprintf(text, sizeof(text), "batches per packet, %u flows", s->flows);
	rows_detail(text, (double)s->batches / (double)s->packets, "");
}

void rows_growth(const struct rows_options *o)
{
	struct side_of sides[2] = {{.flows = FEW_FLOWS}, {.flows = o->flows}};
	static struct input_burst b;

	input_begin(&b, INPUT_ACK);
	for (int i = 0; i < 2; i++) {
		struct rig_config config = {.place = NULL_IN_PLACE,
		    .max_memory_bytes = o->max_memory_bytes,
		    .max_flows = o->flows};

		sides[i].random.state = 1;
		sides[i].ts_ns = 1700000000 * RIG_SECOND_NS;
		rig_start(&config, &sides[i].rig);
		fill(&sides[i], &b, o->max_memory_bytes);
	}
	for (unsigned n = 0; n < o->rounds; n++)
		for (int i = 0; i < 2; i++)
			round_of(&sides[i], &b);
	rows_figure("cost of a packet, many flows against few", sides[1].best / sides[0].best,
	    "times", ROWS_AT_MOST, 2);
	for (int i = 0; i < 2; i++)
		detail(&sides[i]);
	rows_detail("the source alone, taken off", sides[1].source, "ns");
	for (int i = 0; i < 2; i++)
		rig_stop(&sides[i].rig);
}
