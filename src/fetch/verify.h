/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks an archive: reads every flow file from end to end, and holds against it what its record
 * says and what the index says. Changes nothing, and may run beside a writer.
 *
 * Threads:  one.
 */
#ifndef FETCH_VERIFY_H
#define FETCH_VERIFY_H

#include <stdint.h>

#include "archive/archive.h"

struct verify_totals {
	uint64_t days;
	uint64_t files;   /* flow files read */
	uint64_t rows;    /* rows of the index */
	uint64_t bytes;   /* of the flow files */
	uint64_t pending; /* files whose rows a writer is about to write */
	uint64_t damage;  /* what was complained about */
};

/* Whom to tell. */
struct verify_hooks {
	/* something is damaged: path, from the archive on; what is wrong with it */
	void (*damage)(const char *path, const char *what, void *arg);
	/* something is odd, but no flow suffers; path may hold any bytes */
	void (*notice)(const char *path, const char *what, void *arg);
	/* another file was read */
	void (*progress)(const struct verify_totals *so_far, void *arg);
	void *arg;
};

/*
 * verify_archive - check all days of an archive.
 *
 * Takes:    a, open for reading; hooks, all set.
 * Returns:  0, and *ret_totals: sound if its damage is 0; -ENOMEM; -errno of listing the days.
 */
int verify_archive(
    struct archive *a, const struct verify_hooks *hooks, struct verify_totals *ret_totals);

#endif
