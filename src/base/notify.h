/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tell the service manager how we are: ready, alive, stopping, and a line for `systemctl status`.
 * This is the protocol of sd_notify(3), spoken without libsystemd: it is one datagram.
 *
 * Threads:  any; the environment is only read.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/*
 * notify_send - send one message to $NOTIFY_SOCKET, a path or, with '@', an abstract name.
 *
 * Takes:    state, "READY=1", "WATCHDOG=1", "STOPPING=1\nSTATUS=draining"; not empty.
 * Returns:  0, also where $NOTIFY_SOCKET is not set or empty; -EAFNOSUPPORT it is no unix socket,
 *           -ENAMETOOLONG, -EAGAIN the manager's queue is full, else -errno of socket(2), send(2).
 * Threads:  any; never blocks. A WATCHDOG=1 that got lost is made good by the next one: they are
 *           sent twice as often as is asked for.
 * Source:   sd_notify(3), unix(7).
 */
int notify_send(const char *state);

/*
 * notify_watchdog_ns - how often to send "WATCHDOG=1": half of what the manager waits for.
 *
 * Returns:  nanoseconds; 0: nobody waits for us ($WATCHDOG_USEC is not set or no number above 0, or
 *           $WATCHDOG_PID names another process).
 * Source:   sd_watchdog_enabled(3).
 */
int64_t notify_watchdog_ns(void);

#endif
