/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See mend.h. First the rows are looked at, then the segments, then the files, all in one
 * transaction, so that readers see the old index or the new one. Files that lie in a segment as
 * well go after that: until then a row may point at them.
 */
#include "archive/mend.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayfile.h"
#include "archive/layout.h"
#include "archive/mend_private.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "base/fileio.h"
#include "pcapfile/memberscan.h"

/* How many files or members are looked at before it is asked whether the writer waits. */
#define STEPS 64

/* Rows that are removed at a time: they cannot go while the others are being read. */
#define GONE_ROWS 4096

/* ---- what is shared with mend_segment.c ---- */

void mend_bad(struct mending *x, const char *name, const char *error)
{
	x->totals.damaged++;
	if (x->config->bad != NULL)
		x->config->bad(x->day, name, error, x->config->arg);
}

int mend_insert(struct mending *x, const struct record *r)
{
	int rv = dayindex_insert(x->index, r);

	if (rv == 0)
		x->totals.added++;
	return rv;
}

static int open_file(const struct mending *x, const char *name)
{
	return openat(x->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

int mend_same(const struct mending *x, const struct record *r, const struct extent *e)
{
	struct extent other;
	int rv;

	if (r->length != e->length || rescan_open(x->dirfd, r, &other) != 0)
		return 0;
	rv = fileio_same_extents(&other, e);
	fileio_close(other.fd);
	return rv;
}

/* ---- rows ---- */

struct gone {
	char uuid[LAYOUT_UUID_SIZE];
	uint32_t part;
};

struct rows_pass {
	struct mending *mending;
	struct gone *gone;
	size_t count;
};

/* Is the file, or the segment as far as it is needed, there? */
static bool is_there(struct mending *x, const struct record *r)
{
	char name[LAYOUT_NAME_SIZE];
	struct mend_segment *s;
	struct stat st;
	uint64_t end;

	if (r->segment == 0)
		return fstatat(x->dirfd, layout_file_name(r->uuid, r->part, name), &st,
			   AT_SYMLINK_NOFOLLOW) == 0 &&
		       S_ISREG(st.st_mode) && (uint64_t)st.st_size == r->length;
	s = mend_find_segment(x, r->segment);
	if (s == NULL || r->offset > s->size || r->length > s->size - r->offset)
		return false;
	end = r->offset + r->length + tarfmt_padding(r->length);
	if (end > s->rows_end)
		s->rows_end = end;
	s->rows_bytes += mend_member_bytes(r);
	return true;
}

static int check_row(const struct record *r, void *arg)
{
	struct rows_pass *p = arg;
	struct gone *g;

	if (is_there(p->mending, r))
		return 0;
	if (p->count == GONE_ROWS)
		return -ECANCELED; /* they go first, then all is looked at again */
	g = &p->gone[p->count++];
	(void)snprintf(g->uuid, sizeof(g->uuid), "%s", r->uuid);
	g->part = r->part;
	return 0;
}

static int look_at_rows(struct rows_pass *p)
{
	const struct dayindex_where all = {.sql = ""};
	struct mending *x = p->mending;
	int rv;

	p->count = 0;
	for (size_t i = 0; i < x->segment_count; i++)
		x->segments[i].rows_end = x->segments[i].rows_bytes = 0;
	rv = dayindex_select_where(x->index, &all, check_row, p);
	if (rv != 0 && rv != -ECANCELED)
		return rv;
	for (size_t i = 0; i < p->count; i++) {
		int error = dayindex_delete(x->index, p->gone[i].uuid, p->gone[i].part);

		if (error != 0)
			return error;
		x->totals.removed++;
	}
	return rv;
}

static int mend_rows(struct mending *x)
{
	struct rows_pass p = {.mending = x, .gone = calloc(GONE_ROWS, sizeof(*p.gone))};
	int rv;

	if (p.gone == NULL)
		return -ENOMEM;
	do
		rv = look_at_rows(&p);
	while (rv == -ECANCELED);
	free(p.gone);
	return rv;
}

/* ---- files ---- */

/*
 * Is the file of a row that points into a segment the same as what lies there? Returns 1, 0.
 */
static int is_double(const struct mending *x, const struct record *r, const char *name)
{
	struct extent e;
	int fd = open_file(x, name), rv = 0;

	if (fd < 0)
		return 0;
	if (fileio_extent(fd, &e) == 0)
		rv = mend_same(x, r, &e) == 1;
	fileio_close(fd);
	return rv;
}

bool mend_wanted(struct mending *x)
{
	return ++x->steps % STEPS == 0 && archive_day_wanted(x->archive, x->day);
}

static int mend_file(int dirfd, const char *name, void *arg)
{
	struct mending *x = arg;
	char error[RESCAN_ERROR_SIZE];
	struct rescan_name n;
	struct record r;
	int rv;

	if (!layout_parse_file_name(name, n.uuid, &n.part))
		return 0;
	if (mend_wanted(x))
		return -EAGAIN;
	rv = dayindex_find(x->index, n.uuid, n.part, &r);
	if (rv < 0 || (rv == 1 && r.segment == 0))
		return rv < 0 ? rv : 0;
	if (rv == 1) {
		if (is_double(x, &r, name))
			x->doubles++;
		else
			mend_bad(x, name, "a part of this name with other bytes is in a segment");
		return 0;
	}
	rv = rescan_file(dirfd, x->day, name, &r, error);
	if (rv == 0)
		return mend_insert(x, &r);
	if (fileio_is_want(rv))
		return rv;
	mend_bad(x, name, error);
	return 0;
}

/* After the commit: the row does not need it any more. */
static int remove_double(int dirfd, const char *name, void *arg)
{
	struct mending *x = arg;
	struct rescan_name n;
	struct record r;

	if (layout_parse_file_name(name, n.uuid, &n.part) &&
	    dayindex_find(x->index, n.uuid, n.part, &r) == 1 && r.segment != 0 &&
	    is_double(x, &r, name))
		(void)unlinkat(dirfd, name, 0); /* else the next mending does it */
	return 0;
}

/* ".flows-7.tar.tmp" */
static bool is_left_by_pack(const char *name)
{
	char segment[LAYOUT_SEGMENT_SIZE];
	size_t n = strlen(name), tail = strlen(".tmp");
	uint32_t number;

	if (name[0] != '.' || n < tail + 1 || n - 1 - tail >= sizeof(segment) ||
	    strcmp(name + n - tail, ".tmp") != 0)
		return false;
	memcpy(segment, name + 1, n - 1 - tail);
	segment[n - 1 - tail] = '\0';
	return layout_parse_segment_name(segment, &number);
}

/* Temporary files of a pack that was killed: all that they hold lies in files, too. */
static void remove_temporary(const struct mending *x)
{
	int fd = openat(x->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (d == NULL) {
		fileio_close(fd);
		return; /* they do no harm */
	}
	while ((e = readdir(d)) != NULL)
		if (is_left_by_pack(e->d_name))
			(void)unlinkat(fd, e->d_name, 0); /* as above */
	(void)closedir(d);                                /* only read from */
}

/* ---- the index ---- */

/* Takes away an index that cannot be used any more: all it held is in the files. */
static void remove_index(const struct mending *x)
{
	const char *name;

	for (unsigned i = 0; (name = dayfile_name(i)) != NULL; i++)
		(void)unlinkat(x->dirfd, name, 0); /* what stays shows when it is opened */
}

/* The rows of a segment that is being written cannot be made again. */
static int forget_rows(struct mending *x)
{
	for (size_t i = 0; i < x->segment_count; i++)
		if (archive_segment_open(x->archive, x->day, x->segments[i].number))
			return -EBUSY;
	return dayindex_delete_all(x->index);
}

static int mend_in_transaction(struct mending *x, enum mend_how how)
{
	struct dayindex_summary sum;
	int rv = dayindex_begin(x->index);

	if (rv == 0)
		rv = mend_list_segments(x);
	if (rv == 0 && how == MEND_ALL)
		rv = forget_rows(x);
	else if (rv == 0)
		rv = mend_rows(x);
	if (rv == 0)
		rv = mend_segments(x);
	if (rv == 0)
		rv = rescan_day(x->archive, x->day, mend_file, x);
	/* What is indexed is on disk. */
	if (rv == 0 && x->totals.added > 0 && syncfs(x->dirfd) != 0)
		rv = -errno;
	if (rv == 0)
		rv = dayindex_commit_durably(x->index);
	if (rv == 0 && x->doubles > 0)
		rv = rescan_day(x->archive, x->day, remove_double, x);
	if (rv == 0)
		rv = dayindex_summary(x->index, &sum);
	if (rv == 0)
		x->totals.rows = sum.parts;
	return rv;
}

/* -EBADMSG, -ENOTSUP: the index cannot be used as it is. */
static int mend_with_index(struct mending *x, enum mend_how how)
{
	int rv = dayindex_open(x->archive, x->day, DAYINDEX_WRITE, &x->index);

	if (rv == 0)
		rv = mend_in_transaction(x, how);
	dayindex_close(x->index); /* without a commit SQLite rolls back */
	x->index = NULL;
	free(x->segments);
	x->segments = NULL;
	x->segment_count = 0;
	return rv;
}

int mend_day(struct archive *a, int32_t day, const struct mend_config *config,
    struct mend_totals *ret_totals)
{
	struct mending x = {.archive = a, .day = day, .config = config};
	int rv;

	x.dirfd = archive_open_day(a, day);
	if (x.dirfd < 0)
		return x.dirfd;
	remove_temporary(&x);
	rv = mend_with_index(&x, config->how);
	if (rv == -EBADMSG || rv == -ENOTSUP) {
		remove_index(&x);
		x.totals = (struct mend_totals){0};
		x.doubles = 0;
		rv = mend_with_index(&x, MEND_ALL);
	}
	memberscan_free(x.scan);
	fileio_close(x.dirfd);
	if (rv == 0)
		*ret_totals = x.totals;
	return rv;
}
