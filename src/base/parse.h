/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words from users to values: numbers, sizes and durations with units, always within bounds.
 * The caller makes the complaint; parse_*_text prints a value the way a user would write it.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

/*
 * parse_number - decimal digits, nothing else.
 * parse_size - a number, whole or decimal, and optionally a unit: B, K M G T (and KB MB GB TB) are
 *     powers of 1000, KiB MiB GiB TiB powers of 1024; bytes without one.
 * parse_duration - a number and a unit, ns us ms s m h d, or several ("1h30m"); seconds without
 * one.
 *
 * Takes:    text; min and max, both legal.
 * Returns:  0; -EINVAL not such a value; -ERANGE outside [min, max].
 * Threads:  any; pure.
 */
int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);
int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret_bytes);
int parse_duration(const char *text, int64_t min_ns, int64_t max_ns, int64_t *ret_ns);

#define PARSE_TEXT_SIZE 32

/* parse_size_text, parse_duration_text - "64MiB", "30s": exact. buf has PARSE_TEXT_SIZE bytes. */
char *parse_size_text(uint64_t bytes, char *buf);
char *parse_duration_text(int64_t ns, char *buf);

#endif
