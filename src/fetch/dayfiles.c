/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayfiles.h. */
#include "fetch/dayfiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayfile.h"
#include "archive/layout.h"
#include "archive/segment.h"
#include "base/fileio.h"

struct dayfiles {
	char *text; /* all names, each ended by a NUL */
	size_t text_bytes, text_room;
	size_t *names; /* where they begin, in the order of names */
	size_t count;
	uint32_t *segments; /* in ascending order */
	size_t segment_count;
};

/* Names wait in one text; where they begin is found when all are there. */
static int add_name(struct dayfiles *f, const char *name)
{
	size_t n = strlen(name) + 1;

	if (f->text_room - f->text_bytes < n) {
		size_t room = f->text_room + f->text_room / 2 + 4096;
		char *more = realloc(f->text, room);

		if (more == NULL)
			return -ENOMEM;
		f->text = more;
		f->text_room = room;
	}
	memcpy(f->text + f->text_bytes, name, n);
	f->text_bytes += n;
	f->count++;
	return 0;
}

static bool is_index(const char *name)
{
	const char *own;

	for (unsigned i = 0; (own = dayfile_name(i)) != NULL; i++)
		if (strcmp(name, own) == 0)
			return true;
	return false;
}

static int read_names(struct dayfiles *f, DIR *d, dayfiles_fn *stranger, void *arg)
{
	char uuid[LAYOUT_UUID_SIZE];
	struct dirent *e;
	uint32_t number;
	int rv = 0;

	while (rv == 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (layout_parse_file_name(e->d_name, uuid, &number))
			rv = add_name(f, e->d_name);
		else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			 !is_index(e->d_name) && !layout_parse_segment_name(e->d_name, &number))
			stranger(e->d_name, arg);
	}
	return rv != 0 ? rv : -errno;
}

static int compare_names(const void *a, const void *b, void *text)
{
	return strcmp(
	    (const char *)text + *(const size_t *)a, (const char *)text + *(const size_t *)b);
}

static int sort_names(struct dayfiles *f)
{
	size_t at = 0;

	f->names = malloc((f->count + 1) * sizeof(*f->names));
	if (f->names == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < f->count; i++) {
		f->names[i] = at;
		at += strlen(f->text + at) + 1;
	}
	qsort_r(f->names, f->count, sizeof(*f->names), compare_names, f->text);
	return 0;
}

int dayfiles_read(int dirfd, dayfiles_fn *stranger, void *arg, struct dayfiles **ret_files)
{
	struct dayfiles *f = calloc(1, sizeof(*f));
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rv = fd < 0 ? -errno : 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (rv == 0 && (f == NULL || d == NULL))
		rv = -ENOMEM;
	if (rv == 0)
		rv = read_names(f, d, stranger, arg);
	if (rv == 0)
		rv = sort_names(f);
	if (rv == 0)
		rv = segment_numbers(dirfd, &f->segments, &f->segment_count);
	if (d != NULL)
		(void)closedir(d); /* only read from */
	else
		fileio_close(fd);
	if (rv != 0) {
		dayfiles_free(f);
		return rv;
	}
	*ret_files = f;
	return 0;
}

size_t dayfiles_count(const struct dayfiles *f)
{
	return f->count + f->segment_count;
}

const uint32_t *dayfiles_segments(const struct dayfiles *f, size_t *ret_count)
{
	*ret_count = f->segment_count;
	return f->segments;
}

void dayfiles_each(const struct dayfiles *f, dayfiles_fn *fn, void *arg)
{
	for (size_t i = 0; i < f->count; i++)
		fn(f->text + f->names[i], arg);
}

void dayfiles_free(struct dayfiles *f)
{
	if (f == NULL)
		return;
	free(f->names);
	free(f->text);
	free(f->segments);
	free(f);
}
