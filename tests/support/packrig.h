/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A day of flow files with their rows, locked to be packed, and what it must look like afterwards.
 */
#ifndef SUPPORT_PACKRIG_H
#define SUPPORT_PACKRIG_H

#include <stdint.h>

#include "archive/archive.h"
#include "archive/layout.h"
#include "archive/pack.h"
#include "archive/record.h"

enum { PACKRIG_PARTS = 50, PACKRIG_STAYS_MAX = 8, PACKRIG_SEGMENT_BYTES = 16384 };

/* Part 0 is the newest: the order of times is not that of names. */
struct packrig_part {
	char name[LAYOUT_NAME_SIZE];
	uint8_t *bytes;
	struct record record; /* as it was when it was a file */
};

struct packrig_stays {
	char name[LAYOUT_NAME_SIZE], error[80];
};

struct packrig {
	char *dir, *day;         /* paths */
	struct archive *archive; /* for tending, RECORDS_DAY is locked */
	struct packrig_part part[PACKRIG_PARTS];
	struct packrig_stays stays[PACKRIG_STAYS_MAX];
	size_t note_bytes;         /* for packrig_pack; 0: the default */
	struct pack_totals totals; /* of the last packrig_pack */
};

/* packrig_begin - a day of files with their rows, as split leaves it, below the test's directory.
 */
void packrig_begin(struct packrig *g);

/* packrig_finish - unlock the day as clean, and give everything back. */
void packrig_finish(struct packrig *g);

/* packrig_path - of a name in the day, as tempdir_path. */
const char *packrig_path(const struct packrig *g, const char *name);

/* packrig_write - put a part's file back where it was. */
void packrig_write(const struct packrig *g, const struct packrig_part *p);

/* packrig_pack - pack_day with segments of PACKRIG_SEGMENT_BYTES. */
int packrig_pack(struct packrig *g);

/* packrig_note - a pack_bad_fn and mend_bad_fn that notes what it is told in a struct packrig. */
void packrig_note(int32_t day, const char *name, const char *error, void *arg);

/* packrig_why - why a file stayed; NULL: nothing was told of it. */
const char *packrig_why(const struct packrig *g, const char *name);

/* packrig_row - the row of a part, which must be there. */
struct record packrig_row(const struct packrig *g, const struct packrig_part *p);

/*
 * packrig_check_readable - a reader follows the row of a part and finds its bytes, and the row is
 * as it was but for the place. Returns the row.
 */
struct record packrig_check_readable(const struct packrig *g, const struct packrig_part *p);
void packrig_check_all_readable(const struct packrig *g);

/* packrig_check_packed - everything is in segments of the right size, oldest first; no file is
 * left.
 */
void packrig_check_packed(const struct packrig *g);

#endif
