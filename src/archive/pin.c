/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pin.h. The file comes before its row: a kill in between leaves a file that `flowkeep
 * reindex` finds, and that whoever pins the part again finds in place. What is taken away goes in
 * the other order.
 */
#include "archive/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/layout.h"
#include "archive/segment.h"
#include "base/fileio.h"

#define COPY_BYTES 65536u

int pin_open(const struct archive *a, bool make, struct archive **ret_pinned)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/" PIN_DIRECTORY, archive_path(a)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (make && mkdirat(archive_root(a), PIN_DIRECTORY, ARCHIVE_DIR_MODE) != 0 &&
	    errno != EEXIST)
		return -errno;
	if (fstatat(archive_root(a), PIN_DIRECTORY, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) /* a link would lead out of the archive */
		return -ENOTDIR;
	/* Nothing but SQLite's locks is needed: several may pin at the same time. */
	return archive_open(path, ARCHIVE_READ, ret_pinned);
}

/* ---- the file ---------------------------------------------------------------------------------
 */

/* O_NONBLOCK: a FIFO of that name would wait for its other end. */
static int open_flow_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rv = 0;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st) != 0)
		rv = -errno;
	else if (!S_ISREG(st.st_mode))
		rv = -EBADMSG;
	if (rv == 0)
		return fd;
	fileio_close(fd);
	return rv;
}

/* The part where it lies now. Of a segment, its range must be there; the bytes are not read. */
static int open_part(int dir, const struct record *r, struct extent *ret_extent)
{
	char name[LAYOUT_NAME_SIZE];
	int fd = r->segment > 0 ? segment_open(dir, r->segment)
				: open_flow_file(dir, layout_file_name(r->uuid, r->part, name));
	struct extent e;
	int rv;

	if (fd < 0)
		return fd;
	rv = fileio_extent(fd, &e);
	if (rv == 0 && r->segment > 0) {
		if (r->offset > e.length || r->length > e.length - r->offset)
			rv = -EBADMSG;
		e.offset = r->offset;
		e.length = r->length;
	}
	if (rv != 0) {
		fileio_close(fd);
		return rv;
	}
	*ret_extent = e;
	return 0;
}

/* Bytes on their way, or to be compared. */
struct copying {
	const struct extent *from;
	uint8_t *buf; /* twice COPY_BYTES */
};

/* Does a file hold the same bytes? 1, 0, -errno. */
static int same_bytes(const struct copying *c, int fd)
{
	struct extent other;
	int rv = fileio_extent(fd, &other);

	if (rv != 0 || other.length != c->from->length)
		return rv;
	for (uint64_t at = 0; at < other.length; at += COPY_BYTES) {
		uint8_t *mine = c->buf, *theirs = c->buf + COPY_BYTES;
		ssize_t n = fileio_pread_extent(c->from, mine, COPY_BYTES, at);
		ssize_t m = n >= 0 ? fileio_pread_extent(&other, theirs, COPY_BYTES, at) : n;

		if (m < 0)
			return (int)m;
		if (n != m || memcmp(mine, theirs, (size_t)n) != 0)
			return 0;
	}
	return 1;
}

