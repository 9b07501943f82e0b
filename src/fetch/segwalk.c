/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See segwalk.h. Where a header is damaged, the next block that is one is looked for: it is taken
 * for a member only by its header, so who uses it must read its content, which proves it.
 */
#include "fetch/segwalk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fileio.h"

#define BUFFER_BYTES (64u << 10)

/* Where every header has it: POSIX.1-2017, pax, "ustar Header Block". */
#define MAGIC_OFFSET 257
#define MAGIC        "ustar"

int segwalk_begin(struct segwalk *w, int fd, uint64_t from)
{
	w->buffer = NULL;
	return segment_scan_begin(&w->scan, fd, from);
}

static bool is_member(const struct segwalk *w, uint64_t at)
{
	struct segment_member m;
	struct segment_scan s;

	return segment_scan_begin(&s, w->scan.fd, at) == 0 && segment_scan_next(&s, &m) == 1;
}

/* The next header behind a place that is none. Returns 1 and *ret_at; 0 there is none; -errno. */
static int find_member(struct segwalk *w, uint64_t at, uint64_t *ret_at)
{
	ssize_t n;

	if (w->buffer == NULL && (w->buffer = malloc(BUFFER_BYTES)) == NULL)
		return -ENOMEM;
	do {
		n = fileio_pread(w->scan.fd, w->buffer, BUFFER_BYTES, at);
		for (ssize_t i = 0; i + (ssize_t)TARFMT_BLOCK_BYTES <= n;
		     i += (ssize_t)TARFMT_BLOCK_BYTES) {
			if (memcmp(w->buffer + i + MAGIC_OFFSET, MAGIC, strlen(MAGIC)) != 0 ||
			    !is_member(w, at + (uint64_t)i))
				continue;
			*ret_at = at + (uint64_t)i;
			return 1;
		}
		at += BUFFER_BYTES;
	} while (n == (ssize_t)BUFFER_BYTES);
	return n < 0 ? (int)n : 0;
}

/* What comes is no member: others may follow. */
static int pass_over(struct segwalk *w, struct segwalk_item *item)
{
	uint64_t found = 0;
	int rv = item->from > INT64_MAX - TARFMT_BLOCK_BYTES
		     ? 0
		     : find_member(w, item->from + TARFMT_BLOCK_BYTES, &found);

	if (rv < 0)
		return rv;
	item->kind = rv == 1 ? SEGWALK_GAP : SEGWALK_JUNK;
	item->to = found;
	if (rv == 1)
		return segment_scan_begin(&w->scan, w->scan.fd, found);
	return fileio_size(w->scan.fd, &item->to);
}

int segwalk_next(struct segwalk *w, struct segwalk_item *ret_item)
{
	struct segwalk_item item = {.from = w->scan.at};
	int rv = segment_scan_next(&w->scan, &item.member);

	switch (rv) {
	case 1:
		item.kind = SEGWALK_MEMBER;
		item.to = item.member.next;
		rv = 0;
		break;
	case 0:
		item.kind = w->scan.closed ? SEGWALK_CLOSED : SEGWALK_UNCLOSED;
		item.to = w->scan.closed ? item.from + TARFMT_END_BYTES : item.from;
		break;
	case -ENODATA:
		item.kind = SEGWALK_TORN;
		rv = fileio_size(w->scan.fd, &item.to);
		break;
	case -EBADMSG:
		rv = pass_over(w, &item);
		break;
	default:
		break;
	}
	if (rv == 0)
		*ret_item = item;
	return rv;
}

void segwalk_end(struct segwalk *w)
{
	free(w->buffer);
	w->buffer = NULL;
}
