/* SPDX-License-Identifier: BSD-2-Clause */
/* See reading.h. */
#include "cmd/reading.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

int reading_open(const char *component, const char *dir, struct archive **ret_archive)
{
	int rv = query_open_archive(dir, ret_archive);
	char printable[512];

	if (rv != 0)
		log_error(component, "cannot open the archive: '%s': %s",
		    log_printable(printable, sizeof(printable), dir),
		    rv == -ENOMEDIUM ? "no archive of flowkeep" : strerror(-rv));
	return rv;
}

int reading_tend(const char *component, const char *dir, struct archive **ret_archive)
{
	struct archive *a;
	char printable[512];
	int rv = reading_open(component, dir, &a);

	if (rv != 0)
		return rv;
	archive_close(a);
	rv = archive_open(dir, ARCHIVE_TEND, ret_archive);
	if (rv != 0)
		log_error(component, "cannot change the archive: '%s': %s",
		    log_printable(printable, sizeof(printable), dir), strerror(-rv));
	return rv;
}

void reading_bad(const char *path, const char *reason, void *faults)
{
	struct reading_faults *f = faults;

	f->count++;
	log_error(f->component, "cannot read: '%s': %s", path, reason);
}
