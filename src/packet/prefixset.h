/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of address prefixes, and whether an address lies in one of them.
 *
 * Life-cycle:  new, add, has, free. A set never shrinks: whoever follows changes makes a new one.
 * Threads:     one; has may be called by several once nobody adds.
 */
#ifndef PACKET_PREFIXSET_H
#define PACKET_PREFIXSET_H

#include <stdbool.h>
#include <stdint.h>

struct prefixset;

/* prefixset_new - an empty set. Returns: 0; -ENOMEM. */
int prefixset_new(struct prefixset **ret_set);

/*
 * prefixset_add - add the first `bits` of an address.
 *
 * Takes:    family 4 or 6; addr as in struct decoded: IPv4 is 4 bytes, then zeros; bits up to 32 or
 *           128. What lies in ::ffff:0:0/96 is added as the IPv4 addresses that it stands for.
 * Returns:  0, also if it is there already; -ENOMEM.
 */
int prefixset_add(struct prefixset *set, uint8_t family, const uint8_t addr[16], unsigned bits);

/*
 * prefixset_add_list - add "192.0.2.0/24,2001:db8::1": addresses and prefixes with commas between
 * them. Bits of an address beyond its prefix do not matter.
 *
 * Returns:  0; -EINVAL not such a list; -ENOMEM. Items before the one that failed are added.
 */
int prefixset_add_list(struct prefixset *set, const char *text);

/*
 * prefixset_has - does a prefix of the set hold this address?
 *
 * Takes:    as prefixset_add, but IPv4 comes as IPv4: ::ffff:0:0/96 is not folded here.
 */
bool prefixset_has(const struct prefixset *set, uint8_t family, const uint8_t addr[16]);

/* prefixset_free - takes NULL. */
void prefixset_free(struct prefixset *set);

#endif
