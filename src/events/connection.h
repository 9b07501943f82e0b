/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP socket of this host as the kernel names it: its cookie, which stays the same for as long
 * as the socket lives and is never given again until the next boot, and its two ends.
 */
#ifndef EVENTS_CONNECTION_H
#define EVENTS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct connection {
	uint64_t cookie;   /* SO_COOKIE, socket(7) */
	uint8_t local[16]; /* network order; 4 bytes of it for IPv4 */
	uint8_t remote[16];
	uint32_t interface;   /* index of the device that the socket is bound to, 0: none */
	uint16_t local_port;  /* host order */
	uint16_t remote_port; /* 0, either: not connected, or erased by the kernel */
	bool ipv6;
};

#endif
