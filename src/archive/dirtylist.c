/* SPDX-License-Identifier: BSD-2-Clause */
/* See dirtylist.h. */
#include "archive/dirtylist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/layout.h"
#include "base/fileio.h"

#define NAME      ".dirty"
#define TOOL      " tool"
#define LINE_SIZE (LAYOUT_DAY_SIZE + sizeof(TOOL))

#define READ_BYTES 4096

/* Where a day stands, or would. */
static size_t place_of(const struct dirtylist *l, int32_t day)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->days[mid].day < day)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool stands_at(const struct dirtylist *l, size_t i, int32_t day)
{
	return i < l->count && l->days[i].day == day;
}

unsigned dirtylist_by(const struct dirtylist *l, int32_t day)
{
	size_t i = place_of(l, day);

	return stands_at(l, i, day) ? l->days[i].by : 0;
}

static int insert(struct dirtylist *l, size_t at, struct dirtylist_day d)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct dirtylist_day *p = realloc(l->days, room * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		l->days = p;
		l->room = room;
	}
	memmove(l->days + at + 1, l->days + at, (l->count - at) * sizeof(d));
	l->days[at] = d;
	l->count++;
	return 0;
}

int dirtylist_set(struct dirtylist *l, int32_t day, unsigned by)
{
	size_t i = place_of(l, day);

	if (!stands_at(l, i, day))
		return by != 0 ? insert(l, i, (struct dirtylist_day){day, by}) : 0;
	if (by != 0)
		l->days[i].by = by;
	else
		memmove(l->days + i, l->days + i + 1, (--l->count - i) * sizeof(*l->days));
	return 0;
}

/* Lines that are not days were not written by us: passed over. */
static int add_line(struct dirtylist *l, char *line)
{
	char *end = line + strcspn(line, " ");
	unsigned by = DIRTYLIST_WRITER;
	int32_t day;

	if (strcmp(end, TOOL) == 0) {
		by = DIRTYLIST_TOOL;
		*end = '\0';
	}
	if (!layout_parse_day_path(line, &day))
		return 0;
	return dirtylist_set(l, day, by | dirtylist_by(l, day));
}

/* A line so far; without room for its NUL it is too long. */
struct line {
	char text[LINE_SIZE];
	size_t len;
};

/* One that is too long is passed over. */
static int end_line(struct dirtylist *l, struct line *line)
{
	line->text[line->len < LINE_SIZE ? line->len : 0] = '\0';
	line->len = 0;
	return add_line(l, line->text);
}

/* What stdio makes of an interrupted read is an error: see fileio.h. */
static int read_lines(int fd, struct dirtylist *l)
{
	struct line line = {.len = 0};
	char buf[READ_BYTES];
	ssize_t n;
	int rv = 0;

	while (rv == 0 && (n = fileio_read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return (int)n;
		for (ssize_t i = 0; i < n && rv == 0; i++) {
			if (buf[i] == '\n')
				rv = end_line(l, &line);
			else if (line.len < LINE_SIZE)
				line.text[line.len++] = buf[i];
		}
	}
	return rv == 0 ? end_line(l, &line) : rv;
}

int dirtylist_read(int root, struct dirtylist *ret_list)
{
	int fd = openat(root, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct dirtylist l = {0};
	int rv;

	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd >= 0) {
		rv = read_lines(fd, &l);
		fileio_close(fd);
		if (rv != 0) {
			dirtylist_free(&l);
			return rv;
		}
	}
	*ret_list = l;
	return 0;
}

int dirtylist_write(int root, const struct dirtylist *l)
{
	size_t size = 2 * l->count * LINE_SIZE + 1, n = 0;
	char *text;
	int rv;

	if (l->count == 0)
		return unlinkat(root, NAME, 0) == 0 || errno == ENOENT ? 0 : -errno;
	text = malloc(size);
	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++) {
		char day[LAYOUT_DAY_SIZE];

		(void)layout_day_path(l->days[i].day, day);
		if (l->days[i].by & DIRTYLIST_WRITER)
			n += (size_t)snprintf(text + n, size - n, "%s\n", day);
		if (l->days[i].by & DIRTYLIST_TOOL)
			n += (size_t)snprintf(text + n, size - n, "%s" TOOL "\n", day);
	}
	rv = fileio_replace(root, NAME, text, ARCHIVE_FILE_MODE);
	free(text);
	return rv;
}

void dirtylist_free(struct dirtylist *l)
{
	free(l->days);
	*l = (struct dirtylist){0};
}
