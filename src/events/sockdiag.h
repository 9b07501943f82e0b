/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the kernel which TCP connections this network namespace has, and hears from it when one's
 * socket is destroyed. Both over NETLINK_SOCK_DIAG, on two netlink sockets: a long dump must not
 * fill the buffer of the destroy messages.
 *
 * A dump is one walk over the kernel's table for both families: the request of inet_diag's first
 * version names no family (kernel net/ipv4/inet_diag.c, inet_diag_dump_compat), and a walk over the
 * table costs more than what is in it. The kernel fills the next message of 32 KiB whenever one is
 * taken (af_netlink.c, netlink_recvmsg), so that sockdiag_dump_step neither waits nor need be
 * waited for, and others get their turn between the steps of a long dump.
 *
 * Life-cycle:  open, which subscribes; then any number of dumps, one at a time; close.
 * Threads:     one.
 * Source:      sock_diag(7); linux/sock_diag.h, linux/inet_diag.h.
 */
#ifndef EVENTS_SOCKDIAG_H
#define EVENTS_SOCKDIAG_H

#include <stdbool.h>

#include "events/connection.h"

struct sockdiag;

typedef void (*sockdiag_fn)(const struct connection *c, void *arg);

/*
 * sockdiag_open - both netlink sockets, subscribed to the destroy messages where that is allowed.
 *
 * Returns:  0; -errno of socket(2), bind(2).
 */
int sockdiag_open(struct sockdiag **ret_diag);

/* sockdiag_subscribe_error - 0: destroy messages come. Else -errno, and there is polling alone. */
int sockdiag_subscribe_error(const struct sockdiag *d);

/* sockdiag_destroy_fd - readable when sockdiag_read_destroyed has work. */
int sockdiag_destroy_fd(const struct sockdiag *d);

/*
 * sockdiag_dump_begin - ask for all connections that are neither LISTEN, SYN_RECV, TIME_WAIT nor
 * CLOSE. A dump that was under way is given up.
 *
 * Returns:  0; -errno.
 */
int sockdiag_dump_begin(struct sockdiag *d);

/*
 * sockdiag_dump_step - take the next message of the dump, about 300 connections.
 *
 * Returns:  1 more to come; 0 done and complete; -errno the dump failed and is over (-ENOENT: the
 *           kernel has no tcp_diag).
 */
int sockdiag_dump_step(struct sockdiag *d, sockdiag_fn fn, void *arg);

/*
 * sockdiag_read_destroyed - take one destroy message.
 *
 * Returns:  1; 0 there is none now; -ENOBUFS some were lost: dump; other -errno.
 */
int sockdiag_read_destroyed(struct sockdiag *d, sockdiag_fn fn, void *arg);

/* sockdiag_close - takes NULL. */
void sockdiag_close(struct sockdiag *d);

#endif
