/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets for the tests of packet/decode: put together header by header, and decoded from memory
 * of exactly their size, so that the address sanitizer sees a single byte too many.
 */
#ifndef TESTS_PACKET_IPFRAME_H
#define TESTS_PACKET_IPFRAME_H

#include <stdint.h>

#include "packet/decode.h"

enum { ETHERNET = 1, RAW = 101 };

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, ESP = 50, AH = 51, NOTHING = 59, OPTIONS = 60 };

/* A packet under construction, outermost header first */
struct frame {
	uint8_t bytes[1024];
	uint32_t size;
};

#define PUT(f, literal) ipframe_put(f, literal, sizeof(literal) - 1)

void ipframe_put(struct frame *f, const void *bytes, uint32_t n);
void ipframe_set16(struct frame *f, uint32_t at, uint32_t value);

/* From 192.0.2.1 to 198.51.100.2, or from 2001:db8::1 to 2001:db8::2. See ipframe_finish. */
void ipframe_put_ipv4(struct frame *f, uint8_t proto);
void ipframe_put_ipv6(struct frame *f, uint8_t next);

/* An extension of 8 bytes, an authentication header of 24, a fragment header with id 0xdeadbeef */
void ipframe_put_extension(struct frame *f, uint8_t next);
void ipframe_put_ah(struct frame *f, uint8_t next);
void ipframe_put_fragment(struct frame *f, uint8_t next, uint16_t where);

/* From 40000 to 443, SYN and ACK, with 4 bytes of options and 4 of data */
void ipframe_put_tcp(struct frame *f);

/* Sets the length of the IP header at `at` to all that follows, as a sender would. */
void ipframe_finish(struct frame *f, uint32_t at);

/* Decodes all of f, or its first n bytes as a capture of `origlen` would hold them. */
enum decode_result ipframe_decode(const struct frame *f, uint32_t linktype, struct decoded *ret);
enum decode_result ipframe_decode_cut(const struct frame *f, uint32_t linktype, uint32_t n,
    uint32_t origlen, struct decoded *ret);

/* Fail the test unless these are the addresses, and the segment with nothing behind it. */
void ipframe_assert_ipv4_ends(const struct decoded *d);
void ipframe_assert_ipv6_ends(const struct decoded *d);
void ipframe_assert_tcp(const struct decoded *d, uint32_t l4_off);

#endif
