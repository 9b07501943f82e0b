/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What crosses from the demux to a saver: a chain of chunks of one flow, holding finished pcap
 * records, and what the saver must know to name and to close the file.
 */
#ifndef SAVE_BATCH_H
#define SAVE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/record.h"
#include "base/slab.h"

/*
 * Input of one gzip member, at most: what the largest ordinary chunk holds. A single larger record
 * makes a member of its own.
 */
#define BATCH_MEMBER_BYTES CHUNK_MAX_PLAIN_BYTES

enum batch_kind {
	BATCH_FLUSH, /* the part goes on: stage these packets */
	BATCH_CLOSE  /* the part is complete: publish it */
};

struct batch {
	enum batch_kind kind;
	bool staged;          /* packets of this part were flushed before */
	uint32_t route;       /* equal for all batches of a flow: chooses its saver */
	uint64_t serial;      /* number of the part's staged file */
	int64_t origin_ns;    /* time of the flow's very first packet */
	uint32_t origin_seq;  /* and its TCP sequence number, 0 where it has none */
	struct chunk *chunks; /* NULL where there is nothing to write */
	/*
	 * For BATCH_FLUSH only key, uuid and uuid_source, and of the tally first_ns, are of use. An
	 * empty uuid is made from key and origin by the saver.
	 */
	struct record record;
};

#endif
