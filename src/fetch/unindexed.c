/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See unindexed.h. A file that lacks its row is read whole to learn what the row would say.
 */
#include "fetch/unindexed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/rescan.h"
#include "archive/store.h"
#include "base/fileio.h"

/*
 * Parts of a flow have numbers one after another; where a day lacks some of them, others of that
 * day may still follow after such a gap.
 */
#define NUMBER_GAP 16u

struct search {
	const struct unindexed *u;
	struct partlist *parts;    /* where new ones go */
	const struct part **known; /* those of the index, sorted by name */
	size_t known_count;
	int32_t day;
};

static void complain(const struct search *s, const char *name, const char *reason)
{
	char path[PARTLIST_PATH_SIZE], day[LAYOUT_DAY_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", layout_day_path(s->day, day), name);
	s->u->bad(path, reason, s->u->bad_arg);
}

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

static int add_file(const struct search *s, int dirfd, const char *name)
{
	char error[RESCAN_ERROR_SIZE];
	struct record r;
	int rv = rescan_file(dirfd, s->day, name, &r, error);

	if (rv == 0)
		return partlist_add(s->parts, &r);
	if (rv != -ENOENT)
		complain(s, name, error);
	return 0;
}

/* All parts of one UUID, by the names that they would have. */
static int look_for_names(const struct search *s, int dirfd, const char *uuid)
{
	uint32_t last = highest_number(s, uuid) + NUMBER_GAP;
	char name[LAYOUT_NAME_SIZE];
	int rv = 0;

	for (uint32_t n = 0; n <= last && rv == 0; n++) {
		if (is_known(s, uuid, n) || faccessat(dirfd, layout_file_name(uuid, n, name), F_OK,
						AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		rv = add_file(s, dirfd, name);
		if (n + NUMBER_GAP > last)
			last = n + NUMBER_GAP;
	}
	return rv;
}

static bool wanted(const struct query_words *w, const char *uuid)
{
	for (size_t i = 0; i < w->count; i++)
		if (strncmp(uuid, w->words[i], strlen(w->words[i])) == 0)
			return true;
	return w->words == NULL;
}

static int look_at_file(int dirfd, const char *name, void *arg)
{
	const struct search *s = arg;
	char uuid[LAYOUT_UUID_SIZE];
	uint32_t number;

	if (!layout_parse_file_name(name, uuid, &number) || !wanted(s->u->words, uuid) ||
	    is_known(s, uuid, number))
		return 0;
	return add_file(s, dirfd, name);
}

/* Exact UUIDs are asked for by name, so that a full directory costs no more than an empty one. */
static int look_in_day(struct search *s)
{
	const struct query_words *w = s->u->words;
	int dirfd, rv = 0;

	if (w->words == NULL || w->match == DAYINDEX_PREFIX)
		return rescan_day(s->u->archive, s->day, look_at_file, s);
	dirfd = archive_open_day(s->u->archive, s->day);
	for (size_t i = 0; i < w->count && dirfd >= 0 && rv == 0; i++)
		rv = look_for_names(s, dirfd, w->words[i]);
	fileio_close(dirfd);
	return dirfd >= 0 ? rv : dirfd;
}

int unindexed_find(
    const struct unindexed *u, const int32_t *days, size_t day_count, struct partlist *parts)
{
	struct search s = {.u = u, .parts = parts};
	int rv = sort_known(&s);

	for (size_t i = 0; i < day_count && rv == 0; i++) {
		s.day = days[i];
		rv = look_in_day(&s);
		if (rv == 0 || rv == -ENOMEM)
			continue;
		if (rv != -ENOENT) /* listed, and its directory not made yet */
			complain(&s, "", strerror(-rv));
		rv = 0;
	}
	free(s.known);
	return rv;
}

/* The UUID in the name of a staged file, "SEQ.UUID"; NULL where it has none yet. */
static const char *staged_uuid(const char *name)
{
	const char *dot = strchr(name, '.');

	/* A flow that has no name yet stands there as STORE_UNNAMED. */
	return dot != NULL && dot > name && layout_uuid_valid(dot + 1) &&
		       strcmp(dot + 1, STORE_UNNAMED) != 0
		   ? dot + 1
		   : NULL;
}

static void mark_staged(const struct query_words *w, const char *uuid, bool *staged)
{
	for (size_t i = 0; i < w->count; i++) {
		size_t n = strlen(w->words[i]);

		if (strncmp(uuid, w->words[i], n) == 0 &&
		    (w->match == DAYINDEX_PREFIX || uuid[n] == '\0'))
			staged[i] = true;
	}
}

int unindexed_staged(const struct archive *a, const struct query_words *w, bool *ret_staged)
{
	int fd =
	    openat(archive_root(a), ".staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (d == NULL) {
		fileio_close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d)) != NULL) {
		const char *uuid = staged_uuid(e->d_name);

		if (uuid != NULL)
			mark_staged(w, uuid, ret_staged);
	}
	(void)closedir(d); /* only read from */
	return 0;
}
