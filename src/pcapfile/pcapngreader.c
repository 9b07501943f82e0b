/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the packets of a pcapng stream. A block is looked at whole before anything in it is
 * believed, its second length above all: where the two differ, what follows cannot be found.
 */
#include "pcapfile/pcapngreader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pcapfile/byteorder.h"
#include "pcapfile/pcapngif.h"

/* Block types, draft-ietf-opsawg-pcapng section 11.1. */
enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in both byte orders */
	BLOCK_INTERFACE = 1,
	BLOCK_OLD_PACKET = 2,
	BLOCK_SIMPLE_PACKET = 3,
	BLOCK_ENHANCED_PACKET = 6
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

/* Bytes before and after a body, and the least that there is in some bodies. */
#define BLOCK_HEAD_BYTES 8u
#define BLOCK_TAIL_BYTES 4u
#define BLOCK_MIN	 (BLOCK_HEAD_BYTES + BLOCK_TAIL_BYTES)
#define SECTION_BODY_MIN 16u
#define PACKET_BODY_MIN	 20u
#define SIMPLE_BODY_MIN	 4u

struct pcapngreader {
	struct instream *in;	/* borrowed */
	struct fault *fault;	/* borrowed */
	enum byteorder order;	/* of this section */
	struct pcapngif_table interfaces;
	size_t section_first;	/* number of this section's interface 0 */
	bool in_section;	/* false until the first section header was read */
	uint64_t skipped;
	struct fault first_skipped;
};

struct block {
	uint64_t offset;
	uint32_t type;
	uint32_t length;	/* as the block says */
	uint64_t padded;	/* as it lies in the file */
	const uint8_t *body;	/* where the block was peeked whole */
	size_t body_length;
};

/* What a packet block says of its packet, still in its own terms. */
struct raw_packet {
	uint64_t units;
	uint32_t interface;	/* number within the section */
	uint32_t caplen;
	uint32_t origlen;
	const uint8_t *data;
	size_t room;		/* bytes at data that belong to the block */
};

bool pcapngreader_knows(const uint8_t magic[4])
{
	return byteorder_get32(BYTEORDER_LITTLE, magic) == BLOCK_SECTION;
}

/* Count a block that is passed over, and describe it if it is the first. */
__attribute__((format(printf, 3, 4)))
static int skip(struct pcapngreader *r, const struct block *b, const char *format, ...)
{
	va_list ap;

	if (r->skipped++ > 0)
		return 0;
	(void)fault_set(&r->first_skipped, 0, "offset %" PRIu64 ": ", b->offset);
	va_start(ap, format);
	fault_appendv(&r->first_skipped, format, ap);
	va_end(ap);
	return 0;
}

static int cut_block(struct pcapngreader *r, const struct block *b, uint64_t have)
{
	return instream_cut(r->in, r->fault,
			    "offset %" PRIu64 ": block cut after %" PRIu64 " bytes", b->offset,
			    have);
}

/* A new section may bring a new byte order, and its own length is the first to be written in it. */
static int read_byte_order(struct pcapngreader *r, const struct block *b)
{
	const uint8_t *p;
	size_t have = instream_peek(r->in, BLOCK_HEAD_BYTES + 4, &p);

	if (have < BLOCK_HEAD_BYTES + 4)
		return instream_cut(r->in, r->fault,
				    "offset %" PRIu64 ": section header cut after %zu bytes",
				    b->offset, have);
	if (byteorder_get32(BYTEORDER_LITTLE, p + BLOCK_HEAD_BYTES) == BYTE_ORDER_MAGIC)
		r->order = BYTEORDER_LITTLE;
	else if (byteorder_get32(BYTEORDER_BIG, p + BLOCK_HEAD_BYTES) == BYTE_ORDER_MAGIC)
		r->order = BYTEORDER_BIG;
	else
		return fault_set(r->fault, r->in_section ? -EBADMSG : -ENOTSUP,
				 "offset %" PRIu64 ": section header without byte-order magic",
				 b->offset);
	return 0;
}

