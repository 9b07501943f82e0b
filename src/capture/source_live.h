/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces as a source of packets, and the event loop of the demux thread: packets of all
 * interfaces, events of the event socket, changes of links and addresses, and the clock.
 *
 * An interface that is removed is opened again when one of its name is there; a link that goes down
 * is waited for. Neither ends the run.
 *
 * Life-cycle:  open (with privileges), attach to the demux, run, free.
 * Threads:     open, attach and free: main. Run: the demux thread. Stop, flush and the statistics:
 *              any.
 */
#ifndef CAPTURE_SOURCE_LIVE_H
#define CAPTURE_SOURCE_LIVE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow/demux.h"
#include "flow/eventclient.h"

struct source_live;

struct source_live_config {
	const char *const *interfaces; /* names; outlive the source */
	unsigned count;
	uint32_t snaplen;
	uint64_t ring_bytes; /* per interface */
	bool promiscuous;
	bool reopen;        /* interfaces that come back */
	const char *filter; /* NULL: none; outlives the source */
	const char *local;  /* as local_new takes it */
	const char *exempt; /* the same, of addresses that are not anonymized; NULL: none */
};

/* What a reader of the statistics may want of one interface. Written by the demux thread. */
struct source_live_interface {
	char name[IFNAMSIZ];
	_Atomic uint64_t received;   /* packets that passed the filter in the kernel */
	_Atomic uint64_t dropped;    /* those of them that the kernel had no room for */
	_Atomic uint64_t removed;    /* times that the interface was found gone */
	_Atomic uint64_t link_downs; /* times that its link was found down */
	_Atomic bool open;
	_Atomic bool up;
};

/*
 * source_live_open - open the interfaces; packets are kept by the kernel from now on.
 *
 * Returns:  0; after saying what failed: -EINVAL the filter or `local` is no such thing; -ENODEV,
 *           -EPERM and others, from netif_open. One that is there but down is waited for.
 */
int source_live_open(const struct source_live_config *config, struct source_live **ret_source);

/* source_live_wanted - a demux_wanted_fn: is an end of the packet local? arg is the source. */
bool source_live_wanted(const struct decoded *d, void *arg);

/* source_live_filters - does --local leave anything out? Else source_live_wanted is not needed. */
bool source_live_filters(const struct source_live *s);

/* source_live_exempt - an anonymizer_exempt_fn; arg is the source. */
bool source_live_exempt(uint8_t family, const uint8_t addr[16], void *arg);

/*
 * source_live_attach - where the packets go, and where events come from.
 *
 * Takes:    demux, which outlives the source; events_path, NULL: no events.
 * Returns:  0; -errno of eventclient_new.
 */
int source_live_attach(struct source_live *s, struct demux *demux, const char *events_path);

enum source_live_end {
	SOURCE_LIVE_STOPPED, /* source_live_stop was called, and what had come before it was read */
	SOURCE_LIVE_BARREN   /* the last interface is gone, and none may be opened again */
};

/* source_live_run - capture until stopped. */
enum source_live_end source_live_run(struct source_live *s);

/* source_live_stop - end the run: after what was captured before this call. */
void source_live_stop(struct source_live *s);

/*
 * source_live_unread - packets that were left in the rings, because the run had to end while more
 * came than could be read; they count as dropped by their interface, too. True after the run.
 */
uint64_t source_live_unread(const struct source_live *s);

/* source_live_flush - have all that open flows hold flushed to disk. */
void source_live_flush(struct source_live *s);

/* source_live_beat_ns - monotonic time at which the loop was last round. */
int64_t source_live_beat_ns(const struct source_live *s);

/* source_live_interface - the statistics of an interface; NULL from the last on. */
const struct source_live_interface *source_live_interface(
    const struct source_live *s, unsigned number);

/* source_live_events - the statistics of the event stream; NULL: there is none. */
const struct eventclient_stats *source_live_events(const struct source_live *s);

/* source_live_free - takes NULL. */
void source_live_free(struct source_live *s);

#endif
