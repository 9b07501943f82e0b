/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts parts that archive_builder.h has made as files into segments, one by one and by hand. */
#ifndef TESTS_FETCH_SEGMENTED_H
#define TESTS_FETCH_SEGMENTED_H

#include "archive_builder.h"

/*
 * Makes a part and appends it to segment `number` of its day, and indexes it there or not. Returns
 * its record.
 */
struct record segmented_add(
    struct builder *b, uint32_t number, const struct built_part *p, enum indexed indexed);

/* Moves what builder_add has made, without a row, behind the last member. */
void segmented_put(struct builder *b, uint32_t number, struct record *r);

/* Appends bytes to a file of the archive. */
void segmented_append(const struct builder *b, const char *path, const void *bytes, size_t n);

/* The zeros that end a segment. */
void segmented_end(const struct builder *b, const char *path);

#endif