/*
 * Look at the head of the next block: 1, or 0 at the end of the file, or what is wrong. A length
 * that is no multiple of 4 is rounded up, as Wireshark does: there have been writers that did not
 * count the padding.
 */
static int peek_head(struct pcapngreader *r, struct block *b)
{
	const uint8_t *p;
	size_t have = instream_peek(r->in, BLOCK_HEAD_BYTES, &p);
	uint32_t least = BLOCK_MIN;
	int error;

	b->offset = instream_offset(r->in);
	if (have == 0 && instream_error(r->in) == 0)
		return 0;
	if (have == 0)
		return instream_cut(r->in, r->fault, "offset %" PRIu64, b->offset);
	if (have < BLOCK_HEAD_BYTES)
		return instream_cut(r->in, r->fault,
				    "offset %" PRIu64 ": block header of %u bytes cut after %zu",
				    b->offset, BLOCK_HEAD_BYTES, have);
	b->type = byteorder_get32(r->order, p);
	if (b->type == BLOCK_SECTION) {
		error = read_byte_order(r, b);
		if (error < 0)
			return error;
		(void)instream_peek(r->in, BLOCK_HEAD_BYTES, &p); /* it may have moved */
		least += SECTION_BODY_MIN;
	}
	b->length = byteorder_get32(r->order, p + 4);
	b->padded = ((uint64_t)b->length + 3) & ~(uint64_t)3;
	if (b->length < least)
		return fault_set(r->fault, -EBADMSG,
				 "offset %" PRIu64 ": block of %" PRIu32
				 " bytes, less than %" PRIu32, b->offset, b->length, least);
	return 1;
}

/* The length after the body, which lies at p, must be the one before it. */
static int check_tail(struct pcapngreader *r, const struct block *b, const uint8_t *p)
{
	uint32_t tail = byteorder_get32(r->order, p);

	/* Rounded like the other: some writers round only one of them. */
	if ((((uint64_t)tail + 3) & ~(uint64_t)3) == b->padded)
		return 0;
	return fault_set(r->fault, -EBADMSG,
			 "offset %" PRIu64 ": block whose two lengths differ", b->offset);
}

/* Pass over the rest of a block of any length without holding it, `taken` bytes being taken. */
static int pass_over(struct pcapngreader *r, const struct block *b, uint64_t taken)
{
	uint64_t left = b->padded - taken - BLOCK_TAIL_BYTES;
	uint64_t passed = taken + instream_skip(r->in, left);
	const uint8_t *p;
	size_t have = instream_peek(r->in, BLOCK_TAIL_BYTES, &p);
	int error;

	if (have < BLOCK_TAIL_BYTES)
		return cut_block(r, b, passed + have);
	error = check_tail(r, b, p);
	instream_take(r->in, BLOCK_TAIL_BYTES);
	return error;
}

/* Take a block in one piece; its body is lent until the next one is looked at. */
static int take_whole(struct pcapngreader *r, struct block *b)
{
	const uint8_t *p;
	size_t have = instream_peek(r->in, (size_t)b->padded, &p);
	int error;

	if (have < b->padded)
		return cut_block(r, b, have);
	error = check_tail(r, b, p + b->padded - BLOCK_TAIL_BYTES);
	if (error < 0)
		return error;
	instream_take(r->in, (size_t)b->padded);
	b->body = p + BLOCK_HEAD_BYTES;
	b->body_length = (size_t)b->padded - BLOCK_MIN;
	return 0;
}

