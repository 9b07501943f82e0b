/* SPDX-License-Identifier: BSD-2-Clause */
/* See segmenttail.h. */
#include "fetch/segmenttail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layout.h"
#include "archive/tarfmt.h"
#include "base/fileio.h"

/* How long after a part its row may come. It takes a second, or as long as the disk does. */
#define LAG_S 60

/* A group of rows is about as large when there is much traffic. */
#define NEWEST_ROWS 2000

/*
 * Segments have numbers one after another, but those that were removed are missing. To try so many
 * names takes a millisecond; to list a directory of a million files takes a second.
 */
#define SEGMENT_GAP 1024u

/* Where the last member of a segment ends that is indexed; or one that is not far before it. */
struct end {
	uint32_t segment;
	uint64_t at;
};

struct search {
	const struct segmenttail *t;
	int64_t indexed_s; /* when the index was written last, seconds since 1970 */
	struct end *ends;  /* as far as the newest rows tell */
	size_t end_count, end_room;
};

static int add_end(struct search *s, const struct end *e)
{
	if (s->end_count == s->end_room) {
		size_t room = s->end_room ? s->end_room * 2 : 16;
		struct end *more = realloc(s->ends, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		s->ends = more;
		s->end_room = room;
	}
	s->ends[s->end_count++] = *e;
	return 0;
}

static struct end *end_of(const struct search *s, uint32_t segment)
{
	for (size_t i = s->end_count; i > 0; i--) /* there are about as many as savers */
		if (s->ends[i - 1].segment == segment)
			return &s->ends[i - 1];
	return NULL;
}

/* A dayindex_fn. */
static int take_end(const struct record *r, void *arg)
{
	struct search *s = arg;
	struct end e = {.segment = r->segment}, *had;

	if (r->segment == 0 || __builtin_add_overflow(r->offset, r->length, &e.at) ||
	    __builtin_add_overflow(e.at, tarfmt_padding(r->length), &e.at))
		return 0;
	had = end_of(s, r->segment);
	if (had == NULL)
		return add_end(s, &e);
	if (had->at < e.at)
		had->at = e.at;
	return 0;
}

/*
 * Rows have numbers in the order of their coming, so the last ones tell how far the segments are
 * indexed that are written to. (To ask for each segment would be to read the whole index: it has no
 * index of segments.) Of a segment that is not among them more is looked at, that is all.
 */
static int find_ends(struct search *s)
{
	const struct dayindex_value newest = {.kind = DAYINDEX_INT, .number = NEWEST_ROWS};
	const struct dayindex_where w = {"rowid > (SELECT max(rowid) FROM flow) - ?", &newest, 1};
	int rv = s->t->index != NULL ? dayindex_select_where(s->t->index, &w, take_end, s) : 0;

	return rv == -ENOMEM ? rv : 0;
}

static uint64_t indexed_end(const struct search *s, uint32_t segment)
{
	const struct end *e = end_of(s, segment);

	return e != NULL ? e->at : 0;
}

/* Its end may be torn while it is written, or after a kill: that is mended, and is no fault. */
static int look_behind(struct search *s, int fd, uint32_t segment)
{
	char tar[LAYOUT_SEGMENT_SIZE];
	struct segment_member m;
	struct segment_scan scan;
	int rv = segment_scan_begin(&scan, fd, indexed_end(s, segment));

	while (rv == 0 && (rv = segment_scan_next(&scan, &m)) == 1) {
		rv = s->t->fn(fd, segment, &m, s->t->arg);
		if (rv != 0)
			return rv;
	}
	if (rv != 0 && rv != -ENODATA && !(rv == -EBADMSG && s->t->live))
		s->t->bad(layout_segment_name(segment, tar),
		    rv == -EBADMSG ? "damaged behind its indexed part" : strerror(-rv), s->t->arg);
	return 0;
}

/* What was written to long before the index was has all its rows. */
static bool may_lack_rows(const struct search *s, int fd)
{
	struct stat st;

	return fstat(fd, &st) != 0 || st.st_mtim.tv_sec >= s->indexed_s - LAG_S;
}

static int look_in_segment(struct search *s, uint32_t segment)
{
	char tar[LAYOUT_SEGMENT_SIZE];
	int fd = segment_open(s->t->dirfd, segment), rv = 0;

	if (fd < 0) {
		if (fd != -ENOENT)
			s->t->bad(layout_segment_name(segment, tar),
			    fd == -EBADMSG ? "no regular file" : strerror(-fd), s->t->arg);
		return 0;
	}
	if (may_lack_rows(s, fd))
		rv = look_behind(s, fd, segment);
	fileio_close(fd);
	return rv;
}

/* Of a directory full of files the segments are found by trying their names. */
static int try_segments(struct search *s)
{
	char tar[LAYOUT_SEGMENT_SIZE];
	uint32_t last = SEGMENT_GAP;
	int rv = 0;

	for (uint32_t n = 1; n <= last && rv == 0; n++) {
		if (faccessat(
			s->t->dirfd, layout_segment_name(n, tar), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		rv = look_in_segment(s, n);
		last = n + SEGMENT_GAP;
	}
	return rv;
}

static int look_in_segments(struct search *s)
{
	uint32_t *numbers;
	size_t n;
	int rv;

	if (s->t->crowded)
		return try_segments(s);
	rv = segment_numbers(s->t->dirfd, &numbers, &n);
	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n && rv == 0; i++)
		rv = look_in_segment(s, numbers[i]);
	free(numbers);
	return rv;
}

/* When was the index written last? What is only in its log does not count: see dayindex_open. */
static int64_t indexed_when(const struct search *s)
{
	struct stat st;

	if (s->t->index == NULL ||
	    fstatat(s->t->dirfd, LAYOUT_INDEX, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return INT64_MIN + LAG_S;
	return st.st_mtim.tv_sec;
}

int segmenttail_look(const struct segmenttail *t)
{
	struct search s = {.t = t};
	int rv;

	s.indexed_s = indexed_when(&s);
	rv = find_ends(&s);
	if (rv == 0)
		rv = look_in_segments(&s);
	free(s.ends);
	return rv;
}
