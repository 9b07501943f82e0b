/* SPDX-License-Identifier: BSD-2-Clause */
/* See fuzz_build.h. */
#include "fuzz/fuzz_build.h"

#include <stdlib.h>
#include <string.h>

#include "archive/record.h"
#include "archive/tarfmt.h"
#include "pcapfile/gzmember.h"
#include "pcapfile/pcapfmt.h"

#define BUILT_MAX (1u << 20) /* of one file: inputs are small, what is made of them stays so */

struct fuzz_input fuzz_build_part(struct fuzz_input *in)
{
	struct fuzz_input part = {0};
	size_t n = fuzz_u16(in);

	part.at = fuzz_take(in, n, &part.left);
	return part;
}

static void put_member(struct fuzz_bytes *f, enum codec_kind kind, const uint8_t *bytes, size_t len)
{
	static struct gzmember *stored, *deflate;
	struct gzmember **gz = kind == CODEC_NONE ? &stored : &deflate;
	uint8_t *member = malloc(gzmember_bound(len));

	if (*gz == NULL)
		fuzz_check(gzmember_new((struct codec){kind, kind == CODEC_NONE ? 0 : 1}, gz) == 0);
	fuzz_check(member != NULL);
	fuzz_put(f, member, gzmember_write(*gz, bytes, len, member));
	free(member);
}

static void put_extra(struct fuzz_bytes *f, const char *id, const uint8_t *bytes, size_t len)
{
	size_t n = len <= GZMEMBER_MAX_EXTRA ? len : GZMEMBER_MAX_EXTRA;
	uint8_t *member = malloc(n + GZMEMBER_EXTRA_OVERHEAD);

	fuzz_check(member != NULL);
	fuzz_put(f, member, gzmember_write_extra(id, n > 0 ? (const void *)bytes : "", n, member));
	free(member);
}

static void put_header(struct fuzz_bytes *f, uint16_t linktype)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];

	pcapfmt_file_header(linktype, header);
	put_member(f, CODEC_ZLIB, header, sizeof(header));
}

void fuzz_build_flowfile(struct fuzz_input *recipe, struct fuzz_bytes *f)
{
	while (recipe->left > 0 && f->len < BUILT_MAX) {
		unsigned step = fuzz_u8(recipe) % FUZZ_FLOWFILE_STEPS;
		struct fuzz_input part;

		if (step == FUZZ_STOP)
			return;
		if (step == FUZZ_HEADER) {
			put_header(f, fuzz_u16(recipe));
			continue;
		}
		part = fuzz_build_part(recipe);
		if (step == FUZZ_MEMBER)
			put_member(f, CODEC_NONE, part.at, part.left);
		else if (step == FUZZ_DEFLATE)
			put_member(f, CODEC_ZLIB, part.at, part.left);
		else if (step == FUZZ_RAW)
			fuzz_put(f, part.at, part.left);
		else
			put_extra(f, step == FUZZ_RECORD ? RECORD_ID : "XY", part.at, part.left);
	}
}

static void put_tar_header(struct fuzz_bytes *f, struct fuzz_input *recipe, uint64_t size)
{
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	char *name = fuzz_text(recipe, fuzz_u8(recipe));

	if (strlen(name) < LAYOUT_NAME_SIZE && name[0] != '\0')
		fuzz_put(f, header, tarfmt_header(name, size, 1767312000, header));
	free(name);
}

/* The header says how long the flow file is, which is made first. */
static void put_segment_member(struct fuzz_bytes *f, struct fuzz_input *recipe)
{
	struct fuzz_input name = *recipe, part;
	struct fuzz_bytes flow = {0};
	size_t n;

	(void)fuzz_take(recipe, fuzz_u8(recipe), &n);
	part = fuzz_build_part(recipe);
	fuzz_build_flowfile(&part, &flow);
	put_tar_header(f, &name, flow.len);
	fuzz_put(f, flow.bytes, flow.len);
	fuzz_put_zeros(f, tarfmt_padding(flow.len));
	fuzz_free(&flow);
}

void fuzz_build_segment(struct fuzz_input *recipe, struct fuzz_bytes *f)
{
	while (recipe->left > 0 && f->len < BUILT_MAX) {
		struct fuzz_input part, name;
		size_t n;

		switch (fuzz_u8(recipe) % FUZZ_SEGMENT_STEPS) {
		case FUZZ_SEGMENT_MEMBER:
			put_segment_member(f, recipe);
			break;
		case FUZZ_SEGMENT_HEADER:
			name = *recipe;
			(void)fuzz_take(recipe, fuzz_u8(recipe), &n);
			put_tar_header(f, &name, fuzz_u32(recipe));
			break;
		case FUZZ_SEGMENT_RAW:
			part = fuzz_build_part(recipe);
			fuzz_put(f, part.at, part.left);
			break;
		case FUZZ_SEGMENT_ZEROS:
			fuzz_put_zeros(f, fuzz_u8(recipe) * 64u);
			break;
		default:
			fuzz_put_zeros(f, TARFMT_END_BYTES);
		}
	}
}
