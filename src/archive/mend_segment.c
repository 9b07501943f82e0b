/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mends the segments of a day; see mend.h.
 *
 * A segment is gone through from where its rows end. What can be read as a flow file gets a row,
 * or has its name taken and is told. What cannot be read is cut off where it stands at the end: it
 * was being written when somebody was killed, or the power went, and the pages of a file reach the
 * disk in any order. Where something whole follows, nothing is cut: that is damage.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layout.h"
#include "archive/mend_private.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "packet/packet.h"
#include "pcapfile/memberscan.h"
#include "pcapfile/pcapfmt.h"

/* No member of a flow file inflates to more: a single record of the largest packet. */
#define MEMBER_BYTES (PCAPFMT_RECORD_HEADER_BYTES + PACKET_MAX_CAPLEN)

#define PATH_SIZE (LAYOUT_SEGMENT_SIZE + LAYOUT_NAME_SIZE + 1)

/* ---- which there are ---- */

int mend_list_segments(struct mending *x)
{
	uint32_t *numbers;
	size_t n;
	int rv = segment_numbers(x->dirfd, &numbers, &n);

	if (rv != 0)
		return rv;
	x->segments = calloc(n + 1, sizeof(*x->segments));
	if (x->segments == NULL)
		rv = -ENOMEM;
	for (size_t i = 0; rv == 0 && i < n; i++) {
		char name[LAYOUT_SEGMENT_SIZE];
		struct stat st;

		(void)layout_segment_name(numbers[i], name);
		if (fstatat(x->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			rv = errno == ENOENT ? 0
					     : -errno; /* of what is not listed rows are removed */
		else if (!S_ISREG(st.st_mode))
			mend_bad(x, name, "not a regular file");
		else
			x->segments[x->segment_count++] = (struct mend_segment){
			    .number = numbers[i], .size = (uint64_t)st.st_size};
	}
	free(numbers);
	return rv;
}

struct mend_segment *mend_find_segment(const struct mending *x, uint32_t number)
{
	size_t low = 0, high = x->segment_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->segments[mid].number == number)
			return &x->segments[mid];
		if (x->segments[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

uint64_t mend_member_bytes(const struct record *r)
{
	char name[LAYOUT_NAME_SIZE];

	return tarfmt_header_bytes(layout_file_name(r->uuid, r->part, name)) + r->length +
	       tarfmt_padding(r->length);
}

/* ---- one member ---- */

struct tail {
	uint64_t kept;  /* where the last member that stays ends */
	uint64_t begun; /* where the row of unreadable ones behind it begins; UINT64_MAX: none */
};

struct walk {
	struct mending *mending;
	const struct mend_segment *segment;
	int fd;
	struct tail tail;
	bool cut; /* it ends inside a header of ours, or a member */
};

static void tell(struct walk *w, const struct segment_member *m, const char *error)
{
	char segment[LAYOUT_SEGMENT_SIZE], name[LAYOUT_NAME_SIZE], path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s",
	    layout_segment_name(w->segment->number, segment),
	    layout_file_name(m->uuid, m->part, name));
	mend_bad(w->mending, path, error);
}

/* Did this never come to its end? Then its gzip members are not all whole. 1, 0, -errno. */
static int is_torn(struct mending *x, const struct extent *e)
{
	struct memberscan_member m;
	struct fault fault = {0};
	int rv = x->scan == NULL ? memberscan_new(MEMBER_BYTES, &x->scan) : 0;

	if (rv != 0)
		return rv;
	memberscan_begin(x->scan, e);
	do
		rv = memberscan_next(x->scan, &m, &fault);
	while (rv == 1);
	return rv == -ENODATA || rv == -EBADMSG ? 1 : rv;
}

enum member {
	MEMBER_KEPT, /* with a row or without, but it was told then */
	MEMBER_TORN
};

/* A whole flow file whose name has a row already: of a file, of another member, or of itself. */
static int member_with_row(struct walk *w, const struct segment_member *m, struct record *r)
{
	const struct extent e = {w->fd, m->offset, m->length};
	int rv;

	if (r->segment == w->segment->number && r->offset == m->offset && r->length == m->length)
		return 0;
	rv = mend_same(w->mending, r, &e);
	if (rv != 1) {
		tell(w, m, rv < 0 ? strerror(-rv) : "another part with other bytes has its name");
		return 0;
	}
	if (r->segment != 0)
		return 0; /* the first one counts */
	r->segment = w->segment->number;
	r->offset = m->offset;
	return mend_insert(w->mending, r); /* the file goes once this is committed */
}

static int scan_member(
    const struct walk *w, const struct segment_member *m, struct record *ret_record, char *error)
{
	const struct extent e = {w->fd, m->offset, m->length};
	struct rescan_name name = {.part = m->part};
	int rv;

	memcpy(name.uuid, m->uuid, sizeof(name.uuid));
	rv = rescan_part(&e, w->mending->day, &name, ret_record, error);
	if (rv == 0) {
		ret_record->segment = w->segment->number;
		ret_record->offset = m->offset;
	}
	return rv;
}

/* Returns enum member; -errno of the index. */
static int mend_member(struct walk *w, const struct segment_member *m)
{
	const struct extent e = {w->fd, m->offset, m->length};
	struct mending *x = w->mending;
	char error[RESCAN_ERROR_SIZE];
	struct record r;
	int rv = mend_wanted(x) ? -EAGAIN : dayindex_find(x->index, m->uuid, m->part, &r);

	if (rv < 0)
		return rv;
	if (rv == 1) {
		rv = member_with_row(w, m, &r);
		return rv < 0 ? rv : MEMBER_KEPT;
	}
	rv = scan_member(w, m, &r, error);
	if (rv == 0) {
		rv = mend_insert(x, &r);
		return rv < 0 ? rv : MEMBER_KEPT;
	}
	if (rv == -EBADMSG && is_torn(x, &e) == 1)
		return MEMBER_TORN;
	tell(w, m, error);
	return MEMBER_KEPT;
}

/* ---- one segment ---- */

/* What could not be read, and something that stays follows it: member by member, while it can. */
static void tell_lost(struct walk *w, uint64_t from, uint64_t to)
{
	char name[LAYOUT_SEGMENT_SIZE], error[RESCAN_ERROR_SIZE];
	struct segment_scan s;
	struct segment_member m;

	if (segment_scan_begin(&s, w->fd, from) == 0) {
		while (s.at < to && segment_scan_next(&s, &m) == 1) {
			struct record r;

			(void)scan_member(w, &m, &r, error); /* says why once more */
			tell(w, &m, error);
		}
		from = s.at;
	}
	if (from >= to)
		return;
	(void)snprintf(error, sizeof(error), "bytes %" PRIu64 " to %" PRIu64 " are no member of it",
	    from, to - 1);
	mend_bad(w->mending, layout_segment_name(w->segment->number, name), error);
}

/* Something that stays lies between these: what could not be read before it is damage. */
static void keep(struct walk *w, uint64_t from, uint64_t to)
{
	if (w->tail.begun != UINT64_MAX)
		tell_lost(w, w->tail.begun, from);
	w->tail.begun = UINT64_MAX;
	w->tail.kept = to;
}

static void lose(struct walk *w, uint64_t from)
{
	if (w->tail.begun == UINT64_MAX)
		w->tail.begun = from;
}

/* Goes on with the next header that can be read, of a member that is whole. 1, 0 there is none. */
static int find_next(struct walk *w, struct segment_scan *s)
{
	struct segment_member m;

	for (uint64_t at = s->at + TARFMT_BLOCK_BYTES; at < s->size; at += TARFMT_BLOCK_BYTES) {
		struct segment_scan ahead;
		int rv = segment_scan_begin(&ahead, w->fd, at);

		if (rv == 0)
			rv = segment_scan_next(&ahead, &m);
		if (rv < 0 && rv != -EBADMSG && rv != -ENODATA)
			return rv;
		if (rv != 1)
			continue;
		rv = is_torn(w->mending, &(const struct extent){w->fd, m.offset, m.length});
		if (rv < 0)
			return rv;
		if (rv == 0) {
			s->at = at;
			return 1;
		}
	}
	return 0;
}

/* Returns 0 at the end, wherever that is; -errno. */
static int walk_members(struct walk *w, struct segment_scan *s)
{
	struct segment_member m;
	int rv;

	for (;;) {
		rv = segment_scan_next(s, &m);
		if (rv == 1) {
			rv = mend_member(w, &m);
			if (rv < 0)
				return rv;
			if (rv == MEMBER_TORN)
				lose(w, m.header_offset);
			else
				keep(w, m.header_offset, m.next);
			continue;
		}
		w->cut = rv == -ENODATA;
		if (rv == 0 &&
		    s->closed) /* nobody was writing: what is damaged is told, and stays */
			keep(w, s->at, s->at);
		if (rv == 0 || rv == -ENODATA)
			return 0;
		if (rv != -EBADMSG)
			return rv;
		lose(w, s->at);
		rv = find_next(w, s);
		if (rv != 1)
			return rv;
	}
}

static bool is_zero(int fd, uint64_t from, uint64_t to)
{
	uint8_t buf[TARFMT_BLOCK_BYTES];
	ssize_t n;

	for (uint64_t at = from; at < to; at += (uint64_t)n) {
		n = fileio_pread(fd, buf, sizeof(buf), at);
		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != 0)
				return false;
	}
	return true;
}

/* Nothing of it could be read. If it is what a kill or a power cut leaves, it goes. */
/* Is it what a kill leaves of our first header? The names of our members end so, see tarfmt.h. */
static bool looks_begun(int fd)
{
	uint8_t start[TARFMT_BLOCK_BYTES];
	ssize_t n = fileio_pread(fd, start, sizeof(start), 0);

	return n > 0 && memmem(start, (size_t)n, LAYOUT_SUFFIX, strlen(LAYOUT_SUFFIX)) != NULL;
}

static int remove_segment(struct walk *w, const struct segment_scan *s)
{
	bool ours = s->at > 0 || is_zero(w->fd, 0, s->size) || (w->cut && looks_begun(w->fd));
	char name[LAYOUT_SEGMENT_SIZE];

	(void)layout_segment_name(w->segment->number, name);
	if (!ours) {
		mend_bad(w->mending, name, "not a segment of ours: left as it is");
		return 0;
	}
	if (s->size > TARFMT_END_BYTES || !is_zero(w->fd, 0, s->size))
		w->mending->totals.cut_bytes += s->size;
	return unlinkat(w->mending->dirfd, name, 0) == 0 ? 0 : -errno;
}

/* Cuts off what is behind the last member that stays, and ends the segment there. */
static int end_segment(struct walk *w, const struct segment_scan *s)
{
	struct mend_totals *t = &w->mending->totals;
	uint64_t at = w->tail.kept;

	if (at < w->segment->rows_end) /* whatever is there, rows are believed */
		at = w->segment->rows_end;
	if (at == 0)
		return remove_segment(w, s);
	if (s->closed && s->at == at)
		return 0;
	t->segments++;
	if (s->size > at && (s->size > at + TARFMT_END_BYTES || !is_zero(w->fd, at, s->size)))
		t->cut_bytes += s->size - at;
	return segment_end(w->fd, at);
}

static int mend_open_segment(struct walk *w)
{
	const struct mend_segment *g = w->segment;
	/* Where rows are missing in between, all members are looked at. */
	uint64_t from = g->rows_bytes == g->rows_end ? g->rows_end : 0;
	struct segment_scan s;
	int rv = segment_scan_begin(&s, w->fd, from);

	if (rv != 0)
		return rv;
	w->tail = (struct tail){.kept = from, .begun = UINT64_MAX};
	rv = walk_members(w, &s);
	return rv == 0 ? end_segment(w, &s) : rv;
}

int mend_segments(struct mending *x)
{
	for (size_t i = 0; i < x->segment_count; i++) {
		struct walk w = {.mending = x, .segment = &x->segments[i]};
		char name[LAYOUT_SEGMENT_SIZE];
		int rv;

		if (archive_segment_open(x->archive, x->day, w.segment->number))
			continue;
		w.fd = segment_open_rw(x->dirfd, w.segment->number);
		if (fileio_is_want(w.fd))
			return w.fd; /* another time it can be opened */
		if (w.fd < 0) {
			mend_bad(x, layout_segment_name(w.segment->number, name), strerror(-w.fd));
			continue;
		}
		rv = mend_open_segment(&w);
		fileio_close(w.fd);
		if (rv != 0)
			return rv;
	}
	return 0;
}
