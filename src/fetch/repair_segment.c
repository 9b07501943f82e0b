/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Repairs a segment; see repair.h. One that is only torn or not ended is ended where its last
 * member ends, after what is cut off was saved. One in which something is damaged is not changed:
 * what is sound of it is copied to a new one, the rows are pointed there in one transaction, and
 * then it is moved away as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/segment.h"
#include "base/fileio.h"
#include "fetch/partcheck.h"
#include "fetch/repair_private.h"
#include "fetch/segwalk.h"

#define IN_FRONT_SIZE (LAYOUT_NAME_SIZE + 32)
#define TAIL_SUFFIX   ".tail"

struct look {
	struct repair_job *job;
	uint32_t number;
	int fd;
	char name[LAYOUT_SEGMENT_SIZE];
	bool rewrite;               /* something in it is damaged, or there twice */
	struct segwalk_item ending; /* what comes behind the last member */
};

/* A member: has it a row, or must it go? */
static void look_at_member(struct look *l, const struct segment_member *m)
{
	char error[RESCAN_ERROR_SIZE], in_front[IN_FRONT_SIZE], name[LAYOUT_NAME_SIZE];
	struct repair_job *j = l->job;
	struct record r, row;
	int rv = partcheck_member(l->fd, j->from.day, l->number, m, &r, error);

	(void)snprintf(in_front, sizeof(in_front), "%s at byte %" PRIu64 ": ",
	    layout_file_name(m->uuid, m->part, name), m->offset);
	switch (repair_verdict(rv, error)) {
	case REPAIR_DAMAGED:
		l->rewrite = true;
		return;
	case REPAIR_LATER:
		repair_failed(j, l->name, error);
		return;
	case REPAIR_STOP:
		(void)repair_stop(j, rv);
		return;
	default:
		break;
	}
	switch (repair_row(j, l->name, in_front, &r)) {
	case REPAIR_EQUAL:
		/* A pack was killed before it changed the rows: mend_day ends that. */
		rv = repair_find(j, r.uuid, r.part, &row);
		l->rewrite |= !(j->unmended && rv == 1 && row.segment == 0);
		break;
	case REPAIR_OTHER:
		l->rewrite = true;
		break;
	default:
		break;
	}
}

static void look_at_all(struct look *l)
{
	struct segwalk w;
	int rv = segwalk_begin(&w, l->fd, 0);
	bool more = true;

	while (rv == 0 && more && l->job->error == 0) {
		struct segwalk_item item;

		rv = segwalk_next(&w, &item);
		if (rv != 0)
			break;
		if (item.kind == SEGWALK_MEMBER)
			look_at_member(l, &item.member);
		else if (item.kind == SEGWALK_GAP)
			l->rewrite = true;
		else
			more = false;
		l->ending = item;
	}
	segwalk_end(&w);
	(void)repair_stop(l->job, rv);
}

/* Does any row point at what would be cut off? */
static bool tail_has_rows(struct look *l)
{
	struct repair_rows rows;

	if (repair_rows_between(l->job, l->number, l->ending.from, UINT64_MAX, &rows) != 0)
		return false;
	free(rows.rows);
	return rows.count > 0;
}

/* Zeros that are not all of those that end a segment are no loss. */
static bool is_zero(int fd, uint64_t from, uint64_t to)
{
	uint8_t buf[TARFMT_END_BYTES];
	ssize_t n;

	if (to - from > sizeof(buf))
		return false;
	n = fileio_pread(fd, buf, (size_t)(to - from), from);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != 0)
			return false;
	return n == (ssize_t)(to - from);
}

/* What a killed writer had not finished was never in the archive, nor was what no row told of. */
static void end_segment(struct look *l)
{
	const struct damaged_bytes tail = {l->fd, l->ending.from, l->ending.to};
	char name[LAYOUT_SEGMENT_SIZE + sizeof(TAIL_SUFFIX)], path[DAMAGED_PATH_SIZE];
	bool save = !is_zero(l->fd, tail.from, tail.to);
	struct repair_job *j = l->job;
	int rv = 0;

	(void)snprintf(name, sizeof(name), "%s" TAIL_SUFFIX, l->name);
	if (save)
		rv = damaged_save(&j->from, name, &tail, path);
	if (rv == 0)
		rv = segment_end(l->fd, tail.from);
	if (rv == 0 && fsync(l->fd) != 0)
		rv = -errno;
	if (repair_stop(j, rv) != 0)
		return;
	if (!save)
		repair_done(j, l->name, "repaired: ended behind its last member, at byte %" PRIu64,
		    tail.from);
	else if (j->fresh && !j->unmended)
		repair_lost(j, l->name,
		    "repaired: ended at byte %" PRIu64 ", what was behind it is in %s", tail.from,
		    path);
	else
		repair_done(j, l->name,
		    "repaired: ended at byte %" PRIu64 ", what was behind it is in %s", tail.from,
		    path);
}

/* Not a file: nothing can be read of it. */
static void move_away(struct repair_job *j, const char *name)
{
	char path[DAMAGED_PATH_SIZE];

	if (repair_stop(j, damaged_move(&j->from, name, path)) == 0)
		repair_lost(j, name, "moved to %s: not a regular file", path);
}

void repair_segment(struct repair_job *j, uint32_t number)
{
	struct look l = {.job = j, .number = number, .fd = segment_open_rw(j->from.dirfd, number)};

	(void)layout_segment_name(number, l.name);
	if (l.fd == -EBADMSG)
		move_away(j, l.name);
	else if (l.fd != -ENOENT)
		(void)repair_stop(j, l.fd < 0 ? l.fd : 0);
	if (l.fd < 0)
		return;
	look_at_all(&l);
	if (j->error == 0 && l.ending.kind != SEGWALK_CLOSED && tail_has_rows(&l))
		l.rewrite = true;
	if (j->error == 0 && l.rewrite)
		(void)repair_rewrite(j, number, l.fd);
	else if (j->error == 0 && l.ending.kind != SEGWALK_CLOSED)
		end_segment(&l);
	fileio_close(l.fd);
}
