/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A day of an archive to be mended: flow files and segments that tests put there, and the rows
 * that should be there afterwards.
 */
#ifndef SUPPORT_MENDRIG_H
#define SUPPORT_MENDRIG_H

#include "archive/mend.h"
#include "archive/rescan.h"
#include "support/flowfile.h"
#include "support/records.h"

#define MENDRIG_DAY_DIR "2026/01/02"
#define MENDRIG_FLOWS   8
#define MENDRIG_BAD     8

struct mendrig_bad {
	char name[256];
	char error[RESCAN_ERROR_SIZE];
};

struct mendrig {
	const char *dir;
	char *day; /* path */
	struct archive *archive;
	struct flowfile *flows; /* MENDRIG_FLOWS different ones, whole */
	struct mend_totals totals;
	struct mendrig_bad bad[MENDRIG_BAD]; /* told by the last mending */
	size_t bad_count;
};

/* A segment in the making, laid out here byte by byte. */
struct mendrig_segment {
	uint8_t *bytes;
	size_t len;
};

/* mendrig_begin - an archive that is open for writing, with the day's empty directory. */
void mendrig_begin(struct mendrig *f);
void mendrig_end(struct mendrig *f);

/* mendrig_path - of a name in the day. */
const char *mendrig_path(const struct mendrig *f, const char *name);

/* mendrig_file - put flow number n into the day as a file of its name. */
void mendrig_file(struct mendrig *f, unsigned n);

/*
 * mendrig_member - append a flow to a segment under the name of its UUID and a part.
 *
 * Returns:  where the flow file begins.
 */
uint64_t mendrig_member(struct mendrig_segment *s, const struct flowfile *flow, uint32_t part);

/* mendrig_bytes - append these. */
void mendrig_bytes(struct mendrig_segment *s, const void *bytes, size_t len);

/* mendrig_zeros - append so many. */
void mendrig_zeros(struct mendrig_segment *s, size_t len);

/* mendrig_put - write a segment as it is now into the day, and keep it. */
void mendrig_put(struct mendrig *f, const struct mendrig_segment *s, uint32_t number);

/* mendrig_free - the segment's bytes. */
void mendrig_free(struct mendrig_segment *s);

/* mendrig_mend - mend_day; its totals and complaints are in f then. Returns what it does. */
int mendrig_mend(struct mendrig *f, enum mend_how how);

/* mendrig_mended - the same; it must work, and complain so often. */
void mendrig_mended(struct mendrig *f, enum mend_how how, size_t bad);

/* mendrig_row - the row of a part, in *ret_record. Returns: is there one? */
int mendrig_row(struct mendrig *f, const char *uuid, uint32_t part, struct record *ret_record);

/* mendrig_check_row - flow number n has a row, all right, that says where it lies. */
void mendrig_check_row(struct mendrig *f, unsigned n, uint32_t segment, uint64_t offset);

/* mendrig_check_rows - so many rows are in the index. */
void mendrig_check_rows(struct mendrig *f, uint64_t rows);

/* mendrig_check_segment - the file of a segment is these bytes and the zeros that end it. */
void mendrig_check_segment(struct mendrig *f, uint32_t number, const void *bytes, size_t len);

#endif
