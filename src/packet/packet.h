/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One captured packet, as it travels from a source to the demux: a time, two lengths, a link type
 * and borrowed bytes. Whoever wants to keep the bytes copies them before returning.
 */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H

#include <stdint.h>

/* Largest captured length we accept: the field's own limit (MAXIMUM_SNAPLEN in libpcap). */
#define PACKET_MAX_CAPLEN 262144u

struct packet {
	int64_t ts_ns;		/* capture time, ns since 1970-01-01 UTC */
	uint32_t caplen;	/* bytes at data, at most PACKET_MAX_CAPLEN */
	uint32_t origlen;	/* bytes the frame had on the wire */
	uint32_t linktype;	/* LINKTYPE_ value as in a pcap file header */
	uint32_t interface;	/* number of the interface within its source */
	const uint8_t *data;	/* borrowed: valid until the source is asked for more */
};

#endif
