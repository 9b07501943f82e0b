/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks an archive: reads every flow file, whether it lies in a file or in a segment, from end to
 * end, and holds against it what its record says and what the index says. Changes nothing, and may
 * run beside a writer, and beside those that move or remove what is old.
 *
 * Threads:  one.
 */
#ifndef FETCH_VERIFY_H
#define FETCH_VERIFY_H

#include <stdint.h>

#include "archive/archive.h"

struct verify_totals {
	uint64_t days;
	uint64_t files;       /* flow files read that are files of their own */
	uint64_t segments;    /* segments gone through */
	uint64_t members;     /* flow files read in them */
	uint64_t rows;        /* rows of the index */
	uint64_t bytes;       /* of the flow files */
	uint64_t total_bytes; /* that will be read, as far as the indexes tell; 0: not known */
	uint64_t pending;     /* parts whose rows a writer is about to write */
	uint64_t damage;      /* what was complained about */
};

/* Whom to tell. */
struct verify_hooks {
	/* something is damaged: path, from the archive on; what is wrong with it */
	void (*damage)(const char *path, const char *what, void *arg);
	/* something is odd, but no flow suffers; path may hold any bytes */
	void (*notice)(const char *path, const char *what, void *arg);
	/* another flow file was read */
	void (*progress)(const struct verify_totals *so_far, void *arg);
	/*
	 * a day was checked: of which archive (pinned parts are one of their own, and prefix says
	 * so), and how much damage it has; may be NULL. Returns: 0; -errno ends the check.
	 */
	int (*day)(struct archive *a, const char *prefix, int32_t day, uint64_t damage, void *arg);
	void *arg;
};

/*
 * verify_archive - check all days of an archive, and of what is pinned in it.
 *
 * Takes:    a, open for reading; hooks.
 * Returns:  0, and *ret_totals: sound if its damage is 0; -ENOMEM; -errno of listing the days, or
 *           of a hook.
 */
int verify_archive(
    struct archive *a, const struct verify_hooks *hooks, struct verify_totals *ret_totals);

#endif
