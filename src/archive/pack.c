/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pack.h. What is to be moved is noted in rounds, oldest first, so that memory does not grow
 * with the day; a round is one or more steps. From its name on, a segment is its own list of what
 * was moved: rows are changed and files removed by going through its members.
 */
#include "archive/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "archive/layout.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "archive/store.h"
#include "archive/tarfmt.h"
#include "base/clk.h"
#include "base/fileio.h"

#define BUFFER_BYTES ((size_t)256 << 10)

/* Notes of one round: one and a half million parts with ordinary names. */
#define ROUND_BYTES ((size_t)64 << 20)

/* How many parts are copied between two looks at whether the writer waits for the day. */
#define ASK_EVERY 16

/* A note: the number of a part, and its UUID with the NUL. */
#define NOTE_MAX (sizeof(uint32_t) + LAYOUT_UUID_SIZE)

struct notes {
	char *data;
	size_t used, room;
	size_t max;      /* bytes of a round */
	size_t at;       /* of the first that is not moved yet */
	int64_t from_ns; /* the round takes parts that do not end before */
	int64_t last_ns; /* where the last one noted ends */
	bool more;       /* there are more, for the next round */
};

struct packing {
	const struct pack_config *config;
	struct pack_totals *totals;
	struct dayindex *index;
	int32_t day;
	int dir;
	uint64_t segment_bytes;
	struct notes notes;
	uint32_t next_number; /* of segments: those below are taken */

	/* the segment that is being made; `used` bytes of the buffer go to its offset `written` */
	int fd;
	uint8_t *buffer;
	size_t used;
	uint64_t written;
	uint64_t members;
};

static void leave(struct packing *x, const char *name, const char *error)
{
	x->totals->left++;
	if (x->config->bad != NULL)
		x->config->bad(x->day, name, error, x->config->arg);
}

/* ---- what is to be moved ---- */

static int add_note(struct notes *n, const struct record *r)
{
	size_t len = strlen(r->uuid) + 1;

	if (n->room - n->used < NOTE_MAX) {
		size_t more = n->room > 0 ? n->room * 2 : (size_t)64 << 10;
		char *p = realloc(n->data, more);

		if (p == NULL)
			return -ENOMEM;
		n->data = p;
		n->room = more;
	}
	memcpy(n->data + n->used, &r->part, sizeof(r->part));
	memcpy(n->data + n->used + sizeof(r->part), r->uuid, len);
	n->used += sizeof(r->part) + len;
	n->last_ns = r->tally.last_ns;
	return 0;
}

/* A round ends between two times, never within one: the next begins with the later one. */
static int note_row(const struct record *r, void *arg)
{
	struct notes *n = arg;

	if (r->segment != 0 || r->tally.last_ns < n->from_ns)
		return 0;
	if (n->used >= n->max && r->tally.last_ns != n->last_ns) {
		n->from_ns = r->tally.last_ns;
		n->more = true;
		return -ECANCELED;
	}
	return add_note(n, r);
}

static int note_round(struct packing *x)
{
	int rv;

	x->notes.used = x->notes.at = 0;
	x->notes.more = false;
	rv = dayindex_select_oldest(x->index, note_row, &x->notes);
	return rv == -ECANCELED ? 0 : rv;
}

/* The next note, whose name lives as long as the round. Returns false where there is none. */
static bool next_note(struct notes *n, const char **ret_uuid, uint32_t *ret_part)
{
	if (n->at == n->used)
		return false;
	memcpy(ret_part, n->data + n->at, sizeof(*ret_part));
	*ret_uuid = n->data + n->at + sizeof(*ret_part);
	n->at += sizeof(*ret_part) + strlen(*ret_uuid) + 1;
	return true;
}

/* ---- copying ---- */

static int flush(struct packing *x)
{
	int rv = fileio_write(x->fd, x->buffer, x->used);

	x->written += x->used;
	x->used = 0;
	return rv;
}

/* Where the next byte would go. */
static uint64_t position(const struct packing *x)
{
	return x->written + x->used;
}

/* Room in the buffer; none only if writing fails. */
static int make_room(struct packing *x, size_t len)
{
	return BUFFER_BYTES - x->used >= len ? 0 : flush(x);
}

/* Forgets what came after an offset: a file could not be read to its end. */
static int go_back(struct packing *x, uint64_t to)
{
	if (to >= x->written) {
		x->used = (size_t)(to - x->written);
		return 0;
	}
	x->used = 0;
	x->written = to;
	return lseek(x->fd, (off_t)to, SEEK_SET) >= 0 && ftruncate(x->fd, (off_t)to) == 0 ? 0
											  : -errno;
}

/* Returns 1 all of it is in the segment; 0 the file cannot be read, and *ret_error; -errno. */
static int copy_content(struct packing *x, int fd, uint64_t len, const char **ret_error)
{
	while (len > 0) {
		int rv = make_room(x, TARFMT_BLOCK_BYTES);
		size_t room = BUFFER_BYTES - x->used;
		size_t want = len < room ? (size_t)len : room;
		ssize_t n;

		if (rv != 0)
			return rv;
		n = fileio_read(fd, x->buffer + x->used, want);
		if (n != (ssize_t)want) {
			*ret_error = n < 0 ? strerror((int)-n) : "it became shorter";
			return 0;
		}
		x->used += want;
		len -= want;
	}
	return 1;
}

