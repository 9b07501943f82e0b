/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole frames through packet/scrub, from memory of exactly their size. Whatever the test is about,
 * each run asserts what must hold for every frame and policy: the input is not written to, what
 * comes out decodes to the same words but for its addresses, the key of the flow agrees with it,
 * bytes of earlier frames never show, and scrubbing again changes nothing.
 */
#ifndef TESTS_PACKET_SCRUBRIG_H
#define TESTS_PACKET_SCRUBRIG_H

#include "ipframe.h"
#include "packet/scrub.h"

struct scrubrig {
	struct policy policy;
	struct scrub *scrub, *other; /* of one policy, but with different pasts */
	uint16_t sport, dport;       /* of the flow that a later fragment is taken to belong to */

	/* of the last frame */
	struct decoded decoded; /* as captured */
	enum decode_result result;
	uint8_t *raw;  /* as captured */
	uint8_t *kept; /* what came out: kept_len bytes on the heap */
	uint32_t kept_len, origlen;
	uint8_t src[16], dst[16];
};

/* scrubrig_open - Takes: exempt, which addresses are; NULL for none. */
void scrubrig_open(struct scrubrig *r, const struct policy *policy, anonymizer_exempt_fn *exempt);
void scrubrig_close(struct scrubrig *r);

/*
 * scrubrig_run - the first `caplen` bytes of a frame that had more.
 *
 * Takes:    exempt, SCRUB_ bits.
 * Returns:  whether it could be decoded; else there is nothing to scrub.
 */
bool scrubrig_run(
    struct scrubrig *r, const uint8_t *bytes, const struct packet *p, unsigned exempt);

/* scrubrig_frame - the same of a frame of ipframe.h, whole, with no end exempt; it must decode. */
void scrubrig_frame(struct scrubrig *r, const struct frame *f, uint32_t linktype);

/* scrubrig_cut - the same, of which caplen bytes were captured; it may not decode. */
bool scrubrig_cut(struct scrubrig *r, const struct frame *f, uint32_t linktype, uint32_t caplen);

/* ---- frames, by their shape ---------------------------------------------------------------- */

struct shape {
	uint8_t version, proto;
	uint8_t ip_bytes; /* IPv4: of options, IPv6: of an extension header */
	uint8_t header;   /* of the transport, with options; 0 where its form is not known */
	uint16_t payload, padding;
};

/* A frame in Ethernet, from 192.0.2.77 or 2001:db8:1:2::1:77; and where its parts begin. */
struct shaped {
	struct frame f;
	uint8_t proto;
	uint32_t net, l4, header_end, end;
	uint32_t sum_at; /* of the transport's checksum; 0: it has none */
	uint32_t sum_size;
};

/* scrubrig_shape - lengths agree, checksums are zero; no byte of payload or padding is. */
void scrubrig_shape(struct shaped *m, const struct shape *s);

/* scrubrig_sums - make the checksums of a shaped frame right. */
void scrubrig_sums(struct shaped *m, uint8_t proto);

/* ---- sums, made byte by byte --------------------------------------------------------------- */

/* The sum of 16-bit words, RFC 1071, folded; 0xffff if a checksum in it is right. */
uint16_t scrubrig_sum(uint32_t sum, const uint8_t *bytes, uint32_t n);

/* The same with the pseudo-header of the IP header at `ip`, of a segment of n bytes. */
uint16_t scrubrig_segment_sum(const uint8_t *ip, uint8_t proto, const uint8_t *segment, uint32_t n);

#endif
