/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP addresses in 16 bytes. In a decoded packet and in a flow key an IPv4 address is 4 bytes, then
 * zeros; where both families stand side by side it is mapped: ::ffff:a.b.c.d, RFC 4291 section
 * 2.5.5.2.
 */
#ifndef PACKET_IPADDR_H
#define PACKET_IPADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IPADDR_MAPPED_BYTES 12 /* of the prefix; the IPv4 address stands behind it */

/* ipaddr_is_mapped - does this IPv6 address stand for an IPv4 one? */
static inline bool ipaddr_is_mapped(const uint8_t addr[16])
{
	static const uint8_t prefix[IPADDR_MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

/* ipaddr_map - the mapped form of an IPv4 address. ret_addr may not be v4. */
static inline void ipaddr_map(const uint8_t v4[4], uint8_t ret_addr[16])
{
	memset(ret_addr, 0, 10);
	ret_addr[10] = ret_addr[11] = 0xff;
	memcpy(ret_addr + IPADDR_MAPPED_BYTES, v4, 4);
}

/* ipaddr_unmap - the inverse, in place: 4 bytes, then zeros. */
static inline void ipaddr_unmap(uint8_t addr[16])
{
	memcpy(addr, addr + IPADDR_MAPPED_BYTES, 4);
	memset(addr + 4, 0, 12);
}

/*
 * ipaddr_parse - read an address as inet_pton(3) does.
 *
 * Returns:  its family, 4 (4 bytes, then zeros) or 6; 0 it is none, and *ret_addr is undefined.
 */
uint8_t ipaddr_parse(const char *text, uint8_t ret_addr[16]);

#endif
