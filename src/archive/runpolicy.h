/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a writer does to packets, noted in .staging while it runs: staged files have no record yet,
 * and who adopts them after a kill must know what they went through.
 *
 *     DIR/.staging/SEQ~policy    one line of JSON; SEQ as in names of staged files, lower than that
 *                                of every file of this run
 *
 * Threads:  one.
 */
#ifndef ARCHIVE_RUNPOLICY_H
#define ARCHIVE_RUNPOLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

/*
 * runpolicy_begin - note policy and snaplen of r, before anything is staged.
 *
 * Returns:  0, and a number for runpolicy_end; -errno.
 */
int runpolicy_begin(struct archive *a, const struct record *r, uint64_t *ret_serial);

/* runpolicy_end - this run is over: the note goes, unless something that it staged is still there.
 */
void runpolicy_end(struct archive *a, uint64_t serial);

/* runpolicy_remove - nothing that this note tells of is left. */
void runpolicy_remove(struct archive *a, uint64_t serial);

/* runpolicy_name_valid - is this the name of a note, and of which run? */
bool runpolicy_name_valid(const char *name, uint64_t *ret_serial);

/* runpolicy_read - policy and snaplen of a note, into *r. Returns: 0; -EBADMSG; -errno. */
int runpolicy_read(struct archive *a, uint64_t serial, struct record *r);

#endif
