/* SPDX-License-Identifier: BSD-2-Clause */
/* See metrics_snapshot.h. */
#include "cmd/metrics_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fileio.h"
#include "cmd/sandbox.h"

static const char *const bad_lines[][2] = {
#define X(name, text) {#name, text},
    METRICS_BAD_LINES(X)
#undef X
};

const char *metrics_event_name(unsigned event)
{
	return event < DEMUX_EVENT_COUNT ? demux_event_name((enum demux_event)event)
					 : bad_lines[event - DEMUX_EVENT_COUNT][0];
}

const char *metrics_event_text(unsigned event)
{
	return event < DEMUX_EVENT_COUNT ? demux_event_text((enum demux_event)event)
					 : bad_lines[event - DEMUX_EVENT_COUNT][1];
}

static void copy(const _Atomic uint64_t *from, unsigned count, uint64_t *to)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = ledger_get(&from[i]);
}

static void take_ledger(const struct ledger *l, struct metrics_snapshot *s)
{
	s->packets_read = ledger_get(&l->packets_read);
	s->packets_archived = ledger_get(&l->packets_archived);
	copy(l->skipped, SKIPS, s->skipped_pkts);
	copy(l->dropped, DROPS, s->dropped_pkts);
	s->read_bytes = ledger_get(&l->bytes_read);
	s->archived_bytes = ledger_get(&l->bytes_archived);
	s->written_bytes = ledger_get(&l->bytes_written);
	s->flows_begun = ledger_get(&l->flows);
	s->files = ledger_get(&l->files);
}

static void take_demux(const struct demux_stats *d, struct metrics_snapshot *s)
{
	copy(d->end_reasons, END_REASONS, s->flows_ended);
	copy(d->flows_live, FLOW_LISTS, s->flows_live);
	copy(d->events, DEMUX_EVENT_COUNT, s->events);
	s->events_pending = ledger_get(&d->events_pending);
	s->bindings = ledger_get(&d->bindings);
	s->uuid_collisions = ledger_get(&d->uuid_collisions);
	s->held_bytes = ledger_get(&d->held_bytes);
}

/* Takes: e, or NULL where nobody asked for events. */
static void take_stream(const struct eventclient_stats *e, struct metrics_snapshot *s)
{
	if (e == NULL)
		return;
	s->stream_configured = 1;
	s->event_lines = ledger_get(&e->lines);
#define X(name, text) s->events[METRICS_EVENT_##name] = ledger_get(&e->name);
	METRICS_BAD_LINES(X)
#undef X
	s->stream_connects = ledger_get(&e->connects);
	s->stream_disconnects = ledger_get(&e->disconnects);
	s->stream_connected = atomic_load_explicit(&e->connected, memory_order_relaxed);
}

static void take_savers(const struct savers *savers, struct metrics_snapshot *s)
{
	const struct savers_stats *w = savers_stats(savers);
	int64_t last_ns = atomic_load_explicit(&w->last_write_ns, memory_order_relaxed);

	s->queue_batches = savers_depth(savers);
	s->queue_limit_batches = savers_room(savers);
	copy(w->writes, SAVERS_LATENCY_BOUNDS + 1, s->writes);
	s->write_ns = ledger_get(&w->write_ns);
	s->failed_writes = ledger_get(&w->failed_writes);
	s->last_write_ns = last_ns > 0 ? (uint64_t)last_ns : 0;
	s->suspended = (uint64_t)atomic_load_explicit(&w->suspended, memory_order_relaxed);
}

static void take_retention(const struct retain *retain, struct metrics_snapshot *s)
{
	const struct retain_stats *r;

	if (retain == NULL)
		return;
	r = retain_stats(retain);
	s->removed_parts = ledger_get(&r->removed_parts);
	s->removed_bytes = ledger_get(&r->removed_bytes);
	s->removed_days = ledger_get(&r->removed_days);
	s->archive_bytes = ledger_get(&r->disk_bytes);
	s->retention_failed = ledger_get(&r->failed);
	s->retention_waits = ledger_get(&r->waits);
}

