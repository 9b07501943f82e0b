/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See metrics_families.h. Names follow the conventions of Prometheus: base units, `_total` for what
 * only grows; those that begin with process_ are named as every exporter names them.
 */
#include "cmd/metrics_families.h"

#include "cmd/metrics_snapshot.h"

static const char *skip_value(unsigned i)
{
	return ledger_skip_reason((enum ledger_skip)i)->name;
}

static const char *skip_text(unsigned i)
{
	return ledger_skip_reason((enum ledger_skip)i)->text;
}

static const char *drop_value(unsigned i)
{
	return ledger_drop_reason((enum ledger_drop)i)->name;
}

static const char *drop_text(unsigned i)
{
	return ledger_drop_reason((enum ledger_drop)i)->text;
}

static const char *end_value(unsigned i)
{
	return record_end_reason_name((enum end_reason)i);
}

static const char *end_text(unsigned i)
{
	static const char *const texts[END_REASONS] = {
	    [END_FIN] = "FIN from both sides, then silence",
	    [END_RST] = "RST, then silence",
	    [END_IDLE] = "no packet for one to two --idle-timeout",
	    [END_REUSED] = "a new connection took the addresses and ports",
	    [END_EVICTED] = "closed early to stay within --max-flows",
	    [END_EOF] = "the input ended",
	    [END_STOP] = "the capture was stopped",
	    [END_CRASH] = "found unfinished after a kill",
	    [END_CONTINUED] = "never: the flow goes on in its next part",
	};

	return texts[i];
}

static const char *const states[FLOW_LISTS][2] = {
    [FLOW_PUBLISHED] = {"published", "written, and remembered for stragglers"},
    [FLOW_HALF_OPEN] = {"half_open", "begun by a SYN that no ACK of its sender has followed"},
    [FLOW_CLOSING] = {"closing", "over, and its saver has no room for it yet"},
    [FLOW_WAITING] = {"waiting", "over, and an event may still name it, see --uuid-wait"},
    [FLOW_ENDED] = {"ended", "FIN from both sides or RST, waits out --linger"},
    [FLOW_OPEN] = {"open", "all others"},
};

const char *metrics_flow_state(unsigned list)
{
	return states[list][0];
}

static const char *state_text(unsigned list)
{
	return states[list][1];
}

static const struct metrics_label skip_reasons = {"reason", SKIPS, skip_value, skip_text},
				  drop_reasons = {"reason", DROPS, drop_value, drop_text},
				  end_reasons = {"reason", END_REASONS, end_value, end_text},
				  flow_states = {"state", FLOW_LISTS, metrics_flow_state,
				      state_text},
				  outcomes = {"outcome", METRICS_EVENTS, metrics_event_name,
				      metrics_event_text};

#define AT(field)    METRICS_VALUES, METRICS_AS_IS, offsetof(struct metrics_snapshot, field), NULL
#define AT_NS(field) METRICS_VALUES, METRICS_SECONDS, offsetof(struct metrics_snapshot, field), NULL
#define AT_ARRAY(field, of) \
	METRICS_VALUES, METRICS_AS_IS, offsetof(struct metrics_snapshot, field), &of
#define AT_EACH(field) \
	METRICS_INTERFACES, METRICS_AS_IS, offsetof(struct metrics_interface, field), NULL

