/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UUIDs for flows that no event has named: RFC 9562 version 5 over the flow's identity as archived,
 * so that archiving the same packets again gives the same names. The namespace is
 * 7e3f0c52-9d1b-5c64-a0f7-3b8d2e6194ca.
 *
 * The name that is hashed, all numbers big-endian:
 *     4  link type          1  protocol         1  address family, 4 or 6
 *     n  low address        2  low port         n  high address     2  high port   (n = 4 or 16)
 *     2  outer VLAN id      2  inner VLAN id    (both only where VLANs are part of the key)
 *     8  time of the first packet, ns since 1970 UTC
 *     4  TCP sequence number of the first packet, 0 where it has none
 */
#ifndef SAVE_UUIDGEN_H
#define SAVE_UUIDGEN_H

#include <stdint.h>

#include "packet/flowkey.h"

#define UUIDGEN_TEXT_SIZE 37

/*
 * uuidgen_flow - the UUID of a flow.
 *
 * Takes:    k, its key; time and sequence number of its very first packet; buf of
 *           UUIDGEN_TEXT_SIZE bytes.
 * Returns:  buf, lower case.
 * Threads:  any; pure.
 * Source:   RFC 9562 section 5.5.
 */
char *uuidgen_flow(const struct flowkey *k, int64_t first_ns, uint32_t first_seq, char *buf);

#endif