static int copy_member(
    struct packing *x, int fd, const char *name, const struct record *r, const char **ret_error)
{
	uint64_t begin = position(x);
	size_t padding = tarfmt_padding(r->length);
	int rv = make_room(x, TARFMT_HEADER_MAX_BYTES);

	if (rv != 0)
		return rv;
	x->used +=
	    tarfmt_header(name, r->length, r->tally.last_ns / CLK_SECOND_NS, x->buffer + x->used);
	rv = copy_content(x, fd, r->length, ret_error);
	if (rv == 0)
		return go_back(x, begin);
	if (rv == 1)
		rv = make_room(x, padding);
	if (rv != 0)
		return rv;
	memset(x->buffer + x->used, 0, padding);
	x->used += padding;
	x->members++;
	return 0;
}

/* What a file must be to be moved; else why it stays. */
static const char *check_file(int fd, const struct record *r)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if ((uint64_t)st.st_size != r->length)
		return "its length is not that of its row";
	return r->length > TARFMT_SIZE_MAX ? "it is too long for a segment" : NULL;
}

/* Returns 0, also where the file stays, which is told; -errno of the segment. */
static int copy_part(struct packing *x, const struct record *r)
{
	char name[LAYOUT_NAME_SIZE];
	const char *error;
	int rv = 0, fd;

	/* O_NONBLOCK: a FIFO of that name would wait for its other end. */
	fd = openat(x->dir, layout_file_name(r->uuid, r->part, name),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		leave(x, name, errno == ELOOP ? "it is no regular file" : strerror(errno));
		return 0;
	}
	error = check_file(fd, r);
	if (error == NULL)
		rv = copy_member(x, fd, name, r, &error);
	fileio_close(fd);
	if (rv == 0 && error != NULL)
		leave(x, name, error);
	return rv;
}

/* To ask means to read a file: not for each of many small parts. */
static bool is_wanted(const struct packing *x)
{
	return x->members > 0 && x->members % ASK_EVERY == 0 &&
	       archive_day_wanted(x->config->archive, x->day);
}

/* Fills the segment. It is cut short where the writer waits: a short one is better than none. */
static int copy_parts(struct packing *x)
{
	const char *uuid;
	uint32_t part;

	while (
	    position(x) < x->segment_bytes && !is_wanted(x) && next_note(&x->notes, &uuid, &part)) {
		struct record r;
		int rv = dayindex_find(x->index, uuid, part, &r);

		if (rv == 1)
			rv = copy_part(x, &r);
		if (rv < 0)
			return rv;
	}
	return 0;
}

/* ---- a step ---- */

static int begin_segment(struct packing *x)
{
	if (unlinkat(x->dir, PACK_TEMPORARY, 0) != 0 && errno != ENOENT)
		return -errno;
	x->fd = openat(x->dir, PACK_TEMPORARY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    ARCHIVE_FILE_MODE);
	x->used = 0;
	x->written = x->members = 0;
	return x->fd >= 0 ? 0 : -errno;
}

/* All of it is on disk under its name, before any row tells of it. */
static int name_segment(struct packing *x, uint32_t *ret_number)
{
	char name[LAYOUT_SEGMENT_SIZE];

	for (; x->next_number < UINT32_MAX; x->next_number++) {
		(void)layout_segment_name(x->next_number, name);
		if (renameat2(x->dir, PACK_TEMPORARY, x->dir, name, RENAME_NOREPLACE) == 0)
			break;
		if (errno == EEXIST)
			continue;
		if (errno != EINVAL && errno != ENOSYS)
			return -errno;
		/* A file system that cannot rename without replacing: two names for a moment. */
		if (linkat(x->dir, PACK_TEMPORARY, x->dir, name, 0) == 0) {
			(void)unlinkat(x->dir, PACK_TEMPORARY, 0); /* begin_segment tries again */
			break;
		}
		if (errno != EEXIST)
			return -errno;
	}
	if (x->next_number == UINT32_MAX)
		return -EMLINK;
	*ret_number = x->next_number++;
	return fsync(x->dir) == 0 ? 0 : -errno;
}

static int end_segment(struct packing *x, uint32_t *ret_number)
{
	uint64_t end = position(x);
	int rv = flush(x);

	if (rv == 0)
		rv = segment_end(x->fd, end);
	if (rv == 0 && fsync(x->fd) != 0)
		rv = -errno;
	return rv == 0 ? name_segment(x, ret_number) : rv;
}

/* Goes through the members of a segment that was just made: there must be as many as were put in.
 */
typedef int member_fn(struct packing *x, uint32_t number, const struct segment_member *m);

