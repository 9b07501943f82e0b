/* SPDX-License-Identifier: BSD-2-Clause */
/* See fileio.h. */
#include "base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPARE_BYTES 16384u

bool fileio_is_want(int rv)
{
	return rv == -EMFILE || rv == -ENFILE || rv == -ENOMEM;
}

int fileio_write(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fileio_pwrite(int fd, const void *buf, size_t len, uint64_t offset)
{
	size_t put = 0;

	while (put < len) {
		ssize_t n = pwrite(fd, (const char *)buf + put, len - put, (off_t)(offset + put));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		put += (size_t)n;
	}
	return 0;
}

ssize_t fileio_read(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t fileio_pread(int fd, void *buf, size_t len, uint64_t offset)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)buf + got, len - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t fileio_pread_extent(const struct extent *e, void *buf, size_t len, uint64_t at)
{
	if (at >= e->length)
		return 0;
	if (len > e->length - at)
		len = (size_t)(e->length - at);
	return fileio_pread(e->fd, buf, len, e->offset + at);
}

int fileio_extent(int fd, struct extent *ret_extent)
{
	*ret_extent = (struct extent){.fd = fd};
	return fileio_size(fd, &ret_extent->length);
}

int fileio_same_extents(const struct extent *a, const struct extent *b)
{
	uint8_t of_a[COMPARE_BYTES], of_b[COMPARE_BYTES];
	ssize_t n;

	for (uint64_t at = 0; at < b->length; at += (uint64_t)n) {
		n = fileio_pread_extent(b, of_b, sizeof(of_b), at);
		if (n <= 0)
			return (int)n;
		if (fileio_pread_extent(a, of_a, sizeof(of_a), at) != n ||
		    memcmp(of_a, of_b, (size_t)n) != 0)
			return 0;
	}
	return 1;
}

int fileio_size(int fd, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

int fileio_mkdirs(int dirfd, const char *path, unsigned mode)
{
	char buf[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0)
		return -ENOENT; /* as mkdirat(2) */
	if (len >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, path, len + 1);
	for (char *p = buf + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdirat(dirfd, buf, (mode_t)mode) != 0 && errno != EEXIST)
			return -errno;
		*p = c;
		if (c == '\0')
			return 0;
	}
}

/* A name that is empty or too long is none: the kernel says so. */
static int open_dir(int dirfd, const char *name, int make_mode)
{
	int fd;

	if (make_mode >= 0 && mkdirat(dirfd, name, (mode_t)make_mode) != 0 && errno != EEXIST)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : -errno;
}

int fileio_open_dir(int dirfd, const char *path, int make_mode)
{
	char name[NAME_MAX + 2]; /* one more: what is too long stays so */
	int at = dirfd;

	do {
		size_t n = strcspn(path, "/");
		int fd;

		(void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
		path += n;
		path += *path == '/';
		fd = open_dir(at, name, make_mode);
		if (at != dirfd)
			fileio_close(at);
		at = fd;
	} while (at >= 0 && *path != '\0');
	return at;
}

/* An empty file of that name. What a stranger put there, a link or a FIFO, is taken away first. */
static int open_temporary(int dirfd, const char *name, unsigned mode)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int rv = 0;

	for (int tries = 0; tries < 2; tries++) {
		int fd = openat(dirfd, name, flags, (mode_t)mode);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
		    ftruncate(fd, 0) == 0)
			return fd;
		rv = fd < 0 ? -errno : -EIO;
		if (fd >= 0)
			fileio_close(fd);
		(void)unlinkat(dirfd, name, 0); /* the second try tells */
	}
	return rv;
}

int fileio_replace(int dirfd, const char *name, const char *text, unsigned mode)
{
	char tmp[NAME_MAX + 1];
	int fd, rv;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = open_temporary(dirfd, tmp, mode);
	if (fd < 0)
		return fd;
	rv = fileio_write(fd, text, strlen(text));
	if (rv == 0 && fsync(fd) != 0)
		rv = -errno;
	fileio_close(fd);
	if (rv == 0 && renameat(dirfd, tmp, dirfd, name) != 0)
		rv = -errno;
	if (rv != 0)
		(void)unlinkat(dirfd, tmp, 0); /* best effort: it is not the name that counts */
	return rv;
}

int fileio_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(from_dir, from, to_dir, to, 0) != 0)
		return -errno;
	return unlinkat(from_dir, from, 0) == 0 ? 0 : -errno;
}

void fileio_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}
