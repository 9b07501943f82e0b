/* SPDX-License-Identifier: BSD-2-Clause */
/* See rawcopy.h. */
#include "fetch/rawcopy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pcapfile/fault.h"
#include "pcapfile/pcapfmt.h"

#define COPY_BYTES (128u << 10)

/* Within these the first member ends: it holds 24 bytes. */
#define FIRST_BYTES 512u

/* The part that is being copied. */
struct source {
	const struct part *part;
	struct part *moved;
	struct extent extent; /* open while it is copied */
	struct fault fault;
};

/*
 * Does a member of its own, with nothing but the header of such a pcap, begin the bytes? Returns
 * its length; 0 it does not.
 */
static size_t header_member(uint32_t linktype, uint8_t *in, size_t n)
{
	uint8_t want[PCAPFMT_FILE_HEADER_BYTES], have[PCAPFMT_FILE_HEADER_BYTES + 1];
	z_stream z = {
	    .next_in = in, .avail_in = (uInt)n, .next_out = have, .avail_out = sizeof(have)};
	size_t length;

	/* 15: the largest window; +16: gzip frames only (zlib.h, inflateInit2). */
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return 0;
	pcapfmt_file_header(linktype, want);
	length = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == sizeof(want) &&
			 memcmp(have, want, sizeof(want)) == 0
		     ? z.total_in
		     : 0;
	(void)inflateEnd(&z); /* fails only for a stream that was never set up */
	return length;
}

/* Is it what the index says, and where does what follows the header begin? Returns 0; -errno. */
static int look_at(struct source *s, size_t *ret_header)
{
	uint8_t first[FIRST_BYTES];
	ssize_t n;

	if (s->extent.length != s->part->length)
		return fault_set(&s->fault, -EBADMSG,
		    "has %" PRIu64 " bytes, but the index says %" PRIu64, s->extent.length,
		    s->part->length);
	n = fileio_pread_extent(&s->extent, first, sizeof(first), 0);
	if (n < 0)
		return fault_set(&s->fault, (int)n, "%s", strerror((int)-n));
	*ret_header = header_member(s->part->key.linktype, first, (size_t)n);
	return 0;
}

/* Copies from a byte of the part on. Returns 0; -errno, and where reading failed s->fault says so.
 */
static int copy_from(struct rawcopy *c, struct source *s, uint64_t at)
{
	uint8_t *buf = malloc(COPY_BYTES);
	int rv = buf != NULL ? 0 : -ENOMEM;

	while (rv == 0 && at < s->extent.length) {
		ssize_t n = fileio_pread_extent(&s->extent, buf, COPY_BYTES, at);

		if (n <= 0) {
			rv = n < 0 ? (int)n : -EIO;
			(void)fault_set(&s->fault, rv, "%s",
			    n < 0 ? strerror(-rv) : "it ended while it was copied");
			break;
		}
		rv = outfile_write(c->out, buf, (size_t)n);
		at += (uint64_t)n;
		c->bytes += (uint64_t)n;
	}
	free(buf);
	return rv;
}

/* Returns 0, also where the part is left out and s->fault says why; -errno: nothing can go on. */
static int copy_open_part(struct rawcopy *c, struct source *s)
{
	const struct tally *t = &s->part->tally;
	size_t header = 0;
	int rv;

	if (look_at(s, &header) != 0)
		return 0;
	if (header == 0 && c->count > 1) {
		(void)fault_set(&s->fault, -EBADMSG,
		    "does not begin with a gzip member that holds a pcap header, so it cannot be "
		    "joined to others as it is");
		return 0;
	}
	rv = copy_from(c, s, c->bytes > 0 ? header : 0);
	if (rv == 0)
		c->pkts += t->pkts[0] + t->pkts[1];
	return rv;
}

static int copy_part(struct rawcopy *c, const struct part *p)
{
	struct source s = {.part = p};
	int rv = partfile_open(&c->places, p, &s.moved, &s.extent, &s.fault);

	if (rv == 0) {
		rv = copy_open_part(c, &s);
		fileio_close(s.extent.fd);
	} else if (rv != -ENOMEM) {
		rv = 0; /* the others are copied all the same */
	}
	if (s.fault.text[0] != '\0') {
		c->bad_parts++;
		partfile_complain(s.moved != NULL ? s.moved : p, s.fault.text, c->bad, c->bad_arg);
	}
	free(s.moved);
	return rv;
}

int rawcopy_run(struct rawcopy *c)
{
	int rv = 0;

	for (size_t i = 0; i < c->count && rv == 0; i++)
		rv = copy_part(c, c->parts[i]);
	return rv;
}
