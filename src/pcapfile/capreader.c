/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads one capture file, whatever it is: finds out the format and hands over to its reader.
 */
#include "pcapfile/capreader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/fault.h"
#include "pcapfile/instream.h"
#include "pcapfile/pcapngreader.h"
#include "pcapfile/pcapreader.h"
#include "pcapfile/rawfile.h"

struct capreader {
	struct instream *in;
	struct pcapreader *pcap;	/* one of the two, by format */
	struct pcapngreader *pcapng;
	struct fault fault;
	int answer;			/* of the last capreader_next; 1 until reading ended */
};

/* What we do not read, but know by its first bytes, and what to do about it. */
struct foreign {
	const char *magic;
	size_t length;
	const char *advice;
};

#define FOREIGN(magic, advice) { magic, sizeof(magic) - 1, advice }

static const struct foreign foreigners[] = {
	FOREIGN("\x28\xb5\x2f\xfd", "zstd-compressed: decompress it first"),
	FOREIGN("\x04\x22\x4d\x18", "lz4-compressed: decompress it first"),
	FOREIGN("\x02\x21\x4c\x18", "lz4-compressed: decompress it first"),
	FOREIGN("\xfd" "7zXZ\0", "xz-compressed: decompress it first"),
	FOREIGN("BZh", "bzip2-compressed: decompress it first"),
	FOREIGN("LZIP", "lzip-compressed: decompress it first"),
	FOREIGN("\x1f\x9d", "compress'd (.Z): decompress it first"),
	FOREIGN("\x1f\x8b", "gzip'd twice: decompress it first"),
	FOREIGN("PK\x03\x04", "a zip archive: unpack it first"),
	FOREIGN("7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
	FOREIGN("snoop\0\0\0", "a snoop capture: convert it to pcap first"),
	FOREIGN("btsnoop\0", "a btsnoop capture: convert it to pcap first"),
	FOREIGN("RTSS", "a Network Monitor capture: convert it to pcap first"),
	FOREIGN("GMBU", "a Network Monitor capture: convert it to pcap first"),
	FOREIGN("TRSNIFF data", "a Sniffer capture: convert it to pcap first"),
	FOREIGN("XCP\0", "a NetXRay capture: convert it to pcap first"),
	FOREIGN("\xac\x01\x00\x1c", "an Ixia capture: convert it to pcap first"),
	FOREIGN("\xab\x01\x00\x1c", "an Ixia capture: convert it to pcap first"),
	FOREIGN("\x1c\x00\x01\xac", "an Ixia capture: convert it to pcap first"),
	FOREIGN("\x1c\x00\x01\xab", "an Ixia capture: convert it to pcap first"),
};

static int refuse(struct capreader *r, const uint8_t *head, size_t length)
{
	for (size_t i = 0; i < sizeof(foreigners) / sizeof(foreigners[0]); i++) {
		const struct foreign *f = &foreigners[i];

		if (length >= f->length && memcmp(head, f->magic, f->length) == 0)
			return fault_set(&r->fault, -ENOTSUP, "%s", f->advice);
	}
	return fault_set(&r->fault, -ENOTSUP, "not a pcap or pcapng file");
}

/* Longest foreign magic. Any capture is longer, so that waiting for so many bytes costs none. */
#define HEAD_BYTES 12u
#define MAGIC_BYTES 4u

static int find_format(struct capreader *r)
{
	const uint8_t *head;
	size_t length = instream_peek(r->in, HEAD_BYTES, &head);

	if (length == 0 && instream_error(r->in) == 0)
		return fault_set(&r->fault, -ENODATA, "empty");
	if (length == 0)
		return instream_cut(r->in, &r->fault, "offset 0");
	if (length < MAGIC_BYTES)
		return instream_cut(r->in, &r->fault,
				    "offset 0: magic number of %u bytes cut after %zu",
				    MAGIC_BYTES, length);
	if (pcapreader_knows(head))
		return pcapreader_new(r->in, &r->fault, &r->pcap);
	if (pcapngreader_knows(head))
		return pcapngreader_new(r->in, &r->fault, &r->pcapng);
	return refuse(r, head, length);
}

/* Looks at what the input begins with, if opening it came to 0. */
static int begin(struct capreader *r, int error)
{
	if (error == 0)
		error = find_format(r);
	r->answer = error == 0 ? 1 : error;
	return error;
}

int capreader_open(const char *path, struct capreader **ret_reader)
{
	struct capreader *r = calloc(1, sizeof(*r));

	*ret_reader = r;
	return r != NULL ? begin(r, instream_open(path, &r->fault, &r->in)) : -ENOMEM;
}

int capreader_open_extent(const struct extent *e, struct capreader **ret_reader)
{
	struct capreader *r = calloc(1, sizeof(*r));

	*ret_reader = r;
	return r != NULL ? begin(r, instream_open_extent(e, &r->fault, &r->in)) : -ENOMEM;
}

int capreader_next(struct capreader *r, struct packet *ret_packet)
{
	if (r->answer != 1)
		return r->answer;
	if (r->pcap != NULL)
		r->answer = pcapreader_next(r->pcap, ret_packet);
	else
		r->answer = pcapngreader_next(r->pcapng, ret_packet);
	return r->answer;
}

bool capreader_ready(const struct capreader *r)
{
	return r->answer == 1 && r->pcap != NULL && pcapreader_ready(r->pcap);
}

void capreader_interrupt(void)
{
	rawfile_interrupt();
}

const char *capreader_error(const struct capreader *r)
{
	return r->fault.text;
}

uint64_t capreader_skipped(const struct capreader *r)
{
	return r->pcapng != NULL ? pcapngreader_skipped(r->pcapng) : 0;
}

const char *capreader_skipped_error(const struct capreader *r)
{
	return r->pcapng != NULL ? pcapngreader_skipped_error(r->pcapng) : "";
}

const char *capreader_interface_name(const struct capreader *r, uint32_t n)
{
	return r->pcapng != NULL ? pcapngreader_interface_name(r->pcapng, n) : NULL;
}

uint64_t capreader_progress(const struct capreader *r, uint64_t *ret_size_bytes)
{
	if (r->in != NULL)
		return instream_progress(r->in, ret_size_bytes);
	if (ret_size_bytes != NULL)
		*ret_size_bytes = 0;
	return 0;
}

void capreader_close(struct capreader *r)
{
	if (r == NULL)
		return;
	pcapreader_free(r->pcap);
	pcapngreader_free(r->pcapng);
	instream_close(r->in);
	free(r);
}
