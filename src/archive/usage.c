/* SPDX-License-Identifier: BSD-2-Clause */
/* See usage.h. */
#include "archive/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "archive/dayfilter.h"
#include "archive/layout.h"
#include "archive/pin.h"
#include "archive/segment.h"
#include "base/clk.h"
#include "base/fileio.h"

/* What st_blocks counts, stat(2). */
#define BLOCK_BYTES 512u

/* Directories within each other, beyond which nothing is counted: we make three. */
#define DEPTH_MAX 16

/* A day with so many files and no row in a segment is not listed to look for segments. */
#define MANY_FILES 10000u

/* What lies beside the days is looked at for a twentieth of the time at most. */
#define SHARE_OF_TIME 20

/* By what a day tells that it has changed: its directory, its index, what is pinned of it. */
struct signature {
	struct timespec dir, index, pinned;
	int64_t index_bytes;
};

/* What a directory holds, itself included. */
struct tree {
	uint64_t bytes, inodes;
};

struct usage {
	struct archive *archive;
	bool has_writer;      /* somebody writes to the archive, as of the last look */
	uint64_t total_bytes; /* of the file system, as of the last look; 0: unknown */
	struct usage_day *days;
	struct signature *signatures; /* of the days */
	size_t count;
	/* what lies beside the days, and when to look at it again */
	uint64_t beside_bytes, pinned_bytes, damaged_bytes;
	int64_t beside_due_ns;
};

int usage_new(struct archive *a, struct usage **ret_usage)
{
	struct usage *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return -ENOMEM;
	u->archive = a;
	*ret_usage = u;
	return 0;
}

/* ---- counting file by file --------------------------------------------------------------------
 */

static void add_entry(struct tree *t, const struct stat *st)
{
	t->bytes += (uint64_t)st->st_blocks * BLOCK_BYTES;
	t->inodes++;
}

static void add_name(struct tree *t, int at, const char *name)
{
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		add_entry(t, &st);
}

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL)
		fileio_close(fd);
	return d;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Adds a name and all below it. What goes meanwhile, or cannot be read, adds nothing. */
