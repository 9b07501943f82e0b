/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notices that network interfaces or addresses have changed; what they are now, capture/netlist.h
 * tells. To miss nothing: make a watch first, then read the list.
 *
 * Life-cycle:  new, run whenever netwatch_fd is ready, free.
 * Threads:     one.
 * Source:      rtnetlink(7), netlink(7).
 */
#ifndef CAPTURE_NETWATCH_H
#define CAPTURE_NETWATCH_H

struct netwatch;

enum { NETWATCH_LINKS = 1, NETWATCH_ADDRESSES = 2 };

/* netwatch_new - from now on. Returns: 0; -ENOMEM; -errno of the netlink socket. */
int netwatch_new(struct netwatch **ret_watch);

/* netwatch_fd - to be polled for reading. */
int netwatch_fd(const struct netwatch *w);

/*
 * netwatch_run - take in what has come, without waiting.
 *
 * Returns:  what may have changed, a sum of NETWATCH_ values, 0 for nothing; both where the kernel
 *           had more to tell than the socket holds; -errno: the socket is of no more use.
 */
int netwatch_run(struct netwatch *w);

/* netwatch_free - takes NULL. */
void netwatch_free(struct netwatch *w);

#endif
