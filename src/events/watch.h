/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event server: watches the kernel's sockets (events/sockdiag, events/sockets) and tells its
 * clients (events/server) which connections open and close.
 *
 * Order of the start, so that nothing is lost in between: subscribe to the destroy messages, dump
 * what there is, and only then listen. From then on a dump follows the other, with pauses that keep
 * them below a tenth of one processor.
 *
 * Life-cycle:  open, run until a signal ends it, close.
 * Threads:     one, and one epoll loop, which also takes the signals (signalfd(2)).
 */
#ifndef EVENTS_WATCH_H
#define EVENTS_WATCH_H

#include <stdio.h>

struct watch;

/*
 * watch_open - subscribe, and take over SIGINT, SIGTERM, SIGHUP and SIGUSR1.
 *
 * Takes:    listen_path and prefix, which must outlive the watch.
 * Returns:  0; -errno of sockdiag_open, epoll_create1(2), signalfd(2); -ENOMEM.
 */
int watch_open(const char *listen_path, const char *prefix, struct watch **ret_watch);

/* watch_subscribe_error - 0, or why the kernel gives no destroy messages: polling alone. */
int watch_subscribe_error(const struct watch *w);

enum watch_failure {
	WATCH_NO_FAILURE,
	WATCH_NO_DUMP,    /* the first dump failed */
	WATCH_NO_LISTENER /* server_open failed */
};

/*
 * watch_run - serve until SIGINT or SIGTERM.
 *
 * Returns:  0; -errno, and which of the two it is of.
 */
int watch_run(struct watch *w, enum watch_failure *ret_failure);

/* watch_print - what was counted, one line. */
void watch_print(const struct watch *w, FILE *to);

/* watch_close - takes NULL. Connections are not said to be closed: they live on. */
void watch_close(struct watch *w);

#endif
