/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From "the server says these bytes" to an Ethernet frame: TCP and UDP headers with their
 * checksums, IPv4, IPv6, 802.1Q, and the cutting into fragments.
 */
#ifndef TOOLS_FLOWGEN_FRAME_H
#define TOOLS_FLOWGEN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowgen_payload.h"

enum flowgen_side { FLOWGEN_CLIENT, FLOWGEN_SERVER };

/* Who talks to whom. Arrays of two are indexed by enum flowgen_side. */
struct flowgen_tuple {
	uint8_t address[2][16]; /* IPv4: the first 4 bytes */
	uint16_t port[2];
	uint16_t vlan; /* 0: untagged */
	bool v6;
	bool udp;
};

/* RFC 9293, 3.1 */
enum flowgen_tcp_flag {
	FLOWGEN_TCP_FIN = 1,
	FLOWGEN_TCP_SYN = 2,
	FLOWGEN_TCP_RST = 4,
	FLOWGEN_TCP_PSH = 8,
	FLOWGEN_TCP_ACK = 16,
};

/* One datagram, as a flow wants it said. */
struct flowgen_packet {
	enum flowgen_side side; /* the sender */
	unsigned flags;         /* enum flowgen_tcp_flag; the fields to mss are TCP's */
	uint32_t seq, ack;
	uint16_t window;
	bool timestamps;
	uint32_t tsval, tsecr;
	uint16_t mss;  /* for the option of SYNs */
	uint16_t unit; /* larger IP packets are cut into fragments of at most this; 0: never */
	uint32_t ip_id;
	struct flowgen_message message;
	uint32_t offset; /* of the payload in the message */
	uint32_t len;    /* of the payload, at most FLOWGEN_PAYLOAD_MAX */
};

#define FLOWGEN_PAYLOAD_MAX 4096u
#define FLOWGEN_HEADROOM    66u /* Ethernet 14, 802.1Q 4, IPv6 40, fragment 8 */

/* A workbench, used for one datagram after the other. */
struct flowgen_frame {
	const uint8_t *data; /* the frame, after flowgen_frame_piece */
	size_t len;
	bool more;   /* further fragments of this datagram are to be built */
	size_t next; /* where the next fragment starts, in bytes of the datagram */
	size_t datagram_len;
	uint8_t buf[FLOWGEN_HEADROOM + 60 + FLOWGEN_PAYLOAD_MAX + 60];
};

/*
 * flowgen_frame_datagram - lay out TCP or UDP header and payload, checksum included.
 *
 * Takes:    a workbench, whose former content is lost.
 */
void flowgen_frame_datagram(
    struct flowgen_frame *frame, const struct flowgen_tuple *tuple, const struct flowgen_packet *p);

/*
 * flowgen_frame_piece - make the frame that carries the datagram, or its fragment at offset.
 *
 * Takes:    offset 0, or the next that the fragment before left. Overwrites what lies before
 *           offset, so pieces of one layout are made in order.
 */
void flowgen_frame_piece(struct flowgen_frame *frame, const struct flowgen_tuple *tuple,
    const struct flowgen_packet *p, size_t offset);

#endif
