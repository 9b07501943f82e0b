/* SPDX-License-Identifier: BSD-2-Clause */
/* See inflater.h. */
#include "fetch/inflater.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define IN_BYTES 32768u

/*
 * The writer puts 64 KiB into a member, or one larger packet. A file that was packed anew by hand
 * may have a single one, which is taken too, up to INFLATER_MAX_BYTES.
 */
#define OUT_MIN_BYTES (128u << 10)

struct inflater {
	struct extent extent;
	uint64_t offset; /* of the next member */
	z_stream z;
	uint8_t *out;
	size_t out_bytes, out_room;
	uint8_t in[IN_BYTES];
};

int inflater_new(struct inflater **ret_inflater)
{
	struct inflater *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	n->out = malloc(OUT_MIN_BYTES);
	n->out_room = OUT_MIN_BYTES;
	/* 15: the largest window; +16: gzip frames only (zlib.h, inflateInit2). */
	if (n->out == NULL || inflateInit2(&n->z, 15 + 16) != Z_OK) {
		free(n->out);
		free(n);
		return -ENOMEM;
	}
	*ret_inflater = n;
	return 0;
}

void inflater_begin(struct inflater *n, const struct extent *e, uint64_t offset)
{
	n->extent = *e;
	n->offset = offset;
	n->out_bytes = 0;
	n->z.avail_in = 0;
}

/* More room for what is inflated, within bounds. */
static int make_room(struct inflater *n, struct fault *fault)
{
	uint8_t *more;

	if (n->out_bytes < n->out_room)
		return 0;
	if (n->out_room >= INFLATER_MAX_BYTES)
		return fault_set(
		    fault, -EBADMSG, "not a flow file: its gzip members are too large");
	more = realloc(n->out, n->out_room * 2);
	if (more == NULL)
		return fault_set(fault, -ENOMEM, "no memory");
	n->out = more;
	n->out_room *= 2;
	return 0;
}

/* More of the part. Returns 1; 0 there is no more; -errno. */
static int refill(struct inflater *n, struct fault *fault)
{
	ssize_t got = fileio_pread_extent(&n->extent, n->in, IN_BYTES, n->offset + n->z.total_in);

	if (got < 0)
		return fault_set(fault, (int)got, "%s", strerror((int)-got));
	n->z.next_in = n->in;
	n->z.avail_in = (uInt)got;
	return got > 0;
}

/* What a member gave that fails its checksum is not given on: every packet is what it was, or none.
 */
static int damaged_member(struct inflater *n, size_t out_before, struct fault *fault)
{
	n->out_bytes = out_before;
	return fault_set(fault, -EBADMSG,
	    "gzip: %s, in the member at byte %" PRIu64
	    " of the file; from there on its packets are left out",
	    n->z.msg != NULL ? n->z.msg : "damaged", n->offset);
}

int inflater_next(struct inflater *n, struct fault *fault)
{
	size_t out_before = n->out_bytes;
	z_stream *z = &n->z;
	int rv;

	(void)inflateReset(z); /* fails only for a stream that was never set up */
	for (;;) {
		if ((rv = make_room(n, fault)) != 0)
			return rv;
		if (z->avail_in == 0 && (rv = refill(n, fault)) <= 0)
			return rv < 0 || z->total_in == 0
				   ? rv
				   : fault_set(fault, -EBADMSG,
					 "cut: it ends inside a gzip member, at byte %" PRIu64,
					 n->offset + z->total_in);
		z->next_out = n->out + n->out_bytes;
		z->avail_out = (uInt)(n->out_room - n->out_bytes);
		rv = inflate(z, Z_NO_FLUSH);
		n->out_bytes = n->out_room - z->avail_out;
		if (rv == Z_STREAM_END) {
			n->offset += z->total_in;
			return 1;
		}
		if (rv == Z_MEM_ERROR)
			return fault_set(fault, -ENOMEM, "no memory");
		if (rv != Z_OK && rv != Z_BUF_ERROR)
			return damaged_member(n, out_before, fault);
	}
}

const uint8_t *inflater_bytes(const struct inflater *n, size_t *ret_count)
{
	*ret_count = n->out_bytes;
	return n->out;
}

uint64_t inflater_offset(const struct inflater *n)
{
	return n->offset;
}

void inflater_free(struct inflater *n)
{
	if (n == NULL)
		return;
	(void)inflateEnd(&n->z); /* fails only for a stream that was never set up */
	free(n->out);
	free(n);
}
