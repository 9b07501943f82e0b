/* SPDX-License-Identifier: BSD-2-Clause */
/* See demux_rig.h. */
#include "demux_rig.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void rig_start(const struct rig_config *config, struct rig *ret_rig)
{
	struct rig *r = ret_rig;
	struct demux_config c = {
	    .idle_timeout_ns = RIG_IDLE_NS,
	    .linger_ns = RIG_LINGER_NS,
	    .max_flows = config->max_flows,
	    .snaplen = PACKET_MAX_CAPLEN,
	    .first_serial = 1,
	    .vlan_key = VLAN_KEY_NO,
	    .at_finish = config->live ? END_STOP : END_EOF,
	    .clock = config->live ? DEMUX_CLOCK_CALLER : DEMUX_CLOCK_PACKETS,
	    .flush_interval_ns = config->live ? RIG_FLUSH_NS : 0,
	    .events = config->events,
	    .uuid_wait_ns = 5 * RIG_SECOND_NS,
	    .uuid_missing = UUID_MISSING_GENERATE,
	};

	memset(r, 0, sizeof(*r));
	if (slab_new(config->max_memory_bytes, &r->slab) != 0)
		errx(1, "no memory");
	r->savers = null_start(config->place, r->slab, &r->ledger);
	memset(c.protocols, true, sizeof(c.protocols));
	c.keeper = (struct keeper_config){
	    .mode = config->live ? KEEPER_DROP : KEEPER_WAIT,
	    .max_memory_bytes = config->max_memory_bytes,
	    .snaplen = PACKET_MAX_CAPLEN,
	    .slab = r->slab,
	    .savers = r->savers,
	    .ledger = &r->ledger,
	};
	if (demux_new(&c, &r->demux) != 0)
		errx(1, "cannot start the demux");
}

void rig_stop(struct rig *r)
{
	demux_finish(r->demux);
	null_stop(r->savers);
	if (!ledger_balanced(&r->ledger) || ledger_dropped(&r->ledger) != 0)
		errx(1,
		    "of %" PRIu64 " packets %" PRIu64 " were kept, %" PRIu64 " skipped, %" PRIu64
		    " dropped",
		    ledger_get(&r->ledger.packets_read), ledger_get(&r->ledger.packets_archived),
		    ledger_skipped(&r->ledger), ledger_dropped(&r->ledger));
	demux_free(r->demux);
	slab_free(r->slab);
}

int64_t rig_cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* it is there, since Linux 2.6.12 */
	return t.tv_sec * RIG_SECOND_NS + t.tv_nsec;
}

uint64_t rig_resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re"); /* proc_pid_statm(5): size, then resident */
	unsigned long pages = 0;

	if (f == NULL || fscanf(f, "%*u %lu", &pages) != 1)
		err(1, "/proc/self/statm");
	(void)fclose(f); /* it was read only */
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
