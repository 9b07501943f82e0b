/* SPDX-License-Identifier: BSD-2-Clause */
/* See staging.h. */
#include "archive/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fileio.h"

static int add_name(struct staging *s, const char *name)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		char **p = realloc(s->names, room * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		s->names = p;
		s->room = room;
	}
	s->names[s->count] = strdup(name);
	if (s->names[s->count] == NULL)
		return -ENOMEM;
	s->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(DIR *d, struct staging *s)
{
	int rv = 0;

	while (rv == 0) {
		struct dirent *e = (errno = 0, readdir(d));

		if (e == NULL)
			return -errno; /* 0 at the end */
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rv = add_name(s, e->d_name);
	}
	return rv;
}

int staging_read(int dirfd, struct staging *ret_staging)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rv;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct staging s = {0};

	if (d == NULL) {
		rv = -errno;
		fileio_close(fd);
		return rv;
	}
	rv = read_names(d, &s);
	(void)closedir(d); /* only read from */
	if (rv != 0) {
		staging_free(&s);
		return rv;
	}
	if (s.count > 0)
		qsort(s.names, s.count, sizeof(*s.names), by_name);
	*ret_staging = s;
	return 0;
}

void staging_free(struct staging *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->names[i]);
	free(s->names);
	*s = (struct staging){0};
}
