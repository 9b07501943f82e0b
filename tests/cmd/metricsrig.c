/* SPDX-License-Identifier: BSD-2-Clause */
/* See metricsrig.h. */
#include "cmd/metricsrig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/decode.h"

#define MAX_MEMORY_BYTES (8 * SLAB_MIN_BYTES) /* what saverig gives */
#define MAX_FLOWS        1000

/* These stand in for those of capture/source_live.c: a linker takes the first that it finds. */
const struct source_live_interface *source_live_interface(
    const struct source_live *s, unsigned number)
{
	return number < s->count ? &s->interfaces[number] : NULL;
}

const struct eventclient_stats *source_live_events(const struct source_live *s)
{
	return s->has_events ? &s->events : NULL;
}

int64_t source_live_beat_ns(const struct source_live *s)
{
	return s->beat_ns;
}

static void start_demux(struct metricsrig *rig)
{
	struct demux_config c = {
	    .idle_timeout_ns = 30 * CLK_SECOND_NS,
	    .linger_ns = 2 * CLK_SECOND_NS,
	    .max_flows = MAX_FLOWS,
	    .snaplen = PACKET_MAX_CAPLEN,
	    .first_serial = archive_serial(rig->savers.archive),
	    .at_finish = END_STOP,
	    .clock = DEMUX_CLOCK_CALLER,
	    .events = true,
	    .keeper =
		{
		    .mode = KEEPER_DROP,
		    .max_memory_bytes = MAX_MEMORY_BYTES,
		    .snaplen = PACKET_MAX_CAPLEN,
		    .slab = rig->savers.slab,
		    .savers = rig->savers.savers,
		    .ledger = &rig->savers.ledger,
		},
	};

	c.protocols[DECODE_TCP] = true;
	ck_assert_int_eq(demux_new(&c, &rig->demux), 0);
}

void metricsrig_start(struct metricsrig *rig)
{
	memset(rig, 0, sizeof(*rig));
	saverig_start(&rig->savers, NULL, 2, "zlib:1", SYNC_NONE);
	start_demux(rig);
	rig->src = (struct metrics_source){
	    .ledger = &rig->savers.ledger,
	    .demux = rig->demux,
	    .savers = rig->savers.savers,
	    .slab = rig->savers.slab,
	    .live = &rig->live,
	    .dir = rig->savers.dir,
	    .max_memory_bytes = MAX_MEMORY_BYTES,
	    .max_flows = MAX_FLOWS,
	    .start = clk_mono(),
	    .start_wall = clk_wall(),
	};
}

void metricsrig_stop(struct metricsrig *rig)
{
	demux_finish(rig->demux);
	saverig_stop(&rig->savers);
	demux_free(rig->demux);
	saverig_close(&rig->savers);
}

static char *written(
    const struct metricsrig *rig, int (*fn)(const struct metrics_source *src, FILE *out))
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(fn(&rig->src, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

char *metricsrig_text(const struct metricsrig *rig)
{
	return written(rig, metrics_write);
}

char *metricsrig_lines(const struct metricsrig *rig)
{
	return written(rig, metrics_print);
}
