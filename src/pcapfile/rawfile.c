/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of an input as they lie on disk or come down a pipe.
 */
#include "pcapfile/rawfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rawfile {
	/* set at start, then read-only */
	int fd;
	bool owned;		/* ours to close: not the standard input */
	bool shared;		/* its position is another's too: read by offset */
	struct extent extent;	/* where shared: what is read of it */
	uint64_t size_bytes;	/* 0 where the input has no size */

	/* written by the reading thread alone; relaxed, it orders nothing else */
	_Atomic uint64_t read_bytes;
};

/* Set once, when the program is to end; nothing else is read by it, so relaxed. */
static atomic_bool interrupted;

void rawfile_interrupt(void)
{
	atomic_store_explicit(&interrupted, true, memory_order_relaxed);
}

/* Is a call that a signal has ended to be made again? */
static bool go_on(void)
{
	return errno == EINTR && !atomic_load_explicit(&interrupted, memory_order_relaxed);
}

static int measure(struct rawfile *f)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		f->size_bytes = (uint64_t)st.st_size;
	/* Only advice: a pipe refuses it, and nothing is lost. */
	(void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

int rawfile_open(const char *path, struct rawfile **ret_file)
{
	struct rawfile *f = calloc(1, sizeof(*f));
	int error;

	if (f == NULL)
		return -ENOMEM;
	f->fd = STDIN_FILENO;
	if (strcmp(path, "-") != 0) {
		do
			f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		while (f->fd < 0 && go_on()); /* a FIFO may wait long for its writer */
		if (f->fd < 0) {
			error = -errno;
			goto fail;
		}
		f->owned = true;
	}
	error = measure(f);
	if (error < 0)
		goto fail;
	*ret_file = f;
	return 0;
fail:
	rawfile_close(f);
	return error;
}

int rawfile_open_extent(const struct extent *e, struct rawfile **ret_file)
{
	struct rawfile *f = calloc(1, sizeof(*f));
	int error;

	if (f == NULL)
		return -ENOMEM;
	f->shared = true;
	f->fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
	f->extent = *e;
	f->extent.fd = f->fd;
	f->owned = f->fd >= 0;
	error = f->owned ? measure(f) : -errno;
	if (error < 0) {
		rawfile_close(f);
		return error;
	}
	*ret_file = f;
	return 0;
}

/* Wait until the descriptor has something to read; errors show at the next read. */
static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)poll(&p, 1, -1);
}

ssize_t rawfile_read(struct rawfile *f, uint8_t *buffer, size_t capacity)
{
	uint64_t before = atomic_load_explicit(&f->read_bytes, memory_order_relaxed);
	ssize_t n;

	while ((n = f->shared ? fileio_pread_extent(&f->extent, buffer, capacity, before) :
				read(f->fd, buffer, capacity)) < 0) {
		if (f->shared)
			return n;
		if (errno == EAGAIN)
			wait_readable(f->fd);
		else if (!go_on())
			return -errno;
	}
	atomic_store_explicit(&f->read_bytes, before + (uint64_t)n, memory_order_relaxed);
	return n;
}

uint64_t rawfile_progress(const struct rawfile *f, uint64_t *ret_size_bytes)
{
	if (ret_size_bytes != NULL)
		*ret_size_bytes = f->size_bytes;
	return atomic_load_explicit(&f->read_bytes, memory_order_relaxed);
}

void rawfile_close(struct rawfile *f)
{
	if (f == NULL)
		return;
	if (f->owned)
		(void)close(f->fd); /* opened for reading: nothing can be lost */
	free(f);
}
