/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of repair share, and nobody else sees: a day that is being repaired. */
#ifndef FETCH_REPAIR_PRIVATE_H
#define FETCH_REPAIR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/dayindex.h"
#include "archive/record.h"
#include "fetch/damaged.h"
#include "fetch/dayfiles.h"
#include "fetch/repair.h"

struct repair {
	struct archive *archive;
	struct archive *pinned; /* NULL until it is needed */
	const struct repair_hooks *hooks;
	struct repair_totals totals;
};

struct repair_job {
	struct repair *repair;
	struct archive *archive;  /* the one that has the day */
	struct damaged_from from; /* and the day itself */
	struct dayfiles *files;
	struct dayindex *index; /* in a transaction */
	bool fresh;             /* the index is made anew: no row tells of what was lost */
	bool unmended;          /* somebody was killed: mend_day ends what was begun */
	uint32_t next_segment;  /* no segment has this number, or a higher one */
	uint64_t rows;          /* that were written */
	int error;              /* the first one that ends it */
};

/* repair_done, repair_lost - tell what was done; whether it cost the archive something. */
__attribute__((format(printf, 3, 4))) void repair_done(
    struct repair_job *j, const char *name, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void repair_lost(
    struct repair_job *j, const char *name, const char *fmt, ...);

/* repair_failed - something stays as it is. */
void repair_failed(struct repair_job *j, const char *name, const char *reason);

/* What reading a flow file came to. */
enum repair_verdict {
	REPAIR_SOUND,
	REPAIR_DAMAGED,
	REPAIR_LATER, /* of a later version: neither can be said */
	REPAIR_STOP   /* it could not be read for a reason that is not its own */
};

/* repair_verdict - Takes: the result of partcheck_read and the like, and its words. */
enum repair_verdict repair_verdict(int rv, const char *error);

/* Where the row of a sound flow file points after repair_row. */
enum repair_place {
	REPAIR_HERE,
	REPAIR_EQUAL,  /* at another sound one, which has the same bytes */
	REPAIR_OTHER,  /* at another sound one, which has others */
	REPAIR_UNKNOWN /* the index failed: j->error */
};

/*
 * repair_row - see that a flow file has its row.
 *
 * Takes:    j; name and in_front, for what is told; file, with its place.
 */
enum repair_place repair_row(
    struct repair_job *j, const char *name, const char *in_front, const struct record *file);

/* repair_insert - write a row. repair_delete - remove it. Returns: 0; -errno, also in j->error. */
int repair_insert(struct repair_job *j, const struct record *row);
int repair_delete(struct repair_job *j, const struct record *row);

/* repair_find - a part's row. Returns: 1; 0; -errno, also in j->error. */
int repair_find(struct repair_job *j, const char *uuid, uint32_t part, struct record *ret_record);

/* repair_checkpoint - what was done to the rows is on disk. Returns: 0; -errno, also in j->error.
 */
int repair_checkpoint(struct repair_job *j);

/* repair_stop - remember why the day cannot be repaired. Returns: rv. */
int repair_stop(struct repair_job *j, int rv);

/* repair_remove_rows - remove the rows that tell of nothing. */
void repair_remove_rows(struct repair_job *j);

/* repair_segment - repair one segment. */
void repair_segment(struct repair_job *j, uint32_t number);

/*
 * repair_rewrite - copy what is sound of a segment to a new one, and move the old one away.
 *
 * Takes:    fd of the segment.
 * Returns:  0; -errno, also in j->error: the segment is as it was.
 */
int repair_rewrite(struct repair_job *j, uint32_t number, int fd);

/* Rows that point into a range of a segment, in the order of their places. */
struct repair_rows {
	struct record *rows;
	size_t count, room;
};

int repair_rows_between(struct repair_job *j, uint32_t segment, uint64_t from, uint64_t to,
    struct repair_rows *ret_rows);

#endif
