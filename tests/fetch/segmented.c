/* SPDX-License-Identifier: BSD-2-Clause */
/* See segmented.h. */
#include "segmented.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive/layout.h"
#include "archive/tarfmt.h"

static FILE *open_file(const struct builder *b, const char *path, const char *mode)
{
	char whole[PATH_MAX * 2];
	FILE *f;

	(void)snprintf(whole, sizeof(whole), "%s/%s", builder_dir(b), path);
	f = fopen(whole, mode);
	ck_assert_msg(f != NULL, "%s", whole);
	return f;
}

void segmented_append(const struct builder *b, const char *path, const void *bytes, size_t n)
{
	FILE *f = open_file(b, path, "ab");

	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

void segmented_end(const struct builder *b, const char *path)
{
	static const char zeros[TARFMT_END_BYTES];

	segmented_append(b, path, zeros, sizeof(zeros));
}

void segmented_put(struct builder *b, uint32_t number, struct record *r)
{
	char day[LAYOUT_DAY_SIZE], name[LAYOUT_NAME_SIZE], segment[LAYOUT_SEGMENT_SIZE];
	char from[LAYOUT_DAY_SIZE + LAYOUT_NAME_SIZE], to[LAYOUT_DAY_SIZE + LAYOUT_SEGMENT_SIZE];
	static const uint8_t zeros[TARFMT_BLOCK_BYTES];
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	uint8_t *bytes = malloc((size_t)r->length);
	size_t n;
	FILE *f;

	ck_assert_ptr_nonnull(bytes);
	(void)layout_day_path(r->day, day);
	(void)layout_file_name(r->uuid, r->part, name);
	(void)snprintf(from, sizeof(from), "%s/%s", day, name);
	(void)snprintf(to, sizeof(to), "%s/%s", day, layout_segment_name(number, segment));
	f = open_file(b, from, "rb");
	ck_assert_uint_eq(fread(bytes, 1, (size_t)r->length, f), r->length);
	(void)fclose(f);
	n = tarfmt_header(name, r->length, r->tally.last_ns / BUILDER_SECOND, header);
	segmented_append(b, to, header, n);
	r->segment = number;
	r->offset = builder_size(b, to);
	segmented_append(b, to, bytes, (size_t)r->length);
	segmented_append(b, to, zeros, tarfmt_padding(r->length));
	builder_remove(b, from);
	free(bytes);
}

struct record segmented_add(
    struct builder *b, uint32_t number, const struct built_part *p, enum indexed indexed)
{
	struct record r = *builder_add(b, p, NOT_INDEXED);

	segmented_put(b, number, &r);
	if (indexed == INDEXED)
		builder_add_row(b, &r);
	return r;
}