static void walk(int at, const char *name, struct tree *t, int depth)
{
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	add_entry(t, &st);
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX || (d = open_dir(at, name)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (!is_dots(e->d_name))
			walk(dirfd(d), e->d_name, t, depth + 1);
	(void)closedir(d); /* only read from */
}

/* ---- one day ----------------------------------------------------------------------------------
 */

/* Flow files of a day that have a second name below pinned. */
static void add_shared(const struct usage *u, int32_t day, int day_fd, struct tree *t)
{
	char path[LAYOUT_DAY_SIZE], pinned[LAYOUT_DAY_SIZE + sizeof(PIN_DIRECTORY)];
	struct dirent *e;
	DIR *d;

	(void)snprintf(pinned, sizeof(pinned), PIN_DIRECTORY "/%s", layout_day_path(day, path));
	d = open_dir(archive_root(u->archive), pinned);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		struct stat there, here;

		if (fstatat(dirfd(d), e->d_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(there.st_mode) && there.st_nlink > 1 &&
		    fstatat(day_fd, e->d_name, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
		    here.st_ino == there.st_ino && here.st_dev == there.st_dev)
			add_entry(t, &here);
	}
	(void)closedir(d); /* only read from */
}

static int read_summary(struct usage *u, struct usage_day *d)
{
	struct dayindex *x;
	int rv = dayindex_open(u->archive, d->day, DAYINDEX_READ, &x);

	if (rv != 0)
		return rv;
	rv = dayindex_summary(x, &d->summary);
	if (rv == 0)
		rv = dayindex_bytes(x, &d->index_whole_bytes);
	dayindex_close(x);
	/* More than the disk holds: somebody made it up. */
	if (rv == 0 && u->total_bytes > 0 &&
	    (d->summary.file_bytes > u->total_bytes || d->index_whole_bytes > u->total_bytes))
		rv = -EBADMSG;
	return rv;
}

static int add_segments(int day_fd, struct usage_day *d, struct tree *t)
{
	uint32_t *numbers;
	size_t n;
	int rv;

	if (d->summary.segment_parts == 0 && d->summary.file_parts >= MANY_FILES)
		return 0;
	rv = segment_numbers(day_fd, &numbers, &n);
	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n; i++) {
		char name[LAYOUT_SEGMENT_SIZE];

		add_name(t, day_fd, layout_segment_name(numbers[i], name));
	}
	d->segments = n;
	free(numbers);
	return 0;
}

static int count_by_index(int day_fd, struct usage_day *d, struct tree *t)
{
	static const char *const names[] = {
	    ".", LAYOUT_INDEX "-shm", LAYOUT_INDEX "-journal", DAYFILTER_NAME};
	struct tree index = {0}, log = {0};

	add_name(&index, day_fd, LAYOUT_INDEX);
	add_name(&log, day_fd, LAYOUT_INDEX "-wal");
	d->index_bytes = index.bytes;
	d->log_bytes = log.bytes;
	t->bytes = d->summary.file_bytes + index.bytes + log.bytes;
	t->inodes = d->summary.file_parts + index.inodes + log.inodes;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_name(t, day_fd, names[i]);
	return add_segments(day_fd, d, t);
}

/* Also tells how many segments there are. */
static int count_by_name(int day_fd, struct usage_day *d, struct tree *t)
{
	struct dayindex_summary kept = d->summary;
	int rv;

	walk(day_fd, ".", t, 0);
	d->summary = (struct dayindex_summary){0}; /* so that segments are listed */
	rv = add_segments(day_fd, d, &(struct tree){0});
	d->summary = kept;
	return rv;
}

/*
 * A day that is listed while nobody writes was left unfinished by a kill: its index does not tell
 * all. While somebody writes, what is not indexed yet is of the last second.
 */
static int count_day(struct usage *u, int day_fd, struct usage_day *d)
{
	struct tree all = {0}, shared = {0};
	bool complete;
	int rv;

	d->index_error = read_summary(u, d);
	if (fileio_is_want(d->index_error))
		return d->index_error;
	if (d->index_error != 0) {
		d->summary = (struct dayindex_summary){.start_ns = INT64_MAX, .end_ns = INT64_MIN};
		d->index_whole_bytes = 0;
	}
	complete = d->index_error == 0 && (!d->dirty || u->has_writer);
	rv = complete ? count_by_index(day_fd, d, &all) : count_by_name(day_fd, d, &all);
	add_shared(u, d->day, day_fd, &shared);
	d->disk_bytes = all.bytes;
	d->inodes = all.inodes;
	d->pinned_bytes = shared.bytes < all.bytes ? shared.bytes : all.bytes;
	d->pinned_inodes = shared.inodes < all.inodes ? shared.inodes : all.inodes;
	return rv;
}

int usage_look_at_day(struct usage *u, int32_t day, struct usage_day *ret_day)
{
	struct usage_day d = {.day = day, .dirty = archive_day_dirty(u->archive, day)};
	int fd = archive_open_day(u->archive, day), rv;

	if (fd < 0)
		return fd;
	rv = count_day(u, fd, &d);
	fileio_close(fd);
	if (rv == 0)
		*ret_day = d;
	return rv;
}

/* ---- all days ---------------------------------------------------------------------------------
 */

static void sign(const struct usage *u, int32_t day, struct signature *s)
{
	char path[LAYOUT_DAY_SIZE], name[LAYOUT_DAY_SIZE + sizeof(PIN_DIRECTORY LAYOUT_INDEX)];
	int root = archive_root(u->archive);
	struct stat st;

	memset(s, 0, sizeof(*s));
	(void)layout_day_path(day, path);
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		s->dir = st.st_mtim;
	(void)snprintf(name, sizeof(name), "%s/" LAYOUT_INDEX, path);
	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		s->index = st.st_mtim;
		s->index_bytes = st.st_size;
	}
	(void)snprintf(name, sizeof(name), PIN_DIRECTORY "/%s", path);
	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		s->pinned = st.st_mtim;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_signature(const struct signature *a, const struct signature *b)
{
	return same_time(&a->dir, &b->dir) && same_time(&a->index, &b->index) &&
	       same_time(&a->pinned, &b->pinned) && a->index_bytes == b->index_bytes;
}

static int by_day(const void *key, const void *at)
{
	int32_t a = *(const int32_t *)key, b = ((const struct usage_day *)at)->day;

	return (a > b) - (a < b);
}

static struct usage_day *find_day(const struct usage *u, int32_t day)
{
	return u->count > 0 ? bsearch(&day, u->days, u->count, sizeof(*u->days), by_day) : NULL;
}

/* Puts a day into a list that has room for it, as it was seen before where nothing has changed. */
static int put_day(struct usage *u, int32_t day, struct usage *to)
{
	struct usage_day *d = &to->days[to->count];
	struct signature *s = &to->signatures[to->count];
	const struct usage_day *before = find_day(u, day);
	int rv = 0;

	sign(u, day, s);
	if (before != NULL && !before->dirty && !archive_day_dirty(u->archive, day) &&
	    same_signature(s, &u->signatures[before - u->days]))
		*d = *before;
	else
		rv = usage_look_at_day(u, day, d);
	if (rv == 0)
		to->count++;
	return rv == -ENOENT ? 0 : rv; /* it went meanwhile */
}

static int look_at_all(struct usage *u)
{
	struct usage to = {.count = 0};
	int32_t *days;
	size_t n;
	int rv = archive_days(u->archive, &days, &n);

	if (rv != 0)
		return rv;
	to.days = malloc((n + 1) * sizeof(*to.days));
	to.signatures = malloc((n + 1) * sizeof(*to.signatures));
	if (to.days == NULL || to.signatures == NULL)
		rv = -ENOMEM;
	for (size_t i = 0; i < n && rv == 0; i++)
		rv = put_day(u, days[i], &to);
	free(days);
	if (rv != 0) {
		free(to.days);
		free(to.signatures);
		return rv;
	}
	free(u->days);
	free(u->signatures);
	u->days = to.days;
	u->signatures = to.signatures;
	u->count = to.count;
	return 0;
}

/* Returns 1 where a day is new: all must be looked at. */
static int look_at_written(struct usage *u)
{
	int32_t *days;
	size_t n;
	int rv = archive_dirty_days(u->archive, &days, &n);

	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n && rv == 0; i++) {
		struct usage_day *d = find_day(u, days[i]), now;

		rv = usage_look_at_day(u, days[i], &now);
		if (rv == 0 && d == NULL)
			rv = 1;
		else if (rv == 0)
			*d = now;
		else if (rv == -ENOENT)
			rv = d != NULL;
	}
	free(days);
	return rv;
}

