/* SPDX-License-Identifier: BSD-2-Clause */
/* See pcapngfmt.h. */
#include "pcapfile/pcapngfmt.h"

#include <assert.h>
#include <string.h>

#include "pcapfile/pcapfmt.h"

/* Types of blocks, and codes of options: draft-ietf-opsawg-pcapng, sections 3.5 and 4. */
enum { BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, BLOCK_SECTION = 0x0a0d0d0a };
enum { OPT_COMMENT = 1, IF_NAME = 2, SHB_USERAPPL = 4, IF_TSRESOL = 9 };

#define BYTE_ORDER_MAGIC   0x1a2b3c4du
#define NANOSECONDS	   9u  /* if_tsresol: a negative power of ten */
#define PACKET_FIXED_BYTES 32u /* an enhanced packet block without bytes and options */

static uint8_t *put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	pcapfmt_put_le32(p, v);
	return p + 4;
}

/* Bytes, and zeros up to a multiple of four. */
static uint8_t *put_padded(uint8_t *p, const void *bytes, size_t n)
{
	size_t padding = -n & 3;

	if (n > 0)
		memcpy(p, bytes, n);
	memset(p + n, 0, padding);
	return p + n + padding;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static uint8_t *put_option(uint8_t *p, uint32_t code, const void *value, size_t n)
{
	p = put16(p, code);
	p = put16(p, (uint32_t)n);
	return put_padded(p, value, n);
}

static size_t text_bytes(const char *text)
{
	return strnlen(text, PCAPNGFMT_TEXT_MAX);
}

static uint8_t *put_text(uint8_t *p, uint32_t code, const char *text)
{
	return text[0] != '\0' ? put_option(p, code, text, text_bytes(text)) : p;
}

/* The length of a block stands at both of its ends. Returns it. */
static size_t end_block(uint8_t *block, uint8_t *end)
{
	size_t n = (size_t)(end - block) + 4;

	pcapfmt_put_le32(block + 4, (uint32_t)n);
	pcapfmt_put_le32(end, (uint32_t)n);
	return n;
}

size_t pcapngfmt_section(const char *application, const char *comment, uint8_t *buf)
{
	uint8_t *p = put32(buf, BLOCK_SECTION) + 4;

	p = put32(p, BYTE_ORDER_MAGIC);
	p = put16(p, 1); /* version 1.0 */
	p = put16(p, 0);
	p = put32(p, UINT32_MAX); /* -1: the length of the section is not told */
	p = put32(p, UINT32_MAX);
	p = put_text(p, SHB_USERAPPL, application);
	p = put_text(p, OPT_COMMENT, comment);
	if (application[0] != '\0' || comment[0] != '\0')
		p = put32(p, 0);
	return end_block(buf, p);
}

bool pcapngfmt_linktype_fits(uint32_t linktype)
{
	return linktype <= UINT16_MAX;
}

size_t pcapngfmt_interface(uint32_t linktype, const char *name, uint8_t *buf)
{
	static const uint8_t resolution = NANOSECONDS;
	uint8_t *p = put32(buf, BLOCK_INTERFACE) + 4;

	assert(pcapngfmt_linktype_fits(linktype));
	p = put16(p, linktype);
	p = put16(p, 0);
	p = put32(p, PACKET_MAX_CAPLEN);
	p = put_text(p, IF_NAME, name);
	p = put_option(p, IF_TSRESOL, &resolution, 1);
	return end_block(buf, put32(p, 0));
}

size_t pcapngfmt_packet_bytes(uint32_t caplen, const char *const *comments, size_t count)
{
	size_t n = PACKET_FIXED_BYTES + padded(caplen);

	for (size_t i = 0; i < count; i++)
		n += 4 + padded(text_bytes(comments[i]));
	return count > 0 ? n + 4 : n;
}

size_t pcapngfmt_packet(
    const struct packet *p, const char *const *comments, size_t count, uint8_t *buf)
{
	uint8_t *o = put32(buf, BLOCK_PACKET) + 4;
	uint64_t time = (uint64_t)p->ts_ns;

	assert(p->ts_ns >= 0 && p->caplen <= PACKET_MAX_CAPLEN);
	o = put32(o, p->interface);
	o = put32(o, (uint32_t)(time >> 32));
	o = put32(o, (uint32_t)time);
	o = put32(o, p->caplen);
	o = put32(o, p->origlen);
	o = put_padded(o, p->data, p->caplen);
	for (size_t i = 0; i < count; i++)
		o = put_option(o, OPT_COMMENT, comments[i], text_bytes(comments[i]));
	if (count > 0)
		o = put32(o, 0);
	return end_block(buf, o);
}
