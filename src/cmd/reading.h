/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands that read an archive share: opening it, and saying what cannot be read.
 *
 * Threads:  main.
 */
#ifndef CMD_READING_H
#define CMD_READING_H

#include <stdint.h>

#include "archive/archive.h"
#include "fetch/query.h"

/*
 * reading_open - open an archive, or say why not.
 *
 * Takes:    component, for the message; dir.
 * Returns:  0; -errno, and a line on the standard error.
 */
int reading_open(const char *component, const char *dir, struct archive **ret_archive);

/* reading_tend - the same, to change its days (ARCHIVE_TEND): what is no archive gets no lock file.
 */
int reading_tend(const char *component, const char *dir, struct archive **ret_archive);

/* Counts what could not be read. */
struct reading_faults {
	const char *component; /* for the messages */
	uint64_t count;
};

/* reading_bad - a query_bad_fn and partfile_bad_fn: says it, and counts it in a reading_faults. */
void reading_bad(const char *path, const char *reason, void *faults);

#endif
