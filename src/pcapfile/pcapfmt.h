/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pcap format as we write it: nanosecond magic, little-endian, snap length 262144 always.
 *
 * On-disk format of the file header (24 bytes, little-endian):
 *     0  magic 0xa1b23c4d   4  version 2, 4   8  zone 0   12  sigfigs 0
 *    16  snap length 262144                  20  link type
 * and of a record (16 bytes, then the captured bytes):
 *     0  seconds   4  nanoseconds   8  captured length   12  original length
 *
 * Source: draft-ietf-opsawg-pcap.
 */
#ifndef PCAPFILE_PCAPFMT_H
#define PCAPFILE_PCAPFMT_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

#define PCAPFMT_FILE_HEADER_BYTES   24u
#define PCAPFMT_RECORD_HEADER_BYTES 16u
#define PCAPFMT_MAGIC_NS            0xa1b23c4du

/* pcapfmt_put_le32, pcapfmt_get_le32 - 32 bits, little-endian, at any address. */
static inline void pcapfmt_put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline uint32_t pcapfmt_get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* pcapfmt_file_header - write the 24 bytes to buf. */
void pcapfmt_file_header(uint32_t linktype, uint8_t *buf);

/* pcapfmt_time_fits - can a record hold this time? (1970-01-01 to 2106-02-07) */
bool pcapfmt_time_fits(int64_t ts_ns);

/* pcapfmt_record_header - write the 16 bytes to buf; p's time must fit, kept_bytes <= caplen. */
void pcapfmt_record_header(const struct packet *p, uint32_t kept_bytes, uint8_t *buf);

#endif
