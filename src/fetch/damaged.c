/* SPDX-License-Identifier: BSD-2-Clause */
/* See damaged.h. */
#include "fetch/damaged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "archive/layout.h"
#include "base/fileio.h"

#define COPY_BYTES  (64u << 10)
#define NAME_SIZE   (LAYOUT_NAME_SIZE + 16)
#define DIR_SIZE    (DAMAGED_PATH_SIZE - NAME_SIZE - 1)
#define NUMBERS_MAX 1000000u

/* The day's directory in damaged/, made where it is missing. */
static int open_dir(const struct damaged_from *f, char *path, size_t size)
{
	char day[LAYOUT_DAY_SIZE];

	(void)snprintf(
	    path, size, "%s/%s%s", DAMAGED_DIRECTORY, f->prefix, layout_day_path(f->day, day));
	return fileio_open_dir(archive_root(f->archive), path, ARCHIVE_DIR_MODE);
}

/* "NAME", "NAME.1", ... */
static const char *numbered(const char *name, unsigned number, char *buf)
{
	(void)snprintf(buf, NAME_SIZE, number == 0 ? "%s" : "%s.%u", name, number);
	return buf;
}

int damaged_move(const struct damaged_from *f, const char *name, char *ret_path)
{
	char dir[DIR_SIZE], to[NAME_SIZE];
	int fd = open_dir(f, dir, sizeof(dir)), rv = -EEXIST;

	if (fd < 0)
		return fd;
	for (unsigned i = 0; rv == -EEXIST && i < NUMBERS_MAX; i++)
		rv = fileio_rename_new(f->dirfd, name, fd, numbered(name, i, to));
	if (rv == -EEXIST)
		rv = -EMLINK;
	if (rv == 0 && fsync(fd) != 0)
		rv = -errno;
	if (rv == 0)
		(void)snprintf(ret_path, DAMAGED_PATH_SIZE, "%s/%s", dir, to);
	fileio_close(fd);
	return rv;
}

static int copy(const struct damaged_bytes *b, int to)
{
	uint8_t buf[COPY_BYTES];
	uint64_t at = b->from;

	while (at < b->to) {
		uint64_t rest = b->to - at;
		ssize_t n =
		    fileio_pread(b->fd, buf, rest < sizeof(buf) ? (size_t)rest : sizeof(buf), at);
		int rv = n <= 0 ? (n == 0 ? -EIO : (int)n) : fileio_write(to, buf, (size_t)n);

		if (rv != 0)
			return rv;
		at += (uint64_t)n;
	}
	return fsync(to) == 0 ? 0 : -errno;
}

int damaged_save(const struct damaged_from *f, const char *name, const struct damaged_bytes *bytes,
    char *ret_path)
{
	char dir[DIR_SIZE], to[NAME_SIZE];
	int fd = open_dir(f, dir, sizeof(dir)), out = -1, rv;

	if (fd < 0)
		return fd;
	errno = EEXIST;
	for (unsigned i = 0; out < 0 && errno == EEXIST && i < NUMBERS_MAX; i++)
		out = openat(fd, numbered(name, i, to),
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);
	rv = out < 0 ? -errno : copy(bytes, out);
	if (rv == 0 && fsync(fd) != 0)
		rv = -errno;
	if (rv == 0)
		(void)snprintf(ret_path, DAMAGED_PATH_SIZE, "%s/%s", dir, to);
	else if (out >= 0)
		(void)unlinkat(fd, to, 0); /* half a copy is worth nothing */
	fileio_close(out);
	fileio_close(fd);
	return rv;
}
