/* SPDX-License-Identifier: BSD-2-Clause */
/* See archive.h. */
#include "archive/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layout.h"
#include "base/clk.h"
#include "base/fileio.h"

#define LOCK_NAME    ".lock"
#define DIRTY_NAME   ".dirty"
#define STAGING_NAME ".staging"

struct archive {
	/* set at start, then read-only */
	char *path;
	int root;
	int staging;
	int lock_fd;

	_Atomic uint64_t next_serial;

	/* guarded by lock */
	pthread_mutex_t lock;
	int32_t *dirty;
	size_t dirty_count;
	size_t dirty_room;
};

static int add_day(int32_t **days, size_t *count, size_t *room, int32_t day)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : 16;
		int32_t *p = realloc(*days, more * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		*days = p;
		*room = more;
	}
	(*days)[(*count)++] = day;
	return 0;
}

/* Lines that are not days were not written by us: passed over. */
static int read_dirty(struct archive *a)
{
	int fd = openat(a->root, DIRTY_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char line[LAYOUT_DAY_SIZE + 2];
	int rv = 0;
	FILE *f;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	f = fdopen(fd, "r");
	if (f == NULL) {
		fileio_close(fd);
		return -ENOMEM;
	}
	while (rv == 0 && fgets(line, sizeof(line), f) != NULL) {
		int32_t day;

		line[strcspn(line, "\n")] = '\0';
		if (layout_parse_day_path(line, &day))
			rv = add_day(&a->dirty, &a->dirty_count, &a->dirty_room, day);
	}
	(void)fclose(f); /* only read from */
	return rv;
}

/* Called with the lock held. */
static int write_dirty(struct archive *a)
{
	size_t size = a->dirty_count * (LAYOUT_DAY_SIZE + 1) + 1, n = 0;
	char day[LAYOUT_DAY_SIZE], *text;
	int rv;

	if (a->dirty_count == 0)
		return unlinkat(a->root, DIRTY_NAME, 0) == 0 || errno == ENOENT ? 0 : -errno;
	text = malloc(size);
	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < a->dirty_count; i++)
		n +=
		    (size_t)snprintf(text + n, size - n, "%s\n", layout_day_path(a->dirty[i], day));
	rv = fileio_replace(a->root, DIRTY_NAME, text, ARCHIVE_FILE_MODE);
	free(text);
	return rv;
}

/* The writer's lock, which ends with the descriptor whatever happens to the process. */
static int take_lock(struct archive *a)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	a->lock_fd = openat(
	    a->root, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);
	if (a->lock_fd < 0)
		return -errno;
	if (fcntl(a->lock_fd, F_OFD_SETLK, &fl) != 0)
		return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

/* Numbers of staged files go on above those that an earlier run left behind. */
static int open_staging(struct archive *a)
{
	struct dirent *e;
	uint64_t max = 0;
	DIR *d;
	int fd;

	if (mkdirat(a->root, STAGING_NAME, ARCHIVE_DIR_MODE) != 0 && errno != EEXIST)
		return -errno;
	a->staging = openat(a->root, STAGING_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (a->staging < 0)
		return -errno;
	fd = dup(a->staging);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		int rv = -errno;

		fileio_close(fd);
		return rv;
	}
	while ((e = readdir(d)) != NULL) {
		uint64_t n = strtoull(e->d_name, NULL, 16);

		if (n > max && n < INT64_MAX) /* no run of ours ever comes that far */
			max = n;
	}
	(void)closedir(d); /* only read from */
	atomic_store(&a->next_serial, max + 1);
	return 0;
}

static int open_writer(struct archive *a)
{
	int rv = take_lock(a);

	if (rv == 0)
		rv = open_staging(a);
	return rv;
}

