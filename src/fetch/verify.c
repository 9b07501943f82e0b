/* SPDX-License-Identifier: BSD-2-Clause */
/* See verify.h. Here is what goes beyond a day; the days are checked in verify_day.c. */
#include "fetch/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/layout.h"
#include "archive/pin.h"
#include "archive/staging.h"
#include "archive/trash.h"
#include "base/fileio.h"
#include "fetch/verify_day.h"

/* Adds what the indexes of an archive tell of the length of its flow files. */
static int add_lengths(struct archive *a, uint64_t *total)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(a, &days, &n);

	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n; i++) {
		struct dayindex_summary s;
		struct dayindex *x;

		if (dayindex_open(a, days[i], DAYINDEX_READ, &x) != 0)
			continue; /* what it would have told is not in the total */
		if (dayindex_summary(x, &s) == 0 && s.length < INT64_MAX - *total)
			*total += s.length;
		dayindex_close(x);
	}
	free(days);
	return 0;
}

/* What lies in a directory of the archive and waits there for somebody. */
static void tell_left(
    const struct archive *a, const char *dir, const char *what, const struct verify_hooks *hooks)
{
	int fd = openat(
	    archive_root(a), dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct staging s = {0};
	char path[NAME_MAX * 2];

	if (fd < 0)
		return;
	if (staging_read(fd, &s) == 0) {
		for (size_t i = 0; i < s.count; i++) {
			(void)snprintf(path, sizeof(path), "%s/%s", dir, s.names[i]);
			hooks->notice(path, what, hooks->arg);
		}
		staging_free(&s);
	}
	fileio_close(fd);
}

static void tell_leftovers(const struct archive *a, const struct verify_hooks *hooks)
{
	if (archive_has_writer(a))
		return;
	tell_left(a, ".staging", "left unfinished; the next capture publishes it", hooks);
	tell_left(
	    a, TRASH_DIRECTORY, "left by a prune that was killed; the next one removes it", hooks);
}

static int check_days(struct archive *a, const char *prefix, const struct verify_hooks *hooks,
    struct verify_totals *t)
{
	int32_t *days;
	size_t n;
	int rv = archive_days(a, &days, &n);

	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n && rv == 0; i++) {
		uint64_t before = t->damage;

		rv = verify_day(a, prefix, days[i], hooks, t);
		if (rv == 0 && hooks->day != NULL)
			rv = hooks->day(a, prefix, days[i], t->damage - before, hooks->arg);
	}
	free(days);
	return rv;
}

int verify_archive(
    struct archive *a, const struct verify_hooks *hooks, struct verify_totals *ret_totals)
{
	struct archive *pinned = NULL;
	int rv;

	memset(ret_totals, 0, sizeof(*ret_totals));
	rv = pin_open(a, false, &pinned);
	if (rv != 0 && rv != -ENOENT && rv != -ENOMEM) {
		ret_totals->damage++;
		hooks->damage(PIN_DIRECTORY, strerror(-rv), hooks->arg);
	}
	if (rv != -ENOMEM)
		rv = add_lengths(a, &ret_totals->total_bytes);
	if (rv == 0 && pinned != NULL)
		rv = add_lengths(pinned, &ret_totals->total_bytes);
	if (rv == 0)
		rv = check_days(a, "", hooks, ret_totals);
	if (rv == 0 && pinned != NULL)
		rv = check_days(pinned, PIN_DIRECTORY "/", hooks, ret_totals);
	if (rv == 0)
		tell_leftovers(a, hooks);
	archive_close(pinned);
	return rv;
}
