/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a staged flow file that nobody is writing any more, and tells how much of it is whole: the
 * longest row of gzip members from its start that pass their checksums and hold whole packets, what
 * these add up to, and whether the record stands at their end. Changes nothing.
 *
 * Life-cycle:  new, read file after file, free.
 * Threads:     a salvager belongs to one thread. Its memory does not depend on the files.
 */
#ifndef ARCHIVE_SALVAGE_H
#define ARCHIVE_SALVAGE_H

#include <stdint.h>

#include "archive/rescan.h"

enum salvage_state {
	SALVAGE_COMPLETE, /* the record is there, and the file ends with it */
	SALVAGE_PARTIAL,  /* packets, but no record */
	SALVAGE_EMPTY,    /* not one whole packet, and no damage but that it is cut */
	SALVAGE_DAMAGED   /* not ours, or nothing of it can be used */
};

struct salvage {
	enum salvage_state state;
	uint64_t size; /* of the extent */
	uint64_t
	    end; /* where, in it, the last whole member ends; what follows is torn or damaged */
	struct rescan_sums sums; /* of the packets before end; no VLAN ids in the key */
	/* the first packet with ports: what a generated UUID is made of */
	int64_t origin_ns;
	uint32_t origin_seq;
	uint16_t vlan[2];
	char error[RESCAN_ERROR_SIZE]; /* why it is damaged, or what ends the row; "" nothing */
};

struct salvager;

/* salvage_new - Returns: 0; -ENOMEM. */
int salvage_new(struct salvager **ret_salvager);

/*
 * salvage_read - look at a file.
 *
 * Takes:    e, of a regular file that is open for reading; its position is left where it is.
 * Returns:  0 and *ret_salvage, where state and error are always set, size and end unless it is
 *           damaged, the rest where it is complete or partial; -ENOMEM; -errno of pread(2).
 */
int salvage_read(struct salvager *v, const struct extent *e, struct salvage *ret_salvage);

/* salvage_free - takes NULL. */
void salvage_free(struct salvager *v);

#endif
