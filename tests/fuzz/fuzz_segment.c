/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment: the headers of tar, going from member to member, and going through a damaged one.
 *
 * Input: flags (8 bits), where to begin once more (64), then the file, or where RECIPE is set the
 * recipe of one, see fuzz_build.h.
 *
 * Holds: members lie in the file, one behind another; a header that is read is the one that is
 * written for what it says; a walk names every byte once, from the start to the end, and every
 * member that is found by going from the start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/segwalk.h"
#include "fuzz/fuzz_build.h"

enum { RECIPE = 1 };

static void check_header(const uint8_t *bytes, size_t len)
{
	uint8_t again[TARFMT_HEADER_MAX_BYTES];
	struct tarfmt_entry e;
	int rv = tarfmt_parse(bytes, len, &e);

	fuzz_check(rv == 1 || rv == 0 || rv == -ENODATA || rv == -EBADMSG);
	fuzz_check(rv != -ENODATA || len < TARFMT_HEADER_MAX_BYTES);
	if (rv != 1)
		return;
	fuzz_check(e.header_bytes <= len && e.size <= TARFMT_SIZE_MAX);
	fuzz_check(e.name[0] != '\0' && strlen(e.name) < sizeof(e.name));
	fuzz_check(tarfmt_header_bytes(e.name) == e.header_bytes);
	fuzz_check(tarfmt_header(e.name, e.size, 0, again) == e.header_bytes);
}

static void check_member(const struct segment_member *m, uint64_t from, uint64_t size)
{
	char name[LAYOUT_NAME_SIZE];

	fuzz_check(m->header_offset == from && m->offset > from);
	fuzz_check(m->length <= size && m->offset <= size - m->length);
	fuzz_check(m->next >= m->offset + m->length && m->next <= size);
	fuzz_check(m->next % TARFMT_BLOCK_BYTES == 0);
	fuzz_check(layout_uuid_valid(m->uuid));
	fuzz_check(strlen(layout_file_name(m->uuid, m->part, name)) < sizeof(name));
}

/* Returns: where the row of members from the start ends. */
static uint64_t scan(const struct extent *e)
{
	struct segment_scan s;
	struct segment_member m;
	uint64_t at = 0;
	int rv;

	fuzz_check(segment_scan_begin(&s, e->fd, 0) == 0);
	while ((rv = segment_scan_next(&s, &m)) == 1) {
		check_member(&m, at, e->length);
		at = m.next;
	}
	fuzz_check(rv == 0 || rv == -ENODATA || rv == -EBADMSG);
	fuzz_check(s.at == at);
	fuzz_check(!s.closed || at + TARFMT_END_BYTES == e->length);
	fuzz_check(rv != 0 || s.closed || at == e->length);
	return at;
}

/* From any place: an index may claim it. */
static void scan_from(const struct extent *e, uint64_t from)
{
	struct segment_scan s;
	struct segment_member m;

	fuzz_check(segment_scan_begin(&s, e->fd, from) == 0);
	while (segment_scan_next(&s, &m) == 1)
		fuzz_check(m.next > m.header_offset && m.next <= e->length);
}

static void walk(const struct extent *e, uint64_t row_end)
{
	struct segwalk w;
	struct segwalk_item item = {.kind = SEGWALK_MEMBER};
	uint64_t at = 0;

	fuzz_check(segwalk_begin(&w, e->fd, 0) == 0);
	while (item.kind == SEGWALK_MEMBER || item.kind == SEGWALK_GAP) {
		fuzz_check(segwalk_next(&w, &item) == 0);
		fuzz_check(item.from == at && item.to >= item.from && item.to <= e->length);
		if (item.kind == SEGWALK_MEMBER)
			check_member(&item.member, item.from, e->length);
		else
			fuzz_check(item.from >= row_end);
		fuzz_check(item.kind != SEGWALK_GAP || item.to > item.from);
		at = item.to;
	}
	fuzz_check(at == e->length);
	segwalk_end(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t flags = fuzz_u8(&in);
	uint64_t from = fuzz_u64(&in);
	struct fuzz_bytes f = {0};
	struct extent e;
	uint8_t *head;
	size_t n;

	if (flags & RECIPE)
		fuzz_build_segment(&in, &f);
	else
		fuzz_put(&f, in.at, in.left);
	n = f.len < TARFMT_HEADER_MAX_BYTES ? f.len : TARFMT_HEADER_MAX_BYTES;
	head = fuzz_copy(f.bytes, n);
	check_header(head, n);
	free(head);
	e = fuzz_file(f.bytes, f.len);
	scan_from(&e, from);
	walk(&e, scan(&e));
	fuzz_free(&f);
	return 0;
}
