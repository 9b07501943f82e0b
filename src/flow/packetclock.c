/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See demux_private.h. The clock runs forward with the largest time seen, and starts anew where the
 * input jumps back. A packet may bear any time, and two ticks end every flow; so whatever leaps two
 * ticks or more, in either direction, is believed when the next packet leaps that way, too.
 */
#include "flow/demux_private.h"

int packetclock_leap(const struct demux *d, int64_t ts_ns)
{
	int64_t far = 2 * d->config.idle_timeout_ns;

	if (!d->clock_set)
		return 0;
	if (ts_ns < d->now_ns - far)
		return -1;
	return ts_ns - d->tick_start_ns >= far;
}

static void publish_all_ended(struct demux *d)
{
	struct flow *f;

	while ((f = flowtable_oldest(d->table, FLOW_ENDED)) != NULL)
		ending_publish(d, f);
}

void packetclock_advance(struct demux *d, int64_t ts_ns)
{
	int64_t idle = d->config.idle_timeout_ns;
	int64_t ticks;

	if (!d->clock_set || ts_ns < d->now_ns - 2 * idle) {
		publish_all_ended(d); /* nobody can tell how long they will have been silent */
		d->clock_set = true;
		d->now_ns = d->tick_start_ns = ts_ns;
		return;
	}
	if (ts_ns <= d->now_ns)
		return;
	d->now_ns = ts_ns;
	if (ts_ns - d->tick_start_ns < idle)
		return;
	ticks = (ts_ns - d->tick_start_ns) / idle;
	d->tick_start_ns += ticks * idle;
	d->tick += ticks < 2 ? (uint32_t)ticks : 2; /* two end everything that is alive */
}
