/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the packets of a pcap stream, straight from the window of the input.
 */
#include "pcapfile/pcapreader.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pcapfile/byteorder.h"

#define FILE_HEADER_BYTES 24u

/*
 * Bits 16 to 25 and 27 of the link type field are reserved; 28 to 31 hold the length of the FCS and
 * 26 says whether they do. Who sees a reserved bit set should take it for an error, says
 * pcap-savefile(5): whatever it means, the link type is not what we think.
 */
#define LINKTYPE_RESERVED 0x0bff0000u

static const struct dialect {
	uint32_t magic;
	uint32_t unit_ns;	/* of the time's second field */
	uint32_t header_bytes;	/* of a record */
} dialects[] = {
	{ 0xa1b2c3d4, 1000, 16 },
	{ 0xa1b23c4d, 1, 16 },
	{ 0xa1b2cd34, 1000, 24 }, /* Alexey Kuznetzov's, Linux 2.0 */
};

struct pcapreader {
	struct instream *in;	/* borrowed */
	struct fault *fault;	/* borrowed */
	const struct dialect *dialect;
	enum byteorder order;
	uint32_t linktype;
	bool lengths_unsure;	/* the two lengths may stand the other way round */
};

static const struct dialect *find_dialect(const uint8_t magic[4], enum byteorder *ret_order)
{
	static const enum byteorder orders[] = { BYTEORDER_LITTLE, BYTEORDER_BIG };

	for (size_t o = 0; o < 2; o++) {
		uint32_t value = byteorder_get32(orders[o], magic);

		for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
			if (dialects[i].magic == value) {
				*ret_order = orders[o];
				return &dialects[i];
			}
		}
	}
	return NULL;
}

bool pcapreader_knows(const uint8_t magic[4])
{
	enum byteorder order;

	return find_dialect(magic, &order) != NULL;
}

/*
 * Up to version 2.2, and in DG/UX's 543.0, the original length stands first; in 2.3 some writers
 * turned it round and some did not. The captured length is never the larger one, so that tells them
 * apart, record by record, also where the version is wrong.
 */
static int read_version(struct pcapreader *r, const uint8_t *header)
{
	uint16_t major = byteorder_get16(r->order, header + 4);
	uint16_t minor = byteorder_get16(r->order, header + 6);

	if (major != 2 && major != 543)
		return fault_set(r->fault, -ENOTSUP, "offset 4: pcap version other than 2.x");
	r->lengths_unsure = major == 543 || minor <= 3;
	return 0;
}

static int read_file_header(struct pcapreader *r)
{
	const uint8_t *header;
	size_t have = instream_peek(r->in, FILE_HEADER_BYTES, &header);
	int error;

	if (have < FILE_HEADER_BYTES)
		return instream_cut(r->in, r->fault,
				    "offset 0: pcap header of %u bytes cut after %zu",
				    FILE_HEADER_BYTES, have);
	r->dialect = find_dialect(header, &r->order);
	assert(r->dialect != NULL);
	error = read_version(r, header);
	if (error < 0)
		return error;
	r->linktype = byteorder_get32(r->order, header + 20);
	if ((r->linktype & LINKTYPE_RESERVED) != 0)
		return fault_set(r->fault, -ENOTSUP,
				 "offset 20: link type field with reserved bits set");
	instream_take(r->in, FILE_HEADER_BYTES);
	return 0;
}

int pcapreader_new(struct instream *in, struct fault *fault, struct pcapreader **ret_reader)
{
	struct pcapreader *r = calloc(1, sizeof(*r));
	int error;

	if (r == NULL)
		return fault_set(fault, -ENOMEM, "no memory");
	r->in = in;
	r->fault = fault;
	error = read_file_header(r);
	if (error < 0) {
		pcapreader_free(r);
		return error;
	}
	*ret_reader = r;
	return 0;
}

/* Nothing more to see, or less than a record header: the end, or a cut. */
static int end_between(struct pcapreader *r, size_t have)
{
	uint64_t offset = instream_offset(r->in);

	if (have > 0)
		return instream_cut(r->in, r->fault,
				    "offset %" PRIu64 ": packet header of %" PRIu32
				    " bytes cut after %zu", offset, r->dialect->header_bytes, have);
	if (instream_error(r->in) != 0)
		return instream_cut(r->in, r->fault, "offset %" PRIu64, offset);
	return 0;
}

static void decode_header(const struct pcapreader *r, const uint8_t *p, struct packet *ret_packet)
{
	uint32_t seconds = byteorder_get32(r->order, p);
	uint32_t fraction = byteorder_get32(r->order, p + 4);
	uint32_t caplen = byteorder_get32(r->order, p + 8);
	uint32_t origlen = byteorder_get32(r->order, p + 12);

	if (r->lengths_unsure && caplen > origlen) {
		uint32_t swap = caplen;

		caplen = origlen;
		origlen = swap;
	}
	/* A fraction of more than a second is added as it is; even the largest sum fits. */
	ret_packet->ts_ns = (int64_t)seconds * 1000000000 + (int64_t)fraction * r->dialect->unit_ns;
	ret_packet->caplen = caplen;
	ret_packet->origlen = origlen;
	ret_packet->linktype = r->linktype;
	ret_packet->interface = 0;
}

int pcapreader_next(struct pcapreader *r, struct packet *ret_packet)
{
	const uint32_t header_bytes = r->dialect->header_bytes;
	struct packet packet;
	const uint8_t *p;
	size_t have = instream_peek(r->in, header_bytes, &p);

	if (have < header_bytes)
		return end_between(r, have);
	decode_header(r, p, &packet);
	if (packet.caplen > PACKET_MAX_CAPLEN)
		return fault_set(r->fault, -EBADMSG,
				 "offset %" PRIu64 ": packet longer than %u bytes",
				 instream_offset(r->in), PACKET_MAX_CAPLEN);
	have = instream_peek(r->in, header_bytes + packet.caplen, &p);
	if (have < header_bytes + packet.caplen)
		return instream_cut(r->in, r->fault,
				    "offset %" PRIu64 ": packet cut after %zu bytes",
				    instream_offset(r->in), have - header_bytes);
	instream_take(r->in, header_bytes + packet.caplen);
	packet.data = p + header_bytes;
	*ret_packet = packet;
	return 1;
}

bool pcapreader_ready(const struct pcapreader *r)
{
	const uint32_t header_bytes = r->dialect->header_bytes;
	struct packet packet;
	const uint8_t *p;
	size_t have = instream_held(r->in, &p);

	if (have < header_bytes)
		return false;
	decode_header(r, p, &packet);
	return packet.caplen <= PACKET_MAX_CAPLEN && have - header_bytes >= packet.caplen;
}

void pcapreader_free(struct pcapreader *r)
{
	free(r);
}
