/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes gzip members, each whole in itself, in one shot: the unit that a flow file is built of.
 * No state goes from one member to the next, so a flow needs none between flushes.
 *
 * On-disk format (RFC 1952): 10 bytes of header with mtime 0, XFL 0, OS 255; the deflate data;
 * CRC-32 and length of the input. A member with an extra field has FLG 4, two bytes of length after
 * the header, then subfields of two identifying bytes, two of length, and their data.
 *
 * Threads:  a gzmember belongs to one thread.
 */
#ifndef PCAPFILE_GZMEMBER_H
#define PCAPFILE_GZMEMBER_H

#include <stddef.h>
#include <stdint.h>

enum codec_kind { CODEC_NONE, CODEC_ZLIB, CODEC_ISAL };

struct codec {
	enum codec_kind kind;
	int level;
};

#define CODEC_TEXT_SIZE 16

/*
 * codec_default - isal:0 where it is built in, else zlib:1.
 *
 * Not isal:1: from level 1 on, ISA-L 2.30 may compress the same input to other bytes (2 in 10,000
 * members of 8 to 28 KiB differed), and equal input must give equal files.
 */
struct codec codec_default(void);

/*
 * codec_parse - "none", "zlib:1" to "zlib:9", "isal:0" to "isal:3"; without a level, 1.
 *
 * Returns:  0; -EINVAL no such codec or level; -ENOTSUP isal is not built in.
 */
int codec_parse(const char *text, struct codec *ret_codec);

/* codec_text - the inverse. buf has CODEC_TEXT_SIZE bytes. */
char *codec_text(struct codec c, char *buf);

struct gzmember;

/* gzmember_new - a compressor, used again for member after member. Returns: 0; -ENOMEM. */
int gzmember_new(struct codec codec, struct gzmember **ret_gz);

/* gzmember_bound - the most bytes that a member for len bytes of input takes. */
size_t gzmember_bound(size_t len);

/*
 * gzmember_write - compress in[0..len) to one member.
 *
 * Takes:    out, with room for gzmember_bound(len).
 * Returns:  the bytes written to out. The same input and codec give the same bytes, but for isal
 *           above level 0, see codec_default.
 */
size_t gzmember_write(struct gzmember *gz, const void *in, size_t len, uint8_t *out);

/* Longest text that gzmember_write_extra takes; 65535 less a subfield's header, RFC 1952 2.3.1.1.
 */
#define GZMEMBER_MAX_EXTRA 65531u

/* What an empty member with one subfield costs beside its text. */
#define GZMEMBER_EXTRA_OVERHEAD 26u

/*
 * gzmember_write_extra - an empty member whose header carries one subfield.
 *
 * Takes:    id, two bytes; text of len bytes, at most GZMEMBER_MAX_EXTRA; out with room for both.
 * Returns:  bytes written: len + GZMEMBER_EXTRA_OVERHEAD.
 */
size_t gzmember_write_extra(const char id[2], const void *text, size_t len, uint8_t *out);

/*
 * gzmember_find_extra - find such a member at the very end of buf, which is the tail of a file.
 *
 * Returns:  the text within buf, *ret_len its length; NULL if buf does not end with one.
 */
const char *gzmember_find_extra(const char id[2], const uint8_t *buf, size_t len, size_t *ret_len);

/* gzmember_free - takes NULL. */
void gzmember_free(struct gzmember *gz);

#endif
