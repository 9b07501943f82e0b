/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum: a ones' complement sum of 16-bit words. A sum is taken in pieces of even
 * length, in any order, and folded at the end. Source: RFC 1071.
 */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * checksum_add - add bytes to a sum; an odd last byte is taken as followed by a zero.
 *
 * Takes:    sum, 0 at first. Returns: the new sum, for checksum_add and checksum_fold alone.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len);

/*
 * checksum_fold - the 16 bits of a sum, in the byte order of memory: to be copied, not computed
 * with. A header is right if the sum over it, its checksum field included, folds to 0xffff; the
 * field is the complement of the sum over all others.
 */
uint16_t checksum_fold(uint64_t sum);

#endif
