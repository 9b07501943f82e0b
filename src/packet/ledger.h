/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: every packet that was read ends in exactly one place, and at exit the sums agree:
 *
 *     packets_read = packets_archived + sum(skipped by reason) + sum(dropped by reason)
 *
 * Skipped is what the operator's choice or the packet itself rules out; dropped is what we lost.
 *
 * Threads:  any may add (relaxed atomics); sums are true once the threads have been joined.
 */
#ifndef PACKET_LEDGER_H
#define PACKET_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* reason, exit status it asks for, what a non-zero value tells the operator */
#define LEDGER_SKIPS(X)                                                                        \
	X(filtered, 0, "did not match the filter expression")                                  \
	X(not_ip, 0, "not IP: ARP, LLDP, spanning tree and the like")                          \
	X(not_tcp, 0, "IP, but of a protocol that --protocols does not name")                  \
	X(not_local, 0, "neither end is an address that --local keeps to")                     \
	X(fragment, 1, "IP fragments whose first fragment was not seen")                       \
	X(truncated, 1, "the capture cut the packet before its ports (snap length too small)") \
	X(malformed, 1, "headers that contradict themselves")                                  \
	X(linktype, 1, "frames of a link type that flowkeep does not know")                    \
	X(time, 1, "a time before 1970 or after 2106, which a pcap file cannot hold")          \
	X(duplicate, 0, "already in the archive, byte for byte")                               \
	X(duration, 0, "later than --max-duration after the first packet of its flow")         \
	X(bytes, 0, "beyond --max-bytes of its flow")

#define LEDGER_DROPS(X)                                                                            \
	X(memory, 1, "no memory within --max-memory")                                              \
	X(half_open, 1, "half-open connections beyond their share of --max-memory (a SYN flood?)") \
	X(queue, 1, "the saver threads could not keep up")                                         \
	X(disk, 1, "the archive could not be written")                                             \
	X(no_uuid, 1, "no event named the flow in time, and --uuid-missing is drop")

enum ledger_skip {
#define X(name, status, text) SKIP_##name,
	LEDGER_SKIPS(X)
#undef X
	    SKIPS
};

enum ledger_drop {
#define X(name, status, text) DROP_##name,
	LEDGER_DROPS(X)
#undef X
	    DROPS
};

struct ledger_reason {
	const char *name;
	int status; /* what a non-zero count means for split's exit status */
	const char *text;
};

/*
 * ledger_skip_reason, ledger_drop_reason - all about a reason; those of all others lie behind it in
 * the order of the enum. Threads: any; constants.
 */
const struct ledger_reason *ledger_skip_reason(enum ledger_skip s);
const struct ledger_reason *ledger_drop_reason(enum ledger_drop d);

struct ledger {
	_Atomic uint64_t packets_read;
	_Atomic uint64_t packets_archived; /* in published files */
	_Atomic uint64_t skipped[SKIPS];   /* packets */
	_Atomic uint64_t dropped[DROPS];   /* packets */
	_Atomic uint64_t bytes_read;       /* captured bytes of packets_read */
	_Atomic uint64_t bytes_archived;   /* captured bytes of packets_archived */
	_Atomic uint64_t bytes_written;    /* bytes of published files */
	_Atomic uint64_t flows;            /* flows begun */
	_Atomic uint64_t files;            /* flow files published */
};

/* ledger_add - count n of something; ledger_get - read a counter. Threads: any. */
static inline void ledger_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* ledger_bump - the same for a counter that one thread alone adds to: cheaper, once per packet. */
static inline void ledger_bump(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(
	    counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* ledger_set - the same for a number that is not added up: a gauge, or a count kept elsewhere. */
static inline void ledger_set(_Atomic uint64_t *gauge, uint64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}

static inline uint64_t ledger_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ledger_skipped, ledger_dropped - the sums over all reasons. */
uint64_t ledger_skipped(const struct ledger *l);
uint64_t ledger_dropped(const struct ledger *l);

/* ledger_balanced - does the equation hold? Call when all threads have been joined. */
bool ledger_balanced(const struct ledger *l);

/* ledger_status - 1 if a reason that asks for exit status 1 is not zero, else 0. */
int ledger_status(const struct ledger *l);

#endif
