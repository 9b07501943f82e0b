/* SPDX-License-Identifier: BSD-2-Clause */
/* See metrics_lines.h. */
#include "config.h"

#include "cmd/metrics_lines.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/clk.h"
#include "base/log.h"
#include "cmd/metrics_families.h"
#include "cmd/report.h"
#include "cmd/sandbox.h"

/* The name of a line, in a column of its own; the text follows. */
static void begin(const char *name, FILE *out)
{
	(void)fprintf(out, "%-12s", name);
}

/* "3.1 MB", or "unknown". */
static const char *bytes(uint64_t v, char *buf)
{
	return v == METRICS_UNKNOWN ? "unknown" : report_bytes(v, buf);
}

/* "12 fin, 3 rst", or "none". */
static void put_list(const uint64_t *counts, unsigned n, const char *(*name)(unsigned), FILE *out)
{
	bool any = false;

	for (unsigned i = 0; i < n; i++) {
		if (counts[i] == 0)
			continue;
		(void)fprintf(out, "%s%" PRIu64 " %s", any ? ", " : "", counts[i], name(i));
		any = true;
	}
	if (!any)
		(void)fputs("none", out);
}

static uint64_t sum(const uint64_t *counts, unsigned n)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < n; i++)
		s += counts[i];
	return s;
}

static const char *skip_name(unsigned i)
{
	return ledger_skip_reason((enum ledger_skip)i)->name;
}

static const char *drop_name(unsigned i)
{
	return ledger_drop_reason((enum ledger_drop)i)->name;
}

static const char *end_name(unsigned i)
{
	return record_end_reason_name((enum end_reason)i);
}

