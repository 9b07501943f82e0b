/* SPDX-License-Identifier: BSD-2-Clause */
/* See unindexed.h. A part that lacks its row is read whole to learn what the row would say. */
#include "fetch/unindexed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/layout.h"
#include "archive/rescan.h"
#include "base/fileio.h"
#include "fetch/segmenttail.h"

/*
 * Parts of a flow have numbers one after another; where a day lacks some of them, others of that
 * day may still follow after such a gap.
 */
#define NUMBER_GAP 16u

/* Of so many numbers below the highest the names are tried: 4 TiB of one flow, in segments. */
#define NUMBERS_MAX 65536u

struct search {
	const struct unindexed *u;
	struct partlist *parts; /* where new ones go */
	int32_t day;
	int dirfd;

	/* unindexed_scan */
	struct dayindex *index; /* NULL: none can be read: then no part has a row */
	bool live;              /* a writer is at work */
	unsigned seen;          /* parts without a row */

	/* unindexed_names */
	const struct part **known; /* those found so far, sorted by name */
	size_t known_count;
};

static bool whole_uuids(const struct search *s)
{
	return s->u->words->words != NULL && s->u->words->match == DAYINDEX_EXACT;
}

static void complain(const struct search *s, const char *name, const char *reason)
{
	char path[LAYOUT_DAY_SIZE + LAYOUT_SEGMENT_SIZE + LAYOUT_NAME_SIZE], day[LAYOUT_DAY_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", layout_day_path(s->day, day), name);
	s->u->bad(path, reason, s->u->bad_arg);
}

static bool wanted(const struct query_words *w, const char *uuid)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->match == DAYINDEX_EXACT
			? strcmp(uuid, w->words[i]) == 0
			: strncmp(uuid, w->words[i], strlen(w->words[i])) == 0)
			return true;
	return w->words == NULL;
}

static int add_file(const struct search *s, const char *name)
{
	char error[RESCAN_ERROR_SIZE];
	struct record r;
	int rv = rescan_file(s->dirfd, s->day, name, &r, error);

	if (rv == 0)
		return partlist_add(s->parts, &r);
	if (rv != -ENOENT)
		complain(s, name, error);
	return 0;
}

/* ---- before the rows are read ---- */

/* Is a part asked for, and without a row? Then it counts. -ECANCELED: there are too many of them.
 */
static int consider(struct search *s, const char *uuid, uint32_t number)
{
	struct record r;

	if (!wanted(s->u->words, uuid) ||
	    (s->index != NULL && dayindex_find(s->index, uuid, number, &r) == 1))
		return 0;
	if (s->live && !whole_uuids(s) && s->seen++ >= UNINDEXED_READ_MAX)
		return -ECANCELED;
	return 1;
}

static int look_at_file(int dirfd, const char *name, void *arg)
{
	struct search *s = arg;
	char uuid[LAYOUT_UUID_SIZE];
	uint32_t number;
	int rv;

	(void)dirfd; /* another one for the same directory */
	if (!layout_parse_file_name(name, uuid, &number))
		return 0;
	rv = consider(s, uuid, number);
	return rv == 1 ? add_file(s, name) : rv;
}

static int add_member(struct search *s, int fd, uint32_t segment, const struct segment_member *m)
{
	const struct extent e = {.fd = fd, .offset = m->offset, .length = m->length};
	char error[RESCAN_ERROR_SIZE], name[LAYOUT_NAME_SIZE];
	char path[LAYOUT_SEGMENT_SIZE + LAYOUT_NAME_SIZE], tar[LAYOUT_SEGMENT_SIZE];
	struct rescan_name n = {.part = m->part};
	struct record r;

	memcpy(n.uuid, m->uuid, sizeof(n.uuid));
	if (rescan_part(&e, s->day, &n, &r, error) != 0) {
		(void)snprintf(path, sizeof(path), "%s/%s", layout_segment_name(segment, tar),
		    layout_file_name(m->uuid, m->part, name));
		complain(s, path, error);
		return 0;
	}
	r.segment = segment;
	r.offset = m->offset;
	return partlist_add(s->parts, &r);
}

/* A segmenttail_fn. */
static int look_at_member(int fd, uint32_t segment, const struct segment_member *m, void *arg)
{
	struct search *s = arg;
	int rv = consider(s, m->uuid, m->part);

	return rv == 1 ? add_member(s, fd, segment, m) : rv;
}

/* A segmenttail_bad_fn. */
static void complain_of_segment(const char *name, const char *reason, void *arg)
{
	complain(arg, name, reason);
}

static int scan(struct search *s)
{
	struct segmenttail tail = {
	    .dirfd = s->dirfd, .fn = look_at_member, .bad = complain_of_segment, .arg = s};
	struct dayindex_summary sum = {.parts = 0};
	int rv = dayindex_open(s->u->archive, s->day, DAYINDEX_READ, &s->index);

	if (rv == -ENOMEM)
		return rv;
	if (rv != 0)
		s->index = NULL; /* who reads the rows says why */
	else
		(void)dayindex_summary(s->index, &sum); /* as above */
	s->live = archive_has_writer(s->u->archive);
	tail.index = s->index;
	tail.crowded = sum.file_parts >= UNINDEXED_NAMES_MAX;
	tail.live = s->live;
	rv = segmenttail_look(&tail);
	if (rv == 0 && !whole_uuids(s) && !(s->live && tail.crowded))
		rv = rescan_day(s->u->archive, s->day, look_at_file, s);
	dayindex_close(s->index);
	return rv == -ECANCELED ? 0 : rv;
}

