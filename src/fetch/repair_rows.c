/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of a day that is being repaired: they say what the flow files hold, and where; see
 * repair.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/rescan.h"
#include "fetch/partcheck.h"
#include "fetch/repair_private.h"

/* Rows that are remembered at a time: they cannot go while the others are being read. */
#define GONE_ROWS 4096u

enum repair_verdict repair_verdict(int rv, const char *error)
{
	switch (rv) {
	case 0:
		return REPAIR_SOUND;
	case -EBADMSG:
		/* rescan.h has no error number for it. */
		return strstr(error, "later version") != NULL ? REPAIR_LATER : REPAIR_DAMAGED;
	case -ENOENT:
	case -EIO:
	case -ELOOP:
	case -EISDIR:
	case -ENXIO:
	case -EINVAL:
		return REPAIR_DAMAGED; /* it is not there, not a file, or its blocks are bad */
	default:
		return REPAIR_STOP;
	}
}

int repair_insert(struct repair_job *j, const struct record *row)
{
	int rv = dayindex_insert(j->index, row);

	j->rows += rv == 0;
	return repair_stop(j, rv);
}

int repair_delete(struct repair_job *j, const struct record *row)
{
	return repair_stop(j, dayindex_delete(j->index, row->uuid, row->part));
}

int repair_find(struct repair_job *j, const char *uuid, uint32_t part, struct record *ret_record)
{
	return repair_stop(j, dayindex_find(j->index, uuid, part, ret_record));
}

int repair_checkpoint(struct repair_job *j)
{
	int rv = dayindex_commit_durably(j->index);

	if (rv == 0)
		rv = dayindex_begin(j->index);
	return repair_stop(j, rv);
}

/* The row points at another place. Is there a sound flow file, and is it the same one? */
static enum repair_place look_there(
    struct repair_job *j, const struct record *row, const struct record *file)
{
	char error[RESCAN_ERROR_SIZE];
	struct record r;
	int rv = partcheck_read(j->from.dirfd, row, &r, error);

	switch (repair_verdict(rv, error)) {
	case REPAIR_SOUND:
	case REPAIR_LATER:
		return partcheck_same_bytes(j->from.dirfd, row, file) ? REPAIR_EQUAL : REPAIR_OTHER;
	case REPAIR_DAMAGED:
		return REPAIR_HERE;
	default:
		(void)repair_stop(j, rv);
		return REPAIR_UNKNOWN;
	}
}

enum repair_place repair_row(
    struct repair_job *j, const char *name, const char *in_front, const struct record *file)
{
	char what[128] = "the index had none";
	enum repair_place place = REPAIR_HERE;
	struct record row;
	int rv = repair_find(j, file->uuid, file->part, &row);

	if (rv < 0)
		return REPAIR_UNKNOWN;
	if (rv == 1 && !partcheck_same_place(&row, file)) {
		place = look_there(j, &row, file);
		if (place != REPAIR_HERE)
			return place;
		(void)snprintf(what, sizeof(what), "it pointed elsewhere");
	} else if (rv == 1 && !partcheck_difference(&row, file, what, sizeof(what))) {
		return REPAIR_HERE;
	}
	if (repair_insert(j, file) != 0)
		return REPAIR_UNKNOWN;
	if (!j->fresh)
		repair_done(j, name, "%srepaired: its row is written anew, %s", in_front, what);
	return REPAIR_HERE;
}

static int add_row(const struct record *row, void *arg)
{
	struct repair_rows *list = arg;

	if (list->count == list->room) {
		size_t more = list->room ? list->room * 2 : 16;
		struct record *p = realloc(list->rows, more * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		list->rows = p;
		list->room = more;
	}
	list->rows[list->count++] = *row;
	return list->count < GONE_ROWS ? 0 : -ECANCELED; /* a list that somebody made up */
}

static int by_offset(const void *x, const void *y)
{
	const struct record *a = x, *b = y;

	return (a->offset > b->offset) - (a->offset < b->offset);
}

int repair_rows_between(struct repair_job *j, uint32_t segment, uint64_t from, uint64_t to,
    struct repair_rows *ret_rows)
{
	const struct dayindex_value values[] = {{.kind = DAYINDEX_INT, .number = segment},
	    {.kind = DAYINDEX_INT, .number = (int64_t)from},
	    {.kind = DAYINDEX_INT, .number = to < INT64_MAX ? (int64_t)to : INT64_MAX}};
	const struct dayindex_where w = {
	    .sql = "segment = ? AND offset >= ? AND offset < ?", .values = values, .count = 3};
	int rv;

	*ret_rows = (struct repair_rows){0};
	rv = dayindex_select_where(j->index, &w, add_row, ret_rows);
	if (rv == -ECANCELED)
		rv = 0;
	if (rv != 0) {
		free(ret_rows->rows);
		*ret_rows = (struct repair_rows){0};
	}
	if (ret_rows->count > 0)
		qsort(ret_rows->rows, ret_rows->count, sizeof(*ret_rows->rows), by_offset);
	return repair_stop(j, rv);
}

struct gone {
	struct repair_job *job;
	struct repair_rows rows;
};

static int note_gone(const struct record *row, void *arg)
{
	struct gone *g = arg;

	return partcheck_is_there(g->job->from.dirfd, row) ? 0 : add_row(row, &g->rows);
}

/* As many at a time as memory is meant for. */
void repair_remove_rows(struct repair_job *j)
{
	char name[LAYOUT_NAME_SIZE];
	int rv = -ECANCELED;

	while (rv == -ECANCELED && j->error == 0) {
		struct gone g = {.job = j};

		rv = dayindex_select(j->index, NULL, DAYINDEX_PREFIX, note_gone, &g);
		for (size_t i = 0; i < g.rows.count && j->error == 0; i++) {
			const struct record *row = &g.rows.rows[i];

			if (repair_delete(j, row) == 0)
				repair_lost(j, layout_file_name(row->uuid, row->part, name),
				    "repaired: its row is removed, there is no such part");
		}
		free(g.rows.rows);
	}
	(void)repair_stop(j, rv == -ECANCELED ? 0 : rv);
}
