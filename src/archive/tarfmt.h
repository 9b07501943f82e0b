/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers of a tar archive: ustar, and a pax header in front where a name is longer than a
 * ustar header holds. Only regular files; owner 0, mode 0640, so that equal content gives equal
 * bytes.
 *
 * On-disk format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header".
 *
 * Threads:  any; pure.
 */
#ifndef ARCHIVE_TARFMT_H
#define ARCHIVE_TARFMT_H

#include <stddef.h>
#include <stdint.h>

#include "archive/layout.h"

#define TARFMT_BLOCK_BYTES      512u
#define TARFMT_HEADER_MAX_BYTES (3 * TARFMT_BLOCK_BYTES)
#define TARFMT_END_BYTES        (2 * TARFMT_BLOCK_BYTES)  /* zeros that end an archive */
#define TARFMT_SIZE_MAX         ((UINT64_C(1) << 33) - 1) /* what eleven octal digits hold */

/* tarfmt_header_bytes - what the header of a file of this name takes: one block, or three. */
size_t tarfmt_header_bytes(const char *name);

/*
 * tarfmt_header - make a header.
 *
 * Takes:    name, not empty and shorter than LAYOUT_NAME_SIZE; size of the file, at most
 *           TARFMT_SIZE_MAX; mtime_s in seconds since 1970;
 *           out with room for TARFMT_HEADER_MAX_BYTES.
 * Returns:  the bytes written, as tarfmt_header_bytes.
 */
size_t tarfmt_header(const char *name, uint64_t size, int64_t mtime_s, uint8_t *out);

/* tarfmt_padding - zeros that follow a file of this size. */
static inline size_t tarfmt_padding(uint64_t size)
{
	return (size_t)(-size % TARFMT_BLOCK_BYTES);
}

struct tarfmt_entry {
	char name[LAYOUT_NAME_SIZE];
	uint64_t size;
	size_t header_bytes; /* where its content begins, from where the header does */
};

/*
 * tarfmt_parse - read a header, of an archive that anybody may have written.
 *
 * Takes:    buf of len bytes; TARFMT_HEADER_MAX_BYTES are always enough.
 * Returns:  1 and *ret_entry; 0 a block of zeros: the archive ends here; -ENODATA more bytes are
 *           needed; -EBADMSG no header that tarfmt_header makes (another type of file, checksum).
 */
int tarfmt_parse(const uint8_t *buf, size_t len, struct tarfmt_entry *ret_entry);

#endif
