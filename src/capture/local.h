/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which addresses are "ours": a capture that keeps to them leaves out what merely passes by. Either
 * all addresses of this host, followed as they change, or a list that the user gave.
 *
 * Life-cycle:  new, has (and refresh when addresses have changed, see capture/netwatch.h), free.
 * Threads:     one.
 */
#ifndef CAPTURE_LOCAL_H
#define CAPTURE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

struct local;

/*
 * local_new - Takes: text, "auto", "none", or addresses and prefixes with commas between them
 * ("192.0.2.0/24,2001:db8::1"). Bits of an address beyond its prefix do not matter.
 *
 * Returns:  0; -EINVAL it is none of these; -ENOMEM; auto: as netlist_read.
 */
int local_new(const char *text, struct local **ret_local);

/* local_follows - is it auto? Then it is to be refreshed when addresses change. */
bool local_follows(const struct local *l);

/*
 * local_refresh - read this host's addresses again, if they are followed.
 *
 * Returns:  0; as netlist_read: the addresses known before stay.
 */
int local_refresh(struct local *l);

/* local_any - is every address ours, because none were named? */
bool local_any(const struct local *l);

/*
 * local_has - is this address ours?
 *
 * Takes:    family 4 or 6; addr as in struct decoded: IPv4 is 4 bytes, then zeros.
 */
bool local_has(const struct local *l, uint8_t family, const uint8_t addr[16]);

/* local_free - takes NULL. */
void local_free(struct local *l);

#endif