int archive_open(const char *path, enum archive_mode mode, struct archive **ret_archive)
{
	struct archive *a = calloc(1, sizeof(*a));
	int rv;

	if (a == NULL)
		return -ENOMEM;
	a->root = a->staging = a->lock_fd = -1;
	(void)pthread_mutex_init(&a->lock, NULL); /* default attributes: cannot fail on Linux */
	rv = mode == ARCHIVE_WRITE ? fileio_mkdirs(AT_FDCWD, path, ARCHIVE_DIR_MODE) : 0;
	if (rv != 0)
		goto fail;
	a->path = realpath(path, NULL);
	a->root = a->path != NULL ? open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (a->root < 0) {
		rv = -errno;
		goto fail;
	}
	if (mode == ARCHIVE_WRITE && (rv = open_writer(a)) != 0)
		goto fail;
	if ((rv = read_dirty(a)) != 0)
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

static size_t find_dirty(const struct archive *a, int32_t day)
{
	size_t i = 0;

	while (i < a->dirty_count && a->dirty[i] != day)
		i++;
	return i;
}

bool archive_day_dirty(struct archive *a, int32_t day)
{
	bool found;

	(void)pthread_mutex_lock(&a->lock);
	found = find_dirty(a, day) < a->dirty_count;
	(void)pthread_mutex_unlock(&a->lock);
	return found;
}

static int list_dirty(struct archive *a, int32_t day)
{
	int rv = 0;

	(void)pthread_mutex_lock(&a->lock);
	if (find_dirty(a, day) == a->dirty_count) {
		rv = add_day(&a->dirty, &a->dirty_count, &a->dirty_room, day);
		if (rv == 0 && (rv = write_dirty(a)) != 0)
			a->dirty_count--;
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rv;
}

int archive_touch_day(struct archive *a, int32_t day)
{
	char path[LAYOUT_DAY_SIZE];
	int rv = list_dirty(a, day);

	if (rv == 0)
		rv = fileio_mkdirs(a->root, layout_day_path(day, path), ARCHIVE_DIR_MODE);
	return rv == 0 ? archive_open_day(a, day) : rv;
}

int archive_strike_day(struct archive *a, int32_t day)
{
	size_t i;
	int rv = 0;

	(void)pthread_mutex_lock(&a->lock);
	i = find_dirty(a, day);
	if (i < a->dirty_count) {
		a->dirty[i] = a->dirty[--a->dirty_count];
		rv = write_dirty(a);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rv;
}

int archive_open_day(const struct archive *a, int32_t day)
{
	char path[LAYOUT_DAY_SIZE];
	int fd = openat(
	    a->root, layout_day_path(day, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 ? fd : -errno;
}

static int by_day(const void *x, const void *y)
{
	int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;

	return (a > b) - (a < b);
}

struct day_list {
	int32_t *days;
	size_t count, room;
};

static bool is_dir(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Goes down YYYY, MM, DD; only names of the right length and of digits are looked at. */
static int walk_days(int dirfd, const char *prefix, struct day_list *list)
{
	int fd = openat(
	    dirfd, prefix[0] ? prefix : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	size_t want = prefix[0] ? 2 : 4;
	struct dirent *e;
	int rv = 0;
	DIR *d;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (d == NULL) {
		fileio_close(fd);
		return -ENOMEM;
	}
	while (rv == 0 && (e = readdir(d)) != NULL) {
		char path[LAYOUT_DAY_SIZE];
		int32_t day;

		if (strlen(e->d_name) != want || strspn(e->d_name, "0123456789") != want)
			continue;
		(void)snprintf(
		    path, sizeof(path), "%.7s%s%.4s", prefix, prefix[0] ? "/" : "", e->d_name);
		if (strlen(path) < 10)
			rv = walk_days(dirfd, path, list);
		else if (layout_parse_day_path(path, &day) && is_dir(dirfd, path))
			rv = add_day(&list->days, &list->count, &list->room, day);
	}
	(void)closedir(d); /* only read from */
	return rv;
}

int archive_days(const struct archive *a, int32_t **ret_days, size_t *ret_count)
{
	struct day_list list = {NULL, 0, 0};
	int rv = walk_days(a->root, "", &list);

	if (rv != 0) {
		free(list.days);
		return rv;
	}
	if (list.count > 0)
		qsort(list.days, list.count, sizeof(*list.days), by_day);
	*ret_days = list.days;
	*ret_count = list.count;
	return 0;
}

int archive_dirty_days(struct archive *a, int32_t **ret_days, size_t *ret_count)
{
	int32_t *days;
	size_t n;

	(void)pthread_mutex_lock(&a->lock);
	n = a->dirty_count;
	days = malloc((n + 1) * sizeof(*days));
	if (days != NULL && n > 0)
		memcpy(days, a->dirty, n * sizeof(*days));
	(void)pthread_mutex_unlock(&a->lock);
	if (days == NULL)
		return -ENOMEM;
	qsort(days, n, sizeof(*days), by_day);
	*ret_days = days;
	*ret_count = n;
	return 0;
}

bool archive_has_writer(const struct archive *a)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(a->root, LOCK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool held;

	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
	fileio_close(fd);
	return held;
}

void archive_close(struct archive *a)
{
	if (a == NULL)
		return;
	fileio_close(a->staging);
	fileio_close(a->root);
	fileio_close(a->lock_fd);
	(void)pthread_mutex_destroy(&a->lock);
	free(a->dirty);
	free(a->path);
	free(a);
}
