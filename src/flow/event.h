/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of the event stream: a TCP connection was opened, and this is its name and its two ends;
 * or the connection of that name was closed. One JSON object, as M-Lab's tcp-info writes it:
 *
 *     {"Event":0,"Timestamp":"2026-01-02T03:04:05.123456789Z","UUID":"host_1577836800_...12AB",
 *      "ID":{"SPort":443,"DPort":50000,"SrcIP":"192.0.2.1","DstIP":"198.51.100.7",
 *      "Interface":0,"Cookie":4779}}
 *
 * Event 1 is close, its ID is null. Keys count whatever their case; what is null counts as missing;
 * a missing Event or port is 0; unknown keys, Interface (byte-swapped by some servers) and Cookie
 * (any 64 bits, with or without sign) are passed over.
 *
 * Threads:  any; pure.
 */
#ifndef FLOW_EVENT_H
#define FLOW_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "archive/layout.h"
#include "packet/flowkey.h"

enum event_kind { EVENT_OPEN, EVENT_CLOSE };

struct event {
	enum event_kind kind;
	int64_t ts_ns; /* since 1970 UTC; 0: none, or none that makes sense */
	char uuid[LAYOUT_UUID_SIZE];
	struct flowkey key; /* of EVENT_OPEN, else zeros: TCP, both ends; linktype 0, vlan 0 */
};

/* In the order in which they are looked for: the first that fits is returned. */
enum event_fault {
	EVENT_FINE,
	EVENT_BLANK,     /* nothing but white space */
	EVENT_MALFORMED, /* not a JSON object, or a value that we need is of no use */
	EVENT_UNKNOWN,   /* an Event number that is neither 0 nor 1 */
	EVENT_BAD_UUID,  /* missing, or not layout_uuid_valid */
	EVENT_NO_TUPLE,  /* open, whose ID is null or lacks an address */
};

/*
 * event_parse - read one line.
 *
 * Takes:    line of len bytes of any content, without its line feed.
 * Returns:  EVENT_FINE; else what is wrong with it, and ret_event is untouched.
 *           key is what flowkey_make gives for the connection's packets, but for linktype and vlan.
 * Source:   RFC 8259, RFC 3339, RFC 4291 section 2.5.5.2.
 */
enum event_fault event_parse(const char *line, size_t len, struct event *ret_event);

#endif
