/* SPDX-License-Identifier: BSD-2-Clause */
/* See recovery.h. */
#include "cmd/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/adopt.h"
#include "archive/mend.h"
#include "archive/names.h"
#include "base/log.h"
#include "save/uuidgen.h"

static void tell_bad(int32_t day, const char *name, const char *error, void *arg)
{
	char path[LAYOUT_DAY_SIZE];

	(void)arg;
	log_warning("archive", "'%s/%s' is damaged: %s; continuing without it",
	    layout_day_path(day, path), name, error);
}

static int mend_day_quickly(struct archive *a, int32_t day)
{
	const struct mend_config c = {.how = MEND_QUICK, .bad = tell_bad};
	struct mend_totals t;
	char path[LAYOUT_DAY_SIZE];
	int rv = archive_recover_day(a, day);

	if (rv == -ENOENT) /* listed, but nothing was written */
		return 0;
	if (rv == -EAGAIN) {
		log_info("archive", "%s is left to the tool that has it in hand",
		    layout_day_path(day, path));
		return 0;
	}
	if (rv != 0)
		return rv;
	rv = mend_day(a, day, &c, &t);
	archive_unlock_day(a, day, rv == 0 ? ARCHIVE_UNLOCK_CLEAN : ARCHIVE_UNLOCK_DIRTY);
	if (rv == 0)
		log_info("archive",
		    "%s mended after an unclean end: %" PRIu64 " rows written, %" PRIu64
		    " removed, %" PRIu64 " bytes cut off",
		    layout_day_path(day, path), t.added, t.removed, t.cut_bytes);
	return rv;
}

int recovery_mend(struct archive *a)
{
	int32_t *days;
	size_t n;
	int rv = archive_dirty_days(a, &days, &n);

	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n && rv == 0; i++)
		rv = mend_day_quickly(a, days[i]);
	free(days);
	return rv;
}

/* On a full disk all of them stay, and there may be as many as flows were open. */
#define STAYING_TOLD 10

static void tell_adopted(
    const char *name, enum adopt_result what, const struct record *r, const char *error, void *arg)
{
	uint64_t *staying = arg;
	char printable[256];

	(void)r;
	(void)log_printable(printable, sizeof(printable), name);
	if (what == ADOPT_DAMAGED || what == ADOPT_FAILED) {
		if ((*staying)++ < STAYING_TOLD)
			log_warning("archive",
			    "unfinished file '.staging/%s' stays where it is: %s; continuing",
			    printable, error);
	} else if (error[0] != '\0') {
		log_debug("archive", "unfinished file '.staging/%s' of an earlier run: %s",
		    printable, error);
	}
}

static int adopt(struct archive *a, const struct options *o, bool tidy, struct adopt_totals *t)
{
	uint64_t staying = 0;
	struct adopt_config c = {.store = o->store,
	    .tidy = tidy,
	    .sync = o->sync,
	    .vlan_key = o->vlan_key ? VLAN_KEY_YES : VLAN_KEY_NO,
	    .generate = uuidgen_flow,
	    .fn = tidy ? NULL : tell_adopted,
	    .arg = &staying};
	int rv = names_new(a, NULL, &c.names);

	if (rv == 0)
		rv = adopt_staged(a, &c, t);
	if (staying > STAYING_TOLD)
		log_warning("archive", "%" PRIu64 " more unfinished files stay where they are",
		    staying - STAYING_TOLD);
	names_free(c.names);
	return rv;
}

int recovery_adopt(struct archive *a, const struct options *o)
{
	struct adopt_totals t;
	int rv;

	/* What comes later needs the rows of what came first, and every turn publishes something.
	 */
	do {
		t = (struct adopt_totals){0};
		rv = adopt(a, o, false, &t);
		if (t.published + t.duplicate + t.empty > 0)
			log_info("archive",
			    "after an unclean end: %" PRIu64
			    " unfinished flows published with %" PRIu64 " packets, %" PRIu64
			    " without a packet removed",
			    t.published, t.packets, t.empty);
		if (rv == 0)
			rv = recovery_mend(a);
	} while (rv == 0 && t.later > 0 && t.published > 0);
	return rv;
}

void recovery_tidy(struct archive *a, const struct options *o)
{
	struct adopt_totals t = {0};

	if (adopt(a, o, true, &t) == 0 && t.duplicate + t.empty > 0)
		log_info("archive",
		    "%" PRIu64 " unfinished files of an earlier run removed: all they hold is "
		    "published now",
		    t.duplicate + t.empty);
}