/* Versions 1.0 and 1.2 are the same format, says the draft; there are no others yet. */
static int read_section(struct pcapngreader *r, const struct block *b)
{
	const uint32_t least = BLOCK_HEAD_BYTES + SECTION_BODY_MIN;
	const uint8_t *p;
	size_t have = instream_peek(r->in, least, &p);
	uint16_t major, minor;

	if (have < least)
		return cut_block(r, b, have);
	major = byteorder_get16(r->order, p + 12);
	minor = byteorder_get16(r->order, p + 14);
	if (major != 1 || (minor != 0 && minor != 2))
		return fault_set(r->fault, r->in_section ? -EBADMSG : -ENOTSUP,
				 "offset %" PRIu64 ": pcapng version other than 1.0", b->offset);
	instream_take(r->in, least);
	r->in_section = true;
	r->section_first = r->interfaces.count;
	return pass_over(r, b, least);
}

static int read_interface(struct pcapngreader *r, struct block *b)
{
	int error;

	/* Without it the packets that follow would get a wrong link type and time. */
	if (b->padded > INSTREAM_MAX_PEEK || b->length < BLOCK_MIN + PCAPNGIF_BODY_MIN)
		return fault_set(r->fault, -EBADMSG,
				 "offset %" PRIu64 ": interface description with a length "
				 "outside of %u to %u bytes", b->offset,
				 BLOCK_MIN + PCAPNGIF_BODY_MIN, INSTREAM_MAX_PEEK);
	error = take_whole(r, b);
	if (error < 0)
		return error;
	error = pcapngif_add(&r->interfaces, b->body, b->body_length, r->order);
	if (error == -EBADMSG)
		return skip(r, b, "interface description with damaged options");
	if (error == -EOVERFLOW)
		return fault_set(r->fault, -EBADMSG,
				 "offset %" PRIu64 ": more than %u interfaces", b->offset,
				 PCAPNGIF_MAX);
	if (error < 0)
		return fault_set(r->fault, error, "no memory");
	return 0;
}

/* Enhanced and old packet blocks differ in how they write the interface. */
static void decode_packet(const struct pcapngreader *r, const struct block *b,
			  struct raw_packet *ret_raw)
{
	const uint8_t *p = b->body;

	ret_raw->interface = b->type == BLOCK_OLD_PACKET ? byteorder_get16(r->order, p) :
							   byteorder_get32(r->order, p);
	ret_raw->units = (uint64_t)byteorder_get32(r->order, p + 4) << 32 |
			 byteorder_get32(r->order, p + 8);
	ret_raw->caplen = byteorder_get32(r->order, p + 12);
	ret_raw->origlen = byteorder_get32(r->order, p + 16);
	ret_raw->data = p + PACKET_BODY_MIN;
	ret_raw->room = b->body_length - PACKET_BODY_MIN;
}

/* A simple block has no captured length: interface 0's snap length tells it. */
static void decode_simple(const struct pcapngreader *r, const struct block *b,
			  struct raw_packet *ret_raw)
{
	uint32_t snaplen = 0;

	if (r->interfaces.count > r->section_first)
		snaplen = r->interfaces.interfaces[r->section_first].snaplen;
	ret_raw->interface = 0;
	ret_raw->units = 0;
	ret_raw->origlen = byteorder_get32(r->order, b->body);
	ret_raw->caplen = ret_raw->origlen;
	if (snaplen != 0 && ret_raw->caplen > snaplen)
		ret_raw->caplen = snaplen;
	ret_raw->data = b->body + SIMPLE_BODY_MIN;
	ret_raw->room = b->body_length - SIMPLE_BODY_MIN;
}

/*
 * 1 and the packet; or 0, when the block contradicts itself and is passed over. So is a packet
 * whose time does not fit into 64 bits of nanoseconds (years 1677 to 2262): its clock or its block
 * is damaged, and any time that we gave it instead would look like a true one.
 */
static int give(struct pcapngreader *r, const struct block *b, const struct raw_packet *raw,
		struct packet *ret_packet)
{
	const struct pcapngif *interface;
	size_t interfaces = r->interfaces.count - r->section_first;
	int64_t ts_ns = 0; /* of a simple block, which has no time */

