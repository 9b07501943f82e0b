/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inflates a gzip file of many members. zlib checks each member's header and checksum; here stands
 * what lies between them, and what is said when the file ends too early.
 */
#include "pcapfile/gunzip.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum where { BETWEEN_MEMBERS, IN_MEMBER };

struct gunzip {
	struct rawfile *file;	/* borrowed */
	uint8_t *buffer;	/* what was read and not yet inflated lies here */
	size_t capacity;
	z_stream z;
	bool z_ready;
	enum where where;
	bool ended;		/* answer holds for ever */
	int answer;
};

int gunzip_new(struct rawfile *file, uint8_t *buffer, size_t capacity, size_t filled,
	       struct gunzip **ret_gunzip)
{
	struct gunzip *g = calloc(1, sizeof(*g));

	assert(capacity <= UINT_MAX && filled <= capacity);
	if (g == NULL)
		return -ENOMEM;
	/* 15: the largest window; +16: gzip frames only (zlib.h, inflateInit2). */
	if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
		gunzip_free(g);
		return -ENOMEM;
	}
	g->z_ready = true;
	g->file = file;
	g->buffer = buffer;
	g->capacity = capacity;
	g->z.next_in = buffer;
	g->z.avail_in = (uInt)filled;
	g->where = BETWEEN_MEMBERS;
	*ret_gunzip = g;
	return 0;
}

/* Bytes of the file that are inflated: where to look with a hex editor. */
static uint64_t file_offset(const struct gunzip *g)
{
	return rawfile_progress(g->file, NULL) - g->z.avail_in;
}

static void end(struct gunzip *g, int answer)
{
	g->ended = true;
	g->answer = answer;
}

/* Fetch more of the file when all is inflated, and know what its end means. */
static void refill(struct gunzip *g, struct fault *fault)
{
	ssize_t n = rawfile_read(g->file, g->buffer, g->capacity);

	if (n > 0) {
		g->z.next_in = g->buffer;
		g->z.avail_in = (uInt)n;
	} else if (n < 0) {
		end(g, fault_set(fault, (int)n, "read: %s", strerror(-(int)n)));
	} else if (g->where == IN_MEMBER) {
		end(g, fault_set(fault, -ENODATA, "gzip stream cut at byte %" PRIu64 " of the file",
				 file_offset(g)));
	} else {
		end(g, 0);
	}
}

/*
 * After a member: another one, padding, or garbage. Padding may be followed by a member, as when
 * padded files were joined.
 */
static void start_member(struct gunzip *g, struct fault *fault)
{
	while (g->z.avail_in > 0 && *g->z.next_in == 0) {
		g->z.next_in++;
		g->z.avail_in--;
	}
	if (g->z.avail_in == 0)
		return;
	if (*g->z.next_in != 0x1f) { /* ID1, RFC 1952 section 2.3.1 */
		end(g, fault_set(fault, -EBADMSG,
				 "garbage after the last gzip member, at byte %" PRIu64
				 " of the file", file_offset(g)));
		return;
	}
	if (inflateReset(&g->z) != Z_OK)
		end(g, fault_set(fault, -EBADMSG, "zlib cannot be reset"));
	g->where = IN_MEMBER;
}

/* Inflate what there is, as far as there is room for it. */
static void inflate_some(struct gunzip *g, struct fault *fault)
{
	switch (inflate(&g->z, Z_NO_FLUSH)) {
	case Z_OK:
	case Z_BUF_ERROR: /* it wants more input or more room */
		break;
	case Z_STREAM_END:
		g->where = BETWEEN_MEMBERS;
		break;
	case Z_MEM_ERROR:
		end(g, fault_set(fault, -ENOMEM, "no memory to inflate"));
		break;
	default:
		end(g, fault_set(fault, -EBADMSG, "gzip: %s, at byte %" PRIu64 " of the file",
				 g->z.msg != NULL ? g->z.msg : "damaged", file_offset(g)));
	}
}

ssize_t gunzip_read(struct gunzip *g, uint8_t *buffer, size_t capacity, struct fault *fault)
{
	uInt room = capacity > UINT_MAX ? UINT_MAX : (uInt)capacity;

	assert(room > 0);
	g->z.next_out = buffer;
	g->z.avail_out = room;
	while (!g->ended) {
		if (g->where == BETWEEN_MEMBERS)
			start_member(g, fault);
		/* Even without input: zlib may hold bytes that had no room the last time. */
		if (g->where == IN_MEMBER && !g->ended)
			inflate_some(g, fault);
		if (g->z.avail_out < room)
			return (ssize_t)(room - g->z.avail_out);
		if (g->z.avail_in == 0 && !g->ended)
			refill(g, fault);
	}
	return g->answer;
}

void gunzip_free(struct gunzip *g)
{
	if (g == NULL)
		return;
	if (g->z_ready)
		(void)inflateEnd(&g->z); /* fails only for a stream that was never set up */
	free(g->buffer);
	free(g);
}
