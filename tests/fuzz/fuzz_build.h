/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow files and segments from recipes. Of a file with checksums nearly every mutation is a damaged
 * file and nothing else; a recipe says what the parts hold, and the checksums are made right here.
 *
 * A recipe is a row of steps; each begins with its kind (8 bits, enum below, modulo their number).
 *
 * Threads:  one.
 */
#ifndef FUZZ_BUILD_H
#define FUZZ_BUILD_H

#include "fuzz/fuzz_support.h"

/* Steps of a flow file; all but HEADER and STOP go on with a length (16 bits) and bytes. */
enum fuzz_flowfile_step {
	FUZZ_MEMBER,  /* a gzip member of stored blocks with these bytes */
	FUZZ_DEFLATE, /* a compressed one */
	FUZZ_RECORD,  /* the member of a record, with this text */
	FUZZ_EXTRA,   /* one like it, of another id */
	FUZZ_HEADER,  /* the member of a pcap header; a link type (16 bits) */
	FUZZ_RAW,     /* the bytes as they are */
	FUZZ_STOP,    /* the file ends; the recipe goes on with something else */
	FUZZ_FLOWFILE_STEPS
};

/* Steps of a segment. */
enum fuzz_segment_step {
	FUZZ_SEGMENT_MEMBER, /* name (8 bits of length, text), recipe of a flow file (16, bytes) */
	FUZZ_SEGMENT_HEADER, /* name, size (32 bits): a header alone */
	FUZZ_SEGMENT_RAW,    /* 16 bits of length, bytes */
	FUZZ_SEGMENT_ZEROS,  /* 8 bits: so many bytes times 64 */
	FUZZ_SEGMENT_END,    /* the zeros that end a segment */
	FUZZ_SEGMENT_STEPS
};

/* fuzz_build_flowfile, fuzz_build_segment - append what the recipe says to *f. */
void fuzz_build_flowfile(struct fuzz_input *recipe, struct fuzz_bytes *f);
void fuzz_build_segment(struct fuzz_input *recipe, struct fuzz_bytes *f);

/* fuzz_build_part - the next piece of an input (16 bits of length) as an input of its own. */
struct fuzz_input fuzz_build_part(struct fuzz_input *in);

#endif