int unindexed_scan(const struct unindexed *u, int32_t day, struct partlist *parts)
{
	struct search s = {.u = u, .parts = parts, .day = day};
	int rv;

	s.dirfd = archive_open_day(u->archive, day);
	rv = s.dirfd < 0 ? s.dirfd : scan(&s);
	fileio_close(s.dirfd);
	if (rv == 0 || rv == -ENOMEM)
		return rv;
	if (rv != -ENOENT) /* listed, and its directory not made yet, or gone */
		complain(&s, "", strerror(-rv));
	return 0;
}

/* ---- after the rows were read ---- */

static int pointers_by_name(const void *x, const void *y)
{
	return partlist_by_name(*(const struct part *const *)x, *(const struct part *const *)y);
}

static int sort_known(struct search *s)
{
	s->known_count = partlist_count(s->parts);
	s->known = malloc((s->known_count + 1) * sizeof(*s->known));
	if (s->known == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->known_count; i++)
		s->known[i] = partlist_at(s->parts, i);
	qsort(s->known, s->known_count, sizeof(*s->known), pointers_by_name);
	return 0;
}

static bool is_known(const struct search *s, const char *uuid, uint32_t number)
{
	struct part name = partlist_name(uuid, s->day, number);
	const struct part *key = &name;

	return bsearch(&key, s->known, s->known_count, sizeof(*s->known), pointers_by_name) != NULL;
}

/* The highest number that a flow's parts have, in whatever day; 0 where none is known. */
static uint32_t highest_number(const struct search *s, const char *uuid)
{
	struct part name = partlist_name(uuid, INT32_MIN, 0);
	size_t low = 0, high = s->known_count;
	uint32_t max = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (partlist_by_name(s->known[middle], &name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->known_count && partlist_by_uuid(s->known[low], &name) == 0; low++)
		if (s->known[low]->number > max)
			max = s->known[low]->number;
	return max;
}

/* All parts of one UUID, by the names that they would have. */
static int look_for_names(const struct search *s, const char *uuid)
{
	uint64_t highest = highest_number(s, uuid), last = highest + NUMBER_GAP;
	char name[LAYOUT_NAME_SIZE];
	int rv = 0;

	if (last > UINT32_MAX)
		last = UINT32_MAX;
	for (uint64_t at = highest > NUMBERS_MAX ? highest - NUMBERS_MAX : 0; at <= last && rv == 0;
	     at++) {
		uint32_t n = (uint32_t)at;

		if (is_known(s, uuid, n) || faccessat(s->dirfd, layout_file_name(uuid, n, name),
						F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		rv = add_file(s, name);
		if (at + NUMBER_GAP > last && last < UINT32_MAX - NUMBER_GAP)
			last = at + NUMBER_GAP;
	}
	return rv;
}

static int look_in_day(struct search *s)
{
	const struct query_words *w = s->u->words;
	int rv = 0;

	s->dirfd = archive_open_day(s->u->archive, s->day);
	if (s->dirfd < 0)
		return s->dirfd;
	for (size_t i = 0; i < w->count && rv == 0; i++)
		rv = look_for_names(s, w->words[i]);
	fileio_close(s->dirfd);
	return rv;
}

int unindexed_names(
    const struct unindexed *u, const int32_t *days, size_t day_count, struct partlist *parts)
{
	struct search s = {.u = u, .parts = parts};
	int rv = sort_known(&s);

	for (size_t i = 0; i < day_count && rv == 0; i++) {
		s.day = days[i];
		rv = look_in_day(&s);
		if (rv == 0 || rv == -ENOMEM)
			continue;
		if (rv != -ENOENT) /* listed, and its directory not made yet, or gone */
			complain(&s, "", strerror(-rv));
		rv = 0;
	}
	free(s.known);
	return rv;
}

/* ---- what is not published ---- */

typedef void staged_fn(const char *uuid, void *arg);

/* Calls fn with the UUID of each staged flow that has one. */
static int each_staged(const struct archive *a, staged_fn *fn, void *arg)
{
	int fd =
	    openat(archive_root(a), ".staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct layout_staged s;
	struct dirent *e;
	DIR *d;
	int rv;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (d == NULL) {
		fileio_close(fd);
		return -ENOMEM;
	}
	while ((errno = 0, e = readdir(d)) != NULL)
		if (layout_parse_staged_name(e->d_name, &s) && strcmp(s.uuid, LAYOUT_UNNAMED) != 0)
			fn(s.uuid, arg);
	rv = -errno;       /* 0 at the end */
	(void)closedir(d); /* only read from */
	return rv;
}

struct word_marks {
	const struct query_words *words;
	bool *staged;
};

static void mark_words(const char *uuid, void *arg)
{
	const struct word_marks *m = arg;
	const struct query_words *w = m->words;

	for (size_t i = 0; i < w->count; i++) {
		size_t n = strlen(w->words[i]);

		if (strncmp(uuid, w->words[i], n) == 0 &&
		    (w->match == DAYINDEX_PREFIX || uuid[n] == '\0'))
			m->staged[i] = true;
	}
}

int unindexed_staged(const struct archive *a, const struct query_words *w, bool *ret_staged)
{
	struct word_marks m = {w, ret_staged};

	return each_staged(a, mark_words, &m);
}

struct flow_marks {
	struct query_flow *flows;
	size_t count;
};

static void mark_flows(const char *uuid, void *arg)
{
	const struct flow_marks *m = arg;
	struct part name = partlist_name(uuid, 0, 0);
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (partlist_by_uuid(m->flows[middle].parts[0], &name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < m->count && partlist_by_uuid(m->flows[low].parts[0], &name) == 0; low++)
		m->flows[low].staged = true;
}

int unindexed_mark_staged(const struct archive *a, struct query_flow *flows, size_t count)
{
	struct flow_marks m = {flows, count};

	return count > 0 ? each_staged(a, mark_flows, &m) : 0;
}
