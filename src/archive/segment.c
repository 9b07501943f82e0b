/* SPDX-License-Identifier: BSD-2-Clause */
/* See segment.h. */
#include "archive/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/fileio.h"

int segment_scan_begin(struct segment_scan *s, int fd, uint64_t from)
{
	*s = (struct segment_scan){.fd = fd, .at = from};
	return fileio_size(fd, &s->size);
}

/* What comes is zeros: two blocks of them and nothing else, or they are not whole yet, or not ours.
 */
static int scan_end(struct segment_scan *s, const uint8_t *buf, size_t len)
{
	static const uint8_t zeros[TARFMT_END_BYTES];
	size_t n = len < TARFMT_END_BYTES ? len : TARFMT_END_BYTES;

	if (memcmp(buf, zeros, n) != 0)
		return -EBADMSG;
	if (len < TARFMT_END_BYTES)
		return -ENODATA;
	if (s->size != s->at + TARFMT_END_BYTES)
		return -EBADMSG;
	s->closed = true;
	return 0;
}

static int scan_member(
    struct segment_scan *s, const struct tarfmt_entry *e, struct segment_member *ret_member)
{
	struct segment_member m = {
	    .header_offset = s->at, .offset = s->at + e->header_bytes, .length = e->size};
	int rv;

	if (!layout_parse_file_name(e->name, m.uuid, &m.part))
		return -EBADMSG;
	m.next = m.offset + m.length + tarfmt_padding(m.length);
	if (m.next > s->size && (rv = fileio_size(s->fd, &s->size)) != 0)
		return rv;
	if (m.next > s->size)
		return -ENODATA;
	s->at = m.next;
	*ret_member = m;
	return 1;
}

int segment_scan_next(struct segment_scan *s, struct segment_member *ret_member)
{
	uint8_t buf[TARFMT_HEADER_MAX_BYTES];
	struct tarfmt_entry e;
	ssize_t n;
	int rv;

	if (s->at > INT64_MAX) /* an offset that somebody made up */
		return -EBADMSG;
	n = fileio_pread(s->fd, buf, sizeof(buf), s->at);
	if (n < 0)
		return (int)n;
	rv = tarfmt_parse(buf, (size_t)n, &e);
	if (rv == 1)
		return scan_member(s, &e, ret_member);
	if (rv == -EBADMSG)
		return rv;
	if ((size_t)n < sizeof(buf) || rv == 0) { /* the file may have grown since */
		int error = fileio_size(s->fd, &s->size);

		if (error != 0)
			return error;
	}
	if (s->at > s->size)
		return -EBADMSG;
	if (n == 0)
		return 0;
	return rv == 0 ? scan_end(s, buf, (size_t)n) : rv;
}

int segment_create(int dirfd, uint32_t *number)
{
	char name[LAYOUT_SEGMENT_SIZE];

	for (uint32_t i = *number; i > 0 && i < UINT32_MAX; i++) {
		int fd = openat(dirfd, layout_segment_name(i, name),
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		*number = i;
		return fd;
	}
	return -EMLINK;
}

/* O_NONBLOCK: a FIFO of that name would wait for its other end. */
static int open_as(int dirfd, uint32_t number, int how)
{
	char name[LAYOUT_SEGMENT_SIZE];
	int fd = openat(dirfd, layout_segment_name(number, name),
	    how | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rv = 0;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == EISDIR ? -EBADMSG : -errno;
	if (fstat(fd, &st) != 0)
		rv = -errno;
	else if (!S_ISREG(st.st_mode))
		rv = -EBADMSG;
	if (rv == 0)
		return fd;
	fileio_close(fd);
	return rv;
}

int segment_open(int dirfd, uint32_t number)
{
	return open_as(dirfd, number, O_RDONLY);
}

int segment_open_rw(int dirfd, uint32_t number)
{
	return open_as(dirfd, number, O_RDWR);
}

/* What a file grows by reads as zeros. A kill between the two leaves it whole, without its end. */
int segment_end(int fd, uint64_t at)
{
	if (ftruncate(fd, (off_t)at) != 0 || ftruncate(fd, (off_t)(at + TARFMT_END_BYTES)) != 0)
		return -errno;
	return 0;
}

struct numbers {
	uint32_t *number;
	size_t count, room;
};

static int add_number(struct numbers *list, uint32_t number)
{
	if (list->count == list->room) {
		size_t more = list->room ? list->room * 2 : 16;
		uint32_t *p = realloc(list->number, more * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		list->number = p;
		list->room = more;
	}
	list->number[list->count++] = number;
	return 0;
}

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

int segment_numbers(int dirfd, uint32_t **ret_numbers, size_t *ret_count)
{
	/* Not a duplicate of dirfd: that would share, and move, its position. */
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct numbers list = {NULL, 0, 0};
	struct dirent *e;
	int rv = 0;

	if (d == NULL) {
		rv = -errno;
		fileio_close(fd);
		return rv;
	}
	while (rv == 0 && (errno = 0, e = readdir(d)) != NULL) {
		uint32_t number;

		if (layout_parse_segment_name(e->d_name, &number))
			rv = add_number(&list, number);
	}
	if (rv == 0)
		rv = -errno;
	(void)closedir(d); /* only read from */
	if (rv != 0) {
		free(list.number);
		return rv;
	}
	if (list.count > 0)
		qsort(list.number, list.count, sizeof(*list.number), by_number);
	*ret_numbers = list.number;
	*ret_count = list.count;
	return 0;
}
