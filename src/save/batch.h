/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What crosses from the demux to a saver: a chain of chunks of one flow, holding finished pcap
 * records, and what the saver must know to name and to close the file.
 */
#ifndef SAVE_BATCH_H
#define SAVE_BATCH_H

#include <stdatomic.h>
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
	BATCH_FLUSH, /* the part goes on: stage these packets; without any, only name what is staged
		      */
	BATCH_CLOSE, /* the part is complete: publish it */
	BATCH_DISCARD /* nobody named the flow in time: the part goes, counted as no_uuid */
};

struct batch {
	enum batch_kind kind;
	bool staged;          /* packets of this part were flushed before */
	bool staged_unnamed;  /* and lie in a staged file without a name */
	bool unnamed;         /* BATCH_FLUSH: an event may still come, stage without a name */
	uint32_t route;       /* equal for all batches of a flow: chooses its saver */
	uint64_t serial;      /* number of the part's staged file */
	int64_t origin_ns;    /* time of the flow's very first packet */
	uint32_t origin_seq;  /* and its TCP sequence number, 0 where it has none */
	struct chunk *chunks; /* NULL where there is nothing to write */
	/* Where charge is not NULL, charge_bytes are taken off it when the chunks have gone back.
	 */
	_Atomic uint64_t *charge;
	uint64_t charge_bytes;
	/*
	 * For BATCH_FLUSH only key, uuid, uuid_source and the tally so far are of use. An
	 * empty uuid is made from key and origin by the saver.
	 */
	struct record record;
};

#endif
