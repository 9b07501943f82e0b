/* SPDX-License-Identifier: BSD-2-Clause */
/* See daysearch.h. */
#include "fetch/daysearch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "archive/layout.h"
#include "base/fileio.h"

/*
 * An index that is just being made cannot be read for some milliseconds. Who pins makes one without
 * being known as a writer: so a second look is taken in any case.
 */
#define RETRIES  5
#define LOOKS    2
#define RETRY_NS 20000000

static int ask(const struct daysearch *s, struct archive *a, int32_t day)
{
	struct dayindex *x;
	int rv = dayindex_open(a, day, DAYINDEX_READ, &x);

	if (rv != 0)
		return rv;
	rv = s->ask(x, day, s->ask_arg);
	dayindex_close(x);
	return rv;
}

/* Does a day hold anything that an index should tell of? One that is gone does not. */
static bool is_empty(const struct archive *a, int32_t day)
{
	int fd = archive_open_day(a, day);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	char uuid[LAYOUT_UUID_SIZE];
	bool empty = true;
	struct dirent *e;
	uint32_t number;

	if (d == NULL) {
		fileio_close(fd);
		return fd == -ENOENT;
	}
	while (empty && (errno = 0, e = readdir(d)) != NULL)
		empty = !layout_parse_file_name(e->d_name, uuid, &number) &&
			!layout_parse_segment_name(e->d_name, &number);
	if (empty && errno != 0)
		empty = false; /* it is not known to be */
	(void)closedir(d);     /* only read from */
	return empty;
}

/*
 * Asks again for as long as somebody is at work. The archive is opened anew each time, as its list
 * of days that are being changed is that of the moment when it was opened.
 */
static int ask_again(const struct daysearch *s, int32_t day, int rv, bool *ret_dirty)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	bool busy = true;

	for (int i = 0; i < RETRIES && rv != 0 && rv != -ENOMEM && (busy || i < LOOKS); i++) {
		struct archive *now;

		if (archive_open(archive_path(s->archive), ARCHIVE_READ, &now) != 0)
			return rv;
		rv = ask(s, now, day);
		*ret_dirty = archive_day_dirty(now, day);
		busy = *ret_dirty || archive_has_writer(now);
		archive_close(now);
		if (rv == -ENOENT && *ret_dirty)
			return rv; /* it has none yet, which is no reason to wait */
		if (rv != 0)
			(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
	}
	return rv;
}

const char *daysearch_reason(int rv)
{
	switch (rv) {
	case -ENOENT:
		return "missing; 'flowkeep reindex' makes it anew";
	case -EBADMSG:
		return "damaged; 'flowkeep reindex' makes it anew";
	case -ENOTSUP:
		return "written by a later flowkeep";
	default:
		return strerror(-rv);
	}
}

int daysearch_day(const struct daysearch *s, int32_t day)
{
	char path[LAYOUT_DAY_SIZE + sizeof(LAYOUT_INDEX)], day_path[LAYOUT_DAY_SIZE];
	bool dirty = false;
	int rv = ask(s, s->archive, day);

	if (rv == 0 || rv == -ENOMEM)
		return rv;
	rv = ask_again(s, day, rv, &dirty);
	if (rv == 0 || rv == -ENOMEM)
		return rv;
	if (rv == -ENOENT && (dirty || is_empty(s->archive, day)))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_INDEX, layout_day_path(day, day_path));
	s->bad(path, daysearch_reason(rv), s->bad_arg);
	return 0;
}