/* clang-format off: a table, one family per block of lines */
static const struct metrics_family families[] = {
    {"flowkeep_build_info", "gauge", METRICS_VERSION, METRICS_AS_IS, 0, NULL,
	"Always 1; the label tells which version of flowkeep runs."},
    {"process_start_time_seconds", "gauge", AT_NS(start_ns),
	"When the capture began, since 1970. A change means that it was restarted; after a "
	"kill, what had been flushed of its flows is in the archive with end reason crash."},
    {"process_resident_memory_bytes", "gauge", AT(resident_bytes),
	"Physical memory in use. It should stay below --max-memory and a few hundred bytes per "
	"flow of --max-flows; lower these where the host is short of memory."},
    {"flowkeep_loop_age_seconds", "gauge", AT_NS(loop_age_ns),
	"Time since the capture loop was last round. More than a second: it is stuck or gets no "
	"processor; packets pile up in the kernel and will be dropped there."},
    {"flowkeep_refused_system_calls_total", "counter", AT(refused_calls),
	"System calls that the sandbox refused. Not zero: a library did what nobody foresaw, or "
	"somebody has broken in; SIGUSR1 shows which call was the first. Report it."},

    {"flowkeep_packets_read_total", "counter", AT(packets_read),
	"Packets read from the kernel; each is archived, skipped or dropped in the end. No growth "
	"on a busy host: look at the interfaces and at the filter."},
    {"flowkeep_packets_archived_total", "counter", AT(packets_archived),
	"Packets in published files. They lag behind those read, as flows are published when they "
	"end."},
    {"flowkeep_packets_skipped_total", "counter", AT_ARRAY(skipped_pkts, skip_reasons),
	"Packets left out because an option or the packet itself ruled them out. Not zero is a "
	"fault only for truncated (raise --snaplen), malformed, linktype, time and fragment (look "
	"at where the capture listens)."},
    {"flowkeep_packets_dropped_total", "counter", AT_ARRAY(dropped_pkts, drop_reasons),
	"Packets lost by flowkeep: should be zero. For memory raise --max-memory; for queue raise "
	"--savers or choose a faster --compress; for disk make room and read the log; half_open "
	"protects "
	"real connections from a flood; for no_uuid look at the event server."},
    {"flowkeep_read_bytes_total", "counter", AT(read_bytes), "Captured bytes of the packets read."},
    {"flowkeep_archived_bytes_total", "counter", AT(archived_bytes),
	"Captured bytes of the packets archived."},
    {"flowkeep_written_bytes_total", "counter", AT(written_bytes),
	"Bytes of published files, compressed: how fast the archive grows."},
    {"flowkeep_files_published_total", "counter", AT(files),
	"Flow files published. None while flows end: see the failed writes and the log."},

    {"flowkeep_interface_packets_received_total", "counter", AT_EACH(received_pkts),
	"Packets that passed the filter in the kernel, with those that it then dropped. No growth: "
	"the link is silent, or the filter fits nothing."},
    {"flowkeep_interface_packets_dropped_total", "counter", AT_EACH(dropped_pkts),
	"Packets that the kernel had no room for: lost. Not zero: raise --ring-size, narrow the "
	"filter, or give flowkeep more processors."},
    {"flowkeep_interface_open", "gauge", AT_EACH(open),
	"1 while packets are captured there. 0: the interface is gone, and is looked for again "
	"unless --no-reopen is given."},
    {"flowkeep_interface_up", "gauge", AT_EACH(up),
	"1 while the link is up. 0: nothing can arrive; see to the cable, or to the interface."},
    {"flowkeep_interface_removals_total", "counter", AT_EACH(removals),
	"Times that the interface was found gone. Packets in between are not in the archive."},
    {"flowkeep_interface_link_downs_total", "counter", AT_EACH(link_downs),
	"Times that the link was found down. Many: a bad cable or driver."},

    {"flowkeep_flows_begun_total", "counter", AT(flows_begun),
	"Flows begun. A jump without more packets per flow is a scan or a flood."},
    {"flowkeep_flows_ended_total", "counter", AT_ARRAY(flows_ended, end_reasons),
	"Flows ended, by what ended them. For evicted raise --max-flows."},
    {"flowkeep_flows", "gauge", AT_ARRAY(flows_live, flow_states),
	"Flows that are remembered now. Many in closing: the disk is too slow; many in waiting: "
	"the event server is late or gone; many in half_open: a SYN flood."},
    {"flowkeep_flows_limit", "gauge", AT(flows_limit),
	"Flows that can be remembered, --max-flows. Flows near it: raise it, or some are cut."},

    {"flowkeep_event_stream_configured", "gauge", AT(stream_configured),
	"1 if --events was given, and flows are to be named by events."},
    {"flowkeep_event_stream_connected", "gauge", AT(stream_connected),
	"1 while there is a connection to the event server. 0 where it is configured: start the "
	"event server; flows get names that only flowkeep knows until then."},
    {"flowkeep_event_stream_connects_total", "counter", AT(stream_connects),
	"Connections made to the event server."},
    {"flowkeep_event_stream_disconnects_total", "counter", AT(stream_disconnects),
	"Connections that the event server ended. Growing: it restarts, or drops us as too slow."},
    {"flowkeep_event_lines_total", "counter", AT(event_lines),
	"Lines read from the event server: the sum of all outcomes and of the pending events."},
    {"flowkeep_events_total", "counter", AT_ARRAY(events, outcomes),
	"Lines of the event server by what became of them. Many unmatched: flowkeep does not see "
	"that traffic, check interfaces, --local and filter; late: raise --uuid-wait; evicted: "
	"raise --max-flows; malformed, too_long, bad_uuid, no_tuple: the event server is at "
	"fault."},
    {"flowkeep_events_pending", "gauge", AT(events_pending),
	"Open events that wait for the first packet of their connection. Always many: flowkeep "
	"does not see all connections that it is told of."},
    {"flowkeep_bindings", "gauge", AT(bindings),
	"Connections whose name is known from an event; at most --max-flows."},
    {"flowkeep_uuid_collisions_total", "counter", AT(uuid_collisions),
	"Open events that gave the UUID of one connection to another. Not zero: the event server's "
	"names are not unique, as when two hosts share a prefix."},

    {"flowkeep_buffer_bytes", "gauge", AT(buffer_bytes),
	"Packet memory taken, in open flows and on the way to disk. Near its limit: flows are "
	"flushed early, then packets dropped; raise --max-memory or see to the disk."},
    {"flowkeep_buffer_limit_bytes", "gauge", AT(buffer_limit_bytes),
	"Packet memory that may be taken, --max-memory."},
    {"flowkeep_buffer_held_bytes", "gauge", AT(held_bytes),
	"Packet memory that open flows hold, at most half of --max-memory; the rest of what is "
	"taken is on its way to disk."},
    {"flowkeep_saver_queue_batches", "gauge", AT(queue_batches),
	"Batches that wait for a saver. Staying high: savers or disk are too slow; raise --savers, "
	"choose a faster --compress, or look at the write durations."},
    {"flowkeep_saver_queue_limit_batches", "gauge", AT(queue_limit_batches),
	"Batches that can wait for savers; beyond that packets are dropped for reason queue."},
    {"flowkeep_write_duration_seconds", "histogram", METRICS_WRITES, METRICS_SECONDS, 0, NULL,
	"Writes to the archive by how long they took. Long ones: the disk is slow or busy."},
    {"flowkeep_write_failures_total", "counter", AT(failed_writes),
	"Writes to the archive that failed, and lost their packets. Not zero: make room, mend the "
	"disk or the permissions; the log has the reason. It goes on by itself afterwards."},
    {"flowkeep_last_write_timestamp_seconds", "gauge", AT_NS(last_write_ns),
	"When a write to the archive last succeeded, since 1970; 0: not yet. Long ago on a busy "
	"host: nothing is being archived; see the log."},
    {"flowkeep_savers_suspended", "gauge", AT(suspended),
	"Savers of which writes fail: packets are being lost for reason disk until they "
	"succeed. Make room, or give the archive limits (--min-free, --max-disk)."},
    {"flowkeep_retention_removed_parts_total", "counter", AT(removed_parts),
	"Parts of flows that were removed to keep the archive within its limits."},
    {"flowkeep_retention_removed_bytes_total", "counter", AT(removed_bytes),
	"Bytes of disk that this gave back."},
    {"flowkeep_retention_removed_days_total", "counter", AT(removed_days),
	"Days of these that were removed as a whole."},
    {"flowkeep_retention_failures_total", "counter", AT(retention_failed),
	"Times that the archive could not be brought within its limits. Growing: there is nothing "
	"old enough left to remove, or it cannot be removed; the log has the reason."},
    {"flowkeep_retention_waits_total", "counter", AT(retention_waits),
	"Writes that waited until room was made. Growing all the time: flows come faster than old "
	"ones can be removed, and fill the memory meanwhile."},
    {"flowkeep_archive_bytes", "gauge", AT(archive_bytes),
	"Bytes of disk that the archive took when retention looked last; 0 where it has no "
	"limits."},
    {"flowkeep_archive_filesystem_size_bytes", "gauge", AT(disk_bytes),
	"Size of the file system that the archive lies on; NaN where it cannot be read."},
    {"flowkeep_archive_filesystem_available_bytes", "gauge", AT(disk_available_bytes),
	"Room that is left there. Little: remove old days from the archive, or packets will be "
	"dropped for reason disk."},
    {"flowkeep_archive_filesystem_inodes", "gauge", AT(disk_inodes),
	"Files that the file system can hold; 0 where it has no such limit."},
    {"flowkeep_archive_filesystem_available_inodes", "gauge", AT(disk_available_inodes),
	"Files that it can take yet. Few: remove old days; each flow takes one file."},
    {NULL, NULL, METRICS_VALUES, METRICS_AS_IS, 0, NULL, NULL},
};
/* clang-format on */

const struct metrics_family *metrics_families(void)
{
	return families;
}
