/* SPDX-License-Identifier: BSD-2-Clause */
/* See daywalk.h. */
#include "archive/daywalk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/layout.h"
#include "base/fileio.h"

static int by_day(const void *x, const void *y)
{
	int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;

	return (a > b) - (a < b);
}

struct day_list {
	int32_t *days;
	size_t count, room;
};

static int add_day(struct day_list *l, int32_t day)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		int32_t *p = realloc(l->days, room * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		l->days = p;
		l->room = room;
	}
	l->days[l->count++] = day;
	return 0;
}

/* Returns: 1; 0, also where it is gone; -errno. */
static int is_dir(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	return S_ISDIR(st.st_mode);
}

/* Goes down YYYY, MM, DD; only names of the right length and of digits are looked at. */
static int walk_days(int dirfd, const char *prefix, struct day_list *list)
{
	int fd = openat(
	    dirfd, prefix[0] ? prefix : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	size_t want = prefix[0] ? 2 : 4;
	struct dirent *e;
	int rv = 0;
	DIR *d;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (d == NULL) {
		fileio_close(fd);
		return -ENOMEM;
	}
	while (rv == 0 && (errno = 0, e = readdir(d)) != NULL) {
		char path[LAYOUT_DAY_SIZE];
		int32_t day;

		if (strlen(e->d_name) != want || strspn(e->d_name, "0123456789") != want)
			continue;
		(void)snprintf(
		    path, sizeof(path), "%.7s%s%.4s", prefix, prefix[0] ? "/" : "", e->d_name);
		if (strlen(path) < 10)
			rv = walk_days(dirfd, path, list);
		else if (layout_parse_day_path(path, &day) && (rv = is_dir(dirfd, path)) == 1)
			rv = add_day(list, day);
	}
	if (rv == 0 && errno != 0)
		rv = -errno;
	(void)closedir(d); /* only read from */
	return rv;
}

int daywalk_list(int root, int32_t **ret_days, size_t *ret_count)
{
	struct day_list list = {NULL, 0, 0};
	int rv = walk_days(root, "", &list);

	if (rv != 0) {
		free(list.days);
		return rv;
	}
	if (list.count > 0)
		qsort(list.days, list.count, sizeof(*list.days), by_day);
	*ret_days = list.days;
	*ret_count = list.count;
	return 0;
}
