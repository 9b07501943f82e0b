/* SPDX-License-Identifier: BSD-2-Clause */
/* See gzcheck.h. */
#include "support/gzcheck.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static int grow(struct gzcheck *g, size_t *room)
{
	uint8_t *p;

	if (*room - g->len >= 65536)
		return 0;
	*room = *room * 2 + 131072;
	p = realloc(g->bytes, *room);
	if (p == NULL)
		return -1;
	g->bytes = p;
	return 0;
}

/* One member from z->next_in on. */
static int inflate_member(z_stream *z, struct gzcheck *g, size_t *room)
{
	gz_header header = {.extra = g->extra, .extra_max = sizeof(g->extra)};
	int rv;

	if (inflateReset(z) != Z_OK || inflateGetHeader(z, &header) != Z_OK)
		return -1;
	do {
		if (grow(g, room) != 0)
			return -1;
		z->next_out = g->bytes + g->len;
		z->avail_out = (uInt)(*room - g->len);
		rv = inflate(z, Z_NO_FLUSH);
		g->len = (size_t)(z->next_out - g->bytes);
	} while (rv == Z_OK && (z->avail_in > 0 || z->avail_out == 0));
	g->extra_len = header.extra != Z_NULL && header.done == 1 ? header.extra_len : 0;
	return rv == Z_STREAM_END ? 0 : -1;
}

int gzcheck_inflate(const uint8_t *data, size_t len, struct gzcheck *ret_gz)
{
	z_stream z = {0};
	size_t room = 0;
	int rv = 0;

	memset(ret_gz, 0, sizeof(*ret_gz));
	if (inflateInit2(&z, 15 + 16) != Z_OK) /* 16: gzip frames only, zlib.h */
		return -1;
	z.next_in = (z_const Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	while (rv == 0 && z.avail_in > 0) {
		rv = inflate_member(&z, ret_gz, &room);
		ret_gz->members++;
	}
	(void)inflateEnd(&z); /* only memory of its own */
	if (rv != 0)
		free(ret_gz->bytes);
	return rv;
}
