/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies what is sound of a damaged segment to a new one; see repair.h. A member whose header is
 * damaged is found by its row, and proven by its content.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/pack.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "fetch/partcheck.h"
#include "fetch/repair_private.h"
#include "fetch/segwalk.h"

#define COPY_BYTES (64u << 10)

struct rewrite {
	struct repair_job *job;
	uint32_t number, new_number;
	int fd, new_fd;
	uint64_t at; /* bytes of the new one */
	uint64_t kept, lost;
};

static int copy_bytes(struct rewrite *x, const struct extent *e)
{
	uint8_t buf[COPY_BYTES];

	for (uint64_t at = 0; at < e->length;) {
		ssize_t n = fileio_pread_extent(e, buf, sizeof(buf), at);
		int rv = n > 0 ? fileio_write(x->new_fd, buf, (size_t)n) : (n < 0 ? (int)n : -EIO);

		if (rv != 0)
			return rv;
		at += (uint64_t)n;
	}
	return 0;
}

/* Appends a flow file, and points its row there. */
static int keep(struct rewrite *x, const struct extent *e, const struct record *row)
{
	static const uint8_t zeros[TARFMT_BLOCK_BYTES];
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	char name[LAYOUT_NAME_SIZE];
	size_t n = tarfmt_header(layout_file_name(row->uuid, row->part, name), e->length,
	    row->tally.last_ns / CLK_SECOND_NS, header);
	size_t padding = tarfmt_padding(e->length);
	struct record moved = *row;
	int rv = fileio_write(x->new_fd, header, n);

	if (rv == 0)
		rv = copy_bytes(x, e);
	if (rv == 0)
		rv = fileio_write(x->new_fd, zeros, padding);
	if (rv != 0)
		return repair_stop(x->job, rv);
	moved.segment = x->new_number;
	moved.offset = x->at + n;
	x->at += n + e->length + padding;
	x->kept++;
	return repair_insert(x->job, &moved);
}

static int lose(struct rewrite *x, const struct record *row)
{
	x->lost++;
	return repair_delete(x->job, row);
}

/* Has what the row of its name points at the same bytes? The new segment has no name yet. */
static bool is_elsewhere(
    const struct rewrite *x, const struct segment_member *m, const struct record *row)
{
	const struct extent here = {x->fd, m->offset, m->length},
			    kept = {x->new_fd, row->offset, row->length};
	const struct record r = {.segment = x->number, .offset = m->offset, .length = m->length};

	return row->segment == x->new_number ? partcheck_same_extents(&kept, &here)
					     : partcheck_same_bytes(x->job->from.dirfd, row, &r);
}

/*
 * A member: it is kept if its row points at it. Rows of sound ones do since repair_row, but for
 * those that are there twice; what a later version made is kept as its row has it.
 */
static int copy_member(struct rewrite *x, const struct segment_member *m)
{
	const struct extent e = {x->fd, m->offset, m->length};
	char error[RESCAN_ERROR_SIZE];
	struct record r, row;
	int rv = partcheck_member(x->fd, x->job->from.day, x->number, m, &r, error), found;
	enum repair_verdict verdict = repair_verdict(rv, error);

	if (verdict == REPAIR_STOP)
		return repair_stop(x->job, rv);
	found = repair_find(x->job, m->uuid, m->part, &row);
	if (found < 0)
		return found;
	if (found == 1 && row.segment == x->number && row.offset == m->offset)
		return verdict == REPAIR_DAMAGED ? lose(x, &row) : keep(x, &e, &row);
	x->lost += found == 0 || !is_elsewhere(x, m, &row);
	return 0;
}

