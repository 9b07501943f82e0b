/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks a segment, member by member; see verify_day.c. Who is writing to it appends: what is not
 * whole yet, or has no row yet, is none of our business while the day is in hand.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/rescan.h"
#include "archive/segment.h"
#include "base/fileio.h"
#include "fetch/partcheck.h"
#include "fetch/segwalk.h"
#include "fetch/verify_private.h"

#define IN_FRONT_SIZE (LAYOUT_NAME_SIZE + 32)

struct segment {
	struct verify_day *day;
	uint32_t number;
	char name[LAYOUT_SEGMENT_SIZE];
	int fd;
};

/* Is it still there, and nobody changing the day? Else what looks wrong is no damage. */
static bool is_settled(const struct segment *s)
{
	int fd = segment_open(s->day->dirfd, s->number);
	struct stat now, then;
	bool there = fd >= 0 && fstat(fd, &now) == 0 && fstat(s->fd, &then) == 0 &&
		     now.st_ino == then.st_ino;

	fileio_close(fd);
	return there && !s->day->in_hand && !s->day->gone;
}

static void tell_member(const struct segment *s, const struct segment_member *m, const char *error)
{
	char name[LAYOUT_NAME_SIZE];

	verify_damage(s->day, s->name, "%s at byte %" PRIu64 ": %s",
	    layout_file_name(m->uuid, m->part, name), m->offset, error);
}

/*
 * A member that cannot be read, perhaps because it was just being written when it was. What a row
 * points at is whole.
 */
static void look_again(const struct segment *s, const struct segment_member *m)
{
	const struct record place = {
	    .segment = s->number, .offset = m->offset, .length = m->length};
	char error[RESCAN_ERROR_SIZE];
	struct record r = place, row;

	verify_look(s->day);
	(void)snprintf(r.uuid, sizeof(r.uuid), "%s", m->uuid);
	r.part = m->part;
	if (!is_settled(s) && (s->day->gone || !verify_find_row(s->day, &r, &row) ||
				  !partcheck_same_place(&row, &place)))
		return;
	if (partcheck_member(s->fd, s->day->number, s->number, m, &r, error) != 0)
		tell_member(s, m, error);
}

static void check_member(const struct segment *s, const struct segment_member *m)
{
	char error[RESCAN_ERROR_SIZE], in_front[IN_FRONT_SIZE], name[LAYOUT_NAME_SIZE];
	struct record r;
	int rv = partcheck_member(s->fd, s->day->number, s->number, m, &r, error);

	s->day->totals->members++;
	verify_read(s->day, rv == 0 ? &r : NULL);
	if (rv != 0) {
		look_again(s, m);
		return;
	}
	(void)snprintf(in_front, sizeof(in_front), "%s at byte %" PRIu64 ": ",
	    layout_file_name(m->uuid, m->part, name), m->offset);
	verify_check_row(s->day, s->name, in_front, &r);
}

/* What is said of all that is no member, and no proper end. */
static void tell_item(const struct segment *s, const struct segwalk_item *item)
{
	const char *mends =
	    s->day->dirty ? VERIFY_MENDED_BY "mends it" : "'flowkeep verify --repair' mends it";

	switch (item->kind) {
	case SEGWALK_GAP:
		verify_damage(s->day, s->name,
		    "bytes %" PRIu64 " to %" PRIu64 " are no member of it", item->from,
		    item->to - 1);
		break;
	case SEGWALK_UNCLOSED:
		verify_damage(s->day, s->name, "it has no end; %s", mends);
		break;
	case SEGWALK_TORN:
		verify_damage(s->day, s->name, "torn at byte %" PRIu64 "; %s", item->from, mends);
		break;
	case SEGWALK_JUNK:
		verify_damage(s->day, s->name,
		    "from byte %" PRIu64 " to its end at %" PRIu64 " there is no member of it",
		    item->from, item->to);
		break;
	default:
		break;
	}
}

/*
 * Something else than a member. It is damage if it is so, still, while nobody has the day in hand;
 * what is no member and followed by one is so in any case: who appends leaves nothing out.
 * Returns whether the walk goes on behind it.
 */
static bool check_item(const struct segment *s, struct segwalk *w, struct segwalk_item *item)
{
	enum segwalk_kind first = item->kind;
	uint64_t from = item->from;

	if (first == SEGWALK_CLOSED)
		return false;
	verify_look(s->day);
	segwalk_end(w);
	if (segwalk_begin(w, s->fd, from) != 0 || segwalk_next(w, item) != 0)
		return false;
	if (item->kind == SEGWALK_MEMBER)
		check_member(s, &item->member);
	else if (item->kind != SEGWALK_CLOSED && !s->day->gone &&
		 (is_settled(s) || item->kind == SEGWALK_GAP))
		tell_item(s, item);
	return item->kind == SEGWALK_MEMBER || item->kind == SEGWALK_GAP;
}

static int walk(const struct segment *s)
{
	struct segwalk_item item;
	struct segwalk w;
	int rv = segwalk_begin(&w, s->fd, 0);

	while (rv == 0 && !s->day->gone && (rv = segwalk_next(&w, &item)) == 0) {
		if (item.kind == SEGWALK_MEMBER)
			check_member(s, &item.member);
		else if (!check_item(s, &w, &item))
			break;
	}
	segwalk_end(&w);
	return rv;
}

void verify_segment(struct verify_day *d, uint32_t number)
{
	struct segment s = {.day = d, .number = number, .fd = segment_open(d->dirfd, number)};
	int rv = s.fd;

	(void)layout_segment_name(number, s.name);
	if (rv == -ENOENT) /* it was pruned since, or else its rows will tell */
		return;
	if (rv >= 0)
		rv = walk(&s);
	if (rv < 0)
		verify_damage(
		    d, s.name, "%s", rv == -EBADMSG ? "not a regular file" : strerror(-rv));
	d->totals->segments++;
	fileio_close(s.fd);
}
