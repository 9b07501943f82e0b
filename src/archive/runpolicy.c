/* SPDX-License-Identifier: BSD-2-Clause */
/* See runpolicy.h. */
#include "archive/runpolicy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layout.h"
#include "archive/staging.h"
#include "base/fileio.h"

#define SUFFIX    "~policy" /* '~' stands in no UUID: no staged file is called so */
#define NAME_SIZE (16 + sizeof(SUFFIX))

static const char *note_name(uint64_t serial, char *buf)
{
	(void)snprintf(buf, NAME_SIZE, "%016" PRIx64 SUFFIX, serial);
	return buf;
}

int runpolicy_begin(struct archive *a, const struct record *r, uint64_t *ret_serial)
{
	uint64_t serial = archive_serial(a);
	char name[NAME_SIZE], json[RECORD_JSON_MAX];
	size_t len = record_format_policy(r, json);
	int fd, rv;

	/* A half-written one tells nothing; but then nothing was staged after it either. */
	fd = openat(archive_staging(a), note_name(serial, name),
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, ARCHIVE_FILE_MODE);
	if (fd < 0)
		return -errno;
	rv = fileio_write(fd, json, len);
	fileio_close(fd);
	if (rv != 0)
		runpolicy_remove(a, serial);
	else
		*ret_serial = serial;
	return rv;
}

/* Is a staged file of this run, or of a later one, still there? */
static bool any_left(struct archive *a, uint64_t serial)
{
	struct staging s;
	bool left = false;

	if (staging_read(archive_staging(a), &s) != 0)
		return true;
	for (size_t i = 0; !left && i < s.count; i++) {
		uint64_t n;
		const char *rest = layout_parse_serial(s.names[i], &n);

		left = rest != NULL && n > serial && strcmp(rest, SUFFIX) != 0;
	}
	staging_free(&s);
	return left;
}

void runpolicy_remove(struct archive *a, uint64_t serial)
{
	char name[NAME_SIZE];

	/* One that stays tells nothing wrong of anything. */
	(void)unlinkat(archive_staging(a), note_name(serial, name), 0);
}

void runpolicy_end(struct archive *a, uint64_t serial)
{
	if (!any_left(a, serial))
		runpolicy_remove(a, serial);
}

bool runpolicy_name_valid(const char *name, uint64_t *ret_serial)
{
	uint64_t serial;
	const char *rest = layout_parse_serial(name, &serial);

	if (rest == NULL || strcmp(rest, SUFFIX) != 0)
		return false;
	*ret_serial = serial;
	return true;
}

int runpolicy_read(struct archive *a, uint64_t serial, struct record *r)
{
	char name[NAME_SIZE], json[RECORD_JSON_MAX];
	int fd = openat(archive_staging(a), note_name(serial, name),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fileio_read(fd, json, sizeof(json))
						       : -EBADMSG;
	fileio_close(fd);
	if (n < 0)
		return (int)n;
	return record_parse_policy(json, (size_t)n, r);
}