static int copy_bytes(const struct copying *c, int fd)
{
	for (uint64_t at = 0; at < c->from->length; at += COPY_BYTES) {
		uint64_t rest = c->from->length - at;
		size_t want = rest < COPY_BYTES ? (size_t)rest : COPY_BYTES;
		ssize_t n = fileio_pread_extent(c->from, c->buf, want, at);
		int rv = n == (ssize_t)want ? fileio_write(fd, c->buf, want) : -EBADMSG;

		if (n < 0 || rv != 0)
			return n < 0 ? (int)n : rv;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static bool lacks_tmpfile(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == EINVAL;
}

/* Copies to a file that has no name before it is whole; where there is no such thing, to one that
 * no reader looks at. */
static int copy_file(const struct copying *c, int dir, const char *name)
{
	char from[LAYOUT_NAME_SIZE + 64];
	int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, ARCHIVE_FILE_MODE), rv;
	bool named = fd < 0 && lacks_tmpfile(errno);

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (named) {
		(void)snprintf(from, sizeof(from), ".%s.%ld", name, (long)getpid());
		fd = openat(dir, from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    ARCHIVE_FILE_MODE);
	}
	if (fd < 0)
		return -errno;
	rv = copy_bytes(c, fd);
	if (rv == 0 && linkat(dir, from, dir, name, named ? 0 : AT_SYMLINK_FOLLOW) != 0)
		rv = -errno;
	if (named)
		(void)unlinkat(dir, from, 0); /* it has its other name, or is of no use */
	fileio_close(fd);
	return rv;
}

/* Errors of linkat(2) that say: not like this, but a copy may do. */
static bool wants_copy(int error)
{
	return error == EXDEV || error == EMLINK || error == EPERM || error == EOPNOTSUPP ||
	       error == EACCES;
}

static int link_or_copy(
    const struct copying *c, int from_dir, int to_dir, const struct record *r, const char *name)
{
	if (r->segment == 0) {
		if (linkat(from_dir, name, to_dir, name, 0) == 0)
			return 0;
		if (!wants_copy(errno))
			return -errno;
	}
	return copy_file(c, to_dir, name);
}

/* A name that is taken is fine if it is by the same bytes. */
static int check_taken(const struct copying *c, int dir, const char *name)
{
	int fd = open_flow_file(dir, name), rv;

	if (fd < 0)
		return fd == -EBADMSG ? -EEXIST : fd;
	rv = same_bytes(c, fd);
	fileio_close(fd);
	if (rv < 0)
		return rv;
	return rv == 1 ? 0 : -EEXIST;
}

static int put_file(const struct extent *e, int from_dir, int to_dir, const struct record *r)
{
	struct copying c = {.from = e, .buf = malloc(2 * COPY_BYTES)};
	char name[LAYOUT_NAME_SIZE];
	int rv;

	if (c.buf == NULL)
		return -ENOMEM;
	rv = link_or_copy(&c, from_dir, to_dir, r, layout_file_name(r->uuid, r->part, name));
	if (rv == -EEXIST)
		rv = check_taken(&c, to_dir, name);
	if (rv == 0 && fsync(to_dir) != 0)
		rv = -errno;
	free(c.buf);
	return rv;
}

/* ---- the row ----------------------------------------------------------------------------------
 */

static int put_row(struct dayindex *x, const struct record *r)
{
	struct record row = *r;
	int rv;

	row.segment = 0;
	row.offset = 0;
	rv = dayindex_begin(x);
	if (rv == 0)
		rv = dayindex_insert(x, &row);
	if (rv == 0)
		rv = dayindex_commit_durably(x);
	if (rv != 0)
		dayindex_rollback(x);
	return rv;
}

/* Returns 1 if there was a row; 0 there was none, or no index; -errno. */
static int remove_row(struct archive *pinned, const struct record *r)
{
	struct record found;
	struct dayindex *x;
	int rv = dayindex_open(pinned, r->day, DAYINDEX_READ, &x), there;

	if (rv != 0)
		return rv == -ENOENT ? 0 : rv;
	there = dayindex_find(x, r->uuid, r->part, &found);
	dayindex_close(x);
	if (there != 1)
		return there;
	rv = dayindex_open(pinned, r->day, DAYINDEX_WRITE, &x);
	if (rv != 0)
		return rv;
	rv = dayindex_begin(x);
	if (rv == 0)
		rv = dayindex_delete(x, r->uuid, r->part);
	if (rv == 0)
		rv = dayindex_commit_durably(x);
	if (rv != 0)
		dayindex_rollback(x);
	dayindex_close(x);
	return rv != 0 ? rv : 1;
}

/* ---- both -------------------------------------------------------------------------------------
 */

/* The day of pinned parts, made where it is missing. */
static int make_day(const struct archive *pinned, int32_t day)
{
	char path[LAYOUT_DAY_SIZE];

	return fileio_open_dir(archive_root(pinned), layout_day_path(day, path), ARCHIVE_DIR_MODE);
}

/* The index is there before the first file is: readers take a file without one for damage. */
static int put_part(
    const struct extent *e, int from_dir, struct archive *pinned, const struct record *r)
{
	int to_dir = make_day(pinned, r->day), rv;
	struct dayindex *x;

	if (to_dir < 0)
		return to_dir;
	rv = dayindex_open(pinned, r->day, DAYINDEX_WRITE, &x);
	if (rv == 0) {
		rv = put_file(e, from_dir, to_dir, r);
		if (rv == 0)
			rv = put_row(x, r);
		dayindex_close(x);
	}
	fileio_close(to_dir);
	return rv;
}

int pin_part(const struct archive *a, struct archive *pinned, const struct record *r)
{
	int from_dir = archive_open_day(a, r->day), rv;
	struct extent e;

	if (from_dir < 0)
		return from_dir;
	rv = open_part(from_dir, r, &e);
	if (rv == 0) {
		rv = put_part(&e, from_dir, pinned, r);
		fileio_close(e.fd);
	}
	fileio_close(from_dir);
	return rv;
}

int pin_remove(struct archive *pinned, const struct record *r)
{
	char name[LAYOUT_NAME_SIZE];
	int row = remove_row(pinned, r), dir, rv = 0;

	if (row < 0)
		return row;
	dir = archive_open_day(pinned, r->day);
	if (dir < 0)
		return dir;
	if (unlinkat(dir, layout_file_name(r->uuid, r->part, name), 0) != 0)
		rv = errno == ENOENT && row == 1 ? 0 : -errno;
	if (rv == 0 && fsync(dir) != 0)
		rv = -errno;
	fileio_close(dir);
	return rv;
}
