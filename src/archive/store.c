/* SPDX-License-Identifier: BSD-2-Clause */
/* See store.h. What both kinds share: days in hand, the staging area, comparing bytes. */
#include "archive/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/segment.h"
#include "archive/store_private.h"
#include "archive/tarfmt.h"
#include "base/clk.h"
#include "base/fileio.h"

#define COMPARE_BYTES 65536u

#define GZIP_FIRST 0x1f /* RFC 1952 2.3.1: ID1 */

/* A day that was not written to for so long is left: others may have it then. */
#define DAY_QUIET_NS (30 * CLK_SECOND_NS)

int store_new(const struct store_config *config, struct store **ret_store)
{
	struct store *s = calloc(1, sizeof(*s));
	bool segments = config->kind == STORE_SEGMENTS;

	if (s == NULL)
		return -ENOMEM;
	s->config = *config;
	if (config->segment_bytes == 0)
		s->config.segment_bytes = STORE_SEGMENT_BYTES;
	if (config->segment_age_ns == 0)
		s->config.segment_age_ns = STORE_SEGMENT_AGE_NS;
	for (int i = 0; i < STORE_DAYS; i++)
		s->days[i].fd = s->days[i].segment_fd = -1;
	s->compare[0] = malloc(COMPARE_BYTES);
	s->compare[1] = malloc(COMPARE_BYTES);
	s->gather = segments ? malloc(STORE_GATHER_BYTES) : NULL;
	if (s->compare[0] == NULL || s->compare[1] == NULL || (segments && s->gather == NULL)) {
		store_free(s);
		return -ENOMEM;
	}
	*ret_store = s;
	return 0;
}

/* ---- days ---- */

static void leave_day(struct store *s, struct store_day *d)
{
	if (d->fd < 0)
		return;
	store_segments_close(s, d);
	fileio_close(d->fd);
	d->fd = -1;
	if (s->config.catalog != NULL) /* behind the records of what was published there */
		catalog_leave(s->config.catalog, d->day);
	else
		archive_leave_day(s->config.archive, d->day);
}

/* The slot for another day: a free one, else that of the day that was taken in hand first. */
static struct store_day *free_slot(struct store *s)
{
	struct store_day *d;

	for (int i = 0; i < STORE_DAYS; i++)
		if (s->days[i].fd < 0)
			return &s->days[i];
	d = &s->days[s->oldest_day];
	s->oldest_day = (s->oldest_day + 1) % STORE_DAYS;
	leave_day(s, d);
	return d;
}

/* Numbers go on above those that are there: one that is gone is not given away again too soon. */
static int number_segments(struct store_day *d)
{
	uint32_t *numbers;
	size_t n;
	int rv = segment_numbers(d->fd, &numbers, &n);

	if (rv != 0)
		return rv;
	if (n > 0)
		d->next_segment = numbers[n - 1] + 1;
	free(numbers);
	return 0;
}

int store_day(struct store *s, int32_t day, struct store_day **ret_day)
{
	struct store_day *d;
	int fd;

	for (int i = 0; i < STORE_DAYS; i++) {
		d = &s->days[i];
		if (d->fd >= 0 && d->day == day) {
			*ret_day = d;
			return 0;
		}
	}
	if (s->gather_parts > 0) /* the slot to be freed may be that of what is gathered */
		return -EAGAIN;
	d = free_slot(s);
	fd = archive_touch_day(s->config.archive, day);
	if (fd < 0)
		return fd;
	*d = (struct store_day){
	    .fd = fd, .day = day, .used_ns = clk_mono().ns, .segment_fd = -1, .next_segment = 1};
	*ret_day = d;
	if (s->config.names != NULL)
		names_day(s->config.names, day);
	/* The directories on the way to it, too, before anything in it is told to be on disk. */
	if (s->config.sync == SYNC_EACH && syncfs(fd) != 0) {
		int rv = -errno;

		leave_day(s, d);
		return rv;
	}
	return s->config.kind == STORE_SEGMENTS ? number_segments(d) : 0;
}

