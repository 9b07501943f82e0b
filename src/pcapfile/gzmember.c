/* SPDX-License-Identifier: BSD-2-Clause */
/* See gzmember.h. */
#include "config.h"

#include "pcapfile/gzmember.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#endif

#include "pcapfile/pcapfmt.h"

#define HEADER_BYTES  10u
#define TRAILER_BYTES 8u
#define STORED_MAX    65535u /* RFC 1951 3.2.4 */

/* Level 1 and up cost igzip 9 us of set-up per member, which members below this size never earn. */
#define ISAL_SMALL_BYTES 8192u

/* What is so long is tried on two samples first, see is_random. */
#define SAMPLE_FROM_BYTES 16384u
#define SAMPLE_BYTES      2048u

struct gzmember {
	struct codec codec;
	z_stream z;
#ifdef HAVE_ISAL
	struct isal_zstream isal;
	uint8_t *level_buf;
	uint32_t level_buf_bytes;
#endif
};

struct codec codec_default(void)
{
#ifdef HAVE_ISAL
	return (struct codec){CODEC_ISAL, 0};
#else
	return (struct codec){CODEC_ZLIB, 1};
#endif
}

static const struct {
	const char *name;
	enum codec_kind kind;
	int min, max;
} codecs[] = {{"none", CODEC_NONE, 0, 0}, {"zlib", CODEC_ZLIB, 1, 9}, {"isal", CODEC_ISAL, 0, 3}};

int codec_parse(const char *text, struct codec *ret_codec)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		size_t n = strlen(codecs[i].name);
		const char *rest = text + n;
		int level = codecs[i].max > 0;

		if (strncmp(text, codecs[i].name, n) != 0 || (*rest != '\0' && *rest != ':'))
			continue;
		if (*rest == ':') {
			level = rest[1] - '0';
			if (codecs[i].max == 0 || rest[1] == '\0' || rest[2] != '\0' ||
			    level < codecs[i].min || level > codecs[i].max)
				return -EINVAL;
		}
#ifndef HAVE_ISAL
		if (codecs[i].kind == CODEC_ISAL)
			return -ENOTSUP;
#endif
		*ret_codec = (struct codec){codecs[i].kind, level};
		return 0;
	}
	return -EINVAL;
}

char *codec_text(struct codec c, char *buf)
{
	if (c.kind == CODEC_NONE)
		(void)snprintf(buf, CODEC_TEXT_SIZE, "none");
	else
		(void)snprintf(
		    buf, CODEC_TEXT_SIZE, "%s:%d", c.kind == CODEC_ZLIB ? "zlib" : "isal", c.level);
	return buf;
}

#ifdef HAVE_ISAL
static int isal_set_up(struct gzmember *gz)
{
	static const uint32_t buf_bytes[] = {
	    0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};

	gz->level_buf_bytes = buf_bytes[gz->codec.level];
	if (gz->level_buf_bytes == 0)
		return 0;
	gz->level_buf =
	    calloc(1, gz->level_buf_bytes); /* the library reads of it what it has not written */
	return gz->level_buf != NULL ? 0 : -ENOMEM;
}

/* Raw deflate of in. Returns the length, or 0 where it does not fit into room bytes. */
static size_t isal_raw(struct gzmember *gz, const void *in, size_t len, uint8_t *out, size_t room)
{
	struct isal_zstream *z = &gz->isal;

	isal_deflate_stateless_init(z);
	z->level = len < ISAL_SMALL_BYTES ? 0 : (uint32_t)gz->codec.level;
	z->level_buf = gz->level_buf;
	z->level_buf_size = gz->level_buf_bytes;
	z->end_of_stream = 1;
	z->flush = NO_FLUSH;
	z->gzip_flag = IGZIP_DEFLATE;
	z->next_in = (uint8_t *)in; /* not written: the library lacks a const */
	z->avail_in = (uint32_t)len;
	z->next_out = out;
	z->avail_out = (uint32_t)room;
	return isal_deflate_stateless(z) == COMP_OK && z->avail_in == 0 ? z->total_out : 0;
}
#endif

int gzmember_new(struct codec codec, struct gzmember **ret_gz)
{
	struct gzmember *gz = calloc(1, sizeof(*gz));
	int rv = 0;

	if (gz == NULL)
		return -ENOMEM;
	gz->codec = codec;
	if (codec.kind == CODEC_ZLIB && deflateInit2(&gz->z, codec.level, Z_DEFLATED, -MAX_WBITS, 8,
					    Z_DEFAULT_STRATEGY) != Z_OK)
		rv = -ENOMEM;
#ifdef HAVE_ISAL
	if (codec.kind == CODEC_ISAL)
		rv = isal_set_up(gz);
#endif
	if (rv != 0) {
		gzmember_free(gz);
		return rv;
	}
	*ret_gz = gz;
	return 0;
}

static size_t stored_bytes(size_t len)
{
	return len + 5 * (len == 0 ? 1 : (len + STORED_MAX - 1) / STORED_MAX);
}

size_t gzmember_bound(size_t len)
{
	return HEADER_BYTES + stored_bytes(len) + TRAILER_BYTES;
}

/* Deflate's stored blocks: one byte of header bits, length, its complement, the bytes. */
static size_t stored_raw(const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t *o = out;

	do {
		size_t n = len < STORED_MAX ? len : STORED_MAX;

		*o++ = n == len; /* BFINAL, BTYPE 00 */
		*o++ = (uint8_t)n;
		*o++ = (uint8_t)(n >> 8);
		*o++ = (uint8_t)~n;
		*o++ = (uint8_t)(~n >> 8);
		memcpy(o, in, n);
		o += n;
		in += n;
		len -= n;
	} while (len > 0);
	return (size_t)(o - out);
}

