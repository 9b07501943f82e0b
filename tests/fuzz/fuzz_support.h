/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: numbers and pieces off the input, checks that end the process, a
 * file in memory and a directory that are used again, and silence for what talks to the operator.
 *
 * A target is a function of libFuzzer's form, and one that replay.c calls as well: it keeps nothing
 * from one input to the next that could change what it does.
 *
 * Threads:  one.
 */
#ifndef FUZZ_SUPPORT_H
#define FUZZ_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/fileio.h"

/* LLVMFuzzerTestOneInput - the one entry of every target. Returns: 0, always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* fuzz_check - what must hold whatever the input; else says so and aborts. */
#define fuzz_check(condition)                                        \
	do {                                                         \
		if (!(condition))                                    \
			fuzz_failed(__FILE__, __LINE__, #condition); \
	} while (0)

__attribute__((noreturn)) void fuzz_failed(const char *file, int line, const char *what);

/* The input that is left. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* fuzz_u8 and the like - the next number, big-endian; zeros follow the end of the input. */
uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);
uint32_t fuzz_u32(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);

/* fuzz_take - the next n bytes, fewer at the end. Returns: them, *ret_len how many. */
const uint8_t *fuzz_take(struct fuzz_input *in, size_t n, size_t *ret_len);

/* fuzz_text - the next n bytes as a string on the heap that ends where they do, or at a NUL in
 * them. */
char *fuzz_text(struct fuzz_input *in, size_t n);

/* fuzz_copy - bytes on the heap, exactly as many: a sanitizer sees what is read beyond. */
uint8_t *fuzz_copy(const void *bytes, size_t len);

/* fuzz_printable - is this a text of one line that drives no terminal? Other than "". */
int fuzz_printable(const char *text);

/* Bytes being put together. Zero it to start. */
struct fuzz_bytes {
	uint8_t *bytes;
	size_t len, room;
};

void fuzz_put(struct fuzz_bytes *b, const void *bytes, size_t len);
void fuzz_put_zeros(struct fuzz_bytes *b, size_t len);
void fuzz_free(struct fuzz_bytes *b);

/* fuzz_file - a file in memory with these bytes, the same one each time. Returns: all of it. */
struct extent fuzz_file(const void *bytes, size_t len);

/*
 * fuzz_dir - a directory of this process's own below $TMPDIR, removed at a proper exit. Many files
 * go there and come back: a tmpfs makes runs faster.
 *
 * fuzz_dir_clear - remove what is in it, but for what begins with `keep` (NULL: nothing stays).
 * fuzz_write_at - make or replace a file below it, and directories on the way.
 */
const char *fuzz_dir(void);
void fuzz_dir_clear(const char *keep);
void fuzz_write_at(const char *name, const void *bytes, size_t len);

/* fuzz_hush, fuzz_speak - nothing goes to standard output and error in between, but for what a
 * sanitizer has to say. */
void fuzz_hush(void);
void fuzz_speak(void);

#endif
