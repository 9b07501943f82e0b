/* SPDX-License-Identifier: BSD-2-Clause */
/* See archive.h. Who has a day in hand is settled in archive_days.c. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive_private.h"
#include "archive/daywalk.h"
#include "archive/layout.h"
#include "archive/lockfile.h"
#include "archive/staging.h"
#include "base/fileio.h"

#define STAGING_NAME ".staging"

/* ---- opening ---- */

/* Numbers of staged files go on above those that an earlier run left behind. */
static int open_staging(struct archive *a)
{
	struct staging s;
	uint64_t max = 0;
	int rv;

	if (mkdirat(a->root, STAGING_NAME, ARCHIVE_DIR_MODE) != 0 && errno != EEXIST)
		return -errno;
	a->staging = openat(a->root, STAGING_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (a->staging < 0)
		return -errno;
	rv = staging_read(a->staging, &s);
	if (rv != 0)
		return rv;
	for (size_t i = 0; i < s.count; i++) {
		uint64_t n;

		/* no run of ours ever comes to such numbers */
		if (layout_parse_serial(s.names[i], &n) != NULL && n > max && n < INT64_MAX)
			max = n;
	}
	staging_free(&s);
	atomic_store(&a->next_serial, max + 1);
	return 0;
}

static int open_lock(struct archive *a)
{
	a->lock_fd = lockfile_open(a->root);
	if (a->lock_fd < 0)
		return a->lock_fd;
	if (a->mode == ARCHIVE_TEND)
		return 0;
	return lockfile_take(a->lock_fd, LOCKFILE_WRITER, LOCKFILE_TRY);
}

int archive_open(const char *path, enum archive_mode mode, struct archive **ret_archive)
{
	struct archive *a = calloc(1, sizeof(*a));
	int rv;

	if (a == NULL)
		return -ENOMEM;
	a->mode = mode;
	a->root = a->staging = a->lock_fd = -1;
	(void)pthread_mutex_init(&a->lock, NULL); /* default attributes: cannot fail on Linux */
	(void)pthread_cond_init(&a->unlocked, NULL);
	rv = mode == ARCHIVE_WRITE ? fileio_mkdirs(AT_FDCWD, path, ARCHIVE_DIR_MODE) : 0;
	if (rv != 0)
		goto fail;
	a->path = realpath(path, NULL);
	a->root = a->path != NULL ? open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (a->root < 0) {
		rv = -errno;
		goto fail;
	}
	if (mode != ARCHIVE_READ && (rv = open_lock(a)) != 0)
		goto fail;
	if (mode == ARCHIVE_WRITE && (rv = open_staging(a)) != 0)
		goto fail;
	if ((rv = archive_private_read_list(a)) != 0)
		goto fail;
	*ret_archive = a;
	return 0;
fail:
	archive_close(a);
	return rv;
}

const char *archive_path(const struct archive *a)
{
	return a->path;
}

int archive_root(const struct archive *a)
{
	return a->root;
}

int archive_staging(const struct archive *a)
{
	return a->staging;
}

uint64_t archive_serial(struct archive *a)
{
	return atomic_fetch_add_explicit(&a->next_serial, 1, memory_order_relaxed);
}

/* ---- segments ---- */

/* Where a segment stands in the list, or its end. Called with the lock held. */
static struct open_segment **place_of(struct archive *a, int32_t day, uint32_t number)
{
	struct open_segment **p = &a->segments;

	while (*p != NULL && ((*p)->day != day || (*p)->number != number))
		p = &(*p)->next;
	return p;
}

int archive_mark_segment(struct archive *a, int32_t day, uint32_t number, bool open)
{
	struct open_segment **p, *s;
	int rv = 0;

	(void)pthread_mutex_lock(&a->lock);
	p = place_of(a, day, number);
	s = *p;
	if (open && s == NULL) {
		*p = s = calloc(1, sizeof(*s));
		if (s != NULL)
			*s = (struct open_segment){.day = day, .number = number};
		else
			rv = -ENOMEM;
	} else if (!open && s != NULL) {
		*p = s->next;
		free(s);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rv;
}

bool archive_segment_open(struct archive *a, int32_t day, uint32_t number)
{
	bool open;

	(void)pthread_mutex_lock(&a->lock);
	open = *place_of(a, day, number) != NULL;
	(void)pthread_mutex_unlock(&a->lock);
	return open;
}

/* ---- what is there ---- */

int archive_open_day(const struct archive *a, int32_t day)
{
	char path[LAYOUT_DAY_SIZE];
	/* Year and month are no links either: they would lead out of the archive. */
	return fileio_open_dir(a->root, layout_day_path(day, path), -1);
}

int archive_days(const struct archive *a, int32_t **ret_days, size_t *ret_count)
{
	return daywalk_list(a->root, ret_days, ret_count);
}

bool archive_has_writer(const struct archive *a)
{
	return lockfile_held(a->root, LOCKFILE_WRITER);
}

void archive_close(struct archive *a)
{
	if (a == NULL)
		return;
	fileio_close(a->staging);
	fileio_close(a->root);
	fileio_close(a->lock_fd);
	archive_private_forget_days(a);
	while (a->segments != NULL) {
		struct open_segment *s = a->segments;

		a->segments = s->next;
		free(s);
	}
	(void)pthread_cond_destroy(&a->unlocked);
	(void)pthread_mutex_destroy(&a->lock);
	free(a->path);
	free(a);
}