static size_t zlib_raw(struct gzmember *gz, const void *in, size_t len, uint8_t *out, size_t room)
{
	z_stream *z = &gz->z;

	(void)deflateReset(z); /* fails only for a stream that was never set up */
	z->next_in = (z_const Bytef *)(uintptr_t)in;
	z->avail_in = (uInt)len;
	z->next_out = out;
	z->avail_out = (uInt)room;
	return deflate(z, Z_FINISH) == Z_STREAM_END ? z->total_out : 0;
}

#ifdef HAVE_ISAL
/*
 * Does a sample say that level 0 would make this longer? It has one fixed code, by which a random
 * byte takes more than 8 bits: whatever is encrypted ends as stored blocks, after all the work.
 */
static bool is_random(struct gzmember *gz, const uint8_t *in, size_t len, uint8_t *out)
{
	if (gz->codec.level > 0 || len < SAMPLE_FROM_BYTES)
		return false;
	return isal_raw(gz, in + len / 4, SAMPLE_BYTES, out, SAMPLE_BYTES) == 0 &&
	       isal_raw(gz, in + len / 4 * 3, SAMPLE_BYTES, out, SAMPLE_BYTES) == 0;
}
#endif

/* The deflate data: compressed where that is shorter than stored, else stored. */
static size_t raw(struct gzmember *gz, const void *in, size_t len, uint8_t *out)
{
	size_t room = stored_bytes(len), n = 0;

	if (gz->codec.kind == CODEC_ZLIB)
		n = zlib_raw(gz, in, len, out, room);
#ifdef HAVE_ISAL
	if (gz->codec.kind == CODEC_ISAL && !is_random(gz, in, len, out))
		n = isal_raw(gz, in, len, out, room);
#endif
	return n > 0 && n < room ? n : stored_raw(in, len, out);
}

static uint32_t crc(const void *in, size_t len)
{
#ifdef HAVE_ISAL
	return crc32_gzip_refl(0, in, len);
#else
	return (uint32_t)crc32(0, in, (uInt)len);
#endif
}

static size_t put_header(uint8_t *out, uint8_t flags)
{
	static const uint8_t header[HEADER_BYTES] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

	memcpy(out, header, HEADER_BYTES);
	out[3] = flags;
	return HEADER_BYTES;
}

size_t gzmember_write(struct gzmember *gz, const void *in, size_t len, uint8_t *out)
{
	size_t n = put_header(out, 0);

	assert(len <= UINT32_MAX / 2);
	n += raw(gz, in, len, out + n);
	pcapfmt_put_le32(out + n, crc(in, len));
	pcapfmt_put_le32(out + n + 4, (uint32_t)len);
	return n + TRAILER_BYTES;
}

#define FEXTRA 4

/* An empty final block with fixed codes, RFC 1951 3.2.6; then CRC 0 and length 0. */
static const uint8_t empty_body[] = {0x03, 0x00, 0, 0, 0, 0, 0, 0, 0, 0};

_Static_assert(HEADER_BYTES + 2 + 4 + sizeof(empty_body) == GZMEMBER_EXTRA_OVERHEAD, "overhead");

size_t gzmember_write_extra(const char id[2], const void *text, size_t len, uint8_t *out)
{
	size_t n = put_header(out, FEXTRA);

	assert(len <= GZMEMBER_MAX_EXTRA);
	out[n++] = (uint8_t)(len + 4);
	out[n++] = (uint8_t)((len + 4) >> 8);
	memcpy(out + n, id, 2);
	n += 2;
	out[n++] = (uint8_t)len;
	out[n++] = (uint8_t)(len >> 8);
	memcpy(out + n, text, len);
	n += len;
	memcpy(out + n, empty_body, sizeof(empty_body));
	return n + sizeof(empty_body);
}

/* Does a member that begins at p, and is n bytes long, hold just the subfield id? */
static bool is_extra_member(const char id[2], const uint8_t *p, size_t n)
{
	size_t len = n - GZMEMBER_EXTRA_OVERHEAD;
	uint8_t want[HEADER_BYTES];

	(void)put_header(want, FEXTRA);
	return memcmp(p, want, HEADER_BYTES) == 0 &&
	       ((size_t)p[10] | (size_t)p[11] << 8) == len + 4 && memcmp(p + 12, id, 2) == 0 &&
	       ((size_t)p[14] | (size_t)p[15] << 8) == len &&
	       memcmp(p + n - sizeof(empty_body), empty_body, sizeof(empty_body)) == 0;
}

const char *gzmember_find_extra(const char id[2], const uint8_t *buf, size_t len, size_t *ret_len)
{
	for (size_t n = GZMEMBER_EXTRA_OVERHEAD; n <= len; n++) {
		const uint8_t *p = buf + len - n;

		if (n - GZMEMBER_EXTRA_OVERHEAD > GZMEMBER_MAX_EXTRA)
			return NULL;
		if (p[0] != 0x1f || !is_extra_member(id, p, n))
			continue;
		*ret_len = n - GZMEMBER_EXTRA_OVERHEAD;
		return (const char *)p + 16;
	}
	return NULL;
}

void gzmember_free(struct gzmember *gz)
{
	if (gz == NULL)
		return;
	if (gz->codec.kind == CODEC_ZLIB)
		(void)deflateEnd(&gz->z); /* tells only that data were pending */
#ifdef HAVE_ISAL
	free(gz->level_buf);
#endif
	free(gz);
}
