/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Days with parts of given size and age, for whatever does not look into flow files: their bytes
 * are made up. And an archive's disk usage as the file system tells it.
 */
#ifndef SUPPORT_DAYRIG_H
#define SUPPORT_DAYRIG_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

/* 2026-01-30, so that the third day from it is in another month. */
#define DAYRIG_DAY 20483

struct dayrig_part {
	int day;          /* counted from DAYRIG_DAY */
	unsigned n;       /* which it is: its UUID is "n", the number */
	int end_s;        /* last packet, in seconds from the beginning of the day */
	unsigned kib;     /* size of its file, or of its member of a segment */
	uint32_t segment; /* 0: a file of its own */
};

/* dayrig_record - the record that dayrig_add writes. Of a segment, offset is that of the caller. */
void dayrig_record(const struct dayrig_part *p, struct record *ret_record);

/*
 * dayrig_add - put parts into an archive, with their rows. Segments grow by the size of their
 * members; they are no tar archives.
 */
void dayrig_add(struct archive *a, const struct dayrig_part *parts, size_t count);

/* dayrig_put_file - only the bytes of a part. Returns: where they begin, in a segment. */
uint64_t dayrig_put_file(struct archive *a, const struct dayrig_part *p);

/* dayrig_disk - bytes of blocks of a directory and all below it; files of several names once. */
uint64_t dayrig_disk(const char *path);

/* dayrig_path - "DIR/YYYY/MM/DD/NAME", or of the day itself where name is "". Lives for a few
 * calls. */
const char *dayrig_path(const struct archive *a, int day, const char *name);

/* dayrig_has - is there a row of this part? dayrig_rows - how many has the day; 0: no index. */
int dayrig_has(struct archive *a, int day, unsigned n);
size_t dayrig_rows(struct archive *a, int day);

#endif
