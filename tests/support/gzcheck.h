/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip as zlib sees it, to check what flowkeep writes. Shares nothing with the code under test.
 */
#ifndef SUPPORT_GZCHECK_H
#define SUPPORT_GZCHECK_H

#include <stddef.h>
#include <stdint.h>

struct gzcheck {
	uint8_t *bytes; /* all members' contents, one after the other; the caller frees it */
	size_t len;
	unsigned members;     /* members, empty ones too */
	uint8_t extra[65536]; /* extra field of the last member, subfield headers included */
	size_t extra_len;     /* 0: it had none */
};

/*
 * gzcheck_inflate - inflate whole members; checksums and lengths are zlib's to check.
 *
 * Returns:  0; -1 the bytes are not a row of whole gzip members (*ret_gz must not be freed then).
 */
int gzcheck_inflate(const uint8_t *data, size_t len, struct gzcheck *ret_gz);

#endif
