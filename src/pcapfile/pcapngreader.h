/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the packets of a pcapng stream: all its sections, each in its own byte order, with their
 * interfaces and clocks; enhanced, simple and obsolete packet blocks. Passes over all other blocks.
 *
 * On-disk format of a block (numbers in the byte order of its section):
 *     0  type   4  total length, a multiple of 4   8  body   total - 4  the same length again
 * and of what stands in the bodies read here:
 *     section header   0  byte-order magic 0x1a2b3c4d   4  version, major and minor
 *                      8  section length (not used)   16  options
 *     interface        0  link type   4  snap length   8  options
 *     enhanced packet  0  interface   4  time, high and low half   12  captured length
 *                     16  original length   20  bytes, padding, options
 *     old packet       0  interface (16 bits), drops (16 bits), then as the enhanced one
 *     simple packet    0  original length   4  bytes, padding
 *
 * Life-cycle:  new, next until it does not return 1, free.
 * Threads:     one at a time.
 * Source:      draft-ietf-opsawg-pcapng.
 */
#ifndef PCAPFILE_PCAPNGREADER_H
#define PCAPFILE_PCAPNGREADER_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"
#include "pcapfile/fault.h"
#include "pcapfile/instream.h"

struct pcapngreader;

/* pcapngreader_knows - do these four bytes begin a pcapng file? */
bool pcapngreader_knows(const uint8_t magic[4]);

/*
 * pcapngreader_new - read the first section header.
 *
 * Takes:    in and fault, borrowed until pcapngreader_free.
 * Returns:  0 and *ret_reader; -ENOTSUP a version that we do not know, or not pcapng after all;
 *           -EBADMSG a damaged section header; -ENODATA or -errno where the input ends inside it;
 *           -ENOMEM.
 */
int pcapngreader_new(struct instream *in, struct fault *fault, struct pcapngreader **ret_reader);

/* pcapngreader_next - as capreader_next. */
int pcapngreader_next(struct pcapngreader *r, struct packet *ret_packet);

/* pcapngreader_skipped, pcapngreader_skipped_error - as capreader_skipped. */
uint64_t pcapngreader_skipped(const struct pcapngreader *r);
const char *pcapngreader_skipped_error(const struct pcapngreader *r);

/* pcapngreader_interface_name - as capreader_interface_name. */
const char *pcapngreader_interface_name(const struct pcapngreader *r, uint32_t n);

/* pcapngreader_free - takes NULL. */
void pcapngreader_free(struct pcapngreader *r);

#endif
