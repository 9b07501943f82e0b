/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes packets of flows as one capture file: pcap, or pcapng, which also tells which flow a
 * packet is of, and keeps link types and interfaces apart. Nothing is written before the first
 * packet.
 *
 * On-disk format of the pcapng: see flowkeep-fetch(1).
 *
 * Threads:  one.
 */
#ifndef FETCH_PACKETOUT_H
#define FETCH_PACKETOUT_H

#include <stddef.h>
#include <stdint.h>

#include "fetch/flowfile.h"
#include "fetch/outfile.h"
#include "fetch/partlist.h"

enum packetout_form { PACKETOUT_PCAP, PACKETOUT_PCAPNG };

struct packetout;

struct packetout_config {
	enum packetout_form form;
	struct outfile *out;
	const struct part *const *parts; /* all whose packets may come */
	size_t count;
	size_t flows; /* that they are of */
};

/*
 * packetout_new - Takes config, whose out and parts are borrowed; for pcap all parts are of one
 *           link type.
 * Returns:  0; -ENOMEM; -ENOTSUP pcapng cannot hold one of the link types.
 */
int packetout_new(const struct packetout_config *config, struct packetout **ret_out);

/* packetout_interface - the number that a part's interface has in the pcapng; 0 in a pcap. */
uint32_t packetout_interface(const struct packetout *o, const struct part *p);

struct packetout_packet {
	const struct part *part;
	const struct flowfile_packet *packet;
	uint32_t interface;
	const char *record; /* of the part, with its first packet; else, or where it has none, "" */
};

/* packetout_write - Returns: 0; -errno of writing. */
int packetout_write(struct packetout *o, const struct packetout_packet *p);

/* packetout_bytes - written so far, before gzip. */
uint64_t packetout_bytes(const struct packetout *o);

/* packetout_free - takes NULL. */
void packetout_free(struct packetout *o);

#endif