static int for_members(struct packing *x, uint32_t number, member_fn *fn)
{
	struct segment_scan s;
	struct segment_member m;
	uint64_t count = 0;
	int rv = segment_scan_begin(&s, x->fd, 0);

	while (rv == 0 && (rv = segment_scan_next(&s, &m)) == 1) {
		count++;
		rv = fn(x, number, &m);
	}
	return rv == 0 && (count != x->members || !s.closed) ? -EIO : rv;
}

static int point_row(struct packing *x, uint32_t number, const struct segment_member *m)
{
	struct record r;
	int rv = dayindex_find(x->index, m->uuid, m->part, &r);

	if (rv < 0)
		return rv;
	if (rv == 0 || r.segment != 0 || r.length != m->length)
		return -EIO; /* the day is ours: nobody changes its rows */
	r.segment = number;
	r.offset = m->offset;
	return dayindex_insert(x->index, &r);
}

static int point_rows(struct packing *x, uint32_t number)
{
	int rv = dayindex_begin(x->index);

	if (rv != 0)
		return rv;
	rv = for_members(x, number, point_row);
	if (rv == 0)
		rv = dayindex_commit_durably(x->index);
	if (rv != 0)
		dayindex_rollback(x->index);
	return rv;
}

static int remove_file(struct packing *x, uint32_t number, const struct segment_member *m)
{
	char name[LAYOUT_NAME_SIZE];

	(void)number;
	if (unlinkat(x->dir, layout_file_name(m->uuid, m->part, name), 0) != 0 && errno != ENOENT)
		return -errno;
	x->totals->parts++;
	x->totals->bytes += m->length;
	return 0;
}

/* The removal is on disk, too, before the day counts as being in order. */
static int publish_segment(struct packing *x)
{
	uint32_t number = 0;
	int rv = end_segment(x, &number);

	if (rv == 0)
		rv = point_rows(x, number);
	if (rv != 0)
		return rv;
	x->totals->segments++;
	rv = for_members(x, number, remove_file);
	if (rv == 0 && fsync(x->dir) != 0)
		rv = -errno;
	return rv;
}

/* One segment, or none where every file that is left in the round stays. */
static int step(struct packing *x)
{
	int rv = begin_segment(x);

	if (rv != 0)
		return rv;
	rv = copy_parts(x);
	if (rv == 0 && x->members > 0)
		rv = publish_segment(x);
	(void)unlinkat(x->dir, PACK_TEMPORARY, 0); /* where it got no name; mend_day does it, too */
	fileio_close(x->fd);
	return rv;
}

static int pack_rounds(struct packing *x)
{
	int rv;

	do {
		rv = note_round(x);
		while (rv == 0 && x->notes.at < x->notes.used)
			rv = archive_day_wanted(x->config->archive, x->day) ? -EAGAIN : step(x);
	} while (rv == 0 && x->notes.more);
	return rv;
}

/* ---- files that no row tells of ---- */

static int check_rest(int dirfd, const char *name, void *arg)
{
	struct packing *x = arg;
	char uuid[LAYOUT_UUID_SIZE];
	struct record r;
	uint32_t part;
	int rv;

	(void)dirfd;
	if (!layout_parse_file_name(name, uuid, &part))
		return 0;
	rv = dayindex_find(x->index, uuid, part, &r);
	if (rv == 0)
		leave(x, name, "the index has no row of it");
	else if (rv == 1 && r.segment != 0)
		leave(x, name, "its row points into a segment");
	return rv < 0 ? rv : 0; /* of the others was told when they were to be copied */
}

static int begin(struct packing *x)
{
	x->buffer = malloc(BUFFER_BYTES);
	if (x->buffer == NULL)
		return -ENOMEM;
	x->dir = archive_open_day(x->config->archive, x->day);
	if (x->dir < 0)
		return x->dir;
	/* To write, an index would be made where there is none. */
	if (faccessat(x->dir, LAYOUT_INDEX, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	return dayindex_open(x->config->archive, x->day, DAYINDEX_WRITE, &x->index);
}

int pack_day(const struct pack_config *config, int32_t day, struct pack_totals *ret_totals)
{
	struct packing x = {.config = config, .totals = ret_totals, .day = day, .dir = -1};
	int rv;

	*ret_totals = (struct pack_totals){0};
	x.segment_bytes = config->segment_bytes > 0 ? config->segment_bytes : STORE_SEGMENT_BYTES;
	x.notes.max = config->note_bytes > 0 ? config->note_bytes : ROUND_BYTES;
	x.notes.from_ns = INT64_MIN;
	x.next_number = 1;
	rv = begin(&x);
	if (rv == 0)
		rv = pack_rounds(&x);
	if (rv == 0)
		rv = rescan_day(config->archive, day, check_rest, &x);
	dayindex_close(x.index);
	fileio_close(x.dir);
	free(x.buffer);
	free(x.notes.data);
	return rv;
}

static int one_is_enough(int dirfd, const char *name, void *arg)
{
	(void)dirfd;
	(void)name;
	(void)arg;
	return -ECANCELED;
}

int pack_needed(const struct archive *a, int32_t day)
{
	int rv = rescan_day(a, day, one_is_enough, NULL);

	return rv == -ECANCELED ? 1 : rv;
}
