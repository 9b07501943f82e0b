/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listener on the event socket: keeps a connection to the event server for ever, whether the
 * server is there yet, goes away or comes back, and hands each event that arrives to a callback.
 * Never waits: it lives in the demux thread's event loop.
 *
 * Life-cycle:  new, run whenever its descriptor is readable, drain at the stop, free.
 * Threads:     owned by the demux thread; any thread may read the statistics.
 */
#ifndef FLOW_EVENTCLIENT_H
#define FLOW_EVENTCLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow/event.h"

#define EVENTCLIENT_MAX_PATH_BYTES 107u   /* of a socket's name, unix(7) */
#define EVENTCLIENT_MAX_LINE_BYTES 65536u /* without the line feed */

struct eventclient;

/* Called with each event; e lives for the call. Must not call eventclient_run, _drain or _free. */
typedef void eventclient_fn(const struct event *e, void *arg);

/*
 * What came of the stream. Written by the owner's thread, read by any, all relaxed. Every line ends
 * in exactly one of the counters after `lines`, whose sum it is between the owner's calls.
 */
struct eventclient_stats {
	_Atomic uint64_t lines;
	_Atomic uint64_t events;    /* given to the callback */
	_Atomic uint64_t malformed; /* no such event; or cut off by the end of the connection */
	_Atomic uint64_t blank;
	_Atomic uint64_t too_long; /* more than EVENTCLIENT_MAX_LINE_BYTES, passed over */
	_Atomic uint64_t unknown;  /* neither open nor close */
	_Atomic uint64_t bad_uuid; /* a name that cannot be a file's */
	_Atomic uint64_t no_tuple; /* an open that does not say between whom */
	_Atomic uint64_t connects;
	_Atomic uint64_t disconnects; /* ended by the server */
	_Atomic bool connected;
};

/*
 * eventclient_new - make it and try to connect once. A server that is not there is no error.
 *
 * Takes:    path of the server's socket; fn, called from eventclient_run and _drain with arg.
 * Returns:  0; -EINVAL empty path; -ENAMETOOLONG path does not fit a socket's name (107 bytes);
 *           -ENOMEM, -EMFILE and the like.
 * Source:   unix(7).
 */
int eventclient_new(
    const char *path, eventclient_fn *fn, void *arg, struct eventclient **ret_client);

/* eventclient_fd - poll it for reading: one descriptor, the same through all connections. */
int eventclient_fd(const struct eventclient *c);

/*
 * eventclient_run - do what is due: read up to 64 KiB, or try to connect. Never waits.
 *
 * What is left over keeps the descriptor readable. Logs connections that come and go.
 */
void eventclient_run(struct eventclient *c);

/* eventclient_stats - they live as long as c. Threads: any. */
const struct eventclient_stats *eventclient_stats(const struct eventclient *c);

/* eventclient_connected - is there a server at the other end, as far as we know? Threads: any. */
bool eventclient_connected(const struct eventclient *c);

/*
 * eventclient_drain - at the stop: read all that has arrived, without waiting for more.
 *
 * Ends also when a server writes faster than we read: after 4 MiB, which is more than a socket
 * holds.
 */
void eventclient_drain(struct eventclient *c);

/* eventclient_free - takes NULL. */
void eventclient_free(struct eventclient *c);

#endif
