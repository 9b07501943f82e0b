/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of one file per part. A complete flow is written to an unnamed file (O_TMPFILE) and
 * linked to its name, so a crash leaves nothing; where the file system has no unnamed files, and
 * for flows that were staged, a file in .staging is renamed. Neither ever replaces a name that is
 * taken.
 */
#include "archive/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"

/* Directories kept open: packets near midnight go back and forth between two days. */
#define DAYS_OPEN 4

#define COMPARE_BYTES 65536u

/* A flow has no more parts than this: past it something repeats itself without end. */
#define PART_MAX 1000000u

struct store {
	/* set at start, then read-only */
	struct archive *archive;
	enum sync_mode sync;

	/* owned by the saver */
	int32_t day[DAYS_OPEN];
	int day_fd[DAYS_OPEN];
	unsigned oldest_day;
	bool no_tmpfile;     /* the file system lacks O_TMPFILE */
	uint8_t *compare[2]; /* buffers for comparing files */
};

int store_new(struct archive *a, enum sync_mode sync, struct store **ret_store)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->archive = a;
	s->sync = sync;
	for (int i = 0; i < DAYS_OPEN; i++)
		s->day_fd[i] = -1;
	for (int i = 0; i < 2; i++) {
		s->compare[i] = malloc(COMPARE_BYTES);
		if (s->compare[i] == NULL) {
			store_free(s);
			return -ENOMEM;
		}
	}
	*ret_store = s;
	return 0;
}

static int day_fd(struct store *s, int32_t day)
{
	int fd;

	for (int i = 0; i < DAYS_OPEN; i++)
		if (s->day_fd[i] >= 0 && s->day[i] == day)
			return s->day_fd[i];
	fd = archive_touch_day(s->archive, day);
	if (fd < 0)
		return fd;
	fileio_close(s->day_fd[s->oldest_day]);
	s->day_fd[s->oldest_day] = fd;
	s->day[s->oldest_day] = day;
	s->oldest_day = (s->oldest_day + 1) % DAYS_OPEN;
	return fd;
}

static char *staged_name(const struct store_part *p, char *buf)
{
	(void)snprintf(buf, NAME_MAX, "%016" PRIx64 ".%s", p->serial, p->uuid);
	return buf;
}

/* Are the files of two descriptors, or a descriptor and data, the same bytes? 1, 0, or -errno. */
static int same_bytes(struct store *s, int fd, int other_fd, const uint8_t *data, uint64_t len)
{
	uint64_t size;
	int rv = fileio_size(fd, &size);

	if (rv != 0 || size != len)
		return rv;
	for (uint64_t at = 0; at < len; at += COMPARE_BYTES) {
		size_t want = len - at < COMPARE_BYTES ? (size_t)(len - at) : COMPARE_BYTES;
		const uint8_t *mine = data != NULL ? data + at : s->compare[1];
		ssize_t n = fileio_pread(fd, s->compare[0], want, at);

		if (n == (ssize_t)want && data == NULL)
			n = fileio_pread(other_fd, s->compare[1], want, at);
		if (n < 0)
			return (int)n;
		if (n != (ssize_t)want || memcmp(s->compare[0], mine, want) != 0)
			return 0;
	}
	return 1;
}

