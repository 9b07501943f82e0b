/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes frames for the tests of the demux: Ethernet with VLAN tags (or raw IP), IPv4 or IPv6 with
 * fragments, TCP, UDP, ICMP and SCTP. Without any of the code under test. Checksums stay zero: the
 * demux does not look at them.
 */
#ifndef TESTS_FLOW_FRAME_H
#define TESTS_FLOW_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MAX_BYTES 262144u
#define FRAME_ETHERNET  1u   /* LINKTYPE_ETHERNET */
#define FRAME_RAW       101u /* LINKTYPE_RAW */

/* TCP flags, short enough to be read in a table of packets. */
enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

/* Who speaks: the two ends of a conversation, in the order in which struct conn names them. */
enum end { A, B };

/* Two ends. host h is 10.h (24 bits) in IPv4, and 2001:db8::h in IPv6. */
struct conn {
	uint8_t family; /* 4, 6, or 64 for IPv4-mapped IPv6 */
	uint8_t proto;  /* 0: TCP */
	uint32_t host[2];
	uint16_t port[2]; /* ICMP: port[A] is the identifier */
	uint16_t vlan[2]; /* outermost first; 0: none */
};

struct frame {
	const struct conn *conn;
	enum end from;
	uint8_t tcp_flags;
	uint32_t seq;
	uint32_t payload_bytes; /* of the transport */
	uint32_t padding_bytes; /* behind the IP packet */
	bool length_unknown;    /* IP says length 0, as before segmentation offload */
	uint32_t linktype;      /* 0: Ethernet */
	/* Fragments: the first has offset 0 and `more`; later ones have no transport header. */
	uint32_t fragment_id;
	uint16_t fragment_offset; /* bytes, a multiple of 8 */
	bool more;
	uint8_t icmp_type; /* 0 makes an echo request */
};

/*
 * frame_make - the bytes of a frame.
 *
 * Takes:    f; number, which goes into the Ethernet source address, so that a frame can be known
 *           again; bytes with room for FRAME_MAX_BYTES.
 * Returns:  its length.
 */
uint32_t frame_make(const struct frame *f, uint32_t number, uint8_t *bytes);

/* frame_number - the inverse, for Ethernet frames. */
uint32_t frame_number(const uint8_t *bytes);

/* frame_address - an end's address as a flow key holds it: 16 bytes, IPv4 is 4 and zeros. */
void frame_address(const struct conn *c, enum end end, uint8_t *address);

#endif
