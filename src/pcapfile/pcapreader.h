/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the packets of a pcap stream: either byte order, microseconds and nanoseconds, the older
 * versions whose two lengths may stand the other way round, and Kuznetzov's longer record headers.
 *
 * On-disk format of the file header (24 bytes, in the byte order that its magic number tells):
 *     0  magic   4  version, major and minor   8  zone   12  sigfigs   16  snap length
 *    20  link type, with what is known of the FCS in the upper bits
 * and of a record (16 bytes, 24 with Kuznetzov's magic, then the captured bytes):
 *     0  seconds   4  microseconds or nanoseconds   8  captured length   12  original length
 *    16  interface index, protocol, packet type (Kuznetzov's only; not used here)
 *
 * Life-cycle:  new, next until it does not return 1, free.
 * Threads:     one at a time.
 * Source:      draft-ietf-opsawg-pcap; pcap-savefile(5).
 */
#ifndef PCAPFILE_PCAPREADER_H
#define PCAPFILE_PCAPREADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "pcapfile/fault.h"
#include "pcapfile/instream.h"

struct pcapreader;

/* pcapreader_knows - do these four bytes begin a pcap file? */
bool pcapreader_knows(const uint8_t magic[4]);

/*
 * pcapreader_new - read the file header, whose magic number pcapreader_knows.
 *
 * Takes:    in and fault, borrowed until pcapreader_free.
 * Returns:  0 and *ret_reader; -ENOTSUP a version or a link type field that we cannot interpret;
 *           -ENODATA, -EBADMSG or -errno where the input ends inside the header; -ENOMEM.
 */
int pcapreader_new(struct instream *in, struct fault *fault, struct pcapreader **ret_reader);

/* pcapreader_next - as capreader_next. */
int pcapreader_next(struct pcapreader *r, struct packet *ret_packet);

/* pcapreader_ready - as capreader_ready. */
bool pcapreader_ready(const struct pcapreader *r);

/* pcapreader_free - takes NULL. */
void pcapreader_free(struct pcapreader *r);

#endif