/* Is the taken name a file with the bytes that we hold? 1, 0, or -errno. */
static int is_duplicate(
    struct store *s, int dir, const char *name, int my_fd, const uint8_t *data, uint64_t len)
{
	/* O_NONBLOCK: a FIFO would wait for a writer. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rv;

	if (fd < 0)
		return errno == ELOOP || errno == ENOENT || errno == EACCES ? 0 : -errno;
	rv = same_bytes(s, fd, my_fd, data, len);
	fileio_close(fd);
	return rv == -EISDIR ? 0 : rv;
}

/* What is to be published: an open unnamed file, or a staged name; with its bytes, or readable. */
struct candidate {
	int fd;              /* -1 where only the name counts */
	const char *staged;  /* NULL: fd is an unnamed file */
	const uint8_t *data; /* the whole content, or NULL: read it from fd */
	uint64_t len;
};

static int link_once(struct store *s, const struct candidate *c, int dir, const char *name)
{
	int staging = archive_staging(s->archive);
	char proc[64];

	if (c->staged == NULL) {
		(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", c->fd);
		return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
	}
	if (renameat2(staging, c->staged, dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system that cannot rename without replacing: two names for a moment, none lost. */
	if (linkat(staging, c->staged, dir, name, 0) != 0)
		return -errno;
	return unlinkat(staging, c->staged, 0) == 0 ? 0 : -errno;
}

/* Tries number after number until the name is free, or taken by the very same bytes. */
static int link_free_name(
    struct store *s, const struct candidate *c, struct store_part *p, enum store_result *ret_result)
{
	int dir = day_fd(s, p->day);
	char name[LAYOUT_NAME_SIZE];

	if (dir < 0)
		return dir;
	for (uint32_t part = p->part; part < PART_MAX; part++) {
		int rv = link_once(s, c, dir, layout_file_name(p->uuid, part, name));

		if (rv != 0 && rv != -EEXIST)
			return rv;
		*ret_result = STORE_PUBLISHED;
		if (rv == -EEXIST) {
			rv = is_duplicate(s, dir, name, c->fd, c->data, c->len);
			if (rv < 0)
				return rv;
			if (rv == 0)
				continue;
			*ret_result = STORE_DUPLICATE;
		}
		p->part = part;
		p->length = c->len;
		if (s->sync == SYNC_EACH && fsync(dir) != 0)
			return -errno;
		return 0;
	}
	return -EMLINK;
}

static int sync_file(struct store *s, int fd)
{
	return s->sync == SYNC_EACH && fdatasync(fd) != 0 ? -errno : 0;
}

/* The way for file systems without O_TMPFILE: stage, then rename. */
static int publish_named(struct store *s, struct store_part *p, const void *data, size_t len,
    enum store_result *ret_result)
{
	char staged[NAME_MAX];
	struct candidate c = {-1, staged_name(p, staged), data, len};
	int rv = store_stage(s, p, STORE_STAGE_CREATE, data, len);

	if (rv != 0)
		return rv;
	rv = link_free_name(s, &c, p, ret_result);
	if (rv != 0 || *ret_result == STORE_DUPLICATE)
		(void)unlinkat(
		    archive_staging(s->archive), staged, 0); /* a leftover does no harm */
	return rv;
}

int store_publish(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result)
{
	struct candidate c = {-1, NULL, data, len};
	int dir = day_fd(s, part->day);
	int rv;

	if (dir < 0)
		return dir;
	if (!s->no_tmpfile) {
		c.fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, ARCHIVE_FILE_MODE);
		if (c.fd < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT &&
		    errno != EINVAL)
			return -errno;
		s->no_tmpfile = c.fd < 0;
	}
	if (s->no_tmpfile)
		return publish_named(s, part, data, len, ret_result);
	rv = fileio_write(c.fd, data, len);
	if (rv == 0)
		rv = sync_file(s, c.fd);
	if (rv == 0)
		rv = link_free_name(s, &c, part, ret_result);
	fileio_close(c.fd);
	if (rv == -ENOENT) {
		/* No /proc to link through: go the other way from now on. */
		s->no_tmpfile = true;
		return publish_named(s, part, data, len, ret_result);
	}
	return rv;
}

/* Appends to the open staged file; what was there before stays whole if that fails. */
static int append(struct store *s, int fd, const void *data, size_t len, uint64_t *ret_len)
{
	uint64_t before;
	int rv = fileio_size(fd, &before);

	if (rv != 0)
		return rv;
	rv = fileio_write(fd, data, len);
	if (rv == 0)
		rv = sync_file(s, fd);
	if (rv != 0) {
		(void)ftruncate(fd, (off_t)before); /* recovery cuts torn tails off too */
		return rv;
	}
	*ret_len = before + len;
	return 0;
}

static int open_staged(struct store *s, const char *name, int flags)
{
	int fd = openat(archive_staging(s->archive), name,
	    flags | O_APPEND | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);

	return fd >= 0 ? fd : -errno;
}

int store_stage(struct store *s, const struct store_part *part, enum store_stage how,
    const void *data, size_t len)
{
	char name[NAME_MAX];
	int create = how == STORE_STAGE_CREATE ? O_CREAT | O_EXCL : 0;
	int fd = open_staged(s, staged_name(part, name), O_WRONLY | create);
	uint64_t total;
	int rv;

	if (fd < 0)
		return fd;
	rv = append(s, fd, data, len, &total);
	fileio_close(fd);
	if (rv != 0 && create)
		(void)unlinkat(archive_staging(s->archive), name, 0); /* nothing is in it */
	return rv;
}

int store_rename_staged(struct store *s, const struct store_part *part, const char *from_uuid)
{
	int staging = archive_staging(s->archive);
	struct store_part before = *part;
	char from[NAME_MAX], to[NAME_MAX];

	before.uuid = from_uuid;
	(void)staged_name(&before, from);
	(void)staged_name(part, to);
	if (strcmp(from, to) == 0 ||
	    renameat2(staging, from, staging, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/*
	 * A file system that cannot rename without replacing. Nobody takes the name meanwhile: the
	 * archive has one writer, and a serial belongs to one flow.
	 */
	if (faccessat(staging, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(staging, from, staging, to) == 0 ? 0 : -errno;
}

int store_discard_staged(struct store *s, const struct store_part *part)
{
	char name[NAME_MAX];

	return unlinkat(archive_staging(s->archive), staged_name(part, name), 0) == 0 ? 0 : -errno;
}

int store_publish_staged(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result)
{
	char name[NAME_MAX];
	struct candidate c = {open_staged(s, staged_name(part, name), O_RDWR), name, NULL, 0};
	int rv;

	if (c.fd < 0)
		return c.fd;
	rv = append(s, c.fd, data, len, &c.len);
	if (rv == 0)
		rv = link_free_name(s, &c, part, ret_result);
	fileio_close(c.fd);
	if (rv == 0 && *ret_result == STORE_DUPLICATE)
		(void)unlinkat(archive_staging(s->archive), name, 0); /* a leftover does no harm */
	return rv;
}

int store_open_staged(struct store *s, const struct store_part *part)
{
	char name[NAME_MAX];

	return open_staged(s, staged_name(part, name), O_RDONLY);
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < DAYS_OPEN; i++)
		fileio_close(s->day_fd[i]);
	free(s->compare[0]);
	free(s->compare[1]);
	free(s);
}
