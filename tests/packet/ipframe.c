/* SPDX-License-Identifier: BSD-2-Clause */
/* IP packets for the tests of packet/decode. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ipframe.h"

void ipframe_put(struct frame *f, const void *bytes, uint32_t n)
{
	ck_assert_uint_le(f->size + n, sizeof f->bytes);
	memcpy(f->bytes + f->size, bytes, n);
	f->size += n;
}

void ipframe_set16(struct frame *f, uint32_t at, uint32_t value)
{
	f->bytes[at] = (uint8_t)(value >> 8);
	f->bytes[at + 1] = (uint8_t)value;
}

void ipframe_put_ipv4(struct frame *f, uint8_t proto)
{
	PUT(f, "\x45\x00\x00\x00\xab\xcd\x00\x00\x40\x00\x00\x00\xc0\x00\x02\x01\xc6\x33\x64\x02");
	f->bytes[f->size - 11] = proto;
}

void ipframe_put_ipv6(struct frame *f, uint8_t next)
{
	PUT(f, "\x60\x00\x00\x00\x00\x00\x00\x40"
	       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	       "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02");
	f->bytes[f->size - 34] = next;
}

void ipframe_put_extension(struct frame *f, uint8_t next)
{
	PUT(f, "\x00\x00\x01\x04\x00\x00\x00\x00");
	f->bytes[f->size - 8] = next;
}

void ipframe_put_ah(struct frame *f, uint8_t next)
{
	PUT(f, "\x00\x04\x00\x00\x00\x00\x00\x09\x00\x00\x00\x01"
	       "123456789abc");
	f->bytes[f->size - 24] = next;
}

void ipframe_put_fragment(struct frame *f, uint8_t next, uint16_t where)
{
	PUT(f, "\x00\x00\x00\x00\xde\xad\xbe\xef");
	f->bytes[f->size - 8] = next;
	ipframe_set16(f, f->size - 6, where);
}

void ipframe_put_tcp(struct frame *f)
{
	PUT(f, "\x9c\x40\x01\xbb\x01\x02\x03\x04\x05\x06\x07\x08\x60\x12\x04\x00\x00\x00\x00\x00"
	       "\x02\x04\x05\xb4"
	       "data");
}

void ipframe_finish(struct frame *f, uint32_t at)
{
	if (f->bytes[at] >> 4 == 4)
		ipframe_set16(f, at + 2, f->size - at);
	else
		ipframe_set16(f, at + 4, f->size - at - 40);
}

enum decode_result ipframe_decode_cut(
    const struct frame *f, uint32_t linktype, uint32_t n, uint32_t origlen, struct decoded *ret)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct packet p = {.caplen = n, .origlen = origlen, .linktype = linktype};
	enum decode_result result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, f->bytes, n);
	p.data = copy + (n > 0 ? 0 : 1); /* nothing may be read at all */
	memset(ret, 0xee, sizeof *ret);
	result = decode_packet(&p, ret);
	free(copy);
	return result;
}

enum decode_result ipframe_decode(const struct frame *f, uint32_t linktype, struct decoded *ret)
{
	return ipframe_decode_cut(f, linktype, f->size, f->size, ret);
}

static const uint8_t zeros[16];

void ipframe_assert_ipv4_ends(const struct decoded *d)
{
	ck_assert_uint_eq(d->family, 4);
	ck_assert_mem_eq(d->src, "\xc0\x00\x02\x01", 4);
	ck_assert_mem_eq(d->dst, "\xc6\x33\x64\x02", 4);
	ck_assert_mem_eq(d->src + 4, zeros, 12);
	ck_assert_mem_eq(d->dst + 4, zeros, 12);
}

void ipframe_assert_ipv6_ends(const struct decoded *d)
{
	ck_assert_uint_eq(d->family, 6);
	ck_assert_mem_eq(
	    d->src, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
	ck_assert_mem_eq(
	    d->dst, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02", 16);
}

void ipframe_assert_tcp(const struct decoded *d, uint32_t l4_off)
{
	ck_assert_uint_eq(d->proto, DECODE_TCP);
	ck_assert_uint_eq(d->sport, 40000);
	ck_assert_uint_eq(d->dport, 443);
	ck_assert(d->has_tcp);
	ck_assert_uint_eq(d->seq, 0x01020304);
	ck_assert_uint_eq(d->ack, 0x05060708);
	ck_assert_uint_eq(d->tcp_flags, TCP_SYN | TCP_ACK);
	ck_assert_uint_eq(d->l4_off, l4_off);
	ck_assert_uint_eq(d->payload_off, l4_off + 24);
	ck_assert_uint_eq(d->end_off, l4_off + 28);
}