	if (raw->interface >= interfaces)
		return skip(r, b, "packet of an interface that the section has not described "
			    "(it has %zu)", interfaces);
	if (raw->caplen > PACKET_MAX_CAPLEN)
		return skip(r, b, "packet longer than %u bytes", PACKET_MAX_CAPLEN);
	if (raw->caplen > raw->room)
		return skip(r, b, "packet longer than its block");
	interface = &r->interfaces.interfaces[r->section_first + raw->interface];
	if (b->type != BLOCK_SIMPLE_PACKET && !pcapngif_time(interface, raw->units, &ts_ns))
		return skip(r, b, "packet with a time beyond what 64 bits of nanoseconds hold");
	ret_packet->ts_ns = ts_ns;
	ret_packet->caplen = raw->caplen;
	ret_packet->origlen = raw->origlen;
	ret_packet->linktype = interface->linktype;
	ret_packet->interface = (uint32_t)(r->section_first + raw->interface);
	ret_packet->data = raw->data;
	return 1;
}

static int read_packet(struct pcapngreader *r, struct block *b, struct packet *ret_packet)
{
	const bool simple = b->type == BLOCK_SIMPLE_PACKET;
	const uint32_t least = simple ? SIMPLE_BODY_MIN : PACKET_BODY_MIN;
	struct raw_packet raw;
	int error;

	if (b->padded > INSTREAM_MAX_PEEK) {
		/* If it is cut as well, then that is what is wrong: one complaint, not two. */
		error = pass_over(r, b, 0);
		if (error < 0)
			return error;
		return skip(r, b, "packet block longer than %u bytes", INSTREAM_MAX_PEEK);
	}
	error = take_whole(r, b);
	if (error < 0)
		return error;
	if (b->body_length < least)
		return skip(r, b, "packet block of %" PRIu32 " bytes, less than %" PRIu32,
			    b->length, BLOCK_MIN + least);
	if (simple)
		decode_simple(r, b, &raw);
	else
		decode_packet(r, b, &raw);
	return give(r, b, &raw, ret_packet);
}

/* One block: 1 it gave a packet, 0 it did not, or what is wrong. */
static int read_block(struct pcapngreader *r, struct block *b, struct packet *ret_packet)
{
	switch (b->type) {
	case BLOCK_SECTION:
		return read_section(r, b);
	case BLOCK_INTERFACE:
		return read_interface(r, b);
	case BLOCK_OLD_PACKET:
	case BLOCK_SIMPLE_PACKET:
	case BLOCK_ENHANCED_PACKET:
		return read_packet(r, b, ret_packet);
	default:
		return pass_over(r, b, 0);
	}
}

int pcapngreader_new(struct instream *in, struct fault *fault, struct pcapngreader **ret_reader)
{
	struct pcapngreader *r = calloc(1, sizeof(*r));
	struct block b = { 0 };
	int result;

	if (r == NULL)
		return fault_set(fault, -ENOMEM, "no memory");
	r->in = in;
	r->fault = fault;
	result = peek_head(r, &b);
	if (result > 0)
		result = read_section(r, &b);
	if (result < 0) {
		pcapngreader_free(r);
		return result;
	}
	*ret_reader = r;
	return 0;
}

int pcapngreader_next(struct pcapngreader *r, struct packet *ret_packet)
{
	struct block b = { 0 };
	int result;

	do {
		result = peek_head(r, &b);
		if (result <= 0)
			return result;
		result = read_block(r, &b, ret_packet);
	} while (result == 0);
	return result;
}

uint64_t pcapngreader_skipped(const struct pcapngreader *r)
{
	return r->skipped;
}

const char *pcapngreader_skipped_error(const struct pcapngreader *r)
{
	return r->first_skipped.text;
}

const char *pcapngreader_interface_name(const struct pcapngreader *r, uint32_t n)
{
	return n < r->interfaces.count ? r->interfaces.interfaces[n].name : NULL;
}

void pcapngreader_free(struct pcapngreader *r)
{
	if (r == NULL)
		return;
	pcapngif_free_all(&r->interfaces);
	free(r);
}
