/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the seed writer share: an input in the making, and where it goes. The forms of
 * the inputs are told at the head of each target.
 *
 * Threads:  one.
 */
#ifndef FUZZ_SEEDS_H
#define FUZZ_SEEDS_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz/fuzz_support.h"

/* seeds_u8 and the like - append a number, big-endian. */
void seeds_u8(struct fuzz_bytes *b, unsigned v);
void seeds_u16(struct fuzz_bytes *b, unsigned v);
void seeds_u32(struct fuzz_bytes *b, uint32_t v);
void seeds_u64(struct fuzz_bytes *b, uint64_t v);

/* seeds_text8 - 8 bits of length and a text. seeds_part - 16 bits of length and bytes. */
void seeds_text8(struct fuzz_bytes *b, const char *text);
void seeds_part(struct fuzz_bytes *b, const void *bytes, size_t len);

/* seeds_write - the input is ready: DIR/target/NNN-name. It is empty then. */
void seeds_write(const char *target, const char *name, struct fuzz_bytes *b);

/* seeds_word - an input of a kind (8 bits) and a text. */
void seeds_word(const char *target, unsigned kind, const char *text);

/* One for each part of the writer. */
void seeds_packets(void);  /* packet, fragments, capture */
void seeds_archives(void); /* record, flowfile, segment, day */
void seeds_indexes(void);  /* index, dayfilter */
void seeds_texts(void);    /* event, eventstream, expr, words, options, textfile */

#endif