void store_tick(struct store *s, int64_t now_ns)
{
	for (int i = 0; i < STORE_DAYS; i++) {
		struct store_day *d = &s->days[i];

		if (d->fd < 0 || (s->gather_parts > 0 && s->gather_day == d))
			continue;
		if (now_ns - d->used_ns >= DAY_QUIET_NS)
			leave_day(s, d);
		else if (now_ns - d->segment_born_ns >= s->config.segment_age_ns)
			store_segments_close(s, d);
	}
}

void store_told(struct store *s)
{
	if (s->gather_parts == 0 && s->config.names != NULL)
		names_flushed(s->config.names, s->config.number);
}

/* ---- bytes ---- */

int store_sync(const struct store *s, int fd)
{
	return s->config.sync == SYNC_EACH && fdatasync(fd) != 0 ? -errno : 0;
}

void store_sync_name(struct store *s, const struct store_day *d)
{
	if (s->config.sync == SYNC_EACH && fsync(d->fd) != 0 && s->config.catalog != NULL)
		catalog_damage(s->config.catalog, d->day, -errno);
}

/* Bytes of a source from `at` on, at most len of them. */
static ssize_t read_source(const struct store_source *src, uint8_t *buf, size_t len, uint64_t at)
{
	if (at < src->head.length)
		return fileio_pread_extent(&src->head, buf, len, at);
	at -= src->head.length;
	if (len > src->tail_len - at)
		len = (size_t)(src->tail_len - at);
	memcpy(buf, src->tail + at, len);
	return (ssize_t)len;
}

int store_same_bytes(
    struct store *s, const struct extent *published, const struct store_source *src)
{
	ssize_t n;

	if (published->length != store_source_bytes(src))
		return 0;
	for (uint64_t at = 0; at < published->length; at += (uint64_t)n) {
		ssize_t m;

		n = read_source(src, s->compare[0], COMPARE_BYTES, at);
		if (n <= 0)
			return n < 0 ? (int)n : 0;
		m = fileio_pread_extent(published, s->compare[1], (size_t)n, at);
		if (m < 0)
			return (int)m;
		if (m != n || memcmp(s->compare[0], s->compare[1], (size_t)n) != 0)
			return 0;
	}
	return 1;
}

int store_write_source(struct store *s, int fd, const struct store_source *src)
{
	ssize_t n;

	for (uint64_t at = 0; at < src->head.length; at += (uint64_t)n) {
		int rv;

		n = fileio_pread_extent(&src->head, s->compare[0], COMPARE_BYTES, at);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO; /* it is shorter than it was */
		rv = fileio_write(fd, s->compare[0], (size_t)n);
		if (rv != 0)
			return rv;
	}
	return fileio_write(fd, src->tail, src->tail_len);
}

/* ---- the staging area ---- */

static const char *staged_name(const struct store_part *p, char *buf)
{
	return layout_staged_name(p->serial, p->uuid, p->part, buf);
}

static int open_staged(struct store *s, const char *name, int flags)
{
	int fd = openat(archive_staging(s->config.archive), name,
	    flags | O_APPEND | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);

	return fd >= 0 ? fd : -errno;
}

int store_append(struct store *s, int fd, const void *data, size_t len)
{
	uint64_t before;
	int rv = fileio_size(fd, &before);

	if (rv != 0)
		return rv;
	rv = fileio_write(fd, data, len);
	if (rv == 0)
		rv = store_sync(s, fd);
	if (rv != 0)
		(void)ftruncate(fd, (off_t)before); /* recovery cuts torn tails off too */
	return rv;
}

