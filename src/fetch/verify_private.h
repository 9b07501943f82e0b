/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of verify share, and nobody else sees: a day that is being checked. */
#ifndef FETCH_VERIFY_PRIVATE_H
#define FETCH_VERIFY_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/dayindex.h"
#include "archive/record.h"
#include "fetch/dayfiles.h"
#include "fetch/verify.h"

#define VERIFY_MENDED_BY "the next start of a writer, or 'flowkeep reindex', "

struct verify_day {
	const char *path;        /* of the archive */
	const char *prefix;      /* of paths that are told: "", or "pinned/" */
	struct archive *archive; /* opened anew as often as the state matters */
	const struct verify_hooks *hooks;
	struct verify_totals *totals;
	int32_t number;
	int dirfd;
	struct dayfiles *files;
	struct dayindex *index; /* NULL: there is none, or it cannot be read */
	bool index_bad;         /* and that was said */
	bool dirty;             /* it is listed */
	bool in_hand;           /* somebody may be changing it just now */
	bool gone;              /* its directory is not there any more */
};

/* verify_damage - something in a day is damaged: name, from the day on, "" the day itself. */
__attribute__((format(printf, 3, 4))) void verify_damage(
    const struct verify_day *d, const char *name, const char *fmt, ...);

/* verify_look - sets the state of the day as it is now. */
void verify_look(struct verify_day *d);

/* verify_find_row - the row of a part, as the open index tells it. */
bool verify_find_row(struct verify_day *d, const struct record *file, struct record *ret_row);

/*
 * verify_check_row - hold a flow file that was read against its row.
 *
 * Takes:    d; name, for what is told; what stands in front of it; file, with its place.
 */
void verify_check_row(
    struct verify_day *d, const char *name, const char *in_front, const struct record *file);

/* verify_read - count another flow file that was read; record NULL: it is damaged. */
void verify_read(struct verify_day *d, const struct record *file);

/* verify_segment - check one segment with all its members. */
void verify_segment(struct verify_day *d, uint32_t number);

#endif
