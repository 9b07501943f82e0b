/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pcapng format as we write it: one section, little-endian, times in nanoseconds; comments on
 * the section and on packets.
 *
 * On-disk format of the blocks (see pcapngreader.h for what all blocks share):
 *     section header   0x0a0d0d0a: byte-order magic, version 1.0, section length unknown (-1);
 *                      options shb_userappl (4), opt_comment (1)
 *     interface        1: link type (16 bits), 0 (16 bits), snap length 262144; options if_name
 *                      (2), if_tsresol (9) of 9
 *     enhanced packet  6: interface, time (high half, low half), captured and original length,
 *                      bytes, padding; options opt_comment (1), any number of them
 * An option is code and length, 16 bits each, and its value, padded to a multiple of 4; the last
 * one is followed by opt_endofopt, four bytes of zero.
 *
 * Threads:  any; pure.
 * Source:   draft-ietf-opsawg-pcapng, sections 3.5, 4.1, 4.2, 4.3.
 */
#ifndef PCAPFILE_PCAPNGFMT_H
#define PCAPFILE_PCAPNGFMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/* Longest text of an option that we write. */
#define PCAPNGFMT_TEXT_MAX 4096u

/* Room for any section header, any interface. */
#define PCAPNGFMT_SECTION_MAX	(64u + 2 * PCAPNGFMT_TEXT_MAX)
#define PCAPNGFMT_INTERFACE_MAX (64u + PCAPNGFMT_TEXT_MAX)

/*
 * pcapngfmt_section - the block that begins a section.
 *
 * Takes:    application, comment: texts in UTF-8, cut at PCAPNGFMT_TEXT_MAX; "" for none; buf with
 *           PCAPNGFMT_SECTION_MAX bytes.
 * Returns:  the bytes written.
 */
size_t pcapngfmt_section(const char *application, const char *comment, uint8_t *buf);

/* pcapngfmt_linktype_fits - can an interface block hold this link type? It has 16 bits for it. */
bool pcapngfmt_linktype_fits(uint32_t linktype);

/*
 * pcapngfmt_interface - the block of an interface. They are numbered from 0 as they come.
 *
 * Takes:    linktype, which must fit; name, "" unknown; buf with PCAPNGFMT_INTERFACE_MAX bytes.
 * Returns:  the bytes written.
 */
size_t pcapngfmt_interface(uint32_t linktype, const char *name, uint8_t *buf);

/* pcapngfmt_packet_bytes - what pcapngfmt_packet writes for caplen bytes and these comments. */
size_t pcapngfmt_packet_bytes(uint32_t caplen, const char *const *comments, size_t count);

/*
 * pcapngfmt_packet - the block of a packet.
 *
 * Takes:    p, its time not before 1970, its interface that of the section; count comments; buf
 *           with as many bytes as pcapngfmt_packet_bytes says.
 * Returns:  the bytes written.
 */
size_t pcapngfmt_packet(
    const struct packet *p, const char *const *comments, size_t count, uint8_t *buf);

#endif
