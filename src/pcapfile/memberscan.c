/* SPDX-License-Identifier: BSD-2-Clause */
/* See memberscan.h. */
#include "pcapfile/memberscan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fileio.h"

#define IN_BYTES 32768u

struct memberscan {
	z_stream z;
	bool z_ready;
	struct extent extent;
	uint64_t offset; /* of the next member, within it */
	uint8_t *out;
	size_t out_room; /* one byte more than a member may have: that one tells */
	uint8_t in[IN_BYTES];
};

int memberscan_new(size_t max_data_bytes, struct memberscan **ret_scan)
{
	struct memberscan *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	m->out_room = max_data_bytes + 1;
	m->out = malloc(m->out_room);
	/* 15: the largest window; +16: gzip frames only (zlib.h, inflateInit2). */
	m->z_ready = m->out != NULL && inflateInit2(&m->z, 15 + 16) == Z_OK;
	if (!m->z_ready) {
		memberscan_free(m);
		return -ENOMEM;
	}
	*ret_scan = m;
	return 0;
}

void memberscan_begin(struct memberscan *m, const struct extent *e)
{
	m->extent = *e;
	m->offset = 0;
	m->z.avail_in = 0;
}

/* More of the file. Returns 1; 0 there is no more; -errno. */
static int refill(struct memberscan *m, struct fault *fault)
{
	ssize_t n = fileio_pread_extent(&m->extent, m->in, IN_BYTES, m->offset + m->z.total_in);

	if (n < 0)
		return fault_set(fault, (int)n, "read: %s", strerror((int)-n));
	m->z.next_in = m->in;
	m->z.avail_in = (uInt)n;
	return n > 0;
}

/* Inflates up to the member's end. Returns 1; 0 there was nothing; -errno. */
static int inflate_member(struct memberscan *m, struct fault *fault)
{
	z_stream *z = &m->z;

	for (;;) {
		int rv = z->avail_in > 0 ? 1 : refill(m, fault);

		if (rv < 0)
			return rv;
		if (rv == 0 && z->total_in == 0)
			return 0;
		if (rv == 0)
			return fault_set(fault, -ENODATA,
			    "cut: it ends inside the gzip member at byte %" PRIu64, m->offset);
		rv = inflate(z, Z_NO_FLUSH);
		if (z->avail_out == 0)
			return fault_set(fault, -EBADMSG,
			    "gzip: the member at byte %" PRIu64 " holds more than %zu bytes",
			    m->offset, m->out_room - 1);
		if (rv == Z_STREAM_END)
			return 1;
		if (rv == Z_MEM_ERROR)
			return fault_set(fault, -ENOMEM, "no memory");
		if (rv != Z_OK && rv != Z_BUF_ERROR)
			return fault_set(fault, -EBADMSG,
			    "gzip: %s, in the member at byte %" PRIu64,
			    z->msg != NULL ? z->msg : "damaged", m->offset);
	}
}

int memberscan_next(struct memberscan *m, struct memberscan_member *ret_member, struct fault *fault)
{
	int rv;

	(void)inflateReset(&m->z); /* fails only for a stream that was never set up */
	m->z.next_out = m->out;
	m->z.avail_out = (uInt)m->out_room;
	rv = inflate_member(m, fault);
	if (rv != 1)
		return rv;
	ret_member->offset = m->offset;
	ret_member->length = m->z.total_in;
	ret_member->data = m->out;
	ret_member->data_len = m->out_room - m->z.avail_out;
	m->offset += m->z.total_in;
	return 1;
}

void memberscan_free(struct memberscan *m)
{
	if (m == NULL)
		return;
	if (m->z_ready)
		(void)inflateEnd(&m->z); /* fails only for a stream that was never set up */
	free(m->out);
	free(m);
}
