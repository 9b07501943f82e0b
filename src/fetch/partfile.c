/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See partfile.h. A name in a segment is read each time before its content: a segment may have been
 * removed, and another one have got its number.
 */
#include "fetch/partfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/record.h"
#include "archive/tarfmt.h"
#include "pcapfile/gzmember.h"

/* A part that moves again and again while it is looked for. */
#define TRIES 3

/* The extent of a part in a file that is open. Returns 0; -errno. */
static int set_extent(const struct part *p, int fd, struct extent *e)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	size = (uint64_t)st.st_size;
	*e = (struct extent){.fd = fd, .length = size};
	if (p->segment == 0)
		return 0;
	e->offset = p->offset;
	e->length = size > p->offset ? size - p->offset : 0;
	if (e->length > p->length)
		e->length = p->length;
	return 0;
}

/* Does the header in front of it name the part? What cannot be read does not. */
static bool is_named(const struct part *p, int fd)
{
	char uuid[LAYOUT_UUID_SIZE], name[LAYOUT_NAME_SIZE];
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	struct tarfmt_entry entry;
	size_t n = tarfmt_header_bytes(layout_file_name(partlist_uuid(p, uuid), p->number, name));

	return p->offset >= n && fileio_pread(fd, header, n, p->offset - n) == (ssize_t)n &&
	       tarfmt_parse(header, n, &entry) == 1 && entry.header_bytes == n &&
	       entry.size == p->length && strcmp(entry.name, name) == 0;
}

/* Returns 0 and *e, *named: is it surely the part; -errno. */
static int open_at(
    const struct partfile_places *w, const struct part *p, struct extent *e, bool *named)
{
	char path[PARTLIST_PATH_SIZE];
	int fd = openat(archive_root(w->archive), partlist_path(p, path),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int rv;

	if (fd < 0)
		return -errno;
	rv = set_extent(p, fd, e);
	if (rv != 0) {
		fileio_close(fd);
		return rv;
	}
	*named = p->segment == 0 || is_named(p, fd);
	return 0;
}

static bool same_place(const struct part *a, const struct part *b)
{
	return a->segment == b->segment && a->offset == b->offset && a->length == b->length &&
	       a->pinned == b->pinned;
}

/* Returns 1 it lies elsewhere now; 0 where it was; -ENOENT it is gone; -errno. */
static int locate(const struct partfile_places *w, const struct part *p, struct part **moved)
{
	const struct part *was = *moved != NULL ? *moved : p;
	struct part now = *was;
	int rv = w->locate != NULL ? w->locate(&now, w->locate_arg) : 0;

	if (rv != 0 || same_place(was, &now))
		return rv;
	if (*moved == NULL)
		*moved = malloc(sizeof(**moved));
	if (*moved == NULL)
		return -ENOMEM;
	**moved = now;
	return 1;
}

static int complain(struct fault *fault, int rv, bool gone)
{
	if (rv == -ENOENT)
		return fault_set(fault, rv, "%s", gone ? PARTFILE_REMOVED : "missing");
	return fault_set(fault, rv, "%s", rv == -EBADMSG ? "not a regular file" : strerror(-rv));
}

int partfile_open(const struct partfile_places *w, const struct part *p, struct part **moved,
    struct extent *ret_extent, struct fault *fault)
{
	for (int tries = 0;; tries++) {
		struct extent e;
		bool named = false;
		int rv = open_at(w, *moved != NULL ? *moved : p, &e, &named), now = 0;

		if (rv != 0 && rv != -ENOENT)
			return complain(fault, rv, false);
		if (!named && tries < TRIES)
			now = locate(w, p, moved);
		if (rv == 0 && now == 0) { /* where the name is damaged, the content may be good */
			*ret_extent = e;
			return 0;
		}
		if (rv == 0)
			fileio_close(e.fd);
		if (now != 1)
			return complain(fault, now != 0 ? now : rv, now == -ENOENT);
	}
}

void partfile_complain(
    const struct part *p, const char *reason, partfile_bad_fn *bad, void *bad_arg)
{
	char path[PARTLIST_PATH_SIZE], uuid[LAYOUT_UUID_SIZE], name[LAYOUT_NAME_SIZE];
	char whole[LAYOUT_NAME_SIZE + sizeof(struct fault)];

	(void)partlist_path(p, path);
	if (p->segment == 0) {
		bad(path, reason, bad_arg);
		return;
	}
	(void)layout_file_name(partlist_uuid(p, uuid), p->number, name);
	(void)snprintf(whole, sizeof(whole), "%s: %s", name, reason);
	bad(path, whole, bad_arg);
}

const char *partfile_record(const struct extent *e, char *buf)
{
	uint8_t tail[RECORD_JSON_MAX + GZMEMBER_EXTRA_OVERHEAD];
	size_t want = e->length < sizeof(tail) ? (size_t)e->length : sizeof(tail), len = 0;
	ssize_t n = fileio_pread_extent(e, tail, want, e->length - want);
	const char *text = n > 0 ? gzmember_find_extra(RECORD_ID, tail, (size_t)n, &len) : NULL;
	struct record r;
	int has_client;

	buf[0] = '\0';
	if (text == NULL || record_parse(text, len, &r, &has_client) != 0)
		return buf;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	memcpy(buf, text, len); /* shorter than tail, and so than buf */
	buf[len] = '\0';
	return buf;
}
