/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files as a source of packets: several files, one after the other, as one stream. What
 * cannot be read is said in one line, and what could be read before it is kept.
 *
 * Life-cycle:  new, run, result, free.
 * Threads:     run: the demux thread. Stop and progress: any.
 */
#ifndef CAPTURE_SOURCE_FILE_H
#define CAPTURE_SOURCE_FILE_H

#include <stdint.h>

#include "capture/filter.h"
#include "flow/demux.h"

struct source_file;

struct source_file_result {
	unsigned files_opened;  /* their format was understood */
	unsigned files_failed;  /* nothing could be read of them */
	unsigned files_damaged; /* cut short, damaged further on, or with blocks passed over */
	bool stopped;           /* source_file_stop was called before the end */
};

/*
 * source_file_new - Takes: count paths ("-" is the standard input), filter (may be NULL) and demux,
 * all of which outlive it.
 * Returns:  0; -ENOMEM.
 */
int source_file_new(char *const *paths, unsigned count, struct filter *filter, struct demux *demux,
    struct source_file **ret_source);

/* source_file_run - read everything, until the end or until stopped. */
void source_file_run(struct source_file *s, struct source_file_result *ret_result);

/*
 * source_file_stop - end the run soon.
 *
 * A run that waits for a pipe ends when its thread gets a signal, see capreader_interrupt.
 * Threads:  any.
 */
void source_file_stop(struct source_file *s);

/*
 * source_file_progress - bytes read of all files so far, as they lie on disk.
 *
 * Returns:  the bytes; *ret_total_bytes is 0 where the total is not known (a pipe is among them).
 */
uint64_t source_file_progress(struct source_file *s, uint64_t *ret_total_bytes);

/* source_file_free - takes NULL. */
void source_file_free(struct source_file *s);

#endif