int store_stage(struct store *s, const struct store_part *part, enum store_stage how,
    const void *data, size_t len)
{
	static const uint8_t blank[TARFMT_BLOCK_BYTES];
	char name[LAYOUT_STAGED_SIZE];
	bool create = how == STORE_STAGE_CREATE;
	int fd =
	    open_staged(s, staged_name(part, name), O_WRONLY | (create ? O_CREAT | O_EXCL : 0));
	int rv = 0;

	if (fd < 0)
		return fd;
	if (create && s->config.kind == STORE_SEGMENTS)
		rv = fileio_write(fd, blank, sizeof(blank));
	if (rv == 0)
		rv = store_append(s, fd, data, len);
	fileio_close(fd);
	if (rv != 0 && create)
		(void)unlinkat(archive_staging(s->config.archive), name, 0); /* nothing is in it */
	return rv;
}

int store_rename_staged(struct store *s, const struct store_part *part, const char *from_uuid)
{
	int staging = archive_staging(s->config.archive);
	struct store_part before = *part;
	char from[LAYOUT_STAGED_SIZE], to[LAYOUT_STAGED_SIZE];

	before.uuid = from_uuid;
	(void)staged_name(&before, from);
	(void)staged_name(part, to);
	return strcmp(from, to) == 0 ? 0 : fileio_rename_new(staging, from, staging, to);
}

int store_discard_staged(struct store *s, const struct store_part *part)
{
	char name[LAYOUT_STAGED_SIZE];

	return unlinkat(archive_staging(s->config.archive), staged_name(part, name), 0) == 0
		   ? 0
		   : -errno;
}

int store_staged_extent(int fd, struct extent *ret_extent)
{
	uint8_t block[TARFMT_BLOCK_BYTES + 1];
	struct tarfmt_entry entry;
	int rv = fileio_extent(fd, ret_extent);
	ssize_t n = rv == 0 ? fileio_pread(fd, block, sizeof(block), 0) : rv;

	if (n < 0)
		return (int)n;
	if ((size_t)n < TARFMT_BLOCK_BYTES || block[0] == GZIP_FIRST)
		return 0;
	rv = tarfmt_parse(block, TARFMT_BLOCK_BYTES, &entry);
	/* Half of a header, where there was no room for the rest, has the file behind it. */
	if (rv < 0 && ((size_t)n < sizeof(block) || block[TARFMT_BLOCK_BYTES] != GZIP_FIRST))
		return 0; /* whatever it is */
	ret_extent->offset = TARFMT_BLOCK_BYTES;
	ret_extent->length -= TARFMT_BLOCK_BYTES;
	if (rv == 1 && entry.size < ret_extent->length)
		ret_extent->length = entry.size;
	return 0;
}

int store_open_staged(struct store *s, const struct store_part *part, struct extent *ret_extent)
{
	char name[LAYOUT_STAGED_SIZE];
	int fd = open_staged(s, staged_name(part, name), O_RDONLY), rv;

	if (fd < 0)
		return fd;
	rv = store_staged_extent(fd, ret_extent);
	if (rv != 0)
		fileio_close(fd);
	return rv;
}

/* ---- publishing ---- */

int store_publish(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result)
{
	const struct store_source src = {.tail = data, .tail_len = len};

	part->segment = 0;
	part->offset = 0;
	return s->config.kind == STORE_SEGMENTS ? store_segments_publish(s, part, &src, ret_result)
						: store_files_publish(s, part, &src, ret_result);
}

int store_publish_staged(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result)
{
	char name[LAYOUT_STAGED_SIZE];
	int fd = open_staged(s, staged_name(part, name), O_RDWR), rv;

	if (fd < 0)
		return fd;
	part->segment = 0;
	part->offset = 0;
	rv = store_append(s, fd, data, len);
	if (rv == 0)
		rv = s->config.kind == STORE_SEGMENTS
			 ? store_segments_publish_staged(s, part, name, fd, ret_result)
			 : store_files_publish_staged(s, part, name, fd, ret_result);
	fileio_close(fd);
	if (rv == 0 && *ret_result == STORE_DUPLICATE)
		(void)unlinkat(archive_staging(s->config.archive), name, 0); /* harmless */
	return rv;
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < STORE_DAYS; i++)
		leave_day(s, &s->days[i]);
	free(s->gather);
	free(s->compare[0]);
	free(s->compare[1]);
	free(s);
}
