/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of a pcapng file: their link types, names and clocks. Numbered as they come, over
 * all sections of the file.
 *
 * Threads:  one at a time.
 * Source:   draft-ietf-opsawg-pcapng, section 4.2 (Interface Description Block).
 */
#ifndef PCAPFILE_PCAPNGIF_H
#define PCAPFILE_PCAPNGIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pcapfile/byteorder.h"

/* Bounds of what one file may make us remember. */
#define PCAPNGIF_MAX	  65536u
#define PCAPNGIF_NAME_MAX 255u

/* Least bytes of an interface block's body: link type, reserved, snap length. */
#define PCAPNGIF_BODY_MIN 8u

struct pcapngif {
	uint32_t linktype;
	uint32_t snaplen;	/* 0: no limit */
	char *name;		/* NULL: it has none; at most PCAPNGIF_NAME_MAX bytes are kept */
	int64_t offset_s;	/* if_tsoffset: seconds to add to every time */
	/* if_tsresol: ns = units * multiplier / divisor >> shift; divisor 0: always 0 */
	uint64_t multiplier;
	uint64_t divisor;
	uint8_t shift;
};

struct pcapngif_table {
	struct pcapngif *interfaces;
	size_t count;
	size_t room;
};

/*
 * pcapngif_add - remember the interface that one Interface Description Block describes.
 *
 * Takes:    t; the body of the block with its padding, so that length is a multiple of 4, at
 *           least PCAPNGIF_BODY_MIN; its byte order.
 * Returns:  0; -EBADMSG its options are damaged: it is remembered all the same, with those that
 *           could be read; -EOVERFLOW more than PCAPNGIF_MAX; -ENOMEM.
 */
int pcapngif_add(struct pcapngif_table *t, const uint8_t *body, size_t length,
		 enum byteorder order);

/*
 * pcapngif_time - what a packet's time stamp means on this interface.
 *
 * Returns:  true and the time in ns since 1970 UTC, rounded down; false if that does not fit.
 */
bool pcapngif_time(const struct pcapngif *i, uint64_t units, int64_t *ret_ns);

/* pcapngif_free_all - forget all interfaces. */
void pcapngif_free_all(struct pcapngif_table *t);

#endif
