/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file per part. A complete flow is written to an unnamed file (O_TMPFILE) and linked to its
 * name, so a crash leaves nothing; where the file system has no unnamed files, and for flows that
 * were staged, a file in .staging is renamed. Neither ever replaces a name that is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/store_private.h"
#include "base/clk.h"

/* What is to be published: an open unnamed file, or a staged name; and what it holds. */
struct candidate {
	int fd;             /* -1 where only the name counts */
	const char *staged; /* NULL: fd is an unnamed file */
	const struct store_source *src;
};

/* Is the taken name a file with the bytes that we hold? 1, 0, or -errno. */
static int is_duplicate(struct store *s, int dir, const char *name, const struct store_source *src)
{
	/* O_NONBLOCK: a FIFO would wait for a writer. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct extent e;
	int rv;

	if (fd < 0)
		return errno == ELOOP || errno == ENOENT || errno == EACCES ? 0 : -errno;
	rv = fileio_extent(fd, &e);
	if (rv == 0)
		rv = store_same_bytes(s, &e, src);
	fileio_close(fd);
	return rv == -EISDIR ? 0 : rv;
}

static int link_once(struct store *s, const struct candidate *c, int dir, const char *name)
{
	int staging = archive_staging(s->config.archive);
	char proc[64];

	if (c->staged == NULL) {
		(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", c->fd);
		return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
	}
	return fileio_rename_new(staging, c->staged, dir, name);
}

/*
 * Is a number of the name taken? In a day that has segments the directory does not tell all of it.
 * Returns as store_segments_taken.
 */
static int taken_in_segment(
    struct store *s, struct store_part *p, uint32_t number, const struct store_source *src)
{
	int rv = s->config.names != NULL ? names_segments(s->config.names, p->day) : 0;

	if (rv != 1)
		return rv;
	p->part = number;
	return store_segments_taken(s, p, src);
}

/* Tries number after number until the name is free, or taken by the very same bytes. */
static int link_free_name(
    struct store *s, const struct candidate *c, struct store_part *p, enum store_result *ret_result)
{
	char name[LAYOUT_NAME_SIZE];
	struct store_day *d;
	int rv = store_day(s, p->day, &d);

	*ret_result = STORE_PUBLISHED;
	store_told(s);
	for (uint32_t part = p->part; rv == 0 && part < STORE_PART_MAX; part++) {
		int taken = taken_in_segment(s, p, part, c->src);

		if (taken == 1)
			continue;
		if (taken == -EALREADY) {
			*ret_result = STORE_DUPLICATE;
			return 0;
		}
		if (taken != 0)
			return taken;
		rv = link_once(s, c, d->fd, layout_file_name(p->uuid, part, name));
		if (rv == -EEXIST) {
			rv = is_duplicate(s, d->fd, name, c->src);
			if (rv == 0)
				continue;
			*ret_result = STORE_DUPLICATE;
		}
		if (rv < 0)
			return rv;
		p->part = part;
		p->length = store_source_bytes(c->src);
		d->used_ns = clk_mono().ns;
		store_sync_name(s, d);
		return 0;
	}
	return rv != 0 ? rv : -EMLINK;
}

/* The way for file systems without O_TMPFILE: stage, then rename. */
static int publish_named(struct store *s, struct store_part *p, const struct store_source *src,
    enum store_result *ret_result)
{
	int staging = archive_staging(s->config.archive);
	/* What is to be copied may have the number of the part. */
	uint64_t serial = src->head.length > 0 ? archive_serial(s->config.archive) : p->serial;
	char staged[LAYOUT_STAGED_SIZE];
	struct candidate c = {-1, layout_staged_name(serial, p->uuid, p->part, staged), src};
	int fd, rv;

	fd = openat(staging, staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    ARCHIVE_FILE_MODE);
	if (fd < 0)
		return -errno;
	rv = store_write_source(s, fd, src);
	if (rv == 0)
		rv = store_sync(s, fd);
	fileio_close(fd);
	if (rv == 0)
		rv = link_free_name(s, &c, p, ret_result);
	if (rv != 0 || *ret_result == STORE_DUPLICATE)
		(void)unlinkat(staging, staged, 0); /* a leftover does no harm */
	return rv;
}

int store_files_publish(struct store *s, struct store_part *part, const struct store_source *src,
    enum store_result *ret_result)
{
	struct candidate c = {-1, NULL, src};
	struct store_day *d;
	int rv = store_day(s, part->day, &d);

	if (rv != 0)
		return rv;
	if (!s->no_tmpfile) {
		c.fd = openat(d->fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, ARCHIVE_FILE_MODE);
		if (c.fd < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT &&
		    errno != EINVAL)
			return -errno;
		s->no_tmpfile = c.fd < 0;
	}
	if (s->no_tmpfile)
		return publish_named(s, part, src, ret_result);
	rv = store_write_source(s, c.fd, src);
	if (rv == 0)
		rv = store_sync(s, c.fd);
	if (rv == 0)
		rv = link_free_name(s, &c, part, ret_result);
	fileio_close(c.fd);
	if (rv == -ENOENT) {
		/* No /proc to link through: go the other way from now on. */
		s->no_tmpfile = true;
		return publish_named(s, part, src, ret_result);
	}
	return rv;
}

int store_files_publish_staged(struct store *s, struct store_part *part, const char *name, int fd,
    enum store_result *ret_result)
{
	struct store_source src = {.tail = NULL};
	struct candidate c = {fd, name, &src};
	int rv = store_staged_extent(fd, &src.head);

	if (rv != 0)
		return rv;
	if (src.head.offset == 0)
		return link_free_name(s, &c, part, ret_result);
	/* It was staged for a segment: a file of its own has no tar header in front. */
	rv = store_files_publish(s, part, &src, ret_result);
	if (rv == 0)
		(void)unlinkat(archive_staging(s->config.archive), name, 0); /* harmless */
	return rv;
}
