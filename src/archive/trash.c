/* SPDX-License-Identifier: BSD-2-Clause */
/* See trash.h. */
#include "archive/trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layout.h"
#include "base/fileio.h"

/* Days of one name that wait to be removed: far more than there can be runs at a time. */
#define NAMES_MAX 10000

/* Directories within each other: ours have none. Deeper ones stay, and are told. */
#define DEPTH_MAX 16

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 ? fd : -errno;
}

static int open_trash(struct archive *a)
{
	if (mkdirat(archive_root(a), TRASH_DIRECTORY, ARCHIVE_DIR_MODE) != 0 && errno != EEXIST)
		return -errno;
	return open_dir(archive_root(a), TRASH_DIRECTORY);
}

/* Both ends of the rename: nothing is removed of a day that a power cut could bring back. */
static int sync_rename(struct archive *a, int trash, const char *month)
{
	int fd = open_dir(archive_root(a), month), rv = 0;

	if (fd < 0)
		return fd;
	if (fsync(trash) != 0 || fsync(fd) != 0)
		rv = -errno;
	fileio_close(fd);
	return rv;
}

static int rename_day(struct archive *a, int trash, int32_t day)
{
	char path[LAYOUT_DAY_SIZE], name[LAYOUT_DAY_SIZE + 16];

	(void)layout_day_path(day, path);
	for (int i = 0; i < NAMES_MAX; i++) {
		/* Where the name is taken by an empty directory, that one is replaced. */
		(void)snprintf(
		    name, sizeof(name), "%.4s-%.2s-%.2s.%d", path, path + 5, path + 8, i);
		if (renameat(archive_root(a), path, trash, name) == 0)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY)
			return -errno;
	}
	return -EMLINK;
}

int trash_move_day(struct archive *a, int32_t day)
{
	char path[LAYOUT_DAY_SIZE];
	int trash = open_trash(a), rv;

	if (trash < 0)
		return trash;
	rv = rename_day(a, trash, day);
	(void)layout_day_path(day, path);
	path[7] = '\0'; /* its month */
	if (rv == 0)
		rv = sync_rename(a, trash, path);
	fileio_close(trash);
	if (rv != 0)
		return rv;
	if (unlinkat(archive_root(a), path, AT_REMOVEDIR) == 0) {
		path[4] = '\0';                                      /* its year */
		(void)unlinkat(archive_root(a), path, AT_REMOVEDIR); /* unless there is more */
	}
	return 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool told_to_stop(const _Atomic bool *stop)
{
	return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed);
}

static int empty_dir(int fd, const _Atomic bool *stop, int depth);

static int remove_dir(int at, const char *name, const _Atomic bool *stop, int depth)
{
	int fd = open_dir(at, name), rv;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	rv = empty_dir(fd, stop, depth);
	if (rv == 0 && !told_to_stop(stop) && unlinkat(at, name, AT_REMOVEDIR) != 0 &&
	    errno != ENOENT)
		rv = -errno;
	return rv;
}

/* Takes fd. Goes on behind what cannot be removed. */
static int empty_dir(int fd, const _Atomic bool *stop, int depth)
{
	DIR *d = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	int first = 0;
	struct dirent *e;

	if (d == NULL) {
		fileio_close(fd);
		return depth < DEPTH_MAX ? -ENOMEM : -ELOOP;
	}
	while (!told_to_stop(stop) && (e = readdir(d)) != NULL) {
		int rv = 0;

		if (is_dots(e->d_name) || unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		/* EPERM is what POSIX says of a directory, EISDIR what Linux says: unlink(2). */
		if (errno == EISDIR || errno == EPERM)
			rv = remove_dir(dirfd(d), e->d_name, stop, depth + 1);
		else if (errno != ENOENT)
			rv = -errno;
		if (first == 0)
			first = rv;
	}
	(void)closedir(d); /* only read from */
	return first;
}

int trash_empty(struct archive *a, const _Atomic bool *stop)
{
	int fd = open_dir(archive_root(a), TRASH_DIRECTORY);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return empty_dir(fd, stop, 0);
}

void trash_reserve(struct archive *a)
{
	int trash = open_trash(a), fd;

	fileio_close(trash);
	fd = openat(archive_root(a), TRASH_RESERVE,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);
	if (fd < 0)
		return; /* it is there already, or there is no room for it */
	if (posix_fallocate(fd, 0, TRASH_RESERVE_BYTES) != 0)
		(void)unlinkat(archive_root(a), TRASH_RESERVE, 0); /* half of it helps nobody */
	fileio_close(fd);
}

bool trash_has_reserve(const struct archive *a)
{
	return faccessat(archive_root(a), TRASH_RESERVE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool trash_spend(struct archive *a)
{
	return unlinkat(archive_root(a), TRASH_RESERVE, 0) == 0;
}