/* "3 d 04:05:06", or without the days. */
static void put_uptime(uint64_t ns, FILE *out)
{
	uint64_t s = ns / CLK_SECOND_NS;

	if (s >= 86400)
		(void)fprintf(out, "%" PRIu64 " d ", s / 86400);
	(void)fprintf(
	    out, "%02d:%02d:%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
}

static void put_process(const struct metrics_snapshot *s, FILE *out)
{
	char resident[REPORT_BYTES_SIZE], start[CLK_RFC3339_SIZE];

	begin("flowkeep", out);
	(void)fprintf(out, "%s, up ", PACKAGE_VERSION);
	put_uptime(s->uptime_ns, out);
	(void)fprintf(out, " since %.19sZ, %s resident, loop %.3f s ago\n",
	    clk_rfc3339((int64_t)s->start_ns, start), bytes(s->resident_bytes, resident),
	    (double)s->loop_age_ns / 1e9);
}

static void put_interface(const char *name, const struct metrics_interface *n, FILE *out)
{
	(void)fprintf(out,
	    "%s: %" PRIu64 " packets received, %" PRIu64 " dropped by the kernel, gone %" PRIu64
	    " times, down %" PRIu64 "\n",
	    name, n->received_pkts, n->dropped_pkts, n->removals, n->link_downs);
}

static void put_interfaces(const struct metrics_snapshot *s, FILE *out)
{
	struct metrics_interface rest = {.name = ""};
	unsigned i = 0;
	char name[4 * IFNAMSIZ + 16], printable[4 * IFNAMSIZ];

	for (; i < s->interface_count && i < METRICS_LINES_INTERFACES; i++) {
		const struct metrics_interface *n = &s->interfaces[i];

		begin("interface", out);
		(void)snprintf(name, sizeof(name), "%s (%s)",
		    log_printable(printable, sizeof(printable), n->name),
		    n->open == 0 ? "gone"
		    : n->up == 0 ? "down"
				 : "up");
		put_interface(name, n, out);
	}
	if (i == s->interface_count)
		return;
	(void)snprintf(name, sizeof(name), "%u others", s->interface_count - i);
	for (; i < s->interface_count; i++) {
		rest.received_pkts += s->interfaces[i].received_pkts;
		rest.dropped_pkts += s->interfaces[i].dropped_pkts;
		rest.removals += s->interfaces[i].removals;
		rest.link_downs += s->interfaces[i].link_downs;
	}
	begin("interfaces", out);
	put_interface(name, &rest, out);
}

static void put_packets(const struct metrics_snapshot *s, FILE *out)
{
	uint64_t skipped = sum(s->skipped_pkts, SKIPS), dropped = sum(s->dropped_pkts, DROPS),
		 done = s->packets_archived + skipped + dropped;
	char read[REPORT_BYTES_SIZE], archived[REPORT_BYTES_SIZE], written[REPORT_BYTES_SIZE];

	begin("packets", out);
	/* What is counted while we read the counters may put `done` ahead. */
	(void)fprintf(out,
	    "%" PRIu64 " read: %" PRIu64 " archived, %" PRIu64 " skipped, %" PRIu64
	    " dropped, %" PRIu64 " in flows that go on\n",
	    s->packets_read, s->packets_archived, skipped, dropped,
	    s->packets_read > done ? s->packets_read - done : 0);
	begin("  skipped", out);
	put_list(s->skipped_pkts, SKIPS, skip_name, out);
	(void)fputc('\n', out);
	begin("  dropped", out);
	put_list(s->dropped_pkts, DROPS, drop_name, out);
	(void)fputc('\n', out);
	begin("bytes", out);
	(void)fprintf(out, "%s read, %s archived, %s written in %" PRIu64 " files\n",
	    bytes(s->read_bytes, read), bytes(s->archived_bytes, archived),
	    bytes(s->written_bytes, written), s->files);
}

static void put_flows(const struct metrics_snapshot *s, FILE *out)
{
	begin("flows", out);
	(void)fprintf(out,
	    "%" PRIu64 " begun, %" PRIu64 " ended, %" PRIu64 " of %" PRIu64 " remembered\n",
	    s->flows_begun, sum(s->flows_ended, END_REASONS), sum(s->flows_live, FLOW_LISTS),
	    s->flows_limit);
	begin("  now", out);
	put_list(s->flows_live, FLOW_LISTS, metrics_flow_state, out);
	(void)fputc('\n', out);
	begin("  ended by", out);
	put_list(s->flows_ended, END_REASONS, end_name, out);
	(void)fputc('\n', out);
}

static void put_events(const struct metrics_snapshot *s, FILE *out)
{
	begin("events", out);
	if (s->stream_configured == 0) {
		(void)fputs("not asked for\n", out);
		return;
	}
	(void)fprintf(out,
	    "%s (%" PRIu64 " times connected, %" PRIu64 " disconnected): %" PRIu64
	    " lines, %" PRIu64 " pending\n",
	    s->stream_connected != 0 ? "connected" : "not connected", s->stream_connects,
	    s->stream_disconnects, s->event_lines, s->events_pending);
	begin("  outcomes", out);
	put_list(s->events, METRICS_EVENTS, metrics_event_name, out);
	(void)fputc('\n', out);
	begin("  names", out);
	(void)fprintf(out, "%" PRIu64 " connections have one, %" PRIu64 " had that of another\n",
	    s->bindings, s->uuid_collisions);
}

static void put_memory(const struct metrics_snapshot *s, FILE *out)
{
	char taken[REPORT_BYTES_SIZE], limit[REPORT_BYTES_SIZE], held[REPORT_BYTES_SIZE];

	begin("memory", out);
	(void)fprintf(out, "%s of %s for packets, %s of it in open flows\n",
	    bytes(s->buffer_bytes, taken), bytes(s->buffer_limit_bytes, limit),
	    bytes(s->held_bytes, held));
}

static void put_savers(const struct metrics_snapshot *s, FILE *out)
{
	uint64_t writes = sum(s->writes, SAVERS_LATENCY_BOUNDS + 1);

	begin("savers", out);
	(void)fprintf(out, "%" PRIu64 " of %" PRIu64 " batches waiting\n", s->queue_batches,
	    s->queue_limit_batches);
	begin("writes", out);
	(void)fprintf(out, "%" PRIu64 ", of which %" PRIu64 " failed", writes, s->failed_writes);
	if (writes > 0)
		(void)fprintf(out, ", %.3f ms each", (double)s->write_ns / 1e6 / (double)writes);
	if (s->last_write_ns == 0)
		(void)fputs(", none succeeded yet\n", out);
	else if (s->now_ns >= s->last_write_ns)
		(void)fprintf(out, ", the last that succeeded %.1f s ago\n",
		    (double)(s->now_ns - s->last_write_ns) / 1e9);
	else
		(void)fputs(", the clock was set back since\n", out);
}

static void put_disk(const struct metrics_snapshot *s, FILE *out)
{
	char size[REPORT_BYTES_SIZE], available[REPORT_BYTES_SIZE];

	begin("disk", out);
	(void)fprintf(out, "%s of %s available", bytes(s->disk_available_bytes, available),
	    bytes(s->disk_bytes, size));
	if (s->disk_inodes != 0 && s->disk_inodes != METRICS_UNKNOWN)
		(void)fprintf(out, ", %" PRIu64 " of %" PRIu64 " inodes", s->disk_available_inodes,
		    s->disk_inodes);
	(void)fputc('\n', out);
}

static void put_sandbox(const struct metrics_snapshot *s, FILE *out)
{
	char name[32];

	begin("sandbox", out);
	(void)fprintf(out, "%" PRIu64 " system calls refused", s->refused_calls);
	if (s->first_refused_call >= 0)
		(void)fprintf(out, ", the first was %s",
		    sandbox_call_name(s->first_refused_call, name, sizeof(name)));
	(void)fputc('\n', out);
}

void metrics_lines_write(const struct metrics_snapshot *s, FILE *out)
{
	put_process(s, out);
	put_interfaces(s, out);
	put_packets(s, out);
	put_flows(s, out);
	put_events(s, out);
	put_memory(s, out);
	put_savers(s, out);
	put_disk(s, out);
	put_sandbox(s, out);
}