/* ---- beside the days --------------------------------------------------------------------------
 */

static bool has_digits(const char *name, size_t count)
{
	return strlen(name) == count && strspn(name, "0123456789") == count;
}

/* A year and its months, as far as they are directories; what they hold is days, or not ours. */
static void add_year(int root, const char *name, struct tree *t)
{
	struct dirent *e;
	DIR *d = open_dir(root, name);

	add_name(t, root, name);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (has_digits(e->d_name, 2))
			add_name(t, dirfd(d), e->d_name);
	(void)closedir(d); /* only read from */
}

static void look_beside(struct usage *u)
{
	int64_t begin_ns = clk_mono().ns, end_ns;
	int root = archive_root(u->archive);
	struct tree pinned = {0}, damaged = {0}, other = {0};
	DIR *d = open_dir(root, ".");
	struct dirent *e;

	add_name(&other, root, ".");
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (is_dots(e->d_name))
			continue;
		if (has_digits(e->d_name, 4))
			add_year(root, e->d_name, &other);
		else if (strcmp(e->d_name, PIN_DIRECTORY) == 0)
			walk(root, e->d_name, &pinned, 0);
		else if (strcmp(e->d_name, USAGE_DAMAGED) == 0)
			walk(root, e->d_name, &damaged, 0);
		else
			walk(root, e->d_name, &other, 0);
	}
	if (d != NULL)
		(void)closedir(d); /* only read from */
	u->beside_bytes = other.bytes;
	u->pinned_bytes = pinned.bytes;
	u->damaged_bytes = damaged.bytes;
	end_ns = clk_mono().ns;
	u->beside_due_ns = end_ns + SHARE_OF_TIME * (end_ns - begin_ns);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void add_up(const struct usage *u, struct usage_sums *s)
{
	uint64_t shared = 0;

	*s = (struct usage_sums){.disk_bytes = u->beside_bytes + u->damaged_bytes,
	    .pinned_bytes = u->pinned_bytes,
	    .damaged_bytes = u->damaged_bytes,
	    .days = u->count};
	for (size_t i = 0; i < u->count; i++) {
		s->disk_bytes += u->days[i].disk_bytes;
		shared += u->days[i].pinned_bytes;
	}
	s->disk_bytes += u->pinned_bytes > shared ? u->pinned_bytes - shared : 0;
}

int usage_look(struct usage *u, enum usage_how how, struct usage_sums *ret_sums)
{
	struct statvfs v;
	bool beside;
	int rv = 1;

	if (fstatvfs(archive_root(u->archive), &v) == 0)
		u->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	u->has_writer = archive_has_writer(u->archive);
	if (how == USAGE_WRITTEN && u->days != NULL)
		rv = look_at_written(u);
	if (rv == 1)
		rv = look_at_all(u);
	if (rv != 0)
		return rv;
	beside = how == USAGE_ALL || clk_mono().ns >= u->beside_due_ns;
	if (beside)
		look_beside(u);
	add_up(u, ret_sums);
	ret_sums->beside = beside;
	return 0;
}

const struct usage_day *usage_days(const struct usage *u, size_t *ret_count)
{
	*ret_count = u->count;
	return u->days;
}

void usage_free(struct usage *u)
{
	if (u == NULL)
		return;
	free(u->days);
	free(u->signatures);
	free(u);
}
