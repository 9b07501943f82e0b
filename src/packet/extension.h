/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers that lead from IP on to another header: which protocol numbers they have, and how long
 * they say they are.
 *
 * Source: RFC 7045 section 4, RFC 6564 section 4, RFC 4302 section 2.2.
 */
#ifndef PACKET_EXTENSION_H
#define PACKET_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTHENTICATION = 51, /* in IPv4 as well */
	EXTENSION_DESTINATION = 60,
	EXTENSION_MOBILITY = 135,
	EXTENSION_HIP = 139,
	EXTENSION_SHIM6 = 140
};

#define EXTENSION_LEAST_BYTES 8u /* none is smaller */

/* extension_is - is this a header that leads on to another, in IP of this version? */
static inline bool extension_is(uint8_t version, uint8_t proto)
{
	if (proto == EXTENSION_AUTHENTICATION)
		return true;
	if (version == 4)
		return false;
	switch (proto) {
	case EXTENSION_HOP_BY_HOP:
	case EXTENSION_ROUTING:
	case EXTENSION_FRAGMENT:
	case EXTENSION_DESTINATION:
	case EXTENSION_MOBILITY:
	case EXTENSION_HIP:
	case EXTENSION_SHIM6:
		return true;
	default:
		return false;
	}
}

/* extension_bytes - of the header at h, by its own length, which is in the first two bytes. */
static inline uint32_t extension_bytes(uint8_t proto, const uint8_t *h)
{
	if (proto == EXTENSION_FRAGMENT)
		return EXTENSION_LEAST_BYTES;
	return proto == EXTENSION_AUTHENTICATION ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
}

#endif
