/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive whose .staging holds what tests put there, adopted as at the start of a writer; and
 * flow files as recovery should leave them.
 */
#ifndef SUPPORT_ADOPTRIG_H
#define SUPPORT_ADOPTRIG_H

#include "archive/adopt.h"
#include "archive/rescan.h"
#include "support/flowfile.h"
#include "support/records.h"

#define ADOPTRIG_T0      (RECORDS_DAY_NS + INT64_C(3723123456789)) /* of the flows made here */
#define ADOPTRIG_DAY_DIR "2026/01/02"

#define ADOPTRIG_TOLD 64

/* What adopt_fn was told of one file. */
struct adoptrig_told {
	char name[256];
	enum adopt_result what;
	struct record record;
	char error[RESCAN_ERROR_SIZE];
};

struct adoptrig {
	const char *dir;
	char *staging, *day; /* paths */
	struct archive *archive;
	struct adopt_config config; /* to be changed before adopting */
	struct adopt_totals totals;
	struct adoptrig_told told[ADOPTRIG_TOLD]; /* by the last adoption */
	size_t count;
};

/* adoptrig_begin - an empty archive, open for writing, in a fresh directory. */
void adoptrig_begin(struct adoptrig *f);
void adoptrig_end(struct adoptrig *f);

/* adoptrig_stage - put a file into .staging. */
void adoptrig_stage(struct adoptrig *f, const char *name, const void *bytes, size_t len);

/* adoptrig_adopt - adopt_staged, which tells f->told and f->totals. */
int adoptrig_adopt(struct adoptrig *f);

/*
 * adoptrig_check_sound - do the rest of a start: mend the dirty days. Then the archive must be
 * sound, and hold so many flow files, in segments or not.
 */
void adoptrig_check_sound(struct adoptrig *f, uint64_t files);

/* adoptrig_check_staged - a file in .staging has these bytes still. */
void adoptrig_check_staged(struct adoptrig *f, const char *name, const void *bytes, size_t len);

/* adoptrig_check_published - a file of the day has these bytes. */
void adoptrig_check_published(struct adoptrig *f, const char *name, const struct flowfile *want);

/*
 * adoptrig_generated - the name that a saver gives to the flow of flowfile_ordinary at ADOPTRIG_T0.
 *
 * Returns:  text that lives until the next call.
 */
const char *adoptrig_generated(const struct frames_talk *t, enum vlan_key vlan_key);

/*
 * adoptrig_crashed - the first members with packets of that flow, of which it has three; and in
 * f->record what recovery should make of them. No record member yet.
 */
void adoptrig_crashed(
    struct flowfile *f, const struct frames_talk *t, const char *uuid, unsigned members);

#endif