static void take_disk(const char *dir, struct metrics_snapshot *s)
{
	struct statvfs v;

	s->disk_bytes = s->disk_available_bytes = METRICS_UNKNOWN;
	s->disk_inodes = s->disk_available_inodes = METRICS_UNKNOWN;
	if (statvfs(dir, &v) != 0)
		return;
	s->disk_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	s->disk_available_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	s->disk_inodes = v.f_files;
	s->disk_available_inodes = v.f_favail;
}

/* The second number of /proc/self/statm is resident pages, proc(5). */
static uint64_t resident_bytes(void)
{
	char text[128], *second;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return METRICS_UNKNOWN;
	n = fileio_read(fd, text, sizeof(text) - 1);
	fileio_close(fd);
	if (n <= 0)
		return METRICS_UNKNOWN;
	text[n] = '\0';
	second = strchr(text, ' ');
	if (second == NULL)
		return METRICS_UNKNOWN;
	return strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void take_process(const struct metrics_source *src, struct metrics_snapshot *s)
{
	int64_t beat_ns = source_live_beat_ns(src->live); /* 0: the loop has not begun */
	int64_t now_ns = clk_mono().ns;

	s->refused_calls = sandbox_denied();
	s->first_refused_call = sandbox_first_denied();
	s->resident_bytes = resident_bytes();
	s->start_ns = (uint64_t)src->start_wall.ns;
	s->now_ns = (uint64_t)clk_wall().ns;
	s->uptime_ns = (uint64_t)(now_ns - src->start.ns);
	s->loop_age_ns = beat_ns != 0 && now_ns > beat_ns ? (uint64_t)(now_ns - beat_ns) : 0;
}

/* One series per name, whatever the capture was told: two of the same make a scrape invalid. */
static struct metrics_interface *of_name(struct metrics_snapshot *s, const char *name)
{
	unsigned i = 0;

	while (i < s->interface_count && strcmp(s->interfaces[i].name, name) != 0)
		i++;
	if (i == s->interface_count) {
		s->interface_count++;
		memset(&s->interfaces[i], 0, sizeof(s->interfaces[i]));
		memccpy(s->interfaces[i].name, name, '\0', IFNAMSIZ - 1);
	}
	return &s->interfaces[i];
}

static int take_interfaces(const struct source_live *live, struct metrics_snapshot *s)
{
	const struct source_live_interface *from;
	unsigned count = 0;

	while (source_live_interface(live, count) != NULL)
		count++;
	s->interfaces = calloc(count + 1, sizeof(*s->interfaces));
	if (s->interfaces == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		struct metrics_interface *to;

		from = source_live_interface(live, i);
		to = of_name(s, from->name);
		to->received_pkts += ledger_get(&from->received);
		to->dropped_pkts += ledger_get(&from->dropped);
		to->removals += ledger_get(&from->removed);
		to->link_downs += ledger_get(&from->link_downs);
		to->open |= atomic_load_explicit(&from->open, memory_order_relaxed);
		to->up |= atomic_load_explicit(&from->up, memory_order_relaxed);
	}
	return 0;
}

int metrics_snapshot_take(const struct metrics_source *src, struct metrics_snapshot *ret_snapshot)
{
	struct metrics_snapshot s;
	int rv;

	memset(&s, 0, sizeof(s));
	rv = take_interfaces(src->live, &s);
	if (rv != 0)
		return rv;
	take_ledger(src->ledger, &s);
	take_demux(demux_stats(src->demux), &s);
	take_stream(source_live_events(src->live), &s);
	take_savers(src->savers, &s);
	take_retention(src->retain, &s);
	take_disk(src->dir, &s);
	take_process(src, &s);
	s.buffer_bytes = slab_taken_bytes(src->slab);
	s.buffer_limit_bytes = src->max_memory_bytes;
	s.flows_limit = src->max_flows;
	*ret_snapshot = s;
	return 0;
}

void metrics_snapshot_free(struct metrics_snapshot *s)
{
	free(s->interfaces);
	s->interfaces = NULL;
	s->interface_count = 0;
}