/* A range without members: rows may know of some whose headers are damaged. */
static int rescue(struct rewrite *x, uint64_t from, uint64_t to)
{
	struct repair_rows rows;
	int rv = repair_rows_between(x->job, x->number, from, to, &rows);

	for (size_t i = 0; i < rows.count && rv == 0; i++) {
		const struct record *row = &rows.rows[i];
		const struct extent e = {x->fd, row->offset, row->length};
		struct rescan_name name = {.part = row->part};
		char error[RESCAN_ERROR_SIZE];
		struct record r;

		(void)snprintf(name.uuid, sizeof(name.uuid), "%s", row->uuid);
		rv = rescan_part(&e, x->job->from.day, &name, &r, error);
		if (repair_verdict(rv, error) == REPAIR_STOP)
			(void)repair_stop(x->job, rv);
		else
			rv = rv == 0 ? keep(x, &e, &r) : lose(x, row);
	}
	/* Where no row tells, nobody knows what these bytes were. */
	if (x->job->fresh && to > from)
		x->lost++;
	free(rows.rows);
	return rv;
}

static int copy_all(struct rewrite *x)
{
	struct segwalk w;
	int rv = segwalk_begin(&w, x->fd, 0);
	bool more = true;

	while (rv == 0 && more) {
		struct segwalk_item item;

		rv = segwalk_next(&w, &item);
		if (rv != 0)
			break;
		more = item.kind == SEGWALK_MEMBER || item.kind == SEGWALK_GAP;
		if (item.kind == SEGWALK_MEMBER)
			rv = copy_member(x, &item.member);
		else if (item.kind != SEGWALK_CLOSED)
			rv = rescue(x, item.from, more ? item.to : UINT64_MAX);
	}
	segwalk_end(&w);
	return repair_stop(x->job, rv);
}

static int begin(struct rewrite *x)
{
	int dirfd = x->job->from.dirfd;

	if (unlinkat(dirfd, PACK_TEMPORARY, 0) != 0 && errno != ENOENT)
		return -errno;
	x->new_fd = openat(dirfd, PACK_TEMPORARY,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, ARCHIVE_FILE_MODE);
	return x->new_fd >= 0 ? 0 : -errno;
}

/* All of the new segment is on disk under its name, before any row tells of it. */
static int publish(struct rewrite *x)
{
	int dirfd = x->job->from.dirfd, rv = segment_end(x->new_fd, x->at);
	char name[LAYOUT_SEGMENT_SIZE];

	if (rv == 0 && fsync(x->new_fd) != 0)
		rv = -errno;
	if (rv == 0)
		rv = fileio_rename_new(
		    dirfd, PACK_TEMPORARY, dirfd, layout_segment_name(x->new_number, name));
	if (rv == 0 && fsync(dirfd) != 0)
		rv = -errno;
	return rv;
}

/* Nothing points into the old segment any more. */
static int move_old(struct rewrite *x)
{
	char path[DAMAGED_PATH_SIZE], name[LAYOUT_SEGMENT_SIZE], to[LAYOUT_SEGMENT_SIZE];
	struct repair_job *j = x->job;
	int rv = damaged_move(&j->from, layout_segment_name(x->number, name), path);

	if (repair_stop(j, rv) != 0)
		return rv;
	(void)layout_segment_name(x->new_number, to);
	if (x->kept > 0)
		repair_done(
		    j, name, "repaired: %" PRIu64 " sound parts of it are in %s now", x->kept, to);
	if (x->lost > 0)
		repair_lost(
		    j, name, "moved to %s: %" PRIu64 " parts of it are damaged", path, x->lost);
	else
		repair_done(j, name, "moved to %s: nothing of it is lost", path);
	return 0;
}

int repair_rewrite(struct repair_job *j, uint32_t number, int fd)
{
	struct rewrite x = {
	    .job = j, .number = number, .new_number = j->next_segment++, .fd = fd, .new_fd = -1};
	int rv = repair_checkpoint(j);

	if (rv == 0)
		rv = repair_stop(j, begin(&x));
	if (rv == 0)
		rv = copy_all(&x);
	if (rv == 0 && x.kept > 0)
		rv = repair_stop(j, publish(&x));
	else
		(void)unlinkat(j->from.dirfd, PACK_TEMPORARY, 0); /* begin tries again */
	fileio_close(x.new_fd);
	if (rv == 0)
		rv = repair_checkpoint(j);
	return rv == 0 ? move_old(&x) : rv;
}
