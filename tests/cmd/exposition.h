/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict reader of the text that Prometheus scrapes (version 0.0.4), for tests: what it lets
 * pass, any scraper reads, and none of the project's rules for names is broken.
 */
#ifndef TESTS_CMD_EXPOSITION_H
#define TESTS_CMD_EXPOSITION_H

#include <stddef.h>

#define EXPOSITION_ERROR_SIZE 512

/*
 * exposition_lint - is it well-formed: each family with HELP, TYPE and samples in this order, and
 * once; names, labels, values; counters that end in _total and nothing else that does; no series
 * twice; buckets in order, none smaller than the one before, the last of them the count.
 *
 * Returns:  NULL; else what is wrong, in error of EXPOSITION_ERROR_SIZE bytes.
 */
const char *exposition_lint(const char *text, char *error);

/* exposition_check - the test ends if it is not. */
void exposition_check(const char *text);

/* exposition_value - the value of a series, as written: "name{label=\"x\"}". NULL: there is none.
 * The buffer lives for eight more calls. */
const char *exposition_value(const char *text, const char *series);

/* exposition_check_value - the test ends if the series is not there, or has another value. */
void exposition_check_value(const char *text, const char *series, const char *want);

/* exposition_number - the same as a number; the test ends if there is none. */
double exposition_number(const char *text, const char *series);

/* exposition_sum - the sum over all series of a family that has labels. */
double exposition_sum(const char *text, const char *family);

#endif
