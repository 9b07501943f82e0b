/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See outfile.h. The file has no name while it is written, where the file system can do that, so
 * that not even a kill leaves anything; else a temporary one, beside its place.
 */
#include "fetch/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/fileio.h"
#include "pcapfile/gzmember.h"

#define BUFFER_BYTES (256u << 10)

/* What goes into a member, unless a single write is more: as in flow files. */
#define MEMBER_BYTES (64u << 10)

struct outfile {
	char path[PATH_MAX]; /* of the file that is to appear; "" writes go where they go */
	char temporary[PATH_MAX + 16]; /* its name until then; "" it has none */
	int fd;                        /* -1 until the first write */
	bool owned;                    /* ours to close: not the standard output */
	int error;                     /* of the first write that failed */
	struct gzmember *gz;           /* NULL: plain */
	uint8_t *member;               /* where it is made */
	size_t member_room;
	size_t used, room;
	uint8_t buffer[BUFFER_BYTES];
};

int outfile_new(const char *path, enum outfile_form form, struct outfile **ret_file)
{
	struct outfile *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return -ENOMEM;
	o->fd = -1;
	o->room = form == OUTFILE_GZIP ? MEMBER_BYTES : BUFFER_BYTES;
	if (form == OUTFILE_GZIP && gzmember_new(codec_default(), &o->gz) != 0) {
		free(o);
		return -ENOMEM;
	}
	if (path == NULL || strcmp(path, "-") == 0)
		o->fd = STDOUT_FILENO;
	else if (snprintf(o->path, sizeof(o->path), "%s", path) >= (int)sizeof(o->path))
		o->error = -ENAMETOOLONG;
	*ret_file = o;
	return 0;
}

/* What is there already: a link is followed, a device or a pipe is written to directly. */
static int look_at_path(struct outfile *o)
{
	char *target = realpath(o->path, NULL);
	struct stat st;

	if (target == NULL)
		return errno == ENOENT ? 0 : -errno;
	if (strlen(target) < sizeof(o->path))
		(void)strcpy(o->path, target);
	free(target);
	if (stat(o->path, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode))
		return 0;
	o->fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (o->fd < 0)
		return -errno;
	o->owned = true;
	o->path[0] = '\0';
	return 0;
}

/* Without /proc a file without a name could not be given one. */
static int open_nameless(const struct outfile *o)
{
	char directory[PATH_MAX];

	(void)strcpy(directory, o->path); /* as large as what it copies */
	if (access("/proc/self/fd", X_OK) != 0)
		return -1;
	return open(dirname(directory), O_TMPFILE | O_WRONLY | O_CLOEXEC, ARCHIVE_FILE_MODE);
}

static int begin(struct outfile *o)
{
	int rv = look_at_path(o);

	if (rv != 0 || o->fd >= 0)
		return rv;
	o->fd = open_nameless(o);
	if (o->fd < 0) {
		(void)snprintf(o->temporary, sizeof(o->temporary), "%s.XXXXXX", o->path);
		o->fd = mkostemp(o->temporary, O_CLOEXEC);
		if (o->fd < 0) {
			o->temporary[0] = '\0';
			return -errno;
		}
		(void)fchmod(o->fd, ARCHIVE_FILE_MODE); /* else it stays the owner's alone */
	}
	o->owned = true;
	return 0;
}

static int write_member(struct outfile *o, const void *bytes, size_t n)
{
	size_t bound = gzmember_bound(n);

	if (bound > o->member_room) {
		uint8_t *more = realloc(o->member, bound);

		if (more == NULL)
			return -ENOMEM;
		o->member = more;
		o->member_room = bound;
	}
	return fileio_write(o->fd, o->member, gzmember_write(o->gz, bytes, n, o->member));
}

static int emit(struct outfile *o, const void *bytes, size_t n)
{
	if (o->error == 0 && o->fd < 0)
		o->error = begin(o);
	if (o->error == 0 && n > 0)
		o->error =
		    o->gz != NULL ? write_member(o, bytes, n) : fileio_write(o->fd, bytes, n);
	return o->error;
}

static int flush(struct outfile *o)
{
	size_t n = o->used;

	o->used = 0;
	return emit(o, o->buffer, n);
}

int outfile_write(struct outfile *o, const void *bytes, size_t n)
{
	if (n > o->room - o->used && flush(o) != 0)
		return o->error;
	if (n > o->room)
		return emit(o, bytes, n);
	memcpy(o->buffer + o->used, bytes, n);
	o->used += n;
	return o->error;
}

/* The file gets a temporary name, then its own: rename(2) replaces, linkat(2) does not. */
static int name_file(struct outfile *o)
{
	char proc[64];

	if (o->temporary[0] == '\0') {
		(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", o->fd);
		(void)snprintf(
		    o->temporary, sizeof(o->temporary), "%s.%ld", o->path, (long)getpid());
		if (linkat(AT_FDCWD, proc, AT_FDCWD, o->temporary, AT_SYMLINK_FOLLOW) != 0) {
			o->temporary[0] = '\0';
			return -errno;
		}
	}
	if (rename(o->temporary, o->path) != 0)
		return -errno;
	o->temporary[0] = '\0';
	return 0;
}

int outfile_commit(struct outfile *o)
{
	if (o->used == 0 && o->fd < 0)
		return o->error;
	if (flush(o) == 0 && o->path[0] != '\0')
		o->error = name_file(o);
	return o->error;
}

void outfile_free(struct outfile *o)
{
	if (o == NULL)
		return;
	if (o->temporary[0] != '\0')
		(void)unlink(o->temporary); /* a leftover does no harm */
	if (o->owned)
		fileio_close(o->fd);
	gzmember_free(o->gz);
	free(o->member);
	free(o);
}
