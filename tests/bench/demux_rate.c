/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many packets per second the demux thread takes in, of a capture file that lies in memory. The
 * file is given again and again, each time later than every flow of the time before can live: the
 * first time pays for memory that is touched for the first time, the others do not.
 */
#include "demux_input.h"
#include "demux_rig.h"
#include "demux_rows.h"
#include "packet/decode.h"

/* How often a live capture tells the time: after every block of its ring. */
#define LIVE_BURST 256

/* In what a loop leaves here its work cannot be left out. */
static volatile uint64_t kept;

static __attribute__((noinline)) void no_demux(uint64_t *sum, const struct packet *p)
{
	*sum += p->data[0] + (uint64_t)p->ts_ns;
}

/* All packets, shifted in time, as a source hands them on: to the demux; NULL: to nobody. */
static void replay(const struct input_capture *c, struct demux *d, int64_t shift_ns, bool live)
{
	unsigned most = live ? 1 : DEMUX_BURST, n;
	struct packet burst[DEMUX_BURST];
	uint64_t sum = 0;

	for (size_t i = 0; i < c->count; i += n) {
		for (n = 0; n < most && i + n < c->count; n++) {
			burst[n] = c->packets[i + n];
			burst[n].ts_ns += shift_ns;
			if (d == NULL)
				no_demux(&sum, &burst[n]);
		}
		if (d != NULL)
			demux_packets(d, burst, n);
		if (d != NULL && live && i % LIVE_BURST == 0)
			(void)demux_run(d, burst[0].ts_ns); /* what is due comes with the next */
	}
	kept = sum;
}

enum stage { STAGE_SOURCE, STAGE_DECODE, STAGE_KEY, STAGES };

/* A part of what the demux does with all packets. */
static void do_stage(const struct input_capture *c, enum stage stage, const struct hash_key *seed)
{
	struct decoded d;
	struct flowkey k;
	uint64_t sum = 0;

	for (size_t i = 0; i < c->count; i++) {
		enum decode_result r = decode_packet(&c->packets[i], &d);

		if (r != DECODE_OK)
			continue;
		sum += d.sport;
		if (stage < STAGE_KEY)
			continue;
		sum += flowkey_make(&d, c->packets[i].linktype, VLAN_KEY_NO, &k);
		sum += flowkey_hash(seed, &k);
	}
	kept = sum;
}

/* The best of some rounds, nanoseconds per packet. */
static double time_stage(const struct input_capture *c, enum stage stage, unsigned rounds)
{
	static const struct hash_key seed = {1, 2};
	int64_t best = INT64_MAX;

	for (unsigned i = 0; i < rounds; i++) {
		int64_t start = rig_cpu_ns(), took;

		if (stage == STAGE_SOURCE)
			replay(c, NULL, 1, false);
		else
			do_stage(c, stage, &seed);
		took = rig_cpu_ns() - start;
		best = took < best ? took : best;
	}
	return (double)best / (double)c->count;
}

struct timing {
	double first, best; /* nanoseconds per packet */
	double batches;     /* per packet */
};

static struct timing time_demux(
    const struct input_capture *c, const struct rig_config *config, unsigned rounds)
{
	int64_t later_ns = c->span_ns + 4 * RIG_IDLE_NS;
	struct timing t = {0};
	struct rig r;

	rig_start(config, &r);
	for (unsigned i = 0; i < rounds; i++) {
		int64_t start = rig_cpu_ns();
		double took;

		replay(c, r.demux, (int64_t)i * later_ns, config->live);
		took = (double)(rig_cpu_ns() - start) / (double)c->count;
		if (i == 0)
			t.first = took;
		if (i == 0 || took < t.best)
			t.best = took;
	}
	t.batches = (double)null_batches(r.savers) / (double)c->count / rounds;
	rig_stop(&r);
	return t;
}

void rows_rate(const struct rows_options *o)
{
	static const struct {
		const char *what;
		bool live;
		enum null_place place;
	} kinds[] = {
	    {"demux alone, split, null store behind a queue", false, NULL_BEHIND_QUEUE},
	    {"demux alone, split, null store in place", false, NULL_IN_PLACE},
	    {"demux alone, capture, null store in place", true, NULL_IN_PLACE},
	};
	struct input_capture c;
	double source;

	input_load(o->capture, &c);
	source = time_stage(&c, STAGE_SOURCE, o->rounds);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct rig_config config = {.live = kinds[i].live,
		    .place = kinds[i].place,
		    .max_memory_bytes = o->max_memory_bytes,
		    .max_flows = 1000000};
		struct timing t = time_demux(&c, &config, o->rounds);

		rows_figure(kinds[i].what, 1e3 / (t.best - source), "Mpkt/s", ROWS_AT_LEAST, 4);
		rows_detail("a packet, best round, without the source", t.best - source, "ns");
		rows_detail("the same, first round", t.first - source, "ns");
		rows_detail("batches per packet", t.batches, "");
	}
	rows_detail("the source alone", source, "ns");
	rows_detail("decoding alone", time_stage(&c, STAGE_DECODE, o->rounds), "ns");
	rows_detail("decoding, key and hash alone", time_stage(&c, STAGE_KEY, o->rounds), "ns");
	rows_detail("captured bytes a packet", (double)c.total_bytes / (double)c.count, "B");
	input_free(&c);
}
