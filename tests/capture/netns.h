/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network namespaces for tests of live capture: each test gets one of its own, which goes with the
 * test's process. Interfaces are made by ip(8), frames are sent as they stand.
 */
#ifndef CAPTURE_NETNS_H
#define CAPTURE_NETNS_H

#include <stddef.h>
#include <stdint.h>

/* Exit status by which the test driver knows that a test could not run. */
#define NETNS_SKIPPED 77

/*
 * netns_possible - can tests have namespaces here, and ip(8)? If not, says why, in one line.
 *
 * It is to be asked by main, before any test.
 */
int netns_possible(void);

/* netns_setup - a new, empty namespace for this process: a checked fixture. */
void netns_setup(void);

/* netns_ip - run ip(8) with these arguments; a failure fails the test. */
__attribute__((format(printf, 1, 2))) void netns_ip(const char *fmt, ...);

/* netns_try_ip - the same, where the kernel may lack it. Returns: ip's exit status. */
__attribute__((format(printf, 1, 2))) int netns_try_ip(const char *fmt, ...);

/* netns_veth - a pair of Ethernet interfaces, both up: what is sent on one arrives on the other. */
void netns_veth(const char *one, const char *other);

/*
 * netns_await_up - wait until the kernel takes frames for an interface that came up just now: until
 * then, it loses them silently.
 */
void netns_await_up(const char *name);

/* netns_sender - a socket for netns_send. Returns: its descriptor. */
int netns_sender(const char *name);

/* netns_send - send a whole frame, from its destination address on. */
void netns_send(int fd, const void *frame, size_t len);

/*
 * netns_send_offloaded - send one TCP/IPv4 packet larger than the MTU as hosts hand it to cards
 * that cut it to segments themselves; a veth passes it on in one piece.
 *
 * Takes:    fd of netns_sender; a frame of Ethernet, 20 bytes of IPv4, 20 of TCP, payload.
 */
void netns_send_offloaded(int fd, const void *frame, size_t len);

#endif
