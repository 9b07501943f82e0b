/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the store share, and nobody else sees: store.c knows days, staging and what
 * equal bytes are; store_files.c and store_segments.c make parts visible.
 */
#ifndef ARCHIVE_STORE_PRIVATE_H
#define ARCHIVE_STORE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/store.h"

/* Days in hand: packets near midnight go back and forth between two of them. */
#define STORE_DAYS 4

/* A flow has no more parts than this: past it something repeats itself without end. */
#define STORE_PART_MAX 1000000u

/* A day in hand, and the segment that this store writes there. */
struct store_day {
	int fd; /* of the directory; -1: the slot is free */
	int32_t day;
	int64_t used_ns;
	int segment_fd; /* -1: none is open */
	uint32_t segment;
	uint32_t next_segment; /* where to look for a free number */
	uint64_t segment_size;
	int64_t segment_born_ns;
};

struct store {
	/* set at start, then read-only */
	struct store_config config;

	/* owned by the saver */
	struct store_day days[STORE_DAYS];
	unsigned oldest_day;
	bool no_tmpfile;     /* the file system lacks O_TMPFILE */
	uint8_t *compare[2]; /* buffers for comparing files */

	/* what is gathered for the segment of one day */
	uint8_t *gather; /* NULL: parts go into files */
	size_t gather_len;
	unsigned gather_parts;
	struct store_day *gather_day;
};

/* A whole flow file on its way: its first bytes lie in a file, the last ones in memory. */
struct store_source {
	struct extent head; /* length 0: there is none */
	const uint8_t *tail;
	size_t tail_len;
};

static inline uint64_t store_source_bytes(const struct store_source *s)
{
	return s->head.length + s->tail_len;
}

/* store_day - take a day in hand. Returns: 0; -errno of archive_touch_day. */
int store_day(struct store *s, int32_t day, struct store_day **ret_day);

/* store_same_bytes - is a published part the same as the source? Returns: 1, 0; -errno of reading.
 */
int store_same_bytes(
    struct store *s, const struct extent *published, const struct store_source *src);

/* store_write_source - write the bytes of a source to an open file. Returns: 0; -errno. */
int store_write_source(struct store *s, int fd, const struct store_source *src);

/* store_sync - Returns: 0, also where files need not be on disk yet; -errno of fdatasync(2). */
int store_sync(const struct store *s, int fd);

/*
 * store_sync_name - a new name of a day is on disk, where that is to be so at once. What has failed
 * is published all the same: the catalog is told that it is not known to be durable.
 */
void store_sync_name(struct store *s, const struct store_day *d);

/* store_append - append to an open staged file. Returns: 0; -errno, and it is as it was. */
int store_append(struct store *s, int fd, const void *data, size_t len);

/* ---- store_files.c ---- */

int store_files_publish(struct store *s, struct store_part *part, const struct store_source *src,
    enum store_result *ret_result);

/* store_files_publish_staged - the staged file `name` is whole, and open: give it its name. */
int store_files_publish_staged(struct store *s, struct store_part *part, const char *name, int fd,
    enum store_result *ret_result);

/* ---- store_segments.c ---- */

int store_segments_publish(struct store *s, struct store_part *part, const struct store_source *src,
    enum store_result *ret_result);
int store_segments_publish_staged(struct store *s, struct store_part *part, const char *name,
    int fd, enum store_result *ret_result);

/* store_segments_close - end the segment of a day, if one is open. */
void store_segments_close(struct store *s, struct store_day *d);

/*
 * store_segments_taken - is the name taken by a part with these bytes, or others, that lies in a
 * segment?
 *
 * Returns:  1 other bytes; 0 it is not; -EALREADY the same bytes, and part->segment, offset and
 *           length tell where; -EAGAIN flush first; -errno.
 */
int store_segments_taken(struct store *s, struct store_part *part, const struct store_source *src);

#endif
