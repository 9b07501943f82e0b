/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a frame to the words that the flow table needs: addresses, protocol, ports, TCP flags, and
 * whether it is a fragment. Only the first IP header of a frame counts: tunnels are not opened.
 */
#ifndef PACKET_DECODE_H
#define PACKET_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

enum decode_result {
	DECODE_OK,	  /* both ends are known (a portless protocol has ports 0); every header
			   * down to l4_off was captured */
	DECODE_FRAGMENT,  /* a fragment that is not the first: addresses, protocol, frag_id only */
	DECODE_NOT_IP,	  /* not an IP packet */
	DECODE_TRUNCATED, /* the capture ends before the ports */
	DECODE_MALFORMED, /* headers contradict themselves, or exceed a bound of ours */
	DECODE_LINKTYPE	  /* unknown link type */
};

#define DECODE_MAX_EXTHDRS 16	/* IPv6 extension headers that we walk over */

/* IANA protocol numbers */
enum {
	DECODE_ICMP = 1,
	DECODE_TCP = 6,
	DECODE_UDP = 17,
	DECODE_DCCP = 33,
	DECODE_ICMP6 = 58,
	DECODE_SCTP = 132,
	DECODE_UDPLITE = 136
};

/* TCP flag bits, RFC 9293 section 3.1 */
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10 };

struct decoded {
	uint8_t src[16], dst[16];	/* IPv4 (and IPv4-mapped IPv6): 4 bytes, then zeros */
	uint16_t sport, dport;		/* host order; ICMP echo, timestamp and information: the
					 * identifier in both; 0 if the protocol has none */
	uint8_t family;			/* 4 or 6, after folding of IPv4-mapped addresses */
	uint8_t proto;			/* IANA number of what follows IP and its extensions */
	uint8_t tcp_flags;		/* 0 unless has_tcp */
	bool has_tcp;			/* seq, ack and tcp_flags were captured, and are there: the
					 * segment is as long as a header, or a first fragment */
	bool first_fragment;		/* more fragments of this datagram follow; frag_id is set */
	uint8_t frag_proto;		/* of fragments: the protocol that all of a datagram name, which
					 * may be one that leads on to proto */
	uint32_t frag_id;		/* IPv4: 16 bits; IPv6: 32 bits */
	uint32_t seq, ack;		/* TCP, host order */
	uint16_t vlan[2];		/* outermost first, 0 for none */
	uint32_t net_off;		/* the IP header */
	uint32_t l4_off;		/* the transport header; 0 for DECODE_FRAGMENT */
	uint32_t payload_off;		/* the transport payload: after the header where there are
					 * ports, else l4_off; at most end_off */
	uint32_t end_off;		/* where the IP packet ends (before padding), by its own length;
					 * may lie beyond caplen */
	uint32_t frame_end;		/* where the link layer's payload ends: what lies behind is
					 * padding, whatever IP says; may lie beyond caplen */
};

/*
 * decode_packet - decode one frame down to the ports.
 *
 * Takes:    *p, borrowed for the call.
 * Returns:  a decode_result. ret_decoded is whole for DECODE_OK, has src, dst, family, proto,
 *           vlan, frag_id, frag_proto, net_off, end_off and frame_end for DECODE_FRAGMENT, and is undefined
 *           otherwise.
 * Threads:  any; pure. Never reads beyond p->caplen.
 * Source:   RFC 791, RFC 8200, RFC 2675, RFC 4302, RFC 9293, RFC 768, RFC 9260, RFC 792, RFC 4443.
 */
enum decode_result decode_packet(const struct packet *p, struct decoded *ret_decoded);

#endif
